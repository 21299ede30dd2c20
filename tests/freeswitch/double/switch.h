/*
 * A TEST DOUBLE. This is not FreeSWITCH: it has the names and shapes of the few calls and types
 * that mod_voxeme/host/freeswitch uses, so that the module is compiled and tested where FreeSWITCH
 * is not installed. Nothing of it is installed or linked into anything but tests. double.h says how
 * a test drives it.
 */
#ifndef VX_DOUBLE_SWITCH_H
#define VX_DOUBLE_SWITCH_H

#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>

typedef ssize_t switch_ssize_t;
typedef struct switch_memory_pool switch_memory_pool_t;

typedef enum {
    SWITCH_STATUS_SUCCESS,
    SWITCH_STATUS_FALSE,
    SWITCH_STATUS_GENERR = 6,
    SWITCH_STATUS_INUSE = 8,
    SWITCH_STATUS_NOUNLOAD = 21,
} switch_status_t;

typedef enum { SWITCH_FALSE, SWITCH_TRUE } switch_bool_t;
typedef enum { SWITCH_STACK_BOTTOM = 1 } switch_stack_t;

switch_status_t double_new_pool(switch_memory_pool_t **pool);
void double_destroy_pool(switch_memory_pool_t **pool);
#define switch_core_new_memory_pool(pool)     double_new_pool(pool)
#define switch_core_destroy_memory_pool(pool) double_destroy_pool(pool)

typedef struct {
    char *recordings_dir, *sounds_dir;
} switch_directories;
extern switch_directories SWITCH_GLOBAL_dirs;

int64_t switch_micro_time_now(void);
/* Does not wait; double.h says what comes of it. */
void switch_yield(int64_t us);

/* --- log --- */

typedef enum {
    SWITCH_LOG_ERROR = 3,
    SWITCH_LOG_WARNING = 4,
    SWITCH_LOG_NOTICE = 5,
    SWITCH_LOG_INFO = 6,
    SWITCH_LOG_DEBUG = 7,
} switch_log_level_t;

typedef enum { SWITCH_CHANNEL_ID_LOG } switch_text_channel_t;
#define SWITCH_CHANNEL_LOG SWITCH_CHANNEL_ID_LOG, __FILE__, __func__, __LINE__, NULL

void switch_log_printf(switch_text_channel_t channel, const char *file, const char *func, int line,
                       const char *userdata, switch_log_level_t level, const char *fmt, ...)
    __attribute__((format(printf, 7, 8)));

/* --- events --- */

typedef enum {
    SWITCH_EVENT_CUSTOM,
    SWITCH_EVENT_CHANNEL_CREATE,
    SWITCH_EVENT_CHANNEL_DESTROY,
    SWITCH_EVENT_CHANNEL_STATE,
    SWITCH_EVENT_CHANNEL_CALLSTATE,
    SWITCH_EVENT_CHANNEL_ANSWER,
    SWITCH_EVENT_CHANNEL_HANGUP,
    SWITCH_EVENT_CHANNEL_HANGUP_COMPLETE,
    SWITCH_EVENT_CHANNEL_EXECUTE,
    SWITCH_EVENT_CHANNEL_HOLD,
    SWITCH_EVENT_CHANNEL_UNHOLD,
    SWITCH_EVENT_CHANNEL_BRIDGE,
    SWITCH_EVENT_CHANNEL_UNBRIDGE,
    SWITCH_EVENT_CHANNEL_PROGRESS,
    SWITCH_EVENT_CHANNEL_PROGRESS_MEDIA,
    SWITCH_EVENT_CHANNEL_OUTGOING,
    SWITCH_EVENT_CHANNEL_PARK,
    SWITCH_EVENT_CHANNEL_UNPARK,
    SWITCH_EVENT_CHANNEL_APPLICATION,
    SWITCH_EVENT_CHANNEL_ORIGINATE,
    SWITCH_EVENT_CHANNEL_UUID,
    SWITCH_EVENT_CHANNEL_DATA,
    SWITCH_EVENT_ALL,
} switch_event_types_t;

