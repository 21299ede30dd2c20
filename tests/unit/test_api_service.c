/* What is not a list: health, metrics, the OpenAPI document, tokens, errors, bodies; and every
 * endpoint with every allocation failing once. */
#include "api_support.h"

#include "core/log.h"

#include <openssl/evp.h>

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
    vx_test_answer_clear(&a);
    vx_test_ask(&s, &q, &a);
    return a.response.status;
}

/* --- health and metrics --- */

static void test_health_needs_no_token(void **state) {
    (void)state;
    assert_int_equal(ask((struct vx_test_ask){.target = "/healthz"}), 200);
    assert_true(a.len > 0);
}

/* A row of the answer, or NULL. */
static const char *row(const char *name) {
    size_t len = strlen(name);
    for (const char *at = a.body; at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
        if (strncmp(at, name, len) == 0)
            return at + len;
    }
    return NULL;
}

/* The exposition format: comments, or a name, perhaps labels, and a number. */
static void check_prometheus_text(void) {
    assert_int_equal(a.body[a.len - 1], '\n');
    for (char *line = strtok(a.body, "\n"); line; line = strtok(NULL, "\n")) {
        if (line[0] == '#') {
            assert_true(strncmp(line, "# HELP voxeme_", 14) == 0 ||
                        strncmp(line, "# TYPE voxeme_", 14) == 0);
            continue;
        }
        if (strncmp(line, "voxeme_", 7) != 0)
            fail_msg("odd name: %s", line);
        size_t name = strspn(line, "abcdefghijklmnopqrstuvwxyz0123456789_");
        const char *rest = line + name;
        if (*rest == '{')
            rest = strchr(rest, '}') + 1;
        assert_int_equal(*rest, ' ');
        char *end;
        strtod(rest + 1, &end);
        assert_true(end > rest + 1 && *end == '\0');
    }
}

static void more_metrics(void *ctx, struct vx_buf *out) {
    vx_buf_printf(out, "voxeme_of_another_layer %d\n", *(int *)ctx);
}

static void test_metrics(void **state) {
    (void)state;
    int number = 4711;
    vx_api_add_metrics(s.api, more_metrics, &number);
    for (unsigned n = 1; n <= 3; n++)
        vx_test_apply(&s.world, VX_EVENT_CREATE, n);
    vx_test_apply(&s.world, VX_EVENT_HANGUP, 3);
    assert_int_equal(ask((struct vx_test_ask){.target = "/metrics", .token = "admin-token"}), 200);
    assert_int_equal(strncmp(a.response.content_type, "text/plain; version=0.0.4", 25), 0);
    const char *value = row("voxeme_of_another_layer ");
    assert_non_null(value);
    assert_int_equal(strtol(value, NULL, 10), 4711);
    check_prometheus_text();
}

static int64_t metric(const char *name) {
    const char *value = row(name);
    assert_non_null(value);
    return strtoll(value, NULL, 10);
}

static void test_metrics_of_call_memory(void **state) {
    (void)state;
    struct vx_registry_stats stats;
    vx_test_service_close(&s);
    vx_test_service_open(&s, "max-call-memory=1048576");
    for (unsigned n = 1; n <= 3000; n++)
        vx_test_apply(&s.world, VX_EVENT_CREATE, n);
    vx_registry_stats(s.world.registry, &stats);
    assert_int_equal(ask((struct vx_test_ask){.target = "/metrics", .token = "admin-token"}), 200);
    assert_true(stats.full_memory > 0);
    assert_int_equal(metric("voxeme_calls_refused_memory_total "), stats.full_memory);
    assert_int_equal(metric("voxeme_calls_refused_total "), 0);
    assert_in_range(metric("voxeme_call_memory_bytes "), 1048576, 1048576 + 4096);
}

static void test_metrics_allow(void **state) {
    (void)state;
    struct vx_test_ask q = {.target = "/metrics", .peer = "192.0.2.77"};
    assert_int_equal(ask(q), 401);
    vx_test_answer_clear(&a);
    vx_test_service_close(&s);
    vx_test_service_open(&s, "metrics-allow=192.0.2.0/25,2001:db8::/32");
    assert_int_equal(ask(q), 200);
    q.peer = "2001:db8::1";
    assert_int_equal(ask(q), 200);
    q.peer = "192.0.2.128";
    assert_int_equal(ask(q), 401);
    q.peer = NULL; /* not known */
    assert_int_equal(ask(q), 401);
    q.token = "alpha-token";
    assert_int_equal(ask(q), 403);
    /* It opens nothing else. */
    q = (struct vx_test_ask){.target = "/v1/Calls", .peer = "192.0.2.77"};
    assert_int_equal(ask(q), 401);
}

