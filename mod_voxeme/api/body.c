#include "api/body_private.h"

#include "core/alloc.h"

/* Small bodies are exempt from the limits: errors must get out when memory is what they are about,
 * and so must news of a single call. */
#define ALWAYS_ALLOWED 4096

/* One allocation: the pot, and its part for feeds. */
struct pots {
    struct vx_pot whole, feeds;
};

static atomic_size_t memory_used, memory_limit, pot_limit, feeds_limit, refused;

struct vx_pot *vx_pot_new(void) {
    struct pots *pots = vx_calloc(1, sizeof *pots);

    if (!pots)
        return NULL;
    atomic_init(&pots->whole.refs, 1);
    pots->whole.whole = pots->feeds.whole = &pots->whole;
    return &pots->whole;
}

struct vx_pot *vx_pot_ref(struct vx_pot *pot) {
    if (pot)
        atomic_fetch_add_explicit(&pot->whole->refs, 1, memory_order_relaxed);
    return pot;
}

void vx_pot_release(struct vx_pot **pot) {
    struct vx_pot *p = *pot;

    *pot = NULL;
    if (p && atomic_fetch_sub_explicit(&p->whole->refs, 1, memory_order_acq_rel) == 1)
        vx_free(p->whole); /* at the front of both */
}

struct vx_pot *vx_pot_of_feeds(struct vx_pot *pot) {
    return pot ? &((struct pots *)(void *)pot->whole)->feeds : NULL;
}

static bool is_part(const struct vx_pot *pot) {
    return pot && pot != pot->whole;
}

size_t vx_pot_memory(const struct vx_pot *pot) {
    return atomic_load(&((struct vx_pot *)(uintptr_t)pot)->used);
}

bool vx_pot_is_short(const struct vx_pot *part) {
    size_t limit = atomic_load(&feeds_limit);

    return limit && vx_pot_memory(part) > limit / 2;
}

/* Adds to a count unless that would take it over its limit; `len`: what the body is to hold. */
static bool take(atomic_size_t *used, size_t limit, size_t cap, size_t len) {
    size_t before = atomic_fetch_add(used, cap);

    if (limit == 0 || len <= ALWAYS_ALLOWED || (cap <= limit && before <= limit - cap))
        return true;
    atomic_fetch_sub(used, cap);
    return false;
}

void vx_body_give_back(size_t cap, struct vx_pot *pot) {
    if (is_part(pot))
        atomic_fetch_sub(&pot->used, cap);
    if (pot)
        atomic_fetch_sub(&pot->whole->used, cap);
    atomic_fetch_sub(&memory_used, cap);
}

static bool take_from_pot(size_t cap, size_t len, struct vx_pot *pot) {
    if (is_part(pot) && !take(&pot->used, atomic_load(&feeds_limit), cap, len))
        return false;
    if (!pot || take(&pot->whole->used, atomic_load(&pot_limit), cap, len))
        return true;
    if (is_part(pot))
        atomic_fetch_sub(&pot->used, cap);
    return false;
}

static bool take_memory(size_t cap, size_t len, struct vx_pot *pot) {
    bool ok = take(&memory_used, atomic_load(&memory_limit), cap, len);

    if (ok && take_from_pot(cap, len, pot))
        return true;
    if (ok)
        atomic_fetch_sub(&memory_used, cap);
    return false;
}

static bool fits(size_t cap, size_t limit) {
    return limit == 0 || cap <= limit;
}

bool vx_body_take_memory(size_t cap, size_t len, struct vx_pot *pot, bool pressing) {
    size_t all = atomic_load(&memory_limit);

    if (take_memory(cap, len, pot))
        return true;
    if (!pressing || !fits(cap, all) || (pot && !fits(cap, atomic_load(&pot_limit))))
        return false;
    if (pot && vx_body_drop_files(pot) && take_memory(cap, len, pot))
        return true;
    return all && atomic_load(&memory_used) > all - cap && vx_body_drop_files(NULL) &&
           take_memory(cap, len, pot);
}

/* `size` bytes behind the struct, of which `cap` have been counted. NULL: they are no longer. */
static struct vx_body *build(size_t size, size_t cap, struct vx_pot *pot) {
    struct vx_body *body = vx_malloc(sizeof *body + size);

    if (!body) {
        vx_body_give_back(cap, pot);
        return NULL;
    }
    atomic_init(&body->refs, 1);
    atomic_init(&body->uses, 0);
    body->len = 0;
    body->cap = cap;
    body->count = 0;
    body->fixed = body->fileless = false;
    body->file = NULL;
    body->pot = vx_pot_ref(pot);
    return body;
}

/* The same, counted here, for a body of `len`. */
static struct vx_body *make(size_t size, size_t cap, size_t len, struct vx_pot *pot) {
    if (size > SIZE_MAX / 2)
        return NULL;
    if (!vx_body_take_memory(cap, len, pot, true)) {
        atomic_fetch_add(&refused, 1);
        return NULL;
    }
    return build(size, cap, pot);
}

struct vx_body *vx_body_new(size_t cap, struct vx_pot *pot) {
    struct vx_body *body = cap < SIZE_MAX / 2 ? make(VX_BODY_HEADROOM + cap, cap, cap, pot) : NULL;

