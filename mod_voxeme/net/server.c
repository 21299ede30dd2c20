/* Start, stop, the network thread and what it does besides its sockets. */
#include "net/net_private.h"

#include "core/alloc.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/stock.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define EXPIRE_AT_ONCE    256
#define EXPIRE_GAP_US     (VX_SECOND_US / 20)
#define BEHIND_GAP_US     (VX_SECOND_US / 200)
#define API_TICK_US       (5 * VX_SECOND_US)
#define RETRY_US          (VX_SECOND_US / 5)
#define RECEIVE_SIZE      32768
#define SPARE_DESCRIPTORS 64     /* for all else that the process does */
#define TABLE_SIZE        131072 /* descriptors that lws is to keep track of */

int64_t vx_net_now(void) {
    return vx_mono_us(&vx_clock_system);
}

/* --- the timer --- */

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static void expire_calls(struct vx_server *server, int64_t now) {
    int64_t next = vx_registry_expire(server->registry, EXPIRE_AT_ONCE);
    bool behind = next <= now;

    server->expired_us = now;
    server->expire_us = behind ? now + BEHIND_GAP_US : earlier(next, now + VX_SECOND_US);
    if (!behind && server->expire_us < now + EXPIRE_GAP_US)
        server->expire_us = now + EXPIRE_GAP_US;
}

/* At every turn of the timer and whenever the host's thread has had it woken. */
static void fill_stock(struct vx_server *server, int64_t now) {
    bool second = now >= server->stock_us;

    if (second)
        server->stock_us = now + VX_SECOND_US;
    if (second || vx_stock_is_low())
        vx_stock_fill(second);
}

static void on_timer(lws_sorted_usec_list_t *timer) {
    struct vx_server *server =
        (struct vx_server *)(void *)((char *)timer - offsetof(struct vx_server, timer));
    int64_t now = vx_net_now();
    struct vx_timer *due;

    while ((due = vx_wheel_due(&server->wheel, now)))
        vx_conn_expire(due);
    vx_listen_resume(server);
    vx_listen_sweep(server, false);
    if (now >= server->expire_us)
        expire_calls(server, now);
    fill_stock(server, now);
    if (now >= server->tick_us) {
        server->tick_us = now + (vx_api_tick(server->api) ? BEHIND_GAP_US : API_TICK_US);
    }
    vx_net_schedule(server);
    errno = 0; /* else it would look like poll()'s: see turn() */
}

void vx_net_schedule(struct vx_server *server) {
    int64_t now = vx_net_now();
    int64_t next = earlier(server->expire_us, server->tick_us);

    next = earlier(next,
                   now + (server->wheel.count || server->conns ? VX_WHEEL_TICK_US : VX_SECOND_US));
    server->timer_us = next > now ? next : now + 1;
    lws_sul_schedule(server->context, 0, &server->timer, on_timer, server->timer_us - now);
}

/* --- configuration --- */

static bool wants_tls(const struct vx_config *config) {
    return vx_config_text(config, VX_SET_TLS_CERT)[0] != '\0';
}

static bool load_certificate(struct vx_server *server, const struct vx_config *config, char *error,
                             size_t size) {
    SSL_CTX *tls = vx_tls_load(vx_config_text(config, VX_SET_TLS_CERT),
                               vx_config_text(config, VX_SET_TLS_KEY), error, size);

    if (!tls)
        return false;
    SSL_CTX_free(server->tls);
    server->tls = tls;
    return true;
}

static int64_t seconds_of(const struct vx_config *config, enum vx_setting_id id) {
    return vx_config_int(config, id) * VX_SECOND_US;
}

static void limit_connections(struct vx_server *server, size_t wanted) {
    size_t most = server->descriptors > 2 * SPARE_DESCRIPTORS
                      ? (size_t)(server->descriptors - SPARE_DESCRIPTORS)
                      : SPARE_DESCRIPTORS;

    if (most < wanted)
        vx_log(VX_LOG_NOTICE, "http: %zu connections at most, not %zu: file descriptors end at %d",
               most, wanted, server->descriptors);
    server->max_connections = most < wanted ? most : wanted;
}

