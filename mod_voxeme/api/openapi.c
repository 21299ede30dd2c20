/*
 * The OpenAPI document, made from the tables that the server itself runs on: routes, query
 * parameters, the fields of a call. What no table knows stands in the texts below.
 */
#include "api/openapi_private.h"
#include "api/status_report.h"
#include "core/alloc.h"

static const char info_text[] =
    "{\"title\":\"Voxeme Calls API\",\"version\":\"1.0.0\",\"license\":{\"name\":\"MIT\"},"
    "\"description\":\"Calls of a SIP server, account by account, from inside the server. Every "
    "error is JSON with `msg`. Each account has a revision that goes up by one at every visible "
    "change of any of its calls; with the epoch of the server's start it is the ETag of the lists "
    "and the cursor of `since`. `x-voxeme-commands` lists what this server can do to calls; "
    "anything "
    "else is answered with 501. HEAD is answered as GET is, without the body. Every answer has "
    "Date, "
    "Server, Connection, Access-Control-Allow-Origin, Access-Control-Expose-Headers, "
    "X-Content-Type-Options: nosniff and Cache-Control: no-cache.\"}";

static const char schemas_text[] =
    "\"Error\":{\"type\":\"object\",\"required\":[\"msg\"],\"properties\":{\"msg\":{\"type\":"
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
    "of calls that have left the list; to be taken out before calls are put in: a sid may have "
    "been "
    "given anew.\",\"items\":{\"type\":\"string\",\"format\":\"uuid\"}}}}";

