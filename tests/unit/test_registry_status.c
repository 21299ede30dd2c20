/* The observer of statuses: every change of each call's, in order, with the call's hook. */
#include "support.h"

#include <pthread.h>

enum { MOST = 64 };

static struct vx_test_world w;
static struct vx_snapshot *told[MOST];
static size_t count;

static void on_status(void *ctx, struct vx_snapshot *call) {
    (void)ctx;
    assert_true(count < MOST);
    told[count++] = vx_snapshot_ref(call);
}

static void forget(void) {
    while (count)
        vx_snapshot_release(&told[--count]);
}

static int open_world(void **state) {
    (void)state;
    vx_test_world_open(&w, NULL);
    vx_registry_observe_statuses(w.registry, on_status, NULL);
    return 0;
}

static int close_world(void **state) {
    (void)state;
    forget();
    vx_test_world_close(&w);
    assert_int_equal(vx_snapshots_memory(), 0);
    return 0;
}

static struct vx_hook *new_hook(const char *url) {
    const struct vx_hook_fields f = {.url = vx_str(url)};
    return vx_hook_new(&f);
}

/* In order; `n` 0: any call. The text is "status status ...". */
static void says(unsigned n, const char *expected) {
    char text[512] = "";
    struct vx_uuid sid = vx_test_sid(n);
    for (size_t i = 0; i < count; i++)
        if (!n || vx_uuid_eq(vx_snapshot_sid(told[i]), &sid))
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", *text ? " " : "",
                     vx_call_status_name(vx_snapshot_status(told[i])));
    assert_string_equal(text, expected);
}

static const char *hook_of(size_t i) {
    struct vx_hook *hook = vx_snapshot_hook(told[i]);
    return hook ? vx_hook_fields(hook)->url.at : "";
}

static void expect(unsigned n, const char *url) {
    struct vx_hook *hook = new_hook(url);
    struct vx_uuid sid = vx_test_sid(n);
    assert_true(vx_registry_expect_hook(w.registry, &sid, hook));
    vx_hook_release(&hook);
}

static void test_every_status(void **state) {
    (void)state;
    vx_test_apply(&w, VX_EVENT_CREATE, 1);
    vx_test_apply(&w, VX_EVENT_PROGRESS, 1);
    vx_test_apply(&w, VX_EVENT_PROGRESS, 1);
    vx_test_apply(&w, VX_EVENT_MEDIA, 1);
    vx_test_apply(&w, VX_EVENT_PROGRESS, 1); /* late */
    struct vx_event e = vx_test_event(VX_EVENT_UPDATE, 1);
    e.tag = VX_STR("{\"a\":1}");
    vx_registry_apply(w.registry, &e); /* visible, but no status */
    vx_test_apply(&w, VX_EVENT_ANSWER, 1);
    vx_test_apply(&w, VX_EVENT_HANGUP, 1);
    vx_test_apply(&w, VX_EVENT_HANGUP, 1);
    vx_test_apply(&w, VX_EVENT_ANSWER, 1);
    says(1, "trying ringing early-media in-progress completed");
    vx_registry_observe_statuses(w.registry, NULL, NULL);
    vx_test_apply(&w, VX_EVENT_CREATE, 2);
    says(2, "");
}

static void test_what_is_first_seen_late(void **state) {
    (void)state;
    vx_test_apply(&w, VX_EVENT_ANSWER, 1);
    vx_test_apply(&w, VX_EVENT_CREATE, 1);
    vx_test_apply(&w, VX_EVENT_HANGUP, 2);
    says(1, "in-progress");
    says(2, "no-answer");
}

/* Nobody could be told of what came before. */
static void test_an_account_known_later(void **state) {
    (void)state;
    struct vx_event e = vx_test_event_of(NULL, VX_EVENT_CREATE, 1), leg = e;
    vx_registry_apply(w.registry, &e);
    leg.call_sid = vx_test_sid(2);
    leg.parent_call_sid = e.call_sid;
    vx_registry_apply(w.registry, &leg);
    forget();
    vx_test_apply(&w, VX_EVENT_UPDATE, 1);
    vx_test_apply(&w, VX_EVENT_UPDATE, 1);
    struct vx_uuid alpha = vx_test_uuid(ALPHA_SID);
    says(1, "trying");
    says(2, "trying");
    for (size_t i = 0; i < count; i++)
        assert_memory_equal(vx_snapshot_account(told[i]), &alpha, sizeof alpha);
}

