#include "host/sip/switch_config.h"

#include "core/alloc.h"

#include <stdio.h>

const struct vx_setting vx_switch_settings[VX_SW_COUNT] = {
    [VX_SW_SIP_LISTEN] = {"sip-listen", VX_HOST_PORT, 0, 0, "127.0.0.1:5060", false, "",
                          "Address and port of SIP, UDP and TCP; port 0 picks a free one."},
    [VX_SW_MAX_CALLS] = {"sip-max-calls", VX_INT, 1, 1000000, "10000", true, "calls",
                         "Calls at the same time, inbound ones and those made through the API, not "
                         "counting what they dial; further ones get 503."},
    [VX_SW_MAX_COMMANDS] = {"sip-max-commands", VX_INT, 1, 1000000, "4096", true, "commands",
                            "Requests of the API to make or change a call that wait for SIP at the "
                            "same time; further ones get 503."},
    [VX_SW_MAX_MESSAGE_BYTES] = {"sip-max-message-bytes", VX_INT, 4096, 1048576, "65536", false,
                                 "bytes",
                                 "Largest SIP message taken; larger ones get 413 or are "
                                 "dropped."},
    [VX_SW_MAX_CONNECTIONS] = {"sip-max-connections", VX_INT, 1, 100000, "4096", false,
                               "connections",
                               "SIP connections over TCP at the same time; further ones are "
                               "closed."},
    [VX_SW_TCP_IDLE_SECONDS] =
        {"sip-tcp-idle-seconds", VX_INT, 1, 86400, "600", false, "s",
         "How long a SIP connection over TCP may be silent, from its beginning or after what it "
         "last carried."},
    [VX_SW_RING_TIMEOUT_SECONDS] =
        {"ring-timeout-seconds", VX_INT, 1, 3600, "60", true, "s",
         "How long an unanswered call rings where its route says nothing else; then 480."},
    [VX_SW_ANSWER_TIME_LIMIT_SECONDS] =
        {"answer-time-limit-seconds", VX_INT, 0, 86400, "0", true, "s",
         "How long an answered call lasts where its route says nothing else; 0 is no limit."},
    [VX_SW_SESSION_EXPIRES_SECONDS] =
        {"session-expires-seconds", VX_INT, 90, 86400, "1800", false, "s",
         "Session timer (RFC 4028): a call whose peer is gone ends after at most this time."},
    [VX_SW_MIN_SE_SECONDS] = {"min-se-seconds", VX_INT, 90, 86400, "90", false, "s",
                              "Shortest session timer accepted; shorter ones get 422."},
    [VX_SW_HOLD_TIMEOUT_SECONDS] =
        {"hold-timeout-seconds", VX_INT, 1, 300, "32", true, "s",
         "How long a hold waits for a far end that only says that it is at it; then it is "
         "cancelled."},
    [VX_SW_REDIRECT_TO] =
        {"redirect-to", VX_TEXT, 0, VX_ROUTE_USER_MAX, "", true, "",
         "User that a call is redirected to by call_hook, and that a call made through the API is "
         "handed to when it is answered; a route has to match it. Not set: neither is done."},
    [VX_SW_REDIRECT_TIMEOUT_SECONDS] =
        {"redirect-timeout-seconds", VX_INT, 1, 3600, "180", true, "s",
         "How long the far end of an answered call that is redirected may take to call anew with "
         "its key to the hook, and to say how it went; until then it is not asked again."},
    [VX_SW_MAX_REDIRECTS] =
        {"sip-max-redirects", VX_INT, 1, 65536, "4096", true, "redirections",
         "Redirections of answered calls whose hooks are kept at the same time, each for "
         "redirect-timeout-seconds; further ones get 503."},
};

struct vx_switch_config {
    unsigned refs;
    struct vx_values *values;
    struct vx_routes routes;
    int setting_line[VX_SW_COUNT];
    bool routes_seen;
    /* Where the reader is. */
    const char *open[5];
    size_t depth;
};

struct vx_switch_config *vx_switch_config_new(void) {
    struct vx_switch_config *c = vx_calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->refs = 1;
    c->values = vx_values_new(vx_switch_settings, VX_SW_COUNT);
    if (!c->values)
        vx_switch_config_release(&c);
    return c;
}

struct vx_switch_config *vx_switch_config_ref(struct vx_switch_config *config) {
    config->refs++;
    return config;
}

void vx_switch_config_release(struct vx_switch_config **config) {
    struct vx_switch_config *c = *config;

    *config = NULL;
    if (!c || --c->refs > 0)
        return;
    vx_routes_clear(&c->routes);
    vx_values_release(&c->values);
    vx_free(c);
}

/* Which element may stand in which; "" is the outermost. */
static const struct {
    const char *element, *parent;
} places[] = {
    {"switch", ""},      {"param", "switch"}, {"routes", "switch"},
    {"route", "routes"}, {"set", "route"},
};

