/*
 * A BYE that goes out at once.
 *
 * nua sends the requests of a dialog one after the other, INVITE aside: a BYE would wait for the
 * answer to an INFO before it, up to 32 seconds when the far end says nothing. SIP knows no such
 * order (RFC 3261, section 12.2.1.1: each only wants a higher CSeq than the one before). bye.c
 * takes the place of two functions of the library (see resolver.h): a BYE that nua_bye() asked for
 * is put into the queue as ever, and sent without its turn. A library that does not call them that
 * way is left as it is.
 */
#ifndef VX_HOST_SIP_BYE_H
#define VX_HOST_SIP_BYE_H

#include "host/sip/sofia.h"

/* Ends the dialog of an answered leg. SIP thread. */
void vx_bye(nua_handle_t *nh);

struct nua_client_request;

/* The library's own, which no header of it shows. */
int nua_stack_bye(nua_t *nua, nua_handle_t *nh, nua_event_t event, tagi_t const *tags);
int nua_client_request_queue(struct nua_client_request *request);

#endif
