/* Parents and legs when calls are renamed, turn out to be one, go, and are many. */
#include "world.h"

#include <time.h>

/* No evidence of its own. */
static struct vx_event leg_of(unsigned parent, unsigned n) {
    struct vx_event e = vx_test_event_of(NULL, VX_EVENT_CREATE, n);
    e.direction = VX_OUTBOUND;
    e.parent_call_sid = vx_test_sid(parent);
    return e;
}

static enum vx_applied rename_call(unsigned from, unsigned to, uint64_t sequence) {
    struct vx_event e = {.type = VX_EVENT_RENAME,
                         .call_sid = vx_test_sid(to),
                         .renamed_from = vx_test_sid(from),
                         .sequence = sequence};
    return apply(&e);
}

static struct vx_call_fields fields_of(struct vx_scope *scope, unsigned n) {
    struct vx_uuid sid = vx_test_sid(n);
    struct vx_snapshot *call = vx_scope_find(scope, &sid);
    struct vx_call_fields f;
    assert_non_null(call);
    vx_snapshot_fields(call, &f);
    for (int i = 0; i < VX_TEXT_COUNT; i++)
        f.text[i] = VX_NONE; /* borrowed from the snapshot */
    vx_snapshot_release(&call);
    return f;
}

static void is_leg(struct vx_scope *scope, unsigned n, unsigned parent) {
    struct vx_call_fields f = fields_of(scope, n);
    struct vx_uuid sid = vx_test_sid(parent);
    assert_true(vx_uuid_eq(&f.parent_call_sid, &sid));
}

/* --- renamed --- */

static void test_legs_name_the_renamed_parent(void **state) {
    (void)state;
    vx_test_apply(&w, VX_EVENT_CREATE, 1);
    for (unsigned n = 2; n <= 4; n++) {
        struct vx_event e = leg_of(1, n);
        assert_int_equal(apply(&e), VX_APPLIED);
    }
    struct vx_event below = leg_of(2, 5);
    apply(&below);
    uint64_t before = vx_scope_revision(w.alpha);
    assert_int_equal(rename_call(1, 9, 0), VX_APPLIED);
    for (unsigned n = 2; n <= 4; n++)
        is_leg(w.alpha, n, 9);
    is_leg(w.alpha, 5, 2);
    assert_int_equal(vx_scope_revision(w.alpha), before + 5); /* gone, come, three legs */
    rename_call(2, 8, 0);
    is_leg(w.alpha, 5, 8);
    is_leg(w.alpha, 8, 9);
}

enum { MANY = 1000 };

static unsigned followed(unsigned parent, unsigned first, unsigned count) {
    struct vx_uuid sid = vx_test_sid(parent);
    unsigned there = 0;
    for (unsigned n = first; n < first + count; n++) {
        struct vx_call_fields f = fields_of(w.alpha, n);
        there += vx_uuid_eq(&f.parent_call_sid, &sid);
    }
    return there;
}

static void test_more_legs_than_an_event_takes_along(void **state) {
    (void)state;
    vx_test_apply(&w, VX_EVENT_CREATE, 1);
    for (unsigned n = 0; n < MANY; n++) {
        struct vx_event e = leg_of(1, 100 + n);
        apply(&e);
    }
    rename_call(1, 2, 0);
    assert_in_range(followed(2, 100, MANY), 200, 300);
    for (unsigned n = 0; n < MANY; n++) { /* the others at their own next event */
        struct vx_event e = leg_of(1, 100 + n);
        e.type = VX_EVENT_PROGRESS;
        apply(&e);
    }
    assert_int_equal(followed(2, 100, MANY), MANY);
}

/* The host goes on naming the parent by the sid that it had when it dialled. */
static void test_leg_that_names_the_old_sid(void **state) {
    (void)state;
    vx_test_apply(&w, VX_EVENT_CREATE, 1);
    rename_call(1, 2, 10);
    rename_call(2, 3, 20);
    struct vx_event e = leg_of(1, 5);
    e.sequence = 30;
    assert_int_equal(apply(&e), VX_APPLIED);
    is_leg(w.alpha, 5, 3);
    e.type = VX_EVENT_PROGRESS;
    e.sequence = 31;
    apply(&e);
    is_leg(w.alpha, 5, 3);
}

static void test_leg_that_waits_for_the_new_sid(void **state) {
    (void)state;
    struct vx_event e = leg_of(2, 5);
    apply(&e);
    assert_false(vx_test_has(w.alpha, 5));
    vx_test_apply(&w, VX_EVENT_CREATE, 1);
    rename_call(1, 2, 0);
    is_leg(w.alpha, 5, 2);
}

