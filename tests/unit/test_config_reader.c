/* The file's structure: what is read, and that every error names file, line and setting. */
#include "support.h"

#include <time.h>

static char error[512];

#define HEAD               "<configuration name=\"voxeme.conf\">\n"
#define TAIL               "</configuration>\n"
#define ONE_TOKEN(sha)     "<token sha256=\"" sha "\"/>\n"
#define ACCOUNT(sid, name) "<account sid=\"" sid "\" name=\"" name "\">\n"

static struct vx_config *read_or_fail(const char *xml) {
    struct vx_config *config = vx_test_read(xml, NULL, error, sizeof error);
    if (!config)
        fail_msg("refused: %s", error);
    assert_string_equal(error, "");
    return config;
}

/* `line` 0: any line. */
static void refuse(const char *xml, int line, const char *word) {
    struct vx_config *config = vx_test_read(xml, NULL, error, sizeof error);
    if (config)
        fail_msg("accepted, but should name \"%s\":\n%s", word, xml);
    char where[64];
    snprintf(where, sizeof where, "voxeme.conf.xml:%d: ", line);
    if (line ? strncmp(error, where, strlen(where)) != 0 : strncmp(error, where, 16) != 0)
        fail_msg("should begin with \"%s\": %s", where, error);
    if (!strstr(error, word))
        fail_msg("should name \"%s\": %s", word, error);
}

static void test_reads_everything(void **state) {
    (void)state;
    struct vx_config *config = vx_test_config("max-calls=77;cors-origin=https://a.example;"
                                              "trusted-sources=10.0.0.0/8,192.0.2.9");
    assert_non_null(config);
    assert_int_equal(vx_config_int(config, VX_SET_MAX_CALLS), 77);
    assert_string_equal(vx_config_text(config, VX_SET_CORS_ORIGIN), "https://a.example");
    size_t count;
    vx_config_cidrs(config, VX_SET_TRUSTED_SOURCES, &count);
    assert_int_equal(count, 2);

    const struct vx_account_spec *accounts;
    assert_int_equal(vx_config_accounts(config, &accounts), 2);
    struct vx_uuid sid = vx_test_uuid(ALPHA_SID);
    assert_true(vx_uuid_eq(&accounts[0].sid, &sid));
    assert_string_equal(accounts[0].name, "alpha");
    assert_int_equal(accounts[0].realm_count, 1);
    assert_string_equal(accounts[0].realms[0], "alpha.example");
    assert_int_equal(accounts[1].source_count, 2);
    size_t index;
    sid = vx_test_uuid(BETA_SID);
    assert_true(vx_directory_find(vx_config_directory(config), &sid, &index));
    assert_int_equal(index, 1);
    vx_config_release(&config);
    assert_null(config);
}

static void test_tokens_are_sorted(void **state) {
    (void)state;
    struct vx_config *config = vx_test_config(NULL);
    assert_non_null(config);
    const struct vx_token *tokens;
    size_t n = vx_config_tokens(config, &tokens);
    assert_int_equal(n, 3);
    for (size_t i = 1; i < n; i++)
        assert_true(memcmp(tokens[i - 1].sha256, tokens[i].sha256, VX_TOKEN_HASH) < 0);
    /* 10a4... is the admin's, 863d... beta's, a336... alpha's. */
    assert_true(tokens[0].admin);
    assert_int_equal(tokens[0].sha256[0], 0x10);
    assert_false(tokens[1].admin);
    assert_int_equal(tokens[1].account, 1);
    assert_int_equal(tokens[2].sha256[31], 0x20);
    assert_int_equal(tokens[2].account, 0);
    vx_config_release(&config);
}

static void test_token_in_upper_case(void **state) {
    (void)state;
    struct vx_config *config = read_or_fail(
        HEAD "<admin><token sha256=\"A336D9B1D8B8647875238537CA5087B0EA335AFD2032936AECDFFC3E4B13"
             "F720\"/></admin>" TAIL);
    const struct vx_token *tokens;
    assert_int_equal(vx_config_tokens(config, &tokens), 1);
    assert_int_equal(tokens[0].sha256[0], 0xa3);
    vx_config_release(&config);
}