typedef struct switch_event_header switch_event_header_t;
struct switch_event_header {
    char *name;
    char *value;
    unsigned long hash; /* switch_ci_hashfunc_default() of the name */
    switch_event_header_t *next;
};

typedef struct switch_event switch_event_t;
struct switch_event {
    switch_event_types_t event_id;
    const char *subclass_name; /* borrowed */
    switch_event_header_t *headers;
    switch_event_header_t *last_header;
    void *bind_user_data;
    int counted; /* the double's own: made by the module */
    switch_event_t *next;
};

typedef struct switch_event_node switch_event_node_t;
typedef void (*switch_event_callback_t)(switch_event_t *event);

unsigned int switch_ci_hashfunc_default(const char *char_key, switch_ssize_t *klen);
switch_status_t switch_event_create(switch_event_t **event, switch_event_types_t id);
switch_status_t switch_event_create_subclass(switch_event_t **event, switch_event_types_t id,
                                             const char *subclass);
char *switch_event_get_header(switch_event_t *event, const char *name);
/* Delivered at once, unless the test holds events up. */
switch_status_t switch_event_fire(switch_event_t **event);
void switch_event_destroy(switch_event_t **event);
switch_status_t switch_event_bind_removable(const char *id, switch_event_types_t event,
                                            const char *subclass_name,
                                            switch_event_callback_t callback, void *user_data,
                                            switch_event_node_t **node);
switch_status_t switch_event_unbind(switch_event_node_t **node);

/* --- sessions and channels --- */

typedef struct switch_core_session switch_core_session_t;
typedef struct switch_channel switch_channel_t;

/* Read-locked, or NULL. */
switch_core_session_t *switch_core_session_locate(const char *uuid);
switch_status_t switch_core_session_read_lock(switch_core_session_t *session);
void switch_core_session_write_lock(switch_core_session_t *session);
void switch_core_session_rwunlock(switch_core_session_t *session);
switch_channel_t *switch_core_session_get_channel(switch_core_session_t *session);
void switch_channel_event_set_data(switch_channel_t *channel, switch_event_t *event);

switch_status_t switch_event_add_header_string(switch_event_t *event, switch_stack_t stack,
                                               const char *name, const char *value);

char *switch_core_session_get_uuid(switch_core_session_t *session);
switch_status_t switch_core_session_thread_launch(switch_core_session_t *session);
switch_status_t switch_core_session_wake_session_thread(switch_core_session_t *session);
unsigned int switch_core_session_running(switch_core_session_t *session);
unsigned int switch_core_session_started(switch_core_session_t *session);
void double_session_destroy(switch_core_session_t **session);
#define switch_core_session_destroy(session) double_session_destroy(session)

typedef enum {
    CF_ANSWERED = 1,
    CF_REDIRECT = 2,
    CF_PROXY_MODE = 4,
    CF_HOLD = 8,
    CF_SUSPEND = 16,
    CF_BROADCAST = 32,
    CF_THREAD_SLEEPING = 64,
    CF_ORIGINATING = 128
} switch_channel_flag_t;
typedef enum {
    CS_NEW,
    CS_INIT,
    CS_ROUTING,
    CS_EXECUTE = 4,
    CS_RESET = 7,
    CS_CONSUME_MEDIA = 8,
    CS_HANGUP = 10
} switch_channel_state_t;
typedef enum { CCS_DOWN, CCS_ACTIVE = 5, CCS_HELD } switch_channel_callstate_t;
typedef enum {
    SWITCH_CALL_DIRECTION_INBOUND,
    SWITCH_CALL_DIRECTION_OUTBOUND
} switch_call_direction_t;

