/*
 * The inside of net/, for its own files.
 *
 * DESIGN
 * libwebsockets keeps the sockets: its poll loop, its TLS, its timers and its wake-up from other
 * threads. HTTP is ours (http_parse.h), on lws's role for plain sockets, for what lws 4.1's HTTP
 * role cannot do: answer what it dislikes in JSON (it answers in HTML, or hangs up), read chunked
 * bodies (it takes them for the next request), and hold a request for a long poll: while one waits,
 * one more byte from that client, or its going away, makes the poll loop spin, and with its flow
 * control switched off against that it no longer sees the client go.
 *
 * A connection is READING (collecting a request), HELD (a long poll waits for a change), WRITING
 * (an answer does not fit into the socket yet), LINGERING (answered, told the client that it is
 * over, waiting for it to hear that). One request at a time: while one is being answered, what the
 * client sends next waits in the buffer, and beyond a limit in its socket.
 *
 * Everything runs on the network thread but for the functions of server.h and the registry's wake.
 */
#ifndef VX_NET_PRIVATE_H
#define VX_NET_PRIVATE_H

#include "net/http_parse.h"
#include "net/server.h"
#include "net/timeouts.h"

#include <libwebsockets.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#define VX_MAX_PARAMS    64
#define VX_MAX_LISTENERS 4
#define VX_TLS_CHUNK     65536 /* handed to lws at once; it copies what the socket does not take */
#define VX_TURN_REQUESTS 64    /* answered for one client before others have their turn */
#define VX_HEAD_SIZE     1400  /* room for a response head; less than VX_BODY_HEADROOM */
#define VX_LINGER_US     (2 * VX_SECOND_US)

enum vx_timeout { VX_TIMEOUT_NONE, VX_TIMEOUT_HEADER, VX_TIMEOUT_IDLE, VX_TIMEOUT_WRITE };
#define VX_TIMEOUT_KINDS 4

enum vx_conn_state { VX_READING, VX_HELD, VX_WRITING, VX_LINGERING };

struct vx_hold_group;
struct vx_parked;

struct vx_conn {
    struct vx_server *server;
    struct lws *wsi;
    struct vx_conn *next, **link; /* list of all */
    enum vx_conn_state state;
    enum vx_timeout timeout; /* what `timer` is for */
    struct vx_timer timer;
    struct vx_addr peer;

    char *in; /* received, not yet consumed; NULL while there is nothing */
    size_t in_len, in_cap;
    size_t scanned; /* of the head that is being received */
    size_t want;    /* nothing to look at before in_len reaches this */
    struct vx_chunks chunks;

    struct vx_body *out; /* what is left to send, from `sent` on */
    size_t sent;
    uint64_t acked; /* by the client's kernel, when the write timer was last set */

    struct vx_parked *parked;             /* VX_HELD: the request that waits */
    struct vx_hold_group *group;          /* and with whom */
    struct vx_conn *peers, **from;        /* list of its group */
    struct vx_conn *in_line, **line_link; /* with `due`: the line of those asked again */

    bool continued; /* 100 has been sent for the body that is awaited */
    bool closing;   /* after this answer */
    bool broken;    /* this answer refuses something that is not all read: linger */
    bool paused;    /* lws does not read from it */
    bool greeted;   /* it has sent something */
    bool again;     /* VX_READING: its turn was over before its requests were */
    bool due;       /* VX_HELD: stands in line to be asked again */
    bool expired;   /* VX_HELD: its time is over */
};

struct vx_net_metrics {
    atomic_uint_fast64_t codes[600];
    atomic_uint_fast64_t connections_total;
    atomic_uint_fast64_t refused_full, refused_descriptors, refused_setup;
    atomic_uint_fast64_t timeouts[VX_TIMEOUT_KINDS];
    atomic_uint_fast64_t too_large_header, too_large_body, malformed;
    atomic_uint_fast64_t received, sent;
    atomic_uint_fast64_t connections, held; /* now */
};

#define VX_HOLD_BUCKETS 64

struct vx_server {
    struct vx_api *api;
    struct vx_registry *registry;
    struct vx_config *config; /* the network thread's */
    struct lws_context *context;
    struct lws_vhost *vhost;
    SSL_CTX *tls; /* what new connections are given; replaced by a reload */
    bool with_tls;
    pthread_t thread;
    atomic_bool stop;
    unsigned port;
    int listeners[VX_MAX_LISTENERS];
    struct lws *accepting[VX_MAX_LISTENERS];
    size_t listener_count;
    bool accept_paused;
    int64_t shortage_logged_us;
    int descriptors; /* lws has tables for file descriptors below this */

