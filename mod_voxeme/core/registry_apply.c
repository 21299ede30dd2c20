/* One event, from the host's thread into the registry. */
#include "core/alloc.h"
#include "core/registry_private.h"

/* What applying an event leaves to be done once the lock is free. */
struct after {
    struct vx_snapshot *dead, *absorbed;
    bool wake;
};

static bool says_enough(const struct vx_event *e) {
    return e->direction != VX_DIRECTION_UNKNOWN && (e->from.at || e->to.at);
}

static struct call *new_call(struct vx_registry *r, const struct vx_uuid *sid) {
    struct call *c = vx_calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->sid = *sid;
    c->order = ++r->last_order;
    c->stage = LIVE;
    c->rank = VX_RANK_NONE;
    c->audit = r->audit;
    return c;
}

static void known_fields(const struct vx_registry *r, const struct call *c,
                         struct vx_call_fields *f) {
    if (c->snapshot) {
        vx_snapshot_fields(c->snapshot, f);
        return;
    }
    memset(f, 0, sizeof *f);
    f->call_sid = c->sid;
    f->service_url = r->service_url;
}

static void find_application(const struct vx_registry *r, const struct vx_event *e,
                             struct vx_call_fields *f) {
    if (!vx_uuid_is_nil(&f->application_sid))
        return;
    if (vx_uuid_parse(&f->application_sid, e->application_sid) || !e->application_sid_header.len)
        return;
    if (vx_directory_trusts(vx_config_directory(r->config), &e->evidence.source))
        vx_uuid_parse(&f->application_sid, e->application_sid_header);
}

struct owner {
    struct vx_scope *account; /* NULL: unassigned */
    enum vx_account_rank rank;
};

static bool resolve(struct vx_registry *r, const struct vx_event *e, enum vx_account_rank than,
                    struct owner *owner) {
    struct vx_resolution found =
        vx_directory_resolve(vx_config_directory(r->config), &e->evidence, than);

    r->stats.untrusted_headers += found.untrusted_header;
    r->stats.unknown_accounts += found.unknown_sid;
    if (found.rank == VX_RANK_NONE)
        return false;
    *owner = (struct owner){r->by_index[found.account], found.rank};
    return true;
}

static struct owner find_owner(struct vx_registry *r, const struct call *c,
                               const struct vx_event *e) {
    struct owner owner = {c->account, (enum vx_account_rank)c->rank};
    struct vx_scope *inherited = c->parent ? c->parent->account : NULL;

    if (inherited && c->rank >= VX_RANK_INHERITED) {
        if (!resolve(r, e, VX_RANK_INHERITED, &owner))
            owner = (struct owner){inherited, VX_RANK_INHERITED};
    } else if (c->rank > VX_RANK_VARIABLE) {
        resolve(r, e, (enum vx_account_rank)c->rank, &owner);
    }
    return owner;
}

static void add_call(struct vx_registry *r, struct call *c, struct vx_snapshot *fresh,
                     struct vx_scope *account, int64_t ended_us) {
    c->snapshot = fresh;
    vx_call_table_add(&r->table, c);
    vx_queue_put(&r->queue[LIVE], c);
    vx_call_enter(c, account);
    vx_call_show(c, r->all);
    r->stats.created++;
    if (vx_call_status_ended(vx_snapshot_status(fresh)))
        vx_call_end(r, c, ended_us);
    vx_call_count(c, r, 1);
}

static void learn(struct call *c, const struct knowledge *k, enum vx_account_rank rank) {
    c->first_sequence = k->first_sequence;
    c->guessed = k->guessed;
    c->rank = (uint8_t)rank;
}

