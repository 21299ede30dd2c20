/*
 * Session descriptions of a switch that carries no media (RFC 3264, RFC 4566): every stream is
 * agreed on and inactive, on the discard port.
 */
#ifndef VX_HOST_SIP_SDP_H
#define VX_HOST_SIP_SDP_H

#include "core/buf.h"

/* Who speaks: the o= line and the address of c=. */
struct vx_sdp_origin {
    uint64_t session;
    unsigned version; /* goes up by one with every description */
    const char *host; /* an IP address, without brackets */
};

/* Appends an offer of PCMU, PCMA and telephone-event. */
void vx_sdp_offer(struct vx_buf *out, const struct vx_sdp_origin *origin);

/* Appends an answer: the first audio stream over RTP with PCMU or PCMA is taken, every other stream
 * refused. False, with nothing appended, when the offer cannot be read or has no such stream. */
bool vx_sdp_answer(struct vx_buf *out, const struct vx_sdp_origin *origin, struct vx_str offer);

#endif
