/* A server with several threads: who serves whom, what holds for all of them together, and that
 * none is left out when something changes. */
#include "net_support.h"

#include "api/api_private.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { THREADS = 3 };

static struct vx_test_net net;

/* --- a route that takes its thread for as long as a test wants --- */

static atomic_bool blocked, let_go;

static void block(struct exchange *x) {
    atomic_store(&blocked, true);
    while (!atomic_load(&let_go))
        vx_test_nap();
    x->response->status = 204;
}

static const struct route routes[] = {
    {VX_GET, "/v1/Accounts/{account_sid}/Calls", ACCESS_ACCOUNT, vx_get_calls, "a", "a", NULL, true,
     false},
    {VX_GET, "/block", ACCESS_PUBLIC, block, "b", "b", NULL, false, false},
    {VX_GET, "/metrics", ACCESS_PUBLIC, vx_get_metrics, "c", "c", NULL, false, false},
    {VX_POST, "/v1/Accounts/{account_sid}/Calls", ACCESS_ACCOUNT, vx_create_call, "d", "d", NULL,
     false, true},
};

static void start(unsigned threads, const char *settings) {
    char all[256];
    snprintf(all, sizeof all, "rate-limit-per-minute=0;%s", settings);
    vx_test_net_threads = threads;
    atomic_store(&blocked, false);
    atomic_store(&let_go, false);
    vx_test_net_open(&net, all, routes, sizeof routes / sizeof *routes);
}

/* --- clients --- */

static void ask(int fd, const char *target, const char *etag) {
    char head[512];
    int n = snprintf(head, sizeof head,
                     "GET %s HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer alpha-token\r\n"
                     "%s%s%s\r\n",
                     target, etag ? "If-None-Match: " : "", etag ? etag : "", etag ? "\r\n" : "");
    vx_test_say(fd, head, (size_t)n);
}

/* The entity tag of the list as it is. */
static void get_list(int fd, char etag[64]) {
    ask(fd, ALPHA_CALLS, NULL);
    assert_int_equal(vx_test_hear(fd), 200);
    char *at = strstr(vx_test_heard, "ETag: ");
    assert_non_null(at);
    snprintf(etag, 64, "%.*s", (int)strcspn(at + 6, "\r"), at + 6);
}

/* For longer than a client of these tests has patience. */
static void hold(int fd, const char *etag) {
    uint64_t before = atomic_load(&net.service.api->held);
    ask(fd, ALPHA_CALLS "?wait=60", etag);
    for (int i = 0; i < 20000 && atomic_load(&net.service.api->held) == before; i++)
        vx_test_nap();
    assert_true(atomic_load(&net.service.api->held) > before);
}

static void wait_for_connections(long count) {
    while (vx_test_metric(&net, "voxeme_http_connections") != count + 1)
        vx_test_nap();
}

/* Of one thread, as the last answer to /metrics has it. */
static long connections_of(unsigned thread) {
    char key[64];
    snprintf(key, sizeof key, "\nvoxeme_http_thread_connections{thread=\"%u\"} ", thread + 1);
    char *at = strstr(vx_test_heard, key);
    assert_non_null(at);
    return strtol(at + strlen(key), NULL, 10);
}

/* --- who serves whom --- */

static void test_a_burst_is_spread(void **state) {
    (void)state;
    enum { CLIENTS = 300 };
    static int fds[CLIENTS];
    start(THREADS, "");
    for (int i = 0; i < CLIENTS; i++)
        fds[i] = vx_test_dial(&net);
    for (int i = 0; i < CLIENTS; i++)
        ask(fds[i], ALPHA_CALLS, NULL);
    for (int i = 0; i < CLIENTS; i++) {
        assert_int_equal(vx_test_hear(fds[i]), 200);
        assert_non_null(strstr(vx_test_heard, "\r\n\r\n[]"));
    }
    assert_int_equal(vx_test_metric(&net, "voxeme_http_connections"), CLIENTS + 1);
    for (unsigned t = 0; t < THREADS; t++)
        assert_in_range(connections_of(t), CLIENTS / THREADS, CLIENTS / THREADS + 1);
    /* Whoever has lost clients is given the next ones. */
    for (int i = 0; i < CLIENTS; i += THREADS)
        close(fds[i]);
    wait_for_connections(CLIENTS - CLIENTS / THREADS);
    for (int i = 0; i < CLIENTS; i += THREADS)
        fds[i] = vx_test_dial(&net);
    wait_for_connections(CLIENTS);
    for (unsigned t = 0; t < THREADS; t++)
        assert_in_range(connections_of(t), CLIENTS / THREADS, CLIENTS / THREADS + 1);
    for (int i = 0; i < CLIENTS; i++)
        close(fds[i]);
    wait_for_connections(0);
    vx_test_net_close(&net);
}

/* --- what holds for all together --- */

enum { MOST = 20, COMERS = 8, EACH = 10 };

struct comer {
    pthread_t thread;
    int fds[EACH];
    unsigned status[EACH];
};

