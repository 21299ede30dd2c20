/*
 * The listening sockets. They are ours, not lws's, so that a failure says what and why, that a name
 * or "[::]" means what people expect, and that a server out of connections or descriptors refuses
 * without spinning.
 *
 * One worker accepts for all and gives each connection to the one that has the fewest. If all
 * waited at the same sockets, whoever wakes first would take the whole of a burst, and with the
 * poll() of lws each connection would wake them all. With a socket each (SO_REUSEPORT) the kernel
 * deals by a hash, without a look at who has how many; a second server on the port by mistake would
 * take half of the clients instead of failing; and those who wait at a socket that is closed would
 * be reset. This way the port, max-connections and the descriptors have one place. It costs a
 * wake-up for each burst and worker.
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

#define ACCEPTS_PER_TURN   64
#define SPARE_DESCRIPTORS  64 /* for all else that the process does, */
#define WORKER_DESCRIPTORS 5  /* and for each further worker */

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
    struct vx_door *door = &server->door;
    bool alone = !list->ai_next;

    *why = 0;
    for (struct addrinfo *ai = list; ai && door->count < VX_MAX_LISTENERS; ai = ai->ai_next) {
        int fd;

        if (door->count) /* "localhost:0": the same port on each address */
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
        door->listeners[door->count++] = fd;
        server->port = bound_port(fd);
    }
    return door->count > 0;
}

bool vx_listen_open(struct vx_server *server, const struct vx_config *config, char *error,
                    size_t size) {
    const char *text = vx_config_text(config, VX_SET_LISTEN);
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
    struct vx_door *door = &server->door;

    for (size_t i = 0; i < door->count; i++)
        if (!door->accepting[i]) /* else lws closes it */
            close(door->listeners[i]);
    door->count = 0;
}

bool vx_listen_adopt(struct vx_worker *worker) {
    struct vx_door *door = &worker->server->door;

    for (size_t i = 0; i < door->count; i++) {
        lws_sock_file_fd_type fd = {.filefd = door->listeners[i]};

        door->accepting[i] = lws_adopt_descriptor_vhost(worker->vhost, LWS_ADOPT_RAW_FILE_DESC, fd,
                                                        vx_net_protocols[1].name, NULL);
        if (!door->accepting[i] || !vx_arrivals_watch(worker->arrivals, door->listeners[i]))
            return false;
    }
    return true;
}

void vx_listen_limit(struct vx_worker *worker, const struct vx_config *config) {
    const struct vx_server *server = worker->server;
    int own = WORKER_DESCRIPTORS * (int)(server->threads - 1);
    size_t wanted = (size_t)vx_config_int(config, VX_SET_MAX_CONNECTIONS), most;

    most = server->descriptors - own > 2 * SPARE_DESCRIPTORS
               ? (size_t)(server->descriptors - own - SPARE_DESCRIPTORS)
               : SPARE_DESCRIPTORS;
    if (most < wanted)
        vx_log(VX_LOG_NOTICE, "http: %zu connections at most, not %zu: file descriptors end at %d",
               most, wanted, server->descriptors);
    worker->server->door.max_connections = most < wanted ? most : wanted;
}

#define LOG_GAP_US (60 * VX_SECOND_US)

static void log_shortage(struct vx_worker *worker) {
    struct vx_door *door = &worker->server->door;
    int64_t now = vx_net_now();

    vx_count(&worker->metrics.refused_descriptors, 1);
    if (door->shortage_logged_us && now - door->shortage_logged_us < LOG_GAP_US)
        return;
    door->shortage_logged_us = now;
    vx_log(VX_LOG_ERROR, "http: out of file descriptors, clients have to wait or are refused");
}

/* Until the next tick: what cannot be accepted would make the loop spin. */
static void pause_accepting(struct vx_worker *worker) {
    struct vx_door *door = &worker->server->door;

    for (size_t i = 0; i < door->count; i++)
        lws_rx_flow_control(door->accepting[i], 0);
    door->paused = true;
    vx_net_schedule(worker);
    log_shortage(worker);
}

