/*
 * PUT and POST .../Calls/{call_sid}, and DELETE: live call control. One kind of change a request; a
 * table says which kinds there are, when each may be used and what reads it.
 */
#include "api/call_update.h"

#define REQUEST_SECONDS 40 /* a transaction of SIP may take 32 */
#define LONGEST_CONTENT 16384

bool vx_change_refuse(struct change *c, unsigned status, const char *msg) {
    vx_fail(c->x, status, "%s", msg);
    return false;
}

static bool read_call_status(struct change *c, const char *key) {
    static const char *const words[] = {"completed", "no-answer", NULL};
    int word = 0;

    if (!vx_in_word(c->x, c->body, key, words, &word))
        return false;
    c->verb = VX_VERB_HANGUP;
    c->args.hangup = word ? VX_HANG_UP_UNANSWERED : VX_HANG_UP_ANSWERED;
    if (!word && c->status != VX_CALL_IN_PROGRESS)
        return vx_change_refuse(c, 422, "the call is not answered: use no-answer");
    if (word && c->status == VX_CALL_IN_PROGRESS)
        return vx_change_refuse(c, 422, "the call is answered: use completed");
    return true;
}

bool vx_change_is_answered(struct change *c) {
    return c->status == VX_CALL_IN_PROGRESS || vx_change_refuse(c, 422, "the call is not answered");
}

static bool read_conf_hold_status(struct change *c, const char *key) {
    static const char *const words[] = {"hold", "unhold", NULL};
    int word = 0;

    if (!vx_in_word(c->x, c->body, key, words, &word))
        return false;
    c->verb = word ? VX_VERB_UNHOLD : VX_VERB_HOLD;
    if (!vx_in_hook(c->x, c->body, "wait_hook", true, &c->args.wait_hook))
        return false;
    if (word && vx_json_member(c->body, "wait_hook"))
        return vx_change_refuse(c, 400, "wait_hook goes together with conf_hold_status hold only");
    return vx_change_is_answered(c);
}

static bool read_mute_status(struct change *c, const char *key) {
    static const char *const words[] = {"mute", "unmute", NULL};
    int word = 0;

    if (!vx_in_word(c->x, c->body, key, words, &word))
        return false;
    c->verb = word ? VX_VERB_UNMUTE : VX_VERB_MUTE;
    return vx_change_is_answered(c);
}

const struct vx_json *vx_change_object(struct change *c, const char *key) {
    const struct vx_json *value = vx_json_member(c->body, key);

    if (!vx_is_object(value)) {
        vx_fail(c->x, 400, "%s must be an object", key);
        return NULL;
    }
    return value;
}

static bool read_dtmf(struct change *c, const char *key) {
    const struct vx_json *dtmf = vx_change_object(c, key);

    c->verb = VX_VERB_DTMF;
    c->args.duration_ms = 250;
    if (!dtmf || !vx_in_text(c->x, dtmf, "dtmf.digit", 32, &c->args.digits) ||
        !vx_in_number(c->x, dtmf, "dtmf.duration", 40, 10000, &c->args.duration_ms))
        return false;
    if (!c->args.digits.at)
        return vx_change_refuse(c, 400, "dtmf.digit is missing");
    for (size_t i = 0; i < c->args.digits.len; i++)
        if (!strchr("0123456789ABCDabcd*#", c->args.digits.at[i]))
            return vx_change_refuse(c, 400, "dtmf.digit must be made of 0-9, A-D, * and #");
    return vx_change_is_answered(c);
}

static size_t token_length(struct vx_str s) {
    size_t len = 0;

    while (len < s.len && s.at[len] > ' ' && s.at[len] < 0x7f &&
           !strchr("()<>@,;:\\\"/[]?={}", s.at[len]))
        len++;
    return len;
}

/* token "/" token, and perhaps parameters, which are the sender's. */
static bool is_media_type(struct vx_str s) {
    size_t type = token_length(s), subtype, end;

    if (!type || type == s.len || s.at[type] != '/')
        return false;
    subtype = token_length((struct vx_str){s.at + type + 1, s.len - type - 1});
    end = type + 1 + subtype;
    while (end < s.len && s.at[end] == ' ')
        end++;
    if (!subtype || (end < s.len && s.at[end] != ';'))
        return false;
    for (size_t i = end; i < s.len; i++)
        if (s.at[i] < ' ' || s.at[i] >= 0x7f)
            return false;
    return true;
}

