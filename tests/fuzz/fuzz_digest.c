/* Challenges of far ends, a parameter a line behind a name and a password: what is answered is one
 * list of the parameters that belong there, whatever stood in the challenge, and without the
 * password. */
#include "fuzz.h"

#include "host/sip/digest.h"

#include <stdlib.h>
#include <string.h>

#define MOST 16

/* Takes name=value or name="value" and what separates it from the next. The name. */
static struct vx_str take(struct vx_str *rest) {
    size_t len = 0, at;

    while (len < rest->len && rest->at[len] != '=')
        len++;
    FUZZ_CHECK(len > 0 && len + 1 < rest->len);
    const struct vx_str name = {rest->at, len};
    at = len + 1;
    if (rest->at[at] == '"') {
        for (at++; at < rest->len && rest->at[at] != '"'; at++)
            at += rest->at[at] == '\\';
        at++;
    } else {
        while (at < rest->len && rest->at[at] != ',')
            at++;
    }
    FUZZ_CHECK(at == rest->len || (at + 2 < rest->len && memcmp(rest->at + at, ", ", 2) == 0));
    at += at == rest->len ? 0 : 2;
    *rest = (struct vx_str){rest->at + at, rest->len - at};
    return name;
}

static void is_sound(struct vx_str answer) {
    static const char *const names[] = {"username",  "realm",  "nonce", "uri",    "response",
                                        "algorithm", "opaque", "qop",   "cnonce", "nc"};
    size_t next = 0;

    for (size_t i = 0; i < answer.len; i++)
        FUZZ_CHECK((unsigned char)answer.at[i] >= 0x20 && answer.at[i] != 0x7f);
    FUZZ_CHECK(answer.len > 7 && memcmp(answer.at, "Digest ", 7) == 0);
    for (struct vx_str rest = {answer.at + 7, answer.len - 7}; rest.len; next++) {
        const struct vx_str name = take(&rest);
        while (next < sizeof names / sizeof *names && !vx_str_eq(name, vx_str(names[next])))
            next++;
        FUZZ_CHECK(next < sizeof names / sizeof *names);
    }
}

static void answer(const char *username, const char *password, const char *const *parameters) {
    static const struct vx_digest_request request = {VX_STR("INVITE"), VX_STR("sip:bob@192.0.2.1"),
                                                     VX_STR("0123456789abcdef"), 1};
    struct vx_digest_challenge challenge;
    struct vx_buf out = {0};

    if (vx_credential_fault(vx_str(username)) || vx_credential_fault(vx_str(password)) ||
        !vx_digest_read(&challenge, parameters))
        return;
    struct vx_credentials *credentials = vx_credentials_new(vx_str(username), vx_str(password));
    FUZZ_CHECK(credentials);
    FUZZ_CHECK(vx_digest_answer(&out, &challenge, credentials, &request));
    is_sound((struct vx_str){out.at, out.len});
    vx_credentials_release(&credentials);
    vx_buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *lines[2 + MOST + 1] = {"", ""};
    char *text = malloc(size + 1); /* of its own, so that a byte too far is noticed */
    size_t count = 0;

    FUZZ_CHECK(text);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    for (char *at = text; at && count < 2 + MOST;) {
        char *end = strchr(at, '\n');
        if (end)
            *end++ = '\0';
        lines[count++] = at;
        at = end;
    }
    answer(lines[0], lines[1], lines + 2);
    free(text);
    return 0;
}
