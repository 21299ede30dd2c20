/*
 * HTTP(S) for the API on libwebsockets: each socket is owned by one of `threads` network threads.
 *
 * Start and stop on the host's main thread. Nothing here calls the host. What is held is asked for
 * again when the registry says that it has changed: the server takes vx_registry_set_wake() for
 * itself, and sees to vx_registry_expire() and vx_api_tick().
 */
#ifndef VX_SERVER_H
#define VX_SERVER_H

#include "api/api.h"
#include "core/config.h"
#include "core/registry.h"

struct vx_server;

/* Opens the listening socket, loads the certificate, and starts the threads. Borrows `api` and
 * `registry`; own reference to `config`. On failure returns NULL, writes one line into error[] and
 * leaves nothing behind. An api is served once: the server's rows stay in its /metrics, so that
 * after vx_server_stop() it may only be released. */
struct vx_server *vx_server_start(struct vx_api *api, struct vx_registry *registry,
                                  struct vx_config *config, char *error, size_t size);

/* The port it listens on (which the configuration may have left to the kernel with port 0). */
unsigned vx_server_port(const struct vx_server *server);

/* The URL at which clients reach it, by the address that it listens on; see vx_own_host() for all
 * addresses. Borrowed from the server. */
const char *vx_server_url(const struct vx_server *server);
/* The base URL of this node: `service-url`, else that of above. The api knows it; the host tells
 * the registry. Borrowed from the server. */
const char *vx_server_service_url(const struct vx_server *server);

/* A network thread cannot serve anybody now: it has logged why, and goes on trying. Any thread. */
bool vx_server_failing(const struct vx_server *server);

/* Takes up limits, time-outs and the certificate. Any thread; returns at once, carried out on the
 * network threads. A certificate that cannot be read or does not fit its key is logged and the old
 * one kept. */
void vx_server_configure(struct vx_server *server, struct vx_config *config);

/* Answers what is held, closes every socket, joins the threads, frees. At most a second. Clears the
 * caller's pointer. */
void vx_server_stop(struct vx_server **server);

#endif
