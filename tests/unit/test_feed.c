/* A reader's place in the changes: conflated, ordered, bounded, told when it was too slow. */
#include "support.h"

static struct vx_test_world w;
static struct vx_feed *feed;
static struct vx_change changes[64];
static uint64_t revision;
static bool restarted;

static int open_world(void **state) {
    (void)state;
    vx_test_world_open(&w, NULL);
    feed = vx_feed_open(w.alpha);
    return feed ? 0 : -1;
}

static int close_world(void **state) {
    (void)state;
    vx_feed_close(&feed);
    assert_null(feed);
    vx_test_world_close(&w);
    return 0;
}

static size_t pull(size_t max) {
    restarted = false;
    return vx_feed_pull(feed, changes, max, &revision, &restarted);
}

static void release(size_t n) {
    for (size_t i = 0; i < n; i++)
        vx_snapshot_release(&changes[i].call);
}

static size_t drop_all(void) {
    size_t sum = 0;
    for (size_t n; (n = pull(64)) > 0; sum += n)
        release(n);
    return sum;
}

static void is_change_of(const struct vx_change *c, unsigned n) {
    struct vx_uuid sid = vx_test_sid(n);
    assert_true(vx_uuid_eq(&c->call_sid, &sid));
    if (c->call)
        assert_true(vx_uuid_eq(vx_snapshot_sid(c->call), &sid));
}

static void test_nothing_yet(void **state) {
    (void)state;
    assert_int_equal(pull(64), 0);
    assert_int_equal(revision, 0);
    assert_false(restarted);
}

static void test_oldest_first(void **state) {
    (void)state;
    for (unsigned n = 1; n <= 5; n++)
        vx_test_apply(&w, VX_EVENT_CREATE, n);
    vx_test_apply(&w, VX_EVENT_ANSWER, 2);
    assert_int_equal(pull(64), 5);
    static const unsigned order[] = {1, 3, 4, 5, 2};
    for (size_t i = 0; i < 5; i++) {
        is_change_of(&changes[i], order[i]);
        assert_int_equal(changes[i].created, order[i]);
        assert_true(i == 0 || changes[i].revision > changes[i - 1].revision);
    }
    assert_int_equal(changes[4].revision, 6);
    assert_int_equal(vx_snapshot_status(changes[4].call), VX_CALL_IN_PROGRESS);
    /* `order` tells the age of the calls, whatever changed last. */
    for (size_t i = 1; i < 4; i++)
        assert_true(changes[i].order > changes[i - 1].order);
    assert_true(changes[4].order > changes[0].order);
    assert_true(changes[4].order < changes[1].order);
    release(5);
    assert_int_equal(pull(64), 0);
    assert_int_equal(revision, vx_scope_revision(w.alpha));
}

static void test_conflated(void **state) {
    (void)state;
    drop_all();
    for (unsigned n = 1; n <= 3; n++) {
        vx_test_apply(&w, VX_EVENT_CREATE, n);
        vx_test_apply(&w, VX_EVENT_PROGRESS, n);
        vx_test_apply(&w, VX_EVENT_ANSWER, n);
        vx_test_apply(&w, VX_EVENT_HANGUP, n);
    }
    assert_int_equal(pull(64), 3); /* twelve changes, three calls */
    for (unsigned i = 0; i < 3; i++) {
        is_change_of(&changes[i], i + 1);
        assert_int_equal(vx_snapshot_status(changes[i].call), VX_CALL_COMPLETED);
        assert_int_equal(changes[i].revision, 4 * (i + 1));
    }
    release(3);
    assert_int_equal(pull(64), 0);
}

static void test_in_small_bites(void **state) {
    (void)state;
    static const unsigned order[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 2};
    size_t seen = 0;
    for (unsigned n = 1; n <= 10; n++)
        vx_test_apply(&w, VX_EVENT_CREATE, n);
    for (size_t n; (n = pull(3)) > 0; seen += n) {
        assert_true(n <= 3 && seen + n <= 11);
        for (size_t i = 0; i < n; i++)
            is_change_of(&changes[i], order[seen + i]);
        release(n);
        if (seen == 0) /* changed again in between: comes again, at its new place */
            vx_test_apply(&w, VX_EVENT_ANSWER, 2);
    }
    assert_int_equal(seen, 11);
}

static void test_removals_come_through(void **state) {
    (void)state;
    vx_test_apply(&w, VX_EVENT_CREATE, 1);
    vx_test_apply(&w, VX_EVENT_HANGUP, 1);
    drop_all();
    vx_test_advance(&w.time, 600 * VX_SECOND_US);
    vx_registry_expire(w.registry, 0);
    assert_int_equal(pull(64), 1);
    is_change_of(&changes[0], 1);
    assert_null(changes[0].call);
    assert_int_equal(changes[0].revision, 3);
    assert_false(restarted);
    assert_int_equal(pull(64), 0);
    assert_int_equal(revision, 3);
}

/* A call that came and went between two pulls: only its going may be told. */
static void test_came_and_went_unseen(void **state) {
    (void)state;
    drop_all();
    vx_test_apply(&w, VX_EVENT_CREATE, 1);
    vx_test_apply(&w, VX_EVENT_HANGUP, 1);
    vx_test_advance(&w.time, 600 * VX_SECOND_US);
    vx_registry_expire(w.registry, 0);
    size_t n = pull(64);
    assert_true(n <= 1);
    if (n)
        assert_null(changes[0].call);
    assert_int_equal(pull(64), 0);
    assert_int_equal(revision, 3);
}

