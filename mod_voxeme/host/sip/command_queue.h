/*
 * Commands on their way from any thread to the SIP thread: a bounded queue and an eventfd.
 *
 * The queue outlives the SIP stack, so that whoever holds its port can submit at any time: while it
 * is not open, submit() says no. The SIP thread takes a bounded number of commands in a turn of its
 * loop, so that a burst of them does not keep messages waiting.
 */
#ifndef VX_HOST_SIP_COMMAND_QUEUE_H
#define VX_HOST_SIP_COMMAND_QUEUE_H

#include "core/command.h"
#include "host/sip/sip_metrics.h"
#include "host/sip/sofia.h"

struct vx_command_queue;

/* Not open. Borrows `metrics`. NULL: out of memory or of files. */
struct vx_command_queue *vx_command_queue_new(struct vx_sip_metrics *metrics);

/* After the last submit(), and after vx_command_queue_close(). Clears the caller's pointer. */
void vx_command_queue_release(struct vx_command_queue **queue);

/* How the API reaches it; lives as long as the queue. */
const struct vx_host_port *vx_command_queue_port(const struct vx_command_queue *queue);

/* --- SIP thread --- */

/* From now on at most `limit` commands wait at a time. `perform` gets each that was still wanted,
 * taken, with a reference of its own, from the root's loop. False: the root has no room. */
bool vx_command_queue_open(struct vx_command_queue *queue, su_root_t *root, int64_t limit,
                           void (*perform)(void *ctx, struct vx_command *command), void *ctx);

/* A lower one leaves those that wait already. */
void vx_command_queue_limit(struct vx_command_queue *queue, int64_t limit);

/* For good; what waits is refused. Calling it again does nothing. */
void vx_command_queue_close(struct vx_command_queue *queue);

#endif
