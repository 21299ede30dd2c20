/* Making and controlling calls through the API, with a host that the test plays. */
#include "api_support.h"

static struct vx_test_service s;
static struct vx_test_answer a;

/* --- the host --- */

static struct {
    struct vx_command *command; /* the last that was submitted */
    unsigned count;
    bool full;
    unsigned notified;
} host;

static bool submit(void *ctx, struct vx_command *command) {
    (void)ctx;
    if (host.full)
        return false;
    vx_command_release(&host.command);
    host.command = vx_command_ref(command);
    host.count++;
    return true;
}

static void notify(void *ctx) {
    (void)ctx;
    host.notified++;
}

static void open_with(unsigned verbs) {
    const struct vx_host_port port = {submit, NULL, verbs};
    vx_test_service_open(&s, "rate-limit-per-minute=0");
    vx_api_set_host(s.api, &port);
    vx_api_set_notify(s.api, notify, NULL);
    memset(&host, 0, sizeof host);
}

static int open_service(void **state) {
    (void)state;
    open_with(~0u);
    return 0;
}

static int close_service(void **state) {
    (void)state;
    vx_test_answer_clear(&a);
    vx_command_release(&host.command);
    vx_test_service_close(&s);
    return 0;
}

/* --- asking --- */

static struct vx_test_ask last;

static unsigned ask(struct vx_test_ask q) {
    if (!q.token)
        q.token = "alpha-token";
    q.content_type = q.body ? "application/json" : NULL;
    last = q;
    vx_test_answer_clear(&a);
    vx_test_ask(&s, &q, &a);
    return a.response.status;
}

/* Asks again for what is held, as the transport does. */
static unsigned ask_again(bool waited) {
    struct vx_command *command = a.response.hold.command;
    a.response.hold.command = NULL;
    assert_non_null(command);
    struct vx_test_ask q = last;
    q.command = command;
    q.waited = waited;
    q.body = NULL;
    vx_test_answer_clear(&a);
    vx_test_ask(&s, &q, &a);
    vx_command_release(&command);
    return a.response.status;
}

static unsigned finish(enum vx_outcome outcome, unsigned sip_status, const char *reason) {
    assert_true(vx_command_take(host.command));
    vx_command_finish(host.command, outcome, sip_status, reason);
    return ask_again(false);
}

#define CALL_1 ALPHA_CALLS "/ca110000-0000-4000-8000-000000000001"

static unsigned update(const char *body) {
    return ask((struct vx_test_ask){.method = VX_PUT, .target = CALL_1, .body = body});
}

static unsigned create(const char *body) {
    return ask((struct vx_test_ask){.method = VX_POST, .target = ALPHA_CALLS, .body = body});
}

static void is_held(enum vx_verb verb) {
    assert_int_equal(a.response.status, 0);
    assert_non_null(a.response.hold.command);
    assert_ptr_equal(a.response.hold.command, host.command);
    assert_int_equal(vx_command_verb(host.command), verb);
}

static void says(const char *word) {
    if (!strstr(vx_test_string(a.json, "msg"), word))
        fail_msg("no '%s' in: %s", word, a.body);
}

/* --- making calls --- */

#define SPEECH                                                                                     \
    "\"speech_synthesis_vendor\":\"google\",\"speech_synthesis_language\":\"en-US\","              \
    "\"speech_synthesis_voice\":\"en-US-Wavenet-C\",\"speech_recognizer_vendor\":\"google\","      \
    "\"speech_recognizer_language\":\"en-US\""
#define FROM "\"from\":\"15083728299\""
#define TO   "\"to\":{\"type\":\"sip\",\"sipUri\":\"sip:1000@192.0.2.1:5062\"}"
#define HOOK "\"call_hook\":\"https://acme.example/hook\""

