/* What calls hold is counted and limited: their JSON too, whether or not a reader has asked for it.
 */
#include "support.h"

enum { MIB = 1048576 };

static struct vx_registry_stats stats_of(struct vx_test_world *w) {
    struct vx_registry_stats s;
    vx_registry_stats(w->registry, &s);
    return s;
}

static struct vx_event big(enum vx_event_type type, unsigned n, char byte) {
    static char text[1000];
    memset(text, byte, sizeof text);
    struct vx_event e = vx_test_event(type, n);
    e.from = e.to = e.caller_name = e.call_id = (struct vx_str){text, sizeof text};
    return e;
}

/* Creates calls until one is refused; returns how many there are. */
static unsigned fill(struct vx_test_world *w, char byte) {
    unsigned n = 0;
    enum vx_applied got = VX_APPLIED;
    while (got == VX_APPLIED && n < 20000) {
        struct vx_event e = big(VX_EVENT_CREATE, ++n, byte);
        got = vx_registry_apply(w->registry, &e);
    }
    assert_int_equal(got, VX_REFUSED);
    return n - 1;
}

static void test_max_call_memory(void **state) {
    (void)state;
    struct vx_test_world w;
    vx_test_world_open(&w, "max-call-memory=1048576;max-field-bytes=1024");
    unsigned count = fill(&w, 'a');
    assert_in_range(count, 100, 130); /* four texts of 1,000 bytes, twice */
    struct vx_registry_stats s = stats_of(&w);
    assert_int_equal(s.full_memory, 1);
    assert_int_equal(s.full, 0);
    assert_in_range(s.memory, MIB, MIB + 16384);
    /* Known ones go on, over the limit if need be. */
    for (unsigned n = 1; n <= count; n++) {
        struct vx_event e = big(VX_EVENT_ANSWER, n, 'a');
        e.originating_sip_ip = e.originating_sip_trunk_name = e.from;
        assert_int_equal(vx_registry_apply(w.registry, &e), VX_APPLIED);
        vx_test_expect(w.alpha, n, VX_CALL_IN_PROGRESS, 200);
    }
    assert_true(stats_of(&w).memory > MIB + 300000);
    vx_test_apply(&w, VX_EVENT_HANGUP, 1);
    assert_int_equal(vx_test_apply(&w, VX_EVENT_CREATE, 30000), VX_REFUSED);
    for (unsigned n = 2; n <= count; n++)
        vx_test_apply(&w, VX_EVENT_HANGUP, n);
    vx_test_advance(&w.time, 600 * VX_SECOND_US);
    vx_registry_expire(w.registry, 0);
    assert_int_equal(stats_of(&w).memory, 0);
    assert_int_equal(vx_test_apply(&w, VX_EVENT_CREATE, 30000), VX_APPLIED);
    vx_test_world_close(&w);
    assert_int_equal(vx_snapshots_memory(), 0);
}

/* Control characters become six bytes each: a reader that asks for all takes what was counted. */
static void test_json_is_counted_before_it_is_asked_for(void **state) {
    (void)state;
    struct vx_test_world w;
    vx_test_world_open(&w, "max-call-memory=1048576;max-field-bytes=1024");
    unsigned count = fill(&w, '\1');
    assert_in_range(count, 30, 40);
    uint64_t before = stats_of(&w).memory;
    size_t rendered = 0;
    for (unsigned n = 1; n <= count; n++) {
        struct vx_uuid sid = vx_test_sid(n);
        struct vx_snapshot *call = vx_scope_find(w.alpha, &sid);
        struct vx_str json = vx_test_json(call);
        assert_non_null(json.at);
        rendered += json.len;
        vx_snapshot_release(&call);
    }
    assert_true(rendered > count * 24000);
    assert_int_equal(stats_of(&w).memory, before);
    assert_true(before < MIB + 40000);
    vx_test_world_close(&w);
    assert_int_equal(vx_snapshots_memory(), 0);
}

/* A snapshot that only a reader holds is memory as well. */
static void test_what_readers_hold_is_counted(void **state) {
    (void)state;
    struct vx_test_world w;
    vx_test_world_open(&w, NULL);
    vx_test_apply(&w, VX_EVENT_CREATE, 1);
    uint64_t one = stats_of(&w).memory;
    struct vx_uuid sid = vx_test_sid(1);
    struct vx_snapshot *old = vx_scope_find(w.alpha, &sid);
    vx_test_apply(&w, VX_EVENT_PROGRESS, 1);
    assert_true(stats_of(&w).memory > one + 400);
    vx_snapshot_release(&old);
    assert_in_range(stats_of(&w).memory, one - 32, one + 32);
    vx_test_world_close(&w);
}

