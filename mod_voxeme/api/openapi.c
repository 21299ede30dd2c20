/*
 * The OpenAPI document, made from the tables that the server itself runs on: routes, query
 * parameters, the fields of a call. What no table knows stands in the two texts below.
 */
#include "api/api_private.h"
#include "core/alloc.h"

#include <json-c/json.h>

static const char info_text[] =
    "{\"title\":\"Voxeme Calls API\",\"version\":\"1.0.0\",\"license\":{\"name\":\"MIT\"},"
    "\"description\":\"Calls of a SIP server, account by account, from inside the server. Every "
    "error is JSON with `msg`. Each account has a revision that goes up by one at every visible "
    "change of any of its calls; with the epoch of the server's start it is the ETag of the lists "
    "and the cursor of `since`.\"}";

static const char schemas_text[] =
    "{\"Error\":{\"type\":\"object\",\"required\":[\"msg\"],\"properties\":{\"msg\":{\"type\":"
    "\"string\"}}},"
    "\"CallCount\":{\"type\":\"object\",\"required\":[\"inbound\",\"outbound\"],\"properties\":{"
    "\"inbound\":{\"type\":\"integer\"},\"outbound\":{\"type\":\"integer\"}}},"
    "\"Health\":{\"type\":\"object\",\"required\":[\"status\"],\"properties\":{\"status\":{"
    "\"type\":\"string\"}}},"
    "\"CallList\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/Call\"}},"
    "\"CallPage\":{\"type\":\"object\",\"required\":[\"total\",\"page\",\"page_size\",\"data\"],"
    "\"properties\":{\"total\":{\"type\":\"integer\"},\"page\":{\"type\":\"integer\"},"
    "\"page_size\":{\"type\":\"integer\"},\"data\":{\"$ref\":\"#/components/schemas/CallList\"}}},"
    "\"CallChanges\":{\"type\":\"object\",\"required\":[\"revision\",\"calls\"],\"properties\":{"
    "\"revision\":{\"type\":\"string\"},\"reset\":{\"type\":\"boolean\",\"description\":\"true: "
    "`calls` is the whole list, forget what you have.\"},\"calls\":{\"$ref\":"
    "\"#/components/schemas/CallList\"},\"removed\":{\"type\":\"array\",\"description\":\"call_sid "
    "of calls that have left the list.\",\"items\":{\"type\":\"string\",\"format\":\"uuid\"}}}}}";

/* json-c gives NULL when memory is short; every step notes that and the end gives up as a whole. */
struct builder {
    bool failed;
};

static struct json_object *need(struct builder *b, struct json_object *o) {
    b->failed = b->failed || !o;
    return o;
}

static struct json_object *object(struct builder *b) {
    return need(b, json_object_new_object());
}

static struct json_object *text(struct builder *b, const char *s) {
    return need(b, json_object_new_string(s));
}

static struct json_object *parsed(struct builder *b, const char *s) {
    return need(b, json_tokener_parse(s));
}

/* Takes over `value`. */
static void put(struct builder *b, struct json_object *to, const char *key,
                struct json_object *value) {
    if (to && value && json_object_object_add(to, key, value) == 0)
        return;
    b->failed = true;
    json_object_put(value);
}

static void push(struct builder *b, struct json_object *to, struct json_object *value) {
    if (to && value && json_object_array_add(to, value) == 0)
        return;
    b->failed = true;
    json_object_put(value);
}

static struct json_object *array(struct builder *b) {
    return need(b, json_object_new_array());
}

static struct json_object *status_enum(struct builder *b) {
    struct json_object *names = array(b);

    for (enum vx_call_status s = 0; s < VX_CALL_STATUS_COUNT; s++)
        push(b, names, text(b, vx_call_status_name(s)));
    return names;
}

static struct json_object *call_schema(struct builder *b) {
    struct json_object *schema = parsed(b, "{\"type\":\"object\"}");
    struct json_object *properties = object(b), *required = array(b);

    for (size_t i = 0; i < vx_call_field_count; i++) {
        const struct vx_field *f = &vx_call_field_table[i];
        struct json_object *property = object(b);

        put(b, property, "type", text(b, f->type));
        if (f->format)
            put(b, property, "format", text(b, f->format));
        if (strcmp(f->key, "call_status") == 0)
            put(b, property, "enum", status_enum(b));
        if (strcmp(f->key, "direction") == 0)
            put(b, property, "enum", parsed(b, "[\"inbound\",\"outbound\"]"));
        put(b, property, "description", text(b, f->help));
        put(b, properties, f->key, property);
        /* Calls of no account, which only admin tokens see, lack it. */
        if (f->always && strcmp(f->key, "account_sid") != 0)
            push(b, required, text(b, f->key));
    }
    put(b, schema, "required", required);
    put(b, schema, "properties", properties);
    return schema;
}

static struct json_object *components(struct builder *b) {
    struct json_object *all = object(b), *schemas = parsed(b, schemas_text);

    put(b, schemas, "Call", call_schema(b));
    put(b, all, "schemas", schemas);
    put(b, all, "securitySchemes",
        parsed(b, "{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\"}}"));
    return all;
}

static void add_parameter(struct builder *b, struct json_object *list, const char *in,
                          const char *name, const char *schema, const char *help) {
    struct json_object *p = object(b);

    put(b, p, "name", text(b, name));
    put(b, p, "in", text(b, in));
    if (strcmp(in, "path") == 0)
        put(b, p, "required", need(b, json_object_new_boolean(1)));
    put(b, p, "schema", parsed(b, schema));
    put(b, p, "description", text(b, help));
    push(b, list, p);
}

