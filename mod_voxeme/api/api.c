#include "api/api.h"

#include "api/api_private.h"
#include "core/alloc.h"

#include <stdio.h>

#define EXPIRE_AT_ONCE 4096

void vx_state_release(struct state **state) {
    struct state *s = *state;

    *state = NULL;
    if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
        return;
    for (size_t i = 0; i < s->tenant_count; i++)
        vx_tenant_release(&s->tenants[i]);
    vx_free(s->tenants);
    vx_config_release(&s->config);
    vx_free(s);
}

struct state *vx_state_of(struct vx_api *api) {
    struct state *s;

    pthread_mutex_lock(&api->lock);
    s = api->state;
    atomic_fetch_add(&s->refs, 1);
    pthread_mutex_unlock(&api->lock);
    return s;
}

/* An account keeps its view and its rate limit over a reload. */
static struct tenant *tenant_for(struct vx_api *api, const struct vx_uuid *sid,
                                 const struct state *old) {
    struct vx_scope *scope;
    struct tenant *t;
    size_t index;

    if (old && vx_directory_find(vx_config_directory(old->config), sid, &index))
        return vx_tenant_ref(old->tenants[index]);
    scope = vx_registry_account(api->registry, sid);
    if (!scope)
        return NULL;
    t = vx_tenant_new(scope);
    vx_scope_release(&scope);
    return t;
}

static struct state *state_new(struct vx_api *api, struct vx_config *config,
                               const struct state *old) {
    const struct vx_account_spec *accounts;
    size_t count = vx_config_accounts(config, &accounts);
    struct state *s = vx_calloc(1, sizeof *s);

    if (!s)
        return NULL;
    atomic_init(&s->refs, 1);
    s->config = vx_config_ref(config);
    s->tenants = vx_calloc(count, sizeof(struct tenant *));
    for (size_t i = 0; s->tenants && i < count; i++) {
        s->tenants[i] = tenant_for(api, &accounts[i].sid, old);
        if (!s->tenants[i])
            break;
        s->tenant_count++;
    }
    if (!s->tenants || s->tenant_count < count)
        vx_state_release(&s);
    return s;
}

bool vx_api_configure(struct vx_api *api, struct vx_config *config) {
    struct state *fresh, *old;

    pthread_mutex_lock(&api->lock);
    old = api->state;
    fresh = state_new(api, config, old);
    if (fresh)
        api->state = fresh;
    pthread_mutex_unlock(&api->lock);
    if (!fresh)
        return false;
    vx_state_release(&old);
    vx_body_set_limits((size_t)vx_config_int(config, VX_SET_MAX_RESPONSE_MEMORY),
                       (size_t)vx_config_int(config, VX_SET_MAX_ACCOUNT_RESPONSE_MEMORY));
    return true;
}

/* NULL: out of memory. */
static struct vx_body *make_document(char *(*render)(const char *server_url),
                                     const struct vx_config *config) {
    char *text = render(vx_config_text(config, VX_SET_SERVICE_URL));
    struct vx_body *body = text ? vx_body_copy(text, strlen(text), NULL) : NULL;

    vx_free(text);
    return body;
}

struct vx_api *vx_api_new(struct vx_registry *registry, struct vx_config *config,
                          const struct vx_clock *clock) {
    struct vx_api *api = vx_calloc(1, sizeof *api);
    struct vx_scope *all;

    if (!api)
        return NULL;
    pthread_mutex_init(&api->lock, NULL);
    api->registry = registry;
    api->clock = clock;
    all = vx_registry_all(registry);
    api->all = vx_tenant_new(all);
    vx_scope_release(&all);
    api->openapi = make_document(vx_openapi_render, config);
    api->asyncapi = make_document(vx_asyncapi_render, config);
    if (!api->all || !api->openapi || !api->asyncapi || !vx_api_configure(api, config))
        vx_api_release(&api);
    return api;
}

void vx_api_release(struct vx_api **api) {
    struct vx_api *a = *api;

    *api = NULL;
    if (!a)
        return;
    vx_state_release(&a->state);
    vx_tenant_release(&a->all);
    vx_body_release(&a->openapi);
    vx_body_release(&a->asyncapi);
    pthread_mutex_destroy(&a->lock);
    vx_free(a);
}

