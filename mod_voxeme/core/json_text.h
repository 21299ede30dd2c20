/* JSON strings: how long a text becomes, and writing it into room that was measured before. */
#ifndef VX_JSON_TEXT_H
#define VX_JSON_TEXT_H

#include "core/base.h"

/* Room that is left to write into. What does not fit makes `left` SIZE_MAX, and so does all that
 * follows: a writer that is done looks whether `left` is what it ought to be. */
struct vx_pen {
    char *at;
    size_t left;
};

static inline void vx_pen_write(struct vx_pen *pen, const void *bytes, size_t len) {
    if (len > pen->left || pen->left == SIZE_MAX) {
        pen->left = SIZE_MAX;
        return;
    }
    memcpy(pen->at, bytes, len);
    pen->at += len;
    pen->left -= len;
}

/* `s` as a JSON string with its quotes (RFC 8259, section 7). Invalid UTF-8 becomes U+FFFD, control
 * characters are escaped. */
/* Whether no byte of it needs an escape or belongs to a longer character: then it takes its own
 * length and two quotes. */
bool vx_json_is_plain(struct vx_str s);
size_t vx_json_string_len(struct vx_str s);
void vx_pen_string(struct vx_pen *pen, struct vx_str s);

/* Length of the valid UTF-8 sequence at `at` (RFC 3629: no overlong forms, no surrogates); 0 if
 * there is none. left > 0. */
size_t vx_utf8_len(const void *at, size_t left);

#endif
