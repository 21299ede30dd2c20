/*
 * Connections on their way from the worker that accepts to the one that is to serve them: a ring,
 * with one wake-up for all that lies in it.
 */
#include "net/net_private.h"

#include <unistd.h>

void vx_handover_init(struct vx_handover *h) {
    pthread_mutex_init(&h->lock, NULL);
}

void vx_handover_end(struct vx_handover *h) {
    for (; atomic_load(&h->count); atomic_fetch_sub(&h->count, 1))
        close(h->ring[h->next++ % VX_HANDED].fd);
    pthread_mutex_destroy(&h->lock);
}

bool vx_handover_give(struct vx_worker *to, int fd, const struct vx_addr *peer) {
    struct vx_handover *h = &to->handover;
    size_t count;

    pthread_mutex_lock(&h->lock);
    count = atomic_load_explicit(&h->count, memory_order_relaxed);
    if (count < VX_HANDED) {
        size_t place = (h->next + count) % VX_HANDED;

        h->ring[place].fd = fd;
        h->ring[place].peer = *peer;
        atomic_store_explicit(&h->count, count + 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&h->lock);
    if (!count) /* else it has been woken for the first of them, and has not looked yet */
        vx_loop_wake(to);
    return count < VX_HANDED;
}

/* -1: there is none. */
static int take_one(struct vx_handover *h, struct vx_addr *peer) {
    size_t count;
    int fd = -1;

    pthread_mutex_lock(&h->lock);
    count = atomic_load_explicit(&h->count, memory_order_relaxed);
    if (count) {
        fd = h->ring[h->next].fd;
        *peer = h->ring[h->next].peer;
        h->next = (h->next + 1) % VX_HANDED;
        atomic_store_explicit(&h->count, count - 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&h->lock);
    return fd;
}

void vx_handover_take(struct vx_worker *worker) {
    struct vx_addr peer;
    int fd;

    if (!vx_handover_any(worker))
        return;
    while ((fd = take_one(&worker->handover, &peer)) >= 0)
        vx_handover_adopt(worker, fd, &peer);
}

void vx_handover_adopt(struct vx_worker *worker, int fd, const struct vx_addr *peer) {
    lws_sock_file_fd_type descriptor = {.sockfd = fd};
    struct lws *wsi;

    worker->opened = false;
    /* lws closes the descriptor when it fails. */
    wsi = lws_adopt_descriptor_vhost(worker->vhost, LWS_ADOPT_SOCKET | LWS_ADOPT_ALLOW_SSL,
                                     descriptor, vx_net_protocols[0].name, NULL);
    if (wsi) {
        struct vx_conn *conn = lws_wsi_user(wsi);

        conn->peer = *peer;
        return;
    }
    vx_count(&worker->metrics.refused_setup, 1);
    if (!worker->opened) /* else it has been counted off as it was closed */
        vx_uncount(&worker->metrics.connections, 1);
}
