/* Polling: entity tags, conditional and held requests, what changed since, the end of retention. */
#include "api_support.h"

static struct vx_test_service s;
static struct vx_test_answer a;

static int open_service(void **state) {
    (void)state;
    vx_test_service_open(&s, "rate-limit-per-minute=0");
    return 0;
}

static int close_service(void **state) {
    (void)state;
    vx_test_answer_clear(&a);
    vx_test_service_close(&s);
    return 0;
}

static unsigned ask(struct vx_test_ask q) {
    if (!q.token)
        q.token = "alpha-token";
    vx_test_answer_clear(&a);
    vx_test_ask(&s, &q, &a);
    return a.response.status;
}

static unsigned get(const char *target) {
    return ask((struct vx_test_ask){.target = target});
}

/* The list if it is no longer that of `etag`. */
static unsigned get_if_none_match(const char *etag) {
    return ask((struct vx_test_ask){.target = ALPHA_CALLS, .if_none_match = etag});
}

static const char *etag_now(void) {
    static char text[VX_ETAG_SIZE];
    snprintf(text, sizeof text, "W/\"%s.%llu\"", vx_registry_epoch(s.world.registry),
             (unsigned long long)vx_scope_revision(s.world.alpha));
    return text;
}

/* "e.r" of the account now. */
static const char *revision_now(void) {
    static char text[VX_ETAG_SIZE];
    snprintf(text, sizeof text, "%s.%llu", vx_registry_epoch(s.world.registry),
             (unsigned long long)vx_scope_revision(s.world.alpha));
    return text;
}

/* --- entity tags --- */

static void test_etag_is_epoch_and_revision(void **state) {
    (void)state;
    assert_int_equal(get(ALPHA_CALLS), 200);
    assert_string_equal(a.response.etag, etag_now());
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    assert_int_equal(get(ALPHA_CALLS), 200);
    assert_string_equal(a.response.etag, etag_now());
    struct vx_event other = vx_test_event_of(BETA_SID, VX_EVENT_CREATE, 2);
    vx_registry_apply(s.world.registry, &other);
    assert_int_equal(get(ALPHA_CALLS), 200);
    assert_string_equal(a.response.etag, etag_now());
    assert_int_equal(get(ALPHA_CALLS "?state=live"), 200);
    assert_string_equal(a.response.etag, etag_now());
}

static void test_not_modified(void **state) {
    (void)state;
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    char etag[VX_ETAG_SIZE];
    strcpy(etag, etag_now());
    assert_int_equal(get_if_none_match(etag), 304);
    assert_null(a.response.body);
    assert_string_equal(a.response.etag, etag);
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1); /* nothing new in it */
    assert_int_equal(get_if_none_match(etag), 304);
    vx_test_apply(&s.world, VX_EVENT_PROGRESS, 1);
    assert_int_equal(get_if_none_match(etag), 200);
    assert_string_not_equal(a.response.etag, etag);
}

/* RFC 9110, section 13.1.2. */
static void test_if_none_match_forms(void **state) {
    (void)state;
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    char text[256], etag[VX_ETAG_SIZE];
    strcpy(etag, etag_now());
    assert_int_equal(get_if_none_match("*"), 304);
    assert_int_equal(get_if_none_match(etag + 2), 304); /* compared weakly */
    snprintf(text, sizeof text, "\"a\", W/\"b\" ,%s", etag);
    assert_int_equal(get_if_none_match(text), 304);
    snprintf(text, sizeof text, "%s, \"a\"", etag);
    assert_int_equal(get_if_none_match(text), 304);
    static const char *const others[] = {"",   "\"\"",    "W/\"\"", "W/\"0.1\"",
                                         "W/", "garbage", "\"",     ","};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(get_if_none_match(others[i]), 200);
    snprintf(text, sizeof text, "W/\"%s0\"", revision_now()); /* only begins alike */
    assert_int_equal(get_if_none_match(text), 200);
    snprintf(text, sizeof text, "W/\"x%s\"", revision_now());
    assert_int_equal(get_if_none_match(text), 200);
}

/* --- what changed since --- */

static unsigned since(const char *from) {
    char target[256];
    snprintf(target, sizeof target, ALPHA_CALLS "?since=%s", from);
    return get(target);
}

