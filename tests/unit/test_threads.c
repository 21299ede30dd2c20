/*
 * All at once: four threads that write, two that follow by feeds, one that lets calls expire while
 * the clock runs. Every call a writer makes goes through its whole life, so that at the end each
 * figure is known exactly. Meant for ThreadSanitizer as much as for its assertions.
 */
#include "support.h"

#include <pthread.h>

#ifdef VX_SANITIZERS
enum { WRITERS = 4, READERS = 2, CALLS_EACH = 1500 };
#else
enum { WRITERS = 4, READERS = 2, CALLS_EACH = 6000 };
#endif
enum { ALL_CALLS = WRITERS * CALLS_EACH };

static struct vx_test_world w;
static atomic_bool writing;

/* --- writers --- */

struct writer {
    pthread_t thread;
    unsigned first;
    uint64_t applied, unchanged, other;
};

static void say(struct writer *me, enum vx_event_type type, unsigned n) {
    struct vx_event e = vx_test_event_of(n % 2 ? ALPHA_SID : BETA_SID, type, n);
    e.direction = n % 3 ? VX_INBOUND : VX_OUTBOUND;
    e.sip_status = type == VX_EVENT_HANGUP ? 486 : 0;
    enum vx_applied got = vx_registry_apply(w.registry, &e);
    me->applied += got == VX_APPLIED;
    me->unchanged += got == VX_UNCHANGED;
    me->other += got != VX_APPLIED && got != VX_UNCHANGED;
}

/* Each call: four changes, or three for every fifth, which is never answered; one event doubled. */
static void *write_calls(void *arg) {
    struct writer *me = arg;
    for (unsigned i = 0; i < CALLS_EACH; i++) {
        unsigned n = me->first + i;
        say(me, VX_EVENT_CREATE, n);
        say(me, VX_EVENT_PROGRESS, n);
        say(me, VX_EVENT_PROGRESS, n);
        if (n % 5)
            say(me, VX_EVENT_ANSWER, n);
        say(me, VX_EVENT_HANGUP, n);
    }
    return NULL;
}

/* --- readers --- */

struct reader {
    pthread_t thread;
    struct vx_scope *scope;
    struct vx_feed *feed;
    bool *there; /* by number of the call */
    uint64_t revision, rendered, wrong;
};

static unsigned number(const struct vx_uuid *sid) {
    return (unsigned)sid->b[12] << 24 | (unsigned)sid->b[13] << 16 | (unsigned)sid->b[14] << 8 |
           sid->b[15];
}

static void look_at(struct reader *me, struct vx_change *c) {
    unsigned n = number(&c->call_sid);
    me->wrong += n >= ALL_CALLS;
    if (n < ALL_CALLS)
        me->there[n] = c->call != NULL;
    if (!c->call)
        return;
    struct vx_str json = vx_test_json(c->call);
    me->wrong += !json.at || json.at[0] != '{' || json.at[json.len - 1] != '}';
    me->rendered++;
    vx_snapshot_release(&c->call);
}

static bool pull_all(struct reader *me) {
    struct vx_change changes[32];
    uint64_t before = me->revision;
    bool restarted;
    for (size_t n = 1; n > 0;) {
        n = vx_feed_pull(me->feed, changes, 32, &me->revision, &restarted);
        if (restarted) /* also when nothing follows */
            memset(me->there, 0, ALL_CALLS * sizeof *me->there);
        for (size_t i = 0; i < n; i++)
            look_at(me, &changes[i]);
    }
    me->wrong += me->revision < before;
    return me->revision > before;
}

static void *read_calls(void *arg) {
    struct reader *me = arg;
    while (atomic_load(&writing)) {
        pull_all(me);
        struct vx_counts c = vx_scope_counts(me->scope);
        me->wrong += c.live_inbound + c.live_outbound > WRITERS;
        me->wrong += vx_scope_revision(me->scope) < me->revision;
        struct vx_uuid sid = vx_test_sid(1);
        struct vx_snapshot *call = vx_scope_find(me->scope, &sid);
        vx_snapshot_release(&call);
    }
    pull_all(me);
    return NULL;
}

/* --- time --- */

static void *expire_calls(void *arg) {
    (void)arg;
    while (atomic_load(&writing)) {
        vx_test_advance(&w.time, 100 * VX_SECOND_US);
        vx_registry_expire(w.registry, 64);
        struct vx_registry_stats stats;
        vx_registry_stats(w.registry, &stats);
        vx_registry_woken(w.registry);
    }
    return NULL;
}

static void wake(void *ctx) {
    atomic_fetch_add((atomic_uint *)ctx, 1);
}