static void *come(void *ctx) {
    struct comer *c = ctx;
    char answer[16];
    for (int i = 0; i < EACH; i++) {
        c->fds[i] = vx_test_dial(&net);
        ask(c->fds[i], ALPHA_CALLS, NULL);
        ssize_t n = recv(c->fds[i], answer, 12, MSG_WAITALL);
        answer[n > 0 ? n : 0] = '\0';
        c->status[i] = n == 12 ? (unsigned)strtoul(answer + 9, NULL, 10) : 0;
    }
    return NULL;
}

static void test_max_connections_is_exact(void **state) {
    (void)state;
    static struct comer comers[COMERS];
    start(THREADS, "max-connections=20");
    for (int round = 0; round < 5; round++) {
        unsigned in = 0, out = 0;
        for (int i = 0; i < COMERS; i++)
            assert_int_equal(pthread_create(&comers[i].thread, NULL, come, &comers[i]), 0);
        for (int i = 0; i < COMERS; i++)
            pthread_join(comers[i].thread, NULL);
        for (int i = 0; i < COMERS; i++)
            for (int n = 0; n < EACH; n++) {
                in += comers[i].status[n] == 200;
                out += comers[i].status[n] == 503;
            }
        assert_int_equal(in, MOST);
        assert_int_equal(out, COMERS * EACH - MOST);
        for (int i = 0; i < COMERS; i++)
            for (int n = 0; n < EACH; n++)
                close(comers[i].fds[n]);
        /* Until all are gone: one that asks for the metrics may find no place before. */
        int fd;
        do {
            vx_test_nap();
            fd = vx_test_dial(&net);
            ask(fd, "/metrics", NULL);
            unsigned status = vx_test_hear(fd);
            close(fd);
            if (status == 200 && strstr(vx_test_heard, "\nvoxeme_http_connections 1\n"))
                break;
        } while (true);
    }
    vx_test_net_close(&net);
}

static void test_a_second_server_on_the_port(void **state) {
    (void)state;
    char settings[64], error[256] = "";
    start(THREADS, "");
    snprintf(settings, sizeof settings, "listen=127.0.0.1:%u;threads=%d",
             vx_server_port(net.server), THREADS);
    struct vx_config *config = vx_test_config(settings);
    assert_null(
        vx_server_start(net.service.api, net.service.world.registry, config, error, sizeof error));
    assert_true(vx_test_contains(vx_str(error), "Address already in use"));
    vx_config_release(&config);
    vx_test_net_close(&net);
}

/* --- changes --- */

static void test_all_threads_are_told(void **state) {
    (void)state;
    enum { CLIENTS = 6, ROUNDS = 200 };
    struct vx_test_random r = vx_test_random_start("all threads are told");
    int fds[CLIENTS];
    char etag[64];
    start(THREADS, "");
    for (int i = 0; i < CLIENTS; i++)
        fds[i] = vx_test_dial(&net);
    for (unsigned round = 1; round <= ROUNDS; round++) {
        unsigned holding = 1 + vx_test_random(&r, (1U << CLIENTS) - 1);
        get_list(fds[vx_test_random(&r, CLIENTS)], etag);
        for (int i = 0; i < CLIENTS; i++)
            if (holding & 1U << i)
                hold(fds[i], etag);
        assert_int_equal(vx_test_apply(&net.service.world, VX_EVENT_CREATE, round), VX_APPLIED);
        for (int i = 0; i < CLIENTS; i++)
            if (holding & 1U << i)
                assert_int_equal(vx_test_hear(fds[i]), 200);
    }
    for (int i = 0; i < CLIENTS; i++)
        close(fds[i]);
    vx_test_net_close(&net);
}

/* One that begins to wait while another has been told of an earlier change and has not looked yet
 * is told of the next one itself. */
static void test_a_busy_thread_keeps_nothing_from_others(void **state) {
    (void)state;
    char etag[64];
    start(2, "");
    int waits = vx_test_dial(&net), other = vx_test_dial(&net), blocks = vx_test_dial(&net);
    get_list(waits, etag);
    hold(waits, etag);
    ask(blocks, "/block", NULL);
    while (!atomic_load(&blocked))
        vx_test_nap();
    assert_int_equal(vx_test_apply(&net.service.world, VX_EVENT_CREATE, 1), VX_APPLIED);
    for (unsigned n = 2; n <= 3; n++) {
        get_list(other, etag);
        hold(other, etag);
        assert_int_equal(vx_test_apply(&net.service.world, VX_EVENT_CREATE, n), VX_APPLIED);
        assert_int_equal(vx_test_hear(other), 200);
    }
    atomic_store(&let_go, true);
    assert_int_equal(vx_test_hear(blocks), 204);
    assert_int_equal(vx_test_hear(waits), 200);
    close(waits);
    close(other);
    close(blocks);
    vx_test_net_close(&net);
}

/* --- commands --- */

static struct vx_command *submitted;
static atomic_bool has_submitted;

static bool submit(void *ctx, struct vx_command *command) {
    (void)ctx;
    submitted = vx_command_ref(command);
    atomic_store(&has_submitted, true);
    return true;
}

