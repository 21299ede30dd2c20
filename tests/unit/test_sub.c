/* The live feed without sockets: what a subscription hands out, message by message. */
#include "sub_client.h"

#include "api/api_private.h"
#include "core/call.h"

static struct vx_test_service s;

static int open_service(void **state) {
    (void)state;
    vx_test_service_open(&s, "rate-limit-per-minute=0");
    return 0;
}

static int close_service(void **state) {
    (void)state;
    vx_test_service_close(&s);
    return 0;
}

/* --- messages --- */

static void test_snapshot_then_changes(void **state) {
    (void)state;
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    vx_test_apply(&s.world, VX_EVENT_CREATE, 2);
    struct vx_test_client c = vx_test_join(&s, ALPHA_CALLS, "alpha-token");
    assert_string_equal(vx_test_next(&c), "snapshot 2 1");
    assert_string_equal(c.revision, vx_test_revision(&s, s.world.alpha));
    assert_string_equal(vx_test_next(&c), "");
    assert_false(vx_sub_is_behind(c.sub));
    vx_test_apply(&s.world, VX_EVENT_PROGRESS, 2);
    assert_true(vx_sub_is_behind(c.sub));
    assert_string_equal(vx_test_next(&c), "updated 2");
    vx_test_apply(&s.world, VX_EVENT_ANSWER, 2);
    assert_string_equal(vx_test_next(&c), "answered 2");
    vx_test_apply(&s.world, VX_EVENT_CREATE, 3);
    assert_string_equal(vx_test_next(&c), "created 3");
    vx_test_apply(&s.world, VX_EVENT_HANGUP, 2);
    assert_string_equal(vx_test_next(&c), "ended 2");
    assert_string_equal(c.revision, vx_test_revision(&s, s.world.alpha));
    vx_test_agrees(&c, ALPHA_CALLS, "alpha-token");
    vx_test_advance(&s.world.time, 600 * VX_SECOND_US);
    vx_registry_expire(s.world.registry, 0);
    assert_string_equal(vx_test_next(&c), "removed 2");
    vx_test_agrees(&c, ALPHA_CALLS, "alpha-token");
    vx_test_quit(&c);
}

static void test_no_calls(void **state) {
    (void)state;
    struct vx_test_client c = vx_test_join(&s, ALPHA_CALLS, "alpha-token");
    assert_string_equal(vx_test_next(&c), "snapshot");
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    assert_string_equal(vx_test_next(&c), "created 1");
    vx_test_quit(&c);
}

/* However much has happened, each call comes once, in its newest state, in the order in which they
 * changed last. */
static void test_a_slow_client_is_conflated(void **state) {
    (void)state;
    struct vx_test_client c = vx_test_join(&s, ALPHA_CALLS, "alpha-token");
    vx_test_next(&c);
    for (unsigned n = 1; n <= 3; n++)
        vx_test_apply(&s.world, VX_EVENT_CREATE, n);
    assert_string_equal(vx_test_next(&c), "created 1 created 2 created 3");
    vx_test_apply(&s.world, VX_EVENT_PROGRESS, 1);
    vx_test_apply(&s.world, VX_EVENT_ANSWER, 1);
    vx_test_apply(&s.world, VX_EVENT_CREATE, 4);
    vx_test_apply(&s.world, VX_EVENT_PROGRESS, 3);
    vx_test_apply(&s.world, VX_EVENT_ANSWER, 2);
    vx_test_apply(&s.world, VX_EVENT_HANGUP, 2);
    vx_test_apply(&s.world, VX_EVENT_HANGUP, 4);
    assert_string_equal(vx_test_next(&c), "answered 1 updated 3 ended 2 created 4");
    vx_test_agrees(&c, ALPHA_CALLS, "alpha-token");
    vx_test_quit(&c);
}

static void test_a_call_that_came_and_went_is_not_told(void **state) {
    (void)state;
    struct vx_test_client c = vx_test_join(&s, ALPHA_CALLS, "alpha-token");
    vx_test_next(&c);
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    vx_test_apply(&s.world, VX_EVENT_HANGUP, 1);
    vx_test_advance(&s.world.time, 600 * VX_SECOND_US);
    vx_registry_expire(s.world.registry, 0);
    assert_string_equal(vx_test_next(&c), "");
    assert_false(vx_sub_is_behind(c.sub));
    vx_test_quit(&c);
}

