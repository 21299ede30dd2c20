/*
 * A leg: one SIP dialog of ours, what the registry knows it as, and the steps of its life that
 * every route shares. Private to host/sip; SIP thread only.
 */
#ifndef VX_HOST_SIP_LEG_H
#define VX_HOST_SIP_LEG_H

#include "core/registry.h"
#include "host/sip/leg_event.h"
#include "host/sip/leg_index.h"
#include "host/sip/referral.h"
#include "host/sip/sdp.h"
#include "host/sip/sip_metrics.h"
#include "host/sip/sofia.h"
#include "host/sip/switch_config.h"

/* Of how many there have been since memory was given back last. */
struct vx_tide {
    uint64_t most;
    int64_t calm_since; /* monotonic; 0: it is not */
};

struct vx_sip {
    su_root_t *root;
    nua_t *nua;
    struct vx_registry *registry;
    struct vx_config *config;
    struct vx_switch_config *switch_config;
    struct vx_leg *legs; /* newest first */
    struct vx_leg_index index;
    struct vx_command_queue *commands;    /* borrowed; NULL: nobody commands */
    struct vx_tide legs_tide, calls_tide; /* audit.c */
    unsigned calls;                       /* inbound and originated legs that are not over */
    struct vx_referrals referrals;
    struct vx_sip_metrics *metrics;
    char host[64];    /* of our Contact, as URIs have it */
    char address[64]; /* the same as SDP has it: no brackets */
    unsigned port;
    su_timer_t *audit;
    su_timer_t *deadline;
    bool stopping, nua_stopping, nua_stopped;
    void (*done)(void *ctx);
    void *done_ctx;
};

/* A request of this leg that waits for the peer's response. */
struct vx_relay {
    struct vx_relay *next;
    sip_method_t method;
    msg_t *request; /* a reference */
};

struct vx_leg {
    struct vx_leg *next, **link;
    struct vx_sip *sip;
    nua_handle_t *nh;
    struct vx_leg *peer;             /* the other leg of a bridge, while both are wanted */
    struct vx_switch_config *config; /* a reference; `route` is its */
    const struct vx_route *route;
    struct vx_leg_event facts;
    enum vx_event_type reached; /* the last step told of: CREATE to ANSWER */
    uint16_t status;            /* and its SIP status */
    bool known;                 /* the registry has taken its CREATE */
    bool answered;              /* a 2xx was sent or received */
    bool over;                  /* the registry has been told that it ended */
    bool unacked;               /* outbound INVITE: a 2xx came, its ACK has not been sent */
    bool unconfirmed;           /* inbound INVITE: our 2xx was sent, its ACK has not come */
    bool ack_peer;              /* the next ACK carries the answer to the peer's offer */
    bool offerless;             /* the last INVITE that came had no body */
    bool offered;               /* the last INVITE that nua sent had one */
    bool peer_updates;          /* its other end allows UPDATE */
    bool over_tcp;              /* the dialog began over TCP */
    bool counted;               /* in the calls of `sip` */
    bool originated;            /* by a command: it has a route and a peer once it is handed on */
    bool third_party;           /* outbound: for a leg that had been answered before (handoff.c) */
    unsigned offers;            /* of what it has said to that one */
    bool inviting;              /* an INVITE or UPDATE of nua's is on its way, ours or its own */
    bool cancelled;             /* and it is one of the peer's, who has taken it back */
    struct vx_leg *same_bucket; /* of the index */
    bool indexed;
    int64_t limit_ms;      /* originated: once answered; 0: none */
    struct vx_buf handoff; /* originated: headers for who it is handed to; then what that says */
    struct vx_holding *holding;   /* an INVITE of our own, until the far end has answered */
    struct vx_command *postponed; /* a HOLD or UNHOLD, until an ACK has come */
    unsigned shift;               /* bridge: so many descriptions were sent in between (sdp.h) */
    bool own_origin;              /* bridge: of which the first was ours, as is their o= line */
    unsigned spent; /* bridge: so many that passed since the last one that was taken were refused */
    struct vx_buf passed; /* bridge: `sdp` as the far end was told it, where that differs */
    struct vx_command
        *redirecting;        /* a REFER, until the far end has answered or told how it went */
    bool referring;          /* until it has answered */
    bool referred;           /* how it went is still to come */
    int64_t referred_since;  /* monotonic */
    struct vx_uuid referral; /* what the far end is to bring along */
    char *hook;              /* of a redirection of this unanswered call; NULL: none */
    msg_t *invite;           /* inbound: a reference until it is answered */
    struct vx_requesting *requests; /* of commands, oldest first, until they are answered */
    unsigned request_count;
    int64_t over_since;  /* monotonic */
    int64_t accepted_us; /* wall clock: our first 2xx was about to go out; 0: none */
    su_timer_t *timer;
    void (*on_timer)(struct vx_leg *leg);
    struct vx_sdp_origin origin;
    struct vx_buf
        sdp; /* the last description sent on this leg; bridge: as its author has numbered it */
    struct vx_buf before; /* bridge: what that was, while an offer of the peer's waits */
    struct vx_relay *relays;
    unsigned relay_count;
    /* originated: what its far end may ask for, or NULL */
    struct vx_credentials *credentials;
};

