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
 * client sends next waits in its socket.
 *
 * A request with a body is judged by its head (vx_api_admit()) as soon as that is complete. A no is
 * answered at once and, unless the body is there already, ends the connection. Only a body that
 * will be looked at is kept, and counted; any other is thrown away as it comes.
 *
 * A server has `threads` workers, each a thread with an lws context and connections of its own:
 * once a connection has been given to a worker nobody else touches it. The first worker accepts and
 * deals out (listen.c), and it alone sees to what is the server's: expiry, the api's tick, the
 * certificate. What is asked of the api is asked by all of them at the same time.
 *
 * Everything runs on its worker's thread but for the functions of server.h, the registry's wake and
 * the commands' notification.
 */
#ifndef VX_NET_PRIVATE_H
#define VX_NET_PRIVATE_H

#include "net/http_parse.h"
#include "net/server.h"
#include "net/timeouts.h"
#include "net/ws.h"

#include <libwebsockets.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#define VX_MAX_PARAMS    256 /* the most that can be configured */
#define VX_MAX_LISTENERS 4
#define VX_MAX_WORKERS   64     /* likewise */
#define VX_TABLE_SIZE    131072 /* descriptors that lws is to keep track of */
#define VX_TLS_CHUNK     65536  /* handed to lws at once; it copies what the socket does not take */
#define VX_TURN_REQUESTS 64     /* answered for one client before others have their turn */
#define VX_HEAD_SIZE     1400   /* room for a response head; less than VX_BODY_HEADROOM */
#define VX_LIST_SIZE     1024   /* room for a header that came in several lines */
#define VX_URL_SIZE      520    /* room for service-url, or one made of a host */
#define VX_LINGER_US     (2 * VX_SECOND_US)

#define VX_BEARER_SIZE  640 /* room for "Bearer TOKEN"; tokens are shorter */
#define VX_MISSED_PONGS 2   /* pings in a row without an answer: the client is gone */
#define VX_SUBPROTOCOL  "voxeme.calls.v1"

enum vx_timeout {
    VX_TIMEOUT_NONE,
    VX_TIMEOUT_HEADER,
    VX_TIMEOUT_IDLE,
    VX_TIMEOUT_WRITE,
    VX_TIMEOUT_PING,  /* a stream is to be pinged */
    VX_TIMEOUT_RETRY, /* a stream waits for memory */
};
#define VX_TIMEOUT_KINDS 6

/* A body that nobody wants: how its end is found, or that it has been. */
enum vx_skip { VX_SKIP_NONE, VX_SKIP_LENGTH, VX_SKIP_CHUNKS, VX_SKIP_DONE };

enum vx_conn_state { VX_READING, VX_HELD, VX_WRITING, VX_STREAMING, VX_LINGERING };

enum vx_stream_kind { VX_STREAM_NONE, VX_STREAM_WEBSOCKET, VX_STREAM_EVENTS };

/* How a message is put on the wire. */
enum vx_frame_form { VX_FRAME_TEXT, VX_FRAME_DEFLATED, VX_FRAME_EVENT };

/* A message in one of its forms, for the others who are sent it as well. */
struct vx_framed {
    struct vx_body *message, *frame;
    enum vx_frame_form form;
};

#define VX_FRAMES_KEPT 16

struct vx_parked;
struct vx_stream;
struct vx_deflater;

/* Who waits for changes of one scope. */
struct vx_hold_group {
    struct vx_hold_group *next;
    struct vx_scope *scope;
    uint64_t checked; /* nobody here waits for anything up to this revision */
    struct vx_conn *conns;
    int64_t relieved_us; /* when one of its streams was last cut off for the others */
};

struct vx_conn {
    struct vx_worker *worker;
    struct lws *wsi;
    struct vx_conn *next, **link; /* list of all */
    enum vx_conn_state state;
    enum vx_timeout timeout; /* what `timer` is for */
    struct vx_timer timer;
    struct vx_addr peer;
    struct vx_known_token known;

    char *in; /* received, not yet consumed; NULL while there is nothing */
    size_t in_len, in_cap;
    size_t scanned; /* of the head that is being received */
    size_t want;    /* nothing to look at before in_len reaches this */
    size_t charged; /* of in_cap, to the memory that bodies may hold together */
    struct vx_chunks chunks;
    enum vx_skip skipping;
    uint64_t skip_left; /* VX_SKIP_LENGTH: bytes */

    struct vx_body *out; /* what is left to send, from `sent` on */
    size_t sent;
    uint64_t acked;       /* by the client's kernel, when the period began that ends at */
    int64_t write_due_us; /* 0: there is none */

