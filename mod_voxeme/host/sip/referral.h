/*
 * The hooks of calls whose far ends have been asked to call anew. A hook may hold a secret, and is
 * for whoever answers the new call: what the far end is told, and brings along, is a key that
 * stands for it, for a short time. SIP thread only; private to host/sip.
 */
#ifndef VX_HOST_SIP_REFERRAL_H
#define VX_HOST_SIP_REFERRAL_H

#include "core/base.h"
#include "core/uuid.h"

struct vx_referral {
    struct vx_referral *next;
    struct vx_uuid key;
    int64_t until_us; /* monotonic */
    char hook[];
};

/* Empty when it is all zero. */
struct vx_referrals {
    struct vx_referral *first; /* newest first */
    int64_t count;
};

/* Keeps the hook until `until_us` and makes a key for it. False: out of memory or randomness. */
bool vx_referrals_add(struct vx_referrals *referrals, struct vx_str hook, int64_t until_us,
                      struct vx_uuid *key);

/* The hook that the key, as text, stands for; borrowed until the next call of any of these. NULL:
 * none. */
const char *vx_referrals_find(const struct vx_referrals *referrals, struct vx_str key,
                              int64_t now_us);

/* Nothing happens when it is not there. */
void vx_referrals_remove(struct vx_referrals *referrals, const struct vx_uuid *key);

/* Lets go of those whose time is over. */
void vx_referrals_expire(struct vx_referrals *referrals, int64_t now_us);

/* Lets go of all. */
void vx_referrals_clear(struct vx_referrals *referrals);

#endif
