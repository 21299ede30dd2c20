#include "host/freeswitch/fs_event.h"

#include <stdio.h>
#include <stdlib.h>

enum header {
    UNIQUE_ID,
    OLD_UNIQUE_ID,
    CHANNEL_NAME,
    CALL_DIRECTION,
    OTHER_TYPE,
    OTHER_LEG,
    CALLER_NUMBER,
    CALLER_NAME,
    DESTINATION,
    ORIGINAL_NUMBER,
    ORIGINAL_NAME,
    PROFILE_INDEX,
    CREATED_TIME,
    PROGRESS_TIME,
    MEDIA_TIME,
    ANSWERED_TIME,
    HANGUP_TIME,
    SEQUENCE,
    CAUSE,
    ORIGINATING_LEG,
    SIP_CALL_ID,
    TERM_STATUS,
    INVITE_FAILURE_STATUS,
    INVITE_FAILURE_PHRASE,
    PROTO_CAUSE,
    NETWORK_IP,
    NETWORK_PORT,
    NETWORK_ADDR,
    REQUEST_USER,
    REQUEST_HOST,
    TO_USER,
    DOMAIN_NAME,
    AUTH_REALM,
    GATEWAY,
    GATEWAY_NAME,
    ACCOUNT_VARIABLE,
    ACCOUNT_HEADER,
    APPLICATION_VARIABLE,
    APPLICATION_HEADER,
    ACCOUNTCODE,
    DISCARDED,
    HEADER_COUNT
};

static const char *const names[HEADER_COUNT] = {
    [UNIQUE_ID] = "Unique-ID",
    [OLD_UNIQUE_ID] = "Old-Unique-ID",
    [CHANNEL_NAME] = "Channel-Name",
    [CALL_DIRECTION] = "Call-Direction",
    [OTHER_TYPE] = "Other-Type",
    [OTHER_LEG] = "Other-Leg-Unique-ID",
    [CALLER_NUMBER] = "Caller-Caller-ID-Number",
    [CALLER_NAME] = "Caller-Caller-ID-Name",
    [DESTINATION] = "Caller-Destination-Number",
    [ORIGINAL_NUMBER] = "Caller-Orig-Caller-ID-Number",
    [ORIGINAL_NAME] = "Caller-Orig-Caller-ID-Name",
    [PROFILE_INDEX] = "Caller-Profile-Index",
    [CREATED_TIME] = "Caller-Channel-Created-Time",
    [PROGRESS_TIME] = "Caller-Channel-Progress-Time",
    [MEDIA_TIME] = "Caller-Channel-Progress-Media-Time",
    [ANSWERED_TIME] = "Caller-Channel-Answered-Time",
    [HANGUP_TIME] = "Caller-Channel-Hangup-Time",
    [SEQUENCE] = "Event-Sequence",
    [CAUSE] = "Hangup-Cause",
    [ORIGINATING_LEG] = "variable_originating_leg_uuid",
    [SIP_CALL_ID] = "variable_sip_call_id",
    [TERM_STATUS] = "variable_sip_term_status",
    [INVITE_FAILURE_STATUS] = "variable_sip_invite_failure_status",
    [INVITE_FAILURE_PHRASE] = "variable_sip_invite_failure_phrase",
    [PROTO_CAUSE] = "variable_proto_specific_hangup_cause",
    [NETWORK_IP] = "variable_sip_network_ip",
    [NETWORK_PORT] = "variable_sip_network_port",
    [NETWORK_ADDR] = "Caller-Network-Addr",
    [REQUEST_USER] = "variable_sip_req_user",
    [REQUEST_HOST] = "variable_sip_req_host",
    [TO_USER] = "variable_sip_to_user",
    [DOMAIN_NAME] = "variable_domain_name",
    [AUTH_REALM] = "variable_sip_auth_realm",
    [GATEWAY] = "variable_sip_gateway",
    [GATEWAY_NAME] = "variable_sip_gateway_name",
    [ACCOUNT_VARIABLE] = "variable_voxeme_account_sid",
    [ACCOUNT_HEADER] = "variable_sip_h_X-Account-Sid",
    [APPLICATION_VARIABLE] = "variable_voxeme_application_sid",
    [APPLICATION_HEADER] = "variable_sip_h_X-Application-Sid",
    [ACCOUNTCODE] = "variable_accountcode",
    [DISCARDED] = "variable_" VX_FS_DISCARDED,
};

