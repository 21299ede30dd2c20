/*
 * How calls that the API has made end when the module has gone: FreeSWITCH itself hangs them up.
 *
 * DESIGN
 * FreeSWITCH's scheduler walks the list of its tasks, under one lock, for each that comes, goes or
 * is told of: tens of thousands of calls with a task each would keep it busy for minutes. So each
 * call gets the second in which it ends as a variable, and the scheduler one task for each second,
 * which hangs up all calls with that variable. An answer takes the variable of the timeout away.
 *
 * Threads: any.
 */
#ifndef VX_FS_LEAVE_H
#define VX_FS_LEAVE_H

#include "core/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <switch.h>

/* What is to be scheduled for a call. */
struct vx_fs_end {
    int64_t at_s; /* by the clock that FreeSWITCH's scheduler goes by */
    bool limit;
};

/* Tells the call when it ends: unanswered after `timeout_us` from now on, INT64_MAX for never;
 * answered after `limit_s` from its answer on, 0 for never. False: nothing is to be scheduled. */
bool vx_fs_leave(struct vx_fs_end *end, const struct vx_uuid *call_sid, int64_t timeout_us,
                 unsigned limit_s);
/* One task for those that are the same; sorts them. */
void vx_fs_leave_schedule(struct vx_fs_end *ends, size_t count);

/* For how long the call has been up, in microseconds, by the clock that FreeSWITCH took the time of
 * its answer from: with `enable-monotonic-timing` that does not follow the system's. */
int64_t vx_fs_up_us(switch_channel_t *channel);

#endif
