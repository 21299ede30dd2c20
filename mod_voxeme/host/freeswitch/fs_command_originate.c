/*
 * A call that the API makes: a leg that FreeSWITCH's own thread runs, of mod_sofia, or of whatever
 * the user's dial-string in FreeSWITCH's directory names. No dial string is written: the endpoint
 * is asked for the leg, which then gets its variables one by one.
 */
#include "host/freeswitch/fs_command.h"
#include "host/freeswitch/fs_command_text.h"
#include "host/freeswitch/fs_event.h"

#include "api/sip_uri.h"
#include "core/alloc.h"

#include <stdio.h>

/* What the leg is asked for with. */
struct plan {
    struct vx_buf destination, number, name, host;
};

static void plan_clear(struct plan *plan) {
    vx_buf_free(&plan->destination);
    vx_buf_free(&plan->number);
    vx_buf_free(&plan->name);
    vx_buf_free(&plan->host);
}

static bool terminate(struct vx_buf *text) {
    vx_buf_add(text, "", 1);
    return vx_buf_ok(text);
}

/* NULL, or what cannot be passed on. */
static const char *fault_of(const struct vx_command_args *args) {
    for (size_t i = 0; i < args->header_count; i++) {
        const char *fault = vx_fs_text_header_fault(&args->headers[i]);

        if (fault)
            return fault;
    }
    for (size_t i = 0; i < VX_SPEECH_COUNT; i++)
        if (!vx_fs_text_is_value(args->speech[i]))
            return "the speech fields: FreeSWITCH cannot keep a text with ${ or ARRAY:: in it";
    return NULL;
}

static struct vx_fs_result plan_call(struct plan *plan, const struct vx_config *config,
                                     const struct vx_command_args *args) {
    const char *fault = fault_of(args);

    if (!fault && args->user.at)
        fault = vx_fs_text_user(&plan->destination, args->user);
    else if (!fault)
        fault =
            vx_fs_text_dial(&plan->destination, vx_config_text(config, VX_SET_FREESWITCH_PROFILE),
                            vx_config_text(config, VX_SET_FREESWITCH_GATEWAY), args->target);
    if (fault)
        return VX_FS_ENDS(VX_OUTCOME_FAILED, fault);
    vx_sip_user_escape(&plan->number, args->from);
    vx_fs_text_name(&plan->name, args->caller_name);
    vx_fs_text_host(&plan->host, args->from_host);
    if (!terminate(&plan->destination) || !terminate(&plan->number) || !terminate(&plan->name) ||
        !terminate(&plan->host))
        return VX_FS_ENDS(VX_OUTCOME_REFUSED, "out of memory");
    return VX_FS_DONE;
}

static struct vx_fs_result refusal(switch_call_cause_t cause) {
    switch ((int)cause) {
    case SWITCH_CAUSE_SUCCESS:
        return VX_FS_DONE;
    case SWITCH_CAUSE_CHAN_NOT_IMPLEMENTED:
        return VX_FS_ENDS(VX_OUTCOME_UNABLE, "FreeSWITCH has no mod_sofia loaded");
    case SWITCH_CAUSE_INVALID_PROFILE:
        return VX_FS_ENDS(VX_OUTCOME_REFUSED,
                          "FreeSWITCH has no SIP profile of the name in freeswitch-profile");
    case SWITCH_CAUSE_INVALID_GATEWAY:
        return VX_FS_ENDS(VX_OUTCOME_REFUSED,
                          "FreeSWITCH has no gateway of the name in freeswitch-gateway");
    case SWITCH_CAUSE_GATEWAY_DOWN:
        return VX_FS_ENDS(VX_OUTCOME_REFUSED, "the gateway of freeswitch-gateway is down");
    case SWITCH_CAUSE_SYSTEM_SHUTDOWN:
        return VX_FS_ENDS(VX_OUTCOME_REFUSED, "FreeSWITCH takes no calls now");
    default:
        return VX_FS_ENDS(VX_OUTCOME_REFUSED, "FreeSWITCH made no leg: it is full, or its "
                                              "configuration does not fit the target");
    }
}

