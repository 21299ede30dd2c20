/* What each command of the API does to a call in FreeSWITCH, in each of its states. */
#include "command.h"

#include <unistd.h>

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

/* What is done to a call before FreeSWITCH has done with its answer would be undone. */
static void being_answered(void **state) {
    (void)state;
    channel(CHANNEL, true, true);
    double_channel_being_answered(CHANNEL, 3);
    ends(VX_VERB_HOLD, NO_ARGS, VX_OUTCOME_DONE, NULL);
    ends(VX_VERB_HOLD, NO_ARGS, VX_OUTCOME_DONE, NULL);
    assert_string_equal(double_done(), "hold " CHANNEL "\n");
    double_channel_being_answered(CHANNEL, 100000);
    double_done_clear();
    ends(VX_VERB_DTMF, (struct vx_command_args){.digits = VX_STR("1"), .duration_ms = 100},
         VX_OUTCOME_DONE, NULL); /* not for ever */
    ends(VX_VERB_HANGUP, NO_ARGS, VX_OUTCOME_DONE, NULL);
    done("hangup " CHANNEL);
    double_channel_being_answered(CHANNEL, 1);
    switch_yield(0);
}

/* FreeSWITCH would forget the hold when it comes to its extension. */
static void held_on_its_way(void **state) {
    static const switch_channel_state_t rows[][2] = {
        {CS_ROUTING, CS_CONSUME_MEDIA}, {CS_ROUTING, CS_ROUTING}, {CS_EXECUTE, CS_ROUTING},
        {CS_RESET, CS_RESET},           {CS_EXECUTE, CS_EXECUTE},
    };

    (void)state;
    channel(CHANNEL, true, true);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double_channel_on_its_way(CHANNEL, rows[i][0], rows[i][1], 100000);
        ends(VX_VERB_HOLD, NO_ARGS, VX_OUTCOME_NOT_NOW, "on its way");
        nothing_done();
        double_channel_on_its_way(CHANNEL, rows[i][0], rows[i][1], 3);
        ends(VX_VERB_HOLD, NO_ARGS, VX_OUTCOME_DONE, NULL);
        ends(VX_VERB_UNHOLD, NO_ARGS, VX_OUTCOME_DONE, NULL);
        assert_string_equal(double_done(), "hold " CHANNEL "\nunhold " CHANNEL "\n");
        double_done_clear();
    }
}

static void arrive(void) {
    double_channel_on_its_way(CHANNEL, CS_EXECUTE, CS_EXECUTE, 1);
    switch_yield(0);
}

static void hangs_up(void) {
    double_channel_hung_up(CHANNEL);
}

static void hung_up_on_its_way(void **state) {
    (void)state;
    channel(CHANNEL, true, true);
    double_channel_on_its_way(CHANNEL, CS_ROUTING, CS_ROUTING, 3);
    double_at("yield", hangs_up);
    ends(VX_VERB_HOLD, NO_ARGS, VX_OUTCOME_NOT_NOW, "ended");
    nothing_done();
    arrive();
}

/* FreeSWITCH's own originate moves a call when it notices the answer. */
static void held_while_it_is_originated(void **state) {
    switch_core_session_t *session;

    (void)state;
    channel(CHANNEL, true, true);
    double_channel_on_its_way(CHANNEL, CS_CONSUME_MEDIA, CS_CONSUME_MEDIA, 100000);
    ends(VX_VERB_HOLD, NO_ARGS, VX_OUTCOME_DONE, NULL); /* it rests there */
    ends(VX_VERB_UNHOLD, NO_ARGS, VX_OUTCOME_DONE, NULL);
    double_done_clear();
    session = switch_core_session_locate(CHANNEL);
    switch_channel_set_flag(switch_core_session_get_channel(session), CF_ORIGINATING);
    switch_core_session_rwunlock(session);
    ends(VX_VERB_HOLD, NO_ARGS, VX_OUTCOME_NOT_NOW, "on its way");
    nothing_done();
    arrive();
}

static struct vx_command *asked;

static void give_up(void) {
    vx_command_give_up(asked);
}

/* Its client is told that it was not done in time, while FreeSWITCH is being waited for. */
static void given_up_while_it_is_answered(void **state) {
    struct vx_fs_result result;

    (void)state;
    channel(CHANNEL, true, true);
    double_channel_being_answered(CHANNEL, 3);
    asked = command(VX_VERB_HOLD, NO_ARGS);
    double_at("yield", give_up);
    result = vx_fs_perform(&means, asked);
    assert_int_equal(result.outcome, VX_OUTCOME_REFUSED);
    nothing_done();
    vx_command_release(&asked);
}

