#include "net/ws.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

void vx_ws_start(struct vx_ws *ws, size_t max_message, bool deflate) {
    *ws = (struct vx_ws){.max_message = max_message, .deflate = deflate};
}

static enum vx_ws_result bad(struct vx_ws *ws, enum vx_ws_code code) {
    ws->code = (uint16_t)code;
    return VX_WS_BAD;
}

static bool is_control(uint8_t opcode) {
    return opcode >= VX_WS_CLOSE;
}

/* --- UTF-8 that may be cut anywhere --- */

static bool utf8_lead(struct vx_ws *ws, uint8_t c) {
    ws->low = 0x80;
    ws->high = 0xbf;
    if (c < 0x80)
        return true;
    if (c >= 0xc2 && c <= 0xdf) {
        ws->more = 1;
    } else if ((c & 0xf0) == 0xe0) {
        ws->more = 2;
        ws->low = c == 0xe0 ? 0xa0 : 0x80;
        ws->high = c == 0xed ? 0x9f : 0xbf;
    } else if (c >= 0xf0 && c <= 0xf4) {
        ws->more = 3;
        ws->low = c == 0xf0 ? 0x90 : 0x80;
        ws->high = c == 0xf4 ? 0x8f : 0xbf;
    } else {
        return false;
    }
    return true;
}

static bool utf8_next(struct vx_ws *ws, uint8_t c) {
    if (!ws->more)
        return utf8_lead(ws, c);
    if (c < ws->low || c > ws->high)
        return false;
    ws->more--;
    ws->low = 0x80;
    ws->high = 0xbf;
    return true;
}

/* --- the head of a frame --- */

static unsigned head_size(const struct vx_ws *ws) {
    unsigned length = ws->head[1] & 0x7f;

    if (ws->head_len < 2)
        return 2;
    return 2 + (length == 126 ? 2 : length == 127 ? 8 : 0) + 4;
}

/* What the first two bytes tell. */
static bool check_head(struct vx_ws *ws) {
    uint8_t first = ws->head[0], length = ws->head[1] & 0x7f;
    uint8_t opcode = first & 0x0f;
    bool fin = first & 0x80, rsv1 = first & 0x40;

    if (first & 0x30 || !(ws->head[1] & 0x80)) /* reserved bits; not masked (section 5.1) */
        return false;
    if (is_control(opcode))
        return opcode <= VX_WS_PONG && fin && !rsv1 && length <= VX_WS_CONTROL;
    if (opcode > VX_WS_BINARY || (rsv1 && (!ws->deflate || opcode == VX_WS_CONTINUATION)))
        return false;
    return (opcode == VX_WS_CONTINUATION) == (ws->kind != 0);
}

/* False: a length that is not in its shortest form, or has its highest bit set. */
static bool read_length(struct vx_ws *ws) {
    unsigned size = head_size(ws) - 6;
    uint64_t length = 0;

    for (unsigned i = 0; i < size; i++)
        length = length << 8 | ws->head[2 + i];
    if (!size)
        length = ws->head[1] & 0x7f;
    ws->left = length;
    memcpy(ws->mask, ws->head + 2 + size, sizeof ws->mask);
    return !(length >> 63) && (size != 2 || length > 125) && (size != 8 || length > 65535);
}

static enum vx_ws_result begin_frame(struct vx_ws *ws) {
    if (!read_length(ws))
        return bad(ws, VX_WS_PROTOCOL_ERROR);
    ws->in_frame = true;
    ws->head_len = ws->mask_at = 0;
    ws->opcode = ws->head[0] & 0x0f;
    ws->fin = ws->head[0] & 0x80;
    if (is_control(ws->opcode)) {
        ws->control_len = 0;
        return VX_WS_MORE;
    }
    if (ws->opcode != VX_WS_CONTINUATION) {
        ws->kind = ws->opcode;
        ws->compressed = ws->head[0] & 0x40;
        ws->message = 0;
        ws->more = 0;
    }
    if (!ws->left && !ws->fin)
        ws->message++; /* or a message of empty fragments would have no end */
    if (ws->left > ws->max_message || ws->message > ws->max_message - ws->left)
        return bad(ws, VX_WS_TOO_BIG);
    return VX_WS_MORE;
}

static enum vx_ws_result read_head(struct vx_ws *ws, const char *at, size_t len, size_t *used) {
    while (*used < len) {
        ws->head[ws->head_len++] = (uint8_t)at[(*used)++];
        if (ws->head_len == 2 && !check_head(ws))
            return bad(ws, VX_WS_PROTOCOL_ERROR);
        if (ws->head_len == head_size(ws))
            return begin_frame(ws);
    }
    return VX_WS_MORE;
}

/* --- payloads --- */

static bool take_byte(struct vx_ws *ws, uint8_t c) {
    if (is_control(ws->opcode)) {
        ws->control[ws->control_len++] = c;
        return true;
    }
    return ws->kind != VX_WS_TEXT || ws->compressed || utf8_next(ws, c);
}

static bool is_code(unsigned code) {
    return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
           (code >= 3000 && code <= 4999);
}

static enum vx_ws_result end_close(struct vx_ws *ws) {
    unsigned code;

