#include "host/sip/leg.h"

#include "core/alloc.h"
#include "core/log.h"
#include "host/sip/command.h"
#include "host/sip/nua_client.h"
#include "host/sip/sdp_pass.h"

struct vx_leg *vx_leg_new(struct vx_sip *sip, const struct vx_route *route,
                          struct vx_switch_config *config) {
    struct vx_leg *leg = vx_calloc(1, sizeof *leg);

    if (!leg)
        return NULL;
    vx_sip_count(&sip->metrics->legs);
    uint64_t legs = atomic_load_explicit(&sip->metrics->legs, memory_order_relaxed);
    if (legs > sip->legs_tide.most)
        sip->legs_tide.most = legs;
    leg->sip = sip;
    leg->config = vx_switch_config_ref(config);
    leg->route = route;
    leg->next = sip->legs;
    leg->link = &sip->legs;
    if (leg->next)
        leg->next->link = &leg->next;
    sip->legs = leg;
    return leg;
}

void vx_leg_count(struct vx_leg *leg) {
    leg->counted = true;
    atomic_store(&leg->sip->metrics->calls, ++leg->sip->calls);
}

void vx_leg_origin(struct vx_leg *leg) {
    memcpy(&leg->origin.session, leg->facts.event.call_sid.b, sizeof leg->origin.session);
    leg->origin.session >>= 2; /* 62 bits: some read it as a signed number */
    leg->origin.host = leg->sip->address;
}

void vx_leg_refuse_answer(struct vx_leg *leg) {
    leg->answered = true;
    nua_ack(leg->nh, TAG_END());
    vx_bye(leg->nh);
}

static void log_step(const struct vx_leg *leg, const char *step, unsigned status) {
    const struct vx_event *e = &leg->facts.event;
    char sid[VX_UUID_TEXT + 1];

    if (vx_log_get_level() < VX_LOG_INFO)
        return;
    vx_uuid_format(sid, &e->call_sid);
    vx_log(VX_LOG_INFO, "call %s %s: %s %u", sid,
           e->direction == VX_OUTBOUND ? "outbound" : "inbound", step, status);
}

void vx_leg_tell(struct vx_leg *leg, enum vx_event_type step, unsigned status, const char *reason) {
    struct vx_event e = {.type = step,
                         .direction = leg->facts.event.direction,
                         .call_sid = leg->facts.event.call_sid,
                         .sip_status = (uint16_t)status,
                         .sip_reason = vx_str(reason),
                         .answered_us = step == VX_EVENT_ANSWER ? leg->accepted_us : 0};

    if (leg->over)
        return;
    if (step == VX_EVENT_CREATE) {
        vx_leg_index_add(&leg->sip->index, leg);
        e = leg->facts.event;
        log_step(leg, "created", status);
    }
    if (step == VX_EVENT_ANSWER && leg->invite) {
        msg_destroy(leg->invite);
        leg->invite = NULL;
    }
    if (step >= leg->reached) {
        leg->reached = step;
        leg->status = (uint16_t)status;
    }
    enum vx_applied applied = vx_registry_apply(leg->sip->registry, &e);
    if (step == VX_EVENT_CREATE)
        leg->known = applied == VX_APPLIED || applied == VX_UNCHANGED;
}

static void timer_fired(su_root_magic_t *magic, su_timer_t *timer, su_timer_arg_t *arg) {
    struct vx_leg *leg = arg;
    void (*then)(struct vx_leg *) = leg->on_timer;

    (void)magic;
    (void)timer;
    leg->on_timer = NULL;
    if (then && !leg->over)
        then(leg);
}

void vx_leg_timer(struct vx_leg *leg, int64_t ms, void (*then)(struct vx_leg *leg)) {
    if (leg->timer)
        su_timer_reset(leg->timer);
    leg->on_timer = then;
    if (!then)
        return;
    if (!leg->timer)
        leg->timer = su_timer_create(su_root_task(leg->sip->root), 0);
    if (!leg->timer || su_timer_set_interval(leg->timer, timer_fired, leg, (su_duration_t)ms) < 0)
        vx_log(VX_LOG_ERROR, "no timer for a call: it has no time limit");
}

const char *vx_leg_phrase(const struct vx_leg *leg, unsigned status, const char *phrase) {
    const char *standard = vx_sip_reason(status);

    if (!phrase || strcmp(phrase, standard) == 0)
        return standard;
    phrase = su_strdup(nua_handle_home(leg->nh), phrase);
    return phrase ? phrase : standard;
}

const char *vx_leg_sdp_text(struct vx_leg *leg) {
    if (leg->sdp.len == 0 || !vx_buf_reserve(&leg->sdp, 1))
        return NULL;
    leg->sdp.at[leg->sdp.len] = '\0';
    return leg->sdp.at;
}

void vx_leg_respond(struct vx_leg *leg, unsigned status, const char *reason, bool with_sdp) {
    const char *sdp = with_sdp ? vx_leg_sdp_text(leg) : NULL;

    if (status >= 200 && status < 300) {
        /* The far end may have it before nua tells us that it has gone. */
        if (!leg->answered)
            leg->accepted_us = vx_wall_us(&vx_clock_system);
        leg->answered = leg->unconfirmed = true;
    }
    nua_respond(leg->nh, (int)status, vx_leg_phrase(leg, status, reason),
                TAG_IF(status < 300, NUTAG_UPDATE_REFRESH(leg->peer_updates)), VX_LEG_CONTACT(leg),
                TAG_IF(status == 415, SIPTAG_ACCEPT_STR("application/sdp")),
                TAG_IF(status == 503, SIPTAG_RETRY_AFTER_STR("5")),
                TAG_IF(sdp, SIPTAG_CONTENT_TYPE_STR("application/sdp")),
                TAG_IF(sdp, SIPTAG_PAYLOAD_STR(sdp)), TAG_END());
}

