#include "host/sip/leg_index.h"

#include "core/alloc.h"
#include "host/sip/leg.h"

#define FEWEST_BUCKETS 256

bool vx_leg_index_open(struct vx_leg_index *index) {
    *index = (struct vx_leg_index){0};
    index->buckets = vx_calloc(FEWEST_BUCKETS, sizeof(struct vx_leg *));
    index->size = index->buckets ? FEWEST_BUCKETS : 0;
    return index->buckets;
}

void vx_leg_index_close(struct vx_leg_index *index) {
    vx_free(index->buckets);
    *index = (struct vx_leg_index){0};
}

/* Sids are random, but not all of their bits. The multiplication carries upwards only, so the upper
 * half has to come down first. */
static struct vx_leg **bucket(const struct vx_leg_index *index, const struct vx_uuid *sid) {
    uint64_t half[2], mixed;

    memcpy(half, sid->b, sizeof half);
    mixed = half[0] ^ half[1];
    mixed = (mixed ^ mixed >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    return &index->buckets[(mixed >> 32) % index->size];
}

static void link_in(struct vx_leg_index *index, struct vx_leg *leg) {
    struct vx_leg **at = bucket(index, &leg->facts.event.call_sid);

    leg->same_bucket = *at;
    *at = leg;
}

/* When memory is short the chains only grow longer. */
static void grow(struct vx_leg_index *index) {
    struct vx_leg_index grown = {.size = index->size * 2, .count = index->count};

    grown.buckets = vx_calloc(grown.size, sizeof(struct vx_leg *));
    if (!grown.buckets)
        return;
    for (size_t i = 0; i < index->size; i++)
        for (struct vx_leg *leg = index->buckets[i], *next; leg; leg = next) {
            next = leg->same_bucket;
            link_in(&grown, leg);
        }
    vx_free(index->buckets);
    *index = grown;
}

void vx_leg_index_add(struct vx_leg_index *index, struct vx_leg *leg) {
    if (leg->indexed)
        return;
    if (index->count >= index->size)
        grow(index);
    link_in(index, leg);
    leg->indexed = true;
    index->count++;
}

void vx_leg_index_remove(struct vx_leg_index *index, struct vx_leg *leg) {
    if (!leg->indexed)
        return;
    for (struct vx_leg **at = bucket(index, &leg->facts.event.call_sid); *at;
         at = &(*at)->same_bucket)
        if (*at == leg) {
            *at = leg->same_bucket;
            break;
        }
    leg->indexed = false;
    index->count--;
}

struct vx_leg *vx_leg_index_find(const struct vx_leg_index *index, const struct vx_uuid *call_sid) {
    for (struct vx_leg *leg = *bucket(index, call_sid); leg; leg = leg->same_bucket)
        if (vx_uuid_eq(&leg->facts.event.call_sid, call_sid))
            return leg;
    return NULL;
}
