/*
 * A call as JSON. This is the hot path of every list, so it is written by hand; a test holds it
 * against json-c. A new key is an enum, a row in each of the two tables, and nothing else.
 */
#include "core/call.h"
#include "core/clock.h"

enum key {
    KEY_ACCOUNT_SID,
    KEY_ANSWERED_AT,
    KEY_APPLICATION_SID,
    KEY_ATTEMPTED_AT,
    KEY_CALL_ID,
    KEY_CALL_SID,
    KEY_CALL_STATUS,
    KEY_CALLER_NAME,
    KEY_DIRECTION,
    KEY_DURATION,
    KEY_FROM,
    KEY_ORIGINATING_SIP_IP,
    KEY_ORIGINATING_SIP_TRUNK_NAME,
    KEY_PARENT_CALL_SID,
    KEY_SERVICE_URL,
    KEY_SIP_REASON,
    KEY_SIP_STATUS,
    KEY_TERMINATED_AT,
    KEY_TERMINATION_REASON,
    KEY_TO,
    KEY_COUNT
};

const struct vx_field vx_call_field_table[KEY_COUNT] = {
    [KEY_ACCOUNT_SID] = {"account_sid", "string", "uuid", true, "The account the call belongs to."},
    [KEY_ANSWERED_AT] = {"answered_at", "string", "date-time", false, "When it was answered."},
    [KEY_APPLICATION_SID] = {"application_sid", "string", "uuid", false,
                             "The application that handles it, if any."},
    [KEY_ATTEMPTED_AT] = {"attempted_at", "string", "date-time", false,
                          "When the leg was created."},
    [KEY_CALL_ID] = {"call_id", "string", NULL, false,
                     "SIP Call-ID of this leg; absent until it is known."},
    [KEY_CALL_SID] = {"call_sid", "string", "uuid", true, "Identifies this leg."},
    [KEY_CALL_STATUS] = {"call_status", "string", NULL, true, "Where the call is in its life."},
    [KEY_CALLER_NAME] = {"caller_name", "string", NULL, true,
                         "Display name of the caller; empty when there is none."},
    [KEY_DIRECTION] = {"direction", "string", NULL, true,
                       "inbound or outbound, as the server sees it."},
    [KEY_DURATION] =
        {"duration", "integer", NULL, false,
         "Whole seconds from answer to end, 0 if never answered; only of ended calls."},
    [KEY_FROM] = {"from", "string", NULL, true, "User part of the caller, as first seen."},
    [KEY_ORIGINATING_SIP_IP] = {"originating_sip_ip", "string", NULL, false,
                                "ip:port the INVITE came from; inbound legs."},
    [KEY_ORIGINATING_SIP_TRUNK_NAME] = {"originating_sip_trunk_name", "string", NULL, false,
                                        "Carrier the INVITE came from; inbound legs."},
    [KEY_PARENT_CALL_SID] = {"parent_call_sid", "string", "uuid", false,
                             "The call that dialled this leg."},
    [KEY_SERVICE_URL] = {"service_url", "string", NULL, true,
                         "Base URL of the node that owns the call."},
    [KEY_SIP_REASON] = {"sip_reason", "string", NULL, false, "Reason phrase of sip_status."},
    [KEY_SIP_STATUS] = {"sip_status", "integer", NULL, true, "Last SIP status of this leg."},
    [KEY_TERMINATED_AT] = {"terminated_at", "string", "date-time", false, "When it ended."},
    [KEY_TERMINATION_REASON] = {"termination_reason", "string", NULL, false,
                                "The host's cause, such as NORMAL_CLEARING."},
    [KEY_TO] = {"to", "string", NULL, true, "User part that was called, as first seen."},
};
const size_t vx_call_field_count = KEY_COUNT;

const char *vx_direction_name(enum vx_direction d) {
    return d == VX_INBOUND ? "inbound" : d == VX_OUTBOUND ? "outbound" : "unknown";
}

