/*
 * Commands of the API in voxeme-switch: what each of them does in each state of a call, on the
 * wire, in the registry and to whoever asked.
 */
#include "sip_far_end.h"

/* --- commands --- */

static bool is_open(struct vx_command *c) {
    struct vx_command_result result;

    return !vx_command_result(c, &result);
}

/* --- calls --- */

static void answer(unsigned n) {
    reply(200, "", vx_test_sdp);
    assert_true(hears("ACK ", PATIENT));
    becomes(n, VX_CALL_IN_PROGRESS, 200);
}

static void hold(unsigned n) {
    struct vx_command_args args = {.call_sid = vx_test_sid(n)};
    struct vx_command *c = submit(VX_VERB_HOLD, &args);

    assert_true(hears("INVITE ", PATIENT));
    assert_non_null(strstr(w.got, "a=sendonly\r\n"));
    reply(200, "", vx_test_sdp);
    assert_true(hears("ACK ", PATIENT));
    ends(c, VX_OUTCOME_DONE);
}

enum call_state { TRYING, RINGING, IN_PROGRESS, HELD, ENDED, INBOUND_RINGING, INBOUND_UP, STATES };
static const char *const state_names[] = {"trying", "ringing",         "in-progress",        "held",
                                          "ended",  "inbound ringing", "inbound in-progress"};

static struct vx_uuid enter(enum call_state state, unsigned n) {
    if (state == INBOUND_RINGING || state == INBOUND_UP) {
        dial(state == INBOUND_UP ? "1000" : "180", "", vx_test_sdp);
        assert_true(hears(state == INBOUND_UP ? "SIP/2.0 200 " : "SIP/2.0 180 ", PATIENT));
        if (state == INBOUND_UP)
            acknowledge();
        hears("nothing", BRIEF);
        return sid_of_only_inbound();
    }
    originate(n);
    if (state == RINGING) {
        reply(180, "", NULL);
        becomes(n, VX_CALL_RINGING, 180);
    } else if (state == ENDED) {
        reply(486, "", NULL);
        becomes(n, VX_CALL_BUSY, 486);
    } else if (state != TRYING) {
        answer(n);
        if (state == HELD)
            hold(n);
    }
    return vx_test_sid(n);
}

/* Ends whatever state a row has left, so that every leg goes. */
static void leave(enum call_state state, const struct vx_uuid *sid) {
    const struct vx_command_args args = {.call_sid = *sid};

    struct vx_command *c = submit(VX_VERB_HANGUP, &args);

    result_of(&c);
    if (state == TRYING || state == RINGING)
        reply_to_invite(487, NULL);
    for (int i = 0; i < PATIENT && w.sip->legs; i++) {
        vx_test_ahead_seconds += i % 50 == 49; /* what never gets an answer ends by its timer */
        if (!listens())
            continue;
        if (strncmp(w.got, "BYE ", 4) == 0 || strncmp(w.got, "CANCEL ", 7) == 0 ||
            strncmp(w.got, "INFO ", 5) == 0 || strncmp(w.got, "MESSAGE ", 8) == 0)
            reply(200, "", NULL);
        else if (strncmp(w.got, "INVITE ", 7) == 0)
            reply(487, "", NULL);
        else if (strncmp(w.got, "SIP/2.0 4", 9) == 0 || strncmp(w.got, "SIP/2.0 6", 9) == 0)
            acknowledge();
    }
    assert_null(w.sip->legs);
}

/* --- the table --- */

struct row {
    enum vx_verb verb;
    enum vx_hangup hangup;
    const char *name;
    /* In each state: what begins so is heard (NULL: the outcome is there at once, and nothing is
     * heard), and the outcome, once the far end has answered 200. */
    struct {
        const char *hears;
        enum vx_outcome outcome;
    } in[STATES];
};

#define NOT_NOW                                                                                    \
    { NULL, VX_OUTCOME_NOT_NOW }
#define GONE                                                                                       \
    { NULL, VX_OUTCOME_NO_CALL }
#define DOES(x)                                                                                    \
    { x, VX_OUTCOME_DONE }

