/* Answers to challenges: the examples of the RFCs, and challenges that nobody should answer. */
#include "support.h"

#include "host/sip/digest.h"

static char answer[8192];

/* "" when there is none. */
static const char *answered(const char *const *parameters, struct vx_str username,
                            struct vx_str password, const struct vx_digest_request *request) {
    struct vx_credentials *credentials = vx_credentials_new(username, password);
    struct vx_digest_challenge challenge;
    struct vx_buf out = {0};

    answer[0] = '\0';
    if (vx_digest_read(&challenge, parameters) &&
        vx_digest_answer(&out, &challenge, credentials, request))
        snprintf(answer, sizeof answer, "%.*s", (int)out.len, out.at);
    vx_buf_free(&out);
    vx_credentials_release(&credentials);
    return answer;
}

#define HOST_REALM "realm=\"testrealm@host.com\"", "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\""
#define HTTP_REALM                                                                                 \
    "realm=\"http-auth@example.org\"", "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\"",   \
        "qop=\"auth, auth-int\"", "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""

/* RFC 2617, section 3.5, with qop and without; RFC 7616, section 3.9.1. */
static void test_the_examples_of_the_rfcs(void **state) {
    static const struct {
        const char *parameters[8], *password, *cnonce, *response;
    } rows[] = {
        {{HOST_REALM, "qop=\"auth,auth-int\"", "opaque=\"5ccc069c403ebaf9f0171e9517f40e41\""},
         "Circle Of Life",
         "0a4f113b",
         "6629fae49393a05397450978507c4ef1"},
        {{HOST_REALM}, "Circle Of Life", "0a4f113b", "670fd8c2df070c60b045671b8b24ff02"},
        {{HTTP_REALM, "algorithm=MD5"},
         "Circle of Life",
         "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
         "8ca523f5e9506fed4657c9700eebdbec"},
        {{HTTP_REALM, "Algorithm=sha-256"},
         "Circle of Life",
         "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
         "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"},
    };
    char expected[128];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct vx_digest_request request = {VX_STR("GET"), VX_STR("/dir/index.html"),
                                                  vx_str(rows[i].cnonce), 1};
        answered(rows[i].parameters, VX_STR("Mufasa"), vx_str(rows[i].password), &request);
        snprintf(expected, sizeof expected, ", response=\"%s\"", rows[i].response);
        if (!strstr(answer, expected))
            fail_msg("row %zu: %s", i, answer);
        assert_null(strstr(answer, "Circle"));
    }
}

static const struct vx_digest_request request = {VX_STR("INVITE"), VX_STR("sip:bob@192.0.2.1"),
                                                 VX_STR("c"), 0x1f};

static void test_what_an_answer_says(void **state) {
    static const char *const plain[] = {"realm=\"r\"", "nonce=\"n\"", NULL};
    static const char begins[] = "Digest username=\"joe\", realm=\"r\", nonce=\"n\", "
                                 "uri=\"sip:bob@192.0.2.1\", response=\"";
    static const char *const token[] = {"Realm=r",  "NONCE=n",       "opaque=\"\"",
                                        "qop=auth", "algorithm=MD5", NULL};

    (void)state;
    answered(plain, VX_STR("joe"), VX_STR("geheim"), &request);
    assert_int_equal(strncmp(answer, begins, sizeof begins - 1), 0);
    assert_int_equal(strlen(answer), sizeof begins - 1 + 33);
    answered(token, VX_STR("joe"), VX_STR("geheim"), &request);
    assert_non_null(strstr(answer, "\", algorithm=MD5, opaque=\"\", qop=auth, cnonce=\"c\", "
                                   "nc=0000001f"));
    assert_non_null(strstr(answer, "realm=\"r\", nonce=\"n\","));
}

/* The same secret is hashed however it is written, and what is quoted stays so. */
static void test_nothing_ends_its_quotes(void **state) {
    static const char *const hostile[] = {"realm=\"a\\\", response=\\\"x\\\\\"", "nonce=\"n\\\"o\"",
                                          "opaque=\"\\\\\"", NULL};

    (void)state;
    answered(hostile, VX_STR("jo\"e\\"), VX_STR("p\"w\\"), &request);
    assert_non_null(strstr(answer, "username=\"jo\\\"e\\\\\", realm=\"a\\\", response=\\\"x\\\\\", "
                                   "nonce=\"n\\\"o\", uri="));
    assert_non_null(strstr(answer, ", opaque=\"\\\\\""));
    /* md5(md5(jo"e\:a", response="x\:p"w\) : n"o : md5(INVITE:sip:bob@192.0.2.1)) */
    assert_non_null(strstr(answer, "response=\"15cec3ba7b11e14e96c66ec60ce5dd04\""));
}

