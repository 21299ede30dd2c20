/*
 * voxeme-switch: start and stop, nothing else. The main thread runs SIP; HTTP has a thread of its
 * own. A step of the start that fails undoes those before it.
 */
#include "core/log.h"
#include "host/sip/log_sink.h"
#include "host/sip/options.h"
#include "host/sip/reload.h"
#include "host/sip/signals.h"
#include "net/own_host.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>

#define OWN_FILES 64 /* listening sockets, logs, timers and the like */

static bool start(struct vx_running *r, su_root_t *root, char *error, size_t size) {
    snprintf(error, size, "out of memory");
    r->started = vx_values_copy(vx_config_values(r->loaded.config));
    r->switch_started = vx_values_copy(vx_switch_values(r->loaded.switch_config));
    if (!r->started || !r->switch_started)
        return false;
    r->registry = vx_registry_new(r->loaded.config, &vx_clock_system);
    if (!r->registry)
        return false;
    r->api = vx_api_new(r->registry, r->loaded.config, &vx_clock_system);
    if (!r->api)
        return false;
    vx_api_add_metrics(r->api, vx_sip_metrics_render, &r->sip_metrics);
    r->commands = vx_command_queue_new(&r->sip_metrics);
    if (!r->commands)
        return false;
    vx_api_set_host(r->api, vx_command_queue_port(r->commands));
    r->webhooks = vx_webhooks_start(r->api, r->registry, r->loaded.config, error, size);
    if (!r->webhooks)
        return false;
    r->server = vx_server_start(r->api, r->registry, r->loaded.config, error, size);
    if (!r->server || !vx_registry_set_service_url(r->registry, vx_server_service_url(r->server)))
        return false;
    r->sip = vx_sip_start(root, r->registry, r->loaded.config, r->loaded.switch_config,
                          &r->sip_metrics, error, size);
    if (!r->sip)
        return false;
    snprintf(error, size, "sip: out of memory");
    return vx_sip_serve(r->sip, r->commands);
}

/* Addresses that one can paste, with the ports that are really listened on. */
static void say_ready(const struct vx_running *r) {
    char listened[VX_OWN_HOST] = "", host[VX_OWN_HOST];
    unsigned asked;

    vx_host_port_parse(vx_switch_text(r->loaded.switch_config, VX_SW_SIP_LISTEN), listened,
                       sizeof listened, &asked);
    vx_own_host(host, listened);
    printf(strchr(host, ':') ? "voxeme-switch ready: %s sip:[%s]:%u\n"
                             : "voxeme-switch ready: %s sip:%s:%u\n",
           vx_server_url(r->server), host, vx_sip_port(r->sip));
    fflush(stdout);
}

/* Returns whether `root` may be destroyed. */
static bool stop(struct vx_running *r) {
    bool clean = !r->sip || vx_sip_release(&r->sip);

    if (r->server)
        vx_server_stop(&r->server);
    if (r->webhooks)
        vx_webhooks_stop(&r->webhooks);
    if (r->api)
        vx_api_release(&r->api);
    if (r->commands)
        vx_command_queue_release(&r->commands);
    if (r->registry)
        vx_registry_release(&r->registry);
    return clean;
}

struct loop {
    struct vx_running *running;
    su_root_t *root;
    struct vx_reloader reloader;
};

static void loop_end(void *ctx) {
    struct loop *loop = ctx;

    su_root_break(loop->root);
}

static void on_stop(void *ctx) {
    struct loop *loop = ctx;

    vx_log(VX_LOG_NOTICE, "stopping");
    vx_sip_stop(loop->running->sip, loop_end, loop);
}

static void on_reload(void *ctx) {
    struct loop *loop = ctx;

    vx_reload(&loop->reloader);
}

static int fail(const char *what) {
    fprintf(stderr, "voxeme-switch: %s\n", what);
    return 1;
}

/* Every client and every SIP connection is a file; the usual soft limit is 1,024. */
static void raise_file_limit(const struct vx_loaded *loaded) {
    rlim_t wanted = (rlim_t)(vx_config_int(loaded->config, VX_SET_MAX_CONNECTIONS) +
                             vx_switch_int(loaded->switch_config, VX_SW_MAX_CONNECTIONS)) +
                    OWN_FILES;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static int run(struct vx_running *r, su_root_t *root) {
    struct loop loop = {r, root, {.fd = -1, .registered = -1}};
    struct vx_signals signals = {root, on_stop, on_reload, &loop, -1, -1};
    char error[512];

    /* A signal that comes before it is watched for waits. */
    bool started = start(r, root, error, sizeof error);
    if (started && !(vx_reloader_open(&loop.reloader, r, root) && vx_signals_watch(&signals))) {
        snprintf(error, sizeof error, "signals: %s", strerror(errno));
        started = false;
    }
    if (started) {
        say_ready(r);
        su_root_run(root);
    }
    vx_signals_unwatch(&signals);
    vx_reloader_close(&loop.reloader);
    if (stop(r))
        su_root_destroy(root);
    return started ? 0 : fail(error);
}

int main(int argc, char **argv) {
    struct vx_running running = {0};
    struct vx_options options;
    char error[512] = "";
    su_root_t *root;

    if (!vx_options_parse(&options, argc, argv))
        return 2;
    if (options.command != VX_RUN)
        return vx_options_perform(&options);
    if (!vx_config_load(&running.loaded, options.config, error, sizeof error))
        return fail(error);
    running.file = options.config;
    raise_file_limit(&running.loaded);
    su_init();
    vx_log_sink_install();
    vx_log_sink_level((enum vx_log_level)vx_config_int(running.loaded.config, VX_SET_LOG_LEVEL));
    root = vx_signals_block() ? su_root_create(NULL) : NULL;
    int status = 1;
    if (root && su_root_threading(root, 0) >= 0)
        status = run(&running, root);
    else
        fail(strerror(errno));
    vx_loaded_clear(&running.loaded);
    vx_values_release(&running.started);
    vx_values_release(&running.switch_started);
    su_deinit();
    return status;
}
