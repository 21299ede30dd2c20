/*
 * JSON that strangers send (RFC 8259), read whole into one document.
 *
 * Ours, because it runs inside of hosts and has to outlive a failed allocation. json-c 0.16 does
 * not: a call's creation takes it 42 allocations; where one of them fails, it crashes for 7 of them
 * (the name of a member is not checked) and for 7 it hands out another document than was sent, as
 * if all were well. jansson outlives it, but shares names of functions with json-c, and cJSON with
 * FreeSWITCH's own copy of it, in the same process. tests/fuzz/fuzz_json.c holds it against json-c.
 *
 * Strict: no comments, no trailing commas, no repeated names in an object, no NUL, valid UTF-8
 * only, no deeper than VX_JSON_DEPTH, no object of more than VX_JSON_MEMBERS.
 *
 * Threads: a document may be read on any.
 */
#ifndef VX_JSON_READ_H
#define VX_JSON_READ_H

#include "core/buf.h"

#define VX_JSON_DEPTH   32
#define VX_JSON_MEMBERS 256 /* of one object */

enum vx_json_type {
    VX_JSON_NULL,
    VX_JSON_FALSE,
    VX_JSON_TRUE,
    VX_JSON_NUMBER,
    VX_JSON_STRING,
    VX_JSON_ARRAY,
    VX_JSON_OBJECT
};

/* A value; all of it belongs to its document. */
struct vx_json {
    enum vx_json_type type;
    struct vx_str name;          /* of a member of an object, decoded */
    struct vx_str text;          /* STRING: decoded. NUMBER: as it was written */
    const struct vx_json *first; /* ARRAY, OBJECT: its values, by `next` */
    const struct vx_json *next;
};

struct vx_json_document;

enum vx_json_error { VX_JSON_OK, VX_JSON_MALFORMED, VX_JSON_NO_MEMORY };

/* Copies what it keeps of `text`. The document is the caller's to release. On VX_JSON_MALFORMED *at
 * is the offset of the first byte that cannot be. */
enum vx_json_error vx_json_read(struct vx_json_document **document, struct vx_str text, size_t *at);
void vx_json_release(struct vx_json_document **document);
const struct vx_json *vx_json_root(const struct vx_json_document *document);

/* A member of an object; NULL when it is not there, is null, or `object` is none. */
const struct vx_json *vx_json_member(const struct vx_json *object, const char *name);

/* A NUMBER that is whole, without fraction or exponent, and fits. */
bool vx_json_int(const struct vx_json *number, int64_t *out);

/* Appends it, compact, members in their order. */
void vx_json_write(struct vx_buf *out, const struct vx_json *value);

#endif
