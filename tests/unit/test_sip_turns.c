/*
 * What waits for what: negotiations of the two dialogs of a bridge, and requests of one dialog.
 */
#include "sip_bridge.h"

/* --- one negotiation at a time --- */

/* An end offers, and hears that this cannot be now. */
static void is_refused(const struct end *end, const char *method) {
    w.dialog = end->dialog;
    request(method, "", made("x", 9, 41000, "sendrecv"));
    end_hears(end, "SIP/2.0 491 ");
    if (strcmp(method, "INVITE") == 0)
        acknowledge();
}

/* An end offers, and the other end answers. */
static void is_carried(const struct end *end, const struct end *other, const char *method) {
    char beginning[16];

    snprintf(beginning, sizeof beginning, "%s ", method);
    w.dialog = end->dialog;
    request(method, "", made("x", 10, 41000, "sendrecv"));
    end_hears(other, beginning);
    reply(200, "", made("y", 11, 42000, "sendrecv"));
    w.dialog = end->dialog;
    end_hears(end, "SIP/2.0 200 ");
    has("o=y ");
    if (strcmp(method, "INVITE") == 0)
        acknowledge();
    hears("nothing", BRIEF);
}

/* The caller takes back an offer that the callee is at, and has answered with `provisional`.
 */
static void take_back(unsigned provisional) {
    w.dialog = caller.dialog;
    request("INVITE", "", made("caller", 8, 41002, "sendrecv"));
    end_hears(&callee, "INVITE ");
    memcpy(invite, w.got, sizeof invite);
    reply(provisional, "", NULL);
    w.dialog = caller.dialog;
    request("CANCEL", "", NULL);
    end_hears(&caller, "SIP/2.0 487 ");
    acknowledge();
    end_hears(&callee, "CANCEL ");
    reply(200, "", NULL);
}

/* The other end has not answered the INVITE that was cancelled: its 487 is not the next one's. */
static void test_an_offer_after_one_that_was_cancelled(void **state) {
    (void)state;
    bridge();
    take_back(180);
    is_refused(&caller, "INVITE");
    is_refused(&caller, "UPDATE");
    is_refused(&callee, "UPDATE");
    reply_to_invite(487, NULL);
    end_hears(&callee, "ACK ");
    is_carried(&caller, &callee, "INVITE");
    hang_up();
}

static struct vx_command *info(const struct end *end, const char *content) {
    const struct vx_command_args args = {.call_sid = end->sid,
                                         .method = VX_STR("INFO"),
                                         .content_type = VX_STR("text/plain"),
                                         .content = vx_str(content)};
    return submit(VX_VERB_REQUEST, &args);
}

/* Whatever that end says of it then, the call goes on as it was: it is no refresh of the session,
 * which would have been the last. Nor does a request wait for it. */
static void test_one_that_was_cancelled_is_refused_otherwise(void **state) {
    (void)state;
    static const unsigned statuses[] = {488, 500, 503, 600};
    struct vx_command *c;
    bridge();
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        take_back(100);
        c = info(&callee, "meanwhile");
        end_hears(&callee, "INFO ");
        reply(200, "", NULL);
        ends(c, VX_OUTCOME_DONE);
        reply_to_invite(statuses[i], NULL);
        end_hears(&callee, "ACK ");
        is_carried(&caller, &callee, "INVITE");
    }
    hang_up();
}

/* Of the caller's description: it grows with every offer, whatever became of the one before. */
static void is_newer(unsigned *version) {
    const char *at = strstr(w.got, "\r\no=caller ");
    unsigned before = *version;
    assert_non_null(at);
    assert_int_equal(sscanf(at, "\r\no=caller %*u %u ", version), 1);
    assert_true(*version > before);
}

static unsigned heard;

/* What the callee is offered by this command is what the caller has said last that counts. */
static void offers(enum vx_verb verb, const char *direction, const char *answer) {
    struct vx_command *c = command(verb, &callee);
    end_hears(&callee, "INVITE ");
    has("\r\nm=audio 41000 ");
    has(direction);
    is_newer(&heard);
    reply(200, "", made("callee", 12, 42000, answer));
    end_hears(&callee, "ACK ");
    ends(c, VX_OUTCOME_DONE);
    hears_nothing();
}

