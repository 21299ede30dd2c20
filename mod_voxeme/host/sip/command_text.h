/*
 * From the texts of a command, which a stranger may have written, to what may stand in a SIP
 * message: no line end, no quote and no header of the dialog's own gets through. Needs no SIP
 * stack.
 */
#ifndef VX_HOST_SIP_COMMAND_TEXT_H
#define VX_HOST_SIP_COMMAND_TEXT_H

#include "core/buf.h"
#include "core/command.h"

/* Each of these returns NULL, or what is wrong, static. Whether memory was short is for
 * vx_buf_ok() to tell. */

/* Appends "Name: value\r\n" for each header. What is wrong is written to `why`, with the name of
 * that one, and not static. */
#define VX_SIP_WHY 128
const char *vx_sip_command_headers(struct vx_buf *out, const struct vx_command_args *args,
                                   char why[VX_SIP_WHY]);

/* Appends "Display name" <sip:from@host>; `own_host` stands in where the command has no from_host.
 */
const char *vx_sip_command_from(struct vx_buf *out, const struct vx_command_args *args,
                                const char *own_host);

/* Appends the target, which voxeme-switch can call. */
const char *vx_sip_command_target(struct vx_buf *out, const struct vx_command_args *args);

/* Of a REQUEST: what its method wants beside that; a NOTIFY names its event (RFC 6665,
 * section 8.2), and is given the state of its subscription where it does not. */
const char *vx_sip_command_method_headers(struct vx_buf *out, const struct vx_command_args *args);

/* Of a REQUEST: appends the Content-Type; it may not be given. */
const char *vx_sip_command_content_type(struct vx_buf *out, const struct vx_command_args *args);

/* Carries the hook of a redirection, so that whoever has the call next can ask it. */
#define VX_HOOK_HEADER "X-Voxeme-Hook"
/* Whether it may be the value of that header. */
bool vx_sip_is_hook(struct vx_str hook);

/* Carries the key to a hook (referral.h), from the switch to a far end and back. */
#define VX_REFERRAL_HEADER "X-Voxeme-Redirect"

/* Appends <sip:user@host?X-Voxeme-Redirect=key>. */
void vx_sip_command_refer_to(struct vx_buf *out, const char *user, const char *host,
                             const struct vx_uuid *key);

/* Of a DTMF. */
const char *vx_sip_command_digits_fault(const struct vx_command_args *args);

/* Appends the body of the INFO for one digit (application/dtmf-relay). */
void vx_sip_command_dtmf(struct vx_buf *out, char digit, unsigned duration_ms);

#endif
