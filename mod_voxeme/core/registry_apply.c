/* One event, from the host's thread into the registry. */
#include "core/registry_private.h"
#include "core/stock.h"

#define LINE 64 /* of a cache; a guess is good enough */

/* What applying an event leaves to be done once the lock is free. */
struct after {
    struct vx_snapshot *dead, *absorbed;
    bool wake;
};

static bool says_enough(const struct vx_event *e) {
    return e->direction != VX_DIRECTION_UNKNOWN && (e->from.at || e->to.at);
}

/* Its call would have gone by now. */
static bool is_history(const struct vx_registry *r, const struct vx_event *e) {
    return e->ended_us > 0 && vx_long_over(r, e->ended_us);
}

static struct call *new_call(struct vx_registry *r, const struct vx_uuid *sid) {
    struct call *c = vx_call_new();

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
    if (vx_directory_trusts(r->directory, &e->evidence.source))
        vx_uuid_parse(&f->application_sid, e->application_sid_header);
}

struct owner {
    struct vx_scope *account; /* NULL: unassigned */
    enum vx_account_rank rank;
};

static bool resolve(struct vx_registry *r, const struct vx_event *e, enum vx_account_rank than,
                    struct owner *owner) {
    struct vx_resolution found = vx_directory_resolve(r->directory, &e->evidence, than);

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
    struct call *parent = vx_call_parent(c);
    struct vx_scope *inherited = parent ? parent->account : NULL;

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
    vx_queue_append(&r->queue[LIVE], c);
    vx_call_enter(c, account);
    vx_call_show(c, r->all);
    r->stats.created++;
    if (vx_call_status_ended(vx_snapshot_status(fresh)))
        vx_call_end(r, c, ended_us);
    vx_call_count(c, r, 1);
}

/* What an event makes of a call. */
struct update {
    struct vx_call_fields before, f;
    struct knowledge k;
    struct owner owner;
};

static void consider(struct vx_registry *r, struct call *c, const struct vx_event *e,
                     struct update *u) {
    const struct call *parent;

    known_fields(r, c, &u->before);
    u->f = u->before;
    u->k = (struct knowledge){c->first_sequence, (uint8_t)c->guessed};
    vx_call_merge(&u->f, &u->k, e, r->clock, r->max_text, &r->stats.truncated);
    find_application(r, e, &u->f);
    vx_call_join_family(r, c, &u->f.parent_call_sid);
    parent = vx_call_parent(c);
    if (parent)
        u->f.parent_call_sid = parent->sid; /* it may have been renamed */
    u->owner = find_owner(r, c, e);
}

static void learn(struct call *c, const struct update *u) {
    c->first_sequence = u->k.first_sequence & VX_LAST_SEQUENCE;
    c->guessed = u->k.guessed & 31U;
    c->rank = u->owner.rank & 7U;
}

/* Its own: told by the event, known before, or expected. Else that of the call that dialled it.
 * Never another account's: what is sent is signed with the secret of the account that the call has.
 */
static void find_hook(struct vx_registry *r, const struct call *c, struct update *u) {
    const struct call *parent = vx_call_parent(c);
    bool moves = !vx_uuid_is_nil(&u->before.account_sid) &&
                 !vx_uuid_eq(&u->before.account_sid, &u->f.account_sid);

    if (moves && u->f.hook == u->before.hook)
        u->f.hook = NULL;
    if (!u->f.hook && !c->snapshot)
        u->f.hook = vx_expected_hook(r, &c->sid);
    if (!u->f.hook && parent && parent->account && parent->account == u->owner.account)
        u->f.hook = vx_snapshot_hook(parent->snapshot);
}

/* No reader sees that. False: out of memory. */
static bool change_hook(struct call *c, const struct update *u, struct after *after) {
    struct vx_snapshot *fresh;

    if (u->f.hook == u->before.hook)
        return true;
    fresh = vx_snapshot_new(&u->f);
    if (!fresh)
        return false;
    after->dead = c->snapshot;
    c->snapshot = fresh;
    return true;
}

