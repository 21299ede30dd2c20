/*
 * The one way out for log lines. The host installs a sink that hands them to its own logger; until
 * then they go to stderr. One line an event, no control characters, never a token or a body.
 */
#ifndef VX_LOG_H
#define VX_LOG_H

enum vx_log_level { VX_LOG_ERROR, VX_LOG_WARNING, VX_LOG_NOTICE, VX_LOG_INFO, VX_LOG_DEBUG };

/* Called on whichever thread logs; must be thread-safe and must not call back into the module.
 * `line` is borrowed for the call, has no newline and at most VX_LOG_LINE_MAX bytes. */
typedef void vx_log_sink(void *ctx, enum vx_log_level level, const char *line);

#define VX_LOG_LINE_MAX 1024

/* Before threads start and after they ended only. NULL goes back to stderr. */
void vx_log_to(vx_log_sink *sink, void *ctx);

/* Any thread. Lines above the threshold cost one atomic load. Default: VX_LOG_NOTICE. */
void vx_log_set_level(enum vx_log_level level);
enum vx_log_level vx_log_get_level(void);

/* Any thread. Longer lines are cut. */
void vx_log(enum vx_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "error" and so on; static. */
const char *vx_log_level_name(enum vx_log_level level);

#endif