/* --- the OpenAPI document --- */

static struct json_object *at(struct json_object *o, const char *key) {
    struct json_object *value = NULL;
    if (!json_object_object_get_ex(o, key, &value))
        fail_msg("no %s", key);
    return value;
}

static void test_openapi(void **state) {
    (void)state;
    assert_int_equal(
        ask((struct vx_test_ask){.target = "/v1/openapi.json", .token = "alpha-token"}), 200);
    assert_int_equal(strncmp(vx_test_string(a.json, "openapi"), "3.0.", 4), 0);
    struct json_object *paths = at(a.json, "paths");
    static const char *const served[] = {"/v1/Accounts/{account_sid}/Calls",
                                         "/v1/Accounts/{account_sid}/Calls/{call_sid}",
                                         "/v1/Accounts/{account_sid}/CallCount",
                                         "/v1/Calls",
                                         "/v1/openapi.json",
                                         "/v1/asyncapi.json",
                                         "/healthz",
                                         "/metrics"};
    size_t count = sizeof served / sizeof *served;
    for (size_t i = 0; i < count; i++)
        at(at(paths, served[i]), "get");
    assert_int_equal(json_object_object_length(paths), count); /* exactly what is served */
    assert_string_equal(vx_test_string(at(at(paths, served[0]), "get"), "operationId"), "getCalls");
}

static bool take_none(void *ctx, struct vx_command *command) {
    (void)ctx, (void)command;
    return false;
}

static void test_openapi_says_what_the_host_can_do(void **state) {
    (void)state;
    const struct vx_host_port port = {
        take_none, NULL, 1u << VX_VERB_HANGUP | 1u << VX_VERB_DTMF | 1u << VX_VERB_REDIRECT};
    for (int i = 0; i < 2; i++) {
        vx_test_answer_clear(&a);
        assert_int_equal(ask((struct vx_test_ask){.target = "/v1/openapi.json"}), 200);
        assert_string_equal(
            json_object_to_json_string_ext(at(a.json, "x-voxeme-commands"), JSON_C_TO_STRING_PLAIN),
            i ? "[\"hangup\",\"dtmf\",\"redirect\",\"tag\"]" : "[\"tag\"]");
        vx_api_set_host(s.api, &port);
    }
}

static void test_asyncapi(void **state) {
    (void)state;
    assert_int_equal(ask((struct vx_test_ask){.target = "/v1/asyncapi.json"}), 200);
    assert_string_equal(vx_test_string(a.json, "asyncapi"), "3.0.0");
    struct json_object *channels = at(a.json, "channels"), *components = at(a.json, "components"),
                       *messages = at(components, "messages"), *schemas = at(components, "schemas");
    assert_string_equal(vx_test_string(at(channels, "accountCalls"), "address"),
                        "/v1/Accounts/{account_sid}/Calls");
    assert_string_equal(vx_test_string(at(channels, "allCalls"), "address"), "/v1/Calls");
    struct json_object *query =
        at(at(at(at(at(channels, "allCalls"), "bindings"), "ws"), "query"), "properties");
    at(query, "since");
    at(query, "callStatus");
    assert_false(json_object_object_get_ex(query, "page", NULL));
    assert_false(json_object_object_get_ex(query, "wait", NULL));
    at(messages, "Snapshot");
    at(messages, "Changes");
    at(schemas, "Changed");
    at(schemas, "Removed");
    assert_int_equal(json_object_object_length(at(at(schemas, "Call"), "properties")),
                     vx_call_field_count);
}

/* Better no server than one that is none. */
static void test_asyncapi_names_its_server(void **state) {
    (void)state;
    assert_int_equal(ask((struct vx_test_ask){.target = "/v1/asyncapi.json"}), 200);
    assert_false(json_object_object_get_ex(a.json, "servers", NULL));
    vx_test_answer_clear(&a);
    assert_true(vx_api_set_service_url(s.api, "http://[2001:db8::1]:3000"));
    assert_int_equal(ask((struct vx_test_ask){.target = "/v1/asyncapi.json"}), 200);
    struct json_object *server = at(at(a.json, "servers"), "this");
    assert_string_equal(vx_test_string(server, "host"), "[2001:db8::1]:3000");
    assert_string_equal(vx_test_string(server, "protocol"), "ws");
    assert_false(json_object_object_get_ex(server, "pathname", NULL));
}

