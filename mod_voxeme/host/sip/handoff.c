/*
 * DESIGN
 * Third party call control, as in flow IV of RFC 3725: the far end has answered an offer of ours
 * that has no media. Where the route is a bridge, its target is called and offered what the far end
 * has answered; what comes back is offered to the far end by a re-INVITE, and from then on the two
 * legs are a bridge as any other. Until then the far end's requests are ours to answer
 * (answer.c), and so it has a description of ours: its o= line stays (RFC 3264, section 8).
 *
 * A re-INVITE waits for what is under way in its dialog. One that comes too early all the same
 * (491, or 500 with Retry-After) is tried again, by the timer of the child: the other leg's is its
 * time limit. Anything else that goes wrong hangs up both.
 */
#include "host/sip/handoff.h"

#include "core/log.h"
#include "host/sip/command.h"
#include "host/sip/handoff_text.h"
#include "host/sip/sdp_pass.h"
#include "host/sip/uri.h"

#include <stdio.h>
#include <stdlib.h>

#define MOST_OFFERS 4

/* Whether anything is under way that another INVITE would meet. */
static bool is_busy(const struct vx_leg *leg) {
    return leg->unconfirmed || leg->inviting || leg->holding;
}

static void give_up(struct vx_leg *leg, const char *cause) {
    vx_leg_part(leg, 487, NULL, cause);
    vx_leg_hangup(leg, 487, NULL, cause);
}

/* --- joining ---------------------------------------------------------------------------------- */

static void offer(struct vx_leg *leg) {
    leg->peer->offers++;
    if (!vx_leg_hold_join(leg)) {
        vx_sip_count(&leg->sip->metrics->commands_memory);
        give_up(leg, "NORMAL_TEMPORARY_FAILURE");
    }
}

void vx_handoff_next(struct vx_leg *leg) {
    struct vx_leg *child = leg->peer;

    if (!leg->handoff.len || !child || !child->answered || leg->over || is_busy(leg))
        return;
    leg->route = child->route;
    leg->own_origin = true;
    leg->shift = leg->origin.version + 1; /* whatever the application counts from */
    vx_buf_free(&leg->sdp);
    leg->sdp = leg->handoff;
    leg->handoff = (struct vx_buf){0};
    offer(leg);
}

static void again(struct vx_leg *child);

/* From 2.1 to 4 s, where the Call-ID is ours (RFC 3261, section 14.1). */
static void try_later(struct vx_leg *child) {
    struct vx_uuid random;
    unsigned more = vx_uuid_random(&random) ? random.b[0] % 191U : 0;

    vx_leg_timer(child, 2100 + more * 10, again);
}

static void again(struct vx_leg *child) {
    struct vx_leg *leg = child->peer;

    if (!leg || leg->over)
        return;
    if (is_busy(leg) || is_busy(child) || vx_relay_negotiating(leg) || vx_relay_negotiating(child))
        try_later(child);
    else
        offer(leg);
}

static bool has_description(const sip_t *sip) {
    return vx_sip_has_body(sip) && vx_sip_is_sdp(sip) && !sip->sip_content_encoding;
}

/* Another offer is under way, or an ACK (RFC 3261, section 14.2). */
static bool is_early(int status, const sip_t *sip) {
    return status == 491 || (status == 500 && sip && sip->sip_retry_after);
}

void vx_handoff_joined(struct vx_leg *leg, int status, const sip_t *sip) {
    if (status < 300) {
        if (leg->peer && (!sip || !has_description(sip)))
            give_up(leg, "INCOMPATIBLE_DESTINATION");
        return;
    }
    vx_dialog_response(leg, sip_method_invite, status, false);
    if (leg->over || !leg->peer)
        return;
    if (is_early(status, sip) && leg->peer->offers < MOST_OFFERS)
        try_later(leg->peer);
    else
        give_up(leg, vx_sip_cause_of_status(status < 700 ? (unsigned)status : 500));
}

/* --- the second leg --------------------------------------------------------------------------- */

static void rang_out(struct vx_leg *child) {
    vx_sip_count(&child->sip->metrics->ring_timeouts);
    vx_leg_part(child, 480, NULL, "NO_ANSWER");
    vx_leg_hangup(child, 487, NULL, "NO_ANSWER");
}

/* Its caller is who the created call is from, and its application that of the creator, unless the
 * route sets another. `home` has the target. */
