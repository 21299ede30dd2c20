/* Shared by the files that write the OpenAPI document, for no one else. */
#ifndef VX_OPENAPI_PRIVATE_H
#define VX_OPENAPI_PRIVATE_H

#include "api/api_private.h"

#define REF(name) "{\"$ref\":\"#/components/schemas/" name "\"}"

/* A comma between this item and the one before it in the same object or array. */
static inline void separate(struct vx_buf *out, bool *first) {
    if (!*first)
        vx_buf_puts(out, ",");
    *first = false;
}

static inline void string(struct vx_buf *out, const char *s) {
    vx_json_string(out, vx_str(s));
}

static inline void key(struct vx_buf *out, const char *name) {
    string(out, name);
    vx_buf_puts(out, ":");
}

static inline bool creates(const struct route *r) {
    return r->method == VX_POST && !strstr(r->path, "{call_sid}");
}

/* openapi_answers.c: the members of `responses` of an operation, and what they refer to: `headers`
 * and `responses` of the components. */
void vx_openapi_responses(struct vx_buf *out, const struct route *r);
void vx_openapi_answers(struct vx_buf *out);

#endif
