/* The life of one call: what every event does, late, twice, out of order, or not at all. */
#include "world.h"

static struct vx_snapshot *find(unsigned n) {
    struct vx_uuid sid = vx_test_sid(n);
    struct vx_snapshot *call = vx_scope_find(w.alpha, &sid);
    assert_non_null(call);
    return call;
}

/* Applies it and checks that exactly one change is seen, by both scopes. */
static void changes(const struct vx_event *event) {
    uint64_t alpha = vx_scope_revision(w.alpha), all = vx_scope_revision(w.all);
    assert_int_equal(apply(event), VX_APPLIED);
    assert_int_equal(vx_scope_revision(w.alpha), alpha + 1);
    assert_int_equal(vx_scope_revision(w.all), all + 1);
    assert_int_equal(vx_scope_revision(w.beta), 0);
}

static void changes_nothing(const struct vx_event *event) {
    uint64_t alpha = vx_scope_revision(w.alpha), all = vx_scope_revision(w.all);
    assert_int_equal(apply(event), VX_UNCHANGED);
    assert_int_equal(vx_scope_revision(w.alpha), alpha);
    assert_int_equal(vx_scope_revision(w.all), all);
}

static void test_a_plain_call(void **state) {
    (void)state;
    struct vx_event e = vx_test_event(VX_EVENT_CREATE, 1);
    static const struct {
        enum vx_event_type type;
        enum vx_call_status status;
        unsigned sip_status;
    } steps[] = {
        {VX_EVENT_CREATE, VX_CALL_TRYING, 100},     {VX_EVENT_PROGRESS, VX_CALL_RINGING, 180},
        {VX_EVENT_MEDIA, VX_CALL_EARLY_MEDIA, 183}, {VX_EVENT_ANSWER, VX_CALL_IN_PROGRESS, 200},
        {VX_EVENT_HANGUP, VX_CALL_COMPLETED, 200},
    };
    for (size_t i = 0; i < 5; i++) {
        e.type = steps[i].type;
        vx_test_advance(&w.time, VX_SECOND_US);
        changes(&e);
        vx_test_expect(w.alpha, 1, steps[i].status, steps[i].sip_status);
        vx_test_expect(w.all, 1, steps[i].status, steps[i].sip_status);
        changes_nothing(&e);
        vx_test_advance(&w.time, VX_SECOND_US);
        changes_nothing(&e); /* a repeated event does not move a time either */
    }
    struct vx_snapshot *call = find(1);
    struct vx_call_fields f;
    vx_snapshot_fields(call, &f);
    assert_int_equal(f.attempted_us, VX_TEST_WALL_US + 1 * VX_SECOND_US);
    assert_int_equal(f.answered_us, VX_TEST_WALL_US + 7 * VX_SECOND_US);
    assert_int_equal(f.ended_us, VX_TEST_WALL_US + 9 * VX_SECOND_US);
    assert_int_equal(vx_call_duration(&f), 2);
    assert_string_equal(f.service_url, "http://172.31.32.144:3000");
    vx_snapshot_release(&call);
}

static void test_times_of_the_host_are_kept(void **state) {
    (void)state;
    struct vx_event e = vx_test_event(VX_EVENT_CREATE, 1);
    e.attempted_us = VX_TEST_WALL_US - 5000;
    changes(&e);
    e.type = VX_EVENT_ANSWER;
    e.answered_us = VX_TEST_WALL_US - 4000;
    changes(&e);
    e.type = VX_EVENT_HANGUP;
    e.ended_us = VX_TEST_WALL_US - 3000;
    changes(&e);
    struct vx_snapshot *call = find(1);
    struct vx_call_fields f;
    vx_snapshot_fields(call, &f);
    assert_int_equal(f.attempted_us, VX_TEST_WALL_US - 5000);
    assert_int_equal(f.answered_us, VX_TEST_WALL_US - 4000);
    assert_int_equal(f.ended_us, VX_TEST_WALL_US - 3000);
    vx_snapshot_release(&call);
}

