#include "net/webhook.h"

#include "core/alloc.h"
#include "core/clock.h"
#include "core/log.h"
#include "net/webhook_private.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#define LONGEST_POLL_MS 60000
#define STOP_US         (VX_SECOND_US * 2 / 5)
#define LOG_GAP_US      (5 * VX_SECOND_US)
#define FAILURE_GAP_NS  10000000L

/* A status on its way from a host's thread to ours. */
struct told {
    struct told *next;
    struct vx_snapshot *call;
};

struct vx_webhooks {
    struct vx_registry *registry;
    CURLM *multi; /* the thread's; to be woken by others under `lock` only */
    pthread_t thread;
    struct vx_webhook_queue *queue; /* the thread's, but for its counters */
    struct vx_webhook_terms *terms; /* the thread's */
    struct vx_webhook_request *requests;
    unsigned taken_up; /* the thread's: the last of `configured` that it has looked at */
    int64_t log_us;    /* the next line about a receiver may be logged then */
    atomic_size_t most, arriving;
    atomic_uint_fast64_t told, attempts, failures, broken_off;
    atomic_uint requests_now;
    atomic_bool any; /* some account has a hook */

    pthread_mutex_t lock;
    struct told *first, **last;
    struct vx_config *config; /* what the observer goes by; `terms` follow */
    unsigned configured;      /* how often */
    bool stop;
};

static int64_t now_us(void) {
    return vx_mono_us(&vx_clock_system);
}

/* --- the hosts' threads --- */

static bool has_hook(struct vx_webhooks *w, const struct vx_uuid *account) {
    const struct vx_account_spec *accounts;
    size_t index;

    vx_config_accounts(w->config, &accounts);
    return vx_directory_find(vx_config_directory(w->config), account, &index) &&
           accounts[index].webhook.hook;
}

/* Only while our thread does not keep up: what is full else, its queue sees to. */
static bool is_full(const struct vx_webhooks *w) {
    return atomic_load(&w->arriving) >= atomic_load(&w->most);
}

static void on_status(void *ctx, struct vx_snapshot *call) {
    struct vx_webhooks *w = ctx;
    const struct vx_uuid *account = vx_snapshot_account(call);
    bool own = vx_snapshot_hook(call) != NULL;
    struct told *told;

    if (vx_uuid_is_nil(account) || (!own && !atomic_load(&w->any)))
        return;
    pthread_mutex_lock(&w->lock);
    if (own || has_hook(w, account)) {
        bool full = is_full(w);

        told = full ? NULL : vx_malloc(sizeof *told);
        if (told) {
            *told = (struct told){NULL, vx_snapshot_ref(call)};
            atomic_fetch_add(&w->arriving, 1);
            if (!w->first)
                curl_multi_wakeup(w->multi);
            *w->last = told;
            w->last = &told->next;
        } else {
            vx_webhook_queue_lose(w->queue, full ? VX_LOSS_TOTAL : VX_LOSS_MEMORY);
        }
    }
    pthread_mutex_unlock(&w->lock);
}

/* --- configuration --- */

static bool any_hook(const struct vx_config *config) {
    const struct vx_account_spec *accounts;
    size_t count = vx_config_accounts(config, &accounts);

    for (size_t i = 0; i < count; i++)
        if (accounts[i].webhook.hook)
            return true;
    return false;
}

static void take_limits(struct vx_webhooks *w, const struct vx_config *c) {
    struct vx_webhook_limits limits = {
        .queued = (size_t)vx_config_int(c, VX_SET_WEBHOOK_MAX_QUEUED),
        .queued_total = (size_t)vx_config_int(c, VX_SET_WEBHOOK_MAX_QUEUED_TOTAL),
        .memory = (size_t)vx_config_int(c, VX_SET_WEBHOOK_MAX_MEMORY),
        .requests = (unsigned)vx_config_int(c, VX_SET_WEBHOOK_MAX_REQUESTS),
        .requests_total = (unsigned)vx_config_int(c, VX_SET_WEBHOOK_MAX_REQUESTS_TOTAL),
        .attempts = (unsigned)vx_config_int(c, VX_SET_WEBHOOK_MAX_ATTEMPTS),
        .max_age_us = vx_config_int(c, VX_SET_WEBHOOK_MAX_AGE_SECONDS) * VX_SECOND_US,
    };

    vx_webhook_queue_limit(w->queue, &limits);
    curl_multi_setopt(w->multi, CURLMOPT_MAXCONNECTS, (long)limits.requests_total);
    atomic_store(&w->most, limits.queued_total);
}

