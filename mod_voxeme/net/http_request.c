/* The way in: from received bytes to vx_api_invoke(). */
#include "net/net_private.h"

#include "core/percent.h"

#include <openssl/crypto.h>

bool vx_http_refuse(struct vx_conn *conn, bool head_only, unsigned status, const char *msg) {
    struct vx_net_metrics *m = &conn->worker->metrics;
    struct vx_response response = {0};

    vx_count(status == 431   ? &m->too_large_header
             : status == 413 ? &m->too_large_body
             : status == 503 ? &m->too_large_memory
                             : &m->malformed,
             1);
    conn->closing = true;
    vx_api_error(&response, status, msg);
    response.retry_after = status == 503;
    return vx_http_answer(conn, &response, head_only);
}

/* Fills *request but for the query and the body. False: refused, see *error. */
static bool begin_request(struct vx_request *request, struct vx_conn *conn,
                          const struct vx_http_head *head, struct vx_http_error *error) {
    *request = (struct vx_request){
        .method = head->method,
        .path = head->path,
        .authorization = head->authorization,
        .known = &conn->known,
        .content_type = head->content_type,
        .idempotency_key = head->idempotency_key,
        .peer = conn->peer,
        .waker = conn->worker,
        .counted = conn->admitted,
    };
    *error = (struct vx_http_error){400, "malformed percent-encoding in the path"};
    return vx_percent_valid(head->path);
}

/* The token that a browser offers as a subprotocol, as a value of Authorization. */
static struct vx_str bearer_of(const struct vx_http_head *head, char out[VX_BEARER_SIZE]) {
    static const struct vx_str scheme = VX_STR("Bearer ");
    struct vx_str token = head->websocket ? vx_upgrade_token(head) : VX_NONE;

    if (!token.at)
        return VX_NONE;
    if (token.len > VX_BEARER_SIZE - scheme.len) /* none is so long */
        token.len = VX_BEARER_SIZE - scheme.len;
    memcpy(out, scheme.at, scheme.len);
    memcpy(out + scheme.len, token.at, token.len);
    return (struct vx_str){out, scheme.len + token.len};
}

static bool begin_stream(struct vx_conn *conn, const struct vx_http_head *head,
                         struct vx_response *response) {
    struct vx_http_error error;

    if (vx_upgrade_kind(head) == VX_STREAM_EVENTS || vx_upgrade_check(head, &error))
        return vx_stream_open(conn, head, response);
    vx_response_clear(response);
    vx_api_error(response, error.status, error.msg);
    return vx_http_answer(conn, response, false);
}

/* A request is all there. False: close at once. */
static bool handle(struct vx_conn *conn, const struct vx_http_head *head, struct vx_str body) {
    struct vx_param params[VX_MAX_PARAMS];
    size_t most = conn->worker->max_params;
    char joined[VX_LIST_SIZE];
    struct vx_request request;
    struct vx_response response = {0};
    struct vx_http_error error;
    bool head_only = head->method == VX_HEAD, ok;
    char bearer[VX_BEARER_SIZE];

    ok = begin_request(&request, conn, head, &error) &&
         vx_http_params(head->query, params, most, &request.param_count, &error);
    if (ok && !vx_http_join(head->if_none_match, head->if_none_match_lines, joined, sizeof joined,
                            &request.if_none_match)) {
        error = (struct vx_http_error){400, "If-None-Match too long in more than one line"};
        ok = false;
    }
    vx_http_forget(conn);
    conn->timeout = VX_TIMEOUT_NONE; /* the next request has its own time */
    conn->closing = !head->persist || atomic_load(&conn->worker->stop);
    if (!ok) {
        /* The message itself was whole: the connection may go on. */
        vx_count(request.param_count == most ? &conn->worker->metrics.too_large_query
                                             : &conn->worker->metrics.malformed,
                 1);
        vx_api_error(&response, error.status, error.msg);
        return vx_http_answer(conn, &response, head_only);
    }
    conn->interim = !head->http10;
    request.params = params;
    request.body = body;
    request.last_event_id = head->last_event_id;
    request.takes_gzip = head->takes_gzip;
    request.stream = vx_upgrade_kind(head) != VX_STREAM_NONE;
    if (!request.authorization.at && request.stream)
        request.authorization = bearer_of(head, bearer);
    vx_api_invoke(conn->worker->api, &request, &response);
    if (request.authorization.at == bearer)
        OPENSSL_cleanse(bearer, request.authorization.len);
    if (response.sub)
        return begin_stream(conn, head, &response);
    if (response.status)
        return vx_http_answer(conn, &response, head_only);
    if (!vx_hold_park(conn, &request, head_only, &response)) {
        vx_response_clear(&response);
        vx_api_error(&response, 503, "out of memory");
        return vx_http_answer(conn, &response, head_only);
    }
    return true;
}

