/* From FreeSWITCH's event threads into the registry: one pass over the headers, one bounded apply.
 */
#include "host/freeswitch/fs.h"
#include "host/freeswitch/fs_event.h"

static const switch_event_types_t hooked[] = {
    SWITCH_EVENT_CHANNEL_CREATE,
    SWITCH_EVENT_CHANNEL_PROGRESS,
    SWITCH_EVENT_CHANNEL_PROGRESS_MEDIA,
    SWITCH_EVENT_CHANNEL_ANSWER,
    SWITCH_EVENT_CHANNEL_BRIDGE,
    SWITCH_EVENT_CHANNEL_HOLD,
    SWITCH_EVENT_CHANNEL_UNHOLD,
    SWITCH_EVENT_CHANNEL_HANGUP,
    SWITCH_EVENT_CHANNEL_HANGUP_COMPLETE,
    SWITCH_EVENT_CHANNEL_DESTROY,
    SWITCH_EVENT_CHANNEL_UUID,
};
#define HOOKED (sizeof hooked / sizeof *hooked)
_Static_assert(HOOKED <= VX_FS_MAX_HOOKS, "more events than places for their nodes");

static bool is_known(struct vx_fs *fs, const struct vx_uuid *call_sid) {
    struct vx_scope *all = vx_registry_all(fs->registry);
    struct vx_snapshot *call = vx_scope_find(all, call_sid);
    bool known = call != NULL;

    vx_snapshot_release(&call);
    vx_scope_release(&all);
    return known;
}

static bool loopback_counts(struct vx_fs *fs, const struct vx_event *e) {
    switch (atomic_load_explicit(&fs->loopback, memory_order_relaxed)) {
    case VX_FS_LOOPBACK_TRACKED:
        return true;
    case VX_FS_LOOPBACK_ENDING:
        return is_known(fs, e->type == VX_EVENT_RENAME ? &e->renamed_from : &e->call_sid);
    case VX_FS_LOOPBACK_IGNORED:
    default:
        return false;
    }
}

bool vx_fs_apply(struct vx_fs *fs, const switch_event_t *event) {
    struct vx_fs_scratch scratch;
    struct vx_event e;

    if (!vx_fs_event_read(&e, &scratch, event) || (scratch.loopback && !loopback_counts(fs, &e)) ||
        (scratch.discarded && !is_known(fs, &e.call_sid)))
        return false;
    return vx_registry_apply(fs->registry, &e) == VX_APPLIED;
}

static void on_event(switch_event_t *event) {
    vx_fs_apply(event->bind_user_data, event);
}

bool vx_fs_hook(struct vx_fs *fs) {
    for (size_t i = 0; i < HOOKED; i++)
        if (switch_event_bind_removable("mod_voxeme", hooked[i], NULL, on_event, fs,
                                        &fs->hooks[i]) != SWITCH_STATUS_SUCCESS)
            return false;
    return true;
}

/* Waits for callbacks that are running: the event system holds its lock while they run. */
void vx_fs_unhook(struct vx_fs *fs) {
    for (size_t i = 0; i < HOOKED; i++)
        if (fs->hooks[i])
            switch_event_unbind(&fs->hooks[i]);
}
