#include "host/sip/command_text.h"

#include "host/sip/uri.h"

#include <stdio.h>

#define MAX_HEADERS      64
#define MAX_NAME         64
#define MAX_HEADER_BYTES 16384
#define MAX_CONTENT_TYPE 256
#define MAX_HOOK         4096
#define MAX_DIGITS       128
#define DTMF_MS          250 /* where the command says nothing */
#define LONGEST_DTMF_MS  10000

/* What the dialog, the transaction or the transport owns, the short names as well; and what the
 * switch that is called would take for ours. */
static const char *const refused[] = {
    "accept",
    "accept-contact",
    "allow",
    "authentication-info",
    "authorization",
    "call-id",
    "i",
    "contact",
    "m",
    "cseq",
    "c",
    "e",
    "from",
    "f",
    "identity",
    "y",
    "join",
    "l",
    "max-forwards",
    "min-se",
    "path",
    "rack",
    "record-route",
    "refer-to",
    "r",
    "replaces",
    "request-disposition",
    "require",
    "route",
    "rseq",
    "security-client",
    "security-server",
    "security-verify",
    "server",
    "service-route",
    "session-expires",
    "x",
    "supported",
    "k",
    "target-dialog",
    "timestamp",
    "to",
    "t",
    "unsupported",
    "user-agent",
    "via",
    "v",
    "www-authenticate",
    "x-account-sid",
    "x-application-sid",
};
static const char *const refused_beginnings[] = {"content-", "proxy-"};

static bool is_alphanumeric(unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_token_char(unsigned char c) {
    return is_alphanumeric(c) || (c != '\0' && strchr("-.!%*_+`'~", c));
}

static bool is_text_char(unsigned char c) {
    return c == '\t' || (c >= ' ' && c != 0x7f);
}

static bool is_host_char(unsigned char c) {
    return is_alphanumeric(c) || c == '.' || c == '-' || c == '_';
}

static bool is_address_char(unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' ||
           c == '.';
}

static bool is_uri_char(unsigned char c) {
    return c > ' ' && c < 0x7f;
}

static bool is_all(struct vx_str s, bool (*is)(unsigned char c)) {
    for (size_t i = 0; i < s.len; i++)
        if (!is((unsigned char)s.at[i]))
            return false;
    return true;
}

static bool is_refused(struct vx_str name) {
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (vx_str_ieq(name, vx_str(refused[i])))
            return true;
    for (size_t i = 0; i < sizeof refused_beginnings / sizeof *refused_beginnings; i++) {
        struct vx_str beginning = vx_str(refused_beginnings[i]);
        if (name.len >= beginning.len &&
            vx_str_ieq((struct vx_str){name.at, beginning.len}, beginning))
            return true;
    }
    return false;
}

/* NULL, or what is wrong, behind the name of the header. */
static const char *header_fault(const struct vx_command_header *h) {
    if (is_refused(h->name))
        return "belongs to the dialog or to the switch";
    if (!is_all(h->value, is_text_char))
        return "holds control characters";
    return NULL;
}

static bool is_name(struct vx_str name) {
    return name.len > 0 && name.len <= MAX_NAME && is_all(name, is_token_char);
}

const char *vx_sip_command_headers(struct vx_buf *out, const struct vx_command_args *args,
                                   char why[VX_SIP_WHY]) {
    size_t bytes = 0;

    if (args->header_count > MAX_HEADERS)
        return "headers: too many";
    for (size_t i = 0; i < args->header_count; i++) {
        const struct vx_command_header *h = &args->headers[i];
        const char *fault;

        bytes += h->name.len + h->value.len;
        if (!is_name(h->name))
            return "headers: not the name of a header";
        if (bytes > MAX_HEADER_BYTES)
            return "headers: too long";
        fault = header_fault(h);
        if (fault) {
            snprintf(why, VX_SIP_WHY, "headers: %.*s %s", (int)h->name.len, h->name.at, fault);
            return why;
        }
        vx_buf_str(out, h->name);
        vx_buf_puts(out, ": ");
        vx_buf_str(out, h->value);
        vx_buf_puts(out, "\r\n");
    }
    return NULL;
}

static bool has_header(const struct vx_command_args *args, const char *name, const char *brief) {
    for (size_t i = 0; i < args->header_count; i++)
        if (args->headers[i].value.len > 0 && (vx_str_ieq(args->headers[i].name, vx_str(name)) ||
                                               vx_str_ieq(args->headers[i].name, vx_str(brief))))
            return true;
    return false;
}

const char *vx_sip_command_method_headers(struct vx_buf *out, const struct vx_command_args *args) {
    if (!vx_str_eq(args->method, VX_STR("NOTIFY")))
        return NULL;
    if (!has_header(args, "event", "o"))
        return "sip_request: a NOTIFY wants the header Event (RFC 6665)";
    if (!has_header(args, "subscription-state", "subscription-state"))
        vx_buf_puts(out, "Subscription-State: active\r\n");
    return NULL;
}

static void add_quoted(struct vx_buf *out, struct vx_str s) {
    vx_buf_puts(out, "\"");
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '"' || s.at[i] == '\\')
            vx_buf_puts(out, "\\");
        vx_buf_add(out, is_text_char((unsigned char)s.at[i]) ? s.at + i : " ", 1);
    }
    vx_buf_puts(out, "\" ");
}

