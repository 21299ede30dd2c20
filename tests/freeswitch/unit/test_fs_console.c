/* The command `voxeme` and its completion. */
#include "module.h"

#define USAGE "-USAGE: voxeme status | accounts | calls ACCOUNT [live] | show CALL_SID"

static void calls_of_each_kind(void) {
    switch_event_t *hangup = fs_inbound(SWITCH_EVENT_CHANNEL_HANGUP, OTHER, NULL, NULL);

    fs_fire(fs_inbound(SWITCH_EVENT_CHANNEL_CREATE, CHANNEL, NULL, NULL));
    double_event_add(hangup, "Hangup-Cause", "USER_BUSY");
    fs_fire(hangup);
}

static void usage(void **state) {
    static const char *const wrong[] = {NULL,          "",         "   ",     "Status",
                                        "status now",  "nonsense", "calls",   "show",
                                        "calls a b c", "show a b", "token 1", "calls a b c d e f",
                                        "audit x y z"};

    (void)state;
    fs_load();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_true(fs_says(wrong[i], USAGE));
    assert_true(fs_says("  status  ", "mod_voxeme " PACKAGE_VERSION " at http://127.0.0.1:"));
    fs_unload();
}

static void lists(void **state) {
    (void)state;
    fs_load();
    calls_of_each_kind();
    assert_true(fs_says("status", "calls: 1 inbound and 0 outbound live, 1 ended, 0 unassigned\n"));
    assert_true(fs_says("accounts",
                        "sid,name,live_inbound,live_outbound,ended\n" ALPHA_SID ",demo,1,0,1\n"));
    assert_true(fs_says("calls demo", CHANNEL ",inbound,trying,100,1508,1001\n"));
    assert_true(fs_says("calls DEMO", OTHER ",inbound,busy,486,1508,1001\n"));
    assert_true(fs_says("calls " ALPHA_SID " live", CHANNEL));
    assert_null(strstr(double_command("calls demo live"), OTHER));
    assert_true(fs_says("calls demo dead", "-ERR only 'live' may follow the account"));
    assert_true(fs_says("calls nobody", "-ERR no such account"));
    assert_true(fs_says("calls " NOBODY, "-ERR no such account"));
    assert_true(fs_says("show " OTHER, "{\"account_sid\":\"" ALPHA_SID "\""));
    assert_true(fs_says("show " NOBODY, "-ERR no such call"));
    assert_true(fs_says("show nonsense", "-ERR no such call"));
    fs_unload();
}

static void unassigned_calls_are_shown(void **state) {
    (void)state;
    fs_load();
    fs_fire(fs_event(SWITCH_EVENT_CHANNEL_CREATE, CHANNEL, "Call-Direction", "inbound", NULL));
    assert_true(fs_says("status", "1 unassigned"));
    assert_true(fs_says("show " CHANNEL, "\"call_sid\":\"" CHANNEL "\""));
    assert_null(strstr(double_command("calls demo"), CHANNEL));
    fs_unload();
}

static void makes_tokens(void **state) {
    char first[512];

    (void)state;
    fs_load();
    assert_true(fs_says("token", "<token sha256=\""));
    snprintf(first, sizeof first, "%s", double_command("token"));
    assert_string_not_equal(first, double_command("token"));
    assert_false(double_logged("sha256"));
    fs_unload();
}

static void reload_takes_effect(void **state) {
    unsigned port;

    (void)state;
    fs_load();
    port = fs_port();
    calls_of_each_kind();
    double_config(CONFIG(ANY_PORT, ACCOUNTS(DEMO "<account sid=\"" BETA_SID "\" name=\"beta\"/>")));
    assert_true(fs_says("calls beta", "-ERR no such account"));
    assert_true(fs_says("reload", "+OK reloaded"));
    assert_true(fs_says("accounts", BETA_SID ",beta,0,0,0\n"));
    assert_true(fs_says("calls demo", CHANNEL)); /* calls stay */
    assert_int_equal(fs_port(), port);
    assert_true(fs_listens(port));
    fs_fire(fs_event(SWITCH_EVENT_CHANNEL_CREATE, NOBODY, "Call-Direction", "inbound",
                     "variable_accountcode", "beta", NULL));
    assert_true(fs_says("calls beta live", NOBODY));
    assert_string_equal(double_complete("::voxeme::accounts"), "demo beta");
    fs_unload();
}

