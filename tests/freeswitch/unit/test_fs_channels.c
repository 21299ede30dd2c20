/* Channels that were there before the module, the audit, channels that change their uuid. */
#include "module.h"

static void up(switch_event_t *data) {
    double_channel(double_event_get(data, "Unique-ID"), data);
    switch_event_destroy(&data);
}

static void is(const char *uuid, const char *text) {
    char show[64];

    snprintf(show, sizeof show, "show %s", uuid);
    assert_true(fs_says(show, text));
}

/* --- at load --- */

static void taken_in_as_they_are(void **state) {
    switch_event_t *media = fs_inbound(SWITCH_EVENT_CHANNEL_DATA, "a-fourth", NULL, NULL);

    (void)state;
    up(fs_inbound(SWITCH_EVENT_CHANNEL_DATA, CHANNEL, NULL, NULL));
    up(fs_inbound(SWITCH_EVENT_CHANNEL_DATA, OTHER, PROGRESSED, NULL));
    up(fs_inbound(SWITCH_EVENT_CHANNEL_DATA, ALPHA_SID, PROGRESSED, ANSWERED));
    double_event_add(media, "Caller-Channel-Progress-Media-Time", PROGRESSED);
    up(media);
    fs_load();
    assert_true(fs_says("audit", "+OK 4 channels, 0 taken in, 0 lost"));
    is(CHANNEL, "\"attempted_at\":\"2100-01-01T00:00:01.073Z\"");
    is(CHANNEL, "\"call_status\":\"trying\"");
    is(CHANNEL, "\"account_sid\":\"" ALPHA_SID "\"");
    is(OTHER, "\"call_status\":\"ringing\"");
    is(ALPHA_SID, "\"call_status\":\"in-progress\"");
    is(ALPHA_SID, "\"answered_at\":\"2100-01-01T00:00:01.093Z\"");
    assert_true(fs_says("calls demo", "early-media"));
    assert_true(fs_says("status", "calls: 4 inbound and 0 outbound live"));
    fs_unload();
}

/* It hung up before the module came, and FreeSWITCH has not done with it. */
static void taken_in_when_it_is_over(void **state) {
    switch_event_t *over = fs_inbound(SWITCH_EVENT_CHANNEL_DATA, CHANNEL, PROGRESSED, ANSWERED);

    (void)state;
    double_event_add(over, "Caller-Channel-Hangup-Time", ENDED);
    double_event_add(over, "Hangup-Cause", "NORMAL_CLEARING");
    up(over);
    fs_load();
    assert_true(fs_says("audit", "+OK 1 channels, 0 taken in, 0 lost"));
    is(CHANNEL, "\"call_status\":\"completed\"");
    is(CHANNEL, "\"duration\":2");
    assert_true(fs_says("status", "calls: 0 inbound and 0 outbound live, 1 ended"));
    fs_unload();
}

static void loopback_counts_on_demand(void **state) {
    (void)state;
    for (int track = 0; track < 2; track++) {
        switch_event_t *loop = fs_inbound(SWITCH_EVENT_CHANNEL_DATA, CHANNEL, NULL, NULL);

        double_event_add(loop, "Channel-Name", "loopback/1001-a");
        up(loop);
        fs_load();
        if (track) {
            double_config(CONFIG(ANY_PORT PARAM("track-loopback", "true"), ACCOUNTS(DEMO)));
            assert_true(fs_says("reload", "+OK"));
        }
        assert_true(fs_says("audit", track ? "1 taken in" : "0 taken in"));
        loop = fs_inbound(SWITCH_EVENT_CHANNEL_CREATE, OTHER, NULL, NULL);
        double_event_add(loop, "Channel-Name", "loopback/1001-b");
        fs_fire(loop);
        assert_true(fs_says("status", track ? "calls: 2 inbound" : "calls: 0 inbound"));
        fs_unload();
    }
}

static switch_event_t *loop_leg(switch_event_types_t type, const char *uuid) {
    switch_event_t *event = fs_inbound(type, uuid, NULL, ANSWERED);

    double_event_add(event, "Channel-Name", "loopback/1001-a");
    return event;
}

static void track(const char *whether) {
    char config[1024];

    snprintf(config, sizeof config, CONFIG(ANY_PORT PARAM("track-loopback", "%s"), ACCOUNTS(DEMO)),
             whether);
    double_config(config);
    assert_true(fs_says("reload", "+OK"));
}

