/*
 * What the module does in FreeSWITCH when the API commands it.
 *
 * DESIGN
 * Commands wait in the lane of their call, one of a few, each with a thread of its own: what is
 * asked of one call is done in order and one at a time, and a call that FreeSWITCH is slow with
 * keeps up no more than its lane. No lane waits for a far end, and what FreeSWITCH would do by
 * waiting for one, or for a web server, is refused. A call is originated by making its leg and
 * letting FreeSWITCH's own thread run it; where it goes when it is answered is in the leg's
 * variables, and what ends it is kept in fs_deadline.h. So nothing of the module is in a call's
 * thread, and an unload leaves calls as they are.
 *
 * Threads: the lanes, unless something else is said.
 */
#ifndef VX_FS_COMMAND_H
#define VX_FS_COMMAND_H

#include "core/command.h"
#include "core/config.h"
#include "core/registry.h"
#include "host/freeswitch/fs_deadline.h"
#include "host/freeswitch/fs_mark.h"

#include <switch.h>

/* Not: pausing a listen, for FreeSWITCH has none of its own. */
#define VX_FS_VERBS                                                                                \
    (1U << VX_VERB_ORIGINATE | 1U << VX_VERB_HANGUP | 1U << VX_VERB_HOLD | 1U << VX_VERB_UNHOLD |  \
     1U << VX_VERB_MUTE | 1U << VX_VERB_UNMUTE | 1U << VX_VERB_DTMF | 1U << VX_VERB_REQUEST |      \
     1U << VX_VERB_REDIRECT | 1U << VX_VERB_REDIRECT_CHILD | 1U << VX_VERB_RECORD |                \
     1U << VX_VERB_WHISPER | 1U << VX_VERB_CONF_MUTE | 1U << VX_VERB_CONF_UNMUTE)

/* --- fs_command_queue.c: the lanes --- */

struct vx_fs_commands;

/* Borrows `registry`, `deadlines` and `marks`, which must outlive them; takes a reference of its
 * own to `config`. NULL: out of memory, or there are no threads to be had. Any thread, as all of
 * this file's. */
struct vx_fs_commands *vx_fs_commands_start(struct vx_registry *registry,
                                            struct vx_fs_deadlines *deadlines,
                                            struct vx_fs_marks *marks, struct vx_config *config);
/* For vx_api_set_host(). */
const struct vx_host_port *vx_fs_commands_port(const struct vx_fs_commands *commands);
/* Takes up what a reload has changed; commands under way end under the old settings. */
void vx_fs_commands_configure(struct vx_fs_commands *commands, struct vx_config *config);
/* What waits is refused, and so is what comes from now on; what is under way gets `patience_ms` to
 * end. False: FreeSWITCH does not let a thread go. Until a further call says that it has, neither
 * this nor the registry may be freed, nor the code be unloaded. */
bool vx_fs_commands_close(struct vx_fs_commands *commands, unsigned patience_ms);
/* After it was closed, when nobody can submit any more. Clears the caller's pointer. */
void vx_fs_commands_release(struct vx_fs_commands **commands);
/* When there will be no further call: its threads end by themselves, should FreeSWITCH let them. */
void vx_fs_commands_abandon(struct vx_fs_commands *commands);
/* For vx_api_add_metrics(); `ctx` is the struct vx_fs_commands. */
void vx_fs_commands_metrics(void *ctx, struct vx_buf *out);

/* --- what a command does --- */

struct vx_fs_result {
    enum vx_outcome outcome;
    const char *reason; /* static, or NULL */
};

#define VX_FS_DONE                                                                                 \
    (struct vx_fs_result) {                                                                        \
        VX_OUTCOME_DONE, NULL                                                                      \
    }
#define VX_FS_ENDS(outcome, reason)                                                                \
    (struct vx_fs_result) {                                                                        \
        (outcome), (reason)                                                                        \
    }

#define VX_FS_BYPASSES VX_FS_ENDS(VX_OUTCOME_NOT_NOW, "the media of the call bypasses FreeSWITCH")

/* What commands are done with. */
struct vx_fs_means {
    struct vx_registry *registry;
    struct vx_fs_deadlines *deadlines;
    struct vx_fs_marks *marks;
    const struct vx_config *config;
    uint64_t *mark; /* of the last call that the lane has made */
};

/* A command and the call that it is for. */
struct vx_fs_call {
    enum vx_verb verb;
    const struct vx_command_args *args;
    const struct vx_config *config;
    switch_core_session_t *session; /* read-locked */
    switch_channel_t *channel;
    const char *uuid;
};

struct vx_fs_conference {
    char name[128];
    unsigned member;
};

/* fs_command.c: any verb. */
struct vx_fs_result vx_fs_perform(const struct vx_fs_means *means, struct vx_command *command);
/* Whether its far end has answered, or has been answered. */
bool vx_fs_is_answered(const struct vx_fs_call *call);
/* The leg that it is joined with, read-locked; or NULL. */
switch_core_session_t *vx_fs_partner(const struct vx_fs_call *call);
/* Whether the media of either leg does. Before it plays something on such a leg, FreeSWITCH sends
 * re-INVITEs and waits up to 30 s for each far end. */
bool vx_fs_bypasses_media(const struct vx_fs_call *call);
/* Takes the leg off hold as FreeSWITCH does, but for waiting (5 s at most) until its partner's
 * thread has ended the music. False: it is not held. */
bool vx_fs_unhold(switch_core_session_t *session);
/* `value` is copied, VX_NONE removes it; no variable of FreeSWITCH's is looked for in it. False:
 * out of memory, nothing is set. */
bool vx_fs_set_variable(switch_channel_t *channel, const char *name, struct vx_str value);
/* The same for a URL, made harmless; VX_NONE removes it. */
bool vx_fs_set_url(switch_channel_t *channel, const char *name, struct vx_str url);

/* fs_command_originate.c. Ends when the leg is in the registry and its INVITE is on its way; when
 * nobody waits for the command any more there is no call. */
struct vx_fs_result vx_fs_originate(const struct vx_fs_means *means, struct vx_command *command);

/* fs_command_redirect.c */
struct vx_fs_result vx_fs_redirect(const struct vx_fs_call *call);
/* What freeswitch-redirect says: EXTENSION [DIALPLAN [CONTEXT]]. */
struct vx_fs_place {
    char text[256];
    char *extension, *dialplan, *context;
};
void vx_fs_place_read(struct vx_fs_place *place, const struct vx_config *config);

/* fs_command_media.c */
struct vx_fs_result vx_fs_record(const struct vx_fs_call *call);
/* The sounds of the arguments, in their order, each with a NUL at its end: all of them can be
 * played, or none is. */
struct vx_fs_result vx_fs_sounds_find(struct vx_buf *paths, const struct vx_fs_call *call,
                                      const struct vx_fs_conference *in);
struct vx_fs_result vx_fs_sounds_play(const struct vx_buf *paths, const struct vx_fs_call *call,
                                      const struct vx_fs_conference *in);

/* fs_command_conference.c: the conference that the call is in, if it is in one. */
bool vx_fs_conference_of(struct vx_fs_conference *in, const struct vx_fs_call *call);
/* "hold", "mute" and so on for this member, or for "non_moderator". */
struct vx_fs_result vx_fs_conference_do(const struct vx_fs_conference *in, const char *what,
                                        const char *whom);
/* The number of the member as text. */
struct vx_fs_result vx_fs_conference_do_own(const struct vx_fs_conference *in, const char *what);
struct vx_fs_result vx_fs_conference_play(const struct vx_fs_conference *in, const char *path);

#endif
