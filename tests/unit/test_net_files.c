/* Large lists on the wire: from files in memory or not, every client gets the bytes of the revision
 * that its answer names. */
#include "config.h" /* tee(), splice() */

#include "api_support.h"

#include "net/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { CALLS = 400, SMALL = 100, LARGEST = 1 << 20 };

/* --- in front of libc's --- */

static atomic_int sendfile_errno; /* 0: it works */
static atomic_size_t sendfile_most;
static atomic_uint sendfiles;

__attribute__((visibility("default"))) ssize_t sendfile(int out, int in, off_t *at, size_t len) {
    int e = atomic_load(&sendfile_errno);
    size_t most = atomic_load(&sendfile_most);
    if (e) {
        errno = e;
        return -1;
    }
    atomic_fetch_add(&sendfiles, 1);
    return syscall(SYS_sendfile, out, in, at, most && most < len ? most : len);
}

static atomic_int pipe_errno; /* of tee() or splice() */
static atomic_bool tee_fails;
static atomic_size_t splice_most;
static atomic_uint splices;

__attribute__((visibility("default"))) ssize_t tee(int in, int out, size_t len, unsigned flags) {
    if (atomic_load(&tee_fails)) {
        errno = atomic_load(&pipe_errno);
        return -1;
    }
    return syscall(SYS_tee, in, out, len, flags);
}

/* Out of a socket into a pipe, where a body is put into one, and out of a pipe into a client's. */
__attribute__((visibility("default"))) ssize_t splice(int in, off64_t *in_at, int out,
                                                      off64_t *out_at, size_t len, unsigned flags) {
    size_t most = atomic_load(&splice_most);
    int e = atomic_load(&pipe_errno);
    struct stat from;
    if (e) {
        errno = e;
        return -1;
    }
    if (fstat(in, &from) == 0 && S_ISFIFO(from.st_mode)) {
        atomic_fetch_add(&splices, 1);
        len = most && most < len ? most : len;
    }
    return syscall(SYS_splice, in, in_at, out, out_at, len, flags);
}

/* --- a server with a long list --- */

static struct vx_test_service s;
static struct vx_server *server;
static unsigned threads;

/* Makes or changes a call. */
static void touch(unsigned n, const char *name) {
    static uint64_t sequence = UINT64_C(1) << 40;
    struct vx_event event =
        vx_test_event(vx_test_has(s.world.alpha, n) ? VX_EVENT_UPDATE : VX_EVENT_CREATE, n);
    event.caller_name = vx_str(name);
    event.sequence = sequence--; /* the earliest decides */
    assert_int_equal(vx_registry_apply(s.world.registry, &event), VX_APPLIED);
}

/* A small list, whose pages lie in a pipe as well, or one that is too large for that. */
static void start_with(unsigned calls, const char *settings) {
    char all[256], error[256] = "", name[200];
    atomic_store(&sendfile_errno, 0);
    atomic_store(&sendfile_most, 0);
    atomic_store(&sendfiles, 0);
    atomic_store(&pipe_errno, 0);
    atomic_store(&tee_fails, false);
    atomic_store(&splice_most, 0);
    atomic_store(&splices, 0);
    snprintf(all, sizeof all, "listen=127.0.0.1:0;threads=%u;rate-limit-per-minute=0;%s", threads,
             settings);
    vx_test_service_open(&s, all);
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    for (unsigned n = 1; n <= calls; n++)
        touch(n, name);
    server = vx_server_start(s.api, s.world.registry, s.world.config, error, sizeof error);
    if (!server)
        fail_msg("%s", error);
}

static void start(const char *settings) {
    start_with(CALLS, settings);
}

static void stop(void) {
    vx_server_stop(&server);
    vx_test_service_close(&s);
    assert_int_equal(vx_body_files(), 0);
    assert_int_equal(vx_body_memory(), 0);
}

/* --- a client --- */

static int dial(int buffer) {
    struct sockaddr_in sa = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)vx_server_port(server))};
    struct timeval patience = {.tv_sec = 20};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (buffer)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    return fd;
}

static void say(int fd, const char *method, unsigned times) {
    char head[256];
    int n = snprintf(head, sizeof head,
                     "%s " ALPHA_CALLS " HTTP/1.1\r\nHost: h\r\n"
                     "Authorization: Bearer alpha-token\r\n\r\n",
                     method);
    while (times--)
        assert_int_equal(send(fd, head, (size_t)n, MSG_NOSIGNAL), n);
}

