/*
 * Requests within the dialogs of a bridge: INVITE, UPDATE and INFO are sent on to the other leg,
 * and its response, good or bad, comes back. nua answers overlapping offers of one dialog itself;
 * the two dialogs of a bridge together are watched here (491).
 */
#include "core/alloc.h"
#include "host/sip/leg.h"

#define MAX_WAITING 8

static void push(struct vx_leg *leg, struct vx_relay *relay) {
    struct vx_relay **end = &leg->relays;

    while (*end)
        end = &(*end)->next;
    *end = relay;
    leg->relay_count++;
}

/* The oldest of a method, taken off the list; NULL when none waits. */
static struct vx_relay *pop(struct vx_leg *leg, sip_method_t method) {
    for (struct vx_relay **at = &leg->relays; *at; at = &(*at)->next) {
        struct vx_relay *relay = *at;
        if (relay->method == method) {
            *at = relay->next;
            leg->relay_count--;
            return relay;
        }
    }
    return NULL;
}

static void relay_free(struct vx_relay *relay) {
    msg_destroy(relay->request);
    vx_free(relay);
}

void vx_relay_drop_all(struct vx_leg *leg) {
    while (leg->relays) {
        struct vx_relay *relay = leg->relays;
        leg->relays = relay->next;
        relay_free(relay);
    }
    leg->relay_count = 0;
}

static bool negotiates(sip_method_t method) {
    return method == sip_method_invite || method == sip_method_update;
}

bool vx_relay_negotiating(const struct vx_leg *leg) {
    for (const struct vx_relay *r = leg->relays; r; r = r->next)
        if (negotiates(r->method))
            return true;
    /* The latter: what the other leg has said is still to be offered (handoff.c). */
    return leg->unacked || leg->holding || (leg->peer && leg->handoff.len);
}

bool vx_relay_expects(const struct vx_leg *leg, sip_method_t method) {
    for (const struct vx_relay *r = leg->peer ? leg->peer->relays : NULL; r; r = r->next)
        if (r->method == method)
            return true;
    return false;
}

bool vx_relay_queues(const struct vx_leg *leg) {
    bool invites = leg->holding || leg->cancelled;

    for (const struct vx_relay *r = leg->peer ? leg->peer->relays : NULL; r; r = r->next) {
        if (r->method != sip_method_invite)
            return true;
        invites = true;
    }
    /* Neither of ours nor of the peer's: nua refreshes the session, by UPDATE where it can. */
    return leg->inviting && !invites;
}

/* With a request of nua's own on its way there, the response to that would be taken for the peer's
 * to this one. */
static bool can_negotiate(const struct vx_leg *leg) {
    return !leg->inviting && !vx_relay_negotiating(leg);
}

/* 0: the request can go on; else what it is answered at once. */
static unsigned obstacle(const struct vx_leg *leg, sip_method_t method) {
    if (leg->over || !leg->peer)
        return 481;
    if (method != sip_method_info && !negotiates(method))
        return 501;
    if (!leg->answered || !leg->peer->answered)
        return negotiates(method) ? 491 : 480;
    if (negotiates(method) && !(can_negotiate(leg) && can_negotiate(leg->peer)))
        return 491;
    if (method == sip_method_invite && leg->peer->unconfirmed)
        return 491;
    return leg->relay_count >= MAX_WAITING ? 500 : 0;
}

static void refuse(struct vx_leg *leg, msg_t *request, unsigned status) {
    nua_respond(leg->nh, (int)status, vx_sip_reason(status), NUTAG_WITH(request),
                TAG_IF(status == 500, SIPTAG_RETRY_AFTER_STR("3")), TAG_END());
}

/* What comes from vx_leg_pass_sdp(), or the body as it came. */
#define BODY_OF(sip, sdp)                                                                          \
    TAG_IF(sdp, SIPTAG_CONTENT_TYPE_STR("application/sdp")), TAG_IF(sdp, SIPTAG_PAYLOAD_STR(sdp)), \
        TAG_IF(!(sdp), SIPTAG_CONTENT_TYPE((sip)->sip_content_type)),                              \
        TAG_IF(!(sdp), SIPTAG_CONTENT_DISPOSITION((sip)->sip_content_disposition)),                \
        TAG_IF(!(sdp), SIPTAG_CONTENT_ENCODING((sip)->sip_content_encoding)),                      \
        TAG_IF(!(sdp), SIPTAG_PAYLOAD((sip)->sip_payload))

static void keep_description(struct vx_leg *leg) {
    vx_buf_free(&leg->before);
    vx_buf_str(&leg->before, (struct vx_str){leg->sdp.at, leg->sdp.len});
}

/* An offer that comes to nothing has changed nothing (RFC 3261, section 14.1): a hold would offer
 * it once more. */