/* An offer that came to nothing has changed nothing. */
static void test_a_hold_after_an_offer_that_was_refused(void **state) {
    (void)state;
    static const char *const methods[] = {"INVITE", "UPDATE", NULL};
    bridge();
    heard = 7;
    for (int i = 0; i < 3; i++) {
        if (methods[i]) {
            char beginning[16];
            snprintf(beginning, sizeof beginning, "%s ", methods[i]);
            w.dialog = caller.dialog;
            request(methods[i], "", made("caller", 8, 41002, "sendrecv"));
            end_hears(&callee, beginning);
            is_newer(&heard);
            reply(488, "", NULL);
            end_hears(&caller, "SIP/2.0 488 ");
            w.dialog = caller.dialog;
            if (i == 0)
                acknowledge();
        } else {
            take_back(100);
            reply_to_invite(487, NULL);
            end_hears(&callee, "ACK ");
        }
        hears("nothing", BRIEF);
        offers(VX_VERB_HOLD, "\r\na=sendonly\r\n", "recvonly");
        offers(VX_VERB_UNHOLD, "\r\na=sendrecv\r\n", "sendrecv");
    }
    is_carried(&caller, &callee, "INVITE");
    hang_up();
}

/* An UPDATE of nua's own is on its way: the answer to that is not the other end's. */
static void test_an_offer_while_the_session_is_refreshed(void **state) {
    (void)state;
    static const char timer[] = "Session-Expires: 90;refresher=uac\r\nRequire: timer\r\n";
    bridge_with(timer);
    vx_test_ahead_seconds += 51; /* half, and what sofia-sip adds at random */
    end_hears(&callee, "UPDATE ");
    memcpy(invite, w.got, sizeof invite);
    is_refused(&caller, "UPDATE");
    is_refused(&caller, "INVITE");
    ends(command(VX_VERB_HOLD, &callee), VX_OUTCOME_NOT_NOW);
    memcpy(w.got, invite, sizeof invite);
    reply(200, timer, NULL);
    hears("nothing", BRIEF);
    is_carried(&caller, &callee, "UPDATE");
    change(VX_VERB_HOLD, &callee, made("callee", 12, 42000, "recvonly"));
    hears_nothing();
    hang_up();
}

/* One that only says that it is at it does not keep the two ends from negotiating for ever. */
static void never_answered(su_duration_t seconds) {
    bridge();
    struct vx_command *c = command(VX_VERB_HOLD, &callee);
    end_hears(&callee, "INVITE ");
    memcpy(invite, w.got, sizeof invite);
    reply(180, "", NULL);
    hears("nothing", BRIEF);
    vx_test_ahead_seconds += seconds - 1;
    assert_false(hears("CANCEL ", BRIEF));
    vx_test_ahead_seconds += 2;
    end_hears(&callee, "CANCEL ");
    reply(200, "", NULL);
    is_refused(&caller, "INVITE");
    reply_to_invite(487, NULL);
    ends(c, VX_OUTCOME_FAILED);
    is_carried(&caller, &callee, "INVITE");
    change(VX_VERB_HOLD, &callee, made("callee", 12, 42000, "recvonly"));
    vx_test_ahead_seconds += seconds + 1;
    assert_false(hears("CANCEL ", BRIEF));
    assert_int_equal(atomic_load(&w.metrics.hold_timeouts), 1);
    hang_up();
}

static void test_a_hold_that_is_never_answered(void **state) {
    (void)state;
    vx_test_far_end_open("", "");
    never_answered(32);
    vx_test_far_end_close();
    vx_test_far_end_open("", "<param name=\"hold-timeout-seconds\" value=\"5\"/>");
    never_answered(5);
    vx_test_far_end_close();
}

/* --- nothing before the ACK --- */

/* A call that is answered and not acknowledged: the 200 is in w.got. */
static struct end unconfirmed(void) {
    struct end end;

    dial("1000", "", vx_test_sdp);
    assert_true(hears("SIP/2.0 200 ", PATIENT));
    end.sid = sid_of_only_inbound();
    memcpy(invite, w.got, sizeof invite);
    return end;
}

static void confirm(struct end *end) {
    memcpy(w.got, invite, sizeof invite);
    acknowledge();
    end->dialog = w.dialog;
}