typedef enum {
    SWITCH_CAUSE_NONE = 0,
    SWITCH_CAUSE_UNALLOCATED_NUMBER = 1,
    SWITCH_CAUSE_NO_ROUTE_DESTINATION = 3,
    SWITCH_CAUSE_NORMAL_CLEARING = 16,
    SWITCH_CAUSE_USER_BUSY = 17,
    SWITCH_CAUSE_NO_USER_RESPONSE = 18,
    SWITCH_CAUSE_NO_ANSWER = 19,
    SWITCH_CAUSE_SUBSCRIBER_ABSENT = 20,
    SWITCH_CAUSE_CALL_REJECTED = 21,
    SWITCH_CAUSE_DESTINATION_OUT_OF_ORDER = 27,
    SWITCH_CAUSE_SWITCH_CONGESTION = 42,
    SWITCH_CAUSE_CHAN_NOT_IMPLEMENTED = 66,
    SWITCH_CAUSE_MANDATORY_IE_MISSING = 96,
    SWITCH_CAUSE_SUCCESS = 142,
    SWITCH_CAUSE_ORIGINATOR_CANCEL = 487,
    SWITCH_CAUSE_ALLOTTED_TIMEOUT = 602,
    SWITCH_CAUSE_SYSTEM_SHUTDOWN = 701,
    SWITCH_CAUSE_USER_NOT_REGISTERED = 806,
    SWITCH_CAUSE_INVALID_GATEWAY = 808,
    SWITCH_CAUSE_GATEWAY_DOWN = 809,
    SWITCH_CAUSE_INVALID_PROFILE = 811,
} switch_call_cause_t;

uint32_t switch_channel_test_flag(switch_channel_t *channel, switch_channel_flag_t flag);
void switch_channel_set_flag(switch_channel_t *channel, switch_channel_flag_t flag);
void switch_channel_clear_flag(switch_channel_t *channel, switch_channel_flag_t flag);
const char *switch_channel_cause2str(switch_call_cause_t cause);
typedef struct switch_state_handler_table switch_state_handler_table_t;
void switch_channel_clear_state_handler(switch_channel_t *channel,
                                        const switch_state_handler_table_t *handler);
#define switch_channel_up_nosig(channel) (switch_channel_get_state(channel) < CS_HANGUP)
#define SWITCH_SIGNAL_BRIDGE_VARIABLE    "signal_bridge_to"
switch_channel_state_t switch_channel_get_state(switch_channel_t *channel);
switch_channel_state_t switch_channel_get_running_state(switch_channel_t *channel);
typedef struct switch_caller_application switch_caller_application_t;
typedef struct switch_caller_extension {
    switch_caller_application_t *current_application, *applications;
} switch_caller_extension_t;
switch_caller_extension_t *switch_channel_get_caller_extension(switch_channel_t *channel);
switch_channel_callstate_t switch_channel_get_callstate(switch_channel_t *channel);
switch_call_direction_t switch_channel_direction(switch_channel_t *channel);
void switch_channel_hangup(switch_channel_t *channel, switch_call_cause_t cause);
const char *switch_channel_get_variable(switch_channel_t *channel, const char *name);
switch_status_t switch_channel_set_variable_var_check(switch_channel_t *channel, const char *name,
                                                      const char *value, switch_bool_t check);
switch_status_t switch_channel_set_profile_var(switch_channel_t *channel, const char *name,
                                               const char *value);
void *switch_channel_get_private(switch_channel_t *channel, const char *key);
char *switch_channel_get_name(switch_channel_t *channel);
const char *switch_channel_get_partner_uuid(switch_channel_t *channel);
void double_stop_broadcast(switch_channel_t *channel);
#define switch_channel_stop_broadcast(channel) double_stop_broadcast(channel)

/* --- making calls --- */

typedef int64_t switch_time_t;
typedef struct {
    switch_time_t answered;
} switch_channel_timetable_t;
typedef struct switch_caller_profile {
    const char *caller_id_name, *caller_id_number, *destination_number;
    switch_channel_timetable_t *times;
} switch_caller_profile_t;
switch_caller_profile_t *switch_channel_get_caller_profile(switch_channel_t *channel);
typedef enum { SOF_NONE, SOF_FORKED_DIAL = 2 } switch_originate_flag_t;

