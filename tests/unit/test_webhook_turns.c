/* Receivers that hang or fail, and whom they keep waiting: nobody, or for a bounded time. */
#include "webhook_queue_support.h"

/* Starts all that can be; how much it was. */
static unsigned start_all(void) {
    unsigned count = 0;
    while (start())
        count++;
    return count;
}

/* Accounts 1 to `count` have one that takes a status each. */
static void know(unsigned count) {
    for (unsigned account = 1; account <= count; account++) {
        add(account, account, VX_CALL_TRYING);
        end(start(), VX_ATTEMPT_TOLD);
    }
}

enum { HANGING = 1000, FINE = 5000, NEW_ONE = 6000 };

/* Whoever hangs, however many: places are left for those that work. */
static void test_one_that_works_waits_for_none_that_hangs(void **state) {
    (void)state;
    open_queue(many);
    add(FINE, FINE, VX_CALL_TRYING);
    end(start(), VX_ATTEMPT_TOLD);
    for (unsigned i = 1; i <= HANGING; i++)
        add(i, i, VX_CALL_TRYING);
    assert_int_equal(start_all(), 192);
    for (unsigned call = FINE; call < FINE + 8; call++)
        add(FINE, call, VX_CALL_RINGING);
    for (unsigned call = FINE; call < FINE + 8; call++)
        end(starts(call, VX_CALL_RINGING), VX_ATTEMPT_TOLD);
    vx_webhook_queue_release(&q);
}

/* Nor for those that worked until now, for longer than a second: then they give way. */
static void test_those_that_cease_to_work_give_way(void **state) {
    (void)state;
    open_queue(many);
    know(100);
    add(FINE, FINE, VX_CALL_TRYING);
    end(start(), VX_ATTEMPT_TOLD);
    for (unsigned i = 1; i <= 100; i++)
        for (unsigned call = 0; call < 8; call++)
            add(i, 1000 * call + i, VX_CALL_TRYING);
    assert_int_equal(start_all(), 256);
    add(FINE, FINE, VX_CALL_RINGING);
    assert_null(start());
    assert_null(vx_webhook_queue_yield(q, now));
    assert_int_equal(vx_webhook_queue_due(q), now + VX_SECOND_US);
    now += VX_SECOND_US;
    struct vx_delivery *d = vx_webhook_queue_yield(q, now);
    assert_non_null(d);
    assert_int_equal(vx_webhook_queue_end(q, d, VX_ATTEMPT_GAVE_WAY, VX_LOSS_REFUSED, now),
                     VX_RECEIVER_FAILS);
    end(starts(FINE, VX_CALL_RINGING), VX_ATTEMPT_TOLD);
    assert_int_equal(lost(VX_LOSS_ATTEMPTS), 0);
    vx_webhook_queue_release(&q);
}

/* Breaks off what must give way until the call has been started; seconds that took. */
static unsigned seconds_until(unsigned call, unsigned most) {
    struct vx_uuid sid = vx_test_sid(call);
    for (unsigned seconds = 0; seconds <= most; seconds++) {
        struct vx_delivery *d;
        do {
            while ((d = start()))
                if (vx_uuid_eq(vx_snapshot_sid(vx_delivery_call(d)), &sid)) {
                    end(d, VX_ATTEMPT_TOLD);
                    return seconds;
                }
            d = vx_webhook_queue_yield(q, now);
            if (d)
                end(d, VX_ATTEMPT_GAVE_WAY);
        } while (d);
        now += VX_SECOND_US;
    }
    fail_msg("call %u was not started in %u s", call, most);
    return 0;
}

/* Of which nothing is known, among a thousand that hang. */
static void test_a_new_one_does_not_wait_for_long(void **state) {
    (void)state;
    open_queue(many);
    for (unsigned i = 1; i <= HANGING; i++)
        add(i, i, VX_CALL_TRYING);
    start_all();
    add(NEW_ONE, NEW_ONE, VX_CALL_TRYING);
    assert_true(seconds_until(NEW_ONE, 10) < 9); /* all of them are as new */
    for (unsigned second = 0; second < 60; second++) {
        add(NEW_ONE + second, NEW_ONE + second, VX_CALL_RINGING);
        assert_true(seconds_until(NEW_ONE + second, 2) <= 1);
        for (unsigned i = 1; i <= HANGING; i++) /* and they ask for more all the time */
            add(i, i, VX_CALL_RINGING);
    }
    vx_webhook_queue_release(&q);
}

/* Whoever names new ones all the time keeps none from being found to work again. */
static void test_one_that_failed_does_not_wait_for_new_ones(void **state) {
    (void)state;
    open_queue(many);
    add(FINE, FINE, VX_CALL_TRYING);
    end(start(), VX_ATTEMPT_AGAIN);
    unsigned next = 10000;
    for (unsigned account = 1; account <= 60; account++)
        for (unsigned i = 0; i < 100; i++, next++) {
            char url[64];
            snprintf(url, sizeof url, "http://h%u/", next);
            add_to(url, account, next, VX_CALL_TRYING);
        }
    assert_int_equal(start_all(), 192);
    assert_true(seconds_until(FINE, 10) <= 3);
    vx_webhook_queue_release(&q);
}

