/* An account's view of its calls: against a simple model, over many calls, turn by turn. */
#include "api_support.h"

#include "api/view.h"
#include "api/view_index.h"

static struct vx_test_world w;
static struct vx_pot *pot;

static int open_world(void **state) {
    (void)state;
    vx_test_world_open(&w, "max-field-bytes=64");
    pot = vx_pot_new();
    assert_non_null(pot);
    return 0;
}

static int close_world(void **state) {
    (void)state;
    assert_int_equal(vx_pot_memory(pot), 0);
    vx_pot_release(&pot);
    vx_test_world_close(&w);
    return 0;
}

static unsigned sync_view(struct vx_view *v) {
    unsigned turns = 1;
    enum vx_turn turn;
    while ((turn = vx_view_sync(v)) == VX_TURN_MORE)
        turns++;
    assert_int_equal(turn, VX_TURN_DONE);
    return turns;
}

static unsigned list_turns;

static char *list_of(struct vx_view *v, size_t *len) {
    struct vx_body *body = NULL;
    enum vx_turn turn;
    list_turns = 1;
    while ((turn = vx_view_list(v, &body)) == VX_TURN_MORE)
        list_turns++;
    assert_int_equal(turn, VX_TURN_DONE);
    char *text = vx_test_body(body, len);
    vx_body_release(&body);
    return text;
}

static void walk(const struct vx_view *v, vx_view_each *each, void *ctx) {
    for (size_t i = 0; i < vx_view_segments(v); i++)
        vx_view_walk_segment(v, i, each, ctx);
}

/* --- the index --- */

static void check_index(const struct vx_index *x, const bool *there, unsigned count) {
    size_t places = 0, chunk = x->count;
    unsigned at = 0;
    for (size_t i = 0; i < x->count; i++) {
        assert_in_range(x->chunks[i]->count, 1, VX_CHUNK_PLACES);
        places += x->chunks[i]->count;
    }
    for (unsigned n = count; n-- > 0;) {
        uint32_t node = 0;
        assert_int_equal(vx_index_find(x, n, &node), there[n]);
        if (!there[n])
            continue;
        assert_int_equal(node, n + 1);
        if (!at) { /* the next older one */
            assert_true(chunk > 0);
            at = x->chunks[--chunk]->count;
        }
        assert_int_equal(x->chunks[chunk]->at[--at].order, n);
        places--;
    }
    assert_int_equal(places, 0);
}

static void test_index_in_any_order(void **state) {
    (void)state;
    enum { COUNT = 1500 };
    static bool there[COUNT];
    struct vx_index x = {0};
    uint32_t random = 7;
    memset(there, 0, sizeof there);
    for (unsigned step = 0; step < 20000; step++) {
        random = random * 1664525 + 1013904223;
        unsigned n = (random >> 8) % COUNT;
        if (there[n]) {
            vx_index_remove(&x, n);
        } else {
            assert_true(vx_index_reserve(&x));
            vx_index_put(&x, n, n + 1);
        }
        there[n] = !there[n];
        if (step % 1000 == 0)
            check_index(&x, there, COUNT);
    }
    check_index(&x, there, COUNT);
    for (unsigned n = 0; n < COUNT; n++)
        if (there[n])
            vx_index_remove(&x, n);
    assert_int_equal(x.count, 0);
    vx_index_clear(&x);
}

/* A few calls that last among very many that do not. */
static void test_index_does_not_stay_sparse(void **state) {
    (void)state;
    enum { COUNT = 6400 };
    struct vx_index x = {0};
    for (unsigned n = 0; n < COUNT; n++) {
        assert_true(vx_index_reserve(&x));
        vx_index_put(&x, n, n + 1);
    }
    assert_int_equal(x.count, COUNT / VX_CHUNK_PLACES);
    for (unsigned n = 0; n < COUNT; n++)
        if (n % VX_CHUNK_PLACES)
            vx_index_remove(&x, n);
    assert_in_range(x.count, 1, COUNT / VX_CHUNK_PLACES / 8);
    vx_index_clear(&x);
}

/* --- the list in segments --- */

static void test_a_change_costs_one_segment(void **state) {
    (void)state;
    enum { CALLS = 2000 };
    struct vx_view *v = vx_view_new(w.alpha, pot);
    struct vx_body *before = NULL, *after = NULL;
    struct vx_str old[64], new[64];
    size_t len, same = 0;
    for (unsigned n = 1; n <= CALLS; n++)
        vx_test_apply(&w, VX_EVENT_CREATE, n);
    sync_view(v);
    free(list_of(v, &len));
    assert_true(len > 65536); /* in pieces */
    assert_int_equal(vx_view_list(v, &before), VX_TURN_DONE);
    vx_test_apply(&w, VX_EVENT_PROGRESS, CALLS / 2);
    sync_view(v);
    size_t held = vx_pot_memory(pot);
    assert_int_equal(vx_view_list(v, &after), VX_TURN_DONE);
    size_t count = vx_body_runs(before, 0, old, 64);
    assert_int_equal(vx_body_runs(after, 0, new, 64), count);
    assert_int_equal(count, (CALLS + VX_CHUNK_PLACES - 1) / VX_CHUNK_PLACES + 2);
    for (size_t i = 0; i < count; i++)
        same += old[i].at == new[i].at;
    assert_int_equal(same, count - 1);
    assert_true(vx_pot_memory(pot) - held < len / 8);
    vx_body_release(&before);
    vx_body_release(&after);
    vx_view_release(&v);
}

