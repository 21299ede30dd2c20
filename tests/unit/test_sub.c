/* The live feed without sockets: what a subscription hands out, message by message. */
#include "api_support.h"

#include "api/api_private.h"
#include "core/call.h"

static struct vx_test_service s;

static int open_service(void **state) {
    (void)state;
    vx_test_service_open(&s, "rate-limit-per-minute=0");
    return 0;
}

static int close_service(void **state) {
    (void)state;
    vx_test_service_close(&s);
    return 0;
}

/* --- a client --- */

struct client {
    struct vx_sub *sub;
    struct json_object *calls; /* call_sid -> call, as the messages have told */
    char revision[VX_ETAG_SIZE];
    char told[512];   /* of the last message: "snapshot 2 1", "created 3 ended 2 removed 1" */
    const void *body; /* of the last message; for comparison only */
    bool snapshot;
};

static struct vx_sub *subscribe(const char *target, const char *token, const char *last_event_id,
                                unsigned status) {
    struct vx_test_ask q = {
        .target = target, .token = token, .stream = true, .last_event_id = last_event_id};
    struct vx_test_answer a;
    vx_test_ask(&s, &q, &a);
    assert_int_equal(a.response.status, status);
    struct vx_sub *sub = a.response.sub;
    a.response.sub = NULL;
    vx_test_answer_clear(&a);
    return sub;
}

static struct client join(const char *target, const char *token) {
    struct client c = {.sub = subscribe(target, token, NULL, 200)};
    assert_non_null(c.sub);
    c.calls = json_object_new_object();
    return c;
}

static void quit(struct client *c) {
    vx_sub_release(&c->sub);
    json_object_put(c->calls);
}

static void tell(struct client *c, const char *event, const char *sid) {
    size_t len = strlen(c->told);
    snprintf(c->told + len, sizeof c->told - len, "%s%s%s%lu", len ? " " : "", event,
             *event ? " " : "", strtoul(sid + VX_UUID_TEXT - 8, NULL, 16));
}

static void put_call(struct client *c, struct json_object *call) {
    json_object_object_add(c->calls, vx_test_string(call, "call_sid"), json_object_get(call));
}

static void take_snapshot(struct client *c, struct json_object *calls) {
    json_object_put(c->calls);
    c->calls = json_object_new_object();
    strcpy(c->told, "snapshot");
    for (size_t i = 0; i < json_object_array_length(calls); i++) {
        struct json_object *call = json_object_array_get_idx(calls, i);
        put_call(c, call);
        if (i < 32)
            tell(c, "", vx_test_string(call, "call_sid"));
    }
}

static void take_change(struct client *c, struct json_object *change) {
    const char *event = vx_test_string(change, "event");
    struct json_object *call;
    if (strcmp(event, "removed") == 0) {
        tell(c, event, vx_test_string(change, "call_sid"));
        json_object_object_del(c->calls, vx_test_string(change, "call_sid"));
        return;
    }
    assert_true(json_object_object_get_ex(change, "call", &call));
    tell(c, event, vx_test_string(call, "call_sid"));
    put_call(c, call);
}

static void take_message(struct client *c, const struct vx_body *body) {
    size_t len;
    char *text = vx_test_body(body, &len);
    struct json_object *o = json_tokener_parse(text), *list;
    assert_non_null(o);
    assert_null(memchr(text, '\n', len)); /* an event stream carries it on one line */
    c->body = body;
    c->told[0] = '\0';
    c->snapshot = strcmp(vx_test_string(o, "type"), "snapshot") == 0;
    snprintf(c->revision, sizeof c->revision, "%s", vx_test_string(o, "revision"));
    assert_true(json_object_object_get_ex(o, c->snapshot ? "calls" : "changes", &list));
    if (c->snapshot)
        take_snapshot(c, list);
    else
        for (size_t i = 0; i < json_object_array_length(list); i++)
            take_change(c, json_object_array_get_idx(list, i));
    json_object_put(o);
    free(text);
}

/* The next message, or "" when there is none. */
static const char *next(struct client *c) {
    struct vx_body *body = NULL;
    enum vx_sub_result result;
    while ((result = vx_sub_next(s.api, c->sub, &body)) == VX_SUB_LATER)
        assert_null(body);
    c->told[0] = '\0';
    if (result == VX_SUB_IDLE) {
        assert_null(body);
        return "";
    }
    assert_int_equal(result, VX_SUB_MESSAGE);
    take_message(c, body);
    vx_body_release(&body);
    return c->told;
}