void vx_listen_resume(struct vx_worker *worker) {
    struct vx_door *door = &worker->server->door;

    if (!door->paused)
        return;
    door->paused = false;
    for (size_t i = 0; i < door->count; i++)
        lws_rx_flow_control(door->accepting[i], 1);
    vx_loop_stir(worker);
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
    struct vx_doorstep *step = &server->door.doorstep;
    int64_t now = vx_net_now();

    for (size_t i = 0; i < VX_DOORSTEP; i++) {
        int64_t since = step->places[i].since_us;

        if (!since || (!all && now - since < VX_SECOND_US))
            continue;
        shut_door(step->places[i].fd);
        step->places[i].since_us = 0;
    }
}

/* Its request may still be on the way: it may stand there for a second, or until others come. */
static void keep_on_doorstep(struct vx_doorstep *step, int fd) {
    size_t i = step->next++ % VX_DOORSTEP;

    if (step->places[i].since_us)
        shut_door(step->places[i].fd);
    step->places[i].fd = fd;
    step->places[i].since_us = vx_net_now();
}

/* A word before the door is closed. With TLS it is an alert, which needs no handshake before it
 * (RFC 8446, section 6.2: internal_error), nor anything of this server's but seven bytes. */
static void turn_away(struct vx_worker *worker, int fd) {
    static const char alert[] = {21, 3, 3, 0, 2, 2, 80};
    char answer[VX_HEAD_SIZE];

    if (worker->with_tls)
        (void)!send(fd, alert, sizeof alert, MSG_NOSIGNAL | MSG_DONTWAIT);
    else
        (void)!send(fd, answer, vx_http_busy(worker, answer, sizeof answer),
                    MSG_NOSIGNAL | MSG_DONTWAIT);
    shutdown(fd, SHUT_WR);
    keep_on_doorstep(&worker->server->door.doorstep, fd);
}

/* --- whom a connection is given to --- */

static uint64_t load_of(const struct vx_worker *worker) {
    return atomic_load_explicit(&worker->metrics.connections, memory_order_relaxed);
}

/* None is missing: who comes is counted here, before he is given away. */
static uint64_t connections(const struct vx_server *server) {
    uint64_t sum = 0;

    for (size_t i = 0; i < server->count; i++)
        sum += load_of(server->workers[i]);
    return sum;
}

/* The one with the fewest; of those with as many each in its turn. */
static struct vx_worker *idlest(struct vx_server *server) {
    size_t start = server->door.turn++;
    struct vx_worker *least = server->workers[start % server->count];

    for (size_t i = 1; i < server->count; i++) {
        struct vx_worker *other = server->workers[(start + i) % server->count];

        if (load_of(other) < load_of(least))
            least = other;
    }
    return least;
}

static void give_away(struct vx_worker *worker, int fd, const struct sockaddr *peer) {
    struct vx_worker *to = worker->alone ? worker : idlest(worker->server);
    struct vx_addr addr;

    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    vx_addr_from_sockaddr(&addr, peer);
    vx_count(&to->metrics.connections, 1);
    if (to != worker && vx_handover_give(to, fd, &addr))
        return;
    if (to != worker) { /* it is behind with those that it has been given */
        vx_uncount(&to->metrics.connections, 1);
        vx_count(&worker->metrics.connections, 1);
    }
    vx_handover_adopt(worker, fd, &addr);
}

void vx_listen_accept(struct vx_worker *worker, struct lws *wsi) {
    struct vx_server *server = worker->server;
    int listener = lws_get_socket_fd(wsi);

    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        struct sockaddr_storage peer;
        socklen_t len = sizeof peer;
        int fd = accept4(listener, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0) {
            if ((errno == EMFILE || errno == ENFILE) && vx_body_drop_files(NULL))
                continue;
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                pause_accepting(worker);
            else if (errno == ECONNABORTED || errno == EINTR)
                continue;
            return;
        }
        vx_count(&worker->metrics.connections_total, 1);
        if (fd >= server->descriptors) {
            log_shortage(worker);
            close(fd);
        } else if (connections(server) >= server->door.max_connections) {
            vx_count(&worker->metrics.refused_full, 1);
            turn_away(worker, fd);
        } else {
            give_away(worker, fd, (const struct sockaddr *)&peer);
        }
    }
}
