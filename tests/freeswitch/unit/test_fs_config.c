/* FreeSWITCH's XML tree -> configuration: errors name the setting, nothing is left open. */
#include "module.h"

static const struct {
    const char *xml, *error;
} refused[] = {
    {NULL, "voxeme.conf: cannot be opened: is autoload_configs/voxeme.conf.xml in place?"},
    {CONFIG("", ""), "voxeme.conf: no <account> is configured"},
    {CONFIG("", "<accounts/>"), "voxeme.conf: no <account> is configured"},
    {CONFIG(PARAM("lissen", "127.0.0.1:0"), ACCOUNTS(DEMO)), "lissen"},
    {CONFIG(PARAM("retention-seconds", "0"), ACCOUNTS(DEMO)), "retention-seconds"},
    {CONFIG(PARAM("retention-seconds", "many"), ACCOUNTS(DEMO)), "retention-seconds"},
    {CONFIG(PARAM("trusted-sources", "127.0.0.0/33"), ACCOUNTS(DEMO)), "trusted-sources"},
    {CONFIG(PARAM("default-account", "nobody"), ACCOUNTS(DEMO)), "default-account"},
    {CONFIG("<param name=\"listen\"/>", ACCOUNTS(DEMO)), "value"},
    {CONFIG("", ACCOUNTS(DEMO DEMO)), "given twice"},
    {CONFIG("", ACCOUNTS("<account sid=\"" ALPHA_SID "\"><gateway name=\"g\" address=\"h\" "
                         "username=\"joe\" password=\"geheim\"/></account>")),
     "voxeme.conf: gateway 'g': username and password belong to a gateway of FreeSWITCH, which "
     "freeswitch-gateway names"},
    {CONFIG("", ACCOUNTS("<account sid=\"x\"/>")), "'x' is not a UUID"},
    {CONFIG("", ACCOUNTS("<accuont/>")), "accuont"},
    {CONFIG("", ACCOUNTS("<account sid=\"" ALPHA_SID "\"><webhook url=\"ws://a/\"/></account>")),
     "webhook: url is that of a WebSocket"},
    {CONFIG(PARAM("webhook-allow", "10.0.0.1/8"), ACCOUNTS(DEMO)), "webhook-allow"},
    {CONFIG("words", ACCOUNTS(DEMO)), "text inside <settings>"},
    {CONFIG("", ACCOUNTS("<account sid=\"" ALPHA_SID "\">demo</account>")),
     "text inside <account>"},
    {"<document/>", "document"},
};

static void errors_name_the_setting(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char error[512] = "";

        double_config(refused[i].xml);
        assert_null(vx_fs_config_load(error, sizeof error));
        if (!strstr(error, refused[i].error) || strchr(error, '\n'))
            fail_msg("'%s' is not in '%s'", refused[i].error, error);
        assert_memory_equal(error, "voxeme.conf: ", 13);
        assert_int_equal(double_left(), 0);
    }
}

static void is_read(void **state) {
    const struct vx_account_spec *accounts;
    const struct vx_token *tokens;
    struct vx_config *config;
    char error[512] = "";

    (void)state;
    double_config("<configuration name=\"voxeme.conf\" description=\"Voxeme Calls API\">\n"
                  "  <!-- <settings> of a comment -->\n"
                  "  <settings>\n    <param name=\"retention-seconds\" value=\"7\"/>\n"
                  "    <param name=\"track-loopback\" value=\"true\"/>\n  </settings>\n"
                  "  <accounts>\n    <account sid=\"" ALPHA_SID "\" name=\"demo\">\n"
                  "      <token sha256=\"" ALPHA_SHA "\"/>\n"
                  "      <webhook url=\"https://a.example/s\" secret=\"wh_secret_0123456789\"/>\n"
                  "    </account>\n"
                  "    <account sid=\"" BETA_SID "\"/>\n  </accounts>\n"
                  "  <switch><param name=\"sip-listen\" value=\"x\"/><any><thing/></any></switch>\n"
                  "  <admin><token sha256=\"" ADMIN_SHA "\"/></admin>\n</configuration>\n");
    config = vx_fs_config_load(error, sizeof error);
    if (!config)
        fail_msg("%s", error);
    assert_int_equal(vx_config_int(config, VX_SET_RETENTION_SECONDS), 7);
    assert_true(vx_values_bool(vx_config_values(config), VX_SET_TRACK_LOOPBACK));
    assert_int_equal(vx_config_accounts(config, &accounts), 2);
    assert_string_equal(accounts[0].name, "demo");
    assert_null(accounts[1].name);
    assert_string_equal(vx_hook_fields(accounts[0].webhook.hook)->url.at, "https://a.example/s");
    assert_string_equal(accounts[0].webhook.secret, "wh_secret_0123456789");
    assert_int_equal(vx_config_tokens(config, &tokens), 2);
    vx_config_release(&config);
    assert_int_equal(double_left(), 0);
}

static void depth_is_limited(void **state) {
    enum { DEPTH = 5000 };
    char *xml = malloc(DEPTH * 8 + 128), error[512] = "", *at = xml;

    (void)state;
    assert_non_null(xml);
    at += sprintf(at, "<configuration name=\"voxeme.conf\"><switch>");
    for (int i = 0; i < DEPTH; i++)
        at += sprintf(at, "<a>");
    for (int i = 0; i < DEPTH; i++)
        at += sprintf(at, "</a>");
    sprintf(at, "</switch></configuration>");
    double_config(xml);
    assert_null(vx_fs_config_load(error, sizeof error));
    assert_string_equal(error, "voxeme.conf: elements are nested too deeply");
    assert_int_equal(double_left(), 0);
    free(xml);
}

static void an_error_fits_any_room(void **state) {
    char error[16];

    (void)state;
    double_config(CONFIG(PARAM("no-such-setting-at-all", "1"), ACCOUNTS(DEMO)));
    memset(error, 'x', sizeof error);
    assert_null(vx_fs_config_load(error, sizeof error));
    assert_int_equal(strlen(error), sizeof error - 1);
}

static void load_without_memory(void *ctx) {
    struct vx_config *config;
    char error[512] = "";

    (void)ctx;
    double_config(CONFIG(PARAM("trusted-sources", "192.0.2.0/24 198.51.100.0/24"), ACCOUNTS(DEMO)));
    vx_test_arm();
    config = vx_fs_config_load(error, sizeof error);
    if (vx_test_disarm()) {
        assert_null(config);
        assert_non_null(strstr(error, "out of memory"));
    } else {
        assert_non_null(config);
    }
    vx_config_release(&config);
    assert_int_equal(double_left(), 0);
}

static void out_of_memory(void **state) {
    (void)state;
    vx_test_every_allocation_fails(load_without_memory, NULL, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_name_the_setting), cmocka_unit_test(is_read),
        cmocka_unit_test(depth_is_limited),        cmocka_unit_test(an_error_fits_any_room),
        cmocka_unit_test(out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
