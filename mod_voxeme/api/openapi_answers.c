/*
 * The answers in the OpenAPI document: a table of them, with the operations that each is an answer
 * of and the headers that it has. A new answer is a row here; tests/e2e/openapi.test.mjs holds what
 * is served against it.
 */
#include "api/openapi_private.h"

/* Kinds of operations; one may be of several. */
enum {
    EVERY = 1,
    SECURED = 2, /* wants a token */
    LISTS = 4,
    ONE_CALL = 8,
    BODIES = 16,   /* takes one */
    COMMANDS = 32, /* does something to a call */
    CREATES = 64,
    CHANGES = 128, /* COMMANDS but for CREATES */
    UPDATES = 256,
    DELETES = 512,
    READS = 1024, /* GET, but for LISTS and TEXTS */
    TEXTS = 2048,
    ASKS = 4096, /* OPTIONS */
    QUIET = 8192 /* no COMMANDS */
};

static unsigned kinds_of(const struct route *r) {
    unsigned kinds = EVERY;

    if (r->method == VX_OPTIONS)
        return kinds | ASKS | QUIET;
    if (r->access != ACCESS_PUBLIC)
        kinds |= SECURED;
    if (strstr(r->path, "{call_sid}"))
        kinds |= ONE_CALL;
    if (r->method == VX_GET)
        return kinds | QUIET | (r->list ? LISTS : r->access == ACCESS_METRICS ? TEXTS : READS);
    kinds |= COMMANDS | (r->body ? BODIES : 0);
    if (creates(r))
        return kinds | CREATES;
    return kinds | CHANGES | (r->body ? UPDATES : DELETES);
}

/* Headers that some answers have; what all have is said once, in the document's description. */
enum {
    ETAG = 1,
    VARY = 2,
    ENCODING = 4,
    CHALLENGE = 8,
    RETRY = 16,
    REPLAYED = 32,
    ALLOW = 64,
    UPGRADE = 128,
    VERSION = 256,
    METHODS = 512,
    HEADERS = 1024,
    MAX_AGE = 2048,
    ACCEPT = 4096,
    PROTOCOL = 8192,
    ACCEL = 16384,
    EXTENSIONS = 32768
};

static const struct {
    unsigned bit;
    const char *name;
    bool always; /* an answer that may have it has it */
    const char *type, *help;
} header_table[] = {
    {ETAG, "ETag", true, "string", "W/\"<epoch>.<revision>\", for If-None-Match and `since`."},
    {VARY, "Vary", false, "string", "Accept-Encoding, unless nothing is compressed here."},
    {ENCODING, "Content-Encoding", false, "string", "gzip, where that was asked for."},
    {CHALLENGE, "WWW-Authenticate", true, "string",
     "Bearer, with error=\"invalid_token\" where one was sent."},
    {RETRY, "Retry-After", false, "integer", "Seconds."},
    {REPLAYED, "Idempotent-Replayed", false, "string",
     "true: the answer of an earlier request with the same Idempotency-Key."},
    {ALLOW, "Allow", true, "string", "The methods that there are."},
    {UPGRADE, "Upgrade", true, "string", "websocket"},
    {VERSION, "Sec-WebSocket-Version", true, "string", "13"},
    {METHODS, "Access-Control-Allow-Methods", true, "string", "As in Allow."},
    {HEADERS, "Access-Control-Allow-Headers", true, "string", "What a page may send."},
    {MAX_AGE, "Access-Control-Max-Age", true, "integer", "Seconds."},
    {ACCEPT, "Sec-WebSocket-Accept", true, "string", "RFC 6455, section 4.2.2."},
    {PROTOCOL, "Sec-WebSocket-Protocol", false, "string", "voxeme.calls.v1, where it was offered."},
    {EXTENSIONS, "Sec-WebSocket-Extensions", false, "string",
     "permessage-deflate, where it was offered."},
    {ACCEL, "X-Accel-Buffering", false, "string", "no, of server-sent events."},
};