static void test_a_hold_waits_for_the_ack(void **state) {
    (void)state;
    struct end end = unconfirmed();
    ends(command(VX_VERB_UNHOLD, &end), VX_OUTCOME_DONE); /* that is nothing to do */
    struct vx_command *c = command(VX_VERB_HOLD, &end);
    hears_nothing();
    ends(command(VX_VERB_HOLD, &end), VX_OUTCOME_NOT_NOW);
    confirm(&end);
    end_hears(&end, "INVITE ");
    has("a=sendonly\r\n");
    reply(488, "", NULL); /* leaves the call as it is */
    ends(c, VX_OUTCOME_FAILED);
    change(VX_VERB_HOLD, &end, vx_test_sdp);
    /* The far end's own re-INVITE has to be over as well. */
    request("INVITE", "", vx_test_sdp);
    end_hears(&end, "SIP/2.0 200 ");
    c = command(VX_VERB_UNHOLD, &end);
    hears_nothing();
    request("ACK", "", NULL);
    end_hears(&end, "INVITE ");
    reply(200, "", vx_test_sdp);
    ends(c, VX_OUTCOME_DONE);
    caller.sid = end.sid;
    hang_up();
}

static void test_a_hold_waits_in_vain(void **state) {
    (void)state;
    struct end end = unconfirmed();
    struct vx_command *c = command(VX_VERB_HOLD, &end);
    hears("nothing", BRIEF);
    assert_false(vx_command_give_up(c));
    vx_command_release(&c);
    confirm(&end);
    hears_nothing();
    caller.sid = end.sid;
    hang_up();
    end = unconfirmed();
    c = command(VX_VERB_HOLD, &end);
    hears("nothing", BRIEF);
    ends(command(VX_VERB_HANGUP, &end), VX_OUTCOME_DONE);
    ends(c, VX_OUTCOME_NO_CALL);
    confirm(&end);
    end_hears(&end, "BYE ");
    reply(200, "", NULL);
    all_gone();
}

static void test_a_bridge_waits_for_the_ack(void **state) {
    (void)state;
    begin_bridge();
    reply(200, "", callee_sdp);
    callee.dialog = w.dialog;
    end_hears(&callee, "ACK ");
    end_hears(&caller, "SIP/2.0 200 ");
    memcpy(invite, w.got, sizeof invite);
    unsigned invited = w.cseq;
    struct vx_command *c = command(VX_VERB_HOLD, &callee);
    hears_nothing();
    w.dialog = callee.dialog;
    request("INVITE", "", made("callee", 4, 42000, "sendrecv"));
    end_hears(&callee, "SIP/2.0 491 ");
    acknowledge();
    w.dialog = caller.dialog;
    w.cseq = invited;
    confirm(&caller);
    w.cseq = invited + 1;
    end_hears(&callee, "INVITE ");
    has("a=sendonly\r\n");
    reply(200, "", made("callee", 4, 42000, "recvonly"));
    ends(c, VX_OUTCOME_DONE);
    hears_nothing();
    hang_up();
}

/* --- one redirection at a time --- */

/* UDP keeps no order: the NOTIFY is there before the 202. */
static void test_how_it_went_is_told_first(void **state) {
    (void)state;
    open_redirecting("1000");
    struct end end = originated(1);
    struct vx_command *c = command(VX_VERB_REDIRECT, &end);
    end_hears(&end, "REFER ");
    memcpy(invite, w.got, sizeof invite);
    notify(&end, "SIP/2.0 486 Busy Here", "terminated;reason=noresource");
    ends(c, VX_OUTCOME_DONE);
    becomes(1, VX_CALL_IN_PROGRESS, 200);
    ends(command(VX_VERB_REDIRECT, &end), VX_OUTCOME_NOT_NOW); /* the 202 is still to come */
    reply_to_invite(202, NULL);
    hears("nothing", BRIEF);
    c = command(VX_VERB_REDIRECT, &end);
    end_hears(&end, "REFER ");
    memcpy(invite, w.got, sizeof invite);
    notify(&end, "SIP/2.0 200 OK", "terminated;reason=noresource");
    ends(c, VX_OUTCOME_DONE);
    end_hears(&end, "BYE ");
    reply(200, "", NULL);
    becomes(1, VX_CALL_COMPLETED, 200);
    reply_to_invite(202, NULL);
    all_gone();
    vx_test_far_end_close();
}

static void redirect(const struct end *end) {
    struct vx_command *c = command(VX_VERB_REDIRECT, end);

    end_hears(end, "REFER ");
    reply(202, "", NULL);
    ends(c, VX_OUTCOME_DONE);
}