/* Every path and method of the document is served, every parameter in it is known. */
static void test_openapi_is_what_is_served(void **state) {
    (void)state;
    char *document = vx_openapi_render("http://127.0.0.1:3000");
    assert_non_null(document);
    struct json_object *root = json_tokener_parse(document);
    assert_non_null(root);
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    json_object_object_foreach(at(root, "paths"), path, item) {
        (void)item;
        char target[256] = "";
        for (const char *p = path; *p;) {
            const char *fill = NULL;
            if (strncmp(p, "{account_sid}", 13) == 0)
                fill = ALPHA_SID;
            if (strncmp(p, "{call_sid}", 10) == 0)
                fill = "ca110000-0000-4000-8000-000000000001";
            if (!fill) {
                strncat(target, p++, 1);
                continue;
            }
            strcat(target, fill);
            p = strchr(p, '}') + 1;
        }
        assert_int_equal(ask((struct vx_test_ask){.target = target, .token = "admin-token"}), 200);
    }
    json_object_put(root);
    vx_free(document);
}

/* The schema of a call against the table of fields, whatever it is called. */
static void test_openapi_has_every_field(void **state) {
    (void)state;
    char *document = vx_openapi_render("http://127.0.0.1:3000");
    assert_non_null(document);
    struct json_object *root = json_tokener_parse(document);
    struct json_object *schemas = at(at(root, "components"), "schemas");
    struct json_object *call = at(at(schemas, "Call"), "properties");
    assert_non_null(at(at(at(schemas, "CallStatus"), "properties"), "customerData"));
    assert_int_equal(json_object_object_length(call), vx_call_field_count);
    for (size_t i = 0; i < vx_call_field_count; i++) {
        struct json_object *property = at(call, vx_call_field_table[i].key);
        assert_string_equal(vx_test_string(property, "type"), vx_call_field_table[i].type);
    }
    json_object_put(root);
    vx_free(document);
}

/* --- the page --- */

static void test_the_page(void **state) {
    (void)state;
    char etag[VX_ETAG_SIZE], list[VX_ETAG_SIZE + 16];
    assert_int_equal(ask((struct vx_test_ask){.target = "/"}), 200); /* it holds no data */
    assert_string_equal(a.response.content_type, "text/html; charset=utf-8");
    assert_non_null(strstr(a.body, "<!DOCTYPE html>"));
    assert_non_null(strstr(a.response.policy, "default-src 'none'"));
    assert_null(strstr(a.response.policy, "unsafe"));
    assert_true(a.response.varies && !a.response.content_encoding);
    size_t plain = a.len;
    strcpy(etag, a.response.etag);
    assert_int_equal(ask((struct vx_test_ask){.target = "/", .takes_gzip = true}), 200);
    assert_string_equal(a.response.content_encoding, "gzip");
    assert_memory_equal(a.body, "\x1f\x8b", 2);
    assert_true(a.len < plain);
    assert_string_equal(a.response.etag, etag);
    snprintf(list, sizeof list, "\"x\", %s", etag);
    assert_int_equal(ask((struct vx_test_ask){.target = "/", .if_none_match = list}), 304);
    assert_string_equal(a.response.etag, etag);
    assert_int_equal(ask((struct vx_test_ask){.target = "/", .if_none_match = "*"}), 304);
    assert_int_equal(ask((struct vx_test_ask){.target = "/", .if_none_match = "\"x\""}), 200);
    assert_int_equal(ask((struct vx_test_ask){.target = "/dashboard/app.js"}), 200);
    assert_string_equal(a.response.content_type, "text/javascript; charset=utf-8");
    assert_int_equal(ask((struct vx_test_ask){.target = "/", .method = VX_POST}), 405);
    assert_string_equal(a.response.allow, "GET, HEAD, OPTIONS");
    static const char *const none[] = {
        "/dashboard", "/dashboard/", "/dashboard/nothing.js", "/dashboard/../dashboard/app.js",
        "//",         "/index.html"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_int_equal(ask((struct vx_test_ask){.target = none[i]}), 404);
}

/* --- tokens, errors, bodies --- */

static void test_a_new_token_fits_its_hash(void **state) {
    (void)state;
    char token[VX_TOKEN_TEXT + 1], hex[65], other[VX_TOKEN_TEXT + 1], want[65];
    assert_true(vx_token_make(token, hex));
    assert_true(vx_token_make(other, want));
    assert_string_not_equal(token, other);
    struct vx_uuid u;
    assert_true(vx_uuid_parse(&u, vx_str(token)));
    unsigned char hash[32];
    unsigned len = sizeof hash;
    assert_int_equal(vx_token_make(token, hex), true);
    assert_int_equal(EVP_Digest(token, strlen(token), hash, &len, EVP_sha256(), NULL), 1);
    for (int i = 0; i < 32; i++)
        snprintf(want + 2 * i, 3, "%02x", hash[i]);
    assert_string_equal(hex, want);

    char xml[512], error[256];
    snprintf(xml, sizeof xml,
             "<configuration name=\"voxeme.conf\"><accounts><account sid=\"" ALPHA_SID
             "\"><token sha256=\"%s\"/></account></accounts></configuration>",
             hex);
    struct vx_config *config = vx_test_read(xml, NULL, error, sizeof error);
    assert_non_null(config);
    assert_true(vx_api_configure(s.api, config));
    assert_int_equal(vx_test_status(&s, ALPHA_CALLS, token), 200);
    assert_true(vx_api_configure(s.api, s.world.config));
    vx_config_release(&config);
}

static void test_errors_of_the_transport(void **state) {
    (void)state;
    static const unsigned statuses[] = {400, 408, 413, 431, 500, 503};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        struct vx_response r = {0};
        vx_api_error(&r, statuses[i], "it says \"no\"");
        assert_int_equal(r.status, statuses[i]);
        struct vx_str body = {vx_body_data(r.body), vx_body_len(r.body)};
        assert_true(vx_str_eq(body, VX_STR("{\"msg\":\"it says \\\"no\\\"\"}")));
        vx_response_clear(&r);
        assert_null(r.body);
    }
}

