#include "net/webhook_target.h"

#define V4(a, b, c, d, bits)                                                                       \
    { {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}}, 96 + (bits) }
#define V6(a, b, c, d, bits)                                                                       \
    { {{(a) >> 8, (a)&0xff, (b) >> 8, (b)&0xff, (c) >> 8, (c)&0xff, (d) >> 8, (d)&0xff}}, (bits) }

/* The special-purpose blocks (RFC 6890 and its registries) that are no place of the Internet, or
 * lead to such a place by the address that is embedded in theirs. */
static const struct vx_cidr special[] = {
    V4(0, 0, 0, 0, 8),       /* this network */
    V4(10, 0, 0, 0, 8),      /* private */
    V4(100, 64, 0, 0, 10),   /* shared by carriers' NATs */
    V4(127, 0, 0, 0, 8),     /* loopback */
    V4(169, 254, 0, 0, 16),  /* link-local; clouds keep their credentials there */
    V4(172, 16, 0, 0, 12),   /* private */
    V4(192, 0, 0, 0, 24),    /* protocol assignments */
    V4(192, 0, 2, 0, 24),    /* documentation */
    V4(192, 88, 99, 0, 24),  /* 6to4 relays */
    V4(192, 168, 0, 0, 16),  /* private */
    V4(198, 18, 0, 0, 15),   /* benchmarks */
    V4(198, 51, 100, 0, 24), /* documentation */
    V4(203, 0, 113, 0, 24),  /* documentation */
    V4(224, 0, 0, 0, 4),     /* multicast */
    V4(240, 0, 0, 0, 4),     /* reserved, broadcast */
    V6(0x64, 0xff9b, 1, 0, 48),  V6(0x100, 0, 0, 0, 64), /* discard */
    V6(0x2001, 0, 0, 0, 23), /* protocol assignments, Teredo among them */
    V6(0x2001, 0xdb8, 0, 0, 32), V6(0x2002, 0, 0, 0, 16), /* 6to4 */
    V6(0x3fff, 0, 0, 0, 20),     V6(0x5f00, 0, 0, 0, 16), /* segment routing */
    V6(0xfc00, 0, 0, 0, 7),                               /* unique local */
    V6(0xfe80, 0, 0, 0, 10),                              /* link-local */
    V6(0xfec0, 0, 0, 0, 10),                              /* site-local */
    V6(0xff00, 0, 0, 0, 8),                               /* multicast */
};

/* Unspecified, loopback, IPv4-compatible: all of ::/32 but for IPv4 as it is kept here. */
static const struct vx_cidr low = V6(0, 0, 0, 0, 32);
static const struct vx_cidr mapped = V4(0, 0, 0, 0, 0);
static const struct vx_cidr nat64 = {{{0, 0x64, 0xff, 0x9b}}, 96};

static bool is_in(const struct vx_addr *address, const struct vx_cidr *blocks, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (vx_cidr_match(&blocks[i], address))
            return true;
    return false;
}

bool vx_webhook_may_reach(const struct vx_addr *address, const struct vx_cidr *allow,
                          size_t count) {
    struct vx_addr meant = *address;

    if (is_in(address, allow, count))
        return true;
    if (vx_cidr_match(&nat64, address))
        memcpy(meant.b, mapped.net.b, 12);
    if (vx_cidr_match(&low, &meant) && !vx_cidr_match(&mapped, &meant))
        return false;
    return !is_in(&meant, special, sizeof special / sizeof *special);
}
