/* A worker: its thread, its lws context, and what it does besides its sockets. */
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
#include <unistd.h>

#define EXPIRE_AT_ONCE 256
#define EXPIRE_GAP_US  (VX_SECOND_US / 20)
#define BEHIND_GAP_US  (VX_SECOND_US / 200)
#define API_TICK_US    (5 * VX_SECOND_US)
#define RETRY_US       (VX_SECOND_US / 5)
#define RECEIVE_SIZE   32768

int64_t vx_net_now(void) {
    return vx_mono_us(&vx_clock_system);
}

/* --- the timer --- */

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static void expire_calls(struct vx_worker *worker, int64_t now) {
    int64_t next = vx_registry_expire(worker->registry, EXPIRE_AT_ONCE);
    bool behind = next <= now;

    worker->expired_us = now;
    worker->expire_us = behind ? now + BEHIND_GAP_US : earlier(next, now + VX_SECOND_US);
    if (!behind && worker->expire_us < now + EXPIRE_GAP_US)
        worker->expire_us = now + EXPIRE_GAP_US;
}

/* At every turn of the timer and whenever the host's thread has had it woken. */
static void fill_stock(struct vx_worker *worker, int64_t now) {
    bool second = now >= worker->stock_us;

    if (second)
        worker->stock_us = now + VX_SECOND_US;
    if (second || vx_stock_is_low())
        vx_stock_fill(second);
}

static void look_after_server(struct vx_worker *worker, int64_t now) {
    vx_listen_resume(worker);
    vx_listen_sweep(worker->server, false);
    if (now >= worker->expire_us)
        expire_calls(worker, now);
    fill_stock(worker, now);
    if (now >= worker->tick_us)
        worker->tick_us = now + (vx_api_tick(worker->api) ? BEHIND_GAP_US : API_TICK_US);
}

static void on_timer(lws_sorted_usec_list_t *timer) {
    struct vx_worker *worker =
        (struct vx_worker *)(void *)((char *)timer - offsetof(struct vx_worker, timer));
    int64_t now = vx_net_now();
    struct vx_timer *due;

    while ((due = vx_wheel_due(&worker->wheel, now)))
        vx_conn_expire(due);
    if (worker->first)
        look_after_server(worker, now);
    vx_net_schedule(worker);
    errno = 0; /* else it would look like poll()'s: see turn() */
}

void vx_net_schedule(struct vx_worker *worker) {
    int64_t now = vx_net_now();
    int64_t next = earlier(worker->expire_us, worker->tick_us);

    next = earlier(next,
                   now + (worker->wheel.count || worker->conns ? VX_WHEEL_TICK_US : VX_SECOND_US));
    worker->timer_us = next > now ? next : now + 1;
    lws_sul_schedule(worker->context, 0, &worker->timer, on_timer, worker->timer_us - now);
}

/* --- configuration --- */

static int64_t seconds_of(const struct vx_config *config, enum vx_setting_id id) {
    return vx_config_int(config, id) * VX_SECOND_US;
}

static bool take_limits(struct vx_worker *worker, const struct vx_config *config) {
    if (!vx_http_set_cors(worker, vx_config_text(config, VX_SET_CORS_ORIGIN)))
        return false;
    if (worker->first)
        vx_listen_limit(worker, config);
    worker->max_header = (size_t)vx_config_int(config, VX_SET_MAX_HEADER_BYTES);
    worker->max_params = (size_t)vx_config_int(config, VX_SET_MAX_QUERY_PARAMETERS);
    worker->max_body = (size_t)vx_config_int(config, VX_SET_MAX_BODY_BYTES);
    worker->max_body_memory = (size_t)vx_config_int(config, VX_SET_MAX_REQUEST_MEMORY);
    worker->min_write_rate = (uint64_t)vx_config_int(config, VX_SET_MIN_WRITE_BYTES_PER_SECOND);
    worker->timeout_us[VX_TIMEOUT_HEADER] = seconds_of(config, VX_SET_HEADER_TIMEOUT_SECONDS);
    worker->timeout_us[VX_TIMEOUT_IDLE] = seconds_of(config, VX_SET_IDLE_TIMEOUT_SECONDS);
    worker->timeout_us[VX_TIMEOUT_WRITE] = seconds_of(config, VX_SET_WRITE_TIMEOUT_SECONDS);
    worker->timeout_us[VX_TIMEOUT_PING] = seconds_of(config, VX_SET_PING_SECONDS);
    worker->timeout_us[VX_TIMEOUT_RETRY] = RETRY_US;
    worker->max_message = (size_t)vx_config_int(config, VX_SET_MAX_MESSAGE_BYTES);
    worker->max_messages = vx_config_int(config, VX_SET_MAX_MESSAGES_PER_MINUTE);
    return true;
}

