/*
 * A histogram of durations in nanoseconds: 64 steps to each power of two, so that a percentile is
 * right to 1.6 %.
 *
 * Threads: one at a time per histogram.
 */
#ifndef BENCH_HIST_H
#define BENCH_HIST_H

#include <stdint.h>
#include <stdio.h>

#define BENCH_HIST_BUCKETS (64 * 40)

struct bench_hist {
    uint64_t count, buckets[BENCH_HIST_BUCKETS];
    int64_t max;
};

/* CLOCK_MONOTONIC, which is the same in every process of the machine. */
int64_t bench_now(void);

/* Seconds of processor time of the calling thread: others on the machine do not count. */
double bench_cpu(void);

void bench_hist_add(struct bench_hist *h, int64_t ns);
void bench_hist_merge(struct bench_hist *into, const struct bench_hist *from);
/* The duration that `share` (0 to 1) of all are not beyond; 0 of an empty histogram. */
int64_t bench_hist_at(const struct bench_hist *h, double share);
/* "\"NAME\":{\"count\":...,\"median\":...,\"p99\":...,\"p999\":...,\"max\":...}" */
void bench_hist_print(const struct bench_hist *h, const char *name);

#endif
