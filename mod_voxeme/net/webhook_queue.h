/*
 * Statuses that wait to be told, and when each is attempted.
 *
 * DESIGN
 * Statuses of one call are told one after the other; the next is not attempted before the one
 * before it is done or given up. Where they go is a receiver: the hook of the account, or the
 * scheme, host and port of a call's own. Calls of an account are told side by side, as many as its
 * limit allows; who has to wait for whom, so that a receiver that hangs keeps no other account's
 * statuses waiting, is told in net/webhook_turns.c. Each account keeps a bounded number of
 * statuses; for a further one the oldest that is not on its way gives place, so that after an
 * outage it is the latest that are told. When all together are full, that of the account that has
 * most.
 *
 * What fails in passing is tried again after 1 s, 2 s, 4 s ... 60 s at most, each shortened by up
 * to a half at random, until it has been tried or has waited for too long. A receiver that fails
 * twice in a row is let alone by all that goes there for 1 s, 2 s, 4 s ... 30 s at most.
 *
 * Threads: one at a time, but for the counters. Knows neither sockets nor clocks: times are
 * monotonic, in microseconds, and given by the caller.
 */
#ifndef VX_WEBHOOK_QUEUE_H
#define VX_WEBHOOK_QUEUE_H

#include "core/call.h"

struct vx_webhook_queue;
struct vx_delivery; /* one status on its way */

struct vx_webhook_limits {
    size_t queued, queued_total;       /* of one account, of all */
    size_t memory;                     /* bytes, of all */
    unsigned requests, requests_total; /* on their way: of one account, of all */
    unsigned attempts;
    int64_t max_age_us;
};

/* Why a status was never told. */
enum vx_webhook_loss {
    VX_LOSS_QUEUE,    /* its account's queue was full, and it the oldest in it */
    VX_LOSS_TOTAL,    /* all queues together were full, and its account's the longest */
    VX_LOSS_BYTES,    /* the same of the memory that they take */
    VX_LOSS_MEMORY,   /* there was no memory for it */
    VX_LOSS_AGE,      /* it had become too old */
    VX_LOSS_ATTEMPTS, /* it had been tried often enough */
    VX_LOSS_REFUSED,  /* the receiver did not want it */
    VX_LOSS_TARGET,   /* its receiver's address is none that webhooks may go to */
    VX_LOSS_NOWHERE,  /* since it was queued its account has lost its webhook */
    VX_LOSS_STOP,     /* the end came first */
    VX_LOSS_COUNT
};

/* How an attempt went. */
enum vx_attempt {
    VX_ATTEMPT_TOLD,
    VX_ATTEMPT_AGAIN,    /* not now: to be tried again */
    VX_ATTEMPT_GAVE_WAY, /* it was broken off for another: the same, but it does not count as tried
                          */
    VX_ATTEMPT_LOST,     /* never: with the reason */
};

/* What that says of its receiver. */
enum vx_receiver_turn { VX_RECEIVER_SAME, VX_RECEIVER_FAILS, VX_RECEIVER_WORKS };

/* `seed` chooses the random parts of the delays. NULL: out of memory. */
struct vx_webhook_queue *vx_webhook_queue_new(uint64_t seed);
/* Nothing may be on its way. Clears the caller's pointer. */
void vx_webhook_queue_release(struct vx_webhook_queue **queue);

/* Holds for what comes from now on. Before the first status. Receivers may be others now: what is
 * known of them is forgotten. */
void vx_webhook_queue_limit(struct vx_webhook_queue *queue, const struct vx_webhook_limits *limits);

/* Takes over the caller's reference. What is kept is no memory of calls: they may be gone. */
void vx_webhook_queue_add(struct vx_webhook_queue *queue, struct vx_snapshot *call, int64_t now_us);

/* What is to be attempted now; NULL: nothing. The caller ends it. */
struct vx_delivery *vx_webhook_queue_start(struct vx_webhook_queue *queue, int64_t now_us);
/* What is on its way and must give its place to another, as nothing can be started; NULL: nothing.
 * The caller breaks it off and ends it. */
struct vx_delivery *vx_webhook_queue_yield(struct vx_webhook_queue *queue, int64_t now_us);
/* Borrowed until its end. */
struct vx_snapshot *vx_delivery_call(const struct vx_delivery *delivery);
/* The caller's own, until its end; NULL before. */
void vx_delivery_attach(struct vx_delivery *delivery, void *request);
void *vx_delivery_request(const struct vx_delivery *delivery);
/* `loss` is looked at for VX_ATTEMPT_LOST only. */
enum vx_receiver_turn vx_webhook_queue_end(struct vx_webhook_queue *queue,
                                           struct vx_delivery *delivery, enum vx_attempt how,
                                           enum vx_webhook_loss loss, int64_t now_us);

/* When something may have to be started, or to give way, that has to wait for it now; INT64_MAX:
 * never. */
int64_t vx_webhook_queue_due(const struct vx_webhook_queue *queue);
/* Whether nothing is on its way and nothing could be started now. */
bool vx_webhook_queue_idle(const struct vx_webhook_queue *queue);
/* Any thread, as the counts. Those on their way are among them. */
size_t vx_webhook_queue_count(const struct vx_webhook_queue *queue);
size_t vx_webhook_queue_bytes(const struct vx_webhook_queue *queue);
uint64_t vx_webhook_queue_lost(const struct vx_webhook_queue *queue, enum vx_webhook_loss why);
/* Counts one that the queue never saw. Any thread. */
void vx_webhook_queue_lose(struct vx_webhook_queue *queue, enum vx_webhook_loss why);

/* How long to wait after the n-th attempt (from 1), before chance shortens it. */
int64_t vx_webhook_delay_us(unsigned attempts);

#endif
