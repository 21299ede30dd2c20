#include "api/api_private.h"
#include "core/alloc.h"

#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>

static const char json_media_type[] = "application/json; charset=utf-8";

void vx_response_clear(struct vx_response *response) {
    vx_body_release(&response->body);
    vx_scope_release(&response->hold.scope);
    memset(response, 0, sizeof *response);
}

/* A response that has no memory for its body is still a response: status and headers alone. */
void vx_api_error(struct vx_response *response, unsigned status, const char *msg) {
    struct json_object *object = json_object_new_object();
    struct json_object *text = object ? json_object_new_string(msg) : NULL;
    const char *json = NULL;

    vx_body_release(&response->body);
    response->status = status;
    response->content_type = NULL;
    if (text && json_object_object_add(object, "msg", text) == 0) {
        text = NULL; /* the object owns it now */
        json = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
                                                          JSON_C_TO_STRING_NOSLASHESCAPE);
    }
    if (json)
        response->body = vx_body_copy(json, strlen(json));
    if (response->body)
        response->content_type = json_media_type;
    json_object_put(text);
    json_object_put(object);
}

void vx_fail(struct exchange *x, unsigned status, const char *format, ...) {
    char msg[256];
    va_list ap;

    va_start(ap, format);
    vsnprintf(msg, sizeof msg, format, ap);
    va_end(ap);
    vx_api_error(x->response, status, msg);
}

void vx_answer_no_memory(struct exchange *x) {
    vx_fail(x, 503, "out of memory, try again");
    x->response->retry_after = 1;
}

void vx_answer(struct exchange *x, unsigned status, const char *content_type, struct vx_buf *out) {
    struct vx_body *body = vx_buf_ok(out) ? vx_body_copy(out->at, out->len) : NULL;

    vx_buf_free(out);
    if (!body) {
        vx_answer_no_memory(x);
        return;
    }
    x->response->status = status;
    x->response->content_type = content_type ? content_type : json_media_type;
    x->response->body = body;
}
