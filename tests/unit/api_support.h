/* What the tests of the API share: a service without sockets, and asking it. */
#ifndef VX_TEST_API_SUPPORT_H
#define VX_TEST_API_SUPPORT_H

#include "support.h"

#include "api/api.h"

#include <json.h>

#define CALLS_OF(account) "/v1/Accounts/" account "/Calls"
#define ALPHA_CALLS       CALLS_OF(ALPHA_SID)
#define BETA_CALLS        CALLS_OF(BETA_SID)

struct vx_test_service {
    struct vx_test_world world;
    struct vx_api *api;
};

void vx_test_service_open(struct vx_test_service *s, const char *settings);
void vx_test_service_close(struct vx_test_service *s);

/* What is not given is left out of the request. */
struct vx_test_ask {
    enum vx_method method; /* 0: GET */
    const char *target;    /* path and query, percent-encoded */
    const char *token;     /* sent as "Bearer TOKEN" */
    const char *authorization;
    const char *if_none_match, *content_type, *body;
    const char *peer;
    const char *last_event_id;
    const char *idempotency_key;
    bool waited, counted, stream, takes_gzip;
    void (*between)(unsigned turn); /* called between two turns of an answer; may be NULL */
    bool admit;                     /* the head alone: vx_api_admit() */
    struct vx_command *command;
    struct vx_known_token *known;
};

struct vx_test_answer {
    struct vx_response response;
    bool admitted, wants_body;
    char *body; /* terminated; JSON in gzip as JSON; NULL without one */
    size_t len;
    struct json_object *json; /* when it is JSON, as its content type says */
    unsigned turns;           /* it took besides the last */
};

/* Checks what holds for every answer, too: the content type fits the body, an error has a `msg` and
 * nothing else, no token is in it. End with vx_test_answer_clear(). */
void vx_test_ask(struct vx_test_service *s, const struct vx_test_ask *ask,
                 struct vx_test_answer *answer);
/* The same without any check, for what may lack memory; end with vx_response_clear(). */
void vx_test_ask_loosely(struct vx_test_service *s, const struct vx_test_ask *ask,
                         struct vx_test_answer *answer);
/* The bytes of a body, terminated, for the caller to free(). */
char *vx_test_body(const struct vx_body *body, size_t *len);

void vx_test_answer_clear(struct vx_test_answer *answer);

/* GET with a token; fails the test unless the status is `status`. */
void vx_test_get(struct vx_test_service *s, const char *target, const char *token, unsigned status,
                 struct vx_test_answer *answer);

/* The status of that GET. */
unsigned vx_test_status(struct vx_test_service *s, const char *target, const char *token);

/* A handler for routes of a test's own: answers with the body of the request, as a JSON string. */
struct exchange;
void vx_test_echo(struct exchange *x);

/* "1 3 2": the numbers of the calls in a JSON array, in its order; a static buffer. */
const char *vx_test_numbers(struct json_object *array);

const char *vx_test_string(struct json_object *object, const char *key);
int64_t vx_test_int(struct json_object *object, const char *key);

#endif
