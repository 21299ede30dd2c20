#include "core/alloc.h"
#include "core/call.h"
#include "core/json_text.h"
#include "core/stock.h"

#include <stdatomic.h>

#define LONGEST_TEXT (UINT16_MAX - 1)

/* Many of these stay in memory: mind the size. What most calls lack is kept only where it is known.
 */
struct vx_snapshot {
    const char *service_url;
    _Atomic(char *) json; /* of kept_len() bytes, made by the first reader that asks */
    int64_t attempted_us, answered_us, ended_us;
    uint64_t json_len : 22, has_hook : 1, apart : 1;
    uint64_t units : 16; /* what it takes from the heap, see UNIT */
    uint64_t sip_status : 16, status : 4, direction : 2, has_application : 1, has_parent : 1;
    struct vx_uuid call_sid, account_sid;
    atomic_uint refs;
    char rest[]; /* hook, application_sid, parent_call_sid, a mark for each text, the texts */
};

#define HEAD offsetof(struct vx_snapshot, rest)
#define UNIT 16

/* The longest texts, each byte escaped. */
_Static_assert(VX_TEXT_COUNT *(LONGEST_TEXT + 3) / UNIT + 64 < 1 << 16, "units");
_Static_assert(VX_TEXT_COUNT *LONGEST_TEXT * 6 + 4096 < 1 << 22, "json_len");

/* What stands at the front of the JSON of every call that has an account. It is not kept. */
#define ACCOUNT_KEY  "{\"account_sid\":"
#define ACCOUNT_HEAD (sizeof ACCOUNT_KEY - 1 + VX_UUID_TEXT + 2)

static atomic_size_t memory_held;

size_t vx_snapshots_memory(void) {
    return atomic_load_explicit(&memory_held, memory_order_relaxed);
}

/* --- the rest: written and read from its start to its end --- */

static char *put_sid(char *to, const struct vx_uuid *sid, bool given) {
    if (given)
        memcpy(to, sid, sizeof *sid);
    return to + (given ? sizeof *sid : 0);
}

static const char *get_sid(const char *from, struct vx_uuid *sid, bool given) {
    *sid = (struct vx_uuid){{0}};
    if (given)
        memcpy(sid, from, sizeof *sid);
    return from + (given ? sizeof *sid : 0);
}

/* A text's length plus one, seven bits a byte; 0 is a text that is not given. */
static size_t mark_of(struct vx_str text) {
    return text.at ? text.len + 1 : 0;
}

static size_t mark_len(size_t mark) {
    return mark < 1U << 7 ? 1 : mark < 1U << 14 ? 2 : 3;
}

static char *put_mark(char *to, size_t mark) {
    for (; mark >= 1U << 7; mark >>= 7)
        *to++ = (char)(mark | 0x80);
    *to++ = (char)mark;
    return to;
}

static const char *get_mark(const char *from, size_t *mark) {
    unsigned char byte = (unsigned char)*from++;

    *mark = byte & 0x7f;
    for (unsigned shift = 7; byte & 0x80; shift += 7) {
        byte = (unsigned char)*from++;
        *mark |= (size_t)(byte & 0x7f) << shift;
    }
    return from;
}

/* *texts: all of them, one behind the other. */
static void put_texts(char *to, const struct vx_str text[VX_TEXT_COUNT], struct vx_str *texts) {
    for (size_t i = 0; i < VX_TEXT_COUNT; i++)
        to = put_mark(to, mark_of(text[i]));
    texts->at = to;
    for (size_t i = 0; i < VX_TEXT_COUNT; i++)
        if (text[i].len) {
            memcpy(to, text[i].at, text[i].len);
            to += text[i].len;
        }
    texts->len = (size_t)(to - texts->at);
}

static const char *get_text(const char *from, size_t mark, struct vx_str *text) {
    *text = mark ? (struct vx_str){from, mark - 1} : VX_NONE;
    return from + text->len;
}

/* Whether each of the marks is one byte, as nearly always. */
static bool are_short(const char *marks) {
    unsigned char all = 0;

    for (size_t i = 0; i < VX_TEXT_COUNT; i++)
        all |= (unsigned char)marks[i];
    return !(all & 0x80);
}

