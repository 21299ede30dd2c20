/* Memory kept ready: what is taken and given, how much of it there is, and that nobody waits. */
#include "support.h"

#include "core/stock.h"

#include <pthread.h>

enum { SIZE = 200, BIG = 2000, DEMAND = 8, FIRST = 32, MOST = 2048 };

#ifdef VX_SANITIZERS
enum { TURNS = 2000 };
#else
enum { TURNS = 30000 };
#endif

static struct vx_stock_stats stats(void) {
    struct vx_stock_stats s;
    vx_stock_stats(&s);
    return s;
}

static uint64_t in_stock(void) {
    return stats().bytes / vx_alloc_cost(SIZE);
}

static void *take(void) {
    void *p = vx_stock_take(SIZE);
    assert_non_null(p);
    memset(p, 'x', SIZE);
    return p;
}

/* Asks for it so often that there will be some. */
static void demand(void) {
    for (int i = 0; i < DEMAND; i++)
        vx_stock_give(take(), SIZE);
}

static void give_all(void **blocks, size_t count) {
    for (size_t i = 0; i < count; i++)
        vx_stock_give(blocks[i], SIZE);
}

static void test_nothing_is_kept_unless_somebody_fills_it(void **state) {
    (void)state;
    vx_stock_give(take(), SIZE);
    vx_stock_give(NULL, SIZE);
    assert_false(vx_stock_is_low());
    vx_stock_fill(true);
    assert_int_equal(stats().bytes, 0);
    assert_int_equal(stats().missed, 0);
}

static void test_what_is_asked_for_is_there_the_next_time(void **state) {
    (void)state;
    vx_stock_open();
    uint64_t missed = stats().missed;
    void *blocks[FIRST];
    for (int i = 1; i < DEMAND; i++)
        vx_stock_give(take(), SIZE);
    vx_stock_fill(false);
    assert_false(vx_stock_is_low()); /* it does not pay yet */
    assert_int_equal(in_stock(), 0);
    blocks[0] = take();
    assert_int_equal(stats().missed, missed + DEMAND);
    assert_true(vx_stock_is_low());
    vx_stock_fill(false);
    assert_false(vx_stock_is_low());
    assert_int_equal(in_stock(), FIRST);
    for (unsigned i = 1; i < FIRST; i++) {
        blocks[i] = take();
        assert_int_equal(vx_stock_is_low(), i >= FIRST / 2);
    }
    assert_int_equal(stats().missed, missed + DEMAND);
    give_all(blocks, FIRST);
    vx_stock_close();
    assert_int_equal(stats().bytes, 0);
}

static void test_other_sizes_and_big_ones(void **state) {
    (void)state;
    vx_stock_open();
    demand();
    vx_stock_fill(false);
    uint64_t missed = stats().missed;
    void *same = vx_stock_take(SIZE - 1), *other = vx_stock_take(SIZE + 100);
    assert_int_equal(in_stock(), FIRST - 1); /* a size of the heap, see vx_alloc_cost() */
    assert_int_equal(stats().missed, missed + 1);
    void *big = vx_stock_take(BIG);
    memset(big, 'x', BIG);
    assert_int_equal(stats().missed, missed + 1);
    vx_stock_give(big, BIG);
    vx_stock_give(same, SIZE - 1);
    vx_stock_give(other, SIZE + 100);
    vx_stock_close();
    assert_int_equal(stats().bytes, 0);
}

static void test_what_is_wanted_now_and_then_has_no_shelf(void **state) {
    (void)state;
    vx_stock_open();
    for (int second = 0; second < 40; second++) {
        vx_stock_give(take(), SIZE);
        assert_false(vx_stock_is_low());
        vx_stock_fill(true);
        assert_int_equal(in_stock(), 0);
    }
    vx_stock_close();
}

/* A storm of calls, then nothing. */
static void test_grows_with_what_is_taken_and_goes_again(void **state) {
    (void)state;
    static void *blocks[4 * MOST];
    size_t count = 0;
    vx_stock_open();
    uint64_t most = 0;
    while (count < 4 * MOST) {
        for (uint64_t n = in_stock() * 2 / 3 + 1; n && count < 4 * MOST; n--)
            blocks[count++] = take();
        vx_stock_fill(false);
        most = in_stock() > most ? in_stock() : most;
    }
    assert_int_equal(most, MOST);
    assert_int_equal(stats().bytes, MOST * vx_alloc_cost(SIZE));
    give_all(blocks, count);
    assert_in_range(in_stock(), 0, MOST);
    for (int second = 0; second < 40; second++)
        vx_stock_fill(true);
    assert_int_equal(stats().bytes, 0);
    vx_stock_close();
}

/* Blocks come and go, never many at a time: what is used stays, so that none is missed. */
static void test_what_is_used_stays(void **state) {
    (void)state;
    vx_stock_open();
    demand();
    vx_stock_fill(false);
    uint64_t missed = stats().missed;
    for (int second = 0; second < 40; second++) {
        for (int i = 0; i < FIRST / 4; i++)
            vx_stock_give(take(), SIZE);
        vx_stock_fill(true);
    }
    assert_int_equal(stats().missed, missed);
    assert_true(in_stock() > 0);
    vx_stock_close();
}

/* Every size in demand at once. */
static void test_bounded(void **state) {
    (void)state;
    static void *blocks[31][2000];
    vx_stock_open();
    for (unsigned round = 0; round < 2000; round++) {
        for (unsigned i = 0; i < 31; i++)
            assert_non_null(blocks[i][round] = vx_stock_take(16 * i + 20));
        if (round % 100 == 99)
            vx_stock_fill(false);
        assert_in_range(stats().bytes, 0, VX_STOCK_BYTES);
    }
    assert_true(stats().bytes > VX_STOCK_BYTES / 2);
    for (unsigned i = 0; i < 31; i++)
        for (unsigned round = 0; round < 2000; round++)
            vx_stock_give(blocks[i][round], 16 * i + 20);
    vx_stock_close();
    assert_int_equal(stats().bytes, 0);
}

