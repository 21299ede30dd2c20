/*
 * Time comes from here so that tests can drive it. Wall-clock time is for timestamps that people
 * read; monotonic time is for retention and timeouts, which a corrected clock must not disturb.
 */
#ifndef VX_CLOCK_H
#define VX_CLOCK_H

#include <stdint.h>

/* Both functions: any thread, microseconds, no locks. The struct outlives everything that borrows
 * it. */
struct vx_clock {
    int64_t (*wall_us)(void *ctx); /* since 1970-01-01T00:00:00Z */
    int64_t (*mono_us)(void *ctx); /* since an arbitrary start, never back */
    void *ctx;
};

extern const struct vx_clock vx_clock_system;

static inline int64_t vx_wall_us(const struct vx_clock *c) {
    return c->wall_us(c->ctx);
}

static inline int64_t vx_mono_us(const struct vx_clock *c) {
    return c->mono_us(c->ctx);
}

/* "2021-05-30T12:22:24.123Z" (RFC 3339, UTC, milliseconds) and its terminating NUL. Times before
 * 1970 or after 9999 are held at those ends. */
#define VX_RFC3339_SIZE 25
void vx_rfc3339(char out[VX_RFC3339_SIZE], int64_t wall_us);

#endif
