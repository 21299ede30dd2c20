/* Lists in gzip as the API answers them: to whom, which, with what headers, and when not. */
#include "sub_client.h"

static struct vx_test_service s;
static struct vx_test_answer a;

enum { CALLS = 150 };

static void open_with(const char *settings) {
    vx_test_service_open(&s, settings);
    for (unsigned n = 1; n <= CALLS; n++)
        vx_test_apply(&s.world, n % 3 ? VX_EVENT_ANSWER : VX_EVENT_CREATE, n);
}

static int open_service(void **state) {
    (void)state;
    open_with("rate-limit-per-minute=0");
    return 0;
}

static int close_service(void **state) {
    (void)state;
    vx_test_answer_clear(&a);
    vx_test_service_close(&s);
    return 0;
}

static void ask(struct vx_test_ask question) {
    vx_test_answer_clear(&a);
    if (!question.token)
        question.token = "alpha-token";
    vx_test_ask(&s, &question, &a);
}

static bool is_gzip(void) {
    return a.response.content_encoding != NULL;
}

/* What is answered without gzip, then with it, is the same; how long it is without. */
static size_t same(struct vx_test_ask question, bool gzip) {
    char etag[VX_ETAG_SIZE];
    ask(question);
    assert_int_equal(a.response.status, 200);
    assert_false(is_gzip());
    assert_true(a.response.varies);
    char *text = strdup(a.body);
    size_t len = a.len;
    strcpy(etag, a.response.etag);
    question.takes_gzip = true;
    ask(question);
    assert_int_equal(a.response.status, 200);
    if (is_gzip() != gzip)
        fail_msg("%s: %s", question.target, gzip ? "not in gzip" : "in gzip");
    assert_true(a.response.varies);
    assert_string_equal(a.body, text);
    assert_string_equal(a.response.etag, etag);
    if (gzip)
        assert_true(vx_body_len(a.response.body) < len / 3);
    free(text);
    return len;
}

static void test_which_are_in_gzip(void **state) {
    (void)state;
    char old[160];
    same((struct vx_test_ask){.target = ALPHA_CALLS}, true);
    same((struct vx_test_ask){.target = "/v1/Calls", .token = "admin-token"}, true);
    same((struct vx_test_ask){.target = ALPHA_CALLS "?since=0.1"}, true); /* all of it anew */
    assert_int_equal(json_object_array_length(json_object_object_get(a.json, "calls")), CALLS);
    assert_non_null(json_object_object_get(a.json, "reset"));
    /* Others are made for one client alone. */
    same((struct vx_test_ask){.target = ALPHA_CALLS "?state=live"}, false);
    same((struct vx_test_ask){.target = ALPHA_CALLS "?page=1&page_size=100"}, false);
    same((struct vx_test_ask){.target = ALPHA_CALLS "?since=0.1&state=live"}, false);
    ask((struct vx_test_ask){.target = ALPHA_CALLS});
    snprintf(old, sizeof old, ALPHA_CALLS "?since=%.*s", (int)strcspn(a.response.etag + 3, "\""),
             a.response.etag + 3);
    for (unsigned n = 1; n <= CALLS; n++)
        vx_test_apply(&s.world, VX_EVENT_PROGRESS, n);
    same((struct vx_test_ask){.target = old}, false);
    assert_null(json_object_object_get(a.json, "reset"));
    same((struct vx_test_ask){.target = BETA_CALLS, .token = "beta-token"}, false); /* empty */
}

