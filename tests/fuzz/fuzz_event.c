/* Bytes -> events of FreeSWITCH -> registry -> JSON: always valid, statuses never go back, nothing
 * stays live that FreeSWITCH does not have. */
#include "fuzz.h"

#include "double.h"
#include "headers.h"

#include "core/feed.h"
#include "core/log.h"
#include "host/freeswitch/fs.h"
#include "host/freeswitch/fs_event.h"

#include <json.h>

#define MAX_EVENTS 24
#define UUIDS      4

static const char config_xml[] =
    "<configuration name=\"voxeme.conf\">"
    "<settings><param name=\"max-field-bytes\" value=\"64\"/></settings><accounts>"
    "<account sid=\"5f8e8f60-4771-44cb-92a6-94ea66df0450\" name=\"demo\">"
    "<realm name=\"demo.example\"/><source cidr=\"192.0.2.0/24\"/></account>"
    "<account sid=\"b7e1f3a0-0d4f-4a57-9c0b-1c2d3e4f5a6b\" name=\"beta\"/>"
    "</accounts></configuration>";

/* Values that mean something where they stand. */
static const char *const words[] = {
    "",
    "inbound",
    "outbound",
    "originator",
    "originatee",
    "2574b508-cff7-4082-b261-aadab8293324",
    "4b80c26a-6abd-4a8e-8a19-121e014f672b",
    "a name",
    "5f8e8f60-4771-44cb-92a6-94ea66df0450",
    "b7e1f3a0-0d4f-4a57-9c0b-1c2d3e4f5a6b",
    "demo",
    "demo.example",
    "192.0.2.1",
    "127.0.0.1",
    "2001:db8::1",
    "0",
    "1",
    "2",
    "486",
    "503",
    "200",
    "sip:404",
    "USER_BUSY",
    "NORMAL_CLEARING",
    "1795440188073048",
    "1795440190113048",
    "9223372036854775807",
    "loopback/x-a",
    "Zo\xc3\xab \\\"Z\\\"",
};
#define WORDS (sizeof words / sizeof *words)
#define UUID  5 /* the first of those that name channels */

struct input {
    const uint8_t *at;
    size_t left;
};

static uint8_t byte(struct input *in) {
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->at++;
}

static void text(struct input *in, char *out, size_t size) {
    size_t len = byte(in);

    if (len >= size)
        len = size - 1;
    if (len > in->left)
        len = in->left;
    memcpy(out, in->at, len);
    out[len] = '\0';
    in->at += len;
    in->left -= len;
}

static void add_header(struct input *in, switch_event_t *event) {
    char name[256], value[256];
    uint8_t which = byte(in), word = byte(in);

    if (which >= FS_HEADERS)
        text(in, name, sizeof name);
    if (word >= WORDS)
        text(in, value, sizeof value);
    double_event_add(event, which < FS_HEADERS ? fs_headers[which] : name,
                     word < WORDS  ? words[word]
                     : word == 255 ? NULL
                                   : value);
}

static switch_event_t *read_input(struct input *in) {
    switch_event_t *event =
        double_event((switch_event_types_t)(byte(in) % (unsigned)SWITCH_EVENT_ALL));
    uint8_t uuid = byte(in);

    if (uuid < UUIDS)
        double_event_add(event, "Unique-ID", words[UUID + uuid]);
    for (uint8_t n = byte(in) % 48; n > 0; n--)
        add_header(in, event);
    return event;
}

/* --- what comes out --- */

static void check_json(struct vx_snapshot *call) {
    struct json_tokener *t = json_tokener_new_ex(4);
    struct vx_buf json = {0};
    struct json_object *o, *value;

    vx_buf_json(&json, call);
    FUZZ_CHECK(t && vx_buf_ok(&json));
    json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    o = json_tokener_parse_ex(t, json.at, (int)json.len);
    FUZZ_CHECK(json_tokener_get_error(t) == json_tokener_success);
    FUZZ_CHECK(json_object_object_get_ex(o, "call_sid", &value));
    FUZZ_CHECK(json_object_get_string_len(value) == VX_UUID_TEXT);
    FUZZ_CHECK(!json_object_object_get_ex(o, "duration", &value) ||
               json_object_get_int64(value) >= 0);
    json_object_put(o);
    json_tokener_free(t);
    vx_buf_free(&json);
}

static size_t check_calls(struct vx_scope *all) {
    struct vx_feed *feed = vx_feed_open(all);
    struct vx_change changes[8];
    size_t count, live = 0;
    uint64_t revision;
    bool restarted;

    FUZZ_CHECK(feed);
    while ((count = vx_feed_pull(feed, changes, 8, &revision, &restarted)))
        for (size_t i = 0; i < count; i++) {
            if (!changes[i].call)
                continue;
            check_json(changes[i].call);
            live += !vx_call_status_ended(vx_snapshot_status(changes[i].call));
            vx_snapshot_release(&changes[i].call);
        }
    vx_feed_close(&feed);
    return live;
}

static unsigned stage_of(struct vx_scope *all, const struct vx_uuid *sid) {
    struct vx_snapshot *call = vx_scope_find(all, sid);
    unsigned stage = 0;

    if (call)
        stage = vx_call_status_ended(vx_snapshot_status(call)) ? 100 : vx_snapshot_status(call);
    vx_snapshot_release(&call);
    return stage;
}

/* A call goes forward only; but under another sid it may be another call. */
static void fire(struct vx_scope *all, const switch_event_t *event) {
    unsigned before[UUIDS];

    for (unsigned i = 0; i < UUIDS; i++) {
        struct vx_uuid sid = vx_fs_call_sid(words[UUID + i]);

        before[i] = stage_of(all, &sid);
    }
    double_fire(event);
    for (unsigned i = 0; i < UUIDS && event->event_id != SWITCH_EVENT_CHANNEL_UUID; i++) {
        struct vx_uuid sid = vx_fs_call_sid(words[UUID + i]);

        FUZZ_CHECK(stage_of(all, &sid) >= before[i]);
    }
}

static void quiet(void *ctx, enum vx_log_level level, const char *line) {
    (void)ctx, (void)level, (void)line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input in = {data, size};
    struct vx_fs fs = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct vx_scope *all;
    char error[512];

    vx_log_to(quiet, NULL);
    double_config(config_xml);
    fs.config = vx_fs_config_load(error, sizeof error);
    FUZZ_CHECK(fs.config);
    fs.registry = vx_registry_new(fs.config, &vx_clock_system);
    FUZZ_CHECK(fs.registry);
    all = vx_registry_all(fs.registry);
    vx_fs_event_init();
    FUZZ_CHECK(vx_fs_hook(&fs));
    atomic_store(&fs.loopback, byte(&in) % 3);
    for (int n = 0; n < MAX_EVENTS && in.left; n++) {
        switch_event_t *event = read_input(&in);

        fire(all, event);
        switch_event_destroy(&event);
    }
    check_calls(all);
    vx_fs_audit(&fs);
    FUZZ_CHECK(check_calls(all) == 0);
    vx_fs_unhook(&fs);
    vx_scope_release(&all);
    vx_registry_release(&fs.registry);
    vx_config_release(&fs.config);
    FUZZ_CHECK(double_left() == 0);
    return 0;
}