static void test_a_call_is_made(void **state) {
    (void)state;
    char expected[64], sid[VX_UUID_TEXT + 1];
    create(
        "{" FROM "," TO "," HOOK "," SPEECH ",\"timeout\":30,\"timeLimit\":90,"
        "\"fromHost\":\"blf.example\",\"callerName\":\"Zo\xc3\xab\",\"headers\":{\"X-One\":\"1\"},"
        "\"answerOnBridge\":true,\"tag\":{\"b\":1,\"a\":[true,null,\"x\"]}}");
    is_held(VX_VERB_ORIGINATE);
    const struct vx_command_args *args = vx_command_args(host.command);
    assert_true(vx_str_eq(args->target, VX_STR("sip:1000@192.0.2.1:5062")));
    assert_true(vx_str_eq(args->from, VX_STR("15083728299")));
    assert_true(vx_str_eq(args->to, VX_STR("1000")));
    assert_true(vx_str_eq(args->from_host, VX_STR("blf.example")));
    assert_true(vx_str_eq(args->caller_name, VX_STR("Zo\xc3\xab")));
    assert_true(vx_str_eq(args->tag, VX_STR("{\"b\":1,\"a\":[true,null,\"x\"]}")));
    assert_true(vx_str_eq(args->hook, VX_STR("https://acme.example/hook")));
    assert_null(args->hook_method.at);
    assert_true(vx_str_eq(args->speech[VX_SYNTHESIS_VOICE], VX_STR("en-US-Wavenet-C")));
    assert_true(args->answer_on_bridge);
    assert_int_equal(args->timeout_s, 30);
    assert_int_equal(args->time_limit_s, 90);
    assert_int_equal(args->header_count, 1);
    assert_true(vx_uuid_eq(&args->account_sid, vx_scope_sid(s.world.alpha)));
    vx_uuid_format(sid, &args->call_sid);
    assert_int_equal(finish(VX_OUTCOME_DONE, 0, NULL), 201);
    assert_int_equal(host.notified, 1);
    snprintf(expected, sizeof expected, "{\"sid\":\"%s\"}", sid);
    assert_string_equal(a.body, expected);
}

static void test_the_three_forms(void **state) {
    (void)state;
    create("{" FROM "," TO "," HOOK "," SPEECH "}");
    is_held(VX_VERB_ORIGINATE);
    create("{" FROM "," TO ",\"call_hook\":{\"url\":\"http://acme.example/\",\"method\":\"get\","
           "\"username\":null},\"call_status_hook\":\"https://acme.example/s\"," SPEECH "}");
    is_held(VX_VERB_ORIGINATE);
    create("{" FROM "," TO ",\"application_sid\":\"9984fdc5-89ec-4ffe-9cee-880255a46253\"," HOOK
           "}");
    is_held(VX_VERB_ORIGINATE);
    assert_int_equal(vx_command_args(host.command)->timeout_s, 60);
    assert_true(!vx_uuid_is_nil(&vx_command_args(host.command)->application_sid));
}

static void test_a_phone_number_goes_to_the_gateway(void **state) {
    (void)state;
    create("{" FROM ",\"to\":{\"type\":\"phone\",\"number\":\"+15083084809\"}," HOOK "," SPEECH
           "}");
    is_held(VX_VERB_ORIGINATE);
    assert_true(vx_str_eq(vx_command_args(host.command)->target,
                          VX_STR("sip:+15083084809@192.0.2.7:5062")));
    assert_true(vx_str_eq(vx_command_args(host.command)->to, VX_STR("+15083084809")));
    create("{" FROM ",\"to\":{\"type\":\"phone\",\"number\":\"1508\",\"trunk\":\"second\"}," HOOK
           "," SPEECH "}");
    is_held(VX_VERB_ORIGINATE);
    assert_true(
        vx_str_eq(vx_command_args(host.command)->target, VX_STR("sips:1508@sbc.example.com")));
}

