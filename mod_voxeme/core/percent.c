#include "core/percent.h"

int vx_hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool vx_percent_next(struct vx_str *s, char *byte) {
    int high, low;

    if (s->at[0] != '%') {
        *byte = s->at[0];
        s->at++;
        s->len--;
        return true;
    }
    high = s->len > 2 ? vx_hex_value(s->at[1]) : -1;
    low = high >= 0 ? vx_hex_value(s->at[2]) : -1;
    if (low < 0 || (!high && !low))
        return false;
    *byte = (char)(high << 4 | low);
    s->at += 3;
    s->len -= 3;
    return true;
}

bool vx_percent_valid(struct vx_str s) {
    char byte;

    if (!s.len || !memchr(s.at, '%', s.len))
        return true;
    while (s.len)
        if (!vx_percent_next(&s, &byte))
            return false;
    return true;
}

bool vx_percent_decode(struct vx_str *s) {
    char *at = (char *)(uintptr_t)s->at;
    struct vx_str rest = *s;
    size_t out = 0;

    if (!s->len || !memchr(s->at, '%', s->len))
        return true;
    while (rest.len)
        if (!vx_percent_next(&rest, &at[out++]))
            return false;
    s->len = out;
    return true;
}
