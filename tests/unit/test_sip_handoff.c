/*
 * A created call that is answered is handed to the bridge of redirect-to: what each of the two far
 * ends does, and when.
 */
#include "sip_bridge.h"

#include "host/sip/handoff.h"

static struct end far, app;
static char app_invite[sizeof w.got];
static unsigned long long first_version;

/* Of our description in w.got. */
static unsigned long long version(void) {
    const char *origin = strstr(w.got, "o=voxeme ");
    unsigned long long session, version;

    assert_non_null(origin);
    assert_int_equal(sscanf(origin, "o=voxeme %llu %llu ", &session, &version), 2);
    return version;
}

static const char *far_sdp(unsigned version, unsigned port, const char *direction) {
    return made("far", version, port, direction);
}

static void call_far(const char *answer, unsigned time_limit_s) {
    struct vx_command_args args = originate_args(1);

    args.hook = VX_STR("https://example.com/a?b=c&d");
    args.time_limit_s = time_limit_s;
    ends(submit(VX_VERB_ORIGINATE, &args), VX_OUTCOME_DONE);
    assert_true(hears("INVITE sip:bob@127.0.0.1", PATIENT));
    first_version = version();
    reply(200, "", answer);
    far = (struct end){w.dialog, vx_test_sid(1)};
    end_hears(&far, "ACK ");
}

/* Until the application has been called. */
static void begin_with(const char *answer, unsigned time_limit_s) {
    call_far(answer, time_limit_s);
    assert_true(hears("INVITE sip:bridged@127.0.0.1", PATIENT));
    memcpy(app_invite, w.got, sizeof app_invite);
    app.sid = leg_of(&far)->peer->facts.event.call_sid;
}

static void begin(void) {
    begin_with(far_sdp(1, 40000, "sendrecv"), 0);
}

static void app_replies(unsigned status, const char *body) {
    memcpy(w.got, app_invite, sizeof app_invite);
    reply(status, "", body);
    app.dialog = w.dialog;
}

/* Until the far end is offered what the application says. */
static void offer(void) {
    begin();
    app_replies(200, callee_sdp);
    end_hears(&app, "ACK ");
    end_hears(&far, "INVITE ");
    memcpy(invite, w.got, sizeof invite);
}

static void join(void) {
    offer();
    reply(200, "", far_sdp(2, 40000, "sendrecv"));
    end_hears(&far, "ACK ");
    hears("nothing", BRIEF);
}

/* Nothing is left of them, and so many have been sent a BYE. */
static void all_ended(const char *cause, unsigned byes) {
    unsigned seen = 0;

    for (int i = 0; i < PATIENT && w.sip->legs; i++)
        if (listens() && strncmp(w.got, "BYE ", 4) == 0) {
            seen++;
            reply(200, "", NULL);
        }
    all_gone();
    assert_int_equal(seen, byes);
    end_ended(&far, VX_CALL_COMPLETED, 200, cause);
    end_ended(&app, VX_CALL_COMPLETED, 200, cause);
}

static void both_hung_up(const char *cause) {
    all_ended(cause, 2);
}

/* After one of them has hung up itself, and the other's BYE was heard. */
static void both_over(const char *cause) {
    all_ended(cause, 0);
}

static void hangs_up(const struct end *end, const struct end *other) {
    end_says(end, "BYE", NULL);
    end_hears(other, "BYE ");
    reply(200, "", NULL);
}

static void command_hangs_up(const struct end *end) {
    const struct vx_command_args args = {.call_sid = end->sid};

    ends(submit(VX_VERB_HANGUP, &args), VX_OUTCOME_DONE);
}

static void app_cancelled(void) {
    assert_true(hears("CANCEL sip:bridged@", PATIENT));
    reply(200, "", NULL);
    app_replies(487, NULL);
}

/* --- it goes well ----------------------------------------------------------------------------- */

