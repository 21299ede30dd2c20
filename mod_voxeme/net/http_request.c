/* The way in: from received bytes to vx_api_invoke(). */
#include "net/net_private.h"

#include "core/log.h"

bool vx_http_refuse(struct vx_conn *conn, unsigned status, const char *msg) {
    struct vx_net_metrics *m = &conn->server->metrics;
    struct vx_response response = {0};

    vx_count(status == 431   ? &m->too_large_header
             : status == 413 ? &m->too_large_body
                             : &m->malformed,
             1);
    conn->closing = conn->broken = true;
    vx_api_error(&response, status, msg);
    return vx_http_answer(conn, &response, false);
}

static bool refuse_error(struct vx_conn *conn, const struct vx_http_error *error) {
    return vx_http_refuse(conn, error->status, error->msg);
}

/* Fills *request from a head whose body is at `body`. False: refused, see *error. */
static bool make_request(struct vx_request *request, struct vx_param *params,
                         const struct vx_conn *conn, const struct vx_http_head *head,
                         struct vx_str body, struct vx_http_error *error) {
    struct vx_str path = head->path;

    *request = (struct vx_request){
        .method = head->method,
        .params = params,
        .authorization = head->authorization,
        .if_none_match = head->if_none_match,
        .content_type = head->content_type,
        .body = body,
        .peer = conn->peer,
    };
    if (!vx_percent_decode(&path)) {
        *error = (struct vx_http_error){400, "malformed percent-encoding in the path"};
        return false;
    }
    request->path = path;
    return vx_http_params(head->query, params, VX_MAX_PARAMS, &request->param_count, error);
}

/* A request is all there. False: close at once. */
static bool handle(struct vx_conn *conn, const struct vx_http_head *head, struct vx_str body) {
    struct vx_param params[VX_MAX_PARAMS];
    struct vx_request request;
    struct vx_response response = {0};
    struct vx_http_error error;
    bool head_only = head->method == VX_HEAD;

    conn->timeout = VX_TIMEOUT_NONE; /* the next request has its own time */
    conn->closing = !head->persist || atomic_load(&conn->server->stop);
    if (!make_request(&request, params, conn, head, body, &error)) {
        /* The message itself was whole: the connection may go on. */
        vx_count(&conn->server->metrics.malformed, 1);
        vx_api_error(&response, error.status, error.msg);
        return vx_http_answer(conn, &response, head_only);
    }
    vx_api_invoke(conn->server->api, &request, &response);
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

enum progress { HANDLED, WAITING, REFUSED, CLOSE };

/* The body of a request whose head is complete: at[0..len) is all there is behind the head. On
 * HANDLED, *raw is its length as sent and *body what is in it. */
static enum progress take_body(struct vx_conn *conn, const struct vx_http_head *head, char *at,
                               size_t len, size_t *raw, struct vx_str *body) {
    size_t limit = conn->server->max_body;
    struct vx_http_error error = {413, "body too large"};

    *raw = 0;
    *body = VX_NONE;
    if (head->chunked) {
        switch (vx_chunks_scan(&conn->chunks, at, len, limit, &error)) {
        case VX_HTTP_BAD:
            return refuse_error(conn, &error) ? REFUSED : CLOSE;
        case VX_HTTP_MORE:
            return say_continue(conn, head) ? WAITING : CLOSE;
        case VX_HTTP_DONE:
            break;
        }
        *raw = conn->chunks.scanned;
        *body = (struct vx_str){at, vx_chunks_join(at, *raw)};
        return HANDLED;
    }
    if (head->length > limit)
        return refuse_error(conn, &error) ? REFUSED : CLOSE;
    if (head->length > len) {
        conn->want = head->size + (size_t)head->length;
        return say_continue(conn, head) ? WAITING : CLOSE;
    }
    *raw = (size_t)head->length;
    if (head->has_length)
        *body = (struct vx_str){at, *raw};
    return HANDLED;
}

/* One request at the front of at[0..len). *used: what is done with. */
static enum progress take_request(struct vx_conn *conn, char *at, size_t len, size_t *used) {
    size_t max_header = conn->server->max_header;
    struct vx_http_head head;
    struct vx_http_error error;
    struct vx_str body;
    enum progress progress;
    size_t size, raw;

    *used = 0;
    if (len < conn->want)
        return WAITING;
    size = vx_http_head_end(at, len, &conn->scanned);
    if (size > max_header || (!size && len > max_header))
        return vx_http_refuse(conn, 431, "request line and headers too large") ? REFUSED : CLOSE;
    if (!size)
        return WAITING;
    conn->scanned = 0;
    if (vx_http_head_parse(&head, at, size, &error) != VX_HTTP_DONE)
        return refuse_error(conn, &error) ? REFUSED : CLOSE;
    progress = take_body(conn, &head, at + size, len - size, &raw, &body);
    if (progress != HANDLED)
        return progress;
    conn->want = 0;
    conn->continued = false;
    conn->chunks = (struct vx_chunks){0};
    *used = size + raw;
    return handle(conn, &head, body) ? HANDLED : CLOSE;
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
            return (ssize_t)done;
        case REFUSED: /* the rest cannot be made sense of */
            return (ssize_t)len;
        case CLOSE:
            return -1;
        }
    }
    conn->again = done < len && conn->state == VX_READING && !conn->closing;
    return (ssize_t)done;
}
