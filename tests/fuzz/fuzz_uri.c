/* SIP URIs that clients call: what comes out is one again, and holds nothing that those who handle
 * it after us would take apart. */
#include "fuzz.h"

#include "api/sip_uri.h"

#include <stdlib.h>
#include <string.h>

static bool has(struct vx_str s, const char *part) {
    struct vx_str p = vx_str(part);
    for (size_t i = 0; i + p.len <= s.len; i++)
        if (vx_str_ieq((struct vx_str){s.at + i, p.len}, p))
            return true;
    return false;
}

static void is_harmless(struct vx_str text) {
    static const char *const refused[] = {
        ";fs_", ";maddr=", ";ttl=", ";method=", ";received=", ";rport=", ";;", ";transport=ws"};
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        FUZZ_CHECK((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                   (c && strchr("-_.!~*+=$#&%@:;[]", c)));
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        FUZZ_CHECK(!has(text, refused[i]));
}

static bool write_anew(struct vx_buf *out, struct vx_str text) {
    struct vx_sip_uri uri;
    const char *why;
    if (!vx_sip_uri_parse(&uri, text, &why)) {
        FUZZ_CHECK(strlen(why) > 3);
        return false;
    }
    vx_sip_uri_write(out, &uri);
    FUZZ_CHECK(vx_buf_ok(out));
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct vx_buf once = {0}, twice = {0};
    char *text = malloc(size ? size : 1); /* of its own, so that a byte too far is noticed */
    FUZZ_CHECK(text);
    if (size)
        memcpy(text, data, size);
    if (write_anew(&once, (struct vx_str){text, size})) {
        is_harmless((struct vx_str){once.at, once.len});
        FUZZ_CHECK(write_anew(&twice, (struct vx_str){once.at, once.len}));
        FUZZ_CHECK(once.len == twice.len && memcmp(once.at, twice.at, once.len) == 0);
    }
    vx_buf_free(&once);
    vx_buf_free(&twice);
    free(text);
    return 0;
}
