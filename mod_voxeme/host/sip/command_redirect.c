/*
 * REDIRECT: the call goes to the user of `redirect-to`, and the hook with it, in a header. One that
 * has been answered is taken there by its far end, which is asked to by REFER (RFC 3515), with a
 * key in the place of the hook, and says by NOTIFY how it went; an inbound one that has not is sent
 * another way where it is.
 */
#include "core/alloc.h"
#include "core/log.h"
#include "host/sip/command.h"
#include "host/sip/command_text.h"
#include "host/sip/leg.h"

#include <stdio.h>

static const char out_of_memory[] = "the switch is out of memory";

void vx_leg_redirect_drop(struct vx_leg *leg) {
    struct vx_command *command = leg->redirecting;

    leg->redirecting = NULL;
    leg->referred = false;
    if (command)
        vx_sip_command_end(command, VX_OUTCOME_NO_CALL, "the call has ended");
}

static int64_t timeout_us(const struct vx_sip *sip) {
    return vx_switch_int(sip->switch_config, VX_SW_REDIRECT_TIMEOUT_SECONDS) * VX_SECOND_US;
}

/* NULL when it has been sent. The far end's NOTIFYs are taken from then on. */
static const char *refer(struct vx_leg *leg, struct vx_command *command, const char *user) {
    struct vx_sip *sip = leg->sip;
    int64_t now = vx_mono_us(&vx_clock_system);
    char host[sizeof sip->host + 24];
    struct vx_buf to = {0};
    bool ok;

    snprintf(host, sizeof host, "%s:%u%s", sip->host, sip->port,
             leg->over_tcp ? ";transport=tcp" : "");
    if (!vx_referrals_add(&sip->referrals, vx_command_args(command)->hook, now + timeout_us(sip),
                          &leg->referral))
        return out_of_memory;
    vx_sip_command_refer_to(&to, user, host, &leg->referral);
    vx_buf_add(&to, "", 1);
    ok = vx_buf_ok(&to);
    if (!ok) {
        vx_referrals_remove(&sip->referrals, &leg->referral);
    } else {
        nua_refer(leg->nh, NUTAG_ALLOW("NOTIFY"), SIPTAG_REFER_TO_STR(to.at), TAG_END());
        leg->referring = leg->referred = true;
        leg->referred_since = now;
        leg->redirecting = command;
    }
    vx_buf_free(&to);
    return ok ? NULL : out_of_memory;
}

static const char *reroute(struct vx_leg *leg, const struct vx_command *command, const char *user) {
    struct vx_str hook = vx_command_args(command)->hook;
    char *kept = vx_strndup(hook.at, hook.len), *before = leg->hook;

    if (!kept)
        return out_of_memory;
    leg->hook = kept;
    if (vx_incoming_again(leg, user)) {
        vx_free(before);
        return NULL;
    }
    leg->hook = before;
    vx_free(kept);
    return "the call cannot be sent another way";
}

/* A far end that never says how it went does not keep a call from being redirected again. */
static bool is_referred(const struct vx_leg *leg) {
    return leg->referred &&
           vx_mono_us(&vx_clock_system) - leg->referred_since < timeout_us(leg->sip);
}

static bool is_full(struct vx_sip *sip) {
    int64_t limit = vx_switch_int(sip->switch_config, VX_SW_MAX_REDIRECTS);

    if (sip->referrals.count >= limit)
        vx_referrals_expire(&sip->referrals, vx_mono_us(&vx_clock_system));
    return sip->referrals.count >= limit;
}

/* NULL: nothing stands in the way. */
static const char *obstacle(const struct vx_leg *leg) {
    if (leg->referring || is_referred(leg))
        return "the call is being redirected";
    /* nua would send it later, when nobody waits for it any more. */
    if (leg->answered)
        return leg->requests || vx_relay_queues(leg) ? "another request waits for the far end"
                                                     : NULL;
    if (leg->facts.event.direction == VX_OUTBOUND)
        return "the call has not been answered";
    /* The first description in a response is the answer, and the caller ignores any other (RFC
     * 3261, section 13.2.1): what the new route says could not be told. */
    return leg->reached == VX_EVENT_MEDIA ? "the call has early media: its answer is settled"
                                          : NULL;
}

