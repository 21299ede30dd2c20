/* SIGTERM, SIGINT and SIGHUP as events of the SIP thread's loop: nothing runs in a signal handler.
 */
#ifndef VX_HOST_SIP_SIGNALS_H
#define VX_HOST_SIP_SIGNALS_H

#include "host/sip/sofia.h"

#include <stdbool.h>

struct vx_signals {
    su_root_t *root;
    void (*stop)(void *ctx);
    void (*reload)(void *ctx);
    void *ctx;
    int fd;
    int registered; /* index of su_root_register() */
};

/* Blocks the three signals and ignores SIGPIPE: before any thread starts, which inherits it. False
 * with errno set. */
bool vx_signals_block(void);

/* Calls stop and reload, as given in the struct, from the loop of `root`. False with errno set. */
bool vx_signals_watch(struct vx_signals *signals);
void vx_signals_unwatch(struct vx_signals *signals);

#endif