VX_SELDOM static void get_long_texts(const char *from, struct vx_str text[VX_TEXT_COUNT]) {
    size_t mark[VX_TEXT_COUNT];

    for (size_t i = 0; i < VX_TEXT_COUNT; i++)
        from = get_mark(from, &mark[i]);
    for (size_t i = 0; i < VX_TEXT_COUNT; i++)
        from = get_text(from, mark[i], &text[i]);
}

static void get_texts(const char *from, struct vx_str text[VX_TEXT_COUNT]) {
    const char *marks = from;

    if (!are_short(marks)) {
        get_long_texts(from, text);
        return;
    }
    from += VX_TEXT_COUNT;
    for (size_t i = 0; i < VX_TEXT_COUNT; i++)
        from = get_text(from, (unsigned char)marks[i], &text[i]);
}

static char *put_hook(char *to, struct vx_hook *hook) {
    if (hook) {
        vx_hook_ref(hook);
        memcpy(to, &hook, sizeof hook);
    }
    return to + (hook ? sizeof hook : 0);
}

struct vx_hook *vx_snapshot_hook(const struct vx_snapshot *s) {
    struct vx_hook *hook = NULL;

    if (s->has_hook)
        memcpy(&hook, s->rest, sizeof hook);
    return hook;
}

static const char *sids_of(const struct vx_snapshot *s) {
    return s->rest + s->has_hook * sizeof(struct vx_hook *);
}

static const char *texts_of(const struct vx_snapshot *s) {
    return sids_of(s) + (s->has_application + s->has_parent) * sizeof(struct vx_uuid);
}

/* --- a snapshot's life --- */

VX_SELDOM static size_t size_of_long_texts(const struct vx_str text[VX_TEXT_COUNT]) {
    size_t size = 0, longest = 0;

    for (size_t i = 0; i < VX_TEXT_COUNT; i++) {
        size += mark_len(mark_of(text[i])) + text[i].len;
        if (text[i].len > longest)
            longest = text[i].len;
    }
    return longest > LONGEST_TEXT ? 0 : size;
}

/* With their marks. 0: a text is longer than can be kept. */
static size_t size_of_texts(const struct vx_str text[VX_TEXT_COUNT]) {
    size_t size = VX_TEXT_COUNT, bits = 0;

    for (size_t i = 0; i < VX_TEXT_COUNT; i++) {
        size += text[i].len;
        bits |= text[i].len;
    }
    return bits < (1U << 7) - 1 ? size : size_of_long_texts(text);
}

/* 0: a text is longer than can be kept. */
static size_t size_of(const struct vx_call_fields *f) {
    size_t size = HEAD, texts = size_of_texts(f->text);

    size += f->hook ? sizeof f->hook : 0;
    size += vx_uuid_is_nil(&f->application_sid) ? 0 : sizeof f->application_sid;
    size += vx_uuid_is_nil(&f->parent_call_sid) ? 0 : sizeof f->parent_call_sid;
    return texts ? size + texts : 0;
}

static bool has_account(const struct vx_snapshot *s) {
    return !vx_uuid_is_nil(&s->account_sid);
}

static size_t kept_len(const struct vx_snapshot *s) {
    return s->json_len - (has_account(s) ? ACCOUNT_HEAD : 0);
}

static size_t bare_cost(const struct vx_snapshot *s) {
    return s->units * (size_t)UNIT;
}

/* Without its hook, which others may have as well. */
static size_t cost(const struct vx_snapshot *s) {
    return bare_cost(s) + vx_alloc_cost(kept_len(s));
}

static void count_in(struct vx_snapshot *s) {
    struct vx_hook *hook = vx_snapshot_hook(s);
    bool first = hook && vx_hook_have(hook);

    atomic_fetch_add_explicit(&memory_held, cost(s) + (first ? vx_hook_cost(hook) : 0),
                              memory_order_relaxed);
}

