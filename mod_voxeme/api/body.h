/*
 * The bytes of an answer: immutable once built, shared by every request that gets the same answer.
 *
 * In front of the data lie VX_BODY_HEADROOM bytes that belong to the transport: it writes the
 * response head right before the data so that both leave in one write. Only one thread may do so
 * for a given body.
 */
#ifndef VX_BODY_H
#define VX_BODY_H

#include "core/base.h"

#define VX_BODY_HEADROOM 1536

struct vx_body;

/* Room for `cap` bytes, one reference, owned by the caller. NULL: out of memory, or all bodies
 * alive would pass the limit of vx_body_set_limit(). */
struct vx_body *vx_body_new(size_t cap);
struct vx_body *vx_body_copy(const void *bytes, size_t len);
struct vx_body *vx_body_ref(struct vx_body *body);
void vx_body_release(struct vx_body **body);

char *vx_body_data(struct vx_body *body); /* VX_BODY_HEADROOM writable bytes lie before it */
/* Bytes of data, and the room for them. */
size_t vx_body_len(const struct vx_body *body);
/* Never less than its length. */
size_t vx_body_cap(const struct vx_body *body);
/* While it is being built and nobody else holds it. len <= cap. */
void vx_body_set_len(struct vx_body *body, size_t len);

/* Bytes that all bodies of the process may hold together; 0: no limit. Any thread. */
void vx_body_set_limit(size_t bytes);
size_t vx_body_memory(void);

#endif
