/* IP addresses and CIDR blocks (RFC 4632). IPv4 is kept as an IPv4-mapped IPv6 address (RFC
 * 4291, 2.5.5.2). */
#ifndef VX_ADDR_H
#define VX_ADDR_H

#include "core/base.h"

#include <sys/socket.h>

struct vx_addr {
    uint8_t b[16]; /* all zero ("::") stands for "not known" */
};

struct vx_cidr {
    struct vx_addr net; /* host bits zero */
    uint8_t bits;       /* 0 to 128; an IPv4 /n is kept as /(96 + n) */
};

/* "192.0.2.1", "2001:db8::1", "[2001:db8::1]". False for anything else. */
bool vx_addr_parse(struct vx_addr *out, struct vx_str text);
bool vx_addr_from_sockaddr(struct vx_addr *out, const struct sockaddr *sa);
bool vx_addr_is_known(const struct vx_addr *a);

/* An address, or address/bits. Host bits are cleared. */
bool vx_cidr_parse(struct vx_cidr *out, struct vx_str text);

/* "10.0.0.0/8", "2001:db8::/32"; an address alone when all its bits count. */
#define VX_CIDR_TEXT 50
void vx_cidr_format(char out[VX_CIDR_TEXT], const struct vx_cidr *c);
bool vx_cidr_match(const struct vx_cidr *c, const struct vx_addr *a);

/* The address with all bits behind the first `bits` cleared. */
struct vx_addr vx_addr_mask(const struct vx_addr *a, unsigned bits);

#endif
