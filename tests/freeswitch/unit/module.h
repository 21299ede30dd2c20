/* What the tests of the FreeSWITCH module share: configurations, events in one line, the module
 * loaded into the test double. */
#ifndef VX_FS_TEST_MODULE_H
#define VX_FS_TEST_MODULE_H

#include "unit/support.h"

#include "double.h"
#include "host/freeswitch/fs.h"
#include "host/freeswitch/fs_event.h"

#define CHANNEL "2574b508-cff7-4082-b261-aadab8293324"
#define OTHER   "4b80c26a-6abd-4a8e-8a19-121e014f672b"

/* Events carry these times, in microseconds: of a day to come, for the retention of a call that
 * ended long ago is over at once. */
#define CREATED    "4102444801073048"
#define PROGRESSED "4102444801083048"
#define ANSWERED   "4102444801093048"
#define ENDED      "4102444803113048"

/* <settings>, then what stands beside it. */
#define CONFIG(settings, rest)                                                                     \
    "<configuration name=\"voxeme.conf\">"                                                         \
    "<settings>" settings "</settings>" rest "</configuration>"
#define PARAM(name, value) "<param name=\"" name "\" value=\"" value "\"/>"
#define DEMO               "<account sid=\"" ALPHA_SID "\" name=\"demo\"><realm name=\"demo.example\"/></account>"
#define ACCOUNTS(accounts) "<accounts>" accounts "</accounts>"
#define ANY_PORT           PARAM("listen", "127.0.0.1:0")

/* Adds "name", "value" pairs up to NULL. The caller destroys it. */
switch_event_t *fs_event(switch_event_types_t type, const char *uuid, ...)
    __attribute__((sentinel));
/* Fires it and destroys it. */
void fs_fire(switch_event_t *event);

/* An inbound channel of account demo that has come so far (NULL: not yet). */
switch_event_t *fs_inbound(switch_event_types_t type, const char *uuid, const char *progress,
                           const char *answered);

/* Loads the module with the account demo on a port of its own and waits for its first audit, which
 * would give up calls that have no channel; fails the test if it does not load. */
void fs_load(void);
/* Unloads it; fails the test when anything is left behind. */
void fs_unload(void);
/* Whether what the command `voxeme` wrote contains the text; prints it if not. */
bool fs_says(const char *arguments, const char *text);
/* The port that `voxeme status` names. */
unsigned fs_port(void);
/* An account whose token is "alpha-token". */
#define FS_OWNER                                                                                   \
    ACCOUNTS("<account sid=\"" ALPHA_SID "\"><token sha256=\"" ALPHA_SHA "\"/></account>")
/* Its DELETE of a call, over a connection that the caller closes. */
int fs_ask_to_hang_up(unsigned port, const char *call_sid);
/* Its POST of a call that is to be answered within a second. */
int fs_ask_for_a_call(unsigned port);
/* Whether somebody listens there, on 127.0.0.1. */
bool fs_listens(unsigned port);

#endif