static void test_first_seen_wins(void **state) {
    (void)state;
    struct vx_event e = vx_test_event(VX_EVENT_CREATE, 1);
    e.caller_name = VX_STR("Alice");
    changes(&e);
    e.from = VX_STR("0000");
    e.to = VX_STR("park");
    e.caller_name = VX_STR("Outbound Call");
    e.direction = VX_OUTBOUND;
    changes_nothing(&e);
    e.type = VX_EVENT_ANSWER;
    changes(&e);
    struct vx_snapshot *call = find(1);
    assert_true(vx_str_eq(vx_snapshot_text(call, VX_TEXT_FROM), VX_STR("15083728299")));
    assert_true(vx_str_eq(vx_snapshot_text(call, VX_TEXT_TO), VX_STR("15083084809")));
    assert_true(vx_str_eq(vx_snapshot_text(call, VX_TEXT_CALLER_NAME), VX_STR("Alice")));
    assert_int_equal(vx_snapshot_direction(call), VX_INBOUND);
    vx_snapshot_release(&call);
}

/* With a host that numbers its events, "first" is what the earliest event said, not what came
 * first. */
static void test_first_seen_is_the_earliest_of_the_host(void **state) {
    (void)state;
    struct vx_event late = vx_test_event(VX_EVENT_ANSWER, 1);
    late.sequence = 20;
    late.from = VX_STR("0000");
    late.caller_name = VX_STR("Outbound Call");
    changes(&late);
    struct vx_event early = vx_test_event(VX_EVENT_CREATE, 1);
    early.sequence = 10;
    early.caller_name = VX_STR("Alice");
    changes(&early);
    changes_nothing(&late);
    changes_nothing(&early);
    struct vx_snapshot *call = find(1);
    assert_true(vx_str_eq(vx_snapshot_text(call, VX_TEXT_FROM), VX_STR("15083728299")));
    assert_true(vx_str_eq(vx_snapshot_text(call, VX_TEXT_CALLER_NAME), VX_STR("Alice")));
    assert_int_equal(vx_snapshot_status(call), VX_CALL_IN_PROGRESS);
    vx_snapshot_release(&call);
}

/* What an event does not say stays open for a later one, even one that is behind the call. */
static void test_late_events_fill_gaps(void **state) {
    (void)state;
    struct vx_event e = vx_test_event(VX_EVENT_ANSWER, 1);
    e.call_id = e.caller_name = e.from = VX_NONE;
    changes(&e);
    e = vx_test_event(VX_EVENT_PROGRESS, 1);
    e.caller_name = VX_STR("Bob");
    e.application_sid = VX_STR(APP_SID);
    e.originating_sip_ip = VX_STR("192.0.2.1:5060");
    e.originating_sip_trunk_name = VX_STR("trunk");
    changes(&e);
    vx_test_expect(w.alpha, 1, VX_CALL_IN_PROGRESS, 200);
    changes_nothing(&e);
    e.type = VX_EVENT_UPDATE;
    changes_nothing(&e);
    struct vx_snapshot *call = find(1);
    struct vx_call_fields f;
    vx_snapshot_fields(call, &f);
    struct vx_uuid app = vx_test_uuid(APP_SID);
    assert_true(vx_uuid_eq(&f.application_sid, &app));
    assert_true(vx_str_eq(f.text[VX_TEXT_FROM], VX_STR("15083728299")));
    assert_true(vx_str_eq(f.text[VX_TEXT_CALLER_NAME], VX_STR("Bob")));
    assert_true(vx_str_eq(f.text[VX_TEXT_SIP_IP], VX_STR("192.0.2.1:5060")));
    assert_true(vx_str_eq(f.text[VX_TEXT_TRUNK], VX_STR("trunk")));
    assert_true(vx_str_eq(f.text[VX_TEXT_CALL_ID], e.call_id));
    vx_snapshot_release(&call);
}

static void test_never_back(void **state) {
    (void)state;
    static const enum vx_event_type order[] = {VX_EVENT_CREATE, VX_EVENT_PROGRESS, VX_EVENT_MEDIA,
                                               VX_EVENT_ANSWER, VX_EVENT_HANGUP};
    for (size_t top = 1; top < 5; top++) {
        struct vx_event e = vx_test_event(order[top], (unsigned)top);
        e.attempted_us = e.ended_us = VX_TEST_WALL_US;
        if (top >= 3)
            e.answered_us = VX_TEST_WALL_US;
        changes(&e);
        struct vx_snapshot *before = find((unsigned)top);
        for (size_t late = 0; late < top; late++) {
            e.type = order[late];
            changes_nothing(&e);
        }
        struct vx_snapshot *after = find((unsigned)top);
        assert_int_equal(vx_snapshot_status(after), vx_snapshot_status(before));
        vx_snapshot_release(&before);
        vx_snapshot_release(&after);
    }
}

