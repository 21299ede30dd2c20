/*
 * GET .../Calls: the list, whole, filtered, in pages, or only what changed; at once, or when
 * something changes.
 */
#include "api/api_private.h"

#include <inttypes.h>
#include <stdio.h>

struct collect {
    struct vx_buf out;
    const struct query *q;
    uint64_t skip, take; /* of the matching calls */
    uint64_t total, taken;
    uint64_t since;
};

static void add_call(struct collect *c, struct vx_snapshot *call) {
    struct vx_str json = vx_snapshot_json(call);

    if (!json.at) {
        c->out.failed = true;
        return;
    }
    vx_buf_add(&c->out, ",", c->taken++ ? 1 : 0);
    vx_buf_str(&c->out, json);
}

static bool collect_page(void *ctx, const struct vx_entry *e) {
    struct collect *c = ctx;

    if (!vx_query_matches(c->q, e))
        return true;
    if (c->total++ >= c->skip && c->taken < c->take)
        add_call(c, e->call);
    return vx_buf_ok(&c->out);
}

static bool collect_changed(void *ctx, const struct vx_entry *e) {
    struct collect *c = ctx;

    if (vx_query_matches(c->q, e))
        add_call(c, e->call);
    return vx_buf_ok(&c->out);
}

static void add_sid(struct collect *c, const struct vx_uuid *sid) {
    char text[VX_UUID_TEXT + 1];

    vx_uuid_format(text, sid);
    vx_buf_printf(&c->out, "%s\"%s\"", c->taken++ ? "," : "", text);
}

/* One that has come back is among the calls, unless the filter does not let it through. */
static void collect_removed(void *ctx, const struct vx_uuid *sid, const struct vx_entry *back) {
    struct collect *c = ctx;

    if (!back || !vx_query_matches(c->q, back))
        add_sid(c, sid);
}

/* A call that changed so that the filter no longer lets it through has left this client's list. */
static bool collect_filtered_out(void *ctx, const struct vx_entry *e) {
    struct collect *c = ctx;

    if (e->created <= c->since && !vx_query_matches(c->q, e))
        add_sid(c, vx_snapshot_sid(e->call));
    return vx_buf_ok(&c->out);
}

/* Rendering is what takes long: it is done ahead, for so many calls in a turn. */
#define TURN_WORK   8192
#define RENDER_WORK 16

struct ahead {
    const struct query *q;
    unsigned left;
    bool by_revision;
    uint64_t stopped; /* at the call of this order or revision; 0: not */
};

static bool render_ahead(void *ctx, const struct vx_entry *e) {
    struct ahead *a = ctx;
    unsigned work = vx_query_matches(a->q, e) ? RENDER_WORK : 1;

    if (a->left < work) {
        a->stopped = a->by_revision ? e->revision : e->order;
        return false;
    }
    a->left -= work;
    if (work == RENDER_WORK)
        vx_snapshot_json(e->call); /* without memory for it whoever wants it finds out */
    return true;
}

/* Whether all that the answer is made of is rendered; if not, answers that it takes another turn.
 */
static bool is_rendered(struct exchange *x, const struct query *q, const struct vx_view *view) {
    uint64_t from = x->request->progress ? x->request->progress : UINT64_MAX;
    struct ahead a = {.q = q, .left = TURN_WORK, .by_revision = q->since && q->since_known};

    if (a.by_revision)
        vx_view_changed(view, q->revision, from, render_ahead, &a);
    else
        vx_view_walk(view, from, render_ahead, &a);
    if (!a.stopped)
        return true;
    vx_answer_later(x, a.stopped + 1);
    return false;
}

static void set_etag(struct exchange *x, uint64_t revision) {
    snprintf(x->response->etag, sizeof x->response->etag, "W/\"%s.%" PRIu64 "\"",
             vx_registry_epoch(x->api->registry), revision);
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
        vx_answer_later(x, 0);
    else if (turn == VX_TURN_NO_MEMORY)
        vx_answer_no_memory(x);
    return body;
}

static void answer_whole(struct exchange *x, struct vx_view *view) {
    struct vx_body *body = whole_list(x, view);

    if (body)
        answer_body(x, body);
}

static void answer_filtered(struct exchange *x, const struct query *q, struct vx_view *view) {
    struct collect c = {.q = q, .take = UINT64_MAX};

    if (!is_rendered(x, q, view))
        return;
    vx_buf_puts(&c.out, "[");
    vx_view_walk(view, UINT64_MAX, collect_page, &c);
    vx_buf_puts(&c.out, "]");
    vx_answer(x, 200, NULL, &c.out);
}

