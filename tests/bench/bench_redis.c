/*
 * The way the family keeps its calls today: one Redis hash for each call, and sorted sets of their
 * keys; a list is looked together and rendered at each request. Written in C on hiredis, over a
 * Unix socket, one thread, keep-alive: no slower part than need be stands between Redis and the
 * client.
 *
 * usage: bench_redis SOCKET CALLS OTHERS
 *
 * Fills Redis with an account of CALLS calls and OTHERS calls of other accounts, prints
 * {"port":...,"pid":...,"bytes":...} (bytes of Redis's memory for each call) and answers
 *   GET /scan     one sorted set of all keys, walked by ZSCAN with MATCH for the account
 *   GET /range    a sorted set for the account, read by ZRANGE
 * each followed by HGETALL of every call in one pipeline. Ends with its stdin.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCOUNT "5f8e8f60-4771-44cb-92a6-94ea66df0450"
#define OTHER   "0b6b7f1e-93d4-4d6b-8f9f-5b1d7c4e2a10"
#define MANY    1000 /* commands in one pipeline */

struct text {
    char *at;
    size_t len, size;
};

static redisContext *redis;

static void die(const char *what) {
    fprintf(stderr, "bench_redis: %s: %s\n", what, redis ? redis->errstr : strerror(errno));
    exit(1);
}

static redisReply *reply(void) {
    void *r = NULL;

    if (redisGetReply(redis, &r) != REDIS_OK)
        die("redis");
    return r;
}

static void drop(unsigned count) {
    while (count--)
        freeReplyObject(reply());
}

/* --- filling --- */

static void add_call(const char *account, unsigned n) {
    char key[96], sid[40];

    snprintf(sid, sizeof sid, "%08x-1a1b-4b0d-9a38-0c3b1c2a3d4e", n * 2654435761u);
    snprintf(key, sizeof key, "call:%s:%s", account, sid);
    redisAppendCommand(
        redis,
        "HSET %s account_sid %s answered_at 2021-05-30T12:22:27.323Z attempted_at "
        "2021-05-30T12:22:24.123Z call_id a173fe94-3be1-123a-28b2-0efdfb356c0d call_sid %s "
        "call_status in-progress caller_name %s direction inbound from "
        "1508%07u service_url http://172.31.32.144:3000 "
        "sip_status 200 to 15083084809",
        key, account, sid, "", n);
    redisAppendCommand(redis, "ZADD calls %u %s", n, key);
    redisAppendCommand(redis, "ZADD calls:%s %u %s", account, n, key);
}

static void fill(const char *account, unsigned first, unsigned count) {
    unsigned pending = 0;

    for (unsigned n = first; n < first + count; n++) {
        add_call(account, n);
        pending += 3;
        if (pending >= MANY) {
            drop(pending);
            pending = 0;
        }
    }
    drop(pending);
}

static long used_memory(void) {
    redisReply *r = redisCommand(redis, "INFO memory");
    const char *at = r && r->str ? strstr(r->str, "used_memory:") : NULL;
    long used = at ? strtol(at + 12, NULL, 10) : 0;

    freeReplyObject(r);
    return used;
}

/* --- the list --- */

static void add(struct text *t, const char *at, size_t len) {
    if (t->len + len > t->size) {
        t->size = (t->len + len) * 2;
        t->at = realloc(t->at, t->size);
        if (!t->at)
            die("memory");
    }
    memcpy(t->at + t->len, at, len);
    t->len += len;
}

static void add_quoted(struct text *t, const redisReply *r) {
    add(t, "\"", 1);
    for (size_t from = 0, i = 0; i <= r->len; i++)
        if (i == r->len || r->str[i] == '"' || r->str[i] == '\\') {
            add(t, r->str + from, i - from);
            if (i < r->len)
                add(t, "\\", 1);
            from = i;
        }
    add(t, "\"", 1);
}

static bool is_number(const redisReply *name) {
    return strcmp(name->str, "sip_status") == 0 || strcmp(name->str, "duration") == 0;
}

