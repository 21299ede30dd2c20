/* What the lists answer: the contract's example, order, filters, paging, one call, counts. */
#include "api_support.h"

static struct vx_test_service s;
static struct vx_test_answer a;

static int open_service(void **state) {
    (void)state;
    vx_test_service_open(&s, "rate-limit-per-minute=0");
    return 0;
}

static int close_service(void **state) {
    (void)state;
    vx_test_answer_clear(&a);
    vx_test_service_close(&s);
    return 0;
}

static struct json_object *get(const char *target) {
    vx_test_answer_clear(&a);
    vx_test_get(&s, target, "alpha-token", 200, &a);
    return a.json;
}

static void lists(const char *query, const char *numbers) {
    char target[512];
    snprintf(target, sizeof target, ALPHA_CALLS "%s", query);
    const char *got = vx_test_numbers(get(target));
    if (strcmp(got, numbers) != 0)
        fail_msg("%s lists \"%s\", should list \"%s\"", query, got, numbers);
}

static void refuses(const char *query, const char *word) {
    char target[512];
    snprintf(target, sizeof target, ALPHA_CALLS "%s", query);
    struct vx_test_ask q = {.target = target, .token = "alpha-token"};
    vx_test_answer_clear(&a);
    vx_test_ask(&s, &q, &a);
    if (a.response.status != 400)
        fail_msg("%s: %u, should be 400", query, a.response.status);
    if (!strstr(a.body, word))
        fail_msg("%s: the answer should name %s: %s", query, word, a.body);
}

/* --- the contract's example --- */

static const struct {
    const char *call_id, *call_sid, *application_sid;
    int duration;
} example[] = {
    {"a173fe94-3be1-123a-28b2-0efdfb356c0d", "a4941f23-66b8-4b52-b495-94192adee7ec", NULL, 5},
    {"7ed07f1e-3be0-123a-28b2-0efdfb356c0d", "6b4931df-436a-4bfe-864e-3513d2917c02", APP_SID, 16},
    {"6f7c2d1c-3be1-123a-28b2-0efdfb356c0d", "65d1cefe-c21a-4f03-92c0-947d6a17fe01", NULL, 5},
    {"13f2f4b9-3be1-123a-28b2-0efdfb356c0d", "8f0eb6f4-85d9-40c7-84a8-a7a8228f9816", NULL, 0},
};

static const char *const contract_keys[] = {
    "account_sid", "application_sid", "call_id", "call_sid",    "call_status", "caller_name",
    "direction",   "duration",        "from",    "service_url", "sip_status",  "to"};

static bool in_contract(const char *key) {
    for (size_t i = 0; i < sizeof contract_keys / sizeof *contract_keys; i++) {
        if (strcmp(contract_keys[i], key) == 0)
            return true;
    }
    return false;
}

/* Takes out what is not the contract's; the rest keeps its order. */
static void keep_contract_keys(struct json_object *call) {
    bool again = true;
    while (again) {
        again = false;
        json_object_object_foreach(call, key, value) {
            (void)value;
            if (!in_contract(key)) {
                json_object_object_del(call, key);
                again = true;
                break;
            }
        }
    }
}

static void make_example_call(size_t i) {
    struct vx_event e = vx_test_event(VX_EVENT_CREATE, 0);
    e.direction = VX_OUTBOUND;
    e.call_sid = vx_test_uuid(example[i].call_sid);
    e.call_id = vx_str(example[i].call_id);
    e.application_sid = vx_str(example[i].application_sid);
    assert_int_equal(vx_registry_apply(s.world.registry, &e), VX_APPLIED);
    e.type = VX_EVENT_ANSWER;
    assert_int_equal(vx_registry_apply(s.world.registry, &e), VX_APPLIED);
    vx_test_advance(&s.world.time, example[i].duration * VX_SECOND_US + 400000);
    e.type = VX_EVENT_HANGUP;
    assert_int_equal(vx_registry_apply(s.world.registry, &e), VX_APPLIED);
}

#define EXAMPLE(application, call_id, call_sid, duration)                                          \
    "{\"account_sid\":\"5f8e8f60-4771-44cb-92a6-94ea66df0450\"," application                       \
    "\"call_id\":\"" call_id "\",\"call_sid\":\"" call_sid                                         \
    "\",\"call_status\":\"completed\",\"caller_name\":\"\","                                       \
    "\"direction\":\"outbound\",\"duration\":" duration ",\"from\":\"15083728299\","               \
    "\"service_url\":\"http://172.31.32.144:3000\",\"sip_status\":200,\"to\":\"15083084809\"}"

