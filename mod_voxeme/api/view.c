#include "api/view.h"

#include "api/view_index.h"
#include "core/alloc.h"

#define PULL          8     /* taken from the registry at once, whose lock it holds meanwhile */
#define TURN_CHANGES  1024  /* taken up in one turn */
#define TURN_WORK     8192  /* of rendering in one turn: so many calls, */
#define RENDER_WORK   16    /* of which one that has not been rendered yet counts for so many */
#define TURN_RELEASES 16384 /* let go of in one turn */
#define COPY_UP_TO    65536 /* a list no longer than this is kept in one piece */

/* Of a list in gzip: shorter ones fit a packet or two as they are; the sum of longer ones takes too
 * long to put together. */
#define GZIP_FROM  1400
#define GZIP_UP_TO 67108864

struct vx_view {
    struct vx_feed *feed;
    struct vx_pot *pot;
    struct vx_index index;   /* by order */
    struct vx_entry *nodes;  /* [0]: sentinel of the ring by revision */
    uint32_t used, room;     /* nodes that were ever in use; allocated */
    uint32_t free;           /* list of free nodes by `older`; 0: none */
    struct vx_left *removed; /* by revision, from removed_first on */
    size_t removed_first, removed_count, removed_room;
    uint64_t revision, horizon;
    struct vx_body *list, *gzip;    /* of `revision`, or NULL */
    struct vx_gzip_part part;       /* of what is to become `gzip` */
    struct vx_body *open, *end;     /* brackets of a list in pieces */
    struct vx_change pending[PULL]; /* pulled, not yet taken up */
    size_t pending_count;
};

struct vx_view *vx_view_new(struct vx_scope *scope, struct vx_pot *pot) {
    struct vx_view *v = vx_calloc(1, sizeof *v);

    if (!v)
        return NULL;
    v->pot = pot;
    v->nodes = vx_calloc(1, sizeof *v->nodes);
    v->used = v->room = 1;
    v->open = vx_body_copy("[", 1, NULL);
    v->end = vx_body_copy("]", 1, NULL);
    v->feed = vx_feed_open(scope);
    if (!v->nodes || !v->open || !v->end || !v->feed)
        vx_view_release(&v);
    return v;
}

/* --- nodes, and their ring by revision --- */

static void unlink_node(struct vx_view *v, uint32_t n) {
    struct vx_entry *e = &v->nodes[n];

    v->nodes[e->older].newer = e->newer;
    v->nodes[e->newer].older = e->older;
}

static void link_newest(struct vx_view *v, uint32_t n) {
    struct vx_entry *e = &v->nodes[n];

    e->newer = 0;
    e->older = v->nodes[0].older;
    v->nodes[e->older].newer = n;
    v->nodes[0].older = n;
}

static bool reserve_node(struct vx_view *v) {
    uint32_t room = v->room < 32 ? 64 : v->room * 2;
    struct vx_entry *nodes;

    if (v->free || v->used < v->room)
        return true;
    if (room <= v->room)
        return false;
    nodes = vx_realloc(v->nodes, room * sizeof *nodes);
    if (!nodes)
        return false;
    v->nodes = nodes;
    v->room = room;
    return true;
}

static uint32_t take_node(struct vx_view *v) {
    uint32_t n = v->free;

    if (!n)
        return v->used++;
    v->free = v->nodes[n].older;
    return n;
}

static void drop_node(struct vx_view *v, uint32_t n) {
    unlink_node(v, n);
    vx_snapshot_release(&v->nodes[n].call);
    v->nodes[n].older = v->free;
    v->free = n;
}

/* --- taking up --- */

static void drop_lists(struct vx_view *v) {
    vx_body_leave(&v->list);
    vx_body_leave(&v->gzip);
}

static void clear(struct vx_view *v) {
    while (v->nodes[0].older)
        drop_node(v, v->nodes[0].older);
    vx_index_clear(&v->index);
    v->removed_first = v->removed_count = 0;
    drop_lists(v);
    vx_gzip_part_clear(&v->part);
}

bool vx_view_drain(struct vx_view *v) {
    for (size_t i = 0; i < TURN_RELEASES && v->nodes[0].older; i++)
        drop_node(v, v->nodes[0].older);
    return v->nodes[0].older == 0;
}

void vx_view_release(struct vx_view **view) {
    struct vx_view *v = *view;

    *view = NULL;
    if (!v)
        return;
    if (v->nodes)
        clear(v);
    for (size_t i = 0; i < v->pending_count; i++)
        vx_snapshot_release(&v->pending[i].call);
    vx_feed_close(&v->feed);
    vx_body_release(&v->open);
    vx_body_release(&v->end);
    vx_free(v->nodes);
    vx_free(v->removed);
    vx_free(v);
}

