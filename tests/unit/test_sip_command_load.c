/*
 * Commands of the API in voxeme-switch: what bounds them, what becomes of them at the end, a burst
 * of them, the two legs of a bridge, and calls to those whom a bridge would call.
 */
#include "sip_far_end.h"

#include <malloc.h>
#include <pthread.h>

/* --- the queue --- */

static struct vx_command *make(enum vx_verb verb, unsigned n) {
    const struct vx_command_args args = {.call_sid = vx_test_sid(n)};
    struct vx_command *c = vx_command_new(verb, &args, NULL, NULL);

    assert_non_null(c);
    return c;
}

static bool try(struct vx_command *c) {
    return w.port->submit(w.port->ctx, c);
}

static void test_full(void **state) {
    (void)state;
    vx_test_far_end_open("", "<param name=\"sip-max-commands\" value=\"2\"/>");
    struct vx_command *c[3];
    for (unsigned i = 0; i < 3; i++) {
        c[i] = make(VX_VERB_HANGUP, i);
        assert_int_equal(try(c[i]), i < 2);
    }
    assert_int_equal(atomic_load(&w.metrics.commands_full), 1);
    ends(c[0], VX_OUTCOME_NO_CALL);
    ends(c[1], VX_OUTCOME_NO_CALL);
    assert_true(try(c[2]));
    ends(c[2], VX_OUTCOME_NO_CALL);
    /* As a reload does. */
    vx_command_queue_limit(w.commands, 3);
    for (unsigned i = 0; i < 3; i++) {
        c[i] = make(VX_VERB_HANGUP, i);
        assert_true(try(c[i]));
    }
    for (unsigned i = 0; i < 3; i++)
        ends(c[i], VX_OUTCOME_NO_CALL);
    vx_test_far_end_close();
}

static void test_too_many_calls(void **state) {
    (void)state;
    vx_test_far_end_open("", "<param name=\"sip-max-calls\" value=\"1\"/>");
    originate(1);
    struct vx_command_args args = originate_args(2);
    ends(submit(VX_VERB_ORIGINATE, &args), VX_OUTCOME_REFUSED);
    assert_false(vx_test_has(w.all, 2));
    assert_int_equal(atomic_load(&w.metrics.originate_full), 1);
    assert_int_equal(atomic_load(&w.metrics.calls), 1);
    reply_to_invite(486, NULL);
    becomes(1, VX_CALL_BUSY, 486);
    all_gone();
    originate(3);
    reply_to_invite(486, NULL);
    all_gone();
    vx_test_far_end_close();
}

/* A call that the registry does not keep is not made. */
static void test_a_full_registry(void **state) {
    (void)state;
    vx_test_far_end_open("<param name=\"max-calls\" value=\"1\"/>", "");
    originate(1);
    struct vx_command_args args = originate_args(2);
    ends(submit(VX_VERB_ORIGINATE, &args), VX_OUTCOME_REFUSED);
    reply_to_invite(486, NULL);
    assert_false(hears("INVITE ", BRIEF));
    all_gone();
    vx_test_far_end_close();
}

static void test_given_up(void **state) {
    (void)state;
    struct vx_command_args args = originate_args(1);
    struct vx_command *c = submit(VX_VERB_ORIGINATE, &args), *after = make(VX_VERB_HANGUP, 1);
    assert_true(vx_command_give_up(c));
    vx_command_release(&c);
    assert_true(try(after));
    ends(after, VX_OUTCOME_NO_CALL);
    assert_null(w.sip->legs);
}

static void no_verb(enum vx_verb verb) {
    struct vx_command *c = make(verb, 1);
    assert_true(try(c));
    ends(c, VX_OUTCOME_UNABLE);
}

static void test_what_it_cannot_do(void **state) {
    (void)state;
    originate(1);
    assert_int_equal(
        w.port->verbs & (1U << VX_VERB_MUTE | 1U << VX_VERB_UNMUTE | 1U << VX_VERB_TAG), 0);
    no_verb(VX_VERB_MUTE);
    no_verb(VX_VERB_UNMUTE);
    no_verb(VX_VERB_TAG);
    reply_to_invite(486, NULL);
    all_gone();
}

static void ignore(void *ctx) {
    (void)ctx;
}

static void test_stopping(void **state) {
    (void)state;
    struct vx_command_args args = originate_args(2);
    originate(1);
    reply(200, "", vx_test_sdp);
    assert_true(hears("ACK ", PATIENT));
    const struct vx_command_args digits = {.call_sid = vx_test_sid(1), .digits = VX_STR("1")};
    struct vx_command *waits = submit(VX_VERB_DTMF, &digits);
    assert_true(hears("INFO ", PATIENT));
    struct vx_command *queued = submit(VX_VERB_ORIGINATE, &args), *late = make(VX_VERB_HANGUP, 1);
    vx_sip_stop(w.sip, ignore, NULL);
    ends(queued, VX_OUTCOME_REFUSED);
    ends(waits, VX_OUTCOME_NO_CALL);
    assert_false(try(late));
    vx_command_release(&late);
    assert_int_equal(atomic_load(&w.metrics.commands_stopping), 2);
    assert_false(vx_test_has(w.all, 2));
}

