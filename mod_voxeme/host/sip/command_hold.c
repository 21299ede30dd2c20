/*
 * HOLD and UNHOLD: the session is offered anew, as sendonly or sendrecv, and the command ends with
 * the far end's answer.
 */
#include "core/alloc.h"
#include "host/sip/command.h"
#include "host/sip/leg.h"

struct vx_holding {
    struct vx_command *command;
    enum vx_sdp_media media;
    struct vx_buf sdp; /* what has been offered */
};

static void drop(struct vx_leg *leg) {
    vx_buf_free(&leg->holding->sdp);
    vx_free(leg->holding);
    leg->holding = NULL;
}

void vx_leg_hold_drop(struct vx_leg *leg) {
    if (!leg->holding)
        return;
    vx_sip_command_end(leg->holding->command, VX_OUTCOME_NO_CALL, "the call has ended");
    drop(leg);
}

/* VX_OUTCOME_DONE: nothing stands in the way. */
static enum vx_outcome obstacle(const struct vx_leg *leg, const char **why) {
    if (!leg->answered) {
        *why = "the call has not been answered";
        return VX_OUTCOME_NOT_NOW;
    }
    if (leg->route && leg->route->action == VX_ROUTE_BRIDGE) {
        /* An offer of our own would take numbers of the other end's o= line, and its answer would
         * have to reach that end. */
        *why = "the two ends of a bridge negotiate with each other";
        return VX_OUTCOME_UNABLE;
    }
    if (leg->holding || leg->inviting) {
        *why = "the call is being negotiated";
        return VX_OUTCOME_NOT_NOW;
    }
    return VX_OUTCOME_DONE;
}

/* False: out of memory. */
static bool offer(struct vx_leg *leg, struct vx_command *command, enum vx_sdp_media media) {
    struct vx_holding *h = vx_calloc(1, sizeof *h);
    struct vx_sdp_origin origin = leg->origin;

    if (!h)
        return false;
    h->command = command;
    h->media = origin.media = media;
    origin.version = ++leg->origin.version;
    vx_sdp_turn(&h->sdp, &origin, (struct vx_str){leg->sdp.at, leg->sdp.len});
    vx_buf_add(&h->sdp, "", 1);
    leg->holding = h;
    if (!vx_buf_ok(&h->sdp) || h->sdp.len == 1) {
        drop(leg);
        return false;
    }
    nua_invite(leg->nh, SIPTAG_CONTENT_TYPE_STR("application/sdp"), SIPTAG_PAYLOAD_STR(h->sdp.at),
               TAG_END());
    h->sdp.len--;
    return true;
}

void vx_leg_hold(struct vx_leg *leg, struct vx_command *command) {
    bool hold = vx_command_verb(command) == VX_VERB_HOLD;
    const char *why = NULL;
    enum vx_outcome outcome = obstacle(leg, &why);

    if (outcome == VX_OUTCOME_DONE && hold != (leg->origin.media == VX_SDP_SENDONLY)) {
        if (offer(leg, command, hold ? VX_SDP_SENDONLY : VX_SDP_SENDRECV))
            return;
        vx_sip_count(&leg->sip->metrics->commands_memory);
        outcome = VX_OUTCOME_REFUSED;
        why = "the switch is out of memory";
    }
    vx_sip_command_end(command, outcome, why);
}

bool vx_leg_hold_response(struct vx_leg *leg, int status, const char *phrase) {
    struct vx_holding *h = leg->holding;

    if (!h || status < 200)
        return h;
    if (status < 300) {
        nua_ack(leg->nh, TAG_END());
        vx_buf_free(&leg->sdp);
        leg->sdp = h->sdp;
        h->sdp = (struct vx_buf){0};
        leg->origin.media = h->media;
        vx_sip_command_end(h->command, VX_OUTCOME_DONE, NULL);
    } else {
        vx_sip_command_fail(h->command, (unsigned)status, phrase);
    }
    drop(leg);
    return true;
}
