/* How long calls stay and how many there may be: retention, audit, rename, limits, wake. */
#include "world.h"

#include <malloc.h>

static void live_and_die(unsigned n) {
    assert_int_equal(vx_test_apply(&w, VX_EVENT_CREATE, n), VX_APPLIED);
    assert_int_equal(vx_test_apply(&w, VX_EVENT_HANGUP, n), VX_APPLIED);
}

static struct vx_registry_stats stats(void) {
    struct vx_registry_stats s;
    vx_registry_stats(w.registry, &s);
    return s;
}

/* It may want to be called again to forget removals, but not now. */
static void nothing_due(void) {
    assert_true(vx_registry_expire(w.registry, 0) > vx_mono_us(&w.time.clock));
}

/* --- retention --- */

static void test_there_at_599_s_gone_at_600(void **state) {
    (void)state;
    live_and_die(1);
    int64_t end = vx_mono_us(&w.time.clock);
    assert_int_equal(vx_registry_expire(w.registry, 0), end + 600 * VX_SECOND_US);
    vx_test_advance(&w.time, 599 * VX_SECOND_US);
    vx_registry_expire(w.registry, 0);
    assert_true(vx_test_has(w.alpha, 1));
    vx_test_advance(&w.time, VX_SECOND_US - 1);
    vx_registry_expire(w.registry, 0);
    assert_true(vx_test_has(w.alpha, 1));
    uint64_t alpha = vx_scope_revision(w.alpha), all = vx_scope_revision(w.all);
    vx_test_advance(&w.time, 1);
    nothing_due();
    assert_false(vx_test_has(w.alpha, 1));
    assert_false(vx_test_has(w.all, 1));
    assert_int_equal(vx_scope_revision(w.alpha), alpha + 1); /* its going is a change too */
    assert_int_equal(vx_scope_revision(w.all), all + 1);
    assert_int_equal(vx_scope_counts(w.alpha).ended_inbound, 0);
    assert_int_equal(stats().expired, 1);
    assert_int_equal(stats().calls, 0);
    vx_registry_expire(w.registry, 0);
    assert_int_equal(vx_scope_revision(w.alpha), alpha + 1);
}

static void test_live_calls_stay(void **state) {
    (void)state;
    vx_test_apply(&w, VX_EVENT_CREATE, 1);
    assert_int_equal(vx_registry_expire(w.registry, 0), INT64_MAX);
    vx_test_advance(&w.time, 86400 * VX_SECOND_US);
    vx_registry_expire(w.registry, 0);
    assert_true(vx_test_has(w.alpha, 1));
}

static void test_a_corrected_wall_clock_does_not_matter(void **state) {
    (void)state;
    live_and_die(1);
    atomic_fetch_add(&w.time.wall_us, 86400 * VX_SECOND_US);
    vx_registry_expire(w.registry, 0);
    assert_true(vx_test_has(w.alpha, 1));
    atomic_fetch_sub(&w.time.wall_us, 2 * 86400 * VX_SECOND_US);
    atomic_fetch_add(&w.time.mono_us, 600 * VX_SECOND_US);
    vx_registry_expire(w.registry, 0);
    assert_false(vx_test_has(w.alpha, 1));
}

/* "until 600 s after it ended": a hangup heard of 20 s late does not stay 20 s longer. */
static void test_a_late_hangup_counts_from_the_end(void **state) {
    (void)state;
    live_and_die(1);
    vx_test_advance(&w.time, 20 * VX_SECOND_US);
    vx_test_apply(&w, VX_EVENT_CREATE, 2);
    struct vx_event e = vx_test_event(VX_EVENT_HANGUP, 2);
    e.ended_us = vx_wall_us(&w.time.clock) - 20 * VX_SECOND_US;
    apply(&e);
    vx_test_advance(&w.time, 579 * VX_SECOND_US);
    vx_registry_expire(w.registry, 0);
    assert_true(vx_test_has(w.alpha, 2));
    vx_test_advance(&w.time, VX_SECOND_US);
    vx_registry_expire(w.registry, 0);
    assert_false(vx_test_has(w.alpha, 1));
    assert_false(vx_test_has(w.alpha, 2));
}