static void test_sections_in_any_order_and_left_out(void **state) {
    (void)state;
    struct vx_config *config = read_or_fail(HEAD TAIL);
    const struct vx_account_spec *accounts;
    assert_int_equal(vx_config_accounts(config, &accounts), 0);
    const struct vx_token *tokens;
    assert_int_equal(vx_config_tokens(config, &tokens), 0);
    assert_int_equal(vx_config_int(config, VX_SET_RETENTION_SECONDS), 600);
    vx_config_release(&config);

    config = read_or_fail(HEAD "<admin/>\n<accounts>\n" ACCOUNT(
        ALPHA_SID, "a") "</account></accounts>\n"
                        "<settings><param name=\"default-account\" value=\"A\"/></settings>" TAIL);
    vx_config_release(&config);
}

static void test_references(void **state) {
    (void)state;
    struct vx_config *config = vx_test_config(NULL);
    struct vx_config *second = vx_config_ref(config);
    vx_config_release(&config);
    assert_null(config);
    assert_int_equal(vx_config_int(second, VX_SET_RETENTION_SECONDS), 600);
    vx_config_release(&second);
    vx_config_release(&second);
}

static void test_settings_errors(void **state) {
    (void)state;
    refuse(HEAD "<settings>\n<param name=\"colour\" value=\"blue\"/></settings>" TAIL, 3, "colour");
    refuse(HEAD "<settings>\n\n<param name=\"max-calls\" value=\"many\"/></settings>" TAIL, 4,
           "max-calls");
    refuse(HEAD "<settings>\n<param value=\"5\"/></settings>" TAIL, 3, "name");
    refuse(HEAD "<settings>\n<param name=\"max-calls\"/></settings>" TAIL, 3, "value");
    refuse(HEAD "<settings>\n<parm name=\"max-calls\" value=\"5\"/></settings>" TAIL, 3, "parm");
    for (size_t i = 0; i < VX_SET_COUNT; i++) {
        if (vx_settings[i].type == VX_TEXT || vx_settings[i].type == VX_BOOL)
            continue;
        char xml[512];
        snprintf(xml, sizeof xml,
                 HEAD
                 "<settings>\n<!-- one\ntwo -->\n<param name=\"%s\" value=\"!\"/></settings>" TAIL,
                 vx_settings[i].name);
        refuse(xml, 5, vx_settings[i].name);
    }
}

static void test_structure_errors(void **state) {
    (void)state;
    refuse("<document>\n</document>", 1, "document");
    refuse(HEAD "<stettings>\n</stettings>" TAIL, 2, "stettings");
    refuse(HEAD "<accounts>\n<acount sid=\"" ALPHA_SID "\"/></accounts>" TAIL, 3, "acount");
    refuse(HEAD
           "<accounts>\n" ACCOUNT(ALPHA_SID, "a") "<reelm name=\"x\"/></account></accounts>" TAIL,
           4, "reelm");
    refuse(HEAD "<admin>\n<realm name=\"x\"/></admin>" TAIL, 3, "realm");
    refuse(HEAD "<param name=\"max-calls\" value=\"5\"/>" TAIL, 2, "param");
    refuse(HEAD "<settings><settings>\n</settings></settings>" TAIL, 2, "settings");
    refuse(HEAD ONE_TOKEN(ADMIN_SHA) TAIL, 2, "token");
    refuse(HEAD "<admin>\n<token sha256=\"" ADMIN_SHA "\"><token sha256=\"" BETA_SHA
                "\"/></token></admin>" TAIL,
           3, "token");
}

