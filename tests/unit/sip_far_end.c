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

/* Of an account, by what a route sets. */
#define SETS(to, name, value)                                                                      \
    "<route to=\"" to "\" action=\"bridge\" target=\"sip:bridged@127.0.0.1:%u\"><set name=\"" name \
    "\" value=\"" value "\"/></route>"
#define OTHERS                                                                                     \
    SETS("3000", "voxeme_account_sid", BETA_SID)                                                   \
    SETS("4000", "accountcode", "beta")                                                            \
    SETS("5000", "voxeme_account_sid", ALPHA_SID) SETS("6000", "accountcode", "alpha")

void vx_test_far_end_open(const char *settings, const char *switch_settings) {
    char error[512], config[4096];

    memset(&w, 0, sizeof w);
    vx_test_ahead_seconds = 0;
    open_socket();
    snprintf(config, sizeof config,
             "<configuration name=\"voxeme.conf\"><settings>%s</settings><accounts><account "
             "sid=\"" ALPHA_SID "\" name=\"alpha\"/><account sid=\"" BETA_SID
             "\" name=\"beta\"/></accounts><switch><param name=\"sip-listen\" "
             "value=\"127.0.0.1:0\"/>%s<routes><route to=\"1000\" action=\"answer\"/>"
             "<route to=\"180\" action=\"ring\"/><route to=\"2000\" action=\"bridge\" "
             "target=\"sip:bridged@127.0.0.1:%u\"/>" OTHERS "</routes></switch></configuration>",
             settings, switch_settings, w.fd_port, w.fd_port, w.fd_port, w.fd_port, w.fd_port);
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
        snprintf(w.dialog.call_id, sizeof w.dialog.call_id, "%s", call_id);
        snprintf(w.dialog.ours, sizeof w.dialog.ours, "%s", tagged);
        snprintf(w.dialog.theirs, sizeof w.dialog.theirs, "%s", from);
    }
    say("SIP/2.0 %u Whatever\r\nVia: %s\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\n"
        "Contact: <sip:far@127.0.0.1:%u>\r\nAllow: INVITE, ACK, BYE, CANCEL, INFO, UPDATE\r\n"
        "%s%sContent-Length: %zu\r\n\r\n%s",
        status, via, from, tagged, call_id, cseq, w.fd_port, more ? more : "",
        body ? "Content-Type: application/sdp\r\n" : "", body ? strlen(body) : 0, body ? body : "");
}

static unsigned branch;

static void send_request(const char *method, const char *user, unsigned cseq, const char *more,
                         const char *body) {
    branch += strcmp(method, "CANCEL") != 0; /* whose is the INVITE's */
    say("%s sip:%s@127.0.0.1:%u SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKf%u\r\n"
        "From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %u %s\r\nContact: <sip:far@127.0.0.1:%u>\r\n"
        "Max-Forwards: 70\r\n%s%sContent-Length: %zu\r\n\r\n%s",
        method, user, vx_sip_port(w.sip), w.fd_port, branch, w.dialog.ours, w.dialog.theirs,
        w.dialog.call_id, cseq, method, w.fd_port, more ? more : "",
        body ? "Content-Type: application/sdp\r\n" : "", body ? strlen(body) : 0, body ? body : "");
}

void request(const char *method, const char *more, const char *body) {
    w.cseq += strcmp(method, "ACK") != 0 && strcmp(method, "CANCEL") != 0;
    send_request(method, "voxeme", w.cseq, more, body);
}

void dial(const char *user, const char *more, const char *body) {
    static unsigned number;

    snprintf(w.dialog.call_id, sizeof w.dialog.call_id, "far-%u", ++number);
    snprintf(w.dialog.ours, sizeof w.dialog.ours, "<sip:far@127.0.0.1>;tag=far");
    snprintf(w.dialog.theirs, sizeof w.dialog.theirs, "<sip:%s@127.0.0.1>", user);
    w.cseq++;
    send_request("INVITE", user, w.cseq, more, body);
}

void acknowledge(void) {
    header("To", w.dialog.theirs, sizeof w.dialog.theirs);
    send_request("ACK", "voxeme", w.cseq, "", NULL);
}

/* --- commands --- */

struct vx_command *submit(enum vx_verb verb, const struct vx_command_args *args) {
    struct vx_command *c = vx_command_new(verb, args, NULL, NULL);

