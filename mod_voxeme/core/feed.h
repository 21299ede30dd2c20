/*
 * A reader's place in the changes of one scope. Each call is handed out at most once per pull and
 * in its newest state, however often it changed in between: a slow reader costs nothing.
 *
 * Threads: one at a time per feed.
 */
#ifndef VX_FEED_H
#define VX_FEED_H

#include "core/registry.h"

struct vx_feed;

struct vx_change {
    uint64_t revision; /* of the scope, when this happened */
    uint64_t order;    /* larger is newer; the same for all changes of one call */
    uint64_t created;  /* the scope's revision at which this call came into it */
    uint64_t entered;  /* at which it was answered, or ended; else, or when that was too many
                          revisions ago to be known, `created` */
    struct vx_uuid call_sid;
    struct vx_snapshot
        *call; /* the reader owns this reference; NULL: the call has left the scope */
};

/* Starts before the oldest change that the scope remembers, so that the first pulls bring all its
 * calls. Takes its own reference to `scope`. NULL: out of memory. */
struct vx_feed *vx_feed_open(struct vx_scope *scope);
void vx_feed_close(struct vx_feed **feed);

/* Nobody waits for what the feed brings: for its sake changes do not call the registry's wake,
 * which costs the host's thread a system call. At first they do. What has changed before it is no
 * longer quiet is not told: look at vx_scope_revision() after that. */
void vx_feed_set_quiet(struct vx_feed *feed, bool quiet);

/*
 * Fills at most `max` changes, oldest first, and returns how many. 0: the feed is at *revision, the
 * scope's newest; otherwise pull again. Sets *restarted when removals that this feed has not seen
 * are forgotten: the reader then drops all it holds, and this and the next pulls bring everything
 * anew. A pull that sets it may return 0 all the same. Holds the registry's lock for the time of
 * `max` entries only.
 */
size_t vx_feed_pull(struct vx_feed *feed, struct vx_change *changes, size_t max, uint64_t *revision,
                    bool *restarted);

/* Removals up to and including this revision are forgotten: a client that last looked before it
 * needs all calls anew. */
uint64_t vx_feed_horizon(struct vx_feed *feed);

#endif
