/* Every recorded scenario gives expected.json, however its events arrive. */
#include "replay.h"

#define SEEDS 200

struct delivery {
    const switch_event_t *event;
    int64_t due;
    size_t order;
};

static int by_due(const void *a, const void *b) {
    const struct delivery *x = a, *y = b;

    if (x->due != y->due)
        return x->due < y->due ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

/* Copies that come once more when `again`; each as much as `late_us` after its time. */
static size_t plan(struct delivery *out, const struct recording *rec, struct vx_test_random *rnd,
                   int64_t late_us, bool again) {
    size_t n = 0;

    for (size_t copy = 0; copy <= (size_t)again; copy++)
        for (size_t i = 0; i < rec->count; i++, n++)
            out[n] = (struct delivery){
                rec->events[i],
                rec->at_us[i] + (late_us ? vx_test_random(rnd, (uint32_t)late_us + 1) : 0), n};
    qsort(out, n, sizeof *out, by_due);
    return n;
}

/* Returns what disagrees. */
static size_t deliver(const struct recording *rec, const struct delivery *d, size_t n,
                      const char *variant) {
    struct replay r;
    size_t wrong;

    replay_open(&r, rec);
    for (size_t i = 0; i < n; i++)
        replay_fire(&r, d[i].event);
    wrong = replay_compare(&r, variant);
    assert_int_equal(replay_ghosts(&r), 0);
    wrong += replay_compare(&r, variant);
    replay_close(&r);
    return wrong;
}

/* --- in order, doubled --- */

static void in_order(void **state) {
    size_t count, events = 0, wrong = 0, calls = 0;
    const struct recording *recs = replay_recordings(&count);

    (void)state;
    for (size_t s = 0; s < count; s++) {
        struct replay r;

        replay_open(&r, &recs[s]);
        for (size_t i = 0; i < recs[s].count; i++, events++)
            replay_fire(&r, recs[s].events[i]);
        wrong += replay_compare(&r, "in order");
        calls += json_object_array_length(recs[s].expected);
        replay_close(&r);
    }
    printf("# %zu scenarios, %zu calls, %zu events\n", count, calls, events);
    assert_int_equal(count, 15);
    assert_int_equal(wrong, 0);
}

static void each_doubled(void **state) {
    size_t count, wrong = 0;
    const struct recording *recs = replay_recordings(&count);

    (void)state;
    for (size_t s = 0; s < count; s++) {
        struct replay r;

        replay_open(&r, &recs[s]);
        for (size_t i = 0; i < 2 * recs[s].count; i++)
            replay_fire(&r, recs[s].events[i / 2]);
        wrong += replay_compare(&r, "each doubled");
        for (size_t i = 0; i < recs[s].count; i++) /* and all of it once more */
            replay_fire(&r, recs[s].events[i]);
        wrong += replay_compare(&r, "all doubled");
        replay_close(&r);
    }
    assert_int_equal(wrong, 0);
}

/* --- shuffled --- */

static void shuffle(const char *what, int64_t late_us, bool again) {
    struct vx_test_random rnd = vx_test_random_start(what);
    struct delivery d[2 * REPLAY_MAX_EVENTS];
    size_t count, wrong = 0;
    const struct recording *recs = replay_recordings(&count);

    for (size_t s = 0; s < count; s++)
        for (unsigned seed = 0; seed < SEEDS && wrong < 20; seed++)
            wrong += deliver(&recs[s], d, plan(d, &recs[s], &rnd, late_us, again), what);
    assert_int_equal(wrong, 0);
}

static void shuffled(void **state) {
    (void)state;
    shuffle("shuffled within 200 ms", 200000, false);
}

static void shuffled_and_doubled(void **state) {
    (void)state;
    shuffle("doubled and shuffled within 200 ms", 200000, true);
}

/* No time says when the last of a call's events is there: any order at all. */
static void shuffled_at_will(void **state) {
    (void)state;
    shuffle("in any order", 3600 * VX_SECOND_US / 2, false);
}

static void backwards(void **state) {
    size_t count, wrong = 0;
    const struct recording *recs = replay_recordings(&count);

    (void)state;
    for (size_t s = 0; s < count; s++) {
        struct delivery d[REPLAY_MAX_EVENTS];

        for (size_t i = 0; i < recs[s].count; i++)
            d[i].event = recs[s].events[recs[s].count - 1 - i];
        wrong += deliver(&recs[s], d, recs[s].count, "backwards");
    }
    assert_int_equal(wrong, 0);
}

/* --- left out --- */

/* No event of the recordings is the only one that tells of something. */
static size_t leave_out(const struct recording *rec, size_t out) {
    char variant[128];
    struct replay r;
    size_t wrong;

    snprintf(variant, sizeof variant, "without event %zu, %s", out,
             double_event_get(rec->events[out], "Event-Name"));
    replay_open(&r, rec);
    for (size_t i = 0; i < rec->count; i++)
        if (i != out)
            replay_fire(&r, rec->events[i]);
    assert_int_equal(replay_ghosts(&r), 0);
    replay_look(&r);
    wrong = replay_compare(&r, variant);
    replay_close(&r);
    return wrong;
}

static void any_one_left_out(void **state) {
    size_t count, wrong = 0;
    const struct recording *recs = replay_recordings(&count);

    (void)state;
    for (size_t s = 0; s < count; s++)
        for (size_t out = 0; out < recs[s].count; out++)
            wrong += leave_out(&recs[s], out);
    assert_int_equal(wrong, 0);
}

static void any_two_left_out(void **state) {
    size_t count;
    const struct recording *recs = replay_recordings(&count);

    (void)state;
    for (size_t s = 0; s < count; s++)
        for (size_t out = 0; out < recs[s].count * recs[s].count; out++) {
            struct replay r;

            replay_open(&r, &recs[s]);
            for (size_t i = 0; i < recs[s].count; i++)
                if (i != out / recs[s].count && i != out % recs[s].count)
                    replay_fire(&r, recs[s].events[i]);
            assert_int_equal(replay_ghosts(&r), 0);
            replay_look(&r);
            replay_close(&r);
        }
}

/* The module is loaded, or the events stop, in the middle: nothing stays live. */
static void cut_anywhere(void **state) {
    size_t count;
    const struct recording *recs = replay_recordings(&count);

    (void)state;
    for (size_t s = 0; s < count; s++)
        for (size_t cut = 0; cut <= recs[s].count; cut++)
            for (int head = 0; head < 2; head++) {
                struct replay r;

                replay_open(&r, &recs[s]);
                for (size_t i = head ? 0 : cut; i < (head ? cut : recs[s].count); i++)
                    replay_fire(&r, recs[s].events[i]);
                assert_int_equal(replay_ghosts(&r), 0);
                replay_look(&r);
                replay_close(&r);
            }
}

/* What comes after an audit gave the call up corrects it. */
static void audited_too_soon(void **state) {
    size_t count, wrong = 0;
    const struct recording *recs = replay_recordings(&count);

    (void)state;
    for (size_t s = 0; s < count; s++)
        for (size_t cut = 0; cut < recs[s].count; cut++) {
            struct replay r;

            replay_open(&r, &recs[s]);
            for (size_t i = 0; i < cut; i++)
                replay_fire(&r, recs[s].events[i]);
            assert_int_equal(replay_ghosts(&r), 0);
            for (size_t i = cut; i < recs[s].count; i++)
                replay_fire(&r, recs[s].events[i]);
            wrong += replay_compare(&r, "audited too soon");
            replay_close(&r);
        }
    assert_int_equal(wrong, 0);
}

/* --- several threads --- */

#define THREADS 4
#define ROUNDS  40

struct dispatch {
    pthread_barrier_t start;
    const struct delivery *deliveries;
    size_t count;
    atomic_size_t next, done;
};

static void *dispatch(void *arg) {
    struct dispatch *d = arg;

    pthread_barrier_wait(&d->start);
    for (size_t i; (i = atomic_fetch_add(&d->next, 1)) < d->count;)
        double_fire(d->deliveries[i].event);
    atomic_fetch_add(&d->done, 1);
    return NULL;
}

static size_t deliver_at_once(const struct recording *rec, const struct delivery *list, size_t n) {
    struct dispatch d = {.deliveries = list, .count = n};
    pthread_t threads[THREADS];
    struct replay r;
    size_t wrong;

    replay_open(&r, rec);
    pthread_barrier_init(&d.start, NULL, THREADS + 1);
    for (size_t t = 0; t < THREADS; t++)
        assert_int_equal(pthread_create(&threads[t], NULL, dispatch, &d), 0);
    pthread_barrier_wait(&d.start);
    do
        replay_look(&r);
    while (atomic_load(&d.done) < THREADS);
    for (size_t t = 0; t < THREADS; t++)
        pthread_join(threads[t], NULL);
    pthread_barrier_destroy(&d.start);
    replay_look(&r);
    wrong = replay_compare(&r, "by several threads");
    replay_close(&r);
    return wrong;
}

static void by_several_threads(void **state) {
    struct vx_test_random rnd = vx_test_random_start("by several threads");
    struct delivery d[2 * REPLAY_MAX_EVENTS];
    size_t count, wrong = 0;
    const struct recording *recs = replay_recordings(&count);

    (void)state;
    for (size_t s = 0; s < count; s++)
        for (unsigned round = 0; round < ROUNDS; round++)
            wrong += deliver_at_once(&recs[s], d,
                                     plan(d, &recs[s], &rnd, round % 2 ? 200000 : 0, round % 3));
    assert_int_equal(wrong, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order),           cmocka_unit_test(each_doubled),
        cmocka_unit_test(shuffled),           cmocka_unit_test(shuffled_and_doubled),
        cmocka_unit_test(shuffled_at_will),   cmocka_unit_test(backwards),
        cmocka_unit_test(any_one_left_out),   cmocka_unit_test(any_two_left_out),
        cmocka_unit_test(cut_anywhere),       cmocka_unit_test(audited_too_soon),
        cmocka_unit_test(by_several_threads),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    replay_free();
    return failed;
}
