/* A set of byte strings: finds what is given twice, however many there are, in constant time each.
 */
#ifndef VX_SEEN_H
#define VX_SEEN_H

#include "core/base.h"

/* All zero is an empty set. */
struct vx_seen {
    struct vx_seen_entry **slots;
    size_t count, room;
};

enum vx_seen_result { VX_SEEN_NEW, VX_SEEN_AGAIN, VX_SEEN_NO_MEMORY };

/* Adds a copy of `bytes`. Those of another `kind` are others. */
enum vx_seen_result vx_seen_add(struct vx_seen *seen, char kind, struct vx_str bytes);

/* The same without regard to ASCII case. */
enum vx_seen_result vx_seen_add_folded(struct vx_seen *seen, char kind, struct vx_str text);

/* Leaves an empty set. */
void vx_seen_clear(struct vx_seen *seen);

#endif
