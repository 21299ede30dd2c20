/*
 * Live feeds: a connection whose request for the list was answered by a stream, over WebSocket or
 * as server-sent events.
 *
 * A client is sent one message at a time; while it has not taken it, nothing more is made for it,
 * and the next message then holds all that has happened meanwhile. What waits besides is a pong, a
 * ping, a close: a flag each.
 */
#include "net/net_private.h"

#include "core/alloc.h"
#include "core/log.h"

#define WINDOW_US (60 * VX_SECOND_US)

/* Where memory is short: so long may a client be at one message before it is in others' way, and so
 * long is waited to see what one that was cut off has left. */
#define GRACE_US  (2 * VX_SECOND_US)
#define RELIEF_US (VX_SECOND_US / 20)

/* A message that took less was most likely made for others before. */
#define CHEAP_US 20

struct vx_stream {
    struct vx_sub *sub;
    enum vx_frame_form form;
    unsigned generation; /* of the tokens that it was last held against */
    unsigned missed;     /* pings without an answer */
    int64_t begun_us;    /* when its client was sent the last message */
    int64_t ping_us;     /* while it waits for memory: when it is pinged; else 0 */
    bool ping_due, pong_due, close_due;
    uint16_t close_code;
    uint8_t pong_len;
    uint8_t pong[VX_WS_CONTROL];
    int64_t window_us; /* when the present minute of its messages began */
    int64_t messages;  /* in it */
    struct vx_ws ws;   /* not of events */
};

static bool is_events(const struct vx_stream *s) {
    return s->form == VX_FRAME_EVENT;
}

/* --- opening --- */

static struct vx_stream *stream_new(struct vx_conn *conn, const struct vx_http_head *head,
                                    struct vx_sub *sub) {
    struct vx_worker *worker = conn->worker;
    struct vx_stream *s = vx_calloc(1, sizeof *s);
    bool deflate = vx_upgrade_offers_deflate(head);

    if (!s)
        return NULL;
    s->sub = sub;
    s->form = vx_upgrade_kind(head) == VX_STREAM_EVENTS ? VX_FRAME_EVENT
              : deflate                                 ? VX_FRAME_DEFLATED
                                                        : VX_FRAME_TEXT;
    s->generation = worker->generation;
    vx_ws_start(&s->ws, worker->max_message, deflate);
    return s;
}

bool vx_stream_open(struct vx_conn *conn, const struct vx_http_head *head,
                    struct vx_response *response) {
    struct vx_worker *worker = conn->worker;
    struct vx_stream *s = stream_new(conn, head, response->sub);

    if (!s || !vx_hold_join(conn, vx_scope_ref(vx_sub_scope(response->sub)), UINT64_MAX)) {
        vx_free(s);
        vx_response_clear(response);
        vx_api_error(response, 503, "out of memory");
        return vx_http_answer(conn, response, false);
    }
    response->sub = NULL;
    conn->stream = s;
    conn->state = VX_STREAMING;
    vx_count(&worker->metrics.streams[is_events(s)], 1);
    vx_count(&worker->metrics.streams_total, 1);
    if (!vx_http_begin_stream(conn, head, s->form))
        return false;
    vx_hold_wake(conn);
    return true;
}

void vx_stream_drop(struct vx_conn *conn) {
    struct vx_stream *s = conn->stream;

    if (!s)
        return;
    conn->stream = NULL;
    vx_uncount(&conn->worker->metrics.streams[is_events(s)], 1);
    vx_hold_leave(conn);
    vx_hold_leave_line(conn);
    vx_sub_release(&s->sub);
    vx_free(s);
}

/* --- sending --- */

static bool send_control(struct vx_conn *conn, enum vx_ws_opcode opcode, const uint8_t *payload,
                         size_t len) {
    uint8_t frame[VX_WS_HEAD + VX_WS_CONTROL];
    size_t head = vx_ws_head(frame, opcode, false, len);

    if (len)
        memcpy(frame + head, payload, len);
    return vx_http_send_whole(conn, (const char *)frame, head + len);
}

static bool send_ping(struct vx_conn *conn) {
    static const char comment[] = ":\n\n";

    if (is_events(conn->stream))
        return vx_http_send_whole(conn, comment, sizeof comment - 1);
    return send_control(conn, VX_WS_PING, NULL, 0);
}

