/*
 * Who may have a request on its way: receivers, and the accounts that they belong to.
 *
 * DESIGN
 * All accounts share a number of places (limits.requests_total), and a receiver that hangs keeps
 * its own for as long as a request may take. So that it keeps nobody waiting:
 * - One that works may have as many as its account; any other one at a time. One that is quiet for
 *   longer than PATIENCE_US works no more until it has answered.
 * - Those that do not work have three quarters of the places at most, and half of their account's.
 * - Where somebody waits for a place, and requests that are older than PATIENCE_US have more than a
 *   quarter of them, the oldest of the account that has most of these gives way.
 * - New ones come first, but for one turn in eight, which is of those that failed, so that whoever
 *   names ever new ones does not keep them from being found to work again; then those that work and
 *   those that do not, in turn. Accounts take turns, and so do the receivers of an account.
 * What somebody waits for thus takes no longer than PATIENCE_US for every half of the places that
 * new receivers claim before it.
 *
 * A receiver that has failed twice in a row is let alone for a while, longer each time, whatever
 * waits for it.
 */
#include "core/alloc.h"
#include "core/clock.h"
#include "net/webhook_queue_private.h"

#define PATIENCE_US      VX_SECOND_US
#define LONGEST_PAUSE_US (30 * VX_SECOND_US)
#define MOST_NEW_TURNS   7
#define MOST_REMEMBERED  8 /* receivers of an account that have no statuses */

/* --- places --- */

/* Of those that do not work. */
static unsigned doubted_places(unsigned places) {
    return places - places / 4;
}

static bool is_full(const struct vx_webhook_queue *q) {
    return q->on_their_way >= q->limits.requests_total;
}

static bool is_doubted_full(const struct vx_webhook_queue *q) {
    return is_full(q) || q->doubted >= doubted_places(q->limits.requests_total);
}

static bool is_any(const struct vx_webhook_queue *q, enum standing s) {
    return !node_alone(&q->turns[s]);
}

static bool is_waited_for(const struct vx_webhook_queue *q) {
    return (is_full(q) && is_any(q, WORKS)) ||
           (is_doubted_full(q) && (is_any(q, NEW) || is_any(q, DOUBTED)));
}

/* --- accounts --- */

static bool may_start(const struct vx_webhook_queue *q, const struct account *a, enum standing s) {
    unsigned places = q->limits.requests;

    return !node_alone(&a->ready[s]) && a->on_their_way < places &&
           (s == WORKS || a->doubted < places - places / 2);
}

static void free_account(struct vx_webhook_queue *q, struct account *a) {
    struct account **at = &q->accounts[vx_webhook_slot(&a->sid)];

    while (*at != a)
        at = &(*at)->hash_next;
    *at = a->hash_next;
    for (enum standing s = 0; s < STANDINGS; s++)
        node_leave(&a->turn[s]);
    vx_due_heap_take(&q->longest, &a->length);
    q->account_count--;
    vx_free(a);
}

static void settle_account(struct vx_webhook_queue *q, struct account *a) {
    if (!a->receivers) {
        free_account(q, a);
        return;
    }
    for (enum standing s = 0; s < STANDINGS; s++) {
        bool listed = !node_alone(&a->turn[s]), may = may_start(q, a, s);

        if (may && !listed)
            node_append(&q->turns[s], &a->turn[s]);
        else if (!may && listed)
            node_leave(&a->turn[s]);
    }
}

static struct account *account_of(struct vx_webhook_queue *q, const struct vx_uuid *sid) {
    struct account **slot = &q->accounts[vx_webhook_slot(sid)], *a = *slot;

    while (a && !vx_uuid_eq(&a->sid, sid))
        a = a->hash_next;
    if (a)
        return a;
    a = vx_due_heap_reserve(&q->longest, q->account_count + 1) ? vx_calloc(1, sizeof *a) : NULL;
    if (!a)
        return NULL;
    a->sid = *sid;
    a->hash_next = *slot;
    *slot = a;
    for (enum standing s = 0; s < STANDINGS; s++) {
        node_init(&a->ready[s]);
        node_init(&a->turn[s]);
    }
    node_init(&a->idle);
    vx_due_heap_put(&q->longest, &a->length);
    q->account_count++;
    return a;
}

void vx_account_waits(struct vx_webhook_queue *q, struct account *a) {
    vx_due_heap_take(&q->longest, &a->length);
    a->length.due_us = -(int64_t)(a->count - a->on_their_way);
    vx_due_heap_put(&q->longest, &a->length);
}

struct account *vx_account_longest(const struct vx_webhook_queue *q) {
    struct vx_due *first = vx_due_heap_first(&q->longest);

    return first && first->due_us < 0 ? OF_NODE(struct account, length, first) : NULL;
}

/* --- receivers --- */

