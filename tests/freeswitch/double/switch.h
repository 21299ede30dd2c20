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
} switch_status_t;

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
    switch_event_header_t *headers;
    switch_event_header_t *last_header;
    void *bind_user_data;
    int counted; /* the double's own: made by the module */
};

typedef struct switch_event_node switch_event_node_t;
typedef void (*switch_event_callback_t)(switch_event_t *event);

unsigned int switch_ci_hashfunc_default(const char *char_key, switch_ssize_t *klen);
switch_status_t switch_event_create(switch_event_t **event, switch_event_types_t id);
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
void switch_core_session_rwunlock(switch_core_session_t *session);
switch_channel_t *switch_core_session_get_channel(switch_core_session_t *session);
void switch_channel_event_set_data(switch_channel_t *channel, switch_event_t *event);

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