void vx_leg_hangup(struct vx_leg *leg, unsigned status, const char *reason, const char *cause) {
    if (leg->over)
        return;
    if (leg->answered) {
        if (leg->unacked)
            nua_ack(leg->nh, TAG_END());
        leg->unacked = false;
        vx_bye(leg->nh);
    } else if (leg->facts.event.direction == VX_INBOUND) {
        vx_leg_respond(leg, status, reason, false);
    } else {
        nua_cancel(leg->nh, TAG_END());
    }
    vx_leg_over(leg, status, reason, cause);
}

static void drop_all(struct vx_leg *leg) {
    vx_relay_drop_all(leg);
    vx_leg_hold_drop(leg);
    vx_leg_request_drop_all(leg);
    vx_leg_redirect_drop(leg);
    if (leg->invite)
        msg_destroy(leg->invite);
    leg->invite = NULL;
}

void vx_leg_over(struct vx_leg *leg, unsigned status, const char *reason, const char *cause) {
    struct vx_event e = leg->facts.event;

    if (leg->over)
        return;
    if (leg->answered)
        status = 200, reason = NULL;
    e.type = VX_EVENT_HANGUP;
    /* What tells the account is weighed, and counted, once; the tag may have been changed since. */
    if (leg->known) {
        e.evidence = (struct vx_account_evidence){0};
        e.tag = VX_NONE;
    }
    e.sip_status = (uint16_t)status;
    e.sip_reason = vx_str(reason ? reason : vx_sip_reason(status));
    e.cause = vx_str(cause);
    vx_registry_apply(leg->sip->registry, &e);
    log_step(leg, cause, status);
    leg->over = true;
    leg->over_since = vx_mono_us(&vx_clock_system);
    if (leg->counted)
        atomic_store(&leg->sip->metrics->calls, --leg->sip->calls);
    leg->counted = false;
    vx_leg_timer(leg, 0, NULL);
    drop_all(leg);
}

void vx_leg_part(struct vx_leg *leg, unsigned status, const char *reason, const char *cause) {
    struct vx_leg *peer = leg->peer;

    leg->peer = NULL;
    if (!peer)
        return;
    peer->peer = NULL;
    vx_leg_hangup(peer, status, reason, cause);
}

void vx_leg_free(struct vx_leg *leg) {
    struct vx_sip *sip = leg->sip;

    if (leg->peer)
        leg->peer->peer = NULL;
    drop_all(leg);
    vx_leg_index_remove(&sip->index, leg);
    if (leg->timer)
        su_timer_destroy(leg->timer);
    if (leg->nh) {
        nua_handle_bind(leg->nh, NULL);
        nua_handle_destroy(leg->nh);
    }
    atomic_fetch_sub_explicit(&sip->metrics->legs, 1, memory_order_relaxed);
    *leg->link = leg->next;
    if (leg->next)
        leg->next->link = leg->link;
    vx_leg_event_clear(&leg->facts);
    vx_buf_free(&leg->sdp);
    vx_buf_free(&leg->passed);
    vx_buf_free(&leg->before);
    vx_buf_free(&leg->handoff);
    vx_free(leg->hook);
    vx_credentials_release(&leg->credentials);
    vx_switch_config_release(&leg->config);
    vx_free(leg);
    vx_sip_leg_freed(sip);
}

bool vx_sip_is_tcp(const url_t *url) {
    char transport[8];

    return url->url_params &&
           url_param(url->url_params, "transport", transport, sizeof transport) > 0 &&
           strcasecmp(transport, "tcp") == 0;
}

bool vx_sip_is_sdp(const sip_t *sip) {
    return sip->sip_content_type && sip->sip_content_type->c_type &&
           strcasecmp(sip->sip_content_type->c_type, "application/sdp") == 0;
}

const char *vx_leg_passed_text(struct vx_leg *leg) {
    struct vx_str sdp = {leg->sdp.at, leg->sdp.len};

    if (!leg->shift || !sdp.len)
        return vx_leg_sdp_text(leg);
    vx_buf_free(&leg->passed);
    vx_sdp_pass(&leg->passed, sdp, leg->own_origin ? &leg->origin : NULL, leg->shift,
                vx_leg_is_held(leg) ? VX_SDP_HOLD : VX_SDP_KEEP);
    vx_buf_add(&leg->passed, "", 1);
    return vx_buf_ok(&leg->passed) ? leg->passed.at : NULL;
}

const char *vx_leg_pass_sdp(struct vx_leg *leg, const sip_t *sip) {
    bool release = leg->peer && vx_leg_is_held(leg->peer);

    if (!sip || !vx_sip_has_body(sip) || !vx_sip_is_sdp(sip))
        return NULL;
    const struct vx_str sdp = {sip->sip_payload->pl_data, sip->sip_payload->pl_len};
    leg->sdp.len = 0;
    if (release)
        vx_sdp_pass(&leg->sdp, sdp, NULL, 0, VX_SDP_RELEASE);
    else
        vx_buf_str(&leg->sdp, sdp);
    return release || leg->shift ? vx_leg_passed_text(leg) : NULL;
}
