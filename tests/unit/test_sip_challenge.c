/*
 * Far ends that ask a call that the API has made for credentials: what is sent again, what ends the
 * call, and what happens in between.
 */
#include "sip_far_end.h"

#define USER     "joe"
#define PASSWORD "geheim-0123456789"

#define CHALLENGE(header, realm, nonce, more)                                                      \
    header ": Digest realm=\"" realm "\", nonce=\"" nonce "\"" more "\r\n"
#define ASKED(nonce, more) CHALLENGE("WWW-Authenticate", "r", nonce, more)
#define QOP                ", qop=\"auth\""

static struct vx_command_args args_with(unsigned n, struct vx_credentials *credentials) {
    struct vx_command_args args = originate_args(n);

    args.credentials = credentials;
    args.timeout_s = 60;
    return args;
}

/* A call with credentials, whose first INVITE, which has none, has been heard. */
static void call(unsigned n) {
    struct vx_credentials *credentials = vx_credentials_new(VX_STR(USER), VX_STR(PASSWORD));
    struct vx_command_args args = args_with(n, credentials);

    ends(submit(VX_VERB_ORIGINATE, &args), VX_OUTCOME_DONE);
    vx_credentials_release(&credentials);
    assert_true(hears("INVITE sip:bob@", PATIENT));
    assert_null(strstr(w.got, "uthorization: "));
    memcpy(invite, w.got, sizeof invite);
}

/* Challenges the request that was heard; its like comes again, with `header`. */
static void challenged(unsigned status, const char *challenge, const char *answer) {
    char method[16], before[64], after[64];

    snprintf(method, sizeof method, "%.*s", (int)strcspn(w.got, " ") + 1, w.got);
    header("CSeq", before, sizeof before);
    reply(status, challenge, NULL);
    do
        assert_true(hears(method, PATIENT));
    while (header("CSeq", after, sizeof after), strcmp(before, after) == 0);
    if (!strstr(w.got, answer))
        fail_msg("no %s in %s", answer, w.got);
    assert_null(strstr(w.got, PASSWORD));
    if (strcmp(method, "INVITE ") == 0)
        memcpy(invite, w.got, sizeof invite);
}

static void says(const char *method, const char *header_of) {
    assert_true(hears(method, PATIENT));
    assert_non_null(strstr(w.got, header_of));
}

#define SENT(n, c) assert_int_equal(atomic_load(&w.metrics.challenges_##n), c)

static void test_a_call_and_all_of_its_requests(void **state) {
    static const unsigned statuses[] = {401, 407};
    static const char *const challenges[] = {CHALLENGE("WWW-Authenticate", "r", "n", QOP),
                                             CHALLENGE("Proxy-Authenticate", "r", "n", QOP)};
    static const char *const answers[] = {
        "\r\nAuthorization: Digest username=\"" USER "\", realm=\"r\", nonce=\"n\", uri=\"",
        "\r\nProxy-Authorization: Digest username=\"" USER "\", realm=\"r\", nonce=\"n\", uri=\""};
    (void)state;

    for (unsigned i = 0; i < 2; i++) {
        unsigned n = i + 1, status = statuses[i];
        const char *asked = challenges[i], *answer = answers[i];
        struct vx_command_args args = {.call_sid = vx_test_sid(n),
                                       .digits = VX_STR("1"),
                                       .method = VX_STR("MESSAGE"),
                                       .content_type = VX_STR("text/plain"),
                                       .content = VX_STR("x"),
                                       .hook = VX_STR("https://example.com/")};
        struct vx_command *c;

        call(n);
        challenged(status, asked, answer);
        assert_non_null(strstr(w.got, "nc=00000001"));
        reply(180, "", NULL);
        becomes(n, VX_CALL_RINGING, 180);
        reply(200, "", vx_test_sdp);
        says("ACK ", answer); /* RFC 3261, section 22.1 */
        becomes(n, VX_CALL_IN_PROGRESS, 200);
        c = submit(VX_VERB_DTMF, &args);
        says("INFO ", "CSeq");
        assert_null(strstr(w.got, "uthorization: "));
        challenged(status, asked, answer);
        assert_non_null(strstr(w.got, "nc=00000002"));
        assert_non_null(strstr(w.got, "Signal=1"));
        reply(200, "", NULL);
        ends(c, VX_OUTCOME_DONE);
        c = submit(VX_VERB_REQUEST, &args);
        says("MESSAGE ", "CSeq");
        challenged(status, asked, answer);
        reply(200, "", NULL);
        ends(c, VX_OUTCOME_DONE);
        c = submit(VX_VERB_HOLD, &args);
        says("INVITE ", "a=sendonly");
        challenged(status, asked, answer);
        assert_non_null(strstr(w.got, "a=sendonly"));
        reply(200, "", vx_test_sdp);
        says("ACK ", answer);
        ends(c, VX_OUTCOME_DONE);
        ends(submit(VX_VERB_HANGUP, &args), VX_OUTCOME_DONE);
        becomes(n, VX_CALL_COMPLETED, 200);
        says("BYE ", "CSeq");
        challenged(status, asked, answer);
        reply(200, "", NULL);
        all_gone();
    }
    SENT(answered, 10);
    SENT(refused, 0);
    SENT(unknown, 0);
}

