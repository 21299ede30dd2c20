/*
 * What clients wrote, made harmless for FreeSWITCH: it takes dial strings, variables, file names
 * and the arguments of applications apart at characters that mean nothing to a client, and looks
 * for ${variables} in most of them.
 *
 * Threads: any. What is appended has no NUL at its end.
 */
#ifndef VX_FS_COMMAND_TEXT_H
#define VX_FS_COMMAND_TEXT_H

#include "core/buf.h"
#include "core/command.h"

/* The display name of From, which mod_sofia puts between quotes as it is and decodes %XX in. */
void vx_fs_text_name(struct vx_buf *out, struct vx_str name);

/* The host of From; mod_sofia puts the brackets of an IPv6 address itself. */
void vx_fs_text_host(struct vx_buf *out, struct vx_str host);

/* Where mod_sofia is to send the INVITE: PROFILE/URI, or gateway/GATEWAY/URI when one is named.
 * NULL, or what is wrong with the URI. */
const char *vx_fs_text_dial(struct vx_buf *out, const char *profile, const char *gateway,
                            struct vx_str uri);

/* The user that FreeSWITCH's directory is asked for: name@domain, without anything that a
 * dial-string made of it could be taken apart at. NULL, or what is wrong with it. */
const char *vx_fs_text_user(struct vx_buf *out, struct vx_str user);

/* Whether it may be the value of a variable: no control character, nothing that FreeSWITCH would
 * look up or take for a list. */
bool vx_fs_text_is_value(struct vx_str value);

/* A JSON object, with the same meaning and without a dollar. */
void vx_fs_text_json(struct vx_buf *out, struct vx_str json);

/* A URL, with what no URL may hold as %XX: after that it holds no quote, bracket or bar. */
void vx_fs_text_url(struct vx_buf *out, struct vx_str url);

/* NULL, or what is wrong with a header that mod_sofia is to send. */
const char *vx_fs_text_header_fault(const struct vx_command_header *header);

/* Whether FreeSWITCH may be told to play it: http:// or https:// and nothing that it would take for
 * more than a URL. */
bool vx_fs_text_is_web(struct vx_str url);
/* Whether it names a file below a directory: no way up, not hidden, no other kind of source. */
bool vx_fs_text_is_file(struct vx_str path);

/* A text to be said, without what the application that says it takes apart. */
void vx_fs_text_say(struct vx_buf *out, struct vx_str text);

#endif