static void test_joined(void **state) {
    (void)state;
    begin();
    has("\r\nX-Voxeme-Hook: https://example.com/a?b=c&d\r\nX-Voxeme-Hook-Method: POST\r\n"
        "X-Voxeme-Tag: {\"a\":1}\r\nX-Voxeme-Application-Sid: " APP_SID "\r\n");
    has(far_sdp(1, 40000, "sendrecv"));
    app_replies(180, NULL);
    app_replies(200, callee_sdp);
    end_hears(&app, "ACK ");
    end_hears(&far, "INVITE ");
    has("o=voxeme ");
    has(" 5 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 42000 RTP/AVP 0\r\n");
    reply(200, "", far_sdp(2, 40000, "sendrecv"));
    end_hears(&far, "ACK ");
    hears_nothing();
    /* From now on it is a bridge as any other. */
    end_says(&app, "INVITE", made("callee", 4, 42002, "sendonly"));
    end_hears(&far, "INVITE ");
    has("o=voxeme ");
    has(" 6 IN IP4 127.0.0.1\r\n");
    has("m=audio 42002 RTP/AVP 0\r\na=sendonly\r\n");
    reply(200, "", far_sdp(3, 40000, "recvonly"));
    end_hears(&app, "SIP/2.0 200 ");
    has("o=far 1 3 IN");
    w.dialog = app.dialog;
    acknowledge();
    hears("nothing", BRIEF);
    end_says(&far, "UPDATE", far_sdp(4, 40002, "sendrecv"));
    end_hears(&app, "UPDATE ");
    has("m=audio 40002 RTP/AVP 0\r\na=sendrecv\r\n");
    reply(200, "", made("callee", 5, 42002, "sendrecv"));
    end_hears(&far, "SIP/2.0 200 ");
    has("o=voxeme ");
    has(" 7 IN IP4 127.0.0.1\r\n");
    hangs_up(&app, &far);
    both_over("NORMAL_CLEARING");
}

/* Our offer had no media, and an answer to it has none either (RFC 3264, section 6.1). */
static void test_the_directions_of_an_answer_without_media(void **state) {
    (void)state;
    begin_with(made("far", 1, 40000, "inactive"), 0);
    has("m=audio 40000 RTP/AVP 0\r\na=sendrecv\r\nm=video 0 ");
    has_not("inactive");
    app_replies(180, NULL);
    hears("nothing", BRIEF);
    command_hangs_up(&far);
    app_cancelled();
    end_hears(&far, "BYE ");
    reply(200, "", NULL);
    all_gone();
}

static void test_media_that_goes_elsewhere(void **state) {
    (void)state;
    offer();
    reply(200, "", far_sdp(2, 40004, "sendrecv"));
    end_hears(&far, "ACK ");
    end_hears(&app, "INVITE ");
    has("m=audio 40004 ");
    reply(200, "", callee_sdp);
    end_hears(&app, "ACK ");
    hears_nothing();
    hangs_up(&far, &app);
    both_over("NORMAL_CLEARING");
}

static void test_hold_of_either_leg(void **state) {
    (void)state;
    join();
    change(VX_VERB_HOLD, &far, far_sdp(3, 40000, "recvonly"));
    hears_nothing();
    change(VX_VERB_UNHOLD, &far, far_sdp(4, 40000, "sendrecv"));
    change(VX_VERB_HOLD, &app, made("callee", 4, 42000, "recvonly"));
    change(VX_VERB_UNHOLD, &app, made("callee", 5, 42000, "sendrecv"));
    hears_nothing();
    command_hangs_up(&app);
    both_hung_up("NORMAL_CLEARING");
}

/* --- what the far end is about meanwhile ------------------------------------------------------ */

/* Its own offers are ours to answer until there is somebody else. */
static void test_an_offer_of_the_far_end_before(void **state) {
    (void)state;
    begin();
    end_says(&far, "INVITE", far_sdp(2, 40006, "sendrecv"));
    end_hears(&far, "SIP/2.0 200 ");
    has("o=voxeme ");
    app_replies(200, callee_sdp);
    end_hears(&app, "ACK ");
    hears_nothing(); /* it is owed an ACK */
    unsigned cseq = w.cseq;
    end_says(&app, "INVITE", made("callee", 4, 42000, "sendrecv"));
    end_hears(&app, "SIP/2.0 491 ");
    acknowledge();
    end_says(&app, "UPDATE", made("callee", 4, 42000, "sendrecv"));
    end_hears(&app, "SIP/2.0 491 ");
    ends(command(VX_VERB_HOLD, &app), VX_OUTCOME_NOT_NOW);
    ends(command(VX_VERB_HOLD, &far), VX_OUTCOME_NOT_NOW);
    w.dialog = far.dialog;
    w.cseq = cseq;
    request("ACK", "", NULL);
    w.cseq++;
    end_hears(&far, "INVITE ");
    reply(200, "", far_sdp(3, 40006, "sendrecv"));
    end_hears(&far, "ACK ");
    end_hears(&app, "INVITE "); /* of which it has not heard */
    has("m=audio 40006 ");
    reply(200, "", callee_sdp);
    end_hears(&app, "ACK ");
    hangs_up(&app, &far);
    both_over("NORMAL_CLEARING");
}

