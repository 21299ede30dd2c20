/*
 * N connections of one client program on one epoll, driven by lines on stdin: what is common to
 * bench_feed and bench_poll.
 *
 * usage of both: PROGRAM PORT PATH TOKEN CLIENTS
 *
 * Once every client is ready one line of JSON says so: {"ready":CLIENTS,"seconds":...}. Then each
 * line of stdin is answered by one of JSON:
 *   measure SECONDS         what came in that time
 *   count SECONDS [CHANGES] the same without a look at times; over as soon as so many have come
 *   quit                    (or the end of stdin)
 */
#ifndef BENCH_CLIENTS_H
#define BENCH_CLIENTS_H

#include "hist.h"

#include <stdbool.h>
#include <stddef.h>

#define BENCH_KEPT 64 /* bytes of what came before, for what lies across two reads */

/* Looks for changes and for the times in caller_name (see bench_touch()) in a text that comes in
 * pieces. */
struct bench_scan {
    size_t kept;
    char at[BENCH_KEPT];
};

struct bench_client {
    int fd;
    bool ready;
    struct bench_scan scan;
    void *own; /* the program's */
};

struct bench_measure {
    uint64_t changes, messages, bytes, closed, newest;
    struct bench_hist latency;
    bool timing; /* false: changes are counted, their times not looked at */
};
extern struct bench_measure bench_measure;

struct bench_protocol {
    size_t size; /* of bench_client.own, which begins as zeroes */
    /* Connected: sends what it has to. False: close. */
    bool (*start)(struct bench_client *c);
    /* Takes at[0..len), which may be written to. False: close. */
    bool (*data)(struct bench_client *c, char *at, size_t len);
};

extern const char *bench_path, *bench_token;

int bench_clients_run(int argc, char **argv, const struct bench_protocol *protocol);
/* Small: goes out at once or the client is given up. */
bool bench_client_send(struct bench_client *c, const char *at, size_t len);
void bench_client_ready(struct bench_client *c);

/* A message begins: what came before does not belong to it. */
void bench_scan_start(struct bench_scan *s);
/* Counts the changes and times of a piece. */
void bench_scan(struct bench_scan *s, const char *at, size_t len);

#endif
