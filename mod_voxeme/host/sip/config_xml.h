/*
 * Reads voxeme.conf.xml with expat: the whole file into memory, no DOCTYPE and so no entities, no
 * other files, bounded size and depth.
 */
#ifndef VX_HOST_SIP_CONFIG_XML_H
#define VX_HOST_SIP_CONFIG_XML_H

#include "host/sip/switch_config.h"

struct vx_loaded {
    struct vx_config *config;
    struct vx_switch_config *switch_config;
};

/* Reads and checks `file`. On success the caller owns both configurations. On failure returns
 * false, leaves *out empty and writes one line, "FILE:LINE: what", into error[]. */
bool vx_config_load(struct vx_loaded *out, const char *file, char *error, size_t size);

/* The same from bytes in memory; `file` is the name used in messages. */
bool vx_config_parse(struct vx_loaded *out, const char *file, const char *bytes, size_t len,
                     char *error, size_t size);

/* Drops both references. Accepts one that is all zero. */
void vx_loaded_clear(struct vx_loaded *loaded);

#endif