static void test_account_errors(void **state) {
    (void)state;
    refuse(HEAD "<accounts>\n<account name=\"a\"/></accounts>" TAIL, 3, "sid");
    refuse(HEAD "<accounts>\n" ACCOUNT("5f8e8f60", "a") "</account></accounts>" TAIL, 3, "sid");
    refuse(HEAD "<accounts>\n" ACCOUNT("00000000-0000-0000-0000-000000000000",
                                       "a") "</account></accounts>" TAIL,
           3, "sid");
    refuse(HEAD "<accounts>\n" ACCOUNT(ALPHA_SID, "a") "<realm/></account></accounts>" TAIL, 4,
           "realm");
    refuse(HEAD "<accounts>\n" ACCOUNT(
               ALPHA_SID, "a") "<source cidr=\"10.0.0.0/99\"/></account></accounts>" TAIL,
           4, "cidr");
    refuse(HEAD "<accounts>\n" ACCOUNT(ALPHA_SID, "a") "<source/></account></accounts>" TAIL, 4,
           "cidr");
}

static void test_two_accounts_alike(void **state) {
    (void)state;
    refuse(HEAD "<accounts>\n" ACCOUNT(ALPHA_SID, "a") "</account>\n" ACCOUNT(
               ALPHA_SID, "b") "</account></accounts>" TAIL,
           5, ALPHA_SID);
    refuse(HEAD "<accounts>\n" ACCOUNT(ALPHA_SID, "demo") "</account>\n" ACCOUNT(
               BETA_SID, "Demo") "</account></accounts>" TAIL,
           5, "emo");
    refuse(
        HEAD
        "<accounts>\n" ACCOUNT(ALPHA_SID, "a") "<realm name=\"pbx.example\"/></account>\n" ACCOUNT(
            BETA_SID, "b") "\n<realm name=\"PBX.example\"/></account></accounts>" TAIL,
        7, "example");
}

static void test_two_accounts_may_leave_out_their_names(void **state) {
    (void)state;
    struct vx_config *config =
        read_or_fail(HEAD "<accounts>\n<account sid=\"" ALPHA_SID "\"/><account sid=\"" BETA_SID
                          "\"/></accounts>" TAIL);
    const struct vx_account_spec *accounts;
    assert_int_equal(vx_config_accounts(config, &accounts), 2);
    vx_config_release(&config);
}

/* Every account with a name, a token, a realm and a source. The caller frees it. */
static char *many_accounts(unsigned count, unsigned first) {
    size_t size = 256 + count * 320ul, len = 0;
    char *xml = malloc(size);

    assert_non_null(xml);
    len += (size_t)snprintf(xml, size, HEAD "<accounts>\n");
    for (unsigned i = first; i < first + count; i++)
        len += (size_t)snprintf(xml + len, size - len,
                                "<account sid=\"%08x-4771-44cb-92a6-94ea66df0450\" name=\"n%u\">"
                                "<token sha256=\"%08x%s\"/><realm name=\"r%u.example\"/>"
                                "<source cidr=\"2001:db8::%x:%x\"/></account>\n",
                                i + 1, i, i, ALPHA_SHA + 8, i, i >> 16, i & 0xffff);
    snprintf(xml + len, size - len, "</accounts>" TAIL);
    return xml;
}

/* Of this thread, so that others on the machine do not count. */
static double seconds_to_read(const char *xml) {
    struct timespec began, ended;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &began);
    struct vx_config *config = read_or_fail(xml);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ended);
    vx_config_release(&config);
    return (double)(ended.tv_sec - began.tv_sec) + (double)(ended.tv_nsec - began.tv_nsec) / 1e9;
}

/* Sixteen times the accounts take about sixteen times as long, not 256 times. */
static void test_cost_grows_with_the_file_only(void **state) {
    (void)state;
    char *few = many_accounts(1000, 0), *many = many_accounts(16000, 0);
    double least = seconds_to_read(few);

    for (int i = 0; i < 4; i++) {
        double again = seconds_to_read(few);
        least = again < least ? again : least;
    }
    double most = seconds_to_read(many);
    for (int i = 0; i < 2; i++) {
        double again = seconds_to_read(many);
        most = again < most ? again : most;
    }
    double ratio = most / least;
    free(few);
    free(many);
    if (ratio > 128)
        fail_msg("16 times the accounts take %.0f times as long", ratio);
}