static void test_challenges_that_are_not_answered(void **state) {
    static char longest[VX_DIGEST_BYTES + 16], longer[VX_DIGEST_BYTES + 16];
    static const char *const rows[][6] = {
        {NULL},
        {"nonce=\"n\""},
        {"realm=\"r\""},
        {"realm=\"r\"", "nonce=\"\""},
        {"realm=\"r", "nonce=\"n\""},
        {"realm=\"", "nonce=\"n\""},
        {"realm=\"r\\\"", "nonce=\"n\""},
        {"realm=\"r\\\\\"x\"", "nonce=\"n\""},
        {"realm=\"r\"x\"", "nonce=\"n\""},
        {"realm=\"r\r\nX: y\"", "nonce=\"n\""},
        {"realm=\"r\"", "nonce=\"n\\\r\""},
        {"realm=\"r\"", "nonce=\"n\x7f\""},
        {"realm=\"r\"", "nonce=\"n\"", "opaque=\"\"\""},
        {"realm=\"r\"", "nonce=\"n\"", "opaque=a\"b"},
        {"realm=\"r\"", "nonce=\"n\"", "algorithm=MD5-sess"},
        {"realm=\"r\"", "nonce=\"n\"", "algorithm="},
        {"realm=\"r\"", "nonce=\"n\"", "algorithm=\"MD5\r\n\""},
        {"realm=\"r\"", "nonce=\"n\"", "qop=\"auth-int\""},
        {"realm=\"r\"", "nonce=\"n\"", "qop=\"\""},
        {"realm=\"r\"", "nonce=\"n\"", "qop=\"author,xauth\""},
        {"realmx=\"r\"", "nonce=\"n\""},
    };
    struct vx_digest_request bad = request;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (*answered(rows[i], VX_STR("joe"), VX_STR("geheim"), &request))
            fail_msg("row %zu: %s", i, answer);
    snprintf(longest, sizeof longest, "nonce=%0*d", VX_DIGEST_BYTES, 0);
    snprintf(longer, sizeof longer, "nonce=%0*d", VX_DIGEST_BYTES + 1, 0);
    const char *const most[] = {"realm=r", longest, NULL}, *const more[] = {"realm=r", longer,
                                                                            NULL};
    assert_true(*answered(most, VX_STR("joe"), VX_STR("geheim"), &request));
    assert_false(*answered(more, VX_STR("joe"), VX_STR("geheim"), &request));
    bad.uri = VX_STR("sip:\"@h");
    assert_false(*answered(most, VX_STR("joe"), VX_STR("geheim"), &bad));
}

static void test_stale(void **state) {
    static const char *const rows[][4] = {{"realm=r", "nonce=n", "stale=TRUE"},
                                          {"realm=r", "nonce=n", "stale=\"true\""},
                                          {"realm=r", "nonce=n", "stale=false"},
                                          {"realm=r", "nonce=n"}};
    struct vx_digest_challenge challenge;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_true(vx_digest_read(&challenge, rows[i]));
        assert_int_equal(challenge.stale, i < 2);
    }
}

static void scenario(void *ctx) {
    static const char *const parameters[] = {"realm=\"r\"", "nonce=\"n\"", NULL};

    (void)ctx;
    vx_test_arm();
    struct vx_credentials *credentials = vx_credentials_new(VX_STR("joe"), VX_STR("geheim"));
    struct vx_digest_challenge challenge;
    struct vx_buf out = {0};
    bool ok = credentials && vx_digest_read(&challenge, parameters) &&
              vx_digest_answer(&out, &challenge, credentials, &request);
    assert_true(ok != vx_test_disarm());
    vx_buf_free(&out);
    vx_credentials_release(&credentials);
}

static void test_every_allocation_fails(void **state) {
    (void)state;
    vx_test_every_allocation_fails(scenario, NULL, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_examples_of_the_rfcs),
        cmocka_unit_test(test_what_an_answer_says),
        cmocka_unit_test(test_nothing_ends_its_quotes),
        cmocka_unit_test(test_challenges_that_are_not_answered),
        cmocka_unit_test(test_stale),
        cmocka_unit_test(test_every_allocation_fails),
    };
    return cmocka_run_group_tests_name("sip_digest", tests, NULL, NULL);
}
