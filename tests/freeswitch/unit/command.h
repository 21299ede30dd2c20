/* What the tests of commands share: the world that they are done in, and what is asked of
 * FreeSWITCH there. */
#ifndef VX_FS_TEST_COMMAND_H
#define VX_FS_TEST_COMMAND_H

#include "module.h"

extern struct vx_test_world w;
/* Its configuration is that of the world at each perform; what FreeSWITCH tells goes into the
 * registry of the world. */
extern struct vx_fs_means means;

int set_up(void **state);
int tear_down(void **state);
#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* A live channel. */
void channel(const char *uuid, bool outbound, bool answered);
/* Taken, for the call CHANNEL unless something else is said; the caller releases it. */
struct vx_command *command(enum vx_verb verb, struct vx_command_args args);
#define NO_ARGS ((struct vx_command_args){.call_sid = {{0}}})

/* Each of these fails the test when it is not so. `reason`: a part of it, or NULL. */
void ends(enum vx_verb verb, struct vx_command_args args, enum vx_outcome outcome,
          const char *reason);
/* What the double wrote down, or did not. */
void done(const char *text);
void not_done(const char *text);
void nothing_done(void);
/* A variable of CHANNEL; NULL: it has none. */
void is(const char *name, const char *value);

#endif
