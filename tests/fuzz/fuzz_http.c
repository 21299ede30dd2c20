/*
 * The text of an HTTP request -> head, path and query -> vx_api_invoke(). Every answer must be
 * whole: a status, JSON that json-c reads, an error that says `msg`. Tokens and sids that the
 * service knows are spelled out by the seeds and the dictionary, so that it gets past the door.
 */
#include "fuzz.h"
#include "gunzip.h"

#include "api/api.h"
#include "core/config_reader.h"
#include "core/log.h"
#include "core/percent.h"
#include "net/http_parse.h"

#include <json.h>
#include <stdlib.h>

#define ACCOUNT "5f8e8f60-4771-44cb-92a6-94ea66df0450"
#define TOKEN_SHA                                                                                  \
    "a336d9b1d8b8647875238537ca5087b0ea335afd2032936aecdffc3e4b13f720" /* alpha-token */
#define ADMIN_SHA                                                                                  \
    "10a4c7c9fc5206d6f36dc6944a81bb6f4a3cb0e25014ae3b12e6c3e52712292a" /* admin-token */

static int64_t stopped_clock(void *ctx) {
    (void)ctx;
    return INT64_C(1622377344) * VX_SECOND_US;
}

static const struct vx_clock clock_ = {stopped_clock, stopped_clock, NULL};
static struct vx_registry *registry;
static struct vx_api *api;

static void quiet(void *ctx, enum vx_log_level level, const char *line) {
    (void)ctx;
    (void)level;
    (void)line;
}

struct element {
    const char *name;
    const char *attributes[5];
};

static struct vx_config *make_config(void) {
    static const struct element open[] = {
        {"configuration", {"name", "voxeme.conf"}},
        {"settings", {NULL}},
        {"param", {"name", "rate-limit-per-minute", "value", "0"}},
        {"/param", {NULL}},
        {"/settings", {NULL}},
        {"accounts", {NULL}},
        {"account", {"sid", ACCOUNT, "name", "alpha"}},
        {"token", {"sha256", TOKEN_SHA}},
        {"/token", {NULL}},
        {"/account", {NULL}},
        {"/accounts", {NULL}},
        {"admin", {NULL}},
        {"token", {"sha256", ADMIN_SHA}},
        {"/token", {NULL}},
        {"/admin", {NULL}},
        {"/configuration", {NULL}},
    };
    struct vx_config_reader *reader = vx_config_reader_new("fuzz", NULL);
    FUZZ_CHECK(reader);
    for (size_t i = 0; i < sizeof open / sizeof *open; i++) {
        bool good = open[i].name[0] == '/'
                        ? vx_config_reader_end(reader, open[i].name + 1, 1)
                        : vx_config_reader_begin(reader, open[i].name, open[i].attributes, 1);
        FUZZ_CHECK(good);
    }
    struct vx_config *config = vx_config_reader_finish(reader);
    FUZZ_CHECK(config);
    vx_config_reader_release(&reader);
    return config;
}

static void add_calls(void) {
    for (uint8_t n = 1; n <= 5; n++) {
        struct vx_event e = {.type = n < 4 ? (enum vx_event_type)n : VX_EVENT_HANGUP,
                             .direction = n % 2 ? VX_INBOUND : VX_OUTBOUND,
                             .call_sid = {{0xca, 0x11, [6] = 0x40, [8] = 0x80, [15] = n}},
                             .from = VX_STR("15083728299"),
                             .to = VX_STR("15083084809"),
                             .call_id = VX_STR("a@b"),
                             .evidence.variable = n < 5 ? VX_STR(ACCOUNT) : VX_NONE};
        FUZZ_CHECK(vx_registry_apply(registry, &e) == VX_APPLIED);
    }
}

static void start(void) {
    vx_log_to(quiet, NULL);
    struct vx_config *config = make_config();
    registry = vx_registry_new(config, &clock_);
    FUZZ_CHECK(registry && vx_registry_set_service_url(registry, "http://127.0.0.1:3000"));
    add_calls();
    api = vx_api_new(registry, config, &clock_);
    FUZZ_CHECK(api);
    vx_config_release(&config);
}

static struct json_object *parse(const char *at, size_t len) {
    struct json_tokener *t = json_tokener_new_ex(32);
    FUZZ_CHECK(t);
    json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *o = json_tokener_parse_ex(t, at, (int)len);
    FUZZ_CHECK(json_tokener_get_error(t) == json_tokener_success);
    FUZZ_CHECK(json_tokener_get_parse_end(t) == len);
    json_tokener_free(t);
    return o;
}

