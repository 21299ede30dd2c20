/*
 * Status webhooks: every status that a call comes to is told to the call's own hook, or to that of
 * its account, by a signed HTTP request (README, section "Status webhooks").
 *
 * DESIGN
 * The registry's observer runs on the hosts' threads: it puts the call's snapshot into a list,
 * under a lock that is held for nothing else, and wakes the one thread here. That thread owns the
 * queues (net/webhook_queue.h) and every transfer, by libcurl's multi interface; names are looked
 * up on libcurl's own threads. Nobody waits for it: what cannot be queued is dropped and counted.
 */
#ifndef VX_WEBHOOK_H
#define VX_WEBHOOK_H

#include "api/api.h"
#include "core/config.h"
#include "core/registry.h"

struct vx_webhooks;

/* Takes the registry's observer of statuses for itself and adds its rows to the api's /metrics:
 * before the api is served and before the first event. Borrows both; own reference to `config`. On
 * failure returns NULL, writes one line into error[] and leaves nothing behind. */
struct vx_webhooks *vx_webhooks_start(struct vx_api *api, struct vx_registry *registry,
                                      struct vx_config *config, char *error, size_t size);

/* Takes up accounts, secrets and limits; what waits goes where they say now. Any thread; returns at
 * once, carried out on the webhooks' thread. A webhook-ca that cannot be read is logged, and all
 * stays as it was. */
void vx_webhooks_configure(struct vx_webhooks *webhooks, struct vx_config *config);

/* Tells for at most half a second what can be told at once, gives up the rest, which is counted and
 * logged, joins the thread, frees. When the api is served no more. Clears the caller's pointer. */
void vx_webhooks_stop(struct vx_webhooks **webhooks);

#endif
