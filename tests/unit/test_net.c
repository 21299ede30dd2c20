/* The server on a socket of its own, with routes that take a body: what is held of requests that
 * are still arriving, and what becomes of the server when its loop fails. */
#include "net_support.h"

#include "api/api_private.h"
#include "core/call.h"
#include "core/stock.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct vx_test_net net;

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

static const struct route routes[] = {
    {VX_GET, "/v1/Accounts/{account_sid}/Calls", ACCESS_ACCOUNT, vx_test_echo, "a", "a", NULL, true,
     false},
    {VX_POST, "/v1/Accounts/{account_sid}/Calls", ACCESS_ACCOUNT, vx_test_echo, "b", "b", NULL,
     false, true},
    {VX_GET, "/metrics", ACCESS_PUBLIC, vx_get_metrics, "c", "c", NULL, false, false},
};

static void start(const char *settings) {
    vx_test_net_open(&net, settings, routes, sizeof routes / sizeof *routes);
}

/* --- a client --- */

static void say_x(int fd, size_t n) {
    static char x[65536];
    memset(x, 'x', sizeof x);
    vx_test_say(fd, x, n);
}

static void post(int fd, const char *token, const char *fields) {
    char head[512];
    int n = snprintf(head, sizeof head,
                     "POST " ALPHA_CALLS " HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n"
                     "Content-Type: application/json\r\n%s\r\n",
                     token, fields);
    vx_test_say(fd, head, (size_t)n);
}

#define LENGTH "Content-Length: 60000\r\n"
#define CHUNKS "Transfer-Encoding: chunked\r\n"
#define EXPECT "Expect: 100-continue\r\n"

/* --- bodies --- */

#define MEMORY  "voxeme_http_request_memory_bytes"
#define REFUSED "voxeme_http_too_large_total{kind=\"memory\"}"

static void test_bodies_together_are_bounded(void **state) {
    (void)state;
    start("max-request-memory=200000");
    int fds[3];
    for (size_t i = 0; i < 3; i++) {
        fds[i] = vx_test_dial(&net);
        post(fds[i], "alpha-token", LENGTH EXPECT);
        assert_int_equal(vx_test_hear(fds[i]), 100);
        say_x(fds[i], 50000);
    }
    for (int i = 0; i < 20000 && vx_test_metric(&net, MEMORY) < 180000; i++)
        vx_test_nap(); /* until all of it has been read */
    assert_in_range(vx_test_metric(&net, MEMORY), 180000, 200000);
    for (int i = 0; i < 2; i++) { /* one that says what it will bring, one that does not */
        int over = vx_test_dial(&net);
        post(over, "alpha-token", i ? CHUNKS : LENGTH EXPECT);
        if (i) {
            vx_test_say(over, "8000\r\n", 6);
            say_x(over, 30000);
        }
        assert_int_equal(vx_test_hear(over), 503);
        assert_non_null(strstr(vx_test_heard, "Connection: close\r\n"));
        assert_non_null(strstr(vx_test_heard, "Retry-After: 1\r\n"));
        assert_int_equal(vx_test_hear(over), 0);
        close(over);
        assert_int_equal(vx_test_metric(&net, REFUSED), i + 1);
    }
    say_x(fds[0], 10000);
    assert_int_equal(vx_test_hear(fds[0]), 200);
    assert_non_null(strstr(vx_test_heard, "Content-Length: 60002\r\n"));
    /* Its room is another's. */
    post(fds[0], "alpha-token", LENGTH EXPECT);
    assert_int_equal(vx_test_hear(fds[0]), 100);
    for (size_t i = 0; i < 3; i++)
        close(fds[i]);
    while (vx_test_metric(&net, MEMORY) > 0)
        vx_test_nap();
    vx_test_net_close(&net);
}

