/* Webhooks without a socket: what is said, how it is signed, where it may go, what may be set. */
#include "api/status_report.h"
#include "net/webhook_message.h"
#include "net/webhook_private.h"
#include "net/webhook_target.h"
#include "support.h"

#include <arpa/inet.h>
#include <json.h>
#include <netinet/in.h>

#define SECRET "wh_secret_known_vector"

/* --- signature --- */

/* From printf '1622377344.{"call_status":"ringing"}' | openssl dgst -sha256 -hmac SECRET. */
static void test_signature(void **state) {
    (void)state;
    struct vx_buf out = {0};
    vx_webhook_sign(&out, SECRET, 1622377344, VX_STR("{\"call_status\":\"ringing\"}"));
    vx_buf_add(&out, "", 1);
    assert_string_equal(
        out.at, "t=1622377344,v1=e13f068d86f2896681e6487ee05d11c2f5dff561e5ec8060f5ab5cec717e0543");
    out.len = 0;
    vx_webhook_sign(&out, SECRET, 1622377344, VX_STR(""));
    vx_buf_add(&out, "", 1);
    assert_string_equal(
        out.at, "t=1622377344,v1=bea6a1f9ca9b2e415231d73afd8bd4957a5d7708bf6819982d17e7488cff7352");
    vx_buf_free(&out);
}

/* --- what is said --- */

static struct vx_call_fields full(void) {
    return (struct vx_call_fields){
        .call_sid = vx_test_sid(7),
        .account_sid = vx_test_uuid(ALPHA_SID),
        .application_sid = vx_test_uuid(APP_SID),
        .parent_call_sid = vx_test_sid(1),
        .status = VX_CALL_COMPLETED,
        .direction = VX_OUTBOUND,
        .sip_status = 200,
        .answered_us = VX_TEST_WALL_US,
        .ended_us = VX_TEST_WALL_US + 5 * VX_SECOND_US,
        .text = {[VX_TEXT_FROM] = VX_STR("1508"),
                 [VX_TEXT_TO] = VX_STR("a&b=\"c\""),
                 [VX_TEXT_CALLER_NAME] = VX_STR("Zo\xc3\xab"),
                 [VX_TEXT_CALL_ID] = VX_STR("x@y"),
                 [VX_TEXT_SIP_IP] = VX_STR("192.0.2.1:5060"),
                 [VX_TEXT_TRUNK] = VX_STR("cheaprates"),
                 [VX_TEXT_SIP_REASON] = VX_STR("OK"),
                 [VX_TEXT_TAG] = VX_STR("{\"a\":[1,\"x\"]}")},
        .service_url = "http://x",
    };
}

#define SIDS(sep, eq, q)                                                                           \
    "call_sid" eq q "ca110000-0000-4000-8000-000000000007" q sep q                                 \
    "account_sid" eq q ALPHA_SID q sep q "application_sid" eq q APP_SID q sep q                    \
    "parent_call_sid" eq q "ca110000-0000-4000-8000-000000000001" q sep

static void test_json(void **state) {
    (void)state;
    struct vx_call_fields f = full();
    struct vx_buf out = {0};
    vx_status_json(&out, &f);
    vx_buf_add(&out, "", 1);
    assert_string_equal(
        out.at,
        "{\"" SIDS(
            ",", "\":",
            "\"") "\"direction\":\"outbound\",\"from\":\"1508\","
                  "\"to\":\"a&b=\\\"c\\\"\",\"caller_name\":\"Zo\xc3\xab\",\"caller_id\":\"1508\","
                  "\"call_id\":\"x@y\",\"call_status\":\"completed\",\"sip_status\":200,"
                  "\"sip_reason\":\"OK\",\"originating_sip_ip\":\"192.0.2.1:5060\","
                  "\"originating_sip_trunk_name\":\"cheaprates\",\"duration\":5,"
                  "\"customerData\":{\"a\":[1,\"x\"]}}");
    vx_buf_free(&out);
}

