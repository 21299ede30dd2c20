#include "api/view.h"

#include "core/alloc.h"

#define PULL 32

/* A call that left keeps its place, without a snapshot, until the next compaction. */
struct entry {
    uint64_t order, revision, created;
    struct vx_snapshot *call;
};

struct removal {
    uint64_t revision, created, order;
    struct vx_uuid call_sid;
};

struct vx_view {
    struct vx_feed *feed;
    struct entry *entries; /* oldest first, by order */
    size_t count, room, holes;
    struct removal *removed; /* oldest first, by revision */
    size_t removed_count, removed_room;
    uint64_t revision, horizon;
    struct vx_body *list; /* of list_revision, or NULL */
    uint64_t list_revision;
    struct vx_change pending[PULL]; /* pulled, but memory ran short before they were taken up */
    size_t pending_count;
};

struct vx_view *vx_view_new(struct vx_scope *scope) {
    struct vx_view *v = vx_calloc(1, sizeof *v);

    if (!v)
        return NULL;
    v->feed = vx_feed_open(scope);
    if (!v->feed)
        vx_view_release(&v);
    return v;
}

static void clear(struct vx_view *v) {
    for (size_t i = 0; i < v->count; i++)
        vx_snapshot_release(&v->entries[i].call);
    v->count = v->holes = v->removed_count = 0;
    vx_body_release(&v->list);
}

void vx_view_release(struct vx_view **view) {
    struct vx_view *v = *view;

    *view = NULL;
    if (!v)
        return;
    clear(v);
    for (size_t i = 0; i < v->pending_count; i++)
        vx_snapshot_release(&v->pending[i].call);
    vx_feed_close(&v->feed);
    vx_free(v->entries);
    vx_free(v->removed);
    vx_free(v);
}

