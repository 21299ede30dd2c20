/* Calls that the API makes in FreeSWITCH, and legs that do not become one. */
#include "command.h"

static struct vx_command_args creation(void) {
    static const struct vx_command_header headers[] = {{VX_STR("X-One"), VX_STR("a,b|c")}};

    return (struct vx_command_args){.call_sid = vx_test_uuid(CHANNEL),
                                    .target = VX_STR("sip:bob@192.0.2.1:5070"),
                                    .from = VX_STR("\"15@${x}"),
                                    .from_host = VX_STR("blf.example.com"),
                                    .caller_name = VX_STR("Zo\xc3\xab \"Z\""),
                                    .to = VX_STR("bob"),
                                    .account_sid = vx_test_uuid(ALPHA_SID),
                                    .tag = VX_STR("{\"a\":\"$\"}"),
                                    .amd = VX_STR("{\"b\":\"$\"}"),
                                    .request_hook = VX_STR("/in${x}"),
                                    .hook = VX_STR("https://a.example/b"),
                                    .speech = {VX_STR("google")},
                                    .timeout_s = 60,
                                    .time_limit_s = 90,
                                    .answer_on_bridge = true,
                                    .headers = headers,
                                    .header_count = 1};
}

static void made(void **state) {
    struct vx_snapshot *call;
    struct vx_uuid sid = vx_test_uuid(CHANNEL);

    (void)state;
    ends(VX_VERB_ORIGINATE, creation(), VX_OUTCOME_DONE, NULL);
    assert_string_equal(double_done(), "outgoing sofia Zo\xc3\xab 'Z' <%2215%40$%7Bx%7D> "
                                       "internal/sip:bob@192.0.2.1:5070\n"
                                       "profile " CHANNEL " caller_id_name=Zo\xc3\xab 'Z'\n"
                                       "launch " CHANNEL "\n");
    is("voxeme_account_sid", ALPHA_SID);
    is("voxeme_call_hook", "https://a.example/b");
    is("voxeme_call_hook_method", "POST");
    is("voxeme_tag", "{\"a\":\"\\u0024\"}");
    is("voxeme_amd", "{\"b\":\"\\u0024\"}");
    is("voxeme_sip_request_hook", "/in$%7Bx%7D");
    is("voxeme_speech_synthesis_vendor", "google");
    is("voxeme_answer_on_bridge", "true");
    is("sip_invite_domain", "blf.example.com");
    is("sip_h_X-One", "a,b|c");
    is("execute_on_answer_1", "transfer desk XML agents");
    assert_int_equal(vx_fs_deadlines_count(means.deadlines), 1);
    call = vx_scope_find(w.alpha, &sid);
    assert_non_null(call);
    struct vx_str json = vx_test_json(call);
    assert_true(vx_test_contains(json, "\"from\":\"\\\"15@${x}\""));
    assert_true(vx_test_contains(json, "\"to\":\"bob\""));
    assert_true(vx_test_contains(json, "\"caller_name\":\"Zo\xc3\xab \\\"Z\\\"\""));
    assert_true(vx_test_contains(json, "\"call_status\":\"trying\""));
    assert_true(vx_test_contains(json, "\"direction\":\"outbound\""));
    assert_true(vx_test_contains(json, "\"tag\":{\"a\":\"$\"}"));
    vx_snapshot_release(&call);
}

static size_t deadlines_at_launch;

static void count_deadlines(void) {
    deadlines_at_launch = vx_fs_deadlines_count(means.deadlines);
}

/* One that could not be ended again is not made: its INVITE would be on its way. */
static void its_end_is_known_before_it_is_launched(void **state) {
    (void)state;
    deadlines_at_launch = 0;
    double_at("launch", count_deadlines);
    ends(VX_VERB_ORIGINATE, creation(), VX_OUTCOME_DONE, NULL);
    assert_int_equal(deadlines_at_launch, 1);
}

static struct vx_command_args creation_to_user(void) {
    struct vx_command_args args = creation();

    args.target = VX_NONE;
    args.user = VX_STR("bob@alpha.example");
    return args;
}

