/*
 * Inside the registry, for core/registry*.c, call_table.c and feed.c only.
 *
 * Everything here is guarded by registry->lock but for what says otherwise.
 */
#ifndef VX_REGISTRY_PRIVATE_H
#define VX_REGISTRY_PRIVATE_H

#include "core/registry.h"

#include <pthread.h>
#include <stdatomic.h>

/* A place in the changes of a scope, oldest first. Revisions only grow along the list; at 100,000
 * changes a second 45 bits last for eleven years. */
struct link {
    struct link *prev, *next;
    uint64_t revision : 45;
    uint64_t lag : 18;   /* since the call came, was answered or ended; VX_LONGEST_LAG: or longer */
    uint64_t cursor : 1; /* a feed's place, not a call */
};

#define VX_LONGEST_LAG ((1U << 18) - 1)

struct vx_scope {
    atomic_uint refs;          /* any thread; the registry itself holds one until it is released */
    _Atomic uint64_t revision; /* written under the lock, read without */
    struct vx_registry *registry;
    struct vx_uuid sid;
    bool all;            /* the scope of all calls: its links are call->in_all */
    bool configured;     /* named by the present configuration */
    struct link changes; /* sentinel */
    struct vx_counts counts;
    uint64_t horizon;      /* removals up to here are forgotten */
    unsigned feeds;        /* that are not quiet */
    struct vx_scope *next; /* of registry->scopes */
};

/* LIVE until its end, then ENDED for the retention, then GONE: out of the table, no snapshot, but
 * still in the changes of its scopes so that readers learn of the removal. */
enum stage { LIVE, ENDED, GONE };

enum guess {
    GUESSED_ATTEMPTED = 1,
    GUESSED_ANSWERED = 2,
    GUESSED_ENDED = 4,
    GUESSED_SIP_STATUS = 8, /* made from a cause */
    GUESSED_END = 16,       /* ended by an audit */
};

/* A call among its family (registry_family.c); only calls that have one pay for it. Outlives its
 * call for as long as legs refer to it. */
struct kin {
    struct call *call;        /* NULL: gone */
    struct kin *parent;       /* NULL: none is known */
    struct kin *legs;         /* that it dialled, the newest first */
    struct kin *next, **link; /* among the legs of `parent` */
};

/* Many of these stay in memory: mind the size. What every event looks at comes first, in as few
 * cache lines as can be. */
struct call {
    struct call *hash_next;
    struct vx_uuid sid;
    struct vx_snapshot *snapshot; /* NULL when GONE */
    struct vx_scope *account;     /* NULL: unassigned */
    uint64_t first_sequence : 45; /* of the earliest event that told of the parties; 0: not told */
    uint64_t stage : 2, rank : 3, guessed : 5;
    uint64_t late : 1;   /* registry_queue.c */
    uint64_t orphan : 7; /* place in registry->orphans, from 1; 0: none */
    struct kin *kin;     /* NULL: has no family */
    struct link in_all, in_account;
    struct call *prev, *next; /* in registry->queue[stage] */
    union {
        uint32_t audit;   /* LIVE: the last that saw it */
        int64_t since_us; /* monotonic: when it ENDED, since when it is GONE */
    };
    uint64_t created_in_account,
        created_in_all; /* revision of the scope when the call came into it */
    uint64_t order;
};

#define VX_LAST_SEQUENCE ((UINT64_C(1) << 45) - 1)

/* Legs whose parent is not known, the newest of them. */
#define VX_ORPHANS 64

struct orphan {
    struct call *call; /* NULL: free */
    struct vx_uuid parent;
};

/* Calls that were renamed, the latest of them. */
#define VX_RENAMES 64

/* Calls that were removed before their time, the latest of them. */
#define VX_DISMISSED       256
#define VX_DISMISSED_MARKS 64

/* Events that the host numbered before `sequence` mean the call that is `to` now. */
struct rename {
    struct vx_uuid from, to;
    uint64_t sequence; /* 0: free */
};

/* registry_queue.c */
struct queue {
    struct call head; /* sentinel of the list */
    struct call *late;
    size_t count;
};

struct table {
    struct call **slots;
    size_t size; /* a power of two, or 0 */
    size_t count;
};

/* Two tables while one grows into the other, a few slots at each change: no event pays for a whole
 * rehash. */