static const char *revision_of(struct vx_scope *scope) {
    static char text[VX_ETAG_SIZE];
    snprintf(text, sizeof text, "%s.%llu", vx_registry_epoch(s.world.registry),
             (unsigned long long)vx_scope_revision(scope));
    return text;
}

/* What the client knows is what the list says at the same revision. */
static void agrees(struct client *c, const char *target, const char *token) {
    struct vx_test_answer a;
    vx_test_get(&s, target, token, 200, &a);
    size_t count = json_object_array_length(a.json);
    assert_int_equal(json_object_object_length(c->calls), count);
    for (size_t i = 0; i < count; i++) {
        struct json_object *call = json_object_array_get_idx(a.json, i), *known;
        if (!json_object_object_get_ex(c->calls, vx_test_string(call, "call_sid"), &known))
            fail_msg("unknown: %s", json_object_to_json_string(call));
        if (!json_object_equal(call, known))
            fail_msg("%s: known as %s, is %s", target, json_object_to_json_string(known),
                     json_object_to_json_string(call));
    }
    vx_test_answer_clear(&a);
}

/* --- messages --- */

static void test_snapshot_then_changes(void **state) {
    (void)state;
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    vx_test_apply(&s.world, VX_EVENT_CREATE, 2);
    struct client c = join(ALPHA_CALLS, "alpha-token");
    assert_string_equal(next(&c), "snapshot 2 1");
    assert_string_equal(c.revision, revision_of(s.world.alpha));
    assert_string_equal(next(&c), "");
    assert_false(vx_sub_is_behind(c.sub));
    vx_test_apply(&s.world, VX_EVENT_PROGRESS, 2);
    assert_true(vx_sub_is_behind(c.sub));
    assert_string_equal(next(&c), "updated 2");
    vx_test_apply(&s.world, VX_EVENT_ANSWER, 2);
    assert_string_equal(next(&c), "answered 2");
    vx_test_apply(&s.world, VX_EVENT_CREATE, 3);
    assert_string_equal(next(&c), "created 3");
    vx_test_apply(&s.world, VX_EVENT_HANGUP, 2);
    assert_string_equal(next(&c), "ended 2");
    assert_string_equal(c.revision, revision_of(s.world.alpha));
    agrees(&c, ALPHA_CALLS, "alpha-token");
    vx_test_advance(&s.world.time, 600 * VX_SECOND_US);
    vx_registry_expire(s.world.registry, 0);
    assert_string_equal(next(&c), "removed 2");
    agrees(&c, ALPHA_CALLS, "alpha-token");
    quit(&c);
}

static void test_no_calls(void **state) {
    (void)state;
    struct client c = join(ALPHA_CALLS, "alpha-token");
    assert_string_equal(next(&c), "snapshot");
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    assert_string_equal(next(&c), "created 1");
    quit(&c);
}

/* However much has happened, each call comes once, in its newest state, in the order in which they
 * changed last. */
static void test_a_slow_client_is_conflated(void **state) {
    (void)state;
    struct client c = join(ALPHA_CALLS, "alpha-token");
    next(&c);
    for (unsigned n = 1; n <= 3; n++)
        vx_test_apply(&s.world, VX_EVENT_CREATE, n);
    assert_string_equal(next(&c), "created 1 created 2 created 3");
    vx_test_apply(&s.world, VX_EVENT_PROGRESS, 1);
    vx_test_apply(&s.world, VX_EVENT_ANSWER, 1);
    vx_test_apply(&s.world, VX_EVENT_CREATE, 4);
    vx_test_apply(&s.world, VX_EVENT_PROGRESS, 3);
    vx_test_apply(&s.world, VX_EVENT_ANSWER, 2);
    vx_test_apply(&s.world, VX_EVENT_HANGUP, 2);
    vx_test_apply(&s.world, VX_EVENT_HANGUP, 4);
    assert_string_equal(next(&c), "answered 1 updated 3 ended 2 created 4");
    agrees(&c, ALPHA_CALLS, "alpha-token");
    quit(&c);
}

static void test_a_call_that_came_and_went_is_not_told(void **state) {
    (void)state;
    struct client c = join(ALPHA_CALLS, "alpha-token");
    next(&c);
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    vx_test_apply(&s.world, VX_EVENT_HANGUP, 1);
    vx_test_advance(&s.world.time, 600 * VX_SECOND_US);
    vx_registry_expire(s.world.registry, 0);
    assert_string_equal(next(&c), "");
    assert_false(vx_sub_is_behind(c.sub));
    quit(&c);
}