static void is_delta(const char *calls, const char *removed) {
    struct json_object *list;
    assert_false(json_object_object_get_ex(a.json, "reset", NULL));
    assert_string_equal(vx_test_string(a.json, "revision"), revision_now());
    assert_true(json_object_object_get_ex(a.json, "calls", &list));
    assert_string_equal(vx_test_numbers(list), calls);
    assert_true(json_object_object_get_ex(a.json, "removed", &list));
    assert_string_equal(vx_test_numbers(list), removed);
}

static void is_reset(const char *calls) {
    struct json_object *value;
    assert_true(json_object_object_get_ex(a.json, "reset", &value));
    assert_true(json_object_get_boolean(value));
    assert_string_equal(vx_test_string(a.json, "revision"), revision_now());
    assert_true(json_object_object_get_ex(a.json, "calls", &value));
    assert_string_equal(vx_test_numbers(value), calls);
    assert_false(json_object_object_get_ex(a.json, "removed", NULL));
}

static void test_since(void **state) {
    (void)state;
    char mark[VX_ETAG_SIZE];
    strcpy(mark, revision_now());
    assert_int_equal(since(mark), 200);
    is_delta("", "");
    for (unsigned n = 1; n <= 3; n++)
        vx_test_apply(&s.world, VX_EVENT_CREATE, n);
    assert_int_equal(since(mark), 200);
    is_delta("3 2 1", "");
    strcpy(mark, revision_now());
    assert_int_equal(since(mark), 200);
    is_delta("", "");
    vx_test_apply(&s.world, VX_EVENT_PROGRESS, 2);
    vx_test_apply(&s.world, VX_EVENT_ANSWER, 2); /* once, in its newest state */
    assert_int_equal(since(mark), 200);
    is_delta("2", "");
    assert_non_null(strstr(a.body, "in-progress"));
    assert_null(strstr(a.body, "ringing"));
}

static void test_since_tells_removals(void **state) {
    (void)state;
    vx_test_apply(&s.world, VX_EVENT_HANGUP, 1);
    vx_test_apply(&s.world, VX_EVENT_CREATE, 2);
    char mark[VX_ETAG_SIZE];
    strcpy(mark, revision_now());
    vx_test_advance(&s.world.time, 600 * VX_SECOND_US);
    vx_registry_expire(s.world.registry, 0);
    assert_int_equal(since(mark), 200);
    is_delta("", "1");
    assert_int_equal(get(ALPHA_CALLS), 200);
    assert_string_equal(vx_test_numbers(a.json), "2");
}

static void test_since_tells_a_call_that_moved_away(void **state) {
    (void)state;
    struct vx_event e = vx_test_event_of("", VX_EVENT_CREATE, 1);
    e.evidence.accountcode = VX_STR("alpha");
    vx_registry_apply(s.world.registry, &e);
    char mark[VX_ETAG_SIZE];
    strcpy(mark, revision_now());
    e = vx_test_event_of(BETA_SID, VX_EVENT_UPDATE, 1);
    vx_registry_apply(s.world.registry, &e);
    assert_int_equal(since(mark), 200);
    is_delta("", "1");
    assert_null(strstr(a.body, BETA_SID));
    struct vx_test_ask q = {.target = BETA_CALLS, .token = "beta-token"};
    assert_int_equal(ask(q), 200);
    assert_string_equal(vx_test_numbers(a.json), "1");
}

/* Away and back between two polls, and over: the filter no longer lets it through. */
static void test_since_with_a_filter_tells_a_call_that_came_back(void **state) {
    (void)state;
    struct vx_event e = vx_test_event_of("", VX_EVENT_CREATE, 1);
    e.evidence.accountcode = VX_STR("alpha");
    vx_registry_apply(s.world.registry, &e);
    char target[256];
    snprintf(target, sizeof target, ALPHA_CALLS "?state=live&since=%s", revision_now());
    e.type = VX_EVENT_UPDATE;
    e.evidence.header = VX_STR(BETA_SID);
    assert_true(vx_addr_parse(&e.evidence.source, VX_STR("127.0.0.1")));
    vx_registry_apply(s.world.registry, &e);
    e.evidence.variable = VX_STR(ALPHA_SID);
    vx_registry_apply(s.world.registry, &e);
    assert_int_equal(get(target), 200);
    is_delta("1", "");
    e.type = VX_EVENT_HANGUP;
    vx_registry_apply(s.world.registry, &e);
    assert_int_equal(get(target), 200);
    is_delta("", "1");
}