static const struct row table[] = {
    {VX_VERB_HANGUP,
     VX_HANG_UP_ANY,
     "hang up",
     {DOES("CANCEL "), DOES("CANCEL "), DOES("BYE "), DOES("BYE "), GONE, DOES("SIP/2.0 603 "),
      DOES("BYE ")}},
    {VX_VERB_HANGUP,
     VX_HANG_UP_ANSWERED,
     "hang up answered",
     {NOT_NOW, NOT_NOW, DOES("BYE "), DOES("BYE "), GONE, NOT_NOW, DOES("BYE ")}},
    {VX_VERB_HANGUP,
     VX_HANG_UP_UNANSWERED,
     "hang up unanswered",
     {DOES("CANCEL "), DOES("CANCEL "), NOT_NOW, NOT_NOW, GONE, DOES("SIP/2.0 480 "), NOT_NOW}},
    {VX_VERB_HOLD,
     0,
     "hold",
     {NOT_NOW, NOT_NOW, DOES("INVITE "), DOES(NULL), GONE, NOT_NOW, DOES("INVITE ")}},
    {VX_VERB_UNHOLD,
     0,
     "unhold",
     {NOT_NOW, NOT_NOW, DOES(NULL), DOES("INVITE "), GONE, NOT_NOW, DOES(NULL)}},
    {VX_VERB_DTMF,
     0,
     "dtmf",
     {NOT_NOW, NOT_NOW, DOES("INFO "), DOES("INFO "), GONE, NOT_NOW, DOES("INFO ")}},
    {VX_VERB_REQUEST,
     0,
     "request",
     {NOT_NOW, NOT_NOW, DOES("MESSAGE "), DOES("MESSAGE "), GONE, NOT_NOW, DOES("MESSAGE ")}},
};

static void check_end(const char *heard, const struct vx_uuid *sid) {
    struct vx_snapshot *call = vx_scope_find(w.all, sid);
    enum vx_call_status want = heard[0] == 'B'          ? VX_CALL_COMPLETED
                               : strstr(heard, " 603 ") ? VX_CALL_BUSY
                                                        : VX_CALL_NO_ANSWER;
    assert_string_equal(vx_call_status_name(vx_snapshot_status(call)), vx_call_status_name(want));
    vx_snapshot_release(&call);
}

static void check(const struct row *row, enum call_state state, unsigned n) {
    struct vx_uuid sid = enter(state, n);
    const struct vx_command_args args = {.call_sid = sid,
                                         .hangup = row->hangup,
                                         .digits = VX_STR("5"),
                                         .method = VX_STR("MESSAGE"),
                                         .content_type = VX_STR("text/plain"),
                                         .content = VX_STR("hello")};
    const char *wanted = row->in[state].hears;

    print_message("%s, %s\n", row->name, state_names[state]);
    /* A CANCEL waits for a provisional response (RFC 3261, section 9.1). */
    if (state == TRYING && wanted)
        reply(100, "", NULL);
    struct vx_command *c = submit(row->verb, &args);
    if (wanted) {
        assert_true(hears(wanted, PATIENT));
        assert_int_equal(is_open(c), row->verb != VX_VERB_HANGUP);
        if (strncmp(wanted, "SIP/2.0 ", 8) == 0)
            acknowledge();
        else
            reply(200, "", wanted[1] == 'N' && wanted[2] == 'V' ? vx_test_sdp : NULL);
    }
    ends(c, row->in[state].outcome);
    if (row->verb == VX_VERB_HANGUP && wanted)
        check_end(wanted, &sid);
    if (row->verb == VX_VERB_HOLD || row->verb == VX_VERB_UNHOLD)
        assert_true(wanted ? hears("ACK ", PATIENT) : !hears("INVITE ", BRIEF));
    leave(state, &sid);
}

static void test_every_verb_in_every_state(void **state) {
    (void)state;
    unsigned n = 0;

    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (int s = 0; s < STATES; s++)
            check(&table[i], (enum call_state)s, ++n);
    all_gone();
}

/* --- originate --- */

static void has(const char *text) {
    if (!strstr(w.got, text))
        fail_msg("no \"%s\" in %s", text, w.got);
}

