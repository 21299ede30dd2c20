/*
 * A name and a password that a far end of SIP may ask for (RFC 3261, section 22). Immutable and
 * counted, so that a gateway, a command and the calls of both can share one.
 *
 * What is in it is secret. It never goes into a log line, an answer, an error or a metric, and it
 * is wiped when the last reference goes.
 *
 * Threads: any.
 */
#ifndef VX_CREDENTIALS_H
#define VX_CREDENTIALS_H

#include "core/base.h"

#define VX_CREDENTIAL_BYTES 255 /* of either */

struct vx_credentials;

/* Why there can be no such name (or password), as the end of a sentence that begins with what it is
 * ("must have ..."); NULL when there can. Nothing of it is in there. */
const char *vx_credential_fault(struct vx_str text);

/* Copies both, which vx_credential_fault() has found to be good. One reference, owned by the
 * caller. NULL: out of memory. */
struct vx_credentials *vx_credentials_new(struct vx_str username, struct vx_str password);
/* One more reference, for the caller. Returns `credentials`, which may be NULL. */
struct vx_credentials *vx_credentials_ref(struct vx_credentials *credentials);
/* Drops the caller's reference and clears its pointer. Accepts a pointer to NULL. */
void vx_credentials_release(struct vx_credentials **credentials);

/* Borrowed for as long as the caller holds its reference. */
struct vx_str vx_credentials_username(const struct vx_credentials *credentials);
struct vx_str vx_credentials_password(const struct vx_credentials *credentials);

#endif
