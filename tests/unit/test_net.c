/* The server on a socket of its own, with routes that take a body: what is held of requests that
 * are still arriving, what becomes of the server when its loop fails, and of streams when memory is
 * short. */
#include "api_support.h"

#include "api/api_private.h"
#include "core/call.h"
#include "net/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct vx_test_service s;
static struct vx_server *server;

/* --- the loop --- */

static atomic_bool poll_fails;

/* In front of libc's, for libwebsockets. */
__attribute__((visibility("default"))) int poll(struct pollfd *fds, nfds_t n, int ms) {
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    if (atomic_load(&poll_fails)) {
        errno = ENOMEM;
        return -1;
    }
    return ppoll(fds, n, ms < 0 ? NULL : &t, NULL);
}

/* --- the service --- */

static void echo(struct exchange *x) {
    struct vx_buf out = {0};
    vx_json_string(&out, x->request->body);
    vx_answer(x, 200, NULL, &out);
}

static const struct route routes[] = {
    {VX_GET, "/v1/Accounts/{account_sid}/Calls", ACCESS_ACCOUNT, echo, "a", "a", NULL, true, false},
    {VX_POST, "/v1/Accounts/{account_sid}/Calls", ACCESS_ACCOUNT, echo, "b", "b", NULL, false,
     true},
    {VX_GET, "/metrics", ACCESS_PUBLIC, vx_get_metrics, "c", "c", NULL, false, false},
};

static void start(const char *settings) {
    char all[512], error[256] = "";
    snprintf(all, sizeof all, "listen=127.0.0.1:0;%s", settings);
    vx_test_service_open(&s, all);
    s.api->routes = routes;
    s.api->route_count = sizeof routes / sizeof *routes;
    server = vx_server_start(s.api, s.world.registry, s.world.config, error, sizeof error);
    if (!server)
        fail_msg("%s", error);
}

static void stop(void) {
    vx_server_stop(&server);
    assert_null(server);
    vx_test_service_close(&s);
}

/* --- a client --- */

static int dial(void) {
    struct sockaddr_in sa = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)vx_server_port(server))};
    struct timeval patience = {.tv_sec = 20};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    return fd;
}

static void say(int fd, const char *at, size_t len) {
    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        assert_true(n > 0);
        at += n;
        len -= (size_t)n;
    }
}

static void say_x(int fd, size_t n) {
    static char x[65536];
    memset(x, 'x', sizeof x);
    say(fd, x, n);
}

static char heard[262144];

/* Reads one answer: its status; heard[] holds all of it. 0: the connection is closed. */
static unsigned hear(int fd) {
    size_t len = 0;
    char *end = NULL, *field;
    heard[0] = '\0';
    while (!(end = strstr(heard, "\r\n\r\n"))) {
        ssize_t n = recv(fd, heard + len, 1, 0);
        if (n <= 0)
            return 0;
        heard[++len] = '\0';
    }
    field = strstr(heard, "Content-Length: ");
    for (size_t left = field ? strtoul(field + 16, NULL, 10) : 0; left > 0;) {
        ssize_t n = recv(fd, heard + len, left, 0);
        assert_true(n > 0);
        left -= (size_t)n;
        len += (size_t)n;
        heard[len] = '\0';
    }
    return (unsigned)strtoul(heard + 9, NULL, 10);
}

static void post(int fd, const char *token, const char *fields) {
    char head[512];
    int n = snprintf(head, sizeof head,
                     "POST " ALPHA_CALLS " HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n"
                     "Content-Type: application/json\r\n%s\r\n",
                     token, fields);
    say(fd, head, (size_t)n);
}

#define LENGTH "Content-Length: 60000\r\n"
#define CHUNKS "Transfer-Encoding: chunked\r\n"
#define EXPECT "Expect: 100-continue\r\n"

