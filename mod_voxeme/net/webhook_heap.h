/*
 * What is due first: a binary heap whose members lie inside of what they are a deadline of.
 *
 * Threads: one at a time.
 */
#ifndef VX_WEBHOOK_HEAP_H
#define VX_WEBHOOK_HEAP_H

#include "core/base.h"

struct vx_due {
    int64_t due_us;
    size_t place; /* while it is in the heap */
};

/* Zero-initialise. */
struct vx_due_heap {
    struct vx_due **at;
    size_t count, room;
};

/* Room for `count` altogether, so that none fails to be put. False: out of memory. */
bool vx_due_heap_reserve(struct vx_due_heap *heap, size_t count);
void vx_due_heap_free(struct vx_due_heap *heap);
/* Room has been made before. */
void vx_due_heap_put(struct vx_due_heap *heap, struct vx_due *due);
/* Out of it again, wherever it is. */
void vx_due_heap_take(struct vx_due_heap *heap, struct vx_due *due);
/* NULL: it is empty. */
struct vx_due *vx_due_heap_first(const struct vx_due_heap *heap);

#endif
