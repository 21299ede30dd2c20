/* Live feeds on sockets, when memory is short. */
#include "net_support.h"

#include "api/api_private.h"

#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

static struct vx_test_net net;

/* libwebsockets' poll() is this one, and so is this file's: how often it was asked, and to wait. */
static atomic_uint polls, waits;

__attribute__((visibility("default"))) int poll(struct pollfd *fds, nfds_t count, int timeout_ms) {
    struct timespec time = {.tv_sec = timeout_ms / 1000, .tv_nsec = timeout_ms % 1000 * 1000000L};

    atomic_fetch_add(&polls, 1);
    atomic_fetch_add(&waits, timeout_ms != 0);
    return ppoll(fds, count, timeout_ms < 0 ? NULL : &time, NULL);
}

static int ask_events(void) {
    static const char ask[] = "GET " ALPHA_CALLS " HTTP/1.1\r\nHost: h\r\n"
                              "Authorization: Bearer alpha-token\r\n"
                              "Accept: text/event-stream\r\n\r\n";
    int fd = vx_test_dial(&net);
    vx_test_say(fd, ask, sizeof ask - 1);
    return fd;
}

/* One call, whose JSON is too large to be exempt from the limits. */
static void apply_large_call(unsigned n) {
    static char name[6000];
    struct vx_event event = vx_test_event(VX_EVENT_CREATE, n);
    memset(name, 'n', sizeof name);
    event.caller_name = (struct vx_str){name, sizeof name};
    assert_int_equal(vx_registry_apply(net.service.world.registry, &event), VX_APPLIED);
}

static void wait_until_refused(size_t bodies) {
    for (int i = 0; i < 20000 && vx_body_refused() < bodies; i++)
        vx_test_nap();
    assert_true(vx_body_refused() >= bodies);
}

/* The list takes two of its size, the frame a third: there is room for two. */
static void test_a_frame_without_memory(void **state) {
    (void)state;
    for (int round = 0; round < 2; round++) {
        vx_test_net_open(&net, "max-field-bytes=10000", NULL, 0);
        apply_large_call(1);
        if (round)
            vx_body_set_limits(0, vx_pot_memory(net.service.api->state->tenants[0]->pot) + 15000,
                               0);
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
        assert_true(vx_test_hear_of(fd, "\"type\":\"snapshot\""));
        close(fd);
        vx_test_net_close(&net);
    }
}

static int ask_websocket(void) {
    static const char ask[] = "GET " ALPHA_CALLS " HTTP/1.1\r\nHost: h\r\n"
                              "Authorization: Bearer alpha-token\r\nUpgrade: websocket\r\n"
                              "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    int fd = vx_test_dial(&net);
    vx_test_say(fd, ask, sizeof ask - 1);
    assert_int_equal(vx_test_hear(fd), 101);
    return fd;
}

static void answer_ping(int fd) {
    static const unsigned char ping[] = {0x89, 0}, pong[] = {0x8a, 0x80, 0, 0, 0, 0};
    unsigned char frame[sizeof ping];
    assert_int_equal(recv(fd, frame, sizeof frame, MSG_WAITALL), sizeof frame);
    assert_memory_equal(frame, ping, sizeof ping);
    vx_test_say(fd, (const char *)pong, sizeof pong);
}

/* Also one that nothing can be sent to for the time being is found to be there, or gone. */
static void test_a_stream_that_waits_for_memory_is_pinged(void **state) {
    (void)state;
    vx_test_net_open(&net, "max-field-bytes=10000;ping-seconds=1", NULL, 0);
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
    assert_int_equal(vx_test_metric(&net, "voxeme_http_timeouts_total{kind=\"ping\"}"), 1);
    vx_body_set_limits(0, 0, 0);
    assert_true(vx_test_hear_of(clients[0].fd, "\"type\":\"snapshot\""));
    close(clients[0].fd);
    close(clients[1].fd);
    vx_test_net_close(&net);
}

/* --- what a wave of messages costs besides --- */