static void test_the_invite(void **state) {
    (void)state;
    const struct vx_command_header headers[] = {{VX_STR("X-One"), VX_STR("1; a=\"b\"")},
                                                {VX_STR("Diversion"), VX_STR("<sip:d@h>")},
                                                {VX_STR("X-Empty"), VX_STR("")}};
    struct vx_command_args args = originate_args(1);
    args.from = VX_STR("a@b;c\r\nX: y");
    args.from_host = VX_STR("blf.example.com");
    args.caller_name = VX_STR("Zo\xc3\xab \"\\\r\nVia: z");
    args.headers = headers;
    args.header_count = 3;
    ends(submit(VX_VERB_ORIGINATE, &args), VX_OUTCOME_DONE);
    assert_true(hears("INVITE sip:bob@127.0.0.1", PATIENT));
    has("\r\nFrom: \"Zo\xc3\xab \\\"\\\\  Via: z\" "
        "<sip:a%40b;c%0D%0AX%3A%20y@blf.example.com>;tag=");
    has("\r\nX-One: 1; a=\"b\"\r\n");
    has("\r\nDiversion: <sip:d@h>\r\n");
    has("\r\nX-Empty:");
    has("\r\nContent-Type: application/sdp\r\n");
    has("\r\nm=audio 9 RTP/AVP 0 8 101\r\n");
    struct vx_uuid sid = vx_test_sid(1);
    struct vx_snapshot *call = vx_scope_find(w.all, &sid);
    assert_non_null(call);
    struct vx_call_fields fields;
    vx_snapshot_fields(call, &fields);
    assert_int_equal(fields.direction, VX_OUTBOUND);
    assert_true(vx_uuid_eq(&fields.account_sid, &args.account_sid));
    assert_true(vx_uuid_eq(&fields.application_sid, &args.application_sid));
    assert_true(vx_str_eq(fields.text[VX_TEXT_TO], VX_STR("+15083084809")));
    assert_true(vx_str_eq(fields.text[VX_TEXT_FROM], args.from));
    vx_snapshot_release(&call);
    reply(486, "", NULL);
    becomes(1, VX_CALL_BUSY, 486);
    all_gone();
}

static void refused(struct vx_command_args *args, enum vx_outcome outcome) {
    ends(submit(VX_VERB_ORIGINATE, args), outcome);
    assert_null(w.sip->legs);
    assert_false(hears("INVITE ", 3));
}

static void test_what_is_not_called(void **state) {
    (void)state;
    static const char *const targets[] = {
        "",         "tel:1", "sip:a@b c", "sip:a@b\r\nX: y",       "sip:a@b?X=y",
        "sips:a@b", "sip:@", "<sip:a@b>", "sip:a@b;transport=tls", "sip:\x01@b",
        "b"};
    static const char *const names[] = {"Via",
                                        "v",
                                        "FROM",
                                        "Call-ID",
                                        "Contact",
                                        "Route",
                                        "Content-Length",
                                        "content-foo",
                                        "Proxy-Authorization",
                                        "X-Account-Sid",
                                        "k",
                                        "a b",
                                        "",
                                        "X:",
                                        "X\r\nY",
                                        "Max-Forwards"};
    struct vx_command_args args;

    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        args = originate_args(1);
        args.target = vx_str(targets[i]);
        refused(&args, VX_OUTCOME_UNABLE);
    }
    args = originate_args(1);
    args.target = (struct vx_str){"sip:a@b\0c", 9};
    refused(&args, VX_OUTCOME_UNABLE);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct vx_command_header h = {vx_str(names[i]), VX_STR("1")};
        args = originate_args(1);
        args.headers = &h;
        args.header_count = 1;
        refused(&args, VX_OUTCOME_UNABLE);
    }
    const struct vx_command_header h = {VX_STR("X-A"), VX_STR("1\r\nVia: x")};
    args = originate_args(1);
    args.headers = &h;
    args.header_count = 1;
    refused(&args, VX_OUTCOME_UNABLE);
    args = originate_args(1);
    args.from_host = VX_STR("h>\r\nX: y");
    refused(&args, VX_OUTCOME_UNABLE);
    args = originate_args(1);
    args.call_sid = (struct vx_uuid){0};
    refused(&args, VX_OUTCOME_FAILED);
    assert_false(vx_test_has(w.all, 1));
}

static void test_tls_is_not_spoken(void **state) {
    (void)state;
    static const char *const targets[] = {"sips:a@b", "sip:a@b;transport=tls", "SIPS:a@b:5061"};

    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        struct vx_command_args args = originate_args(1);
        args.target = vx_str(targets[i]);
        struct vx_command *c = submit(VX_VERB_ORIGINATE, &args);
        struct vx_command_result result = result_of(&c);
        assert_int_equal(result.outcome, VX_OUTCOME_UNABLE);
        assert_non_null(strstr(result.reason, "no TLS"));
    }
}

