/* "Until 600 s after it ended, and never a moment longer": whatever the order in which ends are
 * told, and also when the retention changes. */
#include "world.h"

static int64_t now(void) {
    return vx_mono_us(&w.time.clock);
}

static void end_at(unsigned n, int64_t ago_us) {
    struct vx_event e = vx_test_event(VX_EVENT_HANGUP, n);
    e.ended_us = vx_wall_us(&w.time.clock) - ago_us;
    assert_int_equal(vx_registry_apply(w.registry, &e), VX_APPLIED);
}

static void goes_in(unsigned n, int64_t us) {
    vx_test_advance(&w.time, us - 1);
    vx_registry_expire(w.registry, 0);
    assert_true(vx_test_has(w.alpha, n));
    vx_test_advance(&w.time, 1);
    vx_registry_expire(w.registry, 0);
    assert_false(vx_test_has(w.alpha, n));
}

static void retain(int64_t seconds) {
    char setting[64];
    snprintf(setting, sizeof setting, "retention-seconds=%lld", (long long)seconds);
    struct vx_config *config = vx_test_config(setting);
    assert_non_null(config);
    assert_true(vx_registry_configure(w.registry, config));
    vx_config_release(&config);
}

static void test_an_end_told_late_behind_many(void **state) {
    (void)state;
    for (unsigned n = 1; n <= 200; n++)
        end_at(n, 0);
    end_at(201, 300 * VX_SECOND_US);
    end_at(202, 299 * VX_SECOND_US);
    end_at(203, 301 * VX_SECOND_US);
    assert_int_equal(vx_registry_expire(w.registry, 0), now() + 299 * VX_SECOND_US);
    goes_in(203, 299 * VX_SECOND_US);
    goes_in(201, VX_SECOND_US);
    goes_in(202, VX_SECOND_US);
    assert_int_equal(vx_test_calls(&w), 200);
    goes_in(200, 299 * VX_SECOND_US);
    assert_int_equal(vx_test_calls(&w), 0);
}

enum { CALLS = 3000 };

static int64_t due[CALLS + 1];

/* When the next goes; counts those that are still there. */
static int64_t next_of_all(uint64_t *there) {
    int64_t next = INT64_MAX;
    *there = 0;
    for (unsigned n = 1; n <= CALLS; n++) {
        if (due[n] <= now())
            continue;
        ++*there;
        if (due[n] < next)
            next = due[n];
    }
    return next;
}

/* A third of the ends is told twice, first without a time; some calls turn out to be others. */
static void random_end(struct vx_test_random *rnd, unsigned n) {
    int64_t ago = (int64_t)vx_test_random(rnd, 590000000);
    if (vx_test_random(rnd, 4) == 0)
        ago = ago / 1000000 * 1000000; /* many at once */
    ago++;                             /* not now: that would be what is guessed */
    if (vx_test_random(rnd, 3) == 0)
        assert_int_equal(vx_test_apply(&w, VX_EVENT_HANGUP, n), VX_APPLIED);
    end_at(n, ago);
    due[n] = now() - ago + 600 * VX_SECOND_US;
    if (n > 100 && vx_test_random(rnd, 10) == 0) {
        unsigned other = n - vx_test_random(rnd, 99);
        if (other == n || due[other] <= now())
            return;
        struct vx_event e = {.type = VX_EVENT_RENAME,
                             .call_sid = vx_test_sid(n),
                             .renamed_from = vx_test_sid(other)};
        vx_registry_apply(w.registry, &e);
        due[other] = 0;
    }
}

static void test_any_order(void **state) {
    (void)state;
    struct vx_test_random rnd = vx_test_random_start("retention");
    for (unsigned n = 1; n <= CALLS; n++) {
        random_end(&rnd, n);
        if (vx_test_random(&rnd, 50) == 0)
            vx_test_advance(&w.time, vx_test_random(&rnd, 1000));
    }
    for (;;) {
        uint64_t there;
        int64_t next = next_of_all(&there);
        int64_t again = vx_registry_expire(w.registry, 0);
        assert_int_equal(vx_test_calls(&w), there);
        if (there == 0)
            break;
        assert_true(again <= next); /* earlier: a removal is to be forgotten */
        vx_test_advance(&w.time, again - now());
    }
}