static bool take_limits(struct vx_server *server, const struct vx_config *config) {
    if (!vx_http_set_cors(server, vx_config_text(config, VX_SET_CORS_ORIGIN)))
        return false;
    limit_connections(server, (size_t)vx_config_int(config, VX_SET_MAX_CONNECTIONS));
    server->max_header = (size_t)vx_config_int(config, VX_SET_MAX_HEADER_BYTES);
    server->max_params = (size_t)vx_config_int(config, VX_SET_MAX_QUERY_PARAMETERS);
    server->max_body = (size_t)vx_config_int(config, VX_SET_MAX_BODY_BYTES);
    server->max_body_memory = (size_t)vx_config_int(config, VX_SET_MAX_REQUEST_MEMORY);
    server->min_write_rate = (uint64_t)vx_config_int(config, VX_SET_MIN_WRITE_BYTES_PER_SECOND);
    server->timeout_us[VX_TIMEOUT_HEADER] = seconds_of(config, VX_SET_HEADER_TIMEOUT_SECONDS);
    server->timeout_us[VX_TIMEOUT_IDLE] = seconds_of(config, VX_SET_IDLE_TIMEOUT_SECONDS);
    server->timeout_us[VX_TIMEOUT_WRITE] = seconds_of(config, VX_SET_WRITE_TIMEOUT_SECONDS);
    server->timeout_us[VX_TIMEOUT_PING] = seconds_of(config, VX_SET_PING_SECONDS);
    server->timeout_us[VX_TIMEOUT_RETRY] = RETRY_US;
    server->max_message = (size_t)vx_config_int(config, VX_SET_MAX_MESSAGE_BYTES);
    server->max_messages = vx_config_int(config, VX_SET_MAX_MESSAGES_PER_MINUTE);
    return true;
}

static void take_pending(struct vx_server *server) {
    struct vx_config *config;
    char error[512];

    pthread_mutex_lock(&server->lock);
    config = server->pending;
    server->pending = NULL;
    pthread_mutex_unlock(&server->lock);
    if (!config)
        return;
    if (!take_limits(server, config))
        vx_log(VX_LOG_ERROR, "http: out of memory, the new limits are not taken up");
    if (wants_tls(config) != server->with_tls)
        vx_log(VX_LOG_WARNING, "http: TLS on or off needs a restart");
    else if (server->with_tls && !load_certificate(server, config, error, sizeof error))
        vx_log(VX_LOG_ERROR, "http: %s; the certificate in use is kept", error);
    vx_config_release(&server->config);
    server->config = config;
    vx_holds_wake_all(server);
    vx_streams_check(server);
}

void vx_server_configure(struct vx_server *server, struct vx_config *config) {
    struct vx_config *older;

    pthread_mutex_lock(&server->lock);
    older = server->pending;
    server->pending = vx_config_ref(config);
    pthread_mutex_unlock(&server->lock);
    vx_config_release(&older);
    vx_loop_wake(server);
}

/* --- the thread --- */

void vx_net_woken(struct vx_server *server) {
    take_pending(server);
    vx_registry_woken(server->registry);
    vx_holds_check(server);
    fill_stock(server, vx_net_now());
    /* A call that has just ended may be the first to expire. */
    if (server->expire_us > server->expired_us + EXPIRE_GAP_US) {
        server->expire_us = server->expired_us + EXPIRE_GAP_US;
        vx_net_schedule(server);
    }
}

static void *serve(void *ctx) {
    struct vx_server *server = ctx;

    pthread_mutex_lock(&server->lock); /* vx_server_start() has it until all is in place */
    pthread_mutex_unlock(&server->lock);
    vx_stock_open();
    vx_loop_run(server);
    vx_holds_finish(server);
    vx_stock_close();
    return NULL;
}

/* --- lws --- */

static void on_lws_log(int level, const char *line) {
    vx_log(level & LLL_ERR ? VX_LOG_ERROR : VX_LOG_WARNING, "libwebsockets: %.*s",
           (int)strcspn(line, "\r\n"), line);
}

static struct lws_context *create_context(struct vx_server *server) {
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
        .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME,
        .pt_serv_buf_size = RECEIVE_SIZE,
        .max_http_header_pool = 1,
        .timeout_secs = 3600, /* ours are shorter */
        .user = server,
    };

    if (server->with_tls)
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    return lws_create_context(&info);
}

/* lws makes a table with a place for every descriptor the process may open, and in Debian's build
 * walks all of it whenever a connection closes: half a millisecond at a million. Beyond ten million
 * it makes one of 2,560 and trusts that no descriptor is above that. So it is shown a limit of a
 * sane size for the moment in which it looks; a descriptor that is beyond it is not handed to it.
 */
