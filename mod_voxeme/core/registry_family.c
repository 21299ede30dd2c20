/*
 * Parents and the legs they dialled. A leg that matches no account by itself belongs to its
 * parent's, also when the parent is heard of later or moves, and names its parent by the sid that
 * it has now.
 *
 * What an event may cost is bounded: a parent looks at LOOKS legs at most and takes MOVES of its
 * descendants along, and only so many legs whose parent is not known are remembered. Those left out
 * follow at their own next event. A call that goes leaves its legs an empty place, in one step
 * however many they are.
 */
#include "core/registry_private.h"
#include "core/stock.h"

#define MOVES 256
#define LOOKS 1024

struct call *vx_call_parent(const struct call *c) {
    return c->kin && c->kin->parent ? c->kin->parent->call : NULL;
}

/* NULL: memory is short. */
static struct kin *kin_of(struct vx_registry *r, struct call *c) {
    if (c->kin)
        return c->kin;
    c->kin = vx_stock_take(sizeof *c->kin);
    if (c->kin) {
        *c->kin = (struct kin){.call = c};
        r->kin++;
    }
    return c->kin;
}

static void free_if_unused(struct vx_registry *r, struct kin *k) {
    if (k->legs || k->parent || k->call)
        return;
    vx_stock_give(k, sizeof *k);
    r->kin--;
}

static void link_to_parent(struct kin *parent, struct kin *k) {
    k->parent = parent;
    k->next = parent->legs;
    k->link = &parent->legs;
    if (k->next)
        k->next->link = &k->next;
    parent->legs = k;
}

static void unlink_from_parent(struct vx_registry *r, struct kin *k) {
    struct kin *parent = k->parent;

    if (!parent)
        return;
    *k->link = k->next;
    if (k->next)
        k->next->link = k->link;
    k->parent = k->next = NULL;
    k->link = NULL;
    free_if_unused(r, parent);
}

static void forget_orphan(struct vx_registry *r, struct call *c) {
    if (c->orphan)
        r->orphans[c->orphan - 1].call = NULL;
    c->orphan = 0;
}

static void attach(struct vx_registry *r, struct call *parent, struct call *c) {
    struct kin *above = kin_of(r, parent), *k = above ? kin_of(r, c) : NULL;

    if (!k) {
        r->stats.no_memory++; /* its own next event tries again */
        return;
    }
    unlink_from_parent(r, k);
    link_to_parent(above, k);
}

static void remember_orphan(struct vx_registry *r, struct call *c, const struct vx_uuid *parent) {
    size_t slot = r->next_orphan++ % VX_ORPHANS;

    if (r->orphans[slot].call)
        r->orphans[slot].call->orphan = 0;
    r->orphans[slot].call = c;
    r->orphans[slot].parent = *parent;
    c->orphan = (slot + 1) & 127U;
}

static struct call *find_parent(const struct vx_registry *r, const struct vx_uuid *sid) {
    struct call *parent = vx_call_table_find(&r->table, sid);
    struct vx_uuid by_now;

    if (parent)
        return parent;
    by_now = vx_sid_after_renames(r, *sid, 0);
    return vx_uuid_eq(&by_now, sid) ? NULL : vx_call_table_find(&r->table, &by_now);
}

void vx_call_join_family(struct vx_registry *r, struct call *c, const struct vx_uuid *parent_sid) {
    struct call *parent;

    if (vx_uuid_is_nil(parent_sid) || vx_call_parent(c))
        return;
    parent = find_parent(r, parent_sid);
    if (parent == c)
        return;
    if (parent) {
        forget_orphan(r, c);
        attach(r, parent, c);
    } else if (!c->orphan) {
        remember_orphan(r, c, parent_sid);
    }
}

