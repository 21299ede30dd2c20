#include "command.h"

struct vx_test_world w;
struct vx_fs_means means;
static struct vx_fs fs;
static uint64_t mark;

int set_up(void **state) {
    (void)state;
    vx_test_world_open(&w, "freeswitch-profile=internal;freeswitch-tts=flite kal;"
                           "freeswitch-redirect=desk XML agents;freeswitch-recordings=/var/rec");
    vx_fs_event_init();
    double_done_clear();
    mark = 0;
    memset(&fs, 0, sizeof fs);
    fs.registry = w.registry;
    vx_fs_marks_open(&fs.marks);
    assert_true(vx_fs_hook(&fs));
    means = (struct vx_fs_means){.registry = w.registry,
                                 .deadlines = vx_fs_deadlines_new(&w.time.clock),
                                 .marks = &fs.marks,
                                 .config = w.config,
                                 .mark = &mark};
    assert_non_null(means.deadlines);
    return 0;
}

int tear_down(void **state) {
    (void)state;
    double_fails(NULL);
    double_hung_up_at(NULL);
    double_looked_at(NULL);
    double_conference_says(NULL);
    double_has_interface(NULL);
    double_sofia_says(SWITCH_CAUSE_SUCCESS);
    vx_fs_unhook(&fs);
    vx_fs_marks_free(&fs.marks);
    double_channels_gone();
    vx_fs_deadlines_release(&means.deadlines);
    vx_test_world_close(&w);
    assert_int_equal(double_left(), 0);
    return 0;
}

void channel(const char *uuid, bool outbound, bool answered) {
    switch_event_t *data = fs_event(SWITCH_EVENT_CHANNEL_DATA, uuid, NULL);

    double_channel(uuid, data);
    switch_event_destroy(&data);
    double_channel_is(uuid, outbound, answered);
}

struct vx_command *command(enum vx_verb verb, struct vx_command_args args) {
    struct vx_command *c;

    if (vx_uuid_is_nil(&args.call_sid))
        args.call_sid = vx_test_uuid(CHANNEL);
    c = vx_command_new(verb, &args, NULL, NULL);
    assert_non_null(c);
    assert_true(vx_command_take(c));
    return c;
}

static struct vx_fs_result perform(enum vx_verb verb, struct vx_command_args args) {
    struct vx_command *c = command(verb, args);
    struct vx_fs_result result;

    means.config = w.config;
    result = vx_fs_perform(&means, c);

    vx_command_release(&c);
    return result;
}

void ends(enum vx_verb verb, struct vx_command_args args, enum vx_outcome outcome,
          const char *reason) {
    struct vx_fs_result result = perform(verb, args);

    if (result.outcome != outcome)
        fail_msg("%d (%s), not %d: %s", result.outcome, result.reason ? result.reason : "-",
                 outcome, double_done());
    if (reason && (!result.reason || !strstr(result.reason, reason)))
        fail_msg("'%s' is not '%s'", result.reason ? result.reason : "-", reason);
}

void done(const char *text) {
    if (!strstr(double_done(), text))
        fail_msg("'%s' is not in: %s", text, double_done());
}

void not_done(const char *text) {
    if (strstr(double_done(), text))
        fail_msg("'%s' is in: %s", text, double_done());
}

void nothing_done(void) {
    assert_string_equal(double_done(), "");
}

void is(const char *name, const char *value) {
    char *text = double_variable(CHANNEL, name);

    if (value && !text)
        fail_msg("%s is not set", name);
    if (value)
        assert_string_equal(text, value);
    else
        assert_null(text);
    free(text);
}
