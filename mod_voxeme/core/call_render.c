/*
 * A call as JSON. This is the hot path of every list, so it is written by hand; a test holds it
 * against json-c. A new key is an enum, a row in the table of fields, one in EACH_KEY, and nothing
 * else.
 *
 * Its length is known before it is written, from the same rules: one exact allocation for each, and
 * what readers may ask for is counted from the start.
 */
#include "core/call.h"
#include "core/clock.h"
#include "core/json_text.h"

enum key {
    KEY_ACCOUNT_SID,
    KEY_ANSWERED_AT,
    KEY_APPLICATION_SID,
    KEY_ATTEMPTED_AT,
    KEY_CALL_ID,
    KEY_CALL_SID,
    KEY_CALL_STATUS,
    KEY_CALLER_NAME,
    KEY_DIRECTION,
    KEY_DURATION,
    KEY_FROM,
    KEY_ORIGINATING_SIP_IP,
    KEY_ORIGINATING_SIP_TRUNK_NAME,
    KEY_PARENT_CALL_SID,
    KEY_SERVICE_URL,
    KEY_SIP_REASON,
    KEY_SIP_STATUS,
    KEY_TAG,
    KEY_TERMINATED_AT,
    KEY_TERMINATION_REASON,
    KEY_TO,
    KEY_COUNT
};

const struct vx_field vx_call_field_table[KEY_COUNT] = {
    [KEY_ACCOUNT_SID] = {"account_sid", "string", "uuid", true, "The account the call belongs to."},
    [KEY_ANSWERED_AT] = {"answered_at", "string", "date-time", false, "When it was answered."},
    [KEY_APPLICATION_SID] = {"application_sid", "string", "uuid", false,
                             "The application that handles it, if any."},
    [KEY_ATTEMPTED_AT] = {"attempted_at", "string", "date-time", false,
                          "When the leg was created."},
    [KEY_CALL_ID] = {"call_id", "string", NULL, false,
                     "SIP Call-ID of this leg; absent until it is known."},
    [KEY_CALL_SID] = {"call_sid", "string", "uuid", true, "Identifies this leg."},
    [KEY_CALL_STATUS] = {"call_status", "string", NULL, true, "Where the call is in its life."},
    [KEY_CALLER_NAME] = {"caller_name", "string", NULL, true,
                         "Display name of the caller; empty when there is none."},
    [KEY_DIRECTION] = {"direction", "string", NULL, true,
                       "inbound or outbound, as the server sees it."},
    [KEY_DURATION] =
        {"duration", "integer", NULL, false,
         "Whole seconds from answer to end, 0 if never answered; only of ended calls."},
    [KEY_FROM] = {"from", "string", NULL, true, "User part of the caller, as first seen."},
    [KEY_ORIGINATING_SIP_IP] = {"originating_sip_ip", "string", NULL, false,
                                "ip:port the INVITE came from; inbound legs."},
    [KEY_ORIGINATING_SIP_TRUNK_NAME] = {"originating_sip_trunk_name", "string", NULL, false,
                                        "Carrier the INVITE came from; inbound legs."},
    [KEY_PARENT_CALL_SID] = {"parent_call_sid", "string", "uuid", false,
                             "The call that dialled this leg."},
    [KEY_SERVICE_URL] = {"service_url", "string", NULL, true,
                         "Base URL of the node that owns the call."},
    [KEY_SIP_REASON] = {"sip_reason", "string", NULL, false, "Reason phrase of sip_status."},
    [KEY_SIP_STATUS] = {"sip_status", "integer", NULL, true, "Last SIP status of this leg."},
    [KEY_TAG] = {"tag", "object", NULL, false, "What its creator attached to it."},
    [KEY_TERMINATED_AT] = {"terminated_at", "string", "date-time", false, "When it ended."},
    [KEY_TERMINATION_REASON] = {"termination_reason", "string", NULL, false,
                                "The host's cause, such as NORMAL_CLEARING."},
    [KEY_TO] = {"to", "string", NULL, true, "User part that was called, as first seen."},
};
const size_t vx_call_field_count = KEY_COUNT;

static struct vx_str direction_word(enum vx_direction d) {
    return d == VX_INBOUND    ? VX_STR("inbound")
           : d == VX_OUTBOUND ? VX_STR("outbound")
                              : VX_STR("unknown");
}

const char *vx_direction_name(enum vx_direction d) {
    return direction_word(d).at;
}

int64_t vx_call_duration(const struct vx_call_fields *f) {
    if (f->answered_us <= 0 || f->ended_us < f->answered_us)
        return 0;
    return (f->ended_us - f->answered_us) / VX_SECOND_US;
}

/*
 * Where the value of each key comes from, in the order of the field table. Each kind of value has
 * three functions: whether it is there, how long it becomes, and writing it. Identifiers and times
 * that are not known, and texts that are empty, are left out, unless the field table says that the
 * key is always there.
 */