/* --- how it ended --- */

static void ends(unsigned n, unsigned sip_status, const char *cause, bool answered,
                 enum vx_call_status status, unsigned want_sip) {
    struct vx_event e = vx_test_event(VX_EVENT_CREATE, n);
    changes(&e);
    if (answered) {
        e.type = VX_EVENT_ANSWER;
        changes(&e);
    }
    e.type = VX_EVENT_HANGUP;
    e.sip_status = (uint16_t)sip_status;
    e.cause = vx_str(cause);
    changes(&e);
    vx_test_expect(w.alpha, n, status, want_sip);
    struct vx_snapshot *call = find(n);
    if (cause)
        assert_true(vx_str_eq(vx_snapshot_text(call, VX_TEXT_TERMINATION), e.cause));
    vx_snapshot_release(&call);
}

static void test_final_status_by_response(void **state) {
    (void)state;
    ends(1, 486, "USER_BUSY", false, VX_CALL_BUSY, 486);
    ends(2, 600, NULL, false, VX_CALL_BUSY, 600);
    ends(3, 603, NULL, false, VX_CALL_BUSY, 603);
    ends(4, 408, NULL, false, VX_CALL_NO_ANSWER, 408);
    ends(5, 480, "NORMAL_CLEARING", false, VX_CALL_NO_ANSWER, 480);
    ends(6, 487, "ORIGINATOR_CANCEL", false, VX_CALL_NO_ANSWER, 487);
    ends(7, 404, NULL, false, VX_CALL_FAILED, 404);
    ends(8, 503, "USER_BUSY", false, VX_CALL_FAILED, 503); /* the response before the cause */
}

static void test_final_status_by_cause(void **state) {
    (void)state;
    ends(1, 0, "USER_BUSY", false, VX_CALL_BUSY, 486);
    ends(2, 0, "NO_ROUTE_DESTINATION", false, VX_CALL_FAILED, 404);
    ends(3, 0, "ORIGINATOR_CANCEL", false, VX_CALL_NO_ANSWER, 487);
    ends(4, 0, "NORMAL_CLEARING", false, VX_CALL_NO_ANSWER, 480);
    ends(5, 0, "SOMETHING_NEW", false, VX_CALL_NO_ANSWER, 480);
    ends(6, 0, NULL, false, VX_CALL_NO_ANSWER, 480);
}

static void test_answered_is_completed_whatever_came_later(void **state) {
    (void)state;
    ends(1, 503, "NORMAL_TEMPORARY_FAILURE", true, VX_CALL_COMPLETED, 200);
    ends(2, 486, "USER_BUSY", true, VX_CALL_COMPLETED, 200);
    ends(3, 0, NULL, true, VX_CALL_COMPLETED, 200);
}

/* A provisional or successful status on an unanswered call's hangup says nothing final. */
static void test_hangup_with_a_provisional_status(void **state) {
    (void)state;
    ends(1, 180, "NO_ANSWER", false, VX_CALL_NO_ANSWER, 480);
    ends(2, 183, "USER_BUSY", false, VX_CALL_BUSY, 486);
}

static void provisional(enum vx_event_type type, unsigned sip_status, bool change,
                        enum vx_call_status status, unsigned shown) {
    struct vx_event e = vx_test_event(type, 1);

    e.sip_status = (uint16_t)sip_status;
    e.sip_reason = VX_STR("Whatever");
    if (change)
        changes(&e);
    changes_nothing(&e);
    vx_test_expect(w.alpha, 1, status, shown);
}