static const char *place_of(const char *element, const char *parent) {
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (strcmp(places[i].element, element) == 0 && strcmp(places[i].parent, parent) == 0)
            return places[i].element;
    return NULL;
}

static bool read_param(struct vx_switch_config *c, const char *const *attributes, int line,
                       char *error, size_t size) {
    const char *name = vx_attribute(attributes, "name");
    const char *value = vx_attribute(attributes, "value");

    for (const char *const *a = attributes; *a; a += 2)
        if (strcmp(a[0], "name") != 0 && strcmp(a[0], "value") != 0) {
            snprintf(error, size, "<param> has no attribute '%.64s'", a[0]);
            return false;
        }
    if (!name || !value) {
        snprintf(error, size, "<param> lacks its attribute '%s'", name ? "value" : "name");
        return false;
    }
    for (size_t i = 0; i < VX_SW_COUNT; i++)
        if (strcmp(vx_switch_settings[i].name, name) == 0)
            c->setting_line[i] = line;
    return vx_values_set(c->values, name, value, error, size);
}

static bool section_begin(void *ctx, const char *element, const char *const *attributes, int line,
                          char *error, size_t size) {
    struct vx_switch_config *c = ctx;
    const char *parent = c->depth ? c->open[c->depth - 1] : "";
    const char *place = place_of(element, parent);

    if (!place) {
        snprintf(error, size, "<%.64s> is not known inside <%s>", element, parent);
        return false;
    }
    c->open[c->depth++] = place; /* `places` is no deeper than `open` */
    if (strcmp(place, "param") == 0)
        return read_param(c, attributes, line, error, size);
    if (strcmp(place, "route") == 0)
        return vx_routes_add(&c->routes, attributes, error, size);
    if (strcmp(place, "set") == 0)
        return vx_routes_set(&c->routes, attributes, line, error, size);
    if (*attributes) {
        snprintf(error, size, "<%s> has no attribute '%.64s'", place, attributes[0]);
        return false;
    }
    if (strcmp(place, "routes") == 0) {
        if (c->routes_seen) {
            snprintf(error, size, "a second <routes>");
            return false;
        }
        c->routes_seen = true;
    }
    return true;
}

static bool section_end(void *ctx, const char *element, char *error, size_t size) {
    struct vx_switch_config *c = ctx;

    if (c->depth == 0 || strcmp(c->open[c->depth - 1], element) != 0) {
        snprintf(error, size, "</%.64s> closes nothing", element);
        return false;
    }
    c->depth--;
    return true;
}

static bool check_redirect(const struct vx_switch_config *c, int *line, char *error, size_t size) {
    const char *user = vx_switch_text(c, VX_SW_REDIRECT_TO);
    struct vx_route_match match;

    if (!user[0] || vx_routes_find(&c->routes, vx_str(user), &match))
        return true;
    *line = c->setting_line[VX_SW_REDIRECT_TO];
    snprintf(error, size, "setting 'redirect-to': no route matches '%.64s'", user);
    return false;
}

static bool section_finish(void *ctx, const struct vx_directory *accounts, int *line, char *error,
                           size_t size) {
    struct vx_switch_config *c = ctx;
    int expires = c->setting_line[VX_SW_SESSION_EXPIRES_SECONDS];
    int min_se = c->setting_line[VX_SW_MIN_SE_SECONDS];

    if (vx_switch_int(c, VX_SW_MIN_SE_SECONDS) > vx_switch_int(c, VX_SW_SESSION_EXPIRES_SECONDS)) {
        *line = min_se > expires ? min_se : expires;
        snprintf(error, size,
                 "setting 'min-se-seconds': %lld is more than session-expires-seconds, %lld",
                 (long long)vx_switch_int(c, VX_SW_MIN_SE_SECONDS),
                 (long long)vx_switch_int(c, VX_SW_SESSION_EXPIRES_SECONDS));
        return false;
    }
    if (!check_redirect(c, line, error, size))
        return false;
    return vx_routes_check(&c->routes, accounts, line, error, size);
}

struct vx_config_section vx_switch_config_section(struct vx_switch_config *config) {
    return (struct vx_config_section){"switch", section_begin, section_end, section_finish, config};
}

int64_t vx_switch_int(const struct vx_switch_config *config, enum vx_switch_setting_id id) {
    return vx_values_int(config->values, id);
}

const char *vx_switch_text(const struct vx_switch_config *config, enum vx_switch_setting_id id) {
    return vx_values_text(config->values, id);
}

const struct vx_values *vx_switch_values(const struct vx_switch_config *config) {
    return config->values;
}

const struct vx_routes *vx_switch_routes(const struct vx_switch_config *config) {
    return &config->routes;
}
