/* POST .../Calls: a new outbound call, in the three forms that say who controls it. */
#include "api/commands.h"
#include "api/json_in.h"
#include "api/sip_uri.h"
#include "core/percent.h"

#include <stdio.h>

struct creation {
    struct exchange *x;
    const struct vx_json *body;
    struct vx_command_args args;
    struct vx_command_header headers[VX_MAX_HEADERS];
    struct vx_buf target, to, tag, amd;
    struct vx_credentials *credentials; /* of its own, or NULL */
};

static bool refuse(struct exchange *x, const char *msg) {
    vx_fail(x, 400, "%s", msg);
    return false;
}

bool vx_in_tag(struct exchange *x, const struct vx_json *body, const char *key,
               struct vx_buf *tag) {
    const struct vx_json *value = vx_json_member(body, key);

    if (!value)
        return true;
    if (!vx_is_object(value)) {
        vx_fail(x, 400, "%s must be an object", key);
        return false;
    }
    vx_json_write(tag, value);
    if (!vx_buf_ok(tag)) {
        vx_answer_no_memory(x);
        return false;
    }
    if (tag->len <= VX_TAG_BYTES)
        return true;
    vx_fail(x, 400, "%s is longer than %d bytes", key, VX_TAG_BYTES);
    return false;
}

/* --- to --- */

/* A call shows what it is for as one that comes in does: not escaped. */
static bool show_user(struct creation *c, struct vx_str escaped) {
    struct vx_str shown;

    vx_buf_str(&c->to, escaped);
    if (!vx_buf_ok(&c->to)) {
        vx_answer_no_memory(c->x);
        return false;
    }
    shown = (struct vx_str){c->to.at, c->to.len};
    vx_percent_decode(&shown);
    c->args.to = shown;
    return true;
}

/* A text of to.auth; what it is never stands in an answer. */
static bool credential(struct creation *c, const struct vx_json *auth, const char *key,
                       struct vx_str *out) {
    const struct vx_json *value = vx_json_member(auth, key);
    const char *fault = "is missing";

    if (value && !vx_is_string(value))
        fault = "must be a text";
    else if (value)
        fault = vx_credential_fault(value->text);
    if (fault)
        vx_fail(c->x, 400, "to.auth.%s %s", key, fault);
    else
        *out = value->text;
    return !fault;
}

static bool read_auth(struct creation *c, const struct vx_json *to) {
    const struct vx_json *auth = vx_json_member(to, "auth");
    struct vx_str username, password;

    if (!auth)
        return true;
    if (!vx_is_object(auth))
        return refuse(c->x, "to.auth must be an object");
    if (!credential(c, auth, "username", &username) || !credential(c, auth, "password", &password))
        return false;
    c->credentials = vx_credentials_new(username, password);
    c->args.credentials = c->credentials;
    if (!c->credentials)
        vx_answer_no_memory(c->x);
    return c->credentials != NULL;
}

static bool to_sip(struct creation *c, const struct vx_json *to) {
    struct vx_sip_uri uri;
    struct vx_str text;
    const char *why;

    if (!vx_in_text(c->x, to, "to.sipUri", 512, &text))
        return false;
    if (!text.at)
        return refuse(c->x, "to.sipUri is missing");
    if (!vx_sip_uri_parse(&uri, text, &why)) {
        vx_fail(c->x, 400, "to.sipUri %s", why);
        return false;
    }
    if (!read_auth(c, to))
        return false;
    vx_sip_uri_write(&c->target, &uri);
    if (uri.user.at)
        return show_user(c, uri.user);
    c->args.to = uri.host;
    return true;
}

static bool is_number(struct vx_str s) {
    for (size_t i = s.len && s.at[0] == '+'; i < s.len; i++)
        if (s.at[i] < '0' || s.at[i] > '9')
            return false;
    return s.len > (s.at[0] == '+') && s.len <= 32;
}