switch_caller_profile_t *switch_caller_profile_new(switch_memory_pool_t *pool, const char *username,
                                                   const char *dialplan, const char *caller_id_name,
                                                   const char *caller_id_number,
                                                   const char *network_addr, const char *ani,
                                                   const char *aniii, const char *rdnis,
                                                   const char *source, const char *context,
                                                   const char *destination_number);
switch_call_cause_t switch_core_session_outgoing_channel(
    switch_core_session_t *session, switch_event_t *variables, const char *endpoint,
    switch_caller_profile_t *profile, switch_core_session_t **made, switch_memory_pool_t **pool,
    switch_originate_flag_t flags, switch_call_cause_t *cancel_cause);

/* --- what is done to calls --- */

typedef uint32_t switch_media_flag_t;
enum { SMF_ECHO_ALEG = 1 << 1, SMF_HOLD_BLEG = 1 << 5 };
typedef struct switch_file_handle switch_file_handle_t;

switch_status_t switch_ivr_hold(switch_core_session_t *session, const char *message,
                                switch_bool_t music);
switch_status_t switch_ivr_session_audio(switch_core_session_t *session, const char *command,
                                         const char *direction, int level);
switch_status_t switch_ivr_broadcast(const char *uuid, const char *path, switch_media_flag_t flags);
switch_status_t switch_ivr_record_session(switch_core_session_t *session, const char *file,
                                          uint32_t limit, switch_file_handle_t *handle);
switch_status_t switch_ivr_stop_record_session(switch_core_session_t *session, const char *file);
switch_status_t switch_ivr_record_session_pause(switch_core_session_t *session, const char *file,
                                                switch_bool_t on);
switch_status_t switch_ivr_session_transfer(switch_core_session_t *session, const char *extension,
                                            const char *dialplan, const char *context);
switch_status_t switch_core_session_send_dtmf_string(switch_core_session_t *session,
                                                     const char *digits);

typedef enum {
    SWITCH_MESSAGE_INDICATE_MESSAGE,
    SWITCH_MESSAGE_INDICATE_INFO,
    SWITCH_MESSAGE_INDICATE_UNHOLD
} switch_core_session_message_types_t;
typedef struct {
    char *from;
    switch_core_session_message_types_t message_id;
    const char *string_array_arg[10];
} switch_core_session_message_t;
switch_status_t switch_core_session_receive_message(switch_core_session_t *session,
                                                    switch_core_session_message_t *message);

typedef struct switch_file_interface switch_file_interface_t;
typedef struct switch_speech_interface switch_speech_interface_t;
switch_file_interface_t *switch_loadable_module_get_file_interface(const char *name,
                                                                   const char *module);
switch_speech_interface_t *switch_loadable_module_get_speech_interface(const char *name);
void double_unprotect(void *interface);
#define UNPROTECT_INTERFACE(interface) double_unprotect(interface)

/* --- console --- */

typedef struct switch_console_callback_match_node switch_console_callback_match_node_t;
struct switch_console_callback_match_node {
    char *val;
    switch_console_callback_match_node_t *next;
};

typedef struct {
    switch_console_callback_match_node_t *head;
    switch_console_callback_match_node_t *end;
    int count;
} switch_console_callback_match_t;

typedef switch_status_t (*switch_console_complete_callback_t)(
    const char *line, const char *cursor, switch_console_callback_match_t **matches);

/* The uuids of all sessions; NULL when there are none. */
switch_console_callback_match_t *switch_core_session_findall(void);
void switch_console_push_match(switch_console_callback_match_t **matches, const char *value);
void switch_console_free_matches(switch_console_callback_match_t **matches);
switch_status_t switch_console_add_complete_func(const char *name,
                                                 switch_console_complete_callback_t callback);
switch_status_t switch_console_del_complete_func(const char *name);
switch_status_t switch_console_set_complete(const char *line);

