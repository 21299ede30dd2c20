/*
 * Lists in gzip: what zlib makes of it is the list, byte for byte, at every revision and however it
 * came about; what it costs; when it is not to be had.
 */
#include "api_support.h"
#include "gunzip.h"

#include "api/view.h"

static struct vx_test_world w;
static struct vx_pot *pot;
static struct vx_gzip *g;
static struct vx_view *v;

enum { PER_SECOND = 100000000 };

static void open_all(const char *settings) {
    vx_test_world_open(&w, settings);
    pot = vx_pot_new();
    g = vx_gzip_new(&w.time.clock);
    v = vx_view_new(w.alpha, pot);
    assert_non_null(pot);
    assert_non_null(g);
    assert_non_null(v);
    vx_gzip_configure(g, 1, PER_SECOND);
    vx_body_set_limits(0, 0, 0);
}

static void close_all(void) {
    vx_view_release(&v);
    vx_gzip_release(&g);
    assert_int_equal(vx_pot_memory(pot), 0);
    vx_pot_release(&pot);
    vx_test_world_close(&w);
    vx_body_set_limits(0, 0, 0);
}

static int prepare(void **state) {
    (void)state;
    open_all("max-field-bytes=4096");
    return 0;
}

static int clean_up(void **state) {
    (void)state;
    close_all();
    return 0;
}

static void create(unsigned first, unsigned last) {
    for (unsigned n = first; n <= last; n++)
        vx_test_apply(&w, VX_EVENT_CREATE, n);
}

static void sync_view(void) {
    enum vx_turn turn;
    while ((turn = vx_view_sync(v)) == VX_TURN_MORE)
        ;
    assert_int_equal(turn, VX_TURN_DONE);
}

static unsigned turns;
static size_t longest; /* bytes deflated in one turn */

static uint64_t deflated(void) {
    uint64_t in, out;
    vx_gzip_counted_bytes(g, &in, &out);
    return in;
}

/* The list in gzip, a reference; NULL: it is not to be had. */
static struct vx_body *member(const struct vx_around *around) {
    struct vx_body *body = NULL;
    enum vx_turn turn;
    for (turns = 0, longest = 0;; turns++) {
        uint64_t before = deflated();
        turn = vx_view_gzip(v, g, turns, around, &body);
        if (deflated() - before > longest)
            longest = deflated() - before;
        if (turn != VX_TURN_MORE)
            break;
        assert_null(body);
    }
    assert_int_equal(turn, VX_TURN_DONE);
    return body;
}

static char *plain(size_t *len) {
    struct vx_body *body = NULL;
    enum vx_turn turn;
    while ((turn = vx_view_list(v, &body)) == VX_TURN_MORE)
        ;
    assert_int_equal(turn, VX_TURN_DONE);
    char *text = vx_test_body(body, len);
    vx_body_release(&body);
    return text;
}

static void expect_same(struct vx_body *body, const char *want, size_t want_len) {
    size_t raw_len, len;
    char *raw = vx_test_body(body, &raw_len), *text = vx_test_gunzip(raw, raw_len, &len);
    if (!text)
        fail_msg("zlib does not take it");
    assert_int_equal(len, want_len);
    assert_memory_equal(text, want, len);
    free(text);
    free(raw);
}

/* The list in gzip is the list. */
static void check(void) {
    size_t len;
    char *want = plain(&len);
    struct vx_body *body = member(NULL);
    if (!body)
        fail_msg("no gzip of a list of %zu bytes", len);
    assert_true(vx_body_len(body) < len);
    expect_same(body, want, len);
    vx_body_release(&body);
    free(want);
}

static uint64_t refused(enum vx_gzip_result why) {
    return vx_gzip_counted(g, why);
}

/* --- pieces --- */

/* Of all lengths about those at which something changes in a deflater, of bytes that repeat and of
 * such as do not, in any order. */
