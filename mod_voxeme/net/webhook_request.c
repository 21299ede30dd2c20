/*
 * One webhook as a request of libcurl's.
 *
 * What it must not do is said here in one place: follow redirects, speak anything but HTTP, go
 * through a proxy that the environment names, look into ~/.netrc, keep cookies, believe a
 * certificate that nobody vouches for, or connect to an address that webhooks may not go to. What a
 * receiver says beside its status is thrown away, and cut off when it is much.
 */
#include "config.h"

#include "core/alloc.h"
#include "core/clock.h"
#include "net/webhook_private.h"
#include "net/webhook_target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_BYTES      65536   /* of an answer's headers, of its body */
#define LARGEST_CA_FILE 4194304 /* the system's own has 220 kB */

/* --- terms --- */

static bool read_file(struct vx_buf *out, const char *file, char *error, size_t size) {
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    ssize_t got = -1;

    if (fd >= 0 && fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
        errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
    else if (fd >= 0)
        do {
            got = vx_buf_reserve(out, 16384) ? read(fd, out->at + out->len, 16384) : -1;
            out->len += got > 0 ? (size_t)got : 0;
        } while ((got > 0 && out->len <= LARGEST_CA_FILE) || (got < 0 && errno == EINTR));
    if (got != 0)
        snprintf(error, size, "webhook-ca '%.128s': %s", file,
                 !vx_buf_ok(out) ? "out of memory"
                 : got > 0       ? "too large"
                                 : strerror(errno));
    if (fd >= 0)
        close(fd);
    return got == 0;
}

/* Adds every certificate of the text. How many. */
static size_t add_certificates(X509_STORE *store, const struct vx_buf *pem) {
    BIO *bio = pem->len ? BIO_new_mem_buf(pem->at, (int)pem->len) : NULL;
    size_t count = 0;
    X509 *x509;

    while (bio && (x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        count += X509_STORE_add_cert(store, x509) == 1;
        X509_free(x509);
    }
    BIO_free(bio);
    ERR_clear_error(); /* the end of the text is one */
    return count;
}

static bool load_store(X509_STORE *store, const char *file, char *error, size_t size) {
    struct vx_buf pem = {0};
    bool ok;

    if (!*file) {
        snprintf(error, size, "webhooks: the system's certificate authorities cannot be read");
        return X509_STORE_set_default_paths(store) == 1;
    }
    ok = read_file(&pem, file, error, size);
    if (ok && !add_certificates(store, &pem)) {
        snprintf(error, size, "webhook-ca '%.128s' holds no certificate", file);
        ok = false;
    }
    vx_buf_free(&pem);
    return ok;
}

struct vx_webhook_terms *vx_webhook_terms_new(struct vx_config *config, int64_t now, char *error,
                                              size_t size) {
    struct vx_webhook_terms *terms = vx_calloc(1, sizeof *terms);

    if (!terms) {
        snprintf(error, size, "out of memory");
        return NULL;
    }
    terms->refs = 1;
    terms->config = vx_config_ref(config);
    terms->since_us = now;
    terms->store = X509_STORE_new();
    if (!terms->store)
        snprintf(error, size, "out of memory");
    if (!terms->store ||
        !load_store(terms->store, vx_config_text(config, VX_SET_WEBHOOK_CA), error, size))
        vx_webhook_terms_release(&terms);
    return terms;
}

void vx_webhook_terms_release(struct vx_webhook_terms **terms) {
    struct vx_webhook_terms *t = *terms;

    *terms = NULL;
    if (!t || --t->refs)
        return;
    vx_config_release(&t->config);
    X509_STORE_free(t->store);
    vx_free(t);
}

/* --- what curl calls --- */

static void say_address(struct vx_webhook_request *r, const struct sockaddr *sa) {
    char host[INET6_ADDRSTRLEN] = "an address of an unknown family";

    if (sa->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, host,
                  sizeof host);
    else if (sa->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, host,
                  sizeof host);
    snprintf(r->refused, sizeof r->refused, "%s", host);
}

/* Called with the very address that is connected to, each time that one is. */
static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *to) {
    struct vx_webhook_request *r = ctx;
    const struct vx_cidr *allow;
    struct vx_addr address;
    size_t count;

    (void)purpose;
    allow = vx_config_cidrs(r->terms->config, VX_SET_WEBHOOK_ALLOW, &count);
    if (vx_addr_from_sockaddr(&address, &to->addr) &&
        vx_webhook_may_reach(&address, allow, count)) {
        r->opened = true;
        return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
    }
    say_address(r, &to->addr);
    return CURL_SOCKET_BAD;
}

static size_t count_bytes(size_t *bytes, size_t size, size_t n) {
    *bytes += size * n;
    return *bytes <= MOST_BYTES ? size * n : 0;
}

static size_t on_header(char *at, size_t size, size_t n, void *ctx) {
    struct vx_webhook_request *r = ctx;

    (void)at;
    return count_bytes(&r->header_bytes, size, n);
}

static size_t on_body(char *at, size_t size, size_t n, void *ctx) {
    struct vx_webhook_request *r = ctx;

    (void)at;
    return count_bytes(&r->body_bytes, size, n);
}

/* --- a request --- */

#define SET(option, value) (curl_easy_setopt(r->easy, option, value) == CURLE_OK)

static bool set_target(struct vx_webhook_request *r, const struct vx_hook_fields *hook) {
    return SET(CURLOPT_URL, r->message.url.at) && SET(CURLOPT_PROTOCOLS_STR, "http,https") &&
           SET(CURLOPT_FOLLOWLOCATION, 0L) && SET(CURLOPT_PROXY, "") &&
           SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) && SET(CURLOPT_PATH_AS_IS, 1L) &&
           SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
           SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC) &&
           (!hook->username.at || SET(CURLOPT_USERNAME, hook->username.at)) &&
           (!hook->username.at ||
            SET(CURLOPT_PASSWORD, hook->password.at ? hook->password.at : ""));
}

