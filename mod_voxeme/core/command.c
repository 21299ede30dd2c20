#include "core/command.h"

#include "core/alloc.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum state { QUEUED, TAKEN, FINISHED, GIVEN_UP };

struct vx_command {
    atomic_uint refs;
    enum vx_verb verb;
    struct vx_command_args args; /* all it points to lies behind it */
    bool (*follow)(void *ctx, const struct vx_command_args *args);
    void *follow_ctx;
    pthread_mutex_t lock;
    /* Guarded by lock. */
    enum state state;
    bool waited_for;
    struct vx_command_result result;
    void (*notify)(void *ctx);
    void *ctx;
};

#define PLAIN_TEXTS 19
#define TEXTS       (PLAIN_TEXTS + VX_SPEECH_COUNT)

/* Every text of the arguments, in the order in which they are copied. */
static void texts_of(struct vx_command_args *a, struct vx_str *texts[TEXTS]) {
    struct vx_str *plain[PLAIN_TEXTS] = {
        &a->target,       &a->from,       &a->from_host,    &a->caller_name,  &a->to,
        &a->tag,          &a->digits,     &a->method,       &a->content_type, &a->content,
        &a->hook,         &a->child_hook, &a->hook_method,  &a->wait_hook,    &a->child_hook_method,
        &a->recording_id, &a->amd,        &a->request_hook, &a->user};

    memcpy(texts, plain, sizeof plain);
    for (size_t i = 0; i < VX_SPEECH_COUNT; i++)
        texts[PLAIN_TEXTS + i] = &a->speech[i];
}

static size_t size_of(const struct vx_command_args *args) {
    struct vx_command_args copy = *args;
    struct vx_str *texts[TEXTS];
    size_t size = args->header_count * sizeof *args->headers;

    size += args->sound_count * sizeof *args->sounds;
    texts_of(&copy, texts);
    for (size_t i = 0; i < TEXTS; i++)
        size += texts[i]->len;
    for (size_t i = 0; i < args->header_count; i++)
        size += args->headers[i].name.len + args->headers[i].value.len;
    for (size_t i = 0; i < args->sound_count; i++)
        size += args->sounds[i].text.len;
    return size;
}

static void keep(char **at, struct vx_str *s) {
    if (!s->at)
        return;
    memcpy(*at, s->at, s->len);
    s->at = *at;
    *at += s->len;
}

static void copy_args(struct vx_command_args *to, char *room) {
    struct vx_command_header *headers = (struct vx_command_header *)(void *)room;
    struct vx_command_sound *sounds = (struct vx_command_sound *)(headers + to->header_count);
    char *at = (char *)(sounds + to->sound_count);
    struct vx_str *texts[TEXTS];

    texts_of(to, texts);
    for (size_t i = 0; i < TEXTS; i++)
        keep(&at, texts[i]);
    for (size_t i = 0; i < to->header_count; i++) {
        headers[i] = to->headers[i];
        keep(&at, &headers[i].name);
        keep(&at, &headers[i].value);
    }
    for (size_t i = 0; i < to->sound_count; i++) {
        sounds[i] = to->sounds[i];
        keep(&at, &sounds[i].text);
    }
    to->headers = headers;
    to->sounds = sounds;
}

struct vx_command *vx_command_new(enum vx_verb verb, const struct vx_command_args *args,
                                  void (*notify)(void *ctx), void *ctx) {
    struct vx_command *c = vx_malloc(sizeof *c + size_of(args));

    if (!c)
        return NULL;
    memset(c, 0, sizeof *c);
    atomic_init(&c->refs, 1);
    c->verb = verb;
    c->args = *args;
    copy_args(&c->args, (char *)(c + 1));
    vx_hook_ref(c->args.status_hook);
    vx_credentials_ref(c->args.credentials);
    pthread_mutex_init(&c->lock, NULL);
    c->state = QUEUED;
    c->waited_for = true;
    c->notify = notify;
    c->ctx = ctx;
    return c;
}

struct vx_command *vx_command_ref(struct vx_command *c) {
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

void vx_command_release(struct vx_command **command) {
    struct vx_command *c = *command;

    *command = NULL;
    if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
        return;
    vx_hook_release(&c->args.status_hook);
    vx_credentials_release(&c->args.credentials);
    pthread_mutex_destroy(&c->lock);
    vx_free(c);
}

void vx_command_follow(struct vx_command *c,
                       bool (*follow)(void *ctx, const struct vx_command_args *args), void *ctx) {
    c->follow = follow;
    c->follow_ctx = ctx;
}

enum vx_verb vx_command_verb(const struct vx_command *c) {
    return c->verb;
}

const struct vx_command_args *vx_command_args(const struct vx_command *c) {
    return &c->args;
}

bool vx_command_take(struct vx_command *c) {
    bool taken;

    pthread_mutex_lock(&c->lock);
    taken = c->state == QUEUED;
    if (taken)
        c->state = TAKEN;
    pthread_mutex_unlock(&c->lock);
    return taken;
}

bool vx_command_wanted(struct vx_command *c) {
    bool wanted;

    pthread_mutex_lock(&c->lock);
    wanted = c->waited_for;
    pthread_mutex_unlock(&c->lock);
    return wanted;
}

/* The notification runs under the lock, so that none runs after the command was given up. */
void vx_command_finish(struct vx_command *c, enum vx_outcome outcome, unsigned sip_status,
                       const char *reason) {
    bool followed = outcome != VX_OUTCOME_DONE || !c->follow || c->follow(c->follow_ctx, &c->args);

    pthread_mutex_lock(&c->lock);
    c->state = FINISHED;
    vx_credentials_release(&c->args.credentials);
    c->result.no_memory = !followed;
    c->result.outcome = outcome;
    c->result.sip_status = sip_status;
    snprintf(c->result.reason, sizeof c->result.reason, "%s", reason ? reason : "");
    if (c->waited_for && c->notify)
        c->notify(c->ctx);
    pthread_mutex_unlock(&c->lock);
}

bool vx_command_result(struct vx_command *c, struct vx_command_result *result) {
    bool finished;

    pthread_mutex_lock(&c->lock);
    finished = c->state == FINISHED;
    if (finished)
        *result = c->result;
    pthread_mutex_unlock(&c->lock);
    return finished;
}

bool vx_command_give_up(struct vx_command *c) {
    bool undone;

    pthread_mutex_lock(&c->lock);
    c->waited_for = false;
    undone = c->state == QUEUED;
    if (undone) {
        c->state = GIVEN_UP;
        vx_credentials_release(&c->args.credentials);
    }
    pthread_mutex_unlock(&c->lock);
    return undone;
}

bool vx_command_dropped(struct vx_command *c) {
    bool dropped;

    pthread_mutex_lock(&c->lock);
    dropped = c->state == GIVEN_UP;
    pthread_mutex_unlock(&c->lock);
    return dropped;
}
