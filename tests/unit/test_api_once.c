/* POST with an Idempotency-Key: one call however often it is sent, with a host that the test plays.
 */
#include "api_support.h"

#include "api/idempotency.h"

#include <pthread.h>

static struct vx_test_service s;
static struct vx_test_answer a;

/* --- the host --- */

static struct {
    struct vx_command *command; /* the last that was submitted */
    unsigned count;
    bool full;
} host;

static bool submit(void *ctx, struct vx_command *command) {
    (void)ctx;
    if (host.full)
        return false;
    vx_command_release(&host.command);
    host.command = vx_command_ref(command);
    host.count++;
    return true;
}

static void open_with(const char *settings) {
    const struct vx_host_port port = {submit, NULL, ~0u};
    char all[512];
    snprintf(all, sizeof all, "rate-limit-per-minute=0;%s", settings);
    vx_test_service_open(&s, all);
    vx_api_set_host(s.api, &port);
    memset(&host, 0, sizeof host);
}

static int open_service(void **state) {
    (void)state;
    open_with("");
    return 0;
}

static int close_service(void **state) {
    (void)state;
    vx_test_answer_clear(&a);
    vx_command_release(&host.command);
    vx_test_service_close(&s);
    return 0;
}

static void reopen(const char *settings) {
    close_service(NULL);
    open_with(settings);
}

/* --- asking --- */

#define BODY_TO(user)                                                                              \
    "{\"from\":\"15083728299\",\"to\":{\"type\":\"sip\",\"sipUri\":\"sip:" user "@192.0.2.1\"},"   \
    "\"call_hook\":\"https://acme.example/hook\",\"speech_synthesis_vendor\":\"google\","          \
    "\"speech_synthesis_language\":\"en-US\",\"speech_synthesis_voice\":\"en-US-Wavenet-C\","      \
    "\"speech_recognizer_vendor\":\"google\",\"speech_recognizer_language\":\"en-US\"}"
#define BODY BODY_TO("1000")

static struct vx_test_ask last;

static unsigned ask(struct vx_test_ask q) {
    q.method = VX_POST;
    q.target = q.target ? q.target : ALPHA_CALLS;
    q.token = q.token ? q.token : "alpha-token";
    q.body = q.body ? q.body : BODY;
    q.content_type = "application/json";
    last = q;
    vx_test_answer_clear(&a);
    vx_test_ask(&s, &q, &a);
    return a.response.status;
}

static unsigned post(const char *key) {
    return ask((struct vx_test_ask){.idempotency_key = key});
}

/* Asks again for what is held, as the transport does. */
static unsigned ask_again(bool waited) {
    struct vx_command *command = a.response.hold.command;
    a.response.hold.command = NULL;
    assert_non_null(command);
    struct vx_test_ask q = last;
    q.command = command;
    q.waited = waited;
    q.body = NULL;
    vx_test_answer_clear(&a);
    vx_test_ask(&s, &q, &a);
    vx_command_release(&command);
    return a.response.status;
}

static void finish(enum vx_outcome outcome) {
    assert_true(vx_command_take(host.command));
    vx_command_finish(host.command, outcome, 0, NULL);
}

/* A request that makes a call, to its end. */
static void make(const char *key) {
    unsigned before = host.count;
    assert_int_equal(post(key), 0);
    assert_int_equal(host.count, before + 1);
    finish(VX_OUTCOME_DONE);
    assert_int_equal(ask_again(false), 201);
    assert_false(a.response.replayed);
}

static const char *sid_of_host(void) {
    static char sid[VX_UUID_TEXT + 1];
    vx_uuid_format(sid, &vx_command_args(host.command)->call_sid);
    return sid;
}

static void is_replayed(const char *sid, unsigned calls) {
    char expected[64];
    snprintf(expected, sizeof expected, "{\"sid\":\"%s\"}", sid);
    assert_int_equal(a.response.status, 201);
    assert_true(a.response.replayed);
    assert_string_equal(a.body, expected);
    assert_string_equal(a.response.content_type, "application/json; charset=utf-8");
    assert_int_equal(host.count, calls);
}

static void says(const char *word) {
    if (!strstr(vx_test_string(a.json, "msg"), word))
        fail_msg("no '%s' in: %s", word, a.body);
}

static long metric(const char *row) {
    struct vx_test_answer m;
    char line[128];
    vx_test_get(&s, "/metrics", "admin-token", 200, &m);
    snprintf(line, sizeof line, "\n%s ", row);
    const char *at = strstr(m.body, line);
    if (!at)
        fail_msg("no %s in %s", row, m.body);
    long n = strtol(at + strlen(line), NULL, 10);
    vx_test_answer_clear(&m);
    return n;
}

