/* Log lines to stderr: "YYYY-MM-DDTHH:MM:SS.mmmZ LEVEL message", ours and sofia-sip's. */
#ifndef VX_HOST_SIP_LOG_SINK_H
#define VX_HOST_SIP_LOG_SINK_H

#include "core/log.h"

/* Installs the sink for both. Before any thread starts. */
void vx_log_sink_install(void);

/* Sets our level and the one that sofia-sip's modules get beside it. SIP thread only. */
void vx_log_sink_level(enum vx_log_level level);

#endif
