/* Who may ask what: the table of answers, tokens, isolation of accounts, rate limits. */
#include "api_support.h"

static struct vx_test_service s;
static struct vx_test_answer a;

static int open_service(void **state) {
    (void)state;
    vx_test_service_open(&s, NULL);
    return 0;
}

static int close_service(void **state) {
    (void)state;
    vx_test_service_close(&s);
    return 0;
}

static unsigned ask(enum vx_method method, const char *target, const char *token) {
    struct vx_test_ask q = {.method = method, .target = target, .token = token};
    vx_test_answer_clear(&a);
    vx_test_ask(&s, &q, &a);
    return a.response.status;
}

static void forget(void) {
    vx_test_answer_clear(&a);
}

static void test_no_credentials(void **state) {
    (void)state;
    static const char *const targets[] = {ALPHA_CALLS, "/v1/Calls", "/metrics",
                                          "/v1/Accounts/" ALPHA_SID "/CallCount"};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        assert_int_equal(ask(VX_GET, targets[i], NULL), 401);
        assert_string_equal(a.response.challenge, "Bearer realm=\"voxeme\"");
    }
    forget();
}

static void test_unknown_token(void **state) {
    (void)state;
    static const char *const tokens[] = {"x", "alpha-tokem", "ALPHA-TOKEN", "alpha-toke",
                                         ALPHA_SHA};
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        assert_int_equal(ask(VX_GET, ALPHA_CALLS, tokens[i]), 401);
        assert_non_null(strstr(a.response.challenge, "Bearer realm=\"voxeme\""));
        assert_non_null(strstr(a.response.challenge, "error=\"invalid_token\""));
    }
    forget();
}

static void test_authorization_header(void **state) {
    (void)state;
    static const struct {
        const char *header;
        unsigned status;
    } rows[] = {
        {"Bearer alpha-token", 200},
        {"bearer alpha-token", 200},
        {"BEARER alpha-token", 200},
        {"", 401},
        {"Bearer", 401},
        {"Bearer ", 401},
        {"alpha-token", 401},
        {"Basic alpha-token", 401},
        {"Beareralpha-token", 401},
        {"Bearer alpha-token x", 401},
        {"Token alpha-token", 401},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct vx_test_ask q = {.target = ALPHA_CALLS, .authorization = rows[i].header};
        vx_test_ask(&s, &q, &a);
        if (a.response.status != rows[i].status)
            fail_msg("\"%s\": %u", rows[i].header, a.response.status);
        forget();
    }
}

/* No oracle: nobody can tell an account of others from one that does not exist. */
static void test_other_and_unknown_account_look_alike(void **state) {
    (void)state;
    static const char *const suffixes[] = {"/Calls", "/CallCount",
                                           "/Calls/ca110000-0000-4000-8000-000000000001"};
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1); /* alpha's */
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        char other[128], unknown[128];
        snprintf(other, sizeof other, "/v1/Accounts/" ALPHA_SID "%s", suffixes[i]);
        snprintf(unknown, sizeof unknown, "/v1/Accounts/" NOBODY "%s", suffixes[i]);
        assert_int_equal(ask(VX_GET, other, "beta-token"), 403);
        assert_string_equal(a.body, "{\"msg\":\"insufficient permissions\"}");
        assert_int_equal(ask(VX_GET, unknown, "beta-token"), 403);
        assert_string_equal(a.body, "{\"msg\":\"insufficient permissions\"}");
    }
    forget();
}

static void test_admin_scope(void **state) {
    (void)state;
    assert_int_equal(ask(VX_GET, "/v1/Calls", "admin-token"), 200);
    assert_int_equal(ask(VX_GET, ALPHA_CALLS, "admin-token"), 200);
    assert_int_equal(ask(VX_GET, BETA_CALLS, "admin-token"), 200);
    assert_int_not_equal(ask(VX_GET, CALLS_OF(NOBODY), "admin-token"), 200);
    assert_int_equal(ask(VX_GET, "/v1/Calls", "alpha-token"), 403);
    assert_int_equal(ask(VX_GET, "/metrics", "alpha-token"), 403);
    forget();
}

