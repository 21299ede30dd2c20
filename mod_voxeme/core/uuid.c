#include "core/uuid.h"

#include "core/percent.h"

#include <errno.h>
#include <sys/random.h>

bool vx_uuid_parse(struct vx_uuid *out, struct vx_str text) {
    static const uint8_t places[] = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};
    struct vx_uuid u;
    int all = 0; /* negative when one digit is none */

    if (text.len != VX_UUID_TEXT || text.at[8] != '-' || text.at[13] != '-' || text.at[18] != '-' ||
        text.at[23] != '-')
        return false;
    for (size_t i = 0; i < sizeof u.b; i++) {
        int high = vx_hex_value(text.at[places[i]]), low = vx_hex_value(text.at[places[i] + 1]);

        all |= high | low;
        u.b[i] = (uint8_t)((unsigned)high << 4 | (unsigned)low);
    }
    if (all < 0)
        return false;
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
