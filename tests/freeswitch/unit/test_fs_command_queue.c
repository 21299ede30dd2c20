/* The lanes of commands: order, limits, giving up, and an end whatever FreeSWITCH does. */
#include "module.h"

#include <semaphore.h>

static struct vx_test_world w;
static struct vx_fs_deadlines *deadlines;
static struct vx_fs_marks marks;
static struct vx_fs_commands *commands;
static const struct vx_host_port *port;
static sem_t finished;

static void notify(void *ctx) {
    (void)ctx;
    sem_post(&finished);
}

static void open_with(const char *settings) {
    char all[256];

    snprintf(all, sizeof all, "freeswitch-profile=internal;%s", settings);
    vx_test_world_open(&w, all);
    sem_init(&finished, 0, 0);
    double_done_clear();
    vx_fs_marks_open(&marks);
    deadlines = vx_fs_deadlines_new(&w.time.clock);
    assert_non_null(deadlines);
    commands = vx_fs_commands_start(w.registry, deadlines, &marks, w.config);
    assert_non_null(commands);
    port = vx_fs_commands_port(commands);
}

static void channel(const char *uuid) {
    switch_event_t *data = fs_event(SWITCH_EVENT_CHANNEL_DATA, uuid, NULL);

    double_channel(uuid, data);
    switch_event_destroy(&data);
    double_channel_is(uuid, true, true);
}

static struct vx_command *command(enum vx_verb verb, const char *uuid, const char *digits) {
    struct vx_command_args args = {
        .call_sid = vx_test_uuid(uuid), .digits = vx_str(digits), .duration_ms = 100};
    struct vx_command *c = vx_command_new(verb, &args, notify, NULL);

    assert_non_null(c);
    return c;
}

static struct vx_command *submit(enum vx_verb verb, const char *uuid, const char *digits) {
    struct vx_command *c = command(verb, uuid, digits);

    assert_true(port->submit(port->ctx, c));
    return c;
}

static void ends(struct vx_command **c, enum vx_outcome outcome) {
    struct vx_command_result result;

    assert_true(vx_command_result(*c, &result));
    assert_int_equal(result.outcome, outcome);
    vx_command_release(c);
}

static void wait_for(int count) {
    for (int i = 0; i < count; i++)
        assert_int_equal(sem_wait(&finished), 0);
}

static void close_all(void) {
    assert_true(vx_fs_commands_close(commands, 60000));
    vx_fs_commands_release(&commands);
    vx_fs_deadlines_release(&deadlines);
    vx_fs_marks_free(&marks);
    double_blocks(NULL);
    double_channels_gone();
    vx_test_world_close(&w);
    sem_destroy(&finished);
    assert_int_equal(double_left(), 0);
}

static bool metric(const char *text) {
    struct vx_buf out = {0};
    bool found;

    vx_fs_commands_metrics(port->ctx, &out);
    vx_buf_add(&out, "", 1);
    found = strstr(out.at, text) != NULL;
    if (!found)
        print_error("%s", out.at);
    vx_buf_free(&out);
    return found;
}

static void what_is_asked_of_one_call_keeps_its_order(void **state) {
    struct vx_command *c[40];
    const char *at;

    (void)state;
    open_with("freeswitch-command-threads=8");
    channel(CHANNEL);
    for (int i = 0; i < 40; i++)
        c[i] = submit(VX_VERB_DTMF, CHANNEL, (char[]){(char)('0' + i % 10), '\0'});
    wait_for(40);
    at = double_done();
    for (int i = 0; i < 40; i++) {
        char line[64];

        snprintf(line, sizeof line, "dtmf " CHANNEL " %d@100\n", i % 10);
        assert_memory_equal(at, line, strlen(line));
        at += strlen(line);
        ends(&c[i], VX_OUTCOME_DONE);
    }
    assert_true(metric("voxeme_freeswitch_commands_total 40\n"));
    close_all();
}

/* Of a call in a lane that FreeSWITCH keeps. */
static struct vx_command *block(void) {
    struct vx_command *c;

    channel(CHANNEL);
    double_blocks("dtmf");
    c = submit(VX_VERB_DTMF, CHANNEL, "1");
    double_wait_done("dtmf " CHANNEL " 1");
    return c;
}

