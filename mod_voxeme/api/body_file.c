/*
 * Bodies as files in memory.
 *
 * What many are sent the kernel would copy out of our memory for each of them. From a file it is
 * sent as it lies there, by reference to the file's pages: for that they must never change, not
 * even after the last byte was handed over, while any of it waits in a socket. So a file is written
 * once, sealed, and closed when it is of no more use; the kernel frees its pages when the last
 * client has them. A file costs what it saves in a few answers: a body gets one when it has been
 * sent so often, so that this costs at most twice what the better choice would have.
 *
 * A file may go at any time, to make room or because nobody will ask for its body any more: whoever
 * is in the middle of sending goes on from the body's own memory, at the same byte.
 *
 * `lock` guards the list of files, and which body has which; it is held for no system call but
 * memfd_create().
 */
#include "config.h" /* _GNU_SOURCE, for memfd_create() */

#include "api/body_private.h"

#include "core/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define SMALLEST     32768   /* below, a second system call costs what the copy does */
#define WORTH_IT     5       /* uses; making one costs what four to six copies do */
#define STEP         1048576 /* written at once: a fraction of a millisecond */
#define RUNS_AT_ONCE 64
#define PAGE         ((size_t)4096)
#define PIPE_PAGES   16
#define IDLE_S       2 /* one that nobody has been sent from for so long makes room for another */
#define SEALS        (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

struct vx_body_file {
    atomic_uint refs;
    int fd;
    int pages;  /* a pipe that holds all of it; -1: none. Fixed once all is written */
    size_t cap; /* what is counted */
    struct vx_pot *pot;
    /* Under `lock`. */
    struct vx_body *body; /* whose it is; NULL: it has been taken away */
    struct vx_body_file *newer, *older;
    bool writing; /* somebody is */
    size_t written;
    time_t used_s;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct vx_body_file *newest, *oldest; /* by their last use */
static size_t count, limit;
static bool unusable; /* this system has no such thing */
static atomic_uint_fast64_t made, failures, crowded;

static struct vx_body_file *ref(struct vx_body_file *f) {
    atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
    return f;
}

/* --- under `lock` --- */

static void unlink_file(struct vx_body_file *f) {
    *(f->newer ? &f->newer->older : &newest) = f->older;
    *(f->older ? &f->older->newer : &oldest) = f->newer;
}

static void link_newest(struct vx_body_file *f) {
    f->newer = NULL;
    f->older = newest;
    *(newest ? &newest->newer : &oldest) = f;
    newest = f;
}

/* Gives the body's reference to the caller, to be released without the lock: that can free many
 * pages. */
static struct vx_body_file *take_away(struct vx_body_file *f) {
    unlink_file(f);
    count--;
    f->body->file = NULL;
    f->body = NULL;
    return f;
}

static struct vx_body_file *open_file(void) {
    struct vx_body_file *f = vx_calloc(1, sizeof *f);

    if (!f)
        return NULL;
    f->pages = -1;
    f->fd = memfd_create("voxeme", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (f->fd < 0) {
        unusable = errno == ENOSYS || errno == EPERM || errno == EINVAL;
        vx_free(f);
        return NULL;
    }
    return f;
}

/* Whether there may be one more. *out: one that has made room for it. */
static bool have_room(time_t now_s, struct vx_body_file **out) {
    if (count < limit)
        return true;
    if (!oldest || now_s - oldest->used_s < IDLE_S) {
        atomic_fetch_add(&crowded, limit > 0);
        return false;
    }
    oldest->body->fileless = false; /* it may earn another */
    atomic_store_explicit(&oldest->body->uses, 0, memory_order_relaxed);
    *out = take_away(oldest);
    return count < limit;
}

static struct vx_body_file *make(struct vx_body *body) {
    size_t cap = (body->len + PAGE - 1) / PAGE * PAGE;
    struct vx_body_file *f = NULL;