static void test_a_redirection(void **state) {
    (void)state;
    vx_test_far_end_open("", "<param name=\"redirect-to\" value=\"1000\"/>");
    const struct vx_command_args args = {.call_sid = vx_test_sid(1),
                                         .hook = VX_STR("https://example.com/")};
    call(1);
    reply(200, "", vx_test_sdp);
    says("ACK ", "CSeq");
    becomes(1, VX_CALL_IN_PROGRESS, 200);
    struct vx_command *c = submit(VX_VERB_REDIRECT, &args);
    says("REFER ", "Refer-To");
    challenged(401, ASKED("n", ""), "\r\nAuthorization: Digest ");
    assert_non_null(strstr(w.got, "Refer-To"));
    reply(202, "", NULL);
    ends(c, VX_OUTCOME_DONE);
    vx_test_far_end_close();
}

/* The call ends with the challenge, and no request is sent again. */
static void refused(unsigned n, unsigned status, const char *challenge) {
    char before[64], after[64];

    header("CSeq", before, sizeof before);
    reply(status, challenge, NULL);
    becomes(n, VX_CALL_FAILED, status);
    while (hears("INVITE ", BRIEF)) {
        header("CSeq", after, sizeof after);
        assert_string_equal(before, after);
    }
    all_gone();
}

static void test_credentials_that_are_refused(void **state) {
    (void)state;
    call(1);
    challenged(401, ASKED("n", QOP), "Authorization: ");
    refused(1, 401, ASKED("o", QOP));
    call(2);
    challenged(407, CHALLENGE("Proxy-Authenticate", "r", "n", ""), "Proxy-Authorization: ");
    refused(2, 407, CHALLENGE("Proxy-Authenticate", "r", "n", ", stale=false"));
    SENT(answered, 2);
    SENT(refused, 2);
    /* Within the call that is no more than a refusal, and the next request is answered anew. */
    const struct vx_command_args args = {.call_sid = vx_test_sid(3), .digits = VX_STR("1")};
    call(3);
    reply(200, "", vx_test_sdp);
    says("ACK ", "CSeq");
    becomes(3, VX_CALL_IN_PROGRESS, 200);
    for (int i = 0; i < 2; i++) {
        struct vx_command *c = submit(VX_VERB_DTMF, &args);
        says("INFO ", "CSeq");
        challenged(401, i ? ASKED("o", "") : ASKED("n", ""), "Authorization: ");
        reply(401, ASKED("p", ""), NULL);
        ends(c, VX_OUTCOME_FAILED);
    }
    ends(submit(VX_VERB_HANGUP, &args), VX_OUTCOME_DONE);
    says("BYE ", "CSeq");
    challenged(401, ASKED("n", ""), "Authorization: ");
    reply(401, ASKED("n", ""), NULL);
    all_gone();
}