struct answer {
    char head[1024];
    char *body; /* to be freed */
    size_t len;
};

static void until_it_comes(int fd) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 20000), 1);
}

/* The head; then the body, of which `most` bytes. */
static void hear_some(int fd, struct answer *a, size_t most) {
    size_t n = 0, got = 0;
    while (n < 4 || memcmp(a->head + n - 4, "\r\n\r\n", 4) != 0) {
        assert_true(n < sizeof a->head - 1);
        assert_int_equal(recv(fd, a->head + n, 1, 0), 1);
        a->head[++n] = '\0';
    }
    char *field = strstr(a->head, "Content-Length: ");
    assert_non_null(field);
    a->len = strtoul(field + 16, NULL, 10);
    assert_true(a->len < LARGEST);
    a->body = calloc(1, a->len + 1);
    assert_non_null(a->body);
    while (got < a->len && got < most) {
        ssize_t r = recv(fd, a->body + got, (a->len < most ? a->len : most) - got, 0);
        assert_true(r > 0);
        got += (size_t)r;
    }
}

static void hear_rest(int fd, struct answer *a, size_t got) {
    while (got < a->len) {
        ssize_t r = recv(fd, a->body + got, a->len - got, 0);
        assert_true(r > 0);
        got += (size_t)r;
    }
}

static void hear(int fd, struct answer *a) {
    hear_some(fd, a, SIZE_MAX);
}

static void forget(struct answer *a) {
    free(a->body);
    a->body = NULL;
}

/* What the API answers now, without a socket: no file is in it. */
static void expect_now(const struct answer *a) {
    struct vx_test_ask ask = {.target = ALPHA_CALLS, .token = "alpha-token"};
    struct vx_test_answer want;
    char etag[80];
    vx_test_ask(&s, &ask, &want);
    snprintf(etag, sizeof etag, "ETag: %s\r\n", want.response.etag);
    assert_non_null(strstr(a->head, etag));
    assert_int_equal(a->len, want.len);
    assert_memory_equal(a->body, want.body, want.len);
    vx_test_answer_clear(&want);
}

static void get(int fd, struct answer *a) {
    say(fd, "GET", 1);
    hear(fd, a);
}

/* --- --- */

static void test_the_same_bytes(void **state) {
    (void)state;
    start("");
    int fd = dial(0);
    for (int i = 0; i < 12; i++) {
        struct answer a;
        get(fd, &a);
        expect_now(&a);
        forget(&a);
    }
    assert_int_equal(vx_body_files(), 1);
    assert_true(atomic_load(&sendfiles) >= 7);
    /* Another revision, and another file. */
    touch(7, "another");
    for (int i = 0; i < 8; i++) {
        struct answer a;
        get(fd, &a);
        assert_non_null(strstr(a.body, "another"));
        expect_now(&a);
        forget(&a);
    }
    assert_int_equal(vx_body_files(), 1);
    close(fd);
    stop();
}

static void test_pipelined_and_head(void **state) {
    (void)state;
    struct answer a;
    start("");
    int fd = dial(0);
    for (int i = 0; i < 6; i++) {
        get(fd, &a);
        forget(&a);
    }
    say(fd, "GET", 3);
    say(fd, "HEAD", 2);
    say(fd, "GET", 2);
    for (int i = 0; i < 7; i++) {
        bool head_only = i == 3 || i == 4;
        if (head_only) {
            hear_some(fd, &a, 0); /* what came behind it would not begin like a head */
            forget(&a);
            continue;
        }
        hear(fd, &a);
        expect_now(&a);
        forget(&a);
    }
    assert_int_equal(vx_body_files(), 1);
    close(fd);
    stop();
}

/* However little the socket takes at once. */
static void test_bit_by_bit(void **state) {
    (void)state;
    start("");
    for (size_t most = 1000; most < 100000; most = most * 3 + 1) {
        int fd = dial(4096);
        atomic_store(&sendfile_most, most);
        for (int i = 0; i < 7; i++) {
            struct answer a;
            get(fd, &a);
            expect_now(&a);
            forget(&a);
        }
        close(fd);
    }
    assert_true(atomic_load(&sendfiles) > 100);
    stop();
}