static enum standing standing_of(const struct receiver *r) {
    return r->fails || r->old ? DOUBTED : r->works ? WORKS : NEW;
}

static size_t slot_of(const struct vx_uuid *account, uint64_t key) {
    return (vx_webhook_slot(account) ^ (size_t)(key ^ key >> 32)) % VX_WEBHOOK_SLOTS;
}

static void end_pause(struct vx_webhook_queue *q, struct receiver *r) {
    if (r->paused)
        vx_due_heap_take(&q->pauses, &r->pause);
    r->paused = false;
}

static void pause_for(struct vx_webhook_queue *q, struct receiver *r, int64_t delay, int64_t now) {
    end_pause(q, r);
    if (delay > LONGEST_PAUSE_US)
        delay = LONGEST_PAUSE_US;
    r->paused = true;
    r->pause.due_us = now + vx_webhook_shortened(q, delay);
    vx_due_heap_put(&q->pauses, &r->pause);
}

static void free_receiver(struct vx_webhook_queue *q, struct receiver *r) {
    struct receiver **at = &q->receivers[slot_of(&r->account->sid, r->key)];

    while (*at != r)
        at = &(*at)->hash_next;
    *at = r->hash_next;
    end_pause(q, r);
    node_leave(&r->node);
    r->account->receivers--;
    q->receiver_count--;
    vx_free(r);
}

/* What is known of it is of use when it has statuses again: of the latest. */
static void put_away(struct vx_webhook_queue *q, struct receiver *r) {
    struct account *a = r->account;

    node_leave(&r->node);
    if (standing_of(r) == NEW) {
        free_receiver(q, r);
        return;
    }
    node_append(&a->idle, &r->node);
    if (++a->idle_count > MOST_REMEMBERED) {
        a->idle_count--;
        free_receiver(q, OF_NODE(struct receiver, node, a->idle.next));
    }
}

static bool is_idle(const struct receiver *r) {
    return !r->count && r->listed == STANDINGS && !node_alone(&r->node);
}

static struct receiver *new_receiver(struct vx_webhook_queue *q, struct account *a, uint64_t key) {
    struct receiver **slot = &q->receivers[slot_of(&a->sid, key)], *r;

    r = vx_due_heap_reserve(&q->pauses, q->receiver_count + 1) ? vx_calloc(1, sizeof *r) : NULL;
    if (!r)
        return NULL;
    r->account = a;
    r->key = key;
    r->listed = STANDINGS;
    node_init(&r->ready);
    node_init(&r->node);
    r->hash_next = *slot;
    *slot = r;
    a->receivers++;
    q->receiver_count++;
    return r;
}

struct receiver *vx_receiver_of(struct vx_webhook_queue *q, const struct vx_uuid *account,
                                uint64_t key) {
    struct account *a = account_of(q, account);
    struct receiver *r = q->receivers[slot_of(account, key)];

    while (r && !(r->account == a && r->key == key))
        r = r->hash_next;
    if (r && is_idle(r)) {
        node_leave(&r->node);
        a->idle_count--;
    }
    if (a && !r) {
        r = new_receiver(q, a, key);
        if (!r)
            settle_account(q, a);
    }
    return r;
}

void vx_receiver_settle(struct vx_webhook_queue *q, struct receiver *r) {
    struct account *a = r->account;
    enum standing s = standing_of(r);
    unsigned most = s == WORKS ? q->limits.requests : 1;
    bool can = !node_alone(&r->ready) && !r->paused && r->on_their_way < most;

    if (is_idle(r))
        return;
    if (r->listed != (can ? s : STANDINGS)) {
        node_leave(&r->node);
        r->listed = can ? s : STANDINGS;
        if (can)
            node_append(&a->ready[s], &r->node);
    }
    if (!r->count)
        put_away(q, r);
    settle_account(q, a);
}

void vx_receiver_judge(struct vx_webhook_queue *q, struct receiver *r, unsigned round, bool failed,
                       int64_t now) {
    r->works = !failed;
    if (!failed) {
        r->fails = 0;
        end_pause(q, r);
    } else if (round == r->round) {
        r->round++;
        r->fails++;
        /* Not at once: it may have been that call alone which it did not like. */
        if (r->fails > 1)
            pause_for(q, r, vx_webhook_delay_us(r->fails - 1), now);
    }
}

void vx_receivers_forget(struct vx_webhook_queue *q) {
    for (size_t i = 0; i < VX_WEBHOOK_SLOTS; i++)
        for (struct account *a = q->accounts[i], *next; a; a = next) {
            next = a->hash_next;
            while (!node_alone(&a->idle))
                free_receiver(q, OF_NODE(struct receiver, node, a->idle.next));
            a->idle_count = 0;
            settle_account(q, a);
        }
    for (size_t i = 0; i < VX_WEBHOOK_SLOTS; i++)
        for (struct receiver *r = q->receivers[i]; r; r = r->hash_next) {
            r->works = false;
            r->fails = 0;
            r->round++;
            end_pause(q, r);
            vx_receiver_settle(q, r);
        }
}