static void test_a_nonce_that_was_stale(void **state) {
    (void)state;
    call(1);
    challenged(401, ASKED("n", QOP), "nonce=\"n\"");
    challenged(401, ASKED("o", QOP ", stale=true"), "nonce=\"o\"");
    assert_non_null(strstr(w.got, "nc=00000001"));
    reply(486, "", NULL);
    becomes(1, VX_CALL_BUSY, 486);
    all_gone();
    /* One that is never content: it gets a few requests, and the call its end. */
    int sent = 0;
    call(2);
    for (reply(401, ASKED("n", ", stale=true"), NULL); hears("INVITE ", BRIEF); sent++)
        reply(401, ASKED("n", ", stale=true"), NULL);
    becomes(2, VX_CALL_FAILED, 401);
    assert_in_range(sent, 2, 6);
    all_gone();
}

static void test_challenges_that_are_not_answered(void **state) {
    static const char *const challenges[] = {
        "",
        "WWW-Authenticate: Basic realm=\"r\"\r\n",
        "WWW-Authenticate: Digest realm=\"r\"\r\n",
        "WWW-Authenticate: Digest nonce=\"n\"\r\n",
        "WWW-Authenticate: Digest\r\n",
        "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n",
        ASKED("n", ", algorithm=MD5-sess"),
        ASKED("n", ", qop=\"auth-int\""),
    };
    (void)state;

    for (unsigned i = 0; i < sizeof challenges / sizeof *challenges; i++) {
        call(i + 1);
        refused(i + 1, 401, challenges[i]);
    }
    SENT(answered, 0);
    SENT(unknown, 5); /* where there is nothing that fits the status nobody is asked */
    originate(20);
    refused(20, 401, ASKED("n", ""));
    SENT(unknown, 6);
}

static void test_the_first_challenge_that_can_be_answered(void **state) {
    (void)state;
    call(1);
    challenged(401,
               "WWW-Authenticate: Basic realm=\"r\"\r\n" ASKED("a", ", algorithm=SHA-512-256")
                   ASKED("b", ", algorithm=SHA-256") ASKED("c", ", algorithm=MD5"),
               "nonce=\"b\", uri=\"");
    assert_non_null(strstr(w.got, "algorithm=SHA-256"));
    assert_null(strstr(w.got, "nonce=\"c\""));
    assert_null(strstr(w.got, "Basic"));
    reply(486, "", NULL);
    all_gone();
}

static void test_several_realms(void **state) {
    (void)state;
    call(1);
    challenged(407, CHALLENGE("Proxy-Authenticate", "one", "1", ""), "realm=\"one\"");
    challenged(407, CHALLENGE("Proxy-Authenticate", "two", "2", ""), "realm=\"two\"");
    assert_non_null(strstr(w.got, "realm=\"one\""));
    challenged(401, CHALLENGE("WWW-Authenticate", "one", "3", ""), "\r\nAuthorization: ");
    assert_non_null(strstr(w.got, "nonce=\"1\""));
    assert_non_null(strstr(w.got, "nonce=\"2\""));
    refused(1, 407, CHALLENGE("Proxy-Authenticate", "two", "4", ""));
    call(2);
    challenged(407,
               CHALLENGE("Proxy-Authenticate", "1", "a", "")
                   CHALLENGE("Proxy-Authenticate", "2", "b", "")
                       CHALLENGE("Proxy-Authenticate", "3", "c", "")
                           CHALLENGE("Proxy-Authenticate", "4", "d", "")
                               CHALLENGE("Proxy-Authenticate", "5", "e", ""),
               "realm=\"4\"");
    assert_null(strstr(w.got, "realm=\"5\""));
    refused(2, 407, CHALLENGE("Proxy-Authenticate", "6", "f", ""));
}

static void test_a_hostile_realm(void **state) {
    (void)state;
    call(1);
    challenged(
        401,
        CHALLENGE("WWW-Authenticate", "a\\\", username=\\\"x\\\\", "%s%n\\\"", ", opaque=\"%n,\""),
        "\r\nAuthorization: Digest username=\"" USER
        "\", realm=\"a\\\", username=\\\"x\\\\\", nonce=\"%s%n\\\"\", uri=\"sip:bob@");
    assert_non_null(strstr(w.got, "opaque=\"%n,\""));
    reply(486, "", NULL);
    all_gone();
}

