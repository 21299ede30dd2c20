#include "api/api.h"

#include "api/api_private.h"
#include "core/alloc.h"

#include <openssl/rand.h>
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
    t = vx_tenant_new(scope, &api->leavers, &api->key_totals);
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

    pthread_mutex_lock(&api->configure_lock);
    old = api->state; /* nobody else replaces it meanwhile */
    fresh = state_new(api, config, old);
    pthread_mutex_lock(&api->lock);
    if (fresh)
        api->state = fresh;
    pthread_mutex_unlock(&api->lock);
    pthread_mutex_unlock(&api->configure_lock);
    if (!fresh)
        return false;
    vx_state_release(&old);
    vx_body_set_limits((size_t)vx_config_int(config, VX_SET_MAX_RESPONSE_MEMORY),
                       (size_t)vx_config_int(config, VX_SET_MAX_ACCOUNT_RESPONSE_MEMORY),
                       (size_t)vx_config_int(config, VX_SET_MAX_ACCOUNT_STREAM_MEMORY));
    vx_body_set_files((size_t)vx_config_int(config, VX_SET_MAX_RESPONSE_FILES));
    vx_gzip_configure(api->gzip, (unsigned)vx_config_int(config, VX_SET_GZIP_LEVEL),
                      vx_config_int(config, VX_SET_GZIP_BYTES_PER_SECOND));
    return true;
}

/* NULL: out of memory. */
static struct vx_body *make_document(char *(*render)(const char *server_url), const char *url) {
    char *text = render(url);
    struct vx_body *body = text ? vx_body_copy(text, strlen(text), NULL) : NULL;

    vx_free(text);
    return body;
}

struct vx_api *vx_api_new(struct vx_registry *registry, struct vx_config *config,
                          const struct vx_clock *clock) {
    const char *url = vx_config_text(config, VX_SET_SERVICE_URL);
    struct vx_api *api = vx_calloc(1, sizeof *api);
    struct vx_scope *all;

    if (!api)
        return NULL;
    pthread_mutex_init(&api->configure_lock, NULL);
    pthread_mutex_init(&api->lock, NULL);
    pthread_mutex_init(&api->leavers.lock, NULL);
    api->registry = registry;
    api->clock = clock;
    api->routes = vx_routes;
    api->route_count = vx_route_count;
    all = vx_registry_all(registry);
    api->all = vx_tenant_new(all, &api->leavers, &api->key_totals);
    vx_scope_release(&all);
    api->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    api->openapi = make_document(vx_openapi_render, url);
    api->asyncapi = make_document(vx_asyncapi_render, url);
    api->gzip = vx_gzip_new(clock);
    if (!api->gzip || !api->sha256 || RAND_bytes(api->mark_key, sizeof api->mark_key) != 1 ||
        !api->all || !api->openapi || !api->asyncapi || !vx_api_configure(api, config))
        vx_api_release(&api);
    return api;
}

void vx_api_set_host(struct vx_api *api, const struct vx_host_port *port) {
    api->port = *port;
}

bool vx_api_set_service_url(struct vx_api *api, const char *url) {
    struct vx_body *document = make_document(vx_asyncapi_render, url);

    if (!document)
        return false;
    vx_body_release(&api->asyncapi);
    api->asyncapi = document;
    return true;
}

void vx_api_set_notify(struct vx_api *api, void (*notify)(void *ctx), void *ctx) {
    api->notify = notify;
    api->notify_ctx = ctx;
}

void vx_api_release(struct vx_api **api) {
    struct vx_api *a = *api;

    *api = NULL;
    if (!a)
        return;
    vx_state_release(&a->state);
    vx_tenant_release(&a->all);
    while (vx_leavers_tick(&a->leavers))
        ;
    vx_body_release(&a->openapi);
    vx_body_release(&a->asyncapi);
    vx_gzip_release(&a->gzip);
    EVP_MD_free(a->sha256);
    pthread_mutex_destroy(&a->leavers.lock);
    pthread_mutex_destroy(&a->lock);
    pthread_mutex_destroy(&a->configure_lock);
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
    bool more = vx_leavers_tick(&api->leavers) || vx_tenant_tick(api->all, s->config, now);

    for (size_t i = 0; i < s->tenant_count && !more; i++)
        more = vx_tenant_tick(s->tenants[i], s->config, now);
    vx_state_release(&s);
    return more;
}

