/* The webhooks' thread with real sockets, and names that the test looks up: slow ones, and one that
 * turns out to mean another address. */
#include "support.h" /* first: it asks for GNU extensions */

#include "net/webhook.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000 };

/* --- names --- */

static sem_t asked, let_on, answered;

/* In front of glibc's, for libcurl: numbers and three names, one of which takes its time, one of
 * which means two addresses. */
__attribute__((visibility("default"))) int getaddrinfo(const char *name, const char *service,
                                                       const struct addrinfo *hints,
                                                       struct addrinfo **out) {
    bool slow = name && strcmp(name, "slow.example") == 0;
    bool rebound = name && strcmp(name, "rebound.example") == 0;
    bool both = name && strcmp(name, "both.example") == 0;
    struct {
        struct addrinfo info;
        struct sockaddr_in address;
    } * one;
    if (slow) {
        sem_post(&asked);
        while (sem_wait(&let_on) != 0)
            ;
        sem_post(&answered);
        return EAI_NONAME;
    }
    one = calloc(2, sizeof *one);
    if (!one)
        return EAI_MEMORY;
    for (int i = 0; i < 2; i++) {
        bool refused = rebound || (both && i == 0);
        one[i].address.sin_family = AF_INET;
        one[i].address.sin_port = htons((uint16_t)(service ? atoi(service) : 0));
        one[i].address.sin_addr.s_addr = inet_addr(refused ? "127.0.0.1" : "127.0.0.2");
        one[i].info = (struct addrinfo){.ai_family = AF_INET,
                                        .ai_socktype = hints ? hints->ai_socktype : SOCK_STREAM,
                                        .ai_addrlen = sizeof one->address,
                                        .ai_addr = (struct sockaddr *)&one[i].address};
    }
    if (both)
        one->info.ai_next = &one[1].info;
    *out = &one->info;
    return 0;
}

__attribute__((visibility("default"))) void freeaddrinfo(struct addrinfo *info) {
    free(info);
}

/* --- a receiver --- */

static int listener;
static unsigned port;

static void open_receiver(void) {
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
    socklen_t len = sizeof sa;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&sa, sizeof sa), 0);
    assert_int_equal(listen(listener, 16), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&sa, &len), 0);
    port = ntohs(sa.sin_port);
}

static char text[8192];

/* Takes one request, whose body lies in text[] then. Its connection. */
static int receive_request(void) {
    struct pollfd pfd = {.fd = listener, .events = POLLIN};
    size_t len = 0;
    assert_int_equal(poll(&pfd, 1, PATIENCE_MS), 1);
    int fd = accept(listener, NULL, NULL);
    assert_true(fd >= 0);
    do {
        ssize_t got = recv(fd, text + len, sizeof text - 1 - len, 0);
        assert_true(got > 0);
        len += (size_t)got;
        text[len] = '\0';
    } while (!strchr(text, '}'));
    return fd;
}

static void answer(int fd, const char *with) {
    assert_int_equal(send(fd, with, strlen(with), MSG_NOSIGNAL), (ssize_t)strlen(with));
}

