#include "api/status_report.h"

#include "core/json_text.h"

#include <inttypes.h>
#include <stdio.h>

enum key {
    KEY_CALL_SID,
    KEY_ACCOUNT_SID,
    KEY_APPLICATION_SID,
    KEY_PARENT_CALL_SID,
    KEY_DIRECTION,
    KEY_FROM,
    KEY_TO,
    KEY_CALLER_NAME,
    KEY_CALLER_ID,
    KEY_CALL_ID,
    KEY_CALL_STATUS,
    KEY_SIP_STATUS,
    KEY_SIP_REASON,
    KEY_ORIGINATING_SIP_IP,
    KEY_ORIGINATING_SIP_TRUNK_NAME,
    KEY_DURATION,
    KEY_CUSTOMER_DATA,
    KEY_COUNT
};

/* In the order in which they are sent. */
static const struct vx_field rows[KEY_COUNT] = {
    [KEY_CALL_SID] = {"call_sid", "string", "uuid", true, "The call."},
    [KEY_ACCOUNT_SID] = {"account_sid", "string", "uuid", true, "Its account."},
    [KEY_APPLICATION_SID] = {"application_sid", "string", "uuid", false,
                             "The application that handles it, if any."},
    [KEY_PARENT_CALL_SID] = {"parent_call_sid", "string", "uuid", false,
                             "The call that dialled it, if one did."},
    [KEY_DIRECTION] = {"direction", "string", NULL, true, "inbound or outbound."},
    [KEY_FROM] = {"from", "string", NULL, true, "User part of the caller."},
    [KEY_TO] = {"to", "string", NULL, true, "User part that was called."},
    [KEY_CALLER_NAME] = {"caller_name", "string", NULL, true,
                         "Display name of the caller; may be empty."},
    [KEY_CALLER_ID] = {"caller_id", "string", NULL, false,
                       "Number shown to the called party; of calls that a call dialled."},
    [KEY_CALL_ID] = {"call_id", "string", NULL, false, "SIP Call-ID, once it is known."},
    [KEY_CALL_STATUS] = {"call_status", "string", NULL, true, "The status that it has now."},
    [KEY_SIP_STATUS] = {"sip_status", "integer", NULL, true, "The SIP status beside it."},
    [KEY_SIP_REASON] = {"sip_reason", "string", NULL, false, "Reason phrase of sip_status."},
    [KEY_ORIGINATING_SIP_IP] = {"originating_sip_ip", "string", NULL, false,
                                "ip:port the INVITE came from; inbound calls."},
    [KEY_ORIGINATING_SIP_TRUNK_NAME] = {"originating_sip_trunk_name", "string", NULL, false,
                                        "Carrier the INVITE came from; inbound calls."},
    [KEY_DURATION] = {"duration", "integer", NULL, false,
                      "Seconds from answer to end; with the final status."},
    [KEY_CUSTOMER_DATA] = {"customerData", "object", NULL, false,
                           "The call's tag; not in the query of a GET."},
};

struct value {
    enum { ABSENT, TEXT, NUMBER, JSON } kind;
    struct vx_str text;
    int64_t number;
    char sid[VX_UUID_TEXT + 1];
};

static void set_sid(struct value *v, const struct vx_uuid *sid) {
    if (vx_uuid_is_nil(sid))
        return;
    vx_uuid_format(v->sid, sid);
    v->kind = TEXT;
    v->text = vx_str(v->sid);
}

static void set_text(struct value *v, struct vx_str text, bool always) {
    if (!text.len && !always)
        return;
    v->kind = TEXT;
    v->text = text.at ? text : VX_STR("");
}

static void set_number(struct value *v, int64_t number) {
    v->kind = NUMBER;
    v->number = number;
}

