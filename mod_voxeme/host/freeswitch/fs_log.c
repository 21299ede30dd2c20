#include "host/freeswitch/fs.h"

#include "core/log.h"

static void to_freeswitch(void *ctx, enum vx_log_level level, const char *line) {
    static const switch_log_level_t levels[] = {
        [VX_LOG_ERROR] = SWITCH_LOG_ERROR,   [VX_LOG_WARNING] = SWITCH_LOG_WARNING,
        [VX_LOG_NOTICE] = SWITCH_LOG_NOTICE, [VX_LOG_INFO] = SWITCH_LOG_INFO,
        [VX_LOG_DEBUG] = SWITCH_LOG_DEBUG,
    };

    (void)ctx;
    switch_log_printf(SWITCH_CHANNEL_LOG, levels[level], "mod_voxeme: %s\n", line);
}

void vx_fs_log_install(void) {
    vx_log_to(to_freeswitch, NULL);
}

void vx_fs_log_remove(void) {
    vx_log_to(NULL, NULL);
}
