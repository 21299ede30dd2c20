/* The transport's rows of /metrics (Prometheus text format). */
#include "net/net_private.h"

#include <inttypes.h>

static uint64_t get(const atomic_uint_fast64_t *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void describe(struct vx_buf *out, const char *name, const char *type, const char *help) {
    vx_buf_printf(out, "# HELP voxeme_http_%s %s\n# TYPE voxeme_http_%s %s\n", name, help, name,
                  type);
}

static void single(struct vx_buf *out, const char *name, const char *type,
                   const atomic_uint_fast64_t *counter, const char *help) {
    describe(out, name, type, help);
    vx_buf_printf(out, "voxeme_http_%s %" PRIu64 "\n", name, get(counter));
}

static void row(struct vx_buf *out, const char *name, const char *label, const char *value,
                const atomic_uint_fast64_t *counter) {
    vx_buf_printf(out, "voxeme_http_%s{%s=\"%s\"} %" PRIu64 "\n", name, label, value, get(counter));
}

static void render_codes(struct vx_buf *out, const struct vx_net_metrics *m) {
    describe(out, "requests_total", "counter", "Requests answered, by status.");
    for (size_t code = 0; code < sizeof m->codes / sizeof *m->codes; code++)
        if (get(&m->codes[code]))
            vx_buf_printf(out, "voxeme_http_requests_total{code=\"%zu\"} %" PRIu64 "\n", code,
                          get(&m->codes[code]));
}

static void add_up(const struct vx_server *server, struct vx_net_metrics *sum) {
    atomic_uint_fast64_t *to = (atomic_uint_fast64_t *)(void *)sum;

    for (size_t i = 0; i < server->count; i++) {
        const struct vx_net_metrics *m = &server->workers[i]->metrics;
        const atomic_uint_fast64_t *from = (const atomic_uint_fast64_t *)(const void *)m;

        for (size_t n = 0; n < sizeof *m / sizeof *from; n++)
            vx_count(&to[n], get(&from[n]));
    }
}

static void render_threads(struct vx_buf *out, const struct vx_server *server) {
    describe(out, "thread_connections", "gauge",
             "Client connections now, by the thread that serves them.");
    for (size_t i = 0; i < server->count; i++)
        vx_buf_printf(out, "voxeme_http_thread_connections{thread=\"%zu\"} %" PRIu64 "\n", i + 1,
                      get(&server->workers[i]->metrics.connections));
}

void vx_net_metrics_render(void *ctx, struct vx_buf *out) {
    const struct vx_server *server = ctx;
    struct vx_net_metrics sum = {0}, *m = &sum;

    add_up(server, m);
    render_codes(out, m);
    single(out, "connections", "gauge", &m->connections, "Client connections now.");
    render_threads(out, server);
    single(out, "connections_total", "counter", &m->connections_total, "Connections accepted.");
    describe(out, "refused_total", "counter", "Connections turned away, by reason.");
    row(out, "refused_total", "reason", "max-connections", &m->refused_full);
    row(out, "refused_total", "reason", "file-descriptors", &m->refused_descriptors);
    row(out, "refused_total", "reason", "setup", &m->refused_setup);
    describe(out, "timeouts_total", "counter",
             "Connections closed because a request (header) did not arrive whole in time, none "
             "came (idle), or an answer was not taken at all (write) or too slowly (slow), "
             "or a stream's client did not answer pings (ping).");
    row(out, "timeouts_total", "kind", "header", &m->timeouts[VX_TIMEOUT_HEADER]);
    row(out, "timeouts_total", "kind", "idle", &m->timeouts[VX_TIMEOUT_IDLE]);
    row(out, "timeouts_total", "kind", "write", &m->timeouts[VX_TIMEOUT_WRITE]);
    row(out, "timeouts_total", "kind", "slow", &m->too_slow);
    row(out, "timeouts_total", "kind", "ping", &m->timeouts[VX_TIMEOUT_PING]);
    describe(out, "too_large_total", "counter", "Requests over a size limit, by what was.");
    row(out, "too_large_total", "kind", "header", &m->too_large_header);
    row(out, "too_large_total", "kind", "body", &m->too_large_body);
    row(out, "too_large_total", "kind", "memory", &m->too_large_memory);
    row(out, "too_large_total", "kind", "query", &m->too_large_query);
    single(out, "malformed_total", "counter", &m->malformed, "Requests that were not HTTP.");
    single(out, "loop_failures_total", "counter", &m->loop_failures,
           "Turns of the network loop that failed.");
    single(out, "half_closed_total", "counter", &m->half_closed,
           "Clients that closed their side, or went, while their long poll was held.");
    single(out, "request_memory_bytes", "gauge", &server->body_memory,
           "Memory held by requests whose body is still arriving.");
    single(out, "held_requests", "gauge", &m->held, "Long polls waiting for a change now.");
    describe(out, "streams", "gauge", "Live feeds open now, by kind.");
    row(out, "streams", "kind", "websocket", &m->streams[0]);
    row(out, "streams", "kind", "events", &m->streams[1]);
    single(out, "streams_total", "counter", &m->streams_total, "Live feeds opened.");
    single(out, "messages_sent_total", "counter", &m->messages_sent,
           "Messages sent to live feeds.");
    describe(out, "streams_refused_total", "counter",
             "Live feeds closed because of what their client sent: frames that are none or too "
             "large (malformed), or too many (flooding).");
    row(out, "streams_refused_total", "reason", "malformed", &m->streams_malformed);
    row(out, "streams_refused_total", "reason", "flooding", &m->streams_flooding);
    single(out, "streams_cut_total", "counter", &m->streams_cut,
           "Live feeds closed because their client was at one message for long while the others of "
           "its account waited for memory.");
    single(out, "bytes_received_total", "counter", &m->received, "Bytes received, without TLS.");
    single(out, "bytes_sent_total", "counter", &m->sent, "Bytes sent, without TLS.");
}
