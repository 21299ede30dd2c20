/* A change of a call while its body is read. Private to call_update.c and call_update_media.c. */
#ifndef VX_CALL_UPDATE_H
#define VX_CALL_UPDATE_H

#include "api/commands.h"
#include "api/json_in.h"

#define VX_MAX_SOUNDS 8

struct change {
    struct exchange *x;
    const struct vx_json *body;
    enum vx_call_status status;
    enum vx_verb verb;
    unsigned seconds; /* 0: the usual time */
    struct vx_command_args args;
    struct vx_command_header headers[VX_MAX_HEADERS];
    struct vx_command_sound sounds[VX_MAX_SOUNDS];
    struct vx_buf tag;
};

/* Reads the member into the change; false: answered. */
typedef bool vx_read_change(struct change *c, const char *key);

vx_read_change vx_read_record, vx_read_whisper, vx_read_listen_status, vx_read_conf_mute_status;

/* Answers with that status; always false. */
bool vx_change_refuse(struct change *c, unsigned status, const char *msg);
/* False: answered with 422. */
bool vx_change_is_answered(struct change *c);
/* The object that is the member of that name; NULL: answered with 400. */
const struct vx_json *vx_change_object(struct change *c, const char *key);

#endif
