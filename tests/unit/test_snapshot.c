#include "support.h"

#include "core/call.h"

#include <pthread.h>

static struct vx_call_fields fields_of(unsigned n) {
    return (struct vx_call_fields){
        .call_sid = vx_test_sid(n),
        .account_sid = vx_test_uuid(ALPHA_SID),
        .application_sid = vx_test_uuid(APP_SID),
        .parent_call_sid = vx_test_sid(n + 1),
        .attempted_us = 1,
        .answered_us = 2,
        .ended_us = 3,
        .status = VX_CALL_BUSY,
        .direction = VX_INBOUND,
        .sip_status = 486,
        .text = {VX_STR("from"), VX_STR("to"), VX_STR("name"), VX_STR("call-id"),
                 VX_STR("192.0.2.1:5060"), VX_STR("trunk"), VX_STR("Busy Here"),
                 VX_STR("USER_BUSY"), VX_STR("{}")},
        .service_url = "http://127.0.0.1:3000",
    };
}

static void test_fields_come_back(void **state) {
    (void)state;
    struct vx_call_fields in = fields_of(7), out;
    struct vx_snapshot *s = vx_snapshot_new(&in);
    assert_non_null(s);
    vx_snapshot_fields(s, &out);
    assert_true(vx_uuid_eq(&in.call_sid, &out.call_sid));
    assert_true(vx_uuid_eq(&in.account_sid, &out.account_sid));
    assert_true(vx_uuid_eq(&in.application_sid, &out.application_sid));
    assert_true(vx_uuid_eq(&in.parent_call_sid, &out.parent_call_sid));
    assert_int_equal(out.attempted_us, 1);
    assert_int_equal(out.answered_us, 2);
    assert_int_equal(out.ended_us, 3);
    assert_int_equal(out.status, VX_CALL_BUSY);
    assert_int_equal(out.direction, VX_INBOUND);
    assert_int_equal(out.sip_status, 486);
    assert_string_equal(out.service_url, in.service_url);
    for (int t = 0; t < VX_TEXT_COUNT; t++) {
        assert_true(vx_str_eq(in.text[t], out.text[t]));
        assert_true(vx_str_eq(in.text[t], vx_snapshot_text(s, (enum vx_call_text)t)));
        assert_ptr_not_equal(in.text[t].at, out.text[t].at); /* copied */
    }
    assert_int_equal(vx_snapshot_status(s), VX_CALL_BUSY);
    assert_int_equal(vx_snapshot_direction(s), VX_INBOUND);
    assert_true(vx_uuid_eq(vx_snapshot_sid(s), &in.call_sid));
    vx_snapshot_release(&s);
    assert_null(s);
    vx_snapshot_release(&s);
}

/* "not given" and "given, empty" stay apart. */
static void test_absent_is_not_empty(void **state) {
    (void)state;
    struct vx_call_fields in = fields_of(1), out;
    in.text[VX_TEXT_CALL_ID] = VX_NONE;
    in.text[VX_TEXT_SIP_REASON] = VX_STR("");
    struct vx_snapshot *s = vx_snapshot_new(&in);
    assert_non_null(s);
    vx_snapshot_fields(s, &out);
    assert_null(out.text[VX_TEXT_CALL_ID].at);
    assert_int_equal(out.text[VX_TEXT_SIP_REASON].len, 0);
    vx_snapshot_release(&s);
}

static void is_json_of(struct vx_str json, const struct vx_call_fields *fields) {
    size_t len = vx_call_json_len(fields, false);
    char *want = malloc(len);
    assert_non_null(want);
    assert_true(vx_call_json_write(want, len, fields));
    assert_int_equal(json.len, len);
    assert_memory_equal(json.at, want, len);
    free(want);
}