/* Also answers it with 200 and closes. */
static void receive(void) {
    int fd = receive_request();
    answer(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    close(fd);
}

/* --- a world with webhooks --- */

static struct {
    struct vx_config *config;
    struct vx_registry *registry;
    struct vx_api *api;
    struct vx_webhooks *webhooks;
} w;

static struct vx_config *config_of(const char *settings, const char *alpha, const char *beta) {
    char xml[4096], error[512];
    snprintf(xml, sizeof xml,
             "<configuration name=\"voxeme.conf\"><settings>"
             "<param name=\"webhook-allow\" value=\"127.0.0.2\"/>%s</settings><accounts>"
             "<account sid=\"" ALPHA_SID "\"><token sha256=\"" ALPHA_SHA "\"/>"
             "<webhook url=\"http://%s:%u/\"/></account>"
             "<account sid=\"" BETA_SID "\"><webhook url=\"http://%s:%u/\"/></account>"
             "</accounts><admin><token sha256=\"" ADMIN_SHA "\"/></admin></configuration>",
             settings, alpha, port, beta, port);
    struct vx_config *config = vx_test_read(xml, NULL, error, sizeof error);
    if (!config)
        fail_msg("%s", error);
    return config;
}

static void open_world(const char *settings, const char *alpha, const char *beta) {
    char error[256];
    vx_test_capture_log();
    open_receiver();
    sem_init(&asked, 0, 0);
    sem_init(&let_on, 0, 0);
    sem_init(&answered, 0, 0);
    w.config = config_of(settings, alpha, beta);
    w.registry = vx_registry_new(w.config, &vx_clock_system);
    assert_non_null(w.registry);
    w.api = vx_api_new(w.registry, w.config, &vx_clock_system);
    assert_non_null(w.api);
    w.webhooks = vx_webhooks_start(w.api, w.registry, w.config, error, sizeof error);
    assert_non_null(w.webhooks);
}

static void close_world(void) {
    if (w.webhooks)
        vx_webhooks_stop(&w.webhooks);
    vx_api_release(&w.api);
    vx_registry_release(&w.registry);
    vx_config_release(&w.config);
    close(listener);
    assert_int_equal(vx_snapshots_memory(), 0);
}

static void tell(const char *account, enum vx_event_type type, unsigned n) {
    struct vx_event e = vx_test_event_of(account, type, n);
    assert_int_equal(vx_registry_apply(w.registry, &e), VX_APPLIED);
}

static void wait_for(sem_t *sem) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_MS / 1000;
    while (sem_timedwait(sem, &until) != 0)
        assert_int_equal(errno, EINTR);
}

/* Sum of all samples that begin so. */
static uint64_t metric(const char *name) {
    struct vx_request request = {.method = VX_GET,
                                 .path = VX_STR("/metrics"),
                                 .authorization = VX_STR("Bearer admin-token")};
    struct vx_response response;
    vx_api_invoke(w.api, &request, &response);
    assert_int_equal(response.status, 200);
    struct vx_str body;
    uint64_t sum = 0;
    assert_int_equal(vx_body_runs(response.body, 0, &body, 1), 1);
    const char *at = body.at, *end = body.at + body.len;
    while ((at = memmem(at, (size_t)(end - at), name, strlen(name)))) {
        at += strlen(name);
        sum += strtoull(memchr(at, ' ', (size_t)(end - at)), NULL, 10);
    }
    vx_response_clear(&response);
    return sum;
}

static int64_t ms_of_stop(void) {
    int64_t began = vx_mono_us(&vx_clock_system);
    vx_webhooks_stop(&w.webhooks);
    return (vx_mono_us(&vx_clock_system) - began) / 1000;
}

static void test_a_name_that_nobody_answers_for(void **state) {
    (void)state;
    open_world("", "slow.example", "fine.example");
    tell(ALPHA_SID, VX_EVENT_CREATE, 1);
    wait_for(&asked);
    tell(BETA_SID, VX_EVENT_CREATE, 2);
    receive();
    assert_non_null(strstr(text, BETA_SID));
    assert_true(ms_of_stop() < 1500);
    assert_non_null(strstr(vx_test_log_text(), "webhooks: 1 statuses were not delivered"));
    sem_post(&let_on); /* the thread of libcurl's that asked goes its own way */
    wait_for(&answered);
    close_world();
}

/* Given up in time, and its place taken by the next. */
static void test_a_slow_name_has_its_time(void **state) {
    (void)state;
    open_world("<param name=\"webhook-connect-timeout-seconds\" value=\"1\"/>"
               "<param name=\"webhook-max-requests-total\" value=\"1\"/>",
               "slow.example", "fine.example");
    tell(ALPHA_SID, VX_EVENT_CREATE, 1);
    wait_for(&asked);
    tell(BETA_SID, VX_EVENT_CREATE, 2);
    receive(); /* while the name is still being looked up */
    assert_non_null(strstr(text, BETA_SID));
    wait_for(&asked); /* tried again */
    ms_of_stop();
    sem_post(&let_on);
    sem_post(&let_on);
    wait_for(&answered);
    wait_for(&answered);
    close_world();
}

