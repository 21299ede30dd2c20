/* voxeme.conf through FreeSWITCH's own XML registry, so that includes, variables and mod_xml_curl
 * work. It knows no line numbers: errors name the file and the setting. */
#include "host/freeswitch/fs.h"

#include "core/config_reader.h"

#include <stdio.h>

#define FILE_NAME "voxeme.conf"
#define MAX_DEPTH 32

static bool is_blank(const char *text) {
    return !text || strspn(text, " \t\r\n") == strlen(text);
}

static bool walk(struct vx_config_reader *reader, switch_xml_t node, int depth) {
    static char *no_attributes[] = {NULL};
    char **attributes = node->attr ? node->attr : no_attributes;

    if (depth > MAX_DEPTH) {
        vx_config_reader_fail(reader, 0, "elements are nested too deeply");
        return false;
    }
    if (!is_blank(node->txt)) {
        vx_config_reader_fail(reader, 0, "text inside <%.64s>", node->name);
        return false;
    }
    if (!vx_config_reader_begin(reader, node->name, (const char *const *)attributes, 0))
        return false;
    for (switch_xml_t child = node->child; child; child = child->ordered)
        if (!walk(reader, child, depth + 1))
            return false;
    return vx_config_reader_end(reader, node->name, 0);
}

/* FreeSWITCH calls by gateways of its own, and asks us for no credentials. */
static bool has_credentials(struct vx_config_reader *reader, const struct vx_account_spec *accounts,
                            size_t count) {
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < accounts[i].gateway_count; j++)
            if (accounts[i].gateways[j].credentials) {
                vx_config_reader_fail(reader, 0,
                                      "gateway '%.64s': username and password belong to a gateway "
                                      "of FreeSWITCH, which freeswitch-gateway names",
                                      accounts[i].gateways[j].name);
                return true;
            }
    return false;
}

static struct vx_config *read_config(struct vx_config_reader *reader, switch_xml_t root) {
    const struct vx_account_spec *accounts;
    struct vx_config *config;
    size_t count;

    if (!walk(reader, root, 0))
        return NULL;
    config = vx_config_reader_finish(reader);
    if (!config)
        return NULL;
    count = vx_config_accounts(config, &accounts);
    if (count == 0)
        vx_config_reader_fail(reader, 0, "no <account> is configured");
    if (count == 0 || has_credentials(reader, accounts, count))
        vx_config_release(&config);
    return config;
}

struct vx_config *vx_fs_config_load(char *error, size_t size) {
    struct vx_config_reader *reader = vx_config_reader_new(FILE_NAME, NULL);
    switch_xml_t root = NULL, xml;
    struct vx_config *config = NULL;

    snprintf(error, size, "out of memory");
    if (!reader)
        return NULL;
    xml = switch_xml_open_cfg(FILE_NAME, &root, NULL);
    if (xml && root)
        config = read_config(reader, root);
    else
        vx_config_reader_fail(reader, 0,
                              "cannot be opened: is autoload_configs/voxeme.conf.xml in place?");
    if (!config && *vx_config_reader_error(reader))
        snprintf(error, size, "%s", vx_config_reader_error(reader));
    if (xml)
        switch_xml_free(xml);
    vx_config_reader_release(&reader);
    return config;
}