static void advance(int64_t seconds) {
    vx_test_advance(&s.world.time, seconds * VX_SECOND_US);
}

/* --- the same answer --- */

static void test_sent_again(void **state) {
    (void)state;
    make("k1");
    char *sid = strdup(sid_of_host());
    assert_int_equal(post("k1"), 201);
    is_replayed(sid, 1);
    assert_int_equal(post("\"k1\""), 201); /* as structured fields have it */
    is_replayed(sid, 1);
    assert_int_equal(ask((struct vx_test_ask){.idempotency_key = "k1", .token = "admin-token"}),
                     201);
    is_replayed(sid, 1);
    assert_int_equal(metric("voxeme_idempotency_replayed_total"), 3);
    make("k2");
    assert_string_not_equal(sid, sid_of_host());
    free(sid);
}

static void test_without_a_key(void **state) {
    (void)state;
    make(NULL);
    make(NULL);
    assert_int_equal(metric("voxeme_idempotency_keys"), 0);
}

static void test_for_ten_minutes(void **state) {
    (void)state;
    make("k");
    advance(599);
    assert_int_equal(post("k"), 201);
    advance(1);
    make("k");
    assert_int_equal(host.count, 2);
    advance(599);
    assert_int_equal(post("k"), 201);
    assert_int_equal(metric("voxeme_idempotency_keys"), 1);
    advance(1);
    while (vx_api_tick(s.api))
        ;
    assert_int_equal(metric("voxeme_idempotency_keys"), 0);
    assert_int_equal(metric("voxeme_idempotency_memory_bytes"), 0);
}

static void test_another_body(void **state) {
    (void)state;
    make("k");
    assert_int_equal(ask((struct vx_test_ask){.idempotency_key = "k", .body = BODY_TO("1001")}),
                     422);
    says("another body");
    assert_false(a.response.replayed);
    assert_int_equal(host.count, 1);
    assert_int_equal(metric("voxeme_idempotency_reused_total"), 1);
    assert_int_equal(post("k"), 201);
}

static void test_another_account(void **state) {
    (void)state;
    make("k");
    assert_int_equal(ask((struct vx_test_ask){
                         .target = BETA_CALLS, .token = "beta-token", .idempotency_key = "k"}),
                     0);
    assert_int_equal(host.count, 2);
}

static void test_only_where_calls_are_made(void **state) {
    (void)state;
    vx_test_apply(&s.world, VX_EVENT_ANSWER, 1);
    for (unsigned i = 1; i <= 2; i++) {
        assert_int_equal(
            ask((struct vx_test_ask){.target = ALPHA_CALLS "/ca110000-0000-4000-8000-000000000001",
                                     .idempotency_key = "k",
                                     .body = "{\"mute_status\":\"mute\"}"}),
            0);
        assert_int_equal(host.count, i);
    }
}

/* --- before there is an answer --- */

static void test_the_first_is_under_way(void **state) {
    (void)state;
    assert_int_equal(post("k"), 0);
    struct vx_test_answer first = a;
    a = (struct vx_test_answer){.body = NULL};
    assert_int_equal(post("k"), 409);
    says("not answered yet");
    assert_int_equal(a.response.retry_after, 1);
    assert_int_equal(ask((struct vx_test_ask){.idempotency_key = "k", .body = BODY_TO("1")}), 422);
    assert_true(vx_command_take(host.command));
    assert_int_equal(post("k"), 409); /* nor while it is being done */
    assert_int_equal(metric("voxeme_idempotency_in_progress_total"), 2);
    vx_command_finish(host.command, VX_OUTCOME_DONE, 0, NULL);
    assert_int_equal(post("k"), 201); /* before the first has been asked again */
    is_replayed(sid_of_host(), 1);
    vx_test_answer_clear(&a);
    a = first;
    assert_int_equal(ask_again(false), 201);
    assert_false(a.response.replayed);
    assert_int_equal(post("k"), 201);
    is_replayed(sid_of_host(), 1);
}

static void test_the_client_goes_while_it_is_done(void **state) {
    (void)state;
    assert_int_equal(post("k"), 0);
    assert_true(vx_command_take(host.command));
    vx_test_answer_clear(&a); /* gone */
    assert_int_equal(post("k"), 409);
    vx_command_finish(host.command, VX_OUTCOME_DONE, 0, NULL);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(post("k"), 201);
        is_replayed(sid_of_host(), 1);
    }
}