void vx_call_find_legs(struct vx_registry *r, struct call *c) {
    for (size_t i = 0; i < VX_ORPHANS && i < r->next_orphan; i++) {
        struct call *orphan = r->orphans[i].call;

        if (orphan && orphan != c && vx_uuid_eq(&r->orphans[i].parent, &c->sid)) {
            forget_orphan(r, orphan);
            attach(r, c, orphan);
        }
    }
}

void vx_call_leave_family(struct vx_registry *r, struct call *c) {
    struct kin *k = c->kin;

    forget_orphan(r, c);
    if (!k)
        return;
    unlink_from_parent(r, k);
    c->kin = NULL;
    k->call = NULL;
    free_if_unused(r, k);
}

/* The legs of `from` go on under the place `to`, MOVES of them at most. */
static void hand_over_legs(struct vx_registry *r, struct kin *from, struct kin *to) {
    for (int i = 0; i < MOVES && from->legs; i++) {
        struct kin *leg = from->legs;

        from->legs = leg->next;
        if (leg->next)
            leg->next->link = &from->legs;
        link_to_parent(to, leg);
    }
    from->call = NULL;
    free_if_unused(r, from);
}

/* It takes the older one's place, which costs the same however many legs that has. */
void vx_call_inherit_family(struct vx_registry *r, struct call *c, struct call *older) {
    struct kin *place = older->kin, *own = c->kin, *parent;

    if (!place || !place->legs)
        return;
    parent = own && own->parent && own->parent != place ? own->parent : place->parent;
    if (parent == own)
        parent = NULL;
    c->kin = place;
    older->kin = NULL;
    place->call = c;
    if (parent != place->parent) {
        unlink_from_parent(r, place);
        if (parent)
            link_to_parent(parent, place);
    }
    if (!own)
        return;
    unlink_from_parent(r, own);
    hand_over_legs(r, own, place);
}

static bool is_behind(const struct call *leg, const struct call *parent) {
    return !vx_snapshot_has_parent(leg->snapshot, &parent->sid);
}

/* Who has its parent's account already has handed it on: a ring of parents comes to an end. */
static bool must_move(const struct call *leg, const struct call *parent) {
    return parent->account && leg->rank >= VX_RANK_INHERITED && leg->account != parent->account;
}

static bool follow(struct vx_registry *r, struct call *leg, const struct call *parent, bool *wake) {
    bool moves = must_move(leg, parent), is_first = moves && !leg->account;
    struct vx_scope *account = moves ? parent->account : leg->account;
    struct vx_call_fields f;
    struct vx_snapshot *fresh, *old;

    vx_snapshot_fields(leg->snapshot, &f);
    f.parent_call_sid = parent->sid;
    if (moves) {
        f.account_sid = *vx_scope_sid(account);
        f.hook = leg->account || !f.hook ? vx_snapshot_hook(parent->snapshot) : f.hook;
    }
    fresh = vx_snapshot_new(&f);
    if (!fresh) {
        r->stats.no_memory++;
        return false;
    }
    *wake = *wake || vx_call_followed(leg, r);
    if (moves)
        leg->rank = VX_RANK_INHERITED;
    old = vx_call_replace(r, leg, fresh, account);
    vx_snapshot_release(&old);
    if (is_first)
        vx_call_tell(r, fresh);
    *wake = *wake || vx_call_followed(leg, r);
    return true;
}

/* Depth first, without recursion: the calls moved last are the first whose legs are looked at. */
void vx_call_lead_family(struct vx_registry *r, struct call *c, bool *wake) {
    struct call *todo[MOVES + 1] = {c};
    size_t count = 1, moves = 0, looks = 0;

    if (!c->kin || !c->kin->legs)
        return;
    while (count > 0) {
        struct call *parent = todo[--count];
        struct kin *k = parent->kin->legs;

        for (; k && moves < MOVES && looks < LOOKS; k = k->next, looks++)
            if ((must_move(k->call, parent) || is_behind(k->call, parent)) &&
                follow(r, k->call, parent, wake)) {
                moves++;
                todo[count++] = k->call;
            }
    }
}
