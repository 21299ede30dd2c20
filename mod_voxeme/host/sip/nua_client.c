#include "config.h" /* first: it asks for RTLD_NEXT */

#include "host/sip/nua_client.h"

#include "host/sip/challenge.h"

#include <dlfcn.h>
#include <stdbool.h>

#define REPLACES __attribute__((visibility("default")))

static struct {
    int (*stack_bye)(nua_t *, nua_handle_t *, nua_event_t, tagi_t const *);
    int (*queue)(struct nua_client_request *);
    int (*response)(struct nua_client_request *, nta_outgoing_t *, sip_t const *);
    int (*terminates)(int, sip_method_t, int *);
} library;

/* SIP thread, between nua_bye() taken up by nua and its request in the queue. */
static bool urgent;
/* SIP thread, while nua takes up a response to a request within a dialog. */
static bool within_dialog;
/* SIP thread, while nua takes up a response: the request that it answers, or NULL. */
static const sip_t *asked;

static bool find(void *where, const char *name) {
    void *found = dlsym(RTLD_NEXT, name);

    memcpy(where, &found, sizeof found);
    return found != NULL;
}

void vx_bye(nua_handle_t *nh) {
    nua_bye(nh, TAG_END());
}

REPLACES int nua_stack_bye(nua_t *nua, nua_handle_t *nh, nua_event_t event, tagi_t const *tags) {
    int result = -1;

    if (library.stack_bye || find(&library.stack_bye, "nua_stack_bye")) {
        urgent = true;
        result = library.stack_bye(nua, nh, event, tags);
        urgent = false;
    }
    return result;
}

/* Not 0: the request waits for those before it. */
REPLACES int nua_client_request_queue(struct nua_client_request *request) {
    bool at_once = urgent;
    int waits = 1;

    urgent = false;
    if (library.queue || find(&library.queue, "nua_client_request_queue"))
        waits = library.queue(request);
    return at_once ? 0 : waits;
}

REPLACES int nua_client_orq_response(struct nua_client_request *request,
                                     nta_outgoing_t *transaction, sip_t const *sip) {
    bool before = within_dialog;
    const sip_t *asked_before = asked;
    msg_t *of = nta_outgoing_getrequest(transaction);
    int result = 0;

    if (library.response || find(&library.response, "nua_client_orq_response")) {
        asked = of ? sip_object(of) : NULL;
        within_dialog = asked && asked->sip_to && asked->sip_to->a_tag;
        result = library.response(request, transaction, sip);
        within_dialog = before;
        asked = asked_before;
    }
    if (of)
        msg_destroy(of);
    return result;
}

/* None does, by nua: dialog.c sees to it. `graceful`: whether it is to end with a BYE. */
REPLACES int sip_response_terminates_dialog(int status, sip_method_t method, int *graceful) {
    if (!within_dialog &&
        (library.terminates || find(&library.terminates, "sip_response_terminates_dialog")))
        return library.terminates(status, method, graceful);
    if (graceful)
        *graceful = 0;
    return 0;
}

REPLACES int auc_challenge(struct auth_client_s **clients, su_home_t *home,
                           msg_auth_t const *challenge, msg_hclass_t *credentials_class) {
    return vx_challenge_take(clients, home, challenge, credentials_class, asked);
}