static void test_the_client_goes_before_it_is_done(void **state) {
    (void)state;
    assert_int_equal(post("k"), 0);
    struct vx_command *dropped = vx_command_ref(host.command);
    vx_test_answer_clear(&a); /* gone: it will not be done */
    make("k");
    assert_false(vx_command_take(dropped));
    vx_command_release(&dropped);
    assert_int_equal(host.count, 2);
}

static void test_a_time_out(void **state) {
    (void)state;
    assert_int_equal(post("k"), 0);
    assert_int_equal(ask_again(true), 504); /* dropped: the key is free */
    assert_int_equal(metric("voxeme_idempotency_keys"), 0);
    assert_int_equal(post("k"), 0);
    assert_int_equal(host.count, 2);
    assert_true(vx_command_take(host.command));
    assert_int_equal(ask_again(true), 504); /* nobody knows: it is being done */
    assert_int_equal(post("k"), 409);
    vx_command_finish(host.command, VX_OUTCOME_DONE, 0, NULL);
    assert_int_equal(post("k"), 201);
    is_replayed(sid_of_host(), 2);
}

/* It would make a second call. */
static void test_no_key_goes_before_its_command(void **state) {
    (void)state;
    reopen("idempotency-seconds=1");
    make("older");
    assert_int_equal(post("k"), 0);
    struct vx_command *slow = vx_command_ref(host.command);
    assert_true(vx_command_take(slow));
    assert_int_equal(ask_again(true), 504);
    make("newer");
    advance(5);
    while (vx_api_tick(s.api))
        ;
    assert_int_equal(metric("voxeme_idempotency_keys"), 1); /* nor does it keep others */
    assert_int_equal(post("k"), 409);
    assert_int_equal(ask((struct vx_test_ask){.idempotency_key = "k", .body = BODY_TO("1")}), 422);
    vx_command_finish(slow, VX_OUTCOME_DONE, 0, NULL);
    assert_int_equal(post("k"), 201);
    assert_int_equal(host.count, 3);
    advance(1);
    while (vx_api_tick(s.api))
        ;
    assert_int_equal(metric("voxeme_idempotency_keys"), 0);
    vx_command_release(&slow);
}

static void test_answers_that_are_kept_or_not(void **state) {
    (void)state;
    static const struct {
        enum vx_outcome outcome;
        unsigned status;
        bool kept;
    } rows[] = {{VX_OUTCOME_DONE, 201, true},
                {VX_OUTCOME_FAILED, 422, true},
                {VX_OUTCOME_REFUSED, 503, false},
                {VX_OUTCOME_UNABLE, 501, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%zu", i);
        unsigned count = host.count;
        assert_int_equal(post(key), 0);
        finish(rows[i].outcome);
        assert_int_equal(ask_again(false), rows[i].status);
        assert_int_equal(post(key), rows[i].kept ? rows[i].status : 0);
        assert_int_equal(a.response.replayed, rows[i].kept);
        assert_int_equal(host.count, count + (rows[i].kept ? 1 : 2));
        vx_test_answer_clear(&a);
    }
    /* The same when the first client has gone before it was told. */
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char key[16];
        snprintf(key, sizeof key, "g%zu", i);
        unsigned count = host.count;
        assert_int_equal(post(key), 0);
        assert_true(vx_command_take(host.command));
        vx_test_answer_clear(&a);
        vx_command_finish(host.command, rows[i].outcome, 0, NULL);
        assert_int_equal(post(key), rows[i].kept ? rows[i].status : 0);
        assert_int_equal(host.count, count + (rows[i].kept ? 1 : 2));
        vx_test_answer_clear(&a);
    }
    host.full = true;
    assert_int_equal(post("full"), 503);
    host.full = false;
    make("full");
    const struct vx_test_ask bad = {.idempotency_key = "bad", .body = "{\"from\":\"1\"}"};
    assert_int_equal(ask(bad), 400);
    assert_false(a.response.replayed);
    assert_int_equal(ask(bad), 400);
    assert_true(a.response.replayed);
    says("to is missing");
}

/* --- keys --- */

static void test_bad_keys(void **state) {
    (void)state;
    char longest[VX_LONGEST_KEY + 2], quoted[sizeof longest + 2];
    memset(longest, 'k', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    const char *const rows[] = {"",          "\"\"",     "\"",       "\"a",  "a\"",  "a b",
                                "\"a\";b=1", "\"a\\b\"", "\xc3\xa4", "a\tb", longest};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (post(rows[i]) != 400)
            fail_msg("'%s': %u", rows[i], a.response.status);
        says("Idempotency-Key");
    }
    assert_int_equal(host.count, 0);
    longest[VX_LONGEST_KEY] = '\0';
    make(longest);
    snprintf(quoted, sizeof quoted, "\"%s\"", longest);
    assert_int_equal(post(quoted), 201);
    assert_int_equal(post("\"a b\""), 0);
}