static long metric(const char *name) {
    static const char ask[] = "GET /metrics HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    char key[128];
    int fd = dial();
    say(fd, ask, sizeof ask - 1);
    assert_int_equal(hear(fd), 200);
    close(fd);
    snprintf(key, sizeof key, "\n%s ", name);
    char *at = strstr(heard, key);
    if (!at)
        fail_msg("no %s", name);
    return strtol(at + strlen(key), NULL, 10);
}

static void nap(void) {
    struct timespec t = {.tv_nsec = 1000000};
    nanosleep(&t, NULL);
}

/* --- bodies --- */

#define MEMORY  "voxeme_http_request_memory_bytes"
#define REFUSED "voxeme_http_too_large_total{kind=\"memory\"}"

static void test_bodies_together_are_bounded(void **state) {
    (void)state;
    start("max-request-memory=200000");
    int fds[3];
    for (size_t i = 0; i < 3; i++) {
        fds[i] = dial();
        post(fds[i], "alpha-token", LENGTH EXPECT);
        assert_int_equal(hear(fds[i]), 100);
        say_x(fds[i], 50000);
    }
    assert_in_range(metric(MEMORY), 180000, 200000);
    for (int i = 0; i < 2; i++) { /* one that says what it will bring, one that does not */
        int over = dial();
        post(over, "alpha-token", i ? CHUNKS : LENGTH EXPECT);
        if (i) {
            say(over, "8000\r\n", 6);
            say_x(over, 30000);
        }
        assert_int_equal(hear(over), 503);
        assert_non_null(strstr(heard, "Connection: close\r\n"));
        assert_non_null(strstr(heard, "Retry-After: 1\r\n"));
        assert_int_equal(hear(over), 0);
        close(over);
        assert_int_equal(metric(REFUSED), i + 1);
    }
    say_x(fds[0], 10000);
    assert_int_equal(hear(fds[0]), 200);
    assert_non_null(strstr(heard, "Content-Length: 60002\r\n"));
    /* Its room is another's. */
    post(fds[0], "alpha-token", LENGTH EXPECT);
    assert_int_equal(hear(fds[0]), 100);
    for (size_t i = 0; i < 3; i++)
        close(fds[i]);
    while (metric(MEMORY) > 0)
        nap();
    stop();
}

/* What strangers bring takes no room from anybody. */
static void test_bodies_of_strangers(void **state) {
    (void)state;
    start("max-request-memory=100000");
    int fds[50];
    for (size_t i = 0; i < 50; i++) {
        fds[i] = dial();
        post(fds[i], i % 2 ? "wrong" : "beta-token", i % 4 < 2 ? LENGTH EXPECT : CHUNKS EXPECT);
    }
    for (size_t i = 0; i < 50; i++) {
        assert_int_equal(hear(fds[i]), i % 2 ? 401 : 403);
        assert_non_null(strstr(heard, "Connection: close\r\n"));
    }
    assert_int_equal(metric(MEMORY), 0);
    int fd = dial();
    post(fd, "alpha-token", LENGTH EXPECT);
    assert_int_equal(hear(fd), 100);
    close(fd);
    for (size_t i = 0; i < 50; i++)
        close(fds[i]);
    stop();
}

static void test_bodies_however_cut(void **state) {
    (void)state;
    static const char *const messages[][3] = {
        {"Content-Length: 7\r\n", "{\"a\":1}", "\"{\\\"a\\\":1}\""},
        {CHUNKS, "3\r\n{\"a\r\n4;x\r\n\":1}\r\n0\r\nT: t\r\n\r\n", "\"{\\\"a\\\":1}\""},
        {"Content-Length: 0\r\n", "", "\"\""},
    };
    start("");
    for (size_t m = 0; m < 3; m++) {
        const char *body = messages[m][1];
        for (size_t cut = 0; cut <= strlen(body); cut++) {
            int fd = dial();
            for (int i = 0; i < 2; i++) { /* and again on the same connection */
                post(fd, "alpha-token", messages[m][0]);
                say(fd, body, cut);
                say(fd, body + cut, strlen(body) - cut);
                assert_int_equal(hear(fd), 200);
                assert_string_equal(strstr(heard, "\r\n\r\n") + 4, messages[m][2]);
            }
            close(fd);
        }
    }
    assert_int_equal(metric(MEMORY), 0);
    stop();
}

