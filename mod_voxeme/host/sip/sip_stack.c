#include "config.h"

#include "host/sip/sip_stack.h"

#include "core/alloc.h"
#include "core/log.h"
#include "host/sip/command.h"
#include "host/sip/handoff.h"
#include "host/sip/leg.h"
#include "host/sip/probe.h"
#include "host/sip/resolver.h"
#include "host/sip/transport.h"

#include <stdio.h>
#include <stdlib.h>

#define STOP_DEADLINE_MS   900
#define UDP_BUFFER_BYTES   (1024 * 1024) /* a burst of calls; the kernel may allow less */
#define PARTIAL_MESSAGE_MS 32000         /* 64*T1: nobody retransmits for longer */

static void finish_stop(struct vx_sip *sip) {
    void (*done)(void *) = sip->done;

    sip->done = NULL;
    if (done)
        done(sip->done_ctx);
}

static void stop_nua_when_idle(struct vx_sip *sip) {
    if (!sip->stopping || sip->legs || sip->nua_stopping)
        return;
    sip->nua_stopping = true;
    nua_shutdown(sip->nua);
}

void vx_sip_leg_freed(struct vx_sip *sip) {
    stop_nua_when_idle(sip);
}

/* --- events ----------------------------------------------------------------------------------- */

static void on_cancel(struct vx_leg *leg) {
    leg->answered = false; /* nua has answered 487, whatever of ours was on its way */
    vx_leg_part(leg, 487, NULL, "ORIGINATOR_CANCEL");
    vx_leg_over(leg, 487, NULL, "ORIGINATOR_CANCEL");
}

static void on_bye(struct vx_leg *leg) {
    vx_leg_part(leg, 487, NULL, "NORMAL_CLEARING");
    vx_leg_over(leg, 487, NULL, "NORMAL_CLEARING");
}

/* nua ends the dialog by itself: no ACK came, or no refresh of the session, or the callee is gone.
 */
static void on_lost(struct vx_leg *leg, int status) {
    if (!leg->over) {
        if (leg->answered)
            vx_sip_count(&leg->sip->metrics->lost);
        unsigned told = status >= 300 && status < 700 ? (unsigned)status : 408;
        const char *cause =
            leg->answered ? "RECOVERY_ON_TIMER_EXPIRE" : vx_sip_cause_of_status(told);
        vx_leg_part(leg, told, NULL, cause);
        vx_leg_over(leg, told, NULL, cause);
    }
}

/* There is an ACK to every 2xx of ours, or the response that nua sent instead was none. */
static void on_confirmed(struct vx_leg *leg) {
    leg->unconfirmed = false;
    vx_leg_hold_next(leg);
    if (leg->peer)
        vx_leg_hold_next(leg->peer);
    vx_handoff_next(leg);
}

static void on_state(struct vx_leg *leg, int status, tagi_t tags[]) {
    int state = nua_callstate_init, offered = 0;

    tl_gets(tags, NUTAG_CALLSTATE_REF(state), NUTAG_OFFER_SENT_REF(offered), TAG_END());
    if (state == nua_callstate_calling) { /* an UPDATE is told of so, too */
        leg->offered = offered;
        leg->inviting = true;
    }
    /* Only here is it certain that our 2xx has won against a CANCEL. */
    if (state == nua_callstate_completed && leg->reached != VX_EVENT_ANSWER &&
        leg->facts.event.direction == VX_INBOUND)
        vx_leg_tell(leg, VX_EVENT_ANSWER, (unsigned)status, vx_sip_reason((unsigned)status));
    else if (state == nua_callstate_ready)
        on_confirmed(leg);
    else if (state >= nua_callstate_terminating)
        on_lost(leg, status);
    if (state == nua_callstate_terminated)
        vx_leg_free(leg);
}

static void on_request(struct vx_leg *leg, int status, const sip_t *sip) {
    msg_t *request = nua_current_request(leg->sip->nua);

    if (status >= 200 || !request || !sip)
        return; /* nua has answered it */
    if (vx_leg_is_bridged(leg))
        vx_relay_request(leg, request, sip);
    else
        vx_answer_request(leg, request, sip);
}

static void on_invite_response(struct vx_leg *leg, int status, const char *phrase,
                               const sip_t *sip) {
    if (status >= 200)
        leg->inviting = leg->cancelled = false;
    if (leg->originated && !leg->answered)
        vx_originate_response(leg, status, phrase, sip);
    else if (leg->third_party && !leg->answered)
        vx_handoff_response(leg, status, phrase, sip);
    else if (leg->facts.event.direction == VX_OUTBOUND && !leg->answered)
        vx_bridge_response(leg, status, phrase, sip);
    else if (!vx_leg_hold_response(leg, status, phrase, sip))
        vx_relay_response(leg, sip_method_invite, status, phrase, sip);
}

