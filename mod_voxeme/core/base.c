#include "core/base.h"

bool vx_str_ieq(struct vx_str a, struct vx_str b) {
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        unsigned x = (unsigned char)a.at[i], y = (unsigned char)b.at[i];

        if (x == y)
            continue;
        x |= 0x20;
        if (x != (y | 0x20) || x < 'a' || x > 'z')
            return false;
    }
    return true;
}

size_t vx_decimal(char out[VX_DECIMAL], uint64_t n) {
    char digits[VX_DECIMAL];
    size_t at = sizeof digits;

    do
        digits[--at] = (char)('0' + n % 10);
    while (n /= 10);
    memcpy(out, digits + at, sizeof digits - at);
    return sizeof digits - at;
}