/* Nobody waits for the thread of the partner, which plays music meanwhile. */
static void held_in_a_bridge(void **state) {
    struct vx_command_args args = {.hook = VX_STR("/next")};

    (void)state;
    channel(CHANNEL, true, true);
    channel(OTHER, false, true);
    double_channel_joined(CHANNEL, OTHER);
    ends(VX_VERB_HOLD, NO_ARGS, VX_OUTCOME_DONE, NULL);
    is("voxeme_held", "true");
    ends(VX_VERB_UNHOLD, NO_ARGS, VX_OUTCOME_DONE, NULL);
    assert_string_equal(double_done(), "hold " CHANNEL "\nunhold " CHANNEL "\nquiet " OTHER "\n");
    ends(VX_VERB_HOLD, NO_ARGS, VX_OUTCOME_DONE, NULL);
    double_done_clear();
    ends(VX_VERB_REDIRECT, args, VX_OUTCOME_DONE, NULL);
    assert_string_equal(double_done(), "unhold " CHANNEL "\nquiet " OTHER "\ntransfer " CHANNEL
                                       " desk XML agents\n");
    is("voxeme_held", NULL); /* a hold to come is not taken for ours */
}

/* As FreeSWITCH tells of it. */
static void unheld_is_told(void **state) {
    (void)state;
    channel(CHANNEL, true, true);
    ends(VX_VERB_HOLD, NO_ARGS, VX_OUTCOME_DONE, NULL);
    double_hold_up_events();
    ends(VX_VERB_UNHOLD, NO_ARGS, VX_OUTCOME_DONE, NULL);
    double_wait_fired();
    double_deliver_events();
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
    args.method = VX_STR("INFO");
    args.content = VX_STR("a");
    double_fails(NULL);
    ends(VX_VERB_REQUEST, args, VX_OUTCOME_DONE, NULL);
    double_set_variable(CHANNEL, "verto_user", "777"); /* a leg of another endpoint */
    ends(VX_VERB_REQUEST, args, VX_OUTCOME_UNABLE, "mod_sofia");
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

static void a_recording_has_its_limit(void **state) {
    struct vx_command_args args = {.recording = VX_RECORD_START};

    (void)state;
    vx_config_release(&w.config);
    w.config = vx_test_config("freeswitch-recordings=/var/rec;freeswitch-recording-seconds=7");
    channel(CHANNEL, false, true);
    ends(VX_VERB_RECORD, args, VX_OUTCOME_DONE, NULL);
    done("record " CHANNEL " /var/rec/" CHANNEL ".wav 7");
}

static void no_recording_is_written_over(void **state) {
    struct vx_command_args start = {.recording = VX_RECORD_START, .recording_id = VX_STR("a")},
                           stop = {.recording = VX_RECORD_STOP};
    char dir[] = "/tmp/voxeme-recordings-XXXXXX", settings[128], path[256];
    FILE *file;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(settings, sizeof settings, "freeswitch-recordings=%s", dir);
    vx_config_release(&w.config);
    w.config = vx_test_config(settings);
    channel(CHANNEL, false, true);
    for (unsigned n = 1; n <= 101; n++) {
        snprintf(path, sizeof path, n > 1 ? "%s/" CHANNEL "-a.%u.wav" : "%s/" CHANNEL "-a.wav", dir,
                 n);
        double_done_clear();
        if (n == 101) {
            ends(VX_VERB_RECORD, start, VX_OUTCOME_NOT_NOW, "100 recordings");
            nothing_done();
            break;
        }
        ends(VX_VERB_RECORD, start, VX_OUTCOME_DONE, NULL);
        done(path);
        ends(VX_VERB_RECORD, stop, VX_OUTCOME_DONE, NULL);
        file = fopen(path, "w"); /* as FreeSWITCH does */
        assert_non_null(file);
        fclose(file);
    }
    for (unsigned n = 1; n <= 100; n++) {
        snprintf(path, sizeof path, n > 1 ? "%s/" CHANNEL "-a.%u.wav" : "%s/" CHANNEL "-a.wav", dir,
                 n);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(dir), 0);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        EACH(no_such_call),
        EACH(a_channel_with_a_name_of_its_own),
        EACH(before_the_answer),
        EACH(hung_up),
        EACH(held),
        EACH(being_answered),
        EACH(held_on_its_way),
        EACH(hung_up_on_its_way),
        EACH(held_while_it_is_originated),
        EACH(given_up_while_it_is_answered),
        EACH(held_in_a_bridge),
        EACH(unheld_is_told),
        EACH(muted),
        EACH(digits),
        EACH(requests),
        EACH(redirected),
        EACH(the_other_one_redirected),
        EACH(both_or_none_redirected),
        EACH(bypassed),
        EACH(recorded),
        EACH(a_recording_has_its_limit),
        EACH(no_recording_is_written_over),
        EACH(whispered),
        EACH(urls_played_on_demand),
        EACH(in_a_conference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