/* Where nobody waits, a slow one has its time. */
static void test_a_slow_one_is_not_broken_off_for_nobody(void **state) {
    (void)state;
    open_queue(many);
    for (unsigned i = 1; i <= 192; i++)
        add(i, i, VX_CALL_TRYING);
    assert_int_equal(start_all(), 192);
    now += 9 * VX_SECOND_US;
    assert_null(start());
    assert_null(vx_webhook_queue_yield(q, now));
    assert_int_equal(vx_webhook_queue_due(q), INT64_MAX);
    vx_webhook_queue_release(&q);
}

/* The account that has most of them gives way first. */
static void test_the_account_with_most_that_hang_gives_way(void **state) {
    (void)state;
    struct vx_webhook_limits limits = many;
    limits.requests = 4;
    limits.requests_total = 4;
    open_queue(limits);
    add(2, 1, VX_CALL_TRYING);
    struct vx_delivery *older = starts(1, VX_CALL_TRYING);
    now += VX_SECOND_US / 2;
    add_to("http://a/", 1, 2, VX_CALL_TRYING);
    add_to("http://b/", 1, 3, VX_CALL_TRYING);
    struct vx_delivery *gives = starts(2, VX_CALL_TRYING);
    starts(3, VX_CALL_TRYING);
    add(3, 4, VX_CALL_TRYING);
    assert_null(start());
    now += VX_SECOND_US;
    assert_ptr_equal(vx_webhook_queue_yield(q, now), gives);
    end(gives, VX_ATTEMPT_GAVE_WAY);
    starts(4, VX_CALL_TRYING);
    end(older, VX_ATTEMPT_TOLD);
    vx_webhook_queue_release(&q);
}

/* Neither all places of its account nor those of others are for hooks of single calls. */
static void test_many_hanging_receivers_of_one_account(void **state) {
    (void)state;
    open_queue(many);
    add(1, 1, VX_CALL_TRYING);
    end(starts(1, VX_CALL_TRYING), VX_ATTEMPT_TOLD);
    for (unsigned i = 2; i <= 500; i++) {
        char url[64];
        snprintf(url, sizeof url, "https://h%u.example/status", i);
        add_to(url, 1, i, VX_CALL_TRYING);
    }
    assert_int_equal(start_all(), 4);
    add(1, 1, VX_CALL_RINGING);
    end(starts(1, VX_CALL_RINGING), VX_ATTEMPT_TOLD);
    add(2, 1000, VX_CALL_TRYING);
    end(starts(1000, VX_CALL_TRYING), VX_ATTEMPT_TOLD);
    assert_null(start());
    vx_webhook_queue_release(&q);
}

