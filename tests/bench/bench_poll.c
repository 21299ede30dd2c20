/*
 * N clients that long-poll a list (?since=...&wait=60): each answer is at once followed by the next
 * request. Tells how old the news is when it arrives. See clients.h.
 */
#include "config.h"

#include "clients.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_MAX   2048
#define CURSOR_MAX 48

struct poll_state {
    char head[HEAD_MAX];
    size_t head_len;
    size_t left; /* of the body */
    bool in_body;
    char start[64]; /* of the body: {"revision":"..." */
    size_t start_len;
    char cursor[CURSOR_MAX];
    unsigned answers;
};

static bool ask(struct bench_client *c) {
    const struct poll_state *s = c->own;
    char request[1024];
    int len = snprintf(request, sizeof request,
                       "GET %s?since=%s&wait=60 HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                       "Authorization: Bearer %s\r\n\r\n",
                       bench_path, s->cursor[0] ? s->cursor : "0.0", bench_token);

    return bench_client_send(c, request, (size_t)len);
}

static bool end_body(struct bench_client *c, struct poll_state *s) {
    s->start[s->start_len] = '\0';
    if (sscanf(s->start, "{\"revision\":\"%47[^\"]\"", s->cursor) != 1)
        return false;
    s->in_body = false;
    s->head_len = s->start_len = 0;
    bench_measure.messages++;
    s->answers++;
    bench_client_ready(c);
    return ask(c);
}

/* Returns how many bytes belong to the head; 0: it is none. */
static size_t take_head(struct bench_client *c, struct poll_state *s, const char *at, size_t len) {
    size_t before = s->head_len, room = HEAD_MAX - 1 - before;
    size_t n = len < room ? len : room;
    const char *end, *length;

    memcpy(s->head + before, at, n);
    s->head[before + n] = '\0';
    s->head_len += n;
    end = strstr(s->head, "\r\n\r\n");
    if (!end)
        return s->head_len == HEAD_MAX - 1 ? 0 : n;
    length = strcasestr(s->head, "\r\nContent-Length:");
    if (strncmp(s->head, "HTTP/1.1 200", 12) != 0 || !length)
        return 0;
    s->left = strtoul(length + 17, NULL, 10);
    s->in_body = true;
    bench_scan_start(&c->scan);
    return (size_t)(end + 4 - s->head) - before;
}

static void take_body(struct bench_client *c, struct poll_state *s, const char *at, size_t len) {
    size_t room = sizeof s->start - 1 - s->start_len, n = len < room ? len : room;

    memcpy(s->start + s->start_len, at, n);
    s->start_len += n;
    s->left -= len;
    if (s->answers) /* the first one brings all, however old */
        bench_scan(&c->scan, at, len);
}

static bool data(struct bench_client *c, char *at, size_t len) {
    struct poll_state *s = c->own;

    while (len) {
        size_t n = len < s->left ? len : s->left;

        if (s->in_body)
            take_body(c, s, at, n);
        else if (!(n = take_head(c, s, at, len)))
            return false;
        at += n;
        len -= n;
        if (s->in_body && !s->left && !end_body(c, s))
            return false;
    }
    return true;
}

int main(int argc, char **argv) {
    static const struct bench_protocol protocol = {sizeof(struct poll_state), ask, data};

    return bench_clients_run(argc, argv, &protocol);
}
