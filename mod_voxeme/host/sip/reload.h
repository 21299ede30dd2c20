/*
 * SIGHUP: the file is read anew; what can change does, what cannot is named, an error changes
 * nothing. A file of many thousand accounts takes a while: it is read, and taken up by registry and
 * api, on a thread of its own, so that SIP does not wait; only then the SIP thread takes up its
 * part.
 */
#ifndef VX_HOST_SIP_RELOAD_H
#define VX_HOST_SIP_RELOAD_H

#include "api/api.h"
#include "host/sip/config_xml.h"
#include "host/sip/sip_stack.h"
#include "net/server.h"
#include "net/webhook.h"

#include <pthread.h>

/* Everything that runs. All owned. */
struct vx_running {
    const char *file;
    struct vx_loaded loaded;
    /* As of the start: what settings that need a restart are compared with. */
    struct vx_values *started, *switch_started;
    struct vx_registry *registry;
    struct vx_api *api;
    struct vx_server *server;
    struct vx_webhooks *webhooks;
    struct vx_command_queue *commands;
    struct vx_sip *sip;
    struct vx_sip_metrics sip_metrics;
};

struct vx_reloader {
    struct vx_running *running; /* borrowed */
    su_root_t *root;
    int fd;         /* eventfd: the thread is done */
    int registered; /* index of su_root_register() */
    pthread_t thread;
    bool busy, again; /* again: SIGHUP came while it was busy */
    struct vx_loaded loaded;
    char error[512]; /* "" when `loaded` has been taken up */
};

/* On the SIP thread, as all below. False with errno set. */
bool vx_reloader_open(struct vx_reloader *reloader, struct vx_running *running, su_root_t *root);

/* Begins; what came of it is logged. While one is under way, another one follows it. */
void vx_reload(struct vx_reloader *reloader);

/* Waits for a reading that is under way, and forgets it. */
void vx_reloader_close(struct vx_reloader *reloader);

#endif
