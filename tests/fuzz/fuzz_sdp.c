/*
 * An SDP offer -> our answer: refused, or one m= line for each of the offer's, in whole lines; and
 * texts on their way into a message.
 */
#include "fuzz.h"

#include "host/sip/command_text.h"
#include "host/sip/handoff_text.h"
#include "host/sip/sdp.h"
#include "host/sip/sdp_pass.h"
#include "host/sip/uri.h"

#include <stdlib.h>

static size_t media_lines(struct vx_str s) {
    size_t n = 0;
    for (size_t i = 0; i + 1 < s.len; i++)
        n += s.at[i] == 'm' && s.at[i + 1] == '=' && (i == 0 || s.at[i - 1] == '\n');
    return n;
}

/* Every line of it is whole, and none has been lost or made. */
static void turn(struct vx_str last) {
    const struct vx_sdp_origin origin = {1, 2, "127.0.0.1", VX_SDP_SENDONLY};
    struct vx_buf out = {0};
    vx_sdp_turn(&out, &origin, last);
    FUZZ_CHECK(vx_buf_ok(&out));
    for (size_t i = 0; i < out.len; i++)
        FUZZ_CHECK(out.at[i] != '\n' || out.at[i - 1] == '\r');
    FUZZ_CHECK(media_lines((struct vx_str){out.at, out.len}) == media_lines(last));
    vx_buf_free(&out);
}

/* The same of one that is not ours; turned, it still leads to the same place. */
static void pass(struct vx_str sdp, const struct vx_sdp_origin *ours, enum vx_sdp_turning turning) {
    struct vx_buf out = {0};
    vx_sdp_pass(&out, sdp, ours, 3, turning);
    const struct vx_str passed = {out.at, out.len};
    FUZZ_CHECK(vx_buf_ok(&out));
    for (size_t i = 0; i < out.len; i++)
        FUZZ_CHECK(out.at[i] != '\n' || out.at[i - 1] == '\r');
    FUZZ_CHECK(media_lines(passed) == media_lines(sdp));
    FUZZ_CHECK(vx_sdp_same_media(passed, sdp, turning == VX_SDP_KEEP));
    vx_buf_free(&out);
}

static void answer(struct vx_str offer) {
    const struct vx_sdp_origin origin = {1, 1, "127.0.0.1", VX_SDP_SENDRECV};
    struct vx_buf out = {0};
    if (vx_sdp_answer(&out, &origin, offer)) {
        FUZZ_CHECK(vx_buf_ok(&out) && out.len > 2);
        FUZZ_CHECK(memcmp(out.at, "v=0\r\n", 5) == 0);
        FUZZ_CHECK(memcmp(out.at + out.len - 2, "\r\n", 2) == 0);
        for (size_t i = 0; i < out.len; i++)
            FUZZ_CHECK(out.at[i] != '\0' && (out.at[i] != '\n' || out.at[i - 1] == '\r'));
        FUZZ_CHECK(media_lines((struct vx_str){out.at, out.len}) >= 1);
        turn((struct vx_str){out.at, out.len});
    } else {
        FUZZ_CHECK(out.len == 0);
    }
    vx_buf_free(&out);
}

/* What may stand in a URI, there and back; what is quoted, without its quotes. */
static void texts(struct vx_str in) {
    struct vx_buf escaped = {0};
    char *back = malloc(in.len * 3 + 1);
    FUZZ_CHECK(back);
    FUZZ_CHECK(vx_uri_unescape(back, in) <= in.len);
    FUZZ_CHECK(vx_display_unquote(back, in) <= in.len);
    vx_uri_escape(&escaped, in);
    FUZZ_CHECK(vx_buf_ok(&escaped));
    for (size_t i = 0; i < escaped.len; i++)
        FUZZ_CHECK(!strchr("@:;?<>\" \r\n", escaped.at[i]) || escaped.at[i] == '\0');
    FUZZ_CHECK(escaped.len <= in.len * 3);
    size_t len = vx_uri_unescape(back, (struct vx_str){escaped.at, escaped.len});
    FUZZ_CHECK(len == in.len && (len == 0 || memcmp(back, in.at, len) == 0));
    vx_buf_free(&escaped);
    free(back);
}

/* What a command brings gets into a message as one line, or not at all. */
static void command_texts(struct vx_str in) {
    const struct vx_command_header headers[] = {{VX_STR("X-A"), in}, {in, VX_STR("b")}};
    const struct vx_command_args args = {.from = in,
                                         .from_host = in,
                                         .caller_name = in,
                                         .headers = headers,
                                         .target = in,
                                         .content_type = in,
                                         .digits = in};
    struct vx_command_args one = args, host = args;
    struct vx_buf out = {0};
    char why[VX_SIP_WHY];
    one.header_count = 1;
    if (!vx_sip_command_headers(&out, &one, why))
        FUZZ_CHECK(memchr(out.at, '\r', out.len) == out.at + out.len - 2);
    out.len = 0;
    one.headers = headers + 1;
    if (!vx_sip_command_headers(&out, &one, why))
        FUZZ_CHECK(memchr(out.at, '\r', out.len) == out.at + out.len - 2);
    out.len = 0;
    host.from_host = VX_NONE;
    FUZZ_CHECK(!vx_sip_command_from(&out, &host, "own"));
    vx_sip_command_from(&out, &args, "own");
    vx_sip_command_target(&out, &args);
    vx_sip_command_content_type(&out, &args);
    vx_sip_command_digits_fault(&args);
    vx_sip_is_hook(in);
    for (size_t i = 0; i < out.len; i++)
        FUZZ_CHECK(out.at[i] != '\r' && out.at[i] != '\n' && out.at[i] != '\0');
    vx_buf_free(&out);
}

/* Each of these is a header of its own, or none. */
static void handed_on(struct vx_str in) {
    const struct vx_command_args args[] = {
        {.hook = in}, {.speech[VX_RECOGNIZER_LANGUAGE] = in}, {.tag = in}};
    char why[VX_SIP_WHY];
    for (size_t i = 0; i < sizeof args / sizeof *args; i++) {
        struct vx_buf out = {0};
        size_t lines = 0;
        bool fits = !vx_handoff_headers(&out, &args[i], why);
        for (size_t j = 0; j < out.len; j++) {
            FUZZ_CHECK((out.at[j] >= ' ' && out.at[j] <= '~') || out.at[j] == '\r' ||
                       out.at[j] == '\n');
            lines += out.at[j] == '\n';
        }
        FUZZ_CHECK(!fits || lines == (args[i].hook.at ? 2 : 1));
        vx_buf_free(&out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct vx_sdp_origin ours = {1, 2, "127.0.0.1", VX_SDP_SENDRECV};
    struct vx_str in = {(const char *)data, size};
    answer(in);
    pass(in, NULL, VX_SDP_KEEP);
    pass(in, NULL, VX_SDP_HOLD);
    pass(in, NULL, VX_SDP_RELEASE);
    pass(in, NULL, VX_SDP_OPEN);
    pass(in, &ours, VX_SDP_KEEP);
    texts(in);
    command_texts(in);
    handed_on(in);
    return 0;
}
