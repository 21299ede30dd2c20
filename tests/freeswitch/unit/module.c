#include "module.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static void add_pairs(switch_event_t *event, va_list ap) {
    const char *name;

    while ((name = va_arg(ap, const char *)))
        double_event_add(event, name, va_arg(ap, const char *));
}

switch_event_t *fs_event(switch_event_types_t type, const char *uuid, ...) {
    switch_event_t *event = double_event(type);
    va_list ap;

    if (uuid)
        double_event_add(event, "Unique-ID", uuid);
    va_start(ap, uuid);
    add_pairs(event, ap);
    va_end(ap);
    return event;
}

void fs_fire(switch_event_t *event) {
    double_fire(event);
    switch_event_destroy(&event);
}

switch_event_t *fs_inbound(switch_event_types_t type, const char *uuid, const char *progress,
                           const char *answered) {
    return fs_event(type, uuid, "Call-Direction", "inbound", "Caller-Caller-ID-Number", "1508",
                    "Caller-Caller-ID-Name", "Zoe", "Caller-Destination-Number", "1001",
                    "variable_voxeme_account_sid", ALPHA_SID, "Caller-Channel-Created-Time",
                    CREATED, "Caller-Channel-Progress-Time", progress ? progress : "0",
                    "Caller-Channel-Answered-Time", answered ? answered : "0", NULL);
}

void fs_load(void) {
    size_t listed = double_listed();

    double_config(CONFIG(ANY_PORT PARAM("audit-seconds", "3600"), ACCOUNTS(DEMO)));
    double_log_clear();
    if (double_load() != SWITCH_STATUS_SUCCESS)
        fail_msg("not loaded: %s", double_log());
    double_wait_listed(listed + 1);
    assert_true(fs_says("audit", "+OK"));
}

void fs_unload(void) {
    assert_int_equal(double_unload(), SWITCH_STATUS_SUCCESS);
    double_channels_gone();
    assert_int_equal(double_bound(), 0);
    assert_int_equal(double_left(), 0);
}

bool fs_says(const char *arguments, const char *text) {
    const char *said = double_command(arguments);

    if (strstr(said, text))
        return true;
    print_error("voxeme %s: '%s' is not in '%s'\n", arguments ? arguments : "", text, said);
    return false;
}

unsigned fs_port(void) {
    const char *url = strstr(double_command("status"), "http://127.0.0.1:");

    assert_non_null(url);
    return (unsigned)strtoul(url + strlen("http://127.0.0.1:"), NULL, 10);
}

static bool connected(int fd, unsigned port) {
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    return connect(fd, (struct sockaddr *)&to, sizeof to) == 0;
}

bool fs_listens(unsigned port) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool listens = connected(fd, port);

    close(fd);
    return listens;
}

int fs_ask_to_hang_up(unsigned port, const char *call_sid) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_true(connected(fd, port));
    dprintf(fd,
            "DELETE /v1/Accounts/" ALPHA_SID "/Calls/%s HTTP/1.1\r\nHost: a\r\n"
            "Authorization: Bearer alpha-token\r\n\r\n",
            call_sid);
    return fd;
}

int fs_ask_for_a_call(unsigned port) {
    static const char body[] = "{\"from\":\"1\",\"timeout\":1,"
                               "\"to\":{\"type\":\"sip\",\"sipUri\":\"sip:bob@192.0.2.1\"},"
                               "\"call_hook\":\"https://example.com/\","
                               "\"speech_synthesis_vendor\":\"google\","
                               "\"speech_synthesis_language\":\"en-US\","
                               "\"speech_synthesis_voice\":\"en-US-Standard-C\","
                               "\"speech_recognizer_vendor\":\"google\","
                               "\"speech_recognizer_language\":\"en-US\"}";
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_true(connected(fd, port));
    dprintf(fd,
            "POST /v1/Accounts/" ALPHA_SID "/Calls HTTP/1.1\r\nHost: a\r\n"
            "Authorization: Bearer alpha-token\r\nContent-Type: application/json\r\n"
            "Content-Length: %zu\r\n\r\n%s",
            sizeof body - 1, body);
    return fd;
}