static bool say_continue(struct vx_conn *conn, const struct vx_http_head *head) {
    if (!head->expecting || conn->continued)
        return true;
    conn->continued = true;
    return vx_http_interim(conn);
}

/* --- the body --- */

void vx_http_forget(struct vx_conn *conn) {
    conn->want = 0;
    conn->continued = conn->admitted = conn->keeping = false;
    conn->skipping = VX_SKIP_NONE;
    conn->chunks = (struct vx_chunks){0};
    vx_conn_uncharge(conn);
}

/* Whether the body that begins at `at` is all there: then *raw is its length as sent and *body what
 * is in it. */
static enum vx_http_result find_body(struct vx_conn *conn, const struct vx_http_head *head,
                                     char *at, size_t len, size_t *raw, struct vx_str *body,
                                     struct vx_http_error *error) {
    enum vx_http_result result = head->length > len ? VX_HTTP_MORE : VX_HTTP_DONE;

    *raw = (size_t)head->length;
    *body = head->has_length ? (struct vx_str){at, *raw} : VX_NONE;
    if (!head->chunked)
        return result;
    result = vx_chunks_scan(&conn->chunks, at, len, conn->worker->max_body, error);
    if (result == VX_HTTP_DONE) {
        *raw = conn->chunks.scanned;
        *body = (struct vx_str){at, vx_chunks_join(at, *raw)};
    }
    return result;
}

ssize_t vx_http_skip(struct vx_conn *conn, const char *at, size_t len,
                     struct vx_http_error *error) {
    enum vx_http_result result;
    size_t n;

    if (conn->skipping == VX_SKIP_LENGTH) {
        n = conn->skip_left < len ? (size_t)conn->skip_left : len;
        conn->skip_left -= n;
        if (!conn->skip_left)
            conn->skipping = VX_SKIP_DONE;
        return (ssize_t)n;
    }
    result = vx_chunks_scan(&conn->chunks, at, len, conn->worker->max_body, error);
    n = conn->chunks.scanned;
    conn->chunks.scanned = 0;
    if (result == VX_HTTP_DONE)
        conn->skipping = VX_SKIP_DONE;
    return result == VX_HTTP_BAD ? -1 : (ssize_t)n;
}

enum progress { HANDLED, WAITING, REFUSED, CLOSE };

static enum progress refuse_error(struct vx_conn *conn, const struct vx_http_head *head,
                                  const struct vx_http_error *error) {
    bool head_only = head->method == VX_HEAD;

    return vx_http_refuse(conn, head_only, error->status, error->msg) ? REFUSED : CLOSE;
}

/* The answer is a no by the head alone. The body is not waited for; if it is there anyway the
 * connection may go on behind it. */
static enum progress refuse_body(struct vx_conn *conn, const struct vx_http_head *head, char *at,
                                 size_t len, size_t *raw, struct vx_response *response) {
    struct vx_http_error error;
    struct vx_str body;
    bool whole = find_body(conn, head, at, len, raw, &body, &error) == VX_HTTP_DONE;

    vx_http_forget(conn);
    conn->timeout = VX_TIMEOUT_NONE;
    conn->closing = !whole || !head->persist || atomic_load(&conn->worker->stop);
    if (!vx_http_answer(conn, response, head->method == VX_HEAD))
        return CLOSE;
    return whole ? HANDLED : REFUSED;
}

/* Whether the request may bring its body. False: *response says why not. */
static bool admit(struct vx_conn *conn, const struct vx_http_head *head,
                  struct vx_response *response) {
    struct vx_request request;
    struct vx_http_error error;

    if (!begin_request(&request, conn, head, &error)) {
        vx_count(&conn->worker->metrics.malformed, 1);
        vx_api_error(response, error.status, error.msg);
        return false;
    }
    conn->admitted = vx_api_admit(conn->worker->api, &request, &conn->keeping, response);
    if (conn->admitted)
        vx_response_clear(response);
    return conn->admitted;
}