void vx_api_add_metrics(struct vx_api *api, void (*render)(void *ctx, struct vx_buf *out),
                        void *ctx) {
    if (api->hook_count < sizeof api->hooks / sizeof *api->hooks)
        api->hooks[api->hook_count++] = (struct metrics_hook){render, ctx};
}

bool vx_api_tick(struct vx_api *api) {
    struct state *s = vx_state_of(api);
    int64_t now = vx_mono_us(api->clock);
    bool more = vx_tenant_tick(api->all, now);

    for (size_t i = 0; i < s->tenant_count && !more; i++)
        more = vx_tenant_tick(s->tenants[i], now);
    vx_state_release(&s);
    return more;
}

/* Matches "/a/{x}/b" segment by segment; what stands for {account_sid} and {call_sid} is kept. */
static bool matches(struct exchange *x, const char *pattern, struct vx_str path) {
    const char *p = path.at, *end = path.at + path.len;

    while (*pattern && p < end) {
        if (*pattern == '{') {
            struct vx_str *value = pattern[1] == 'a' ? &x->account_sid : &x->call_sid;
            const char *slash = memchr(p, '/', (size_t)(end - p));

            *value = (struct vx_str){p, (size_t)((slash ? slash : end) - p)};
            if (value->len == 0)
                return false;
            p += value->len;
            pattern = strchr(pattern, '}') + 1;
        } else if (*pattern++ != *p++) {
            return false;
        }
    }
    return !*pattern && p == end;
}

static void add_allowed(char *allow, size_t size, const char *method) {
    size_t len = strlen(allow);

    snprintf(allow + len, size - len, "%s%s", len ? ", " : "", method);
}

static const char *method_name(enum vx_method method) {
    switch (method) {
    case VX_GET:
        return "GET, HEAD";
    case VX_POST:
        return "POST";
    case VX_PUT:
        return "PUT";
    case VX_DELETE:
        return "DELETE";
    case VX_PATCH:
        return "PATCH";
    case VX_HEAD:
    case VX_OPTIONS:
    case VX_OTHER:
    default:
        return "";
    }
}

/* Finds the operation. Without one: 404, or for a path that exists 405, or the answer to OPTIONS.
 */
static bool find_route(struct exchange *x) {
    const struct vx_request *request = x->request;
    enum vx_method method = request->method == VX_HEAD ? VX_GET : request->method;
    char *allow = x->response->allow;
    size_t size = sizeof x->response->allow;

    for (size_t i = 0; i < vx_route_count; i++) {
        struct vx_str account = x->account_sid, call = x->call_sid;

        x->account_sid = x->call_sid = VX_NONE;
        if (!matches(x, vx_routes[i].path, request->path)) {
            x->account_sid = account;
            x->call_sid = call;
            continue;
        }
        if (vx_routes[i].method == method) {
            x->route = &vx_routes[i];
            allow[0] = '\0';
            return true;
        }
        add_allowed(allow, size, method_name(vx_routes[i].method));
    }
    if (!allow[0]) {
        vx_fail(x, 404, "no such path");
        return false;
    }
    add_allowed(allow, size, "OPTIONS");
    if (request->method != VX_OPTIONS) {
        vx_fail(x, 405, "method not allowed here, only %s", allow);
        return false;
    }
    x->response->status = 204;
    x->response->preflight = true;
    return false;
}

void vx_api_invoke(struct vx_api *api, const struct vx_request *request,
                   struct vx_response *response) {
    struct exchange x = {.api = api, .request = request, .response = response};

    memset(response, 0, sizeof *response);
    if (!find_route(&x))
        return;
    x.state = vx_state_of(api);
    if (vx_authorize(&x))
        x.route->handle(&x);
    vx_state_release(&x.state);
}

bool vx_expire_due(struct exchange *x) {
    int64_t next = vx_registry_expire(x->api->registry, EXPIRE_AT_ONCE);

    if (next > vx_mono_us(x->api->clock))
        return true;
    vx_answer_later(x, x->request->progress);
    return false;
}

static void answer_document(struct exchange *x, struct vx_body *document) {
    x->response->status = 200;
    x->response->content_type = "application/json; charset=utf-8";
    x->response->body = vx_body_ref(document);
}

void vx_get_openapi(struct exchange *x) {
    answer_document(x, x->api->openapi);
}

void vx_get_asyncapi(struct exchange *x) {
    answer_document(x, x->api->asyncapi);
}
