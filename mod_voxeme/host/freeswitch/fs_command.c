/*
 * Which command does what to which call. Whatever is done to a call is checked against its state in
 * FreeSWITCH first: the registry, which the API has looked at, may be behind.
 */
#include "host/freeswitch/fs_command.h"

#include "core/alloc.h"
#include "host/freeswitch/fs_command_text.h"
#include "host/freeswitch/fs_event.h"

#include <stdio.h>

bool vx_fs_is_answered(const struct vx_fs_call *call) {
    return switch_channel_test_flag(call->channel, CF_ANSWERED);
}

switch_core_session_t *vx_fs_partner(const struct vx_fs_call *call) {
    const char *uuid = switch_channel_get_partner_uuid(call->channel);

    return uuid ? switch_core_session_locate(uuid) : NULL;
}

bool vx_fs_bypasses_media(const struct vx_fs_call *call) {
    switch_core_session_t *partner = vx_fs_partner(call);
    bool bypasses = switch_channel_test_flag(call->channel, CF_PROXY_MODE);

    if (partner) {
        bypasses = bypasses || switch_channel_test_flag(switch_core_session_get_channel(partner),
                                                        CF_PROXY_MODE);
        switch_core_session_rwunlock(partner);
    }
    return bypasses;
}

bool vx_fs_set_variable(switch_channel_t *channel, const char *name, struct vx_str value) {
    char *text = value.at ? vx_strndup(value.at, value.len) : NULL;

    if (value.at && !text)
        return false;
    switch_channel_set_variable_var_check(channel, name, text, SWITCH_FALSE);
    vx_free(text);
    return true;
}

bool vx_fs_set_url(switch_channel_t *channel, const char *name, struct vx_str url) {
    struct vx_buf text = {0};
    bool ok;

    vx_fs_text_url(&text, url);
    ok = vx_buf_ok(&text) &&
         vx_fs_set_variable(channel, name, (struct vx_str){url.at ? text.at : NULL, text.len});
    vx_buf_free(&text);
    return ok;
}

static struct vx_fs_result hangup(const struct vx_fs_call *call) {
    bool answered = vx_fs_is_answered(call);
    bool outbound = switch_channel_direction(call->channel) == SWITCH_CALL_DIRECTION_OUTBOUND;
    switch_call_cause_t cause = SWITCH_CAUSE_NORMAL_CLEARING;

    if (call->args->hangup == VX_HANG_UP_ANSWERED && !answered)
        return VX_FS_ENDS(VX_OUTCOME_NOT_NOW, "the call has not been answered");
    if (call->args->hangup == VX_HANG_UP_UNANSWERED && answered)
        return VX_FS_ENDS(VX_OUTCOME_NOT_NOW, "the call has been answered");
    if (!answered && outbound)
        cause = SWITCH_CAUSE_ORIGINATOR_CANCEL;
    else if (!answered)
        cause = call->args->hangup == VX_HANG_UP_UNANSWERED ? SWITCH_CAUSE_NO_ANSWER      /* 480 */
                                                            : SWITCH_CAUSE_CALL_REJECTED; /* 603 */
    switch_channel_hangup(call->channel, cause);
    return VX_FS_DONE;
}

/* Set while the API holds the call; FreeSWITCH's own marks also stand for the far end's hold. */
#define HELD "voxeme_held"

static bool is_held(const struct vx_fs_call *call) {
    return switch_channel_get_callstate(call->channel) == CCS_HELD;
}

static struct vx_fs_result hold(const struct vx_fs_call *call) {
    struct vx_fs_conference in;