#define THREADS  3
#define COMMANDS 3000

struct submitter {
    pthread_t thread;
    atomic_uint finished;
    unsigned refused;
};

static void count_finished(void *ctx) {
    atomic_fetch_add((atomic_uint *)ctx, 1);
}

static void *submit_many(void *arg) {
    struct submitter *s = arg;

    for (unsigned i = 0; i < COMMANDS; i++) {
        const struct vx_command_args args = {.call_sid = vx_test_sid(i)};
        struct vx_command *c = vx_command_new(VX_VERB_HANGUP, &args, count_finished, &s->finished);
        if (c && !w.port->submit(w.port->ctx, c))
            s->refused++;
        vx_command_release(&c);
    }
    return NULL;
}

/* Every command is finished or refused, once, while the switch stops under way. */
static void test_from_many_threads(void **state) {
    (void)state;
    struct submitter s[THREADS] = {0};
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&s[i].thread, NULL, submit_many, &s[i]), 0);
    for (int i = 0; i < PATIENT && atomic_load(&w.metrics.commands) < COMMANDS; i++)
        su_root_step(w.root, 1);
    assert_true(atomic_load(&w.metrics.commands) >= COMMANDS);
    vx_sip_stop(w.sip, ignore, NULL);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(s[i].thread, NULL);
        assert_int_equal(atomic_load(&s[i].finished) + s[i].refused, COMMANDS);
    }
}

/* --- the index --- */

#define LEGS 20000

static size_t longest_chain(const struct vx_leg_index *index) {
    size_t longest = 0;

    for (size_t i = 0; i < index->size; i++) {
        size_t length = 0;
        for (const struct vx_leg *leg = index->buckets[i]; leg; leg = leg->same_bucket)
            length++;
        longest = length > longest ? length : longest;
    }
    return longest;
}

/* Whichever bits the sids differ in, a look-up does not depend on how many legs there are. */
static void test_legs_by_sid(void **state) {
    (void)state;
    for (size_t byte = 0; byte + 3 < sizeof(struct vx_uuid); byte++) {
        struct vx_leg_index index;
        struct vx_leg *legs = calloc(LEGS, sizeof *legs);
        assert_non_null(legs);
        assert_true(vx_leg_index_open(&index));
        for (uint32_t n = 0; n < LEGS; n++) {
            memcpy(&legs[n].facts.event.call_sid.b[byte], &n, sizeof n);
            vx_leg_index_add(&index, &legs[n]);
            vx_leg_index_add(&index, &legs[n]);
        }
        assert_int_equal(index.count, LEGS);
        assert_true(longest_chain(&index) <= 16);
        for (uint32_t n = 0; n < LEGS; n += 2)
            vx_leg_index_remove(&index, &legs[n]);
        for (uint32_t n = 0; n < LEGS; n++)
            assert_ptr_equal(vx_leg_index_find(&index, &legs[n].facts.event.call_sid),
                             n % 2 ? &legs[n] : NULL);
        vx_leg_index_close(&index);
        free(legs);
    }
}

/* --- memory --- */

/* Whatever fails, a command that was queued ends, and nothing is left behind. */
static void command_in_need(enum vx_verb verb, const struct vx_command_args *args,
                            const char *hears_) {
    struct vx_command *c = vx_command_new(verb, args, NULL, NULL);
    struct vx_command_result result = {.outcome = VX_OUTCOME_REFUSED};

    if (c && try(c)) {
        for (int i = 0; i < PATIENT && !vx_command_result(c, &result); i++)
            if (listens() && strncmp(w.got, hears_, strlen(hears_)) == 0)
                reply(200, "", hears_[0] == 'I' && hears_[2] == 'V' ? vx_test_sdp : NULL);
        assert_true(vx_command_result(c, &result));
        if (verb == VX_VERB_ORIGINATE && hears("INVITE ", BRIEF))
            reply(486, "", NULL);
    }
    vx_command_release(&c);
}