static void test_pieces(void **state) {
    (void)state;
    static const size_t lengths[] = {1,     2,     3,     257,   258,   259,    16383,  16384,
                                     16385, 32767, 32768, 32769, 65535, 131071, 131072, 200000};
    enum { LENGTHS = sizeof lengths / sizeof *lengths };
    struct vx_test_random r = vx_test_random_start("pieces");
    for (unsigned level = 1; level <= 9; level += 4) {
        struct vx_deflate *d = vx_deflate_new(level);
        struct vx_buf want = {0}, out = {0};
        uint32_t sum = 0;
        assert_non_null(d);
        vx_gzip_begin(&out);
        for (unsigned n = 0; n < 40; n++) {
            size_t len = lengths[vx_test_random(&r, LENGTHS)], from = want.len;
            unsigned kinds = 1 + vx_test_random(&r, 256);
            assert_true(vx_buf_reserve(&want, len));
            for (size_t i = 0; i < len; i++)
                want.at[want.len++] = (char)vx_test_random(&r, kinds);
            struct vx_str piece = {want.at + from, len};
            size_t before = out.len;
            if (len <= 65535 && vx_test_random(&r, 4) == 0) {
                vx_deflate_store(&out, piece);
                assert_int_equal(out.len - before, len + VX_DEFLATE_STORED);
            } else {
                assert_true(vx_deflate_add(d, piece, &out));
                assert_true(out.len - before < len + len / 1000 + 32);
            }
            sum = vx_gzip_sum_join(sum, vx_gzip_sum(0, piece), len);
            assert_int_equal(sum, vx_gzip_sum(0, (struct vx_str){want.at, want.len}));
        }
        struct vx_str after = {want.at, vx_test_random(&r, 300)};
        vx_gzip_end(&out, after, vx_gzip_sum(sum, after), want.len + after.len);
        assert_true(vx_buf_ok(&out));
        size_t whole = want.len, len;
        char *text = vx_test_gunzip(out.at, out.len, &len);
        assert_non_null(text);
        assert_int_equal(len, whole + after.len);
        assert_memory_equal(text, want.at, whole);
        assert_memory_equal(text + whole, want.at, after.len);
        free(text);
        /* The judge sees what is wrong. */
        out.at[out.len - 5] ^= 1;
        assert_null(vx_test_gunzip(out.at, out.len, &len));
        out.at[out.len - 5] ^= 1;
        assert_null(vx_test_gunzip(out.at, out.len - 1, &len));
        vx_buf_free(&want);
        vx_buf_free(&out);
        vx_deflate_release(&d);
    }
}

/* --- the list --- */

static void test_sizes(void **state) {
    (void)state;
    static const unsigned sizes[] = {4, 5, 63, 64, 65, 128, 129, 700};
    for (size_t i = 0, n = 0; i < sizeof sizes / sizeof *sizes; n = sizes[i++]) {
        create((unsigned)n + 1, sizes[i]);
        sync_view();
        check();
    }
}

static void test_short_lists_are_not_worth_it(void **state) {
    (void)state;
    create(1, 3);
    sync_view();
    assert_null(member(NULL));
    for (unsigned why = 0; why < VX_GZIP_RESULTS; why++)
        assert_int_equal(refused(why), 0);
    assert_int_equal(deflated(), 0);
}

static void test_it_is_made_once(void **state) {
    (void)state;
    create(1, 200);
    sync_view();
    struct vx_body *first = member(NULL);
    uint64_t before = deflated();
    struct vx_body *second = member(NULL);
    assert_ptr_equal(first, second);
    assert_int_equal(deflated(), before);
    assert_int_equal(vx_gzip_counted(g, VX_GZIP_DONE), 2);
    vx_body_release(&first);
    vx_body_release(&second);
}

