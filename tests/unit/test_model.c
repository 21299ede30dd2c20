/*
 * Random events against a model that does the same the slow and obvious way.
 *
 * After every event the model, the registry and what two feeds have told so far must agree: the
 * calls, their fields, their accounts, each scope's revision and counts. A failure is repeated with
 * the seed that is printed: VX_TEST_SEED=... ./test_model
 */
#include "support.h"

enum { CALLS = 40, STEPS = 20000 };

enum owner { NOBODYS, ALPHAS, BETAS };

/* Smaller is stronger; 9 is none. */
struct model_call {
    bool there, answered, over, dead;
    int stage; /* 0 trying .. 3 in progress */
    int from;  /* which of the variants was seen first; -1 none */
    bool has_ip;
    int rank;
    enum owner owner;
    bool busy; /* its hangup says 486, fixed for each call */
    int64_t goes_us;
};

struct view {
    bool there;
    char json[1024];
};

static struct vx_test_world w;
static struct vx_test_random rnd;
static struct model_call calls[CALLS];
static uint64_t revision_of[3], revision_of_all;
static struct vx_feed *feeds[3];
static struct view views[3][CALLS];

static struct vx_scope *scope_of(enum owner owner) {
    return owner == ALPHAS ? w.alpha : owner == BETAS ? w.beta : w.all;
}

/* --- the model --- */

static void model_apply(struct model_call *c, int kind, int from, bool ip, int rank,
                        enum owner owner) {
    struct model_call before = *c;
    c->there = true;
    if (kind <= 3 && kind > c->stage)
        c->stage = kind;
    if (kind == 3)
        c->answered = true;
    if (kind == 4 && !c->over) {
        c->over = true;
        c->goes_us = vx_mono_us(&w.time.clock) + 600 * VX_SECOND_US;
    }
    if (c->from < 0)
        c->from = from;
    c->has_ip |= ip;
    if (rank < c->rank) {
        c->rank = rank;
        c->owner = owner;
    }
    bool seen = !before.there || before.answered != c->answered || before.over != c->over ||
                before.from != c->from || before.has_ip != c->has_ip || before.owner != c->owner ||
                (!c->over && before.stage != c->stage);
    if (!seen)
        return;
    revision_of_all++;
    if (c->owner != NOBODYS)
        revision_of[c->owner]++;
    if (before.there && before.owner != c->owner && before.owner != NOBODYS)
        revision_of[before.owner]++;
}

static void model_expire(void) {
    for (int n = 0; n < CALLS; n++) {
        struct model_call *c = &calls[n];
        if (!c->there || !c->over || c->goes_us > vx_mono_us(&w.time.clock))
            continue;
        c->there = false;
        c->dead = true;
        revision_of_all++;
        if (c->owner != NOBODYS)
            revision_of[c->owner]++;
    }
}

static enum vx_call_status model_status(const struct model_call *c) {
    static const enum vx_call_status live[] = {VX_CALL_TRYING, VX_CALL_RINGING, VX_CALL_EARLY_MEDIA,
                                               VX_CALL_IN_PROGRESS};
    if (!c->over)
        return live[c->stage];
    return c->answered ? VX_CALL_COMPLETED : c->busy ? VX_CALL_BUSY : VX_CALL_NO_ANSWER;
}

/* --- driving the registry --- */

static const struct vx_str froms[] = {VX_STR("1001"), VX_STR("1002"), VX_STR("\xff\"odd")};

static void add_evidence(struct vx_event *e, int rank, enum owner owner) {
    struct vx_str sid = owner == ALPHAS ? VX_STR(ALPHA_SID) : VX_STR(BETA_SID);
    if (rank == 0)
        e->evidence.variable = sid;
    if (rank == 2)
        e->evidence.accountcode = owner == ALPHAS ? VX_STR("alpha") : VX_STR("Beta");
    if (rank == 4)
        e->evidence.domain = owner == ALPHAS ? VX_STR("alpha.example") : VX_STR("beta.example");
    if (rank == 5)
        assert_true(vx_addr_parse(&e->evidence.source,
                                  owner == ALPHAS ? VX_STR("192.0.2.1") : VX_STR("192.0.2.129")));
}

