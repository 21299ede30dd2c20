/*
 * The calls of a view that pass a filter, found in turns while the view changes: segment by
 * segment, and in each turn again those segments in which something has changed. What comes out in
 * the end is exact at the view's revision, however long it took.
 *
 * Threads: one at a time, with the view's.
 */
#ifndef VX_SELECTION_H
#define VX_SELECTION_H

#include "api/api_private.h"

/* NULL: out of memory. */
struct vx_selection *vx_selection_new(void);
/* One turn. `with_json`: the calls are rendered and kept, counted on `pot`; else only how many
 * there are. The same view, filter and `with_json` each time. */
enum vx_turn vx_selection_go(struct vx_selection *selection, struct vx_view *view,
                             const struct query *q, bool with_json, struct vx_pot *pot);

/* Once it is done, and before the view has changed. */
uint64_t vx_selection_total(const struct vx_selection *selection);
/* `head`, the calls joined by commas, `tail`; frees the buffer. NULL: out of memory. */
struct vx_body *vx_selection_join(const struct vx_selection *selection, struct vx_buf *head,
                                  const char *tail, struct vx_pot *pot);
/* Appends `take` of the calls after the first `skip`. */
void vx_selection_page(const struct vx_selection *selection, const struct vx_view *view,
                       const struct query *q, uint64_t skip, uint64_t take, struct vx_buf *out);

#endif