/*
 * Events carry up to 220 headers, each with the hash of its name. A small open-addressed table of
 * the hashes that count tells for most headers, without a look at their names, that they do not.
 */
#define SLOTS 256

static struct {
    unsigned long hash;
    unsigned char header; /* index + 1; 0: free */
} slots[SLOTS];

void vx_fs_event_init(void) {
    memset(slots, 0, sizeof slots);
    for (unsigned h = 0; h < HEADER_COUNT; h++) {
        switch_ssize_t length = -1;
        unsigned long hash = switch_ci_hashfunc_default(names[h], &length);
        size_t slot = hash % SLOTS;

        while (slots[slot].header)
            slot = (slot + 1) % SLOTS;
        slots[slot].hash = hash;
        slots[slot].header = (unsigned char)(h + 1);
    }
}

static int find_header(const switch_event_header_t *header) {
    for (size_t slot = header->hash % SLOTS; slots[slot].header; slot = (slot + 1) % SLOTS)
        if (slots[slot].hash == header->hash &&
            strcasecmp(names[slots[slot].header - 1], header->name) == 0)
            return slots[slot].header - 1;
    return -1;
}

static void collect(struct vx_str at[HEADER_COUNT], const switch_event_t *event) {
    memset(at, 0, HEADER_COUNT * sizeof *at);
    for (const switch_event_header_t *h = event->headers; h; h = h->next) {
        int found = h->name && h->value ? find_header(h) : -1;

        if (found >= 0 && !at[found].at)
            at[found] = vx_str(h->value);
    }
}

static int64_t number(struct vx_str s) {
    int64_t n = 0;

    for (size_t i = 0; i < s.len && i < 18 && s.at[i] >= '0' && s.at[i] <= '9'; i++)
        n = n * 10 + (s.at[i] - '0');
    return n;
}

static bool begins(struct vx_str s, struct vx_str with) {
    return s.len >= with.len && memcmp(s.at, with.at, with.len) == 0;
}

static uint64_t hash_text(const char *s, uint64_t hash) {
    for (; *s; s++)
        hash = (hash ^ (unsigned char)*s) * UINT64_C(0x100000001b3); /* FNV-1a */
    return hash;
}

struct vx_uuid vx_fs_call_sid(const char *channel_uuid) {
    struct vx_uuid sid = {{0}};
    uint64_t halves[2];

    if (vx_uuid_parse(&sid, vx_str(channel_uuid)) || !*channel_uuid)
        return sid;
    halves[0] = hash_text(channel_uuid, UINT64_C(0xcbf29ce484222325));
    halves[1] = hash_text(channel_uuid, halves[0] ^ UINT64_C(0x766f78656d65));
    memcpy(sid.b, halves, sizeof sid.b);
    sid.b[6] = (uint8_t)((sid.b[6] & 0x0f) | 0x80); /* version 8, RFC 9562: ours to define */
    sid.b[8] = (uint8_t)((sid.b[8] & 0x3f) | 0x80);
    return sid;
}

static bool type_of(const switch_event_t *event, enum vx_event_type *type) {
    switch ((int)event->event_id) {
    case SWITCH_EVENT_CHANNEL_CREATE:
    case SWITCH_EVENT_CHANNEL_OUTGOING:
    case SWITCH_EVENT_CHANNEL_DATA: /* a channel that was there before us */
        *type = VX_EVENT_CREATE;
        return true;
    case SWITCH_EVENT_CHANNEL_PROGRESS:
        *type = VX_EVENT_PROGRESS;
        return true;
    case SWITCH_EVENT_CHANNEL_PROGRESS_MEDIA:
        *type = VX_EVENT_MEDIA;
        return true;
    case SWITCH_EVENT_CHANNEL_ANSWER:
        *type = VX_EVENT_ANSWER;
        return true;
    case SWITCH_EVENT_CHANNEL_ORIGINATE:
    case SWITCH_EVENT_CHANNEL_BRIDGE:
    case SWITCH_EVENT_CHANNEL_UNBRIDGE:
    case SWITCH_EVENT_CHANNEL_HOLD:
    case SWITCH_EVENT_CHANNEL_UNHOLD:
    case SWITCH_EVENT_CHANNEL_PARK:
        *type = VX_EVENT_UPDATE;
        return true;
    case SWITCH_EVENT_CHANNEL_HANGUP:
    case SWITCH_EVENT_CHANNEL_HANGUP_COMPLETE:
    case SWITCH_EVENT_CHANNEL_DESTROY:
        *type = VX_EVENT_HANGUP;
        return true;
    case SWITCH_EVENT_CHANNEL_UUID:
        *type = VX_EVENT_RENAME;
        return true;
    default:
        return false;
    }
}