/* A leg in the list of `sip`, with its sid. The caller fills facts and nh. NULL: out of memory or
 * randomness. */
struct vx_leg *vx_leg_new(struct vx_sip *sip, const struct vx_route *route,
                          struct vx_switch_config *config);

/* Counts it among the calls of `sip` until it is over. */
void vx_leg_count(struct vx_leg *leg);

/* What its descriptions say of us, by its call_sid. */
void vx_leg_origin(struct vx_leg *leg);

/* A 2xx that came although we had given up: it has to be taken and ended. */
void vx_leg_refuse_answer(struct vx_leg *leg);

/* Tells the registry of a step: status and phrase are what SIP says of it. */
void vx_leg_tell(struct vx_leg *leg, enum vx_event_type step, unsigned status, const char *reason);

/* Calls `then` once, after `ms`; replaces a timer that runs. NULL only stops it. When no timer is
 * to be had the leg goes without. */
void vx_leg_timer(struct vx_leg *leg, int64_t ms, void (*then)(struct vx_leg *leg));

/* The leg's `sdp` as a string, borrowed until it changes; NULL without one. */
const char *vx_leg_sdp_text(struct vx_leg *leg);

/* To an INVITE or its responses: our Contact is reached as the dialog began. A far end would go
 * over UDP without (RFC 3263, section 4.1), which may not get through. */
#define VX_LEG_CONTACT(leg) TAG_IF((leg)->over_tcp, NUTAG_M_PARAMS("transport=tcp"))

/* Answers the first INVITE; a 1xx or 2xx with the leg's `sdp` when `with_sdp`. */
void vx_leg_respond(struct vx_leg *leg, unsigned status, const char *reason, bool with_sdp);

/* Ends a leg from our side, by whatever its state wants: a response, CANCEL or BYE. `status` and
 * `reason` (NULL: the standard phrase) are what an unanswered call ends with. Nothing happens when
 * it is over already. The peer is left alone. */
void vx_leg_hangup(struct vx_leg *leg, unsigned status, const char *reason, const char *cause);

/* Tells the registry, once, that the leg has ended, and drops what it waits for. */
void vx_leg_over(struct vx_leg *leg, unsigned status, const char *reason, const char *cause);

/* Hangs up the other leg of a bridge and parts the two. */
void vx_leg_part(struct vx_leg *leg, unsigned status, const char *reason, const char *cause);

/* Gives back the dialog and frees the leg. */
void vx_leg_free(struct vx_leg *leg);

/* Text of `phrase` that lives as long as the leg's dialog: nua keeps pointers to phrases. */
const char *vx_leg_phrase(const struct vx_leg *leg, unsigned status, const char *phrase);