static void test_malformed_sid(void **state) {
    (void)state;
    assert_int_equal(ask(VX_GET, "/v1/Accounts/alpha/Calls", "alpha-token"), 400);
    assert_non_null(strstr(a.body, "account_sid"));
    assert_int_equal(ask(VX_GET, ALPHA_CALLS "/17", "alpha-token"), 400);
    assert_non_null(strstr(a.body, "call_sid"));
    assert_int_equal(ask(VX_GET, ALPHA_CALLS "/ca110000-0000-4000-8000-00000000000", "alpha-token"),
                     400);
    assert_int_equal(
        ask(VX_GET, ALPHA_CALLS "/ca110000%2D0000-4000-8000-00000000000g", "alpha-token"), 400);
    forget();
}

static void test_a_slash_at_the_end(void **state) {
    (void)state;
    assert_int_equal(ask(VX_GET, ALPHA_CALLS "/", "alpha-token"), 200);
    assert_int_equal(ask(VX_GET, "/v1/Calls/", "admin-token"), 200);
    assert_int_equal(ask(VX_GET, ALPHA_CALLS "//", "alpha-token"), 404);
    assert_int_equal(ask(VX_GET, "/v1/Calls//", "admin-token"), 404);
    forget();
}

static void test_unknown_paths(void **state) {
    (void)state;
    static const char *const paths[] = {"/v1",
                                        "/v1/",
                                        "/v1/Accounts",
                                        "/v1/Accounts/" ALPHA_SID,
                                        "/v1/Accounts/" ALPHA_SID "/",
                                        "/v1/Accounts/" ALPHA_SID "/calls",
                                        "/v1/Accounts/" ALPHA_SID "/Calls/x/y",
                                        "/v2/Accounts/" ALPHA_SID "/Calls",
                                        "/v1/Accounts/" ALPHA_SID "/Queues",
                                        "/v1/Callss",
                                        "/v1/openapi.jso",
                                        "/healthz2",
                                        "//v1/Calls",
                                        "/v1//Calls",
                                        ""};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        unsigned status = ask(VX_GET, paths[i], "alpha-token");
        if (status != 404)
            fail_msg("%s: %u", paths[i], status);
    }
    forget();
}

static void test_unknown_call(void **state) {
    (void)state;
    assert_int_equal(
        ask(VX_GET, ALPHA_CALLS "/ca110000-0000-4000-8000-000000000009", "alpha-token"), 404);
    forget();
}

static void test_wrong_method(void **state) {
    (void)state;
    static const char *const paths[] = {
        ALPHA_CALLS, "/v1/Calls", "/v1/Accounts/" ALPHA_SID "/CallCount",
        "/healthz",  "/metrics",  "/v1/openapi.json"};
    static const enum vx_method methods[] = {VX_POST, VX_PUT, VX_DELETE, VX_PATCH, VX_OTHER};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        for (size_t m = i == 0; m < sizeof methods / sizeof *methods; m++) { /* calls are made */
            assert_int_equal(ask(methods[m], paths[i], "admin-token"), 405);
            assert_non_null(strstr(a.response.allow, "GET"));
            assert_non_null(strstr(a.response.allow, "HEAD"));
            assert_non_null(strstr(a.response.allow, "OPTIONS"));
            assert_null(strstr(a.response.allow, "PATCH"));
        }
    }
    assert_int_equal(ask(VX_POST, "/nowhere", "admin-token"), 404);
    forget();
}

static void test_options_needs_no_token(void **state) {
    (void)state;
    static const char *const paths[] = {ALPHA_CALLS, "/v1/Calls", "/v1/openapi.json",
                                        ALPHA_CALLS "/ca110000-0000-4000-8000-000000000001"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        unsigned status = ask(VX_OPTIONS, paths[i], NULL);
        assert_true(status == 204 || status == 200);
        assert_true(a.response.preflight);
        assert_non_null(strstr(a.response.allow, "GET"));
    }
    assert_int_equal(ask(VX_GET, ALPHA_CALLS, "alpha-token"), 200);
    assert_false(a.response.preflight);
    assert_int_equal(ask(VX_OPTIONS, "/nowhere", NULL), 404);
    forget();
}

