/*
 * The API asked by several threads while hosts' threads write: whatever is answered is whole, no
 * client ever sees a revision go back, and a client that follows by ?since= ends up with the list.
 */
#include "api_support.h"
#include "gunzip.h"

#include <pthread.h>
#include <sched.h>

#ifdef VX_SANITIZERS
enum { WRITERS = 2, POLLERS = 2, CALLS_EACH = 300 };
#else
enum { WRITERS = 2, POLLERS = 2, CALLS_EACH = 600 };
#endif
enum { ALL_CALLS = WRITERS * CALLS_EACH };

static struct vx_test_service s;
static atomic_bool writing;
static atomic_uint_fast64_t streamed; /* messages */
static atomic_uint reloads, unzipped;

struct worker {
    pthread_t thread;
    unsigned first;
    uint64_t wrong, answers;
    bool there[ALL_CALLS];
    uint64_t revision;
};

/* assert_* is for cmocka's own thread only: workers count what is wrong. */
static unsigned ask(const char *target, const char *query_name, const char *query_value,
                    struct vx_response *response) {
    struct vx_param param = {vx_str(query_name), vx_str(query_value)};
    struct vx_request request = {.method = VX_GET,
                                 .path = vx_str(target),
                                 .params = &param,
                                 .param_count = query_name ? 1 : 0,
                                 .takes_gzip = true,
                                 .authorization = VX_STR("Bearer alpha-token")};
    vx_api_invoke(s.api, &request, response);
    while (!response->status && !response->hold.scope) {
        request.progress = response->hold.progress;
        if (response->hold.selection)
            request.selection = response->hold.selection;
        response->hold.selection = NULL;
        vx_response_clear(response);
        vx_api_invoke(s.api, &request, response);
    }
    vx_selection_release(&request.selection);
    return response->status;
}

static void *write_calls(void *arg) {
    struct worker *me = arg;
    static const enum vx_event_type life[] = {VX_EVENT_CREATE, VX_EVENT_PROGRESS, VX_EVENT_ANSWER,
                                              VX_EVENT_HANGUP};
    for (unsigned n = me->first; n < me->first + CALLS_EACH; n++) {
        for (size_t i = 0; i < 4; i++) {
            struct vx_event e = vx_test_event(life[i], n);
            me->wrong += vx_registry_apply(s.world.registry, &e) != VX_APPLIED;
        }
        if (n % 50 == 0) {
            vx_test_advance(&s.world.time, 60 * VX_SECOND_US);
            vx_registry_expire(s.world.registry, 0);
            vx_api_tick(s.api);
        }
        /* Writers are quicker than readers; a list that is changed while it is made is the point.
         */
        sched_yield();
    }
    return NULL;
}

static uint64_t revision_of(const char *e_dot_r) {
    const char *dot = strchr(e_dot_r, '.');
    return dot ? strtoull(dot + 1, NULL, 10) : 0;
}

/* The text of an answer, for the caller to free(); NULL: it is not what it says that it is. */
static char *text_of(const struct vx_response *r, size_t *len) {
    char *at = r->body ? vx_test_body(r->body, len) : NULL;
    if (!at || !r->content_encoding)
        return at;
    char *text = vx_test_gunzip(at, *len, len);
    free(at);
    atomic_fetch_add(&unzipped, 1);
    return text;
}

static void *poll_lists(void *arg) {
    struct worker *me = arg;
    while (atomic_load(&writing)) {
        struct vx_response r;
        bool filtered = me->first && me->answers % 2;
        me->wrong += ask(ALPHA_CALLS, filtered ? "state" : NULL, "ended", &r) != 200;
        size_t len = 0;
        char *at = text_of(&r, &len);
        me->wrong += !at || len < 2 || at[0] != '[' || at[len - 1] != ']';
        free(at);
        uint64_t revision = revision_of(r.etag);
        me->wrong += revision < me->revision;
        me->revision = revision;
        me->answers++;
        vx_response_clear(&r);
    }
    return NULL;
}

static void note(struct worker *me, struct json_object *list, bool there) {
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        struct json_object *item = json_object_array_get_idx(list, i), *sid = item;
        if (there)
            json_object_object_get_ex(item, "call_sid", &sid);
        unsigned long n = strtoul(json_object_get_string(sid) + 28, NULL, 16);
        me->wrong += n >= ALL_CALLS;
        if (n < ALL_CALLS)
            me->there[n] = there;
    }
}