static enum vx_applied commit(struct vx_registry *r, struct call *c, struct update *u,
                              struct after *after) {
    bool is_new = !c->snapshot;
    struct vx_snapshot *fresh;

    u->f.account_sid = u->owner.account ? *vx_scope_sid(u->owner.account) : (struct vx_uuid){{0}};
    find_hook(r, c, u);
    if (!is_new && vx_call_fields_eq(&u->before, &u->f)) {
        if (!change_hook(c, u, after))
            return VX_NO_MEMORY;
        learn(c, u);
        return VX_UNCHANGED;
    }
    fresh = vx_snapshot_new(&u->f);
    if (!fresh)
        return VX_NO_MEMORY;
    learn(c, u);
    after->wake = vx_call_followed(c, r); /* by readers of the account it may be leaving */
    if (is_new) {
        add_call(r, c, fresh, u->owner.account, u->f.ended_us);
        vx_call_find_legs(r, c);
        vx_expected_came(r, &c->sid);
    } else {
        after->dead = vx_call_replace(r, c, fresh, u->owner.account);
    }
    /* Of what had no account nobody could be told. */
    if (is_new || u->before.status != u->f.status ||
        (vx_uuid_is_nil(&u->before.account_sid) && u->owner.account))
        vx_call_tell(r, fresh);
    if (is_new || !vx_uuid_eq(&u->before.account_sid, &u->f.account_sid))
        vx_call_lead_family(r, c, &after->wake);
    after->wake = after->wake || vx_call_followed(c, r);
    return VX_APPLIED;
}

static enum vx_applied change(struct vx_registry *r, struct call *c, const struct vx_event *e,
                              struct after *after) {
    struct update u;
    enum vx_applied result;

    consider(r, c, e, &u);
    result = commit(r, c, &u, after);
    r->stats.unchanged += result == VX_UNCHANGED;
    return result;
}

static bool has_room(struct vx_registry *r) {
    if (r->table.now.count + r->table.old.count >= r->max_calls) {
        r->stats.full++;
        return false;
    }
    if (vx_registry_memory(r) >= r->max_memory) {
        r->stats.full_memory++;
        return false;
    }
    return true;
}

static enum vx_applied apply_new(struct vx_registry *r, const struct vx_event *e,
                                 struct after *after) {
    struct call *c;
    enum vx_applied result;

    if ((e->type == VX_EVENT_HANGUP && (!says_enough(e) || is_history(r, e))) ||
        vx_call_was_dismissed(r, &e->call_sid, e->type == VX_EVENT_CREATE)) {
        r->stats.refused++;
        return VX_REFUSED;
    }
    if (!has_room(r))
        return VX_REFUSED;
    c = new_call(r, &e->call_sid);
    if (!c)
        return VX_NO_MEMORY;
    result = change(r, c, e, after);
    if (result != VX_APPLIED) {
        vx_call_leave_family(r, c);
        vx_call_free(c);
    }
    return result;
}

/* An audit that is under way may have listed it by its old sid. */
static void count_as_seen(const struct vx_registry *r, struct call *c) {
    if (c->stage == LIVE)
        c->audit = r->audit;
}

/* Readers see the old sid go and the new one come. */
static enum vx_applied rename_call(struct vx_registry *r, struct call *c, const struct vx_event *e,
                                   struct after *after) {
    struct vx_scope *account = c->account;
    struct vx_call_fields f;
    struct vx_snapshot *fresh;

    vx_snapshot_fields(c->snapshot, &f);
    f.call_sid = e->call_sid;
    if (!f.hook)
        f.hook = vx_expected_hook(r, &e->call_sid);
    fresh = vx_snapshot_new(&f);
    if (!fresh)
        return VX_NO_MEMORY;
    vx_expected_came(r, &e->call_sid);
    vx_call_renamed(r, c);
    vx_scope_release(&c->account);
    vx_call_table_remove(&r->table, c);
    c->sid = e->call_sid;
    count_as_seen(r, c);
    vx_call_table_add(&r->table, c);
    vx_call_enter(c, account);
    vx_call_show(c, r->all);
    after->dead = c->snapshot;
    c->snapshot = fresh;
    after->wake = vx_call_followed(c, r);
    vx_call_find_legs(r, c);
    vx_call_lead_family(r, c, &after->wake);
    return VX_APPLIED;
}

