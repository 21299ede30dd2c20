/* WebSocket frames of a client (RFC 6455): every frame is fed whole and cut at every byte. */
#include "support.h"

#include "net/ws.h"

struct frame {
    uint8_t bytes[70000];
    size_t len;
};

static struct frame f;

/* A masked frame of a client; `first` is its first byte. */
static void add_frame(uint8_t first, const void *payload, size_t len) {
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    uint8_t *to = f.bytes + f.len;
    *to++ = first;
    if (len < 126) {
        *to++ = (uint8_t)(0x80 | len);
    } else if (len < 65536) {
        *to++ = 0x80 | 126;
        *to++ = (uint8_t)(len >> 8);
        *to++ = (uint8_t)len;
    } else {
        *to++ = 0x80 | 127;
        for (int shift = 56; shift >= 0; shift -= 8)
            *to++ = (uint8_t)((uint64_t)len >> shift);
    }
    memcpy(to, mask, 4);
    to += 4;
    for (size_t i = 0; i < len; i++)
        *to++ = ((const uint8_t *)payload)[i] ^ mask[i % 4];
    f.len = (size_t)(to - f.bytes);
}

static void one(uint8_t first, const void *payload, size_t len) {
    f.len = 0;
    add_frame(first, payload, len);
}

static char got[256]; /* "text ping:abc close:1000 bad:1002" */

static void note(const struct vx_ws *ws, enum vx_ws_result result) {
    size_t len = strlen(got);
    char *to = got + len;
    size_t room = sizeof got - len;
    const char *space = len ? " " : "";
    switch (result) {
    case VX_WS_GOT_DATA:
        snprintf(to, room, "%sdata", space);
        break;
    case VX_WS_GOT_PING:
        snprintf(to, room, "%sping:%.*s", space, ws->control_len, (const char *)ws->control);
        break;
    case VX_WS_GOT_PONG:
        snprintf(to, room, "%spong", space);
        break;
    case VX_WS_GOT_CLOSE:
        snprintf(to, room, "%sclose:%u", space, ws->code);
        break;
    case VX_WS_BAD:
        snprintf(to, room, "%sbad:%u", space, ws->code);
        break;
    case VX_WS_MORE:
        break;
    }
}

static bool feed(struct vx_ws *ws, const uint8_t *at, size_t len) {
    while (len) {
        size_t used;
        enum vx_ws_result result = vx_ws_feed(ws, (const char *)at, len, &used);
        assert_true(used <= len);
        assert_true(used > 0 || result == VX_WS_BAD);
        note(ws, result);
        if (result == VX_WS_BAD)
            return false;
        if (result == VX_WS_MORE)
            assert_int_equal(used, len);
        at += used;
        len -= used;
    }
    return true;
}

static void gives(const char *expected, bool deflate) {
    struct vx_ws ws;
    for (size_t cut = 0; cut <= f.len; cut += 1 + cut / 300) {
        got[0] = '\0';
        vx_ws_start(&ws, 4096, deflate);
        if (feed(&ws, f.bytes, cut))
            feed(&ws, f.bytes + cut, f.len - cut);
        assert_string_equal(got, expected);
    }
    got[0] = '\0';
    vx_ws_start(&ws, 4096, deflate);
    for (size_t i = 0; i < f.len; i++)
        if (!feed(&ws, f.bytes + i, 1))
            break;
    assert_string_equal(got, expected);
}

static void test_messages(void **state) {
    (void)state;
    static char big[4097];
    memset(big, 'a', sizeof big);
    one(0x81, "hello", 5);
    gives("data", false);
    one(0x82, "\x00\xff", 2);
    gives("data", false);
    one(0x81, "", 0);
    gives("data", false);
    one(0x81, big, 125);
    add_frame(0x81, big, 126);
    add_frame(0x82, big, 4096);
    gives("data data data", false);
}

static void test_fragments(void **state) {
    (void)state;
    one(0x01, "hel", 3);
    add_frame(0x00, "", 0);
    add_frame(0x89, "hi", 2); /* control frames may come in between */
    add_frame(0x80, "lo", 2);
    gives("ping:hi data", false);
    one(0x80, "x", 1); /* goes on with nothing */
    gives("bad:1002", false);
    one(0x01, "a", 1);
    add_frame(0x81, "b", 1); /* begins a second one within the first */
    gives("bad:1002", false);
}

