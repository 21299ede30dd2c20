/* When calls that the API has made end by themselves. */
#include "command.h"

#define NEVER INT64_MAX

static void add(const char *uuid, unsigned timeout_s, unsigned limit_s) {
    struct vx_uuid sid = vx_test_uuid(uuid);

    channel(uuid, true, false);
    assert_true(vx_fs_deadlines_add(means.deadlines, &sid, timeout_s, limit_s));
}

static void pass(int64_t seconds) {
    vx_test_advance(&w.time, seconds * VX_SECOND_US);
}

/* When the next is due: in seconds from now. */
static void run(int64_t in_s) {
    int64_t due = vx_fs_deadlines_run(means.deadlines);

    if (in_s == NEVER)
        assert_true(due == NEVER);
    else
        assert_int_equal(due, vx_mono_us(&w.time.clock) + in_s * VX_SECOND_US);
}

/* FreeSWITCH's own clock need not follow the system's. */
static int64_t ahead_us = INT64_C(1700000000000000);

static int64_t switch_now(void) {
    return vx_mono_us(&w.time.clock) + ahead_us;
}

static void answer(const char *uuid) {
    double_channel_answered(uuid, switch_now());
}

static void unanswered(void **state) {
    (void)state;
    add(CHANNEL, 60, 0);
    add(OTHER, 30, 0);
    pass(29);
    run(1);
    nothing_done();
    pass(1);
    run(28); /* when it is twice as old as when it was looked at */
    assert_string_equal(double_done(), "hangup " OTHER " 19\n");
    pass(30);
    run(NEVER);
    done("hangup " CHANNEL " 19");
    assert_int_equal(vx_fs_deadlines_count(means.deadlines), 0);
}

static void answered_in_time(void **state) {
    (void)state;
    add(CHANNEL, 60, 0);
    pass(59);
    answer(CHANNEL);
    pass(1);
    run(NEVER);
    nothing_done();
}

static void gone_before(void **state) {
    (void)state;
    add(CHANNEL, 60, 0);
    add(OTHER, 60, 0);
    double_channel_gone(CHANNEL);
    double_channel_hung_up(OTHER);
    pass(60);
    run(NEVER);
    nothing_done();
}

static void at_its_limit(void **state) {
    (void)state;
    add(CHANNEL, 60, 90);
    pass(50);
    answer(CHANNEL);
    pass(10);
    run(80); /* from its answer, not from when it was seen */
    pass(80);
    run(NEVER);
    assert_string_equal(double_done(), "hangup " CHANNEL " 602\n");
}

/* Answered and over before the timeout. */
static void at_a_limit_shorter_than_its_timeout(void **state) {
    (void)state;
    add(CHANNEL, 60, 10);
    for (int i = 0; i < 2; i++) {
        pass(10);
        run(10);
    }
    pass(1);
    answer(CHANNEL);
    pass(9);
    run(1);
    nothing_done();
    pass(1);
    run(NEVER);
    assert_string_equal(double_done(), "hangup " CHANNEL " 602\n");
}

static void the_timeout_comes_first(void **state) {
    (void)state;
    add(CHANNEL, 15, 10);
    pass(10);
    run(5);
    pass(5);
    run(NEVER);
    assert_string_equal(double_done(), "hangup " CHANNEL " 19\n");
}

static void without_a_timeout(void **state) {
    (void)state;
    add(CHANNEL, 0, 0);
    run(NEVER);
    add(OTHER, 0, 10);
    pass(25);
    run(10);
    answer(OTHER);
    pass(10);
    run(NEVER);
    assert_string_equal(double_done(), "hangup " OTHER " 602\n");
}

/* A clock that is put back makes no limit longer. */
static void the_systems_clock_is_put_on(void **state) {
    (void)state;
    add(CHANNEL, 60, 90);
    answer(CHANNEL);
    pass(50);
    w.time.wall_us += 3600 * VX_SECOND_US;
    pass(10);
    run(30);
    nothing_done();
    pass(30);
    run(NEVER);
    done("hangup " CHANNEL " 602");
}

static void the_switchs_clock_is_put_back(void **state) {
    (void)state;
    add(CHANNEL, 60, 10);
    answer(CHANNEL);
    pass(4);
    ahead_us -= 3600 * VX_SECOND_US;
    pass(6);
    run(10);
    pass(10);
    run(NEVER);
    done("hangup " CHANNEL " 602");
    ahead_us += 3600 * VX_SECOND_US;
}

/* Ten thousand calls that have ended leave nothing behind. */
static void swept(void **state) {
    char uuid[VX_UUID_TEXT + 1];

    (void)state;
    add(CHANNEL, 3600, 0);
    for (unsigned i = 0; i < 10000; i++) {
        struct vx_uuid sid = vx_test_sid(i);

        vx_uuid_format(uuid, &sid);
        add(uuid, 60 + i % 7, 0);
        if (i % 2)
            double_channel_hung_up(uuid);
        double_channel_gone(uuid);
    }
    assert_true(vx_fs_deadlines_count(means.deadlines) < 2000);
    pass(60);
    vx_fs_deadlines_run(means.deadlines);
    nothing_done();
    pass(3540);
    run(NEVER);
    assert_string_equal(double_done(), "hangup " CHANNEL " 19\n");
}