/* --- turns --- */

/* Of those that do not work. */
static enum standing next_doubted(const struct vx_webhook_queue *q) {
    bool fresh = is_any(q, NEW), doubted = is_any(q, DOUBTED);

    if (is_doubted_full(q) || (!fresh && !doubted))
        return STANDINGS;
    return fresh && (!doubted || q->new_turns < MOST_NEW_TURNS) ? NEW : DOUBTED;
}

static enum standing next_standing(struct vx_webhook_queue *q) {
    enum standing s = next_doubted(q);
    bool works = !is_full(q) && is_any(q, WORKS);

    if (works && (s == STANDINGS || (s == DOUBTED && !q->doubted_next && !is_any(q, NEW))))
        s = WORKS;
    q->doubted_next = s == WORKS;
    if (s == NEW)
        q->new_turns++;
    else if (s == DOUBTED)
        q->new_turns = 0;
    return s;
}

struct receiver *vx_turn_next(struct vx_webhook_queue *q) {
    enum standing s = next_standing(q);
    struct receiver *r;
    struct account *a;

    if (s == STANDINGS)
        return NULL;
    a = OF_NODE(struct account, turn[s], q->turns[s].next);
    node_leave(&a->turn[s]);
    node_append(&q->turns[s], &a->turn[s]);
    r = OF_NODE(struct receiver, node, a->ready[s].next);
    node_leave(&r->node);
    node_append(&a->ready[s], &r->node);
    return r;
}

static void count_doubted(struct vx_webhook_queue *q, struct vx_delivery *d) {
    if (d->doubted)
        return;
    d->doubted = true;
    d->account->doubted++;
    q->doubted++;
}

void vx_turn_begin(struct vx_webhook_queue *q, struct vx_delivery *d, int64_t now) {
    struct receiver *r = d->receiver;

    d->state = ON_ITS_WAY;
    d->started_us = now;
    d->round = r->round;
    d->old = d->doubted = false;
    d->request = NULL;
    node_append(&q->young, &d->node);
    r->on_their_way++;
    d->account->on_their_way++;
    q->on_their_way++;
    if (standing_of(r) != WORKS)
        count_doubted(q, d);
    vx_account_waits(q, d->account);
    vx_receiver_settle(q, r);
}

void vx_turn_end(struct vx_webhook_queue *q, struct vx_delivery *d) {
    node_leave(&d->node);
    d->receiver->on_their_way--;
    d->receiver->old -= d->old;
    d->account->on_their_way--;
    d->account->old -= d->old;
    d->account->doubted -= d->doubted;
    q->on_their_way--;
    q->old_count -= d->old;
    q->doubted -= d->doubted;
    vx_account_waits(q, d->account);
}

static void grow_old(struct vx_webhook_queue *q, struct vx_delivery *d) {
    node_leave(&d->node);
    node_append(&q->old, &d->node);
    d->old = true;
    d->receiver->old++;
    d->account->old++;
    q->old_count++;
    count_doubted(q, d);
    vx_receiver_settle(q, d->receiver);
}

static int64_t old_at(const struct vx_webhook_queue *q) {
    return node_alone(&q->young)
               ? INT64_MAX
               : OF_NODE(struct vx_delivery, node, q->young.next)->started_us + PATIENCE_US;
}

void vx_turns_pass(struct vx_webhook_queue *q, int64_t now) {
    struct vx_due *due;

    while (old_at(q) <= now)
        grow_old(q, OF_NODE(struct vx_delivery, node, q->young.next));
    while ((due = vx_due_heap_first(&q->pauses)) && due->due_us <= now) {
        struct receiver *r = OF_NODE(struct receiver, pause, due);

        end_pause(q, r);
        vx_receiver_settle(q, r);
    }
}

int64_t vx_turns_due(const struct vx_webhook_queue *q) {
    const struct vx_due *pause = vx_due_heap_first(&q->pauses);
    int64_t due = is_waited_for(q) ? old_at(q) : INT64_MAX;

    return pause && pause->due_us < due ? pause->due_us : due;
}

struct vx_delivery *vx_webhook_queue_yield(struct vx_webhook_queue *q, int64_t now) {
    struct vx_delivery *gives = NULL;

    vx_turns_pass(q, now);
    if (!is_waited_for(q) || q->old_count <= q->limits.requests_total / 4)
        return NULL;
    for (struct node *n = q->old.next; n != &q->old; n = n->next) {
        struct vx_delivery *d = OF_NODE(struct vx_delivery, node, n);

        if (!gives || d->account->old > gives->account->old)
            gives = d;
    }
    return gives;
}
