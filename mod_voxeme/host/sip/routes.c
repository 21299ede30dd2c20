#include "host/sip/routes.h"

#include "core/alloc.h"
#include "host/sip/uri.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

__attribute__((format(printf, 3, 4))) static bool wrong(char *error, size_t size,
                                                        const char *format, ...) {
    va_list ap;

    va_start(ap, format);
    vsnprintf(error, size, format, ap);
    va_end(ap);
    return false;
}

/* POSIX extended syntax, with \d and \D as most people write them. */
static void posix_pattern(struct vx_buf *out, const char *pattern) {
    bool bracket = false;

    for (const char *p = pattern; *p; p++) {
        if (p[0] == '\\' && p[1] == 'd') {
            vx_buf_puts(out, bracket ? "0-9" : "[0-9]");
            p++;
        } else if (p[0] == '\\' && p[1] == 'D' && !bracket) {
            vx_buf_puts(out, "[^0-9]");
            p++;
        } else if (p[0] == '\\' && p[1] && !bracket) {
            vx_buf_add(out, p++, 2);
        } else {
            /* "[]" and "[^]" open with a bracket that does not close. */
            if (p[0] == '[' && !bracket) {
                bracket = true;
                vx_buf_add(out, p, 1);
                if (p[1] == '^')
                    vx_buf_add(out, ++p, 1);
                if (p[1] == ']')
                    vx_buf_add(out, ++p, 1);
                continue;
            }
            bracket = bracket && p[0] != ']';
            vx_buf_add(out, p, 1);
        }
    }
    vx_buf_add(out, "", 1);
}

#define MAX_PATTERN     256
#define MAX_REPETITIONS 500

/* How often the pattern makes regcomp() copy what is repeated: twice for each '+', n times for
 * {m,n}. Nested ones multiply; so do all here, which is simple and refuses no sensible pattern. */
static unsigned long copies(const char *at) {
    const char *close, *comma;
    unsigned long count;

    if (*at == '+')
        return 2;
    close = *at == '{' ? strchr(at, '}') : NULL;
    if (!close)
        return 1;
    comma = memchr(at, ',', (size_t)(close - at));
    count = strtoul(comma && comma + 1 != close ? comma + 1 : at + 1, NULL, 10);
    return count > 1 ? count : 1;
}

/* A few characters of nested repetitions would keep regcomp() busy for hours. */
static bool is_too_costly(const char *pattern) {
    unsigned long product = 1;

    if (strlen(pattern) > MAX_PATTERN)
        return true;
    for (const char *p = pattern; *p; p++) {
        unsigned long n = copies(p);

        if (*p == '\\' && p[1] >= '1' && p[1] <= '9')
            return true; /* a reference back makes matching exponential */
        if (*p == '\\' && p[1])
            p++;
        else if (n > MAX_REPETITIONS || (product *= n) > MAX_REPETITIONS)
            return true;
    }
    return false;
}

static bool read_pattern(regex_t *regex, const char *pattern, char *error, size_t size) {
    struct vx_buf posix = {0};
    char why[128];

    if (is_too_costly(pattern))
        return wrong(error, size,
                     "route: the pattern '%.64s' is too long, repeats too often or refers back",
                     pattern);
    posix_pattern(&posix, pattern);
    if (!vx_buf_ok(&posix)) {
        vx_buf_free(&posix);
        return wrong(error, size, "out of memory");
    }
    int bad = regcomp(regex, posix.at, REG_EXTENDED);
    vx_buf_free(&posix);
    if (bad) {
        regerror(bad, regex, why, sizeof why);
        return wrong(error, size, "route to=\"%s\": bad regular expression: %s", pattern, why);
    }
    return true;
}

static bool read_seconds(int64_t *ms, const char *name, const char *text, char *error,
                         size_t size) {
    char *end = NULL;
    double seconds = text[0] >= '0' && text[0] <= '9' ? strtod(text, &end) : -1;

    if (!end || *end || strspn(text, "0123456789.") != strlen(text) || seconds > 86400) {
        return wrong(error, size, "route %s=\"%s\": seconds from 0 to 86400 are wanted", name,
                     text);
    }
    *ms = (int64_t)(seconds * 1000 + 0.5);
    return true;
}

static bool read_copy(char **to, const char *text, char *error, size_t size) {
    vx_free(*to);
    *to = vx_strdup(text);
    return *to || wrong(error, size, "out of memory");
}

static bool read_status(unsigned *status, const char *text, char *error, size_t size) {
    if (strspn(text, "0123456789") != 3 || text[3] || text[0] < '3' || text[0] > '6')
        return wrong(error, size, "route status=\"%s\": a status from 300 to 699 is wanted", text);
    *status = (unsigned)strtoul(text, NULL, 10);
    return true;
}

static const struct {
    const char *name;
    enum vx_route_action action;
} actions[] = {
    {"answer", VX_ROUTE_ANSWER},
    {"ring", VX_ROUTE_RING},
    {"reject", VX_ROUTE_REJECT},
    {"bridge", VX_ROUTE_BRIDGE},
};