/* --- limits --- */

static void test_keys_of_an_account(void **state) {
    (void)state;
    reopen("max-account-idempotency-keys=2");
    make("k1");
    advance(10);
    make("k2");
    assert_int_equal(post("k3"), 429);
    assert_int_equal(a.response.retry_after, 590);
    assert_int_equal(host.count, 2);
    assert_int_equal(post("k1"), 201); /* none is forgotten for another */
    assert_int_equal(ask((struct vx_test_ask){
                         .target = BETA_CALLS, .token = "beta-token", .idempotency_key = "k"}),
                     0);
    assert_int_equal(metric("voxeme_idempotency_refused_total{limit=\"account-keys\"}"), 1);
    advance(590);
    make("k3");
    make(NULL);
}

static void test_keys_of_all(void **state) {
    (void)state;
    reopen("max-idempotency-keys=2");
    make("k1");
    make("k2");
    assert_int_equal(ask((struct vx_test_ask){
                         .target = BETA_CALLS, .token = "beta-token", .idempotency_key = "k"}),
                     503);
    assert_true(a.response.retry_after > 0);
    assert_int_equal(metric("voxeme_idempotency_refused_total{limit=\"keys\"}"), 1);
    assert_int_equal(metric("voxeme_idempotency_keys"), 2);
    advance(600);
    make("k3");
}

static void test_memory_of_keys(void **state) {
    (void)state;
    static const struct {
        const char *setting, *row;
        unsigned status;
    } rows[] = {
        {"max-account-idempotency-memory=4096",
         "voxeme_idempotency_refused_total{limit=\"account-memory\"}", 429},
        {"max-idempotency-memory=4096", "voxeme_idempotency_refused_total{limit=\"memory\"}", 503},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        reopen(rows[i].setting);
        unsigned n = 0, status;
        do {
            char key[16];
            snprintf(key, sizeof key, "k%u", n++);
            status = post(key);
            if (status == 0) {
                finish(VX_OUTCOME_DONE);
                assert_int_equal(ask_again(false), 201);
            }
            assert_true(metric("voxeme_idempotency_memory_bytes") <= 4096);
            assert_true(n < 40);
        } while (a.response.status == 201);
        assert_int_equal(status, rows[i].status);
        assert_int_equal(metric(rows[i].row), 1);
        assert_true(n > 4); /* an answer takes less than its command did */
        assert_int_equal(host.count, n - 1);
    }
}

static void test_many_keys(void **state) {
    (void)state;
    enum { MANY = 3000 };
    for (unsigned i = 0; i < MANY; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%u", i);
        make(key);
    }
    for (unsigned i = 0; i < MANY; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%u", i);
        assert_int_equal(post(key), 201);
    }
    assert_int_equal(metric("voxeme_idempotency_keys"), MANY);
    assert_int_equal(metric("voxeme_idempotency_replayed_total"), MANY);
    assert_true(metric("voxeme_idempotency_memory_bytes") < MANY * 400);
    advance(600);
    while (vx_api_tick(s.api))
        ;
    assert_int_equal(metric("voxeme_idempotency_keys"), 0);
}

/* --- reload --- */

static void test_a_reload(void **state) {
    (void)state;
    make("k");
    struct vx_config *config = vx_test_config("rate-limit-per-minute=0;idempotency-seconds=60");
    assert_true(vx_api_configure(s.api, config));
    advance(59);
    assert_int_equal(post("k"), 201);
    is_replayed(sid_of_host(), 1);
    advance(1);
    assert_int_equal(post("k"), 0);
    vx_config_release(&config);
}

static void test_an_account_that_goes(void **state) {
    (void)state;
    char error[256];
    make("k");
    struct vx_config *without =
        vx_test_read("<configuration name=\"voxeme.conf\"><accounts><account sid=\"" BETA_SID
                     "\" name=\"beta\"/></accounts></configuration>",
                     NULL, error, sizeof error);
    assert_non_null(without);
    vx_test_answer_clear(&a);
    assert_true(vx_api_configure(s.api, without));
    assert_true(vx_api_configure(s.api, s.world.config));
    assert_int_equal(metric("voxeme_idempotency_keys"), 0);
    assert_int_equal(metric("voxeme_idempotency_memory_bytes"), 0);
    make("k");
    vx_config_release(&without);
}

