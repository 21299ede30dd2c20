/*
 * The listening sockets. They are ours, not lws's, so that a failure says what and why, that a name
 * or "[::]" means what people expect, and that a server out of connections or descriptors refuses
 * without spinning.
 */
#include "config.h" /* _GNU_SOURCE, for accept4() */

#include "net/net_private.h"

#include "core/log.h"
#include "net/arrivals.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS_PER_TURN 64

static void set_option(int fd, int level, int name, int value) {
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

static void set_port(struct sockaddr *sa, unsigned port) {
    if (sa->sa_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)sa)->sin6_port = htons((uint16_t)port);
    else
        ((struct sockaddr_in *)(void *)sa)->sin_port = htons((uint16_t)port);
}

static unsigned bound_port(int fd) {
    struct sockaddr_storage sa = {0};
    socklen_t len = sizeof sa;

    if (getsockname(fd, (struct sockaddr *)&sa, &len))
        return 0;
    return ntohs(sa.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)(void *)&sa)->sin6_port
                                          : ((struct sockaddr_in *)(void *)&sa)->sin_port);
}

/* A socket that listens on `ai`, or -1 with errno. `alone`: "::" takes IPv4 as well. */
static int listen_on(const struct addrinfo *ai, bool alone) {
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int saved;

    if (fd < 0)
        return -1;
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (ai->ai_family == AF_INET6)
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !alone);
    if (!bind(fd, ai->ai_addr, ai->ai_addrlen) && !listen(fd, SOMAXCONN))
        return fd;
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static bool listen_all(struct vx_server *server, struct addrinfo *list, int *why) {
    bool alone = !list->ai_next;

    *why = 0;
    for (struct addrinfo *ai = list; ai && server->listener_count < VX_MAX_LISTENERS;
         ai = ai->ai_next) {
        int fd;

        if (server->listener_count) /* "localhost:0": the same port on each address */
            set_port(ai->ai_addr, server->port);
        fd = listen_on(ai, alone);
        if (fd < 0) {
            /* A name may stand for an address that this machine has not got. */
            if (errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT) {
                *why = errno;
                continue;
            }
            *why = errno;
            return false;
        }
        server->listeners[server->listener_count++] = fd;
        server->port = bound_port(fd);
    }
    return server->listener_count > 0;
}

bool vx_listen_open(struct vx_server *server, char *error, size_t size) {
    const char *text = vx_config_text(server->config, VX_SET_LISTEN);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *list = NULL;
    char host[256], service[8];
    unsigned port;
    int e, why;

    if (!vx_host_port_parse(text, host, sizeof host, &port)) {
        snprintf(error, size, "cannot listen on %s: not host:port", text);
        return false;
    }
    snprintf(service, sizeof service, "%u", port);
    e = getaddrinfo(host, service, &hints, &list);
    if (e) {
        snprintf(error, size, "cannot listen on %s: %s", text, gai_strerror(e));
        return false;
    }
    if (!listen_all(server, list, &why)) {
        snprintf(error, size, "cannot listen on %s: %s", text, strerror(why));
        freeaddrinfo(list);
        vx_listen_close(server);
        return false;
    }
    freeaddrinfo(list);
    return true;
}

void vx_listen_close(struct vx_server *server) {
    for (size_t i = 0; i < server->listener_count; i++)
        if (!server->accepting[i]) /* else lws closes it */
            close(server->listeners[i]);
    server->listener_count = 0;
}

bool vx_listen_adopt(struct vx_server *server) {
    for (size_t i = 0; i < server->listener_count; i++) {
        lws_sock_file_fd_type fd = {.filefd = server->listeners[i]};

        server->accepting[i] = lws_adopt_descriptor_vhost(server->vhost, LWS_ADOPT_RAW_FILE_DESC,
                                                          fd, vx_net_protocols[1].name, NULL);
        if (!server->accepting[i] || !vx_arrivals_watch(server->arrivals, server->listeners[i]))
            return false;
    }
    return true;
}

#define LOG_GAP_US (60 * VX_SECOND_US)

static void log_shortage(struct vx_server *server) {
    int64_t now = vx_net_now();

    vx_count(&server->metrics.refused_descriptors, 1);
    if (server->shortage_logged_us && now - server->shortage_logged_us < LOG_GAP_US)
        return;
    server->shortage_logged_us = now;
    vx_log(VX_LOG_ERROR, "http: out of file descriptors, clients have to wait or are refused");
}

