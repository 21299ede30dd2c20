/*
 * A webhook: where something is told over HTTP, and who we say that we are. Immutable and counted,
 * so that a call, a command and the configuration can share one.
 *
 * What is in it is secret: a path or a query may hold a key as well. It never goes into a log line,
 * an error or a metric.
 *
 * Threads: any.
 */
#ifndef VX_HOOK_H
#define VX_HOOK_H

#include "core/base.h"

#define VX_HOOK_URL_BYTES 2048

struct vx_hook;

/* Each text has a NUL behind it once it is in a hook, and none in it. */
struct vx_hook_fields {
    struct vx_str url;
    bool get;                         /* method GET; else POST */
    struct vx_str username, password; /* HTTP Basic; VX_NONE: none */
};

/* Why no webhook can have this URL, as the end of a sentence that begins with its name ("is not
 * ..."); NULL when one can: http or https, a host, no credentials, nothing that a URL cannot hold.
 */
const char *vx_hook_url_fault(struct vx_str url);
/* The same for all of it. */
const char *vx_hook_fault(const struct vx_hook_fields *fields);

/* Copies the texts, which vx_hook_fault() has found to be good. One reference, owned by the caller.
 * NULL: out of memory. */
struct vx_hook *vx_hook_new(const struct vx_hook_fields *fields);
/* One more reference, for the caller. Returns `hook`, which may be NULL. */
struct vx_hook *vx_hook_ref(struct vx_hook *hook);
/* Drops the caller's reference and clears its pointer. Accepts a pointer to NULL. */
void vx_hook_release(struct vx_hook **hook);

/* Borrowed for as long as the caller holds its reference. */
const struct vx_hook_fields *vx_hook_fields(const struct vx_hook *hook);
/* What it takes from the heap. */
size_t vx_hook_cost(const struct vx_hook *hook);
/* For whoever counts what hooks take, each once however many share it. One more has it, one less:
 * true for the first and for the last. */
bool vx_hook_have(struct vx_hook *hook);
bool vx_hook_leave(struct vx_hook *hook);

#endif