static void test_a_hold_before(void **state) {
    (void)state;
    begin();
    struct vx_command *c = command(VX_VERB_HOLD, &far);
    end_hears(&far, "INVITE ");
    memcpy(invite, w.got, sizeof invite);
    app_replies(200, callee_sdp);
    end_hears(&app, "ACK ");
    hears_nothing();
    reply_to_invite(200, far_sdp(2, 40000, "recvonly"));
    end_hears(&far, "ACK ");
    ends(c, VX_OUTCOME_DONE);
    end_hears(&far, "INVITE ");
    has("m=audio 42000 RTP/AVP 0\r\na=sendonly\r\n");
    reply(200, "", far_sdp(3, 40000, "recvonly"));
    end_hears(&far, "ACK ");
    hears_nothing();
    change(VX_VERB_UNHOLD, &far, far_sdp(4, 40000, "sendrecv"));
    hears_nothing();
    hangs_up(&far, &app);
    both_over("NORMAL_CLEARING");
}

/* Both offer at the same time. */
static void test_offers_that_cross(void **state) {
    (void)state;
    offer();
    end_says(&far, "INVITE", far_sdp(2, 40008, "sendrecv"));
    assert_true(hears("SIP/2.0 491 ", PATIENT));
    acknowledge();
    reply_to_invite(491, NULL);
    end_hears(&far, "ACK ");
    hears_nothing();
    /* It comes first (RFC 3261, section 14.1). */
    end_says(&far, "INVITE", far_sdp(3, 40008, "sendrecv"));
    end_hears(&app, "INVITE ");
    has("m=audio 40008 ");
    reply(200, "", callee_sdp);
    w.dialog = far.dialog;
    end_hears(&far, "SIP/2.0 200 ");
    has("m=audio 42000 ");
    acknowledge();
    hears("nothing", BRIEF);
    vx_test_ahead_seconds += 5;
    end_hears(&far, "INVITE ");
    has("m=audio 42000 ");
    reply(200, "", far_sdp(3, 40008, "sendrecv"));
    end_hears(&far, "ACK ");
    hears_nothing();
    hangs_up(&far, &app);
    both_over("NORMAL_CLEARING");
}

static void test_a_moment_that_is_never_right(void **state) {
    (void)state;
    offer();
    for (int i = 0; i < 3; i++) {
        reply_to_invite(491, NULL);
        end_hears(&far, "ACK ");
        hears_nothing();
        vx_test_ahead_seconds += 5;
        end_hears(&far, "INVITE ");
        memcpy(invite, w.got, sizeof invite);
    }
    reply_to_invite(491, NULL);
    both_hung_up(vx_sip_cause_of_status(491));
}

/* Another of its own is not finished: an ACK has been overtaken, say. */
static void test_too_early(void **state) {
    (void)state;
    offer();
    reply(500, "Retry-After: 2\r\n", NULL);
    end_hears(&far, "ACK ");
    hears_nothing();
    vx_test_ahead_seconds += 5;
    end_hears(&far, "INVITE ");
    has("m=audio 42000 ");
    reply(200, "", far_sdp(2, 40000, "sendrecv"));
    end_hears(&far, "ACK ");
    hears_nothing();
    hangs_up(&far, &app);
    both_over("NORMAL_CLEARING");
}

static void test_an_answer_without_a_description(void **state) {
    (void)state;
    offer();
    reply(200, "", NULL);
    both_hung_up("INCOMPATIBLE_DESTINATION");
}

/* Who goes by the version alone would take the same one for the same description. */
static void test_a_version_that_begins_at_zero(void **state) {
    (void)state;
    begin();
    app_replies(200, made("callee", 0, 42000, "sendrecv"));
    end_hears(&app, "ACK ");
    end_hears(&far, "INVITE ");
    assert_true(version() > first_version);
    reply(200, "", far_sdp(2, 40000, "sendrecv"));
    end_hears(&far, "ACK ");
    hangs_up(&app, &far);
    both_over("NORMAL_CLEARING");
}

