/*
 * The structure of voxeme.conf.xml as a table of elements: which may stand in which, what
 * attributes each takes and what it does. A new element is a row and a handler.
 */
#include "core/config_reader.h"

#include "core/alloc.h"
#include "core/config_private.h"
#include "core/seen.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_DEPTH 8

struct vx_config_reader {
    const char *file;
    const struct vx_config_section *section;
    struct vx_config *config;
    const struct element *open[MAX_DEPTH]; /* outermost first */
    size_t depth;
    size_t skipped; /* depth inside a section that is not ours */
    bool root_seen, section_seen;
    int line;
    unsigned opened;     /* bit per row of elements[]: it has been there */
    struct vx_seen seen; /* what no two accounts may share */
    char error[512];
};

struct element {
    const char *name, *parent;
    const char *required[4], *optional[8]; /* each ends with NULL */
    bool (*begin)(struct vx_config_reader *r, const char *const *attributes);
    bool once;
};

/* What the file has in it is repeated in messages, which are one line each. */
static void tame(char *text) {
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

void vx_config_reader_fail(struct vx_config_reader *r, int line, const char *format, ...) {
    va_list ap;
    int at;

    if (r->error[0])
        return;
    if (line > 0)
        at = snprintf(r->error, sizeof r->error, "%s:%d: ", r->file, line);
    else
        at = snprintf(r->error, sizeof r->error, "%s: ", r->file);
    if (at < 0 || (size_t)at >= sizeof r->error)
        return;
    va_start(ap, format);
    vsnprintf(r->error + at, sizeof r->error - (size_t)at, format, ap);
    va_end(ap);
    tame(r->error + at);
}

static bool fail(struct vx_config_reader *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool fail(struct vx_config_reader *r, const char *format, ...) {
    char text[384];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    vx_config_reader_fail(r, r->line, "%s", text);
    return false;
}

const char *vx_attribute(const char *const *attributes, const char *name) {
    for (; attributes && attributes[0]; attributes += 2)
        if (strcmp(attributes[0], name) == 0)
            return attributes[1];
    return NULL;
}

/* An attribute that check_attributes() has found to be there. */
static const char *required(const char *const *attributes, const char *name) {
    const char *value = vx_attribute(attributes, name);

    return value ? value : "";
}

/* Room for one more element in an array that grows by doubling. NULL: out of memory. */
static void *grow(void *array, size_t count, size_t *room, size_t size) {
    size_t wanted = *room ? *room * 2 : 4;
    void *grown;

    if (count < *room)
        return array;
    grown = vx_realloc(array, wanted * size);
    if (grown)
        *room = wanted;
    return grown;
}

/* The same for an array that keeps no `room`: its count, made a power of two, is it. */
static void *grow_small(void *array, size_t count, size_t size) {
    if (count & (count - 1))
        return array;
    return vx_realloc(array, (count ? 2 * count : 1) * size);
}

/* Kinds of names in `seen`. */
enum { SID = 's', NAME = 'n', TOKEN = 't', REALM = 'r', SOURCE = 'c' };

static bool no_other(struct vx_config_reader *r, enum vx_seen_result result, const char *what,
                     const char *text) {
    if (result == VX_SEEN_NO_MEMORY)
        return fail(r, "out of memory");
    return result == VX_SEEN_NEW || fail(r, "%s '%.255s' is given twice", what, text);
}

static struct vx_account_spec *current_account(struct vx_config_reader *r) {
    return &r->config->accounts[r->config->account_count - 1];
}

static bool begin_param(struct vx_config_reader *r, const char *const *attributes) {
    char error[256];

    if (!vx_values_set(r->config->values, required(attributes, "name"),
                       required(attributes, "value"), error, sizeof error))
        return fail(r, "%s", error);
    for (size_t i = 0; i < VX_SET_COUNT; i++)
        if (strcmp(vx_settings[i].name, required(attributes, "name")) == 0)
            r->config->setting_line[i] = r->line;
    return true;
}

static bool begin_account(struct vx_config_reader *r, const char *const *attributes) {
    struct vx_config *c = r->config;
    const char *sid = required(attributes, "sid"), *name = vx_attribute(attributes, "name");
    struct vx_account_spec account = {0};
    struct vx_account_spec *grown;
    struct vx_uuid other;

    if (!vx_uuid_parse(&account.sid, vx_str(sid)) || vx_uuid_is_nil(&account.sid))
        return fail(r, "account: sid '%.64s' is not a UUID", sid);
    if (name && (!*name || strlen(name) > 128))
        return fail(r, "account: name must have 1 to 128 characters");
    if (name && vx_uuid_parse(&other, vx_str(name)))
        return fail(r, "account: name '%s' looks like a sid", name);
    if (!no_other(r,
                  vx_seen_add(&r->seen, SID,
                              (struct vx_str){(char *)account.sid.b, sizeof account.sid.b}),
                  "account: sid", sid) ||
        (name &&
         !no_other(r, vx_seen_add_folded(&r->seen, NAME, vx_str(name)), "account: name", name)))
        return false;
    grown = grow(c->accounts, c->account_count, &c->account_room, sizeof *grown);
    if (!grown)
        return fail(r, "out of memory");
    c->accounts = grown;
    if (name && !(account.name = vx_strdup(name)))
        return fail(r, "out of memory");
    c->accounts[c->account_count++] = account;
    return true;
}

static bool parse_hash(uint8_t out[VX_TOKEN_HASH], const char *text) {
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";

    if (strlen(text) != 2 * VX_TOKEN_HASH)
        return false;
    for (size_t i = 0; i < 2 * VX_TOKEN_HASH; i++) {
        const char *d = strchr(digits, text[i]);

        if (!d)
            return false;
        out[i / 2] = (uint8_t)(out[i / 2] << 4 | (unsigned)((d - digits) & 15));
    }
    return true;
}

static bool add_token(struct vx_config_reader *r, const char *const *attributes, bool admin) {
    struct vx_config *c = r->config;
    struct vx_token token = {.admin = admin, .account = admin ? 0 : c->account_count - 1};
    struct vx_token *grown;
    enum vx_seen_result seen;

    /* The value is not repeated in the message: somebody may have put the token itself there. */
    if (!parse_hash(token.sha256, required(attributes, "sha256")))
        return fail(r, "token: sha256 must be 64 hex digits, the SHA-256 of the token");
    seen = vx_seen_add(&r->seen, TOKEN, (struct vx_str){(char *)token.sha256, VX_TOKEN_HASH});
    if (seen == VX_SEEN_AGAIN)
        return fail(r, "token: the same sha256 is given twice");
    if (seen != VX_SEEN_NEW)
        return fail(r, "out of memory");
    grown = grow(c->tokens, c->token_count, &c->token_room, sizeof *grown);
    if (!grown)
        return fail(r, "out of memory");
    c->tokens = grown;
    c->tokens[c->token_count++] = token;
    return true;
}

static bool begin_account_token(struct vx_config_reader *r, const char *const *attributes) {
    return add_token(r, attributes, false);
}

static bool begin_admin_token(struct vx_config_reader *r, const char *const *attributes) {
    return add_token(r, attributes, true);
}

static bool begin_realm(struct vx_config_reader *r, const char *const *attributes) {
    struct vx_account_spec *a = current_account(r);
    const char *name = required(attributes, "name");
    char **grown;

    if (!*name || strlen(name) > 255 || strcspn(name, " \t/@:\"<>") != strlen(name))
        return fail(r, "realm: '%.64s' is not a domain name", name);
    if (!no_other(r, vx_seen_add_folded(&r->seen, REALM, vx_str(name)), "realm:", name))
        return false;
    grown = grow_small(a->realms, a->realm_count, sizeof *grown);
    if (!grown)
        return fail(r, "out of memory");
    a->realms = grown;
    if (!(a->realms[a->realm_count] = vx_strdup(name)))
        return fail(r, "out of memory");
    a->realm_count++;
    return true;
}

static bool begin_source(struct vx_config_reader *r, const char *const *attributes) {
    struct vx_account_spec *a = current_account(r);
    const char *text = required(attributes, "cidr");
    struct vx_cidr cidr;
    struct vx_cidr *grown;
    char why[160];

    if (!vx_cidr_read(&cidr, vx_str(text), why, sizeof why))
        return fail(r, "source: cidr %s", why);
    if (!no_other(r, vx_seen_add(&r->seen, SOURCE, (struct vx_str){(char *)&cidr, sizeof cidr}),
                  "source: cidr", text))
        return false;
    grown = grow_small(a->sources, a->source_count, sizeof *grown);
    if (!grown)
        return fail(r, "out of memory");
    a->sources = grown;
    a->sources[a->source_count++] = cidr;
    return true;
}

/* host or host:port, as a target of SIP. */
static bool is_address(const char *text) {
    struct vx_addr addr;
    char host[256];
    unsigned port;

    if (vx_host_port_parse(text, host, sizeof host, &port))
        return port > 0;
    return vx_addr_parse(&addr, vx_str(text)) ||
           (*text &&
            strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") ==
                strlen(text));
}

/* What they are never stands in a message. */
static bool check_credentials(struct vx_config_reader *r, const char *username,
                              const char *password) {
    const char *fault;

    if (!username != !password)
        return fail(r, "gateway: username and password go together");
    if (username && (fault = vx_credential_fault(vx_str(username))))
        return fail(r, "gateway: username %s", fault);
    if (password && (fault = vx_credential_fault(vx_str(password))))
        return fail(r, "gateway: password %s", fault);
    return true;
}

static bool begin_gateway(struct vx_config_reader *r, const char *const *attributes) {
    struct vx_account_spec *a = current_account(r);
    const char *name = required(attributes, "name"), *address = required(attributes, "address");
    const char *secure = vx_attribute(attributes, "secure");
    const char *username = vx_attribute(attributes, "username");
    const char *password = vx_attribute(attributes, "password");
    struct vx_gateway *grown, *g;

    if (!*name || strlen(name) > 128)
        return fail(r, "gateway: name has no 1 to 128 bytes");
    if (!is_address(address))
        return fail(r, "gateway: address '%.64s' is not host or host:port", address);
    if (secure && strcmp(secure, "true") != 0 && strcmp(secure, "false") != 0)
        return fail(r, "gateway: secure '%.64s' is neither true nor false", secure);
    for (size_t i = 0; i < a->gateway_count; i++)
        if (strcmp(a->gateways[i].name, name) == 0)
            return fail(r, "gateway: a second '%.64s' of this account", name);
    if (!check_credentials(r, username, password))
        return false;
    grown = grow_small(a->gateways, a->gateway_count, sizeof *grown);
    if (!grown)
        return fail(r, "out of memory");
    a->gateways = grown;
    g = &a->gateways[a->gateway_count];
    *g = (struct vx_gateway){
        vx_strdup(name), vx_strdup(address), secure && strcmp(secure, "true") == 0,
        username ? vx_credentials_new(vx_str(username), vx_str(password)) : NULL};
    a->gateway_count++; /* what it has is freed with the account */
    return (g->name && g->address && (!username || g->credentials)) || fail(r, "out of memory");
}

static bool begin_application(struct vx_config_reader *r, const char *const *attributes) {
    struct vx_account_spec *a = current_account(r);
    const char *text = required(attributes, "sid");
    struct vx_uuid sid, *grown;

    if (!vx_uuid_parse(&sid, vx_str(text)))
        return fail(r, "application: sid '%.64s' is not a UUID", text);
    grown = grow_small(a->applications, a->application_count, sizeof *grown);
    if (!grown)
        return fail(r, "out of memory");
    a->applications = grown;
    a->applications[a->application_count++] = sid;
    return true;
}

static bool begin_webhook(struct vx_config_reader *r, const char *const *attributes) {
    struct vx_webhook_spec *webhook = &current_account(r)->webhook;
    char why[256];

    if (webhook->hook || webhook->secret)
        return fail(r, "webhook: a second one of this account");
    return vx_webhook_spec_read(webhook, attributes, why, sizeof why) ||
           fail(r, "webhook: %s", why);
}

/* Somebody else's file would be one without accounts. */
static bool begin_configuration(struct vx_config_reader *r, const char *const *attributes) {
    const char *name = required(attributes, "name");

    return strcmp(name, "voxeme.conf") == 0 ||
           fail(r, "configuration: name '%.64s' is not voxeme.conf", name);
}

static const struct element elements[] = {
    {"configuration", NULL, {"name"}, {"description"}, begin_configuration, true},
    {"settings", "configuration", {0}, {0}, NULL, true},
    {"param", "settings", {"name", "value"}, {0}, begin_param, false},
    {"accounts", "configuration", {0}, {0}, NULL, true},
    {"account", "accounts", {"sid"}, {"name"}, begin_account, false},
    {"token", "account", {"sha256"}, {0}, begin_account_token, false},
    {"realm", "account", {"name"}, {0}, begin_realm, false},
    {"source", "account", {"cidr"}, {0}, begin_source, false},
    {"gateway",
     "account",
     {"name", "address"},
     {"secure", "username", "password"},
     begin_gateway,
     false},
    {"application", "account", {"sid"}, {"name"}, begin_application, false},
    {"webhook",
     "account",
     {0},
     {"url", "method", "username", "password", "secret", "secret-file"},
     begin_webhook,
     false},
    {"admin", "configuration", {0}, {0}, NULL, true},
    {"token", "admin", {"sha256"}, {0}, begin_admin_token, false},
};

static const struct element *find_element(const char *name, const char *parent) {
    for (size_t i = 0; i < sizeof elements / sizeof *elements; i++) {
        const struct element *e = &elements[i];

        if (strcmp(e->name, name) == 0 &&
            (e->parent ? parent && strcmp(e->parent, parent) == 0 : !parent))
            return e;
    }
    return NULL;
}

static bool takes(const struct element *e, const char *attribute) {
    for (const char *const *a = e->required; *a; a++)
        if (strcmp(*a, attribute) == 0)
            return true;
    for (const char *const *a = e->optional; *a; a++)
        if (strcmp(*a, attribute) == 0)
            return true;
    return false;
}

static bool check_attributes(struct vx_config_reader *r, const struct element *e,
                             const char *const *attributes) {
    for (const char *const *a = e->required; *a; a++)
        if (!vx_attribute(attributes, *a))
            return fail(r, "<%s> lacks its attribute '%s'", e->name, *a);
    for (const char *const *a = attributes; a && a[0]; a += 2)
        if (!takes(e, a[0]))
            return fail(r, "<%s> has no attribute '%.64s'", e->name, a[0]);
    return true;
}

static bool in_section(const struct vx_config_reader *r) {
    return r->skipped > 0;
}

static bool section_begin(struct vx_config_reader *r, const char *element,
                          const char *const *attributes) {
    char error[256];

    if (!in_section(r) && r->section_seen)
        return fail(r, "a second <%s>", element);
    r->section_seen = true;
    r->skipped++;
    if (r->section &&
        !r->section->begin(r->section->ctx, element, attributes, r->line, error, sizeof error))
        return fail(r, "%s", error);
    return true;
}

static bool begin_element(struct vx_config_reader *r, const struct element *e,
                          const char *const *attributes) {
    unsigned bit = 1u << (e - elements);

    if (e->once && r->opened & bit)
        return fail(r, "a second <%s>", e->name);
    r->opened |= bit;
    return check_attributes(r, e, attributes) && (!e->begin || e->begin(r, attributes));
}

static bool starts_section(const struct vx_config_reader *r, const char *element) {
    return r->depth == 1 && strcmp(element, r->section ? r->section->element : "switch") == 0;
}

bool vx_config_reader_begin(struct vx_config_reader *r, const char *element,
                            const char *const *attributes, int line) {
    const char *parent = r->depth ? r->open[r->depth - 1]->name : NULL;
    const struct element *e;

    if (r->error[0])
        return false;
    r->line = line;
    if (in_section(r) || starts_section(r, element))
        return section_begin(r, element, attributes);
    e = find_element(element, parent);
    if (!e && parent)
        return fail(r, "<%.64s> is not known inside <%s>", element, parent);
    if (!e)
        return fail(r, "the file must begin with <configuration>, not <%.64s>", element);
    r->root_seen = true;
    if (!begin_element(r, e, attributes))
        return false;
    r->open[r->depth++] = e; /* the table is less deep than MAX_DEPTH */
    return true;
}

bool vx_config_reader_end(struct vx_config_reader *r, const char *element, int line) {
    char error[256];

    if (r->error[0])
        return false;
    r->line = line;
    if (in_section(r)) {
        r->skipped--;
        if (r->section && !r->section->end(r->section->ctx, element, error, sizeof error))
            return fail(r, "%s", error);
        return true;
    }
    if (r->depth == 0 || strcmp(r->open[r->depth - 1]->name, element) != 0)
        return fail(r, "</%.64s> closes nothing", element);
    r->depth--;
    return true;
}

struct vx_config_reader *vx_config_reader_new(const char *file,
                                              const struct vx_config_section *section) {
    struct vx_config_reader *r = vx_calloc(1, sizeof *r);

    if (!r)
        return NULL;
    r->file = file;
    r->section = section;
    r->config = vx_calloc(1, sizeof *r->config);
    if (r->config) {
        atomic_init(&r->config->refs, 1);
        r->config->values = vx_values_new(vx_settings, VX_SET_COUNT);
    }
    if (!r->config || !r->config->values)
        vx_config_reader_release(&r);
    return r;
}

void vx_config_reader_release(struct vx_config_reader **reader) {
    if (!*reader)
        return;
    vx_config_release(&(*reader)->config);
    vx_seen_clear(&(*reader)->seen);
    vx_free(*reader);
    *reader = NULL;
}

const char *vx_config_reader_error(const struct vx_config_reader *r) {
    return r->error;
}

static int by_hash(const void *a, const void *b) {
    const struct vx_token *x = a, *y = b;

    return memcmp(x->sha256, y->sha256, VX_TOKEN_HASH);
}

static bool set_directory(struct vx_config *c) {
    struct vx_directory_spec spec = {.accounts = c->accounts, .account_count = c->account_count};

    spec.trusted = vx_config_cidrs(c, VX_SET_TRUSTED_SOURCES, &spec.trusted_count);
    spec.default_account = vx_config_text(c, VX_SET_DEFAULT_ACCOUNT);
    c->directory = vx_directory_new(&spec);
    return c->directory != NULL;
}

static bool check_settings(struct vx_config_reader *r) {
    const struct vx_config *c = r->config;
    const char *account = vx_config_text(c, VX_SET_DEFAULT_ACCOUNT);
    int cert_line = c->setting_line[VX_SET_TLS_CERT], key_line = c->setting_line[VX_SET_TLS_KEY];
    size_t index;

    r->line = c->setting_line[VX_SET_DEFAULT_ACCOUNT];
    if (*account && !vx_directory_find_name(c->directory, vx_str(account), &index))
        return fail(r, "setting 'default-account': no account '%s'", account);
    r->line = cert_line > key_line ? cert_line : key_line;
    if (!*vx_config_text(c, VX_SET_TLS_CERT) != !*vx_config_text(c, VX_SET_TLS_KEY))
        return fail(r, "settings 'tls-cert' and 'tls-key' go together");
    return true;
}

static bool check_section(struct vx_config_reader *r) {
    const struct vx_config_section *s = r->section;
    char error[384];

    r->line = 0;
    return !s || !s->finish ||
           s->finish(s->ctx, r->config->directory, &r->line, error, sizeof error) ||
           fail(r, "%s", error);
}

static bool check_whole(struct vx_config_reader *r) {
    r->line = 0;
    if (!r->root_seen || r->depth || r->skipped)
        return fail(r, "the file ends before </configuration>");
    if (!set_directory(r->config))
        return fail(r, "out of memory");
    return check_settings(r) && check_section(r);
}

struct vx_config *vx_config_reader_finish(struct vx_config_reader *r) {
    struct vx_config *c = r->config;

    if (r->error[0] || !check_whole(r))
        return NULL;
    if (c->token_count)
        qsort(c->tokens, c->token_count, sizeof *c->tokens, by_hash);
    return vx_config_ref(c);
}
