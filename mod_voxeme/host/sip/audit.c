/*
 * Every audit-seconds the registry hears which calls live, so that none stays in it as a ghost; and
 * legs that ended long ago, whose dialog the SIP stack never gave back, are taken down.
 */
#include "core/log.h"
#include "host/sip/leg.h"

/* Twice as long as any SIP transaction may take (64*T1, and Timer C aside). */
#define OVER_FOR_TOO_LONG (120 * VX_SECOND_US)

static void name_legs(struct vx_sip *sip) {
    for (struct vx_leg *leg = sip->legs; leg; leg = leg->next) {
        enum vx_event_type reached = leg->reached;
        uint16_t status = leg->status;

        if (leg->over || vx_registry_audit_seen(sip->registry, &leg->facts.event.call_sid))
            continue;
        vx_leg_tell(leg, VX_EVENT_CREATE, 100, NULL);
        if (reached != VX_EVENT_CREATE)
            vx_leg_tell(leg, reached, status, vx_sip_reason(status));
    }
}

static void take_down(struct vx_sip *sip) {
    int64_t before = vx_mono_us(&vx_clock_system) - OVER_FOR_TOO_LONG;

    for (struct vx_leg *leg = sip->legs, *next; leg; leg = next) {
        next = leg->next;
        if (leg->over && leg->over_since < before)
            vx_leg_free(leg);
    }
}

static void audit(su_root_magic_t *magic, su_timer_t *timer, su_timer_arg_t *arg) {
    struct vx_sip *sip = arg;

    (void)magic;
    (void)timer;
    vx_registry_audit_begin(sip->registry);
    name_legs(sip);
    size_t lost = vx_registry_audit_end(sip->registry);
    if (lost > 0)
        vx_log(VX_LOG_WARNING, "%zu calls in the registry were not known to SIP", lost);
    take_down(sip);
    vx_audit_schedule(sip);
}

void vx_audit_schedule(struct vx_sip *sip) {
    int64_t seconds = vx_config_int(sip->config, VX_SET_AUDIT_SECONDS);

    if (!sip->audit || su_timer_set_interval(sip->audit, audit, sip, seconds * 1000) < 0)
        vx_log(VX_LOG_ERROR, "no timer for the audit");
}