/* Who comes next knows nothing of it. */
static void test_a_stream_more_before(void **state) {
    (void)state;
    char three[1024];

    begin();
    snprintf(three, sizeof three, "%sm=image 40010 udptl t38\r\n", far_sdp(2, 40006, "sendrecv"));
    end_says(&far, "INVITE", three);
    end_hears(&far, "SIP/2.0 488 ");
    acknowledge();
    app_replies(200, callee_sdp);
    end_hears(&app, "ACK ");
    end_hears(&far, "INVITE ");
    reply(200, "", far_sdp(2, 40000, "sendrecv"));
    end_hears(&far, "ACK ");
    hears_nothing();
    hangs_up(&app, &far);
    both_over("NORMAL_CLEARING");
}

/* What a leg was made by is there for as long as the leg. */
static void test_another_configuration_meanwhile(void **state) {
    (void)state;
    for (int when = 0; when < 4; when++) {
        open_redirecting("2000");
        (when == 0 ? begin : when == 2 ? join : offer)();
        if (when == 3) {
            reply_to_invite(491, NULL);
            end_hears(&far, "ACK ");
        }
        struct vx_switch_config *none = vx_switch_config_new();
        struct vx_config *same = vx_config_ref(w.sip->config);
        vx_sip_configure(w.sip, same, none);
        vx_config_release(&same);
        vx_switch_config_release(&none);
        vx_loaded_clear(&w.loaded);
        if (when == 0)
            app_replies(200, callee_sdp);
        if (when == 3)
            vx_test_ahead_seconds += 5;
        if (when == 0 || when == 3)
            end_hears(&far, "INVITE ");
        if (when != 2) {
            reply(200, "", far_sdp(2, 40000, "sendrecv"));
            end_hears(&far, "ACK ");
        }
        command_hangs_up(&far);
        both_hung_up("NORMAL_CLEARING");
        vx_test_far_end_close();
    }
}

static void test_the_offer_is_refused(void **state) {
    (void)state;
    static const struct {
        unsigned status;
        const char *cause;
    } rows[] = {
        {488, NULL}, {500, NULL}, {481, NULL}, {603, NULL}, {408, "RECOVERY_ON_TIMER_EXPIRE"}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        open_redirecting("2000");
        offer();
        reply(rows[i].status, "", NULL);
        both_hung_up(rows[i].cause ? rows[i].cause : vx_sip_cause_of_status(rows[i].status));
        vx_test_far_end_close();
    }
}

/* 1xx is all that it says. */
static void test_the_offer_is_not_answered(void **state) {
    (void)state;
    offer();
    reply(180, "", NULL);
    hears("nothing", BRIEF);
    vx_test_ahead_seconds += 40;
    end_hears(&far, "CANCEL ");
    reply(200, "", NULL);
    reply_to_invite(487, NULL);
    both_hung_up(vx_sip_cause_of_status(487));
}

/* --- it comes to nothing ---------------------------------------------------------------------- */

static void test_the_application_refuses(void **state) {
    (void)state;
    begin();
    app_replies(486, NULL);
    end_hears(&far, "BYE ");
    reply(200, "", NULL);
    all_gone();
    end_ended(&far, VX_CALL_COMPLETED, 200, "USER_BUSY");
    end_ended(&app, VX_CALL_BUSY, 486, "USER_BUSY");
}

static void test_the_application_does_not_answer(void **state) {
    (void)state;
    begin();
    app_replies(180, NULL);
    hears("nothing", BRIEF);
    vx_test_ahead_seconds += 61;
    app_cancelled();
    end_hears(&far, "BYE ");
    reply(200, "", NULL);
    all_gone();
    end_ended(&far, VX_CALL_COMPLETED, 200, "NO_ANSWER");
    end_ended(&app, VX_CALL_NO_ANSWER, 487, "NO_ANSWER");
    assert_int_equal(atomic_load(&w.metrics.ring_timeouts), 1);
}

static void test_no_description(void **state) {
    (void)state;
    begin();
    app_replies(200, NULL);
    both_hung_up("INCOMPATIBLE_DESTINATION");
    vx_test_far_end_close();
    open_redirecting("2000");
    call_far(NULL, 0);
    end_hears(&far, "BYE ");
    reply(200, "", NULL);
    all_gone();
    end_ended(&far, VX_CALL_COMPLETED, 200, "INCOMPATIBLE_DESTINATION");
}

static void test_the_far_end_hangs_up_before(void **state) {
    (void)state;
    begin();
    app_replies(180, NULL);
    end_says(&far, "BYE", NULL);
    assert_true(hears("CANCEL sip:bridged@", PATIENT));
    reply(200, "", NULL);
    app_replies(200, callee_sdp); /* all the same */
    end_hears(&app, "ACK ");
    end_hears(&app, "BYE ");
    reply(200, "", NULL);
    all_gone();
    end_ended(&far, VX_CALL_COMPLETED, 200, "NORMAL_CLEARING");
    end_ended(&app, VX_CALL_NO_ANSWER, 487, "NORMAL_CLEARING");
}