static enum vx_applied change(struct vx_registry *r, struct call *c, const struct vx_event *e,
                              struct after *after) {
    bool is_new = !c->snapshot;
    struct knowledge k = {c->first_sequence, c->guessed};
    struct vx_call_fields before, f;
    struct vx_snapshot *fresh;
    struct owner owner;

    known_fields(r, c, &before);
    f = before;
    vx_call_merge(&f, &k, e, vx_wall_us(r->clock), r->max_text, &r->stats.truncated);
    find_application(r, e, &f);
    vx_call_join_family(r, c, &f.parent_call_sid);
    owner = find_owner(r, c, e);
    f.account_sid = owner.account ? *vx_scope_sid(owner.account) : (struct vx_uuid){{0}};
    if (!is_new && vx_call_fields_eq(&before, &f)) {
        learn(c, &k, owner.rank);
        r->stats.unchanged++;
        return VX_UNCHANGED;
    }
    fresh = vx_snapshot_new(&f);
    if (!fresh)
        return VX_NO_MEMORY;
    learn(c, &k, owner.rank);
    after->wake = vx_call_followed(c, r); /* by readers of the account it may be leaving */
    if (is_new) {
        add_call(r, c, fresh, owner.account, f.ended_us);
        vx_call_find_children(r, c);
    } else {
        after->dead = vx_call_replace(r, c, fresh, owner.account);
    }
    if (is_new || !vx_uuid_eq(&before.account_sid, &f.account_sid))
        vx_call_lead_family(r, c, &after->wake);
    after->wake = after->wake || vx_call_followed(c, r);
    return VX_APPLIED;
}

static enum vx_applied apply_new(struct vx_registry *r, const struct vx_event *e,
                                 struct after *after) {
    struct call *c;
    enum vx_applied result;

    if (e->type == VX_EVENT_HANGUP && !says_enough(e)) {
        r->stats.refused++;
        return VX_REFUSED;
    }
    if (r->table.now.count + r->table.old.count >= r->max_calls) {
        r->stats.full++;
        return VX_REFUSED;
    }
    c = new_call(r, &e->call_sid);
    if (!c)
        return VX_NO_MEMORY;
    result = change(r, c, e, after);
    if (result != VX_APPLIED) {
        vx_call_leave_family(r, c);
        vx_free(c);
    }
    return result;
}

/* Readers see the old sid go and the new one come. */
static enum vx_applied rename_call(struct vx_registry *r, struct call *c, const struct vx_event *e,
                                   struct after *after) {
    struct vx_scope *account = c->account;
    struct vx_call_fields f;
    struct vx_snapshot *fresh;

    vx_snapshot_fields(c->snapshot, &f);
    f.call_sid = e->call_sid;
    fresh = vx_snapshot_new(&f);
    if (!fresh)
        return VX_NO_MEMORY;
    vx_call_renamed(r, c);
    vx_scope_release(&c->account);
    vx_call_table_remove(&r->table, c);
    c->sid = e->call_sid;
    c->audit = r->audit; /* an audit that is under way may have listed it by its old sid */
    vx_call_table_add(&r->table, c);
    vx_call_enter(c, account);
    vx_call_show(c, r->all);
    after->dead = c->snapshot;
    c->snapshot = fresh;
    after->wake = vx_call_followed(c, r);
    return VX_APPLIED;
}

/* Events under the new sid came before the rename and made a call of their own: it takes up what
 * the older one knew, which goes. */
static enum vx_applied absorb(struct vx_registry *r, struct call *older, struct call *newer,
                              struct after *after) {
    struct vx_call_fields f;
    struct vx_event said = {.type = VX_EVENT_UPDATE, .call_sid = newer->sid};
    enum vx_applied result;

    vx_snapshot_fields(older->snapshot, &f);
    said.direction = f.direction;
    said.parent_call_sid = f.parent_call_sid;
    said.from = f.text[VX_TEXT_FROM];
    said.to = f.text[VX_TEXT_TO];
    said.caller_name = f.text[VX_TEXT_CALLER_NAME];
    said.call_id = f.text[VX_TEXT_CALL_ID];
    said.originating_sip_ip = f.text[VX_TEXT_SIP_IP];
    said.originating_sip_trunk_name = f.text[VX_TEXT_TRUNK];
    said.attempted_us = f.attempted_us;
    said.answered_us = f.answered_us;
    said.sequence = older->first_sequence;
    result = change(r, newer, &said, after);
    if (result == VX_NO_MEMORY)
        return result;
    newer->audit = r->audit;
    after->absorbed = vx_call_remove(r, older);
    after->wake = after->wake || vx_call_followed(newer, r);
    return VX_APPLIED;
}