#define ANSWER_SCHEMA                                                                              \
    "{\"type\":\"object\",\"required\":[\"status\",\"reason\"],\"properties\":{\"status\":{"       \
    "\"type\":\"integer\"},\"reason\":{\"type\":\"string\"}}}"
#define SID_SCHEMA                                                                                 \
    "{\"type\":\"object\",\"required\":[\"sid\"],\"properties\":{\"sid\":{\"type\":\"string\","    \
    "\"format\":\"uuid\"}}}"

struct answer {
    unsigned status, kinds, headers;
    const char *name;   /* among the components; NULL: written out where it is used */
    const char *schema; /* of JSON; NULL: without a body, or that of the route */
    const char *help;
};

/* By status; of one operation no status comes twice. */
static const struct answer answers[] = {
    {101, LISTS, UPGRADE | ACCEPT | PROTOCOL | EXTENSIONS, "WebSocket", NULL,
     "The list as a WebSocket: see /v1/asyncapi.json."},
    {200, LISTS, ETAG | VARY | ENCODING | ACCEL, NULL, NULL,
     "OK. With Accept: text/event-stream the list as server-sent events, without an ETag: see "
     "/v1/asyncapi.json."},
    {200, READS | TEXTS, 0, NULL, NULL, "OK"},
    {200, UPDATES, 0, NULL, ANSWER_SCHEMA, "The far end's final answer to sip_request."},
    {201, CREATES, REPLAYED, NULL, SID_SCHEMA, "The leg exists."},
    {202, UPDATES, 0, NULL, REF("Error"),
     "sip_request was sent; this server is not told what the far end answers."},
    {204, CHANGES, 0, NULL, NULL, "Done."},
    {204, ASKS, ALLOW | METHODS | HEADERS | MAX_AGE, NULL, NULL, "The methods of this path."},
    {304, LISTS, ETAG | VARY, "NotModified", NULL, "Nothing has changed since If-None-Match."},
    {400, CREATES, REPLAYED, "BadCreation", REF("Error"),
     "The request is malformed, or the body, or the Idempotency-Key."},
    {400, LISTS | READS | TEXTS | CHANGES | ASKS, 0, "BadRequest", REF("Error"),
     "The request is malformed: a sid, a parameter, the body, or HTTP itself."},
    {401, SECURED, CHALLENGE, "Unauthorized", REF("Error"), "No, an unknown or a revoked token."},
    {403, SECURED, 0, "Forbidden", REF("Error"), "The token is good, but not for this."},
    {404, ONE_CALL, 0, "NoSuchCall", REF("Error"), "The account has no such call."},
    {405, 0, ALLOW, "MethodNotAllowed", REF("Error"), "Any method of a path that is not here."},
    {408, EVERY, 0, "Timeout", REF("Error"), "The request did not arrive whole in time."},
    {409, CREATES, RETRY, "InProgress", REF("Error"),
     "The first request with this Idempotency-Key is not answered yet."},
    {413, EVERY, 0, "BodyTooLarge", REF("Error"), "The body is too large."},
    {415, BODIES, 0, "NoJson", REF("Error"), "The body is not application/json."},
    {417, EVERY, 0, "UnknownExpectation", REF("Error"), "Expect holds more than 100-continue."},
    {422, CREATES, REPLAYED, "NotMade", REF("Error"),
     "It failed, or the Idempotency-Key came with another body before."},
    {422, CHANGES, 0, "NotNow", REF("Error"), "Not in this state of the call, or it failed."},
    {426, LISTS, UPGRADE | VERSION, "OtherVersion", REF("Error"),
     "A WebSocket of another version was asked for."},
    {429, SECURED, RETRY, "TooMany", REF("Error"),
     "Too many requests, live feeds or Idempotency-Keys of this account."},
    {431, EVERY, 0, "HeaderTooLarge", REF("Error"), "Request line and headers are too large."},
    {500, LISTS | COMMANDS, 0, "InternalError", REF("Error"), "An error of the server."},
    {501, COMMANDS, 0, "CannotDo", REF("Error"),
     "This server cannot do it, or does not know the Transfer-Encoding."},
    {501, QUIET, 0, "UnknownCoding", REF("Error"), "Transfer-Encoding is not chunked."},
    {503, EVERY, RETRY, "TryAgain", REF("Error"), "Out of memory or over a limit; try again."},
    {504, COMMANDS, 0, "NotInTime", REF("Error"),
     "The server did not do it in time; it will not do it later."},
    {505, EVERY, 0, "OtherHttp", REF("Error"), "Neither HTTP/1.1 nor HTTP/1.0."},
};

