/*
 * Commands that concern more than one dialog: a leg of a bridge is held, a call is redirected.
 */
#include "sip_bridge.h"

/* --- hold --- */

static void test_an_end_is_held(void **state) {
    (void)state;
    bridge();
    change(VX_VERB_HOLD, &caller, made("caller", 8, 41000, "recvonly"));
    hears_nothing(); /* the callee's media goes where it went */
    ends(command(VX_VERB_HOLD, &caller), VX_OUTCOME_DONE);
    hears_nothing();
    change(VX_VERB_UNHOLD, &caller, made("caller", 9, 41000, "sendrecv"));
    hears_nothing();
    ends(command(VX_VERB_UNHOLD, &caller), VX_OUTCOME_DONE);
    hears_nothing();
    hang_up();
}

static void test_the_offer(void **state) {
    (void)state;
    bridge();
    struct vx_command *c = command(VX_VERB_HOLD, &callee);
    end_hears(&callee, "INVITE ");
    has("o=caller 11 8 IN IP4 127.0.0.1\r\n");
    has("m=audio 41000 RTP/AVP 0 8\r\na=sendonly\r\nm=video 0 RTP/AVP 96\r\n");
    has_not("a=sendrecv");
    reply(200, "", made("callee", 4, 42000, "recvonly"));
    end_hears(&callee, "ACK ");
    ends(c, VX_OUTCOME_DONE);
    c = command(VX_VERB_UNHOLD, &callee);
    end_hears(&callee, "INVITE ");
    has("o=caller 11 9 IN IP4 127.0.0.1\r\n");
    has("m=audio 41000 RTP/AVP 0 8\r\na=sendrecv\r\nm=video 0 RTP/AVP 96\r\n");
    reply(200, "", made("callee", 5, 42000, "sendrecv"));
    end_hears(&callee, "ACK ");
    ends(c, VX_OUTCOME_DONE);
    /* Whose description gave no direction gets one all the same. */
    c = command(VX_VERB_HOLD, &caller);
    end_hears(&caller, "INVITE ");
    has("m=audio 42000 RTP/AVP 0\r\na=sendonly\r\n");
    reply(488, "", NULL);
    ends(c, VX_OUTCOME_FAILED);
    hang_up();
}

/* Media that goes elsewhere is made known to the other end, which learns nothing of the hold. */
static void test_a_held_end_moves(void **state) {
    (void)state;
    bridge();
    change(VX_VERB_HOLD, &caller, made("caller", 8, 41002, "recvonly"));
    end_hears(&callee, "INVITE ");
    has("m=audio 41002 ");
    has("a=sendrecv\r\n");
    reply(200, "", callee_sdp);
    end_hears(&callee, "ACK ");
    hears_nothing();
    change(VX_VERB_UNHOLD, &caller, made("caller", 9, 41002, "sendrecv"));
    hears_nothing();
    hang_up();
}

/* Two ends that answer every offer with another address are left alone at some time. */
static void test_ends_that_never_settle(void **state) {
    (void)state;
    unsigned port = 43000;

    bridge();
    change(VX_VERB_HOLD, &caller, made("caller", 8, port, "recvonly"));
    for (int i = 0; i < 2; i++) {
        end_hears(i % 2 ? &caller : &callee, "INVITE ");
        reply(200, "", made("x", 9, port += 2, "sendrecv"));
        assert_true(hears("ACK ", PATIENT));
    }
    hears_nothing();
    hang_up();
}