/* --- in between --- */

static void hang_up(unsigned n) {
    const struct vx_command_args args = {.call_sid = vx_test_sid(n),
                                         .hangup = VX_HANG_UP_UNANSWERED};

    ends(submit(VX_VERB_HANGUP, &args), VX_OUTCOME_DONE);
    becomes(n, VX_CALL_NO_ANSWER, 487);
}

static void test_hung_up_behind_a_challenge(void **state) {
    (void)state;
    call(1);
    challenged(401, ASKED("n", ""), "Authorization: ");
    reply(100, "", NULL);
    hears("nothing", BRIEF);
    hang_up(1);
    assert_true(hears("CANCEL ", PATIENT));
    reply(200, "", NULL);
    reply_to_invite(487, NULL);
    all_gone();
}

/* The challenge and the CANCEL cross: nothing is sent again, before the far end has said anything,
 * and after. */
static void test_hung_up_before_a_challenge(void **state) {
    (void)state;
    for (unsigned n = 1; n <= 2; n++) {
        call(n);
        if (n == 2) {
            reply(100, "", NULL);
            hears("nothing", BRIEF);
        }
        hang_up(n);
        if (n == 2) {
            assert_true(hears("CANCEL ", PATIENT));
            reply(200, "", NULL);
        }
        memcpy(w.got, invite, sizeof invite);
        reply(401, ASKED("n", ""), NULL);
        while (hears("INVITE ", BRIEF))
            assert_null(strstr(w.got, "Authorization"));
        all_gone();
    }
    SENT(answered, 0);
}

static void test_not_answered_in_time(void **state) {
    (void)state;
    call(1);
    challenged(401, ASKED("n", ""), "Authorization: ");
    reply(180, "", NULL);
    becomes(1, VX_CALL_RINGING, 180);
    vx_test_ahead_seconds += 61;
    assert_true(hears("CANCEL ", PATIENT));
    becomes(1, VX_CALL_NO_ANSWER, 480);
    reply(200, "", NULL);
    reply_to_invite(487, NULL);
    all_gone();
    /* Nobody says anything to the second INVITE. */
    call(2);
    challenged(401, ASKED("n", ""), "Authorization: ");
    vx_test_ahead_seconds += 33;
    becomes(2, VX_CALL_NO_ANSWER, 408);
    all_gone();
}

static void test_a_hold_that_was_given_up(void **state) {
    const struct vx_command_args args = {.call_sid = vx_test_sid(1)};
    (void)state;

    call(1);
    reply(200, "", vx_test_sdp);
    says("ACK ", "CSeq");
    becomes(1, VX_CALL_IN_PROGRESS, 200);
    struct vx_command *c = submit(VX_VERB_HOLD, &args);
    says("INVITE ", "a=sendonly");
    memcpy(invite, w.got, sizeof invite);
    reply(100, "", NULL);
    hears("nothing", BRIEF);
    vx_test_ahead_seconds += 33; /* hold-timeout-seconds */
    assert_true(hears("CANCEL ", PATIENT));
    reply(200, "", NULL);
    memcpy(w.got, invite, sizeof invite);
    reply(401, ASKED("n", ""), NULL);
    ends(c, VX_OUTCOME_FAILED);
    while (hears("INVITE ", BRIEF))
        assert_null(strstr(w.got, "Authorization"));
    ends(submit(VX_VERB_HANGUP, &args), VX_OUTCOME_DONE);
    says("BYE ", "CSeq");
    challenged(401, ASKED("n", ""), "Authorization: ");
    reply(200, "", NULL);
    all_gone();
}

/* Its far end is asked to join the one that the call is handed to, and asks for credentials; so it
 * does when it is told of what that sends later, unless that has been taken back by then. */