struct call_table {
    struct table now, old;
    size_t moved; /* slots of old that are empty already */
    uint64_t seed;
    _Atomic(uintptr_t) fetch_from; /* the slots of `now` and how many they are, for */
    _Atomic(size_t) fetch_size;    /* vx_call_table_fetch() only: written under the lock */
};

/* registry_hook.c */
#define VX_EXPECTED_SLOTS 1024

struct expectations {
    size_t count;
    struct expected *oldest, *newest;
    struct expected *slots[VX_EXPECTED_SLOTS];
};

/* The latest of them, from the first slot on. */
struct dismissed {
    struct vx_uuid sids[VX_DISMISSED];
    uint64_t marks[VX_DISMISSED_MARKS]; /* registry_end.c */
    uint64_t next;
};

/* What every event looks at comes first, in as few cache lines as can be. */
struct vx_registry {
    pthread_mutex_t lock;
    struct vx_scope *all;
    const struct vx_clock *clock;
    size_t max_text;
    struct call_table table;
    uint64_t last_rename;                              /* the highest `sequence` of the renames */
    void (*told)(void *ctx, struct vx_snapshot *call); /* the observer of statuses, or NULL */
    void *told_ctx;
    struct vx_registry_stats stats;
    struct vx_config *config;
    const struct vx_directory *directory; /* of config */
    struct vx_scope **by_index;           /* scope of each account of config, in its order */
    char *service_url;
    size_t max_calls, max_memory, max_gone;
    size_t kin;
    int64_t retention_us;
    uint64_t last_order;
    _Atomic int64_t next_due; /* no call is due before; written under the lock, read without */
    uint32_t audit;
    struct queue queue[GONE + 1];
    uint64_t next_orphan;
    struct orphan orphans[VX_ORPHANS];
    uint64_t next_rename;
    struct rename renames[VX_RENAMES];
    struct dismissed dismissed;
    struct expectations expected;
    char epoch[17];

    /* Taken before `lock`. Guards the list of scopes and makes configurations follow each other;
     * `config`, `directory` and `by_index` are written under both. */
    pthread_mutex_t configure_lock;
    struct vx_scope *scopes; /* every account's, retired ones included */

    pthread_mutex_t wake_lock; /* guards wake and wake_ctx; taken with `lock` free */
    void (*wake)(void *ctx);
    void *wake_ctx;
    atomic_bool awake; /* wake() was called and vx_registry_woken() not yet; any thread */
};

/* call_table.c */
bool vx_call_table_init(struct call_table *t, uint64_t seed);
void vx_call_table_free(struct call_table *t);
/* With the lock free: sends for the slot in which a call of this sid is looked for. */
void vx_call_table_fetch(const struct call_table *t, const struct vx_uuid *sid);
struct call *vx_call_table_find(const struct call_table *t, const struct vx_uuid *sid);
void vx_call_table_add(struct call_table *t, struct call *c);
void vx_call_table_remove(struct call_table *t, struct call *c);

/* registry_scope.c: what readers see. */
struct vx_scope *vx_scope_new(struct vx_registry *r, const struct vx_uuid *sid, bool all);
void vx_scope_free(struct vx_scope *s);
struct call *vx_call_of(const struct vx_scope *s, struct link *l);
/* The revision at which the call came into the scope. */
uint64_t vx_call_created(const struct vx_scope *s, const struct call *c);
/* Comes into an account (NULL: none), into the scope of all calls. */
void vx_call_enter(struct call *c, struct vx_scope *account);
void vx_call_show(struct call *c, struct vx_scope *all);
/* Has changed in every scope that it is in. `entered`: it has been answered, or has ended. */
void vx_call_touch(struct call *c, const struct vx_registry *r, bool entered);
/* Leaves its account for another, which is a change in the scope of all calls. */
void vx_call_move(struct vx_registry *r, struct call *c, struct vx_scope *account, bool entered);
/* The revision at which the call of this link was answered, or ended; else, or where that is no
 * longer known, the one at which it came. */
uint64_t vx_call_entered(const struct link *l, uint64_t created);
/* Leaves both scopes under the sid it still has; vx_call_enter() and vx_call_show() follow. */
void vx_call_renamed(struct vx_registry *r, struct call *c);
/* Its removal is no longer remembered. */
void vx_call_forget(struct call *c, struct vx_registry *r);
/* Adds `by` to the counts that the call falls under at present. */
void vx_call_count(struct call *c, struct vx_registry *r, int by);
bool vx_call_followed(const struct call *c, const struct vx_registry *r);

