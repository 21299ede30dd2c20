/* A call as JSON: the contract's example byte by byte, and hostile strings against json-c. */
#include "support.h"

#include <json.h>

#define URL "http://172.31.32.144:3000"

static struct vx_call_fields plain_fields(void) {
    return (struct vx_call_fields){
        .call_sid = vx_test_uuid("a4941f23-66b8-4b52-b495-94192adee7ec"),
        .account_sid = vx_test_uuid(ALPHA_SID),
        .status = VX_CALL_COMPLETED,
        .direction = VX_OUTBOUND,
        .sip_status = 200,
        .answered_us = 0,
        .ended_us = 0,
        .text = {[VX_TEXT_FROM] = VX_STR("15083728299"),
                 [VX_TEXT_TO] = VX_STR("15083084809"),
                 [VX_TEXT_CALLER_NAME] = VX_STR(""),
                 [VX_TEXT_CALL_ID] = VX_STR("a173fe94-3be1-123a-28b2-0efdfb356c0d")},
        .service_url = URL,
    };
}

static struct vx_call_fields full_fields(void) {
    struct vx_call_fields f = plain_fields();
    f.application_sid = vx_test_uuid(APP_SID);
    f.parent_call_sid = vx_test_sid(1);
    f.attempted_us = VX_TEST_WALL_US;
    f.answered_us = VX_TEST_WALL_US + VX_SECOND_US;
    f.ended_us = VX_TEST_WALL_US + 17 * VX_SECOND_US + 999999;
    f.text[VX_TEXT_SIP_IP] = VX_STR("192.0.2.1:5060");
    f.text[VX_TEXT_TRUNK] = VX_STR("cheaprates");
    f.text[VX_TEXT_SIP_REASON] = VX_STR("OK");
    f.text[VX_TEXT_TERMINATION] = VX_STR("NORMAL_CLEARING");
    f.text[VX_TEXT_TAG] = VX_STR("{\"a\":[1,\"x\"]}");
    return f;
}

static char *render(const struct vx_call_fields *fields) {
    size_t len = vx_call_json_len(fields, false);
    char *text = malloc(len + 1);
    assert_non_null(text);
    assert_true(vx_call_json_write(text, len, fields));
    text[len] = '\0';
    assert_int_equal(strlen(text), len);
    return text;
}

/* Strict: nothing before, behind, or between that RFC 8259 does not allow. */
static struct json_object *parse(const char *text, size_t len) {
    struct json_tokener *t = json_tokener_new_ex(32);
    json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *o = json_tokener_parse_ex(t, text, (int)len);
    if (json_tokener_get_error(t) != json_tokener_success)
        fail_msg("json-c: %s", json_tokener_error_desc(json_tokener_get_error(t)));
    assert_int_equal(json_tokener_get_parse_end(t), len);
    json_tokener_free(t);
    return o;
}

/* --- the example --- */

struct example {
    const char *call_id, *call_sid, *application_sid;
    int duration;
};

static const struct example examples[] = {
    {"a173fe94-3be1-123a-28b2-0efdfb356c0d", "a4941f23-66b8-4b52-b495-94192adee7ec", NULL, 5},
    {"7ed07f1e-3be0-123a-28b2-0efdfb356c0d", "6b4931df-436a-4bfe-864e-3513d2917c02", APP_SID, 16},
    {"6f7c2d1c-3be1-123a-28b2-0efdfb356c0d", "65d1cefe-c21a-4f03-92c0-947d6a17fe01", NULL, 5},
    {"13f2f4b9-3be1-123a-28b2-0efdfb356c0d", "8f0eb6f4-85d9-40c7-84a8-a7a8228f9816", NULL, 0},
};

#define EXAMPLE(application, call_id, call_sid, duration)                                          \
    "{\"account_sid\":\"5f8e8f60-4771-44cb-92a6-94ea66df0450\"," application                       \
    "\"call_id\":\"" call_id "\",\"call_sid\":\"" call_sid                                         \
    "\",\"call_status\":\"completed\",\"caller_name\":\"\","                                       \
    "\"direction\":\"outbound\",\"duration\":" duration ",\"from\":\"15083728299\","               \
    "\"service_url\":\"http://172.31.32.144:3000\",\"sip_status\":200,\"to\":\"15083084809\"}"

