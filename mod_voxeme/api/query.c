/* The query parameters of the lists. Unknown ones are ignored; a bad value of a known one is a 400.
 */
#include "api/api_private.h"

#include <limits.h>
#include <stdio.h>

#define MAX_PAGE_SIZE     500
#define DEFAULT_PAGE_SIZE 50
#define MAX_WAIT          60

static bool bad(struct exchange *x, const char *name, const char *wanted) {
    vx_fail(x, 400, "%s must be %s", name, wanted);
    return false;
}

static bool parse_number(struct vx_str text, unsigned min, unsigned max, unsigned *out) {
    uint64_t n = 0;

    if (text.len == 0 || text.len > 9)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        n = n * 10 + (unsigned)(text.at[i] - '0');
    }
    *out = (unsigned)n;
    return n >= min && n <= max;
}

bool vx_cursor_parse(struct exchange *x, struct vx_str text, uint64_t *revision) {
    const char *epoch = vx_registry_epoch(x->api->registry);
    size_t epoch_len = strlen(epoch);
    uint64_t n = 0;

    if (text.len <= epoch_len + 1 || text.len > epoch_len + 1 + 19 ||
        memcmp(text.at, epoch, epoch_len) != 0 || text.at[epoch_len] != '.')
        return false;
    for (size_t i = epoch_len + 1; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        n = n * 10 + (unsigned)(text.at[i] - '0');
    }
    *revision = n;
    return true;
}

static bool looks_like_cursor(struct vx_str text) {
    const char *dot = text.len ? memchr(text.at, '.', text.len) : NULL;

    if (!dot || dot == text.at || dot == text.at + text.len - 1 || text.len > 64)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!strchr("0123456789abcdef.", text.at[i]) || text.at[i] == '\0')
            return false;
    for (const char *p = dot + 1; p < text.at + text.len; p++)
        if (*p < '0' || *p > '9')
            return false;
    return true;
}

static bool set_direction(struct exchange *x, struct query *q, const char *name, struct vx_str v) {
    if (vx_str_eq(v, VX_STR("inbound")))
        q->direction = VX_INBOUND;
    else if (vx_str_eq(v, VX_STR("outbound")))
        q->direction = VX_OUTBOUND;
    else
        return bad(x, name, "inbound or outbound");
    return true;
}

static bool set_status(struct exchange *x, struct query *q, const char *name, struct vx_str v) {
    for (;;) {
        const char *comma = v.len ? memchr(v.at, ',', v.len) : NULL;
        struct vx_str one = {v.at, comma ? (size_t)(comma - v.at) : v.len};
        enum vx_call_status status;

        if (!vx_call_status_parse(&status, one))
            return bad(x, name,
                       "one or more, separated by commas, of trying, ringing, early-media, "
                       "in-progress, completed, busy, no-answer, failed, queued");
        q->statuses |= 1u << status;
        if (!comma)
            return true;
        v = (struct vx_str){comma + 1, v.len - one.len - 1};
    }
}

static bool set_state(struct exchange *x, struct query *q, const char *name, struct vx_str v) {
    if (vx_str_eq(v, VX_STR("live")))
        q->state = STATE_LIVE;
    else if (vx_str_eq(v, VX_STR("ended")))
        q->state = STATE_ENDED;
    else
        return bad(x, name, "live or ended");
    return true;
}

static bool set_from(struct exchange *x, struct query *q, const char *name, struct vx_str v) {
    (void)x;
    (void)name;
    q->from = v;
    return true;
}

static bool set_to(struct exchange *x, struct query *q, const char *name, struct vx_str v) {
    (void)x;
    (void)name;
    q->to = v;
    return true;
}

static bool set_page(struct exchange *x, struct query *q, const char *name, struct vx_str v) {
    q->paged = true;
    return parse_number(v, 1, 999999999, &q->page) || bad(x, name, "a whole number from 1");
}

static bool set_page_size(struct exchange *x, struct query *q, const char *name, struct vx_str v) {
    q->paged = true;
    return parse_number(v, 1, MAX_PAGE_SIZE, &q->page_size) ||
           bad(x, name, "a whole number from 1 to 500");
}

static bool set_wait(struct exchange *x, struct query *q, const char *name, struct vx_str v) {
    return parse_number(v, 1, MAX_WAIT, &q->wait) || bad(x, name, "a whole number from 1 to 60");
}

static bool set_since(struct exchange *x, struct query *q, const char *name, struct vx_str v) {
    q->since = true;
    q->since_known = vx_cursor_parse(x, v, &q->revision);
    return q->since_known || looks_like_cursor(v) ||
           bad(x, name, "a revision as the API gave it, <epoch>.<number>");
}

#define STATUS_SCHEMA "{\"type\":\"string\",\"example\":\"ringing,in-progress\"}"

