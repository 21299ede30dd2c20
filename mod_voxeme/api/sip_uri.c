#include "api/sip_uri.h"

#include "core/addr.h"
#include "core/percent.h"

#define LONGEST_HOST 253
#define LONGEST_USER 256

static bool is_alnum(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* user-unreserved and unreserved, but for what means something else to one of those who handle the
 * URI after us: a dial string of FreeSWITCH takes commas, bars, brackets and quotes apart. */
static bool is_user_char(char c) {
    return is_alnum(c) || (c && strchr("-_.!~*+=$#&", c));
}

static bool is_user(struct vx_str user) {
    for (size_t i = 0; i < user.len; i++)
        if (!is_user_char(user.at[i]) && user.at[i] != '%')
            return false;
    return user.len > 0 && user.len <= LONGEST_USER && vx_percent_valid(user);
}

static bool is_name(struct vx_str host) {
    size_t label = 0;

    for (size_t i = 0; i < host.len; i++) {
        char c = host.at[i];
        bool edge = label == 0 || i + 1 == host.len || host.at[i + 1] == '.';

        if (c == '.') {
            if (label == 0)
                return false;
            label = 0;
            continue;
        }
        if ((!is_alnum(c) && c != '-' && c != '_') || (c == '-' && edge) || ++label > 63)
            return false;
    }
    return host.len > 0 && host.len <= LONGEST_HOST;
}

bool vx_sip_is_host(struct vx_str host) {
    struct vx_addr addr;

    if (host.len && host.at[0] == '[')
        return vx_addr_parse(&addr, host);
    return is_name(host);
}

bool vx_sip_is_user_name(struct vx_str name) {
    for (size_t i = 0; i < name.len; i++)
        if (!is_alnum(name.at[i]) && (!name.at[i] || !strchr("-_.!*+#", name.at[i])))
            return false;
    return name.len > 0 && name.len <= LONGEST_USER;
}

static bool parse_port(struct vx_sip_uri *uri, struct vx_str text) {
    if (!text.len || text.len > 5)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        uri->port = uri->port * 10 + (unsigned)(text.at[i] - '0');
    }
    return uri->port > 0 && uri->port < 65536;
}

static bool parse_host_port(struct vx_sip_uri *uri, struct vx_str text) {
    const char *end = text.len && text.at[0] == '[' ? memchr(text.at, ']', text.len) : text.at;
    const char *colon = end ? memchr(end, ':', text.len - (size_t)(end - text.at)) : NULL;
    struct vx_str port = VX_NONE;

    if (!end)
        return false;
    if (colon) {
        port = (struct vx_str){colon + 1, text.len - (size_t)(colon + 1 - text.at)};
        text.len = (size_t)(colon - text.at);
    }
    uri->host = text;
    return vx_sip_is_host(text) && (!colon || parse_port(uri, port));
}

static struct vx_str take(struct vx_str *rest, char mark) {
    const char *found = rest->len ? memchr(rest->at, mark, rest->len) : NULL;
    struct vx_str head = *rest;

    if (!found) {
        *rest = VX_NONE;
        return head;
    }
    head.len = (size_t)(found - rest->at);
    *rest = (struct vx_str){found + 1, rest->len - head.len - 1};
    return head;
}

/* paramchar (RFC 3261, section 25.1) without what those who handle the URI after us take apart. */
static bool is_parameter_char(char c) {
    return is_alnum(c) || (c && strchr("-_.!~*+:", c));
}

static bool is_parameter_value(struct vx_str value) {
    char byte;

    if (!value.len)
        return false;
    while (value.len)
        if ((value.at[0] != '%' && !is_parameter_char(value.at[0])) ||
            !vx_percent_next(&value, &byte) || (unsigned char)byte < 0x20 || byte == 0x7f)
            return false;
    return true;
}

/* Without escapes, which would hide one. */
static bool is_parameter_name(struct vx_str name) {
    for (size_t i = 0; i < name.len; i++)
        if (!is_alnum(name.at[i]) && name.at[i] != '-' && name.at[i] != '_' && name.at[i] != '.')
            return false;
    return name.len > 0;
}

/* They would send the call elsewhere than the host says, or make something else of it; all that
 * begin with fs_ are FreeSWITCH's own. */