    if (!vx_fs_set_url(call->channel, "voxeme_wait_hook", call->args->wait_hook))
        return VX_FS_ENDS(VX_OUTCOME_REFUSED, "out of memory");
    if (vx_fs_conference_of(&in, call))
        return vx_fs_conference_do_own(&in, "hold");
    if (is_held(call) && switch_channel_get_variable(call->channel, HELD))
        return VX_FS_DONE;
    if (vx_fs_bypasses_media(call)) /* there would be no music, or both far ends to be waited for */
        return VX_FS_BYPASSES;
    if (switch_ivr_hold(call->session, NULL, SWITCH_TRUE) != SWITCH_STATUS_SUCCESS)
        return VX_FS_ENDS(VX_OUTCOME_NOT_NOW, "the call is held by its far end, or by FreeSWITCH");
    vx_fs_set_variable(call->channel, HELD, VX_STR("true"));
    return VX_FS_DONE;
}

static void stop_music(switch_core_session_t *session) {
    const char *uuid = switch_channel_get_partner_uuid(switch_core_session_get_channel(session));
    switch_core_session_t *partner = uuid ? switch_core_session_locate(uuid) : NULL;

    if (!partner)
        return;
    switch_channel_stop_broadcast(switch_core_session_get_channel(partner));
    switch_core_session_rwunlock(partner);
}

bool vx_fs_unhold(switch_core_session_t *session) {
    switch_channel_t *channel = switch_core_session_get_channel(session);
    switch_core_session_message_t message = {0};
    char from[] = "mod_voxeme";
    switch_event_t *event;

    if (switch_channel_get_callstate(channel) != CCS_HELD)
        return false;
    vx_fs_set_variable(channel, HELD, VX_NONE);
    switch_channel_clear_flag(channel, CF_HOLD);
    switch_channel_clear_flag(channel, CF_SUSPEND);
    message.from = from;
    message.message_id = SWITCH_MESSAGE_INDICATE_UNHOLD;
    switch_core_session_receive_message(session, &message);
    stop_music(session);
    if (switch_event_create(&event, SWITCH_EVENT_CHANNEL_UNHOLD) == SWITCH_STATUS_SUCCESS) {
        switch_channel_event_set_data(channel, event);
        switch_event_fire(&event);
    }
    return true;
}

static struct vx_fs_result unhold(const struct vx_fs_call *call) {
    struct vx_fs_conference in;

    if (vx_fs_conference_of(&in, call))
        return vx_fs_conference_do_own(&in, "unhold");
    vx_fs_set_variable(call->channel, HELD, VX_NONE);
    if (is_held(call) && !vx_fs_unhold(call->session))
        return VX_FS_ENDS(VX_OUTCOME_NOT_NOW, "the call is not held");
    return VX_FS_DONE;
}

/* What the party of this leg says is not heard. */
static struct vx_fs_result mute(const struct vx_fs_call *call) {
    bool off = call->verb == VX_VERB_UNMUTE;
    struct vx_fs_conference in;
    bool conference = vx_fs_conference_of(&in, call);
    struct vx_buf paths = {0};
    struct vx_fs_result result = vx_fs_sounds_find(&paths, call, conference ? &in : NULL);

    if (result.outcome == VX_OUTCOME_DONE && conference)
        result = vx_fs_conference_do_own(&in, off ? "unmute" : "mute");
    else if (result.outcome == VX_OUTCOME_DONE &&
             switch_ivr_session_audio(call->session, "mute", "read", !off) != SWITCH_STATUS_SUCCESS)
        result = VX_FS_ENDS(VX_OUTCOME_NOT_NOW, "the call has no audio that FreeSWITCH can mute");
    if (result.outcome == VX_OUTCOME_DONE)
        result = vx_fs_sounds_play(&paths, call, conference ? &in : NULL);
    vx_buf_free(&paths);
    return result;
}

static struct vx_fs_result whisper(const struct vx_fs_call *call) {
    struct vx_fs_conference in;
    bool conference = vx_fs_conference_of(&in, call);
    struct vx_buf paths = {0};
    struct vx_fs_result result = vx_fs_sounds_find(&paths, call, conference ? &in : NULL);

    if (result.outcome == VX_OUTCOME_DONE)
        result = vx_fs_sounds_play(&paths, call, conference ? &in : NULL);
    vx_buf_free(&paths);
    return result;
}

