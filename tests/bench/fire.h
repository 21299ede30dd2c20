/*
 * Fires events at a registry from threads of its own, at a given rate or as fast as it goes, and
 * measures each vx_registry_apply().
 */
#ifndef BENCH_FIRE_H
#define BENCH_FIRE_H

#include "hist.h"
#include "world.h"

#define BENCH_FIRE_THREADS 16

enum bench_fire_kind {
    BENCH_TOUCH, /* changes of calls that stay up, one after the other: bench_touch() */
    BENCH_LIFE,  /* new calls: created, ringing, answered, over */
    BENCH_MIX,   /* in turn a change in `account` and an event of a new call in `new_account` */
};

struct bench_fire {
    enum bench_fire_kind kind;
    size_t account, new_account;
    double rate; /* events a second of all threads together; 0: as fast as it goes */
    double seconds;
    unsigned threads;
    int core; /* that the threads run on; -1: any */
};

struct bench_fired {
    struct bench_hist all;         /* every call of vx_registry_apply() */
    struct bench_hist undisturbed; /* those during which the kernel gave the core to nobody else */
    uint64_t events, changed;      /* those that a reader can see something of */
    double seconds;
    double cpu; /* seconds of processor time that the threads used */
};

/* False: no thread could be started. */
bool bench_fire(struct bench_world *w, const struct bench_fire *fire, struct bench_fired *fired);

/* Keeps the calling thread, and those it starts from then on, on this core. */
void bench_pin(int core);

#endif
