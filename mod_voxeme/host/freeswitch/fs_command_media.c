/* Recordings and whispers. */
#include "host/freeswitch/fs_command.h"
#include "host/freeswitch/fs_command_text.h"

#include "core/alloc.h"

#include <stdio.h>
#include <unistd.h>

#define PATH_BYTES 1024

/* --- record --- */

/* The file that the call is recorded to, as long as it is. */
#define RECORDING   "voxeme_recording"
#define MIN_SECONDS "RECORD_MIN_SEC"

#define MAX_OF_A_NAME 100

/* The n-th of that name. */
static bool nth_path(char path[PATH_BYTES], const struct vx_fs_call *call, unsigned n) {
    const char *directory = vx_config_text(call->config, VX_SET_FREESWITCH_RECORDINGS);
    struct vx_str id = call->args->recording_id;
    char sid[VX_UUID_TEXT + 1], number[16] = "";

    if (!*directory)
        directory = SWITCH_GLOBAL_dirs.recordings_dir;
    if (n > 1)
        snprintf(number, sizeof number, ".%u", n);
    vx_uuid_format(sid, &call->args->call_sid);
    return snprintf(path, PATH_BYTES, "%s/%s%s%.*s%s.wav", directory, sid, id.len ? "-" : "",
                    (int)id.len, id.len ? id.at : "", number) < PATH_BYTES;
}

/* FreeSWITCH would write over one that is there. */
static struct vx_fs_result find_path(char path[PATH_BYTES], const struct vx_fs_call *call) {
    for (unsigned n = 1; n <= MAX_OF_A_NAME; n++) {
        if (!nth_path(path, call, n))
            return VX_FS_ENDS(VX_OUTCOME_UNABLE, "the path of freeswitch-recordings is too long");
        if (access(path, F_OK) != 0)
            return VX_FS_DONE;
    }
    return VX_FS_ENDS(VX_OUTCOME_NOT_NOW, "the call has 100 recordings of that recordingID");
}

static struct vx_fs_result start_recording(const struct vx_fs_call *call) {
    uint32_t limit = (uint32_t)vx_config_int(call->config, VX_SET_FREESWITCH_RECORDING_SECONDS);
    char path[PATH_BYTES];
    struct vx_fs_result result = find_path(path, call);

    if (result.outcome != VX_OUTCOME_DONE)
        return result;
    /* FreeSWITCH throws shorter ones away. */
    if (!switch_channel_get_variable(call->channel, MIN_SECONDS))
        vx_fs_set_variable(call->channel, MIN_SECONDS, VX_STR("0"));
    if (switch_ivr_record_session(call->session, path, limit, NULL) != SWITCH_STATUS_SUCCESS)
        return VX_FS_ENDS(VX_OUTCOME_FAILED,
                          "FreeSWITCH cannot record: see freeswitch-recordings, and its log");
    vx_fs_set_variable(call->channel, RECORDING, vx_str(path));
    return VX_FS_DONE;
}

static struct vx_fs_result stop_recording(const struct vx_fs_call *call, const char *path) {
    switch_status_t status = switch_ivr_stop_record_session(call->session, path);

    vx_fs_set_variable(call->channel, RECORDING, VX_NONE);
    if (status != SWITCH_STATUS_SUCCESS)
        return VX_FS_ENDS(VX_OUTCOME_NOT_NOW, "the recording has ended");
    return VX_FS_DONE;
}

struct vx_fs_result vx_fs_record(const struct vx_fs_call *call) {
    const char *path = switch_channel_get_variable(call->channel, RECORDING);
    enum vx_recording what = call->args->recording;

    /* What has come to its limit is no longer there to be paused. */
    if (path && switch_channel_get_private(call->channel, path) == NULL) {
        vx_fs_set_variable(call->channel, RECORDING, VX_NONE);
        path = NULL;
    }
    if (what == VX_RECORD_START)
        return path ? VX_FS_ENDS(VX_OUTCOME_NOT_NOW, "the call is being recorded")
                    : start_recording(call);
    if (!path)
        return VX_FS_ENDS(VX_OUTCOME_NOT_NOW, "the call is not being recorded");
    if (what == VX_RECORD_STOP)
        return stop_recording(call, path);
    if (switch_ivr_record_session_pause(call->session, path, what == VX_RECORD_PAUSE) !=
        SWITCH_STATUS_SUCCESS)
        return VX_FS_ENDS(VX_OUTCOME_NOT_NOW, "the recording has ended");
    return VX_FS_DONE;
}

/* --- whisper --- */

static bool is_web_playable(struct vx_str url) {
    char scheme[6];
    switch_file_interface_t *format;

    snprintf(scheme, sizeof scheme, "%.*s", url.at[4] == ':' ? 4 : 5, url.at);
    format = switch_loadable_module_get_file_interface(scheme, NULL);
    if (!format)
        return false;
    UNPROTECT_INTERFACE(format);
    return true;
}