static void test_a_call_that_moves_away_and_back(void **state) {
    (void)state;
    struct vx_event e = vx_test_event_of(NULL, VX_EVENT_CREATE, 1);
    vx_registry_apply(s.world.registry, &e);
    struct client alpha = join(ALPHA_CALLS, "alpha-token"), beta = join(BETA_CALLS, "beta-token"),
                  all = join("/v1/Calls", "admin-token");
    assert_string_equal(next(&alpha), "snapshot");
    assert_string_equal(next(&beta), "snapshot");
    assert_string_equal(next(&all), "snapshot 1");
    e = vx_test_event_of(NULL, VX_EVENT_UPDATE, 1);
    e.evidence.accountcode = VX_STR(BETA_SID);
    vx_registry_apply(s.world.registry, &e);
    assert_string_equal(next(&beta), "created 1");
    assert_string_equal(next(&all), "updated 1");
    e.evidence.variable = VX_STR(ALPHA_SID);
    vx_registry_apply(s.world.registry, &e);
    assert_string_equal(next(&alpha), "created 1");
    assert_string_equal(next(&beta), "removed 1");
    assert_string_equal(next(&all), "updated 1");
    agrees(&alpha, ALPHA_CALLS, "alpha-token");
    agrees(&beta, BETA_CALLS, "beta-token");
    agrees(&all, "/v1/Calls", "admin-token");
    quit(&alpha);
    quit(&beta);
    quit(&all);
}

/* --- resuming --- */

static void test_resume(void **state) {
    (void)state;
    char target[160], mark[VX_ETAG_SIZE];
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    vx_test_apply(&s.world, VX_EVENT_CREATE, 2);
    strcpy(mark, revision_of(s.world.alpha));
    snprintf(target, sizeof target, ALPHA_CALLS "?since=%s", mark);
    struct client idle = join(target, "alpha-token");
    assert_string_equal(next(&idle), ""); /* nothing missed */
    vx_test_apply(&s.world, VX_EVENT_PROGRESS, 1);
    vx_test_apply(&s.world, VX_EVENT_CREATE, 3);
    struct client c = join(target, "alpha-token");
    assert_string_equal(next(&c), "updated 1 created 3");
    assert_string_equal(next(&idle), "updated 1 created 3");
    struct client event = {.sub = subscribe(ALPHA_CALLS, "alpha-token", mark, 200)};
    event.calls = json_object_new_object();
    assert_string_equal(next(&event), "updated 1 created 3");
    /* A browser that connects again sends its first URL, and what it has seen since. */
    vx_test_apply(&s.world, VX_EVENT_CREATE, 4);
    struct client again = {.sub = subscribe(target, "alpha-token", event.revision, 200)};
    again.calls = json_object_new_object();
    assert_string_equal(next(&again), "created 4");
    quit(&again);
    quit(&event);
    quit(&idle);
    quit(&c);
}

static void test_what_cannot_be_resumed_begins_anew(void **state) {
    (void)state;
    static const char *const marks[] = {"0.0", "0.7", "abcdef.123456"};
    char target[160];
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    for (size_t i = 0; i < 3; i++) {
        snprintf(target, sizeof target, ALPHA_CALLS "?since=%s", marks[i]);
        struct client c = join(target, "alpha-token");
        assert_string_equal(next(&c), "snapshot 1");
        quit(&c);
    }
    snprintf(target, sizeof target, ALPHA_CALLS "?since=%s9", revision_of(s.world.alpha));
    struct client ahead = join(target, "alpha-token"); /* of what has not been yet */
    assert_string_equal(next(&ahead), "snapshot 1");
    quit(&ahead);
    struct client c = {.sub = subscribe(ALPHA_CALLS, "alpha-token", "no revision at all", 200)};
    c.calls = json_object_new_object();
    assert_string_equal(next(&c), "snapshot 1");
    quit(&c);
    assert_null(subscribe(ALPHA_CALLS "?since=nonsense", "alpha-token", NULL, 400));
}

/* A client that comes back after its account's view has been let go of is told by what is kept with
 * the calls. */
