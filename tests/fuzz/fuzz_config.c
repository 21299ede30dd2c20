/* The bytes of a configuration file through expat: read whole or refused with one line that names
 * the file, and nothing of it left behind. */
#include "fuzz.h"

#include "core/log.h"
#include "host/sip/config_xml.h"

static void quiet(void *ctx, enum vx_log_level level, const char *line) {
    (void)ctx;
    (void)level;
    (void)line;
}

static void look_through(const struct vx_config *config) {
    const struct vx_account_spec *accounts;
    const struct vx_token *tokens;
    size_t n = vx_config_accounts(config, &accounts), index;
    for (size_t i = 0; i < n; i++) {
        FUZZ_CHECK(vx_directory_find(vx_config_directory(config), &accounts[i].sid, &index));
        FUZZ_CHECK(index == i);
    }
    size_t count = vx_config_tokens(config, &tokens);
    for (size_t i = 0; i < count; i++) {
        FUZZ_CHECK(tokens[i].admin || tokens[i].account < n);
        FUZZ_CHECK(i == 0 ||
                   memcmp(tokens[i - 1].sha256, tokens[i].sha256, sizeof tokens[i].sha256) < 0);
    }
    for (size_t i = 0; i < VX_SET_COUNT; i++) {
        const struct vx_setting *s = &vx_settings[i];
        if (s->type == VX_INT) {
            int64_t value = vx_config_int(config, (enum vx_setting_id)i);
            FUZZ_CHECK(value >= s->min && value <= s->max);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct vx_loaded loaded;
    char error[512] = "";
    vx_log_to(quiet, NULL);
    if (vx_config_parse(&loaded, "f.xml", (const char *)data, size, error, sizeof error)) {
        FUZZ_CHECK(loaded.config);
        look_through(loaded.config);
    } else {
        FUZZ_CHECK(memcmp(error, "f.xml:", 6) == 0);
        for (const char *c = error; *c; c++)
            FUZZ_CHECK((unsigned char)*c >= 0x20);
        FUZZ_CHECK(!loaded.config && !loaded.switch_config);
    }
    vx_loaded_clear(&loaded);
    return 0;
}
