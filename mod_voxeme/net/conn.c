/*
 * A client's connection, from lws's callbacks to its next state. lws calls back for one connection
 * at a time and is told "close" by the return of -1.
 */
#include "net/net_private.h"

#include "core/alloc.h"
#include "net/arrivals.h"

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h> /* glibc's tcp_info ends before tcpi_bytes_acked */
#include <netinet/in.h>
#include <openssl/err.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* --- what has been received and not been consumed --- */

/* Exact, whoever else charges at the same time: what would go beyond the limit is never counted. */
bool vx_conn_charge(struct vx_conn *conn, size_t cap, size_t expected) {
    atomic_uint_fast64_t *memory = &conn->worker->server->body_memory;
    uint_fast64_t before = atomic_load(memory), others;
    size_t limit = conn->worker->max_body_memory, most = cap > expected ? cap : expected;

    do {
        others = before - conn->charged;
        if (others > limit || most > limit - others)
            return false;
    } while (!atomic_compare_exchange_weak(memory, &before, others + cap));
    conn->charged = cap;
    return true;
}

void vx_conn_uncharge(struct vx_conn *conn) {
    if (conn->charged)
        vx_uncount(&conn->worker->server->body_memory, conn->charged);
    conn->charged = 0;
}

static size_t room_for(const struct vx_conn *conn, size_t len) {
    size_t cap = conn->in_cap ? conn->in_cap : 2048;

    while (cap - conn->in_len < len)
        cap *= 2;
    /* No more than it takes, where that is known. */
    return conn->want >= conn->in_len + len && conn->want < cap ? conn->want : cap;
}

/* What it takes is wiped where it was: it may be a part of something secret. */
static bool stash(struct vx_conn *conn, char *at, size_t len) {
    if (!len)
        return true;
    if (conn->in_cap - conn->in_len < len) {
        size_t cap = room_for(conn, len);
        char *in;

        if (conn->keeping && !vx_conn_charge(conn, cap, 0))
            return false;
        in = vx_malloc(cap);
        if (!in)
            return false;
        if (conn->in_len) {
            memcpy(in, conn->in, conn->in_len);
            explicit_bzero(conn->in, conn->in_len);
        }
        vx_free(conn->in);
        conn->in = in;
        conn->in_cap = cap;
    }
    memcpy(conn->in + conn->in_len, at, len);
    explicit_bzero(at, len);
    conn->in_len += len;
    return true;
}

static void drop_front(struct vx_conn *conn, size_t len) {
    conn->in_len -= len;
    if (conn->in_len) {
        memmove(conn->in, conn->in + len, conn->in_len);
        explicit_bzero(conn->in + conn->in_len, len);
        return;
    }
    if (conn->in)
        explicit_bzero(conn->in, len);
    vx_free(conn->in);
    conn->in = NULL;
    conn->in_cap = 0;
}

/* --- time-outs --- */

static uint64_t acked_bytes(const struct vx_conn *conn) {
    struct tcp_info tcp = {0};
    socklen_t len = sizeof tcp;

    if (getsockopt(lws_get_socket_fd(conn->wsi), IPPROTO_TCP, TCP_INFO, &tcp, &len))
        return 0;
    return tcp.tcpi_bytes_acked;
}

void vx_conn_set_timeout(struct vx_conn *conn, enum vx_timeout kind) {
    struct vx_worker *worker = conn->worker;

    conn->timeout = kind;
    vx_timer_set(&worker->wheel, &conn->timer, vx_net_now() + worker->timeout_us[kind]);
}

