/* An SDP offer -> our answer: refused, or one m= line for each of the offer's, in whole lines. */
#include "fuzz.h"

#include "host/sip/sdp.h"
#include "host/sip/uri.h"

#include <stdlib.h>

static size_t media_lines(struct vx_str s) {
    size_t n = 0;
    for (size_t i = 0; i + 1 < s.len; i++)
        n += s.at[i] == 'm' && s.at[i + 1] == '=' && (i == 0 || s.at[i - 1] == '\n');
    return n;
}

static void answer(struct vx_str offer) {
    const struct vx_sdp_origin origin = {1, 1, "127.0.0.1"};
    struct vx_buf out = {0};
    if (vx_sdp_answer(&out, &origin, offer)) {
        FUZZ_CHECK(vx_buf_ok(&out) && out.len > 2);
        FUZZ_CHECK(memcmp(out.at, "v=0\r\n", 5) == 0);
        FUZZ_CHECK(memcmp(out.at + out.len - 2, "\r\n", 2) == 0);
        for (size_t i = 0; i < out.len; i++)
            FUZZ_CHECK(out.at[i] != '\0' && (out.at[i] != '\n' || out.at[i - 1] == '\r'));
        FUZZ_CHECK(media_lines((struct vx_str){out.at, out.len}) >= 1);
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct vx_str in = {(const char *)data, size};
    answer(in);
    texts(in);
    return 0;
}