static bool read_action(struct vx_route *route, const char *const *attributes, char *error,
                        size_t size) {
    const char *text = NULL;

    for (; *attributes; attributes += 2)
        if (strcmp(attributes[0], "action") == 0)
            text = attributes[1];
    for (size_t i = 0; text && i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(actions[i].name, text) == 0) {
            route->action = actions[i].action;
            return true;
        }
    }
    return text ? wrong(error, size,
                        "route action=\"%s\": answer, ring, reject or bridge is wanted", text)
                : wrong(error, size, "route without the attribute \"action\"");
}

/* Which attributes an action takes. */
static const struct {
    const char *name;
    unsigned actions; /* bits: 1 << enum vx_route_action */
} attributes_of[] = {
    {"to", 15},
    {"action", 15},
    {"time-limit", 1 << VX_ROUTE_ANSWER | 1 << VX_ROUTE_RING},
    {"ring", 1 << VX_ROUTE_ANSWER},
    {"early-media", 1 << VX_ROUTE_ANSWER},
    {"status", 1 << VX_ROUTE_REJECT},
    {"reason", 1 << VX_ROUTE_REJECT},
    {"target", 1 << VX_ROUTE_BRIDGE},
    {"timeout", 1 << VX_ROUTE_BRIDGE},
};

static bool takes(enum vx_route_action action, const char *name) {
    for (size_t i = 0; i < sizeof attributes_of / sizeof *attributes_of; i++)
        if (strcmp(attributes_of[i].name, name) == 0)
            return attributes_of[i].actions & 1u << action;
    return false;
}

static bool read_early_media(bool *to, const char *text, char *error, size_t size) {
    *to = strcmp(text, "true") == 0;
    return *to || strcmp(text, "false") == 0 ||
           wrong(error, size, "route early-media=\"%s\": true or false is wanted", text);
}

static bool read_reason(struct vx_route *route, const char *text, char *error, size_t size) {
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 127)
            return wrong(error, size, "route reason: control characters are not allowed");
    return read_copy(&route->reason, text, error, size);
}

static bool read_attribute(struct vx_route *route, const char *name, const char *text, char *error,
                           size_t size) {
    if (strcmp(name, "time-limit") == 0 || strcmp(name, "timeout") == 0)
        return read_seconds(&route->limit_ms, name, text, error, size);
    if (strcmp(name, "ring") == 0)
        return read_seconds(&route->ring_ms, name, text, error, size);
    if (strcmp(name, "early-media") == 0)
        return read_early_media(&route->early_media, text, error, size);
    if (strcmp(name, "status") == 0)
        return read_status(&route->status, text, error, size);
    if (strcmp(name, "reason") == 0)
        return read_reason(route, text, error, size);
    if (strcmp(name, "target") == 0)
        return read_copy(&route->target, text, error, size);
    return true; /* to, action */
}

/* Tries the target with a digit in the place of every group. */
static bool check_target(const struct vx_route *route, char *error, size_t size) {
    struct vx_route_match digits = {.user = "1"};
    struct vx_buf uri = {0};

    for (const char *p = route->target; *p; p++) {
        if (p[0] == '$' && p[1] >= '0' && p[1] <= '9' && (size_t)(p[1] - '0') > route->to.re_nsub) {
            return wrong(error, size, "route target=\"%s\": $%c, but the pattern has %zu group%s",
                         route->target, p[1], route->to.re_nsub, route->to.re_nsub == 1 ? "" : "s");
        }
    }
    for (size_t i = 0; i < VX_ROUTE_GROUPS; i++)
        digits.groups[i] = (regmatch_t){0, 1};
    vx_route_target(route, &digits, &uri);
    vx_buf_add(&uri, "", 1);
    const char *fault = vx_buf_ok(&uri) ? vx_uri_fault(uri.at) : "out of memory";
    vx_buf_free(&uri);
    return !fault || wrong(error, size, "route target=\"%s\": %s", route->target, fault);
}

static bool check_complete(const struct vx_route *route, char *error, size_t size) {
    if (route->action == VX_ROUTE_REJECT && !route->status)
        return wrong(error, size, "route action=\"reject\" without the attribute \"status\"");
    if (route->action == VX_ROUTE_BRIDGE) {
        return route->target
                   ? check_target(route, error, size)
                   : wrong(error, size, "route action=\"bridge\" without the attribute \"target\"");
    }
    return true;
}

static bool read_route(struct vx_route *route, const char *const *attributes, char *error,
                       size_t size) {
    for (const char *const *a = attributes; *a; a += 2) {
        if (!takes(route->action, a[0])) {
            return wrong(error, size, "route action=\"%s\": unknown attribute \"%s\"",
                         actions[route->action].name, a[0]);
        }
        if (!read_attribute(route, a[0], a[1], error, size))
            return false;
    }
    return check_complete(route, error, size);
}