    if (!ws->control_len) {
        ws->code = VX_WS_NO_CODE;
        return VX_WS_GOT_CLOSE;
    }
    code = ws->control_len < 2 ? 0 : (unsigned)ws->control[0] << 8 | ws->control[1];
    if (!is_code(code))
        return bad(ws, VX_WS_PROTOCOL_ERROR);
    ws->more = 0;
    for (unsigned i = 2; i < ws->control_len; i++)
        if (!utf8_next(ws, ws->control[i]))
            return bad(ws, VX_WS_BAD_TEXT);
    if (ws->more)
        return bad(ws, VX_WS_BAD_TEXT);
    ws->code = (uint16_t)code;
    return VX_WS_GOT_CLOSE;
}

static enum vx_ws_result end_frame(struct vx_ws *ws) {
    ws->in_frame = false;
    switch (ws->opcode) {
    case VX_WS_CLOSE:
        return end_close(ws);
    case VX_WS_PING:
        return VX_WS_GOT_PING;
    case VX_WS_PONG:
        return VX_WS_GOT_PONG;
    default:
        break;
    }
    if (!ws->fin)
        return VX_WS_MORE;
    if (ws->kind == VX_WS_TEXT && ws->more)
        return bad(ws, VX_WS_BAD_TEXT);
    ws->kind = 0;
    return VX_WS_GOT_DATA;
}

static enum vx_ws_result read_payload(struct vx_ws *ws, const char *at, size_t len, size_t *used) {
    while (ws->left && *used < len) {
        uint8_t c = (uint8_t)at[(*used)++] ^ ws->mask[ws->mask_at++ % 4];

        ws->left--;
        if (!is_control(ws->opcode))
            ws->message++;
        if (!take_byte(ws, c))
            return bad(ws, VX_WS_BAD_TEXT);
    }
    return ws->left ? VX_WS_MORE : end_frame(ws);
}

enum vx_ws_result vx_ws_feed(struct vx_ws *ws, const char *at, size_t len, size_t *used) {
    *used = 0;
    while (*used < len || (ws->in_frame && !ws->left)) {
        enum vx_ws_result result =
            ws->in_frame ? read_payload(ws, at, len, used) : read_head(ws, at, len, used);

        if (result != VX_WS_MORE)
            return result;
    }
    return VX_WS_MORE;
}

/* --- our side --- */

size_t vx_ws_head(uint8_t out[VX_WS_HEAD], enum vx_ws_opcode opcode, bool deflated, uint64_t len) {
    unsigned size = len < 126 ? 0 : len < 65536 ? 2 : 8;

    out[0] = (uint8_t)(0x80 | (deflated ? 0x40 : 0) | opcode);
    out[1] = (uint8_t)(size == 0 ? len : size == 2 ? 126 : 127);
    for (unsigned i = 0; i < size; i++)
        out[2 + i] = (uint8_t)(len >> 8 * (size - 1 - i));
    return 2 + size;
}

bool vx_ws_accept(char out[VX_WS_ACCEPT + 1], struct vx_str key) {
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    unsigned char joined[VX_WS_KEY + sizeof guid - 1], hash[SHA_DIGEST_LENGTH], decoded[18];

    if (key.len != VX_WS_KEY || memcmp(key.at + VX_WS_KEY - 2, "==", 2) != 0)
        return false;
    memcpy(joined, key.at, VX_WS_KEY);
    memcpy(joined + VX_WS_KEY, guid, sizeof guid - 1);
    if (EVP_DecodeBlock(decoded, joined, VX_WS_KEY) != 18 || !SHA1(joined, sizeof joined, hash))
        return false;
    return EVP_EncodeBlock((unsigned char *)out, hash, sizeof hash) == VX_WS_ACCEPT;
}

/* --- extensions (RFC 6455, section 9.1; RFC 7692, section 7.1) --- */

static struct vx_str trim(struct vx_str s) {
    while (s.len && (*s.at == ' ' || *s.at == '\t')) {
        s.at++;
        s.len--;
    }
    while (s.len && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
        s.len--;
    return s;
}

static struct vx_str next_item(struct vx_str *rest, char mark) {
    const char *found = rest->len ? memchr(rest->at, mark, rest->len) : NULL;
    struct vx_str item = *rest;

    if (found) {
        item.len = (size_t)(found - rest->at);
        *rest = (struct vx_str){found + 1, rest->len - item.len - 1};
    } else {
        *rest = VX_NONE;
    }
    return trim(item);
}

/* A smaller window than ours is what a client may ask of us: that offer is passed over. */
static bool is_fine_parameter(struct vx_str p) {
    struct vx_str value = p, name = next_item(&value, '=');

    value = trim(value);
    if (vx_str_eq(name, VX_STR("server_no_context_takeover")) ||
        vx_str_eq(name, VX_STR("client_no_context_takeover")))
        return !value.at;
    if (vx_str_eq(name, VX_STR("client_max_window_bits")))
        return true;
    return vx_str_eq(name, VX_STR("server_max_window_bits")) &&
           (vx_str_eq(value, VX_STR("15")) || vx_str_eq(value, VX_STR("\"15\"")));
}

bool vx_ws_offers_deflate(struct vx_str extensions) {
    while (extensions.at) {
        struct vx_str offer = next_item(&extensions, ',');
        bool fine = vx_str_eq(next_item(&offer, ';'), VX_STR("permessage-deflate"));

        while (fine && offer.at)
            fine = is_fine_parameter(next_item(&offer, ';'));
        if (fine)
            return true;
    }
    return false;
}
