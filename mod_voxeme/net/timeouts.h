/*
 * Deadlines by the thousand: a wheel of slots a quarter of a second wide. Setting, moving and
 * clearing one costs a few instructions however many there are; they fire up to a quarter of a
 * second late, never early.
 *
 * Threads: its worker's.
 */
#ifndef VX_TIMEOUTS_H
#define VX_TIMEOUTS_H

#include "core/base.h"

#define VX_WHEEL_SLOTS   256
#define VX_WHEEL_TICK_US (VX_SECOND_US / 4)

/* Zero-initialise. Lies inside of what it is a deadline of. */
struct vx_timer {
    struct vx_timer *next, **link; /* link: whatever points to this one; NULL when not set */
    int64_t tick;
};

struct vx_wheel {
    struct vx_timer *slots[VX_WHEEL_SLOTS];
    int64_t tick; /* done up to and including this one */
    size_t count;
};

/* Times are monotonic, in microseconds. */
void vx_wheel_start(struct vx_wheel *wheel, int64_t now_us);
void vx_timer_set(struct vx_wheel *wheel, struct vx_timer *timer, int64_t due_us);
void vx_timer_clear(struct vx_wheel *wheel, struct vx_timer *timer);

/* Takes off one timer that is due, or returns NULL. Call it until it does. */
struct vx_timer *vx_wheel_due(struct vx_wheel *wheel, int64_t now_us);

#endif
