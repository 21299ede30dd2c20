/*
 * One account's calls (or all calls) as readers want them: in the order of their creation and in
 * the order of their changes, with the whole list kept rendered in segments that are made anew only
 * where a call has changed. A view follows its scope by a feed and so takes from the registry only
 * what has changed.
 *
 * What takes long is done in turns of a millisecond or so: functions that return a vx_turn want to
 * be called again while they say VX_TURN_MORE.
 *
 * Threads: any, one at a time per view: the owner locks.
 */
#ifndef VX_VIEW_H
#define VX_VIEW_H

#include "api/body.h"
#include "api/view_gzip.h"
#include "core/feed.h"

struct vx_view;

enum vx_turn { VX_TURN_DONE, VX_TURN_MORE, VX_TURN_NO_MEMORY };

/* A call of the view. Revisions are the scope's. */
struct vx_entry {
    uint64_t order;           /* larger is newer */
    uint64_t revision;        /* of its last change */
    uint64_t created;         /* at which it came into the scope */
    uint64_t entered;         /* at which it was answered, or ended: vx_change's */
    struct vx_snapshot *call; /* borrowed */
    uint32_t older, newer;    /* the view's own */
    uint32_t same; /* up to `revision`, for at least so many, it has had the same parties */
    uint8_t status, direction;
};

/* An empty view that follows `scope`, of which it takes its own reference; vx_view_sync() fills it.
 * What it renders counts on `pot`, borrowed. Owned by the caller. NULL: out of memory. */
struct vx_view *vx_view_new(struct vx_scope *scope, struct vx_pot *pot);
/* Clears the caller's pointer. */
void vx_view_release(struct vx_view **view);

/* As vx_feed_set_quiet(). */
void vx_view_set_quiet(struct vx_view *view, bool quiet);

/* Lets go of what it holds, bit by bit. True: nothing is left, vx_view_release() costs little.
 * Nothing else may be called once this has begun. */
bool vx_view_drain(struct vx_view *view);

/* Takes up what has changed. VX_TURN_NO_MEMORY: call again, nothing is lost. */
enum vx_turn vx_view_sync(struct vx_view *view);

/* As of the last vx_view_sync(). */
uint64_t vx_view_revision(const struct vx_view *view);

/* The whole list, newest first, as a JSON array; *list is a reference for the caller when it is
 * done. */
enum vx_turn vx_view_list(struct vx_view *view, struct vx_body **list);

/* The same as a gzip member; `around` NULL: with the brackets alone, and kept. `turns`: how many
 * the caller has waited for it already. *list NULL when it is done: it is not to be had, or not
 * worth it, and the list is to be sent as it is. */
enum vx_turn vx_view_gzip(struct vx_view *view, struct vx_gzip *gzip, uint64_t turns,
                          const struct vx_around *around, struct vx_body **list);

/* Now and then: lets go of what was begun for a list in gzip, and for `idle_us` by nobody gone on
 * with. */
void vx_view_tick(struct vx_view *view, int64_t now_us, int64_t idle_us);

/* What walks call for each call, until it returns false; the entry is borrowed. */
typedef bool vx_view_each(void *ctx, const struct vx_entry *entry);

/* The view as segments of up to 64 calls that stand together, 0 being the newest. A segment that is
 * the same has the same stamp, which is never 0; `top` is the order of its newest call. */
size_t vx_view_segments(const struct vx_view *view);
void vx_view_segment(const struct vx_view *view, size_t segment, uint64_t *top, uint64_t *stamp);
/* Its calls, newest first. */
void vx_view_walk_segment(const struct vx_view *view, size_t segment, vx_view_each *each,
                          void *ctx);

/* Those that changed after revision `since` and before `below` (UINT64_MAX: until now), what
 * changed last first. */
void vx_view_changed(const struct vx_view *view, uint64_t since, uint64_t below, vx_view_each *each,
                     void *ctx);

/* Those that changed after `since`, what changed first first. */
void vx_view_changed_forward(const struct vx_view *view, uint64_t since, vx_view_each *each,
                             void *ctx);

/* What is remembered of a call that has left. */
struct vx_left {
    uint64_t revision, created, order;
    struct vx_uuid call_sid;
    uint32_t same;     /* up to `revision`, for at least so many, it has had the same parties; */
    uint32_t from, to; /* vx_view_mark() of these */
    uint8_t status, direction;
    bool known; /* else there is nothing but its sid */
};

/* The same for texts that are the same. */
uint32_t vx_view_mark(struct vx_str text);

/* Walks the calls that left the scope after `since` and had come by then, oldest first. `back` is
 * the call where it has come back since, else NULL; borrowed, as `left` is. */
typedef void vx_view_each_removed(void *ctx, const struct vx_left *left,
                                  const struct vx_entry *back);
void vx_view_removed(const struct vx_view *view, uint64_t since, vx_view_each_removed *each,
                     void *ctx);

/* Whether what was removed after `since` is still known. */
bool vx_view_reaches(const struct vx_view *view, uint64_t since);

#endif
