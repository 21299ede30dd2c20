#include "support.h"

static void test_parse_and_format(void **state) {
    (void)state;
    struct vx_uuid u;
    assert_true(vx_uuid_parse(&u, vx_str(ALPHA_SID)));
    assert_int_equal(u.b[0], 0x5f);
    assert_int_equal(u.b[15], 0x50);
    char text[VX_UUID_TEXT + 1];
    memset(text, 'x', sizeof text);
    vx_uuid_format(text, &u);
    assert_string_equal(text, ALPHA_SID);
}

static void test_upper_case_is_read_and_lower_case_written(void **state) {
    (void)state;
    struct vx_uuid upper, lower;
    assert_true(vx_uuid_parse(&upper, VX_STR("5F8E8F60-4771-44CB-92A6-94EA66DF0450")));
    assert_true(vx_uuid_parse(&lower, vx_str(ALPHA_SID)));
    assert_true(vx_uuid_eq(&upper, &lower));
    char text[VX_UUID_TEXT + 1];
    vx_uuid_format(text, &upper);
    assert_string_equal(text, ALPHA_SID);
}

static void test_refuses_everything_else(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "5f8e8f60",
        "5f8e8f60-4771-44cb-92a6-94ea66df045",
        "5f8e8f60-4771-44cb-92a6-94ea66df04500",
        "5f8e8f60447714-4cb-92a6-94ea66df0450",
        "5f8e8f604771-44cb-92a6-94ea66df0450-",
        "5f8e8f60-4771-44cb-92a6_94ea66df0450",
        "5f8e8f60-4771-44cb-92a6-94ea66df045g",
        "5f8e8f60-4771-44cb-92a6-94ea66df045/",
        "5f8e8f60-4771-44cb-92a6-94ea66df045:",
        "5f8e8f60-4771-44cb-92a6-94ea66df045@",
        "5f8e8f60-4771-44cb-92a6-94ea66df045`",
        "{5f8e8f60-4771-44cb-92a6-94ea66df0450}",
        " 5f8e8f60-4771-44cb-92a6-94ea66df0450",
        "5f8e8f60-4771-44cb-92a6-94ea66df0450 ",
        "-f8e8f60-4771-44cb-92a6-94ea66df0450",
        "5f8e8f60-4771-44cb-92a6-94ea66df04\xc3\xa9",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct vx_uuid u;
        memset(&u, 0xaa, sizeof u);
        struct vx_uuid before = u;
        assert_false(vx_uuid_parse(&u, vx_str(bad[i])));
        assert_memory_equal(&u, &before, sizeof u);
    }
    struct vx_uuid u;
    assert_false(vx_uuid_parse(&u, VX_NONE));
    /* A NUL where a digit should be. */
    char text[VX_UUID_TEXT + 1] = ALPHA_SID;
    text[20] = '\0';
    assert_false(vx_uuid_parse(&u, (struct vx_str){text, VX_UUID_TEXT}));
}

/* Every byte in the place of every digit. */
static void test_each_digit(void **state) {
    (void)state;
    static const char digits[] = "0123456789abcdefABCDEF";
    for (size_t place = 0; place < VX_UUID_TEXT; place++)
        for (unsigned byte = 0; byte < 256; byte++) {
            struct vx_uuid u;
            char text[] = ALPHA_SID, again[VX_UUID_TEXT + 1];
            const char *digit = byte ? strchr(digits, (int)byte) : NULL;
            if (text[place] == '-')
                continue;
            text[place] = (char)byte;
            assert_int_equal(vx_uuid_parse(&u, (struct vx_str){text, VX_UUID_TEXT}), digit != NULL);
            if (!digit)
                continue;
            if (byte >= 'A' && byte <= 'F')
                text[place] = (char)(byte + ('a' - 'A'));
            vx_uuid_format(again, &u);
            assert_string_equal(again, text);
        }
}

static void test_text_need_not_be_terminated(void **state) {
    (void)state;
    struct vx_uuid u;
    char text[] = ALPHA_SID "garbage";
    assert_true(vx_uuid_parse(&u, (struct vx_str){text, VX_UUID_TEXT}));
}

static void test_nil(void **state) {
    (void)state;
    struct vx_uuid u = {{0}};
    assert_true(vx_uuid_is_nil(&u));
    for (int i = 0; i < 16; i++) {
        u = (struct vx_uuid){{0}};
        u.b[i] = 1;
        assert_false(vx_uuid_is_nil(&u));
    }
}

static void test_random_is_version_4_and_differs(void **state) {
    (void)state;
    struct vx_uuid seen[64];
    for (int i = 0; i < 64; i++) {
        assert_true(vx_uuid_random(&seen[i]));
        assert_int_equal(seen[i].b[6] >> 4, 4);
        assert_int_equal(seen[i].b[8] >> 6, 2);
        for (int j = 0; j < i; j++)
            assert_false(vx_uuid_eq(&seen[i], &seen[j]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_and_format),
        cmocka_unit_test(test_upper_case_is_read_and_lower_case_written),
        cmocka_unit_test(test_refuses_everything_else),
        cmocka_unit_test(test_each_digit),
        cmocka_unit_test(test_text_need_not_be_terminated),
        cmocka_unit_test(test_nil),
        cmocka_unit_test(test_random_is_version_4_and_differs),
    };
    return cmocka_run_group_tests_name("uuid", tests, NULL, NULL);
}
