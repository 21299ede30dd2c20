/* What a client sends over a WebSocket: whole and in pieces it is the same, and within its limits.
 * The first byte says how it is cut and whether compression was agreed on; the rest is the stream.
 */
#include "fuzz.h"

#include "net/ws.h"

#include <stdlib.h>

struct outcome {
    unsigned frames[VX_WS_BAD + 1];
    size_t control;
    uint16_t code;
};

static const size_t max_message = 64;

static bool feed(struct vx_ws *ws, const char *at, size_t len, struct outcome *o) {
    while (len) {
        size_t used;
        enum vx_ws_result result = vx_ws_feed(ws, at, len, &used);
        FUZZ_CHECK(used <= len && (used || result == VX_WS_BAD));
        FUZZ_CHECK(ws->control_len <= VX_WS_CONTROL && ws->message <= max_message);
        o->frames[result]++;
        if (result == VX_WS_GOT_PING || result == VX_WS_GOT_PONG || result == VX_WS_GOT_CLOSE)
            for (size_t i = 0; i < ws->control_len; i++)
                o->control = o->control * 31 + ws->control[i];
        if (result == VX_WS_GOT_CLOSE || result == VX_WS_BAD)
            o->code = ws->code;
        if (result == VX_WS_BAD) {
            FUZZ_CHECK(o->code == VX_WS_PROTOCOL_ERROR || o->code == VX_WS_BAD_TEXT ||
                       o->code == VX_WS_TOO_BIG);
            return false;
        }
        if (result == VX_WS_MORE)
            FUZZ_CHECK(used == len);
        at += used;
        len -= used;
    }
    return true;
}

static struct outcome run(const uint8_t *data, size_t size, size_t piece, bool deflate) {
    struct outcome o = {.code = 0};
    struct vx_ws ws;
    vx_ws_start(&ws, max_message, deflate);
    for (size_t at = 0; at < size; at += piece) {
        size_t len = size - at < piece ? size - at : piece;
        char *copy = malloc(len); /* so that a byte too far is noticed */
        FUZZ_CHECK(copy);
        memcpy(copy, data + at, len);
        bool more = feed(&ws, copy, len, &o);
        free(copy);
        if (!more)
            break;
    }
    o.frames[VX_WS_MORE] = 0;
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size)
        return 0;
    bool deflate = data[0] & 1;
    struct outcome whole = run(data + 1, size - 1, size, deflate);
    struct outcome pieces = run(data + 1, size - 1, 1 + (data[0] >> 1) % 16, deflate);
    FUZZ_CHECK(memcmp(&whole, &pieces, sizeof whole) == 0);
    (void)vx_ws_offers_deflate((struct vx_str){(const char *)data, size});
    char accept[VX_WS_ACCEPT + 1];
    (void)vx_ws_accept(accept, (struct vx_str){(const char *)data, size});
    return 0;
}