/* mod_sofia keeps the quoting of the SIP display name (RFC 3261, section 25.1: quoted-pair). */
static struct vx_str unescape(struct vx_str s, char *out, size_t size) {
    size_t len = 0;

    if (!s.len || !memchr(s.at, '\\', s.len))
        return s;
    for (size_t i = 0; i < s.len && len < size; i++) {
        if (s.at[i] == '\\' && i + 1 < s.len)
            i++;
        out[len++] = s.at[i];
    }
    return (struct vx_str){out, len};
}

static void read_parties(struct vx_event *e, const struct vx_str *at, struct vx_fs_scratch *s) {
    bool profile = at[CALLER_NUMBER].at || at[DESTINATION].at;

    e->from = profile && !at[CALLER_NUMBER].at ? VX_STR("") : at[CALLER_NUMBER];
    e->to = profile && !at[DESTINATION].at ? VX_STR("") : at[DESTINATION];
    e->caller_name = profile && !at[CALLER_NAME].at
                         ? VX_STR("")
                         : unescape(at[CALLER_NAME], s->caller_name, sizeof s->caller_name);
    e->call_id = at[SIP_CALL_ID].len ? at[SIP_CALL_ID] : VX_NONE;
}

/* A channel that was there before us was perhaps called from and to others before it was
 * transferred. It still knows whom. */
static void recall_parties(struct vx_str *at) {
    enum header called = vx_str_eq(at[CALL_DIRECTION], VX_STR("inbound")) ? REQUEST_USER : TO_USER;

    if (at[ORIGINAL_NUMBER].at)
        at[CALLER_NUMBER] = at[ORIGINAL_NUMBER];
    if (at[ORIGINAL_NAME].at)
        at[CALLER_NAME] = at[ORIGINAL_NAME];
    if (number(at[PROFILE_INDEX]) > 1 && at[called].len)
        at[DESTINATION] = at[called];
}

static void read_parent(struct vx_event *e, const struct vx_str *at) {
    if (e->direction != VX_OUTBOUND)
        return;
    if (at[ORIGINATING_LEG].len)
        e->parent_call_sid = vx_fs_call_sid(at[ORIGINATING_LEG].at);
    else if (at[OTHER_LEG].len && vx_str_eq(at[OTHER_TYPE], VX_STR("originator")))
        e->parent_call_sid = vx_fs_call_sid(at[OTHER_LEG].at);
}

/* Only what comes from a peer tells of where it came from: on a leg that we dialled these headers
 * say whom we called. */
static void read_origin(struct vx_event *e, const struct vx_str *at, struct vx_fs_scratch *s) {
    struct vx_str ip = at[NETWORK_IP].len ? at[NETWORK_IP] : at[NETWORK_ADDR];
    struct vx_account_evidence *evidence = &e->evidence;

    evidence->variable = at[ACCOUNT_VARIABLE];
    evidence->accountcode = at[ACCOUNTCODE];
    e->application_sid = at[APPLICATION_VARIABLE];
    if (e->direction != VX_INBOUND)
        return;
    evidence->header = at[ACCOUNT_HEADER];
    e->application_sid_header = at[APPLICATION_HEADER];
    evidence->domain = at[REQUEST_HOST];
    evidence->auth_domain = at[DOMAIN_NAME].len ? at[DOMAIN_NAME] : at[AUTH_REALM];
    e->originating_sip_trunk_name = at[GATEWAY].len ? at[GATEWAY] : at[GATEWAY_NAME];
    if (!ip.len || !vx_addr_parse(&evidence->source, ip))
        return;
    if (at[NETWORK_PORT].len) {
        bool v6 = memchr(ip.at, ':', ip.len) && ip.at[0] != '[';
        int len = snprintf(s->sip_ip, sizeof s->sip_ip, v6 ? "[%.*s]:%.*s" : "%.*s:%.*s",
                           (int)ip.len, ip.at, (int)at[NETWORK_PORT].len, at[NETWORK_PORT].at);

        if (len > 0 && (size_t)len < sizeof s->sip_ip)
            e->originating_sip_ip = (struct vx_str){s->sip_ip, (size_t)len};
    }
}

