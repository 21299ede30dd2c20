/* Shared by the files of api/, for no one else. */
#ifndef VX_API_PRIVATE_H
#define VX_API_PRIVATE_H

#include "api/api.h"
#include "api/gzip.h"
#include "api/idempotency.h"
#include "api/view.h"
#include "dashboard/assets.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>

/* Requests counted in a window that begins with the first of them. */
struct window {
    int64_t start_us;
    int64_t count;
};

enum made_kind {
    MADE_SINCE,    /* answer to ?since= */
    MADE_SNAPSHOT, /* message of a stream: all calls */
    MADE_CHANGES,  /* message of a stream: what changed since */
};

/* Something rendered, without a filter, that others may ask for as well. */
struct made {
    enum made_kind kind;
    uint64_t since;
    struct vx_body *body; /* NULL: none */
};

#define MADE 8

/* Tenants that nobody uses any more. What they hold is let go of by vx_api_tick(), bit by bit, and
 * not by whoever was the last to use them: that may be the network's thread, or a host's. */
struct leavers {
    pthread_mutex_t lock;
    struct tenant *first; /* guarded by lock */
};

/* What the API keeps of one account over all configurations: its calls as a view, its rate limit.
 */
struct tenant {
    atomic_uint refs;
    struct leavers *leavers;
    struct tenant *next_leaver;
    struct vx_scope *scope;
    struct vx_pot *pot; /* what its answers hold */
    struct vx_keys *keys;
    pthread_mutex_t lock;
    /* Guarded by lock. */
    struct vx_view *view;  /* NULL until somebody asks */
    struct vx_view *dying; /* let go of bit by bit, or NULL */
    int64_t view_used_us;
    int64_t renew_us;        /* not before is it brought up to date for those who follow in step */
    int64_t followed_us;     /* when somebody last began to wait for changes */
    bool quiet;              /* the view is: nobody waits for changes */
    bool settled;            /* the view is as of its revision, whole */
    unsigned subs, own_subs; /* streams that follow the view; those of the account's own tokens */
    struct made made[MADE];  /* at made_revision */
    bool has_made;           /* there may be any */
    uint64_t made_revision;
    unsigned next_made;
    struct window minute, hour;
};

/* What one configuration means for the API; immutable but for its tenants. */
struct state {
    atomic_uint refs;
    struct vx_config *config;
    struct tenant **tenants; /* in the order of the configuration's accounts */
    size_t tenant_count;
};

struct metrics_hook {
    void (*render)(void *ctx, struct vx_buf *out);
    void *ctx;
};

struct vx_api {
    struct vx_registry *registry;
    const struct vx_clock *clock;
    pthread_mutex_t configure_lock; /* makes configurations follow each other; before `lock` */
    pthread_mutex_t lock;           /* guards state; every request takes it */
    struct state *state;
    struct tenant *all;
    struct leavers leavers;
    const struct route *routes;
    size_t route_count;
    EVP_MD *sha256;                   /* libcrypto looks it up anew for every SHA256() */
    uint8_t mark_key[VX_SIPHASH_KEY]; /* of what is kept for clients */
    struct vx_body *openapi, *asyncapi;
    struct vx_gzip *gzip;
    struct vx_host_port port;
    void (*notify)(void *ctx);
    void *notify_ctx;
    struct metrics_hook hooks[4];
    size_t hook_count;
    atomic_uint_fast64_t limited, streams_limited, unauthorized, forbidden, held;
    struct vx_key_totals key_totals;
};

/* A parameter of the path, decoded; of one that is too long to be a sid, the beginning. */
struct path_param {
    char text[VX_UUID_TEXT + 2];
    size_t len;
};

/* One request on its way to its answer. */
struct exchange {
    struct vx_api *api;
    struct state *state;
    const struct vx_request *request;
    struct vx_response *response;
    const struct route *route;
    const struct vx_asset *asset; /* of vx_page_route */
    struct path_param params[2];
    struct vx_str account_sid, call_sid; /* lie in `params`; VX_NONE: not in this path */
    struct tenant *tenant;               /* whose calls; borrowed from state or api */
    uint8_t token[VX_TOKEN_HASH];        /* who asks; all zero where anybody may */
    bool admin;                          /* by a token of that kind */
};