    if (body)
        body->data = body->room + VX_BODY_HEADROOM;
    return body;
}

struct vx_body *vx_body_fixed(const void *bytes, size_t len) {
    struct vx_body *body = make(0, 0, 0, NULL);

    if (!body)
        return NULL;
    body->fixed = true;
    body->data = (char *)(uintptr_t)bytes;
    body->len = len;
    return body;
}

struct vx_body *vx_body_spare(const void *bytes, size_t len, size_t of, struct vx_pot *pot) {
    struct vx_body *body = vx_body_take_memory(len, of, pot, false) ? build(len, len, pot) : NULL;

    if (!body)
        return NULL;
    body->fixed = true; /* nothing may be written in front of it */
    body->data = body->room;
    memcpy(body->data, bytes, len);
    body->len = len;
    return body;
}

struct vx_body *vx_body_copy(const void *bytes, size_t len, struct vx_pot *pot) {
    struct vx_body *body = vx_body_new(len, pot);

    if (!body)
        return NULL;
    if (len)
        memcpy(body->data, bytes, len);
    body->len = len;
    return body;
}

struct vx_body *vx_body_ref(struct vx_body *body) {
    atomic_fetch_add_explicit(&body->refs, 1, memory_order_relaxed);
    return body;
}

void vx_body_release(struct vx_body **body) {
    struct vx_body *b = *body;

    *body = NULL;
    if (!b || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1)
        return;
    vx_body_lose_file(b);
    /* The parts are plain: this goes one level deep. */
    for (size_t i = 0; i < b->count; i++)
        vx_body_release(&b->parts[i].body);
    vx_body_give_back(b->cap, b->pot);
    vx_pot_release(&b->pot);
    vx_free(b);
}

/* Whoever releases it last sees the pot as it is then: releasing orders the two. */
void vx_body_leave(struct vx_body **body) {
    struct vx_body *b = *body;

    if (b)
        vx_body_lose_file(b); /* before the pot changes, which that looks at */
    if (b && b->pot && !is_part(b->pot) &&
        atomic_load_explicit(&b->refs, memory_order_relaxed) > 1) {
        b->pot = vx_pot_of_feeds(b->pot);
        atomic_fetch_add(&b->pot->used, b->cap);
    }
    vx_body_release(body);
}

static void add_part(struct vx_body *to, struct vx_body *body, size_t from, size_t len) {
    if (!len)
        return;
    to->len += len;
    to->parts[to->count++] = (struct part){vx_body_ref(body), from, to->len};
}

static void add_parts(struct vx_body *to, const struct vx_body *joined) {
    size_t start = 0;

    for (size_t i = 0; i < joined->count; i++) {
        const struct part *p = &joined->parts[i];

        add_part(to, p->body, p->from, p->end - start);
        start = p->end;
    }
}

struct vx_body *vx_body_join(const struct vx_piece *pieces, size_t count, struct vx_pot *pot) {
    size_t parts = 0, len = 0, size;
    struct vx_body *body;

    for (size_t i = 0; i < count; i++) {
        parts += pieces[i].body->count ? pieces[i].body->count : 1;
        len += pieces[i].len;
    }
    size = parts * sizeof(struct part);
    body = make(size, size, len, pot); /* what it holds on to is what makes it small or large */
    if (!body)
        return NULL;
    body->parts = (struct part *)(void *)body->room;
    for (size_t i = 0; i < count; i++)
        if (pieces[i].body->count)
            add_parts(body, pieces[i].body);
        else
            add_part(body, pieces[i].body, pieces[i].from, pieces[i].len);
    return body;
}

char *vx_body_data(struct vx_body *body) {
    return body->count || body->fixed ? NULL : body->data;
}

struct vx_pot *vx_body_pot(const struct vx_body *body) {
    return body->pot;
}

size_t vx_body_len(const struct vx_body *body) {
    return body->len;
}

void vx_body_set_len(struct vx_body *body, size_t len) {
    body->len = len;
}

/* The part that holds byte `at`, which lies before the end. */
static size_t find_part(const struct vx_body *body, size_t at) {
    size_t low = 0, high = body->count - 1;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (body->parts[middle].end <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t vx_body_runs(const struct vx_body *body, size_t from, struct vx_str *runs, size_t max) {
    size_t count = 0;

    if (from >= body->len || !max)
        return 0;
    if (!body->count) {
        runs[0] = (struct vx_str){body->data + from, body->len - from};
        return 1;
    }
    for (size_t i = find_part(body, from); i < body->count && count < max; i++) {
        const struct part *p = &body->parts[i];
        size_t start = i ? body->parts[i - 1].end : 0;
        size_t skip = from > start ? from - start : 0;

        runs[count++] = (struct vx_str){p->body->data + p->from + skip, p->end - start - skip};
    }
    return count;
}

void vx_body_set_limits(size_t all, size_t pot, size_t feeds) {
    atomic_store(&memory_limit, all);
    atomic_store(&pot_limit, pot);
    atomic_store(&feeds_limit, feeds);
}

size_t vx_body_memory(void) {
    return atomic_load(&memory_used);
}

size_t vx_body_refused(void) {
    return atomic_load(&refused);
}