    /* Limits, from `config`. */
    size_t max_connections, max_header, max_body;
    int64_t timeout_us[VX_TIMEOUT_KINDS];

    /* The part that is the same in every head for a second. */
    char common[VX_HEAD_SIZE];
    size_t common_len;
    int64_t common_second;
    char *cors;

    struct vx_conn *conns;
    struct vx_wheel wheel;
    lws_sorted_usec_list_t timer;
    int64_t expire_us, tick_us; /* when the registry and the api are next looked after */
    int64_t expired_us;         /* when the registry was last */
    struct vx_hold_group *groups[VX_HOLD_BUCKETS];
    struct vx_conn *line, **line_end; /* held requests that may be asked again */
    lws_sorted_usec_list_t turn;      /* `turn_due`: goes on with the line */
    bool turn_due;
    struct vx_net_metrics metrics;

    pthread_mutex_t lock;
    struct vx_config *pending; /* under `lock`: handed over by vx_server_configure() */
};

static inline void vx_count(atomic_uint_fast64_t *counter, uint64_t n) {
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static inline void vx_uncount(atomic_uint_fast64_t *counter, uint64_t n) {
    atomic_fetch_sub_explicit(counter, n, memory_order_relaxed);
}

/* --- server.c --- */
int64_t vx_net_now(void); /* monotonic microseconds */
/* The wheel has something to do again. */
void vx_net_schedule(struct vx_server *server);
void vx_net_woken(struct vx_server *server);

/* --- listen.c --- */
bool vx_listen_open(struct vx_server *server, char *error, size_t size);
void vx_listen_close(struct vx_server *server);
bool vx_listen_adopt(struct vx_server *server);
void vx_listen_accept(struct vx_server *server, struct lws *wsi);
void vx_listen_resume(struct vx_server *server);

/* --- conn.c --- */
extern const struct lws_protocols vx_net_protocols[];
void vx_conn_expire(struct vx_timer *timer);
/* A held request is asked again. */
void vx_conn_resume(struct vx_conn *conn);

/* --- http_request.c --- */
/* Handles what has come in as far as it goes. Returns how many bytes of at[0..len) are done with,
 * or -1: close. */
ssize_t vx_http_consume(struct vx_conn *conn, char *at, size_t len);
/* Answers with an error of the transport's own and closes. Returns false: close at once. */
bool vx_http_refuse(struct vx_conn *conn, unsigned status, const char *msg);

/* --- http_response.c --- */
/* Sends the answer, takes over its body; what the socket does not take is sent as it becomes
 * writable. Returns false when the connection is to be closed at once. Clears *response. */
bool vx_http_answer(struct vx_conn *conn, struct vx_response *response, bool head_only);
/* Goes on sending. Returns false when the connection is to be closed at once. */
bool vx_http_send(struct vx_conn *conn);
/* 100 Continue. Returns false when the connection is to be closed at once. */
bool vx_http_interim(struct vx_conn *conn);
bool vx_http_set_cors(struct vx_server *server, const char *origin);
/* A whole refusal, for a socket that is not lws's. Returns its length. */
size_t vx_http_busy(struct vx_server *server, char *out, size_t size);

/* --- holds.c --- */
/* Parks a request. False: no memory. Takes over response->hold.scope. */
bool vx_hold_park(struct vx_conn *conn, const struct vx_request *request, bool head_only,
                  struct vx_response *response);
/* Asks again at one of the next turns. */
void vx_hold_wake(struct vx_conn *conn);
/* A turn's share of those that stand in line. */
void vx_holds_run(struct vx_server *server);
/* Asks again. Returns false when the connection is to be closed at once. */
bool vx_hold_ask(struct vx_conn *conn);
/* Forgets the request of a connection, if it holds one. */
void vx_hold_drop(struct vx_conn *conn);
/* Wakes those whose scope has moved on. */
void vx_holds_check(struct vx_server *server);
/* Wakes all: what they may see can have changed. */
void vx_holds_wake_all(struct vx_server *server);
/* Answers all now, as if their time were over. */
void vx_holds_finish(struct vx_server *server);

/* --- tls.c --- */
/* NULL, with one line in error[]: the pair cannot be used. */
SSL_CTX *vx_tls_load(const char *cert, const char *key, char *error, size_t size);
/* Sets up lws's own SSL_CTX so that each new connection gets server->tls. */
bool vx_tls_prepare(struct vx_server *server, SSL_CTX *listening);

/* --- net_metrics.c --- */
void vx_net_metrics_render(void *ctx, struct vx_buf *out);

#endif
