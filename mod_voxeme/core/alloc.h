/*
 * Every allocation of core and api goes through here, so that a failure is counted and a test can
 * make the n-th one fail. Nothing in this module ends the process when memory is short: callers get
 * NULL and give up that one piece of work.
 *
 * Threads: any.
 */
#ifndef VX_ALLOC_H
#define VX_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* NULL when memory is short (counted). The caller owns the result and frees it with vx_free(). */
void *vx_malloc(size_t size);
void *vx_calloc(size_t n, size_t size);
void *vx_realloc(void *p, size_t size);
char *vx_strdup(const char *s);
char *vx_strndup(const char *s, size_t len);
void vx_free(void *p);

/* What an allocation of that size takes from the heap, as glibc's malloc deals it out. */
static inline size_t vx_alloc_cost(size_t size) {
    return (size + 8 + 15) & ~(size_t)15;
}

/* The largest size that costs so much. */
static inline size_t vx_alloc_size(size_t cost) {
    return cost - 8;
}

/* How many allocations have failed since the process started. */
uint64_t vx_alloc_failures(void);

/* For tests: the n-th allocation from now on (1 = the next) fails, once. 0 turns it off. */
void vx_alloc_fail_at(long n);

/* For whoever deals out memory that it has already: whether this allocation is the one that must
 * fail. Counts as one, and as a failure. */
bool vx_alloc_denied(void);

/* For tests: whether the failure asked for with vx_alloc_fail_at() has happened. */
int vx_alloc_failed(void);

#endif
