#include "support.h"

#include "core/sip.h"

static void test_names_round_trip(void **state) {
    (void)state;
    static const char *const names[VX_CALL_STATUS_COUNT] = {[VX_CALL_QUEUED] = "queued",
                                                            [VX_CALL_TRYING] = "trying",
                                                            [VX_CALL_RINGING] = "ringing",
                                                            [VX_CALL_EARLY_MEDIA] = "early-media",
                                                            [VX_CALL_IN_PROGRESS] = "in-progress",
                                                            [VX_CALL_COMPLETED] = "completed",
                                                            [VX_CALL_BUSY] = "busy",
                                                            [VX_CALL_NO_ANSWER] = "no-answer",
                                                            [VX_CALL_FAILED] = "failed"};
    for (int i = 0; i < VX_CALL_STATUS_COUNT; i++) {
        assert_string_equal(vx_call_status_name((enum vx_call_status)i), names[i]);
        enum vx_call_status s = VX_CALL_STATUS_COUNT;
        assert_true(vx_call_status_parse(&s, vx_str(names[i])));
        assert_int_equal(s, i);
    }
}

static void test_refuses_other_names(void **state) {
    (void)state;
    static const char *const bad[] = {"",        "alerting",    "Ringing",    "ringing ",
                                      " queued", "in_progress", "in-progres", "in-progresss"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        enum vx_call_status s;
        if (vx_call_status_parse(&s, vx_str(bad[i])))
            fail_msg("taken for a status: \"%s\"", bad[i]);
    }
    enum vx_call_status s;
    assert_false(vx_call_status_parse(&s, VX_NONE));
}

static void test_ended(void **state) {
    (void)state;
    for (int i = 0; i < VX_CALL_STATUS_COUNT; i++)
        assert_int_equal(vx_call_status_ended((enum vx_call_status)i), i >= VX_CALL_COMPLETED);
}

/* Every status there can be, and some that cannot. */
static void test_unanswered(void **state) {
    (void)state;
    for (unsigned s = 0; s < 1000; s++) {
        enum vx_call_status want = VX_CALL_FAILED;
        if (s == 486 || s == 600 || s == 603)
            want = VX_CALL_BUSY;
        else if (s == 408 || s == 480 || s == 487)
            want = VX_CALL_NO_ANSWER;
        if (vx_sip_unanswered(s) != want)
            fail_msg("%u is %s, should be %s", s, vx_call_status_name(vx_sip_unanswered(s)),
                     vx_call_status_name(want));
    }
    assert_int_equal(vx_sip_unanswered(65535), VX_CALL_FAILED);
}

static const struct {
    const char *cause;
    unsigned status;
} causes[] = {
    {"UNALLOCATED_NUMBER", 404},
    {"NO_ROUTE_TRANSIT_NET", 404},
    {"NO_ROUTE_DESTINATION", 404},
    {"USER_BUSY", 486},
    {"NO_USER_RESPONSE", 408},
    {"NO_ANSWER", 480},
    {"SUBSCRIBER_ABSENT", 480},
    {"NORMAL_UNSPECIFIED", 480},
    {"CALL_REJECTED", 603},
    {"DECLINE", 603},
    {"REJECT_ALL", 603},
    {"NUMBER_CHANGED", 410},
    {"REDIRECTION_TO_NEW_DESTINATION", 410},
    {"DESTINATION_OUT_OF_ORDER", 502},
    {"INVALID_PROFILE", 502},
    {"INVALID_NUMBER_FORMAT", 484},
    {"INVALID_URL", 484},
    {"INVALID_GATEWAY", 484},
    {"FACILITY_REJECTED", 501},
    {"FACILITY_NOT_IMPLEMENTED", 501},
    {"SERVICE_NOT_IMPLEMENTED", 501},
    {"REQUESTED_CHAN_UNAVAIL", 503},
    {"NORMAL_CIRCUIT_CONGESTION", 503},
    {"NETWORK_OUT_OF_ORDER", 503},
    {"NORMAL_TEMPORARY_FAILURE", 503},
    {"SWITCH_CONGESTION", 503},
    {"GATEWAY_DOWN", 503},
    {"BEARERCAPABILITY_NOTAVAIL", 503},
    {"OUTGOING_CALL_BARRED", 403},
    {"INCOMING_CALL_BARRED", 403},
    {"BEARERCAPABILITY_NOTAUTH", 403},
    {"BEARERCAPABILITY_NOTIMPL", 488},
    {"INCOMPATIBLE_DESTINATION", 488},
    {"RECOVERY_ON_TIMER_EXPIRE", 504},
    {"ORIGINATOR_CANCEL", 487},
    {"LOSE_RACE", 487},
    {"EXCHANGE_ROUTING_ERROR", 483},
    {"BUSY_EVERYWHERE", 600},
    /* anything else */
    {"NORMAL_CLEARING", 480},
    {"ALLOTTED_TIMEOUT", 480},
    {"MEDIA_TIMEOUT", 480},
    {"lost", 480},
    {"user_busy", 480},
    {"USER_BUSY ", 480},
    {"USER_BUS", 480},
    {"", 480},
};