static void test_since_another_epoch(void **state) {
    (void)state;
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    assert_int_equal(since("0123456789abcdef.0"), 200);
    is_reset("1");
    char future[VX_ETAG_SIZE];
    snprintf(future, sizeof future, "%s.999", vx_registry_epoch(s.world.registry));
    assert_int_equal(since(future), 200); /* never given out by this server */
    is_reset("1");
}

static void test_since_too_old(void **state) {
    (void)state;
    vx_test_answer_clear(&a);
    vx_test_service_close(&s);
    vx_test_service_open(&s, "max-removed=16;rate-limit-per-minute=0");
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    char mark[VX_ETAG_SIZE];
    strcpy(mark, revision_now());
    for (unsigned n = 2; n <= 60; n++)
        vx_test_apply(&s.world, VX_EVENT_HANGUP, n);
    vx_test_advance(&s.world.time, 600 * VX_SECOND_US);
    vx_registry_expire(s.world.registry, 0);
    assert_int_equal(since(mark), 200);
    is_reset("1");
    struct vx_registry_stats stats;
    vx_registry_stats(s.world.registry, &stats);
    assert_int_equal(stats.expired, 59);
    assert_int_equal(stats.forgotten, 59 - 16);
    struct vx_test_ask metrics = {.target = "/metrics", .token = "admin-token"};
    vx_test_answer_clear(&a);
    vx_test_ask(&s, &metrics, &a);
    assert_non_null(strstr(a.body, "\nvoxeme_removals_forgotten_total 43\n"));
    strcpy(mark, revision_now());
    assert_int_equal(since(mark), 200);
    is_delta("", "");
}

static void test_since_malformed(void **state) {
    (void)state;
    static const char *const bad[] = {"",   ".",     "abc",    "1",      "abc.",
                                      ".5", "abc.x", "abc.-1", "abc.1.2"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (since(bad[i]) != 400)
            fail_msg("since=%s: %u", bad[i], a.response.status);
        assert_non_null(strstr(a.body, "since"));
    }
}

/* Who follows a filter must hear of calls that no longer pass it, and of no others. */
static void test_since_with_a_filter(void **state) {
    (void)state;
    char mark[VX_ETAG_SIZE], target[256];
    for (unsigned n = 1; n <= 3; n++)
        vx_test_apply(&s.world, VX_EVENT_CREATE, n);
    strcpy(mark, revision_now());
    vx_test_apply(&s.world, VX_EVENT_HANGUP, 2); /* live no more */
    vx_test_apply(&s.world, VX_EVENT_ANSWER, 3);
    vx_test_apply(&s.world, VX_EVENT_HANGUP, 4); /* came and ended: never seen as live */
    vx_test_apply(&s.world, VX_EVENT_CREATE, 5);
    snprintf(target, sizeof target, ALPHA_CALLS "?state=live&since=%s", mark);
    assert_int_equal(get(target), 200);
    is_delta("5 3", "2");
    snprintf(target, sizeof target, ALPHA_CALLS "?state=ended&since=%s", mark);
    assert_int_equal(get(target), 200);
    struct json_object *list;
    assert_true(json_object_object_get_ex(a.json, "calls", &list));
    assert_string_equal(vx_test_numbers(list), "4 2");
    assert_int_equal(get(ALPHA_CALLS "?state=live&since=0.0"), 200);
    is_reset("5 3 1");
}

static void test_since_does_not_page(void **state) {
    (void)state;
    assert_int_equal(get(ALPHA_CALLS "?since=0.0&page=1&page_size=5"), 400);
}