/* A registry that goes from `count` accounts to as many others. */
static double seconds_to_change(unsigned count) {
    struct timespec began, ended;
    char *before = many_accounts(count, 0), *after = many_accounts(count, count);
    struct vx_config *first = read_or_fail(before), *second = read_or_fail(after);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &began);
    struct vx_registry *registry = vx_registry_new(first, &vx_clock_system);
    assert_non_null(registry);
    assert_true(vx_registry_configure(registry, second));
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ended);
    vx_registry_release(&registry);
    vx_config_release(&first);
    vx_config_release(&second);
    free(before);
    free(after);
    return (double)(ended.tv_sec - began.tv_sec) + (double)(ended.tv_nsec - began.tv_nsec) / 1e9;
}

static void test_cost_of_other_accounts_grows_with_them_only(void **state) {
    (void)state;
    double least = seconds_to_change(1000);

    for (int i = 0; i < 4; i++) {
        double again = seconds_to_change(1000);
        least = again < least ? again : least;
    }
    double most = seconds_to_change(16000);
    for (int i = 0; i < 2; i++) {
        double again = seconds_to_change(16000);
        most = again < most ? again : most;
    }
    double ratio = most / least;
    if (ratio > 128)
        fail_msg("16 times the accounts take %.0f times as long", ratio);
}

static void test_what_no_two_accounts_may_share(void **state) {
    (void)state;
    refuse(
        HEAD
        "<accounts>\n" ACCOUNT(ALPHA_SID, "a") "<source cidr=\"10.0.0.0/8\"/></account>\n" ACCOUNT(
            BETA_SID, "b") "<source cidr=\"10.0.0.0/8\"/></account></accounts>" TAIL,
        6, "10.0.0.0/8");
    /* Another length, and a name that is another's realm, are others. */
    struct vx_config *config = read_or_fail(HEAD "<accounts>\n" ACCOUNT(
        ALPHA_SID, "a") "<realm name=\"b\"/><source cidr=\"10.0.0.0/8\"/>"
                        "<source cidr=\"10.0.0.0/9\"/><source cidr=\"10.0.0.0\"/>"
                        "<realm name=\"c\"/><realm name=\"d\"/></account>\n" ACCOUNT(
                            BETA_SID, "b") "</account></accounts>" TAIL);
    const struct vx_account_spec *accounts;
    vx_config_accounts(config, &accounts);
    assert_int_equal(accounts[0].realm_count, 3);
    assert_string_equal(accounts[0].realms[2], "d");
    assert_int_equal(accounts[0].source_count, 3);
    assert_int_equal(accounts[0].sources[2].bits, 128);
    vx_config_release(&config);
}

#define GATEWAYS(gateways)                                                                         \
    HEAD "<accounts>\n" ACCOUNT(ALPHA_SID, "a") gateways "</account></accounts>" TAIL
#define GATEWAY(attributes) GATEWAYS("<gateway name=\"g\" address=\"192.0.2.1\" " attributes "/>")

static void test_gateways(void **state) {
    (void)state;
    struct vx_config *config =
        read_or_fail(GATEWAYS("<gateway name=\"g\" address=\"192.0.2.1:5070\"/>"
                              "<gateway name=\"h\" address=\"[2001:db8::1]\" username=\"jo: "
                              "e\" password=\"p:w\"/>"));
    const struct vx_account_spec *accounts;
    vx_config_accounts(config, &accounts);
    assert_int_equal(accounts[0].gateway_count, 2);
    assert_null(accounts[0].gateways[0].credentials);
    const struct vx_credentials *c = accounts[0].gateways[1].credentials;
    assert_true(vx_str_eq(vx_credentials_username(c), VX_STR("jo: e")));
    assert_true(vx_str_eq(vx_credentials_password(c), VX_STR("p:w")));
    vx_config_release(&config);
}