static void test_the_last_of_the_provisional_responses(void **state) {
    (void)state;
    provisional(VX_EVENT_CREATE, 100, true, VX_CALL_TRYING, 100);
    provisional(VX_EVENT_PROGRESS, 183, true, VX_CALL_RINGING, 183);
    provisional(VX_EVENT_PROGRESS, 180, true, VX_CALL_RINGING, 180);
    provisional(VX_EVENT_PROGRESS, 0, false, VX_CALL_RINGING, 180);
    provisional(VX_EVENT_PROGRESS, 486, false, VX_CALL_RINGING, 180);
    provisional(VX_EVENT_PROGRESS, 183, true, VX_CALL_RINGING, 183);
    provisional(VX_EVENT_CREATE, 100, false, VX_CALL_RINGING, 183);
    provisional(VX_EVENT_MEDIA, 183, true, VX_CALL_EARLY_MEDIA, 183);
    /* It rings beside the media that there are. */
    provisional(VX_EVENT_PROGRESS, 180, false, VX_CALL_EARLY_MEDIA, 183);
    provisional(VX_EVENT_MEDIA, 180, true, VX_CALL_EARLY_MEDIA, 180);
    provisional(VX_EVENT_ANSWER, 200, true, VX_CALL_IN_PROGRESS, 200);
    provisional(VX_EVENT_ANSWER, 202, false, VX_CALL_IN_PROGRESS, 200);
    provisional(VX_EVENT_ANSWER, 180, false, VX_CALL_IN_PROGRESS, 200);
}

static void test_hangup_that_knows_of_the_answer(void **state) {
    (void)state;
    struct vx_event e = vx_test_event(VX_EVENT_HANGUP, 1);
    e.attempted_us = VX_TEST_WALL_US - 7 * VX_SECOND_US;
    e.answered_us = VX_TEST_WALL_US - 5 * VX_SECOND_US;
    e.ended_us = VX_TEST_WALL_US;
    e.sip_status = 503;
    changes(&e); /* for a call never heard of: it carries enough */
    vx_test_expect(w.alpha, 1, VX_CALL_COMPLETED, 200);
    struct vx_snapshot *call = find(1);
    struct vx_call_fields f;
    vx_snapshot_fields(call, &f);
    assert_int_equal(vx_call_duration(&f), 5);
    vx_snapshot_release(&call);
}

static void test_hangup_that_says_too_little(void **state) {
    (void)state;
    struct vx_event e = {.type = VX_EVENT_HANGUP, .call_sid = vx_test_sid(9)};
    assert_int_equal(apply(&e), VX_REFUSED);
    assert_false(vx_test_has(w.all, 9));
    assert_int_equal(vx_scope_revision(w.all), 0);
    struct vx_registry_stats stats;
    vx_registry_stats(w.registry, &stats);
    assert_int_equal(stats.refused, 1);
    assert_int_equal(stats.events, 1);
}

static void test_nil_sid_is_refused(void **state) {
    (void)state;
    struct vx_event e = vx_test_event(VX_EVENT_CREATE, 1);
    e.call_sid = (struct vx_uuid){{0}};
    assert_int_equal(apply(&e), VX_REFUSED);
    assert_int_equal(vx_test_calls(&w), 0);
}

/* The answer is heard of after the hangup that did not know of it. */
static void test_answer_after_hangup(void **state) {
    (void)state;
    struct vx_event e = vx_test_event(VX_EVENT_CREATE, 1);
    changes(&e);
    e.type = VX_EVENT_HANGUP;
    e.ended_us = VX_TEST_WALL_US + 4 * VX_SECOND_US;
    changes(&e);
    vx_test_expect(w.alpha, 1, VX_CALL_NO_ANSWER, 480);
    e.type = VX_EVENT_ANSWER;
    e.ended_us = 0;
    e.answered_us = VX_TEST_WALL_US + 1 * VX_SECOND_US;
    changes(&e);
    vx_test_expect(w.alpha, 1, VX_CALL_COMPLETED, 200);
    changes_nothing(&e);
    struct vx_counts c = vx_scope_counts(w.alpha);
    assert_int_equal(c.live_inbound, 0);
    assert_int_equal(c.ended_inbound, 1);
}

/* --- every order --- */

enum { KINDS = 5 };

struct run {
    char json[1024];
    uint64_t revision;
};