static const char *const example_text = "[" EXAMPLE(
    "", "a173fe94-3be1-123a-28b2-0efdfb356c0d", "a4941f23-66b8-4b52-b495-94192adee7ec",
    "5") "," EXAMPLE("\"application_sid\":\"9984fdc5-89ec-4ffe-9cee-880255a46253\",",
                     "7ed07f1e-3be0-123a-28b2-0efdfb356c0d", "6b4931df-436a-4bfe-864e-3513d2917c02",
                     "16") "," EXAMPLE("", "6f7c2d1c-3be1-123a-28b2-0efdfb356c0d",
                                       "65d1cefe-c21a-4f03-92c0-947d6a17fe01",
                                       "5") "," EXAMPLE("",
                                                        "13f2f4b9-3be1-123a-28b2-"
                                                        "0efdfb356c0d",
                                                        "8f0eb6f4-85d9-40c7-84a8-"
                                                        "a7a8228f9816",
                                                        "0") "]";

/* The times of our own are additive keys; the duration comes from them, so they are taken out
 * again. */
static void remove_key(char *json, const char *key) {
    char *at = strstr(json, key);
    assert_non_null(at);
    char *end = strstr(at, "Z\",");
    assert_non_null(end);
    memmove(at, end + 3, strlen(end + 3) + 1);
}

static void test_the_contracts_example(void **state) {
    (void)state;
    char list[4096] = "[";
    for (size_t i = 0; i < 4; i++) {
        struct vx_call_fields f = plain_fields();
        f.call_sid = vx_test_uuid(examples[i].call_sid);
        f.text[VX_TEXT_CALL_ID] = vx_str(examples[i].call_id);
        if (examples[i].application_sid)
            f.application_sid = vx_test_uuid(examples[i].application_sid);
        f.ended_us = VX_TEST_WALL_US;
        if (examples[i].duration)
            f.answered_us = f.ended_us - examples[i].duration * VX_SECOND_US - 1;
        assert_int_equal(vx_call_duration(&f), examples[i].duration);
        char *json = render(&f);
        if (f.answered_us)
            remove_key(json, "\"answered_at\":");
        remove_key(json, "\"terminated_at\":\"2021-05-30T12:22:24.000");
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? "," : "", json);
        free(json);
    }
    strcat(list, "]");
    assert_string_equal(list, example_text);
    assert_int_equal(strlen(list), 1387);
}

/* --- the keys --- */

static void test_table_is_alphabetical(void **state) {
    (void)state;
    assert_int_equal(vx_call_field_count, 21);
    for (size_t i = 0; i < vx_call_field_count; i++) {
        const struct vx_field *f = &vx_call_field_table[i];
        if (i)
            assert_true(strcmp(vx_call_field_table[i - 1].key, f->key) < 0);
        assert_true(strcmp(f->type, "string") == 0 || strcmp(f->type, "integer") == 0 ||
                    strcmp(f->type, "object") == 0);
        assert_true(strlen(f->help) > 3);
    }
}

static size_t expect_keys_of_the_table(const char *text) {
    struct json_object *call = parse(text, strlen(text));
    size_t row = 0, keys = 0;
    json_object_object_foreach(call, key, value) {
        while (row < vx_call_field_count && strcmp(vx_call_field_table[row].key, key) != 0)
            row++;
        if (row == vx_call_field_count)
            fail_msg("%s is not in the table, or out of order", key);
        static const char *const types[] = {[json_type_string] = "string",
                                            [json_type_int] = "integer",
                                            [json_type_object] = "object"};
        assert_string_equal(types[json_object_get_type(value)], vx_call_field_table[row].type);
        keys++;
    }
    for (size_t i = 0; i < vx_call_field_count; i++) {
        if (vx_call_field_table[i].always)
            assert_true(json_object_object_get_ex(call, vx_call_field_table[i].key, NULL));
    }
    json_object_put(call);
    return keys;
}