/* --- modules and their commands --- */

typedef struct switch_stream_handle switch_stream_handle_t;
struct switch_stream_handle {
    switch_status_t (*write_function)(switch_stream_handle_t *handle, const char *fmt, ...)
        __attribute__((format(printf, 2, 3)));
    void *data;
};
switch_status_t double_write(switch_stream_handle_t *handle, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
#define SWITCH_STANDARD_STREAM(stream)                                                             \
    do {                                                                                           \
        (stream).data = calloc(1, 4096);                                                           \
        (stream).write_function = double_write;                                                    \
    } while (0)
switch_status_t switch_api_execute(const char *command, const char *arguments,
                                   switch_core_session_t *session, switch_stream_handle_t *stream);

typedef switch_status_t (*switch_api_function_t)(const char *cmd, switch_core_session_t *session,
                                                 switch_stream_handle_t *stream);
typedef struct switch_api_interface {
    const char *interface_name;
    const char *desc;
    switch_api_function_t function;
    const char *syntax;
    struct switch_api_interface *next;
} switch_api_interface_t;

typedef struct {
    const char *module_name;
    switch_api_interface_t *api_interface;
} switch_loadable_module_interface_t;

switch_loadable_module_interface_t *
switch_loadable_module_create_module_interface(switch_memory_pool_t *pool, const char *name);
switch_api_interface_t *double_api_interface(switch_loadable_module_interface_t *module);

#define SWITCH_ADD_API(api, name, description, run, usage)                                         \
    do {                                                                                           \
        (api) = double_api_interface(*module_interface);                                           \
        (api)->interface_name = (name);                                                            \
        (api)->desc = (description);                                                               \
        (api)->function = (run);                                                                   \
        (api)->syntax = (usage);                                                                   \
    } while (0)

#define SWITCH_STANDARD_API(name)                                                                  \
    static switch_status_t name(const char *cmd, switch_core_session_t *session,                   \
                                switch_stream_handle_t *stream)

typedef switch_status_t (*switch_module_load_t)(switch_loadable_module_interface_t **,
                                                switch_memory_pool_t *);
typedef switch_status_t (*switch_module_shutdown_t)(void);
typedef switch_status_t (*switch_module_runtime_t)(void);

typedef struct {
    switch_module_load_t load;
    switch_module_shutdown_t shutdown;
    switch_module_runtime_t runtime;
} switch_loadable_module_function_table_t;

#define SWITCH_MODULE_LOAD_FUNCTION(name)                                                          \
    static switch_status_t name(switch_loadable_module_interface_t **module_interface,             \
                                switch_memory_pool_t *pool)
#define SWITCH_MODULE_SHUTDOWN_FUNCTION(name) static switch_status_t name(void)
#define SWITCH_MODULE_DEFINITION(name, load_function, shutdown_function, runtime_function)         \
    static const char modname[] = #name;                                                           \
    extern switch_loadable_module_function_table_t name##_module_interface;                        \
    switch_loadable_module_function_table_t name##_module_interface = {                            \
        load_function, shutdown_function, runtime_function}

/* --- XML --- */

typedef struct switch_xml *switch_xml_t;
struct switch_xml {
    char *name;
    char **attr; /* name, value, ..., NULL */
    char *txt;
    switch_xml_t ordered; /* the next sibling in the order of the file */
    switch_xml_t child;   /* the first */
};

/* Returns the document, to be freed; *node is its configuration. */
switch_xml_t switch_xml_open_cfg(const char *file, switch_xml_t *node, switch_event_t *params);
void switch_xml_free(switch_xml_t xml);

/* --- strings --- */

unsigned int switch_separate_string(char *text, char delimiter, char **array, unsigned int size);

#define switch_safe_strdup(text) ((text) ? strdup(text) : NULL)
#define switch_safe_free(p)                                                                        \
    do {                                                                                           \
        free(p);                                                                                   \
        (p) = NULL;                                                                                \
    } while (0)

#endif