/* What the other end offers meanwhile reaches a held end turned, and with a number of its own. */
static void test_offers_pass_a_held_end(void **state) {
    (void)state;
    bridge();
    change(VX_VERB_HOLD, &callee, made("callee", 4, 42000, "recvonly"));
    w.dialog = caller.dialog;
    request("INVITE", "", made("caller", 8, 41004, "sendrecv"));
    end_hears(&callee, "INVITE ");
    has("o=caller 1 9 IN");
    has("m=audio 41004 RTP/AVP 0\r\na=sendonly\r\n");
    reply(200, "", made("callee", 5, 42000, "recvonly"));
    end_hears(&callee, "ACK ");
    w.dialog = caller.dialog;
    end_hears(&caller, "SIP/2.0 200 ");
    has("o=callee 1 5 IN");
    has("a=sendrecv\r\n");
    acknowledge();
    /* The held end offers: it is not let out. */
    w.dialog = callee.dialog;
    request("INVITE", "", made("callee", 6, 42002, "sendrecv"));
    end_hears(&caller, "INVITE ");
    has("m=audio 42002 ");
    has("a=sendrecv\r\n");
    reply(200, "", made("caller", 9, 41004, "sendrecv"));
    end_hears(&caller, "ACK ");
    w.dialog = callee.dialog;
    end_hears(&callee, "SIP/2.0 200 ");
    has("o=caller 1 10 IN");
    has("a=sendonly\r\n");
    acknowledge();
    hang_up();
}

static void test_a_hold_that_is_refused(void **state) {
    (void)state;
    bridge();
    struct vx_command *c = command(VX_VERB_HOLD, &caller);
    end_hears(&caller, "INVITE ");
    memcpy(invite, w.got, sizeof invite);
    /* Neither end may offer meanwhile. */
    w.dialog = callee.dialog;
    request("INVITE", "", made("callee", 4, 42000, "sendrecv"));
    end_hears(&callee, "SIP/2.0 491 ");
    acknowledge();
    ends(command(VX_VERB_HOLD, &callee), VX_OUTCOME_NOT_NOW);
    ends(command(VX_VERB_UNHOLD, &caller), VX_OUTCOME_NOT_NOW);
    reply_to_invite(491, NULL);
    struct vx_command_result result = result_of(&c);
    assert_int_equal(result.outcome, VX_OUTCOME_FAILED);
    assert_non_null(strstr(result.reason, "491"));
    change(VX_VERB_HOLD, &caller, made("caller", 8, 41000, "recvonly"));
    hears_nothing();
    hang_up();
}

static void test_a_bridge_ends_meanwhile(void **state) {
    (void)state;
    bridge();
    struct vx_command *c = command(VX_VERB_HOLD, &caller);
    end_hears(&caller, "INVITE ");
    memcpy(invite, w.got, sizeof invite);
    w.dialog = callee.dialog;
    request("BYE", "", NULL);
    ends(c, VX_OUTCOME_NO_CALL);
    end_hears(&caller, "BYE ");
    reply(200, "", NULL);
    reply_to_invite(487, NULL);
    all_gone();
    begin_bridge();
    ends(command(VX_VERB_HOLD, &caller), VX_OUTCOME_NOT_NOW);
    ends(command(VX_VERB_HOLD, &callee), VX_OUTCOME_NOT_NOW);
    reply_to_invite(486, NULL);
    w.dialog = caller.dialog;
    end_hears(&caller, "SIP/2.0 486 ");
    acknowledge();
    all_gone();
}

/* --- redirect --- */

static void test_not_where_nobody_says_to(void **state) {
    (void)state;
    vx_test_far_end_open("", "");
    struct end end = originated(1);
    struct vx_command *c = command(VX_VERB_REDIRECT, &end);
    struct vx_command_result result = result_of(&c);
    assert_int_equal(result.outcome, VX_OUTCOME_UNABLE);
    assert_non_null(strstr(result.reason, "redirect-to"));
    vx_test_far_end_close();
}

/* Which the far end is told in the place of the hook. */
static void key_of(char key[37]) {
    const char *at = strstr(w.got, "?X-Voxeme-Redirect=");

    assert_non_null(at);
    snprintf(key, 37, "%s", strchr(at, '=') + 1);
}