static void read_value(struct value *v, enum key key, const struct vx_call_fields *f) {
    v->kind = ABSENT;
    switch (key) {
    case KEY_CALL_SID:
        return set_sid(v, &f->call_sid);
    case KEY_ACCOUNT_SID:
        return set_sid(v, &f->account_sid);
    case KEY_APPLICATION_SID:
        return set_sid(v, &f->application_sid);
    case KEY_PARENT_CALL_SID:
        return set_sid(v, &f->parent_call_sid);
    case KEY_DIRECTION:
        return set_text(v, vx_str(vx_direction_name(f->direction)), true);
    case KEY_FROM:
        return set_text(v, f->text[VX_TEXT_FROM], true);
    case KEY_TO:
        return set_text(v, f->text[VX_TEXT_TO], true);
    case KEY_CALLER_NAME:
        return set_text(v, f->text[VX_TEXT_CALLER_NAME], true);
    case KEY_CALLER_ID:
        if (!vx_uuid_is_nil(&f->parent_call_sid))
            set_text(v, f->text[VX_TEXT_FROM], false);
        return;
    case KEY_CALL_ID:
        return set_text(v, f->text[VX_TEXT_CALL_ID], false);
    case KEY_CALL_STATUS:
        return set_text(v, vx_str(vx_call_status_name(f->status)), true);
    case KEY_SIP_STATUS:
        return set_number(v, f->sip_status);
    case KEY_SIP_REASON:
        return set_text(v, f->text[VX_TEXT_SIP_REASON], false);
    case KEY_ORIGINATING_SIP_IP:
        return set_text(v, f->text[VX_TEXT_SIP_IP], false);
    case KEY_ORIGINATING_SIP_TRUNK_NAME:
        return set_text(v, f->text[VX_TEXT_TRUNK], false);
    case KEY_DURATION:
        if (vx_call_status_ended(f->status))
            set_number(v, vx_call_duration(f));
        return;
    case KEY_CUSTOMER_DATA:
        set_text(v, f->text[VX_TEXT_TAG], false);
        if (v->kind == TEXT)
            v->kind = JSON;
        return;
    case KEY_COUNT:
    default:
        return;
    }
}

void vx_status_json(struct vx_buf *out, const struct vx_call_fields *f) {
    const char *separator = "{";
    struct value v;

    for (enum key key = 0; key < KEY_COUNT; key++) {
        read_value(&v, key, f);
        if (v.kind == ABSENT)
            continue;
        vx_buf_puts(out, separator);
        separator = ",";
        vx_json_string(out, vx_str(rows[key].key));
        vx_buf_puts(out, ":");
        if (v.kind == TEXT)
            vx_json_string(out, v.text);
        else if (v.kind == JSON)
            vx_buf_str(out, v.text);
        else
            vx_buf_printf(out, "%" PRId64, v.number);
    }
    vx_buf_puts(out, "}");
}

static bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("-._~", c));
}

static void percent_encode(struct vx_buf *out, struct vx_str s) {
    for (size_t i = 0; i < s.len; i++) {
        if (is_unreserved(s.at[i]))
            vx_buf_add(out, &s.at[i], 1);
        else
            vx_buf_printf(out, "%%%02X", (unsigned char)s.at[i]);
    }
}

void vx_status_query(struct vx_buf *out, const struct vx_call_fields *f) {
    const char *separator = "";
    struct value v;

    for (enum key key = 0; key < KEY_COUNT; key++) {
        read_value(&v, key, f);
        if (v.kind != TEXT && v.kind != NUMBER)
            continue;
        vx_buf_printf(out, "%s%s=", separator, rows[key].key);
        separator = "&";
        if (v.kind == TEXT)
            percent_encode(out, v.text);
        else
            vx_buf_printf(out, "%" PRId64, v.number);
    }
}

static void property(struct vx_buf *out, enum key key) {
    const struct vx_field *f = &rows[key];

    vx_buf_printf(out, "%s\"%s\":{\"type\":\"%s\"", key ? "," : "", f->key, f->type);
    if (f->format)
        vx_buf_printf(out, ",\"format\":\"%s\"", f->format);
    if (key == KEY_CALL_STATUS) {
        for (enum vx_call_status s = 0; s < VX_CALL_STATUS_COUNT; s++)
            vx_buf_printf(out, "%s\"%s\"", s ? "," : ",\"enum\":[", vx_call_status_name(s));
        vx_buf_puts(out, "]");
    }
    vx_buf_puts(out, ",\"description\":");
    vx_json_string(out, vx_str(f->help));
    vx_buf_puts(out, "}");
}

void vx_status_schema(struct vx_buf *out) {
    const char *separator = "";

    vx_buf_puts(out, "{\"type\":\"object\",\"required\":[");
    for (enum key key = 0; key < KEY_COUNT; key++)
        if (rows[key].always) {
            vx_buf_printf(out, "%s\"%s\"", separator, rows[key].key);
            separator = ",";
        }
    vx_buf_puts(out, "],\"properties\":{");
    for (enum key key = 0; key < KEY_COUNT; key++)
        property(out, key);
    vx_buf_puts(out, "}}");
}