/* One store for all: curl would read all of the system's authorities anew for every connection,
 * which takes as long as a hundred handshakes. */
static CURLcode set_store(CURL *easy, void *ssl_ctx, void *ctx) {
    struct vx_webhook_request *r = ctx;

    (void)easy;
    SSL_CTX_set1_cert_store(ssl_ctx, r->terms->store);
    return CURLE_OK;
}

static bool set_tls(struct vx_webhook_request *r) {
    return SET(CURLOPT_SSL_VERIFYPEER, 1L) && SET(CURLOPT_SSL_VERIFYHOST, 2L) &&
           SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) && SET(CURLOPT_CAINFO, NULL) &&
           SET(CURLOPT_CAPATH, NULL) && SET(CURLOPT_SSL_CTX_FUNCTION, set_store) &&
           SET(CURLOPT_SSL_CTX_DATA, r) &&
           /* Else it would keep the first store that it sees, and put it in the place of later
              ones. */
           SET(CURLOPT_CA_CACHE_TIMEOUT, 0L);
}

/* A connection that was made before the last reload may lead where none may go any more. curl
 * counts its age in whole seconds. */
static bool set_connection(struct vx_webhook_request *r) {
    long age_s = (long)((vx_mono_us(&vx_clock_system) - r->terms->since_us) / VX_SECOND_US);

    return (age_s < 3 ? SET(CURLOPT_FRESH_CONNECT, 1L)
                      : SET(CURLOPT_MAXLIFETIME_CONN, age_s - 1)) &&
           SET(CURLOPT_OPENSOCKETFUNCTION, open_socket) && SET(CURLOPT_OPENSOCKETDATA, r) &&
           SET(CURLOPT_TCP_NODELAY, 1L) && SET(CURLOPT_NOSIGNAL, 1L) &&
           /* Else it would wait for a name that is being looked up when it is given up. */
           SET(CURLOPT_QUICK_EXIT, 1L);
}

static bool set_times(struct vx_webhook_request *r) {
    const struct vx_config *c = r->terms->config;
    long total = (long)vx_config_int(c, VX_SET_WEBHOOK_TIMEOUT_SECONDS);
    long connect = (long)vx_config_int(c, VX_SET_WEBHOOK_CONNECT_TIMEOUT_SECONDS);

    return SET(CURLOPT_TIMEOUT, total) && SET(CURLOPT_CONNECTTIMEOUT, connect);
}

static bool set_answer(struct vx_webhook_request *r) {
    return SET(CURLOPT_HEADERFUNCTION, on_header) && SET(CURLOPT_HEADERDATA, r) &&
           SET(CURLOPT_WRITEFUNCTION, on_body) && SET(CURLOPT_WRITEDATA, r);
}