/* NULL: answered; it has gone since the request was let in. */
static const struct vx_account_spec *account_of(struct creation *c) {
    const struct vx_config *config = c->x->state->config;
    const struct vx_account_spec *accounts;
    size_t index;

    vx_config_accounts(config, &accounts);
    if (vx_directory_find(vx_config_directory(config), &c->args.account_sid, &index))
        return &accounts[index];
    refuse(c->x, "no such account");
    return NULL;
}

static bool to_phone(struct creation *c, const struct vx_json *to) {
    const struct vx_account_spec *account = account_of(c);
    const struct vx_gateway *gateway = NULL;
    struct vx_str trunk;

    if (!account || !vx_in_text(c->x, to, "to.number", 64, &c->args.to) ||
        !vx_in_text(c->x, to, "to.trunk", 128, &trunk))
        return false;
    if (!c->args.to.at || !is_number(c->args.to))
        return refuse(c->x, "to.number must be a phone number");
    for (size_t i = 0; i < account->gateway_count && !gateway; i++)
        if (!trunk.at || vx_str_eq(trunk, vx_str(account->gateways[i].name)))
            gateway = &account->gateways[i];
    if (!gateway)
        return refuse(c->x, trunk.at ? "to.trunk names no gateway of the account"
                                     : "the account has no gateway for phone numbers");
    vx_buf_puts(&c->target, gateway->secure ? "sips:" : "sip:");
    vx_sip_user_escape(&c->target, c->args.to);
    vx_buf_puts(&c->target, "@");
    vx_buf_puts(&c->target, gateway->address);
    c->args.credentials = gateway->credentials;
    return true;
}

/* The realm of the account that the name has, or the first one where it has none. NULL: answered.
 */
static const char *realm_of(struct creation *c, struct vx_str domain) {
    const struct vx_account_spec *account = account_of(c);

    if (!account)
        return NULL;
    for (size_t i = 0; i < account->realm_count; i++)
        if (!domain.at || vx_str_ieq(domain, vx_str(account->realms[i])))
            return account->realms[i];
    refuse(c->x, domain.at ? "to.name has a domain that is no realm of the account"
                           : "to.name has no domain, and the account has no realm");
    return NULL;
}

static bool to_user(struct creation *c, const struct vx_json *to) {
    struct vx_str name, domain = VX_NONE;
    const char *at, *realm;

    if (!vx_in_text(c->x, to, "to.name", 320, &name))
        return false;
    if (!name.at)
        return refuse(c->x, "to.name is missing");
    at = memchr(name.at, '@', name.len);
    if (at) {
        domain = (struct vx_str){at + 1, name.len - (size_t)(at + 1 - name.at)};
        name.len = (size_t)(at - name.at);
    }
    if (!vx_sip_is_user_name(name) || (at && !vx_sip_is_host(domain)))
        return refuse(c->x, "to.name is neither the name of a user nor user@domain");
    realm = realm_of(c, domain);
    if (!realm)
        return false;
    vx_buf_str(&c->to, name);
    vx_buf_puts(&c->to, "@");
    vx_buf_puts(&c->to, realm);
    if (!vx_buf_ok(&c->to)) {
        vx_answer_no_memory(c->x);
        return false;
    }
    c->args.user = (struct vx_str){c->to.at, c->to.len};
    c->args.to = name;
    return true;
}

/* What would make another call of it than the client has asked for, were it passed over. */
static bool has_unable(struct creation *c, const struct vx_json *to) {
    if (vx_json_member(to, "overrideTo"))
        vx_fail(c->x, 501, "this server does nothing with to.overrideTo");
    else if (vx_json_member(to, "auth") && !(c->x->api->port.verbs & VX_HOST_AUTHENTICATES))
        vx_fail(c->x, 501,
                "this server takes no to.auth: all who see its events and call records would see "
                "the password");
    else
        return false;
    return true;
}