static void allow(struct vx_response *response, unsigned methods) {
    static const struct {
        enum vx_method method;
        const char *text;
    } names[] = {
        {VX_GET, "GET, HEAD"}, {VX_POST, "POST"},   {VX_PUT, "PUT"},
        {VX_DELETE, "DELETE"}, {VX_PATCH, "PATCH"}, {VX_OPTIONS, "OPTIONS"},
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t len = strlen(response->allow);

        if (methods & names[i].method)
            snprintf(response->allow + len, sizeof response->allow - len, "%s%s", len ? ", " : "",
                     names[i].text);
    }
}

static bool of_server(const struct vx_request *request) {
    return request->method == VX_OPTIONS && vx_str_eq(request->path, VX_STR("*"));
}

/* Finds the operation. Without one: 404, or for a path that exists 405, or the answer to OPTIONS.
 */
static bool find_route(struct exchange *x) {
    const struct vx_request *request = x->request;
    enum vx_method method = request->method == VX_HEAD ? VX_GET : request->method;
    bool any = of_server(request);
    unsigned methods = 0;

    for (size_t i = 0; i < x->api->route_count; i++) {
        const struct route *route = &x->api->routes[i];

        if (!any && !vx_path_matches(x, route->path))
            continue;
        if (route->method == method) {
            x->route = route;
            return true;
        }
        methods |= route->method;
    }
    x->asset = methods ? NULL : vx_asset_find(request->path);
    if (x->asset && method == VX_GET) {
        x->route = &vx_page_route;
        return true;
    }
    if (x->asset)
        methods = VX_GET;
    if (!methods) {
        vx_fail(x, 404, "no such path");
        return false;
    }
    allow(x->response, methods | VX_OPTIONS);
    if (request->method != VX_OPTIONS) {
        vx_fail(x, 405, "method not allowed here, only %s", x->response->allow);
        return false;
    }
    x->response->status = 204;
    x->response->preflight = !any;
    return false;
}

static bool is_json(struct vx_str type) {
    const struct vx_str json = VX_STR("application/json");
    struct vx_str name = {type.at, json.len};

    return type.len >= json.len && vx_str_ieq(name, json) &&
           (type.len == json.len || strchr("; \t", type.at[json.len]));
}

/* All that the head of a request decides. On a yes the exchange holds a state. */
static bool enter(struct exchange *x, bool with_body) {
    if (!find_route(x))
        return false;
    x->state = vx_state_of(x->api);
    if (vx_authorize(x)) {
        if (!x->route->body || !with_body || is_json(x->request->content_type))
            return true;
        vx_fail(x, 415, "the body has to be application/json");
    }
    vx_state_release(&x->state);
    return false;
}

bool vx_api_admit(struct vx_api *api, const struct vx_request *request, bool *wants_body,
                  struct vx_response *response) {
    struct exchange x = {.api = api, .request = request, .response = response};

    memset(response, 0, sizeof *response);
    *wants_body = false;
    if (!enter(&x, true))
        return false;
    *wants_body = x.route->body;
    vx_state_release(&x.state);
    return true;
}

void vx_api_invoke(struct vx_api *api, const struct vx_request *request,
                   struct vx_response *response) {
    struct exchange x = {.api = api, .request = request, .response = response};

    memset(response, 0, sizeof *response);
    if (!enter(&x, request->body.len > 0))
        return;
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

/* The document with what the host can do, which is not known when it is made. */
void vx_get_openapi(struct exchange *x) {
    struct vx_body *document = x->api->openapi, *rest, *whole = NULL;
    struct vx_buf out = {0};

    vx_buf_puts(&out, ",");
    vx_openapi_commands(x->api->port.submit ? x->api->port.verbs : 0, &out);
    vx_buf_puts(&out, "}");
    rest = vx_buf_ok(&out) ? vx_body_copy(out.at, out.len, NULL) : NULL;
    vx_buf_free(&out);
    if (rest) {
        struct vx_piece pieces[] = {vx_piece_from(document, 0, vx_body_len(document) - 1),
                                    vx_piece_from(rest, 0, vx_body_len(rest))};

        whole = vx_body_join(pieces, sizeof pieces / sizeof *pieces, NULL);
    }
    vx_body_release(&rest);
    if (!whole) {
        vx_answer_no_memory(x);
        return;
    }
    answer_document(x, whole);
    vx_body_release(&whole);
}

void vx_get_asyncapi(struct exchange *x) {
    answer_document(x, x->api->asyncapi);
}
