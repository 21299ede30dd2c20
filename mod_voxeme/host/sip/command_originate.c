/*
 * A call that the API makes: one leg of ours, from its INVITE to its answer; what follows is as
 * with any leg that the switch has answered itself.
 */
#include "core/alloc.h"
#include "core/log.h"
#include "host/sip/command.h"
#include "host/sip/command_text.h"
#include "host/sip/handoff.h"
#include "host/sip/handoff_text.h"
#include "host/sip/leg.h"
#include "host/sip/uri.h"

#include <stdio.h>

/* What the INVITE is made of. */
struct plan {
    su_home_t home[1];
    const url_t *target;
    bool no_user;        /* it is to a user whom no route knows: nothing is sent */
    char *to_parameters; /* NULL: none */
    struct vx_buf url, from, headers, handoff;
    char why[VX_SIP_WHY];
};

static void plan_clear(struct plan *plan) {
    vx_buf_free(&plan->url);
    vx_buf_free(&plan->from);
    vx_buf_free(&plan->headers);
    vx_buf_free(&plan->handoff);
    su_home_deinit(plan->home);
}

static bool terminate(struct vx_buf *text) {
    vx_buf_add(text, "", 1);
    return vx_buf_ok(text);
}

/* Whether calls that follow the route are the account's: by what it sets, or it sets nothing. */
static bool is_of(const struct vx_route *route, const struct vx_sip *sip,
                  const struct vx_uuid *account_sid) {
    const struct vx_account_spec *accounts;
    struct vx_uuid sid;
    size_t index;

    if (route->account_sid)
        return vx_uuid_parse(&sid, vx_str(route->account_sid)) && vx_uuid_eq(&sid, account_sid);
    if (!route->accountcode)
        return true;
    vx_config_accounts(sip->config, &accounts);
    return vx_directory_find_name(vx_config_directory(sip->config), vx_str(route->accountcode),
                                  &index) &&
           vx_uuid_eq(&accounts[index].sid, account_sid);
}

/* There is no registrar: a user is somebody whom calls to that name would be bridged to. False:
 * there is none. */
static bool user_target(struct vx_buf *out, const struct vx_sip *sip,
                        const struct vx_command_args *args) {
    const char *at = memchr(args->user.at, '@', args->user.len);
    struct vx_str name = {args->user.at, at ? (size_t)(at - args->user.at) : args->user.len};
    struct vx_route_match match;
    const struct vx_route *route =
        vx_routes_find(vx_switch_routes(sip->switch_config), name, &match);

    if (!route || route->action != VX_ROUTE_BRIDGE || !is_of(route, sip, &args->account_sid))
        return false;
    vx_route_target(route, &match, out);
    vx_buf_add(out, "", 1);
    if (!vx_buf_ok(out))
        return true;
    out->len--;
    return !vx_uri_fault(out->at);
}

/* A To has what says who is called, and nothing of the way there (RFC 3261, section 19.1.1). */
static void plan_target(struct plan *plan) {
    static const char *const of_requests[] = {"transport", "lr"};
    const url_t *target = url_make(plan->home, plan->url.at);

    if (target && target->url_params) {
        plan->to_parameters = su_strdup(plan->home, target->url_params);
        if (!plan->to_parameters)
            return;
        for (size_t i = 0; i < sizeof of_requests / sizeof *of_requests; i++)
            plan->to_parameters = url_strip_param_string(plan->to_parameters, of_requests[i]);
    }
    plan->target = target;
}

/* NULL, or why there can be no such call. plan->target is NULL when memory was short. */
static const char *plan_call(struct plan *plan, const struct vx_sip *sip,
                             const struct vx_command_args *args) {
    char host[sizeof sip->host + 8];
    const char *fault;

    snprintf(host, sizeof host, sip->port == 5060 ? "%s" : "%s:%u", sip->host, sip->port);
    if (args->user.at) {
        plan->no_user = !user_target(&plan->url, sip, args);
        fault = NULL;
    } else {
        fault = vx_sip_command_target(&plan->url, args);
    }
    if (!fault)
        fault = vx_sip_command_from(&plan->from, args, host);
    if (!fault)
        fault = vx_sip_command_headers(&plan->headers, args, plan->why);
    if (!fault && !plan->no_user && terminate(&plan->url) && terminate(&plan->from) &&
        terminate(&plan->headers))
        plan_target(plan);
    return fault;
}

