/*
 * The bridge action: a second leg is called, and what it says is carried to the caller until both
 * have their ACK. Bodies pass byte for byte.
 */
#include "core/alloc.h"
#include "core/log.h"
#include "host/sip/command_text.h"
#include "host/sip/leg.h"
#include "host/sip/uri.h"

#include <stdio.h>

static void rang_out(struct vx_leg *leg) {
    vx_sip_count(&leg->sip->metrics->ring_timeouts);
    vx_leg_part(leg, 487, NULL, "NO_ANSWER");
    vx_leg_hangup(leg, 480, NULL, "NO_ANSWER");
}

/* The child's part of the registry: its own Call-ID and users, its parent's name and variables. */
static bool child_facts(struct vx_leg *child, const struct vx_leg *parent, const url_t *target,
                        const sip_from_t *from) {
    const struct vx_event *p = &parent->facts.event;
    struct vx_event *e = &child->facts.event;
    struct vx_uuid sid, id;
    char call_id[VX_UUID_TEXT + 1];

    if (!vx_uuid_random(&sid) || !vx_uuid_random(&id))
        return false;
    vx_uuid_format(call_id, &id);
    if (!vx_leg_event_outbound(&child->facts, call_id, from->a_url->url_user, target->url_user,
                               from->a_display))
        return false;
    e->call_sid = sid;
    e->parent_call_sid = p->call_sid;
    /* These are the route's, which the child's own reference to its configuration keeps. */
    e->evidence.variable = p->evidence.variable;
    e->evidence.accountcode = p->evidence.accountcode;
    e->application_sid = p->application_sid;
    return true;
}

/* "X-Voxeme-Hook: URL", where the call has been redirected: by us, or by a far end that was asked
 * to and brings the key. */
static void hook_header(struct vx_buf *out, const struct vx_leg *parent, const sip_t *invite) {
    const char *user = vx_switch_text(parent->config, VX_SW_REDIRECT_TO);
    const char *hook = parent->hook;

    if (!hook && user[0] && vx_str_eq(parent->facts.event.to, vx_str(user)))
        hook = vx_referrals_find(&parent->sip->referrals,
                                 vx_str(vx_sip_header(invite, VX_REFERRAL_HEADER)),
                                 vx_mono_us(&vx_clock_system));
    if (hook) {
        vx_buf_puts(out, VX_HOOK_HEADER ": ");
        vx_buf_puts(out, hook);
    }
    vx_buf_add(out, "", 1);
}

static void send_invite(struct vx_leg *child, const sip_t *invite, const url_t *target,
                        const sip_from_t *from) {
    const struct vx_event *e = &child->facts.event;
    unsigned long hops = invite->sip_max_forwards ? invite->sip_max_forwards->mf_count : 70;
    char forwards[24], call_id[VX_UUID_TEXT + 1];
    struct vx_buf hook = {0};
    sip_to_t to[1];

    sip_to_init(to);
    *to->a_url = *target;
    to->a_url->url_params = NULL;
    snprintf(forwards, sizeof forwards, "%lu", hops - 1);
    snprintf(call_id, sizeof call_id, "%.*s", (int)e->call_id.len, e->call_id.at);
    vx_leg_pass_sdp(child, invite);
    hook_header(&hook, child->peer, invite);
    nua_invite(child->nh, NUTAG_URL(target), SIPTAG_FROM(from), SIPTAG_TO(to),
               SIPTAG_CALL_ID_STR(call_id), SIPTAG_MAX_FORWARDS_STR(forwards),
               SIPTAG_CONTENT_TYPE(invite->sip_content_type),
               SIPTAG_CONTENT_DISPOSITION(invite->sip_content_disposition),
               SIPTAG_CONTENT_ENCODING(invite->sip_content_encoding),
               SIPTAG_PAYLOAD(invite->sip_payload), VX_LEG_CONTACT(child),
               TAG_IF(vx_buf_ok(&hook) && hook.len > 1, SIPTAG_HEADER_STR(hook.at)), TAG_END());
    vx_buf_free(&hook);
}

static void our_from(sip_from_t *from, const struct vx_leg *parent, const sip_t *invite,
                     char port[8]) {
    sip_from_init(from);
    url_init(from->a_url, url_sip);
    from->a_display = invite->sip_from->a_display;
    from->a_url->url_user = invite->sip_from->a_url->url_user;
    from->a_url->url_host = parent->sip->host;
    if (parent->sip->port != 5060) {
        snprintf(port, 8, "%u", parent->sip->port);
        from->a_url->url_port = port;
    }
}

/* NULL: nothing has been sent, and the caller ends the parent. */
static struct vx_leg *call_child(struct vx_leg *parent, const sip_t *invite, const url_t *target) {
    struct vx_leg *child = vx_leg_new(parent->sip, parent->route, parent->config);
    sip_from_t from[1];
    char port[8];