static void test_the_far_end_takes_it_there(void **state) {
    (void)state;
    char refer_to[128], key[37];
    open_redirecting("1000");
    struct end end = originated(1);
    notify(&end, "SIP/2.0 200 OK", "active");
    assert_true(hears("SIP/2.0 405 ", PATIENT)); /* not asked for */
    struct vx_command *c = command(VX_VERB_REDIRECT, &end);
    end_hears(&end, "REFER sip:far@127.0.0.1");
    key_of(key);
    snprintf(refer_to, sizeof refer_to,
             "\r\nRefer-To: <sip:1000@127.0.0.1:%u?X-Voxeme-Redirect=%s>\r\n", vx_sip_port(w.sip),
             key);
    has(refer_to);
    has_not("example.com");
    ends(command(VX_VERB_REDIRECT, &end), VX_OUTCOME_NOT_NOW);
    reply(202, "", NULL);
    ends(c, VX_OUTCOME_DONE);
    notify(&end, "SIP/2.0 100 Trying", "active;expires=60");
    assert_true(hears("SIP/2.0 200 ", PATIENT));
    hears("BYE", BRIEF);
    becomes(1, VX_CALL_IN_PROGRESS, 200);
    notify(&end, "SIP/2.0 200 OK", "terminated;reason=noresource");
    end_hears(&end, "BYE ");
    reply(200, "", NULL);
    becomes(1, VX_CALL_COMPLETED, 200);
    all_gone();
    vx_test_far_end_close();
}

static void test_the_far_end_refuses(void **state) {
    (void)state;
    static const unsigned statuses[] = {603, 405, 500, 503};
    open_redirecting("1000");
    struct end end = originated(1);
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        char said[8];
        struct vx_command *c = command(VX_VERB_REDIRECT, &end);
        end_hears(&end, "REFER ");
        has(", NOTIFY\r\n"); /* is allowed from now on, and named once */
        has_not("NOTIFY, NOTIFY");
        reply(statuses[i], "", NULL);
        struct vx_command_result result = result_of(&c);
        assert_int_equal(result.outcome, VX_OUTCOME_FAILED);
        snprintf(said, sizeof said, "%u", statuses[i]);
        assert_non_null(strstr(result.reason, said));
    }
    /* It took it, and its new call came to nothing: the old one stays. */
    struct vx_command *c = command(VX_VERB_REDIRECT, &end);
    end_hears(&end, "REFER ");
    reply(202, "", NULL);
    ends(c, VX_OUTCOME_DONE);
    notify(&end, "SIP/2.0 486 Busy Here", "terminated;reason=noresource");
    assert_true(hears("SIP/2.0 200 ", PATIENT));
    assert_false(hears("BYE ", BRIEF));
    ends(command(VX_VERB_HANGUP, &end), VX_OUTCOME_DONE);
    end_hears(&end, "BYE ");
    reply(200, "", NULL);
    all_gone();
    vx_test_far_end_close();
}

static void test_hung_up_while_it_is_asked(void **state) {
    (void)state;
    open_redirecting("1000");
    struct end end = originated(1);
    struct vx_command *c = command(VX_VERB_REDIRECT, &end);
    end_hears(&end, "REFER ");
    request("BYE", "", NULL);
    ends(c, VX_OUTCOME_NO_CALL);
    assert_true(hears("SIP/2.0 200 ", PATIENT));
    all_gone();
    end = originated(2);
    c = command(VX_VERB_REDIRECT, &end);
    end_hears(&end, "REFER ");
    ends(command(VX_VERB_HANGUP, &end), VX_OUTCOME_DONE);
    ends(c, VX_OUTCOME_NO_CALL);
    end_hears(&end, "BYE ");
    reply(200, "", NULL);
    all_gone();
    vx_test_far_end_close();
}

static void test_an_end_of_a_bridge_is_taken_there(void **state) {
    (void)state;
    open_redirecting("1000");
    bridge();
    struct vx_command *c = command(VX_VERB_REDIRECT, &callee);
    end_hears(&callee, "REFER ");
    reply(202, "", NULL);
    ends(c, VX_OUTCOME_DONE);
    w.dialog = callee.dialog;
    request("BYE", "", NULL);
    end_hears(&caller, "BYE ");
    reply(200, "", NULL);
    all_gone();
    vx_test_far_end_close();
}

static void test_not_before_an_outbound_call_is_answered(void **state) {
    (void)state;
    open_redirecting("1000");
    originate(1);
    struct end end = {w.dialog, vx_test_sid(1)};
    ends(command(VX_VERB_REDIRECT, &end), VX_OUTCOME_NOT_NOW);
    reply(180, "", NULL);
    becomes(1, VX_CALL_RINGING, 180);
    ends(command(VX_VERB_REDIRECT, &end), VX_OUTCOME_NOT_NOW);
    reply_to_invite(486, NULL);
    all_gone();
    vx_test_far_end_close();
}