static void get_some(int fd, unsigned times) {
    for (unsigned i = 0; i < times; i++) {
        struct answer a;
        get(fd, &a);
        expect_now(&a);
        forget(&a);
    }
}

/* What is small is sent from a pipe: all of it, or its beginning, or nothing. */
static void test_from_a_pipe(void **state) {
    (void)state;
    start_with(SMALL, "");
    int fd = dial(0), slow = dial(4096);
    get_some(fd, 12);
    assert_int_equal(vx_body_files(), 1);
    assert_true(atomic_load(&splices) >= 7);
    assert_int_equal(atomic_load(&sendfiles), 0);
    /* What is left behind is not what the next one is sent. */
    for (size_t most = 1; most < 50000; most = most * 3 + 1) {
        atomic_store(&splice_most, most);
        get_some(fd, 2);
        get_some(slow, 1);
    }
    atomic_store(&splice_most, 0);
    touch(7, "another");
    get_some(fd, 8);
    assert_int_equal(atomic_load(&sendfiles), 0);
    close(fd);
    close(slow);
    stop();
}

/* Not now, or never again: then what is small is in a file, too. */
static void test_where_there_is_no_pipe(void **state) {
    (void)state;
    static const struct {
        int e;
        bool for_ever;
    } errors[] = {{EAGAIN, false}, {ENOMEM, false}, {EINVAL, true}, {ENOSYS, true}};
    enum { OF_TEE, OF_SPLICE, FROM_THE_START, PLACES };
    for (size_t i = 0; i < PLACES * sizeof errors / sizeof *errors; i++) {
        bool for_ever = errors[i / PLACES].for_ever, at_start = i % PLACES == FROM_THE_START;
        start_with(SMALL, "");
        int fd = dial(0);
        if (!at_start)
            get_some(fd, 7);
        assert_int_equal(vx_body_files(), !at_start);
        atomic_store(&tee_fails, i % PLACES == OF_TEE);
        atomic_store(&pipe_errno, errors[i / PLACES].e);
        get_some(fd, 7);
        assert_int_equal(vx_body_files(), !at_start && !for_ever);
        assert_int_equal(atomic_load(&sendfiles), 0);
        atomic_store(&tee_fails, false);
        atomic_store(&pipe_errno, 0);
        atomic_store(&splices, 0);
        touch(7, "another");
        get_some(fd, 8);
        assert_int_equal(vx_body_files(), 1);
        assert_int_equal(atomic_load(&sendfiles) > 0, for_ever);
        assert_int_equal(atomic_load(&splices) > 0, !for_ever);
        close(fd);
        stop();
    }
}

static void test_where_it_cannot_be_sent(void **state) {
    (void)state;
    static const int errors[] = {EINVAL, ENOSYS, ENOMEM, EIO};
    for (size_t e = 0; e < sizeof errors / sizeof *errors; e++) {
        struct answer a;
        bool for_ever = e < 2;
        start("");
        int fd = dial(0);
        uint64_t failures = vx_body_file_failures();
        atomic_store(&sendfile_errno, errors[e]);
        for (int i = 0; i < 9; i++) {
            get(fd, &a);
            expect_now(&a);
            forget(&a);
        }
        assert_int_equal(vx_body_files(), !for_ever);
        assert_int_equal(vx_body_file_failures() - failures, for_ever);
        atomic_store(&sendfile_errno, 0);
        get(fd, &a);
        expect_now(&a);
        forget(&a);
        assert_int_equal(atomic_load(&sendfiles) > 0, !for_ever);
        close(fd);
        stop();
    }
}

/* It fails in the middle of an answer: the rest comes from memory. */
static void test_a_file_that_goes_half_way(void **state) {
    (void)state;
    start("");
    int warm = dial(0), fd = dial(4096);
    struct answer a;
    for (int i = 0; i < 6; i++) {
        get(warm, &a);
        forget(&a);
    }
    assert_int_equal(vx_body_files(), 1);
    say(fd, "GET", 1);
    hear_some(fd, &a, 20000);
    vx_body_drop_files(NULL);
    hear_rest(fd, &a, 20000);
    expect_now(&a);
    forget(&a);
    close(warm);
    close(fd);
    stop();
}

