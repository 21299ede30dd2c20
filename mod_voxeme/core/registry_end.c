/* How calls end, go and are forgotten: the queues, the audit. */
#include "core/registry_private.h"

/* Calls handled for one holding of the lock: no event waits for more than a few microseconds. */
#define BATCH 16

/* The longest retention that can be configured. */
static int64_t longest_us(void) {
    return vx_settings[VX_SET_RETENTION_SECONDS].max * VX_SECOND_US;
}

/* An end that is told late shortens what is left; one in the future does not lengthen it. */
static int64_t late_us(const struct vx_registry *r, int64_t ended_us) {
    int64_t late = vx_wall_us(r->clock) - ended_us;

    return late < 0 ? 0 : late > longest_us() ? longest_us() : late;
}

bool vx_long_over(const struct vx_registry *r, int64_t ended_us) {
    return late_us(r, ended_us) >= r->retention_us;
}

static void await_removal(struct vx_registry *r, struct call *c, int64_t ended_us) {
    vx_queue_take(&r->queue[c->stage], c);
    vx_call_await(r, c, ENDED, vx_mono_us(r->clock) - late_us(r, ended_us));
}

void vx_call_end(struct vx_registry *r, struct call *c, int64_t ended_us) {
    await_removal(r, c, ended_us);
    r->stats.ended[vx_snapshot_status(c->snapshot)]++;
}

static int phase_of(const struct vx_snapshot *call) {
    enum vx_call_status status = vx_snapshot_status(call);

    return vx_call_status_ended(status) ? 2 : status == VX_CALL_IN_PROGRESS;
}

struct vx_snapshot *vx_call_replace(struct vx_registry *r, struct call *c,
                                    struct vx_snapshot *fresh, struct vx_scope *account) {
    struct vx_snapshot *old = c->snapshot;
    int64_t was_us = vx_snapshot_ended_us(old), ended_us = vx_snapshot_ended_us(fresh);
    bool entered = phase_of(old) != phase_of(fresh);
    bool counts = entered || account != c->account ||
                  vx_snapshot_direction(old) != vx_snapshot_direction(fresh);

    if (counts)
        vx_call_count(c, r, -1);
    c->snapshot = fresh;
    if (account != c->account) {
        vx_call_move(r, c, account, entered);
        r->stats.moved++;
    } else {
        vx_call_touch(c, r, entered);
    }
    if (c->stage == LIVE && vx_call_status_ended(vx_snapshot_status(fresh)))
        vx_call_end(r, c, ended_us);
    else if (c->stage == ENDED && ended_us != was_us)
        await_removal(r, c, ended_us); /* the end was only guessed before */
    if (counts)
        vx_call_count(c, r, 1);
    return old;
}

struct vx_snapshot *vx_call_remove(struct vx_registry *r, struct call *c) {
    struct vx_snapshot *old = c->snapshot;

    vx_call_count(c, r, -1);
    vx_call_leave_family(r, c);
    vx_call_table_remove(&r->table, c);
    vx_queue_take(&r->queue[c->stage], c);
    vx_call_touch(c, r, true);
    c->snapshot = NULL;
    vx_call_await(r, c, GONE, vx_mono_us(r->clock));
    return old;
}

static void forget(struct vx_registry *r, struct call *c) {
    vx_queue_take(&r->queue[GONE], c);
    vx_call_forget(c, r);
    vx_call_free(c);
}

/* One batch of removals. Returns how many. */
static size_t remove_due(struct vx_registry *r, int64_t now, size_t max, bool *wake) {
    struct vx_snapshot *dead[BATCH];
    size_t count = 0;
    struct call *c;

    vx_registry_lock(r);
    while (count < max && (c = vx_queue_first(&r->queue[ENDED])) && vx_call_due(r, c) <= now) {
        *wake = *wake || vx_call_followed(c, r);
        dead[count++] = vx_call_remove(r, c);
        r->stats.expired++;
    }
    pthread_mutex_unlock(&r->lock);
    for (size_t i = 0; i < count; i++)
        vx_snapshot_release(&dead[i]);
    return count;
}

