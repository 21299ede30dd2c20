/*
 * Memory that is at hand for what events make anew: calls and their snapshots.
 *
 * The heap of any thread but a process's first grows page by page, a system call and a page fault
 * for each, and takes back what another thread frees under a lock: some ten microseconds of the
 * host's thread, for one event in a hundred. So the network thread keeps a stock of blocks of the
 * sizes that are in demand, and what the host's thread lets go of goes there first.
 *
 * Blocks are malloc()'s and stay so: nothing depends on there being any in stock.
 *
 * Nobody waits. Each size in demand has a shelf; whoever finds another thread at it turns to
 * malloc() and free(). A shelf has as many blocks as it takes for it not to run out between two
 * fillings: twice as many after it nearly did, fewer again while they are not needed.
 *
 * Threads: any, but for what says otherwise.
 */
#ifndef VX_STOCK_H
#define VX_STOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As vx_malloc(). */
void *vx_stock_take(size_t size);
/* As vx_free(), for what was taken with this size. Accepts NULL. */
void vx_stock_give(void *p, size_t size);

/* There is somebody who fills it from now on: before there is, and when the last one has closed it,
 * nothing is in it. */
void vx_stock_open(void);
void vx_stock_close(void);

/* Whether a shelf has become low since the last filling: whoever fills it should be woken. */
bool vx_stock_is_low(void);

/* Fills the shelves that are low, for whoever has opened it; takes up to some hundred microseconds.
 * `second`: a second has passed since it was last said, and what has not been needed may go. */
void vx_stock_fill(bool second);

/* What is in stock is never more than this. */
#define VX_STOCK_BYTES ((size_t)2304 << 10)

struct vx_stock_stats {
    uint64_t bytes;  /* in stock */
    uint64_t missed; /* blocks that had to come from malloc() because their shelf was empty */
};
/* For /metrics. */
void vx_stock_stats(struct vx_stock_stats *out);

#endif