/* Legs that count when loopback ceases to be tracked do so to their end. */
static void loopback_ends_as_it_began(void **state) {
    switch_event_t *hangup = loop_leg(SWITCH_EVENT_CHANNEL_HANGUP, CHANNEL);

    (void)state;
    fs_load();
    track("true");
    fs_fire(loop_leg(SWITCH_EVENT_CHANNEL_CREATE, CHANNEL));
    up(loop_leg(SWITCH_EVENT_CHANNEL_DATA, CHANNEL));
    track("false");
    up(loop_leg(SWITCH_EVENT_CHANNEL_DATA, OTHER));
    fs_fire(loop_leg(SWITCH_EVENT_CHANNEL_CREATE, OTHER));
    assert_true(fs_says("audit", "+OK 2 channels, 0 taken in, 0 lost"));
    assert_true(fs_says("status", "calls: 1 inbound"));
    double_event_add(hangup, "Hangup-Cause", "NORMAL_CLEARING");
    double_event_add(hangup, "Caller-Channel-Hangup-Time", ENDED);
    fs_fire(hangup);
    double_channels_gone();
    assert_true(fs_says("audit", "+OK 0 channels, 0 taken in, 0 lost"));
    is(CHANNEL, "\"call_status\":\"completed\"");
    is(CHANNEL, "\"termination_reason\":\"NORMAL_CLEARING\"");
    track("true");
    fs_fire(loop_leg(SWITCH_EVENT_CHANNEL_CREATE, OTHER));
    assert_true(fs_says("status", "calls: 1 inbound"));
    fs_unload();
}

/* --- audit --- */

static void lost_and_taken_in(void **state) {
    (void)state;
    fs_load();
    fs_fire(fs_inbound(SWITCH_EVENT_CHANNEL_CREATE, CHANNEL, NULL, NULL));
    up(fs_inbound(SWITCH_EVENT_CHANNEL_DATA, CHANNEL, NULL, NULL));
    up(fs_inbound(SWITCH_EVENT_CHANNEL_DATA, OTHER, PROGRESSED, NULL));
    assert_true(fs_says("audit", "+OK 2 channels, 1 taken in, 0 lost"));
    assert_true(fs_says("audit", "+OK 2 channels, 0 taken in, 0 lost"));
    double_channel_gone(CHANNEL);
    double_log_clear();
    assert_true(fs_says("audit", "+OK 1 channels, 0 taken in, 1 lost"));
    assert_int_equal(double_log_lines(SWITCH_LOG_WARNING), 1);
    is(CHANNEL, "\"call_status\":\"failed\"");
    is(CHANNEL, "\"termination_reason\":\"lost\"");
    double_channels_gone();
    assert_true(fs_says("audit", "+OK 0 channels, 0 taken in, 1 lost"));
    assert_true(fs_says("status", "2 lost to audits"));
    fs_unload();
}

static void *audit(void *says) {
    return fs_says("audit", says) ? says : NULL;
}

static void hang_up(const char *uuid) {
    switch_event_t *hangup = fs_inbound(SWITCH_EVENT_CHANNEL_HANGUP, uuid, NULL, ANSWERED);

    double_event_add(hangup, "Caller-Channel-Hangup-Time", ENDED);
    double_event_add(hangup, "Hangup-Cause", "NORMAL_CLEARING");
    fs_fire(hangup);
}

/* The registry has a call that FreeSWITCH's list has not. */
static pthread_t audit_while_events_wait(char *says) {
    pthread_t auditor;

    fs_load();
    fs_fire(fs_inbound(SWITCH_EVENT_CHANNEL_CREATE, CHANNEL, NULL, NULL));
    double_hold_up_events();
    assert_int_equal(pthread_create(&auditor, NULL, audit, says), 0);
    double_wait_fired();
    return auditor;
}

/* Its channel has gone from the list, and the event that tells of it has not come. */
static void not_lost_but_late(void **state) {
    char says[] = "+OK 0 channels, 0 taken in, 0 lost";
    void *said = NULL;
    pthread_t auditor;

    (void)state;
    auditor = audit_while_events_wait(says);
    hang_up(CHANNEL);
    double_deliver_events();
    pthread_join(auditor, &said);
    assert_ptr_equal(said, says);
    is(CHANNEL, "\"call_status\":\"completed\"");
    assert_true(fs_says("status", "0 lost to audits"));
    fs_unload();
}

/* With the first mark ends a call that the audit has seen, with the second one that it has not. */
static void end_one_by_one(unsigned mark) {
    if (mark <= 2)
        hang_up(mark == 1 ? CHANNEL : OTHER);
}

