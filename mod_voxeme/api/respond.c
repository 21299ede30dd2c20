#include "api/api_private.h"
#include "core/alloc.h"

#include <stdarg.h>
#include <stdio.h>

static const char json_media_type[] = "application/json; charset=utf-8";

void vx_response_clear(struct vx_response *response) {
    vx_body_release(&response->body);
    vx_scope_release(&response->hold.scope);
    vx_selection_release(&response->hold.selection);
    if (response->hold.command) /* nobody will ask for it */
        vx_command_give_up(response->hold.command);
    vx_command_release(&response->hold.command);
    vx_sub_release(&response->sub);
    memset(response, 0, sizeof *response);
}

/* A response that has no memory for its body is still a response: status and headers alone. */
void vx_api_error(struct vx_response *response, unsigned status, const char *msg) {
    struct vx_buf out = {0};

    vx_body_release(&response->body);
    response->status = status;
    response->content_type = NULL;
    vx_buf_puts(&out, "{\"msg\":");
    vx_json_string(&out, vx_str(msg));
    vx_buf_puts(&out, "}");
    if (vx_buf_ok(&out))
        response->body = vx_body_copy(out.at, out.len, NULL);
    if (response->body)
        response->content_type = json_media_type;
    vx_buf_free(&out);
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

struct vx_body *vx_wrap_list(struct vx_buf *head, struct vx_body *list, struct vx_pot *pot) {
    struct vx_body *start = vx_buf_ok(head) ? vx_body_copy(head->at, head->len, pot) : NULL;
    struct vx_body *end = vx_body_copy("}", 1, pot), *joined = NULL;

    if (start && end) {
        struct vx_piece pieces[] = {vx_piece_from(start, 0, vx_body_len(start)),
                                    vx_piece_from(list, 0, vx_body_len(list)),
                                    vx_piece_from(end, 0, 1)};

        joined = vx_body_join(pieces, sizeof pieces / sizeof *pieces, pot);
    }
    vx_buf_free(head);
    vx_body_release(&start);
    vx_body_release(&end);
    return joined;
}

void vx_answer_later(struct exchange *x, uint64_t progress) {
    x->response->status = 0;
    x->response->hold = (struct vx_hold){.progress = progress};
}

void vx_answer(struct exchange *x, unsigned status, const char *content_type, struct vx_buf *out) {
    struct vx_pot *pot = x->tenant ? x->tenant->pot : NULL;
    struct vx_body *body = vx_buf_ok(out) ? vx_body_copy(out->at, out->len, pot) : NULL;

    vx_buf_free(out);
    if (!body) {
        vx_answer_no_memory(x);
        return;
    }
    x->response->status = status;
    x->response->content_type = content_type ? content_type : json_media_type;
    x->response->body = body;
}