/* Of the server as a whole (RFC 9110, section 9.3.7): what it knows anywhere. */
static void test_options_of_the_server(void **state) {
    (void)state;
    assert_int_equal(ask(VX_OPTIONS, "*", NULL), 204);
    assert_string_equal(a.response.allow, "GET, HEAD, POST, PUT, DELETE, OPTIONS");
    assert_false(a.response.preflight);
    assert_int_equal(ask(VX_GET, "*", "alpha-token"), 404);
    assert_int_equal(ask(VX_OPTIONS, "/*", NULL), 404);
    forget();
}

/* A path is split before it is decoded. */
static void test_encoded_paths(void **state) {
    (void)state;
    static const struct {
        const char *path;
        unsigned status;
    } rows[] = {
        {"/v1/Accounts/" ALPHA_SID "/%43all%73", 200},
        {"/v1/Accounts/" ALPHA_SID "%2FCalls", 404},
        {"/v1/Accounts%2f" ALPHA_SID "/Calls", 404},
        {"/v1%2FCalls", 404},
        {"%2Fv1/Calls", 404},
        {"/v1/Accounts/" ALPHA_SID "/Calls%2Fca110000-0000-4000-8000-000000000001", 404},
        {"/v1/Accounts/a%2Fb/Calls", 400}, /* one segment, and not a sid */
        {"/v1/Accounts/" ALPHA_SID "%20/Calls", 400},
        {"/v1/Accounts/" ALPHA_SID ALPHA_SID "/Calls", 400},
        {"/v1/Accounts/" ALPHA_SID "/Call%7", 404},
        {"/v1/Accounts/" ALPHA_SID "/Calls%00", 404},
        {"/v1/Accounts/%zz/Calls", 404},
        {"/v1/Accounts//Calls", 404},
        {"/v1/Accounts/" ALPHA_SID "/Calls%2F", 404},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unsigned status = ask(VX_GET, rows[i].path, "alpha-token");
        if (status != rows[i].status)
            fail_msg("%s: %u", rows[i].path, status);
    }
    /* Every byte of a sid may be encoded. */
    char path[256];
    int n = snprintf(path, sizeof path, "/v1/Accounts/");
    for (const char *c = ALPHA_SID; *c; c++)
        n += snprintf(path + n, sizeof path - (size_t)n, "%%%02X", (unsigned)*c);
    snprintf(path + n, sizeof path - (size_t)n, "/Calls");
    assert_int_equal(ask(VX_GET, path, "alpha-token"), 200);
    forget();
}

static void test_head_is_get_without_the_body(void **state) {
    (void)state;
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    static const char *const paths[] = {
        ALPHA_CALLS, ALPHA_CALLS "/ca110000-0000-4000-8000-000000000001",
        "/v1/Accounts/" ALPHA_SID "/CallCount", "/v1/openapi.json", "/healthz"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char etag[VX_ETAG_SIZE];
        assert_int_equal(ask(VX_GET, paths[i], "alpha-token"), 200);
        strcpy(etag, a.response.etag);
        size_t len = a.len;
        assert_int_equal(ask(VX_HEAD, paths[i], "alpha-token"), 200);
        assert_string_equal(a.response.etag, etag);
        if (a.response.body) /* the transport keeps it back and sends its length */
            assert_int_equal(a.len, len);
    }
    assert_int_equal(ask(VX_HEAD, ALPHA_CALLS, NULL), 401);
    forget();
}

