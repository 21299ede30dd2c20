#include "core/clock.h"

#include <string.h>
#include <time.h>

static int64_t now_us(clockid_t id) {
    struct timespec ts;

    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static int64_t system_wall(void *ctx) {
    (void)ctx;
    return now_us(CLOCK_REALTIME);
}

static int64_t system_mono(void *ctx) {
    (void)ctx;
    return now_us(CLOCK_MONOTONIC);
}

const struct vx_clock vx_clock_system = {system_wall, system_mono, NULL};

static void two(char *out, unsigned n) {
    out[0] = (char)('0' + n / 10 % 10);
    out[1] = (char)('0' + n % 10);
}

/* Days to date: Howard Hinnant's civil_from_days. gmtime_r() and strftime() would be the most
 * expensive part of rendering a call. */
static void civil(int64_t days, unsigned *year, unsigned *month, unsigned *day) {
    int64_t z = days + 719468;
    int64_t era = z / 146097;
    unsigned doe = (unsigned)(z - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned mp = (5 * doy + 2) / 153;

    *day = doy - (153 * mp + 2) / 5 + 1;
    *month = mp < 10 ? mp + 3 : mp - 9;
    *year = (unsigned)(yoe + era * 400) + (*month <= 2);
}

void vx_rfc3339(char out[VX_RFC3339_SIZE], int64_t wall_us) {
    const int64_t last = INT64_C(253402300799999999); /* 9999-12-31T23:59:59.999999Z */
    int64_t ms = (wall_us < 0 ? 0 : wall_us > last ? last : wall_us) / 1000;
    unsigned in_day = (unsigned)(ms / 1000 % 86400);
    unsigned year, month, day;

    civil(ms / 86400000, &year, &month, &day);
    memcpy(out, "0000-00-00T00:00:00.000Z", VX_RFC3339_SIZE);
    two(out, year / 100);
    two(out + 2, year % 100);
    two(out + 5, month);
    two(out + 8, day);
    two(out + 11, in_day / 3600);
    two(out + 14, in_day / 60 % 60);
    two(out + 17, in_day % 60);
    out[20] = (char)('0' + ms / 100 % 10);
    two(out + 21, (unsigned)(ms % 100));
}
