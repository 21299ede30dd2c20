/*
 * The way back through the host port: what the API asks of the host that has the calls.
 *
 * DESIGN
 * The API makes a command and hands it to the host, which queues it to the thread that owns the
 * call. That thread takes it, does it and finishes it, once. Whoever asked waits for a bounded
 * time; when that is over it gives the command up: one that was not taken by then is never done.
 *
 * Threads: any; a command is made and waited for by one, taken and finished by another.
 */
#ifndef VX_COMMAND_H
#define VX_COMMAND_H

#include "core/credentials.h"
#include "core/hook.h"
#include "core/uuid.h"

struct vx_command;

enum vx_verb {
    VX_VERB_ORIGINATE, /* a new outbound leg with the sid call_sid */
    VX_VERB_HANGUP,    /* VX_HANG_UP_... says which calls */
    VX_VERB_HOLD,
    VX_VERB_UNHOLD,
    VX_VERB_MUTE,
    VX_VERB_UNMUTE,
    VX_VERB_DTMF,
    VX_VERB_REQUEST, /* a SIP request within the dialog */
    VX_VERB_REDIRECT,
    VX_VERB_REDIRECT_CHILD, /* the leg that this one is joined with; with a `hook`, this one too */
    VX_VERB_RECORD,
    VX_VERB_WHISPER,     /* `sounds`, to this leg alone */
    VX_VERB_LISTEN,      /* pause, resume or silence the stream of a listen */
    VX_VERB_CONF_MUTE,   /* everybody in the conference of this leg but its moderators */
    VX_VERB_CONF_UNMUTE, /* the same */
    VX_VERB_TAG,         /* the registry's own: no host has a part in it */
    VX_VERB_COUNT
};

/* Which state a call must be in to be hung up; else VX_OUTCOME_NOT_NOW. */
enum vx_hangup { VX_HANG_UP_ANY, VX_HANG_UP_ANSWERED, VX_HANG_UP_UNANSWERED };

enum vx_recording { VX_RECORD_START, VX_RECORD_STOP, VX_RECORD_PAUSE, VX_RECORD_RESUME };
enum vx_listening { VX_LISTEN_PAUSE, VX_LISTEN_RESUME, VX_LISTEN_SILENCE };

/* The speech fields of an ORIGINATE, in this order. */
enum vx_speech {
    VX_SYNTHESIS_VENDOR,
    VX_SYNTHESIS_LANGUAGE,
    VX_SYNTHESIS_VOICE,
    VX_RECOGNIZER_VENDOR,
    VX_RECOGNIZER_LANGUAGE,
    VX_SPEECH_COUNT
};

/* Something to be heard: a text to be said, or what is to be played, as the client named it. */
struct vx_command_sound {
    bool say;
    struct vx_str text;
};

/* A header of SIP. Name and value have been checked: no line ends, the name is a token. */
struct vx_command_header {
    struct vx_str name, value;
};

/* Texts that are not given are VX_NONE. vx_command_new() copies all of it. */
struct vx_command_args {
    struct vx_uuid call_sid;
    enum vx_hangup hangup;
    struct vx_str
        target; /* ORIGINATE, REDIRECT: a SIP URI that has been parsed and put together anew */
    /* ORIGINATE, instead of `target`: user@realm, a user whom the host knows; checked, and the
     * realm is the account's. */
    struct vx_str user;
    struct vx_str from;      /* ORIGINATE: user part; any text */
    struct vx_str from_host; /* host part of From; checked */
    struct vx_str caller_name;
    struct vx_str to;           /* as the creator gave it: what the call shows */
    struct vx_uuid account_sid; /* of the call */
    struct vx_uuid application_sid;
    struct vx_str tag, amd;                      /* JSON objects, compact, or VX_NONE */
    struct vx_str request_hook;                  /* ORIGINATE: as `hook`, or a path */
    struct vx_str digits;                        /* DTMF: 0-9 A-D * # */
    unsigned duration_ms;                        /* DTMF */
    struct vx_str method, content_type, content; /* REQUEST */
    struct vx_str hook,
        hook_method; /* REDIRECT, ORIGINATE: checked URL; "POST", "GET" or VX_NONE */
    struct vx_str child_hook, child_hook_method; /* REDIRECT_CHILD */
    struct vx_str wait_hook;                     /* HOLD: as `hook` */
    struct vx_str speech[VX_SPEECH_COUNT];       /* ORIGINATE; any text */
    struct vx_str recording_id;                  /* RECORD: A-Z a-z 0-9 - _ */
    enum vx_recording recording;
    enum vx_listening listening;
    /* ORIGINATE, REDIRECT: where the status of the call is told from now on, or NULL. The API tells
     * the registry of it (vx_command_follow()): no host need look at it. The command has a
     * reference of its own. */
    struct vx_hook *status_hook;
    /* ORIGINATE: what the far end may ask for, or NULL. The command has a reference of its own
     * until it is finished or given up: for the host's thread alone. */
    struct vx_credentials *credentials;
    bool answer_on_bridge;            /* ORIGINATE */
    unsigned timeout_s, time_limit_s; /* ORIGINATE; 0: the host's own */
    /* WHISPER; MUTE, UNMUTE and LISTEN: after it. Any text. */
    const struct vx_command_sound *sounds;
    size_t sound_count;
    const struct vx_command_header *headers;
    size_t header_count;
};

