/*
 * One status of a call as an HTTP request: its URL, body and signature. No sockets.
 *
 * Threads: any.
 */
#ifndef VX_WEBHOOK_MESSAGE_H
#define VX_WEBHOOK_MESSAGE_H

#include "core/call.h"

/* Texts end with NUL, which their length does not count. */
struct vx_webhook_message {
    struct vx_buf url;       /* of a GET with the query that says it */
    struct vx_buf body;      /* of a POST */
    struct vx_buf signature; /* value of Voxeme-Signature; empty without a secret */
};

/* `secret` may be NULL. `now_s`: seconds since 1970. Fills *message, which the caller clears in any
 * case. False: out of memory. */
bool vx_webhook_message_make(struct vx_webhook_message *message, const struct vx_call_fields *call,
                             const struct vx_hook_fields *hook, const char *secret, int64_t now_s);
void vx_webhook_message_clear(struct vx_webhook_message *message);

/* Appends "t=<now_s>,v1=<hex>": HMAC-SHA256 by the secret over "<now_s>.<what>". What fails fails
 * the buffer. */
void vx_webhook_sign(struct vx_buf *out, const char *secret, int64_t now_s, struct vx_str what);

#endif
