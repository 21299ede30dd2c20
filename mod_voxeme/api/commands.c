#include "api/commands.h"

#include "api/json_in.h"

static const char *const verb_names[VX_VERB_COUNT] = {
    [VX_VERB_ORIGINATE] = "make calls",
    [VX_VERB_HANGUP] = "hang up",
    [VX_VERB_HOLD] = "hold calls",
    [VX_VERB_UNHOLD] = "hold calls",
    [VX_VERB_MUTE] = "mute calls: it carries no media of theirs",
    [VX_VERB_UNMUTE] = "mute calls: it carries no media of theirs",
    [VX_VERB_DTMF] = "send DTMF",
    [VX_VERB_REQUEST] = "send SIP requests within a dialog",
    [VX_VERB_REDIRECT] = "redirect calls",
    [VX_VERB_REDIRECT_CHILD] = "redirect the other party",
    [VX_VERB_RECORD] = "record calls",
    [VX_VERB_WHISPER] = "whisper to calls",
    [VX_VERB_LISTEN] = "pause, resume or silence a listen",
    [VX_VERB_CONF_MUTE] = "mute conferences",
    [VX_VERB_CONF_UNMUTE] = "mute conferences",
    [VX_VERB_TAG] = "tag calls",
};

static void hold_for(struct exchange *x, struct vx_command *command, unsigned seconds) {
    x->response->status = 0;
    x->response->hold = (struct vx_hold){.command = command, .seconds = seconds};
}

bool vx_command_able(struct exchange *x, enum vx_verb verb) {
    const struct vx_host_port *port = &x->api->port;

    if (port->submit && (port->verbs & 1U << verb))
        return true;
    vx_fail(x, 501, "this server cannot %s", verb_names[verb]);
    return false;
}

/* The call has gone to another application: whoever asked for it may have left by then. */
static bool set_status_hook(void *registry, const struct vx_command_args *args) {
    return vx_registry_set_hook(registry, &args->account_sid, &args->call_sid, args->status_hook);
}

void vx_command_start(struct exchange *x, enum vx_verb verb, const struct vx_command_args *args,
                      unsigned seconds) {
    const struct vx_host_port *port = &x->api->port;
    void *waker = x->request->waker ? x->request->waker : x->api->notify_ctx;
    struct vx_command *command;

    if (!vx_command_able(x, verb))
        return;
    command = vx_command_new(verb, args, x->api->notify, waker);
    if (!command) {
        vx_answer_no_memory(x);
        return;
    }
    if (args->status_hook && verb != VX_VERB_ORIGINATE)
        vx_command_follow(command, set_status_hook, x->api->registry);
    if (port->submit(port->ctx, command)) {
        hold_for(x, command, seconds);
        return;
    }
    vx_command_release(&command);
    vx_fail(x, 503, "the server takes no commands now, try again");
    x->response->retry_after = 1;
}

bool vx_command_await(struct exchange *x, struct vx_command_result *result) {
    struct vx_command *command = x->request->command;

    if (vx_command_result(command, result))
        return true;
    if (!x->request->waited) {
        hold_for(x, vx_command_ref(command), 0); /* its time goes on */
        return false;
    }
    if (!vx_command_give_up(command) && vx_command_result(command, result))
        return true;
    vx_fail(x, 504, "the server did not do it in time");
    return false;
}

void vx_command_fail(struct exchange *x, const struct vx_command_result *result) {
    switch (result->outcome) {
    case VX_OUTCOME_NO_CALL:
        vx_fail(x, 404, "no such call");
        break;
    case VX_OUTCOME_NOT_NOW:
        vx_fail(x, 422, "%s", result->reason[0] ? result->reason : "not in this state of the call");
        break;
    case VX_OUTCOME_UNABLE:
        vx_fail(x, 501, "%s", result->reason[0] ? result->reason : "this server cannot do that");
        break;
    case VX_OUTCOME_REFUSED:
        vx_fail(x, 503, "%s", result->reason[0] ? result->reason : "the server is full, try again");
        x->response->retry_after = 1;
        break;
    case VX_OUTCOME_FAILED:
    case VX_OUTCOME_DONE:
    default:
        vx_fail(x, 422, "%s", result->reason[0] ? result->reason : "it failed");
        break;
    }
}

static bool is_token(struct vx_str s) {
    for (size_t i = 0; i < s.len; i++)
        if (!((s.at[i] >= 'a' && s.at[i] <= 'z') || (s.at[i] >= 'A' && s.at[i] <= 'Z') ||
              (s.at[i] >= '0' && s.at[i] <= '9') || (s.at[i] && strchr("-.!%*_+`'~", s.at[i]))))
            return false;
    return s.len > 0 && s.len <= 64;
}

#define LONGEST_VALUE 1024

static bool is_value(const struct vx_json *value) {
    if (value->type != VX_JSON_STRING || !value->text.len || value->text.len > LONGEST_VALUE)
        return false;
    for (size_t i = 0; i < value->text.len; i++)
        if ((unsigned char)value->text.at[i] < 0x20 || value->text.at[i] == 0x7f)
            return false;
    return true;
}

/* What belongs to the dialog, its transaction or its body is the server's to write. */
static bool is_reserved(struct vx_str name, bool notify) {
    static const char *const names[] = {
        "via", "v", "from", "f", "to", "t", "call-id", "i", "cseq", "contact", "m", "route",
        "record-route", "max-forwards", "content-length", "l", "content-type", "c",
        "content-encoding", "e", "allow", "supported", "k", "require", "proxy-require",
        "session-expires", "x", "min-se", "authorization", "proxy-authorization", "expires", "rseq",
        "rack", "replaces", "refer-to", "r", "referred-by", "b",
        /* Who may choose an account is told by the source of an INVITE: not by whoever has us send
           one. */
        "x-account-sid", "x-application-sid"};

    static const char *const of_notify[] = {"event", "o", "subscription-state"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (vx_str_ieq(name, vx_str(names[i])))
            return true;
    for (size_t i = 0; i < sizeof of_notify / sizeof *of_notify; i++)
        if (vx_str_ieq(name, vx_str(of_notify[i])))
            return !notify;
    return false;
}

bool vx_command_headers(struct exchange *x, const struct vx_json *object,
                        struct vx_command_header headers[VX_MAX_HEADERS], size_t *count) {
    const struct vx_json *member = vx_json_member(object, "headers");
    const struct vx_json *method = vx_json_member(object, "method");
    bool notify = method && vx_is_string(method) && vx_str_eq(method->text, VX_STR("NOTIFY"));

    *count = 0;
    if (!member)
        return true;
    if (!vx_is_object(member)) {
        vx_fail(x, 400, "headers must be an object of texts");
        return false;
    }
    for (const struct vx_json *value = member->first; value; value = value->next) {
        struct vx_command_header *h = &headers[*count];

        if (*count == VX_MAX_HEADERS) {
            vx_fail(x, 400, "headers may hold %d at most", VX_MAX_HEADERS);
            return false;
        }
        h->name = value->name;
        if (!is_token(h->name)) {
            vx_fail(x, 400,
                    "headers: a name must be made of 1 to 64 letters, digits and -.!%%*_+`'~");
            return false;
        }
        if (is_reserved(h->name, notify)) {
            vx_fail(x, 400, "headers may not hold %.*s", (int)h->name.len, h->name.at);
            return false;
        }
        if (!is_value(value)) {
            vx_fail(x, 400,
                    "headers: %.*s must be a text of 1 to %d bytes without control characters",
                    (int)h->name.len, h->name.at, LONGEST_VALUE);
            return false;
        }
        h->value = value->text;
        ++*count;
    }
    return true;
}
