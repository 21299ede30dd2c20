#include "core/uuid.h"

#include "core/percent.h"

#include <errno.h>
#include <sys/random.h>

static bool is_dash(size_t i) {
    return i == 8 || i == 13 || i == 18 || i == 23;
}

bool vx_uuid_parse(struct vx_uuid *out, struct vx_str text) {
    struct vx_uuid u = {{0}};
    size_t digit = 0;

    if (text.len != VX_UUID_TEXT)
        return false;
    for (size_t i = 0; i < VX_UUID_TEXT; i++) {
        if (is_dash(i)) {
            if (text.at[i] != '-')
                return false;
            continue;
        }
        int value = vx_hex_value(text.at[i]);
        if (value < 0)
            return false;
        u.b[digit / 2] = (uint8_t)(u.b[digit / 2] << 4 | value);
        digit++;
    }
    *out = u;
    return true;
}

void vx_uuid_format(char out[VX_UUID_TEXT + 1], const struct vx_uuid *u) {
    static const char digits[] = "0123456789abcdef";
    char *p = out;

    for (size_t i = 0; i < sizeof u->b; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = digits[u->b[i] >> 4];
        *p++ = digits[u->b[i] & 15];
    }
    *p = '\0';
}

bool vx_uuid_random(struct vx_uuid *out) {
    struct vx_uuid u;
    ssize_t n;

    do
        n = getrandom(u.b, sizeof u.b, 0);
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof u.b)
        return false;
    u.b[6] = (uint8_t)((u.b[6] & 0x0f) | 0x40);
    u.b[8] = (uint8_t)((u.b[8] & 0x3f) | 0x80);
    *out = u;
    return true;
}
