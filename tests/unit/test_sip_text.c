/* From the headers of an INVITE to what the registry is told, and the SIP host's small parsers. */
#include "support.h"

#include "core/sip.h"
#include "host/sip/command_text.h"
#include "host/sip/handoff_text.h"
#include "host/sip/leg_event.h"
#include "host/sip/routes.h"
#include "host/sip/sdp.h"
#include "host/sip/sdp_pass.h"
#include "host/sip/trunk.h"
#include "host/sip/uri.h"

#include <arpa/inet.h>

static struct vx_leg_event leg;

static bool invite(const char *to_uri, const char *from, const char *more) {
    char text[2048];
    int len = snprintf(text, sizeof text,
                       "INVITE %s SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5090;branch=z9hG4bK1\r\n"
                       "From: %s;tag=1\r\nTo: <sip:to-header@h>\r\nCall-ID: 1-2@192.0.2.1\r\n"
                       "CSeq: 1 INVITE\r\n%sContent-Length: 0\r\n\r\n",
                       to_uri, from, more);
    struct sockaddr_in source = {.sin_family = AF_INET, .sin_port = htons(5090)};
    inet_pton(AF_INET, "192.0.2.1", &source.sin_addr);
    vx_leg_event_clear(&leg);
    return vx_leg_event_from_bytes(&leg, text, (size_t)len, (struct sockaddr *)&source);
}

static void is(struct vx_str got, const char *want) {
    if (!vx_str_eq(got, vx_str(want)))
        fail_msg("\"%.*s\", should be \"%s\"", (int)got.len, got.at, want);
}

static void test_a_plain_invite(void **state) {
    (void)state;
    assert_true(
        invite("sip:1001@alpha.example:5060", "\"Alice\" <sip:15083728299@beta.example>", ""));
    const struct vx_event *e = &leg.event;
    assert_int_equal(e->type, VX_EVENT_CREATE);
    assert_int_equal(e->direction, VX_INBOUND);
    is(e->from, "15083728299");
    is(e->to, "1001");
    is(e->caller_name, "Alice");
    is(e->call_id, "1-2@192.0.2.1");
    is(e->originating_sip_ip, "192.0.2.1:5090");
    is(e->evidence.domain, "alpha.example");
    struct vx_addr want;
    assert_true(vx_addr_parse(&want, VX_STR("192.0.2.1")));
    assert_memory_equal(e->evidence.source.b, want.b, 16);
    assert_null(e->evidence.header.at);
    assert_null(e->evidence.variable.at);
    vx_leg_event_clear(&leg);
}

static void test_names(void **state) {
    (void)state;
    assert_true(invite("sip:1@h", "\"Zo\xc3\xab \\\"Z\\\" O'Neil\" <sip:a@b>", ""));
    is(leg.event.caller_name, "Zo\xc3\xab \"Z\" O'Neil");
    assert_true(invite("sip:1@h", "<sip:a@b>", ""));
    is(leg.event.caller_name, "");
    assert_true(invite("sip:1@h", "Bob Token <sip:a@b>", ""));
    is(leg.event.caller_name, "Bob Token");
    assert_true(invite("sip:%2B1%20555@h;user=phone", "<sip:a%40b@c>", ""));
    is(leg.event.to, "+1 555");
    is(leg.event.from, "a@b");
    vx_leg_event_clear(&leg);
}

static void test_headers_that_choose(void **state) {
    (void)state;
    assert_true(invite("sip:1@h", "<sip:a@b>",
                       "X-Account-Sid: " ALPHA_SID "\r\nX-Application-Sid: " APP_SID "\r\n"));
    is(leg.event.evidence.header, ALPHA_SID);
    is(leg.event.application_sid_header, APP_SID);
    assert_null(leg.event.application_sid.at); /* the variable is not a stranger's to set */
    vx_leg_event_clear(&leg);
}

static void test_what_is_no_request(void **state) {
    (void)state;
    static const char *const bad[] = {"", "\r\n\r\n", "garbage", "SIP/2.0 200 OK\r\n\r\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(vx_leg_event_from_bytes(&leg, bad[i], strlen(bad[i]), NULL));
        vx_leg_event_clear(&leg);
    }
}

