#include "net/webhook_queue.h"

#include "core/alloc.h"
#include "core/clock.h"
#include "net/webhook_heap.h"

#include <stdatomic.h>

#define SLOTS            4096
#define LONGEST_DELAY_US (60 * VX_SECOND_US)

struct item {
    struct item *next;          /* of the same call */
    struct item *older, *newer; /* of the same account */
    struct vx_delivery *call;
    struct vx_snapshot *snapshot;
    int64_t born_us;
};

/* READY to be attempted, ON_ITS_WAY, or WAITING for its time after a failure: its first status. */
enum state { READY, ON_ITS_WAY, WAITING };

/* A call that has statuses to be told. */
struct vx_delivery {
    struct vx_delivery *hash_next;
    struct receiver *receiver;
    struct vx_uuid sid;
    enum state state;
    unsigned attempts; /* of the first status */
    struct item *first, *last;
    struct vx_delivery *prev, *next; /* among those of its receiver that are READY */
    struct vx_due due;               /* WAITING */
};

/* An account that has statuses to be told. */
struct receiver {
    struct receiver *hash_next;
    struct vx_uuid sid;
    struct item *oldest, *newest;
    size_t count;
    unsigned on_their_way;
    bool works, fails; /* as of its last attempt; neither: there was none */
    bool in_ring;
    struct vx_delivery *first, *last; /* READY ones */
    struct receiver *prev, *next;     /* in the ring of those that something can be started of */
};

struct vx_webhook_queue {
    struct vx_webhook_limits limits;
    struct vx_delivery *calls[SLOTS];
    struct receiver *receivers[SLOTS];
    struct receiver *ring; /* whose turn it is; NULL: nobody's */
    struct vx_due_heap waiting;
    size_t call_count;
    unsigned on_their_way;
    uint64_t random;
    atomic_size_t count;
    atomic_uint_fast64_t lost[VX_LOSS_COUNT];
};