/* An event that says all that is known of a call. */
static struct vx_event retold(const struct call *c, const struct vx_call_fields *f,
                              char application[VX_UUID_TEXT + 1]) {
    static const enum vx_event_type types[VX_CALL_STATUS_COUNT] = {
        [VX_CALL_TRYING] = VX_EVENT_UPDATE,
        [VX_CALL_RINGING] = VX_EVENT_PROGRESS,
        [VX_CALL_EARLY_MEDIA] = VX_EVENT_MEDIA,
        [VX_CALL_IN_PROGRESS] = VX_EVENT_ANSWER,
    };
    bool over = vx_call_status_ended(f->status), has_application;

    has_application = !vx_uuid_is_nil(&f->application_sid);
    vx_uuid_format(application, &f->application_sid);
    return (struct vx_event){
        .type = over ? VX_EVENT_UPDATE : types[f->status],
        .direction = f->direction,
        .call_sid = f->call_sid,
        .parent_call_sid = f->parent_call_sid,
        .application_sid = has_application ? vx_str(application) : VX_NONE,
        .call_id = f->text[VX_TEXT_CALL_ID],
        .from = f->text[VX_TEXT_FROM],
        .to = f->text[VX_TEXT_TO],
        .caller_name = f->text[VX_TEXT_CALLER_NAME],
        .originating_sip_ip = f->text[VX_TEXT_SIP_IP],
        .tag = f->text[VX_TEXT_TAG],
        .originating_sip_trunk_name = f->text[VX_TEXT_TRUNK],
        .sip_reason = over ? VX_NONE : f->text[VX_TEXT_SIP_REASON],
        .sip_status = over ? 0 : f->sip_status,
        .attempted_us = f->attempted_us,
        .answered_us = f->answered_us,
        .sequence = c->first_sequence,
    };
}

/* Times that the older call had only guessed are still guesses. */
static void take_guesses(struct update *u, const struct call *older,
                         const struct vx_call_fields *f) {
    if ((older->guessed & GUESSED_ATTEMPTED) && u->f.attempted_us == f->attempted_us)
        u->k.guessed |= GUESSED_ATTEMPTED;
    if ((older->guessed & GUESSED_ANSWERED) && u->f.answered_us == f->answered_us)
        u->k.guessed |= GUESSED_ANSWERED;
}

/* The older one's, unless the newer one has its own; of neither when its account is another now. */
static void take_hook(struct update *u, const struct call *older, const struct call *newer) {
    struct vx_hook *hook = vx_snapshot_hook(older->snapshot);
    bool keeps = u->f.hook && (!newer->account || newer->account == u->owner.account);

    if (hook && !keeps && (!older->account || older->account == u->owner.account))
        u->f.hook = hook;
}

/* Events under the new sid came before the rename and made a call of their own: it takes up what
 * the older one knew, its account if that was told by something stronger, and its legs. The older
 * one goes. */
static enum vx_applied absorb(struct vx_registry *r, struct call *older, struct call *newer,
                              struct after *after) {
    char application[VX_UUID_TEXT + 1];
    struct vx_call_fields f;
    struct vx_event said;
    struct update u;

    vx_snapshot_fields(older->snapshot, &f);
    said = retold(older, &f, application);
    said.call_sid = newer->sid;
    consider(r, newer, &said, &u);
    take_guesses(&u, older, &f);
    if (older->account && older->rank < u.owner.rank)
        u.owner = (struct owner){older->account, (enum vx_account_rank)older->rank};
    take_hook(&u, older, newer);
    if (commit(r, newer, &u, after) == VX_NO_MEMORY)
        return VX_NO_MEMORY;
    count_as_seen(r, newer);
    vx_call_inherit_family(r, newer, older);
    after->wake = after->wake || vx_call_followed(older, r);
    after->absorbed = vx_call_remove(r, older);
    vx_call_lead_family(r, newer, &after->wake);
    after->wake = after->wake || vx_call_followed(newer, r);
    return VX_APPLIED;
}

/* Its sid was given anew after the host numbered this rename, which is told late or twice. */
static bool is_later(const struct call *c, const struct vx_event *rename) {
    return rename->sequence && c->first_sequence > rename->sequence;
}

