#include "core/alloc.h"
#include "core/config.h"
#include "core/log.h"

#include <stdarg.h>
#include <stdio.h>

struct value {
    bool given;
    int64_t number; /* VX_INT, VX_BOOL, VX_LEVEL */
    char *text;     /* as written, of every type */
    struct vx_cidr *cidrs;
    size_t cidr_count;
};

struct vx_values {
    const struct vx_setting *table;
    size_t count;
    struct value at[];
};

static bool fail(char *error, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool fail(char *error, size_t size, const char *format, ...) {
    va_list ap;

    va_start(ap, format);
    vsnprintf(error, size, format, ap);
    va_end(ap);
    return false;
}

static void value_clear(struct value *v) {
    vx_free(v->text);
    vx_free(v->cidrs);
    *v = (struct value){0};
}

static bool parse_int(const struct vx_setting *s, const char *text, struct value *v, char *error,
                      size_t size) {
    int64_t n = 0;
    const char *p = text;

    for (; *p >= '0' && *p <= '9' && p - text < 18; p++)
        n = n * 10 + (*p - '0');
    if (p == text || *p || n < s->min || n > s->max)
        return fail(error, size, "setting '%s': '%.64s' is not a whole number from %lld to %lld",
                    s->name, text, (long long)s->min, (long long)s->max);
    v->number = n;
    return true;
}

static bool parse_bool(const struct vx_setting *s, const char *text, struct value *v, char *error,
                       size_t size) {
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return fail(error, size, "setting '%s': '%.64s' is neither 'true' nor 'false'", s->name,
                    text);
    v->number = text[0] == 't';
    return true;
}

static bool parse_level(const struct vx_setting *s, const char *text, struct value *v, char *error,
                        size_t size) {
    for (int level = VX_LOG_ERROR; level <= VX_LOG_DEBUG; level++)
        if (strcmp(text, vx_log_level_name((enum vx_log_level)level)) == 0) {
            v->number = level;
            return true;
        }
    return fail(error, size,
                "setting '%s': '%.64s' is not one of error, warning, notice, info, debug", s->name,
                text);
}

static bool parse_text(const struct vx_setting *s, const char *text, char *error, size_t size) {
    if ((int64_t)strlen(text) > s->max)
        return fail(error, size, "setting '%s': longer than %lld bytes", s->name,
                    (long long)s->max);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (*p < 0x20 || *p == 0x7f)
            return fail(error, size, "setting '%s': has a control character", s->name);
    return true;
}

bool vx_host_port_parse(const char *text, char *host, size_t size, unsigned *port) {
    const char *colon = strrchr(text, ':');
    struct vx_str h;
    unsigned n = 0;

    if (!colon || colon == text || !colon[1] || strlen(colon + 1) > 5)
        return false;
    h = (struct vx_str){text, (size_t)(colon - text)};
    for (const char *p = colon + 1; *p; p++) {
        if (*p < '0' || *p > '9')
            return false;
        n = n * 10 + (unsigned)(*p - '0');
    }
    if (h.at[0] == '[') {
        struct vx_addr a;

        if (!vx_addr_parse(&a, h))
            return false;
        h = (struct vx_str){h.at + 1, h.len - 2};
    } else if (memchr(h.at, ':', h.len) || strcspn(text, " \t/[]@") < h.len) {
        return false;
    }
    if (n > 65535 || h.len == 0 || h.len >= size)
        return false;
    memcpy(host, h.at, h.len);
    host[h.len] = '\0';
    *port = n;
    return true;
}

static bool parse_host_port(const struct vx_setting *s, const char *text, char *error,
                            size_t size) {
    char host[256];
    unsigned port;

    if (!vx_host_port_parse(text, host, sizeof host, &port))
        return fail(error, size, "setting '%s': '%.64s' is not host:port or [v6]:port", s->name,
                    text);
    return true;
}

static bool parse_url(const struct vx_setting *s, const char *text, char *error, size_t size) {
    const char *host = strncmp(text, "http://", 7) == 0    ? text + 7
                       : strncmp(text, "https://", 8) == 0 ? text + 8
                                                           : NULL;
    size_t len = strlen(text);

    if (len == 0 && s->initial[0] == '\0')
        return true;
    if (!host || !*host || *host == '/' || *host == ':' || text[len - 1] == '/' || len > 512)
        return fail(error, size,
                    "setting '%s': '%.64s' is not an http:// or https:// URL without a trailing "
                    "slash",
                    s->name, text);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (*p <= 0x20 || *p >= 0x7f || *p == '"' || *p == '\\' || *p == '<' || *p == '>')
            return fail(error, size, "setting '%s': has a character that no URL has", s->name);
    return true;
}

/* As a browser sends it (RFC 6454, section 6.1): a path, a list or a space would match nothing. */
static bool is_origin(const char *text) {
    const char *host = strstr(text, "://");

    if (strcmp(text, "*") == 0 || strcmp(text, "null") == 0)
        return true;
    if (!host || host == text ||
        strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789+-.") != (size_t)(host - text))
        return false;
    host += 3;
    for (const unsigned char *p = (const unsigned char *)host; *p; p++)
        if (*p <= 0x20 || *p >= 0x7f || strchr("\"'(),/;<>?@\\{}", *p))
            return false;
    return *host && *host != ':';
}

static bool parse_origin(const struct vx_setting *s, const char *text, char *error, size_t size) {
    if ((int64_t)strlen(text) > s->max || !is_origin(text))
        return fail(error, size,
                    "setting '%s': '%.64s' is not an origin such as https://dashboard.example, nor "
                    "* or null",
                    s->name, text);
    return true;
}

bool vx_cidr_read(struct vx_cidr *out, struct vx_str text, char *why, size_t size) {
    int shown = (int)(text.len < 64 ? text.len : 64);
    const char *slash = text.len ? memchr(text.at, '/', text.len) : NULL;
    char meant[VX_CIDR_TEXT];
    struct vx_addr given;

    if (!vx_cidr_parse(out, text))
        return fail(why, size, "'%.*s' is not an address or address/bits", shown, text.at);
    if (!slash || !vx_addr_parse(&given, (struct vx_str){text.at, (size_t)(slash - text.at)}) ||
        memcmp(&given, &out->net, sizeof given) == 0)
        return true;
    vx_cidr_format(meant, out);
    return fail(why, size, "'%.*s' has bits set behind its prefix: %s is meant", shown, text.at,
                meant);
}

static bool parse_cidrs(const struct vx_setting *s, const char *text, struct value *v, char *error,
                        size_t size) {
    static const char separators[] = ", \t\r\n";
    char why[160];
    size_t room = 0;

    for (const char *p = text; *p;) {
        size_t len;
        struct vx_cidr *grown;

        p += strspn(p, separators);
        len = strcspn(p, separators);
        if (len == 0)
            break;
        if (v->cidr_count == room) {
            room = room ? room * 2 : 4;
            grown = vx_realloc(v->cidrs, room * sizeof *grown);
            if (!grown)
                return fail(error, size, "out of memory");
            v->cidrs = grown;
        }
        if (!vx_cidr_read(&v->cidrs[v->cidr_count], (struct vx_str){p, len}, why, sizeof why))
            return fail(error, size, "setting '%s': %s", s->name, why);
        v->cidr_count++;
        p += len;
    }
    return true;
}

static bool parse(const struct vx_setting *s, const char *text, struct value *v, char *error,
                  size_t size) {
    switch (s->type) {
    case VX_INT:
        return parse_int(s, text, v, error, size);
    case VX_BOOL:
        return parse_bool(s, text, v, error, size);
    case VX_TEXT:
        return parse_text(s, text, error, size);
    case VX_HOST_PORT:
        return parse_host_port(s, text, error, size);
    case VX_CIDRS:
        return parse_cidrs(s, text, v, error, size);
    case VX_URL:
        return parse_url(s, text, error, size);
    case VX_ORIGIN:
        return parse_origin(s, text, error, size);
    case VX_LEVEL:
        return parse_level(s, text, v, error, size);
    default:
        return fail(error, size, "setting '%s': of no known type", s->name);
    }
}

static bool store(struct vx_values *values, size_t id, const char *text, bool given, char *error,
                  size_t size) {
    struct value v = {.given = given};

    if (!parse(&values->table[id], text, &v, error, size)) {
        value_clear(&v);
        return false;
    }
    v.text = vx_strdup(text);
    if (!v.text) {
        value_clear(&v);
        return fail(error, size, "out of memory");
    }
    value_clear(&values->at[id]);
    values->at[id] = v;
    return true;
}

struct vx_values *vx_values_new(const struct vx_setting *table, size_t count) {
    struct vx_values *values = vx_calloc(1, sizeof *values + count * sizeof values->at[0]);
    char error[160];

    if (!values)
        return NULL;
    values->table = table;
    values->count = count;
    for (size_t i = 0; i < count; i++)
        if (!store(values, i, table[i].initial, false, error, sizeof error)) {
            vx_values_release(&values); /* out of memory: tests see to it that defaults are valid */
            return NULL;
        }
    return values;
}

struct vx_values *vx_values_copy(const struct vx_values *values) {
    struct vx_values *copy = vx_values_new(values->table, values->count);
    char error[160];

    for (size_t i = 0; copy && i < values->count; i++)
        if (!store(copy, i, values->at[i].text, values->at[i].given, error, sizeof error))
            vx_values_release(&copy);
    return copy;
}

void vx_values_release(struct vx_values **values) {
    if (!*values)
        return;
    for (size_t i = 0; i < (*values)->count; i++)
        value_clear(&(*values)->at[i]);
    vx_free(*values);
    *values = NULL;
}

bool vx_values_set(struct vx_values *values, const char *name, const char *text, char *error,
                   size_t size) {
    for (size_t i = 0; i < values->count; i++) {
        if (strcmp(values->table[i].name, name) != 0)
            continue;
        if (values->at[i].given)
            return fail(error, size, "setting '%s' is given twice", name);
        return store(values, i, text, true, error, size);
    }
    return fail(error, size, "unknown setting '%.64s'", name);
}

int64_t vx_values_int(const struct vx_values *values, size_t id) {
    return values->at[id].number;
}

bool vx_values_bool(const struct vx_values *values, size_t id) {
    return values->at[id].number != 0;
}

const char *vx_values_text(const struct vx_values *values, size_t id) {
    return values->at[id].text;
}

const struct vx_cidr *vx_values_cidrs(const struct vx_values *values, size_t id, size_t *count) {
    *count = values->at[id].cidr_count;
    return values->at[id].cidrs;
}