static void test_a_lost_call(void **state) {
    (void)state;
    vx_test_apply(&w, VX_EVENT_CREATE, 1);
    vx_registry_audit_begin(w.registry);
    assert_int_equal(vx_registry_audit_end(w.registry), 1);
    says(1, "trying failed");
    vx_test_apply(&w, VX_EVENT_ANSWER, 1);
    vx_test_apply(&w, VX_EVENT_HANGUP, 1); /* the host knows better */
    says(1, "trying failed completed");
}

static void test_an_expected_hook(void **state) {
    (void)state;
    expect(1, "http://one/");
    expect(2, "http://two/");
    expect(1, "http://one/again");
    vx_test_apply(&w, VX_EVENT_PROGRESS, 1); /* whatever event comes first */
    vx_test_apply(&w, VX_EVENT_CREATE, 3);
    vx_test_apply(&w, VX_EVENT_HANGUP, 1);
    struct vx_uuid sid = vx_test_sid(2);
    vx_registry_forget_hook(w.registry, &sid);
    vx_test_apply(&w, VX_EVENT_CREATE, 2);
    assert_int_equal(count, 4);
    assert_string_equal(hook_of(0), "http://one/again");
    assert_string_equal(hook_of(1), "");
    assert_string_equal(hook_of(2), "http://one/again");
    assert_string_equal(hook_of(3), "");
}

static void test_an_event_brings_a_hook(void **state) {
    (void)state;
    vx_test_apply(&w, VX_EVENT_CREATE, 1);
    uint64_t revision = vx_scope_revision(w.alpha);
    struct vx_event e = vx_test_event(VX_EVENT_UPDATE, 1);
    e.status_hook = new_hook("http://new/");
    vx_registry_apply(w.registry, &e);
    vx_hook_release(&e.status_hook);
    assert_int_equal(vx_scope_revision(w.alpha), revision); /* nothing that anybody sees */
    vx_test_apply(&w, VX_EVENT_ANSWER, 1);
    assert_int_equal(count, 2);
    assert_string_equal(hook_of(1), "http://new/");
}

static void set_hook(const char *account, unsigned n, const char *url) {
    struct vx_hook *hook = new_hook(url);
    struct vx_uuid sid = vx_test_sid(n), owner = vx_test_uuid(account);
    assert_true(vx_registry_set_hook(w.registry, &owner, &sid, hook));
    vx_hook_release(&hook);
}

/* Of calls that are there, of that account: it makes none. */
static void test_a_hook_is_set(void **state) {
    (void)state;
    vx_test_apply(&w, VX_EVENT_CREATE, 1);
    uint64_t revision = vx_scope_revision(w.alpha);
    set_hook(ALPHA_SID, 1, "http://new/");
    assert_int_equal(vx_scope_revision(w.alpha), revision);
    set_hook(BETA_SID, 1, "http://beta/");
    set_hook(ALPHA_SID, 2, "http://ghost/");
    vx_test_apply(&w, VX_EVENT_PROGRESS, 1);
    struct vx_event e = vx_test_event(VX_EVENT_RENAME, 3);
    e.renamed_from = vx_test_sid(1);
    e.sequence = 7;
    vx_registry_apply(w.registry, &e);
    set_hook(ALPHA_SID, 1, "http://renamed/"); /* asked for before that */
    struct vx_registry_stats s;
    vx_registry_stats(w.registry, &s);
    assert_int_equal(s.calls, 1);
    vx_test_apply(&w, VX_EVENT_ANSWER, 3);
    assert_int_equal(count, 3);
    assert_string_equal(hook_of(1), "http://new/");
    assert_string_equal(hook_of(2), "http://renamed/");
}