static void made_to_a_user(void **state) {
    (void)state;
    ends(VX_VERB_ORIGINATE, creation_to_user(), VX_OUTCOME_DONE, NULL);
    assert_string_equal(double_done(), "outgoing user Zo\xc3\xab 'Z' <%2215%40$%7Bx%7D> "
                                       "bob@alpha.example\n"
                                       "profile " CHANNEL " caller_id_name=Zo\xc3\xab 'Z'\n"
                                       "launch " CHANNEL "\n");
    is("voxeme_account_sid", ALPHA_SID);
    is("sofia_suppress_url_encoding", NULL);
    is("execute_on_answer_1", "transfer desk XML agents");
    assert_int_equal(vx_test_calls(&w), 1);
}

/* There is no leg, but there is a call, which ends as FreeSWITCH says. */
static void users_that_are_not_there(void **state) {
    static const struct {
        switch_call_cause_t cause;
        const char *status, *reason, *sip_status;
    } rows[] = {
        {SWITCH_CAUSE_SUBSCRIBER_ABSENT, "\"no-answer\"", "\"SUBSCRIBER_ABSENT\"", "480"},
        {SWITCH_CAUSE_USER_NOT_REGISTERED, "\"no-answer\"", "\"USER_NOT_REGISTERED\"", "480"},
        {SWITCH_CAUSE_USER_BUSY, "\"busy\"", "\"USER_BUSY\"", "486"}};
    char wanted[256];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct vx_command_args args = creation_to_user();
        struct vx_snapshot *call;

        args.call_sid = vx_test_sid((unsigned)i + 1);
        double_sofia_says(rows[i].cause);
        ends(VX_VERB_ORIGINATE, args, VX_OUTCOME_DONE, NULL);
        not_done("launch");
        call = vx_scope_find(w.alpha, &args.call_sid);
        assert_non_null(call);
        struct vx_str json = vx_test_json(call);
        snprintf(wanted, sizeof wanted, "\"call_status\":%s", rows[i].status);
        assert_true(vx_test_contains(json, wanted));
        snprintf(wanted, sizeof wanted, "\"termination_reason\":%s", rows[i].reason);
        assert_true(vx_test_contains(json, wanted));
        snprintf(wanted, sizeof wanted, "\"sip_status\":%s", rows[i].sip_status);
        assert_true(vx_test_contains(json, wanted));
        assert_true(vx_test_contains(json, "\"to\":\"bob\""));
        assert_true(vx_test_contains(json, "\"tag\":{\"a\":\"$\"}"));
        vx_snapshot_release(&call);
    }
}

static void made_without_a_timeout(void **state) {
    struct vx_command_args args = creation();

    (void)state;
    args.timeout_s = args.time_limit_s = 0;
    ends(VX_VERB_ORIGINATE, args, VX_OUTCOME_DONE, NULL);
    assert_int_equal(vx_fs_deadlines_count(means.deadlines), 0);
    is("execute_on_answer_1", "transfer desk XML agents");
}

static void no_ghost(void) {
    assert_int_equal(vx_test_calls(&w), 0);
    assert_null(switch_core_session_locate(CHANNEL));
}

static void no_leg_to_a_user(void) {
    static const struct {
        switch_call_cause_t cause;
        enum vx_outcome outcome;
        const char *why;
    } rows[] = {{SWITCH_CAUSE_CHAN_NOT_IMPLEMENTED, VX_OUTCOME_UNABLE, "mod_dptools"},
                {SWITCH_CAUSE_MANDATORY_IE_MISSING, VX_OUTCOME_REFUSED, "no dial-string"},
                {SWITCH_CAUSE_SYSTEM_SHUTDOWN, VX_OUTCOME_REFUSED, "no calls now"},
                {SWITCH_CAUSE_DESTINATION_OUT_OF_ORDER, VX_OUTCOME_REFUSED, "full"}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double_sofia_says(rows[i].cause);
        ends(VX_VERB_ORIGINATE, creation_to_user(), rows[i].outcome, rows[i].why);
        no_ghost();
    }
    double_sofia_says(SWITCH_CAUSE_SUCCESS);
}

