/*
 * How far behind FreeSWITCH is with its events.
 *
 * DESIGN
 * FreeSWITCH puts every event into one queue, which a few threads empty. When it is full, whoever
 * fires an event waits: the threads of calls, of SIP, and ours. A mark is an event of our own in
 * that queue: when it comes out, what was fired before it has come out, too. An audit waits for
 * one before it says what is lost, and so does a lane before it makes a call after the last one:
 * clients that ask for calls faster than FreeSWITCH can tell of them wait, and not FreeSWITCH.
 *
 * Threads: any.
 */
#ifndef VX_FS_MARK_H
#define VX_FS_MARK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define VX_FS_MARK "voxeme::mark"

struct vx_fs_marks {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* Guarded by lock. */
    uint64_t sent, seen;
    bool closed;
};

/* None sent yet. */
void vx_fs_marks_open(struct vx_fs_marks *marks);
/* Nobody waits from now on: what they wait for will not come. */
void vx_fs_marks_close(struct vx_fs_marks *marks);
/* When nobody uses them any more. */
void vx_fs_marks_free(struct vx_fs_marks *marks);
/* The number of a new one; 0: there is no memory for it. */
uint64_t vx_fs_mark_send(struct vx_fs_marks *marks);
/* Its event has come: `number` is what it bears. */
void vx_fs_mark_came(struct vx_fs_marks *marks, const char *number);
/* Waits for it. False: it has not come in time, or will not. */
bool vx_fs_mark_wait(struct vx_fs_marks *marks, uint64_t number, unsigned patience_s);

/* The header of its event. */
#define VX_FS_MARK_NUMBER "Voxeme-Mark"

#endif
