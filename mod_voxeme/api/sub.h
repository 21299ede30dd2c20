/*
 * A subscription: one client's place in the live feed of an account, or of all. It is opened by a
 * request for the list that asks for a stream, and then hands out messages: a snapshot first, or
 * what was missed since a known revision, and from then on what has changed.
 *
 * It is no queue. All it keeps is the revision that its client has seen; the next message holds
 * everything since then, each call at most once and in its newest state, however slowly the client
 * reads. Clients at the same revision are handed the same body.
 *
 * Threads: one at a time per subscription.
 */
#ifndef VX_SUB_H
#define VX_SUB_H

#include "api/body.h"
#include "core/registry.h"

struct vx_api;
struct vx_sub;

enum vx_sub_result {
    VX_SUB_MESSAGE,   /* send it */
    VX_SUB_IDLE,      /* nothing new: ask when vx_scope_revision() of its scope has moved on */
    VX_SUB_LATER,     /* takes more than one turn: ask again after others had theirs */
    VX_SUB_NO_MEMORY, /* nothing is lost: ask again, after a while */
};

/* The next message, a JSON text; on VX_SUB_MESSAGE *message is a reference for the caller, who
 * sends all of it. */
enum vx_sub_result vx_sub_next(struct vx_api *api, struct vx_sub *sub, struct vx_body **message);

/* How long it took to make the last message into what was sent, unless others had paid for it: dear
 * ones are shared by more clients. */
void vx_sub_took(struct vx_api *api, struct vx_sub *sub, int64_t us);

/* The last message could not be sent: the next one is a snapshot. */
void vx_sub_restart(struct vx_sub *sub);

/* Whether it is its account's part for feeds that has no room, so that it helps when others of the
 * account let go of what they hold. */
bool vx_sub_is_short(const struct vx_sub *sub);

/* Of the last message, or what the client said it had seen; for the id of an event. */
uint64_t vx_sub_revision(const struct vx_sub *sub);
/* Whether something has changed since. */
bool vx_sub_is_behind(const struct vx_sub *sub);
/* Borrowed for the subscription's life. */
struct vx_scope *vx_sub_scope(const struct vx_sub *sub);

/* Whether the token that opened it still may, after a reload. */
bool vx_sub_allowed(struct vx_api *api, const struct vx_sub *sub);

/* Clears the caller's pointer. Before the api is released. */
void vx_sub_release(struct vx_sub **sub);

#endif
