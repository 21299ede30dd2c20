/* SIGHUP: the file is read anew; what can change does, what cannot is named, an error changes
 * nothing. */
#ifndef VX_HOST_SIP_RELOAD_H
#define VX_HOST_SIP_RELOAD_H

#include "api/api.h"
#include "host/sip/config_xml.h"
#include "host/sip/sip_stack.h"
#include "net/server.h"

/* Everything that runs. All owned. */
struct vx_running {
    const char *file;
    struct vx_loaded loaded;
    struct vx_registry *registry;
    struct vx_api *api;
    struct vx_server *server;
    struct vx_sip *sip;
};

/* On the SIP thread. Logs what came of it. */
void vx_reload(struct vx_running *running);

#endif