static void test_legs_inherit_it(void **state) {
    (void)state;
    expect(1, "http://one/");
    vx_test_apply(&w, VX_EVENT_CREATE, 1);
    struct vx_event e = vx_test_event(VX_EVENT_CREATE, 2);
    e.parent_call_sid = vx_test_sid(1);
    vx_registry_apply(w.registry, &e);
    expect(3, "http://three/");
    e.call_sid = vx_test_sid(3);
    vx_registry_apply(w.registry, &e);
    vx_test_apply(&w, VX_EVENT_HANGUP, 1);
    vx_test_advance(&w.time, 601 * VX_SECOND_US);
    vx_registry_expire(w.registry, 0);
    vx_test_apply(&w, VX_EVENT_ANSWER, 2); /* its parent is gone */
    assert_int_equal(count, 5);
    assert_string_equal(hook_of(1), "http://one/");
    assert_string_equal(hook_of(2), "http://three/");
    assert_string_equal(hook_of(4), "http://one/");
}

static void apply_of(const char *account, enum vx_event_type type, unsigned n, unsigned parent) {
    struct vx_event e = vx_test_event_of(account, type, n);
    if (parent)
        e.parent_call_sid = vx_test_sid(parent);
    assert_int_equal(vx_registry_apply(w.registry, &e), VX_APPLIED);
}

static void test_a_leg_of_another_account_does_not(void **state) {
    (void)state;
    expect(1, "http://one/");
    apply_of(ALPHA_SID, VX_EVENT_CREATE, 1, 0);
    apply_of(BETA_SID, VX_EVENT_CREATE, 2, 1);
    apply_of(BETA_SID, VX_EVENT_ANSWER, 2, 1);
    apply_of(NULL, VX_EVENT_CREATE, 3, 1);
    assert_int_equal(count, 4);
    assert_string_equal(hook_of(1), "");
    assert_string_equal(hook_of(2), "");
    assert_string_equal(hook_of(3), "http://one/");
}

/* By its account code, so that a variable is stronger. */
static void apply_weakly(enum vx_event_type type, unsigned n, unsigned parent) {
    struct vx_event e = vx_test_event_of(NULL, type, n);
    e.evidence.accountcode = VX_STR(ALPHA_SID);
    if (parent)
        e.parent_call_sid = vx_test_sid(parent);
    assert_int_equal(vx_registry_apply(w.registry, &e), VX_APPLIED);
}

/* It is signed with the secret of the account that the call has now. */
static void test_a_hook_stays_with_its_account(void **state) {
    (void)state;
    expect(1, "http://one/");
    apply_weakly(VX_EVENT_CREATE, 1, 0);
    apply_of(NULL, VX_EVENT_CREATE, 2, 1);
    assert_string_equal(hook_of(0), "http://one/");
    assert_string_equal(hook_of(1), "http://one/");
    apply_of(BETA_SID, VX_EVENT_PROGRESS, 1, 0);
    apply_of(NULL, VX_EVENT_PROGRESS, 2, 1); /* it has moved along */
    assert_int_equal(count, 4);
    assert_string_equal(hook_of(2), "");
    assert_string_equal(hook_of(3), "");
    struct vx_event e = vx_test_event_of(BETA_SID, VX_EVENT_UPDATE, 4);
    e.status_hook = new_hook("http://beta/"); /* comes with the account, and stays */
    apply_weakly(VX_EVENT_CREATE, 4, 0);
    vx_registry_apply(w.registry, &e);
    vx_hook_release(&e.status_hook);
    vx_test_apply(&w, VX_EVENT_ANSWER, 4);
    assert_string_equal(hook_of(count - 1), "http://beta/");
}