/* Nonsense from the host may shorten a call's stay, never lengthen it. */
static void test_an_end_in_the_future_or_long_ago(void **state) {
    (void)state;
    struct vx_event e = vx_test_event(VX_EVENT_HANGUP, 1);
    e.ended_us = vx_wall_us(&w.time.clock) + 86400 * VX_SECOND_US;
    apply(&e);
    e = vx_test_event(VX_EVENT_HANGUP, 2);
    e.ended_us = 1;
    apply(&e);
    e = vx_test_event(VX_EVENT_HANGUP, 3);
    e.ended_us = INT64_MAX;
    apply(&e);
    e = vx_test_event(VX_EVENT_HANGUP, 4);
    e.ended_us = INT64_MIN;
    apply(&e);
    vx_test_advance(&w.time, 600 * VX_SECOND_US);
    nothing_due();
    assert_int_equal(stats().calls, 0);
}

static void test_at_most_so_many_at_once(void **state) {
    (void)state;
    for (unsigned n = 1; n <= 10; n++) {
        live_and_die(n);
        vx_test_advance(&w.time, VX_SECOND_US);
    }
    int64_t now = vx_mono_us(&w.time.clock);
    assert_int_equal(vx_registry_expire(w.registry, 0), now + 590 * VX_SECOND_US);
    vx_test_advance(&w.time, 600 * VX_SECOND_US);
    int64_t again = vx_registry_expire(w.registry, 4);
    assert_int_equal(stats().calls, 6);
    assert_true(again <= vx_mono_us(&w.time.clock)); /* at once */
    for (unsigned n = 1; n <= 10; n++)
        assert_int_equal(vx_test_has(w.alpha, n), n > 4); /* in the order of their end */
    nothing_due();
    assert_int_equal(stats().calls, 0);
}

static void test_retention_of_the_configuration(void **state) {
    (void)state;
    struct vx_test_world s;
    vx_test_world_open(&s, "retention-seconds=5");
    vx_test_apply(&s, VX_EVENT_HANGUP, 1);
    vx_test_advance(&s.time, 5 * VX_SECOND_US - 1);
    vx_registry_expire(s.registry, 0);
    assert_int_equal(vx_test_calls(&s), 1);
    vx_test_advance(&s.time, 1);
    vx_registry_expire(s.registry, 0);
    assert_int_equal(vx_test_calls(&s), 0);
    vx_test_world_close(&s);
}

#ifdef VX_SANITIZERS
static size_t memory_in_use(void) {
    return 0;
}
#else
static size_t memory_in_use(void) {
    return mallinfo2().uordblks;
}
#endif

/* 20,000 calls, then an hour alone: nothing is held and the memory is back, but for empty tables.
 */
static void test_after_an_hour_nothing_is_held(void **state) {
    (void)state;
    for (unsigned n = 1; n <= 1000; n++)
        live_and_die(n);
    vx_test_advance(&w.time, 3600 * VX_SECOND_US);
    vx_registry_expire(w.registry, 0);
    size_t before = memory_in_use();
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned n = 1; n <= 1000; n++)
            live_and_die(1000 + round * 1000 + n);
        vx_test_advance(&w.time, 3600 * VX_SECOND_US);
        vx_registry_expire(w.registry, 0);
    }
    assert_int_equal(stats().calls, 0);
    assert_int_equal(stats().created, 21000);
    assert_int_equal(stats().expired, 21000);
    size_t grown = memory_in_use() > before ? memory_in_use() - before : 0;
    print_message("# memory after 20,000 more calls: %zu bytes more\n", grown);
    assert_true(grown < 1000000); /* removals of at most max-removed calls are remembered */
}

/* --- audit --- */

