/*
 * What has come in since this was last asked, at a price that does not grow with the number of
 * connections: poll(), which lws waits with, looks at each of them, a quarter of a millisecond for
 * a thousand, and twice that when it has to wait. So the loop waits here, and asks lws only when
 * somebody has knocked; and work that can be broken off goes on while nobody does.
 *
 * Each arrival is told once (epoll, edge-triggered): what is left unread or unsent is no news. One
 * that has been dealt with meanwhile may be told, too.
 *
 * Threads: one; its worker's.
 */
#ifndef VX_ARRIVALS_H
#define VX_ARRIVALS_H

#include <stdbool.h>

/* A descriptor (epoll's), the caller's to close; -1, with errno, when there is none. */
int vx_arrivals_open(void);
/* Tells from now on, until that descriptor is closed, when there is something to read, or again
 * room to write, or the other side has closed. False: no memory. */
bool vx_arrivals_watch(int arrivals, int fd);
/* The same for an eventfd: it ends the wait, and is no arrival. Nobody need read it. */
bool vx_arrivals_watch_bell(int arrivals, int fd);
/* Waits for that long at most. Whether anything has come. */
bool vx_arrivals_take(int arrivals, int timeout_ms);

#endif
