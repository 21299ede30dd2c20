#include "host/freeswitch/fs_leave.h"

#include "core/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SECOND_US INT64_C(1000000)

#define TIMEOUT_AT "voxeme_timeout_at"
#define LIMIT_AT   "voxeme_limit_at"

int64_t vx_fs_up_us(switch_channel_t *channel) {
    switch_caller_profile_t *profile = switch_channel_get_caller_profile(channel);
    int64_t answered = profile && profile->times ? (int64_t)profile->times->answered : 0;
    int64_t up = answered > 0 ? (int64_t)switch_micro_time_now() - answered : 0;

    return up > 0 ? up : 0;
}

/* The first second that does not begin sooner. What is not in the future FreeSWITCH takes for
 * something that comes again. */
static int64_t in_seconds(int64_t us) {
    int64_t now = (int64_t)switch_micro_time_now(), at = now + us;
    int64_t soonest = now / SECOND_US + 1;

    at = (at + SECOND_US - 1) / SECOND_US;
    return at > soonest ? at : soonest;
}

static void set(switch_channel_t *channel, const char *variable, const char *text) {
    switch_channel_set_variable_var_check(channel, variable, text, SWITCH_FALSE);
}

static void set_end(switch_channel_t *channel, bool limit, struct vx_fs_end *end, int64_t in_us) {
    char text[24];

    *end = (struct vx_fs_end){in_seconds(in_us), limit};
    snprintf(text, sizeof text, "%" PRId64, end->at_s);
    set(channel, limit ? LIMIT_AT : TIMEOUT_AT, text);
}

/* An answer takes the timeout back and sets the limit: FreeSWITCH counts from the second that the
 * answer falls into, and is not to end the call before its time. */
static void leave_unanswered(switch_channel_t *channel, struct vx_fs_end *end, int64_t timeout_us,
                             unsigned limit_s) {
    char text[64];

    if (limit_s) {
        snprintf(text, sizeof text, "sched_hangup +%u ALLOTTED_TIMEOUT", limit_s + 1);
        set(channel, "execute_on_answer_3", text);
    }
    if (timeout_us == INT64_MAX)
        return;
    set(channel, "execute_on_answer_2", "unset " TIMEOUT_AT);
    set_end(channel, false, end, timeout_us);
}

/* It may be answered at any moment: where FreeSWITCH and this both see to it, it is done twice,
 * which does no harm. */
bool vx_fs_leave(struct vx_fs_end *end, const struct vx_uuid *call_sid, int64_t timeout_us,
                 unsigned limit_s) {
    char uuid[VX_UUID_TEXT + 1];
    switch_core_session_t *session;
    switch_channel_t *channel;

    *end = (struct vx_fs_end){0};
    vx_uuid_format(uuid, call_sid);
    session = switch_core_session_locate(uuid);
    if (!session)
        return false;
    channel = switch_core_session_get_channel(session);
    if (!switch_channel_test_flag(channel, CF_ANSWERED))
        leave_unanswered(channel, end, timeout_us, limit_s);
    if (switch_channel_test_flag(channel, CF_ANSWERED)) {
        *end = (struct vx_fs_end){0};
        set(channel, TIMEOUT_AT, NULL);
        if (limit_s)
            set_end(channel, true, end, limit_s * SECOND_US - vx_fs_up_us(channel));
    }
    switch_core_session_rwunlock(session);
    return end->at_s != 0;
}

/* Since the call was told, its second may have passed. */
static void schedule(const struct vx_fs_end *end) {
    switch_stream_handle_t stream = {0};
    int64_t soonest = in_seconds(0);
    char text[160];

    snprintf(text, sizeof text, "%" PRId64 " mod_voxeme hupall %s %s %" PRId64,
             end->at_s > soonest ? end->at_s : soonest,
             end->limit ? "ALLOTTED_TIMEOUT" : "NO_ANSWER", end->limit ? LIMIT_AT : TIMEOUT_AT,
             end->at_s);
    SWITCH_STANDARD_STREAM(stream);
    if (switch_api_execute("sched_api", text, NULL, &stream) != SWITCH_STATUS_SUCCESS)
        vx_log(VX_LOG_ERROR, "calls do not end by themselves: FreeSWITCH has no mod_commands");
    switch_safe_free(stream.data);
}

static int by_second(const void *a, const void *b) {
    const struct vx_fs_end *x = a, *y = b;

    if (x->limit != y->limit)
        return x->limit - y->limit;
    return (x->at_s > y->at_s) - (x->at_s < y->at_s);
}

void vx_fs_leave_schedule(struct vx_fs_end *ends, size_t count) {
    qsort(ends, count, sizeof *ends, by_second);
    for (size_t i = 0; i < count; i++)
        if (!i || by_second(&ends[i - 1], &ends[i]) != 0)
            schedule(&ends[i]);
}
