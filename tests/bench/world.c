#include "world.h"

#include "core/alloc.h"
#include "core/config_reader.h"
#include "core/log.h"
#include "hist.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define ANSWERED_US    INT64_C(3200000)    /* after the attempt */
#define FIRST_SEQUENCE (UINT64_C(1) << 40) /* of all but bench_touch() */

static uint64_t mixed(uint64_t n) {
    n += UINT64_C(0x9e3779b97f4a7c15);
    n = (n ^ (n >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    n = (n ^ (n >> 27)) * UINT64_C(0x94d049bb133111eb);
    return n ^ (n >> 31);
}

static struct vx_uuid uuid_of(uint64_t number) {
    uint64_t half[2] = {mixed(number), mixed(~number)};
    struct vx_uuid u;

    memcpy(u.b, half, sizeof u.b);
    u.b[6] = (uint8_t)(0x40 | (u.b[6] & 0x0f));
    u.b[8] = (uint8_t)(0x80 | (u.b[8] & 0x3f));
    return u;
}

/* --- configuration --- */

static bool element(struct vx_config_reader *r, const char *name, const char *const *attributes) {
    return vx_config_reader_begin(r, name, attributes, 0) && vx_config_reader_end(r, name, 0);
}

static bool read_setting(struct vx_config_reader *r, const char *setting) {
    char name[64];
    const char *value = strchr(setting, '=');
    const char *const attributes[] = {"name", name, "value", value ? value + 1 : "", NULL};

    snprintf(name, sizeof name, "%.*s", value ? (int)(value - setting) : 0, setting);
    return element(r, "param", attributes);
}

static bool read_settings(struct vx_config_reader *r, const struct bench_plan *plan) {
    static const char *const usual[] = {"listen=127.0.0.1:0", "rate-limit-per-minute=0",
                                        "max-connections=20000", "max-calls=4000000",
                                        "max-streams-per-account=20000"};
    static const char *const none[] = {NULL};
    bool good = vx_config_reader_begin(r, "settings", none, 0);

    for (size_t i = 0; good && i < sizeof usual / sizeof *usual; i++)
        good = read_setting(r, usual[i]);
    for (size_t i = 0; good && i < plan->setting_count; i++)
        good = read_setting(r, plan->settings[i]);
    return good && vx_config_reader_end(r, "settings", 0);
}

static bool read_account(struct vx_config_reader *r, struct bench_account *a) {
    char hash[65];
    const char *const account[] = {"sid", a->sid_text, NULL}, *const token[] = {"sha256", hash,
                                                                                NULL};

    return vx_token_make(a->token, hash) && vx_config_reader_begin(r, "account", account, 0) &&
           element(r, "token", token) && vx_config_reader_end(r, "account", 0);
}

static bool read_all(struct vx_config_reader *r, struct bench_world *w,
                     const struct bench_plan *plan) {
    static const char *const none[] = {NULL}, *const root[] = {"name", "voxeme.conf", NULL};
    bool good = vx_config_reader_begin(r, "configuration", root, 0) && read_settings(r, plan) &&
                vx_config_reader_begin(r, "accounts", none, 0);

    for (size_t i = 0; good && i < w->account_count; i++)
        good = read_account(r, &w->accounts[i]);
    return good && vx_config_reader_end(r, "accounts", 0) &&
           vx_config_reader_end(r, "configuration", 0);
}

static struct vx_config *make_config(struct bench_world *w, const struct bench_plan *plan) {
    struct vx_config_reader *reader = vx_config_reader_new("bench", NULL);
    struct vx_config *config = NULL;

    if (reader && read_all(reader, w, plan))
        config = vx_config_reader_finish(reader);
    if (!config && reader)
        fprintf(stderr, "%s\n", vx_config_reader_error(reader));
    vx_config_reader_release(&reader);
    return config;
}

/* --- the world --- */

static bool make_accounts(struct bench_world *w, const struct bench_plan *plan) {
    uint64_t first = 0;

    w->account_count = plan->listed + plan->others;
    w->accounts = calloc(w->account_count, sizeof *w->accounts);
    for (size_t i = 0; w->accounts && i < w->account_count; i++) {
        struct bench_account *a = &w->accounts[i];

        a->sid = uuid_of(UINT64_C(0xacc0000000000000) + i);
        vx_uuid_format(a->sid_text, &a->sid);
        a->calls = i < plan->listed ? plan->calls[i] : plan->other_calls;
        a->first = first;
        first += a->calls;
    }
    return w->accounts != NULL;
}

static void log_line(void *ctx, enum vx_log_level level, const char *line) {
    (void)ctx;
    if (level <= VX_LOG_WARNING)
        fprintf(stderr, "%s\n", line);
}

bool bench_world_open(struct bench_world *w, const struct bench_plan *plan) {
    const struct vx_clock *clock = plan->clock ? plan->clock : &vx_clock_system;

    memset(w, 0, sizeof *w);
    atomic_init(&w->sequence, FIRST_SEQUENCE - 1);
    vx_log_to(log_line, NULL);
    if (make_accounts(w, plan) && (w->config = make_config(w, plan)) &&
        (w->registry = vx_registry_new(w->config, clock)) &&
        (w->api = vx_api_new(w->registry, w->config, clock)))
        return vx_registry_set_service_url(w->registry, "http://172.31.32.144:3000");
    fprintf(stderr, "the registry could not be made\n");
    return false;
}

void bench_world_close(struct bench_world *w) {
    vx_api_release(&w->api);
    vx_registry_release(&w->registry);
    vx_config_release(&w->config);
    free(w->accounts);
}

void bench_event(struct bench_event *e, const struct bench_world *w, size_t account,
                 uint64_t number, enum vx_event_type type) {
    struct vx_uuid id = uuid_of(number ^ UINT64_C(0xca11) << 48);

    memset(&e->event, 0, sizeof e->event);
    snprintf(e->from, sizeof e->from, "1508%07u", (unsigned)(number % 10000000));
    snprintf(e->to, sizeof e->to, "1617%07u", (unsigned)(number / 7 % 10000000));
    vx_uuid_format(e->call_id, &id);
    e->event.type = type;
    e->event.direction = number % 2 ? VX_OUTBOUND : VX_INBOUND;
    e->event.call_sid = uuid_of(number);
    e->event.call_id = vx_str(e->call_id);
    e->event.from = vx_str(e->from);
    e->event.to = vx_str(e->to);
    e->event.caller_name = VX_STR("");
    e->event.attempted_us = INT64_C(1622377344123456) + (int64_t)(number % 100000000) * 1000;
    e->event.sequence = FIRST_SEQUENCE;
    e->event.evidence.variable = vx_str(w->accounts[account].sid_text);
    if (type == VX_EVENT_ANSWER)
        e->event.answered_us = e->event.attempted_us + ANSWERED_US;
    if (type == VX_EVENT_HANGUP)
        e->event.cause = VX_STR("NORMAL_CLEARING");
}

void bench_touch(struct bench_event *e, struct bench_world *w, size_t account, uint64_t number) {
    bench_event(e, w, account, number, VX_EVENT_UPDATE);
    snprintf(e->name, sizeof e->name, "t%019" PRId64, bench_now());
    e->event.caller_name = vx_str(e->name);
    e->event.sequence = atomic_fetch_sub(&w->sequence, 1);
}

enum vx_applied bench_apply(struct bench_world *w, const struct bench_event *e) {
    return vx_registry_apply(w->registry, &e->event);
}

bool bench_world_fill(struct bench_world *w) {
    struct bench_event e;

    for (size_t i = 0; i < w->account_count; i++)
        for (uint64_t n = 0; n < w->accounts[i].calls; n++) {
            bench_event(&e, w, i, w->accounts[i].first + n, VX_EVENT_CREATE);
            if (bench_apply(w, &e) != VX_APPLIED)
                return false;
            bench_event(&e, w, i, w->accounts[i].first + n, VX_EVENT_ANSWER);
            if (bench_apply(w, &e) != VX_APPLIED)
                return false;
        }
    return true;
}

unsigned bench_list(struct bench_world *w, size_t account, const char *if_none_match, char *etag,
                    size_t *len) {
    char path[96], authorization[64];
    struct vx_response response;
    struct vx_request request = {
        .method = VX_GET, .if_none_match = vx_str(if_none_match), .takes_gzip = w->gzip};
    unsigned status;

    snprintf(path, sizeof path, "/v1/Accounts/%s/Calls", w->accounts[account].sid_text);
    snprintf(authorization, sizeof authorization, "Bearer %s", w->accounts[account].token);
    request.path = vx_str(path);
    request.authorization = vx_str(authorization);
    request.known = &w->accounts[account].known;
    vx_api_invoke(w->api, &request, &response);
    while (!response.status && !response.hold.scope) {
        request.counted = true;
        request.progress = response.hold.progress;
        vx_response_clear(&response);
        vx_api_invoke(w->api, &request, &response);
    }
    status = response.status;
    if (len)
        *len = response.body ? vx_body_len(response.body) : 0;
    if (etag)
        snprintf(etag, VX_ETAG_SIZE, "%s", response.etag);
    vx_response_clear(&response);
    return status;
}
