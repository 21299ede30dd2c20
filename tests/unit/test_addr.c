#include "support.h"

#include "core/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static struct vx_addr addr(const char *text) {
    struct vx_addr a;
    assert_true(vx_addr_parse(&a, vx_str(text)));
    return a;
}

static struct vx_cidr cidr(const char *text) {
    struct vx_cidr c;
    assert_true(vx_cidr_parse(&c, vx_str(text)));
    return c;
}

static void test_ipv4_is_kept_mapped(void **state) {
    (void)state;
    static const uint8_t mapped[16] = {[10] = 0xff, 0xff, 192, 0, 2, 1};
    struct vx_addr a = addr("192.0.2.1");
    assert_memory_equal(a.b, mapped, 16);
    a = addr("::ffff:192.0.2.1");
    assert_memory_equal(a.b, mapped, 16);
}

static void test_ipv6_with_and_without_brackets(void **state) {
    (void)state;
    static const uint8_t bytes[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
    struct vx_addr a = addr("2001:db8::1");
    assert_memory_equal(a.b, bytes, 16);
    a = addr("[2001:db8::1]");
    assert_memory_equal(a.b, bytes, 16);
    a = addr("[2001:DB8:0:0:0:0:0:1]");
    assert_memory_equal(a.b, bytes, 16);
}

static void test_refuses_what_is_no_address(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "192.0.2",
        "192.0.2.256",
        "192.0.2.1.5",
        "192.0.2.1 ",
        " 192.0.2.1",
        "192.0.2.1:5060",
        "0x7f.1",
        "localhost",
        "2001:db8::1::",
        "2001:db8::g",
        "[2001:db8::1",
        "2001:db8::1]",
        "[2001:db8::1]:5060",
        "[]",
        "[192.0.2.1]x",
        "1.2.3.4/32",
        "2001:db8:1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee:ffff:0000",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct vx_addr a;
        if (vx_addr_parse(&a, vx_str(bad[i])))
            fail_msg("taken for an address: \"%s\"", bad[i]);
    }
    struct vx_addr a;
    assert_false(vx_addr_parse(&a, VX_NONE));
    assert_false(vx_addr_parse(&a, (struct vx_str){"192.0.2.1\0junk", 14}));
}

static void test_text_need_not_be_terminated(void **state) {
    (void)state;
    struct vx_addr a;
    assert_true(vx_addr_parse(&a, (struct vx_str){"192.0.2.19", 9}));
    struct vx_addr b = addr("192.0.2.1");
    assert_memory_equal(a.b, b.b, 16);
}

static void test_from_sockaddr(void **state) {
    (void)state;
    struct sockaddr_in in4 = {.sin_family = AF_INET};
    inet_pton(AF_INET, "192.0.2.7", &in4.sin_addr);
    struct vx_addr a, want = addr("192.0.2.7");
    assert_true(vx_addr_from_sockaddr(&a, (struct sockaddr *)&in4));
    assert_memory_equal(a.b, want.b, 16);

    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    inet_pton(AF_INET6, "2001:db8::7", &in6.sin6_addr);
    want = addr("2001:db8::7");
    assert_true(vx_addr_from_sockaddr(&a, (struct sockaddr *)&in6));
    assert_memory_equal(a.b, want.b, 16);

    struct sockaddr other = {.sa_family = AF_UNIX};
    assert_false(vx_addr_from_sockaddr(&a, &other));
}

static void test_known(void **state) {
    (void)state;
    struct vx_addr a = {{0}};
    assert_false(vx_addr_is_known(&a));
    a = addr("192.0.2.1");
    assert_true(vx_addr_is_known(&a));
    a = addr("::1");
    assert_true(vx_addr_is_known(&a));
    a = addr("0.0.0.0");
    assert_true(vx_addr_is_known(&a)); /* mapped: not the same as "::" */
}

