#include "host/sip/handoff_text.h"

#include "core/json_text.h"

#include <stdio.h>

#define MAX_BYTES 16384 /* of all of it */

static const struct {
    const char *field, *header;
} speech[VX_SPEECH_COUNT] = {
    [VX_SYNTHESIS_VENDOR] = {"speech_synthesis_vendor", "X-Voxeme-Speech-Synthesis-Vendor"},
    [VX_SYNTHESIS_LANGUAGE] = {"speech_synthesis_language", "X-Voxeme-Speech-Synthesis-Language"},
    [VX_SYNTHESIS_VOICE] = {"speech_synthesis_voice", "X-Voxeme-Speech-Synthesis-Voice"},
    [VX_RECOGNIZER_VENDOR] = {"speech_recognizer_vendor", "X-Voxeme-Speech-Recognizer-Vendor"},
    [VX_RECOGNIZER_LANGUAGE] = {"speech_recognizer_language",
                                "X-Voxeme-Speech-Recognizer-Language"},
};

static bool is_printable(struct vx_str s) {
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] < ' ' || s.at[i] > '~')
            return false;
    return true;
}

/* Space around it would not arrive. */
static bool is_value(struct vx_str s) {
    return s.len > 0 && is_printable(s) && s.at[0] != ' ' && s.at[s.len - 1] != ' ';
}

static bool is_url(struct vx_str s) {
    return is_value(s) && !memchr(s.at, ' ', s.len);
}

static void add(struct vx_buf *out, const char *name, struct vx_str value) {
    vx_buf_printf(out, "%s: ", name);
    vx_buf_str(out, value);
    vx_buf_puts(out, "\r\n");
}

static unsigned long code_point(const char *at, size_t len) {
    static const unsigned char first[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    unsigned long code = (unsigned char)at[0] & first[len];

    for (size_t i = 1; i < len; i++)
        code = code << 6 | ((unsigned char)at[i] & 0x3f);
    return code;
}

static void escape(struct vx_buf *out, unsigned long code) {
    if (code >= 0x10000) {
        code -= 0x10000;
        vx_buf_printf(out, "\\u%04lx", 0xd800 + (code >> 10));
        code = 0xdc00 + (code & 0x3ff);
    }
    vx_buf_printf(out, "\\u%04lx", code);
}

/* JSON has an escape for every character, and outside of its strings it is ASCII. */
static void add_json(struct vx_buf *out, const char *name, struct vx_str json) {
    vx_buf_printf(out, "%s: ", name);
    for (size_t i = 0; i < json.len;) {
        size_t len = vx_utf8_len(json.at + i, json.len - i);

        if (len == 1 && json.at[i] >= ' ' && json.at[i] <= '~')
            vx_buf_add(out, json.at + i, 1);
        else
            escape(out, len ? code_point(json.at + i, len) : 0xfffd);
        i += len ? len : 1;
    }
    vx_buf_puts(out, "\r\n");
}

static const char *fault(const char *field, char why[VX_SIP_WHY]) {
    snprintf(why, VX_SIP_WHY, "%s cannot be in a header", field);
    return why;
}

const char *vx_handoff_headers(struct vx_buf *out, const struct vx_command_args *args,
                               char why[VX_SIP_WHY]) {
    char application[VX_UUID_TEXT + 1];
    size_t before = out->len;

    if (args->hook.at && !is_url(args->hook))
        return fault("call_hook: its URL", why);
    if (args->hook.at) {
        bool get = vx_str_eq(args->hook_method, VX_STR("GET"));
        add(out, VX_HOOK_HEADER, args->hook);
        add(out, "X-Voxeme-Hook-Method", get ? VX_STR("GET") : VX_STR("POST"));
    }
    for (size_t i = 0; i < VX_SPEECH_COUNT; i++) {
        if (args->speech[i].at && !is_value(args->speech[i]))
            return fault(speech[i].field, why);
        if (args->speech[i].at)
            add(out, speech[i].header, args->speech[i]);
    }
    if (args->answer_on_bridge)
        add(out, "X-Voxeme-Answer-On-Bridge", VX_STR("true"));
    if (args->tag.at)
        add_json(out, "X-Voxeme-Tag", args->tag);
    if (!vx_uuid_is_nil(&args->application_sid)) {
        vx_uuid_format(application, &args->application_sid);
        add(out, "X-Voxeme-Application-Sid", vx_str(application));
    }
    if (out->len - before <= MAX_BYTES)
        return NULL;
    snprintf(why, VX_SIP_WHY, "call_hook, tag and the speech fields are too long for headers");
    return why;
}
