/*
 * Whether an address can be listened on, UDP and TCP, tried before the SIP stack does: it would
 * share a UDP port with another process without a word, and does not say why it fails.
 */
#ifndef VX_HOST_SIP_PROBE_H
#define VX_HOST_SIP_PROBE_H

#include <stdbool.h>
#include <stddef.h>

/* Blocks for as long as it takes to look up `host`. On failure writes the reason into error[]. */
bool vx_probe_listen(const char *host, unsigned port, char *error, size_t size);

#endif