static sip_method_t method_of(nua_event_t event, const sip_t *sip) {
    if (event == nua_r_method && sip && sip->sip_cseq)
        return sip->sip_cseq->cs_method;
    return event == nua_r_invite   ? sip_method_invite
           : event == nua_r_update ? sip_method_update
           : event == nua_r_info   ? sip_method_info
           : event == nua_r_refer  ? sip_method_refer
                                   : sip_method_unknown;
}

static void leg_response(struct vx_leg *leg, nua_event_t event, int status, const char *phrase,
                         const sip_t *sip) {
    sip_method_t method = method_of(event, sip);
    bool refresh = (method == sip_method_invite || method == sip_method_update) && !leg->holding &&
                   !leg->cancelled && !vx_relay_expects(leg, method);

    switch ((int)event) {
    case nua_r_invite:
        on_invite_response(leg, status, phrase, sip);
        break;
    case nua_r_update:
        if (status >= 200)
            leg->inviting = false;
        vx_relay_response(leg, sip_method_update, status, phrase, sip);
        break;
    case nua_r_info:
        vx_relay_response(leg, sip_method_info, status, phrase, sip);
        break;
    case nua_r_method:
        vx_leg_request_response(leg, status, phrase);
        break;
    case nua_r_refer:
        vx_leg_redirect_response(leg, status, phrase);
        break;
    default:
        return;
    }
    vx_dialog_response(leg, method, status, refresh);
    if (status >= 200) {
        vx_leg_request_next(leg);
        vx_handoff_next(leg);
    }
}

static void leg_event(struct vx_leg *leg, nua_event_t event, int status, const char *phrase,
                      const sip_t *sip, tagi_t tags[]) {
    switch ((int)event) {
    case nua_i_invite:
    case nua_i_update:
    case nua_i_info:
        on_request(leg, status, sip);
        break;
    case nua_i_ack:
        if (sip)
            vx_relay_ack(leg, sip);
        break;
    case nua_i_cancel:
        if (leg->reached == VX_EVENT_ANSWER)
            vx_relay_cancel(leg);
        else
            on_cancel(leg);
        break;
    case nua_i_bye:
        on_bye(leg);
        break;
    case nua_i_state:
        on_state(leg, status, tags);
        break;
    case nua_i_notify:
        if (sip)
            vx_leg_redirect_notified(leg, sip);
        break;
    default:
        leg_response(leg, event, status, phrase, sip);
        break;
    }
}

static void destroy_handle(su_root_magic_t *magic, su_msg_r message, su_msg_arg_t *arg) {
    nua_handle_t **nh = arg;

    (void)magic;
    (void)message;
    nua_handle_destroy(*nh);
}

/* A handle that is destroyed forgets what it was told to respond: this comes after that. */
static void destroy_after_response(struct vx_sip *sip, nua_handle_t *nh) {
    su_msg_r message = SU_MSG_R_INIT;

    if (su_msg_create(message, su_root_task(sip->root), su_root_task(sip->root), destroy_handle,
                      sizeof nh) == 0) {
        *(nua_handle_t **)su_msg_data(message) = nh;
        if (su_msg_send(message) == 0)
            return;
        su_msg_destroy(message);
    }
    nua_handle_destroy(nh);
}

static bool wants_response(nua_event_t event, int status) {
    return status < 200 && (event == nua_i_info || event == nua_i_update || event == nua_i_method);
}

/* A request outside of any call of ours; nua has made a handle for it, which is ours to give back.
 */
static void stray_event(struct vx_sip *sip, nua_handle_t *nh, nua_event_t event, int status,
                        const sip_t *message) {
    msg_t *request = nua_current_request(sip->nua);

    if (event == nua_i_invite && status < 200 && request && message) {
        vx_incoming(sip, nh, request, message);
    } else if (wants_response(event, status) && request) {
        /* What is known here belongs into a dialog (RFC 6086, section 4.2.2). */
        unsigned refusal = event == nua_i_method ? 501 : 481;
        nua_respond(nh, (int)refusal, vx_sip_reason(refusal), NUTAG_WITH(request), TAG_END());
        destroy_after_response(sip, nh);
    } else if (event != nua_i_state) { /* i_terminated follows that */
        nua_handle_destroy(nh);
    }
}

static void learn_contact(struct vx_sip *sip, tagi_t tags[]) {
    const sip_contact_t *contact = NULL;

    tl_gets(tags, NTATAG_CONTACT_REF(contact), TAG_END());
    if (!contact || !contact->m_url->url_host)
        return;
    const char *host = contact->m_url->url_host, *bare = host + (host[0] == '[');
    snprintf(sip->host, sizeof sip->host, "%s", host);
    snprintf(sip->address, sizeof sip->address, "%.*s", (int)strcspn(bare, "]"), bare);
    sip->port =
        contact->m_url->url_port ? (unsigned)strtoul(contact->m_url->url_port, NULL, 10) : 5060;
}