static void answer_page(struct exchange *x, const struct query *q, struct vx_view *view) {
    struct collect c = {
        .q = q, .skip = (uint64_t)(q->page - 1) * q->page_size, .take = q->page_size};
    struct vx_buf out = {0};

    vx_view_walk(view, UINT64_MAX, collect_page, &c);
    vx_buf_printf(&out, "{\"total\":%" PRIu64 ",\"page\":%u,\"page_size\":%u,\"data\":[", c.total,
                  q->page, q->page_size);
    vx_buf_add(&out, c.out.at, c.out.len);
    vx_buf_puts(&out, "]}");
    out.failed = out.failed || c.out.failed;
    vx_buf_free(&c.out);
    vx_answer(x, 200, NULL, &out);
}

static void begin_reset(struct exchange *x, struct vx_view *view, struct vx_buf *out) {
    vx_buf_printf(out, "{\"revision\":\"%s.%" PRIu64 "\",\"reset\":true,\"calls\":",
                  vx_registry_epoch(x->api->registry), vx_view_revision(view));
}

/* Everything, by way of the list that others get as well. */
static void answer_reset_whole(struct exchange *x, struct vx_view *view) {
    struct vx_body *list = whole_list(x, view), *head, *end, *joined = NULL;
    struct vx_buf out = {0};

    if (!list)
        return;
    begin_reset(x, view, &out);
    head = vx_buf_ok(&out) ? vx_body_copy(out.at, out.len, x->tenant->pot) : NULL;
    end = vx_body_copy("}", 1, x->tenant->pot);
    if (head && end) {
        struct vx_piece pieces[] = {vx_piece_from(head, 0, vx_body_len(head)),
                                    vx_piece_from(list, 0, vx_body_len(list)),
                                    vx_piece_from(end, 0, 1)};

        joined = vx_body_join(pieces, 3, x->tenant->pot);
    }
    vx_buf_free(&out);
    vx_body_release(&head);
    vx_body_release(&end);
    vx_body_release(&list);
    answer_body(x, joined);
}

static void answer_reset(struct exchange *x, const struct query *q, struct vx_view *view) {
    struct collect c = {.q = q, .take = UINT64_MAX};

    if (!vx_query_filters(q)) {
        answer_reset_whole(x, view);
        return;
    }
    if (!is_rendered(x, q, view))
        return;
    begin_reset(x, view, &c.out);
    vx_buf_puts(&c.out, "[");
    vx_view_walk(view, UINT64_MAX, collect_page, &c);
    vx_buf_puts(&c.out, "]}");
    vx_answer(x, 200, NULL, &c.out);
}

static void answer_delta(struct exchange *x, const struct query *q, struct vx_view *view) {
    struct collect c = {.q = q, .since = q->revision};

    if (!is_rendered(x, q, view))
        return;
    vx_buf_printf(&c.out, "{\"revision\":\"%s.%" PRIu64 "\",\"calls\":[",
                  vx_registry_epoch(x->api->registry), vx_view_revision(view));
    vx_view_changed(view, q->revision, UINT64_MAX, collect_changed, &c);
    vx_buf_puts(&c.out, "],\"removed\":[");
    c.taken = 0;
    vx_view_removed(view, q->revision, collect_removed, &c);
    if (vx_query_filters(q))
        vx_view_changed(view, q->revision, UINT64_MAX, collect_filtered_out, &c);
    vx_buf_puts(&c.out, "]}");
    vx_answer(x, 200, NULL, &c.out);
}

/* Thousands may follow an account in step: those who ask for the same get the same. */
static void answer_since(struct exchange *x, const struct query *q, struct vx_view *view) {
    bool shared = !vx_query_filters(q);
    struct vx_body *kept;

    if (!q->since_known || !vx_view_reaches(view, q->revision)) {
        answer_reset(x, q, view);
        return;
    }
    kept = shared ? vx_tenant_delta(x->tenant, q->revision) : NULL;
    if (kept) {
        answer_body(x, kept);
        return;
    }
    answer_delta(x, q, view);
    if (shared && x->response->status == 200)
        vx_tenant_keep_delta(x->tenant, q->revision, x->response->body);
}

/* The opaque part of an entity tag, whether weak or not (RFC 9110, section 8.8.3.2: weak
 * comparison). */
static struct vx_str next_tag(struct vx_str *list) {
    const char *open = list->len ? memchr(list->at, '"', list->len) : NULL;
    const char *end = list->at + list->len;
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
    while ((tag = next_tag(&list)).at)
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
    return true;
}

void vx_get_calls(struct exchange *x) {
    struct vx_view *view;
    struct query q;

    if (!vx_query_parse(x, &q))
        return;
    if (!vx_expire_due(x))
        return;
    if (answer_unchanged(x, &q))
        return;
    switch (vx_tenant_view(x->tenant, x->api->clock, &view)) {
    case VX_TURN_MORE:
        vx_answer_later(x, 0);
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
