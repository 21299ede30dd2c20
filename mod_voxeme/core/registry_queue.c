/*
 * The calls of one stage. LIVE ones are in no order; ENDED and GONE ones are ordered by the moment
 * from which their retention counts.
 *
 * Ends are nearly always told in their order: those are a list, which a call joins at its tail or a
 * few steps before. One told later than that goes into a treap instead (a tree ordered by time and,
 * as a heap, by a random number), so that neither a host with a broken clock nor a storm of late
 * events makes an event expensive. The first of the queue is the first of the two.
 */
#include "core/registry_private.h"

#define STEPS 8

void vx_queue_init(struct queue *q) {
    q->head.prev = q->head.next = &q->head;
    q->late = NULL;
    q->count = 0;
}

static void insert_before(struct call *c, struct call *next) {
    c->late = 0;
    c->next = next;
    c->prev = next->prev;
    c->prev->next = c;
    next->prev = c;
}

static bool before(const struct call *a, const struct call *b) {
    return a->since_us != b->since_us ? a->since_us < b->since_us : (uintptr_t)a < (uintptr_t)b;
}

static uint64_t priority(const struct call *c) {
    uint64_t h = (uint64_t)(uintptr_t)c * UINT64_C(0x9e3779b97f4a7c15);

    return (h ^ h >> 32) * UINT64_C(0xd6e8feb86659fd93);
}

/* In the treap `prev` is the earlier subtree, `next` the later one. */
static void put_late(struct queue *q, struct call *c) {
    struct call **at = &q->late, *rest, **earlier = &c->prev, **later = &c->next;

    c->late = 1;
    while (*at && priority(*at) >= priority(c))
        at = before(c, *at) ? &(*at)->prev : &(*at)->next;
    rest = *at;
    *at = c;
    while (rest) {
        if (before(rest, c)) {
            *earlier = rest;
            earlier = &rest->next;
            rest = rest->next;
        } else {
            *later = rest;
            later = &rest->prev;
            rest = rest->prev;
        }
    }
    *earlier = *later = NULL;
}

static void take_late(struct queue *q, struct call *c) {
    struct call **at = &q->late, *earlier = c->prev, *later = c->next;

    while (*at != c)
        at = before(c, *at) ? &(*at)->prev : &(*at)->next;
    while (earlier && later) {
        if (priority(earlier) >= priority(later)) {
            *at = earlier;
            at = &earlier->next;
            earlier = *at;
        } else {
            *at = later;
            at = &later->prev;
            later = *at;
        }
    }
    *at = earlier ? earlier : later;
}

void vx_queue_append(struct queue *q, struct call *c) {
    insert_before(c, &q->head);
    q->count++;
}

static void put_by_time(struct queue *q, struct call *c) {
    struct call *next = &q->head;

    for (int i = 0; i < STEPS && next->prev != &q->head && before(c, next->prev); i++)
        next = next->prev;
    if (next->prev == &q->head || !before(c, next->prev))
        insert_before(c, next);
    else
        put_late(q, c);
    q->count++;
}

int64_t vx_call_due(const struct vx_registry *r, const struct call *c) {
    return c->since_us + r->retention_us;
}

void vx_call_await(struct vx_registry *r, struct call *c, enum stage stage, int64_t since_us) {
    c->stage = stage;
    c->since_us = since_us;
    put_by_time(&r->queue[stage], c);
    if (stage == GONE && r->queue[GONE].count > r->max_gone)
        atomic_store(&r->next_due, INT64_MIN); /* the next expiry forgets some */
    else if (vx_call_due(r, c) < atomic_load_explicit(&r->next_due, memory_order_relaxed))
        atomic_store(&r->next_due, vx_call_due(r, c));
}

void vx_queue_take(struct queue *q, struct call *c) {
    if (c->late) {
        take_late(q, c);
        c->late = 0;
    } else {
        c->prev->next = c->next;
        c->next->prev = c->prev;
    }
    c->prev = c->next = NULL;
    q->count--;
}

struct call *vx_queue_first(struct queue *q) {
    struct call *first = q->head.next == &q->head ? NULL : q->head.next, *late = q->late;

    while (late && late->prev)
        late = late->prev;
    return !first || (late && before(late, first)) ? late : first;
}