static void follow_once(struct worker *me, char mark[VX_ETAG_SIZE]) {
    struct vx_response r;
    struct json_object *calls = NULL, *removed = NULL, *revision;
    me->wrong += ask(ALPHA_CALLS, "since", mark, &r) != 200;
    struct json_tokener *t = json_tokener_new_ex(8);
    size_t len = 0;
    char *text = text_of(&r, &len);
    struct json_object *o = json_tokener_parse_ex(t, text ? text : "", (int)len);
    me->wrong += !o;
    free(text);
    json_object_object_get_ex(o, "calls", &calls);
    json_object_object_get_ex(o, "removed", &removed);
    if (json_object_object_get_ex(o, "reset", NULL))
        memset(me->there, 0, sizeof me->there);
    note(me, calls, true);
    note(me, removed, false);
    if (json_object_object_get_ex(o, "revision", &revision)) {
        me->wrong += revision_of(json_object_get_string(revision)) < me->revision;
        me->revision = revision_of(json_object_get_string(revision));
        snprintf(mark, VX_ETAG_SIZE, "%s", json_object_get_string(revision));
    } else {
        me->wrong++;
    }
    me->answers++;
    json_object_put(o);
    json_tokener_free(t);
    vx_response_clear(&r);
}

static void *follow(void *arg) {
    struct worker *me = arg;
    char mark[VX_ETAG_SIZE] = "0.0";
    while (atomic_load(&writing))
        follow_once(me, mark);
    follow_once(me, mark);
    return NULL;
}

static void *configure(void *arg) {
    struct worker *me = arg;
    while (atomic_load(&writing)) {
        me->wrong += !vx_registry_configure(s.world.registry, s.world.config);
        me->wrong += !vx_api_configure(s.api, s.world.config);
        struct vx_response r;
        me->wrong += ask("/v1/Accounts/" ALPHA_SID "/CallCount", NULL, NULL, &r) != 200;
        vx_response_clear(&r);
        me->answers++;
    }
    return NULL;
}

static void check_follower(const struct worker *f) {
    bool listed[ALL_CALLS] = {false};
    struct vx_test_answer a;
    vx_test_get(&s, ALPHA_CALLS, "alpha-token", 200, &a);
    for (size_t i = 0; i < json_object_array_length(a.json); i++) {
        const char *sid = vx_test_string(json_object_array_get_idx(a.json, i), "call_sid");
        listed[strtoul(sid + 28, NULL, 16)] = true;
    }
    assert_int_equal(f->revision, vx_scope_revision(s.world.alpha));
    assert_memory_equal(f->there, listed, sizeof listed);
    vx_test_answer_clear(&a);
}

static void test_all_at_once(void **state) {
    (void)state;
    static struct worker writers[WRITERS], pollers[POLLERS], follower, reloader;
    vx_test_service_open(&s, "rate-limit-per-minute=0");
    atomic_store(&writing, true);
    for (unsigned i = 0; i < WRITERS; i++) {
        writers[i] = (struct worker){.first = i * CALLS_EACH};
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_calls, &writers[i]), 0);
    }
    for (unsigned i = 0; i < POLLERS; i++) {
        pollers[i] = (struct worker){.first = i};
        assert_int_equal(pthread_create(&pollers[i].thread, NULL, poll_lists, &pollers[i]), 0);
    }
    follower = reloader = (struct worker){.first = 0};
    assert_int_equal(pthread_create(&follower.thread, NULL, follow, &follower), 0);
    assert_int_equal(pthread_create(&reloader.thread, NULL, configure, &reloader), 0);
    for (unsigned i = 0; i < WRITERS; i++)
        pthread_join(writers[i].thread, NULL);
    atomic_store(&writing, false);
    for (unsigned i = 0; i < POLLERS; i++) {
        pthread_join(pollers[i].thread, NULL);
        assert_int_equal(pollers[i].wrong, 0);
    }
    pthread_join(follower.thread, NULL);
    pthread_join(reloader.thread, NULL);
    for (unsigned i = 0; i < WRITERS; i++)
        assert_int_equal(writers[i].wrong, 0);
    assert_int_equal(follower.wrong, 0);
    assert_int_equal(reloader.wrong, 0);
    assert_true(atomic_load(&unzipped) > 0);
    check_follower(&follower);
    vx_test_service_close(&s);
}