static void test_gateway_errors(void **state) {
    (void)state;
    char xml[1024];
    static const struct {
        const char *xml, *word;
    } rows[] = {
        {GATEWAY("username=\"joe\""), "username and password go together"},
        {GATEWAY("password=\"geheim\""), "username and password go together"},
        {GATEWAY("username=\"\" password=\"geheim\""), "username must have 1 to 255"},
        {GATEWAY("username=\"joe\" password=\"\""), "password must have 1 to 255"},
        {GATEWAY("username=\"j\to\" password=\"geheim\""), "username has a control"},
        {GATEWAY("username=\"joe\" password=\"geheim\x7f\""), "password has a control"},
        {GATEWAY("user=\"geheim\""), "no attribute 'user'"},
        {GATEWAYS("<gateway name=\"g\" username=\"joe\" password=\"geheim\"/>"), "address"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        refuse(rows[i].xml, 4, rows[i].word);
        assert_null(strstr(error, "geheim"));
        assert_null(strstr(error, "joe"));
    }
    for (int len = 255; len <= 256; len++) {
        snprintf(xml, sizeof xml, GATEWAY("username=\"%0*d\" password=\"%0*d\""), len, 0, len, 1);
        if (len > 255)
            refuse(xml, 4, "username must have 1 to 255");
        else
            vx_config_release(&(struct vx_config *){read_or_fail(xml)});
    }
}

static void gateway_scenario(void *ctx) {
    (void)ctx;
    vx_test_arm();
    struct vx_config *config =
        vx_test_read(GATEWAY("username=\"joe\" password=\"geheim\""), NULL, error, sizeof error);
    bool failed = vx_test_disarm();
    assert_true(config || failed);
    vx_config_release(&config);
}

static void test_a_gateway_without_memory(void **state) {
    (void)state;
    vx_test_every_allocation_fails(gateway_scenario, NULL, true);
}

static void test_sections_twice(void **state) {
    (void)state;
    refuse(HEAD "<settings/>\n<settings/>" TAIL, 3, "second <settings>");
    refuse(HEAD "<accounts/>\n<accounts/>" TAIL, 3, "second <accounts>");
    refuse(HEAD "<admin/>\n<admin/>" TAIL, 3, "second <admin>");
    refuse(HEAD "<switch/>\n<switch/>" TAIL, 3, "second <switch>");
}

static void test_host_bits(void **state) {
    (void)state;
    refuse(HEAD
           "<settings>\n<param name=\"trusted-sources\" value=\"10.0.0.1/8\"/></settings>" TAIL,
           3, "10.0.0.0/8 is meant");
    refuse(HEAD
           "<settings>\n<param name=\"metrics-allow\" value=\"2001:db8::1/32\"/></settings>" TAIL,
           3, "2001:db8::/32 is meant");
    refuse(HEAD "<accounts>\n" ACCOUNT(
               ALPHA_SID, "a") "<source cidr=\"192.0.2.129/24\"/></account></accounts>" TAIL,
           4, "192.0.2.0/24 is meant");
}

/* A message is one line, whatever the file has in it. */
static void test_errors_are_one_line(void **state) {
    (void)state;
    refuse(HEAD
           "<settings>\n<param name=\"cors-origin\" value=\"a\x01\x7f\x1b[31m\"/></settings>" TAIL,
           3, "cors-origin");
    for (const char *p = error; *p; p++)
        assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
}

static void test_lines_of_settings(void **state) {
    (void)state;
    struct vx_config *config =
        read_or_fail(HEAD "<settings>\n\n<param name=\"tls-cert\" value=\"\"/></settings>" TAIL);
    assert_int_equal(vx_config_line(config, VX_SET_TLS_CERT), 4);
    assert_int_equal(vx_config_line(config, VX_SET_TLS_KEY), 0);
    vx_config_release(&config);
}

static void test_token_errors(void **state) {
    (void)state;
#define IN_ADMIN(attr) HEAD "<admin>\n<token " attr "/></admin>" TAIL
    refuse(IN_ADMIN(""), 3, "sha256");
    refuse(IN_ADMIN("sha256=\"\""), 3, "sha256");
    refuse(IN_ADMIN("sha256=\"alpha-token\""), 3, "sha256");
    refuse(IN_ADMIN("sha256=\"a336d9b1\""), 3, "sha256");
    refuse(IN_ADMIN("sha256=\"" ALPHA_SHA "0\""), 3, "sha256");
    refuse(IN_ADMIN("sha256=\"" ALPHA_SHA "00\""), 3, "sha256");
    refuse(IN_ADMIN("sha256=\"g336d9b1d8b8647875238537ca5087b0ea335afd2032936aecdffc3e4b13f720\""),
           3, "sha256");
}

static void test_token_twice(void **state) {
    (void)state;
    refuse(HEAD "<admin>\n" ONE_TOKEN(ALPHA_SHA) ONE_TOKEN(ALPHA_SHA) "</admin>" TAIL, 4, "token");
    refuse(HEAD "<accounts>\n" ACCOUNT(ALPHA_SID, "a")
               ONE_TOKEN(ALPHA_SHA) "</account>\n" ACCOUNT(BETA_SID, "b")
                   ONE_TOKEN(ALPHA_SHA) "</account></accounts>" TAIL,
           7, "token");
    refuse(HEAD "<accounts>\n" ACCOUNT(ALPHA_SID, "a")
               ONE_TOKEN(ALPHA_SHA) "</account></accounts>\n"
                                    "<admin>" ONE_TOKEN(ALPHA_SHA) "</admin>" TAIL,
           6, "token");
}

/* A token someone wrote there in the clear by mistake must not come out in a message. */
static void test_errors_do_not_show_tokens(void **state) {
    (void)state;
    refuse(IN_ADMIN("sha256=\"sesame-open-yourself\""), 3, "sha256");
    assert_null(strstr(error, "sesame"));
}

static void test_default_account(void **state) {
    (void)state;
#define DEFAULT(value)                                                                             \
    HEAD "<settings>\n<param name=\"default-account\" value=\"" value                              \
         "\"/></settings>\n<accounts>" ACCOUNT(ALPHA_SID, "demo") "</account></accounts>" TAIL
    refuse(DEFAULT("nobody"), 3, "default-account");
    refuse(DEFAULT(NOBODY), 3, "default-account");
    static const char *const good[] = {DEFAULT("demo"), DEFAULT("DEMO"), DEFAULT(ALPHA_SID),
                                       DEFAULT("")};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct vx_config *config = read_or_fail(good[i]);
        vx_config_release(&config);
    }
}