static void test_audit_ends_what_the_host_lost(void **state) {
    (void)state;
    for (unsigned n = 1; n <= 4; n++)
        vx_test_apply(&w, VX_EVENT_CREATE, n);
    vx_test_apply(&w, VX_EVENT_ANSWER, 3);
    vx_test_apply(&w, VX_EVENT_HANGUP, 4);
    vx_registry_audit_begin(w.registry);
    vx_test_apply(&w, VX_EVENT_CREATE, 5); /* came up during the audit: not named, not lost */
    struct vx_uuid sid = vx_test_sid(1);
    assert_true(vx_registry_audit_seen(w.registry, &sid));
    sid = vx_test_sid(4);
    assert_false(vx_registry_audit_seen(w.registry, &sid)); /* ended here, still up there */
    sid = vx_test_sid(99);
    assert_false(vx_registry_audit_seen(w.registry, &sid));
    uint64_t before = vx_scope_revision(w.alpha);
    assert_int_equal(vx_registry_audit_missing(w.registry), 2);
    assert_int_equal(vx_registry_audit_end(w.registry), 2);
    assert_int_equal(vx_registry_audit_missing(w.registry), 0);
    assert_int_equal(vx_scope_revision(w.alpha), before + 2);
    vx_test_expect(w.alpha, 1, VX_CALL_TRYING, 100);
    vx_test_expect(w.alpha, 5, VX_CALL_TRYING, 100);
    for (unsigned n = 2; n <= 3; n++) {
        sid = vx_test_sid(n);
        struct vx_snapshot *call = vx_scope_find(w.alpha, &sid);
        assert_int_equal(vx_snapshot_status(call), VX_CALL_FAILED);
        assert_true(vx_str_eq(vx_snapshot_text(call, VX_TEXT_TERMINATION), VX_STR("lost")));
        struct vx_call_fields f;
        vx_snapshot_fields(call, &f);
        assert_int_equal(f.ended_us, vx_wall_us(&w.time.clock));
        vx_snapshot_release(&call);
    }
    assert_int_equal(stats().lost, 2);
    vx_test_advance(&w.time, 600 * VX_SECOND_US);
    vx_registry_expire(w.registry, 0);
    assert_false(vx_test_has(w.alpha, 2)); /* no ghost */
}

static void test_audit_of_nothing(void **state) {
    (void)state;
    vx_registry_audit_begin(w.registry);
    assert_int_equal(vx_registry_audit_end(w.registry), 0);
    vx_test_apply(&w, VX_EVENT_CREATE, 1);
    for (int i = 0; i < 3; i++) {
        vx_registry_audit_begin(w.registry);
        struct vx_uuid sid = vx_test_sid(1);
        assert_true(vx_registry_audit_seen(w.registry, &sid));
        assert_int_equal(vx_registry_audit_end(w.registry), 0);
    }
    assert_int_equal(vx_scope_revision(w.alpha), 1); /* being seen is not seen */
}

/* More than are looked at in one go. */
static void test_audit_that_misses_many(void **state) {
    (void)state;
    for (unsigned n = 1; n <= 1000; n++)
        vx_test_apply(&w, VX_EVENT_CREATE, n);
    vx_registry_audit_begin(w.registry);
    for (unsigned n = 1; n <= 1000; n += 4) {
        struct vx_uuid sid = vx_test_sid(n);

        assert_true(vx_registry_audit_seen(w.registry, &sid));
        vx_test_apply(&w, VX_EVENT_HANGUP, n); /* hides none of the others */
    }
    assert_int_equal(vx_registry_audit_missing(w.registry), 750);
    for (unsigned n = 2; n <= 1000; n += 4)
        vx_test_apply(&w, VX_EVENT_HANGUP, n);
    assert_int_equal(vx_registry_audit_missing(w.registry), 500);
    assert_int_equal(vx_registry_audit_end(w.registry), 500);
}

/* --- rename --- */

