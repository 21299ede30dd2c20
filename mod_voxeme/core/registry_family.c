/*
 * Parents and the legs they dialled. A leg that matches no account by itself belongs to its
 * parent's, also when the parent is heard of later or moves.
 *
 * What an event may cost is bounded: a parent takes at most MOVES of its descendants along, and
 * only so many legs whose parent is not known are remembered. Those left out follow at their own
 * next event.
 */
#include "core/registry_private.h"

#define MOVES 256

static void unlink_from_parent(struct call *c) {
    if (c->sibling_link) {
        *c->sibling_link = c->sibling;
        if (c->sibling)
            c->sibling->sibling_link = c->sibling_link;
    }
    c->parent = c->sibling = NULL;
    c->sibling_link = NULL;
}

static void forget_orphan(struct vx_registry *r, struct call *c) {
    if (c->orphan)
        r->orphans[c->orphan - 1].call = NULL;
    c->orphan = 0;
}

static void attach(struct call *parent, struct call *c) {
    c->parent = parent;
    c->sibling = parent->children;
    c->sibling_link = &parent->children;
    if (c->sibling)
        c->sibling->sibling_link = &c->sibling;
    parent->children = c;
}

static void remember_orphan(struct vx_registry *r, struct call *c, const struct vx_uuid *parent) {
    size_t slot = r->next_orphan++ % VX_ORPHANS;

    if (r->orphans[slot].call)
        r->orphans[slot].call->orphan = 0;
    r->orphans[slot].call = c;
    r->orphans[slot].parent = *parent;
    c->orphan = (uint8_t)(slot + 1);
}

void vx_call_join_family(struct vx_registry *r, struct call *c, const struct vx_uuid *parent_sid) {
    struct call *parent;

    if (c->parent || vx_uuid_is_nil(parent_sid))
        return;
    parent = vx_call_table_find(&r->table, parent_sid);
    if (parent == c)
        return;
    if (parent) {
        forget_orphan(r, c);
        attach(parent, c);
    } else if (!c->orphan) {
        remember_orphan(r, c, parent_sid);
    }
}

void vx_call_find_children(struct vx_registry *r, struct call *c) {
    for (size_t i = 0; i < VX_ORPHANS && i < r->next_orphan; i++) {
        struct call *orphan = r->orphans[i].call;

        if (orphan && orphan != c && vx_uuid_eq(&r->orphans[i].parent, &c->sid)) {
            forget_orphan(r, orphan);
            attach(c, orphan);
        }
    }
}

void vx_call_leave_family(struct vx_registry *r, struct call *c) {
    while (c->children)
        unlink_from_parent(c->children);
    unlink_from_parent(c);
    forget_orphan(r, c);
}

static bool give_account(struct vx_registry *r, struct call *c, struct vx_scope *account,
                         bool *wake) {
    struct vx_call_fields f;
    struct vx_snapshot *fresh, *old;

    vx_snapshot_fields(c->snapshot, &f);
    f.account_sid = *vx_scope_sid(account);
    fresh = vx_snapshot_new(&f);
    if (!fresh) {
        r->stats.no_memory++;
        return false;
    }
    *wake = *wake || vx_call_followed(c, r);
    c->rank = VX_RANK_INHERITED;
    old = vx_call_replace(r, c, fresh, account);
    vx_snapshot_release(&old);
    *wake = *wake || vx_call_followed(c, r);
    return true;
}

/* Who has its parent's account already has handed it on: a ring of parents comes to an end. */
static bool must_move(const struct call *c) {
    return c->rank >= VX_RANK_INHERITED && c->account != c->parent->account;
}

/* Depth first, without recursion: the calls moved last are the first whose children are looked at.
 */
void vx_call_lead_family(struct vx_registry *r, struct call *c, bool *wake) {
    struct call *todo[MOVES + 1] = {c};
    size_t count = 1, moves = 0;

    if (!c->account)
        return;
    while (count > 0) {
        struct call *parent = todo[--count];

        for (struct call *child = parent->children; child && moves < MOVES; child = child->sibling)
            if (must_move(child) && give_account(r, child, parent->account, wake)) {
                moves++;
                todo[count++] = child;
            }
    }
}
