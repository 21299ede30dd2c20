/*
 * What a status webhook says of a call: a JSON object for POST, its scalars as a query for GET.
 *
 * Threads: any.
 */
#ifndef VX_STATUS_REPORT_H
#define VX_STATUS_REPORT_H

#include "core/call.h"

/* Appends the object, compact. */
void vx_status_json(struct vx_buf *out, const struct vx_call_fields *fields);
/* Appends "name=value&...", percent-encoded, without a question mark; objects are left out. */
void vx_status_query(struct vx_buf *out, const struct vx_call_fields *fields);
/* Appends the JSON schema of the object. */
void vx_status_schema(struct vx_buf *out);

#endif