static void in_their_order(void **state) {
    static char expected[200 * 64];
    char *at = expected, uuid[VX_UUID_TEXT + 1];

    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        struct vx_uuid sid = vx_test_sid((i * 77) % 200); /* any order */

        vx_uuid_format(uuid, &sid);
        add(uuid, 1 + (i * 77) % 200, 0);
    }
    for (unsigned i = 0; i < 200; i++) {
        struct vx_uuid sid = vx_test_sid(i);

        pass(1);
        vx_fs_deadlines_run(means.deadlines);
        vx_uuid_format(uuid, &sid);
        at += sprintf(at, "hangup %s 19\n", uuid);
        assert_string_equal(double_done(), expected);
    }
}

/* FreeSWITCH has told its thread of the answer in vain: it finds it when it is woken. */
static void woken_while_nobody_has_answered(void **state) {
    unsigned woken = 0;

    (void)state;
    add(CHANNEL, 60, 0);
    add(OTHER, 60, 0);
    double_channel_sleeps(CHANNEL);
    run(1);
    for (unsigned s = 1; s < 32; s *= 2) { /* after 1, 2, 4, 8 and 16 s */
        pass(s - s / 2);
        run(s);
        assert_int_equal(double_channel_woken(CHANNEL), ++woken);
    }
    assert_int_equal(double_channel_woken(OTHER), 0); /* it finds its answer by itself */
    double_channel_gone(OTHER);
    answer(CHANNEL);
    pass(16);
    run(NEVER);
    assert_int_equal(double_channel_woken(CHANNEL), woken);
    nothing_done();
}

/* --- what is left with FreeSWITCH --- */

/* So many seconds after the beginning of a test, by FreeSWITCH's clock. */
#define S(seconds)       "17000050" seconds
#define TIMEOUT_TASK(at) "sched_api " at " mod_voxeme hupall NO_ANSWER voxeme_timeout_at " at "\n"
#define LIMIT_TASK(at)                                                                             \
    "sched_api " at " mod_voxeme hupall ALLOTTED_TIMEOUT voxeme_limit_at " at "\n"

static void close_all(void) {
    assert_true(vx_fs_deadlines_close(means.deadlines, 0)); /* it has no thread here */
}

static void left_with_freeswitch(void **state) {
    char *limit;

    (void)state;
    add(CHANNEL, 60, 90);
    add(OTHER, 60, 90);
    pass(10);
    answer(OTHER);
    pass(5);
    close_all();
    assert_string_equal(double_done(), TIMEOUT_TASK(S("60")) LIMIT_TASK("1700005100"));
    is("voxeme_timeout_at", S("60"));
    is("voxeme_limit_at", NULL);
    is("execute_on_answer_2", "unset voxeme_timeout_at");
    is("execute_on_answer_3", "sched_hangup +91 ALLOTTED_TIMEOUT");
    limit = double_variable(OTHER, "voxeme_limit_at");
    assert_string_equal(limit, "1700005100");
    free(limit);
    assert_null(double_variable(OTHER, "voxeme_timeout_at"));
    double_done_clear();
    double_channel_gone(OTHER);
    add(OTHER, 20, 0); /* of a command that FreeSWITCH has kept */
    assert_string_equal(double_done(), TIMEOUT_TASK(S("35")));
    assert_int_equal(vx_fs_deadlines_count(means.deadlines), 0);
}

/* FreeSWITCH's scheduler walks a list of all tasks for each: there is one for each second. */
static void many_are_left(void **state) {
    static char expected[60 * 128];
    char *at = expected, uuid[VX_UUID_TEXT + 1];

    (void)state;
    for (unsigned i = 0; i < 2000; i++) {
        struct vx_uuid sid = vx_test_sid(i);

        vx_uuid_format(uuid, &sid);
        add(uuid, 1 + (i * 7) % 60, 0);
    }
    close_all();
    for (unsigned s = 1700005001; s <= 1700005060; s++)
        at += sprintf(at, "sched_api %u mod_voxeme hupall NO_ANSWER voxeme_timeout_at %u\n", s, s);
    assert_string_equal(double_done(), expected);
}

/* What is past, or is now, FreeSWITCH would take for something that comes again. */
static void left_when_it_is_over(void **state) {
    (void)state;
    add(CHANNEL, 60, 0);
    add(OTHER, 60, 10);
    answer(OTHER);
    pass(60);
    close_all();
    assert_string_equal(double_done(), TIMEOUT_TASK(S("61")) LIMIT_TASK(S("61")));
}

/* Never too soon: the scheduler knows whole seconds alone. */
static void left_within_a_second(void **state) {
    (void)state;
    vx_test_advance(&w.time, VX_SECOND_US / 4);
    add(CHANNEL, 30, 0);
    close_all();
    assert_string_equal(double_done(), TIMEOUT_TASK(S("31")));
}