static void test_a_call_that_is_handed_on(void **state) {
    (void)state;
    vx_test_far_end_open("", "<param name=\"redirect-to\" value=\"2000\"/>");
    call(1);
    reply(200, "", vx_test_sdp);
    assert_true(hears("INVITE sip:bridged@", PATIENT));
    reply(200, "", vx_test_sdp);
    struct vx_test_dialog app = w.dialog;
    assert_true(hears("INVITE sip:far@", PATIENT));
    challenged(401, ASKED("n", ""), "Authorization: ");
    reply(200, "", vx_test_sdp);
    says("ACK ", "Authorization: ");
    hears("nothing", BRIEF);
    w.dialog = app;
    request("INFO", "", NULL);
    says("INFO ", "CSeq");
    challenged(401, ASKED("n", ""), "Authorization: ");
    reply(200, "", NULL);
    assert_true(hears("SIP/2.0 200 ", PATIENT));
    w.dialog = app;
    request("INVITE", "", vx_test_sdp);
    says("INVITE sip:far@", "CSeq");
    memcpy(invite, w.got, sizeof invite);
    reply(100, "", NULL);
    hears("nothing", BRIEF);
    w.dialog = app;
    request("CANCEL", "", NULL);
    assert_true(hears("CANCEL ", PATIENT));
    reply(200, "", NULL);
    memcpy(w.got, invite, sizeof invite);
    reply(401, ASKED("n", ""), NULL);
    while (hears("INVITE ", BRIEF))
        assert_null(strstr(w.got, "Authorization"));
    vx_test_far_end_close();
}

/* --- memory --- */

static void in_need(unsigned status) {
    struct vx_credentials *credentials = vx_credentials_new(VX_STR(USER), VX_STR(PASSWORD));
    const struct vx_command_args args = args_with(1, credentials);
    struct vx_command *c = vx_command_new(VX_VERB_ORIGINATE, &args, NULL, NULL);

    if (c && w.port->submit(w.port->ctx, c))
        for (int i = 0; i < 2 * BRIEF; i++)
            if (listens() && strncmp(w.got, "INVITE ", 7) == 0)
                reply(strstr(w.got, "Authorization") ? status : 401, ASKED("n", ""), NULL);
    vx_command_release(&c);
    vx_credentials_release(&credentials);
}

static void scenario(void *ctx) {
    (void)ctx;
    vx_test_far_end_open("", "");
    vx_test_arm();
    in_need(486);
    vx_test_disarm();
    all_gone();
    vx_test_far_end_close();
}

static void test_memory_is_short(void **state) {
    (void)state;
    vx_test_every_allocation_fails(scenario, NULL, true);
}

/* --- what nobody waits for any more is not sent again ----------------------------------------- */

static struct vx_command_args of_first(void) {
    return (struct vx_command_args){.call_sid = vx_test_sid(1),
                                    .digits = VX_STR("1"),
                                    .method = VX_STR("MESSAGE"),
                                    .content_type = VX_STR("text/plain"),
                                    .content = VX_STR("x")};
}

static void in_progress(void) {
    call(1);
    challenged(401, ASKED("n", ""), "Authorization: ");
    reply(200, "", vx_test_sdp);
    says("ACK ", "CSeq");
    becomes(1, VX_CALL_IN_PROGRESS, 200);
}

/* The far end challenges the request that w.got holds: it does not come again. */
static void is_not_sent_again(const char *method) {
    reply(401, ASKED("o", ""), NULL);
    for (int i = 0; i < 10 * BRIEF; i++)
        if (listens() && strncmp(w.got, method, strlen(method)) == 0 &&
            strstr(w.got, "Authorization: "))
            fail_msg("%s was sent again", method);
}

static void hang_up_first(void) {
    const struct vx_command_args args = of_first();

    ends(submit(VX_VERB_HANGUP, &args), VX_OUTCOME_DONE);
    says("BYE ", "CSeq");
}

