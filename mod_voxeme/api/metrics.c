/* GET /metrics: the Prometheus text exposition format, version 0.0.4. */
#include "api/api_private.h"
#include "core/alloc.h"
#include "core/stock.h"

#include <inttypes.h>

static void row(struct vx_buf *out, const char *name, const char *type, uint64_t value,
                const char *help) {
    vx_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n", name, help, name, type, name,
                  value);
}

static void render_calls(struct exchange *x, struct vx_buf *out) {
    struct vx_counts live = vx_scope_counts(x->api->all->scope);

    vx_buf_puts(out, "# HELP voxeme_calls Calls in the registry.\n# TYPE voxeme_calls gauge\n");
    vx_buf_printf(out,
                  "voxeme_calls{state=\"live\",direction=\"inbound\"} %" PRIu64 "\n"
                  "voxeme_calls{state=\"live\",direction=\"outbound\"} %" PRIu64 "\n"
                  "voxeme_calls{state=\"ended\",direction=\"inbound\"} %" PRIu64 "\n"
                  "voxeme_calls{state=\"ended\",direction=\"outbound\"} %" PRIu64 "\n",
                  live.live_inbound, live.live_outbound, live.ended_inbound, live.ended_outbound);
}

static void render_ended(const struct vx_registry_stats *s, struct vx_buf *out) {
    vx_buf_puts(out, "# HELP voxeme_calls_ended_total Calls that ended, by their final status.\n"
                     "# TYPE voxeme_calls_ended_total counter\n");
    for (enum vx_call_status status = VX_CALL_COMPLETED; status < VX_CALL_STATUS_COUNT; status++)
        vx_buf_printf(out, "voxeme_calls_ended_total{status=\"%s\"} %" PRIu64 "\n",
                      vx_call_status_name(status), s->ended[status]);
}

static void render_registry(struct exchange *x, struct vx_buf *out) {
    struct vx_registry_stats s;
    struct vx_stock_stats stock;

    vx_registry_stats(x->api->registry, &s);
    render_calls(x, out);
    row(out, "voxeme_calls_unassigned", "gauge", s.unassigned,
        "Calls in the registry that belong to no account.");
    row(out, "voxeme_calls_created_total", "counter", s.created, "Calls taken into the registry.");
    render_ended(&s, out);
    row(out, "voxeme_calls_expired_total", "counter", s.expired,
        "Calls removed at the end of their retention.");
    row(out, "voxeme_removals_forgotten_total", "counter", s.forgotten,
        "Removed calls that ?since= no longer knows of because of max-removed.");
    row(out, "voxeme_hooks_forgotten_total", "counter", s.hooks_forgotten,
        "Hooks of new calls that were forgotten before the server had told of the call.");
    row(out, "voxeme_calls_lost_total", "counter", s.lost, "Calls that an audit ended as lost.");
    row(out, "voxeme_calls_moved_total", "counter", s.moved,
        "Calls that a later, stronger match moved to another account.");
    row(out, "voxeme_calls_refused_total", "counter", s.full,
        "Calls not kept because the registry holds max-calls.");
    row(out, "voxeme_calls_refused_memory_total", "counter", s.full_memory,
        "Calls not kept because calls hold max-call-memory.");
    row(out, "voxeme_call_memory_bytes", "gauge", s.memory,
        "Memory held by calls, their JSON included.");
    vx_stock_stats(&stock);
    row(out, "voxeme_stock_bytes", "gauge", stock.bytes,
        "Memory kept ready for new calls and changes.");
    row(out, "voxeme_stock_missed_total", "counter", stock.missed,
        "Times that there was none ready of the size wanted.");
    row(out, "voxeme_events_total", "counter", s.events, "Events applied.");
    row(out, "voxeme_events_unchanged_total", "counter", s.unchanged,
        "Events that told nothing new.");
    row(out, "voxeme_events_refused_total", "counter", s.refused,
        "Events of unknown calls that told too little to keep.");
    row(out, "voxeme_events_no_memory_total", "counter", s.no_memory,
        "Events lost because memory was short.");
    row(out, "voxeme_fields_truncated_total", "counter", s.truncated,
        "Texts cut at max-field-bytes.");
    row(out, "voxeme_untrusted_headers_total", "counter", s.untrusted_headers,
        "X-Account-Sid headers from sources that may not choose an account.");
    row(out, "voxeme_unknown_accounts_total", "counter", s.unknown_accounts,
        "Account sids given by a variable or a header that name no account.");
}

