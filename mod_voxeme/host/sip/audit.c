/*
 * Every audit-seconds the registry hears which calls live, so that none stays in it as a ghost; and
 * legs that ended long ago, whose dialog the SIP stack never gave back, are taken down. What a
 * burst of them has held goes back to the system.
 */
#include "config.h"

#include "core/log.h"
#include "host/sip/leg.h"

#ifdef HAVE_MALLOC_TRIM
#include <malloc.h>
#endif

/* Twice as long as any SIP transaction may take (64*T1, and Timer C aside). */
#define OVER_FOR_TOO_LONG (120 * VX_SECOND_US)
#define BURST             1000
#define FEW               100
#define CALM_FOR_LONG     (40 * VX_SECOND_US) /* 64*T1, and some */

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

/* Whether so many of them are but the rest of a burst, and have been for long enough. */
static bool has_ebbed(struct vx_tide *tide, uint64_t count, int64_t now) {
    if (count > tide->most)
        tide->most = count;
    if (tide->most < BURST || count > tide->most / 4) {
        tide->calm_since = 0;
    } else if (!tide->calm_since) {
        tide->calm_since = now;
    } else if (now - tide->calm_since > CALM_FOR_LONG) {
        /* The rest keeps more than it needs: it is looked at again until few are left. */
        tide->most = count > FEW && count < BURST ? BURST : count;
        tide->calm_since = 0;
        return true;
    }
    return false;
}

/* The C library keeps what has been freed, a thousand legs of it for the sake of a few. To have it
 * give that back takes some 10 ms for 100 MiB, so it is done after a burst only: when the last of
 * its transactions have gone, and when its calls have left the registry. */
static void give_back_memory(struct vx_sip *sip) {
    int64_t now = vx_mono_us(&vx_clock_system);
    struct vx_registry_stats stats;

    vx_registry_stats(sip->registry, &stats);
    bool legs = has_ebbed(&sip->legs_tide,
                          atomic_load_explicit(&sip->metrics->legs, memory_order_relaxed), now);
    bool calls = has_ebbed(&sip->calls_tide, stats.calls, now);
#ifdef HAVE_MALLOC_TRIM
    if (legs || calls)
        malloc_trim(0);
#else
    (void)legs;
    (void)calls;
#endif
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
    vx_referrals_expire(&sip->referrals, vx_mono_us(&vx_clock_system));
    give_back_memory(sip);
    vx_audit_schedule(sip);
}

void vx_audit_schedule(struct vx_sip *sip) {
    int64_t seconds = vx_config_int(sip->config, VX_SET_AUDIT_SECONDS);

    if (!sip->audit || su_timer_set_interval(sip->audit, audit, sip, seconds * 1000) < 0)
        vx_log(VX_LOG_ERROR, "no timer for the audit");
}
