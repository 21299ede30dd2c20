/*
 * Bodies that are files in memory, sent by reference to their pages.
 *
 * sendfile() looks each page up for each client, and in such a file that takes longer than to send
 * it. A small one lies in a pipe: tee() gives a second pipe the same pages, and from there they go
 * to the socket; what it does not take at once is sent from the body's own memory.
 */
#include "config.h" /* pipe2(), splice(), tee() */

#include "net/net_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

/* Whether it makes no sense to try again with other files. */
static bool cannot_send_files(int e) {
    return e == ENOSYS || e == EINVAL || e == EPERM || e == EOPNOTSUPP || e == EBADF;
}

static bool is_full(int e) {
    return e == EAGAIN || e == EWOULDBLOCK || e == EINTR;
}

void vx_http_close_pipe(struct vx_worker *worker) {
    for (size_t i = 0; i < 2; i++)
        if (worker->pipe[i] >= 0)
            close(worker->pipe[i]);
    worker->pipe[0] = worker->pipe[1] = -1;
}

static bool have_pipe(struct vx_worker *worker) {
    if (worker->pipe[0] < 0 && pipe2(worker->pipe, O_CLOEXEC | O_NONBLOCK) < 0)
        worker->pipe[0] = worker->pipe[1] = -1;
    return worker->pipe[0] >= 0;
}

/* The beginning of it from its pipe, as far as it goes out now. -1: not this way. */
static ssize_t send_pages(struct vx_conn *conn, const struct vx_body_file *file, size_t len) {
    struct vx_worker *worker = conn->worker;
    int pages = vx_body_file_pages(file);
    ssize_t there, n;

    if (pages < 0 || !have_pipe(worker))
        return -1;
    there = tee(pages, worker->pipe[1], len, SPLICE_F_NONBLOCK);
    if (there <= 0) {
        if (there < 0 && cannot_send_files(errno))
            vx_body_no_pipes();
        return -1;
    }
    n = splice(worker->pipe[0], NULL, lws_get_socket_fd(conn->wsi), NULL, (size_t)there,
               SPLICE_F_NONBLOCK);
    if (n < 0 && cannot_send_files(errno))
        vx_body_no_pipes();
    if (n < 0 && is_full(errno))
        n = 0;
    if (n < there) /* the next client is not to get what is left in it */
        vx_http_close_pipe(worker);
    if (n > 0)
        vx_count(&worker->metrics.sent, (uint64_t)n);
    return n;
}

/* The body of the file from `from` on, as far as it goes out now. -1: not this way. */
static ssize_t send_file(struct vx_conn *conn, const struct vx_body_file *file, size_t from,
                         size_t len) {
    off_t at = (off_t)from;
    ssize_t n;

    if (vx_body_file_fd(file) < 0)
        return -1;
    n = sendfile(lws_get_socket_fd(conn->wsi), vx_body_file_fd(file), &at, len);
    if (n < 0 && is_full(errno))
        n = 0;
    if (n < 0 && cannot_send_files(errno))
        vx_body_no_files();
    if (n > 0)
        vx_count(&conn->worker->metrics.sent, (uint64_t)n);
    return n;
}

ssize_t vx_http_send_more_of_file(struct vx_conn *conn, size_t left) {
    struct vx_body_file *file = NULL;
    ssize_t n = -1;

    if (conn->worker->with_tls || !(file = vx_body_file(conn->out)))
        return -1;
    if (lws_partial_buffered(conn->wsi))
        n = 0;
    else
        n = send_file(conn, file, conn->sent, left);
    vx_body_file_release(&file);
    return n;
}

ssize_t vx_http_send_first_of_file(struct vx_conn *conn, struct vx_str head, struct vx_body *body,
                                   bool *done) {
    struct vx_body_file *file = vx_body_file(body);
    ssize_t n, more;

    *done = file;
    if (!file)
        return 0;
    n = vx_http_send_now(conn, head.at, head.len, MSG_MORE);
    if (n == (ssize_t)head.len) {
        more = send_pages(conn, file, vx_body_len(body));
        if (more < 0)
            more = send_file(conn, file, 0, vx_body_len(body));
        n += more > 0 ? more : 0; /* a socket that is broken will say so again */
    }
    vx_body_file_release(&file);
    return n;
}