/* --- an account that comes and goes --- */

static void *write_of_beta(void *arg) {
    (void)arg;
    for (unsigned n = 0; atomic_load(&writing); n++) {
        struct vx_event e = vx_test_event_of(BETA_SID, n % 2 ? VX_EVENT_HANGUP : VX_EVENT_CREATE,
                                             n / 2 % CALLS_EACH);
        vx_registry_apply(s.world.registry, &e);
        if (n % 100 == 0) {
            vx_test_advance(&s.world.time, 60 * VX_SECOND_US);
            vx_registry_expire(s.world.registry, 0);
        }
        sched_yield();
    }
    return NULL;
}

/* What the network's thread does with a stream, as long as it may, and with what it was sent last
 * when the account is gone. */
static void stream_once(struct worker *me) {
    struct vx_request request = {.method = VX_GET,
                                 .path = VX_STR(BETA_CALLS),
                                 .authorization = VX_STR("Bearer beta-token"),
                                 .stream = true};
    struct vx_response r;
    struct vx_body *body = NULL, *kept = NULL;
    vx_api_invoke(s.api, &request, &r);
    struct vx_sub *sub = r.sub;
    r.sub = NULL;
    me->wrong += sub ? r.status != 200 : r.status != 401; /* no such token at the moment */
    vx_response_clear(&r);
    while (sub && atomic_load(&writing) && vx_sub_allowed(s.api, sub))
        if (vx_sub_next(s.api, sub, &body) == VX_SUB_MESSAGE) {
            vx_body_release(&kept);
            kept = body;
            atomic_fetch_add(&streamed, 1);
        }
    if (kept) {
        size_t len;
        char *text = vx_test_body(kept, &len);
        me->wrong += text[0] != '{' || text[len - 1] != '}';
        free(text);
    }
    vx_sub_release(&sub);
    vx_body_release(&kept);
    vx_api_tick(s.api);
}

static void *stream(void *arg) {
    struct worker *me = arg;
    while (atomic_load(&writing))
        stream_once(me);
    return NULL;
}

static void *come_and_go(void *arg) {
    struct worker *me = arg;
    char error[256];
    struct vx_config *fewer =
        vx_test_read("<configuration name=\"voxeme.conf\"><accounts><account sid=\"" ALPHA_SID
                     "\"><token sha256=\"" ALPHA_SHA "\"/></account></accounts></configuration>",
                     NULL, error, sizeof error);
    for (bool there = true; atomic_load(&writing); there = !there) {
        struct vx_config *config = there ? fewer : s.world.config;
        uint64_t before = atomic_load(&streamed);
        me->wrong += !vx_registry_configure(s.world.registry, config);
        me->wrong += !vx_api_configure(s.api, config);
        atomic_fetch_add(&reloads, 1);
        while (!there && atomic_load(&writing) && atomic_load(&streamed) < before + 20)
            sched_yield();
    }
    vx_config_release(&fewer);
    return NULL;
}

static void test_an_account_comes_and_goes_under_its_streams(void **state) {
    (void)state;
    static struct worker writer, streams[2], reloader;
    vx_test_service_open(&s, "rate-limit-per-minute=0");
    atomic_store(&writing, true);
    writer = reloader = streams[0] = streams[1] = (struct worker){.first = 0};
    assert_int_equal(pthread_create(&writer.thread, NULL, write_of_beta, &writer), 0);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&streams[i].thread, NULL, stream, &streams[i]), 0);
    assert_int_equal(pthread_create(&reloader.thread, NULL, come_and_go, &reloader), 0);
    while (atomic_load(&streamed) < 200 || atomic_load(&reloads) < 8)
        sched_yield();
    atomic_store(&writing, false);
    pthread_join(writer.thread, NULL);
    pthread_join(reloader.thread, NULL);
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(streams[i].thread, NULL);
        assert_int_equal(streams[i].wrong, 0);
    }
    assert_int_equal(reloader.wrong, 0);
    vx_test_service_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_at_once),
        cmocka_unit_test(test_an_account_comes_and_goes_under_its_streams),
    };
    return cmocka_run_group_tests_name("api_threads", tests, NULL, NULL);
}
