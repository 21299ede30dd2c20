/* What comes percent-encoded or in chunks. */
#include "net/http_parse.h"

#include "core/percent.h"

static struct vx_str take_until(struct vx_str *rest, char mark) {
    const char *found = rest->len ? memchr(rest->at, mark, rest->len) : NULL;
    struct vx_str part = *rest;

    if (!found) {
        *rest = VX_STR("");
        return part;
    }
    part.len = (size_t)(found - rest->at);
    rest->len -= part.len + 1;
    rest->at = found + 1;
    return part;
}

bool vx_http_params(struct vx_str query, struct vx_param *params, size_t max, size_t *count,
                    struct vx_http_error *error) {
    *count = 0;
    while (query.len) {
        struct vx_str value = take_until(&query, '&');
        struct vx_str name = take_until(&value, '=');

        if (!name.len)
            continue;
        if (*count == max) {
            *error = (struct vx_http_error){400, "too many query parameters"};
            return false;
        }
        if (!vx_percent_decode(&name) || !vx_percent_decode(&value)) {
            *error = (struct vx_http_error){400, "malformed percent-encoding in the query"};
            return false;
        }
        params[(*count)++] = (struct vx_param){name, value};
    }
    return true;
}

enum { SIZE, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF, TRAILER, TRAILER_LINE, LAST_LF };

static enum vx_http_result refuse(struct vx_http_error *error, unsigned status) {
    *error =
        (struct vx_http_error){status, status == 413 ? "body too large" : "malformed chunked body"};
    return VX_HTTP_BAD;
}

/* The step behind the line of a chunk's size. */
static int after_size(const struct vx_chunks *c) {
    return c->left ? DATA : TRAILER;
}

/* One byte of anything but content. Returns the next state, or -1. */
static int step(struct vx_chunks *c, char byte) {
    switch (c->state) {
    case SIZE:
        if (vx_hex_value(byte) >= 0) {
            c->left = c->left << 4 | (uint64_t)vx_hex_value(byte);
            return ++c->digits <= 8 ? SIZE : -1;
        }
        if (!c->digits)
            return -1;
        return byte == '\r' ? SIZE_LF : byte == '\n' ? after_size(c) : byte == ';' ? EXTENSION : -1;
    case EXTENSION:
        return byte == '\r' ? SIZE_LF : byte == '\n' ? after_size(c) : EXTENSION;
    case SIZE_LF:
        return byte == '\n' ? after_size(c) : -1;
    case DATA_CR:
        return byte == '\r' ? DATA_LF : byte == '\n' ? SIZE : -1;
    case DATA_LF:
        return byte == '\n' ? SIZE : -1;
    case TRAILER:
        return byte == '\r' ? LAST_LF : byte == '\n' ? LAST_LF + 1 : TRAILER_LINE;
    case TRAILER_LINE:
        return byte == '\n' ? TRAILER : TRAILER_LINE;
    case LAST_LF:
        return byte == '\n' ? LAST_LF + 1 : -1;
    default:
        return -1;
    }
}

enum vx_http_result vx_chunks_scan(struct vx_chunks *c, const char *at, size_t len, size_t limit,
                                   struct vx_http_error *error) {
    while (c->scanned < len) {
        if (c->state == DATA) {
            size_t there = len - c->scanned;
            size_t n = c->left < there ? (size_t)c->left : there;

            if (c->size > limit || c->left > limit - c->size) /* a reload may lower it */
                return refuse(error, 413);
            c->scanned += n;
            c->size += n;
            c->left -= n;
            if (!c->left)
                c->state = DATA_CR;
            continue;
        }
        c->state = step(c, at[c->scanned++]);
        c->around++;
        if (c->state < 0)
            return refuse(error, 400);
        if (c->state == SIZE && at[c->scanned - 1] == '\n')
            c->digits = 0;
        if (c->state == LAST_LF + 1)
            return VX_HTTP_DONE;
        if (c->around > limit + 4096)
            return refuse(error, 413);
    }
    return VX_HTTP_MORE;
}

size_t vx_chunks_join(char *at, size_t len) {
    struct vx_chunks c = {0};
    size_t out = 0;

    while (c.scanned < len) {
        if (c.state == DATA) {
            memmove(at + out, at + c.scanned, (size_t)c.left);
            out += (size_t)c.left;
            c.scanned += (size_t)c.left;
            c.left = 0;
            c.state = DATA_CR;
            continue;
        }
        c.state = step(&c, at[c.scanned++]);
        if (c.state == SIZE && at[c.scanned - 1] == '\n')
            c.digits = 0;
        if (c.state < 0 || c.state > LAST_LF)
            break;
    }
    return out;
}
