/*
 * The host port: what a host tells the registry about a call. A host fills a vx_event on its stack
 * with whatever it knows at that moment and calls vx_registry_apply(); it never needs to know what
 * the registry already has. Events may come late, twice and out of order.
 */
#ifndef VX_EVENT_H
#define VX_EVENT_H

#include "core/addr.h"
#include "core/hook.h"
#include "core/sip.h"
#include "core/uuid.h"

#define VX_TAG_BYTES 4096

enum vx_direction { VX_DIRECTION_UNKNOWN, VX_INBOUND, VX_OUTBOUND };

enum vx_event_type {
    VX_EVENT_CREATE,   /* the leg exists: trying, 100 */
    VX_EVENT_PROGRESS, /* it rings: ringing, 180 */
    VX_EVENT_MEDIA,    /* it sends media before the answer: early-media, 183 */
    VX_EVENT_ANSWER,   /* in-progress, 200 */
    VX_EVENT_UPDATE,   /* says more about the call, changes no status (a variable set, a Call-ID
                          learnt) */
    VX_EVENT_HANGUP,   /* it is over */
    VX_EVENT_RENAME,   /* its call_sid was renamed_from until now */
};

/* What may tell the account of a call, strongest first: see section "Accounts" of the README. */
struct vx_account_evidence {
    struct vx_str variable;    /* channel variable voxeme_account_sid */
    struct vx_str header;      /* SIP header X-Account-Sid; counts only when `source` is trusted */
    struct vx_str accountcode; /* sid or name of an account */
    struct vx_str domain;      /* host part of the request URI */
    struct vx_str auth_domain; /* realm or domain of the authenticated user */
    struct vx_addr source;     /* where the INVITE came from */
};

/*
 * Everything is borrowed for the call of vx_registry_apply(). Texts that are not given are VX_NONE,
 * times 0, identifiers nil, sip_status 0. Texts may hold any bytes; those longer than
 * `max-field-bytes` are cut.
 */
struct vx_event {
    enum vx_event_type type;
    enum vx_direction direction;
    struct vx_uuid call_sid;
    struct vx_uuid renamed_from;
    struct vx_uuid parent_call_sid;
    struct vx_str call_id; /* SIP Call-ID of this leg */
    struct vx_str from, to, caller_name;
    struct vx_str application_sid; /* channel variable voxeme_application_sid */
    struct vx_str
        application_sid_header; /* X-Application-Sid; counts only when the source is trusted */
    struct vx_str originating_sip_ip; /* "ip:port", inbound legs */
    struct vx_str originating_sip_trunk_name;
    struct vx_str sip_reason; /* reason phrase of sip_status */
    struct vx_str cause;      /* the host's own word for why it ended, e.g. NORMAL_CLEARING */
    /* A JSON object, compact, no longer than VX_TAG_BYTES: replaces the one that the call has. It
     * is put into the call's JSON as it is. */
    struct vx_str tag;
    struct vx_hook *status_hook; /* where its status is told from now on; NULL: not said */
    int64_t attempted_us, answered_us, ended_us; /* wall clock, microseconds */
    /* The host's own order of its events; 0 when it has none. Among events that arrive out of order
     * the earliest decides what was seen first. */
    uint64_t sequence;
    uint16_t sip_status; /* response of this leg, as far as the host knows one */
    struct vx_account_evidence evidence;
};

#endif
