/* The small things everything stands on: clock, buffer, allocator, log, strings. */
#include "support.h"

#include "core/buf.h"
#include "core/log.h"

#include <time.h>

/* --- clock --- */

static void expect_time(int64_t us, const char *text) {
    char out[VX_RFC3339_SIZE];
    memset(out, 'x', sizeof out);
    vx_rfc3339(out, us);
    assert_string_equal(out, text);
}

static void test_rfc3339(void **state) {
    (void)state;
    expect_time(0, "1970-01-01T00:00:00.000Z");
    expect_time(VX_TEST_WALL_US, "2021-05-30T12:22:24.000Z");
    expect_time(VX_TEST_WALL_US + 123999, "2021-05-30T12:22:24.123Z"); /* cut, not rounded */
    expect_time(VX_TEST_WALL_US + 999999, "2021-05-30T12:22:24.999Z");
    expect_time(INT64_C(951782400) * VX_SECOND_US, "2000-02-29T00:00:00.000Z");
    expect_time(INT64_C(951868799) * VX_SECOND_US, "2000-02-29T23:59:59.000Z");
    expect_time(INT64_C(4107542400) * VX_SECOND_US, "2100-03-01T00:00:00.000Z"); /* no 29th */
    expect_time(INT64_C(2147483648) * VX_SECOND_US, "2038-01-19T03:14:08.000Z");
    expect_time(INT64_C(253402300799) * VX_SECOND_US, "9999-12-31T23:59:59.000Z");
}

static void test_rfc3339_is_held_at_its_ends(void **state) {
    (void)state;
    expect_time(-1, "1970-01-01T00:00:00.000Z");
    expect_time(INT64_MIN, "1970-01-01T00:00:00.000Z");
    expect_time(INT64_C(253402300800) * VX_SECOND_US, "9999-12-31T23:59:59.999Z");
    expect_time(INT64_MAX, "9999-12-31T23:59:59.999Z");
}

static void test_rfc3339_agrees_with_libc(void **state) {
    (void)state;
    struct vx_test_random r = vx_test_random_start("rfc3339");
    for (int i = 0; i < 20000; i++) {
        time_t at = (time_t)((int64_t)vx_test_random(&r, UINT32_MAX) * 59 % INT64_C(253402300800));
        struct tm tm;
        gmtime_r(&at, &tm);
        char want[64];
        strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%S.000Z", &tm);
        expect_time((int64_t)at * VX_SECOND_US, want);
    }
}

static void test_system_clock_moves(void **state) {
    (void)state;
    int64_t mono = vx_mono_us(&vx_clock_system), wall = vx_wall_us(&vx_clock_system);
    assert_true(wall > INT64_C(1600000000) * VX_SECOND_US);
    assert_true(mono >= 0);
    assert_true(llabs(wall / VX_SECOND_US - (int64_t)time(NULL)) <= 1);
    for (int i = 0; i < 1000; i++) {
        int64_t next = vx_mono_us(&vx_clock_system);
        assert_true(next >= mono);
        mono = next;
    }
}

/* --- buffer --- */

static void test_buf_grows(void **state) {
    (void)state;
    struct vx_buf b = {0};
    char want[4096];
    size_t len = 0;
    for (int i = 0; i < 300; i++) {
        vx_buf_printf(&b, "%d,", i);
        len += (size_t)snprintf(want + len, sizeof want - len, "%d,", i);
    }
    assert_true(vx_buf_ok(&b));
    assert_int_equal(b.len, len);
    assert_memory_equal(b.at, want, len);
    assert_true(b.cap >= b.len);
    vx_buf_free(&b);
}

static void test_buf_takes_every_kind(void **state) {
    (void)state;
    struct vx_buf b = {0};
    vx_buf_add(&b, "a\0b", 3);
    vx_buf_str(&b, VX_STR("cd"));
    vx_buf_str(&b, VX_NONE);
    vx_buf_puts(&b, "ef");
    vx_buf_puts(&b, "");
    vx_buf_add(&b, NULL, 0);
    vx_buf_printf(&b, "%s", "");
    assert_true(vx_buf_ok(&b));
    assert_int_equal(b.len, 7);
    assert_memory_equal(b.at, "a\0bcdef", 7);
    vx_buf_free(&b);
    vx_buf_free(&b);
}

static void test_buf_prints_more_than_it_has(void **state) {
    (void)state;
    struct vx_buf b = {0};
    char *big = malloc(100001);
    assert_non_null(big);
    memset(big, 'z', 100000);
    big[100000] = '\0';
    vx_buf_puts(&b, "<");
    vx_buf_printf(&b, "%s>", big);
    assert_true(vx_buf_ok(&b));
    assert_int_equal(b.len, 100002);
    assert_int_equal(b.at[100001], '>');
    vx_buf_free(&b);
    free(big);
}

static void test_buf_reserve(void **state) {
    (void)state;
    struct vx_buf b = {0};
    assert_true(vx_buf_reserve(&b, 1000));
    assert_int_equal(b.len, 0);
    assert_true(b.cap >= 1000);
    const char *at = b.at;
    for (int i = 0; i < 1000; i++)
        vx_buf_add(&b, "x", 1);
    assert_ptr_equal(b.at, at);
    vx_buf_free(&b);
}

/* volatile: the compiler warns about the size otherwise. */
static volatile size_t absurd = SIZE_MAX;

static void test_buf_refuses_the_absurd(void **state) {
    (void)state;
    struct vx_buf b = {0};
    vx_buf_puts(&b, "abc");
    assert_false(vx_buf_reserve(&b, absurd));
    assert_false(vx_buf_reserve(&b, absurd - 2));
    vx_buf_free(&b);
}

