/* What the bodies of requests hold, checked. Private to api/. */
#ifndef VX_JSON_IN_H
#define VX_JSON_IN_H

#include "api/api_private.h"
#include "core/json_read.h"

/* The body, which has to be one object; NULL: answered why not. The caller releases it. */
struct vx_json_document *vx_in_body(struct exchange *x);

/* `key` is the name of the member, perhaps behind the path to `object`, as answers name it:
 * "to.sipUri". */

/* A text member of 1 to `max` bytes without control characters. Not there (or null): VX_NONE and
 * true. False: answered with 400. */
bool vx_in_text(struct exchange *x, const struct vx_json *object, const char *key, size_t max,
                struct vx_str *out);
/* A whole number from `min` to `max`; *out is left alone when it is not there. */
bool vx_in_number(struct exchange *x, const struct vx_json *object, const char *key, unsigned min,
                  unsigned max, unsigned *out);
/* One of the words of a list that ends with NULL; *index is left alone when it is not there. */
bool vx_in_word(struct exchange *x, const struct vx_json *object, const char *key,
                const char *const *words, int *index);

/* hook_in.c: a webhook, as an object or its URL alone; *url is VX_NONE when there is none. */
bool vx_in_hook(struct exchange *x, const struct vx_json *body, const char *key, bool relative,
                struct vx_str *url);
/* Of one that vx_in_hook() has read: "POST" or "GET"; VX_NONE when it says nothing. */
struct vx_str vx_in_hook_method(const struct vx_json *body, const char *key);
/* call_status_hook, a reference for the caller; NULL and true when there is none. */
bool vx_in_status_hook(struct exchange *x, const struct vx_json *body, struct vx_hook **hook);
/* call_create.c: a tag as compact JSON, appended to `tag`, which stays empty when there is none. */
bool vx_in_tag(struct exchange *x, const struct vx_json *body, const char *key, struct vx_buf *tag);

static inline bool vx_is_object(const struct vx_json *value) {
    return value && value->type == VX_JSON_OBJECT;
}

static inline bool vx_is_string(const struct vx_json *value) {
    return value && value->type == VX_JSON_STRING;
}

#endif
