/* The channels that are up: taken in when the module is loaded, compared with the registry ever
 * after. */
#include "host/freeswitch/fs.h"
#include "host/freeswitch/fs_event.h"

#include "core/log.h"

#include <errno.h>
#include <time.h>

#define AUDIT_PATIENCE_S 5

/* A channel tells of itself in the same headers as its events do. */
static bool take_in(struct vx_fs *fs, const char *uuid) {
    switch_core_session_t *session = switch_core_session_locate(uuid);
    switch_event_t *event = NULL;
    bool taken = false;

    if (!session)
        return false;
    if (switch_event_create(&event, SWITCH_EVENT_CHANNEL_DATA) == SWITCH_STATUS_SUCCESS) {
        switch_channel_event_set_data(switch_core_session_get_channel(session), event);
        taken = vx_fs_apply(fs, event);
        switch_event_destroy(&event);
    }
    switch_core_session_rwunlock(session);
    return taken;
}

static bool has_come(struct vx_fs *fs) {
    uint64_t mark = vx_fs_mark_send(&fs->marks);

    return mark && vx_fs_mark_wait(&fs->marks, mark, AUDIT_PATIENCE_S);
}

/* A channel goes from the list before the event that tells of it has come. Several threads empty
 * the queue: one may hold that event still when another has come to the mark. False: FreeSWITCH is
 * so far behind that nobody knows what is lost. */
static bool events_have_come(struct vx_fs *fs) {
    static const struct timespec in_hand = {.tv_nsec = 100000000};

    if (!has_come(fs))
        return false;
    if (!vx_registry_audit_missing(fs->registry))
        return true;
    nanosleep(&in_hand, NULL);
    return has_come(fs);
}

struct vx_fs_audit vx_fs_audit(struct vx_fs *fs) {
    struct vx_fs_audit result = {0};
    switch_console_callback_match_t *channels;

    pthread_mutex_lock(&fs->audits);
    vx_registry_audit_begin(fs->registry);
    channels = switch_core_session_findall();
    for (switch_console_callback_match_node_t *c = channels ? channels->head : NULL; c;
         c = c->next) {
        struct vx_uuid sid = vx_fs_call_sid(c->val);

        result.channels++;
        if (!vx_registry_audit_seen(fs->registry, &sid))
            result.taken_in += take_in(fs, c->val);
    }
    if (channels)
        switch_console_free_matches(&channels);
    if (events_have_come(fs))
        result.lost = vx_registry_audit_end(fs->registry);
    pthread_mutex_unlock(&fs->audits);
    if (result.lost)
        vx_log(VX_LOG_WARNING, "%zu calls in the registry were not known to FreeSWITCH",
               result.lost);
    return result;
}

static struct timespec next_audit(struct vx_fs *fs) {
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    pthread_mutex_lock(&fs->lock);
    at.tv_sec += vx_config_int(fs->config, VX_SET_AUDIT_SECONDS);
    pthread_mutex_unlock(&fs->lock);
    return at;
}

/* False: the module is being unloaded. */
static bool wait_for_audit(struct vx_fs *fs) {
    struct timespec at = next_audit(fs);
    int waited = 0;
    bool go_on;

    pthread_mutex_lock(&fs->auditor_lock);
    while (!fs->stopping && waited != ETIMEDOUT)
        waited = pthread_cond_timedwait(&fs->auditor_wake, &fs->auditor_lock, &at);
    go_on = !fs->stopping;
    pthread_mutex_unlock(&fs->auditor_lock);
    return go_on;
}

static void *audit_now_and_then(void *arg) {
    struct vx_fs *fs = arg;

    do
        vx_fs_audit(fs);
    while (wait_for_audit(fs));
    return NULL;
}

bool vx_fs_auditor_start(struct vx_fs *fs) {
    fs->auditing = pthread_create(&fs->auditor, NULL, audit_now_and_then, fs) == 0;
    return fs->auditing;
}

void vx_fs_auditor_stop(struct vx_fs *fs) {
    if (!fs->auditing)
        return;
    pthread_mutex_lock(&fs->auditor_lock);
    fs->stopping = true;
    pthread_cond_broadcast(&fs->auditor_wake);
    pthread_mutex_unlock(&fs->auditor_lock);
    pthread_join(fs->auditor, NULL);
    fs->auditing = false;
}
