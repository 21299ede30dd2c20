/* The test double of FreeSWITCH: what can be done to calls. It does nothing but write it down. It
 * is not FreeSWITCH; see switch.h. */
#include "double.h"
#include "double_private.h"

struct switch_memory_pool {
    switch_caller_profile_t profile;
};

static char recordings[] = "/recordings", sounds[] = "/sounds";
switch_directories SWITCH_GLOBAL_dirs = {recordings, sounds};

/* --- what was done --- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static char done[65536];
static size_t done_len;
static const char *fails, *blocks, *interface_name;
static const char *conference, *hung_up_at, *looked_at;
static const char *happens_at;
static void (*happens)(void);
static switch_channel_t *answering, *on_its_way;
static unsigned answered_after, arrived_after;
static switch_call_cause_t sofia = SWITCH_CAUSE_SUCCESS;

static bool begins(const char *line, const char *what) {
    return what && strncmp(line, what, strlen(what)) == 0;
}

/* False: it is to fail. */
static bool did(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static bool did(const char *fmt, ...) {
    va_list ap;
    char *line;
    bool well;

    va_start(ap, fmt);
    pthread_mutex_lock(&lock);
    line = done + done_len;
    done_len += (size_t)vsnprintf(line, sizeof done - done_len - 2, fmt, ap);
    well = !begins(line, fails);
    done[done_len++] = '\n';
    pthread_cond_broadcast(&changed);
    while (begins(line, blocks))
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    va_end(ap);
    return well;
}

static switch_status_t status_of(bool well) {
    return well ? SWITCH_STATUS_SUCCESS : SWITCH_STATUS_FALSE;
}

const char *double_done(void) {
    return done;
}

void double_done_clear(void) {
    pthread_mutex_lock(&lock);
    memset(done, 0, sizeof done);
    done_len = 0;
    pthread_mutex_unlock(&lock);
}

void double_wait_done(const char *text) {
    pthread_mutex_lock(&lock);
    while (!strstr(done, text))
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static void set(const char **what, const char *to) {
    pthread_mutex_lock(&lock);
    *what = to;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

void double_fails(const char *what) {
    set(&fails, what);
}

void double_blocks(const char *what) {
    set(&blocks, what);
}

void double_hung_up_at(const char *moment) {
    set(&hung_up_at, moment);
}

void double_looked_at(const char *moment) {
    set(&looked_at, moment);
}

void double_at(const char *moment, void (*what)(void)) {
    happens = what;
    happens_at = moment;
}

static void happen_at(const char *moment) {
    void (*what)(void) = happens_at && strcmp(happens_at, moment) == 0 ? happens : NULL;

    if (!what)
        return;
    happens_at = NULL;
    what();
}

void double_conference_says(const char *text) {
    set(&conference, text);
}

void double_has_interface(const char *name) {
    set(&interface_name, name);
}

void double_sofia_says(switch_call_cause_t cause) {
    sofia = cause;
}

static void tell_of_end(switch_core_session_t *session) {
    switch_event_t *event = double_event(SWITCH_EVENT_CHANNEL_HANGUP);

    switch_channel_event_set_data(&session->channel, event);
    double_fire(event);
    switch_event_destroy(&event);
}

/* What others do to a leg while it is made. */
static void meanwhile(switch_core_session_t *session, const char *moment) {
    happen_at(moment);
    if (looked_at && strcmp(looked_at, moment) == 0)
        session->readers++;
    if (!hung_up_at || strcmp(hung_up_at, moment) != 0)
        return;
    session->channel.state = CS_HANGUP;
    session->running = true;
    tell_of_end(session);
    if (!session->readers && strcmp(moment, "lock") != 0)
        did("WRONG freed while it is made");
}

/* --- channels --- */

static switch_channel_t *channel_of(const char *uuid) {
    return &((switch_core_session_t *)double_need(double_session_find(uuid)))->channel;
}

void double_channel_is(const char *uuid, bool outbound, bool answered) {
    pthread_mutex_lock(&double_sessions_lock);
    channel_of(uuid)->outbound = outbound;
    channel_of(uuid)->flags = answered ? CF_ANSWERED : 0;
    channel_of(uuid)->callstate = answered ? CCS_ACTIVE : CCS_DOWN;
    pthread_mutex_unlock(&double_sessions_lock);
}

void double_channel_hung_up(const char *uuid) {
    pthread_mutex_lock(&double_sessions_lock);
    channel_of(uuid)->state = CS_HANGUP;
    pthread_mutex_unlock(&double_sessions_lock);
}

void double_channel_being_answered(const char *uuid, unsigned times) {
    double_channel_is(uuid, true, true);
    pthread_mutex_lock(&double_sessions_lock);
    answering = channel_of(uuid);
    answering->callstate = CCS_DOWN;
    answered_after = times;
    pthread_mutex_unlock(&double_sessions_lock);
}

/* Its applications are told apart by their places. */
static char applications[2];

static switch_caller_application_t *application(unsigned n) {
    return (void *)&applications[n];
}

void double_channel_on_its_way(const char *uuid, switch_channel_state_t state,
                               switch_channel_state_t running, unsigned times) {
    pthread_mutex_lock(&double_sessions_lock);
    on_its_way = channel_of(uuid);
    on_its_way->state = state;
    on_its_way->running = running;
    on_its_way->extension = (switch_caller_extension_t){.current_application = application(0),
                                                        .applications = application(0)};
    arrived_after = times;
    pthread_mutex_unlock(&double_sessions_lock);
}

void switch_yield(int64_t us) {
    (void)us;
    happen_at("yield");
    pthread_mutex_lock(&double_sessions_lock);
    if (answering && --answered_after == 0) {
        answering->callstate = CCS_ACTIVE;
        answering = NULL;
    }
    if (on_its_way && --arrived_after == 0) {
        on_its_way->state = on_its_way->running = CS_EXECUTE;
        on_its_way->extension.current_application = application(1);
        on_its_way = NULL;
    }
    pthread_mutex_unlock(&double_sessions_lock);
}

void double_channel_answered(const char *uuid, int64_t at_us) {
    switch_channel_t *channel;

    pthread_mutex_lock(&double_sessions_lock);
    channel = channel_of(uuid);
    channel->times.answered = at_us;
    channel->profile.times = &channel->times;
    channel->flags |= CF_ANSWERED;
    pthread_mutex_unlock(&double_sessions_lock);
}

switch_caller_profile_t *switch_channel_get_caller_profile(switch_channel_t *channel) {
    return &channel->profile;
}

void double_channel_joined(const char *uuid, const char *other) {
    pthread_mutex_lock(&double_sessions_lock);
    snprintf(channel_of(uuid)->partner, sizeof channel_of(uuid)->partner, "%s", other);
    pthread_mutex_unlock(&double_sessions_lock);
}

void double_channel_bypasses(const char *uuid, const char *other) {
    double_channel_joined(uuid, other);
    double_set_variable(uuid, SWITCH_SIGNAL_BRIDGE_VARIABLE, other);
    pthread_mutex_lock(&double_sessions_lock);
    channel_of(uuid)->flags |= CF_PROXY_MODE;
    pthread_mutex_unlock(&double_sessions_lock);
}

void double_channel_sleeps(const char *uuid) {
    pthread_mutex_lock(&double_sessions_lock);
    channel_of(uuid)->flags |= CF_THREAD_SLEEPING;
    pthread_mutex_unlock(&double_sessions_lock);
}

unsigned double_channel_woken(const char *uuid) {
    unsigned woken;

    pthread_mutex_lock(&double_sessions_lock);
    woken = channel_of(uuid)->session->woken;
    pthread_mutex_unlock(&double_sessions_lock);
    return woken;
}

bool double_channel_kept(const char *uuid) {
    bool kept;

    pthread_mutex_lock(&double_sessions_lock);
    kept = channel_of(uuid)->flags & CF_REDIRECT;
    pthread_mutex_unlock(&double_sessions_lock);
    return kept;
}

uint32_t switch_channel_test_flag(switch_channel_t *channel, switch_channel_flag_t flag) {
    uint32_t has;

    pthread_mutex_lock(&double_sessions_lock);
    has = channel->flags & flag;
    pthread_mutex_unlock(&double_sessions_lock);
    return has;
}

void switch_channel_set_flag(switch_channel_t *channel, switch_channel_flag_t flag) {
    pthread_mutex_lock(&double_sessions_lock);
    channel->flags |= flag;
    pthread_mutex_unlock(&double_sessions_lock);
}

void switch_channel_clear_state_handler(switch_channel_t *channel,
                                        const switch_state_handler_table_t *handler) {
    if (!handler)
        channel->handled = false;
}

const char *switch_channel_cause2str(switch_call_cause_t cause) {
    switch ((int)cause) {
    case SWITCH_CAUSE_SUBSCRIBER_ABSENT:
        return "SUBSCRIBER_ABSENT";
    case SWITCH_CAUSE_USER_NOT_REGISTERED:
        return "USER_NOT_REGISTERED";
    case SWITCH_CAUSE_USER_BUSY:
        return "USER_BUSY";
    default:
        return "NONE";
    }
}

void switch_channel_clear_flag(switch_channel_t *channel, switch_channel_flag_t flag) {
    pthread_mutex_lock(&double_sessions_lock);
    channel->flags &= ~(uint32_t)flag;
    pthread_mutex_unlock(&double_sessions_lock);
}

switch_channel_state_t switch_channel_get_state(switch_channel_t *channel) {
    return channel->state;
}

switch_channel_state_t switch_channel_get_running_state(switch_channel_t *channel) {
    return channel->running;
}

switch_caller_extension_t *switch_channel_get_caller_extension(switch_channel_t *channel) {
    return &channel->extension;
}

switch_channel_callstate_t switch_channel_get_callstate(switch_channel_t *channel) {
    return channel->callstate;
}

switch_call_direction_t switch_channel_direction(switch_channel_t *channel) {
    return channel->outbound ? SWITCH_CALL_DIRECTION_OUTBOUND : SWITCH_CALL_DIRECTION_INBOUND;
}

/* What is hung up without a thread is given one. */
void switch_channel_hangup(switch_channel_t *channel, switch_call_cause_t cause) {
    switch_core_session_t *session = channel->session;

    did("hangup %s %d", session->uuid, cause);
    if (!session->made || channel->state >= CS_HANGUP)
        return;
    channel->state = CS_HANGUP;
    session->running = session->running || !begins("launch", fails);
}

static switch_event_header_t **header_of(switch_channel_t *channel, const char *name) {
    switch_event_header_t **at = &channel->data->headers;
    char full[128];

    snprintf(full, sizeof full, "variable_%s", name);
    while (*at && strcmp((*at)->name, full) != 0)
        at = &(*at)->next;
    return at;
}

const char *switch_channel_get_variable(switch_channel_t *channel, const char *name) {
    switch_event_header_t *header;

    pthread_mutex_lock(&double_sessions_lock);
    header = *header_of(channel, name);
    pthread_mutex_unlock(&double_sessions_lock);
    return header ? header->value : NULL;
}

static void put(switch_channel_t *channel, const char *name, const char *value) {
    switch_event_header_t **at, *header;
    char full[128];

    snprintf(full, sizeof full, "variable_%s", name);
    pthread_mutex_lock(&double_sessions_lock);
    at = header_of(channel, name);
    header = *at;
    if (header) {
        *at = header->next;
        header->next = channel->old;
        channel->old = header;
    }
    channel->data->last_header = channel->data->headers;
    while (channel->data->last_header && channel->data->last_header->next)
        channel->data->last_header = channel->data->last_header->next;
    if (value)
        double_event_add(channel->data, full, value);
    pthread_mutex_unlock(&double_sessions_lock);
}

switch_status_t switch_channel_set_variable_var_check(switch_channel_t *channel, const char *name,
                                                      const char *value, switch_bool_t check) {
    (void)check;
    put(channel, name, value && *value ? value : NULL);
    return SWITCH_STATUS_SUCCESS;
}

switch_status_t switch_channel_set_profile_var(switch_channel_t *channel, const char *name,
                                               const char *value) {
    did("profile %s %s=%s", channel->session->uuid, name, value);
    meanwhile(channel->session, "profile");
    return SWITCH_STATUS_SUCCESS;
}

char *double_variable(const char *uuid, const char *name) {
    switch_event_header_t *header;
    char *value = NULL;

    pthread_mutex_lock(&double_sessions_lock);
    header = *header_of(channel_of(uuid), name);
    if (header)
        value = double_need(strdup(header->value));
    pthread_mutex_unlock(&double_sessions_lock);
    return value;
}

void double_set_variable(const char *uuid, const char *name, const char *value) {
    switch_channel_t *channel;

    pthread_mutex_lock(&double_sessions_lock);
    channel = channel_of(uuid);
    pthread_mutex_unlock(&double_sessions_lock);
    put(channel, name, value);
}

void *switch_channel_get_private(switch_channel_t *channel, const char *key) {
    return strcmp(channel->private_key, key) == 0 ? channel : NULL;
}

char *switch_channel_get_name(switch_channel_t *channel) {
    static char sofia_name[] = "sofia/internal/777@127.0.0.1", other_name[] = "verto.rtc/777";

    return double_event_get(channel->data, "variable_verto_user") ? other_name : sofia_name;
}

const char *switch_channel_get_partner_uuid(switch_channel_t *channel) {
    return channel->partner[0] ? channel->partner : NULL;
}

char *switch_core_session_get_uuid(switch_core_session_t *session) {
    return session->uuid;
}

/* --- making calls --- */

switch_status_t switch_core_session_read_lock(switch_core_session_t *session) {
    meanwhile(session, "lock");
    if (session->channel.state >= CS_HANGUP)
        return SWITCH_STATUS_FALSE;
    session->readers++;
    double_take(1);
    return SWITCH_STATUS_SUCCESS;
}

/* Whoever looks at it is waited for. */
void switch_core_session_write_lock(switch_core_session_t *session) {
    session->readers = 1;
    double_take(1);
}

unsigned int switch_core_session_running(switch_core_session_t *session) {
    return session->running;
}

unsigned int switch_core_session_started(switch_core_session_t *session) {
    return session->running;
}

switch_status_t double_new_pool(switch_memory_pool_t **pool) {
    *pool = double_need(calloc(1, sizeof **pool));
    double_take(1);
    return SWITCH_STATUS_SUCCESS;
}

void double_destroy_pool(switch_memory_pool_t **pool) {
    free(*pool);
    *pool = NULL;
    double_take(-1);
}

switch_status_t switch_event_add_header_string(switch_event_t *event, switch_stack_t stack,
                                               const char *name, const char *value) {
    (void)stack;
    double_event_add(event, name, value);
    return SWITCH_STATUS_SUCCESS;
}

switch_caller_profile_t *switch_caller_profile_new(switch_memory_pool_t *pool, const char *username,
                                                   const char *dialplan, const char *caller_id_name,
                                                   const char *caller_id_number,
                                                   const char *network_addr, const char *ani,
                                                   const char *aniii, const char *rdnis,
                                                   const char *source, const char *context,
                                                   const char *destination_number) {
    (void)username, (void)network_addr, (void)ani, (void)aniii, (void)rdnis, (void)source;
    if (dialplan || context)
        abort(); /* it would be routed before it is answered */
    pool->profile =
        (switch_caller_profile_t){caller_id_name, caller_id_number, destination_number, NULL};
    return &pool->profile;
}

switch_call_cause_t switch_core_session_outgoing_channel(
    switch_core_session_t *session, switch_event_t *variables, const char *endpoint,
    switch_caller_profile_t *profile, switch_core_session_t **made, switch_memory_pool_t **pool,
    switch_originate_flag_t flags, switch_call_cause_t *cancel_cause) {
    const char *uuid = double_event_get(variables, "origination_uuid");
    switch_core_session_t *s;

    (void)session, (void)pool, (void)cancel_cause;
    if (strcmp(endpoint, "user") == 0 && flags != SOF_FORKED_DIAL)
        did("WRONG the endpoint of users waits for an answer");
    if (!did("outgoing %s %s <%s> %s", endpoint, profile->caller_id_name, profile->caller_id_number,
             profile->destination_number))
        return SWITCH_CAUSE_DESTINATION_OUT_OF_ORDER;
    if (sofia != SWITCH_CAUSE_SUCCESS)
        return sofia;
    s = double_session(uuid);
    s->made = true;
    s->channel.outbound = true;
    if (strcmp(endpoint, "user") == 0) {
        s->channel.handled = true;
        switch_channel_set_flag(&s->channel, CF_ORIGINATING);
    }
    double_event_add(s->channel.data, "Unique-ID", uuid);
    double_event_add(s->channel.data, "Call-Direction", "outbound");
    double_event_add(s->channel.data, "Caller-Destination-Number", "rewritten");
    double_session_list(s);
    *made = s;
    return SWITCH_CAUSE_SUCCESS;
}

switch_status_t switch_core_session_thread_launch(switch_core_session_t *session) {
    meanwhile(session, "launch");
    if (session->channel.handled || switch_channel_test_flag(&session->channel, CF_ORIGINATING))
        did("WRONG it would go nowhere");
    if (session->running)
        return SWITCH_STATUS_INUSE;
    session->running = did("launch %s", session->uuid);
    return status_of(session->running);
}

switch_status_t switch_core_session_wake_session_thread(switch_core_session_t *session) {
    pthread_mutex_lock(&double_sessions_lock);
    session->woken++;
    pthread_mutex_unlock(&double_sessions_lock);
    happen_at("wake");
    return SWITCH_STATUS_SUCCESS;
}

void double_session_destroy(switch_core_session_t **session) {
    did("destroy %s", (*session)->uuid);
    if ((*session)->running)
        did("WRONG destroyed under its thread");
    if ((*session)->readers)
        did("WRONG destroyed under somebody's eyes");
    double_session_remove((*session)->uuid);
    *session = NULL;
}

static int64_t (*clock_us)(void);

void double_clock(int64_t (*now_us)(void)) {
    clock_us = now_us;
}

int64_t switch_micro_time_now(void) {
    return clock_us ? clock_us() : 0;
}

/* --- what is done to calls --- */

switch_status_t switch_ivr_hold(switch_core_session_t *session, const char *message,
                                switch_bool_t music) {
    (void)message, (void)music;
    if (!did("hold %s", session->uuid))
        return SWITCH_STATUS_FALSE;
    session->channel.callstate = CCS_HELD;
    switch_channel_set_flag(&session->channel, CF_HOLD);
    return SWITCH_STATUS_SUCCESS;
}

void double_stop_broadcast(switch_channel_t *channel) {
    did("quiet %s", channel->session->uuid);
}

switch_status_t switch_ivr_session_audio(switch_core_session_t *session, const char *command,
                                         const char *direction, int level) {
    return status_of(did("audio %s %s %s %d", session->uuid, command, direction, level));
}

switch_status_t switch_ivr_broadcast(const char *uuid, const char *path,
                                     switch_media_flag_t flags) {
    (void)flags;
    return status_of(did("broadcast %s %s", uuid, path));
}

switch_status_t switch_ivr_record_session(switch_core_session_t *session, const char *file,
                                          uint32_t limit, switch_file_handle_t *handle) {
    (void)handle;
    if (!did("record %s %s %u", session->uuid, file, limit))
        return SWITCH_STATUS_FALSE;
    snprintf(session->channel.private_key, sizeof session->channel.private_key, "%s", file);
    return SWITCH_STATUS_SUCCESS;
}

switch_status_t switch_ivr_stop_record_session(switch_core_session_t *session, const char *file) {
    session->channel.private_key[0] = '\0';
    return status_of(did("stop %s %s", session->uuid, file));
}

switch_status_t switch_ivr_record_session_pause(switch_core_session_t *session, const char *file,
                                                switch_bool_t on) {
    return status_of(did("pause %s %s %d", session->uuid, file, on));
}

switch_status_t switch_ivr_session_transfer(switch_core_session_t *session, const char *extension,
                                            const char *dialplan, const char *context) {
    if (switch_channel_test_flag(&session->channel, CF_HOLD))
        did("WRONG waits for the music of a hold");
    return status_of(did("transfer %s %s %s %s", session->uuid, extension, dialplan, context));
}

switch_status_t switch_core_session_send_dtmf_string(switch_core_session_t *session,
                                                     const char *digits) {
    return status_of(did("dtmf %s %s", session->uuid, digits));
}

switch_status_t switch_core_session_receive_message(switch_core_session_t *session,
                                                    switch_core_session_message_t *message) {
    bool info = message->message_id == SWITCH_MESSAGE_INDICATE_INFO;
    const char *note = switch_channel_get_variable(&session->channel, "sip_info_h_X-Note");

    if (message->message_id == SWITCH_MESSAGE_INDICATE_UNHOLD) {
        session->channel.callstate = CCS_ACTIVE;
        return status_of(did("unhold %s", session->uuid));
    }
    return status_of(did("%s %s %s/%s %s %s", info ? "INFO" : "MESSAGE", session->uuid,
                         message->string_array_arg[0], message->string_array_arg[1],
                         message->string_array_arg[2], note ? note : "-"));
}

/* --- other modules --- */

static void *interface_of(const char *name) {
    if (!interface_name || strcmp(interface_name, name) != 0)
        return NULL;
    double_take(1);
    return done;
}

switch_file_interface_t *switch_loadable_module_get_file_interface(const char *name,
                                                                   const char *module) {
    (void)module;
    return interface_of(name);
}

switch_speech_interface_t *switch_loadable_module_get_speech_interface(const char *name) {
    return interface_of(name);
}

void double_unprotect(void *interface) {
    (void)double_need(interface);
    double_take(-1);
}

switch_status_t double_write(switch_stream_handle_t *handle, const char *fmt, ...) {
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(handle->data, 4096, fmt, ap);
    va_end(ap);
    return SWITCH_STATUS_SUCCESS;
}

switch_status_t switch_api_execute(const char *command, const char *arguments,
                                   switch_core_session_t *session, switch_stream_handle_t *stream) {
    bool well = did("%s %s", command, arguments);

    (void)session;
    if (strcmp(command, "sched_api") == 0)
        return status_of(well);
    if (!conference)
        return SWITCH_STATUS_FALSE;
    return stream->write_function(stream, "%s", conference);
}
