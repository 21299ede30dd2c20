/*
 * A voxeme-switch's SIP stack in this process, on a clock that the test drives, and a far end: one
 * UDP socket of the test's own, on the same thread.
 */
#ifndef VX_TEST_SIP_FAR_END_H
#define VX_TEST_SIP_FAR_END_H

#include "support.h"

#include "host/sip/config_xml.h"
#include "host/sip/leg.h"
#include "host/sip/sip_stack.h"

struct vx_test_dialog {
    char call_id[128], ours[256], theirs[256];
};

struct vx_test_far_end {
    su_root_t *root;
    struct vx_loaded loaded;
    struct vx_registry *registry;
    struct vx_scope *all;
    struct vx_sip_metrics metrics;
    struct vx_command_queue *commands;
    const struct vx_host_port *port;
    struct vx_sip *sip;
    int fd;
    unsigned fd_port;
    char got[65536];              /* the message that was heard last */
    struct vx_test_dialog dialog; /* of the last INVITE that was answered or sent */
    unsigned cseq;
};
extern struct vx_test_far_end w;

/* How far sofia-sip's clock is ahead of the real one. */
extern su_duration_t vx_test_ahead_seconds;

#define PATIENT 5000
#define BRIEF   30

/* <param>s of <settings> and of <switch>. */
void vx_test_far_end_open(const char *settings, const char *switch_settings);
void vx_test_far_end_close(void);

void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* One turn of the loop; whether a message came, which is then in w.got. */
bool listens(void);
/* Whether a message that begins so comes within so many turns; others are passed over. */
bool hears(const char *beginning, int turns);
/* The value of a header of w.got. */
void header(const char *name, char *out, size_t size);
/* Answers the request in w.got; `body` is a description or NULL. */
void reply(unsigned status, const char *more, const char *body);
/* A request of the far end's within the dialog; CANCEL is of the one that was sent last. */
void request(const char *method, const char *more, const char *body);
/* The far end calls this user, and its INVITE has been sent. */
void dial(const char *user, const char *more, const char *body);
void acknowledge(void);

extern const char vx_test_sdp[];

/* --- commands --- */

struct vx_command *submit(enum vx_verb verb, const struct vx_command_args *args);
/* Waits for its end, without hearing what the far end is sent, and releases it. */
struct vx_command_result result_of(struct vx_command **command);
/* The same, and fails unless it ends so. */
void ends(struct vx_command *command, enum vx_outcome outcome);

/* The INVITE of the call that was originated last. */
extern char invite[sizeof w.got];
void reply_to_invite(unsigned status, const char *body);

/* A call of account alpha, with the sid n, to the far end. Borrowed until the next one. */
struct vx_command_args originate_args(unsigned n);
/* Does it, and hears the INVITE. */
void originate(unsigned n);

struct vx_uuid sid_of_only_inbound(void);
/* Waits until the registry has call n so. */
void becomes(unsigned n, enum vx_call_status status, unsigned sip_status);
/* Waits until no leg is left. */
void all_gone(void);

/* For cmocka, with no settings. */
int vx_test_far_end_setup(void **state);
int vx_test_far_end_teardown(void **state);

#endif