static void test_a_sid_in_use(void **state) {
    (void)state;
    originate(1);
    struct vx_command_args args = originate_args(1);
    ends(submit(VX_VERB_ORIGINATE, &args), VX_OUTCOME_FAILED);
    reply(486, "", NULL);
    becomes(1, VX_CALL_BUSY, 486);
    all_gone();
}

/* A header that the stack knows and cannot read costs the call, nothing else. */
static void test_a_header_that_cannot_be_read(void **state) {
    (void)state;
    const struct vx_command_header h = {VX_STR("P-Asserted-Identity"), VX_STR("<<<>>> ;;;")};
    struct vx_command_args args = originate_args(1);
    args.headers = &h;
    args.header_count = 1;
    ends(submit(VX_VERB_ORIGINATE, &args), VX_OUTCOME_DONE);
    if (hears("INVITE ", BRIEF))
        reply(486, "", NULL);
    for (int i = 0; i < PATIENT && w.sip->legs; i++)
        listens();
    all_gone();
}

static void test_the_life_of_a_call(void **state) {
    (void)state;
    originate(1);
    reply(183, "", NULL);
    becomes(1, VX_CALL_RINGING, 183);
    reply(180, "", NULL);
    for (int i = 0; i < BRIEF; i++)
        su_root_step(w.root, 1);
    becomes(1, VX_CALL_RINGING, 180);
    reply(183, "", vx_test_sdp);
    becomes(1, VX_CALL_EARLY_MEDIA, 183);
    answer(1);
    request("INVITE", "", vx_test_sdp);
    assert_true(hears("SIP/2.0 200 ", PATIENT));
    has("a=inactive\r\n");
    request("ACK", "", NULL);
    request("UPDATE", "", vx_test_sdp);
    assert_true(hears("SIP/2.0 200 ", PATIENT));
    request("BYE", "", NULL);
    assert_true(hears("SIP/2.0 200 ", PATIENT));
    becomes(1, VX_CALL_COMPLETED, 200);
    all_gone();
}

static void test_time_limits(void **state) {
    (void)state;
    struct vx_command_args args = originate_args(1);
    args.timeout_s = 20;
    args.time_limit_s = 100;
    ends(submit(VX_VERB_ORIGINATE, &args), VX_OUTCOME_DONE);
    assert_true(hears("INVITE ", PATIENT));
    reply(180, "", NULL);
    becomes(1, VX_CALL_RINGING, 180);
    vx_test_ahead_seconds += 19;
    assert_false(hears("CANCEL ", BRIEF));
    vx_test_ahead_seconds += 2;
    assert_true(hears("CANCEL ", PATIENT));
    becomes(1, VX_CALL_NO_ANSWER, 480);
    reply(200, "", NULL);
    args.call_sid = vx_test_sid(2);
    ends(submit(VX_VERB_ORIGINATE, &args), VX_OUTCOME_DONE);
    assert_true(hears("INVITE ", PATIENT));
    answer(2);
    vx_test_ahead_seconds += 99;
    assert_false(hears("BYE ", BRIEF));
    vx_test_ahead_seconds += 2;
    assert_true(hears("BYE ", PATIENT));
    reply(200, "", NULL);
    becomes(2, VX_CALL_COMPLETED, 200);
    assert_int_equal(atomic_load(&w.metrics.ring_timeouts), 1);
    assert_int_equal(atomic_load(&w.metrics.time_limits), 1);
}

/* The answer and our CANCEL cross: the call is taken, and ended. */
static void test_an_answer_that_comes_too_late(void **state) {
    (void)state;
    originate(1);
    reply(180, "", NULL);
    becomes(1, VX_CALL_RINGING, 180);
    const struct vx_command_args args = {.call_sid = vx_test_sid(1)};
    ends(submit(VX_VERB_HANGUP, &args), VX_OUTCOME_DONE);
    assert_true(hears("CANCEL ", PATIENT));
    reply(200, "", NULL);
    reply_to_invite(200, vx_test_sdp);
    assert_true(hears("ACK ", PATIENT));
    assert_true(hears("BYE ", PATIENT));
    reply(200, "", NULL);
    becomes(1, VX_CALL_NO_ANSWER, 487);
    all_gone();
}