static struct client come_back(const char *filter, const char *mark) {
    char target[200];
    for (int i = 0; i < 10; i++) {
        vx_test_advance(&s.world.time, 10 * VX_SECOND_US);
        vx_api_tick(s.api);
    }
    assert_null(s.api->state->tenants[0]->view);
    snprintf(target, sizeof target, ALPHA_CALLS "?%ssince=%s", filter, mark);
    return join(target, "alpha-token");
}

static void update(unsigned n, const char *tag) {
    struct vx_event e = vx_test_event(VX_EVENT_UPDATE, n);
    e.tag = vx_str(tag);
    assert_int_equal(vx_registry_apply(s.world.registry, &e), VX_APPLIED);
}

static void test_events_have_their_names_whatever_became_of_the_view(void **state) {
    (void)state;
    char before[VX_ETAG_SIZE], after[VX_ETAG_SIZE];
    for (unsigned n = 1; n <= 4; n++)
        vx_test_apply(&s.world, VX_EVENT_CREATE, n);
    struct client c = join(ALPHA_CALLS, "alpha-token");
    next(&c);
    strcpy(before, c.revision);
    quit(&c);
    vx_test_apply(&s.world, VX_EVENT_ANSWER, 1);
    vx_test_apply(&s.world, VX_EVENT_ANSWER, 2);
    strcpy(after, revision_of(s.world.alpha));
    update(1, "{\"held\":1}");
    vx_test_apply(&s.world, VX_EVENT_PROGRESS, 3);
    vx_test_apply(&s.world, VX_EVENT_HANGUP, 4);
    vx_test_apply(&s.world, VX_EVENT_CREATE, 5);
    c = come_back("", before);
    assert_string_equal(next(&c), "answered 2 answered 1 updated 3 ended 4 created 5");
    quit(&c);
    c = come_back("", after);
    assert_string_equal(next(&c), "updated 1 updated 3 ended 4 created 5");
    quit(&c);
    c = come_back("callStatus=in-progress,completed&", before);
    assert_string_equal(next(&c), "removed 4 removed 3 answered 2 answered 1");
    quit(&c);
}

/* How long ago is not known without end: what is told then is less, but not wrong. */
static void test_a_name_that_is_forgotten_is_updated(void **state) {
    (void)state;
    char mark[VX_ETAG_SIZE];
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    vx_test_apply(&s.world, VX_EVENT_CREATE, 2);
    strcpy(mark, revision_of(s.world.alpha));
    vx_test_apply(&s.world, VX_EVENT_ANSWER, 1);
    for (unsigned i = 0; i < (1U << 18) + 2; i++)
        update(2, i % 2 ? "{\"a\":1}" : "{}");
    update(1, "{}");
    struct client c = come_back("", mark);
    assert_string_equal(next(&c), "updated 2 updated 1");
    quit(&c);
}

/* Removals are forgotten after the retention: who has been away for longer begins anew. */
static void test_too_slow_to_be_caught_up(void **state) {
    (void)state;
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    vx_test_apply(&s.world, VX_EVENT_CREATE, 2);
    struct client c = join(ALPHA_CALLS, "alpha-token");
    next(&c);
    vx_test_apply(&s.world, VX_EVENT_HANGUP, 1);
    for (int i = 0; i < 3; i++) {
        vx_test_advance(&s.world.time, 600 * VX_SECOND_US);
        vx_registry_expire(s.world.registry, 0);
    }
    vx_test_apply(&s.world, VX_EVENT_PROGRESS, 2);
    assert_string_equal(next(&c), "snapshot 2");
    agrees(&c, ALPHA_CALLS, "alpha-token");
    quit(&c);
}

static void test_restart(void **state) {
    (void)state;
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    struct client c = join(ALPHA_CALLS, "alpha-token");
    next(&c);
    vx_test_apply(&s.world, VX_EVENT_PROGRESS, 1);
    vx_sub_restart(c.sub);
    assert_true(vx_sub_is_behind(c.sub));
    assert_string_equal(next(&c), "snapshot 1");
    assert_string_equal(next(&c), "");
    quit(&c);
}

/* --- filters --- */