static void test_rename(void **state) {
    (void)state;
    vx_test_apply(&w, VX_EVENT_CREATE, 1);
    vx_test_apply(&w, VX_EVENT_PROGRESS, 1);
    struct vx_event e = {
        .type = VX_EVENT_RENAME, .call_sid = vx_test_sid(2), .renamed_from = vx_test_sid(1)};
    assert_int_equal(apply(&e), VX_APPLIED);
    assert_false(vx_test_has(w.alpha, 1));
    assert_false(vx_test_has(w.all, 1));
    vx_test_expect(w.alpha, 2, VX_CALL_RINGING, 180);
    assert_int_equal(stats().calls, 1);
    assert_int_equal(vx_scope_counts(w.alpha).live_inbound, 1);
    assert_int_not_equal(apply(&e), VX_APPLIED); /* twice */
    vx_test_expect(w.alpha, 2, VX_CALL_RINGING, 180);
    assert_int_equal(vx_test_apply(&w, VX_EVENT_HANGUP, 2), VX_APPLIED);
    assert_int_equal(stats().calls, 1);
}

static void test_rename_is_seen_by_a_feed(void **state) {
    (void)state;
    vx_test_apply(&w, VX_EVENT_CREATE, 1);
    struct vx_feed *feed = vx_feed_open(w.alpha);
    struct vx_change changes[8];
    uint64_t revision;
    bool restarted;
    assert_int_equal(vx_feed_pull(feed, changes, 8, &revision, &restarted), 1);
    vx_snapshot_release(&changes[0].call);
    struct vx_event e = {
        .type = VX_EVENT_RENAME, .call_sid = vx_test_sid(2), .renamed_from = vx_test_sid(1)};
    apply(&e);
    size_t n = vx_feed_pull(feed, changes, 8, &revision, &restarted);
    assert_int_equal(n, 2);
    struct vx_uuid old = vx_test_sid(1), new = vx_test_sid(2);
    int gone = 0, come = 0;
    for (size_t i = 0; i < n; i++) {
        gone += !changes[i].call && vx_uuid_eq(&changes[i].call_sid, &old);
        come += changes[i].call && vx_uuid_eq(&changes[i].call_sid, &new);
        vx_snapshot_release(&changes[i].call);
    }
    assert_int_equal(gone, 1);
    assert_int_equal(come, 1);
    vx_feed_close(&feed);
}

static void test_rename_of_the_unknown_and_to_the_known(void **state) {
    (void)state;
    struct vx_event e = {
        .type = VX_EVENT_RENAME, .call_sid = vx_test_sid(2), .renamed_from = vx_test_sid(1)};
    apply(&e); /* heard of before the call itself: a call of the new sid, or nothing */
    assert_false(vx_test_has(w.all, 1));
    vx_test_apply(&w, VX_EVENT_CREATE, 1);
    vx_test_apply(&w, VX_EVENT_CREATE, 2);
    apply(&e); /* one call, that was known by both */
    assert_int_equal(stats().calls, 1);
    assert_true(vx_test_has(w.alpha, 2));
    assert_false(vx_test_has(w.all, 1));
    e.renamed_from = vx_test_sid(2); /* to itself */
    assert_int_not_equal(apply(&e), VX_APPLIED);
    assert_true(vx_test_has(w.alpha, 2));
}

/* --- limits --- */

static void test_max_calls(void **state) {
    (void)state;
    struct vx_test_world s;
    vx_test_world_open(&s, "max-calls=100");
    for (unsigned n = 1; n <= 100; n++)
        assert_int_equal(vx_test_apply(&s, VX_EVENT_CREATE, n), VX_APPLIED);
    assert_int_equal(vx_test_apply(&s, VX_EVENT_CREATE, 101), VX_REFUSED);
    assert_int_equal(vx_test_apply(&s, VX_EVENT_HANGUP, 102), VX_REFUSED);
    assert_int_equal(vx_test_apply(&s, VX_EVENT_ANSWER, 50), VX_APPLIED); /* those inside live on */
    assert_int_equal(vx_test_calls(&s), 100);
    struct vx_registry_stats st;
    vx_registry_stats(s.registry, &st);
    assert_int_equal(st.full, 2);
    vx_test_apply(&s, VX_EVENT_HANGUP, 50);
    vx_test_advance(&s.time, 600 * VX_SECOND_US);
    vx_registry_expire(s.registry, 0);
    assert_int_equal(vx_test_apply(&s, VX_EVENT_CREATE, 103), VX_APPLIED);
    vx_test_world_close(&s);
}

