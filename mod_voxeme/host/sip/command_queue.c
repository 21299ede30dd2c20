#include "host/sip/command_queue.h"

#include "core/alloc.h"
#include "host/sip/command.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define A_TURN 64

struct waiting {
    struct waiting *next;
    struct vx_command *command; /* a reference */
};

struct vx_command_queue {
    struct vx_host_port port;
    struct vx_sip_metrics *metrics;
    int fd;
    /* SIP thread. */
    su_root_t *root;
    int registered;
    void (*perform)(void *ctx, struct vx_command *command);
    void *ctx;
    pthread_mutex_t lock;
    /* Guarded by lock. */
    bool open;
    struct waiting *first, **end;
    int64_t count, limit;
};

/* An eventfd that holds 0 takes it always, and does not block. */
static void wake(const struct vx_command_queue *q) {
    uint64_t one = 1;

    if (write(q->fd, &one, sizeof one) < 0)
        return;
}

/* NULL: it waits now; else what has been counted as the reason. */
static atomic_uint_fast64_t *push(struct vx_command_queue *q, struct waiting *w) {
    atomic_uint_fast64_t *why = NULL;

    pthread_mutex_lock(&q->lock);
    if (!q->open) {
        why = &q->metrics->commands_stopping;
    } else if (q->count >= q->limit) {
        why = &q->metrics->commands_full;
    } else {
        *q->end = w;
        q->end = &w->next;
        if (q->count++ == 0)
            wake(q);
    }
    pthread_mutex_unlock(&q->lock);
    return why;
}

static bool submit(void *ctx, struct vx_command *command) {
    struct vx_command_queue *q = ctx;
    struct waiting *w = vx_malloc(sizeof *w);
    atomic_uint_fast64_t *why = &q->metrics->commands_memory;

    if (w) {
        *w = (struct waiting){NULL, vx_command_ref(command)};
        why = push(q, w);
    }
    if (!why)
        return true;
    vx_sip_count(why);
    if (w)
        vx_command_release(&w->command);
    vx_free(w);
    return false;
}

struct vx_command_queue *vx_command_queue_new(struct vx_sip_metrics *metrics) {
    struct vx_command_queue *q = vx_calloc(1, sizeof *q);

    if (!q)
        return NULL;
    q->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (q->fd < 0) {
        vx_free(q);
        return NULL;
    }
    q->port = (struct vx_host_port){submit, q, VX_SIP_VERBS};
    q->metrics = metrics;
    q->registered = -1;
    q->end = &q->first;
    pthread_mutex_init(&q->lock, NULL);
    return q;
}

void vx_command_queue_release(struct vx_command_queue **queue) {
    struct vx_command_queue *q = *queue;

    *queue = NULL;
    if (!q)
        return;
    close(q->fd);
    pthread_mutex_destroy(&q->lock);
    vx_free(q);
}

const struct vx_host_port *vx_command_queue_port(const struct vx_command_queue *q) {
    return &q->port;
}

/* At most `most` of the oldest; wakes the loop again when some are left. */
static struct waiting *take(struct vx_command_queue *q, int64_t most) {
    struct waiting *first, **last;
    int64_t taken = 0;

    pthread_mutex_lock(&q->lock);
    first = q->first;
    for (last = &first; *last && taken < most; taken++)
        last = &(*last)->next;
    q->first = *last;
    *last = NULL;
    q->count -= taken;
    if (!q->first)
        q->end = &q->first;
    else
        wake(q);
    pthread_mutex_unlock(&q->lock);
    return first;
}

static int on_wake(su_root_magic_t *magic, su_wait_t *wait, su_wakeup_arg_t *arg) {
    struct vx_command_queue *q = arg;
    uint64_t count;

    (void)magic;
    (void)wait;
    if (read(q->fd, &count, sizeof count) < 0)
        return 0;
    for (struct waiting *w = take(q, A_TURN), *next; w; w = next) {
        next = w->next;
        if (vx_command_take(w->command)) {
            vx_sip_count(&q->metrics->commands);
            q->perform(q->ctx, w->command);
        } else {
            vx_command_release(&w->command);
        }
        vx_free(w);
    }
    return 0;
}

bool vx_command_queue_open(struct vx_command_queue *q, su_root_t *root, int64_t limit,
                           void (*perform)(void *ctx, struct vx_command *command), void *ctx) {
    su_wait_t wait[1] = {SU_WAIT_INIT};

    q->root = root;
    q->perform = perform;
    q->ctx = ctx;
    if (su_wait_create(wait, q->fd, SU_WAIT_IN) == 0)
        q->registered = su_root_register(root, wait, on_wake, q, 0);
    if (q->registered < 0)
        return false;
    pthread_mutex_lock(&q->lock);
    q->open = true;
    q->limit = limit;
    pthread_mutex_unlock(&q->lock);
    return true;
}

void vx_command_queue_limit(struct vx_command_queue *q, int64_t limit) {
    pthread_mutex_lock(&q->lock);
    q->limit = limit;
    pthread_mutex_unlock(&q->lock);
}

void vx_command_queue_close(struct vx_command_queue *q) {
    pthread_mutex_lock(&q->lock);
    q->open = false;
    pthread_mutex_unlock(&q->lock);
    for (struct waiting *w = take(q, INT64_MAX), *next; w; w = next) {
        next = w->next;
        if (vx_command_take(w->command)) {
            vx_sip_count(&q->metrics->commands_stopping);
            vx_command_finish(w->command, VX_OUTCOME_REFUSED, 0, "the switch is stopping");
        }
        vx_command_release(&w->command);
        vx_free(w);
    }
    if (q->registered >= 0)
        su_root_deregister(q->root, q->registered);
    q->registered = -1;
}
