/* The files of the dashboard. They hold no data: that comes by the API, with a token. */
#include "api/api_private.h"

#include <stdio.h>

/* Nothing but its own files and its own server; nothing inline, no frame around it. */
static const char page_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";

const struct route vx_page_route = {
    .method = VX_GET, .access = ACCESS_PUBLIC, .handle = vx_get_page};

static bool is_unchanged(const struct exchange *x) {
    struct vx_str list = x->request->if_none_match, tag, own = vx_str(x->asset->etag);
    struct vx_str mine = vx_next_tag(&own);

    if (vx_str_eq(list, VX_STR("*")))
        return true;
    while ((tag = vx_next_tag(&list)).at)
        if (vx_str_eq(tag, mine))
            return true;
    return false;
}

void vx_get_page(struct exchange *x) {
    const struct vx_asset *a = x->asset;
    bool gzip = x->request->takes_gzip;
    struct vx_response *r = x->response;

    snprintf(r->etag, sizeof r->etag, "%s", a->etag);
    r->policy = page_policy;
    r->varies = true;
    if (is_unchanged(x)) {
        r->status = 304;
        return;
    }
    r->body = gzip ? vx_body_fixed(a->gzip, a->gzip_len) : vx_body_fixed(a->at, a->len);
    if (!r->body) {
        r->etag[0] = '\0';
        vx_answer_no_memory(x);
        return;
    }
    r->status = 200;
    r->content_type = a->media_type;
    r->content_encoding = gzip ? "gzip" : NULL;
}
