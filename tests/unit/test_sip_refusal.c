/*
 * What a far end refuses within a call: which answers end it, and that then both ends and the
 * registry know.
 */
#include "sip_bridge.h"

enum ask { REDIRECT, NOTIFY, MESSAGE, INFO, DTMF, HOLD, ASKS };
static const struct {
    const char *name, *method;
    enum vx_verb verb;
} asks[ASKS] = {
    [REDIRECT] = {"redirect", "REFER ", VX_VERB_REDIRECT},
    [NOTIFY] = {"NOTIFY", "NOTIFY ", VX_VERB_REQUEST},
    [MESSAGE] = {"MESSAGE", "MESSAGE ", VX_VERB_REQUEST},
    [INFO] = {"INFO", "INFO ", VX_VERB_REQUEST},
    [DTMF] = {"digit", "INFO ", VX_VERB_DTMF},
    [HOLD] = {"hold", "INVITE ", VX_VERB_HOLD},
};

/* RFC 5057, section 5: whose call it ends, by enum ask. */
#define NONE   0U
#define ALL    ((1U << ASKS) - 1)
#define BUT(x) (ALL & ~(1U << (x)))
static const struct {
    unsigned status, ends;
} table[] = {
    {302, NONE},          {400, NONE}, {402, NONE},          {403, NONE},
    {404, BUT(REDIRECT)}, {405, NONE}, {406, NONE},          {408, 1U << HOLD},
    {410, ALL},           {413, NONE}, {415, NONE},          {416, ALL},
    {420, NONE},          {429, NONE}, {480, NONE},          {481, BUT(NOTIFY)},
    {482, ALL},           {483, ALL},  {484, BUT(REDIRECT)}, {485, BUT(REDIRECT)},
    {486, NONE},          {487, NONE}, {488, NONE},          {489, NONE},
    {491, NONE},          {493, NONE}, {500, NONE},          {501, NONE},
    {502, ALL},           {503, NONE}, {504, NONE},          {513, NONE},
    {580, NONE},          {600, NONE}, {603, NONE},          {604, BUT(REDIRECT)},
    {606, NONE},
};

static struct vx_command *ask(enum ask what, const struct end *end) {
    char method[16];
    const struct vx_command_header event = {VX_STR("Event"), VX_STR("talk")};
    snprintf(method, sizeof method, "%.*s", (int)strcspn(asks[what].method, " "),
             asks[what].method);
    const struct vx_command_args args = {.call_sid = end->sid,
                                         .hook = VX_STR("https://example.com/"),
                                         .digits = VX_STR("12"),
                                         .method = vx_str(method),
                                         .content_type = VX_STR("text/plain"),
                                         .content = VX_STR("x"),
                                         .headers = &event,
                                         .header_count = 1};
    return submit(asks[what].verb, &args);
}

/* The far end refuses, and whoever asked is told so. */
static void refuse(enum ask what, unsigned status, const struct end *end) {
    char said[32];
    struct vx_command *c = ask(what, end);

    end_hears(end, asks[what].method);
    reply(status, status == 302 ? "Contact: <sip:elsewhere@127.0.0.1:1>\r\n" : "", NULL);
    struct vx_command_result result = result_of(&c);
    if (asks[what].verb == VX_VERB_REQUEST) {
        assert_int_equal(result.outcome, VX_OUTCOME_DONE);
        assert_int_equal(result.sip_status, status);
        return;
    }
    assert_int_equal(result.outcome, VX_OUTCOME_FAILED);
    snprintf(said, sizeof said, "the far end answered %u ", status);
    assert_non_null(strstr(result.reason, said));
}

static bool is_live(const struct vx_uuid *sid) {
    struct vx_snapshot *call = vx_scope_find(w.all, sid);
    bool live = vx_snapshot_status(call) == VX_CALL_IN_PROGRESS;

    vx_snapshot_release(&call);
    return live;
}

