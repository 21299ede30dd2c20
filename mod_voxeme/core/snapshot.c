#include "core/alloc.h"
#include "core/call.h"

#include <stdatomic.h>

#define NOT_GIVEN UINT16_MAX

/* The JSON of a snapshot, made by the first reader that asks. */
struct rendered {
    size_t len;
    char text[];
};

struct vx_snapshot {
    atomic_uint refs;
    uint8_t status, direction;
    uint16_t sip_status;
    struct vx_uuid call_sid, account_sid, application_sid, parent_call_sid;
    int64_t attempted_us, answered_us, ended_us;
    const char *service_url;
    _Atomic(struct rendered *) json;
    uint16_t len[VX_TEXT_COUNT];
    char texts[];
};

static size_t text_len(struct vx_str s) {
    return s.len < NOT_GIVEN ? s.len : NOT_GIVEN - 1;
}

static void copy_texts(struct vx_snapshot *s, const struct vx_call_fields *f) {
    char *to = s->texts;

    for (size_t i = 0; i < VX_TEXT_COUNT; i++) {
        size_t len = text_len(f->text[i]);

        s->len[i] = f->text[i].at ? (uint16_t)len : NOT_GIVEN;
        if (f->text[i].at && len) {
            memcpy(to, f->text[i].at, len);
            to += len;
        }
    }
}

struct vx_snapshot *vx_snapshot_new(const struct vx_call_fields *f) {
    struct vx_snapshot *s;
    size_t texts = 0;

    for (size_t i = 0; i < VX_TEXT_COUNT; i++)
        texts += f->text[i].at ? text_len(f->text[i]) : 0;
    s = vx_malloc(sizeof *s + texts);
    if (!s)
        return NULL;
    atomic_init(&s->refs, 1);
    atomic_init(&s->json, NULL);
    s->status = (uint8_t)f->status;
    s->direction = (uint8_t)f->direction;
    s->sip_status = f->sip_status;
    s->call_sid = f->call_sid;
    s->account_sid = f->account_sid;
    s->application_sid = f->application_sid;
    s->parent_call_sid = f->parent_call_sid;
    s->attempted_us = f->attempted_us;
    s->answered_us = f->answered_us;
    s->ended_us = f->ended_us;
    s->service_url = f->service_url;
    copy_texts(s, f);
    return s;
}

struct vx_snapshot *vx_snapshot_ref(struct vx_snapshot *s) {
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void vx_snapshot_release(struct vx_snapshot **snapshot) {
    struct vx_snapshot *s = *snapshot;

    *snapshot = NULL;
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
        return;
    vx_free(atomic_load(&s->json));
    vx_free(s);
}

struct vx_str vx_snapshot_text(const struct vx_snapshot *s, enum vx_call_text which) {
    const char *at = s->texts;

    for (size_t i = 0; i < (size_t)which; i++)
        at += s->len[i] == NOT_GIVEN ? 0 : s->len[i];
    return s->len[which] == NOT_GIVEN ? VX_NONE : (struct vx_str){at, s->len[which]};
}

void vx_snapshot_fields(const struct vx_snapshot *s, struct vx_call_fields *f) {
    const char *at = s->texts;

    f->call_sid = s->call_sid;
    f->account_sid = s->account_sid;
    f->application_sid = s->application_sid;
    f->parent_call_sid = s->parent_call_sid;
    f->attempted_us = s->attempted_us;
    f->answered_us = s->answered_us;
    f->ended_us = s->ended_us;
    f->status = (enum vx_call_status)s->status;
    f->direction = (enum vx_direction)s->direction;
    f->sip_status = s->sip_status;
    f->service_url = s->service_url;
    for (size_t i = 0; i < VX_TEXT_COUNT; i++) {
        f->text[i] = s->len[i] == NOT_GIVEN ? VX_NONE : (struct vx_str){at, s->len[i]};
        at += f->text[i].len;
    }
}

static struct rendered *render(const struct vx_snapshot *s) {
    struct vx_call_fields fields;
    struct vx_buf out = {0};
    struct rendered *r;

    vx_snapshot_fields(s, &fields);
    vx_buf_reserve(&out, 768);
    vx_buf_add(&out, &(struct rendered){0}, sizeof *r);
    vx_call_render(&out, &fields);
    if (!vx_buf_ok(&out)) {
        vx_buf_free(&out);
        return NULL;
    }
    /* Thousands of these stay in memory: give back what the buffer has too much. */
    r = vx_realloc(out.at, out.len);
    if (!r)
        r = (struct rendered *)(void *)out.at;
    r->len = out.len - sizeof *r;
    return r;
}

struct vx_str vx_snapshot_json(struct vx_snapshot *s) {
    struct rendered *r = atomic_load_explicit(&s->json, memory_order_acquire);
    struct rendered *other = NULL;

    if (!r) {
        r = render(s);
        if (!r)
            return VX_NONE;
        if (!atomic_compare_exchange_strong(&s->json, &other, r)) {
            vx_free(r); /* another thread was quicker */
            r = other;
        }
    }
    return (struct vx_str){r->text, r->len};
}

enum vx_call_status vx_snapshot_status(const struct vx_snapshot *s) {
    return (enum vx_call_status)s->status;
}

enum vx_direction vx_snapshot_direction(const struct vx_snapshot *s) {
    return (enum vx_direction)s->direction;
}

const struct vx_uuid *vx_snapshot_sid(const struct vx_snapshot *s) {
    return &s->call_sid;
}

const struct vx_uuid *vx_snapshot_account(const struct vx_snapshot *s) {
    return &s->account_sid;
}
