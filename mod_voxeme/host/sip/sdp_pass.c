#include "host/sip/sdp_pass.h"

#include <inttypes.h>

static const char *const directions_of[] = {
    [VX_SDP_INACTIVE] = "a=inactive",
    [VX_SDP_SENDONLY] = "a=sendonly",
    [VX_SDP_RECVONLY] = "a=recvonly",
    [VX_SDP_SENDRECV] = "a=sendrecv",
};

/* Takes off *rest what stands before the next `separator`. */
static struct vx_str take(struct vx_str *rest, char separator) {
    const char *end = rest->len ? memchr(rest->at, separator, rest->len) : NULL;
    struct vx_str part = {rest->at, end ? (size_t)(end - rest->at) : rest->len};
    size_t taken = part.len + (end ? 1 : 0);

    *rest = (struct vx_str){rest->at + taken, rest->len - taken};
    return part;
}

static struct vx_str take_line(struct vx_str *rest) {
    struct vx_str line = take(rest, '\n');

    if (line.len && line.at[line.len - 1] == '\r')
        line.len--;
    return line;
}

static bool begins(struct vx_str line, const char *with) {
    size_t len = strlen(with);

    return line.len >= len && memcmp(line.at, with, len) == 0;
}

static bool direction_of(struct vx_str line, enum vx_sdp_media *media) {
    for (size_t i = 0; i < sizeof directions_of / sizeof *directions_of; i++) {
        if (vx_str_eq(line, vx_str(directions_of[i]))) {
            *media = (enum vx_sdp_media)i;
            return true;
        }
    }
    return false;
}

static bool parse_version(struct vx_str text, uint64_t *version) {
    *version = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned)(text.at[i] - '0');
        if (digit > 9 || *version > (UINT64_MAX - digit) / 10)
            return false;
        *version = *version * 10 + digit;
    }
    return text.len > 0;
}

/* "o=user session version ..." */
static void pass_origin(struct vx_buf *out, struct vx_str line, const struct vx_sdp_origin *ours,
                        unsigned shift) {
    struct vx_str rest = line;
    uint64_t version;

    take(&rest, ' ');
    take(&rest, ' ');
    size_t before = line.len - rest.len;
    bool counts = parse_version(take(&rest, ' '), &version) && version <= UINT64_MAX - shift;
    if (ours) {
        vx_sdp_origin_line(out, ours, counts ? version + shift : shift);
        return;
    }
    if (counts) {
        vx_buf_add(out, line.at, before);
        vx_buf_printf(out, "%" PRIu64 " ", version + shift);
        vx_buf_str(out, rest);
    } else {
        vx_buf_str(out, line);
    }
    vx_buf_puts(out, "\r\n");
}

/* Where a reader of a description is. */
struct section {
    enum vx_sdp_media session, media; /* of all streams, of this one */
    bool in_stream, open;
};

/* True: the line begins a stream or says which way its media goes. */
static bool read_direction(struct section *at, struct vx_str line) {
    struct vx_str rest = line;

    if (begins(line, "m=")) {
        take(&rest, ' ');
        at->in_stream = true;
        at->open = !vx_str_eq(take(&rest, ' '), VX_STR("0"));
        at->media = at->session;
        return true;
    }
    return direction_of(line, at->in_stream ? &at->media : &at->session);
}

static void end_stream(struct vx_buf *out, const struct section *at, enum vx_sdp_turning turning) {
    unsigned media = at->media;

    if (turning == VX_SDP_KEEP || !at->in_stream || !at->open)
        return;
    if (turning == VX_SDP_OPEN)
        media = VX_SDP_SENDRECV;
    else
        media = turning == VX_SDP_HOLD ? media & VX_SDP_SENDONLY : media | VX_SDP_SENDONLY;
    vx_buf_puts(out, directions_of[media]);
    vx_buf_puts(out, "\r\n");
}

void vx_sdp_pass(struct vx_buf *out, struct vx_str sdp, const struct vx_sdp_origin *ours,
                 unsigned shift, enum vx_sdp_turning turning) {
    struct section at = {.session = VX_SDP_SENDRECV};

    while (sdp.len > 0) {
        struct vx_str line = take_line(&sdp);

        if (begins(line, "m="))
            end_stream(out, &at, turning);
        if (begins(line, "o=") && !at.in_stream) {
            pass_origin(out, line, ours, shift);
        } else if (!read_direction(&at, line) || turning == VX_SDP_KEEP || begins(line, "m=")) {
            vx_buf_str(out, line);
            vx_buf_puts(out, "\r\n");
        }
    }
    end_stream(out, &at, turning);
}

static void sum_stream(struct vx_buf *out, const struct section *at) {
    if (at->in_stream && at->open)
        vx_buf_puts(out, directions_of[at->media]);
}

/* What of a line says where media goes; "" of any other. */
static struct vx_str essence_of(struct vx_str line) {
    static const char *const whole[] = {"c=", "a=crypto:", "a=fingerprint:", "a=ice-ufrag:"};
    struct vx_str rest = line;

    if (begins(line, "m=")) {
        take(&rest, ' ');
        take(&rest, ' ');
        take(&rest, ' '); /* formats may be narrowed by an answer */
        return (struct vx_str){line.at, line.len - rest.len};
    }
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (begins(line, whole[i]))
            return line;
    return VX_STR("");
}

static void sum_up(struct vx_buf *out, struct vx_str sdp, bool directions) {
    struct section at = {.session = VX_SDP_SENDRECV};

    while (sdp.len > 0) {
        struct vx_str line = take_line(&sdp), essence = essence_of(line);

        if (directions && begins(line, "m="))
            sum_stream(out, &at);
        read_direction(&at, line);
        if (essence.len > 0) {
            vx_buf_str(out, essence);
            vx_buf_puts(out, "\n");
        }
    }
    if (directions)
        sum_stream(out, &at);
}

bool vx_sdp_same_media(struct vx_str one, struct vx_str other, bool directions) {
    struct vx_buf a = {0}, b = {0};
    bool same;

    sum_up(&a, one, directions);
    sum_up(&b, other, directions);
    same = !vx_buf_ok(&a) || !vx_buf_ok(&b) ||
           vx_str_eq((struct vx_str){a.at, a.len}, (struct vx_str){b.at, b.len});
    vx_buf_free(&a);
    vx_buf_free(&b);
    return same;
}