/* As plan_call(). What cannot be handed on matters only where it would be. */
static const char *plan_handoff(struct plan *plan, const struct vx_sip *sip,
                                const struct vx_command_args *args) {
    const char *fault = vx_handoff_headers(&plan->handoff, args, plan->why);

    if (!fault)
        return NULL;
    vx_buf_free(&plan->handoff);
    return vx_switch_text(sip->switch_config, VX_SW_REDIRECT_TO)[0] ? fault : NULL;
}

static void send_invite(struct vx_leg *leg, const struct plan *plan, const char *call_id) {
    sip_to_t to[1];

    sip_to_init(to);
    *to->a_url = *plan->target;
    to->a_url->url_params = plan->to_parameters;
    nua_invite(leg->nh, NUTAG_URL(plan->target), SIPTAG_FROM_STR(plan->from.at), SIPTAG_TO(to),
               SIPTAG_CALL_ID_STR(call_id), VX_LEG_CONTACT(leg),
               TAG_IF(plan->headers.at[0], SIPTAG_HEADER_STR(plan->headers.at)),
               SIPTAG_CONTENT_TYPE_STR("application/sdp"), SIPTAG_PAYLOAD_STR(vx_leg_sdp_text(leg)),
               TAG_END());
}

static void rang_out(struct vx_leg *leg) {
    vx_sip_count(&leg->sip->metrics->ring_timeouts);
    vx_leg_hangup(leg, 480, NULL, "NO_ANSWER");
}

static int64_t seconds_or(unsigned given, const struct vx_leg *leg, enum vx_switch_setting_id id) {
    return (given ? (int64_t)given : vx_switch_int(leg->config, id)) * 1000;
}

/* A leg that has everything but a place in the registry. NULL: out of memory. */
static struct vx_leg *make_leg(struct vx_sip *sip, const struct vx_command_args *args,
                               char call_id[VX_UUID_TEXT + 1]) {
    struct vx_leg *leg = vx_leg_new(sip, NULL, sip->switch_config);
    struct vx_uuid id;
    bool ok = leg && vx_uuid_random(&id);

    if (ok) {
        vx_uuid_format(call_id, &id);
        ok = vx_leg_event_originated(&leg->facts, call_id, args);
    }
    if (ok) {
        leg->originated = true;
        leg->credentials = vx_credentials_ref(args->credentials);
        leg->limit_ms = seconds_or(args->time_limit_s, leg, VX_SW_ANSWER_TIME_LIMIT_SECONDS);
        vx_leg_origin(leg);
        leg->origin.version++;
        vx_sdp_offer(&leg->sdp, &leg->origin);
        leg->nh = vx_leg_sdp_text(leg) ? nua_handle(sip->nua, leg, TAG_END()) : NULL;
    }
    if (leg && !leg->nh) {
        vx_leg_free(leg);
        leg = NULL;
    }
    return leg;
}

static const char *call(struct vx_sip *sip, struct plan *plan, const struct vx_command_args *args) {
    char call_id[VX_UUID_TEXT + 1];
    bool planned = (plan->target || plan->no_user) && vx_buf_ok(&plan->handoff);
    struct vx_leg *leg = planned ? make_leg(sip, args, call_id) : NULL;

    if (!leg) {
        vx_sip_count(&sip->metrics->commands_memory);
        return "the switch is out of memory";
    }
    if (plan->no_user)
        leg->facts.event.call_id = VX_NONE;
    vx_leg_tell(leg, VX_EVENT_CREATE, 100, NULL);
    /* A call that nobody could see or end by the API is not made by it. */
    if (!leg->known) {
        vx_leg_free(leg);
        return "the registry is full";
    }
    vx_leg_count(leg);
    if (plan->no_user) {
        vx_leg_over(leg, 404, NULL, "NO_ROUTE_DESTINATION");
        vx_leg_free(leg);
        return NULL;
    }
    leg->over_tcp = vx_sip_is_tcp(plan->target);
    leg->handoff = plan->handoff;
    plan->handoff = (struct vx_buf){0};
    send_invite(leg, plan, call_id);
    vx_leg_timer(leg, seconds_or(args->timeout_s, leg, VX_SW_RING_TIMEOUT_SECONDS), rang_out);
    return NULL;
}

