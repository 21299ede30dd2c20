#include "hist.h"

#include <time.h>

int64_t bench_now(void) {
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

double bench_cpu(void) {
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static unsigned bucket_of(int64_t ns) {
    uint64_t v = ns > 0 ? (uint64_t)ns : 0;
    unsigned shift, bucket;

    if (v < 64)
        return (unsigned)v;
    shift = 63 - (unsigned)__builtin_clzll(v) - 6;
    bucket = 64 * (shift + 1) + (unsigned)(v >> shift) - 64;
    return bucket < BENCH_HIST_BUCKETS ? bucket : BENCH_HIST_BUCKETS - 1;
}

static int64_t value_of(unsigned bucket) {
    return bucket < 64 ? bucket : (int64_t)(bucket % 64 + 64) << (bucket / 64 - 1);
}

void bench_hist_add(struct bench_hist *h, int64_t ns) {
    h->buckets[bucket_of(ns)]++;
    h->count++;
    if (ns > h->max)
        h->max = ns;
}

void bench_hist_merge(struct bench_hist *into, const struct bench_hist *from) {
    for (unsigned i = 0; i < BENCH_HIST_BUCKETS; i++)
        into->buckets[i] += from->buckets[i];
    into->count += from->count;
    if (from->max > into->max)
        into->max = from->max;
}

int64_t bench_hist_at(const struct bench_hist *h, double share) {
    uint64_t wanted = (uint64_t)(share * (double)h->count), seen = 0;

    for (unsigned i = 0; i < BENCH_HIST_BUCKETS && h->count; i++) {
        seen += h->buckets[i];
        if (seen > wanted || seen == h->count)
            return value_of(i);
    }
    return 0;
}

void bench_hist_print(const struct bench_hist *h, const char *name) {
    printf("\"%s\":{\"count\":%llu,\"median\":%lld,\"p99\":%lld,\"p999\":%lld,\"max\":%lld}", name,
           (unsigned long long)h->count, (long long)bench_hist_at(h, 0.5),
           (long long)bench_hist_at(h, 0.99), (long long)bench_hist_at(h, 0.999),
           (long long)h->max);
}
