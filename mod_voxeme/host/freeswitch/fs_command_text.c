#include "host/freeswitch/fs_command_text.h"

static bool is_alnum(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_one_of(char c, const char *list) {
    return c && strchr(list, c);
}

static bool is_control(char c) {
    return (unsigned char)c < 0x20 || c == 0x7f;
}

static bool has(struct vx_str s, struct vx_str part) {
    for (size_t i = 0; i + part.len <= s.len; i++)
        if (vx_str_ieq((struct vx_str){s.at + i, part.len}, part))
            return true;
    return false;
}

void vx_fs_text_name(struct vx_buf *out, struct vx_str name) {
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];

        if (is_control(c))
            c = ' ';
        else if (c == '"')
            c = '\'';
        else if (is_one_of(c, "\\<>%${}"))
            c = '_';
        vx_buf_add(out, &c, 1);
    }
}

void vx_fs_text_host(struct vx_buf *out, struct vx_str host) {
    if (host.len > 2 && host.at[0] == '[')
        host = (struct vx_str){host.at + 1, host.len - 2};
    vx_buf_str(out, host);
}

static struct vx_str user_of(struct vx_str uri) {
    const char *at = memchr(uri.at, '@', uri.len);

    return at ? (struct vx_str){uri.at, (size_t)(at - uri.at)} : VX_STR("");
}

/* From the first ';' on. */
static struct vx_str parameters_of(struct vx_str uri) {
    const char *mark = memchr(uri.at, ';', uri.len);

    return mark ? (struct vx_str){mark, uri.len - (size_t)(mark - uri.at)} : VX_STR("");
}

/* mod_sofia looks for its own anywhere behind a ';', and takes whatever ends in port= for the
 * transport. NULL, or why not. */
static const char *parameters_fault(struct vx_str parameters) {
    const struct vx_str transport = VX_STR(";transport=");
    struct vx_str rest = parameters;

    if (has(parameters, VX_STR(";fs_")) || has(parameters, VX_STR(";received")))
        return "the target has a parameter of FreeSWITCH's own";
    while (rest.len && !(rest.len > transport.len &&
                         vx_str_ieq((struct vx_str){rest.at, transport.len}, transport)))
        rest = (struct vx_str){rest.at + 1, rest.len - 1};
    parameters.len -= rest.len;
    if (rest.len)
        rest = (struct vx_str){rest.at + transport.len, rest.len - transport.len};
    if (has(parameters, VX_STR("port=")) || has(rest, VX_STR("port=")))
        return "the target has a parameter that FreeSWITCH would take for its transport";
    return NULL;
}

const char *vx_fs_text_dial(struct vx_buf *out, const char *profile, const char *gateway,
                            struct vx_str uri) {
    struct vx_str parameters = parameters_of(uri);
    const char *fault;

    /* mod_sofia would take what follows for the way to go there. */
    if (has(uri, VX_STR("fs_path=")))
        return "the target holds fs_path=";
    for (size_t i = 0; i < uri.len; i++)
        if (!is_alnum(uri.at[i]) && !is_one_of(uri.at[i], "-_.!~*+=$#&%@:;[]"))
            return "the target is not a URI that FreeSWITCH can be given";
    /* It looks for these anywhere, not only in the parameters of the URI. */
    if (has(user_of(uri), VX_STR("port=")))
        return "the user part of the target holds port= or transport=";
    fault = parameters_fault(parameters);
    if (fault)
        return fault;
    if (!*gateway) {
        vx_buf_printf(out, "%s/", profile);
        vx_buf_str(out, uri);
        return NULL;
    }
    if (uri.len < 4 || !vx_str_eq((struct vx_str){uri.at, 4}, VX_STR("sip:")) ||
        !memchr(uri.at, '@', uri.len))
        return "a gateway calls sip: URIs with a user";
    if (has(parameters, VX_STR("@")))
        return "a gateway calls URIs without parameters in the user part";
    if (has(parameters, VX_STR(";transport=")))
        return "a gateway has a transport of its own, and calls no other";
    vx_buf_printf(out, "gateway/%s/", gateway);
    vx_buf_add(out, uri.at + 4, uri.len - 4);
    return NULL;
}