static void ended(const struct vx_uuid *sid) {
    struct vx_snapshot *call = vx_scope_find(w.all, sid);
    struct vx_call_fields fields;

    vx_snapshot_fields(call, &fields);
    assert_int_equal(fields.status, VX_CALL_COMPLETED);
    assert_int_equal(fields.sip_status, 200);
    vx_snapshot_release(&call);
}

/* How many are said, and answered, until nothing is for a while. */
static unsigned byes(void) {
    unsigned count = 0;

    for (int quiet = 0; quiet < 10; quiet++)
        if (listens() && strncmp(w.got, "BYE ", 4) == 0) {
            reply(200, "", NULL);
            count++;
        }
    return count;
}

static void hangs_up(const struct end *end, unsigned ends_) {
    ends(command(VX_VERB_HANGUP, end), VX_OUTCOME_DONE);
    assert_int_equal(byes(), ends_);
    all_gone();
}

static void test_a_call(void **state) {
    (void)state;
    unsigned n = 0;

    open_redirecting("1000");
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (unsigned what = 0; what < ASKS; what++) {
            bool ending = table[i].ends >> what & 1;
            struct end end = originated(++n);
            print_message("%s: %u\n", asks[what].name, table[i].status);
            refuse((enum ask)what, table[i].status, &end);
            assert_int_equal(byes(), ending);
            if (ending) {
                ended(&end.sid);
                all_gone();
                continue;
            }
            /* It goes on as if nothing had been. */
            assert_true(is_live(&end.sid));
            change(VX_VERB_HOLD, &end, vx_test_sdp);
            hangs_up(&end, 1);
        }
    vx_test_far_end_close();
}

/* The other end of a bridge is let go, and learns of nothing that leaves the call as it is. */
static void test_a_bridge(void **state) {
    (void)state;
    open_redirecting("1000");
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (unsigned what = 0; what < ASKS; what++) {
            bool ending = table[i].ends >> what & 1;
            bridge();
            const struct end *end = i % 2 ? &caller : &callee;
            print_message("%s: %u\n", asks[what].name, table[i].status);
            refuse((enum ask)what, table[i].status, end);
            assert_int_equal(byes(), ending ? 2 : 0);
            if (ending) {
                ended(&caller.sid);
                ended(&callee.sid);
                all_gone();
            } else {
                hangs_up(&caller, 2);
            }
        }
    vx_test_far_end_close();
}

/* What one end asks of the other: the one who asks hears of it in a way that keeps its dialog, and
 * is hung up where the other's has gone. */
static void test_what_an_end_asks(void **state) {
    (void)state;
    static const char *const methods[] = {"INVITE", "UPDATE", "INFO"};

    open_redirecting("1000");
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (size_t m = 0; m < 3; m++) {
            bool ending = table[i].ends >> (m < 2 ? HOLD : INFO) & 1;
            char beginning[16];
            snprintf(beginning, sizeof beginning, "%s ", methods[m]);
            bridge();
            print_message("%s: %u\n", methods[m], table[i].status);
            w.dialog = caller.dialog;
            request(methods[m], "", m < 2 ? made("caller", 8, 41002, "sendrecv") : NULL);
            end_hears(&callee, beginning);
            reply(table[i].status, "", NULL);
            w.dialog = caller.dialog;
            end_hears(&caller, "SIP/2.0 ");
            while (strncmp(w.got, "SIP/2.0 1", 9) == 0)
                end_hears(&caller, "SIP/2.0 ");
            if (m == 0)
                acknowledge();
            assert_int_equal(byes(), ending ? 2 : 0);
            if (!ending)
                hangs_up(&caller, 2);
            all_gone();
        }
    vx_test_far_end_close();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_call),
        cmocka_unit_test(test_a_bridge),
        cmocka_unit_test(test_what_an_end_asks),
    };
    return cmocka_run_group_tests_name("sip_refusal", tests, NULL, NULL);
}
