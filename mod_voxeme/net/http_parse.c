#include "net/http_parse.h"

#include "core/percent.h"
#include "net/accept_encoding.h"

static bool is_alnum(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_token_char(unsigned char c) {
    return is_alnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(struct vx_str s) {
    for (size_t i = 0; i < s.len; i++)
        if (!is_token_char((unsigned char)s.at[i]))
            return false;
    return true;
}

/* Not 0: one of the bytes of `x` is below `below` (at most 0x80), or 0x7f. */
static uint64_t controls(uint64_t x, unsigned char below) {
    const uint64_t each = UINT64_C(0x0101010101010101), top = UINT64_C(0x8080808080808080);
    uint64_t del = x ^ 0x7f * each;

    return ((x - below * each) & ~x & top) | ((del - each) & ~del & top);
}

/* The place, at or after `from`, of a byte that is below `below`, or 0x7f; s.len: there is none. */
static size_t next_control(struct vx_str s, size_t from, unsigned char below) {
    uint64_t x;

    for (; s.len - from >= sizeof x; from += sizeof x) {
        memcpy(&x, s.at + from, sizeof x);
        if (controls(x, below))
            break;
    }
    if (s.len >= sizeof x && s.len - from < sizeof x) { /* the last ones, some of them again */
        memcpy(&x, s.at + s.len - sizeof x, sizeof x);
        if (!controls(x, below))
            return s.len;
    }
    while (from < s.len && (unsigned char)s.at[from] >= below && s.at[from] != 0x7f)
        from++;
    return from;
}

static bool bad(struct vx_http_error *error, unsigned status, const char *msg) {
    *error = (struct vx_http_error){status, msg};
    return false;
}

static struct vx_str trim(struct vx_str s) {
    while (s.len && (s.at[0] == ' ' || s.at[0] == '\t'))
        s.at++, s.len--;
    while (s.len && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
        s.len--;
    return s;
}

static size_t empty_lines(const char *at, size_t len) {
    size_t n = 0;

    while (n < len) {
        if (at[n] == '\n')
            n++;
        else if (at[n] == '\r' && n + 1 < len && at[n + 1] == '\n')
            n += 2;
        else
            break;
    }
    return n;
}

size_t vx_http_head_end(const char *at, size_t len, size_t *scanned) {
    size_t from = empty_lines(at, len);
    const char *lf;

    if (*scanned > from)
        from = *scanned;
    while (from < len && (lf = memchr(at + from, '\n', len - from))) {
        size_t next = (size_t)(lf - at) + 1;

        if (next < len && at[next] == '\n')
            return next + 1;
        if (next + 1 < len && at[next] == '\r' && at[next + 1] == '\n')
            return next + 2;
        if (next + 1 >= len) { /* the empty line may be only half there */
            *scanned = next - 1;
            return 0;
        }
        from = next;
    }
    *scanned = from < len ? len : from;
    return 0;
}

bool vx_http_is_head(const char *at, size_t len) {
    const struct vx_str head = VX_STR("HEAD ");
    size_t skip = empty_lines(at, len);

    return len - skip >= head.len && !memcmp(at + skip, head.at, head.len);
}

bool vx_http_join(const struct vx_str *lines, size_t count, char *out, size_t size,
                  struct vx_str *joined) {
    size_t len = 0;

    *joined = count ? lines[0] : VX_NONE;
    if (count < 2)
        return true;
    for (size_t i = 0; i < count; i++) {
        if (lines[i].len + 2 > size - len)
            return false;
        if (i) {
            memcpy(out + len, ", ", 2);
            len += 2;
        }
        memcpy(out + len, lines[i].at, lines[i].len);
        len += lines[i].len;
    }
    *joined = (struct vx_str){out, len};
    return true;
}

/* Takes one line off *rest, without its end. The head has been found complete: there is one. */
static struct vx_str take_line(struct vx_str *rest) {
    const char *lf = memchr(rest->at, '\n', rest->len);
    struct vx_str line = *rest;

    if (!lf) {
        *rest = (struct vx_str){rest->at + rest->len, 0};
        return line;
    }
    line.len = (size_t)(lf - rest->at);
    rest->len -= line.len + 1;
    rest->at = lf + 1;
    if (line.len && line.at[line.len - 1] == '\r')
        line.len--;
    return line;
}

static enum vx_method method_of(struct vx_str name) {
    static const struct {
        struct vx_str name;
        enum vx_method method;
    } methods[] = {
        {{"GET", 3}, VX_GET},     {{"HEAD", 4}, VX_HEAD},     {{"POST", 4}, VX_POST},
        {{"PUT", 3}, VX_PUT},     {{"DELETE", 6}, VX_DELETE}, {{"OPTIONS", 7}, VX_OPTIONS},
        {{"PATCH", 5}, VX_PATCH},
    };

    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (vx_str_eq(name, methods[i].name))
            return methods[i].method;
    return VX_OTHER;
}

/* "http://host/path" is for proxies, but a server has to take it (RFC 9112, section 3.2.2). */
static bool strip_authority(struct vx_str *target) {
    static const struct vx_str schemes[] = {{"http://", 7}, {"https://", 8}};

    for (size_t i = 0; i < 2; i++) {
        size_t n = schemes[i].len;

        if (target->len > n && vx_str_ieq((struct vx_str){target->at, n}, schemes[i])) {
            struct vx_str rest = {target->at + n, target->len - n};
            const char *slash = memchr(rest.at, '/', rest.len);

            if (!slash)
                *target = VX_STR("/");
            else
                *target = (struct vx_str){slash, rest.len - (size_t)(slash - rest.at)};
            return true;
        }
    }
    return false;
}

static bool parse_target(struct vx_http_head *head, struct vx_str target,
                         struct vx_http_error *error) {
    const char *mark;

    if (next_control(target, 0, ' ' + 1) < target.len)
        return bad(error, 400, "malformed request target");
    if (!target.len || (target.at[0] != '/' && !strip_authority(&target) &&
                        !(vx_str_eq(target, VX_STR("*")) && head->method == VX_OPTIONS) &&
                        head->method != VX_OTHER))
        return bad(error, 400, "malformed request target");
    mark = memchr(target.at, '?', target.len);
    head->path = target;
    if (mark) {
        head->path.len = (size_t)(mark - target.at);
        head->query = (struct vx_str){mark + 1, target.len - head->path.len - 1};
    }
    return true;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool parse_version(struct vx_http_head *head, struct vx_str version,
                          struct vx_http_error *error) {
    if (version.len != 8 || memcmp(version.at, "HTTP/", 5) || !is_digit(version.at[5]) ||
        version.at[6] != '.' || !is_digit(version.at[7]))
        return bad(error, 400, "malformed request line");
    if (version.at[5] != '1')
        return bad(error, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    head->http10 = version.at[7] == '0';
    head->persist = !head->http10;
    return true;
}

static bool parse_request_line(struct vx_http_head *head, struct vx_str line,
                               struct vx_http_error *error) {
    const char *end = line.at + line.len;
    const char *a = memchr(line.at, ' ', line.len);
    const char *b = end;
    struct vx_str method;

    while (b > line.at && *--b != ' ')
        ;
    if (!a || b == a || a == line.at)
        return bad(error, 400, "malformed request line");
    method = (struct vx_str){line.at, (size_t)(a - line.at)};
    head->method = method_of(method);
    if (head->method == VX_OTHER && !is_token(method))
        return bad(error, 400, "malformed request line");
    return parse_version(head, (struct vx_str){b + 1, (size_t)(end - b - 1)}, error) &&
           parse_target(head, (struct vx_str){a + 1, (size_t)(b - a - 1)}, error);
}

bool vx_http_next_element(struct vx_str *list, struct vx_str *element) {
    const char *comma;

    if (!list->at)
        return false;
    comma = memchr(list->at, ',', list->len);
    *element = *list;
    if (comma) {
        element->len = (size_t)(comma - list->at);
        list->len -= element->len + 1;
        list->at = comma + 1;
    } else {
        *list = VX_NONE;
    }
    *element = trim(*element);
    return true;
}

/* --- one function a header field; false: *error says what is wrong --- */

struct fields {
    struct vx_http_head *head;
    struct vx_http_error *error;
    struct vx_accept_encoding encodings;
    unsigned hosts;
};

static bool on_length(struct fields *f, struct vx_str value) {
    uint64_t n = 0;

    if (!value.len || value.len > 18)
        return bad(f->error, 400, "malformed Content-Length");
    for (size_t i = 0; i < value.len; i++) {
        if (!is_digit(value.at[i]))
            return bad(f->error, 400, "malformed Content-Length");
        n = n * 10 + (uint64_t)(value.at[i] - '0');
    }
    if (f->head->has_length && f->head->length != n)
        return bad(f->error, 400, "Content-Length given twice");
    f->head->has_length = true;
    f->head->length = n;
    return true;
}

static bool on_encoding(struct fields *f, struct vx_str value) {
    if (!vx_str_ieq(value, VX_STR("chunked")) || f->head->chunked)
        return bad(f->error, 501, "the only Transfer-Encoding taken is chunked");
    f->head->chunked = true;
    return true;
}

static bool on_connection(struct fields *f, struct vx_str value) {
    struct vx_str element;

    while (vx_http_next_element(&value, &element)) {
        if (vx_str_ieq(element, VX_STR("close")))
            f->head->persist = false;
        else if (vx_str_ieq(element, VX_STR("upgrade")))
            f->head->upgrade = true;
        else if (vx_str_ieq(element, VX_STR("keep-alive")) && f->head->http10)
            f->head->persist = true;
    }
    return true;
}

static bool on_expect(struct fields *f, struct vx_str value) {
    if (!vx_str_ieq(value, VX_STR("100-continue")))
        return bad(f->error, 417, "the only expectation met is 100-continue");
    f->head->expecting = !f->head->http10;
    return true;
}

/* What stands between brackets: an address of IPv6, or of a version to come. */
static bool is_ip_literal(struct vx_str s) {
    for (size_t i = 0; i < s.len; i++)
        if (!is_alnum((unsigned char)s.at[i]) && !strchr(":.-_~!$&'()*+,;=", s.at[i]))
            return false;
    return s.len > 0;
}

static bool is_reg_name(struct vx_str s) {
    for (size_t i = 0; i < s.len; i++)
        if (!is_alnum((unsigned char)s.at[i]) && s.at[i] != '.' &&
            !strchr("-_~!$&'()*+,;=%", s.at[i]))
            return false;
    return vx_percent_valid(s);
}

/* host[:port] (RFC 9112, section 3.2); empty is allowed, where the target has no authority. */
static bool is_host(struct vx_str s) {
    const char *end = s.at + s.len, *colon = end;

    while (colon > s.at && is_digit(colon[-1]))
        colon--;
    if (colon > s.at && colon[-1] == ':')
        s.len = (size_t)(colon - 1 - s.at);
    if (s.len && s.at[0] == '[')
        return s.len > 1 && s.at[s.len - 1] == ']' &&
               is_ip_literal((struct vx_str){s.at + 1, s.len - 2});
    return is_reg_name(s);
}

static bool on_host(struct fields *f, struct vx_str value) {
    if (f->hosts++)
        return bad(f->error, 400, "Host given twice");
    return is_host(value) || bad(f->error, 400, "malformed Host");
}

static bool once(struct fields *f, struct vx_str *known, struct vx_str value, const char *msg) {
    if (known->at)
        return bad(f->error, 400, msg);
    *known = value;
    return true;
}

static bool on_authorization(struct fields *f, struct vx_str value) {
    return once(f, &f->head->authorization, value, "Authorization given twice");
}

static bool add_line(struct fields *f, struct vx_str *lines, size_t *count, struct vx_str value,
                     const char *msg) {
    if (*count == VX_HTTP_LINES)
        return bad(f->error, 400, msg);
    lines[(*count)++] = value;
    return true;
}

static bool on_if_none_match(struct fields *f, struct vx_str value) {
    return add_line(f, f->head->if_none_match, &f->head->if_none_match_lines, value,
                    "If-None-Match given too often");
}

static bool on_content_type(struct fields *f, struct vx_str value) {
    if (!f->head->content_type.at)
        f->head->content_type = value;
    return true;
}

static bool on_idempotency_key(struct fields *f, struct vx_str value) {
    return once(f, &f->head->idempotency_key, value, "Idempotency-Key given twice");
}

/* --- streams --- */

static bool on_upgrade(struct fields *f, struct vx_str value) {
    struct vx_str element;

    while (vx_http_next_element(&value, &element))
        if (vx_str_ieq(element, VX_STR("websocket")))
            f->head->websocket = true;
    return true;
}

static bool on_accept(struct fields *f, struct vx_str value) {
    struct vx_str element;

    while (vx_http_next_element(&value, &element)) {
        const char *end = element.len ? memchr(element.at, ';', element.len) : NULL;

        if (end)
            element = trim((struct vx_str){element.at, (size_t)(end - element.at)});
        if (vx_str_ieq(element, VX_STR("text/event-stream")))
            f->head->takes_events = true;
    }
    return true;
}

static bool on_accept_encoding(struct fields *f, struct vx_str value) {
    vx_accept_encoding_add(&f->encodings, value);
    return true;
}

static bool on_ws_key(struct fields *f, struct vx_str value) {
    return once(f, &f->head->ws_key, value, "Sec-WebSocket-Key given twice");
}

static bool on_ws_version(struct fields *f, struct vx_str value) {
    return once(f, &f->head->ws_version, value, "Sec-WebSocket-Version given twice");
}

static bool on_last_event_id(struct fields *f, struct vx_str value) {
    return once(f, &f->head->last_event_id, value, "Last-Event-ID given twice");
}

static bool on_ws_protocol(struct fields *f, struct vx_str value) {
    return add_line(f, f->head->protocols, &f->head->protocol_lines, value,
                    "Sec-WebSocket-Protocol given too often");
}

static bool on_ws_extensions(struct fields *f, struct vx_str value) {
    return add_line(f, f->head->extensions, &f->head->extension_lines, value,
                    "Sec-WebSocket-Extensions given too often");
}

static bool parse_field(struct fields *f, struct vx_str line) {
    static const struct {
        struct vx_str name;
        bool (*on)(struct fields *f, struct vx_str value);
    } known[] = {
        {{"host", 4}, on_host},
        {{"authorization", 13}, on_authorization},
        {{"if-none-match", 13}, on_if_none_match},
        {{"connection", 10}, on_connection},
        {{"content-length", 14}, on_length},
        {{"idempotency-key", 15}, on_idempotency_key},
        {{"content-type", 12}, on_content_type},
        {{"transfer-encoding", 17}, on_encoding},
        {{"expect", 6}, on_expect},
        {{"upgrade", 7}, on_upgrade},
        {{"accept", 6}, on_accept},
        {{"accept-encoding", 15}, on_accept_encoding},
        {{"last-event-id", 13}, on_last_event_id},
        {{"sec-websocket-key", 17}, on_ws_key},
        {{"sec-websocket-version", 21}, on_ws_version},
        {{"sec-websocket-protocol", 22}, on_ws_protocol},
        {{"sec-websocket-extensions", 24}, on_ws_extensions},
    };
    const char *colon = memchr(line.at, ':', line.len);
    struct vx_str name, value;

    if (!colon || colon == line.at)
        return bad(f->error, 400, "malformed header line");
    name = (struct vx_str){line.at, (size_t)(colon - line.at)};
    value = trim((struct vx_str){colon + 1, line.len - name.len - 1});
    for (size_t i = next_control(value, 0, ' '); i < value.len; i = next_control(value, i + 1, ' '))
        if (value.at[i] != '\t')
            return bad(f->error, 400, "control character in a header");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (name.len == known[i].name.len && vx_str_ieq(name, known[i].name))
            return known[i].on(f, value);
    /* White space before the colon, folded lines: here. */
    return is_token(name) || bad(f->error, 400, "malformed header name");
}

static bool check_framing(const struct fields *f) {
    const struct vx_http_head *head = f->head;

    if (!f->hosts && !head->http10)
        return bad(f->error, 400, "Host is missing");
    if (head->chunked && (head->has_length || head->http10))
        return bad(f->error, 400, "Transfer-Encoding beside Content-Length, or in HTTP/1.0");
    return true;
}

enum vx_http_result vx_http_head_parse(struct vx_http_head *head, const char *at, size_t len,
                                       struct vx_http_error *error) {
    size_t skip = empty_lines(at, len);
    struct vx_str rest = {at + skip, len - skip};
    struct fields f = {.head = head, .error = error};

    *head = (struct vx_http_head){.size = len};
    if (!parse_request_line(head, take_line(&rest), error))
        return VX_HTTP_BAD;
    while (rest.len) {
        struct vx_str line = take_line(&rest);

        if (line.len && !parse_field(&f, line))
            return VX_HTTP_BAD;
    }
    head->takes_gzip = vx_accept_encoding_gzip(&f.encodings);
    return check_framing(&f) ? VX_HTTP_DONE : VX_HTTP_BAD;
}