/* By every way there is, beta sees nothing of alpha's calls. */
static void test_accounts_never_see_each_other(void **state) {
    (void)state;
    static const char *const targets[] = {BETA_CALLS,
                                          BETA_CALLS "?page=1",
                                          BETA_CALLS "?state=live",
                                          BETA_CALLS "?from=15083728299",
                                          BETA_CALLS "/ca110000-0000-4000-8000-000000000001",
                                          "/v1/Accounts/" BETA_SID "/CallCount"};
    char since[256], etag[VX_ETAG_SIZE];
    assert_int_equal(ask(VX_GET, BETA_CALLS, "beta-token"), 200);
    strcpy(etag, a.response.etag);
    snprintf(since, sizeof since, BETA_CALLS "?since=%s.0", vx_registry_epoch(s.world.registry));
    for (unsigned n = 1; n <= 5; n++)
        vx_test_apply(&s.world, n % 2 ? VX_EVENT_ANSWER : VX_EVENT_HANGUP, n);
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        ask(VX_GET, targets[i], "beta-token");
        assert_null(strstr(a.body, "ca110000"));
        assert_null(strstr(a.body, ALPHA_SID));
        assert_null(strstr(a.body, "1508372"));
    }
    assert_int_equal(ask(VX_GET, "/v1/Accounts/" BETA_SID "/CallCount", "beta-token"), 200);
    assert_int_equal(vx_test_int(a.json, "inbound"), 0);
    ask(VX_GET, since, "beta-token");
    assert_null(strstr(a.body, "ca110000"));
    /* Nor does alpha's life move beta's clock or end its long poll. */
    struct vx_test_ask q = {
        .target = BETA_CALLS "?wait=60", .token = "beta-token", .if_none_match = etag};
    forget();
    vx_test_ask(&s, &q, &a);
    assert_int_equal(a.response.status, 0);
    vx_test_apply(&s.world, VX_EVENT_HANGUP, 1);
    assert_int_equal(vx_scope_revision(a.response.hold.scope), a.response.hold.revision);
    assert_int_equal(ask(VX_GET, BETA_CALLS "/ca110000-0000-4000-8000-000000000001", "beta-token"),
                     404);
    forget();
}

/* --- rate limits --- */

static void limits(const char *settings) {
    vx_test_service_open(&s, settings);
}

static void test_per_minute(void **state) {
    (void)state;
    limits("rate-limit-per-minute=5");
    for (int i = 0; i < 5; i++)
        assert_int_equal(ask(VX_GET, ALPHA_CALLS, "alpha-token"), 200);
    assert_int_equal(ask(VX_GET, ALPHA_CALLS, "alpha-token"), 429);
    assert_in_range(a.response.retry_after, 1, 60);
    assert_int_equal(ask(VX_GET, "/v1/Accounts/" ALPHA_SID "/CallCount", "alpha-token"), 429);
    assert_int_equal(ask(VX_GET, BETA_CALLS, "beta-token"), 200); /* its own limit */
    assert_int_equal(ask(VX_GET, "/healthz", NULL), 200);
    /* Retry-After is a promise. */
    ask(VX_GET, ALPHA_CALLS, "alpha-token");
    vx_test_advance(&s.world.time, a.response.retry_after * VX_SECOND_US);
    assert_int_equal(ask(VX_GET, ALPHA_CALLS, "alpha-token"), 200);
    vx_test_advance(&s.world.time, 60 * VX_SECOND_US);
    for (int i = 0; i < 5; i++)
        assert_int_equal(ask(VX_GET, ALPHA_CALLS, "alpha-token"), 200);
    assert_int_equal(ask(VX_GET, ALPHA_CALLS, "alpha-token"), 429);
    forget();
    vx_test_service_close(&s);
}

static void test_per_hour(void **state) {
    (void)state;
    limits("rate-limit-per-minute=0;rate-limit-per-hour=20");
    for (int i = 0; i < 20; i++) {
        assert_int_equal(ask(VX_GET, ALPHA_CALLS, "alpha-token"), 200);
        vx_test_advance(&s.world.time, 60 * VX_SECOND_US);
    }
    assert_int_equal(ask(VX_GET, ALPHA_CALLS, "alpha-token"), 429);
    assert_in_range(a.response.retry_after, 1, 3600);
    vx_test_advance(&s.world.time, a.response.retry_after * VX_SECOND_US);
    assert_int_equal(ask(VX_GET, ALPHA_CALLS, "alpha-token"), 200);
    forget();
    vx_test_service_close(&s);
}

static void test_no_limit_when_zero(void **state) {
    (void)state;
    limits("rate-limit-per-minute=0;rate-limit-per-hour=0");
    for (int i = 0; i < 20000; i++)
        assert_int_equal(ask(VX_GET, ALPHA_CALLS, "alpha-token"), 200);
    forget();
    vx_test_service_close(&s);
}

static void test_default_limit_is_6000_a_minute(void **state) {
    (void)state;
    limits(NULL);
    for (int i = 0; i < 6000; i++)
        assert_int_equal(ask(VX_GET, ALPHA_CALLS, "alpha-token"), 200);
    assert_int_equal(ask(VX_GET, ALPHA_CALLS, "alpha-token"), 429);
    forget();
    vx_test_service_close(&s);
}