/* Whichever thread asked, while another is busy: it is the one that is told. */
static void test_a_command_is_told_to_who_asked(void **state) {
    (void)state;
    static const char body[] =
        "{\"from\":\"1\",\"to\":{\"type\":\"sip\",\"sipUri\":\"sip:2@127.0.0.1\"},"
        "\"application_sid\":\"" APP_SID "\"}";
    const struct vx_host_port port = {submit, NULL, 1U << VX_VERB_ORIGINATE};
    char head[512];
    start(2, "command-timeout-seconds=60"); /* longer than its client waits */
    vx_api_set_host(net.service.api, &port);
    atomic_store(&has_submitted, false);
    int blocks = vx_test_dial(&net), other = vx_test_dial(&net);
    ask(blocks, "/block", NULL);
    while (!atomic_load(&blocked))
        vx_test_nap();
    int n =
        snprintf(head, sizeof head,
                 "POST " ALPHA_CALLS " HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer "
                 "alpha-token\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                 strlen(body), body);
    vx_test_say(other, head, (size_t)n);
    for (int i = 0; i < 20000 && !atomic_load(&has_submitted); i++)
        vx_test_nap();
    assert_true(atomic_load(&has_submitted));
    assert_true(vx_command_take(submitted));
    vx_command_finish(submitted, VX_OUTCOME_DONE, 0, NULL);
    assert_int_equal(vx_test_hear(other), 201);
    vx_command_release(&submitted);
    atomic_store(&let_go, true);
    assert_int_equal(vx_test_hear(blocks), 204);
    close(blocks);
    close(other);
    vx_test_net_close(&net);
}

/* --- start and stop --- */

static void test_stop_ends_all(void **state) {
    (void)state;
    enum { CLIENTS = 12 };
    static const unsigned char going_away[] = {0x88, 2, 1001 >> 8, 1001 & 0xff};
    int held[CLIENTS], streams[CLIENTS];
    char etag[64];
    start(THREADS, "");
    for (int i = 0; i < CLIENTS; i++) {
        held[i] = vx_test_dial(&net);
        get_list(held[i], etag);
        hold(held[i], etag);
        streams[i] = vx_test_dial(&net);
        ask(streams[i],
            ALPHA_CALLS
            " HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "X: x",
            NULL);
        assert_true(vx_test_hear_of(streams[i], "\"calls\":[]}"));
    }
    vx_server_stop(&net.server);
    for (int i = 0; i < CLIENTS; i++) {
        unsigned char frame[sizeof going_away];
        assert_int_equal(vx_test_hear(held[i]), 304);
        assert_int_equal(recv(streams[i], frame, sizeof frame, MSG_WAITALL), sizeof frame);
        assert_memory_equal(frame, going_away, sizeof frame);
        assert_true(recv(streams[i], frame, sizeof frame, 0) <= 0);
        close(held[i]);
        close(streams[i]);
    }
    vx_test_net_close(&net);
}

/* Whatever fails, nothing is left behind, no thread either. */
static void start_and_stop(void *ctx) {
    char error[256] = "";
    (void)ctx;
    struct vx_test_service s;
    vx_test_service_open(&s, "listen=127.0.0.1:0;threads=3");
    vx_test_arm();
    struct vx_server *server =
        vx_server_start(s.api, s.world.registry, s.world.config, error, sizeof error);
    bool failed = vx_test_disarm();
    assert_true(server || failed);
    if (!server)
        assert_true(error[0]);
    vx_server_stop(&server);
    vx_test_service_close(&s);
}

static void test_start_without_memory(void **state) {
    (void)state;
    vx_test_every_allocation_fails(start_and_stop, NULL, true);
}

/* Nor where there are too few descriptors, at whichever it ends. */
static void test_start_without_descriptors(void **state) {
    (void)state;
    struct rlimit before, few;
    char error[256];
    bool started = false;
    struct vx_test_service s;
    vx_test_service_open(&s, "listen=127.0.0.1:0;threads=3");
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int next = dup(0);
    close(next);
    for (unsigned room = 1; !started && room < 64; room++) {
        few = before;
        few.rlim_cur = (rlim_t)next + room;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        struct vx_server *server =
            vx_server_start(s.api, s.world.registry, s.world.config, error, sizeof error);
        started = server != NULL;
        vx_server_stop(&server);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        int after = dup(0);
        close(after);
        assert_int_equal(after, next);
    }
    assert_true(started);
    vx_test_service_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_burst_is_spread),
        cmocka_unit_test(test_max_connections_is_exact),
        cmocka_unit_test(test_a_second_server_on_the_port),
        cmocka_unit_test(test_all_threads_are_told),
        cmocka_unit_test(test_a_busy_thread_keeps_nothing_from_others),
        cmocka_unit_test(test_a_command_is_told_to_who_asked),
        cmocka_unit_test(test_stop_ends_all),
        cmocka_unit_test(test_start_without_memory),
        cmocka_unit_test(test_start_without_descriptors),
    };
    vx_test_capture_log();
    return cmocka_run_group_tests_name("net_threads", tests, NULL, NULL);
}