    if (!child)
        return NULL;
    our_from(from, parent, invite, port);
    if (child_facts(child, parent, target, from))
        child->nh = nua_handle(parent->sip->nua, child, TAG_END());
    if (!child->nh) {
        vx_leg_free(child);
        return NULL;
    }
    child->offerless = parent->offerless;
    child->over_tcp = vx_sip_is_tcp(target);
    child->peer = parent;
    parent->peer = child;
    vx_leg_tell(child, VX_EVENT_CREATE, 100, NULL);
    send_invite(child, invite, target, from);
    return child;
}

url_t *vx_bridge_target(su_home_t *home, const struct vx_route *route,
                        const struct vx_route_match *match) {
    struct vx_buf text = {0};
    url_t *url = NULL;

    vx_route_target(route, match, &text);
    vx_buf_add(&text, "", 1);
    if (vx_buf_ok(&text) && !vx_uri_fault(text.at))
        url = url_make(home, text.at);
    vx_buf_free(&text);
    return url;
}

void vx_bridge_start(struct vx_leg *leg, const sip_t *invite, const struct vx_route_match *match) {
    su_home_t home[1] = {SU_HOME_INIT(home)};
    int64_t limit = leg->route->limit_ms;

    if (invite->sip_max_forwards && invite->sip_max_forwards->mf_count == 0) {
        vx_leg_hangup(leg, 483, NULL, "EXCHANGE_ROUTING_ERROR");
        return;
    }
    su_home_init(home);
    const url_t *target = vx_bridge_target(home, leg->route, match);
    if (!target)
        vx_leg_hangup(leg, 404, NULL, "NO_ROUTE_DESTINATION");
    else if (!call_child(leg, invite, target))
        vx_leg_hangup(leg, 500, NULL, "NORMAL_TEMPORARY_FAILURE");
    su_home_deinit(home);
    if (leg->over)
        return;
    if (limit <= 0)
        limit = vx_switch_int(leg->config, VX_SW_RING_TIMEOUT_SECONDS) * 1000;
    vx_leg_timer(leg, limit, rang_out);
}

static void carry(struct vx_leg *leg, unsigned status, const char *phrase, const sip_t *sip) {
    vx_leg_pass_sdp(leg, sip);
    if (status >= 200 && status < 300)
        leg->answered = leg->unconfirmed = true;
    nua_respond(leg->nh, (int)status, vx_leg_phrase(leg, status, phrase),
                NUTAG_UPDATE_REFRESH(leg->peer_updates), VX_LEG_CONTACT(leg),
                SIPTAG_CONTENT_TYPE(sip->sip_content_type),
                SIPTAG_CONTENT_DISPOSITION(sip->sip_content_disposition),
                SIPTAG_CONTENT_ENCODING(sip->sip_content_encoding),
                SIPTAG_PAYLOAD(sip->sip_payload), TAG_END());
}

static void on_progress(struct vx_leg *child, unsigned status, const char *phrase,
                        const sip_t *sip) {
    struct vx_leg *parent = child->peer;
    bool media = vx_sip_has_body(sip);

    if (!parent || parent->answered)
        return;
    carry(parent, status, phrase, sip);
    if (media || status == 180 || status == 183) {
        enum vx_event_type step = media ? VX_EVENT_MEDIA : VX_EVENT_PROGRESS;
        vx_leg_tell(child, step, status, phrase);
        vx_leg_tell(parent, step, status, phrase);
    }
}

static void on_answer(struct vx_leg *child, unsigned status, const char *phrase, const sip_t *sip) {
    struct vx_leg *parent = child->peer;

    if (child->over || !parent) {
        vx_leg_refuse_answer(child);
        return;
    }
    child->answered = child->unacked = true;
    child->peer_updates = sip_is_allowed(sip->sip_allow, SIP_METHOD_UPDATE);
    vx_leg_tell(child, VX_EVENT_ANSWER, status, phrase);
    vx_leg_timer(parent, 0, NULL);
    carry(parent, status, phrase, sip);
    /* With an offer in the INVITE the ACK carries nothing, so the callee need not wait for it. */
    parent->ack_peer = child->offerless;
    if (!child->offerless) {
        child->unacked = false;
        nua_ack(child->nh, NUTAG_UPDATE_REFRESH(child->peer_updates), TAG_END());
    }
}

/* What the caller is told of a callee's failure: a redirection or a challenge was meant for us. */
static unsigned for_caller(unsigned status) {
    if (status < 400)
        return 480;
    if (status == 401 || status == 407)
        return 403;
    return status < 700 ? status : 500;
}

static void on_failure(struct vx_leg *child, unsigned status, const char *phrase) {
    unsigned told = for_caller(status);

    /* What nua itself failed at has a status beyond SIP's. */
    if (status >= 700)
        status = 500, phrase = NULL;
    vx_leg_part(child, told, told == status ? phrase : NULL, vx_sip_cause_of_status(status));
    vx_leg_over(child, status, phrase, vx_sip_cause_of_status(status));
}

void vx_bridge_response(struct vx_leg *child, int status, const char *phrase, const sip_t *sip) {
    if (status <= 100)
        return;
    if (status >= 300)
        on_failure(child, (unsigned)status, phrase);
    else if (sip && status >= 200)
        on_answer(child, (unsigned)status, phrase, sip);
    else if (sip && !child->over)
        on_progress(child, (unsigned)status, phrase, sip);
}