int64_t vx_call_duration(const struct vx_call_fields *f) {
    if (f->answered_us <= 0 || f->ended_us < f->answered_us)
        return 0;
    return (f->ended_us - f->answered_us) / VX_SECOND_US;
}

/* Length of the valid UTF-8 sequence at p (RFC 3629: no overlong forms, no surrogates); 0 if there
 * is none. */
static size_t utf8_sequence(const unsigned char *p, size_t left) {
    unsigned char low = 0x80, high = 0xbf;
    size_t len = p[0] >= 0xc2 && p[0] <= 0xdf   ? 2
                 : (p[0] & 0xf0) == 0xe0        ? 3
                 : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
                                                : 0;

    if (p[0] < 0x80)
        return 1;
    if (len == 0 || len > left)
        return 0;
    if (p[0] == 0xe0)
        low = 0xa0;
    else if (p[0] == 0xed)
        high = 0x9f;
    else if (p[0] == 0xf0)
        low = 0x90;
    else if (p[0] == 0xf4)
        high = 0x8f;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

static void escape_control(struct vx_buf *out, unsigned char c) {
    static const char digits[] = "0123456789abcdef";
    static const char shorthand[0x20] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    char escaped[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};

    if (shorthand[c]) {
        escaped[1] = shorthand[c];
        vx_buf_add(out, escaped, 2);
    } else {
        vx_buf_add(out, escaped, sizeof escaped);
    }
}

static bool is_plain(unsigned char c) {
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

void vx_json_string(struct vx_buf *out, struct vx_str s) {
    const unsigned char *p = (const unsigned char *)s.at;
    size_t start = 0, i = 0;

    vx_buf_add(out, "\"", 1);
    while (i < s.len) {
        size_t len = is_plain(p[i]) ? 1 : 0;

        if (!len && p[i] >= 0x80)
            len = utf8_sequence(p + i, s.len - i);
        if (len) {
            i += len;
            continue;
        }
        vx_buf_add(out, s.at + start, i - start);
        if (p[i] < 0x20)
            escape_control(out, p[i]);
        else if (p[i] < 0x80)
            vx_buf_add(out, (char[]){'\\', (char)p[i]}, 2);
        else
            vx_buf_puts(out, "\xef\xbf\xbd"); /* U+FFFD for each byte that is not UTF-8 */
        start = ++i;
    }
    if (i > start)
        vx_buf_add(out, s.at + start, i - start);
    vx_buf_add(out, "\"", 1);
}

static void add_number(struct vx_buf *out, uint64_t n) {
    char digits[20];
    size_t at = sizeof digits;

    do
        digits[--at] = (char)('0' + n % 10);
    while (n /= 10);
    vx_buf_add(out, digits + at, sizeof digits - at);
}

static void add_uuid(struct vx_buf *out, const struct vx_uuid *u) {
    char text[VX_UUID_TEXT + 3];

    text[0] = '"';
    vx_uuid_format(text + 1, u);
    text[VX_UUID_TEXT + 1] = '"';
    vx_buf_add(out, text, VX_UUID_TEXT + 2);
}

static void add_time(struct vx_buf *out, int64_t us) {
    char text[VX_RFC3339_SIZE + 2];

    text[0] = '"';
    vx_rfc3339(text + 1, us);
    text[VX_RFC3339_SIZE] = '"';
    vx_buf_add(out, text, VX_RFC3339_SIZE + 1);
}

/* Where the value of each key comes from. Identifiers and times that are not known, and texts that
 * are empty, are left out, unless the field table says that the key is always there. */
enum kind { SID, TIME, TEXT, STATUS, DIRECTION, DURATION, SERVICE_URL, SIP_STATUS };

static const struct source {
    enum kind kind;
    size_t at; /* SID, TIME: offset into vx_call_fields; TEXT: index */
} sources[KEY_COUNT] = {
    [KEY_ACCOUNT_SID] = {SID, offsetof(struct vx_call_fields, account_sid)},
    [KEY_ANSWERED_AT] = {TIME, offsetof(struct vx_call_fields, answered_us)},
    [KEY_APPLICATION_SID] = {SID, offsetof(struct vx_call_fields, application_sid)},
    [KEY_ATTEMPTED_AT] = {TIME, offsetof(struct vx_call_fields, attempted_us)},
    [KEY_CALL_ID] = {TEXT, VX_TEXT_CALL_ID},
    [KEY_CALL_SID] = {SID, offsetof(struct vx_call_fields, call_sid)},
    [KEY_CALL_STATUS] = {STATUS, 0},
    [KEY_CALLER_NAME] = {TEXT, VX_TEXT_CALLER_NAME},
    [KEY_DIRECTION] = {DIRECTION, 0},
    [KEY_DURATION] = {DURATION, 0},
    [KEY_FROM] = {TEXT, VX_TEXT_FROM},
    [KEY_ORIGINATING_SIP_IP] = {TEXT, VX_TEXT_SIP_IP},
    [KEY_ORIGINATING_SIP_TRUNK_NAME] = {TEXT, VX_TEXT_TRUNK},
    [KEY_PARENT_CALL_SID] = {SID, offsetof(struct vx_call_fields, parent_call_sid)},
    [KEY_SERVICE_URL] = {SERVICE_URL, 0},
    [KEY_SIP_REASON] = {TEXT, VX_TEXT_SIP_REASON},
    [KEY_SIP_STATUS] = {SIP_STATUS, 0},
    [KEY_TERMINATED_AT] = {TIME, offsetof(struct vx_call_fields, ended_us)},
    [KEY_TERMINATION_REASON] = {TEXT, VX_TEXT_TERMINATION},
    [KEY_TO] = {TEXT, VX_TEXT_TO},
};

static const void *field_at(const struct vx_call_fields *f, size_t offset) {
    return (const char *)f + offset;
}

static bool is_known(enum key key, const struct vx_call_fields *f) {
    const struct source *source = &sources[key];

    switch (source->kind) {
    case SID:
        return !vx_uuid_is_nil(field_at(f, source->at));
    case TIME:
        return *(const int64_t *)field_at(f, source->at) != 0;
    case TEXT:
        return vx_call_field_table[key].always || f->text[source->at].len > 0;
    case DURATION:
        return vx_call_status_ended(f->status);
    case STATUS:
    case DIRECTION:
    case SERVICE_URL:
    case SIP_STATUS:
    default:
        return true;
    }
}

static void render_value(struct vx_buf *out, enum key key, const struct vx_call_fields *f) {
    const struct source *source = &sources[key];

    switch (source->kind) {
    case SID:
        add_uuid(out, field_at(f, source->at));
        break;
    case TIME:
        add_time(out, *(const int64_t *)field_at(f, source->at));
        break;
    case TEXT:
        vx_json_string(out, f->text[source->at]);
        break;
    case STATUS:
        vx_json_string(out, vx_str(vx_call_status_name(f->status)));
        break;
    case DIRECTION:
        vx_json_string(out, vx_str(vx_direction_name(f->direction)));
        break;
    case DURATION:
        add_number(out, (uint64_t)vx_call_duration(f));
        break;
    case SERVICE_URL:
        vx_json_string(out, vx_str(f->service_url));
        break;
    case SIP_STATUS:
    default:
        add_number(out, f->sip_status);
        break;
    }
}

void vx_call_render(struct vx_buf *out, const struct vx_call_fields *f) {
    size_t start = out->len;

    for (enum key key = 0; key < KEY_COUNT; key++) {
        if (!is_known(key, f))
            continue;
        vx_buf_add(out, out->len == start ? "{\"" : ",\"", 2);
        vx_buf_puts(out, vx_call_field_table[key].key);
        vx_buf_add(out, "\":", 2);
        render_value(out, key, f);
    }
    vx_buf_add(out, "}", 1);
}