static bool read_to(struct creation *c) {
    static const char *const types[] = {"sip", "phone", "user", "teams", NULL};
    const struct vx_json *to = vx_json_member(c->body, "to");
    int type = -1;

    if (!vx_is_object(to))
        return refuse(c->x, to ? "to must be an object" : "to is missing");
    if (!vx_in_word(c->x, to, "to.type", types, &type) || has_unable(c, to))
        return false;
    if (type > 0 && vx_json_member(to, "auth"))
        return refuse(c->x, "to.auth goes with to.type sip");
    switch (type) {
    case 0:
        return to_sip(c, to);
    case 1:
        return to_phone(c, to);
    case 2:
        return to_user(c, to);
    case -1:
        return refuse(c->x, "to.type is missing");
    default:
        vx_fail(c->x, 501, "this server cannot call to.type %s", types[type]);
        return false;
    }
}

/* --- who controls it --- */

static bool read_application(struct creation *c, struct vx_str sid) {
    const struct vx_account_spec *accounts;
    size_t index;

    if (!vx_uuid_parse(&c->args.application_sid, sid))
        return refuse(c->x, "application_sid is not a UUID");
    vx_config_accounts(c->x->state->config, &accounts);
    if (vx_directory_find(vx_config_directory(c->x->state->config), &c->args.account_sid, &index))
        for (size_t i = 0; i < accounts[index].application_count; i++)
            if (vx_uuid_eq(&accounts[index].applications[i], &c->args.application_sid))
                return true;
    return refuse(c->x, "application_sid names no application of the account");
}

static bool read_speech(struct creation *c) {
    static const char *const fields[VX_SPEECH_COUNT] = {
        [VX_SYNTHESIS_VENDOR] = "speech_synthesis_vendor",
        [VX_SYNTHESIS_LANGUAGE] = "speech_synthesis_language",
        [VX_SYNTHESIS_VOICE] = "speech_synthesis_voice",
        [VX_RECOGNIZER_VENDOR] = "speech_recognizer_vendor",
        [VX_RECOGNIZER_LANGUAGE] = "speech_recognizer_language",
    };

    for (size_t i = 0; i < VX_SPEECH_COUNT; i++) {
        if (!vx_in_text(c->x, c->body, fields[i], 128, &c->args.speech[i]))
            return false;
        if (!c->args.speech[i].at) {
            vx_fail(c->x, 400, "%s is missing: it is needed without application_sid", fields[i]);
            return false;
        }
    }
    return true;
}

static bool read_control(struct creation *c) {
    struct vx_str sid;

    if (!vx_in_text(c->x, c->body, "application_sid", 64, &sid) ||
        !vx_in_status_hook(c->x, c->body, &c->args.status_hook))
        return false;
    if (sid.at)
        return read_application(c, sid);
    if (!vx_in_hook(c->x, c->body, "call_hook", false, &c->args.hook))
        return false;
    c->args.hook_method = vx_in_hook_method(c->body, "call_hook");
    if (!c->args.hook.at)
        return refuse(c->x, "either application_sid or call_hook is needed");
    return read_speech(c);
}

static bool read_answer_on_bridge(struct creation *c) {
    const struct vx_json *value = vx_json_member(c->body, "answerOnBridge");

    if (value && value->type != VX_JSON_TRUE && value->type != VX_JSON_FALSE)
        return refuse(c->x, "answerOnBridge must be true or false");
    c->args.answer_on_bridge = value && value->type == VX_JSON_TRUE;
    return true;
}

/* For whoever controls the call once it is answered, if the host gives them to anybody. */
static bool read_handed_on(struct creation *c) {
    static const char hook[] = "sipRequestWithinDialogHook", amd[] = "amd";
    const struct vx_json *value = vx_json_member(c->body, hook);

    if (value && !vx_is_string(value)) {
        vx_fail(c->x, 400, "%s must be a URL", hook);
        return false;
    }
    if (!vx_in_hook(c->x, c->body, hook, true, &c->args.request_hook) ||
        !vx_in_tag(c->x, c->body, amd, &c->amd))
        return false;
    if (c->amd.len)
        c->args.amd = (struct vx_str){c->amd.at, c->amd.len};
    if ((c->x->api->port.verbs & VX_HOST_HANDS_ON) || (!c->args.request_hook.at && !c->args.amd.at))
        return true;
    vx_fail(c->x, 501, "this server does nothing with %s", c->args.amd.at ? amd : hook);
    return false;
}

