/*
 * What one event costs on FreeSWITCH's dispatcher thread: reading it and applying it to the
 * registry, beside merely walking its headers. Events are real ones of libfreeswitch, filled from a
 * recorded call; every call gets a uuid of its own.
 *
 * usage: bench_fs_event RECORDED.jsonl CALLS
 * Prints one line of JSON: nanoseconds, mean, median and 99.9th percentile.
 */
#include "core/config_reader.h"
#include "core/registry.h"
#include "host/freeswitch/fs_event.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MAX_EVENTS 32
#define MAX_NAMES  3 /* headers of an event that name a channel */

struct recorded {
    switch_event_t *event;
    char *uuids[MAX_NAMES];
    size_t uuid_count;
    const char *original[MAX_NAMES];
};

static const struct {
    const char *name;
    switch_event_types_t type;
} hooked[] = {
    {"CHANNEL_CREATE", SWITCH_EVENT_CHANNEL_CREATE},
    {"CHANNEL_PROGRESS", SWITCH_EVENT_CHANNEL_PROGRESS},
    {"CHANNEL_PROGRESS_MEDIA", SWITCH_EVENT_CHANNEL_PROGRESS_MEDIA},
    {"CHANNEL_ANSWER", SWITCH_EVENT_CHANNEL_ANSWER},
    {"CHANNEL_BRIDGE", SWITCH_EVENT_CHANNEL_BRIDGE},
    {"CHANNEL_HANGUP", SWITCH_EVENT_CHANNEL_HANGUP},
    {"CHANNEL_HANGUP_COMPLETE", SWITCH_EVENT_CHANNEL_HANGUP_COMPLETE},
    {"CHANNEL_DESTROY", SWITCH_EVENT_CHANNEL_DESTROY},
};

static int type_named(const char *name) {
    for (size_t i = 0; i < sizeof hooked / sizeof *hooked; i++)
        if (strcmp(hooked[i].name, name) == 0)
            return (int)hooked[i].type;
    return -1;
}

static bool names_channel(const char *name) {
    return strcasecmp(name, "Unique-ID") == 0 || strcasecmp(name, "Other-Leg-Unique-ID") == 0 ||
           strcasecmp(name, "variable_originating_leg_uuid") == 0;
}

static bool make(struct recorded *r, struct json_object *json) {
    struct json_object *name;
    int type;

    if (!json_object_object_get_ex(json, "Event-Name", &name) ||
        (type = type_named(json_object_get_string(name))) < 0 ||
        switch_event_create(&r->event, SWITCH_EVENT_CLONE) != SWITCH_STATUS_SUCCESS)
        return false;
    r->event->event_id = (switch_event_types_t)type;
    json_object_object_foreach(json, key, value) {
        switch_event_header_t *header;

        switch_event_add_header_string(r->event, SWITCH_STACK_BOTTOM, key,
                                       json_object_get_string(value));
        header = r->event->last_header;
        if (header && names_channel(key) && r->uuid_count < MAX_NAMES &&
            strlen(header->value) == VX_UUID_TEXT) {
            r->original[r->uuid_count] = strdup(header->value);
            r->uuids[r->uuid_count++] = header->value;
        }
    }
    return true;
}

static size_t load(const char *path, struct recorded *out) {
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t size = 0, count = 0;

    while (file && count < MAX_EVENTS && getline(&line, &size, file) > 0) {
        struct json_object *json = json_tokener_parse(line);

        count += json && make(&out[count], json);
        json_object_put(json);
    }
    free(line);
    if (file)
        fclose(file);
    return count;
}

/* Another call: the last eight digits of its legs' uuids are its number. */
static void renumber(struct recorded *r, unsigned number) {
    char digits[9];

    snprintf(digits, sizeof digits, "%08x", number);
    for (size_t i = 0; i < r->uuid_count; i++) {
        memcpy(r->uuids[i], r->original[i], VX_UUID_TEXT);
        memcpy(r->uuids[i] + VX_UUID_TEXT - 8, digits, 8);
    }
}

