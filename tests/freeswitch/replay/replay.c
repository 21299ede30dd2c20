#include "replay.h"

#include "host/freeswitch/fs_event.h"
#include <dirent.h>

#define MAX_RECORDINGS 32

/* What explains expected.json: calls that name this account themselves (a channel variable, an
 * accountcode, a header from a trusted source) are its, all others are unassigned. */
static const char config_xml[] =
    "<configuration name=\"voxeme.conf\">"
    "<settings><param name=\"trusted-sources\" value=\"127.0.0.0/8\"/></settings>"
    "<accounts><account sid=\"5f8e8f60-4771-44cb-92a6-94ea66df0450\" name=\"demo\"/></accounts>"
    "</configuration>";

/* What may be in a call and must not be when expected.json does not have it. */
static const char *const optional_keys[] = {
    "account_sid", "answered_at", "application_sid", "call_id", "parent_call_sid", "terminated_at",
};

static struct recording recordings[MAX_RECORDINGS];
static size_t recording_count;
static struct json_object *expected;

/* --- recordings --- */

static void folder(char *out, size_t size, const char *file) {
    const char *top = getenv("srcdir");

    snprintf(out, size, "%s/tests/freeswitch/recorded/%s", top ? top : ".", file);
}

static switch_event_t *read_event(const char *line) {
    struct json_object *o = json_tokener_parse(line), *name;
    switch_event_types_t type;
    switch_event_t *event;

    assert_true(json_object_object_get_ex(o, "Event-Name", &name));
    type = double_event_type(json_object_get_string(name));
    assert_int_not_equal(type, SWITCH_EVENT_ALL);
    event = double_event(type);
    json_object_object_foreach(o, key, value) {
        double_event_add(event, key, json_object_get_string(value));
    }
    json_object_put(o);
    return event;
}

static void read_recording(struct recording *r, const char *name) {
    char path[512], file[128], *line = NULL;
    size_t room = 0;
    FILE *in;

    snprintf(r->name, sizeof r->name, "%s", name);
    snprintf(file, sizeof file, "%s.jsonl", name);
    folder(path, sizeof path, file);
    in = fopen(path, "r");
    assert_non_null(in);
    while (getline(&line, &room, in) > 0) {
        assert_true(r->count < REPLAY_MAX_EVENTS);
        r->events[r->count] = read_event(line);
        r->at_us[r->count] =
            strtoll(double_event_get(r->events[r->count], "Event-Date-Timestamp"), NULL, 10);
        r->count++;
    }
    free(line);
    fclose(in);
}

const struct recording *replay_recordings(size_t *count) {
    char path[512];

    if (!expected) {
        folder(path, sizeof path, "expected.json");
        expected = json_object_from_file(path);
        assert_non_null(expected);
        json_object_object_foreach(expected, name, calls) {
            assert_true(recording_count < MAX_RECORDINGS);
            read_recording(&recordings[recording_count], name);
            recordings[recording_count++].expected = calls;
        }
    }
    *count = recording_count;
    return recordings;
}

void replay_free(void) {
    for (size_t i = 0; i < recording_count; i++)
        for (size_t e = 0; e < recordings[i].count; e++)
            switch_event_destroy(&recordings[i].events[e]);
    recording_count = 0;
    json_object_put(expected);
    expected = NULL;
}

/* --- one replay --- */

void replay_open(struct replay *r, const struct recording *recording) {
    char error[512];

    memset(r, 0, sizeof *r);
    vx_test_capture_log();
    r->recording = recording;
    vx_test_time_init(&r->time);
    atomic_store(&r->time.wall_us, recording->at_us[recording->count - 1] + VX_SECOND_US);
    pthread_mutex_init(&r->fs.lock, NULL);
    pthread_mutex_init(&r->fs.audits, NULL);
    double_config(config_xml);
    r->fs.config = vx_fs_config_load(error, sizeof error);
    assert_non_null(r->fs.config);
    r->fs.registry = vx_registry_new(r->fs.config, &r->time.clock);
    assert_non_null(r->fs.registry);
    r->all = vx_registry_all(r->fs.registry);
    vx_fs_event_init();
    assert_true(vx_fs_hook(&r->fs));
}

void replay_close(struct replay *r) {
    vx_fs_unhook(&r->fs);
    vx_scope_release(&r->all);
    vx_registry_release(&r->fs.registry);
    vx_config_release(&r->fs.config);
    pthread_mutex_destroy(&r->fs.audits);
    pthread_mutex_destroy(&r->fs.lock);
    assert_int_equal(double_left(), 0);
}