static void count_out(struct vx_snapshot *s) {
    struct vx_hook *hook = vx_snapshot_hook(s);
    bool last = hook && vx_hook_leave(hook);

    atomic_fetch_sub_explicit(&memory_held, cost(s) + (last ? vx_hook_cost(hook) : 0),
                              memory_order_relaxed);
}

static void fill(struct vx_snapshot *s, const struct vx_call_fields *f) {
    char *to = s->rest;
    struct vx_str texts;

    atomic_init(&s->refs, 1);
    atomic_init(&s->json, NULL);
    s->service_url = f->service_url;
    s->attempted_us = f->attempted_us;
    s->answered_us = f->answered_us;
    s->ended_us = f->ended_us;
    s->call_sid = f->call_sid;
    s->account_sid = f->account_sid;
    s->sip_status = f->sip_status;
    s->status = f->status & 15;
    s->direction = f->direction & 3;
    s->has_hook = f->hook != NULL;
    s->has_application = !vx_uuid_is_nil(&f->application_sid);
    s->has_parent = !vx_uuid_is_nil(&f->parent_call_sid);
    to = put_hook(to, f->hook);
    to = put_sid(to, &f->application_sid, s->has_application);
    to = put_sid(to, &f->parent_call_sid, s->has_parent);
    put_texts(to, f->text, &texts);
    s->apart = 0;
    s->json_len = vx_call_json_len(f, vx_json_is_plain(texts)) & 0x3fffff;
}

VX_SELDOM static struct vx_call_fields shortened(const struct vx_call_fields *f) {
    struct vx_call_fields cut = *f;

    for (size_t i = 0; i < VX_TEXT_COUNT; i++)
        if (cut.text[i].len > LONGEST_TEXT)
            cut.text[i].len = LONGEST_TEXT;
    return cut;
}

static struct vx_snapshot *make(const struct vx_call_fields *f) {
    struct vx_snapshot *s;
    struct vx_call_fields cut;
    size_t size = size_of(f);

    if (size == 0) {
        cut = shortened(f);
        f = &cut;
        size = size_of(f);
    }
    s = vx_stock_take(size < sizeof *s ? sizeof *s : size);
    if (!s)
        return NULL;
    fill(s, f);
    s->units = (vx_alloc_cost(size) / UNIT) & 0xffff;
    return s;
}

struct vx_snapshot *vx_snapshot_new(const struct vx_call_fields *f) {
    struct vx_snapshot *s = make(f);

    if (s)
        count_in(s);
    return s;
}

void vx_snapshot_set_apart(struct vx_snapshot **snapshot) {
    struct vx_call_fields f;
    struct vx_snapshot *s;

    vx_snapshot_fields(*snapshot, &f);
    s = make(&f);
    if (!s)
        return;
    s->apart = 1;
    vx_snapshot_release(snapshot);
    *snapshot = s;
}

size_t vx_snapshot_cost(const struct vx_snapshot *s) {
    const struct vx_hook *hook = vx_snapshot_hook(s);

    return bare_cost(s) + (hook ? vx_hook_cost(hook) : 0);
}

struct vx_snapshot *vx_snapshot_ref(struct vx_snapshot *s) {
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void vx_snapshot_release(struct vx_snapshot **snapshot) {
    struct vx_snapshot *s = *snapshot;
    struct vx_hook *hook;

    *snapshot = NULL;
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (!s->apart)
        count_out(s);
    hook = vx_snapshot_hook(s);
    vx_hook_release(&hook);
    vx_free(atomic_load(&s->json));
    vx_stock_give(s, vx_alloc_size(s->units * (size_t)UNIT));
}

struct vx_str vx_snapshot_text(const struct vx_snapshot *s, enum vx_call_text which) {
    struct vx_str text[VX_TEXT_COUNT];

