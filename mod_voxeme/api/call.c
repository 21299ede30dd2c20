/* One call, the count of calls, health. */
#include "api/api_private.h"

#include <inttypes.h>

void vx_get_call(struct exchange *x) {
    struct vx_snapshot *call;
    struct vx_uuid sid;
    struct vx_buf out = {0};

    if (!vx_expire_due(x))
        return;
    vx_uuid_parse(&sid, x->call_sid); /* vx_authorize() has seen that it is one */
    call = vx_scope_find(x->tenant->scope, &sid);
    if (!call) {
        vx_fail(x, 404, "no such call");
        return;
    }
    vx_buf_json(&out, call);
    vx_snapshot_release(&call);
    vx_answer(x, 200, NULL, &out);
}

void vx_get_call_count(struct exchange *x) {
    struct vx_counts counts = vx_scope_counts(x->tenant->scope);
    struct vx_buf out = {0};

    vx_buf_printf(&out, "{\"inbound\":%" PRIu64 ",\"outbound\":%" PRIu64 "}", counts.live_inbound,
                  counts.live_outbound);
    vx_answer(x, 200, NULL, &out);
}

void vx_get_health(struct exchange *x) {
    struct vx_buf out = {0};

    vx_buf_puts(&out, "{\"status\":\"ok\"}");
    vx_answer(x, 200, NULL, &out);
}