static void test_cidr_clears_host_bits(void **state) {
    (void)state;
    struct vx_cidr c = cidr("192.0.2.77/24");
    struct vx_addr net = addr("192.0.2.0");
    assert_int_equal(c.bits, 96 + 24);
    assert_memory_equal(c.net.b, net.b, 16);
    c = cidr("10.255.255.255/9");
    net = addr("10.128.0.0");
    assert_int_equal(c.bits, 96 + 9);
    assert_memory_equal(c.net.b, net.b, 16);
    c = cidr("2001:db8:ffff::1/33");
    net = addr("2001:db8:8000::");
    assert_int_equal(c.bits, 33);
    assert_memory_equal(c.net.b, net.b, 16);
}

static void test_cidr_without_bits_is_one_address(void **state) {
    (void)state;
    struct vx_cidr c = cidr("192.0.2.1");
    assert_int_equal(c.bits, 128);
    struct vx_addr same = addr("192.0.2.1"), next = addr("192.0.2.2");
    assert_true(vx_cidr_match(&c, &same));
    assert_false(vx_cidr_match(&c, &next));
    c = cidr("2001:db8::1");
    assert_int_equal(c.bits, 128);
}

static void test_cidr_refuses(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "/",
                                      "/24",
                                      "192.0.2.0/",
                                      "192.0.2.0/33",
                                      "192.0.2.0/-1",
                                      "192.0.2.0/2x",
                                      "192.0.2.0/ 8",
                                      "2001:db8::/129",
                                      "192.0.2.0//8",
                                      "192.0.2.0/255.255.255.0",
                                      "192.0.2.0/4294967296",
                                      "192.0.2.0/8/8",
                                      "host/8"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct vx_cidr c;
        if (vx_cidr_parse(&c, vx_str(bad[i])))
            fail_msg("taken for a block: \"%s\"", bad[i]);
    }
}

static void test_cidr_text(void **state) {
    (void)state;
    static const char *const texts[] = {"10.0.0.0/8",  "0.0.0.0/0", "192.0.2.1", "2001:db8::/32",
                                        "2001:db8::1", "::/0",      "::/95"};
    char out[VX_CIDR_TEXT];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct vx_cidr c = cidr(texts[i]);
        vx_cidr_format(out, &c);
        assert_string_equal(out, texts[i]);
    }
    struct vx_cidr c = cidr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/127");
    vx_cidr_format(out, &c);
    assert_string_equal(out, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127");
}

/* Every prefix length of both families: the first and last address in, their neighbours out. */
static void test_match_at_every_length(void **state) {
    (void)state;
    struct vx_addr base = addr("2001:db8:5555:5555:5555:5555:5555:5555");
    for (unsigned bits = 0; bits <= 128; bits++) {
        struct vx_cidr c = {vx_addr_mask(&base, bits), (uint8_t)bits};
        assert_true(vx_cidr_match(&c, &base));
        for (unsigned flip = 0; flip < 128; flip++) {
            struct vx_addr other = base;
            other.b[flip / 8] ^= (uint8_t)(0x80 >> flip % 8);
            assert_int_equal(vx_cidr_match(&c, &other), flip >= bits);
        }
    }
}

static void test_ipv4_block_never_matches_ipv6(void **state) {
    (void)state;
    struct vx_cidr c = cidr("0.0.0.0/0");
    struct vx_addr v6 = addr("2001:db8::1"), v4 = addr("203.0.113.9"), unknown = {{0}};
    assert_true(vx_cidr_match(&c, &v4));
    assert_false(vx_cidr_match(&c, &v6));
    assert_false(vx_cidr_match(&c, &unknown));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ipv4_is_kept_mapped),
        cmocka_unit_test(test_ipv6_with_and_without_brackets),
        cmocka_unit_test(test_refuses_what_is_no_address),
        cmocka_unit_test(test_text_need_not_be_terminated),
        cmocka_unit_test(test_from_sockaddr),
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_cidr_clears_host_bits),
        cmocka_unit_test(test_cidr_without_bits_is_one_address),
        cmocka_unit_test(test_cidr_refuses),
        cmocka_unit_test(test_cidr_text),
        cmocka_unit_test(test_match_at_every_length),
        cmocka_unit_test(test_ipv4_block_never_matches_ipv6),
    };
    return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
