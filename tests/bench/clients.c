#include "config.h"

#include "clients.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define AT_ONCE   64 /* connections that are not ready yet */
#define READ_SIZE (512 * 1024)
#define EVENTS    256

struct bench_measure bench_measure;
const char *bench_path, *bench_token;

static struct {
    const struct bench_protocol *protocol;
    struct bench_client *clients;
    unsigned port;
    size_t wanted, opened, ready;
    int epoll;
    int64_t began, until; /* of the measurement; until 0: none */
    uint64_t enough;      /* changes, with which it is over; 0: none are */
    double cpu;
    bool told;
} all;

/* --- looking for changes --- */

#define EVENT     "{\"event\":\""
#define EVENT_LEN (sizeof EVENT - 1)
#define NAME      "\"caller_name\":\"t"
#define NAME_LEN  (sizeof NAME - 1)
#define DIGITS    19
#define LEAST     64 /* no change is shorter */

static void count_changes(const char *at, size_t len, size_t old) {
    const char *end = at + len, *p = at;

    while ((p = memmem(p, (size_t)(end - p), EVENT, EVENT_LEN))) {
        bench_measure.changes += (size_t)(p - at) + EVENT_LEN > old;
        p += end - p < LEAST ? end - p : LEAST;
    }
}

static void take_times(const char *at, size_t len, size_t old, int64_t now) {
    const char *end = at + len, *p = at;

    while ((p = memmem(p, (size_t)(end - p), NAME, NAME_LEN))) {
        int64_t then = 0;

        p += NAME_LEN;
        if (end - p < DIGITS)
            return;
        for (int i = 0; i < DIGITS; i++)
            then = then * 10 + (p[i] - '0');
        p += DIGITS;
        if ((size_t)(p - at) > old && then > all.began)
            bench_hist_add(&bench_measure.latency, now - then);
    }
}

void bench_scan_start(struct bench_scan *s) {
    s->kept = 0;
}

static void look(const char *at, size_t len, size_t old) {
    count_changes(at, len, old);
    if (bench_measure.timing)
        take_times(at, len, old, bench_now());
}

void bench_scan(struct bench_scan *s, const char *at, size_t len) {
    char seam[2 * BENCH_KEPT];
    size_t head = len < BENCH_KEPT ? len : BENCH_KEPT, both = s->kept + head, keep;

    memcpy(seam, s->at, s->kept);
    memcpy(seam + s->kept, at, head);
    if (s->kept)
        look(seam, both, s->kept);
    /* What ends in the head was counted with the seam. */
    if (len > head || !s->kept)
        look(at, len, s->kept ? head : 0);
    if (len >= BENCH_KEPT) {
        memcpy(s->at, at + len - BENCH_KEPT, BENCH_KEPT);
        s->kept = BENCH_KEPT;
        return;
    }
    keep = both < BENCH_KEPT ? both : BENCH_KEPT;
    memcpy(s->at, seam + both - keep, keep);
    s->kept = keep;
}

/* --- connections --- */

static void give_up(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

bool bench_client_send(struct bench_client *c, const char *at, size_t len) {
    return send(c->fd, at, len, MSG_NOSIGNAL) == (ssize_t)len;
}

void bench_client_ready(struct bench_client *c) {
    if (!c->ready)
        all.ready++;
    c->ready = true;
}

static void open_client(struct bench_client *c) {
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)all.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0)
        give_up("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    c->own = calloc(1, all.protocol->size);
    if (!c->own || epoll_ctl(all.epoll, EPOLL_CTL_ADD, c->fd, &event) != 0 ||
        !all.protocol->start(c))
        give_up("client");
}

static void open_more(void) {
    while (all.opened < all.wanted && all.opened - all.ready < AT_ONCE)
        open_client(&all.clients[all.opened++]);
}

