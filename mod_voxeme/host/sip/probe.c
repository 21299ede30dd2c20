#include "host/sip/probe.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* 0, or why not. */
static int try_socket(const struct addrinfo *at, int type) {
    int fd = socket(at->ai_family, type | SOCK_CLOEXEC, 0), on = 1, why = 0;

    if (fd < 0)
        return errno;
    /* TCP in TIME_WAIT does not count; UDP knows no such state. */
    if (type == SOCK_STREAM)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, at->ai_addr, at->ai_addrlen) != 0 || (type == SOCK_STREAM && listen(fd, 1) != 0))
        why = errno;
    close(fd);
    return why;
}

bool vx_probe_listen(const char *host, unsigned port, char *error, size_t size) {
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_DGRAM};
    struct addrinfo *found = NULL;
    char service[8];

    snprintf(service, sizeof service, "%u", port);
    int bad = getaddrinfo(host, service, &hints, &found);
    if (bad) {
        snprintf(error, size, "%s", gai_strerror(bad));
        return false;
    }
    int udp = try_socket(found, SOCK_DGRAM), tcp = udp ? 0 : try_socket(found, SOCK_STREAM);
    freeaddrinfo(found);
    if (udp || tcp)
        snprintf(error, size, "%s: %s", udp ? "UDP" : "TCP", strerror(udp ? udp : tcp));
    return !udp && !tcp;
}