static void test_max_field_bytes(void **state) {
    (void)state;
    struct vx_test_world s;
    vx_test_world_open(&s, "max-field-bytes=64");
    char text[200];
    for (int i = 0; i < 200; i += 2)
        memcpy(text + i, "\xc3\xab", 2);
    for (size_t shift = 0; shift < 2; shift++) {
        memset(text, 'a', shift);
        for (int i = (int)shift; i + 2 <= 200; i += 2)
            memcpy(text + i, "\xc3\xab", 2);
        struct vx_event e = vx_test_event(VX_EVENT_CREATE, (unsigned)shift + 1);
        e.caller_name = (struct vx_str){text, 200 - 2};
        e.from = (struct vx_str){text, 64 - shift};
        assert_int_equal(vx_registry_apply(s.registry, &e), VX_APPLIED);
        assert_int_equal(vx_registry_apply(s.registry, &e), VX_UNCHANGED);
        struct vx_uuid sid = vx_test_sid((unsigned)shift + 1);
        struct vx_snapshot *call = vx_scope_find(s.alpha, &sid);
        struct vx_str name = vx_snapshot_text(call, VX_TEXT_CALLER_NAME);
        assert_int_equal(name.len, shift ? 63 : 64); /* never in the middle of a character */
        assert_memory_equal(name.at, text, name.len);
        assert_false(vx_test_contains(vx_test_json(call), "\xef\xbf\xbd"));
        vx_snapshot_release(&call);
    }
    struct vx_registry_stats st;
    vx_registry_stats(s.registry, &st);
    assert_true(st.truncated >= 2);
    vx_test_world_close(&s);
}

static void test_counts(void **state) {
    (void)state;
    struct vx_event e;
    for (unsigned n = 1; n <= 6; n++) {
        e = vx_test_event(VX_EVENT_CREATE, n);
        e.direction = n <= 2 ? VX_INBOUND : VX_OUTBOUND;
        apply(&e);
    }
    e.type = VX_EVENT_HANGUP;
    apply(&e);
    e = vx_test_event_of(BETA_SID, VX_EVENT_CREATE, 7);
    apply(&e);
    struct vx_counts a = vx_scope_counts(w.alpha), all = vx_scope_counts(w.all);
    assert_int_equal(a.live_inbound, 2);
    assert_int_equal(a.live_outbound, 3);
    assert_int_equal(a.ended_outbound, 1);
    assert_int_equal(a.ended_inbound, 0);
    assert_int_equal(all.live_inbound, 3);
    assert_int_equal(all.live_outbound, 3);
    assert_int_equal(stats().created, 7);
    assert_int_equal(stats().ended[VX_CALL_NO_ANSWER], 1);
    assert_int_equal(stats().ended[VX_CALL_COMPLETED], 0);
}

static void test_epoch(void **state) {
    (void)state;
    const char *epoch = vx_registry_epoch(w.registry);
    assert_in_range(strlen(epoch), 1, 16);
    assert_int_equal(strspn(epoch, "0123456789abcdef"), strlen(epoch));
    struct vx_test_world other;
    vx_test_world_open(&other, NULL);
    assert_string_not_equal(epoch, vx_registry_epoch(other.registry));
    vx_test_world_close(&other);
}

static void test_scopes(void **state) {
    (void)state;
    struct vx_uuid alpha = vx_test_uuid(ALPHA_SID), nobody = vx_test_uuid(NOBODY), nil = {{0}};
    assert_true(vx_uuid_eq(vx_scope_sid(w.alpha), &alpha));
    assert_true(vx_uuid_is_nil(vx_scope_sid(w.all)));
    assert_null(vx_registry_account(w.registry, &nobody));
    assert_null(vx_registry_account(w.registry, &nil));
    struct vx_scope *again = vx_scope_ref(w.alpha);
    assert_ptr_equal(again, w.alpha);
    vx_scope_release(&again);
    assert_null(again);
    vx_scope_release(&again);
}

/* --- wake --- */

static void wake(void *ctx) {
    ++*(int *)ctx;
}