void vx_webhooks_configure(struct vx_webhooks *w, struct vx_config *config) {
    bool any = any_hook(config); /* may take a while: not under the lock that events take */
    struct vx_config *older;

    pthread_mutex_lock(&w->lock);
    older = w->config;
    w->config = vx_config_ref(config);
    w->configured++;
    atomic_store(&w->any, any);
    curl_multi_wakeup(w->multi);
    pthread_mutex_unlock(&w->lock);
    vx_config_release(&older);
}

/* --- the thread --- */

static void log_line(struct vx_webhooks *w, enum vx_log_level level, const struct vx_uuid *account,
                     const char *what, const char *why) {
    char sid[VX_UUID_TEXT + 1];

    if (now_us() < w->log_us)
        return;
    w->log_us = now_us() + LOG_GAP_US;
    vx_uuid_format(sid, account);
    vx_log(level, "webhooks of account %s %s%s%s", sid, what, *why ? ": " : "", why);
}

static void log_end(struct vx_webhooks *w, const struct vx_uuid *account,
                    const struct vx_webhook_verdict *v, enum vx_receiver_turn turn) {
    if (v->how == VX_ATTEMPT_LOST)
        log_line(w, VX_LOG_WARNING, account, "are refused", v->why);
    else if (turn == VX_RECEIVER_FAILS)
        log_line(w, VX_LOG_WARNING, account, "fail", v->why);
    else if (turn == VX_RECEIVER_WORKS)
        log_line(w, VX_LOG_NOTICE, account, "arrive again", "");
}

static void end_delivery(struct vx_webhooks *w, struct vx_delivery *delivery,
                         const struct vx_webhook_verdict *v) {
    struct vx_uuid account = *vx_snapshot_account(vx_delivery_call(delivery));
    enum vx_receiver_turn turn;

    atomic_fetch_add(&w->told, v->how == VX_ATTEMPT_TOLD);
    atomic_fetch_add(&w->failures, v->how != VX_ATTEMPT_TOLD && v->loss != VX_LOSS_NOWHERE);
    turn = vx_webhook_queue_end(w->queue, delivery, v->how, v->loss, now_us());
    if (v->loss != VX_LOSS_NOWHERE)
        log_end(w, &account, v, turn);
}

static void add_request(struct vx_webhooks *w, struct vx_webhook_request *r) {
    r->next = w->requests;
    if (r->next)
        r->next->prev = r;
    w->requests = r;
    atomic_fetch_add(&w->requests_now, 1);
}

static void remove_request(struct vx_webhooks *w, struct vx_webhook_request *r) {
    if (r->prev)
        r->prev->next = r->next;
    else
        w->requests = r->next;
    if (r->next)
        r->next->prev = r->prev;
    atomic_fetch_sub(&w->requests_now, 1);
    curl_multi_remove_handle(w->multi, r->easy);
    vx_webhook_request_free(r);
}

static const struct vx_account_spec *account_of(const struct vx_webhooks *w,
                                                const struct vx_snapshot *call) {
    const struct vx_account_spec *accounts;
    const struct vx_config *config = w->terms->config;
    size_t index;

    vx_config_accounts(config, &accounts);
    return vx_directory_find(vx_config_directory(config), vx_snapshot_account(call), &index)
               ? &accounts[index]
               : NULL;
}