/* What FreeSWITCH says of a user that it does not call is how that call ends; anything else is said
 * of FreeSWITCH. */
static bool ends_call(switch_call_cause_t cause) {
    switch ((int)cause) {
    case SWITCH_CAUSE_UNALLOCATED_NUMBER:
    case SWITCH_CAUSE_NO_ROUTE_DESTINATION:
    case SWITCH_CAUSE_USER_BUSY:
    case SWITCH_CAUSE_NO_USER_RESPONSE:
    case SWITCH_CAUSE_NO_ANSWER:
    case SWITCH_CAUSE_SUBSCRIBER_ABSENT:
    case SWITCH_CAUSE_CALL_REJECTED:
    case SWITCH_CAUSE_USER_NOT_REGISTERED:
        return true;
    default:
        return false;
    }
}

static struct vx_fs_result user_refusal(switch_call_cause_t cause) {
    switch ((int)cause) {
    case SWITCH_CAUSE_CHAN_NOT_IMPLEMENTED:
        return VX_FS_ENDS(VX_OUTCOME_UNABLE, "FreeSWITCH has no mod_dptools loaded, or not what "
                                             "the user's dial-string names");
    case SWITCH_CAUSE_MANDATORY_IE_MISSING:
        return VX_FS_ENDS(VX_OUTCOME_REFUSED,
                          "FreeSWITCH's directory has no dial-string for the user");
    case SWITCH_CAUSE_SYSTEM_SHUTDOWN:
        return refusal(cause);
    default:
        return VX_FS_ENDS(VX_OUTCOME_REFUSED, "FreeSWITCH made no leg: it is full, or the user's "
                                              "dial-string does not fit its configuration");
    }
}

/* A call that FreeSWITCH has no leg for. */
static struct vx_fs_result end_at_once(struct vx_registry *registry, struct vx_command *command,
                                       switch_call_cause_t cause) {
    const struct vx_command_args *args = vx_command_args(command);
    char account[VX_UUID_TEXT + 1], application[VX_UUID_TEXT + 1];
    struct vx_event over = {.type = VX_EVENT_HANGUP,
                            .call_sid = args->call_sid,
                            .direction = VX_OUTBOUND,
                            .from = args->from,
                            .to = args->to,
                            .caller_name = args->caller_name.at ? args->caller_name : VX_STR(""),
                            .tag = args->tag,
                            .cause = vx_str(switch_channel_cause2str(cause))};
    enum vx_applied applied;

    if (!vx_command_wanted(command))
        return VX_FS_ENDS(VX_OUTCOME_REFUSED, "nobody waits for the call any more");
    vx_uuid_format(account, &args->account_sid);
    over.evidence.variable = vx_str(account);
    if (!vx_uuid_is_nil(&args->application_sid)) {
        vx_uuid_format(application, &args->application_sid);
        over.application_sid = vx_str(application);
    }
    applied = vx_registry_apply(registry, &over);
    if (applied == VX_APPLIED || applied == VX_UNCHANGED)
        return VX_FS_DONE;
    return VX_FS_ENDS(VX_OUTCOME_REFUSED, "the registry is full");
}

/* Nobody has been told of it: it was never there. */
static void leave(struct vx_registry *registry, const struct vx_command_args *args) {
    struct vx_scope *all = vx_registry_all(registry);
    struct vx_snapshot *call = vx_scope_find(all, &args->call_sid);
    struct vx_event over = {.type = VX_EVENT_HANGUP,
                            .call_sid = args->call_sid,
                            .direction = VX_OUTBOUND,
                            .sip_status = 503,
                            .cause = VX_STR("SWITCH_CONGESTION")};

    if (call) {
        vx_registry_apply(registry, &over);
        vx_registry_remove(registry, all, &args->call_sid);
    }
    vx_snapshot_release(&call);
    vx_scope_release(&all);
}

/* Asks for the leg, which has no thread yet. The endpoint of users would run it and wait for its
 * answer, if it did not take it for one of several that are called at once. */
