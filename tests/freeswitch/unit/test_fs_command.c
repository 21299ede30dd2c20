/* What each command of the API does to a call in FreeSWITCH, in each of its states. */
#include "module.h"

static struct vx_test_world w;

static int set_up(void **state) {
    (void)state;
    vx_test_world_open(&w, "freeswitch-profile=internal;freeswitch-tts=flite kal;"
                           "freeswitch-redirect=desk XML agents;freeswitch-recordings=/var/rec");
    vx_fs_event_init();
    double_done_clear();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    double_fails(NULL);
    double_hung_up_at(NULL);
    double_looked_at(NULL);
    double_conference_says(NULL);
    double_has_interface(NULL);
    double_sofia_says(SWITCH_CAUSE_SUCCESS);
    double_channels_gone();
    vx_test_world_close(&w);
    assert_int_equal(double_left(), 0);
    return 0;
}

static void channel(const char *uuid, bool outbound, bool answered) {
    switch_event_t *data = fs_event(SWITCH_EVENT_CHANNEL_DATA, uuid, NULL);

    double_channel(uuid, data);
    switch_event_destroy(&data);
    double_channel_is(uuid, outbound, answered);
}

static struct vx_command *command(enum vx_verb verb, struct vx_command_args args) {
    struct vx_command *c;

    if (vx_uuid_is_nil(&args.call_sid))
        args.call_sid = vx_test_uuid(CHANNEL);
    c = vx_command_new(verb, &args, NULL, NULL);
    assert_non_null(c);
    assert_true(vx_command_take(c));
    return c;
}

static struct vx_fs_result perform(enum vx_verb verb, struct vx_command_args args) {
    struct vx_command *c = command(verb, args);
    struct vx_fs_result result = vx_fs_perform(w.registry, w.config, c);

    vx_command_release(&c);
    return result;
}

static void ends(enum vx_verb verb, struct vx_command_args args, enum vx_outcome outcome,
                 const char *reason) {
    struct vx_fs_result result = perform(verb, args);

    if (result.outcome != outcome)
        fail_msg("%d (%s), not %d: %s", result.outcome, result.reason ? result.reason : "-",
                 outcome, double_done());
    if (reason && (!result.reason || !strstr(result.reason, reason)))
        fail_msg("'%s' is not '%s'", result.reason ? result.reason : "-", reason);
}

static void done(const char *text) {
    if (!strstr(double_done(), text))
        fail_msg("'%s' is not in: %s", text, double_done());
}

static void not_done(const char *text) {
    if (strstr(double_done(), text))
        fail_msg("'%s' is in: %s", text, double_done());
}

static void nothing_done(void) {
    assert_string_equal(double_done(), "");
}

static void is(const char *name, const char *value) {
    char *text = double_variable(CHANNEL, name);

    if (value && !text)
        fail_msg("%s is not set", name);
    if (value)
        assert_string_equal(text, value);
    else
        assert_null(text);
    free(text);
}

#define NO_ARGS ((struct vx_command_args){.call_sid = {{0}}})

/* --- which call --- */

static void no_such_call(void **state) {
    (void)state;
    for (enum vx_verb verb = VX_VERB_HANGUP; verb < VX_VERB_TAG; verb++)
        if (VX_FS_VERBS & 1U << verb)
            ends(verb, NO_ARGS, VX_OUTCOME_NO_CALL, NULL);
    ends(VX_VERB_LISTEN, NO_ARGS, VX_OUTCOME_UNABLE, NULL);
    channel(CHANNEL, false, true);
    double_channel_hung_up(CHANNEL);
    ends(VX_VERB_HANGUP, NO_ARGS, VX_OUTCOME_NOT_NOW, "ended");
    nothing_done();
}