/* Of two calls that turn out to be one, the hook of the account that wins. */
static void test_a_rename_keeps_it_with_its_account(void **state) {
    (void)state;
    struct vx_event e = vx_test_event_of(NULL, VX_EVENT_RENAME, 2);
    expect(1, "http://alpha/");
    apply_weakly(VX_EVENT_CREATE, 1, 0);
    apply_of(BETA_SID, VX_EVENT_CREATE, 2, 0);
    e.renamed_from = vx_test_sid(1);
    vx_registry_apply(w.registry, &e);
    apply_of(NULL, VX_EVENT_ANSWER, 2, 0);
    assert_string_equal(hook_of(count - 1), "");
    expect(3, "http://beta/");
    expect(4, "http://alpha/");
    apply_of(BETA_SID, VX_EVENT_CREATE, 3, 0);
    apply_weakly(VX_EVENT_CREATE, 4, 0);
    e.call_sid = vx_test_sid(4);
    e.renamed_from = vx_test_sid(3);
    vx_registry_apply(w.registry, &e);
    apply_of(NULL, VX_EVENT_ANSWER, 4, 0);
    assert_string_equal(hook_of(count - 1), "http://beta/");
}

static void test_renames(void **state) {
    (void)state;
    expect(1, "http://one/");
    vx_test_apply(&w, VX_EVENT_CREATE, 1);
    struct vx_event e = vx_test_event(VX_EVENT_RENAME, 2);
    e.renamed_from = vx_test_sid(1);
    vx_registry_apply(w.registry, &e);
    vx_test_apply(&w, VX_EVENT_PROGRESS, 2);
    assert_string_equal(hook_of(1), "http://one/");
    /* Named only now as the API knows it. */
    expect(4, "http://four/");
    vx_test_apply(&w, VX_EVENT_CREATE, 3);
    e.call_sid = vx_test_sid(4);
    e.renamed_from = vx_test_sid(3);
    vx_registry_apply(w.registry, &e);
    vx_test_apply(&w, VX_EVENT_PROGRESS, 4);
    assert_string_equal(hook_of(count - 1), "http://four/");
    /* Both were known: the newer one takes it up. */
    expect(5, "http://five/");
    vx_test_apply(&w, VX_EVENT_CREATE, 5);
    vx_test_apply(&w, VX_EVENT_CREATE, 6);
    e.call_sid = vx_test_sid(6);
    e.renamed_from = vx_test_sid(5);
    vx_registry_apply(w.registry, &e);
    vx_test_apply(&w, VX_EVENT_ANSWER, 6);
    assert_string_equal(hook_of(count - 1), "http://five/");
}

static uint64_t memory(void) {
    struct vx_registry_stats s;
    vx_registry_stats(w.registry, &s);
    return s.memory;
}

static void test_hooks_count_as_memory_of_calls(void **state) {
    (void)state;
    char url[1024] = "http://a/";
    memset(url + 9, 'x', 1000);
    uint64_t none = memory();
    vx_test_apply(&w, VX_EVENT_CREATE, 1);
    uint64_t plain = memory() - none;
    expect(2, url);
    vx_test_apply(&w, VX_EVENT_CREATE, 2);
    assert_in_range(memory() - none, 2 * plain + 1000, 2 * plain + 1200);
}

static void test_expectations_are_bounded(void **state) {
    (void)state;
    for (unsigned n = 1; n <= 16386; n++)
        expect(n, "http://a/");
    vx_test_apply(&w, VX_EVENT_CREATE, 2);
    vx_test_apply(&w, VX_EVENT_CREATE, 3);
    assert_string_equal(hook_of(0), "");
    assert_string_equal(hook_of(1), "http://a/");
    /* Two minutes later all are old, and each new one takes two of them along. */
    vx_test_advance(&w.time, 121 * VX_SECOND_US);
    expect(20000, "http://b/");
    vx_test_apply(&w, VX_EVENT_CREATE, 4);
    vx_test_apply(&w, VX_EVENT_CREATE, 20000);
    assert_string_equal(hook_of(2), "");
    assert_string_equal(hook_of(3), "http://b/");
    struct vx_registry_stats s;
    vx_registry_stats(w.registry, &s);
    assert_int_equal(s.hooks_forgotten, 2 + 2);
}

/* --- memory --- */

