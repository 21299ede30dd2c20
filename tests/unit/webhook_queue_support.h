/* A queue of webhooks whose clock is the test's. */
#ifndef VX_TEST_WEBHOOK_QUEUE_H
#define VX_TEST_WEBHOOK_QUEUE_H

#include "net/webhook_queue.h"
#include "support.h"

static struct vx_webhook_queue *q;
static int64_t now;

static const struct vx_webhook_limits usual = {.queued = 100,
                                               .queued_total = 1000,
                                               .memory = SIZE_MAX,
                                               .requests = 2,
                                               .requests_total = 4,
                                               .attempts = 8,
                                               .max_age_us = 600 * VX_SECOND_US};

static inline void open_queue(struct vx_webhook_limits limits) {
    now = 1000 * VX_SECOND_US;
    q = vx_webhook_queue_new(42);
    assert_non_null(q);
    vx_webhook_queue_limit(q, &limits);
}

static inline void close_queue(void) {
    vx_webhook_queue_release(&q);
    assert_null(q);
    assert_int_equal(vx_snapshots_memory(), 0);
}

static inline struct vx_snapshot *status(unsigned account, unsigned call, enum vx_call_status s) {
    struct vx_call_fields f = {.call_sid = vx_test_sid(call),
                               .account_sid = vx_test_sid(1000 + account),
                               .status = s,
                               .service_url = ""};
    return vx_snapshot_new(&f);
}

static inline void add(unsigned account, unsigned call, enum vx_call_status s) {
    struct vx_snapshot *snapshot = status(account, call, s);
    assert_non_null(snapshot);
    vx_webhook_queue_add(q, snapshot, now);
}

static inline struct vx_delivery *start(void) {
    return vx_webhook_queue_start(q, now);
}

static inline struct vx_delivery *starts(unsigned call, enum vx_call_status s) {
    struct vx_delivery *d = start();
    assert_non_null(d);
    struct vx_uuid sid = vx_test_sid(call);
    assert_memory_equal(vx_snapshot_sid(vx_delivery_call(d)), &sid, sizeof sid);
    assert_int_equal(vx_snapshot_status(vx_delivery_call(d)), s);
    return d;
}

static inline enum vx_receiver_turn end(struct vx_delivery *d, enum vx_attempt how) {
    return vx_webhook_queue_end(q, d, how, VX_LOSS_REFUSED, now);
}

/* The next one, whenever that is. */
static inline struct vx_delivery *await(void) {
    struct vx_delivery *d;
    while (!(d = start())) {
        assert_true(vx_webhook_queue_idle(q));
        assert_in_range(vx_webhook_queue_due(q), now + 1, now + 60 * VX_SECOND_US);
        now = vx_webhook_queue_due(q);
    }
    return d;
}

static inline uint64_t lost(enum vx_webhook_loss why) {
    return vx_webhook_queue_lost(q, why);
}

static const struct vx_webhook_limits many = {.queued = 10000,
                                              .queued_total = 100000,
                                              .memory = SIZE_MAX,
                                              .requests = 8,
                                              .requests_total = 256,
                                              .attempts = 8,
                                              .max_age_us = 600 * VX_SECOND_US};

static inline struct vx_snapshot *status_to(const char *url, unsigned account, unsigned call,
                                            enum vx_call_status s) {
    const struct vx_hook_fields fields = {.url = vx_str(url)};
    struct vx_hook *hook = vx_hook_new(&fields);
    struct vx_call_fields f = {.call_sid = vx_test_sid(call),
                               .account_sid = vx_test_sid(1000 + account),
                               .status = s,
                               .service_url = "",
                               .hook = hook};
    struct vx_snapshot *snapshot = vx_snapshot_new(&f);
    vx_hook_release(&hook);
    return snapshot;
}

static inline void add_to(const char *url, unsigned account, unsigned call, enum vx_call_status s) {
    struct vx_snapshot *snapshot = status_to(url, account, call, s);
    assert_non_null(snapshot);
    vx_webhook_queue_add(q, snapshot, now);
}

#endif
