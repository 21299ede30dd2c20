/* The head of a request: what is read, and that nothing is taken that two readers could read two
 * ways (RFC 9112). */
#include "support.h"

#include "core/percent.h"
#include "net/http_parse.h"

static char text[70000];
static struct vx_http_head head;
static struct vx_http_error error;

static enum vx_http_result parse(const char *request) {
    size_t scanned = 0, len = strlen(request);
    strcpy(text, request);
    size_t end = vx_http_head_end(text, len, &scanned);
    if (end == 0)
        return VX_HTTP_MORE;
    memset(&head, 0xa5, sizeof head);
    error = (struct vx_http_error){0, NULL};
    return vx_http_head_parse(&head, text, end, &error);
}

static void refuses(const char *request, unsigned status) {
    if (parse(request) != VX_HTTP_BAD)
        fail_msg("accepted:\n%s", request);
    if (error.status != status)
        fail_msg("%u, should be %u:\n%s", error.status, status, request);
    assert_non_null(error.msg);
}

static void takes(const char *request) {
    enum vx_http_result got = parse(request);
    if (got != VX_HTTP_DONE)
        fail_msg("%s (%s):\n%s", got == VX_HTTP_MORE ? "more" : "refused",
                 error.msg ? error.msg : "", request);
}

static void test_a_plain_request(void **state) {
    (void)state;
    takes("GET /v1/Calls?a=b&c HTTP/1.1\r\nHost: h\r\nAUTHORIZATION:\tBearer x \r\n"
          "if-none-match: W/\"1\"\r\nContent-Type: application/json\r\nContent-Length: 12\r\n"
          "idempotency-key: \"k\"\r\n\r\n");
    assert_int_equal(head.method, VX_GET);
    assert_true(vx_str_eq(head.path, VX_STR("/v1/Calls")));
    assert_true(vx_str_eq(head.query, VX_STR("a=b&c")));
    assert_true(vx_str_eq(head.authorization, VX_STR("Bearer x")));
    assert_int_equal(head.if_none_match_lines, 1);
    assert_true(vx_str_eq(head.if_none_match[0], VX_STR("W/\"1\"")));
    assert_true(vx_str_eq(head.content_type, VX_STR("application/json")));
    assert_true(vx_str_eq(head.idempotency_key, VX_STR("\"k\"")));
    assert_true(head.has_length && head.length == 12 && !head.chunked);
    assert_true(head.persist && !head.http10 && !head.expecting);
    assert_int_equal(head.size, strlen(text));
}

static void test_methods(void **state) {
    (void)state;
    static const struct {
        const char *line;
        enum vx_method method;
    } rows[] = {{"GET", VX_GET},     {"HEAD", VX_HEAD},      {"POST", VX_POST},
                {"PUT", VX_PUT},     {"DELETE", VX_DELETE},  {"OPTIONS", VX_OPTIONS},
                {"PATCH", VX_PATCH}, {"PROPFIND", VX_OTHER}, {"get", VX_OTHER},
                {"GETX", VX_OTHER}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char request[128];
        snprintf(request, sizeof request, "%s / HTTP/1.1\r\nHost: h\r\n\r\n", rows[i].line);
        takes(request);
        assert_int_equal(head.method, rows[i].method);
    }
}