static size_t slot_of(const struct vx_uuid *sid) {
    uint64_t h[2];

    memcpy(h, sid->b, sizeof h);
    h[0] = (h[0] ^ h[1] ^ h[1] >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(h[0] >> 40) % SLOTS;
}

void vx_webhook_queue_lose(struct vx_webhook_queue *q, enum vx_webhook_loss why) {
    atomic_fetch_add_explicit(&q->lost[why], 1, memory_order_relaxed);
}

/* --- receivers --- */

static unsigned limit_of(const struct vx_webhook_queue *q, const struct receiver *r) {
    return r->works ? q->limits.requests : 1;
}

static void leave_ring(struct vx_webhook_queue *q, struct receiver *r) {
    r->in_ring = false;
    if (q->ring == r)
        q->ring = r->next == r ? NULL : r->next;
    r->prev->next = r->next;
    r->next->prev = r->prev;
}

/* Its turn comes last. */
static void enter_ring(struct vx_webhook_queue *q, struct receiver *r) {
    r->in_ring = true;
    if (!q->ring) {
        q->ring = r->prev = r->next = r;
        return;
    }
    r->next = q->ring;
    r->prev = q->ring->prev;
    r->prev->next = r->next->prev = r;
}

static struct receiver *receiver_of(struct vx_webhook_queue *q, const struct vx_uuid *sid) {
    struct receiver **slot = &q->receivers[slot_of(sid)], *r = *slot;

    while (r && !vx_uuid_eq(&r->sid, sid))
        r = r->hash_next;
    if (r)
        return r;
    r = vx_calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->sid = *sid;
    r->hash_next = *slot;
    *slot = r;
    return r;
}

/* After any change of what is ready or on its way. Frees one that nothing is left of. */
static void settle(struct vx_webhook_queue *q, struct receiver *r) {
    bool can = r->first && r->on_their_way < limit_of(q, r);
    struct receiver **at = &q->receivers[slot_of(&r->sid)];

    if (can && !r->in_ring)
        enter_ring(q, r);
    else if (!can && r->in_ring)
        leave_ring(q, r);
    if (r->count)
        return;
    while (*at != r)
        at = &(*at)->hash_next;
    *at = r->hash_next;
    vx_free(r);
}

/* --- calls --- */

static void make_ready(struct vx_delivery *d) {
    struct receiver *r = d->receiver;

    d->state = READY;
    d->next = NULL;
    d->prev = r->last;
    if (r->last)
        r->last->next = d;
    else
        r->first = d;
    r->last = d;
}

static void unready(struct vx_delivery *d) {
    struct receiver *r = d->receiver;

    if (d->prev)
        d->prev->next = d->next;
    else
        r->first = d->next;
    if (d->next)
        d->next->prev = d->prev;
    else
        r->last = d->prev;
    d->prev = d->next = NULL;
}

static struct vx_delivery *find_call(const struct vx_webhook_queue *q, const struct receiver *r,
                                     const struct vx_uuid *sid) {
    struct vx_delivery *d = q->calls[slot_of(sid)];

    while (d && !(d->receiver == r && vx_uuid_eq(&d->sid, sid)))
        d = d->hash_next;
    return d;
}

/* In no state yet. */
static struct vx_delivery *new_call(struct vx_webhook_queue *q, struct receiver *r,
                                    const struct vx_uuid *sid) {
    struct vx_delivery *d = vx_calloc(1, sizeof *d);

    if (!d || !vx_due_heap_reserve(&q->waiting, q->call_count + 1)) {
        vx_free(d);
        return NULL;
    }
    d->sid = *sid;
    d->receiver = r;
    d->hash_next = q->calls[slot_of(sid)];
    q->calls[slot_of(sid)] = d;
    q->call_count++;
    return d;
}

static void free_call(struct vx_webhook_queue *q, struct vx_delivery *d) {
    struct vx_delivery **at = &q->calls[slot_of(&d->sid)];

    while (*at != d)
        at = &(*at)->hash_next;
    *at = d->hash_next;
    q->call_count--;
    vx_free(d);
}

/* --- statuses --- */

static void append(struct vx_webhook_queue *q, struct vx_delivery *d, struct item *item) {
    struct receiver *r = d->receiver;

    item->call = d;
    if (d->last)
        d->last->next = item;
    else
        d->first = item;
    d->last = item;
    item->older = r->newest;
    if (r->newest)
        r->newest->newer = item;
    else
        r->oldest = item;
    r->newest = item;
    r->count++;
    atomic_fetch_add_explicit(&q->count, 1, memory_order_relaxed);
}

/* The call keeps its state. */
static void remove_item(struct vx_webhook_queue *q, struct item *item) {
    struct vx_delivery *d = item->call;
    struct receiver *r = d->receiver;
    struct item *before = NULL;

    for (struct item *i = d->first; i != item; i = i->next)
        before = i;
    if (before)
        before->next = item->next;
    else
        d->first = item->next;
    if (d->last == item)
        d->last = before;
    if (item->older)
        item->older->newer = item->newer;
    else
        r->oldest = item->newer;
    if (item->newer)
        item->newer->older = item->older;
    else
        r->newest = item->older;
    r->count--;
    atomic_fetch_sub_explicit(&q->count, 1, memory_order_relaxed);
    vx_snapshot_release(&item->snapshot);
    vx_free(item);
}

/* Its first status is done with; it is in no state. */
static void go_on(struct vx_webhook_queue *q, struct vx_delivery *d) {
    remove_item(q, d->first);
    d->attempts = 0;
    if (d->first)
        make_ready(d);
    else
        free_call(q, d);
}

static bool is_on_its_way(const struct item *item) {
    return item->call->state == ON_ITS_WAY && item->call->first == item;
}

/* Makes place for one more. False: all that there is is on its way. */
static bool drop_oldest(struct vx_webhook_queue *q, struct receiver *r) {
    struct item *item = r->oldest;
    struct vx_delivery *d;

    while (item && is_on_its_way(item))
        item = item->newer;
    if (!item)
        return false;
    d = item->call;
    if (d->first == item)
        d->attempts = 0; /* a WAITING call goes on waiting: it is the receiver that fails */
    remove_item(q, item);
    if (d->first)
        return true;
    if (d->state == WAITING)
        vx_due_heap_take(&q->waiting, &d->due);
    else
        unready(d);
    free_call(q, d);
    return true;
}

/* How many of its statuses could give place. */
static size_t waits(const struct receiver *r) {
    return r->count - r->on_their_way;
}

/* Whose queue is the longest, so that a receiver that is gone costs its own account alone. NULL:
 * all is on its way. */
static struct receiver *longest(const struct vx_webhook_queue *q) {
    struct receiver *most = NULL;

    for (size_t i = 0; i < SLOTS; i++)
        for (struct receiver *r = q->receivers[i]; r; r = r->hash_next)
            if (waits(r) > (most ? waits(most) : 0))
                most = r;
    return most;
}

/* Makes place for one more of `r`, which is settled by the caller. False: there is none. */
static bool make_room(struct vx_webhook_queue *q, struct receiver *r) {
    bool full = r->count >= q->limits.queued;
    struct receiver *gives = r;

    if (!full && vx_webhook_queue_count(q) < q->limits.queued_total)
        return true;
    if (!full)
        gives = longest(q);
    vx_webhook_queue_lose(q, full ? VX_LOSS_QUEUE : VX_LOSS_TOTAL);
    if (!gives || !drop_oldest(q, gives))
        return false;
    if (gives != r)
        settle(q, gives);
    return true;
}

static struct item *new_item(struct vx_snapshot *call, int64_t now) {
    struct item *item = vx_calloc(1, sizeof *item);

    if (item) {
        item->snapshot = call;
        item->born_us = now;
    }
    return item;
}

/* False: out of memory, and the snapshot is still the caller's. */
static bool add(struct vx_webhook_queue *q, struct receiver *r, struct vx_snapshot *call,
                int64_t now) {
    struct vx_delivery *d = find_call(q, r, vx_snapshot_sid(call));
    struct item *item = new_item(call, now);
    bool is_new = !d;

    if (item && is_new)
        d = new_call(q, r, vx_snapshot_sid(call));
    if (!item || !d) {
        vx_free(item);
        return false;
    }
    append(q, d, item);
    if (is_new)
        make_ready(d);
    return true;
}

void vx_webhook_queue_add(struct vx_webhook_queue *q, struct vx_snapshot *call, int64_t now) {
    struct receiver *r = receiver_of(q, vx_snapshot_account(call));
    bool added;

    if (r && !make_room(q, r)) {
        vx_snapshot_release(&call); /* it is the one that is lost */
        settle(q, r);
        return;
    }
    added = r && add(q, r, call, now);
    if (!added) {
        vx_webhook_queue_lose(q, VX_LOSS_MEMORY);
        vx_snapshot_release(&call);
    }
    if (r)
        settle(q, r);
}

/* --- attempts --- */

static void take_due(struct vx_webhook_queue *q, int64_t now) {
    struct vx_due *due;

    while ((due = vx_due_heap_first(&q->waiting)) && due->due_us <= now) {
        struct vx_delivery *d =
            (struct vx_delivery *)(void *)((char *)due - offsetof(struct vx_delivery, due));

        vx_due_heap_take(&q->waiting, due);
        make_ready(d);
        settle(q, d->receiver);
    }
}

struct vx_delivery *vx_webhook_queue_start(struct vx_webhook_queue *q, int64_t now) {
    take_due(q, now);
    while (q->ring && q->on_their_way < q->limits.requests_total) {
        struct receiver *r = q->ring;
        struct vx_delivery *d = r->first;

        unready(d);
        if (now - d->first->born_us > q->limits.max_age_us) {
            vx_webhook_queue_lose(q, VX_LOSS_AGE);
            go_on(q, d);
            settle(q, r);
            continue;
        }
        d->state = ON_ITS_WAY;
        r->on_their_way++;
        q->on_their_way++;
        q->ring = r->next;
        settle(q, r);
        return d;
    }
    return NULL;
}

struct vx_snapshot *vx_delivery_call(const struct vx_delivery *d) {
    return d->first->snapshot;
}

int64_t vx_webhook_delay_us(unsigned attempts) {
    int64_t delay = VX_SECOND_US;

    for (; attempts > 1 && delay < LONGEST_DELAY_US; attempts--)
        delay *= 2;
    return delay < LONGEST_DELAY_US ? delay : LONGEST_DELAY_US;
}

/* SplitMix64. */
static uint64_t next_random(struct vx_webhook_queue *q) {
    uint64_t z = (q->random += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void try_again(struct vx_webhook_queue *q, struct vx_delivery *d, int64_t now) {
    int64_t delay = vx_webhook_delay_us(++d->attempts);
    int64_t due = now + delay - (int64_t)(next_random(q) % (uint64_t)(delay / 2 + 1));
    bool too_often = d->attempts >= q->limits.attempts;

    if (too_often || due - d->first->born_us > q->limits.max_age_us) {
        vx_webhook_queue_lose(q, too_often ? VX_LOSS_ATTEMPTS : VX_LOSS_AGE);
        go_on(q, d);
        return;
    }
    d->state = WAITING;
    d->due.due_us = due;
    vx_due_heap_put(&q->waiting, &d->due);
}

enum vx_receiver_turn vx_webhook_queue_end(struct vx_webhook_queue *q, struct vx_delivery *d,
                                           enum vx_attempt how, enum vx_webhook_loss loss,
                                           int64_t now) {
    struct receiver *r = d->receiver;
    bool failed = r->fails;

    r->on_their_way--;
    q->on_their_way--;
    /* A receiver that refuses is there; of one whose address is no good nothing is known. */
    if (how != VX_ATTEMPT_LOST || loss == VX_LOSS_REFUSED) {
        r->fails = how == VX_ATTEMPT_AGAIN;
        r->works = !r->fails;
    }
    failed = failed != r->fails;
    if (how == VX_ATTEMPT_LOST)
        vx_webhook_queue_lose(q, loss);
    bool fails = r->fails;
    if (how == VX_ATTEMPT_AGAIN)
        try_again(q, d, now);
    else
        go_on(q, d);
    settle(q, r);
    return !failed ? VX_RECEIVER_SAME : fails ? VX_RECEIVER_FAILS : VX_RECEIVER_WORKS;
}

int64_t vx_webhook_queue_due(const struct vx_webhook_queue *q) {
    const struct vx_due *due = vx_due_heap_first(&q->waiting);

    return due ? due->due_us : INT64_MAX;
}

bool vx_webhook_queue_idle(const struct vx_webhook_queue *q) {
    return !q->on_their_way && !q->ring;
}

size_t vx_webhook_queue_count(const struct vx_webhook_queue *q) {
    return atomic_load_explicit(&q->count, memory_order_relaxed);
}

uint64_t vx_webhook_queue_lost(const struct vx_webhook_queue *q, enum vx_webhook_loss why) {
    return atomic_load_explicit(&q->lost[why], memory_order_relaxed);
}

void vx_webhook_queue_limit(struct vx_webhook_queue *q, const struct vx_webhook_limits *limits) {
    q->limits = *limits;
}

struct vx_webhook_queue *vx_webhook_queue_new(uint64_t seed) {
    struct vx_webhook_queue *q = vx_calloc(1, sizeof *q);

    if (!q)
        return NULL;
    q->random = seed;
    atomic_init(&q->count, 0);
    for (size_t i = 0; i < VX_LOSS_COUNT; i++)
        atomic_init(&q->lost[i], 0);
    return q;
}

void vx_webhook_queue_release(struct vx_webhook_queue **queue) {
    struct vx_webhook_queue *q = *queue;

    *queue = NULL;
    if (!q)
        return;
    for (size_t i = 0; i < SLOTS; i++) {
        while (q->calls[i]) {
            while (q->calls[i]->first)
                remove_item(q, q->calls[i]->first);
            free_call(q, q->calls[i]);
        }
    }
    for (size_t i = 0; i < SLOTS; i++)
        while (q->receivers[i]) {
            struct receiver *next = q->receivers[i]->hash_next;

            vx_free(q->receivers[i]);
            q->receivers[i] = next;
        }
    vx_due_heap_free(&q->waiting);
    vx_free(q);
}
