/*
 * Which responses to a request within a dialog end the call. nua would forget the dialog at some of
 * them without a BYE, and the far end would be left with a call that nobody has; it leaves that to
 * us (nua_client.c).
 */
#include "core/log.h"
#include "host/sip/leg.h"

/* RFC 5057, section 5, and RFC 3261, section 12.2.1.2. What is said of a single request, or of what
 * it asks for, leaves the call as it is. */
static bool ends_call(sip_method_t method, unsigned status) {
    switch (status) {
    case 408: /* to others a far end that does not know them may say nothing */
        return method == sip_method_invite || method == sip_method_update;
    case 481: /* a NOTIFY that nobody has subscribed to gets it as well (RFC 6665, section 4.1.3) */
        return method != sip_method_notify;
    case 404:
    case 484:
    case 485:
    case 604: /* many say so of Refer-To */
        return method != sip_method_refer;
    case 410:
    case 416:
    case 482:
    case 483:
    case 502:
        return true;
    default:
        return false;
    }
}

void vx_dialog_response(struct vx_leg *leg, sip_method_t method, int status, bool refresh) {
    const char *cause = vx_sip_cause_of_status((unsigned)status);

    if (status < 300 || status >= 700 || leg->over || !leg->answered)
        return;
    /* Nothing would refresh the session later. */
    if (!ends_call(method, (unsigned)status) && !(refresh && status >= 500))
        return;
    if (status == 408)
        cause = "RECOVERY_ON_TIMER_EXPIRE";
    vx_sip_count(&leg->sip->metrics->lost);
    vx_leg_part(leg, (unsigned)status, NULL, cause);
    vx_leg_hangup(leg, (unsigned)status, NULL, cause);
}
