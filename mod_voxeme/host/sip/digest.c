#include "host/sip/digest.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <strings.h>

#define LONGEST_HEX (2 * 32 + 1)

/* --- the challenge --- */

/* Without its quotes, when it has some. */
static struct vx_str inner(struct vx_str value) {
    if (value.len >= 2 && value.at[0] == '"' && value.at[value.len - 1] == '"')
        return (struct vx_str){value.at + 1, value.len - 2};
    return value;
}

struct vx_str vx_digest_parameter(const char *const *parameters, const char *name) {
    size_t len = strlen(name);

    for (; parameters && *parameters; parameters++)
        if (strncasecmp(*parameters, name, len) == 0 && (*parameters)[len] == '=')
            return inner(vx_str(*parameters + len + 1));
    return VX_NONE;
}

/* Whether it may stand between quotes as it is. */
static bool is_quotable(struct vx_str value) {
    if (value.len > VX_DIGEST_BYTES)
        return false;
    for (size_t i = 0; i < value.len; i++) {
        bool escaped = value.at[i] == '\\';

        i += escaped;
        if (i == value.len || (unsigned char)value.at[i] < 0x20 || value.at[i] == 0x7f ||
            (value.at[i] == '"' && !escaped))
            return false;
    }
    return true;
}

static bool offers_auth(struct vx_str qop) {
    while (qop.len) {
        size_t len = 0;

        while (len < qop.len && !strchr(", \t", qop.at[len]))
            len++;
        if (vx_str_ieq((struct vx_str){qop.at, len}, VX_STR("auth")))
            return true;
        len += len < qop.len;
        qop.at += len;
        qop.len -= len;
    }
    return false;
}

static bool read_algorithm(struct vx_digest_challenge *c) {
    c->sha256 = c->algorithm.at && vx_str_ieq(c->algorithm, VX_STR("SHA-256"));
    return !c->algorithm.at || c->sha256 || vx_str_ieq(c->algorithm, VX_STR("MD5"));
}

bool vx_digest_read(struct vx_digest_challenge *c, const char *const *parameters) {
    struct vx_str qop = vx_digest_parameter(parameters, "qop");

    *c = (struct vx_digest_challenge){
        .realm = vx_digest_parameter(parameters, "realm"),
        .nonce = vx_digest_parameter(parameters, "nonce"),
        .opaque = vx_digest_parameter(parameters, "opaque"),
        .algorithm = vx_digest_parameter(parameters, "algorithm"),
        .qop = qop.at != NULL,
        .stale = vx_str_ieq(vx_digest_parameter(parameters, "stale"), VX_STR("true")),
    };
    return c->realm.at && c->nonce.len && is_quotable(c->realm) && is_quotable(c->nonce) &&
           is_quotable(c->opaque) && read_algorithm(c) && (!c->qop || offers_auth(qop));
}

/* --- the answer --- */

struct part {
    struct vx_str text;
    bool quoted; /* its escapes are not hashed */
};

static bool add_part(EVP_MD_CTX *md, const struct part *part) {
    struct vx_str rest = part->text;

    if (!part->quoted)
        return EVP_DigestUpdate(md, rest.at, rest.len) == 1;
    for (size_t i = 0; i < rest.len; i++) {
        i += rest.at[i] == '\\'; /* is_quotable(): another follows */
        if (EVP_DigestUpdate(md, rest.at + i, 1) != 1)
            return false;
    }
    return true;
}

/* The hash of the parts with a colon between each two. */
static bool hash(char hex[LONGEST_HEX], bool sha256, const struct part *parts, size_t count) {
    unsigned char bytes[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    unsigned len = 0;
    bool ok = md && EVP_DigestInit_ex(md, sha256 ? EVP_sha256() : EVP_md5(), NULL) == 1;

    for (size_t i = 0; ok && i < count; i++)
        ok = (i == 0 || EVP_DigestUpdate(md, ":", 1) == 1) && add_part(md, &parts[i]);
    ok = ok && EVP_DigestFinal_ex(md, bytes, &len) == 1 && 2 * len < LONGEST_HEX;
    EVP_MD_CTX_free(md);
    for (unsigned i = 0; ok && i < len; i++)
        snprintf(hex + (size_t)2 * i, 3, "%02x", bytes[i]);
    explicit_bzero(bytes, sizeof bytes);
    return ok;
}

static bool respond(char response[LONGEST_HEX], const struct vx_digest_challenge *c,
                    const struct vx_credentials *credentials, const struct vx_digest_request *r) {
    const struct part who[] = {{vx_credentials_username(credentials), false},
                               {c->realm, true},
                               {vx_credentials_password(credentials), false}};
    const struct part what[] = {{r->method, false}, {r->uri, false}};
    char a1[LONGEST_HEX] = "", a2[LONGEST_HEX] = "", count[9];

    snprintf(count, sizeof count, "%08x", r->count);
    bool ok = hash(a1, c->sha256, who, 3) && hash(a2, c->sha256, what, 2);
    if (c->qop) {
        const struct part all[] = {{vx_str(a1), false},     {c->nonce, true},
                                   {vx_str(count), false},  {r->cnonce, false},
                                   {VX_STR("auth"), false}, {vx_str(a2), false}};
        ok = ok && hash(response, c->sha256, all, 6);
    } else {
        const struct part all[] = {{vx_str(a1), false}, {c->nonce, true}, {vx_str(a2), false}};
        ok = ok && hash(response, c->sha256, all, 3);
    }
    explicit_bzero(a1, sizeof a1); /* as good as the password, in this realm */
    return ok;
}

static void quote(struct vx_buf *out, struct vx_str text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '"' || text.at[i] == '\\')
            vx_buf_puts(out, "\\");
        vx_buf_add(out, text.at + i, 1);
    }
}

static void add(struct vx_buf *out, const char *name, struct vx_str value, const char *end) {
    vx_buf_puts(out, name);
    vx_buf_str(out, value);
    vx_buf_puts(out, end);
}

bool vx_digest_answer(struct vx_buf *out, const struct vx_digest_challenge *c,
                      const struct vx_credentials *credentials, const struct vx_digest_request *r) {
    char response[LONGEST_HEX] = "";

    if (!is_quotable(r->uri) || !respond(response, c, credentials, r))
        return false;
    vx_buf_puts(out, "Digest username=\"");
    quote(out, vx_credentials_username(credentials));
    add(out, "\", realm=\"", c->realm, "\"");
    add(out, ", nonce=\"", c->nonce, "\"");
    add(out, ", uri=\"", r->uri, "\"");
    add(out, ", response=\"", vx_str(response), "\"");
    if (c->algorithm.at)
        add(out, ", algorithm=", c->algorithm, "");
    if (c->opaque.at)
        add(out, ", opaque=\"", c->opaque, "\"");
    if (c->qop) {
        add(out, ", qop=auth, cnonce=\"", r->cnonce, "\"");
        vx_buf_printf(out, ", nc=%08x", r->count);
    }
    return vx_buf_ok(out);
}