static void test_a_change_costs_one_segment(void **state) {
    (void)state;
    enum { CALLS = 6400 };
    create(1, CALLS);
    sync_view();
    check();
    size_t len, held = vx_pot_memory(pot);
    free(plain(&len));
    assert_in_range(deflated(), len - 2 - CALLS / VX_CHUNK_PLACES, len);
    uint64_t before = deflated();
    vx_test_apply(&w, VX_EVENT_PROGRESS, CALLS / 2);
    sync_view();
    check();
    assert_int_equal(turns, 0);
    assert_in_range(deflated() - before, len / 101, len / 99);
    assert_in_range(vx_pot_memory(pot), held - 10000, held + 10000);
}

/* Joined anew around something else, from the same pieces. */
static void test_around(void **state) {
    (void)state;
    static const struct vx_around around = {{"{\"calls\":[", 10}, {"],\"n\":1}", 8}};
    create(1, 300);
    sync_view();
    check();
    uint64_t before = deflated();
    struct vx_body *body = member(&around), *bare = member(NULL);
    size_t len;
    char *list = plain(&len), *want = malloc(len + 32);
    memcpy(want, around.before.at, 10);
    memcpy(want + 10, list + 1, len - 2);
    memcpy(want + 10 + len - 2, around.after.at, 8);
    assert_ptr_not_equal(body, bare);
    expect_same(body, want, len + 16);
    expect_same(bare, list, len);
    assert_int_equal(deflated(), before);
    free(want);
    free(list);
    vx_body_release(&bare);
    vx_body_release(&body);
}

/* Calls that come, change, end and expire, few or many between two looks. */
static void test_any_history(void **state) {
    (void)state;
    enum { CALLS = 900, STEPS = 150 };
    static const enum vx_event_type types[] = {VX_EVENT_CREATE, VX_EVENT_PROGRESS, VX_EVENT_ANSWER,
                                               VX_EVENT_HANGUP};
    struct vx_test_random r = vx_test_random_start("history");
    create(1, 400);
    for (unsigned step = 0; step < STEPS; step++) {
        for (unsigned n = vx_test_random(&r, step % 10 ? 8 : 200); n > 0; n--)
            vx_test_apply(&w, types[vx_test_random(&r, 4)], 1 + vx_test_random(&r, CALLS));
        vx_gzip_configure(g, 1 + vx_test_random(&r, 9), PER_SECOND);
        vx_test_advance(&w.time, vx_test_random(&r, 30) * VX_SECOND_US);
        vx_registry_expire(w.registry, 0);
        sync_view();
        check();
    }
}

/* --- turns --- */

static void test_much_is_deflated_in_turns(void **state) {
    (void)state;
    enum { CALLS = 6400 };
    static const struct {
        unsigned level, most; /* bytes in a turn */
    } rows[] = {{1, 131072}, {6, 65536}, {9, 32768}};
    create(1, CALLS);
    sync_view();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t len;
        vx_gzip_configure(g, rows[i].level, PER_SECOND);
        for (unsigned n = 1; n <= CALLS; n += VX_CHUNK_PLACES) /* all of it anew */
            vx_test_apply(&w, (enum vx_event_type)(VX_EVENT_PROGRESS + i), n);
        sync_view();
        free(plain(&len));
        struct vx_body *body = member(NULL);
        assert_non_null(body);
        assert_in_range(longest, rows[i].most / 2, rows[i].most);
        assert_in_range(turns, len / rows[i].most - 1, len / (rows[i].most / 2) + 1);
        vx_body_release(&body);
        check();
    }
}

static char long_name[4096];

