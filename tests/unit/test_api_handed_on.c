/* What of a POST is for whoever controls the call once it is answered: handed on by a host that has
 * somebody for it, else refused. */
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

static void open_with(unsigned verbs) {
    const struct vx_host_port port = {submit, NULL, verbs};

    vx_test_service_open(&s, NULL);
    vx_api_set_host(s.api, &port);
}

static void close_service(void) {
    vx_command_release(&taken);
    vx_test_service_close(&s);
}

/* A POST with this beside what each has to have. */
static void create(const char *fields, unsigned status, const char *word) {
    char body[512];
    struct vx_test_ask q = {.method = VX_POST,
                            .target = ALPHA_CALLS,
                            .token = "alpha-token",
                            .content_type = "application/json",
                            .body = body};
    struct vx_test_answer a = {.json = NULL};

    snprintf(body, sizeof body,
             "{\"application_sid\":\"" APP_SID "\",\"from\":\"1\",\"to\":{\"type\":\"sip\","
             "\"sipUri\":\"sip:1@192.0.2.1\"},%s}",
             fields);
    vx_test_ask(&s, &q, &a);
    assert_int_equal(a.response.status, status);
    if (word && !strstr(vx_test_string(a.json, "msg"), word))
        fail_msg("no '%s' in: %s", word, a.body);
    vx_command_release(&a.response.hold.command);
    vx_test_answer_clear(&a);
}

#define AMD  "\"amd\":{\"actionHook\":\"/amd\"}"
#define HOOK "\"sipRequestWithinDialogHook\":"

static void handed_on(void **state) {
    const struct vx_command_args *args;

    (void)state;
    open_with(1U << VX_VERB_ORIGINATE | VX_HOST_HANDS_ON);
    create(AMD "," HOOK "\"/customHook\"", 0, NULL);
    args = vx_command_args(taken);
    assert_true(vx_str_eq(args->amd, VX_STR("{\"actionHook\":\"/amd\"}")));
    assert_true(vx_str_eq(args->request_hook, VX_STR("/customHook")));
    create("\"tag\":{}", 0, NULL);
    args = vx_command_args(taken);
    assert_true(!args->amd.at && !args->request_hook.at);
    close_service();
}

static void malformed(void **state) {
    (void)state;
    open_with(1U << VX_VERB_ORIGINATE | VX_HOST_HANDS_ON);
    create("\"amd\":true", 400, "amd");
    create(HOOK "\"x\"", 400, "sipRequestWithinDialogHook");
    create(HOOK "7", 400, "sipRequestWithinDialogHook");
    create(HOOK "{\"url\":\"http://a.example/\"}", 400, "sipRequestWithinDialogHook");
    assert_null(taken);
    close_service();
}

/* A host that has nobody to do it. */
static void refused(void **state) {
    (void)state;
    open_with(1U << VX_VERB_ORIGINATE);
    create(AMD, 501, "amd");
    create(HOOK "\"/customHook\"", 501, "sipRequestWithinDialogHook");
    assert_null(taken);
    create("\"tag\":{}", 0, NULL);
    close_service();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handed_on),
        cmocka_unit_test(malformed),
        cmocka_unit_test(refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
