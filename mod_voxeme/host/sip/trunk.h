/* The trunk of a call that comes in: the gateway of its account that it came from. */
#ifndef VX_TRUNK_H
#define VX_TRUNK_H

#include "core/config.h"

/* The name of the gateway with the address of `evidence->source`, of the account that the evidence
 * tells of; of several at that address the one with the port `port` (a gateway without one has
 * 5060), else the first. A gateway that has the name of a host is none of them: nothing is looked
 * up. VX_NONE: none; else borrowed from `config`. */
struct vx_str vx_trunk_of(const struct vx_config *config,
                          const struct vx_account_evidence *evidence, unsigned port);

#endif
