/*
 * What sofia-sip's transports do not bound or count by themselves.
 *
 * It takes TCP connections without end, each of them a file, and lets one that never sends a byte
 * stand for ever; it does not tell of a message that is too large, and takes several that wait in
 * one connection for one. transport.c takes the place of a few functions of the library (see
 * resolver.h), which do as ever and are counted: of connections that begin, end or are idle, and of
 * messages that grow.
 */
#ifndef VX_HOST_SIP_TRANSPORT_H
#define VX_HOST_SIP_TRANSPORT_H

#include "host/sip/sip_metrics.h"

#include <stdbool.h>

/* Before the stack is started. At most `connections` at a time, those that we began counted too;
 * messages of at most `message_bytes`, which NTATAG_MAXSIZE() is to be; counts in *metrics, which
 * is borrowed until vx_transport_unwatch(). False: this is not the sofia-sip that is known here.
 * SIP thread, as the next. */
bool vx_transport_watch(unsigned connections, unsigned message_bytes,
                        struct vx_sip_metrics *metrics);
void vx_transport_unwatch(void);

#endif