static void on_event(nua_event_t event, int status, char const *phrase, nua_t *nua,
                     struct vx_sip *sip, nua_handle_t *nh, struct vx_leg *leg, sip_t const *message,
                     tagi_t tags[]) {
    (void)nua;
    if (event == nua_r_shutdown && status >= 200) {
        sip->nua_stopped = true;
        finish_stop(sip);
    } else if (event == nua_r_get_params && !nh) {
        learn_contact(sip, tags);
    } else if (leg) {
        leg_event(leg, event, status, phrase, message, tags);
    } else if (nh) {
        stray_event(sip, nh, event, status, message);
    }
}

/* --- start ------------------------------------------------------------------------------------ */

static nua_t *create_nua(struct vx_sip *sip, const char *url) {
    const struct vx_switch_config *c = sip->switch_config;

    return nua_create(
        sip->root, on_event, sip, NUTAG_URL(url), NUTAG_MEDIA_ENABLE(0), NUTAG_AUTOACK(0),
        NUTAG_AUTOANSWER(0), NUTAG_AUTOALERT(0), NUTAG_AUTO302(0), NUTAG_AUTO305(0),
        NUTAG_MAX_RETRY_AFTER(0), NUTAG_AUTH_CACHE(nua_auth_cache_challenged),
        NUTAG_OUTBOUND("no-natify no-options-keepalive no-validate"),
        NUTAG_USER_AGENT("voxeme/" PACKAGE_VERSION), SIPTAG_SUPPORTED_STR("timer"),
        SIPTAG_ALLOW_STR("INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE"),
        NUTAG_APPL_METHOD(NULL), NUTAG_APPL_METHOD("INVITE, INFO, UPDATE"),
        NUTAG_SESSION_TIMER((unsigned)vx_switch_int(c, VX_SW_SESSION_EXPIRES_SECONDS)),
        NUTAG_MIN_SE((unsigned)vx_switch_int(c, VX_SW_MIN_SE_SECONDS)),
        NTATAG_MAXSIZE((usize_t)vx_switch_int(c, VX_SW_MAX_MESSAGE_BYTES)), NTATAG_UDP_MTU(65535),
        TPTAG_UDP_RMEM(UDP_BUFFER_BYTES), TAG_END());
}

/* "127.0.0.1:5060" -> the URL that nua listens on: no transport stands for UDP and TCP, * for any
 * port. */
static bool listen_url(char *url, size_t size, const char *listen, char *error, size_t error_size) {
    char host[256], why[128];
    unsigned port;

    if (!vx_host_port_parse(listen, host, sizeof host, &port))
        snprintf(why, sizeof why, "not an address");
    else if (vx_probe_listen(host, port, why, sizeof why)) {
        const char *v6 = strchr(host, ':');
        if (port == 0)
            snprintf(url, size, v6 ? "sip:[%s]:*" : "sip:%s:*", host);
        else
            snprintf(url, size, v6 ? "sip:[%s]:%u" : "sip:%s:%u", host, port);
        return true;
    }
    snprintf(error, error_size, "sip-listen: cannot listen on %s: %s", listen, why);
    return false;
}

/* nua tells its address in an event only, which is there after a turn or two of the loop. */
static bool learn_port(struct vx_sip *sip) {
    nua_get_params(sip->nua, TAG_ANY(), TAG_END());
    for (int i = 0; i < 1000 && sip->port == 0; i++)
        su_root_step(sip->root, 1);
    return sip->port != 0;
}

/* Given to nua_create() these would be passed over. */
static void limit_connections(const struct vx_sip *sip) {
    int64_t idle = vx_switch_int(sip->switch_config, VX_SW_TCP_IDLE_SECONDS);

    nua_set_params(sip->nua, TPTAG_IDLE((unsigned)idle * 1000), TPTAG_TIMEOUT(PARTIAL_MESSAGE_MS),
                   TPTAG_PONG2PING(1), TAG_END());
}