/* --- any requests, cut anywhere --- */

struct stream {
    char at[65536];
    size_t len;
    struct {
        unsigned status;
        size_t echoed; /* bytes of its body, which come back; 0: nobody looks at it */
    } expected[64];
    size_t count;
};

static void add(struct stream *st, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct stream *st, const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(st->at + st->len, sizeof st->at - st->len, format, ap);
    va_end(ap);
    assert_true(n >= 0 && (size_t)n < sizeof st->at - st->len);
    st->len += (size_t)n;
}

static void add_x(struct stream *st, size_t n) {
    memset(st->at + st->len, 'x', n);
    st->len += n;
}

static void add_body(struct stream *st, struct vx_test_random *r, size_t size) {
    if (vx_test_random(r, 2)) {
        add(st, "Content-Length: %zu\r\n\r\n", size);
        add_x(st, size);
        return;
    }
    add(st, CHUNKS "\r\n");
    while (size > 0) {
        size_t n = 1 + vx_test_random(r, (uint32_t)size);
        add(st, "%zx%s\r\n", n, vx_test_random(r, 2) ? "" : ";e=\"1\"");
        add_x(st, n);
        add(st, "\r\n");
        size -= n;
    }
    add(st, "0\r\n%s\r\n", vx_test_random(r, 2) ? "" : "Trailer: x\r\n");
}

static void add_request(struct stream *st, struct vx_test_random *r) {
    bool wanted = vx_test_random(r, 2), found = vx_test_random(r, 4) > 0;
    bool body = found && vx_test_random(r, 4) > 0;
    size_t size = vx_test_random(r, vx_test_random(r, 8) ? 40 : 3000);
    add(st, "%s %s HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer alpha-token\r\n%s",
        wanted ? "POST" : "GET", found ? ALPHA_CALLS : "/%6eowhere",
        wanted ? "Content-Type: application/json\r\n" : "");
    if (body)
        add_body(st, r, size);
    else
        add(st, "\r\n");
    st->expected[st->count].status = found ? 200 : 404;
    st->expected[st->count++].echoed = body && wanted ? size : 0;
}

static void check_answer(const struct stream *st, size_t i, int fd) {
    if (hear(fd) != st->expected[i].status)
        fail_msg("answer %zu: %s\nto %s", i, heard, st->at);
    if (st->expected[i].status != 200)
        return;
    const char *body = strstr(heard, "\r\n\r\n") + 4;
    if (st->expected[i].echoed && strspn(body + 1, "x") != st->expected[i].echoed)
        fail_msg("answer %zu: %zu bytes, not %zu", i, strspn(body + 1, "x"),
                 st->expected[i].echoed);
}

static void test_requests_cut_anywhere(void **state) {
    (void)state;
    static struct stream st;
    struct vx_test_random r = vx_test_random_start("requests cut anywhere");
    start("rate-limit-per-minute=0");
    for (int round = 0; round < 200; round++) {
        int fd = dial(), on = 1;
        st.len = st.count = 0;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        for (size_t n = 1 + vx_test_random(&r, 12); n > 0; n--)
            add_request(&st, &r);
        for (size_t at = 0, n; at < st.len; at += n) {
            n = 1 + vx_test_random(&r, vx_test_random(&r, 2) ? 8 : 400);
            n = n < st.len - at ? n : st.len - at;
            say(fd, st.at + at, n);
        }
        for (size_t i = 0; i < st.count; i++)
            check_answer(&st, i, fd);
        close(fd);
    }
    assert_int_equal(metric(MEMORY), 0);
    stop();
}

