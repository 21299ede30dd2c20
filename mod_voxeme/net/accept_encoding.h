/*
 * What a client says of gzip (RFC 9110, section 12.5.3). Of what cannot be made sense of nothing is
 * taken: the bytes as they are can always be sent.
 *
 * Threads: any.
 */
#ifndef VX_ACCEPT_ENCODING_H
#define VX_ACCEPT_ENCODING_H

#include "core/base.h"

/* Qualities in thousandths, plus 1; 0: not said. Zero-initialise for each request. */
struct vx_accept_encoding {
    unsigned gzip, identity, any;
};

/* One line of Accept-Encoding, of which there may be several. Of what is said twice the least
 * counts. */
void vx_accept_encoding_add(struct vx_accept_encoding *said, struct vx_str line);

/* Whether gzip may be sent, and is liked no less than the bytes as they are. */
bool vx_accept_encoding_gzip(const struct vx_accept_encoding *said);

#endif
