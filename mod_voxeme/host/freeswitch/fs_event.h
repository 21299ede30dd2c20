/*
 * A FreeSWITCH event as the registry's: which headers count, and what they mean. See
 * https://developer.signalwire.com/freeswitch/ for the events; what of them can be relied upon was
 * found by recording them.
 *
 * Threads: any. No allocation, no locks.
 */
#ifndef VX_FS_EVENT_H
#define VX_FS_EVENT_H

#include "core/event.h"

#include <switch.h>

/* What a vx_event made from an event needs room for (the event's texts are borrowed from it), and
 * what else was seen. */
struct vx_fs_scratch {
    char caller_name[512];
    char sip_ip[80];
    bool loopback;  /* a leg of mod_loopback */
    bool discarded; /* a leg that the API was refused: no call of its own */
};

/* The variable of legs that were given up while they were made. */
#define VX_FS_DISCARDED "voxeme_discarded"

/* Before the first event, once. */
void vx_fs_event_init(void);

/* Fills *out. False: not about a channel. Everything in *out is borrowed from `event` and
 * `scratch`.
 */
bool vx_fs_event_read(struct vx_event *out, struct vx_fs_scratch *scratch,
                      const switch_event_t *event);

/* The call_sid of a channel: its uuid; for one that somebody gave a name that is no UUID, an
 * identifier made from that name. */
struct vx_uuid vx_fs_call_sid(const char *channel_uuid);

#endif