static bool read_sip_request(struct change *c, const char *key) {
    static const char *const methods[] = {"INFO", "NOTIFY", "MESSAGE", NULL};
    const struct vx_json *request = vx_change_object(c, key), *content;
    int method = -1;

    c->verb = VX_VERB_REQUEST;
    c->seconds = REQUEST_SECONDS;
    if (!request || !vx_in_word(c->x, request, "sip_request.method", methods, &method) ||
        !vx_in_text(c->x, request, "sip_request.content_type", 128, &c->args.content_type) ||
        !vx_command_headers(c->x, request, c->headers, &c->args.header_count))
        return false;
    c->args.headers = c->headers;
    content = vx_json_member(request, "content");
    if (method < 0 || !c->args.content_type.at || !vx_is_string(content))
        return vx_change_refuse(c, 400, "sip_request wants method, content_type and content");
    if (!is_media_type(c->args.content_type))
        return vx_change_refuse(c, 400, "sip_request.content_type is not a media type");
    if (content->text.len > LONGEST_CONTENT)
        return vx_change_refuse(c, 400, "sip_request.content is too long");
    c->args.method = vx_str(methods[method]);
    c->args.content = content->text;
    return vx_change_is_answered(c);
}

static bool read_tag(struct change *c, const char *key) {
    c->verb = VX_VERB_TAG;
    return vx_in_tag(c->x, c->body, key, &c->tag);
}

static bool read_hook(struct change *c, const char *key) {
    (void)key;
    c->verb = VX_VERB_REDIRECT;
    c->args.hook_method = vx_in_hook_method(c->body, "call_hook");
    c->args.child_hook_method = vx_in_hook_method(c->body, "child_call_hook");
    if (!vx_in_hook(c->x, c->body, "call_hook", true, &c->args.hook) ||
        !vx_in_hook(c->x, c->body, "child_call_hook", true, &c->args.child_hook))
        return false;
    if (c->args.child_hook.at)
        c->verb = VX_VERB_REDIRECT_CHILD;
    return vx_in_status_hook(c->x, c->body, &c->args.status_hook);
}

/* Known to the family, and nothing that a switch of calls alone can do. */
static bool read_unable(struct change *c, const char *key) {
    vx_fail(c->x, 501, "this server cannot do %s", key);
    return false;
}

static const struct kind {
    const char *key;
    const char *also; /* may stand beside it */
    bool ended;       /* may be used on a call that has ended */
    vx_read_change *read;
} kinds[] = {
    {"call_status", NULL, false, read_call_status},
    {"conf_hold_status", "wait_hook", false, read_conf_hold_status},
    {"mute_status", "whisper", false, read_mute_status},
    {"dtmf", NULL, false, read_dtmf},
    {"sip_request", NULL, false, read_sip_request},
    {"tag", NULL, true, read_tag},
    {"call_hook", "child_call_hook", false, read_hook},
    {"child_call_hook", "call_hook", false, read_hook},
    {"listen_status", "whisper", false, vx_read_listen_status},
    {"conf_mute_status", NULL, false, vx_read_conf_mute_status},
    {"record", NULL, false, vx_read_record},
    {"transcribe_status", NULL, false, read_unable},
    {"whisper", NULL, false, vx_read_whisper},
};

#define KINDS (sizeof kinds / sizeof *kinds)

/* What is no change by itself. False: answered. */
static bool goes_with(struct change *c, const struct kind *found, const char *key,
                      const char *with) {
    if (!vx_json_member(c->body, key) || (found && strcmp(found->key, with) == 0))
        return true;
    vx_fail(c->x, 400, "%s goes together with %s only", key, with);
    return false;
}

/* The one kind of change that the body holds; NULL: answered. */
static const struct kind *find_kind(struct change *c) {
    const struct kind *found = NULL;

    for (size_t i = 0; i < KINDS; i++) {
        const struct vx_json *value = vx_json_member(c->body, kinds[i].key);

        if (!value)
            continue;
        if (found && !(found->also && strcmp(found->also, kinds[i].key) == 0)) {
            vx_fail(c->x, 400, "%s and %s do not go together: one change a request", found->key,
                    kinds[i].key);
            return NULL;
        }
        found = found ? found : &kinds[i];
    }
    if (!goes_with(c, found, "call_status_hook", "call_hook") ||
        !goes_with(c, found, "wait_hook", "conf_hold_status"))
        return NULL;
    if (!found)
        vx_fail(c->x, 400, "the body holds no change that is known");
    return found;
}

