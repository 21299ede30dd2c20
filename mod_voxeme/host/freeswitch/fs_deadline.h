/*
 * When the calls that the API has made are to end: at their timeout where nobody has answered, at
 * their time limit where somebody has.
 *
 * DESIGN
 * A heap, what is due first on top, and one thread that waits for it. Nobody tells it that a call
 * was answered or has ended: a call is looked at when its time comes, and before that once in every
 * time limit that is shorter than the timeout, so that an answer is known within one limit. What is
 * of no use any more is swept out whenever the heap has doubled: it holds no more than twice the
 * calls that FreeSWITCH has, and some.
 *
 * A call that nobody has answered is also looked at after a second and whenever it has become twice
 * as old, to wake its thread: FreeSWITCH may have told it in vain that an answer is there.
 *
 * FreeSWITCH's own scheduler keeps its tasks in a list that it walks, under one lock, for each task
 * that comes, goes or is told of; a thousand calls a second with timeouts of a minute are more than
 * it bears. What is left when the module is unloaded is handed to it by the second (fs_leave.h).
 *
 * Threads: any, unless something else is said.
 */
#ifndef VX_FS_DEADLINE_H
#define VX_FS_DEADLINE_H

#include "core/clock.h"
#include "core/uuid.h"

#include <stdbool.h>
#include <stddef.h>

struct vx_fs_deadlines;

/* Borrows `clock`. NULL: out of memory. */
struct vx_fs_deadlines *vx_fs_deadlines_new(const struct vx_clock *clock);
/* Its thread. False: there is none to be had; nothing ends by itself then. */
bool vx_fs_deadlines_start(struct vx_fs_deadlines *deadlines);
/* From now on. 0: no timeout, no limit. False: out of memory. */
bool vx_fs_deadlines_add(struct vx_fs_deadlines *deadlines, const struct vx_uuid *call_sid,
                         unsigned timeout_s, unsigned limit_s);
/* Ends what is due; what its thread does. Returns when something will be: monotonic microseconds,
 * INT64_MAX when there is nothing. */
int64_t vx_fs_deadlines_run(struct vx_fs_deadlines *deadlines);
/* How many wait. */
size_t vx_fs_deadlines_count(struct vx_fs_deadlines *deadlines);
/* Ends its thread and leaves all of them, also those that are added later, with FreeSWITCH. False:
 * FreeSWITCH does not let the thread go within that time. Until a further call says that it has,
 * this may not be freed, nor the code be unloaded. */
bool vx_fs_deadlines_close(struct vx_fs_deadlines *deadlines, unsigned patience_ms);
/* When nobody adds any more, and its thread has ended. Clears the caller's pointer. */
void vx_fs_deadlines_release(struct vx_fs_deadlines **deadlines);
/* When there will be no further call: its thread ends by itself, should FreeSWITCH let it. */
void vx_fs_deadlines_abandon(struct vx_fs_deadlines *deadlines);

#endif