static void not_made(void **state) {
    static const struct {
        switch_call_cause_t cause;
        enum vx_outcome outcome;
        const char *why;
    } rows[] = {{SWITCH_CAUSE_CHAN_NOT_IMPLEMENTED, VX_OUTCOME_UNABLE, "mod_sofia"},
                {SWITCH_CAUSE_INVALID_PROFILE, VX_OUTCOME_REFUSED, "freeswitch-profile"},
                {SWITCH_CAUSE_INVALID_GATEWAY, VX_OUTCOME_REFUSED, "freeswitch-gateway"},
                {SWITCH_CAUSE_GATEWAY_DOWN, VX_OUTCOME_REFUSED, "down"},
                {SWITCH_CAUSE_SYSTEM_SHUTDOWN, VX_OUTCOME_REFUSED, "no calls now"},
                {SWITCH_CAUSE_DESTINATION_OUT_OF_ORDER, VX_OUTCOME_REFUSED, "no leg"}};
    struct vx_command_args args = creation();

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double_sofia_says(rows[i].cause);
        ends(VX_VERB_ORIGINATE, args, rows[i].outcome, rows[i].why);
        no_ghost();
    }
    double_sofia_says(SWITCH_CAUSE_SUCCESS);
    double_fails("launch");
    ends(VX_VERB_ORIGINATE, args, VX_OUTCOME_REFUSED, "thread");
    done("destroy " CHANNEL);
    no_ghost();
    double_fails(NULL);
    no_leg_to_a_user();
    double_done_clear();
    args.target = VX_STR("sip:a,b@192.0.2.1");
    ends(VX_VERB_ORIGINATE, args, VX_OUTCOME_FAILED, "target");
    args = creation();
    args.speech[VX_SYNTHESIS_VOICE] = VX_STR("${x}");
    ends(VX_VERB_ORIGINATE, args, VX_OUTCOME_FAILED, "speech");
    args = creation();
    args.headers = &(struct vx_command_header){VX_STR("X-A"), VX_STR("${x}")};
    ends(VX_VERB_ORIGINATE, args, VX_OUTCOME_FAILED, "headers");
    nothing_done();
    no_ghost();
}

static void the_registry_is_full(void **state) {
    (void)state;
    vx_config_release(&w.config);
    w.config = vx_test_config("max-calls=1");
    assert_true(vx_registry_configure(w.registry, w.config));
    vx_test_apply(&w, VX_EVENT_CREATE, 1);
    ends(VX_VERB_ORIGINATE, creation(), VX_OUTCOME_REFUSED, "full");
    done("hangup " CHANNEL);
    assert_null(strstr(double_done(), "launch " CHANNEL)); /* which would send the INVITE */
    assert_int_equal(vx_test_calls(&w), 1);
    assert_null(switch_core_session_locate(CHANNEL));
}

/* The client has been told 504, or has gone, while FreeSWITCH made the leg. */
static void given_up(struct vx_command_args args) {
    struct vx_command *c = command(VX_VERB_ORIGINATE, args);
    struct vx_fs_result result;

    assert_false(vx_command_give_up(c));
    result = vx_fs_perform(&means, c);
    assert_int_equal(result.outcome, VX_OUTCOME_REFUSED);
    not_done("launch");
    not_done("WRONG");
    no_ghost();
    vx_command_release(&c);
}

static void given_up_while_it_is_made(void **state) {
    (void)state;
    given_up(creation());
    double_sofia_says(SWITCH_CAUSE_SUBSCRIBER_ABSENT);
    given_up(creation_to_user());
}

/* Anybody who lists the channels may hang one up that is not quite made. */
static void hung_up_while_it_is_made(void **state) {
    static const char *const moments[] = {"profile", "launch"};

    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        double_hung_up_at(moments[i]);
        double_done_clear();
        ends(VX_VERB_ORIGINATE, creation(), VX_OUTCOME_DONE, NULL);
        not_done("WRONG");
        not_done("destroy");
        assert_int_equal(vx_test_calls(&w), 1); /* FreeSWITCH tells how it ends */
        assert_null(switch_core_session_locate(CHANNEL));
        tear_down(state);
        set_up(state);
    }
}

/* It does not even say whose call it was to be. */
static void hung_up_before_anything_is_known_of_it(void **state) {
    (void)state;
    double_hung_up_at("lock");
    ends(VX_VERB_ORIGINATE, creation(), VX_OUTCOME_REFUSED, "hung up");
    not_done("profile"); /* it is not touched any more */
    not_done("destroy");
    assert_int_equal(vx_test_calls(&w), 0);
    fs_fire(fs_event(SWITCH_EVENT_CHANNEL_DESTROY, CHANNEL, "Call-Direction", "outbound",
                     "Caller-Destination-Number", "rewritten", NULL));
    assert_int_equal(vx_test_calls(&w), 0);
}

