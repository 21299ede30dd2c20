/*
 * The element <switch> of the configuration: voxeme-switch's own settings and its routes. One
 * immutable, reference-counted object per reading of the file; a call keeps the one it began with.
 *
 * Threads: the SIP thread only.
 */
#ifndef VX_HOST_SIP_SWITCH_CONFIG_H
#define VX_HOST_SIP_SWITCH_CONFIG_H

#include "core/config_reader.h"
#include "host/sip/routes.h"

/* Index into vx_switch_settings[]. */
enum vx_switch_setting_id {
    VX_SW_SIP_LISTEN,
    VX_SW_MAX_CALLS,
    VX_SW_MAX_COMMANDS,
    VX_SW_MAX_MESSAGE_BYTES,
    VX_SW_MAX_CONNECTIONS,
    VX_SW_TCP_IDLE_SECONDS,
    VX_SW_RING_TIMEOUT_SECONDS,
    VX_SW_ANSWER_TIME_LIMIT_SECONDS,
    VX_SW_SESSION_EXPIRES_SECONDS,
    VX_SW_MIN_SE_SECONDS,
    VX_SW_HOLD_TIMEOUT_SECONDS,
    VX_SW_REDIRECT_TO,
    VX_SW_REDIRECT_TIMEOUT_SECONDS,
    VX_SW_MAX_REDIRECTS,
    VX_SW_COUNT
};
extern const struct vx_setting vx_switch_settings[VX_SW_COUNT];

struct vx_switch_config;

/* Defaults and no routes. NULL: out of memory. */
struct vx_switch_config *vx_switch_config_new(void);
struct vx_switch_config *vx_switch_config_ref(struct vx_switch_config *config);
void vx_switch_config_release(struct vx_switch_config **config);

/* What fills `config`, for vx_config_reader_new(). Borrows `config`. */
struct vx_config_section vx_switch_config_section(struct vx_switch_config *config);

/* A setting's value; borrowed, like the rest, for as long as the caller holds its reference. */
int64_t vx_switch_int(const struct vx_switch_config *config, enum vx_switch_setting_id id);
const char *vx_switch_text(const struct vx_switch_config *config, enum vx_switch_setting_id id);
/* All values, for comparing two readings of the file. */
const struct vx_values *vx_switch_values(const struct vx_switch_config *config);
/* The routes, in the order of the file. */
const struct vx_routes *vx_switch_routes(const struct vx_switch_config *config);

#endif
