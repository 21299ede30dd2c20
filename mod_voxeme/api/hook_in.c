/* Webhooks in the bodies of requests: an object with url, or the URL alone. */
#include "api/json_in.h"

#include <stdio.h>

static bool is_url(struct vx_str url, bool relative) {
    static const struct vx_str schemes[] = {VX_STR("http://"), VX_STR("https://"), VX_STR("ws://"),
                                            VX_STR("wss://")};

    for (size_t i = 0; i < url.len; i++)
        if ((unsigned char)url.at[i] <= ' ' || url.at[i] == 0x7f)
            return false;
    if (relative && url.len && url.at[0] == '/')
        return true;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (url.len > schemes[i].len &&
            vx_str_ieq((struct vx_str){url.at, schemes[i].len}, schemes[i]))
            return true;
    return false;
}

static bool text_of(struct exchange *x, const struct vx_json *hook, const char *key,
                    const char *field, size_t max, struct vx_str *out) {
    char path[64];

    snprintf(path, sizeof path, "%s.%s", key, field);
    return vx_in_text(x, hook, path, max, out);
}

/* f->url is VX_NONE when there is no such hook. False: answered. */
static bool read_hook(struct exchange *x, const struct vx_json *body, const char *key,
                      struct vx_hook_fields *f) {
    static const char *const methods[] = {"POST", "GET", "post", "get", NULL};
    char path[64];
    const struct vx_json *hook = vx_json_member(body, key);
    int method = 0;

    *f = (struct vx_hook_fields){.url = VX_NONE};
    if (!hook)
        return true;
    if (vx_is_string(hook))
        return vx_in_text(x, body, key, VX_HOOK_URL_BYTES, &f->url);
    if (!vx_is_object(hook)) {
        vx_fail(x, 400, "%s must be a URL or an object with url", key);
        return false;
    }
    snprintf(path, sizeof path, "%s.method", key);
    if (!text_of(x, hook, key, "url", VX_HOOK_URL_BYTES, &f->url) ||
        !vx_in_word(x, hook, path, methods, &method) ||
        !text_of(x, hook, key, "username", 256, &f->username) ||
        !text_of(x, hook, key, "password", 256, &f->password))
        return false;
    f->get = method & 1;
    if (f->url.at)
        return true;
    vx_fail(x, 400, "%s.url is missing", key);
    return false;
}

bool vx_in_hook(struct exchange *x, const struct vx_json *body, const char *key, bool relative,
                struct vx_str *url) {
    struct vx_hook_fields f;

    *url = VX_NONE;
    if (!read_hook(x, body, key, &f))
        return false;
    if (f.url.at && !is_url(f.url, relative)) {
        vx_fail(x, 400, "%s has no absolute URL%s", key,
                relative ? ", and no path that begins with /" : "");
        return false;
    }
    *url = f.url;
    return true;
}

struct vx_str vx_in_hook_method(const struct vx_json *body, const char *key) {
    const struct vx_json *hook = vx_json_member(body, key);
    const struct vx_json *method = vx_is_object(hook) ? vx_json_member(hook, "method") : NULL;

    if (!vx_is_string(method))
        return VX_NONE;
    return vx_str_ieq(method->text, VX_STR("GET")) ? VX_STR("GET") : VX_STR("POST");
}

bool vx_in_status_hook(struct exchange *x, const struct vx_json *body, struct vx_hook **hook) {
    static const char key[] = "call_status_hook";
    struct vx_hook_fields f;
    const char *fault;

    *hook = NULL;
    if (!read_hook(x, body, key, &f))
        return false;
    if (!f.url.at)
        return true;
    if ((fault = vx_hook_url_fault(f.url))) {
        vx_fail(x, 400, "%s.url %s", key, fault);
        return false;
    }
    if ((fault = vx_hook_fault(&f))) {
        vx_fail(x, 400, "%s %s", key, fault);
        return false;
    }
    *hook = vx_hook_new(&f);
    if (!*hook)
        vx_answer_no_memory(x);
    return *hook != NULL;
}
