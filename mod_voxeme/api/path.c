/* Paths against the patterns of the route table. */
#include "api/api_private.h"
#include "core/percent.h"

/* What lies before the next slash; takes it, and the slash, off *rest. */
static struct vx_str next_segment(struct vx_str *rest) {
    const char *slash = rest->len ? memchr(rest->at, '/', rest->len) : NULL;
    struct vx_str segment = *rest;

    if (!slash) {
        *rest = VX_NONE;
        return segment;
    }
    segment.len = (size_t)(slash - rest->at);
    rest->len -= segment.len + 1;
    rest->at = slash + 1;
    return segment;
}

static bool same(struct vx_str wanted, struct vx_str encoded) {
    char byte;

    if (!encoded.len || !memchr(encoded.at, '%', encoded.len))
        return vx_str_eq(wanted, encoded);
    for (size_t i = 0; i < wanted.len; i++)
        if (!encoded.len || !vx_percent_next(&encoded, &byte) || byte != wanted.at[i])
            return false;
    return encoded.len == 0;
}

static bool keep(struct path_param *param, struct vx_str *value, struct vx_str encoded) {
    if (!encoded.len)
        return false;
    param->len = 0;
    if (!memchr(encoded.at, '%', encoded.len)) {
        param->len = encoded.len < sizeof param->text ? encoded.len : sizeof param->text;
        memcpy(param->text, encoded.at, param->len);
        encoded.len = 0;
    }
    while (encoded.len && param->len < sizeof param->text)
        if (!vx_percent_next(&encoded, &param->text[param->len++]))
            return false;
    *value = (struct vx_str){param->text, param->len};
    return true;
}

bool vx_path_matches(struct exchange *x, const char *pattern) {
    struct vx_str wanted = vx_str(pattern), path = x->request->path;

    x->account_sid = x->call_sid = VX_NONE;
    while (wanted.at && path.at) {
        struct vx_str name = next_segment(&wanted), segment = next_segment(&path);

        if (name.len && name.at[0] == '{') {
            bool account = name.at[1] == 'a';

            if (!keep(&x->params[!account], account ? &x->account_sid : &x->call_sid, segment))
                return false;
        } else if (!same(name, segment)) {
            return false;
        }
    }
    /* Clients of the family end the path of a list with a slash. */
    return !wanted.at && !path.len;
}
