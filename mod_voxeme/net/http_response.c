/*
 * The way out: the head is written right before the body and both leave in one write; what the
 * socket does not take follows when it has room. Bodies are shared, so that a client that does not
 * read costs a reference, and with TLS the one chunk that lws keeps for it.
 */
#include "net/net_private.h"

#include "config.h"
#include "core/alloc.h"
#include "core/log.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#define RUNS_AT_ONCE 64

_Static_assert(VX_HEAD_SIZE <= VX_BODY_HEADROOM, "a head has to fit in front of a body");

static const char preflight[] =
    "Access-Control-Allow-Headers: Authorization, Content-Type, If-None-Match, Idempotency-Key\r\n"
    "Access-Control-Max-Age: 86400\r\n";

#define LINE(status, reason)                                                                       \
    {                                                                                              \
        status, "HTTP/1.1 " #status " " reason "\r\n",                                             \
            sizeof "HTTP/1.1 " #status " " reason "\r\n" - 1                                       \
    }

static const struct {
    unsigned status;
    const char *line;
    size_t len;
} status_lines[] = {
    LINE(200, "OK"),
    LINE(101, "Switching Protocols"),
    LINE(304, "Not Modified"),
    LINE(201, "Created"),
    LINE(202, "Accepted"),
    LINE(204, "No Content"),
    LINE(400, "Bad Request"),
    LINE(401, "Unauthorized"),
    LINE(403, "Forbidden"),
    LINE(404, "Not Found"),
    LINE(405, "Method Not Allowed"),
    LINE(408, "Request Timeout"),
    LINE(409, "Conflict"),
    LINE(411, "Length Required"),
    LINE(413, "Content Too Large"),
    LINE(415, "Unsupported Media Type"),
    LINE(417, "Expectation Failed"),
    LINE(422, "Unprocessable Content"),
    LINE(426, "Upgrade Required"),
    LINE(429, "Too Many Requests"),
    LINE(431, "Request Header Fields Too Large"),
    LINE(500, "Internal Server Error"),
    LINE(501, "Not Implemented"),
    LINE(503, "Service Unavailable"),
    LINE(504, "Gateway Timeout"),
    LINE(505, "HTTP Version Not Supported"),
};

/* --- the head --- */

struct head {
    char *at;
    size_t len, size;
    bool full;
};

static inline void put(struct head *h, const char *bytes, size_t len) {
    if (len > h->size - h->len) {
        h->full = true;
        return;
    }
    memcpy(h->at + h->len, bytes, len);
    h->len += len;
}

#define PUT(h, literal) put(h, "" literal, sizeof(literal) - 1)

static void put_number(struct head *h, uint64_t n) {
    char digits[VX_DECIMAL];

    put(h, digits, vx_decimal(digits, n));
}

#define PUT_FIELD(h, name, value) (PUT(h, name ": "), put_value(h, value))

static void put_value(struct head *h, const char *value) {
    put(h, value, strlen(value));
    PUT(h, "\r\n");
}

static void put_status(struct head *h, unsigned status) {
    for (size_t i = 0; i < sizeof status_lines / sizeof *status_lines; i++)
        if (status_lines[i].status == status) {
            put(h, status_lines[i].line, status_lines[i].len);
            return;
        }
    PUT(h, "HTTP/1.1 ");
    put_number(h, status);
    PUT(h, " \r\n");
}

/* IMF-fixdate (RFC 9110, section 5.6.7); strftime() would speak the locale's language. */
static void put_date(struct head *h, time_t now) {
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm tm = {0};
    char text[64];

    gmtime_r(&now, &tm);
    snprintf(text, sizeof text, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * tm.tm_wday,
             tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
             tm.tm_sec);
    PUT_FIELD(h, "Date", text);
}

static void refresh_common(struct vx_worker *worker) {
    struct head h = {.at = worker->common, .size = sizeof worker->common};
    time_t now = time(NULL);

    if (worker->common_second == (int64_t)now)
        return;
    put_date(&h, now);
    PUT(&h, "Server: voxeme/" PACKAGE_VERSION "\r\n");
    put(&h, worker->cors, strlen(worker->cors));
    PUT(&h, "Access-Control-Expose-Headers: ETag, Retry-After, Idempotent-Replayed\r\n"
            "X-Content-Type-Options: nosniff\r\nCache-Control: no-cache\r\n");
    worker->common_len = h.len;
    worker->common_second = (int64_t)now;
}

