#include "host/sip/leg_event.h"

#include "core/alloc.h"
#include "host/sip/uri.h"

#include <arpa/inet.h>
#include <stdio.h>

enum decoding { AS_IS, UNESCAPE, UNQUOTE };

/* One text on its way into the event. */
struct text {
    struct vx_str *to;
    struct vx_str from; /* VX_NONE: not given */
    enum decoding decoding;
};

static struct vx_str decode(char *out, const struct text *text) {
    struct vx_str in = text->from;

    switch (text->decoding) {
    case UNESCAPE:
        return (struct vx_str){out, vx_uri_unescape(out, in)};
    case UNQUOTE:
        return (struct vx_str){out, vx_display_unquote(out, in)};
    case AS_IS:
        break;
    }
    if (in.len > 0)
        memcpy(out, in.at, in.len);
    return (struct vx_str){out, in.len};
}

static struct vx_str given(struct vx_str s) {
    return s.at ? s : VX_STR("");
}

/* No decoding makes a text longer, so one block of all their lengths holds them. */
static bool keep(struct vx_leg_event *out, const struct text *texts, size_t count) {
    size_t size = 1, used = 0;

    for (size_t i = 0; i < count; i++)
        size += texts[i].from.len;
    out->texts = vx_malloc(size);
    if (!out->texts)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (texts[i].from.at) {
            *texts[i].to = decode(out->texts + used, &texts[i]);
            used += texts[i].to->len;
        }
    }
    return true;
}

static void take_source(struct vx_leg_event *out, const struct sockaddr *source) {
    char host[INET6_ADDRSTRLEN];

    if (!source || !vx_addr_from_sockaddr(&out->event.evidence.source, source))
        return;
    if (source->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, source, sizeof v4);
        if (inet_ntop(AF_INET, &v4.sin_addr, host, sizeof host))
            snprintf(out->source, sizeof out->source, "%s:%u", host, ntohs(v4.sin_port));
    } else if (source->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, source, sizeof v6);
        if (inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof host))
            snprintf(out->source, sizeof out->source, "[%s]:%u", host, ntohs(v6.sin6_port));
    }
    if (out->source[0])
        out->event.originating_sip_ip = vx_str(out->source);
}

const char *vx_sip_header(const sip_t *sip, const char *name) {
    for (const sip_unknown_t *h = sip->sip_unknown; h; h = h->un_next)
        if (h->un_name && h->un_value && strcasecmp(h->un_name, name) == 0)
            return h->un_value;
    return NULL;
}

/* The library keeps the number of a tel: URI in the place of the host or of the user, as the text
 * has it. */
static const char *user_of(const url_t *url) {
    if (url->url_user)
        return url->url_user;
    return url->url_type == url_tel ? url->url_host : NULL;
}

bool vx_leg_event_inbound(struct vx_leg_event *out, const sip_t *sip,
                          const struct sockaddr *source) {
    memset(out, 0, sizeof *out);
    if (!sip || !sip->sip_request)
        return false;
    struct vx_event *e = &out->event;
    const url_t *request = sip->sip_request->rq_url;
    const char *from = sip->sip_from ? user_of(sip->sip_from->a_url) : NULL;
    const char *to = user_of(request);
    const char *display = sip->sip_from ? sip->sip_from->a_display : NULL;

    if (!to && sip->sip_to)
        to = user_of(sip->sip_to->a_url);
    e->type = VX_EVENT_CREATE;
    e->direction = VX_INBOUND;
    e->sip_status = 100;
    const struct text texts[] = {
        {&e->call_id, vx_str(sip->sip_call_id ? sip->sip_call_id->i_id : NULL), AS_IS},
        {&e->from, vx_str(from ? from : ""), UNESCAPE},
        {&e->to, vx_str(to ? to : ""), UNESCAPE},
        {&e->caller_name, vx_str(display ? display : ""), UNQUOTE},
        {&e->evidence.header, vx_str(vx_sip_header(sip, "X-Account-Sid")), AS_IS},
        {&e->application_sid_header, vx_str(vx_sip_header(sip, "X-Application-Sid")), AS_IS},
        {&e->evidence.domain, vx_str(request->url_host), AS_IS},
    };
    if (!keep(out, texts, sizeof texts / sizeof *texts))
        return false;
    take_source(out, source);
    return true;
}

bool vx_leg_event_from_bytes(struct vx_leg_event *out, const void *bytes, size_t len,
                             const struct sockaddr *source) {
    memset(out, 0, sizeof *out);
    if (len == 0 || len > 1024 * 1024)
        return false;
    msg_t *msg = msg_make(sip_default_mclass(), 0, bytes, (ssize_t)len);
    if (!msg)
        return false;
    bool ok = vx_leg_event_inbound(out, sip_object(msg), source);
    msg_destroy(msg);
    return ok;
}

bool vx_leg_event_outbound(struct vx_leg_event *out, const char *call_id, const char *from,
                           const char *to, const char *display) {
    memset(out, 0, sizeof *out);
    struct vx_event *e = &out->event;

    e->type = VX_EVENT_CREATE;
    e->direction = VX_OUTBOUND;
    e->sip_status = 100;
    const struct text texts[] = {
        {&e->call_id, vx_str(call_id), AS_IS},
        {&e->from, vx_str(from ? from : ""), UNESCAPE},
        {&e->to, vx_str(to ? to : ""), UNESCAPE},
        {&e->caller_name, vx_str(display ? display : ""), UNQUOTE},
    };
    return keep(out, texts, sizeof texts / sizeof *texts);
}

bool vx_leg_event_originated(struct vx_leg_event *out, const char *call_id,
                             const struct vx_command_args *args) {
    char account[VX_UUID_TEXT + 1], application[VX_UUID_TEXT + 1];
    bool has_account = !vx_uuid_is_nil(&args->account_sid);
    bool has_application = !vx_uuid_is_nil(&args->application_sid);

    memset(out, 0, sizeof *out);
    struct vx_event *e = &out->event;
    vx_uuid_format(account, &args->account_sid);
    vx_uuid_format(application, &args->application_sid);
    e->type = VX_EVENT_CREATE;
    e->direction = VX_OUTBOUND;
    e->sip_status = 100;
    e->call_sid = args->call_sid;
    const struct text texts[] = {
        {&e->call_id, vx_str(call_id), AS_IS},
        {&e->from, given(args->from), AS_IS},
        {&e->to, given(args->to), AS_IS},
        {&e->caller_name, given(args->caller_name), AS_IS},
        {&e->evidence.variable, has_account ? vx_str(account) : VX_NONE, AS_IS},
        {&e->application_sid, has_application ? vx_str(application) : VX_NONE, AS_IS},
        {&e->tag, args->tag, AS_IS},
    };
    return keep(out, texts, sizeof texts / sizeof *texts);
}

void vx_leg_event_clear(struct vx_leg_event *event) {
    vx_free(event->texts);
    memset(event, 0, sizeof *event);
}
