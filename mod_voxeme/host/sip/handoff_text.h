/*
 * What goes with a created call to whoever it is handed to once it is answered: its creator's words
 * as headers of an INVITE. They may be a stranger's: none gets out of its header. Needs no SIP
 * stack.
 */
#ifndef VX_HOST_SIP_HANDOFF_TEXT_H
#define VX_HOST_SIP_HANDOFF_TEXT_H

#include "core/buf.h"
#include "host/sip/command_text.h"

/* Appends a header for each of: hook and hook_method (POST where there is none), speech,
 * answer_on_bridge, tag, application_sid. NULL, or what cannot be in a header, written to `why`.
 * Whether memory was short is for vx_buf_ok() to tell. */
const char *vx_handoff_headers(struct vx_buf *out, const struct vx_command_args *args,
                               char why[VX_SIP_WHY]);

#endif
