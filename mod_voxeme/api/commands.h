/* Commands to the host, and waiting for them. Private to api/. */
#ifndef VX_API_COMMANDS_H
#define VX_API_COMMANDS_H

#include "api/api_private.h"

/* Hands a command to the host; the request is then held until it is finished, or its time is over.
 * Answers 501 where the host cannot do it, 503 where it takes none now. */
void vx_command_start(struct exchange *x, enum vx_verb verb, const struct vx_command_args *args,
                      unsigned seconds);

/* Whether the host can do it at all. False: answered with 501. */
bool vx_command_able(struct exchange *x, enum vx_verb verb);

/* Of a request that was held for its command: the result, or that its time is over (then answered
 * with 504). False: answered, or held on. */
bool vx_command_await(struct exchange *x, struct vx_command_result *result);

/* Answers anything but VX_OUTCOME_DONE. */
void vx_command_fail(struct exchange *x, const struct vx_command_result *result);

/* headers: an object of names and texts, as vx_command_header. False: answered with 400. */
#define VX_MAX_HEADERS 32
struct vx_json;
bool vx_command_headers(struct exchange *x, const struct vx_json *object,
                        struct vx_command_header headers[VX_MAX_HEADERS], size_t *count);

#endif