static switch_call_cause_t ask_for_leg(switch_core_session_t **session, switch_event_t *variables,
                                       switch_caller_profile_t *profile, bool is_user) {
    if (!is_user) {
        switch_event_add_header_string(variables, SWITCH_STACK_BOTTOM,
                                       "sofia_suppress_url_encoding", "true");
        return switch_core_session_outgoing_channel(NULL, variables, "sofia", profile, session,
                                                    NULL, SOF_NONE, NULL);
    }
    return switch_core_session_outgoing_channel(NULL, variables, "user", profile, session, NULL,
                                                SOF_FORKED_DIAL, NULL);
}

/* It has been prepared for somebody who waits for it, and would go nowhere once it is answered. */
static void let_go(switch_channel_t *channel) {
    switch_channel_clear_state_handler(channel, NULL);
    switch_channel_clear_flag(channel, CF_ORIGINATING);
}

/* Read-locked: FreeSWITCH lists a leg before it has a thread, and whoever hangs it up then gives it
 * one, which frees it as soon as nobody reads it. */
static struct vx_fs_result make_leg(switch_core_session_t **session, const struct plan *plan,
                                    struct vx_registry *registry, struct vx_command *command) {
    const struct vx_command_args *args = vx_command_args(command);
    switch_memory_pool_t *pool = NULL;
    switch_event_t *variables = NULL;
    switch_caller_profile_t *profile;
    switch_call_cause_t cause = SWITCH_CAUSE_NONE;
    char uuid[VX_UUID_TEXT + 1];

    vx_uuid_format(uuid, &args->call_sid);
    if (switch_event_create(&variables, SWITCH_EVENT_CHANNEL_DATA) != SWITCH_STATUS_SUCCESS)
        return VX_FS_ENDS(VX_OUTCOME_REFUSED, "out of memory");
    if (switch_core_new_memory_pool(&pool) != SWITCH_STATUS_SUCCESS) {
        switch_event_destroy(&variables);
        return VX_FS_ENDS(VX_OUTCOME_REFUSED, "out of memory");
    }
    switch_event_add_header_string(variables, SWITCH_STACK_BOTTOM, "origination_uuid", uuid);
    /* Without a dialplan the leg waits for its answer, and goes nowhere by itself. */
    profile = switch_caller_profile_new(pool, NULL, NULL, plan->name.at, plan->number.at, NULL,
                                        NULL, NULL, NULL, "mod_voxeme", NULL, plan->destination.at);
    *session = NULL;
    if (profile)
        cause = ask_for_leg(session, variables, profile, args->user.at);
    switch_event_destroy(&variables);
    switch_core_destroy_memory_pool(&pool);
    if (*session && switch_core_session_read_lock(*session) == SWITCH_STATUS_SUCCESS) {
        if (args->user.at)
            let_go(switch_core_session_get_channel(*session));
        return VX_FS_DONE;
    }
    if (*session) {
        *session = NULL; /* it ends by itself, and may be gone already */
        /* It says of itself neither whose it is nor that it is discarded. */
        vx_registry_dismiss(registry, &args->call_sid);
        leave(registry, args);
        return VX_FS_ENDS(VX_OUTCOME_REFUSED, "the leg was hung up while it was made");
    }
    if (args->user.at)
        return ends_call(cause) ? end_at_once(registry, command, cause) : user_refusal(cause);
    return refusal(cause == SWITCH_CAUSE_SUCCESS ? SWITCH_CAUSE_NONE : cause);
}

/* All of these: false when memory is short. */

static bool set_uuid(switch_channel_t *channel, const char *name, const struct vx_uuid *value) {
    char text[VX_UUID_TEXT + 1];

    if (vx_uuid_is_nil(value))
        return true;
    vx_uuid_format(text, value);
    return vx_fs_set_variable(channel, name, vx_str(text));
}

static bool set_json(switch_channel_t *channel, const char *name, struct vx_str value) {
    struct vx_buf json = {0};
    bool ok;

    vx_fs_text_json(&json, value);
    ok = vx_buf_ok(&json) &&
         vx_fs_set_variable(channel, name, (struct vx_str){value.at ? json.at : NULL, json.len});
    vx_buf_free(&json);
    return ok;
}