static void a_channel_with_a_name_of_its_own(void **state) {
    (void)state;
    channel("not-a-uuid@here", false, true);
    ends(VX_VERB_HANGUP, (struct vx_command_args){.call_sid = vx_fs_call_sid("not-a-uuid@here")},
         VX_OUTCOME_DONE, NULL);
    done("hangup not-a-uuid@here 16");
}

static void before_the_answer(void **state) {
    static const enum vx_verb verbs[] = {
        VX_VERB_HOLD,    VX_VERB_UNHOLD,    VX_VERB_MUTE,           VX_VERB_UNMUTE,
        VX_VERB_DTMF,    VX_VERB_REQUEST,   VX_VERB_REDIRECT_CHILD, VX_VERB_RECORD,
        VX_VERB_WHISPER, VX_VERB_CONF_MUTE, VX_VERB_CONF_UNMUTE};

    (void)state;
    channel(CHANNEL, true, false);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        ends(verbs[i], NO_ARGS, VX_OUTCOME_NOT_NOW, "answered");
    ends(VX_VERB_REDIRECT, NO_ARGS, VX_OUTCOME_NOT_NOW, "answered");
    nothing_done();
}

static void hung_up(void **state) {
    static const struct {
        bool outbound, answered;
        enum vx_hangup kind;
        const char *cause; /* NULL: not now */
    } rows[] = {
        {false, false, VX_HANG_UP_ANY, "21"},      {false, false, VX_HANG_UP_UNANSWERED, "19"},
        {false, false, VX_HANG_UP_ANSWERED, NULL}, {false, true, VX_HANG_UP_ANY, "16"},
        {false, true, VX_HANG_UP_ANSWERED, "16"},  {false, true, VX_HANG_UP_UNANSWERED, NULL},
        {true, false, VX_HANG_UP_ANY, "487"},      {true, false, VX_HANG_UP_UNANSWERED, "487"},
        {true, false, VX_HANG_UP_ANSWERED, NULL},  {true, true, VX_HANG_UP_ANY, "16"},
        {true, true, VX_HANG_UP_UNANSWERED, NULL},
    };

    (void)state;
    channel(CHANNEL, false, false);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char line[64];

        double_channel_is(CHANNEL, rows[i].outbound, rows[i].answered);
        double_done_clear();
        ends(VX_VERB_HANGUP, (struct vx_command_args){.hangup = rows[i].kind},
             rows[i].cause ? VX_OUTCOME_DONE : VX_OUTCOME_NOT_NOW, NULL);
        snprintf(line, sizeof line, "hangup " CHANNEL " %s\n", rows[i].cause ? rows[i].cause : "");
        assert_string_equal(double_done(), rows[i].cause ? line : "");
    }
}

/* --- talking --- */

static void held(void **state) {
    (void)state;
    channel(CHANNEL, true, true);
    ends(VX_VERB_UNHOLD, NO_ARGS, VX_OUTCOME_DONE, NULL);
    ends(VX_VERB_HOLD, (struct vx_command_args){.wait_hook = VX_STR("/wait${x}")}, VX_OUTCOME_DONE,
         NULL);
    is("voxeme_wait_hook", "/wait$%7Bx%7D");
    ends(VX_VERB_HOLD, NO_ARGS, VX_OUTCOME_DONE, NULL); /* it is already */
    ends(VX_VERB_UNHOLD, NO_ARGS, VX_OUTCOME_DONE, NULL);
    assert_string_equal(double_done(), "hold " CHANNEL "\nunhold " CHANNEL "\n");
    double_fails("hold");
    ends(VX_VERB_HOLD, NO_ARGS, VX_OUTCOME_NOT_NOW, "far end");
}

static void muted(void **state) {
    (void)state;
    channel(CHANNEL, true, true);
    ends(VX_VERB_MUTE, NO_ARGS, VX_OUTCOME_DONE, NULL);
    ends(VX_VERB_UNMUTE, NO_ARGS, VX_OUTCOME_DONE, NULL);
    assert_string_equal(double_done(),
                        "audio " CHANNEL " mute read 1\naudio " CHANNEL " mute read 0\n");
    double_fails("audio");
    ends(VX_VERB_MUTE, NO_ARGS, VX_OUTCOME_NOT_NOW, "audio");
}