const struct query_param vx_query_params[] = {
    {"direction", "{\"type\":\"string\",\"enum\":[\"inbound\",\"outbound\"]}",
     "Only calls of this direction.", false},
    {"from", "{\"type\":\"string\"}", "Only calls from exactly this caller.", false},
    {"to", "{\"type\":\"string\"}", "Only calls to exactly this callee.", false},
    {"callStatus", STATUS_SCHEMA, "Only calls with one of these states, separated by commas.",
     false},
    {"call_status", STATUS_SCHEMA, "The same as callStatus.", false},
    {"state", "{\"type\":\"string\",\"enum\":[\"live\",\"ended\"]}",
     "Only calls that are going on, or only those that are over.", false},
    {"page", "{\"type\":\"integer\",\"minimum\":1,\"default\":1}",
     "Answers one page in an envelope instead of the bare array.", true},
    {"page_size", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":500,\"default\":50}",
     "Calls on a page.", true},
    {"wait", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":60}",
     "With If-None-Match or since: holds the request for up to this many seconds until something "
     "changes.",
     true},
    {"since", "{\"type\":\"string\",\"example\":\"5d1c0a37e2b4.1041\"}",
     "Answers only what has changed since this revision. Not together with page or page_size.",
     false},
};
const size_t vx_query_param_count = sizeof vx_query_params / sizeof *vx_query_params;

/* In the order of vx_query_params. */
static bool (*const setters[])(struct exchange *, struct query *, const char *, struct vx_str) = {
    set_direction, set_from, set_to,        set_status, set_status,
    set_state,     set_page, set_page_size, set_wait,   set_since,
};

_Static_assert(sizeof setters / sizeof *setters == sizeof vx_query_params / sizeof *vx_query_params,
               "one setter for each query parameter");

static bool set(struct exchange *x, struct query *q, const struct vx_param *p) {
    for (size_t i = 0; i < vx_query_param_count; i++)
        if (vx_str_eq(p->name, vx_str(vx_query_params[i].name)))
            return setters[i](x, q, vx_query_params[i].name, p->value);
    return true;
}

bool vx_query_parse(struct exchange *x, struct query *q) {
    memset(q, 0, sizeof *q);
    q->page = 1;
    q->page_size = DEFAULT_PAGE_SIZE;
    for (size_t i = 0; i < x->request->param_count; i++)
        if (!set(x, q, &x->request->params[i]))
            return false;
    if (q->since && q->paged) {
        vx_fail(x, 400, "since does not go together with page or page_size");
        return false;
    }
    return true;
}

bool vx_query_filters(const struct query *q) {
    return q->statuses || q->direction || q->state || q->from.at || q->to.at;
}

/* "+15083728299" not percent-encoded in a query arrives with a space for its plus. */
static bool same_number(struct vx_str wanted, struct vx_str text) {
    if (wanted.len && wanted.at[0] == ' ' && text.len == wanted.len && text.at[0] == '+')
        return memcmp(wanted.at + 1, text.at + 1, text.len - 1) == 0;
    return vx_str_eq(wanted, text);
}

static bool match_status(const struct query *q, const struct vx_entry *e) {
    bool ended = vx_call_status_ended((enum vx_call_status)e->status);

    return (!q->statuses || (q->statuses & 1u << e->status)) &&
           !(q->state == STATE_LIVE && ended) && !(q->state == STATE_ENDED && !ended);
}

static bool match_parties(const struct query *q, const struct vx_entry *e) {
    return (!q->direction || q->direction == (enum vx_direction)e->direction) &&
           (!q->from.at || same_number(q->from, vx_snapshot_text(e->call, VX_TEXT_FROM))) &&
           (!q->to.at || same_number(q->to, vx_snapshot_text(e->call, VX_TEXT_TO)));
}

bool vx_query_matches(const struct query *q, const struct vx_entry *e) {
    return match_status(q, e) && match_parties(q, e);
}

/* A call never goes back in its life, but for an end that was only guessed. */
static bool may_have_had_status(const struct query *q, unsigned status) {
    bool ended = vx_call_status_ended((enum vx_call_status)status);
    unsigned past = ended ? UINT_MAX : (2u << status) - 1;

    return (!q->statuses || (q->statuses & past)) && (ended || q->state != STATE_ENDED);
}

bool vx_query_may_have_matched(const struct query *q, const struct vx_entry *e, uint64_t since) {
    bool same_parties = e->revision - e->same <= since;

    return may_have_had_status(q, e->status) && (!same_parties || match_parties(q, e));
}

static bool may_be_same_number(struct vx_str wanted, uint32_t mark) {
    char text[256];

    if (vx_view_mark(wanted) == mark || !wanted.len || wanted.at[0] != ' ')
        return vx_view_mark(wanted) == mark;
    if (wanted.len > sizeof text)
        return true;
    memcpy(text, wanted.at, wanted.len);
    text[0] = '+';
    return vx_view_mark((struct vx_str){text, wanted.len}) == mark;
}

bool vx_query_may_have_had(const struct query *q, const struct vx_left *left, uint64_t since) {
    if (!left->known || !vx_query_filters(q))
        return true;
    if (!may_have_had_status(q, left->status))
        return false;
    if (left->revision - left->same > since) /* its parties were others */
        return true;
    return (!q->direction || q->direction == (enum vx_direction)left->direction) &&
           (!q->from.at || may_be_same_number(q->from, left->from)) &&
           (!q->to.at || may_be_same_number(q->to, left->to));
}