static void one_that_ends_hides_none_that_is_late(void **state) {
    (void)state;
    fs_load();
    fs_fire(fs_inbound(SWITCH_EVENT_CHANNEL_CREATE, CHANNEL, NULL, NULL));
    fs_fire(fs_inbound(SWITCH_EVENT_CHANNEL_CREATE, OTHER, NULL, NULL));
    up(fs_inbound(SWITCH_EVENT_CHANNEL_DATA, CHANNEL, NULL, NULL));
    double_before_event(end_one_by_one);
    assert_true(fs_says("audit", "+OK 1 channels, 0 taken in, 0 lost"));
    double_before_event(NULL);
    is(OTHER, "\"call_status\":\"completed\"");
    assert_true(fs_says("status", "0 lost to audits"));
    fs_unload();
}

static void what_waits_for_events_keeps_no_other_command(void **state) {
    char says[] = "+OK 0 channels, 0 taken in, 1 lost";
    void *said = NULL;
    pthread_t auditor;

    (void)state;
    auditor = audit_while_events_wait(says);
    assert_true(fs_says("accounts", "demo,1,0,0"));
    assert_true(fs_says("reload", "+OK"));
    double_deliver_events();
    pthread_join(auditor, &said);
    assert_ptr_equal(said, says); /* it would have given up after 5 s */
    fs_unload();
}

/* Who is so far behind knows of nothing that is lost. */
static void not_lost_while_events_do_not_come(void **state) {
    (void)state;
    fs_load();
    fs_fire(fs_inbound(SWITCH_EVENT_CHANNEL_CREATE, CHANNEL, NULL, NULL));
    double_fail_events(true);
    assert_true(fs_says("audit", "+OK 0 channels, 0 taken in, 0 lost"));
    double_fail_events(false);
    double_hold_up_events();
    assert_true(fs_says("audit", "+OK 0 channels, 0 taken in, 0 lost")); /* after 5 s */
    is(CHANNEL, "\"call_status\":\"trying\"");
    double_deliver_events();
    assert_true(fs_says("audit", "+OK 0 channels, 0 taken in, 1 lost"));
    fs_unload();
}

static void audits_by_itself(void **state) {
    size_t listed;

    (void)state;
    double_config(CONFIG(ANY_PORT PARAM("audit-seconds", "1"), ACCOUNTS(DEMO)));
    listed = double_listed();
    assert_int_equal(double_load(), SWITCH_STATUS_SUCCESS);
    double_wait_listed(listed + 1);
    fs_fire(fs_inbound(SWITCH_EVENT_CHANNEL_CREATE, CHANNEL, NULL, NULL));
    double_wait_listed(listed + 3); /* the one before it began after the call was there */
    is(CHANNEL, "\"termination_reason\":\"lost\"");
    fs_unload();
}

static void channels_that_cannot_be_asked(void **state) {
    (void)state;
    fs_load();
    double_channel_vanishing(OTHER);
    assert_true(fs_says("audit", "+OK 1 channels, 0 taken in, 0 lost"));
    up(fs_inbound(SWITCH_EVENT_CHANNEL_DATA, CHANNEL, NULL, NULL));
    double_fail_events(true);
    assert_true(fs_says("audit", "+OK 2 channels, 0 taken in, 0 lost"));
    double_fail_events(false);
    assert_true(fs_says("audit", "+OK 2 channels, 1 taken in, 0 lost"));
    fs_unload();
}

/* A channel that hangs up is listed until it is destroyed. */
static void an_ended_call_stays_ended(void **state) {
    (void)state;
    fs_load();
    up(fs_inbound(SWITCH_EVENT_CHANNEL_DATA, CHANNEL, NULL, ANSWERED));
    hang_up(CHANNEL);
    assert_true(fs_says("audit", "+OK 1 channels, 0 taken in, 0 lost"));
    is(CHANNEL, "\"call_status\":\"completed\"");
    is(CHANNEL, "\"duration\":2");
    fs_unload();
}

/* --- another uuid --- */

static switch_event_t *numbered(switch_event_t *event, const char *sequence) {
    double_event_add(event, "Event-Sequence", sequence);
    return event;
}

static switch_event_t *renamed(void) {
    switch_event_t *event = fs_inbound(SWITCH_EVENT_CHANNEL_UUID, OTHER, NULL, NULL);

    double_event_add(event, "Old-Unique-ID", CHANNEL);
    return numbered(event, "300");
}

/* What is told of one channel, in its true order. */
static switch_event_t *life(unsigned step) {
    switch_event_t *hangup;

    switch (step) {
    case 0:
        return numbered(fs_inbound(SWITCH_EVENT_CHANNEL_CREATE, CHANNEL, NULL, NULL), "100");
    case 1:
        return numbered(fs_inbound(SWITCH_EVENT_CHANNEL_PROGRESS, CHANNEL, PROGRESSED, NULL),
                        "200");
    case 2:
        return renamed();
    case 3:
        return numbered(fs_inbound(SWITCH_EVENT_CHANNEL_ANSWER, OTHER, PROGRESSED, ANSWERED),
                        "400");
    default:
        hangup = fs_inbound(SWITCH_EVENT_CHANNEL_HANGUP, OTHER, PROGRESSED, ANSWERED);
        double_event_add(hangup, "Caller-Channel-Hangup-Time", ENDED);
        double_event_add(hangup, "Hangup-Cause", "NORMAL_CLEARING");
        return numbered(hangup, "500");
    }
}
#define STEPS 5