/* What strangers bring takes no room from anybody. */
static void test_bodies_of_strangers(void **state) {
    (void)state;
    start("max-request-memory=100000");
    int fds[50];
    for (size_t i = 0; i < 50; i++) {
        fds[i] = vx_test_dial(&net);
        post(fds[i], i % 2 ? "wrong" : "beta-token", i % 4 < 2 ? LENGTH EXPECT : CHUNKS EXPECT);
    }
    for (size_t i = 0; i < 50; i++) {
        assert_int_equal(vx_test_hear(fds[i]), i % 2 ? 401 : 403);
        assert_non_null(strstr(vx_test_heard, "Connection: close\r\n"));
    }
    assert_int_equal(vx_test_metric(&net, MEMORY), 0);
    int fd = vx_test_dial(&net);
    post(fd, "alpha-token", LENGTH EXPECT);
    assert_int_equal(vx_test_hear(fd), 100);
    close(fd);
    for (size_t i = 0; i < 50; i++)
        close(fds[i]);
    vx_test_net_close(&net);
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
            int fd = vx_test_dial(&net);
            for (int i = 0; i < 2; i++) { /* and again on the same connection */
                post(fd, "alpha-token", messages[m][0]);
                vx_test_say(fd, body, cut);
                vx_test_say(fd, body + cut, strlen(body) - cut);
                assert_int_equal(vx_test_hear(fd), 200);
                assert_string_equal(strstr(vx_test_heard, "\r\n\r\n") + 4, messages[m][2]);
            }
            close(fd);
        }
    }
    assert_int_equal(vx_test_metric(&net, MEMORY), 0);
    vx_test_net_close(&net);
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
    if (vx_test_hear(fd) != st->expected[i].status)
        fail_msg("answer %zu: %s\nto %s", i, vx_test_heard, st->at);
    if (st->expected[i].status != 200)
        return;
    const char *body = strstr(vx_test_heard, "\r\n\r\n") + 4;
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
        int fd = vx_test_dial(&net), on = 1;
        st.len = st.count = 0;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        for (size_t n = 1 + vx_test_random(&r, 12); n > 0; n--)
            add_request(&st, &r);
        for (size_t at = 0, n; at < st.len; at += n) {
            n = 1 + vx_test_random(&r, vx_test_random(&r, 2) ? 8 : 400);
            n = n < st.len - at ? n : st.len - at;
            vx_test_say(fd, st.at + at, n);
        }
        for (size_t i = 0; i < st.count; i++)
            check_answer(&st, i, fd);
        close(fd);
    }
    assert_int_equal(vx_test_metric(&net, MEMORY), 0);
    vx_test_net_close(&net);
}

static void test_a_body_counts_once(void **state) {
    (void)state;
    start("rate-limit-per-minute=3");
    int fd = vx_test_dial(&net);
    for (int i = 0; i < 3; i++) {
        post(fd, "alpha-token", "Content-Length: 2\r\n" EXPECT);
        assert_int_equal(vx_test_hear(fd), 100);
        vx_test_say(fd, "{}", 2);
        assert_int_equal(vx_test_hear(fd), 200);
    }
    post(fd, "alpha-token", "Content-Length: 2\r\n" EXPECT);
    assert_int_equal(vx_test_hear(fd), 429);
    assert_int_equal(vx_test_hear(fd), 0);
    close(fd);
    vx_test_net_close(&net);
}

/* --- the loop --- */

static void wait_until_failing(bool wanted) {
    for (int i = 0; i < 20000 && vx_server_failing(net.server) != wanted; i++)
        vx_test_nap();
    assert_int_equal(vx_server_failing(net.server), wanted);
}

static void test_a_failing_loop_goes_on(void **state) {
    (void)state;
    start("");
    assert_false(vx_server_failing(net.server));
    assert_int_equal(vx_test_metric(&net, "voxeme_http_loop_failures_total"), 0);
    atomic_store(&poll_fails, true);
    wait_until_failing(true);
    atomic_store(&poll_fails, false);
    wait_until_failing(false);
    assert_true(vx_test_metric(&net, "voxeme_http_loop_failures_total") > 0);
    atomic_store(&poll_fails, true);
    wait_until_failing(true);
    vx_test_net_close(&net); /* in time, too */
    atomic_store(&poll_fails, false);
}

/* --- memory for the host's thread --- */

static long wait_for_stock(void) {
    for (int i = 0; i < 20000; i++) {
        struct vx_stock_stats stock;
        vx_stock_stats(&stock);
        if (stock.bytes > 0)
            return (long)stock.bytes;
        vx_test_nap();
    }
    return 0;
}

static void test_memory_is_kept_ready(void **state) {
    (void)state;
    start("");
    assert_int_equal(vx_test_metric(&net, "voxeme_stock_bytes"), 0);
    for (unsigned n = 1; n <= 10; n++)
        vx_test_apply(&net.service.world, VX_EVENT_CREATE, n);
    assert_true(wait_for_stock() > 0);
    assert_true(vx_test_metric(&net, "voxeme_stock_bytes") > 0);
    assert_true(vx_test_metric(&net, "voxeme_stock_missed_total") > 0);
    vx_test_net_close(&net);
    struct vx_stock_stats stock;
    vx_stock_stats(&stock);
    assert_int_equal(stock.bytes, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies_together_are_bounded),
        cmocka_unit_test(test_bodies_of_strangers),
        cmocka_unit_test(test_bodies_however_cut),
        cmocka_unit_test(test_requests_cut_anywhere),
        cmocka_unit_test(test_a_body_counts_once),
        cmocka_unit_test(test_a_failing_loop_goes_on),
        cmocka_unit_test(test_memory_is_kept_ready),
    };
    vx_test_capture_log();
    return vx_test_net_run("net", tests);
}
