/*
 * GET .../Calls: the list, whole, filtered, in pages, or only what changed; at once, or when
 * something changes.
 */
#include "api/api_private.h"
#include "api/selection.h"
#include "core/json_text.h"

#include <inttypes.h>
#include <stdio.h>

static void set_etag(struct exchange *x, uint64_t revision) {
    char *etag = x->response->etag;
    struct vx_pen pen = {etag, VX_ETAG_SIZE - 1};
    const char *epoch = vx_registry_epoch(x->api->registry);
    char digits[VX_DECIMAL];

    vx_pen_write(&pen, "W/\"", 3);
    vx_pen_write(&pen, epoch, strlen(epoch));
    vx_pen_write(&pen, ".", 1);
    vx_pen_write(&pen, digits, vx_decimal(digits, revision));
    vx_pen_write(&pen, "\"", 1);
    *(pen.left == SIZE_MAX ? etag : pen.at) = '\0';
}

/* Takes over the body; NULL: there was no memory for it. */
static void answer_body(struct exchange *x, struct vx_body *body) {
    if (!body) {
        vx_answer_no_memory(x);
        return;
    }
    x->response->status = 200;
    x->response->content_type = "application/json; charset=utf-8";
    x->response->body = body;
}

/* The whole list, or NULL and an answer that says why not. */
static struct vx_body *whole_list(struct exchange *x, struct vx_view *view) {
    struct vx_body *body = NULL;
    enum vx_turn turn = vx_view_list(view, &body);

    if (turn == VX_TURN_MORE)
        vx_answer_later(x, x->request->progress);
    else if (turn == VX_TURN_NO_MEMORY)
        vx_answer_no_memory(x);
    return body;
}

/* Answers with the whole list in gzip, or that it takes another turn; `progress` counts these.
 * False: as it is. */
static bool answer_gzip(struct exchange *x, struct vx_view *view, const struct vx_around *around) {
    struct vx_gzip *gzip = x->api->gzip;
    uint64_t turns = x->request->progress;
    struct vx_body *body = NULL;

    if (!x->request->takes_gzip || !vx_gzip_level(gzip))
        return false;
    switch (vx_view_gzip(view, gzip, turns, around, &body)) {
    case VX_TURN_MORE:
        vx_answer_later(x, turns + 1);
        return true;
    case VX_TURN_NO_MEMORY:
        vx_answer_no_memory(x);
        return true;
    case VX_TURN_DONE:
        break;
    }
    if (!body)
        return false;
    answer_body(x, body);
    x->response->content_encoding = "gzip";
    return true;
}

static void answer_whole(struct exchange *x, struct vx_view *view) {
    struct vx_body *body;

    if (answer_gzip(x, view, NULL))
        return;
    body = whole_list(x, view);
    if (body)
        answer_body(x, body);
}

/* The calls that pass the filter, or NULL and an answer that says why not yet, or why not. */
static struct vx_selection *select_calls(struct exchange *x, const struct query *q,
                                         struct vx_view *view) {
    struct vx_selection *selection = x->request->selection, *fresh = NULL;
    enum vx_turn turn;

    if (!selection)
        selection = fresh = vx_selection_new();
    turn = selection ? vx_selection_go(selection, view, q, !q->paged, x->tenant->pot)
                     : VX_TURN_NO_MEMORY;
    if (turn == VX_TURN_NO_MEMORY) {
        vx_selection_release(&fresh);
        vx_answer_no_memory(x);
        return NULL;
    }
    if (turn == VX_TURN_MORE)
        vx_answer_later(x, 0);
    x->response->hold.selection = fresh; /* it goes with the response in any case */
    return turn == VX_TURN_DONE ? selection : NULL;
}

static void answer_filtered(struct exchange *x, const struct query *q, struct vx_view *view) {
    struct vx_selection *selection = select_calls(x, q, view);
    struct vx_buf head = {0};

    if (!selection)
        return;
    vx_buf_puts(&head, "[");
    answer_body(x, vx_selection_join(selection, &head, "]", x->tenant->pot));
}