static void test_what_is_not_known_is_left_out(void **state) {
    (void)state;
    struct vx_call_fields f = {.call_sid = vx_test_sid(7),
                               .account_sid = vx_test_uuid(ALPHA_SID),
                               .status = VX_CALL_TRYING,
                               .direction = VX_INBOUND,
                               .sip_status = 100,
                               .service_url = ""};
    struct vx_buf out = {0};
    vx_status_json(&out, &f);
    vx_buf_add(&out, "", 1);
    assert_string_equal(out.at,
                        "{\"call_sid\":\"ca110000-0000-4000-8000-000000000007\","
                        "\"account_sid\":\"" ALPHA_SID "\",\"direction\":\"inbound\",\"from\":\"\","
                        "\"to\":\"\",\"caller_name\":\"\",\"call_status\":\"trying\","
                        "\"sip_status\":100}");
    f.status = VX_CALL_BUSY;
    out.len = 0;
    vx_status_json(&out, &f);
    assert_true(vx_test_contains((struct vx_str){out.at, out.len}, "\"duration\":0}"));
    vx_buf_free(&out);
}

static void test_schema_is_json(void **state) {
    (void)state;
    struct vx_buf out = {0};
    vx_status_schema(&out);
    vx_buf_add(&out, "", 1);
    struct json_object *schema = json_tokener_parse(out.at), *properties, *required, *unused;
    assert_non_null(schema);
    assert_true(json_object_object_get_ex(schema, "properties", &properties));
    assert_int_equal(json_object_object_length(properties), 17);
    assert_true(json_object_object_get_ex(properties, "customerData", &unused));
    assert_true(json_object_object_get_ex(schema, "required", &required));
    assert_int_equal(json_object_array_length(required), 8);
    json_object_put(schema);
    vx_buf_free(&out);
}

static void test_post(void **state) {
    (void)state;
    struct vx_call_fields f = full();
    const struct vx_hook_fields hook = {.url = VX_STR("https://a.example/s?x=1#part")};
    struct vx_webhook_message m;
    struct vx_buf signature = {0};
    assert_true(vx_webhook_message_make(&m, &f, &hook, SECRET, 77));
    assert_string_equal(m.url.at, "https://a.example/s?x=1");
    vx_webhook_sign(&signature, SECRET, 77, (struct vx_str){m.body.at, m.body.len});
    assert_true(vx_str_eq((struct vx_str){m.signature.at, m.signature.len},
                          (struct vx_str){signature.at, signature.len}));
    vx_buf_free(&signature);
    vx_webhook_message_clear(&m);
    assert_true(vx_webhook_message_make(&m, &f, &hook, NULL, 77));
    assert_int_equal(m.signature.len, 0);
    vx_webhook_message_clear(&m);
}

static void test_get(void **state) {
    (void)state;
    struct vx_call_fields f = full();
    struct vx_hook_fields hook = {.url = VX_STR("https://a.example/s#part"), .get = true};
    struct vx_webhook_message m;
    struct vx_buf signature = {0};
    assert_true(vx_webhook_message_make(&m, &f, &hook, SECRET, 77));
    assert_string_equal(m.url.at,
                        "https://a.example/s?" SIDS(
                            "&", "=", "") "direction=outbound&from=1508&to=a%26b%3D%22c%22&"
                                          "caller_name=Zo%C3%AB&caller_id=1508&call_id=x%40y&"
                                          "call_status=completed&sip_status=200&sip_reason=OK&"
                                          "originating_sip_ip=192.0.2.1%3A5060&"
                                          "originating_sip_trunk_name=cheaprates&duration=5");
    assert_int_equal(m.body.len, 0);
    vx_webhook_sign(&signature, SECRET, 77, vx_str(strchr(m.url.at, '?') + 1));
    vx_buf_add(&signature, "", 1);
    assert_string_equal(m.signature.at, signature.at);
    vx_buf_free(&signature);
    vx_webhook_message_clear(&m);
    hook.url = VX_STR("https://a.example/s?key=1");
    assert_true(vx_webhook_message_make(&m, &f, &hook, SECRET, 77));
    assert_non_null(strstr(m.url.at, "s?key=1&call_sid="));
    vx_webhook_message_clear(&m);
}

static void make_short_of_memory(void *ctx) {
    const struct vx_hook_fields *hook = ctx;
    struct vx_call_fields f = full();
    struct vx_webhook_message m;
    vx_test_arm();
    bool made = vx_webhook_message_make(&m, &f, hook, SECRET, 77);
    assert_int_equal(made, !vx_test_disarm());
    vx_webhook_message_clear(&m);
}