static bool child_facts(struct vx_leg *child, const struct vx_leg *leg, su_home_t *home,
                        const url_t *target, char call_id[VX_UUID_TEXT + 1]) {
    const struct vx_event *p = &leg->facts.event;
    const struct vx_route *route = child->route;
    struct vx_command_args args = {.from = p->from, .caller_name = p->caller_name};
    struct vx_event *e = &child->facts.event;
    struct vx_uuid id;
    char *to = su_strdup(home, target->url_user ? target->url_user : "");

    if (!to || !vx_uuid_random(&args.call_sid) || !vx_uuid_random(&id))
        return false;
    args.to = (struct vx_str){to, vx_uri_unescape(to, vx_str(to))};
    vx_uuid_parse(&args.application_sid,
                  route->application_sid ? vx_str(route->application_sid) : p->application_sid);
    vx_uuid_format(call_id, &id);
    if (!vx_leg_event_originated(&child->facts, call_id, &args))
        return false;
    e->parent_call_sid = p->call_sid;
    /* The route's, which the leg's own reference to its configuration keeps. */
    e->evidence.variable = vx_str(route->account_sid);
    e->evidence.accountcode = vx_str(route->accountcode);
    return true;
}

/* Our offer had no media, so which way the answer has it go says nothing. */
static bool child_offer(struct vx_leg *child, const sip_t *answer) {
    const struct vx_str sdp = {answer->sip_payload->pl_data, answer->sip_payload->pl_len};

    vx_sdp_pass(&child->sdp, sdp, NULL, 0, VX_SDP_OPEN);
    return vx_leg_sdp_text(child) != NULL;
}

static bool send_invite(struct vx_leg *child, const url_t *target, const char *call_id) {
    const struct vx_sip *sip = child->sip;
    const struct vx_command_args caller = {.from = child->facts.event.from,
                                           .caller_name = child->facts.event.caller_name};
    struct vx_buf from = {0}, *headers = &child->peer->handoff;
    char host[sizeof sip->host + 8];
    sip_to_t to[1];

    snprintf(host, sizeof host, sip->port == 5060 ? "%s" : "%s:%u", sip->host, sip->port);
    vx_sip_command_from(&from, &caller, host);
    vx_buf_add(&from, "", 1);
    vx_buf_add(headers, "", 1);
    bool ok = vx_buf_ok(&from) && vx_buf_ok(headers);
    sip_to_init(to);
    *to->a_url = *target;
    to->a_url->url_params = NULL;
    if (ok)
        nua_invite(child->nh, NUTAG_URL(target), SIPTAG_FROM_STR(from.at), SIPTAG_TO(to),
                   SIPTAG_CALL_ID_STR(call_id), VX_LEG_CONTACT(child),
                   TAG_IF(headers->at[0], SIPTAG_HEADER_STR(headers->at)),
                   SIPTAG_CONTENT_TYPE_STR("application/sdp"),
                   SIPTAG_PAYLOAD_STR(vx_leg_sdp_text(child)), TAG_END());
    vx_buf_free(&from);
    return ok;
}

/* False: out of memory. */
static bool call_child(struct vx_leg *leg, const struct vx_route *route, su_home_t *home,
                       const url_t *target, const sip_t *answer) {
    struct vx_leg *child = vx_leg_new(leg->sip, route, leg->config);
    char call_id[VX_UUID_TEXT + 1];
    int64_t limit = route->limit_ms;

    if (!child)
        return false;
    child->third_party = true;
    child->over_tcp = vx_sip_is_tcp(target);
    child->peer = leg;
    leg->peer = child;
    if (child_facts(child, leg, home, target, call_id) && child_offer(child, answer))
        child->nh = nua_handle(leg->sip->nua, child, TAG_END());
    if (!child->nh || !send_invite(child, target, call_id)) {
        leg->peer = NULL;
        vx_leg_free(child);
        return false;
    }
    vx_leg_tell(child, VX_EVENT_CREATE, 100, NULL);
    if (limit <= 0)
        limit = vx_switch_int(leg->config, VX_SW_RING_TIMEOUT_SECONDS) * 1000;
    vx_leg_timer(child, limit, rang_out);
    return true;
}

