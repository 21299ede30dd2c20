/*
 * A bridge through the switch of sip_far_end.h; both of its ends are the far end.
 */
#ifndef VX_TEST_SIP_BRIDGE_H
#define VX_TEST_SIP_BRIDGE_H

#include "sip_far_end.h"

struct end {
    struct vx_test_dialog dialog;
    struct vx_uuid sid;
};
extern struct end caller, callee;
extern const char caller_sdp[], callee_sdp[];

/* Of w.got. */
void has(const char *text);
void has_not(const char *text);

/* Waits for a message of this dialog. */
void end_hears(const struct end *end, const char *beginning);
void hears_nothing(void);
/* A request of it in this dialog. */
void end_says(const struct end *end, const char *method, const char *body);
/* Its call is in the list so. */
void end_ended(const struct end *end, enum vx_call_status status, unsigned sip_status,
               const char *cause);
struct vx_leg *leg_of(const struct end *end);

/* A call to 2000 until the callee has been called. */
void begin_bridge(void);
/* The same, answered by the callee, with more headers, and acknowledged. */
void bridge_with(const char *more);
void bridge(void);
void hang_up(void);

struct vx_command *command(enum vx_verb verb, const struct end *end);
/* A description with its o= version, port and direction replaced; borrowed until the next one. */
const char *made(const char *who, unsigned version, unsigned port, const char *direction);
/* A HOLD or UNHOLD that the end takes. */
void change(enum vx_verb verb, const struct end *end, const char *answer);

/* --- redirect --- */

/* Opens the far end with this redirect-to. */
void open_redirecting(const char *to);
/* Call n, which is up. */
struct end originated(unsigned n);
/* What became of a REFER: a status line of SIP. */
void notify(const struct end *end, const char *status_line, const char *state);

#endif