static void digits(void **state) {
    (void)state;
    channel(CHANNEL, true, true);
    ends(VX_VERB_DTMF, (struct vx_command_args){.digits = VX_STR("12#"), .duration_ms = 250},
         VX_OUTCOME_DONE, NULL);
    done("dtmf " CHANNEL " 12#@250");
    double_fails("dtmf");
    ends(VX_VERB_DTMF, (struct vx_command_args){.digits = VX_STR("1"), .duration_ms = 250},
         VX_OUTCOME_FAILED, NULL);
}

static void requests(void **state) {
    struct vx_command_header note = {VX_STR("X-Note"), VX_STR("hi")};
    struct vx_command_args args = {.method = VX_STR("INFO"),
                                   .content_type = VX_STR("text/plain"),
                                   .content = VX_STR("hello"),
                                   .headers = &note,
                                   .header_count = 1};

    (void)state;
    channel(CHANNEL, true, true);
    ends(VX_VERB_REQUEST, args, VX_OUTCOME_DONE, NULL);
    done("INFO " CHANNEL " text/plain hello hi");
    is("sip_info_h_X-Note", NULL);
    is("fs_send_unsupported_info", NULL);
    double_set_variable(CHANNEL, "fs_send_unsupported_info", "true");
    ends(VX_VERB_REQUEST, args, VX_OUTCOME_DONE, NULL);
    is("fs_send_unsupported_info", "true");
    double_fails("INFO");
    ends(VX_VERB_REQUEST, args, VX_OUTCOME_FAILED, NULL);
    args.method = VX_STR("MESSAGE");
    ends(VX_VERB_REQUEST, args, VX_OUTCOME_UNABLE, "headers");
    args.header_count = 0;
    ends(VX_VERB_REQUEST, args, VX_OUTCOME_DONE, NULL);
    args.content = VX_STR("a\0b");
    ends(VX_VERB_REQUEST, args, VX_OUTCOME_UNABLE, "NUL");
    args.method = VX_STR("NOTIFY");
    ends(VX_VERB_REQUEST, args, VX_OUTCOME_UNABLE, NULL);
}

/* --- moved --- */

static void redirected(void **state) {
    struct vx_command_args args = {.hook = VX_STR("/next"), .hook_method = VX_STR("GET")};

    (void)state;
    channel(CHANNEL, false, false); /* inbound ones may be moved before they are answered */
    ends(VX_VERB_REDIRECT, args, VX_OUTCOME_DONE, NULL);
    done("transfer " CHANNEL " desk XML agents");
    is("voxeme_call_hook", "/next");
    is("voxeme_call_hook_method", "GET");
    double_fails("transfer");
    ends(VX_VERB_REDIRECT, args, VX_OUTCOME_FAILED, NULL);
}

static void the_other_one_redirected(void **state) {
    struct vx_command_args args = {.child_hook = VX_STR("/child")};

    (void)state;
    channel(CHANNEL, false, true);
    ends(VX_VERB_REDIRECT_CHILD, args, VX_OUTCOME_NOT_NOW, "joined");
    double_channel_joined(CHANNEL, OTHER); /* which has gone meanwhile */
    ends(VX_VERB_REDIRECT_CHILD, args, VX_OUTCOME_NOT_NOW, "joined");
    channel(OTHER, true, true);
    ends(VX_VERB_REDIRECT_CHILD, args, VX_OUTCOME_DONE, NULL);
    assert_string_equal(double_done(), "transfer " OTHER " desk XML agents\n");
    is("voxeme_call_hook", NULL);
    args.hook = VX_STR("/own");
    double_done_clear();
    ends(VX_VERB_REDIRECT_CHILD, args, VX_OUTCOME_DONE, NULL);
    assert_string_equal(double_done(), "transfer " OTHER " desk XML agents\ntransfer " CHANNEL
                                       " desk XML agents\n");
    is("voxeme_call_hook", "/own");
    is("voxeme_call_hook_method", "POST");
}