static void test_a_call_that_moves_away_and_back(void **state) {
    (void)state;
    struct vx_event e = vx_test_event_of(NULL, VX_EVENT_CREATE, 1);
    vx_registry_apply(s.world.registry, &e);
    struct vx_test_client alpha = vx_test_join(&s, ALPHA_CALLS, "alpha-token"),
                          beta = vx_test_join(&s, BETA_CALLS, "beta-token"),
                          all = vx_test_join(&s, "/v1/Calls", "admin-token");
    assert_string_equal(vx_test_next(&alpha), "snapshot");
    assert_string_equal(vx_test_next(&beta), "snapshot");
    assert_string_equal(vx_test_next(&all), "snapshot 1");
    e = vx_test_event_of(NULL, VX_EVENT_UPDATE, 1);
    e.evidence.accountcode = VX_STR(BETA_SID);
    vx_registry_apply(s.world.registry, &e);
    assert_string_equal(vx_test_next(&beta), "created 1");
    assert_string_equal(vx_test_next(&all), "updated 1");
    e.evidence.variable = VX_STR(ALPHA_SID);
    vx_registry_apply(s.world.registry, &e);
    assert_string_equal(vx_test_next(&alpha), "created 1");
    assert_string_equal(vx_test_next(&beta), "removed 1");
    assert_string_equal(vx_test_next(&all), "updated 1");
    vx_test_agrees(&alpha, ALPHA_CALLS, "alpha-token");
    vx_test_agrees(&beta, BETA_CALLS, "beta-token");
    vx_test_agrees(&all, "/v1/Calls", "admin-token");
    vx_test_quit(&alpha);
    vx_test_quit(&beta);
    vx_test_quit(&all);
}

/* --- resuming --- */

static void test_resume(void **state) {
    (void)state;
    char target[160], mark[VX_ETAG_SIZE];
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    vx_test_apply(&s.world, VX_EVENT_CREATE, 2);
    strcpy(mark, vx_test_revision(&s, s.world.alpha));
    snprintf(target, sizeof target, ALPHA_CALLS "?since=%s", mark);
    struct vx_test_client idle = vx_test_join(&s, target, "alpha-token");
    assert_string_equal(vx_test_next(&idle), ""); /* nothing missed */
    vx_test_apply(&s.world, VX_EVENT_PROGRESS, 1);
    vx_test_apply(&s.world, VX_EVENT_CREATE, 3);
    struct vx_test_client c = vx_test_join(&s, target, "alpha-token");
    assert_string_equal(vx_test_next(&c), "updated 1 created 3");
    assert_string_equal(vx_test_next(&idle), "updated 1 created 3");
    struct vx_test_client event = vx_test_resume(&s, ALPHA_CALLS, "alpha-token", mark);
    assert_string_equal(vx_test_next(&event), "updated 1 created 3");
    /* A browser that connects again sends its first URL, and what it has seen since. */
    vx_test_apply(&s.world, VX_EVENT_CREATE, 4);
    struct vx_test_client again = vx_test_resume(&s, target, "alpha-token", event.revision);
    assert_string_equal(vx_test_next(&again), "created 4");
    vx_test_quit(&again);
    vx_test_quit(&event);
    vx_test_quit(&idle);
    vx_test_quit(&c);
}