static void one_event(void) {
    static const enum vx_event_type types[] = {VX_EVENT_CREATE, VX_EVENT_PROGRESS, VX_EVENT_MEDIA,
                                               VX_EVENT_ANSWER, VX_EVENT_HANGUP,   VX_EVENT_UPDATE};
    static const int ranks[] = {0, 2, 4, 5, 9, 9, 9, 9};
    unsigned n = vx_test_random(&rnd, CALLS);
    int kind = (int)vx_test_random(&rnd, 6);
    struct model_call *c = &calls[n];
    if (c->dead)
        return;
    bool full = kind == 4 && !c->there; /* else the registry may refuse it */
    int from = full || vx_test_random(&rnd, 2) ? (int)vx_test_random(&rnd, 3) : -1;
    bool ip = vx_test_random(&rnd, 4) == 0;
    int rank = ranks[vx_test_random(&rnd, 8)];
    enum owner owner = vx_test_random(&rnd, 2) ? ALPHAS : BETAS;

    struct vx_event e = vx_test_event_of(NULL, types[kind], n + 1);
    e.direction = n % 3 ? VX_INBOUND : VX_OUTBOUND;
    e.from = from < 0 ? VX_NONE : froms[from];
    e.attempted_us = VX_TEST_WALL_US;
    e.originating_sip_ip = ip ? VX_STR("192.0.2.1:5060") : VX_NONE;
    if (kind == 3)
        e.answered_us = VX_TEST_WALL_US + VX_SECOND_US;
    if (kind == 4) {
        e.sip_status = c->busy ? 486 : 0;
        e.cause = c->busy ? VX_STR("USER_BUSY") : VX_STR("NORMAL_CLEARING");
    }
    add_evidence(&e, rank, owner);

    uint64_t before = revision_of_all;
    model_apply(c, kind, from, ip, rank, rank == 9 ? NOBODYS : owner);
    enum vx_applied got = vx_registry_apply(w.registry, &e);
    assert_int_equal(got, revision_of_all > before ? VX_APPLIED : VX_UNCHANGED);
}

/* --- comparing --- */

static void follow(int f) {
    struct vx_change changes[7];
    uint64_t revision, last = 0;
    bool restarted;
    for (size_t got = 1; got > 0;) {
        got = vx_feed_pull(feeds[f], changes, 7, &revision, &restarted);
        if (restarted) /* also when nothing follows */
            memset(views[f], 0, sizeof views[f]);
        for (size_t i = 0; i < got; i++) {
            struct vx_change *c = &changes[i];
            struct view *v = &views[f][c->call_sid.b[15] - 1];
            assert_true(c->revision > last);
            assert_true(c->created <= c->revision);
            last = c->revision;
            v->there = c->call != NULL;
            if (c->call) {
                struct vx_str json = vx_test_json(c->call);
                snprintf(v->json, sizeof v->json, "%.*s", (int)json.len, json.at);
            }
            vx_snapshot_release(&c->call);
        }
    }
    assert_int_equal(revision, vx_scope_revision(scope_of((enum owner)f)));
}

