/*
 * A server whose calls come and go by the hundreds a second, without a SIP stack: two host threads
 * tell the registry of calls that ring, are answered and end, change accounts and come back, are
 * renamed and named back. For tests/e2e/lib/feed_host.mjs.
 *
 *   feed_host CALLS_A_SECOND [NAME=VALUE;...]
 *
 * Prints "ready PORT", and ends when its standard input does. An `h` on it makes the calls hold
 * still, which "held" says, and a `g` go on.
 */
#include "support.h"

#include "api/api.h"
#include "core/log.h"
#include "net/server.h"

#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define THREADS 2
#define TICK_US 10000
#define AGE     80 /* ticks until all is told of a call */

static struct vx_registry *registry;
static atomic_bool over;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turned = PTHREAD_COND_INITIALIZER;
static bool hold;         /* under lock */
static unsigned holding;  /* under lock: threads that tell of nothing */
static unsigned per_tick; /* calls of one thread */

static uint32_t hash(uint32_t n) {
    n = (n ^ n >> 16) * 0x45d9f3bU;
    n = (n ^ n >> 16) * 0x45d9f3bU;
    return n ^ n >> 16;
}

static void tell(enum vx_event_type type, unsigned sid, unsigned renamed_from,
                 struct vx_account_evidence evidence) {
    struct vx_event event = vx_test_event_of(NULL, type, sid);

    event.evidence = evidence;
    if (type == VX_EVENT_RENAME)
        event.renamed_from = vx_test_sid(renamed_from);
    if (type == VX_EVENT_HANGUP)
        event.sip_status = hash(sid) % 3 ? 0 : 486;
    (void)vx_registry_apply(registry, &event);
}

/* What happens to call n at an age of `age` ticks. Each sign of its account is stronger than the
 * one before. */
static void step(unsigned n, unsigned age) {
    static const struct vx_account_evidence none,
        signs[3][2] = {
            {{.domain = VX_STR("alpha.example")}, {.domain = VX_STR("beta.example")}},
            {{.accountcode = VX_STR("alpha")}, {.accountcode = VX_STR("beta")}},
            {{.variable = VX_STR(ALPHA_SID)}, {.variable = VX_STR(BETA_SID)}},
        };
    unsigned h = hash(n), first = h & 1, other = n | 0x80000000U;
    bool renamed = h % 7 == 0, named_back = h % 21 == 0;
    unsigned sid = renamed && age > 24 && !(named_back && age > 26) ? other : n;

    if (age == 0)
        tell(VX_EVENT_CREATE, n, 0, h % 11 ? signs[0][first] : none);
    if (age == 2 + (h >> 3) % 4)
        tell(VX_EVENT_PROGRESS, sid, 0, none);
    if (age == 10 + (h >> 5) % 8 && h % 3 == 0)
        tell(VX_EVENT_UPDATE, sid, 0, signs[1][!first]);
    if (age == 20 + (h >> 8) % 16 && h % 5 == 0)
        tell(VX_EVENT_UPDATE, sid, 0, signs[2][first]);
    if (age == 24 && renamed)
        tell(VX_EVENT_RENAME, other, n, none);
    if (age == 26 && named_back)
        tell(VX_EVENT_RENAME, n, other, none);
    if (age == 28 + (h >> 11) % 4 && h % 4)
        tell(VX_EVENT_ANSWER, sid, 0, none);
    if (age == 40 + (h >> 13) % 32)
        tell(VX_EVENT_HANGUP, sid, 0, none);
}

static void hold_still(void) {
    pthread_mutex_lock(&lock);
    holding++;
    pthread_cond_broadcast(&turned);
    while (hold && !atomic_load(&over))
        pthread_cond_wait(&turned, &lock);
    holding--;
    pthread_mutex_unlock(&lock);
}

/* A machine that is too slow for the rate has fewer calls, not ever more that are due. */
static void wait_until_due(int64_t *due_us) {
    int64_t now = vx_mono_us(&vx_clock_system);
    struct timespec at;

    *due_us += TICK_US;
    if (*due_us < now)
        *due_us = now;
    at.tv_sec = *due_us / VX_SECOND_US;
    at.tv_nsec = *due_us % VX_SECOND_US * 1000;
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static void *drive(void *ctx) {
    unsigned base = *(unsigned *)ctx * 0x1000000U;
    int64_t due_us = vx_mono_us(&vx_clock_system);

    for (unsigned tick = 0; !atomic_load(&over); tick++) {
        hold_still();
        for (unsigned age = 0; age < AGE && age <= tick; age++)
            for (unsigned i = 0; i < per_tick; i++)
                step(base + (tick - age) * per_tick + i, age);
        wait_until_due(&due_us);
    }
    return NULL;
}

static void make_hold(bool on) {
    pthread_mutex_lock(&lock);
    hold = on;
    pthread_cond_broadcast(&turned);
    while (on && holding < THREADS)
        pthread_cond_wait(&turned, &lock);
    pthread_mutex_unlock(&lock);
    if (on) {
        printf("held\n");
        fflush(stdout);
    }
}

static void obey(void) {
    char byte;

    while (read(STDIN_FILENO, &byte, 1) > 0)
        if (byte == 'h' || byte == 'g')
            make_hold(byte == 'h');
    atomic_store(&over, true);
    make_hold(false);
}

/* Sockets that take little at once, so that a client which stalls is noticed; those that are
 * accepted inherit it. */
static void make_sockets_small(void) {
    for (int fd = 3; fd < 256; fd++) {
        int listens = 0, size = 8192;
        socklen_t len = sizeof listens;

        if (!getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) && listens)
            (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    }
}

static void run(struct vx_server *server) {
    static unsigned numbers[THREADS];
    pthread_t threads[THREADS];

    make_sockets_small();
    for (unsigned i = 0; i < THREADS; i++) {
        numbers[i] = i;
        if (pthread_create(&threads[i], NULL, drive, &numbers[i]))
            abort();
    }
    printf("ready %u\n", vx_server_port(server));
    fflush(stdout);
    obey();
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

int main(int argc, char **argv) {
    char settings[512], error[256] = "out of memory";
    struct vx_config *config;
    struct vx_server *server = NULL;
    struct vx_api *api = NULL;

    snprintf(settings, sizeof settings, "listen=127.0.0.1:0;%s", argc > 2 ? argv[2] : "");
    per_tick = (argc > 1 ? (unsigned)atoi(argv[1]) : 500) / (VX_SECOND_US / TICK_US) / THREADS;
    config = vx_test_config(settings);
    registry = config ? vx_registry_new(config, &vx_clock_system) : NULL;
    api = registry ? vx_api_new(registry, config, &vx_clock_system) : NULL;
    server = api ? vx_server_start(api, registry, config, error, sizeof error) : NULL;
    if (server)
        run(server);
    else
        fprintf(stderr, "feed_host: %s\n", error);
    vx_server_stop(&server);
    vx_api_release(&api);
    vx_registry_release(&registry);
    vx_config_release(&config);
    return !atomic_load(&over);
}