static void test_keys_are_those_of_the_table(void **state) {
    (void)state;
    struct vx_call_fields f = full_fields();
    char *text = render(&f);
    assert_int_equal(expect_keys_of_the_table(text), vx_call_field_count);
    free(text);

    f = plain_fields();
    text = render(&f);
    expect_keys_of_the_table(text);
    free(text);
}

static void test_always_there(void **state) {
    (void)state;
    static const char *const always[] = {"account_sid", "call_sid",   "call_status",
                                         "caller_name", "direction",  "from",
                                         "service_url", "sip_status", "to"};
    for (size_t i = 0; i < sizeof always / sizeof *always; i++) {
        bool found = false;
        for (size_t k = 0; k < vx_call_field_count; k++)
            found |=
                vx_call_field_table[k].always && !strcmp(vx_call_field_table[k].key, always[i]);
        if (!found)
            fail_msg("%s should be always there", always[i]);
    }
}

static void test_full_call(void **state) {
    (void)state;
    struct vx_call_fields f = full_fields();
    char *text = render(&f);
    assert_string_equal(
        text,
        "{\"account_sid\":\"5f8e8f60-4771-44cb-92a6-94ea66df0450\","
        "\"answered_at\":\"2021-05-30T12:22:25.000Z\","
        "\"application_sid\":\"9984fdc5-89ec-4ffe-9cee-880255a46253\","
        "\"attempted_at\":\"2021-05-30T12:22:24.000Z\","
        "\"call_id\":\"a173fe94-3be1-123a-28b2-0efdfb356c0d\","
        "\"call_sid\":\"a4941f23-66b8-4b52-b495-94192adee7ec\",\"call_status\":\"completed\","
        "\"caller_name\":\"\",\"direction\":\"outbound\",\"duration\":16,"
        "\"from\":\"15083728299\",\"originating_sip_ip\":\"192.0.2.1:5060\","
        "\"originating_sip_trunk_name\":\"cheaprates\","
        "\"parent_call_sid\":\"ca110000-0000-4000-8000-000000000001\","
        "\"service_url\":\"http://172.31.32.144:3000\",\"sip_reason\":\"OK\",\"sip_status\":200,"
        "\"tag\":{\"a\":[1,\"x\"]},"
        "\"terminated_at\":\"2021-05-30T12:22:41.999Z\","
        "\"termination_reason\":\"NORMAL_CLEARING\",\"to\":\"15083084809\"}");
    free(text);
}

static void test_left_out_when_unknown(void **state) {
    (void)state;
    struct vx_call_fields f = plain_fields();
    f.account_sid = (struct vx_uuid){{0}};
    f.status = VX_CALL_TRYING;
    f.sip_status = 100;
    f.text[VX_TEXT_CALL_ID] = VX_NONE;
    f.text[VX_TEXT_CALLER_NAME] = VX_NONE;
    char *text = render(&f);
    assert_string_equal(text, "{\"call_sid\":\"a4941f23-66b8-4b52-b495-94192adee7ec\","
                              "\"call_status\":\"trying\",\"caller_name\":\"\","
                              "\"direction\":\"outbound\",\"from\":\"15083728299\","
                              "\"service_url\":\"http://172.31.32.144:3000\",\"sip_status\":100,"
                              "\"to\":\"15083084809\"}");
    free(text);
}

static void test_duration(void **state) {
    (void)state;
    struct vx_call_fields f = plain_fields();
    f.status = VX_CALL_IN_PROGRESS;
    f.answered_us = VX_TEST_WALL_US;
    char *text = render(&f);
    assert_null(strstr(text, "duration")); /* only once the call has ended */
    free(text);
    f.status = VX_CALL_COMPLETED;
    f.ended_us = VX_TEST_WALL_US + 59 * VX_SECOND_US + 999999;
    assert_int_equal(vx_call_duration(&f), 59);
    f.ended_us = VX_TEST_WALL_US + 60 * VX_SECOND_US;
    assert_int_equal(vx_call_duration(&f), 60);
    f.ended_us = VX_TEST_WALL_US - 1; /* the clock was corrected in between */
    assert_int_equal(vx_call_duration(&f), 0);
    f.answered_us = 0;
    f.ended_us = VX_TEST_WALL_US;
    assert_int_equal(vx_call_duration(&f), 0);
    f.answered_us = INT64_MIN; /* nonsense, but no undefined behaviour */
    f.ended_us = INT64_MAX;
    assert_true(vx_call_duration(&f) >= 0);
}