/* At the next turn of the loop. */
static void kill_conn(struct vx_conn *conn) {
    lws_set_timeout(conn->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
    vx_loop_stir(conn->worker);
}

void vx_conn_reset(struct vx_conn *conn) {
    struct linger now = {.l_onoff = 1};

    (void)setsockopt(lws_get_socket_fd(conn->wsi), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    kill_conn(conn);
}

/* --- clients that take their time --- */

/* The bytes that the client's kernel has not taken yet, or that it has not said so of. */
static bool owed(const struct vx_conn *conn) {
    int left = 0;

    return !ioctl(lws_get_socket_fd(conn->wsi), SIOCOUTQ, &left) && left > 0;
}

static void begin_period(struct vx_conn *conn) {
    conn->acked = acked_bytes(conn);
    conn->write_due_us = vx_net_now() + conn->worker->timeout_us[VX_TIMEOUT_WRITE];
}

static void await_period(struct vx_conn *conn) {
    conn->timeout = VX_TIMEOUT_WRITE;
    vx_timer_set(&conn->worker->wheel, &conn->timer, conn->write_due_us);
}

/* At the end of a period: whether the client has taken enough in it to be given another. Else it is
 * reset. The period runs on over the answers of one connection for as long as they wait for the
 * client: else one that takes a byte now and then would have a new one each time. */
static void end_period(struct vx_conn *conn) {
    struct vx_worker *worker = conn->worker;
    uint64_t seconds = (uint64_t)(worker->timeout_us[VX_TIMEOUT_WRITE] / VX_SECOND_US);
    uint64_t acked = acked_bytes(conn);
    uint64_t taken = acked > conn->acked ? acked - conn->acked : 0;

    if (taken && taken >= worker->min_write_rate * seconds) {
        begin_period(conn);
        await_period(conn);
        return;
    }
    vx_count(taken ? &worker->metrics.too_slow : &worker->metrics.timeouts[VX_TIMEOUT_WRITE], 1);
    vx_conn_reset(conn);
}

/* Something waits to be taken by the client. */
static void await_client(struct vx_conn *conn) {
    if (!conn->write_due_us)
        begin_period(conn);
    if (conn->timeout != VX_TIMEOUT_WRITE)
        await_period(conn);
}

/* All is handed to the kernel, but the client has not got it: that is not idleness. False: it has.
 */
static bool still_taking(struct vx_conn *conn) {
    if (!owed(conn))
        return false;
    if (conn->write_due_us) {
        end_period(conn);
    } else {
        begin_period(conn);
        await_period(conn);
    }
    return true;
}

/* --- states --- */

static void set_awaiting_room(struct vx_conn *conn, bool awaiting) {
    conn->worker->awaiting_room += awaiting;
    conn->worker->awaiting_room -= conn->awaiting_room;
    conn->awaiting_room = awaiting;
}

void vx_conn_await_room(struct vx_conn *conn) {
    set_awaiting_room(conn, true);
    lws_callback_on_writable(conn->wsi);
    vx_loop_stir(conn->worker);
}

/* All is said. Closing now could make the kernel reset the connection, and the client lose the
 * answer, if anything more of it is on the way: wait for the client to close. */
static void linger(struct vx_conn *conn) {
    SSL *ssl = lws_get_ssl(conn->wsi);

    if (ssl) {
        SSL_shutdown(ssl);
        ERR_clear_error();
    }
    shutdown(lws_get_socket_fd(conn->wsi), SHUT_WR);
    conn->state = VX_LINGERING;
    conn->write_due_us = 0;
    vx_http_forget(conn);
    drop_front(conn, conn->in_len);
    vx_timer_set(&conn->worker->wheel, &conn->timer, vx_net_now() + VX_LINGER_US);
}

static void set_paused(struct vx_conn *conn, bool paused) {
    if (conn->paused == paused)
        return;
    conn->paused = paused;
    lws_rx_flow_control(conn->wsi, !paused);
    vx_loop_stir(conn->worker);
}

/* After anything has happened: what to wait for next. */
static void settle(struct vx_conn *conn) {
    bool full = false;

    if (conn->state == VX_READING && conn->closing)
        linger(conn);
    if (conn->state != VX_HELD)
        vx_hangup_forget(conn);
    switch (conn->state) {
    case VX_READING:
        if (!conn->again)
            conn->write_due_us = 0;
        if (conn->in_len && conn->timeout != VX_TIMEOUT_HEADER)
            vx_conn_set_timeout(conn, VX_TIMEOUT_HEADER);
        else if (!conn->in_len && conn->timeout != VX_TIMEOUT_HEADER)
            vx_conn_set_timeout(conn, VX_TIMEOUT_IDLE);
        if (conn->again)
            vx_conn_await_room(conn);
        full = conn->again;
        break;
    case VX_HELD:
        conn->write_due_us = 0;
        full = vx_hangup_watch(conn) || conn->in_len >= conn->worker->max_header;
        break;
    case VX_WRITING:
        await_client(conn);
        full = true; /* lws would spin on what it can read but does not want to */
        break;
    case VX_STREAMING:
        if (vx_http_is_sending(conn)) {
            await_client(conn);
            break;
        }
        conn->write_due_us = 0;
        if (conn->timeout != VX_TIMEOUT_PING && conn->timeout != VX_TIMEOUT_RETRY)
            vx_conn_set_timeout(conn, VX_TIMEOUT_PING);
        break;
    case VX_LINGERING:
        break;
    }
    set_paused(conn, full);
}

/* Handles what is in the buffer. */
static bool run(struct vx_conn *conn) {
    ssize_t n;

    if (conn->state != VX_READING || !conn->in_len || vx_http_skipping(conn))
        return true;
    n = vx_http_consume(conn, conn->in, conn->in_len);
    if (n < 0)
        return false;
    if (n)
        drop_front(conn, (size_t)n);
    if (conn->state == VX_STREAMING && conn->in_len) {
        vx_stream_receive(conn, conn->in, conn->in_len);
        drop_front(conn, conn->in_len);
    }
    return true;
}

/* The request that is being received cannot be gone on with. */
static bool give_up(struct vx_conn *conn, unsigned status, const char *msg) {
    if (conn->state != VX_READING) /* it is another one's turn to be answered */
        return false;
    if (!vx_http_refuse(conn, vx_http_is_head(conn->in, conn->in_len), status, msg))
        return false;
    settle(conn);
    return true;
}

/* Keeps it, and goes on with what there is. */
static bool take_in(struct vx_conn *conn, char *at, size_t len) {
    if (!stash(conn, at, len))
        return give_up(conn, 503, "no memory for this request now");
    if (conn->again)
        return true;
    if (!run(conn))
        return false;
    settle(conn);
    return true;
}

static bool skip(struct vx_conn *conn, char *at, size_t len) {
    struct vx_http_error error;
    ssize_t n = vx_http_skip(conn, at, len, &error);

    if (n < 0)
        return give_up(conn, error.status, error.msg);
    return vx_http_skipping(conn) || take_in(conn, at + n, len - (size_t)n);
}

static bool on_receive(struct vx_conn *conn, char *at, size_t len) {
    ssize_t n = 0;

    vx_count(&conn->worker->metrics.received, len);
    if (!conn->greeted) { /* lws's own time-out for a handshake */
        lws_set_timeout(conn->wsi, NO_PENDING_TIMEOUT, 0);
        conn->greeted = true;
    }
    if (conn->state == VX_LINGERING)
        return true;
    if (conn->state == VX_READING && vx_http_skipping(conn))
        return skip(conn, at, len);
    if (conn->state == VX_STREAMING) {
        vx_stream_receive(conn, at, len);
        return true;
    }
    if (conn->state != VX_READING || conn->in_len)
        return take_in(conn, at, len);
    n = vx_http_consume(conn, at, len); /* in place: most requests come whole */
    if (n < 0)
        return false;
    if (conn->state == VX_STREAMING)
        vx_stream_receive(conn, at + n, len - (size_t)n);
    else if (!stash(conn, at + n, len - (size_t)n))
        return give_up(conn, 503, "no memory for this request now");
    settle(conn);
    return true;
}

/* lws keeps its buffer for whatever comes next; a token or a password is not to stay in it. */
static bool receive_and_wipe(struct vx_conn *conn, char *at, size_t len) {
    bool ok = on_receive(conn, at, len);

    if (len)
        explicit_bzero(at, len);
    return ok;
}

static bool go_on_streaming(struct vx_conn *conn) {
    if (lws_partial_buffered(conn->wsi)) {
        vx_conn_await_room(conn);
        return true;
    }
    return vx_http_send_body(conn, NULL) && vx_stream_pump(conn);
}

static bool on_writable(struct vx_conn *conn) {
    set_awaiting_room(conn, false);
    if (conn->state == VX_LINGERING)
        return true;
    if (conn->state == VX_WRITING) {
        if (lws_partial_buffered(conn->wsi)) {
            vx_conn_await_room(conn);
            return true;
        }
        if (!vx_http_send(conn))
            return false;
    } else if (conn->state == VX_STREAMING && !go_on_streaming(conn)) {
        return false;
    }
    if (!conn->closing && !run(conn))
        return false;
    settle(conn);
    return true;
}

void vx_conn_resume(struct vx_conn *conn) {
    bool ok =
        conn->stream ? vx_stream_pump(conn) : vx_hold_ask(conn) && (conn->closing || run(conn));

    if (!ok)
        kill_conn(conn);
    else
        settle(conn);
    errno = 0; /* as for timers: see turn() */
}

static void expire_header(struct vx_conn *conn) {
    struct vx_response response = {0};

    vx_count(&conn->worker->metrics.timeouts[VX_TIMEOUT_HEADER], 1);
    if (!conn->in_len) {
        kill_conn(conn);
        return;
    }
    conn->closing = true;
    vx_api_error(&response, 408, "the request did not arrive in time");
    if (vx_http_answer(conn, &response, vx_http_is_head(conn->in, conn->in_len)))
        settle(conn);
    else
        kill_conn(conn);
}

static void expire_idle(struct vx_conn *conn) {
    if (still_taking(conn))
        return;
    vx_count(&conn->worker->metrics.timeouts[VX_TIMEOUT_IDLE], 1);
    linger(conn);
}

void vx_conn_expire(struct vx_timer *timer) {
    struct vx_conn *conn =
        (struct vx_conn *)(void *)((char *)timer - offsetof(struct vx_conn, timer));

    switch (conn->state) {
    case VX_HELD:
        conn->expired = true;
        vx_hold_wake(conn);
        break;
    case VX_LINGERING:
        if (!still_taking(conn))
            vx_conn_reset(conn);
        break;
    case VX_WRITING:
        end_period(conn);
        break;
    case VX_STREAMING:
        if (conn->timeout == VX_TIMEOUT_WRITE && vx_http_is_sending(conn))
            end_period(conn);
        else if (!vx_stream_expire(conn))
            vx_conn_reset(conn);
        break;
    case VX_READING:
        if (conn->timeout == VX_TIMEOUT_HEADER)
            expire_header(conn);
        else
            expire_idle(conn);
        break;
    }
}

void vx_conn_half_closed(struct vx_conn *conn) {
    if (conn->state == VX_HELD && conn->interim && !vx_http_interim(conn))
        kill_conn(conn);
}

/* --- lws --- */

static void on_open(struct vx_conn *conn, struct vx_worker *worker, struct lws *wsi) {
    conn->worker = worker;
    worker->opened = true;
    conn->wsi = wsi;
    conn->next = worker->conns;
    conn->link = &worker->conns;
    if (conn->next)
        conn->next->link = &conn->next;
    worker->conns = conn;
    if (!worker->wheel.count)
        vx_net_schedule(worker);
    vx_conn_set_timeout(conn, VX_TIMEOUT_HEADER);
    if (!vx_arrivals_watch(worker->arrivals, lws_get_socket_fd(wsi))) {
        vx_count(&worker->metrics.refused_setup, 1);
        kill_conn(conn);
    }
}

static void on_close(struct vx_conn *conn) {
    if (!conn || !conn->worker) /* lws gave up before it was open */
        return;
    set_awaiting_room(conn, false);
    vx_hangup_forget(conn);
    vx_hold_drop(conn);
    vx_stream_drop(conn);
    vx_http_forget(conn);
    vx_timer_clear(&conn->worker->wheel, &conn->timer);
    vx_body_release(&conn->out);
    drop_front(conn, conn->in_len);
    *conn->link = conn->next;
    if (conn->next)
        conn->next->link = conn->link;
    vx_uncount(&conn->worker->metrics.connections, 1);
    conn->worker = NULL;
}

static int on_connection(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                         size_t len) {
    struct vx_worker *worker = lws_context_user(lws_get_context(wsi));
    struct vx_conn *conn = user;

    worker->callbacks++;
    switch ((int)reason) {
    case LWS_CALLBACK_RAW_ADOPT:
        on_open(conn, worker, wsi);
        return 0;
    case LWS_CALLBACK_RAW_RX:
        return receive_and_wipe(conn, in, len) ? 0 : -1;
    case LWS_CALLBACK_RAW_WRITEABLE:
        return on_writable(conn) ? 0 : -1;
    case LWS_CALLBACK_RAW_CLOSE:
        on_close(conn);
        return 0;
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
        vx_net_woken(worker);
        return 0;
    case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS:
        return vx_tls_prepare(worker->server, user) ? 0 : 1;
    default:
        return 0;
    }
}

static int on_listener(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                       size_t len) {
    struct vx_worker *worker = lws_context_user(lws_get_context(wsi));

    (void)user, (void)in, (void)len;
    worker->callbacks++;
    if (reason == LWS_CALLBACK_RAW_RX_FILE)
        vx_listen_accept(worker, wsi);
    return 0;
}

static int on_hangup(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                     size_t len) {
    struct vx_worker *worker = lws_context_user(lws_get_context(wsi));

    (void)user, (void)in, (void)len;
    worker->callbacks++;
    if (reason == LWS_CALLBACK_RAW_RX_FILE)
        vx_hangup_ready(worker);
    return 0;
}

const struct lws_protocols vx_net_protocols[] = {
    {.name = "voxeme-http",
     .callback = on_connection,
     .per_session_data_size = sizeof(struct vx_conn),
     .tx_packet_size = VX_TLS_CHUNK},
    {.name = "voxeme-listen", .callback = on_listener},
    {.name = "voxeme-hangup", .callback = on_hangup},
    {0},
};
