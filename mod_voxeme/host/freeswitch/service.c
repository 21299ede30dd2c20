#include "host/freeswitch/fs.h"
#include "host/freeswitch/fs_event.h"

#include "core/log.h"

#include <stdio.h>

#define STOP_PATIENCE_MS 5000

static void set_url(struct vx_fs *fs) {
    snprintf(fs->url, sizeof fs->url, "%s", vx_server_url(fs->server));
    if (!vx_registry_set_service_url(fs->registry, vx_server_service_url(fs->server)))
        vx_log(VX_LOG_WARNING, "service-url not set: out of memory");
}

/* What a reload may change besides the layers' own. */
static void take_up(struct vx_fs *fs) {
    bool track = vx_values_bool(vx_config_values(fs->config), VX_SET_TRACK_LOOPBACK);

    if (track)
        atomic_store(&fs->loopback, VX_FS_LOOPBACK_TRACKED);
    else if (atomic_load(&fs->loopback) == VX_FS_LOOPBACK_TRACKED)
        atomic_store(&fs->loopback, VX_FS_LOOPBACK_ENDING);
    vx_log_set_level((enum vx_log_level)vx_config_int(fs->config, VX_SET_LOG_LEVEL));
}

static bool start(struct vx_fs *fs, char *error, size_t size) {
    fs->config = vx_fs_config_load(error, size);
    if (!fs->config)
        return false;
    snprintf(error, size, "out of memory");
    take_up(fs);
    fs->registry = vx_registry_new(fs->config, &vx_clock_system);
    fs->api = fs->registry ? vx_api_new(fs->registry, fs->config, &vx_clock_system) : NULL;
    fs->deadlines = fs->api ? vx_fs_deadlines_new(&vx_clock_system) : NULL;
    if (!fs->deadlines || !vx_fs_deadlines_start(fs->deadlines))
        return false;
    fs->commands = vx_fs_commands_start(fs->registry, fs->deadlines, &fs->marks, fs->config);
    if (fs->commands) {
        vx_api_set_host(fs->api, vx_fs_commands_port(fs->commands));
        vx_api_add_metrics(fs->api, vx_fs_commands_metrics, fs->commands);
    }
    fs->webhooks =
        fs->commands ? vx_webhooks_start(fs->api, fs->registry, fs->config, error, size) : NULL;
    fs->server =
        fs->webhooks ? vx_server_start(fs->api, fs->registry, fs->config, error, size) : NULL;
    if (!fs->server)
        return false;
    set_url(fs);
    vx_fs_event_init();
    snprintf(error, size, "cannot bind to FreeSWITCH's events");
    if (!vx_fs_hook(fs))
        return false;
    snprintf(error, size, "cannot start the audit's thread");
    return vx_fs_auditor_start(fs);
}

static void make_locks(struct vx_fs *fs) {
    pthread_condattr_t monotonic;

    pthread_mutex_init(&fs->lock, NULL);
    pthread_mutex_init(&fs->audits, NULL);
    pthread_mutex_init(&fs->auditor_lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&fs->auditor_wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    vx_fs_marks_open(&fs->marks);
}

switch_status_t vx_fs_start(struct vx_fs *fs, char *error, size_t size) {
    memset(fs, 0, sizeof *fs);
    make_locks(fs);
    vx_fs_log_install();
    if (!start(fs, error, size))
        return vx_fs_stop(fs) ? SWITCH_STATUS_GENERR : SWITCH_STATUS_NOUNLOAD;
    vx_log(VX_LOG_NOTICE, "serving the Voxeme Calls API on %s", fs->url);
    return SWITCH_STATUS_SUCCESS;
}

/* What clients wait for is answered before the server goes; nobody submits after that. */
static bool stop_serving(struct vx_fs *fs) {
    bool ended = !fs->commands || vx_fs_commands_close(fs->commands, STOP_PATIENCE_MS);

    if (fs->server)
        vx_server_stop(&fs->server);
    if (fs->webhooks)
        vx_webhooks_stop(&fs->webhooks);
    if (fs->api)
        vx_api_release(&fs->api);
    return ended;
}

/* A thread that FreeSWITCH keeps may yet come back and use what they have. */
static void give_up_threads(struct vx_fs *fs, bool commands_ended, bool deadlines_ended) {
    if (!commands_ended)
        vx_fs_commands_abandon(fs->commands);
    else if (fs->commands)
        vx_fs_commands_release(&fs->commands);
    if (!deadlines_ended)
        vx_fs_deadlines_abandon(fs->deadlines);
    else if (commands_ended && fs->deadlines)
        vx_fs_deadlines_release(&fs->deadlines);
    if (!commands_ended)
        return;
    vx_fs_marks_free(&fs->marks);
    if (fs->registry)
        vx_registry_release(&fs->registry);
}

bool vx_fs_stop(struct vx_fs *fs) {
    bool commands_ended, deadlines_ended;

    if (fs->kept)
        return false;
    vx_fs_marks_close(&fs->marks);
    vx_fs_unhook(fs);
    vx_fs_auditor_stop(fs);
    commands_ended = stop_serving(fs);
    deadlines_ended = !fs->deadlines || vx_fs_deadlines_close(fs->deadlines, STOP_PATIENCE_MS);
    give_up_threads(fs, commands_ended, deadlines_ended);
    if (fs->config)
        vx_config_release(&fs->config);
    vx_fs_log_remove();
    pthread_cond_destroy(&fs->auditor_wake);
    pthread_mutex_destroy(&fs->auditor_lock);
    pthread_mutex_destroy(&fs->audits);
    pthread_mutex_destroy(&fs->lock);
    fs->kept = !commands_ended || !deadlines_ended;
    return !fs->kept;
}

static bool configure(struct vx_fs *fs, struct vx_config *config) {
    if (vx_registry_configure(fs->registry, config) && vx_api_configure(fs->api, config)) {
        vx_webhooks_configure(fs->webhooks, config);
        vx_server_configure(fs->server, config);
        vx_fs_commands_configure(fs->commands, config);
        return true;
    }
    vx_registry_configure(fs->registry, fs->config);
    return false;
}

bool vx_fs_reload(struct vx_fs *fs, char *error, size_t size) {
    struct vx_config *config = vx_fs_config_load(error, size), *old;

    if (!config)
        return false;
    pthread_mutex_lock(&fs->lock);
    if (!configure(fs, config)) {
        pthread_mutex_unlock(&fs->lock);
        vx_config_release(&config);
        snprintf(error, size, "out of memory");
        return false;
    }
    old = fs->config;
    fs->config = config;
    take_up(fs);
    pthread_mutex_unlock(&fs->lock);
    vx_config_release(&old);
    return true;
}
