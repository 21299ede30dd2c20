/* Whose call it is: late assignment, inheritance, isolation. The order of evidence itself is
 * test_account.c's. */
#include "world.h"

static struct vx_addr addr(const char *text) {
    struct vx_addr a = {{0}};
    assert_true(vx_addr_parse(&a, vx_str(text)));
    return a;
}

/* An event that proves nothing. */
static struct vx_event bare(enum vx_event_type type, unsigned n) {
    return vx_test_event_of(NULL, type, n);
}

static void is_only_in(struct vx_scope *scope, unsigned n) {
    assert_true(vx_test_has(w.all, n));
    assert_int_equal(vx_test_has(w.alpha, n), scope == w.alpha);
    assert_int_equal(vx_test_has(w.beta, n), scope == w.beta);
    struct vx_uuid sid = vx_test_sid(n), nil = {{0}};
    struct vx_snapshot *call = vx_scope_find(w.all, &sid);
    assert_non_null(call);
    const struct vx_uuid *owner = scope == w.all ? &nil : vx_scope_sid(scope);
    struct vx_call_fields fields;
    vx_snapshot_fields(call, &fields);
    assert_true(vx_uuid_eq(&fields.account_sid, owner));
    vx_snapshot_release(&call);
}

static void test_unassigned_is_seen_by_admins_only(void **state) {
    (void)state;
    struct vx_event e = bare(VX_EVENT_CREATE, 1);
    assert_int_equal(apply(&e), VX_APPLIED);
    is_only_in(w.all, 1);
    struct vx_registry_stats stats;
    vx_registry_stats(w.registry, &stats);
    assert_int_equal(stats.unassigned, 1);
    assert_int_equal(stats.calls, 1);
    assert_int_equal(vx_scope_revision(w.alpha), 0);
    assert_int_equal(vx_scope_counts(w.all).live_inbound, 1);
}

static void test_unassigned_of_unknown_direction_is_counted(void **state) {
    (void)state;
    struct vx_event e = bare(VX_EVENT_CREATE, 1);
    struct vx_registry_stats stats;
    e.direction = VX_DIRECTION_UNKNOWN;
    apply(&e);
    vx_registry_stats(w.registry, &stats);
    assert_int_equal(stats.unassigned, 1);
    e.direction = VX_INBOUND;
    apply(&e);
    vx_registry_stats(w.registry, &stats);
    assert_int_equal(stats.unassigned, 1);
    assert_int_equal(vx_scope_counts(w.all).live_inbound, 1);
    e.direction = VX_DIRECTION_UNKNOWN;
    e.call_sid = vx_test_sid(2);
    e.evidence.variable = VX_STR(ALPHA_SID);
    apply(&e);
    vx_registry_stats(w.registry, &stats);
    assert_int_equal(stats.unassigned, 1);
}

static void test_every_kind_of_evidence(void **state) {
    (void)state;
    struct vx_event e = bare(VX_EVENT_CREATE, 1);
    e.evidence.source = addr("192.0.2.200");
    apply(&e);
    is_only_in(w.beta, 1);
    e = bare(VX_EVENT_CREATE, 2);
    e.evidence.domain = VX_STR("alpha.example");
    apply(&e);
    is_only_in(w.alpha, 2);
    e = bare(VX_EVENT_CREATE, 3);
    e.evidence.accountcode = VX_STR("beta");
    apply(&e);
    is_only_in(w.beta, 3);
    e = bare(VX_EVENT_CREATE, 4);
    e.evidence.header = VX_STR(ALPHA_SID);
    e.evidence.source = addr("127.0.0.1");
    apply(&e);
    is_only_in(w.alpha, 4);
}

static void test_a_stranger_must_not_choose(void **state) {
    (void)state;
    struct vx_event e = bare(VX_EVENT_CREATE, 1);
    e.evidence.header = VX_STR(ALPHA_SID);
    e.evidence.source = addr("203.0.113.1");
    e.application_sid_header = VX_STR(APP_SID);
    apply(&e);
    is_only_in(w.all, 1);
    struct vx_registry_stats stats;
    vx_registry_stats(w.registry, &stats);
    assert_int_equal(stats.untrusted_headers, 1);
    struct vx_uuid sid = vx_test_sid(1);
    struct vx_call_fields f;
    struct vx_snapshot *call = vx_scope_find(w.all, &sid);
    vx_snapshot_fields(call, &f);
    assert_true(vx_uuid_is_nil(&f.application_sid));
    vx_snapshot_release(&call);

    e = bare(VX_EVENT_CREATE, 2);
    e.evidence.source = addr("127.0.0.1");
    e.application_sid_header = VX_STR(APP_SID);
    apply(&e);
    sid = vx_test_sid(2);
    call = vx_scope_find(w.all, &sid);
    vx_snapshot_fields(call, &f);
    assert_false(vx_uuid_is_nil(&f.application_sid));
    vx_snapshot_release(&call);
}

