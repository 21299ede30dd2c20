/*
 * Core and API without a socket, at sizes that SIP cannot reach. Each prints one line of JSON.
 *
 * usage: bench_core scale CALLS     what an event, a list, a 304 and an expiry cost beside CALLS
 *                                   calls, in nanoseconds
 *        bench_core memory CALLS    bytes that a call holds
 *        bench_core start CALLS     what it takes to take in CALLS calls that are up already
 *        bench_core event|list|changed|gzip|same COUNT
 *                                   does one thing COUNT times in bench_counted(), for callgrind
 */
#include "core/stock.h"
#include "fire.h"

#include <malloc.h>
#include <stdlib.h>

#define ASKED_CALLS 100  /* of the account that is listed */
#define OTHER_CALLS 1000 /* of each other account */
#define ENOUGH      20000
#define HOUR_US     (INT64_C(3600) * VX_SECOND_US)

static int64_t ahead_us; /* of the system's monotonic clock: lets calls expire */

static int64_t wall(void *ctx) {
    return vx_clock_system.wall_us(ctx);
}

static int64_t mono(void *ctx) {
    return vx_clock_system.mono_us(ctx) + ahead_us;
}

static const struct vx_clock bench_clock = {wall, mono, NULL};

static bool open_world(struct bench_world *w, size_t calls) {
    static const size_t asked[] = {ASKED_CALLS};
    struct bench_plan plan = {.calls = asked, .listed = 1, .clock = &bench_clock};

    plan.other_calls = calls - ASKED_CALLS < OTHER_CALLS ? calls - ASKED_CALLS : OTHER_CALLS;
    plan.others = plan.other_calls ? (calls - ASKED_CALLS) / plan.other_calls : 0;
    return bench_world_open(w, &plan);
}

static uint64_t calls_of(const struct bench_world *w) {
    struct vx_registry_stats stats;

    vx_registry_stats(w->registry, &stats);
    return stats.calls;
}

/* --- scale --- */

/* Any call of any account: none is in the cache for the sake of the one before. */
static void time_events(struct bench_world *w, struct bench_hist *h) {
    uint64_t random = 88172645463325252u;
    struct bench_event e;

    for (unsigned i = 0; i < ENOUGH; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        size_t account = random % w->account_count;
        const struct bench_account *a = &w->accounts[account];

        bench_touch(&e, w, account, a->first + (random >> 32) % a->calls);
        int64_t began = bench_now();
        enum vx_applied applied = bench_apply(w, &e);
        if (applied == VX_APPLIED)
            bench_hist_add(h, bench_now() - began);
    }
}

static void time_lists(struct bench_world *w, struct bench_hist *list, struct bench_hist *same,
                       struct bench_hist *changed) {
    char etag[VX_ETAG_SIZE];
    struct bench_event e;

    bench_list(w, 0, NULL, etag, NULL);
    for (unsigned i = 0; i < ENOUGH / 4; i++) {
        int64_t began = bench_now();
        bench_list(w, 0, NULL, etag, NULL);
        int64_t listed = bench_now();
        bench_list(w, 0, etag, NULL, NULL);
        int64_t matched = bench_now();
        bench_touch(&e, w, 0, w->accounts[0].first + i % ASKED_CALLS);
        bench_apply(w, &e);
        int64_t touched = bench_now();
        bench_list(w, 0, NULL, etag, NULL);
        bench_hist_add(changed, bench_now() - touched);
        bench_hist_add(list, listed - began);
        bench_hist_add(same, matched - listed);
    }
}

static double time_expiry(struct bench_world *w) {
    uint64_t before = calls_of(w);
    struct bench_event e;
    double began;

    for (size_t i = 0; i < w->account_count; i++)
        for (uint64_t n = 0; n < w->accounts[i].calls; n++) {
            bench_event(&e, w, i, w->accounts[i].first + n, VX_EVENT_HANGUP);
            bench_apply(w, &e);
        }
    ahead_us += HOUR_US;
    began = bench_cpu();
    while (calls_of(w))
        vx_registry_expire(w->registry, 256);
    return (bench_cpu() - began) * 1e9 / (double)before;
}

static int scale(size_t calls) {
    static struct bench_hist event, list, same, changed;
    struct bench_world w;

    if (!open_world(&w, calls) || !bench_world_fill(&w))
        return 1;
    time_events(&w, &event);
    time_lists(&w, &list, &same, &changed);
    printf("{\"calls\":%llu,\"expiry\":", (unsigned long long)calls_of(&w));
    printf("%.1f,", time_expiry(&w));
    bench_hist_print(&event, "event");
    printf(",");
    bench_hist_print(&list, "list");
    printf(",");
    bench_hist_print(&changed, "changed_list");
    printf(",");
    bench_hist_print(&same, "not_modified");
    printf("}\n");
    bench_world_close(&w);
    return 0;
}

/* --- memory --- */

static size_t allocated(void) {
    struct mallinfo2 m = mallinfo2();

    return m.uordblks + m.hblkhd;
}

