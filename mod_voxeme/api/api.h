/*
 * The Voxeme Calls API without sockets: a request goes in, a response comes out.
 *
 * Threads: all functions but vx_api_release() may be called on any thread, at the same time. None
 * blocks for longer than it takes to render an answer; none takes the registry's lock while it
 * renders.
 */
#ifndef VX_API_H
#define VX_API_H

#include "api/body.h"
#include "api/sub.h"
#include "core/addr.h"
#include "core/command.h"
#include "core/config.h"
#include "core/registry.h"
#include "core/siphash.h"

struct vx_api;

enum vx_method {
    VX_GET = 1,
    VX_HEAD = 2,
    VX_POST = 4,
    VX_PUT = 8,
    VX_DELETE = 16,
    VX_OPTIONS = 32,
    VX_PATCH = 64,
    VX_OTHER = 128
};

struct vx_param {
    struct vx_str name, value; /* percent-decoded */
};

/* What is kept for a client from one of its requests to the next, so that a token that comes again
 * need not be hashed again. Zero-initialise; one thread at a time. The token cannot be had from it,
 * and whether it is still valid is asked for each request. */
struct vx_known_token {
    bool set;
    uint8_t mark[VX_SIPHASH]; /* by a key of this start */
    uint8_t sha256[VX_TOKEN_HASH];
};

/* All borrowed for the call that it is given to. */
struct vx_request {
    enum vx_method method;
    struct vx_str path; /* as it was sent, percent-encoded, without the query; "*" is a path, too */
    const struct vx_param *params;
    size_t param_count;
    struct vx_str authorization;  /* header values; VX_NONE when absent */
    struct vx_known_token *known; /* its client's; NULL: none is kept */
    struct vx_str if_none_match;
    struct vx_str content_type;
    struct vx_str body;
    struct vx_str last_event_id; /* of a stream: what its client has seen, as `since` */
    struct vx_str idempotency_key;
    struct vx_addr peer;
    bool takes_gzip;
    bool stream;  /* asks to be sent the list and its changes, where that can be had */
    bool waited;  /* the time of a `wait` is over, or the server is stopping: answer with what is
                     there */
    bool counted; /* the rate limit has counted this request already: it was admitted, or held */
    void *waker;  /* what is notified of a command of this request; NULL: the ctx of
                     vx_api_set_notify() */
    struct vx_command *command; /* of the hold, when it was held for one; else NULL */
    uint64_t progress;          /* of the hold, when it was to be asked again at once; else 0 */
    struct vx_selection
        *selection; /* the same; NULL at first. The caller's, until it is answered */
};

/* Not an answer yet. With a scope: ask again, with the same request, when
 * vx_scope_revision(scope) is no longer `revision` or after `seconds` (then with `waited`). With a
 * command: ask again with it when vx_command_result() has one, or after `seconds`. Without either:
 * the answer takes more than one turn; let others have theirs and ask again, with `progress`, with
 * `selection` if there is one (else with the one before) and as `counted`. */
struct vx_hold {
    struct vx_scope *scope; /* a reference, owned by the response */
    uint64_t revision;
    unsigned seconds;
    struct vx_command *command; /* a reference, owned by the response */
    uint64_t progress;
    struct vx_selection *selection; /* owned by the response */
};

#define VX_ETAG_SIZE 48

struct vx_response {
    unsigned status;          /* 0: held, see `hold` */
    const char *content_type; /* static; NULL without a body */
    struct vx_body *body;     /* a reference, owned by the response; NULL without a body */
    char etag[VX_ETAG_SIZE];  /* "" without one */
    const char *content_encoding, *policy; /* static, or NULL */
    bool varies;                           /* with Accept-Encoding */
    const char *challenge;                 /* WWW-Authenticate; static, or NULL */
    char allow[64];                        /* Allow of a 405 and of OPTIONS; "" without one */
    unsigned retry_after;                  /* seconds; 0 without one */
    bool replayed;  /* the answer of an earlier request: Idempotent-Replayed */
    bool preflight; /* answer to OPTIONS: the transport adds the CORS preflight headers */
    struct vx_hold hold;
    struct vx_sub *sub; /* with 200: the stream that was asked for begins; owned by the response */
};

/* Borrows `registry` and `clock` (outlive the api); takes its own reference to `config`. NULL: out
 * of memory, or OpenSSL has no SHA-256. */
struct vx_api *vx_api_new(struct vx_registry *registry, struct vx_config *config,
                          const struct vx_clock *clock);
void vx_api_release(struct vx_api **api);

/* Takes up tokens and limits. Requests in flight end under the old ones. False: out of memory,
 * nothing changed. */
bool vx_api_configure(struct vx_api *api, struct vx_config *config);

/* Judges a request by its head, before its body has come: the path, the method, who asks, the rate
 * limit, the type of the body. Of *request, neither `params` nor `body` is looked at. False:
 * *response is the answer and nothing more need be read. True: *response is to be cleared, and the
 * request goes on to vx_api_invoke() with its body and `counted`, which judges it again: what was
 * allowed may have been revoked while the body came. *wants_body: the body will be looked at; else
 * it is of no use to anybody and need not be kept. Always fills *response, as vx_api_invoke() does.
 */
bool vx_api_admit(struct vx_api *api, const struct vx_request *request, bool *wants_body,
                  struct vx_response *response);

/* Always fills *response (which need not be initialised); the caller ends it with
 * vx_response_clear(). */
void vx_api_invoke(struct vx_api *api, const struct vx_request *request,
                   struct vx_response *response);
void vx_response_clear(struct vx_response *response);

/* What a request that takes turns has got so far. Clears the caller's pointer. */
struct vx_selection;
void vx_selection_release(struct vx_selection **selection);

/* A JSON error of the same form for what the transport itself refuses (400, 408, 413, 431, 500,
 * 503). *response is zeroed or was filled by vx_api_invoke(): the body it may have is released. */
void vx_api_error(struct vx_response *response, unsigned status, const char *msg);

/* How the host is reached, and what runs on its threads when a command is finished: it wakes
 * whoever asks again for those that are held. Both before the first request; the port is copied.
 * Without a host every command is answered with 501. */
void vx_api_set_host(struct vx_api *api, const struct vx_host_port *port);
void vx_api_set_notify(struct vx_api *api, void (*notify)(void *ctx), void *ctx);

/* The base URL of this node for the AsyncAPI document, which without one names no server. Before
 * the first request. False: out of memory, nothing changed. */
bool vx_api_set_service_url(struct vx_api *api, const char *url);

/* Drops what has not been asked for lately; call it every few seconds. True: there is more to drop,
 * call it again soon. */
bool vx_api_tick(struct vx_api *api);

/* More rows for /metrics, from other layers: appends Prometheus text. Called on the thread of the
 * request. */
void vx_api_add_metrics(struct vx_api *api, void (*render)(void *ctx, struct vx_buf *out),
                        void *ctx);

/* --- for hosts' command lines --- */

#define VX_TOKEN_TEXT 36

/* A new random token, and the SHA-256 of it in hex. False when the kernel has no randomness. */
bool vx_token_make(char token[VX_TOKEN_TEXT + 1], char sha256_hex[65]);

/* The OpenAPI document; a string for the caller to vx_free(). NULL: out of memory. Without a URL
 * ("") its server is whichever address a client has it from. */
char *vx_openapi_render(const char *server_url);
/* The same for the AsyncAPI document, which cannot say that: without a URL it names no server. */
char *vx_asyncapi_render(const char *server_url);

#endif
