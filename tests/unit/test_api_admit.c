/* What the head of a request decides before its body has come: the same as when all is there, and
 * once. */
#include "api_support.h"

#include "api/api_private.h"
#include "core/buf.h"
#include "core/call.h"

static struct vx_test_service s;
static struct vx_test_answer a;

/* Stand-ins for the service's own that take a body. */
static const struct route routes[] = {
    {VX_GET, "/v1/Accounts/{account_sid}/Calls", ACCESS_ACCOUNT, vx_test_echo, "a", "a", NULL, true,
     false},
    {VX_POST, "/v1/Accounts/{account_sid}/Calls", ACCESS_ACCOUNT, vx_test_echo, "b", "b", NULL,
     false, true},
    {VX_POST, "/v1/Calls", ACCESS_ADMIN, vx_test_echo, "c", "c", NULL, false, true},
    {VX_GET, "/healthz", ACCESS_PUBLIC, vx_test_echo, "d", "d", NULL, false, false},
};

static void start(const char *settings) {
    vx_test_service_open(&s, settings);
    s.api->routes = routes;
    s.api->route_count = sizeof routes / sizeof *routes;
}

static int open_service(void **state) {
    (void)state;
    start(NULL);
    return 0;
}

static int close_service(void **state) {
    (void)state;
    vx_test_answer_clear(&a);
    vx_test_service_close(&s);
    return 0;
}

static unsigned ask(const struct vx_test_ask *q) {
    vx_test_answer_clear(&a);
    vx_test_ask(&s, q, &a);
    return a.response.status;
}

#define JSON "application/json"

static const struct {
    struct vx_test_ask ask;
    unsigned status; /* 0: admitted */
    bool wants_body;
} rows[] = {
    {{.method = VX_POST, .target = ALPHA_CALLS, .token = "alpha-token", .content_type = JSON},
     0,
     true},
    {{.method = VX_POST, .target = "/v1/Calls", .token = "admin-token", .content_type = JSON},
     0,
     true},
    {{.target = ALPHA_CALLS, .token = "alpha-token", .content_type = "text/plain"}, 0, false},
    {{.target = "/healthz"}, 0, false},
    {{.method = VX_POST, .target = ALPHA_CALLS, .content_type = JSON}, 401, false},
    {{.method = VX_POST, .target = ALPHA_CALLS, .token = "wrong", .content_type = JSON},
     401,
     false},
    {{.method = VX_POST, .target = ALPHA_CALLS, .token = "beta-token", .content_type = JSON},
     403,
     false},
    {{.method = VX_POST, .target = CALLS_OF(NOBODY), .token = "beta-token", .content_type = JSON},
     403,
     false},
    {{.method = VX_POST, .target = "/v1/Calls", .token = "alpha-token", .content_type = JSON},
     403,
     false},
    {{.method = VX_POST, .target = "/v1/Accounts/17/Calls", .token = "alpha-token"}, 400, false},
    {{.method = VX_POST, .target = "/nowhere", .token = "alpha-token", .content_type = JSON},
     404,
     false},
    {{.method = VX_PUT, .target = ALPHA_CALLS, .token = "alpha-token", .content_type = JSON},
     405,
     false},
    {{.method = VX_POST, .target = "/healthz"}, 405, false},
    {{.method = VX_OPTIONS, .target = ALPHA_CALLS}, 204, false},
    {{.method = VX_POST, .target = ALPHA_CALLS, .token = "alpha-token"}, 415, false},
    {{.method = VX_POST, .target = ALPHA_CALLS, .content_type = "text/plain"}, 401, false},
};

static void test_by_the_head(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct vx_test_ask q = rows[i].ask;
        q.admit = true;
        if (ask(&q) != rows[i].status || a.admitted != !rows[i].status ||
            a.wants_body != rows[i].wants_body)
            fail_msg("row %zu: %u", i, a.response.status);
        q.admit = false; /* and with the body: the same */
        q.body = "{}";
        if (ask(&q) != (rows[i].status ? rows[i].status : 200))
            fail_msg("row %zu, whole: %u", i, a.response.status);
    }
}

