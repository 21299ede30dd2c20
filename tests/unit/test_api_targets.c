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
    char body[2048];
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

#define AUTH(auth) SIP("sip:1@192.0.2.1", ",\"auth\":" auth)
#define JOES_AUTH  AUTH("{\"username\":\"joe\",\"password\":\"geheim \\u00e4\"}")

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

static void with_credentials(void **state) {
    char to[1024];
    const struct vx_command_args *args = created(JOES_AUTH);

    (void)state;
    assert_true(vx_str_eq(vx_credentials_username(args->credentials), VX_STR("joe")));
    assert_true(vx_str_eq(vx_credentials_password(args->credentials), VX_STR("geheim \xc3\xa4")));
    /* With the command, or once nobody will do it, they are gone; the key of a request holds it on.
     */
    assert_true(vx_command_take(taken));
    vx_command_finish(taken, VX_OUTCOME_DONE, 0, NULL);
    assert_null(args->credentials);
    args = created(JOES_AUTH);
    assert_true(vx_command_give_up(taken));
    assert_null(args->credentials);
    assert_null(created(SIP("sip:1@192.0.2.1", ",\"auth\":null"))->credentials);
    for (int len = 255; len <= 256; len++) {
        struct vx_test_answer a = {.json = NULL};

        snprintf(to, sizeof to, AUTH("{\"username\":\"%0*d\",\"password\":\"%0*d\"}"), 255, 0, len,
                 0);
        assert_int_equal(ask(to, &a), len == 255 ? 0 : 400);
        vx_test_answer_clear(&a);
    }
}

#define TRUNK(name) "{\"type\":\"phone\",\"number\":\"1508\",\"trunk\":\"" name "\"}"

static void with_those_of_the_gateway(void **state) {
    (void)state;
    assert_null(created(TRUNK("first"))->credentials);
    assert_true(vx_str_eq(vx_credentials_password(created(TRUNK("second"))->credentials),
                          VX_STR("geheim")));
}

/* A host that would show them. */
static void no_credentials(void **state) {
    const struct vx_host_port port = {submit, NULL, ~VX_HOST_AUTHENTICATES};
    struct vx_test_answer a = {.json = NULL};

    (void)state;
    vx_api_set_host(s.api, &port);
    assert_int_equal(ask(JOES_AUTH, &a), 501);
    assert_non_null(strstr(vx_test_string(a.json, "msg"), "takes no to.auth"));
    assert_null(strstr(a.body, "geheim"));
    vx_test_answer_clear(&a);
}

static void refused(void **state) {
    static const struct {
        const char *to, *word;
        unsigned status;
    } rows[] = {
        {AUTH("7"), "to.auth must be an object", 400},
        {AUTH("[]"), "to.auth must be an object", 400},
        {AUTH("{}"), "to.auth.username is missing", 400},
        {AUTH("{\"username\":\"joe\"}"), "to.auth.password is missing", 400},
        {AUTH("{\"password\":\"geheim\"}"), "to.auth.username is missing", 400},
        {AUTH("{\"username\":null,\"password\":\"geheim\"}"), "username is missing", 400},
        {AUTH("{\"username\":7,\"password\":\"geheim\"}"), "username must be a text", 400},
        {AUTH("{\"username\":\"joe\",\"password\":[\"geheim\"]}"), "password must be a text", 400},
        {AUTH("{\"username\":\"\",\"password\":\"geheim\"}"), "username must have 1 to 255", 400},
        {AUTH("{\"username\":\"joe\",\"password\":\"\"}"), "password must have 1 to 255", 400},
        {AUTH("{\"username\":\"j\\roe\",\"password\":\"geheim\"}"), "username has a control", 400},
        {AUTH("{\"username\":\"joe\",\"password\":\"geheim\\n\"}"), "password has a control", 400},
        {"{\"type\":\"phone\",\"number\":\"1\",\"auth\":{\"username\":\"joe\",\"password\":"
         "\"geheim\"}}",
         "to.auth goes with to.type sip", 400},
        {"{\"type\":\"user\",\"name\":\"bob\",\"auth\":{}}", "to.auth goes with", 400},
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
        assert_null(strstr(a.body, "geheim"));
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
    static char user[] = USER("bob"), uri[] = SIP("sip:%2B1@192.0.2.1", ""), auth[] = JOES_AUTH;

    (void)state;
    vx_test_every_allocation_fails(without_memory, user, true);
    vx_test_every_allocation_fails(without_memory, uri, true);
    vx_test_every_allocation_fails(without_memory, auth, true);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, open_service, close_service)

int main(void) {
    const struct CMUnitTest tests[] = {
        EACH(a_user_of_the_account),
        EACH(shown_unescaped),
        EACH(with_credentials),
        EACH(with_those_of_the_gateway),
        EACH(no_credentials),
        EACH(refused),
        cmocka_unit_test(when_memory_is_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