static void render_keys(const struct vx_key_totals *t, struct vx_buf *out) {
    row(out, "voxeme_idempotency_keys", "gauge", atomic_load(&t->count),
        "Idempotency-Keys whose answer is kept.");
    row(out, "voxeme_idempotency_memory_bytes", "gauge", atomic_load(&t->memory),
        "Memory held by Idempotency-Keys and their answers.");
    row(out, "voxeme_idempotency_replayed_total", "counter", atomic_load(&t->replayed),
        "Requests that got the answer of an earlier one with their key.");
    row(out, "voxeme_idempotency_in_progress_total", "counter", atomic_load(&t->in_progress),
        "Requests whose key was that of one not answered yet.");
    row(out, "voxeme_idempotency_reused_total", "counter", atomic_load(&t->reused),
        "Requests whose key had come with another body.");
    vx_buf_puts(out, "# HELP voxeme_idempotency_refused_total Requests whose key could not be "
                     "kept, by the limit in the way.\n"
                     "# TYPE voxeme_idempotency_refused_total counter\n");
    vx_buf_printf(out,
                  "voxeme_idempotency_refused_total{limit=\"account-keys\"} %" PRIu64 "\n"
                  "voxeme_idempotency_refused_total{limit=\"account-memory\"} %" PRIu64 "\n"
                  "voxeme_idempotency_refused_total{limit=\"keys\"} %" PRIu64 "\n"
                  "voxeme_idempotency_refused_total{limit=\"memory\"} %" PRIu64 "\n",
                  atomic_load(&t->over_account), atomic_load(&t->over_account_memory),
                  atomic_load(&t->over_all), atomic_load(&t->over_all_memory));
}

static void render_gzip(const struct vx_gzip *gzip, struct vx_buf *out) {
    uint64_t in, compressed;

    vx_gzip_counted_bytes(gzip, &in, &compressed);
    row(out, "voxeme_gzip_lists_total", "counter", vx_gzip_counted(gzip, VX_GZIP_DONE),
        "Lists answered in gzip.");
    row(out, "voxeme_gzip_input_bytes_total", "counter", in,
        "Bytes of lists compressed; what has not changed is compressed once.");
    row(out, "voxeme_gzip_output_bytes_total", "counter", compressed, "What they became.");
    vx_buf_puts(out, "# HELP voxeme_gzip_refused_total Lists sent as they are to clients that take "
                     "gzip: over gzip-bytes-per-second or changing faster, too large, no memory.\n"
                     "# TYPE voxeme_gzip_refused_total counter\n");
    vx_buf_printf(out,
                  "voxeme_gzip_refused_total{reason=\"busy\"} %" PRIu64 "\n"
                  "voxeme_gzip_refused_total{reason=\"large\"} %" PRIu64 "\n"
                  "voxeme_gzip_refused_total{reason=\"memory\"} %" PRIu64 "\n",
                  vx_gzip_counted(gzip, VX_GZIP_BUSY), vx_gzip_counted(gzip, VX_GZIP_LARGE),
                  vx_gzip_counted(gzip, VX_GZIP_NO_MEMORY));
}

static void render_api(struct exchange *x, struct vx_buf *out) {
    const struct vx_api *api = x->api;

    row(out, "voxeme_requests_unauthorized_total", "counter", atomic_load(&api->unauthorized),
        "Requests without or with an unknown token.");
    row(out, "voxeme_requests_forbidden_total", "counter", atomic_load(&api->forbidden),
        "Requests for what their token may not see.");
    row(out, "voxeme_requests_limited_total", "counter", atomic_load(&api->limited),
        "Requests over their account's rate limit.");
    row(out, "voxeme_streams_limited_total", "counter", atomic_load(&api->streams_limited),
        "Live feeds refused because their account had max-streams-per-account.");
    row(out, "voxeme_requests_held_total", "counter", atomic_load(&api->held),
        "Requests held until something changes.");
    render_keys(&api->key_totals, out);
    row(out, "voxeme_response_memory_bytes", "gauge", vx_body_memory(),
        "Memory held by answers being built, kept or sent.");
    row(out, "voxeme_responses_refused_total", "counter", vx_body_refused(),
        "Answers not made because of max-response-memory or max-account-response-memory.");
    row(out, "voxeme_response_files", "gauge", vx_body_files(),
        "Answers kept as files in memory now.");
    row(out, "voxeme_response_files_total", "counter", vx_body_files_made(),
        "Answers for which such a file was made.");
    row(out, "voxeme_response_files_crowded_total", "counter", vx_body_files_crowded(),
        "Answers copied because max-response-files were in use.");
    row(out, "voxeme_response_file_failures_total", "counter", vx_body_file_failures(),
        "Answers copied because a file could not be made, written or sent.");
    render_gzip(api->gzip, out);
    row(out, "voxeme_allocation_failures_total", "counter", vx_alloc_failures(),
        "Allocations that failed.");
}

void vx_get_metrics(struct exchange *x) {
    struct vx_buf out = {0};

    if (!vx_expire_due(x)) {
        vx_buf_free(&out);
        return;
    }
    render_registry(x, &out);
    render_api(x, &out);
    for (size_t i = 0; i < x->api->hook_count; i++)
        x->api->hooks[i].render(x->api->hooks[i].ctx, &out);
    vx_answer(x, 200, "text/plain; version=0.0.4; charset=utf-8", &out);
}