/* --- strings --- */

static char *string_as_json(struct vx_str in) {
    struct vx_buf out = {0};
    vx_json_string(&out, in);
    assert_true(vx_buf_ok(&out));
    char *text = malloc(out.len + 1);
    assert_non_null(text);
    memcpy(text, out.at, out.len);
    text[out.len] = '\0';
    assert_int_equal(strlen(text), out.len);
    vx_buf_free(&out);
    return text;
}

static void renders_as(struct vx_str in, const char *want_json) {
    char *text = string_as_json(in);
    assert_string_equal(text, want_json);
    free(text);
}

static void test_escapes(void **state) {
    (void)state;
    renders_as(VX_NONE, "\"\"");
    renders_as(VX_STR(""), "\"\"");
    renders_as(VX_STR("a/b"), "\"a/b\"");
    renders_as(VX_STR("\"\\"), "\"\\\"\\\\\"");
    renders_as(VX_STR("Zo\xc3\xab \"Z\" O'Neil"), "\"Zo\xc3\xab \\\"Z\\\" O'Neil\"");
    renders_as(VX_STR("\x7f"), "\"\x7f\"");
    renders_as(VX_STR("\xe2\x80\xa8"), "\"\xe2\x80\xa8\""); /* U+2028 */
    renders_as(VX_STR("\xf0\x9f\x93\x9e"), "\"\xf0\x9f\x93\x9e\"");
}

#define BAD "\xef\xbf\xbd"

/* How many U+FFFD stand for one broken sequence is free: one, or one a byte. */
static void becomes_bad(struct vx_str in, const char *before, const char *behind) {
    char *text = string_as_json(in), *at = text + 1 + strlen(before);
    assert_int_equal(strncmp(text + 1, before, strlen(before)), 0);
    size_t bad = 0;
    for (; strncmp(at, BAD, 3) == 0; at += 3)
        bad++;
    assert_in_range(bad, 1, in.len);
    assert_int_equal(strncmp(at, behind, strlen(behind)), 0);
    assert_string_equal(at + strlen(behind), "\"");
    free(text);
}

static void test_invalid_utf8(void **state) {
    (void)state;
    becomes_bad(VX_STR("\x80"), "", "");
    becomes_bad(VX_STR("a\xffz"), "a", "z");
    becomes_bad(VX_STR("\xc0\xaf"), "", "");
    becomes_bad(VX_STR("\xc3"), "", "");
    becomes_bad(VX_STR("\xc3("), "", "(");
    becomes_bad(VX_STR("\xe2\x82"), "", "");
    becomes_bad(VX_STR("\xe2\x82z"), "", "z");
    becomes_bad(VX_STR("\xed\xa0\x80"), "", ""); /* a surrogate */
    becomes_bad(VX_STR("\xf0\x9f\x93"), "", "");
    becomes_bad(VX_STR("\xf0\x9f\x93\xc3\xab"), "", "\xc3\xab");
    becomes_bad(VX_STR("\xf4\x90\x80\x80"), "", "");     /* above U+10FFFF */
    becomes_bad(VX_STR("\xe0\x80\x80"), "", "");         /* overlong */
    becomes_bad(VX_STR("\xe2\x82\"x"), "", "\\\"x");     /* the quote survives */
    becomes_bad(VX_STR("\xf8\x88\x80\x80\x80"), "", ""); /* five bytes were never legal */
}

/* A solidus needs no escape; "\\" before one is an escape of its own. */
static bool escapes_solidus(const char *json) {
    for (; *json; json++) {
        if (*json == '\\' && *++json == '/')
            return true;
    }
    return false;
}

