/* Whom a POST is for: `to`, which a host gets checked, and a call shows. */
#include "api_support.h"

#include "core/json_read.h"

static struct vx_test_service s;
static struct vx_command *taken;

static bool submit(void *ctx, struct vx_command *command) {
    (void)ctx;
    vx_command_release(&taken);
    taken = vx_command_ref(command);
    return true;
}

static int open_service(void **state) {
    const struct vx_host_port port = {submit, NULL, ~0U};

    (void)state;
    vx_test_service_open(&s, NULL);
    vx_api_set_host(s.api, &port);
    return 0;
}

static int close_service(void **state) {
    (void)state;
    vx_command_release(&taken);
    vx_test_service_close(&s);
    return 0;
}

typedef void asking(struct vx_test_service *service, const struct vx_test_ask *ask,
                    struct vx_test_answer *answer);

/* A POST to somebody, with what each has to have. 0: the host has it. */
static unsigned ask_by(asking *asks, const char *to, struct vx_test_answer *a) {
    char body[512];
    struct vx_test_ask q = {.method = VX_POST,
                            .target = ALPHA_CALLS,
                            .token = "alpha-token",
                            .content_type = "application/json",
                            .body = body};

    vx_command_release(&taken);
    snprintf(body, sizeof body, "{\"application_sid\":\"" APP_SID "\",\"from\":\"1\",\"to\":%s}",
             to);
    asks(&s, &q, a);
    vx_command_release(&a->response.hold.command);
    return a->response.status;
}

static unsigned ask(const char *to, struct vx_test_answer *a) {
    return ask_by(vx_test_ask, to, a);
}

static const struct vx_command_args *created(const char *to) {
    struct vx_test_answer a = {.json = NULL};

    assert_int_equal(ask(to, &a), 0);
    vx_test_answer_clear(&a);
    assert_non_null(taken);
    return vx_command_args(taken);
}

#define USER(name)     "{\"type\":\"user\",\"name\":\"" name "\"}"
#define SIP(uri, more) "{\"type\":\"sip\",\"sipUri\":\"" uri "\"" more "}"

/* The realm is the account's own, whichever way it is written. */
static void a_user_of_the_account(void **state) {
    static const char *const targets[] = {USER("bob"), USER("bob@alpha.example"),
                                          USER("bob@Alpha.Example")};

    (void)state;
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        const struct vx_command_args *args = created(targets[i]);

        assert_true(vx_str_eq(args->user, VX_STR("bob@alpha.example")));
        assert_true(vx_str_eq(args->to, VX_STR("bob")));
        assert_null(args->target.at);
    }
}

/* As the calls that come in. */
static void shown_unescaped(void **state) {
    const struct vx_command_args *args = created(SIP("sip:%2B1508%20x@192.0.2.1", ""));

    (void)state;
    assert_true(vx_str_eq(args->target, VX_STR("sip:%2B1508%20x@192.0.2.1")));
    assert_true(vx_str_eq(args->to, VX_STR("+1508 x")));
    assert_null(args->user.at);
    args = created(SIP("sip:192.0.2.1", ",\"auth\":null"));
    assert_true(vx_str_eq(args->to, VX_STR("192.0.2.1")));
}

static void refused(void **state) {
    static const struct {
        const char *to, *word;
        unsigned status;
    } rows[] = {
        {SIP("sip:1@192.0.2.1", ",\"auth\":{\"username\":\"a\",\"password\":\"b\"}"), "to.auth",
         501},
        {SIP("sip:1@192.0.2.1", ",\"overrideTo\":\"x\""), "to.overrideTo", 501},
        {"{\"type\":\"teams\",\"number\":\"1\"}", "teams", 501},
        {"{\"type\":\"user\"}", "to.name", 400},
        {"{\"type\":\"user\",\"name\":7}", "name", 400},
        {USER("bob@beta.example"), "no realm of the account", 400},
        {USER("@alpha.example"), "to.name", 400},
        {USER("bob@"), "to.name", 400},
        {USER("bob@alpha.example@x"), "to.name", 400},
        {USER("b b"), "to.name", 400},
        {USER("b,b"), "to.name", 400},
        {USER("b/b"), "to.name", 400},
        {USER("${b}"), "to.name", 400},
        {USER("[a=b]c"), "to.name", 400},
        {USER("b%40c"), "to.name", 400},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct vx_test_answer a = {.json = NULL};
        unsigned status = ask(rows[i].to, &a);

        if (status != rows[i].status || !strstr(vx_test_string(a.json, "msg"), rows[i].word))
            fail_msg("%s: %u %s", rows[i].to, status, a.body);
        vx_test_answer_clear(&a);
        assert_null(taken);
    }
}

static void without_memory(void *ctx) {
    struct vx_test_answer a = {.json = NULL};
    unsigned status;

    open_service(NULL);
    vx_test_arm();
    status = ask_by(vx_test_ask_loosely, ctx, &a);
    vx_test_disarm();
    if (status)
        assert_int_equal(status, 503);
    assert_int_equal(status == 0, taken != NULL);
    vx_response_clear(&a.response);
    close_service(NULL);
}

static void when_memory_is_short(void **state) {
    static char user[] = USER("bob"), uri[] = SIP("sip:%2B1@192.0.2.1", "");

    (void)state;
    vx_test_every_allocation_fails(without_memory, user, true);
    vx_test_every_allocation_fails(without_memory, uri, true);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, open_service, close_service)

int main(void) {
    const struct CMUnitTest tests[] = {
        EACH(a_user_of_the_account),
        EACH(shown_unescaped),
        EACH(refused),
        cmocka_unit_test(when_memory_is_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
