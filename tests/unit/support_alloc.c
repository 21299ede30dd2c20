/*
 * Reruns a scenario with the n-th allocation failing.
 *
 * Two ways to fail: the one built into core/alloc.c, and, where no sanitizer owns malloc(), our own
 * malloc(), calloc() and realloc() in front of glibc's, which reach the libraries as well. Only the
 * thread that armed the counter is counted.
 */
#include "support.h"

#include <errno.h>

#ifdef VX_SANITIZERS
#define INTERPOSE 0
#else
#define INTERPOSE 1
#endif

static enum { ROUND_NONE, ROUND_CORE, ROUND_MALLOC } round_;
static long nth;
static bool failed, armed_ever;

#if INTERPOSE
static _Thread_local long countdown;
static _Thread_local bool hit;

static bool fails_now(void) {
    if (countdown == 0 || --countdown > 0)
        return false;
    hit = true;
    errno = ENOMEM;
    return true;
}

/* glibc's own names for its allocator (malloc(3) may be replaced by defining the usual ones). */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);

__attribute__((visibility("default"))) void *malloc(size_t size) {
    return fails_now() ? NULL : __libc_malloc(size);
}

__attribute__((visibility("default"))) void *calloc(size_t n, size_t size) {
    return fails_now() ? NULL : __libc_calloc(n, size);
}

__attribute__((visibility("default"))) void *realloc(void *p, size_t size) {
    return fails_now() ? NULL : __libc_realloc(p, size);
}
#endif

void vx_test_arm(void) {
    armed_ever = true;
    if (round_ == ROUND_CORE)
        vx_alloc_fail_at(nth);
#if INTERPOSE
    if (round_ == ROUND_MALLOC) {
        hit = false;
        countdown = nth;
    }
#endif
}

bool vx_test_disarm(void) {
    if (round_ == ROUND_CORE) {
        failed = vx_alloc_failed();
        vx_alloc_fail_at(0);
    }
#if INTERPOSE
    if (round_ == ROUND_MALLOC) {
        failed = hit;
        countdown = 0;
    }
#endif
    return failed;
}

static long run_round(void (*scenario)(void *ctx), void *ctx) {
    for (nth = 1; nth < 1000000; nth++) {
        failed = armed_ever = false;
        scenario(ctx);
        assert_true(armed_ever);
        if (!failed)
            break;
    }
    assert_false(failed);
    return nth - 1;
}

void vx_test_every_allocation_fails(void (*scenario)(void *ctx), void *ctx, bool core_only) {
    round_ = ROUND_CORE;
    long core = run_round(scenario, ctx), all = 0;
    if (INTERPOSE && !core_only) {
        round_ = ROUND_MALLOC;
        all = run_round(scenario, ctx);
    }
    round_ = ROUND_NONE;
    printf("# failed allocations: %ld of vx_malloc, %ld of malloc\n", core, all);
    fflush(stdout);
}
