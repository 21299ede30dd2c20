/* Commands to the host: taken or given up, never both; finished once. */
#include "support.h"

#include "core/command.h"

#include <pthread.h>

static void count(void *ctx) {
    ++*(int *)ctx;
}

static struct vx_command *make(int *notified) {
    const struct vx_command_header headers[] = {{VX_STR("X-One"), VX_STR("1")},
                                                {VX_STR("X-Two"), VX_STR("")}};
    const struct vx_command_sound sounds[] = {{true, VX_STR("hello")}, {false, VX_STR("a.wav")}};
    const struct vx_command_args args = {.call_sid = vx_test_sid(7),
                                         .target = VX_STR("sip:1000@192.0.2.1"),
                                         .from = VX_STR("15083728299"),
                                         .caller_name = VX_STR(""),
                                         .speech[VX_RECOGNIZER_LANGUAGE] = VX_STR("de-DE"),
                                         .recording_id = VX_STR("one"),
                                         .sounds = sounds,
                                         .sound_count = 2,
                                         .timeout_s = 30,
                                         .headers = headers,
                                         .header_count = 2};
    struct vx_command *c = vx_command_new(VX_VERB_ORIGINATE, &args, count, notified);
    assert_non_null(c);
    return c;
}

static void test_arguments_are_copied(void **state) {
    (void)state;
    int notified = 0;
    struct vx_command *c = make(&notified);
    const struct vx_command_args *a = vx_command_args(c);
    assert_int_equal(vx_command_verb(c), VX_VERB_ORIGINATE);
    assert_true(vx_str_eq(a->target, VX_STR("sip:1000@192.0.2.1")));
    assert_true(vx_str_eq(a->from, VX_STR("15083728299")));
    assert_true(a->caller_name.at && a->caller_name.len == 0);
    assert_null(a->tag.at);
    assert_true(vx_str_eq(a->speech[VX_RECOGNIZER_LANGUAGE], VX_STR("de-DE")));
    assert_null(a->speech[VX_SYNTHESIS_VENDOR].at);
    assert_true(vx_str_eq(a->recording_id, VX_STR("one")));
    assert_int_equal(a->sound_count, 2);
    assert_true(a->sounds[0].say && vx_str_eq(a->sounds[0].text, VX_STR("hello")));
    assert_true(!a->sounds[1].say && vx_str_eq(a->sounds[1].text, VX_STR("a.wav")));
    assert_int_equal(a->timeout_s, 30);
    assert_int_equal(a->header_count, 2);
    assert_true(vx_str_eq(a->headers[0].value, VX_STR("1")));
    assert_true(vx_str_eq(a->headers[1].name, VX_STR("X-Two")));
    vx_command_release(&c);
    assert_null(c);
    assert_int_equal(notified, 0);
}

static void test_done(void **state) {
    (void)state;
    int notified = 0;
    struct vx_command_result result;
    struct vx_command *c = make(&notified), *host = vx_command_ref(c);
    assert_false(vx_command_result(c, &result));
    assert_true(vx_command_take(host));
    assert_false(vx_command_take(host));
    assert_false(vx_command_result(c, &result));
    vx_command_finish(host, VX_OUTCOME_NOT_NOW, 0, "not answered");
    vx_command_release(&host);
    assert_int_equal(notified, 1);
    assert_true(vx_command_result(c, &result));
    assert_int_equal(result.outcome, VX_OUTCOME_NOT_NOW);
    assert_string_equal(result.reason, "not answered");
    vx_command_release(&c);
}

static void test_given_up_before_it_was_taken(void **state) {
    (void)state;
    int notified = 0;
    struct vx_command *c = make(&notified);
    assert_false(vx_command_dropped(c));
    assert_true(vx_command_give_up(c));
    assert_true(vx_command_dropped(c));
    assert_false(vx_command_take(c)); /* never done later by surprise */
    assert_int_equal(notified, 0);
    vx_command_release(&c);
}

static void test_given_up_too_late(void **state) {
    (void)state;
    int notified = 0;
    struct vx_command *c = make(&notified);
    assert_true(vx_command_take(c));
    assert_true(vx_command_wanted(c));
    assert_false(vx_command_give_up(c));
    assert_false(vx_command_dropped(c));
    assert_false(vx_command_wanted(c));
    vx_command_finish(c, VX_OUTCOME_DONE, 200, NULL);
    assert_int_equal(notified, 0); /* nobody waits */
    vx_command_release(&c);
}

static struct {
    int runs, notified;
    bool result;
} followed;

static bool follow(void *ctx, const struct vx_command_args *args) {
    assert_ptr_equal(ctx, &followed);
    assert_true(vx_str_eq(args->from, VX_STR("15083728299")));
    assert_int_equal(followed.notified, 0); /* first of all */
    followed.runs++;
    return followed.result;
}

/* What has been done is followed by what belongs to it, also when nobody waits any more. */
static void test_what_follows(void **state) {
    (void)state;
    static const struct {
        enum vx_outcome outcome;
        bool given_up, result;
    } cases[] = {{VX_OUTCOME_DONE, false, true},
                 {VX_OUTCOME_DONE, true, true},
                 {VX_OUTCOME_DONE, false, false},
                 {VX_OUTCOME_FAILED, false, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct vx_command_result result;
        followed.runs = followed.notified = 0;
        followed.result = cases[i].result;
        struct vx_command *c = make(&followed.notified);
        vx_command_follow(c, follow, &followed);
        assert_true(vx_command_take(c));
        if (cases[i].given_up)
            assert_false(vx_command_give_up(c));
        vx_command_finish(c, cases[i].outcome, 0, NULL);
        assert_int_equal(followed.runs, cases[i].outcome == VX_OUTCOME_DONE);
        assert_int_equal(followed.notified, !cases[i].given_up);
        assert_true(vx_command_result(c, &result));
        assert_int_equal(result.no_memory, !cases[i].result);
        vx_command_release(&c);
    }
    struct vx_command *c = make(&followed.notified);
    vx_command_follow(c, follow, &followed);
    assert_true(vx_command_give_up(c));
    vx_command_release(&c);
    assert_int_equal(followed.runs, 0); /* of the last one above */
}

static void *host(void *arg) {
    struct vx_command *c = arg;
    bool taken = vx_command_take(c);
    if (taken)
        vx_command_finish(c, VX_OUTCOME_DONE, 0, NULL);
    vx_command_release(&c);
    return (void *)(uintptr_t)taken;
}

/* Whoever wins, both sides agree on it. */
static void test_both_at_once(void **state) {
    (void)state;
    for (int i = 0; i < 300; i++) {
        int notified = 0;
        void *taken;
        pthread_t thread;
        struct vx_command *c = make(&notified);
        assert_int_equal(pthread_create(&thread, NULL, host, vx_command_ref(c)), 0);
        bool undone = vx_command_give_up(c);
        pthread_join(thread, &taken);
        assert_int_equal(undone, taken == NULL);
        assert_true(notified <= (taken != NULL));
        vx_command_release(&c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments_are_copied),
        cmocka_unit_test(test_done),
        cmocka_unit_test(test_given_up_before_it_was_taken),
        cmocka_unit_test(test_given_up_too_late),
        cmocka_unit_test(test_what_follows),
        cmocka_unit_test(test_both_at_once),
    };
    return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}