static void test_outbound(void **state) {
    (void)state;
    assert_true(vx_leg_event_outbound(&leg, "id@h", "%2B1", "222", "\"A \\\"B\\\"\""));
    assert_int_equal(leg.event.direction, VX_OUTBOUND);
    is(leg.event.from, "+1");
    is(leg.event.to, "222");
    is(leg.event.caller_name, "A \"B\"");
    is(leg.event.call_id, "id@h");
    vx_leg_event_clear(&leg);
    assert_true(vx_leg_event_outbound(&leg, NULL, NULL, NULL, NULL));
    vx_leg_event_clear(&leg);
}

/* --- routes --- */

static void test_routes(void **state) {
    (void)state;
    struct vx_routes routes = {NULL, NULL};
    char error[256];
    static const char *const rows[][9] = {
        {"to", "^1\\d+$", "action", "answer", NULL},
        {"to", "^2(\\d+)$", "action", "bridge", "target", "sip:$1@127.0.0.1:5090", NULL},
        {"to", "^3(.*)$", "action", "bridge", "target", "sip:$1@127.0.0.1", NULL},
        {"to", "^486$", "action", "reject", "status", "486", NULL},
        {"to", "^1", "action", "ring", NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_true(vx_routes_add(&routes, rows[i], error, sizeof error));
    struct vx_route_match match;
    const struct vx_route *r = vx_routes_find(&routes, VX_STR("1000"), &match);
    assert_int_equal(r->action, VX_ROUTE_ANSWER);
    r = vx_routes_find(&routes, VX_STR("1x"), &match);
    assert_int_equal(r->action, VX_ROUTE_RING);
    r = vx_routes_find(&routes, VX_STR("486"), &match);
    assert_int_equal(r->status, 486);
    assert_null(vx_routes_find(&routes, VX_STR("999"), &match));
    assert_null(vx_routes_find(&routes, VX_NONE, &match));
    static const char *const users[][2] = {{"2777", "sip:777@127.0.0.1:5090"},
                                           {"3a@evil;x?y>", "sip:a%40evil%3Bx%3Fy%3E@127.0.0.1"}};
    for (size_t i = 0; i < 2; i++) {
        struct vx_buf out = {0};
        r = vx_routes_find(&routes, vx_str(users[i][0]), &match);
        assert_non_null(r);
        vx_route_target(r, &match, &out);
        struct vx_str got = {out.at, out.len};
        assert_true(vx_str_ieq(got, vx_str(users[i][1])));
        vx_buf_free(&out);
    }
    char big[300];
    memset(big, '1', sizeof big);
    assert_null(vx_routes_find(&routes, (struct vx_str){big, sizeof big}, &match));
    vx_routes_clear(&routes);
}

static void test_bad_routes(void **state) {
    (void)state;
    static const char *const bad[][7] = {
        {"to", "^1$", NULL},
        {"action", "answer", NULL},
        {"to", "(", "action", "answer", NULL},
        {"to", "1", "action", "dance", NULL},
        {"to", "1", "action", "bridge", NULL},
        {"to", "1", "action", "bridge", "target", "nonsense", NULL},
        {"to", "1", "action", "reject", "status", "200", NULL},
        {"to", "1", "action", "reject", "status", "700", NULL},
        {"to", "1", "action", "answer", "colour", "blue", NULL}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct vx_routes routes = {NULL, NULL};
        char error[256] = "";
        if (vx_routes_add(&routes, bad[i], error, sizeof error))
            fail_msg("route %zu was taken", i);
        assert_true(strlen(error) > 0);
        vx_routes_clear(&routes);
    }
}

/* --- session descriptions --- */

static void test_sdp_answer(void **state) {
    (void)state;
    struct vx_sdp_origin origin = {7, 1, "127.0.0.1", VX_SDP_INACTIVE};
    struct vx_buf out = {0};
    assert_true(vx_sdp_answer(
        &out, &origin,
        VX_STR("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
               "m=video 5000 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n"
               "m=audio 6000 RTP/AVP 18 8 0\r\na=sendrecv\r\n")));
    vx_buf_add(&out, "", 1);
    const char *video = strstr(out.at, "\r\nm=video 0 "), *audio = strstr(out.at, "\r\nm=audio ");
    assert_non_null(video);
    assert_non_null(audio);
    assert_true(video < audio); /* RFC 3264: in the offer's order */
    assert_non_null(strstr(audio, "a=inactive"));
    /* A new offer of ours: the same streams, and those refused stay so (RFC 3264, section 8). */
    struct vx_buf turned = {0};
    origin = (struct vx_sdp_origin){7, 2, "127.0.0.1", VX_SDP_SENDONLY};
    vx_sdp_turn(&turned, &origin, (struct vx_str){out.at, out.len - 1});
    vx_buf_add(&turned, "", 1);
    assert_string_equal(turned.at,
                        "v=0\r\no=voxeme 7 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\n"
                        "t=0 0\r\nm=video 0 RTP/AVP 96\r\nm=audio 9 RTP/AVP 8\r\n"
                        "a=rtpmap:8 PCMA/8000\r\na=sendonly\r\n");
    vx_buf_free(&turned);
    vx_buf_free(&out);
    assert_false(vx_sdp_answer(&out, &origin, VX_STR("")));
    assert_false(vx_sdp_answer(&out, &origin, VX_STR("nonsense")));
    assert_int_equal(out.len, 0);
    vx_buf_free(&out);
}

/* What is offered, what we would do, what is agreed on (RFC 3264, section 6.1). */
static void test_sdp_directions(void **state) {
    (void)state;
    static const struct {
        const char *offer;
        enum vx_sdp_media ours;
        const char *answer;
    } rows[] = {
        {"sendrecv", VX_SDP_INACTIVE, "inactive"}, {"sendrecv", VX_SDP_SENDONLY, "sendonly"},
        {"sendonly", VX_SDP_SENDONLY, "inactive"}, {"recvonly", VX_SDP_SENDONLY, "sendonly"},
        {"inactive", VX_SDP_SENDONLY, "inactive"}, {"sendrecv", VX_SDP_SENDRECV, "sendrecv"},
        {"sendonly", VX_SDP_SENDRECV, "recvonly"}, {"recvonly", VX_SDP_SENDRECV, "sendonly"},
        {"inactive", VX_SDP_SENDRECV, "inactive"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct vx_sdp_origin origin = {7, 1, "127.0.0.1", rows[i].ours};
        struct vx_buf out = {0};
        char offer[256], want[32];
        snprintf(offer, sizeof offer,
                 "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
                 "m=audio 6000 RTP/AVP 8\r\na=%s\r\n",
                 rows[i].offer);
        snprintf(want, sizeof want, "\r\na=%s\r\n", rows[i].answer);
        assert_true(vx_sdp_answer(&out, &origin, vx_str(offer)));
        assert_true(vx_test_contains((struct vx_str){out.at, out.len}, want));
        vx_buf_free(&out);
    }
}

static void test_sdp_that_passes(void **state) {
    (void)state;
#define FROM(version)  "v=0\r\no=a b " version " IN IP4 h\r\ns=-\r\n"
#define AT(port, more) "m=audio " port " RTP/AVP 0\r\n" more
    static const struct {
        const char *in;
        unsigned shift;
        enum vx_sdp_turning turning;
        const char *out;
    } rows[] = {
        {FROM("7") AT("1", "a=recvonly\r\n"), 2, VX_SDP_KEEP, FROM("9") AT("1", "a=recvonly\r\n")},
        {FROM("7") AT("1", ""), 1, VX_SDP_HOLD, FROM("8") AT("1", "a=sendonly\r\n")},
        {FROM("7") AT("1", "a=recvonly\r\na=x\r\n"), 1, VX_SDP_HOLD,
         FROM("8") AT("1", "a=x\r\na=inactive\r\n")},
        {FROM("7") AT("1", "a=inactive\r\n") AT("2", "a=sendrecv\r\n"), 1, VX_SDP_HOLD,
         FROM("8") AT("1", "a=inactive\r\n") AT("2", "a=sendonly\r\n")},
        /* What holds for all streams holds where one says nothing else; a refused one has none. */
        {FROM("7") "a=recvonly\r\n" AT("1", "") AT("2", "a=sendonly\r\n") AT("0", ""), 1,
         VX_SDP_HOLD, FROM("8") AT("1", "a=inactive\r\n") AT("2", "a=sendonly\r\n") AT("0", "")},
        {FROM("7") AT("1", "a=recvonly\r\n") AT("2", "a=inactive\r\n"), 0, VX_SDP_RELEASE,
         FROM("7") AT("1", "a=sendrecv\r\n") AT("2", "a=sendonly\r\n")},
        {FROM("7") "a=inactive\r\n" AT("1", "") AT("2", "a=recvonly\r\n") AT("0", ""), 0,
         VX_SDP_OPEN, FROM("7") AT("1", "a=sendrecv\r\n") AT("2", "a=sendrecv\r\n") AT("0", "")},
        /* Numbers that are none, or the highest there is, are left alone. */
        {FROM("x"), 1, VX_SDP_KEEP, FROM("x")},
        {FROM("18446744073709551615"), 1, VX_SDP_KEEP, FROM("18446744073709551615")},
        {FROM("18446744073709551614"), 1, VX_SDP_KEEP, FROM("18446744073709551615")},
        {"o=\nm=\n", 1, VX_SDP_HOLD, "o=\r\nm=\r\na=sendonly\r\n"},
        {"", 1, VX_SDP_HOLD, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct vx_buf out = {0};
        vx_sdp_pass(&out, vx_str(rows[i].in), NULL, rows[i].shift, rows[i].turning);
        vx_buf_add(&out, "", 1);
        assert_string_equal(out.at, rows[i].out);
        vx_buf_free(&out);
    }
}

/* Who has been given a description of ours goes on with our session. */
static void test_sdp_that_passes_as_ours(void **state) {
    (void)state;
    const struct vx_sdp_origin ours = {99, 3, "192.0.2.1", VX_SDP_SENDRECV};
    static const struct {
        const char *in, *version;
    } rows[] = {{FROM("7"), "10"}, {FROM("x"), "3"}, {FROM("18446744073709551615"), "3"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct vx_buf out = {0};
        char want[128];
        vx_sdp_pass(&out, vx_str(rows[i].in), &ours, 3, VX_SDP_KEEP);
        vx_buf_add(&out, "", 1);
        snprintf(want, sizeof want, "v=0\r\no=voxeme 99 %s IN IP4 192.0.2.1\r\ns=-\r\n",
                 rows[i].version);
        assert_string_equal(out.at, want);
        vx_buf_free(&out);
    }
}

static void test_sdp_where_media_goes(void **state) {
    (void)state;
    static const char base[] = FROM("7") "c=IN IP4 h\r\n" AT("1", "");
    static const struct {
        const char *other;
        bool same, same_directions;
    } rows[] = {
        {base, true, true},
        {FROM("8") "c=IN IP4 h\r\n" AT("1", "a=sendrecv\r\na=rtpmap:0 PCMU/8000\r\n"), true, true},
        {FROM("8") "c=IN IP4 h\r\n" AT("1", "a=recvonly\r\n"), true, false},
        {FROM("8") "a=inactive\r\nc=IN IP4 h\r\n" AT("1", ""), true, false},
        {FROM("7") "c=IN IP4 i\r\n" AT("1", ""), false, false},
        {FROM("7") "c=IN IP4 h\r\n" AT("2", ""), false, false},
        {FROM("7") "c=IN IP4 h\r\n" AT("1", "") AT("3", ""), false, false},
        {FROM("7") "c=IN IP4 h\r\n" AT("1", "a=crypto:1 k\r\n"), false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(vx_sdp_same_media(vx_str(base), vx_str(rows[i].other), false),
                         rows[i].same);
        assert_int_equal(vx_sdp_same_media(vx_str(base), vx_str(rows[i].other), true),
                         rows[i].same_directions);
    }
#undef FROM
#undef AT
}

#define GATEWAY(name, address) "<gateway name=\"" name "\" address=\"" address "\"/>"

static void test_trunks(void **state) {
    static const char xml[] =
        "<configuration name=\"voxeme.conf\"><accounts><account sid=\"" ALPHA_SID "\">"
        "<source cidr=\"192.0.2.0/24\"/><source cidr=\"2001:db8::/32\"/>" GATEWAY(
            "named", "sbc.example.com") GATEWAY("elsewhere", "192.0.2.9")
            GATEWAY("first", "192.0.2.7:5080") GATEWAY("second", "192.0.2.7") GATEWAY(
                "six", "[2001:db8::7]:5070") "</account><account sid=\"" BETA_SID
                                             "\"><source cidr=\"198.51.100.0/24\"/>" GATEWAY(
                                                 "theirs",
                                                 "192.0.2.8") "</account>"
                                                              "</accounts></configuration>";
    static const struct {
        const char *source;
        unsigned port;
        const char *trunk;
    } rows[] = {
        {"192.0.2.7", 5060, "second"}, {"192.0.2.7", 5080, "first"}, {"192.0.2.7", 40000, "first"},
        {"192.0.2.9", 1, "elsewhere"}, {"2001:db8::7", 5070, "six"}, {"192.0.2.1", 5060, NULL},
        {"192.0.2.8", 5060, NULL},     {"198.51.100.1", 5060, NULL}, {"203.0.113.1", 5060, NULL}};
    struct vx_account_evidence evidence = {.header = VX_NONE};
    char error[512];
    struct vx_config *config = vx_test_read(xml, NULL, error, sizeof error);

    (void)state;
    if (!config)
        fail_msg("%s", error);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_true(vx_addr_parse(&evidence.source, vx_str(rows[i].source)));
        struct vx_str trunk = vx_trunk_of(config, &evidence, rows[i].port);
        if (!vx_str_eq(trunk, vx_str(rows[i].trunk)))
            fail_msg("%s: %.*s", rows[i].source, (int)trunk.len, trunk.at ? trunk.at : "");
    }
    evidence.source = (struct vx_addr){{0}};
    assert_null(vx_trunk_of(config, &evidence, 5060).at);
    vx_config_release(&config);
}

/* sofia-sip's table is another's reading of the same RFCs. In two places it is not theirs. */
static void test_reasons_are_those_of_the_library(void **state) {
    (void)state;
    unsigned known = 0;
    for (unsigned status = 100; status < 700; status++) {
        const char *ours = vx_sip_reason(status), *theirs = sip_status_phrase((int)status);
        if (!*ours)
            continue;
        known++;
        if (status == 500)
            assert_string_equal(ours, "Server Internal Error"); /* RFC 3261, 21.5.1 */
        else if (status == 504)
            assert_string_equal(ours, "Server Time-out"); /* 21.5.5 */
        else if (!theirs || strcmp(ours, theirs) != 0)
            fail_msg("%u is \"%s\", the library says \"%s\"", status, ours,
                     theirs ? theirs : "nothing");
    }
    assert_true(known > 50);
}

/* Of the many that a command may have, in no more than a reason may be. */
static void test_a_refused_header_is_named(void **state) {
    (void)state;
    static const char longest[] =
        "content-89012345678901234567890123456789012345678901234567890123";
    static const struct {
        const char *name, *value, *why;
    } rows[] = {
        {"User-Agent", "1", "headers: User-Agent belongs to the dialog or to the switch"},
        {longest, "1", NULL},
        {"X-A", "1\r\nVia: x", "headers: X-A holds control characters"},
        {"X\r\nVia", "1", "headers: not the name of a header"},
        {"", "1", "headers: not the name of a header"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct vx_command_header headers[] = {{VX_STR("X-Good"), VX_STR("1")},
                                                    {vx_str(rows[i].name), vx_str(rows[i].value)}};
        const struct vx_command_args args = {.headers = headers, .header_count = 2};
        struct vx_buf out = {0};
        char why[VX_SIP_WHY], reason[sizeof((struct vx_command_result *)0)->reason];
        const char *fault = vx_sip_command_headers(&out, &args, why);
        assert_non_null(fault);
        assert_true(strlen(fault) < sizeof reason);
        if (rows[i].why)
            assert_string_equal(fault, rows[i].why);
        else
            assert_non_null(strstr(fault, longest));
        vx_buf_free(&out);
    }
}

static void test_what_a_created_call_hands_on(void **state) {
    (void)state;
    struct vx_command_args args = {.application_sid = vx_test_uuid(APP_SID),
                                   .hook = VX_STR("https://example.com/"),
                                   .hook_method = VX_STR("GET"),
                                   .answer_on_bridge = true,
                                   .speech[VX_RECOGNIZER_VENDOR] = VX_STR("a b"),
                                   .tag = VX_STR("{\"a\\n\":\"\x7f\xc3\xab\xe2\x82\xac\xf0\x9f"
                                                 "\x98\x80\xff\"}")};
    struct vx_buf out = {0};
    char why[VX_SIP_WHY];
    assert_null(vx_handoff_headers(&out, &args, why));
    vx_buf_add(&out, "", 1);
    assert_string_equal(
        out.at, "X-Voxeme-Hook: https://example.com/\r\n"
                "X-Voxeme-Hook-Method: GET\r\n"
                "X-Voxeme-Speech-Recognizer-Vendor: a b\r\n"
                "X-Voxeme-Answer-On-Bridge: true\r\n"
                "X-Voxeme-Tag: {\"a\\n\":\"\\u007f\\u00eb\\u20ac\\ud83d\\ude00\\ufffd\"}\r\n"
                "X-Voxeme-Application-Sid: " APP_SID "\r\n");
    out.len = 0;
    args = (struct vx_command_args){.call_sid = {{0}}};
    assert_null(vx_handoff_headers(&out, &args, why));
    assert_int_equal(out.len, 0);
    vx_buf_free(&out);
}

static void test_what_cannot_be_handed_on(void **state) {
    (void)state;
    static const char *const bad[] = {"",          " a",   "a ",   "a\tb",
                                      "a\r\nX: y", "a\nb", "\x7f", "\xc3\xab"};
    static char much[17000];
    struct vx_buf out = {0};
    char why[VX_SIP_WHY];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct vx_command_args args = {.speech[VX_SYNTHESIS_VOICE] = vx_str(bad[i])};
        assert_string_equal(vx_handoff_headers(&out, &args, why),
                            "speech_synthesis_voice cannot be in a header");
        args = (struct vx_command_args){.hook = vx_str(bad[i])};
        assert_string_equal(vx_handoff_headers(&out, &args, why),
                            "call_hook: its URL cannot be in a header");
    }
    struct vx_command_args args = {.hook = VX_STR("https://a b/")};
    assert_non_null(vx_handoff_headers(&out, &args, why));
    args = (struct vx_command_args){.speech[VX_SYNTHESIS_VOICE] = VX_STR("a\0b")};
    assert_non_null(vx_handoff_headers(&out, &args, why));
    memset(much, 'a', sizeof much);
    out.len = 0;
    args = (struct vx_command_args){.hook = {much, 16000}};
    assert_null(vx_handoff_headers(&out, &args, why));
    args.hook.len = sizeof much;
    assert_string_equal(vx_handoff_headers(&out, &args, why),
                        "call_hook, tag and the speech fields are too long for headers");
    vx_buf_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_plain_invite),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_headers_that_choose),
        cmocka_unit_test(test_what_is_no_request),
        cmocka_unit_test(test_outbound),
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_bad_routes),
        cmocka_unit_test(test_sdp_answer),
        cmocka_unit_test(test_sdp_directions),
        cmocka_unit_test(test_sdp_that_passes),
        cmocka_unit_test(test_sdp_that_passes_as_ours),
        cmocka_unit_test(test_sdp_where_media_goes),
        cmocka_unit_test(test_trunks),
        cmocka_unit_test(test_a_refused_header_is_named),
        cmocka_unit_test(test_what_a_created_call_hands_on),
        cmocka_unit_test(test_what_cannot_be_handed_on),
        cmocka_unit_test(test_reasons_are_those_of_the_library),
    };
    return cmocka_run_group_tests_name("sip_text", tests, NULL, NULL);
}