/* Neither may be left marked when they are not moved. */
static void both_or_none_redirected(void **state) {
    struct vx_command_args args = {.child_hook = VX_STR("/child"), .hook = VX_STR("/own")};

    (void)state;
    channel(CHANNEL, false, true);
    channel(OTHER, true, true);
    double_channel_joined(CHANNEL, OTHER);
    double_fails("transfer " OTHER);
    ends(VX_VERB_REDIRECT_CHILD, args, VX_OUTCOME_FAILED, "not move");
    assert_string_equal(double_done(), "transfer " OTHER " desk XML agents\n");
    assert_false(double_channel_kept(CHANNEL) || double_channel_kept(OTHER));
    double_fails("transfer " CHANNEL);
    ends(VX_VERB_REDIRECT_CHILD, args, VX_OUTCOME_FAILED, "not move");
    assert_false(double_channel_kept(CHANNEL) || double_channel_kept(OTHER));
    double_fails(NULL);
    ends(VX_VERB_REDIRECT_CHILD, args, VX_OUTCOME_DONE, NULL);
    assert_true(double_channel_kept(CHANNEL) && double_channel_kept(OTHER));
}

/* --- media that does not come through FreeSWITCH --- */

static void bypassed(void **state) {
    struct vx_command_sound say = {true, VX_STR("hi")};
    struct vx_command_args whisper = {.sounds = &say, .sound_count = 1};
    struct vx_command_args args = {.child_hook = VX_STR("/child"), .hook = VX_STR("/own")};

    (void)state;
    double_has_interface("flite");
    channel(CHANNEL, false, true);
    channel(OTHER, true, true);
    for (int i = 0; i < 2; i++) { /* the partner's alone, then both */
        double_channel_joined(CHANNEL, OTHER);
        double_channel_bypasses(i ? CHANNEL : OTHER, i ? OTHER : CHANNEL);
        ends(VX_VERB_WHISPER, whisper, VX_OUTCOME_NOT_NOW, "bypasses");
        ends(VX_VERB_MUTE, whisper, VX_OUTCOME_NOT_NOW, "bypasses");
        ends(VX_VERB_HOLD, NO_ARGS, VX_OUTCOME_NOT_NOW, "bypasses");
        ends(VX_VERB_REDIRECT_CHILD, args, VX_OUTCOME_NOT_NOW, "bypasses");
        assert_false(double_channel_kept(CHANNEL) || double_channel_kept(OTHER));
        nothing_done();
    }
    args.hook = VX_NONE;
    ends(VX_VERB_REDIRECT_CHILD, args, VX_OUTCOME_DONE, NULL);
    ends(VX_VERB_HANGUP, NO_ARGS, VX_OUTCOME_DONE, NULL);
}

/* --- media --- */