/* A stranger who knows only the account's sid cannot use up its requests. */
static void test_refused_requests_do_not_count(void **state) {
    (void)state;
    limits("rate-limit-per-minute=2");
    for (int i = 0; i < 10; i++) {
        unsigned status = ask(VX_GET, ALPHA_CALLS, "beta-token");
        assert_true(status == 403 || (i >= 2 && status == 429)); /* beta's own limit may count */
        assert_int_equal(ask(VX_GET, ALPHA_CALLS, "wrong"), 401);
        assert_int_equal(ask(VX_GET, ALPHA_CALLS, NULL), 401);
    }
    assert_int_equal(ask(VX_GET, ALPHA_CALLS, "alpha-token"), 200);
    assert_int_equal(ask(VX_GET, ALPHA_CALLS, "alpha-token"), 200);
    assert_int_equal(ask(VX_GET, ALPHA_CALLS, "alpha-token"), 429);
    forget();
    vx_test_service_close(&s);
}

static void test_304_counts_and_a_held_request_counts_once(void **state) {
    (void)state;
    limits("rate-limit-per-minute=3");
    char etag[VX_ETAG_SIZE];
    assert_int_equal(ask(VX_GET, ALPHA_CALLS, "alpha-token"), 200);
    strcpy(etag, a.response.etag);
    struct vx_test_ask q = {
        .target = ALPHA_CALLS "?wait=5", .token = "alpha-token", .if_none_match = etag};
    forget();
    vx_test_ask(&s, &q, &a);
    assert_int_equal(a.response.status, 0);
    q.counted = q.waited = true;
    forget();
    vx_test_ask(&s, &q, &a);
    assert_int_equal(a.response.status, 304);
    q = (struct vx_test_ask){.target = ALPHA_CALLS, .token = "alpha-token", .if_none_match = etag};
    forget();
    vx_test_ask(&s, &q, &a);
    assert_int_equal(a.response.status, 304);
    assert_int_equal(ask(VX_GET, ALPHA_CALLS, "alpha-token"), 429);
    forget();
    vx_test_service_close(&s);
}

/* --- reload --- */

static void test_tokens_of_a_reload(void **state) {
    (void)state;
    char error[256];
    struct vx_config *fresh =
        vx_test_read("<configuration name=\"voxeme.conf\"><accounts><account sid=\"" ALPHA_SID
                     "\"><token sha256=\"" GAMMA_SHA "\"/></account></accounts></configuration>",
                     NULL, error, sizeof error);
    assert_non_null(fresh);
    assert_int_equal(ask(VX_GET, ALPHA_CALLS, "gamma-token"), 401);
    assert_true(vx_registry_configure(s.world.registry, fresh));
    assert_true(vx_api_configure(s.api, fresh));
    assert_int_equal(ask(VX_GET, ALPHA_CALLS, "gamma-token"), 200);
    assert_int_equal(ask(VX_GET, ALPHA_CALLS, "alpha-token"), 401);
    assert_int_equal(ask(VX_GET, BETA_CALLS, "beta-token"), 401);
    assert_int_equal(ask(VX_GET, BETA_CALLS, "gamma-token"), 403);
    assert_int_equal(ask(VX_GET, "/v1/Calls", "admin-token"), 401);
    assert_true(vx_registry_configure(s.world.registry, s.world.config));
    assert_true(vx_api_configure(s.api, s.world.config));
    assert_int_equal(ask(VX_GET, BETA_CALLS, "beta-token"), 200);
    forget();
    vx_config_release(&fresh);
}

/* --- what is kept for a client --- */

static unsigned ask_known(struct vx_known_token *known, const char *target, const char *token) {
    struct vx_test_ask q = {.target = target, .token = token, .known = known};
    vx_test_answer_clear(&a);
    vx_test_ask(&s, &q, &a);
    return a.response.status;
}