static enum vx_applied rename_to(struct vx_registry *r, struct call *c, const struct vx_event *e,
                                 struct after *after) {
    struct call *older = vx_call_table_find(&r->table, &e->renamed_from);

    if (!older || older == c)
        return VX_UNCHANGED;
    return c ? absorb(r, older, c, after) : rename_call(r, older, e, after);
}

/* The first rename away from this sid that the host numbered after `sequence`. */
static const struct rename *next_rename(const struct vx_registry *r, const struct vx_uuid *from,
                                        uint64_t sequence) {
    const struct rename *next = NULL;

    for (size_t i = 0; i < VX_RENAMES && i < r->next_rename; i++) {
        const struct rename *known = &r->renames[i];

        if (known->sequence > sequence && (!next || known->sequence < next->sequence) &&
            vx_uuid_eq(&known->from, from))
            next = known;
    }
    return next;
}

/* A late event bears the sid that its call had when it happened. An event after the rename means
 * another call, which was given that sid anew. */
static struct vx_uuid sid_by_now(const struct vx_registry *r, const struct vx_event *e) {
    uint64_t sequence = e->sequence;
    struct vx_uuid sid = e->call_sid;
    const struct rename *known;

    while (sequence && (known = next_rename(r, &sid, sequence))) {
        sid = known->to;
        sequence = known->sequence;
    }
    return sid;
}

static void remember_rename(struct vx_registry *r, const struct vx_event *e) {
    const struct rename *known;

    if (!e->sequence || vx_uuid_eq(&e->renamed_from, &e->call_sid))
        return;
    known = next_rename(r, &e->renamed_from, e->sequence - 1);
    if (!known || known->sequence != e->sequence)
        r->renames[r->next_rename++ % VX_RENAMES] =
            (struct rename){e->renamed_from, e->call_sid, e->sequence};
}

static enum vx_applied apply_to(struct vx_registry *r, const struct vx_event *e,
                                struct after *after) {
    struct call *c = vx_call_table_find(&r->table, &e->call_sid);
    bool renames = e->type == VX_EVENT_RENAME && !vx_uuid_is_nil(&e->renamed_from);
    enum vx_applied renamed = VX_UNCHANGED;

    if (renames)
        renamed = rename_to(r, c, e, after);
    if (renames && renamed != VX_NO_MEMORY)
        remember_rename(r, e);
    if (renamed != VX_UNCHANGED)
        return renamed;
    return c ? change(r, c, e, after) : apply_new(r, e, after);
}

static enum vx_applied apply(struct vx_registry *r, const struct vx_event *e, struct after *after) {
    struct vx_uuid sid = sid_by_now(r, e);
    struct vx_event late;

    r->stats.events++;
    if (vx_uuid_is_nil(&sid)) {
        r->stats.refused++;
        return VX_REFUSED;
    }
    if (vx_uuid_eq(&sid, &e->call_sid))
        return apply_to(r, e, after);
    late = *e;
    late.call_sid = sid;
    return apply_to(r, &late, after);
}

enum vx_applied vx_registry_apply(struct vx_registry *r, const struct vx_event *e) {
    struct after after = {0};
    enum vx_applied result;

    pthread_mutex_lock(&r->lock);
    result = apply(r, e, &after);
    if (result == VX_NO_MEMORY)
        r->stats.no_memory++;
    pthread_mutex_unlock(&r->lock);
    vx_snapshot_release(&after.dead);
    vx_snapshot_release(&after.absorbed);
    if (after.wake)
        vx_registry_wake(r);
    return result;
}
