/*
 * Which command does what to which leg; how a leg is hung up.
 */
#include "host/sip/command.h"

#include "host/sip/leg.h"

#include <stdio.h>

void vx_sip_command_end(struct vx_command *command, enum vx_outcome outcome, const char *reason) {
    vx_command_finish(command, outcome, 0, reason);
    vx_command_release(&command);
}

void vx_sip_command_fail(struct vx_command *command, unsigned status, const char *phrase) {
    char reason[96];

    if (status >= 700)
        snprintf(reason, sizeof reason, "the request could not be sent");
    else
        snprintf(reason, sizeof reason, "the far end answered %u %.48s", status,
                 phrase ? phrase : vx_sip_reason(status));
    vx_sip_command_end(command, VX_OUTCOME_FAILED, reason);
}

/* NULL: it can be hung up. */
static const char *obstacle(const struct vx_leg *leg, enum vx_hangup kind) {
    if (kind == VX_HANG_UP_ANSWERED && !leg->answered)
        return "the call has not been answered";
    if (kind == VX_HANG_UP_UNANSWERED && leg->answered)
        return "the call has been answered";
    return NULL;
}

static void hangup(struct vx_leg *leg, struct vx_command *command) {
    enum vx_hangup kind = vx_command_args(command)->hangup;
    const char *why = obstacle(leg, kind);

    if (why) {
        vx_sip_command_end(command, VX_OUTCOME_NOT_NOW, why);
        return;
    }
    if (leg->answered) {
        vx_leg_part(leg, 487, NULL, "NORMAL_CLEARING");
        vx_leg_hangup(leg, 487, NULL, "NORMAL_CLEARING");
    } else if (leg->facts.event.direction == VX_INBOUND) {
        unsigned status = kind == VX_HANG_UP_UNANSWERED ? 480 : 603;
        vx_leg_part(leg, 487, NULL, "ORIGINATOR_CANCEL");
        vx_leg_hangup(leg, status, NULL, vx_sip_cause_of_status(status));
    } else {
        vx_leg_part(leg, 480, NULL, "NO_ANSWER");
        vx_leg_hangup(leg, 487, NULL, "ORIGINATOR_CANCEL");
    }
    vx_sip_command_end(command, VX_OUTCOME_DONE, NULL);
}

static void perform_on(struct vx_leg *leg, struct vx_command *command) {
    switch (vx_command_verb(command)) {
    case VX_VERB_HANGUP:
        hangup(leg, command);
        break;
    case VX_VERB_HOLD:
    case VX_VERB_UNHOLD:
        vx_leg_hold(leg, command);
        break;
    case VX_VERB_DTMF:
    case VX_VERB_REQUEST:
        vx_leg_request(leg, command);
        break;
    case VX_VERB_REDIRECT:
        vx_leg_redirect(leg, command);
        break;
    case VX_VERB_ORIGINATE:
    case VX_VERB_MUTE:
    case VX_VERB_UNMUTE:
    case VX_VERB_REDIRECT_CHILD:
    case VX_VERB_RECORD:
    case VX_VERB_WHISPER:
    case VX_VERB_LISTEN:
    case VX_VERB_CONF_MUTE:
    case VX_VERB_CONF_UNMUTE:
    case VX_VERB_TAG:
    case VX_VERB_COUNT:
        vx_sip_command_end(command, VX_OUTCOME_UNABLE, "voxeme-switch cannot do this");
        break;
    }
}

void vx_sip_command_perform(void *ctx, struct vx_command *command) {
    struct vx_sip *sip = ctx;

    if (vx_command_verb(command) == VX_VERB_ORIGINATE) {
        vx_originate(sip, command);
        return;
    }
    struct vx_leg *leg = vx_leg_index_find(&sip->index, &vx_command_args(command)->call_sid);
    if (!leg || leg->over)
        vx_sip_command_end(command, VX_OUTCOME_NO_CALL, leg ? "the call has ended" : NULL);
    else
        perform_on(leg, command);
}