/* As they are checked: call_create.c, call_update.c, hook_in.c and commands.c. */
static const char bodies_text[] =
    "\"Hook\":{\"oneOf\":[{\"type\":\"string\",\"minLength\":1,\"maxLength\":2048},"
    "{\"type\":\"object\",\"required\":[\"url\"],\"properties\":{\"url\":{\"type\":\"string\","
    "\"minLength\":1,\"maxLength\":2048},\"method\":{\"type\":\"string\",\"enum\":[\"POST\","
    "\"GET\",\"post\",\"get\"]},\"username\":{\"type\":\"string\",\"minLength\":1,"
    "\"maxLength\":256},\"password\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":256}}}]},"
    "\"Headers\":{\"type\":\"object\",\"maxProperties\":32,\"additionalProperties\":{"
    "\"type\":\"string\",\"minLength\":1,\"maxLength\":1024},\"description\":\"Headers of SIP by "
    "their names; none of those that belong to the dialog or to the server.\"},\"Creation\":{"
    "\"type\":\"object\",\"required\":[\"from\",\"to\"],\"description\":\"With application_sid, or "
    "with call_hook and the speech fields. FreeSWITCH hands call_hook, the speech fields, "
    "answerOnBridge, amd and sipRequestWithinDialogHook to its dialplan when the call is answered. "
    "voxeme-switch hands the first three to the route of its redirect-to, in headers, where that "
    "is "
    "set (what cannot be in a header is 422), and answers the last two with 501. Lengths are "
    "counted in bytes of UTF-8.\","
    "\"properties\":{\"from\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":256},\"to\":{"
    "\"type\":\"object\",\"required\":[\"type\"],\"description\":\"overrideTo is answered with "
    "501.\",\"properties\":{\"auth\":{\"type\":\"object\",\"required\":[\"username\","
    "\"password\"],\"description\":\"What a far end of type sip may ask for (digest "
    "authentication). In FreeSWITCH 501: its events and call records would show it.\","
    "\"properties\":{\"username\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":255},"
    "\"password\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":255,\"writeOnly\":true}}},"
    "\"type\":{\"type\":\"string\","
    "\"enum\":[\"sip\",\"phone\",\"user\"]},\"sipUri\":{\"type\":\"string\",\"maxLength\":512,"
    "\"description\":\"sip: or sips:, with a user, a host, a port and parameters (RFC 3261,"
    " section 19.1.1), each once; transport is udp, tcp or tls. A password, headers, maddr, ttl,"
    " method, received, rport and parameters that begin with fs_ are refused.\","
    "\"example\":\"sip:+15083084809@sbc.example.com;user=phone\"},\"number\":{\"type\":\"string\","
    "\"maxLength\":32,\"pattern\":\"^\\\\+?[0-9]+$\"},\"trunk\":{\"type\":\"string\","
    "\"minLength\":1,\"maxLength\":128},\"name\":{\"type\":\"string\",\"minLength\":1,"
    "\"maxLength\":320,\"description\":\"A user of the server: name, or name@domain with a realm "
    "of "
    "the account; without a domain its first realm.\"}}},\"application_sid\":{\"type\":\"string\","
    "\"format\":\"uuid\"},\"call_hook\":{\"$ref\":\"#/components/schemas/Hook\"},"
    "\"call_status_hook\":{\"$ref\":\"#/components/schemas/Hook\"},\"speech_synthesis_vendor\":{"
    "\"type\":\"string\",\"minLength\":1,\"maxLength\":128},\"speech_synthesis_language\":{"
    "\"type\":\"string\",\"minLength\":1,\"maxLength\":128},\"speech_synthesis_voice\":{"
    "\"type\":\"string\",\"minLength\":1,\"maxLength\":128},\"speech_recognizer_vendor\":{"
    "\"type\":\"string\",\"minLength\":1,\"maxLength\":128},\"speech_recognizer_language\":{"
    "\"type\":\"string\",\"minLength\":1,\"maxLength\":128},\"timeout\":{\"type\":\"integer\","
    "\"minimum\":1,\"maximum\":3600,\"default\":60},\"timeLimit\":{\"type\":\"integer\","
    "\"minimum\":1,\"maximum\":86400},\"headers\":{\"$ref\":\"#/components/schemas/Headers\"},"
    "\"fromHost\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":253},\"callerName\":{"
    "\"type\":\"string\",\"minLength\":1,\"maxLength\":256},\"answerOnBridge\":{"
    "\"type\":\"boolean\"},\"tag\":{\"type\":\"object\"},\"sipRequestWithinDialogHook\":{"
    "\"type\":\"string\",\"minLength\":1,\"maxLength\":2048},\"amd\":{\"type\":\"object\"}}},"
    "\"Sound\":{\"type\":\"object\",\"required\":[\"verb\"],\"properties\":{\"verb\":{"
    "\"type\":\"string\",\"enum\":[\"say\",\"play\"]},\"text\":{\"type\":\"string\"},\"url\":{"
    "\"oneOf\":[{\"type\":\"string\"},{\"type\":\"array\",\"items\":{\"type\":\"string\"}}]}}},"
    "\"Update\":{\"type\":\"object\",\"properties\":{\"call_status\":{\"type\":\"string\","
    "\"enum\":[\"completed\",\"no-answer\"]},\"conf_hold_status\":{\"type\":\"string\",\"enum\":["
    "\"hold\",\"unhold\"]},\"mute_status\":{\"type\":\"string\",\"enum\":[\"mute\",\"unmute\"]},"
    "\"dtmf\":{\"type\":\"object\",\"required\":[\"digit\"],\"properties\":{\"digit\":{"
    "\"type\":\"string\",\"pattern\":\"^[0-9A-Da-d*#]{1,32}$\"},\"duration\":{\"type\":\"integer\","
    "\"minimum\":40,\"maximum\":10000,\"default\":250}}},\"sip_request\":{\"type\":\"object\","
    "\"required\":[\"method\",\"content_type\",\"content\"],\"properties\":{\"method\":{"
    "\"type\":\"string\",\"enum\":[\"INFO\",\"NOTIFY\",\"MESSAGE\"]},\"content_type\":{"
    "\"type\":\"string\",\"maxLength\":128},\"content\":{\"type\":\"string\",\"maxLength\":16384},"
    "\"headers\":{\"$ref\":\"#/components/schemas/Headers\"}}},\"tag\":{\"type\":\"object\"},"
    "\"call_status_hook\":{\"$ref\":\"#/components/schemas/Hook\"},\"call_hook\":{"
    "\"$ref\":\"#/components/schemas/Hook\"},\"child_call_hook\":{"
    "\"$ref\":\"#/components/schemas/Hook\"},\"wait_hook\":{\"$ref\":\"#/components/schemas/"
    "Hook\"},"
    "\"conf_mute_status\":{\"type\":\"string\",\"enum\":[\"mute\",\"unmute\"]},\"listen_status\":{"
    "\"type\":\"string\",\"enum\":[\"pause\",\"resume\",\"silence\"]},\"record\":{"
    "\"type\":\"object\",\"required\":[\"action\"],\"properties\":{\"action\":{\"type\":\"string\","
    "\"enum\":[\"startCallRecording\",\"stopCallRecording\",\"pauseCallRecording\","
    "\"resumeCallRecording\"]},\"recordingID\":{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9_-]{1,"
    "64}$\"},\"siprecServerURL\":{\"type\":\"string\"}}},\"whisper\":{\"oneOf\":["
    "{\"$ref\":\"#/components/schemas/Sound\"},{\"type\":\"array\",\"items\":{"
    "\"$ref\":\"#/components/schemas/Sound\"}}]}}},";

