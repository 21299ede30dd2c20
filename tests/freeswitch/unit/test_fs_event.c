/* A FreeSWITCH event -> the registry's: what each header means, and headers that mean harm. */
#include "module.h"

#include "headers.h"

#define HOST_TYPES 12

static struct vx_fs_scratch scratch;

/* Reads it; what is borrowed stays until the next one. */
static bool read_event(struct vx_event *e, switch_event_t *event) {
    static switch_event_t *kept;

    switch_event_destroy(&kept);
    kept = event;
    vx_fs_event_init();
    return event ? vx_fs_event_read(e, &scratch, event) : false;
}

static void text_is(struct vx_str s, const char *text) {
    assert_int_equal(s.len, strlen(text));
    assert_memory_equal(s.at, text, s.len);
}

static void types(void **state) {
    static const struct {
        switch_event_types_t from;
        enum vx_event_type to;
    } known[] = {
        {SWITCH_EVENT_CHANNEL_CREATE, VX_EVENT_CREATE},
        {SWITCH_EVENT_CHANNEL_PROGRESS, VX_EVENT_PROGRESS},
        {SWITCH_EVENT_CHANNEL_PROGRESS_MEDIA, VX_EVENT_MEDIA},
        {SWITCH_EVENT_CHANNEL_ANSWER, VX_EVENT_ANSWER},
        {SWITCH_EVENT_CHANNEL_BRIDGE, VX_EVENT_UPDATE},
        {SWITCH_EVENT_CHANNEL_HOLD, VX_EVENT_UPDATE},
        {SWITCH_EVENT_CHANNEL_UNHOLD, VX_EVENT_UPDATE},
        {SWITCH_EVENT_CHANNEL_HANGUP, VX_EVENT_HANGUP},
        {SWITCH_EVENT_CHANNEL_HANGUP_COMPLETE, VX_EVENT_HANGUP},
        {SWITCH_EVENT_CHANNEL_DESTROY, VX_EVENT_HANGUP},
        {SWITCH_EVENT_CHANNEL_UUID, VX_EVENT_RENAME},
        {SWITCH_EVENT_CHANNEL_DATA, VX_EVENT_CREATE},
    };
    struct vx_event e;

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        assert_true(read_event(&e, fs_event(known[i].from, CHANNEL, NULL)));
        assert_int_equal(e.type, known[i].to);
    }
    assert_false(read_event(&e, fs_event(SWITCH_EVENT_CUSTOM, CHANNEL, NULL)));
    assert_false(read_event(&e, fs_event(SWITCH_EVENT_CHANNEL_EXECUTE, CHANNEL, NULL)));
    assert_false(read_event(&e, fs_event(SWITCH_EVENT_CHANNEL_CREATE, NULL, NULL)));
    assert_false(read_event(&e, fs_event(SWITCH_EVENT_CHANNEL_CREATE, "", NULL)));
}

static void names_without_regard_to_case(void **state) {
    struct vx_event e;

    (void)state;
    assert_true(read_event(&e, fs_event(SWITCH_EVENT_CHANNEL_CREATE, NULL, "UNIQUE-id", CHANNEL,
                                        "call-DIRECTION", "inbound", "Unique-ID", OTHER, NULL)));
    assert_int_equal(e.direction, VX_INBOUND);
    struct vx_uuid first = vx_test_uuid(CHANNEL); /* of two headers the first counts */
    assert_true(vx_uuid_eq(&e.call_sid, &first));
}

/* --- the end --- */

static const struct {
    const char *direction, *term, *failure, *proto;
    unsigned status;
} ends[] = {
    {"inbound", "486", "503", "sip:404", 486}, {"inbound", NULL, "503", "sip:404", 404},
    {"outbound", NULL, "503", "sip:404", 503}, {"outbound", NULL, NULL, "sip:603", 603},
    {"outbound", "480", "503", NULL, 480},     {"inbound", NULL, "486", NULL, 0},
    {"inbound", "200", NULL, NULL, 0},         {"inbound", "200", NULL, "sip:486", 486},
    {"inbound", NULL, NULL, "q850:17", 0},     {"inbound", NULL, NULL, "sip:", 0},
    {"inbound", "7486", NULL, NULL, 0},        {"inbound", "-486", NULL, NULL, 0},
    {"inbound", "65999", NULL, NULL, 0},       {"inbound", "66022", NULL, NULL, 0},
};

