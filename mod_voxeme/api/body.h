/*
 * The bytes of an answer: immutable once built, shared by every request that gets the same answer.
 *
 * A body is plain, or it is joined from pieces of other bodies, which it shares: a long list is
 * made of segments that stay the same from one revision to the next. In front of the data of a
 * plain body lie VX_BODY_HEADROOM bytes that belong to the transport: it writes the response head
 * right before the data so that both leave in one write. Only one thread may do so for a given
 * body.
 *
 * Threads: any; one at a time while a body is being built.
 */
#ifndef VX_BODY_H
#define VX_BODY_H

#include "core/base.h"

#define VX_BODY_HEADROOM 1536

struct vx_body;

/* What the bodies made for one account hold together. A part of it, with a limit of its own, is for
 * live feeds: so that clients which take their time leave something to those who ask for a list. */
struct vx_pot;

/* One reference, owned by the caller; a body keeps one of its own. NULL: out of memory. */
struct vx_pot *vx_pot_new(void);
void vx_pot_release(struct vx_pot **pot);
/* The part for feeds; borrowed, for as long as the caller has its reference to the pot. What counts
 * on it counts on the pot as well. */
struct vx_pot *vx_pot_of_feeds(struct vx_pot *pot);
/* What counts on it. */
size_t vx_pot_memory(const struct vx_pot *pot);

/* Whether a part is more than half full. */
bool vx_pot_is_short(const struct vx_pot *part);

/* Room for `cap` bytes, one reference, owned by the caller. `pot` NULL: on nobody's account. NULL:
 * out of memory, or a limit of vx_body_set_limits() is reached. */
struct vx_body *vx_body_new(size_t cap, struct vx_pot *pot);
struct vx_body *vx_body_copy(const void *bytes, size_t len, struct vx_pot *pot);
/* Constant bytes, which it borrows for ever; they count on nobody's account. */
struct vx_body *vx_body_fixed(const void *bytes, size_t len);
/* A copy of what is another form of `of` bytes, and can be done without: for the limits it is as
 * large as these, and no file makes room for it. Nothing lies before it; a piece for others. */
struct vx_body *vx_body_spare(const void *bytes, size_t len, size_t of, struct vx_pot *pot);
struct vx_body *vx_body_ref(struct vx_body *body);
void vx_body_release(struct vx_body **body);
/* The same, by whoever made the body for others to take and has a newer one by now: for as long as
 * they hold it, it counts on the part of its pot that is for feeds. */
void vx_body_leave(struct vx_body **body);

/* `len` bytes of `body` from `from` on. A joined body as a piece must be whole. */
struct vx_piece {
    struct vx_body *body; /* borrowed */
    size_t from, len;
};

static inline struct vx_piece vx_piece_from(struct vx_body *body, size_t from, size_t len) {
    return (struct vx_piece){body, from, len};
}

/* The pieces one after the other, as one body that takes its own references to theirs. NULL: as for
 * vx_body_new(). */
struct vx_body *vx_body_join(const struct vx_piece *pieces, size_t count, struct vx_pot *pot);

/* Only of a plain body: VX_BODY_HEADROOM writable bytes lie before it. NULL for others. */
char *vx_body_data(struct vx_body *body);
/* On whose account it is, borrowed; NULL: on nobody's. */
struct vx_pot *vx_body_pot(const struct vx_body *body);
/* Bytes in all. */
size_t vx_body_len(const struct vx_body *body);
/* Of a plain body, while it is being built and nobody else holds it. len <= cap. */
void vx_body_set_len(struct vx_body *body, size_t len);

/* The bytes from `from` on as at most `max` runs, in order; returns how many. Borrowed for as long
 * as the caller holds its reference. */
size_t vx_body_runs(const struct vx_body *body, size_t from, struct vx_str *runs, size_t max);

/* --- as files, for what many are sent --- */

/* The bytes of a body, which never change, in a file that the kernel sends without copying them. */
struct vx_body_file;

/* It begins to be sent to somebody (further). */
void vx_body_count_use(struct vx_body *body);
/* Its file, a reference for the caller. NULL: it has none, use vx_body_runs(); that can change from
 * one call to the next. A large body that has been sent often is given one, for which this may take
 * a fraction of a millisecond. The thread has to have SIGXFSZ blocked. */
struct vx_body_file *vx_body_file(struct vx_body *body);
/* Borrowed; for reading at given places only. -1: it is in a pipe. */
int vx_body_file_fd(const struct vx_body_file *file);
/* A pipe that holds all of it, for tee() only, where it is small; -1: it is in the file. */
int vx_body_file_pages(const struct vx_body_file *file);
void vx_body_file_release(struct vx_body_file **file);

/* Releases a body that nobody else will be given: its file goes now, not when the last client has
 * read its answer. So does vx_body_leave(). */
void vx_body_retire(struct vx_body **body);

/* How many bodies may have a file at the same time, which takes a file descriptor each;
 * 0: none, as at first. */
void vx_body_set_files(size_t most);
/* All files of a pot (NULL: of all) go, because what they take is needed. False: there was none. */
bool vx_body_drop_files(const struct vx_pot *pot);
/* They cannot be sent here: there will be none from now on, or none in pipes. */
void vx_body_no_files(void);
void vx_body_no_pipes(void);

/* Files now, made since the start, how often one was wanted when as many as may be were in use, and
 * those that could not be made or sent. */
size_t vx_body_files(void);
uint64_t vx_body_files_made(void);
uint64_t vx_body_files_crowded(void);
uint64_t vx_body_file_failures(void);

/* --- limits --- */

/* Bytes that all bodies of the process, those of one pot, and those of its part for feeds may hold
 * together; 0: no limit. */
void vx_body_set_limits(size_t all, size_t pot, size_t feeds);
size_t vx_body_memory(void);
/* Bodies that were not made because a limit was reached. */
size_t vx_body_refused(void);

#endif