static void test_certificate_needs_its_key(void **state) {
    (void)state;
    refuse(HEAD "<settings>\n<param name=\"tls-cert\" value=\"/etc/c.pem\"/></settings>" TAIL, 3,
           "tls-key");
    refuse(HEAD "<settings>\n<param name=\"tls-key\" value=\"/etc/k.pem\"/></settings>" TAIL, 3,
           "tls-cert");
}

static void test_first_error_stays(void **state) {
    (void)state;
    struct vx_config_reader *r = vx_config_reader_new("a/b.xml", NULL);
    static const char *const root[] = {"name", "voxeme.conf", NULL}, *const empty[] = {NULL};
    assert_string_equal(vx_config_reader_error(r), "");
    assert_true(vx_config_reader_begin(r, "configuration", root, 1));
    assert_false(vx_config_reader_begin(r, "wrong", empty, 2));
    assert_false(vx_config_reader_begin(r, "settings", empty, 3));
    assert_false(vx_config_reader_end(r, "configuration", 4));
    vx_config_reader_fail(r, 5, "also %s", "this");
    assert_null(vx_config_reader_finish(r));
    assert_int_equal(strncmp(vx_config_reader_error(r), "a/b.xml:2: ", 11), 0);
    assert_null(strstr(vx_config_reader_error(r), "also"));
    vx_config_reader_release(&r);
    assert_null(r);
}

