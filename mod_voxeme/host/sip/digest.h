/*
 * Answers to challenges of digest authentication (RFC 3261, section 22.4, and RFC 8760: MD5 and
 * SHA-256), with qop "auth" or without one. Needs no SIP stack; sofia-sip's own puts a name and a
 * realm into quotes that they may end, and writes passwords into its log.
 *
 * Who challenges is a stranger: nothing of it is taken that could end the quotes that it stands in.
 */
#ifndef VX_HOST_SIP_DIGEST_H
#define VX_HOST_SIP_DIGEST_H

#include "core/buf.h"
#include "core/credentials.h"

#define VX_DIGEST_BYTES 1024 /* the longest value of a challenge that is answered */

/* Texts borrow from the challenge, and are as they stand between quotes: escapes and all. */
struct vx_digest_challenge {
    struct vx_str realm, nonce;
    struct vx_str opaque;    /* VX_NONE: there is none */
    struct vx_str algorithm; /* as it was called; VX_NONE: it was not, and is MD5 */
    bool sha256, qop, stale;
};

/* `parameters` are name=value, the last one is NULL. False: it cannot be answered. */
bool vx_digest_read(struct vx_digest_challenge *out, const char *const *parameters);

/* The value of `name` there, as it stands between quotes; VX_NONE without one. */
struct vx_str vx_digest_parameter(const char *const *parameters, const char *name);

struct vx_digest_request {
    struct vx_str method, uri;
    struct vx_str cnonce; /* letters and digits; never the same twice */
    unsigned count;       /* of answers to this nonce, from 1 */
};

/* Appends "Digest username=...", the value of an Authorization. False, with nothing that is secret
 * in `out`: out of memory, there is no such hash, or the URI is none that can be in it. */
bool vx_digest_answer(struct vx_buf *out, const struct vx_digest_challenge *challenge,
                      const struct vx_credentials *credentials,
                      const struct vx_digest_request *request);

#endif
