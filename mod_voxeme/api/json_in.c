#include "api/json_in.h"

#include <stdio.h>

struct vx_json_document *vx_in_body(struct exchange *x) {
    struct vx_str body = x->request->body;
    struct vx_json_document *document;
    size_t at;

    if (!body.len) {
        vx_fail(x, 400, "the body is missing");
        return NULL;
    }
    switch (vx_json_read(&document, body, &at)) {
    case VX_JSON_NO_MEMORY:
        vx_answer_no_memory(x);
        return NULL;
    case VX_JSON_MALFORMED:
        vx_fail(x, 400, "the body is not JSON that is taken here: byte %zu", at + 1);
        return NULL;
    case VX_JSON_OK:
        break;
    }
    if (vx_is_object(vx_json_root(document)))
        return document;
    vx_json_release(&document);
    vx_fail(x, 400, "the body is not a JSON object");
    return NULL;
}

static const struct vx_json *member(const struct vx_json *object, const char *key) {
    const char *dot = strrchr(key, '.');

    return vx_json_member(object, dot ? dot + 1 : key);
}

bool vx_in_text(struct exchange *x, const struct vx_json *object, const char *key, size_t max,
                struct vx_str *out) {
    const struct vx_json *value = member(object, key);

    *out = VX_NONE;
    if (!value)
        return true;
    if (value->type != VX_JSON_STRING || !value->text.len || value->text.len > max) {
        vx_fail(x, 400, "%s must be a text of 1 to %zu bytes", key, max);
        return false;
    }
    *out = value->text;
    for (size_t i = 0; i < out->len; i++)
        if ((unsigned char)out->at[i] < 0x20 || out->at[i] == 0x7f) {
            vx_fail(x, 400, "%s has a control character", key);
            return false;
        }
    return true;
}

bool vx_in_number(struct exchange *x, const struct vx_json *object, const char *key, unsigned min,
                  unsigned max, unsigned *out) {
    const struct vx_json *value = member(object, key);
    int64_t n = 0;

    if (!value)
        return true;
    if (!vx_json_int(value, &n) || n < (int64_t)min || n > (int64_t)max) {
        vx_fail(x, 400, "%s must be a whole number from %u to %u", key, min, max);
        return false;
    }
    *out = (unsigned)n;
    return true;
}

bool vx_in_word(struct exchange *x, const struct vx_json *object, const char *key,
                const char *const *words, int *index) {
    const struct vx_json *value = member(object, key);
    char list[128] = "";

    if (!value)
        return true;
    for (int i = 0; words[i]; i++) {
        size_t len = strlen(list);

        if (value->type == VX_JSON_STRING && vx_str_eq(value->text, vx_str(words[i]))) {
            *index = i;
            return true;
        }
        snprintf(list + len, sizeof list - len, "%s%s", i ? ", " : "", words[i]);
    }
    vx_fail(x, 400, "%s must be one of %s", key, list);
    return false;
}