static void take_certificate(struct vx_server *server, const struct vx_config *config) {
    char error[512];

    if (vx_wants_tls(config) != server->with_tls)
        vx_log(VX_LOG_WARNING, "http: TLS on or off needs a restart");
    else if (server->with_tls && !vx_tls_take(server, config, error, sizeof error))
        vx_log(VX_LOG_ERROR, "http: %s; the certificate in use is kept", error);
}

static void take_pending(struct vx_worker *worker) {
    struct vx_config *config;

    pthread_mutex_lock(&worker->server->lock);
    config = worker->pending;
    worker->pending = NULL;
    pthread_mutex_unlock(&worker->server->lock);
    if (!config)
        return;
    if (!take_limits(worker, config))
        vx_log(VX_LOG_ERROR, "http: out of memory, the new limits are not taken up");
    if (worker->first)
        take_certificate(worker->server, config);
    vx_config_release(&worker->config);
    worker->config = config;
    vx_holds_wake_all(worker);
    vx_streams_check(worker);
}

/* --- the thread --- */

/* Who finds the flag up can rely on this: the worker takes it down before it looks, and so sees
 * what has been changed by then. Both sides exchange it: the later one sees what the other did. */
void vx_net_wake(struct vx_worker *worker) {
    if (!atomic_exchange(&worker->awake, true))
        vx_loop_wake(worker);
}

void vx_net_await(struct vx_worker *worker) {
    if (!atomic_load_explicit(&worker->awake, memory_order_relaxed))
        return;
    (void)atomic_exchange(&worker->awake, false);
    /* In this order: the registry, whose flag is up for as long as nobody has looked, wakes nobody
     * meanwhile, also none that was passed over. */
    vx_registry_woken(worker->registry);
}

void vx_net_woken(struct vx_worker *worker) {
    take_pending(worker);
    vx_handover_take(worker);
    /* The first always wants to know: what has changed can bring forward what is due. */
    if (worker->first || worker->waited_for)
        vx_net_await(worker);
    vx_holds_check(worker);
    if (worker->first)
        fill_stock(worker, vx_net_now());
    if (atomic_load_explicit(&worker->relieve, memory_order_relaxed) &&
        atomic_exchange(&worker->relieve, false))
        vx_streams_relieve(worker);
    /* A call that has just ended may be the first to expire. */
    if (worker->first && worker->expire_us > worker->expired_us + EXPIRE_GAP_US) {
        worker->expire_us = worker->expired_us + EXPIRE_GAP_US;
        vx_net_schedule(worker);
    }
}

static void *serve(void *ctx) {
    struct vx_worker *worker = ctx;

    pthread_mutex_lock(&worker->server->lock); /* vx_server_start() has it until all is in place */
    pthread_mutex_unlock(&worker->server->lock);
    if (worker->first)
        vx_stock_open();
    vx_loop_run(worker);
    vx_holds_finish(worker);
    if (worker->first)
        vx_stock_close();
    return NULL;
}

/* --- lws --- */

static void on_lws_log(int level, const char *line) {
    vx_log(level & LLL_ERR ? VX_LOG_ERROR : VX_LOG_WARNING, "libwebsockets: %.*s",
           (int)strcspn(line, "\r\n"), line);
}

