/*
 * Session descriptions of a switch that carries no media (RFC 3264, RFC 4566): every stream is
 * agreed on, on the discard port, and inactive until the call has been held.
 */
#ifndef VX_HOST_SIP_SDP_H
#define VX_HOST_SIP_SDP_H

#include "core/buf.h"

/* Which way media goes, as seen from here: of RFC 3264's names the bits "sends" and "receives". */
enum vx_sdp_media { VX_SDP_INACTIVE, VX_SDP_SENDONLY, VX_SDP_RECVONLY, VX_SDP_SENDRECV };

/* Who speaks: the o= line and the address of c=. */
struct vx_sdp_origin {
    uint64_t session;
    unsigned version; /* goes up by one with every description */
    const char *host; /* an IP address, without brackets */
    enum vx_sdp_media media;
};

/* Appends the o= line of a description of this version. */
void vx_sdp_origin_line(struct vx_buf *out, const struct vx_sdp_origin *origin, uint64_t version);

/* Appends an offer of PCMU, PCMA and telephone-event. */
void vx_sdp_offer(struct vx_buf *out, const struct vx_sdp_origin *origin);

/* Appends an answer: the first audio stream over RTP with PCMU or PCMA is taken, every other stream
 * refused. False, with nothing appended, when the offer cannot be read or has no such stream. */
bool vx_sdp_answer(struct vx_buf *out, const struct vx_sdp_origin *origin, struct vx_str offer);

/* How many streams a description has. */
unsigned vx_sdp_streams(struct vx_str sdp);

/* Appends `last`, which was made here, as a new offer: its streams the other way that `origin`
 * says, refused ones left as they are (RFC 3264, section 8). */
void vx_sdp_turn(struct vx_buf *out, const struct vx_sdp_origin *origin, struct vx_str last);

#endif
