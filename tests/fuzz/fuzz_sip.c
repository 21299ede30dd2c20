/* The bytes of a SIP message -> what the registry is told -> the call that readers see. */
#include "fuzz.h"

#include "core/call.h"
#include "host/sip/leg_event.h"

#include <arpa/inet.h>
#include <json.h>

static void check_text(struct vx_str s, size_t size) {
    FUZZ_CHECK(s.at || s.len == 0);
    FUZZ_CHECK(s.len <= size);
    volatile char sum = 0;
    for (size_t i = 0; i < s.len; i++)
        sum = (char)(sum ^ s.at[i]);
}

static void render(const struct vx_event *e) {
    struct vx_call_fields f = {.call_sid = {{1}},
                               .status = VX_CALL_TRYING,
                               .direction = e->direction,
                               .text = {[VX_TEXT_FROM] = e->from,
                                        [VX_TEXT_TO] = e->to,
                                        [VX_TEXT_CALLER_NAME] = e->caller_name,
                                        [VX_TEXT_CALL_ID] = e->call_id,
                                        [VX_TEXT_SIP_IP] = e->originating_sip_ip},
                               .service_url = "http://127.0.0.1:3000"};
    struct vx_snapshot *s = vx_snapshot_new(&f);
    FUZZ_CHECK(s);
    struct vx_buf json = {0};
    vx_buf_json(&json, s);
    FUZZ_CHECK(vx_buf_ok(&json));
    struct json_tokener *t = json_tokener_new_ex(8);
    FUZZ_CHECK(t);
    json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    json_object_put(json_tokener_parse_ex(t, json.at, (int)json.len));
    FUZZ_CHECK(json_tokener_get_error(t) == json_tokener_success);
    json_tokener_free(t);
    vx_buf_free(&json);
    vx_snapshot_release(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct sockaddr_in source = {.sin_family = AF_INET, .sin_port = htons(5060)};
    struct vx_leg_event leg = {.texts = NULL};
    inet_pton(AF_INET, "192.0.2.1", &source.sin_addr);
    if (vx_leg_event_from_bytes(&leg, data, size, (const struct sockaddr *)&source)) {
        const struct vx_event *e = &leg.event;
        FUZZ_CHECK(e->type == VX_EVENT_CREATE && vx_uuid_is_nil(&e->call_sid));
        const struct vx_str texts[] = {e->call_id,
                                       e->from,
                                       e->to,
                                       e->caller_name,
                                       e->application_sid_header,
                                       e->originating_sip_ip,
                                       e->evidence.header,
                                       e->evidence.domain,
                                       e->evidence.auth_domain};
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
            check_text(texts[i], size + sizeof leg.source);
        FUZZ_CHECK(!e->evidence.variable.at); /* no stranger sets channel variables */
        render(e);
    }
    vx_leg_event_clear(&leg);
    return 0;
}
