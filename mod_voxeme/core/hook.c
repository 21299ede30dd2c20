#include "core/hook.h"

#include "core/alloc.h"

#include <stdatomic.h>

struct vx_hook {
    atomic_uint refs;
    atomic_uint having;           /* of those, as vx_hook_have() counts them */
    struct vx_hook_fields fields; /* all it points to lies behind it */
    size_t size;
};

static bool begins(struct vx_str text, struct vx_str word) {
    return text.len >= word.len && vx_str_ieq((struct vx_str){text.at, word.len}, word);
}

static bool holds(struct vx_str text, char c) {
    return text.len && memchr(text.at, c, text.len);
}

/* [:port] behind a host. */
static bool is_port(struct vx_str text) {
    unsigned port = 0;

    if (!text.len)
        return true;
    if (text.at[0] != ':' || text.len < 2 || text.len > 6)
        return false;
    for (size_t i = 1; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        port = port * 10 + (unsigned)(text.at[i] - '0');
    }
    return port > 0 && port <= 65535;
}

static bool is_host(struct vx_str host) {
    static const char v6[] = "0123456789abcdefABCDEF:.";
    static const char name[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._";
    bool literal = host.len > 2 && host.at[0] == '[' && host.at[host.len - 1] == ']';
    const char *allowed = literal ? v6 : name;

    for (size_t i = literal; i < host.len - literal; i++)
        if (!host.at[i] || !strchr(allowed, host.at[i]))
            return false;
    return host.len > 0 && host.len <= 255;
}

static const char *authority_fault(struct vx_str authority) {
    size_t end = 0;

    if (holds(authority, '@'))
        return "has credentials in it: they belong into username and password";
    if (authority.len && authority.at[0] == '[')
        while (end < authority.len && authority.at[end++] != ']')
            ;
    else
        while (end < authority.len && authority.at[end] != ':')
            end++;
    if (!is_host((struct vx_str){authority.at, end}))
        return "has no host";
    if (!is_port((struct vx_str){authority.at + end, authority.len - end}))
        return "has a port that is none";
    return NULL;
}

const char *vx_hook_url_fault(struct vx_str url) {
    const struct vx_str http = VX_STR("http://"), https = VX_STR("https://");
    struct vx_str authority;
    size_t scheme;

    if (begins(url, VX_STR("ws://")) || begins(url, VX_STR("wss://")))
        return "is that of a WebSocket: statuses are told over http or https only";
    scheme = begins(url, http) ? http.len : begins(url, https) ? https.len : 0;
    if (!scheme)
        return "is not an absolute http:// or https:// URL";
    if (url.len > VX_HOOK_URL_BYTES)
        return "is too long";
    for (size_t i = 0; i < url.len; i++)
        if ((unsigned char)url.at[i] <= ' ' || (unsigned char)url.at[i] >= 0x7f ||
            strchr("\"<>\\^`{|}", url.at[i]))
            return "has a character that no URL has";
    authority = (struct vx_str){url.at + scheme, 0};
    while (scheme + authority.len < url.len && !strchr("/?#", authority.at[authority.len]))
        authority.len++;
    return authority_fault(authority);
}

const char *vx_hook_fault(const struct vx_hook_fields *f) {
    const char *fault = vx_hook_url_fault(f->url);

    if (fault)
        return fault;
    if (f->password.at && !f->username.at)
        return "has a password without a username";
    if (holds(f->username, ':'))
        return "has a username with a colon in it";
    return NULL;
}

static void keep(char **at, struct vx_str *s) {
    if (!s->at)
        return;
    memcpy(*at, s->at, s->len);
    (*at)[s->len] = '\0';
    s->at = *at;
    *at += s->len + 1;
}

struct vx_hook *vx_hook_new(const struct vx_hook_fields *f) {
    size_t size = sizeof(struct vx_hook) + f->url.len + f->username.len + f->password.len + 3;
    struct vx_hook *hook = vx_malloc(size);
    char *at;

    if (!hook)
        return NULL;
    atomic_init(&hook->refs, 1);
    atomic_init(&hook->having, 0);
    hook->fields = *f;
    hook->size = size;
    at = (char *)(hook + 1);
    keep(&at, &hook->fields.url);
    keep(&at, &hook->fields.username);
    keep(&at, &hook->fields.password);
    return hook;
}

struct vx_hook *vx_hook_ref(struct vx_hook *hook) {
    if (hook)
        atomic_fetch_add_explicit(&hook->refs, 1, memory_order_relaxed);
    return hook;
}

void vx_hook_release(struct vx_hook **hook) {
    struct vx_hook *h = *hook;

    *hook = NULL;
    if (!h || atomic_fetch_sub_explicit(&h->refs, 1, memory_order_acq_rel) != 1)
        return;
    explicit_bzero(h, h->size);
    vx_free(h);
}

const struct vx_hook_fields *vx_hook_fields(const struct vx_hook *hook) {
    return &hook->fields;
}

size_t vx_hook_cost(const struct vx_hook *hook) {
    return vx_alloc_cost(hook->size);
}

bool vx_hook_have(struct vx_hook *hook) {
    return atomic_fetch_add_explicit(&hook->having, 1, memory_order_relaxed) == 0;
}

bool vx_hook_leave(struct vx_hook *hook) {
    return atomic_fetch_sub_explicit(&hook->having, 1, memory_order_relaxed) == 1;
}
