/*
 * Routes that need no other leg: answer (with an SDP answer, until BYE or a time limit) and ring.
 */
#include "core/log.h"
#include "host/sip/leg.h"

static struct vx_str body_of(const sip_t *sip) {
    return (struct vx_str){sip->sip_payload->pl_data, sip->sip_payload->pl_len};
}

bool vx_answer_sdp(struct vx_leg *leg, const sip_t *sip) {
    struct vx_buf made = {0};
    bool ok = true;

    leg->origin.version++;
    if (vx_sip_has_body(sip))
        ok = vx_sdp_answer(&made, &leg->origin, body_of(sip));
    else
        vx_sdp_offer(&made, &leg->origin);
    if (ok && vx_buf_ok(&made)) {
        vx_buf_free(&leg->sdp);
        leg->sdp = made;
        return true;
    }
    vx_buf_free(&made);
    return false;
}

/* 0: the body of a request can be answered; else the status that says why not. */
static unsigned fault_of_body(const sip_t *sip) {
    if (!vx_sip_has_body(sip))
        return 0;
    return vx_sip_is_sdp(sip) && !sip->sip_content_encoding ? 0 : 415;
}

static void over_time(struct vx_leg *leg) {
    vx_sip_count(&leg->sip->metrics->time_limits);
    vx_leg_hangup(leg, 200, NULL, "ALLOTTED_TIMEOUT");
}

static void answer_now(struct vx_leg *leg) {
    int64_t limit = leg->route->limit_ms;

    if (limit < 0)
        limit = vx_switch_int(leg->config, VX_SW_ANSWER_TIME_LIMIT_SECONDS) * 1000;
    vx_leg_respond(leg, 200, NULL, true);
    if (limit > 0)
        vx_leg_timer(leg, limit, over_time);
}

void vx_answer_start(struct vx_leg *leg, const sip_t *invite) {
    const struct vx_route *route = leg->route;
    unsigned fault = fault_of_body(invite);

    if (!fault && !vx_answer_sdp(leg, invite))
        fault = 488;
    if (fault) {
        vx_leg_hangup(leg, fault, NULL, vx_sip_cause_of_status(fault));
        return;
    }
    /* A description in a 1xx is an answer there; an offer would need 100rel (RFC 3262, section 5).
     */
    if (route->early_media && !leg->offerless) {
        vx_leg_respond(leg, 183, NULL, true);
        vx_leg_tell(leg, VX_EVENT_MEDIA, 183, vx_sip_reason(183));
    } else if (route->early_media || route->ring_ms > 0) {
        vx_leg_respond(leg, 180, NULL, false);
        vx_leg_tell(leg, VX_EVENT_PROGRESS, 180, vx_sip_reason(180));
    }
    if (route->ring_ms > 0)
        vx_leg_timer(leg, route->ring_ms, answer_now);
    else
        answer_now(leg);
}

static void rang_out(struct vx_leg *leg) {
    vx_sip_count(&leg->sip->metrics->ring_timeouts);
    vx_leg_hangup(leg, 480, NULL, "NO_ANSWER");
}

void vx_ring_start(struct vx_leg *leg) {
    int64_t limit = leg->route->limit_ms;

    if (limit <= 0)
        limit = vx_switch_int(leg->config, VX_SW_RING_TIMEOUT_SECONDS) * 1000;
    vx_leg_respond(leg, 180, NULL, false);
    vx_leg_tell(leg, VX_EVENT_PROGRESS, 180, vx_sip_reason(180));
    vx_leg_timer(leg, limit, rang_out);
}

static void reply(struct vx_leg *leg, msg_t *request, unsigned status, bool with_sdp) {
    const char *sdp = with_sdp ? vx_leg_sdp_text(leg) : NULL;

    nua_respond(leg->nh, (int)status, vx_sip_reason(status), NUTAG_WITH(request),
                TAG_IF(status == 415, SIPTAG_ACCEPT_STR("application/sdp")),
                TAG_IF(status == 500, SIPTAG_RETRY_AFTER_STR("3")),
                TAG_IF(sdp, SIPTAG_CONTENT_TYPE_STR("application/sdp")),
                TAG_IF(sdp, SIPTAG_PAYLOAD_STR(sdp)), TAG_END());
}

/* While a leg is handed on, its far end adds no streams: who is called next knows nothing of them,
 * and no later offer may have fewer (RFC 3264, section 8). */
static bool has_more_streams(const struct vx_leg *leg, const sip_t *sip) {
    if (!leg->peer || !vx_sip_has_body(sip))
        return false;
    return vx_sdp_streams((struct vx_str){sip->sip_payload->pl_data, sip->sip_payload->pl_len}) >
           vx_sdp_streams((struct vx_str){leg->peer->sdp.at, leg->peer->sdp.len});
}

/* A new description in a dialog: INVITE always ends with one, UPDATE only when it brought one. */
static void renegotiate(struct vx_leg *leg, msg_t *request, const sip_t *sip, bool invite) {
    unsigned fault = fault_of_body(sip);

    if (!fault && (has_more_streams(leg, sip) ||
                   ((invite || vx_sip_has_body(sip)) && !vx_answer_sdp(leg, sip))))
        fault = 488;
    if (fault)
        reply(leg, request, fault, false);
    else
        reply(leg, request, 200, invite || vx_sip_has_body(sip));
    leg->unconfirmed = leg->unconfirmed || (invite && !fault);
}

void vx_answer_request(struct vx_leg *leg, msg_t *request, const sip_t *sip) {
    sip_method_t method = sip->sip_request->rq_method;

    if (leg->over)
        reply(leg, request, 481, false);
    else if (!leg->answered && method != sip_method_info)
        reply(leg, request, 500, false); /* an offer is still open (RFC 3311, section 5.2) */
    else if (method == sip_method_invite || method == sip_method_update)
        renegotiate(leg, request, sip, method == sip_method_invite);
    else if (method == sip_method_info)
        reply(leg, request, 200, false);
    else
        reply(leg, request, 501, false);
}