static void route_free(struct vx_route *route) {
    regfree(&route->to);
    vx_free(route->reason);
    vx_free(route->target);
    vx_free(route->account_sid);
    vx_free(route->application_sid);
    vx_free(route->accountcode);
    vx_free(route);
}

bool vx_routes_add(struct vx_routes *routes, const char *const *attributes, char *error,
                   size_t size) {
    struct vx_route *route = vx_calloc(1, sizeof *route);
    const char *pattern = NULL;

    for (const char *const *a = attributes; *a; a += 2)
        pattern = strcmp(a[0], "to") == 0 ? a[1] : pattern;
    if (!route)
        return wrong(error, size, "out of memory");
    route->limit_ms = -1;
    if (!read_action(route, attributes, error, size) ||
        (!pattern && !wrong(error, size, "route without the attribute \"to\"")) ||
        !read_pattern(&route->to, pattern, error, size)) {
        vx_free(route);
        return false;
    }
    if (!read_route(route, attributes, error, size)) {
        route_free(route);
        return false;
    }
    if (routes->last)
        routes->last->next = route;
    else
        routes->first = route;
    routes->last = route;
    return true;
}

static bool set_variable(struct vx_route *route, const char *name, const char *value, int line,
                         char *error, size_t size) {
    char **to = NULL;
    struct vx_uuid sid;

    if (strcmp(name, "voxeme_account_sid") == 0) {
        to = &route->account_sid;
        route->account_sid_line = line;
    } else if (strcmp(name, "accountcode") == 0) {
        to = &route->accountcode;
        route->accountcode_line = line;
    } else if (strcmp(name, "voxeme_application_sid") == 0) {
        to = &route->application_sid;
    }
    if (!to) {
        return wrong(error, size,
                     "set name=\"%s\": voxeme_account_sid, voxeme_application_sid or accountcode "
                     "is wanted",
                     name);
    }
    if (*to)
        return wrong(error, size, "set name=\"%s\" is given twice in a route", name);
    if (to == &route->application_sid && !vx_uuid_parse(&sid, vx_str(value)))
        return wrong(error, size, "set %s: '%.64s' is not a UUID", name, value);
    return read_copy(to, value, error, size);
}

bool vx_routes_set(struct vx_routes *routes, const char *const *attributes, int line, char *error,
                   size_t size) {
    struct vx_route *route = routes->last;
    const char *name = NULL, *value = NULL;

    for (; *attributes; attributes += 2)
        if (strcmp(attributes[0], "name") == 0)
            name = attributes[1];
        else if (strcmp(attributes[0], "value") == 0)
            value = attributes[1];
        else
            return wrong(error, size, "set: unknown attribute \"%s\"", attributes[0]);
    if (!route || !name || !value)
        return wrong(error, size, "set needs the attributes \"name\" and \"value\"");
    return set_variable(route, name, value, line, error, size);
}

bool vx_routes_check(const struct vx_routes *routes, const struct vx_directory *accounts, int *line,
                     char *error, size_t size) {
    struct vx_uuid sid;
    size_t index;

    for (const struct vx_route *r = routes->first; r; r = r->next) {
        *line = r->account_sid_line;
        if (r->account_sid && (!vx_uuid_parse(&sid, vx_str(r->account_sid)) ||
                               !vx_directory_find(accounts, &sid, &index)))
            return wrong(error, size, "set voxeme_account_sid: no account has the sid '%.64s'",
                         r->account_sid);
        *line = r->accountcode_line;
        if (r->accountcode && !vx_directory_find_name(accounts, vx_str(r->accountcode), &index))
            return wrong(error, size, "set accountcode: no account '%.64s'", r->accountcode);
    }
    return true;
}

void vx_routes_clear(struct vx_routes *routes) {
    for (struct vx_route *r = routes->first, *next; r; r = next) {
        next = r->next;
        route_free(r);
    }
    *routes = (struct vx_routes){NULL, NULL};
}

const struct vx_route *vx_routes_find(const struct vx_routes *routes, struct vx_str user,
                                      struct vx_route_match *match) {
    if (user.len > VX_ROUTE_USER_MAX || (user.len && memchr(user.at, '\0', user.len)))
        return NULL;
    memset(match, 0, sizeof *match);
    if (user.len)
        memcpy(match->user, user.at, user.len);
    for (const struct vx_route *r = routes->first; r; r = r->next)
        if (regexec(&r->to, match->user, VX_ROUTE_GROUPS, match->groups, 0) == 0)
            return r;
    return NULL;
}

void vx_route_target(const struct vx_route *route, const struct vx_route_match *match,
                     struct vx_buf *out) {
    for (const char *p = route->target; *p; p++) {
        if (p[0] != '$' || p[1] < '0' || p[1] > '9') {
            vx_buf_add(out, p, 1);
            continue;
        }
        const regmatch_t *group = &match->groups[*++p - '0'];
        if (group->rm_so >= 0) {
            vx_uri_escape(out, (struct vx_str){match->user + group->rm_so,
                                               (size_t)(group->rm_eo - group->rm_so)});
        }
    }
}