static void test_a_filter(void **state) {
    (void)state;
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    vx_test_apply(&s.world, VX_EVENT_CREATE, 2);
    vx_test_apply(&s.world, VX_EVENT_HANGUP, 2);
    struct client live = join(ALPHA_CALLS "?state=live", "alpha-token"),
                  ended = join(ALPHA_CALLS "?state=ended", "alpha-token");
    assert_string_equal(next(&live), "snapshot 1");
    assert_string_equal(next(&ended), "snapshot 2");
    vx_test_apply(&s.world, VX_EVENT_PROGRESS, 1);
    assert_string_equal(next(&live), "updated 1");
    assert_string_equal(next(&ended), "removed 1"); /* it may have been there */
    vx_test_apply(&s.world, VX_EVENT_HANGUP, 1);
    assert_string_equal(next(&live), "removed 1");
    assert_string_equal(next(&ended), "ended 1");
    vx_test_apply(&s.world, VX_EVENT_CREATE, 3);
    assert_string_equal(next(&ended), "");
    agrees(&ended, ALPHA_CALLS "?state=ended", "alpha-token");
    quit(&live);
    quit(&ended);
}

static void test_parameters_that_do_not_go_together(void **state) {
    (void)state;
    assert_null(subscribe(ALPHA_CALLS "?page=1", "alpha-token", NULL, 400));
    assert_null(subscribe(ALPHA_CALLS "?wait=5", "alpha-token", NULL, 400));
    assert_null(subscribe(ALPHA_CALLS "?state=gone", "alpha-token", NULL, 400));
}

/* --- who may --- */

static void test_access(void **state) {
    (void)state;
    assert_null(subscribe(ALPHA_CALLS, NULL, NULL, 401));
    assert_null(subscribe(ALPHA_CALLS, "wrong", NULL, 401));
    assert_null(subscribe(ALPHA_CALLS, "beta-token", NULL, 403));
    assert_null(subscribe("/v1/Calls", "alpha-token", NULL, 403));
    struct vx_sub *admin = subscribe(ALPHA_CALLS, "admin-token", NULL, 200);
    assert_non_null(admin);
    vx_sub_release(&admin);
    assert_null(subscribe("/healthz", NULL, NULL, 200)); /* nothing to stream: answered as it is */
}

static void take_beta_out(void) {
    char error[256];
    struct vx_config *fewer = vx_test_read(
        "<configuration name=\"voxeme.conf\"><accounts><account sid=\"" ALPHA_SID
        "\"><token sha256=\"" ALPHA_SHA "\"/></account></accounts><admin><token sha256=\"" ADMIN_SHA
        "\"/></admin></configuration>",
        NULL, error, sizeof error);
    assert_non_null(fewer);
    assert_true(vx_registry_configure(s.world.registry, fewer));
    assert_true(vx_api_configure(s.api, fewer));
    vx_config_release(&fewer);
}

static void test_a_revoked_token(void **state) {
    (void)state;
    struct vx_sub *alpha = subscribe(ALPHA_CALLS, "alpha-token", NULL, 200),
                  *beta = subscribe(BETA_CALLS, "beta-token", NULL, 200),
                  *admin = subscribe(BETA_CALLS, "admin-token", NULL, 200),
                  *all = subscribe("/v1/Calls", "admin-token", NULL, 200);
    assert_true(vx_sub_allowed(s.api, alpha));
    assert_true(vx_sub_allowed(s.api, beta));
    assert_true(vx_sub_allowed(s.api, admin));
    assert_true(vx_sub_allowed(s.api, all));
    take_beta_out();
    assert_true(vx_sub_allowed(s.api, alpha));
    assert_false(vx_sub_allowed(s.api, beta));
    assert_false(vx_sub_allowed(s.api, admin)); /* the account is gone */
    assert_true(vx_sub_allowed(s.api, all));
    vx_sub_release(&alpha);
    vx_sub_release(&beta);
    vx_sub_release(&admin);
    vx_sub_release(&all);
}

/* Neither the thread of the reload nor that of the network, which may be the last to use it, has to
 * let go of all calls of an account at once. */