static void test_unknown_sids_are_counted(void **state) {
    (void)state;
    struct vx_event e = bare(VX_EVENT_CREATE, 1);
    e.evidence.variable = VX_STR(NOBODY);
    apply(&e);
    is_only_in(w.all, 1);
    struct vx_registry_stats stats;
    vx_registry_stats(w.registry, &stats);
    assert_int_equal(stats.unknown_accounts, 1);
}

/* --- a stronger match seen later --- */

struct seen {
    unsigned created, updated, removed;
};

static struct seen pull(struct vx_feed *feed, unsigned n) {
    struct seen seen = {0};
    struct vx_change changes[8];
    uint64_t revision;
    bool restarted = false;
    struct vx_uuid sid = vx_test_sid(n);
    for (size_t got; (got = vx_feed_pull(feed, changes, 8, &revision, &restarted)) > 0;) {
        for (size_t i = 0; i < got; i++) {
            bool ours = vx_uuid_eq(&changes[i].call_sid, &sid);
            seen.removed += ours && !changes[i].call;
            seen.created += ours && changes[i].call && changes[i].created == changes[i].revision;
            seen.updated += ours && changes[i].call && changes[i].created != changes[i].revision;
            vx_snapshot_release(&changes[i].call);
        }
    }
    return seen;
}

static void test_late_assignment_moves_the_call(void **state) {
    (void)state;
    struct vx_feed *alpha = vx_feed_open(w.alpha), *beta = vx_feed_open(w.beta),
                   *all = vx_feed_open(w.all);
    struct vx_event e = bare(VX_EVENT_CREATE, 1);
    e.evidence.source = addr("192.0.2.1");
    assert_int_equal(apply(&e), VX_APPLIED);
    is_only_in(w.alpha, 1);
    assert_int_equal(pull(alpha, 1).created, 1);
    assert_int_equal(pull(all, 1).created, 1);

    uint64_t a = vx_scope_revision(w.alpha), b = vx_scope_revision(w.beta),
             x = vx_scope_revision(w.all);
    e = bare(VX_EVENT_UPDATE, 1);
    e.evidence.variable = VX_STR(BETA_SID);
    assert_int_equal(apply(&e), VX_APPLIED);
    is_only_in(w.beta, 1);
    assert_int_equal(vx_scope_revision(w.alpha), a + 1);
    assert_int_equal(vx_scope_revision(w.beta), b + 1);
    assert_int_equal(vx_scope_revision(w.all), x + 1);
    struct seen s = pull(alpha, 1);
    assert_int_equal(s.removed, 1);
    assert_int_equal(s.created + s.updated, 0);
    s = pull(beta, 1);
    assert_int_equal(s.created, 1);
    assert_int_equal(s.removed + s.updated, 0);
    s = pull(all, 1);
    assert_int_equal(s.updated, 1);
    assert_int_equal(s.removed + s.created, 0);
    assert_int_equal(vx_scope_counts(w.alpha).live_inbound, 0);
    assert_int_equal(vx_scope_counts(w.beta).live_inbound, 1);
    struct vx_registry_stats stats;
    vx_registry_stats(w.registry, &stats);
    assert_int_equal(stats.moved, 1);

    assert_int_equal(apply(&e), VX_UNCHANGED);
    vx_feed_close(&alpha);
    vx_feed_close(&beta);
    vx_feed_close(&all);
}

