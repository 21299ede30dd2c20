/*
 * The certificate. lws's own SSL_CTX carries none; a callback gives each new connection the newest
 * pair as it says hello. So a reload is the change of one pointer, made only when the new pair has
 * been found good, and connections that are up keep what they have.
 */
#include "net/net_private.h"

#include <openssl/err.h>
#include <stdio.h>

#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

static bool explain(char *error, size_t size, const char *what, const char *file) {
    unsigned long e = ERR_peek_last_error();
    const char *reason =
        ERR_SYSTEM_ERROR(e) ? strerror(ERR_GET_REASON(e)) : ERR_reason_error_string(e);

    snprintf(error, size, "%s %s: %s", what, file, reason ? reason : "unknown error");
    ERR_clear_error();
    return false;
}

static int no_passphrase(char *buf, int size, int writing, void *ctx) {
    (void)buf, (void)size, (void)writing, (void)ctx;
    return -1; /* else OpenSSL would ask on the terminal */
}

static bool load_pair(SSL_CTX *tls, const char *cert, const char *key, char *error, size_t size) {
    SSL_CTX_set_default_passwd_cb(tls, no_passphrase);
    if (SSL_CTX_use_certificate_chain_file(tls, cert) != 1)
        return explain(error, size, "tls-cert", cert);
    if (SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1)
        return explain(error, size, "tls-key", key);
    if (SSL_CTX_check_private_key(tls) != 1)
        return explain(error, size, "tls-key does not fit tls-cert:", key);
    return true;
}

static SSL_CTX *load(const char *cert, const char *key, char *error, size_t size) {
    SSL_CTX *tls;

    ERR_clear_error();
    tls = SSL_CTX_new(TLS_server_method());
    if (!tls) {
        explain(error, size, "TLS", "cannot be set up");
        return NULL;
    }
    if (!load_pair(tls, cert, key, error, size)) {
        SSL_CTX_free(tls);
        return NULL;
    }
    return tls;
}

bool vx_wants_tls(const struct vx_config *config) {
    return vx_config_text(config, VX_SET_TLS_CERT)[0] != '\0';
}

bool vx_tls_take(struct vx_server *server, const struct vx_config *config, char *error,
                 size_t size) {
    SSL_CTX *fresh = load(vx_config_text(config, VX_SET_TLS_CERT),
                          vx_config_text(config, VX_SET_TLS_KEY), error, size);
    SSL_CTX *old;

    if (!fresh)
        return false;
    pthread_mutex_lock(&server->lock);
    old = server->tls;
    server->tls = fresh;
    pthread_mutex_unlock(&server->lock);
    SSL_CTX_free(old);
    return true;
}

static int give_certificate(SSL *ssl, void *ctx) {
    struct vx_server *server = ctx;
    bool given;

    pthread_mutex_lock(&server->lock);
    given = SSL_set_SSL_CTX(ssl, server->tls) != NULL;
    pthread_mutex_unlock(&server->lock);
    return given;
}

bool vx_tls_prepare(struct vx_server *server, SSL_CTX *listening) {
    static const unsigned char session[] = "voxeme";

    if (SSL_CTX_set_min_proto_version(listening, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(listening, CIPHERS) != 1 ||
        SSL_CTX_set_session_id_context(listening, session, sizeof session - 1) != 1)
        return false;
    /* What a request brings may be secret, and is not to stay in OpenSSL's buffers. */
    SSL_CTX_set_options(listening, SSL_OP_CLEANSE_PLAINTEXT | SSL_OP_NO_RENEGOTIATION |
                                       SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(listening, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_cert_cb(listening, give_certificate, server);
    return true;
}
