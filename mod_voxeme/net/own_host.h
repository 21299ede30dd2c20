/* What this machine is called by others. */
#ifndef VX_OWN_HOST_H
#define VX_OWN_HOST_H

#include "core/base.h"

#define VX_OWN_HOST 256 /* room for one */

/* The host of a URL by which clients reach what listens on `listened` (a name or an address, an
 * IPv6 one without brackets): that itself, unless it stands for all addresses. Then the address
 * that a packet to the internet would have, else the name of the host. True: it had to be made up
 * like that. Sends nothing, waits for nothing. */
bool vx_own_host(char out[VX_OWN_HOST], const char *listened);

#endif
