/* The test double of FreeSWITCH: log, events, channels. It is not FreeSWITCH; see switch.h. */
#include "double.h"
#include "double_private.h"

#include <ctype.h>
#include <stdatomic.h>

/* --- what is left --- */

static atomic_size_t left;

void double_take(int by) {
    atomic_fetch_add(&left, (size_t)by);
}

size_t double_left(void) {
    return atomic_load(&left);
}

/* A test that runs out of memory by itself says nothing about the module. */
void *double_need(void *p) {
    if (!p)
        abort();
    return p;
}

/* --- log --- */

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static char log_text[65536];
static size_t log_len, log_lines[SWITCH_LOG_DEBUG + 1];

void switch_log_printf(switch_text_channel_t channel, const char *file, const char *func, int line,
                       const char *userdata, switch_log_level_t level, const char *fmt, ...) {
    va_list ap;
    int len;

    (void)channel, (void)file, (void)func, (void)line, (void)userdata;
    va_start(ap, fmt);
    pthread_mutex_lock(&log_lock);
    len = vsnprintf(log_text + log_len, sizeof log_text - log_len, fmt, ap);
    if (len > 0 && log_len + (size_t)len < sizeof log_text)
        log_len += (size_t)len;
    log_lines[level]++;
    pthread_mutex_unlock(&log_lock);
    va_end(ap);
}

void double_log_clear(void) {
    pthread_mutex_lock(&log_lock);
    memset(log_text, 0, sizeof log_text);
    memset(log_lines, 0, sizeof log_lines);
    log_len = 0;
    pthread_mutex_unlock(&log_lock);
}

size_t double_log_lines(switch_log_level_t level) {
    size_t lines = 0;

    pthread_mutex_lock(&log_lock);
    for (int l = 0; l <= (int)level; l++)
        lines += log_lines[l];
    pthread_mutex_unlock(&log_lock);
    return lines;
}

bool double_logged(const char *text) {
    bool found;

    pthread_mutex_lock(&log_lock);
    found = strstr(log_text, text) != NULL;
    pthread_mutex_unlock(&log_lock);
    return found;
}

const char *double_log(void) {
    return log_text;
}

/* --- events --- */

static const char *const event_names[SWITCH_EVENT_ALL] = {
    [SWITCH_EVENT_CUSTOM] = "CUSTOM",
    [SWITCH_EVENT_CHANNEL_CREATE] = "CHANNEL_CREATE",
    [SWITCH_EVENT_CHANNEL_DESTROY] = "CHANNEL_DESTROY",
    [SWITCH_EVENT_CHANNEL_STATE] = "CHANNEL_STATE",
    [SWITCH_EVENT_CHANNEL_CALLSTATE] = "CHANNEL_CALLSTATE",
    [SWITCH_EVENT_CHANNEL_ANSWER] = "CHANNEL_ANSWER",
    [SWITCH_EVENT_CHANNEL_HANGUP] = "CHANNEL_HANGUP",
    [SWITCH_EVENT_CHANNEL_HANGUP_COMPLETE] = "CHANNEL_HANGUP_COMPLETE",
    [SWITCH_EVENT_CHANNEL_EXECUTE] = "CHANNEL_EXECUTE",
    [SWITCH_EVENT_CHANNEL_HOLD] = "CHANNEL_HOLD",
    [SWITCH_EVENT_CHANNEL_UNHOLD] = "CHANNEL_UNHOLD",
    [SWITCH_EVENT_CHANNEL_BRIDGE] = "CHANNEL_BRIDGE",
    [SWITCH_EVENT_CHANNEL_UNBRIDGE] = "CHANNEL_UNBRIDGE",
    [SWITCH_EVENT_CHANNEL_PROGRESS] = "CHANNEL_PROGRESS",
    [SWITCH_EVENT_CHANNEL_PROGRESS_MEDIA] = "CHANNEL_PROGRESS_MEDIA",
    [SWITCH_EVENT_CHANNEL_OUTGOING] = "CHANNEL_OUTGOING",
    [SWITCH_EVENT_CHANNEL_PARK] = "CHANNEL_PARK",
    [SWITCH_EVENT_CHANNEL_UNPARK] = "CHANNEL_UNPARK",
    [SWITCH_EVENT_CHANNEL_APPLICATION] = "CHANNEL_APPLICATION",
    [SWITCH_EVENT_CHANNEL_ORIGINATE] = "CHANNEL_ORIGINATE",
    [SWITCH_EVENT_CHANNEL_UUID] = "CHANNEL_UUID",
    [SWITCH_EVENT_CHANNEL_DATA] = "CHANNEL_DATA",
};