/* The first that is there. What failed an INVITE counts on legs that sent one: on a caller's leg it
 * is what its callee answered. */
static void read_end(struct vx_event *e, const struct vx_str *at) {
    int64_t failure = e->direction == VX_OUTBOUND ? number(at[INVITE_FAILURE_STATUS]) : 0;
    int64_t status = number(at[TERM_STATUS]);

    e->ended_us = number(at[HANGUP_TIME]);
    e->cause = at[CAUSE].len ? at[CAUSE] : VX_NONE;
    if (status < 300)
        status = failure;
    if (status < 300 && begins(at[PROTO_CAUSE], VX_STR("sip:")))
        status = number((struct vx_str){at[PROTO_CAUSE].at + 4, at[PROTO_CAUSE].len - 4});
    if (status < 300 || status > 699)
        return;
    e->sip_status = (uint16_t)status;
    /* On a leg that was cancelled mod_sofia puts a word of its own for the phrase. */
    if (status == failure && status != 487 && at[INVITE_FAILURE_PHRASE].len)
        e->sip_reason = at[INVITE_FAILURE_PHRASE];
}

/* A channel that was there before us says by its times how far it has come. One that has hung up is
 * there until its call is written down somewhere, which may take long. */
static void read_stage(struct vx_event *e, const struct vx_str *at) {
    if (number(at[HANGUP_TIME]) > 0)
        e->type = VX_EVENT_HANGUP;
    else if (number(at[MEDIA_TIME]) > 0)
        e->type = VX_EVENT_MEDIA;
    else if (number(at[PROGRESS_TIME]) > 0)
        e->type = VX_EVENT_PROGRESS;
}

bool vx_fs_event_read(struct vx_event *e, struct vx_fs_scratch *scratch,
                      const switch_event_t *event) {
    struct vx_str at[HEADER_COUNT];

    memset(e, 0, sizeof *e);
    if (!type_of(event, &e->type))
        return false;
    collect(at, event);
    if (!at[UNIQUE_ID].len)
        return false;
    scratch->discarded = at[DISCARDED].at != NULL;
    scratch->loopback = begins(at[CHANNEL_NAME], VX_STR("loopback/"));
    e->call_sid = vx_fs_call_sid(at[UNIQUE_ID].at);
    if (at[OLD_UNIQUE_ID].len && e->type == VX_EVENT_RENAME)
        e->renamed_from = vx_fs_call_sid(at[OLD_UNIQUE_ID].at);
    e->direction = vx_str_eq(at[CALL_DIRECTION], VX_STR("inbound"))    ? VX_INBOUND
                   : vx_str_eq(at[CALL_DIRECTION], VX_STR("outbound")) ? VX_OUTBOUND
                                                                       : VX_DIRECTION_UNKNOWN;
    e->sequence = (uint64_t)number(at[SEQUENCE]);
    e->attempted_us = number(at[CREATED_TIME]);
    e->answered_us = number(at[ANSWERED_TIME]);
    /* A call that FreeSWITCH recovers after a crash has a channel that is younger than its answer.
     */
    if (e->answered_us > 0 && e->answered_us < e->attempted_us)
        e->attempted_us = e->answered_us;
    if (event->event_id == SWITCH_EVENT_CHANNEL_DATA)
        recall_parties(at);
    read_parties(e, at, scratch);
    read_parent(e, at);
    read_origin(e, at, scratch);
    if (event->event_id == SWITCH_EVENT_CHANNEL_DATA)
        read_stage(e, at);
    if (e->type == VX_EVENT_HANGUP)
        read_end(e, at);
    return true;
}
