/*
 * Where a webhook may go. Whoever may set one could else have us send requests into networks that
 * only this machine reaches (SSRF). What counts is the address that is connected to, not the one
 * that a name had when somebody looked.
 */
#ifndef VX_WEBHOOK_TARGET_H
#define VX_WEBHOOK_TARGET_H

#include "core/addr.h"

/* Whether the address is one of the Internet, or in one of the blocks of `allow`. Any thread. */
bool vx_webhook_may_reach(const struct vx_addr *address, const struct vx_cidr *allow, size_t count);

#endif