static void test_out_of_memory(void **state) {
    (void)state;
    struct vx_hook_fields hook = {.url = VX_STR("https://a.example/s")};
    vx_test_every_allocation_fails(make_short_of_memory, &hook, true);
    hook.get = true;
    vx_test_every_allocation_fails(make_short_of_memory, &hook, true);
}

/* --- where it may go --- */

static void test_addresses(void **state) {
    (void)state;
    static const struct {
        const char *address;
        bool may;
    } rows[] = {
        {"8.8.8.8", true},
        {"1.1.1.1", true},
        {"100.63.255.255", true},
        {"100.64.0.0", false},
        {"100.127.255.255", false},
        {"100.128.0.0", true},
        {"0.0.0.0", false},
        {"0.1.2.3", false},
        {"9.255.255.255", true},
        {"10.0.0.0", false},
        {"10.255.255.255", false},
        {"11.0.0.0", true},
        {"127.0.0.1", false},
        {"127.255.255.254", false},
        {"169.254.169.254", false},
        {"172.15.255.255", true},
        {"172.16.0.1", false},
        {"172.31.255.255", false},
        {"172.32.0.0", true},
        {"192.168.1.1", false},
        {"192.169.0.0", true},
        {"198.18.0.1", false},
        {"224.0.0.1", false},
        {"239.255.255.250", false},
        {"240.0.0.1", false},
        {"255.255.255.255", false},
        {"::", false},
        {"::1", false},
        {"::127.0.0.1", false},
        {"::8.8.8.8", false},
        {"::ffff:127.0.0.1", false},
        {"::ffff:10.1.2.3", false},
        {"::ffff:8.8.8.8", true},
        {"::ffff:0:127.0.0.1", false},
        {"64:ff9b::7f00:1", false},
        {"64:ff9b::a00:1", false},
        {"64:ff9b::808:808", true},
        {"64:ff9b:1::808:808", false},
        {"2002:7f00:1::", false},
        {"2001:0:1::1", false},
        {"2001:db8::1", false},
        {"2606:4700::1111", true},
        {"2a00:1450::1", true},
        {"fc00::1", false},
        {"fdff::1", false},
        {"fe80::1", false},
        {"febf::1", false},
        {"fec0::1", false},
        {"ff02::1", false},
        {"ff0e::1", false},
        {"100::1", false},
        {"5f00::1", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct vx_addr a;
        assert_true(vx_addr_parse(&a, vx_str(rows[i].address)));
        if (vx_webhook_may_reach(&a, NULL, 0) != rows[i].may)
            fail_msg("%s", rows[i].address);
    }
}

static void test_allowed_addresses(void **state) {
    (void)state;
    struct vx_cidr allow[2];
    struct vx_addr a;
    assert_true(vx_cidr_parse(&allow[0], VX_STR("10.1.0.0/16")));
    assert_true(vx_cidr_parse(&allow[1], VX_STR("::1")));
    assert_true(vx_addr_parse(&a, VX_STR("10.1.2.3")));
    assert_true(vx_webhook_may_reach(&a, allow, 2));
    assert_true(vx_addr_parse(&a, VX_STR("::ffff:10.1.2.3")));
    assert_true(vx_webhook_may_reach(&a, allow, 2));
    assert_true(vx_addr_parse(&a, VX_STR("10.2.2.3")));
    assert_false(vx_webhook_may_reach(&a, allow, 2));
    assert_true(vx_addr_parse(&a, VX_STR("::1")));
    assert_true(vx_webhook_may_reach(&a, allow, 2));
}

/* As curl hands it over: a mapped address in a socket address of IPv6. */
static void test_a_mapped_socket_address(void **state) {
    (void)state;
    struct sockaddr_in6 sa = {.sin6_family = AF_INET6};
    struct vx_addr a;
    assert_int_equal(inet_pton(AF_INET6, "::ffff:192.168.0.1", &sa.sin6_addr), 1);
    assert_true(vx_addr_from_sockaddr(&a, (const struct sockaddr *)&sa));
    assert_false(vx_webhook_may_reach(&a, NULL, 0));
}

/* --- what came of it --- */

static void test_statuses(void **state) {
    (void)state;
    static const struct {
        long status;
        enum vx_attempt how;
    } rows[] = {{200, VX_ATTEMPT_TOLD},  {204, VX_ATTEMPT_TOLD},  {299, VX_ATTEMPT_TOLD},
                {301, VX_ATTEMPT_LOST},  {307, VX_ATTEMPT_LOST},  {400, VX_ATTEMPT_LOST},
                {401, VX_ATTEMPT_LOST},  {404, VX_ATTEMPT_LOST},  {408, VX_ATTEMPT_AGAIN},
                {429, VX_ATTEMPT_AGAIN}, {500, VX_ATTEMPT_AGAIN}, {503, VX_ATTEMPT_AGAIN},
                {599, VX_ATTEMPT_AGAIN}, {600, VX_ATTEMPT_LOST},  {999, VX_ATTEMPT_LOST}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(vx_webhook_judge_status(rows[i].status), rows[i].how);
}

/* --- what may be set --- */

static void test_urls(void **state) {
    (void)state;
    static const char *const good[] = {
        "http://a",
        "https://a.example/x?y=z#w",
        "HTTPS://A.example:8443/",
        "http://[2001:db8::1]:80/x",
        "http://192.0.2.1",
        "http://a?x@y",
        "http://a/x@y:z",
        "http://a_b.example./",
    };
    static const struct {
        const char *url, *word;
    } bad[] = {
        {"", "absolute"},
        {"/status", "absolute"},
        {"ftp://a", "absolute"},
        {"file:///etc/passwd", "absolute"},
        {"gopher://a", "absolute"},
        {"http:/a", "absolute"},
        {"ws://a/x", "WebSocket"},
        {"WSS://a/x", "WebSocket"},
        {"http://", "host"},
        {"http:///x", "host"},
        {"http://:80/", "host"},
        {"http://?x", "host"},
        {"http://[::1", "host"},
        {"http://[]/", "host"},
        {"http://[x]/", "host"},
        {"http://a%00b/", "host"},
        {"http://a,b/", "host"},
        {"http://a:0/", "port"},
        {"http://a:65536/", "port"},
        {"http://a:x/", "port"},
        {"http://a:/", "port"},
        {"http://[::1]x/", "port"},
        {"http://u:p@a/", "credentials"},
        {"http://u@a/", "credentials"},
        {"http://a b/", "character"},
        {"http://a/\x7f", "character"},
        {"http://a/\xc3\xa9", "character"},
        {"http://a/\"", "character"},
        {"http://a\\@b/", "character"},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (vx_hook_url_fault(vx_str(good[i])))
            fail_msg("%s: %s", good[i], vx_hook_url_fault(vx_str(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *fault = vx_hook_url_fault(vx_str(bad[i].url));
        if (!fault || !strstr(fault, bad[i].word))
            fail_msg("%s: %s", bad[i].url, fault ? fault : "taken");
    }
    char long_url[VX_HOOK_URL_BYTES + 16] = "http://a/";
    memset(long_url + 9, 'x', VX_HOOK_URL_BYTES - 9);
    assert_null(vx_hook_url_fault(vx_str(long_url)));
    long_url[VX_HOOK_URL_BYTES] = 'x';
    assert_string_equal(vx_hook_url_fault(vx_str(long_url)), "is too long");
    assert_non_null(vx_hook_url_fault((struct vx_str){"http://a/\0x", 11}));
}

static void test_hook(void **state) {
    (void)state;
    struct vx_hook_fields f = {.url = VX_STR("http://a/"), .password = VX_STR("x")};
    assert_non_null(strstr(vx_hook_fault(&f), "username"));
    f.username = VX_STR("a:b");
    assert_non_null(strstr(vx_hook_fault(&f), "colon"));
    f.username = VX_STR("bob");
    assert_null(vx_hook_fault(&f));
    struct vx_hook *hook = vx_hook_new(&f), *other = vx_hook_ref(hook);
    vx_hook_release(&hook);
    assert_null(hook);
    assert_string_equal(vx_hook_fields(other)->url.at, "http://a/");
    assert_string_equal(vx_hook_fields(other)->username.at, "bob");
    assert_string_equal(vx_hook_fields(other)->password.at, "x");
    assert_true(vx_hook_cost(other) >= 80);
    vx_hook_release(&other);
    assert_null(vx_hook_ref(NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signature),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_what_is_not_known_is_left_out),
        cmocka_unit_test(test_schema_is_json),
        cmocka_unit_test(test_post),
        cmocka_unit_test(test_get),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_allowed_addresses),
        cmocka_unit_test(test_a_mapped_socket_address),
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_hook),
    };
    return cmocka_run_group_tests_name("webhook", tests, NULL, NULL);
}