/* --- another way --- */

static void is_answered_here(void) {
    w.dialog = caller.dialog;
    end_hears(&caller, "SIP/2.0 200 ");
    has("o=voxeme ");
    acknowledge();
    hears("nothing", BRIEF);
}

static void test_a_ringing_call_goes_another_way(void **state) {
    (void)state;
    open_redirecting("1000");
    dial("180", "", vx_test_sdp);
    caller.dialog = w.dialog;
    assert_true(hears("SIP/2.0 180 ", PATIENT));
    caller.sid = sid_of_only_inbound();
    ends(command(VX_VERB_REDIRECT, &caller), VX_OUTCOME_DONE);
    is_answered_here();
    vx_test_ahead_seconds += 120; /* nothing of the old route is left to end it */
    hears("nothing", BRIEF);
    assert_ptr_equal(leg_of(&caller), w.sip->legs);
    hang_up();
    vx_test_far_end_close();
}

static void test_the_leg_it_has_called_is_cancelled(void **state) {
    (void)state;
    for (int ringing = 0; ringing < 2; ringing++) {
        open_redirecting("1000");
        begin_bridge();
        reply(ringing ? 180 : 100, "", NULL);
        hears("SIP/2.0 180 ", BRIEF);
        ends(command(VX_VERB_REDIRECT, &callee), VX_OUTCOME_NOT_NOW);
        struct vx_command *c = command(VX_VERB_REDIRECT, &caller);
        assert_true(hears("CANCEL ", PATIENT));
        reply(200, "", NULL);
        ends(c, VX_OUTCOME_DONE);
        /* An answer that crosses it comes too late. */
        reply_to_invite(ringing ? 487 : 200, ringing ? NULL : callee_sdp);
        if (!ringing) {
            assert_true(hears("BYE ", PATIENT));
            reply(200, "", NULL);
        }
        acknowledge();
        hears("nothing", BRIEF);
        assert_true(leg_of(&caller)->answered);
        assert_null(leg_of(&caller)->peer);
        vx_test_far_end_close();
    }
}

static void test_early_media_is_settled(void **state) {
    (void)state;
    open_redirecting("1000");
    begin_bridge();
    reply(183, "", callee_sdp);
    end_hears(&caller, "SIP/2.0 183 ");
    ends(command(VX_VERB_REDIRECT, &caller), VX_OUTCOME_NOT_NOW);
    reply_to_invite(180, NULL); /* takes nothing of that back */
    w.dialog = caller.dialog;
    end_hears(&caller, "SIP/2.0 180 ");
    ends(command(VX_VERB_REDIRECT, &caller), VX_OUTCOME_NOT_NOW);
    reply_to_invite(486, NULL);
    w.dialog = caller.dialog;
    end_hears(&caller, "SIP/2.0 486 ");
    acknowledge();
    all_gone();
    vx_test_far_end_close();
}

static void refused_by_the_callee(void) {
    reply(486, "", NULL);
    assert_true(hears("SIP/2.0 486 ", PATIENT));
    acknowledge();
    hears("nothing", BRIEF);
}

/* Whether whoever dials the user with this header comes with the hook. */
static bool brings(const char *header_) {
    dial("2000", header_, vx_test_sdp);
    assert_true(hears("INVITE sip:bridged@", PATIENT));
    bool hook = strstr(w.got, "\r\nX-Voxeme-Hook: https://example.com/a?b=c&d\r\n");
    if (!hook)
        has_not("X-Voxeme-Hook");
    has_not("X-Voxeme-Redirect");
    refused_by_the_callee();
    return hook;
}

