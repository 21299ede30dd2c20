/*
 * What nua does when a far end challenges a request of a leg that has credentials: the request goes
 * out again at once, with the answer (digest.h), INVITE, BYE or any other. A far end that
 * challenges that as well, and does not say that its nonce was stale, has refused the credentials.
 * Each request of a dialog goes out without them first, and nua sends none more than a few times.
 *
 * The name and the password stay in the leg's own memory: sofia-sip has no copy of them. SIP thread
 * only.
 */
#ifndef VX_HOST_SIP_CHALLENGE_H
#define VX_HOST_SIP_CHALLENGE_H

#include "host/sip/sofia.h"

#define VX_MAX_REALMS 4 /* that one leg answers */

struct auth_client_s;

/* In the place of auc_challenge(), for the handle whose home is `home`. `asked` is the request that
 * is challenged, or NULL. 1: it is to be sent again; below 0: the challenge is its last response.
 */
int vx_challenge_take(struct auth_client_s **clients, su_home_t *home, msg_auth_t const *challenge,
                      msg_hclass_t *credentials_class, const sip_t *asked);

#endif
