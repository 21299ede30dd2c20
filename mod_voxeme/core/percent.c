#include "core/percent.h"

const uint8_t vx_hex_digits[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

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