static void answer_page(struct exchange *x, const struct query *q, struct vx_view *view) {
    struct vx_selection *selection = select_calls(x, q, view);
    struct vx_buf out = {0};

    if (!selection)
        return;
    vx_buf_printf(&out, "{\"total\":%" PRIu64 ",\"page\":%u,\"page_size\":%u,\"data\":[",
                  vx_selection_total(selection), q->page, q->page_size);
    vx_selection_page(selection, view, q, (uint64_t)(q->page - 1) * q->page_size, q->page_size,
                      &out);
    vx_buf_puts(&out, "]}");
    vx_answer(x, 200, NULL, &out);
}

static void begin_reset(struct exchange *x, struct vx_view *view, struct vx_buf *out) {
    vx_buf_printf(out, "{\"revision\":\"%s.%" PRIu64 "\",\"reset\":true,\"calls\":",
                  vx_registry_epoch(x->api->registry), vx_view_revision(view));
}

/* Everything, by way of the list that others get as well. */
static void answer_reset_whole(struct exchange *x, struct vx_view *view) {
    struct vx_buf head = {0}, before = {0};
    struct vx_body *list;
    bool answered;

    begin_reset(x, view, &before);
    vx_buf_puts(&before, "[");
    answered = vx_buf_ok(&before) &&
               answer_gzip(x, view, &(struct vx_around){{before.at, before.len}, VX_STR("]}")});
    vx_buf_free(&before);
    if (answered || !(list = whole_list(x, view)))
        return;
    begin_reset(x, view, &head);
    answer_body(x, vx_wrap_list(&head, list, x->tenant->pot));
    vx_body_release(&list);
}

static void answer_reset(struct exchange *x, const struct query *q, struct vx_view *view) {
    struct vx_selection *selection;
    struct vx_buf head = {0};

    if (!vx_query_filters(q)) {
        answer_reset_whole(x, view);
        return;
    }
    selection = select_calls(x, q, view);
    if (!selection)
        return;
    begin_reset(x, view, &head);
    vx_buf_puts(&head, "[");
    answer_body(x, vx_selection_join(selection, &head, "]}", x->tenant->pot));
}

static void answer_delta(struct exchange *x, const struct query *q, struct vx_view *view) {
    uint64_t progress = x->request->progress;
    struct vx_buf out = {0};

    if (!vx_collect_ahead(view, q, q->revision, &progress)) {
        vx_answer_later(x, progress);
        return;
    }
    vx_buf_printf(&out, "{\"revision\":\"%s.%" PRIu64 "\",\"calls\":[",
                  vx_registry_epoch(x->api->registry), vx_view_revision(view));
    vx_collect_changed(view, q, q->revision, &out);
    vx_buf_puts(&out, "],\"removed\":[");
    vx_collect_removed(view, q, q->revision, &out);
    vx_buf_puts(&out, "]}");
    vx_answer(x, 200, NULL, &out);
}

/* Thousands may follow an account in step: those who ask for the same get the same. */
static void answer_since(struct exchange *x, const struct query *q, struct vx_view *view) {
    bool shared = !vx_query_filters(q);
    struct vx_body *kept;

    if (!q->since_known || !vx_view_reaches(view, q->revision)) {
        answer_reset(x, q, view);
        return;
    }
    kept = shared ? vx_tenant_made(x->tenant, MADE_SINCE, q->revision) : NULL;
    if (kept) {
        answer_body(x, kept);
        return;
    }
    answer_delta(x, q, view);
    if (shared && x->response->status == 200)
        vx_tenant_keep(x->tenant, MADE_SINCE, q->revision, x->response->body);
}

/* The opaque part of an entity tag, whether weak or not (RFC 9110, section 8.8.3.2: weak
 * comparison). */