static void test_legs_are_counted(void **state) {
    (void)state;
    struct vx_test_world w;
    vx_test_world_open(&w, NULL);
    uint64_t none = stats_of(&w).memory;
    vx_test_apply(&w, VX_EVENT_CREATE, 1);
    vx_test_apply(&w, VX_EVENT_CREATE, 2);
    uint64_t apart = stats_of(&w).memory;
    struct vx_event e = vx_test_event(VX_EVENT_UPDATE, 2);
    e.parent_call_sid = vx_test_sid(1);
    vx_registry_apply(w.registry, &e);
    assert_true(stats_of(&w).memory > apart + 80);
    for (unsigned n = 1; n <= 2; n++) { /* the parent goes first */
        vx_test_apply(&w, VX_EVENT_HANGUP, n);
        vx_test_advance(&w.time, VX_SECOND_US);
    }
    vx_test_advance(&w.time, 599 * VX_SECOND_US);
    vx_registry_expire(w.registry, 1);
    assert_true(vx_test_has(w.alpha, 2));
    vx_registry_expire(w.registry, 0);
    assert_int_equal(stats_of(&w).memory, none);
    vx_test_world_close(&w);
}

/* However many calls have it, and for as long as one does. */
static void test_a_hook_is_counted_once(void **state) {
    (void)state;
    struct vx_test_world w;
    char url[2001] = "http://example.com/";
    memset(url + strlen(url), 'x', sizeof url - 1 - strlen(url));
    const struct vx_hook_fields fields = {.url = vx_str(url)};
    struct vx_hook *hook = vx_hook_new(&fields);
    vx_test_world_open(&w, NULL);
    uint64_t none = stats_of(&w).memory;
    for (unsigned n = 1; n <= 100; n++) {
        struct vx_event e = vx_test_event(VX_EVENT_CREATE, n);
        e.status_hook = hook;
        vx_registry_apply(w.registry, &e);
    }
    assert_in_range(stats_of(&w).memory - none, 2000, 2000 + 100 * 1000);
    for (unsigned n = 1; n <= 100; n++)
        vx_test_apply(&w, VX_EVENT_HANGUP, n);
    vx_hook_release(&hook);
    vx_test_advance(&w.time, 600 * VX_SECOND_US);
    vx_registry_expire(w.registry, 0);
    assert_int_equal(stats_of(&w).memory, none);
    vx_test_world_close(&w);
}

static void test_what_is_set_apart_is_not_counted(void **state) {
    (void)state;
    const struct vx_hook_fields url = {.url = VX_STR("http://example.com/")};
    struct vx_hook *hook = vx_hook_new(&url);
    struct vx_call_fields f = {.call_sid = vx_test_sid(1), .service_url = "", .hook = hook}, kept;
    f.text[VX_TEXT_FROM] = VX_STR("15083728299");
    struct vx_snapshot *s = vx_snapshot_new(&f), *reader = vx_snapshot_ref(s);
    size_t one = vx_snapshots_memory();
    assert_true(one > vx_snapshot_cost(s));
    vx_snapshot_set_apart(&s);
    assert_ptr_not_equal(s, reader);
    assert_int_equal(vx_snapshots_memory(), one); /* somebody else has it still */
    vx_snapshot_release(&reader);
    assert_int_equal(vx_snapshots_memory(), 0);
    vx_snapshot_fields(s, &kept);
    assert_ptr_equal(kept.hook, hook);
    assert_true(vx_str_eq(kept.text[VX_TEXT_FROM], f.text[VX_TEXT_FROM]));
    vx_snapshot_release(&s);
    assert_int_equal(vx_snapshots_memory(), 0);
    s = vx_snapshot_new(&f);
    vx_hook_release(&hook);
    vx_alloc_fail_at(1);
    reader = s;
    vx_snapshot_set_apart(&s);
    vx_alloc_fail_at(0);
    assert_ptr_equal(s, reader);
    vx_snapshot_release(&s);
}

/* The bar is 700 bytes with the JSON, for a call as the contract's example has them. */
static void test_a_usual_call_is_small(void **state) {
    (void)state;
    struct vx_test_world w;
    vx_test_world_open(&w, NULL);
    struct vx_event e = vx_test_event(VX_EVENT_HANGUP, 1);
    e.cause = VX_STR("NORMAL_CLEARING");
    e.sip_status = 487;
    vx_registry_apply(w.registry, &e);
    struct vx_uuid sid = vx_test_sid(1);
    struct vx_snapshot *call = vx_scope_find(w.alpha, &sid);
    size_t json = vx_test_json(call).len;
    vx_snapshot_release(&call);
    print_message("# a call of %zu bytes of JSON takes %llu bytes\n", json,
                  (unsigned long long)stats_of(&w).memory);
    assert_true(stats_of(&w).memory <= json + 304);
    vx_test_world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_max_call_memory),
        cmocka_unit_test(test_json_is_counted_before_it_is_asked_for),
        cmocka_unit_test(test_what_readers_hold_is_counted),
        cmocka_unit_test(test_legs_are_counted),
        cmocka_unit_test(test_a_hook_is_counted_once),
        cmocka_unit_test(test_what_is_set_apart_is_not_counted),
        cmocka_unit_test(test_a_usual_call_is_small),
    };
    return cmocka_run_group_tests_name("registry_memory", tests, NULL, NULL);
}
