/*
 * SIP facts that both hosts share: what a final response or a hangup cause means for a call.
 * Status codes: RFC 3261, section 21. Causes: ITU-T Q.850 as FreeSWITCH names them.
 */
#ifndef VX_SIP_H
#define VX_SIP_H

#include "core/base.h"

/* In the order of a call's life; a call never goes back. QUEUED comes before TRYING. */
enum vx_call_status {
    VX_CALL_QUEUED,
    VX_CALL_TRYING,
    VX_CALL_RINGING,
    VX_CALL_EARLY_MEDIA,
    VX_CALL_IN_PROGRESS,
    VX_CALL_COMPLETED,
    VX_CALL_BUSY,
    VX_CALL_NO_ANSWER,
    VX_CALL_FAILED,
    VX_CALL_STATUS_COUNT
};

static inline bool vx_call_status_ended(enum vx_call_status s) {
    return s >= VX_CALL_COMPLETED;
}

/* "in-progress" and so on; borrowed, static. */
const char *vx_call_status_name(enum vx_call_status s);
struct vx_str vx_call_status_word(enum vx_call_status s);

/* False when `name` is none of them. */
bool vx_call_status_parse(enum vx_call_status *out, struct vx_str name);

/* What a call that was never answered ended as: 486, 600, 603 busy; 408, 480, 487 no-answer; else
 * failed. */
enum vx_call_status vx_sip_unanswered(unsigned sip_status);

/* The response that mod_sofia sends for a hangup cause such as "USER_BUSY"; 480 for one it has no
 * row for. */
unsigned vx_sip_status_of_cause(struct vx_str cause);

/* A cause for a final response, the other way about, for hosts that know only SIP (RFC 3398,
 * section 8.2.6.1, with FreeSWITCH's names). Borrowed, static; "NORMAL_UNSPECIFIED" when there is
 * none. */
const char *vx_sip_cause_of_status(unsigned sip_status);

/* The reason phrase RFC 3261 gives a status; "" for one it does not know. Borrowed, static. */
const char *vx_sip_reason(unsigned sip_status);

#endif