static void read_client(struct bench_client *c) {
    static char buffer[READ_SIZE];
    ssize_t n = recv(c->fd, buffer, sizeof buffer, 0);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0) {
        bench_measure.bytes += (uint64_t)n;
        if (all.protocol->data(c, buffer, (size_t)n))
            return;
    }
    bench_measure.closed++;
    close(c->fd);
    c->fd = -1;
    if (!all.told) {
        fprintf(stderr, "a client was refused or closed: %.*s\n", (int)(n > 0 && n < 200 ? n : 0),
                buffer);
        exit(1);
    }
}

/* --- orders --- */

static double cpu_used(void) {
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void begin(double seconds, bool timing, uint64_t enough) {
    memset(&bench_measure, 0, sizeof bench_measure);
    bench_measure.timing = timing;
    all.enough = enough;
    all.began = bench_now();
    all.until = all.began + (int64_t)(seconds * 1e9);
    all.cpu = cpu_used();
}

static void finish(int64_t now) {
    all.until = 0;
    printf("{\"seconds\":%.6f,\"cpu\":%.6f,\"changes\":%llu,\"messages\":%llu,\"bytes\":%llu,"
           "\"closed\":%llu,",
           (double)(now - all.began) / 1e9, cpu_used() - all.cpu,
           (unsigned long long)bench_measure.changes, (unsigned long long)bench_measure.messages,
           (unsigned long long)bench_measure.bytes, (unsigned long long)bench_measure.closed);
    bench_hist_print(&bench_measure.latency, "latency");
    printf("}\n");
}

/* False: it is over. */
static bool obey(void) {
    char line[128];
    ssize_t n = read(STDIN_FILENO, line, sizeof line - 1);
    unsigned long long enough = 0;
    double seconds;

    if (n <= 0)
        return n < 0 && errno == EINTR;
    line[n] = '\0';
    if (sscanf(line, "measure %lf", &seconds) == 1)
        begin(seconds, true, 0);
    else if (sscanf(line, "count %lf %llu", &seconds, &enough) >= 1)
        begin(seconds, false, enough);
    else
        return false;
    return true;
}

/* While times are measured it does not sleep: waking the process that reads is work for the kernel
 * of who sends (an interrupt to the other core, which takes a virtual machine's host to deliver).
 * No server pays that for a client that is not on its own machine. */
static int wait_ms(void) {
    int64_t left = all.until - bench_now();

    return !all.until ? -1 : left <= 0 || bench_measure.timing ? 0 : (int)(left / 1000000 + 1);
}

static bool turn(void) {
    struct epoll_event events[EVENTS];
    int n = epoll_wait(all.epoll, events, EVENTS, wait_ms());
    int64_t now;

    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr)
            read_client(events[i].data.ptr);
        else if (!obey())
            return false;
    }
    open_more();
    now = bench_now();
    if (!all.told && all.ready == all.wanted) {
        all.told = true;
        printf("{\"ready\":%zu,\"seconds\":%.6f}\n", all.ready, (double)(now - all.began) / 1e9);
    }
    if (all.until && (now >= all.until || (all.enough && bench_measure.changes >= all.enough)))
        finish(now);
    return true;
}

static void raise_file_limit(void) {
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int bench_clients_run(int argc, char **argv, const struct bench_protocol *protocol) {
    struct epoll_event event = {.events = EPOLLIN};

    if (argc != 5) {
        fprintf(stderr, "usage: %s PORT PATH TOKEN CLIENTS\n", argv[0]);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    raise_file_limit();
    all.protocol = protocol;
    all.port = (unsigned)strtoul(argv[1], NULL, 10);
    bench_path = argv[2];
    bench_token = argv[3];
    all.wanted = strtoul(argv[4], NULL, 10);
    all.clients = calloc(all.wanted + 1, sizeof *all.clients);
    all.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!all.clients || all.epoll < 0 ||
        epoll_ctl(all.epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0)
        give_up("epoll");
    all.began = bench_now();
    open_more();
    while (turn())
        continue;
    return 0;
}