static void check_figures(const struct writer *writers) {
    uint64_t applied = 0, unchanged = 0;
    for (int i = 0; i < WRITERS; i++) {
        applied += writers[i].applied;
        unchanged += writers[i].unchanged;
        assert_int_equal(writers[i].other, 0);
    }
    struct vx_registry_stats s;
    vx_registry_stats(w.registry, &s);
    assert_int_equal(applied, 3U * ALL_CALLS + ALL_CALLS / 5U * 4);
    assert_int_equal(unchanged, ALL_CALLS);
    assert_int_equal(s.events, applied + unchanged);
    assert_int_equal(s.unchanged, unchanged);
    assert_int_equal(s.created, ALL_CALLS);
    assert_int_equal(s.ended[VX_CALL_COMPLETED], ALL_CALLS / 5 * 4);
    assert_int_equal(s.ended[VX_CALL_BUSY], ALL_CALLS / 5);
    assert_int_equal(s.calls, s.created - s.expired);
    assert_int_equal(vx_scope_revision(w.all), applied + s.expired);
    assert_int_equal(vx_scope_revision(w.all),
                     vx_scope_revision(w.alpha) + vx_scope_revision(w.beta));
    struct vx_counts c = vx_scope_counts(w.all);
    assert_int_equal(c.live_inbound + c.live_outbound, 0);
    assert_int_equal(c.ended_inbound + c.ended_outbound, s.calls);
}

static void check_reader(struct reader *r) {
    pull_all(r); /* the expiring thread may have gone on after the reader's last look */
    assert_int_equal(r->wrong, 0);
    assert_true(r->rendered > 0);
    assert_int_equal(r->revision, vx_scope_revision(r->scope));
    size_t there = 0;
    for (unsigned n = 0; n < ALL_CALLS; n++) {
        assert_int_equal(r->there[n], vx_test_has(r->scope, n));
        there += r->there[n];
    }
    assert_int_equal(there, vx_test_count(r->scope));
}

static void test_all_at_once(void **state) {
    (void)state;
    struct writer writers[WRITERS] = {{0}};
    struct reader readers[READERS] = {{0}};
    pthread_t clock;
    atomic_uint woken = 0;
    vx_test_world_open(&w, NULL);
    vx_registry_set_wake(w.registry, wake, &woken);
    atomic_store(&writing, true);
    for (int i = 0; i < READERS; i++) {
        readers[i].scope = i ? w.all : w.alpha;
        readers[i].feed = vx_feed_open(readers[i].scope);
        readers[i].there = calloc(ALL_CALLS, sizeof(bool));
        assert_true(readers[i].feed && readers[i].there);
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_calls, &readers[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        writers[i].first = (unsigned)i * CALLS_EACH;
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_calls, &writers[i]), 0);
    }
    assert_int_equal(pthread_create(&clock, NULL, expire_calls, NULL), 0);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(writers[i].thread, NULL);
    atomic_store(&writing, false);
    for (int i = 0; i < READERS; i++)
        pthread_join(readers[i].thread, NULL);
    pthread_join(clock, NULL);
    vx_registry_set_wake(w.registry, NULL, NULL);

    check_figures(writers);
    assert_true(atomic_load(&woken) > 0);
    for (int i = 0; i < READERS; i++) {
        check_reader(&readers[i]);
        vx_feed_close(&readers[i].feed);
        free(readers[i].there);
    }
    vx_test_advance(&w.time, 3600 * VX_SECOND_US);
    vx_registry_expire(w.registry, 0);
    assert_int_equal(vx_test_calls(&w), 0);
    vx_test_world_close(&w);
}

/* Turned off, wake() is not running and will not run again: its context may go. */
static void *turn_off_wake(void *arg) {
    for (int i = 0; i < 300; i++) {
        atomic_uint *on_heap = calloc(1, sizeof *on_heap);
        if (!on_heap)
            continue;
        vx_registry_set_wake(w.registry, wake, on_heap);
        vx_registry_woken(w.registry);
        vx_registry_set_wake(w.registry, NULL, NULL);
        free(on_heap);
    }
    atomic_store((atomic_bool *)arg, false);
    return NULL;
}

static void test_wake_off_waits_for_a_running_one(void **state) {
    (void)state;
    pthread_t thread;
    vx_test_world_open(&w, NULL);
    struct vx_feed *feed = vx_feed_open(w.alpha);
    atomic_bool going = true;
    assert_int_equal(pthread_create(&thread, NULL, turn_off_wake, &going), 0);
    for (unsigned n = 1; atomic_load(&going); n++) {
        vx_test_apply(&w, VX_EVENT_HANGUP, n);
        vx_test_advance(&w.time, 600 * VX_SECOND_US);
        vx_registry_expire(w.registry, 0);
    }
    pthread_join(thread, NULL);
    vx_feed_close(&feed);
    vx_test_world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_at_once),
        cmocka_unit_test(test_wake_off_waits_for_a_running_one),
    };
    return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