static bool is_full(const struct vx_sip *sip) {
    return (int64_t)sip->calls >= vx_switch_int(sip->switch_config, VX_SW_MAX_CALLS);
}

void vx_originate(struct vx_sip *sip, struct vx_command *command) {
    const struct vx_command_args *args = vx_command_args(command);
    struct plan plan = {.home = {SU_HOME_INIT(plan.home)}};
    enum vx_outcome outcome = VX_OUTCOME_UNABLE;
    const char *why;

    su_home_init(plan.home);
    if (vx_uuid_is_nil(&args->call_sid) || vx_leg_index_find(&sip->index, &args->call_sid)) {
        why = "the sid is in use";
        outcome = VX_OUTCOME_FAILED;
    } else if (is_full(sip)) {
        vx_sip_count(&sip->metrics->originate_full);
        why = "too many calls";
        outcome = VX_OUTCOME_REFUSED;
    } else {
        why = plan_call(&plan, sip, args);
        if (!why && (why = plan_handoff(&plan, sip, args))) {
            outcome = VX_OUTCOME_FAILED;
        } else if (!why) {
            why = call(sip, &plan, args);
            outcome = why ? VX_OUTCOME_REFUSED : VX_OUTCOME_DONE;
        }
    }
    plan_clear(&plan);
    vx_sip_command_end(command, outcome, why);
}

static void over_time(struct vx_leg *leg) {
    vx_sip_count(&leg->sip->metrics->time_limits);
    vx_leg_part(leg, 487, NULL, "ALLOTTED_TIMEOUT");
    vx_leg_hangup(leg, 200, NULL, "ALLOTTED_TIMEOUT");
}

void vx_originate_limit(struct vx_leg *leg) {
    vx_leg_timer(leg, leg->limit_ms, leg->limit_ms > 0 ? over_time : NULL);
}

static void on_answer(struct vx_leg *leg, unsigned status, const char *phrase, const sip_t *sip) {
    if (leg->over) {
        vx_leg_refuse_answer(leg);
        return;
    }
    leg->answered = true;
    leg->peer_updates = sip_is_allowed(sip->sip_allow, SIP_METHOD_UPDATE);
    vx_leg_tell(leg, VX_EVENT_ANSWER, status, phrase);
    nua_ack(leg->nh, NUTAG_UPDATE_REFRESH(leg->peer_updates), TAG_END());
    vx_originate_limit(leg);
    vx_handoff(leg, sip);
}

static void on_progress(struct vx_leg *leg, unsigned status, const char *phrase, const sip_t *sip) {
    bool media = vx_sip_has_body(sip);

    if (media || status == 180 || status == 183)
        vx_leg_tell(leg, media ? VX_EVENT_MEDIA : VX_EVENT_PROGRESS, status, phrase);
}

void vx_originate_response(struct vx_leg *leg, int status, const char *phrase, const sip_t *sip) {
    if (status <= 100)
        return;
    /* What nua itself failed at has a status beyond SIP's. */
    if (status >= 700)
        status = 500, phrase = NULL;
    if (status >= 300)
        vx_leg_over(leg, (unsigned)status, phrase, vx_sip_cause_of_status((unsigned)status));
    else if (sip && status >= 200)
        on_answer(leg, (unsigned)status, phrase, sip);
    else if (sip && !leg->over)
        on_progress(leg, (unsigned)status, phrase, sip);
}