static void test_a_list_in_pieces_is_the_rendered_calls(void **state) {
    (void)state;
    static const unsigned sizes[] = {0, 1, 2, 63, 64, 65, 128, 129, 700};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct vx_view *v;
        struct vx_buf expected = {0};
        size_t len;
        vx_test_world_close(&w);
        vx_test_world_open(&w, NULL);
        v = vx_view_new(w.alpha, pot);
        for (unsigned n = 1; n <= sizes[i]; n++)
            vx_test_apply(&w, VX_EVENT_CREATE, n);
        sync_view(v);
        char *text = list_of(v, &len);
        vx_buf_puts(&expected, "[");
        for (unsigned n = sizes[i]; n > 0; n--) {
            struct vx_uuid sid = vx_test_event(VX_EVENT_CREATE, n).call_sid;
            struct vx_snapshot *call = vx_scope_find(w.alpha, &sid);
            vx_buf_str(&expected, vx_test_json(call));
            vx_buf_puts(&expected, n > 1 ? "," : "");
            vx_snapshot_release(&call);
        }
        vx_buf_puts(&expected, "]");
        assert_int_equal(len, expected.len);
        assert_memory_equal(text, expected.at, len);
        /* From any byte on it is the same bytes. */
        struct vx_body *body = NULL;
        assert_int_equal(vx_view_list(v, &body), VX_TURN_DONE);
        for (size_t from = 0; from < len; from += 1 + from / 3) {
            struct vx_str run;
            assert_int_equal(vx_body_runs(body, from, &run, 1), 1);
            assert_memory_equal(run.at, text + from, run.len);
        }
        struct vx_str none;
        assert_int_equal(vx_body_runs(body, len, &none, 1), 0);
        vx_body_release(&body);
        vx_buf_free(&expected);
        free(text);
        vx_view_release(&v);
    }
}

/* --- turns --- */

static void test_much_is_taken_up_in_turns(void **state) {
    (void)state;
    enum { CALLS = 5000 };
    struct vx_view *v = vx_view_new(w.alpha, pot);
    size_t len;
    for (unsigned n = 1; n <= CALLS; n++)
        vx_test_apply(&w, VX_EVENT_CREATE, n);
    assert_in_range(sync_view(v), CALLS / 1024, CALLS / 1024 + 2);
    free(list_of(v, &len));
    assert_in_range(list_turns, CALLS / VX_CHUNK_PLACES / 8, CALLS / VX_CHUNK_PLACES / 8 + 2);
    vx_test_apply(&w, VX_EVENT_PROGRESS, 1);
    assert_int_equal(sync_view(v), 1);
    free(list_of(v, &len));
    assert_int_equal(list_turns, 1);
    unsigned drains = 1;
    while (!vx_view_drain(v))
        drains++;
    assert_int_equal(drains, 1);
    vx_view_release(&v);
}

/* Changes that come while a list is made, all over it, hold it up, but not for ever. */
static void test_a_list_is_done_while_calls_change(void **state) {
    (void)state;
    enum { CALLS = 5000, CHANGES = 20 };
    struct vx_view *v = vx_view_new(w.alpha, pot);
    struct vx_body *body = NULL;
    enum vx_turn turn;
    unsigned turns = 1;
    for (unsigned n = 1; n <= CALLS; n++)
        vx_test_apply(&w, VX_EVENT_CREATE, n);
    sync_view(v);
    while ((turn = vx_view_list(v, &body)) == VX_TURN_MORE && turns++ < 100) {
        for (unsigned i = 0; i < CHANGES; i++)
            vx_test_apply(&w, VX_EVENT_PROGRESS, 1 + turns + i * (CALLS / CHANGES));
        assert_int_equal(sync_view(v), 1);
    }
    assert_int_equal(turn, VX_TURN_DONE);
    assert_in_range(turns, CALLS / VX_CHUNK_PLACES / 8, CALLS / VX_CHUNK_PLACES / 2);
    vx_body_release(&body);
    vx_view_release(&v);
}

/* What is taken up in another order than that of creation. */
static void test_calls_that_changed_before_they_are_seen(void **state) {
    (void)state;
    enum { CALLS = 1000 };
    struct vx_view *v, *late;
    size_t len, late_len;
    v = vx_view_new(w.alpha, pot);
    for (unsigned n = 1; n <= CALLS; n++) {
        vx_test_apply(&w, VX_EVENT_CREATE, n);
        if (n % 10 == 0)
            sync_view(v);
    }
    for (unsigned n = 1; n <= CALLS; n++)
        vx_test_apply(&w, VX_EVENT_PROGRESS, 1 + n * 7 % CALLS);
    sync_view(v);
    late = vx_view_new(w.alpha, pot);
    sync_view(late);
    char *text = list_of(v, &len), *late_text = list_of(late, &late_len);
    assert_int_equal(len, late_len);
    assert_memory_equal(text, late_text, len);
    free(text);
    free(late_text);
    vx_view_release(&v);
    vx_view_release(&late);
}

