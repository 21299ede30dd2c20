/* From FreeSWITCH's event threads into the registry: one pass over the headers, one bounded apply.
 */
#include "host/freeswitch/fs.h"
#include "host/freeswitch/fs_event.h"

#include <errno.h>
#include <inttypes.h>
#include <time.h>

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

/* --- events that are late --- */

#define MARK        "voxeme::audit"
#define MARK_NUMBER "Voxeme-Audit"
#define PATIENCE_S  5

static void on_mark(switch_event_t *event) {
    struct vx_fs *fs = event->bind_user_data;
    const char *number = switch_event_get_header(event, MARK_NUMBER);

    pthread_mutex_lock(&fs->auditor_lock);
    if (number)
        fs->mark_seen = strtoull(number, NULL, 10);
    pthread_cond_broadcast(&fs->auditor_wake);
    pthread_mutex_unlock(&fs->auditor_lock);
}

static bool send_mark(struct vx_fs *fs) {
    switch_event_t *event;
    char number[24];

    if (switch_event_create_subclass(&event, SWITCH_EVENT_CUSTOM, MARK) != SWITCH_STATUS_SUCCESS)
        return false;
    snprintf(number, sizeof number, "%" PRIu64, ++fs->mark);
    switch_event_add_header_string(event, SWITCH_STACK_BOTTOM, MARK_NUMBER, number);
    return switch_event_fire(&event) == SWITCH_STATUS_SUCCESS;
}

bool vx_fs_catch_up(struct vx_fs *fs) {
    struct timespec until;
    int waited = 0;
    bool seen;

    if (!send_mark(fs))
        return false;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&fs->auditor_lock);
    while (fs->mark_seen != fs->mark && !fs->stopping && waited != ETIMEDOUT)
        waited = pthread_cond_timedwait(&fs->auditor_wake, &fs->auditor_lock, &until);
    seen = fs->mark_seen == fs->mark;
    pthread_mutex_unlock(&fs->auditor_lock);
    return seen;
}

/* --- all of them --- */

static bool hook(struct vx_fs *fs, size_t i, switch_event_types_t type, const char *subclass,
                 switch_event_callback_t callback) {
    return switch_event_bind_removable("mod_voxeme", type, subclass, callback, fs, &fs->hooks[i]) ==
           SWITCH_STATUS_SUCCESS;
}

bool vx_fs_hook(struct vx_fs *fs) {
    for (size_t i = 0; i < HOOKED; i++)
        if (!hook(fs, i, hooked[i], NULL, on_event))
            return false;
    return hook(fs, HOOKED, SWITCH_EVENT_CUSTOM, MARK, on_mark);
}

/* Waits for callbacks that are running: the event system holds its lock while they run. */
void vx_fs_unhook(struct vx_fs *fs) {
    for (size_t i = 0; i < VX_FS_MAX_HOOKS; i++)
        if (fs->hooks[i])
            switch_event_unbind(&fs->hooks[i]);
}
