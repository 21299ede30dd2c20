/* Every setting's type, range and default, driven by the table of settings itself. */
#include "support.h"

static struct vx_values *values;
static char error[512];

static int open_values(void **state) {
    (void)state;
    values = vx_values_new(vx_settings, VX_SET_COUNT);
    return values ? 0 : -1;
}

static int close_values(void **state) {
    (void)state;
    vx_values_release(&values);
    return values ? -1 : 0;
}

/* A setting may be given once only, so each try starts from the defaults. */
static void start_again(void) {
    vx_values_release(&values);
    values = vx_values_new(vx_settings, VX_SET_COUNT);
    assert_non_null(values);
    error[0] = '\0';
}

static void accepts(const struct vx_setting *s, const char *text) {
    start_again();
    if (!vx_values_set(values, s->name, text, error, sizeof error))
        fail_msg("%s refuses \"%.80s\": %s", s->name, text, error);
}

static void refuses(const struct vx_setting *s, const char *text) {
    start_again();
    if (vx_values_set(values, s->name, text, error, sizeof error))
        fail_msg("%s accepts \"%.80s\"", s->name, text);
    if (!strstr(error, s->name))
        fail_msg("the error does not name %s: %s", s->name, error);
    assert_null(strchr(error, '\n'));
}

static void test_names(void **state) {
    (void)state;
    static const char *const names[VX_SET_COUNT] = {
        [VX_SET_LISTEN] = "listen",
        [VX_SET_THREADS] = "threads",
        [VX_SET_SERVICE_URL] = "service-url",
        [VX_SET_RETENTION_SECONDS] = "retention-seconds",
        [VX_SET_AUDIT_SECONDS] = "audit-seconds",
        [VX_SET_TRUSTED_SOURCES] = "trusted-sources",
        [VX_SET_DEFAULT_ACCOUNT] = "default-account",
        [VX_SET_MAX_CALLS] = "max-calls",
        [VX_SET_MAX_CALL_MEMORY] = "max-call-memory",
        [VX_SET_MAX_FIELD_BYTES] = "max-field-bytes",
        [VX_SET_MAX_REMOVED] = "max-removed",
        [VX_SET_TLS_CERT] = "tls-cert",
        [VX_SET_TLS_KEY] = "tls-key",
        [VX_SET_CORS_ORIGIN] = "cors-origin",
        [VX_SET_RATE_LIMIT_PER_MINUTE] = "rate-limit-per-minute",
        [VX_SET_RATE_LIMIT_PER_HOUR] = "rate-limit-per-hour",
        [VX_SET_MAX_CONNECTIONS] = "max-connections",
        [VX_SET_MAX_STREAMS_PER_ACCOUNT] = "max-streams-per-account",
        [VX_SET_MAX_HEADER_BYTES] = "max-header-bytes",
        [VX_SET_MAX_QUERY_PARAMETERS] = "max-query-parameters",
        [VX_SET_MAX_BODY_BYTES] = "max-body-bytes",
        [VX_SET_MAX_REQUEST_MEMORY] = "max-request-memory",
        [VX_SET_MAX_RESPONSE_MEMORY] = "max-response-memory",
        [VX_SET_MAX_ACCOUNT_RESPONSE_MEMORY] = "max-account-response-memory",
        [VX_SET_MAX_ACCOUNT_STREAM_MEMORY] = "max-account-stream-memory",
        [VX_SET_MAX_RESPONSE_FILES] = "max-response-files",
        [VX_SET_GZIP_LEVEL] = "gzip-level",
        [VX_SET_GZIP_BYTES_PER_SECOND] = "gzip-bytes-per-second",
        [VX_SET_HEADER_TIMEOUT_SECONDS] = "header-timeout-seconds",
        [VX_SET_IDLE_TIMEOUT_SECONDS] = "idle-timeout-seconds",
        [VX_SET_WRITE_TIMEOUT_SECONDS] = "write-timeout-seconds",
        [VX_SET_MIN_WRITE_BYTES_PER_SECOND] = "min-write-bytes-per-second",
        [VX_SET_PING_SECONDS] = "ping-seconds",
        [VX_SET_MAX_MESSAGE_BYTES] = "max-message-bytes",
        [VX_SET_MAX_MESSAGES_PER_MINUTE] = "max-messages-per-minute",
        [VX_SET_COMMAND_TIMEOUT_SECONDS] = "command-timeout-seconds",
        [VX_SET_IDEMPOTENCY_SECONDS] = "idempotency-seconds",
        [VX_SET_MAX_IDEMPOTENCY_KEYS] = "max-idempotency-keys",
        [VX_SET_MAX_ACCOUNT_IDEMPOTENCY_KEYS] = "max-account-idempotency-keys",
        [VX_SET_MAX_IDEMPOTENCY_MEMORY] = "max-idempotency-memory",
        [VX_SET_MAX_ACCOUNT_IDEMPOTENCY_MEMORY] = "max-account-idempotency-memory",
        [VX_SET_WEBHOOK_ALLOW] = "webhook-allow",
        [VX_SET_WEBHOOK_CA] = "webhook-ca",
        [VX_SET_WEBHOOK_CONNECT_TIMEOUT_SECONDS] = "webhook-connect-timeout-seconds",
        [VX_SET_WEBHOOK_TIMEOUT_SECONDS] = "webhook-timeout-seconds",
        [VX_SET_WEBHOOK_MAX_ATTEMPTS] = "webhook-max-attempts",
        [VX_SET_WEBHOOK_MAX_AGE_SECONDS] = "webhook-max-age-seconds",
        [VX_SET_WEBHOOK_MAX_QUEUED] = "webhook-max-queued",
        [VX_SET_WEBHOOK_MAX_QUEUED_TOTAL] = "webhook-max-queued-total",
        [VX_SET_WEBHOOK_MAX_MEMORY] = "webhook-max-memory",
        [VX_SET_WEBHOOK_MAX_REQUESTS] = "webhook-max-requests",
        [VX_SET_WEBHOOK_MAX_REQUESTS_TOTAL] = "webhook-max-requests-total",
        [VX_SET_METRICS_ALLOW] = "metrics-allow",
        [VX_SET_LOG_LEVEL] = "log-level",
        [VX_SET_TRACK_LOOPBACK] = "track-loopback",
        [VX_SET_FREESWITCH_PROFILE] = "freeswitch-profile",
        [VX_SET_FREESWITCH_GATEWAY] = "freeswitch-gateway",
        [VX_SET_FREESWITCH_REDIRECT] = "freeswitch-redirect",
        [VX_SET_FREESWITCH_MAX_COMMANDS] = "freeswitch-max-commands",
        [VX_SET_FREESWITCH_COMMAND_THREADS] = "freeswitch-command-threads",
        [VX_SET_FREESWITCH_RECORDINGS] = "freeswitch-recordings",
        [VX_SET_FREESWITCH_RECORDING_SECONDS] = "freeswitch-recording-seconds",
        [VX_SET_FREESWITCH_PLAY_URLS] = "freeswitch-play-urls",
        [VX_SET_FREESWITCH_TTS] = "freeswitch-tts",
    };
    for (size_t i = 0; i < VX_SET_COUNT; i++) {
        assert_non_null(names[i]);
        assert_string_equal(vx_settings[i].name, names[i]);
        assert_non_null(vx_settings[i].help);
        assert_true(strlen(vx_settings[i].help) > 10);
        assert_non_null(vx_settings[i].unit);
        assert_non_null(vx_settings[i].initial);
    }
}

