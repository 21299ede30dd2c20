/*
 * Recorded events of FreeSWITCH (tests/freeswitch/recorded) through the module's hooks into a
 * registry, and what must come out.
 *
 * The recordings hold every event of a call but CHANNEL_STATE and CHANNEL_CALLSTATE, which the
 * module does not hook and which tell nothing that the others lack.
 */
#ifndef VX_REPLAY_H
#define VX_REPLAY_H

#include "unit/support.h"

#include "double.h"
#include "host/freeswitch/fs.h"

#include <json.h>

#define REPLAY_MAX_EVENTS 64
#define REPLAY_MAX_CALLS  4

struct recording {
    char name[64];
    switch_event_t *events[REPLAY_MAX_EVENTS]; /* in the order they were delivered */
    int64_t at_us[REPLAY_MAX_EVENTS];          /* Event-Date-Timestamp */
    size_t count;
    struct json_object *expected; /* array of calls; borrowed from replay_expected() */
};

/* Every recorded scenario, in the order of their names; *count of them. Kept for the process. */
const struct recording *replay_recordings(size_t *count);
void replay_free(void);

/* The module's hooks on a registry with the account that expected.json is about. */
struct replay {
    struct vx_fs fs;
    struct vx_test_time time;
    struct vx_scope *all;
    const struct recording *recording;
    enum vx_call_status status[REPLAY_MAX_CALLS]; /* as last seen */
    bool seen[REPLAY_MAX_CALLS];
};

void replay_open(struct replay *r, const struct recording *recording);
void replay_close(struct replay *r);

/* Fires one event; fails the test when the status of a call goes back. */
void replay_fire(struct replay *r, const switch_event_t *event);
/* Fails the test when the status of a call has gone back since the last look. */
void replay_look(struct replay *r);

/* Compares the registry with expected.json and prints each disagreement under the name of the
 * variant. Returns how many there are. */
size_t replay_compare(struct replay *r, const char *variant);

/* After an audit that finds no channel: how many calls are still live. */
size_t replay_ghosts(struct replay *r);

#endif