static void test_shortened_by_a_reload(void **state) {
    (void)state;
    end_at(1, 0);
    vx_test_advance(&w.time, 50 * VX_SECOND_US);
    end_at(2, 0);
    vx_test_apply(&w, VX_EVENT_CREATE, 3);
    vx_test_advance(&w.time, 50 * VX_SECOND_US);
    assert_int_equal(vx_registry_expire(w.registry, 0), now() + 500 * VX_SECOND_US);
    retain(100);
    assert_true(vx_registry_expire(w.registry, 0) == now() + 50 * VX_SECOND_US);
    assert_false(vx_test_has(w.alpha, 1));
    goes_in(2, 50 * VX_SECOND_US);
    assert_true(vx_test_has(w.alpha, 3));
}

static void test_lengthened_by_a_reload(void **state) {
    (void)state;
    end_at(1, 0);
    vx_test_advance(&w.time, 599 * VX_SECOND_US);
    retain(900);
    goes_in(1, 301 * VX_SECOND_US);
}

/* A call that was told of late keeps its place when the retention is longer than it was then. */
static void test_lengthened_after_a_late_end(void **state) {
    (void)state;
    retain(100);
    struct vx_event e = vx_test_event(VX_EVENT_CREATE, 1);
    vx_registry_apply(w.registry, &e);
    end_at(1, 150 * VX_SECOND_US);
    retain(200);
    goes_in(1, 50 * VX_SECOND_US);
}

/* Removals are remembered for as long as the retention, by the present configuration. */
static void test_removals_follow_the_retention(void **state) {
    (void)state;
    struct vx_feed *feed = vx_feed_open(w.alpha);
    assert_non_null(feed);
    end_at(1, 0);
    vx_test_advance(&w.time, 600 * VX_SECOND_US);
    vx_registry_expire(w.registry, 0);
    uint64_t removed = vx_scope_revision(w.alpha);
    vx_test_advance(&w.time, 300 * VX_SECOND_US);
    assert_int_equal(vx_registry_expire(w.registry, 0), now() + 300 * VX_SECOND_US);
    assert_true(vx_feed_horizon(feed) < removed);
    retain(301);
    assert_int_equal(vx_registry_expire(w.registry, 0), now() + VX_SECOND_US);
    assert_true(vx_feed_horizon(feed) < removed);
    vx_test_advance(&w.time, VX_SECOND_US);
    assert_int_equal(vx_registry_expire(w.registry, 0), INT64_MAX);
    assert_int_equal(vx_feed_horizon(feed), removed);
    vx_feed_close(&feed);
}

/* The first hangup did not say when; the retention counts from the end once that is told. */
static void test_a_guessed_end_gives_way(void **state) {
    (void)state;
    vx_test_apply(&w, VX_EVENT_HANGUP, 1);
    end_at(1, 500 * VX_SECOND_US);
    assert_int_equal(vx_scope_counts(w.alpha).ended_inbound, 1);
    goes_in(1, 100 * VX_SECOND_US);
    struct vx_registry_stats stats;
    vx_registry_stats(w.registry, &stats);
    assert_int_equal(stats.ended[VX_CALL_NO_ANSWER], 1); /* once */
}

static void test_given_up_too_soon(void **state) {
    (void)state;
    vx_test_apply(&w, VX_EVENT_CREATE, 1);
    vx_registry_audit_begin(w.registry);
    assert_int_equal(vx_registry_audit_end(w.registry), 1);
    vx_test_advance(&w.time, 100 * VX_SECOND_US);
    end_at(1, 0); /* it had gone on */
    goes_in(1, 600 * VX_SECOND_US);
}

static void test_a_hangup_from_before_the_retention(void **state) {
    (void)state;
    struct vx_event e = vx_test_event(VX_EVENT_HANGUP, 1);
    e.ended_us = vx_wall_us(&w.time.clock) - 600 * VX_SECOND_US;
    assert_int_equal(vx_registry_apply(w.registry, &e), VX_REFUSED);
    assert_false(vx_test_has(w.alpha, 1));
    assert_int_equal(vx_scope_revision(w.all), 0);
    e.ended_us++;
    assert_int_equal(vx_registry_apply(w.registry, &e), VX_APPLIED);
    goes_in(1, 1);
    struct vx_registry_stats stats;
    vx_registry_stats(w.registry, &stats);
    assert_int_equal(stats.refused, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_an_end_told_late_behind_many),
        TEST(test_any_order),
        TEST(test_shortened_by_a_reload),
        TEST(test_lengthened_by_a_reload),
        TEST(test_lengthened_after_a_late_end),
        TEST(test_removals_follow_the_retention),
        TEST(test_a_guessed_end_gives_way),
        TEST(test_given_up_too_soon),
        TEST(test_a_hangup_from_before_the_retention),
    };
    return cmocka_run_group_tests_name("registry_retention", tests, NULL, NULL);
}
