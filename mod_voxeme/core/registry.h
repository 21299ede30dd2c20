/*
 * The registry: every call of every account, from its creation until `retention-seconds` after its
 * end.
 *
 * DESIGN
 * Host threads write: vx_registry_apply() takes the registry's one lock for a short, bounded piece
 * of work (a hash look-up, one small allocation, a few list links), does no I/O and never waits for
 * a reader. Readers follow a *scope* (one account, or all calls) by a feed (core/feed.h), which
 * hands them the changes since they last looked, a bounded number at a time; they render and answer
 * without the lock. Each scope has a *revision*, a counter that goes up by one at every visible
 * change of any of its calls: a call that comes, changes, or goes. With the registry's random
 * *epoch* it is the one clock of the API. Ended calls wait in a queue in the order of their end,
 * whatever the order in which the ends are told; vx_registry_expire() takes them off its head.
 *
 * No cost here depends on how many calls other accounts have.
 */
#ifndef VX_REGISTRY_H
#define VX_REGISTRY_H

#include "core/call.h"
#include "core/clock.h"
#include "core/config.h"
#include "core/event.h"

struct vx_registry;
struct vx_scope;

enum vx_applied {
    VX_APPLIED,   /* something that a reader can see has changed */
    VX_UNCHANGED, /* nothing new in it */
    VX_REFUSED, /* a hangup for an unknown call that says too little or is older than the retention,
                   a nil sid, or the registry is full; counted */
    VX_NO_MEMORY, /* counted; the registry is as before */
};

/* Borrows `clock` (outlives the registry); takes its own reference to `config`. NULL: out of memory
 * or randomness. */
struct vx_registry *vx_registry_new(struct vx_config *config, const struct vx_clock *clock);

/* Every feed, scope and snapshot must be gone. Clears the caller's pointer. */
void vx_registry_release(struct vx_registry **registry);

/* Takes up accounts and limits of `config` (own reference). Calls keep their accounts; an account
 * that is no longer configured keeps its calls until they expire. The retention holds at once, also
 * for calls that have ended already. Any thread. False: out of memory, nothing changed. */
bool vx_registry_configure(struct vx_registry *registry, struct vx_config *config);

/* The base URL shown as `service_url` in calls made from now on. Copied. Before the first event. */
bool vx_registry_set_service_url(struct vx_registry *registry, const char *url);

/* Any host thread. */
enum vx_applied vx_registry_apply(struct vx_registry *registry, const struct vx_event *event);

/* Removes what has been over for longer than the retention, at most `max` calls (0: all). Any
 * thread. Returns the monotonic time in microseconds at which it wants to be called again,
 * INT64_MAX when nothing is waiting. Removals that are still remembered wait too. */
int64_t vx_registry_expire(struct vx_registry *registry, size_t max);

/* `wake` runs on the host's thread, outside the lock, after a change of a scope that some feed
 * follows, or when the stock of memory is low (core/stock.h), until the next vx_registry_woken():
 * at most once in between. It must be quick and must not call back. NULL turns it off and waits for
 * one that is running. */
void vx_registry_set_wake(struct vx_registry *registry, void (*wake)(void *ctx), void *ctx);
void vx_registry_woken(struct vx_registry *registry);

/* `told` runs at every change of a call's status, its first one included, and when a call comes to
 * have an account, in the order of the changes, on the host's thread and under the registry's lock:
 * it must not wait, call back, or do more than put the snapshot (borrowed) somewhere. One observer;
 * NULL turns it off, and none runs when this has returned. */
void vx_registry_observe_statuses(struct vx_registry *registry,
                                  void (*told)(void *ctx, struct vx_snapshot *call), void *ctx);

/* The call that is about to come by this sid has this hook from its first event on. Takes a
 * reference of its own. What is expected longest is let go of beyond 16,384, or when two minutes
 * old. Any thread. False: out of memory. */
bool vx_registry_expect_hook(struct vx_registry *registry, const struct vx_uuid *call_sid,
                             struct vx_hook *hook);
