#include "api_support.h"
#include "gunzip.h"

#include "api/api_private.h"
#include "core/call.h"

void vx_test_service_open(struct vx_test_service *s, const char *settings) {
    vx_test_world_open(&s->world, settings);
    s->api = vx_api_new(s->world.registry, s->world.config, &s->world.time.clock);
    assert_non_null(s->api);
}

void vx_test_service_close(struct vx_test_service *s) {
    vx_api_release(&s->api);
    assert_null(s->api);
    vx_test_world_close(&s->world);
}

/* --- asking --- */

enum { MAX_PARAMS = 16, MAX_TARGET = 1024 };

struct decoded {
    char text[MAX_TARGET];
    struct vx_param params[MAX_PARAMS];
    size_t count;
    struct vx_str path;
};

/* Up to one of `stop`, decoded in place. */
static struct vx_str decode(char **at, const char *stop) {
    char *out = *at, *start = *at;
    for (; **at && !strchr(stop, **at); ++*at) {
        unsigned byte;
        if (**at == '%' && sscanf(*at + 1, "%2x", &byte) == 1) {
            *out++ = (char)byte;
            *at += 2;
        } else {
            *out++ = **at;
        }
    }
    return (struct vx_str){start, (size_t)(out - start)};
}

static void decode_target(struct decoded *d, const char *target) {
    assert_true(strlen(target) < MAX_TARGET);
    strcpy(d->text, target);
    d->count = 0;
    char *at = d->text + strcspn(d->text, "?");
    d->path = (struct vx_str){d->text, (size_t)(at - d->text)};
    while (*at && d->count < MAX_PARAMS) {
        struct vx_param *p = &d->params[d->count++];
        at++;
        p->name = decode(&at, "=&");
        p->value = VX_STR("");
        if (*at == '=') {
            at++;
            p->value = decode(&at, "&");
        }
    }
}

static void read_body(struct vx_test_answer *a) {
    const struct vx_response *r = &a->response;
    assert_true(!r->sub || (r->status == 200 && !r->body));
    if (!r->body) {
        assert_null(r->content_type);
        return;
    }
    assert_non_null(r->content_type);
    a->body = vx_test_body(r->body, &a->len);
    if (!r->content_encoding)
        assert_int_equal(strlen(a->body), a->len);
    assert_null(strstr(a->body, "-token"));
    if (strncmp(r->content_type, "application/json", 16) != 0)
        return;
    if (r->content_encoding) {
        char *packed = a->body;
        assert_string_equal(r->content_encoding, "gzip");
        a->body = vx_test_gunzip(packed, a->len, &a->len);
        assert_non_null(a->body);
        free(packed);
    }
    struct json_tokener *t = json_tokener_new_ex(32);
    json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    a->json = json_tokener_parse_ex(t, a->body, (int)a->len);
    if (json_tokener_get_error(t) != json_tokener_success)
        fail_msg("not JSON: %s", a->body);
    assert_int_equal(json_tokener_get_parse_end(t), a->len);
    json_tokener_free(t);
}

static void check_every_answer(const struct vx_test_answer *a) {
    const struct vx_response *r = &a->response;
    if (r->status >= 400) {
        assert_non_null(a->json);
        assert_int_equal(json_object_object_length(a->json), 1);
        assert_true(strlen(vx_test_string(a->json, "msg")) > 0);
        assert_string_equal(r->etag, "");
    }
    assert_int_equal(r->status == 401, r->challenge != NULL);
    if (r->status == 429)
        assert_true(r->retry_after > 0);
    /* The other kind of hold is gone by now. */
    assert_int_equal(r->status == 0 && !a->admitted, r->hold.scope || r->hold.command);
    if (r->status == 204 || r->status == 304)
        assert_null(r->body);
    if (r->status == 405)
        assert_true(strlen(r->allow) > 0);
}

void vx_test_ask(struct vx_test_service *s, const struct vx_test_ask *ask,
                 struct vx_test_answer *answer) {
    vx_test_ask_loosely(s, ask, answer);
    read_body(answer);
    check_every_answer(answer);
}

