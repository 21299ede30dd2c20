/* The server on a socket of its own, for its tests, and clients that speak to it byte by byte. */
#ifndef VX_TEST_NET_SUPPORT_H
#define VX_TEST_NET_SUPPORT_H

#include "api_support.h"

#include "net/server.h"

struct route;

/* Threads of the servers that are opened from now on; 1 at first. */
extern unsigned vx_test_net_threads;
/* Runs the tests with one thread, and again with three; how many have failed. */
#define vx_test_net_run(name, tests)                                                               \
    ((vx_test_net_threads = 1), cmocka_run_group_tests_name(name, tests, NULL, NULL)) +            \
        ((vx_test_net_threads = 3),                                                                \
         cmocka_run_group_tests_name(name ", 3 threads", tests, NULL, NULL))

struct vx_test_net {
    struct vx_test_service service;
    struct vx_server *server;
};

/* `routes`: instead of those of the API; NULL for these. */
void vx_test_net_open(struct vx_test_net *net, const char *settings, const struct route *routes,
                      size_t count);
void vx_test_net_close(struct vx_test_net *net);

int vx_test_dial(const struct vx_test_net *net);
void vx_test_say(int fd, const char *at, size_t len);
/* Reads one answer: its status; vx_test_heard[] holds all of it. 0: the connection is closed. */
unsigned vx_test_hear(int fd);
/* Reads on until `text` has come. False: the connection is closed. */
bool vx_test_hear_of(int fd, const char *text);
extern char vx_test_heard[262144];

/* A row of /metrics. */
long vx_test_metric(const struct vx_test_net *net, const char *name);

void vx_test_nap(void);

#endif