/* registry_queue.c */
void vx_queue_init(struct queue *q);
void vx_queue_append(struct queue *q, struct call *c); /* LIVE ones */
void vx_queue_take(struct queue *q, struct call *c);
struct call *vx_queue_first(struct queue *q);
/* Into the queue of ENDED or GONE calls, in which it waits for the retention to pass, counted from
 * `since_us`. The call is in no queue before. */
void vx_call_await(struct vx_registry *r, struct call *c, enum stage stage, int64_t since_us);
/* When an ENDED call goes, when a GONE one is forgotten, by the present configuration. */
int64_t vx_call_due(const struct vx_registry *r, const struct call *c);

/* registry_family.c. The parent that it is known to belong to, or NULL. */
struct call *vx_call_parent(const struct call *c);
/* Its parent's sid has become known, or may be by now. */
void vx_call_join_family(struct vx_registry *r, struct call *c, const struct vx_uuid *parent_sid);
/* It is new, or new by this sid: takes on legs that wait for a parent of its sid. */
void vx_call_find_legs(struct vx_registry *r, struct call *c);
/* Its account or sid may be new: its legs follow. */
void vx_call_lead_family(struct vx_registry *r, struct call *c, bool *wake);
/* It is the same call as `older`, which leaves its family to it. */
void vx_call_inherit_family(struct vx_registry *r, struct call *c, struct call *older);
void vx_call_leave_family(struct vx_registry *r, struct call *c);
/* What that sid became, for a call that is not known by it. */
struct vx_uuid vx_sid_after_renames(const struct vx_registry *r, struct vx_uuid sid,
                                    uint64_t sequence);

/* registry_hook.c */
/* The hook that waits for the call of this sid, borrowed; NULL: none does. */
struct vx_hook *vx_expected_hook(struct vx_registry *r, const struct vx_uuid *sid);
/* Its call has a reference of its own now. */
void vx_expected_came(struct vx_registry *r, const struct vx_uuid *sid);
void vx_expected_free(struct vx_registry *r);
/* The call is new, or has another status than before. */
void vx_call_tell(const struct vx_registry *r, struct vx_snapshot *call);

/* registry_end.c: from LIVE to ENDED; the call's snapshot says so already. */
void vx_call_end(struct vx_registry *r, struct call *c, int64_t ended_us);
/* Whether a call that ended then (wall clock) has been over for the whole retention. */
bool vx_long_over(const struct vx_registry *r, int64_t ended_us);
/* Puts another snapshot in the place of the call's, which the caller then owns, tells the scopes,
 * and ends the call if it is over now. `account` as in vx_call_move(). */
struct vx_snapshot *vx_call_replace(struct vx_registry *r, struct call *c,
                                    struct vx_snapshot *fresh, struct vx_scope *account);

/* Whether it was removed by vx_registry_remove(): what the host still has to say of it is late. A
 * `created` one is another call of that sid. */
bool vx_call_was_dismissed(struct vx_registry *r, const struct vx_uuid *call_sid, bool created);

/* Out of the table and of sight: GONE. Returns its snapshot, which the caller then owns. */
struct vx_snapshot *vx_call_remove(struct vx_registry *r, struct call *c);

/* What is known of a call besides its fields. */
struct knowledge {
    uint64_t first_sequence;
    uint8_t guessed;
};

/* registry_merge.c: what an event adds to what is known of a call. */
void vx_call_merge(struct vx_call_fields *f, struct knowledge *k, const struct vx_event *e,
                   const struct vx_clock *clock, size_t max_text, uint64_t *truncated);
/* The host no longer has the call. */
void vx_call_merge_lost(struct vx_call_fields *f, uint8_t *guessed, int64_t now_wall_us);
bool vx_call_fields_eq(const struct vx_call_fields *a, const struct vx_call_fields *b);

/* registry.c */
void vx_registry_wait(struct vx_registry *r);

static inline void vx_registry_lock(struct vx_registry *r) {
    if (pthread_mutex_trylock(&r->lock) != 0)
        vx_registry_wait(r);
}

/* registry.c: what calls hold, see vx_registry_stats. */
size_t vx_registry_memory(const struct vx_registry *r);
/* All zero; NULL: memory is short. */
struct call *vx_call_new(void);
void vx_call_free(struct call *c);
/* With the lock free. */
void vx_registry_wake(struct vx_registry *r);

#endif
