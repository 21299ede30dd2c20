/*
 * Requests that are not answered at once: long polls, and those whose answer takes more than one
 * turn to make. They are copied and parked; those that wait for the same scope form a group, so
 * that a wake-up looks once at each scope that is watched, however many watch it. Those that may be
 * asked again stand in a line, of which every turn of the loop takes as many as fit into its time:
 * others never wait for all of them. While there are no others its time is longer.
 */
#include "net/net_private.h"

#include "core/alloc.h"
#include "core/registry.h"

#include <openssl/crypto.h>

/* How long one turn may go on asking. Each turn of lws's loop looks at every connection, which
 * costs about a quarter of a microsecond for each: a turn is longer than that. While nothing comes
 * in it may be longer by far; not without end, for who waits to be sent more, and the timers. */
#define TURN_US(connections)         (500 + (int64_t)(connections) / 2)
#define LONGEST_TURN_US(connections) (5000 + (int64_t)(connections) / 2)

struct vx_parked {
    size_t size;
    struct vx_request request; /* all it points to lies behind it */
    bool head_only;
    bool timed; /* the connection's timer says when its time is over */
    struct vx_param params[];
};

static struct vx_hold_group **bucket(struct vx_worker *worker, const struct vx_scope *scope) {
    return &worker->groups[((uintptr_t)scope >> 6) % VX_HOLD_BUCKETS];
}

/* --- the copy --- */

static struct vx_str keep(char **at, struct vx_str s) {
    struct vx_str copy = {*at, s.len};

    if (!s.at)
        return VX_NONE;
    memcpy(*at, s.at, s.len);
    *at += s.len;
    return copy;
}

static struct vx_parked *copy_request(const struct vx_request *r) {
    size_t size = sizeof(struct vx_parked) + r->param_count * sizeof *r->params + r->path.len +
                  r->authorization.len + r->if_none_match.len + r->content_type.len + r->body.len +
                  r->idempotency_key.len;
    struct vx_parked *p;
    char *at;

    for (size_t i = 0; i < r->param_count; i++)
        size += r->params[i].name.len + r->params[i].value.len;
    p = vx_malloc(size);
    if (!p)
        return NULL;
    p->size = size;
    at = (char *)&p->params[r->param_count];
    p->request = *r;
    p->request.params = p->params;
    p->request.path = keep(&at, r->path);
    p->request.authorization = keep(&at, r->authorization);
    p->request.if_none_match = keep(&at, r->if_none_match);
    p->request.content_type = keep(&at, r->content_type);
    p->request.body = keep(&at, r->body);
    p->request.idempotency_key = keep(&at, r->idempotency_key);
    p->request.last_event_id = VX_NONE; /* a stream's, which is never parked */
    for (size_t i = 0; i < r->param_count; i++)
        p->params[i] =
            (struct vx_param){keep(&at, r->params[i].name), keep(&at, r->params[i].value)};
    return p;
}

/* It has a token. */
static void unpark(struct vx_conn *conn) {
    OPENSSL_cleanse(conn->parked, conn->parked->size);
    vx_free(conn->parked);
    conn->parked = NULL;
}

/* --- groups --- */

bool vx_hold_join(struct vx_conn *conn, struct vx_scope *scope, uint64_t revision) {
    struct vx_hold_group **b = bucket(conn->worker, scope), *g = *b;

    while (g && g->scope != scope)
        g = g->next;
    if (g) {
        vx_scope_release(&scope);
    } else {
        g = vx_malloc(sizeof *g);
        if (!g) {
            vx_scope_release(&scope);
            return false;
        }
        *g = (struct vx_hold_group){.next = *b, .scope = scope, .checked = revision};
        *b = g;
        conn->worker->waited_for++;
    }
    vx_net_await(conn->worker);
    conn->group = g;
    conn->peers = g->conns;
    conn->from = &g->conns;
    if (conn->peers)
        conn->peers->from = &conn->peers;
    g->conns = conn;
    return true;
}

