/*
 * A network thread: waits until somebody knocks, then has lws look at its sockets until it finds
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

bool vx_loop_open(struct vx_worker *worker) {
    worker->arrivals = vx_arrivals_open();
    worker->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    vx_loop_stir(worker);
    return worker->arrivals >= 0 && worker->bell >= 0 &&
           vx_arrivals_watch_bell(worker->arrivals, worker->bell);
}

void vx_loop_close(struct vx_worker *worker) {
    if (worker->arrivals >= 0)
        close(worker->arrivals);
    if (worker->bell >= 0)
        close(worker->bell);
}

void vx_loop_wake(struct vx_worker *worker) {
    uint64_t one = 1;

    if (!atomic_exchange(&worker->woken, true))
        (void)!write(worker->bell, &one, sizeof one);
}

/* Some of what lws does calls nobody back, and only a second turn finds what comes after it: a TLS
 * handshake that is over, behind which a request may lie in the socket; the rest of an answer,
 * which lws has kept, and behind which there is room for more. */
void vx_loop_stir(struct vx_worker *worker) {
    worker->turns = worker->with_tls || worker->awaiting_room ? 2 : 1;
}

bool vx_loop_look(struct vx_worker *worker, int timeout_ms) {
    bool any = vx_arrivals_take(worker->arrivals, timeout_ms);

    if (any)
        vx_loop_stir(worker);
    return any;
}

/* A turn of lws's. 0, or why nobody was served in it. lws does not look at what poll() returns:
 * when it fails, because the kernel has no memory for it or somebody has lowered the limit of file
 * descriptors below what is open, the loop spins. It shows by errno, when no callback has come. */
static int turn(struct vx_worker *worker) {
    uint64_t callbacks = worker->callbacks;
    int e;

    worker->turns--; /* before: what its timers ask for is for the next one */
    errno = 0;
    e = lws_service(worker->context, NO_WAIT) < 0 ? (errno ? errno : EIO) : 0;
    if (!e && worker->callbacks == callbacks && (errno == ENOMEM || errno == EINVAL))
        e = errno;
    if (e || worker->callbacks != callbacks)
        vx_loop_stir(worker);
    return e;
}

/* It may pass; a thread that ended would be gone for ever. */
static void outlast_failure(struct vx_worker *worker, int e, int64_t *gap_us) {
    struct timespec pause;

    vx_count(&worker->metrics.loop_failures, 1);
    if (!*gap_us)
        vx_log(VX_LOG_ERROR, "http: the network loop fails, nobody is served: %s", strerror(e));
    *gap_us = *gap_us ? 2 * *gap_us : SHORTEST_GAP_US;
    if (*gap_us > LONGEST_GAP_US)
        *gap_us = LONGEST_GAP_US;
    atomic_store(&worker->failing, true);
    pause = (struct timespec){.tv_sec = *gap_us / VX_SECOND_US,
                              .tv_nsec = *gap_us % VX_SECOND_US * 1000};
    nanosleep(&pause, NULL);
}

static void recover(struct vx_worker *worker, int64_t *gap_us) {
    *gap_us = 0;
    vx_log(VX_LOG_NOTICE, "http: the network loop works again");
    atomic_store(&worker->failing, false);
}

static int until(int64_t due_us) {
    int64_t left = due_us - vx_net_now();

    return left > 0 ? (int)((left + 999) / 1000) : 0;
}

void vx_loop_run(struct vx_worker *worker) {
    int64_t gap_us = 0;

    while (!atomic_load(&worker->stop)) {
        int e = 0;

        /* Whoever looked last may have heard the bell as well. */
        if (!worker->turns && !worker->line && !atomic_load(&worker->woken))
            (void)vx_loop_look(worker, until(worker->timer_us));
        if (atomic_exchange(&worker->woken, false))
            vx_net_woken(worker);
        if (!worker->turns && vx_net_now() >= worker->timer_us)
            vx_loop_stir(worker);
        if (worker->turns)
            e = turn(worker);
        vx_holds_run(worker);
        if (e)
            outlast_failure(worker, e, &gap_us);
        else if (gap_us)
            recover(worker, &gap_us);
    }
}