/* Who may ask. */
enum access { ACCESS_PUBLIC, ACCESS_METRICS, ACCESS_ACCOUNT, ACCESS_ADMIN };

/* One operation. The table of routes drives dispatch, 405's Allow and the OpenAPI document. */
struct route {
    enum vx_method method;
    const char *path; /* {account_sid} and {call_sid} stand for one segment each */
    enum access access;
    void (*handle)(struct exchange *x);
    const char *operation, *summary;
    const char *schema; /* JSON schema of a 200 in JSON, or of the body; or NULL */
    bool list;          /* takes the query parameters of a list */
    bool body;          /* takes a body, in JSON */
};
extern const struct route vx_routes[];
extern const size_t vx_route_count;

/* path.c: whether the path is one of this pattern; fills the path parameters. Segments are told
 * apart before they are decoded: an encoded slash is part of its segment. */
bool vx_path_matches(struct exchange *x, const char *pattern);

/* A query parameter of the lists: parsed by query.c, described in the OpenAPI document. */
struct query_param {
    const char *name;
    const char *schema; /* JSON schema */
    const char *help;
    bool of_answers; /* means nothing for a stream */
};
extern const struct query_param vx_query_params[];
extern const size_t vx_query_param_count;

enum state_filter { STATE_ANY, STATE_LIVE, STATE_ENDED };

struct query {
    unsigned statuses; /* bit set of enum vx_call_status; 0: any */
    enum vx_direction direction;
    enum state_filter state;
    struct vx_str from, to; /* VX_NONE: any */
    bool paged;
    unsigned page, page_size;
    unsigned wait; /* seconds; 0: none */
    bool since;
    bool since_known; /* of this epoch; `revision` holds it */
    uint64_t revision;
};

/* query.c: on a bad value answers 400 and returns false. */
bool vx_query_parse(struct exchange *x, struct query *q);
bool vx_query_filters(const struct query *q);
bool vx_query_matches(const struct query *q, const struct vx_entry *e);
/* Whether a call that does not match, and was there at that revision, may have matched then. */
bool vx_query_may_have_matched(const struct query *q, const struct vx_entry *e, uint64_t since);
/* The same for one that is gone. */
bool vx_query_may_have_had(const struct query *q, const struct vx_left *left, uint64_t since);
/* "<epoch>.<revision>" of this start. */
bool vx_cursor_parse(struct exchange *x, struct vx_str text, uint64_t *revision);

/* auth.c: finds out who asks and whether they may; on a no answers and returns false. */
bool vx_authorize(struct exchange *x);
/* Whether the token of this hash may see the calls of the tenant. */
bool vx_token_may(const struct vx_api *api, const struct state *s,
                  const uint8_t token[VX_TOKEN_HASH], const struct tenant *t);

/* tenant.c */
/* The leavers and the totals outlive it. */
struct tenant *vx_tenant_new(struct vx_scope *scope, struct leavers *leavers,
                             struct vx_key_totals *totals);
struct tenant *vx_tenant_ref(struct tenant *t);
void vx_tenant_release(struct tenant **t);
/* Lets go of some of what leavers hold. True: there is more. */
bool vx_leavers_tick(struct leavers *leavers);
/* Counts one request. 0: within the limits; else seconds until the next may come. */
unsigned vx_tenant_count_request(struct tenant *t, const struct state *s, int64_t now_us);
/* *view, up to date, with the tenant locked; it is not locked when this is not done. */
enum vx_turn vx_tenant_view(struct tenant *t, const struct vx_clock *clock, struct vx_view **view);
/* The same, but a view that is beyond `since` already, and is not old, is taken as it is: those who
 * follow in step stay in step. */
enum vx_turn vx_tenant_view_beyond(struct tenant *t, const struct vx_clock *clock, uint64_t since,
                                   struct vx_view **view);
