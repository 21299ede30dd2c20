/* Whether anything has come: told once. */
#include "support.h"

#include "net/arrivals.h"

#include <sys/eventfd.h>
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
        assert_true(vx_arrivals_watch(arrivals, pairs[i][0]));
    }
    assert_true(vx_arrivals_take(arrivals, 0)); /* all can be written to */
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
    assert_false(vx_arrivals_take(arrivals, 0));
    arrive(3);
    assert_true(vx_arrivals_take(arrivals, 0));
    assert_false(vx_arrivals_take(arrivals, 0)); /* it is left unread: no news */
    arrive(3);
    assert_true(vx_arrivals_take(arrivals, 0));
}

static void test_many(void **state) {
    (void)state;
    for (size_t i = 0; i < PAIRS; i++)
        arrive(i);
    assert_true(vx_arrivals_take(arrivals, 0));
    assert_false(vx_arrivals_take(arrivals, 0)); /* all of them have been told */
}

static void test_closed(void **state) {
    (void)state;
    shutdown(pairs[1][1], SHUT_WR);
    assert_true(vx_arrivals_take(arrivals, 0));
    arrive(2);
    close(pairs[2][0]);
    pairs[2][0] = dup(pairs[3][0]);
    assert_false(vx_arrivals_take(arrivals, 0));
}

static void test_room_to_write(void **state) {
    static char bytes[65536];

    (void)state;
    while (send(pairs[4][0], bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        continue;
    assert_false(vx_arrivals_take(arrivals, 0));
    while (recv(pairs[4][1], bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        continue;
    assert_true(vx_arrivals_take(arrivals, 0));
}

static void test_bell(void **state) {
    int bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    uint64_t one = 1;

    (void)state;
    assert_true(bell >= 0);
    assert_true(vx_arrivals_watch_bell(arrivals, bell));
    for (int i = 0; i < 2; i++) { /* nobody reads it, and it rings again */
        assert_int_equal(write(bell, &one, sizeof one), sizeof one);
        assert_false(vx_arrivals_take(arrivals, -1)); /* ends the wait, without an arrival */
    }
    assert_int_equal(write(bell, &one, sizeof one), sizeof one);
    arrive(5);
    assert_true(vx_arrivals_take(arrivals, 0));
    close(bell);
}

static void test_cannot_tell(void **state) {
    (void)state;
    assert_false(vx_arrivals_watch(arrivals, arrivals));
    assert_true(vx_arrivals_take(-1, 0));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_told_once),     TEST(test_many), TEST(test_closed),
        TEST(test_room_to_write), TEST(test_bell), TEST(test_cannot_tell),
    };
    return cmocka_run_group_tests_name("arrivals", tests, NULL, NULL);
}