/* As refer(). */
static const char *ask_far_end(struct vx_leg *leg, struct vx_command *command, const char *user) {
    bool forgotten = leg->referred;
    const char *why;

    if (is_full(leg->sip)) {
        vx_sip_count(&leg->sip->metrics->redirects_full);
        return "too many calls are being redirected";
    }
    why = refer(leg, command, user);
    if (why)
        vx_sip_count(&leg->sip->metrics->commands_memory);
    else if (forgotten)
        vx_sip_count(&leg->sip->metrics->redirect_timeouts);
    return why;
}

void vx_leg_redirect(struct vx_leg *leg, struct vx_command *command) {
    const char *user = vx_switch_text(leg->sip->switch_config, VX_SW_REDIRECT_TO);
    enum vx_outcome outcome = VX_OUTCOME_NOT_NOW;
    const char *why;

    if (!user[0]) {
        vx_sip_command_end(command, VX_OUTCOME_UNABLE, "the setting redirect-to is not set");
        return;
    }
    if (!vx_sip_is_hook(vx_command_args(command)->hook)) {
        vx_sip_command_end(command, VX_OUTCOME_FAILED, "call_hook: its URL cannot be in a header");
        return;
    }
    why = obstacle(leg);
    if (!why && leg->answered) {
        why = ask_far_end(leg, command, user);
        if (!why)
            return;
        outcome = VX_OUTCOME_REFUSED;
    } else if (!why) {
        why = reroute(leg, command, user);
        outcome = why ? VX_OUTCOME_REFUSED : VX_OUTCOME_DONE;
        if (why)
            vx_sip_count(&leg->sip->metrics->commands_memory);
    }
    vx_sip_command_end(command, outcome, why);
}

void vx_leg_redirect_response(struct vx_leg *leg, int status, const char *phrase) {
    struct vx_command *command = leg->redirecting;

    if (status < 200)
        return;
    leg->referring = false;
    leg->redirecting = NULL;
    if (status >= 300) {
        leg->referred = false;
        vx_referrals_remove(&leg->sip->referrals, &leg->referral);
    }
    if (!command)
        return; /* a NOTIFY was faster */
    if (status < 300)
        vx_sip_command_end(command, VX_OUTCOME_DONE, NULL);
    else
        vx_sip_command_fail(command, (unsigned)status, phrase);
}

/* The status line of a message/sipfrag (RFC 3420); 0: none. */
static unsigned status_of(const sip_t *notify) {
    static const char begins[] = "SIP/2.0 ";
    const sip_payload_t *body = notify->sip_payload;
    unsigned status = 0;

    if (!body || body->pl_len < sizeof begins + 2 ||
        memcmp(body->pl_data, begins, sizeof begins - 1) != 0)
        return 0;
    for (size_t i = sizeof begins - 1; i < sizeof begins + 2; i++) {
        unsigned digit = (unsigned)(body->pl_data[i] - '0');
        if (digit > 9)
            return 0;
        status = status * 10 + digit;
    }
    return status;
}

/* Whether the far end says that no more will come. */
static bool is_last(const sip_t *notify) {
    const sip_subscription_state_t *state = notify->sip_subscription_state;

    return state && state->ss_substate && strcasecmp(state->ss_substate, "terminated") == 0;
}

/* It may overtake the 202: that the REFER was taken is known by then. */
void vx_leg_redirect_notified(struct vx_leg *leg, const sip_t *notify) {
    unsigned status = status_of(notify);
    struct vx_command *command = leg->redirecting;

    if (!leg->referred || leg->over || (status < 200 && !is_last(notify)))
        return;
    leg->redirecting = NULL;
    leg->referred = false;
    if (command)
        vx_sip_command_end(command, VX_OUTCOME_DONE, NULL);
    /* The new call has brought it by now, or will not come. */
    vx_referrals_remove(&leg->sip->referrals, &leg->referral);
    if (status < 200 || status >= 300) {
        vx_log(VX_LOG_INFO, "a call that was redirected stays: its new one ended with %u", status);
        return;
    }
    /* What follows is the new call's; a far end that hangs up by itself is met half way. */
    vx_leg_part(leg, 487, NULL, "BLIND_TRANSFER");
    vx_leg_hangup(leg, 487, NULL, "BLIND_TRANSFER");
}