    struct vx_parked *parked;                           /* VX_HELD: the request that waits */
    struct vx_stream *stream;                           /* VX_STREAMING */
    struct vx_hold_group *group;                        /* either: with whom it waits */
    uint64_t waits_for;                                 /* another revision than this */
    struct vx_conn *peers, **from;                      /* list of its group */
    struct vx_conn *next_commanding, **commanding_link; /* held for a command */
    struct vx_conn *in_line, **line_link; /* with `due`: the line of those asked again */

    bool admitted;  /* the request whose body is awaited, by its head */
    bool keeping;   /* its body is wanted */
    bool continued; /* 100 has been sent for it */
    bool closing;   /* after this answer */
    bool paused;    /* lws does not read from it */
    bool greeted;   /* it has sent something */
    bool awaiting_room;
    bool again;   /* VX_READING: its turn was over before its requests were */
    bool due;     /* stands in line: to be asked again, or for its next message */
    bool expired; /* VX_HELD: its time is over */
    bool interim; /* VX_HELD: its client knows 1xx */
    bool watched; /* VX_HELD: hangup.c tells when it closes its side */
};

/* A worker's part; nothing but counters, which net_metrics.c adds up one by one. */
struct vx_net_metrics {
    atomic_uint_fast64_t codes[600];
    atomic_uint_fast64_t connections_total;
    atomic_uint_fast64_t refused_full, refused_descriptors, refused_setup;
    atomic_uint_fast64_t timeouts[VX_TIMEOUT_KINDS], too_slow;
    atomic_uint_fast64_t too_large_header, too_large_body, too_large_memory, too_large_query;
    atomic_uint_fast64_t malformed;
    atomic_uint_fast64_t half_closed, loop_failures;
    atomic_uint_fast64_t streams_total, streams_malformed, streams_flooding, streams_cut,
        messages_sent;
    atomic_uint_fast64_t streams[2]; /* now: WebSocket, events */
    atomic_uint_fast64_t received, sent;
    atomic_uint_fast64_t connections; /* now; counted by the first worker as it gives it away */
    atomic_uint_fast64_t held;        /* now */
};

#define VX_DOORSTEP 16

/* Connections that have been turned away and may still have to hear it; the oldest makes room. */
struct vx_doorstep {
    struct {
        int fd;
        int64_t since_us; /* 0: nobody */
    } places[VX_DOORSTEP];
    size_t next;
};

/* The listening sockets and who may come in. The first worker's. */
struct vx_door {
    int listeners[VX_MAX_LISTENERS];
    struct lws *accepting[VX_MAX_LISTENERS];
    size_t count;
    bool paused;
    size_t max_connections; /* of all workers together */
    size_t turn;            /* the worker that is looked at first for the next one */
    struct vx_doorstep doorstep;
    int64_t shortage_logged_us;
};

#define VX_HANDED 256

/* Connections on their way to a worker. */
struct vx_handover {
    pthread_mutex_t lock;
    struct {
        int fd;
        struct vx_addr peer;
    } ring[VX_HANDED]; /* guarded by lock, like `next`, which is the oldest */
    size_t next;
    atomic_size_t count; /* changed under the lock */
};

struct vx_server {
    struct vx_api *api;
    struct vx_registry *registry;
    bool with_tls;
    unsigned port;
    char url[VX_URL_SIZE], service_url[VX_URL_SIZE]; /* fixed before a worker runs */
    int descriptors; /* lws has tables for file descriptors below this */
    struct vx_door door;
    atomic_uint_fast64_t body_memory; /* of requests that are arriving, of all workers */

    pthread_mutex_t lock;
    SSL_CTX *tls; /* under `lock`: what new connections are given; replaced by a reload */

    size_t threads; /* how many there are to be */
    size_t count;
    struct vx_worker *workers[VX_MAX_WORKERS]; /* fixed before the first of them runs */
};

#define VX_HOLD_BUCKETS 64

