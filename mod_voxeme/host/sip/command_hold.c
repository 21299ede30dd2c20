/*
 * HOLD and UNHOLD: the session is offered anew, as sendonly or sendrecv, and the command ends with
 * the far end's answer.
 *
 * On a leg of a bridge the offer is what the other end has said, turned; it learns of the answer
 * only when that has media go elsewhere, by an offer of its own. Descriptions that pass later are
 * numbered after those that were put in between, and turned for as long as the leg is held.
 */
#include "core/alloc.h"
#include "core/log.h"
#include "host/sip/command.h"
#include "host/sip/handoff.h"
#include "host/sip/leg.h"
#include "host/sip/sdp_pass.h"

#define MOST_ROUNDS 3 /* of offers, to and fro, after a command */

struct vx_holding {
    struct vx_command *command; /* NULL: the end of a bridge is told what the other has answered */
    bool joins;                 /* for the first time */
    enum vx_sdp_media media;
    struct vx_buf sdp; /* what has been offered; of a leg of a bridge it is kept there */
    unsigned rounds;
    bool given_up;
    su_timer_t *timer;
};

static void drop(struct vx_leg *leg) {
    if (leg->holding->timer)
        su_timer_destroy(leg->holding->timer);
    vx_buf_free(&leg->holding->sdp);
    vx_free(leg->holding);
    leg->holding = NULL;
}

void vx_leg_hold_drop(struct vx_leg *leg) {
    if (leg->postponed)
        vx_sip_command_end(leg->postponed, VX_OUTCOME_NO_CALL, "the call has ended");
    leg->postponed = NULL;
    if (!leg->holding)
        return;
    if (leg->holding->command)
        vx_sip_command_end(leg->holding->command, VX_OUTCOME_NO_CALL, "the call has ended");
    drop(leg);
}

/* NULL: nothing stands in the way. */
static const char *obstacle(const struct vx_leg *leg) {
    const struct vx_leg *peer = leg->peer;

    if (!leg->answered)
        return "the call has not been answered";
    if (vx_relay_negotiating(leg) || leg->inviting || leg->postponed)
        return "the call is being negotiated";
    if (!vx_leg_is_bridged(leg))
        return NULL;
    if (!peer || !peer->answered)
        return "the other end of the bridge is not there";
    if (!leg->sdp.len)
        return "the other end of the bridge has described no session";
    if (vx_relay_negotiating(peer) || peer->inviting)
        return "the call is being negotiated";
    return NULL;
}

/* What comes of it is a response as any other. */
static void not_answered(su_root_magic_t *magic, su_timer_t *timer, su_timer_arg_t *arg) {
    struct vx_leg *leg = arg;

    (void)magic;
    (void)timer;
    vx_sip_count(&leg->sip->metrics->hold_timeouts);
    leg->holding->given_up = true;
    nua_cancel(leg->nh, TAG_END());
}

bool vx_leg_hold_is_given_up(const struct vx_leg *leg) {
    const struct vx_holding *h = leg->holding;

    return h && (h->given_up || (h->command && !vx_command_wanted(h->command)));
}

static void invite(struct vx_leg *leg, const char *sdp) {
    struct vx_holding *h = leg->holding;
    int64_t seconds = vx_switch_int(leg->sip->switch_config, VX_SW_HOLD_TIMEOUT_SECONDS);

    nua_invite(leg->nh, SIPTAG_CONTENT_TYPE_STR("application/sdp"), SIPTAG_PAYLOAD_STR(sdp),
               TAG_END());
    h->timer = su_timer_create(su_root_task(leg->sip->root), 0);
    if (!h->timer || su_timer_set_interval(h->timer, not_answered, leg, seconds * 1000) < 0)
        vx_log(VX_LOG_ERROR, "no timer for a hold: the far end may take its time");
}

static struct vx_holding *begin(struct vx_leg *leg, struct vx_command *command,
                                enum vx_sdp_media media) {
    struct vx_holding *h = vx_calloc(1, sizeof *h);

    if (h) {
        h->command = command;
        h->media = media;
        leg->holding = h;
    }
    return h;
}

/* False, as the next: out of memory. */
static bool offer(struct vx_leg *leg, struct vx_command *command, enum vx_sdp_media media) {
    struct vx_holding *h = begin(leg, command, media);
    struct vx_sdp_origin origin = leg->origin;

    if (!h)
        return false;
    origin.media = media;
    origin.version = ++leg->origin.version;
    vx_sdp_turn(&h->sdp, &origin, (struct vx_str){leg->sdp.at, leg->sdp.len});
    vx_buf_add(&h->sdp, "", 1);
    if (!vx_buf_ok(&h->sdp) || h->sdp.len == 1) {
        drop(leg);
        return false;
    }
    invite(leg, h->sdp.at);
    h->sdp.len--;
    return true;
}

