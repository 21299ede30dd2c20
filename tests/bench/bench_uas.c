/*
 * sofia-sip's own ceiling: a SIP server on its nua that answers every call and keeps nothing of it.
 * The reference of voxeme-switch.
 *
 * usage: bench_uas PORT
 *
 * Prints {"port":...,"pid":...} once it is there. Ends with its stdin.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct uas;
#define NUA_MAGIC_T     struct uas
#define NUA_HMAGIC_T    struct uas
#define SU_ROOT_MAGIC_T void

/* Its inline functions do not pass our warnings. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual"
#pragma GCC diagnostic ignored "-Wundef"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#include <sofia-sip/nua.h>
#include <sofia-sip/nua_tag.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/su_log.h>
#include <sofia-sip/su_wait.h>
#include <sofia-sip/tport_tag.h>
#pragma GCC diagnostic pop

#define SDP                                                                                        \
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"                    \
    "m=audio 9 RTP/AVP 0\r\n"

static void on_event(nua_event_t event, int status, char const *phrase, nua_t *nua, struct uas *uas,
                     nua_handle_t *nh, struct uas *handle, sip_t const *sip, tagi_t tags[]) {
    (void)status;
    (void)phrase;
    (void)nua;
    (void)uas;
    (void)handle;
    (void)sip;
    (void)tags;
    if (event == nua_i_invite)
        nua_respond(nh, SIP_200_OK, SIPTAG_CONTENT_TYPE_STR("application/sdp"),
                    SIPTAG_PAYLOAD_STR(SDP), TAG_END());
    else if (event == nua_i_terminated)
        nua_handle_destroy(nh);
}

static void *end_with_stdin(void *ctx) {
    char byte;

    (void)ctx;
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
    _exit(0);
}

int main(int argc, char **argv) {
    su_root_t *root;
    pthread_t watcher;
    nua_t *nua;
    char url[64];

    if (argc != 2)
        return 2;
    snprintf(url, sizeof url, "sip:127.0.0.1:%u", (unsigned)strtoul(argv[1], NULL, 10));
    su_init();
    su_log_set_level(NULL, 0);
    root = su_root_create(NULL);
    if (!root || su_root_threading(root, 0) < 0)
        return 1;
    nua = nua_create(root, on_event, NULL, NUTAG_URL(url), NUTAG_MEDIA_ENABLE(0), NUTAG_AUTOACK(1),
                     NUTAG_AUTOANSWER(0), NUTAG_SESSION_TIMER(0), TPTAG_UDP_RMEM(1024 * 1024),
                     TPTAG_UDP_WMEM(1024 * 1024), TAG_END());
    if (!nua || pthread_create(&watcher, NULL, end_with_stdin, NULL) != 0)
        return 1;
    printf("{\"port\":%s,\"pid\":%d}\n", argv[1], (int)getpid());
    fflush(stdout);
    su_root_run(root);
    return 0;
}
