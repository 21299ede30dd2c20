/*
 * Requests that the API sends within a call: DTMF as INFO, a digit at a time, and INFO, NOTIFY or
 * MESSAGE with a body. nua sends those of one call one after the other, so their responses come in
 * the order in which they were made.
 */
#include "core/alloc.h"
#include "host/sip/command.h"
#include "host/sip/command_text.h"
#include "host/sip/leg.h"

#define MAX_REQUESTS 8

struct vx_requesting {
    struct vx_requesting *next;
    struct vx_command *command;
    size_t digit; /* the one that is under way */
};

static void push(struct vx_leg *leg, struct vx_requesting *r) {
    struct vx_requesting **end = &leg->requests;

    while (*end)
        end = &(*end)->next;
    r->next = NULL;
    *end = r;
    leg->request_count++;
}

static struct vx_requesting *pop(struct vx_leg *leg) {
    struct vx_requesting *r = leg->requests;

    if (r) {
        leg->requests = r->next;
        leg->request_count--;
    }
    return r;
}

void vx_leg_request_drop_all(struct vx_leg *leg) {
    for (struct vx_requesting *r = pop(leg); r; r = pop(leg)) {
        vx_sip_command_end(r->command, VX_OUTCOME_NO_CALL, "the call has ended");
        vx_free(r);
    }
}

static bool is_dtmf(const struct vx_command *command) {
    return vx_command_verb(command) == VX_VERB_DTMF;
}

static const char *method_of(const struct vx_command_args *args) {
    static const char *const methods[] = {"INFO", "NOTIFY", "MESSAGE"};

    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (vx_str_eq(args->method, vx_str(methods[i])))
            return methods[i];
    return NULL;
}

/* False: out of memory. */
static bool send_digit(struct vx_leg *leg, const struct vx_requesting *r) {
    const struct vx_command_args *args = vx_command_args(r->command);
    struct vx_buf body = {0};

    vx_sip_command_dtmf(&body, args->digits.at[r->digit], args->duration_ms);
    vx_buf_add(&body, "", 1);
    bool ok = vx_buf_ok(&body);
    if (ok)
        nua_method(leg->nh, NUTAG_METHOD("INFO"), SIPTAG_CONTENT_TYPE_STR("application/dtmf-relay"),
                   SIPTAG_PAYLOAD_STR(body.at), TAG_END());
    vx_buf_free(&body);
    return ok;
}

/* The body may hold any byte. False: out of memory. */
static bool send_body(struct vx_leg *leg, const struct vx_command_args *args, const char *type,
                      const char *headers) {
    su_home_t home[1] = {SU_HOME_INIT(home)};
    sip_payload_t *body = NULL;

    su_home_init(home);
    if (args->content.len > 0)
        body = sip_payload_create(home, args->content.at, (isize_t)args->content.len);
    bool ok = body || args->content.len == 0;
    if (ok)
        nua_method(leg->nh, NUTAG_METHOD(method_of(args)),
                   TAG_IF(type[0], SIPTAG_CONTENT_TYPE_STR(type)),
                   TAG_IF(headers[0], SIPTAG_HEADER_STR(headers)),
                   TAG_IF(body, SIPTAG_PAYLOAD(body)), TAG_END());
    su_home_deinit(home);
    return ok;
}

/* NULL when it has been sent; else why not. */
static const char *send_request(struct vx_leg *leg, const struct vx_command_args *args,
                                enum vx_outcome *outcome) {
    struct vx_buf type = {0}, headers = {0};
    const char *fault = method_of(args) ? NULL : "sip_request: not INFO, NOTIFY or MESSAGE";

    *outcome = VX_OUTCOME_UNABLE;
    if (!fault)
        fault = vx_sip_command_content_type(&type, args);
    if (!fault)
        fault = vx_sip_command_headers(&headers, args);
    if (!fault) {
        *outcome = VX_OUTCOME_FAILED;
        fault = vx_sip_command_method_headers(&headers, args);
    }
    if (!fault) {
        vx_buf_add(&type, "", 1);
        vx_buf_add(&headers, "", 1);
        *outcome = VX_OUTCOME_REFUSED;
        if (!vx_buf_ok(&type) || !vx_buf_ok(&headers) || !send_body(leg, args, type.at, headers.at))
            fault = "the switch is out of memory";
    }
    vx_buf_free(&type);
    vx_buf_free(&headers);
    return fault;
}

/* NULL when it is under way; else why not. */
static const char *begin(struct vx_leg *leg, struct vx_command *command, enum vx_outcome *outcome) {
    const struct vx_command_args *args = vx_command_args(command);
    struct vx_requesting *r = vx_calloc(1, sizeof *r);
    const char *fault = NULL;

    *outcome = VX_OUTCOME_REFUSED;
    if (!r)
        return "the switch is out of memory";
    r->command = command;
    if (!is_dtmf(command)) {
        fault = send_request(leg, args, outcome);
    } else {
        fault = vx_sip_command_digits_fault(args);
        if (fault)
            *outcome = VX_OUTCOME_UNABLE;
        else if (!send_digit(leg, r))
            fault = "the switch is out of memory";
    }
    if (fault)
        vx_free(r);
    else
        push(leg, r);
    return fault;
}

void vx_leg_request(struct vx_leg *leg, struct vx_command *command) {
    enum vx_outcome outcome;
    const char *fault;

    if (!leg->answered) {
        outcome = VX_OUTCOME_NOT_NOW;
        fault = "the call has not been answered";
    } else if (leg->request_count >= MAX_REQUESTS) {
        outcome = VX_OUTCOME_REFUSED;
        fault = "too many requests of this call wait for its far end";
    } else {
        fault = begin(leg, command, &outcome);
    }
    if (fault)
        vx_sip_command_end(command, outcome, fault);
}

static void answered(struct vx_requesting *r, unsigned status, const char *phrase) {
    if (is_dtmf(r->command) ? status >= 300 : status >= 700) {
        vx_sip_command_fail(r->command, status, phrase);
    } else {
        vx_command_finish(r->command, VX_OUTCOME_DONE, is_dtmf(r->command) ? 0 : status,
                          is_dtmf(r->command) ? NULL : phrase);
        vx_command_release(&r->command);
    }
    vx_free(r);
}

void vx_leg_request_response(struct vx_leg *leg, int status, const char *phrase) {
    struct vx_requesting *r = status >= 200 ? pop(leg) : NULL;

    if (!r)
        return;
    if (is_dtmf(r->command) && status < 300 &&
        ++r->digit < vx_command_args(r->command)->digits.len) {
        if (send_digit(leg, r)) {
            push(leg, r);
            return;
        }
        vx_sip_count(&leg->sip->metrics->commands_memory);
        vx_sip_command_end(r->command, VX_OUTCOME_FAILED, "the switch is out of memory");
        vx_free(r);
        return;
    }
    answered(r, (unsigned)status, phrase);
}
