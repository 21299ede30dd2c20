/* Changes of what is heard: recordings, whispers, listens, the mute of a conference. */
#include "api/call_update.h"

#define LONGEST_SAY  1024
#define LONGEST_PLAY 2048
#define LONGEST_ID   64

/* It becomes part of the name of a file. */
static bool is_id(struct vx_str s) {
    for (size_t i = 0; i < s.len; i++)
        if (!((s.at[i] >= 'a' && s.at[i] <= 'z') || (s.at[i] >= 'A' && s.at[i] <= 'Z') ||
              (s.at[i] >= '0' && s.at[i] <= '9') || s.at[i] == '-' || s.at[i] == '_'))
            return false;
    return true;
}

bool vx_read_record(struct change *c, const char *key) {
    static const char *const actions[] = {
        [VX_RECORD_START] = "startCallRecording",
        [VX_RECORD_STOP] = "stopCallRecording",
        [VX_RECORD_PAUSE] = "pauseCallRecording",
        [VX_RECORD_RESUME] = "resumeCallRecording",
        NULL,
    };
    const struct vx_json *record = vx_change_object(c, key);
    int action = -1;

    c->verb = VX_VERB_RECORD;
    if (!record || !vx_command_able(c->x, c->verb) ||
        !vx_in_word(c->x, record, "record.action", actions, &action) ||
        !vx_in_text(c->x, record, "record.recordingID", LONGEST_ID, &c->args.recording_id))
        return false;
    if (action < 0)
        return vx_change_refuse(c, 400, "record.action is missing");
    if (!is_id(c->args.recording_id))
        return vx_change_refuse(c, 400,
                                "record.recordingID must be made of letters, digits, - and _");
    if (vx_json_member(record, "siprecServerURL"))
        return vx_change_refuse(c, 501, "this server records to a file, not to a SIPREC server");
    c->args.recording = (enum vx_recording)action;
    return vx_change_is_answered(c);
}

static bool add_sound(struct change *c, bool say, struct vx_str text) {
    if (c->args.sound_count == VX_MAX_SOUNDS)
        return vx_change_refuse(c, 400, "whisper holds too many verbs or URLs");
    c->sounds[c->args.sound_count++] = (struct vx_command_sound){say, text};
    return true;
}

static bool read_say(struct change *c, const struct vx_json *verb) {
    struct vx_str text;

    if (!vx_in_text(c->x, verb, "whisper.text", LONGEST_SAY, &text))
        return false;
    if (!text.at)
        return vx_change_refuse(c, 400, "whisper.text is missing: say wants it");
    return add_sound(c, true, text);
}

static bool read_play(struct change *c, const struct vx_json *verb) {
    const struct vx_json *url = vx_json_member(verb, "url"), *each = url;

    if (url && url->type == VX_JSON_ARRAY)
        each = url->first;
    for (; each; each = url->type == VX_JSON_ARRAY ? each->next : NULL) {
        if (!vx_is_string(each) || !each->text.len || each->text.len > LONGEST_PLAY)
            return vx_change_refuse(c, 400, "whisper.url must be a text or a list of texts");
        if (!add_sound(c, false, each->text))
            return false;
    }
    return true;
}

static bool read_sound(struct change *c, const struct vx_json *verb) {
    static const char *const verbs[] = {"say", "play", NULL};
    int which = -1;

    if (!vx_is_object(verb))
        return vx_change_refuse(c, 400, "whisper must be a verb or a list of verbs");
    if (!vx_in_word(c->x, verb, "whisper.verb", verbs, &which))
        return false;
    if (which < 0)
        return vx_change_refuse(c, 400, "whisper.verb is missing");
    return which ? read_play(c, verb) : read_say(c, verb);
}

bool vx_read_whisper(struct change *c, const char *key) {
    const struct vx_json *value = vx_json_member(c->body, key);

    c->verb = VX_VERB_WHISPER;
    if (!vx_command_able(c->x, VX_VERB_WHISPER))
        return false;
    c->args.sounds = c->sounds;
    if (value->type == VX_JSON_ARRAY) {
        for (const struct vx_json *each = value->first; each; each = each->next)
            if (!read_sound(c, each))
                return false;
    } else if (!read_sound(c, value)) {
        return false;
    }
    if (!c->args.sound_count)
        return vx_change_refuse(c, 400, "whisper holds nothing to be heard");
    return vx_change_is_answered(c);
}

bool vx_read_listen_status(struct change *c, const char *key) {
    static const char *const words[] = {
        [VX_LISTEN_PAUSE] = "pause",
        [VX_LISTEN_RESUME] = "resume",
        [VX_LISTEN_SILENCE] = "silence",
        NULL,
    };
    int word = 0;

    c->verb = VX_VERB_LISTEN;
    if (!vx_in_word(c->x, c->body, key, words, &word) || !vx_command_able(c->x, c->verb))
        return false;
    c->args.listening = (enum vx_listening)word;
    return vx_change_is_answered(c);
}

bool vx_read_conf_mute_status(struct change *c, const char *key) {
    static const char *const words[] = {"mute", "unmute", NULL};
    int word = 0;

    if (!vx_in_word(c->x, c->body, key, words, &word))
        return false;
    c->verb = word ? VX_VERB_CONF_UNMUTE : VX_VERB_CONF_MUTE;
    return vx_command_able(c->x, c->verb) && vx_change_is_answered(c);
}