static void test_limit(void **state) {
    (void)state;
    static char big[66000];
    memset(big, 'a', sizeof big);
    one(0x82, big, 4097);
    gives("bad:1009", false);
    one(0x82, big, 65999);
    gives("bad:1009", false);
    one(0x02, big, 4000);
    add_frame(0x80, big, 96);
    gives("data", false);
    one(0x02, big, 4000);
    add_frame(0x80, big, 97);
    gives("bad:1009", false);
    one(0x02, "", 0); /* nothing, for ever */
    for (int i = 0; i < 4096; i++)
        add_frame(0x00, "", 0);
    gives("bad:1009", false);
    f.len = 14; /* 2^62 bytes */
    memcpy(f.bytes, "\x82\xff\x40\0\0\0\0\0\0\0mask", 14);
    gives("bad:1009", false);
}

static void test_control(void **state) {
    (void)state;
    static char long_ping[126];
    memset(long_ping, 'p', sizeof long_ping);
    one(0x89, "", 0);
    gives("ping:", false);
    one(0x8a, "late", 4);
    gives("pong", false);
    one(0x89, long_ping, 126); /* too long for a control frame */
    gives("bad:1002", false);
    one(0x09, "x", 1); /* in fragments */
    gives("bad:1002", false);
    for (uint8_t opcode = 3; opcode < 8; opcode++) {
        one(0x80 | opcode, "", 0);
        gives("bad:1002", false);
        one(0x88 | opcode, "", 0);
        if (opcode >= 3)
            gives("bad:1002", false);
    }
}

static void close_with(unsigned code, const char *reason, size_t len, const char *expected) {
    uint8_t payload[125];
    payload[0] = (uint8_t)(code >> 8);
    payload[1] = (uint8_t)code;
    memcpy(payload + 2, reason, len);
    one(0x88, payload, 2 + len);
    gives(expected, false);
}

static void test_close(void **state) {
    (void)state;
    static const unsigned good[] = {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010,
                                    1011, 1012, 1014, 3000, 3999, 4000, 4999};
    static const unsigned bad[] = {0,    999,  1004, 1005, 1006, 1015,
                                   1016, 1100, 2000, 2999, 5000, 65535};
    char expected[32];
    one(0x88, "", 0);
    gives("close:1005", false);
    one(0x88, "\x03", 1);
    gives("bad:1002", false);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(expected, sizeof expected, "close:%u", good[i]);
        close_with(good[i], "bye", 3, expected);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        close_with(bad[i], "", 0, "bad:1002");
    close_with(1000, "\xc3\xa9", 2, "close:1000");
    close_with(1000, "\xc3", 1, "bad:1007");
    close_with(1000, "\xff", 1, "bad:1007");
}

static void test_utf8(void **state) {
    (void)state;
    static const char *const good[] = {
        "\xc2\x80",         "\xdf\xbf",
        "\xe0\xa0\x80",     "\xed\x9f\xbf",
        "\xee\x80\x80",     "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf", "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"};
    static const char *const bad[] = {"\x80",
                                      "\xc0\xaf",
                                      "\xc1\xbf",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xfe",
                                      "\xc2",
                                      "\xe2\x82",
                                      "\xf0\x9f\x98",
                                      "a\xc2z"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        size_t len = strlen(good[i]);
        one(0x81, good[i], len);
        gives("data", false);
        one(0x01, good[i], 1); /* cut within a character */
        add_frame(0x89, "", 0);
        add_frame(0x80, good[i] + 1, len - 1);
        gives("ping: data", false);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        one(0x81, bad[i], strlen(bad[i]));
        gives("bad:1007", false);
        one(0x82, bad[i], strlen(bad[i])); /* binary may be anything */
        gives("data", false);
    }
    one(0x01, "\xc2", 1); /* the state of one message is not that of the next */
    add_frame(0x80, "\x80", 1);
    add_frame(0x81, "a", 1);
    gives("data data", false);
}