static bool is_refused(struct vx_str name) {
    static const struct vx_str names[] = {VX_STR("maddr"), VX_STR("ttl"), VX_STR("method"),
                                          VX_STR("received"), VX_STR("rport")};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (vx_str_ieq(name, names[i]))
            return true;
    return name.len >= 3 && vx_str_ieq((struct vx_str){name.at, 3}, VX_STR("fs_"));
}

static bool has_parameter(struct vx_str parameters, struct vx_str name) {
    while (parameters.at) {
        struct vx_str value = take(&parameters, ';');

        if (vx_str_ieq(take(&value, '='), name))
            return true;
    }
    return false;
}

static bool parse_transport(struct vx_sip_uri *uri, struct vx_str value) {
    static const struct vx_str transports[] = {VX_STR("udp"), VX_STR("tcp"), VX_STR("tls")};

    for (size_t i = 0; i < sizeof transports / sizeof *transports; i++)
        if (vx_str_ieq(value, transports[i]))
            uri->transport = transports[i];
    return uri->transport.at != NULL;
}

/* NULL, or why not. */
static const char *parse_parameters(struct vx_sip_uri *uri) {
    struct vx_str rest = uri->parameters;

    while (rest.at) {
        struct vx_str value = take(&rest, ';'), name = take(&value, '=');

        if (!is_parameter_name(name) || (value.at && !is_parameter_value(value)))
            return "has a parameter that a target must not have";
        if (has_parameter(rest, name))
            return "has a parameter twice";
        if (is_refused(name))
            return "may have none of the parameters maddr, ttl, method, received, rport and fs_...";
        if (vx_str_ieq(name, VX_STR("transport")) && !parse_transport(uri, value))
            return "may have no transport but udp, tcp or tls";
    }
    return NULL;
}

static bool strip_scheme(struct vx_sip_uri *uri, struct vx_str *text) {
    struct vx_str scheme = {text->at, text->len >= 5 ? 5 : text->len};

    uri->secure = vx_str_ieq(scheme, VX_STR("sips:"));
    if (!uri->secure) {
        scheme.len = text->len >= 4 ? 4 : text->len;
        if (!vx_str_ieq(scheme, VX_STR("sip:")))
            return false;
    }
    text->at += scheme.len;
    text->len -= scheme.len;
    return true;
}

bool vx_sip_uri_parse(struct vx_sip_uri *uri, struct vx_str text, const char **why) {
    struct vx_str rest, address;

    *uri = (struct vx_sip_uri){.port = 0};
    *why = "is not a SIP URI";
    if (!strip_scheme(uri, &text))
        return false;
    rest = text;
    if (rest.len && memchr(rest.at, '@', rest.len)) {
        uri->user = take(&rest, '@');
        if (!is_user(uri->user)) {
            *why = "has a user part that a target must not have";
            return false;
        }
    }
    address = take(&rest, ';');
    if (!parse_host_port(uri, address)) {
        *why = "has no valid host and port";
        return false;
    }
    uri->parameters = rest;
    *why = parse_parameters(uri);
    return *why == NULL;
}

void vx_sip_uri_write(struct vx_buf *out, const struct vx_sip_uri *uri) {
    struct vx_str rest = uri->parameters;

    vx_buf_puts(out, uri->secure ? "sips:" : "sip:");
    if (uri->user.at) {
        vx_buf_str(out, uri->user);
        vx_buf_puts(out, "@");
    }
    vx_buf_str(out, uri->host);
    if (uri->port)
        vx_buf_printf(out, ":%u", uri->port);
    if (uri->transport.at) {
        vx_buf_puts(out, ";transport=");
        vx_buf_str(out, uri->transport);
    }
    while (rest.at) {
        struct vx_str parameter = take(&rest, ';'), value = parameter;

        if (vx_str_ieq(take(&value, '='), VX_STR("transport")))
            continue;
        vx_buf_puts(out, ";");
        vx_buf_str(out, parameter);
    }
}

void vx_sip_user_escape(struct vx_buf *out, struct vx_str user) {
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < user.len; i++) {
        unsigned char c = (unsigned char)user.at[i];

        if (is_user_char((char)c))
            vx_buf_add(out, &user.at[i], 1);
        else
            vx_buf_add(out, (char[]){'%', digits[c >> 4], digits[c & 15]}, 3);
    }
}
