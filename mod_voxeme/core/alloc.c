#include "core/alloc.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static atomic_uint_fast64_t failures;
static atomic_long fail_countdown; /* 0: off */
static atomic_int fail_happened;

static bool must_fail(void) {
    if (atomic_load_explicit(&fail_countdown, memory_order_relaxed) == 0)
        return false;
    if (atomic_fetch_sub(&fail_countdown, 1) != 1)
        return false;
    atomic_store(&fail_happened, 1);
    return true;
}

static void *checked(void *p) {
    if (!p)
        atomic_fetch_add_explicit(&failures, 1, memory_order_relaxed);
    return p;
}

bool vx_alloc_denied(void) {
    if (!must_fail())
        return false;
    checked(NULL);
    return true;
}

void *vx_malloc(size_t size) {
    return checked(must_fail() ? NULL : malloc(size ? size : 1));
}

void *vx_calloc(size_t n, size_t size) {
    return checked(must_fail() ? NULL : calloc(n ? n : 1, size ? size : 1));
}

void *vx_realloc(void *p, size_t size) {
    return checked(must_fail() ? NULL : realloc(p, size ? size : 1));
}

char *vx_strndup(const char *s, size_t len) {
    char *copy = vx_malloc(len + 1);

    if (!copy)
        return NULL;
    if (len)
        memcpy(copy, s, len);
    copy[len] = '\0';
    return copy;
}

char *vx_strdup(const char *s) {
    return vx_strndup(s, strlen(s));
}

void vx_free(void *p) {
    free(p);
}

uint64_t vx_alloc_failures(void) {
    return atomic_load_explicit(&failures, memory_order_relaxed);
}

void vx_alloc_fail_at(long n) {
    atomic_store(&fail_happened, 0);
    atomic_store(&fail_countdown, n);
}

int vx_alloc_failed(void) {
    return atomic_load(&fail_happened);
}