static void scenario(void *ctx) {
    const struct vx_command_header h = {VX_STR("X-A"), VX_STR("b")};
    (void)ctx;
    vx_test_far_end_open("", "");
    struct vx_command_args args = originate_args(1);
    args.headers = &h;
    args.header_count = 1;
    originate(2);
    reply(200, "", vx_test_sdp);
    assert_true(hears("ACK ", PATIENT));
    vx_test_arm();
    command_in_need(VX_VERB_ORIGINATE, &args, "nothing");
    const struct vx_command_args within = {.call_sid = vx_test_sid(2),
                                           .digits = VX_STR("12"),
                                           .method = VX_STR("INFO"),
                                           .content = VX_STR("x"),
                                           .headers = &h,
                                           .header_count = 1};
    command_in_need(VX_VERB_HOLD, &within, "INVITE sip:far");
    command_in_need(VX_VERB_DTMF, &within, "INFO ");
    command_in_need(VX_VERB_REQUEST, &within, "INFO ");
    command_in_need(VX_VERB_HANGUP, &within, "BYE ");
    vx_test_disarm();
    vx_test_far_end_close();
}

static void test_memory_is_short(void **state) {
    (void)state;
    vx_test_every_allocation_fails(scenario, NULL, true);
}

/* --- a burst --- */

#define BURST 1000

/* The far end answers a third of the calls, rejects a third, and of the rest lets every second ring
 * and says nothing to the others. */
static void far_end_acts(void) {
    char *cseq;

    if (strncmp(w.got, "INVITE sip:a", 12) == 0) {
        reply(200, "", vx_test_sdp);
    } else if (strncmp(w.got, "INVITE sip:r", 12) == 0) {
        reply(486, "", NULL);
    } else if (strncmp(w.got, "INVITE sip:s", 12) == 0) {
        reply(180, "", NULL);
    } else if (strncmp(w.got, "BYE ", 4) == 0) {
        reply(200, "", NULL);
    } else if (strncmp(w.got, "CANCEL ", 7) == 0) {
        reply(200, "", NULL);
        cseq = strstr(w.got, " CANCEL\r\n");
        assert_non_null(cseq);
        memcpy(cseq, " INVITE", 7);
        reply(487, "", NULL);
    }
}

static void one_of_the_burst(unsigned n, struct vx_command **c) {
    struct vx_command_args args = originate_args(n);
    char target[64];

    snprintf(target, sizeof target, "sip:%c%u@127.0.0.1:%u", "aris"[n % 3 == 2 ? n % 2 + 2 : n % 3],
             n, w.fd_port);
    args.target = vx_str(target);
    args.timeout_s = 20;
    args.time_limit_s = 30;
    *c = submit(VX_VERB_ORIGINATE, &args);
}

static void burst(unsigned first) {
    static struct vx_command *c[BURST];
    unsigned idle = 0;

    for (unsigned i = 0; i < BURST; i++)
        one_of_the_burst(first + i, &c[i]);
    while (idle < 20) {
        idle = listens() ? 0 : idle + 1;
        if (idle == 0)
            far_end_acts();
    }
    for (unsigned i = 0; i < BURST; i++)
        ends(c[i], VX_OUTCOME_DONE);
    for (int i = 0; i < 50000 && w.sip->legs; i++) {
        if (listens())
            idle = 0, far_end_acts();
        else if (++idle % 5 == 0)
            vx_test_ahead_seconds++;
    }
    all_gone();
    for (unsigned n = first; n < first + BURST; n++)
        if (n % 3 == 0)
            vx_test_expect(w.all, n, VX_CALL_COMPLETED, 200);
        else if (n % 3 == 1)
            vx_test_expect(w.all, n, VX_CALL_BUSY, 486);
        else
            vx_test_expect(w.all, n, VX_CALL_NO_ANSWER, 480);
}

/* What is in use once the registry has forgotten its calls. */
static size_t memory_in_use(void) {
    struct vx_registry_stats stats;

    do {
        su_root_step(w.root, 10);
        vx_registry_expire(w.registry, 10000);
        vx_registry_stats(w.registry, &stats);
    } while (stats.calls > 0);
    return mallinfo2().uordblks;
}

static void test_a_burst(void **state) {
    (void)state;
    vx_test_far_end_open("<param name=\"retention-seconds\" value=\"1\"/>"
                         "<param name=\"max-removed\" value=\"16\"/>",
                         "");
    burst(1);
    size_t before = memory_in_use();
    burst(BURST + 1);
    size_t after = memory_in_use();
    print_message("memory: %zu bytes, %zu after %d calls more\n", before, after, BURST);
    assert_true(after < before + 256UL * BURST);
    vx_test_far_end_close();
}

/* --- a bridge --- */

static struct vx_uuid sid_of_peer(const struct vx_uuid *sid) {
    struct vx_leg *leg = vx_leg_index_find(&w.sip->index, sid);

    assert_non_null(leg);
    assert_non_null(leg->peer);
    return leg->peer->facts.event.call_sid;
}

static void answer_all_until(const char *beginning, int times) {
    for (int i = 0; i < PATIENT && times > 0; i++) {
        if (!listens())
            continue;
        times -= strncmp(w.got, beginning, strlen(beginning)) == 0;
        if (strncmp(w.got, "SIP/2.0 ", 8) != 0 && strncmp(w.got, "ACK ", 4) != 0)
            reply(200, "", NULL);
    }
    assert_int_equal(times, 0);
}