static void check_answer(const struct vx_response *r) {
    struct json_object *msg;
    FUZZ_CHECK(r->status < 500 || r->status == 501); /* there is no host */
    FUZZ_CHECK((r->status == 0) == (r->hold.scope != NULL));
    FUZZ_CHECK((r->status == 401) == (r->challenge != NULL));
    FUZZ_CHECK(r->status < 400 || r->body);
    if (!r->body || strncmp(r->content_type, "application/json", 16) != 0)
        return;
    char *text = malloc(vx_body_len(r->body));
    struct vx_str run;
    size_t len = 0;
    FUZZ_CHECK(text);
    while (vx_body_runs(r->body, len, &run, 1)) {
        memcpy(text + len, run.at, run.len);
        len += run.len;
    }
    if (r->content_encoding) {
        char *packed = text;
        FUZZ_CHECK(strcmp(r->content_encoding, "gzip") == 0);
        text = vx_test_gunzip(packed, len, &len);
        FUZZ_CHECK(text);
        free(packed);
    }
    struct json_object *o = parse(text, len);
    free(text);
    if (r->status >= 400)
        FUZZ_CHECK(json_object_object_get_ex(o, "msg", &msg));
    json_object_put(o);
}

static void invoke(const struct vx_http_head *head, struct vx_str body) {
    struct vx_param params[16];
    struct vx_http_error error;
    char joined[256];
    struct vx_request request = {
        .method = head->method,
        .path = head->path,
        .authorization = head->authorization,
        .content_type = head->content_type,
    };
    struct vx_response response;
    bool wants_body;
    bool admitted = vx_api_admit(api, &request, &wants_body, &response);
    unsigned status = response.status;
    if (admitted)
        FUZZ_CHECK(!status && !response.body && !response.hold.scope);
    else
        check_answer(&response);
    vx_response_clear(&response);
    if (!vx_percent_valid(request.path) ||
        !vx_http_params(head->query, params, 16, &request.param_count, &error) ||
        !vx_http_join(head->if_none_match, head->if_none_match_lines, joined, sizeof joined,
                      &request.if_none_match))
        return;
    request.params = params;
    request.body = body;
    request.waited = body.len % 2;
    request.takes_gzip = head->takes_gzip;
    vx_api_invoke(api, &request, &response);
    check_answer(&response);
    /* What is said of the head holds when the rest is there. */
    FUZZ_CHECK(admitted || status == response.status || (status == 415 && !body.len));
    vx_response_clear(&response);
}

/* The size of a chunked body that is read in pieces, none of which is kept. */
static size_t thrown_away(const char *at, size_t len) {
    struct vx_chunks chunks = {0};
    struct vx_http_error error;
    enum vx_http_result got = VX_HTTP_MORE;
    for (size_t done = 0, piece = 1; got == VX_HTTP_MORE && done < len; piece = piece % 7 + 1) {
        got = vx_chunks_scan(&chunks, at + done, piece < len - done ? piece : len - done, 4096,
                             &error);
        done += chunks.scanned;
        chunks.scanned = 0;
    }
    FUZZ_CHECK(got == VX_HTTP_DONE);
    return chunks.size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct vx_http_head head;
    struct vx_http_error error;
    size_t scanned = 0, end;
    if (!api)
        start();
    char *text = malloc(size ? size : 1); /* the parser decodes in place */
    FUZZ_CHECK(text);
    if (size)
        memcpy(text, data, size);
    end = vx_http_head_end(text, size, &scanned);
    FUZZ_CHECK(end <= size && scanned <= size);
    if (end > 0) {
        if (vx_http_head_parse(&head, text, end, &error) == VX_HTTP_DONE)
            invoke(&head, (struct vx_str){text + end, size - end});
        else
            FUZZ_CHECK(error.status >= 400 && error.msg);
        (void)vx_http_is_head(text, size);
        struct vx_chunks chunks = {0};
        if (vx_chunks_scan(&chunks, text + end, size - end, 4096, &error) == VX_HTTP_DONE) {
            FUZZ_CHECK(chunks.scanned <= size - end);
            FUZZ_CHECK(thrown_away(text + end, chunks.scanned) == chunks.size);
            FUZZ_CHECK(vx_chunks_join(text + end, chunks.scanned) == chunks.size);
        }
    }
    free(text);
    return 0;
}