static size_t render_all(struct bench_world *w) {
    size_t bytes = 0;

    for (size_t i = 0; i < w->account_count; i++) {
        struct vx_scope *scope = vx_registry_account(w->registry, &w->accounts[i].sid);

        for (uint64_t n = 0; scope && n < w->accounts[i].calls; n++) {
            struct bench_event e;
            struct vx_snapshot *call;

            bench_event(&e, w, i, w->accounts[i].first + n, VX_EVENT_UPDATE);
            call = vx_scope_find(scope, &e.event.call_sid);
            bytes += call && vx_snapshot_render(call) ? vx_snapshot_json_len(call) : 0;
            vx_snapshot_release(&call);
        }
        vx_scope_release(&scope);
    }
    return bytes;
}

static int memory(size_t calls) {
    struct bench_world w;
    size_t empty, full, rendered, listed, json;
    double n;

    if (!open_world(&w, calls))
        return 1;
    empty = allocated();
    if (!bench_world_fill(&w))
        return 1;
    full = allocated();
    json = render_all(&w);
    rendered = allocated();
    for (size_t i = 0; i < w.account_count; i++)
        bench_list(&w, i, NULL, NULL, NULL);
    listed = allocated();
    n = (double)calls_of(&w);
    printf("{\"calls\":%.0f,\"json\":%.1f,\"plain\":%.1f,\"rendered\":%.1f,\"listed\":%.1f}\n", n,
           (double)json / n, (double)(full - empty) / n, (double)(rendered - empty) / n,
           (double)(listed - empty) / n);
    bench_world_close(&w);
    return 0;
}

/* --- start --- */

/* What a host tells of a call that is up already, and what the module then does with it. */
static void tell_all(struct bench_world *w,
                     void (*take)(struct bench_world *w, const struct bench_event *e)) {
    struct bench_event e;

    for (size_t i = 0; i < w->account_count; i++)
        for (uint64_t n = 0; n < w->accounts[i].calls; n++) {
            bench_event(&e, w, i, w->accounts[i].first + n, VX_EVENT_CREATE);
            e.event.answered_us = e.event.attempted_us + VX_SECOND_US;
            take(w, &e);
        }
}

static void ignore(struct bench_world *w, const struct bench_event *e) {
    (void)w;
    (void)e;
}

static void take_in(struct bench_world *w, const struct bench_event *e) {
    bench_apply(w, e);
}

static void see(struct bench_world *w, const struct bench_event *e) {
    vx_registry_audit_seen(w->registry, &e->event.call_sid);
}

static int start(size_t calls) {
    struct bench_world w;
    double began, making, taking, seeing, listing;

    if (!open_world(&w, calls))
        return 1;
    began = bench_cpu();
    tell_all(&w, ignore);
    making = bench_cpu() - began;
    began = bench_cpu();
    tell_all(&w, take_in);
    taking = bench_cpu() - began - making;
    began = bench_cpu();
    vx_registry_audit_begin(w.registry);
    tell_all(&w, see);
    vx_registry_audit_end(w.registry);
    seeing = bench_cpu() - began - making;
    began = bench_cpu();
    bench_list(&w, 0, NULL, NULL, NULL);
    listing = bench_cpu() - began;
    printf("{\"calls\":%llu,\"take_in\":%.6f,\"audit\":%.6f,\"first_list\":%.6f}\n",
           (unsigned long long)calls_of(&w), taking, seeing, listing);
    bench_world_close(&w);
    return 0;
}

/* --- counting instructions --- */

enum counted { COUNT_EVENT, COUNT_LIST, COUNT_CHANGED, COUNT_GZIP, COUNT_SAME };

/* Known by its name to callgrind. */
__attribute__((noinline)) static void bench_counted(struct bench_world *w, enum counted what,
                                                    const struct bench_event *e, const char *etag) {
    if (what == COUNT_EVENT)
        bench_apply(w, e);
    else
        bench_list(w, 0, what == COUNT_SAME ? etag : NULL, NULL, NULL);
}

static int count(enum counted what, size_t times) {
    char etag[VX_ETAG_SIZE];
    struct bench_event e;
    struct bench_world w;

    if (!open_world(&w, ASKED_CALLS + OTHER_CALLS) || !bench_world_fill(&w))
        return 1;
    vx_stock_open();
    w.gzip = what == COUNT_GZIP;
    bench_list(&w, 0, NULL, etag, NULL);
    for (size_t i = 0; i < times; i++) {
        vx_stock_fill(false); /* as a network thread does */
        bench_touch(&e, &w, 0, w.accounts[0].first + i % ASKED_CALLS);
        if (what == COUNT_CHANGED || what == COUNT_GZIP)
            bench_apply(&w, &e);
        bench_counted(&w, what, &e, etag);
    }
    printf("{\"times\":%zu}\n", times);
    bench_world_close(&w);
    vx_stock_close();
    return 0;
}

int main(int argc, char **argv) {
    static const char *const counted[] = {"event", "list", "changed", "gzip", "same"};
    size_t calls = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;

    if (calls >= ASKED_CALLS && strcmp(argv[1], "scale") == 0)
        return scale(calls);
    if (calls >= ASKED_CALLS && strcmp(argv[1], "memory") == 0)
        return memory(calls);
    if (calls >= ASKED_CALLS && strcmp(argv[1], "start") == 0)
        return start(calls);
    for (size_t i = 0; calls && i < sizeof counted / sizeof *counted; i++)
        if (strcmp(argv[1], counted[i]) == 0)
            return count((enum counted)i, calls);
    fprintf(stderr, "usage: bench_core scale|memory|start CALLS (at least %d), or see its head\n",
            ASKED_CALLS);
    return 2;
}