#define EACH_KEY(DO)                                                                               \
    DO(account_sid, sid, &f->account_sid)                                                          \
    DO(answered_at, time, f->answered_us)                                                          \
    DO(application_sid, sid, &f->application_sid)                                                  \
    DO(attempted_at, time, f->attempted_us)                                                        \
    DO(call_id, text, f->text[VX_TEXT_CALL_ID])                                                    \
    DO(call_sid, sid, &f->call_sid)                                                                \
    DO(call_status, word, vx_call_status_word(f->status))                                          \
    DO(caller_name, always, f->text[VX_TEXT_CALLER_NAME])                                          \
    DO(direction, word, direction_word(f->direction))                                              \
    DO(duration, number, vx_call_status_ended(f->status) ? vx_call_duration(f) : -1)               \
    DO(from, always, f->text[VX_TEXT_FROM])                                                        \
    DO(originating_sip_ip, text, f->text[VX_TEXT_SIP_IP])                                          \
    DO(originating_sip_trunk_name, text, f->text[VX_TEXT_TRUNK])                                   \
    DO(parent_call_sid, sid, &f->parent_call_sid)                                                  \
    DO(service_url, url, f->service_url)                                                           \
    DO(sip_reason, text, f->text[VX_TEXT_SIP_REASON])                                              \
    DO(sip_status, number, f->sip_status)                                                          \
    DO(tag, json, f->text[VX_TEXT_TAG])                                                            \
    DO(terminated_at, time, f->ended_us)                                                           \
    DO(termination_reason, text, f->text[VX_TEXT_TERMINATION])                                     \
    DO(to, always, f->text[VX_TEXT_TO])

static inline bool has_sid(const struct vx_uuid *u) {
    return !vx_uuid_is_nil(u);
}

static inline size_t len_sid(const struct vx_uuid *u) {
    (void)u;
    return VX_UUID_TEXT + 2;
}

static void write_sid(struct vx_pen *pen, const struct vx_uuid *u) {
    char text[VX_UUID_TEXT + 3];

    text[0] = '"';
    vx_uuid_format(text + 1, u);
    text[VX_UUID_TEXT + 1] = '"';
    vx_pen_write(pen, text, VX_UUID_TEXT + 2);
}

static inline bool has_time(int64_t us) {
    return us != 0;
}

static inline size_t len_time(int64_t us) {
    (void)us;
    return VX_RFC3339_SIZE + 1;
}

static void write_time(struct vx_pen *pen, int64_t us) {
    char text[VX_RFC3339_SIZE + 2];

    text[0] = '"';
    vx_rfc3339(text + 1, us);
    text[VX_RFC3339_SIZE] = '"';
    vx_pen_write(pen, text, VX_RFC3339_SIZE + 1);
}

static inline bool has_text(struct vx_str s) {
    return s.len > 0;
}

/* What escapes add: see vx_call_json_len(). */
static inline size_t len_text(struct vx_str s) {
    return s.len + 2;
}

static void write_text(struct vx_pen *pen, struct vx_str s) {
    vx_pen_string(pen, s);
}

/* It has been parsed and put together anew by whoever gave it. */
static inline bool has_json(struct vx_str s) {
    return s.len > 0;
}

static inline size_t len_json(struct vx_str s) {
    return s.len;
}

static void write_json(struct vx_pen *pen, struct vx_str s) {
    vx_pen_write(pen, s.at, s.len);
}

static inline bool has_always(struct vx_str s) {
    (void)s;
    return true;
}

static inline size_t len_always(struct vx_str s) {
    return s.len + 2;
}

static void write_always(struct vx_pen *pen, struct vx_str s) {
    vx_pen_string(pen, s);
}

static inline bool has_url(const char *url) {
    (void)url;
    return true;
}

static inline size_t len_url(const char *url) {
    return vx_json_string_len(vx_str(url));
}

static void write_url(struct vx_pen *pen, const char *url) {
    vx_pen_string(pen, vx_str(url));
}

/* Our own words need no escapes. */
static inline bool has_word(struct vx_str word) {
    (void)word;
    return true;
}

static inline size_t len_word(struct vx_str word) {
    return word.len + 2;
}

static void write_word(struct vx_pen *pen, struct vx_str word) {
    vx_pen_write(pen, "\"", 1);
    vx_pen_write(pen, word.at, word.len);
    vx_pen_write(pen, "\"", 1);
}

static inline bool has_number(int64_t n) {
    return n >= 0;
}

static inline size_t len_number(int64_t n) {
    size_t len = 1;

    for (; n >= 10; n /= 10)
        len++;
    return len;
}

static void write_number(struct vx_pen *pen, int64_t n) {
    char digits[VX_DECIMAL];

    vx_pen_write(pen, digits, vx_decimal(digits, (uint64_t)n));
}

#define NAME(key) ",\"" #key "\":"

VX_SELDOM static size_t len_of_escapes(const struct vx_call_fields *f) {
    size_t len = 0;

    for (size_t i = 0; i < VX_TEXT_COUNT; i++)
        if (i != VX_TEXT_TAG)
            len += vx_json_string_len(f->text[i]) - (f->text[i].len + 2);
    return len;
}

size_t vx_call_json_len(const struct vx_call_fields *f, bool plain) {
    size_t len = 1; /* "}"; "{" stands where the first name's comma would */

#define ADD_LEN(key, kind, value)                                                                  \
    if (has_##kind(value))                                                                         \
        len += sizeof NAME(key) - 1 + len_##kind(value);
    EACH_KEY(ADD_LEN)
#undef ADD_LEN
    return plain ? len : len + len_of_escapes(f);
}

bool vx_call_json_write(char *to, size_t len, const struct vx_call_fields *f) {
    struct vx_pen pen = {to, len};

#define WRITE(key, kind, value)                                                                    \
    if (has_##kind(value)) {                                                                       \
        vx_pen_write(&pen, NAME(key), sizeof NAME(key) - 1);                                       \
        write_##kind(&pen, value);                                                                 \
    }
    EACH_KEY(WRITE)
#undef WRITE
    vx_pen_write(&pen, "}", 1);
    if (pen.left != 0)
        return false;
    to[0] = '{';
    return true;
}