static struct vx_fs_result mute_conference(const struct vx_fs_call *call) {
    struct vx_fs_conference in;

    if (!vx_fs_conference_of(&in, call))
        return VX_FS_ENDS(VX_OUTCOME_NOT_NOW, "the call is in no conference");
    return vx_fs_conference_do(&in, call->verb == VX_VERB_CONF_MUTE ? "mute" : "unmute",
                               "non_moderator");
}

static struct vx_fs_result send_dtmf(const struct vx_fs_call *call) {
    char text[160];

    /* The digits have been checked; @ and a number say for how many milliseconds each. */
    snprintf(text, sizeof text, "%.*s@%u",
             (int)(call->args->digits.len < 128 ? call->args->digits.len : 128),
             call->args->digits.at, call->args->duration_ms);
    if (switch_core_session_send_dtmf_string(call->session, text) != SWITCH_STATUS_SUCCESS)
        return VX_FS_ENDS(VX_OUTCOME_FAILED, "FreeSWITCH did not send the digits");
    return VX_FS_DONE;
}

/* --- requests within the dialog --- */

#define INFO_HEADER "sip_info_h_"

static struct vx_fs_result request_fault(const struct vx_command_args *args) {
    bool info = vx_str_eq(args->method, VX_STR("INFO"));

    if (!info && !vx_str_eq(args->method, VX_STR("MESSAGE")))
        return VX_FS_ENDS(VX_OUTCOME_UNABLE,
                          "FreeSWITCH sends INFO and MESSAGE within a call, nothing else");
    if (!info && args->header_count)
        return VX_FS_ENDS(VX_OUTCOME_UNABLE, "FreeSWITCH sends no headers with MESSAGE");
    if (args->content.len && memchr(args->content.at, '\0', args->content.len))
        return VX_FS_ENDS(VX_OUTCOME_UNABLE, "FreeSWITCH sends no content with a NUL in it");
    for (size_t i = 0; i < args->header_count; i++) {
        const char *fault = vx_fs_text_header_fault(&args->headers[i]);

        if (fault)
            return VX_FS_ENDS(VX_OUTCOME_UNABLE, fault);
    }
    return VX_FS_DONE;
}

static bool set_headers(const struct vx_fs_call *call, bool set) {
    bool ok = true;

    for (size_t i = 0; i < call->args->header_count; i++) {
        const struct vx_command_header *h = &call->args->headers[i];
        char name[sizeof INFO_HEADER + 64];

        snprintf(name, sizeof name, INFO_HEADER "%.*s", (int)h->name.len, h->name.at);
        ok = vx_fs_set_variable(call->channel, name, set ? h->value : VX_NONE) && ok;
    }
    return ok;
}

static bool send_request(const struct vx_fs_call *call, char *type, char *body) {
    bool info = vx_str_eq(call->args->method, VX_STR("INFO"));
    char from[] = "mod_voxeme", *subtype = strchr(type, '/');
    switch_core_session_message_t message = {0};

    *subtype++ = '\0';
    message.from = from;
    message.message_id = info ? SWITCH_MESSAGE_INDICATE_INFO : SWITCH_MESSAGE_INDICATE_MESSAGE;
    message.string_array_arg[0] = type;
    message.string_array_arg[1] = subtype;
    message.string_array_arg[2] = body;
    return switch_core_session_receive_message(call->session, &message) == SWITCH_STATUS_SUCCESS;
}

/* mod_sofia sends them only to another FreeSWITCH, unless a variable allows it. */
static struct vx_fs_result say_to_far_end(const struct vx_fs_call *call, char *type, char *body) {
    bool info = vx_str_eq(call->args->method, VX_STR("INFO"));
    const char *allow = info ? "fs_send_unsupported_info" : "fs_send_unsupported_message";
    bool allowed = switch_channel_get_variable(call->channel, allow) != NULL;
    struct vx_fs_result result = VX_FS_DONE;