/* Where a call of this order is or would be. New calls belong at the end. */
static size_t position(const struct vx_view *v, uint64_t order) {
    size_t low = 0, high = v->count;

    if (v->count == 0 || v->entries[v->count - 1].order < order)
        return v->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (v->entries[middle].order < order)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool make_room(void **array, size_t *room, size_t count, size_t size) {
    size_t wanted = *room ? *room * 2 : 64;
    void *grown;

    if (count < *room)
        return true;
    grown = vx_realloc(*array, wanted * size);
    if (!grown)
        return false;
    *array = grown;
    *room = wanted;
    return true;
}

static bool insert(struct vx_view *v, size_t at, const struct vx_change *c) {
    void *entries = v->entries;

    if (!make_room(&entries, &v->room, v->count, sizeof *v->entries))
        return false;
    v->entries = entries;
    memmove(v->entries + at + 1, v->entries + at, (v->count - at) * sizeof *v->entries);
    v->entries[at] = (struct entry){c->order, c->revision, c->created, c->call};
    v->count++;
    return true;
}

static bool note_removal(struct vx_view *v, const struct vx_change *c) {
    void *removed = v->removed;

    if (!make_room(&removed, &v->removed_room, v->removed_count, sizeof *v->removed))
        return false;
    v->removed = removed;
    v->removed[v->removed_count++] =
        (struct removal){c->revision, c->created, c->order, c->call_sid};
    return true;
}

/* Takes over the change's reference when it returns true. */
static bool take_up(struct vx_view *v, const struct vx_change *c) {
    size_t at = position(v, c->order);
    struct entry *e = at < v->count && v->entries[at].order == c->order ? &v->entries[at] : NULL;

    if (!c->call && !note_removal(v, c))
        return false;
    if (!e)
        return !c->call || insert(v, at, c);
    v->holes -= !e->call;
    vx_snapshot_release(&e->call);
    *e = (struct entry){c->order, c->revision, c->created, c->call};
    v->holes += !e->call;
    return true;
}

/* Most calls leave from the old end: closing the gaps now and then costs less than at each removal.
 */
static void compact(struct vx_view *v) {
    size_t kept = 0;

    if (v->holes < 32 || v->holes < v->count / 2)
        return;
    for (size_t i = 0; i < v->count; i++)
        if (v->entries[i].call)
            v->entries[kept++] = v->entries[i];
    v->count = kept;
    v->holes = 0;
}

static void forget_removals(struct vx_view *v) {
    size_t old = 0;

    v->horizon = vx_feed_horizon(v->feed);
    while (old < v->removed_count && v->removed[old].revision <= v->horizon)
        old++;
    if (old == 0)
        return;
    v->removed_count -= old;
    memmove(v->removed, v->removed + old, v->removed_count * sizeof *v->removed);
}

static bool take_up_pending(struct vx_view *v) {
    size_t done = 0;

    while (done < v->pending_count && take_up(v, &v->pending[done]))
        done++;
    v->pending_count -= done;
    memmove(v->pending, v->pending + done, v->pending_count * sizeof *v->pending);
    return v->pending_count == 0;
}

bool vx_view_sync(struct vx_view *v) {
    uint64_t revision = v->revision;
    bool restarted = false;

    if (!take_up_pending(v))
        return false;
    while ((v->pending_count = vx_feed_pull(v->feed, v->pending, PULL, &revision, &restarted)) ||
           restarted) {
        if (restarted)
            clear(v);
        if (!take_up_pending(v))
            return false;
    }
    if (revision != v->revision) {
        v->revision = revision;
        forget_removals(v);
        compact(v);
    }
    return true;
}

uint64_t vx_view_revision(const struct vx_view *v) {
    return v->revision;
}

void vx_view_walk(struct vx_view *v, vx_view_each *each, void *ctx) {
    for (size_t i = v->count; i-- > 0;) {
        const struct entry *e = &v->entries[i];

        if (e->call && !each(ctx, e->call, e->revision, e->created))
            return;
    }
}

static bool add_length(void *ctx, struct vx_snapshot *call, uint64_t revision, uint64_t created) {
    size_t *total = ctx;
    struct vx_str json = vx_snapshot_json(call);

    (void)revision;
    (void)created;
    *total = json.at ? *total + json.len + 1 : 0;
    return json.at != NULL;
}

static bool add_json(void *ctx, struct vx_snapshot *call, uint64_t revision, uint64_t created) {
    struct vx_str json = vx_snapshot_json(call);
    char **to = ctx;

    (void)revision;
    (void)created;
    memcpy(*to, json.at, json.len);
    (*to)[json.len] = ',';
    *to += json.len + 1;
    return true;
}

static struct vx_body *render(struct vx_view *v) {
    size_t total = 2;
    struct vx_body *body;
    char *to;

    vx_view_walk(v, add_length, &total);
    if (total == 0)
        return NULL;
    body = vx_body_new(total);
    if (!body)
        return NULL;
    to = vx_body_data(body);
    *to++ = '[';
    vx_view_walk(v, add_json, &to);
    if (total > 2)
        to--; /* the last comma */
    *to++ = ']';
    vx_body_set_len(body, (size_t)(to - vx_body_data(body)));
    return body;
}

struct vx_body *vx_view_list(struct vx_view *v) {
    if (v->list && v->list_revision != v->revision)
        vx_body_release(&v->list);
    if (!v->list) {
        v->list = render(v);
        v->list_revision = v->revision;
    }
    return v->list ? vx_body_ref(v->list) : NULL;
}

/* A call that left for another account may have come back since. */
static struct vx_snapshot *come_back(const struct vx_view *v, const struct removal *r) {
    size_t at = position(v, r->order);
    const struct entry *e = at < v->count ? &v->entries[at] : NULL;

    return e && e->call && vx_uuid_eq(vx_snapshot_sid(e->call), &r->call_sid) ? e->call : NULL;
}

void vx_view_removed(const struct vx_view *v, uint64_t since, vx_view_each_removed *each,
                     void *ctx) {
    for (size_t i = 0; i < v->removed_count; i++) {
        const struct removal *r = &v->removed[i];

        if (r->revision > since && r->created <= since)
            each(ctx, &r->call_sid, come_back(v, r));
    }
}

bool vx_view_reaches(const struct vx_view *v, uint64_t since) {
    return since >= v->horizon && since <= v->revision;
}
