#include "net/accept_encoding.h"

#include "net/http_parse.h"

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Of "q=0.5" (section 12.4.2), in thousandths; 0: malformed. */
static unsigned quality(struct vx_str weight) {
    unsigned q, place = 100;

    if (weight.len < 3 || weight.len > 7 ||
        !vx_str_ieq((struct vx_str){weight.at, 2}, VX_STR("q=")))
        return 0;
    if ((weight.at[2] != '0' && weight.at[2] != '1') || (weight.len > 3 && weight.at[3] != '.'))
        return 0;
    q = weight.at[2] == '1' ? 1000 : 0;
    for (size_t i = 4; i < weight.len; i++, place /= 10) {
        if (!is_digit(weight.at[i]))
            return 0;
        q += place * (unsigned)(weight.at[i] - '0');
    }
    return q <= 1000 ? q : 0;
}

static struct vx_str trim(struct vx_str s) {
    struct vx_str trimmed = s;

    vx_http_next_element(&s, &trimmed);
    return trimmed;
}

static unsigned *place_of(struct vx_accept_encoding *said, struct vx_str coding) {
    if (vx_str_ieq(coding, VX_STR("gzip")) || vx_str_ieq(coding, VX_STR("x-gzip")))
        return &said->gzip;
    if (vx_str_ieq(coding, VX_STR("identity")))
        return &said->identity;
    return vx_str_eq(coding, VX_STR("*")) ? &said->any : NULL;
}

void vx_accept_encoding_add(struct vx_accept_encoding *said, struct vx_str line) {
    struct vx_str element;

    while (vx_http_next_element(&line, &element)) {
        const char *mark = element.len ? memchr(element.at, ';', element.len) : NULL;
        unsigned q = 1000, *place;

        if (mark) {
            size_t name = (size_t)(mark - element.at);

            q = quality(trim((struct vx_str){mark + 1, element.len - name - 1}));
            element = trim((struct vx_str){element.at, name});
        }
        place = place_of(said, element);
        if (place && (!*place || q < *place - 1))
            *place = q + 1;
    }
}

bool vx_accept_encoding_gzip(const struct vx_accept_encoding *said) {
    unsigned gzip = said->gzip ? said->gzip : said->any;

    return gzip > 1 && gzip >= said->identity;
}