static void read_until(int fd, const char *what) {
    assert_true(vx_test_hear_of(fd, what));
}

/* poll() looks at all connections: nothing that a host's thread tells may make the loop ask it, nor
 * may the loop ever sleep in it, where only a socket could wake it. */
static void test_news_go_out_without_poll(void **state) {
    (void)state;
    enum { CLIENTS = 40, EVENTS = 200 };
    int fds[CLIENTS];
    unsigned polls_at_first = atomic_load(&polls);
    vx_test_net_open(&net, "", NULL, 0);
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = ask_events();
        read_until(fds[i], "\"type\":\"snapshot\"");
    }
    unsigned before = atomic_load(&polls), waited = atomic_load(&waits);
    assert_true(before > polls_at_first); /* it is this one */
    int64_t began = vx_mono_us(&vx_clock_system);
    for (unsigned n = 1; n <= EVENTS; n++) {
        struct vx_event e = vx_test_event(VX_EVENT_CREATE, n);
        assert_int_equal(vx_registry_apply(net.service.world.registry, &e), VX_APPLIED);
        for (int i = 0; i < CLIENTS; i++)
            read_until(fds[i], "\"type\":\"changes\"");
    }
    /* Its timers it has to look after, four times a second. */
    int64_t quarters = (vx_mono_us(&vx_clock_system) - began) * 4 / VX_SECOND_US;
    assert_true(atomic_load(&polls) - before < EVENTS / 4 + 4 * (uint64_t)quarters);
    assert_int_equal(atomic_load(&waits), waited);
    for (int i = 0; i < CLIENTS; i++)
        close(fds[i]);
    vx_test_net_close(&net);
}

/* --- clients that stop reading --- */

enum { CALLS = 1500 };

/* Sockets that take little at once; those that are accepted inherit it. */
static void make_sockets_small(void) {
    for (int fd = 3; fd < 256; fd++) {
        int listens = 0, size = 8192;
        socklen_t len = sizeof listens;
        if (!getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) && listens)
            setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    }
}

/* A call of every segment of the list. */
static void change_all_over(unsigned round) {
    for (unsigned n = 1; n <= CALLS; n += 32) {
        struct vx_event e = vx_test_event(VX_EVENT_UPDATE, n);
        e.tag = round % 2 ? VX_STR("{\"odd\":1}") : VX_STR("{\"even\":1}");
        assert_int_equal(vx_registry_apply(net.service.world.registry, &e), VX_APPLIED);
    }
}

/* Until so many messages have been sent, or one could not be made (SIZE_MAX: whether or not). */
static void wait_for_message(long count, size_t refused) {
    for (int i = 0; i < 20000 && (refused == SIZE_MAX || vx_body_refused() == refused) &&
                    vx_test_metric(&net, "voxeme_http_messages_sent_total") < count;
         i++)
        vx_test_nap();
}

enum { MOST = 32 };

static void open_with_calls(void) {
    vx_test_net_open(&net, "max-account-stream-memory=1048576;rate-limit-per-minute=0", NULL, 0);
    make_sockets_small();
    for (unsigned n = 1; n <= CALLS; n++)
        vx_test_apply(&net.service.world, VX_EVENT_CREATE, n);
}

static void expect_snapshot_soon(int fd) {
    int64_t began = vx_mono_us(&vx_clock_system);
    assert_true(vx_test_hear_of(fd, "\"type\":\"snapshot\""));
    assert_true(vx_mono_us(&vx_clock_system) - began < 10 * VX_SECOND_US);
}

/* Their account's other clients wait for no longer than it takes to be sure that they are slow. */
static void test_the_slowest_make_room_for_others(void **state) {
    (void)state;
    int slow[MOST];
    unsigned count = 0;
    open_with_calls();
    size_t before = vx_body_refused();
    for (; count < MOST && vx_body_refused() == before; count++) {
        change_all_over(count);
        slow[count] = ask_websocket();
        wait_for_message(count + 1, before);
    }
    assert_in_range(count, 2, MOST - 1);
    int quick = ask_events();
    expect_snapshot_soon(quick);
    assert_in_range(vx_test_metric(&net, "voxeme_http_streams_cut_total"), 1, count - 1);
    close(quick);
    for (unsigned i = 0; i < count; i++)
        close(slow[i]);
    vx_test_net_close(&net);
}

