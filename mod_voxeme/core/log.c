#include "core/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static vx_log_sink *current_sink;
static void *current_ctx;
static atomic_int threshold = VX_LOG_NOTICE;

void vx_log_to(vx_log_sink *sink, void *ctx) {
    current_sink = sink;
    current_ctx = ctx;
}

void vx_log_set_level(enum vx_log_level level) {
    atomic_store(&threshold, (int)level);
}

enum vx_log_level vx_log_get_level(void) {
    return (enum vx_log_level)atomic_load_explicit(&threshold, memory_order_relaxed);
}

const char *vx_log_level_name(enum vx_log_level level) {
    static const char *const names[] = {"error", "warning", "notice", "info", "debug"};

    return (size_t)level < sizeof names / sizeof *names ? names[level] : "debug";
}

/* What peers send may end up in a line: nothing in it may start another line or drive a terminal.
 */
static void tame(char *line) {
    for (unsigned char *p = (unsigned char *)line; *p; p++)
        if (*p < 0x20 || *p == 0x7f)
            *p = '?';
}

void vx_log(enum vx_log_level level, const char *format, ...) {
    char line[VX_LOG_LINE_MAX + 1];
    va_list ap;

    if (level > vx_log_get_level())
        return;
    va_start(ap, format);
    vsnprintf(line, sizeof line, format, ap);
    va_end(ap);
    tame(line);
    if (current_sink)
        current_sink(current_ctx, level, line);
    else
        fprintf(stderr, "voxeme %s: %s\n", vx_log_level_name(level), line);
}