struct vx_worker {
    struct vx_server *server;
    struct vx_api *api;
    struct vx_registry *registry;
    bool first;    /* see above */
    bool alone;    /* there are no others */
    bool with_tls; /* the server's */
    struct vx_config *config;
    struct lws_context *context;
    struct lws_vhost *vhost;
    pthread_t thread;
    bool running; /* `thread` is to be joined */
    atomic_bool stop, failing;
    /* Has been told that something has changed, or need not be: nobody here waits for that. */
    atomic_bool awake;
    atomic_bool relieve; /* another worker's streams wait for memory that this one's may hold */
    uint64_t callbacks;  /* of sockets, so far */
    struct vx_handover handover;
    bool opened;  /* by the adoption that goes on */
    int hangups;  /* epoll's */
    int arrivals; /* likewise; -1: none */
    int bell;     /* an eventfd, rung by other threads; -1: none */
    int pipe[2];  /* empty between two answers; -1: there is none yet */
    atomic_bool woken;
    size_t awaiting_room; /* connections */
    unsigned turns;       /* of lws's, at least, until it is known that it has nothing to do */
    struct lws *hanging_up;

    /* Limits, from `config`. */
    size_t max_header, max_params, max_body, max_body_memory, max_message;
    int64_t max_messages;    /* of a stream's client in a minute */
    uint64_t min_write_rate; /* bytes a second */
    int64_t timeout_us[VX_TIMEOUT_KINDS];

    /* The part that is the same in every head for a second. */
    char common[VX_HEAD_SIZE];
    size_t common_len;
    int64_t common_second;
    char *cors;

    struct vx_conn *conns;
    struct vx_wheel wheel;
    lws_sorted_usec_list_t timer;
    int64_t timer_us;           /* when it is due */
    int64_t expire_us, tick_us; /* when the registry and the api are next looked after */
    int64_t expired_us;         /* when the registry was last */
    int64_t stock_us;           /* when the stock's next second has passed */
    unsigned generation;        /* of the tokens: streams are held against each once */
    struct vx_framed framed[VX_FRAMES_KEPT];
    size_t next_framed;
    struct vx_deflater *deflater; /* NULL until it is needed */
    struct vx_hold_group *groups[VX_HOLD_BUCKETS];
    struct vx_conn *commanding;       /* held for a command; list by `next_commanding` */
    size_t waited_for;                /* groups and commands */
    struct vx_conn *line, **line_end; /* held requests that may be asked again */
    struct vx_net_metrics metrics;

    struct vx_config *pending; /* under the server's lock: handed over by vx_server_configure() */
};