static void test_defaults_of_the_design(void **state) {
    (void)state;
    assert_string_equal(vx_settings[VX_SET_LISTEN].initial, "127.0.0.1:3000");
    assert_int_equal(vx_values_int(values, VX_SET_RETENTION_SECONDS), 600);
    assert_int_equal(vx_values_int(values, VX_SET_AUDIT_SECONDS), 30);
    assert_string_equal(vx_settings[VX_SET_TRUSTED_SOURCES].initial, "127.0.0.0/8");
    assert_int_equal(vx_values_int(values, VX_SET_RATE_LIMIT_PER_MINUTE), 6000);
    assert_int_equal(vx_values_int(values, VX_SET_RATE_LIMIT_PER_HOUR), 0);
    assert_string_equal(vx_values_text(values, VX_SET_CORS_ORIGIN), "*");
    assert_string_equal(vx_values_text(values, VX_SET_DEFAULT_ACCOUNT), "");
    size_t count;
    const struct vx_cidr *trusted = vx_values_cidrs(values, VX_SET_TRUSTED_SOURCES, &count);
    assert_int_equal(count, 1);
    assert_int_equal(trusted[0].bits, 96 + 8);
    vx_values_cidrs(values, VX_SET_METRICS_ALLOW, &count);
    assert_true(count <= 2);
}