    if ((!allowed && !vx_fs_set_variable(call->channel, allow, VX_STR("true"))) ||
        !set_headers(call, true))
        result = VX_FS_ENDS(VX_OUTCOME_REFUSED, "out of memory");
    else if (!send_request(call, type, body))
        result = VX_FS_ENDS(VX_OUTCOME_FAILED, "FreeSWITCH did not send the request");
    set_headers(call, false);
    if (!allowed)
        vx_fs_set_variable(call->channel, allow, VX_NONE);
    return result;
}

static struct vx_fs_result request(const struct vx_fs_call *call) {
    const struct vx_command_args *args = call->args;
    struct vx_fs_result result = request_fault(args);
    char *type, *body;

    /* Other endpoints take such a message and do nothing. */
    if (strncmp(switch_channel_get_name(call->channel), "sofia/", 6) != 0)
        return VX_FS_ENDS(VX_OUTCOME_UNABLE, "only mod_sofia sends SIP requests within a call");
    if (result.outcome != VX_OUTCOME_DONE)
        return result;
    type = vx_strndup(args->content_type.at, args->content_type.len);
    body = vx_strndup(args->content.at ? args->content.at : "", args->content.len);
    if (!type || !body)
        result = VX_FS_ENDS(VX_OUTCOME_REFUSED, "out of memory");
    else if (!strchr(type, '/'))
        result = VX_FS_ENDS(VX_OUTCOME_UNABLE, "sip_request.content_type is not a media type");
    else
        result = say_to_far_end(call, type, body);
    vx_free(type);
    vx_free(body);
    return result;
}

/* --- all of them --- */

static const struct {
    struct vx_fs_result (*perform)(const struct vx_fs_call *call);
    bool answered; /* only of a call that has been */
} verbs[VX_VERB_COUNT] = {
    [VX_VERB_HANGUP] = {hangup, false},
    [VX_VERB_HOLD] = {hold, true},
    [VX_VERB_UNHOLD] = {unhold, true},
    [VX_VERB_MUTE] = {mute, true},
    [VX_VERB_UNMUTE] = {mute, true},
    [VX_VERB_DTMF] = {send_dtmf, true},
    [VX_VERB_REQUEST] = {request, true},
    [VX_VERB_REDIRECT] = {vx_fs_redirect, false},
    [VX_VERB_REDIRECT_CHILD] = {vx_fs_redirect, true},
    [VX_VERB_RECORD] = {vx_fs_record, true},
    [VX_VERB_WHISPER] = {whisper, true},
    [VX_VERB_CONF_MUTE] = {mute_conference, true},
    [VX_VERB_CONF_UNMUTE] = {mute_conference, true},
};

#define ANSWERING_MS 500

/* FreeSWITCH tells of an answer before it has done with it: it then sends the leg where it is to go
 * when it is answered, which ends a hold, and only then marks it as one that is up, which hides
 * one. That is a matter of its own thread, and of no far end; but it may have been told to play
 * something meanwhile, and that is not waited for. */
static void let_it_be_answered(const struct vx_fs_call *call) {
    for (int ms = 0; ms < ANSWERING_MS; ms++) {
        if (switch_channel_get_callstate(call->channel) >= CCS_ACTIVE)
            return;
        switch_yield(1000);
    }
}

/* mod_sofia forgets a hold whenever the leg's thread begins to route the leg or to execute its
 * extension (its on_routing and on_execute): the far end is then offered to talk, or nothing. */
static bool is_on_its_way(switch_channel_t *channel) {
    switch_channel_state_t state = switch_channel_get_running_state(channel);
    const switch_caller_extension_t *extension;

    if (state != switch_channel_get_state(channel))
        return switch_channel_get_state(channel) < CS_HANGUP;
    if (state == CS_INIT || state == CS_ROUTING || state == CS_RESET)
        return true;
    /* FreeSWITCH's originate has not noticed the answer, and will send it where it is to go. */
    if (state == CS_CONSUME_MEDIA && switch_channel_test_flag(channel, CF_ORIGINATING))
        return true;
    if (state != CS_EXECUTE)
        return false;
    extension = switch_channel_get_caller_extension(channel);
    return extension && extension->applications &&
           extension->current_application == extension->applications;
}