static void recorded(void **state) {
    static const char path[] = "/var/rec/" CHANNEL "-one.wav";
    struct vx_command_args args = {.recording = VX_RECORD_START, .recording_id = VX_STR("one")};

    (void)state;
    channel(CHANNEL, false, true);
    args.recording = VX_RECORD_STOP;
    ends(VX_VERB_RECORD, args, VX_OUTCOME_NOT_NOW, "not being recorded");
    args.recording = VX_RECORD_START;
    ends(VX_VERB_RECORD, args, VX_OUTCOME_DONE, NULL);
    done("record " CHANNEL " /var/rec/" CHANNEL "-one.wav 14400");
    is("voxeme_recording", path);
    ends(VX_VERB_RECORD, args, VX_OUTCOME_NOT_NOW, "is being recorded");
    args.recording = VX_RECORD_PAUSE;
    ends(VX_VERB_RECORD, args, VX_OUTCOME_DONE, NULL);
    args.recording = VX_RECORD_RESUME;
    ends(VX_VERB_RECORD, args, VX_OUTCOME_DONE, NULL);
    args.recording = VX_RECORD_STOP;
    ends(VX_VERB_RECORD, args, VX_OUTCOME_DONE, NULL);
    done("pause " CHANNEL " /var/rec/" CHANNEL "-one.wav 1\npause " CHANNEL " /var/rec/" CHANNEL
         "-one.wav 0\nstop " CHANNEL " /var/rec/" CHANNEL "-one.wav\n");
    is("voxeme_recording", NULL);
    /* One that came to its limit by itself. */
    double_set_variable(CHANNEL, "voxeme_recording", path);
    ends(VX_VERB_RECORD, args, VX_OUTCOME_NOT_NOW, "not being recorded");
    args = (struct vx_command_args){.recording = VX_RECORD_START};
    double_fails("record");
    ends(VX_VERB_RECORD, args, VX_OUTCOME_FAILED, "record");
    done("record " CHANNEL " /var/rec/" CHANNEL ".wav 14400");
}

static struct vx_command_args sounds(struct vx_command_sound *sound, size_t count) {
    return (struct vx_command_args){.sounds = sound, .sound_count = count};
}

static char *sounds_here(char *path, size_t size) {
    snprintf(path, size, "%s/tests/freeswitch/unit", getenv("srcdir") ? getenv("srcdir") : ".");
    return path;
}

static void whispered(void **state) {
    struct vx_command_sound play = {false, VX_STR("module.h")}, say = {true, VX_STR("hi|${x}")},
                            web = {false, VX_STR("http://a.example/b.wav")},
                            both[] = {{false, VX_STR("module.h")}, {false, VX_STR("../x")}};
    char *dir = SWITCH_GLOBAL_dirs.sounds_dir;
    char here[512];

    (void)state;
    SWITCH_GLOBAL_dirs.sounds_dir = sounds_here(here, sizeof here);
    channel(CHANNEL, false, true);
    ends(VX_VERB_WHISPER, sounds(&play, 1), VX_OUTCOME_DONE, NULL);
    done("broadcast " CHANNEL " ");
    done("/module.h\n");
    double_done_clear();
    ends(VX_VERB_WHISPER, sounds(both, 2), VX_OUTCOME_FAILED, "neither");
    both[1].text = VX_STR("no-such-file.wav");
    ends(VX_VERB_WHISPER, sounds(both, 2), VX_OUTCOME_FAILED, "no such file");
    ends(VX_VERB_WHISPER, sounds(&web, 1), VX_OUTCOME_UNABLE, "freeswitch-play-urls");
    ends(VX_VERB_WHISPER, sounds(&say, 1), VX_OUTCOME_UNABLE, "freeswitch-tts");
    nothing_done(); /* all of it or nothing */
    double_has_interface("flite");
    ends(VX_VERB_WHISPER, sounds(&say, 1), VX_OUTCOME_DONE, NULL);
    done("broadcast " CHANNEL " speak::flite|kal|hi   x \n");
    double_fails("broadcast");
    ends(VX_VERB_WHISPER, sounds(&play, 1), VX_OUTCOME_NO_CALL, NULL);
    double_fails(NULL);
    double_done_clear();
    ends(VX_VERB_MUTE, sounds(both, 2), VX_OUTCOME_FAILED, "no such file");
    nothing_done(); /* not muted either */
    ends(VX_VERB_MUTE, sounds(&play, 1), VX_OUTCOME_DONE, NULL);
    done("audio " CHANNEL " mute read 1\nbroadcast " CHANNEL);
    SWITCH_GLOBAL_dirs.sounds_dir = dir;
}