static void statuses_of_the_end(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        switch_event_t *event = fs_event(SWITCH_EVENT_CHANNEL_HANGUP, CHANNEL, "Call-Direction",
                                         ends[i].direction, "Hangup-Cause", "USER_BUSY", NULL);
        struct vx_event e;

        double_event_add(event, "variable_sip_term_status", ends[i].term);
        double_event_add(event, "variable_sip_invite_failure_status", ends[i].failure);
        double_event_add(event, "variable_proto_specific_hangup_cause", ends[i].proto);
        assert_true(read_event(&e, event));
        if (e.sip_status != ends[i].status)
            fail_msg("row %zu: %u", i, e.sip_status);
        text_is(e.cause, "USER_BUSY");
    }
}

static void the_phrase_is_of_this_leg(void **state) {
    struct vx_event e;

    (void)state;
    for (int inbound = 0; inbound < 2; inbound++) {
        assert_true(read_event(
            &e, fs_event(SWITCH_EVENT_CHANNEL_HANGUP, CHANNEL, "Call-Direction",
                         inbound ? "inbound" : "outbound", "variable_sip_term_status",
                         inbound ? "486" : "0", "variable_sip_invite_failure_status", "486",
                         "variable_sip_invite_failure_phrase", "Gone fishing", NULL)));
        assert_int_equal(e.sip_status, 486);
        if (inbound)
            assert_null(e.sip_reason.at);
        else
            text_is(e.sip_reason, "Gone fishing");
    }
}

/* --- who, from where --- */

static void parents(void **state) {
    struct vx_uuid other = vx_test_uuid(OTHER);
    struct vx_event e;

    (void)state;
    assert_true(
        read_event(&e, fs_event(SWITCH_EVENT_CHANNEL_CREATE, CHANNEL, "Call-Direction", "outbound",
                                "Other-Type", "originator", "Other-Leg-Unique-ID", OTHER, NULL)));
    assert_true(vx_uuid_eq(&e.parent_call_sid, &other));
    assert_true(
        read_event(&e, fs_event(SWITCH_EVENT_CHANNEL_CREATE, CHANNEL, "Call-Direction", "outbound",
                                "Other-Type", "originatee", "Other-Leg-Unique-ID", OTHER, NULL)));
    assert_true(vx_uuid_is_nil(&e.parent_call_sid));
    assert_true(
        read_event(&e, fs_event(SWITCH_EVENT_CHANNEL_CREATE, CHANNEL, "Call-Direction", "inbound",
                                "Other-Type", "originator", "Other-Leg-Unique-ID", OTHER, NULL)));
    assert_true(vx_uuid_is_nil(&e.parent_call_sid));
    assert_true(read_event(&e, fs_event(SWITCH_EVENT_CHANNEL_CREATE, CHANNEL, "Call-Direction",
                                        "outbound", "variable_originating_leg_uuid", OTHER, NULL)));
    assert_true(vx_uuid_eq(&e.parent_call_sid, &other));
}

