/*
 * Two habits of nua's that a switch cannot have. nua_client.c takes the place of the functions of
 * the library that they hang on (see resolver.h); a library that does not call them that way keeps
 * them.
 *
 * A BYE goes out at once. nua sends the requests of a dialog one after the other, INVITE aside: a
 * BYE would wait for the answer to an INFO before it, up to 32 seconds when the far end says
 * nothing. SIP knows no such order (RFC 3261, section 12.2.1.1: each only wants a higher CSeq than
 * the one before), so a BYE is put into the queue as ever, and sent without its turn.
 *
 * A challenge is answered or it is a refusal. After a 401 or 407 nua waits for credentials, for
 * ever: the dialog takes no further request, and is never reported as terminated. Here a leg has
 * them from the start or will never have any (challenge.h).
 */
#ifndef VX_HOST_SIP_NUA_CLIENT_H
#define VX_HOST_SIP_NUA_CLIENT_H

#include "host/sip/sofia.h"

/* Ends the dialog of an answered leg. SIP thread. */
void vx_bye(nua_handle_t *nh);

struct nua_client_request;
struct auth_client_s;

/* The library's own, which the headers of it that are included do not show. */
int nua_stack_bye(nua_t *nua, nua_handle_t *nh, nua_event_t event, tagi_t const *tags);
int nua_client_request_queue(struct nua_client_request *request);
int nua_client_orq_response(struct nua_client_request *request, nta_outgoing_t *transaction,
                            sip_t const *sip);
int auc_challenge(struct auth_client_s **clients, su_home_t *home, msg_auth_t const *challenge,
                  msg_hclass_t *credentials_class);

#endif
