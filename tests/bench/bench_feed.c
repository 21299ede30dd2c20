/*
 * N WebSocket clients of the live feed: counts the changes they are sent and, from the time that
 * each change bears in its caller_name, tells how old it is when it arrives. See clients.h.
 */
#include "clients.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_MAX 1024

enum { TEXT = 1, CLOSE = 8, PING = 9 };

struct socket_state {
    bool open; /* the upgrade is answered */
    char http[HEAD_MAX];
    size_t http_len;
    uint8_t head[14]; /* of a frame */
    size_t head_len;
    uint64_t left; /* of its payload */
    bool in_frame;
    uint8_t control[125];
    size_t control_len;
};

static bool start(struct bench_client *c) {
    char request[1024];
    int len = snprintf(request, sizeof request,
                       "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                       "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                       "Sec-WebSocket-Protocol: voxeme.calls.v1\r\n"
                       "Authorization: Bearer %s\r\n\r\n",
                       bench_path, bench_token);

    return bench_client_send(c, request, (size_t)len);
}

/* Returns how many bytes belong to the answer to the upgrade; 0: it is refused. */
static size_t take_http(struct socket_state *s, const char *at, size_t len) {
    size_t before = s->http_len, room = HEAD_MAX - 1 - before;
    size_t n = len < room ? len : room;
    const char *end;

    memcpy(s->http + before, at, n);
    s->http[before + n] = '\0';
    s->http_len += n;
    end = strstr(s->http, "\r\n\r\n");
    if (!end)
        return s->http_len == HEAD_MAX - 1 ? 0 : n;
    if (strncmp(s->http, "HTTP/1.1 101", 12) != 0)
        return 0;
    s->open = true;
    return (size_t)(end + 4 - s->http) - before;
}

static size_t head_size(const struct socket_state *s) {
    unsigned length = s->head_len > 1 ? s->head[1] & 0x7f : 0;

    return s->head_len < 2 ? 2 : length == 126 ? 4 : length == 127 ? 10 : 2;
}

static void begin_frame(struct bench_client *c, struct socket_state *s) {
    size_t size = head_size(s);

    s->left = size == 2 ? s->head[1] & 0x7f : 0;
    for (size_t i = 2; i < size; i++)
        s->left = s->left << 8 | s->head[i];
    s->in_frame = true;
    s->control_len = 0;
    bench_scan_start(&c->scan);
}

static bool pong(struct bench_client *c, const struct socket_state *s) {
    char frame[6 + sizeof s->control] = {(char)0x8a, (char)(0x80 | s->control_len)};

    memcpy(frame + 6, s->control, s->control_len); /* masked with zero */
    return bench_client_send(c, frame, 6 + s->control_len);
}

static bool end_frame(struct bench_client *c, struct socket_state *s) {
    s->in_frame = false;
    s->head_len = 0;
    switch (s->head[0] & 0x0f) {
    case TEXT:
        bench_measure.messages++;
        bench_client_ready(c);
        return true;
    case PING:
        return pong(c, s);
    case CLOSE:
        return false;
    default:
        return true;
    }
}

static void take_payload(struct bench_client *c, struct socket_state *s, const char *at,
                         size_t len) {
    s->left -= len;
    if ((s->head[0] & 0x0f) < CLOSE) {
        bench_scan(&c->scan, at, len);
        return;
    }
    if (len > sizeof s->control - s->control_len)
        len = sizeof s->control - s->control_len;
    memcpy(s->control + s->control_len, at, len);
    s->control_len += len;
}

static bool take_frames(struct bench_client *c, struct socket_state *s, const char *at,
                        size_t len) {
    while (len) {
        size_t n = 1;

        if (s->in_frame) {
            n = len < s->left ? len : (size_t)s->left;
            take_payload(c, s, at, n);
        } else {
            s->head[s->head_len++] = (uint8_t)*at;
            if (s->head_len >= 2 && s->head_len == head_size(s))
                begin_frame(c, s);
        }
        at += n;
        len -= n;
        if (s->in_frame && !s->left && !end_frame(c, s))
            return false;
    }
    return true;
}

static bool data(struct bench_client *c, char *at, size_t len) {
    struct socket_state *s = c->own;

    if (!s->open) {
        size_t used = take_http(s, at, len);

        if (!used)
            return false;
        at += used;
        len -= used;
    }
    return take_frames(c, s, at, len);
}

int main(int argc, char **argv) {
    static const struct bench_protocol protocol = {sizeof(struct socket_state), start, data};

    return bench_clients_run(argc, argv, &protocol);
}
