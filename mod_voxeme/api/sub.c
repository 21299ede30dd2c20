#include "api/sub.h"

#include "api/api_private.h"
#include "api/selection.h"
#include "core/alloc.h"

#include <inttypes.h>

/* Nobody knows when one of the others goes. */
#define RETRY_SECONDS 5

#define LARGE 65536 /* of a message, bytes */

struct vx_sub {
    struct tenant *tenant;
    struct query q; /* `from` and `to` lie in `texts` */
    bool own;       /* counts among those that its account may have */
    bool behind;    /* wants a snapshot */
    uint64_t revision;
    /* Of a message that takes more than one turn. */
    uint64_t progress;
    struct vx_selection *selection;
    uint8_t token[VX_TOKEN_HASH];
    char texts[];
};

static struct vx_str keep(char **at, struct vx_str s) {
    struct vx_str kept = {*at, s.len};

    if (!s.at)
        return VX_NONE;
    memcpy(*at, s.at, s.len);
    *at += s.len;
    return kept;
}

static void answer_too_many(struct exchange *x, unsigned most) {
    atomic_fetch_add(&x->api->streams_limited, 1);
    vx_fail(x, 429, "too many live feeds of this account, it may have %u", most);
    x->response->retry_after = RETRY_SECONDS;
}

void vx_subscribe(struct exchange *x, const struct query *q) {
    struct vx_sub *sub = vx_calloc(1, sizeof *sub + q->from.len + q->to.len);
    unsigned most = (unsigned)vx_config_int(x->state->config, VX_SET_MAX_STREAMS_PER_ACCOUNT);
    char *at;

    if (!sub || !vx_tenant_follow(x->tenant, x->api->clock)) {
        vx_free(sub);
        vx_answer_no_memory(x);
        return;
    }
    sub->own = !x->admin;
    if (!vx_tenant_join(x->tenant, sub->own, most)) {
        vx_free(sub);
        answer_too_many(x, most);
        return;
    }
    at = sub->texts;
    sub->tenant = vx_tenant_ref(x->tenant);
    sub->q = *q;
    sub->q.from = keep(&at, q->from);
    sub->q.to = keep(&at, q->to);
    sub->behind = !q->since_known;
    sub->revision = q->since_known ? q->revision : 0;
    memcpy(sub->token, x->token, sizeof sub->token);
    x->response->status = 200;
    x->response->sub = sub;
}

void vx_sub_release(struct vx_sub **sub) {
    struct vx_sub *s = *sub;

    *sub = NULL;
    if (!s)
        return;
    vx_selection_release(&s->selection);
    vx_tenant_leave(s->tenant, s->own);
    vx_tenant_release(&s->tenant);
    vx_free(s);
}

uint64_t vx_sub_revision(const struct vx_sub *sub) {
    return sub->revision;
}

bool vx_sub_is_behind(const struct vx_sub *sub) {
    return sub->behind || vx_scope_revision(sub->tenant->scope) != sub->revision;
}

struct vx_scope *vx_sub_scope(const struct vx_sub *sub) {
    return sub->tenant->scope;
}

void vx_sub_took(struct vx_api *api, struct vx_sub *sub, int64_t us) {
    vx_tenant_took(sub->tenant, api->clock, us);
}

void vx_sub_restart(struct vx_sub *sub) {
    sub->behind = true;
    sub->progress = 0;
}

bool vx_sub_is_short(const struct vx_sub *sub) {
    return vx_pot_is_short(vx_pot_of_feeds(sub->tenant->pot));
}

bool vx_sub_allowed(struct vx_api *api, const struct vx_sub *sub) {
    struct state *s = vx_state_of(api);
    bool may = vx_token_may(api, s, sub->token, sub->tenant);

    vx_state_release(&s);
    return may;
}

/* --- messages --- */

static void begin(struct vx_api *api, const struct vx_view *view, const char *type,
                  const char *list, struct vx_buf *out) {
    vx_buf_printf(out, "{\"type\":\"%s\",\"revision\":\"%s.%" PRIu64 "\",\"%s\":", type,
                  vx_registry_epoch(api->registry), vx_view_revision(view), list);
}

static enum vx_sub_result seal(struct vx_sub *sub, struct vx_buf *out, struct vx_body **message) {
    *message =
        vx_buf_ok(out) ? vx_body_copy(out->at, out->len, vx_pot_of_feeds(sub->tenant->pot)) : NULL;
    vx_buf_free(out);
    return *message ? VX_SUB_MESSAGE : VX_SUB_NO_MEMORY;
}