static void test_wake_is_coalesced(void **state) {
    (void)state;
    int woken = 0;
    vx_registry_set_wake(w.registry, wake, &woken);
    struct vx_feed *feed = vx_feed_open(w.alpha);
    struct vx_change changes[64];
    uint64_t revision;
    bool restarted;
    assert_int_equal(vx_feed_pull(feed, changes, 64, &revision, &restarted), 0);
    vx_registry_woken(w.registry);
    woken = 0;
    for (unsigned n = 1; n <= 10; n++)
        vx_test_apply(&w, VX_EVENT_CREATE, n);
    assert_int_equal(woken, 1);
    vx_registry_woken(w.registry);
    vx_test_apply(&w, VX_EVENT_CREATE, 10); /* nothing new: nobody is woken */
    assert_int_equal(woken, 1);
    vx_test_apply(&w, VX_EVENT_ANSWER, 10);
    assert_int_equal(woken, 2);
    vx_registry_woken(w.registry);
    struct vx_event other = vx_test_event_of(BETA_SID, VX_EVENT_CREATE, 11);
    apply(&other); /* no feed follows beta */
    assert_int_equal(woken, 2);
    vx_feed_set_quiet(feed, true); /* nor for one who does not wait */
    vx_test_apply(&w, VX_EVENT_CREATE, 12);
    assert_int_equal(woken, 2);
    vx_feed_set_quiet(feed, true);
    vx_feed_set_quiet(feed, false);
    vx_test_apply(&w, VX_EVENT_CREATE, 13);
    assert_int_equal(woken, 3);
    vx_registry_woken(w.registry);
    vx_registry_set_wake(w.registry, NULL, NULL);
    vx_test_apply(&w, VX_EVENT_HANGUP, 10);
    assert_int_equal(woken, 3);
    vx_feed_set_quiet(feed, true);
    vx_feed_close(&feed);
    vx_registry_set_wake(w.registry, wake, &woken);
    vx_test_apply(&w, VX_EVENT_CREATE, 14); /* no feed is left, quiet or not */
    assert_int_equal(woken, 3);
    vx_registry_set_wake(w.registry, NULL, NULL);
}

/* --- memory --- */

static void scenario(void *ctx) {
    (void)ctx;
    struct vx_test_world s;
    vx_test_world_open(&s, "max-field-bytes=64");
    vx_test_apply(&s, VX_EVENT_CREATE, 1);
    static const enum vx_event_type types[] = {VX_EVENT_CREATE, VX_EVENT_PROGRESS, VX_EVENT_ANSWER,
                                               VX_EVENT_HANGUP};
    vx_test_arm();
    uint64_t refused = 0;
    for (unsigned i = 0; i < 4; i++) {
        uint64_t before = vx_scope_revision(s.all);
        struct vx_event e = vx_test_event(types[i], 1 + i % 2);
        e.call_id = VX_STR("another-call-id@192.0.2.1");
        e.evidence.variable = i == 2 ? VX_STR(BETA_SID) : VX_STR(ALPHA_SID);
        enum vx_applied got = vx_registry_apply(s.registry, &e);
        refused += got == VX_NO_MEMORY;
        if (got == VX_NO_MEMORY)
            assert_int_equal(vx_scope_revision(s.all), before); /* as before */
    }
    vx_registry_configure(s.registry, s.config);
    vx_registry_expire(s.registry, 0);
    bool failed = vx_test_disarm();
    assert_true(refused == 0 || failed);
    struct vx_registry_stats st;
    vx_registry_stats(s.registry, &st);
    assert_int_equal(st.no_memory, refused);
    /* and the registry goes on */
    vx_test_apply(&s, VX_EVENT_CREATE, 3);
    vx_test_apply(&s, VX_EVENT_HANGUP, 3);
    vx_test_expect(s.alpha, 3, VX_CALL_NO_ANSWER, 480);
    vx_test_apply(&s, VX_EVENT_HANGUP, 1);
    vx_test_apply(&s, VX_EVENT_HANGUP, 2);
    vx_test_advance(&s.time, 600 * VX_SECOND_US);
    vx_registry_expire(s.registry, 0);
    assert_int_equal(vx_test_calls(&s), 0);
    vx_test_world_close(&s);
}

