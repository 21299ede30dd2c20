#include "api/selection.h"

#include "core/alloc.h"

/* Of one turn: so many calls are looked at, of which one that matches and one that has to be
 * rendered count for more. */
#define TURN_WORK   8192
#define MATCH_WORK  2
#define RENDER_WORK 16

struct piece {
    uint64_t top, stamp;  /* of the segment that it was made from; stamp 0: not made yet */
    struct vx_body *json; /* each call with a comma before it; NULL: none, or not wanted */
    uint64_t count;
};

struct vx_selection {
    struct piece *pieces; /* newest segment first */
    size_t count;
};

struct vx_selection *vx_selection_new(void) {
    return vx_calloc(1, sizeof(struct vx_selection));
}

static void free_pieces(struct piece *pieces, size_t count) {
    for (size_t i = 0; i < count; i++)
        vx_body_release(&pieces[i].json);
    vx_free(pieces);
}

void vx_selection_release(struct vx_selection **selection) {
    struct vx_selection *s = *selection;

    *selection = NULL;
    if (!s)
        return;
    free_pieces(s->pieces, s->count);
    vx_free(s);
}

/* --- a turn --- */

struct making {
    const struct query *q;
    bool with_json;
    struct vx_buf out;
    uint64_t count;
    unsigned work;
};

static bool look_at(void *ctx, const struct vx_entry *e) {
    struct making *m = ctx;

    m->work++;
    if (!vx_query_matches(m->q, e))
        return true;
    m->count++;
    if (!m->with_json)
        return true;
    m->work += vx_snapshot_is_rendered(e->call) ? MATCH_WORK : RENDER_WORK;
    vx_buf_add(&m->out, ",", 1);
    vx_buf_json(&m->out, e->call);
    return vx_buf_ok(&m->out);
}

/* False: out of memory. */
static bool make_piece(struct piece *p, const struct vx_view *view, size_t segment,
                       struct making *m, struct vx_pot *pot) {
    bool ok;

    m->out.len = 0;
    m->count = 0;
    vx_view_walk_segment(view, segment, look_at, m);
    ok = vx_buf_ok(&m->out);
    if (ok && m->out.len) {
        p->json = vx_body_copy(m->out.at, m->out.len, pot);
        ok = p->json != NULL;
    }
    p->count = m->count;
    return ok;
}

/* What an earlier turn has made of this very segment. */
static void take_over(struct piece *p, struct piece *old, size_t old_count, size_t *at) {
    while (*at < old_count && old[*at].top > p->top)
        ++*at;
    if (*at == old_count || old[*at].top != p->top || old[*at].stamp != p->stamp)
        return;
    *p = old[*at];
    old[*at].json = NULL;
    ++*at;
}

enum vx_turn vx_selection_go(struct vx_selection *s, struct vx_view *view, const struct query *q,
                             bool with_json, struct vx_pot *pot) {
    struct making m = {.q = q, .with_json = with_json};
    size_t count = vx_view_segments(view), at = 0;
    struct piece *pieces = vx_calloc(count, sizeof *pieces);
    enum vx_turn turn = VX_TURN_DONE;

    if (!pieces)
        return VX_TURN_NO_MEMORY;
    for (size_t i = 0; i < count && turn != VX_TURN_NO_MEMORY; i++) {
        struct piece *p = &pieces[i];
        bool made;

        vx_view_segment(view, i, &p->top, &p->stamp);
        p->count = UINT64_MAX;
        take_over(p, s->pieces, s->count, &at);
        made = p->count != UINT64_MAX;
        if (!made && m.work < TURN_WORK && !make_piece(p, view, i, &m, pot))
            turn = VX_TURN_NO_MEMORY;
        if (p->count == UINT64_MAX) { /* in another turn */
            p->stamp = 0;
            turn = turn == VX_TURN_DONE ? VX_TURN_MORE : turn;
        }
    }
    vx_buf_free(&m.out);
    if (turn == VX_TURN_NO_MEMORY) {
        /* Those taken over have left the old ones, which begin anew, too: without memory nothing is
         * kept, as many who wait would keep it from each other. */
        free_pieces(pieces, count);
        free_pieces(s->pieces, s->count);
        s->pieces = NULL;
        s->count = 0;
        return turn;
    }
    free_pieces(s->pieces, s->count);
    s->pieces = pieces;
    s->count = count;
    return turn;
}

/* --- the result --- */

uint64_t vx_selection_total(const struct vx_selection *s) {
    uint64_t total = 0;

    for (size_t i = 0; i < s->count; i++)
        total += s->pieces[i].count;
    return total;
}

struct vx_body *vx_selection_join(const struct vx_selection *s, struct vx_buf *head,
                                  const char *tail, struct vx_pot *pot) {
    struct vx_body *start = vx_buf_ok(head) ? vx_body_copy(head->at, head->len, pot) : NULL;
    struct vx_body *end = vx_body_copy(tail, strlen(tail), pot), *joined = NULL;
    struct vx_piece *pieces = vx_calloc(s->count + 2, sizeof *pieces);
    size_t count = 0;

    if (start && end && pieces) {
        pieces[count++] = vx_piece_from(start, 0, vx_body_len(start));
        for (size_t i = 0; i < s->count; i++) {
            struct vx_body *json = s->pieces[i].json;
            size_t from = count == 1; /* the first has no comma before it */

            if (json)
                pieces[count++] = vx_piece_from(json, from, vx_body_len(json) - from);
        }
        pieces[count++] = vx_piece_from(end, 0, vx_body_len(end));
        joined = vx_body_join(pieces, count, pot);
    }
    vx_buf_free(head);
    vx_free(pieces);
    vx_body_release(&start);
    vx_body_release(&end);
    return joined;
}

struct page {
    const struct query *q;
    uint64_t skip, take;
    struct vx_buf *out;
    bool first;
};

static bool add_to_page(void *ctx, const struct vx_entry *e) {
    struct page *p = ctx;

    if (!vx_query_matches(p->q, e))
        return true;
    if (p->skip) {
        p->skip--;
        return true;
    }
    vx_buf_add(p->out, ",", p->first ? 0 : 1);
    vx_buf_json(p->out, e->call);
    p->first = false;
    return --p->take && vx_buf_ok(p->out);
}

void vx_selection_page(const struct vx_selection *s, const struct vx_view *view,
                       const struct query *q, uint64_t skip, uint64_t take, struct vx_buf *out) {
    struct page p = {.q = q, .skip = skip, .take = take, .out = out, .first = true};

    for (size_t i = 0; i < s->count && p.take && vx_buf_ok(out); i++)
        if (p.skip >= s->pieces[i].count)
            p.skip -= s->pieces[i].count;
        else
            vx_view_walk_segment(view, i, add_to_page, &p);
}