/* A body that nobody wants is thrown away as it comes: only the head is kept, moved up to behind
 * what is thrown away. */
static enum progress skip_body(struct vx_conn *conn, const struct vx_http_head *head, char *at,
                               size_t len, size_t *used) {
    struct vx_http_error error;
    ssize_t n;

    conn->skipping = head->chunked ? VX_SKIP_CHUNKS : VX_SKIP_LENGTH;
    conn->skip_left = head->length;
    conn->chunks = (struct vx_chunks){0};
    n = vx_http_skip(conn, at + head->size, len - head->size, &error);
    if (n < 0)
        return refuse_error(conn, head, &error);
    memmove(at + n, at, head->size);
    *used = (size_t)n;
    return WAITING;
}

/* The request whose head is at the front of at[0..len) has a body: goes on when all of it is there.
 */
static enum progress take_body(struct vx_conn *conn, const struct vx_http_head *head, char *at,
                               size_t len, size_t *used) {
    struct vx_http_error error = {413, "body too large"};
    struct vx_response response = {0};
    size_t raw, size = head->size;
    enum progress progress;
    struct vx_str body;

    if (head->length > conn->worker->max_body)
        return refuse_error(conn, head, &error);
    if (!conn->admitted && !admit(conn, head, &response)) {
        progress = refuse_body(conn, head, at + size, len - size, &raw, &response);
        *used = size + raw;
        return progress;
    }
    switch (find_body(conn, head, at + size, len - size, &raw, &body, &error)) {
    case VX_HTTP_BAD:
        return refuse_error(conn, head, &error);
    case VX_HTTP_MORE:
        if (conn->keeping && !vx_conn_charge(conn, conn->in_cap, size + (size_t)head->length)) {
            error = (struct vx_http_error){503, "too many request bodies at once"};
            return refuse_error(conn, head, &error);
        }
        if (!say_continue(conn, head))
            return CLOSE;
        if (!conn->keeping)
            return skip_body(conn, head, at, len, used);
        conn->want = head->chunked ? 0 : size + (size_t)head->length;
        return WAITING;
    case VX_HTTP_DONE:
        break;
    }
    *used = size + raw;
    return handle(conn, head, body) ? HANDLED : CLOSE;
}

/* One request at the front of at[0..len). *used: what is done with. */
static enum progress take_request(struct vx_conn *conn, char *at, size_t len, size_t *used) {
    size_t max_header = conn->worker->max_header, size;
    struct vx_http_head head;
    struct vx_http_error error = {431, "request line and headers too large"};

    *used = 0;
    if (len < conn->want)
        return WAITING;
    size = vx_http_head_end(at, len, &conn->scanned);
    if (size > max_header || (!size && len > max_header))
        return vx_http_refuse(conn, vx_http_is_head(at, len), error.status, error.msg) ? REFUSED
                                                                                       : CLOSE;
    if (!size)
        return WAITING;
    conn->scanned = 0;
    if (vx_http_head_parse(&head, at, size, &error) != VX_HTTP_DONE)
        return vx_http_refuse(conn, vx_http_is_head(at, len), error.status, error.msg) ? REFUSED
                                                                                       : CLOSE;
    if ((head.chunked || head.length) && conn->skipping != VX_SKIP_DONE)
        return take_body(conn, &head, at, len, used);
    *used = size;
    return handle(conn, &head, head.has_length ? VX_STR("") : VX_NONE) ? HANDLED : CLOSE;
}

ssize_t vx_http_consume(struct vx_conn *conn, char *at, size_t len) {
    size_t done = 0;

    conn->again = false;
    for (int i = 0; i < VX_TURN_REQUESTS && done < len; i++) {
        size_t used;

        if (conn->state != VX_READING || conn->closing)
            break;
        switch (take_request(conn, at + done, len - done, &used)) {
        case HANDLED:
            done += used;
            break;
        case WAITING:
            return (ssize_t)(done + used);
        case REFUSED: /* the rest cannot be made sense of */
            return (ssize_t)len;
        case CLOSE:
            return -1;
        }
    }
    conn->again = done < len && conn->state == VX_READING && !conn->closing;
    return (ssize_t)done;
}