void vx_hold_leave(struct vx_conn *conn) {
    struct vx_hold_group *g = conn->group;

    if (!g)
        return;
    conn->group = NULL;
    *conn->from = conn->peers;
    if (conn->peers)
        conn->peers->from = conn->from;
    if (!g->conns) {
        struct vx_hold_group **b = bucket(conn->worker, g->scope);

        while (*b != g)
            b = &(*b)->next;
        *b = g->next;
        conn->worker->waited_for--;
        vx_scope_release(&g->scope);
        vx_free(g);
    }
}

/* --- the line of those that are asked again --- */

void vx_hold_wake(struct vx_conn *conn) {
    struct vx_worker *worker = conn->worker;

    if (conn->due)
        return;
    conn->due = true;
    conn->in_line = NULL;
    conn->line_link = worker->line_end;
    *worker->line_end = conn;
    worker->line_end = &conn->in_line;
}

void vx_hold_leave_line(struct vx_conn *conn) {
    if (!conn->due)
        return;
    conn->due = false;
    *conn->line_link = conn->in_line;
    if (conn->in_line)
        conn->in_line->line_link = conn->line_link;
    else
        conn->worker->line_end = conn->line_link;
}

void vx_holds_run(struct vx_worker *worker) {
    int64_t connections = (int64_t)atomic_load(&worker->metrics.connections);
    int64_t now = vx_net_now(), last = now + LONGEST_TURN_US(connections);
    int64_t end = now + TURN_US(connections);

    while (worker->line) {
        struct vx_conn *conn = worker->line;

        vx_hold_leave_line(conn);
        vx_conn_resume(conn);
        now = vx_net_now();
        if (now < end)
            continue;
        if (vx_loop_look(worker, 0) || now >= last || vx_handover_any(worker))
            break;
        end = now + TURN_US(0);
    }
    if (!worker->line)
        vx_frames_drop(worker);
}

/* --- waiting --- */

static void join_commanding(struct vx_conn *conn) {
    struct vx_conn **head = &conn->worker->commanding;

    if (conn->commanding_link)
        return;
    conn->next_commanding = *head;
    conn->commanding_link = head;
    if (*head)
        (*head)->commanding_link = &conn->next_commanding;
    *head = conn;
    conn->worker->waited_for++;
    vx_net_await(conn->worker);
}

static void leave_commanding(struct vx_conn *conn) {
    if (!conn->commanding_link)
        return;
    *conn->commanding_link = conn->next_commanding;
    if (conn->next_commanding)
        conn->next_commanding->commanding_link = conn->commanding_link;
    conn->commanding_link = NULL;
    conn->worker->waited_for--;
}

static bool is_finished(struct vx_command *command) {
    struct vx_command_result result;

    return vx_command_result(command, &result);
}

static void set_time(struct vx_conn *conn, unsigned seconds) {
    if (conn->parked->timed)
        return;
    conn->parked->timed = true;
    vx_timer_set(&conn->worker->wheel, &conn->timer,
                 vx_net_now() + (int64_t)seconds * VX_SECOND_US);
}

/* Takes over the command. */
static void wait_for_command(struct vx_conn *conn, struct vx_hold *hold) {
    struct vx_request *request = &conn->parked->request;

    vx_command_release(&request->command);
    request->command = hold->command;
    hold->command = NULL;
    join_commanding(conn);
    set_time(conn, hold->seconds);
    if (is_finished(request->command))
        vx_hold_wake(conn);
}

/* Waits for `hold`; takes over what it has. */
static bool wait_for(struct vx_conn *conn, struct vx_hold *hold) {
    struct vx_parked *p = conn->parked;
    struct vx_scope *scope = hold->scope;

    vx_hold_leave(conn);
    p->request.progress = hold->progress;
    if (hold->selection) {
        vx_selection_release(&p->request.selection);
        p->request.selection = hold->selection;
        hold->selection = NULL;
    }
    if (hold->command) {
        wait_for_command(conn, hold);
        return true;
    }
    if (!scope) {
        vx_hold_wake(conn);
        return true;
    }
    hold->scope = NULL;
    conn->waits_for = hold->revision;
    if (!vx_hold_join(conn, scope, hold->revision))
        return false;
    set_time(conn, hold->seconds);
    /* It may have changed since the answer was "not yet", and the wake-up for that be over. */
    if (vx_scope_revision(conn->group->scope) != hold->revision)
        vx_hold_wake(conn);
    return true;
}