/* Until it is known how the first one went, what is told would be taken for the second one's. */
static void test_not_twice_at_once(void **state) {
    (void)state;
    open_redirecting("1000");
    struct end end = originated(1);
    redirect(&end);
    ends(command(VX_VERB_REDIRECT, &end), VX_OUTCOME_NOT_NOW);
    notify(&end, "SIP/2.0 100 Trying", "terminated;reason=timeout");
    assert_true(hears("SIP/2.0 200 ", PATIENT));
    redirect(&end);
    ends(command(VX_VERB_REDIRECT, &end), VX_OUTCOME_NOT_NOW);
    leg_of(&end)->referred_since -= 178 * VX_SECOND_US; /* nothing is told at all */
    ends(command(VX_VERB_REDIRECT, &end), VX_OUTCOME_NOT_NOW);
    leg_of(&end)->referred_since -= 2 * VX_SECOND_US;
    redirect(&end);
    assert_int_equal(atomic_load(&w.metrics.redirect_timeouts), 1);
    notify(&end, "SIP/2.0 200 OK", "terminated;reason=noresource");
    end_hears(&end, "BYE ");
    reply(200, "", NULL);
    all_gone();
    vx_test_far_end_close();
}

/* --- one request at a time --- */

static void give_up(struct vx_command **c) {
    assert_false(vx_command_give_up(*c));
    vx_command_release(c);
}

/* The far end is slow: what nobody waits for any more is not sent when its turn comes. */
static void test_nothing_is_sent_for_nobody(void **state) {
    (void)state;
    open_redirecting("1000");
    struct end end = originated(1);
    struct vx_command *first = info(&end, "one"), *second = info(&end, "two"),
                      *third = info(&end, "three");
    end_hears(&end, "INFO ");
    ends(command(VX_VERB_REDIRECT, &end), VX_OUTCOME_NOT_NOW);
    give_up(&second);
    reply(200, "", NULL);
    ends(first, VX_OUTCOME_DONE);
    end_hears(&end, "INFO ");
    has("\r\n\r\nthree");
    /* Those that were given up leave room. */
    struct vx_command *waits[7];
    for (int i = 0; i < 7; i++)
        waits[i] = info(&end, "x");
    ends(info(&end, "x"), VX_OUTCOME_REFUSED);
    for (int i = 0; i < 7; i++)
        give_up(&waits[i]);
    struct vx_command *last = info(&end, "last");
    hears("nothing", BRIEF);
    vx_command_release(&third);
    vx_command_release(&last);
    vx_test_far_end_close();
}

/* Nor behind a REFER, or what the other end of a bridge asks. */
static void test_a_request_waits_for_other_kinds(void **state) {
    (void)state;
    open_redirecting("1000");
    bridge();
    w.dialog = caller.dialog;
    request("INFO", "", NULL);
    end_hears(&callee, "INFO ");
    memcpy(invite, w.got, sizeof invite);
    ends(command(VX_VERB_REDIRECT, &callee), VX_OUTCOME_NOT_NOW);
    struct vx_command *never = info(&callee, "never"), *then = info(&callee, "then");
    assert_false(hears("INFO ", BRIEF));
    give_up(&never);
    reply_to_invite(200, NULL);
    end_hears(&callee, "INFO ");
    has("\r\n\r\nthen");
    reply(200, "", NULL);
    ends(then, VX_OUTCOME_DONE);
    struct vx_command *refer = command(VX_VERB_REDIRECT, &callee);
    end_hears(&callee, "REFER ");
    memcpy(invite, w.got, sizeof invite);
    never = info(&callee, "never");
    then = info(&callee, "then");
    assert_false(hears("INFO ", BRIEF));
    give_up(&never);
    reply_to_invite(603, NULL);
    ends(refer, VX_OUTCOME_FAILED);
    end_hears(&callee, "INFO ");
    has("\r\n\r\nthen");
    reply(200, "", NULL);
    ends(then, VX_OUTCOME_DONE);
    hang_up();
    vx_test_far_end_close();
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, vx_test_far_end_setup, vx_test_far_end_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_an_offer_after_one_that_was_cancelled),
        TEST(test_one_that_was_cancelled_is_refused_otherwise),
        TEST(test_a_hold_after_an_offer_that_was_refused),
        TEST(test_an_offer_while_the_session_is_refreshed),
        cmocka_unit_test(test_a_hold_that_is_never_answered),
        TEST(test_a_hold_waits_for_the_ack),
        TEST(test_a_hold_waits_in_vain),
        TEST(test_a_bridge_waits_for_the_ack),
        cmocka_unit_test(test_how_it_went_is_told_first),
        cmocka_unit_test(test_not_twice_at_once),
        cmocka_unit_test(test_nothing_is_sent_for_nobody),
        cmocka_unit_test(test_a_request_waits_for_other_kinds),
    };
    return cmocka_run_group_tests_name("sip_turns", tests, NULL, NULL);
}