    get_texts(texts_of(s), text);
    return text[which];
}

bool vx_snapshot_same_parties(const struct vx_snapshot *a, const struct vx_snapshot *b) {
    struct vx_str of_a[VX_TEXT_COUNT], of_b[VX_TEXT_COUNT];

    get_texts(texts_of(a), of_a);
    get_texts(texts_of(b), of_b);
    return a->direction == b->direction && vx_str_eq(of_a[VX_TEXT_FROM], of_b[VX_TEXT_FROM]) &&
           vx_str_eq(of_a[VX_TEXT_TO], of_b[VX_TEXT_TO]);
}

void vx_snapshot_fields(const struct vx_snapshot *s, struct vx_call_fields *f) {
    const char *at = sids_of(s);

    f->call_sid = s->call_sid;
    f->account_sid = s->account_sid;
    at = get_sid(at, &f->application_sid, s->has_application);
    at = get_sid(at, &f->parent_call_sid, s->has_parent);
    f->attempted_us = s->attempted_us;
    f->answered_us = s->answered_us;
    f->ended_us = s->ended_us;
    f->status = (enum vx_call_status)s->status;
    f->direction = (enum vx_direction)s->direction;
    f->sip_status = s->sip_status;
    f->service_url = s->service_url;
    f->hook = vx_snapshot_hook(s);
    get_texts(at, f->text);
}

/* As of a call without an account. */
static char *render(const struct vx_snapshot *s) {
    struct vx_call_fields fields;
    size_t len = kept_len(s);
    char *json = vx_malloc(len);

    if (!json)
        return NULL;
    vx_snapshot_fields(s, &fields);
    fields.account_sid = (struct vx_uuid){{0}};
    if (vx_call_json_write(json, len, &fields))
        return json;
    vx_free(json);
    return NULL;
}

bool vx_snapshot_render(struct vx_snapshot *s) {
    char *json, *other = NULL;

    if (atomic_load_explicit(&s->json, memory_order_acquire))
        return true;
    json = render(s);
    if (!json)
        return false;
    if (!atomic_compare_exchange_strong(&s->json, &other, json))
        vx_free(json); /* another thread was quicker */
    return true;
}

size_t vx_snapshot_json_len(const struct vx_snapshot *s) {
    return s->json_len;
}

char *vx_snapshot_put_json(const struct vx_snapshot *s, char *to) {
    const char *json = atomic_load_explicit(&s->json, memory_order_acquire);
    size_t len = kept_len(s);
    char sid[VX_UUID_TEXT + 1];

    if (!has_account(s)) {
        memcpy(to, json, len);
        return to + len;
    }
    vx_uuid_format(sid, &s->account_sid);
    memcpy(to, ACCOUNT_KEY "\"", sizeof ACCOUNT_KEY);
    to += sizeof ACCOUNT_KEY;
    memcpy(to, sid, VX_UUID_TEXT);
    to += VX_UUID_TEXT;
    *to++ = '"';
    *to++ = ','; /* in the place of what is kept's own bracket */
    memcpy(to, json + 1, len - 1);
    return to + len - 1;
}

void vx_buf_json(struct vx_buf *out, struct vx_snapshot *s) {
    if (!vx_snapshot_render(s))
        out->failed = true;
    if (out->failed || !vx_buf_reserve(out, s->json_len))
        return;
    vx_snapshot_put_json(s, out->at + out->len);
    out->len += s->json_len;
}

bool vx_snapshot_is_rendered(const struct vx_snapshot *s) {
    return atomic_load_explicit(&s->json, memory_order_relaxed) != NULL;
}

enum vx_call_status vx_snapshot_status(const struct vx_snapshot *s) {
    return (enum vx_call_status)s->status;
}

enum vx_direction vx_snapshot_direction(const struct vx_snapshot *s) {
    return (enum vx_direction)s->direction;
}

int64_t vx_snapshot_ended_us(const struct vx_snapshot *s) {
    return s->ended_us;
}

const struct vx_uuid *vx_snapshot_sid(const struct vx_snapshot *s) {
    return &s->call_sid;
}

const struct vx_uuid *vx_snapshot_account(const struct vx_snapshot *s) {
    return &s->account_sid;
}

bool vx_snapshot_has_parent(const struct vx_snapshot *s, const struct vx_uuid *sid) {
    const char *at = sids_of(s) + s->has_application * sizeof *sid;

    return s->has_parent && memcmp(at, sid, sizeof *sid) == 0;
}
