/* The legs by their call_sid: a hash table that grows. SIP thread only; private to host/sip. */
#ifndef VX_HOST_SIP_LEG_INDEX_H
#define VX_HOST_SIP_LEG_INDEX_H

#include "core/uuid.h"

struct vx_leg;

struct vx_leg_index {
    struct vx_leg **buckets;
    size_t size, count;
};

/* False: out of memory. */
bool vx_leg_index_open(struct vx_leg_index *index);
/* The legs have been removed, or are no longer looked up. */
void vx_leg_index_close(struct vx_leg_index *index);

/* By the leg's call_sid, which does not change from then on. A leg that is there already stays. */
void vx_leg_index_add(struct vx_leg_index *index, struct vx_leg *leg);
void vx_leg_index_remove(struct vx_leg_index *index, struct vx_leg *leg);
struct vx_leg *vx_leg_index_find(const struct vx_leg_index *index, const struct vx_uuid *call_sid);

#endif
