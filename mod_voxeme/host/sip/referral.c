#include "host/sip/referral.h"

#include "core/alloc.h"

#include <string.h>

bool vx_referrals_add(struct vx_referrals *referrals, struct vx_str hook, int64_t until_us,
                      struct vx_uuid *key) {
    struct vx_referral *r = vx_malloc(sizeof *r + hook.len + 1);

    if (!r || !vx_uuid_random(&r->key)) {
        vx_free(r);
        return false;
    }
    *key = r->key;
    r->until_us = until_us;
    memcpy(r->hook, hook.at, hook.len);
    r->hook[hook.len] = '\0';
    r->next = referrals->first;
    referrals->first = r;
    referrals->count++;
    return true;
}

const char *vx_referrals_find(const struct vx_referrals *referrals, struct vx_str key,
                              int64_t now_us) {
    struct vx_uuid wanted;

    if (!vx_uuid_parse(&wanted, key))
        return NULL;
    for (const struct vx_referral *r = referrals->first; r; r = r->next)
        if (vx_uuid_eq(&r->key, &wanted))
            return r->until_us > now_us ? r->hook : NULL;
    return NULL;
}

static void take_out(struct vx_referrals *referrals, struct vx_referral **at) {
    struct vx_referral *r = *at;

    *at = r->next;
    referrals->count--;
    vx_free(r);
}

void vx_referrals_remove(struct vx_referrals *referrals, const struct vx_uuid *key) {
    for (struct vx_referral **at = &referrals->first; *at; at = &(*at)->next)
        if (vx_uuid_eq(&(*at)->key, key)) {
            take_out(referrals, at);
            return;
        }
}

void vx_referrals_expire(struct vx_referrals *referrals, int64_t now_us) {
    for (struct vx_referral **at = &referrals->first; *at;) {
        if ((*at)->until_us <= now_us)
            take_out(referrals, at);
        else
            at = &(*at)->next;
    }
}

void vx_referrals_clear(struct vx_referrals *referrals) {
    vx_referrals_expire(referrals, INT64_MAX);
}