static bool add_header(struct vx_webhook_request *r, const char *line) {
    struct curl_slist *longer = curl_slist_append(r->headers, line);

    if (longer)
        r->headers = longer;
    return longer != NULL;
}

static bool add_signature(struct vx_webhook_request *r) {
    struct vx_buf line = {0};
    bool ok;

    if (!r->message.signature.len)
        return true;
    vx_buf_printf(&line, "Voxeme-Signature: %s", r->message.signature.at);
    vx_buf_add(&line, "", 1);
    ok = vx_buf_ok(&line) && add_header(r, line.at);
    vx_buf_free(&line);
    return ok;
}

static bool set_message(struct vx_webhook_request *r, bool get) {
    return SET(CURLOPT_USERAGENT, "voxeme/" PACKAGE_VERSION) && add_signature(r) &&
           (get || (add_header(r, "Content-Type: application/json") && add_header(r, "Expect:") &&
                    SET(CURLOPT_POST, 1L) && SET(CURLOPT_POSTFIELDS, r->message.body.at) &&
                    SET(CURLOPT_POSTFIELDSIZE, (long)r->message.body.len))) &&
           (!r->headers || SET(CURLOPT_HTTPHEADER, r->headers));
}

static bool set_all(struct vx_webhook_request *r, const struct vx_hook_fields *hook) {
    return set_target(r, hook) && set_tls(r) && set_connection(r) && set_times(r) &&
           set_answer(r) && set_message(r, hook->get) && SET(CURLOPT_PRIVATE, r);
}

struct vx_webhook_request *vx_webhook_request_new(struct vx_webhook_terms *terms,
                                                  struct vx_delivery *delivery,
                                                  const struct vx_hook_fields *hook,
                                                  const char *secret) {
    struct vx_webhook_request *r = vx_calloc(1, sizeof *r);
    struct vx_call_fields call;

    if (!r)
        return NULL;
    r->terms = terms;
    r->terms->refs++;
    r->delivery = delivery;
    vx_snapshot_fields(vx_delivery_call(delivery), &call);
    r->easy = curl_easy_init();
    if (r->easy &&
        vx_webhook_message_make(&r->message, &call, hook, secret,
                                vx_wall_us(&vx_clock_system) / VX_SECOND_US) &&
        set_all(r, hook))
        return r;
    vx_webhook_request_free(r);
    return NULL;
}

void vx_webhook_request_free(struct vx_webhook_request *r) {
    if (r->easy)
        curl_easy_cleanup(r->easy);
    curl_slist_free_all(r->headers);
    vx_webhook_message_clear(&r->message);
    vx_webhook_terms_release(&r->terms);
    vx_free(r);
}

/* --- what came of it --- */

enum vx_attempt vx_webhook_judge_status(long status) {
    if (status / 100 == 2)
        return VX_ATTEMPT_TOLD;
    if (status == 408 || status == 429 || status / 100 == 5)
        return VX_ATTEMPT_AGAIN;
    return VX_ATTEMPT_LOST;
}

static bool is_hopeless(CURLcode result) {
    return result == CURLE_URL_MALFORMAT || result == CURLE_UNSUPPORTED_PROTOCOL;
}

struct vx_webhook_verdict vx_webhook_judge(const struct vx_webhook_request *r, CURLcode result) {
    struct vx_webhook_verdict v = {VX_ATTEMPT_AGAIN, VX_LOSS_REFUSED, ""};
    long status = 0;

    curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
    /* A status that has come counts, whatever happened to what came behind it. */
    if (status >= 200) {
        v.how = vx_webhook_judge_status(status);
        if (v.how != VX_ATTEMPT_TOLD)
            snprintf(v.why, sizeof v.why, "HTTP status %ld", status);
    } else if (result == CURLE_COULDNT_CONNECT && r->refused[0] && !r->opened) {
        v.how = VX_ATTEMPT_LOST;
        v.loss = VX_LOSS_TARGET;
        snprintf(v.why, sizeof v.why, "%s is not in webhook-allow", r->refused);
    } else {
        v.how = is_hopeless(result) ? VX_ATTEMPT_LOST : VX_ATTEMPT_AGAIN;
        snprintf(v.why, sizeof v.why, "%s", curl_easy_strerror(result));
    }
    return v;
}
