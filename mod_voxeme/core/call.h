/*
 * What readers see of a call: an immutable, reference-counted snapshot. It is made anew at every
 * visible change; its JSON is rendered once, by the first reader that asks.
 *
 * Threads: a snapshot may be used on any thread by whoever holds a reference. Snapshots must be
 * gone before the registry that made them is released.
 */
#ifndef VX_CALL_H
#define VX_CALL_H

#include "core/buf.h"
#include "core/event.h"

struct vx_snapshot;

enum vx_call_text {
    VX_TEXT_FROM,
    VX_TEXT_TO,
    VX_TEXT_CALLER_NAME,
    VX_TEXT_CALL_ID,
    VX_TEXT_SIP_IP,
    VX_TEXT_TRUNK,
    VX_TEXT_SIP_REASON,
    VX_TEXT_TERMINATION,
    VX_TEXT_TAG, /* a JSON object, which goes as it is into the JSON of the call */
    VX_TEXT_COUNT
};

/* The fields of a snapshot while one is being made, or read back. Texts are borrowed. */
struct vx_call_fields {
    struct vx_uuid call_sid;
    struct vx_uuid account_sid;     /* nil: unassigned */
    struct vx_uuid application_sid; /* nil: none */
    struct vx_uuid parent_call_sid; /* nil: none */
    int64_t attempted_us, answered_us, ended_us;
    enum vx_call_status status;
    enum vx_direction direction;
    uint16_t sip_status;
    struct vx_str text[VX_TEXT_COUNT];
    const char *service_url; /* outlives the snapshot; not copied */
    struct vx_hook *hook;    /* where its status is told, if it has a place of its own; or NULL */
};

/* A new snapshot with one reference, owned by the caller. Texts are copied, the hook gets a
 * reference. NULL: out of memory. */
struct vx_snapshot *vx_snapshot_new(const struct vx_call_fields *fields);

/* One more reference, for the caller. Returns `s`. */
struct vx_snapshot *vx_snapshot_ref(struct vx_snapshot *s);
/* Drops the caller's reference and clears its pointer. Accepts a pointer to NULL. */
void vx_snapshot_release(struct vx_snapshot **s);

/* Puts a copy, which is no part of what vx_snapshots_memory() counts, in the place of the caller's
 * reference: for what is to be kept when its call may be gone, within a bound of its keeper's. It
 * is not to be rendered. When memory is short all stays as it is. */
void vx_snapshot_set_apart(struct vx_snapshot **s);
/* What it takes from the heap without its JSON; its hook's included, though others may have it too.
 */
size_t vx_snapshot_cost(const struct vx_snapshot *s);

/* The fields, texts borrowed for as long as the caller holds its reference. */
void vx_snapshot_fields(const struct vx_snapshot *s, struct vx_call_fields *out);

/* Bytes that the snapshots of the process hold, each with its JSON whether or not it has been
 * rendered yet: what readers ask for takes no more than was counted. A hook counts once, however
 * many have it. Any thread. */
size_t vx_snapshots_memory(void);

/* Renders the call as a JSON object, compact, keys in alphabetical order: at most once, it is kept,
 * but for the account's sid, which is the same in so many. False when memory is short. */
bool vx_snapshot_render(struct vx_snapshot *s);
/* Whether that has been done: to ask for it then costs nothing. */
bool vx_snapshot_is_rendered(const struct vx_snapshot *s);
/* How long that object is. */
size_t vx_snapshot_json_len(const struct vx_snapshot *s);
/* Writes it, of a snapshot that has been rendered; returns where it ends. */
char *vx_snapshot_put_json(const struct vx_snapshot *s, char *to);
/* Renders and appends it. */
void vx_buf_json(struct vx_buf *out, struct vx_snapshot *s);

/* Cheap looks, for filters. */
enum vx_call_status vx_snapshot_status(const struct vx_snapshot *s);
enum vx_direction vx_snapshot_direction(const struct vx_snapshot *s);
const struct vx_uuid *vx_snapshot_sid(const struct vx_snapshot *s);
const struct vx_uuid *vx_snapshot_account(const struct vx_snapshot *s); /* nil: unassigned */
bool vx_snapshot_has_parent(const struct vx_snapshot *s, const struct vx_uuid *call_sid);
int64_t vx_snapshot_ended_us(const struct vx_snapshot *s); /* 0: lives */
struct vx_str vx_snapshot_text(const struct vx_snapshot *s, enum vx_call_text which);
struct vx_hook *vx_snapshot_hook(const struct vx_snapshot *s); /* borrowed; NULL: none of its own */
/* Whether both have the same `from`, `to` and direction. */
bool vx_snapshot_same_parties(const struct vx_snapshot *a, const struct vx_snapshot *b);

/* The length of the JSON object for `fields`. `plain`: no text needs an escape
 * (vx_json_is_plain()), which saves looking at them. */
size_t vx_call_json_len(const struct vx_call_fields *fields, bool plain);
/* Writes it to `to`. Invalid UTF-8 becomes U+FFFD, control characters are escaped. False when `len`
 * is another length. */
bool vx_call_json_write(char *to, size_t len, const struct vx_call_fields *fields);

/* Appends `s` as a JSON string with its quotes (RFC 8259, section 7). */
void vx_json_string(struct vx_buf *out, struct vx_str s);

/* "inbound", "outbound", or "unknown" while nothing has told; static. */
const char *vx_direction_name(enum vx_direction d);

/* Whole seconds from answer to end; 0 for a call that was never answered. */
int64_t vx_call_duration(const struct vx_call_fields *fields);

/* One row a key of the call resource, in the order in which it is rendered: the JSON, the OpenAPI
 * document and the README are all held against this table. */
struct vx_field {
    const char *key;
    const char *type;   /* JSON type as OpenAPI names it: "string", "integer" */
    const char *format; /* OpenAPI format, or NULL */
    bool always;        /* present in every call of an account */
    const char *help;
};
extern const struct vx_field vx_call_field_table[];
extern const size_t vx_call_field_count;

#endif