static void wait_for_connections(const char *row, long most) {
    for (int i = 0; i < 20000 && vx_test_metric(&net, row) > most; i++)
        vx_test_nap();
    assert_true(vx_test_metric(&net, row) <= most);
}

/* All of them are with one thread, and who is in need of their memory with another. */
static void test_the_slowest_of_another_thread_make_room(void **state) {
    (void)state;
    enum { SLOW = 4, IDLE = 2 * SLOW };
    int slow[SLOW], idle[2][IDLE];
    unsigned threads = vx_test_net_threads;
    vx_test_net_threads = 2;
    open_with_calls();
    for (int i = 0; i < IDLE; i++)
        for (int thread = 0; thread < 2; thread++)
            idle[thread][i] = vx_test_dial(&net);
    for (int i = 0; i < IDLE; i++)
        close(idle[0][i]);
    /* Who asks counts as well. */
    wait_for_connections("voxeme_http_thread_connections{thread=\"1\"}", 1);
    for (unsigned i = 0; i < SLOW; i++) {
        change_all_over(i);
        slow[i] = ask_websocket();
        wait_for_message((long)i + 1, SIZE_MAX);
    }
    change_all_over(SLOW);
    for (int i = 0; i < IDLE; i++)
        close(idle[1][i]);
    wait_for_connections("voxeme_http_thread_connections{thread=\"2\"}", 1);
    struct vx_pot *pot = net.service.api->state->tenants[0]->pot;
    vx_body_set_limits(0, 0, vx_pot_memory(vx_pot_of_feeds(pot)));
    int quick = ask_events();
    expect_snapshot_soon(quick);
    assert_in_range(vx_test_metric(&net, "voxeme_http_streams_cut_total"), 1, SLOW);
    close(quick);
    for (unsigned i = 0; i < SLOW; i++)
        close(slow[i]);
    vx_test_net_close(&net);
    vx_test_net_threads = threads;
}

/* A client joins, and a call comes: whatever fails, the client is told of it, or refused. */
static void join_and_be_told(void *ctx) {
    (void)ctx;
    vx_test_net_open(&net, "", NULL, 0);
    vx_test_arm();
    int fd = ask_events();
    bool joined = vx_test_hear_of(fd, "\r\n\r\n") && strstr(vx_test_heard, "200 OK");
    struct vx_event event = vx_test_event(VX_EVENT_CREATE, 1);
    enum vx_applied applied = vx_registry_apply(net.service.world.registry, &event);
    if (joined && applied == VX_APPLIED)
        assert_true(strstr(vx_test_heard, "ca110000") || vx_test_hear_of(fd, "ca110000"));
    vx_test_disarm();
    close(fd);
    if (applied != VX_APPLIED)
        assert_int_equal(vx_registry_apply(net.service.world.registry, &event), VX_APPLIED);
    fd = ask_events();
    assert_true(vx_test_hear_of(fd, "ca110000"));
    close(fd);
    vx_test_net_close(&net);
}

static void test_streams_without_memory(void **state) {
    (void)state;
    vx_test_every_allocation_fails(join_and_be_told, NULL, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_frame_without_memory),
        cmocka_unit_test(test_a_stream_that_waits_for_memory_is_pinged),
        cmocka_unit_test(test_news_go_out_without_poll),
        cmocka_unit_test(test_the_slowest_make_room_for_others),
        cmocka_unit_test(test_the_slowest_of_another_thread_make_room),
        cmocka_unit_test(test_streams_without_memory),
    };
    vx_test_capture_log();
    return vx_test_net_run("net_streams", tests);
}
