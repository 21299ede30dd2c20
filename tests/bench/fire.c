#include "config.h"

#include "fire.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#define STEP  8    /* events of one kind between two of the same call */
#define BATCH 1024 /* between two looks at the clock when nothing paces it */

struct shooter {
    pthread_t thread;
    struct bench_world *world;
    const struct bench_fire *fire;
    struct bench_fired fired;
    uint64_t numbers; /* of new calls: from here on */
    unsigned index;
    uint64_t shots, lives, touches;
};

void bench_pin(int core) {
    cpu_set_t set;

    if (core < 0)
        return;
    CPU_ZERO(&set);
    CPU_SET((unsigned)core, &set);
    sched_setaffinity(0, sizeof set, &set);
}

/* The lives of calls overlap, so that no event finds its call in the cache for the sake of the one
 * before. */
static void next_of_life(struct shooter *s, struct bench_event *e) {
    static const enum vx_event_type types[] = {VX_EVENT_CREATE, VX_EVENT_PROGRESS, VX_EVENT_ANSWER,
                                               VX_EVENT_HANGUP};
    size_t account = s->fire->kind == BENCH_MIX ? s->fire->new_account : s->fire->account;
    uint64_t step, call;

    do { /* the first calls have nobody before them */
        step = s->lives % 4;
        call = s->lives++ / 4;
    } while (call < step * STEP);
    call -= step * STEP;
    bench_event(e, s->world, account, s->numbers + call, types[step]);
}

static void next_touch(struct shooter *s, struct bench_event *e) {
    const struct bench_account *a = &s->world->accounts[s->fire->account];
    uint64_t n = s->touches++ * s->fire->threads + s->index;

    bench_touch(e, s->world, s->fire->account, a->first + n % a->calls);
}

static void shoot(struct shooter *s) {
    struct rusage before, after;
    struct bench_event e;
    enum vx_applied applied;
    int64_t began, took;

    if (s->fire->kind == BENCH_TOUCH || (s->fire->kind == BENCH_MIX && s->shots % 2))
        next_touch(s, &e);
    else
        next_of_life(s, &e);
    getrusage(RUSAGE_THREAD, &before);
    began = bench_now();
    applied = bench_apply(s->world, &e);
    took = bench_now() - began;
    getrusage(RUSAGE_THREAD, &after);
    s->shots++;
    s->fired.changed += applied == VX_APPLIED;
    bench_hist_add(&s->fired.all, took);
    if (before.ru_nivcsw == after.ru_nivcsw)
        bench_hist_add(&s->fired.undisturbed, took);
}

static void sleep_until(int64_t ns) {
    struct timespec t = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};

    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static void *run(void *ctx) {
    struct shooter *s = ctx;
    int64_t began = bench_now(), end = began + (int64_t)(s->fire->seconds * 1e9), now = began;
    double gap = s->fire->rate > 0 ? 1e9 * s->fire->threads / s->fire->rate : 0;

    bench_pin(s->fire->core);
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    while (now < end) {
        for (int i = 0; i < (gap > 0 ? 1 : BATCH); i++)
            shoot(s);
        now = bench_now();
        if (gap > 0 && began + (int64_t)(gap * (double)s->shots) > now)
            sleep_until(began + (int64_t)(gap * (double)s->shots));
    }
    s->fired.seconds = (double)(bench_now() - began) / 1e9;
    s->fired.cpu = bench_cpu();
    return NULL;
}

static void add_up(struct bench_fired *fired, const struct shooter *s) {
    bench_hist_merge(&fired->all, &s->fired.all);
    bench_hist_merge(&fired->undisturbed, &s->fired.undisturbed);
    fired->events += s->shots;
    fired->changed += s->fired.changed;
    fired->cpu += s->fired.cpu;
    if (s->fired.seconds > fired->seconds)
        fired->seconds = s->fired.seconds;
}

bool bench_fire(struct bench_world *w, const struct bench_fire *fire, struct bench_fired *fired) {
    static struct shooter shooters[BENCH_FIRE_THREADS];
    static uint64_t threads_ever;
    unsigned started = 0;

    memset(fired, 0, sizeof *fired);
    memset(shooters, 0, sizeof shooters);
    for (; started < fire->threads && started < BENCH_FIRE_THREADS; started++) {
        struct shooter *s = &shooters[started];

        s->world = w;
        s->fire = fire;
        s->index = started;
        s->numbers = ++threads_ever << 36;
        if (pthread_create(&s->thread, NULL, run, s) != 0)
            break;
    }
    for (unsigned i = 0; i < started; i++) {
        pthread_join(shooters[i].thread, NULL);
        add_up(fired, &shooters[i]);
    }
    return started > 0;
}