static void attempt(struct vx_webhooks *w, struct vx_delivery *delivery) {
    static const struct vx_webhook_verdict nowhere = {VX_ATTEMPT_LOST, VX_LOSS_NOWHERE, ""};
    static const struct vx_webhook_verdict no_memory = {VX_ATTEMPT_AGAIN, VX_LOSS_REFUSED,
                                                        "out of memory"};
    const struct vx_snapshot *call = vx_delivery_call(delivery);
    const struct vx_account_spec *account = account_of(w, call);
    const struct vx_hook *hook = vx_snapshot_hook(call);
    struct vx_webhook_request *r;

    if (!hook && account)
        hook = account->webhook.hook;
    if (!hook || !account) {
        end_delivery(w, delivery, &nowhere);
        return;
    }
    atomic_fetch_add(&w->attempts, 1);
    r = vx_webhook_request_new(w->terms, delivery, vx_hook_fields(hook), account->webhook.secret);
    if (r && curl_multi_add_handle(w->multi, r->easy) == CURLM_OK) {
        vx_delivery_attach(delivery, r);
        add_request(w, r);
        return;
    }
    if (r)
        vx_webhook_request_free(r);
    end_delivery(w, delivery, &no_memory);
}

static void take_terms(struct vx_webhooks *w, struct vx_config *config) {
    struct vx_webhook_terms *terms;
    char error[256];

    terms = vx_webhook_terms_new(config, now_us(), error, sizeof error);
    if (!terms) {
        vx_log(VX_LOG_ERROR, "%s; webhooks go on as before the reload", error);
        return;
    }
    vx_webhook_terms_release(&w->terms);
    w->terms = terms;
    /* They may still connect to where no later one may go. */
    for (const struct vx_webhook_request *r = w->requests; r; r = r->next)
        curl_easy_setopt(r->easy, CURLOPT_FORBID_REUSE, 1L);
    take_limits(w, config);
}

/* What others have left for us. Returns whether it is time to end. */
static bool take_in(struct vx_webhooks *w) {
    struct told *told;
    struct vx_config *config = NULL;
    bool stop;

    pthread_mutex_lock(&w->lock);
    told = w->first;
    w->first = NULL;
    w->last = &w->first;
    if (w->taken_up != w->configured)
        config = vx_config_ref(w->config);
    w->taken_up = w->configured;
    stop = w->stop;
    pthread_mutex_unlock(&w->lock);
    if (config)
        take_terms(w, config);
    vx_config_release(&config);
    while (told) {
        struct told *next = told->next;

        vx_webhook_queue_add(w->queue, told->call, now_us());
        atomic_fetch_sub(&w->arriving, 1);
        vx_free(told);
        told = next;
    }
    return stop;
}

static void take_out(struct vx_webhooks *w) {
    struct CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(w->multi, &left))) {
        CURLcode result = message->data.result;
        struct vx_webhook_verdict verdict;
        struct vx_webhook_request *r;
        struct vx_delivery *delivery;
        char *private = NULL;

        if (message->msg != CURLMSG_DONE ||
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private) != CURLE_OK)
            continue;
        r = (struct vx_webhook_request *)(void *)private;
        verdict = vx_webhook_judge(r, result);
        delivery = r->delivery;
        remove_request(w, r);
        end_delivery(w, delivery, &verdict);
    }
}

static void break_off(struct vx_webhooks *w, struct vx_delivery *delivery) {
    static const struct vx_webhook_verdict gave_way = {VX_ATTEMPT_GAVE_WAY, VX_LOSS_REFUSED,
                                                       "slow, and others waited for its place"};

    remove_request(w, vx_delivery_request(delivery));
    atomic_fetch_add(&w->broken_off, 1);
    end_delivery(w, delivery, &gave_way);
}

static void start_what_can(struct vx_webhooks *w) {
    struct vx_delivery *delivery;

    do {
        while ((delivery = vx_webhook_queue_start(w->queue, now_us())))
            attempt(w, delivery);
        delivery = vx_webhook_queue_yield(w->queue, now_us());
        if (delivery)
            break_off(w, delivery);
    } while (delivery);
}

