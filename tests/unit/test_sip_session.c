/*
 * Session timers (RFC 4028) take minutes: here the SIP stack runs on a clock that the test drives.
 */
#include "sip_far_end.h"

/* A call with this refresher, answered and acknowledged. */
static void call(const char *refresher) {
    char more[160], expires[128];

    snprintf(more, sizeof more,
             "Supported: timer\r\nAllow: INVITE, ACK, BYE, UPDATE\r\n"
             "Session-Expires: 90;refresher=%s\r\nMin-SE: 90\r\n",
             refresher);
    dial("1000", more, NULL);
    assert_true(hears("SIP/2.0 200 ", PATIENT));
    header("Session-Expires", expires, sizeof expires);
    assert_non_null(strstr(expires, refresher));
    acknowledge();
    assert_false(hears("BYE ", BRIEF));
    assert_int_equal(vx_scope_counts(w.all).live_inbound, 1);
}

/* Half of the 90 s, give or take what sofia-sip adds at random. */
#define REFRESH 51

/* The peer should refresh and does not: it is taken for gone before its 90 s are over. */
static void test_a_peer_that_is_gone(void **state) {
    (void)state;
    call("uac");
    vx_test_ahead_seconds += 45;
    assert_false(hears("BYE ", BRIEF));
    assert_int_equal(vx_scope_counts(w.all).live_inbound, 1);
    vx_test_ahead_seconds += 45;
    assert_true(hears("BYE ", PATIENT));
    reply(200, "", NULL);
    assert_false(hears("BYE ", BRIEF));
    struct vx_counts counts = vx_scope_counts(w.all);
    assert_int_equal(counts.live_inbound, 0);
    assert_int_equal(counts.ended_inbound, 1);
    assert_int_equal(atomic_load(&w.metrics.lost), 1);
    assert_int_equal(atomic_load(&w.metrics.calls), 0);
}

/* We refresh, by UPDATE, and the call goes on for as long as the peer answers. */
static void test_we_refresh(void **state) {
    (void)state;
    call("uas");
    for (int i = 0; i < 4; i++) {
        vx_test_ahead_seconds += REFRESH;
        assert_true(hears("UPDATE ", PATIENT));
        reply(200, "Session-Expires: 90;refresher=uac\r\nRequire: timer\r\n", NULL);
        assert_false(hears("BYE ", BRIEF));
        assert_int_equal(vx_scope_counts(w.all).live_inbound, 1);
    }
    assert_int_equal(atomic_load(&w.metrics.lost), 0);
}

/* We refresh and nobody answers: the call is given up. */
static void test_nobody_answers_our_refresh(void **state) {
    (void)state;
    call("uas");
    vx_test_ahead_seconds += REFRESH;
    assert_true(hears("UPDATE ", PATIENT));
    /* 64*T1 for the UPDATE, in steps, so that it is sent again as on a real clock. */
    for (int i = 0; i < 4; i++) {
        vx_test_ahead_seconds += 10;
        hears("BYE ", BRIEF);
    }
    assert_int_equal(vx_scope_counts(w.all).live_inbound, 0);
    assert_int_equal(atomic_load(&w.metrics.lost), 1);
}

/* A refresh that is refused for good would not be tried again; one that came at a bad moment is the
 * far end's to repeat. */
static void test_our_refresh_is_refused(void **state) {
    (void)state;
    static const struct {
        unsigned status;
        bool ends;
    } answers[] = {{481, true}, {500, true}, {404, true}, {491, false}, {488, false}};

    for (unsigned i = 0; i < sizeof answers / sizeof *answers; i++) {
        unsigned lost = (unsigned)atomic_load(&w.metrics.lost);
        call("uas");
        vx_test_ahead_seconds += REFRESH;
        assert_true(hears("UPDATE ", PATIENT));
        reply(answers[i].status, "", NULL);
        assert_int_equal(hears("BYE ", BRIEF), answers[i].ends);
        if (answers[i].ends)
            reply(200, "", NULL);
        assert_int_equal(vx_scope_counts(w.all).live_inbound, !answers[i].ends);
        assert_int_equal(atomic_load(&w.metrics.lost), lost + answers[i].ends);
        if (!answers[i].ends) {
            request("BYE", "", NULL);
            assert_true(hears("SIP/2.0 200 ", PATIENT));
        }
        all_gone();
    }
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, vx_test_far_end_setup, vx_test_far_end_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_peer_that_is_gone),
        TEST(test_we_refresh),
        TEST(test_nobody_answers_our_refresh),
        TEST(test_our_refresh_is_refused),
    };
    return cmocka_run_group_tests_name("sip_session", tests, NULL, NULL);
}
