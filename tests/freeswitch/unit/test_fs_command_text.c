/* What clients write, on its way into FreeSWITCH. */
#include "module.h"

#include "host/freeswitch/fs_command_text.h"

#define RUNS 20000

typedef void make(struct vx_buf *out, struct vx_str text);

static void makes(make *what, const char *from, const char *to) {
    struct vx_buf out = {0};

    what(&out, vx_str(from));
    vx_buf_add(&out, "", 1);
    assert_string_equal(out.at, to);
    vx_buf_free(&out);
}

static void names(void **state) {
    (void)state;
    makes(vx_fs_text_name, "Zo\xc3\xab O'Neil", "Zo\xc3\xab O'Neil");
    makes(vx_fs_text_name, "\"a\\b\" <sip:x@y>", "'a_b' _sip:x@y_");
    makes(vx_fs_text_name, "50%22${hostname}\r\n", "50_22__hostname_  ");
}

static void hosts(void **state) {
    (void)state;
    makes(vx_fs_text_host, "blf.example.com", "blf.example.com");
    makes(vx_fs_text_host, "[2001:db8::1]", "2001:db8::1");
}

static void json(void **state) {
    (void)state;
    makes(vx_fs_text_json, "{\"a\":\"${b}$\"}", "{\"a\":\"\\u0024{b}\\u0024\"}");
}

static void urls(void **state) {
    (void)state;
    makes(vx_fs_text_url, "https://a.example/b?c=d,e;f=1&g=$1#h%20",
          "https://a.example/b?c=d,e;f=1&g=$1#h%20");
    makes(vx_fs_text_url, "/a${b}|[c]<d>'\"\\^`\xc3\xab",
          "/a$%7Bb%7D%7C[c]%3Cd%3E%27%22%5C%5E%60%C3%AB");
}

static void what_is_said(void **state) {
    (void)state;
    makes(vx_fs_text_say, "Hello, it's 5 o'clock!", "Hello, it's 5 o'clock!");
    makes(vx_fs_text_say, "{a=b}|x${hostname}\n", " a=b  x  hostname  ");
}

static void users(void **state) {
    static const char *const bad[] = {"bob",    "@a",      "bob@",   "a@b@c",  "a,b@c",
                                      "a|b@c",  "a/b@c",   "${a}@b", "[a]b@c", "{a}b@c",
                                      "<a>b@c", "a:_:b@c", "a b@c",  "a'@b",   "a%40b@c",
                                      "a@${b}", "a@b,c",   "a@b/c",  "a@[::1]"};
    struct vx_buf out = {0};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (!vx_fs_text_user(&out, vx_str(bad[i])) || out.len)
            fail_msg("'%s' is taken", bad[i]);
    assert_null(vx_fs_text_user(&out, VX_STR("j.o-e_1*#+!@sip_1.a-b.example")));
    assert_true(
        vx_str_eq((struct vx_str){out.at, out.len}, VX_STR("j.o-e_1*#+!@sip_1.a-b.example")));
    vx_buf_free(&out);
}

static const char *dial(struct vx_buf *out, const char *gateway, const char *uri) {
    const char *fault;

    vx_buf_free(out);
    *out = (struct vx_buf){0};
    fault = vx_fs_text_dial(out, "external", gateway, vx_str(uri));
    vx_buf_add(out, "", 1);
    return fault;
}

static void targets(void **state) {
    struct vx_buf out = {0};

    (void)state;
    assert_null(dial(&out, "", "sip:bob@192.0.2.1:5070;transport=tcp"));
    assert_string_equal(out.at, "external/sip:bob@192.0.2.1:5070;transport=tcp");
    assert_null(dial(&out, "", "sips:[2001:db8::1]"));
    assert_string_equal(out.at, "external/sips:[2001:db8::1]");
    assert_null(dial(&out, "carrier", "sip:+1508@192.0.2.1"));
    assert_string_equal(out.at, "gateway/carrier/+1508@192.0.2.1");
    assert_non_null(dial(&out, "carrier", "sip:192.0.2.1"));
    assert_non_null(dial(&out, "carrier", "sips:bob@192.0.2.1"));
    assert_non_null(dial(&out, "", "sip:FS_path=x@192.0.2.1"));
    /* What mod_sofia would take for the transport. */
    assert_non_null(dial(&out, "", "sip:transport=ws@192.0.2.1"));
    assert_non_null(dial(&out, "", "sip:a;Port=tls@192.0.2.1;x"));
    assert_null(dial(&out, "", "sip:report@192.0.2.1;transport=tls"));
    assert_non_null(dial(&out, "carrier", "sip:bob@192.0.2.1;transport=tcp"));
    assert_non_null(dial(&out, "carrier", "sip:bob@192.0.2.1;user=phone;transport=tcp"));
    assert_null(dial(&out, "carrier", "sip:+1508@192.0.2.1;user=phone;lr"));
    assert_string_equal(out.at, "gateway/carrier/+1508@192.0.2.1;user=phone;lr");
    assert_null(dial(&out, "", "sip:+1508@192.0.2.1;transport=tcp;user=phone;x=fs_path"));
    assert_string_equal(out.at, "external/sip:+1508@192.0.2.1;transport=tcp;user=phone;x=fs_path");
    static const char *const theirs[] = {"fs_nat",         "FS_nat=yes",      "fs_path=sip%3Ax",
                                         "received",       "received=x:5060", "rport=tls",
                                         "x-transport=ws", "port=ws"};
    for (size_t i = 0; i < sizeof theirs / sizeof *theirs; i++) {
        static const char *const befores[] = {"", ";transport=tcp", ";user=phone"};

        for (size_t j = 0; j < sizeof befores / sizeof *befores; j++) {
            char uri[128];

            snprintf(uri, sizeof uri, "sip:b@192.0.2.1%s;%s", befores[j], theirs[i]);
            assert_non_null(dial(&out, "", uri));
            assert_non_null(dial(&out, "carrier", uri));
        }
    }
    assert_non_null(dial(&out, "", "sip:b@192.0.2.1;rport=ws;transport=tcp"));
    assert_non_null(dial(&out, "carrier", "sip:bob;x=y@192.0.2.1"));
    for (const char *bad = ",|{}<>^'\"\\ \t/()?`"; *bad; bad++) {
        char uri[64];

        snprintf(uri, sizeof uri, "sip:a%cb@192.0.2.1", *bad);
        assert_non_null(dial(&out, "", uri));
    }
    vx_buf_free(&out);
}

