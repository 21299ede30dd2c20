#include "host/sip/challenge.h"

#include "core/uuid.h"
#include "host/sip/command.h"
#include "host/sip/digest.h"
#include "host/sip/leg.h"

#define SOFIA_EXTEND_AUTH_CLIENT 0
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#include <sofia-sip/auth_client_plugin.h>
#pragma GCC diagnostic pop

/* One realm that has challenged a leg, in the list of nua's handle and in its memory. */
struct realm {
    auth_client_t client; /* first: it is what the library knows */
    nua_handle_t *nh;
    struct vx_digest_challenge challenge; /* the last one; its texts are in `texts` */
    char *texts;
    char cnonce[VX_UUID_TEXT + 1];
    unsigned count;  /* of answers to its nonce */
    bool fresh;      /* its nonce was given for the request that is under way */
    unsigned answer; /* the response that brought it, of all that there were */
};

/* The library makes the header of every realm in the list. One that is not made, as memory is
 * short, is missing; the far end challenges once more, and nua gives up in the end. */
static int authorize(auth_client_t *client, su_home_t *home, char const *method, url_t const *url,
                     msg_payload_t const *body, msg_header_t **header) {
    struct realm *r = (struct realm *)client;
    struct vx_leg *leg = nua_handle_magic(r->nh);
    char *uri = leg && leg->credentials && r->texts ? url_as_string(home, url) : NULL;
    const struct vx_digest_request request = {vx_str(method), vx_str(uri), vx_str(r->cnonce),
                                              r->count + 1};
    struct vx_buf text = {0};

    (void)body;
    if (uri && vx_digest_answer(&text, &r->challenge, leg->credentials, &request)) {
        vx_buf_add(&text, "", 1);
        if (vx_buf_ok(&text))
            *header = msg_header_make(home, client->ca_credential_class, text.at);
    }
    vx_buf_free(&text);
    if (*header)
        r->count++;
    return 0;
}

static const auth_client_plugin_t plugin = {
    .auc_plugin_size = sizeof plugin,
    .auc_size = sizeof(struct realm),
    .auc_name = "Digest",
    .auc_authorize = authorize,
};

static struct realm *find(auth_client_t *list, msg_hclass_t *credentials_class,
                          struct vx_str name) {
    for (; list; list = list->ca_next) {
        struct realm *r = (struct realm *)list;
        if (list->ca_credential_class == credentials_class && vx_str_eq(r->challenge.realm, name))
            return r;
    }
    return NULL;
}

/* NULL: out of memory, or there are too many. */
static struct realm *add(auth_client_t **list, su_home_t *home, msg_hclass_t *credentials_class) {
    static char nothing[1]; /* what is there is asked for whether it is there, no more */
    unsigned count = 0;
    struct realm *r;

    for (; *list; list = &(*list)->ca_next)
        count++;
    r = count < VX_MAX_REALMS ? su_home_clone(home, sizeof *r) : NULL;
    if (!r)
        return NULL;
    r->client.ca_auc = &plugin;
    r->client.ca_scheme = plugin.auc_name;
    r->client.ca_realm = nothing;
    r->client.ca_user = r->client.ca_pass = nothing;
    r->client.ca_credential_class = credentials_class;
    r->nh = (nua_handle_t *)home;
    *list = &r->client;
    return r;
}

static void keep(char **at, struct vx_str *text) {
    if (!text->at)
        return;
    memcpy(*at, text->at, text->len);
    text->at = *at;
    *at += text->len;
}

