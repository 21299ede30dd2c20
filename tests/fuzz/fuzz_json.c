/* JSON that strangers send: what is taken can be written again, json-c takes that as well, and it
 * is the same when it is read once more. */
#include "fuzz.h"

#include "core/json_read.h"

#include <json.h>
#include <stdlib.h>

static void write_text(struct vx_buf *out, struct vx_str text) {
    struct vx_json_document *d;
    size_t at;
    FUZZ_CHECK(vx_json_read(&d, text, &at) == VX_JSON_OK);
    vx_json_write(out, vx_json_root(d));
    vx_json_release(&d);
    FUZZ_CHECK(vx_buf_ok(out));
}

static void json_c_takes(struct vx_str text) {
    struct json_tokener *t = json_tokener_new_ex(VX_JSON_DEPTH + 2);
    FUZZ_CHECK(t);
    json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    json_object_put(json_tokener_parse_ex(t, text.at, (int)text.len + 1)); /* with its NUL */
    FUZZ_CHECK(json_tokener_get_error(t) == json_tokener_success);
    json_tokener_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct vx_json_document *d;
    struct vx_buf once = {0}, twice = {0};
    size_t at;
    char *text = malloc(size ? size : 1); /* so that a byte too far is noticed */
    FUZZ_CHECK(text);
    if (size)
        memcpy(text, data, size);
    enum vx_json_error error = vx_json_read(&d, (struct vx_str){text, size}, &at);
    FUZZ_CHECK(error != VX_JSON_NO_MEMORY && at <= size);
    free(text);
    if (error == VX_JSON_OK) {
        vx_json_write(&once, vx_json_root(d));
        vx_buf_add(&once, "", 1);
        FUZZ_CHECK(vx_buf_ok(&once));
        once.len--;
        json_c_takes((struct vx_str){once.at, once.len});
        write_text(&twice, (struct vx_str){once.at, once.len});
        FUZZ_CHECK(once.len == twice.len && memcmp(once.at, twice.at, once.len) == 0);
    }
    vx_json_release(&d);
    vx_buf_free(&once);
    vx_buf_free(&twice);
    return 0;
}