static void values(void **state) {
    (void)state;
    assert_true(vx_fs_text_is_value(VX_STR("en-US-Standard-C, |[a]{b}<c>^$;'\"\\ 5$")));
    assert_true(vx_fs_text_is_value(VX_NONE));
    assert_false(vx_fs_text_is_value(VX_STR("a${b}")));
    assert_false(vx_fs_text_is_value(VX_STR("$${b}")));
    assert_false(vx_fs_text_is_value(VX_STR("\\${b}")));
    assert_false(vx_fs_text_is_value(VX_STR("array::a|:b")));
    assert_false(vx_fs_text_is_value(VX_STR("a\nb")));
}

static bool header(const char *name, const char *value) {
    struct vx_command_header h = {vx_str(name), vx_str(value)};

    return vx_fs_text_header_fault(&h) == NULL;
}

static void headers(void **state) {
    (void)state;
    assert_true(header("X-Custom", "a, b;c=\"d\" <e>"));
    assert_true(header("Diversion", "<sip:1@a.example>;reason=unknown"));
    assert_false(header("User-Agent", "x"));
    assert_false(header("Content-Disposition", "x"));
    assert_false(header("Proxy-Authorization", "x"));
    assert_false(header("X-[1]", "x"));
    assert_false(header("X A", "x"));
    assert_false(header("", "x"));
    assert_false(header("X-A", "${b}"));
}

static void what_is_played(void **state) {
    (void)state;
    assert_true(vx_fs_text_is_web(VX_STR("https://a.example:8080/b/c.wav?d=e&f=%20")));
    assert_true(vx_fs_text_is_web(VX_STR("HTTP://a/")));
    static const char *const no_webs[] = {
        "http://",        "file:///etc/passwd", "ftp://a/b",    "http://a/${b}", "http://a/b::c",
        "http://a/{b=c}", "http://a/b!c",       "http://a/b|c", "http://a b",    "shout://a/b"};
    for (size_t i = 0; i < sizeof no_webs / sizeof *no_webs; i++)
        assert_false(vx_fs_text_is_web(vx_str(no_webs[i])));
    assert_true(vx_fs_text_is_file(VX_STR("en/us/callie/ivr/8000/ivr-hello.wav")));
    static const char *const no_files[] = {
        "",         "/etc/passwd", "../a.wav", "a/../b.wav",      "a/./b.wav", ".a.wav",
        "a/.b.wav", "a//b",        "a/",       "-a.wav",          "a::b",      "{a}b.wav",
        "$a.wav",   "a b.wav",     "a!b.wav",  "tone_stream://x", "a|b",       "a'b"};
    for (size_t i = 0; i < sizeof no_files / sizeof *no_files; i++)
        if (vx_fs_text_is_file(vx_str(no_files[i])))
            fail_msg("'%s' is a file", no_files[i]);
}

/* Whatever goes in. */
static void never(void **state) {
    static const struct {
        make *make;
        const char *never;
    } rows[] = {{vx_fs_text_name, "\"\\<>%${}\r\n"},
                {vx_fs_text_json, "$"},
                {vx_fs_text_url, "\"\\<>^`{|}' \r\n"},
                {vx_fs_text_say, "|${}[]\\<>\r\n"}};
    struct vx_test_random r = vx_test_random_start("fs_command_text");

    (void)state;
    for (int run = 0; run < RUNS; run++)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            char text[24];
            struct vx_str s = {text, vx_test_random(&r, sizeof text)};
            struct vx_buf out = {0};

            for (size_t b = 0; b < s.len; b++)
                text[b] = (char)vx_test_random(&r, vx_test_random(&r, 2) ? 256 : 128);
            rows[i].make(&out, s);
            for (const char *c = rows[i].never; *c; c++)
                assert_false(out.len && memchr(out.at, *c, out.len));
            vx_buf_free(&out);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),          cmocka_unit_test(hosts),  cmocka_unit_test(json),
        cmocka_unit_test(urls),           cmocka_unit_test(users),  cmocka_unit_test(what_is_said),
        cmocka_unit_test(targets),        cmocka_unit_test(values), cmocka_unit_test(headers),
        cmocka_unit_test(what_is_played), cmocka_unit_test(never),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