static struct lws_context *create_context(struct vx_worker *worker) {
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
        .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME,
        .pt_serv_buf_size = RECEIVE_SIZE,
        .max_http_header_pool = 1,
        .timeout_secs = 3600, /* ours are shorter */
        .user = worker,
    };

    if (worker->with_tls)
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    return lws_create_context(&info);
}

/* lws makes a table with a place for every descriptor the process may open, and in Debian's build
 * walks all of it whenever a connection closes: half a millisecond at a million. Beyond ten million
 * it makes one of 2,560 and trusts that no descriptor is above that. So it is shown a limit of a
 * sane size for the moment in which it looks; a descriptor that is beyond it is not handed to it.
 */
static struct lws_context *create_context_of_size(struct vx_worker *worker) {
    struct rlimit limit, shown;
    struct lws_context *context;

    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur <= VX_TABLE_SIZE)
        return create_context(worker);
    shown = limit;
    shown.rlim_cur = VX_TABLE_SIZE;
    if (setrlimit(RLIMIT_NOFILE, &shown))
        return NULL;
    context = create_context(worker);
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    return context;
}

static struct lws_vhost *create_vhost(struct vx_worker *worker) {
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .protocols = vx_net_protocols,
        .vhost_name = "voxeme",
        .alpn = "http/1.1",
        .user = worker,
    };

    if (worker->with_tls)
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
                        LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX |
                        LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
    return lws_create_vhost(worker->context, &info);
}

static bool open_context(struct vx_worker *worker, char *error, size_t size) {
    lws_set_log_level(LLL_ERR | LLL_WARN, on_lws_log);
    worker->context = create_context_of_size(worker);
    if (worker->context)
        worker->vhost = create_vhost(worker);
    if (vx_loop_open(worker) && worker->vhost && vx_hangup_open(worker) &&
        (!worker->first || vx_listen_adopt(worker)))
        return true;
    snprintf(error, size, "libwebsockets cannot be set up (out of memory or file descriptors?)");
    return false;
}

/* --- start and stop --- */

void vx_worker_release(struct vx_worker **worker) {
    struct vx_worker *w = *worker;

    *worker = NULL;
    if (!w)
        return;
    if (w->context)
        lws_context_destroy(w->context);
    vx_handover_end(&w->handover);
    vx_loop_close(w);
    vx_http_close_pipe(w);
    vx_frames_end(w);
    vx_config_release(&w->config);
    vx_config_release(&w->pending);
    vx_free(w->cors);
    vx_free(w);
}

static void init(struct vx_worker *worker, struct vx_server *server, struct vx_config *config) {
    worker->server = server;
    worker->api = server->api;
    worker->registry = server->registry;
    worker->config = vx_config_ref(config);
    worker->with_tls = server->with_tls;
    worker->first = !server->workers[0];
    worker->alone = server->threads == 1;
    worker->line_end = &worker->line;
    worker->arrivals = worker->bell = worker->pipe[0] = worker->pipe[1] = -1;
    worker->expire_us = worker->tick_us = worker->first ? 0 : INT64_MAX;
    atomic_init(&worker->awake, !worker->first);
    vx_handover_init(&worker->handover);
    vx_wheel_start(&worker->wheel, vx_net_now());
}

struct vx_worker *vx_worker_new(struct vx_server *server, struct vx_config *config, char *error,
                                size_t size) {
    struct vx_worker *worker = vx_calloc(1, sizeof *worker);

    if (!worker) {
        snprintf(error, size, "out of memory");
        return NULL;
    }
    init(worker, server, config);
    if (!take_limits(worker, config)) {
        snprintf(error, size, "out of memory");
        vx_worker_release(&worker);
    } else if (!open_context(worker, error, size)) {
        vx_worker_release(&worker);
    } else {
        vx_net_schedule(worker);
    }
    return worker;
}

int vx_worker_run(struct vx_worker *worker) {
    sigset_t all, before;
    int e;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the host's threads */
    e = pthread_create(&worker->thread, NULL, serve, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    worker->running = !e;
    return e;
}

void vx_worker_join(struct vx_worker *worker) {
    if (worker->running)
        pthread_join(worker->thread, NULL);
    worker->running = false;
}
