/* Whether anything has come in: told once, and only what is still there. */
#include "support.h"

#include "net/arrivals.h"

#include <sys/socket.h>
#include <unistd.h>

#define PAIRS 600 /* more than are looked at in one go */

static int arrivals, pairs[PAIRS][2];

static int set_up(void **state) {
    (void)state;
    arrivals = vx_arrivals_open();
    assert_true(arrivals >= 0);
    for (size_t i = 0; i < PAIRS; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]), 0);
        vx_arrivals_watch(arrivals, pairs[i][0]);
    }
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    for (size_t i = 0; i < PAIRS; i++) {
        close(pairs[i][0]);
        close(pairs[i][1]);
    }
    return close(arrivals);
}

static void arrive(size_t i) {
    assert_int_equal(write(pairs[i][1], "x", 1), 1);
}

static void test_told_once(void **state) {
    (void)state;
    assert_false(vx_arrivals_any(arrivals));
    arrive(3);
    assert_true(vx_arrivals_any(arrivals));
    assert_false(vx_arrivals_any(arrivals)); /* it is left unread: no news */
    arrive(3);
    assert_true(vx_arrivals_any(arrivals));
}

static void test_read_meanwhile(void **state) {
    char byte;

    (void)state;
    arrive(7);
    assert_int_equal(read(pairs[7][0], &byte, 1), 1);
    assert_false(vx_arrivals_any(arrivals));
}

static void test_many(void **state) {
    (void)state;
    for (size_t i = 0; i < PAIRS; i++)
        arrive(i);
    assert_true(vx_arrivals_any(arrivals));
    assert_false(vx_arrivals_any(arrivals)); /* all of them have been told */
}

static void test_closed(void **state) {
    (void)state;
    shutdown(pairs[1][1], SHUT_WR);
    assert_true(vx_arrivals_any(arrivals));
    arrive(2);
    close(pairs[2][0]);
    pairs[2][0] = dup(pairs[3][0]);
    assert_false(vx_arrivals_any(arrivals));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_told_once),
        TEST(test_read_meanwhile),
        TEST(test_many),
        TEST(test_closed),
    };
    return cmocka_run_group_tests_name("arrivals", tests, NULL, NULL);
}