static struct lws_context *create_context_of_size(struct vx_server *server) {
    struct rlimit limit, shown;
    struct lws_context *context;

    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur <= TABLE_SIZE)
        return create_context(server);
    shown = limit;
    shown.rlim_cur = TABLE_SIZE;
    if (setrlimit(RLIMIT_NOFILE, &shown))
        return NULL;
    context = create_context(server);
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    return context;
}

static struct lws_vhost *create_vhost(struct vx_server *server) {
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .protocols = vx_net_protocols,
        .vhost_name = "voxeme",
        .alpn = "http/1.1",
        .user = server,
    };

    if (server->with_tls)
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
                        LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX |
                        LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
    return lws_create_vhost(server->context, &info);
}

static bool check_descriptors(struct vx_server *server, char *error, size_t size) {
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit)) {
        snprintf(error, size, "cannot read the limit of file descriptors: %s", strerror(errno));
        return false;
    }
    server->descriptors = limit.rlim_cur > TABLE_SIZE ? TABLE_SIZE : (int)limit.rlim_cur;
    return true;
}

static bool open_context(struct vx_server *server, char *error, size_t size) {
    lws_set_log_level(LLL_ERR | LLL_WARN, on_lws_log);
    server->context = create_context_of_size(server);
    if (server->context)
        server->vhost = create_vhost(server);
    if (vx_loop_open(server) && server->vhost && vx_hangup_open(server) && vx_listen_adopt(server))
        return true;
    snprintf(error, size, "libwebsockets cannot be set up (out of memory or file descriptors?)");
    return false;
}

/* --- start and stop --- */

static void free_server(struct vx_server *server) {
    if (server->context)
        lws_context_destroy(server->context);
    vx_listen_sweep(server, true);
    vx_listen_close(server);
    vx_loop_close(server);
    vx_frames_end(server);
    SSL_CTX_free(server->tls);
    vx_config_release(&server->config);
    vx_config_release(&server->pending);
    vx_free(server->cors);
    pthread_mutex_destroy(&server->lock);
    vx_free(server);
}

static bool prepare(struct vx_server *server, char *error, size_t size) {
    server->with_tls = wants_tls(server->config);
    if (!check_descriptors(server, error, size))
        return false;
    if (!take_limits(server, server->config)) {
        snprintf(error, size, "out of memory");
        return false;
    }
    vx_wheel_start(&server->wheel, vx_net_now());
    return vx_listen_open(server, error, size) &&
           (!server->with_tls || load_certificate(server, server->config, error, size)) &&
           open_context(server, error, size);
}

static bool run_thread(struct vx_server *server, char *error, size_t size) {
    sigset_t all, before;
    int e;

    vx_net_schedule(server);
    sigfillset(&all);
    pthread_mutex_lock(&server->lock);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the host's threads */
    e = pthread_create(&server->thread, NULL, serve, server);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!e) {
        vx_registry_set_wake(server->registry, vx_loop_wake, server);
        vx_api_set_notify(server->api, vx_loop_wake, server);
        vx_api_add_metrics(server->api, vx_net_metrics_render, &server->metrics);
    }
    pthread_mutex_unlock(&server->lock);
    if (e)
        snprintf(error, size, "cannot start the network thread: %s", strerror(e));
    return !e;
}

struct vx_server *vx_server_start(struct vx_api *api, struct vx_registry *registry,
                                  struct vx_config *config, char *error, size_t size) {
    struct vx_server *server = vx_calloc(1, sizeof *server);

    if (!server) {
        snprintf(error, size, "out of memory");
        return NULL;
    }
    pthread_mutex_init(&server->lock, NULL);
    server->line_end = &server->line;
    server->arrivals = server->bell = -1;
    server->api = api;
    server->registry = registry;
    server->config = vx_config_ref(config);
    if (!prepare(server, error, size) || !run_thread(server, error, size)) {
        free_server(server);
        return NULL;
    }
    return server;
}

bool vx_server_failing(const struct vx_server *server) {
    return atomic_load(&server->failing);
}

unsigned vx_server_port(const struct vx_server *server) {
    return server->port;
}

void vx_server_stop(struct vx_server **server) {
    struct vx_server *s = *server;

    if (!s)
        return;
    *server = NULL;
    vx_registry_set_wake(s->registry, NULL, NULL);
    atomic_store(&s->stop, true);
    vx_loop_wake(s);
    pthread_join(s->thread, NULL);
    free_server(s);
}
