/* What this machine is called by others, when it listens on all of its addresses. */
#include "config.h" /* _GNU_SOURCE, for unshare() */

#include "support.h"

#include "core/addr.h"
#include "net/own_host.h"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const wildcards[] = {"0.0.0.0", "::", "0", "0::0"};

static void test_what_is_listened_on(void **state) {
    (void)state;
    static const char *const hosts[] = {"127.0.0.1", "::1", "192.0.2.7", "sip.example.com",
                                        "localhost"};
    char host[VX_OWN_HOST];
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        assert_false(vx_own_host(host, hosts[i]));
        assert_string_equal(host, hosts[i]);
    }
}

static void test_all_addresses(void **state) {
    (void)state;
    static const uint8_t zero[16];
    for (size_t i = 0; i < sizeof wildcards / sizeof *wildcards; i++) {
        char host[VX_OWN_HOST];
        struct vx_addr addr;
        assert_true(vx_own_host(host, wildcards[i]));
        assert_true(host[0] != '\0');
        assert_null(strpbrk(host, "%[]/ "));
        if (vx_addr_parse(&addr, vx_str(host)))
            assert_memory_not_equal(addr.b + 12, zero, 4);
    }
}

/* 0: as it should be; 77: this process may not have a network of its own. */
static int without_a_network(void) {
    char host[VX_OWN_HOST], name[VX_OWN_HOST] = "";
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0 && unshare(CLONE_NEWNET) != 0)
        return 77;
    gethostname(name, sizeof name - 1);
    for (size_t i = 0; i < sizeof wildcards / sizeof *wildcards; i++)
        if (!vx_own_host(host, wildcards[i]) || strcmp(host, *name ? name : "localhost") != 0)
            return 1;
    return 0;
}

static void test_no_way_out(void **state) {
    (void)state;
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(without_a_network());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_listened_on),
        cmocka_unit_test(test_all_addresses),
        cmocka_unit_test(test_no_way_out),
    };
    return cmocka_run_group_tests_name("own host", tests, NULL, NULL);
}