/* Whether it is to be called over TCP. */
bool vx_sip_is_tcp(const url_t *url);
/* Whether the body is said to be application/sdp. */
bool vx_sip_is_sdp(const sip_t *sip);
static inline bool vx_sip_has_body(const sip_t *sip) {
    return sip->sip_payload && sip->sip_payload->pl_len > 0;
}

/* Keeps the body of `sip`, which may be NULL, as the description that was last sent on `leg`. NULL:
 * it goes there as it came; else what goes in its place, borrowed until the next call. */
const char *vx_leg_pass_sdp(struct vx_leg *leg, const sip_t *sip);

/* The description that the far end of a bridge's leg has; borrowed likewise; NULL without one. */
const char *vx_leg_passed_text(struct vx_leg *leg);

/* Whether the API holds it. */
static inline bool vx_leg_is_held(const struct vx_leg *leg) {
    return leg->origin.media == VX_SDP_SENDONLY;
}

static inline bool vx_leg_is_bridged(const struct vx_leg *leg) {
    return leg->route && leg->route->action == VX_ROUTE_BRIDGE;
}

/* --- who handles what --- */

/* incoming.c: a new INVITE. `request` is borrowed. */
void vx_incoming(struct vx_sip *sip, nua_handle_t *nh, msg_t *request, const sip_t *invite);
/* Gives up what an unanswered inbound leg is doing, its child leg as well, and follows the route of
 * `user` instead. False: no such route, or out of memory; it goes on as it was. */
bool vx_incoming_again(struct vx_leg *leg, const char *user);

/* answer.c: routes that need one leg only. */
void vx_answer_start(struct vx_leg *leg, const sip_t *invite);
void vx_ring_start(struct vx_leg *leg);
/* INVITE, UPDATE, INFO or another request in the dialog of such a leg. */
void vx_answer_request(struct vx_leg *leg, msg_t *request, const sip_t *sip);
/* Fills leg->sdp with an answer to the body of `sip`, or an offer when it has none. False: it stays
 * as it was. */
bool vx_answer_sdp(struct vx_leg *leg, const sip_t *sip);

/* bridge.c: from INVITE to ACK of two legs. */
void vx_bridge_start(struct vx_leg *leg, const sip_t *invite, const struct vx_route_match *match);
void vx_bridge_response(struct vx_leg *child, int status, const char *phrase, const sip_t *sip);
/* The route's target for this call, made in `home`; NULL when the caller's digits make no URI. */
url_t *vx_bridge_target(su_home_t *home, const struct vx_route *route,
                        const struct vx_route_match *match);

/* relay.c: requests within the dialogs of a bridge. */
void vx_relay_request(struct vx_leg *leg, msg_t *request, const sip_t *sip);
void vx_relay_response(struct vx_leg *leg, sip_method_t method, int status, const char *phrase,
                       const sip_t *sip);
/* Whether a response to such a request on this leg is the peer's. */
bool vx_relay_expects(const struct vx_leg *leg, sip_method_t method);
void vx_relay_ack(struct vx_leg *leg, const sip_t *ack);
void vx_relay_cancel(struct vx_leg *leg);
void vx_relay_drop_all(struct vx_leg *leg);
/* Whether an offer of this leg waits for an answer: no other may be made (RFC 3264, section 4). */
bool vx_relay_negotiating(const struct vx_leg *leg);
/* Whether nua would keep another request of this dialog back, INVITE and BYE aside, until the far
 * end has answered one that is no command's. */
bool vx_relay_queues(const struct vx_leg *leg);

/* dialog.c: a final response to a request of ours, nua's (`refresh`) or the peer's. What is over by
 * it is hung up, both ends. */
void vx_dialog_response(struct vx_leg *leg, sip_method_t method, int status, bool refresh);

/* audit.c: tells the registry which legs live. */
void vx_audit_schedule(struct vx_sip *sip);

/* sip_stack.c: a leg has been freed. */
void vx_sip_leg_freed(struct vx_sip *sip);

#endif
