/* REDIRECT: a leg, the leg it is joined with, or both go to the place of freeswitch-redirect, with
 * the hook in a variable. */
#include "host/freeswitch/fs_command.h"

#include <stdio.h>

static char *word(char **rest, char *otherwise) {
    char *begin = *rest + strspn(*rest, " ");
    size_t len = strcspn(begin, " ");

    if (!len)
        return otherwise;
    *rest = begin + len + (begin[len] == ' ');
    begin[len] = '\0';
    return begin;
}

void vx_fs_place_read(struct vx_fs_place *place, const struct vx_config *config) {
    static char extension[] = "voxeme", dialplan[] = "XML", context[] = "default";
    char *rest = place->text;

    snprintf(place->text, sizeof place->text, "%s",
             vx_config_text(config, VX_SET_FREESWITCH_REDIRECT));
    place->extension = word(&rest, extension);
    place->dialplan = word(&rest, dialplan);
    place->context = word(&rest, context);
}

static bool set_hook(switch_channel_t *channel, struct vx_str hook, struct vx_str method) {
    return vx_fs_set_url(channel, "voxeme_call_hook", hook) &&
           vx_fs_set_variable(channel, "voxeme_call_hook_method",
                              method.at ? method : VX_STR("POST"));
}

/* FreeSWITCH would take it off hold, too, and wait for the music to end. */
static bool transfer(switch_core_session_t *session, const struct vx_fs_place *place) {
    if (switch_channel_test_flag(switch_core_session_get_channel(session), CF_HOLD))
        vx_fs_unhold(session);
    return switch_ivr_session_transfer(session, place->extension, place->dialplan,
                                       place->context) == SWITCH_STATUS_SUCCESS;
}

/* Of a pair that is moved as one, neither leg is to end because the other leaves. */
static void keep_both(const struct vx_fs_call *call, switch_channel_t *other) {
    switch_channel_set_flag(other, CF_REDIRECT);
    switch_channel_set_flag(call->channel, CF_REDIRECT);
}

static void let_go(const struct vx_fs_call *call, switch_channel_t *other) {
    switch_channel_clear_flag(other, CF_REDIRECT);
    switch_channel_clear_flag(call->channel, CF_REDIRECT);
}

#define NOT_MOVED VX_FS_ENDS(VX_OUTCOME_FAILED, "FreeSWITCH did not move the call")
#define NO_MEMORY VX_FS_ENDS(VX_OUTCOME_REFUSED, "out of memory")

static bool set_own_hook(const struct vx_fs_call *call) {
    return set_hook(call->channel, call->args->hook, call->args->hook_method);
}

static struct vx_fs_result redirect_both(const struct vx_fs_call *call,
                                         switch_core_session_t *partner,
                                         const struct vx_fs_place *place) {
    switch_channel_t *other = switch_core_session_get_channel(partner);

    /* FreeSWITCH would hang up the leg that stays behind for a moment. */
    if (switch_channel_get_variable(other, SWITCH_SIGNAL_BRIDGE_VARIABLE))
        return VX_FS_ENDS(VX_OUTCOME_NOT_NOW,
                          "of a call whose media bypasses FreeSWITCH only one leg can be moved");
    if (!set_own_hook(call))
        return NO_MEMORY;
    keep_both(call, other);
    if (transfer(partner, place) && switch_channel_up_nosig(call->channel) &&
        transfer(call->session, place))
        return VX_FS_DONE;
    let_go(call, other);
    return NOT_MOVED;
}

static struct vx_fs_result redirect_child(const struct vx_fs_call *call,
                                          const struct vx_fs_place *place) {
    switch_core_session_t *partner = vx_fs_partner(call);
    struct vx_fs_result result = VX_FS_DONE;

    if (!partner)
        return VX_FS_ENDS(VX_OUTCOME_NOT_NOW, "the call is joined with no other leg");
    if (!set_hook(switch_core_session_get_channel(partner), call->args->child_hook,
                  call->args->child_hook_method))
        result = NO_MEMORY;
    else if (call->args->hook.at)
        result = redirect_both(call, partner, place);
    else if (!transfer(partner, place))
        result = VX_FS_ENDS(VX_OUTCOME_FAILED, "FreeSWITCH did not move the other leg");
    switch_core_session_rwunlock(partner);
    return result;
}

struct vx_fs_result vx_fs_redirect(const struct vx_fs_call *call) {
    struct vx_fs_place place;

    if (!vx_fs_is_answered(call) &&
        switch_channel_direction(call->channel) == SWITCH_CALL_DIRECTION_OUTBOUND)
        return VX_FS_ENDS(VX_OUTCOME_NOT_NOW, "the far end has not answered");
    vx_fs_place_read(&place, call->config);
    if (call->verb == VX_VERB_REDIRECT_CHILD)
        return redirect_child(call, &place);
    if (!set_own_hook(call))
        return NO_MEMORY;
    return transfer(call->session, &place) ? VX_FS_DONE : NOT_MOVED;
}
