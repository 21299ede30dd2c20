/*
 * Keeps the SIP thread from blocking in a name look-up that a stranger asks for.
 *
 * Where a response goes is said by the request's Via: by its `maddr`, and for some malformed
 * requests by its host. sofia-sip looks such a name up with the blocking getaddrinfo(), on the
 * thread that runs every call: one packet, and no call moves for as long as DNS takes. resolver.c
 * takes the place of the library's own look-up function. Targets of requests are not concerned: the
 * library's DNS client, which does not block, looks those up.
 */
#ifndef VX_HOST_SIP_RESOLVER_H
#define VX_HOST_SIP_RESOLVER_H

#include <stdbool.h>

/* True: sofia-sip's look-ups take addresses only. False, as at the start: names as well, for
 * sip-listen. SIP thread. */
void vx_resolver_addresses_only(bool only);

#endif
