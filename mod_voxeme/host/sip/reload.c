#include "host/sip/reload.h"

#include "core/log.h"
#include "host/sip/log_sink.h"

#include <stdio.h>

static bool same(const struct vx_setting *s, size_t id, const struct vx_values *a,
                 const struct vx_values *b) {
    const struct vx_cidr *cidrs_a, *cidrs_b;
    size_t count_a, count_b;

    switch (s->type) {
    case VX_INT:
    case VX_LEVEL:
        return vx_values_int(a, id) == vx_values_int(b, id);
    case VX_BOOL:
        return vx_values_bool(a, id) == vx_values_bool(b, id);
    case VX_CIDRS:
        cidrs_a = vx_values_cidrs(a, id, &count_a);
        cidrs_b = vx_values_cidrs(b, id, &count_b);
        return count_a == count_b &&
               (count_a == 0 || memcmp(cidrs_a, cidrs_b, count_a * sizeof *cidrs_a) == 0);
    case VX_TEXT:
    case VX_HOST_PORT:
    case VX_URL:
        break;
    }
    return vx_str_eq(vx_str(vx_values_text(a, id)), vx_str(vx_values_text(b, id)));
}

static void name_restarts(const struct vx_setting *table, size_t count, const struct vx_values *old,
                          const struct vx_values *new) {
    for (size_t i = 0; i < count; i++)
        if (!table[i].reload && !same(&table[i], i, old, new))
            vx_log(VX_LOG_NOTICE, "reload: %s has changed and needs a restart", table[i].name);
}

void vx_reload(struct vx_running *r) {
    struct vx_loaded loaded;
    char error[512] = "";

    if (!vx_config_load(&loaded, r->file, error, sizeof error)) {
        vx_log(VX_LOG_ERROR, "reload refused: %s", error);
        return;
    }
    /* The registry first: the api serves accounts that the registry must know. */
    if (!vx_registry_configure(r->registry, loaded.config) ||
        !vx_api_configure(r->api, loaded.config)) {
        vx_registry_configure(r->registry, r->loaded.config);
        vx_log(VX_LOG_ERROR, "reload refused: out of memory");
        vx_loaded_clear(&loaded);
        return;
    }
    vx_server_configure(r->server, loaded.config);
    vx_sip_configure(r->sip, loaded.config, loaded.switch_config);
    vx_log_sink_level((enum vx_log_level)vx_config_int(loaded.config, VX_SET_LOG_LEVEL));
    name_restarts(vx_settings, VX_SET_COUNT, vx_config_values(r->loaded.config),
                  vx_config_values(loaded.config));
    name_restarts(vx_switch_settings, VX_SW_COUNT, vx_switch_values(r->loaded.switch_config),
                  vx_switch_values(loaded.switch_config));
    vx_loaded_clear(&r->loaded);
    r->loaded = loaded;
    vx_log(VX_LOG_NOTICE, "reloaded %s", r->file);
}