static void test_response_cleared_twice(void **state) {
    (void)state;
    struct vx_response r = {0};
    vx_api_error(&r, 500, "x");
    vx_response_clear(&r);
    vx_response_clear(&r);
}

static void test_bodies(void **state) {
    (void)state;
    struct vx_body *b = vx_body_copy("abc", 3, NULL), *same = vx_body_ref(b);
    assert_non_null(b);
    assert_int_equal(vx_body_len(b), 3);
    memset(vx_body_data(b) - VX_BODY_HEADROOM, 'h', VX_BODY_HEADROOM); /* ours to write */
    vx_body_release(&b);
    assert_null(b);
    vx_body_release(&b);
    assert_memory_equal(vx_body_data(same), "abc", 3);
    vx_body_release(&same);
    b = vx_body_new(10, NULL);
    assert_non_null(b);
    assert_int_equal(vx_body_len(b), 0);
    memcpy(vx_body_data(b), "0123456789", 10);
    vx_body_set_len(b, 10);
    assert_int_equal(vx_body_len(b), 10);
    vx_body_release(&b);
}

static void test_bodies_have_a_limit(void **state) {
    (void)state;
    size_t before = vx_body_memory();
    vx_body_set_limits(before + 3 * 1048576, 0, 0);
    struct vx_body *big = vx_body_new(2 * 1048576, NULL);
    assert_non_null(big);
    assert_true(vx_body_memory() >= before + 2 * 1048576);
    assert_null(vx_body_new(2 * 1048576, NULL));
    struct vx_body *small = vx_body_copy("{}", 2, NULL); /* an error must get out all the same */
    assert_non_null(small);
    vx_body_release(&small);
    vx_body_release(&big);
    assert_int_equal(vx_body_memory(), before);
    big = vx_body_new(2 * 1048576, NULL);
    assert_non_null(big);
    vx_body_release(&big);
    assert_null(vx_body_new((size_t)-1, NULL));
    vx_body_set_limits(0, 0, 0);
}

static void test_answers_over_the_limit_are_503(void **state) {
    (void)state;
    vx_test_answer_clear(&a);
    vx_test_service_close(&s);
    vx_test_service_open(&s, "max-response-memory=1048576;rate-limit-per-minute=0");
    for (unsigned n = 1; n <= 4000; n++)
        vx_test_apply(&s.world, VX_EVENT_CREATE, n);
    assert_int_equal(ask((struct vx_test_ask){.target = ALPHA_CALLS, .token = "alpha-token"}), 503);
    assert_int_equal(ask((struct vx_test_ask){.target = ALPHA_CALLS "?page=1&page_size=10",
                                              .token = "alpha-token"}),
                     200);
    assert_int_equal(ask((struct vx_test_ask){.target = "/healthz"}), 200);
    vx_body_set_limits(0, 0, 0);
}