/* For the dialplan. */
static bool set_facts(switch_channel_t *channel, const struct vx_command_args *args) {
    static const char *const speech[VX_SPEECH_COUNT] = {
        [VX_SYNTHESIS_VENDOR] = "voxeme_speech_synthesis_vendor",
        [VX_SYNTHESIS_LANGUAGE] = "voxeme_speech_synthesis_language",
        [VX_SYNTHESIS_VOICE] = "voxeme_speech_synthesis_voice",
        [VX_RECOGNIZER_VENDOR] = "voxeme_speech_recognizer_vendor",
        [VX_RECOGNIZER_LANGUAGE] = "voxeme_speech_recognizer_language",
    };
    struct vx_str method = args->hook_method;
    bool ok = true;

    if (args->hook.at && !method.at)
        method = VX_STR("POST");
    for (size_t i = 0; i < VX_SPEECH_COUNT; i++)
        ok = ok && vx_fs_set_variable(channel, speech[i], args->speech[i]);
    return ok && set_uuid(channel, "voxeme_account_sid", &args->account_sid) &&
           set_uuid(channel, "voxeme_application_sid", &args->application_sid) &&
           vx_fs_set_url(channel, "voxeme_call_hook", args->hook) &&
           vx_fs_set_variable(channel, "voxeme_call_hook_method", method) &&
           vx_fs_set_variable(channel, "voxeme_answer_on_bridge",
                              args->answer_on_bridge ? VX_STR("true") : VX_NONE) &&
           set_json(channel, "voxeme_tag", args->tag) &&
           set_json(channel, "voxeme_amd", args->amd) &&
           vx_fs_set_url(channel, "voxeme_sip_request_hook", args->request_hook);
}

static bool set_invite(switch_channel_t *channel, const struct plan *plan,
                       const struct vx_command_args *args) {
    bool ok = true;

    /* mod_sofia cuts a name at what looks like a part of a URI. */
    switch_channel_set_profile_var(channel, "caller_id_name", plan->name.at);
    if (plan->host.at[0])
        ok = vx_fs_set_variable(channel, "sip_invite_domain", vx_str(plan->host.at));
    for (size_t i = 0; i < args->header_count; i++) {
        char name[80];

        snprintf(name, sizeof name, "sip_h_%.*s", (int)args->headers[i].name.len,
                 args->headers[i].name.at);
        ok = ok && vx_fs_set_variable(channel, name, args->headers[i].value);
    }
    return ok;
}

/* FreeSWITCH does this when the leg is answered. */
static bool set_course(switch_channel_t *channel, const struct vx_config *config) {
    struct vx_fs_place place;
    char transfer[320];

    vx_fs_place_read(&place, config);
    snprintf(transfer, sizeof transfer, "transfer %s %s %s", place.extension, place.dialplan,
             place.context);
    return vx_fs_set_variable(channel, "execute_on_answer_1", vx_str(transfer));
}

/* The leg as the API's client named it, before FreeSWITCH tells of it. */
static bool enter(struct vx_registry *registry, switch_channel_t *channel,
                  const struct vx_command_args *args) {
    struct vx_fs_scratch scratch;
    switch_event_t *event = NULL;
    enum vx_applied applied = VX_NO_MEMORY;
    struct vx_event e;

    if (switch_event_create(&event, SWITCH_EVENT_CHANNEL_DATA) != SWITCH_STATUS_SUCCESS)
        return false;
    switch_channel_event_set_data(channel, event);
    if (vx_fs_event_read(&e, &scratch, event)) {
        e.sequence = 1; /* nothing that comes later is the first to say whose call it is */
        e.call_sid = args->call_sid;
        e.direction = VX_OUTBOUND;
        e.from = args->from;
        e.to = args->to;
        e.caller_name = args->caller_name.at ? args->caller_name : VX_STR("");
        e.tag = args->tag;
        applied = vx_registry_apply(registry, &e);
    }
    switch_event_destroy(&event);
    return applied == VX_APPLIED || applied == VX_UNCHANGED;
}

/* Once it has had a thread, that and nobody else destroys it. */
static bool has_thread(switch_core_session_t *session) {
    return switch_core_session_running(session) || switch_core_session_started(session);
}