static const char *const example_text[] = {
    EXAMPLE("", "a173fe94-3be1-123a-28b2-0efdfb356c0d", "a4941f23-66b8-4b52-b495-94192adee7ec",
            "5"),
    EXAMPLE("\"application_sid\":\"9984fdc5-89ec-4ffe-9cee-880255a46253\",",
            "7ed07f1e-3be0-123a-28b2-0efdfb356c0d", "6b4931df-436a-4bfe-864e-3513d2917c02", "16"),
    EXAMPLE("", "6f7c2d1c-3be1-123a-28b2-0efdfb356c0d", "65d1cefe-c21a-4f03-92c0-947d6a17fe01",
            "5"),
    EXAMPLE("", "13f2f4b9-3be1-123a-28b2-0efdfb356c0d", "8f0eb6f4-85d9-40c7-84a8-a7a8228f9816",
            "0"),
};

static void test_the_contracts_example(void **state) {
    (void)state;
    for (size_t i = 4; i-- > 0;) /* newest first */
        make_example_call(i);
    struct json_object *list = get(ALPHA_CALLS);
    assert_true(json_object_is_type(list, json_type_array));
    assert_int_equal(json_object_array_length(list), 4);
    assert_null(strstr(a.body, ", "));
    assert_null(strstr(a.body, "\": "));
    assert_null(strchr(a.body, '\n'));
    size_t bytes = strlen("[,,,]");
    for (size_t i = 0; i < 4; i++) {
        struct json_object *call = json_object_array_get_idx(list, i);
        keep_contract_keys(call);
        const char *text = json_object_to_json_string_ext(call, JSON_C_TO_STRING_PLAIN |
                                                                    JSON_C_TO_STRING_NOSLASHESCAPE);
        assert_string_equal(text, example_text[i]);
        bytes += strlen(text);
    }
    assert_int_equal(bytes, 1387);
}

static void test_no_calls(void **state) {
    (void)state;
    get(ALPHA_CALLS);
    assert_string_equal(a.body, "[]");
    assert_string_equal(a.response.content_type, "application/json; charset=utf-8");
}

static void test_newest_first_whatever_happens_to_them(void **state) {
    (void)state;
    for (unsigned n = 1; n <= 5; n++)
        vx_test_apply(&s.world, VX_EVENT_CREATE, n);
    lists("", "5 4 3 2 1");
    vx_test_apply(&s.world, VX_EVENT_ANSWER, 2);
    vx_test_apply(&s.world, VX_EVENT_HANGUP, 4);
    lists("", "5 4 3 2 1");
    vx_test_apply(&s.world, VX_EVENT_CREATE, 6);
    lists("", "6 5 4 3 2 1");
}

static void test_list_is_the_rendered_calls(void **state) {
    (void)state;
    for (unsigned n = 1; n <= 3; n++)
        vx_test_apply(&s.world, VX_EVENT_CREATE, n);
    struct vx_buf want = {0};
    for (unsigned n = 3; n >= 1; n--) {
        struct vx_uuid sid = vx_test_sid(n);
        struct vx_snapshot *call = vx_scope_find(s.world.alpha, &sid);
        vx_buf_puts(&want, n == 3 ? "[" : ",");
        vx_buf_str(&want, vx_test_json(call));
        vx_snapshot_release(&call);
    }
    vx_buf_puts(&want, "]");
    get(ALPHA_CALLS);
    assert_int_equal(a.len, want.len);
    assert_memory_equal(a.body, want.at, want.len);
    vx_buf_free(&want);
}

static void test_many_calls(void **state) {
    (void)state;
    for (unsigned n = 1; n <= 3000; n++)
        vx_test_apply(&s.world, VX_EVENT_CREATE, n);
    struct json_object *list = get(ALPHA_CALLS);
    assert_int_equal(json_object_array_length(list), 3000);
    char want[64];
    for (unsigned i = 0; i < 3000; i++) {
        snprintf(want, sizeof want, "ca110000-0000-4000-8000-0000%08x", 3000 - i);
        assert_string_equal(vx_test_string(json_object_array_get_idx(list, i), "call_sid"), want);
    }
    vx_test_apply(&s.world, VX_EVENT_ANSWER, 1500); /* one change in a list that is there already */
    list = get(ALPHA_CALLS);
    assert_int_equal(json_object_array_length(list), 3000);
    assert_string_equal(vx_test_string(json_object_array_get_idx(list, 1500), "call_status"),
                        "in-progress");
}

/* --- filters --- */