/* --- walks --- */

static bool count_up(void *ctx, const struct vx_entry *e) {
    (void)e;
    ++*(unsigned *)ctx;
    return true;
}

static bool check_descent(void *ctx, const struct vx_entry *e) {
    uint64_t *last = ctx;
    assert_true(e->revision < *last);
    *last = e->revision;
    return true;
}

static void test_changed_visits_only_what_changed(void **state) {
    (void)state;
    struct vx_view *v = vx_view_new(w.alpha, pot);
    unsigned visited = 0;
    uint64_t last = UINT64_MAX, since;
    for (unsigned n = 1; n <= 500; n++)
        vx_test_apply(&w, VX_EVENT_CREATE, n);
    sync_view(v);
    since = vx_view_revision(v);
    vx_view_changed(v, since, UINT64_MAX, count_up, &visited);
    assert_int_equal(visited, 0);
    for (unsigned n = 1; n <= 30; n++)
        vx_test_apply(&w, VX_EVENT_PROGRESS, n % 10 + 1);
    vx_test_apply(&w, VX_EVENT_ANSWER, 3);
    sync_view(v);
    vx_view_changed(v, since, UINT64_MAX, count_up, &visited);
    assert_int_equal(visited, 10);
    vx_view_changed(v, 0, UINT64_MAX, check_descent, &last);
    visited = 0;
    vx_view_changed(v, 0, since + 1, count_up, &visited);
    assert_int_equal(visited, 490);
    vx_view_release(&v);
}

struct phases {
    uint64_t created, entered, revision;
};

static bool note_phases(void *ctx, const struct vx_entry *e) {
    *(struct phases *)ctx = (struct phases){e->created, e->entered, e->revision};
    return true;
}

static struct phases phases_of(struct vx_view *v) {
    struct phases p = {0, 0, 0};
    sync_view(v);
    walk(v, note_phases, &p);
    return p;
}

static void test_entered_is_the_answer_or_the_end(void **state) {
    (void)state;
    struct vx_view *v = vx_view_new(w.alpha, pot);
    vx_test_apply(&w, VX_EVENT_CREATE, 1);
    struct phases born = phases_of(v);
    assert_int_equal(born.entered, born.created);
    vx_test_apply(&w, VX_EVENT_PROGRESS, 1);
    struct phases ringing = phases_of(v);
    assert_int_equal(ringing.entered, born.created);
    assert_true(ringing.revision > born.revision);
    vx_test_apply(&w, VX_EVENT_ANSWER, 1);
    struct phases answered = phases_of(v);
    assert_int_equal(answered.entered, answered.revision);
    vx_test_apply(&w, VX_EVENT_HANGUP, 1);
    struct phases ended = phases_of(v);
    assert_int_equal(ended.entered, ended.revision);
    assert_int_equal(ended.created, born.created);
    vx_view_release(&v);
}

/* --- without memory --- */

static void starve(void *ctx) {
    (void)ctx;
    vx_test_world_open(&w, NULL);
    for (unsigned n = 1; n <= 200; n++)
        vx_test_apply(&w, VX_EVENT_CREATE, n);
    struct vx_view *v = vx_view_new(w.alpha, NULL);
    assert_non_null(v);
    vx_test_arm();
    struct vx_body *body = NULL;
    enum vx_turn turn = vx_view_sync(v);
    if (turn == VX_TURN_DONE)
        turn = vx_view_list(v, &body);
    bool failed = vx_test_disarm();
    assert_true(turn == VX_TURN_DONE ? body != NULL : failed && !body);
    vx_body_release(&body);
    sync_view(v);
    size_t len;
    char *text = list_of(v, &len);
    assert_int_equal(text[0], '[');
    assert_int_equal(text[len - 1], ']');
    free(text);
    unsigned visited = 0;
    walk(v, count_up, &visited);
    assert_int_equal(visited, 200);
    vx_view_release(&v);
    vx_test_world_close(&w);
}

static void test_every_allocation_of_a_view_fails(void **state) {
    (void)state;
    vx_test_every_allocation_fails(starve, NULL, false);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index_in_any_order),
        cmocka_unit_test(test_index_does_not_stay_sparse),
        TEST(test_a_change_costs_one_segment),
        TEST(test_a_list_in_pieces_is_the_rendered_calls),
        TEST(test_much_is_taken_up_in_turns),
        TEST(test_a_list_is_done_while_calls_change),
        TEST(test_calls_that_changed_before_they_are_seen),
        TEST(test_changed_visits_only_what_changed),
        TEST(test_entered_is_the_answer_or_the_end),
        cmocka_unit_test(test_every_allocation_of_a_view_fails),
    };
    return cmocka_run_group_tests_name("view", tests, NULL, NULL);
}