static void test_the_application_hangs_up_during_the_offer(void **state) {
    (void)state;
    offer();
    hangs_up(&app, &far);
    reply_to_invite(487, NULL);
    both_over("NORMAL_CLEARING");
}

static void test_an_end_hangs_up_between_two_offers(void **state) {
    (void)state;
    const struct end *const ends_of[] = {&far, &app};
    for (size_t i = 0; i < 2; i++) {
        open_redirecting("2000");
        offer();
        reply_to_invite(491, NULL);
        end_hears(&far, "ACK ");
        hangs_up(ends_of[i], ends_of[1 - i]);
        hears_nothing(); /* its answer has arrived */
        vx_test_ahead_seconds += 5;
        both_over("NORMAL_CLEARING");
        vx_test_far_end_close();
    }
}

/* Not with a checker of leaks: libsofia-sip-ua 1.12.11 keeps a reference to an INVITE that is under
 * way when its dialog ends by a BYE (nua_session_usage_remove()), and so its memory, 2 KiB. */
#ifndef VX_SANITIZERS
static void test_the_far_end_hangs_up_during_the_offer(void **state) {
    (void)state;
    offer();
    hangs_up(&far, &app);
    reply_to_invite(487, NULL);
    both_over("NORMAL_CLEARING");
}
#endif

/* It takes the offer when it has been hung up. */
static void test_an_offer_that_is_taken_too_late(void **state) {
    (void)state;
    offer();
    hangs_up(&app, &far);
    reply_to_invite(200, far_sdp(2, 40000, "sendrecv"));
    both_over("NORMAL_CLEARING");
}

static void test_hung_up_by_a_command(void **state) {
    (void)state;
    for (int joined = 0; joined < 2; joined++) {
        open_redirecting("2000");
        if (joined)
            join();
        else
            offer();
        command_hangs_up(&far);
        both_hung_up("NORMAL_CLEARING");
        vx_test_far_end_close();
    }
    open_redirecting("2000");
    begin();
    app_replies(180, NULL);
    hears("nothing", BRIEF);
    command_hangs_up(&app);
    app_cancelled();
    end_hears(&far, "BYE ");
    reply(200, "", NULL);
    all_gone();
    end_ended(&far, VX_CALL_COMPLETED, 200, "NO_ANSWER");
    end_ended(&app, VX_CALL_NO_ANSWER, 487, "ORIGINATOR_CANCEL");
    vx_test_far_end_close();
}

static void test_the_time_limit_is_the_created_call_s(void **state) {
    (void)state;
    begin_with(far_sdp(1, 40000, "sendrecv"), 100);
    app_replies(180, NULL);
    hears("nothing", BRIEF);
    vx_test_ahead_seconds += 50;
    hears("nothing", BRIEF);
    app_replies(200, callee_sdp);
    end_hears(&far, "INVITE ");
    reply(200, "", far_sdp(2, 40000, "sendrecv"));
    end_hears(&far, "ACK ");
    hears("nothing", BRIEF);
    assert_int_equal(atomic_load(&w.metrics.time_limits), 0);
    vx_test_ahead_seconds += 50;
    both_hung_up("ALLOTTED_TIMEOUT");
    assert_int_equal(atomic_load(&w.metrics.time_limits), 1);
    vx_test_far_end_close();
    open_redirecting("2000");
    begin_with(far_sdp(1, 40000, "sendrecv"), 10);
    app_replies(180, NULL);
    hears("nothing", BRIEF);
    vx_test_ahead_seconds += 11;
    app_cancelled();
    end_hears(&far, "BYE ");
    reply(200, "", NULL);
    all_gone();
    end_ended(&app, VX_CALL_NO_ANSWER, 487, "ALLOTTED_TIMEOUT");
}

/* --- the host --------------------------------------------------------------------------------- */

static void test_stopped_meanwhile(void **state) {
    (void)state;
    static void (*const until[])(void) = {begin, offer, join};

    for (size_t i = 0; i < sizeof until / sizeof *until; i++) {
        open_redirecting("2000");
        until[i]();
        vx_test_far_end_close();
    }
}