/* RFC 9110, section 8.8.1: one weak tag may stand for both codings, and is good for either. */
static void test_tags_and_304(void **state) {
    (void)state;
    char etag[VX_ETAG_SIZE];
    ask((struct vx_test_ask){.target = ALPHA_CALLS, .takes_gzip = true});
    assert_memory_equal(a.response.etag, "W/\"", 3);
    strcpy(etag, a.response.etag);
    for (unsigned gzip = 0; gzip < 2; gzip++) {
        ask((struct vx_test_ask){.target = ALPHA_CALLS, .takes_gzip = gzip, .if_none_match = etag});
        assert_int_equal(a.response.status, 304);
        assert_true(a.response.varies);
        assert_false(is_gzip());
        assert_string_equal(a.response.etag, etag);
        ask((struct vx_test_ask){.target = ALPHA_CALLS "?wait=5",
                                 .takes_gzip = gzip,
                                 .if_none_match = etag,
                                 .waited = true});
        assert_int_equal(a.response.status, 304);
        assert_true(a.response.varies);
    }
    vx_test_apply(&s.world, VX_EVENT_HANGUP, 3);
    ask((struct vx_test_ask){
        .target = ALPHA_CALLS "?wait=5", .takes_gzip = true, .if_none_match = etag});
    assert_int_equal(a.response.status, 200);
    assert_true(is_gzip());
    assert_string_not_equal(a.response.etag, etag);
    ask((struct vx_test_ask){.target = ALPHA_CALLS, .method = VX_HEAD, .takes_gzip = true});
    assert_true(is_gzip());
}

static uint64_t metric(const char *name) {
    vx_test_answer_clear(&a);
    vx_test_get(&s, "/metrics", "admin-token", 200, &a);
    const char *at = a.body;
    size_t len = strlen(name);
    while ((at = strstr(at, name)) && (at[-1] != '\n' || at[len] != ' '))
        at++;
    if (!at)
        fail_msg("no %s", name);
    return strtoull(at + len + 1, NULL, 10);
}

static void reload(const char *settings) {
    struct vx_config *config = vx_test_config(settings);
    assert_non_null(config);
    assert_true(vx_api_configure(s.api, config));
    vx_config_release(&config);
}

static void test_metrics(void **state) {
    (void)state;
    size_t len = same((struct vx_test_ask){.target = ALPHA_CALLS}, true);
    ask((struct vx_test_ask){.target = ALPHA_CALLS, .takes_gzip = true});
    assert_int_equal(metric("voxeme_gzip_lists_total"), 2);
    assert_in_range(metric("voxeme_gzip_input_bytes_total"), len - 10, len);
    assert_in_range(metric("voxeme_gzip_output_bytes_total"), len / 60, len / 3);
    assert_int_equal(metric("voxeme_gzip_refused_total{reason=\"busy\"}"), 0);
    assert_int_equal(metric("voxeme_gzip_refused_total{reason=\"large\"}"), 0);
    assert_int_equal(metric("voxeme_gzip_refused_total{reason=\"memory\"}"), 0);
}

static void test_off(void **state) {
    (void)state;
    reload("gzip-level=0");
    ask((struct vx_test_ask){.target = ALPHA_CALLS, .takes_gzip = true});
    assert_int_equal(a.response.status, 200);
    assert_false(is_gzip() || a.response.varies);
    assert_int_equal(metric("voxeme_gzip_lists_total"), 0);
    reload("gzip-level=9");
    same((struct vx_test_ask){.target = ALPHA_CALLS}, true);
    reload("gzip-level=0"); /* even what has been made */
    ask((struct vx_test_ask){.target = ALPHA_CALLS, .takes_gzip = true});
    assert_false(is_gzip() || a.response.varies);
}

static void test_over_the_limit_of_a_second(void **state) {
    (void)state;
    for (unsigned n = CALLS + 1; n <= 600; n++)
        vx_test_apply(&s.world, VX_EVENT_CREATE, n);
    reload("rate-limit-per-minute=0;gzip-bytes-per-second=65536");
    same((struct vx_test_ask){.target = ALPHA_CALLS}, false);
    assert_int_equal(metric("voxeme_gzip_refused_total{reason=\"busy\"}"), 1);
    for (unsigned n = 0; n < 5; n++) {
        vx_test_advance(&s.world.time, VX_SECOND_US);
        ask((struct vx_test_ask){.target = ALPHA_CALLS, .takes_gzip = true});
        assert_int_equal(a.response.status, 200);
    }
    same((struct vx_test_ask){.target = ALPHA_CALLS}, true);
}

static unsigned next;

static void change_much(unsigned turn) {
    (void)turn;
    for (unsigned i = 0; i < 40; i++, next++)
        vx_test_apply(&s.world, next < 6000 ? VX_EVENT_PROGRESS : VX_EVENT_ANSWER,
                      CALLS + 1 + next * 997 % 6000);
}

