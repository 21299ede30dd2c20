/* mod_conference, by its command `conference`: it has no other interface for other modules. */
#include "host/freeswitch/fs_command.h"

#include <stdio.h>

/* The command takes its line apart at spaces. */
static bool is_word(const char *name) {
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p <= ' ' || strchr("'\"\\", *p))
            return false;
    return *name != '\0';
}

/* Whether it wrote `text`, and no error; NULL: any text will do. */
static bool says(const char *line, const char *text) {
    switch_stream_handle_t stream = {0};
    const char *said;
    bool so;

    SWITCH_STANDARD_STREAM(stream);
    so = switch_api_execute("conference", line, NULL, &stream) == SWITCH_STATUS_SUCCESS;
    said = stream.data;
    so = so && said && !strstr(said, "-ERR") && (!text || strstr(said, text));
    switch_safe_free(stream.data);
    return so;
}

bool vx_fs_conference_of(struct vx_fs_conference *in, const struct vx_fs_call *call) {
    const char *name = switch_channel_get_variable(call->channel, "conference_name");
    const char *member = switch_channel_get_variable(call->channel, "conference_member_id");
    char line[192];

    if (!name || !member || !is_word(name) || strlen(name) >= sizeof in->name)
        return false;
    snprintf(in->name, sizeof in->name, "%s", name);
    in->member = (unsigned)strtoul(member, NULL, 10);
    /* The variables stay when the call has left. */
    snprintf(line, sizeof line, "%s get-uuid %u", in->name, in->member);
    return in->member && says(line, call->uuid);
}

struct vx_fs_result vx_fs_conference_do(const struct vx_fs_conference *in, const char *what,
                                        const char *whom) {
    char line[192];

    snprintf(line, sizeof line, "%s %s %s", in->name, what, whom);
    if (!says(line, NULL))
        return VX_FS_ENDS(VX_OUTCOME_NOT_NOW, "the call has left its conference");
    return VX_FS_DONE;
}

struct vx_fs_result vx_fs_conference_do_own(const struct vx_fs_conference *in, const char *what) {
    char member[16];

    snprintf(member, sizeof member, "%u", in->member);
    return vx_fs_conference_do(in, what, member);
}

struct vx_fs_result vx_fs_conference_play(const struct vx_fs_conference *in, const char *path) {
    char line[4096 + 192];

    if (!is_word(path) || snprintf(line, sizeof line, "%s play %s %u", in->name, path,
                                   in->member) >= (int)sizeof line)
        return VX_FS_ENDS(VX_OUTCOME_FAILED, "the conference cannot play a file of that name");
    if (!says(line, NULL))
        return VX_FS_ENDS(VX_OUTCOME_FAILED, "the conference does not play it");
    return VX_FS_DONE;
}
