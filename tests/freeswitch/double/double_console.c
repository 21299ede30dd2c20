/* The test double of FreeSWITCH: modules, their commands, completion. It is not FreeSWITCH; see
 * switch.h. */
#include "double.h"
#include "double_private.h"

#define MAX_LINES 32

/* Two may type at a time. */
static _Thread_local char written[65536];
static _Thread_local size_t written_len;

/* --- lists of matches --- */

void switch_console_push_match(switch_console_callback_match_t **matches, const char *value) {
    switch_console_callback_match_node_t *node = double_need(calloc(1, sizeof *node));

    node->val = double_need(strdup(value));
    if (!*matches) {
        *matches = double_need(calloc(1, sizeof **matches));
        double_take(1);
    }
    if ((*matches)->end)
        (*matches)->end->next = node;
    else
        (*matches)->head = node;
    (*matches)->end = node;
    (*matches)->count++;
}

void switch_console_free_matches(switch_console_callback_match_t **matches) {
    switch_console_callback_match_node_t *next;

    if (!*matches)
        return;
    for (switch_console_callback_match_node_t *n = (*matches)->head; n; n = next) {
        next = n->next;
        free(n->val);
        free(n);
    }
    free(*matches);
    *matches = NULL;
    double_take(-1);
}

/* --- completion --- */

static struct {
    char *name;
    switch_console_complete_callback_t callback;
} functions[MAX_LINES];
static char *lines[MAX_LINES];

switch_status_t switch_console_add_complete_func(const char *name,
                                                 switch_console_complete_callback_t callback) {
    for (size_t i = 0; i < MAX_LINES; i++)
        if (!functions[i].name) {
            functions[i].name = double_need(strdup(name));
            functions[i].callback = callback;
            double_take(1);
            return SWITCH_STATUS_SUCCESS;
        }
    return SWITCH_STATUS_FALSE;
}

switch_status_t switch_console_del_complete_func(const char *name) {
    for (size_t i = 0; i < MAX_LINES; i++)
        if (functions[i].name && strcmp(functions[i].name, name) == 0) {
            switch_safe_free(functions[i].name);
            double_take(-1);
            return SWITCH_STATUS_SUCCESS;
        }
    return SWITCH_STATUS_FALSE;
}

/* "del voxeme" removes every line that begins with it. */
static void remove_lines(const char *prefix) {
    for (size_t i = 0; i < MAX_LINES; i++)
        if (lines[i] && strncmp(lines[i], prefix, strlen(prefix)) == 0) {
            switch_safe_free(lines[i]);
            double_take(-1);
        }
}

switch_status_t switch_console_set_complete(const char *line) {
    if (strncmp(line, "del ", 4) == 0) {
        remove_lines(line + 4);
        return SWITCH_STATUS_SUCCESS;
    }
    for (size_t i = 0; strncmp(line, "add ", 4) == 0 && i < MAX_LINES; i++)
        if (!lines[i]) {
            lines[i] = double_need(strdup(line + 4));
            double_take(1);
            return SWITCH_STATUS_SUCCESS;
        }
    return SWITCH_STATUS_FALSE;
}

bool double_has_completion(const char *line) {
    for (size_t i = 0; i < MAX_LINES; i++)
        if (lines[i] && strcmp(lines[i], line) == 0)
            return true;
    return false;
}

const char *double_complete(const char *function) {
    switch_console_callback_match_t *matches = NULL;
    size_t i = 0;

    while (i < MAX_LINES && !(functions[i].name && strcmp(functions[i].name, function) == 0))
        i++;
    if (i == MAX_LINES)
        return NULL;
    written[0] = '\0';
    if (functions[i].callback("", "", &matches) != SWITCH_STATUS_SUCCESS)
        return written;
    for (const switch_console_callback_match_node_t *n = matches->head; n; n = n->next) {
        strncat(written, n->val, sizeof written - strlen(written) - 2);
        strcat(written, n->next ? " " : "");
    }
    switch_console_free_matches(&matches);
    return written;
}

/* --- modules --- */

extern switch_loadable_module_function_table_t mod_voxeme_module_interface;
static switch_loadable_module_interface_t *loaded;

switch_loadable_module_interface_t *
switch_loadable_module_create_module_interface(switch_memory_pool_t *pool, const char *name) {
    switch_loadable_module_interface_t *module = double_need(calloc(1, sizeof *module));

    (void)pool;
    module->module_name = name;
    return module;
}

switch_api_interface_t *double_api_interface(switch_loadable_module_interface_t *module) {
    switch_api_interface_t *api = double_need(calloc(1, sizeof *api));

    api->next = module->api_interface;
    module->api_interface = api;
    return api;
}

static void forget_module(void) {
    switch_api_interface_t *next;

    if (!loaded)
        return;
    for (switch_api_interface_t *api = loaded->api_interface; api; api = next) {
        next = api->next;
        free(api);
    }
    free(loaded);
    loaded = NULL;
}

switch_status_t double_load(void) {
    switch_status_t status;

    if (loaded)
        double_unload();
    status = mod_voxeme_module_interface.load(&loaded, NULL);
    if (status != SWITCH_STATUS_SUCCESS)
        forget_module();
    return status;
}

switch_status_t double_unload(void) {
    switch_status_t status = mod_voxeme_module_interface.shutdown();

    forget_module();
    return status;
}

static switch_status_t write_stream(switch_stream_handle_t *handle, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* FreeSWITCH's own printf does not know %z. */
static switch_status_t write_stream(switch_stream_handle_t *handle, const char *fmt, ...) {
    va_list ap;
    int len;

    (void)handle;
    if (strstr(fmt, "%z"))
        abort();
    va_start(ap, fmt);
    len = vsnprintf(written + written_len, sizeof written - written_len, fmt, ap);
    va_end(ap);
    if (len > 0 && written_len + (size_t)len < sizeof written)
        written_len += (size_t)len;
    return SWITCH_STATUS_SUCCESS;
}

const char *double_command(const char *arguments) {
    switch_stream_handle_t stream = {.write_function = write_stream};

    written_len = 0;
    written[0] = '\0';
    for (switch_api_interface_t *api = loaded ? loaded->api_interface : NULL; api; api = api->next)
        if (strcmp(api->interface_name, "voxeme") == 0)
            api->function(arguments, NULL, &stream);
    return written;
}

/* --- strings --- */

/* Runs of the delimiter are one; the last place takes what is left. */
unsigned int switch_separate_string(char *text, char delimiter, char **array, unsigned int size) {
    unsigned int count = 0;

    while (*text && count < size) {
        while (*text == delimiter)
            *text++ = '\0';
        if (!*text)
            break;
        array[count++] = text;
        while (*text && (*text != delimiter || count == size))
            text++;
    }
    return count;
}