const char *vx_fs_text_user(struct vx_buf *out, struct vx_str user) {
    size_t marks = 0;

    for (size_t i = 0; i < user.len; i++) {
        if (user.at[i] == '@')
            marks++;
        else if (!is_alnum(user.at[i]) && !is_one_of(user.at[i], marks ? "-_." : "-_.!*+#"))
            return "the user is not a name that FreeSWITCH can be given";
    }
    if (marks != 1 || user.at[0] == '@' || user.at[user.len - 1] == '@')
        return "the user has no name or no domain";
    vx_buf_str(out, user);
    return NULL;
}

bool vx_fs_text_is_value(struct vx_str value) {
    for (size_t i = 0; i < value.len; i++)
        if (is_control(value.at[i]))
            return false;
    return !has(value, VX_STR("${")) && !has(value, VX_STR("ARRAY::"));
}

void vx_fs_text_json(struct vx_buf *out, struct vx_str json) {
    for (size_t i = 0; i < json.len; i++)
        if (json.at[i] == '$')
            vx_buf_puts(out, "\\u0024");
        else
            vx_buf_add(out, &json.at[i], 1);
}

void vx_fs_text_url(struct vx_buf *out, struct vx_str url) {
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < url.len; i++) {
        unsigned char c = (unsigned char)url.at[i];

        if (is_alnum((char)c) || is_one_of((char)c, "-._~:/?#[]@!$&()*+,;=%"))
            vx_buf_add(out, &url.at[i], 1);
        else
            vx_buf_add(out, (char[]){'%', digits[c >> 4], digits[c & 15]}, 3);
    }
}

static bool is_token(struct vx_str s) {
    for (size_t i = 0; i < s.len; i++)
        if (!is_alnum(s.at[i]) && !is_one_of(s.at[i], "-.!%*_+`'~"))
            return false;
    return s.len > 0;
}

/* What mod_sofia writes itself. */
static bool is_its_own(struct vx_str name) {
    static const char *const names[] = {"user-agent", "server", "allow-events", "accept",
                                        "session-id", "path",   "service-route"};
    static const struct vx_str beginnings[] = {VX_STR("content-"), VX_STR("proxy-")};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (vx_str_ieq(name, vx_str(names[i])))
            return true;
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
        if (name.len >= beginnings[i].len &&
            vx_str_ieq((struct vx_str){name.at, beginnings[i].len}, beginnings[i]))
            return true;
    return false;
}

const char *vx_fs_text_header_fault(const struct vx_command_header *header) {
    if (!is_token(header->name) || is_its_own(header->name))
        return "headers: one of them is FreeSWITCH's own to write";
    if (!vx_fs_text_is_value(header->value))
        return "headers: FreeSWITCH cannot send a value with ${ or ARRAY:: in it";
    return NULL;
}

bool vx_fs_text_is_web(struct vx_str url) {
    static const struct vx_str schemes[] = {VX_STR("http://"), VX_STR("https://")};
    size_t scheme = 0;

    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (url.len > schemes[i].len &&
            vx_str_ieq((struct vx_str){url.at, schemes[i].len}, schemes[i]))
            scheme = schemes[i].len;
    for (size_t i = 0; i < url.len; i++)
        if (!is_alnum(url.at[i]) && !is_one_of(url.at[i], "-._~:/?#@&+;=%"))
            return false;
    return scheme && !has(url, VX_STR("::"));
}

bool vx_fs_text_is_file(struct vx_str path) {
    for (size_t i = 0; i < path.len; i++) {
        bool begins = i == 0 || path.at[i - 1] == '/';

        if (!is_alnum(path.at[i]) && !is_one_of(path.at[i], "-_./"))
            return false;
        if (begins && is_one_of(path.at[i], "./-"))
            return false;
    }
    return path.len > 0 && path.at[path.len - 1] != '/';
}

void vx_fs_text_say(struct vx_buf *out, struct vx_str text) {
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];

        if (is_control(c) || is_one_of(c, "|${}[]\\<>"))
            c = ' ';
        vx_buf_add(out, &c, 1);
    }
}