static void test_errors_of_the_parser(void **state) {
    (void)state;
    struct vx_config_reader *r = vx_config_reader_new("c.xml", NULL);
    vx_config_reader_fail(r, 12, "not %s", "well-formed");
    assert_string_equal(vx_config_reader_error(r), "c.xml:12: not well-formed");
    assert_null(vx_config_reader_finish(r));
    vx_config_reader_release(&r);

    r = vx_config_reader_new("c.xml", NULL);
    vx_config_reader_fail(r, 0, "cannot be read");
    assert_string_equal(vx_config_reader_error(r), "c.xml: cannot be read");
    vx_config_reader_release(&r);
}

static void test_unfinished_file(void **state) {
    (void)state;
    static const char *const root[] = {"name", "voxeme.conf", NULL}, *const empty[] = {NULL};
    struct vx_config_reader *r = vx_config_reader_new("c.xml", NULL);
    assert_null(vx_config_reader_finish(r)); /* no element at all */
    assert_true(strlen(vx_config_reader_error(r)) > 0);
    vx_config_reader_release(&r);
    r = vx_config_reader_new("c.xml", NULL);
    assert_true(vx_config_reader_begin(r, "configuration", root, 1));
    assert_true(vx_config_reader_begin(r, "settings", empty, 2));
    vx_config_reader_release(&r); /* given up half way: nothing may leak */
}

/* --- a host's own section --- */

struct heard {
    char text[256];
    const char *refuse;
};

static bool hear_begin(void *ctx, const char *element, const char *const *attributes, int line,
                       char *err, size_t size) {
    (void)line;
    struct heard *h = ctx;
    const char *name = vx_attribute(attributes, "name");
    size_t len = strlen(h->text);
    snprintf(h->text + len, sizeof h->text - len, "+%s%s%s ", element, name ? "=" : "",
             name ? name : "");
    if (h->refuse && strcmp(h->refuse, element) == 0) {
        snprintf(err, size, "sip-listen is odd");
        return false;
    }
    return true;
}

static bool hear_end(void *ctx, const char *element, char *err, size_t size) {
    (void)err;
    (void)size;
    struct heard *h = ctx;
    size_t len = strlen(h->text);
    snprintf(h->text + len, sizeof h->text - len, "-%s ", element);
    return true;
}

#define SWITCH                                                                                     \
    HEAD                                                                                           \
        "<switch>\n<param name=\"sip-listen\" value=\"x\"/>\n<routes>\n<route to=\"1\"/></routes>" \
        "</switch><settings/>" TAIL

static void test_section_goes_to_the_host(void **state) {
    (void)state;
    struct heard h = {.text = ""};
    struct vx_config_section section = {"switch", hear_begin, hear_end, NULL, &h};
    struct vx_config *config = vx_test_read(SWITCH, &section, error, sizeof error);
    assert_string_equal(error, "");
    assert_non_null(config);
    vx_config_release(&config);
    assert_non_null(strstr(h.text, "+param=sip-listen -param +routes +route -route -routes "));
    assert_null(strstr(h.text, "settings"));
}

static void test_section_is_read_over_without_a_host(void **state) {
    (void)state;
    struct vx_config *config = read_or_fail(SWITCH);
    vx_config_release(&config);
}

static void test_section_errors_get_file_and_line(void **state) {
    (void)state;
    struct heard h = {.text = "", .refuse = "param"};
    struct vx_config_section section = {"switch", hear_begin, hear_end, NULL, &h};
    struct vx_config *config = vx_test_read(SWITCH, &section, error, sizeof error);
    assert_null(config);
    assert_string_equal(error, "voxeme.conf.xml:3: sip-listen is odd");
}

