/*
 * The module inside FreeSWITCH: what its files share.
 *
 * Threads: FreeSWITCH's event threads run fs_hooks.c's callback; its command threads run the
 * console; one thread of ours audits, one ends calls at their deadlines (fs_deadline.h). `lock`
 * guards `config`; the event threads never take it. An audit, which may wait for FreeSWITCH's
 * events, holds `audits` alone.
 */
#ifndef VX_FS_H
#define VX_FS_H

#include "api/api.h"
#include "core/registry.h"
#include "host/freeswitch/fs_command.h"
#include "net/server.h"
#include "net/webhook.h"

#include <pthread.h>
#include <stdatomic.h>
#include <switch.h>

#define VX_FS_MAX_HOOKS 16

/* What becomes of legs of mod_loopback. */
enum vx_fs_loopback {
    VX_FS_LOOPBACK_IGNORED,
    VX_FS_LOOPBACK_TRACKED,
    VX_FS_LOOPBACK_ENDING, /* tracked no longer; those that are known are followed to their end */
};

struct vx_fs {
    struct vx_registry *registry;
    struct vx_api *api;
    struct vx_server *server;
    struct vx_fs_commands *commands;
    struct vx_fs_deadlines *deadlines;
    struct vx_webhooks *webhooks;
    char url[320]; /* what is listened on */

    switch_event_node_t *hooks[VX_FS_MAX_HOOKS];
    struct vx_fs_marks marks;
    _Atomic enum vx_fs_loopback loopback;

    pthread_mutex_t lock;
    struct vx_config *config;
    pthread_mutex_t audits; /* one at a time */

    pthread_t auditor;
    bool auditing;
    pthread_mutex_t auditor_lock;
    pthread_cond_t auditor_wake;
    bool stopping; /* guarded by auditor_lock */
    bool kept;     /* it was stopped, and FreeSWITCH keeps a thread */
};

/* service.c: everything up, or nothing and one line in error[]. SWITCH_STATUS_NOUNLOAD: nothing is,
 * but a client was served already, and FreeSWITCH keeps a thread of ours. */
switch_status_t vx_fs_start(struct vx_fs *fs, char *error, size_t size);
/* Unhook, stop flag, wake, join, free. Accepts what a failed start leaves. False: FreeSWITCH keeps
 * a thread of ours, so that the code has to stay in memory; also whenever it is asked again. */
bool vx_fs_stop(struct vx_fs *fs);
/* Reads the configuration anew; on failure nothing changes. */
bool vx_fs_reload(struct vx_fs *fs, char *error, size_t size);

/* fs_config.c: a reference for the caller, or NULL and one line in error[]. */
struct vx_config *vx_fs_config_load(char *error, size_t size);

/* fs_log.c */
void vx_fs_log_install(void);
void vx_fs_log_remove(void);

/* fs_hooks.c: not from inside an event's callback. */
bool vx_fs_hook(struct vx_fs *fs);
void vx_fs_unhook(struct vx_fs *fs);
/* Reads the event and applies it to the registry, if it is about a call that counts. False: it has
 * not changed anything. Any thread. */
bool vx_fs_apply(struct vx_fs *fs, const switch_event_t *event);

/* fs_channels.c */
struct vx_fs_audit {
    size_t channels, taken_in, lost;
};
/* Compares the registry with the channels that are up: takes in those it does not know, ends those
 * that are no more. */
struct vx_fs_audit vx_fs_audit(struct vx_fs *fs);
bool vx_fs_auditor_start(struct vx_fs *fs);
void vx_fs_auditor_stop(struct vx_fs *fs);

/* fs_console.c: `fs` is used by the console from add to remove. */
void vx_fs_console_add(struct vx_fs *fs, switch_loadable_module_interface_t *module);
void vx_fs_console_remove(void);

#endif
