/*
 * Session timers (RFC 4028) take minutes: here the SIP stack runs on a clock that the test drives.
 * The peer is a UDP socket of the test's own, on the same thread.
 */
#include "support.h"

#include "host/sip/config_xml.h"
#include "host/sip/sip_stack.h"

#include <arpa/inet.h>
#include <time.h>
#include <unistd.h>

/* --- sofia-sip's clock --- */

static su_duration_t ahead_seconds;

/* The dynamic linker prefers these to libsofia-sip-ua's own. */
__attribute__((visibility("default"))) void su_time(su_time_t *now) {
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    /* Its seconds begin in 1900. */
    now->tv_sec = (unsigned long)(ts.tv_sec + ahead_seconds) + 2208988800UL;
    now->tv_usec = (unsigned long)ts.tv_nsec / 1000;
}

__attribute__((visibility("default"))) su_time_t su_now(void) {
    su_time_t now;
    su_time(&now);
    return now;
}

/* --- the switch --- */

static struct {
    su_root_t *root;
    struct vx_loaded loaded;
    struct vx_registry *registry;
    struct vx_scope *all;
    struct vx_sip_metrics metrics;
    struct vx_sip *sip;
    int peer;
    unsigned peer_port;
    char call_id[32], to[256], got[4096];
} w;

#define CONFIG                                                                                     \
    "<configuration name=\"voxeme.conf\"><switch><param name=\"sip-listen\" "                      \
    "value=\"127.0.0.1:0\"/>"                                                                      \
    "<routes><route to=\"1000\" action=\"answer\"/></routes></switch></configuration>"

static int open_world(void **state) {
    (void)state;
    char error[512];
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;

    memset(&w, 0, sizeof w);
    ahead_seconds = 0;
    su_init();
    w.root = su_root_create(NULL);
    su_root_threading(w.root, 0);
    if (!vx_config_parse(&w.loaded, "test", CONFIG, strlen(CONFIG), error, sizeof error))
        fail_msg("%s", error);
    w.registry = vx_registry_new(w.loaded.config, &vx_clock_system);
    w.all = vx_registry_all(w.registry);
    w.sip = vx_sip_start(w.root, w.registry, w.loaded.config, w.loaded.switch_config, &w.metrics,
                         error, sizeof error);
    if (!w.sip)
        fail_msg("%s", error);
    w.peer = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(w.peer, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(w.peer, (struct sockaddr *)&at, &len), 0);
    w.peer_port = ntohs(at.sin_port);
    return 0;
}

static void stopped(void *ctx) {
    *(bool *)ctx = true;
}

static int close_world(void **state) {
    (void)state;
    bool done = false;

    vx_sip_stop(w.sip, stopped, &done);
    while (!done)
        su_root_step(w.root, 10);
    if (vx_sip_release(&w.sip))
        su_root_destroy(w.root);
    vx_scope_release(&w.all);
    vx_registry_release(&w.registry);
    vx_loaded_clear(&w.loaded);
    close(w.peer);
    su_deinit();
    return 0;
}

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...) {
    char text[4096];
    va_list ap;
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)vx_sip_port(w.sip)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    va_start(ap, format);
    int len = vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    assert_int_equal(sendto(w.peer, text, (size_t)len, 0, (struct sockaddr *)&to, sizeof to), len);
}

/* Whether a message that begins so comes within so many turns of the loop; it is then in w.got. */
static bool hears(const char *beginning, int turns) {
    while (turns-- > 0) {
        su_root_step(w.root, 1);
        ssize_t n = recv(w.peer, w.got, sizeof w.got - 1, MSG_DONTWAIT);
        if (n < 0)
            continue;
        w.got[n] = '\0';
        if (strncmp(w.got, beginning, strlen(beginning)) == 0)
            return true;
    }
    return false;
}

#define PATIENT 5000
#define BRIEF   50

/* The line of a header of w.got, without its end. */
static void header(const char *name, char *out, size_t size) {
    char wanted[64];
    snprintf(wanted, sizeof wanted, "\r\n%s:", name);
    const char *at = strstr(w.got, wanted);
    if (!at)
        fail_msg("no %s in %s", name, w.got);
    at += 2;
    snprintf(out, size, "%.*s", (int)strcspn(at, "\r"), at);
}