/* The INVITE is on its way when the call is given up: the CANCEL waits for a first response. */
static void test_hung_up_at_once(void **state) {
    (void)state;
    struct vx_command_args args = originate_args(1);
    struct vx_command *c = submit(VX_VERB_ORIGINATE, &args);
    ends(submit(VX_VERB_HANGUP, &args), VX_OUTCOME_DONE);
    ends(c, VX_OUTCOME_DONE);
    becomes(1, VX_CALL_NO_ANSWER, 487);
    assert_true(hears("INVITE ", PATIENT));
    memcpy(invite, w.got, sizeof invite);
    assert_false(hears("CANCEL ", BRIEF));
    reply_to_invite(180, NULL);
    assert_true(hears("CANCEL ", PATIENT));
    reply(200, "", NULL);
    reply_to_invite(487, NULL);
    all_gone();
}

static void test_nobody_there(void **state) {
    (void)state;
    struct vx_command_args args = originate_args(1);
    args.target = VX_STR("sip:bob@127.0.0.1:1");
    ends(submit(VX_VERB_ORIGINATE, &args), VX_OUTCOME_DONE);
    for (int i = 0; i < PATIENT && w.sip->legs; i++)
        listens();
    struct vx_uuid sid = vx_test_sid(1);
    struct vx_snapshot *call = vx_scope_find(w.all, &sid);
    assert_int_equal(vx_snapshot_status(call), VX_CALL_FAILED);
    vx_snapshot_release(&call);
    all_gone();
}

/* --- within the dialog --- */

static void test_hold_and_unhold(void **state) {
    (void)state;
    const struct vx_command_args args = {.call_sid = vx_test_sid(1)};
    originate(1);
    has("\r\na=inactive\r\n");
    unsigned long session, first, version;
    assert_int_equal(sscanf(strstr(w.got, "o=voxeme"), "o=voxeme %lu %lu", &session, &first), 2);
    answer(1);
    struct vx_command *c = submit(VX_VERB_HOLD, &args), *second = submit(VX_VERB_UNHOLD, &args);
    assert_true(hears("INVITE ", PATIENT));
    ends(second, VX_OUTCOME_NOT_NOW);
    assert_int_equal(sscanf(strstr(w.got, "o=voxeme"), "o=voxeme %*u %lu", &version), 1);
    assert_int_equal(version, first + 1);
    reply(488, "", NULL);
    struct vx_command_result result = result_of(&c);
    assert_int_equal(result.outcome, VX_OUTCOME_FAILED);
    assert_non_null(strstr(result.reason, "488"));
    hold(1);
    /* The far end negotiates: it is still held. */
    request("INVITE", "", vx_test_sdp);
    assert_true(hears("SIP/2.0 200 ", PATIENT));
    has("a=sendonly\r\n");
    request("ACK", "", NULL);
    c = submit(VX_VERB_UNHOLD, &args);
    assert_true(hears("INVITE ", PATIENT));
    has("\r\na=sendrecv\r\n");
    assert_null(strstr(w.got, "a=inactive"));
    assert_null(strstr(w.got, "a=sendonly"));
    assert_true(is_open(c));
    reply(200, "", vx_test_sdp);
    assert_true(hears("ACK ", PATIENT));
    ends(c, VX_OUTCOME_DONE);
    request("BYE", "", NULL);
    assert_true(hears("SIP/2.0 200 ", PATIENT));
    all_gone();
}

static void test_digits(void **state) {
    (void)state;
    const struct vx_command_args args = {
        .call_sid = vx_test_sid(1), .digits = VX_STR("1d"), .duration_ms = 120};
    struct vx_command_args wrong = args;
    originate(1);
    answer(1);
    struct vx_command *c = submit(VX_VERB_DTMF, &args);
    assert_true(hears("INFO ", PATIENT));
    has("\r\nContent-Type: application/dtmf-relay\r\n");
    has("\r\n\r\nSignal=1\r\nDuration=120\r\n");
    assert_false(hears("INFO ", 3));
    reply(200, "", NULL);
    assert_true(hears("INFO ", PATIENT));
    has("\r\n\r\nSignal=D\r\n");
    assert_true(is_open(c));
    reply(200, "", NULL);
    ends(c, VX_OUTCOME_DONE);
    c = submit(VX_VERB_DTMF, &args);
    assert_true(hears("INFO ", PATIENT));
    reply(415, "", NULL);
    struct vx_command_result result = result_of(&c);
    assert_int_equal(result.outcome, VX_OUTCOME_FAILED);
    assert_non_null(strstr(result.reason, "415"));
    wrong.digits = VX_STR("1\r\n");
    ends(submit(VX_VERB_DTMF, &wrong), VX_OUTCOME_UNABLE);
    wrong.digits = VX_STR("");
    ends(submit(VX_VERB_DTMF, &wrong), VX_OUTCOME_UNABLE);
    request("BYE", "", NULL);
    assert_true(hears("SIP/2.0 200 ", PATIENT));
    all_gone();
}

