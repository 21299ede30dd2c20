#include "core/uuid.h"

#include "core/percent.h"

#include <endian.h>
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

/* Eight digits, all at once: each nibble moves into a byte of its own. */
static void put_digits(char out[8], const uint8_t bytes[4]) {
    const uint64_t each = UINT64_C(0x0101010101010101);
    uint64_t x = (uint64_t)bytes[0] | (uint64_t)bytes[1] << 16 | (uint64_t)bytes[2] << 32 |
                 (uint64_t)bytes[3] << 48;
    uint64_t letters;

    x = (x >> 4 & UINT64_C(0x000f000f000f000f)) | (x & UINT64_C(0x000f000f000f000f)) << 8;
    letters = (x + 6 * each) >> 4 & each;
    x = htole64(x + '0' * each + letters * ('a' - '0' - 10));
    memcpy(out, &x, sizeof x);
}

void vx_uuid_format(char out[VX_UUID_TEXT + 1], const struct vx_uuid *u) {
    char digits[2 * sizeof u->b];

    for (size_t i = 0; i < sizeof u->b; i += 4)
        put_digits(digits + 2 * i, u->b + i);
    memcpy(out, digits, 8);
    memcpy(out + 9, digits + 8, 4);
    memcpy(out + 14, digits + 12, 4);
    memcpy(out + 19, digits + 16, 4);
    memcpy(out + 24, digits + 20, 12);
    out[8] = out[13] = out[18] = out[23] = '-';
    out[VX_UUID_TEXT] = '\0';
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