static void test_an_account_that_is_taken_out_is_let_go_of_in_turns(void **state) {
    (void)state;
    enum { CALLS = 40000 };
    for (int followed = 0; followed < 2; followed++) {
        struct vx_sub *sub = NULL;
        for (unsigned n = 1; n <= CALLS; n++) {
            struct vx_event e = vx_test_event_of(BETA_SID, VX_EVENT_CREATE, n);
            assert_int_equal(vx_registry_apply(s.world.registry, &e), VX_APPLIED);
        }
        assert_int_equal(vx_test_status(&s, BETA_CALLS, "beta-token"), 200);
        if (followed)
            sub = subscribe(BETA_CALLS, "beta-token", NULL, 200);
        for (unsigned n = 1; n <= CALLS; n++) {
            struct vx_event e = vx_test_event_of(BETA_SID, VX_EVENT_HANGUP, n);
            assert_int_equal(vx_registry_apply(s.world.registry, &e), VX_APPLIED);
        }
        vx_test_advance(&s.world.time, 600 * VX_SECOND_US);
        vx_registry_expire(s.world.registry, 0);
        size_t all = vx_snapshots_memory(), before = all, turns = 0;
        assert_true(all > CALLS * 100UL); /* the view's alone: the registry has none any more */
        take_beta_out();
        vx_sub_release(&sub);
        assert_int_equal(vx_snapshots_memory(), all);
        while (vx_api_tick(s.api)) {
            size_t now = vx_snapshots_memory();
            assert_true(before - now <= all / 2);
            before = now;
            turns++;
        }
        assert_in_range(turns, 3, 8);
        assert_int_equal(vx_snapshots_memory(), 0);
        close_service(NULL);
        open_service(NULL);
    }
}

/* --- many --- */

static void test_clients_in_step_share_their_messages(void **state) {
    (void)state;
    struct client a = join(ALPHA_CALLS, "alpha-token"), b = join(ALPHA_CALLS, "admin-token");
    struct vx_body *first = NULL, *second = NULL;
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    assert_int_equal(vx_sub_next(s.api, a.sub, &first), VX_SUB_MESSAGE);
    assert_int_equal(vx_sub_next(s.api, b.sub, &second), VX_SUB_MESSAGE);
    assert_ptr_equal(first, second);
    vx_body_release(&first);
    vx_body_release(&second);
    vx_test_apply(&s.world, VX_EVENT_PROGRESS, 1);
    assert_int_equal(vx_sub_next(s.api, a.sub, &first), VX_SUB_MESSAGE);
    /* What happens while the wave goes out is for the next one. */
    vx_test_apply(&s.world, VX_EVENT_ANSWER, 1);
    assert_int_equal(vx_sub_next(s.api, b.sub, &second), VX_SUB_MESSAGE);
    assert_ptr_equal(first, second);
    assert_true(vx_sub_is_behind(a.sub) && vx_sub_is_behind(b.sub));
    vx_body_release(&first);
    vx_body_release(&second);
    quit(&a);
    quit(&b);
}

static void test_large_messages_take_turns(void **state) {
    (void)state;
    enum { CALLS = 3000 };
    struct client c = join(ALPHA_CALLS, "alpha-token");
    struct vx_body *body = NULL;
    unsigned turns = 1;
    for (unsigned n = 1; n <= CALLS; n++)
        vx_test_apply(&s.world, VX_EVENT_CREATE, n);
    while (vx_sub_next(s.api, c.sub, &body) == VX_SUB_LATER)
        turns++;
    assert_in_range(turns, 5, 12);
    take_message(&c, body);
    vx_body_release(&body);
    assert_int_equal(json_object_object_length(c.calls), CALLS);
    for (unsigned n = 1; n <= CALLS; n++)
        vx_test_apply(&s.world, VX_EVENT_PROGRESS, n);
    for (turns = 1; vx_sub_next(s.api, c.sub, &body) == VX_SUB_LATER; turns++)
        ;
    assert_in_range(turns, 5, 12);
    vx_body_release(&body);
    quit(&c);
}

static void count_wake(void *ctx) {
    ++*(unsigned *)ctx;
}

/* Nobody asks for anything: the feed has to go on all the same. */
static void test_the_view_of_a_quiet_stream_is_kept(void **state) {
    (void)state;
    struct client c = join(ALPHA_CALLS, "alpha-token");
    next(&c);
    for (int i = 0; i < 30; i++) {
        vx_test_advance(&s.world.time, 20 * VX_SECOND_US);
        vx_api_tick(s.api);
    }
    unsigned woken = 0;
    vx_registry_set_wake(s.world.registry, count_wake, &woken);
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    assert_int_equal(woken, 1);
    vx_registry_set_wake(s.world.registry, NULL, NULL);
    assert_string_equal(next(&c), "created 1");
    quit(&c);
}