/* 1 trying in, 2 ringing out, 3 in progress in, 4 busy out, 5 completed in */
static void make_variety(void) {
    static const enum vx_event_type last[] = {VX_EVENT_CREATE, VX_EVENT_PROGRESS, VX_EVENT_ANSWER,
                                              VX_EVENT_CREATE, VX_EVENT_ANSWER};
    for (unsigned n = 1; n <= 5; n++) {
        struct vx_event e = vx_test_event(last[n - 1], n);
        e.direction = n % 2 ? VX_INBOUND : VX_OUTBOUND;
        e.from = n <= 2 ? VX_STR("+1555") : VX_STR("Zo\xc3\xab & co");
        e.to = n == 3 ? VX_STR("") : VX_STR("200");
        vx_registry_apply(s.world.registry, &e);
        e.type = VX_EVENT_HANGUP;
        e.sip_status = 486;
        if (n >= 4)
            vx_registry_apply(s.world.registry, &e);
    }
}

static void test_filters(void **state) {
    (void)state;
    make_variety();
    lists("?direction=inbound", "5 3 1");
    lists("?direction=outbound", "4 2");
    lists("?state=live", "3 2 1");
    lists("?state=ended", "5 4");
    lists("?callStatus=ringing", "2");
    lists("?call_status=ringing", "2");
    lists("?callStatus=trying,busy,completed", "5 4 1");
    lists("?call_status=in-progress,ringing", "3 2");
    lists("?callStatus=trying%2Cbusy", "4 1");
    lists("?callStatus=queued", "");
    lists("?from=%2B1555", "2 1");
    lists("?from=Zo%C3%AB%20%26%20co", "5 4 3");
    lists("?from=%2B155", "");
    lists("?to=200", "5 4 2 1");
    lists("?to=", "3");
}

static void test_filters_are_joined_by_and(void **state) {
    (void)state;
    make_variety();
    lists("?direction=inbound&state=live", "3 1");
    lists("?direction=outbound&state=ended&callStatus=busy", "4");
    lists("?state=live&callStatus=busy", "");
    lists("?from=%2B1555&to=200&direction=inbound", "1");
}

static void test_unknown_parameters_are_ignored(void **state) {
    (void)state;
    make_variety();
    lists("?colour=blue", "5 4 3 2 1");
    lists("?Direction=inbound", "5 4 3 2 1");
    lists("?count=2&direction=outbound&&=&x", "4 2");
}

static void test_bad_filter_values(void **state) {
    (void)state;
    refuses("?direction=sideways", "direction");
    refuses("?direction=", "direction");
    refuses("?direction=INBOUND", "direction");
    refuses("?direction=inbound%00", "direction");
    refuses("?state=dead", "state");
    refuses("?callStatus=alerting", "callStatus");
    refuses("?call_status=alerting", "call_status");
    refuses("?callStatus=ringing,alerting", "callStatus");
    refuses("?callStatus=ringing,,busy", "callStatus");
    refuses("?callStatus=", "callStatus");
}

/* --- paging --- */

static void is_page(const char *query, int total, int page, int size, const char *numbers) {
    char target[256];
    snprintf(target, sizeof target, ALPHA_CALLS "%s", query);
    struct json_object *envelope = get(target), *data;
    assert_int_equal(json_object_object_length(envelope), 4);
    assert_int_equal(vx_test_int(envelope, "total"), total);
    assert_int_equal(vx_test_int(envelope, "page"), page);
    assert_int_equal(vx_test_int(envelope, "page_size"), size);
    assert_true(json_object_object_get_ex(envelope, "data", &data));
    assert_string_equal(vx_test_numbers(data), numbers);
}

static void test_pages(void **state) {
    (void)state;
    for (unsigned n = 1; n <= 7; n++)
        vx_test_apply(&s.world, VX_EVENT_CREATE, n);
    is_page("?page=1&page_size=3", 7, 1, 3, "7 6 5");
    is_page("?page=2&page_size=3", 7, 2, 3, "4 3 2");
    is_page("?page=3&page_size=3", 7, 3, 3, "1");
    is_page("?page=4&page_size=3", 7, 4, 3, "");
    is_page("?page=1&page_size=500", 7, 1, 500, "7 6 5 4 3 2 1");
    is_page("?page_size=1&page=7", 7, 7, 1, "1");
}

static void test_page_of_a_filter(void **state) {
    (void)state;
    make_variety();
    is_page("?page=1&page_size=2&direction=inbound", 3, 1, 2, "5 3");
    is_page("?page=2&page_size=2&direction=inbound", 3, 2, 2, "1");
    is_page("?page=1&page_size=2&state=ended", 2, 1, 2, "5 4");
}

static void test_envelope_is_compact_and_in_order(void **state) {
    (void)state;
    get(ALPHA_CALLS "?page=1&page_size=5");
    assert_string_equal(a.body, "{\"total\":0,\"page\":1,\"page_size\":5,\"data\":[]}");
}