/* Takes over the change's reference. */
static void fill(struct vx_view *v, uint32_t n, const struct vx_change *c, uint32_t same) {
    v->nodes[n] = (struct vx_entry){
        .order = c->order,
        .revision = c->revision,
        .created = c->created,
        .entered = c->entered,
        .call = c->call,
        .same = same,
        .status = (uint8_t)vx_snapshot_status(c->call),
        .direction = (uint8_t)vx_snapshot_direction(c->call),
    };
    link_newest(v, n);
}

static uint32_t same_until(const struct vx_entry *e, uint64_t revision) {
    uint64_t revisions = e->same + (revision - e->revision);

    return revisions < UINT32_MAX ? (uint32_t)revisions : UINT32_MAX;
}

static uint32_t same_for(const struct vx_entry *e, const struct vx_change *c) {
    return vx_snapshot_same_parties(e->call, c->call) ? same_until(e, c->revision) : 0;
}

static void change(struct vx_view *v, uint32_t n, const struct vx_change *c) {
    struct vx_snapshot *old = v->nodes[n].call;
    uint32_t same = same_for(&v->nodes[n], c);

    unlink_node(v, n);
    fill(v, n, c, same);
    vx_index_touch(&v->index, c->order);
    vx_snapshot_release(&old);
}

static bool add(struct vx_view *v, const struct vx_change *c) {
    uint32_t n;

    if (!reserve_node(v) || !vx_index_reserve(&v->index))
        return false;
    n = take_node(v);
    fill(v, n, c, 0);
    vx_index_put(&v->index, c->order, n);
    return true;
}

static bool reserve_removal(struct vx_view *v) {
    size_t end = v->removed_first + v->removed_count, room;
    struct vx_left *removed;

    if (end < v->removed_room)
        return true;
    if (v->removed_first > v->removed_room / 2) {
        memmove(v->removed, v->removed + v->removed_first, v->removed_count * sizeof *v->removed);
        v->removed_first = 0;
        return true;
    }
    room = v->removed_room ? v->removed_room * 2 : 64;
    removed = vx_realloc(v->removed, room * sizeof *removed);
    if (!removed)
        return false;
    v->removed = removed;
    v->removed_room = room;
    return true;
}

/* FNV-1a. */
uint32_t vx_view_mark(struct vx_str text) {
    uint32_t mark = 2166136261U;

    for (size_t i = 0; i < text.len; i++)
        mark = (mark ^ (unsigned char)text.at[i]) * 16777619U;
    return mark;
}

static void remember(struct vx_left *left, const struct vx_entry *e) {
    left->known = true;
    left->same = same_until(e, left->revision);
    left->from = vx_view_mark(vx_snapshot_text(e->call, VX_TEXT_FROM));
    left->to = vx_view_mark(vx_snapshot_text(e->call, VX_TEXT_TO));
    left->status = e->status;
    left->direction = e->direction;
}

static bool leave(struct vx_view *v, const struct vx_change *c) {
    struct vx_left *left;
    uint32_t n;

    if (!reserve_removal(v))
        return false;
    left = &v->removed[v->removed_first + v->removed_count++];
    *left = (struct vx_left){
        .revision = c->revision, .created = c->created, .order = c->order, .call_sid = c->call_sid};
    if (vx_index_find(&v->index, c->order, &n)) {
        remember(left, &v->nodes[n]);
        vx_index_remove(&v->index, c->order);
        drop_node(v, n);
    }
    return true;
}

/* Takes over the change's reference when it returns true. */
static bool take_up(struct vx_view *v, const struct vx_change *c) {
    uint32_t n;

    if (!c->call)
        return leave(v, c);
    if (!vx_index_find(&v->index, c->order, &n))
        return add(v, c);
    change(v, n, c);
    return true;
}

static bool take_up_pending(struct vx_view *v) {
    size_t done = 0;

    while (done < v->pending_count && take_up(v, &v->pending[done]))
        done++;
    v->pending_count -= done;
    memmove(v->pending, v->pending + done, v->pending_count * sizeof *v->pending);
    return v->pending_count == 0;
}

static void forget_removals(struct vx_view *v) {
    v->horizon = vx_feed_horizon(v->feed);
    while (v->removed_count && v->removed[v->removed_first].revision <= v->horizon) {
        v->removed_first++;
        v->removed_count--;
    }
}

enum vx_turn vx_view_sync(struct vx_view *v) {
    uint64_t revision = v->revision;
    bool restarted = false;

