#include "host/freeswitch/fs_deadline.h"

#include "core/alloc.h"
#include "core/log.h"
#include "host/freeswitch/fs_leave.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <switch.h>
#include <time.h>

#define SECOND_US INT64_C(1000000)
/* Fewer are not worth a sweep. */
#define SWEEP_ABOVE 1024

struct deadline {
    int64_t due_us; /* when it is looked at next */
    int64_t made_us;
    int64_t timeout_us; /* when it ends unanswered; INT64_MAX: it does not */
    struct vx_uuid call_sid;
    unsigned limit_s; /* after its answer; 0: none */
    bool last;        /* it is known when it was answered: due_us is its end */
};

struct vx_fs_deadlines {
    const struct vx_clock *clock;
    atomic_size_t waiting; /* count, for those who do not want the lock */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t sooner, ended;
    /* Guarded by lock. */
    struct deadline *heap;
    size_t count, capacity, sweep_at;
    bool running, joinable; /* the thread */
    bool closed;
};

/* --- the heap; all under the lock --- */

static void swap(struct deadline *a, struct deadline *b) {
    struct deadline kept = *a;

    *a = *b;
    *b = kept;
}

static void sink(struct vx_fs_deadlines *all, size_t at) {
    for (;;) {
        size_t first = at, left = 2 * at + 1, right = left + 1;

        if (left < all->count && all->heap[left].due_us < all->heap[first].due_us)
            first = left;
        if (right < all->count && all->heap[right].due_us < all->heap[first].due_us)
            first = right;
        if (first == at)
            return;
        swap(&all->heap[at], &all->heap[first]);
        at = first;
    }
}

static void push(struct vx_fs_deadlines *all, const struct deadline *d) {
    size_t at = all->count++;

    all->heap[at] = *d;
    for (; at && all->heap[at].due_us < all->heap[(at - 1) / 2].due_us; at = (at - 1) / 2)
        swap(&all->heap[at], &all->heap[(at - 1) / 2]);
    atomic_store_explicit(&all->waiting, all->count, memory_order_relaxed);
}

static struct deadline pop(struct vx_fs_deadlines *all) {
    struct deadline first = all->heap[0];

    all->heap[0] = all->heap[--all->count];
    sink(all, 0);
    atomic_store_explicit(&all->waiting, all->count, memory_order_relaxed);
    return first;
}

/* --- calls --- */

static switch_core_session_t *locate(const struct vx_uuid *call_sid) {
    char uuid[VX_UUID_TEXT + 1];

    vx_uuid_format(uuid, call_sid);
    return switch_core_session_locate(uuid);
}

static bool is_of_use(const struct deadline *d) {
    switch_core_session_t *session = locate(&d->call_sid);
    switch_channel_t *channel = session ? switch_core_session_get_channel(session) : NULL;
    bool useful;

    if (!session)
        return false;
    useful = switch_channel_get_state(channel) < CS_HANGUP &&
             (d->limit_s || !switch_channel_test_flag(channel, CF_ANSWERED));
    switch_core_session_rwunlock(session);
    return useful;
}

/* While nobody has answered: whenever it has become twice as old. */
static int64_t next_nudge(const struct deadline *d, int64_t now) {
    int64_t age = now - d->made_us;

    return now + (age > SECOND_US ? age : SECOND_US);
}

/* When it has to be looked at again; 0: now is its end. */
static int64_t next_look(const struct vx_fs_deadlines *all, struct deadline *d,
                         switch_channel_t *channel) {
    int64_t now = vx_mono_us(all->clock), limit_us = d->limit_s * SECOND_US, due = INT64_MAX;

    if (d->last)
        return 0;
    if (switch_channel_test_flag(channel, CF_ANSWERED)) {
        d->last = true;
        due = limit_us - vx_fs_up_us(channel);
        return !limit_us ? INT64_MAX : due > 0 ? now + due : 0;
    }
    due = next_nudge(d, now);
    if (limit_us && now + limit_us < due)
        due = now + limit_us;
    if (d->timeout_us < due)
        due = d->timeout_us;
    return now < due ? due : 0;
}

/* FreeSWITCH tries for ten milliseconds to wake the thread of a leg for which an answer, or a
 * refusal, has come. One that is just about to sleep, and gets no CPU for so long, then sleeps over
 * it. Once it is up by some other cause it finds it. One that is not asleep may keep whoever wakes
 * it for those ten milliseconds. */
static void nudge(switch_core_session_t *session, switch_channel_t *channel) {
    if (!switch_channel_test_flag(channel, CF_ANSWERED) &&
        switch_channel_test_flag(channel, CF_THREAD_SLEEPING))
        switch_core_session_wake_session_thread(session);
}