/* The last frame; the connection then lingers until the client has closed its side. */
static bool send_close(struct vx_conn *conn) {
    struct vx_stream *s = conn->stream;
    uint8_t payload[2] = {(uint8_t)(s->close_code >> 8), (uint8_t)s->close_code};
    size_t len = s->close_code == VX_WS_NO_CODE ? 0 : 2;
    bool ok = is_events(s) || send_control(conn, VX_WS_CLOSE, payload, len);

    vx_stream_drop(conn);
    conn->closing = true;
    return ok && vx_http_send(conn);
}

static bool send_due(struct vx_conn *conn) {
    struct vx_stream *s = conn->stream;

    if (s->pong_due) {
        s->pong_due = false;
        if (!send_control(conn, VX_WS_PONG, s->pong, s->pong_len))
            return false;
    }
    if (s->ping_due) {
        s->ping_due = false;
        return send_ping(conn);
    }
    return true;
}

void vx_stream_close(struct vx_conn *conn, unsigned code) {
    struct vx_stream *s = conn->stream;

    if (s->close_due)
        return;
    s->close_due = true;
    s->close_code = (uint16_t)code;
    vx_hold_wake(conn);
}

/* The next message as a frame. */
static enum vx_sub_result next_frame(struct vx_conn *conn, struct vx_body **frame) {
    struct vx_stream *s = conn->stream;
    struct vx_api *api = conn->worker->api;
    struct vx_body *message;
    int64_t begun = vx_net_now();
    enum vx_sub_result result = vx_sub_next(api, s->sub, &message);

    if (result != VX_SUB_MESSAGE)
        return result;
    *frame = vx_frame(conn->worker, message, s->form, vx_sub_revision(s->sub));
    vx_body_release(&message);
    s->begun_us = vx_net_now();
    if (s->begun_us - begun > CHEAP_US)
        vx_sub_took(api, s->sub, s->begun_us - begun);
    if (*frame)
        return VX_SUB_MESSAGE;
    vx_sub_restart(s->sub); /* what the message told is lost: begin anew */
    return VX_SUB_NO_MEMORY;
}

static struct vx_conn *slowest_of(const struct vx_hold_group *group) {
    struct vx_conn *slowest = NULL;

    for (struct vx_conn *c = group->conns; c; c = c->peers)
        if (c->stream && c->out && (!slowest || c->stream->begun_us < slowest->stream->begun_us))
            slowest = c;
    return slowest;
}

/* Those who have been at one message for longest leave what it holds to others: half of a frame
 * cannot be taken back, so their connection goes with it. Returns whether it has looked: it does
 * once in a while, also where nobody is found, as each of thousands who wait comes here. */
static bool make_room(struct vx_worker *worker, struct vx_hold_group *group, struct vx_sub *sub) {
    int64_t now = vx_net_now(), before = now - GRACE_US;
    struct vx_conn *slowest;
    struct vx_body *held;

    if (now - group->relieved_us < RELIEF_US || !vx_sub_is_short(sub))
        return false;
    group->relieved_us = now;
    slowest = slowest_of(group);
    if (!slowest || slowest->stream->begun_us > before)
        return true;
    held = slowest->out;
    for (struct vx_conn *c = group->conns; c; c = c->peers)
        if (c->stream && c->out == held && c->stream->begun_us <= before) {
            vx_count(&worker->metrics.streams_cut, 1);
            vx_conn_reset(c);
        }
    return true;
}

/* Their account's other clients may be with other workers. */
static void ask_others(const struct vx_worker *worker) {
    const struct vx_server *server = worker->server;

    for (size_t i = 0; i < server->count; i++)
        if (server->workers[i] != worker) {
            atomic_store(&server->workers[i]->relieve, true);
            vx_net_wake(server->workers[i]);
        }
}

static struct vx_sub *any_sub(const struct vx_hold_group *group) {
    struct vx_conn *c = group->conns;

    while (c && !c->stream)
        c = c->peers;
    return c ? c->stream->sub : NULL;
}

void vx_streams_relieve(struct vx_worker *worker) {
    for (size_t i = 0; i < VX_HOLD_BUCKETS; i++)
        for (struct vx_hold_group *g = worker->groups[i]; g; g = g->next) {
            struct vx_sub *sub = any_sub(g);

            if (sub)
                (void)make_room(worker, g, sub);
        }
}

/* The connection's timer says when it is tried again. */
static void await_memory(struct vx_conn *conn) {
    struct vx_stream *s = conn->stream;

    if (make_room(conn->worker, conn->group, s->sub))
        ask_others(conn->worker);
    if (!s->ping_us)
        s->ping_us = vx_net_now() + conn->worker->timeout_us[VX_TIMEOUT_PING];
    vx_conn_set_timeout(conn, VX_TIMEOUT_RETRY);
}