    if (!take_up_pending(v))
        return VX_TURN_NO_MEMORY;
    for (size_t i = 0; i < TURN_CHANGES; i += PULL) {
        v->pending_count = vx_feed_pull(v->feed, v->pending, PULL, &revision, &restarted);
        if (restarted)
            clear(v);
        if (!v->pending_count && !restarted) {
            if (revision != v->revision) {
                v->revision = revision;
                drop_lists(v);
                forget_removals(v);
            }
            return VX_TURN_DONE;
        }
        if (!take_up_pending(v))
            return VX_TURN_NO_MEMORY;
    }
    return VX_TURN_MORE;
}

void vx_view_set_quiet(struct vx_view *v, bool quiet) {
    vx_feed_set_quiet(v->feed, quiet);
}

uint64_t vx_view_revision(const struct vx_view *v) {
    return v->revision;
}

/* --- the list --- */

static struct vx_body *render_chunk(const struct vx_view *v, const struct vx_chunk *c) {
    struct vx_body *body;
    size_t total = 0;
    char *to;

    for (unsigned i = 0; i < c->count; i++) {
        struct vx_snapshot *call = v->nodes[c->at[i].node].call;

        if (!vx_snapshot_render(call))
            return NULL;
        total += vx_snapshot_json_len(call) + 1;
    }
    body = vx_body_new(total, v->pot);
    if (!body)
        return NULL;
    to = vx_body_data(body);
    for (unsigned i = c->count; i-- > 0;) {
        *to++ = ',';
        to = vx_snapshot_put_json(v->nodes[c->at[i].node].call, to);
    }
    vx_body_set_len(body, total);
    return body;
}

static unsigned work_of(const struct vx_view *v, const struct vx_chunk *c) {
    unsigned work = 0;

    for (unsigned i = 0; i < c->count; i++)
        work += vx_snapshot_is_rendered(v->nodes[c->at[i].node].call) ? 1 : RENDER_WORK;
    return work;
}

/* Without memory what is there in gzip goes, and it is tried again. */
static enum vx_turn no_memory(struct vx_view *v) {
    bool any = vx_index_drop_gzip(&v->index) || v->gzip;

    vx_body_leave(&v->gzip);
    return any ? VX_TURN_MORE : VX_TURN_NO_MEMORY;
}

/* While this goes on, calls change: that must not make work faster than it is done. A segment in
 * which one call has changed costs little beside one that is new. */
static enum vx_turn render_chunks(struct vx_view *v, unsigned *left) {
    for (size_t i = v->index.count; i-- > 0;) {
        struct vx_chunk *c = v->index.chunks[i];
        unsigned work;

        if (c->json)
            continue;
        work = work_of(v, c);
        if (*left < work)
            return VX_TURN_MORE;
        *left -= work;
        c->json = render_chunk(v, c);
        if (!c->json)
            return no_memory(v);
    }
    return VX_TURN_DONE;
}

static size_t total_length(const struct vx_view *v) {
    size_t total = v->index.count ? 1 : 2; /* the first comma becomes a bracket */

    for (size_t i = 0; i < v->index.count; i++)
        total += vx_body_len(v->index.chunks[i]->json);
    return total;
}

static struct vx_body *copy_list(const struct vx_view *v, size_t total) {
    struct vx_body *body = vx_body_new(total, v->pot);
    char *to;

    if (!body)
        return NULL;
    to = vx_body_data(body);
    for (size_t i = v->index.count; i-- > 0;) {
        struct vx_body *json = v->index.chunks[i]->json;

        memcpy(to, vx_body_data(json), vx_body_len(json));
        to += vx_body_len(json);
    }
    vx_body_data(body)[0] = '[';
    vx_body_data(body)[total - 1] = ']';
    vx_body_set_len(body, total);
    return body;
}

static struct vx_body *join_list(const struct vx_view *v) {
    struct vx_piece *pieces = vx_calloc(v->index.count + 2, sizeof *pieces);
    struct vx_body *body;
    size_t count = 0;

    if (!pieces)
        return NULL;
    pieces[count++] = vx_piece_from(v->open, 0, 1);
    for (size_t i = v->index.count; i-- > 0; count++) {
        struct vx_body *json = v->index.chunks[i]->json;
        size_t from = count == 1; /* the first has no comma before it */

        pieces[count] = vx_piece_from(json, from, vx_body_len(json) - from);
    }
    pieces[count++] = vx_piece_from(v->end, 0, 1);
    body = vx_body_join(pieces, count, v->pot);
    vx_free(pieces);
    return body;
}

enum vx_turn vx_view_list(struct vx_view *v, struct vx_body **list) {
    unsigned left = TURN_WORK;
    enum vx_turn turn;
    size_t total;

    if (!v->list) {
        turn = render_chunks(v, &left);
        if (turn != VX_TURN_DONE)
            return turn;
        total = total_length(v);
        v->list = total <= COPY_UP_TO ? copy_list(v, total) : join_list(v);
    }
    if (!v->list)
        return no_memory(v);
    *list = vx_body_ref(v->list);
    return VX_TURN_DONE;
}

