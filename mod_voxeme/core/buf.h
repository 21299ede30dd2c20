/*
 * A growable byte buffer. A failed allocation sticks: later appends do nothing and vx_buf_ok()
 * tells, so that a renderer checks once at its end. Zero-initialise; vx_buf_free() may be called at
 * any time.
 */
#ifndef VX_BUF_H
#define VX_BUF_H

#include "core/base.h"

struct vx_buf {
    char *at;
    size_t len;
    size_t cap;
    bool failed;
};

/* Makes room for `more` bytes beyond len. False when it cannot. */
bool vx_buf_reserve(struct vx_buf *b, size_t more);
void vx_buf_add(struct vx_buf *b, const void *bytes, size_t len);
void vx_buf_str(struct vx_buf *b, struct vx_str s);
void vx_buf_puts(struct vx_buf *b, const char *s);
void vx_buf_printf(struct vx_buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void vx_buf_free(struct vx_buf *b);

static inline bool vx_buf_ok(const struct vx_buf *b) {
    return !b->failed;
}

#endif
