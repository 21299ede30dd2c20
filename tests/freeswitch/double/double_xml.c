/* The test double of FreeSWITCH: its XML registry, as far as a module's configuration goes. It is
 * not FreeSWITCH; see switch.h. Reads elements, attributes, comments and text; no entities. */
#include "double.h"
#include "double_private.h"

#define MAX_ATTRIBUTES 16

static const char *config_text;

void double_config(const char *xml) {
    config_text = xml;
}

static char *copy(const char *from, const char *to) {
    return double_need(strndup(from, (size_t)(to - from)));
}

static const char *skip(const char *at, const char *set) {
    return at + strspn(at, set);
}

static const char *read_attribute(switch_xml_t node, size_t n, const char *at) {
    const char *name = at;
    const char *equals = at + strcspn(at, "=");
    const char *value = equals + (*equals ? 2 : 0); /* =" */
    const char *end = value + strcspn(value, "\"");

    node->attr[2 * n] = copy(name, equals);
    node->attr[2 * n + 1] = copy(value, end);
    return *end ? end + 1 : end;
}

/* `at` is behind '<'; returns what is behind the name and attributes. */
static const char *read_tag(switch_xml_t node, const char *at) {
    const char *end = at + strcspn(at, " \t\r\n/>");

    node->name = copy(at, end);
    node->txt = double_need(strdup(""));
    node->attr = double_need(calloc(2 * MAX_ATTRIBUTES + 1, sizeof *node->attr));
    at = skip(end, " \t\r\n");
    for (size_t n = 0; n < MAX_ATTRIBUTES && *at && *at != '/' && *at != '>'; n++)
        at = skip(read_attribute(node, n, at), " \t\r\n");
    return at;
}

static const char *add_text(switch_xml_t node, const char *at) {
    const char *end = at + strcspn(at, "<");
    size_t len = strlen(node->txt);

    node->txt = double_need(realloc(node->txt, len + (size_t)(end - at) + 1));
    memcpy(node->txt + len, at, (size_t)(end - at));
    node->txt[len + (size_t)(end - at)] = '\0';
    return end;
}

static const char *read_node(switch_xml_t *out, const char *at);

/* Up to and with the end tag. */
static const char *read_children(switch_xml_t node, const char *at) {
    switch_xml_t *last = &node->child;

    for (at = add_text(node, at); *at && strncmp(at, "</", 2) != 0; at = add_text(node, at)) {
        if (strncmp(at, "<!--", 4) == 0) {
            const char *end = strstr(at, "-->");

            at = end ? end + 3 : at + strlen(at);
        } else {
            at = read_node(last, at + 1);
            last = &(*last)->ordered;
        }
    }
    at += strcspn(at, ">");
    return *at ? at + 1 : at;
}

static const char *read_node(switch_xml_t *out, const char *at) {
    switch_xml_t node = double_need(calloc(1, sizeof *node));

    *out = node;
    at = read_tag(node, at);
    if (*at == '/')
        return at + (at[1] ? 2 : 1);
    return read_children(node, *at ? at + 1 : at);
}

static void free_nodes(switch_xml_t node) {
    while (node) {
        switch_xml_t next = node->ordered;

        free_nodes(node->child);
        for (size_t i = 0; node->attr && node->attr[i]; i++)
            free(node->attr[i]);
        free(node->attr);
        free(node->name);
        free(node->txt);
        free(node);
        node = next;
    }
}

switch_xml_t switch_xml_open_cfg(const char *file, switch_xml_t *node, switch_event_t *params) {
    switch_xml_t document;
    const char *start = config_text ? strchr(config_text, '<') : NULL;

    (void)params;
    *node = NULL;
    if (strcmp(file, "voxeme.conf") != 0 || !start)
        return NULL;
    document = double_need(calloc(1, sizeof *document));
    document->name = double_need(strdup("document"));
    document->txt = double_need(strdup(""));
    read_node(&document->child, start + 1);
    *node = document->child;
    double_take(1);
    return document;
}

void switch_xml_free(switch_xml_t xml) {
    if (!xml)
        return;
    free_nodes(xml);
    double_take(-1);
}
