/*
 * The WebSocket protocol (RFC 6455, RFC 7692) on the server's side, without sockets or allocation.
 *
 * Clients have nothing to say in this API but control frames; what they send all the same is
 * checked, counted and thrown away, never kept.
 *
 * Threads: any, one at a time per struct.
 */
#ifndef VX_WS_H
#define VX_WS_H

#include "core/base.h"

#define VX_WS_CONTROL 125 /* longest payload of a control frame */

enum vx_ws_opcode {
    VX_WS_CONTINUATION = 0,
    VX_WS_TEXT = 1,
    VX_WS_BINARY = 2,
    VX_WS_CLOSE = 8,
    VX_WS_PING = 9,
    VX_WS_PONG = 10
};

/* Close codes (RFC 6455, section 7.4.1); from 4000 on they are an application's own. */
enum vx_ws_code {
    VX_WS_NORMAL = 1000,
    VX_WS_GOING_AWAY = 1001,
    VX_WS_PROTOCOL_ERROR = 1002,
    VX_WS_NO_CODE = 1005, /* a close frame without one; never sent */
    VX_WS_BAD_TEXT = 1007,
    VX_WS_POLICY = 1008,
    VX_WS_TOO_BIG = 1009,
    VX_WS_TOKEN_REVOKED = 4401
};

struct vx_ws {
    size_t max_message; /* longest message taken, in bytes as sent */
    bool deflate;       /* permessage-deflate was agreed on */

    /* Its own. */
    uint64_t left;  /* of the payload of the present frame */
    size_t message; /* length of the present message so far */
    unsigned head_len, mask_at;
    uint8_t head[14];
    uint8_t mask[4];
    uint8_t opcode;     /* of the present frame */
    uint8_t kind;       /* of the present message; 0: between messages */
    bool in_frame, fin; /* the head of the present frame is complete; it ends its message */
    bool compressed;    /* the present message */
    uint8_t more;       /* bytes of a UTF-8 sequence still to come */
    uint8_t low, high;  /* between which the next of them lies */
    uint8_t control_len;
    uint8_t control[VX_WS_CONTROL];
    uint16_t code; /* of VX_WS_GOT_CLOSE and VX_WS_BAD */
};

enum vx_ws_result {
    VX_WS_MORE,     /* all is used up */
    VX_WS_GOT_DATA, /* a message has ended */
    VX_WS_GOT_PING, /* control[0..control_len) holds its payload */
    VX_WS_GOT_PONG,
    VX_WS_GOT_CLOSE, /* `code`, or VX_WS_NO_CODE */
    VX_WS_BAD,       /* close with `code`; nothing after this makes sense */
};

/* Zeroes the rest of the struct. */
void vx_ws_start(struct vx_ws *ws, size_t max_message, bool deflate);

/* Reads on in at[0..len), up to the end of a frame; *used tells how far. Call again with what is
 * left. */
enum vx_ws_result vx_ws_feed(struct vx_ws *ws, const char *at, size_t len, size_t *used);

#define VX_WS_HEAD 10

/* The head of an unfragmented frame of ours; returns its length. */
size_t vx_ws_head(uint8_t out[VX_WS_HEAD], enum vx_ws_opcode opcode, bool deflated, uint64_t len);

#define VX_WS_KEY    24
#define VX_WS_ACCEPT 28

/* The Sec-WebSocket-Accept for a Sec-WebSocket-Key (section 4.2.2). False: the key is not the
 * base64 of 16 bytes, or there is no SHA-1. */
bool vx_ws_accept(char out[VX_WS_ACCEPT + 1], struct vx_str key);

/* Whether one of the offers in a Sec-WebSocket-Extensions header is for permessage-deflate and can
 * be taken with a window of 2^15 bytes and without context takeover on our side. */
bool vx_ws_offers_deflate(struct vx_str extensions);

#endif