/* Clients that join, read now and then, resume and leave know at the end what the list says. */
static void test_snapshot_and_changes_add_up_to_the_list(void **state) {
    (void)state;
    enum { CLIENTS = 8, CALLS = 60 };
    static const char *const filters[] = {"", "", "?state=live", "?direction=inbound"};
    struct vx_test_random random = vx_test_random_start("streams");
    struct client clients[CLIENTS] = {{.sub = NULL}};
    char target[200];
    for (unsigned step = 0; step < 4000; step++) {
        struct client *c = &clients[vx_test_random(&random, CLIENTS)];
        const char *filter = filters[(size_t)(c - clients) % 4];
        static const enum vx_event_type types[] = {VX_EVENT_CREATE, VX_EVENT_PROGRESS,
                                                   VX_EVENT_ANSWER, VX_EVENT_HANGUP};
        vx_test_apply(&s.world, types[vx_test_random(&random, 4)],
                      1 + vx_test_random(&random, CALLS) + step / 1000 * CALLS);
        if (vx_test_random(&random, 50) == 0) {
            vx_test_advance(&s.world.time, 60 * VX_SECOND_US);
            vx_registry_expire(s.world.registry, 0);
        }
        switch (vx_test_random(&random, 4)) {
        case 0: /* reads on, or comes */
            if (c->sub) {
                next(c);
                break;
            }
            snprintf(target, sizeof target, ALPHA_CALLS "%s%ssince=%s", filter, *filter ? "&" : "?",
                     c->calls ? c->revision : "0.0");
            c->sub = subscribe(target, "alpha-token", NULL, 200);
            if (!c->calls)
                c->calls = json_object_new_object();
            break;
        case 1: /* goes, to resume */
            if (c->sub && c->revision[0] && vx_test_random(&random, 8) == 0)
                vx_sub_release(&c->sub);
            break;
        default:
            break;
        }
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct client *c = &clients[i];
        if (!c->sub)
            continue;
        while (vx_sub_is_behind(c->sub))
            next(c);
        snprintf(target, sizeof target, ALPHA_CALLS "%s", filters[i % 4]);
        agrees(c, target, "alpha-token");
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        quit(&clients[i]);
}

/* --- without memory --- */

static void starve(void *ctx) {
    (void)ctx;
    struct vx_body *body = NULL;
    vx_test_service_open(&s, "rate-limit-per-minute=0");
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    struct client c = join(ALPHA_CALLS, "alpha-token"),
                  live = join(ALPHA_CALLS "?state=live", "alpha-token");
    next(&c);
    vx_test_apply(&s.world, VX_EVENT_CREATE, 2);
    vx_test_arm();
    enum vx_sub_result one = vx_sub_next(s.api, c.sub, &body);
    vx_body_release(&body);
    enum vx_sub_result two = vx_sub_next(s.api, live.sub, &body);
    vx_body_release(&body);
    bool failed = vx_test_disarm();
    assert_true(failed || (one == VX_SUB_MESSAGE && two == VX_SUB_MESSAGE));
    if (one == VX_SUB_NO_MEMORY) /* nothing is lost */
        assert_string_equal(next(&c), "created 2");
    if (two == VX_SUB_NO_MEMORY)
        assert_string_equal(next(&live), "snapshot 2 1");
    quit(&c);
    quit(&live);
    vx_test_service_close(&s);
}

static void test_every_allocation_fails(void **state) {
    (void)state;
    vx_test_every_allocation_fails(starve, NULL, false);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_service, close_service)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_snapshot_then_changes),
        TEST(test_no_calls),
        TEST(test_a_slow_client_is_conflated),
        TEST(test_a_call_that_came_and_went_is_not_told),
        TEST(test_a_call_that_moves_away_and_back),
        TEST(test_resume),
        TEST(test_events_have_their_names_whatever_became_of_the_view),
        TEST(test_a_name_that_is_forgotten_is_updated),
        TEST(test_what_cannot_be_resumed_begins_anew),
        TEST(test_too_slow_to_be_caught_up),
        TEST(test_restart),
        TEST(test_a_filter),
        TEST(test_parameters_that_do_not_go_together),
        TEST(test_access),
        TEST(test_a_revoked_token),
        TEST(test_an_account_that_is_taken_out_is_let_go_of_in_turns),
        TEST(test_clients_in_step_share_their_messages),
        TEST(test_large_messages_take_turns),
        TEST(test_the_view_of_a_quiet_stream_is_kept),
        TEST(test_snapshot_and_changes_add_up_to_the_list),
        cmocka_unit_test(test_every_allocation_fails),
    };
    return cmocka_run_group_tests_name("sub", tests, NULL, NULL);
}
