#include "host/sip/sip_metrics.h"

#include <inttypes.h>

static void describe(struct vx_buf *out, const char *name, const char *type, const char *help) {
    vx_buf_printf(out, "# HELP voxeme_sip_%s %s\n# TYPE voxeme_sip_%s %s\n", name, help, name,
                  type);
}

/* `labels` is "" or "{name="value"}". */
static void row(struct vx_buf *out, const char *name, const char *labels,
                const atomic_uint_fast64_t *counter) {
    vx_buf_printf(out, "voxeme_sip_%s%s %" PRIu64 "\n", name, labels,
                  (uint64_t)atomic_load_explicit(counter, memory_order_relaxed));
}

static void single(struct vx_buf *out, const char *name, const char *type,
                   const atomic_uint_fast64_t *counter, const char *help) {
    describe(out, name, type, help);
    row(out, name, "", counter);
}

void vx_sip_metrics_render(void *ctx, struct vx_buf *out) {
    const struct vx_sip_metrics *m = ctx;

    single(out, "calls", "gauge", &m->calls, "Calls now, but for those that they dial.");
    single(out, "legs", "gauge", &m->legs,
           "Legs now, with those that have ended and whose far end has not agreed yet.");
    describe(out, "invites_refused_total", "counter", "INVITEs turned away unseen, by reason.");
    row(out, "invites_refused_total", "{reason=\"sip-max-calls\"}", &m->refused_full);
    row(out, "invites_refused_total", "{reason=\"stopping\"}", &m->refused_stopping);
    row(out, "invites_refused_total", "{reason=\"memory\"}", &m->refused_memory);
    single(out, "commands_total", "counter", &m->commands, "Commands of the API that SIP took.");
    describe(out, "commands_refused_total", "counter",
             "Commands of the API turned away, by reason.");
    row(out, "commands_refused_total", "{reason=\"sip-max-commands\"}", &m->commands_full);
    row(out, "commands_refused_total", "{reason=\"sip-max-calls\"}", &m->originate_full);
    row(out, "commands_refused_total", "{reason=\"sip-max-redirects\"}", &m->redirects_full);
    row(out, "commands_refused_total", "{reason=\"stopping\"}", &m->commands_stopping);
    row(out, "commands_refused_total", "{reason=\"memory\"}", &m->commands_memory);
    describe(
        out, "timeouts_total", "counter",
        "Calls ended by a limit: not answered in time (ring), at the end of their time "
        "(answer), or their peer was gone (session: no refresh, no ACK, or an answer that says "
        "so); and what was waited for in vain: the answer to a hold (hold), how a redirection "
        "went, when it is asked for again (redirect).");
    row(out, "timeouts_total", "{kind=\"ring\"}", &m->ring_timeouts);
    row(out, "timeouts_total", "{kind=\"answer\"}", &m->time_limits);
    row(out, "timeouts_total", "{kind=\"session\"}", &m->lost);
    row(out, "timeouts_total", "{kind=\"hold\"}", &m->hold_timeouts);
    row(out, "timeouts_total", "{kind=\"redirect\"}", &m->redirect_timeouts);
    describe(out, "challenges_total", "counter",
             "Challenges (401, 407) of far ends: answered with credentials, refused as those had "
             "been answered with already, or unknown: there are no credentials for the call, or "
             "the challenge is none of MD5 or SHA-256.");
    row(out, "challenges_total", "{answer=\"sent\"}", &m->challenges_answered);
    row(out, "challenges_total", "{answer=\"refused\"}", &m->challenges_refused);
    row(out, "challenges_total", "{answer=\"none\"}", &m->challenges_unknown);
    single(out, "too_large_total", "counter", &m->too_large,
           "Messages over sip-max-message-bytes.");
    single(out, "connections", "gauge", &m->connections, "TCP connections now.");
    single(out, "connections_refused_total", "counter", &m->connections_refused,
           "TCP connections over sip-max-connections.");
    single(out, "connections_idle_total", "counter", &m->connections_idle,
           "TCP connections closed after sip-tcp-idle-seconds.");
}
