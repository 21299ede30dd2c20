/* The command line of voxeme-switch. */
#ifndef VX_HOST_SIP_OPTIONS_H
#define VX_HOST_SIP_OPTIONS_H

#include <stdbool.h>

enum vx_run_mode { VX_RUN, VX_CHECK, VX_SAY_VERSION, VX_SAY_HELP, VX_MAKE_TOKEN, VX_SAY_SETTINGS };

struct vx_options {
    enum vx_run_mode command;
    const char *config;
};

/* False after saying on stderr what is wrong. */
bool vx_options_parse(struct vx_options *options, int argc, char **argv);

/* Every command but VX_RUN. Returns the exit status. */
int vx_options_perform(const struct vx_options *options);

#endif
