/* Configurations for tests: a scanner for the little XML that tests write, and two accounts. */
#include "support.h"

#include <ctype.h>

struct scan {
    const char *at;
    int line;
};

/* By hand: the sanitizers look through all that is left of a text for each of libc's functions. */
static bool begins(const char *at, const char *word) {
    for (; *word; at++, word++)
        if (*at != *word)
            return false;
    return true;
}

static void skip_to(struct scan *s, const char *end) {
    for (; *s->at && !begins(s->at, end); s->at++)
        s->line += *s->at == '\n';
}

static void skip_space(struct scan *s) {
    for (; isspace((unsigned char)*s->at); s->at++)
        s->line += *s->at == '\n';
}

/* Copies up to any of `stop`; returns the next free byte of the pool. */
static char *take(struct scan *s, const char *stop, char *pool) {
    size_t len = 0;
    while (s->at[len] && !strchr(stop, s->at[len]))
        len++;
    memcpy(pool, s->at, len);
    pool[len] = '\0';
    s->at += len;
    return pool + len + 1;
}

/* s->at is behind '<'. False when the reader refused. */
static bool scan_element(struct scan *s, struct vx_config_reader *reader, char *pool) {
    const char *attributes[17] = {NULL};
    size_t n = 0;
    int line = s->line;
    bool closing = *s->at == '/';
    s->at += closing;
    const char *name = pool;
    pool = take(s, " \t\r\n/>", pool);
    for (skip_space(s); *s->at && *s->at != '>' && *s->at != '/' && n < 16; skip_space(s)) {
        attributes[n++] = pool;
        pool = take(s, "=", pool);
        s->at += 2; /* =" */
        attributes[n++] = pool;
        pool = take(s, "\"", pool);
        s->at++;
    }
    bool empty = *s->at == '/';
    s->at += empty + 1;
    if (closing)
        return vx_config_reader_end(reader, name, line);
    return vx_config_reader_begin(reader, name, attributes, line) &&
           (!empty || vx_config_reader_end(reader, name, line));
}

static bool scan_document(struct scan *s, struct vx_config_reader *reader, char *pool) {
    for (skip_to(s, "<"); *s->at; skip_to(s, "<")) {
        if (begins(s->at, "<!--")) {
            skip_to(s, "-->");
            continue;
        }
        s->at++;
        if (!scan_element(s, reader, pool))
            return false;
    }
    return true;
}

struct vx_config *vx_test_read(const char *xml, const struct vx_config_section *section,
                               char *error, size_t size) {
    char *pool = malloc(strlen(xml) + 64);
    struct vx_config_reader *reader = vx_config_reader_new("voxeme.conf.xml", section);
    struct vx_config *config = NULL;
    snprintf(error, size, "%s", "");
    if (pool && reader) {
        struct scan s = {xml, 1};
        if (scan_document(&s, reader, pool))
            config = vx_config_reader_finish(reader);
        snprintf(error, size, "%s", vx_config_reader_error(reader));
    }
    vx_config_reader_release(&reader);
    free(pool);
    return config;
}

static const char *accounts = "  </settings>\n"
                              "  <accounts>\n"
                              "    <account sid=\"" ALPHA_SID "\" name=\"alpha\">\n"
                              "      <token sha256=\"" ALPHA_SHA "\"/>\n"
                              "      <realm name=\"alpha.example\"/>\n"
                              "      <source cidr=\"192.0.2.0/24\"/>\n"
                              "      <gateway name=\"first\" address=\"192.0.2.7:5062\"/>\n"
                              "      <gateway name=\"second\" address=\"sbc.example.com\" "
                              "secure=\"true\" username=\"joe\" password=\"geheim\"/>\n"
                              "      <application sid=\"9984fdc5-89ec-4ffe-9cee-880255a46253\"/>\n"
                              "    </account>\n"
                              "    <account sid=\"" BETA_SID "\" name=\"beta\">\n"
                              "      <token sha256=\"" BETA_SHA "\"/>\n"
                              "      <realm name=\"beta.example\"/>\n"
                              "      <source cidr=\"192.0.2.128/25\"/>\n"
                              "      <source cidr=\"2001:db8::/32\"/>\n"
                              "    </account>\n"
                              "  </accounts>\n"
                              "  <admin><token sha256=\"" ADMIN_SHA "\"/></admin>\n"
                              "</configuration>\n";

struct vx_config *vx_test_config(const char *settings) {
    char xml[8192], error[512];
    int len = snprintf(xml, sizeof xml, "<configuration name=\"voxeme.conf\">\n  <settings>\n");
    for (const char *at = settings ? settings : ""; *at;) {
        size_t name = strcspn(at, "=");
        size_t value = strcspn(at + name + 1, ";");
        len += snprintf(xml + len, sizeof xml - (size_t)len,
                        "    <param name=\"%.*s\" value=\"%.*s\"/>\n", (int)name, at, (int)value,
                        at + name + 1);
        at += name + 1 + value;
        at += *at == ';';
    }
    snprintf(xml + len, sizeof xml - (size_t)len, "%s", accounts);
    struct vx_config *config = vx_test_read(xml, NULL, error, sizeof error);
    if (!config && !vx_alloc_failed())
        print_error("configuration of a test: %s\n", error);
    return config;
}