/* Whoever holds on to answers of one account takes nothing from another. */
static void test_an_account_has_its_share_of_memory(void **state) {
    (void)state;
    vx_test_answer_clear(&a);
    vx_test_service_close(&s);
    vx_test_service_open(&s, "max-account-response-memory=1048576;rate-limit-per-minute=0");
    struct vx_event e;
    size_t refused = vx_body_refused();
    for (unsigned n = 1; n <= 1500; n++) {
        vx_test_apply(&s.world, VX_EVENT_CREATE, n);
        e = vx_test_event_of(BETA_SID, VX_EVENT_CREATE, 5000 + n);
        vx_registry_apply(s.world.registry, &e);
    }
    struct vx_test_answer held[16];
    size_t count = 0;
    unsigned status = 200;
    while (status == 200 && count < 16) {
        for (unsigned n = 1; n <= 1500; n += 64) /* every segment of the list anew */
            vx_test_apply(&s.world, count % 2 ? VX_EVENT_UPDATE : VX_EVENT_PROGRESS, n);
        struct vx_test_ask q = {.target = ALPHA_CALLS, .token = "alpha-token"};
        for (unsigned n = 1 + (unsigned)count; n <= 1500; n += 32)
            vx_test_apply(&s.world, VX_EVENT_ANSWER, n);
        vx_test_ask(&s, &q, &held[count]);
        status = held[count++].response.status;
    }
    assert_int_equal(status, 503);
    assert_true(vx_body_refused() > refused);
    assert_int_equal(ask((struct vx_test_ask){.target = BETA_CALLS, .token = "beta-token"}), 200);
    assert_int_equal(json_object_array_length(a.json), 1500);
    while (count)
        vx_test_answer_clear(&held[--count]);
    assert_int_equal(ask((struct vx_test_ask){.target = ALPHA_CALLS, .token = "alpha-token"}), 200);
    vx_body_set_limits(0, 0, 0);
}

static void test_tokens_stay_out_of_the_log(void **state) {
    (void)state;
    vx_log_set_level(VX_LOG_DEBUG);
    static const char *const tokens[] = {"alpha-token", "beta-token", "stolen-token"};
    for (size_t i = 0; i < 3; i++) {
        ask((struct vx_test_ask){.target = ALPHA_CALLS "?from=x", .token = tokens[i]});
        assert_null(strstr(vx_test_log_text(), "token"));
    }
    vx_log_set_level(VX_LOG_NOTICE);
}

/* --- memory --- */

static const struct vx_test_ask endpoints[] = {
    {.target = ALPHA_CALLS, .token = "alpha-token"},
    {.target = ALPHA_CALLS "?state=live&callStatus=ringing,trying", .token = "alpha-token"},
    {.target = ALPHA_CALLS "?page=1&page_size=2", .token = "alpha-token"},
    {.target = ALPHA_CALLS "?since=0.0", .token = "alpha-token"},
    {.target = ALPHA_CALLS "?wait=5", .token = "alpha-token", .if_none_match = "*"},
    {.target = ALPHA_CALLS "?direction=no", .token = "alpha-token"},
    {.target = ALPHA_CALLS "/ca110000-0000-4000-8000-000000000001", .token = "alpha-token"},
    {.target = "/v1/Accounts/" ALPHA_SID "/CallCount", .token = "alpha-token"},
    {.target = "/v1/Calls", .token = "admin-token"},
    {.target = "/metrics", .token = "admin-token"},
    {.target = "/v1/openapi.json"},
    {.target = "/healthz"},
    {.target = "/nowhere", .token = "alpha-token"},
    {.target = ALPHA_CALLS},
    {.target = ALPHA_CALLS, .token = "beta-token"},
    {.method = VX_OPTIONS, .target = ALPHA_CALLS},
};

