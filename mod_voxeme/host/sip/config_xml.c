#include "host/sip/config_xml.h"

#include "core/alloc.h"

#include <errno.h>
#include <expat.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILE_BYTES (32u * 1024 * 1024) /* 100,000 accounts */
#define MAX_DEPTH      32

struct reading {
    struct vx_config_reader *reader;
    XML_Parser parser;
    unsigned depth;
};

static int line_of(const struct reading *r) {
    return (int)XML_GetCurrentLineNumber(r->parser);
}

static void on_start(void *ctx, const XML_Char *element, const XML_Char **attributes) {
    struct reading *r = ctx;

    if (++r->depth > MAX_DEPTH)
        vx_config_reader_fail(r->reader, line_of(r), "elements are nested too deeply");
    if (r->depth > MAX_DEPTH ||
        !vx_config_reader_begin(r->reader, element, (const char *const *)attributes, line_of(r)))
        XML_StopParser(r->parser, XML_FALSE);
}

static void on_end(void *ctx, const XML_Char *element) {
    struct reading *r = ctx;

    r->depth--;
    if (!vx_config_reader_end(r->reader, element, line_of(r)))
        XML_StopParser(r->parser, XML_FALSE);
}

static void on_text(void *ctx, const XML_Char *text, int len) {
    struct reading *r = ctx;

    for (int i = 0; i < len; i++) {
        if (!strchr(" \t\r\n", text[i]) || !text[i]) {
            vx_config_reader_fail(r->reader, line_of(r),
                                  "text outside of any element's attributes");
            XML_StopParser(r->parser, XML_FALSE);
            return;
        }
    }
}

static void on_doctype(void *ctx, const XML_Char *name, const XML_Char *system,
                       const XML_Char *public, int internal) {
    struct reading *r = ctx;

    (void)name;
    (void)system;
    (void)public;
    (void)internal;
    vx_config_reader_fail(r->reader, line_of(r), "a DOCTYPE is not allowed");
    XML_StopParser(r->parser, XML_FALSE);
}

static struct vx_config *parse(struct reading *r, const char *bytes, size_t len) {
    XML_SetUserData(r->parser, r);
    XML_SetElementHandler(r->parser, on_start, on_end);
    XML_SetCharacterDataHandler(r->parser, on_text);
    XML_SetStartDoctypeDeclHandler(r->parser, on_doctype);
    if (XML_Parse(r->parser, bytes, (int)len, XML_TRUE) != XML_STATUS_OK) {
        /* Does nothing where a handler has said it better. */
        vx_config_reader_fail(r->reader, line_of(r), "%s",
                              XML_ErrorString(XML_GetErrorCode(r->parser)));
        return NULL;
    }
    return vx_config_reader_finish(r->reader);
}

bool vx_config_parse(struct vx_loaded *out, const char *file, const char *bytes, size_t len,
                     char *error, size_t size) {
    struct vx_config_section section;
    struct reading r = {0};

    memset(out, 0, sizeof *out);
    if (len > MAX_FILE_BYTES) {
        snprintf(error, size, "%s: larger than %u bytes", file, MAX_FILE_BYTES);
        return false;
    }
    out->switch_config = vx_switch_config_new();
    if (out->switch_config) {
        section = vx_switch_config_section(out->switch_config);
        r.reader = vx_config_reader_new(file, &section);
        r.parser = XML_ParserCreate(NULL);
    }
    if (r.reader && r.parser)
        out->config = parse(&r, bytes, len);
    if (!out->config) {
        snprintf(error, size, "%s", r.reader ? vx_config_reader_error(r.reader) : "");
        if (!error[0])
            snprintf(error, size, "%s: out of memory", file);
        vx_loaded_clear(out);
    }
    if (r.parser)
        XML_ParserFree(r.parser);
    vx_config_reader_release(&r.reader);
    return out->config != NULL;
}

/* NULL with errno set. One byte more than allowed is read, so that the parser can refuse it. */
static char *read_file(const char *file, size_t *len) {
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    char *bytes = NULL;
    ssize_t got = 0;

    *len = 0;
    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
        errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
    else
        bytes = vx_malloc(MAX_FILE_BYTES + 1);
    while (bytes && *len <= MAX_FILE_BYTES) {
        got = read(fd, bytes + *len, MAX_FILE_BYTES + 1 - *len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        *len += (size_t)got;
    }
    int why = errno;
    close(fd);
    errno = why;
    if (bytes && got < 0) {
        vx_free(bytes);
        bytes = NULL;
    }
    return bytes;
}

/* Whether a file that a setting names can be read: what is in it, the server finds out. */
static bool check_file(const struct vx_config *config, const char *file, enum vx_setting_id id,
                       char *error, size_t size) {
    const char *path = vx_config_text(config, id);
    int fd;

    if (!path[0])
        return true;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0) {
        close(fd);
        return true;
    }
    snprintf(error, size, "%s:%d: setting '%s': cannot read '%s': %s", file,
             vx_config_line(config, id), vx_settings[id].name, path, strerror(errno));
    return false;
}

static bool check_files(struct vx_loaded *loaded, const char *file, char *error, size_t size) {
    if (check_file(loaded->config, file, VX_SET_TLS_CERT, error, size) &&
        check_file(loaded->config, file, VX_SET_TLS_KEY, error, size) &&
        check_file(loaded->config, file, VX_SET_WEBHOOK_CA, error, size))
        return true;
    vx_loaded_clear(loaded);
    return false;
}

bool vx_config_load(struct vx_loaded *out, const char *file, char *error, size_t size) {
    size_t len;
    char *bytes;

    memset(out, 0, sizeof *out);
    errno = ENOMEM;
    bytes = read_file(file, &len);
    if (!bytes) {
        snprintf(error, size, "%s: %s", file, strerror(errno));
        return false;
    }
    bool ok =
        vx_config_parse(out, file, bytes, len, error, size) && check_files(out, file, error, size);
    vx_free(bytes);
    return ok;
}

void vx_loaded_clear(struct vx_loaded *loaded) {
    vx_config_release(&loaded->config);
    vx_switch_config_release(&loaded->switch_config);
}