static void retag(struct change *c) {
    struct vx_event said = {.type = VX_EVENT_UPDATE, .call_sid = c->args.call_sid};

    said.tag = (struct vx_str){c->tag.at, c->tag.len};
    if (vx_registry_apply(c->x->api->registry, &said) == VX_NO_MEMORY)
        vx_answer_no_memory(c->x);
    else
        c->x->response->status = 204;
}

/* What is to be heard after another change. */
static bool read_beside(struct change *c, const struct kind *kind) {
    enum vx_verb verb = c->verb;
    bool whispers = kind->also && strcmp(kind->also, "whisper") == 0;

    if (!whispers || !vx_json_member(c->body, "whisper"))
        return true;
    if (!vx_read_whisper(c, "whisper"))
        return false;
    c->verb = verb;
    return true;
}

static void begin(struct change *c) {
    const struct kind *kind = find_kind(c);
    unsigned seconds = (unsigned)vx_config_int(c->x->state->config, VX_SET_COMMAND_TIMEOUT_SECONDS);

    if (!kind)
        return;
    if (vx_call_status_ended(c->status) && !kind->ended) {
        vx_change_refuse(c, 422, "the call has ended");
        return;
    }
    if (!kind->read(c, kind->key) || !read_beside(c, kind))
        return;
    if (c->verb == VX_VERB_TAG)
        retag(c);
    else
        vx_command_start(c->x, c->verb, &c->args, c->seconds ? c->seconds : seconds);
}

static void answer_request(struct exchange *x, const struct vx_command_result *result) {
    struct vx_buf out = {0};

    if (!result->sip_status) {
        vx_buf_puts(&out, "{\"msg\":\"sent; this server is not told what the far end answers\"}");
        vx_answer(x, 202, NULL, &out);
        return;
    }
    vx_buf_printf(&out, "{\"status\":%u,\"reason\":", result->sip_status);
    vx_json_string(&out, vx_str(result->reason));
    vx_buf_puts(&out, "}");
    vx_answer(x, 200, NULL, &out);
}

static void answer_result(struct exchange *x) {
    struct vx_command_result result;

    if (!vx_command_await(x, &result))
        return;
    if (result.outcome != VX_OUTCOME_DONE)
        vx_command_fail(x, &result);
    else if (vx_command_verb(x->request->command) == VX_VERB_REQUEST)
        answer_request(x, &result);
    else if (result.no_memory)
        vx_answer_no_memory(x);
    else
        x->response->status = 204;
}

/* The call of the path in the account of the path; false: answered. */
static bool find_call(struct exchange *x, struct vx_uuid *sid, enum vx_call_status *status) {
    struct vx_snapshot *call;

    vx_uuid_parse(sid, x->call_sid);
    call = vx_scope_find(x->tenant->scope, sid);
    if (!call) {
        vx_fail(x, 404, "no such call");
        return false;
    }
    *status = vx_snapshot_status(call);
    vx_snapshot_release(&call);
    return true;
}

void vx_update_call(struct exchange *x) {
    struct change c = {.x = x};
    struct vx_json_document *body;

    if (x->request->command) {
        answer_result(x);
        return;
    }
    if (!vx_expire_due(x) || !find_call(x, &c.args.call_sid, &c.status))
        return;
    body = vx_in_body(x);
    if (!body)
        return;
    c.body = vx_json_root(body);
    c.args.account_sid = *vx_scope_sid(x->tenant->scope);
    begin(&c);
    vx_hook_release(&c.args.status_hook);
    vx_buf_free(&c.tag);
    vx_json_release(&body);
}

void vx_delete_call(struct exchange *x) {
    struct vx_command_args args = {.hangup = VX_HANG_UP_ANY};
    enum vx_call_status status;

    if (x->request->command) {
        answer_result(x);
        return;
    }
    if (!vx_expire_due(x) || !find_call(x, &args.call_sid, &status))
        return;
    if (vx_call_status_ended(status)) {
        vx_registry_remove(x->api->registry, x->tenant->scope, &args.call_sid);
        x->response->status = 204;
        return;
    }
    vx_command_start(x, VX_VERB_HANGUP, &args,
                     (unsigned)vx_config_int(x->state->config, VX_SET_COMMAND_TIMEOUT_SECONDS));
}