/* Applies the events order[0..n) to call `id`, the doubled one twice in a row. */
static void play(struct run *run, unsigned id, const int *order, size_t n, int doubled) {
    static const int64_t at[KINDS] = {0, 1, 2, 3, 9};
    uint64_t before = vx_scope_revision(w.alpha), applied = 0;
    for (size_t i = 0; i < n; i++) {
        struct vx_event e = vx_test_event((enum vx_event_type)0, id);
        static const enum vx_event_type types[KINDS] = {
            VX_EVENT_CREATE, VX_EVENT_PROGRESS, VX_EVENT_MEDIA, VX_EVENT_ANSWER, VX_EVENT_HANGUP};
        e.type = types[order[i]];
        e.attempted_us = VX_TEST_WALL_US;
        if (e.type == VX_EVENT_ANSWER)
            e.answered_us = VX_TEST_WALL_US + at[3] * VX_SECOND_US;
        if (e.type == VX_EVENT_HANGUP) {
            e.ended_us = VX_TEST_WALL_US + at[4] * VX_SECOND_US;
            e.cause = VX_STR("USER_BUSY");
            e.sip_status = 486;
        }
        for (int twice = 0; twice <= (order[i] == doubled); twice++) {
            enum vx_applied got = apply(&e);
            assert_true(got == VX_APPLIED || got == VX_UNCHANGED);
            assert_false(twice && got == VX_APPLIED);
            applied += got == VX_APPLIED;
        }
    }
    run->revision = vx_scope_revision(w.alpha) - before;
    assert_int_equal(run->revision, applied);
    struct vx_snapshot *call = find(id);
    struct vx_str json = vx_test_json(call);
    assert_non_null(json.at);
    snprintf(run->json, sizeof run->json, "%.*s", (int)json.len, json.at);
    memset(strstr(run->json, "call_sid\":\"") + 11, '-', VX_UUID_TEXT);
    vx_snapshot_release(&call);
}

static unsigned next_id;

/* All orders of the events in `set`, each event doubled in turn, end in the same record. */
static void permute(const struct run *want, int *order, size_t done, unsigned set) {
    size_t n = 0;
    for (int k = 0; k < KINDS; k++)
        n += set >> k & 1;
    if (done == n) {
        for (int doubled = -1; doubled < KINDS; doubled++) {
            struct run got;
            play(&got, ++next_id, order, n, doubled);
            if (strcmp(got.json, want->json) != 0)
                fail_msg("order %d %d %d %d %d of %zu (0 create, 4 hangup):\n%s\n%s", order[0],
                         order[1], order[2], order[3], order[4], n, got.json, want->json);
        }
        return;
    }
    for (int k = 0; k < KINDS; k++) {
        bool used = !(set >> k & 1);
        for (size_t i = 0; i < done; i++)
            used |= order[i] == k;
        if (used)
            continue;
        order[done] = k;
        permute(want, order, done + 1, set);
    }
}

static void test_every_order_of_every_subset(void **state) {
    (void)state;
    static const char *const last[KINDS] = {"trying", "ringing", "early-media", "in-progress",
                                            NULL};
    next_id = 0;
    for (unsigned set = 1; set < 1U << KINDS; set++) {
        int natural[KINDS] = {0}, order[KINDS] = {0};
        size_t n = 0;
        for (int k = 0; k < KINDS; k++) {
            if (set >> k & 1)
                natural[n++] = k;
        }
        struct run want;
        play(&want, ++next_id, natural, n, -1);
        const char *status =
            natural[n - 1] == 4 ? (set & 8 ? "completed" : "busy") : last[natural[n - 1]];
        char key[64];
        snprintf(key, sizeof key, "\"call_status\":\"%s\"", status);
        assert_non_null(strstr(want.json, key));
        permute(&want, order, 0, set);
    }
    print_message("# %u calls\n", next_id);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_plain_call),
        TEST(test_times_of_the_host_are_kept),
        TEST(test_first_seen_wins),
        TEST(test_first_seen_is_the_earliest_of_the_host),
        TEST(test_late_events_fill_gaps),
        TEST(test_never_back),
        TEST(test_final_status_by_response),
        TEST(test_final_status_by_cause),
        TEST(test_answered_is_completed_whatever_came_later),
        TEST(test_hangup_with_a_provisional_status),
        TEST(test_the_last_of_the_provisional_responses),
        TEST(test_hangup_that_knows_of_the_answer),
        TEST(test_hangup_that_says_too_little),
        TEST(test_nil_sid_is_refused),
        TEST(test_answer_after_hangup),
        TEST(test_every_order_of_every_subset),
    };
    return cmocka_run_group_tests_name("registry_life", tests, NULL, NULL);
}