/* --- threads --- */

enum { THREADS = 4, KEYS = 500 };

static struct {
    struct vx_key_totals totals;
    struct vx_keys *keys;
    struct vx_config *config;
    atomic_uint taken[KEYS];
} shared;

static void use_key(unsigned n) {
    struct vx_key_use use;
    struct vx_key_result result;
    char key[16];
    snprintf(key, sizeof key, "k%u", n);
    assert_true(vx_keys_use(shared.keys, vx_str(key), VX_STR("{}"), &use));
    enum vx_key_found found = vx_keys_begin(shared.keys, shared.config, 0, &use, &result);
    if (found == VX_KEY_FRESH) {
        atomic_fetch_add(&shared.taken[n], 1);
        vx_keys_settle(shared.keys, &use,
                       &(struct vx_key_settled){.status = 201, .text = VX_STR("{}")});
    } else if (found == VX_KEY_ANSWERED) {
        assert_int_equal(result.answer->status, 201);
        vx_free(result.answer);
    } else {
        assert_int_equal(found, VX_KEY_IN_PROGRESS);
    }
}

static void *use_keys(void *unused) {
    for (unsigned n = 0; n < KEYS; n++)
        use_key(n);
    return unused;
}

static void test_one_of_many_threads(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    memset(&shared, 0, sizeof shared);
    shared.config = s.world.config;
    shared.keys = vx_keys_new(&shared.totals);
    assert_non_null(shared.keys);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_keys, NULL), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (unsigned n = 0; n < KEYS; n++)
        assert_int_equal(atomic_load(&shared.taken[n]), 1);
    assert_int_equal(atomic_load(&shared.totals.count), KEYS);
    vx_keys_release(&shared.keys);
    assert_int_equal(atomic_load(&shared.totals.count), 0);
    assert_int_equal(atomic_load(&shared.totals.memory), 0);
}

/* --- without memory --- */

/* Whatever fails: never two calls, and the key works when there is memory again. */
static void starve(void *ctx) {
    const bool again = *(bool *)ctx;
    open_with("");
    if (again)
        make("k");
    const unsigned before = host.count;
    struct vx_test_ask q = {.method = VX_POST,
                            .target = ALPHA_CALLS,
                            .token = "alpha-token",
                            .content_type = "application/json",
                            .body = BODY,
                            .idempotency_key = "k"};
    struct vx_test_answer loose = {.body = NULL};
    vx_test_arm();
    vx_test_ask_loosely(&s, &q, &loose);
    struct vx_command *command = loose.response.hold.command;
    if (command) {
        finish(VX_OUTCOME_DONE);
        loose.response.hold.command = NULL;
        vx_response_clear(&loose.response);
        q.command = command;
        q.body = NULL;
        vx_test_ask_loosely(&s, &q, &loose);
        vx_command_release(&command);
    }
    bool failed = vx_test_disarm();
    unsigned status = loose.response.status;
    assert_true(status == 201 || (failed && status == 503));
    vx_response_clear(&loose.response);
    assert_true(host.count <= before + 1);
    if (host.count == 0) {
        make("k");
    } else {
        assert_int_equal(post("k"), 201);
        is_replayed(sid_of_host(), 1);
    }
    close_service(NULL);
}

static void test_every_allocation_fails(void **state) {
    (void)state;
    bool first = false, again = true;
    vx_test_every_allocation_fails(starve, &first, true);
    vx_test_every_allocation_fails(starve, &again, true);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_service, close_service)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_sent_again),
        TEST(test_without_a_key),
        TEST(test_for_ten_minutes),
        TEST(test_another_body),
        TEST(test_another_account),
        TEST(test_only_where_calls_are_made),
        TEST(test_the_first_is_under_way),
        TEST(test_the_client_goes_while_it_is_done),
        TEST(test_the_client_goes_before_it_is_done),
        TEST(test_a_time_out),
        TEST(test_no_key_goes_before_its_command),
        TEST(test_answers_that_are_kept_or_not),
        TEST(test_bad_keys),
        TEST(test_keys_of_an_account),
        TEST(test_keys_of_all),
        TEST(test_memory_of_keys),
        TEST(test_many_keys),
        TEST(test_a_reload),
        TEST(test_an_account_that_goes),
        TEST(test_one_of_many_threads),
        cmocka_unit_test(test_every_allocation_fails),
    };
    return cmocka_run_group_tests_name("api_once", tests, NULL, NULL);
}