/* Until the next tick: what cannot be accepted would make the loop spin. */
static void pause_accepting(struct vx_server *server) {
    for (size_t i = 0; i < server->listener_count; i++)
        lws_rx_flow_control(server->accepting[i], 0);
    server->accept_paused = true;
    vx_net_schedule(server);
    log_shortage(server);
}

void vx_listen_resume(struct vx_server *server) {
    if (!server->accept_paused)
        return;
    server->accept_paused = false;
    for (size_t i = 0; i < server->listener_count; i++)
        lws_rx_flow_control(server->accepting[i], 1);
    vx_loop_stir(server);
}

/* What it has sent is read, or the kernel would reset the connection and the client lose what it
 * was told. */
static void shut_door(int fd) {
    char request[4096];

    for (int i = 0; i < 16; i++)
        if (recv(fd, request, sizeof request, MSG_DONTWAIT) != (ssize_t)sizeof request)
            break;
    close(fd);
}

void vx_listen_sweep(struct vx_server *server, bool all) {
    int64_t now = vx_net_now();

    for (size_t i = 0; i < VX_DOORSTEP; i++) {
        int64_t since = server->doorstep.places[i].since_us;

        if (!since || (!all && now - since < VX_SECOND_US))
            continue;
        shut_door(server->doorstep.places[i].fd);
        server->doorstep.places[i].since_us = 0;
    }
}

/* Its request may still be on the way: it may stand there for a second, or until others come. */
static void keep_on_doorstep(struct vx_server *server, int fd) {
    size_t i = server->doorstep.next++ % VX_DOORSTEP;

    if (server->doorstep.places[i].since_us)
        shut_door(server->doorstep.places[i].fd);
    server->doorstep.places[i].fd = fd;
    server->doorstep.places[i].since_us = vx_net_now();
}

/* A word before the door is closed. With TLS it is an alert, which needs no handshake before it
 * (RFC 8446, section 6.2: internal_error), nor anything of this server's but seven bytes. */
static void turn_away(struct vx_server *server, int fd) {
    static const char alert[] = {21, 3, 3, 0, 2, 2, 80};
    char answer[VX_HEAD_SIZE];

    if (server->with_tls)
        (void)!send(fd, alert, sizeof alert, MSG_NOSIGNAL | MSG_DONTWAIT);
    else
        (void)!send(fd, answer, vx_http_busy(server, answer, sizeof answer),
                    MSG_NOSIGNAL | MSG_DONTWAIT);
    shutdown(fd, SHUT_WR);
    keep_on_doorstep(server, fd);
}

static void adopt(struct vx_server *server, int fd, const struct sockaddr *peer) {
    lws_sock_file_fd_type descriptor = {.sockfd = fd};
    struct lws *wsi;
    struct vx_conn *conn;

    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    /* lws closes the descriptor when it fails. */
    wsi = lws_adopt_descriptor_vhost(server->vhost, LWS_ADOPT_SOCKET | LWS_ADOPT_ALLOW_SSL,
                                     descriptor, vx_net_protocols[0].name, NULL);
    if (!wsi) {
        vx_count(&server->metrics.refused_setup, 1);
        return;
    }
    conn = lws_wsi_user(wsi);
    vx_addr_from_sockaddr(&conn->peer, peer);
}

void vx_listen_accept(struct vx_server *server, struct lws *wsi) {
    int listener = lws_get_socket_fd(wsi);

    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        struct sockaddr_storage peer;
        socklen_t len = sizeof peer;
        int fd = accept4(listener, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0) {
            if ((errno == EMFILE || errno == ENFILE) && vx_body_drop_files(NULL))
                continue;
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                pause_accepting(server);
            else if (errno == ECONNABORTED || errno == EINTR)
                continue;
            return;
        }
        vx_count(&server->metrics.connections_total, 1);
        if (fd >= server->descriptors) {
            log_shortage(server);
            close(fd);
        } else if (atomic_load(&server->metrics.connections) >= server->max_connections) {
            vx_count(&server->metrics.refused_full, 1);
            turn_away(server, fd);
        } else {
            adopt(server, fd, (const struct sockaddr *)&peer);
        }
    }
}
