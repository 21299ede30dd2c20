/*
 * A new INVITE: a leg is made, the registry is told, the first route that matches decides.
 */
#include "core/alloc.h"
#include "core/log.h"
#include "host/sip/leg.h"
#include "host/sip/trunk.h"

#include <arpa/inet.h>

/* Refused before there is a leg: at the limit, every call must cost as little as can be. */
static const char *refuse_at_once(const struct vx_sip *sip) {
    if (sip->stopping) {
        vx_sip_count(&sip->metrics->refused_stopping);
        return "Shutting Down";
    }
    if ((int64_t)sip->calls >= vx_switch_int(sip->switch_config, VX_SW_MAX_CALLS)) {
        vx_sip_count(&sip->metrics->refused_full);
        return "Too Many Calls";
    }
    return NULL;
}

static void set_variables(struct vx_event *e, const struct vx_route *route) {
    if (!route)
        return;
    e->evidence.variable = vx_str(route->account_sid);
    e->evidence.accountcode = vx_str(route->accountcode);
    e->application_sid = vx_str(route->application_sid);
}

static void tell_variables(struct vx_leg *leg) {
    struct vx_event e = {.type = VX_EVENT_UPDATE, .call_sid = leg->facts.event.call_sid};

    set_variables(&e, leg->route);
    if (e.evidence.variable.at || e.evidence.accountcode.at || e.application_sid.at)
        vx_registry_apply(leg->sip->registry, &e);
}

static void follow_route(struct vx_leg *leg, const sip_t *invite,
                         const struct vx_route_match *match) {
    if (!leg->route) {
        vx_leg_hangup(leg, 404, NULL, "NO_ROUTE_DESTINATION");
        return;
    }
    switch (leg->route->action) {
    case VX_ROUTE_ANSWER:
        vx_answer_start(leg, invite);
        break;
    case VX_ROUTE_RING:
        vx_ring_start(leg);
        break;
    case VX_ROUTE_REJECT:
        vx_leg_hangup(leg, leg->route->status, leg->route->reason,
                      vx_sip_cause_of_status(leg->route->status));
        break;
    case VX_ROUTE_BRIDGE:
        vx_bridge_start(leg, invite, match);
        break;
    }
}

/* NULL: the caller answers 500. */
static struct vx_leg *leg_for(struct vx_sip *sip, msg_t *request, const sip_t *invite,
                              struct vx_route_match *match) {
    struct vx_leg_event facts;
    const su_sockaddr_t *source = msg_addr(request);

    if (!vx_leg_event_inbound(&facts, invite, source ? &source->su_sa : NULL))
        return NULL;
    const struct vx_route *route =
        vx_routes_find(vx_switch_routes(sip->switch_config), facts.event.to, match);
    struct vx_leg *leg = vx_leg_new(sip, route, sip->switch_config);
    if (!leg) {
        vx_leg_event_clear(&facts);
        return NULL;
    }
    leg->facts = facts;
    if (facts.event.originating_sip_ip.at) /* it points into the struct, which has moved */
        leg->facts.event.originating_sip_ip.at = leg->facts.source;
    set_variables(&leg->facts.event, route);
    if (!vx_uuid_random(&leg->facts.event.call_sid)) {
        vx_leg_free(leg);
        return NULL;
    }
    return leg;
}

static unsigned port_of(const struct sockaddr *source) {
    struct sockaddr_in6 v6;
    struct sockaddr_in v4;

    if (source->sa_family == AF_INET6) {
        memcpy(&v6, source, sizeof v6);
        return ntohs(v6.sin6_port);
    }
    memcpy(&v4, source, sizeof v4);
    return ntohs(v4.sin_port);
}

/* Says once what the call's trunk is: its name is the configuration's, which a reload replaces. */
static void tell_of(struct vx_leg *leg, msg_t *request) {
    const su_sockaddr_t *source = msg_addr(request);
    struct vx_event *e = &leg->facts.event;

    if (source)
        e->originating_sip_trunk_name =
            vx_trunk_of(leg->sip->config, &e->evidence, port_of(&source->su_sa));
    vx_leg_tell(leg, VX_EVENT_CREATE, 100, NULL);
    e->originating_sip_trunk_name = VX_NONE;
}

void vx_incoming(struct vx_sip *sip, nua_handle_t *nh, msg_t *request, const sip_t *invite) {
    struct vx_route_match match;
    const char *refused = refuse_at_once(sip);
    struct vx_leg *leg = refused ? NULL : leg_for(sip, request, invite, &match);

    if (!leg) {
        if (!refused)
            vx_sip_count(&sip->metrics->refused_memory);
        vx_log(VX_LOG_INFO, "INVITE refused: %s", refused ? refused : "out of memory");
        nua_respond(nh, refused ? 503 : 500, refused ? refused : sip_500_Internal_server_error,
                    TAG_IF(refused, SIPTAG_RETRY_AFTER_STR("5")), TAG_END());
        return;
    }
    leg->nh = nh;
    leg->invite = msg_ref(request);
    nua_handle_bind(nh, leg);
    vx_leg_count(leg);
    leg->offerless = !vx_sip_has_body(invite);
    leg->peer_updates = sip_is_allowed(invite->sip_allow, SIP_METHOD_UPDATE);
    leg->over_tcp = invite->sip_via && su_casematch(invite->sip_via->v_protocol, sip_transport_tcp);
    vx_leg_origin(leg);
    tell_of(leg, request);
    follow_route(leg, invite, &match);
}

bool vx_incoming_again(struct vx_leg *leg, const char *user) {
    struct vx_switch_config *config = leg->sip->switch_config;
    struct vx_route_match match;
    const struct vx_route *route = vx_routes_find(vx_switch_routes(config), vx_str(user), &match);

    if (!route || !leg->invite)
        return false;
    msg_t *request = msg_ref(leg->invite); /* the leg lets go of it when it ends */
    vx_leg_part(leg, 487, NULL, "ORIGINATOR_CANCEL");
    vx_leg_timer(leg, 0, NULL);
    config = vx_switch_config_ref(config);
    leg->route = route;
    set_variables(&leg->facts.event, route);
    vx_switch_config_release(&leg->config);
    leg->config = config;
    tell_variables(leg);
    follow_route(leg, sip_object(request), &match);
    msg_destroy(request);
    return true;
}