static bool send_next(struct vx_conn *conn) {
    struct vx_stream *s = conn->stream;
    struct vx_body *frame;
    enum vx_sub_result result;

    if (conn->timeout == VX_TIMEOUT_RETRY)
        return true;
    result = next_frame(conn, &frame);
    if (result != VX_SUB_NO_MEMORY)
        s->ping_us = 0;
    switch (result) {
    case VX_SUB_MESSAGE:
        vx_count(&conn->worker->metrics.messages_sent, 1);
        if (!vx_http_send_body(conn, frame))
            return false;
        break;
    case VX_SUB_LATER:
        vx_hold_wake(conn);
        return true;
    case VX_SUB_NO_MEMORY:
        await_memory(conn);
        return true;
    case VX_SUB_IDLE:
        break;
    }
    conn->waits_for = vx_sub_revision(s->sub);
    if (vx_sub_is_behind(s->sub))
        vx_hold_wake(conn);
    return true;
}

/* Whether the token still stands, where tokens may have changed. */
static void check_token(struct vx_conn *conn) {
    struct vx_stream *s = conn->stream;

    if (s->generation == conn->worker->generation)
        return;
    s->generation = conn->worker->generation;
    if (!vx_sub_allowed(conn->worker->api, s->sub))
        vx_stream_close(conn, VX_WS_TOKEN_REVOKED);
}

bool vx_stream_pump(struct vx_conn *conn) {
    struct vx_stream *s = conn->stream;

    if (vx_http_is_sending(conn))
        return true; /* it goes on when that is done */
    check_token(conn);
    if (s->close_due)
        return send_close(conn);
    return send_due(conn) && (vx_http_is_sending(conn) || send_next(conn));
}

/* --- receiving --- */

/* Whatever a client sends costs us something, and it has little to say. */
static bool is_flooding(struct vx_conn *conn) {
    struct vx_stream *s = conn->stream;
    int64_t now = vx_net_now();

    if (now - s->window_us >= WINDOW_US) {
        s->window_us = now;
        s->messages = 0;
    }
    return ++s->messages > conn->worker->max_messages;
}

static void refuse(struct vx_conn *conn, unsigned code) {
    struct vx_net_metrics *m = &conn->worker->metrics;

    vx_count(code == VX_WS_POLICY ? &m->streams_flooding : &m->streams_malformed, 1);
    vx_stream_close(conn, code);
}

static void on_frame(struct vx_conn *conn, enum vx_ws_result result) {
    struct vx_stream *s = conn->stream;

    if (result == VX_WS_BAD) {
        refuse(conn, s->ws.code);
    } else if (result == VX_WS_GOT_CLOSE) {
        vx_stream_close(conn, s->ws.code);
    } else if (is_flooding(conn)) {
        refuse(conn, VX_WS_POLICY);
    } else if (result == VX_WS_GOT_PONG) {
        s->missed = 0;
    } else if (result == VX_WS_GOT_PING) {
        s->pong_due = true; /* the latest is enough (section 5.5.3) */
        s->pong_len = s->ws.control_len;
        memcpy(s->pong, s->ws.control, s->pong_len);
        vx_hold_wake(conn);
    }
}

void vx_stream_receive(struct vx_conn *conn, const char *at, size_t len) {
    struct vx_stream *s = conn->stream;

    /* A client of events has nothing to say at all. */
    if (len && is_events(s) && !s->close_due && is_flooding(conn))
        refuse(conn, VX_WS_POLICY);
    while (len && !is_events(s) && !s->close_due) {
        size_t used;
        enum vx_ws_result result = vx_ws_feed(&s->ws, at, len, &used);

        at += used;
        len -= used;
        if (result != VX_WS_MORE)
            on_frame(conn, result);
    }
}

/* --- time --- */

bool vx_stream_expire(struct vx_conn *conn) {
    struct vx_stream *s = conn->stream;
    bool ping = conn->timeout == VX_TIMEOUT_PING || (s->ping_us && vx_net_now() >= s->ping_us);

    conn->timeout = VX_TIMEOUT_NONE;
    if (ping)
        s->ping_us = 0;
    if (ping && !is_events(s) && s->missed++ >= VX_MISSED_PONGS) {
        vx_count(&conn->worker->metrics.timeouts[VX_TIMEOUT_PING], 1);
        return false;
    }
    s->ping_due = s->ping_due || ping;
    vx_hold_wake(conn);
    return true;
}

void vx_streams_check(struct vx_worker *worker) {
    worker->generation++;
    for (struct vx_conn *c = worker->conns; c; c = c->next)
        if (c->stream)
            vx_hold_wake(c);
}