static void test_bad_creations(void **state) {
    (void)state;
    static const struct {
        const char *body, *word;
        unsigned status;
    } rows[] = {
        {NULL, "body", 400},
        {"", "body", 400},
        {"[]", "object", 400},
        {"{", "JSON", 400},
        {"{\"from\":\"1\",\"from\":\"2\"}", "JSON", 400},
        {"{\"from\":\"\\u0000\"}", "JSON", 400},
        {"{}", "to is missing", 400},
        {"{" FROM ",\"to\":\"sip:1@2\"}", "to", 400},
        {"{" FROM ",\"to\":{}}", "to.type", 400},
        {"{" FROM ",\"to\":{\"type\":\"fax\"}}", "to.type", 400},
        {"{" FROM ",\"to\":{\"type\":\"teams\",\"number\":\"1\"}," HOOK "}", "teams", 501},
        {"{" FROM ",\"to\":{\"type\":\"sip\"}}", "sipUri", 400},
        {"{" FROM ",\"to\":{\"type\":\"sip\",\"sipUri\":7}}", "to.sipUri", 400},
        {"{" FROM ",\"to\":{\"type\":\"sip\",\"sipUri\":\"sip:a@b;maddr=c\"}}", "maddr", 400},
        {"{" FROM ",\"to\":{\"type\":\"sip\",\"sipUri\":\"sip:a@b\\r\\nX: y\"}}", "control", 400},
        {"{" FROM ",\"to\":{\"type\":\"phone\"}}", "number", 400},
        {"{" FROM ",\"to\":{\"type\":\"phone\",\"number\":\"12a\"}}", "to.number", 400},
        {"{" FROM ",\"to\":{\"type\":\"phone\",\"number\":\"+\"}}", "number", 400},
        {"{" FROM ",\"to\":{\"type\":\"phone\",\"number\":\"12\",\"trunk\":\"none\"}}", "trunk",
         400},
        {"{" TO "," HOOK "," SPEECH "}", "from", 400},
        {"{\"from\":\"\"," TO "," HOOK "," SPEECH "}", "from", 400},
        {"{\"from\":\"a\\nb\"," TO "," HOOK "," SPEECH "}", "control", 400},
        {"{" FROM "," TO "," SPEECH "}", "call_hook", 400},
        {"{" FROM "," TO ",\"application_sid\":\"x\"}", "application_sid", 400},
        {"{" FROM "," TO ",\"application_sid\":\"" BETA_SID "\"}", "application_sid", 400},
        {"{" FROM "," TO "," HOOK "}", "speech_synthesis_vendor", 400},
        {"{" FROM "," TO ",\"call_hook\":\"/relative\"," SPEECH "}", "call_hook", 400},
        {"{" FROM "," TO ",\"call_hook\":\"ftp://x\"," SPEECH "}", "call_hook", 400},
        {"{" FROM "," TO ",\"call_hook\":{}," SPEECH "}", "call_hook.url", 400},
        {"{" FROM "," TO ",\"call_hook\":7," SPEECH "}", "call_hook", 400},
        {"{" FROM "," TO "," HOOK ",\"call_status_hook\":\"x\"," SPEECH "}", "status_hook", 400},
        {"{" FROM "," TO "," HOOK ",\"call_status_hook\":\"ws://a.example/\"," SPEECH "}",
         "WebSocket", 400},
        {"{" FROM "," TO "," HOOK ",\"call_status_hook\":\"http://u:p@a.example/\"," SPEECH "}",
         "credentials", 400},
        {"{" FROM "," TO "," HOOK ",\"call_status_hook\":{\"method\":\"PUT\"}," SPEECH "}",
         "call_status_hook.method", 400},
        {"{" FROM "," TO "," HOOK ",\"call_status_hook\":{\"url\":\"http://a.example/\","
         "\"password\":\"p\"}," SPEECH "}",
         "username", 400},
        {"{" FROM "," TO "," HOOK "," SPEECH ",\"timeout\":0}", "timeout", 400},
        {"{" FROM "," TO "," HOOK "," SPEECH ",\"timeout\":\"30\"}", "timeout", 400},
        {"{" FROM "," TO "," HOOK "," SPEECH ",\"timeLimit\":1e9}", "timeLimit", 400},
        {"{" FROM "," TO "," HOOK "," SPEECH ",\"fromHost\":\"a b\"}", "fromHost", 400},
        {"{" FROM "," TO "," HOOK "," SPEECH ",\"headers\":[]}", "headers", 400},
        {"{" FROM "," TO "," HOOK "," SPEECH ",\"headers\":{\"Via\":\"x\"}}", "Via", 400},
        {"{" FROM "," TO "," HOOK "," SPEECH ",\"headers\":{\"X-Account-Sid\":\"x\"}}",
         "X-Account-Sid", 400},
        {"{" FROM "," TO "," HOOK "," SPEECH ",\"headers\":{\"X Y\":\"x\"}}", "a name", 400},
        {"{" FROM "," TO "," HOOK "," SPEECH ",\"headers\":{\"X-A\":\"a\\r\\nb\"}}", "control",
         400},
        {"{" FROM "," TO "," HOOK "," SPEECH ",\"headers\":{\"X-A\":7}}", "X-A", 400},
        {"{" FROM "," TO "," HOOK "," SPEECH ",\"tag\":[]}", "tag", 400},
        {"{" FROM "," TO "," HOOK "," SPEECH ",\"answerOnBridge\":1}", "answerOnBridge", 400},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unsigned status = create(rows[i].body);
        if (status != rows[i].status)
            fail_msg("%s: %u", rows[i].body ? rows[i].body : "no body", status);
        says(rows[i].word);
    }
    assert_int_equal(host.count, 0);
}

static void test_a_host_that_is_full_or_refuses(void **state) {
    (void)state;
    const char *body = "{" FROM "," TO "," HOOK "," SPEECH "}";
    host.full = true;
    assert_int_equal(create(body), 503);
    assert_int_equal(a.response.retry_after, 1);
    host.full = false;
    create(body);
    assert_int_equal(finish(VX_OUTCOME_REFUSED, 0, "stopping"), 503);
    create(body);
    assert_int_equal(finish(VX_OUTCOME_FAILED, 0, "no route"), 422);
    says("no route");
}

/* --- controlling calls --- */