static void test_what_cannot_be_resumed_begins_anew(void **state) {
    (void)state;
    static const char *const marks[] = {"0.0", "0.7", "abcdef.123456"};
    char target[160];
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    for (size_t i = 0; i < 3; i++) {
        snprintf(target, sizeof target, ALPHA_CALLS "?since=%s", marks[i]);
        struct vx_test_client c = vx_test_join(&s, target, "alpha-token");
        assert_string_equal(vx_test_next(&c), "snapshot 1");
        vx_test_quit(&c);
    }
    snprintf(target, sizeof target, ALPHA_CALLS "?since=%s9", vx_test_revision(&s, s.world.alpha));
    struct vx_test_client ahead =
        vx_test_join(&s, target, "alpha-token"); /* of what has not been yet */
    assert_string_equal(vx_test_next(&ahead), "snapshot 1");
    vx_test_quit(&ahead);
    struct vx_test_client c = vx_test_resume(&s, ALPHA_CALLS, "alpha-token", "no revision at all");
    assert_string_equal(vx_test_next(&c), "snapshot 1");
    vx_test_quit(&c);
    assert_null(vx_test_subscribe(&s, ALPHA_CALLS "?since=nonsense", "alpha-token", NULL, 400));
}

/* A client that comes back after its account's view has been let go of is told by what is kept with
 * the calls. */
static struct vx_test_client come_back(const char *filter, const char *mark) {
    char target[200];
    for (int i = 0; i < 10; i++) {
        vx_test_advance(&s.world.time, 10 * VX_SECOND_US);
        vx_api_tick(s.api);
    }
    assert_null(s.api->state->tenants[0]->view);
    snprintf(target, sizeof target, ALPHA_CALLS "?%ssince=%s", filter, mark);
    return vx_test_join(&s, target, "alpha-token");
}

static void update(unsigned n, const char *tag) {
    struct vx_event e = vx_test_event(VX_EVENT_UPDATE, n);
    e.tag = vx_str(tag);
    assert_int_equal(vx_registry_apply(s.world.registry, &e), VX_APPLIED);
}

static void test_events_have_their_names_whatever_became_of_the_view(void **state) {
    (void)state;
    char before[VX_ETAG_SIZE], after[VX_ETAG_SIZE];
    for (unsigned n = 1; n <= 4; n++)
        vx_test_apply(&s.world, VX_EVENT_CREATE, n);
    struct vx_test_client c = vx_test_join(&s, ALPHA_CALLS, "alpha-token");
    vx_test_next(&c);
    strcpy(before, c.revision);
    vx_test_quit(&c);
    vx_test_apply(&s.world, VX_EVENT_ANSWER, 1);
    vx_test_apply(&s.world, VX_EVENT_ANSWER, 2);
    strcpy(after, vx_test_revision(&s, s.world.alpha));
    update(1, "{\"held\":1}");
    vx_test_apply(&s.world, VX_EVENT_PROGRESS, 3);
    vx_test_apply(&s.world, VX_EVENT_HANGUP, 4);
    vx_test_apply(&s.world, VX_EVENT_CREATE, 5);
    c = come_back("", before);
    assert_string_equal(vx_test_next(&c), "answered 2 answered 1 updated 3 ended 4 created 5");
    vx_test_quit(&c);
    c = come_back("", after);
    assert_string_equal(vx_test_next(&c), "updated 1 updated 3 ended 4 created 5");
    vx_test_quit(&c);
    c = come_back("callStatus=in-progress,completed&", before);
    assert_string_equal(vx_test_next(&c), "removed 4 answered 2 answered 1");
    vx_test_quit(&c);
}

/* How long ago is not known without end: what is told then is less, but not wrong. */
static void test_a_name_that_is_forgotten_is_updated(void **state) {
    (void)state;
    char mark[VX_ETAG_SIZE];
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    vx_test_apply(&s.world, VX_EVENT_CREATE, 2);
    strcpy(mark, vx_test_revision(&s, s.world.alpha));
    vx_test_apply(&s.world, VX_EVENT_ANSWER, 1);
    for (unsigned i = 0; i < (1U << 18) + 2; i++)
        update(2, i % 2 ? "{\"a\":1}" : "{}");
    update(1, "{}");
    struct vx_test_client c = come_back("", mark);
    assert_string_equal(vx_test_next(&c), "updated 2 updated 1");
    vx_test_quit(&c);
}

