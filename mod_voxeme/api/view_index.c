#include "api/view_index.h"

#include "core/alloc.h"

/* Two neighbours that together fill at most so much of one become one. */
#define FEW (VX_CHUNK_PLACES / 2)

static void drop_bodies(struct vx_chunk *c) {
    vx_body_leave(&c->json);
    vx_body_leave(&c->gzip);
}

static void change(struct vx_index *x, struct vx_chunk *c) {
    drop_bodies(c);
    c->stamp = ++x->stamp;
}

static uint64_t last_of(const struct vx_chunk *c) {
    return c->at[c->count - 1].order;
}

/* The chunk that an order is in or belongs into; the last one when it is newer than all. */
static size_t chunk_of(const struct vx_index *x, uint64_t order) {
    size_t low = 0, high = x->count - 1;

    if (last_of(x->chunks[high]) < order)
        return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (last_of(x->chunks[middle]) < order)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The first place whose order is not below. */
static unsigned place_of(const struct vx_chunk *c, uint64_t order) {
    unsigned low = 0, high = c->count;

    while (low < high) {
        unsigned middle = (low + high) / 2;

        if (c->at[middle].order < order)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Where an order stands; false: nowhere. */
static bool locate(const struct vx_index *x, uint64_t order, size_t *chunk, unsigned *place) {
    if (!x->count)
        return false;
    *chunk = chunk_of(x, order);
    *place = place_of(x->chunks[*chunk], order);
    return *place < x->chunks[*chunk]->count && x->chunks[*chunk]->at[*place].order == order;
}

/* Room for one more chunk is kept at the end of the array, and one chunk that is in no use yet. */
bool vx_index_reserve(struct vx_index *x) {
    if (x->count + 1 >= x->room) {
        size_t room = x->room ? x->room * 2 : 8;
        struct vx_chunk **chunks = vx_realloc(x->chunks, room * sizeof(struct vx_chunk *));

        if (!chunks)
            return false;
        memset(chunks + x->room, 0, (room - x->room) * sizeof(struct vx_chunk *));
        x->chunks = chunks;
        x->room = room;
    }
    if (!x->chunks[x->count])
        x->chunks[x->count] = vx_calloc(1, sizeof(struct vx_chunk));
    return x->chunks[x->count] != NULL;
}

static void insert_chunk(struct vx_index *x, size_t at) {
    struct vx_chunk *spare = x->chunks[x->count];

    memmove(x->chunks + at + 1, x->chunks + at, (x->count - at) * sizeof(struct vx_chunk *));
    x->chunks[at] = spare;
    x->count++;
    x->chunks[x->count] = NULL;
}

/* The upper half moves on. */
static void split(struct vx_index *x, size_t at) {
    struct vx_chunk *from = x->chunks[at], *to;

    insert_chunk(x, at + 1);
    to = x->chunks[at + 1];
    to->count = from->count / 2;
    from->count -= to->count;
    memcpy(to->at, from->at + from->count, to->count * sizeof *to->at);
    change(x, from);
    change(x, to);
}

/* Calls come in the order of their creation, but for those that change accounts: a full chunk at
 * the end is left full. */
static size_t make_place(struct vx_index *x, uint64_t order) {
    size_t at;

    if (!x->count) {
        insert_chunk(x, 0);
        return 0;
    }
    at = chunk_of(x, order);
    if (x->chunks[at]->count < VX_CHUNK_PLACES)
        return at;
    if (last_of(x->chunks[at]) < order) {
        insert_chunk(x, at + 1);
        return at + 1;
    }
    split(x, at);
    return last_of(x->chunks[at]) < order ? at + 1 : at;
}

void vx_index_put(struct vx_index *x, uint64_t order, uint32_t node) {
    struct vx_chunk *c = x->chunks[make_place(x, order)];
    unsigned place = place_of(c, order);

    memmove(c->at + place + 1, c->at + place, (c->count - place) * sizeof *c->at);
    c->at[place] = (struct vx_place){order, node};
    c->count++;
    change(x, c);
}

bool vx_index_find(const struct vx_index *x, uint64_t order, uint32_t *node) {
    unsigned place;
    size_t chunk;

    if (!locate(x, order, &chunk, &place))
        return false;
    *node = x->chunks[chunk]->at[place].node;
    return true;
}

static void drop_chunk(struct vx_index *x, size_t at) {
    struct vx_chunk *c = x->chunks[at];

    drop_bodies(c);
    vx_free(x->chunks[x->count]); /* the spare one */
    memmove(x->chunks + at, x->chunks + at + 1, (x->count - at - 1) * sizeof(struct vx_chunk *));
    x->count--;
    x->chunks[x->count] = c;
    x->chunks[x->count + 1] = NULL;
    memset(c, 0, sizeof *c);
}

/* Long calls among many short ones must not keep a chunk each. */
static void merge(struct vx_index *x, size_t at) {
    struct vx_chunk *c, *next;

    if (at + 1 >= x->count)
        return;
    c = x->chunks[at];
    next = x->chunks[at + 1];
    if (c->count + next->count > FEW)
        return;
    memcpy(c->at + c->count, next->at, next->count * sizeof *c->at);
    c->count += next->count;
    change(x, c);
    drop_chunk(x, at + 1);
}

void vx_index_remove(struct vx_index *x, uint64_t order) {
    struct vx_chunk *c;
    unsigned place;
    size_t at;

    if (!locate(x, order, &at, &place))
        return;
    c = x->chunks[at];
    c->count--;
    memmove(c->at + place, c->at + place + 1, (c->count - place) * sizeof *c->at);
    change(x, c);
    if (!c->count) {
        drop_chunk(x, at);
        return;
    }
    merge(x, at);
    if (at)
        merge(x, at - 1);
}

void vx_index_touch(struct vx_index *x, uint64_t order) {
    unsigned place;
    size_t at;

    if (locate(x, order, &at, &place))
        change(x, x->chunks[at]);
}

bool vx_index_drop_gzip(struct vx_index *x) {
    bool any = false;

    for (size_t i = 0; i < x->count; i++) {
        any |= x->chunks[i]->gzip != NULL;
        vx_body_leave(&x->chunks[i]->gzip);
    }
    return any;
}

void vx_index_clear(struct vx_index *x) {
    for (size_t i = 0; i < x->room; i++) {
        if (i < x->count)
            drop_bodies(x->chunks[i]);
        vx_free(x->chunks[i]);
    }
    vx_free(x->chunks);
    *x = (struct vx_index){.stamp = x->stamp};
}