/* A client that applies every delta holds what the list says, always. */
/* Those who ask for the same changes get the same bytes, made once. */
static void test_since_is_shared(void **state) {
    (void)state;
    char target[128], filtered[160];
    struct vx_test_answer other;
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    snprintf(target, sizeof target, ALPHA_CALLS "?since=%s", revision_now());
    snprintf(filtered, sizeof filtered, "%s&state=ended", target);
    vx_test_apply(&s.world, VX_EVENT_CREATE, 2);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(get(target), 200);
        vx_test_get(&s, target, "alpha-token", 200, &other);
        assert_ptr_equal(a.response.body, other.response.body);
        vx_test_answer_clear(&other);
        vx_test_get(&s, filtered, "alpha-token", 200, &other);
        assert_ptr_not_equal(a.response.body, other.response.body);
        vx_test_answer_clear(&other);
        is_delta(round ? "2 1" : "2", "");
        vx_test_apply(&s.world, VX_EVENT_PROGRESS, 1);
        vx_test_apply(&s.world, VX_EVENT_PROGRESS, 2);
    }
}

/* However much there is to be made, no turn takes long, and the answer is the same. */
static void test_large_answers_take_turns(void **state) {
    (void)state;
    enum { CALLS = 3000 };
    char mark[VX_ETAG_SIZE], target[128];
    strcpy(mark, revision_now());
    for (unsigned n = 1; n <= CALLS; n++)
        vx_test_apply(&s.world, VX_EVENT_CREATE, n);
    static const char *const queries[] = {"?since=%s", "?state=live", "?since=0.0",
                                          "?since=0.0&state=live", ""};
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        struct json_object *list;
        close_service(NULL);
        vx_test_service_open(&s, "rate-limit-per-minute=1");
        strcpy(mark, revision_now());
        for (unsigned n = 1; n <= CALLS; n++)
            vx_test_apply(&s.world, VX_EVENT_CREATE, n);
        snprintf(target, sizeof target, ALPHA_CALLS);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(target + strlen(target), 64, queries[i], mark);
#pragma GCC diagnostic pop
        assert_int_equal(get(target), 200); /* counted once by the rate limit */
        assert_in_range(a.turns, 4, 12);
        if (!json_object_is_type(a.json, json_type_object))
            list = a.json;
        else
            assert_true(json_object_object_get_ex(a.json, "calls", &list));
        assert_int_equal(json_object_array_length(list), CALLS);
        assert_string_equal(vx_test_string(json_object_array_get_idx(list, 0), "call_sid") + 28,
                            "00000bb8");
    }
}

/* Calls end, come and go while their list is being made: what it says is true at its revision. */
static void change_between_turns(unsigned turn) {
    for (unsigned n = turn; n <= 3000; n += 211)
        vx_test_apply(&s.world, VX_EVENT_HANGUP, n);
    vx_test_apply(&s.world, VX_EVENT_CREATE, 5000 + turn);
}

static void test_a_filter_in_turns_is_exact(void **state) {
    (void)state;
    static const char *const queries[] = {
        ALPHA_CALLS "?state=live", ALPHA_CALLS "?since=0.0&state=live", ALPHA_CALLS "?state=ended",
        ALPHA_CALLS "?page=3&page_size=7"};
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        close_service(NULL);
        vx_test_service_open(&s, "rate-limit-per-minute=0");
        for (unsigned n = 1; n <= 3000; n++)
            vx_test_apply(&s.world, VX_EVENT_CREATE, n);
        for (unsigned n = 1; n <= 3000; n += 3)
            vx_test_apply(&s.world, VX_EVENT_PROGRESS, n);
        assert_int_equal(
            ask((struct vx_test_ask){.target = queries[i], .between = change_between_turns}), 200);
        assert_true(a.turns >= (i < 2 ? 5 : 2)); /* two of them to take up the calls */
        assert_string_equal(a.response.etag, etag_now());
        char *once = a.body;
        a.body = NULL;
        assert_int_equal(get(queries[i]), 200); /* in peace */
        assert_string_equal(a.body, once);
        free(once);
    }
}