static void test_unassigned_finds_its_account(void **state) {
    (void)state;
    struct vx_event e = bare(VX_EVENT_CREATE, 1);
    apply(&e);
    e.type = VX_EVENT_PROGRESS;
    e.evidence.accountcode = VX_STR("alpha");
    assert_int_equal(apply(&e), VX_APPLIED);
    is_only_in(w.alpha, 1);
    vx_test_expect(w.alpha, 1, VX_CALL_RINGING, 180);
    assert_int_equal(vx_scope_revision(w.alpha), 1); /* one visible change, not two */
    struct vx_registry_stats stats;
    vx_registry_stats(w.registry, &stats);
    assert_int_equal(stats.unassigned, 0);
}

static void test_weaker_or_equal_never_moves(void **state) {
    (void)state;
    struct vx_event e = bare(VX_EVENT_CREATE, 1);
    e.evidence.accountcode = VX_STR("alpha");
    apply(&e);
    struct vx_event weaker = bare(VX_EVENT_UPDATE, 1);
    weaker.evidence.source = addr("192.0.2.200");
    weaker.evidence.domain = VX_STR("beta.example");
    assert_int_equal(apply(&weaker), VX_UNCHANGED);
    weaker.evidence.accountcode = VX_STR("beta");
    assert_int_equal(apply(&weaker), VX_UNCHANGED);
    is_only_in(w.alpha, 1);
    struct vx_event stronger = bare(VX_EVENT_UPDATE, 1);
    stronger.evidence.variable = VX_STR(BETA_SID);
    assert_int_equal(apply(&stronger), VX_APPLIED);
    is_only_in(w.beta, 1);
    assert_int_equal(apply(&e), VX_UNCHANGED);
    is_only_in(w.beta, 1);
}

/* A stronger match for the account it already has changes nothing that is seen, but from then on
 * nothing weaker may move it. */
static void test_same_account_stronger_rank(void **state) {
    (void)state;
    struct vx_event e = bare(VX_EVENT_CREATE, 1);
    e.evidence.source = addr("192.0.2.1");
    apply(&e);
    e = bare(VX_EVENT_UPDATE, 1);
    e.evidence.variable = VX_STR(ALPHA_SID);
    assert_int_equal(apply(&e), VX_UNCHANGED);
    e = bare(VX_EVENT_UPDATE, 1);
    e.evidence.accountcode = VX_STR("beta");
    assert_int_equal(apply(&e), VX_UNCHANGED);
    is_only_in(w.alpha, 1);
}

static void test_ended_call_may_still_find_its_account(void **state) {
    (void)state;
    struct vx_event e = bare(VX_EVENT_CREATE, 1);
    apply(&e);
    e.type = VX_EVENT_HANGUP;
    e.evidence.variable = VX_STR(ALPHA_SID);
    assert_int_equal(apply(&e), VX_APPLIED);
    is_only_in(w.alpha, 1);
    struct vx_counts c = vx_scope_counts(w.alpha);
    assert_int_equal(c.ended_inbound, 1);
    assert_int_equal(c.live_inbound, 0);
}

static void test_default_account(void **state) {
    (void)state;
    struct vx_test_world d;
    (void)state;
    vx_test_world_open(&d, "default-account=beta");
    struct vx_event e = bare(VX_EVENT_CREATE, 1);
    vx_registry_apply(d.registry, &e);
    assert_true(vx_test_has(d.beta, 1));
    e.evidence.source = addr("192.0.2.1");
    assert_int_equal(vx_registry_apply(d.registry, &e), VX_APPLIED);
    assert_true(vx_test_has(d.alpha, 1));
    assert_false(vx_test_has(d.beta, 1));
    vx_test_world_close(&d);
}

/* --- parent and child --- */

static struct vx_event child_of(unsigned parent, unsigned n) {
    struct vx_event e = bare(VX_EVENT_CREATE, n);
    e.direction = VX_OUTBOUND;
    e.parent_call_sid = vx_test_sid(parent);
    return e;
}

static void test_child_inherits(void **state) {
    (void)state;
    struct vx_event parent = vx_test_event(VX_EVENT_CREATE, 1);
    apply(&parent);
    struct vx_event child = child_of(1, 2);
    child.evidence.source = addr("192.0.2.200"); /* weaker than the parent */
    child.evidence.domain = VX_STR("beta.example");
    apply(&child);
    is_only_in(w.alpha, 2);
    struct vx_uuid sid = vx_test_sid(2), want = vx_test_sid(1);
    struct vx_snapshot *call = vx_scope_find(w.alpha, &sid);
    struct vx_call_fields f;
    vx_snapshot_fields(call, &f);
    assert_true(vx_uuid_eq(&f.parent_call_sid, &want));
    vx_snapshot_release(&call);
    assert_int_equal(vx_scope_counts(w.alpha).live_outbound, 1);
}

