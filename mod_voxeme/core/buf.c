#include "core/buf.h"

#include "core/alloc.h"

#include <stdarg.h>
#include <stdio.h>

bool vx_buf_reserve(struct vx_buf *b, size_t more) {
    size_t cap = b->cap ? b->cap : 256;
    char *grown;

    if (b->failed)
        return false;
    if (more <= b->cap - b->len)
        return true;
    if (more > SIZE_MAX / 4 - b->len) {
        b->failed = true;
        return false;
    }
    while (cap - b->len < more)
        cap *= 2;
    grown = vx_realloc(b->at, cap);
    if (!grown) {
        b->failed = true;
        return false;
    }
    b->at = grown;
    b->cap = cap;
    return true;
}

void vx_buf_add(struct vx_buf *b, const void *bytes, size_t len) {
    if (len == 0 || !vx_buf_reserve(b, len))
        return;
    memcpy(b->at + b->len, bytes, len);
    b->len += len;
}

void vx_buf_str(struct vx_buf *b, struct vx_str s) {
    vx_buf_add(b, s.at, s.len);
}

void vx_buf_puts(struct vx_buf *b, const char *s) {
    vx_buf_add(b, s, strlen(s));
}

void vx_buf_printf(struct vx_buf *b, const char *format, ...) {
    va_list ap;
    int len;

    va_start(ap, format);
    len = vsnprintf(NULL, 0, format, ap);
    va_end(ap);
    if (len < 0 || !vx_buf_reserve(b, (size_t)len + 1)) {
        b->failed = true;
        return;
    }
    va_start(ap, format);
    vsnprintf(b->at + b->len, (size_t)len + 1, format, ap);
    va_end(ap);
    b->len += (size_t)len;
}

void vx_buf_free(struct vx_buf *b) {
    vx_free(b->at);
    *b = (struct vx_buf){0};
}
