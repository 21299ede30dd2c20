/*
 * From the headers of an INVITE, which a stranger may have written, to what the registry is told of
 * the leg. Needs no SIP stack, so that a fuzzer can drive it alone.
 */
#ifndef VX_HOST_SIP_LEG_EVENT_H
#define VX_HOST_SIP_LEG_EVENT_H

#include "core/command.h"
#include "core/event.h"
#include "host/sip/sofia.h"

#include <netinet/in.h>
#include <sys/socket.h>

struct vx_leg_event {
    struct vx_event event;             /* VX_EVENT_CREATE; call_sid is left nil but by originated */
    char *texts;                       /* what the event's texts point into; owned */
    char source[INET6_ADDRSTRLEN + 8]; /* "ip:port", "[v6]:port"; "" when not known */
};

/* What the INVITE of an inbound leg tells. `to` is the user of the request URI, which is what was
 * dialled; of the To header only when the request URI has none. Borrows `sip` and `source` (may be
 * NULL) for the call. False: out of memory, or `sip` is no request. */
bool vx_leg_event_inbound(struct vx_leg_event *out, const sip_t *sip,
                          const struct sockaddr *source);

/* The same from the bytes of a message as it came from the network. False as well when they hold
 * nothing that the parser takes for a request. */
bool vx_leg_event_from_bytes(struct vx_leg_event *out, const void *bytes, size_t len,
                             const struct sockaddr *source);

/* The value of the first header of this name that the library does not know; NULL without one. */
const char *vx_sip_header(const sip_t *sip, const char *name);

/* What an outbound leg is called: `from` and `to` are escaped as in a URI, `display` may be quoted;
 * each may be NULL. False: out of memory. */
bool vx_leg_event_outbound(struct vx_leg_event *out, const char *call_id, const char *from,
                           const char *to, const char *display);

/* What the leg of a VX_VERB_ORIGINATE is called, as its creator wrote it. False: out of memory. */
bool vx_leg_event_originated(struct vx_leg_event *out, const char *call_id,
                             const struct vx_command_args *args);

/* Frees the texts; leaves an event that says nothing. Accepts one that is all zero. */
void vx_leg_event_clear(struct vx_leg_event *event);

#endif
