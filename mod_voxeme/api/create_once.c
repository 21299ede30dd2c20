/*
 * POST .../Calls with an Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): a request
 * that is sent again gets the answer of the first one and makes no second call. An answer that says
 * "try again" is no answer to keep.
 */
#include "api/api_private.h"
#include "core/alloc.h"

static bool is_kept(unsigned status) {
    return status && status < 500;
}

static void settle(struct exchange *x, const struct vx_key_use *use, struct vx_command *of) {
    const struct vx_response *r = x->response;
    struct vx_key_settled settled = {.of = of, .command = r->hold.command};

    if (of && r->hold.command) /* held on */
        return;
    if (is_kept(r->status) && r->body && vx_body_runs(r->body, 0, &settled.text, 1))
        settled.status = r->status;
    vx_keys_settle(x->tenant->keys, use, &settled);
}

static void replay(struct exchange *x, struct vx_key_answer *answer) {
    struct vx_buf out = {0};

    vx_buf_add(&out, answer->text, answer->len);
    vx_answer(x, answer->status, NULL, &out);
    x->response->replayed = x->response->status == answer->status;
    vx_free(answer);
}

/* The first request was answered, if it was, before its command was done: here is what it would
 * have been told. Takes over the command. */
static void answer_late(struct exchange *x, const struct vx_key_use *use,
                        struct vx_command *command) {
    const struct vx_request *request = x->request;
    struct vx_request late = *request;

    late.command = command;
    x->request = &late;
    vx_create_call(x);
    x->request = request;
    settle(x, use, command);
    x->response->replayed = is_kept(x->response->status);
    vx_command_release(&command);
}

static void full(struct exchange *x, const char *whose, unsigned status, unsigned retry_after) {
    vx_fail(x, status, "%s: no further Idempotency-Key can be kept now, try again in %u s", whose,
            retry_after);
    x->response->retry_after = retry_after;
}

static void create_first(struct exchange *x, const struct vx_key_use *use) {
    struct vx_key_result result;
    int64_t now = vx_mono_us(x->api->clock);

    switch (vx_keys_begin(x->tenant->keys, x->state->config, now, use, &result)) {
    case VX_KEY_FRESH:
        vx_create_call(x);
        settle(x, use, NULL);
        break;
    case VX_KEY_ANSWERED:
        replay(x, result.answer);
        break;
    case VX_KEY_COMMANDED:
        answer_late(x, use, result.command);
        break;
    case VX_KEY_IN_PROGRESS:
        vx_fail(x, 409, "the first request with this Idempotency-Key is not answered yet");
        x->response->retry_after = 1;
        break;
    case VX_KEY_REUSED:
        vx_fail(x, 422, "this Idempotency-Key has come with another body");
        break;
    case VX_KEY_ACCOUNT_FULL:
        full(x, "the account", 429, result.retry_after);
        break;
    case VX_KEY_ALL_FULL:
        full(x, "the server", 503, result.retry_after);
        break;
    case VX_KEY_NO_MEMORY:
        vx_answer_no_memory(x);
        break;
    }
    if (x->response->replayed)
        atomic_fetch_add(&x->api->key_totals.replayed, 1);
}

void vx_create_call_once(struct exchange *x) {
    struct vx_command *command = x->request->command;
    struct vx_key_use use;
    struct vx_str key;

    if (!x->request->idempotency_key.at) {
        vx_create_call(x);
        return;
    }
    if (!vx_key_parse(x->request->idempotency_key, &key)) {
        vx_fail(x, 400,
                "Idempotency-Key must be 1 to %d visible ASCII characters, or such a text "
                "in quotes",
                VX_LONGEST_KEY);
        return;
    }
    if (!vx_keys_use(x->tenant->keys, key, x->request->body, &use)) {
        vx_answer_no_memory(x);
    } else if (command) { /* begun already; its body is no longer here */
        vx_create_call(x);
        settle(x, &use, command);
    } else {
        create_first(x, &use);
    }
}