static void test_every_default_is_valid(void **state) {
    (void)state;
    for (size_t i = 0; i < VX_SET_COUNT; i++) {
        start_again();
        if (vx_settings[i].initial[0])
            accepts(&vx_settings[i], vx_settings[i].initial);
    }
}

static void test_given(void **state) {
    (void)state;
    accepts(&vx_settings[VX_SET_MAX_CALLS], vx_settings[VX_SET_MAX_CALLS].initial);
}

static void test_twice_is_an_error(void **state) {
    (void)state;
    const struct vx_setting *s = &vx_settings[VX_SET_MAX_CALLS];
    accepts(s, "5");
    assert_false(vx_values_set(values, s->name, "6", error, sizeof error));
    assert_non_null(strstr(error, "max-calls"));
    assert_int_equal(vx_values_int(values, VX_SET_MAX_CALLS), 5);
}

static void try_number(const struct vx_setting *s, int64_t n, bool good) {
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)n);
    if (!good) {
        refuses(s, text);
        return;
    }
    accepts(s, text);
    assert_int_equal(vx_values_int(values, (size_t)(s - vx_settings)), n);
}

static void test_every_number_keeps_its_range(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      " ",
                                      "x",
                                      "5x",
                                      "5 ",
                                      " 5",
                                      "0x10",
                                      "1e3",
                                      "5.0",
                                      "--5",
                                      "+-5",
                                      "-",
                                      "9223372036854775808",
                                      "18446744073709551617",
                                      "-9223372036854775809",
                                      "99999999999999999999999"};
    size_t seen = 0;
    for (size_t i = 0; i < VX_SET_COUNT; i++) {
        const struct vx_setting *s = &vx_settings[i];
        if (s->type != VX_INT)
            continue;
        seen++;
        assert_true(s->min < s->max);
        try_number(s, s->min, true);
        try_number(s, s->max, true);
        if (s->min > INT64_MIN)
            try_number(s, s->min - 1, false);
        if (s->max < INT64_MAX)
            try_number(s, s->max + 1, false);
        for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
            refuses(s, bad[k]);
        /* A refused value leaves the default. */
        assert_int_equal(vx_values_int(values, i), strtoll(s->initial, NULL, 10));
    }
    assert_true(seen >= 10);
}

static void test_every_text_keeps_its_length(void **state) {
    (void)state;
    for (size_t i = 0; i < VX_SET_COUNT; i++) {
        const struct vx_setting *s = &vx_settings[i];
        if (s->type != VX_TEXT)
            continue;
        assert_in_range(s->max, 1, 1 << 20);
        char *text = malloc((size_t)s->max + 2);
        assert_non_null(text);
        memset(text, 'a', (size_t)s->max + 1);
        text[s->max + 1] = '\0';
        refuses(s, text);
        text[s->max] = '\0';
        accepts(s, text);
        assert_string_equal(vx_values_text(values, i), text);
        free(text);
    }
}

static const struct vx_setting *of_type(enum vx_setting_type type) {
    for (size_t i = 0; i < VX_SET_COUNT; i++) {
        if (vx_settings[i].type == type)
            return &vx_settings[i];
    }
    return NULL;
}