static const struct {
    const char *body;
    enum vx_verb verb;
    const char *states; /* of trying, ringing, in-progress, ended: h held, 4 422, 2 204, 5 501 */
} controls[] = {
    {"{\"call_status\":\"completed\"}", VX_VERB_HANGUP, "44h4"},
    {"{\"call_status\":\"no-answer\"}", VX_VERB_HANGUP, "hh44"},
    {"{\"conf_hold_status\":\"hold\"}", VX_VERB_HOLD, "44h4"},
    {"{\"conf_hold_status\":\"unhold\"}", VX_VERB_UNHOLD, "44h4"},
    {"{\"mute_status\":\"mute\"}", VX_VERB_MUTE, "44h4"},
    {"{\"mute_status\":\"unmute\"}", VX_VERB_UNMUTE, "44h4"},
    {"{\"dtmf\":{\"digit\":\"1\"}}", VX_VERB_DTMF, "44h4"},
    {"{\"sip_request\":{\"method\":\"INFO\",\"content_type\":\"a/b ; c=d\",\"content\":\"x\"}}",
     VX_VERB_REQUEST, "44h4"},
    {"{\"call_hook\":\"/next\"}", VX_VERB_REDIRECT, "hhh4"},
    {"{\"tag\":{\"a\":1}}", VX_VERB_TAG, "2222"},
    {"{\"child_call_hook\":\"/next\"}", VX_VERB_REDIRECT_CHILD, "hhh4"},
    {"{\"call_hook\":\"/a\",\"child_call_hook\":\"/b\"}", VX_VERB_REDIRECT_CHILD, "hhh4"},
    {"{\"record\":{\"action\":\"startCallRecording\"}}", VX_VERB_RECORD, "44h4"},
    {"{\"listen_status\":\"pause\"}", VX_VERB_LISTEN, "44h4"},
    {"{\"whisper\":{\"verb\":\"say\",\"text\":\"hi\"}}", VX_VERB_WHISPER, "44h4"},
    {"{\"conf_mute_status\":\"mute\"}", VX_VERB_CONF_MUTE, "44h4"},
    {"{\"conf_mute_status\":\"unmute\"}", VX_VERB_CONF_UNMUTE, "44h4"},
    {"{\"transcribe_status\":\"pause\"}", VX_VERB_COUNT, "5554"},
};

static void test_what_may_be_done_when(void **state) {
    (void)state;
    static const enum vx_event_type life[] = {VX_EVENT_CREATE, VX_EVENT_PROGRESS, VX_EVENT_ANSWER,
                                              VX_EVENT_HANGUP};
    for (size_t phase = 0; phase < 4; phase++) {
        vx_test_apply(&s.world, life[phase], 1);
        for (size_t i = 0; i < sizeof controls / sizeof *controls; i++) {
            static const unsigned statuses[] = {['4'] = 422, ['2'] = 204, ['5'] = 501, ['h'] = 0};
            unsigned status = update(controls[i].body);
            unsigned wanted = statuses[(unsigned char)controls[i].states[phase]];
            if (status != wanted)
                fail_msg("%s in state %zu: %u", controls[i].body, phase, status);
            if (wanted)
                continue;
            is_held(controls[i].verb);
            bool request = controls[i].verb == VX_VERB_REQUEST;
            assert_int_equal(finish(VX_OUTCOME_DONE, 200, "OK"), request ? 200 : 204);
            if (request)
                assert_string_equal(a.body, "{\"status\":200,\"reason\":\"OK\"}");
        }
    }
}

/* Where the host cannot do it, the state of the call does not matter. */
static void test_what_a_host_cannot_do(void **state) {
    static const char *const bodies[] = {
        "{\"record\":{\"action\":\"startCallRecording\"}}", "{\"listen_status\":\"resume\"}",
        "{\"whisper\":{\"verb\":\"play\",\"url\":\"a.wav\"}}", "{\"conf_mute_status\":\"mute\"}",
        "{\"child_call_hook\":\"/a\"}"};
    (void)state;
    close_service(NULL);
    open_with(1U << VX_VERB_REDIRECT | 1U << VX_VERB_MUTE);
    for (int answered = 0; answered < 2; answered++) {
        vx_test_apply(&s.world, answered ? VX_EVENT_ANSWER : VX_EVENT_CREATE, 1);
        for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
            assert_int_equal(update(bodies[i]), 501);
            says("cannot");
        }
    }
    assert_int_equal(
        update("{\"mute_status\":\"mute\",\"whisper\":{\"verb\":\"play\",\"url\":\"a\"}}"),
        501); /* not half of it */
    assert_int_equal(host.count, 0);
}

static const struct vx_command_args *asked(const char *body) {
    update(body);
    assert_int_equal(a.response.status, 0);
    return vx_command_args(host.command);
}

