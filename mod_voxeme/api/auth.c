/*
 * Who asks, and may they? Bearer tokens (RFC 6750) are known by their SHA-256 only.
 */
#include "api/api_private.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>

#define LONGEST_TOKEN 512

static const char no_credentials[] = "Bearer realm=\"voxeme\"";
static const char bad_token[] = "Bearer realm=\"voxeme\", error=\"invalid_token\"";

/* The token behind "Bearer "; VX_NONE when the header is absent or of another scheme. */
static struct vx_str bearer_token(struct vx_str header) {
    struct vx_str scheme = {header.at, 7};

    if (header.len < 8 || !vx_str_ieq(scheme, VX_STR("Bearer ")))
        return VX_NONE;
    header.at += scheme.len;
    header.len -= scheme.len;
    while (header.len && *header.at == ' ') {
        header.at++;
        header.len--;
    }
    while (header.len && header.at[header.len - 1] == ' ')
        header.len--;
    return header.len ? header : VX_NONE;
}

/* Bisects by the first bytes of the hash, which an attacker cannot choose, and compares the rest in
 * constant time. */
static const struct vx_token *find_token(const struct vx_config *config,
                                         const uint8_t hash[VX_TOKEN_HASH]) {
    enum { PREFIX = 4 };
    const struct vx_token *tokens, *found = NULL;
    size_t high = vx_config_tokens(config, &tokens), count = high, low = 0;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (memcmp(tokens[middle].sha256, hash, PREFIX) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < count && memcmp(tokens[low].sha256, hash, PREFIX) == 0; low++)
        if (CRYPTO_memcmp(tokens[low].sha256, hash, VX_TOKEN_HASH) == 0)
            found = &tokens[low];
    return found;
}

static bool refuse(struct exchange *x, const char *challenge) {
    atomic_fetch_add(&x->api->unauthorized, 1);
    vx_fail(x, 401, challenge == bad_token ? "unknown or revoked token" : "no credentials");
    x->response->challenge = challenge;
    return false;
}

/* One answer for an account that is another's and one that does not exist. */
static bool forbid(struct exchange *x) {
    atomic_fetch_add(&x->api->forbidden, 1);
    vx_fail(x, 403, "insufficient permissions");
    return false;
}

static bool within_rate(struct exchange *x, struct tenant *t) {
    unsigned seconds;

    if (x->request->counted)
        return true;
    seconds = vx_tenant_count_request(t, x->state, vx_mono_us(x->api->clock));
    if (seconds == 0)
        return true;
    atomic_fetch_add(&x->api->limited, 1);
    vx_fail(x, 429, "too many requests, try again in %u s", seconds);
    x->response->retry_after = seconds;
    return false;
}

static bool check_sids(struct exchange *x, struct vx_uuid *account_sid) {
    struct vx_uuid call_sid;

    if (x->account_sid.at && !vx_uuid_parse(account_sid, x->account_sid)) {
        vx_fail(x, 400, "account_sid is not a UUID");
        return false;
    }
    if (x->call_sid.at && !vx_uuid_parse(&call_sid, x->call_sid)) {
        vx_fail(x, 400, "call_sid is not a UUID");
        return false;
    }
    return true;
}

static bool may_read_metrics(const struct exchange *x) {
    size_t count;
    const struct vx_cidr *allowed = vx_config_cidrs(x->state->config, VX_SET_METRICS_ALLOW, &count);

    for (size_t i = 0; i < count; i++)
        if (vx_cidr_match(&allowed[i], &x->request->peer))
            return true;
    return false;
}

static bool open_to_all(const struct exchange *x) {
    return x->route->access == ACCESS_PUBLIC ||
           (x->route->access == ACCESS_METRICS && may_read_metrics(x));
}

static bool find_tenant(struct exchange *x, const struct vx_token *token) {
    struct vx_uuid sid;
    size_t index;

    if (!check_sids(x, &sid))
        return false;
    if (x->route->access != ACCESS_ACCOUNT) {
        x->tenant = x->api->all;
        return token->admin || forbid(x);
    }
    if (!vx_directory_find(vx_config_directory(x->state->config), &sid, &index) ||
        (!token->admin && token->account != index))
        return forbid(x);
    x->tenant = x->state->tenants[index];
    return true;
}

/* Into x->token. A client sends the same token with each of its requests: by a mark that costs a
 * tenth of the hash it is known again. False: no memory. */
static bool hash_token(struct exchange *x, struct vx_str text) {
    struct vx_known_token *known = x->request->known, fresh = {.set = true};

    if (known) {
        vx_siphash(fresh.mark, x->api->mark_key, text);
        if (known->set && CRYPTO_memcmp(known->mark, fresh.mark, sizeof fresh.mark) == 0) {
            memcpy(x->token, known->sha256, sizeof x->token);
            return true;
        }
    }
    if (!EVP_Digest(text.at, text.len, fresh.sha256, NULL, x->api->sha256, NULL))
        return false;
    memcpy(x->token, fresh.sha256, sizeof x->token);
    if (known)
        *known = fresh;
    return true;
}

bool vx_authorize(struct exchange *x) {
    const struct vx_token *token;
    struct vx_str text = bearer_token(x->request->authorization);

    if (open_to_all(x))
        return true;
    if (!text.at)
        return refuse(x, no_credentials);
    if (text.len > LONGEST_TOKEN)
        return refuse(x, bad_token);
    if (!hash_token(x, text)) {
        vx_answer_no_memory(x);
        return false;
    }
    token = find_token(x->state->config, x->token);
    if (!token)
        return refuse(x, bad_token);
    x->admin = token->admin;
    if (!token->admin && !within_rate(x, x->state->tenants[token->account]))
        return false;
    return find_tenant(x, token);
}

bool vx_token_may(const struct vx_api *api, const struct state *s,
                  const uint8_t hash[VX_TOKEN_HASH], const struct tenant *t) {
    const struct vx_token *token = find_token(s->config, hash);
    size_t index;

    if (!token || t == api->all)
        return token && token->admin;
    return vx_directory_find(vx_config_directory(s->config), vx_scope_sid(t->scope), &index) &&
           s->tenants[index] == t && (token->admin || token->account == index);
}

bool vx_token_make(char token[VX_TOKEN_TEXT + 1], char sha256_hex[65]) {
    uint8_t hash[SHA256_DIGEST_LENGTH];
    struct vx_uuid random;

    if (!vx_uuid_random(&random))
        return false;
    vx_uuid_format(token, &random);
    if (!SHA256((const unsigned char *)token, VX_TOKEN_TEXT, hash))
        return false;
    for (size_t i = 0; i < sizeof hash; i++)
        snprintf(sha256_hex + 2 * i, 3, "%02x", hash[i]);
    return true;
}