static void test_child_with_a_mind_of_its_own(void **state) {
    (void)state;
    struct vx_event parent = vx_test_event(VX_EVENT_CREATE, 1);
    apply(&parent);
    struct vx_event child = child_of(1, 2);
    child.evidence.accountcode = VX_STR("beta");
    apply(&child);
    is_only_in(w.beta, 2);
    child = child_of(1, 3);
    child.evidence.variable = VX_STR(BETA_SID);
    apply(&child);
    is_only_in(w.beta, 3);
}

static void test_child_follows_its_parent(void **state) {
    (void)state;
    struct vx_event parent = bare(VX_EVENT_CREATE, 1);
    parent.evidence.source = addr("192.0.2.1");
    apply(&parent);
    struct vx_event child = child_of(1, 2), own = child_of(1, 3);
    apply(&child);
    own.evidence.accountcode = VX_STR("alpha");
    apply(&own);
    is_only_in(w.alpha, 2);
    /* The variable set in the dialplan first shows on the parent's next event. */
    parent.type = VX_EVENT_ANSWER;
    parent.evidence.variable = VX_STR(BETA_SID);
    apply(&parent);
    is_only_in(w.beta, 1);
    is_only_in(w.beta, 2);
    is_only_in(w.alpha, 3);
}

static void test_child_heard_of_before_its_parent(void **state) {
    (void)state;
    struct vx_event child = child_of(1, 2);
    child.evidence.source = addr("192.0.2.200");
    apply(&child);
    is_only_in(w.beta, 2);
    struct vx_event parent = vx_test_event(VX_EVENT_CREATE, 1);
    apply(&parent);
    is_only_in(w.alpha, 2);
}

static void test_a_call_that_is_its_own_parent(void **state) {
    (void)state;
    struct vx_event e = child_of(1, 1);
    apply(&e);
    struct vx_event a = child_of(3, 2), b = child_of(2, 3); /* a ring of two */
    apply(&a);
    apply(&b);
    a.evidence.variable = VX_STR(ALPHA_SID);
    a.type = VX_EVENT_UPDATE;
    apply(&a);
    is_only_in(w.alpha, 2);
    e = child_of(2, 2);
    e.type = VX_EVENT_HANGUP;
    apply(&e);
}

/* --- reload --- */

static void test_account_that_is_no_longer_configured(void **state) {
    (void)state;
    vx_test_apply(&w, VX_EVENT_CREATE, 1);
    char error[256];
    struct vx_config *without_alpha =
        vx_test_read("<configuration name=\"voxeme.conf\"><accounts><account sid=\"" BETA_SID
                     "\" name=\"beta\"/>"
                     "</accounts></configuration>",
                     NULL, error, sizeof error);
    assert_non_null(without_alpha);
    assert_true(vx_registry_configure(w.registry, without_alpha));
    assert_true(vx_test_has(w.alpha, 1));
    struct vx_uuid sid = vx_test_uuid(ALPHA_SID);
    struct vx_scope *gone = vx_registry_account(w.registry, &sid);
    assert_null(gone);
    assert_int_equal(vx_test_apply(&w, VX_EVENT_ANSWER, 1), VX_APPLIED);
    vx_test_expect(w.alpha, 1, VX_CALL_IN_PROGRESS, 200);
    vx_test_apply(&w, VX_EVENT_CREATE, 2);
    is_only_in(w.all, 2);
    vx_test_apply(&w, VX_EVENT_HANGUP, 1);
    vx_test_advance(&w.time, 600 * VX_SECOND_US);
    vx_registry_expire(w.registry, 0);
    assert_false(vx_test_has(w.alpha, 1));
    assert_true(vx_registry_configure(w.registry, w.config)); /* and back */
    gone = vx_registry_account(w.registry, &sid);
    assert_non_null(gone);
    vx_scope_release(&gone);
    vx_config_release(&without_alpha);
}