/* --- the list in gzip --- */

/* Twice what it takes while nothing changes; beyond it, more changes than is deflated. */
static uint64_t turns_for(size_t total) {
    return 32 + total / 16384;
}

static struct vx_body *join_gzip(struct vx_view *v, const struct vx_around *around) {
    static const struct vx_around brackets = {{"[", 1}, {"]", 1}};
    struct vx_body *body = vx_index_gzip_join(&v->index, around ? *around : brackets, v->pot);

    if (body && !around)
        v->gzip = vx_body_ref(body);
    return body;
}

enum vx_turn vx_view_gzip(struct vx_view *v, struct vx_gzip *gzip, uint64_t turns,
                          const struct vx_around *around, struct vx_body **list) {
    enum vx_gzip_result result = VX_GZIP_BUSY;
    unsigned left = TURN_WORK;
    enum vx_turn turn;
    size_t total;

    *list = !around && v->gzip ? vx_body_ref(v->gzip) : NULL;
    if (!*list) {
        turn = render_chunks(v, &left);
        if (turn != VX_TURN_DONE)
            return turn;
        total = total_length(v);
        if (total < GZIP_FROM)
            return VX_TURN_DONE;
        if (total > GZIP_UP_TO)
            result = VX_GZIP_LARGE;
        else if (turns <= turns_for(total))
            result = vx_index_gzip(&v->index, gzip, &v->part, left, TURN_WORK, v->pot);
        if (result == VX_GZIP_MORE)
            return VX_TURN_MORE;
        vx_gzip_part_clear(&v->part); /* nobody may come who goes on with it */
        if (result == VX_GZIP_DONE)
            *list = join_gzip(v, around);
    }
    vx_gzip_count(gzip, *list ? VX_GZIP_DONE : result == VX_GZIP_DONE ? VX_GZIP_NO_MEMORY : result);
    return VX_TURN_DONE;
}

void vx_view_tick(struct vx_view *v, int64_t now_us, int64_t idle_us) {
    vx_gzip_part_tick(&v->part, now_us, idle_us);
}

/* --- walks --- */

size_t vx_view_segments(const struct vx_view *v) {
    return v->index.count;
}

static const struct vx_chunk *segment_of(const struct vx_view *v, size_t segment) {
    return v->index.chunks[v->index.count - 1 - segment];
}

void vx_view_segment(const struct vx_view *v, size_t segment, uint64_t *top, uint64_t *stamp) {
    const struct vx_chunk *c = segment_of(v, segment);

    *top = c->at[c->count - 1].order;
    *stamp = c->stamp;
}

void vx_view_walk_segment(const struct vx_view *v, size_t segment, vx_view_each *each, void *ctx) {
    const struct vx_chunk *c = segment_of(v, segment);

    for (unsigned i = c->count; i-- > 0;)
        if (!each(ctx, &v->nodes[c->at[i].node]))
            return;
}

void vx_view_changed(const struct vx_view *v, uint64_t since, uint64_t below, vx_view_each *each,
                     void *ctx) {
    for (uint32_t n = v->nodes[0].older; n && v->nodes[n].revision > since; n = v->nodes[n].older)
        if (v->nodes[n].revision < below && !each(ctx, &v->nodes[n]))
            return;
}

void vx_view_changed_forward(const struct vx_view *v, uint64_t since, vx_view_each *each,
                             void *ctx) {
    uint32_t n = v->nodes[0].older;

    while (n && v->nodes[n].revision > since)
        n = v->nodes[n].older;
    for (n = v->nodes[n].newer; n && each(ctx, &v->nodes[n]); n = v->nodes[n].newer)
        ;
}

/* A call that left for another account may have come back since. */
static const struct vx_entry *come_back(const struct vx_view *v, const struct vx_left *r) {
    uint32_t n;

    if (!vx_index_find(&v->index, r->order, &n) ||
        !vx_uuid_eq(vx_snapshot_sid(v->nodes[n].call), &r->call_sid))
        return NULL;
    return &v->nodes[n];
}

/* The first removal after `since`, as an index into `removed`. */
static size_t removed_after(const struct vx_view *v, uint64_t since) {
    size_t low = v->removed_first, high = low + v->removed_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (v->removed[middle].revision <= since)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void vx_view_removed(const struct vx_view *v, uint64_t since, vx_view_each_removed *each,
                     void *ctx) {
    for (size_t i = removed_after(v, since); i < v->removed_first + v->removed_count; i++) {
        const struct vx_left *r = &v->removed[i];

        if (r->created <= since)
            each(ctx, r, come_back(v, r));
    }
}

bool vx_view_reaches(const struct vx_view *v, uint64_t since) {
    return since >= v->horizon && since <= v->revision;
}