/* The registry's own runs are in test_registry_life; here there is something in stock. */
static void scenario(void *ctx) {
    (void)ctx;
    void *blocks[2];
    vx_stock_open();
    demand();
    vx_stock_fill(false);
    uint64_t had = in_stock(), failures = vx_alloc_failures();
    vx_test_arm();
    for (int i = 0; i < 2; i++)
        blocks[i] = vx_stock_take(SIZE);
    bool failed = vx_test_disarm();
    assert_int_equal(!blocks[0] + !blocks[1], failed);
    assert_int_equal(vx_alloc_failures(), failures + failed);
    for (int i = 0; i < 2; i++)
        vx_stock_give(blocks[i], SIZE);
    assert_true(in_stock() <= had);
    vx_stock_close();
    assert_int_equal(stats().bytes, 0);
}

static void test_allocations_fail(void **state) {
    (void)state;
    vx_test_every_allocation_fails(scenario, NULL, true);
}

static void filling_scenario(void *ctx) {
    (void)ctx;
    vx_stock_open();
    demand();
    vx_test_arm();
    vx_stock_fill(false);
    bool failed = vx_test_disarm();
    assert_int_equal(in_stock() < FIRST, failed);
    vx_stock_fill(true);
    assert_true(in_stock() > 0);
    vx_stock_close();
    assert_int_equal(stats().bytes, 0);
}

static void test_filling_fails(void **state) {
    (void)state;
    vx_test_every_allocation_fails(filling_scenario, NULL, false);
}

/* --- a registry with a stock --- */

static void wake(void *ctx) {
    atomic_fetch_add((atomic_uint *)ctx, 1);
}

static void test_a_registry_wakes_who_fills_it(void **state) {
    (void)state;
    struct vx_test_world w;
    atomic_uint woken = 0;
    vx_test_world_open(&w, NULL);
    vx_registry_set_wake(w.registry, wake, &woken);
    vx_stock_open();
    for (unsigned n = 1; n <= 10; n++) {
        vx_test_apply(&w, VX_EVENT_CREATE, n);
        assert_in_range(atomic_load(&woken), n >= DEMAND, n >= DEMAND / 2); /* nobody follows */
    }
    vx_registry_woken(w.registry);
    vx_stock_fill(false);
    uint64_t missed = stats().missed;
    for (unsigned n = 11; n <= 13; n++)
        vx_test_apply(&w, VX_EVENT_CREATE, n);
    for (unsigned n = 1; n <= 5; n++)
        vx_test_apply(&w, VX_EVENT_PROGRESS, n);
    assert_int_equal(stats().missed, missed);
    assert_int_equal(atomic_load(&woken), 1);
    for (unsigned n = 14; n <= 40; n++)
        vx_test_apply(&w, VX_EVENT_CREATE, n);
    assert_int_equal(atomic_load(&woken), 2);
    for (unsigned n = 1; n <= 40; n++)
        vx_test_expect(w.alpha, n, n <= 5 ? VX_CALL_RINGING : VX_CALL_TRYING, n <= 5 ? 180 : 100);
    vx_registry_set_wake(w.registry, NULL, NULL);
    vx_test_world_close(&w);
    assert_int_equal(vx_snapshots_memory(), 0);
    vx_stock_close();
    assert_int_equal(stats().bytes, 0);
}

/* --- all at once --- */

static atomic_bool going;

static void *take_and_give(void *arg) {
    unsigned char mark = (unsigned char)(uintptr_t)arg;
    unsigned char *blocks[64] = {NULL};
    for (unsigned i = 0; i < TURNS; i++) {
        unsigned char **at = &blocks[i * 7 % 64];
        if (*at) {
            for (unsigned j = 0; j < SIZE; j++)
                if ((*at)[j] != mark)
                    return arg;
            vx_stock_give(*at, SIZE);
        }
        *at = vx_stock_take(SIZE);
        memset(*at, mark, SIZE);
    }
    for (unsigned i = 0; i < 64; i++)
        vx_stock_give(blocks[i], SIZE);
    return NULL;
}

static void *keep_filling(void *arg) {
    (void)arg;
    for (unsigned i = 0; atomic_load(&going); i++)
        vx_stock_fill(i % 4 == 0);
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    pthread_t takers[4], filler;
    vx_stock_open();
    atomic_store(&going, true);
    assert_int_equal(pthread_create(&filler, NULL, keep_filling, NULL), 0);
    for (uintptr_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&takers[i], NULL, take_and_give, (void *)(i + 1)), 0);
    for (int i = 0; i < 4; i++) {
        void *wrong;
        pthread_join(takers[i], &wrong);
        assert_null(wrong);
    }
    atomic_store(&going, false);
    pthread_join(filler, NULL);
    vx_stock_close();
    assert_int_equal(stats().bytes, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_kept_unless_somebody_fills_it),
        cmocka_unit_test(test_what_is_asked_for_is_there_the_next_time),
        cmocka_unit_test(test_other_sizes_and_big_ones),
        cmocka_unit_test(test_what_is_wanted_now_and_then_has_no_shelf),
        cmocka_unit_test(test_grows_with_what_is_taken_and_goes_again),
        cmocka_unit_test(test_what_is_used_stays),
        cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_allocations_fail),
        cmocka_unit_test(test_filling_fails),
        cmocka_unit_test(test_a_registry_wakes_who_fills_it),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests_name("stock", tests, NULL, NULL);
}
