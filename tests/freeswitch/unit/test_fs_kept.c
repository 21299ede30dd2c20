/* Unloaded while FreeSWITCH keeps the thread that ends calls at their timeouts: nobody waits for it
 * for ever, nothing that it uses is freed, and the code has to stay. */
#include "module.h"

#include <unistd.h>

static void unloaded_while_freeswitch_keeps_a_timeout(void **state) {
    size_t listed = double_listed();
    int client;

    (void)state;
    double_config(CONFIG(ANY_PORT PARAM("freeswitch-profile", "internal"), FS_OWNER));
    assert_int_equal(double_load(), SWITCH_STATUS_SUCCESS);
    double_wait_listed(listed + 1);
    double_blocks("hangup");
    client = fs_ask_for_a_call(fs_port());
    double_wait_done("hangup "); /* after 1 s */
    double_log_clear();
    assert_int_equal(double_unload(), SWITCH_STATUS_NOUNLOAD);
    assert_true(double_logged("FreeSWITCH has kept the thread of the timeouts"));
    assert_int_equal(double_bound(), 0);
    close(client);
    double_blocks(NULL);
    assert_int_equal(double_unload(), SWITCH_STATUS_NOUNLOAD); /* whatever has ended meanwhile */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unloaded_while_freeswitch_keeps_a_timeout),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
