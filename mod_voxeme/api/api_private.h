/* Shared by the files of api/, for no one else. */
#ifndef VX_API_PRIVATE_H
#define VX_API_PRIVATE_H

#include "api/api.h"
#include "api/view.h"

#include <pthread.h>
#include <stdatomic.h>

/* Requests counted in a window that begins with the first of them. */
struct window {
    int64_t start_us;
    int64_t count;
};

/* An answer to ?since= that others may ask for as well. */
struct delta {
    uint64_t since;
    struct vx_body *body; /* NULL: none */
};

#define DELTAS 4

/* What the API keeps of one account over all configurations: its calls as a view, its rate limit.
 */
struct tenant {
    atomic_uint refs;
    struct vx_scope *scope;
    struct vx_pot *pot; /* what its answers hold */
    pthread_mutex_t lock;
    /* Guarded by lock. */
    struct vx_view *view;  /* NULL until somebody asks */
    struct vx_view *dying; /* let go of bit by bit, or NULL */
    int64_t view_used_us;
    struct delta deltas[DELTAS]; /* up to deltas_revision */
    uint64_t deltas_revision;
    unsigned next_delta;
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
    pthread_mutex_t lock; /* guards state */
    struct state *state;
    struct tenant *all;
    struct vx_body *openapi;
    struct metrics_hook hooks[4];
    size_t hook_count;
    atomic_uint_fast64_t limited, unauthorized, forbidden, held;
};

/* One request on its way to its answer. */
struct exchange {
    struct vx_api *api;
    struct state *state;
    const struct vx_request *request;
    struct vx_response *response;
    const struct route *route;
    struct vx_str account_sid, call_sid; /* path parameters, as they stand there */
    struct tenant *tenant;               /* whose calls; borrowed from state or api */
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
    const char *schema; /* JSON schema of a 200 in JSON, or NULL */
    bool list;          /* takes the query parameters of a list */
};
extern const struct route vx_routes[];
extern const size_t vx_route_count;

/* A query parameter of the lists: parsed by query.c, described in the OpenAPI document. */
struct query_param {
    const char *name;
    const char *schema; /* JSON schema */
    const char *help;
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
/* "<epoch>.<revision>" of this start. */
bool vx_cursor_parse(struct exchange *x, struct vx_str text, uint64_t *revision);

/* auth.c: finds out who asks and whether they may; on a no answers and returns false. */
bool vx_authorize(struct exchange *x);

/* tenant.c */
struct tenant *vx_tenant_new(struct vx_scope *scope);
struct tenant *vx_tenant_ref(struct tenant *t);
void vx_tenant_release(struct tenant **t);
/* Counts one request. 0: within the limits; else seconds until the next may come. */
unsigned vx_tenant_count_request(struct tenant *t, const struct state *s, int64_t now_us);
/* *view, up to date, with the tenant locked; it is not locked when this is not done. */
enum vx_turn vx_tenant_view(struct tenant *t, const struct vx_clock *clock, struct vx_view **view);
/* The answer kept for ?since=, a reference for the caller, or NULL. With the view up to date. */
struct vx_body *vx_tenant_delta(struct tenant *t, uint64_t since);
void vx_tenant_keep_delta(struct tenant *t, uint64_t since, struct vx_body *body);
/* Makes changes of the tenant wake the transport. False: out of memory. */
bool vx_tenant_follow(struct tenant *t, const struct vx_clock *clock);
void vx_tenant_unlock(struct tenant *t);
/* True: has more to do, wants to be called again soon. */
bool vx_tenant_tick(struct tenant *t, int64_t now_us);

/* api.c: what is due to expire goes before anybody looks. False: there is more of it than one turn
 * takes, answered that it takes another. */
bool vx_expire_due(struct exchange *x);

/* respond.c */
void vx_fail(struct exchange *x, unsigned status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Takes over the buffer. */
void vx_answer(struct exchange *x, unsigned status, const char *content_type, struct vx_buf *out);
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

#endif
