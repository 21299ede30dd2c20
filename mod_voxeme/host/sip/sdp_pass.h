/*
 * Session descriptions that pass through the switch from one end of a bridge to the other, once the
 * switch has had a word of its own in between (RFC 3264, section 8). Needs no SIP stack.
 */
#ifndef VX_HOST_SIP_SDP_PASS_H
#define VX_HOST_SIP_SDP_PASS_H

#include "host/sip/sdp.h"

/* What becomes of the direction of each stream. */
enum vx_sdp_turning {
    VX_SDP_KEEP,
    VX_SDP_HOLD,    /* whoever gets it is not to send: sendonly, or inactive */
    VX_SDP_RELEASE, /* whoever wrote it sends, but for a hold that is no concern of the reader's */
    VX_SDP_OPEN     /* both ways */
};

/* Appends `sdp`, its o= version higher by `shift`: so many descriptions have been sent that its
 * author knows nothing of. The rest of that line is of `ours`, unless that is NULL. What cannot be
 * read is passed on as it is; lines end with CRLF. */
void vx_sdp_pass(struct vx_buf *out, struct vx_str sdp, const struct vx_sdp_origin *ours,
                 unsigned shift, enum vx_sdp_turning turning);

/* Whether both say the same of where media goes: addresses, ports, keys; `directions`: and which
 * way. True when memory is short. */
bool vx_sdp_same_media(struct vx_str one, struct vx_str other, bool directions);

#endif