/* Ends the call, or says in d->due_us when it is to be looked at again. False: never. */
static bool look(const struct vx_fs_deadlines *all, struct deadline *d) {
    switch_core_session_t *session = locate(&d->call_sid);
    switch_channel_t *channel = session ? switch_core_session_get_channel(session) : NULL;

    if (!session)
        return false;
    d->due_us = INT64_MAX;
    if (switch_channel_get_state(channel) < CS_HANGUP)
        d->due_us = next_look(all, d, channel);
    if (!d->due_us)
        switch_channel_hangup(channel, switch_channel_test_flag(channel, CF_ANSWERED)
                                           ? SWITCH_CAUSE_ALLOTTED_TIMEOUT
                                           : SWITCH_CAUSE_NO_ANSWER);
    else
        nudge(session, channel);
    switch_core_session_rwunlock(session);
    return d->due_us && d->due_us < INT64_MAX;
}

/* --- what is left with FreeSWITCH --- */

static bool leave(const struct vx_fs_deadlines *all, const struct deadline *d,
                  struct vx_fs_end *end) {
    int64_t timeout_us = d->timeout_us;

    if (timeout_us < INT64_MAX)
        timeout_us -= vx_mono_us(all->clock);
    return vx_fs_leave(end, &d->call_sid, timeout_us, d->limit_s);
}

static void leave_one(const struct vx_fs_deadlines *all, const struct deadline *d) {
    struct vx_fs_end end;

    if (leave(all, d, &end))
        vx_fs_leave_schedule(&end, 1);
}

static void leave_all(const struct vx_fs_deadlines *all, const struct deadline *list,
                      size_t count) {
    struct vx_fs_end *ends = count ? vx_calloc(count, sizeof *ends) : NULL;
    size_t left = 0;

    for (size_t i = 0; i < count; i++)
        if (!ends)
            leave_one(all, &list[i]);
        else
            left += leave(all, &list[i], &ends[left]);
    if (left)
        vx_fs_leave_schedule(ends, left);
    vx_free(ends);
}

/* --- all of them --- */

/* What is looked at is in nobody's hands but the thread's: there is always room for it to come
 * back. */
static bool has_room(struct vx_fs_deadlines *all) {
    size_t capacity = all->capacity ? all->capacity * 2 : 64;
    struct deadline *heap;

    if (all->count + 1 < all->capacity)
        return true;
    heap = vx_realloc(all->heap, capacity * sizeof *heap);
    if (!heap)
        return false;
    all->heap = heap;
    all->capacity = capacity;
    return true;
}

static void sweep(struct vx_fs_deadlines *all) {
    size_t kept = 0;

    for (size_t i = 0; i < all->count; i++)
        if (is_of_use(&all->heap[i]))
            all->heap[kept++] = all->heap[i];
    all->count = kept;
    atomic_store_explicit(&all->waiting, kept, memory_order_relaxed);
    for (size_t i = kept / 2; i-- > 0;)
        sink(all, i);
    all->sweep_at = 2 * kept + SWEEP_ABOVE;
}

bool vx_fs_deadlines_add(struct vx_fs_deadlines *all, const struct vx_uuid *call_sid,
                         unsigned timeout_s, unsigned limit_s) {
    int64_t now = vx_mono_us(all->clock);
    struct deadline d = {now + SECOND_US, now, INT64_MAX, *call_sid, limit_s, false};
    bool ok, closed;

    if (!timeout_s && !limit_s)
        return true;
    if (timeout_s)
        d.timeout_us = now + timeout_s * SECOND_US;
    pthread_mutex_lock(&all->lock);
    closed = all->closed;
    if (!closed && all->count >= all->sweep_at)
        sweep(all);
    ok = closed || has_room(all);
    if (ok && !closed) {
        push(all, &d);
        if (all->heap[0].due_us == d.due_us)
            pthread_cond_signal(&all->sooner);
    }
    pthread_mutex_unlock(&all->lock);
    if (closed)
        leave_one(all, &d);
    return ok;
}

int64_t vx_fs_deadlines_run(struct vx_fs_deadlines *all) {
    int64_t due = INT64_MAX;

    pthread_mutex_lock(&all->lock);
    while (!all->closed && all->count) {
        struct deadline d;
        bool again;

        due = all->heap[0].due_us;
        if (due > vx_mono_us(all->clock))
            break;
        due = INT64_MAX;
        d = pop(all);
        pthread_mutex_unlock(&all->lock);
        again = look(all, &d);
        pthread_mutex_lock(&all->lock);
        if (again && !all->closed) {
            push(all, &d);
        } else if (again) {
            pthread_mutex_unlock(&all->lock);
            leave_one(all, &d); /* the others are left already */
            pthread_mutex_lock(&all->lock);
        }
    }
    pthread_mutex_unlock(&all->lock);
    return due;
}