static void given_up_and_never_done(void **state) {
    struct vx_command *first, *second;

    (void)state;
    open_with("freeswitch-command-threads=1");
    first = block();
    second = submit(VX_VERB_HANGUP, CHANNEL, "");
    assert_true(metric("voxeme_freeswitch_commands_waiting 1\n"));
    assert_true(vx_command_give_up(second));
    assert_false(vx_command_give_up(first)); /* nobody knows how it ends */
    vx_command_release(&first);
    vx_command_release(&second);
    double_blocks(NULL);
    first = submit(VX_VERB_DTMF, CHANNEL, "2");
    wait_for(1);
    ends(&first, VX_OUTCOME_DONE);
    assert_null(strstr(double_done(), "hangup"));
    assert_true(metric("voxeme_freeswitch_commands_refused_total{reason=\"timeout\"} 1\n"));
    close_all();
}

static void full(void **state) {
    struct vx_command *c[4], *more;

    (void)state;
    open_with("freeswitch-command-threads=1;freeswitch-max-commands=3");
    c[0] = block();
    for (int i = 1; i < 4; i++)
        c[i] = submit(VX_VERB_HANGUP, CHANNEL, "");
    more = command(VX_VERB_HANGUP, CHANNEL, "");
    assert_false(port->submit(port->ctx, more));
    assert_true(
        metric("voxeme_freeswitch_commands_refused_total{reason=\"freeswitch-max-commands\"} 1\n"));
    /* A reload makes room. */
    vx_config_release(&w.config);
    w.config = vx_test_config("freeswitch-max-commands=4");
    vx_fs_commands_configure(commands, w.config);
    assert_true(port->submit(port->ctx, more));
    double_blocks(NULL);
    wait_for(5);
    for (int i = 0; i < 4; i++)
        ends(&c[i], VX_OUTCOME_DONE);
    ends(&more, VX_OUTCOME_DONE);
    close_all();
}

static void a_lane_that_is_kept_keeps_no_other_up(void **state) {
    struct vx_command *kept, *c[64];

    (void)state;
    open_with("freeswitch-command-threads=16");
    kept = block();
    for (unsigned i = 0; i < 64; i++) {
        char uuid[VX_UUID_TEXT + 1];
        struct vx_uuid sid = vx_test_sid(i);

        vx_uuid_format(uuid, &sid);
        c[i] = submit(VX_VERB_HANGUP, uuid, "");
    }
    wait_for(48); /* more than there are in one lane */
    double_blocks(NULL);
    wait_for(17);
    for (unsigned i = 0; i < 64; i++)
        ends(&c[i], VX_OUTCOME_NO_CALL);
    ends(&kept, VX_OUTCOME_DONE);
    close_all();
}

/* Calls are made in lanes of their own. */
static void what_is_made_and_what_is_there_keep_each_other_up_in_nothing(void **state) {
    struct vx_command_args args = {.call_sid = vx_test_sid(1),
                                   .target = VX_STR("sip:bob@192.0.2.1"),
                                   .from = VX_STR("1"),
                                   .to = VX_STR("bob"),
                                   .account_sid = vx_test_uuid(ALPHA_SID)};
    struct vx_command *kept, *making;

    (void)state;
    open_with("freeswitch-command-threads=1");
    kept = block();
    making = vx_command_new(VX_VERB_ORIGINATE, &args, notify, NULL);
    assert_non_null(making);
    assert_true(port->submit(port->ctx, making));
    wait_for(1);
    ends(&making, VX_OUTCOME_REFUSED); /* nothing reads events here */
    double_blocks(NULL);
    wait_for(1);
    ends(&kept, VX_OUTCOME_DONE);
    close_all();
}

