#include "core/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static struct vx_addr from_v4(const void *four_bytes) {
    struct vx_addr a;

    memcpy(a.b, mapped_prefix, sizeof mapped_prefix);
    memcpy(a.b + sizeof mapped_prefix, four_bytes, 4);
    return a;
}

bool vx_addr_parse(struct vx_addr *out, struct vx_str text) {
    char s[INET6_ADDRSTRLEN];
    struct in_addr v4;
    struct in6_addr v6;

    if (text.len >= 2 && text.at[0] == '[' && text.at[text.len - 1] == ']') {
        text.at++;
        text.len -= 2;
        if (!memchr(text.at, ':', text.len))
            return false;
    }
    if (text.len == 0 || text.len >= sizeof s || memchr(text.at, '\0', text.len))
        return false;
    memcpy(s, text.at, text.len);
    s[text.len] = '\0';
    if (inet_pton(AF_INET, s, &v4) == 1) {
        *out = from_v4(&v4);
        return true;
    }
    if (inet_pton(AF_INET6, s, &v6) == 1) {
        memcpy(out->b, &v6, sizeof out->b);
        return true;
    }
    return false;
}

bool vx_addr_from_sockaddr(struct vx_addr *out, const struct sockaddr *sa) {
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, sa, sizeof in);
        *out = from_v4(&in.sin_addr);
        return true;
    }
    if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;

        memcpy(&in6, sa, sizeof in6);
        memcpy(out->b, &in6.sin6_addr, sizeof out->b);
        return true;
    }
    return false;
}

bool vx_addr_is_known(const struct vx_addr *a) {
    static const struct vx_addr unknown;

    return memcmp(a->b, unknown.b, sizeof a->b) != 0;
}

static bool parse_bits(struct vx_str s, unsigned max, unsigned *out) {
    unsigned n = 0;

    if (s.len == 0 || s.len > 3)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] < '0' || s.at[i] > '9')
            return false;
        n = n * 10 + (unsigned)(s.at[i] - '0');
    }
    *out = n;
    return n <= max;
}

bool vx_cidr_parse(struct vx_cidr *out, struct vx_str text) {
    const char *slash = text.len ? memchr(text.at, '/', text.len) : NULL;
    struct vx_str host = {text.at, slash ? (size_t)(slash - text.at) : text.len};
    bool v4 = !(host.len && memchr(host.at, ':', host.len));
    unsigned max = v4 ? 32 : 128, bits = max;
    struct vx_addr a;

    if (!vx_addr_parse(&a, host))
        return false;
    if (slash && !parse_bits((struct vx_str){slash + 1, text.len - host.len - 1}, max, &bits))
        return false;
    out->bits = (uint8_t)(v4 ? bits + 96 : bits);
    out->net = vx_addr_mask(&a, out->bits);
    return true;
}

void vx_cidr_format(char out[VX_CIDR_TEXT], const struct vx_cidr *c) {
    bool v4 = c->bits >= 96 && memcmp(c->net.b, mapped_prefix, sizeof mapped_prefix) == 0;
    char host[INET6_ADDRSTRLEN] = "";

    inet_ntop(v4 ? AF_INET : AF_INET6, c->net.b + (v4 ? sizeof mapped_prefix : 0), host,
              sizeof host);
    if (c->bits == 128)
        snprintf(out, VX_CIDR_TEXT, "%s", host);
    else
        snprintf(out, VX_CIDR_TEXT, "%s/%u", host, v4 ? c->bits - 96u : c->bits);
}

struct vx_addr vx_addr_mask(const struct vx_addr *a, unsigned bits) {
    struct vx_addr m = {{0}};
    unsigned whole = bits / 8;

    if (whole >= sizeof m.b)
        return *a;
    memcpy(m.b, a->b, whole);
    if (bits % 8)
        m.b[whole] = (uint8_t)(a->b[whole] & (0xff00u >> bits % 8));
    return m;
}

bool vx_cidr_match(const struct vx_cidr *c, const struct vx_addr *a) {
    struct vx_addr m = vx_addr_mask(a, c->bits);

    return memcmp(m.b, c->net.b, sizeof m.b) == 0;
}