/* The hook goes with the call to whom the route names. */
static void test_the_hook(void **state) {
    (void)state;
    open_redirecting("2000");
    dial("180", "", vx_test_sdp);
    assert_true(hears("SIP/2.0 180 ", PATIENT));
    caller.sid = sid_of_only_inbound();
    ends(command(VX_VERB_REDIRECT, &caller), VX_OUTCOME_DONE);
    assert_true(hears("INVITE sip:bridged@", PATIENT));
    has("\r\nX-Voxeme-Hook: https://example.com/a?b=c&d\r\n");
    refused_by_the_callee();
    all_gone();
    /* What a stranger makes up himself is not carried on. */
    assert_false(brings("X-Voxeme-Hook: https://example.com/a?b=c&d\r\n"));
    vx_test_far_end_close();
}

/* The header that a far end brings which has been asked to. */
static const char *asked(const struct end *end, unsigned status) {
    static char brought[64];
    char key[37];
    struct vx_command *c = command(VX_VERB_REDIRECT, end);

    end_hears(end, "REFER ");
    key_of(key);
    snprintf(brought, sizeof brought, "X-Voxeme-Redirect: %s\r\n", key);
    reply(status, "", NULL);
    ends(c, status < 300 ? VX_OUTCOME_DONE : VX_OUTCOME_FAILED);
    return brought;
}

/* Who has been asked to call anew brings a key, and finds the hook by it for a while. */
static void test_the_key_to_the_hook(void **state) {
    (void)state;
    open_redirecting("2000");
    struct end end = originated(1);
    const char *brought = asked(&end, 202);
    assert_true(brings(brought));
    assert_true(brings(brought)); /* its first try may fail */
    assert_false(brings("X-Voxeme-Redirect: 00000000-0000-4000-8000-000000000000\r\n"));
    assert_false(brings("X-Voxeme-Redirect: x\r\n"));
    w.sip->referrals.first->until_us -= 180 * VX_SECOND_US;
    assert_false(brings(brought));
    notify(&end, "SIP/2.0 486 Busy Here", "terminated;reason=noresource");
    assert_true(hears("SIP/2.0 200 ", PATIENT));
    assert_int_equal(w.sip->referrals.count, 0);
    assert_false(brings(asked(&end, 603)));
    assert_int_equal(w.sip->referrals.count, 0);
    vx_test_far_end_close();
    /* Another user's calls do not find it. */
    open_redirecting("1000");
    end = originated(1);
    assert_false(brings(asked(&end, 202)));
    vx_test_far_end_close();
}

static void test_so_many_keys(void **state) {
    (void)state;
    vx_test_far_end_open("", "<param name=\"redirect-to\" value=\"1000\"/>"
                             "<param name=\"sip-max-redirects\" value=\"1\"/>"
                             "<param name=\"redirect-timeout-seconds\" value=\"20\"/>");
    struct end one = originated(1);
    asked(&one, 202);
    struct end two = originated(2);
    struct vx_command *c = command(VX_VERB_REDIRECT, &two);
    struct vx_command_result result = result_of(&c);
    assert_int_equal(result.outcome, VX_OUTCOME_REFUSED);
    assert_non_null(strstr(result.reason, "too many"));
    assert_int_equal(atomic_load(&w.metrics.redirects_full), 1);
    w.sip->referrals.first->until_us -= 19 * VX_SECOND_US;
    ends(command(VX_VERB_REDIRECT, &two), VX_OUTCOME_REFUSED);
    w.sip->referrals.first->until_us -= VX_SECOND_US;
    asked(&two, 202);
    vx_test_far_end_close();
}

/* --- challenges --- */

static const char challenge[] = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n";