/* It will not come. */
void vx_registry_forget_hook(struct vx_registry *registry, const struct vx_uuid *call_sid);
/* A call of that account that is there, by this sid or by what became of it, has this hook from now
 * on; another is left alone. Takes a reference of its own. Any thread. False: out of memory. */
bool vx_registry_set_hook(struct vx_registry *registry, const struct vx_uuid *account_sid,
                          const struct vx_uuid *call_sid, struct vx_hook *hook);

/* An ended call leaves at once, before its retention is over. False: the scope has no such call, or
 * it has not ended. Any thread. */
bool vx_registry_remove(struct vx_registry *registry, struct vx_scope *scope,
                        const struct vx_uuid *call_sid);

/* What the host tells of that sid, which the registry does not know, is no call, until it tells
 * that one is created. The last 256 are remembered. Any thread. */
void vx_registry_dismiss(struct vx_registry *registry, const struct vx_uuid *call_sid);

/*
 * The audit: the host names every call it still has; those it does not name, and that were there
 * before the audit began, are ended as `failed` with termination_reason "lost". One audit at a
 * time, on one thread. vx_registry_audit_begin(); vx_registry_audit_seen() for each;
 * vx_registry_audit_missing() where that is of use; vx_registry_audit_end();
 */
void vx_registry_audit_begin(struct vx_registry *registry);
/* False when the registry does not know the call, or has it as ended: the host then applies a
 * CREATE. */
bool vx_registry_audit_seen(struct vx_registry *registry, const struct vx_uuid *call_sid);
/* How many would be lost now. They only become fewer: a host whose events are late lets those come
 * first that are on their way. */
size_t vx_registry_audit_missing(struct vx_registry *registry);
/* Returns how many calls were lost. */
size_t vx_registry_audit_end(struct vx_registry *registry);

/* The scope of one configured account, or NULL. The caller owns a reference. */
struct vx_scope *vx_registry_account(struct vx_registry *registry,
                                     const struct vx_uuid *account_sid);
/* The scope of all calls, unassigned ones included. The caller owns a reference. */
struct vx_scope *vx_registry_all(struct vx_registry *registry);
struct vx_scope *vx_scope_ref(struct vx_scope *scope);
void vx_scope_release(struct vx_scope **scope);

/* The sid of the account; nil for the scope of all calls. */
const struct vx_uuid *vx_scope_sid(const struct vx_scope *scope);
/* Any thread, no lock. */
uint64_t vx_scope_revision(const struct vx_scope *scope);

struct vx_counts {
    uint64_t live_inbound, live_outbound, ended_inbound, ended_outbound;
};
/* Calls of a direction that is not known yet are in none of them. Any thread. */
struct vx_counts vx_scope_counts(struct vx_scope *scope);

/* The newest state of a call of this scope, with a reference for the caller; NULL when it has none
 * by that sid. */
struct vx_snapshot *vx_scope_find(struct vx_scope *scope, const struct vx_uuid *call_sid);

/* Random per start, lower-case hex, at most 16 characters; borrowed for the registry's life. */
const char *vx_registry_epoch(const struct vx_registry *registry);

/* For /metrics. All counts since the start but for `calls`, `unassigned` and `memory`, which are
 * now. */
struct vx_registry_stats {
    uint64_t calls, unassigned;
    uint64_t memory; /* bytes that calls hold: the snapshots of all registries of the process, each
                        with its JSON whether or not a reader has asked for it yet */
    uint64_t events, unchanged, refused, no_memory, truncated;
    uint64_t full, full_memory; /* calls not kept because of max-calls, of max-call-memory */
    uint64_t created, ended[VX_CALL_STATUS_COUNT], expired, lost, moved;
    uint64_t forgotten;         /* removals forgotten before their time because of max-removed */
    uint64_t hooks_forgotten;   /* expected for calls that did not come in time */
    uint64_t untrusted_headers; /* X-Account-Sid from a source that may not choose */
    uint64_t unknown_accounts;  /* voxeme_account_sid or X-Account-Sid that names no account */
};
void vx_registry_stats(struct vx_registry *registry, struct vx_registry_stats *out);

#endif
