#include "host/sip/uri.h"

#include "host/sip/sofia.h"

#include <string.h>

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

size_t vx_uri_unescape(char *out, struct vx_str in) {
    size_t len = 0;

    for (size_t i = 0; i < in.len; i++) {
        int high = in.at[i] == '%' && in.len - i > 2 ? hex_digit(in.at[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(in.at[i + 2]) : -1;

        if (low >= 0) {
            out[len++] = (char)(high << 4 | low);
            i += 2;
        } else {
            out[len++] = in.at[i];
        }
    }
    return len;
}

static bool is_plain(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("-_.!~*'()+", c));
}

void vx_uri_escape(struct vx_buf *out, struct vx_str in) {
    for (size_t i = 0; i < in.len; i++)
        if (is_plain(in.at[i]))
            vx_buf_add(out, in.at + i, 1);
        else
            vx_buf_printf(out, "%%%02X", (unsigned)(unsigned char)in.at[i]);
}

size_t vx_display_unquote(char *out, struct vx_str in) {
    size_t len = 0;

    if (in.len == 0 || in.at[0] != '"') {
        if (in.len > 0)
            memcpy(out, in.at, in.len);
        return in.len;
    }
    for (size_t i = 1; i < in.len && in.at[i] != '"'; i++) {
        if (in.at[i] == '\\' && i + 1 < in.len)
            i++;
        out[len++] = in.at[i];
    }
    return len;
}

static const char *url_fault(const url_t *url) {
    char transport[16];

    if (url->url_type != url_sip)
        return "it is not a sip: URI";
    if (!url->url_host || !url->url_host[0])
        return "it has no host";
    if (url->url_headers)
        return "it has headers (?...)";
    if (url_param(url->url_params, "transport", transport, sizeof transport) &&
        strcasecmp(transport, "udp") != 0 && strcasecmp(transport, "tcp") != 0)
        return "its transport is neither udp nor tcp";
    return NULL;
}

const char *vx_uri_fault(const char *text) {
    su_home_t home[1] = {SU_HOME_INIT(home)};
    const char *fault = "it is not a URI";

    /* Spaces and angle brackets would survive the library's parser and break the headers. */
    if (strpbrk(text, " \t\r\n<>\""))
        return fault;
    su_home_init(home);
    const url_t *url = url_make(home, text);
    if (url)
        fault = url_fault(url);
    su_home_deinit(home);
    return fault;
}

bool vx_uri_wants_tls(const char *text) {
    su_home_t home[1] = {SU_HOME_INIT(home)};
    char transport[16];
    bool wants = false;

    su_home_init(home);
    const url_t *url = url_make(home, text);
    if (url)
        wants = url->url_type == url_sips ||
                (url->url_type == url_sip &&
                 url_param(url->url_params, "transport", transport, sizeof transport) &&
                 strcasecmp(transport, "tls") == 0);
    su_home_deinit(home);
    return wants;
}
