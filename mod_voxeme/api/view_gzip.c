#include "api/view_gzip.h"

#include "core/alloc.h"

#define SEGMENT_UP_TO 1048576 /* bytes of JSON; what is deflated of it is kept outside its pot */
#define COPY_UP_TO    65536   /* a member no longer than this is kept in one piece */

/* In front of each chunk's calls, and left out where it is the first. */
#define COMMA (VX_DEFLATE_STORED + 1)

void vx_gzip_part_clear(struct vx_gzip_part *part) {
    vx_buf_free(&part->out);
    *part = (struct vx_gzip_part){0};
}

void vx_gzip_part_tick(struct vx_gzip_part *part, int64_t now_us, int64_t idle_us) {
    if (part->at != part->seen) {
        part->seen = part->at;
        part->seen_us = now_us;
    } else if (now_us - part->seen_us > idle_us) {
        vx_gzip_part_clear(part);
    }
}

struct turn {
    struct vx_gzip *gzip;
    struct vx_deflate *deflate;
    unsigned level, left, whole;
};

/* How many bytes are as much work as one call that has been rendered. */
static unsigned bytes_per_work(const struct turn *t) {
    return t->level < 4 ? 16 : t->level < 7 ? 8 : 4;
}

/* What is deflated at once: no more than a turn's work, the parts of a chunk equally long. */
static size_t slice_of(const struct turn *t, size_t len) {
    size_t most = (size_t)t->whole * bytes_per_work(t), parts = (len + most - 1) / most;

    return (len + parts - 1) / parts;
}

static enum vx_gzip_result add_slice(struct turn *t, struct vx_gzip_part *part,
                                     struct vx_str left) {
    struct vx_str slice = {left.at, slice_of(t, left.len)};
    unsigned work = (unsigned)(slice.len / bytes_per_work(t)) + 1;
    size_t before = part->out.len;

    /* In a turn that has done little else, it is done even so: it would never fit in otherwise. */
    if (work > t->left && t->left < t->whole / 2)
        return VX_GZIP_MORE;
    if (!vx_gzip_take(t->gzip, slice.len))
        return VX_GZIP_BUSY;
    if (!t->deflate)
        t->deflate = vx_deflate_new(t->level);
    if (!t->deflate || !vx_deflate_add(t->deflate, slice, &part->out))
        return VX_GZIP_NO_MEMORY;
    part->sum = vx_gzip_sum(part->sum, slice);
    part->at += slice.len;
    t->left -= work < t->left ? work : t->left;
    vx_gzip_count_bytes(t->gzip, slice.len, part->out.len - before);
    return VX_GZIP_DONE;
}

static enum vx_gzip_result deflate_chunk(struct turn *t, struct vx_gzip_part *part,
                                         struct vx_chunk *c, struct vx_pot *pot) {
    struct vx_str json = {vx_body_data(c->json), vx_body_len(c->json)};
    enum vx_gzip_result result = VX_GZIP_DONE;

    if (json.len > SEGMENT_UP_TO)
        return VX_GZIP_LARGE;
    if (part->stamp != c->stamp) {
        part->out.len = 0;
        vx_deflate_store(&part->out, (struct vx_str){json.at, 1});
        *part = (struct vx_gzip_part){.stamp = c->stamp, .at = 1, .out = part->out};
    }
    while (result == VX_GZIP_DONE && part->at < json.len)
        result = add_slice(t, part, (struct vx_str){json.at + part->at, json.len - part->at});
    if (result != VX_GZIP_DONE)
        return result;
    c->sum = part->sum;
    c->gzip = vx_body_spare(part->out.at, part->out.len, json.len, pot);
    return c->gzip ? VX_GZIP_DONE : VX_GZIP_NO_MEMORY;
}

enum vx_gzip_result vx_index_gzip(struct vx_index *x, struct vx_gzip *gzip,
                                  struct vx_gzip_part *part, unsigned left, unsigned whole,
                                  struct vx_pot *pot) {
    struct turn t = {.gzip = gzip, .level = vx_gzip_level(gzip), .left = left, .whole = whole};
    enum vx_gzip_result result = VX_GZIP_DONE;

    for (size_t i = x->count; i-- > 0 && result == VX_GZIP_DONE;)
        if (!x->chunks[i]->gzip)
            result = deflate_chunk(&t, part, x->chunks[i], pot);
    vx_deflate_release(&t.deflate);
    if (result != VX_GZIP_MORE)
        vx_gzip_part_clear(part);
    return result;
}

/* --- the member --- */

/* `head`, the chunks and `tail` one after the other. */
static struct vx_body *join(const struct vx_index *x, struct vx_buf *head, struct vx_buf *tail,
                            struct vx_pot *pot) {
    struct vx_piece *pieces = vx_calloc(x->count + 2, sizeof *pieces);
    struct vx_body *start = vx_buf_ok(head) ? vx_body_copy(head->at, head->len, pot) : NULL;
    struct vx_body *end = vx_buf_ok(tail) ? vx_body_copy(tail->at, tail->len, pot) : NULL;
    struct vx_body *joined = NULL;
    size_t count = 0;

    if (pieces && start && end) {
        pieces[count++] = vx_piece_from(start, 0, vx_body_len(start));
        for (size_t i = x->count; i-- > 0; count++) {
            struct vx_body *gzip = x->chunks[i]->gzip;
            size_t from = count == 1 ? COMMA : 0;

            pieces[count] = vx_piece_from(gzip, from, vx_body_len(gzip) - from);
        }
        pieces[count++] = vx_piece_from(end, 0, vx_body_len(end));
        joined = vx_body_join(pieces, count, pot);
    }
    vx_free(pieces);
    vx_body_release(&start);
    vx_body_release(&end);
    return joined;
}

static struct vx_body *in_one_piece(struct vx_body *joined, struct vx_pot *pot) {
    struct vx_body *copy = vx_body_new(vx_body_len(joined), pot);
    struct vx_str run;
    size_t len = 0;

    while (copy && vx_body_runs(joined, len, &run, 1)) {
        memcpy(vx_body_data(copy) + len, run.at, run.len);
        len += run.len;
        vx_body_set_len(copy, len);
    }
    vx_body_release(&joined);
    return copy;
}

struct vx_body *vx_index_gzip_join(const struct vx_index *x, struct vx_around around,
                                   struct vx_pot *pot) {
    uint32_t sum = vx_gzip_sum(0, around.before);
    size_t len = around.before.len + around.after.len;
    struct vx_buf head = {0}, tail = {0};
    struct vx_body *joined;

    for (size_t i = x->count; i-- > 0;) {
        const struct vx_chunk *c = x->chunks[i];
        size_t calls = vx_body_len(c->json) - 1;

        if (i < x->count - 1) {
            sum = vx_gzip_sum(sum, VX_STR(","));
            len++;
        }
        sum = vx_gzip_sum_join(sum, c->sum, calls);
        len += calls;
    }
    vx_gzip_begin(&head);
    vx_deflate_store(&head, around.before);
    vx_gzip_end(&tail, around.after, vx_gzip_sum(sum, around.after), len);
    joined = join(x, &head, &tail, pot);
    vx_buf_free(&head);
    vx_buf_free(&tail);
    return joined && vx_body_len(joined) <= COPY_UP_TO ? in_one_piece(joined, pot) : joined;
}