static inline void vx_count(atomic_uint_fast64_t *counter, uint64_t n) {
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static inline void vx_uncount(atomic_uint_fast64_t *counter, uint64_t n) {
    atomic_fetch_sub_explicit(counter, n, memory_order_relaxed);
}

/* --- worker.c --- */
int64_t vx_net_now(void); /* monotonic microseconds */
/* The wheel has something to do again. */
void vx_net_schedule(struct vx_worker *worker);
void vx_net_woken(struct vx_worker *worker);
/* Tells a worker that something has changed, unless it has been or need not be. Any thread. */
void vx_net_wake(struct vx_worker *worker);
/* Somebody here is about to wait for what changes: the worker is told from now on. What it is that
 * they wait for has to be looked at after this. */
void vx_net_await(struct vx_worker *worker);
/* NULL, with one line in error[]: it cannot be set up. It is not running yet. */
struct vx_worker *vx_worker_new(struct vx_server *server, struct vx_config *config, char *error,
                                size_t size);
/* 0, or why there is no thread. It waits for the server's lock. */
int vx_worker_run(struct vx_worker *worker);
/* Before vx_worker_release(). */
void vx_worker_join(struct vx_worker *worker);
/* Closes all its connections. Clears the caller's pointer. */
void vx_worker_release(struct vx_worker **worker);

/* --- loop.c --- */
bool vx_loop_open(struct vx_worker *worker);
void vx_loop_close(struct vx_worker *worker);
/* The network thread, until `stop`. */
void vx_loop_run(struct vx_worker *worker);
/* Any thread. Costs a system call at most, and none while the last one is not looked at. */
void vx_loop_wake(struct vx_worker *worker);
/* lws has been asked for something that no arrival will tell of. */
void vx_loop_stir(struct vx_worker *worker);
/* Waits for that long at most. Whether somebody has knocked; lws has its turn soon. */
bool vx_loop_look(struct vx_worker *worker, int timeout_ms);

/* --- listen.c --- */
bool vx_listen_open(struct vx_server *server, const struct vx_config *config, char *error,
                    size_t size);
void vx_listen_close(struct vx_server *server);
/* The rest is for the first worker; the others have no door. */
bool vx_listen_adopt(struct vx_worker *worker);
void vx_listen_limit(struct vx_worker *worker, const struct vx_config *config);
void vx_listen_accept(struct vx_worker *worker, struct lws *wsi);
void vx_listen_resume(struct vx_worker *worker);
/* Shuts the door on those who have stood before it for long, or on all. */
void vx_listen_sweep(struct vx_server *server, bool all);

/* --- handover.c --- */
void vx_handover_init(struct vx_handover *handover);
/* Closes those that have not been taken. */
void vx_handover_end(struct vx_handover *handover);
/* Gives a connection, which is counted as the worker's already, to another worker. False: it has
 * too many to take yet. */
bool vx_handover_give(struct vx_worker *to, int fd, const struct vx_addr *peer);
/* Takes what there is. */
void vx_handover_take(struct vx_worker *worker);
static inline bool vx_handover_any(struct vx_worker *worker) {
    return atomic_load_explicit(&worker->handover.count, memory_order_relaxed) > 0;
}
/* The same for one that is not given away. */
void vx_handover_adopt(struct vx_worker *worker, int fd, const struct vx_addr *peer);

/* --- conn.c --- */
extern const struct lws_protocols vx_net_protocols[];
void vx_conn_expire(struct vx_timer *timer);
/* A held request is asked again. */
void vx_conn_resume(struct vx_conn *conn);
/* The client of a held request has closed its side, or is gone. */
void vx_conn_half_closed(struct vx_conn *conn);
/* Counts `cap` bytes for the connection in the memory that bodies may hold together. False: there
 * is no room for them, or for the `expected` that are to come. */
bool vx_conn_charge(struct vx_conn *conn, size_t cap, size_t expected);
void vx_conn_uncharge(struct vx_conn *conn);

/* Goes on when the socket takes more. */
void vx_conn_await_room(struct vx_conn *conn);
void vx_conn_set_timeout(struct vx_conn *conn, enum vx_timeout kind);
/* Closes it at the next turn of the loop; what lies unread or unsent in the kernel is thrown away:
 * it would be kept for minutes. */
void vx_conn_reset(struct vx_conn *conn);

/* --- hangup.c --- */
bool vx_hangup_open(struct vx_worker *worker);
/* Tells from now on when the client closes its side, which leaves it able to read: with lws's own
 * reading off, lws tells no such thing. False: it cannot. */
bool vx_hangup_watch(struct vx_conn *conn);
void vx_hangup_forget(struct vx_conn *conn);
void vx_hangup_ready(struct vx_worker *worker);

/* --- http_request.c --- */
/* Handles what has come in as far as it goes. Returns how many bytes of at[0..len) are done with,
 * or -1: close. */
ssize_t vx_http_consume(struct vx_conn *conn, char *at, size_t len);
/* Answers with an error of the transport's own and closes. Returns false: close at once. */
bool vx_http_refuse(struct vx_conn *conn, bool head_only, unsigned status, const char *msg);
static inline bool vx_http_skipping(const struct vx_conn *conn) {
    return conn->skipping == VX_SKIP_LENGTH || conn->skipping == VX_SKIP_CHUNKS;
}
/* Throws away what at[0..len) holds of the body that is being skipped. Returns how many bytes, or
 * -1: it is malformed, see *error. */
ssize_t vx_http_skip(struct vx_conn *conn, const char *at, size_t len, struct vx_http_error *error);
/* Forgets what is known of the request that is being received. */
void vx_http_forget(struct vx_conn *conn);

/* --- upgrade.c --- */
enum vx_stream_kind vx_upgrade_kind(const struct vx_http_head *head);
/* What a client offers: a token (VX_NONE: none), our subprotocol, compression. */
struct vx_str vx_upgrade_token(const struct vx_http_head *head);
bool vx_upgrade_offers_ours(const struct vx_http_head *head);
bool vx_upgrade_offers_deflate(const struct vx_http_head *head);
/* Whether a WebSocket can be had; if not, *error says why. */
bool vx_upgrade_check(const struct vx_http_head *head, struct vx_http_error *error);

/* --- stream.c --- */
/* Begins to stream; takes over response->sub. Returns false when the connection is to be closed at
 * once. */
bool vx_stream_open(struct vx_conn *conn, const struct vx_http_head *head,
                    struct vx_response *response);
/* Sends what there is to send. Returns false as above. */
bool vx_stream_pump(struct vx_conn *conn);
void vx_stream_receive(struct vx_conn *conn, const char *at, size_t len);
/* Its timer. Returns false when the client is gone. */
bool vx_stream_expire(struct vx_conn *conn);
/* Closes with a code, after what is being sent. */
void vx_stream_close(struct vx_conn *conn, unsigned code);
/* Forgets the stream of a connection, if it has one. */
void vx_stream_drop(struct vx_conn *conn);
/* Tokens may have changed. */
void vx_streams_check(struct vx_worker *worker);
/* Those who hold up another worker's leave what they hold to them. */
void vx_streams_relieve(struct vx_worker *worker);

/* --- frames.c --- */
/* A reference to the message in this form; `revision` is the id of an event. NULL: no memory. */
struct vx_body *vx_frame(struct vx_worker *worker, struct vx_body *message, enum vx_frame_form form,
                         uint64_t revision);
/* Those kept for others go. */
void vx_frames_drop(struct vx_worker *worker);
void vx_frames_end(struct vx_worker *worker);

/* --- http_file.c --- */
/* What is left of the body from its file, if it has one, as far as it goes out now. -1: not this
 * way. */
ssize_t vx_http_send_more_of_file(struct vx_conn *conn, size_t left);
/* The head, and then the body from its file. As vx_http_send_now(); *done: this way. */
ssize_t vx_http_send_first_of_file(struct vx_conn *conn, struct vx_str head, struct vx_body *body,
                                   bool *done);
void vx_http_close_pipe(struct vx_worker *worker);

/* --- http_response.c --- */
/* Sends what goes out now: how much it was, 0 when the socket is full, -1 when it is broken. */
ssize_t vx_http_send_now(struct vx_conn *conn, const char *at, size_t len, int flags);
/* Sends the answer, takes over its body; what the socket does not take is sent as it becomes
 * writable. Returns false when the connection is to be closed at once. Clears *response. */
bool vx_http_answer(struct vx_conn *conn, struct vx_response *response, bool head_only);
/* Goes on sending. Returns false when the connection is to be closed at once. */
bool vx_http_send(struct vx_conn *conn);
/* The head with which a stream begins. Returns false when the connection is to be closed at once.
 */
bool vx_http_begin_stream(struct vx_conn *conn, const struct vx_http_head *head,
                          enum vx_frame_form form);
/* Sends a body, which it takes over, or some bytes that lws keeps where they have to wait. */
bool vx_http_send_body(struct vx_conn *conn, struct vx_body *body);
bool vx_http_send_whole(struct vx_conn *conn, const char *at, size_t len);
/* Whether something waits for the client to read. */
bool vx_http_is_sending(const struct vx_conn *conn);
/* 100 Continue. Returns false when the connection is to be closed at once. */
bool vx_http_interim(struct vx_conn *conn);
bool vx_http_set_cors(struct vx_worker *worker, const char *origin);
/* A whole refusal, for a socket that is not lws's. Returns its length. */
size_t vx_http_busy(struct vx_worker *worker, char *out, size_t size);

/* --- holds.c --- */
/* Waits for changes of a scope, which it takes over, also when it fails. False: no memory. */
bool vx_hold_join(struct vx_conn *conn, struct vx_scope *scope, uint64_t revision);
void vx_hold_leave(struct vx_conn *conn);
void vx_hold_leave_line(struct vx_conn *conn);
/* Parks a request. False: no memory. Takes over response->hold.scope. */
bool vx_hold_park(struct vx_conn *conn, const struct vx_request *request, bool head_only,
                  struct vx_response *response);
/* Asks again at one of the next turns. */
void vx_hold_wake(struct vx_conn *conn);
/* A turn's share of those that stand in line. */
void vx_holds_run(struct vx_worker *worker);
/* Asks again. Returns false when the connection is to be closed at once. */
bool vx_hold_ask(struct vx_conn *conn);
/* Forgets the request of a connection, if it holds one. */
void vx_hold_drop(struct vx_conn *conn);
/* Wakes those whose scope has moved on. */
void vx_holds_check(struct vx_worker *worker);
/* Wakes all: what they may see can have changed. */
void vx_holds_wake_all(struct vx_worker *worker);
/* Answers all now, as if their time were over. */
void vx_holds_finish(struct vx_worker *worker);

/* --- tls.c --- */
bool vx_wants_tls(const struct vx_config *config);
/* Sets up lws's own SSL_CTX so that each new connection gets server->tls. */
bool vx_tls_prepare(struct vx_server *server, SSL_CTX *listening);
/* Loads what the configuration names and puts it in place. False, with one line in error[]: the one
 * before stays. */
bool vx_tls_take(struct vx_server *server, const struct vx_config *config, char *error,
                 size_t size);

/* --- net_metrics.c --- */
void vx_net_metrics_render(void *ctx, struct vx_buf *out);

#endif