struct vx_str vx_next_tag(struct vx_str *list) {
    const char *open = list->len ? memchr(list->at, '"', list->len) : NULL;
    const char *end = open ? list->at + list->len : NULL;
    const char *close = open ? memchr(open + 1, '"', (size_t)(end - open - 1)) : NULL;

    if (!close)
        return VX_NONE;
    *list = (struct vx_str){close + 1, (size_t)(end - close - 1)};
    return (struct vx_str){open + 1, (size_t)(close - open - 1)};
}

static bool none_match(struct exchange *x, uint64_t revision) {
    struct vx_str list = x->request->if_none_match, tag;
    uint64_t seen;

    if (vx_str_eq(list, VX_STR("*")))
        return false;
    while ((tag = vx_next_tag(&list)).at)
        if (vx_cursor_parse(x, tag, &seen) && seen == revision)
            return false;
    return true;
}

static void hold(struct exchange *x, const struct query *q, uint64_t revision) {
    x->response->status = 0;
    x->response->hold = (struct vx_hold){
        .scope = vx_scope_ref(x->tenant->scope), .revision = revision, .seconds = q->wait};
    atomic_fetch_add(&x->api->held, 1);
}

/* Answers what needs no look at the calls: nothing has changed. */
static bool answer_unchanged(struct exchange *x, const struct query *q) {
    bool conditional = x->request->if_none_match.len > 0;
    bool held = q->wait && !x->request->waited && (conditional || q->since);
    uint64_t revision;

    if (!conditional && !held)
        return false;
    /* Before the revision is looked at: what changes from then on must wake whoever holds this. */
    if (held && !vx_tenant_follow(x->tenant, x->api->clock)) {
        vx_answer_no_memory(x);
        return true;
    }
    revision = vx_scope_revision(x->tenant->scope);
    if (q->since ? !(q->since_known && q->revision == revision) : none_match(x, revision))
        return false;
    if (held) {
        hold(x, q, revision);
        return true;
    }
    if (q->since)
        return false;
    x->response->status = 304;
    set_etag(x, revision);
    return true; /* whichever coding it was sent in: the tag is a weak one */
}

/* A browser that connects again asks for the same URL: what it has seen since tells the header. */
static void take_last_event(struct exchange *x, struct query *q) {
    uint64_t seen;

    if (x->request->last_event_id.len && vx_cursor_parse(x, x->request->last_event_id, &seen)) {
        q->since_known = true;
        q->revision = seen;
    }
}

static void open_stream(struct exchange *x, struct query *q) {
    if (q->paged || q->wait) {
        vx_fail(x, 400, "page, page_size and wait do not go together with a stream");
        return;
    }
    take_last_event(x, q);
    vx_subscribe(x, q);
}

void vx_get_calls(struct exchange *x) {
    struct vx_view *view;
    struct query q;

    if (!vx_query_parse(x, &q))
        return;
    if (x->request->stream) {
        open_stream(x, &q);
        return;
    }
    x->response->varies = vx_gzip_level(x->api->gzip) > 0;
    if (!vx_expire_due(x))
        return;
    if (answer_unchanged(x, &q))
        return;
    switch (vx_tenant_view(x->tenant, x->api->clock, &view)) {
    case VX_TURN_MORE:
        vx_answer_later(x, q.since ? 0 : x->request->progress);
        return;
    case VX_TURN_NO_MEMORY:
        vx_answer_no_memory(x);
        return;
    case VX_TURN_DONE:
        break;
    }
    set_etag(x, vx_view_revision(view));
    if (q.since)
        answer_since(x, &q, view);
    else if (q.paged)
        answer_page(x, &q, view);
    else if (vx_query_filters(&q))
        answer_filtered(x, &q, view);
    else
        answer_whole(x, view);
    vx_tenant_unlock(x->tenant);
    if (x->response->status != 200)
        x->response->etag[0] = '\0';
}
