#include "sip_bridge.h"

#include "core/call.h"

const char caller_sdp[] =
    "v=0\r\no=caller 11 7 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 41000 RTP/AVP 0 8\r\na=sendrecv\r\nm=video 0 RTP/AVP 96\r\n";
const char callee_sdp[] =
    "v=0\r\no=callee 22 3 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 42000 RTP/AVP 0\r\nm=video 0 RTP/AVP 96\r\n";

struct end caller, callee;

void has(const char *text) {
    if (!strstr(w.got, text))
        fail_msg("no \"%s\" in %s", text, w.got);
}

void has_not(const char *text) {
    if (strstr(w.got, text))
        fail_msg("\"%s\" in %s", text, w.got);
}

void end_hears(const struct end *end, const char *beginning) {
    char call_id[128] = "";

    while (strcmp(call_id, end->dialog.call_id) != 0) {
        if (!hears(beginning, PATIENT))
            fail_msg("no \"%s\" in this dialog", beginning);
        header("Call-ID", call_id, sizeof call_id);
    }
}

void end_ended(const struct end *end, enum vx_call_status status, unsigned sip_status,
               const char *cause) {
    struct vx_snapshot *call = vx_scope_find(w.all, &end->sid);
    struct vx_call_fields fields;
    struct vx_buf json = {0};
    char reason[96];

    assert_non_null(call);
    vx_snapshot_fields(call, &fields);
    assert_string_equal(vx_call_status_name(fields.status), vx_call_status_name(status));
    assert_int_equal(fields.sip_status, sip_status);
    snprintf(reason, sizeof reason, "\"termination_reason\":\"%s\"", cause);
    vx_buf_json(&json, call);
    vx_buf_add(&json, "", 1);
    if (!strstr(json.at, reason))
        fail_msg("no %s in %s", reason, json.at);
    vx_buf_free(&json);
    vx_snapshot_release(&call);
}

void end_says(const struct end *end, const char *method, const char *body) {
    w.dialog = end->dialog;
    request(method, "", body);
}

struct vx_leg *leg_of(const struct end *end) {
    struct vx_leg *leg = vx_leg_index_find(&w.sip->index, &end->sid);

    assert_non_null(leg);
    return leg;
}

void begin_bridge(void) {
    dial("2000", "", caller_sdp);
    caller.dialog = w.dialog;
    assert_true(hears("INVITE sip:bridged@", PATIENT));
    memcpy(invite, w.got, sizeof invite);
    caller.sid = sid_of_only_inbound();
    callee.sid = leg_of(&caller)->peer->facts.event.call_sid;
}

void bridge_with(const char *more) {
    begin_bridge();
    reply(200, more, callee_sdp);
    callee.dialog = w.dialog;
    w.dialog = caller.dialog;
    end_hears(&caller, "SIP/2.0 200 ");
    acknowledge();
    caller.dialog = w.dialog;
    hears("nothing", BRIEF);
}

void bridge(void) {
    bridge_with("");
}

void hang_up(void) {
    const struct vx_command_args args = {.call_sid = caller.sid};

    ends(submit(VX_VERB_HANGUP, &args), VX_OUTCOME_DONE);
    for (int i = 0; i < PATIENT && w.sip->legs; i++)
        if (listens() && strncmp(w.got, "BYE ", 4) == 0)
            reply(200, "", NULL);
    all_gone();
}

struct vx_command *command(enum vx_verb verb, const struct end *end) {
    const struct vx_command_args args = {.call_sid = end->sid,
                                         .hook = VX_STR("https://example.com/a?b=c&d")};
    return submit(verb, &args);
}

void hears_nothing(void) {
    assert_false(hears("INVITE ", BRIEF));
}

const char *made(const char *who, unsigned version, unsigned port, const char *direction) {
    static char text[256];

    snprintf(text, sizeof text,
             "v=0\r\no=%s 1 %u IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
             "m=audio %u RTP/AVP 0\r\na=%s\r\nm=video 0 RTP/AVP 96\r\n",
             who, version, port, direction);
    return text;
}

void change(enum vx_verb verb, const struct end *end, const char *answer) {
    struct vx_command *c = command(verb, end);

    end_hears(end, "INVITE ");
    reply(200, "", answer);
    end_hears(end, "ACK ");
    ends(c, VX_OUTCOME_DONE);
}

void open_redirecting(const char *to) {
    char setting[128];

    snprintf(setting, sizeof setting, "<param name=\"redirect-to\" value=\"%s\"/>", to);
    vx_test_far_end_open("", setting);
}

struct end originated(unsigned n) {
    originate(n);
    reply(200, "", vx_test_sdp);
    assert_true(hears("ACK ", PATIENT));
    becomes(n, VX_CALL_IN_PROGRESS, 200);
    return (struct end){w.dialog, vx_test_sid(n)};
}

void notify(const struct end *end, const char *status_line, const char *state) {
    char more[256];

    w.dialog = end->dialog;
    snprintf(more, sizeof more,
             "Event: refer\r\nSubscription-State: %s\r\nContent-Type: message/sipfrag\r\n", state);
    w.cseq++;
    say("NOTIFY sip:voxeme@127.0.0.1:%u SIP/2.0\r\n"
        "Via: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKn%u\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\n"
        "CSeq: %u NOTIFY\r\nContact: <sip:far@127.0.0.1:%u>\r\nMax-Forwards: 70\r\n%s"
        "Content-Length: %zu\r\n\r\n%s",
        vx_sip_port(w.sip), w.fd_port, w.cseq, w.dialog.ours, w.dialog.theirs, w.dialog.call_id,
        w.cseq, w.fd_port, more, strlen(status_line), status_line);
}