static void test_persistence(void **state) {
    (void)state;
    takes("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_false(head.persist);
    takes("GET / HTTP/1.1\r\nHost: h\r\nConnection: foo, Close\r\n\r\n");
    assert_false(head.persist);
    takes("GET / HTTP/1.0\r\n\r\n");
    assert_true(head.http10 && !head.persist);
    takes("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
    assert_true(head.http10 && head.persist);
    takes("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n");
    assert_true(head.expecting);
}

static void test_lenient_in_what_is_harmless(void **state) {
    (void)state;
    takes("GET / HTTP/1.1\nHost: h\n\n");
    takes("\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");
    takes("GET / HTTP/1.1\r\nHost: h\r\nX-Empty:\r\n\r\n");
}

static void test_smuggling(void **state) {
    (void)state;
#define POST "POST / HTTP/1.1\r\nHost: h\r\n"
    refuses(POST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
    refuses(POST "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400);
    refuses(POST "Content-Length: 1, 2\r\n\r\n", 400);
    refuses(POST "Content-Length: -1\r\n\r\n", 400);
    refuses(POST "Content-Length: +1\r\n\r\n", 400);
    refuses(POST "Content-Length: 0x1\r\n\r\n", 400);
    refuses(POST "Content-Length: 1 1\r\n\r\n", 400);
    refuses(POST "Content-Length:\r\n\r\n", 400);
    refuses(POST "Content-Length: 99999999999999999999999\r\n\r\n", 400);
    refuses(POST "Content-Length : 1\r\n\r\n", 400);
    refuses(POST " folded: 1\r\n\r\n", 400);
    refuses(POST "A: 1\r\n\tfolded\r\n\r\n", 400);
    refuses(POST "A: 1\x01\r\n\r\n", 400);
    refuses(POST "A: 1\rB: 2\r\n\r\n", 400);
    refuses(POST "no colon\r\n\r\n", 400);
    refuses(POST ": no name\r\n\r\n", 400);
    refuses(POST "a b: c\r\n\r\n", 400);
}

static void test_request_lines(void **state) {
    (void)state;
    refuses("GET /\r\nHost: h\r\n\r\n", 400);
    refuses("GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400);
    refuses("GET / / HTTP/1.1\r\nHost: h\r\n\r\n", 400);
    refuses("GET /\x7f HTTP/1.1\r\nHost: h\r\n\r\n", 400);
    refuses("GET / http/1.1\r\nHost: h\r\n\r\n", 400);
    refuses("GET / HTTP/1.1x\r\nHost: h\r\n\r\n", 400);
    refuses("G(T / HTTP/1.1\r\nHost: h\r\n\r\n", 400);
    refuses("GET / HTTP/1.1\r\n\r\n", 400);                       /* no Host */
    refuses("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400); /* RFC 9112, section 3.2 */
    refuses("GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505);
}

/* Wherever it stands, and whatever stands beside it. */
static void test_control_characters(void **state) {
    (void)state;
    enum { LONGEST = 20 };
    for (size_t len = 1; len <= LONGEST; len++)
        for (size_t at = 0; at < len; at++)
            for (unsigned c = 1; c < 256; c++) {
                char run[LONGEST + 1], request[128];
                bool tab = c == '\t', control = c < ' ' || c == 0x7f;
                if (c == '\n' || c == '\r')
                    continue; /* may end a line */
                memset(run, len % 2 ? '!' : 0xff, len);
                run[len] = '\0';
                run[at] = (char)c;
                snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: h\r\nA: %s\r\n\r\n",
                         run);
                assert_int_equal(parse(request), control && !tab ? VX_HTTP_BAD : VX_HTTP_DONE);
                snprintf(request, sizeof request, "GET /%s HTTP/1.1\r\nHost: h\r\n\r\n", run);
                assert_int_equal(parse(request), control || c == ' ' ? VX_HTTP_BAD : VX_HTTP_DONE);
            }
    refuses("GET / HTTP/1.1\r\nHost: h\r\nA: \t12345678\t12345678\x01\r\n\r\n", 400);
    takes("GET / HTTP/1.1\r\nHost: h\r\nA: 1\t12345678\t12345678\r\n\r\n");
}

static void test_host(void **state) {
    (void)state;
    static const char *const good[] = {"h",
                                       "h:80",
                                       "h:",
                                       "",
                                       "a-b.c_d~e",
                                       "127.0.0.1:3000",
                                       "[::1]",
                                       "[::1]:3000",
                                       "[v1.fe80::a+en1]:1",
                                       "a%20b",
                                       "1234",
                                       "xn--bcher-kva.example:65535",
                                       "h!$&'()*+,;=",
                                       "[::ffff:1.2.3.4]"};
    static const char *const bad[] = {"h h",   "h/x",    "h:80:80", "user@h", "[::1",  "::1]",
                                      "[]",    "[]:80",  "::1",     "h:8x",   "h:-1",  "a%2",
                                      "a%zz",  "a%00",   "h?x",     "h#x",    "\"h\"", "<h>",
                                      "h\xe9", "[::1]x", "h\\"};
    char request[128];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", good[i]);
        takes(request);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", bad[i]);
        refuses(request, 400);
        snprintf(request, sizeof request, "GET / HTTP/1.0\r\nHost: %s\r\n\r\n", bad[i]);
        refuses(request, 400);
    }
    refuses("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\nhost: h\r\n\r\n", 400); /* even the same */
    refuses("GET / HTTP/1.0\r\nHost: h\r\nHost: h\r\n\r\n", 400);
    refuses("POST / HTTP/1.0\r\nIdempotency-Key: k\r\nIdempotency-Key: k\r\n\r\n", 400);
}

static void test_if_none_match_in_several_lines(void **state) {
    (void)state;
    struct vx_str joined;
    char out[64];
    takes("GET / HTTP/1.1\r\nHost: h\r\nIf-None-Match: \"a\"\r\nAccept: x\r\n"
          "if-none-match:  W/\"b\", \"c\" \r\nIf-None-Match:\r\n\r\n");
    assert_int_equal(head.if_none_match_lines, 3);
    assert_true(vx_http_join(head.if_none_match, 3, out, sizeof out, &joined));
    assert_true(vx_str_eq(joined, VX_STR("\"a\", W/\"b\", \"c\", ")));
    assert_false(vx_http_join(head.if_none_match, 3, out, 12, &joined));
    assert_true(vx_http_join(head.if_none_match, 1, out, 0, &joined));
    assert_true(joined.at == head.if_none_match[0].at && joined.len == 3);
    assert_true(vx_http_join(head.if_none_match, 0, out, 0, &joined));
    assert_null(joined.at);
#define LINE "If-None-Match: \"x\"\r\n"
    takes("GET / HTTP/1.1\r\nHost: h\r\n" LINE LINE LINE LINE "\r\n");
    refuses("GET / HTTP/1.1\r\nHost: h\r\n" LINE LINE LINE LINE LINE "\r\n", 400);
}

/* RFC 9110, section 12.5.3. */
static void test_accept_encoding(void **state) {
    (void)state;
    static const char *const yes[] = {"gzip",
                                      "GZIP",
                                      "x-gzip",
                                      "br, gzip",
                                      "deflate , gzip ;q=0.8,br",
                                      "gzip;q=1",
                                      "gzip;q=1.",
                                      "gzip;q=1.000",
                                      "gzip ; Q=0.001",
                                      "gzip\t;\tq=0.5",
                                      "*",
                                      "*;q=0.3",
                                      "br;q=0, *",
                                      "identity;q=0.5, gzip",
                                      "gzip;q=0.5, identity;q=0.5",
                                      "gzip;q=0.1, *;q=0",
                                      "gzip, identity;q=0",
                                      "identity;q=0, *;q=0.1",
                                      ",gzip,,",
                                      "gzip;q=0.2, br;q=1",
                                      "br\r\nAccept-Encoding: gzip",
                                      "identity;q=0.2, *;q=0.3"};
    static const char *const no[] = {"",
                                     "identity",
                                     "br",
                                     "gzipped",
                                     "gzip2",
                                     "-gzip",
                                     "gzip;q=0",
                                     "gzip;q=0.",
                                     "gzip;q=0.000",
                                     "*;q=0",
                                     "*, gzip;q=0",
                                     "gzip;q=0, *;q=1",
                                     "identity, gzip;q=0.5",
                                     "identity, *;q=0.9",
                                     "gzip;q=",
                                     "gzip;q",
                                     "gzip;",
                                     "gzip;q=2",
                                     "gzip;q=1.001",
                                     "gzip;q=0.1234",
                                     "gzip;q=-1",
                                     "gzip;q=.5",
                                     "gzip;q=0,5",
                                     "gzip;q=0x1",
                                     "gzip;q=1e0",
                                     "gzip;x=1",
                                     "gzip;q=0.5;q=1",
                                     "gzip;q=0.5;",
                                     "gzip q=1",
                                     "gzip;q= 1",
                                     "gzip, gzip;q=0",
                                     "gzip;q=0, gzip",
                                     "gzip;q=0 .5",
                                     "gzip\r\nAccept-Encoding: gzip;q=0",
                                     "gzip\r\nAccept-Encoding: identity\r\n"
                                     "Accept-Encoding: x-gzip;q=0.9",
                                     "**",
                                     "* gzip",
                                     "\"gzip\"",
                                     "gzip;;q=1"};
    char request[256];
    for (size_t i = 0; i < sizeof yes / sizeof *yes + sizeof no / sizeof *no; i++) {
        bool want = i < sizeof yes / sizeof *yes;
        const char *value = want ? yes[i] : no[i - sizeof yes / sizeof *yes];
        snprintf(request, sizeof request,
                 "GET / HTTP/1.1\r\nHost: h\r\nAccept-Encoding: %s\r\n\r\n", value);
        takes(request);
        if (head.takes_gzip != want)
            fail_msg("Accept-Encoding: %s: %s", value, want ? "refused" : "taken");
    }
    takes("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_false(head.takes_gzip);
}

static void test_what_asks_for_the_head_alone(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool is;
    } rows[] = {{"HEAD / HTTP/1.1", true},
                {"\r\n\nHEAD ", true},
                {"HEAD", false},
                {"HEADER / HTTP/1.1", false},
                {"GET /", false},
                {"head / HTTP/1.1", false},
                {"", false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(vx_http_is_head(rows[i].text, strlen(rows[i].text)), rows[i].is);
    assert_false(vx_http_is_head(NULL, 0));
}

static void test_bytes_that_trickle_in(void **state) {
    (void)state;
    const char *request = "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\nnext";
    size_t scanned = 0, whole = strlen(request) - 4, len = strlen(request);
    for (size_t n = 0; n < whole; n++)
        assert_int_equal(vx_http_head_end(request, n, &scanned), 0);
    assert_int_equal(vx_http_head_end(request, len, &scanned), whole);
}

/* --- the query --- */

static void test_percent_decode(void **state) {
    (void)state;
    static const struct {
        const char *in, *out; /* NULL: refused */
    } rows[] = {{"", ""},         {"a+b", "a+b"}, {"%2B1%20x", "+1 x"}, {"%e4%B8", "\xe4\xb8"},
                {"%25%32", "%2"}, {"%", NULL},    {"%2", NULL},         {"%zz", NULL},
                {"a%00b", NULL},  {"%2 1", NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char copy[64];
        strcpy(copy, rows[i].in);
        struct vx_str s = vx_str(copy);
        assert_int_equal(vx_percent_decode(&s), rows[i].out != NULL);
        if (rows[i].out)
            assert_true(vx_str_eq(s, vx_str(rows[i].out)));
    }
}

static void test_params(void **state) {
    (void)state;
    char copy[] = "a=1&b=%3D%26&&c&d==x&=y";
    struct vx_param params[8];
    size_t n;
    assert_true(vx_http_params(vx_str(copy), params, 8, &n, &error));
    static const char *const want[][2] = {{"a", "1"}, {"b", "=&"}, {"c", ""}, {"d", "=x"}};
    size_t seen = 0;
    for (size_t i = 0; i < n; i++) {
        if (params[i].name.len == 0)
            continue; /* what has no name may be left out */
        assert_true(seen < 4);
        assert_true(vx_str_eq(params[i].name, vx_str(want[seen][0])));
        assert_true(vx_str_eq(params[i].value, vx_str(want[seen][1])));
        seen++;
    }
    assert_int_equal(seen, 4);
    char many[] = "a&b&c&d&e&f&g&h&i", bad[] = "a=%x";
    assert_false(vx_http_params(vx_str(many), params, 8, &n, &error));
    assert_true(error.status >= 400 && error.msg);
    assert_false(vx_http_params(vx_str(bad), params, 8, &n, &error));
    assert_int_equal(error.status, 400);
    assert_true(vx_http_params(VX_NONE, params, 8, &n, &error));
    assert_int_equal(n, 0);
}

/* --- chunks --- */

static enum vx_http_result scan(const char *raw, size_t step, size_t limit, const char *want) {
    char copy[512];
    struct vx_chunks chunks = {0};
    enum vx_http_result got = VX_HTTP_MORE;
    size_t len = strlen(raw);
    strcpy(copy, raw);
    for (size_t n = step; got == VX_HTTP_MORE; n += step) {
        got = vx_chunks_scan(&chunks, copy, n < len ? n : len, limit, &error);
        if (n >= len)
            break;
    }
    if (got == VX_HTTP_DONE && want) {
        assert_int_equal(chunks.size, strlen(want));
        assert_int_equal(vx_chunks_join(copy, chunks.scanned), strlen(want));
        assert_memory_equal(copy, want, strlen(want));
    }
    return got;
}

static void test_chunks(void **state) {
    (void)state;
    for (size_t step = 1; step < 40; step++) {
        assert_int_equal(scan("0\r\n\r\n", step, 100, ""), VX_HTTP_DONE);
        assert_int_equal(scan("3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nT: v\r\n\r\n", step, 100,
                              "abc0123456789"),
                         VX_HTTP_DONE);
        assert_int_equal(scan("3\r\nabc\r\n0\r\n", step, 100, NULL), VX_HTTP_MORE);
        assert_int_equal(scan("3\r\nabcd\r\n0\r\n\r\n", step, 100, NULL), VX_HTTP_BAD);
        assert_int_equal(scan("x\r\n\r\n", step, 100, NULL), VX_HTTP_BAD);
        assert_int_equal(scan("-1\r\n\r\n", step, 100, NULL), VX_HTTP_BAD);
        assert_int_equal(scan("\r\n\r\n", step, 100, NULL), VX_HTTP_BAD);
        assert_int_equal(scan("ffffffffffffffffffff\r\n", step, 100, NULL), VX_HTTP_BAD);
        assert_int_equal(scan("5\r\nabcde\r\n0\r\n\r\n", step, 4, NULL), VX_HTTP_BAD);
        assert_int_equal(error.status, 413);
    }
}

/* What has been looked at need not be kept: the limits hold all the same. */
static void test_chunks_thrown_away_as_they_come(void **state) {
    (void)state;
    const char *raw = "3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nT: v\r\n\r\n";
    for (size_t step = 1; step < 40; step++) {
        struct vx_chunks chunks = {0};
        enum vx_http_result got = VX_HTTP_MORE;
        size_t at = 0, len = strlen(raw);
        while (got == VX_HTTP_MORE && at < len) {
            got = vx_chunks_scan(&chunks, raw + at, step < len - at ? step : len - at, 13, &error);
            at += chunks.scanned;
            chunks.scanned = 0;
        }
        assert_int_equal(got, VX_HTTP_DONE);
        assert_int_equal(at, len);
        assert_int_equal(chunks.size, 13);
    }
    struct vx_chunks chunks = {0};
    enum vx_http_result got = VX_HTTP_MORE;
    for (int i = 0; got == VX_HTTP_MORE && i < 5000; i++, chunks.scanned = 0)
        got = vx_chunks_scan(&chunks, i ? "x" : "1;", i ? 1 : 2, 100, &error);
    assert_int_equal(got, VX_HTTP_BAD);
    assert_int_equal(error.status, 413);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_plain_request),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_persistence),
        cmocka_unit_test(test_lenient_in_what_is_harmless),
        cmocka_unit_test(test_smuggling),
        cmocka_unit_test(test_request_lines),
        cmocka_unit_test(test_control_characters),
        cmocka_unit_test(test_host),
        cmocka_unit_test(test_if_none_match_in_several_lines),
        cmocka_unit_test(test_accept_encoding),
        cmocka_unit_test(test_what_asks_for_the_head_alone),
        cmocka_unit_test(test_bytes_that_trickle_in),
        cmocka_unit_test(test_percent_decode),
        cmocka_unit_test(test_params),
        cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_chunks_thrown_away_as_they_come),
    };
    return cmocka_run_group_tests_name("http_parse", tests, NULL, NULL);
}