/* And has a share of the room, no more: what is given up leaves it. */
static void a_lane_that_is_kept_leaves_the_others_room(void **state) {
    struct vx_command *kept, *given_up[2], *c[2], *more;
    char uuid[VX_UUID_TEXT + 1];
    unsigned n = 0;

    (void)state;
    open_with("freeswitch-command-threads=2;freeswitch-max-commands=4");
    kept = block();
    for (int i = 0; i < 2; i++)
        given_up[i] = submit(VX_VERB_HANGUP, CHANNEL, "");
    more = command(VX_VERB_HANGUP, CHANNEL, "");
    assert_false(port->submit(port->ctx, more));
    do { /* one of the other lane: it ends */
        struct vx_uuid sid = vx_test_sid(n++);

        vx_uuid_format(uuid, &sid);
        c[0] = command(VX_VERB_HANGUP, uuid, "");
        if (port->submit(port->ctx, c[0]))
            break;
        vx_command_release(&c[0]);
    } while (n < 64);
    assert_true(n < 64);
    wait_for(1);
    ends(&c[0], VX_OUTCOME_NO_CALL);
    assert_true(vx_command_give_up(given_up[0]));
    assert_true(port->submit(port->ctx, more));
    c[1] = command(VX_VERB_HANGUP, CHANNEL, "");
    assert_false(port->submit(port->ctx, c[1]));
    assert_true(vx_command_give_up(given_up[1]));
    assert_true(port->submit(port->ctx, c[1]));
    assert_true(metric("voxeme_freeswitch_commands_refused_total{reason=\"timeout\"} 2\n"));
    assert_true(metric("voxeme_freeswitch_commands_waiting 2\n"));
    double_blocks(NULL);
    wait_for(3);
    ends(&kept, VX_OUTCOME_DONE);
    ends(&more, VX_OUTCOME_DONE);
    ends(&c[1], VX_OUTCOME_DONE);
    for (int i = 0; i < 2; i++)
        vx_command_release(&given_up[i]);
    close_all();
}

static void what_waits_is_refused_at_the_end(void **state) {
    struct vx_command *kept, *waiting, *late;

    (void)state;
    open_with("freeswitch-command-threads=1");
    kept = block();
    waiting = submit(VX_VERB_HANGUP, CHANNEL, "");
    assert_false(vx_fs_commands_close(commands, 20));
    late = command(VX_VERB_HANGUP, CHANNEL, "");
    assert_false(port->submit(port->ctx, late));
    vx_command_release(&late);
    assert_true(metric("voxeme_freeswitch_commands_refused_total{reason=\"stopping\"} 1\n"));
    double_blocks(NULL);
    wait_for(2);
    ends(&kept, VX_OUTCOME_DONE);
    ends(&waiting, VX_OUTCOME_REFUSED);
    assert_null(strstr(double_done(), "hangup"));
    close_all();
}

static void started_and_ended_at_once(void **state) {
    (void)state;
    for (int i = 0; i < 50; i++) {
        struct vx_command *c[8];

        open_with("freeswitch-command-threads=4");
        channel(CHANNEL);
        for (int j = 0; j < 8; j++)
            c[j] = submit(VX_VERB_HANGUP, CHANNEL, "");
        close_all();
        for (int j = 0; j < 8; j++) {
            struct vx_command_result result;

            assert_true(vx_command_result(c[j], &result));
            assert_true(result.outcome == VX_OUTCOME_DONE || result.outcome == VX_OUTCOME_REFUSED);
            vx_command_release(&c[j]);
        }
    }
}

static void submit_without_memory(void *ctx) {
    struct vx_command *c;
    bool taken;

    (void)ctx;
    open_with("");
    c = command(VX_VERB_HANGUP, CHANNEL, "");
    vx_test_arm();
    taken = port->submit(port->ctx, c);
    vx_test_disarm();
    if (taken)
        wait_for(1);
    vx_command_release(&c);
    close_all();
}

static void out_of_memory(void **state) {
    (void)state;
    vx_test_every_allocation_fails(submit_without_memory, NULL, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_asked_of_one_call_keeps_its_order),
        cmocka_unit_test(given_up_and_never_done),
        cmocka_unit_test(full),
        cmocka_unit_test(a_lane_that_is_kept_keeps_no_other_up),
        cmocka_unit_test(what_is_made_and_what_is_there_keep_each_other_up_in_nothing),
        cmocka_unit_test(a_lane_that_is_kept_leaves_the_others_room),
        cmocka_unit_test(what_waits_is_refused_at_the_end),
        cmocka_unit_test(started_and_ended_at_once),
        cmocka_unit_test(out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