/* False: out of memory, or of randomness; it stays as it was. */
static bool update(struct realm *r, const struct vx_digest_challenge *c) {
    bool same = r->texts && vx_str_eq(r->challenge.nonce, c->nonce);
    size_t size = c->realm.len + c->nonce.len + c->opaque.len + c->algorithm.len + 1;
    char *texts = su_alloc(r->client.ca_home, (isize_t)size), *at = texts;
    struct vx_uuid id;

    if (!texts || (!same && !vx_uuid_random(&id))) {
        su_free(r->client.ca_home, texts);
        return false;
    }
    r->challenge = *c;
    keep(&at, &r->challenge.realm);
    keep(&at, &r->challenge.nonce);
    keep(&at, &r->challenge.opaque);
    keep(&at, &r->challenge.algorithm);
    su_free(r->client.ca_home, r->texts);
    r->texts = texts;
    if (same)
        return true;
    vx_uuid_format(r->cnonce, &id);
    r->count = 0;
    return true;
}

/* Whether the request had an answer for that realm with it. */
static bool has_answered(const sip_t *asked, msg_hclass_t *credentials_class, struct vx_str realm) {
    const msg_auth_t *sent = credentials_class == sip_authorization_class
                                 ? asked->sip_authorization
                                 : asked->sip_proxy_authorization;

    for (; sent; sent = sent->au_next)
        if (vx_str_eq(vx_digest_parameter(sent->au_params, "realm"), realm))
            return true;
    return false;
}

/* A request that nobody waits for any more is not sent again: what was to be done would be done by
 * surprise, and its CANCEL, or the BYE, may have been sent. */
static bool is_given_up(const struct vx_leg *leg, const sip_t *asked) {
    sip_method_t method = asked->sip_request->rq_method;

    if (method == sip_method_bye)
        return false;
    if (leg->over)
        return true;
    if (method == sip_method_invite)
        return leg->cancelled || vx_leg_hold_is_given_up(leg);
    if (method == sip_method_refer)
        return leg->redirecting && !vx_command_wanted(leg->redirecting);
    return method != sip_method_update && vx_leg_request_is_given_up(leg);
}

enum taken { ANSWERED, REFUSED, UNKNOWN };

/* Of several challenges of one realm the first that can be answered counts (RFC 8760, section 2.4).
 */
static enum taken take(auth_client_t **clients, su_home_t *home, msg_auth_t const *challenge,
                       msg_hclass_t *credentials_class, const sip_t *asked) {
    static unsigned answer;
    enum taken taken = UNKNOWN;

    /* Answers for all realms go out together: that of a realm which has not asked yet has the nonce
     * of an earlier request, and may be refused for that. */
    if (!asked->sip_authorization && !asked->sip_proxy_authorization)
        for (auth_client_t *c = *clients; c; c = c->ca_next)
            ((struct realm *)c)->fresh = false;
    for (answer++; challenge; challenge = challenge->au_next) {
        struct vx_digest_challenge c;
        struct realm *r;

        if (!challenge->au_scheme || strcasecmp(challenge->au_scheme, "Digest") != 0 ||
            !vx_digest_read(&c, challenge->au_params))
            continue;
        r = find(*clients, credentials_class, c.realm);
        if (r && r->answer == answer)
            continue;
        if (!c.stale && r && r->fresh && has_answered(asked, credentials_class, c.realm))
            return REFUSED;
        if (!r)
            r = add(clients, home, credentials_class);
        if (!r || !update(r, &c))
            continue;
        r->answer = answer;
        r->fresh = true;
        taken = ANSWERED;
    }
    return taken;
}

int vx_challenge_take(auth_client_t **clients, su_home_t *home, msg_auth_t const *challenge,
                      msg_hclass_t *credentials_class, const sip_t *asked) {
    /* nua's: a handle begins with its home. */
    struct vx_leg *leg = nua_handle_magic((nua_handle_t *)home);
    enum taken taken = UNKNOWN;

    if (!leg || !asked || !asked->sip_request || is_given_up(leg, asked))
        return -1;
    if (leg->credentials)
        taken = take(clients, home, challenge, credentials_class, asked);
    vx_sip_count(taken == ANSWERED  ? &leg->sip->metrics->challenges_answered
                 : taken == REFUSED ? &leg->sip->metrics->challenges_refused
                                    : &leg->sip->metrics->challenges_unknown);
    return taken == ANSWERED ? 1 : -1;
}
