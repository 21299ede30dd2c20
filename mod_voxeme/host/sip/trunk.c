#include "host/sip/trunk.h"

#include <stdlib.h>

/* False: its host is a name. */
static bool read_address(const char *text, struct vx_addr *host, unsigned *port) {
    const char *bracket = strchr(text, ']'), *colon = strchr(bracket ? bracket : text, ':');
    struct vx_str address = vx_str(text);

    *port = 5060;
    if (colon) {
        address.len = (size_t)(colon - text);
        *port = (unsigned)strtoul(colon + 1, NULL, 10);
    }
    return vx_addr_parse(host, address);
}

struct vx_str vx_trunk_of(const struct vx_config *config,
                          const struct vx_account_evidence *evidence, unsigned port) {
    struct vx_resolution found =
        vx_directory_resolve(vx_config_directory(config), evidence, VX_RANK_NONE);
    const struct vx_account_spec *accounts;
    struct vx_str trunk = VX_NONE;
    struct vx_addr host;
    unsigned its_port;

    vx_config_accounts(config, &accounts);
    if (found.rank == VX_RANK_NONE || !vx_addr_is_known(&evidence->source))
        return VX_NONE;
    for (size_t i = 0; i < accounts[found.account].gateway_count; i++) {
        const struct vx_gateway *g = &accounts[found.account].gateways[i];

        if (!read_address(g->address, &host, &its_port) ||
            memcmp(&host, &evidence->source, sizeof host) != 0)
            continue;
        if (its_port == port)
            return vx_str(g->name);
        if (!trunk.at)
            trunk = vx_str(g->name);
    }
    return trunk;
}
