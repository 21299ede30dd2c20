/* Bytes -> the fields of a call -> JSON -> json-c: always valid, always the same keys, and valid
 * UTF-8 comes back as it went in. */
#include "fuzz.h"

#include "core/call.h"

#include <json.h>

struct input {
    const uint8_t *at;
    size_t left;
};

static uint8_t byte(struct input *in) {
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->at++;
}

static int64_t number(struct input *in) {
    uint64_t n = 0;
    for (int i = 0; i < 8; i++)
        n = n << 8 | byte(in);
    return (int64_t)n;
}

static struct vx_uuid uuid(struct input *in) {
    struct vx_uuid u = {{0}};
    if (byte(in) % 2)
        for (int i = 0; i < 16; i++)
            u.b[i] = byte(in);
    return u;
}

static struct vx_str text(struct input *in) {
    uint8_t kind = byte(in);
    size_t len = byte(in);
    if (kind == 0)
        return VX_NONE;
    if (len > in->left)
        len = in->left;
    struct vx_str s = {len ? (const char *)in->at : "", len};
    in->at += len;
    in->left -= len;
    return s;
}

static struct json_object *parse(const char *at, size_t len) {
    struct json_tokener *t = json_tokener_new_ex(8);
    FUZZ_CHECK(t);
    json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *o = json_tokener_parse_ex(t, at, (int)len);
    FUZZ_CHECK(json_tokener_get_error(t) == json_tokener_success);
    FUZZ_CHECK(json_tokener_get_parse_end(t) == len);
    json_tokener_free(t);
    return o;
}

/* Unicode, table 3-7; json-c's own check lets surrogates through. */
static bool is_utf8(struct vx_str s) {
    const uint8_t *at = (const uint8_t *)s.at, *end = at + s.len;
    while (at < end) {
        uint32_t c = *at++;
        size_t more = c < 0x80 ? 0 : c < 0xc2 ? 9 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : c < 0xf5 ? 3 : 9;
        if (more == 9 || (size_t)(end - at) < more)
            return false;
        uint32_t least = more == 3 ? 0x10000 : more == 2 ? 0x800 : 0;
        if (more > 0)
            c &= 0x3fU >> more;
        for (; more > 0; more--) {
            if ((*at & 0xc0) != 0x80)
                return false;
            c = c << 6 | (*at++ & 0x3f);
        }
        if (c < least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
            return false;
    }
    return true;
}

static void comes_back(struct json_object *call, const char *key, struct vx_str in) {
    struct json_object *value;
    if (!in.at || !is_utf8(in))
        return;
    FUZZ_CHECK(json_object_object_get_ex(call, key, &value));
    FUZZ_CHECK((size_t)json_object_get_string_len(value) == in.len);
    FUZZ_CHECK(memcmp(json_object_get_string(value), in.len ? in.at : "", in.len) == 0);
}

static void check_keys(struct json_object *call) {
    size_t row = 0;
    json_object_object_foreach(call, key, value) {
        while (row < vx_call_field_count && strcmp(vx_call_field_table[row].key, key) != 0)
            row++;
        FUZZ_CHECK(row < vx_call_field_count);
        bool is_string = json_object_is_type(value, json_type_string);
        FUZZ_CHECK(is_string == (strcmp(vx_call_field_table[row].type, "string") == 0));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input in = {data, size};
    struct vx_call_fields f = {
        .call_sid = uuid(&in),
        .account_sid = uuid(&in),
        .application_sid = uuid(&in),
        .parent_call_sid = uuid(&in),
        .attempted_us = number(&in),
        .answered_us = number(&in),
        .ended_us = number(&in),
        .status = (enum vx_call_status)(byte(&in) % VX_CALL_STATUS_COUNT),
        .direction = (enum vx_direction)(byte(&in) % 3),
        .sip_status = (uint16_t)(byte(&in) << 8 | byte(&in)),
        .service_url = "http://127.0.0.1:3000",
    };
    for (int t = 0; t < VX_TEXT_TAG; t++) /* a tag is JSON already */
        f.text[t] = text(&in);

    size_t len = vx_call_json_len(&f, false);
    char *out = malloc(len);
    FUZZ_CHECK(out && vx_call_json_write(out, len, &f));
    struct json_object *call = parse(out, len);
    FUZZ_CHECK(json_object_is_type(call, json_type_object));
    check_keys(call);
    comes_back(call, "from", f.text[VX_TEXT_FROM]);
    comes_back(call, "to", f.text[VX_TEXT_TO]);
    comes_back(call, "caller_name", f.text[VX_TEXT_CALLER_NAME]);
    json_object_put(call);

    struct vx_snapshot *s = vx_snapshot_new(&f);
    FUZZ_CHECK(s);
    struct vx_buf json = {0};
    vx_buf_json(&json, s);
    FUZZ_CHECK(json.len == len && memcmp(json.at, out, len) == 0);
    vx_buf_free(&json);
    vx_snapshot_release(&s);
    free(out);
    return 0;
}