static void test_account_added_by_a_reload(void **state) {
    (void)state;
    char error[256];
    struct vx_uuid sid = vx_test_uuid(APP_SID);
    assert_null(vx_registry_account(w.registry, &sid));
    struct vx_config *more = vx_test_read(
        "<configuration name=\"voxeme.conf\"><accounts><account sid=\"" APP_SID "\" name=\"new\"/>"
        "<account sid=\"" ALPHA_SID "\" name=\"alpha\"/><account sid=\"" BETA_SID
        "\" name=\"beta\"/>"
        "</accounts></configuration>",
        NULL, error, sizeof error);
    assert_non_null(more);
    vx_test_apply(&w, VX_EVENT_CREATE, 1);
    assert_true(vx_registry_configure(w.registry, more));
    struct vx_scope *fresh = vx_registry_account(w.registry, &sid);
    assert_non_null(fresh);
    struct vx_event e = bare(VX_EVENT_CREATE, 5);
    e.evidence.accountcode = VX_STR("new");
    assert_int_equal(apply(&e), VX_APPLIED);
    assert_true(vx_test_has(fresh, 5));
    is_only_in(w.alpha, 1); /* its index has moved, its calls have not */
    vx_test_apply(&w, VX_EVENT_CREATE, 6);
    is_only_in(w.alpha, 6);
    e.type = VX_EVENT_HANGUP;
    apply(&e);
    vx_test_advance(&w.time, 600 * VX_SECOND_US);
    vx_registry_expire(w.registry, 0);
    vx_scope_release(&fresh);
    vx_config_release(&more);
}

static struct vx_config *config_with_app(void) {
    char error[256];
    struct vx_config *config = vx_test_read(
        "<configuration name=\"voxeme.conf\"><accounts><account sid=\"" APP_SID "\" name=\"new\"/>"
        "</accounts></configuration>",
        NULL, error, sizeof error);
    assert_non_null(config);
    return config;
}

/* Its clients may come back with revisions from before: none of them may mean something else now.
 */
static void test_account_that_comes_back_counts_on(void **state) {
    (void)state;
    struct vx_uuid sid = vx_test_uuid(APP_SID);
    struct vx_config *with = config_with_app();
    assert_true(vx_registry_configure(w.registry, with));
    struct vx_event e = bare(VX_EVENT_CREATE, 1);
    e.evidence.variable = VX_STR(APP_SID);
    apply(&e);
    e.type = VX_EVENT_HANGUP;
    apply(&e);
    for (int i = 0; i < 2; i++) { /* removed, then the removal forgotten */
        vx_test_advance(&w.time, 601 * VX_SECOND_US);
        vx_registry_expire(w.registry, 0);
    }
    struct vx_scope *scope = vx_registry_account(w.registry, &sid);
    uint64_t seen = vx_scope_revision(scope);
    assert_int_equal(seen, 3);
    vx_scope_release(&scope);
    assert_true(vx_registry_configure(w.registry, w.config));
    assert_null(vx_registry_account(w.registry, &sid));
    assert_true(vx_registry_configure(w.registry, with));
    scope = vx_registry_account(w.registry, &sid);
    assert_true(vx_scope_revision(scope) >= seen);
    struct vx_feed *feed = vx_feed_open(scope);
    assert_non_null(feed);
    assert_true(vx_feed_horizon(feed) >= seen);
    vx_feed_close(&feed);
    vx_scope_release(&scope);
    assert_true(vx_registry_configure(w.registry, w.config));
    vx_config_release(&with);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_unassigned_is_seen_by_admins_only),
        TEST(test_unassigned_of_unknown_direction_is_counted),
        TEST(test_every_kind_of_evidence),
        TEST(test_a_stranger_must_not_choose),
        TEST(test_unknown_sids_are_counted),
        TEST(test_late_assignment_moves_the_call),
        TEST(test_unassigned_finds_its_account),
        TEST(test_weaker_or_equal_never_moves),
        TEST(test_same_account_stronger_rank),
        TEST(test_ended_call_may_still_find_its_account),
        cmocka_unit_test(test_default_account),
        TEST(test_child_inherits),
        TEST(test_child_with_a_mind_of_its_own),
        TEST(test_child_follows_its_parent),
        TEST(test_child_heard_of_before_its_parent),
        TEST(test_a_call_that_is_its_own_parent),
        TEST(test_account_that_is_no_longer_configured),
        TEST(test_account_added_by_a_reload),
        TEST(test_account_that_comes_back_counts_on),
    };
    return cmocka_run_group_tests_name("registry_account", tests, NULL, NULL);
}