static void test_replaying_deltas_gives_the_list(void **state) {
    (void)state;
    struct vx_test_random r = vx_test_random_start("deltas");
    bool there[64] = {false}, dead[64] = {false};
    char mark[VX_ETAG_SIZE];
    strcpy(mark, revision_now());
    for (int step = 0; step < 400; step++) {
        for (unsigned k = vx_test_random(&r, 4); k > 0; k--) {
            unsigned n = 1 + vx_test_random(&r, 63);
            if (dead[n])
                continue;
            bool over = vx_test_random(&r, 3) == 0;
            vx_test_apply(&s.world, over ? VX_EVENT_HANGUP : VX_EVENT_ANSWER, n);
        }
        if (vx_test_random(&r, 10) == 0) {
            vx_test_advance(&s.world.time, 200 * VX_SECOND_US);
            vx_registry_expire(s.world.registry, 0);
        }
        assert_int_equal(since(mark), 200);
        struct json_object *list;
        assert_false(json_object_object_get_ex(a.json, "reset", NULL));
        json_object_object_get_ex(a.json, "calls", &list);
        for (size_t i = 0; i < json_object_array_length(list); i++) {
            const char *sid = vx_test_string(json_object_array_get_idx(list, i), "call_sid");
            there[strtoul(sid + 28, NULL, 16)] = true;
        }
        json_object_object_get_ex(a.json, "removed", &list);
        for (size_t i = 0; i < json_object_array_length(list); i++) {
            const char *sid = json_object_get_string(json_object_array_get_idx(list, i));
            there[strtoul(sid + 28, NULL, 16)] = false;
            dead[strtoul(sid + 28, NULL, 16)] = true;
        }
        snprintf(mark, sizeof mark, "%s", vx_test_string(a.json, "revision"));
        assert_int_equal(get(ALPHA_CALLS), 200);
        bool listed[64] = {false};
        for (size_t i = 0; i < json_object_array_length(a.json); i++) {
            const char *sid = vx_test_string(json_object_array_get_idx(a.json, i), "call_sid");
            listed[strtoul(sid + 28, NULL, 16)] = true;
        }
        assert_memory_equal(listed, there, sizeof there);
    }
}

/* --- held requests --- */

static struct vx_test_ask wait_for(const char *seconds, const char *etag) {
    static char target[128];
    snprintf(target, sizeof target, ALPHA_CALLS "?wait=%s", seconds);
    return (struct vx_test_ask){.target = target, .if_none_match = etag};
}

static void test_wait_holds_until_something_changes(void **state) {
    (void)state;
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    char etag[VX_ETAG_SIZE];
    strcpy(etag, etag_now());
    struct vx_test_ask q = wait_for("25", etag);
    assert_int_equal(ask(q), 0);
    assert_int_equal(a.response.hold.seconds, 25);
    assert_int_equal(a.response.hold.revision, vx_scope_revision(s.world.alpha));
    assert_ptr_equal(a.response.hold.scope, s.world.alpha);
    assert_null(a.response.body);
    q.counted = true;
    assert_int_equal(ask(q), 0); /* asked again too early: still held */
    vx_test_apply(&s.world, VX_EVENT_ANSWER, 1);
    assert_int_not_equal(vx_scope_revision(s.world.alpha), 0);
    assert_int_equal(ask(q), 200);
    assert_string_equal(a.response.etag, etag_now());
    assert_string_equal(vx_test_numbers(a.json), "1");
}

static void test_wait_is_over(void **state) {
    (void)state;
    char etag[VX_ETAG_SIZE];
    strcpy(etag, etag_now());
    struct vx_test_ask q = wait_for("1", etag);
    assert_int_equal(ask(q), 0);
    assert_int_equal(a.response.hold.seconds, 1);
    q.waited = q.counted = true;
    assert_int_equal(ask(q), 304);
    assert_string_equal(a.response.etag, etag);
}

static void test_wait_with_another_etag_answers_at_once(void **state) {
    (void)state;
    assert_int_equal(ask(wait_for("60", "W/\"0.0\"")), 200);
    assert_int_equal(ask(wait_for("60", NULL)), 200); /* nothing to compare with */
}

static void test_wait_for_what_is_since(void **state) {
    (void)state;
    char target[256];
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    snprintf(target, sizeof target, ALPHA_CALLS "?wait=30&since=%s", revision_now());
    struct vx_test_ask q = {.target = target, .if_none_match = etag_now()};
    char etag[VX_ETAG_SIZE];
    strcpy(etag, etag_now());
    q.if_none_match = etag;
    assert_int_equal(ask(q), 0);
    assert_int_equal(a.response.hold.seconds, 30);
    vx_test_apply(&s.world, VX_EVENT_ANSWER, 1);
    assert_int_equal(ask(q), 200);
    is_delta("1", "");
}