static void test_what_is_to_be_heard(void **state) {
    const struct vx_command_args *args;
    (void)state;
    vx_test_apply(&s.world, VX_EVENT_ANSWER, 1);
    args = asked("{\"whisper\":[{\"verb\":\"say\",\"text\":\"hi\",\"loop\":3},"
                 "{\"verb\":\"play\",\"url\":[\"a.wav\",\"https://b.example/c\"]}]}");
    assert_int_equal(args->sound_count, 3);
    assert_true(args->sounds[0].say && vx_str_eq(args->sounds[0].text, VX_STR("hi")));
    assert_true(!args->sounds[2].say &&
                vx_str_eq(args->sounds[2].text, VX_STR("https://b.example/c")));
    args = asked("{\"mute_status\":\"unmute\",\"whisper\":{\"verb\":\"play\",\"url\":\"a\"}}");
    is_held(VX_VERB_UNMUTE);
    assert_int_equal(args->sound_count, 1);
    asked("{\"listen_status\":\"silence\",\"whisper\":{\"verb\":\"play\",\"url\":\"a\"}}");
    is_held(VX_VERB_LISTEN);
    assert_int_equal(vx_command_args(host.command)->listening, VX_LISTEN_SILENCE);
    args = asked("{\"record\":{\"action\":\"pauseCallRecording\",\"recordingID\":\"a-B_9\"}}");
    assert_int_equal(args->recording, VX_RECORD_PAUSE);
    assert_true(vx_str_eq(args->recording_id, VX_STR("a-B_9")));
    assert_int_equal(
        update("{\"record\":{\"action\":\"startCallRecording\",\"siprecServerURL\":\"sip:x\"}}"),
        501);
}

static void test_hooks(void **state) {
    const struct vx_command_args *args;
    (void)state;
    vx_test_apply(&s.world, VX_EVENT_ANSWER, 1);
    args = asked("{\"call_hook\":{\"url\":\"/a\",\"method\":\"get\"},"
                 "\"child_call_hook\":{\"url\":\"https://b.example\"}}");
    is_held(VX_VERB_REDIRECT_CHILD);
    assert_true(vx_str_eq(args->hook, VX_STR("/a")) && vx_str_eq(args->hook_method, VX_STR("GET")));
    assert_true(vx_str_eq(args->child_hook, VX_STR("https://b.example")));
    assert_null(args->child_hook_method.at);
    args = asked("{\"conf_hold_status\":\"hold\",\"wait_hook\":\"/wait\"}");
    assert_true(vx_str_eq(args->wait_hook, VX_STR("/wait")));
}

static void test_a_request_whose_answer_is_not_told(void **state) {
    (void)state;
    vx_test_apply(&s.world, VX_EVENT_ANSWER, 1);
    update("{\"sip_request\":{\"method\":\"INFO\",\"content_type\":\"a/b\",\"content\":\"x\"}}");
    assert_int_equal(finish(VX_OUTCOME_DONE, 0, NULL), 202);
    says("not told");
}

static void test_post_is_put(void **state) {
    (void)state;
    vx_test_apply(&s.world, VX_EVENT_ANSWER, 1);
    ask((struct vx_test_ask){
        .method = VX_POST, .target = CALL_1, .body = "{\"call_status\":\"completed\"}"});
    is_held(VX_VERB_HANGUP);
    assert_int_equal(vx_command_args(host.command)->hangup, VX_HANG_UP_ANSWERED);
}

static void test_outcomes(void **state) {
    (void)state;
    static const struct {
        enum vx_outcome outcome;
        unsigned status;
    } rows[] = {{VX_OUTCOME_NO_CALL, 404}, {VX_OUTCOME_NOT_NOW, 422}, {VX_OUTCOME_UNABLE, 501},
                {VX_OUTCOME_REFUSED, 503}, {VX_OUTCOME_FAILED, 422},  {VX_OUTCOME_DONE, 204}};
    vx_test_apply(&s.world, VX_EVENT_ANSWER, 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        update("{\"dtmf\":{\"digit\":\"12#\",\"duration\":100}}");
        is_held(VX_VERB_DTMF);
        assert_true(vx_str_eq(vx_command_args(host.command)->digits, VX_STR("12#")));
        assert_int_equal(vx_command_args(host.command)->duration_ms, 100);
        assert_int_equal(finish(rows[i].outcome, 0, NULL), rows[i].status);
    }
}

static void test_a_host_that_does_not_answer(void **state) {
    (void)state;
    vx_test_apply(&s.world, VX_EVENT_ANSWER, 1);
    update("{\"call_status\":\"completed\"}");
    is_held(VX_VERB_HANGUP);
    assert_int_equal(a.response.hold.seconds, 5);
    assert_int_equal(ask_again(false), 0); /* woken for something else */
    is_held(VX_VERB_HANGUP);
    assert_int_equal(ask_again(true), 504);
    assert_false(vx_command_take(host.command)); /* never done later by surprise */
    update("{\"call_status\":\"completed\"}");
    assert_true(vx_command_take(host.command));
    assert_int_equal(ask_again(true), 504); /* it is being done; nobody knows how it ends */
    update("{\"call_status\":\"completed\"}");
    struct vx_command *held = vx_command_ref(host.command);
    vx_test_answer_clear(&a); /* the client is gone */
    assert_false(vx_command_take(held));
    vx_command_release(&held);
}

