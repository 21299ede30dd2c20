#include "net/arrivals.h"

#include <sys/epoll.h>

#define AT_ONCE 256

int vx_arrivals_open(void) {
    return epoll_create1(EPOLL_CLOEXEC);
}

void vx_arrivals_watch(int arrivals, int fd) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET};

    (void)epoll_ctl(arrivals, EPOLL_CTL_ADD, fd, &event);
}

bool vx_arrivals_any(int arrivals) {
    struct epoll_event events[AT_ONCE];
    bool any = false;
    int n;

    do {
        n = epoll_wait(arrivals, events, AT_ONCE, 0);
        any = any || n > 0;
    } while (n == AT_ONCE);
    return any;
}
