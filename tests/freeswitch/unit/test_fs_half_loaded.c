/* A load that fails when a client has been served already, and FreeSWITCH keeps what it asked for:
 * nothing of the module works, and its code has to stay. */
#include "module.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static unsigned port;
static int client;

static unsigned free_port(void) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    close(fd);
    return ntohs(at.sin_port);
}

/* The server is up, and all events but the last are bound. */
static void meanwhile(void) {
    fs_fire(fs_inbound(SWITCH_EVENT_CHANNEL_CREATE, CHANNEL, NULL, ANSWERED));
    client = fs_ask_to_hang_up(port, CHANNEL);
    double_wait_done("hangup " CHANNEL);
}

/* How many events the module binds. */
static unsigned count_hooks(void) {
    size_t bound;

    fs_load();
    bound = double_bound();
    fs_unload();
    return (unsigned)bound;
}

static void kept_by_freeswitch(void **state) {
    switch_event_t *up = fs_inbound(SWITCH_EVENT_CHANNEL_DATA, CHANNEL, NULL, ANSWERED);
    unsigned hooks = count_hooks();
    char xml[512], number[16];

    (void)state;
    port = free_port();
    snprintf(number, sizeof number, "%u", port);
    snprintf(xml, sizeof xml, CONFIG(PARAM("listen", "127.0.0.1:%s"), FS_OWNER), number);
    double_config(xml);
    double_channel(CHANNEL, up);
    double_channel_is(CHANNEL, false, true);
    switch_event_destroy(&up);
    double_blocks("hangup");
    double_fail_bind(hooks);
    double_at_failed_bind(meanwhile);
    double_log_clear();
    assert_int_equal(double_load(), SWITCH_STATUS_NOUNLOAD);
    assert_true(double_logged("mod_voxeme not loaded: cannot bind to FreeSWITCH's events"));
    assert_true(double_logged("FreeSWITCH has kept 1 commands"));
    assert_int_equal(double_bound(), 0);
    assert_false(fs_listens(port));
    close(client);
    double_blocks(NULL);
    /* FreeSWITCH takes it for loaded, and asks when it ends itself. */
    assert_int_equal(double_unload(), SWITCH_STATUS_NOUNLOAD);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_by_freeswitch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