static void test_a_late_feed_gets_everything(void **state) {
    (void)state;
    for (unsigned n = 1; n <= 3; n++)
        vx_test_apply(&w, VX_EVENT_CREATE, n);
    vx_test_apply(&w, VX_EVENT_HANGUP, 2);
    assert_int_equal(vx_test_count(w.alpha), 3);
    assert_int_equal(vx_test_count(w.all), 3);
    assert_int_equal(vx_test_count(w.beta), 0);
}

static void test_a_pulled_snapshot_never_changes(void **state) {
    (void)state;
    vx_test_apply(&w, VX_EVENT_CREATE, 1);
    assert_int_equal(pull(64), 1);
    struct vx_snapshot *old = changes[0].call;
    vx_test_apply(&w, VX_EVENT_HANGUP, 1);
    vx_test_advance(&w.time, 600 * VX_SECOND_US);
    vx_registry_expire(w.registry, 0);
    assert_int_equal(vx_snapshot_status(old), VX_CALL_TRYING);
    assert_true(vx_test_contains(vx_test_json(old), "trying"));
    vx_snapshot_release(&old);
    release(pull(64));
}

/* --- the horizon --- */

static unsigned forget(struct vx_test_world *s, unsigned first, unsigned count) {
    for (unsigned n = first; n < first + count; n++)
        vx_test_apply(s, VX_EVENT_HANGUP, n);
    vx_test_advance(&s->time, 600 * VX_SECOND_US);
    vx_registry_expire(s->registry, 0);
    return first + count;
}

static void test_too_slow_means_start_again(void **state) {
    (void)state;
    struct vx_test_world s;
    char setting[64];
    snprintf(setting, sizeof setting, "max-removed=%lld",
             (long long)vx_settings[VX_SET_MAX_REMOVED].min);
    unsigned max = (unsigned)vx_settings[VX_SET_MAX_REMOVED].min;
    vx_test_world_open(&s, setting);
    struct vx_feed *slow = vx_feed_open(s.alpha), *quick = vx_feed_open(s.alpha);
    vx_test_apply(&s, VX_EVENT_CREATE, 1);
    bool again = false;
    while (vx_feed_pull(slow, changes, 1, &revision, &again) > 0)
        release(1);
    while (vx_feed_pull(quick, changes, 1, &revision, &again) > 0)
        release(1);
    uint64_t slow_at = revision;
    unsigned next = 2;
    /* Three times as many removals as are remembered; the quick feed keeps up. */
    for (int round = 0; round < 3; round++) {
        next = forget(&s, next, max > 0 ? max : 1);
        while (vx_feed_pull(quick, changes, 1, &revision, &again) > 0) {
            assert_false(again);
            release(1);
        }
        assert_false(again);
    }
    assert_true(vx_feed_horizon(slow) > slow_at);
    assert_true(vx_feed_horizon(slow) <= vx_scope_revision(s.alpha));
    again = false;
    size_t calls = 0, n;
    bool started_again = false;
    while ((n = vx_feed_pull(slow, changes, 64, &revision, &again)) > 0) {
        if (again)
            calls = 0;
        started_again |= again;
        for (size_t i = 0; i < n; i++)
            calls += changes[i].call != NULL;
        release(n);
    }
    assert_true(started_again);
    assert_int_equal(calls, 1); /* the one that was there all the time, brought anew */
    assert_int_equal(revision, vx_scope_revision(s.alpha));
    vx_feed_close(&slow);
    vx_feed_close(&quick);
    vx_test_world_close(&s);
}

static void test_horizon_starts_at_nothing(void **state) {
    (void)state;
    assert_int_equal(vx_feed_horizon(feed), 0);
    forget(&w, 1, 5);
    assert_int_equal(vx_feed_horizon(feed), 0); /* five are remembered */
    assert_int_equal(drop_all(), 5);
}

static void scenario(void *ctx) {
    (void)ctx;
    struct vx_test_world s;
    vx_test_world_open(&s, NULL);
    for (unsigned n = 1; n <= 4; n++)
        vx_test_apply(&s, VX_EVENT_CREATE, n);
    vx_test_arm();
    struct vx_feed *f = vx_feed_open(s.alpha);
    size_t got = 0;
    for (size_t n; f && (n = vx_feed_pull(f, changes, 2, &revision, &restarted)) > 0; got += n)
        release(n);
    bool failed = vx_test_disarm();
    assert_true(f ? got == 4 : failed);
    vx_feed_close(&f);
    vx_test_world_close(&s);
}

static void test_every_allocation_fails(void **state) {
    (void)state;
    vx_test_every_allocation_fails(scenario, NULL, true);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_yet),
        TEST(test_oldest_first),
        TEST(test_conflated),
        TEST(test_in_small_bites),
        TEST(test_removals_come_through),
        TEST(test_came_and_went_unseen),
        TEST(test_a_late_feed_gets_everything),
        TEST(test_a_pulled_snapshot_never_changes),
        cmocka_unit_test(test_too_slow_means_start_again),
        TEST(test_horizon_starts_at_nothing),
        cmocka_unit_test(test_every_allocation_fails),
    };
    return cmocka_run_group_tests_name("feed", tests, NULL, NULL);
}
