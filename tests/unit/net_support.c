#include "net_support.h"

#include "api/api_private.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

unsigned vx_test_net_threads = 1;

void vx_test_net_open(struct vx_test_net *net, const char *settings, const struct route *routes,
                      size_t count) {
    char all[512], error[256] = "";
    snprintf(all, sizeof all, "listen=127.0.0.1:0;threads=%u;%s", vx_test_net_threads, settings);
    vx_test_service_open(&net->service, all);
    if (routes) {
        net->service.api->routes = routes;
        net->service.api->route_count = count;
    }
    net->server = vx_server_start(net->service.api, net->service.world.registry,
                                  net->service.world.config, error, sizeof error);
    if (!net->server)
        fail_msg("%s", error);
}

void vx_test_net_close(struct vx_test_net *net) {
    vx_server_stop(&net->server);
    assert_null(net->server);
    vx_test_service_close(&net->service);
}

int vx_test_dial(const struct vx_test_net *net) {
    struct sockaddr_in sa = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)vx_server_port(net->server))};
    struct timeval patience = {.tv_sec = 20};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    return fd;
}

void vx_test_say(int fd, const char *at, size_t len) {
    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        assert_true(n > 0);
        at += n;
        len -= (size_t)n;
    }
}

char vx_test_heard[262144];

unsigned vx_test_hear(int fd) {
    size_t len = 0;
    char *end = NULL, *field;
    vx_test_heard[0] = '\0';
    while (!(end = strstr(vx_test_heard, "\r\n\r\n"))) {
        ssize_t n = recv(fd, vx_test_heard + len, 1, 0);
        if (n <= 0)
            return 0;
        vx_test_heard[++len] = '\0';
    }
    field = strstr(vx_test_heard, "Content-Length: ");
    for (size_t left = field ? strtoul(field + 16, NULL, 10) : 0; left > 0;) {
        ssize_t n = recv(fd, vx_test_heard + len, left, 0);
        assert_true(n > 0);
        left -= (size_t)n;
        len += (size_t)n;
        vx_test_heard[len] = '\0';
    }
    return (unsigned)strtoul(vx_test_heard + 9, NULL, 10);
}

bool vx_test_hear_of(int fd, const char *text) {
    size_t len = 0;
    vx_test_heard[0] = '\0';
    while (!memmem(vx_test_heard, len, text, strlen(text))) { /* frames have zeroes in them */
        ssize_t n = recv(fd, vx_test_heard + len, sizeof vx_test_heard - 1 - len, 0);
        if (n <= 0)
            return false;
        len += (size_t)n;
        vx_test_heard[len] = '\0';
    }
    return true;
}

long vx_test_metric(const struct vx_test_net *net, const char *name) {
    static const char ask[] = "GET /metrics HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
                              "Authorization: Bearer admin-token\r\n\r\n";
    char key[128];
    int fd = vx_test_dial(net);
    vx_test_say(fd, ask, sizeof ask - 1);
    assert_int_equal(vx_test_hear(fd), 200);
    close(fd);
    snprintf(key, sizeof key, "\n%s ", name);
    char *at = strstr(vx_test_heard, key);
    if (!at)
        fail_msg("no %s", name);
    return strtol(at + strlen(key), NULL, 10);
}

void vx_test_nap(void) {
    struct timespec t = {.tv_nsec = 1000000};
    nanosleep(&t, NULL);
}