static void compare_call(int f, unsigned n) {
    const struct model_call *c = &calls[n];
    bool want = c->there && (f == NOBODYS || c->owner == (enum owner)f);
    struct vx_uuid sid = vx_test_sid(n + 1);
    struct vx_snapshot *call = vx_scope_find(scope_of((enum owner)f), &sid);
    assert_int_equal(call != NULL, want);
    assert_int_equal(views[f][n].there, want);
    if (!call)
        return;
    struct vx_call_fields got;
    vx_snapshot_fields(call, &got);
    struct vx_str json = vx_test_json(call);
    assert_int_equal(strlen(views[f][n].json), json.len);
    assert_memory_equal(views[f][n].json, json.at, json.len);
    assert_int_equal(got.status, model_status(c));
    assert_int_equal(got.answered_us, c->answered ? VX_TEST_WALL_US + VX_SECOND_US : 0);
    assert_int_equal(got.ended_us != 0, c->over);
    assert_int_equal(got.text[VX_TEXT_SIP_IP].at != NULL, c->has_ip);
    struct vx_str from = c->from < 0 ? VX_STR("") : froms[c->from];
    assert_true(vx_str_eq(got.text[VX_TEXT_FROM], from));
    struct vx_uuid nil = {{0}};
    const struct vx_uuid *owner = c->owner == NOBODYS ? &nil : vx_scope_sid(scope_of(c->owner));
    assert_true(vx_uuid_eq(&got.account_sid, owner));
    vx_snapshot_release(&call);
}

static void compare(int f) {
    uint64_t want = f == NOBODYS ? revision_of_all : revision_of[f];
    assert_int_equal(vx_scope_revision(scope_of((enum owner)f)), want);
    follow(f);
    struct vx_counts got = vx_scope_counts(scope_of((enum owner)f)), model = {0};
    for (unsigned n = 0; n < CALLS; n++) {
        const struct model_call *c = &calls[n];
        compare_call(f, n);
        if (!c->there || (f != NOBODYS && c->owner != (enum owner)f))
            continue;
        model.live_inbound += n % 3 && !c->over;
        model.live_outbound += !(n % 3) && !c->over;
        model.ended_inbound += n % 3 && c->over;
        model.ended_outbound += !(n % 3) && c->over;
    }
    assert_memory_equal(&got, &model, sizeof got);
}

static void start_calls_again(void) {
    for (int n = 0; n < CALLS; n++)
        calls[n] = (struct model_call){.from = -1, .rank = 9, .busy = vx_test_random(&rnd, 2)};
}

/* One life of the registry: events, time, expiry, and looks at random moments. */
static void live(int steps) {
    for (int i = 0; i < steps; i++) {
        one_event();
        if (vx_test_random(&rnd, 20) == 0)
            vx_test_advance(&w.time, vx_test_random(&rnd, 100) * VX_SECOND_US);
        if (vx_test_random(&rnd, 30) == 0) {
            vx_registry_expire(w.registry, 0);
            model_expire();
        }
        if (vx_test_random(&rnd, 10) == 0)
            compare((int)vx_test_random(&rnd, 3));
    }
    for (int f = 0; f < 3; f++)
        compare(f);
}

static void run(const char *settings, int rounds) {
    for (int round = 0; round < rounds; round++) {
        memset(revision_of, 0, sizeof revision_of);
        memset(views, 0, sizeof views);
        revision_of_all = 0;
        vx_test_world_open(&w, settings);
        for (int f = 0; f < 3; f++)
            assert_non_null(feeds[f] = vx_feed_open(scope_of((enum owner)f)));
        start_calls_again();
        live(STEPS / rounds);
        for (int f = 0; f < 3; f++)
            vx_feed_close(&feeds[f]);
        vx_test_world_close(&w);
    }
}

static void test_random_events(void **state) {
    (void)state;
    rnd = vx_test_random_start("model");
    run(NULL, 20);
}

/* Few removals are remembered: feeds are told to start again and end up right all the same. */
static void test_random_events_with_a_short_memory(void **state) {
    (void)state;
    rnd = vx_test_random_start("model, short memory");
    char setting[64];
    snprintf(setting, sizeof setting, "max-removed=%lld",
             (long long)vx_settings[VX_SET_MAX_REMOVED].min);
    run(setting, 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_events),
        cmocka_unit_test(test_random_events_with_a_short_memory),
    };
    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