static bool is_host(struct vx_str host) {
    if (host.len > 2 && host.at[0] == '[' && host.at[host.len - 1] == ']')
        return is_all((struct vx_str){host.at + 1, host.len - 2}, is_address_char);
    return host.len > 0 && host.len <= 255 && is_all(host, is_host_char);
}

const char *vx_sip_command_from(struct vx_buf *out, const struct vx_command_args *args,
                                const char *own_host) {
    bool given = args->from_host.len > 0;

    if (given && !is_host(args->from_host))
        return "fromHost: not a host";
    if (args->caller_name.len > 0)
        add_quoted(out, args->caller_name);
    vx_buf_puts(out, "<sip:");
    vx_uri_escape(out, args->from);
    if (args->from.len > 0)
        vx_buf_puts(out, "@");
    vx_buf_str(out, given ? args->from_host : vx_str(own_host));
    vx_buf_puts(out, ">");
    return NULL;
}

const char *vx_sip_command_target(struct vx_buf *out, const struct vx_command_args *args) {
    size_t before = out->len;

    if (!is_all(args->target, is_uri_char))
        return "to: it is not a URI";
    vx_buf_str(out, args->target);
    vx_buf_add(out, "", 1);
    if (!vx_buf_ok(out))
        return NULL;
    out->len--;
    if (!vx_uri_fault(out->at + before))
        return NULL;
    return vx_uri_wants_tls(out->at + before)
               ? "to: voxeme-switch has no TLS: it calls sip: URIs over UDP or TCP, none of "
                 "sips:"
               : "to: voxeme-switch calls sip: URIs over UDP or TCP";
}

const char *vx_sip_command_content_type(struct vx_buf *out, const struct vx_command_args *args) {
    if (args->content_type.len > MAX_CONTENT_TYPE || !is_all(args->content_type, is_text_char))
        return "content_type: not a media type";
    vx_buf_str(out, args->content_type);
    return NULL;
}

static bool is_hook_char(unsigned char c) {
    return c > ' ' && c != 0x7f;
}

bool vx_sip_is_hook(struct vx_str hook) {
    return hook.len > 0 && hook.len <= MAX_HOOK && is_all(hook, is_hook_char);
}

void vx_sip_command_refer_to(struct vx_buf *out, const char *user, const char *host,
                             const struct vx_uuid *key) {
    char text[VX_UUID_TEXT + 1];

    vx_uuid_format(text, key);
    vx_buf_puts(out, "<sip:");
    vx_uri_escape(out, vx_str(user));
    vx_buf_printf(out, "@%s?" VX_REFERRAL_HEADER "=%s>", host, text);
}

static bool is_digit(unsigned char c) {
    return c != '\0' && strchr("0123456789ABCDabcd*#", c);
}

const char *vx_sip_command_digits_fault(const struct vx_command_args *args) {
    if (args->digits.len == 0 || args->digits.len > MAX_DIGITS || !is_all(args->digits, is_digit))
        return "dtmf: not digits";
    return NULL;
}

void vx_sip_command_dtmf(struct vx_buf *out, char digit, unsigned duration_ms) {
    unsigned ms = duration_ms ? duration_ms : DTMF_MS;

    if (digit >= 'a' && digit <= 'd')
        digit = (char)(digit - 'a' + 'A');
    vx_buf_printf(out, "Signal=%c\r\nDuration=%u\r\n", digit,
                  ms < LONGEST_DTMF_MS ? ms : LONGEST_DTMF_MS);
}