static void test_without_the_setting_it_stays(void **state) {
    (void)state;
    vx_test_far_end_open("", "");
    struct vx_command_args args = originate_args(1);
    args.speech[VX_SYNTHESIS_VOICE] = VX_STR("a\r\nb");
    ends(submit(VX_VERB_ORIGINATE, &args), VX_OUTCOME_DONE);
    assert_true(hears("INVITE sip:bob@127.0.0.1", PATIENT));
    far.sid = vx_test_sid(1);
    reply(200, "", vx_test_sdp);
    assert_true(hears("ACK ", PATIENT));
    assert_false(hears("INVITE ", BRIEF));
    assert_int_equal(leg_of(&far)->handoff.len, 0);
    vx_test_far_end_close();
    open_redirecting("2000");
    args = originate_args(1);
    args.speech[VX_SYNTHESIS_VOICE] = VX_STR("a\r\nb");
    struct vx_command *c = submit(VX_VERB_ORIGINATE, &args);
    struct vx_command_result result = result_of(&c);
    assert_int_equal(result.outcome, VX_OUTCOME_FAILED);
    assert_string_equal(result.reason, "speech_synthesis_voice cannot be in a header");
    assert_false(hears("INVITE ", BRIEF));
    assert_null(w.sip->legs);
    vx_test_far_end_close();
}

/* Whatever fails, both ends are hung up or joined. */
static void scenario(void *ctx) {
    (void)ctx;
    open_redirecting("2000");
    struct vx_command_args args = originate_args(1);
    args.hook = VX_STR("https://example.com/");
    struct vx_command *c = submit(VX_VERB_ORIGINATE, &args);
    vx_test_arm();
    for (int quiet = 0; quiet < 2 * BRIEF; quiet++) {
        if (!listens())
            continue;
        quiet = 0;
        if (strncmp(w.got, "INVITE ", 7) == 0)
            reply(200, "", strstr(w.got, "bridged@") ? callee_sdp : vx_test_sdp);
        else if (strncmp(w.got, "BYE ", 4) == 0)
            reply(200, "", NULL);
    }
    bool failed = vx_test_disarm();
    struct vx_command_result result = result_of(&c);
    size_t legs = 0;
    for (const struct vx_leg *leg = w.sip->legs; leg; leg = leg->next, legs++) {
        assert_true(leg->answered && !leg->over && !leg->holding);
        assert_true(leg->peer && vx_leg_is_bridged(leg));
    }
    assert_true(legs == 0 || legs == 2);
    if (!failed) {
        assert_int_equal(result.outcome, VX_OUTCOME_DONE);
        assert_int_equal(legs, 2);
    }
    vx_test_far_end_close();
}

static void test_memory_is_short(void **state) {
    (void)state;
    vx_test_every_allocation_fails(scenario, NULL, true);
}

static int redirecting(void **state) {
    (void)state;
    open_redirecting("2000");
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, redirecting, vx_test_far_end_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_joined),
        TEST(test_the_directions_of_an_answer_without_media),
        TEST(test_media_that_goes_elsewhere),
        TEST(test_hold_of_either_leg),
        TEST(test_an_offer_of_the_far_end_before),
        TEST(test_a_hold_before),
        TEST(test_offers_that_cross),
        TEST(test_a_moment_that_is_never_right),
        TEST(test_too_early),
        TEST(test_an_answer_without_a_description),
        TEST(test_a_version_that_begins_at_zero),
        TEST(test_a_stream_more_before),
        cmocka_unit_test(test_another_configuration_meanwhile),
        cmocka_unit_test(test_the_offer_is_refused),
        TEST(test_the_offer_is_not_answered),
        TEST(test_the_application_refuses),
        TEST(test_the_application_does_not_answer),
        TEST(test_no_description),
        TEST(test_the_far_end_hangs_up_before),
        TEST(test_the_application_hangs_up_during_the_offer),
        cmocka_unit_test(test_an_end_hangs_up_between_two_offers),
#ifndef VX_SANITIZERS
        TEST(test_the_far_end_hangs_up_during_the_offer),
#endif
        TEST(test_an_offer_that_is_taken_too_late),
        cmocka_unit_test(test_hung_up_by_a_command),
        TEST(test_the_time_limit_is_the_created_call_s),
        cmocka_unit_test(test_stopped_meanwhile),
        cmocka_unit_test(test_without_the_setting_it_stays),
        cmocka_unit_test(test_memory_is_short),
    };
    return cmocka_run_group_tests_name("sip_handoff", tests, NULL, NULL);
}
