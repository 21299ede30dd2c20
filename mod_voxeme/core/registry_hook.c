/*
 * Who is told of statuses: the observer, and the hooks of calls that are about to be made.
 *
 * A hook is known when somebody asks for the call, and the call when the host's first event of it
 * comes, on whatever thread and in whatever order: until then the hook waits here under the call's
 * sid. One whose call never comes is let go of after a while.
 */
#include "core/alloc.h"
#include "core/registry_private.h"

#define LONGEST_WAIT_US (120 * VX_SECOND_US)
#define MOST_EXPECTED   16384

struct expected {
    struct expected *hash_next;
    struct expected *older, *newer;
    struct vx_uuid sid;
    struct vx_hook *hook;
    int64_t since_us;
};

static struct expected **slot_of(struct expectations *x, const struct vx_uuid *sid) {
    uint64_t h;

    memcpy(&h, sid->b + 8, sizeof h);
    h = (h ^ h >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    return &x->slots[(h >> 40) % VX_EXPECTED_SLOTS];
}

static struct expected *find(struct expectations *x, const struct vx_uuid *sid) {
    struct expected *e = x->count ? *slot_of(x, sid) : NULL;

    while (e && !vx_uuid_eq(&e->sid, sid))
        e = e->hash_next;
    return e;
}

static void add(struct expectations *x, struct expected *e) {
    struct expected **slot = slot_of(x, &e->sid);

    e->hash_next = *slot;
    *slot = e;
    e->newer = NULL;
    e->older = x->newest;
    if (x->newest)
        x->newest->newer = e;
    else
        x->oldest = e;
    x->newest = e;
    x->count++;
}

static void drop(struct expectations *x, struct expected *e) {
    struct expected **at = slot_of(x, &e->sid);

    while (*at != e)
        at = &(*at)->hash_next;
    *at = e->hash_next;
    if (e->older)
        e->older->newer = e->newer;
    else
        x->oldest = e->newer;
    if (e->newer)
        e->newer->older = e->older;
    else
        x->newest = e->older;
    x->count--;
    vx_hook_release(&e->hook);
    vx_free(e);
}

void vx_expected_free(struct vx_registry *r) {
    while (r->expected.oldest)
        drop(&r->expected, r->expected.oldest);
}

struct vx_hook *vx_expected_hook(struct vx_registry *r, const struct vx_uuid *sid) {
    struct expected *e = find(&r->expected, sid);

    return e ? e->hook : NULL;
}

void vx_expected_came(struct vx_registry *r, const struct vx_uuid *sid) {
    struct expected *e = find(&r->expected, sid);

    if (e)
        drop(&r->expected, e);
}

bool vx_registry_expect_hook(struct vx_registry *r, const struct vx_uuid *call_sid,
                             struct vx_hook *hook) {
    struct expectations *x = &r->expected;
    struct expected *e = vx_calloc(1, sizeof *e);

    if (!e)
        return false;
    e->sid = *call_sid;
    e->hook = vx_hook_ref(hook);
    e->since_us = vx_mono_us(r->clock);
    vx_registry_lock(r);
    vx_expected_came(r, call_sid);
    add(x, e);
    for (int i = 0; i < 2 && x->oldest != e; i++)
        if (x->count > MOST_EXPECTED || x->oldest->since_us + LONGEST_WAIT_US < e->since_us) {
            drop(x, x->oldest);
            r->stats.hooks_forgotten++;
        }
    pthread_mutex_unlock(&r->lock);
    return true;
}

void vx_registry_forget_hook(struct vx_registry *r, const struct vx_uuid *call_sid) {
    vx_registry_lock(r);
    vx_expected_came(r, call_sid);
    pthread_mutex_unlock(&r->lock);
}

static struct call *find_by_now(const struct vx_registry *r, const struct vx_uuid *sid) {
    struct call *c = vx_call_table_find(&r->table, sid);
    struct vx_uuid renamed;

    if (c)
        return c;
    renamed = vx_sid_after_renames(r, *sid, 0);
    return vx_call_table_find(&r->table, &renamed);
}

bool vx_registry_set_hook(struct vx_registry *r, const struct vx_uuid *account_sid,
                          const struct vx_uuid *call_sid, struct vx_hook *hook) {
    struct vx_snapshot *fresh, *dead = NULL;
    struct vx_call_fields f;
    struct call *c;
    bool ok = true;

    vx_registry_lock(r);
    c = find_by_now(r, call_sid);
    if (c && c->account && vx_uuid_eq(vx_scope_sid(c->account), account_sid)) {
        vx_snapshot_fields(c->snapshot, &f);
        f.hook = hook;
        fresh = vx_snapshot_new(&f);
        ok = fresh != NULL;
        r->stats.no_memory += !ok;
        if (fresh) {
            dead = c->snapshot;
            c->snapshot = fresh; /* no reader sees that */
        }
    }
    pthread_mutex_unlock(&r->lock);
    vx_snapshot_release(&dead);
    return ok;
}

void vx_registry_observe_statuses(struct vx_registry *r,
                                  void (*told)(void *ctx, struct vx_snapshot *call), void *ctx) {
    vx_registry_lock(r);
    r->told = told;
    r->told_ctx = ctx;
    pthread_mutex_unlock(&r->lock);
}

void vx_call_tell(const struct vx_registry *r, struct vx_snapshot *call) {
    if (r->told)
        r->told(r->told_ctx, call);
}