static void run_short_of_memory(void *ctx) {
    (void)ctx;
    struct vx_hook *hook = new_hook("http://a/");
    struct vx_uuid sid = vx_test_sid(1);
    vx_test_world_open(&w, NULL);
    vx_registry_observe_statuses(w.registry, on_status, NULL);
    vx_test_arm();
    bool expected = vx_registry_expect_hook(w.registry, &sid, hook);
    enum vx_applied made = vx_test_apply(&w, VX_EVENT_CREATE, 1);
    enum vx_applied again = vx_test_apply(&w, VX_EVENT_PROGRESS, 1);
    struct vx_uuid alpha = vx_test_uuid(ALPHA_SID);
    bool set = vx_registry_set_hook(w.registry, &alpha, &sid, hook);
    bool failed = vx_test_disarm();
    assert_true(failed || (set && expected && made == VX_APPLIED && again == VX_APPLIED));
    assert_int_equal(count, (made == VX_APPLIED) + (again == VX_APPLIED));
    for (size_t i = 0; i < count; i++) /* it waits until its call is kept */
        assert_string_equal(hook_of(i), expected ? "http://a/" : "");
    forget();
    vx_hook_release(&hook);
    vx_test_world_close(&w);
}

static void test_out_of_memory(void **state) {
    (void)state;
    vx_test_every_allocation_fails(run_short_of_memory, NULL, false);
}

/* --- threads --- */

enum { THREADS = 4, CALLS = 400 };

static struct {
    enum vx_call_status last[THREADS * CALLS];
    bool seen[THREADS * CALLS];
    size_t changes, wrong;
} order;

/* Under the registry's lock, on any of the threads. A call that has ended may end otherwise once
 * its answer is heard of. */
static void note(void *ctx, struct vx_snapshot *call) {
    const struct vx_uuid *sid = vx_snapshot_sid(call);
    unsigned n = (unsigned)sid->b[14] << 8 | sid->b[15];
    enum vx_call_status status = vx_snapshot_status(call);
    (void)ctx;
    bool ended = order.seen[n] && vx_call_status_ended(order.last[n]);
    order.wrong +=
        order.seen[n] && (ended ? !vx_call_status_ended(status) || status == order.last[n]
                                : status <= order.last[n]);
    order.seen[n] = true;
    order.last[n] = status;
    order.changes++;
}

static void *drive(void *ctx) {
    static const enum vx_event_type types[] = {VX_EVENT_CREATE, VX_EVENT_PROGRESS, VX_EVENT_ANSWER,
                                               VX_EVENT_HANGUP};
    unsigned offset = *(unsigned *)ctx;
    for (unsigned step = 0; step < 4; step++)
        for (unsigned n = 0; n < THREADS * CALLS; n++)
            vx_test_apply(&w, types[(step + n + offset) % 4], n);
    return NULL;
}

/* Events of each call come on all threads, each in another order. */
static void test_in_order_whoever_tells(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    unsigned offsets[THREADS];
    vx_registry_observe_statuses(w.registry, note, NULL);
    for (unsigned i = 0; i < THREADS; i++) {
        offsets[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, drive, &offsets[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    vx_registry_observe_statuses(w.registry, NULL, NULL);
    assert_int_equal(order.wrong, 0);
    assert_true(order.changes >= 2 * THREADS * CALLS);
    for (unsigned n = 0; n < THREADS * CALLS; n++)
        assert_int_equal(order.last[n], VX_CALL_COMPLETED);
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_WORLD(test_every_status),
        WITH_WORLD(test_what_is_first_seen_late),
        WITH_WORLD(test_an_account_known_later),
        WITH_WORLD(test_a_lost_call),
        WITH_WORLD(test_an_expected_hook),
        WITH_WORLD(test_an_event_brings_a_hook),
        WITH_WORLD(test_a_hook_is_set),
        WITH_WORLD(test_legs_inherit_it),
        WITH_WORLD(test_a_leg_of_another_account_does_not),
        WITH_WORLD(test_a_hook_stays_with_its_account),
        WITH_WORLD(test_a_rename_keeps_it_with_its_account),
        WITH_WORLD(test_renames),
        WITH_WORLD(test_hooks_count_as_memory_of_calls),
        WITH_WORLD(test_expectations_are_bounded),
        cmocka_unit_test(test_out_of_memory),
        WITH_WORLD(test_in_order_whoever_tells),
    };
    return cmocka_run_group_tests_name("registry_status", tests, NULL, NULL);
}