/* VX_OUTCOME_DONE: FreeSWITCH runs it; else it is to be discarded. Whoever hangs it up meanwhile
 * makes FreeSWITCH run it, too. */
static struct vx_fs_result launch(const struct vx_fs_means *means, switch_core_session_t *session,
                                  const struct plan *plan, struct vx_command *command) {
    const struct vx_command_args *args = vx_command_args(command);
    switch_channel_t *channel = switch_core_session_get_channel(session);

    if (!set_facts(channel, args) || !set_invite(channel, plan, args) ||
        !set_course(channel, means->config))
        return VX_FS_ENDS(VX_OUTCOME_REFUSED, "out of memory");
    /* This may take a while. Those of a leg that is discarded find no leg. */
    if (!vx_fs_deadlines_add(means->deadlines, &args->call_sid, args->timeout_s,
                             args->time_limit_s))
        return VX_FS_ENDS(VX_OUTCOME_REFUSED, "out of memory");
    /* Its client has been told that it was not done in time, or has gone. With an Idempotency-Key
     * it may ask anew: REFUSED frees the key. */
    if (!vx_command_wanted(command))
        return VX_FS_ENDS(VX_OUTCOME_REFUSED, "nobody waits for the call any more");
    /* A call that nobody could see or end by the API is not made by it. */
    if (!enter(means->registry, channel, args))
        return VX_FS_ENDS(VX_OUTCOME_REFUSED, "the registry is full");
    if (switch_core_session_thread_launch(session) == SWITCH_STATUS_SUCCESS || has_thread(session))
        return VX_FS_DONE;
    return VX_FS_ENDS(VX_OUTCOME_REFUSED, "FreeSWITCH has no thread for the leg");
}

/* Takes over the read lock. Hung up it sends no INVITE, and whoever locates it from then on finds
 * nothing. It is launched so that FreeSWITCH destroys it; should somebody else hang it up at this
 * moment, one of the two launches it. Only what gets no thread at all is destroyed here, when those
 * who have located it before are done. */
static void discard(struct vx_registry *registry, switch_core_session_t *session,
                    const struct vx_command_args *args) {
    switch_channel_t *channel = switch_core_session_get_channel(session);
    bool theirs;

    switch_channel_set_variable_var_check(channel, VX_FS_DISCARDED, "true", SWITCH_FALSE);
    leave(registry, args);
    switch_channel_hangup(channel, SWITCH_CAUSE_SWITCH_CONGESTION);
    theirs = has_thread(session) ||
             switch_core_session_thread_launch(session) == SWITCH_STATUS_SUCCESS ||
             has_thread(session);
    switch_core_session_rwunlock(session);
    if (theirs)
        return;
    switch_core_session_write_lock(session);
    switch_core_session_rwunlock(session);
    switch_core_session_destroy(&session);
}

/* False: it has taken longer than a client waits, or this one has gone. */
static bool caught_up(const struct vx_fs_means *means, struct vx_command *command) {
    int64_t patience_s = vx_config_int(means->config, VX_SET_COMMAND_TIMEOUT_SECONDS);

    do
        if (vx_fs_mark_wait(means->marks, *means->mark, 1))
            return true;
    while (--patience_s > 0 && vx_command_wanted(command));
    return false;
}

struct vx_fs_result vx_fs_originate(const struct vx_fs_means *means, struct vx_command *command) {
    const struct vx_command_args *args = vx_command_args(command);
    switch_core_session_t *session = NULL;
    struct plan plan = {.name = {0}};
    struct vx_fs_result result = plan_call(&plan, means->config, args);

    if (result.outcome == VX_OUTCOME_DONE && !caught_up(means, command))
        result = VX_FS_ENDS(VX_OUTCOME_REFUSED, "FreeSWITCH is behind with its events");
    if (result.outcome == VX_OUTCOME_DONE)
        result = make_leg(&session, &plan, means->registry, command);
    if (session) {
        result = launch(means, session, &plan, command);
        if (result.outcome == VX_OUTCOME_DONE)
            switch_core_session_rwunlock(session);
        else
            discard(means->registry, session, args);
        *means->mark = vx_fs_mark_send(means->marks);
    }
    plan_clear(&plan);
    return result;
}
