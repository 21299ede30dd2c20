/*
 * Text in SIP URIs and headers: escapes, quotes, and what may be dialled (RFC 3261, sections 19.1
 * and 25.1). Knows nothing of calls.
 */
#ifndef VX_HOST_SIP_URI_H
#define VX_HOST_SIP_URI_H

#include "core/buf.h"

/* Writes `in` with %xx decoded to out[], which holds at least in.len bytes; a broken escape stays
 * as it is. Returns the length. */
size_t vx_uri_unescape(char *out, struct vx_str in);

/* Appends `in` with everything percent-escaped that could end the user part of a URI. */
void vx_uri_escape(struct vx_buf *out, struct vx_str in);

/* Writes a display name without its quotes and backslashes to out[], which holds at least in.len
 * bytes. Returns the length. */
size_t vx_display_unquote(char *out, struct vx_str in);

/* NULL when `text` is a SIP URI that voxeme-switch can call; else what is wrong with it, static. */
const char *vx_uri_fault(const char *text);

/* Whether `text` is a SIP URI that is called over TLS. */
bool vx_uri_wants_tls(const char *text);

#endif