static enum vx_sub_result make_whole(struct vx_api *api, struct vx_sub *sub, struct vx_view *view,
                                     struct vx_body **message) {
    struct vx_body *list = NULL;
    enum vx_turn turn = vx_view_list(view, &list);
    struct vx_buf head = {0};

    if (turn != VX_TURN_DONE)
        return turn == VX_TURN_MORE ? VX_SUB_LATER : VX_SUB_NO_MEMORY;
    begin(api, view, "snapshot", "calls", &head);
    *message = vx_wrap_list(&head, list, vx_pot_of_feeds(sub->tenant->pot));
    vx_body_release(&list);
    return *message ? VX_SUB_MESSAGE : VX_SUB_NO_MEMORY;
}

static enum vx_sub_result make_snapshot(struct vx_api *api, struct vx_sub *sub,
                                        struct vx_view *view, struct vx_body **message) {
    struct vx_buf head = {0};
    enum vx_turn turn;

    if (!vx_query_filters(&sub->q))
        return make_whole(api, sub, view, message);
    if (!sub->selection)
        sub->selection = vx_selection_new();
    turn = sub->selection ? vx_selection_go(sub->selection, view, &sub->q, true,
                                            vx_pot_of_feeds(sub->tenant->pot))
                          : VX_TURN_NO_MEMORY;
    if (turn != VX_TURN_DONE)
        return turn == VX_TURN_MORE ? VX_SUB_LATER : VX_SUB_NO_MEMORY;
    begin(api, view, "snapshot", "calls", &head);
    vx_buf_puts(&head, "[");
    *message = vx_selection_join(sub->selection, &head, "]}", vx_pot_of_feeds(sub->tenant->pot));
    return *message ? VX_SUB_MESSAGE : VX_SUB_NO_MEMORY;
}

/* VX_SUB_IDLE: nothing that passes the filter. */
static enum vx_sub_result make_changes(struct vx_api *api, struct vx_sub *sub, struct vx_view *view,
                                       struct vx_body **message) {
    struct vx_buf out = {0};
    uint64_t count;

    if (!vx_collect_ahead(view, &sub->q, sub->revision, &sub->progress))
        return VX_SUB_LATER;
    begin(api, view, "changes", "changes", &out);
    vx_buf_puts(&out, "[");
    count = vx_collect_events(view, &sub->q, sub->revision, &out);
    vx_buf_puts(&out, "]}");
    if (count || !vx_buf_ok(&out)) {
        bool large = out.len > LARGE;
        enum vx_sub_result result = seal(sub, &out, message);

        /* It would be made whole at each new try, longer each time, and may never fit; a list is
         * shared and made in turns. */
        if (result == VX_SUB_NO_MEMORY && large)
            vx_sub_restart(sub);
        return result;
    }
    vx_buf_free(&out);
    return VX_SUB_IDLE;
}

/* Thousands follow in step: what one of them is sent the others can be sent as well. */
static enum vx_sub_result make(struct vx_api *api, struct vx_sub *sub, struct vx_view *view,
                               struct vx_body **message) {
    bool whole = sub->behind || !vx_view_reaches(view, sub->revision);
    enum made_kind kind = whole ? MADE_SNAPSHOT : MADE_CHANGES;
    uint64_t since = whole ? 0 : sub->revision;
    bool shared = !vx_query_filters(&sub->q);
    enum vx_sub_result result;

    if (!whole && sub->revision == vx_view_revision(view))
        return VX_SUB_IDLE;
    *message = shared ? vx_tenant_made(sub->tenant, kind, since) : NULL;
    if (*message)
        return VX_SUB_MESSAGE;
    result = whole ? make_snapshot(api, sub, view, message) : make_changes(api, sub, view, message);
    if (result == VX_SUB_MESSAGE && shared)
        vx_tenant_keep(sub->tenant, kind, since, *message);
    return result;
}

enum vx_sub_result vx_sub_next(struct vx_api *api, struct vx_sub *sub, struct vx_body **message) {
    uint64_t seen = sub->behind ? UINT64_MAX : sub->revision;
    enum vx_sub_result result;
    struct vx_view *view;

    *message = NULL;
    switch (vx_tenant_view_beyond(sub->tenant, api->clock, seen, &view)) {
    case VX_TURN_MORE:
        return VX_SUB_LATER;
    case VX_TURN_NO_MEMORY:
        return VX_SUB_NO_MEMORY;
    case VX_TURN_DONE:
        break;
    }
    result = make(api, sub, view, message);
    if (result == VX_SUB_MESSAGE || result == VX_SUB_IDLE) {
        sub->revision = vx_view_revision(view);
        sub->behind = false;
        sub->progress = 0;
        vx_selection_release(&sub->selection);
    }
    vx_tenant_unlock(sub->tenant);
    return result;
}
