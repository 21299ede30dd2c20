/*
 * A call that the API has made is handed on once it is answered: to the route of `redirect-to`. SIP
 * thread only. Private to host/sip.
 */
#ifndef VX_HOST_SIP_HANDOFF_H
#define VX_HOST_SIP_HANDOFF_H

#include "host/sip/leg.h"

/* The originated leg has been answered so, and is up. */
void vx_handoff(struct vx_leg *leg, const sip_t *answer);

/* What the leg that was called for it says, until it is answered or over. */
void vx_handoff_response(struct vx_leg *child, int status, const char *phrase, const sip_t *sip);

/* Something that the leg was about has come to its end: what has waited for that is done. */
void vx_handoff_next(struct vx_leg *leg);

/* The final answer of the originated leg's far end to what the other one has said; `sip`: NULL when
 * nua gives it. */
void vx_handoff_joined(struct vx_leg *leg, int status, const sip_t *sip);

#endif
