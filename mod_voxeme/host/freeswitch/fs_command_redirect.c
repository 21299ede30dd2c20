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

static bool transfer(switch_core_session_t *session, const struct vx_fs_place *place) {
    return switch_ivr_session_transfer(session, place->extension, place->dialplan,
                                       place->context) == SWITCH_STATUS_SUCCESS;
}

/* Read-locked, or NULL. */
static switch_core_session_t *partner_of(const struct vx_fs_call *call) {
    const char *uuid = switch_channel_get_partner_uuid(call->channel);

    return uuid ? switch_core_session_locate(uuid) : NULL;
}

/* Of a pair that is moved as one, neither leg is to end because the other leaves. */
static void keep_both(const struct vx_fs_call *call, switch_channel_t *other) {
    switch_channel_set_flag(other, CF_REDIRECT);
    switch_channel_set_flag(call->channel, CF_REDIRECT);
}

static struct vx_fs_result redirect_child(const struct vx_fs_call *call,
                                          const struct vx_fs_place *place) {
    switch_core_session_t *partner = partner_of(call);
    switch_channel_t *channel;
    bool moved;

    if (!partner)
        return VX_FS_ENDS(VX_OUTCOME_NOT_NOW, "the call is joined with no other leg");
    channel = switch_core_session_get_channel(partner);
    if (call->args->hook.at)
        keep_both(call, channel);
    moved = set_hook(channel, call->args->child_hook, call->args->child_hook_method) &&
            transfer(partner, place);
    switch_core_session_rwunlock(partner);
    return moved ? VX_FS_DONE
                 : VX_FS_ENDS(VX_OUTCOME_FAILED, "FreeSWITCH did not move the other leg");
}

struct vx_fs_result vx_fs_redirect(const struct vx_fs_call *call) {
    struct vx_fs_result result = VX_FS_DONE;
    struct vx_fs_place place;

    if (!vx_fs_is_answered(call) &&
        switch_channel_direction(call->channel) == SWITCH_CALL_DIRECTION_OUTBOUND)
        return VX_FS_ENDS(VX_OUTCOME_NOT_NOW, "the far end has not answered");
    vx_fs_place_read(&place, call->config);
    if (call->verb == VX_VERB_REDIRECT_CHILD)
        result = redirect_child(call, &place);
    if (result.outcome != VX_OUTCOME_DONE || !call->args->hook.at)
        return result;
    if (!set_hook(call->channel, call->args->hook, call->args->hook_method) ||
        !transfer(call->session, &place))
        return VX_FS_ENDS(VX_OUTCOME_FAILED, "FreeSWITCH did not move the call");
    return VX_FS_DONE;
}