static void test_bad_pages(void **state) {
    (void)state;
    refuses("?page=0&page_size=10", "page");
    refuses("?page=-1&page_size=10", "page");
    refuses("?page=x&page_size=10", "page");
    refuses("?page=1.5&page_size=10", "page");
    refuses("?page=&page_size=10", "page");
    refuses("?page=1&page_size=0", "page_size");
    refuses("?page=1&page_size=501", "page_size");
    refuses("?page=1&page_size=ten", "page_size");
    refuses("?page=99999999999999999999&page_size=10", "page");
}

/* --- one call, counts, admin --- */

static void test_one_call(void **state) {
    (void)state;
    make_variety();
    struct json_object *call = get(ALPHA_CALLS "/ca110000-0000-4000-8000-000000000003");
    assert_string_equal(vx_test_string(call, "call_status"), "in-progress");
    assert_string_equal(vx_test_string(call, "account_sid"), ALPHA_SID);
    assert_int_equal(vx_test_int(call, "sip_status"), 200);
    assert_string_equal(vx_test_string(call, "attempted_at"), "2021-05-30T12:22:24.000Z");
    struct vx_uuid sid = vx_test_sid(3);
    struct vx_snapshot *snapshot = vx_scope_find(s.world.alpha, &sid);
    struct vx_str json = vx_test_json(snapshot);
    assert_int_equal(a.len, json.len);
    assert_memory_equal(a.body, json.at, json.len);
    vx_snapshot_release(&snapshot);
    get(ALPHA_CALLS "/CA110000-0000-4000-8000-000000000005"); /* either case */
    assert_int_equal(vx_test_int(a.json, "duration"), 0);
}

static void test_call_count(void **state) {
    (void)state;
    get("/v1/Accounts/" ALPHA_SID "/CallCount");
    assert_string_equal(a.body, "{\"inbound\":0,\"outbound\":0}");
    make_variety();
    get("/v1/Accounts/" ALPHA_SID "/CallCount");
    assert_string_equal(a.body, "{\"inbound\":2,\"outbound\":1}");
}

static struct json_object *get_all(const char *target) {
    vx_test_answer_clear(&a);
    vx_test_get(&s, target, "admin-token", 200, &a);
    return a.json;
}

static void test_calls_of_all_accounts(void **state) {
    (void)state;
    static const char *const owners[] = {ALPHA_SID, BETA_SID, NULL};
    for (unsigned n = 1; n <= 3; n++) {
        struct vx_event e = vx_test_event_of(owners[n - 1], VX_EVENT_CREATE, n);
        e.direction = n == 2 ? VX_OUTBOUND : VX_INBOUND;
        vx_registry_apply(s.world.registry, &e);
    }
    struct json_object *list = get_all("/v1/Calls");
    assert_string_equal(vx_test_numbers(list), "3 2 1");
    assert_false(
        json_object_object_get_ex(json_object_array_get_idx(list, 0), "account_sid", NULL));
    assert_string_equal(vx_test_string(json_object_array_get_idx(list, 1), "account_sid"),
                        BETA_SID);
    assert_string_equal(vx_test_numbers(get_all("/v1/Calls?direction=inbound")), "3 1");
    assert_string_equal(vx_test_numbers(get_all("/v1/Calls?state=ended")), "");
    get_all("/v1/Calls?page=1&page_size=2");
    assert_int_equal(vx_test_int(a.json, "total"), 3);
    char want[VX_ETAG_SIZE];
    snprintf(want, sizeof want, "W/\"%s.%llu\"", vx_registry_epoch(s.world.registry),
             (unsigned long long)vx_scope_revision(s.world.all));
    get_all("/v1/Calls");
    assert_string_equal(a.response.etag, want);
    assert_string_equal(vx_test_numbers(get_all(BETA_CALLS)), "2");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_service, close_service)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_the_contracts_example),
        TEST(test_no_calls),
        TEST(test_newest_first_whatever_happens_to_them),
        TEST(test_list_is_the_rendered_calls),
        TEST(test_many_calls),
        TEST(test_filters),
        TEST(test_filters_are_joined_by_and),
        TEST(test_unknown_parameters_are_ignored),
        TEST(test_bad_filter_values),
        TEST(test_pages),
        TEST(test_page_of_a_filter),
        TEST(test_envelope_is_compact_and_in_order),
        TEST(test_bad_pages),
        TEST(test_one_call),
        TEST(test_call_count),
        TEST(test_calls_of_all_accounts),
    };
    return cmocka_run_group_tests_name("api_list", tests, NULL, NULL);
}