static bool start(struct vx_sip *sip, char *error, size_t size) {
    const char *listen = vx_switch_text(sip->switch_config, VX_SW_SIP_LISTEN);
    char url[320];

    if (!vx_leg_index_open(&sip->index)) {
        snprintf(error, size, "sip: out of memory");
        return false;
    }
    sip->audit = su_timer_create(su_root_task(sip->root), 0);
    sip->deadline = su_timer_create(su_root_task(sip->root), 0);
    if (!sip->audit || !sip->deadline) {
        snprintf(error, size, "sip: out of memory");
        return false;
    }
    if (!listen_url(url, sizeof url, listen, error, size))
        return false;
    if (!vx_transport_watch((unsigned)vx_switch_int(sip->switch_config, VX_SW_MAX_CONNECTIONS),
                            (unsigned)vx_switch_int(sip->switch_config, VX_SW_MAX_MESSAGE_BYTES),
                            sip->metrics)) {
        snprintf(error, size, "sip: this libsofia-sip-ua is not one that is known");
        return false;
    }
    vx_resolver_addresses_only(false);
    sip->nua = create_nua(sip, url);
    vx_resolver_addresses_only(true);
    if (!sip->nua) {
        snprintf(error, size, "sip-listen: cannot listen on %s (UDP and TCP)", listen);
        return false;
    }
    limit_connections(sip);
    if (!learn_port(sip)) {
        snprintf(error, size, "sip-listen: no address to be had for %s", listen);
        return false;
    }
    vx_audit_schedule(sip);
    return true;
}

struct vx_sip *vx_sip_start(su_root_t *root, struct vx_registry *registry, struct vx_config *config,
                            struct vx_switch_config *switch_config, struct vx_sip_metrics *metrics,
                            char *error, size_t size) {
    struct vx_sip *sip = vx_calloc(1, sizeof *sip);

    if (!sip) {
        snprintf(error, size, "sip: out of memory");
        return NULL;
    }
    sip->root = root;
    sip->registry = registry;
    sip->metrics = metrics;
    sip->config = vx_config_ref(config);
    sip->switch_config = vx_switch_config_ref(switch_config);
    if (!start(sip, error, size)) {
        if (sip->nua) {
            nua_shutdown(sip->nua);
            for (int i = 0; i < 1000 && !sip->nua_stopped; i++)
                su_root_step(root, 1);
        }
        vx_sip_release(&sip);
    }
    return sip;
}

unsigned vx_sip_port(const struct vx_sip *sip) {
    return sip->port;
}

void vx_sip_configure(struct vx_sip *sip, struct vx_config *config,
                      struct vx_switch_config *switch_config) {
    vx_config_release(&sip->config);
    vx_switch_config_release(&sip->switch_config);
    sip->config = vx_config_ref(config);
    sip->switch_config = vx_switch_config_ref(switch_config);
    if (sip->commands)
        vx_command_queue_limit(sip->commands, vx_switch_int(switch_config, VX_SW_MAX_COMMANDS));
    if (!sip->stopping)
        vx_audit_schedule(sip);
}

bool vx_sip_serve(struct vx_sip *sip, struct vx_command_queue *commands) {
    if (!vx_command_queue_open(commands, sip->root,
                               vx_switch_int(sip->switch_config, VX_SW_MAX_COMMANDS),
                               vx_sip_command_perform, sip))
        return false;
    sip->commands = commands;
    return true;
}

/* --- stop ------------------------------------------------------------------------------------- */

static void on_deadline(su_root_magic_t *magic, su_timer_t *timer, su_timer_arg_t *arg) {
    (void)magic;
    (void)timer;
    finish_stop(arg);
}

void vx_sip_stop(struct vx_sip *sip, void (*done)(void *ctx), void *ctx) {
    if (sip->stopping)
        return;
    sip->stopping = true;
    sip->done = done;
    sip->done_ctx = ctx;
    su_timer_reset(sip->audit);
    if (sip->commands)
        vx_command_queue_close(sip->commands);
    for (struct vx_leg *leg = sip->legs; leg; leg = leg->next)
        vx_leg_hangup(leg, 503, NULL, "SYSTEM_SHUTDOWN");
    if (su_timer_set_interval(sip->deadline, on_deadline, sip, STOP_DEADLINE_MS) < 0)
        finish_stop(sip);
    stop_nua_when_idle(sip);
}

bool vx_sip_release(struct vx_sip **where) {
    /* What sofia-sip still holds stays reachable, so that a leak checker sees it as such. */
    static nua_t *volatile held;
    struct vx_sip *sip = *where;
    bool clean = !sip->nua || sip->nua_stopped;

    *where = NULL;
    if (sip->commands)
        vx_command_queue_close(sip->commands);
    sip->nua_stopping = true; /* freeing legs starts nothing anew */
    while (sip->legs) {
        if (!clean)
            sip->legs->nh = NULL;
        vx_leg_free(sip->legs);
    }
    vx_referrals_clear(&sip->referrals);
    if (clean && sip->nua)
        nua_destroy(sip->nua);
    else
        held = sip->nua;
    (void)held;
    vx_transport_unwatch();
    if (sip->audit)
        su_timer_destroy(sip->audit);
    if (sip->deadline)
        su_timer_destroy(sip->deadline);
    vx_leg_index_close(&sip->index);
    vx_config_release(&sip->config);
    vx_switch_config_release(&sip->switch_config);
    vx_free(sip);
    return clean;
}
