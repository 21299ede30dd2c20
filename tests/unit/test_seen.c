/* The set that finds what is given twice. */
#include "support.h"

#include "core/seen.h"

static void test_new_and_again(void **state) {
    (void)state;
    struct vx_seen seen = {0};
    assert_int_equal(vx_seen_add(&seen, 'a', VX_STR("x")), VX_SEEN_NEW);
    assert_int_equal(vx_seen_add(&seen, 'a', VX_STR("x")), VX_SEEN_AGAIN);
    assert_int_equal(vx_seen_add(&seen, 'b', VX_STR("x")), VX_SEEN_NEW);
    assert_int_equal(vx_seen_add(&seen, 'a', VX_STR("X")), VX_SEEN_NEW);
    assert_int_equal(vx_seen_add_folded(&seen, 'a', VX_STR("X")), VX_SEEN_AGAIN);
    assert_int_equal(vx_seen_add(&seen, 'a', VX_STR("xx")), VX_SEEN_NEW);
    assert_int_equal(vx_seen_add(&seen, 'a', VX_STR("")), VX_SEEN_NEW);
    assert_int_equal(vx_seen_add(&seen, 'a', VX_NONE), VX_SEEN_AGAIN);
    assert_int_equal(vx_seen_add(&seen, 'a', ((struct vx_str){"a\0b", 3})), VX_SEEN_NEW);
    assert_int_equal(vx_seen_add(&seen, 'a', ((struct vx_str){"a\0c", 3})), VX_SEEN_NEW);
    vx_seen_clear(&seen);
    assert_int_equal(vx_seen_add(&seen, 'a', VX_STR("x")), VX_SEEN_NEW);
    vx_seen_clear(&seen);
    vx_seen_clear(&seen);
}

static void test_very_many(void **state) {
    (void)state;
    struct vx_seen seen = {0};
    char text[32];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 100000; i++) {
            int len = snprintf(text, sizeof text, "account-%d", i);
            assert_int_equal(vx_seen_add(&seen, 'n', (struct vx_str){text, (size_t)len}),
                             round ? VX_SEEN_AGAIN : VX_SEEN_NEW);
        }
    }
    vx_seen_clear(&seen);
}

static void scenario(void *ctx) {
    (void)ctx;
    struct vx_seen seen = {0};
    char text[8];
    bool refused = false;
    vx_test_arm();
    for (int i = 0; i < 40; i++) {
        int len = snprintf(text, sizeof text, "%d", i);
        enum vx_seen_result result = vx_seen_add(&seen, 'n', (struct vx_str){text, (size_t)len});
        assert_int_not_equal(result, VX_SEEN_AGAIN);
        refused = refused || result == VX_SEEN_NO_MEMORY;
    }
    assert_int_equal(vx_test_disarm(), refused);
    /* All but the one that was refused are known. */
    assert_int_equal(seen.count, refused ? 39 : 40);
    vx_seen_clear(&seen);
}

static void test_every_allocation_fails(void **state) {
    (void)state;
    vx_test_every_allocation_fails(scenario, NULL, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_and_again),
        cmocka_unit_test(test_very_many),
        cmocka_unit_test(test_every_allocation_fails),
    };
    return cmocka_run_group_tests_name("seen", tests, NULL, NULL);
}
