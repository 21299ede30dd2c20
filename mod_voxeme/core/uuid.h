/* 128-bit identifiers ("sids") in their binary form; the text form is RFC 9562's, lower case. */
#ifndef VX_UUID_H
#define VX_UUID_H

#include "core/base.h"

struct vx_uuid {
    uint8_t b[16];
};

#define VX_UUID_TEXT 36

/* Accepts either case. Returns false, and leaves *out alone, for anything but 8-4-4-4-12 hex
 * digits. */
bool vx_uuid_parse(struct vx_uuid *out, struct vx_str text);

/* Writes 36 characters and a NUL. */
void vx_uuid_format(char out[VX_UUID_TEXT + 1], const struct vx_uuid *u);

/* A random (version 4) identifier from the kernel. Returns false when the kernel has no randomness
 * to give. */
bool vx_uuid_random(struct vx_uuid *out);

static inline bool vx_uuid_eq(const struct vx_uuid *a, const struct vx_uuid *b) {
    uint64_t x[2], y[2];

    memcpy(x, a->b, sizeof x);
    memcpy(y, b->b, sizeof y);
    return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
}

/* The all-zero identifier stands for "none". */
static inline bool vx_uuid_is_nil(const struct vx_uuid *u) {
    uint64_t half[2];

    memcpy(half, u->b, sizeof half);
    return (half[0] | half[1]) == 0;
}

#endif
