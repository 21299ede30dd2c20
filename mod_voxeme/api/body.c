#include "api/body.h"

#include "core/alloc.h"

#include <stdatomic.h>

/* Small bodies are exempt from the limit: errors must get out when memory is what they are about.
 */
#define ALWAYS_ALLOWED 4096

struct vx_body {
    atomic_uint refs;
    size_t len, cap;
    char headroom[VX_BODY_HEADROOM];
    char data[];
};

static atomic_size_t memory_used;
static atomic_size_t memory_limit;

static bool take_memory(size_t cap) {
    size_t used = atomic_fetch_add(&memory_used, cap);
    size_t limit = atomic_load(&memory_limit);

    if (limit == 0 || cap <= ALWAYS_ALLOWED || (cap <= limit && used <= limit - cap))
        return true;
    atomic_fetch_sub(&memory_used, cap);
    return false;
}

struct vx_body *vx_body_new(size_t cap) {
    struct vx_body *body;

    if (cap > SIZE_MAX / 2 || !take_memory(cap))
        return NULL;
    body = vx_malloc(sizeof *body + cap);
    if (!body) {
        atomic_fetch_sub(&memory_used, cap);
        return NULL;
    }
    atomic_init(&body->refs, 1);
    body->len = 0;
    body->cap = cap;
    return body;
}

struct vx_body *vx_body_copy(const void *bytes, size_t len) {
    struct vx_body *body = vx_body_new(len);

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
    atomic_fetch_sub(&memory_used, b->cap);
    vx_free(b);
}

char *vx_body_data(struct vx_body *body) {
    return body->data;
}

size_t vx_body_len(const struct vx_body *body) {
    return body->len;
}

size_t vx_body_cap(const struct vx_body *body) {
    return body->cap;
}

void vx_body_set_len(struct vx_body *body, size_t len) {
    body->len = len;
}

void vx_body_set_limit(size_t bytes) {
    atomic_store(&memory_limit, bytes);
}

size_t vx_body_memory(void) {
    return atomic_load(&memory_used);
}
