/* Live feeds without sockets: who may have them, how many, and many of them at once. */
#include "sub_client.h"

#include "core/call.h"

#include <time.h>

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

/* --- who may --- */

static void test_access(void **state) {
    (void)state;
    assert_null(vx_test_subscribe(&s, ALPHA_CALLS, NULL, NULL, 401));
    assert_null(vx_test_subscribe(&s, ALPHA_CALLS, "wrong", NULL, 401));
    assert_null(vx_test_subscribe(&s, ALPHA_CALLS, "beta-token", NULL, 403));
    assert_null(vx_test_subscribe(&s, "/v1/Calls", "alpha-token", NULL, 403));
    struct vx_sub *admin = vx_test_subscribe(&s, ALPHA_CALLS, "admin-token", NULL, 200);
    assert_non_null(admin);
    vx_sub_release(&admin);
    assert_null(vx_test_subscribe(&s, "/healthz", NULL, NULL,
                                  200)); /* nothing to stream: answered as it is */
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
    struct vx_sub *alpha = vx_test_subscribe(&s, ALPHA_CALLS, "alpha-token", NULL, 200),
                  *beta = vx_test_subscribe(&s, BETA_CALLS, "beta-token", NULL, 200),
                  *admin = vx_test_subscribe(&s, BETA_CALLS, "admin-token", NULL, 200),
                  *all = vx_test_subscribe(&s, "/v1/Calls", "admin-token", NULL, 200);
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

static void test_an_account_has_so_many_streams(void **state) {
    (void)state;
    close_service(NULL);
    vx_test_service_open(&s, "rate-limit-per-minute=0;max-streams-per-account=2");
    struct vx_sub *one = vx_test_subscribe(&s, ALPHA_CALLS, "alpha-token", NULL, 200),
                  *two = vx_test_subscribe(&s, ALPHA_CALLS "?state=live", "alpha-token", NULL, 200),
                  *admin = vx_test_subscribe(&s, ALPHA_CALLS, "admin-token", NULL, 200),
                  *beta = vx_test_subscribe(&s, BETA_CALLS, "beta-token", NULL, 200);
    struct vx_test_ask more = {.target = ALPHA_CALLS, .token = "alpha-token", .stream = true};
    struct vx_test_answer a;
    vx_test_ask(&s, &more, &a);
    assert_int_equal(a.response.status, 429);
    assert_true(a.response.retry_after > 0);
    vx_test_answer_clear(&a);
    vx_test_get(&s, "/metrics", "admin-token", 200, &a);
    assert_non_null(strstr(a.body, "\nvoxeme_streams_limited_total 1\n"));
    vx_test_answer_clear(&a);
    vx_sub_release(&admin); /* which is none of them */
    assert_null(vx_test_subscribe(&s, ALPHA_CALLS, "alpha-token", NULL, 429));
    vx_sub_release(&one);
    one = vx_test_subscribe(&s, ALPHA_CALLS, "alpha-token", NULL, 200);
    assert_int_equal(vx_test_status(&s, ALPHA_CALLS, "alpha-token"), 200);
    vx_sub_release(&one);
    vx_sub_release(&two);
    vx_sub_release(&beta);
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
            sub = vx_test_subscribe(&s, BETA_CALLS, "beta-token", NULL, 200);
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
    struct vx_test_client a = vx_test_join(&s, ALPHA_CALLS, "alpha-token"),
                          b = vx_test_join(&s, ALPHA_CALLS, "admin-token");
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
    vx_test_quit(&a);
    vx_test_quit(&b);
}

/* Those at its end are not told old news and then the new: they are told both at once. */
static void test_a_wave_that_takes_long_is_renewed(void **state) {
    (void)state;
    struct vx_test_client c[3];
    for (int i = 0; i < 3; i++)
        c[i] = vx_test_join(&s, ALPHA_CALLS, "alpha-token");
    for (int i = 0; i < 3; i++)
        vx_test_next(&c[i]);
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    assert_string_equal(vx_test_next(&c[0]), "created 1");
    vx_test_apply(&s.world, VX_EVENT_CREATE, 2);
    vx_test_advance(&s.world.time, 999);
    assert_string_equal(vx_test_next(&c[1]), "created 1");
    vx_test_advance(&s.world.time, 1);
    assert_string_equal(vx_test_next(&c[2]), "created 1 created 2");
    for (int i = 0; i < 2; i++)
        assert_string_equal(vx_test_next(&c[i]), "created 2");
    for (int i = 0; i < 3; i++)
        vx_test_quit(&c[i]);
}

static void test_what_is_dear_to_make_is_shared_for_longer(void **state) {
    (void)state;
    struct vx_test_client c[3];
    for (int i = 0; i < 3; i++)
        c[i] = vx_test_join(&s, ALPHA_CALLS, "alpha-token");
    for (int i = 0; i < 3; i++)
        vx_test_next(&c[i]);
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    assert_string_equal(vx_test_next(&c[0]), "created 1");
    vx_sub_took(s.api, c[0].sub, 500);
    vx_test_apply(&s.world, VX_EVENT_CREATE, 2);
    vx_test_advance(&s.world.time, 7999);
    assert_string_equal(vx_test_next(&c[1]), "created 1");
    vx_test_advance(&s.world.time, 1);
    assert_string_equal(vx_test_next(&c[2]), "created 1 created 2");
    for (int i = 0; i < 3; i++)
        vx_test_quit(&c[i]);
}

static void test_large_messages_take_turns(void **state) {
    (void)state;
    enum { CALLS = 3000 };
    struct vx_test_client c = vx_test_join(&s, ALPHA_CALLS, "alpha-token");
    struct vx_body *body = NULL;
    unsigned turns = 1;
    for (unsigned n = 1; n <= CALLS; n++)
        vx_test_apply(&s.world, VX_EVENT_CREATE, n);
    while (vx_sub_next(s.api, c.sub, &body) == VX_SUB_LATER)
        turns++;
    assert_in_range(turns, 5, 12);
    vx_test_take(&c, body);
    vx_body_release(&body);
    assert_int_equal(json_object_object_length(c.calls), CALLS);
    for (unsigned n = 1; n <= CALLS; n++)
        vx_test_apply(&s.world, VX_EVENT_PROGRESS, n);
    for (turns = 1; vx_sub_next(s.api, c.sub, &body) == VX_SUB_LATER; turns++)
        ;
    assert_in_range(turns, 5, 12);
    vx_body_release(&body);
    vx_test_quit(&c);
}

/* In whatever turn of a filtered snapshot memory is short: nothing of it is missing in the end. */
static void test_a_snapshot_that_begins_anew(void **state) {
    (void)state;
    enum { CALLS = 1500, TURNS = 8 };
    unsigned short_of_memory = 0;
    for (unsigned turns = 0; turns < TURNS; turns++) {
        struct vx_test_client c = vx_test_join(&s, ALPHA_CALLS "?state=live", "alpha-token");
        struct vx_body *body = NULL;
        enum vx_sub_result result = VX_SUB_LATER;
        for (unsigned n = 1; n <= CALLS; n++)
            vx_test_apply(&s.world, VX_EVENT_CREATE, n);
        for (unsigned i = 0; i < turns && result == VX_SUB_LATER; i++)
            result = vx_sub_next(s.api, c.sub, &body);
        vx_body_set_limits(0, 0, 1);
        if (result == VX_SUB_LATER)
            result = vx_sub_next(s.api, c.sub, &body);
        short_of_memory += result == VX_SUB_NO_MEMORY;
        vx_body_set_limits(0, 0, 0);
        while (result != VX_SUB_MESSAGE)
            result = vx_sub_next(s.api, c.sub, &body);
        vx_test_take(&c, body);
        vx_body_release(&body);
        assert_int_equal(json_object_object_length(c.calls), CALLS);
        vx_test_quit(&c);
        close_service(NULL);
        open_service(NULL);
    }
    assert_in_range(short_of_memory, 2, TURNS);
}

/* Changes that do not fit may never do. */
static void test_changes_that_do_not_fit(void **state) {
    (void)state;
    struct vx_body *body = NULL;
    for (int filtered = 0; filtered < 2; filtered++) {
        const char *target = filtered ? ALPHA_CALLS "?state=live" : ALPHA_CALLS;
        struct vx_test_client c = vx_test_join(&s, target, "alpha-token");
        vx_test_next(&c);
        for (unsigned n = 1; n <= 400; n++)
            vx_test_apply(&s.world, filtered ? VX_EVENT_PROGRESS : VX_EVENT_CREATE, n);
        vx_body_set_limits(0, 0, 1);
        assert_int_equal(vx_sub_next(s.api, c.sub, &body), VX_SUB_NO_MEMORY);
        vx_body_set_limits(0, 0, 0);
        vx_test_next(&c);
        assert_true(c.snapshot);
        vx_test_agrees(&c, target, "alpha-token");
        vx_test_quit(&c);
    }
}

static void count_wake(void *ctx) {
    ++*(unsigned *)ctx;
}

/* Nobody asks for anything: the feed has to go on all the same. */
static void test_the_view_of_a_quiet_stream_is_kept(void **state) {
    (void)state;
    struct vx_test_client c = vx_test_join(&s, ALPHA_CALLS, "alpha-token");
    vx_test_next(&c);
    for (int i = 0; i < 30; i++) {
        vx_test_advance(&s.world.time, 20 * VX_SECOND_US);
        vx_api_tick(s.api);
    }
    unsigned woken = 0;
    vx_registry_set_wake(s.world.registry, count_wake, &woken);
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    assert_int_equal(woken, 1);
    vx_registry_set_wake(s.world.registry, NULL, NULL);
    assert_string_equal(vx_test_next(&c), "created 1");
    vx_test_quit(&c);
}

/* Clients that join, read now and then, resume and leave know at the end what the list says. */
static void test_snapshot_and_changes_add_up_to_the_list(void **state) {
    (void)state;
    enum { CLIENTS = 12, CALLS = 60, KINDS = 6 };
    static const char *const filters[] = {
        "",          "?state=live",  "?direction=inbound",
        "?from=100", "?state=ended", "?callStatus=ringing,completed"};
    struct vx_test_random random = vx_test_random_start("streams");
    struct vx_test_client clients[CLIENTS] = {{.sub = NULL}};
    char target[200];
    for (unsigned step = 0; step < 4000; step++) {
        struct vx_test_client *c = &clients[vx_test_random(&random, CLIENTS)];
        const char *filter = filters[(size_t)(c - clients) % KINDS];
        static const enum vx_event_type types[] = {VX_EVENT_CREATE, VX_EVENT_PROGRESS,
                                                   VX_EVENT_ANSWER, VX_EVENT_HANGUP};
        struct vx_event e = vx_test_event(types[vx_test_random(&random, 4)],
                                          1 + vx_test_random(&random, CALLS) + step / 1000 * CALLS);
        e.from = vx_test_random(&random, 2) ? VX_STR("100") : VX_STR("200");
        e.sequence = 1 + vx_test_random(&random, 1000);
        vx_registry_apply(s.world.registry, &e);
        if (vx_test_random(&random, 50) == 0) {
            vx_test_advance(&s.world.time, 60 * VX_SECOND_US);
            vx_registry_expire(s.world.registry, 0);
        }
        switch (vx_test_random(&random, 4)) {
        case 0: /* reads on, or comes */
            if (c->sub) {
                vx_test_next(c);
                break;
            }
            snprintf(target, sizeof target, ALPHA_CALLS "%s%ssince=%s", filter, *filter ? "&" : "?",
                     c->calls ? c->revision : "0.0");
            c->service = &s;
            c->sub = vx_test_subscribe(&s, target, "alpha-token", NULL, 200);
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
        struct vx_test_client *c = &clients[i];
        if (!c->sub)
            continue;
        while (vx_sub_is_behind(c->sub))
            vx_test_next(c);
        snprintf(target, sizeof target, ALPHA_CALLS "%s", filters[i % KINDS]);
        vx_test_agrees(c, target, "alpha-token");
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        vx_test_quit(&clients[i]);
}

/* --- filters --- */

enum { FILTERS = 500 };

static enum vx_sub_result pull(struct vx_sub *sub, struct vx_body **message) {
    enum vx_sub_result result;
    do
        result = vx_sub_next(s.api, sub, message);
    while (result == VX_SUB_LATER);
    return result;
}

static void tell_of(enum vx_event_type type, unsigned n, bool odd) {
    char from[16];
    struct vx_event e = vx_test_event(type, n);
    snprintf(from, sizeof from, "%u", n);
    e.from = vx_str(from);
    e.tag = odd ? VX_STR("{\"odd\":1}") : VX_STR("{\"even\":1}");
    assert_int_equal(vx_registry_apply(s.world.registry, &e), VX_APPLIED);
}

/* One call changes, all are asked, and he alone whose filter lets it through is told. */
static void change_one(struct vx_sub *subs[FILTERS], unsigned which, bool odd) {
    struct vx_body *message = NULL;
    tell_of(VX_EVENT_UPDATE, which + 1, odd);
    for (unsigned i = 0; i < FILTERS; i++) {
        assert_int_equal(pull(subs[i], &message), i == which ? VX_SUB_MESSAGE : VX_SUB_IDLE);
        vx_body_release(&message);
    }
}

static double cpu_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* What a change costs all of them together, at the least, with so many calls in the account. */
static double cost_of_a_change(unsigned calls) {
    static struct vx_sub *subs[FILTERS];
    double least = 1e9;
    struct vx_body *message = NULL;
    for (unsigned n = 1; n <= calls; n++)
        tell_of(VX_EVENT_CREATE, n, false);
    for (unsigned i = 0; i < FILTERS; i++) {
        char target[160];
        snprintf(target, sizeof target, ALPHA_CALLS "?from=%u", i + 1);
        subs[i] = vx_test_subscribe(&s, target, "alpha-token", NULL, 200);
        assert_int_equal(pull(subs[i], &message), VX_SUB_MESSAGE);
        vx_body_release(&message);
    }
    size_t before = vx_body_memory();
    for (unsigned round = 0; round < 10; round++) {
        double began = cpu_seconds(), took;
        for (unsigned i = 0; i < 10; i++)
            change_one(subs, round * 10 + i, true);
        took = (cpu_seconds() - began) / 10;
        least = took < least ? took : least;
    }
    assert_true(vx_body_memory() <= before); /* nothing is kept for any of them */
    for (unsigned i = 0; i < FILTERS; i++)
        vx_sub_release(&subs[i]);
    return least;
}

/* A change costs each filter a look at that call, however many calls there are. */
static void test_five_hundred_filters(void **state) {
    (void)state;
    double few = cost_of_a_change(FILTERS);
    close_service(NULL);
    open_service(NULL);
    double many = cost_of_a_change(20 * FILTERS);
    print_message("# a change, %d filters: %.0f us of 500 calls, %.0f us of 10000\n", FILTERS,
                  few * 1e6, many * 1e6);
    assert_true(many < 4 * few);
}

/* --- slow readers --- */

enum { LIST = 1500 };

/* A call of every segment of the list. */
static void change_all_over(unsigned round) {
    for (unsigned n = 1; n <= LIST; n += 32) {
        struct vx_event e = vx_test_event(VX_EVENT_UPDATE, n);
        e.tag = round % 2 ? VX_STR("{\"odd\":1}") : VX_STR("{\"even\":1}");
        assert_int_equal(vx_registry_apply(s.world.registry, &e), VX_APPLIED);
    }
}

static unsigned list_status(void) {
    struct vx_test_answer a;
    vx_test_get(&s, ALPHA_CALLS, "alpha-token", 200, &a);
    assert_int_equal(json_object_array_length(a.json), LIST);
    unsigned status = a.response.status;
    vx_test_answer_clear(&a);
    return status;
}

/* Each holds on to a message of another revision: they get no more than their part of what the
 * account may hold, however many they are. */
static void test_slow_readers_leave_memory_to_others(void **state) {
    (void)state;
    enum { SLOW = 64 };
    close_service(NULL);
    vx_test_service_open(&s, "rate-limit-per-minute=0;max-account-response-memory=4194304;"
                             "max-account-stream-memory=1048576");
    for (unsigned n = 1; n <= LIST; n++)
        vx_test_apply(&s.world, VX_EVENT_CREATE, n);
    struct vx_test_client quick = vx_test_join(&s, ALPHA_CALLS, "alpha-token");
    vx_test_next(&quick);
    struct vx_sub *slow[SLOW];
    struct vx_body *held[SLOW];
    unsigned count = 0;
    enum vx_sub_result result = VX_SUB_MESSAGE;
    for (; result == VX_SUB_MESSAGE && count < SLOW; count++) {
        change_all_over(count);
        slow[count] = vx_test_subscribe(&s, ALPHA_CALLS, "alpha-token", NULL, 200);
        held[count] = NULL;
        result = pull(slow[count], &held[count]);
    }
    assert_int_equal(result, VX_SUB_NO_MEMORY);
    assert_true(count > 2);
    for (unsigned round = 0; round < 8; round++) {
        change_all_over(count + round);
        assert_int_equal(list_status(), 200);
    }
    struct vx_body *more = NULL;
    assert_int_equal(pull(quick.sub, &more), VX_SUB_NO_MEMORY); /* of many calls */
    for (unsigned i = 0; i < count; i++) {
        vx_body_release(&held[i]);
        vx_sub_release(&slow[i]);
    }
    assert_int_equal(pull(quick.sub, &more), VX_SUB_MESSAGE);
    vx_body_release(&more);
    vx_test_quit(&quick);
    vx_body_set_limits(0, 0, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_service, close_service)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_access),
        TEST(test_a_revoked_token),
        TEST(test_an_account_has_so_many_streams),
        TEST(test_an_account_that_is_taken_out_is_let_go_of_in_turns),
        TEST(test_clients_in_step_share_their_messages),
        TEST(test_a_wave_that_takes_long_is_renewed),
        TEST(test_what_is_dear_to_make_is_shared_for_longer),
        TEST(test_large_messages_take_turns),
        TEST(test_a_snapshot_that_begins_anew),
        TEST(test_changes_that_do_not_fit),
        TEST(test_the_view_of_a_quiet_stream_is_kept),
        TEST(test_snapshot_and_changes_add_up_to_the_list),
        TEST(test_five_hundred_filters),
        TEST(test_slow_readers_leave_memory_to_others),
    };
    return cmocka_run_group_tests_name("sub_many", tests, NULL, NULL);
}