static void test_host_port(void **state) {
    (void)state;
    const struct vx_setting *s = of_type(VX_HOST_PORT);
    static const char *const good[] = {"127.0.0.1:3000", "0.0.0.0:0", "[::1]:65535", "[::]:80",
                                       "localhost:3000"};
    static const char *const bad[] = {"",          "127.0.0.1",   "127.0.0.1:",  "127.0.0.1:65536",
                                      "[::1]",     "[::1]:",      "[::1:80",     "127.0.0.1:-1",
                                      "1.2.3.4:x", "1.2.3.4:80x", "1.2.3.4: 80", "::1:3000",
                                      "[]:80"};
    assert_non_null(s);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        accepts(s, good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuses(s, bad[i]);
}

static void test_host_port_parse(void **state) {
    (void)state;
    char host[64];
    unsigned port;
    assert_true(vx_host_port_parse("127.0.0.1:3000", host, sizeof host, &port));
    assert_string_equal(host, "127.0.0.1");
    assert_int_equal(port, 3000);
    assert_true(vx_host_port_parse("[2001:db8::1]:0", host, sizeof host, &port));
    assert_string_equal(host, "2001:db8::1");
    assert_int_equal(port, 0);
    char small[9];
    assert_false(vx_host_port_parse("127.0.0.1:3000", small, sizeof small, &port));
    assert_true(vx_host_port_parse("10.0.0.1:1", small, sizeof small, &port));
    assert_string_equal(small, "10.0.0.1");
}

static void test_cidrs(void **state) {
    (void)state;
    const struct vx_setting *s = &vx_settings[VX_SET_TRUSTED_SOURCES];
    size_t count;
    accepts(s, "10.0.0.0/8, 192.0.2.1,2001:db8::/32 172.16.0.0/12");
    const struct vx_cidr *list = vx_values_cidrs(values, VX_SET_TRUSTED_SOURCES, &count);
    assert_int_equal(count, 4);
    assert_int_equal(list[0].bits, 104);
    assert_int_equal(list[1].bits, 128);
    assert_int_equal(list[2].bits, 32);
    assert_int_equal(list[3].bits, 108);
    accepts(s, "");
    vx_values_cidrs(values, VX_SET_TRUSTED_SOURCES, &count);
    assert_int_equal(count, 0);
    refuses(s, "10.0.0.1/8");
    assert_non_null(strstr(error, "10.0.0.0/8 is meant"));
    refuses(s, "10.0.0.0/33");
    refuses(s, "10.0.0.0/8 everywhere");
    refuses(s, "10.0.0.0/8;10.0.0.0/8");
}

static void test_urls(void **state) {
    (void)state;
    const struct vx_setting *s = &vx_settings[VX_SET_SERVICE_URL];
    static const char *const good[] = {"http://127.0.0.1:3000", "https://calls.example",
                                       "http://[::1]:3000", "https://calls.example/voxeme"};
    static const char *const bad[] = {
        "calls.example",       "ftp://calls.example",   "http://",
        "https:///x",          "http://calls.example/", "http:/calls.example",
        "http://calls example"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        accepts(s, good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuses(s, bad[i]);
}

static void test_levels(void **state) {
    (void)state;
    const struct vx_setting *s = of_type(VX_LEVEL);
    static const char *const good[] = {"error", "warning", "notice", "info", "debug"};
    static const char *const bad[] = {"", "loud", "warn", "INFO ", "5"};
    assert_non_null(s);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        accepts(s, good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuses(s, bad[i]);
}

static void test_origins(void **state) {
    (void)state;
    const struct vx_setting *s = &vx_settings[VX_SET_CORS_ORIGIN];
    static const char *const good[] = {"*",
                                       "null",
                                       "https://dashboard.example",
                                       "http://[::1]:8080",
                                       "http://127.0.0.1:3000",
                                       "chrome-extension://abcdef"};
    static const char *const bad[] = {"",
                                      " ",
                                      "* ",
                                      "https://a.example https://b.example",
                                      "https://a.example,https://b.example",
                                      "https://a.example/",
                                      "https://a.example\t",
                                      "a.example",
                                      "https://",
                                      "https://\x7f",
                                      "://a",
                                      "HTTPS ://a",
                                      "https://:80",
                                      "https://\xc3\xa9.example"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        accepts(s, good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuses(s, bad[i]);
    char text[1024];
    memset(text, 'a', sizeof text);
    memcpy(text, "https://", 8);
    text[s->max] = '\0';
    accepts(s, text);
    text[s->max] = 'a';
    text[s->max + 1] = '\0';
    refuses(s, text);
}

static void test_copy(void **state) {
    (void)state;
    assert_true(vx_values_set(values, "max-calls", "77", error, sizeof error));
    assert_true(vx_values_set(values, "trusted-sources", "10.0.0.0/8", error, sizeof error));
    struct vx_values *copy = vx_values_copy(values);
    assert_non_null(copy);
    size_t count;
    assert_int_equal(vx_values_int(copy, VX_SET_MAX_CALLS), 77);
    assert_string_equal(vx_values_text(copy, VX_SET_LISTEN), vx_settings[VX_SET_LISTEN].initial);
    vx_values_cidrs(copy, VX_SET_TRUSTED_SOURCES, &count);
    assert_int_equal(count, 1);
    vx_values_release(&copy);
}

static void copying(void *ctx) {
    (void)ctx;
    vx_test_arm();
    struct vx_values *copy = vx_values_copy(values);
    bool failed = vx_test_disarm();
    assert_true(copy || failed);
    vx_values_release(&copy);
}

static void test_copy_without_memory(void **state) {
    (void)state;
    vx_test_every_allocation_fails(copying, NULL, true);
}

static void test_booleans_of_a_hosts_own_table(void **state) {
    (void)state;
    static const struct vx_setting table[] = {
        {"demo-on", VX_BOOL, 0, 0, "false", true, "", "Whether it is on."}};
    struct vx_values *own = vx_values_new(table, 1);
    assert_non_null(own);
    assert_false(vx_values_bool(own, 0));
    assert_true(vx_values_set(own, "demo-on", "true", error, sizeof error));
    assert_true(vx_values_bool(own, 0));
    static const char *const bad[] = {"", "yes", "1", "TRUE ", "tru"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        vx_values_release(&own);
        own = vx_values_new(table, 1);
        assert_non_null(own);
        assert_false(vx_values_set(own, "demo-on", bad[i], error, sizeof error));
    }
    assert_true(vx_values_set(own, "demo-on", "false", error, sizeof error));
    assert_false(vx_values_bool(own, 0));
    vx_values_release(&own);
}

static void test_unknown_setting(void **state) {
    (void)state;
    static const char *const names[] = {"", "retention", "Listen", "listen ", "max-calls-x"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        error[0] = '\0';
        assert_false(vx_values_set(values, names[i], "1", error, sizeof error));
        assert_non_null(strstr(error, names[i]));
        assert_true(error[0] != '\0');
    }
}

static void test_error_fits_its_buffer(void **state) {
    (void)state;
    char *big = malloc(100001), small[16];
    assert_non_null(big);
    memset(big, 'b', 100000);
    big[100000] = '\0';
    memset(small, 'x', sizeof small);
    assert_false(vx_values_set(values, big, big, small, 8));
    assert_non_null(memchr(small, '\0', 8));
    assert_int_equal(small[8], 'x');
    assert_false(vx_values_set(values, "max-calls", big, small, 8));
    assert_int_equal(small[8], 'x');
    free(big);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_values, close_values)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_names),
        TEST(test_defaults_of_the_design),
        TEST(test_every_default_is_valid),
        TEST(test_given),
        TEST(test_twice_is_an_error),
        TEST(test_every_number_keeps_its_range),
        TEST(test_every_text_keeps_its_length),
        TEST(test_host_port),
        TEST(test_host_port_parse),
        TEST(test_cidrs),
        TEST(test_urls),
        TEST(test_levels),
        TEST(test_origins),
        TEST(test_copy),
        TEST(test_copy_without_memory),
        TEST(test_booleans_of_a_hosts_own_table),
        TEST(test_unknown_setting),
        TEST(test_error_fits_its_buffer),
    };
    return cmocka_run_group_tests_name("values", tests, NULL, NULL);
}