bool vx_http_set_cors(struct vx_worker *worker, const char *origin) {
    struct vx_buf b = {0};

    vx_buf_puts(&b, "Access-Control-Allow-Origin: ");
    for (const char *c = origin; *c; c++) /* it comes from a file: no second header in it */
        if ((unsigned char)*c > ' ' && *c != 0x7f)
            vx_buf_add(&b, c, 1);
    vx_buf_puts(&b, strcmp(origin, "*") ? "\r\nVary: Origin\r\n" : "\r\n");
    vx_buf_add(&b, "", 1);
    if (!vx_buf_ok(&b)) {
        vx_buf_free(&b);
        return false;
    }
    vx_free(worker->cors);
    worker->cors = b.at;
    worker->common_second = -1;
    return true;
}

static bool without_body(unsigned status) {
    return status == 204 || status == 304 || status < 200;
}

static size_t render_head(struct vx_worker *worker, char *out, size_t size,
                          const struct vx_response *r, size_t length, bool close) {
    struct head h = {.at = out, .size = size};

    refresh_common(worker);
    put_status(&h, r->status);
    put(&h, worker->common, worker->common_len);
    if (close)
        PUT(&h, "Connection: close\r\n");
    else
        PUT(&h, "Connection: keep-alive\r\n");
    if (r->content_type)
        PUT_FIELD(&h, "Content-Type", r->content_type);
    if (!without_body(r->status)) {
        PUT(&h, "Content-Length: ");
        put_number(&h, length);
        PUT(&h, "\r\n");
    }
    if (r->etag[0])
        PUT_FIELD(&h, "ETag", r->etag);
    if (r->content_encoding)
        PUT_FIELD(&h, "Content-Encoding", r->content_encoding);
    if (r->varies)
        PUT_FIELD(&h, "Vary", "Accept-Encoding");
    if (r->policy) {
        PUT_FIELD(&h, "Content-Security-Policy", r->policy);
        PUT_FIELD(&h, "Referrer-Policy", "no-referrer");
        PUT_FIELD(&h, "Cross-Origin-Opener-Policy", "same-origin");
    }
    if (r->challenge)
        PUT_FIELD(&h, "WWW-Authenticate", r->challenge);
    if (r->allow[0])
        PUT_FIELD(&h, "Allow", r->allow);
    if (r->retry_after) {
        PUT(&h, "Retry-After: ");
        put_number(&h, r->retry_after);
        PUT(&h, "\r\n");
    }
    if (r->replayed)
        PUT(&h, "Idempotent-Replayed: true\r\n");
    if (r->status == 426)
        PUT(&h, "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
    if (r->preflight) {
        PUT_FIELD(&h, "Access-Control-Allow-Methods",
                  r->allow[0] ? r->allow : "GET, HEAD, POST, PUT, DELETE, OPTIONS");
        put(&h, preflight, sizeof preflight - 1);
    }
    PUT(&h, "\r\n");
    return h.full ? 0 : h.len;
}

/* --- bodies of last resort: no memory is left for a real one --- */

static struct vx_str last_resort(unsigned status) {
    switch (status) {
    case 503:
        return VX_STR("{\"msg\":\"service unavailable, try again later\"}");
    case 500:
        return VX_STR("{\"msg\":\"internal error\"}");
    default:
        return VX_STR("{\"msg\":\"request refused\"}");
    }
}

size_t vx_http_busy(struct vx_worker *worker, char *out, size_t size) {
    struct vx_response r = {
        .status = 503, .content_type = "application/json; charset=utf-8", .retry_after = 1};
    struct vx_str msg = VX_STR("{\"msg\":\"too many connections\"}");
    size_t n = render_head(worker, out, size - msg.len, &r, msg.len, true);

    if (n)
        memcpy(out + n, msg.at, msg.len);
    vx_count(&worker->metrics.codes[503], 1);
    return n ? n + msg.len : 0;
}

/* --- sending --- */

/* Leaves all of at[0..len) to lws, which keeps a copy of what the socket does not take. */
static bool leave_to_lws(struct vx_conn *conn, const char *at, size_t len) {
    /* lws only reads from it. */
    return lws_write(conn->wsi, (unsigned char *)(uintptr_t)at, len, LWS_WRITE_RAW) == (int)len;
}

/* Without TLS the body goes to the socket directly: lws_write() would copy the rest of it for each
 * client that reads slowly. A TLS record once begun has to be kept by somebody; there lws does, a
 * chunk at a time. */
ssize_t vx_http_send_now(struct vx_conn *conn, const char *at, size_t len, int flags) {
    ssize_t n;

    if (lws_partial_buffered(conn->wsi))
        return 0;
    if (conn->worker->with_tls) {
        size_t chunk = len < VX_TLS_CHUNK ? len : VX_TLS_CHUNK;

        n = leave_to_lws(conn, at, chunk) ? (ssize_t)chunk : -1;
    } else {
        n = send(lws_get_socket_fd(conn->wsi), at, len, MSG_NOSIGNAL | MSG_DONTWAIT | flags);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
            n = 0;
    }
    if (n > 0)
        vx_count(&conn->worker->metrics.sent, (uint64_t)n);
    return n;
}

/* Sends all of something small; lws keeps what is left of it. */
static bool send_whole(struct vx_conn *conn, const char *at, size_t len) {
    ssize_t n = vx_http_send_now(conn, at, len, 0);

    if (n < 0)
        return false;
    if ((size_t)n == len)
        return true;
    vx_count(&conn->worker->metrics.sent, len - (size_t)n);
    return leave_to_lws(conn, at + n, len - (size_t)n);
}

/* A head, which may be empty, and what follows in the body, as far as it goes out now. */
static ssize_t send_runs(struct vx_conn *conn, struct vx_str head, const struct vx_str *runs,
                         size_t count) {
    struct iovec iov[RUNS_AT_ONCE + 1];
    struct msghdr message = {.msg_iov = iov, .msg_iovlen = count + 1};
    ssize_t n;

    if (lws_partial_buffered(conn->wsi))
        return 0;
    iov[0] = (struct iovec){(void *)(uintptr_t)head.at, head.len};
    for (size_t i = 0; i < count; i++)
        iov[i + 1] = (struct iovec){(void *)(uintptr_t)runs[i].at, runs[i].len};
    n = sendmsg(lws_get_socket_fd(conn->wsi), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        n = 0;
    if (n > 0)
        vx_count(&conn->worker->metrics.sent, (uint64_t)n);
    return n;
}

/* --- bodies --- */

/* One write's worth of what is left of the body; *all: it has gone out whole. */
static ssize_t send_more(struct vx_conn *conn, bool *all) {
    struct vx_str runs[RUNS_AT_ONCE];
    bool one = conn->worker->with_tls;
    size_t left = vx_body_len(conn->out) - conn->sent, count, total = 0;
    ssize_t n = vx_http_send_more_of_file(conn, left);

    *all = n == (ssize_t)left;
    if (n >= 0)
        return n;
    count = vx_body_runs(conn->out, conn->sent, runs, one ? 1 : RUNS_AT_ONCE);
    for (size_t i = 0; i < count; i++)
        total += runs[i].len;
    n = count == 1 ? vx_http_send_now(conn, runs[0].at, runs[0].len, 0)
                   : send_runs(conn, VX_NONE, runs, count);
    *all = n > 0 && ((size_t)n == total || (one && n == VX_TLS_CHUNK));
    return n;
}

static bool send_out(struct vx_conn *conn) {
    while (conn->out) {
        bool all;
        ssize_t n = send_more(conn, &all);

        if (n < 0)
            return false;
        conn->sent += (size_t)n;
        if (conn->sent == vx_body_len(conn->out))
            vx_body_release(&conn->out);
        else if (!all)
            break;
    }
    if (vx_http_is_sending(conn))
        vx_conn_await_room(conn);
    return true;
}

bool vx_http_is_sending(const struct vx_conn *conn) {
    return conn->out || lws_partial_buffered(conn->wsi);
}

bool vx_http_send(struct vx_conn *conn) {
    if (!send_out(conn))
        return false;
    conn->state = vx_http_is_sending(conn) ? VX_WRITING : VX_READING;
    return true;
}

bool vx_http_send_body(struct vx_conn *conn, struct vx_body *body) {
    if (body) {
        vx_body_count_use(body);
        conn->out = body;
        conn->sent = 0;
    }
    return send_out(conn);
}

bool vx_http_send_whole(struct vx_conn *conn, const char *at, size_t len) {
    return send_whole(conn, at, len) && send_out(conn);
}

/* As much of the body as fits behind the head into one TLS record. */
static ssize_t send_copied(struct vx_conn *conn, struct vx_str head, const struct vx_body *body) {
    char record[SSL3_RT_MAX_PLAIN_LENGTH];
    size_t at = 0, len = head.len;
    struct vx_str run;

    memcpy(record, head.at, head.len);
    for (; len < sizeof record && vx_body_runs(body, at, &run, 1); at += run.len) {
        run.len = run.len < sizeof record - len ? run.len : sizeof record - len;
        memcpy(record + len, run.at, run.len);
        len += run.len;
    }
    return vx_http_send_now(conn, record, len, 0);
}

/* The head and as much of the body as goes out with it. In one piece, where the body is: the head
 * goes into the room in front of it. That is free until the next answer with the same body, and
 * only if no other thread is giving one. */
static ssize_t send_first(struct vx_conn *conn, const char *head, size_t head_len,
                          struct vx_body *body) {
    char *data = vx_body_data(body);
    struct vx_str runs[RUNS_AT_ONCE];
    bool done = false;
    size_t count;
    ssize_t n = 0;

    vx_body_count_use(body);
    if (!conn->worker->with_tls)
        n = vx_http_send_first_of_file(conn, (struct vx_str){head, head_len}, body, &done);
    if (done)
        return n;
    if (data && conn->worker->alone) {
        memcpy(data - head_len, head, head_len);
        return vx_http_send_now(conn, data - head_len, head_len + vx_body_len(body), 0);
    }
    if (conn->worker->with_tls)
        return conn->worker->alone ? vx_http_send_now(conn, head, head_len, 0)
                                   : send_copied(conn, (struct vx_str){head, head_len}, body);
    count = vx_body_runs(body, 0, runs, RUNS_AT_ONCE);
    return send_runs(conn, (struct vx_str){head, head_len}, runs, count);
}

static bool send_with_body(struct vx_conn *conn, const char *head, size_t head_len,
                           struct vx_body *body) {
    size_t len = vx_body_len(body);
    ssize_t n = send_first(conn, head, head_len, body);

    if (n < 0)
        return false;
    if ((size_t)n < head_len) {
        if (!send_whole(conn, head + n, head_len - (size_t)n))
            return false;
        n = (ssize_t)head_len;
    }
    conn->sent = (size_t)n - head_len;
    if (conn->sent < len)
        conn->out = vx_body_ref(body);
    return vx_http_send(conn);
}

static bool send_without_body(struct vx_conn *conn, const char *head, size_t head_len,
                              struct vx_str spare) {
    char all[VX_HEAD_SIZE + 128];

    memcpy(all, head, head_len);
    if (spare.len)
        memcpy(all + head_len, spare.at, spare.len);
    return send_whole(conn, all, head_len + spare.len) && vx_http_send(conn);
}

bool vx_http_begin_stream(struct vx_conn *conn, const struct vx_http_head *head,
                          enum vx_frame_form form) {
    char text[VX_HEAD_SIZE], accept[VX_WS_ACCEPT + 1];
    struct head h = {.at = text, .size = sizeof text};
    bool events = form == VX_FRAME_EVENT;

    refresh_common(conn->worker);
    vx_count(&conn->worker->metrics.codes[events ? 200 : 101], 1);
    put_status(&h, events ? 200 : 101);
    put(&h, conn->worker->common, conn->worker->common_len);
    if (events) {
        PUT(&h, "Connection: close\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
                "X-Accel-Buffering: no\r\n"); /* nginx is not to collect it */
    } else {
        vx_ws_accept(accept, head->ws_key);
        PUT(&h, "Connection: Upgrade\r\nUpgrade: websocket\r\n");
        PUT_FIELD(&h, "Sec-WebSocket-Accept", accept);
        if (vx_upgrade_offers_ours(head))
            PUT_FIELD(&h, "Sec-WebSocket-Protocol", VX_SUBPROTOCOL);
        if (form == VX_FRAME_DEFLATED)
            PUT_FIELD(&h, "Sec-WebSocket-Extensions",
                      "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
    }
    PUT(&h, "\r\n");
    return !h.full && vx_http_send_whole(conn, text, h.len);
}

bool vx_http_interim(struct vx_conn *conn) {
    static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";

    return send_whole(conn, interim, sizeof interim - 1);
}

bool vx_http_answer(struct vx_conn *conn, struct vx_response *r, bool head_only) {
    struct vx_worker *worker = conn->worker;
    struct vx_str spare = VX_NONE;
    char head[VX_HEAD_SIZE];
    size_t head_len;
    bool ok = false;

    if (!r->body && r->status >= 400) {
        spare = last_resort(r->status);
        r->content_type = "application/json; charset=utf-8";
    }
    head_len = render_head(worker, head, sizeof head, r, r->body ? vx_body_len(r->body) : spare.len,
                           conn->closing);
    vx_count(&worker->metrics.codes[r->status < 600 ? r->status : 500], 1);
    if (!head_len)
        vx_log(VX_LOG_ERROR, "http: a response head is too long");
    else if (r->body && !head_only && !without_body(r->status))
        ok = send_with_body(conn, head, head_len, r->body);
    else
        ok = send_without_body(conn, head, head_len, head_only ? VX_NONE : spare);
    vx_response_clear(r);
    return ok;
}
