/*
 * SIP on sofia-sip's nua: one user agent on one address, UDP and TCP, and the calls on it.
 *
 * DESIGN
 * Everything here runs on the one thread that runs `root`; nua is told not to start a thread of its
 * own. Nothing blocks. A call is one leg (inbound: answered, left ringing or rejected by its route)
 * or two (a bridge); a leg tells the registry of every step, and tells it of its end when we decide
 * on it. The leg itself lives on until nua reports the dialog as terminated, so that a BYE or a
 * CANCEL is sent again for as long as SIP's timers want.
 */
#ifndef VX_HOST_SIP_SIP_STACK_H
#define VX_HOST_SIP_SIP_STACK_H

#include "core/registry.h"
#include "host/sip/command_queue.h"
#include "host/sip/sip_metrics.h"
#include "host/sip/sofia.h"
#include "host/sip/switch_config.h"

/* Borrows `root`, `registry` and `metrics`; takes references to both configurations. On failure
 * returns NULL, writes one line into error[] and leaves nothing behind. */
struct vx_sip *vx_sip_start(su_root_t *root, struct vx_registry *registry, struct vx_config *config,
                            struct vx_switch_config *switch_config, struct vx_sip_metrics *metrics,
                            char *error, size_t size);

/* The port it listens on, UDP and TCP. */
unsigned vx_sip_port(const struct vx_sip *sip);

/* New routes and limits for the calls to come; calls in progress keep theirs. */
void vx_sip_configure(struct vx_sip *sip, struct vx_config *config,
                      struct vx_switch_config *switch_config);

/* Does what the API commands from now on until it stops. Borrows `commands`. False: there is no
 * room for it in the root. */
bool vx_sip_serve(struct vx_sip *sip, struct vx_command_queue *commands);

/* Ends every call; calls `done` from the root's loop when all peers have agreed, at the latest
 * after a second. Calling it again does nothing. */
void vx_sip_stop(struct vx_sip *sip, void (*done)(void *ctx), void *ctx);

/* After `done`. Clears the caller's pointer. False: some peers never answered, so sofia-sip still
 * holds `root`, which must not be destroyed. */
bool vx_sip_release(struct vx_sip **sip);

#endif