#define ON_ITS_WAY_MS 2000

/* For as long as somebody waits for it: others wait in the lane. */
static bool let_it_arrive(const struct vx_fs_call *call, struct vx_command *command) {
    for (int ms = 0; is_on_its_way(call->channel) && vx_command_wanted(command); ms++) {
        if (ms == ON_ITS_WAY_MS)
            return false;
        switch_yield(1000);
    }
    return true;
}

/* Why the verb is for no call that is as this one. */
static const char *fault_of(const struct vx_fs_call *call) {
    if (switch_channel_get_state(call->channel) >= CS_HANGUP)
        return "the call has ended";
    if (verbs[call->verb].answered && !vx_fs_is_answered(call))
        return "the call has not been answered";
    return NULL;
}

static struct vx_fs_result do_to(const struct vx_fs_call *call, struct vx_command *command) {
    const char *fault = fault_of(call);

    if (fault)
        return VX_FS_ENDS(VX_OUTCOME_NOT_NOW, fault);
    if (vx_fs_is_answered(call) && call->verb != VX_VERB_HANGUP)
        let_it_be_answered(call);
    if (call->verb == VX_VERB_HOLD && !let_it_arrive(call, command))
        return VX_FS_ENDS(VX_OUTCOME_NOT_NOW, "the call is on its way through the dialplan");
    if ((fault = fault_of(call))) /* it may have ended meanwhile */
        return VX_FS_ENDS(VX_OUTCOME_NOT_NOW, fault);
    if (!vx_command_wanted(command)) /* its client has been told that it was not done in time */
        return VX_FS_ENDS(VX_OUTCOME_REFUSED, "nobody waits for it any more");
    return verbs[call->verb].perform(call);
}

/* Of a channel whose uuid is no UUID, the sid is made from its name: it has to be looked for. */
static switch_core_session_t *search(const struct vx_uuid *call_sid) {
    switch_console_callback_match_t *channels = switch_core_session_findall();
    switch_core_session_t *session = NULL;

    for (switch_console_callback_match_node_t *c = channels ? channels->head : NULL; c && !session;
         c = c->next) {
        struct vx_uuid sid = vx_fs_call_sid(c->val);

        if (vx_uuid_eq(&sid, call_sid))
            session = switch_core_session_locate(c->val);
    }
    if (channels)
        switch_console_free_matches(&channels);
    return session;
}

static switch_core_session_t *locate(const struct vx_uuid *call_sid) {
    char uuid[VX_UUID_TEXT + 1];
    switch_core_session_t *session;

    vx_uuid_format(uuid, call_sid);
    session = switch_core_session_locate(uuid);
    return session ? session : search(call_sid);
}

struct vx_fs_result vx_fs_perform(const struct vx_fs_means *means, struct vx_command *command) {
    enum vx_verb verb = vx_command_verb(command);
    const struct vx_command_args *args = vx_command_args(command);
    struct vx_fs_call call = {.verb = verb, .args = args, .config = means->config};
    struct vx_fs_result result;

    if (verb == VX_VERB_ORIGINATE)
        return vx_fs_originate(means, command);
    if (!verbs[verb].perform)
        return VX_FS_ENDS(VX_OUTCOME_UNABLE, "FreeSWITCH cannot do this");
    call.session = locate(&args->call_sid);
    if (!call.session)
        return VX_FS_ENDS(VX_OUTCOME_NO_CALL, NULL);
    call.channel = switch_core_session_get_channel(call.session);
    call.uuid = switch_core_session_get_uuid(call.session);
    result = do_to(&call, command);
    switch_core_session_rwunlock(call.session);
    return result;
}