static int poll_ms(const struct vx_webhooks *w, int64_t until_us) {
    int64_t due = vx_webhook_queue_due(w->queue), now = now_us();

    due = until_us && until_us < due ? until_us : due;
    if (due <= now)
        return 0;
    return due - now > LONGEST_POLL_MS * INT64_C(1000) ? LONGEST_POLL_MS
                                                       : (int)((due - now + 999) / 1000);
}

/* Never for longer than the next attempt is away. What fails passes: memory is short. */
static void wait(struct vx_webhooks *w, int64_t until_us) {
    struct timespec pause = {.tv_nsec = FAILURE_GAP_NS};

    if (curl_multi_poll(w->multi, NULL, 0, poll_ms(w, until_us), NULL) != CURLM_OK)
        nanosleep(&pause, NULL);
}

static void give_up(struct vx_webhooks *w) {
    size_t undelivered = vx_webhook_queue_count(w->queue);

    while (w->requests) {
        struct vx_delivery *delivery = w->requests->delivery;

        remove_request(w, w->requests);
        vx_webhook_queue_end(w->queue, delivery, VX_ATTEMPT_LOST, VX_LOSS_STOP, now_us());
    }
    if (undelivered)
        vx_log(VX_LOG_WARNING, "webhooks: %zu statuses were not delivered before the end",
               undelivered);
}

static void *run(void *ctx) {
    struct vx_webhooks *w = ctx;
    int64_t until_us = 0;
    int running;

    pthread_mutex_lock(&w->lock); /* vx_webhooks_start() has it until all is in place */
    pthread_mutex_unlock(&w->lock);
    for (;;) {
        if (take_in(w) && !until_us)
            until_us = now_us() + STOP_US;
        start_what_can(w);
        curl_multi_perform(w->multi, &running);
        take_out(w);
        start_what_can(w);
        if (until_us && (vx_webhook_queue_idle(w->queue) || now_us() >= until_us))
            break;
        wait(w, until_us);
    }
    give_up(w);
    /* Here, where no signal comes of a connection that is closed on the other side. Nobody wakes it
     * any more. */
    curl_multi_cleanup(w->multi);
    w->multi = NULL;
    return NULL;
}

/* --- /metrics --- */

static void row(struct vx_buf *out, const char *name, const char *type, uint64_t value,
                const char *help) {
    vx_buf_printf(out,
                  "# HELP voxeme_webhook_%s %s\n# TYPE voxeme_webhook_%s %s\n"
                  "voxeme_webhook_%s %" PRIu64 "\n",
                  name, help, name, type, name, value);
}

static void render(void *ctx, struct vx_buf *out) {
    static const char *const reasons[VX_LOSS_COUNT] = {
        [VX_LOSS_QUEUE] = "max-queued", [VX_LOSS_TOTAL] = "max-queued-total",
        [VX_LOSS_BYTES] = "max-memory", [VX_LOSS_MEMORY] = "memory",
        [VX_LOSS_AGE] = "max-age",      [VX_LOSS_ATTEMPTS] = "attempts",
        [VX_LOSS_REFUSED] = "refused",  [VX_LOSS_TARGET] = "target",
        [VX_LOSS_NOWHERE] = "nowhere",  [VX_LOSS_STOP] = "stop",
    };
    struct vx_webhooks *w = ctx;

    row(out, "queued", "gauge", vx_webhook_queue_count(w->queue) + atomic_load(&w->arriving),
        "Statuses that wait to be told, or are on their way.");
    row(out, "memory_bytes", "gauge", vx_webhook_queue_bytes(w->queue), "Memory that they take.");
    row(out, "requests", "gauge", atomic_load(&w->requests_now), "Requests on their way now.");
    row(out, "told_total", "counter", atomic_load(&w->told), "Statuses that were taken.");
    row(out, "attempts_total", "counter", atomic_load(&w->attempts), "Requests made.");
    row(out, "failures_total", "counter", atomic_load(&w->failures),
        "Requests that failed or were refused.");
    row(out, "broken_off_total", "counter", atomic_load(&w->broken_off),
        "Requests that were slow and broken off, as others waited for their place.");
    vx_buf_puts(out, "# HELP voxeme_webhook_dropped_total Statuses that will never be told, by "
                     "reason.\n# TYPE voxeme_webhook_dropped_total counter\n");
    for (enum vx_webhook_loss why = 0; why < VX_LOSS_COUNT; why++)
        vx_buf_printf(out, "voxeme_webhook_dropped_total{reason=\"%s\"} %" PRIu64 "\n",
                      reasons[why], vx_webhook_queue_lost(w->queue, why));
}