static bool is_forgettable(const struct vx_registry *r, const struct call *c, int64_t now) {
    return vx_call_due(r, c) <= now || r->queue[GONE].count > r->max_gone;
}

static size_t forget_due(struct vx_registry *r, int64_t now) {
    size_t count = 0;
    struct call *c;

    vx_registry_lock(r);
    for (; count < BATCH && (c = vx_queue_first(&r->queue[GONE])) && is_forgettable(r, c, now);
         count++) {
        r->stats.forgotten += vx_call_due(r, c) > now;
        forget(r, c);
    }
    pthread_mutex_unlock(&r->lock);
    return count;
}

static int64_t next_due(struct vx_registry *r) {
    int64_t due = INT64_MAX;
    struct call *c;

    vx_registry_lock(r);
    if ((c = vx_queue_first(&r->queue[ENDED])))
        due = vx_call_due(r, c);
    if ((c = vx_queue_first(&r->queue[GONE])) && vx_call_due(r, c) < due)
        due = vx_call_due(r, c);
    atomic_store(&r->next_due, due);
    pthread_mutex_unlock(&r->lock);
    return due;
}

int64_t vx_registry_expire(struct vx_registry *r, size_t max) {
    int64_t now = vx_mono_us(r->clock);
    int64_t next = atomic_load(&r->next_due);
    size_t left = max ? max : SIZE_MAX, done;
    bool wake = false;

    if (now < next)
        return next; /* what every request asks first: costs no lock */
    do {
        done = remove_due(r, now, left < BATCH ? left : BATCH, &wake);
        left -= done;
    } while (done == BATCH && left);
    for (left = max ? max : SIZE_MAX; left; left = left > BATCH ? left - BATCH : 0)
        if (forget_due(r, now) < BATCH)
            break;
    if (wake)
        vx_registry_wake(r);
    return next_due(r);
}

