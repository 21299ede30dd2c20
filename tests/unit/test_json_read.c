/* JSON that strangers send: what is taken, what is not, and what comes back. */
#include "support.h"

#include "core/json_read.h"

/* Compact again, or NULL when it is not taken. */
static const char *anew(struct vx_str text) {
    static char out[4096];
    struct vx_json_document *d;
    struct vx_buf b = {0};
    size_t at;
    if (vx_json_read(&d, text, &at) != VX_JSON_OK) {
        assert_null(d);
        assert_true(at <= text.len);
        return NULL;
    }
    vx_json_write(&b, vx_json_root(d));
    vx_json_release(&d);
    assert_null(d);
    assert_true(vx_buf_ok(&b) && b.len < sizeof out);
    memcpy(out, b.at, b.len);
    out[b.len] = '\0';
    vx_buf_free(&b);
    return out;
}

static void test_good(void **state) {
    (void)state;
    static const struct {
        const char *in, *out;
    } rows[] = {
        {" null ", "null"},
        {"true", "true"},
        {"false", "false"},
        {"0", "0"},
        {"-0.5e+10", "-0.5e+10"},
        {"123456789012345678901234567890", "123456789012345678901234567890"},
        {"\"\"", "\"\""},
        {"[ ]", "[]"},
        {"{ }", "{}"},
        {"[1 , [2,{\"a\" :\t[]}]\r\n]", "[1,[2,{\"a\":[]}]]"},
        {"{\"b\":1,\"a\":{\"b\":null}}", "{\"b\":1,\"a\":{\"b\":null}}"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\""},
        {"\"\\u0041\\u00eb\\u20AC\\uD83D\\ude00\"", "\"A\xc3\xab\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"\"\xc3\xab\x7f\"", "\"\xc3\xab\x7f\""},
        {"{\"\":0}", "{\"\":0}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(anew(vx_str(rows[i].in)), rows[i].out);
}

static void test_bad(void **state) {
    (void)state;
    static const char *const rows[] = {"",
                                       " ",
                                       "nul",
                                       "nulll",
                                       "True",
                                       "+1",
                                       "01",
                                       "1.",
                                       ".5",
                                       "1e",
                                       "1e+",
                                       "-",
                                       "0x1",
                                       "NaN",
                                       "\"",
                                       "\"\\\"",
                                       "\"\\x\"",
                                       "\"\\u12\"",
                                       "\"\\u0000\"",
                                       "\"\\ud800\"",
                                       "\"\\ud800\\n\"",
                                       "\"\\ud800\\u0041\"",
                                       "\"\\udc00\"",
                                       "\"a\nb\"",
                                       "\"\x01\"",
                                       "\"\x80\"",
                                       "\"\xc3\"",
                                       "\"\xed\xa0\x80\"",
                                       "\"\xf5\x80\x80\x80\"",
                                       "'a'",
                                       "[",
                                       "[1",
                                       "[1,",
                                       "[1,]",
                                       "[,1]",
                                       "[1 2]",
                                       "]",
                                       "{",
                                       "{\"a\"",
                                       "{\"a\":",
                                       "{\"a\":1",
                                       "{\"a\":1,",
                                       "{\"a\":1,}",
                                       "{a:1}",
                                       "{1:1}",
                                       "{\"a\" 1}",
                                       "{\"a\":1,\"a\":2}",
                                       "{\"a\":1,\"\\u0061\":2}",
                                       "}",
                                       "1 1",
                                       "[] []",
                                       "/**/1",
                                       "[1}",
                                       "{\"a\":1]"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (anew(vx_str(rows[i])))
            fail_msg("%s was taken", rows[i]);
    assert_null(anew((struct vx_str){"1\0", 2}));
    assert_null(anew((struct vx_str){"\"a\0\"", 4}));
}

static void test_depth_and_members(void **state) {
    (void)state;
    char text[8192] = "";
    for (int i = 0; i < VX_JSON_DEPTH; i++)
        strcat(text, "[");
    for (int i = 0; i < VX_JSON_DEPTH; i++)
        strcat(text, "]");
    assert_non_null(anew(vx_str(text)));
    memmove(text + 1, text, strlen(text) + 1);
    strcat(text, "]");
    assert_null(anew(vx_str(text)));
    size_t len = 0;
    for (int i = 0; i <= VX_JSON_MEMBERS; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%s\"%d\":0", i ? "," : "{", i);
        if (i == VX_JSON_MEMBERS - 1) {
            strcpy(text + len, "}");
            assert_non_null(anew(vx_str(text)));
        }
    }
    strcpy(text + len, "}");
    assert_null(anew(vx_str(text)));
}

static void test_members_and_numbers(void **state) {
    (void)state;
    struct vx_json_document *d;
    int64_t n = 7;
    size_t at;
    assert_int_equal(vx_json_read(&d,
                                  VX_STR("{\"a\":-12,\"b\":null,\"c\":1.0,\"d\":\"12\","
                                         "\"e\":1234567890123456789}"),
                                  &at),
                     VX_JSON_OK);
    const struct vx_json *root = vx_json_root(d);
    assert_true(vx_json_int(vx_json_member(root, "a"), &n));
    assert_int_equal(n, -12);
    assert_null(vx_json_member(root, "b"));
    assert_false(vx_json_int(vx_json_member(root, "c"), &n));
    assert_false(vx_json_int(vx_json_member(root, "d"), &n));
    assert_false(vx_json_int(vx_json_member(root, "e"), &n));
    assert_null(vx_json_member(root, "x"));
    assert_null(vx_json_member(NULL, "x"));
    assert_null(vx_json_member(vx_json_member(root, "a"), "x"));
    vx_json_release(&d);
}

/* More than one block of memory. */
static void test_large(void **state) {
    (void)state;
    size_t size = 200000, len = 0, at, count = 0;
    char *text = malloc(size);
    assert_non_null(text);
    text[len++] = '[';
    while (len < size - 20)
        len += (size_t)snprintf(text + len, size - len, "%s\"%zu\"", count ? "," : "", count),
            count++;
    memset(text + len, ' ', size - len);
    text[len] = ']';
    struct vx_json_document *d;
    assert_int_equal(vx_json_read(&d, (struct vx_str){text, len + 1}, &at), VX_JSON_OK);
    for (const struct vx_json *v = vx_json_root(d)->first; v; v = v->next)
        count--;
    assert_int_equal(count, 0);
    vx_json_release(&d);
    free(text);
}

static void starve(void *ctx) {
    (void)ctx;
    struct vx_json_document *d;
    struct vx_buf b = {0};
    size_t at;
    char text[9000] = "{\"a\":[1,\"x\"],\"long\":\"";
    memset(text + strlen(text), 'y', 8000);
    strcat(text, "\"}");
    vx_test_arm();
    enum vx_json_error error = vx_json_read(&d, vx_str(text), &at);
    if (d)
        vx_json_write(&b, vx_json_root(d));
    bool failed = vx_test_disarm();
    assert_true(error == VX_JSON_OK || (failed && error == VX_JSON_NO_MEMORY && !d));
    assert_true(failed || (vx_buf_ok(&b) && b.len == strlen(text)));
    vx_buf_free(&b);
    vx_json_release(&d);
}

static void test_every_allocation_fails(void **state) {
    (void)state;
    vx_test_every_allocation_fails(starve, NULL, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_depth_and_members),
        cmocka_unit_test(test_members_and_numbers),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_every_allocation_fails),
    };
    return cmocka_run_group_tests_name("json_read", tests, NULL, NULL);
}