static void add_hash(struct text *t, const redisReply *hash) {
    add(t, t->len > 1 ? ",{" : "{", t->len > 1 ? 2 : 1);
    for (size_t i = 0; i + 1 < hash->elements; i += 2) {
        if (i)
            add(t, ",", 1);
        add_quoted(t, hash->element[i]);
        add(t, ":", 1);
        if (is_number(hash->element[i]))
            add(t, hash->element[i + 1]->str, hash->element[i + 1]->len);
        else
            add_quoted(t, hash->element[i + 1]);
    }
    add(t, "}", 1);
}

static void list_keys(struct text *body, const redisReply *keys, size_t step) {
    for (size_t i = 0; i < keys->elements; i += step)
        redisAppendCommand(redis, "HGETALL %s", keys->element[i]->str);
    for (size_t i = 0; i < keys->elements; i += step) {
        redisReply *hash = reply();

        add_hash(body, hash);
        freeReplyObject(hash);
    }
}

static void list_by_scan(struct text *body) {
    char cursor[32] = "0";

    do {
        redisReply *r = redisCommand(redis, "ZSCAN calls %s MATCH call:" ACCOUNT ":*", cursor);

        if (!r || r->elements != 2)
            die("ZSCAN");
        snprintf(cursor, sizeof cursor, "%s", r->element[0]->str);
        list_keys(body, r->element[1], 2);
        freeReplyObject(r);
    } while (strcmp(cursor, "0") != 0);
}

static void list_by_range(struct text *body) {
    redisReply *r = redisCommand(redis, "ZRANGE calls:" ACCOUNT " 0 -1 REV");

    if (!r)
        die("ZRANGE");
    list_keys(body, r, 1);
    freeReplyObject(r);
}

/* --- HTTP, as far as a benchmark's client speaks it --- */

static bool send_all(int fd, const char *at, size_t len) {
    while (len) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

static bool serve(int fd) {
    static struct text body;
    char request[4096], head[256];
    ssize_t n = recv(fd, request, sizeof request - 1, 0);
    int len;

    if (n <= 0)
        return false;
    request[n] = '\0';
    body.len = 0;
    add(&body, "[", 1);
    if (strncmp(request, "GET /scan", 9) == 0)
        list_by_scan(&body);
    else
        list_by_range(&body);
    add(&body, "]", 1);
    len = snprintf(head, sizeof head,
                   "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
                   "Connection: keep-alive\r\n\r\n",
                   body.len);
    return send_all(fd, head, (size_t)len) && send_all(fd, body.at, body.len);
}

static int listen_on(unsigned *port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&at, size) != 0 || listen(fd, 128) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &size) != 0)
        die("listen");
    *port = ntohs(at.sin_port);
    return fd;
}

static void watch(int epoll, int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static void serve_all(int listener) {
    struct epoll_event events[64];
    int epoll = epoll_create1(0);

    watch(epoll, listener);
    watch(epoll, STDIN_FILENO);
    for (;;) {
        int n = epoll_wait(epoll, events, 64, -1);

        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;

            if (fd == STDIN_FILENO)
                return;
            if (fd == listener)
                watch(epoll, accept(listener, NULL, NULL));
            else if (!serve(fd))
                close(fd);
        }
    }
}

int main(int argc, char **argv) {
    unsigned calls, others, port;
    long before, used;
    int listener;

    if (argc != 4) {
        fprintf(stderr, "usage: bench_redis SOCKET CALLS OTHERS\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    redis = redisConnectUnix(argv[1]);
    if (!redis || redis->err)
        die("connect");
    calls = (unsigned)strtoul(argv[2], NULL, 10);
    others = (unsigned)strtoul(argv[3], NULL, 10);
    before = used_memory();
    fill(ACCOUNT, 0, calls);
    fill(OTHER, calls, others);
    used = used_memory() - before;
    listener = listen_on(&port);
    printf("{\"port\":%u,\"pid\":%d,\"bytes\":%ld}\n", port, (int)getpid(),
           used / (long)(calls + others));
    serve_all(listener);
    return 0;
}