static void test_wait_of_an_admin(void **state) {
    (void)state;
    struct vx_test_ask q = {.target = "/v1/Calls", .token = "admin-token"};
    assert_int_equal(ask(q), 200);
    char etag[VX_ETAG_SIZE];
    strcpy(etag, a.response.etag);
    q.target = "/v1/Calls?wait=60";
    q.if_none_match = etag;
    assert_int_equal(ask(q), 0);
    assert_ptr_equal(a.response.hold.scope, s.world.all);
    struct vx_event unassigned = vx_test_event_of(NULL, VX_EVENT_CREATE, 1);
    vx_registry_apply(s.world.registry, &unassigned);
    assert_int_equal(ask(q), 200);
}

static void test_bad_waits(void **state) {
    (void)state;
    static const char *const bad[] = {"0", "61", "-1", "", "x", "1.5", "99999999999999999999",
                                      "5s"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (ask(wait_for(bad[i], etag_now())) != 400)
            fail_msg("wait=%s: %u", bad[i], a.response.status);
        assert_non_null(strstr(a.body, "wait"));
    }
    assert_int_equal(ask(wait_for("60", etag_now())), 0);
}

static void test_a_held_request_needs_its_token(void **state) {
    (void)state;
    struct vx_test_ask q = wait_for("5", etag_now());
    q.token = "beta-token";
    assert_int_equal(ask(q), 403);
    q.token = "wrong";
    assert_int_equal(ask(q), 401);
}

/* --- retention --- */

static void test_listed_at_599_s_gone_at_600(void **state) {
    (void)state;
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    vx_test_apply(&s.world, VX_EVENT_ANSWER, 1);
    vx_test_apply(&s.world, VX_EVENT_HANGUP, 1);
    vx_test_advance(&s.world.time, 599 * VX_SECOND_US);
    vx_registry_expire(s.world.registry, 0);
    assert_int_equal(get(ALPHA_CALLS), 200);
    assert_string_equal(vx_test_numbers(a.json), "1");
    assert_int_equal(get(ALPHA_CALLS "/ca110000-0000-4000-8000-000000000001"), 200);
    vx_test_advance(&s.world.time, VX_SECOND_US);
    vx_registry_expire(s.world.registry, 0);
    assert_int_equal(get(ALPHA_CALLS), 200);
    assert_string_equal(a.body, "[]");
    assert_int_equal(get(ALPHA_CALLS "/ca110000-0000-4000-8000-000000000001"), 404);
    struct vx_test_ask q = {.target = "/v1/Calls", .token = "admin-token"};
    assert_int_equal(ask(q), 200);
    assert_string_equal(a.body, "[]");
}

/* "and never a moment longer": even when nobody has called vx_registry_expire() yet. */
static void test_gone_at_600_s_without_a_tick(void **state) {
    (void)state;
    vx_test_apply(&s.world, VX_EVENT_HANGUP, 1);
    assert_int_equal(get(ALPHA_CALLS), 200);
    char etag[VX_ETAG_SIZE];
    strcpy(etag, a.response.etag);
    vx_test_advance(&s.world.time, 600 * VX_SECOND_US);
    assert_int_equal(get_if_none_match(etag), 200);
    assert_string_equal(a.body, "[]");
    assert_int_equal(get(ALPHA_CALLS "/ca110000-0000-4000-8000-000000000001"), 404);
}

static void test_after_an_hour_alone_nothing_is_held(void **state) {
    (void)state;
    for (unsigned n = 1; n <= 2000; n++)
        vx_test_apply(&s.world, VX_EVENT_HANGUP, n);
    assert_int_equal(get(ALPHA_CALLS), 200);
    vx_test_answer_clear(&a);
    assert_true(vx_body_memory() > 0); /* kept for the next who asks */
    for (int i = 0; i < 360; i++) {
        vx_test_advance(&s.world.time, 10 * VX_SECOND_US);
        vx_registry_expire(s.world.registry, 0);
        vx_api_tick(s.api);
    }
    assert_int_equal(vx_test_calls(&s.world), 0);
    assert_true(vx_body_memory() < 65536); /* the OpenAPI document may stay */
    assert_int_equal(get(ALPHA_CALLS), 200);
    assert_string_equal(a.body, "[]");
}