static void test_every_cause(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++) {
        unsigned got = vx_sip_status_of_cause(vx_str(causes[i].cause));
        if (got != causes[i].status)
            fail_msg("%s is %u, should be %u", causes[i].cause, got, causes[i].status);
    }
    assert_int_equal(vx_sip_status_of_cause(VX_NONE), 480);
}

/* RFC 3398, section 8.2.6.1, but for 488 and 606, where a Warning decides. */
static void test_cause_of_status(void **state) {
    (void)state;
    static const struct {
        unsigned status;
        const char *cause;
    } rows[] = {
        {400, "NORMAL_TEMPORARY_FAILURE"},
        {401, "CALL_REJECTED"},
        {403, "CALL_REJECTED"},
        {404, "UNALLOCATED_NUMBER"},
        {408, "RECOVERY_ON_TIMER_EXPIRE"},
        {410, "NUMBER_CHANGED"},
        {480, "NO_USER_RESPONSE"},
        {482, "EXCHANGE_ROUTING_ERROR"},
        {483, "EXCHANGE_ROUTING_ERROR"},
        {484, "INVALID_NUMBER_FORMAT"},
        {485, "UNALLOCATED_NUMBER"},
        {486, "USER_BUSY"},
        {500, "NORMAL_TEMPORARY_FAILURE"},
        {501, "SERVICE_NOT_IMPLEMENTED"},
        {502, "NETWORK_OUT_OF_ORDER"},
        {503, "NORMAL_TEMPORARY_FAILURE"},
        {504, "RECOVERY_ON_TIMER_EXPIRE"},
        {600, "USER_BUSY"},
        {603, "CALL_REJECTED"},
        {604, "UNALLOCATED_NUMBER"},
        {0, "NORMAL_UNSPECIFIED"},
        {699, "NORMAL_UNSPECIFIED"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *got = vx_sip_cause_of_status(rows[i].status);
        if (strcmp(got, rows[i].cause) != 0)
            fail_msg("%u is %s, should be %s", rows[i].status, got, rows[i].cause);
    }
    for (unsigned s = 0; s < 1000; s++)
        assert_true(strlen(vx_sip_cause_of_status(s)) > 0);
}

/* Every status that voxeme-switch sends by itself, by the words of the RFC that defines it; all
 * others are held against sofia-sip's in test_sip_text.c. */
static void test_reasons(void **state) {
    (void)state;
    assert_string_equal(vx_sip_reason(100), "Trying");                     /* RFC 3261, 21.1.1 */
    assert_string_equal(vx_sip_reason(180), "Ringing");                    /* 21.1.2 */
    assert_string_equal(vx_sip_reason(183), "Session Progress");           /* 21.1.5 */
    assert_string_equal(vx_sip_reason(200), "OK");                         /* 21.2.1 */
    assert_string_equal(vx_sip_reason(404), "Not Found");                  /* 21.4.5 */
    assert_string_equal(vx_sip_reason(408), "Request Timeout");            /* 21.4.9 */
    assert_string_equal(vx_sip_reason(415), "Unsupported Media Type");     /* 21.4.13 */
    assert_string_equal(vx_sip_reason(422), "Session Interval Too Small"); /* RFC 4028, 6 */
    assert_string_equal(vx_sip_reason(480), "Temporarily Unavailable");    /* 21.4.18 */
    assert_string_equal(vx_sip_reason(481), "Call/Transaction Does Not Exist"); /* 21.4.19 */
    assert_string_equal(vx_sip_reason(483), "Too Many Hops");                   /* 21.4.21 */
    assert_string_equal(vx_sip_reason(486), "Busy Here");                       /* 21.4.24 */
    assert_string_equal(vx_sip_reason(487), "Request Terminated");              /* 21.4.25 */
    assert_string_equal(vx_sip_reason(488), "Not Acceptable Here");             /* 21.4.26 */
    assert_string_equal(vx_sip_reason(491), "Request Pending");                 /* 21.4.27 */
    assert_string_equal(vx_sip_reason(500), "Server Internal Error");           /* 21.5.1 */
    assert_string_equal(vx_sip_reason(501), "Not Implemented");                 /* 21.5.2 */
    assert_string_equal(vx_sip_reason(503), "Service Unavailable");             /* 21.5.4 */
    assert_string_equal(vx_sip_reason(603), "Decline");                         /* 21.6.2 */
    assert_string_equal(vx_sip_reason(0), "");
    assert_string_equal(vx_sip_reason(299), "");
    assert_string_equal(vx_sip_reason(70000), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_round_trip),
        cmocka_unit_test(test_refuses_other_names),
        cmocka_unit_test(test_ended),
        cmocka_unit_test(test_unanswered),
        cmocka_unit_test(test_every_cause),
        cmocka_unit_test(test_cause_of_status),
        cmocka_unit_test(test_reasons),
    };
    return cmocka_run_group_tests_name("sip", tests, NULL, NULL);
}