static bool never_finish(void *ctx, const struct vx_directory *accounts, int *line, char *err,
                         size_t size) {
    size_t index;

    (void)ctx;
    assert_true(vx_directory_find_name(accounts, VX_STR("ALPHA"), &index));
    assert_true(vx_directory_find_name(accounts, VX_STR(BETA_SID), &index));
    assert_false(vx_directory_find_name(accounts, VX_STR("gamma"), &index));
    *line = 17;
    snprintf(err, size, "accountcode is odd");
    return false;
}

static void test_section_finds_fault_at_the_end(void **state) {
    (void)state;
    struct heard h = {.text = ""};
    struct vx_config_section section = {"switch", hear_begin, hear_end, never_finish, &h};
    struct vx_config *config =
        vx_test_read(HEAD "<accounts>" ACCOUNT(ALPHA_SID, "alpha") "</account>" ACCOUNT(
                         BETA_SID, "beta") "</account></accounts><switch/>" TAIL,
                     &section, error, sizeof error);
    assert_null(config);
    assert_string_equal(error, "voxeme.conf.xml:17: accountcode is odd");
}

static void test_attribute(void **state) {
    (void)state;
    static const char *const list[] = {"name", "a", "value", "", NULL};
    assert_string_equal(vx_attribute(list, "name"), "a");
    assert_string_equal(vx_attribute(list, "value"), "");
    assert_null(vx_attribute(list, "a"));
    assert_null(vx_attribute(list, "nam"));
}

static void scenario(void *ctx) {
    (void)ctx;
    vx_test_capture_log();
    vx_test_arm();
    struct vx_config *config =
        vx_test_config("trusted-sources=10.0.0.0/8,192.0.2.9;default-account="
                       "beta;cors-origin=https://x.example");
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
        cmocka_unit_test(test_reads_everything),
        cmocka_unit_test(test_tokens_are_sorted),
        cmocka_unit_test(test_token_in_upper_case),
        cmocka_unit_test(test_sections_in_any_order_and_left_out),
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_settings_errors),
        cmocka_unit_test(test_structure_errors),
        cmocka_unit_test(test_account_errors),
        cmocka_unit_test(test_two_accounts_alike),
        cmocka_unit_test(test_two_accounts_may_leave_out_their_names),
        cmocka_unit_test(test_cost_grows_with_the_file_only),
        cmocka_unit_test(test_cost_of_other_accounts_grows_with_them_only),
        cmocka_unit_test(test_what_no_two_accounts_may_share),
        cmocka_unit_test(test_gateways),
        cmocka_unit_test(test_gateway_errors),
        cmocka_unit_test(test_a_gateway_without_memory),
        cmocka_unit_test(test_sections_twice),
        cmocka_unit_test(test_host_bits),
        cmocka_unit_test(test_errors_are_one_line),
        cmocka_unit_test(test_lines_of_settings),
        cmocka_unit_test(test_token_errors),
        cmocka_unit_test(test_token_twice),
        cmocka_unit_test(test_errors_do_not_show_tokens),
        cmocka_unit_test(test_default_account),
        cmocka_unit_test(test_certificate_needs_its_key),
        cmocka_unit_test(test_first_error_stays),
        cmocka_unit_test(test_errors_of_the_parser),
        cmocka_unit_test(test_unfinished_file),
        cmocka_unit_test(test_section_goes_to_the_host),
        cmocka_unit_test(test_section_is_read_over_without_a_host),
        cmocka_unit_test(test_section_errors_get_file_and_line),
        cmocka_unit_test(test_section_finds_fault_at_the_end),
        cmocka_unit_test(test_attribute),
        cmocka_unit_test(test_every_allocation_fails),
    };
    return cmocka_run_group_tests_name("config_reader", tests, NULL, NULL);
}
