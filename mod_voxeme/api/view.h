/*
 * One account's calls (or all calls) as readers want them: in order, with the whole list kept
 * rendered for as long as nothing changes. A view follows its scope by a feed and so takes from the
 * registry only what has changed.
 *
 * Threads: any, one at a time per view: the owner locks.
 */
#ifndef VX_VIEW_H
#define VX_VIEW_H

#include "api/body.h"
#include "core/feed.h"

struct vx_view;

/* An empty view that follows `scope`, of which it takes its own reference; vx_view_sync() fills it.
 * Owned by the caller. NULL: out of memory. */
struct vx_view *vx_view_new(struct vx_scope *scope);
/* Clears the caller's pointer. */
void vx_view_release(struct vx_view **view);

/* Takes up what has changed. False: out of memory; call again, nothing is lost. */
bool vx_view_sync(struct vx_view *view);

/* As of the last vx_view_sync(). */
uint64_t vx_view_revision(const struct vx_view *view);

/* The whole list, newest first, as a JSON array; a reference for the caller. NULL: out of memory.
 */
struct vx_body *vx_view_list(struct vx_view *view);

/* Walks the calls, newest first, until `each` returns false. `revision` and `created` are those of
 * the call's last change and of its coming into the scope. */
typedef bool vx_view_each(void *ctx, struct vx_snapshot *call, uint64_t revision, uint64_t created);
void vx_view_walk(struct vx_view *view, vx_view_each *each, void *ctx);

/* Walks the calls that left the scope after `since` and had come by then, oldest first. `back` is
 * the call where it has come back since, else NULL; borrowed. */
typedef void vx_view_each_removed(void *ctx, const struct vx_uuid *call_sid,
                                  const struct vx_snapshot *back);
void vx_view_removed(const struct vx_view *view, uint64_t since, vx_view_each_removed *each,
                     void *ctx);

/* Whether what was removed after `since` is still known. */
bool vx_view_reaches(const struct vx_view *view, uint64_t since);

#endif
