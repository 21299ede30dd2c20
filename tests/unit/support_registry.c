/* A registry of two accounts, and looks at what it holds. */
#include "support.h"

void vx_test_world_open(struct vx_test_world *w, const char *settings) {
    vx_test_capture_log();
    *w = (struct vx_test_world){.config = vx_test_config(settings)};
    vx_test_time_init(&w->time);
    assert_non_null(w->config);
    w->registry = vx_registry_new(w->config, &w->time.clock);
    assert_non_null(w->registry);
    assert_true(vx_registry_set_service_url(w->registry, "http://172.31.32.144:3000"));
    struct vx_uuid sid = vx_test_uuid(ALPHA_SID);
    w->alpha = vx_registry_account(w->registry, &sid);
    sid = vx_test_uuid(BETA_SID);
    w->beta = vx_registry_account(w->registry, &sid);
    w->all = vx_registry_all(w->registry);
    assert_non_null(w->alpha);
    assert_non_null(w->beta);
    assert_non_null(w->all);
}

static uint64_t sum(struct vx_counts c) {
    return c.live_inbound + c.live_outbound + c.ended_inbound + c.ended_outbound;
}

void vx_test_world_close(struct vx_test_world *w) {
    uint64_t all = vx_test_count(w->all);
    uint64_t alpha = vx_test_count(w->alpha);
    uint64_t beta = vx_test_count(w->beta);
    struct vx_registry_stats stats;
    vx_registry_stats(w->registry, &stats);
    assert_int_equal(all, stats.calls);
    assert_int_equal(all, alpha + beta + stats.unassigned);
    /* Calls of unknown direction are in no count. */
    assert_true(sum(vx_scope_counts(w->all)) <= all);
    assert_true(sum(vx_scope_counts(w->alpha)) <= alpha);
    assert_true(sum(vx_scope_counts(w->beta)) <= beta);

    vx_scope_release(&w->alpha);
    vx_scope_release(&w->beta);
    vx_scope_release(&w->all);
    assert_null(w->all);
    vx_registry_release(&w->registry);
    assert_null(w->registry);
    vx_config_release(&w->config);
}

struct vx_event vx_test_event_of(const char *account, enum vx_event_type type, unsigned n) {
    return (struct vx_event){
        .type = type,
        .direction = VX_INBOUND,
        .call_sid = vx_test_sid(n),
        .call_id = VX_STR("a173fe94-3be1-123a-28b2-0efdfb356c0d"),
        .from = VX_STR("15083728299"),
        .to = VX_STR("15083084809"),
        .caller_name = VX_STR(""),
        .evidence.variable = vx_str(account),
    };
}

struct vx_event vx_test_event(enum vx_event_type type, unsigned n) {
    return vx_test_event_of(ALPHA_SID, type, n);
}

enum vx_applied vx_test_apply(struct vx_test_world *w, enum vx_event_type type, unsigned n) {
    struct vx_event event = vx_test_event(type, n);
    return vx_registry_apply(w->registry, &event);
}

void vx_test_expect(struct vx_scope *scope, unsigned n, enum vx_call_status status,
                    unsigned sip_status) {
    struct vx_uuid sid = vx_test_sid(n);
    struct vx_snapshot *call = vx_scope_find(scope, &sid);
    assert_non_null(call);
    struct vx_call_fields fields;
    vx_snapshot_fields(call, &fields);
    vx_snapshot_release(&call);
    assert_string_equal(vx_call_status_name(fields.status), vx_call_status_name(status));
    assert_int_equal(fields.sip_status, sip_status);
}

bool vx_test_has(struct vx_scope *scope, unsigned n) {
    struct vx_uuid sid = vx_test_sid(n);
    struct vx_snapshot *call = vx_scope_find(scope, &sid);
    bool found = call != NULL;
    vx_snapshot_release(&call);
    return found;
}

size_t vx_test_count(struct vx_scope *scope) {
    struct vx_feed *feed = vx_feed_open(scope);
    assert_non_null(feed);
    struct vx_change changes[16];
    size_t n, calls = 0;
    uint64_t revision;
    bool restarted = false;
    while ((n = vx_feed_pull(feed, changes, 16, &revision, &restarted)) > 0) {
        if (restarted)
            calls = 0;
        for (size_t i = 0; i < n; i++) {
            calls += changes[i].call != NULL;
            vx_snapshot_release(&changes[i].call);
        }
    }
    vx_feed_close(&feed);
    assert_null(feed);
    return calls;
}

uint64_t vx_test_calls(struct vx_test_world *w) {
    struct vx_registry_stats stats;
    vx_registry_stats(w->registry, &stats);
    return stats.calls;
}

struct vx_str vx_test_json(struct vx_snapshot *call) {
    static _Thread_local char text[65536];
    size_t len = vx_snapshot_json_len(call);
    assert_true(len <= sizeof text);
    if (!vx_snapshot_render(call))
        return VX_NONE;
    assert_ptr_equal(vx_snapshot_put_json(call, text), text + len);
    return (struct vx_str){text, len};
}
