#include "core/json_text.h"

#include "core/call.h"

#define EVERY_BYTE(b) (UINT64_C(0x0101010101010101) * (b))

/* Length of the valid UTF-8 sequence at p (RFC 3629: no overlong forms, no surrogates); 0 if there
 * is none. */
size_t vx_utf8_len(const void *at, size_t left) {
    const unsigned char *p = at;
    unsigned char low = 0x80, high = 0xbf;
    size_t len = p[0] >= 0xc2 && p[0] <= 0xdf   ? 2
                 : (p[0] & 0xf0) == 0xe0        ? 3
                 : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
                                                : 0;

    if (p[0] < 0x80)
        return 1;
    if (len == 0 || len > left)
        return 0;
    if (p[0] == 0xe0)
        low = 0xa0;
    else if (p[0] == 0xed)
        high = 0x9f;
    else if (p[0] == 0xf0)
        low = 0x90;
    else if (p[0] == 0xf4)
        high = 0x8f;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

static inline bool is_plain(unsigned char c) {
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* Whether all eight bytes stand for themselves. A byte below n gets its top bit set by taking n
 * away (n at most 0x80), as long as none before it has borrowed, which would be a find as well. */
static inline bool plain_eight(const unsigned char *p) {
    uint64_t eight;

    memcpy(&eight, p, sizeof eight);
    return ((eight | (eight - EVERY_BYTE(0x20)) | ((eight ^ EVERY_BYTE('"')) - EVERY_BYTE(1)) |
             ((eight ^ EVERY_BYTE('\\')) - EVERY_BYTE(1))) &
            EVERY_BYTE(0x80)) == 0;
}

/* How many bytes from p on stand for themselves; eight at a time, as nearly all do. */
static inline size_t plain_run(const unsigned char *p, size_t len) {
    size_t i = 0;

    while (len - i >= 8 && plain_eight(p + i))
        i += 8;
    if (len >= 8 && len - i < 8 && plain_eight(p + len - 8))
        return len;
    while (i < len && is_plain(p[i]))
        i++;
    return i;
}

/* What stands in the JSON for the bytes at p, the first of which is not plain. Returns its length
 * and how many bytes it stands for. */
static size_t escape(char out[6], const unsigned char *p, size_t left, size_t *taken) {
    static const char digits[] = "0123456789abcdef";
    static const char shorthand[0x20] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    unsigned char c = p[0];
    size_t len = c >= 0x80 ? vx_utf8_len(p, left) : 0;

    *taken = len ? len : 1;
    if (len) {
        memcpy(out, p, len);
        return len;
    }
    if (c >= 0x80) {
        memcpy(out, "\xef\xbf\xbd", 3); /* U+FFFD for each byte that is not UTF-8 */
        return 3;
    }
    out[0] = '\\';
    out[1] = c >= 0x20 ? (char)c : shorthand[c];
    if (out[1])
        return 2;
    memcpy(out + 1, (char[]){'u', '0', '0', digits[c >> 4], digits[c & 15]}, 5);
    return 6;
}

#define WIDE 16

typedef signed char wide __attribute__((vector_size(WIDE)));

/* Which of these bytes do not stand for themselves; those from 0x80 on are below zero. */
static inline wide special(const char *p) {
    wide w;

    memcpy(&w, p, sizeof w);
    return (w < 0x20) | (w == '"') | (w == '\\');
}

bool vx_json_is_plain(struct vx_str s) {
    wide found = {0};
    uint64_t half[2];

    if (s.len < WIDE)
        return plain_run((const unsigned char *)s.at, s.len) == s.len;
    for (size_t i = 0; i + WIDE < s.len; i += WIDE)
        found |= special(s.at + i);
    found |= special(s.at + s.len - WIDE);
    memcpy(half, &found, sizeof half);
    return (half[0] | half[1]) == 0;
}

size_t vx_json_string_len(struct vx_str s) {
    const unsigned char *p = (const unsigned char *)s.at;
    size_t len = 2, i = 0;

    if (vx_json_is_plain(s))
        return s.len + 2;
    while (i < s.len) {
        size_t run = plain_run(p + i, s.len - i), taken;
        char escaped[6];

        len += run;
        i += run;
        if (i == s.len)
            break;
        len += escape(escaped, p + i, s.len - i, &taken);
        i += taken;
    }
    return len;
}

void vx_pen_string(struct vx_pen *pen, struct vx_str s) {
    const unsigned char *p = (const unsigned char *)s.at;
    size_t i = 0;

    vx_pen_write(pen, "\"", 1);
    while (i < s.len) {
        size_t run = plain_run(p + i, s.len - i), taken;
        char escaped[6];

        vx_pen_write(pen, s.at + i, run);
        i += run;
        if (i == s.len)
            break;
        vx_pen_write(pen, escaped, escape(escaped, p + i, s.len - i, &taken));
        i += taken;
    }
    vx_pen_write(pen, "\"", 1);
}

void vx_json_string(struct vx_buf *out, struct vx_str s) {
    size_t len = vx_json_string_len(s);
    struct vx_pen pen;

    if (!vx_buf_reserve(out, len))
        return;
    pen = (struct vx_pen){out->at + out->len, len};
    vx_pen_string(&pen, s);
    if (pen.left == 0)
        out->len += len;
    else
        out->failed = true;
}