static void keeps_its_call(void **state) {
    (void)state;
    fs_load();
    fs_fire(life(0));
    fs_fire(life(2));
    assert_true(fs_says("show " CHANNEL, "-ERR no such call"));
    is(OTHER, "\"attempted_at\":\"2100-01-01T00:00:01.073Z\"");
    is(OTHER, "\"call_sid\":\"" OTHER "\"");
    assert_true(fs_says("status", "calls: 1 inbound and 0 outbound live, 0 ended"));
    fs_unload();
}

/* Each of the 120 orders leaves one call, under its new sid, and no ghost under the old. */
static void in_any_order(void **state) {
    (void)state;
    fs_load();
    for (unsigned n = 0; n < 120; n++) {
        unsigned left[STEPS] = {0, 1, 2, 3, 4}, rest = n;

        for (unsigned i = 0; i < STEPS; i++) {
            unsigned pick = rest % (STEPS - i);

            rest /= STEPS - i;
            fs_fire(life(left[pick]));
            memmove(&left[pick], &left[pick + 1], (STEPS - 1 - pick) * sizeof *left);
        }
        is(OTHER, "\"call_status\":\"completed\"");
        is(OTHER, "\"attempted_at\":\"2100-01-01T00:00:01.073Z\"");
        is(OTHER, "\"duration\":2");
        if (!fs_says("show " CHANNEL, "-ERR no such call") ||
            !fs_says("status", "calls: 0 inbound and 0 outbound live, 1 ended"))
            fail_msg("in order %u", n);
        fs_unload();
        fs_load();
    }
    fs_unload();
}

/* One channel renamed twice, at last to the name it had at first; each of its 24 orders. */
static void there_and_back(void **state) {
    (void)state;
    for (unsigned n = 0; n < 24; n++) {
        unsigned left[] = {0, 1, 2, 3}, rest = n;

        fs_load();
        for (unsigned i = 0; i < 4; i++) {
            unsigned pick = rest % (4 - i);
            switch_event_t *back = fs_inbound(SWITCH_EVENT_CHANNEL_UUID, CHANNEL, NULL, NULL);

            rest /= 4 - i;
            double_event_add(back, "Old-Unique-ID", OTHER);
            double_event_add(back, "Event-Sequence", "450");
            if (left[pick] == 1)
                double_fire(back);
            else
                fs_fire(life(left[pick]));
            switch_event_destroy(&back);
            memmove(&left[pick], &left[pick + 1], (3 - pick) * sizeof *left);
        }
        is(CHANNEL, "\"call_status\":\"in-progress\"");
        if (!fs_says("show " OTHER, "-ERR no such call") ||
            !fs_says("status", "calls: 1 inbound and 0 outbound live, 0 ended"))
            fail_msg("in order %u", n);
        fs_unload();
    }
}

/* A uuid may be given to another channel later. */
static void the_old_name_may_be_used_again(void **state) {
    (void)state;
    fs_load();
    fs_fire(life(0));
    fs_fire(life(2));
    fs_fire(numbered(fs_inbound(SWITCH_EVENT_CHANNEL_CREATE, CHANNEL, NULL, NULL), "600"));
    is(CHANNEL, "\"call_status\":\"trying\"");
    is(OTHER, "\"call_status\":\"trying\"");
    assert_true(fs_says("status", "calls: 2 inbound and 0 outbound live"));
    fs_unload();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taken_in_as_they_are),
        cmocka_unit_test(taken_in_when_it_is_over),
        cmocka_unit_test(loopback_counts_on_demand),
        cmocka_unit_test(loopback_ends_as_it_began),
        cmocka_unit_test(lost_and_taken_in),
        cmocka_unit_test(not_lost_but_late),
        cmocka_unit_test(one_that_ends_hides_none_that_is_late),
        cmocka_unit_test(what_waits_for_events_keeps_no_other_command),
        cmocka_unit_test(not_lost_while_events_do_not_come),
        cmocka_unit_test(audits_by_itself),
        cmocka_unit_test(channels_that_cannot_be_asked),
        cmocka_unit_test(an_ended_call_stays_ended),
        cmocka_unit_test(keeps_its_call),
        cmocka_unit_test(in_any_order),
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(the_old_name_may_be_used_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
