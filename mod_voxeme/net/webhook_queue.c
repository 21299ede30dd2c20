#include "net/webhook_queue.h"

#include "core/alloc.h"
#include "core/clock.h"
#include "net/webhook_queue_private.h"

#define LONGEST_DELAY_US (60 * VX_SECOND_US)

size_t vx_webhook_slot(const struct vx_uuid *sid) {
    uint64_t h[2];

    memcpy(h, sid->b, sizeof h);
    h[0] = (h[0] ^ h[1] ^ h[1] >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(h[0] >> 40) % VX_WEBHOOK_SLOTS;
}

void vx_webhook_queue_lose(struct vx_webhook_queue *q, enum vx_webhook_loss why) {
    atomic_fetch_add_explicit(&q->lost[why], 1, memory_order_relaxed);
}

/* --- receivers --- */

/* FNV-1a of scheme, host and port: one that hangs or fails does so for every path of it. 0 is the
 * account's own. What falls together falls together within an account. */
static uint64_t key_of(const struct vx_hook *hook) {
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    struct vx_str url = hook ? vx_hook_fields(hook)->url : VX_NONE;
    unsigned slashes = 0;

    if (!hook)
        return 0;
    for (size_t i = 0; i < url.len && url.at[i] != '?' && url.at[i] != '#'; i++) {
        slashes += url.at[i] == '/';
        if (slashes == 3)
            break;
        h = (h ^ (unsigned char)url.at[i]) * UINT64_C(0x100000001b3);
    }
    return h ? h : 1;
}

/* --- calls --- */

/* It is at the receiver of its first status, which is settled. */
static void make_ready(struct vx_webhook_queue *q, struct vx_delivery *d) {
    d->state = READY;
    d->receiver = d->first->receiver;
    node_append(&d->receiver->ready, &d->node);
    vx_receiver_settle(q, d->receiver);
}

static struct vx_delivery *find_call(const struct vx_webhook_queue *q, const struct account *a,
                                     const struct vx_uuid *sid) {
    struct vx_delivery *d = q->calls[vx_webhook_slot(sid)];

    while (d && !(d->account == a && vx_uuid_eq(&d->sid, sid)))
        d = d->hash_next;
    return d;
}

/* In no state yet. */
static struct vx_delivery *new_call(struct vx_webhook_queue *q, struct account *a,
                                    const struct vx_uuid *sid) {
    struct vx_delivery *d = vx_calloc(1, sizeof *d);

    if (!d || !vx_due_heap_reserve(&q->waiting, q->call_count + 1)) {
        vx_free(d);
        return NULL;
    }
    d->sid = *sid;
    d->account = a;
    node_init(&d->node);
    d->hash_next = q->calls[vx_webhook_slot(sid)];
    q->calls[vx_webhook_slot(sid)] = d;
    q->call_count++;
    return d;
}

static void free_call(struct vx_webhook_queue *q, struct vx_delivery *d) {
    struct vx_delivery **at = &q->calls[vx_webhook_slot(&d->sid)];

    while (*at != d)
        at = &(*at)->hash_next;
    *at = d->hash_next;
    q->call_count--;
    vx_free(d);
}

/* --- statuses --- */

/* Each with a call of its own, which is the most. */
static size_t cost(const struct item *item) {
    return vx_snapshot_cost(item->snapshot) + vx_alloc_cost(sizeof *item) +
           vx_alloc_cost(sizeof *item->call);
}

static void append(struct vx_webhook_queue *q, struct vx_delivery *d, struct item *item) {
    struct account *a = d->account;

    item->call = d;
    if (d->last)
        d->last->next = item;
    else
        d->first = item;
    d->last = item;
    item->older = a->newest;
    if (a->newest)
        a->newest->newer = item;
    else
        a->oldest = item;
    a->newest = item;
    a->count++;
    item->receiver->count++;
    vx_account_waits(q, a);
    atomic_fetch_add_explicit(&q->count, 1, memory_order_relaxed);
    q->held += cost(item);
}

/* The call keeps its state; the status' receiver is the caller's to settle. */
static void remove_item(struct vx_webhook_queue *q, struct item *item) {
    struct vx_delivery *d = item->call;
    struct account *a = d->account;
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
        a->oldest = item->newer;
    if (item->newer)
        item->newer->older = item->older;
    else
        a->newest = item->older;
    a->count--;
    item->receiver->count--;
    vx_account_waits(q, a);
    atomic_fetch_sub_explicit(&q->count, 1, memory_order_relaxed);
    q->held -= cost(item);
    vx_snapshot_release(&item->snapshot);
    vx_free(item);
}

/* For others to read: what has come and is to give way at once is not told. */
static void tell_bytes(struct vx_webhook_queue *q) {
    atomic_store_explicit(&q->bytes, q->held, memory_order_relaxed);
}

/* Its first status is done with; it is in no state. */
static void go_on(struct vx_webhook_queue *q, struct vx_delivery *d) {
    struct receiver *r = d->first->receiver;

    remove_item(q, d->first);
    tell_bytes(q);
    d->attempts = 0;
    if (d->first)
        make_ready(q, d);
    else
        free_call(q, d);
    vx_receiver_settle(q, r);
}

static bool is_on_its_way(const struct item *item) {
    return item->call->state == ON_ITS_WAY && item->call->first == item;
}

/* Makes place for one more. False: all that there is is on its way. */
static bool drop_oldest(struct vx_webhook_queue *q, struct account *a) {
    struct item *item = a->oldest;
    struct receiver *r;
    struct vx_delivery *d;

    while (item && is_on_its_way(item))
        item = item->newer;
    if (!item)
        return false;
    d = item->call;
    r = item->receiver;
    if (d->first == item)
        d->attempts = 0; /* a WAITING call goes on waiting */
    remove_item(q, item);
    if (!d->first) {
        if (d->state == WAITING)
            vx_due_heap_take(&q->waiting, &d->due);
        node_leave(&d->node);
        free_call(q, d);
    } else if (d->state == READY && d->first->receiver != d->receiver) {
        node_leave(&d->node);
        make_ready(q, d);
    }
    vx_receiver_settle(q, r);
    return true;
}

static bool drop_longest(struct vx_webhook_queue *q) {
    struct account *a = vx_account_longest(q);

    return a && drop_oldest(q, a);
}

/* Until no bound is passed; `a` is the account of what came last. */
static void make_room(struct vx_webhook_queue *q, struct account *a) {
    while (a->count > q->limits.queued && drop_oldest(q, a))
        vx_webhook_queue_lose(q, VX_LOSS_QUEUE);
    while (vx_webhook_queue_count(q) > q->limits.queued_total && drop_longest(q))
        vx_webhook_queue_lose(q, VX_LOSS_TOTAL);
    while (q->held > q->limits.memory && drop_longest(q))
        vx_webhook_queue_lose(q, VX_LOSS_BYTES);
}

static struct item *new_item(struct vx_snapshot *call, struct receiver *r, int64_t now) {
    struct item *item = vx_calloc(1, sizeof *item);

    if (item) {
        item->snapshot = call;
        item->receiver = r;
        item->born_us = now;
    }
    return item;
}

/* False: out of memory, and the snapshot is still the caller's. */
static bool add(struct vx_webhook_queue *q, struct receiver *r, struct vx_snapshot *call,
                int64_t now) {
    struct vx_delivery *d = find_call(q, r->account, vx_snapshot_sid(call));
    struct item *item = new_item(call, r, now);
    bool is_new = !d;

    if (item && is_new)
        d = new_call(q, r->account, vx_snapshot_sid(call));
    if (!item || !d) {
        vx_free(item);
        return false;
    }
    append(q, d, item);
    if (is_new)
        make_ready(q, d);
    return true;
}

void vx_webhook_queue_add(struct vx_webhook_queue *q, struct vx_snapshot *call, int64_t now) {
    struct receiver *r =
        vx_receiver_of(q, vx_snapshot_account(call), key_of(vx_snapshot_hook(call)));

    vx_snapshot_set_apart(&call);
    if (r && add(q, r, call, now)) {
        make_room(q, r->account);
        tell_bytes(q);
        return;
    }
    if (r)
        vx_receiver_settle(q, r);
    vx_webhook_queue_lose(q, VX_LOSS_MEMORY);
    vx_snapshot_release(&call);
}

/* --- attempts --- */

static void take_due(struct vx_webhook_queue *q, int64_t now) {
    struct vx_due *due;

    while ((due = vx_due_heap_first(&q->waiting)) && due->due_us <= now) {
        vx_due_heap_take(&q->waiting, due);
        make_ready(q, OF_NODE(struct vx_delivery, due, due));
    }
    vx_turns_pass(q, now);
}

struct vx_delivery *vx_webhook_queue_start(struct vx_webhook_queue *q, int64_t now) {
    struct receiver *r;

    take_due(q, now);
    while ((r = vx_turn_next(q))) {
        struct vx_delivery *d = OF_NODE(struct vx_delivery, node, r->ready.next);

        node_leave(&d->node);
        if (now - d->first->born_us <= q->limits.max_age_us) {
            vx_turn_begin(q, d, now);
            return d;
        }
        vx_webhook_queue_lose(q, VX_LOSS_AGE);
        go_on(q, d);
    }
    return NULL;
}

struct vx_snapshot *vx_delivery_call(const struct vx_delivery *d) {
    return d->first->snapshot;
}

void vx_delivery_attach(struct vx_delivery *d, void *request) {
    d->request = request;
}

void *vx_delivery_request(const struct vx_delivery *d) {
    return d->request;
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

int64_t vx_webhook_shortened(struct vx_webhook_queue *q, int64_t delay) {
    return delay - (int64_t)(next_random(q) % (uint64_t)(delay / 2 + 1));
}

/* One that gave way has not been tried to the end. */
static void try_again(struct vx_webhook_queue *q, struct vx_delivery *d, bool gave_way,
                      int64_t now) {
    unsigned attempts = d->attempts + 1;
    int64_t due = now + vx_webhook_shortened(q, vx_webhook_delay_us(attempts));
    bool too_often = !gave_way && attempts >= q->limits.attempts;

    if (too_often || due - d->first->born_us > q->limits.max_age_us) {
        vx_webhook_queue_lose(q, too_often ? VX_LOSS_ATTEMPTS : VX_LOSS_AGE);
        go_on(q, d);
        return;
    }
    d->attempts += !gave_way;
    d->state = WAITING;
    d->due.due_us = due;
    vx_due_heap_put(&q->waiting, &d->due);
    vx_receiver_settle(q, d->receiver);
}

enum vx_receiver_turn vx_webhook_queue_end(struct vx_webhook_queue *q, struct vx_delivery *d,
                                           enum vx_attempt how, enum vx_webhook_loss loss,
                                           int64_t now) {
    struct receiver *r = d->receiver;
    bool again = how == VX_ATTEMPT_AGAIN || how == VX_ATTEMPT_GAVE_WAY;
    bool failed = r->fails, fails;

    vx_turn_end(q, d);
    /* A receiver that refuses is there; of one whose address is no good nothing is known. */
    if (how != VX_ATTEMPT_LOST || loss == VX_LOSS_REFUSED)
        vx_receiver_judge(q, r, d->round, again, now);
    fails = r->fails;
    if (how == VX_ATTEMPT_LOST)
        vx_webhook_queue_lose(q, loss);
    if (again)
        try_again(q, d, how == VX_ATTEMPT_GAVE_WAY, now);
    else
        go_on(q, d);
    return failed == fails ? VX_RECEIVER_SAME : fails ? VX_RECEIVER_FAILS : VX_RECEIVER_WORKS;
}

int64_t vx_webhook_queue_due(const struct vx_webhook_queue *q) {
    const struct vx_due *first = vx_due_heap_first(&q->waiting);
    int64_t due = vx_turns_due(q);

    return first && first->due_us < due ? first->due_us : due;
}

bool vx_webhook_queue_idle(const struct vx_webhook_queue *q) {
    bool can = false;

    for (enum standing s = 0; s < STANDINGS; s++)
        can = can || !node_alone(&q->turns[s]);
    return !q->on_their_way && !can;
}

size_t vx_webhook_queue_count(const struct vx_webhook_queue *q) {
    return atomic_load_explicit(&q->count, memory_order_relaxed);
}

size_t vx_webhook_queue_bytes(const struct vx_webhook_queue *q) {
    return atomic_load_explicit(&q->bytes, memory_order_relaxed);
}

uint64_t vx_webhook_queue_lost(const struct vx_webhook_queue *q, enum vx_webhook_loss why) {
    return atomic_load_explicit(&q->lost[why], memory_order_relaxed);
}

void vx_webhook_queue_limit(struct vx_webhook_queue *q, const struct vx_webhook_limits *limits) {
    q->limits = *limits;
    vx_receivers_forget(q);
}

struct vx_webhook_queue *vx_webhook_queue_new(uint64_t seed) {
    struct vx_webhook_queue *q = vx_calloc(1, sizeof *q);

    if (!q)
        return NULL;
    q->random = seed;
    for (enum standing s = 0; s < STANDINGS; s++)
        node_init(&q->turns[s]);
    node_init(&q->young);
    node_init(&q->old);
    atomic_init(&q->count, 0);
    atomic_init(&q->bytes, 0);
    for (size_t i = 0; i < VX_LOSS_COUNT; i++)
        atomic_init(&q->lost[i], 0);
    return q;
}

static void free_all(struct vx_webhook_queue *q) {
    for (size_t i = 0; i < VX_WEBHOOK_SLOTS; i++)
        while (q->calls[i]) {
            struct vx_delivery *d = q->calls[i];
            struct receiver *r;

            if (d->state == WAITING)
                vx_due_heap_take(&q->waiting, &d->due);
            node_leave(&d->node);
            while (d->first) {
                r = d->first->receiver;
                remove_item(q, d->first);
                vx_receiver_settle(q, r);
            }
            free_call(q, d);
        }
    vx_receivers_forget(q);
}

void vx_webhook_queue_release(struct vx_webhook_queue **queue) {
    struct vx_webhook_queue *q = *queue;

    *queue = NULL;
    if (!q)
        return;
    free_all(q);
    vx_due_heap_free(&q->waiting);
    vx_due_heap_free(&q->pauses);
    vx_due_heap_free(&q->longest);
    vx_free(q);
}
