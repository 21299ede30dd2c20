/*
 * Requests that the API sends within a call: DTMF as INFO, a digit at a time, and INFO, NOTIFY or
 * MESSAGE with a body. nua would send those of one call one after the other, however late; so it
 * gets one at a time, when that goes out at once, and only while somebody waits for it.
 */
#include "core/alloc.h"
#include "host/sip/command.h"
#include "host/sip/command_text.h"
#include "host/sip/leg.h"

#define MAX_REQUESTS 8

static const char out_of_memory[] = "the switch is out of memory";

struct vx_requesting {
    struct vx_requesting *next;
    struct vx_command *command;
    size_t digit; /* the one that is under way, or next */
    bool sent;
    char why[VX_SIP_WHY]; /* it was not */
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
static const char *send_request(struct vx_leg *leg, struct vx_requesting *r,
                                enum vx_outcome *outcome) {
    const struct vx_command_args *args = vx_command_args(r->command);
    struct vx_buf type = {0}, headers = {0};
    const char *fault = method_of(args) ? NULL : "sip_request: not INFO, NOTIFY or MESSAGE";

    *outcome = VX_OUTCOME_UNABLE;
    if (!fault)
        fault = vx_sip_command_content_type(&type, args);
    if (!fault)
        fault = vx_sip_command_headers(&headers, args, r->why);
    if (!fault) {
        *outcome = VX_OUTCOME_FAILED;
        fault = vx_sip_command_method_headers(&headers, args);
    }
    if (!fault) {
        vx_buf_add(&type, "", 1);
        vx_buf_add(&headers, "", 1);
        *outcome = VX_OUTCOME_REFUSED;
        if (!vx_buf_ok(&type) || !vx_buf_ok(&headers) || !send_body(leg, args, type.at, headers.at))
            fault = out_of_memory;
    }
    vx_buf_free(&type);
    vx_buf_free(&headers);
    return fault;
}

/* The same. */
static const char *hand_over(struct vx_leg *leg, struct vx_requesting *r,
                             enum vx_outcome *outcome) {
    const char *fault;

    if (!is_dtmf(r->command))
        return send_request(leg, r, outcome);
    fault = vx_sip_command_digits_fault(vx_command_args(r->command));
    *outcome = VX_OUTCOME_UNABLE;
    if (fault)
        return fault;
    *outcome = r->digit ? VX_OUTCOME_FAILED : VX_OUTCOME_REFUSED;
    if (send_digit(leg, r))
        return NULL;
    vx_sip_count(&leg->sip->metrics->commands_memory);
    return out_of_memory;
}

/* NULL when the oldest is under way; else why it is not. */
static const char *send_oldest(struct vx_leg *leg, enum vx_outcome *outcome) {
    struct vx_requesting *r = leg->requests;

    *outcome = VX_OUTCOME_REFUSED;
    if (!vx_command_wanted(r->command))
        return "nobody waits for it any more";
    const char *fault = hand_over(leg, r, outcome);
    r->sent = !fault;
    return fault;
}

void vx_leg_request_next(struct vx_leg *leg) {
    while (leg->requests && !leg->requests->sent && !leg->referring && !vx_relay_queues(leg)) {
        enum vx_outcome outcome;
        const char *fault = send_oldest(leg, &outcome);
        struct vx_requesting *r = fault ? pop(leg) : NULL;

        if (!r)
            return;
        vx_sip_command_end(r->command, outcome, fault);
        vx_free(r);
    }
}

/* Makes room: what is behind one that the far end does not answer, and was given up. */
static void drop_unwanted(struct vx_leg *leg) {
    struct vx_requesting **at = &leg->requests;

    while (*at) {
        struct vx_requesting *r = *at;
        if (r->sent || vx_command_wanted(r->command)) {
            at = &r->next;
            continue;
        }
        *at = r->next;
        leg->request_count--;
        vx_sip_command_end(r->command, VX_OUTCOME_REFUSED, "nobody waits for it any more");
        vx_free(r);
    }
}

/* NULL when it is under way, or will be; else why not. */
static const char *begin(struct vx_leg *leg, struct vx_command *command) {
    drop_unwanted(leg);
    if (leg->request_count >= MAX_REQUESTS)
        return "too many requests of this call wait for its far end";
    struct vx_requesting *r = vx_calloc(1, sizeof *r);
    if (!r)
        return out_of_memory;
    r->command = command;
    push(leg, r);
    vx_leg_request_next(leg);
    return NULL;
}

void vx_leg_request(struct vx_leg *leg, struct vx_command *command) {
    const char *fault;

    if (!leg->answered) {
        vx_sip_command_end(command, VX_OUTCOME_NOT_NOW, "the call has not been answered");
        return;
    }
    fault = begin(leg, command);
    if (fault)
        vx_sip_command_end(command, VX_OUTCOME_REFUSED, fault);
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
    struct vx_requesting *r = leg->requests;

    if (status < 200 || !r || !r->sent)
        return;
    r->sent = false;
    if (is_dtmf(r->command) && status < 300 && ++r->digit < vx_command_args(r->command)->digits.len)
        return;
    answered(pop(leg), (unsigned)status, phrase);
}

bool vx_leg_request_is_given_up(const struct vx_leg *leg) {
    return leg->requests && leg->requests->sent && !vx_command_wanted(leg->requests->command);
}
