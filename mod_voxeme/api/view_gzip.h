/*
 * A view's list in gzip: each chunk of the index is deflated once and keeps that beside its JSON,
 * for as long as that stays.
 *
 * Threads: one at a time.
 */
#ifndef VX_VIEW_GZIP_H
#define VX_VIEW_GZIP_H

#include "api/gzip.h"
#include "api/view_index.h"

/* How far the chunk has come that takes more than one turn. Zero-initialise. */
struct vx_gzip_part {
    uint64_t stamp; /* of the chunk */
    size_t at;      /* of its JSON, what comes next */
    uint32_t sum;
    struct vx_buf out;
    size_t seen; /* how far it was, since then */
    int64_t seen_us;
};
void vx_gzip_part_clear(struct vx_gzip_part *part);

/* Now and then: clears what has come no further for `idle_us`. */
void vx_gzip_part_tick(struct vx_gzip_part *part, int64_t now_us, int64_t idle_us);

/* Deflates chunks, all of which have their JSON, up to `left` of the `whole` work that a turn may
 * be. VX_GZIP_DONE: all have their `gzip`. */
enum vx_gzip_result vx_index_gzip(struct vx_index *index, struct vx_gzip *gzip,
                                  struct vx_gzip_part *part, unsigned left, unsigned whole,
                                  struct vx_pot *pot);

/* What stands before the first call of a list and behind its last. */
struct vx_around {
    struct vx_str before, after;
};

/* The member of that, around the calls of all chunks, after vx_index_gzip(). NULL: out of memory.
 */
struct vx_body *vx_index_gzip_join(const struct vx_index *index, struct vx_around around,
                                   struct vx_pot *pot);

#endif