/* A bit for each sid that may be among the dismissed ones: most calls that come are not. */
static uint64_t *mark_of(struct dismissed *d, const struct vx_uuid *sid, uint64_t *bit) {
    uint64_t h;

    memcpy(&h, sid->b + 8, sizeof h);
    h = (h ^ h >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    *bit = UINT64_C(1) << (h >> 58);
    return &d->marks[h >> 48 & (VX_DISMISSED_MARKS - 1)];
}

static bool may_be_dismissed(struct vx_registry *r, const struct vx_uuid *sid) {
    uint64_t bit;

    return r->dismissed.next && (*mark_of(&r->dismissed, sid, &bit) & bit);
}

static void mark(struct dismissed *d, const struct vx_uuid *sid) {
    uint64_t bit, *marks = mark_of(d, sid, &bit);

    *marks |= bit;
}

/* Those that are forgotten leave their marks until all are made anew. */
static void dismiss(struct dismissed *d, const struct vx_uuid *sid) {
    d->sids[d->next++ % VX_DISMISSED] = *sid;
    if (d->next % VX_DISMISSED == 0) {
        memset(d->marks, 0, sizeof d->marks);
        for (size_t i = 0; i < VX_DISMISSED; i++)
            mark(d, &d->sids[i]);
    }
    mark(d, sid);
}

bool vx_call_was_dismissed(struct vx_registry *r, const struct vx_uuid *call_sid, bool created) {
    struct dismissed *d = &r->dismissed;

    if (!may_be_dismissed(r, call_sid))
        return false;
    for (uint64_t i = 0; i < VX_DISMISSED && i < d->next; i++) {
        if (!vx_uuid_eq(&d->sids[i], call_sid))
            continue;
        if (!created)
            return true;
        d->sids[i] = (struct vx_uuid){{0}};
    }
    return false;
}

void vx_registry_dismiss(struct vx_registry *r, const struct vx_uuid *call_sid) {
    vx_registry_lock(r);
    dismiss(&r->dismissed, call_sid);
    pthread_mutex_unlock(&r->lock);
}

bool vx_registry_remove(struct vx_registry *r, struct vx_scope *scope,
                        const struct vx_uuid *call_sid) {
    struct vx_snapshot *dead = NULL;
    bool wake = false, removed;
    struct call *c;

    vx_registry_lock(r);
    c = vx_call_table_find(&r->table, call_sid);
    removed = c && c->stage == ENDED && (scope->all || c->account == scope);
    if (removed) {
        wake = vx_call_followed(c, r);
        dismiss(&r->dismissed, call_sid);
        dead = vx_call_remove(r, c);
    }
    pthread_mutex_unlock(&r->lock);
    vx_snapshot_release(&dead);
    if (wake)
        vx_registry_wake(r);
    return removed;
}

void vx_registry_audit_begin(struct vx_registry *r) {
    vx_registry_lock(r);
    r->audit++; /* calls that come from now on bear this number and so are not lost */
    pthread_mutex_unlock(&r->lock);
}

bool vx_registry_audit_seen(struct vx_registry *r, const struct vx_uuid *call_sid) {
    struct call *c;
    bool live;

    vx_registry_lock(r);
    c = vx_call_table_find(&r->table, call_sid);
    live = c && c->stage == LIVE;
    if (live)
        c->audit = r->audit;
    pthread_mutex_unlock(&r->lock);
    return live;
}

static bool lose(struct vx_registry *r, struct call *c, struct vx_snapshot **dead) {
    uint8_t guessed = (uint8_t)c->guessed;
    struct vx_call_fields f;
    struct vx_snapshot *fresh;

    vx_snapshot_fields(c->snapshot, &f);
    vx_call_merge_lost(&f, &guessed, vx_wall_us(r->clock));
    fresh = vx_snapshot_new(&f);
    if (!fresh) {
        r->stats.no_memory++; /* the next audit finds it again */
        return false;
    }
    c->guessed = guessed & 31U;
    *dead = vx_call_replace(r, c, fresh, c->account);
    vx_call_tell(r, fresh);
    r->stats.lost++;
    return true;
}

/* The order of live calls means nothing: each is looked at and put at the end, so that the lock can
 * be given up in between without losing the place. NULL: that was the last. */
static struct call *next_live(struct vx_registry *r, size_t *left) {
    struct call *c = *left ? vx_queue_first(&r->queue[LIVE]) : NULL;

    *left = c ? *left - 1 : 0;
    if (c) {
        vx_queue_take(&r->queue[LIVE], c);
        vx_queue_append(&r->queue[LIVE], c);
    }
    return c;
}

static size_t count_live(struct vx_registry *r) {
    size_t count;

    vx_registry_lock(r);
    count = r->queue[LIVE].count;
    pthread_mutex_unlock(&r->lock);
    return count;
}

static size_t missing_batch(struct vx_registry *r, size_t *left) {
    size_t missing = 0;
    struct call *c;

    vx_registry_lock(r);
    for (size_t i = 0; i < BATCH && (c = next_live(r, left)); i++)
        missing += c->audit != r->audit;
    pthread_mutex_unlock(&r->lock);
    return missing;
}

size_t vx_registry_audit_missing(struct vx_registry *r) {
    size_t missing = 0;

    for (size_t left = count_live(r); left;)
        missing += missing_batch(r, &left);
    return missing;
}

static size_t audit_batch(struct vx_registry *r, size_t *left, bool *wake) {
    struct vx_snapshot *dead[BATCH] = {NULL};
    size_t lost = 0;
    struct call *c;

    vx_registry_lock(r);
    for (size_t i = 0; i < BATCH && (c = next_live(r, left)); i++)
        if (c->audit != r->audit && lose(r, c, &dead[i])) {
            *wake = *wake || vx_call_followed(c, r);
            lost++;
        }
    pthread_mutex_unlock(&r->lock);
    for (size_t i = 0; i < BATCH; i++)
        vx_snapshot_release(&dead[i]);
    return lost;
}

size_t vx_registry_audit_end(struct vx_registry *r) {
    size_t lost = 0;
    bool wake = false;

    for (size_t left = count_live(r); left;)
        lost += audit_batch(r, &left, &wake);
    if (wake)
        vx_registry_wake(r);
    return lost;
}