size_t vx_fs_deadlines_count(struct vx_fs_deadlines *all) {
    return atomic_load_explicit(&all->waiting, memory_order_relaxed);
}

/* --- its thread --- */

static struct timespec after_us(int64_t us) {
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    us += at.tv_nsec / 1000;
    at.tv_sec += (time_t)(us / SECOND_US);
    at.tv_nsec = (long)(us % SECOND_US) * 1000;
    return at;
}

static void wait_for(struct vx_fs_deadlines *all, int64_t us) {
    struct timespec at = after_us(us);

    pthread_cond_timedwait(&all->sooner, &all->lock, &at);
}

/* False: it is closed. */
static bool wait_until_due(struct vx_fs_deadlines *all) {
    bool open;

    pthread_mutex_lock(&all->lock);
    while (!all->closed) {
        int64_t left = all->count ? all->heap[0].due_us - vx_mono_us(all->clock) : INT64_MAX;

        if (left <= 0)
            break;
        if (all->count)
            wait_for(all, left);
        else
            pthread_cond_wait(&all->sooner, &all->lock);
    }
    open = !all->closed;
    pthread_mutex_unlock(&all->lock);
    return open;
}

static void *run(void *arg) {
    struct vx_fs_deadlines *all = arg;

    while (wait_until_due(all))
        vx_fs_deadlines_run(all);
    pthread_mutex_lock(&all->lock);
    all->running = false;
    pthread_cond_signal(&all->ended);
    pthread_mutex_unlock(&all->lock);
    return NULL;
}

struct vx_fs_deadlines *vx_fs_deadlines_new(const struct vx_clock *clock) {
    struct vx_fs_deadlines *all = vx_calloc(1, sizeof *all);
    pthread_condattr_t monotonic;

    if (!all)
        return NULL;
    all->clock = clock;
    all->sweep_at = SWEEP_ABOVE;
    pthread_mutex_init(&all->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&all->sooner, &monotonic);
    pthread_cond_init(&all->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return all;
}

bool vx_fs_deadlines_start(struct vx_fs_deadlines *all) {
    bool started;

    pthread_mutex_lock(&all->lock);
    started = pthread_create(&all->thread, NULL, run, all) == 0;
    all->running = all->joinable = started;
    pthread_mutex_unlock(&all->lock);
    return started;
}

/* False: FreeSWITCH keeps it. */
static bool end_thread(struct vx_fs_deadlines *all, unsigned patience_ms) {
    struct timespec until = after_us((int64_t)patience_ms * 1000);
    bool ended, join;
    int waited = 0;

    pthread_mutex_lock(&all->lock);
    all->closed = true;
    pthread_cond_signal(&all->sooner);
    while (all->running && waited != ETIMEDOUT)
        waited = pthread_cond_timedwait(&all->ended, &all->lock, &until);
    ended = !all->running;
    join = ended && all->joinable;
    all->joinable = all->joinable && !join;
    pthread_mutex_unlock(&all->lock);
    if (join)
        pthread_join(all->thread, NULL);
    return ended;
}

bool vx_fs_deadlines_close(struct vx_fs_deadlines *all, unsigned patience_ms) {
    bool ended = end_thread(all, patience_ms);
    struct deadline *left;
    size_t count;

    if (!ended)
        vx_log(VX_LOG_ERROR, "FreeSWITCH has kept the thread of the timeouts for more than %u s",
               patience_ms / 1000);
    pthread_mutex_lock(&all->lock);
    left = all->heap;
    count = all->count;
    all->heap = NULL;
    all->count = all->capacity = 0;
    atomic_store_explicit(&all->waiting, 0, memory_order_relaxed);
    pthread_mutex_unlock(&all->lock);
    leave_all(all, left, count);
    vx_free(left);
    return ended;
}

void vx_fs_deadlines_abandon(struct vx_fs_deadlines *all) {
    if (all->joinable)
        pthread_detach(all->thread);
}

void vx_fs_deadlines_release(struct vx_fs_deadlines **deadlines) {
    struct vx_fs_deadlines *all = *deadlines;

    *deadlines = NULL;
    vx_free(all->heap);
    pthread_cond_destroy(&all->ended);
    pthread_cond_destroy(&all->sooner);
    pthread_mutex_destroy(&all->lock);
    vx_free(all);
}
