/*
 * Whether anything has come in since this was last asked, at a price that does not grow with the
 * number of connections: poll(), which lws waits with, looks at each of them, a quarter of a
 * millisecond for a thousand. Work that can be broken off goes on while nobody knocks.
 *
 * A hint only: lws is who reads. What cannot be watched is served when the work's time is over.
 *
 * Threads: one; the network thread.
 */
#ifndef VX_ARRIVALS_H
#define VX_ARRIVALS_H

#include <stdbool.h>

/* A descriptor (epoll's), the caller's to close; -1, with errno, when there is none. */
int vx_arrivals_open(void);
/* From now on, until that descriptor is closed. */
void vx_arrivals_watch(int arrivals, int fd);
/* Each arrival is told once, what is left unread is no news; false where it has been read. */
bool vx_arrivals_any(int arrivals);

#endif