/* --- start and stop --- */

static void free_webhooks(struct vx_webhooks *w) {
    while (w->first) {
        struct told *next = w->first->next;

        vx_snapshot_release(&w->first->call);
        vx_free(w->first);
        w->first = next;
    }
    if (w->multi)
        curl_multi_cleanup(w->multi);
    vx_webhook_queue_release(&w->queue);
    vx_webhook_terms_release(&w->terms);
    vx_config_release(&w->config);
    pthread_mutex_destroy(&w->lock);
    vx_free(w);
    curl_global_cleanup();
}

static bool prepare(struct vx_webhooks *w, char *error, size_t size) {
    struct vx_uuid random;
    uint64_t seed;

    w->terms = vx_webhook_terms_new(w->config, now_us(), error, size);
    if (!w->terms)
        return false;
    snprintf(error, size, "webhooks: out of memory or randomness");
    if (!vx_uuid_random(&random))
        return false;
    memcpy(&seed, random.b, sizeof seed);
    w->queue = vx_webhook_queue_new(seed);
    w->multi = curl_multi_init();
    if (!w->queue || !w->multi)
        return false;
    take_limits(w, w->config);
    atomic_store(&w->any, any_hook(w->config));
    return true;
}

static bool run_thread(struct vx_webhooks *w, char *error, size_t size) {
    sigset_t all, before;
    int e;

    sigfillset(&all);
    pthread_mutex_lock(&w->lock);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the host's threads */
    e = pthread_create(&w->thread, NULL, run, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_mutex_unlock(&w->lock);
    if (e)
        snprintf(error, size, "cannot start the webhooks' thread: %s", strerror(e));
    return !e;
}

/* What certificates are held against is OpenSSL's. */
static bool is_openssl(void) {
    const char *tls = curl_version_info(CURLVERSION_NOW)->ssl_version;

    return tls && strstr(tls, "OpenSSL/");
}

struct vx_webhooks *vx_webhooks_start(struct vx_api *api, struct vx_registry *registry,
                                      struct vx_config *config, char *error, size_t size) {
    struct vx_webhooks *w;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        snprintf(error, size, "libcurl cannot be set up");
        return NULL;
    }
    if (!is_openssl()) {
        curl_global_cleanup();
        snprintf(error, size, "webhooks need a libcurl that is built with OpenSSL");
        return NULL;
    }
    w = vx_calloc(1, sizeof *w);
    if (!w) {
        curl_global_cleanup();
        snprintf(error, size, "out of memory");
        return NULL;
    }
    pthread_mutex_init(&w->lock, NULL);
    w->last = &w->first;
    w->registry = registry;
    w->config = vx_config_ref(config);
    if (!prepare(w, error, size) || !run_thread(w, error, size)) {
        free_webhooks(w);
        return NULL;
    }
    vx_api_add_metrics(api, render, w);
    vx_registry_observe_statuses(registry, on_status, w);
    return w;
}

void vx_webhooks_stop(struct vx_webhooks **webhooks) {
    struct vx_webhooks *w = *webhooks;

    *webhooks = NULL;
    if (!w)
        return;
    vx_registry_observe_statuses(w->registry, NULL, NULL);
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    curl_multi_wakeup(w->multi);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    free_webhooks(w);
}