/* Answers the request in w.got. */
static void agree(const char *more) {
    char via[512], from[512], to[512], call_id[128], cseq[128];
    header("Via", via, sizeof via);
    header("From", from, sizeof from);
    header("To", to, sizeof to);
    header("Call-ID", call_id, sizeof call_id);
    header("CSeq", cseq, sizeof cseq);
    say("SIP/2.0 200 OK\r\n%s\r\n%s\r\n%s\r\n%s\r\n%s\r\nContact: <sip:1@127.0.0.1:%u>\r\n%s"
        "Content-Length: 0\r\n\r\n",
        via, from, to, call_id, cseq, w.peer_port, more);
}

/* A call with this refresher, answered and acknowledged. */
static void call(const char *refresher) {
    static unsigned number;
    char expires[128];

    snprintf(w.call_id, sizeof w.call_id, "session-%u", ++number);
    say("INVITE sip:1000@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKi%u\r\n"
        "From: <sip:1@127.0.0.1>;tag=1\r\nTo: <sip:1000@127.0.0.1>\r\nCall-ID: %s\r\nCSeq: 1 "
        "INVITE\r\nContact: <sip:1@127.0.0.1:%u>\r\nMax-Forwards: 70\r\nSupported: timer\r\n"
        "Allow: INVITE, ACK, BYE, UPDATE\r\nSession-Expires: 90;refresher=%s\r\nMin-SE: 90\r\n"
        "Content-Length: 0\r\n\r\n",
        w.peer_port, number, w.call_id, w.peer_port, refresher);
    assert_true(hears("SIP/2.0 200 ", PATIENT));
    header("Session-Expires", expires, sizeof expires);
    assert_non_null(strstr(expires, refresher));
    header("To", w.to, sizeof w.to);
    say("ACK sip:1000@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKa%u\r\n"
        "From: <sip:1@127.0.0.1>;tag=1\r\n%s\r\nCall-ID: %s\r\nCSeq: 1 ACK\r\nMax-Forwards: 70\r\n"
        "Content-Type: application/sdp\r\nContent-Length: 0\r\n\r\n",
        w.peer_port, number, w.to, w.call_id);
    assert_false(hears("BYE ", BRIEF));
    assert_int_equal(vx_scope_counts(w.all).live_inbound, 1);
}

/* Half of the 90 s, give or take what sofia-sip adds at random. */
#define REFRESH 51

/* The peer should refresh and does not: it is taken for gone before its 90 s are over. */
static void test_a_peer_that_is_gone(void **state) {
    (void)state;
    call("uac");
    ahead_seconds += 45;
    assert_false(hears("BYE ", BRIEF));
    assert_int_equal(vx_scope_counts(w.all).live_inbound, 1);
    ahead_seconds += 45;
    assert_true(hears("BYE ", PATIENT));
    agree("");
    assert_false(hears("BYE ", BRIEF));
    struct vx_counts counts = vx_scope_counts(w.all);
    assert_int_equal(counts.live_inbound, 0);
    assert_int_equal(counts.ended_inbound, 1);
    assert_int_equal(atomic_load(&w.metrics.lost), 1);
    assert_int_equal(atomic_load(&w.metrics.calls), 0);
}

/* We refresh, by UPDATE, and the call goes on for as long as the peer answers. */
static void test_we_refresh(void **state) {
    (void)state;
    call("uas");
    for (int i = 0; i < 4; i++) {
        ahead_seconds += REFRESH;
        assert_true(hears("UPDATE ", PATIENT));
        agree("Session-Expires: 90;refresher=uac\r\nRequire: timer\r\n");
        assert_false(hears("BYE ", BRIEF));
        assert_int_equal(vx_scope_counts(w.all).live_inbound, 1);
    }
    assert_int_equal(atomic_load(&w.metrics.lost), 0);
}

/* We refresh and nobody answers: the call is given up. */
static void test_nobody_answers_our_refresh(void **state) {
    (void)state;
    call("uas");
    ahead_seconds += REFRESH;
    assert_true(hears("UPDATE ", PATIENT));
    /* 64*T1 for the UPDATE, in steps, so that it is sent again as on a real clock. */
    for (int i = 0; i < 4; i++) {
        ahead_seconds += 10;
        hears("BYE ", BRIEF);
    }
    assert_int_equal(vx_scope_counts(w.all).live_inbound, 0);
    assert_int_equal(atomic_load(&w.metrics.lost), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_peer_that_is_gone),
        TEST(test_we_refresh),
        TEST(test_nobody_answers_our_refresh),
    };
    return cmocka_run_group_tests_name("sip_session", tests, NULL, NULL);
}