/* Bound callbacks run under the read lock, as FreeSWITCH's do: who unbinds waits for them. */
static pthread_rwlock_t events_lock = PTHREAD_RWLOCK_INITIALIZER;
static struct switch_event_node {
    switch_event_types_t type;
    const char *subclass;
    switch_event_callback_t callback;
    void *user_data;
    switch_event_node_t *next;
} * nodes;
static unsigned bind_fails_at;
static void (*at_failed_bind)(void);
static bool events_fail;
static pthread_mutex_t fired_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t fired = PTHREAD_COND_INITIALIZER;
static bool held_up;
static switch_event_t *late;
static void (*before_event)(unsigned n);
static unsigned events_fired;

switch_event_types_t double_event_type(const char *name) {
    for (int type = 0; type < SWITCH_EVENT_ALL; type++)
        if (strcmp(event_names[type], name) == 0)
            return (switch_event_types_t)type;
    return SWITCH_EVENT_ALL;
}

/* Any hash without regard to case will do. */
unsigned int switch_ci_hashfunc_default(const char *key, switch_ssize_t *length) {
    uint32_t hash = UINT32_C(0x811c9dc5);
    switch_ssize_t at = 0;

    for (; *length < 0 ? key[at] != '\0' : at < *length; at++)
        hash = (hash ^ (uint32_t)tolower((unsigned char)key[at])) * UINT32_C(0x01000193);
    *length = at;
    return hash;
}

switch_event_t *double_event(switch_event_types_t type) {
    switch_event_t *event = double_need(calloc(1, sizeof *event));

    event->event_id = type;
    return event;
}

switch_status_t switch_event_create(switch_event_t **event, switch_event_types_t id) {
    if (events_fail)
        return SWITCH_STATUS_GENERR;
    *event = double_event(id);
    (*event)->counted = 1;
    double_take(1);
    return SWITCH_STATUS_SUCCESS;
}

switch_status_t switch_event_create_subclass(switch_event_t **event, switch_event_types_t id,
                                             const char *subclass) {
    switch_status_t status = switch_event_create(event, id);

    if (status == SWITCH_STATUS_SUCCESS)
        (*event)->subclass_name = subclass;
    return status;
}

static void free_headers(switch_event_header_t *first) {
    switch_event_header_t *next;

    for (switch_event_header_t *h = first; h; h = next) {
        next = h->next;
        free(h->name);
        free(h->value);
        free(h);
    }
}

void switch_event_destroy(switch_event_t **event) {
    if (!*event)
        return;
    free_headers((*event)->headers);
    double_take(-(*event)->counted);
    free(*event);
    *event = NULL;
}

void double_event_add(switch_event_t *event, const char *name, const char *value) {
    switch_event_header_t *header = double_need(calloc(1, sizeof *header));
    switch_ssize_t length = -1;

    header->name = double_need(strdup(name));
    header->value = value ? double_need(strdup(value)) : NULL;
    header->hash = switch_ci_hashfunc_default(name, &length);
    if (event->last_header)
        event->last_header->next = header;
    else
        event->headers = header;
    event->last_header = header;
}

const char *double_event_get(const switch_event_t *event, const char *name) {
    for (const switch_event_header_t *h = event->headers; h; h = h->next)
        if (strcasecmp(h->name, name) == 0)
            return h->value;
    return NULL;
}

void double_fail_bind(unsigned n) {
    bind_fails_at = n;
}

void double_at_failed_bind(void (*happens)(void)) {
    at_failed_bind = happens;
}

void double_fail_events(bool fail) {
    events_fail = fail;
}

switch_status_t switch_event_bind_removable(const char *id, switch_event_types_t event,
                                            const char *subclass_name,
                                            switch_event_callback_t callback, void *user_data,
                                            switch_event_node_t **node) {
    (void)id;
    if (bind_fails_at && --bind_fails_at == 0) {
        if (at_failed_bind)
            at_failed_bind();
        at_failed_bind = NULL;
        return SWITCH_STATUS_GENERR;
    }
    *node = double_need(calloc(1, sizeof **node));
    **node = (switch_event_node_t){event, subclass_name, callback, user_data, NULL};
    pthread_rwlock_wrlock(&events_lock);
    (*node)->next = nodes;
    nodes = *node;
    pthread_rwlock_unlock(&events_lock);
    double_take(1);
    return SWITCH_STATUS_SUCCESS;
}

