#include "host/sip/log_sink.h"

#include "core/clock.h"
#include "host/sip/sofia.h"

#include <ctype.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static void to_stderr(void *ctx, enum vx_log_level level, const char *line) {
    char when[VX_RFC3339_SIZE], name[16], out[VX_LOG_LINE_MAX + 64];
    size_t i;

    (void)ctx;
    vx_rfc3339(when, vx_wall_us(&vx_clock_system));
    snprintf(name, sizeof name, "%s", vx_log_level_name(level));
    for (i = 0; name[i]; i++)
        name[i] = (char)toupper((unsigned char)name[i]);
    int len = snprintf(out, sizeof out, "%s %s %s\n", when, name, line);
    if (len >= (int)sizeof out) {
        len = (int)sizeof out - 1;
        out[len - 1] = '\n';
    }
    /* One write a line, so that threads do not mix theirs. A log that cannot be written is lost:
     * SIP must not wait for whoever reads it. A pipe with room for PIPE_BUF bytes takes a line
     * without blocking. */
    if (poll(&(struct pollfd){.fd = STDERR_FILENO, .events = POLLOUT}, 1, 0) != 1)
        return;
    if (len > 0 && write(STDERR_FILENO, out, (size_t)len) < 0)
        return;
}

/* sofia-sip writes lines in pieces. It logs on the SIP thread only. */
__attribute__((format(printf, 2, 0))) static void from_sofia(void *stream, char const *format,
                                                             va_list ap) {
    static char line[512];
    static size_t used;
    char piece[512];

    (void)stream;
    vsnprintf(piece, sizeof piece, format, ap);
    for (const char *p = piece; *p; p++) {
        if (*p != '\n' && used < sizeof line - 1)
            line[used++] = *p;
        if (*p == '\n' && used > 0) {
            line[used] = '\0';
            vx_log(VX_LOG_DEBUG, "sofia-sip: %s", line);
            used = 0;
        }
    }
}

void vx_log_sink_install(void) {
    vx_log_to(to_stderr, NULL);
    su_log_redirect(su_log_default, from_sofia, NULL);
    su_log_redirect(su_log_global, from_sofia, NULL);
}

void vx_log_sink_level(enum vx_log_level level) {
    vx_log_set_level(level);
    /* What a stranger sends makes it log at 1 and above; 9 would show whole messages. */
    su_log_set_level(NULL, level == VX_LOG_DEBUG ? 3 : 0);
}