static void urls_played_on_demand(void **state) {
    struct vx_command_sound web = {false, VX_STR("https://a.example/b.wav")};

    (void)state;
    vx_config_release(&w.config);
    w.config = vx_test_config("freeswitch-play-urls=true");
    channel(CHANNEL, false, true);
    ends(VX_VERB_WHISPER, sounds(&web, 1), VX_OUTCOME_UNABLE, "mod_httapi");
    double_has_interface("https");
    ends(VX_VERB_WHISPER, sounds(&web, 1), VX_OUTCOME_DONE, NULL);
    done("broadcast " CHANNEL " https://a.example/b.wav");
}

static void in_a_conference(void **state) {
    struct vx_command_sound both[] = {{false, VX_STR("module.h")}, {true, VX_STR("hi")}};
    char *dir = SWITCH_GLOBAL_dirs.sounds_dir, here[512];

    (void)state;
    SWITCH_GLOBAL_dirs.sounds_dir = sounds_here(here, sizeof here);
    channel(CHANNEL, false, true);
    ends(VX_VERB_CONF_MUTE, NO_ARGS, VX_OUTCOME_NOT_NOW, "no conference");
    double_set_variable(CHANNEL, "conference_name", "room");
    double_set_variable(CHANNEL, "conference_member_id", "7");
    double_conference_says("-ERR Non-Existant ID 7"); /* it has left */
    ends(VX_VERB_CONF_MUTE, NO_ARGS, VX_OUTCOME_NOT_NOW, "no conference");
    double_conference_says("+OK " CHANNEL);
    double_done_clear();
    ends(VX_VERB_CONF_MUTE, NO_ARGS, VX_OUTCOME_DONE, NULL);
    done("conference room get-uuid 7\nconference room mute non_moderator\n");
    ends(VX_VERB_CONF_UNMUTE, NO_ARGS, VX_OUTCOME_DONE, NULL);
    done("conference room unmute non_moderator\n");
    ends(VX_VERB_HOLD, NO_ARGS, VX_OUTCOME_DONE, NULL);
    done("conference room hold 7\n");
    ends(VX_VERB_UNHOLD, NO_ARGS, VX_OUTCOME_DONE, NULL);
    done("conference room unhold 7\n");
    ends(VX_VERB_MUTE, NO_ARGS, VX_OUTCOME_DONE, NULL);
    done("conference room mute 7\n");
    double_has_interface("flite");
    double_done_clear();
    ends(VX_VERB_WHISPER, sounds(both, 2), VX_OUTCOME_UNABLE, "conference");
    ends(VX_VERB_MUTE, sounds(both, 2), VX_OUTCOME_UNABLE, "conference");
    both[1] = (struct vx_command_sound){false, VX_STR("http://a.example/b.wav")};
    double_has_interface("http");
    vx_config_release(&w.config);
    w.config = vx_test_config("freeswitch-play-urls=true");
    ends(VX_VERB_WHISPER, sounds(both, 2), VX_OUTCOME_UNABLE, "URLs are not");
    not_done("conference room play"); /* all of it or nothing */
    not_done("conference room mute");
    SWITCH_GLOBAL_dirs.sounds_dir = dir;
    /* The command would take such a name apart. */
    double_set_variable(CHANNEL, "conference_name", "room kick all");
    double_done_clear();
    ends(VX_VERB_CONF_MUTE, NO_ARGS, VX_OUTCOME_NOT_NOW, "no conference");
    nothing_done();
}

/* --- made --- */

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
                                       "schedule " CHANNEL " +61 19\n"
                                       "profile " CHANNEL " caller_id_name=Zo\xc3\xab 'Z'\n"
                                       "launch " CHANNEL "\n");
    is("voxeme_account_sid", ALPHA_SID);
    is("voxeme_call_hook", "https://a.example/b");
    is("voxeme_call_hook_method", "POST");
    is("voxeme_tag", "{\"a\":\"\\u0024\"}");
    is("voxeme_speech_synthesis_vendor", "google");
    is("voxeme_answer_on_bridge", "true");
    is("sip_invite_domain", "blf.example.com");
    is("sip_h_X-One", "a,b|c");
    is("execute_on_answer_1", "sched_cancel 7"); /* that task and no other */
    is("execute_on_answer_2", "sched_hangup +90 ALLOTTED_TIMEOUT");
    is("execute_on_answer_3", "transfer desk XML agents");
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

