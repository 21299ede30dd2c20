#include "core/feed.h"

#include "core/alloc.h"
#include "core/registry_private.h"

struct vx_feed {
    struct vx_scope *scope;
    struct link place; /* everything before it in the scope's changes has been handed out */
    uint64_t position; /* revision of the newest change handed out; guarded by the lock */
    bool quiet;        /* the same */
};

static void unlink_place(struct link *l) {
    l->prev->next = l->next;
    l->next->prev = l->prev;
}

static void place_before(struct link *l, struct link *next) {
    l->next = next;
    l->prev = next->prev;
    l->prev->next = l;
    next->prev = l;
}

struct vx_feed *vx_feed_open(struct vx_scope *scope) {
    struct vx_feed *f = vx_calloc(1, sizeof *f);
    struct vx_registry *r = scope->registry;

    if (!f)
        return NULL;
    f->scope = vx_scope_ref(scope);
    f->place.cursor = 1;
    vx_registry_lock(r);
    place_before(&f->place, scope->changes.next);
    f->position = scope->horizon;
    scope->feeds++;
    pthread_mutex_unlock(&r->lock);
    return f;
}

void vx_feed_close(struct vx_feed **feed) {
    struct vx_feed *f = *feed;
    struct vx_registry *r;

    *feed = NULL;
    if (!f)
        return;
    r = f->scope->registry;
    vx_registry_lock(r);
    unlink_place(&f->place);
    f->scope->feeds -= !f->quiet;
    pthread_mutex_unlock(&r->lock);
    vx_scope_release(&f->scope);
    vx_free(f);
}

void vx_feed_set_quiet(struct vx_feed *f, bool quiet) {
    struct vx_registry *r = f->scope->registry;

    vx_registry_lock(r);
    f->scope->feeds += (unsigned)f->quiet - (unsigned)quiet;
    f->quiet = quiet;
    pthread_mutex_unlock(&r->lock);
}

/* Removals were forgotten before this feed saw them. */
static bool restart(struct vx_feed *f) {
    struct vx_scope *s = f->scope;

    if (f->position >= s->horizon)
        return false;
    unlink_place(&f->place);
    place_before(&f->place, s->changes.next);
    f->position = s->horizon;
    return true;
}

static void hand_out(const struct vx_scope *s, struct link *l, struct vx_change *change) {
    struct call *c = vx_call_of(s, l);
    bool here = c->snapshot && (s->all || c->account == s);

    change->revision = l->revision;
    change->order = c->order;
    change->created = vx_call_created(s, c);
    change->entered = vx_call_entered(l, change->created);
    change->call_sid = c->sid;
    change->call = here ? vx_snapshot_ref(c->snapshot) : NULL;
}

size_t vx_feed_pull(struct vx_feed *f, struct vx_change *changes, size_t max, uint64_t *revision,
                    bool *restarted) {
    struct vx_scope *s = f->scope;
    struct vx_registry *r = s->registry;
    struct link *l;
    size_t count = 0;

    vx_registry_lock(r);
    *restarted = restart(f);
    for (l = f->place.next; l != &s->changes && count < max; l = l->next)
        if (!l->cursor) {
            hand_out(s, l, &changes[count++]);
            if (l->revision > f->position)
                f->position = l->revision;
        }
    unlink_place(&f->place);
    place_before(&f->place, l);
    *revision = vx_scope_revision(s);
    if (l == &s->changes)
        f->position = *revision;
    pthread_mutex_unlock(&r->lock);
    return count;
}

uint64_t vx_feed_horizon(struct vx_feed *f) {
    struct vx_registry *r = f->scope->registry;
    uint64_t horizon;

    vx_registry_lock(r);
    horizon = f->scope->horizon;
    pthread_mutex_unlock(&r->lock);
    return horizon;
}
