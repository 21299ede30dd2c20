/*
 * Clients that close their side while their long poll is held.
 *
 * lws reads, gets nothing, and closes: a client that has only said that it will send no more would
 * not get its answer. So lws does not read while a request is held, and whether the client has
 * closed its side is asked of the kernel here (EPOLLRDHUP).
 *
 * That much a client that is gone says, too, and its kernel goes on acknowledging for it: Linux for
 * a minute, TCP's keep-alive included. Only bytes tell the two apart: one that can still read takes
 * them, for one that is gone its kernel resets the connection, which lws sees. The bytes are a 100
 * Continue, of which a client of HTTP/1.1 has to take any number (RFC 9110, section 15.2). One of
 * HTTP/1.0 knows of no such thing: its request is held until its time is over, gone or not.
 */
#include "net/net_private.h"

#include "net/arrivals.h"

#include <sys/epoll.h>
#include <unistd.h>

#define AT_ONCE 64

bool vx_hangup_open(struct vx_worker *worker) {
    lws_sock_file_fd_type fd = {.filefd = epoll_create1(EPOLL_CLOEXEC)};

    if (fd.filefd < 0)
        return false;
    worker->hanging_up = lws_adopt_descriptor_vhost(worker->vhost, LWS_ADOPT_RAW_FILE_DESC, fd,
                                                    vx_net_protocols[2].name, NULL);
    if (!worker->hanging_up) {
        close(fd.filefd);
        return false;
    }
    worker->hangups = fd.filefd; /* lws closes it */
    return vx_arrivals_watch(worker->arrivals, worker->hangups);
}

bool vx_hangup_watch(struct vx_conn *conn) {
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLONESHOT, .data.ptr = conn};

    if (!conn->watched)
        conn->watched =
            !epoll_ctl(conn->worker->hangups, EPOLL_CTL_ADD, lws_get_socket_fd(conn->wsi), &event);
    return conn->watched;
}

void vx_hangup_forget(struct vx_conn *conn) {
    struct epoll_event none = {0};

    if (!conn->watched)
        return;
    conn->watched = false;
    (void)epoll_ctl(conn->worker->hangups, EPOLL_CTL_DEL, lws_get_socket_fd(conn->wsi), &none);
}

void vx_hangup_ready(struct vx_worker *worker) {
    struct epoll_event events[AT_ONCE];
    int n = epoll_wait(worker->hangups, events, AT_ONCE, 0);

    for (int i = 0; i < n; i++) {
        vx_count(&worker->metrics.half_closed, 1);
        vx_conn_half_closed(events[i].data.ptr);
    }
}
