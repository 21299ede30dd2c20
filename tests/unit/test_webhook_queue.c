/* Statuses that wait to be told: their order, their times, their bounds; the clock is the test's.
 */
#include "webhook_queue_support.h"

enum { SECOND = 1000000 };

static void test_one_call_is_told_in_order(void **state) {
    (void)state;
    open_queue(usual);
    add(1, 1, VX_CALL_TRYING);
    add(1, 1, VX_CALL_RINGING);
    struct vx_delivery *d = starts(1, VX_CALL_TRYING);
    assert_null(start());
    add(1, 1, VX_CALL_COMPLETED);
    assert_null(start());
    assert_int_equal(end(d, VX_ATTEMPT_TOLD), VX_RECEIVER_SAME);
    d = starts(1, VX_CALL_RINGING);
    assert_int_equal(end(d, VX_ATTEMPT_LOST), VX_RECEIVER_SAME);
    assert_int_equal(lost(VX_LOSS_REFUSED), 1);
    assert_false(vx_webhook_queue_idle(q));
    end(starts(1, VX_CALL_COMPLETED), VX_ATTEMPT_TOLD);
    assert_true(vx_webhook_queue_idle(q));
    assert_int_equal(vx_webhook_queue_count(q), 0);
    close_queue();
}

/* The receivers of accounts 1 to `count` have taken a status, and have another call's waiting. */
static void let_work(unsigned count) {
    for (unsigned account = 1; account <= count; account++) {
        add(account, 100 + account, VX_CALL_TRYING);
        add(account, 200 + account, VX_CALL_TRYING);
    }
    for (unsigned account = 1; account <= count; account++)
        end(start(), VX_ATTEMPT_TOLD);
}

/* One that hangs from the start takes one place, however many of its calls wait. */
static void test_one_at_a_time_until_it_works(void **state) {
    (void)state;
    open_queue(usual);
    for (unsigned call = 1; call <= 3; call++)
        add(1, call, VX_CALL_TRYING);
    struct vx_delivery *d = starts(1, VX_CALL_TRYING);
    assert_null(start());
    end(d, VX_ATTEMPT_TOLD);
    starts(2, VX_CALL_TRYING);
    starts(3, VX_CALL_TRYING);
    vx_webhook_queue_release(&q);
}

static void test_accounts_take_turns(void **state) {
    (void)state;
    open_queue(usual);
    let_work(4);
    for (unsigned call = 1; call <= 3; call++)
        add(1, call, VX_CALL_TRYING);
    struct vx_delivery *first = starts(201, VX_CALL_TRYING);
    starts(202, VX_CALL_TRYING);
    struct vx_delivery *third = starts(203, VX_CALL_TRYING);
    struct vx_delivery *fourth = starts(204, VX_CALL_TRYING);
    assert_null(start()); /* four at a time */
    end(third, VX_ATTEMPT_TOLD);
    struct vx_delivery *fifth = starts(1, VX_CALL_TRYING);
    end(fourth, VX_ATTEMPT_TOLD);
    assert_null(start()); /* two of one account */
    end(fifth, VX_ATTEMPT_TOLD);
    starts(2, VX_CALL_TRYING);
    end(first, VX_ATTEMPT_TOLD);
    starts(3, VX_CALL_TRYING);
    vx_webhook_queue_release(&q);
}

static void test_one_at_a_time_while_it_fails(void **state) {
    (void)state;
    open_queue(usual);
    let_work(1);
    for (unsigned call = 2; call <= 4; call++)
        add(1, call, VX_CALL_TRYING);
    struct vx_delivery *one = starts(201, VX_CALL_TRYING), *two = starts(2, VX_CALL_TRYING);
    assert_int_equal(end(one, VX_ATTEMPT_AGAIN), VX_RECEIVER_FAILS);
    assert_null(start());
    assert_int_equal(end(two, VX_ATTEMPT_AGAIN), VX_RECEIVER_SAME);
    one = starts(3, VX_CALL_TRYING);
    assert_null(start());
    assert_int_equal(end(one, VX_ATTEMPT_TOLD), VX_RECEIVER_WORKS);
    now += VX_SECOND_US;
    assert_non_null(start());
    assert_non_null(start());
    assert_null(start());
    vx_webhook_queue_release(&q);
}