VX_SELDOM static enum vx_applied rename_to(struct vx_registry *r, struct call *c,
                                           const struct vx_event *e, struct after *after) {
    struct call *older = vx_call_table_find(&r->table, &e->renamed_from);

    if (!older || older == c || is_later(older, e))
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

struct vx_uuid vx_sid_after_renames(const struct vx_registry *r, struct vx_uuid sid,
                                    uint64_t sequence) {
    const struct rename *known;

    while ((known = next_rename(r, &sid, sequence))) {
        sid = known->to;
        sequence = known->sequence;
    }
    return sid;
}

/* A late event bears the sid that its call had when it happened. An event after the rename means
 * another call, which was given that sid anew. */
static struct vx_uuid sid_by_now(const struct vx_registry *r, const struct vx_event *e) {
    return e->sequence && e->sequence < r->last_rename
               ? vx_sid_after_renames(r, e->call_sid, e->sequence)
               : e->call_sid;
}

VX_SELDOM static void remember_rename(struct vx_registry *r, const struct vx_event *e) {
    const struct rename *known;

    if (!e->sequence || vx_uuid_eq(&e->renamed_from, &e->call_sid))
        return;
    known = next_rename(r, &e->renamed_from, e->sequence - 1);
    if (!known || known->sequence != e->sequence)
        r->renames[r->next_rename++ % VX_RENAMES] =
            (struct rename){e->renamed_from, e->call_sid, e->sequence};
    if (e->sequence > r->last_rename)
        r->last_rename = e->sequence;
}

/* Nearly all that an event looks at lies in other cores' caches or in none: it is sent for at once,
 * not piece by piece when its turn comes. */
static void fetch(const struct vx_registry *r, const struct call *c, const struct vx_event *e) {
    __builtin_prefetch(c->snapshot);
    __builtin_prefetch((const char *)c->snapshot + LINE);
    __builtin_prefetch((const char *)c->snapshot + 2 * LINE);
    __builtin_prefetch((const char *)c + LINE);
    __builtin_prefetch((const char *)c + 2 * LINE);
    __builtin_prefetch(r->all->changes.prev);
    __builtin_prefetch(c->in_all.prev);
    __builtin_prefetch(c->in_all.next);
    if (c->account) {
        __builtin_prefetch(c->account->changes.prev);
        __builtin_prefetch(c->in_account.prev);
        __builtin_prefetch(c->in_account.next);
    }
    if (e->type == VX_EVENT_HANGUP) {
        __builtin_prefetch(c->prev);
        __builtin_prefetch(c->next);
        __builtin_prefetch(r->queue[ENDED].head.prev);
    }
}

static void fetch_for_new(const struct vx_registry *r) {
    __builtin_prefetch(r->directory);
    __builtin_prefetch(r->all->changes.prev);
    __builtin_prefetch(r->queue[LIVE].head.prev);
}

static enum vx_applied apply_to(struct vx_registry *r, const struct vx_event *e,
                                struct after *after) {
    struct call *c = vx_call_table_find(&r->table, &e->call_sid);
    bool renames = e->type == VX_EVENT_RENAME && !vx_uuid_is_nil(&e->renamed_from);
    enum vx_applied renamed = VX_UNCHANGED;

    if (c)
        fetch(r, c, e);
    else
        fetch_for_new(r);
    if (renames)
        renamed = rename_to(r, c, e, after);
    if (renames && renamed != VX_NO_MEMORY)
        remember_rename(r, e);
    if (renamed != VX_UNCHANGED)
        return renamed;
    return c ? change(r, c, e, after) : apply_new(r, e, after);
}

VX_SELDOM static enum vx_applied apply_late(struct vx_registry *r, const struct vx_event *e,
                                            const struct vx_uuid *sid, struct after *after) {
    struct vx_event late = *e;

    late.call_sid = *sid;
    return apply_to(r, &late, after);
}

static enum vx_applied apply(struct vx_registry *r, const struct vx_event *e, struct after *after) {
    struct vx_uuid sid = sid_by_now(r, e);

    r->stats.events++;
    if (vx_uuid_is_nil(&sid)) {
        r->stats.refused++;
        return VX_REFUSED;
    }
    return vx_uuid_eq(&sid, &e->call_sid) ? apply_to(r, e, after) : apply_late(r, e, &sid, after);
}

enum vx_applied vx_registry_apply(struct vx_registry *r, const struct vx_event *e) {
    struct after after = {0};
    enum vx_applied result;

    vx_call_table_fetch(&r->table, &e->call_sid);
    __builtin_prefetch(&r->last_rename);
    vx_registry_lock(r);
    result = apply(r, e, &after);
    if (result == VX_NO_MEMORY)
        r->stats.no_memory++;
    pthread_mutex_unlock(&r->lock);
    vx_snapshot_release(&after.dead);
    vx_snapshot_release(&after.absorbed);
    if (vx_stock_is_low() || after.wake)
        vx_registry_wake(r);
    return result;
}
