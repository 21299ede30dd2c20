/* What the files of the test double share. */
#ifndef VX_DOUBLE_PRIVATE_H
#define VX_DOUBLE_PRIVATE_H

#include <stdbool.h>
#include <switch.h>

/* Changes what double_left() counts. */
void double_take(int by);
/* Ends the test when `p` is NULL. */
void *double_need(void *p);

/* Guarded by double_sessions_lock, but for what is set before it is listed. */
struct switch_channel {
    switch_event_t *data;       /* variables as headers variable_NAME */
    switch_event_header_t *old; /* somebody may still look at their values */
    bool outbound, launched;
    bool handled; /* somebody's state handlers keep it from its dialplan */
    uint32_t flags;
    switch_channel_state_t state, running; /* what it is told to do, and what its thread does */
    switch_caller_extension_t extension;
    switch_channel_callstate_t callstate;
    char partner[64];
    char private_key[1024];
    switch_channel_timetable_t times;
    switch_caller_profile_t profile;
    switch_core_session_t *session;
};

struct switch_core_session {
    char *uuid;
    bool vanishing;
    bool made;    /* by the module: ends once it is hung up and nobody looks at it */
    bool running; /* it has a thread */
    unsigned readers, woken;
    switch_channel_t channel;
    switch_core_session_t *next;
};

extern pthread_mutex_t double_sessions_lock;
/* Not listed yet. */
switch_core_session_t *double_session(const char *uuid);
void double_session_list(switch_core_session_t *session);
/* The listed one, or NULL; under the lock. */
switch_core_session_t *double_session_find(const char *uuid);
/* Fires its CHANNEL_DESTROY. */
void double_session_remove(const char *uuid);

#endif