/* So long did it take to make a message of it: it is the older before it is not taken any more. */
void vx_tenant_took(struct tenant *t, const struct vx_clock *clock, int64_t us);
/* What is kept of this kind, a reference for the caller, or NULL. With the view as
 * vx_tenant_view() gives it. */
struct vx_body *vx_tenant_made(struct tenant *t, enum made_kind kind, uint64_t since);
void vx_tenant_keep(struct tenant *t, enum made_kind kind, uint64_t since, struct vx_body *body);
/* Counts a stream: as long as there is one the view is kept. `own`: of a token of the account,
 * which may have `most` of them. False: it has. */
bool vx_tenant_join(struct tenant *t, bool own, unsigned most);
/* Counts it off. */
void vx_tenant_leave(struct tenant *t, bool own);
/* Makes changes of the tenant wake the transport. False: out of memory. */
bool vx_tenant_follow(struct tenant *t, const struct vx_clock *clock);
void vx_tenant_unlock(struct tenant *t);
/* True: has more to do, wants to be called again soon. */
bool vx_tenant_tick(struct tenant *t, const struct vx_config *config, int64_t now_us);

/* collect.c: appends to a buffer that the caller checks. */
/* The calls that match and have changed since; the sids that have left since, quoted. */
void vx_collect_changed(const struct vx_view *view, const struct query *q, uint64_t since,
                        struct vx_buf *out);
void vx_collect_removed(const struct vx_view *view, const struct query *q, uint64_t since,
                        struct vx_buf *out);
/* Both as events of a stream; returns how many. */
uint64_t vx_collect_events(const struct vx_view *view, const struct query *q, uint64_t since,
                           struct vx_buf *out);
/* Renders, for no longer than a turn, the calls that the others would have to render. True: done.
 * *progress is 0 at first and then what it was set to. */
bool vx_collect_ahead(const struct vx_view *view, const struct query *q, uint64_t since,
                      uint64_t *progress);

/* openapi.c: the JSON schema of a call. */
void vx_schema_of_call(struct vx_buf *out);
/* A member that says which commands a host of these verbs (1 << enum vx_verb) does. */
void vx_openapi_commands(unsigned verbs, struct vx_buf *out);

/* page.c */
extern const struct route vx_page_route;
void vx_get_page(struct exchange *x);

/* list.c: the opaque part of the next entity tag of a list, VX_NONE at its end. */
struct vx_str vx_next_tag(struct vx_str *list);

/* sub.c: answers with a stream. */
void vx_subscribe(struct exchange *x, const struct query *q);

/* api.c */
struct state *vx_state_of(struct vx_api *api);
void vx_state_release(struct state **state);
/* What is due to expire goes before anybody looks. False: there is more of it than one turn
 * takes, answered that it takes another. */
bool vx_expire_due(struct exchange *x);

/* respond.c */
void vx_fail(struct exchange *x, unsigned status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Takes over the buffer. */
void vx_answer(struct exchange *x, unsigned status, const char *content_type, struct vx_buf *out);
/* `head`, the list and "}" as one body; frees the buffer. NULL: out of memory. */
struct vx_body *vx_wrap_list(struct vx_buf *head, struct vx_body *list, struct vx_pot *pot);
void vx_answer_no_memory(struct exchange *x);
/* Not yet: in another turn. */
void vx_answer_later(struct exchange *x, uint64_t progress);

/* Handlers: list.c, call.c, metrics.c. */
void vx_get_calls(struct exchange *x);
void vx_get_call(struct exchange *x);
void vx_get_call_count(struct exchange *x);
void vx_get_health(struct exchange *x);
void vx_get_metrics(struct exchange *x);
void vx_get_openapi(struct exchange *x);
void vx_get_asyncapi(struct exchange *x);
void vx_create_call(struct exchange *x);
void vx_create_call_once(struct exchange *x);
void vx_update_call(struct exchange *x);
void vx_delete_call(struct exchange *x);

#endif