static const char callbacks_text[] =
    ",\"callbacks\":{\"callStatus\":{\"{$request.body#/call_status_hook/url}\":{\"post\":{"
    "\"summary\":\"Sent at every change of the call's status, in order; tried again when it "
    "fails.\",\"parameters\":[{\"name\":\"Voxeme-Signature\",\"in\":\"header\",\"schema\":{"
    "\"type\":\"string\"},\"description\":\"t=<unix seconds>,v1=<hex HMAC-SHA256, by the "
    "account's secret, of t, a dot and the body>. A GET has the scalars in its query, and that "
    "is signed.\"}],\"requestBody\":{\"required\":true,\"content\":{\"application/json\":{"
    "\"schema\":{\"$ref\":\"#/components/schemas/CallStatus\"}}}},\"responses\":{\"200\":{"
    "\"description\":\"Any 2xx: taken. 408, 429 and 5xx are tried again, others are not.\"}}}}}}";

static void status_enum(struct vx_buf *out) {
    bool first = true;

    vx_buf_puts(out, ",\"enum\":[");
    for (enum vx_call_status s = 0; s < VX_CALL_STATUS_COUNT; s++) {
        separate(out, &first);
        string(out, vx_call_status_name(s));
    }
    vx_buf_puts(out, "]");
}

static void property(struct vx_buf *out, const struct vx_field *f) {
    key(out, f->key);
    vx_buf_puts(out, "{\"type\":");
    string(out, f->type);
    if (f->format) {
        vx_buf_puts(out, ",\"format\":");
        string(out, f->format);
    }
    if (strcmp(f->key, "call_status") == 0)
        status_enum(out);
    if (strcmp(f->key, "direction") == 0)
        vx_buf_puts(out, ",\"enum\":[\"inbound\",\"outbound\"]");
    vx_buf_puts(out, ",\"description\":");
    string(out, f->help);
    vx_buf_puts(out, "}");
}

void vx_schema_of_call(struct vx_buf *out) {
    bool first = true;

    vx_buf_puts(out, "{\"type\":\"object\",\"required\":[");
    for (size_t i = 0; i < vx_call_field_count; i++) {
        const struct vx_field *f = &vx_call_field_table[i];

        /* Calls of no account, which only admin tokens see, lack it. */
        if (!f->always || strcmp(f->key, "account_sid") == 0)
            continue;
        separate(out, &first);
        string(out, f->key);
    }
    vx_buf_puts(out, "],\"properties\":{");
    first = true;
    for (size_t i = 0; i < vx_call_field_count; i++) {
        separate(out, &first);
        property(out, &vx_call_field_table[i]);
    }
    vx_buf_puts(out, "}}");
}

