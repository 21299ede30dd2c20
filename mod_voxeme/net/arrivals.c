#include "net/arrivals.h"

#include <stdint.h>
#include <sys/epoll.h>

#define AT_ONCE 256

int vx_arrivals_open(void) {
    return epoll_create1(EPOLL_CLOEXEC);
}

static bool watch(int arrivals, int fd, uint32_t events, bool is_arrival) {
    struct epoll_event event = {.events = events | EPOLLET, .data.u32 = is_arrival};

    return !epoll_ctl(arrivals, EPOLL_CTL_ADD, fd, &event);
}

bool vx_arrivals_watch(int arrivals, int fd) {
    return watch(arrivals, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP, true);
}

bool vx_arrivals_watch_bell(int arrivals, int fd) {
    return watch(arrivals, fd, EPOLLIN, false);
}

bool vx_arrivals_take(int arrivals, int timeout_ms) {
    struct epoll_event events[AT_ONCE];
    bool any = false;
    int n;

    do {
        n = epoll_wait(arrivals, events, AT_ONCE, timeout_ms);
        for (int i = 0; i < n; i++)
            any = any || events[i].data.u32;
        timeout_ms = 0;
    } while (n == AT_ONCE);
    return any || n < 0; /* who cannot tell had better look */
}