static void nothing_to_be_left(void **state) {
    (void)state;
    add(CHANNEL, 60, 0);
    answer(CHANNEL);
    add(OTHER, 60, 0);
    double_channel_gone(OTHER);
    close_all();
    nothing_done();
}

static void nobody_to_leave_them_with(void **state) {
    (void)state;
    add(CHANNEL, 60, 0);
    vx_test_capture_log();
    double_fails("sched_api");
    close_all();
    assert_non_null(strstr(vx_test_log_text(), "mod_commands"));
}

/* The thread has it in its hands, and FreeSWITCH the others, when all are left. */
static void left_by_a_thread_that_comes_back(void **state) {
    (void)state;
    add(CHANNEL, 60, 0);
    double_channel_sleeps(CHANNEL);
    pass(1);
    add(OTHER, 60, 0);
    double_at("wake", close_all);
    vx_fs_deadlines_run(means.deadlines);
    assert_string_equal(double_done(), TIMEOUT_TASK(S("61")) TIMEOUT_TASK(S("60")));
    assert_int_equal(vx_fs_deadlines_count(means.deadlines), 0);
}

/* --- its thread, on the clock of the system --- */

static void by_itself(void **state) {
    struct vx_fs_deadlines *real = vx_fs_deadlines_new(&vx_clock_system);
    struct vx_uuid one = vx_test_uuid(CHANNEL), two = vx_test_uuid(OTHER);

    (void)state;
    assert_true(vx_fs_deadlines_start(real));
    channel(CHANNEL, true, false);
    channel(OTHER, true, false);
    assert_true(vx_fs_deadlines_add(real, &one, 3600, 0));
    assert_true(vx_fs_deadlines_add(real, &two, 1, 0)); /* sooner than what it waits for */
    double_wait_done("hangup " OTHER " 19");
    not_done("hangup " CHANNEL);
    assert_true(vx_fs_deadlines_close(real, 60000));
    is("execute_on_answer_2", "unset voxeme_timeout_at");
    vx_fs_deadlines_release(&real);
}

/* Nobody waits for FreeSWITCH for ever, and what it does not keep ends all the same. */
static void kept_by_freeswitch(void **state) {
    struct vx_fs_deadlines *real = vx_fs_deadlines_new(&vx_clock_system);
    struct vx_uuid one = vx_test_uuid(CHANNEL), two = vx_test_uuid(OTHER);

    (void)state;
    assert_true(vx_fs_deadlines_start(real));
    channel(CHANNEL, true, false);
    channel(OTHER, true, false);
    double_blocks("hangup");
    assert_true(vx_fs_deadlines_add(real, &two, 1, 0));
    double_wait_done("hangup " OTHER " 19");
    assert_true(vx_fs_deadlines_add(real, &one, 60, 0));
    assert_false(vx_fs_deadlines_close(real, 20));
    is("execute_on_answer_2", "unset voxeme_timeout_at");
    double_blocks(NULL);
    assert_true(vx_fs_deadlines_close(real, 60000));
    vx_fs_deadlines_release(&real);
}

static void leave_without_memory(void *ctx) {
    set_up(ctx);
    add(CHANNEL, 60, 0);
    add(OTHER, 60, 0);
    vx_test_arm();
    close_all();
    vx_test_disarm();
    done(TIMEOUT_TASK(S("60")));
    is("voxeme_timeout_at", S("60"));
    tear_down(ctx);
}

static void add_without_memory(void *ctx) {
    struct vx_uuid sid = vx_test_uuid(CHANNEL);
    bool added;

    set_up(ctx);
    channel(CHANNEL, true, false);
    vx_test_arm();
    added = vx_fs_deadlines_add(means.deadlines, &sid, 60, 0);
    vx_test_disarm();
    assert_int_equal(vx_fs_deadlines_count(means.deadlines), added);
    tear_down(ctx);
}

static void out_of_memory(void **state) {
    (void)state;
    vx_test_every_allocation_fails(add_without_memory, NULL, true);
    vx_test_every_allocation_fails(leave_without_memory, NULL, true);
}

int main(void) {
    double_clock(switch_now);
    const struct CMUnitTest tests[] = {
        EACH(unanswered),
        EACH(answered_in_time),
        EACH(gone_before),
        EACH(at_its_limit),
        EACH(at_a_limit_shorter_than_its_timeout),
        EACH(the_timeout_comes_first),
        EACH(without_a_timeout),
        EACH(the_systems_clock_is_put_on),
        EACH(the_switchs_clock_is_put_back),
        EACH(swept),
        EACH(in_their_order),
        EACH(woken_while_nobody_has_answered),
        EACH(left_with_freeswitch),
        EACH(many_are_left),
        EACH(left_when_it_is_over),
        EACH(left_within_a_second),
        EACH(nothing_to_be_left),
        EACH(nobody_to_leave_them_with),
        EACH(left_by_a_thread_that_comes_back),
        EACH(by_itself),
        EACH(kept_by_freeswitch),
        cmocka_unit_test(out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
