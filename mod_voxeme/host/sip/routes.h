/*
 * The routes of voxeme-switch: which called user is answered, left ringing, rejected or bridged. An
 * immutable list once read; the first match wins.
 */
#ifndef VX_HOST_SIP_ROUTES_H
#define VX_HOST_SIP_ROUTES_H

#include "core/account.h"
#include "core/buf.h"

#include <regex.h>

enum vx_route_action { VX_ROUTE_ANSWER, VX_ROUTE_RING, VX_ROUTE_REJECT, VX_ROUTE_BRIDGE };

/* Longer users match no route: a regular expression is not run over what a stranger may write at
 * any length. */
#define VX_ROUTE_USER_MAX 255
#define VX_ROUTE_GROUPS   10

struct vx_route {
    struct vx_route *next;
    regex_t to;
    enum vx_route_action action;
    int64_t limit_ms;  /* answer, ring: time-limit; bridge: timeout; -1: not given */
    int64_t ring_ms;   /* answer: how long it rings first; 0: not at all */
    bool early_media;  /* answer: 183 with SDP first */
    unsigned status;   /* reject */
    char *reason;      /* reject; NULL: the standard phrase */
    char *target;      /* bridge */
    char *account_sid; /* channel variables; NULL: not set */
    char *application_sid;
    char *accountcode;
    int account_sid_line, accountcode_line; /* of the file, for errors that show at its end */
};

struct vx_routes {
    struct vx_route *first, *last;
};

/* Reads <route .../> and appends it. Attributes are name, value, ..., NULL. On an error writes what
 * is wrong into error[] and returns false. */
bool vx_routes_add(struct vx_routes *routes, const char *const *attributes, char *error,
                   size_t size);

/* Reads <set name=... value=.../>, which stands in `line`, into the route that was added last. */
bool vx_routes_set(struct vx_routes *routes, const char *const *attributes, int line, char *error,
                   size_t size);

/* Whether all that routes set names an account; on an error sets the line it lies in. */
bool vx_routes_check(const struct vx_routes *routes, const struct vx_directory *accounts, int *line,
                     char *error, size_t size);

/* Frees the routes; leaves an empty list. */
void vx_routes_clear(struct vx_routes *routes);

/* What the called user matched: borrowed groups of `user`. */
struct vx_route_match {
    char user[VX_ROUTE_USER_MAX + 1];
    regmatch_t groups[VX_ROUTE_GROUPS];
};

/* The first route for the called user (not escaped), or NULL. */
const struct vx_route *vx_routes_find(const struct vx_routes *routes, struct vx_str user,
                                      struct vx_route_match *match);

/* Appends the route's target with $0 to $9 replaced, escaped such that a caller cannot break out of
 * the user part. */
void vx_route_target(const struct vx_route *route, const struct vx_route_match *match,
                     struct vx_buf *out);

#endif