static void test_types_of_a_body(void **state) {
    (void)state;
    static const struct {
        const char *type;
        bool json;
    } types[] = {{"application/json", true},
                 {"Application/JSON", true},
                 {"application/json; charset=utf-8", true},
                 {"application/json;charset=utf-8", true},
                 {"application/jsonp", false},
                 {"application/json5", false},
                 {"application/x-www-form-urlencoded", false},
                 {"text/json", false},
                 {"json", false},
                 {"", false},
                 {NULL, false}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct vx_test_ask q = {.method = VX_POST,
                                .target = ALPHA_CALLS,
                                .token = "alpha-token",
                                .content_type = types[i].type,
                                .admit = true};
        assert_int_equal(ask(&q), types[i].json ? 0 : 415);
        q.admit = false;
        q.body = "{}";
        assert_int_equal(ask(&q), types[i].json ? 200 : 415);
        q.body = NULL; /* nothing is of no type */
        assert_int_equal(ask(&q), 200);
    }
}

static void test_counted_once(void **state) {
    (void)state;
    start("rate-limit-per-minute=3");
    struct vx_test_ask q = {.method = VX_POST,
                            .target = ALPHA_CALLS,
                            .token = "alpha-token",
                            .content_type = JSON,
                            .body = "{}"};
    for (int i = 0; i < 3; i++) {
        q.admit = true;
        q.counted = false;
        assert_int_equal(ask(&q), 0);
        q.admit = false;
        q.counted = true;
        assert_int_equal(ask(&q), 200);
    }
    q.admit = true;
    q.counted = false;
    assert_int_equal(ask(&q), 429);
    assert_in_range(a.response.retry_after, 1, 60);
    q.admit = false;
    assert_int_equal(ask(&q), 429);
    vx_test_answer_clear(&a);
    vx_test_service_close(&s);
}

/* A token may be revoked while the body is on its way. */
static void test_judged_again_with_the_body(void **state) {
    (void)state;
    char error[256];
    struct vx_test_ask q = {.method = VX_POST,
                            .target = ALPHA_CALLS,
                            .token = "alpha-token",
                            .content_type = JSON,
                            .admit = true};
    assert_int_equal(ask(&q), 0);
    struct vx_config *fresh =
        vx_test_read("<configuration name=\"voxeme.conf\"><accounts><account sid=\"" ALPHA_SID
                     "\"><token sha256=\"" GAMMA_SHA "\"/></account></accounts></configuration>",
                     NULL, error, sizeof error);
    assert_non_null(fresh);
    assert_true(vx_api_configure(s.api, fresh));
    vx_config_release(&fresh);
    q.admit = false;
    q.counted = true;
    q.body = "{}";
    assert_int_equal(ask(&q), 401);
}

static void scenario(void *ctx) {
    const struct vx_test_ask *q = ctx;
    struct vx_request request = {.method = q->method ? q->method : VX_GET,
                                 .path = vx_str(q->target),
                                 .content_type = vx_str(q->content_type)};
    struct vx_response response;
    char bearer[64];
    bool wants_body;
    start(NULL);
    snprintf(bearer, sizeof bearer, "Bearer %s", q->token ? q->token : "");
    request.authorization = q->token ? vx_str(bearer) : VX_NONE;
    vx_test_arm();
    bool admitted = vx_api_admit(s.api, &request, &wants_body, &response);
    vx_test_disarm();
    assert_int_equal(admitted, response.status == 0);
    vx_response_clear(&response);
    vx_test_service_close(&s);
}

static void test_no_memory(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct vx_test_ask q = rows[i].ask;
        vx_test_every_allocation_fails(scenario, &q, false);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_service, close_service)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_by_the_head),
        TEST(test_types_of_a_body),
        cmocka_unit_test(test_counted_once),
        TEST(test_judged_again_with_the_body),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests_name("api_admit", tests, NULL, NULL);
}