switch_status_t switch_event_unbind(switch_event_node_t **node) {
    switch_event_node_t **at = &nodes;

    pthread_rwlock_wrlock(&events_lock);
    while (*at && *at != *node)
        at = &(*at)->next;
    double_need(*at); /* unbound twice */
    *at = (*node)->next;
    pthread_rwlock_unlock(&events_lock);
    free(*node);
    *node = NULL;
    double_take(-1);
    return SWITCH_STATUS_SUCCESS;
}

size_t double_bound(void) {
    size_t bound = 0;

    pthread_rwlock_rdlock(&events_lock);
    for (const switch_event_node_t *n = nodes; n; n = n->next)
        bound++;
    pthread_rwlock_unlock(&events_lock);
    return bound;
}

static bool is_bound(const struct switch_event_node *node, const switch_event_t *event) {
    if (node->subclass && (!event->subclass_name || strcmp(node->subclass, event->subclass_name)))
        return false;
    return node->type == event->event_id || node->type == SWITCH_EVENT_ALL;
}

void double_fire(const switch_event_t *event) {
    switch_event_t delivered = *event;

    pthread_rwlock_rdlock(&events_lock);
    for (const switch_event_node_t *n = nodes; n; n = n->next)
        if (is_bound(n, event)) {
            delivered.bind_user_data = n->user_data;
            n->callback(&delivered);
        }
    pthread_rwlock_unlock(&events_lock);
}

char *switch_event_get_header(switch_event_t *event, const char *name) {
    for (switch_event_header_t *h = event->headers; h; h = h->next)
        if (strcasecmp(h->name, name) == 0)
            return h->value;
    return NULL;
}

void double_before_event(void (*happens)(unsigned n)) {
    pthread_mutex_lock(&fired_lock);
    before_event = happens;
    events_fired = 0;
    pthread_mutex_unlock(&fired_lock);
}

static void happen(void) {
    void (*happens)(unsigned n);
    unsigned n;

    pthread_mutex_lock(&fired_lock);
    happens = before_event;
    n = ++events_fired;
    pthread_mutex_unlock(&fired_lock);
    if (happens)
        happens(n);
}

switch_status_t switch_event_fire(switch_event_t **event) {
    switch_event_t *e = *event, **end = &late;
    bool waits;

    *event = NULL;
    happen();
    pthread_mutex_lock(&fired_lock);
    waits = held_up;
    while (*end)
        end = &(*end)->next;
    if (waits)
        *end = e;
    pthread_cond_broadcast(&fired);
    pthread_mutex_unlock(&fired_lock);
    if (!waits) {
        double_fire(e);
        switch_event_destroy(&e);
    }
    return SWITCH_STATUS_SUCCESS;
}

void double_hold_up_events(void) {
    pthread_mutex_lock(&fired_lock);
    held_up = true;
    pthread_mutex_unlock(&fired_lock);
}

void double_wait_fired(void) {
    pthread_mutex_lock(&fired_lock);
    while (!late)
        pthread_cond_wait(&fired, &fired_lock);
    pthread_mutex_unlock(&fired_lock);
}

void double_deliver_events(void) {
    switch_event_t *e;

    pthread_mutex_lock(&fired_lock);
    held_up = false;
    e = late;
    late = NULL;
    pthread_mutex_unlock(&fired_lock);
    while (e) {
        switch_event_t *next = e->next;

        double_fire(e);
        switch_event_destroy(&e);
        e = next;
    }
}

/* --- channels --- */

pthread_mutex_t double_sessions_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t listed = PTHREAD_COND_INITIALIZER;
static switch_core_session_t *sessions;
static size_t times_listed;

switch_core_session_t *double_session(const char *uuid) {
    switch_core_session_t *s = double_need(calloc(1, sizeof *s));

    s->uuid = double_need(strdup(uuid));
    s->channel.data = double_event(SWITCH_EVENT_CHANNEL_DATA);
    s->channel.session = s;
    return s;
}

