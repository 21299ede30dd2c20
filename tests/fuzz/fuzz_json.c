/* JSON that strangers send: what is taken can be written again and json-c takes it as well; it is
 * the same for json-c before and after, and when it is read once more. */
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

/* What json-c makes of it, which is NULL for null; it takes whatever ours takes. */
static struct json_object *json_c_reads(const char *at, size_t len) {
    struct json_tokener *t = json_tokener_new_ex(VX_JSON_DEPTH + 2);
    struct json_object *o;
    FUZZ_CHECK(t);
    json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    o = json_tokener_parse_ex(t, at, (int)len + 1); /* with its NUL */
    FUZZ_CHECK(json_tokener_get_error(t) == json_tokener_success);
    json_tokener_free(t);
    return o;
}

/* json-c understands the text as ours has understood it. */
static void is_the_same(const char *text, size_t len, const struct vx_buf *written) {
    struct json_object *theirs = json_c_reads(text, len);
    struct json_object *ours = json_c_reads(written->at, written->len);
    FUZZ_CHECK(json_object_equal(theirs, ours));
    json_object_put(theirs);
    json_object_put(ours);
}

/* The same bytes on a heap of their own, so that a byte too far is noticed. */
static enum vx_json_error read_exactly(struct vx_json_document **d, const uint8_t *data,
                                       size_t size) {
    char *text = malloc(size ? size : 1);
    size_t at;
    FUZZ_CHECK(text);
    if (size)
        memcpy(text, data, size);
    enum vx_json_error error = vx_json_read(d, (struct vx_str){text, size}, &at);
    FUZZ_CHECK(error != VX_JSON_NO_MEMORY && at <= size);
    free(text);
    return error;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct vx_json_document *d;
    struct vx_buf text = {0}, once = {0}, twice = {0};
    if (read_exactly(&d, data, size) == VX_JSON_OK) {
        vx_json_write(&once, vx_json_root(d));
        vx_buf_add(&once, "", 1);
        vx_buf_add(&text, (const char *)data, size);
        vx_buf_add(&text, "", 1);
        FUZZ_CHECK(vx_buf_ok(&once) && vx_buf_ok(&text));
        once.len--;
        is_the_same(text.at, size, &once);
        write_text(&twice, (struct vx_str){once.at, once.len});
        FUZZ_CHECK(once.len == twice.len && memcmp(once.at, twice.at, once.len) == 0);
    }
    vx_json_release(&d);
    vx_buf_free(&text);
    vx_buf_free(&once);
    vx_buf_free(&twice);
    return 0;
}
