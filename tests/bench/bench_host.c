/*
 * The module with no switch around it: a registry filled with N accounts of M calls, served over
 * HTTP, and events fired at it through the host port as told on stdin.
 *
 * usage: bench_host CALLS[,CALLS...] [others=ACCOUNTSxCALLS] [net-core=N] [fire-core=N]
 *                   [setting=NAME=VALUE]...
 *
 * One line of JSON says what is there (the accounts of CALLS calls, with their tokens). Then each
 * line of stdin is answered by one of JSON:
 *   touch ACCOUNT RATE SECONDS THREADS      calls that stay up change (BENCH_TOUCH)
 *   life ACCOUNT RATE SECONDS THREADS       new calls come and go (BENCH_LIFE)
 *   mix ACCOUNT NEW RATE SECONDS THREADS    both (BENCH_MIX)
 *   size                                    what the process holds
 *   quit                                    (or the end of stdin)
 * ACCOUNT is a place in the list, from 0; a RATE of 0 is as fast as it goes.
 */
#include "fire.h"
#include "net/server.h"

#include <malloc.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define MAX_LISTED   16
#define MAX_SETTINGS 16

struct options {
    size_t calls[MAX_LISTED];
    char *settings[MAX_SETTINGS];
    struct bench_plan plan;
    int net_core, fire_core;
};

static bool read_option(struct options *o, char *text) {
    if (sscanf(text, "others=%zux%zu", &o->plan.others, &o->plan.other_calls) == 2 ||
        sscanf(text, "net-core=%d", &o->net_core) == 1 ||
        sscanf(text, "fire-core=%d", &o->fire_core) == 1)
        return true;
    if (strncmp(text, "setting=", 8) != 0 || o->plan.setting_count == MAX_SETTINGS)
        return false;
    o->settings[o->plan.setting_count++] = text + 8;
    return true;
}

static bool read_options(struct options *o, int argc, char **argv) {
    memset(o, 0, sizeof *o);
    o->net_core = o->fire_core = -1;
    o->plan.calls = o->calls;
    o->plan.settings = o->settings;
    for (char *at = argc > 1 ? argv[1] : NULL; at && o->plan.listed < MAX_LISTED;
         at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        o->calls[o->plan.listed++] = strtoul(at, NULL, 10);
    for (int i = 2; i < argc; i++)
        if (!read_option(o, argv[i]))
            return false;
    return o->plan.listed > 0;
}

static double cpu(clockid_t clock) {
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void say_ready(const struct bench_world *w, const struct vx_server *server, size_t listed) {
    printf("{\"port\":%u,\"pid\":%d,\"accounts\":[", vx_server_port(server), (int)getpid());
    for (size_t i = 0; i < listed; i++)
        printf("%s{\"sid\":\"%s\",\"token\":\"%s\",\"calls\":%zu}", i ? "," : "",
               w->accounts[i].sid_text, w->accounts[i].token, w->accounts[i].calls);
    printf("]}\n");
}

static void fire(struct bench_world *w, const struct bench_fire *order) {
    static struct bench_fired fired;
    double all = cpu(CLOCK_PROCESS_CPUTIME_ID), own = cpu(CLOCK_THREAD_CPUTIME_ID);

    if (!bench_fire(w, order, &fired)) {
        printf("{\"error\":\"no thread\"}\n");
        return;
    }
    all = cpu(CLOCK_PROCESS_CPUTIME_ID) - all;
    own = cpu(CLOCK_THREAD_CPUTIME_ID) - own;
    printf("{\"events\":%llu,\"changed\":%llu,\"seconds\":%.6f,\"fire_cpu\":%.6f,\"net_cpu\":%.6f,",
           (unsigned long long)fired.events, (unsigned long long)fired.changed, fired.seconds,
           fired.cpu, all - own - fired.cpu);
    bench_hist_print(&fired.all, "apply");
    printf(",");
    bench_hist_print(&fired.undisturbed, "undisturbed");
    printf("}\n");
}

static void say_size(struct bench_world *w) {
    struct mallinfo2 m = mallinfo2();
    struct vx_registry_stats stats;
    unsigned long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (file && fscanf(file, "%lu %lu", &pages, &resident) != 2)
        resident = 0;
    if (file)
        fclose(file);
    vx_registry_stats(w->registry, &stats);
    printf("{\"allocated\":%zu,\"resident\":%lu,\"calls\":%llu}\n", m.uordblks + m.hblkhd,
           resident * (unsigned long)sysconf(_SC_PAGESIZE), (unsigned long long)stats.calls);
}

static bool obey(struct bench_world *w, const struct options *o, const char *line) {
    struct bench_fire f = {.core = o->fire_core};

    if (sscanf(line, "touch %zu %lf %lf %u", &f.account, &f.rate, &f.seconds, &f.threads) == 4)
        f.kind = BENCH_TOUCH;
    else if (sscanf(line, "life %zu %lf %lf %u", &f.account, &f.rate, &f.seconds, &f.threads) == 4)
        f.kind = BENCH_LIFE;
    else if (sscanf(line, "mix %zu %zu %lf %lf %u", &f.account, &f.new_account, &f.rate, &f.seconds,
                    &f.threads) == 5)
        f.kind = BENCH_MIX;
    if (f.threads && f.account < o->plan.listed && f.new_account < o->plan.listed)
        fire(w, &f);
    else if (strncmp(line, "size", 4) == 0)
        say_size(w);
    else
        return false;
    return true;
}

static void raise_file_limit(void) {
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv) {
    struct bench_world world;
    struct vx_server *server;
    struct options options;
    char error[512], line[256];

    if (!read_options(&options, argc, argv)) {
        fprintf(stderr, "usage: see the head of bench_host.c\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    raise_file_limit();
    bench_pin(options.net_core);
    if (!bench_world_open(&world, &options.plan) || !bench_world_fill(&world))
        return 1;
    server = vx_server_start(world.api, world.registry, world.config, error, sizeof error);
    if (!server) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    say_ready(&world, server, options.plan.listed);
    while (fgets(line, sizeof line, stdin) && obey(&world, &options, line))
        continue;
    vx_server_stop(&server);
    bench_world_close(&world);
    return 0;
}
