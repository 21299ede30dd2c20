/* The lanes in which commands wait for FreeSWITCH, and their threads. */
#include "host/freeswitch/fs_command.h"

#include "core/alloc.h"
#include "core/log.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

struct waiting {
    struct waiting *next;
    struct vx_command *command; /* a reference */
};

struct lane {
    struct vx_fs_commands *all;
    pthread_t thread;
    pthread_cond_t wake;
    uint64_t mark; /* the thread's own */
    /* Guarded by lock. */
    struct waiting *first, **end;
    int64_t count;
};

struct vx_fs_commands {
    struct vx_registry *registry;
    struct vx_fs_deadlines *deadlines;
    struct vx_fs_marks *marks;
    struct vx_host_port port;
    atomic_uint_fast64_t done, given_up, full, stopping, memory;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    /* Guarded by lock. */
    struct vx_config *config;
    bool open;
    int64_t count;    /* that wait, in all lanes */
    unsigned running; /* threads */
    unsigned lanes;
    struct lane lane[];
};

static void count(atomic_uint_fast64_t *counter) {
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* Calls are made in lanes of their own: those wait while FreeSWITCH is behind with its events, and
 * that is when its calls must be hung up. */
static struct lane *lane_of(struct vx_fs_commands *all, const struct vx_command *command) {
    const struct vx_uuid *call_sid = &vx_command_args(command)->call_sid;
    unsigned hash = 0, half = all->lanes / 2;

    for (size_t i = 0; i < sizeof call_sid->b; i++)
        hash = hash * 31 + call_sid->b[i];
    return &all->lane[hash % half + (vx_command_verb(command) == VX_VERB_ORIGINATE ? half : 0)];
}

/* A lane that FreeSWITCH keeps fills its own share, and leaves the others theirs. */
static bool has_room(const struct vx_fs_commands *all, const struct lane *lane) {
    int64_t max = vx_config_int(all->config, VX_SET_FREESWITCH_MAX_COMMANDS);
    int64_t share = max / (all->lanes / 2);

    return all->count < max && lane->count < (share ? share : 1);
}

static void unlist(struct lane *lane, struct waiting **at) {
    struct waiting *w = *at;

    *at = w->next;
    if (lane->end == &w->next)
        lane->end = at;
    lane->count--;
    lane->all->count--;
}

/* Those that nobody waits for any more need no room. */
static void sweep(struct lane *lane) {
    struct waiting **at = &lane->first, *w;

    while ((w = *at)) {
        if (!vx_command_dropped(w->command)) {
            at = &w->next;
            continue;
        }
        unlist(lane, at);
        vx_command_release(&w->command);
        vx_free(w);
        count(&lane->all->given_up);
    }
}

/* NULL: it waits now; else what is to be counted as the reason. */
static atomic_uint_fast64_t *push(struct vx_fs_commands *all, struct waiting *w) {
    struct lane *lane = lane_of(all, w->command);
    atomic_uint_fast64_t *why = NULL;

    pthread_mutex_lock(&all->lock);
    if (!has_room(all, lane))
        sweep(lane);
    if (!all->open) {
        why = &all->stopping;
    } else if (!has_room(all, lane)) {
        why = &all->full;
    } else {
        *lane->end = w;
        lane->end = &w->next;
        lane->count++;
        all->count++;
        pthread_cond_signal(&lane->wake);
    }
    pthread_mutex_unlock(&all->lock);
    return why;
}

static bool submit(void *ctx, struct vx_command *command) {
    struct vx_fs_commands *all = ctx;
    struct waiting *w = vx_malloc(sizeof *w);
    atomic_uint_fast64_t *why = &all->memory;

    if (w) {
        *w = (struct waiting){NULL, vx_command_ref(command)};
        why = push(all, w);
        if (!why)
            return true;
        vx_command_release(&w->command);
        vx_free(w);
    }
    count(why);
    return false;
}

/* The next one, with a reference to the configuration it is done under. NULL: the lane is closed.
 */
static struct waiting *take(struct lane *lane, struct vx_config **config) {
    struct vx_fs_commands *all = lane->all;
    struct waiting *w;

    pthread_mutex_lock(&all->lock);
    while (all->open && !lane->first)
        pthread_cond_wait(&lane->wake, &all->lock);
    w = lane->first;
    if (w) {
        unlist(lane, &lane->first);
        *config = vx_config_ref(all->config);
    }
    pthread_mutex_unlock(&all->lock);
    return w;
}

static bool is_open(struct vx_fs_commands *all) {
    bool open;

    pthread_mutex_lock(&all->lock);
    open = all->open;
    pthread_mutex_unlock(&all->lock);
    return open;
}

static void perform(struct lane *lane, const struct vx_config *config, struct vx_command *command) {
    struct vx_fs_commands *all = lane->all;
    struct vx_fs_means means = {all->registry, all->deadlines, all->marks, config, &lane->mark};
    struct vx_fs_result result = {VX_OUTCOME_REFUSED, "FreeSWITCH unloads the module"};

    if (!vx_command_take(command)) {
        count(&all->given_up);
        return;
    }
    if (is_open(all)) {
        count(&all->done);
        result = vx_fs_perform(&means, command);
    } else {
        count(&all->stopping);
    }
    vx_command_finish(command, result.outcome, 0, result.reason);
}

static void *run(void *arg) {
    struct lane *lane = arg;
    struct vx_fs_commands *all = lane->all;
    struct vx_config *config;

    for (struct waiting *w; (w = take(lane, &config));) {
        perform(lane, config, w->command);
        vx_command_release(&w->command);
        vx_config_release(&config);
        vx_free(w);
    }
    pthread_mutex_lock(&all->lock);
    all->running--;
    pthread_cond_signal(&all->ended);
    pthread_mutex_unlock(&all->lock);
    return NULL;
}

static void prepare(struct vx_fs_commands *all, unsigned lanes) {
    pthread_condattr_t monotonic;

    all->lanes = lanes;
    all->open = true;
    pthread_mutex_init(&all->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&all->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    for (unsigned i = 0; i < lanes; i++) {
        all->lane[i].all = all;
        all->lane[i].end = &all->lane[i].first;
        pthread_cond_init(&all->lane[i].wake, NULL);
    }
}

struct vx_fs_commands *vx_fs_commands_start(struct vx_registry *registry,
                                            struct vx_fs_deadlines *deadlines,
                                            struct vx_fs_marks *marks, struct vx_config *config) {
    unsigned lanes = 2 * (unsigned)vx_config_int(config, VX_SET_FREESWITCH_COMMAND_THREADS);
    struct vx_fs_commands *all = vx_calloc(1, sizeof *all + lanes * sizeof all->lane[0]);

    if (!all)
        return NULL;
    all->registry = registry;
    all->deadlines = deadlines;
    all->marks = marks;
    all->config = vx_config_ref(config);
    all->port = (struct vx_host_port){submit, all, VX_FS_VERBS | VX_HOST_HANDS_ON};
    prepare(all, lanes);
    for (unsigned i = 0; i < lanes; i++) {
        pthread_mutex_lock(&all->lock);
        if (pthread_create(&all->lane[i].thread, NULL, run, &all->lane[i]) == 0)
            all->running++;
        pthread_mutex_unlock(&all->lock);
        if (all->running == i) {
            /* Those that run wait for their first command: nothing keeps them. */
            all->lanes = i;
            vx_fs_commands_close(all, 60000);
            vx_fs_commands_release(&all);
            return NULL;
        }
    }
    return all;
}

const struct vx_host_port *vx_fs_commands_port(const struct vx_fs_commands *all) {
    return &all->port;
}

void vx_fs_commands_configure(struct vx_fs_commands *all, struct vx_config *config) {
    struct vx_config *old;

    pthread_mutex_lock(&all->lock);
    old = all->config;
    all->config = vx_config_ref(config);
    pthread_mutex_unlock(&all->lock);
    vx_config_release(&old);
}

static struct timespec in_ms(unsigned ms) {
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += (long)(ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_nsec -= 1000000000;
        at.tv_sec++;
    }
    return at;
}

/* How many threads are left when the time is over. */
static unsigned wait_for_threads(struct vx_fs_commands *all, unsigned patience_ms) {
    struct timespec until = in_ms(patience_ms);
    unsigned left;
    int waited = 0;

    pthread_mutex_lock(&all->lock);
    all->open = false;
    for (unsigned i = 0; i < all->lanes; i++)
        pthread_cond_signal(&all->lane[i].wake);
    while (all->running && waited != ETIMEDOUT)
        waited = pthread_cond_timedwait(&all->ended, &all->lock, &until);
    left = all->running;
    pthread_mutex_unlock(&all->lock);
    return left;
}

bool vx_fs_commands_close(struct vx_fs_commands *all, unsigned patience_ms) {
    unsigned left = wait_for_threads(all, patience_ms);

    if (left) {
        vx_log(VX_LOG_ERROR, "FreeSWITCH has kept %u commands for more than %u s", left,
               patience_ms / 1000);
        return false;
    }
    for (unsigned i = 0; i < all->lanes; i++)
        pthread_join(all->lane[i].thread, NULL);
    return true;
}

void vx_fs_commands_release(struct vx_fs_commands **commands) {
    struct vx_fs_commands *all = *commands;

    *commands = NULL;
    for (unsigned i = 0; i < all->lanes; i++)
        pthread_cond_destroy(&all->lane[i].wake);
    pthread_cond_destroy(&all->ended);
    pthread_mutex_destroy(&all->lock);
    vx_config_release(&all->config);
    vx_free(all);
}

void vx_fs_commands_abandon(struct vx_fs_commands *all) {
    for (unsigned i = 0; i < all->lanes; i++)
        pthread_detach(all->lane[i].thread);
}

static void describe(struct vx_buf *out, const char *name, const char *type, const char *help) {
    vx_buf_printf(out, "# HELP voxeme_freeswitch_%s %s\n# TYPE voxeme_freeswitch_%s %s\n", name,
                  help, name, type);
}

static void row(struct vx_buf *out, const char *name, const char *labels, uint64_t value) {
    vx_buf_printf(out, "voxeme_freeswitch_%s%s %" PRIu64 "\n", name, labels, value);
}

void vx_fs_commands_metrics(void *ctx, struct vx_buf *out) {
    static const char refused[] = "commands_refused_total";
    struct vx_fs_commands *all = ctx;
    int64_t waiting;

    pthread_mutex_lock(&all->lock);
    waiting = all->count;
    pthread_mutex_unlock(&all->lock);
    describe(out, "commands_waiting", "gauge", "Commands of the API that wait for a thread.");
    row(out, "commands_waiting", "", (uint64_t)waiting);
    describe(out, "deadlines", "gauge", "Timeouts and time limits of calls that are kept.");
    row(out, "deadlines", "", vx_fs_deadlines_count(all->deadlines));
    describe(out, "commands_total", "counter", "Commands of the API that a thread took.");
    row(out, "commands_total", "", atomic_load(&all->done));
    describe(out, refused, "counter", "Commands of the API that were not done, by reason.");
    row(out, refused, "{reason=\"freeswitch-max-commands\"}", atomic_load(&all->full));
    row(out, refused, "{reason=\"timeout\"}", atomic_load(&all->given_up));
    row(out, refused, "{reason=\"memory\"}", atomic_load(&all->memory));
    row(out, refused, "{reason=\"stopping\"}", atomic_load(&all->stopping));
}