    assert_non_null(c);
    assert_true(w.port->submit(w.port->ctx, c));
    return c;
}

static const char *const outcomes[] = {"done", "no call", "not now", "unable", "refused", "failed"};

/* Waits for its end, without hearing what the far end is sent. */
struct vx_command_result result_of(struct vx_command **c) {
    struct vx_command_result result;

    for (int i = 0; i < PATIENT && !vx_command_result(*c, &result); i++)
        su_root_step(w.root, 1);
    assert_true(vx_command_result(*c, &result));
    vx_command_release(c);
    return result;
}

void ends(struct vx_command *c, enum vx_outcome outcome) {
    struct vx_command_result result = result_of(&c);

    assert_string_equal(outcomes[result.outcome], outcomes[outcome]);
}

struct vx_uuid sid_of_only_inbound(void) {
    for (struct vx_leg *leg = w.sip->legs; leg; leg = leg->next)
        if (leg->facts.event.direction == VX_INBOUND)
            return leg->facts.event.call_sid;
    fail_msg("no inbound leg");
    return (struct vx_uuid){0};
}

static char target[64];
char invite[sizeof w.got];

/* Answers that INVITE, whatever has been heard since. */
void reply_to_invite(unsigned status, const char *body) {
    memcpy(w.got, invite, sizeof invite);
    reply(status, "", body);
}

struct vx_command_args originate_args(unsigned n) {
    snprintf(target, sizeof target, "sip:bob@127.0.0.1:%u", w.fd_port);
    return (struct vx_command_args){.call_sid = vx_test_sid(n),
                                    .account_sid = vx_test_uuid(ALPHA_SID),
                                    .application_sid = vx_test_uuid(APP_SID),
                                    .target = vx_str(target),
                                    .from = VX_STR("15083728299"),
                                    .to = VX_STR("+15083084809"),
                                    .tag = VX_STR("{\"a\":1}")};
}

void originate(unsigned n) {
    struct vx_command_args args = originate_args(n);

    ends(submit(VX_VERB_ORIGINATE, &args), VX_OUTCOME_DONE);
    vx_test_expect(w.all, n, VX_CALL_TRYING, 100);
    assert_true(hears("INVITE sip:bob@127.0.0.1", PATIENT));
    memcpy(invite, w.got, sizeof invite);
}

/* Waits until the registry has it so. */
void becomes(unsigned n, enum vx_call_status status, unsigned sip_status) {
    struct vx_uuid sid = vx_test_sid(n);

    for (int i = 0; i < PATIENT; i++) {
        struct vx_snapshot *call = vx_scope_find(w.all, &sid);
        bool reached = call && vx_snapshot_status(call) == status;
        vx_snapshot_release(&call);
        if (reached)
            break;
        su_root_step(w.root, 1);
    }
    vx_test_expect(w.all, n, status, sip_status);
}

void all_gone(void) {
    for (int i = 0; i < PATIENT && w.sip->legs; i++)
        listens();
    assert_null(w.sip->legs);
    assert_int_equal(w.sip->index.count, 0);
    assert_int_equal(atomic_load(&w.metrics.calls), 0);
    assert_int_equal(atomic_load(&w.metrics.legs), 0);
}

/* A test may have begun to stop it. */
static void stopped(void *ctx) {
    (void)ctx;
}

void vx_test_far_end_close(void) {
    vx_sip_stop(w.sip, stopped, NULL);
    while (w.sip->done)
        if (listens() && strncmp(w.got, "SIP/2.0 ", 8) != 0 && strncmp(w.got, "ACK ", 4) != 0)
            reply(strncmp(w.got, "INVITE ", 7) == 0 ? 486 : 200, "", NULL);
    if (vx_sip_release(&w.sip))
        su_root_destroy(w.root);
    vx_command_queue_release(&w.commands);
    vx_scope_release(&w.all);
    vx_registry_release(&w.registry);
    vx_loaded_clear(&w.loaded);
    close(w.fd);
    su_deinit();
}

int vx_test_far_end_setup(void **state) {
    (void)state;
    vx_test_far_end_open("", "");
    return 0;
}

int vx_test_far_end_teardown(void **state) {
    (void)state;
    vx_test_far_end_close();
    return 0;
}