/* An ended call may be renamed: its retention goes on from its end. */
static void test_renamed_after_its_end(void **state) {
    (void)state;
    vx_test_apply(&w, VX_EVENT_HANGUP, 1);
    vx_test_advance(&w.time, 300 * VX_SECOND_US);
    rename_call(1, 2, 0);
    vx_test_advance(&w.time, 299 * VX_SECOND_US);
    vx_registry_expire(w.registry, 0);
    assert_true(vx_test_has(w.alpha, 2));
    vx_test_advance(&w.time, VX_SECOND_US);
    vx_registry_expire(w.registry, 0);
    assert_false(vx_test_has(w.alpha, 2));
}

/* A rename that is told late or twice means the call that had the sid then. */
static void test_rename_of_a_sid_that_is_used_anew(void **state) {
    (void)state;
    struct vx_event e = vx_test_event(VX_EVENT_CREATE, 1);
    e.sequence = 1;
    apply(&e);
    rename_call(1, 2, 10);
    e.sequence = 20;
    apply(&e);
    assert_int_equal(vx_test_calls(&w), 2);
    assert_int_not_equal(rename_call(1, 2, 10), VX_APPLIED);
    assert_true(vx_test_has(w.alpha, 1));
    assert_true(vx_test_has(w.alpha, 2));
    e.call_sid = vx_test_sid(3);
    e.sequence = 30;
    apply(&e);
    rename_call(3, 4, 25);
    assert_true(vx_test_has(w.alpha, 3));
    rename_call(1, 5, 40);
    assert_false(vx_test_has(w.alpha, 1));
    assert_true(vx_test_has(w.alpha, 5));
}

/* --- two that are one --- */

static void test_absorbed(void **state) {
    (void)state;
    struct vx_event older = vx_test_event(VX_EVENT_PROGRESS, 1);
    older.application_sid = VX_STR(APP_SID);
    apply(&older);
    struct vx_event leg = leg_of(1, 5);
    apply(&leg);
    struct vx_event newer = vx_test_event_of(NULL, VX_EVENT_UPDATE, 2);
    assert_true(vx_addr_parse(&newer.evidence.source, VX_STR("192.0.2.200")));
    apply(&newer);
    assert_true(vx_test_has(w.beta, 2));
    assert_int_equal(rename_call(1, 2, 0), VX_APPLIED);
    assert_false(vx_test_has(w.all, 1));
    assert_false(vx_test_has(w.beta, 2)); /* the variable is stronger than the source */
    vx_test_expect(w.alpha, 2, VX_CALL_RINGING, 180);
    struct vx_call_fields f = fields_of(w.alpha, 2);
    struct vx_uuid app = vx_test_uuid(APP_SID);
    assert_true(vx_uuid_eq(&f.application_sid, &app));
    is_leg(w.alpha, 5, 2);
    newer.type = VX_EVENT_ANSWER; /* and stays so */
    newer.evidence.accountcode = VX_STR("beta");
    apply(&newer);
    vx_test_expect(w.alpha, 2, VX_CALL_IN_PROGRESS, 200);
    struct vx_event lead = vx_test_event(VX_EVENT_UPDATE, 2); /* the leg follows it from now on */
    lead.evidence.variable = VX_NONE;
    apply(&lead);
    rename_call(2, 3, 0);
    is_leg(w.alpha, 5, 3);
}

static void test_absorbed_with_a_weaker_account(void **state) {
    (void)state;
    struct vx_event older = vx_test_event_of(NULL, VX_EVENT_CREATE, 1), leg = leg_of(1, 5);
    assert_true(vx_addr_parse(&older.evidence.source, VX_STR("192.0.2.1")));
    apply(&older);
    apply(&leg);
    assert_true(vx_test_has(w.alpha, 5));
    struct vx_event newer = vx_test_event_of(BETA_SID, VX_EVENT_CREATE, 2);
    apply(&newer);
    rename_call(1, 2, 0);
    assert_true(vx_test_has(w.beta, 2));
    is_leg(w.beta, 5, 2); /* moved with it */
    assert_false(vx_test_has(w.alpha, 5));
}

static void test_both_have_legs(void **state) {
    (void)state;
    vx_test_apply(&w, VX_EVENT_CREATE, 1);
    vx_test_apply(&w, VX_EVENT_CREATE, 2);
    vx_test_apply(&w, VX_EVENT_CREATE, 3);
    struct vx_event e = leg_of(3, 2);
    e.type = VX_EVENT_UPDATE;
    apply(&e);
    for (unsigned n = 10; n < 20; n++) {
        e = leg_of(1 + n % 2, n);
        apply(&e);
    }
    rename_call(1, 2, 0);
    for (unsigned n = 10; n < 20; n++)
        is_leg(w.alpha, n, 2);
    is_leg(w.alpha, 2, 3);
    rename_call(2, 4, 0);
    for (unsigned n = 10; n < 20; n++)
        is_leg(w.alpha, n, 4);
    rename_call(3, 5, 0);
    is_leg(w.alpha, 4, 5);
}