/* Removals are forgotten after the retention: who has been away for longer begins anew. */
static void test_too_slow_to_be_caught_up(void **state) {
    (void)state;
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    vx_test_apply(&s.world, VX_EVENT_CREATE, 2);
    struct vx_test_client c = vx_test_join(&s, ALPHA_CALLS, "alpha-token");
    vx_test_next(&c);
    vx_test_apply(&s.world, VX_EVENT_HANGUP, 1);
    for (int i = 0; i < 3; i++) {
        vx_test_advance(&s.world.time, 600 * VX_SECOND_US);
        vx_registry_expire(s.world.registry, 0);
    }
    vx_test_apply(&s.world, VX_EVENT_PROGRESS, 2);
    assert_string_equal(vx_test_next(&c), "snapshot 2");
    vx_test_agrees(&c, ALPHA_CALLS, "alpha-token");
    vx_test_quit(&c);
}

static void test_restart(void **state) {
    (void)state;
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    struct vx_test_client c = vx_test_join(&s, ALPHA_CALLS, "alpha-token");
    vx_test_next(&c);
    vx_test_apply(&s.world, VX_EVENT_PROGRESS, 1);
    vx_sub_restart(c.sub);
    assert_true(vx_sub_is_behind(c.sub));
    assert_string_equal(vx_test_next(&c), "snapshot 1");
    assert_string_equal(vx_test_next(&c), "");
    vx_test_quit(&c);
}

/* --- filters --- */

static void test_a_filter(void **state) {
    (void)state;
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    vx_test_apply(&s.world, VX_EVENT_CREATE, 2);
    vx_test_apply(&s.world, VX_EVENT_HANGUP, 2);
    struct vx_test_client live = vx_test_join(&s, ALPHA_CALLS "?state=live", "alpha-token"),
                          ended = vx_test_join(&s, ALPHA_CALLS "?state=ended", "alpha-token");
    assert_string_equal(vx_test_next(&live), "snapshot 1");
    assert_string_equal(vx_test_next(&ended), "snapshot 2");
    vx_test_apply(&s.world, VX_EVENT_PROGRESS, 1);
    assert_string_equal(vx_test_next(&live), "updated 1");
    assert_string_equal(vx_test_next(&ended), ""); /* where it cannot have been */
    vx_test_apply(&s.world, VX_EVENT_HANGUP, 1);
    assert_string_equal(vx_test_next(&live), "removed 1");
    assert_string_equal(vx_test_next(&ended), "ended 1");
    vx_test_apply(&s.world, VX_EVENT_CREATE, 3);
    assert_string_equal(vx_test_next(&ended), "");
    vx_test_agrees(&ended, ALPHA_CALLS "?state=ended", "alpha-token");
    vx_test_quit(&live);
    vx_test_quit(&ended);
}

static void tell_from(enum vx_event_type type, unsigned n, const char *from, uint64_t sequence) {
    struct vx_event e = vx_test_event(type, n);
    e.from = vx_str(from);
    e.sequence = sequence;
    assert_int_equal(vx_registry_apply(s.world.registry, &e), VX_APPLIED);
}

/* What becomes of others' calls is nothing to a client, unless its filter let them through before.
 */