struct parameter {
    const char *in, *name, *schema, *help;
};

static void add_parameter(struct vx_buf *out, bool *first, const struct parameter *p) {
    separate(out, first);
    vx_buf_puts(out, "{\"name\":");
    string(out, p->name);
    vx_buf_puts(out, ",\"in\":");
    string(out, p->in);
    if (strcmp(p->in, "path") == 0)
        vx_buf_puts(out, ",\"required\":true");
    vx_buf_puts(out, ",\"schema\":");
    vx_buf_puts(out, p->schema);
    vx_buf_puts(out, ",\"description\":");
    string(out, p->help);
    vx_buf_puts(out, "}");
}

static void parameters(struct vx_buf *out, const struct route *r) {
    static const struct parameter path[] = {
        {"path", "account_sid", "{\"type\":\"string\",\"format\":\"uuid\"}", "The account."},
        {"path", "call_sid", "{\"type\":\"string\",\"format\":\"uuid\"}", "The call."}};
    static const struct parameter if_none_match = {
        "header", "If-None-Match", "{\"type\":\"string\"}",
        "ETag of an earlier answer: 304 while nothing has changed."};
    static const struct parameter accept_encoding = {
        "header", "Accept-Encoding", "{\"type\":\"string\"}",
        "With gzip, whole lists that are not short come in gzip, with the same ETag."};
    static const struct parameter idempotency_key = {
        "header", "Idempotency-Key", "{\"type\":\"string\",\"minLength\":1,\"maxLength\":255}",
        "Visible ASCII characters, bare or in quotes. A request of the account that comes again "
        "with the same key and the same body, byte for byte, within `idempotency-seconds` gets the "
        "answer of the first one and makes no second call. Answers from 500 on are not kept: the "
        "key may be tried again."};
    bool first = true;

    if (strstr(r->path, "{account_sid}"))
        add_parameter(out, &first, &path[0]);
    if (strstr(r->path, "{call_sid}"))
        add_parameter(out, &first, &path[1]);
    for (size_t i = 0; r->list && i < vx_query_param_count; i++) {
        const struct query_param *q = &vx_query_params[i];

        add_parameter(out, &first, &(struct parameter){"query", q->name, q->schema, q->help});
    }
    if (r->list) {
        add_parameter(out, &first, &if_none_match);
        add_parameter(out, &first, &accept_encoding);
    }
    if (creates(r))
        add_parameter(out, &first, &idempotency_key);
}

static const char *method_key(enum vx_method method) {
    return method == VX_POST      ? "post"
           : method == VX_PUT     ? "put"
           : method == VX_DELETE  ? "delete"
           : method == VX_OPTIONS ? "options"
                                  : "get";
}

static void operation(struct vx_buf *out, const struct route *r) {
    key(out, method_key(r->method));
    vx_buf_puts(out, "{");
    if (r->operation) {
        vx_buf_puts(out, "\"operationId\":");
        string(out, r->operation);
        vx_buf_puts(out, ",");
    }
    vx_buf_puts(out, "\"summary\":");
    string(out, r->summary);
    vx_buf_puts(out, r->access == ACCESS_PUBLIC ? ",\"security\":[]"
                                                : ",\"security\":[{\"bearer\":[]}]");
    vx_buf_puts(out, ",\"parameters\":[");
    parameters(out, r);
    vx_buf_puts(out, "]");
    if (r->body) {
        vx_buf_puts(out, ",\"requestBody\":{\"required\":true,\"content\":{\"application/json\":{"
                         "\"schema\":");
        vx_buf_puts(out, r->schema);
        vx_buf_puts(out, "}}}");
    }
    if (r->body)
        vx_buf_puts(out, callbacks_text);
    vx_buf_puts(out, ",\"responses\":{");
    vx_openapi_responses(out, r);
    vx_buf_puts(out, "}}");
}