/* The other leg follows, whichever is hung up. */
static void test_a_bridge_is_hung_up(void **state) {
    (void)state;
    for (int which = 0; which < 2; which++) {
        dial("2000", "", vx_test_sdp);
        assert_true(hears("INVITE sip:bridged@", PATIENT));
        struct vx_test_dialog caller = w.dialog;
        reply(200, "", vx_test_sdp);
        w.dialog = caller;
        assert_true(hears("SIP/2.0 200 ", PATIENT));
        acknowledge();
        hears("nothing", BRIEF);
        struct vx_uuid parent = sid_of_only_inbound(), child = sid_of_peer(&parent);
        struct vx_command_args args = {.call_sid = which ? child : parent};
        ends(submit(VX_VERB_HANGUP, &args), VX_OUTCOME_DONE);
        answer_all_until("BYE ", 2);
        all_gone();
    }
}

static void test_a_ringing_bridge_is_hung_up(void **state) {
    (void)state;
    for (int which = 0; which < 2; which++) {
        dial("2000", "", vx_test_sdp);
        assert_true(hears("INVITE sip:bridged@", PATIENT));
        memcpy(invite, w.got, sizeof invite);
        struct vx_test_dialog caller = w.dialog;
        reply(180, "", NULL);
        assert_true(hears("SIP/2.0 180 ", PATIENT));
        struct vx_uuid parent = sid_of_only_inbound(), child = sid_of_peer(&parent);
        struct vx_command_args args = {.call_sid = which ? child : parent};
        ends(submit(VX_VERB_HANGUP, &args), VX_OUTCOME_DONE);
        bool cancelled = false, told = false;
        for (int i = 0; i < PATIENT && !(cancelled && told); i++) {
            if (!listens())
                continue;
            if (strncmp(w.got, "CANCEL ", 7) == 0) {
                cancelled = true;
                reply(200, "", NULL);
                reply_to_invite(487, NULL);
            } else if (strncmp(w.got, which ? "SIP/2.0 480 " : "SIP/2.0 603 ", 12) == 0) {
                told = true;
                w.dialog = caller;
                acknowledge();
            }
        }
        assert_true(cancelled && told);
        all_gone();
    }
}

/* Whoever calls to that name would be bridged to is a user; anybody else ends as such a call does,
 * and nothing is sent. */
static void test_users(void **state) {
    static const char *const nobody[] = {"joe@alpha.example", "1000@alpha.example",
                                         "180@alpha.example", "3000@alpha.example",
                                         "4000@alpha.example"};
    static const char *const known[] = {"2000@alpha.example", "5000@alpha.example",
                                        "6000@alpha.example"};
    struct vx_command_args args = originate_args(1);
    struct vx_call_fields fields;
    unsigned n = 0;

    (void)state;
    args.target = VX_NONE;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        args.call_sid = vx_test_sid(++n);
        args.user = vx_str(known[i]);
        ends(submit(VX_VERB_ORIGINATE, &args), VX_OUTCOME_DONE);
        assert_true(hears("INVITE sip:bridged@127.0.0.1", PATIENT));
        reply(486, "", NULL);
        becomes(n, VX_CALL_BUSY, 486);
    }
    for (size_t i = 0; i < sizeof nobody / sizeof *nobody; i++) {
        args.call_sid = vx_test_sid(++n);
        args.user = vx_str(nobody[i]);
        ends(submit(VX_VERB_ORIGINATE, &args), VX_OUTCOME_DONE);
        vx_test_expect(w.all, n, VX_CALL_FAILED, 404);
        struct vx_snapshot *call = vx_scope_find(w.all, &args.call_sid);
        vx_snapshot_fields(call, &fields);
        assert_true(vx_str_eq(fields.text[VX_TEXT_TERMINATION], VX_STR("NO_ROUTE_DESTINATION")));
        assert_int_equal(fields.text[VX_TEXT_CALL_ID].len, 0);
        vx_snapshot_release(&call);
    }
    assert_false(hears("INVITE ", BRIEF));
    all_gone();
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, vx_test_far_end_setup, vx_test_far_end_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_too_many_calls),
        cmocka_unit_test(test_a_full_registry),
        TEST(test_given_up),
        TEST(test_what_it_cannot_do),
        TEST(test_stopping),
        TEST(test_from_many_threads),
        cmocka_unit_test(test_legs_by_sid),
        cmocka_unit_test(test_memory_is_short),
        cmocka_unit_test(test_a_burst),
        TEST(test_a_bridge_is_hung_up),
        TEST(test_a_ringing_bridge_is_hung_up),
        TEST(test_users),
    };
    return cmocka_run_group_tests_name("sip_command_load", tests, NULL, NULL);
}