static void test_bad_updates(void **state) {
    (void)state;
    static const struct {
        const char *body, *word;
    } rows[] = {
        {"{}", "no change"},
        {"{\"unknown\":1}", "no change"},
        {"{\"call_status\":null}", "no change"},
        {"{\"call_status\":\"busy\"}", "completed, no-answer"},
        {"{\"call_status\":7}", "call_status"},
        {"{\"call_status\":\"completed\",\"mute_status\":\"mute\"}", "together"},
        {"{\"call_hook\":\"/a\",\"call_status\":\"completed\"}", "together"},
        {"{\"mute_status\":\"mute\",\"call_status_hook\":\"http://a\"}", "call_status_hook"},
        {"{\"call_status_hook\":\"https://a.example\"}", "with call_hook only"},
        {"{\"mute_status\":\"mute\",\"wait_hook\":\"/a\"}", "wait_hook"},
        {"{\"conf_hold_status\":\"unhold\",\"wait_hook\":\"/a\"}", "wait_hook"},
        {"{\"wait_hook\":\"/a\"}", "with conf_hold_status only"},
        {"{\"conf_hold_status\":\"on\"}", "hold, unhold"},
        {"{\"dtmf\":\"1\"}", "dtmf"},
        {"{\"dtmf\":{}}", "digit"},
        {"{\"dtmf\":{\"digit\":\"x\"}}", "dtmf.digit must be made"},
        {"{\"dtmf\":{\"digit\":\"1\",\"duration\":1}}", "dtmf.duration"},
        {"{\"sip_request\":{\"method\":\"BYE\",\"content_type\":\"a/b\",\"content\":\"\"}}",
         "INFO"},
        {"{\"sip_request\":{\"method\":\"INFO\",\"content\":\"x\"}}", "content_type"},
        {"{\"sip_request\":{\"method\":\"INFO\",\"content_type\":\"a/b\",\"content\":\"\","
         "\"headers\":{\"Event\":\"talk\"}}}",
         "Event"},
        {"{\"sip_request\":{\"method\":\"INFO\",\"content_type\":\"a/b\"}}", "content"},
        {"{\"sip_request\":{\"method\":\"INFO\",\"content_type\":\"ab\",\"content\":\"\"}}",
         "media"},
        {"{\"sip_request\":{\"method\":\"INFO\",\"content_type\":\"a/\",\"content\":\"\"}}",
         "media"},
        {"{\"sip_request\":{\"method\":\"INFO\",\"content_type\":\"a/b/c\",\"content\":\"\"}}",
         "media"},
        {"{\"sip_request\":{\"method\":\"INFO\",\"content_type\":\"a/b\",\"content\":\"\","
         "\"headers\":{\"Route\":\"x\"}}}",
         "Route"},
        {"{\"tag\":7}", "tag"},
        {"{\"call_hook\":\"ftp://x\"}", "call_hook has no absolute URL, and no path"},
        {"{\"child_call_hook\":7}", "child_call_hook"},
        {"{\"record\":{}}", "action"},
        {"{\"record\":{\"action\":\"erase\"}}", "record.action"},
        {"{\"record\":{\"action\":\"startCallRecording\",\"recordingID\":\"../a\"}}",
         "recordingID"},
        {"{\"listen_status\":\"stop\"}", "silence"},
        {"{\"conf_mute_status\":\"on\"}", "unmute"},
        {"{\"whisper\":7}", "whisper"},
        {"{\"whisper\":[]}", "nothing"},
        {"{\"whisper\":[7]}", "whisper"},
        {"{\"whisper\":{\"text\":\"x\"}}", "verb"},
        {"{\"whisper\":{\"verb\":\"dial\"}}", "whisper.verb"},
        {"{\"whisper\":{\"verb\":\"say\"}}", "text"},
        {"{\"whisper\":{\"verb\":\"play\",\"url\":{}}}", "url"},
        {"{\"whisper\":{\"verb\":\"play\",\"url\":[\"a\",7]}}", "url"},
        {"{\"whisper\":{\"verb\":\"play\",\"url\":[\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\","
         "\"a\",\"a\"]}}",
         "too many"},
        {"{\"mute_status\":\"mute\",\"whisper\":{}}", "verb"},
        {"{\"dtmf\":{\"digit\":\"1\"},\"whisper\":{\"verb\":\"say\",\"text\":\"x\"}}", "together"},
        {"{\"call_hook\":\"/a\",\"call_status_hook\":\"/b\"}", "call_status_hook"},
    };
    vx_test_apply(&s.world, VX_EVENT_ANSWER, 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unsigned status = update(rows[i].body);
        if (status != 400)
            fail_msg("%s: %u", rows[i].body, status);
        says(rows[i].word);
    }
    assert_int_equal(host.count, 0);
}

