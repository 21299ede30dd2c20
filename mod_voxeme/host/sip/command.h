/*
 * What voxeme-switch does when the API commands it. Each function gets a command that was taken,
 * with a reference that it owns, and finishes it, at once or when the far end has answered. SIP
 * thread only. Private to host/sip.
 */
#ifndef VX_HOST_SIP_COMMAND_H
#define VX_HOST_SIP_COMMAND_H

#include "core/command.h"
#include "host/sip/sofia.h"

/* Not: mute and unmute. To have a party send nothing is to hold it, and its display says so. */
#define VX_SIP_VERBS                                                                               \
    (1U << VX_VERB_ORIGINATE | 1U << VX_VERB_HANGUP | 1U << VX_VERB_HOLD | 1U << VX_VERB_UNHOLD |  \
     1U << VX_VERB_DTMF | 1U << VX_VERB_REQUEST | 1U << VX_VERB_REDIRECT | VX_HOST_AUTHENTICATES)

/* For vx_command_queue_open(); `ctx` is the struct vx_sip. */
void vx_sip_command_perform(void *ctx, struct vx_command *command);

/* vx_command_finish() and the end of the reference. `reason` may be NULL. */
void vx_sip_command_end(struct vx_command *command, enum vx_outcome outcome, const char *reason);

/* FAILED, for a request that ended with this status (nua's own, from 700 on, stand for one that
 * could not be sent). */
void vx_sip_command_fail(struct vx_command *command, unsigned status, const char *phrase);

/* command_originate.c: a new leg, and the responses to its INVITE until it is answered or over. */
void vx_originate(struct vx_sip *sip, struct vx_command *command);
void vx_originate_response(struct vx_leg *leg, int status, const char *phrase, const sip_t *sip);
/* Counts its limit_ms from now on. */
void vx_originate_limit(struct vx_leg *leg);

/* command_hold.c: HOLD and UNHOLD of a leg that is not over. */
void vx_leg_hold(struct vx_leg *leg, struct vx_command *command);
/* An ACK has come: what has waited for that is done. */
void vx_leg_hold_next(struct vx_leg *leg);
/* The leg of a bridge is offered what the other end says, for the first time (handoff.c). False:
 * out of memory. */
bool vx_leg_hold_join(struct vx_leg *leg);
/* Whether a response to an INVITE belonged to it. */
bool vx_leg_hold_response(struct vx_leg *leg, int status, const char *phrase, const sip_t *sip);
/* Whether the INVITE of a HOLD or UNHOLD has been taken back, or its client has gone. */
bool vx_leg_hold_is_given_up(const struct vx_leg *leg);

/* command_request.c: DTMF and REQUEST, of a leg that is not over. */
void vx_leg_request(struct vx_leg *leg, struct vx_command *command);
/* Whether nobody waits for the one that is under way. */
bool vx_leg_request_is_given_up(const struct vx_leg *leg);
void vx_leg_request_response(struct vx_leg *leg, int status, const char *phrase);
/* The far end has answered something: what waits for that is sent. */
void vx_leg_request_next(struct vx_leg *leg);

/* command_redirect.c: REDIRECT of a leg that is not over; what the far end says to it. */
void vx_leg_redirect(struct vx_leg *leg, struct vx_command *command);
void vx_leg_redirect_response(struct vx_leg *leg, int status, const char *phrase);
void vx_leg_redirect_notified(struct vx_leg *leg, const sip_t *notify);

/* The leg is over: whoever waits for its far end is told so. */
void vx_leg_hold_drop(struct vx_leg *leg);
void vx_leg_request_drop_all(struct vx_leg *leg);
void vx_leg_redirect_drop(struct vx_leg *leg);

#endif