static bool offer_bridged(struct vx_leg *leg, struct vx_command *command, enum vx_sdp_media media) {
    struct vx_holding *h = begin(leg, command, media);

    if (!h)
        return false;
    leg->shift += 1 + leg->spent; /* behind those, too, that the far end has refused */
    leg->spent = 0;
    vx_sdp_pass(&h->sdp, (struct vx_str){leg->sdp.at, leg->sdp.len},
                leg->own_origin ? &leg->origin : NULL, leg->shift,
                media == VX_SDP_SENDONLY ? VX_SDP_HOLD : VX_SDP_KEEP);
    vx_buf_add(&h->sdp, "", 1);
    if (!vx_buf_ok(&h->sdp)) {
        drop(leg);
        return false;
    }
    invite(leg, h->sdp.at);
    return true;
}

bool vx_leg_hold_join(struct vx_leg *leg) {
    enum vx_sdp_media media = vx_leg_is_held(leg) ? VX_SDP_SENDONLY : VX_SDP_SENDRECV;
    const char *sdp = vx_leg_passed_text(leg);
    struct vx_holding *h = sdp ? begin(leg, NULL, media) : NULL;

    if (!h)
        return false;
    h->joins = true;
    invite(leg, sdp);
    return true;
}

/* An INVITE that crosses the ACK of our own 2xx is one too early (RFC 3261, section 14.1), and its
 * refusal would end the call. */
static bool is_early(const struct vx_leg *leg) {
    return leg->unconfirmed || (leg->peer && leg->peer->unconfirmed);
}

void vx_leg_hold_next(struct vx_leg *leg) {
    struct vx_command *command = leg->postponed;

    if (!command || is_early(leg))
        return;
    leg->postponed = NULL;
    if (vx_command_wanted(command))
        vx_leg_hold(leg, command);
    else
        vx_sip_command_end(command, VX_OUTCOME_REFUSED, "nobody waits for it any more");
}

void vx_leg_hold(struct vx_leg *leg, struct vx_command *command) {
    bool hold = vx_command_verb(command) == VX_VERB_HOLD, ok;
    enum vx_sdp_media media = hold ? VX_SDP_SENDONLY : VX_SDP_SENDRECV;
    const char *why = obstacle(leg);
    enum vx_outcome outcome = why ? VX_OUTCOME_NOT_NOW : VX_OUTCOME_DONE;

    if (!why && hold != vx_leg_is_held(leg)) {
        if (is_early(leg)) {
            leg->postponed = command;
            return;
        }
        ok = vx_leg_is_bridged(leg) ? offer_bridged(leg, command, media)
                                    : offer(leg, command, media);
        if (ok)
            return;
        vx_sip_count(&leg->sip->metrics->commands_memory);
        outcome = VX_OUTCOME_REFUSED;
        why = "the switch is out of memory";
    }
    vx_sip_command_end(command, outcome, why);
}

static void disagree(void) {
    vx_log(VX_LOG_WARNING, "the ends of a bridge do not agree on where media goes");
}

/* The answer of one end, where it says more than the other end knows, is offered to that. */
static void settle(struct vx_leg *leg, const sip_t *answer, bool directions, unsigned rounds) {
    struct vx_leg *peer = leg->peer;

    if (!answer || !peer || !vx_sip_has_body(answer) || !vx_sip_is_sdp(answer))
        return;
    const struct vx_str said = {answer->sip_payload->pl_data, answer->sip_payload->pl_len};
    if (vx_sdp_same_media(said, (struct vx_str){peer->sdp.at, peer->sdp.len}, directions))
        return;
    struct vx_holding *h =
        rounds < MOST_ROUNDS && !peer->inviting ? begin(peer, NULL, peer->origin.media) : NULL;
    const char *sdp = h ? vx_leg_pass_sdp(peer, answer) : NULL;
    if (h && !sdp)
        sdp = vx_leg_passed_text(peer);
    if (sdp) {
        h->rounds = rounds;
        invite(peer, sdp);
        return;
    }
    if (h)
        drop(peer);
    disagree();
}

static void taken(struct vx_leg *leg, struct vx_holding *h) {
    nua_ack(leg->nh, TAG_END());
    leg->origin.media = h->media;
    if (!vx_leg_is_bridged(leg)) {
        vx_buf_free(&leg->sdp);
        leg->sdp = h->sdp;
        h->sdp = (struct vx_buf){0};
    }
    if (h->command)
        vx_sip_command_end(h->command, VX_OUTCOME_DONE, NULL);
}

bool vx_leg_hold_response(struct vx_leg *leg, int status, const char *phrase, const sip_t *sip) {
    struct vx_holding *h = leg->holding;

    if (!h || status < 200)
        return h;
    bool bridged = vx_leg_is_bridged(leg);
    /* That a held end only receives is nothing that the other has to be told. */
    bool directions = (h->command || h->joins) && h->media == VX_SDP_SENDRECV;
    bool joins = h->joins;
    unsigned rounds = h->rounds;
    if (status < 300)
        taken(leg, h);
    else if (h->command)
        vx_sip_command_fail(h->command, (unsigned)status, phrase);
    else if (!joins)
        disagree();
    drop(leg);
    if (status < 300 && bridged)
        settle(leg, sip, directions, rounds + 1);
    if (joins)
        vx_handoff_joined(leg, status, sip);
    return true;
}