static void hung_up_while_it_is_given_up(void **state) {
    (void)state;
    vx_config_release(&w.config);
    w.config = vx_test_config("max-calls=1");
    assert_true(vx_registry_configure(w.registry, w.config));
    vx_test_apply(&w, VX_EVENT_CREATE, 1);
    double_hung_up_at("profile");
    ends(VX_VERB_ORIGINATE, creation(), VX_OUTCOME_REFUSED, "full");
    not_done("WRONG");
    not_done("destroy");
}

/* As the audit does. */
static void looked_at_while_it_is_given_up(void **state) {
    (void)state;
    double_fails("launch");
    double_looked_at("profile");
    ends(VX_VERB_ORIGINATE, creation(), VX_OUTCOME_REFUSED, "thread");
    done("destroy " CHANNEL);
    not_done("WRONG");
    no_ghost();
}

/* The client was refused: nothing may come of what FreeSWITCH tells of the leg. */
static void discarded_legs_are_no_calls(void **state) {
    (void)state;
    double_fails("launch");
    ends(VX_VERB_ORIGINATE, creation(), VX_OUTCOME_REFUSED, "thread");
    no_ghost();
}

/* Clients wait that ask for calls faster than FreeSWITCH tells of them, and not FreeSWITCH. */
static void made_when_freeswitch_has_caught_up(void **state) {
    struct vx_command_args args = creation();

    (void)state;
    vx_config_release(&w.config);
    w.config = vx_test_config("freeswitch-profile=internal;command-timeout-seconds=1");
    double_hold_up_events();
    ends(VX_VERB_ORIGINATE, args, VX_OUTCOME_DONE, NULL);
    args.call_sid = vx_test_uuid(OTHER);
    ends(VX_VERB_ORIGINATE, args, VX_OUTCOME_REFUSED, "behind"); /* after 1 s */
    not_done("launch " OTHER);
    double_deliver_events();
    ends(VX_VERB_ORIGINATE, args, VX_OUTCOME_DONE, NULL);
    vx_fs_marks_close(means.marks); /* nothing comes that is waited for */
    args.call_sid = vx_test_sid(7);
    *means.mark += 1;
    ends(VX_VERB_ORIGINATE, args, VX_OUTCOME_REFUSED, "behind");
}

static void absent_without_memory(void *ctx) {
    struct vx_command *c;
    struct vx_fs_result result;

    set_up(ctx);
    double_sofia_says(SWITCH_CAUSE_SUBSCRIBER_ABSENT);
    c = command(VX_VERB_ORIGINATE, creation_to_user());
    vx_test_arm();
    result = vx_fs_perform(&means, c);
    vx_test_disarm();
    vx_command_release(&c);
    assert_int_equal(vx_test_calls(&w), result.outcome == VX_OUTCOME_DONE);
    tear_down(ctx);
}

static void make_without_memory(void *ctx) {
    struct vx_fs_result result;
    struct vx_command *c;

    set_up(ctx);
    c = command(VX_VERB_ORIGINATE, creation());
    vx_test_arm();
    result = vx_fs_perform(&means, c);
    vx_test_disarm();
    vx_command_release(&c);
    if (result.outcome == VX_OUTCOME_DONE) {
        is("execute_on_answer_1", "transfer desk XML agents");
        is("voxeme_account_sid", ALPHA_SID);
        assert_int_equal(vx_test_calls(&w), 1);
    } else {
        assert_int_equal(result.outcome, VX_OUTCOME_REFUSED);
        not_done("launch");
        no_ghost();
    }
    tear_down(ctx);
}

static void made_without_memory(void **state) {
    (void)state;
    vx_test_every_allocation_fails(make_without_memory, NULL, true);
    vx_test_every_allocation_fails(absent_without_memory, NULL, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        EACH(made),
        EACH(its_end_is_known_before_it_is_launched),
        EACH(made_to_a_user),
        EACH(users_that_are_not_there),
        EACH(made_without_a_timeout),
        EACH(not_made),
        EACH(the_registry_is_full),
        EACH(given_up_while_it_is_made),
        EACH(hung_up_while_it_is_made),
        EACH(hung_up_before_anything_is_known_of_it),
        EACH(hung_up_while_it_is_given_up),
        EACH(looked_at_while_it_is_given_up),
        EACH(discarded_legs_are_no_calls),
        EACH(made_when_freeswitch_has_caught_up),
        cmocka_unit_test(made_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
