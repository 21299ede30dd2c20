/* A client of the live feed without sockets, for its tests: it keeps what it has been told. */
#ifndef VX_TEST_SUB_CLIENT_H
#define VX_TEST_SUB_CLIENT_H

#include "api_support.h"

struct vx_test_client {
    struct vx_test_service *service;
    struct vx_sub *sub;
    struct json_object *calls; /* call_sid -> call, as the messages have told */
    char revision[VX_ETAG_SIZE];
    char told[512]; /* of the last message: "snapshot 2 1", "created 3 ended 2 removed 1" */
    bool snapshot;
};

/* Fails the test unless the answer has that status; NULL when it is none that begins a stream. */
struct vx_sub *vx_test_subscribe(struct vx_test_service *s, const char *target, const char *token,
                                 const char *last_event_id, unsigned status);

/* End with vx_test_quit(). */
struct vx_test_client vx_test_join(struct vx_test_service *s, const char *target,
                                   const char *token);
struct vx_test_client vx_test_resume(struct vx_test_service *s, const char *target,
                                     const char *token, const char *last_event_id);
void vx_test_quit(struct vx_test_client *c);

/* What the next message tells, or "" when there is none. */
const char *vx_test_next(struct vx_test_client *c);
/* Takes in one that has been got otherwise. */
void vx_test_take(struct vx_test_client *c, const struct vx_body *message);

/* What the client knows is what the list says at the same revision. */
void vx_test_agrees(struct vx_test_client *c, const char *target, const char *token);

/* "<epoch>.<revision>"; a static buffer. */
const char *vx_test_revision(const struct vx_test_service *s, struct vx_scope *scope);

#endif