static void test_a_body_counts_once(void **state) {
    (void)state;
    start("rate-limit-per-minute=3");
    int fd = dial();
    for (int i = 0; i < 3; i++) {
        post(fd, "alpha-token", "Content-Length: 2\r\n" EXPECT);
        assert_int_equal(hear(fd), 100);
        say(fd, "{}", 2);
        assert_int_equal(hear(fd), 200);
    }
    post(fd, "alpha-token", "Content-Length: 2\r\n" EXPECT);
    assert_int_equal(hear(fd), 429);
    assert_int_equal(hear(fd), 0);
    close(fd);
    stop();
}

/* --- the loop --- */

static void wait_until_failing(bool wanted) {
    for (int i = 0; i < 20000 && vx_server_failing(server) != wanted; i++)
        nap();
    assert_int_equal(vx_server_failing(server), wanted);
}

static void test_a_failing_loop_goes_on(void **state) {
    (void)state;
    start("");
    assert_false(vx_server_failing(server));
    assert_int_equal(metric("voxeme_http_loop_failures_total"), 0);
    atomic_store(&poll_fails, true);
    wait_until_failing(true);
    atomic_store(&poll_fails, false);
    wait_until_failing(false);
    assert_true(metric("voxeme_http_loop_failures_total") > 0);
    atomic_store(&poll_fails, true);
    wait_until_failing(true);
    stop(); /* in time, too */
    atomic_store(&poll_fails, false);
}

/* --- streams --- */

/* With the routes of the real API. */
static void start_real(const char *settings) {
    start(settings);
    s.api->routes = vx_routes;
    s.api->route_count = vx_route_count;
}

static int ask_events(void) {
    static const char ask[] = "GET " ALPHA_CALLS " HTTP/1.1\r\nHost: h\r\n"
                              "Authorization: Bearer alpha-token\r\n"
                              "Accept: text/event-stream\r\n\r\n";
    int fd = dial();
    say(fd, ask, sizeof ask - 1);
    return fd;
}

/* Reads on until `text` has come. False: the connection is closed. */
static bool hear_of(int fd, const char *text) {
    size_t len = 0;
    heard[0] = '\0';
    while (!strstr(heard, text)) {
        ssize_t n = recv(fd, heard + len, sizeof heard - 1 - len, 0);
        if (n <= 0)
            return false;
        len += (size_t)n;
        heard[len] = '\0';
    }
    return true;
}

/* One call, whose JSON is too large to be exempt from the limits. */
static void apply_large_call(unsigned n) {
    static char name[6000];
    struct vx_event event = vx_test_event(VX_EVENT_CREATE, n);
    memset(name, 'n', sizeof name);
    event.caller_name = (struct vx_str){name, sizeof name};
    assert_int_equal(vx_registry_apply(s.world.registry, &event), VX_APPLIED);
}

static void wait_until_refused(size_t bodies) {
    for (int i = 0; i < 20000 && vx_body_refused() < bodies; i++)
        nap();
    assert_true(vx_body_refused() >= bodies);
}

/* The list takes two of its size, the frame a third: there is room for two. */
static void test_a_frame_without_memory(void **state) {
    (void)state;
    for (int round = 0; round < 2; round++) {
        start_real("max-field-bytes=10000");
        apply_large_call(1);
        if (round)
            vx_body_set_limits(0, vx_pot_memory(s.api->state->tenants[0]->pot) + 15000, 0);
        else
            vx_body_set_limits(vx_body_memory() + 15000, 0, 0);
        size_t before = vx_body_refused();
        int fd = ask_events();
        wait_until_refused(before + 1);
        /* It is tried again now and then, not all the time. */
        int64_t began = vx_mono_us(&vx_clock_system);
        wait_until_refused(before + 3);
        assert_true(vx_mono_us(&vx_clock_system) - began > VX_SECOND_US / 4);
        assert_true(vx_body_refused() < before + 10);
        vx_body_set_limits(0, 0, 0);
        assert_true(hear_of(fd, "\"type\":\"snapshot\""));
        close(fd);
        stop();
    }
}

