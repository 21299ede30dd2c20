/*
 * The network thread: waits until somebody knocks, then has lws look at its sockets until it finds
 * nothing more to do, and serves those who stand in line.
 *
 * lws waits in poll(), which looks at every connection before it sleeps and after it has been
 * woken. So the waiting is done in arrivals.h, and lws, whose timers and sockets these are, is
 * asked without waiting. That it finds nothing says that all is read: what comes later is told.
 */
#include "config.h" /* eventfd() */

#include "net/net_private.h"

#include "core/clock.h"
#include "core/log.h"
#include "net/arrivals.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define SHORTEST_GAP_US (VX_SECOND_US / 100)
#define LONGEST_GAP_US  (VX_SECOND_US / 2)

/* Of lws_service(): looks at what is there and waits for nothing. */
#define NO_WAIT (-1)

bool vx_loop_open(struct vx_server *server) {
    server->arrivals = vx_arrivals_open();
    server->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    vx_loop_stir(server);
    return server->arrivals >= 0 && server->bell >= 0 &&
           vx_arrivals_watch_bell(server->arrivals, server->bell);
}

void vx_loop_close(struct vx_server *server) {
    if (server->arrivals >= 0)
        close(server->arrivals);
    if (server->bell >= 0)
        close(server->bell);
}

void vx_loop_wake(void *ctx) {
    struct vx_server *server = ctx;
    uint64_t one = 1;

    if (!atomic_exchange(&server->woken, true))
        (void)!write(server->bell, &one, sizeof one);
}

/* A TLS handshake that is over calls nobody back, and what came behind it may lie in the socket:
 * then only a second turn finds it. */
void vx_loop_stir(struct vx_server *server) {
    server->turns = server->with_tls ? 2 : 1;
}

bool vx_loop_look(struct vx_server *server, int timeout_ms) {
    bool any = vx_arrivals_take(server->arrivals, timeout_ms);

    if (any)
        vx_loop_stir(server);
    return any;
}

/* A turn of lws's. 0, or why nobody was served in it. lws does not look at what poll() returns:
 * when it fails, because the kernel has no memory for it or somebody has lowered the limit of file
 * descriptors below what is open, the loop spins. It shows by errno, when no callback has come. */
static int turn(struct vx_server *server) {
    uint64_t callbacks = server->callbacks;
    int e;

    errno = 0;
    if (lws_service(server->context, NO_WAIT) < 0)
        return errno ? errno : EIO;
    e = errno;
    if (server->callbacks != callbacks)
        vx_loop_stir(server);
    else if (e == ENOMEM || e == EINVAL)
        return e;
    else
        server->turns--;
    return 0;
}

/* It may pass; a thread that ended would be gone for ever. */
static void outlast_failure(struct vx_server *server, int e, int64_t *gap_us) {
    struct timespec pause;

    vx_count(&server->metrics.loop_failures, 1);
    if (!*gap_us)
        vx_log(VX_LOG_ERROR, "http: the network loop fails, nobody is served: %s", strerror(e));
    *gap_us = *gap_us ? 2 * *gap_us : SHORTEST_GAP_US;
    if (*gap_us > LONGEST_GAP_US)
        *gap_us = LONGEST_GAP_US;
    atomic_store(&server->failing, true);
    pause = (struct timespec){.tv_sec = *gap_us / VX_SECOND_US,
                              .tv_nsec = *gap_us % VX_SECOND_US * 1000};
    nanosleep(&pause, NULL);
}

static void recover(struct vx_server *server, int64_t *gap_us) {
    *gap_us = 0;
    vx_log(VX_LOG_NOTICE, "http: the network loop works again");
    atomic_store(&server->failing, false);
}

static int until(int64_t due_us) {
    int64_t left = due_us - vx_net_now();

    return left > 0 ? (int)((left + 999) / 1000) : 0;
}

void vx_loop_run(struct vx_server *server) {
    int64_t gap_us = 0;

    while (!atomic_load(&server->stop)) {
        int e = 0;

        /* Whoever looked last may have heard the bell as well. */
        if (!server->turns && !server->line && !atomic_load(&server->woken))
            (void)vx_loop_look(server, until(server->timer_us));
        if (atomic_exchange(&server->woken, false))
            vx_net_woken(server);
        if (!server->turns && vx_net_now() >= server->timer_us)
            vx_loop_stir(server);
        if (server->turns)
            e = turn(server);
        vx_holds_run(server);
        if (e)
            outlast_failure(server, e, &gap_us);
        else if (gap_us)
            recover(server, &gap_us);
    }
}