static struct vx_command *message_of(unsigned n, const char *method, struct vx_str content) {
    const struct vx_command_header h = {VX_STR("Event"), VX_STR("talk")};
    const struct vx_command_args args = {.call_sid = vx_test_sid(n),
                                         .method = vx_str(method),
                                         .content_type = VX_STR("text/plain"),
                                         .content = content,
                                         .headers = &h,
                                         .header_count = 1};
    return submit(VX_VERB_REQUEST, &args);
}

static struct vx_command *message(const char *method, struct vx_str content) {
    return message_of(1, method, content);
}

static void test_requests(void **state) {
    (void)state;
    static const char *const methods[] = {"INFO ", "NOTIFY ", "MESSAGE "};
    struct vx_command_result result;
    originate(1);
    answer(1);
    for (int i = 0; i < 3; i++) {
        char method[16];
        snprintf(method, sizeof method, "%.*s", (int)strlen(methods[i]) - 1, methods[i]);
        struct vx_command *c = message(method, VX_STR("a\r\n\r\nb"));
        assert_true(hears(methods[i], PATIENT));
        has(";tag=far\r\n");
        has("\r\nEvent: talk\r\n");
        has("\r\nContent-Type: text/plain\r\n");
        has("\r\n\r\na\r\n\r\nb");
        reply(i == 1 ? 489 : 202, "", NULL);
        result = result_of(&c);
        assert_int_equal(result.outcome, VX_OUTCOME_DONE);
        assert_int_equal(result.sip_status, i == 1 ? 489 : 202);
        assert_string_equal(result.reason, "Whatever");
    }
    ends(message("BYE", VX_NONE), VX_OUTCOME_UNABLE);
    const struct vx_command_args unreadable = {.call_sid = vx_test_sid(1),
                                               .method = VX_STR("INFO"),
                                               .content_type = VX_STR(";;=\"/,"),
                                               .content = VX_STR("x")};
    ends(submit(VX_VERB_REQUEST, &unreadable), VX_OUTCOME_FAILED);
    ends(message("INFO\r\nX", VX_NONE), VX_OUTCOME_UNABLE);
    /* Several at once come one after the other; too many are turned away. */
    struct vx_command *c[8];
    for (int i = 0; i < 8; i++)
        c[i] = message("INFO", VX_STR("x"));
    ends(message("INFO", VX_STR("x")), VX_OUTCOME_REFUSED);
    for (unsigned i = 0; i < 8; i++) {
        assert_true(hears("INFO ", PATIENT));
        reply(200 + i, "", NULL);
        result = result_of(&c[i]);
        assert_int_equal(result.sip_status, 200 + i);
    }
    /* Nobody answers: 408, by the transaction's own timer. */
    c[0] = message("MESSAGE", VX_NONE);
    assert_true(hears("MESSAGE ", PATIENT));
    for (int i = 0; i < 8; i++) {
        vx_test_ahead_seconds += 5;
        hears("nothing", BRIEF);
    }
    result = result_of(&c[0]);
    assert_int_equal(result.sip_status, 408);
    struct vx_uuid sid = vx_test_sid(1);
    leave(IN_PROGRESS, &sid);
}

static struct vx_command *notify_with(const char *name, const char *value) {
    const struct vx_command_header h[] = {{VX_STR("X-A"), VX_STR("b")},
                                          {vx_str(name), vx_str(value)}};
    const struct vx_command_args args = {.call_sid = vx_test_sid(1),
                                         .method = VX_STR("NOTIFY"),
                                         .content_type = VX_STR("text/plain"),
                                         .content = VX_STR("x"),
                                         .headers = h,
                                         .header_count = name ? 2 : 1};
    return submit(VX_VERB_REQUEST, &args);
}

