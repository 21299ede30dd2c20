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

/* What stands for the parameter that `name` begins with. */
static bool keep_as(struct exchange *x, const char *name, struct vx_str encoded) {
    bool account = name[1] == 'a';

    return keep(&x->params[!account], account ? &x->account_sid : &x->call_sid, encoded);
}

VX_SELDOM static bool matches_encoded(struct exchange *x, const char *pattern, struct vx_str path) {
    struct vx_str wanted = vx_str(pattern);

    while (wanted.at && path.at) {
        struct vx_str name = next_segment(&wanted), segment = next_segment(&path);
        bool is_param = name.len && name.at[0] == '{';

        if (is_param ? !keep_as(x, name.at, segment) : !same(name, segment))
            return false;
    }
    return !wanted.at && !path.len;
}

bool vx_path_matches(struct exchange *x, const char *pattern) {
    struct vx_str path = x->request->path;
    const char *at = path.at, *end = at + path.len;

    x->account_sid = x->call_sid = VX_NONE;
    if (!path.len)
        return false;
    if (memchr(path.at, '%', path.len))
        return matches_encoded(x, pattern, path);
    while (at < end && (*pattern == *at || *pattern == '{')) {
        const char *slash;

        if (*pattern != '{') {
            pattern++;
            at++;
            continue;
        }
        slash = memchr(at, '/', (size_t)(end - at));
        path = (struct vx_str){at, (size_t)((slash ? slash : end) - at)};
        if (!keep_as(x, pattern, path))
            return false;
        at += path.len;
        pattern = strchr(pattern, '}') + 1;
    }
    /* Clients of the family end the path of a list with a slash. */
    return !*pattern && (at == end || (*at == '/' && at + 1 == end));
}