    body->fileless = true; /* this is its only chance */
    if (!vx_body_take_memory(cap, body->len, body->pot, false))
        return NULL;
    f = open_file();
    if (!f) {
        vx_body_give_back(cap, body->pot);
        atomic_fetch_add(&failures, 1);
        return NULL;
    }
    atomic_init(&f->refs, 1);
    f->cap = cap;
    f->pot = vx_pot_ref(body->pot);
    f->body = body;
    body->file = f;
    link_newest(f);
    count++;
    atomic_fetch_add(&made, 1);
    return f;
}

/* A reference to the body's file, which is made where there is none. */
static struct vx_body_file *find(struct vx_body *body, struct vx_body_file **out) {
    struct vx_body_file *f = body->file;
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    if (!f && !body->fileless && !unusable && have_room(now.tv_sec, out))
        f = make(body);
    if (!f)
        return NULL;
    f->used_s = now.tv_sec;
    if (f != newest) {
        unlink_file(f);
        link_newest(f);
    }
    return ref(f);
}

/* --- without it --- */

void vx_body_file_release(struct vx_body_file **file) {
    struct vx_body_file *f = *file;

    *file = NULL;
    if (!f || atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) != 1)
        return;
    close(f->fd);
    if (f->pages >= 0)
        close(f->pages);
    vx_body_give_back(f->cap, f->pot);
    vx_pot_release(&f->pot);
    vx_free(f);
}

/* Writes up to a step of what is missing. False: it could not. */
static bool write_step(const struct vx_body_file *f, const struct vx_body *body, size_t *written) {
    size_t end = body->len - *written < STEP ? body->len : *written + STEP;

    while (*written < end) {
        struct vx_str runs[RUNS_AT_ONCE];
        struct iovec iov[RUNS_AT_ONCE];
        size_t n = vx_body_runs(body, *written, runs, RUNS_AT_ONCE), left = end - *written,
               used = 0;
        ssize_t done;

        for (; used < n && left; used++) {
            size_t len = runs[used].len < left ? runs[used].len : left;

            iov[used] = (struct iovec){(void *)(uintptr_t)runs[used].at, len};
            left -= len;
        }
        done = writev(f->fd, iov, (int)used);
        if (done <= 0)
            return false;
        *written += (size_t)done;
    }
    return *written < body->len || fcntl(f->fd, F_ADD_SEALS, SEALS) == 0;
}

/* Puts its pages, which are references to those of the file, into a pipe. A pipe has places for so
 * many pages, or fewer where its user has too many pipes; it does without then. */
static void fill_pipe(struct vx_body_file *f, size_t len) {
    int ends[2];
    off_t at = 0;

    if (len > PIPE_PAGES * PAGE || pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return;
    if (splice(f->fd, &at, ends[1], NULL, len, SPLICE_F_NONBLOCK) == (ssize_t)len)
        f->pages = ends[0];
    else
        close(ends[0]);
    close(ends[1]);
}

/* With the lock, which it leaves meanwhile. False: the file has been taken away. */
static bool write_on(struct vx_body_file *f, struct vx_body *body, struct vx_body_file **out) {
    size_t written = f->written;
    bool ok;

    f->writing = true;
    pthread_mutex_unlock(&lock);
    ok = write_step(f, body, &written);
    if (ok && written == body->len)
        fill_pipe(f, body->len);
    pthread_mutex_lock(&lock);
    f->writing = false;
    f->written = written;
    if (ok)
        return f->body != NULL;
    atomic_fetch_add(&failures, 1);
    if (f->body)
        *out = take_away(f);
    return false;
}

static bool may_have_file(struct vx_body *body) {
    return body->len >= SMALLEST &&
           atomic_load_explicit(&body->uses, memory_order_relaxed) >= WORTH_IT;
}

struct vx_body_file *vx_body_file(struct vx_body *body) {
    struct vx_body_file *f, *oldest_one = NULL, *failed = NULL;
    bool ready;

    if (!may_have_file(body))
        return NULL;
    pthread_mutex_lock(&lock);
    f = find(body, &oldest_one);
    ready = f && !f->writing && (f->written == body->len || write_on(f, body, &failed)) &&
            f->written == body->len;
    pthread_mutex_unlock(&lock);
    vx_body_file_release(&oldest_one);
    vx_body_file_release(&failed);
    if (!ready)
        vx_body_file_release(&f);
    return f;
}

int vx_body_file_fd(const struct vx_body_file *f) {
    return f->fd;
}

int vx_body_file_pages(const struct vx_body_file *f) {
    return f->pages;
}

void vx_body_count_use(struct vx_body *body) {
    if (atomic_load_explicit(&body->uses, memory_order_relaxed) < WORTH_IT)
        atomic_fetch_add_explicit(&body->uses, 1, memory_order_relaxed);
}

void vx_body_lose_file(struct vx_body *body) {
    struct vx_body_file *f;

    if (body->len < SMALLEST)
        return;
    pthread_mutex_lock(&lock);
    body->fileless = true;
    f = body->file ? take_away(body->file) : NULL;
    pthread_mutex_unlock(&lock);
    vx_body_file_release(&f);
}

void vx_body_retire(struct vx_body **body) {
    if (*body)
        vx_body_lose_file(*body);
    vx_body_release(body);
}

/* One of the pot (NULL: of any), as long as there are more than `most`. */
static struct vx_body_file *take_one(const struct vx_pot *pot, size_t most) {
    struct vx_body_file *f;

    pthread_mutex_lock(&lock);
    f = count > most ? oldest : NULL;
    while (f && pot && (!f->pot || f->pot->whole != pot->whole))
        f = f->newer;
    if (f)
        take_away(f);
    pthread_mutex_unlock(&lock);
    return f;
}

static bool drop(const struct vx_pot *pot, size_t most) {
    bool any = false;
    struct vx_body_file *f;

    while ((f = take_one(pot, most))) {
        any = true;
        vx_body_file_release(&f);
    }
    return any;
}

bool vx_body_drop_files(const struct vx_pot *pot) {
    return drop(pot, 0);
}

void vx_body_set_files(size_t most) {
    pthread_mutex_lock(&lock);
    limit = most;
    unusable = false; /* whoever reloads may have changed that */
    pthread_mutex_unlock(&lock);
    drop(NULL, most);
}

void vx_body_no_files(void) {
    pthread_mutex_lock(&lock);
    unusable = true;
    pthread_mutex_unlock(&lock);
    atomic_fetch_add(&failures, 1);
    drop(NULL, 0);
}

size_t vx_body_files(void) {
    size_t n;

    pthread_mutex_lock(&lock);
    n = count;
    pthread_mutex_unlock(&lock);
    return n;
}

uint64_t vx_body_files_made(void) {
    return atomic_load(&made);
}

uint64_t vx_body_files_crowded(void) {
    return atomic_load(&crowded);
}

uint64_t vx_body_file_failures(void) {
    return atomic_load(&failures);
}