/* nua would wait for credentials, which nobody has, and keep the call. */
static void test_a_challenge_is_a_refusal(void **state) {
    (void)state;
    open_redirecting("1000");
    originate(1);
    reply(401, challenge, NULL);
    becomes(1, VX_CALL_FAILED, 401);
    all_gone();
    begin_bridge();
    reply(401, challenge, NULL);
    w.dialog = caller.dialog;
    end_hears(&caller, "SIP/2.0 403 ");
    acknowledge();
    all_gone();
    struct end end = originated(2);
    for (int i = 0; i < 2; i++) {
        const struct vx_command_args args = {.call_sid = end.sid, .digits = VX_STR("1")};
        struct vx_command *c = submit(VX_VERB_DTMF, &args);
        end_hears(&end, "INFO ");
        reply(401, challenge, NULL);
        ends(c, VX_OUTCOME_FAILED);
        c = command(VX_VERB_REDIRECT, &end);
        end_hears(&end, "REFER ");
        reply(401, challenge, NULL);
        ends(c, VX_OUTCOME_FAILED);
        c = command(VX_VERB_HOLD, &end);
        end_hears(&end, "INVITE ");
        reply(401, challenge, NULL);
        ends(c, VX_OUTCOME_FAILED);
    }
    ends(command(VX_VERB_HANGUP, &end), VX_OUTCOME_DONE);
    end_hears(&end, "BYE ");
    reply(401, challenge, NULL);
    all_gone();
    vx_test_far_end_close();
}

/* --- memory --- */

/* Answers whatever comes until the command has ended. */
static void in_need(enum vx_verb verb, const struct end *end) {
    const struct vx_command_args args = {.call_sid = end->sid, .hook = VX_STR("https://e/")};
    struct vx_command *c = vx_command_new(verb, &args, NULL, NULL);
    struct vx_command_result result;

    if (c && w.port->submit(w.port->ctx, c)) {
        for (int i = 0; i < PATIENT && !vx_command_result(c, &result); i++)
            if (listens() && (strncmp(w.got, "INVITE ", 7) == 0 || strncmp(w.got, "REFER", 5) == 0))
                reply(w.got[0] == 'I' ? 200 : 202, "",
                      w.got[0] == 'I' ? made("x", 9, 44000, "recvonly") : NULL);
        assert_true(vx_command_result(c, &result));
    }
    vx_command_release(&c);
    for (int i = 0; i < BRIEF; i++)
        if (listens() && strncmp(w.got, "INVITE ", 7) == 0)
            reply(200, "", made("y", 9, 44002, "sendrecv"));
}

static void scenario(void *ctx) {
    (void)ctx;
    open_redirecting("1000");
    bridge();
    vx_test_arm();
    in_need(VX_VERB_HOLD, &caller);
    in_need(VX_VERB_UNHOLD, &caller);
    in_need(VX_VERB_REDIRECT, &callee);
    vx_test_disarm();
    vx_test_far_end_close();
    open_redirecting("1000");
    dial("180", "", vx_test_sdp);
    caller.dialog = w.dialog;
    assert_true(hears("SIP/2.0 180 ", PATIENT));
    caller.sid = sid_of_only_inbound();
    vx_test_arm();
    in_need(VX_VERB_REDIRECT, &caller);
    vx_test_disarm();
    vx_test_far_end_close();
}

static void test_memory_is_short(void **state) {
    (void)state;
    vx_test_every_allocation_fails(scenario, NULL, true);
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, vx_test_far_end_setup, vx_test_far_end_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_an_end_is_held),
        TEST(test_the_offer),
        TEST(test_a_held_end_moves),
        TEST(test_ends_that_never_settle),
        TEST(test_offers_pass_a_held_end),
        TEST(test_a_hold_that_is_refused),
        TEST(test_a_bridge_ends_meanwhile),
        cmocka_unit_test(test_not_where_nobody_says_to),
        cmocka_unit_test(test_the_far_end_takes_it_there),
        cmocka_unit_test(test_the_far_end_refuses),
        cmocka_unit_test(test_hung_up_while_it_is_asked),
        cmocka_unit_test(test_an_end_of_a_bridge_is_taken_there),
        cmocka_unit_test(test_not_before_an_outbound_call_is_answered),
        cmocka_unit_test(test_a_ringing_call_goes_another_way),
        cmocka_unit_test(test_the_leg_it_has_called_is_cancelled),
        cmocka_unit_test(test_early_media_is_settled),
        cmocka_unit_test(test_the_hook),
        cmocka_unit_test(test_the_key_to_the_hook),
        cmocka_unit_test(test_so_many_keys),
        cmocka_unit_test(test_a_challenge_is_a_refusal),
        cmocka_unit_test(test_memory_is_short),
    };
    return cmocka_run_group_tests_name("sip_bridge_command", tests, NULL, NULL);
}