/* Requests of many clients can come over one connection. */
static void test_each_request_counts_by_its_own_token(void **state) {
    (void)state;
    struct vx_known_token known = {0};
    for (int round = 0; round < 2; round++) {
        assert_int_equal(ask_known(&known, ALPHA_CALLS, NULL), 401);
        assert_int_equal(ask_known(&known, ALPHA_CALLS, "alpha-token"), 200);
        assert_true(known.set);
        assert_int_equal(ask_known(&known, BETA_CALLS, "alpha-token"), 403);
        assert_int_equal(ask_known(&known, ALPHA_CALLS, "alpha-token"), 200);
        assert_int_equal(ask_known(&known, ALPHA_CALLS, "alpha-tokem"), 401);
        assert_int_equal(ask_known(&known, ALPHA_CALLS, "alpha-toke"), 401);
        assert_int_equal(ask_known(&known, ALPHA_CALLS, "alpha-token"), 200);
        assert_int_equal(ask_known(&known, ALPHA_CALLS, "alpha-token1"), 401);
        assert_int_equal(ask_known(&known, BETA_CALLS, "beta-token"), 200);
        assert_int_equal(ask_known(&known, ALPHA_CALLS, "beta-token"), 403);
        assert_int_equal(ask_known(&known, "/v1/Calls", "admin-token"), 200);
        assert_int_equal(ask_known(&known, ALPHA_CALLS, NULL), 401);
    }
    forget();
}

static void test_a_token_that_comes_again_is_not_hashed_again(void **state) {
    (void)state;
    struct vx_known_token known = {0}, beta = {0};
    assert_int_equal(ask_known(&beta, BETA_CALLS, "beta-token"), 200);
    assert_int_equal(ask_known(&known, BETA_CALLS, "alpha-token"), 403);
    /* Only because it is not: */
    memcpy(known.sha256, beta.sha256, sizeof known.sha256);
    assert_int_equal(ask_known(&known, BETA_CALLS, "alpha-token"), 200);
    /* What stands there holds by all bits of its mark only. */
    known.mark[VX_SIPHASH - 1] ^= 1;
    assert_int_equal(ask_known(&known, BETA_CALLS, "alpha-token"), 403);
    forget();
}

static void test_a_known_token_can_be_revoked(void **state) {
    (void)state;
    struct vx_known_token known = {0};
    char error[256];
    struct vx_config *fresh =
        vx_test_read("<configuration name=\"voxeme.conf\"><accounts><account sid=\"" ALPHA_SID
                     "\"><token sha256=\"" GAMMA_SHA "\"/></account></accounts></configuration>",
                     NULL, error, sizeof error);
    assert_non_null(fresh);
    assert_int_equal(ask_known(&known, ALPHA_CALLS, "alpha-token"), 200);
    assert_true(vx_api_configure(s.api, fresh));
    assert_int_equal(ask_known(&known, ALPHA_CALLS, "alpha-token"), 401);
    assert_true(vx_api_configure(s.api, s.world.config));
    assert_int_equal(ask_known(&known, ALPHA_CALLS, "alpha-token"), 200);
    forget();
    vx_config_release(&fresh);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_service, close_service)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_no_credentials),
        TEST(test_unknown_token),
        TEST(test_authorization_header),
        TEST(test_other_and_unknown_account_look_alike),
        TEST(test_admin_scope),
        TEST(test_malformed_sid),
        TEST(test_unknown_paths),
        TEST(test_a_slash_at_the_end),
        TEST(test_unknown_call),
        TEST(test_wrong_method),
        TEST(test_options_needs_no_token),
        TEST(test_options_of_the_server),
        TEST(test_encoded_paths),
        TEST(test_head_is_get_without_the_body),
        TEST(test_accounts_never_see_each_other),
        cmocka_unit_test(test_per_minute),
        cmocka_unit_test(test_per_hour),
        cmocka_unit_test(test_no_limit_when_zero),
        cmocka_unit_test(test_default_limit_is_6000_a_minute),
        cmocka_unit_test(test_refused_requests_do_not_count),
        cmocka_unit_test(test_304_counts_and_a_held_request_counts_once),
        TEST(test_tokens_of_a_reload),
        TEST(test_each_request_counts_by_its_own_token),
        TEST(test_a_token_that_comes_again_is_not_hashed_again),
        TEST(test_a_known_token_can_be_revoked),
    };
    return cmocka_run_group_tests_name("api_access", tests, NULL, NULL);
}
