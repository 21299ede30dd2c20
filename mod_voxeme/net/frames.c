/*
 * Messages in the form in which they are sent. The messages of a feed are shared by all clients
 * that stand at the same revision, and so are their frames: they are made once for each form and
 * kept for as long as the present wave of them goes out.
 */
#include "net/net_private.h"

#include "core/alloc.h"

#include <stdio.h>
#include <zlib.h>

/* A frame no longer than this is made in one piece, head and all. */
#define COPY_UP_TO 16384

/* What is shorter is not worth it; what is longer would hold up others. */
#define DEFLATE_FROM  256
#define DEFLATE_UP_TO 262144

struct vx_deflater {
    z_stream z;
};

static void *z_alloc(void *opaque, unsigned items, unsigned size) {
    (void)opaque;
    return vx_calloc(items, size);
}

static void z_free(void *opaque, void *at) {
    (void)opaque;
    vx_free(at);
}

static struct vx_deflater *deflater(struct vx_worker *worker) {
    struct vx_deflater *d = worker->deflater;

    if (d)
        return d;
    d = vx_calloc(1, sizeof *d);
    if (!d)
        return NULL;
    d->z.zalloc = z_alloc;
    d->z.zfree = z_free;
    if (deflateInit2(&d->z, 1, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        vx_free(d);
        return NULL;
    }
    worker->deflater = d;
    return d;
}

/* RFC 7692, section 7.2.1: a flushed stream without its last four bytes, each message by itself.
 * NULL: not worth it, or no memory; it then goes out as it is. */
static struct vx_body *deflate_message(struct vx_worker *worker, const struct vx_body *message) {
    size_t len = vx_body_len(message), at = 0;
    struct vx_deflater *d;
    struct vx_body *out;
    struct vx_str run;
    int result = Z_OK;

    if (len < DEFLATE_FROM || len > DEFLATE_UP_TO || !(d = deflater(worker)))
        return NULL;
    out = vx_body_new(len, vx_body_pot(message));
    if (!out)
        return NULL;
    deflateReset(&d->z);
    d->z.next_out = (unsigned char *)vx_body_data(out);
    d->z.avail_out = (unsigned)len;
    while (result == Z_OK && vx_body_runs(message, at, &run, 1)) {
        at += run.len;
        d->z.next_in = (unsigned char *)(uintptr_t)run.at;
        d->z.avail_in = (unsigned)run.len;
        result = deflate(&d->z, at < len ? Z_NO_FLUSH : Z_SYNC_FLUSH);
        if (d->z.avail_in || !d->z.avail_out)
            result = Z_BUF_ERROR; /* longer than before */
    }
    if (result != Z_OK) {
        vx_body_release(&out);
        return NULL;
    }
    vx_body_set_len(out, len - d->z.avail_out - 4);
    return out;
}

/* --- one frame --- */

/* `head`, the message, `tail`; on the account of the message. */
static struct vx_body *wrap(struct vx_str head, struct vx_body *message, struct vx_str tail) {
    size_t len = head.len + vx_body_len(message) + tail.len, at = 0;
    struct vx_pot *pot = vx_body_pot(message);
    struct vx_body *whole, *start, *end;
    struct vx_str run;
    char *to;

    if (len > COPY_UP_TO) {
        start = vx_body_copy(head.at, head.len, pot);
        end = vx_body_copy(tail.at, tail.len, pot);
        whole = NULL;
        if (start && end) {
            struct vx_piece pieces[] = {vx_piece_from(start, 0, head.len),
                                        vx_piece_from(message, 0, vx_body_len(message)),
                                        vx_piece_from(end, 0, tail.len)};

            whole = vx_body_join(pieces, sizeof pieces / sizeof *pieces, pot);
        }
        vx_body_release(&start);
        vx_body_release(&end);
        return whole;
    }
    whole = vx_body_new(len, pot);
    if (!whole)
        return NULL;
    to = vx_body_data(whole);
    memcpy(to, head.at, head.len);
    for (; vx_body_runs(message, at, &run, 1); at += run.len)
        memcpy(to + head.len + at, run.at, run.len);
    if (tail.len)
        memcpy(to + head.len + at, tail.at, tail.len);
    vx_body_set_len(whole, len);
    return whole;
}

static struct vx_body *frame_text(struct vx_body *message, bool deflated) {
    uint8_t head[VX_WS_HEAD];
    size_t len = vx_ws_head(head, VX_WS_TEXT, deflated, vx_body_len(message));

    return wrap((struct vx_str){(const char *)head, len}, message, VX_STR(""));
}

static struct vx_body *frame_deflated(struct vx_worker *worker, struct vx_body *message) {
    struct vx_body *deflated = deflate_message(worker, message), *frame;

    if (!deflated)
        return frame_text(message, false);
    frame = frame_text(deflated, true);
    vx_body_release(&deflated);
    return frame;
}

/* An event of an event stream (HTML, section 9.2). A message is one line: its JSON has no line
 * breaks. */
static struct vx_body *frame_event(struct vx_worker *worker, struct vx_body *message,
                                   uint64_t revision) {
    char head[96];
    int len =
        snprintf(head, sizeof head, "id: %s.%llu\ndata: ", vx_registry_epoch(worker->registry),
                 (unsigned long long)revision);

    return wrap((struct vx_str){head, (size_t)len}, message, VX_STR("\n\n"));
}

static struct vx_body *make(struct vx_worker *worker, struct vx_body *message,
                            enum vx_frame_form form, uint64_t revision) {
    switch (form) {
    case VX_FRAME_DEFLATED:
        return frame_deflated(worker, message);
    case VX_FRAME_EVENT:
        return frame_event(worker, message, revision);
    case VX_FRAME_TEXT:
    default:
        return frame_text(message, false);
    }
}

struct vx_body *vx_frame(struct vx_worker *worker, struct vx_body *message, enum vx_frame_form form,
                         uint64_t revision) {
    struct vx_framed *f;
    struct vx_body *frame;

    for (size_t i = 0; i < VX_FRAMES_KEPT; i++) {
        f = &worker->framed[i];
        if (f->message == message && f->form == form)
            return vx_body_ref(f->frame);
    }
    frame = make(worker, message, form, revision);
    if (!frame)
        return NULL;
    f = &worker->framed[worker->next_framed++ % VX_FRAMES_KEPT];
    vx_body_release(&f->message);
    vx_body_retire(&f->frame);
    *f = (struct vx_framed){vx_body_ref(message), vx_body_ref(frame), form};
    return frame;
}

void vx_frames_drop(struct vx_worker *worker) {
    if (!worker->next_framed)
        return;
    for (size_t i = 0; i < VX_FRAMES_KEPT; i++) {
        vx_body_release(&worker->framed[i].message);
        vx_body_retire(&worker->framed[i].frame);
    }
    worker->next_framed = 0;
}

void vx_frames_end(struct vx_worker *worker) {
    vx_frames_drop(worker);
    if (worker->deflater)
        deflateEnd(&worker->deflater->z);
    vx_free(worker->deflater);
    worker->deflater = NULL;
}
