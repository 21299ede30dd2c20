#include "core/registry_private.h"

void vx_queue_init(struct queue *q) {
    q->head.prev = q->head.next = &q->head;
    q->count = 0;
}

static void insert_before(struct queue *q, struct call *c, struct call *next) {
    c->next = next;
    c->prev = next->prev;
    c->prev->next = c;
    next->prev = c;
    q->count++;
}

void vx_queue_put(struct queue *q, struct call *c) {
    insert_before(q, c, &q->head);
}

/* Ends are nearly always told in their order. How far a late one may be carried forward is bounded,
 * so that a host with a broken clock cannot make an event expensive: it then stays that little
 * longer. */
static void put_by_due(struct queue *q, struct call *c) {
    struct call *next = &q->head;

    for (int i = 0; i < 64 && next->prev != &q->head && next->prev->due_us > c->due_us; i++)
        next = next->prev;
    if (next->prev != &q->head && next->prev->due_us > c->due_us)
        c->due_us = next->prev->due_us;
    insert_before(q, c, next);
}

void vx_call_await(struct vx_registry *r, struct call *c, enum stage stage, int64_t due_us) {
    c->stage = (uint8_t)stage;
    c->due_us = due_us;
    put_by_due(&r->queue[stage], c);
    if (stage == GONE && r->queue[GONE].count > r->max_gone)
        atomic_store(&r->next_due, INT64_MIN); /* the next expiry forgets some */
    else if (c->due_us < atomic_load_explicit(&r->next_due, memory_order_relaxed))
        atomic_store(&r->next_due, c->due_us);
}

void vx_queue_take(struct queue *q, struct call *c) {
    c->prev->next = c->next;
    c->next->prev = c->prev;
    c->prev = c->next = NULL;
    q->count--;
}

struct call *vx_queue_first(struct queue *q) {
    return q->head.next == &q->head ? NULL : q->head.next;
}
