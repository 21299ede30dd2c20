#include "net/webhook_message.h"

#include "api/status_report.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

void vx_webhook_sign(struct vx_buf *out, const char *secret, int64_t now_s, struct vx_str what) {
    unsigned char mac[EVP_MAX_MD_SIZE];
    struct vx_buf text = {0};
    unsigned len = 0;

    vx_buf_printf(&text, "%" PRId64 ".", now_s);
    vx_buf_str(&text, what);
    if (!vx_buf_ok(&text) || !HMAC(EVP_sha256(), secret, (int)strlen(secret),
                                   (const unsigned char *)text.at, text.len, mac, &len))
        out->failed = true;
    vx_buf_free(&text);
    vx_buf_printf(out, "t=%" PRId64 ",v1=", now_s);
    for (unsigned i = 0; i < len; i++)
        vx_buf_printf(out, "%02x", mac[i]);
}

static struct vx_str without_fragment(struct vx_str url) {
    const char *hash = memchr(url.at, '#', url.len);

    return hash ? (struct vx_str){url.at, (size_t)(hash - url.at)} : url;
}

static struct vx_str query_of(const struct vx_buf *url) {
    const char *mark = url->len ? memchr(url->at, '?', url->len) : NULL;

    return mark ? (struct vx_str){mark + 1, (size_t)(url->at + url->len - mark - 1)} : VX_STR("");
}

static bool terminate(struct vx_buf *text) {
    vx_buf_add(text, "", 1);
    text->len -= vx_buf_ok(text);
    return vx_buf_ok(text);
}

bool vx_webhook_message_make(struct vx_webhook_message *m, const struct vx_call_fields *call,
                             const struct vx_hook_fields *hook, const char *secret, int64_t now_s) {
    struct vx_str url = without_fragment(hook->url);
    struct vx_str said;

    *m = (struct vx_webhook_message){0};
    vx_buf_str(&m->url, url);
    if (hook->get) {
        vx_buf_puts(&m->url, memchr(url.at, '?', url.len) ? "&" : "?");
        vx_status_query(&m->url, call);
    } else {
        vx_status_json(&m->body, call);
    }
    if (!terminate(&m->url) || !terminate(&m->body))
        return false;
    said = hook->get ? query_of(&m->url) : (struct vx_str){m->body.at, m->body.len};
    if (secret)
        vx_webhook_sign(&m->signature, secret, now_s, said);
    return terminate(&m->signature);
}

void vx_webhook_message_clear(struct vx_webhook_message *m) {
    vx_buf_free(&m->url);
    vx_buf_free(&m->body);
    vx_buf_free(&m->signature);
}
