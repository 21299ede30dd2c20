/* mod_voxeme for FreeSWITCH: definition, load and shutdown. service.c says in what order things
 * come up. */
#include "host/freeswitch/fs.h"

SWITCH_MODULE_LOAD_FUNCTION(mod_voxeme_load);
SWITCH_MODULE_SHUTDOWN_FUNCTION(mod_voxeme_shutdown);
SWITCH_MODULE_DEFINITION(mod_voxeme, mod_voxeme_load, mod_voxeme_shutdown, NULL);

static struct vx_fs service;

SWITCH_MODULE_LOAD_FUNCTION(mod_voxeme_load) {
    char error[512];
    switch_status_t status;

    *module_interface = switch_loadable_module_create_module_interface(pool, modname);
    status = vx_fs_start(&service, error, sizeof error);
    if (status != SWITCH_STATUS_SUCCESS) {
        switch_log_printf(SWITCH_CHANNEL_LOG, SWITCH_LOG_ERROR, "mod_voxeme not loaded: %s\n",
                          error);
        return status;
    }
    vx_fs_console_add(&service, *module_interface);
    return SWITCH_STATUS_SUCCESS;
}

SWITCH_MODULE_SHUTDOWN_FUNCTION(mod_voxeme_shutdown) {
    vx_fs_console_remove();
    return vx_fs_stop(&service) ? SWITCH_STATUS_SUCCESS : SWITCH_STATUS_NOUNLOAD;
}