/* RFC 6665, section 8.2: without Event it means nothing. */
static void test_a_notify_names_its_event(void **state) {
    (void)state;
    static const char *const names[] = {"Event", "o", "EVENT"};
    originate(1);
    answer(1);
    struct vx_command *c = notify_with(NULL, NULL);
    struct vx_command_result result = result_of(&c);
    assert_int_equal(result.outcome, VX_OUTCOME_FAILED);
    assert_non_null(strstr(result.reason, "Event"));
    ends(notify_with("Event", ""), VX_OUTCOME_FAILED);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        c = notify_with(names[i], "talk");
        assert_true(hears("NOTIFY ", PATIENT));
        has(": talk\r\n");
        has("\r\nSubscription-State: active\r\n");
        reply(200, "", NULL);
        ends(c, VX_OUTCOME_DONE);
    }
    request("BYE", "", NULL);
    all_gone();
}

/* --- the end --- */

/* Whoever waits for the far end of a call is told when it ends. */
static void test_the_call_ends_meanwhile(void **state) {
    (void)state;
    const struct vx_command_args args = {.call_sid = vx_test_sid(1)};
    originate(1);
    answer(1);
    struct vx_command *request_ = message("INFO", VX_STR("x")),
                      *hold_ = submit(VX_VERB_HOLD, &args);
    assert_true(hears("INFO ", PATIENT));
    request("BYE", "", NULL);
    ends(request_, VX_OUTCOME_NO_CALL);
    ends(hold_, VX_OUTCOME_NO_CALL);
    becomes(1, VX_CALL_COMPLETED, 200);
}

/* The BYE waits for no answer, whichever of the two comes first. */
static void hang_up_while_a_request_waits(unsigned n, bool answered) {
    const struct vx_command_args args = {.call_sid = vx_test_sid(n)};
    originate(n);
    answer(n);
    struct vx_command *waits = message_of(n, "INFO", VX_STR("x")),
                      *behind = message_of(n, "INFO", VX_STR("y"));
    assert_true(hears("INFO ", PATIENT));
    memcpy(invite, w.got, sizeof invite);
    ends(submit(VX_VERB_HANGUP, &args), VX_OUTCOME_DONE);
    ends(waits, VX_OUTCOME_NO_CALL);
    ends(behind, VX_OUTCOME_NO_CALL);
    becomes(n, VX_CALL_COMPLETED, 200);
    assert_true(hears("BYE ", PATIENT));
    if (answered) {
        char bye[sizeof w.got];
        memcpy(bye, w.got, sizeof bye);
        reply_to_invite(200, NULL);
        hears("nothing", BRIEF);
        memcpy(w.got, bye, sizeof bye);
    }
    reply(200, "", NULL);
    all_gone();
}

static void test_hung_up_while_a_request_waits(void **state) {
    (void)state;
    hang_up_while_a_request_waits(1, false);
    hang_up_while_a_request_waits(2, true);
}

static void test_hung_up_while_a_hold_waits(void **state) {
    (void)state;
    const struct vx_command_args args = {.call_sid = vx_test_sid(1)};
    originate(1);
    answer(1);
    struct vx_command *waits = submit(VX_VERB_HOLD, &args);
    assert_true(hears("INVITE ", PATIENT));
    memcpy(invite, w.got, sizeof invite);
    ends(submit(VX_VERB_HANGUP, &args), VX_OUTCOME_DONE);
    ends(waits, VX_OUTCOME_NO_CALL);
    assert_true(hears("BYE ", PATIENT));
    reply(200, "", NULL);
    reply_to_invite(487, NULL);
    all_gone();
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, vx_test_far_end_setup, vx_test_far_end_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_every_verb_in_every_state),
        TEST(test_the_invite),
        TEST(test_what_is_not_called),
        TEST(test_tls_is_not_spoken),
        TEST(test_a_sid_in_use),
        TEST(test_a_header_that_cannot_be_read),
        TEST(test_the_life_of_a_call),
        TEST(test_time_limits),
        TEST(test_an_answer_that_comes_too_late),
        TEST(test_hung_up_at_once),
        TEST(test_nobody_there),
        TEST(test_hold_and_unhold),
        TEST(test_digits),
        TEST(test_requests),
        TEST(test_a_notify_names_its_event),
        TEST(test_the_call_ends_meanwhile),
        TEST(test_hung_up_while_a_request_waits),
        TEST(test_hung_up_while_a_hold_waits),
    };
    return cmocka_run_group_tests_name("sip_command", tests, NULL, NULL);
}
