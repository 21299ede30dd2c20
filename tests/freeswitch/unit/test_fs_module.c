/* mod_voxeme_module_interface: what loads, what does not, and that nothing is left behind. */
#include "module.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define TIMES 50

/* --- a load that fails --- */

/* One line, at ERROR, and FreeSWITCH goes on with nothing of the module in it. */
static void refuses(const char *why) {
    double_log_clear();
    assert_int_equal(double_load(), SWITCH_STATUS_GENERR);
    if (!double_logged(why) || double_log_lines(SWITCH_LOG_DEBUG) != 1)
        fail_msg("'%s' is not the one line in: %s", why, double_log());
    assert_int_equal(double_log_lines(SWITCH_LOG_ERROR), 1);
    assert_true(double_logged("mod_voxeme not loaded: "));
    assert_int_equal(double_bound(), 0);
    assert_int_equal(double_left(), 0);
}

static void bad_configurations(void **state) {
    (void)state;
    double_config(NULL);
    refuses("cannot be opened");
    double_config(CONFIG(ANY_PORT, ""));
    refuses("no <account> is configured");
    double_config(CONFIG(ANY_PORT PARAM("max-calls", "-1"), ACCOUNTS(DEMO)));
    refuses("max-calls");
    double_config(CONFIG(PARAM("listen", "192.0.2.1:1"), ACCOUNTS(DEMO)));
    refuses("192.0.2.1");
    double_config(CONFIG(ANY_PORT PARAM("tls-cert", "/nonexistent.crt")
                             PARAM("tls-key", "/nonexistent.key"),
                         ACCOUNTS(DEMO)));
    refuses("/nonexistent");
}

static void a_taken_port(void **state) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    char xml[512], port[16];

    (void)state;
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    snprintf(port, sizeof port, "%u", ntohs(at.sin_port));
    snprintf(xml, sizeof xml, CONFIG(PARAM("listen", "127.0.0.1:%s"), ACCOUNTS(DEMO)), port);
    double_config(xml);
    for (int i = 0; i < 3; i++)
        refuses(port);
    close(fd);
    assert_int_equal(double_load(), SWITCH_STATUS_SUCCESS); /* and once it is free */
    fs_unload();
}

static void hooks_that_fail(void **state) {
    (void)state;
    double_config(CONFIG(ANY_PORT, ACCOUNTS(DEMO)));
    for (unsigned n = 1; n <= 64; n++) {
        double_fail_bind(n);
        double_log_clear();
        if (double_load() == SWITCH_STATUS_SUCCESS) {
            assert_true(n > 5);
            double_fail_bind(0);
            fs_unload();
            return;
        }
        assert_true(double_logged("cannot bind to FreeSWITCH's events"));
        assert_int_equal(double_log_lines(SWITCH_LOG_ERROR), 1);
        assert_int_equal(double_left(), 0);
    }
    fail_msg("never loaded");
}

static void load_without_memory(void *ctx) {
    switch_status_t status;

    (void)ctx;
    double_log_clear();
    double_config(CONFIG(ANY_PORT, ACCOUNTS(DEMO)));
    vx_test_arm();
    status = double_load();
    vx_test_disarm();
    if (status == SWITCH_STATUS_SUCCESS) {
        fs_unload();
    } else {
        assert_int_equal(double_log_lines(SWITCH_LOG_ERROR), 1);
        assert_true(double_logged("out of memory"));
        assert_int_equal(double_left(), 0);
    }
}

static void out_of_memory(void **state) {
    (void)state;
    vx_test_every_allocation_fails(load_without_memory, NULL, true);
}

/* --- loaded and unloaded --- */

static void serves_until_unloaded(void **state) {
    unsigned port;

    (void)state;
    fs_load();
    assert_int_equal(double_log_lines(SWITCH_LOG_NOTICE), 1);
    port = fs_port();
    assert_true(fs_listens(port));
    assert_true(double_bound() > 8);
    fs_fire(fs_inbound(SWITCH_EVENT_CHANNEL_CREATE, CHANNEL, NULL, NULL));
    assert_true(fs_says("show " CHANNEL, "\"call_status\":\"trying\""));
    fs_unload();
    assert_false(fs_listens(port));
    fs_fire(fs_inbound(SWITCH_EVENT_CHANNEL_ANSWER, CHANNEL, NULL, ANSWERED)); /* to nobody */
}