static struct vx_fs_result web_path(struct vx_buf *out, const struct vx_fs_call *call,
                                    struct vx_str url) {
    if (!vx_values_bool(vx_config_values(call->config), VX_SET_FREESWITCH_PLAY_URLS))
        return VX_FS_ENDS(VX_OUTCOME_UNABLE, "whisper: freeswitch-play-urls is off");
    if (!is_web_playable(url))
        return VX_FS_ENDS(VX_OUTCOME_UNABLE,
                          "whisper: FreeSWITCH plays no URLs without mod_httapi or mod_http_cache");
    vx_buf_str(out, url);
    return VX_FS_DONE;
}

static struct vx_fs_result file_path(struct vx_buf *out, struct vx_str name) {
    vx_buf_printf(out, "%s/", SWITCH_GLOBAL_dirs.sounds_dir);
    vx_buf_str(out, name);
    vx_buf_add(out, "", 1);
    if (!vx_buf_ok(out))
        return VX_FS_ENDS(VX_OUTCOME_REFUSED, "out of memory");
    if (access(out->at, R_OK) != 0)
        return VX_FS_ENDS(VX_OUTCOME_FAILED, "whisper: there is no such file to be played");
    out->len--;
    return VX_FS_DONE;
}

static struct vx_fs_result say_path(struct vx_buf *out, const struct vx_fs_call *call,
                                    struct vx_str text) {
    const char *given = vx_config_text(call->config, VX_SET_FREESWITCH_TTS);
    size_t len = strcspn(given, " ");
    switch_speech_interface_t *engine;
    char name[160];

    snprintf(name, sizeof name, "%.*s", (int)len, given);
    engine = *name ? switch_loadable_module_get_speech_interface(name) : NULL;
    if (!engine)
        return VX_FS_ENDS(VX_OUTCOME_UNABLE,
                          "whisper: FreeSWITCH has no speech engine as freeswitch-tts names it");
    UNPROTECT_INTERFACE(engine);
    vx_buf_printf(out, "speak::%s|%s|", name, given + len + strspn(given + len, " "));
    vx_fs_text_say(out, text);
    return VX_FS_DONE;
}

/* A conference opens what it plays before the command returns, be it on the web or not. */
static struct vx_fs_result path_of(struct vx_buf *out, const struct vx_fs_call *call,
                                   const struct vx_fs_conference *in,
                                   const struct vx_command_sound *sound) {
    if (in && sound->say)
        return VX_FS_ENDS(VX_OUTCOME_UNABLE, "whisper: say is not for calls in a conference");
    if (sound->say)
        return say_path(out, call, sound->text);
    if (in && vx_fs_text_is_web(sound->text))
        return VX_FS_ENDS(VX_OUTCOME_UNABLE, "whisper: URLs are not for calls in a conference");
    if (vx_fs_text_is_web(sound->text))
        return web_path(out, call, sound->text);
    if (vx_fs_text_is_file(sound->text))
        return file_path(out, sound->text);
    return VX_FS_ENDS(VX_OUTCOME_FAILED, "whisper: play.url is neither an http or https URL nor a "
                                         "file below FreeSWITCH's sounds");
}

static struct vx_fs_result play(const struct vx_fs_call *call, const struct vx_fs_conference *in,
                                const char *path) {
    if (in)
        return vx_fs_conference_play(in, path);
    if (switch_ivr_broadcast(call->uuid, path, SMF_ECHO_ALEG | SMF_HOLD_BLEG) !=
        SWITCH_STATUS_SUCCESS)
        return VX_FS_ENDS(VX_OUTCOME_NO_CALL, NULL);
    return VX_FS_DONE;
}

struct vx_fs_result vx_fs_sounds_find(struct vx_buf *paths, const struct vx_fs_call *call,
                                      const struct vx_fs_conference *in) {
    struct vx_fs_result result = VX_FS_DONE;

    if (call->args->sound_count && !in && vx_fs_bypasses_media(call))
        return VX_FS_BYPASSES;
    /* FreeSWITCH would play it when the hold is over. */
    if (call->args->sound_count && !in && switch_channel_test_flag(call->channel, CF_HOLD))
        return VX_FS_ENDS(VX_OUTCOME_NOT_NOW, "the call is held");
    for (size_t i = 0; i < call->args->sound_count && result.outcome == VX_OUTCOME_DONE; i++) {
        struct vx_buf one = {0};

        result = path_of(&one, call, in, &call->args->sounds[i]);
        vx_buf_add(paths, one.at ? one.at : "", one.len);
        vx_buf_add(paths, "", 1);
        if (result.outcome == VX_OUTCOME_DONE && (!vx_buf_ok(&one) || !vx_buf_ok(paths)))
            result = VX_FS_ENDS(VX_OUTCOME_REFUSED, "out of memory");
        vx_buf_free(&one);
    }
    return result;
}

struct vx_fs_result vx_fs_sounds_play(const struct vx_buf *paths, const struct vx_fs_call *call,
                                      const struct vx_fs_conference *in) {
    const char *path = paths->at;
    struct vx_fs_result result = VX_FS_DONE;

    for (size_t i = 0; i < call->args->sound_count && result.outcome == VX_OUTCOME_DONE; i++) {
        result = play(call, in, path);
        path += strlen(path) + 1;
    }
    return result;
}