static int ask_websocket(void) {
    static const char ask[] = "GET " ALPHA_CALLS " HTTP/1.1\r\nHost: h\r\n"
                              "Authorization: Bearer alpha-token\r\nUpgrade: websocket\r\n"
                              "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    int fd = dial();
    say(fd, ask, sizeof ask - 1);
    assert_int_equal(hear(fd), 101);
    return fd;
}

static void answer_ping(int fd) {
    static const unsigned char ping[] = {0x89, 0}, pong[] = {0x8a, 0x80, 0, 0, 0, 0};
    unsigned char frame[sizeof ping];
    assert_int_equal(recv(fd, frame, sizeof frame, MSG_WAITALL), sizeof frame);
    assert_memory_equal(frame, ping, sizeof ping);
    say(fd, (const char *)pong, sizeof pong);
}

/* Also one that nothing can be sent to for the time being is found to be there, or gone. */
static void test_a_stream_that_waits_for_memory_is_pinged(void **state) {
    (void)state;
    start_real("max-field-bytes=10000;ping-seconds=1;metrics-allow=127.0.0.1");
    apply_large_call(1);
    vx_body_set_limits(0, 15000, 0);
    struct pollfd clients[] = {{.fd = ask_websocket(), .events = POLLIN},
                               {.fd = ask_websocket(), .events = POLLIN}};
    unsigned pings = 0;
    char silent[64];
    for (;;) {
        assert_true(poll(clients, 2, 20000) > 0);
        if (clients[0].revents) {
            answer_ping(clients[0].fd);
            pings++;
        }
        if (clients[1].revents && recv(clients[1].fd, silent, sizeof silent, 0) <= 0)
            break;
    }
    assert_in_range(pings, 2, 4);
    assert_int_equal(metric("voxeme_http_timeouts_total{kind=\"ping\"}"), 1);
    vx_body_set_limits(0, 0, 0);
    assert_true(hear_of(clients[0].fd, "\"type\":\"snapshot\""));
    close(clients[0].fd);
    close(clients[1].fd);
    stop();
}

/* A client joins, and a call comes: whatever fails, the client is told of it, or refused. */
static void join_and_be_told(void *ctx) {
    (void)ctx;
    start_real("");
    vx_test_arm();
    int fd = ask_events();
    bool joined = hear_of(fd, "\r\n\r\n") && strstr(heard, "200 OK");
    struct vx_event event = vx_test_event(VX_EVENT_CREATE, 1);
    enum vx_applied applied = vx_registry_apply(s.world.registry, &event);
    if (joined && applied == VX_APPLIED)
        assert_true(strstr(heard, "ca110000") || hear_of(fd, "ca110000"));
    vx_test_disarm();
    close(fd);
    if (applied != VX_APPLIED)
        assert_int_equal(vx_registry_apply(s.world.registry, &event), VX_APPLIED);
    fd = ask_events();
    assert_true(hear_of(fd, "ca110000"));
    close(fd);
    stop();
}

static void test_streams_without_memory(void **state) {
    (void)state;
    vx_test_every_allocation_fails(join_and_be_told, NULL, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies_together_are_bounded),
        cmocka_unit_test(test_bodies_of_strangers),
        cmocka_unit_test(test_bodies_however_cut),
        cmocka_unit_test(test_requests_cut_anywhere),
        cmocka_unit_test(test_a_body_counts_once),
        cmocka_unit_test(test_a_failing_loop_goes_on),
        cmocka_unit_test(test_a_frame_without_memory),
        cmocka_unit_test(test_a_stream_that_waits_for_memory_is_pinged),
        cmocka_unit_test(test_streams_without_memory),
    };
    vx_test_capture_log();
    return cmocka_run_group_tests_name("net", tests, NULL, NULL);
}
