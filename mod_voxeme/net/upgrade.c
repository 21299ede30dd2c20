/* What the head of a request says about a stream: which kind, for whom, and whether it can be had.
 */
#include "net/net_private.h"

static const struct vx_str ours = {VX_SUBPROTOCOL, sizeof VX_SUBPROTOCOL - 1};

enum vx_stream_kind vx_upgrade_kind(const struct vx_http_head *head) {
    if (head->method != VX_GET)
        return VX_STREAM_NONE;
    if (head->websocket && head->upgrade && !head->http10)
        return VX_STREAM_WEBSOCKET;
    return head->takes_events ? VX_STREAM_EVENTS : VX_STREAM_NONE;
}

/* A browser cannot send Authorization with an upgrade: it offers its token as a subprotocol, which
 * is never chosen and so never sent back. */
struct vx_str vx_upgrade_token(const struct vx_http_head *head) {
    static const struct vx_str prefix = VX_STR("bearer.");

    for (size_t i = 0; i < head->protocol_lines; i++) {
        struct vx_str list = head->protocols[i], one;

        while (vx_http_next_element(&list, &one))
            if (one.len > prefix.len && !memcmp(one.at, prefix.at, prefix.len))
                return (struct vx_str){one.at + prefix.len, one.len - prefix.len};
    }
    return VX_NONE;
}

bool vx_upgrade_offers_ours(const struct vx_http_head *head) {
    for (size_t i = 0; i < head->protocol_lines; i++) {
        struct vx_str list = head->protocols[i], one;

        while (vx_http_next_element(&list, &one))
            if (vx_str_eq(one, ours))
                return true;
    }
    return false;
}

bool vx_upgrade_offers_deflate(const struct vx_http_head *head) {
    for (size_t i = 0; i < head->extension_lines; i++)
        if (vx_ws_offers_deflate(head->extensions[i]))
            return true;
    return false;
}

bool vx_upgrade_check(const struct vx_http_head *head, struct vx_http_error *error) {
    char accept[VX_WS_ACCEPT + 1];

    if (!vx_str_eq(head->ws_version, VX_STR("13")))
        *error = (struct vx_http_error){426, "the only WebSocket version spoken here is 13"};
    else if (!vx_ws_accept(accept, head->ws_key))
        *error = (struct vx_http_error){400, "malformed Sec-WebSocket-Key"};
    else if (head->protocol_lines && !vx_upgrade_offers_ours(head))
        *error = (struct vx_http_error){400, "the only subprotocol spoken here is " VX_SUBPROTOCOL};
    else
        return true;
    return false;
}
