#include "support.h"

#include "core/log.h"

#include <pthread.h>
#include <time.h>

/* --- time --- */

static int64_t read_wall(void *ctx) {
    struct vx_test_time *t = ctx;
    return atomic_load(&t->wall_us);
}

static int64_t read_mono(void *ctx) {
    struct vx_test_time *t = ctx;
    return atomic_load(&t->mono_us);
}

void vx_test_time_init(struct vx_test_time *t) {
    atomic_init(&t->wall_us, VX_TEST_WALL_US);
    atomic_init(&t->mono_us, 5000 * VX_SECOND_US);
    t->clock = (struct vx_clock){read_wall, read_mono, t};
}

void vx_test_advance(struct vx_test_time *t, int64_t us) {
    atomic_fetch_add(&t->wall_us, us);
    atomic_fetch_add(&t->mono_us, us);
}

/* --- identifiers --- */

struct vx_uuid vx_test_uuid(const char *text) {
    struct vx_uuid u;
    assert_true(vx_uuid_parse(&u, vx_str(text)));
    return u;
}

struct vx_uuid vx_test_sid(unsigned n) {
    struct vx_uuid u = {{0xca, 0x11, 0, 0, 0, 0, 0x40, 0, 0x80}};
    for (int i = 0; i < 4; i++)
        u.b[12 + i] = (uint8_t)(n >> (24 - 8 * i));
    return u;
}

bool vx_test_contains(struct vx_str bytes, const char *text) {
    return bytes.at && memmem(bytes.at, bytes.len, text, strlen(text));
}

/* --- log --- */

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static char log_text[VX_LOG_LINE_MAX + 1];

static void keep_line(void *ctx, enum vx_log_level level, const char *line) {
    (void)ctx;
    (void)level;
    pthread_mutex_lock(&log_lock);
    snprintf(log_text, sizeof log_text, "%s", line);
    pthread_mutex_unlock(&log_lock);
}

void vx_test_capture_log(void) {
    pthread_mutex_lock(&log_lock);
    log_text[0] = '\0';
    pthread_mutex_unlock(&log_lock);
    vx_log_to(keep_line, NULL);
}

const char *vx_test_log_text(void) {
    static _Thread_local char copy[sizeof log_text];
    pthread_mutex_lock(&log_lock);
    memcpy(copy, log_text, sizeof copy);
    pthread_mutex_unlock(&log_lock);
    return copy;
}

/* --- random --- */

struct vx_test_random vx_test_random_start(const char *what) {
    const char *given = getenv("VX_TEST_SEED");
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t seed =
        given ? strtoull(given, NULL, 10) : (uint64_t)now.tv_sec * 1000003U + (uint64_t)now.tv_nsec;
    printf("# %s: VX_TEST_SEED=%llu\n", what, (unsigned long long)seed);
    fflush(stdout);
    return (struct vx_test_random){seed};
}

/* SplitMix64. */
uint32_t vx_test_random(struct vx_test_random *r, uint32_t below) {
    uint64_t z = (r->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ (z >> 31)) >> 32) % below;
}
