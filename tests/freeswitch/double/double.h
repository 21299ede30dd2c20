/*
 * How a test drives the test double of FreeSWITCH (switch.h): it fires events, adds channels, sets
 * the configuration, loads the module, types commands, and asks what the module has left behind.
 *
 * Threads: double_fire() any; everything else the test's own thread while no other one uses the
 * double.
 */
#ifndef VX_DOUBLE_H
#define VX_DOUBLE_H

#include <stdbool.h>
#include <switch.h>

/* What FreeSWITCH's clock says, in microseconds; always 0 without. */
void double_clock(int64_t (*now_us)(void));

/* --- events --- */

/* "CHANNEL_CREATE" and so on; SWITCH_EVENT_ALL when there is none by that name. */
switch_event_types_t double_event_type(const char *name);
/* Owned by the caller: switch_event_destroy(). */
switch_event_t *double_event(switch_event_types_t type);
/* Both are copied. `value` may be NULL, which FreeSWITCH itself never does. */
void double_event_add(switch_event_t *event, const char *name, const char *value);
/* The first by that name, or NULL. */
const char *double_event_get(const switch_event_t *event, const char *name);
/* Delivers to whatever is bound to its type; the event stays the caller's. */
void double_fire(const switch_event_t *event);
size_t double_bound(void);
/* The n-th bind from now on (1: the next) fails, once. 0: none. */
void double_fail_bind(unsigned n);
/* What happens just before that, once. */
void double_at_failed_bind(void (*happens)(void));
/* What the module fires waits from now on; until one does; and is delivered, as all that comes
 * later is at once. */
void double_hold_up_events(void);
void double_wait_fired(void);
void double_deliver_events(void);
/* What happens just before the module fires its n-th event from now on, in its thread. NULL:
 * nothing. */
void double_before_event(void (*happens)(unsigned n));
/* switch_event_create() fails until it is told otherwise. */
void double_fail_events(bool fail);

/* --- channels --- */

/* A live channel that tells of itself in the headers of `data`, which is borrowed. */
void double_channel(const char *uuid, const switch_event_t *data);
/* A channel that is listed and gone once it is looked for. */
void double_channel_vanishing(const char *uuid);
void double_channel_gone(const char *uuid);
void double_channels_gone(void);
/* How often the module has asked for all channels; waits until it has so often. */
size_t double_listed(void);
void double_wait_listed(size_t times);

/* --- what the module does to calls --- */

/* How the channel is from now on. */
void double_channel_is(const char *uuid, bool outbound, bool answered);
void double_channel_hung_up(const char *uuid);
/* At that time, in microseconds of FreeSWITCH's clock. */
void double_channel_answered(const char *uuid, int64_t at_us);
/* FreeSWITCH has not done with its answer until somebody has waited for it so often. */
void double_channel_being_answered(const char *uuid, unsigned times);
/* It is told to be in `state` and its thread is in `running`, until somebody has waited for it so
 * often: then it executes its extension. Meanwhile the first application of that is still to come.
 * Answered or not as it is. */
void double_channel_on_its_way(const char *uuid, switch_channel_state_t state,
                               switch_channel_state_t running, unsigned times);
void double_channel_joined(const char *uuid, const char *other);
/* Joined with `other` by their signalling alone. */
void double_channel_bypasses(const char *uuid, const char *other);
/* Whether it is marked as one that stays when its partner leaves (CF_REDIRECT). */
bool double_channel_kept(const char *uuid);
/* Its thread sleeps whenever it is not woken, and how often it was. */
void double_channel_sleeps(const char *uuid);
unsigned double_channel_woken(const char *uuid);
/* What a variable of it is; copied, NULL when there is none. Freed by the caller. */
char *double_variable(const char *uuid, const char *name);
void double_set_variable(const char *uuid, const char *name, const char *value);
/* A line for each thing done, as "hold UUID"; until the next double_done_clear(). */
const char *double_done(void);
void double_done_clear(void);
/* Waits until a line holds it. */
void double_wait_done(const char *text);
/* Whatever begins with that word fails, until another is given; NULL: nothing does. */
void double_fails(const char *what);
/* Whatever begins with that word waits until it is let go on by NULL. */
void double_blocks(const char *what);
/* While the module makes a leg, at the given moment ("lock", "profile" or "launch"),
 * somebody else hangs it up, which gives it a thread that ends it, or looks at it for long. NULL:
 * nobody does. That it is freed or destroyed before its time is told by a line "WRONG". */
void double_hung_up_at(const char *moment);
void double_looked_at(const char *moment);
/* What happens the next time that the module launches a leg ("launch"), wakes one's thread ("wake")
 * or lets time pass ("yield"), once; within that call of the module. */
void double_at(const char *moment, void (*happens)(void));
/* What sofia says to those who want a leg. */
void double_sofia_says(switch_call_cause_t cause);
/* What the command `conference` answers; NULL: there is no such command. */
void double_conference_says(const char *text);
/* Whether there are formats and engines of that name. */
void double_has_interface(const char *name);

/* --- module --- */

/* What switch_xml_open_cfg() reads; borrowed. NULL: there is no such file. */
void double_config(const char *xml);
/* Unloads it first when a test that failed has left it loaded. */
switch_status_t double_load(void);
switch_status_t double_unload(void);
/* Runs "voxeme ARGUMENTS" (NULL: no arguments) and returns what it wrote, until the next one of
 * this thread. */
const char *double_command(const char *arguments);
/* What the completion function of that name offers, separated by spaces; NULL: no such function. */
const char *double_complete(const char *function);
/* Whether that line was handed to switch_console_set_complete(). */
bool double_has_completion(const char *line);

/* --- what is left --- */

/* Bound nodes, events made, read-locked sessions, open documents, lists of matches, completion
 * functions and lines: 0 once a module is unloaded. */
size_t double_left(void);

/* --- log --- */

void double_log_clear(void);
/* Lines of this level and those more severe. */
size_t double_log_lines(switch_log_level_t level);
bool double_logged(const char *text);
const char *double_log(void);

#endif
