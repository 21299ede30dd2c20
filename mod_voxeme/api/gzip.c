#include "api/gzip.h"

#include "core/alloc.h"

#include <pthread.h>
#include <stdatomic.h>
#include <zlib.h>

#define FULL_US (10 * VX_SECOND_US) /* whatever is missing is made up for by then */

/* What deflateBound() does not say: the end of the block before a flush, and the flush itself. */
#define FLUSH_ROOM 32

struct vx_gzip {
    const struct vx_clock *clock;
    atomic_uint level;
    atomic_uint_fast64_t counts[VX_GZIP_RESULTS], in, out;
    pthread_mutex_t lock;
    int64_t per_second, left, refilled_us; /* guarded by lock */
};

struct vx_gzip *vx_gzip_new(const struct vx_clock *clock) {
    struct vx_gzip *g = vx_calloc(1, sizeof *g);

    if (!g)
        return NULL;
    g->clock = clock;
    pthread_mutex_init(&g->lock, NULL);
    return g;
}

void vx_gzip_release(struct vx_gzip **gzip) {
    struct vx_gzip *g = *gzip;

    *gzip = NULL;
    if (!g)
        return;
    pthread_mutex_destroy(&g->lock);
    vx_free(g);
}

void vx_gzip_configure(struct vx_gzip *g, unsigned level, int64_t per_second) {
    pthread_mutex_lock(&g->lock);
    if (g->per_second != per_second) {
        g->per_second = g->left = per_second;
        g->refilled_us = vx_mono_us(g->clock);
    }
    pthread_mutex_unlock(&g->lock);
    atomic_store(&g->level, level);
}

unsigned vx_gzip_level(const struct vx_gzip *g) {
    return atomic_load_explicit(&g->level, memory_order_relaxed);
}

/* With the lock. Time that is not worth a byte yet is left for the next one. */
static void refill(struct vx_gzip *g) {
    int64_t now_us = vx_mono_us(g->clock), us = now_us - g->refilled_us, more;

    if (!g->per_second)
        return;
    if (us >= FULL_US) {
        g->left = g->per_second;
        g->refilled_us = now_us;
        return;
    }
    more = g->per_second * us / VX_SECOND_US;
    g->left = more < g->per_second - g->left ? g->left + more : g->per_second;
    g->refilled_us += more * VX_SECOND_US / g->per_second;
}

bool vx_gzip_take(struct vx_gzip *g, size_t len) {
    bool may;

    pthread_mutex_lock(&g->lock);
    refill(g);
    may = g->left > 0;
    if (may)
        g->left -= (int64_t)len; /* what is too much is missing later */
    pthread_mutex_unlock(&g->lock);
    return may;
}

void vx_gzip_count(struct vx_gzip *g, enum vx_gzip_result result) {
    atomic_fetch_add_explicit(&g->counts[result], 1, memory_order_relaxed);
}

void vx_gzip_count_bytes(struct vx_gzip *g, size_t in, size_t out) {
    atomic_fetch_add_explicit(&g->in, in, memory_order_relaxed);
    atomic_fetch_add_explicit(&g->out, out, memory_order_relaxed);
}

uint64_t vx_gzip_counted(const struct vx_gzip *g, enum vx_gzip_result result) {
    return atomic_load_explicit(&g->counts[result], memory_order_relaxed);
}

void vx_gzip_counted_bytes(const struct vx_gzip *g, uint64_t *in, uint64_t *out) {
    *in = atomic_load_explicit(&g->in, memory_order_relaxed);
    *out = atomic_load_explicit(&g->out, memory_order_relaxed);
}

/* --- pieces --- */

struct vx_deflate {
    z_stream z;
};

static void *z_alloc(void *opaque, unsigned items, unsigned size) {
    (void)opaque;
    return size && items > SIZE_MAX / size ? NULL : vx_malloc((size_t)items * size);
}

static void z_free(void *opaque, void *at) {
    (void)opaque;
    vx_free(at);
}

struct vx_deflate *vx_deflate_new(unsigned level) {
    struct vx_deflate *d = vx_calloc(1, sizeof *d);

    if (!d)
        return NULL;
    d->z.zalloc = z_alloc;
    d->z.zfree = z_free;
    if (deflateInit2(&d->z, (int)level, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        vx_free(d);
        return NULL;
    }
    return d;
}

void vx_deflate_release(struct vx_deflate **deflate) {
    struct vx_deflate *d = *deflate;

    *deflate = NULL;
    if (!d)
        return;
    deflateEnd(&d->z);
    vx_free(d);
}

bool vx_deflate_add(struct vx_deflate *d, struct vx_str bytes, struct vx_buf *out) {
    size_t room;

    deflateReset(&d->z); /* nothing of the piece before: it may not stand before this one */
    room = deflateBound(&d->z, bytes.len) + FLUSH_ROOM;
    if (!vx_buf_reserve(out, room))
        return false;
    d->z.next_in = (unsigned char *)(uintptr_t)bytes.at;
    d->z.avail_in = (unsigned)bytes.len;
    d->z.next_out = (unsigned char *)out->at + out->len;
    d->z.avail_out = (unsigned)room;
    if (deflate(&d->z, Z_SYNC_FLUSH) != Z_OK || d->z.avail_in || !d->z.avail_out)
        return false;
    out->len += room - d->z.avail_out;
    return true;
}

static void put_little_endian(struct vx_buf *out, uint32_t n, unsigned bytes) {
    for (; bytes; bytes--, n >>= 8)
        vx_buf_add(out, &(char){(char)(n & 0xff)}, 1);
}

/* RFC 1951, section 3.2.4; `last`: no other follows. */
static void store(struct vx_buf *out, struct vx_str bytes, bool last) {
    uint16_t len = (uint16_t)bytes.len;

    put_little_endian(out, last, 1);
    put_little_endian(out, len, 2);
    put_little_endian(out, (uint16_t)~len, 2);
    vx_buf_str(out, bytes);
}

void vx_deflate_store(struct vx_buf *out, struct vx_str bytes) {
    store(out, bytes, false);
}

void vx_gzip_begin(struct vx_buf *out) {
    static const char head[] = {0x1f, (char)0x8b, 8, 0, 0, 0, 0, 0, 0, (char)0xff};

    vx_buf_add(out, head, sizeof head); /* deflated; of no name, time or system */
}

void vx_gzip_end(struct vx_buf *out, struct vx_str after, uint32_t sum, size_t len) {
    store(out, after, true);
    put_little_endian(out, sum, 4);
    put_little_endian(out, (uint32_t)len, 4);
}

uint32_t vx_gzip_sum(uint32_t sum, struct vx_str bytes) {
    return (uint32_t)crc32_z(sum, (const unsigned char *)bytes.at, bytes.len);
}

uint32_t vx_gzip_sum_join(uint32_t sum, uint32_t next, size_t len) {
    return (uint32_t)crc32_combine(sum, next, (z_off_t)len);
}
