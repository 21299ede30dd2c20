/*
 * Inside the queue, for net/webhook_queue.c and webhook_turns.c only.
 *
 * An account has statuses, each of one call and for one receiver; a call is at the receiver of its
 * first status. webhook_queue.c has the statuses and the calls, webhook_turns.c the receivers and
 * the accounts.
 */
#ifndef VX_WEBHOOK_QUEUE_PRIVATE_H
#define VX_WEBHOOK_QUEUE_PRIVATE_H

#include "net/webhook_heap.h"
#include "net/webhook_queue.h"

#include <stdatomic.h>

#define VX_WEBHOOK_SLOTS 4096

/* A list whose nodes lie inside of what it lists; its head is a node, too. One that is in no list
 * points to itself. */
struct node {
    struct node *prev, *next;
};

#define OF_NODE(type, member, at) ((type *)(void *)((char *)(at)-offsetof(type, member)))

static inline void node_init(struct node *n) {
    n->prev = n->next = n;
}

static inline bool node_alone(const struct node *n) {
    return n->next == n;
}

static inline void node_leave(struct node *n) {
    n->prev->next = n->next;
    n->next->prev = n->prev;
    node_init(n);
}

static inline void node_append(struct node *head, struct node *n) {
    n->prev = head->prev;
    n->next = head;
    n->prev->next = n->next->prev = n;
}

struct item {
    struct item *next;          /* of the same call */
    struct item *older, *newer; /* of the same account */
    struct vx_delivery *call;
    struct receiver *receiver;
    struct vx_snapshot *snapshot;
    int64_t born_us;
};

/* READY to be attempted, ON_ITS_WAY, or WAITING for its time after a failure: its first status. */
enum state { READY, ON_ITS_WAY, WAITING };

/* A call that has statuses to be told. */
struct vx_delivery {
    struct vx_delivery *hash_next;
    struct account *account;
    struct receiver *receiver; /* of its first status, but while it is WAITING */
    struct vx_uuid sid;
    enum state state;
    unsigned attempts; /* of the first status */
    struct item *first, *last;
    struct node node;  /* READY: among its receiver's; ON_ITS_WAY: in queue->young or old */
    struct vx_due due; /* WAITING */
    /* ON_ITS_WAY. */
    int64_t started_us;
    unsigned round;
    bool doubted; /* has one of the places of those that nobody answers for */
    bool old;
    void *request;
};

/* What is known of a receiver: it took its last attempt in time, it had none yet, or it failed or
 * takes its time. */
enum standing { WORKS, NEW, DOUBTED, STANDINGS };

/* One place that an account's statuses go to. */
struct receiver {
    struct receiver *hash_next;
    struct account *account;
    uint64_t key;
    size_t count; /* of statuses; 0: it is only remembered */
    unsigned on_their_way, old;
    bool works;     /* as of its last attempt */
    unsigned fails; /* attempts in a row, those counted as one that were on their way together */
    unsigned round; /* one goes by with each of `fails` */
    bool paused;
    struct vx_due pause;
    struct node ready;    /* head: its calls that are */
    struct node node;     /* in account->ready[listed], or in account->idle */
    enum standing listed; /* STANDINGS: in none of them */
};

/* An account that has statuses to be told, or whose receivers are remembered. */
struct account {
    struct account *hash_next;
    struct vx_uuid sid;
    struct item *oldest, *newest;
    size_t count, receivers;
    unsigned on_their_way, doubted, old;
    struct node ready[STANDINGS]; /* heads: its receivers that something can be started of */
    struct node idle;             /* head: those that are only remembered */
    unsigned idle_count;
    struct node turn[STANDINGS]; /* in queue->turns */
    struct vx_due length;        /* in queue->longest: less what waits */
};

struct vx_webhook_queue {
    struct vx_webhook_limits limits;
    struct vx_delivery *calls[VX_WEBHOOK_SLOTS];
    struct receiver *receivers[VX_WEBHOOK_SLOTS];
    struct account *accounts[VX_WEBHOOK_SLOTS];
    struct node turns[STANDINGS]; /* heads: accounts that something can be started of */
    bool doubted_next;            /* the next turn is not of those that work */
    unsigned new_turns;           /* in a row but for those that work */
    struct node young, old;       /* heads: what is ON_ITS_WAY, in the order of their start */
    struct vx_due_heap waiting, pauses, longest;
    size_t call_count, receiver_count, account_count;
    unsigned on_their_way, doubted, old_count;
    uint64_t random;
    size_t held; /* bytes */
    atomic_size_t count, bytes;
    atomic_uint_fast64_t lost[VX_LOSS_COUNT];
};

size_t vx_webhook_slot(const struct vx_uuid *sid);
/* The delay, shortened by up to a half. */
int64_t vx_webhook_shortened(struct vx_webhook_queue *q, int64_t delay_us);

/* --- webhook_turns.c --- */

/* NULL: out of memory. Without statuses of its own it is for vx_receiver_settle() to put away. */
struct receiver *vx_receiver_of(struct vx_webhook_queue *q, const struct vx_uuid *account,
                                uint64_t key);
/* After any change of what it has, of what is ready or on its way, and last: one that nothing is
 * left of may be gone, and its account. */
void vx_receiver_settle(struct vx_webhook_queue *q, struct receiver *r);
/* After any change of how many of its statuses wait. */
void vx_account_waits(struct vx_webhook_queue *q, struct account *a);
/* Whose queue is the longest, so that a receiver that is gone costs its own account alone. NULL:
 * none has anything that waits. */
struct account *vx_account_longest(const struct vx_webhook_queue *q);

/* Whose turn it is; NULL: nobody's, or there is no place. */
struct receiver *vx_turn_next(struct vx_webhook_queue *q);
/* The call, in no list, is on its way from now on; it no longer is, and is in no state. */
void vx_turn_begin(struct vx_webhook_queue *q, struct vx_delivery *d, int64_t now);
void vx_turn_end(struct vx_webhook_queue *q, struct vx_delivery *d);
/* What is known of receivers holds no more. */
void vx_receivers_forget(struct vx_webhook_queue *q);
/* What an attempt of that round says of its receiver. */
void vx_receiver_judge(struct vx_webhook_queue *q, struct receiver *r, unsigned round, bool failed,
                       int64_t now);
/* What has been on its way for long is told apart; receivers whose pause is over go on. */
void vx_turns_pass(struct vx_webhook_queue *q, int64_t now);
/* When that may change what can be done; INT64_MAX: never. */
int64_t vx_turns_due(const struct vx_webhook_queue *q);

#endif