static void fifty_times(void **state) {
    (void)state;
    for (int i = 0; i < TIMES; i++) {
        fs_load();
        assert_true(fs_says("status", "0 inbound and 0 outbound live"));
        fs_fire(fs_inbound(SWITCH_EVENT_CHANNEL_CREATE, CHANNEL, NULL, NULL));
        assert_true(fs_says("status", "1 inbound and 0 outbound live"));
        fs_unload();
    }
}

static atomic_bool over;

static void *traffic(void *arg) {
    static const switch_event_types_t life[] = {
        SWITCH_EVENT_CHANNEL_CREATE,          SWITCH_EVENT_CHANNEL_PROGRESS,
        SWITCH_EVENT_CHANNEL_ANSWER,          SWITCH_EVENT_CHANNEL_HANGUP,
        SWITCH_EVENT_CHANNEL_HANGUP_COMPLETE, SWITCH_EVENT_CHANNEL_DESTROY,
    };
    unsigned calls = 0, from = *(unsigned *)arg;

    for (; !atomic_load(&over); calls++) {
        char uuid[VX_UUID_TEXT + 1];
        struct vx_uuid sid = vx_test_sid(from + calls % 1000);

        vx_uuid_format(uuid, &sid);
        for (size_t i = 0; i < sizeof life / sizeof *life; i++)
            fs_fire(fs_inbound(life[i], uuid, NULL, i < 2 ? NULL : ANSWERED));
    }
    return NULL;
}

static void fifty_times_under_traffic(void **state) {
    unsigned from[] = {0, 1000000};
    pthread_t threads[2];

    (void)state;
    atomic_store(&over, false);
    for (size_t t = 0; t < 2; t++)
        assert_int_equal(pthread_create(&threads[t], NULL, traffic, &from[t]), 0);
    for (int i = 0; i < TIMES; i++) {
        fs_load();
        assert_true(fs_says("audit", "+OK"));
        fs_unload();
    }
    atomic_store(&over, true);
    for (size_t t = 0; t < 2; t++)
        pthread_join(threads[t], NULL);
    assert_int_equal(double_left(), 0);
}

/* --- commands --- */

static void answers(int fd, const char *status) {
    char text[4096] = "";
    ssize_t len = read(fd, text, sizeof text - 1);

    assert_true(len > 0);
    if (strncmp(text, status, strlen(status)) != 0)
        fail_msg("%s", text);
    close(fd);
}

static void load_with_a_call(void) {
    switch_event_t *up = fs_inbound(SWITCH_EVENT_CHANNEL_DATA, CHANNEL, PROGRESSED, ANSWERED);
    size_t listed = double_listed();

    double_config(CONFIG(ANY_PORT, FS_OWNER));
    double_channel(CHANNEL, up);
    double_channel_is(CHANNEL, false, true);
    switch_event_destroy(&up);
    assert_int_equal(double_load(), SWITCH_STATUS_SUCCESS);
    double_wait_listed(listed + 1);
    assert_true(fs_says("audit", "1 channels, 0 taken in"));
    double_done_clear();
}

static void hangs_up_on_demand(void **state) {
    int fd;

    (void)state;
    load_with_a_call();
    fd = fs_ask_to_hang_up(fs_port(), CHANNEL);
    double_wait_done("hangup " CHANNEL " 16");
    answers(fd, "HTTP/1.1 204");
    fs_unload();
}

/* The last of all: what FreeSWITCH keeps is never freed, and the code has to stay. */
static void unloaded_while_freeswitch_keeps_a_command(void **state) {
    int fd;

    (void)state;
    load_with_a_call();
    double_blocks("hangup");
    fd = fs_ask_to_hang_up(fs_port(), CHANNEL);
    double_wait_done("hangup " CHANNEL " 16");
    assert_int_equal(double_unload(), SWITCH_STATUS_NOUNLOAD);
    assert_int_equal(double_bound(), 0);
    close(fd);
    double_blocks(NULL);
    assert_int_equal(double_unload(), SWITCH_STATUS_NOUNLOAD); /* whatever has ended meanwhile */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_configurations),
        cmocka_unit_test(a_taken_port),
        cmocka_unit_test(hooks_that_fail),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(serves_until_unloaded),
        cmocka_unit_test(fifty_times),
        cmocka_unit_test(fifty_times_under_traffic),
        cmocka_unit_test(hangs_up_on_demand),
        cmocka_unit_test(unloaded_while_freeswitch_keeps_a_command),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
