/* The limits that are no settings, as the README lists them: what is as long as allowed is looked
 * at, what is one longer gets 400. */
#include "api_support.h"

#include "api/commands.h"
#include "core/json_read.h"

static struct vx_test_service s;

/* Whatever is asked of it, it cannot just now. */
static bool submit(void *ctx, struct vx_command *command) {
    (void)ctx, (void)command;
    return false;
}

static int open_service(void **state) {
    const struct vx_host_port port = {submit, NULL, ~0U};
    (void)state;
    vx_test_service_open(&s, "rate-limit-per-minute=0");
    vx_api_set_host(s.api, &port);
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    vx_test_apply(&s.world, VX_EVENT_ANSWER, 1);
    return 0;
}

static int close_service(void **state) {
    (void)state;
    vx_test_service_close(&s);
    return 0;
}

#define CALL_1 ALPHA_CALLS "/ca110000-0000-4000-8000-000000000001"
#define TO                                                                                         \
    "\"application_sid\":\"" APP_SID                                                               \
    "\",\"from\":\"1\",\"to\":{\"type\":\"sip\",\"sipUri\":\"sip:1@192.0.2.1\"}"

/* `unit` stands between `before` and `after` so many times that what is limited is at its limit. */
static const struct {
    const char *before, *unit, *after;
    size_t count;
    bool update;
} rows[] = {
    {"{\"application_sid\":\"" APP_SID
     "\",\"from\":\"1\",\"to\":{\"type\":\"sip\",\"sipUri\":\"sip:",
     "1", "@192.0.2.1\"}}", 256, false},
    {"{\"call_hook\":\"http://", "x", "\"}", 2048 - 7, true},
    {"{" TO ",\"headers\":{\"X-A\":\"", "x", "\"}}", 1024, false},
    {"{" TO ",\"tag\":{\"x\":\"", "x", "\"}}", VX_TAG_BYTES - 8, false},
    {"{\"tag\":{\"x\":\"", "x", "\"}}", VX_TAG_BYTES - 8, true},
    {"{\"sip_request\":{\"method\":\"INFO\",\"content_type\":\"text/plain\",\"content\":\"", "x",
     "\"}}", 16384, true},
};

static unsigned status_of(const char *body, bool update) {
    struct vx_test_ask q = {.method = update ? VX_PUT : VX_POST,
                            .target = update ? CALL_1 : ALPHA_CALLS,
                            .token = "alpha-token",
                            .content_type = "application/json",
                            .body = body};
    struct vx_test_answer a;
    vx_test_ask(&s, &q, &a);
    unsigned status = a.response.status;
    vx_test_answer_clear(&a);
    return status;
}

static void test_texts(void **state) {
    static char body[32768];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t more = 0; more < 2; more++) {
            strcpy(body, rows[i].before);
            for (size_t n = 0; n < rows[i].count + more; n++)
                strcat(body, rows[i].unit);
            strcat(body, rows[i].after);
            unsigned status = status_of(body, rows[i].update);
            if (more ? status != 400 : status != 503 && status != 204)
                fail_msg("%s... of %zu: %u", rows[i].before, rows[i].count + more, status);
        }
}

static void test_headers(void **state) {
    char body[4096] = "{" TO ",\"headers\":{";
    (void)state;
    for (unsigned n = 1; n <= VX_MAX_HEADERS + 1; n++) {
        size_t len = strlen(body);
        snprintf(body + len, sizeof body - len, "%s\"X-%u\":\"1\"", n > 1 ? "," : "", n);
        if (n < VX_MAX_HEADERS)
            continue;
        strcat(body, "}}");
        assert_int_equal(status_of(body, false), n == VX_MAX_HEADERS ? 503 : 400);
        body[strlen(body) - 2] = '\0';
    }
}

static void test_pages_and_waits(void **state) {
    (void)state;
    assert_int_equal(vx_test_status(&s, ALPHA_CALLS "?page_size=500", "alpha-token"), 200);
    assert_int_equal(vx_test_status(&s, ALPHA_CALLS "?page_size=501", "alpha-token"), 400);
    assert_int_equal(vx_test_status(&s, ALPHA_CALLS "?wait=60", "alpha-token"), 200);
    assert_int_equal(vx_test_status(&s, ALPHA_CALLS "?wait=61", "alpha-token"), 400);
}

/* SHA-256 of so many x. */
#define X512 "64164443bb63e338ef1cfdb12a57117cd1212270cc935a798f6e8a665cdf4659"
#define X513 "35ade0090e64e74d6ad04204009c23a4e34b82bdf0f4f317fbcc5f26f9b10241"

static void test_tokens(void **state) {
    (void)state;
    char error[256], token[514] = "";
    struct vx_config *config =
        vx_test_read("<configuration name=\"voxeme.conf\"><accounts><account sid=\"" ALPHA_SID
                     "\"><token sha256=\"" X512 "\"/><token sha256=\"" X513
                     "\"/></account></accounts></configuration>",
                     NULL, error, sizeof error);
    assert_non_null(config);
    assert_true(vx_api_configure(s.api, config));
    vx_config_release(&config);
    memset(token, 'x', 512);
    assert_int_equal(vx_test_status(&s, ALPHA_CALLS, token), 200);
    token[512] = 'x';
    assert_int_equal(vx_test_status(&s, ALPHA_CALLS, token), 401);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_service, close_service)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_texts),
        TEST(test_headers),
        TEST(test_pages_and_waits),
        TEST(test_tokens),
    };
    return cmocka_run_group_tests_name("api_limits", tests, NULL, NULL);
}
