#include "sub_client.h"

struct vx_sub *vx_test_subscribe(struct vx_test_service *s, const char *target, const char *token,
                                 const char *last_event_id, unsigned status) {
    struct vx_test_ask q = {
        .target = target, .token = token, .stream = true, .last_event_id = last_event_id};
    struct vx_test_answer a;
    vx_test_ask(s, &q, &a);
    assert_int_equal(a.response.status, status);
    struct vx_sub *sub = a.response.sub;
    a.response.sub = NULL;
    vx_test_answer_clear(&a);
    return sub;
}

struct vx_test_client vx_test_resume(struct vx_test_service *s, const char *target,
                                     const char *token, const char *last_event_id) {
    struct vx_test_client c = {.service = s,
                               .sub = vx_test_subscribe(s, target, token, last_event_id, 200)};
    assert_non_null(c.sub);
    c.calls = json_object_new_object();
    return c;
}

struct vx_test_client vx_test_join(struct vx_test_service *s, const char *target,
                                   const char *token) {
    return vx_test_resume(s, target, token, NULL);
}

void vx_test_quit(struct vx_test_client *c) {
    vx_sub_release(&c->sub);
    json_object_put(c->calls);
}

static void tell(struct vx_test_client *c, const char *event, const char *sid) {
    size_t len = strlen(c->told);
    snprintf(c->told + len, sizeof c->told - len, "%s%s%s%lu", len ? " " : "", event,
             *event ? " " : "", strtoul(sid + VX_UUID_TEXT - 8, NULL, 16));
}

static void put_call(struct vx_test_client *c, struct json_object *call) {
    json_object_object_add(c->calls, vx_test_string(call, "call_sid"), json_object_get(call));
}

static void take_snapshot(struct vx_test_client *c, struct json_object *calls) {
    json_object_put(c->calls);
    c->calls = json_object_new_object();
    strcpy(c->told, "snapshot");
    for (size_t i = 0; i < json_object_array_length(calls); i++) {
        struct json_object *call = json_object_array_get_idx(calls, i);
        put_call(c, call);
        if (i < 32)
            tell(c, "", vx_test_string(call, "call_sid"));
    }
}

static void take_change(struct vx_test_client *c, struct json_object *change) {
    const char *event = vx_test_string(change, "event");
    struct json_object *call;
    if (strcmp(event, "removed") == 0) {
        tell(c, event, vx_test_string(change, "call_sid"));
        json_object_object_del(c->calls, vx_test_string(change, "call_sid"));
        return;
    }
    assert_true(json_object_object_get_ex(change, "call", &call));
    tell(c, event, vx_test_string(call, "call_sid"));
    put_call(c, call);
}

void vx_test_take(struct vx_test_client *c, const struct vx_body *body) {
    size_t len;
    char *text = vx_test_body(body, &len);
    struct json_object *o = json_tokener_parse(text), *list;
    assert_non_null(o);
    assert_null(memchr(text, '\n', len)); /* an event stream carries it on one line */
    c->told[0] = '\0';
    c->snapshot = strcmp(vx_test_string(o, "type"), "snapshot") == 0;
    snprintf(c->revision, sizeof c->revision, "%s", vx_test_string(o, "revision"));
    assert_true(json_object_object_get_ex(o, c->snapshot ? "calls" : "changes", &list));
    if (c->snapshot)
        take_snapshot(c, list);
    else
        for (size_t i = 0; i < json_object_array_length(list); i++)
            take_change(c, json_object_array_get_idx(list, i));
    json_object_put(o);
    free(text);
}

const char *vx_test_next(struct vx_test_client *c) {
    struct vx_body *body = NULL;
    enum vx_sub_result result;
    while ((result = vx_sub_next(c->service->api, c->sub, &body)) == VX_SUB_LATER)
        assert_null(body);
    c->told[0] = '\0';
    if (result == VX_SUB_IDLE) {
        assert_null(body);
        return "";
    }
    assert_int_equal(result, VX_SUB_MESSAGE);
    vx_test_take(c, body);
    vx_body_release(&body);
    return c->told;
}

const char *vx_test_revision(const struct vx_test_service *s, struct vx_scope *scope) {
    static char text[VX_ETAG_SIZE];
    snprintf(text, sizeof text, "%s.%llu", vx_registry_epoch(s->world.registry),
             (unsigned long long)vx_scope_revision(scope));
    return text;
}

void vx_test_agrees(struct vx_test_client *c, const char *target, const char *token) {
    struct vx_test_answer a;
    vx_test_get(c->service, target, token, 200, &a);
    size_t count = json_object_array_length(a.json);
    assert_int_equal(json_object_object_length(c->calls), count);
    for (size_t i = 0; i < count; i++) {
        struct json_object *call = json_object_array_get_idx(a.json, i), *known;
        if (!json_object_object_get_ex(c->calls, vx_test_string(call, "call_sid"), &known))
            fail_msg("unknown: %s", json_object_to_json_string(call));
        if (!json_object_equal(call, known))
            fail_msg("%s: known as %s, is %s", target, json_object_to_json_string(known),
                     json_object_to_json_string(call));
    }
    vx_test_answer_clear(&a);
}