static void round_trip(struct vx_str in) {
    struct vx_buf out = {0};
    vx_json_string(&out, in);
    assert_true(vx_buf_ok(&out));
    for (size_t i = 0; i < out.len; i++)
        assert_true((unsigned char)out.at[i] >= 0x20);
    vx_buf_add(&out, "", 1);
    assert_false(escapes_solidus(out.at));
    struct json_object *o = parse(out.at, out.len - 1);
    assert_true(json_object_is_type(o, json_type_string));
    assert_int_equal(json_object_get_string_len(o), in.len);
    assert_memory_equal(json_object_get_string(o), in.len ? in.at : "", in.len);
    json_object_put(o);
    vx_buf_free(&out);
}

static size_t put_utf8(char *at, uint32_t c) {
    if (c < 0x80) {
        at[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; c >>= 6)
        at[i] = (char)(0x80 | (c & 0x3f));
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    at[0] = (char)(lead[n] | c);
    return n;
}

static bool is_surrogate(uint32_t c) {
    return c >= 0xd800 && c <= 0xdfff;
}

/* Every code point there is, in strings of 64. */
static void test_every_code_point(void **state) {
    (void)state;
    char text[64 * 4];
    for (uint32_t c = 0; c <= 0x10ffff; c += 64) {
        size_t len = 0;
        for (uint32_t k = c; k < c + 64; k++)
            len += is_surrogate(k) ? 0 : put_utf8(text + len, k);
        round_trip((struct vx_str){text, len});
    }
}

static void test_random_strings(void **state) {
    (void)state;
    static const uint32_t odd[] = {0,      1,      0x1f,   '"',     '\\',    '/',
                                   0x7f,   0x80,   0x7ff,  0x800,   0x2028,  0x2029,
                                   0xfffd, 0xfeff, 0xffff, 0x10000, 0x1f4de, 0x10ffff};
    struct vx_test_random r = vx_test_random_start("strings");
    char text[4 * 40];
    for (int i = 0; i < 20000; i++) {
        size_t len = 0;
        for (uint32_t n = vx_test_random(&r, 40); n > 0; n--) {
            uint32_t c = vx_test_random(&r, 2) ? odd[vx_test_random(&r, sizeof odd / sizeof *odd)]
                                               : vx_test_random(&r, 0x110000);
            len += is_surrogate(c) ? 0 : put_utf8(text + len, c);
        }
        round_trip((struct vx_str){text, len});
    }
}

static void test_64_kib_names(void **state) {
    (void)state;
    static const char *const pieces[] = {
        "a", "\"", "\\", "\n", "\x01", "\xe2\x80\xa8", "\xf0\x9f\x93\x9e"};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        struct vx_buf big = {0};
        while (big.len < 65536)
            vx_buf_puts(&big, pieces[i]);
        round_trip((struct vx_str){big.at, big.len});
        vx_buf_free(&big);
    }
}

/* Any bytes at all, in every text of a call: still JSON, still UTF-8, still the same keys. */
static void test_random_bytes_in_every_text(void **state) {
    (void)state;
    struct vx_test_random r = vx_test_random_start("bytes");
    char bytes[VX_TEXT_COUNT][48];
    for (int i = 0; i < 5000; i++) {
        struct vx_call_fields f = full_fields();
        for (int t = 0; t < VX_TEXT_TAG; t++) {
            size_t len = 1 + vx_test_random(&r, 47);
            for (size_t k = 0; k < len; k++)
                bytes[t][k] = (char)vx_test_random(&r, 256);
            f.text[t] = (struct vx_str){bytes[t], len};
        }
        char *text = render(&f);
        assert_int_equal(expect_keys_of_the_table(text), vx_call_field_count);
        free(text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_contracts_example),
        cmocka_unit_test(test_table_is_alphabetical),
        cmocka_unit_test(test_keys_are_those_of_the_table),
        cmocka_unit_test(test_always_there),
        cmocka_unit_test(test_full_call),
        cmocka_unit_test(test_left_out_when_unknown),
        cmocka_unit_test(test_duration),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_invalid_utf8),
        cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_random_strings),
        cmocka_unit_test(test_64_kib_names),
        cmocka_unit_test(test_random_bytes_in_every_text),
    };
    return cmocka_run_group_tests_name("render", tests, NULL, NULL);
}