/* One that is the other's parent, either way round. */
static void test_parent_and_leg_are_one(void **state) {
    (void)state;
    for (unsigned flip = 0; flip < 2; flip++) {
        unsigned a = 1 + 10 * flip, b = a + 1, c = a + 2;
        vx_test_apply(&w, VX_EVENT_CREATE, a);
        struct vx_event leg = leg_of(a, b), below = leg_of(b, c), beside = leg_of(a, c + 1);
        apply(&leg);
        apply(&below);
        apply(&beside);
        assert_int_equal(flip ? rename_call(a, b, 0) : rename_call(b, a, 0), VX_APPLIED);
        assert_int_equal(vx_test_calls(&w), 3 * (flip + 1));
        is_leg(w.alpha, c, flip ? b : a);
        is_leg(w.alpha, c + 1, flip ? b : a);
        for (unsigned n = a; n <= c + 1; n++)
            if (n != (flip ? a : b))
                vx_test_apply(&w, VX_EVENT_HANGUP, n);
    }
    vx_test_advance(&w.time, 600 * VX_SECOND_US);
    vx_registry_expire(w.registry, 0);
    struct vx_registry_stats stats;
    vx_registry_stats(w.registry, &stats);
    assert_int_equal(stats.calls, 0);
    assert_int_equal(stats.memory, 0);
}

/* --- many --- */

/* What this thread has spent: others on the machine do not count. */
static int64_t spent_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * VX_SECOND_US + t.tv_nsec / 1000;
}

enum { CROWD = 100000, ROUNDS = 3 };

/* Legs that belong to alpha by themselves. */
static void dial_a_crowd(unsigned parent, unsigned first) {
    for (unsigned n = 0; n < CROWD; n++) {
        struct vx_event e = vx_test_event(VX_EVENT_CREATE, first + n);
        e.parent_call_sid = vx_test_sid(parent);
        apply(&e);
    }
}

/* Neither what a parent does nor its going may cost by the number of its legs. Looking at 100,000
 * takes several milliseconds. */
static void test_parent_of_a_crowd(void **state) {
    (void)state;
    int64_t move = INT64_MAX, rename = INT64_MAX, end = INT64_MAX;
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned parent = 10 + 2 * round;
        struct vx_event e = vx_test_event_of(NULL, VX_EVENT_CREATE, parent);
        apply(&e);
        dial_a_crowd(parent, 1000 + CROWD * round);
        e.evidence.accountcode = VX_STR("beta");
        int64_t start = spent_us();
        apply(&e);
        int64_t moved = spent_us();
        rename_call(parent, parent + 1, 0);
        int64_t renamed = spent_us();
        vx_test_apply(&w, VX_EVENT_HANGUP, parent + 1);
        vx_test_advance(&w.time, 600 * VX_SECOND_US);
        int64_t before = spent_us();
        vx_registry_expire(w.registry, 0);
        int64_t after = spent_us();
        assert_false(vx_test_has(w.all, parent + 1));
        move = moved - start < move ? moved - start : move;
        rename = renamed - moved < rename ? renamed - moved : rename;
        end = after - before < end ? after - before : end;
    }
    print_message("# with %d legs: a move %lld us, a rename %lld us, an end %lld us\n", CROWD,
                  (long long)move, (long long)rename, (long long)end);
    assert_true(move < 2000);
    assert_true(rename < 5000);
    assert_true(end < 500);
    assert_int_equal(vx_test_calls(&w), ROUNDS * CROWD);
}

static void test_leg_whose_parent_is_gone(void **state) {
    (void)state;
    vx_test_apply(&w, VX_EVENT_CREATE, 1);
    struct vx_event e = leg_of(1, 2);
    apply(&e);
    vx_test_apply(&w, VX_EVENT_HANGUP, 1);
    vx_test_advance(&w.time, 600 * VX_SECOND_US);
    vx_registry_expire(w.registry, 0);
    assert_false(vx_test_has(w.alpha, 1));
    e.type = VX_EVENT_ANSWER;
    assert_int_equal(apply(&e), VX_APPLIED);
    is_leg(w.alpha, 2, 1); /* what was true stays */
    struct vx_event again = vx_test_event_of(BETA_SID, VX_EVENT_CREATE, 1);
    apply(&again); /* the sid is used anew, and the leg has named it */
    assert_true(vx_test_has(w.beta, 2));
}

/* --- anything --- */

enum { SIDS = 60, STEPS = 30000 };

