/* What readers see: each scope's changes in the order of their revisions, and its counts. */
#include "core/alloc.h"
#include "core/registry_private.h"

static void link_init(struct link *l) {
    l->prev = l->next = l;
}

static bool linked(const struct link *l) {
    return l->next != NULL;
}

static void unlink_from(struct link *l) {
    l->prev->next = l->next;
    l->next->prev = l->prev;
    l->prev = l->next = NULL;
}

static uint64_t revision_of(const struct vx_scope *s) {
    return atomic_load_explicit(&s->revision, memory_order_relaxed);
}

/* The newest change of this scope is now this link's; `entered`: one that its clients know by a
 * name of its own, as the call has come, been answered or ended with it. */
static uint64_t append(struct vx_scope *s, struct link *l, bool entered) {
    uint64_t revision = revision_of(s) + 1;
    uint64_t lag = entered ? 0 : l->lag + (revision - l->revision);

    if (linked(l))
        unlink_from(l);
    l->lag = (lag < VX_LONGEST_LAG ? lag : VX_LONGEST_LAG) & VX_LONGEST_LAG;
    l->revision = revision;
    l->next = &s->changes;
    l->prev = s->changes.prev;
    l->prev->next = l;
    s->changes.prev = l;
    atomic_store_explicit(&s->revision, revision, memory_order_release);
    return revision;
}

struct vx_scope *vx_scope_new(struct vx_registry *r, const struct vx_uuid *sid, bool all) {
    struct vx_scope *s = vx_calloc(1, sizeof *s);

    if (!s)
        return NULL;
    atomic_init(&s->refs, 1);
    /* An account that was taken out of the configuration and comes back must not count through
     * revisions that its clients have seen. No account is ever ahead of the scope of all calls. */
    s->horizon = all ? 0 : vx_scope_revision(r->all);
    atomic_init(&s->revision, s->horizon);
    s->registry = r;
    s->sid = *sid;
    s->all = all;
    link_init(&s->changes);
    return s;
}

void vx_scope_free(struct vx_scope *s) {
    vx_free(s);
}

struct vx_scope *vx_scope_ref(struct vx_scope *s) {
    atomic_fetch_add(&s->refs, 1);
    return s;
}

/* Only counts: the registry, which holds the last reference, frees scopes that nobody uses when it
 * is configured anew or released. */
void vx_scope_release(struct vx_scope **s) {
    if (*s)
        atomic_fetch_sub(&(*s)->refs, 1);
    *s = NULL;
}

const struct vx_uuid *vx_scope_sid(const struct vx_scope *s) {
    return &s->sid;
}

uint64_t vx_scope_revision(const struct vx_scope *s) {
    return atomic_load_explicit(&s->revision, memory_order_acquire);
}

struct call *vx_call_of(const struct vx_scope *s, struct link *l) {
    size_t offset = s->all ? offsetof(struct call, in_all) : offsetof(struct call, in_account);

    return (struct call *)(void *)((char *)l - offset);
}

uint64_t vx_call_created(const struct vx_scope *s, const struct call *c) {
    return s->all ? c->created_in_all : c->created_in_account;
}

uint64_t vx_call_entered(const struct link *l, uint64_t created) {
    return l->lag < VX_LONGEST_LAG ? l->revision - l->lag : created;
}

static void count_in(struct vx_scope *s, enum vx_direction d, enum stage stage, int by) {
    uint64_t *live = d == VX_INBOUND ? &s->counts.live_inbound : &s->counts.live_outbound;
    uint64_t *ended = d == VX_INBOUND ? &s->counts.ended_inbound : &s->counts.ended_outbound;

    *(stage == LIVE ? live : ended) += (uint64_t)by;
}

void vx_call_count(struct call *c, struct vx_registry *r, int by) {
    enum vx_direction d = vx_snapshot_direction(c->snapshot);

    if (!c->account)
        r->stats.unassigned += (uint64_t)by;
    if (d == VX_DIRECTION_UNKNOWN)
        return;
    count_in(r->all, d, (enum stage)c->stage, by);
    if (c->account)
        count_in(c->account, d, (enum stage)c->stage, by);
}

void vx_call_enter(struct call *c, struct vx_scope *account) {
    c->account = account ? vx_scope_ref(account) : NULL;
    if (account)
        c->created_in_account = append(account, &c->in_account, true);
}

void vx_call_show(struct call *c, struct vx_scope *all) {
    c->created_in_all = append(all, &c->in_all, true);
}

void vx_call_touch(struct call *c, const struct vx_registry *r, bool entered) {
    append(r->all, &c->in_all, entered);
    if (c->account)
        append(c->account, &c->in_account, entered);
}

static void forget_in(struct vx_scope *s, struct link *l) {
    if (l->revision > s->horizon)
        s->horizon = l->revision;
    unlink_from(l);
}

void vx_call_forget(struct call *c, struct vx_registry *r) {
    if (linked(&c->in_all))
        forget_in(r->all, &c->in_all);
    if (linked(&c->in_account))
        forget_in(c->account, &c->in_account);
    vx_scope_release(&c->account);
}

/* The call leaves a scope but lives on: what stays behind is a record of its removal. Without
 * memory for one, the scope's readers start anew. */
static void leave(struct vx_registry *r, struct call *c, struct vx_scope *s, struct link *at) {
    struct call *gone = vx_call_new();

    if (!gone) {
        r->stats.no_memory++;
        append(s, at, true);
        forget_in(s, at);
        return;
    }
    unlink_from(at);
    gone->sid = c->sid;
    gone->order = c->order;
    if (s->all) {
        gone->created_in_all = c->created_in_all;
        append(s, &gone->in_all, true);
    } else {
        gone->created_in_account = c->created_in_account;
        gone->account = vx_scope_ref(s);
        append(s, &gone->in_account, true);
    }
    vx_call_await(r, gone, GONE, vx_mono_us(r->clock));
}

void vx_call_move(struct vx_registry *r, struct call *c, struct vx_scope *account, bool entered) {
    if (c->account) {
        leave(r, c, c->account, &c->in_account);
        vx_scope_release(&c->account);
    }
    vx_call_enter(c, account);
    append(r->all, &c->in_all, entered);
}

void vx_call_renamed(struct vx_registry *r, struct call *c) {
    struct vx_scope *account = c->account;

    leave(r, c, r->all, &c->in_all);
    if (account)
        leave(r, c, account, &c->in_account);
}

bool vx_call_followed(const struct call *c, const struct vx_registry *r) {
    return r->all->feeds > 0 || (c->account && c->account->feeds > 0);
}