static void test_every_allocation_fails(void **state) {
    (void)state;
    vx_test_every_allocation_fails(scenario, NULL, true);
}

static void birth(void *ctx) {
    (void)ctx;
    struct vx_test_time time;
    vx_test_time_init(&time);
    struct vx_config *config = vx_test_config(NULL);
    vx_test_arm();
    struct vx_registry *r = vx_registry_new(config, &time.clock);
    struct vx_scope *all = r ? vx_registry_all(r) : NULL;
    struct vx_feed *feed = all ? vx_feed_open(all) : NULL;
    bool url = r && vx_registry_set_service_url(r, "http://127.0.0.1:1");
    bool failed = vx_test_disarm();
    assert_true(failed || (r && all && feed && url));
    vx_feed_close(&feed);
    vx_scope_release(&all);
    vx_registry_release(&r);
    vx_config_release(&config);
}

static void test_every_allocation_fails_at_birth(void **state) {
    (void)state;
    vx_test_every_allocation_fails(birth, NULL, true);
}

/* --- removed before its time --- */

static void test_what_comes_late_of_a_removed_call(void **state) {
    (void)state;
    static const enum vx_event_type late[] = {VX_EVENT_HANGUP, VX_EVENT_ANSWER, VX_EVENT_UPDATE};
    struct vx_uuid sid = vx_test_sid(1);
    live_and_die(1);
    assert_true(vx_registry_remove(w.registry, w.alpha, &sid));
    for (size_t i = 0; i < sizeof late / sizeof *late; i++)
        assert_int_equal(vx_test_apply(&w, late[i], 1), VX_REFUSED);
    assert_false(vx_test_has(w.alpha, 1));
    assert_int_equal(stats().refused, 3);
    live_and_die(1); /* another one of that sid */
    assert_int_equal(vx_test_apply(&w, VX_EVENT_HANGUP, 1), VX_UNCHANGED);
    assert_true(vx_test_has(w.alpha, 1));
}

/* However often the memory of them has gone round. */
static void test_the_latest_removals_are_remembered(void **state) {
    (void)state;
    enum { ALL = 700, REMEMBERED = 256 };
    for (unsigned n = 1; n <= ALL; n++) {
        struct vx_uuid sid = vx_test_sid(n);
        live_and_die(n);
        assert_true(vx_registry_remove(w.registry, w.alpha, &sid));
    }
    for (unsigned n = 1; n <= ALL; n++)
        assert_int_equal(vx_test_apply(&w, VX_EVENT_UPDATE, n),
                         n <= ALL - REMEMBERED ? VX_APPLIED : VX_REFUSED);
    assert_int_equal(stats().refused, REMEMBERED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_there_at_599_s_gone_at_600),
        TEST(test_live_calls_stay),
        TEST(test_a_corrected_wall_clock_does_not_matter),
        TEST(test_a_late_hangup_counts_from_the_end),
        TEST(test_an_end_in_the_future_or_long_ago),
        TEST(test_at_most_so_many_at_once),
        cmocka_unit_test(test_retention_of_the_configuration),
        TEST(test_after_an_hour_nothing_is_held),
        TEST(test_audit_ends_what_the_host_lost),
        TEST(test_audit_of_nothing),
        TEST(test_audit_that_misses_many),
        TEST(test_rename),
        TEST(test_rename_is_seen_by_a_feed),
        TEST(test_rename_of_the_unknown_and_to_the_known),
        cmocka_unit_test(test_max_calls),
        cmocka_unit_test(test_max_field_bytes),
        TEST(test_counts),
        TEST(test_epoch),
        TEST(test_scopes),
        TEST(test_wake_is_coalesced),
        TEST(test_what_comes_late_of_a_removed_call),
        TEST(test_the_latest_removals_are_remembered),
        cmocka_unit_test(test_every_allocation_fails),
        cmocka_unit_test(test_every_allocation_fails_at_birth),
    };
    return cmocka_run_group_tests_name("registry_keep", tests, NULL, NULL);
}
