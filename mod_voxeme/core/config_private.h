/* Inside of a configuration, for config.c and config_reader.c only. */
#ifndef VX_CONFIG_PRIVATE_H
#define VX_CONFIG_PRIVATE_H

#include "core/config.h"

#include <stdatomic.h>

struct vx_config {
    atomic_uint refs;
    struct vx_values *values;
    struct vx_account_spec *accounts;
    size_t account_count, account_room;
    struct vx_token *tokens;
    size_t token_count, token_room;
    struct vx_directory *directory;
    int setting_line[VX_SET_COUNT];
};

/* config_webhook.c: reads the attributes of <webhook> into `out`, which is all zero or filled in
 * part when it fails; writes why, without file and line. */
bool vx_webhook_spec_read(struct vx_webhook_spec *out, const char *const *attributes, char *why,
                          size_t size);
void vx_webhook_spec_clear(struct vx_webhook_spec *webhook);

void vx_account_spec_clear(struct vx_account_spec *account);

#endif