/* Long before its time is over, as another waits for its place. */
static void test_a_slow_name_gives_way(void **state) {
    (void)state;
    open_world("<param name=\"webhook-timeout-seconds\" value=\"60\"/>"
               "<param name=\"webhook-connect-timeout-seconds\" value=\"60\"/>"
               "<param name=\"webhook-max-requests-total\" value=\"1\"/>",
               "slow.example", "fine.example");
    tell(ALPHA_SID, VX_EVENT_CREATE, 1);
    wait_for(&asked);
    tell(BETA_SID, VX_EVENT_CREATE, 2);
    receive();
    assert_non_null(strstr(text, BETA_SID));
    assert_int_equal(metric("\nvoxeme_webhook_broken_off_total"), 1);
    assert_true(ms_of_stop() < 1500);
    int again; /* it may have been asked once more */
    assert_int_equal(sem_getvalue(&asked, &again), 0);
    for (int i = 0; i <= again; i++) {
        sem_post(&let_on);
        wait_for(&answered);
    }
    close_world();
}

/* However many statuses of calls that are gone wait for it. */
static void test_a_receiver_that_hangs_keeps_no_calls_out(void **state) {
    (void)state;
    open_world("<param name=\"max-call-memory\" value=\"1048576\"/>", "fine.example",
               "fine.example");
    struct vx_uuid sid, account = vx_test_uuid(ALPHA_SID);
    struct vx_scope *alpha = vx_registry_account(w.registry, &account);
    int64_t end = vx_mono_us(&vx_clock_system) + PATIENCE_MS * INT64_C(1000);
    for (unsigned n = 1; n <= 3000; n++) {
        tell(ALPHA_SID, VX_EVENT_CREATE, n);
        tell(ALPHA_SID, VX_EVENT_HANGUP, n);
        sid = vx_test_sid(n);
        assert_true(vx_registry_remove(w.registry, alpha, &sid));
        while (n % 100 == 0 && vx_snapshots_memory() && vx_mono_us(&vx_clock_system) < end)
            sched_yield(); /* until our thread has taken them in */
    }
    assert_int_equal(vx_snapshots_memory(), 0);
    assert_int_equal(metric("\nvoxeme_webhook_queued"), 6000);
    assert_in_range(metric("\nvoxeme_webhook_memory_bytes"), 6000 * 200, 6000 * 1000);
    vx_scope_release(&alpha);
    ms_of_stop();
    close_world();
}

/* The name was as good as any other when it was given. */
static void test_what_counts_is_the_address_that_is_connected_to(void **state) {
    (void)state;
    open_world("", "rebound.example", "fine.example");
    tell(ALPHA_SID, VX_EVENT_CREATE, 1);
    tell(BETA_SID, VX_EVENT_CREATE, 2);
    receive();
    assert_non_null(strstr(text, BETA_SID));
    while (metric("\nvoxeme_webhook_dropped_total{reason=\"target\"}") == 0)
        sched_yield();
    /* It is counted first. */
    while (!strstr(vx_test_log_text(), "127.0.0.1 is not in webhook-allow"))
        sched_yield();
    assert_null(strstr(vx_test_log_text(), "rebound"));
    while (metric("\nvoxeme_webhook_told_total") == 0)
        sched_yield();
    ms_of_stop();
    close_world();
}

/* It may be that only the address that is allowed is down for a while. */
static void test_one_refused_address_of_two(void **state) {
    (void)state;
    open_world("<param name=\"webhook-max-attempts\" value=\"1\"/>", "both.example",
               "both.example");
    tell(ALPHA_SID, VX_EVENT_CREATE, 1);
    receive();
    assert_int_equal(shutdown(listener, SHUT_RDWR), 0);
    tell(BETA_SID, VX_EVENT_CREATE, 2);
    while (metric("\nvoxeme_webhook_dropped_total") == 0)
        sched_yield();
    assert_int_equal(metric("\nvoxeme_webhook_dropped_total{reason=\"target\"}"), 0);
    assert_int_equal(metric("\nvoxeme_webhook_dropped_total{reason=\"attempts\"}"), 1);
    close_world();
}