static void test_json_is_rendered_once(void **state) {
    (void)state;
    struct vx_call_fields in = fields_of(2);
    struct vx_snapshot *s = vx_snapshot_new(&in);
    assert_non_null(s);
    assert_false(vx_snapshot_is_rendered(s));
    for (int i = 0; i < 3; i++) {
        if (i)
            vx_alloc_fail_at(1); /* there is no second one */
        struct vx_str json = vx_test_json(s);
        vx_alloc_fail_at(0);
        assert_true(vx_snapshot_is_rendered(s));
        is_json_of(json, &in);
    }
    vx_snapshot_release(&s);
}

static void test_json_lives_as_long_as_the_last_reference(void **state) {
    (void)state;
    struct vx_call_fields in = fields_of(3);
    struct vx_snapshot *s = vx_snapshot_new(&in), *second = vx_snapshot_ref(s);
    assert_ptr_equal(s, second);
    struct vx_str json = vx_test_json(s);
    vx_snapshot_release(&s);
    assert_int_equal(json.at[0], '{');
    assert_int_equal(json.at[json.len - 1], '}');
    vx_snapshot_release(&second);
}

static void test_json_again_after_memory_was_short(void **state) {
    (void)state;
    struct vx_call_fields in = fields_of(4);
    struct vx_snapshot *s = vx_snapshot_new(&in);
    assert_non_null(s);
    vx_alloc_fail_at(1);
    struct vx_str json = vx_test_json(s);
    assert_true(vx_alloc_failed());
    vx_alloc_fail_at(0);
    assert_null(json.at);
    json = vx_test_json(s);
    assert_non_null(json.at);
    vx_snapshot_release(&s);
}

static void test_json_takes_one_exact_allocation(void **state) {
    (void)state;
    struct vx_call_fields in = fields_of(5);
    struct vx_snapshot *s = vx_snapshot_new(&in);
    assert_non_null(s);
    vx_alloc_fail_at(2);
    struct vx_str json = vx_test_json(s);
    assert_false(vx_alloc_failed());
    vx_alloc_fail_at(0);
    assert_int_equal(json.len, vx_call_json_len(&in, true));
    assert_int_equal(json.len, vx_call_json_len(&in, false));
    char *bytes = malloc(json.len);
    assert_true(vx_call_json_write(bytes, json.len, &in));
    assert_memory_equal(bytes, json.at, json.len);
    assert_false(vx_call_json_write(bytes, json.len - 1, &in)); /* nothing beyond what there is */
    free(bytes);
    vx_snapshot_release(&s);
}

/* Lengths of one, two and three bytes; "not given" among them; more than can be kept is cut. */
static void test_texts_of_every_length(void **state) {
    (void)state;
    static char text[70000];
    static const size_t lens[] = {0, 1, 126, 127, 128, 16382, 16383, 16384, 65534, 65535, 70000};
    memset(text, 'x', sizeof text);
    size_t before = vx_snapshots_memory();
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        struct vx_call_fields in = fields_of(6), out;
        size_t kept = lens[i] < 65534 ? lens[i] : 65534;
        in.text[VX_TEXT_TO] = VX_NONE;
        in.text[VX_TEXT_CALLER_NAME] = (struct vx_str){text, lens[i]};
        text[lens[i] / 2] = i % 2 ? '"' : 'x';
        struct vx_snapshot *s = vx_snapshot_new(&in);
        assert_non_null(s);
        vx_snapshot_fields(s, &out);
        assert_null(out.text[VX_TEXT_TO].at);
        assert_int_equal(out.text[VX_TEXT_CALLER_NAME].len, kept);
        assert_memory_equal(out.text[VX_TEXT_CALLER_NAME].at, text, kept);
        assert_true(vx_str_eq(out.text[VX_TEXT_TERMINATION], VX_STR("USER_BUSY")));
        assert_true(vx_str_eq(vx_snapshot_text(s, VX_TEXT_TERMINATION), VX_STR("USER_BUSY")));
        assert_in_range(vx_snapshots_memory() - before, 2 * kept, 2 * kept + 1100);
        assert_int_equal(vx_snapshot_json_len(s), vx_call_json_len(&out, false));
        text[lens[i] / 2] = 'x';
        vx_snapshot_release(&s);
    }
    assert_int_equal(vx_snapshots_memory(), before);
}