void vx_test_ask_loosely(struct vx_test_service *s, const struct vx_test_ask *ask,
                         struct vx_test_answer *answer) {
    struct decoded d;
    char bearer[600];
    decode_target(&d, ask->target);
    snprintf(bearer, sizeof bearer, "Bearer %s", ask->token ? ask->token : "");
    struct vx_request request = {
        .method = ask->method ? ask->method : VX_GET,
        .path = d.path,
        .params = d.params,
        .param_count = d.count,
        .authorization = ask->token ? vx_str(bearer) : vx_str(ask->authorization),
        .if_none_match = vx_str(ask->if_none_match),
        .content_type = vx_str(ask->content_type),
        .body = vx_str(ask->body),
        .waited = ask->waited,
        .counted = ask->counted,
        .stream = ask->stream,
        .takes_gzip = ask->takes_gzip,
        .last_event_id = vx_str(ask->last_event_id),
        .idempotency_key = vx_str(ask->idempotency_key),
        .command = ask->command,
        .known = ask->known,
    };
    if (ask->peer)
        assert_true(vx_addr_parse(&request.peer, vx_str(ask->peer)));
    *answer = (struct vx_test_answer){.body = NULL};
    memset(&answer->response, 0xa5, sizeof answer->response); /* need not be initialised */
    if (ask->admit)
        answer->admitted = vx_api_admit(s->api, &request, &answer->wants_body, &answer->response);
    else
        vx_api_invoke(s->api, &request, &answer->response);
    while (!answer->response.status && !answer->response.hold.scope &&
           !answer->response.hold.command && !answer->admitted) {
        answer->turns++;
        request.counted = true;
        request.progress = answer->response.hold.progress;
        if (answer->response.hold.selection) {
            assert_null(request.selection);
            request.selection = answer->response.hold.selection;
            answer->response.hold.selection = NULL;
        }
        vx_response_clear(&answer->response);
        if (ask->between)
            ask->between(answer->turns);
        vx_api_invoke(s->api, &request, &answer->response);
    }
    vx_selection_release(&request.selection);
}

char *vx_test_body(const struct vx_body *body, size_t *len) {
    char *text = malloc(vx_body_len(body) + 1);
    struct vx_str run[3];
    size_t count;
    assert_non_null(text);
    *len = 0;
    while ((count = vx_body_runs(body, *len, run, 3)))
        for (size_t i = 0; i < count; i++) {
            assert_true(run[i].len > 0);
            memcpy(text + *len, run[i].at, run[i].len);
            *len += run[i].len;
        }
    assert_int_equal(*len, vx_body_len(body));
    text[*len] = '\0';
    return text;
}

void vx_test_answer_clear(struct vx_test_answer *answer) {
    vx_response_clear(&answer->response);
    free(answer->body);
    json_object_put(answer->json);
    *answer = (struct vx_test_answer){.body = NULL};
}

void vx_test_get(struct vx_test_service *s, const char *target, const char *token, unsigned status,
                 struct vx_test_answer *answer) {
    struct vx_test_ask ask = {.target = target, .token = token};
    vx_test_ask(s, &ask, answer);
    if (answer->response.status != status)
        fail_msg("GET %s: %u, should be %u: %s", target, answer->response.status, status,
                 answer->body ? answer->body : "");
}

unsigned vx_test_status(struct vx_test_service *s, const char *target, const char *token) {
    struct vx_test_ask ask = {.target = target, .token = token};
    struct vx_test_answer answer;
    vx_test_ask(s, &ask, &answer);
    unsigned status = answer.response.status;
    vx_test_answer_clear(&answer);
    return status;
}

void vx_test_echo(struct exchange *x) {
    struct vx_buf out = {0};
    vx_json_string(&out, x->request->body);
    vx_answer(x, 200, NULL, &out);
}

/* --- looking --- */

const char *vx_test_numbers(struct json_object *array) {
    static char text[4096];
    size_t len = 0;
    text[0] = '\0';
    assert_true(json_object_is_type(array, json_type_array));
    for (size_t i = 0; i < json_object_array_length(array) && len < sizeof text - 16; i++) {
        struct json_object *item = json_object_array_get_idx(array, i);
        const char *sid = json_object_is_type(item, json_type_string)
                              ? json_object_get_string(item)
                              : vx_test_string(item, "call_sid");
        unsigned long n = strtoul(sid + VX_UUID_TEXT - 8, NULL, 16);
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%lu", i ? " " : "", n);
    }
    return text;
}

const char *vx_test_string(struct json_object *object, const char *key) {
    struct json_object *value;
    if (!json_object_object_get_ex(object, key, &value))
        fail_msg("no %s in %s", key, json_object_to_json_string(object));
    assert_true(json_object_is_type(value, json_type_string));
    return json_object_get_string(value);
}

int64_t vx_test_int(struct json_object *object, const char *key) {
    struct json_object *value;
    if (!json_object_object_get_ex(object, key, &value))
        fail_msg("no %s in %s", key, json_object_to_json_string(object));
    assert_true(json_object_is_type(value, json_type_int));
    return json_object_get_int64(value);
}
