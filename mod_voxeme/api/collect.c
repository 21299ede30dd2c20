/* What changed in a view, as JSON into a buffer: as calls and sids, or as events of a stream. */
#include "api/api_private.h"

#include <inttypes.h>

struct collect {
    struct vx_buf *out;
    const struct query *q;
    uint64_t taken;
    uint64_t since;
};

static void add_call(struct collect *c, struct vx_snapshot *call) {
    vx_buf_add(c->out, ",", c->taken++ ? 1 : 0);
    vx_buf_json(c->out, call);
}

/* --- what changed, as calls --- */

static bool add_changed(void *ctx, const struct vx_entry *e) {
    struct collect *c = ctx;

    if (vx_query_matches(c->q, e))
        add_call(c, e->call);
    return vx_buf_ok(c->out);
}

void vx_collect_changed(const struct vx_view *view, const struct query *q, uint64_t since,
                        struct vx_buf *out) {
    struct collect c = {.out = out, .q = q};

    vx_view_changed(view, since, UINT64_MAX, add_changed, &c);
}

/* --- what left --- */

/* How a removal is written. */
typedef void add_removal(struct collect *c, const struct vx_uuid *sid);

struct removals {
    struct collect c;
    add_removal *add;
};

/* One that has come back is among the calls, unless the filter does not let it through. */
static void add_left(void *ctx, const struct vx_left *left, const struct vx_entry *back) {
    struct removals *r = ctx;

    if ((!back || !vx_query_matches(r->c.q, back)) &&
        vx_query_may_have_had(r->c.q, left, r->c.since))
        r->add(&r->c, &left->call_sid);
}

/* A call that changed so that the filter no longer lets it through has left this client's list,
 * unless it cannot have been there: clients with other filters are not to hear of every call. */
static bool add_filtered_out(void *ctx, const struct vx_entry *e) {
    struct removals *r = ctx;

    if (e->created <= r->c.since && !vx_query_matches(r->c.q, e) &&
        vx_query_may_have_matched(r->c.q, e, r->c.since))
        r->add(&r->c, vx_snapshot_sid(e->call));
    return vx_buf_ok(r->c.out);
}

static void collect_removed(const struct vx_view *view, struct removals *r) {
    vx_view_removed(view, r->c.since, add_left, r);
    if (vx_query_filters(r->c.q))
        vx_view_changed(view, r->c.since, UINT64_MAX, add_filtered_out, r);
}

static void add_sid(struct collect *c, const struct vx_uuid *sid) {
    char text[VX_UUID_TEXT + 1];

    vx_uuid_format(text, sid);
    vx_buf_printf(c->out, "%s\"%s\"", c->taken++ ? "," : "", text);
}

void vx_collect_removed(const struct vx_view *view, const struct query *q, uint64_t since,
                        struct vx_buf *out) {
    struct removals r = {{.out = out, .q = q, .since = since}, add_sid};

    collect_removed(view, &r);
}

/* --- what changed, as events --- */

static void add_removed_event(struct collect *c, const struct vx_uuid *sid) {
    char text[VX_UUID_TEXT + 1];

    vx_uuid_format(text, sid);
    vx_buf_printf(c->out, "%s{\"event\":\"removed\",\"call_sid\":\"%s\"}", c->taken++ ? "," : "",
                  text);
}

static const char *event_of(const struct vx_entry *e, uint64_t since) {
    if (e->created > since)
        return "created";
    if (e->entered <= since)
        return "updated";
    return vx_call_status_ended((enum vx_call_status)e->status) ? "ended" : "answered";
}

static bool add_event(void *ctx, const struct vx_entry *e) {
    struct collect *c = ctx;

    if (!vx_query_matches(c->q, e))
        return true;
    vx_buf_puts(c->out, c->taken++ ? ",{\"event\":\"" : "{\"event\":\"");
    vx_buf_puts(c->out, event_of(e, c->since));
    vx_buf_puts(c->out, "\",\"call\":");
    vx_buf_json(c->out, e->call);
    vx_buf_add(c->out, "}", 1);
    return vx_buf_ok(c->out);
}

uint64_t vx_collect_events(const struct vx_view *view, const struct query *q, uint64_t since,
                           struct vx_buf *out) {
    struct removals r = {{.out = out, .q = q, .since = since}, add_removed_event};

    collect_removed(view, &r);
    vx_view_changed_forward(view, since, add_event, &r.c);
    return r.c.taken;
}

/* --- rendering ahead --- */

#define TURN_WORK   8192
#define RENDER_WORK 16

struct ahead {
    const struct query *q;
    unsigned left;
    uint64_t stopped; /* at the call of this revision; 0: not */
};

static bool render_ahead(void *ctx, const struct vx_entry *e) {
    struct ahead *a = ctx;
    unsigned work = vx_query_matches(a->q, e) ? RENDER_WORK : 1;

    if (a->left < work) {
        a->stopped = e->revision;
        return false;
    }
    a->left -= work;
    if (work == RENDER_WORK)
        vx_snapshot_render(e->call); /* without memory for it whoever wants it finds out */
    return true;
}

bool vx_collect_ahead(const struct vx_view *view, const struct query *q, uint64_t since,
                      uint64_t *progress) {
    struct ahead a = {.q = q, .left = TURN_WORK};

    vx_view_changed(view, since, *progress ? *progress : UINT64_MAX, render_ahead, &a);
    *progress = a.stopped ? a.stopped + 1 : 0;
    return !a.stopped;
}
