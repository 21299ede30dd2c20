#include "sip_far_end.h"

#include <arpa/inet.h>
#include <time.h>
#include <unistd.h>

struct vx_test_far_end w;
su_duration_t vx_test_ahead_seconds;

const char vx_test_sdp[] =
    "v=0\r\no=far 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n";

/* The dynamic linker prefers these to libsofia-sip-ua's own. */
__attribute__((visibility("default"))) void su_time(su_time_t *now) {
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    /* Its seconds begin in 1900. */
    now->tv_sec = (unsigned long)(ts.tv_sec + vx_test_ahead_seconds) + 2208988800UL;
    now->tv_usec = (unsigned long)ts.tv_nsec / 1000;
}

__attribute__((visibility("default"))) su_time_t su_now(void) {
    su_time_t now;
    su_time(&now);
    return now;
}

static void open_socket(void) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int room = 8 * 1024 * 1024;

    w.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    setsockopt(w.fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    assert_int_equal(bind(w.fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(w.fd, (struct sockaddr *)&at, &len), 0);
    w.fd_port = ntohs(at.sin_port);
}

void vx_test_far_end_open(const char *settings) {
    char error[512], config[4096];

    memset(&w, 0, sizeof w);
    vx_test_ahead_seconds = 0;
    open_socket();
    snprintf(config, sizeof config,
             "<configuration name=\"voxeme.conf\"><accounts><account sid=\"" ALPHA_SID
             "\" name=\"alpha\"/></accounts><switch><param name=\"sip-listen\" "
             "value=\"127.0.0.1:0\"/>%s<routes><route to=\"1000\" action=\"answer\"/>"
             "<route to=\"180\" action=\"ring\"/><route to=\"2000\" action=\"bridge\" "
             "target=\"sip:bridged@127.0.0.1:%u\"/></routes></switch></configuration>",
             settings, w.fd_port);
    su_init();
    w.root = su_root_create(NULL);
    su_root_threading(w.root, 0);
    if (!vx_config_parse(&w.loaded, "test", config, strlen(config), error, sizeof error))
        fail_msg("%s", error);
    w.registry = vx_registry_new(w.loaded.config, &vx_clock_system);
    w.all = vx_registry_all(w.registry);
    w.commands = vx_command_queue_new(&w.metrics);
    w.port = vx_command_queue_port(w.commands);
    w.sip = vx_sip_start(w.root, w.registry, w.loaded.config, w.loaded.switch_config, &w.metrics,
                         error, sizeof error);
    if (!w.sip)
        fail_msg("%s", error);
    assert_true(vx_sip_serve(w.sip, w.commands));
}

static void stopped(void *ctx) {
    *(bool *)ctx = true;
}

void vx_test_far_end_close(void) {
    bool done = false;

    vx_sip_stop(w.sip, stopped, &done);
    while (!done)
        su_root_step(w.root, 10);
    if (vx_sip_release(&w.sip))
        su_root_destroy(w.root);
    vx_command_queue_release(&w.commands);
    vx_scope_release(&w.all);
    vx_registry_release(&w.registry);
    vx_loaded_clear(&w.loaded);
    close(w.fd);
    su_deinit();
}

void say(const char *format, ...) {
    char text[8192];
    va_list ap;
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)vx_sip_port(w.sip)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    va_start(ap, format);
    int len = vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    assert_int_equal(sendto(w.fd, text, (size_t)len, 0, (struct sockaddr *)&to, sizeof to), len);
}

bool listens(void) {
    ssize_t n = recv(w.fd, w.got, sizeof w.got - 1, MSG_DONTWAIT);

    if (n < 0) {
        su_root_step(w.root, 1);
        n = recv(w.fd, w.got, sizeof w.got - 1, MSG_DONTWAIT);
    }
    if (n < 0)
        return false;
    w.got[n] = '\0';
    return true;
}

bool hears(const char *beginning, int turns) {
    while (turns-- > 0)
        if (listens() && strncmp(w.got, beginning, strlen(beginning)) == 0)
            return true;
    return false;
}

void header(const char *name, char *out, size_t size) {
    char wanted[64];

    snprintf(wanted, sizeof wanted, "\r\n%s: ", name);
    const char *at = strstr(w.got, wanted);
    if (!at)
        fail_msg("no %s in %s", name, w.got);
    at += strlen(wanted);
    snprintf(out, size, "%.*s", (int)strcspn(at, "\r"), at);
}

void reply(unsigned status, const char *more, const char *body) {
    char via[512], from[256], to[200], call_id[128], cseq[64], tagged[256];

    header("Via", via, sizeof via);
    header("From", from, sizeof from);
    header("To", to, sizeof to);
    header("Call-ID", call_id, sizeof call_id);
    header("CSeq", cseq, sizeof cseq);
    snprintf(tagged, sizeof tagged, "%s%s", to, strstr(to, ";tag=") ? "" : ";tag=far");
    if (strncmp(w.got, "INVITE ", 7) == 0) {
        snprintf(w.call_id, sizeof w.call_id, "%s", call_id);
        snprintf(w.ours, sizeof w.ours, "%s", tagged);
        snprintf(w.theirs, sizeof w.theirs, "%s", from);
    }
    say("SIP/2.0 %u Whatever\r\nVia: %s\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\n"
        "Contact: <sip:far@127.0.0.1:%u>\r\nAllow: INVITE, ACK, BYE, CANCEL, INFO, UPDATE\r\n"
        "%s%sContent-Length: %zu\r\n\r\n%s",
        status, via, from, tagged, call_id, cseq, w.fd_port, more ? more : "",
        body ? "Content-Type: application/sdp\r\n" : "", body ? strlen(body) : 0, body ? body : "");
}

static void send_request(const char *method, const char *user, unsigned cseq, const char *more,
                         const char *body) {
    static unsigned branch;

    say("%s sip:%s@127.0.0.1:%u SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKf%u\r\n"
        "From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %u %s\r\nContact: <sip:far@127.0.0.1:%u>\r\n"
        "Max-Forwards: 70\r\n%s%sContent-Length: %zu\r\n\r\n%s",
        method, user, vx_sip_port(w.sip), w.fd_port, ++branch, w.ours, w.theirs, w.call_id, cseq,
        method, w.fd_port, more ? more : "", body ? "Content-Type: application/sdp\r\n" : "",
        body ? strlen(body) : 0, body ? body : "");
}

void request(const char *method, const char *more, const char *body) {
    w.cseq += strcmp(method, "ACK") != 0;
    send_request(method, "voxeme", w.cseq, more, body);
}

void dial(const char *user, const char *body) {
    static unsigned number;

    snprintf(w.call_id, sizeof w.call_id, "far-%u", ++number);
    snprintf(w.ours, sizeof w.ours, "<sip:far@127.0.0.1>;tag=far");
    snprintf(w.theirs, sizeof w.theirs, "<sip:%s@127.0.0.1>", user);
    w.cseq++;
    send_request("INVITE", user, w.cseq, "", body);
}

void acknowledge(void) {
    header("To", w.theirs, sizeof w.theirs);
    send_request("ACK", "voxeme", w.cseq, "", NULL);
}