/* Scheme, host and port: what hangs behind one path does so behind the others. */
static void test_what_is_one_receiver(void **state) {
    (void)state;
    static const struct {
        const char *url;
        bool other;
    } cases[] = {{"http://a/x", false},   {"http://a?x", false},   {"http://a#x", false},
                 {"http://a/y/z", false}, {"http://a:81/x", true}, {"https://a/x", true},
                 {"http://b/x", true},    {"http://ab/x", true},   {"http://a", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        open_queue(usual);
        add_to("http://a/", 1, 1, VX_CALL_TRYING);
        add_to("http://a/", 1, 2, VX_CALL_TRYING);
        end(starts(1, VX_CALL_TRYING), VX_ATTEMPT_TOLD);
        starts(2, VX_CALL_TRYING);
        add_to(cases[i].url, 1, 3, VX_CALL_TRYING);
        end(starts(3, VX_CALL_TRYING), VX_ATTEMPT_AGAIN);
        add_to("http://a/", 1, 4, VX_CALL_TRYING); /* one at a time if it was a's that failed */
        assert_int_equal(start() != NULL, cases[i].other);
        vx_webhook_queue_release(&q);
    }
}

/* In its order, though it goes elsewhere from now on. */
static void test_a_call_that_changes_its_receiver(void **state) {
    (void)state;
    open_queue(usual);
    add_to("http://a/", 1, 1, VX_CALL_TRYING);
    add_to("http://b/", 1, 1, VX_CALL_RINGING);
    add(1, 1, VX_CALL_COMPLETED);
    struct vx_delivery *d = starts(1, VX_CALL_TRYING);
    assert_null(start());
    end(d, VX_ATTEMPT_TOLD);
    end(starts(1, VX_CALL_RINGING), VX_ATTEMPT_LOST);
    end(starts(1, VX_CALL_COMPLETED), VX_ATTEMPT_TOLD);
    assert_true(vx_webhook_queue_idle(q));
    close_queue();
}

static void test_what_gives_way_changes_the_receiver(void **state) {
    (void)state;
    struct vx_webhook_limits limits = usual;
    limits.queued = 2;
    open_queue(limits);
    add_to("http://a/", 1, 1, VX_CALL_TRYING);
    add_to("http://b/", 1, 1, VX_CALL_RINGING);
    add_to("http://b/", 1, 2, VX_CALL_TRYING); /* for it the first, and a is gone */
    assert_int_equal(lost(VX_LOSS_QUEUE), 1);
    end(starts(2, VX_CALL_TRYING), VX_ATTEMPT_TOLD);
    end(starts(1, VX_CALL_RINGING), VX_ATTEMPT_TOLD);
    close_queue();
}

/* --- back-off of a receiver --- */

/* A thousand calls wait for one that is down: it is asked as if there were one. */
static void test_a_receiver_that_is_down_is_let_alone(void **state) {
    (void)state;
    open_queue(many);
    const int64_t began = now;
    unsigned attempts = 0;
    for (unsigned call = 1; call <= 1000; call++)
        add(1, call, VX_CALL_TRYING);
    for (; now < began + 300 * VX_SECOND_US; attempts++)
        end(await(), VX_ATTEMPT_AGAIN);
    print_message("# %u attempts in 300 s\n", attempts);
    assert_in_range(attempts, 10, 32);
    assert_int_equal(vx_webhook_queue_count(q), 1000);
    end(await(), VX_ATTEMPT_TOLD); /* it is back: all goes there at once */
    assert_int_equal(start_all(), 8);
    vx_webhook_queue_release(&q);
}

/* One call that it does not like keeps no other from it; what was on its way together counts once.
 */
static void test_one_failure_is_none_of_the_receiver(void **state) {
    (void)state;
    open_queue(many);
    know(1);
    for (unsigned call = 1; call <= 9; call++)
        add(1, call, VX_CALL_RINGING);
    struct vx_delivery *way[8];
    for (unsigned i = 0; i < 8; i++)
        way[i] = start();
    for (unsigned i = 0; i < 8; i++)
        end(way[i], VX_ATTEMPT_AGAIN);
    struct vx_delivery *d = starts(9, VX_CALL_RINGING);
    end(d, VX_ATTEMPT_TOLD);
    now += VX_SECOND_US;
    assert_int_equal(start_all(), 8);
    vx_webhook_queue_release(&q);
}

/* Between statuses, of the latest receivers. */
static void test_a_receiver_is_remembered(void **state) {
    (void)state;
    open_queue(many);
    know(1);
    for (unsigned call = 1; call <= 3; call++)
        add(1, call, VX_CALL_RINGING);
    assert_int_equal(start_all(), 3);
    vx_webhook_queue_release(&q);

    open_queue(many);
    know(1);
    for (unsigned i = 0; i < 8; i++) {
        char url[64];
        snprintf(url, sizeof url, "http://h%u/", i);
        add_to(url, 1, 2, VX_CALL_TRYING);
        end(start(), VX_ATTEMPT_TOLD);
    }
    for (unsigned call = 1; call <= 3; call++)
        add(1, call, VX_CALL_RINGING);
    assert_int_equal(start_all(), 1);
    vx_webhook_queue_release(&q);
}

/* It may lead to another now. */
static void test_new_limits_forget_what_is_known(void **state) {
    (void)state;
    open_queue(many);
    add(1, 1, VX_CALL_TRYING);
    for (unsigned i = 0; i < 6; i++)
        end(await(), VX_ATTEMPT_AGAIN);
    add(1, 2, VX_CALL_TRYING);
    assert_null(start());
    vx_webhook_queue_limit(q, &many);
    end(starts(2, VX_CALL_TRYING), VX_ATTEMPT_TOLD);
    vx_webhook_queue_release(&q);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_that_works_waits_for_none_that_hangs),
        cmocka_unit_test(test_those_that_cease_to_work_give_way),
        cmocka_unit_test(test_a_new_one_does_not_wait_for_long),
        cmocka_unit_test(test_one_that_failed_does_not_wait_for_new_ones),
        cmocka_unit_test(test_a_slow_one_is_not_broken_off_for_nobody),
        cmocka_unit_test(test_the_account_with_most_that_hang_gives_way),
        cmocka_unit_test(test_many_hanging_receivers_of_one_account),
        cmocka_unit_test(test_what_is_one_receiver),
        cmocka_unit_test(test_a_call_that_changes_its_receiver),
        cmocka_unit_test(test_what_gives_way_changes_the_receiver),
        cmocka_unit_test(test_a_receiver_that_is_down_is_let_alone),
        cmocka_unit_test(test_one_failure_is_none_of_the_receiver),
        cmocka_unit_test(test_a_receiver_is_remembered),
        cmocka_unit_test(test_new_limits_forget_what_is_known),
    };
    return cmocka_run_group_tests_name("webhook_turns", tests, NULL, NULL);
}