static void test_a_configuration_is_taken_up(void **state) {
    (void)state;
    open_world("", "rebound.example", "fine.example");
    struct vx_config *other = config_of("", "fine.example", "rebound.example");
    vx_webhooks_configure(w.webhooks, other);
    vx_config_release(&other);
    tell(ALPHA_SID, VX_EVENT_CREATE, 1);
    receive();
    assert_non_null(strstr(text, ALPHA_SID));
    close_world();
}

/* It was made by what held before. */
static void test_a_connection_in_use_is_not_kept_over_a_reload(void **state) {
    (void)state;
    char byte;
    open_world("", "fine.example", "fine.example");
    tell(ALPHA_SID, VX_EVENT_CREATE, 1);
    int fd = receive_request();
    vx_webhooks_configure(w.webhooks, w.config);
    tell(BETA_SID, VX_EVENT_CREATE, 2);
    receive(); /* the configuration came first */
    answer(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&pfd, 1, PATIENCE_MS), 1);
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
    close(fd);
    close_world();
}

/* --- memory --- */

static void start_short_of_memory(void *ctx) {
    char error[256] = "";
    (void)ctx;
    w.config = config_of("", "fine.example", "fine.example");
    w.registry = vx_registry_new(w.config, &vx_clock_system);
    w.api = vx_api_new(w.registry, w.config, &vx_clock_system);
    assert_non_null(w.api);
    vx_test_arm();
    w.webhooks = vx_webhooks_start(w.api, w.registry, w.config, error, sizeof error);
    bool failed = vx_test_disarm();
    assert_int_equal(w.webhooks != NULL, !failed);
    assert_true(!failed || error[0]);
    vx_webhooks_stop(&w.webhooks);
    vx_api_release(&w.api);
    vx_registry_release(&w.registry);
    vx_config_release(&w.config);
}

static void test_a_start_without_memory(void **state) {
    (void)state;
    vx_test_capture_log();
    vx_test_every_allocation_fails(start_short_of_memory, NULL, true);
}

/* The failure may meet the thread as well: whatever it meets, each status is told or counted. */
static void tell_short_of_memory(void *ctx) {
    unsigned applied = 0;
    (void)ctx;
    open_world("<param name=\"webhook-max-attempts\" value=\"1\"/>", "rebound.example",
               "rebound.example");
    vx_test_arm();
    for (unsigned n = 1; n <= 3; n++) {
        struct vx_event e = vx_test_event(VX_EVENT_CREATE, n);
        applied += vx_registry_apply(w.registry, &e) == VX_APPLIED;
    }
    vx_test_disarm();
    while (metric("\nvoxeme_webhook_dropped_total") < applied)
        sched_yield();
    assert_int_equal(metric("\nvoxeme_webhook_dropped_total"), applied);
    close_world();
}

static void test_statuses_without_memory(void **state) {
    (void)state;
    vx_test_every_allocation_fails(tell_short_of_memory, NULL, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_name_that_nobody_answers_for),
        cmocka_unit_test(test_a_slow_name_has_its_time),
        cmocka_unit_test(test_a_slow_name_gives_way),
        cmocka_unit_test(test_a_receiver_that_hangs_keeps_no_calls_out),
        cmocka_unit_test(test_what_counts_is_the_address_that_is_connected_to),
        cmocka_unit_test(test_one_refused_address_of_two),
        cmocka_unit_test(test_a_configuration_is_taken_up),
        cmocka_unit_test(test_a_connection_in_use_is_not_kept_over_a_reload),
        cmocka_unit_test(test_a_start_without_memory),
        cmocka_unit_test(test_statuses_without_memory),
    };
    return cmocka_run_group_tests_name("webhook_thread", tests, NULL, NULL);
}