static void test_a_filter_is_not_told_of_others(void **state) {
    (void)state;
    tell_from(VX_EVENT_CREATE, 1, "100", 10);
    tell_from(VX_EVENT_CREATE, 2, "200", 20);
    struct vx_test_client c = vx_test_join(&s, ALPHA_CALLS "?from=100", "alpha-token"),
                          busy = vx_test_join(&s, ALPHA_CALLS "?callStatus=busy", "alpha-token");
    assert_string_equal(vx_test_next(&c), "snapshot 1");
    assert_string_equal(vx_test_next(&busy), "snapshot");
    vx_test_apply(&s.world, VX_EVENT_PROGRESS, 2);
    assert_string_equal(vx_test_next(&c), "");
    assert_string_equal(vx_test_next(&busy), "");
    vx_test_apply(&s.world, VX_EVENT_ANSWER, 2);
    assert_string_equal(vx_test_next(&c), "");
    /* The parties are those of the earliest event, which may come late. */
    tell_from(VX_EVENT_UPDATE, 1, "300", 9);
    assert_string_equal(vx_test_next(&c), "removed 1");
    tell_from(VX_EVENT_UPDATE, 2, "100", 19);
    assert_string_equal(vx_test_next(&c), "updated 2");
    tell_from(VX_EVENT_UPDATE, 2, "200", 18);
    vx_test_apply(&s.world, VX_EVENT_HANGUP, 2);
    assert_string_equal(vx_test_next(&c), "removed 2");
    assert_string_equal(vx_test_next(&busy), "removed 2"); /* an end may have been guessed */
    vx_test_advance(&s.world.time, 600 * VX_SECOND_US);
    vx_registry_expire(s.world.registry, 0);
    assert_string_equal(vx_test_next(&c), "");
    assert_string_equal(vx_test_next(&busy), "removed 2");
    tell_from(VX_EVENT_CREATE, 3, "+100", 30);
    vx_test_quit(&c);
    c = vx_test_join(&s, ALPHA_CALLS "?from=%20100", "alpha-token"); /* a plus, unescaped */
    assert_string_equal(vx_test_next(&c), "snapshot 3");
    tell_from(VX_EVENT_HANGUP, 3, "+100", 31);
    assert_string_equal(vx_test_next(&c), "ended 3");
    vx_test_advance(&s.world.time, 600 * VX_SECOND_US);
    vx_registry_expire(s.world.registry, 0);
    assert_string_equal(vx_test_next(&c), "removed 3");
    vx_test_quit(&c);
    vx_test_quit(&busy);
}

static void test_parameters_that_do_not_go_together(void **state) {
    (void)state;
    assert_null(vx_test_subscribe(&s, ALPHA_CALLS "?page=1", "alpha-token", NULL, 400));
    assert_null(vx_test_subscribe(&s, ALPHA_CALLS "?wait=5", "alpha-token", NULL, 400));
    assert_null(vx_test_subscribe(&s, ALPHA_CALLS "?state=gone", "alpha-token", NULL, 400));
}

/* --- without memory --- */

static void starve(void *ctx) {
    (void)ctx;
    struct vx_body *body = NULL;
    vx_test_service_open(&s, "rate-limit-per-minute=0");
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    struct vx_test_client c = vx_test_join(&s, ALPHA_CALLS, "alpha-token"),
                          live = vx_test_join(&s, ALPHA_CALLS "?state=live", "alpha-token");
    vx_test_next(&c);
    vx_test_apply(&s.world, VX_EVENT_CREATE, 2);
    vx_test_arm();
    enum vx_sub_result one = vx_sub_next(s.api, c.sub, &body);
    vx_body_release(&body);
    enum vx_sub_result two = vx_sub_next(s.api, live.sub, &body);
    vx_body_release(&body);
    bool failed = vx_test_disarm();
    assert_true(failed || (one == VX_SUB_MESSAGE && two == VX_SUB_MESSAGE));
    if (one == VX_SUB_NO_MEMORY) /* nothing is lost */
        assert_string_equal(vx_test_next(&c), "created 2");
    if (two == VX_SUB_NO_MEMORY)
        assert_string_equal(vx_test_next(&live), "snapshot 2 1");
    vx_test_quit(&c);
    vx_test_quit(&live);
    vx_test_service_close(&s);
}

static void test_every_allocation_fails(void **state) {
    (void)state;
    vx_test_every_allocation_fails(starve, NULL, false);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_service, close_service)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_snapshot_then_changes),
        TEST(test_no_calls),
        TEST(test_a_slow_client_is_conflated),
        TEST(test_a_call_that_came_and_went_is_not_told),
        TEST(test_a_call_that_moves_away_and_back),
        TEST(test_resume),
        TEST(test_events_have_their_names_whatever_became_of_the_view),
        TEST(test_a_name_that_is_forgotten_is_updated),
        TEST(test_what_cannot_be_resumed_begins_anew),
        TEST(test_too_slow_to_be_caught_up),
        TEST(test_restart),
        TEST(test_a_filter),
        TEST(test_a_filter_is_not_told_of_others),
        TEST(test_parameters_that_do_not_go_together),
        cmocka_unit_test(test_every_allocation_fails),
    };
    return cmocka_run_group_tests_name("sub", tests, NULL, NULL);
}