/* Served for every path, by no row of the table. */
static void options_of(struct vx_buf *out, const char *path) {
    const struct route r = {.method = VX_OPTIONS,
                            .path = path,
                            .access = ACCESS_PUBLIC,
                            .summary = "The methods of this path, and what pages of other origins "
                                       "may send. Any other method is answered with "
                                       "MethodNotAllowed."};

    vx_buf_puts(out, ",");
    operation(out, &r);
    vx_buf_puts(out, "}");
}

/* Operations of one path stand together in the table of routes. */
static void paths(struct vx_buf *out) {
    for (size_t i = 0; i < vx_route_count; i++) {
        const struct route *r = &vx_routes[i];
        bool first = i == 0 || strcmp(r[-1].path, r->path) != 0;
        bool last = i + 1 == vx_route_count || strcmp(r[1].path, r->path) != 0;

        vx_buf_puts(out, i ? "," : "");
        if (first) {
            key(out, r->path);
            vx_buf_puts(out, "{");
        }
        operation(out, r);
        if (last)
            options_of(out, r->path);
    }
}

void vx_openapi_commands(unsigned verbs, struct vx_buf *out) {
    static const char *const names[VX_VERB_COUNT] = {
        [VX_VERB_ORIGINATE] = "originate",
        [VX_VERB_HANGUP] = "hangup",
        [VX_VERB_HOLD] = "hold",
        [VX_VERB_UNHOLD] = "unhold",
        [VX_VERB_MUTE] = "mute",
        [VX_VERB_UNMUTE] = "unmute",
        [VX_VERB_DTMF] = "dtmf",
        [VX_VERB_REQUEST] = "request",
        [VX_VERB_REDIRECT] = "redirect",
        [VX_VERB_REDIRECT_CHILD] = "redirect-child",
        [VX_VERB_RECORD] = "record",
        [VX_VERB_WHISPER] = "whisper",
        [VX_VERB_LISTEN] = "listen",
        [VX_VERB_CONF_MUTE] = "conf-mute",
        [VX_VERB_CONF_UNMUTE] = "conf-unmute",
        [VX_VERB_TAG] = "tag",
    };
    bool first = true;

    verbs |= 1u << VX_VERB_TAG; /* the registry's own */
    vx_buf_puts(out, "\"x-voxeme-commands\":[");
    for (unsigned i = 0; i < VX_VERB_COUNT; i++) {
        if (!(verbs & 1u << i))
            continue;
        separate(out, &first);
        string(out, names[i]);
    }
    vx_buf_puts(out, "]");
}

char *vx_openapi_render(const char *server_url) {
    struct vx_buf out = {0};

    vx_buf_puts(&out, "{\"openapi\":\"3.0.3\",\"info\":");
    vx_buf_puts(&out, info_text);
    vx_buf_puts(&out, ",\"servers\":[{\"url\":");
    string(&out, *server_url ? server_url : "/");
    vx_buf_puts(&out, "}],\"paths\":{");
    paths(&out);
    vx_buf_puts(&out, "},\"components\":{\"securitySchemes\":{\"bearer\":{\"type\":\"http\","
                      "\"scheme\":\"bearer\"}},");
    vx_openapi_answers(&out);
    vx_buf_puts(&out, ",\"schemas\":{");
    vx_buf_puts(&out, bodies_text);
    vx_buf_puts(&out, schemas_text);
    vx_buf_puts(&out, ",\"Call\":");
    vx_schema_of_call(&out);
    vx_buf_puts(&out, ",\"CallStatus\":");
    vx_status_schema(&out);
    vx_buf_puts(&out, "}}}");
    vx_buf_add(&out, "", 1);
    if (!vx_buf_ok(&out))
        vx_buf_free(&out);
    return out.at;
}