/* A client that takes gzip is answered all the same where no gzip comes about. */
static void test_more_changes_than_is_deflated(void **state) {
    (void)state;
    for (unsigned n = CALLS + 1; n <= CALLS + 6000; n++)
        vx_test_apply(&s.world, VX_EVENT_CREATE, n);
    next = 0;
    ask((struct vx_test_ask){.target = ALPHA_CALLS, .takes_gzip = true, .between = change_much});
    assert_int_equal(a.response.status, 200);
    assert_false(is_gzip());
    assert_int_equal(json_object_array_length(a.json), CALLS + 6000);
    assert_in_range(a.turns, 20, 1000);
    assert_int_equal(metric("voxeme_gzip_refused_total{reason=\"busy\"}"), 1);
    same((struct vx_test_ask){.target = ALPHA_CALLS}, true);
}

static bool left;

/* The client is as good as gone: it has half of the segment's work done, and asks no more. The
 * minute and a half is over at the second tick. */
static void leave(unsigned turn) {
    if (!left || turn != 4)
        return;
    for (unsigned i = 0; i < 3; i++) {
        vx_test_advance(&s.world.time, 46 * VX_SECOND_US);
        while (vx_api_tick(s.api))
            ;
    }
}

/* How much is deflated for one list of calls so long that each segment takes several turns. */
static uint64_t deflated(void) {
    static char name[4096];
    uint64_t bytes;
    open_with("rate-limit-per-minute=0;gzip-level=9;max-field-bytes=4096");
    for (unsigned n = 1; n <= CALLS; n++) {
        struct vx_event e = vx_test_event(VX_EVENT_CREATE, CALLS + n);
        for (size_t i = 0; i < sizeof name - 1; i++)
            name[i] = (char)('a' + (i * n >> 3) % 26);
        e.caller_name = vx_str(name);
        assert_int_equal(vx_registry_apply(s.world.registry, &e), VX_APPLIED);
    }
    /* Who follows the calls keeps their view. */
    struct vx_test_client follower = vx_test_join(&s, ALPHA_CALLS, "alpha-token");
    assert_string_not_equal(vx_test_next(&follower), "");
    ask((struct vx_test_ask){.target = ALPHA_CALLS, .takes_gzip = true, .between = leave});
    assert_true(is_gzip());
    assert_true(a.turns > 8);
    bytes = metric("voxeme_gzip_input_bytes_total");
    vx_test_quit(&follower);
    close_service(NULL);
    return bytes;
}

/* What has been deflated of a segment for a client that left is not kept for the next one. */
static void test_a_client_that_leaves(void **state) {
    uint64_t stays;
    (void)state;
    left = false;
    stays = deflated();
    left = true;
    assert_in_range(deflated(), stays + 32768, stays + 262144);
}

static void starve(void *ctx) {
    const char *target = ctx;
    open_with("rate-limit-per-minute=0");
    struct vx_test_ask question = {.target = target, .token = "alpha-token", .takes_gzip = true};
    vx_test_answer_clear(&a);
    vx_test_arm();
    vx_test_ask_loosely(&s, &question, &a);
    bool failed = vx_test_disarm();
    assert_true(a.response.status == 200 || (failed && a.response.status >= 500));
    assert_true(failed || is_gzip());
    vx_response_clear(&a.response);
    a = (struct vx_test_answer){.body = NULL};
    same((struct vx_test_ask){.target = target}, true);
    close_service(NULL);
}

static void test_every_allocation_fails(void **state) {
    (void)state;
    static char whole[] = ALPHA_CALLS, reset[] = ALPHA_CALLS "?since=0.1";
    vx_test_every_allocation_fails(starve, whole, false);
    vx_test_every_allocation_fails(starve, reset, false);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_service, close_service)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_which_are_in_gzip),
        TEST(test_tags_and_304),
        TEST(test_metrics),
        TEST(test_off),
        TEST(test_over_the_limit_of_a_second),
        TEST(test_more_changes_than_is_deflated),
        cmocka_unit_test(test_a_client_that_leaves),
        cmocka_unit_test(test_every_allocation_fails),
    };
    return cmocka_run_group_tests_name("api_gzip", tests, NULL, NULL);
}
