/* What SIP counts: a counter for each limit, for /metrics. */
#ifndef VX_HOST_SIP_SIP_METRICS_H
#define VX_HOST_SIP_SIP_METRICS_H

#include "core/buf.h"

#include <stdatomic.h>

/* All zero at first. Written on the SIP thread, read on any. */
struct vx_sip_metrics {
    atomic_uint_fast64_t calls; /* gauge: inbound and originated ones */
    atomic_uint_fast64_t legs;  /* gauge: all, those that are over and not yet given back as well */
    atomic_uint_fast64_t commands, commands_full, commands_stopping, commands_memory;
    atomic_uint_fast64_t originate_full, redirects_full;
    atomic_uint_fast64_t refused_full, refused_stopping, refused_memory;
    atomic_uint_fast64_t ring_timeouts, time_limits, lost, hold_timeouts, redirect_timeouts;
    atomic_uint_fast64_t challenges_answered, challenges_refused, challenges_unknown;
    atomic_uint_fast64_t too_large;
    atomic_uint_fast64_t connections; /* gauge: TCP, theirs and ours */
    atomic_uint_fast64_t connections_refused, connections_idle;
};

static inline void vx_sip_count(atomic_uint_fast64_t *counter) {
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* For vx_api_add_metrics(); `ctx` is the struct. */
void vx_sip_metrics_render(void *ctx, struct vx_buf *out);

#endif
