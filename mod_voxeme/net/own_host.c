#include "net/own_host.h"

#include "core/addr.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* "0.0.0.0", "::", and what else the C library takes for them ("0", "0::0"). */
static bool is_wildcard(const char *host, int *family) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST}, *found;
    static const struct in6_addr any = IN6ADDR_ANY_INIT;
    bool is;

    if (getaddrinfo(host, NULL, &hints, &found))
        return false;
    *family = found->ai_family;
    if (*family == AF_INET6)
        is = memcmp(&((struct sockaddr_in6 *)(void *)found->ai_addr)->sin6_addr, &any,
                    sizeof any) == 0;
    else
        is = ((struct sockaddr_in *)(void *)found->ai_addr)->sin_addr.s_addr == INADDR_ANY;
    freeaddrinfo(found);
    return is;
}

/* The kernel chooses the source of a datagram when its socket is connected; none is sent. The far
 * end is an address of documentation (RFC 5737, RFC 3849), which nobody has. */
static bool way_out(char *out, int family, const char *far_end) {
    struct addrinfo hints = {.ai_family = family,
                             .ai_socktype = SOCK_DGRAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV},
                    *to;
    struct sockaddr_storage own;
    socklen_t len = sizeof own;
    bool found = false;

    if (getaddrinfo(far_end, "9", &hints, &to))
        return false;
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        found = connect(fd, to->ai_addr, to->ai_addrlen) == 0 &&
                getsockname(fd, (struct sockaddr *)&own, &len) == 0 &&
                getnameinfo((struct sockaddr *)&own, len, out, VX_OWN_HOST, NULL, 0,
                            NI_NUMERICHOST) == 0 &&
                !strchr(out, '%'); /* good on one link only */
        close(fd);
    }
    freeaddrinfo(to);
    return found;
}

bool vx_own_host(char out[VX_OWN_HOST], const char *listened) {
    int family;

    if (!is_wildcard(listened, &family)) {
        snprintf(out, VX_OWN_HOST, "%s", listened);
        return false;
    }
    if (way_out(out, AF_INET, "192.0.2.1") ||
        (family == AF_INET6 && way_out(out, AF_INET6, "2001:db8::1")))
        return true;
    out[0] = '\0';
    if (gethostname(out, VX_OWN_HOST) != 0 || !*out)
        snprintf(out, VX_OWN_HOST, "localhost");
    out[VX_OWN_HOST - 1] = '\0'; /* a name that was cut may not be ended */
    return true;
}