static void bridge(struct vx_leg *leg, const struct vx_route *route,
                   const struct vx_route_match *match, const sip_t *answer) {
    su_home_t home[1] = {SU_HOME_INIT(home)};

    su_home_init(home);
    const url_t *target = vx_bridge_target(home, route, match);
    if (!has_description(answer))
        vx_leg_hangup(leg, 488, NULL, "INCOMPATIBLE_DESTINATION");
    else if (!target)
        vx_leg_hangup(leg, 404, NULL, "NO_ROUTE_DESTINATION");
    else if (!call_child(leg, route, home, target, answer)) {
        vx_sip_count(&leg->sip->metrics->commands_memory);
        vx_leg_hangup(leg, 500, NULL, "NORMAL_TEMPORARY_FAILURE");
    }
    su_home_deinit(home);
}

static void on_progress(struct vx_leg *child, unsigned status, const char *phrase,
                        const sip_t *sip) {
    bool media = vx_sip_has_body(sip);

    if (media || status == 180 || status == 183)
        vx_leg_tell(child, media ? VX_EVENT_MEDIA : VX_EVENT_PROGRESS, status, phrase);
}

static void on_answer(struct vx_leg *child, unsigned status, const char *phrase, const sip_t *sip) {
    struct vx_leg *leg = child->peer;

    if (child->over || !leg) {
        vx_leg_refuse_answer(child);
        return;
    }
    child->answered = true;
    child->peer_updates = sip_is_allowed(sip->sip_allow, SIP_METHOD_UPDATE);
    vx_leg_tell(child, VX_EVENT_ANSWER, status, phrase);
    vx_leg_timer(child, 0, NULL);
    nua_ack(child->nh, NUTAG_UPDATE_REFRESH(child->peer_updates), TAG_END());
    if (!has_description(sip)) {
        give_up(leg, "INCOMPATIBLE_DESTINATION");
        return;
    }
    vx_buf_add(&leg->handoff, sip->sip_payload->pl_data, sip->sip_payload->pl_len);
    if (vx_buf_ok(&leg->handoff))
        vx_handoff_next(leg);
    else
        give_up(leg, "NORMAL_TEMPORARY_FAILURE");
}

void vx_handoff_response(struct vx_leg *child, int status, const char *phrase, const sip_t *sip) {
    if (status <= 100)
        return;
    /* What nua itself failed at has a status beyond SIP's. */
    if (status >= 700)
        status = 500, phrase = NULL;
    if (status >= 300) {
        const char *cause = vx_sip_cause_of_status((unsigned)status);
        vx_leg_part(child, (unsigned)status, NULL, cause);
        vx_leg_over(child, (unsigned)status, phrase, cause);
    } else if (sip && status >= 200) {
        on_answer(child, (unsigned)status, phrase, sip);
    } else if (sip && !child->over) {
        on_progress(child, (unsigned)status, phrase, sip);
    }
}

/* --- the routes ------------------------------------------------------------------------------- */

/* The time limit of an answer holds beside the call's own. */
static void stay(struct vx_leg *leg, int64_t limit_ms) {
    if (limit_ms > 0 && (leg->limit_ms <= 0 || limit_ms < leg->limit_ms)) {
        leg->limit_ms = limit_ms;
        vx_originate_limit(leg);
    }
}

static void follow(struct vx_leg *leg, const struct vx_route *route,
                   const struct vx_route_match *match, const sip_t *answer) {
    switch (route->action) {
    case VX_ROUTE_ANSWER:
        stay(leg, route->limit_ms);
        break;
    case VX_ROUTE_RING:
        break;
    case VX_ROUTE_REJECT:
        vx_leg_hangup(leg, route->status, route->reason, vx_sip_cause_of_status(route->status));
        break;
    case VX_ROUTE_BRIDGE:
        bridge(leg, route, match, answer);
        break;
    }
}

void vx_handoff(struct vx_leg *leg, const sip_t *answer) {
    struct vx_switch_config *config = leg->sip->switch_config;
    const char *user = vx_switch_text(config, VX_SW_REDIRECT_TO);
    struct vx_route_match match;
    const struct vx_route *route =
        user[0] ? vx_routes_find(vx_switch_routes(config), vx_str(user), &match) : NULL;

    if (route && !leg->handoff.len) {
        vx_log(VX_LOG_INFO, "a call stays: redirect-to was set after it had been made");
    } else if (route) {
        config = vx_switch_config_ref(config);
        vx_switch_config_release(&leg->config);
        leg->config = config;
        follow(leg, route, &match, answer);
    }
    vx_buf_free(&leg->handoff);
}
