/* Shared by net/webhook.c and webhook_request.c, for no one else. */
#ifndef VX_WEBHOOK_PRIVATE_H
#define VX_WEBHOOK_PRIVATE_H

#include "core/config.h"
#include "net/webhook_message.h"
#include "net/webhook_queue.h"

#include <curl/curl.h>
#include <openssl/x509_vfy.h>

/* What all requests made under one configuration share; counted, as they may outlive it. Used on
 * the webhooks' thread alone. */
struct vx_webhook_terms {
    unsigned refs;
    struct vx_config *config; /* a reference */
    X509_STORE *store;        /* authorities whose certificates are believed */
    int64_t since_us;         /* monotonic; connections made before are not used any more */
};

/* NULL, and why, when webhook-ca cannot be read or memory is short. */
struct vx_webhook_terms *vx_webhook_terms_new(struct vx_config *config, int64_t now_us, char *error,
                                              size_t size);
void vx_webhook_terms_release(struct vx_webhook_terms **terms);

/* One attempt, from its start to its end. */
struct vx_webhook_request {
    struct vx_webhook_request *prev, *next; /* of those that are on their way */
    struct vx_delivery *delivery;
    struct vx_webhook_terms *terms;
    struct vx_webhook_message message;
    struct curl_slist *headers;
    CURL *easy;
    size_t header_bytes, body_bytes; /* received */
    char refused[48];                /* an address that it may not go to; "" */
    bool opened;                     /* another of its addresses is none of those */
};

/* Ready to be handed to curl's multi interface. NULL: out of memory. */
struct vx_webhook_request *vx_webhook_request_new(struct vx_webhook_terms *terms,
                                                  struct vx_delivery *delivery,
                                                  const struct vx_hook_fields *hook,
                                                  const char *secret);
/* No longer in any multi. */
void vx_webhook_request_free(struct vx_webhook_request *request);

struct vx_webhook_verdict {
    enum vx_attempt how;
    enum vx_webhook_loss loss;
    char why[96]; /* without anything of the URL but an address; "" when it was told */
};
/* How it went, `result` being what curl says of its end. */
struct vx_webhook_verdict vx_webhook_judge(const struct vx_webhook_request *request,
                                           CURLcode result);
/* The same of the status alone. */
enum vx_attempt vx_webhook_judge_status(long status);

#endif