static void a_bad_reload_changes_nothing(void **state) {
    (void)state;
    fs_load();
    calls_of_each_kind();
    double_log_clear();
    double_config(CONFIG(ANY_PORT, ""));
    assert_true(fs_says("reload", "-ERR voxeme.conf: no <account> is configured"));
    assert_int_equal(double_log_lines(SWITCH_LOG_ERROR), 1);
    double_config(NULL);
    assert_true(fs_says("reload", "-ERR voxeme.conf: cannot be opened"));
    double_config(CONFIG(ANY_PORT PARAM("max-calls", "x"), ACCOUNTS(DEMO)));
    assert_true(fs_says("reload", "max-calls"));
    assert_true(fs_says("calls demo", CHANNEL));
    assert_string_equal(double_complete("::voxeme::accounts"), "demo");
    fs_unload();
}

/* A reload fails whole or takes effect whole. */
static void reload_without_memory(void *ctx) {
    const char *said;
    bool failed;

    (void)ctx;
    fs_load();
    double_config(CONFIG(ANY_PORT, ACCOUNTS(DEMO "<account sid=\"" BETA_SID "\" name=\"beta\"/>")));
    vx_test_arm();
    said = double_command("reload");
    failed = strncmp(said, "+OK", 3) != 0;
    if (failed)
        assert_non_null(strstr(said, "out of memory"));
    vx_test_disarm();
    assert_true(fs_says("calls beta", failed ? "-ERR no such account" : "call_sid,"));
    assert_true(fs_says("reload", "+OK"));
    assert_true(fs_says("calls beta", "call_sid,"));
    fs_unload();
}

static void events_without_memory(void *ctx) {
    (void)ctx;
    fs_load();
    vx_test_arm();
    calls_of_each_kind();
    double_command("status");
    double_command("accounts");
    double_command("calls demo");
    double_command("show " CHANNEL);
    double_command("audit");
    double_complete("::voxeme::accounts");
    vx_test_disarm();
    assert_true(fs_says("audit", "+OK"));
    fs_fire(fs_inbound(SWITCH_EVENT_CHANNEL_CREATE, NOBODY, NULL, NULL));
    assert_true(fs_says("calls demo live", NOBODY));
    fs_unload();
}

static void out_of_memory(void **state) {
    (void)state;
    vx_test_every_allocation_fails(reload_without_memory, NULL, true);
    vx_test_every_allocation_fails(events_without_memory, NULL, true);
}

static void completion(void **state) {
    static const char *const lines[] = {"voxeme status",
                                        "voxeme accounts",
                                        "voxeme calls ::voxeme::accounts",
                                        "voxeme show ::console::list_uuid",
                                        "voxeme token",
                                        "voxeme reload",
                                        "voxeme audit"};

    (void)state;
    assert_null(double_complete("::voxeme::accounts"));
    fs_load();
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        assert_true(double_has_completion(lines[i]));
    assert_string_equal(double_complete("::voxeme::accounts"), "demo");
    fs_unload();
    assert_null(double_complete("::voxeme::accounts"));
    assert_false(double_has_completion(lines[0]));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usage),
        cmocka_unit_test(lists),
        cmocka_unit_test(unassigned_calls_are_shown),
        cmocka_unit_test(makes_tokens),
        cmocka_unit_test(reload_takes_effect),
        cmocka_unit_test(a_bad_reload_changes_nothing),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(completion),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