bool vx_hold_park(struct vx_conn *conn, const struct vx_request *request, bool head_only,
                  struct vx_response *response) {
    struct vx_request kept = *request;

    if (response->hold.command) /* its body has been read */
        kept.body = VX_NONE;
    conn->parked = copy_request(&kept);
    if (!conn->parked)
        return false;
    conn->parked->head_only = head_only;
    conn->parked->timed = false;
    conn->expired = false;
    vx_timer_clear(&conn->worker->wheel, &conn->timer);
    if (!wait_for(conn, &response->hold)) {
        vx_selection_release(&conn->parked->request.selection);
        unpark(conn);
        return false;
    }
    conn->state = VX_HELD;
    vx_count(&conn->worker->metrics.held, 1);
    return true;
}

void vx_hold_drop(struct vx_conn *conn) {
    if (!conn->parked)
        return;
    vx_hold_leave(conn);
    vx_hold_leave_line(conn);
    vx_selection_release(&conn->parked->request.selection);
    leave_commanding(conn);
    if (conn->parked->request.command)
        vx_command_give_up(conn->parked->request.command);
    vx_command_release(&conn->parked->request.command);
    unpark(conn);
    conn->expired = false;
    conn->state = VX_READING;
    vx_uncount(&conn->worker->metrics.held, 1);
}

bool vx_hold_ask(struct vx_conn *conn) {
    struct vx_parked *p = conn->parked;
    bool head_only = p->head_only;
    struct vx_response response = {0};

    p->request.counted = true;
    p->request.waited = conn->expired;
    vx_api_invoke(conn->worker->api, &p->request, &response);
    if (!response.status && !response.hold.scope && atomic_load(&conn->worker->stop)) {
        vx_response_clear(&response);
        vx_api_error(&response, 503, "the server is stopping");
    } else if (!response.status && !(conn->expired && response.hold.scope)) { /* not yet */
        if (wait_for(conn, &response.hold))
            return true;
        vx_response_clear(&response);
        vx_api_error(&response, 503, "out of memory");
    } else if (!response.status) {
        vx_response_clear(&response);
        vx_api_error(&response, 500, "no answer");
    }
    vx_hold_drop(conn);
    conn->timeout = VX_TIMEOUT_NONE;
    return vx_http_answer(conn, &response, head_only);
}

void vx_holds_check(struct vx_worker *worker) {
    for (struct vx_conn *c = worker->commanding; c; c = c->next_commanding)
        if (is_finished(c->parked->request.command))
            vx_hold_wake(c);
    for (size_t i = 0; i < VX_HOLD_BUCKETS; i++) {
        for (struct vx_hold_group *g = worker->groups[i]; g; g = g->next) {
            uint64_t revision = vx_scope_revision(g->scope);

            if (revision == g->checked)
                continue;
            g->checked = revision;
            for (struct vx_conn *c = g->conns; c; c = c->peers)
                if (c->waits_for != revision)
                    vx_hold_wake(c);
        }
    }
}

void vx_holds_wake_all(struct vx_worker *worker) {
    for (size_t i = 0; i < VX_HOLD_BUCKETS; i++)
        for (struct vx_hold_group *g = worker->groups[i]; g; g = g->next)
            for (struct vx_conn *c = g->conns; c; c = c->peers)
                vx_hold_wake(c);
}

void vx_holds_finish(struct vx_worker *worker) {
    for (struct vx_conn *c = worker->conns, *next; c; c = next) {
        next = c->next;
        if (c->stream) {
            vx_stream_close(c, VX_WS_GOING_AWAY);
            (void)vx_stream_pump(c);
        }
        if (c->state != VX_HELD)
            continue;
        c->expired = c->closing = true;
        (void)vx_hold_ask(c);
    }
}