static void test_reserved_bits(void **state) {
    (void)state;
    static const uint8_t firsts[] = {0xa1, 0x91, 0xb1, 0xc9, 0xa9, 0x99, 0xd1};
    for (size_t i = 0; i < sizeof firsts; i++) {
        one(firsts[i], "x", 1);
        gives("bad:1002", true);
    }
    one(0xc1, "\xff\xff", 2);
    gives("bad:1002", false);
    gives("data", true); /* what is compressed is no text yet */
    one(0x41, "\xff", 1);
    add_frame(0xc0, "\xff", 1); /* only the first fragment says so */
    gives("bad:1002", true);
    one(0x41, "\xff", 1);
    add_frame(0x80, "\xff", 1);
    add_frame(0x81, "\xff", 1);
    gives("data bad:1007", true);
}

static void test_malformed_heads(void **state) {
    (void)state;
    f.len = 7; /* not masked */
    memcpy(f.bytes, "\x81\x05hello", 7);
    gives("bad:1002", false);
    f.len = 9; /* 5 bytes, said in 16 bits */
    memcpy(f.bytes, "\x81\xfe\0\x05maskx", 9);
    gives("bad:1002", false);
    f.len = 15;
    memcpy(f.bytes, "\x81\xff\0\0\0\0\0\0\0\x05maskx", 15);
    gives("bad:1002", false);
    f.len = 15; /* the highest bit */
    memcpy(f.bytes, "\x82\xff\x80\0\0\0\0\0\0\0maskx", 15);
    gives("bad:1002", false);
}

/* --- our side --- */

static void test_heads_of_ours(void **state) {
    (void)state;
    static const struct {
        uint64_t len;
        const char *head;
        size_t size;
    } cases[] = {
        {0, "\x81\x00", 2},
        {125, "\x81\x7d", 2},
        {126, "\x81\x7e\x00\x7e", 4},
        {65535, "\x81\x7e\xff\xff", 4},
        {65536, "\x81\x7f\0\0\0\0\0\x01\0\0", 10},
        {UINT64_C(0x0102030405060708), "\x81\x7f\x01\x02\x03\x04\x05\x06\x07\x08", 10},
    };
    uint8_t head[VX_WS_HEAD];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(vx_ws_head(head, VX_WS_TEXT, false, cases[i].len), cases[i].size);
        assert_memory_equal(head, cases[i].head, cases[i].size);
    }
    assert_int_equal(vx_ws_head(head, VX_WS_TEXT, true, 1), 2);
    assert_int_equal(head[0], 0xc1);
    assert_int_equal(vx_ws_head(head, VX_WS_CLOSE, false, 2), 2);
    assert_int_equal(head[0], 0x88);
}

/* RFC 6455, section 1.3. */
static void test_accept(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "dGhlIHNhbXBsZSBub25jZQ=",
                                      "dGhlIHNhbXBsZSBub25jZQ===",
                                      "dGhlIHNhbXBsZSBub25jZQAA",
                                      "dGhlIHNhbXBs SBub25jZQ==",
                                      "dGhlIHNhbXBsZSBub25j\xffQ=="};
    char accept[VX_WS_ACCEPT + 1];
    assert_true(vx_ws_accept(accept, VX_STR("dGhlIHNhbXBsZSBub25jZQ==")));
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(vx_ws_accept(accept, vx_str(bad[i])));
}

static void test_deflate_offers(void **state) {
    (void)state;
    static const char *const good[] = {
        "permessage-deflate",
        " permessage-deflate ; client_max_window_bits ",
        "permessage-deflate; client_max_window_bits=10; server_no_context_takeover",
        "permessage-deflate; server_max_window_bits=15",
        "x-webkit-deflate-frame, permessage-deflate",
        "permessage-deflate; server_max_window_bits=10, permessage-deflate",
    };
    static const char *const bad[] = {
        "",
        ",",
        ";",
        "permessage-deflat",
        "permessage-deflatex",
        "x; permessage-deflate",
        "permessage-deflate; server_max_window_bits=10",
        "permessage-deflate; unheard_of",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; =",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(vx_ws_offers_deflate(vx_str(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(vx_ws_offers_deflate(vx_str(bad[i])));
    assert_false(vx_ws_offers_deflate(VX_NONE));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),       cmocka_unit_test(test_fragments),
        cmocka_unit_test(test_limit),          cmocka_unit_test(test_control),
        cmocka_unit_test(test_close),          cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_reserved_bits),  cmocka_unit_test(test_malformed_heads),
        cmocka_unit_test(test_heads_of_ours),  cmocka_unit_test(test_accept),
        cmocka_unit_test(test_deflate_offers),
    };
    return cmocka_run_group_tests_name("ws", tests, NULL, NULL);
}