static void test_a_tag(void **state) {
    (void)state;
    struct json_object *tag;
    vx_test_apply(&s.world, VX_EVENT_ANSWER, 1);
    assert_int_equal(update("{\"tag\":{\"order\" : 7, \"name\":\"Zo\\u00eb \\\"Z\\\"\"}}"), 204);
    assert_int_equal(ask((struct vx_test_ask){.target = CALL_1}), 200);
    assert_true(json_object_object_get_ex(a.json, "tag", &tag));
    assert_int_equal(vx_test_int(tag, "order"), 7);
    assert_string_equal(vx_test_string(tag, "name"), "Zo\xc3\xab \"Z\"");
    assert_int_equal(update("{\"tag\":{}}"), 204);
    assert_int_equal(ask((struct vx_test_ask){.target = CALL_1}), 200);
    assert_non_null(strstr(a.body, "\"tag\":{},"));
    char body[5000] = "{\"tag\":{\"x\":\"";
    memset(body + strlen(body), 'x', VX_TAG_BYTES);
    strcat(body, "\"}}");
    assert_int_equal(update(body), 400);
}

/* --- where statuses are told --- */

static struct vx_snapshot *told;

static void on_status(void *ctx, struct vx_snapshot *call) {
    (void)ctx;
    vx_snapshot_release(&told);
    told = vx_snapshot_ref(call);
}

/* The URL that the status of the call, which has just changed, is told to. */
static const char *told_to(void) {
    static char url[128];
    struct vx_hook *hook = told ? vx_snapshot_hook(told) : NULL;
    snprintf(url, sizeof url, "%s", hook ? vx_hook_fields(hook)->url.at : "");
    vx_snapshot_release(&told);
    return url;
}

static void host_tells(const struct vx_uuid *sid, enum vx_event_type type) {
    struct vx_event e = vx_test_event(type, 1);
    e.call_sid = *sid;
    vx_registry_apply(s.world.registry, &e);
}

#define STATUS_HOOK "\"call_status_hook\":{\"url\":\"https://acme.example/s\",\"username\":\"bob\"}"

/* The host's first event may come before the command is finished, or after it. */
static void test_a_status_hook_goes_with_the_call(void **state) {
    (void)state;
    vx_registry_observe_statuses(s.world.registry, on_status, NULL);
    for (int late = 0; late < 2; late++) {
        create("{" FROM "," TO "," HOOK "," STATUS_HOOK "," SPEECH "}");
        is_held(VX_VERB_ORIGINATE);
        struct vx_uuid sid = vx_command_args(host.command)->call_sid;
        if (!late)
            host_tells(&sid, VX_EVENT_PROGRESS);
        assert_int_equal(finish(VX_OUTCOME_DONE, 0, NULL), 201);
        if (late)
            host_tells(&sid, VX_EVENT_CREATE);
        assert_string_equal(told_to(), "https://acme.example/s");
        host_tells(&sid, VX_EVENT_HANGUP);
        assert_string_equal(told_to(), "https://acme.example/s");
    }
    create("{" FROM "," TO "," HOOK ",\"call_status_hook\":\"http://a.example/\"," SPEECH "}");
    struct vx_uuid sid = vx_command_args(host.command)->call_sid;
    assert_int_equal(finish(VX_OUTCOME_FAILED, 0, NULL), 422);
    host_tells(&sid, VX_EVENT_CREATE); /* not the one that was asked for */
    assert_string_equal(told_to(), "");
    vx_registry_observe_statuses(s.world.registry, NULL, NULL);
}

static void test_a_status_hook_goes_with_a_redirect(void **state) {
    (void)state;
    vx_registry_observe_statuses(s.world.registry, on_status, NULL);
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    update("{\"call_hook\":\"/a\"," STATUS_HOOK "}");
    is_held(VX_VERB_REDIRECT);
    assert_int_equal(finish(VX_OUTCOME_NOT_NOW, 0, NULL), 422);
    vx_test_apply(&s.world, VX_EVENT_PROGRESS, 1);
    assert_string_equal(told_to(), "");
    update("{\"call_hook\":\"/a\"," STATUS_HOOK "}");
    assert_int_equal(finish(VX_OUTCOME_DONE, 0, NULL), 204);
    vx_test_apply(&s.world, VX_EVENT_ANSWER, 1);
    assert_string_equal(told_to(), "https://acme.example/s");
    vx_registry_observe_statuses(s.world.registry, NULL, NULL);
}