/* --- waking whoever waits --- */

static void count_wake(void *ctx) {
    ++*(unsigned *)ctx;
    vx_registry_woken(s.world.registry);
}

static unsigned wakes_of_a_change(unsigned n) {
    unsigned woken = 0;
    vx_registry_set_wake(s.world.registry, count_wake, &woken);
    vx_test_apply(&s.world, VX_EVENT_CREATE, n);
    vx_registry_set_wake(s.world.registry, NULL, NULL);
    return woken;
}

static void pass(unsigned seconds) {
    for (unsigned i = 0; i < seconds; i++) {
        vx_test_advance(&s.world.time, VX_SECOND_US);
        vx_api_tick(s.api);
        if (i % 10 == 0) /* somebody polls all the time */
            assert_int_equal(get(ALPHA_CALLS), 200);
    }
}

/* Host threads do without the system call where clients only ask now and then. */
static void test_only_those_who_wait_are_woken(void **state) {
    (void)state;
    assert_int_equal(get(ALPHA_CALLS), 200);
    assert_int_equal(wakes_of_a_change(1), 0);
    assert_int_equal(get(ALPHA_CALLS), 200);
    assert_int_equal(
        ask((struct vx_test_ask){.target = ALPHA_CALLS "?wait=60", .if_none_match = etag_now()}),
        0);
    assert_int_equal(wakes_of_a_change(2), 1);
    pass(60); /* the longest wait there is */
    assert_int_equal(wakes_of_a_change(3), 1);
    pass(60);
    assert_int_equal(wakes_of_a_change(4), 0);
    assert_int_equal(
        ask((struct vx_test_ask){.target = ALPHA_CALLS "?wait=1", .if_none_match = etag_now()}), 0);
    assert_int_equal(wakes_of_a_change(5), 1);
}

static void test_streams_are_woken_for_as_long_as_they_last(void **state) {
    (void)state;
    assert_int_equal(get(ALPHA_CALLS), 200);
    assert_int_equal(ask((struct vx_test_ask){.target = ALPHA_CALLS, .stream = true}), 200);
    struct vx_sub *sub = a.response.sub;
    a.response.sub = NULL;
    assert_non_null(sub);
    pass(300);
    assert_int_equal(wakes_of_a_change(1), 1);
    vx_sub_release(&sub);
    pass(100);
    assert_int_equal(wakes_of_a_change(2), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_service, close_service)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_etag_is_epoch_and_revision),
        TEST(test_not_modified),
        TEST(test_if_none_match_forms),
        TEST(test_since),
        TEST(test_since_tells_removals),
        TEST(test_since_tells_a_call_that_moved_away),
        TEST(test_since_with_a_filter_tells_a_call_that_came_back),
        TEST(test_since_another_epoch),
        TEST(test_since_too_old),
        TEST(test_since_malformed),
        TEST(test_since_with_a_filter),
        TEST(test_since_does_not_page),
        TEST(test_since_is_shared),
        TEST(test_large_answers_take_turns),
        TEST(test_a_filter_in_turns_is_exact),
        TEST(test_replaying_deltas_gives_the_list),
        TEST(test_wait_holds_until_something_changes),
        TEST(test_wait_is_over),
        TEST(test_wait_with_another_etag_answers_at_once),
        TEST(test_wait_for_what_is_since),
        TEST(test_wait_of_an_admin),
        TEST(test_bad_waits),
        TEST(test_a_held_request_needs_its_token),
        TEST(test_only_those_who_wait_are_woken),
        TEST(test_streams_are_woken_for_as_long_as_they_last),
        TEST(test_listed_at_599_s_gone_at_600),
        TEST(test_gone_at_600_s_without_a_tick),
        TEST(test_after_an_hour_alone_nothing_is_held),
    };
    return cmocka_run_group_tests_name("api_poll", tests, NULL, NULL);
}
