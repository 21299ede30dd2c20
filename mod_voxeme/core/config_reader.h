/*
 * Turns the elements of voxeme.conf.xml, as an XML parser meets them, into a vx_config. Knows the
 * file's structure and every error message; knows nothing of XML itself.
 *
 * Threads: one at a time per reader.
 */
#ifndef VX_CONFIG_READER_H
#define VX_CONFIG_READER_H

#include "core/config.h"

struct vx_config_reader;

/* An element that only one host knows, such as <switch>: everything inside it goes to the host.
 * Attributes are name, value, name, value, ..., NULL. On an error the functions write what is wrong
 * (no file, no line) and return false. */
struct vx_config_section {
    const char *element;
    bool (*begin)(void *ctx, const char *element, const char *const *attributes, int line,
                  char *error, size_t size);
    bool (*end)(void *ctx, const char *element, char *error, size_t size);
    /* What only the whole file can show; may be NULL. Sets the line that an error lies in. */
    bool (*finish)(void *ctx, const struct vx_directory *accounts, int *line, char *error,
                   size_t size);
    void *ctx;
};

/* `file` is the name used in messages. `section` may be NULL: the element <switch> is then read
 * over. Both are borrowed until the reader is released. NULL: out of memory. */
struct vx_config_reader *vx_config_reader_new(const char *file,
                                              const struct vx_config_section *section);
void vx_config_reader_release(struct vx_config_reader **reader);

/* One element's start and end. `line` is 1-based, 0 when the parser cannot tell. After the first
 * error they return false and do nothing more. */
bool vx_config_reader_begin(struct vx_config_reader *reader, const char *element,
                            const char *const *attributes, int line);
bool vx_config_reader_end(struct vx_config_reader *reader, const char *element, int line);

/* Checks what only the whole file can show (a default-account that exists, a key beside a
 * certificate) and returns the configuration, owned by the caller; NULL on an error. */
struct vx_config *vx_config_reader_finish(struct vx_config_reader *reader);

/* An error that the XML parser itself found. Only the first error is kept. */
void vx_config_reader_fail(struct vx_config_reader *reader, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "voxeme.conf.xml:12: ..." ; "" while there is none. Borrowed. */
const char *vx_config_reader_error(const struct vx_config_reader *reader);

/* The value of an attribute, or NULL. */
const char *vx_attribute(const char *const *attributes, const char *name);

#endif