static void test_commands_that_were_given_up(void **state) {
    (void)state;
    static const struct {
        enum vx_verb verb;
        const char *method;
    } rows[] = {{VX_VERB_DTMF, "INFO "}, {VX_VERB_REQUEST, "MESSAGE "}, {VX_VERB_HOLD, "INVITE "}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct vx_command_args args = of_first();

        vx_test_far_end_open("", "");
        in_progress();
        struct vx_command *c = submit(rows[i].verb, &args);
        says(rows[i].method, "CSeq");
        assert_false(vx_command_give_up(c)); /* it has been taken: 504 */
        is_not_sent_again(rows[i].method);
        vx_command_release(&c);
        hang_up_first();
        reply(200, "", NULL);
        all_gone();
        vx_test_far_end_close();
    }
}

static void test_a_request_of_a_call_that_is_over(void **state) {
    (void)state;
    static char message[sizeof w.got], bye[sizeof w.got];
    const struct vx_command_args args = of_first();

    in_progress();
    struct vx_command *c = submit(VX_VERB_REQUEST, &args);
    says("MESSAGE ", "CSeq");
    memcpy(message, w.got, sizeof message);
    hang_up_first();
    memcpy(bye, w.got, sizeof bye);
    vx_command_release(&c);
    memcpy(w.got, message, sizeof message);
    is_not_sent_again("MESSAGE ");
    memcpy(w.got, bye, sizeof bye);
    reply(200, "", NULL);
    all_gone();
}

/* Each realm has its turn with each request, and each nonce is good for one. */
static void test_realms_whose_nonces_are_used_once(void **state) {
    (void)state;
    const struct vx_command_args args = of_first();

    call(1);
    challenged(407, CHALLENGE("Proxy-Authenticate", "p", "p1", ""), "nonce=\"p1\"");
    challenged(401, CHALLENGE("WWW-Authenticate", "u", "u1", ""), "nonce=\"u1\"");
    reply(200, "", vx_test_sdp);
    says("ACK ", "CSeq");
    becomes(1, VX_CALL_IN_PROGRESS, 200);
    struct vx_command *c = submit(VX_VERB_DTMF, &args);
    says("INFO ", "CSeq");
    challenged(407, CHALLENGE("Proxy-Authenticate", "p", "p2", ""), "nonce=\"p2\"");
    challenged(401, CHALLENGE("WWW-Authenticate", "u", "u2", ""), "nonce=\"u2\"");
    reply(200, "", NULL);
    ends(c, VX_OUTCOME_DONE);
    c = submit(VX_VERB_DTMF, &args);
    says("INFO ", "CSeq");
    challenged(407, CHALLENGE("Proxy-Authenticate", "p", "p3", ""), "nonce=\"p3\"");
    challenged(401, CHALLENGE("WWW-Authenticate", "u", "u3", ""), "nonce=\"u3\"");
    reply(401, CHALLENGE("WWW-Authenticate", "u", "u4", ""), NULL);
    ends(c, VX_OUTCOME_FAILED); /* that one was for this request */
    hang_up_first();
    challenged(407, CHALLENGE("Proxy-Authenticate", "p", "p5", ""), "nonce=\"p5\"");
    challenged(401, CHALLENGE("WWW-Authenticate", "u", "u5", ""), "nonce=\"u5\"");
    reply(200, "", NULL);
    all_gone();
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, vx_test_far_end_setup, vx_test_far_end_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands_that_were_given_up),
        TEST(test_a_request_of_a_call_that_is_over),
        TEST(test_realms_whose_nonces_are_used_once),
        TEST(test_a_call_and_all_of_its_requests),
        cmocka_unit_test(test_a_redirection),
        TEST(test_credentials_that_are_refused),
        TEST(test_a_nonce_that_was_stale),
        TEST(test_challenges_that_are_not_answered),
        TEST(test_the_first_challenge_that_can_be_answered),
        TEST(test_several_realms),
        TEST(test_a_hostile_realm),
        TEST(test_hung_up_behind_a_challenge),
        TEST(test_hung_up_before_a_challenge),
        TEST(test_not_answered_in_time),
        TEST(test_a_hold_that_was_given_up),
        cmocka_unit_test(test_a_call_that_is_handed_on),
        cmocka_unit_test(test_memory_is_short),
    };
    return cmocka_run_group_tests_name("sip_challenge", tests, NULL, NULL);
}
