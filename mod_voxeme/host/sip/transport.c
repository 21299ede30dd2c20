#include "config.h" /* first: it asks for RTLD_NEXT */

#include "host/sip/transport.h"

#include "host/sip/sofia.h"

#include <dlfcn.h>
#include <sys/socket.h>

#define REPLACES __attribute__((visibility("default")))

struct tport_primary;

/* The library's own, which no header of it shows. */
REPLACES tport_t *tport_alloc_secondary(struct tport_primary *primary, int fd, int accepted,
                                        char const **reason);
REPLACES int tport_register_secondary(tport_t *self, su_wakeup_f wakeup, int events);
REPLACES void tport_zap_secondary(tport_t *self);
REPLACES void tport_base_timer(tport_t *self, su_time_t now);

static struct {
    tport_t *(*alloc_secondary)(struct tport_primary *, int, int, char const **);
    int (*register_secondary)(tport_t *, su_wakeup_f, int);
    void (*zap_secondary)(tport_t *);
    void (*base_timer)(tport_t *, su_time_t);
    int (*extract)(msg_t *);
    issize_t (*recv_iovec)(msg_t *, msg_iovec_t[], isize_t, usize_t, int);
} library;

static struct vx_sip_metrics unwatched;
static struct vx_sip_metrics *metrics = &unwatched;
static unsigned most = UINT_MAX, open_now;
static usize_t longest = UINT16_MAX; /* of a message, bytes */
/* Between tport_alloc_secondary() and tport_register_secondary(). */
static tport_t *accepting;
static int accepting_fd;

static bool find(void *where, const char *name) {
    void *found = dlsym(RTLD_NEXT, name);

    memcpy(where, &found, sizeof found);
    return found != NULL;
}

static bool find_all(void) {
    return find(&library.alloc_secondary, "tport_alloc_secondary") &&
           find(&library.register_secondary, "tport_register_secondary") &&
           find(&library.zap_secondary, "tport_zap_secondary") &&
           find(&library.base_timer, "tport_base_timer") && find(&library.extract, "msg_extract") &&
           find(&library.recv_iovec, "msg_recv_iovec");
}

bool vx_transport_watch(unsigned connections, unsigned message_bytes,
                        struct vx_sip_metrics *counted) {
    metrics = counted;
    most = connections;
    longest = message_bytes;
    return find_all();
}

void vx_transport_unwatch(void) {
    metrics = &unwatched;
    most = UINT_MAX;
}

static void set_open(unsigned count) {
    open_now = count;
    atomic_store_explicit(&metrics->connections, count, memory_order_relaxed);
}

tport_t *tport_alloc_secondary(struct tport_primary *primary, int fd, int accepted,
                               char const **reason) {
    unsigned before = open_now;
    tport_t *self;

    set_open(before + 1);
    self = library.alloc_secondary(primary, fd, accepted, reason);
    /* One that fails has been zapped or not, as the version of the library goes. */
    if (!self)
        set_open(before);
    accepting = accepted ? self : NULL;
    accepting_fd = fd;
    return self;
}

int tport_register_secondary(tport_t *self, su_wakeup_f wakeup, int events) {
    int result = library.register_secondary(self, wakeup, events);

    if (result == -1 || self != accepting)
        return result;
    accepting = NULL;
    if (open_now > most) {
        /* The library finds it closed by its peer, at once. */
        shutdown(accepting_fd, SHUT_RDWR);
        vx_sip_count(&metrics->connections_refused);
    } else {
        /* Starts its idle time, which else begins with the first message. */
        tport_unref(tport_ref(self));
    }
    return result;
}

void tport_zap_secondary(tport_t *self) {
    if (self && open_now > 0)
        set_open(open_now - 1);
    library.zap_secondary(self);
}

void tport_base_timer(tport_t *self, su_time_t now) {
    bool was_open = !tport_is_closed(self);
    unsigned before = open_now;

    library.base_timer(self, now);
    /* It is gone, or only closed, as the version of the library goes. */
    if (was_open && (open_now < before || tport_is_closed(self)))
        vx_sip_count(&metrics->connections_idle);
}

static bool too_large(const msg_t *msg) {
    return msg && msg_get_flags(msg, MSG_FLG_TOOLARGE);
}

REPLACES int msg_extract(msg_t *msg) {
    bool before = too_large(msg);
    int result = library.extract(msg);

    if (!before && too_large(msg))
        vx_sip_count(&metrics->too_large);
    return result;
}

/* Asked to take all that has arrived on a connection, the library takes it for one message, and
 * closes the connection where it is more than one may have: a peer that sends quicker than we read,
 * for a moment, would lose all that it has sent. So no more is taken at a time than fits in, and
 * the message is too large when not even one byte more of it does. Half, as the rest of a body and
 * the beginning of the next message are taken together, and the latter is rounded up. */
static issize_t receive_what_fits(msg_t *msg, msg_iovec_t vec[], isize_t veclen, usize_t n) {
    int error = msg_errno(msg);
    issize_t result;

    if (n > longest / 2)
        n = longest / 2;
    result = library.recv_iovec(msg, vec, veclen, n, 0);
    while (result == -1 && too_large(msg) && n > 1) {
        msg_zap_flags(msg, MSG_FLG_TOOLARGE);
        msg_set_errno(msg, error);
        n /= 2;
        result = library.recv_iovec(msg, vec, veclen, n, 0);
    }
    return result;
}

REPLACES issize_t msg_recv_iovec(msg_t *msg, msg_iovec_t vec[], isize_t veclen, usize_t n,
                                 int exact) {
    bool before = too_large(msg);
    issize_t result = exact || before ? library.recv_iovec(msg, vec, veclen, n, exact)
                                      : receive_what_fits(msg, vec, veclen, n);

    if (!before && too_large(msg))
        vx_sip_count(&metrics->too_large);
    return result;
}