/* Calls so long that a segment takes several turns; one that changes meanwhile begins anew. */
static void test_long_segments(void **state) {
    (void)state;
    struct vx_body *body = NULL;
    for (unsigned n = 1; n <= 100; n++) {
        struct vx_event e = vx_test_event(VX_EVENT_CREATE, n);
        for (size_t i = 0; i < sizeof long_name - 1; i++)
            long_name[i] = (char)('a' + (i * n >> 3) % 26);
        e.caller_name = vx_str(long_name);
        assert_int_equal(vx_registry_apply(w.registry, &e), VX_APPLIED);
    }
    vx_gzip_configure(g, 9, PER_SECOND);
    sync_view();
    check();
    assert_in_range(turns, 100 / 8, 100 / 4);
    assert_true(longest <= 32768);
    vx_test_apply(&w, VX_EVENT_PROGRESS, 70);
    sync_view();
    assert_int_equal(vx_view_gzip(v, g, 0, NULL, &body), VX_TURN_MORE);
    assert_int_equal(vx_view_gzip(v, g, 1, NULL, &body), VX_TURN_MORE);
    vx_test_apply(&w, VX_EVENT_ANSWER, 70);
    sync_view();
    check();
    vx_test_apply(&w, VX_EVENT_ANSWER, 71); /* and is left so, for the view to be let go with it */
    sync_view();
    assert_int_equal(vx_view_gzip(v, g, 0, NULL, &body), VX_TURN_MORE);
}

/* What comes while it is made holds it up; more than can be deflated, and it is given up. */
static void test_while_calls_change(void **state) {
    (void)state;
    enum { CALLS = 6400 };
    static const unsigned changes[] = {1, 8};
    for (size_t row = 0; row < 2; row++) {
        struct vx_body *body = NULL;
        unsigned n = 0;
        uint64_t turn = 0;
        close_all();
        open_all(NULL);
        create(1, CALLS);
        sync_view();
        while (vx_view_gzip(v, g, turn++, NULL, &body) == VX_TURN_MORE) {
            assert_true(turn < 1000);
            for (unsigned i = 0; i < changes[row]; i++, n++)
                vx_test_apply(&w, n < CALLS ? VX_EVENT_PROGRESS : VX_EVENT_ANSWER,
                              1 + n * 997 % CALLS);
            sync_view();
        }
        assert_int_equal(body != NULL, row == 0);
        assert_int_equal(refused(VX_GZIP_BUSY), row);
        vx_body_release(&body);
        check(); /* at rest */
    }
}

/* --- bounds --- */

static void test_so_much_a_second(void **state) {
    (void)state;
    enum { CALLS = 640 };
    size_t len;
    create(1, CALLS);
    sync_view();
    free(plain(&len));
    vx_gzip_configure(g, 1, 65536);
    assert_null(member(NULL));
    assert_int_equal(refused(VX_GZIP_BUSY), 1);
    assert_in_range(deflated(), 65536, 65536 + len / 10);
    assert_null(member(NULL));
    assert_in_range(deflated(), 65536, 65536 + len / 10);
    /* What has been done stays done: it is a matter of seconds. */
    unsigned seconds = 0;
    struct vx_body *body;
    while (!(body = member(NULL)) && seconds++ < 10)
        vx_test_advance(&w.time, VX_SECOND_US);
    assert_in_range(seconds, len / 65536 - 1, len / 65536);
    vx_body_release(&body);
    check();
    /* In steps of any size, and however often somebody asks, it adds up to the same; a long rest
     * saves up no more than a second. */
    static const int64_t steps_us[] = {
        1, 7, 1000, 333333, 999999, 9 * VX_SECOND_US, 3600 * VX_SECOND_US};
    for (size_t i = 0; i < sizeof steps_us / sizeof *steps_us; i++) {
        vx_gzip_configure(g, 1, 300000 + (int64_t)i);
        while (vx_gzip_take(g, 100))
            ;
        for (int64_t us = 0; us < VX_SECOND_US; us += steps_us[i]) {
            vx_test_advance(&w.time, steps_us[i]);
            vx_gzip_take(g, 0);
        }
        unsigned taken = 0;
        while (vx_gzip_take(g, 100))
            taken++;
        assert_in_range(taken, 2998, 3002);
    }
}

