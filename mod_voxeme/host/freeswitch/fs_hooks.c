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
_Static_assert(HOOKED + 1 <= VX_FS_MAX_HOOKS, "more events than places for their nodes");

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

static void on_mark(switch_event_t *event) {
    struct vx_fs *fs = event->bind_user_data;

    vx_fs_mark_came(&fs->marks, switch_event_get_header(event, VX_FS_MARK_NUMBER));
}

static bool hook(struct vx_fs *fs, size_t i, switch_event_types_t type, const char *subclass,
                 switch_event_callback_t callback) {
    return switch_event_bind_removable("mod_voxeme", type, subclass, callback, fs, &fs->hooks[i]) ==
           SWITCH_STATUS_SUCCESS;
}

bool vx_fs_hook(struct vx_fs *fs) {
    for (size_t i = 0; i < HOOKED; i++)
        if (!hook(fs, i, hooked[i], NULL, on_event))
            return false;
    return hook(fs, HOOKED, SWITCH_EVENT_CUSTOM, VX_FS_MARK, on_mark);
}

/* Waits for callbacks that are running: the event system holds its lock while they run. */
void vx_fs_unhook(struct vx_fs *fs) {
    for (size_t i = 0; i < VX_FS_MAX_HOOKS; i++)
        if (fs->hooks[i])
            switch_event_unbind(&fs->hooks[i]);
}