static int64_t now_ns(void) {
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int by_size(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static volatile size_t walked;

static int64_t time_walk(const struct recorded *r) {
    int64_t began = now_ns();
    size_t bytes = 0;

    for (const switch_event_header_t *h = r->event->headers; h; h = h->next)
        bytes += strlen(h->name) + (size_t)h->value[0];
    walked = bytes;
    return now_ns() - began;
}

static int64_t time_read(const struct recorded *r) {
    struct vx_fs_scratch scratch;
    struct vx_event e;
    int64_t began = now_ns();

    vx_fs_event_read(&e, &scratch, r->event);
    return now_ns() - began;
}

static int64_t time_apply(struct vx_registry *registry, const struct recorded *r) {
    struct vx_fs_scratch scratch;
    struct vx_event e;
    int64_t began = now_ns();

    if (vx_fs_event_read(&e, &scratch, r->event))
        vx_registry_apply(registry, &e);
    return now_ns() - began;
}

static void print(const char *name, int64_t *times, size_t count, const char *end) {
    int64_t sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += times[i];
    qsort(times, count, sizeof *times, by_size);
    printf("\"%s\":{\"mean\":%lld,\"median\":%lld,\"p999\":%lld}%s", name,
           (long long)sum / (long long)count, (long long)times[count / 2],
           (long long)times[count - 1 - count / 1000], end);
}

static void measure(struct vx_registry *registry, struct recorded *events, size_t count,
                    unsigned calls) {
    size_t total = (size_t)calls * count, at = 0, headers = 0;
    int64_t *walk = calloc(total, sizeof *walk), *read = calloc(total, sizeof *read),
            *both = calloc(total, sizeof *both);

    for (unsigned call = 0; walk && read && both && call < calls; call++)
        for (size_t i = 0; i < count; i++, at++) {
            renumber(&events[i], call);
            /* In the order that finds none of it in the cache for the sake of another. */
            both[at] = time_apply(registry, &events[i]);
            read[at] = time_read(&events[i]);
            walk[at] = time_walk(&events[i]);
        }
    for (size_t i = 0; i < count; i++)
        for (const switch_event_header_t *h = events[i].event->headers; h; h = h->next)
            headers++;
    if (at) {
        printf("{\"events\":%zu,\"headers\":%zu,", total, headers / count);
        print("walk", walk, total, ",");
        print("read", read, total, ",");
        print("read_and_apply", both, total, "}\n");
    }
    free(walk);
    free(read);
    free(both);
}

static struct vx_config *make_config(void) {
    static const char *const none[] = {NULL}, *const root[] = {"name", "voxeme.conf", NULL};
    static const char *const account[] = {"sid", "5f8e8f60-4771-44cb-92a6-94ea66df0450", "name",
                                          "demo", NULL};
    static const char *const source[] = {"cidr", "127.0.0.0/8", NULL};
    struct vx_config_reader *reader = vx_config_reader_new("bench", NULL);
    struct vx_config *config = NULL;

    if (reader && vx_config_reader_begin(reader, "configuration", root, 0) &&
        vx_config_reader_begin(reader, "accounts", none, 0) &&
        vx_config_reader_begin(reader, "account", account, 0) &&
        vx_config_reader_begin(reader, "source", source, 0) &&
        vx_config_reader_end(reader, "source", 0) && vx_config_reader_end(reader, "account", 0) &&
        vx_config_reader_end(reader, "accounts", 0) &&
        vx_config_reader_end(reader, "configuration", 0))
        config = vx_config_reader_finish(reader);
    if (!config && reader)
        fprintf(stderr, "%s\n", vx_config_reader_error(reader));
    vx_config_reader_release(&reader);
    return config;
}

int main(int argc, char **argv) {
    static struct recorded events[MAX_EVENTS];
    struct vx_config *config = make_config();
    struct vx_registry *registry = config ? vx_registry_new(config, &vx_clock_system) : NULL;
    size_t count = argc == 3 ? load(argv[1], events) : 0;

    if (!registry || !count) {
        fprintf(stderr, "usage: bench_fs_event RECORDED.jsonl CALLS\n");
        return 2;
    }
    vx_fs_event_init();
    measure(registry, events, count, (unsigned)strtoul(argv[2], NULL, 10));
    return 0;
}