#define COUNT(table) (sizeof(table) / sizeof *(table))

static void add_headers(struct vx_buf *out, unsigned bits) {
    bool first = true;

    if (!bits)
        return;
    vx_buf_puts(out, ",\"headers\":{");
    for (size_t i = 0; i < COUNT(header_table); i++) {
        if (!(bits & header_table[i].bit))
            continue;
        separate(out, &first);
        key(out, header_table[i].name);
        vx_buf_printf(out, "{\"$ref\":\"#/components/headers/%s\"}", header_table[i].name);
    }
    vx_buf_puts(out, "}");
}

static void add_content(struct vx_buf *out, const char *schema, unsigned kinds) {
    static const char text[] = "{\"schema\":{\"type\":\"string\"}}";

    if (kinds & TEXTS)
        vx_buf_printf(out, ",\"content\":{\"text/plain\":%s}", text);
    if (!schema)
        return;
    vx_buf_puts(out, ",\"content\":{\"application/json\":{\"schema\":");
    vx_buf_puts(out, schema);
    vx_buf_puts(out, "}");
    if (kinds & LISTS)
        vx_buf_printf(out, ",\"text/event-stream\":%s", text);
    vx_buf_puts(out, "}");
}

/* Written out; `kinds` is not 0 where the body is that of the operation. */
static void add_answer(struct vx_buf *out, const struct answer *a, const char *schema,
                       unsigned kinds) {
    vx_buf_puts(out, "{\"description\":");
    string(out, a->help);
    add_headers(out, a->headers);
    add_content(out, schema, kinds);
    vx_buf_puts(out, "}");
}

void vx_openapi_responses(struct vx_buf *out, const struct route *r) {
    unsigned kinds = kinds_of(r);
    bool first = true;

    for (size_t i = 0; i < COUNT(answers); i++) {
        const struct answer *a = &answers[i];
        bool own = a->status == 200 && r->method == VX_GET;

        if (!(a->kinds & kinds))
            continue;
        separate(out, &first);
        vx_buf_printf(out, "\"%u\":", a->status);
        if (a->name)
            vx_buf_printf(out, "{\"$ref\":\"#/components/responses/%s\"}", a->name);
        else
            add_answer(out, a, own ? r->schema : a->schema, own ? kinds : 0);
    }
}

void vx_openapi_answers(struct vx_buf *out) {
    bool first = true;

    vx_buf_puts(out, "\"headers\":{");
    for (size_t i = 0; i < COUNT(header_table); i++) {
        separate(out, &first);
        key(out, header_table[i].name);
        vx_buf_puts(out, "{\"description\":");
        string(out, header_table[i].help);
        vx_buf_printf(out, "%s,\"schema\":{\"type\":\"%s\"}}",
                      header_table[i].always ? ",\"required\":true" : "", header_table[i].type);
    }
    vx_buf_puts(out, "},\"responses\":{");
    first = true;
    for (size_t i = 0; i < COUNT(answers); i++) {
        if (!answers[i].name)
            continue;
        separate(out, &first);
        key(out, answers[i].name);
        add_answer(out, &answers[i], answers[i].schema, 0);
    }
    vx_buf_puts(out, "}");
}
