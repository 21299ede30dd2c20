/* The few types that every layer shares. */
#ifndef VX_BASE_H
#define VX_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Of a function that hardly any event needs: it stays out of the way of the code that all of them
 * run through, which no cache holds when a host's thread has slept. */
#define VX_SELDOM __attribute__((cold, noinline))

/* A borrowed run of bytes, not terminated. {NULL, 0} means "not given"; {"", 0} means "given,
 * empty". */
struct vx_str {
    const char *at;
    size_t len;
};

#define VX_STR(literal) ((struct vx_str){"" literal, sizeof(literal) - 1})
#define VX_NONE         ((struct vx_str){NULL, 0})

static inline struct vx_str vx_str(const char *s) {
    return (struct vx_str){s, s ? strlen(s) : 0};
}

static inline bool vx_str_eq(struct vx_str a, struct vx_str b) {
    return a.len == b.len && (a.len == 0 || a.at == b.at || memcmp(a.at, b.at, a.len) == 0);
}

/* ASCII case-insensitive, never the locale's. */
bool vx_str_ieq(struct vx_str a, struct vx_str b);

#define VX_DECIMAL 20

/* Writes `n` in decimal, without a NUL; returns how many digits. */
size_t vx_decimal(char out[VX_DECIMAL], uint64_t n);

#define VX_SECOND_US INT64_C(1000000)

#endif