static struct json_object *parameters(struct builder *b, const struct route *r) {
    static const char uuid[] = "{\"type\":\"string\",\"format\":\"uuid\"}";
    struct json_object *list = array(b);

    if (strstr(r->path, "{account_sid}"))
        add_parameter(b, list, "path", "account_sid", uuid, "The account.");
    if (strstr(r->path, "{call_sid}"))
        add_parameter(b, list, "path", "call_sid", uuid, "The call.");
    for (size_t i = 0; r->list && i < vx_query_param_count; i++)
        add_parameter(b, list, "query", vx_query_params[i].name, vx_query_params[i].schema,
                      vx_query_params[i].help);
    if (r->list)
        add_parameter(b, list, "header", "If-None-Match", "{\"type\":\"string\"}",
                      "ETag of an earlier answer: 304 while nothing has changed.");
    return list;
}

static void add_response(struct builder *b, struct json_object *responses, const char *status,
                         const char *description, const char *schema) {
    struct json_object *response = object(b), *content = object(b), *media = object(b);

    put(b, response, "description", text(b, description));
    if (!schema) {
        json_object_put(content);
        json_object_put(media);
    } else {
        put(b, media, "schema", parsed(b, schema));
        put(b, content, "application/json", media);
        put(b, response, "content", content);
    }
    put(b, responses, status, response);
}

static const char *answer_schema(const struct route *r) {
    if (r->list)
        return "{\"oneOf\":[{\"$ref\":\"#/components/schemas/CallList\"},{\"$ref\":\"#/components/"
               "schemas/CallPage\"},{\"$ref\":\"#/components/schemas/CallChanges\"}]}";
    if (strcmp(r->operation, "getCall") == 0)
        return "{\"$ref\":\"#/components/schemas/Call\"}";
    if (strcmp(r->operation, "getCallCount") == 0)
        return "{\"$ref\":\"#/components/schemas/CallCount\"}";
    if (strcmp(r->operation, "getHealth") == 0)
        return "{\"$ref\":\"#/components/schemas/Health\"}";
    return r->access == ACCESS_METRICS ? NULL : "{\"type\":\"object\"}";
}

static struct json_object *responses(struct builder *b, const struct route *r) {
    static const char error[] = "{\"$ref\":\"#/components/schemas/Error\"}";
    struct json_object *all = object(b);

    add_response(b, all, "200", "OK", answer_schema(r));
    if (r->list)
        add_response(b, all, "304", "Nothing has changed since If-None-Match.", NULL);
    if (r->access == ACCESS_PUBLIC)
        return all;
    if (r->list || r->access == ACCESS_ACCOUNT)
        add_response(b, all, "400", "A malformed sid or a bad value of a parameter.", error);
    add_response(b, all, "401", "No, an unknown or a revoked token.", error);
    add_response(b, all, "403", "The token is good, but not for this.", error);
    if (strstr(r->path, "{call_sid}"))
        add_response(b, all, "404", "The account has no such call.", error);
    if (r->access == ACCESS_ACCOUNT)
        add_response(b, all, "429", "Too many requests; see Retry-After.", error);
    add_response(b, all, "503", "Out of memory or over a limit; try again.", error);
    return all;
}

static struct json_object *operation(struct builder *b, const struct route *r) {
    struct json_object *o = object(b);

    put(b, o, "operationId", text(b, r->operation));
    put(b, o, "summary", text(b, r->summary));
    put(b, o, "security", parsed(b, r->access == ACCESS_PUBLIC ? "[]" : "[{\"bearer\":[]}]"));
    put(b, o, "parameters", parameters(b, r));
    put(b, o, "responses", responses(b, r));
    return o;
}

static const char *method_key(enum vx_method method) {
    return method == VX_POST     ? "post"
           : method == VX_PUT    ? "put"
           : method == VX_DELETE ? "delete"
                                 : "get";
}

static struct json_object *paths(struct builder *b) {
    struct json_object *all = object(b);

    for (size_t i = 0; i < vx_route_count; i++) {
        const struct route *r = &vx_routes[i];
        struct json_object *path = NULL;

        if (!all)
            break;
        if (!json_object_object_get_ex(all, r->path, &path)) {
            path = object(b);
            put(b, all, r->path, path);
        }
        if (b->failed) /* path may be gone */
            break;
        put(b, path, method_key(r->method), operation(b, r));
    }
    return all;
}

static struct json_object *servers(struct builder *b, const char *url) {
    struct json_object *list = array(b), *server = object(b);

    put(b, server, "url", text(b, *url ? url : "/"));
    push(b, list, server);
    return list;
}

char *vx_openapi_render(const char *server_url) {
    struct builder b = {false};
    struct json_object *document = object(&b);
    const char *json = NULL;
    char *copy;

    put(&b, document, "openapi", text(&b, "3.0.3"));
    put(&b, document, "info", parsed(&b, info_text));
    put(&b, document, "servers", servers(&b, server_url));
    put(&b, document, "paths", paths(&b));
    put(&b, document, "components", components(&b));
    if (!b.failed)
        json = json_object_to_json_string_ext(document, JSON_C_TO_STRING_PLAIN |
                                                            JSON_C_TO_STRING_NOSLASHESCAPE);
    copy = json ? vx_strdup(json) : NULL;
    json_object_put(document);
    return copy;
}