static void made_without_a_timeout(void **state) {
    struct vx_command_args args = creation();

    (void)state;
    args.timeout_s = 0;
    ends(VX_VERB_ORIGINATE, args, VX_OUTCOME_DONE, NULL);
    not_done("schedule");
    is("execute_on_answer_1", NULL);
    is("execute_on_answer_3", "transfer desk XML agents");
}

static void no_ghost(void) {
    assert_int_equal(vx_test_calls(&w), 0);
    assert_null(switch_core_session_locate(CHANNEL));
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
static void given_up_while_it_is_made(void **state) {
    struct vx_command *c = command(VX_VERB_ORIGINATE, creation());
    struct vx_fs_result result;

    (void)state;
    assert_false(vx_command_give_up(c));
    result = vx_fs_perform(w.registry, w.config, c);
    assert_int_equal(result.outcome, VX_OUTCOME_REFUSED);
    not_done("launch");
    not_done("WRONG");
    no_ghost();
    vx_command_release(&c);
}

/* Anybody who lists the channels may hang one up that is not quite made. */
static void hung_up_while_it_is_made(void **state) {
    static const char *const moments[] = {"profile", "schedule", "launch"};

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
    double_hung_up_at("lock");
    ends(VX_VERB_ORIGINATE, creation(), VX_OUTCOME_REFUSED, "hung up");
    not_done("profile"); /* it is not touched any more */
    not_done("destroy");
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
    struct vx_fs fs = {.registry = w.registry};

    (void)state;
    assert_true(vx_fs_hook(&fs));
    double_fails("launch");
    ends(VX_VERB_ORIGINATE, creation(), VX_OUTCOME_REFUSED, "thread");
    no_ghost();
    vx_fs_unhook(&fs);
}

static void make_without_memory(void *ctx) {
    struct vx_fs_result result;
    struct vx_command *c;

    set_up(ctx);
    c = command(VX_VERB_ORIGINATE, creation());
    vx_test_arm();
    result = vx_fs_perform(w.registry, w.config, c);
    vx_test_disarm();
    vx_command_release(&c);
    if (result.outcome == VX_OUTCOME_DONE) {
        is("execute_on_answer_3", "transfer desk XML agents");
        is("voxeme_account_sid", ALPHA_SID);
        assert_int_equal(vx_test_calls(&w), 1);
    } else {
        assert_int_equal(result.outcome, VX_OUTCOME_REFUSED);
        no_ghost();
    }
    tear_down(ctx);
}

static void made_without_memory(void **state) {
    (void)state;
    vx_test_every_allocation_fails(make_without_memory, NULL, true);
}

int main(void) {
#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(no_such_call),
        EACH(a_channel_with_a_name_of_its_own),
        EACH(before_the_answer),
        EACH(hung_up),
        EACH(held),
        EACH(muted),
        EACH(digits),
        EACH(requests),
        EACH(redirected),
        EACH(the_other_one_redirected),
        EACH(both_or_none_redirected),
        EACH(bypassed),
        EACH(recorded),
        EACH(whispered),
        EACH(urls_played_on_demand),
        EACH(in_a_conference),
        EACH(made),
        EACH(made_without_a_timeout),
        EACH(not_made),
        EACH(the_registry_is_full),
        EACH(given_up_while_it_is_made),
        EACH(hung_up_while_it_is_made),
        EACH(hung_up_while_it_is_given_up),
        EACH(looked_at_while_it_is_given_up),
        EACH(discarded_legs_are_no_calls),
        cmocka_unit_test(made_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
