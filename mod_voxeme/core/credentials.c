#include "core/credentials.h"

#include "core/alloc.h"

#include <stdatomic.h>

struct vx_credentials {
    atomic_uint refs;
    size_t username_len, password_len;
    char texts[]; /* the name, the password */
};

const char *vx_credential_fault(struct vx_str text) {
    if (!text.len || text.len > VX_CREDENTIAL_BYTES)
        return "must have 1 to 255 bytes";
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.at[i] < 0x20 || text.at[i] == 0x7f)
            return "has a control character";
    return NULL;
}

struct vx_credentials *vx_credentials_new(struct vx_str username, struct vx_str password) {
    struct vx_credentials *c = vx_malloc(sizeof *c + username.len + password.len);

    if (!c)
        return NULL;
    atomic_init(&c->refs, 1);
    c->username_len = username.len;
    c->password_len = password.len;
    memcpy(c->texts, username.at, username.len);
    memcpy(c->texts + username.len, password.at, password.len);
    return c;
}

struct vx_credentials *vx_credentials_ref(struct vx_credentials *c) {
    if (c)
        atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

void vx_credentials_release(struct vx_credentials **credentials) {
    struct vx_credentials *c = *credentials;

    *credentials = NULL;
    if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
        return;
    explicit_bzero(c, sizeof *c + c->username_len + c->password_len);
    vx_free(c);
}

struct vx_str vx_credentials_username(const struct vx_credentials *c) {
    return (struct vx_str){c->texts, c->username_len};
}

struct vx_str vx_credentials_password(const struct vx_credentials *c) {
    return (struct vx_str){c->texts + c->username_len, c->password_len};
}
