/* <webhook> of an account: what is read, and errors that name file, line and attribute, never a
 * secret. */
#include "support.h"

#include <unistd.h>

static char error[512];

static struct vx_config *read_or_fail(const char *xml) {
    struct vx_config *config = vx_test_read(xml, NULL, error, sizeof error);
    if (!config)
        fail_msg("refused: %s", error);
    return config;
}

static void refuse(const char *xml, const char *word) {
    struct vx_config *config = vx_test_read(xml, NULL, error, sizeof error);
    if (config)
        fail_msg("accepted, but should name \"%s\":\n%s", word, xml);
    if (strncmp(error, "voxeme.conf.xml:4: webhook: ", 28) != 0 || !strstr(error, word))
        fail_msg("should name line 4 and \"%s\": %s", word, error);
}

#define WITH_WEBHOOK(attributes)                                                                   \
    "<configuration name=\"voxeme.conf\">\n<accounts>\n<account sid=\"" ALPHA_SID "\">\n"          \
    "<webhook " attributes "/></account></accounts></configuration>"

static void test_webhook(void **state) {
    (void)state;
    const struct vx_account_spec *accounts;
    struct vx_config *config =
        read_or_fail(WITH_WEBHOOK("url=\"https://a.example/s\" method=\"get\" username=\"bob\" "
                                  "password=\"p:w\" secret=\"wh_secret_0123456789\""));
    vx_config_accounts(config, &accounts);
    const struct vx_hook_fields *f = vx_hook_fields(accounts[0].webhook.hook);
    assert_string_equal(f->url.at, "https://a.example/s");
    assert_string_equal(f->username.at, "bob");
    assert_string_equal(f->password.at, "p:w");
    assert_true(f->get);
    assert_string_equal(accounts[0].webhook.secret, "wh_secret_0123456789");
    vx_config_release(&config);
    config = read_or_fail(WITH_WEBHOOK("secret=\"wh_secret_0123456789\""));
    vx_config_accounts(config, &accounts);
    assert_null(accounts[0].webhook.hook);
    vx_config_release(&config);
    config = read_or_fail(WITH_WEBHOOK("url=\"https://a.example/s\""));
    vx_config_accounts(config, &accounts);
    assert_false(vx_hook_fields(accounts[0].webhook.hook)->get);
    assert_null(accounts[0].webhook.secret);
    vx_config_release(&config);
}

static void test_webhook_errors(void **state) {
    (void)state;
    static const struct {
        const char *xml, *word;
    } rows[] = {
        {WITH_WEBHOOK("url=\"ws://a/\""), "WebSocket"},
        {WITH_WEBHOOK("url=\"/a\""), "absolute"},
        {WITH_WEBHOOK("url=\"http://u:geheim-0123456789@a/\""), "credentials"},
        {WITH_WEBHOOK("url=\"http://a/\" method=\"PUT\""), "PUT"},
        {WITH_WEBHOOK("url=\"http://a/\" password=\"geheim-0123456789\""), "username"},
        {WITH_WEBHOOK("url=\"http://a/\" username=\"a:b\""), "colon"},
        {WITH_WEBHOOK("url=\"http://a/\" username=\"a\tb\""), "control"},
        {WITH_WEBHOOK("username=\"a\""), "url"},
        {WITH_WEBHOOK("url=\"http://a/\" secret=\"geheim\""), "secret must have 16 to 256"},
        {WITH_WEBHOOK("url=\"http://a/\" secret=\"geheim 0123456789\""), "secret has a character"},
        {WITH_WEBHOOK("secret=\"geheim-0123456789\" secret-file=\"/x\""), "together"},
        {WITH_WEBHOOK("secret-file=\"/nonexistent/secret\""), "/nonexistent/secret"},
        {WITH_WEBHOOK("secret-file=\"/dev/null\""), "/dev/null"},
        {WITH_WEBHOOK("secret-file=\"/\""), "secret-file"},
        {WITH_WEBHOOK(""), "neither url nor secret"},
        {WITH_WEBHOOK("url=\"http://a/\"/><webhook url=\"http://b/\""), "second"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        refuse(rows[i].xml, rows[i].word);
        assert_null(strstr(error, "geheim"));
    }
}

static const char *secret_of(const char *file) {
    static char kept[300];
    char xml[1024];
    const struct vx_account_spec *accounts;
    snprintf(xml, sizeof xml, WITH_WEBHOOK("secret-file=\"%s\""), file);
    struct vx_config *config = vx_test_read(xml, NULL, error, sizeof error);
    if (!config)
        return NULL;
    vx_config_accounts(config, &accounts);
    snprintf(kept, sizeof kept, "%s", accounts[0].webhook.secret);
    vx_config_release(&config);
    return kept;
}

static void test_secret_file(void **state) {
    (void)state;
    char file[] = "/tmp/voxeme-secret-XXXXXX", text[400];
    int fd = mkstemp(file);
    assert_true(fd >= 0);
    static const struct {
        const char *text, *secret; /* NULL: refused */
    } rows[] = {{"wh_secret_0123456789\n", "wh_secret_0123456789"},
                {"wh_secret_0123456789\r\n", "wh_secret_0123456789"},
                {"wh_secret_0123456789", "wh_secret_0123456789"},
                {"wh_secret_0123456789\n\n", NULL},
                {"wh_secret_0123456789\nmore\n", NULL},
                {"too short\n", NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(pwrite(fd, rows[i].text, strlen(rows[i].text), 0), strlen(rows[i].text));
        const char *secret = secret_of(file);
        if (rows[i].secret) {
            assert_string_equal(secret, rows[i].secret);
        } else {
            assert_null(secret);
            assert_non_null(strstr(error, file));
            assert_null(strstr(error, "wh_secret"));
        }
    }
    for (int len = 255; len <= 258; len++) {
        memset(text, 'x', sizeof text);
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(pwrite(fd, text, (size_t)len, 0), len);
        assert_int_equal(secret_of(file) != NULL, len <= 256);
    }
    close(fd);
    unlink(file);
}

static void scenario(void *ctx) {
    (void)ctx;
    vx_test_arm();
    struct vx_config *config =
        vx_test_read(WITH_WEBHOOK("url=\"https://a.example/s\" username=\"bob\" password=\"p\" "
                                  "secret=\"wh_secret_0123456789\""),
                     NULL, error, sizeof error);
    bool failed = vx_test_disarm();
    assert_true(config || failed);
    vx_config_release(&config);
}

static void test_every_allocation_fails(void **state) {
    (void)state;
    vx_test_every_allocation_fails(scenario, NULL, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_webhook),
        cmocka_unit_test(test_webhook_errors),
        cmocka_unit_test(test_secret_file),
        cmocka_unit_test(test_every_allocation_fails),
    };
    return cmocka_run_group_tests_name("config_webhook", tests, NULL, NULL);
}