static struct vx_event any_event(struct vx_test_random *rnd) {
    static const enum vx_event_type types[] = {VX_EVENT_CREATE, VX_EVENT_UPDATE, VX_EVENT_ANSWER,
                                               VX_EVENT_HANGUP, VX_EVENT_RENAME};
    static const char *const accounts[] = {NULL, NULL, NULL, ALPHA_SID, BETA_SID};
    struct vx_event e = vx_test_event_of(accounts[vx_test_random(rnd, 5)],
                                         types[vx_test_random(rnd, 5)], vx_test_random(rnd, SIDS));
    if (vx_test_random(rnd, 2))
        e.parent_call_sid = vx_test_sid(vx_test_random(rnd, SIDS));
    if (e.type == VX_EVENT_RENAME)
        e.renamed_from = vx_test_sid(vx_test_random(rnd, SIDS));
    if (e.type == VX_EVENT_HANGUP && vx_test_random(rnd, 2))
        e.ended_us = vx_wall_us(&w.time.clock) - vx_test_random(rnd, 700) * VX_SECOND_US;
    if (vx_test_random(rnd, 2))
        e.sequence = 1 + vx_test_random(rnd, 1000);
    return e;
}

/* Families of every shape, rings and calls that are their own parents among them, come to an end.
 */
static void test_any_family(void **state) {
    (void)state;
    struct vx_test_random rnd = vx_test_random_start("family");
    for (int i = 0; i < STEPS; i++) {
        struct vx_event e = any_event(&rnd);
        apply(&e);
        if (vx_test_random(&rnd, 10) == 0)
            vx_test_advance(&w.time, vx_test_random(&rnd, 60) * VX_SECOND_US);
        if (vx_test_random(&rnd, 10) == 0)
            vx_registry_expire(w.registry, 0);
        if (i % 1000 == 0)
            assert_int_equal(vx_test_count(w.all), vx_test_calls(&w));
    }
    vx_registry_audit_begin(w.registry);
    vx_registry_audit_end(w.registry);
    vx_test_advance(&w.time, 600 * VX_SECOND_US);
    vx_registry_expire(w.registry, 0);
    struct vx_registry_stats stats;
    vx_registry_stats(w.registry, &stats);
    assert_int_equal(stats.calls, 0);
    assert_int_equal(stats.memory, 0);
}

/* --- memory --- */

static void scenario(void *ctx) {
    (void)ctx;
    struct vx_test_world s;
    vx_test_world_open(&s, NULL);
    vx_test_apply(&s, VX_EVENT_CREATE, 1);
    vx_test_apply(&s, VX_EVENT_CREATE, 9);
    vx_test_arm();
    for (unsigned n = 2; n <= 4; n++) {
        struct vx_event e = leg_of(n - 1, n);
        vx_registry_apply(s.registry, &e);
    }
    struct vx_event e = {
        .type = VX_EVENT_RENAME, .call_sid = vx_test_sid(8), .renamed_from = vx_test_sid(1)};
    enum vx_applied got = vx_registry_apply(s.registry, &e);
    e.call_sid = vx_test_sid(9);
    e.renamed_from = vx_test_sid(got == VX_APPLIED ? 8 : 1);
    vx_registry_apply(s.registry, &e);
    bool failed = vx_test_disarm();
    for (unsigned n = 2; n <= 4; n++) { /* what was missed is made up for */
        e = leg_of(n == 2 ? 9 : n - 1, n);
        e.type = VX_EVENT_PROGRESS;
        vx_registry_apply(s.registry, &e);
    }
    struct vx_registry_stats st;
    vx_registry_stats(s.registry, &st);
    assert_true(failed || st.no_memory == 0);
    assert_int_equal(vx_test_count(s.all), st.calls);
    vx_test_world_close(&s);
    assert_int_equal(vx_snapshots_memory(), 0);
}

static void test_every_allocation_fails(void **state) {
    (void)state;
    vx_test_every_allocation_fails(scenario, NULL, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_legs_name_the_renamed_parent),
        TEST(test_more_legs_than_an_event_takes_along),
        TEST(test_leg_that_names_the_old_sid),
        TEST(test_leg_that_waits_for_the_new_sid),
        TEST(test_renamed_after_its_end),
        TEST(test_rename_of_a_sid_that_is_used_anew),
        TEST(test_absorbed),
        TEST(test_absorbed_with_a_weaker_account),
        TEST(test_both_have_legs),
        TEST(test_parent_and_leg_are_one),
        TEST(test_parent_of_a_crowd),
        TEST(test_leg_whose_parent_is_gone),
        TEST(test_any_family),
        cmocka_unit_test(test_every_allocation_fails),
    };
    return cmocka_run_group_tests_name("registry_family", tests, NULL, NULL);
}