enum vx_outcome {
    VX_OUTCOME_DONE,
    VX_OUTCOME_NO_CALL, /* the host has no such call (any more) */
    VX_OUTCOME_NOT_NOW, /* not in this state of the call; `reason` says why */
    VX_OUTCOME_UNABLE,  /* this host cannot do it */
    VX_OUTCOME_REFUSED, /* the host is full, or stopping; try again */
    VX_OUTCOME_FAILED,  /* `reason` says why */
};

struct vx_command_result {
    enum vx_outcome outcome;
    unsigned sip_status; /* of a REQUEST: the far end's final answer; else 0 */
    char reason[128];    /* "" without one; no line ends */
    bool no_memory;      /* it was done, but not what was to follow it */
};

/* One reference, owned by the caller. `notify` runs once on the thread that finishes the command,
 * if it has not been given up by then; it must be quick. NULL: out of memory. */
struct vx_command *vx_command_new(enum vx_verb verb, const struct vx_command_args *args,
                                  void (*notify)(void *ctx), void *ctx);
struct vx_command *vx_command_ref(struct vx_command *command);
void vx_command_release(struct vx_command **command);

/* `follow` runs once the command has been done (VX_OUTCOME_DONE), on the thread that finishes it
 * and before anybody is told, whether or not somebody still waits; it must be quick. False: out of
 * memory. Before the command is handed to a host. */
void vx_command_follow(struct vx_command *command,
                       bool (*follow)(void *ctx, const struct vx_command_args *args), void *ctx);

/* Fixed from the start; borrowed for as long as the caller holds its reference. */
enum vx_verb vx_command_verb(const struct vx_command *command);
const struct vx_command_args *vx_command_args(const struct vx_command *command);

/* --- the host's thread --- */

/* Whether it is still wanted. False: it must not be done; release it. */
bool vx_command_take(struct vx_command *command);
/* Whether somebody waits for it still. What cannot be undone, and would be of no use to anybody, is
 * not done when nobody does: it is finished with VX_OUTCOME_REFUSED. */
bool vx_command_wanted(struct vx_command *command);
/* Once, after it was taken. `reason` may be NULL. */
void vx_command_finish(struct vx_command *command, enum vx_outcome outcome, unsigned sip_status,
                       const char *reason);

/* --- whoever waits --- */

/* False: not finished yet. */
bool vx_command_result(struct vx_command *command, struct vx_command_result *result);
/* Nobody waits any more; `notify` does not run after this has returned. True: it was not taken and
 * will not be done. False: it has been taken; how it ends is not known. */
bool vx_command_give_up(struct vx_command *command);

/* Whether it will never be done: it was given up before it was taken. */
bool vx_command_dropped(struct vx_command *command);

/* Beside verbs: whoever controls a call that the host makes is given `amd` and `request_hook`. With
 * other hosts these are refused. */
#define VX_HOST_HANDS_ON (1U << 31)
/* Answers a far end that asks for credentials with those of an ORIGINATE, and shows them to nobody
 * else. With other hosts a client can give none. */
#define VX_HOST_AUTHENTICATES (1U << 30)

/* How a host is reached. `submit` queues the command, of which it takes a reference of its own, and
 * returns at once; any thread. False: it cannot be queued (full, stopping). `verbs` is the set of
 * 1 << enum vx_verb that the host can do. */
struct vx_host_port {
    bool (*submit)(void *ctx, struct vx_command *command);
    void *ctx;
    unsigned verbs;
};

#endif
