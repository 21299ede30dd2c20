/*
 * A client's connection, from lws's callbacks to its next state. lws calls back for one connection
 * at a time and is told "close" by the return of -1.
 */
#include "net/net_private.h"

#include "core/alloc.h"

#include <linux/tcp.h> /* glibc's tcp_info ends before tcpi_bytes_acked */
#include <netinet/in.h>
#include <openssl/err.h>
#include <stddef.h>
#include <sys/socket.h>

/* --- what has been received and not been consumed --- */

static bool stash(struct vx_conn *conn, const char *at, size_t len) {
    if (!len)
        return true;
    if (conn->in_cap - conn->in_len < len) {
        size_t cap = conn->in_cap ? conn->in_cap : 2048;
        char *in;

        while (cap - conn->in_len < len)
            cap *= 2;
        in = vx_realloc(conn->in, cap);
        if (!in)
            return false;
        conn->in = in;
        conn->in_cap = cap;
    }
    memcpy(conn->in + conn->in_len, at, len);
    conn->in_len += len;
    return true;
}

static void drop_front(struct vx_conn *conn, size_t len) {
    conn->in_len -= len;
    if (conn->in_len) {
        memmove(conn->in, conn->in + len, conn->in_len);
        return;
    }
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

static void set_timeout(struct vx_conn *conn, enum vx_timeout kind) {
    struct vx_server *server = conn->server;

    conn->timeout = kind;
    vx_timer_set(&server->wheel, &conn->timer, vx_net_now() + server->timeout_us[kind]);
}

/* At the next turn of the loop. */
static void kill_conn(struct vx_conn *conn) {
    lws_set_timeout(conn->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
}

/* What lies unread or unsent in the kernel is thrown away: it would be kept for minutes. */
static void reset_conn(struct vx_conn *conn) {
    struct linger now = {.l_onoff = 1};

    (void)setsockopt(lws_get_socket_fd(conn->wsi), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    kill_conn(conn);
}

/* --- states --- */

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
    drop_front(conn, conn->in_len);
    vx_timer_set(&conn->server->wheel, &conn->timer, vx_net_now() + VX_LINGER_US);
}

static void set_paused(struct vx_conn *conn, bool paused) {
    if (conn->paused == paused)
        return;
    conn->paused = paused;
    lws_rx_flow_control(conn->wsi, !paused);
}

/* After anything has happened: what to wait for next. */
static void settle(struct vx_conn *conn) {
    bool full = false;

    if (conn->state == VX_READING && conn->closing)
        linger(conn);
    switch (conn->state) {
    case VX_READING:
        if (conn->in_len && conn->timeout != VX_TIMEOUT_HEADER)
            set_timeout(conn, VX_TIMEOUT_HEADER);
        else if (!conn->in_len && conn->timeout != VX_TIMEOUT_HEADER)
            set_timeout(conn, VX_TIMEOUT_IDLE);
        if (conn->again)
            lws_callback_on_writable(conn->wsi);
        full = conn->again;
        break;
    case VX_HELD:
        full = conn->in_len >= conn->server->max_header;
        break;
    case VX_WRITING:
        if (conn->timeout != VX_TIMEOUT_WRITE) {
            conn->acked = acked_bytes(conn);
            set_timeout(conn, VX_TIMEOUT_WRITE);
        }
        full = true; /* lws would spin on what it can read but does not want to */
        break;
    case VX_LINGERING:
        break;
    }
    set_paused(conn, full);
}

/* Handles what is in the buffer. */
static bool run(struct vx_conn *conn) {
    ssize_t n;

    if (conn->state != VX_READING || !conn->in_len)
        return true;
    n = vx_http_consume(conn, conn->in, conn->in_len);
    if (n < 0)
        return false;
    if (n)
        drop_front(conn, (size_t)n);
    return true;
}

static bool on_receive(struct vx_conn *conn, char *at, size_t len) {
    ssize_t n = 0;

    vx_count(&conn->server->metrics.received, len);
    if (!conn->greeted) { /* lws's own time-out for a handshake */
        lws_set_timeout(conn->wsi, NO_PENDING_TIMEOUT, 0);
        conn->greeted = true;
    }
    if (conn->state == VX_LINGERING)
        return true;
    if (conn->state == VX_READING && !conn->in_len) {
        n = vx_http_consume(conn, at, len); /* in place: most requests come whole */
        if (n < 0 || !stash(conn, at + n, len - (size_t)n))
            return false;
    } else if (!stash(conn, at, len) || (!conn->again && !run(conn))) {
        return false;
    }
    settle(conn);
    return true;
}

static bool on_writable(struct vx_conn *conn) {
    if (conn->state == VX_LINGERING)
        return true;
    if (conn->state == VX_WRITING) {
        if (lws_partial_buffered(conn->wsi)) {
            lws_callback_on_writable(conn->wsi);
            return true;
        }
        conn->timeout = VX_TIMEOUT_NONE; /* it takes something: its time starts anew */
        if (!vx_http_send(conn))
            return false;
    }
    if (!conn->closing && !run(conn))
        return false;
    settle(conn);
    return true;
}

void vx_conn_resume(struct vx_conn *conn) {
    if (!vx_hold_ask(conn) || (!conn->closing && !run(conn)))
        kill_conn(conn);
    else
        settle(conn);
}

static void expire_header(struct vx_conn *conn) {
    struct vx_response response = {0};

    vx_count(&conn->server->metrics.timeouts[VX_TIMEOUT_HEADER], 1);
    if (!conn->in_len) {
        kill_conn(conn);
        return;
    }
    conn->closing = conn->broken = true;
    vx_api_error(&response, 408, "the request did not arrive in time");
    if (vx_http_answer(conn, &response, false))
        settle(conn);
    else
        kill_conn(conn);
}

static void expire_write(struct vx_conn *conn) {
    uint64_t acked = acked_bytes(conn);

    if (acked != conn->acked) { /* slow, but it takes something */
        conn->acked = acked;
        set_timeout(conn, VX_TIMEOUT_WRITE);
        return;
    }
    vx_count(&conn->server->metrics.timeouts[VX_TIMEOUT_WRITE], 1);
    reset_conn(conn);
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
        reset_conn(conn);
        break;
    case VX_WRITING:
        expire_write(conn);
        break;
    case VX_READING:
        if (conn->timeout == VX_TIMEOUT_HEADER) {
            expire_header(conn);
        } else {
            vx_count(&conn->server->metrics.timeouts[VX_TIMEOUT_IDLE], 1);
            linger(conn);
        }
        break;
    }
}

/* --- lws --- */

static void on_open(struct vx_conn *conn, struct vx_server *server, struct lws *wsi) {
    conn->server = server;
    conn->wsi = wsi;
    conn->next = server->conns;
    conn->link = &server->conns;
    if (conn->next)
        conn->next->link = &conn->next;
    server->conns = conn;
    vx_count(&server->metrics.connections, 1);
    if (!server->wheel.count)
        vx_net_schedule(server);
    set_timeout(conn, VX_TIMEOUT_HEADER);
}

static void on_close(struct vx_conn *conn) {
    if (!conn || !conn->server) /* lws gave up before it was open */
        return;
    vx_hold_drop(conn);
    vx_timer_clear(&conn->server->wheel, &conn->timer);
    vx_body_release(&conn->out);
    drop_front(conn, conn->in_len);
    *conn->link = conn->next;
    if (conn->next)
        conn->next->link = conn->link;
    vx_uncount(&conn->server->metrics.connections, 1);
    conn->server = NULL;
}

static int on_connection(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                         size_t len) {
    struct vx_server *server = lws_context_user(lws_get_context(wsi));
    struct vx_conn *conn = user;

    switch ((int)reason) {
    case LWS_CALLBACK_RAW_ADOPT:
        on_open(conn, server, wsi);
        return 0;
    case LWS_CALLBACK_RAW_RX:
        return on_receive(conn, in, len) ? 0 : -1;
    case LWS_CALLBACK_RAW_WRITEABLE:
        return on_writable(conn) ? 0 : -1;
    case LWS_CALLBACK_RAW_CLOSE:
        on_close(conn);
        return 0;
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
        vx_net_woken(server);
        return 0;
    case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS:
        return vx_tls_prepare(server, user) ? 0 : 1;
    default:
        return 0;
    }
}

static int on_listener(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                       size_t len) {
    (void)user, (void)in, (void)len;
    if (reason == LWS_CALLBACK_RAW_RX_FILE)
        vx_listen_accept(lws_context_user(lws_get_context(wsi)), wsi);
    return 0;
}

const struct lws_protocols vx_net_protocols[] = {
    {.name = "voxeme-http",
     .callback = on_connection,
     .per_session_data_size = sizeof(struct vx_conn),
     .tx_packet_size = VX_TLS_CHUNK},
    {.name = "voxeme-listen", .callback = on_listener},
    {0},
};