static bool read_rest(struct creation *c) {
    struct exchange *x = c->x;

    if (!vx_in_text(x, c->body, "from", 256, &c->args.from) ||
        !vx_in_text(x, c->body, "fromHost", 255, &c->args.from_host) ||
        !vx_in_text(x, c->body, "callerName", 256, &c->args.caller_name) ||
        !vx_in_number(x, c->body, "timeout", 1, 3600, &c->args.timeout_s) ||
        !vx_in_number(x, c->body, "timeLimit", 1, 86400, &c->args.time_limit_s) ||
        !vx_command_headers(x, c->body, c->headers, &c->args.header_count) ||
        !read_answer_on_bridge(c) || !vx_in_tag(x, c->body, "tag", &c->tag) || !read_handed_on(c))
        return false;
    c->args.headers = c->headers;
    c->args.tag = c->tag.len ? (struct vx_str){c->tag.at, c->tag.len} : VX_NONE;
    if (!c->args.from.at)
        return refuse(x, "from is missing");
    if (c->args.from_host.at && !vx_sip_is_host(c->args.from_host))
        return refuse(x, "fromHost is not a host");
    return true;
}

static void begin(struct creation *c) {
    struct exchange *x = c->x;

    c->args.account_sid = *vx_scope_sid(x->tenant->scope);
    c->args.timeout_s = 60;
    if (!read_to(c) || !read_control(c) || !read_rest(c))
        return;
    if (!vx_buf_ok(&c->target) || !vx_uuid_random(&c->args.call_sid)) {
        vx_answer_no_memory(x);
        return;
    }
    if (!c->args.user.at)
        c->args.target = (struct vx_str){c->target.at, c->target.len};
    /* Before the host may tell of the call. */
    if (c->args.status_hook &&
        !vx_registry_expect_hook(x->api->registry, &c->args.call_sid, c->args.status_hook)) {
        vx_answer_no_memory(x);
        return;
    }
    vx_command_start(x, VX_VERB_ORIGINATE, &c->args,
                     (unsigned)vx_config_int(x->state->config, VX_SET_COMMAND_TIMEOUT_SECONDS));
    if (c->args.status_hook && x->response->status)
        vx_registry_forget_hook(x->api->registry, &c->args.call_sid);
}

static void answer_created(struct exchange *x) {
    const struct vx_command_args *args;
    struct vx_command_result result;
    struct vx_buf out = {0};
    char sid[VX_UUID_TEXT + 1];

    if (!vx_command_await(x, &result))
        return;
    args = vx_command_args(x->request->command);
    if (result.outcome != VX_OUTCOME_DONE) {
        vx_registry_forget_hook(x->api->registry, &args->call_sid);
        vx_command_fail(x, &result);
        return;
    }
    vx_uuid_format(sid, &args->call_sid);
    vx_buf_printf(&out, "{\"sid\":\"%s\"}", sid);
    vx_answer(x, 201, NULL, &out);
}

void vx_create_call(struct exchange *x) {
    struct creation c = {.x = x};
    struct vx_json_document *body;

    if (x->request->command) {
        answer_created(x);
        return;
    }
    body = vx_in_body(x);
    if (!body)
        return;
    c.body = vx_json_root(body);
    begin(&c);
    vx_hook_release(&c.args.status_hook);
    vx_credentials_release(&c.credentials);
    vx_buf_free(&c.target);
    vx_buf_free(&c.to);
    vx_buf_free(&c.tag);
    vx_buf_free(&c.amd);
    vx_json_release(&body);
}