static void test_too_large_a_segment(void **state) {
    (void)state;
    static char name[65535];
    close_all();
    open_all("max-field-bytes=65534");
    memset(name, 'n', sizeof name - 1);
    for (unsigned n = 1; n <= 20; n++) {
        struct vx_event e = vx_test_event(VX_EVENT_CREATE, n);
        e.caller_name = vx_str(name);
        assert_int_equal(vx_registry_apply(w.registry, &e), VX_APPLIED);
        sync_view();
        if (n == 12)
            check();
    }
    assert_null(member(NULL));
    assert_int_equal(refused(VX_GZIP_LARGE), 1);
}

/* The account's limit holds for what is kept beside the JSON, small as its pieces are. */
static void test_without_room(void **state) {
    (void)state;
    size_t len;
    create(1, 2000);
    sync_view();
    free(plain(&len));
    size_t held = vx_pot_memory(pot);
    vx_body_set_limits(0, held + len / 50, 0);
    assert_null(member(NULL));
    assert_int_equal(refused(VX_GZIP_NO_MEMORY), 1);
    assert_in_range(vx_pot_memory(pot), held, held + len / 50);
    vx_body_set_limits(held + len / 50, 0, 0);
    assert_null(member(NULL));
    assert_int_equal(refused(VX_GZIP_NO_MEMORY), 2);
    vx_body_set_limits(0, 0, 0);
    check();
    /* Everything goes with the change that makes it old. */
    for (unsigned n = 1; n <= 2000; n++)
        vx_test_apply(&w, VX_EVENT_PROGRESS, n);
    sync_view();
    assert_int_equal(vx_pot_memory(pot), 0);
}

/* What the account holds when half of a list has changed that somebody still reads. */
static size_t change_under_a_reader(bool gzip, size_t limit) {
    struct vx_body *old = NULL;
    size_t len, held;
    close_all();
    open_all(NULL);
    create(1, 2000);
    sync_view();
    if (gzip)
        check();
    free(plain(&len));
    assert_int_equal(vx_view_list(v, &old), VX_TURN_DONE);
    for (unsigned n = 1; n <= 1000; n++)
        vx_test_apply(&w, VX_EVENT_PROGRESS, n);
    sync_view();
    vx_body_set_limits(0, limit, 0);
    free(plain(&len));
    held = vx_pot_memory(pot);
    vx_body_release(&old);
    vx_body_set_limits(0, 0, 0);
    return held;
}

/* A list as it is gets the room that there is, whatever has been made in gzip. */
static void test_gzip_makes_room(void **state) {
    (void)state;
    size_t enough = change_under_a_reader(false, 0) + 1024;
    assert_true(change_under_a_reader(true, 0) > enough + 1024);
    assert_in_range(change_under_a_reader(true, enough), 1, enough);
    check();
}

static void starve(void *ctx) {
    (void)ctx;
    open_all(NULL);
    create(1, 300);
    sync_view();
    free(plain(&(size_t){0}));
    vx_test_arm();
    struct vx_body *body = NULL;
    enum vx_turn turn = vx_view_gzip(v, g, 0, NULL, &body);
    bool failed = vx_test_disarm();
    assert_int_equal(turn, VX_TURN_DONE);
    assert_int_equal(body == NULL, failed);
    assert_int_equal(refused(VX_GZIP_NO_MEMORY), failed);
    vx_body_release(&body);
    check();
    close_all();
}

static void test_every_allocation_fails(void **state) {
    (void)state;
    vx_test_every_allocation_fails(starve, NULL, false);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, prepare, clean_up)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),
        TEST(test_sizes),
        TEST(test_short_lists_are_not_worth_it),
        TEST(test_it_is_made_once),
        TEST(test_a_change_costs_one_segment),
        TEST(test_around),
        TEST(test_any_history),
        TEST(test_much_is_deflated_in_turns),
        TEST(test_long_segments),
        TEST(test_while_calls_change),
        TEST(test_so_much_a_second),
        TEST(test_too_large_a_segment),
        TEST(test_without_room),
        TEST(test_gzip_makes_room),
        cmocka_unit_test(test_every_allocation_fails),
    };
    return cmocka_run_group_tests_name("gzip", tests, NULL, NULL);
}
