/*
 * The calls of a view in the order of their creation: chunks of a bounded number of places, each
 * with the JSON of its calls kept for as long as none of them changes. An insertion, a removal and
 * a change cost the same however many calls there are.
 *
 * Threads: one at a time.
 */
#ifndef VX_VIEW_INDEX_H
#define VX_VIEW_INDEX_H

#include "api/body.h"

#define VX_CHUNK_PLACES 64

struct vx_place {
    uint64_t order;
    uint32_t node;
};

struct vx_chunk {
    struct vx_body *json; /* of all its calls, newest first, or NULL; index.c only drops it */
    struct vx_body *gzip; /* view_gzip.c's: the same, deflated, or NULL; dropped with it */
    uint64_t stamp;       /* another one after each change */
    unsigned count;
    uint32_t sum;                        /* with `gzip`: of the JSON behind its first comma */
    struct vx_place at[VX_CHUNK_PLACES]; /* oldest first */
};

struct vx_index {
    struct vx_chunk **chunks; /* oldest first; none is empty */
    size_t count, room;
    uint64_t stamp; /* the last that was given */
};

/* Makes sure that the next vx_index_put() succeeds. False: out of memory. */
bool vx_index_reserve(struct vx_index *index);
/* The order must not be there yet. After vx_index_reserve(). */
void vx_index_put(struct vx_index *index, uint64_t order, uint32_t node);
/* False: not there. */
bool vx_index_find(const struct vx_index *index, uint64_t order, uint32_t *node);
void vx_index_remove(struct vx_index *index, uint64_t order);
/* The call of this order has changed: its chunk's JSON goes. */
void vx_index_touch(struct vx_index *index, uint64_t order);
/* Drops what chunks have in gzip. False: there was none. */
bool vx_index_drop_gzip(struct vx_index *index);
/* Drops all places. */
void vx_index_clear(struct vx_index *index);

#endif
