/*
 * gzip members (RFC 1952) that are put together from pieces which are deflated one by one and kept.
 * A piece ends on a byte and looks at nothing before its own beginning, so that it can stand behind
 * any other; what changes a list a little costs the deflating of one piece.
 *
 * What is deflated in a second is bounded, for all lists together: it is the network's thread that
 * does it, and one event that makes a client ask again may cost it 25 kB. Beyond the bound a list
 * is sent as it is, which is always right.
 *
 * What a client may see is compressed with what strangers have chosen, the names and numbers that
 * they call with: who can call an account and watch the lengths of its clients' encrypted answers
 * could try to guess other calls of the same segment, though no token or secret is ever in it.
 * gzip-level 0 is for who has to rule that out.
 *
 * Threads: any, but for what says otherwise.
 */
#ifndef VX_GZIP_H
#define VX_GZIP_H

#include "core/buf.h"
#include "core/clock.h"

/* Settings, what is left of this second, counters: one for all that deflate. */
struct vx_gzip;

enum vx_gzip_result {
    VX_GZIP_DONE,
    VX_GZIP_MORE, /* call again, in another turn */
    /* It is not to be had: */
    VX_GZIP_BUSY,      /* more has changed than may be deflated */
    VX_GZIP_LARGE,     /* it would hold up others */
    VX_GZIP_NO_MEMORY, /* there is none, or a limit of the account's is reached */
    VX_GZIP_RESULTS
};

/* It deflates nothing before it is configured. Borrows `clock`. Owned by the caller. NULL: out of
 * memory. */
struct vx_gzip *vx_gzip_new(const struct vx_clock *clock);
/* Clears the caller's pointer. */
void vx_gzip_release(struct vx_gzip **gzip);

/* `level`: 0 (none) to 9; `per_second`: bytes. */
void vx_gzip_configure(struct vx_gzip *gzip, unsigned level, int64_t per_second);
unsigned vx_gzip_level(const struct vx_gzip *gzip);

/* Whether `len` bytes may be deflated now; then they count. */
bool vx_gzip_take(struct vx_gzip *gzip, size_t len);

/* Counts what became of a list for a client that takes gzip: VX_GZIP_DONE: it was sent so. */
void vx_gzip_count(struct vx_gzip *gzip, enum vx_gzip_result result);
/* Counts bytes that were deflated, and what they became. */
void vx_gzip_count_bytes(struct vx_gzip *gzip, size_t in, size_t out);
uint64_t vx_gzip_counted(const struct vx_gzip *gzip, enum vx_gzip_result result);
void vx_gzip_counted_bytes(const struct vx_gzip *gzip, uint64_t *in, uint64_t *out);

/* --- pieces --- */

/* Some 270 kB. One thread at a time. */
struct vx_deflate;

/* NULL: out of memory. Owned by the caller. */
struct vx_deflate *vx_deflate_new(unsigned level);
/* Clears the caller's pointer. */
void vx_deflate_release(struct vx_deflate **deflate);

/* Appends the bytes as a piece. False: out of memory, and `out` is of no use any more. */
bool vx_deflate_add(struct vx_deflate *deflate, struct vx_str bytes, struct vx_buf *out);
/* Appends them as a piece that holds them as they are; at most 65,535. */
void vx_deflate_store(struct vx_buf *out, struct vx_str bytes);
#define VX_DEFLATE_STORED 5 /* so much longer is that */

/* What comes before the pieces of a member, and behind them: `after` as the last one, then the sum
 * of all. Both append to a buffer that the caller checks. */
void vx_gzip_begin(struct vx_buf *out);
void vx_gzip_end(struct vx_buf *out, struct vx_str after, uint32_t sum, size_t len);

/* CRC-32 of bytes that follow others whose sum is `sum`; 0 at first. */
uint32_t vx_gzip_sum(uint32_t sum, struct vx_str bytes);
/* The same for bytes of which only their own sum and length are known. */
uint32_t vx_gzip_sum_join(uint32_t sum, uint32_t next, size_t len);

#endif