/* 1 s, 2 s, 4 s ... 60 s, each shortened by a half at most; then it is given up. */
static void test_back_off(void **state) {
    (void)state;
    static const int seconds[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
    struct vx_webhook_limits limits = usual;
    limits.attempts = 10;
    open_queue(limits);
    add(1, 1, VX_CALL_TRYING);
    add(1, 1, VX_CALL_RINGING);
    struct vx_delivery *d = starts(1, VX_CALL_TRYING);
    for (unsigned n = 1; n <= 9; n++) {
        assert_int_equal(vx_webhook_delay_us(n), seconds[n - 1] * VX_SECOND_US);
        int64_t began = now;
        end(d, VX_ATTEMPT_AGAIN);
        d = await();
        assert_in_range(now - began, seconds[n - 1] * VX_SECOND_US / 2,
                        seconds[n - 1] * VX_SECOND_US);
        assert_int_equal(vx_snapshot_status(vx_delivery_call(d)), VX_CALL_TRYING);
    }
    end(d, VX_ATTEMPT_AGAIN);
    assert_int_equal(lost(VX_LOSS_ATTEMPTS), 1);
    assert_null(start()); /* the receiver is let alone */
    now = vx_webhook_queue_due(q);
    end(starts(1, VX_CALL_RINGING), VX_ATTEMPT_AGAIN); /* with attempts of its own */
    now += 60 * VX_SECOND_US;
    end(starts(1, VX_CALL_RINGING), VX_ATTEMPT_TOLD);
    assert_int_equal(vx_webhook_queue_due(q), INT64_MAX);
    vx_webhook_queue_release(&q);
}

static void test_delays_differ(void **state) {
    (void)state;
    struct vx_webhook_limits limits = usual;
    limits.requests = limits.requests_total = 100;
    open_queue(limits);
    struct vx_delivery *all[50];
    for (unsigned i = 0; i < 50; i++) {
        add(i, i, VX_CALL_TRYING);
        all[i] = start();
    }
    int64_t least = INT64_MAX, most = 0;
    for (unsigned i = 0; i < 50; i++) {
        struct vx_delivery *d = all[i];
        end(d, VX_ATTEMPT_AGAIN);
        least = vx_webhook_queue_due(q); /* of all so far */
    }
    for (unsigned i = 0; i < 50; i++) {
        int64_t due = vx_webhook_queue_due(q);
        assert_true(due >= most);
        most = due;
        now = due;
        struct vx_delivery *d = start();
        assert_non_null(d);
        end(d, VX_ATTEMPT_LOST);
    }
    assert_true(most - least > VX_SECOND_US / 4);
    assert_int_equal(vx_webhook_queue_count(q), 0);
    close_queue();
}

static void test_too_old(void **state) {
    (void)state;
    struct vx_webhook_limits limits = usual;
    limits.max_age_us = 10 * VX_SECOND_US;
    limits.requests = 1;
    open_queue(limits);
    add(1, 1, VX_CALL_TRYING);
    add(1, 1, VX_CALL_RINGING);
    add(1, 2, VX_CALL_TRYING);
    struct vx_delivery *d = start();
    now += 9 * VX_SECOND_US;
    add(1, 3, VX_CALL_TRYING);
    end(d, VX_ATTEMPT_AGAIN); /* half a second at least: may be in time */
    now += 2 * VX_SECOND_US;
    d = starts(3, VX_CALL_TRYING);
    end(d, VX_ATTEMPT_TOLD);
    assert_null(start());
    assert_int_equal(lost(VX_LOSS_AGE), 3);
    assert_int_equal(vx_webhook_queue_count(q), 0);
    close_queue();
}

static void test_the_oldest_gives_way(void **state) {
    (void)state;
    struct vx_webhook_limits limits = usual;
    limits.queued = 3;
    limits.requests = 1;
    open_queue(limits);
    add(1, 1, VX_CALL_TRYING);
    struct vx_delivery *d = start();
    add(1, 1, VX_CALL_RINGING);
    add(1, 2, VX_CALL_TRYING);
    add(1, 2, VX_CALL_RINGING); /* for it call 1's ringing */
    assert_int_equal(lost(VX_LOSS_QUEUE), 1);
    add(1, 3, VX_CALL_TRYING); /* for it call 2's trying */
    add(2, 4, VX_CALL_TRYING); /* another account */
    assert_int_equal(lost(VX_LOSS_QUEUE), 2);
    assert_int_equal(vx_webhook_queue_count(q), 4);
    end(d, VX_ATTEMPT_TOLD);
    for (int i = 0; i < 3; i++) {
        struct vx_delivery *next = start();
        assert_non_null(next);
        if (vx_snapshot_sid(vx_delivery_call(next))->b[15] == 2)
            assert_int_equal(vx_snapshot_status(vx_delivery_call(next)), VX_CALL_RINGING);
        end(next, VX_ATTEMPT_TOLD);
    }
    assert_null(start());
    close_queue();
}

static void test_what_is_on_its_way_does_not_give_way(void **state) {
    (void)state;
    struct vx_webhook_limits limits = usual;
    limits.queued = 2;
    open_queue(limits);
    let_work(1);
    add(1, 2, VX_CALL_TRYING);
    struct vx_delivery *one = starts(201, VX_CALL_TRYING), *two = starts(2, VX_CALL_TRYING);
    add(1, 3, VX_CALL_TRYING);
    assert_int_equal(lost(VX_LOSS_QUEUE), 1);
    assert_int_equal(vx_webhook_queue_count(q), 2);
    end(one, VX_ATTEMPT_TOLD);
    end(two, VX_ATTEMPT_TOLD);
    assert_null(start());
    close_queue();
}

/* When all together are full: whoever has most gives place, not whoever comes last. */
static void test_the_longest_queue_gives_way(void **state) {
    (void)state;
    struct vx_webhook_limits limits = usual;
    limits.queued_total = 4;
    open_queue(limits);
    for (unsigned call = 1; call <= 4; call++)
        add(1, call, VX_CALL_TRYING);
    struct vx_delivery *hangs = starts(1, VX_CALL_TRYING);
    add(2, 5, VX_CALL_TRYING); /* for it call 2's */
    add(2, 6, VX_CALL_TRYING); /* for it call 3's */
    assert_int_equal(lost(VX_LOSS_TOTAL), 2);
    assert_int_equal(vx_webhook_queue_count(q), 4);
    end(starts(5, VX_CALL_TRYING), VX_ATTEMPT_TOLD);
    end(starts(6, VX_CALL_TRYING), VX_ATTEMPT_TOLD);
    end(hangs, VX_ATTEMPT_TOLD);
    end(starts(4, VX_CALL_TRYING), VX_ATTEMPT_TOLD);
    assert_null(start());
    close_queue();
}

static void test_no_queue_can_give_way(void **state) {
    (void)state;
    struct vx_webhook_limits limits = usual;
    limits.queued_total = 1;
    open_queue(limits);
    add(1, 1, VX_CALL_TRYING);
    struct vx_delivery *d = starts(1, VX_CALL_TRYING);
    add(2, 2, VX_CALL_TRYING);
    assert_int_equal(lost(VX_LOSS_TOTAL), 1);
    end(d, VX_ATTEMPT_AGAIN);
    add(2, 3, VX_CALL_TRYING); /* for it one that waits for its time; its account is forgotten */
    assert_int_equal(lost(VX_LOSS_TOTAL), 2);
    assert_int_equal(vx_webhook_queue_due(q), INT64_MAX);
    end(starts(3, VX_CALL_TRYING), VX_ATTEMPT_TOLD);
    assert_null(start());
    close_queue();
}

/* Of a call that waits for its time, too. */
static void test_one_that_waits_gives_way(void **state) {
    (void)state;
    struct vx_webhook_limits limits = usual;
    limits.queued = 1;
    open_queue(limits);
    add(1, 1, VX_CALL_TRYING);
    end(start(), VX_ATTEMPT_AGAIN);
    assert_true(vx_webhook_queue_due(q) < INT64_MAX);
    add(1, 2, VX_CALL_TRYING);
    assert_int_equal(vx_webhook_queue_due(q), INT64_MAX);
    end(starts(2, VX_CALL_TRYING), VX_ATTEMPT_TOLD);
    assert_int_equal(lost(VX_LOSS_QUEUE), 1);
    close_queue();
}

/* It is the receiver that fails: the next status of the call waits as long. */
static void test_a_call_goes_on_waiting_for_another_status(void **state) {
    (void)state;
    struct vx_webhook_limits limits = usual;
    limits.queued = 2;
    open_queue(limits);
    add(1, 1, VX_CALL_TRYING);
    add(1, 1, VX_CALL_RINGING);
    end(start(), VX_ATTEMPT_AGAIN);
    int64_t due = vx_webhook_queue_due(q);
    add(1, 1, VX_CALL_COMPLETED);
    assert_int_equal(lost(VX_LOSS_QUEUE), 1);
    assert_int_equal(vx_webhook_queue_due(q), due);
    assert_null(start());
    now = due;
    end(starts(1, VX_CALL_RINGING), VX_ATTEMPT_AGAIN);
    assert_true(vx_webhook_queue_due(q) <= now + VX_SECOND_US); /* its first attempt */
    close_queue();
}

/* --- memory --- */

/* What waits is bounded by itself: calls that are gone must not keep others out. */
static void test_what_waits_is_no_memory_of_calls(void **state) {
    (void)state;
    open_queue(many);
    for (unsigned call = 1; call <= 10000; call++)
        add_to("http://a/", 1, call, VX_CALL_TRYING);
    assert_int_equal(vx_webhook_queue_count(q), 10000);
    assert_int_equal(vx_snapshots_memory(), 0);
    assert_in_range(vx_webhook_queue_bytes(q), 10000 * 200, 10000 * 800);
    vx_webhook_queue_release(&q);
}

static void test_memory_is_bounded(void **state) {
    (void)state;
    struct vx_webhook_limits limits = many;
    limits.memory = 65536;
    open_queue(limits);
    for (unsigned call = 1; call <= 1000; call++)
        add(1, call, VX_CALL_TRYING);
    add(2, 2000, VX_CALL_TRYING); /* the longest queue gives way */
    assert_true(vx_webhook_queue_bytes(q) <= 65536);
    assert_in_range(vx_webhook_queue_count(q), 65536 / 800, 65536 / 200);
    assert_int_equal(vx_webhook_queue_count(q) + lost(VX_LOSS_BYTES), 1001);
    end(starts(1000 - (unsigned)vx_webhook_queue_count(q) + 2, VX_CALL_TRYING), VX_ATTEMPT_TOLD);
    end(starts(2000, VX_CALL_TRYING), VX_ATTEMPT_TOLD);
    struct vx_delivery *d;
    while ((d = start()))
        end(d, VX_ATTEMPT_TOLD);
    assert_int_equal(vx_webhook_queue_bytes(q), 0);
    close_queue();
}

static void run_short_of_memory(void *ctx) {
    (void)ctx;
    open_queue(usual);
    struct vx_snapshot *all[6];
    for (unsigned i = 0; i < 6; i++)
        all[i] = i < 3 ? status(i % 2, i % 3, VX_CALL_RINGING)
                       : status_to("http://a/", i % 2, i % 3, VX_CALL_RINGING);
    vx_test_arm();
    for (unsigned i = 0; i < 6; i++)
        vx_webhook_queue_add(q, all[i], now);
    bool failed = vx_test_disarm();
    assert_true(lost(VX_LOSS_MEMORY) <= failed); /* a copy is done without */
    struct vx_delivery *d;
    unsigned told = 0;
    for (; (d = start()); told++)
        end(d, VX_ATTEMPT_TOLD);
    assert_int_equal(told + lost(VX_LOSS_MEMORY), 6);
    assert_true(vx_webhook_queue_idle(q));
    close_queue();
}

static void test_out_of_memory(void **state) {
    (void)state;
    vx_test_every_allocation_fails(run_short_of_memory, NULL, false);
}

/* --- at random --- */

enum { CALLS = 20, ON_THEIR_WAY = 4, STEPS = 20000 };

/* Whatever happens: nothing is told out of order, no bound is passed, and all is accounted for. */
static void test_at_random(void **state) {
    (void)state;
    struct vx_test_random r = vx_test_random_start("webhook_queue");
    struct vx_webhook_limits limits = {.queued = 12,
                                       .queued_total = 30,
                                       .memory = SIZE_MAX,
                                       .requests = 2,
                                       .requests_total = ON_THEIR_WAY,
                                       .attempts = 3,
                                       .max_age_us = 20 * VX_SECOND_US};
    struct vx_delivery *way[ON_THEIR_WAY] = {NULL};
    unsigned given[CALLS] = {0}, seen[CALLS] = {0}, added = 0, told = 0;
    const struct vx_hook_fields a = {.url = VX_STR("http://a/")}, b = {.url = VX_STR("http://b/")};
    struct vx_hook *hooks[3] = {NULL, vx_hook_new(&a), vx_hook_new(&b)};
    open_queue(limits);
    for (int step = 0; step < STEPS; step++) {
        unsigned slot = vx_test_random(&r, ON_THEIR_WAY), call = vx_test_random(&r, CALLS);
        now += vx_test_random(&r, SECOND / 2);
        bool busy = step / 2000 % 2;
        if (vx_test_random(&r, busy ? 2 : 10) == 0) {
            struct vx_call_fields f = {.call_sid = vx_test_sid(call),
                                       .account_sid = vx_test_sid(1000 + call % 3),
                                       .attempted_us = ++given[call],
                                       .service_url = "",
                                       .hook = hooks[vx_test_random(&r, 3)]};
            vx_webhook_queue_add(q, vx_snapshot_new(&f), now);
            added++;
        } else if (!way[slot]) {
            way[slot] = start();
            if (!way[slot])
                continue;
            struct vx_call_fields f;
            vx_snapshot_fields(vx_delivery_call(way[slot]), &f);
            unsigned which = f.call_sid.b[15];
            assert_true((unsigned)f.attempted_us >= seen[which]);
            seen[which] = (unsigned)f.attempted_us;
        } else {
            enum vx_attempt how = vx_test_random(&r, 4);
            told += how == VX_ATTEMPT_TOLD;
            end(way[slot], how);
            way[slot] = NULL;
        }
        if (vx_test_random(&r, 1000) == 0)
            vx_webhook_queue_limit(q, &limits);
        assert_true(vx_webhook_queue_count(q) <= limits.queued_total);
        assert_int_equal(vx_webhook_queue_bytes(q) != 0, vx_webhook_queue_count(q) != 0);
        uint64_t all = told + vx_webhook_queue_count(q);
        for (enum vx_webhook_loss why = 0; why < VX_LOSS_COUNT; why++)
            all += lost(why);
        assert_int_equal(all, added);
    }
    for (unsigned i = 0; i < ON_THEIR_WAY; i++)
        if (way[i])
            end(way[i], VX_ATTEMPT_TOLD);
    print_message("# %u told of %u, dropped: %u full, %u old, %u tried\n", told, added,
                  (unsigned)lost(VX_LOSS_QUEUE), (unsigned)lost(VX_LOSS_AGE),
                  (unsigned)lost(VX_LOSS_ATTEMPTS));
    assert_true(told > STEPS / 20);
    assert_true(lost(VX_LOSS_QUEUE) && lost(VX_LOSS_TOTAL) && lost(VX_LOSS_AGE) &&
                lost(VX_LOSS_ATTEMPTS));
    vx_hook_release(&hooks[1]);
    vx_hook_release(&hooks[2]);
    close_queue();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_call_is_told_in_order),
        cmocka_unit_test(test_one_at_a_time_until_it_works),
        cmocka_unit_test(test_accounts_take_turns),
        cmocka_unit_test(test_one_at_a_time_while_it_fails),
        cmocka_unit_test(test_back_off),
        cmocka_unit_test(test_delays_differ),
        cmocka_unit_test(test_too_old),
        cmocka_unit_test(test_the_oldest_gives_way),
        cmocka_unit_test(test_what_is_on_its_way_does_not_give_way),
        cmocka_unit_test(test_the_longest_queue_gives_way),
        cmocka_unit_test(test_no_queue_can_give_way),
        cmocka_unit_test(test_one_that_waits_gives_way),
        cmocka_unit_test(test_a_call_goes_on_waiting_for_another_status),
        cmocka_unit_test(test_what_waits_is_no_memory_of_calls),
        cmocka_unit_test(test_memory_is_bounded),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_at_random),
    };
    return cmocka_run_group_tests_name("webhook_queue", tests, NULL, NULL);
}