/* Asks without looking closely: the answer may be 500 or 503, and without a body. */
static unsigned ask_loosely(const struct vx_test_ask *q) {
    char path[256], bearer[64];
    struct vx_param params[2];
    struct vx_request request = {.method = q->method ? q->method : VX_GET, .params = params};
    snprintf(path, sizeof path, "%s", q->target);
    for (char *at_ = strchr(path, '?'); at_; at_ = strchr(at_, '&')) {
        *at_++ = '\0';
        char *value = strchr(at_, '=');
        params[request.param_count++] =
            (struct vx_param){{at_, (size_t)(value - at_)}, {value + 1, strcspn(value + 1, "&")}};
    }
    request.path = vx_str(path);
    snprintf(bearer, sizeof bearer, "Bearer %s", q->token ? q->token : "");
    request.authorization = q->token ? vx_str(bearer) : VX_NONE;
    request.if_none_match = vx_str(q->if_none_match);
    struct vx_response response;
    vx_test_arm();
    vx_api_invoke(s.api, &request, &response);
    bool failed = vx_test_disarm();
    unsigned status = response.status;
    if (!failed)
        assert_true(status < 500);
    vx_response_clear(&response);
    return status;
}

static void scenario(void *ctx) {
    const struct vx_test_ask *q = ctx;
    vx_test_service_open(&s, "rate-limit-per-minute=0");
    for (unsigned n = 1; n <= 3; n++)
        vx_test_apply(&s.world, VX_EVENT_CREATE, n);
    unsigned got = ask_loosely(q);
    unsigned again = ask(*q); /* with all the memory it wants: as if nothing had happened */
    if (got < 500)
        assert_int_equal(got, again);
    assert_true(again < 500);
    assert_int_equal(ask((struct vx_test_ask){.target = ALPHA_CALLS, .token = "alpha-token"}), 200);
    assert_string_equal(vx_test_numbers(a.json), "3 2 1");
    vx_test_answer_clear(&a);
    vx_test_service_close(&s);
}

static void test_every_allocation_of_every_endpoint_fails(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof endpoints / sizeof *endpoints; i++) {
        struct vx_test_ask q = endpoints[i];
        vx_test_every_allocation_fails(scenario, &q, false);
    }
}

static void birth(void *ctx) {
    (void)ctx;
    struct vx_test_world w;
    vx_test_world_open(&w, NULL);
    vx_test_arm();
    struct vx_api *api = vx_api_new(w.registry, w.config, &w.time.clock);
    bool configured = api && vx_api_configure(api, w.config);
    bool failed = vx_test_disarm();
    assert_true(failed || (api && configured));
    vx_api_release(&api);
    vx_test_world_close(&w);
}

static void test_every_allocation_fails_at_birth(void **state) {
    (void)state;
    vx_test_every_allocation_fails(birth, NULL, false);
}

static void reload(void *ctx) {
    (void)ctx;
    vx_test_service_open(&s, "rate-limit-per-minute=0");
    struct vx_config *other = vx_test_config("rate-limit-per-minute=1");
    vx_test_arm();
    bool taken = vx_api_configure(s.api, other);
    bool failed = vx_test_disarm();
    assert_true(taken || failed);
    assert_int_equal(ask((struct vx_test_ask){.target = ALPHA_CALLS, .token = "alpha-token"}), 200);
    assert_int_equal(ask((struct vx_test_ask){.target = ALPHA_CALLS, .token = "alpha-token"}),
                     taken ? 429 : 200); /* all of it or nothing */
    vx_test_answer_clear(&a);
    vx_config_release(&other);
    vx_test_service_close(&s);
}

static void test_every_allocation_fails_at_a_reload(void **state) {
    (void)state;
    vx_test_every_allocation_fails(reload, NULL, false);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_service, close_service)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_health_needs_no_token),
        TEST(test_metrics),
        TEST(test_metrics_of_call_memory),
        TEST(test_metrics_allow),
        TEST(test_openapi),
        TEST(test_openapi_says_what_the_host_can_do),
        TEST(test_the_page),
        TEST(test_openapi_is_what_is_served),
        TEST(test_asyncapi),
        TEST(test_asyncapi_names_its_server),
        TEST(test_openapi_has_every_field),
        TEST(test_a_new_token_fits_its_hash),
        TEST(test_errors_of_the_transport),
        TEST(test_response_cleared_twice),
        TEST(test_bodies),
        TEST(test_bodies_have_a_limit),
        TEST(test_answers_over_the_limit_are_503),
        TEST(test_an_account_has_its_share_of_memory),
        TEST(test_tokens_stay_out_of_the_log),
        cmocka_unit_test(test_every_allocation_of_every_endpoint_fails),
        cmocka_unit_test(test_every_allocation_fails_at_birth),
        cmocka_unit_test(test_every_allocation_fails_at_a_reload),
    };
    return cmocka_run_group_tests_name("api_service", tests, NULL, NULL);
}