static void test_buf_failure_sticks(void **state) {
    (void)state;
    struct vx_buf b = {0};
    vx_buf_puts(&b, "abc");
    vx_alloc_fail_at(1);
    assert_false(vx_buf_reserve(&b, 1 << 20));
    assert_true(vx_alloc_failed());
    vx_alloc_fail_at(0);
    assert_false(vx_buf_ok(&b));
    vx_buf_puts(&b, "def");
    vx_buf_printf(&b, "%d", 1);
    assert_false(vx_buf_ok(&b));
    vx_buf_free(&b);
}

/* --- allocator --- */

static void test_alloc(void **state) {
    (void)state;
    unsigned char *p = vx_calloc(16, 4);
    assert_non_null(p);
    for (int i = 0; i < 64; i++)
        assert_int_equal(p[i], 0);
    p = vx_realloc(p, 128);
    assert_non_null(p);
    vx_free(p);
    vx_free(NULL);
    char *s = vx_strdup("voxeme");
    assert_string_equal(s, "voxeme");
    vx_free(s);
    s = vx_strndup("voxeme", 3);
    assert_string_equal(s, "vox");
    vx_free(s);
    s = vx_strndup("vox", 3);
    assert_string_equal(s, "vox");
    vx_free(s);
}

static void test_alloc_counts_failures(void **state) {
    (void)state;
    uint64_t before = vx_alloc_failures();
    vx_alloc_fail_at(2);
    void *first = vx_malloc(8);
    assert_non_null(first);
    assert_false(vx_alloc_failed());
    assert_null(vx_strdup("x"));
    assert_true(vx_alloc_failed());
    void *third = vx_calloc(1, 8);
    assert_non_null(third); /* once only */
    vx_alloc_fail_at(0);
    assert_int_equal(vx_alloc_failures(), before + 1);
    vx_free(first);
    vx_free(third);
}

static void test_alloc_fails_keep_the_old_block(void **state) {
    (void)state;
    char *p = vx_strdup("kept");
    vx_alloc_fail_at(1);
    assert_null(vx_realloc(p, 100));
    vx_alloc_fail_at(0);
    assert_string_equal(p, "kept");
    vx_free(p);
}

/* --- strings, log --- */

static void test_case_insensitive(void **state) {
    (void)state;
    assert_true(vx_str_ieq(VX_STR("Demo.Example"), VX_STR("dEMO.eXAMPLE")));
    assert_true(vx_str_ieq(VX_NONE, VX_STR("")));
    assert_false(vx_str_ieq(VX_STR("demo"), VX_STR("demo1")));
    assert_false(vx_str_ieq(VX_STR("[demo"), VX_STR("{demo")));
    assert_false(vx_str_ieq(VX_STR("\xc3\x84"), VX_STR("\xc3\xa4"))); /* ASCII only */
    assert_true(vx_str_eq(VX_NONE, VX_STR("")));
    assert_false(vx_str_eq(VX_STR("a"), VX_STR("A")));
}

static void test_log_cuts_and_cleans(void **state) {
    (void)state;
    vx_test_capture_log();
    vx_log_set_level(VX_LOG_NOTICE);
    vx_log(VX_LOG_NOTICE, "a\nb\rc\td\x1b[31m\x7f %d", 7);
    const char *line = vx_test_log_text();
    assert_true(strlen(line) > 0);
    for (; *line; line++)
        assert_false((unsigned char)*line < 0x20 || *line == 0x7f);
    char *big = malloc(5001);
    assert_non_null(big);
    memset(big, 'q', 5000);
    big[5000] = '\0';
    vx_log(VX_LOG_ERROR, "%s", big);
    assert_true(strlen(vx_test_log_text()) <= VX_LOG_LINE_MAX);
    assert_true(strlen(vx_test_log_text()) > 500);
    free(big);
}

static void test_log_level(void **state) {
    (void)state;
    vx_test_capture_log();
    vx_log_set_level(VX_LOG_WARNING);
    assert_int_equal(vx_log_get_level(), VX_LOG_WARNING);
    vx_log(VX_LOG_NOTICE, "not seen");
    assert_string_equal(vx_test_log_text(), "");
    vx_log(VX_LOG_WARNING, "seen");
    assert_non_null(strstr(vx_test_log_text(), "seen"));
    vx_log_set_level(VX_LOG_NOTICE);
    static const char *const names[] = {"error", "warning", "notice", "info", "debug"};
    for (int i = VX_LOG_ERROR; i <= VX_LOG_DEBUG; i++)
        assert_string_equal(vx_log_level_name((enum vx_log_level)i), names[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc3339),
        cmocka_unit_test(test_rfc3339_is_held_at_its_ends),
        cmocka_unit_test(test_rfc3339_agrees_with_libc),
        cmocka_unit_test(test_system_clock_moves),
        cmocka_unit_test(test_buf_grows),
        cmocka_unit_test(test_buf_takes_every_kind),
        cmocka_unit_test(test_buf_prints_more_than_it_has),
        cmocka_unit_test(test_buf_reserve),
        cmocka_unit_test(test_buf_refuses_the_absurd),
        cmocka_unit_test(test_buf_failure_sticks),
        cmocka_unit_test(test_alloc),
        cmocka_unit_test(test_alloc_counts_failures),
        cmocka_unit_test(test_alloc_fails_keep_the_old_block),
        cmocka_unit_test(test_case_insensitive),
        cmocka_unit_test(test_log_cuts_and_cleans),
        cmocka_unit_test(test_log_level),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
