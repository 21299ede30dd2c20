/* <webhook> of an <account>: where statuses of its calls are told, and the secret that signs them.
 */
#include "core/alloc.h"
#include "core/config_private.h"
#include "core/config_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHORTEST_SECRET 16
#define LONGEST_SECRET  256

static bool fail(char *why, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool fail(char *why, size_t size, const char *format, ...) {
    va_list ap;

    va_start(ap, format);
    vsnprintf(why, size, format, ap);
    va_end(ap);
    return false;
}

/* What it is never stands in a message. */
static bool is_secret(struct vx_str secret, char *why, size_t size) {
    if (secret.len < SHORTEST_SECRET || secret.len > LONGEST_SECRET)
        return fail(why, size, "must have %d to %d characters", SHORTEST_SECRET, LONGEST_SECRET);
    for (size_t i = 0; i < secret.len; i++)
        if ((unsigned char)secret.at[i] <= ' ' || (unsigned char)secret.at[i] >= 0x7f)
            return fail(why, size, "has a character that is no printable ASCII");
    return true;
}

/* How many bytes it has, at most `size`; -1 with errno set. */
static ssize_t read_small(const char *file, char *bytes, size_t size) {
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK), why;
    struct stat st;
    ssize_t len = -1;

    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
        errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
    else
        len = read(fd, bytes, size);
    why = errno;
    close(fd);
    errno = why;
    return len;
}

/* The first line of the file. */
static bool secret_of_file(char **secret, const char *file, char *why, size_t size) {
    char bytes[LONGEST_SECRET + 3], fault[96];
    ssize_t len = read_small(file, bytes, sizeof bytes);
    struct vx_str line = {bytes, len > 0 ? (size_t)len : 0};
    bool ok;

    if (len < 0)
        return fail(why, size, "secret-file: cannot read '%.128s': %s", file, strerror(errno));
    if (line.len && bytes[line.len - 1] == '\n')
        line.len--;
    if (line.len && bytes[line.len - 1] == '\r')
        line.len--;
    ok = is_secret(line, fault, sizeof fault);
    if (!ok)
        fail(why, size, "secret-file: what '%.128s' holds %s", file, fault);
    else if (!(*secret = vx_strndup(line.at, line.len)))
        ok = fail(why, size, "out of memory");
    explicit_bzero(bytes, sizeof bytes);
    return ok;
}

static bool read_secret(struct vx_webhook_spec *out, const char *const *attributes, char *why,
                        size_t size) {
    const char *secret = vx_attribute(attributes, "secret");
    const char *file = vx_attribute(attributes, "secret-file");
    char fault[96];

    if (secret && file)
        return fail(why, size, "secret and secret-file do not go together");
    if (file)
        return secret_of_file(&out->secret, file, why, size);
    if (!secret)
        return true;
    if (!is_secret(vx_str(secret), fault, sizeof fault))
        return fail(why, size, "secret %s", fault);
    out->secret = vx_strdup(secret);
    return out->secret || fail(why, size, "out of memory");
}

static bool is_plain(const char *text) {
    for (; text && *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

static bool read_hook(struct vx_webhook_spec *out, const char *const *attributes, char *why,
                      size_t size) {
    const char *method = vx_attribute(attributes, "method");
    struct vx_hook_fields f = {
        .url = vx_str(vx_attribute(attributes, "url")),
        .username = vx_str(vx_attribute(attributes, "username")),
        .password = vx_str(vx_attribute(attributes, "password")),
    };
    const char *fault;

    if (!f.url.at && (method || f.username.at || f.password.at))
        return fail(why, size, "method, username and password want a url");
    if (!f.url.at)
        return true;
    f.get = method && vx_str_ieq(vx_str(method), VX_STR("GET"));
    if (method && !f.get && !vx_str_ieq(vx_str(method), VX_STR("POST")))
        return fail(why, size, "method '%.64s' is neither POST nor GET", method);
    if ((fault = vx_hook_url_fault(f.url)))
        return fail(why, size, "url %s", fault);
    if ((fault = vx_hook_fault(&f)))
        return fail(why, size, "%s", fault);
    if (!is_plain(f.username.at) || !is_plain(f.password.at))
        return fail(why, size, "username or password has a control character");
    out->hook = vx_hook_new(&f);
    return out->hook || fail(why, size, "out of memory");
}

bool vx_webhook_spec_read(struct vx_webhook_spec *out, const char *const *attributes, char *why,
                          size_t size) {
    if (!read_hook(out, attributes, why, size) || !read_secret(out, attributes, why, size))
        return false;
    return out->hook || out->secret || fail(why, size, "has neither url nor secret");
}

void vx_webhook_spec_clear(struct vx_webhook_spec *w) {
    vx_hook_release(&w->hook);
    if (w->secret)
        explicit_bzero(w->secret, strlen(w->secret));
    vx_free(w->secret);
    w->secret = NULL;
}