void double_session_list(switch_core_session_t *s) {
    pthread_mutex_lock(&double_sessions_lock);
    s->next = sessions;
    sessions = s;
    pthread_mutex_unlock(&double_sessions_lock);
}

switch_core_session_t *double_session_find(const char *uuid) {
    switch_core_session_t *s = sessions;

    while (s && strcmp(s->uuid, uuid) != 0)
        s = s->next;
    return s;
}

static void copy_headers(switch_event_t *to, const switch_event_t *from) {
    for (const switch_event_header_t *h = from->headers; h; h = h->next)
        double_event_add(to, h->name, h->value);
}

void double_channel(const char *uuid, const switch_event_t *data) {
    switch_core_session_t *s = double_session(uuid);

    copy_headers(s->channel.data, data);
    double_session_list(s);
}

void double_channel_vanishing(const char *uuid) {
    switch_core_session_t *s = double_session(uuid);

    s->vanishing = true;
    double_session_list(s);
}

/* NULL: all of them. The uuid may be the session's own. */
static void remove_sessions(const char *uuid) {
    switch_core_session_t **at = &sessions;
    bool all = !uuid;

    pthread_mutex_lock(&double_sessions_lock);
    while (*at) {
        switch_core_session_t *s = *at;

        if (!all && (!uuid || strcmp(s->uuid, uuid) != 0)) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        uuid = NULL; /* there is no other one */
        switch_event_destroy(&s->channel.data);
        free_headers(s->channel.old);
        free(s->uuid);
        free(s);
    }
    pthread_mutex_unlock(&double_sessions_lock);
}

void double_channel_gone(const char *uuid) {
    remove_sessions(uuid);
}

void double_session_remove(const char *uuid) {
    switch_event_t *event = double_event(SWITCH_EVENT_CHANNEL_DESTROY);
    switch_core_session_t *s;

    pthread_mutex_lock(&double_sessions_lock);
    s = double_need(double_session_find(uuid));
    copy_headers(event, s->channel.data);
    pthread_mutex_unlock(&double_sessions_lock);
    remove_sessions(uuid);
    double_fire(event);
    switch_event_destroy(&event);
}

void double_channels_gone(void) {
    remove_sessions(NULL);
}

switch_core_session_t *switch_core_session_locate(const char *uuid) {
    switch_core_session_t *s;

    pthread_mutex_lock(&double_sessions_lock);
    s = double_session_find(uuid);
    if (s && s->vanishing)
        s = NULL;
    if (s)
        s->readers++;
    pthread_mutex_unlock(&double_sessions_lock);
    if (s)
        double_take(1);
    return s;
}

/* The thread of a leg that has ended waits for the last one to look at it. */
void switch_core_session_rwunlock(switch_core_session_t *session) {
    bool over;

    (void)double_need(session);
    double_take(-1);
    pthread_mutex_lock(&double_sessions_lock);
    session->readers--;
    over = session->made && session->running && session->channel.state >= CS_HANGUP &&
           !session->readers;
    pthread_mutex_unlock(&double_sessions_lock);
    if (over)
        double_session_remove(session->uuid);
}

switch_channel_t *switch_core_session_get_channel(switch_core_session_t *session) {
    return &session->channel;
}

void switch_channel_event_set_data(switch_channel_t *channel, switch_event_t *event) {
    copy_headers(event, channel->data);
}

switch_console_callback_match_t *switch_core_session_findall(void) {
    switch_console_callback_match_t *matches = NULL;

    pthread_mutex_lock(&double_sessions_lock);
    for (const switch_core_session_t *s = sessions; s; s = s->next)
        switch_console_push_match(&matches, s->uuid);
    times_listed++;
    pthread_cond_broadcast(&listed);
    pthread_mutex_unlock(&double_sessions_lock);
    return matches;
}

size_t double_listed(void) {
    size_t times;

    pthread_mutex_lock(&double_sessions_lock);
    times = times_listed;
    pthread_mutex_unlock(&double_sessions_lock);
    return times;
}

void double_wait_listed(size_t times) {
    pthread_mutex_lock(&double_sessions_lock);
    while (times_listed < times)
        pthread_cond_wait(&listed, &double_sessions_lock);
    pthread_mutex_unlock(&double_sessions_lock);
}
