/*
 * The AsyncAPI document of the live feeds, from the same tables as the OpenAPI document: query
 * parameters, the fields of a call.
 */
#include "api/api_private.h"

#define REF(where, name) "{\"$ref\":\"#/" where "/" name "\"}"

static const char info_text[] =
    "{\"title\":\"Voxeme Calls API, live\",\"version\":\"1.0.0\",\"license\":{\"name\":\"MIT\"},"
    "\"description\":\"The list of calls as a feed, over WebSocket (subprotocol voxeme.calls.v1) "
    "or, "
    "with Accept: text/event-stream, as server-sent events whose id is the revision and whose data "
    "is the message. A snapshot comes first, then what changes, each call at most once a message "
    "and "
    "in its newest state: a client that reads slowly misses states, never a call. A client keeps "
    "the calls by call_sid: it puts in what an event brings, whether it knew the call or not, and "
    "takes out what was removed. With ?since=REVISION (or Last-Event-ID) it gets only what it has "
    "missed, or a snapshot. A browser, which cannot send Authorization, offers its token as a "
    "second "
    "subprotocol, bearer.TOKEN. The server pings; it closes with 1001 when it stops, 1002, 1007 or "
    "1009 at frames that are none, are no UTF-8 or are too long, 1008 when the client sends too "
    "many, "
    "4401 when its token has been revoked. Clients send nothing but control frames; other messages "
    "are ignored.\"}";

static const char messages_text[] =
    "\"Snapshot\":{\"name\":\"snapshot\",\"summary\":\"All calls that pass the filter, newest "
    "first. "
    "First, and again whenever a client cannot be caught up: it then forgets what it had.\","
    "\"payload\":{\"type\":\"object\",\"required\":[\"type\",\"revision\",\"calls\"],"
    "\"properties\":{"
    "\"type\":{\"const\":\"snapshot\"},\"revision\":" REF(
        "components/schemas",
        "Revision") ","
                    "\"calls\":{\"type\":\"array\",\"items\":" REF(
                        "components/schemas",
                        "Call") "}}}},"
                                "\"Changes\":{\"name\":\"changes\",\"summary\":\"What has changed "
                                "since the revision before.\","
                                "\"payload\":{\"type\":\"object\",\"required\":[\"type\","
                                "\"revision\",\"changes\"],"
                                "\"properties\":{\"type\":{\"const\":\"changes\"},"
                                "\"revision\":" REF(
                                    "components/schemas",
                                    "Revision") ",\"changes\":{\"type\":\"array\",\"minItems\":1,"
                                                "\"items\":{\"oneOf\":[" REF(
                                                    "components/schemas",
                                                    "Changed") "," REF("components/schemas",
                                                                       "Removed") "]}}}}}";

static const char schemas_text[] =
    "\"Revision\":{\"type\":\"string\",\"description\":\"<epoch>.<number>, the same as in the ETag "
    "of the list.\"},"
    "\"Changed\":{\"type\":\"object\",\"required\":[\"event\",\"call\"],\"properties\":{\"event\":{"
    "\"description\":\"What has become of the call since the revision before: it has come, has "
    "been "
    "answered or has ended since, else it has changed. One that was answered very long ago may be "
    "told as updated.\","
    "\"enum\":[\"created\",\"updated\",\"answered\",\"ended\"]},\"call\":" REF(
        "components/schemas",
        "Call") "}},"
                "\"Removed\":{\"type\":\"object\",\"description\":\"It is over for longer than the "
                "retention, "
                "belongs to another account now, or no longer passes the filter; it may be one "
                "that the client "
                "never "
                "had.\",\"required\":[\"event\",\"call_sid\"],\"properties\":{\"event\":{\"const\":"
                "\"removed\"},\"call_sid\":{\"type\":\"string\",\"format\":\"uuid\"}}}";

static void query_schema(struct vx_buf *out) {
    bool first = true;

    vx_buf_puts(out, "{\"type\":\"object\",\"properties\":{");
    for (size_t i = 0; i < vx_query_param_count; i++) {
        const struct query_param *q = &vx_query_params[i];

        if (q->of_answers)
            continue;
        vx_buf_puts(out, first ? "" : ",");
        first = false;
        vx_json_string(out, vx_str(q->name));
        vx_buf_puts(out, ":");
        vx_buf_puts(out, q->schema);
    }
    vx_buf_puts(out, "}}");
}

static void channel(struct vx_buf *out, const char *name, const char *address, const char *more) {
    vx_buf_printf(out,
                  "\"%s\":{\"address\":\"%s\"%s,\"messages\":{\"snapshot\":" REF(
                      "components/messages",
                      "Snapshot") ",\"changes\":" REF("components/messages",
                                                      "Changes") "},"
                                                                 "\"bindings\":{\"ws\":{\"method\":"
                                                                 "\"GET\",\"query\":",
                  name, address, more);
    query_schema(out);
    vx_buf_puts(out, "}}}");
}

static void servers(struct vx_buf *out, const char *server_url) {
    bool tls = strncmp(server_url, "https://", 8) == 0;
    const char *scheme_end = strstr(server_url, "://"), *host, *path;

    if (!scheme_end)
        return;
    host = scheme_end + 3;
    path = host + strcspn(host, "/");
    vx_buf_puts(out, ",\"servers\":{\"this\":{\"host\":");
    vx_json_string(out, (struct vx_str){host, (size_t)(path - host)});
    if (*path) {
        vx_buf_puts(out, ",\"pathname\":");
        vx_json_string(out, vx_str(path));
    }
    vx_buf_printf(out,
                  ",\"protocol\":\"%s\",\"security\":[{\"type\":\"http\",\"scheme\":\"bearer\"}]}}",
                  tls ? "wss" : "ws");
}

char *vx_asyncapi_render(const char *server_url) {
    struct vx_buf out = {0};

    vx_buf_puts(&out, "{\"asyncapi\":\"3.0.0\",\"info\":");
    vx_buf_puts(&out, info_text);
    servers(&out, server_url);
    vx_buf_puts(&out, ",\"defaultContentType\":\"application/json\",\"channels\":{");
    channel(&out, "accountCalls", "/v1/Accounts/{account_sid}/Calls",
            ",\"parameters\":{\"account_sid\":{\"description\":\"The account, a UUID.\"}}");
    vx_buf_puts(&out, ",");
    channel(&out, "allCalls", "/v1/Calls", "");
    vx_buf_puts(&out,
                "},\"operations\":{\"sendAccountCalls\":{\"action\":\"send\",\"channel\":" REF(
                    "channels",
                    "accountCalls") "},"
                                    "\"sendAllCalls\":{\"action\":\"send\",\"channel\":" REF(
                                        "channels", "allCalls") "}},"
                                                                "\"components\":{\"messages\":{");
    vx_buf_puts(&out, messages_text);
    vx_buf_puts(&out, "},\"schemas\":{");
    vx_buf_puts(&out, schemas_text);
    vx_buf_puts(&out, ",\"Call\":");
    vx_schema_of_call(&out);
    vx_buf_puts(&out, "}}}");
    vx_buf_add(&out, "", 1);
    if (!vx_buf_ok(&out))
        vx_buf_free(&out);
    return out.at;
}
