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
 * What is small needs no file, for it fits into a pipe, from which tee() gives the same pages again
 * and again: no page has to be looked up. They come out of a socket, which asks the kernel for
 * memory in pieces of 32 kB where it can; so there are few of them, and no name by which anybody
 * could write to one.
 *
 * A file may go at any time, to make room or because nobody will ask for its body any more: whoever
 * is in the middle of sending goes on from the body's own memory, at the same byte.
 *
 * `lock` guards the list of files, and which body has which; it is held for no system call but
 * memfd_create().
 */
#include "config.h" /* _GNU_SOURCE, for memfd_create(), pipe2(), splice() */

#include "api/body_private.h"

#include "core/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define SMALLEST     32768   /* below, a second system call costs what the copy does */
#define WORTH_IT     5       /* uses; making one costs what four to six copies do */
#define STEP         1048576 /* written at once: a fraction of a millisecond */
#define RUNS_AT_ONCE 64
#define PAGE         ((size_t)4096)
/* A pipe has places for 16 pieces. A socket makes of each 32 kB one that goes with its own head,
 * and where memory lies in shreds one of each page. */
#define IN_A_PIPE (14 * PAGE)
#define IDLE_S    2 /* one that nobody has been sent from for so long makes room for another */
#define SEALS     (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

struct vx_body_file {
    atomic_uint refs;
    int fd;     /* -1: it is in the pipe */
    int pages;  /* a pipe that holds all of it, once it is written; -1: it is in the file */
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
static bool unusable;        /* this system has no such thing */
static atomic_bool pipeless; /* nor pipes that would do */
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

static struct vx_body_file *open_file(size_t len) {
    struct vx_body_file *f = vx_calloc(1, sizeof *f);

    if (!f)
        return NULL;
    f->fd = f->pages = -1;
    if (len <= IN_A_PIPE && !atomic_load(&pipeless))
        return f;
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
    f = open_file(body->len);
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
    if (f->fd >= 0)
        close(f->fd);
    if (f->pages >= 0)
        close(f->pages);
    vx_body_give_back(f->cap, f->pot);
    vx_pot_release(&f->pot);
    vx_free(f);
}

/* Some of what is between the two. */
static ssize_t write_runs(int fd, const struct vx_body *body, size_t from, size_t end) {
    struct vx_str runs[RUNS_AT_ONCE];
    struct iovec iov[RUNS_AT_ONCE];
    size_t n = vx_body_runs(body, from, runs, RUNS_AT_ONCE), left = end - from, used = 0;

    for (; used < n && left; used++) {
        size_t len = runs[used].len < left ? runs[used].len : left;

        iov[used] = (struct iovec){(void *)(uintptr_t)runs[used].at, len};
        left -= len;
    }
    return writev(fd, iov, (int)used);
}

/* Writes up to a step of what is missing. False: it could not. */
static bool write_step(const struct vx_body_file *f, const struct vx_body *body, size_t *written) {
    size_t end = body->len - *written < STEP ? body->len : *written + STEP;

    while (*written < end) {
        ssize_t done = write_runs(f->fd, body, *written, end);

        if (done <= 0)
            return false;
        *written += (size_t)done;
    }
    return *written < body->len || fcntl(f->fd, F_ADD_SEALS, SEALS) == 0;
}

static bool move_all(int from, int to, size_t len) {
    while (len) {
        ssize_t n = splice(from, NULL, to, NULL, len, SPLICE_F_NONBLOCK);

        if (n <= 0)
            return false;
        len -= (size_t)n;
    }
    return true;
}

static bool write_to_pipe(const int sockets[2], int pipe, const struct vx_body *body) {
    for (size_t written = 0; written < body->len;) {
        ssize_t n = write_runs(sockets[0], body, written, body->len);

        if (n <= 0 || !move_all(sockets[1], pipe, (size_t)n))
            return false;
        written += (size_t)n;
    }
    return true;
}

/* A pipe that holds the body, for reading; -1: it could not be made. */
static int make_pipe(const struct vx_body *body) {
    int ends[2], sockets[2];
    bool ok, have_sockets;

    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return -1;
    have_sockets = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sockets) == 0;
    ok = have_sockets && write_to_pipe(sockets, ends[1], body);
    if (!ok && (errno == ENOSYS || errno == EPERM || errno == EINVAL))
        atomic_store(&pipeless, true);
    if (have_sockets) {
        close(sockets[0]);
        close(sockets[1]);
    }
    close(ends[1]);
    if (!ok)
        close(ends[0]);
    return ok ? ends[0] : -1;
}

/* With the lock, which it leaves meanwhile. False: the file has been taken away. */
static bool write_on(struct vx_body_file *f, struct vx_body *body, struct vx_body_file **out) {
    size_t written = f->written;
    bool ok;

    f->writing = true;
    pthread_mutex_unlock(&lock);
    if (f->fd >= 0) {
        ok = write_step(f, body, &written);
    } else {
        f->pages = make_pipe(body);
        ok = f->pages >= 0;
        written = ok ? body->len : 0;
    }
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
    atomic_store(&pipeless, false);
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

void vx_body_no_pipes(void) {
    atomic_store(&pipeless, true);
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