static void origins(void **state) {
    static const struct {
        const char *direction, *ip, *addr, *port, *told;
        bool source;
    } rows[] = {
        {"inbound", "192.0.2.1", "192.0.2.9", "5060", "192.0.2.1:5060", true},
        {"inbound", NULL, "192.0.2.9", "5060", "192.0.2.9:5060", true},
        {"inbound", "2001:db8::1", NULL, "5060", "[2001:db8::1]:5060", true},
        {"inbound", "192.0.2.1", NULL, NULL, NULL, true},
        {"inbound", "somewhere", NULL, "5060", NULL, false},
        {"inbound", "192.0.2.1", NULL,
         "55555555555555555555555555555555555555555555555555555555555555555555555555555555", NULL,
         true},
        {"outbound", "192.0.2.1", "192.0.2.1", "5060", NULL, false},
        {NULL, "192.0.2.1", "192.0.2.1", "5060", NULL, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        switch_event_t *event =
            fs_event(SWITCH_EVENT_CHANNEL_CREATE, CHANNEL, "Call-Direction", rows[i].direction,
                     "variable_sip_network_ip", rows[i].ip, NULL);
        struct vx_event e;

        double_event_add(event, "Caller-Network-Addr", rows[i].addr);
        double_event_add(event, "variable_sip_network_port", rows[i].port);
        double_event_add(event, "variable_sip_h_X-Account-Sid", ALPHA_SID);
        double_event_add(event, "variable_voxeme_account_sid", BETA_SID);
        assert_true(read_event(&e, event));
        if (rows[i].told)
            text_is(e.originating_sip_ip, rows[i].told);
        else
            assert_null(e.originating_sip_ip.at);
        assert_int_equal(vx_addr_is_known(&e.evidence.source), rows[i].source);
        text_is(e.evidence.variable, BETA_SID);
        /* What we sent ourselves is nobody's claim. */
        assert_int_equal(e.evidence.header.at != NULL, e.direction == VX_INBOUND);
    }
}

/* A call that FreeSWITCH recovers: the channel is new, the answer is not. */
static void attempted_before_it_was_answered(void **state) {
    struct vx_event e;

    (void)state;
    assert_true(
        read_event(&e, fs_event(SWITCH_EVENT_CHANNEL_CREATE, CHANNEL, "Caller-Channel-Created-Time",
                                ENDED, "Caller-Channel-Answered-Time", ANSWERED, NULL)));
    assert_int_equal(e.answered_us, 4102444801093048);
    assert_int_equal(e.attempted_us, e.answered_us);
    assert_true(
        read_event(&e, fs_event(SWITCH_EVENT_CHANNEL_CREATE, CHANNEL, "Caller-Channel-Created-Time",
                                CREATED, "Caller-Channel-Answered-Time", "0", NULL)));
    assert_int_equal(e.attempted_us, 4102444801073048);
}

/* A channel that is taken in after it was transferred: from and to whom it was called at first. */
static void parties_before_a_transfer(void **state) {
    struct vx_event e;
    static const struct {
        const char *direction, *index, *to;
    } rows[] = {
        {"inbound", "1", "2000"},
        {"inbound", "2", "1000"},
        {"outbound", "2", "777"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int data = 0; data < 2; data++) {
            assert_true(read_event(
                &e, fs_event(data ? SWITCH_EVENT_CHANNEL_DATA : SWITCH_EVENT_CHANNEL_CREATE,
                             CHANNEL, "Call-Direction", rows[i].direction,
                             "Caller-Caller-ID-Number", "Outbound Call", "Caller-Caller-ID-Name",
                             "Outbound Call", "Caller-Orig-Caller-ID-Number", "4711",
                             "Caller-Orig-Caller-ID-Name", "Zoe", "Caller-Destination-Number",
                             "2000", "Caller-Profile-Index", rows[i].index, "variable_sip_req_user",
                             "1000", "variable_sip_to_user", "777", NULL)));
            text_is(e.from, data ? "4711" : "Outbound Call");
            text_is(e.caller_name, data ? "Zoe" : "Outbound Call");
            text_is(e.to, data ? rows[i].to : "2000");
        }
}

static void caller_names(void **state) {
    static const char *const names[][2] = {
        {"Zo\xc3\xab \\\"Z\\\" O'Neil", "Zo\xc3\xab \"Z\" O'Neil"},
        {"a\\\\b", "a\\b"},
        {"ends\\", "ends\\"},
        {"\\", "\\"},
        {"", ""},
        {"plain", "plain"},
    };
    struct vx_event e;

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_true(
            read_event(&e, fs_event(SWITCH_EVENT_CHANNEL_CREATE, CHANNEL, "Caller-Caller-ID-Name",
                                    names[i][0], "Caller-Caller-ID-Number", "1", NULL)));
        text_is(e.caller_name, names[i][1]);
    }
}

/* --- harm --- */

#define HUGE 70000

static char huge[HUGE + 1], quotes[HUGE + 1];

static const char *const values[] = {
    NULL,
    "",
    " ",
    "0",
    "1",
    "-1",
    "999999999999999999999999",
    "9223372036854775807",
    "18446744073709551615",
    "1795440188073048",
    "inbound",
    "outbound",
    "originator",
    CHANNEL,
    "2574B508-CFF7-4082-B261-AADAB8293324",
    "00000000-0000-0000-0000-000000000000",
    "not-a-uuid",
    "sip:",
    "sip:486",
    "sip:99999999999",
    "\xff\xfe\x80",
    "\x01\x1f\x7f",
    "%s%n%99999d",
    "\\",
    "\"\\\"",
    "127.0.0.1",
    "::1",
    "127.0.0.1/8",
    "loopback/x-a",
    "<>&'\"",
    huge,
    quotes,
};
#define VALUES (sizeof values / sizeof *values)

static const switch_event_types_t all_types[HOST_TYPES] = {
    SWITCH_EVENT_CHANNEL_CREATE, SWITCH_EVENT_CHANNEL_PROGRESS, SWITCH_EVENT_CHANNEL_ANSWER,
    SWITCH_EVENT_CHANNEL_HANGUP, SWITCH_EVENT_CHANNEL_DESTROY,  SWITCH_EVENT_CHANNEL_UUID,
    SWITCH_EVENT_CHANNEL_DATA,   SWITCH_EVENT_CHANNEL_HOLD,     SWITCH_EVENT_CHANNEL_UNHOLD,
    SWITCH_EVENT_CHANNEL_BRIDGE, SWITCH_EVENT_CHANNEL_OUTGOING, SWITCH_EVENT_CHANNEL_PROGRESS_MEDIA,
};

static switch_event_t *odd_event(struct vx_test_random *rnd) {
    switch_event_t *event = double_event(all_types[vx_test_random(rnd, HOST_TYPES)]);
    uint32_t count = vx_test_random(rnd, 40);

    if (vx_test_random(rnd, 4))
        double_event_add(event, "Unique-ID", vx_test_random(rnd, 2) ? CHANNEL : "x");
    for (uint32_t i = 0; i < count; i++)
        double_event_add(event, fs_headers[vx_test_random(rnd, FS_HEADERS)],
                         values[vx_test_random(rnd, VALUES)]);
    return event;
}

static void odd_events_do_no_harm(void **state) {
    struct vx_test_random rnd = vx_test_random_start("odd events");

    (void)state;
    memset(huge, 'x', HUGE);
    memset(quotes, '\\', HUGE);
    fs_load();
    for (int i = 0; i < 5000; i++) {
        fs_fire(odd_event(&rnd));
        if (i % 500 == 0) {
            double_command("calls demo");
            double_command("show " CHANNEL);
        }
    }
    assert_true(fs_says("audit", "+OK 0 channels"));
    assert_true(fs_says("status", "calls: 0 inbound and 0 outbound live"));
    fs_unload();
}

static void each_value_in_each_header(void **state) {
    (void)state;
    for (size_t h = 0; h < FS_HEADERS; h++)
        for (size_t v = 0; v < VALUES; v++) {
            struct vx_event e;

            read_event(&e, fs_event(SWITCH_EVENT_CHANNEL_HANGUP, h ? CHANNEL : NULL, fs_headers[h],
                                    values[v], NULL));
            assert_true(e.attempted_us >= 0 && e.answered_us >= 0 && e.ended_us >= 0);
            assert_true(e.sip_status == 0 || (e.sip_status >= 300 && e.sip_status <= 699));
        }
}

/* A channel may be given any name (origination_uuid): it gets a sid all the same, always the same,
 * and another than its neighbour. */
static void names_that_are_no_uuids(void **state) {
    struct vx_uuid a = vx_fs_call_sid("agent-1"), b = vx_fs_call_sid("agent-2"),
                   again = vx_fs_call_sid("agent-1"), empty = vx_fs_call_sid("");
    struct vx_uuid upper = vx_fs_call_sid("2574B508-CFF7-4082-B261-AADAB8293324"),
                   lower = vx_fs_call_sid(CHANNEL);

    (void)state;
    assert_true(vx_uuid_eq(&a, &again));
    assert_false(vx_uuid_eq(&a, &b));
    assert_true(vx_uuid_is_nil(&empty));
    assert_true(vx_uuid_eq(&upper, &lower));
    assert_int_equal(a.b[6] >> 4, 8);
}

static int release(void **state) {
    (void)state;
    read_event(NULL, NULL);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types),
        cmocka_unit_test(names_without_regard_to_case),
        cmocka_unit_test(statuses_of_the_end),
        cmocka_unit_test(the_phrase_is_of_this_leg),
        cmocka_unit_test(parents),
        cmocka_unit_test(origins),
        cmocka_unit_test(attempted_before_it_was_answered),
        cmocka_unit_test(parties_before_a_transfer),
        cmocka_unit_test(caller_names),
        cmocka_unit_test(odd_events_do_no_harm),
        cmocka_unit_test(each_value_in_each_header),
        cmocka_unit_test(names_that_are_no_uuids),
    };

    return cmocka_run_group_tests(tests, NULL, release);
}