/* What is measured is what is written, whatever the bytes. */
static void test_measured_is_written(void **state) {
    (void)state;
    static const char odd[] = "\"\\\x01\x1f\n\x7f\x80\xc3\xab\xe2\x82\xac\xf0\x9f\x93\x9e\xff ";
    struct vx_test_random rnd = vx_test_random_start("snapshot");
    for (int i = 0; i < 20000; i++) {
        char bytes[VX_TEXT_COUNT][40];
        struct vx_call_fields in = fields_of(8);
        for (int t = 0; t < VX_TEXT_COUNT; t++) {
            uint32_t len = vx_test_random(&rnd, 40), how = vx_test_random(&rnd, 3);
            for (uint32_t b = 0; b < len; b++)
                bytes[t][b] = how && (how == 1 || vx_test_random(&rnd, 8))
                                  ? 'a'
                                  : odd[vx_test_random(&rnd, sizeof odd)];
            in.text[t] = (struct vx_str){bytes[t], len};
        }
        struct vx_snapshot *s = vx_snapshot_new(&in);
        struct vx_str json = vx_test_json(s);
        assert_non_null(json.at);
        is_json_of(json, &in);
        vx_snapshot_release(&s);
    }
}

/* --- all at once --- */

enum { READERS = 4 };

struct race {
    struct vx_snapshot *call;
    pthread_barrier_t start;
    char json[READERS][2048];
};

struct racer {
    struct race *race;
    int n;
};

static void *read_json(void *arg) {
    struct racer *me = arg;
    struct vx_snapshot *own = vx_snapshot_ref(me->race->call);
    pthread_barrier_wait(&me->race->start);
    struct vx_str json = vx_test_json(own);
    if (json.len <= sizeof me->race->json[me->n])
        memcpy(me->race->json[me->n], json.at, json.len);
    vx_snapshot_release(&own);
    return NULL;
}

static void test_many_first_readers(void **state) {
    (void)state;
    for (unsigned round = 0; round < 200; round++) {
        struct vx_call_fields in = fields_of(round);
        struct race race = {.call = vx_snapshot_new(&in)};
        struct racer racers[READERS];
        pthread_t threads[READERS];
        assert_non_null(race.call);
        pthread_barrier_init(&race.start, NULL, READERS);
        for (int i = 0; i < READERS; i++) {
            racers[i] = (struct racer){&race, i};
            assert_int_equal(pthread_create(&threads[i], NULL, read_json, &racers[i]), 0);
        }
        for (int i = 0; i < READERS; i++)
            pthread_join(threads[i], NULL);
        for (int i = 0; i < READERS; i++)
            is_json_of((struct vx_str){race.json[i], vx_snapshot_json_len(race.call)}, &in);
        pthread_barrier_destroy(&race.start);
        vx_snapshot_release(&race.call);
    }
}

static void scenario(void *ctx) {
    (void)ctx;
    struct vx_call_fields in = fields_of(5);
    vx_test_arm();
    struct vx_snapshot *s = vx_snapshot_new(&in);
    struct vx_str json = s ? vx_test_json(s) : VX_NONE;
    bool failed = vx_test_disarm();
    assert_true(failed || (s && json.at));
    vx_snapshot_release(&s);
}

static void test_every_allocation_fails(void **state) {
    (void)state;
    vx_test_every_allocation_fails(scenario, NULL, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_come_back),
        cmocka_unit_test(test_absent_is_not_empty),
        cmocka_unit_test(test_json_is_rendered_once),
        cmocka_unit_test(test_json_lives_as_long_as_the_last_reference),
        cmocka_unit_test(test_json_again_after_memory_was_short),
        cmocka_unit_test(test_json_takes_one_exact_allocation),
        cmocka_unit_test(test_texts_of_every_length),
        cmocka_unit_test(test_measured_is_written),
        cmocka_unit_test(test_many_first_readers),
        cmocka_unit_test(test_every_allocation_fails),
    };
    return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