/* --- ending calls --- */

static unsigned delete_call(const char *target) {
    return ask((struct vx_test_ask){.method = VX_DELETE, .target = target});
}

static void test_delete(void **state) {
    (void)state;
    assert_int_equal(delete_call(CALL_1), 404);
    vx_test_apply(&s.world, VX_EVENT_CREATE, 1);
    delete_call(CALL_1);
    is_held(VX_VERB_HANGUP);
    assert_int_equal(vx_command_args(host.command)->hangup, VX_HANG_UP_ANY);
    assert_int_equal(finish(VX_OUTCOME_DONE, 0, NULL), 204);
    vx_test_apply(&s.world, VX_EVENT_HANGUP, 1);
    assert_int_equal(ask((struct vx_test_ask){.target = CALL_1}), 200);
    assert_int_equal(delete_call(CALL_1), 204); /* leaves the registry at once */
    assert_int_equal(ask((struct vx_test_ask){.target = CALL_1}), 404);
    assert_int_equal(delete_call(CALL_1), 404);
}

static void test_only_the_accounts_own(void **state) {
    (void)state;
    struct vx_event e = vx_test_event_of(BETA_SID, VX_EVENT_ANSWER, 1);
    vx_registry_apply(s.world.registry, &e);
    assert_int_equal(update("{\"call_status\":\"completed\"}"), 404);
    assert_int_equal(delete_call(CALL_1), 404);
    assert_int_equal(
        ask((struct vx_test_ask){.method = VX_DELETE, .target = CALL_1, .token = "beta-token"}),
        403);
    assert_int_equal(host.count, 0);
}

static void test_without_a_host(void **state) {
    (void)state;
    close_service(NULL);
    open_with(0);
    vx_test_apply(&s.world, VX_EVENT_ANSWER, 1);
    assert_int_equal(create("{" FROM "," TO "," HOOK "," SPEECH "}"), 501);
    assert_int_equal(update("{\"call_status\":\"completed\"}"), 501);
    assert_int_equal(delete_call(CALL_1), 501);
    assert_int_equal(update("{\"tag\":{}}"), 204);
}

/* --- without memory --- */

static void starve(void *ctx) {
    const struct vx_test_ask *q = ctx;
    open_with(~0u);
    vx_test_apply(&s.world, VX_EVENT_ANSWER, 1);
    vx_test_arm();
    last = *q;
    struct vx_test_answer loose = {.body = NULL};
    vx_test_ask_loosely(&s, q, &loose);
    bool failed = vx_test_disarm();
    unsigned status = loose.response.status;
    assert_true(failed ? status == 503 || status == 0 || status == 204 : status < 300);
    vx_response_clear(&loose.response);
    vx_command_release(&host.command);
    vx_test_service_close(&s);
}

static void test_every_allocation_fails(void **state) {
    (void)state;
    struct vx_test_ask rows[] = {
        {.method = VX_POST,
         .target = ALPHA_CALLS,
         .body = "{" FROM "," TO "," HOOK "," STATUS_HOOK "," SPEECH
                 ",\"headers\":{\"X-A\":\"b\"},\"tag\":{\"a\":[1]}}"},
        {.method = VX_PUT, .target = CALL_1, .body = "{\"tag\":{\"a\":1}}"},
        {.method = VX_PUT, .target = CALL_1, .body = "{\"dtmf\":{\"digit\":\"1\"}}"},
        {.method = VX_DELETE, .target = CALL_1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rows[i].token = "alpha-token";
        rows[i].content_type = rows[i].body ? "application/json" : NULL;
        vx_test_every_allocation_fails(starve, &rows[i], true);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_service, close_service)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_call_is_made),
        TEST(test_the_three_forms),
        TEST(test_a_phone_number_goes_to_the_gateway),
        TEST(test_bad_creations),
        TEST(test_a_host_that_is_full_or_refuses),
        TEST(test_what_may_be_done_when),
        TEST(test_what_a_host_cannot_do),
        TEST(test_what_is_to_be_heard),
        TEST(test_hooks),
        TEST(test_a_request_whose_answer_is_not_told),
        TEST(test_post_is_put),
        TEST(test_outcomes),
        TEST(test_a_host_that_does_not_answer),
        TEST(test_bad_updates),
        TEST(test_a_tag),
        TEST(test_a_status_hook_goes_with_the_call),
        TEST(test_a_status_hook_goes_with_a_redirect),
        TEST(test_delete),
        TEST(test_only_the_accounts_own),
        TEST(test_without_a_host),
        cmocka_unit_test(test_every_allocation_fails),
    };
    return cmocka_run_group_tests_name("api_calls", tests, NULL, NULL);
}
