/*
 * The head of an HTTP/1.x request (RFC 9112): a parser without sockets or allocation.
 *
 * It is strict where two readings of a message would let one client speak in another's name
 * (Content-Length beside Transfer-Encoding, repeated lengths, folded lines, control characters),
 * lenient only in what is harmless: lines may end in LF alone, empty lines may come before the
 * request line.
 *
 * Threads: any.
 */
#ifndef VX_HTTP_PARSE_H
#define VX_HTTP_PARSE_H

#include "api/api.h"

#define VX_HTTP_LINES 4 /* of a header that is a list */

struct vx_http_head {
    enum vx_method method;
    size_t size;        /* bytes, the empty line included */
    struct vx_str path; /* still percent-encoded, as are the names and values of the query */
    struct vx_str query;
    struct vx_str authorization, content_type;  /* VX_NONE when absent */
    struct vx_str idempotency_key;              /* the same */
    struct vx_str if_none_match[VX_HTTP_LINES]; /* in one list: vx_http_join() */
    size_t if_none_match_lines;
    uint64_t length; /* Content-Length */
    bool has_length;
    bool chunked;   /* Transfer-Encoding: chunked */
    bool persist;   /* the connection stays open afterwards */
    bool expecting; /* Expect: 100-continue */
    bool http10;

    bool upgrade;                                    /* Connection: upgrade */
    bool websocket;                                  /* Upgrade: websocket */
    bool takes_events;                               /* Accept: text/event-stream */
    bool takes_gzip;                                 /* vx_accept_encoding_gzip() */
    struct vx_str ws_key, ws_version, last_event_id; /* VX_NONE when absent */
    struct vx_str protocols[VX_HTTP_LINES];          /* Sec-WebSocket-Protocol, each a list */
    struct vx_str extensions[VX_HTTP_LINES];         /* Sec-WebSocket-Extensions, each a list */
    size_t protocol_lines, extension_lines;
};

enum vx_http_result {
    VX_HTTP_DONE,
    VX_HTTP_MORE, /* not all there yet */
    VX_HTTP_BAD,  /* answer with the error's status and close */
};

struct vx_http_error {
    unsigned status;
    const char *msg; /* static */
};

/* Looks for the end of a head in at[0..len). *scanned remembers how far earlier calls for the same
 * head have looked (0 at first): bytes that trickle in are looked at once. Returns its size, or 0
 * while it is not complete. */
size_t vx_http_head_end(const char *at, size_t len, size_t *scanned);

/* Whether a request, of which at[0..len) has come so far, is a HEAD: then no answer has a body,
 * however malformed the rest is. */
bool vx_http_is_head(const char *at, size_t len);

/* Joins the lines of a list by commas in out[0..size). One line is returned as it stands, none as
 * VX_NONE; false: it does not fit. */
bool vx_http_join(const struct vx_str *lines, size_t count, char *out, size_t size,
                  struct vx_str *joined);

/* Takes the next element off a comma list; false: there is none. Elements may be empty. */
bool vx_http_next_element(struct vx_str *list, struct vx_str *element);

/* `at` holds exactly one head, `len` is what vx_http_head_end() returned. Everything in *head is
 * borrowed from `at`. Returns VX_HTTP_DONE or VX_HTTP_BAD. */
enum vx_http_result vx_http_head_parse(struct vx_http_head *head, const char *at, size_t len,
                                       struct vx_http_error *error);

/* Where a chunked body ends (RFC 9112, section 7.1). Zero-initialise for each body. */
struct vx_chunks {
    size_t scanned;  /* raw bytes at the front of at[] that have been looked at */
    uint64_t left;   /* of the chunk being read */
    size_t size;     /* bytes of content so far */
    size_t around;   /* bytes of anything else so far */
    unsigned digits; /* of the chunk size being read */
    int state;
};

/* Reads on in the raw body at[0..len), of which the first `scanned` bytes have been read already.
 * VX_HTTP_DONE: the raw body is `scanned` bytes long and holds `size` bytes of content. More than
 * `limit` bytes of content, or of what is around it, is VX_HTTP_BAD with 413. A caller that throws
 * away what has been looked at sets `scanned` back to 0. */
enum vx_http_result vx_chunks_scan(struct vx_chunks *chunks, const char *at, size_t len,
                                   size_t limit, struct vx_http_error *error);

/* Moves the content of a raw body that vx_chunks_scan() has found complete to its front. Returns
 * its size. */
size_t vx_chunks_join(char *at, size_t len);

/* Splits the query and decodes names and values in place. Fills params[] up to `max`. Returns
 * false, with an error, when there are more or an escape is malformed. */
bool vx_http_params(struct vx_str query, struct vx_param *params, size_t max, size_t *count,
                    struct vx_http_error *error);

#endif
