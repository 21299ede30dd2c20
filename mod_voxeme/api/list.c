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

static bool collect_page(void *ctx, struct vx_snapshot *call, uint64_t revision, uint64_t created) {
    struct collect *c = ctx;

    (void)revision;
    (void)created;
    if (!vx_query_matches(c->q, call))
        return true;
    if (c->total++ >= c->skip && c->taken < c->take)
        add_call(c, call);
    return vx_buf_ok(&c->out);
}

static bool collect_changed(void *ctx, struct vx_snapshot *call, uint64_t revision,
                            uint64_t created) {
    struct collect *c = ctx;

    (void)created;
    if (revision > c->since && vx_query_matches(c->q, call))
        add_call(c, call);
    return vx_buf_ok(&c->out);
}

static void add_sid(struct collect *c, const struct vx_uuid *sid) {
    char text[VX_UUID_TEXT + 1];

    vx_uuid_format(text, sid);
    vx_buf_printf(&c->out, "%s\"%s\"", c->taken++ ? "," : "", text);
}

/* One that has come back is among the calls, unless the filter does not let it through. */
static void collect_removed(void *ctx, const struct vx_uuid *sid, const struct vx_snapshot *back) {
    struct collect *c = ctx;

    if (!back || !vx_query_matches(c->q, back))
        add_sid(c, sid);
}

/* A call that changed so that the filter no longer lets it through has left this client's list. */
static bool collect_filtered_out(void *ctx, struct vx_snapshot *call, uint64_t revision,
                                 uint64_t created) {
    struct collect *c = ctx;

    if (revision > c->since && created <= c->since && !vx_query_matches(c->q, call))
        add_sid(c, vx_snapshot_sid(call));
    return vx_buf_ok(&c->out);
}

static void set_etag(struct exchange *x, uint64_t revision) {
    snprintf(x->response->etag, sizeof x->response->etag, "W/\"%s.%" PRIu64 "\"",
             vx_registry_epoch(x->api->registry), revision);
}

static void answer_whole(struct exchange *x, struct vx_view *view) {
    struct vx_body *body = vx_view_list(view);

    if (!body) {
        vx_answer_no_memory(x);
        return;
    }
    x->response->status = 200;
    x->response->content_type = "application/json; charset=utf-8";
    x->response->body = body;
}

static void answer_filtered(struct exchange *x, const struct query *q, struct vx_view *view) {
    struct collect c = {.q = q, .take = UINT64_MAX};

    vx_buf_puts(&c.out, "[");
    vx_view_walk(view, collect_page, &c);
    vx_buf_puts(&c.out, "]");
    vx_answer(x, 200, NULL, &c.out);
}

static void answer_page(struct exchange *x, const struct query *q, struct vx_view *view) {
    struct collect c = {
        .q = q, .skip = (uint64_t)(q->page - 1) * q->page_size, .take = q->page_size};
    struct vx_buf out = {0};

    vx_view_walk(view, collect_page, &c);
    vx_buf_printf(&out, "{\"total\":%" PRIu64 ",\"page\":%u,\"page_size\":%u,\"data\":[", c.total,
                  q->page, q->page_size);
    vx_buf_add(&out, c.out.at, c.out.len);
    vx_buf_puts(&out, "]}");
    out.failed = out.failed || c.out.failed;
    vx_buf_free(&c.out);
    vx_answer(x, 200, NULL, &out);
}

static void answer_reset(struct exchange *x, const struct query *q, struct vx_view *view) {
    struct collect c = {.q = q, .take = UINT64_MAX};

    vx_buf_printf(&c.out, "{\"revision\":\"%s.%" PRIu64 "\",\"reset\":true,\"calls\":[",
                  vx_registry_epoch(x->api->registry), vx_view_revision(view));
    vx_view_walk(view, collect_page, &c);
    vx_buf_puts(&c.out, "]}");
    vx_answer(x, 200, NULL, &c.out);
}

static void answer_since(struct exchange *x, const struct query *q, struct vx_view *view) {
    struct collect c = {.q = q, .since = q->revision};

    if (!q->since_known || !vx_view_reaches(view, q->revision)) {
        answer_reset(x, q, view);
        return;
    }
    vx_buf_printf(&c.out, "{\"revision\":\"%s.%" PRIu64 "\",\"calls\":[",
                  vx_registry_epoch(x->api->registry), vx_view_revision(view));
    vx_view_walk(view, collect_changed, &c);
    vx_buf_puts(&c.out, "],\"removed\":[");
    c.taken = 0;
    vx_view_removed(view, q->revision, collect_removed, &c);
    if (vx_query_filters(q))
        vx_view_walk(view, collect_filtered_out, &c);
    vx_buf_puts(&c.out, "]}");
    vx_answer(x, 200, NULL, &c.out);
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
    x->response->hold.scope = vx_scope_ref(x->tenant->scope);
    x->response->hold.revision = revision;
    x->response->hold.seconds = q->wait;
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
    vx_registry_expire(x->api->registry, 0);
    if (answer_unchanged(x, &q))
        return;
    view = vx_tenant_view(x->tenant, x->api->clock);
    if (!view) {
        vx_answer_no_memory(x);
        return;
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
