/*
 * A registry of any size without SIP: accounts with tokens, calls like those of a real switch
 * (about 390 B of JSON each), and the events that make and change them.
 */
#ifndef BENCH_WORLD_H
#define BENCH_WORLD_H

#include "api/api.h"
#include "core/config.h"
#include "core/registry.h"

#include <stdatomic.h>

struct bench_account {
    struct vx_uuid sid;
    char sid_text[VX_UUID_TEXT + 1];
    char token[VX_TOKEN_TEXT + 1];
    struct vx_known_token known; /* as a connection keeps it */
    size_t calls;
    uint64_t first; /* number of its first call; further ones count up from there */
};

struct bench_world {
    struct vx_config *config;
    struct vx_registry *registry;
    struct vx_api *api;
    struct bench_account *accounts;
    size_t account_count;
    _Atomic uint64_t sequence; /* counts down, see bench_touch() */
    bool gzip;                 /* bench_list() asks for it so */
};

struct bench_plan {
    const size_t *calls; /* one account for each of these ... */
    size_t listed;
    size_t others, other_calls; /* ... and this many with so many calls each */
    char *const *settings;      /* "name=value" */
    size_t setting_count;
    const struct vx_clock *clock; /* NULL: the system's */
};

/* False, with the reason on stderr. The calls are not in it yet. */
bool bench_world_open(struct bench_world *w, const struct bench_plan *plan);
void bench_world_close(struct bench_world *w);

/* Two events a call: it is created and answered. False: one was refused. */
bool bench_world_fill(struct bench_world *w);

/* An event with the texts it borrows. */
struct bench_event {
    struct vx_event event;
    char from[16], to[16], call_id[40], name[24];
};

/* Everything that a host tells of the call of this number, for an event of this type. */
void bench_event(struct bench_event *e, const struct bench_world *w, size_t account,
                 uint64_t number, enum vx_event_type type);

/* A visible change of a call that stays up: its caller_name becomes "t" and the time in nanoseconds
 * (19 digits) by bench_now(), from which a client tells how old the news is. Of the parties of a
 * call the earliest event counts, so each of these claims to be earlier than all before. */
void bench_touch(struct bench_event *e, struct bench_world *w, size_t account, uint64_t number);

enum vx_applied bench_apply(struct bench_world *w, const struct bench_event *e);

/* GET of the list of an account, without a socket, as of a client that has asked before. Returns
 * its status; the bytes in *len. One thread at a time. */
unsigned bench_list(struct bench_world *w, size_t account, const char *if_none_match, char *etag,
                    size_t *len);

#endif
