/* SIP URIs that clients give as targets: what comes out holds nothing that was not asked for. */
#include "support.h"

#include "api/sip_uri.h"

static const char *anew(const char *text) {
    static char out[1024];
    struct vx_sip_uri uri;
    struct vx_buf b = {0};
    const char *why;
    if (!vx_sip_uri_parse(&uri, vx_str(text), &why)) {
        assert_true(strlen(why) > 3);
        return NULL;
    }
    vx_sip_uri_write(&b, &uri);
    assert_true(vx_buf_ok(&b) && b.len < sizeof out);
    memcpy(out, b.at, b.len);
    out[b.len] = '\0';
    vx_buf_free(&b);
    return out;
}

static void test_good(void **state) {
    (void)state;
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"sip:1000@192.0.2.1", "sip:1000@192.0.2.1"},
        {"SIP:1000@192.0.2.1:5062", "sip:1000@192.0.2.1:5062"},
        {"sips:+15083728299@sbc.example.com", "sips:+15083728299@sbc.example.com"},
        {"sip:bob@[2001:db8::1]:5060;transport=TCP", "sip:bob@[2001:db8::1]:5060;transport=tcp"},
        {"sip:example.com", "sip:example.com"},
        {"sip:zo%C3%AB@example.com", "sip:zo%C3%AB@example.com"},
        {"sip:a_b.c-d~e!f*g@my_host.local", "sip:a_b.c-d~e!f*g@my_host.local"},
        {"sip:+15551234@example.com;user=phone", "sip:+15551234@example.com;user=phone"},
        {"sip:a@b:5062;user=phone;Transport=UDP;lr", "sip:a@b:5062;transport=udp;user=phone;lr"},
        {"sip:a@[::1];gr=urn:uuid:f81d4fae-7dec;x-y.z_0=a-_.!~*+:9%20%C3%AB;ob",
         "sip:a@[::1];gr=urn:uuid:f81d4fae-7dec;x-y.z_0=a-_.!~*+:9%20%C3%AB;ob"},
        {"sip:example.com;transport=tls;transports=tcp",
         "sip:example.com;transport=tls;transports=tcp"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(anew(rows[i].in), rows[i].out);
}

static void is_refused(const char *text) {
    if (anew(text))
        fail_msg("%s was taken as %s", text, anew(text));
}

static void test_bad(void **state) {
    (void)state;
    static const char *const rows[] = {"",
                                       "sip",
                                       "sip:",
                                       "sip:@example.com",
                                       "tel:+1508",
                                       "http://example.com",
                                       "sip:a@",
                                       "sip:a@b@c",
                                       "sip:a:password@example.com",
                                       "sip:a@example.com?Subject=x",
                                       "sip:a@example.com:0",
                                       "sip:a@example.com:65536",
                                       "sip:a@example.com:5060x",
                                       "sip:a@-example.com",
                                       "sip:a@example-.com",
                                       "sip:a@ex ample.com",
                                       "sip:a@example.com ",
                                       "sip:a@[2001:db8::1",
                                       "sip:a@[nonsense]",
                                       "sip:a b@example.com",
                                       "sip:a%zz@example.com",
                                       "sip:a%00@example.com",
                                       "sip:a\r\nVia: x@example.com",
                                       "sip:a@example.com\r\nVia: x",
                                       "sip:a,b@example.com",
                                       "sip:a|b@example.com",
                                       "sip:{x=y}a@example.com",
                                       "sip:[x=y]a@example.com",
                                       "sip:a'b@example.com",
                                       "sip:a\"b@example.com",
                                       "sip:a<b@example.com",
                                       "sip:a^b@example.com",
                                       "sip:${x}@example.com",
                                       "sip:a@example..com",
                                       "sip:a@.example.com",
                                       "sip:\x80@example.com"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        is_refused(rows[i]);
    char text[400] = "sip:";
    memset(text + 4, 'a', 300);
    strcpy(text + 304, "@example.com");
    assert_null(anew(text));
}

static void test_bad_parameters(void **state) {
    (void)state;
    static const char *const rows[] = {"sip:a@example.com;maddr=192.0.2.9",
                                       "sip:a@example.com;MADDR=192.0.2.9",
                                       "sip:a@example.com;user=phone;m%61ddr=192.0.2.9",
                                       "sip:a@example.com;ttl=1",
                                       "sip:a@example.com;method=BYE",
                                       "sip:a@example.com;received=192.0.2.9",
                                       "sip:a@example.com;rport",
                                       "sip:a@example.com;fs_path=sip%3Aevil.example",
                                       "sip:a@example.com;user=phone;FS_nat",
                                       "sip:a@example.com;transport=sctp",
                                       "sip:a@example.com;transport=ws",
                                       "sip:a@example.com;transport=%75dp",
                                       "sip:a@example.com;transport",
                                       "sip:a@example.com;transport=",
                                       "sip:a@example.com;transport=tcp;transport=udp",
                                       "sip:a@example.com;transport=tcp;user=phone;TRANSPORT=tcp",
                                       "sip:a@example.com;user=phone;User=ip",
                                       "sip:a@example.com;",
                                       "sip:a@example.com;;",
                                       "sip:a@example.com;user=phone;",
                                       "sip:a@example.com;=phone",
                                       "sip:a@example.com;user=",
                                       "sip:a@example.com;user=a=b",
                                       "sip:a@example.com;user=phone?Subject=x",
                                       "sip:a@example.com;user=phone>",
                                       "sip:a@example.com;user=\"phone\"",
                                       "sip:a@example.com;user=pho ne",
                                       "sip:a@example.com;user=pho\tne",
                                       "sip:a@example.com;user=phone\r\nVia: x",
                                       "sip:a@example.com;user=phone%0d%0aVia",
                                       "sip:a@example.com;user=phone%00",
                                       "sip:a@example.com;user=phone%7f",
                                       "sip:a@example.com;user=phone%4",
                                       "sip:a@example.com;user=pho\x80ne",
                                       "sip:a@example.com;us\xc3\xabr=phone"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        is_refused(rows[i]);
    for (const char *bad = ",|{}[]<>^'\"\\ \t/()?`$&#@%="; *bad; bad++) {
        char text[64];
        snprintf(text, sizeof text, "sip:a@example.com;user=p%chone", *bad);
        is_refused(text);
        snprintf(text, sizeof text, "sip:a@example.com;u%cser", *bad);
        if (*bad != '=')
            is_refused(text);
    }
}

static void test_escape(void **state) {
    (void)state;
    struct vx_buf b = {0};
    vx_sip_user_escape(&b, VX_STR("+1 508@x\r\n\"%\xff"));
    vx_buf_add(&b, "", 1);
    assert_string_equal(b.at, "+1%20508%40x%0D%0A%22%25%FF");
    vx_buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_good), cmocka_unit_test(test_bad),
                                       cmocka_unit_test(test_bad_parameters),
                                       cmocka_unit_test(test_escape)};
    return cmocka_run_group_tests_name("sip_uri", tests, NULL, NULL);
}
