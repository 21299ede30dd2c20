/* Start, stop, and what goes to all workers. */
#include "net/net_private.h"

#include "core/alloc.h"
#include "core/log.h"
#include "net/own_host.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>

/* On the thread of the host that has changed something: a worker where nobody waits for changes
 * costs it no system call, nor does one that has been woken and has not looked yet. */
static void wake(void *ctx) {
    struct vx_server *server = ctx;

    for (size_t i = 0; i < server->count; i++)
        vx_net_wake(server->workers[i]);
}

static void notify(void *ctx) {
    vx_net_wake(ctx);
}

void vx_server_configure(struct vx_server *server, struct vx_config *config) {
    struct vx_config *older[VX_MAX_WORKERS];

    pthread_mutex_lock(&server->lock);
    for (size_t i = 0; i < server->count; i++) {
        older[i] = server->workers[i]->pending;
        server->workers[i]->pending = vx_config_ref(config);
    }
    pthread_mutex_unlock(&server->lock);
    for (size_t i = 0; i < server->count; i++) {
        vx_config_release(&older[i]);
        vx_loop_wake(server->workers[i]);
    }
}

/* --- start and stop --- */

static void free_server(struct vx_server *server) {
    for (size_t i = 0; i < server->count; i++)
        vx_worker_release(&server->workers[i]);
    vx_listen_sweep(server, true);
    vx_listen_close(server);
    SSL_CTX_free(server->tls);
    pthread_mutex_destroy(&server->lock);
    vx_free(server);
}

static bool check_descriptors(struct vx_server *server, char *error, size_t size) {
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit)) {
        snprintf(error, size, "cannot read the limit of file descriptors: %s", strerror(errno));
        return false;
    }
    server->descriptors = limit.rlim_cur > VX_TABLE_SIZE ? VX_TABLE_SIZE : (int)limit.rlim_cur;
    return true;
}

static bool make_urls(struct vx_server *server, const struct vx_config *config, char *error,
                      size_t size) {
    const char *listened = vx_config_text(config, VX_SET_LISTEN),
               *given = vx_config_text(config, VX_SET_SERVICE_URL);
    char host[VX_OWN_HOST] = "", own[VX_OWN_HOST];
    unsigned port;
    bool made_up;

    vx_host_port_parse(listened, host, sizeof host, &port);
    made_up = vx_own_host(own, host);
    snprintf(server->url, sizeof server->url, strchr(own, ':') ? "%s://[%s]:%u" : "%s://%s:%u",
             server->with_tls ? "https" : "http", own, server->port);
    snprintf(server->service_url, sizeof server->service_url, "%s", *given ? given : server->url);
    if (made_up && !*given)
        vx_log(VX_LOG_NOTICE,
               "http: %s is all addresses: calls say %s, by the way out of this machine; "
               "service-url says another",
               listened, server->url);
    if (vx_api_set_service_url(server->api, server->service_url))
        return true;
    snprintf(error, size, "out of memory");
    return false;
}

static bool prepare(struct vx_server *server, struct vx_config *config, char *error, size_t size) {
    server->threads = (size_t)vx_config_int(config, VX_SET_THREADS);
    server->with_tls = vx_wants_tls(config);
    if (!check_descriptors(server, error, size) || !vx_listen_open(server, config, error, size) ||
        !make_urls(server, config, error, size) ||
        (server->with_tls && !vx_tls_take(server, config, error, size)))
        return false;
    for (; server->count < server->threads; server->count++) {
        struct vx_worker *worker = vx_worker_new(server, config, error, size);

        if (!worker)
            return false;
        server->workers[server->count] = worker;
    }
    return true;
}

static void end_threads(struct vx_server *server) {
    for (size_t i = 0; i < server->count; i++) {
        atomic_store(&server->workers[i]->stop, true);
        vx_loop_wake(server->workers[i]);
    }
    for (size_t i = 0; i < server->count; i++)
        vx_worker_join(server->workers[i]);
}

static bool run_threads(struct vx_server *server, char *error, size_t size) {
    int e = 0;

    pthread_mutex_lock(&server->lock);
    for (size_t i = 0; i < server->count && !e; i++)
        e = vx_worker_run(server->workers[i]);
    if (!e) {
        vx_registry_set_wake(server->registry, wake, server);
        vx_api_set_notify(server->api, notify, server->workers[0]);
        vx_api_add_metrics(server->api, vx_net_metrics_render, server);
    }
    pthread_mutex_unlock(&server->lock);
    if (!e)
        return true;
    end_threads(server);
    snprintf(error, size, "cannot start the network thread: %s", strerror(e));
    return false;
}

struct vx_server *vx_server_start(struct vx_api *api, struct vx_registry *registry,
                                  struct vx_config *config, char *error, size_t size) {
    struct vx_server *server = vx_calloc(1, sizeof *server);

    if (!server) {
        snprintf(error, size, "out of memory");
        return NULL;
    }
    pthread_mutex_init(&server->lock, NULL);
    server->api = api;
    server->registry = registry;
    if (!prepare(server, config, error, size) || !run_threads(server, error, size)) {
        free_server(server);
        return NULL;
    }
    return server;
}

bool vx_server_failing(const struct vx_server *server) {
    for (size_t i = 0; i < server->count; i++)
        if (atomic_load(&server->workers[i]->failing))
            return true;
    return false;
}

unsigned vx_server_port(const struct vx_server *server) {
    return server->port;
}

const char *vx_server_url(const struct vx_server *server) {
    return server->url;
}

const char *vx_server_service_url(const struct vx_server *server) {
    return server->service_url;
}

void vx_server_stop(struct vx_server **server) {
    struct vx_server *s = *server;

    if (!s)
        return;
    *server = NULL;
    vx_registry_set_wake(s->registry, NULL, NULL);
    end_threads(s);
    free_server(s);
}
