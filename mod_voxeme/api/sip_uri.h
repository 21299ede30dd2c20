/*
 * SIP URIs that a client gives as a target (RFC 3261, section 19.1). They are taken apart and put
 * together anew: what comes out has a user, a host, a port and parameters that do no harm and
 * nothing else, whatever went in.
 *
 * Threads: any.
 */
#ifndef VX_SIP_URI_H
#define VX_SIP_URI_H

#include "core/buf.h"

struct vx_sip_uri {
    bool secure;              /* sips: */
    struct vx_str user;       /* still escaped; VX_NONE when there is none */
    struct vx_str host;       /* a name, an IPv4 address, or an IPv6 address in brackets */
    unsigned port;            /* 0: not given */
    struct vx_str transport;  /* "udp", "tcp" or "tls"; VX_NONE when not given */
    struct vx_str parameters; /* all of them, as they came; VX_NONE when there are none */
};

/* Everything borrows from `text`. False, with a reason that fits "sipUri ...": it is none, or has a
 * password, headers or parameters that a target must not have. */
bool vx_sip_uri_parse(struct vx_sip_uri *uri, struct vx_str text, const char **why);

/* "name", "192.0.2.1" or "[2001:db8::1]". */
bool vx_sip_is_host(struct vx_str host);

/* The name of a user that a host has to look up: letters, digits and - _ . ! * + #, so that it
 * means the same wherever it is put. */
bool vx_sip_is_user_name(struct vx_str name);

/* Appends it. */
void vx_sip_uri_write(struct vx_buf *out, const struct vx_sip_uri *uri);

/* What may stand in the user part as it is, the rest as %XX. */
void vx_sip_user_escape(struct vx_buf *out, struct vx_str user);

#endif