static const char *text_of(struct json_object *call, const char *key) {
    struct json_object *value;

    return json_object_object_get_ex(call, key, &value) ? json_object_get_string(value) : NULL;
}

static struct vx_snapshot *find(struct replay *r, size_t call) {
    struct json_object *o = json_object_array_get_idx(r->recording->expected, call);
    struct vx_uuid sid = vx_test_uuid(text_of(o, "call_sid"));

    return vx_scope_find(r->all, &sid);
}

static unsigned stage(enum vx_call_status status) {
    return vx_call_status_ended(status) ? 100 : (unsigned)status;
}

void replay_look(struct replay *r) {
    for (size_t i = 0; i < json_object_array_length(r->recording->expected); i++) {
        struct vx_snapshot *call = find(r, i);

        if (call) {
            enum vx_call_status now = vx_snapshot_status(call);

            if (r->seen[i] && stage(now) < stage(r->status[i]))
                fail_msg("%s: call %zu went from %s back to %s", r->recording->name, i,
                         vx_call_status_name(r->status[i]), vx_call_status_name(now));
            r->status[i] = now;
            r->seen[i] = true;
        } else if (r->seen[i]) {
            fail_msg("%s: call %zu is gone", r->recording->name, i);
        }
        vx_snapshot_release(&call);
    }
}

void replay_fire(struct replay *r, const switch_event_t *event) {
    double_fire(event);
    replay_look(r);
}

/* --- comparison --- */

struct comparison {
    struct replay *replay;
    const char *variant;
    size_t call;
    size_t wrong;
};

static void differ(struct comparison *c, const char *key, struct json_object *is,
                   struct json_object *should) {
    c->wrong++;
    print_error("%s, %s, call %zu: %s is %s, expected %s\n", c->replay->recording->name, c->variant,
                c->call, key, is ? json_object_to_json_string(is) : "absent",
                should ? json_object_to_json_string(should) : "absent");
}

static void compare_keys(struct comparison *c, struct json_object *is, struct json_object *should) {
    struct json_object *value;

    json_object_object_foreach(should, key, wanted) {
        if (!json_object_object_get_ex(is, key, &value))
            differ(c, key, NULL, wanted);
        else if (!json_object_equal(value, wanted))
            differ(c, key, value, wanted);
    }
    for (size_t i = 0; i < sizeof optional_keys / sizeof *optional_keys; i++)
        if (!json_object_object_get_ex(should, optional_keys[i], NULL) &&
            json_object_object_get_ex(is, optional_keys[i], &value))
            differ(c, optional_keys[i], value, NULL);
}

static void compare_call(struct comparison *c) {
    struct json_object *should = json_object_array_get_idx(c->replay->recording->expected, c->call);
    struct vx_snapshot *call = find(c->replay, c->call);
    struct json_tokener *tokener;
    struct json_object *is;
    struct vx_buf json = {0};

    if (!call) {
        differ(c, "call", NULL, should);
        return;
    }
    vx_buf_json(&json, call);
    tokener = json_tokener_new();
    is = json_tokener_parse_ex(tokener, json.at, (int)json.len);
    assert_non_null(is);
    compare_keys(c, is, should);
    json_object_put(is);
    json_tokener_free(tokener);
    vx_buf_free(&json);
    vx_snapshot_release(&call);
}

size_t replay_compare(struct replay *r, const char *variant) {
    struct comparison c = {.replay = r, .variant = variant};
    struct vx_registry_stats stats;

    for (; c.call < json_object_array_length(r->recording->expected); c.call++)
        compare_call(&c);
    vx_registry_stats(r->fs.registry, &stats);
    if (stats.calls > json_object_array_length(r->recording->expected)) {
        print_error("%s, %s: %llu calls\n", r->recording->name, variant,
                    (unsigned long long)stats.calls);
        c.wrong++;
    }
    return c.wrong;
}

size_t replay_ghosts(struct replay *r) {
    struct vx_counts counts;

    double_channels_gone();
    vx_fs_audit(&r->fs);
    counts = vx_scope_counts(r->all);
    for (size_t i = 0; i < json_object_array_length(r->recording->expected); i++) {
        struct vx_snapshot *call = find(r, i);

        if (call && !vx_call_status_ended(vx_snapshot_status(call)))
            counts.live_inbound++;
        vx_snapshot_release(&call);
    }
    return counts.live_inbound + counts.live_outbound;
}