static void test_none_where_none_is_wanted(void **state) {
    (void)state;
    start("max-response-files=0");
    int fd = dial(0);
    for (int i = 0; i < 9; i++) {
        struct answer a;
        get(fd, &a);
        expect_now(&a);
        forget(&a);
    }
    assert_int_equal(vx_body_files(), 0);
    assert_int_equal(atomic_load(&sendfiles), 0);
    close(fd);
    stop();
}

/* --- clients that read on when others have long had other lists --- */

enum { READERS = 24, HALF = 10000 };

static void test_half_read_over_many_revisions(void **state) {
    (void)state;
    static struct answer readers[READERS];
    int fds[READERS];
    char *want[READERS];
    start("max-response-files=2");
    int warm = dial(0);
    for (unsigned i = 0; i < READERS; i++) {
        struct answer a;
        char name[32];
        snprintf(name, sizeof name, "revision %u", i);
        touch(1 + i % 7, name);
        for (int n = 0; n < 6; n++) {
            get(warm, &a);
            if (n < 5)
                forget(&a);
        }
        expect_now(&a);
        want[i] = a.body;
        assert_int_equal(vx_body_files(), 1); /* of the newest revision, whoever reads another */
        fds[i] = dial(4096);
        say(fds[i], "GET", 1);
        hear_some(fds[i], &readers[i], HALF);
    }
    for (unsigned i = 0; i < READERS; i++) {
        unsigned n = (i * 7) % READERS;
        hear_rest(fds[n], &readers[n], HALF);
        assert_string_equal(readers[n].body, want[n]);
        close(fds[n]);
        forget(&readers[n]);
        free(want[n]);
    }
    close(warm);
    stop();
}

/* Pages that lie in a socket stay what they were, when file, body and all are gone. */
static void test_unread_when_all_is_gone(void **state) {
    (void)state;
    struct answer a, other;
    start("");
    int fd = dial(LARGEST), warm = dial(0);
    for (int i = 0; i < 6; i++) {
        get(warm, &a);
        if (i < 5)
            forget(&a);
    }
    say(fd, "GET", 1);
    until_it_comes(fd); /* with several threads another may be served first */
    get(warm, &other);
    forget(&other);
    for (unsigned i = 0; i < 50; i++) {
        touch(1 + i % 5, i % 2 ? "xxxxxxxxxxxxxxxxxxxxxxxxxxxx" : "yyyyyyyyyyyyyyyyyyyyyyyyyyyy");
        for (int n = 0; n < 6; n++) {
            get(warm, &other);
            forget(&other);
        }
    }
    hear(fd, &other);
    assert_string_equal(other.body, a.body);
    forget(&a);
    forget(&other);
    close(fd);
    close(warm);
    stop();
}

/* A client that has gone while its answer was being sent. */
static void test_broken_sockets(void **state) {
    (void)state;
    start("");
    int warm = dial(0);
    struct answer a;
    for (int i = 0; i < 30; i++) {
        int fd = dial(4096);
        struct linger now = {.l_onoff = 1};
        say(fd, "GET", 2);
        hear_some(fd, &a, 5000);
        forget(&a);
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close(fd);
        get(warm, &a);
        expect_now(&a);
        forget(&a);
    }
    assert_int_equal(vx_body_files(), 1);
    close(warm);
    stop();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_bytes),
        cmocka_unit_test(test_pipelined_and_head),
        cmocka_unit_test(test_bit_by_bit),
        cmocka_unit_test(test_from_a_pipe),
        cmocka_unit_test(test_where_there_is_no_pipe),
        cmocka_unit_test(test_where_it_cannot_be_sent),
        cmocka_unit_test(test_a_file_that_goes_half_way),
        cmocka_unit_test(test_none_where_none_is_wanted),
        cmocka_unit_test(test_half_read_over_many_revisions),
        cmocka_unit_test(test_unread_when_all_is_gone),
        cmocka_unit_test(test_broken_sockets),
    };
    vx_test_capture_log();
    threads = 1;
    int failed = cmocka_run_group_tests_name("net_files", tests, NULL, NULL);
    threads = 3;
    return failed + cmocka_run_group_tests_name("net_files, 3 threads", tests, NULL, NULL);
}
