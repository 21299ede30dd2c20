/*
 * What libwebsockets itself does: a bare broadcaster, one message to a frame, one frame to a
 * writable callback, nothing else. The reference of the feed.
 *
 * usage: bench_lws CLIENTS RATE
 *
 * Prints {"port":...,"pid":...}; when so many clients are there, sends each of them a message of
 * one change of a call: at RATE messages a second, or one after the other as fast as they go out
 * (0). A negative RATE sends one message to each client and is then silent. Ends with its stdin.
 */
#include "hist.h"

#include <inttypes.h>
#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define SENT_MAX 65536 /* times of messages that somebody may still have to get */

struct session {
    uint64_t next; /* message that it gets next */
};

static struct {
    struct lws_context *context;
    unsigned wanted, there;
    double rate;
    uint64_t messages;
    int64_t began, sent[SENT_MAX];
    lws_sorted_usec_list_t timer;
} b;

/* As long as one change of one call in the feed. */
static size_t render(char *out, size_t size, uint64_t revision, int64_t sent) {
    int len = snprintf(
        out, size,
        "{\"type\":\"changes\",\"revision\":\"5d41402abc4b2a76.%" PRIu64 "\",\"changes\":["
        "{\"event\":\"updated\",\"call\":{\"account_sid\":\"5f8e8f60-4771-44cb-92a6-94ea66df0450\","
        "\"answered_at\":\"2021-05-30T12:22:27.323Z\",\"attempted_at\":\"2021-05-30T12:22:24."
        "123Z\","
        "\"call_id\":\"a173fe94-3be1-123a-28b2-0efdfb356c0d\","
        "\"call_sid\":\"fe2a7f5e-1a1b-4b0d-9a38-0c3b1c2a3d4e\",\"call_status\":\"in-progress\","
        "\"caller_name\":\"t%019" PRId64 "\",\"direction\":\"inbound\",\"from\":\"15083728299\","
        "\"service_url\":\"http://172.31.32.144:3000\",\"sip_status\":200,"
        "\"to\":\"15083084809\"}}]}",
        revision, sent);

    return (size_t)len;
}

static void next_message(lws_sorted_usec_list_t *timer);

static void schedule(void) {
    int64_t due = b.began + (int64_t)(1e9 * (double)b.messages / b.rate), left = due - bench_now();

    lws_sul_schedule(b.context, 0, &b.timer, next_message, left > 1000 ? left / 1000 : 1);
}

static const struct lws_protocols protocols[];

static void next_message(lws_sorted_usec_list_t *timer) {
    int64_t now = bench_now();

    (void)timer;
    while (b.began + (int64_t)(1e9 * (double)b.messages / b.rate) <= now)
        b.sent[b.messages++ % SENT_MAX] = now;
    lws_callback_on_writable_all_protocol(b.context, &protocols[0]);
    schedule();
}

static void begin(void) {
    b.began = bench_now();
    if (b.rate > 0)
        schedule();
    else
        lws_callback_on_writable_all_protocol(b.context, &protocols[0]);
}

static int write_one(struct lws *wsi, struct session *s) {
    static unsigned char buffer[LWS_PRE + 1024];
    uint64_t message = s->next++;
    size_t len = render((char *)buffer + LWS_PRE, 1024, message,
                        b.rate > 0 ? b.sent[message % SENT_MAX] : bench_now());

    if (lws_write(wsi, buffer + LWS_PRE, len, LWS_WRITE_TEXT) < (int)len)
        return -1;
    if (b.rate == 0 || (b.rate > 0 && s->next < b.messages))
        lws_callback_on_writable(wsi);
    return 0;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *session, void *in,
                    size_t len) {
    struct session *s = session;

    (void)in;
    (void)len;
    if (reason == LWS_CALLBACK_ESTABLISHED) {
        s->next = b.messages;
        if (++b.there == b.wanted)
            begin();
        else
            lws_callback_on_writable(wsi);
        return 0;
    }
    if (reason != LWS_CALLBACK_SERVER_WRITEABLE)
        return 0;
    if (b.there < b.wanted) { /* the first message, which tells a client that it is in */
        static unsigned char hello[LWS_PRE + 2] = {[LWS_PRE] = '{', [LWS_PRE + 1] = '}'};
        return lws_write(wsi, hello + LWS_PRE, 2, LWS_WRITE_TEXT) < 2 ? -1 : 0;
    }
    if (b.rate > 0 && s->next >= b.messages)
        return 0;
    return write_one(wsi, s);
}

static const struct lws_protocols protocols[] = {
    {"voxeme.calls.v1", on_event, sizeof(struct session), 4096, 0, NULL, 0},
    {NULL, NULL, 0, 0, 0, NULL, 0},
};

static void *end_with_stdin(void *ctx) {
    char byte;

    (void)ctx;
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
    _exit(0);
}

int main(int argc, char **argv) {
    struct lws_context_creation_info info = {.port = 0,
                                             .iface = "127.0.0.1",
                                             .protocols = protocols,
                                             .gid = (gid_t)-1,
                                             .uid = (uid_t)-1};
    struct rlimit limit;
    struct lws_vhost *vhost;
    pthread_t watcher;

    if (argc != 3) {
        fprintf(stderr, "usage: bench_lws CLIENTS RATE\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    b.wanted = (unsigned)strtoul(argv[1], NULL, 10);
    b.rate = strtod(argv[2], NULL);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max < 65536 ? limit.rlim_max : 65536;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    lws_set_log_level(LLL_ERR, NULL);
    info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
    b.context = lws_create_context(&info);
    vhost = b.context ? lws_create_vhost(b.context, &info) : NULL;
    if (!vhost || pthread_create(&watcher, NULL, end_with_stdin, NULL) != 0)
        return 1;
    printf("{\"port\":%d,\"pid\":%d}\n", lws_get_vhost_listen_port(vhost), (int)getpid());
    while (lws_service(b.context, 0) >= 0)
        continue;
    return 0;
}