static void end_offer(struct vx_leg *leg, bool refused) {
    if (leg->before.len > 0) {
        leg->spent = refused ? leg->spent + 1 : 0;
        if (refused) {
            vx_buf_free(&leg->sdp);
            leg->sdp = leg->before;
            leg->before = (struct vx_buf){0};
        }
    }
    vx_buf_free(&leg->before);
}

static void send_on(struct vx_leg *to, sip_method_t method, const sip_t *sip) {
    if (negotiates(method))
        keep_description(to);
    const char *sdp = vx_leg_pass_sdp(to, negotiates(method) ? sip : NULL);

    if (method == sip_method_invite)
        nua_invite(to->nh, BODY_OF(sip, sdp), TAG_END());
    else if (method == sip_method_update)
        nua_update(to->nh, BODY_OF(sip, sdp), TAG_END());
    else
        nua_info(to->nh, BODY_OF(sip, sdp), TAG_END());
}

void vx_relay_request(struct vx_leg *leg, msg_t *request, const sip_t *sip) {
    sip_method_t method = sip->sip_request->rq_method;
    unsigned status = obstacle(leg, method);
    struct vx_relay *relay = status ? NULL : vx_calloc(1, sizeof *relay);

    if (!relay) {
        refuse(leg, request, status ? status : 500);
        return;
    }
    relay->method = method;
    relay->request = msg_ref(request);
    push(leg, relay);
    if (method == sip_method_invite)
        leg->offerless = !vx_sip_has_body(sip);
    send_on(leg->peer, method, sip);
}

/* The session timer made nua send an INVITE of its own, without a body where we were called: the
 * 2xx then offers, and is answered with what this leg last agreed to. Where the peer allows UPDATE,
 * nua refreshes by that and this is not needed; where nua had sent an INVITE before, it repeats
 * that one's offer. */
static void end_refresh(struct vx_leg *leg, const sip_t *sip) {
    bool wanted = !leg->offered && sip && vx_sip_has_body(sip);

    if (wanted && !vx_leg_is_bridged(leg))
        wanted = vx_answer_sdp(leg, sip);
    const char *sdp = wanted ? vx_leg_passed_text(leg) : NULL;
    nua_ack(leg->nh, TAG_IF(sdp, SIPTAG_CONTENT_TYPE_STR("application/sdp")),
            TAG_IF(sdp, SIPTAG_PAYLOAD_STR(sdp)), TAG_END());
}

static void carry_back(struct vx_leg *origin, const struct vx_relay *relay, unsigned status,
                       const char *phrase, const sip_t *sip) {
    if (status >= 700)
        status = 500, phrase = NULL;
    /* Said to this end it would end its dialog as well, without a BYE. */
    if (status >= 300 && sip_response_terminates_dialog((int)status, relay->method, NULL) != 0)
        status = 500;
    const char *sdp = NULL;
    if (status < 300 && relay->method == sip_method_invite)
        origin->unconfirmed = true;
    if (status < 300 && negotiates(relay->method))
        sdp = vx_leg_pass_sdp(origin, sip);
    if (sip)
        nua_respond(origin->nh, (int)status, vx_leg_phrase(origin, status, phrase),
                    NUTAG_WITH(relay->request), BODY_OF(sip, sdp), TAG_END());
    else
        nua_respond(origin->nh, (int)status, vx_leg_phrase(origin, status, phrase),
                    NUTAG_WITH(relay->request), TAG_END());
}

void vx_relay_response(struct vx_leg *leg, sip_method_t method, int status, const char *phrase,
                       const sip_t *sip) {
    struct vx_leg *origin = leg->peer;
    bool taken = method == sip_method_invite && status >= 200 && status < 300;

    if (status < 200)
        return;
    if (negotiates(method))
        end_offer(leg, status >= 300);
    struct vx_relay *relay = origin ? pop(origin, method) : NULL;
    if (!relay) {
        if (taken)
            end_refresh(leg, sip);
        return;
    }
    carry_back(origin, relay, (unsigned)status, phrase, sip);
    relay_free(relay);
    if (!taken)
        return;
    origin->ack_peer = leg->unacked = origin->offerless;
    if (!leg->unacked)
        nua_ack(leg->nh, TAG_END());
}

void vx_relay_cancel(struct vx_leg *leg) {
    struct vx_relay *relay = pop(leg, sip_method_invite);

    if (!relay)
        return;
    relay_free(relay); /* nua has answered it with 487 */
    if (!leg->peer)
        return;
    leg->peer->cancelled = true;
    nua_cancel(leg->peer->nh, TAG_END());
}

void vx_relay_ack(struct vx_leg *leg, const sip_t *ack) {
    struct vx_leg *peer = leg->peer;

    if (!leg->ack_peer || !peer || !peer->unacked)
        return;
    leg->ack_peer = peer->unacked = false;
    const char *sdp = vx_leg_pass_sdp(peer, ack);
    nua_ack(peer->nh, NUTAG_UPDATE_REFRESH(peer->peer_updates), BODY_OF(ack, sdp), TAG_END());
}
