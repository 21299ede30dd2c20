#include "config.h"

#include "host/sip/options.h"

#include "api/api.h"
#include "host/sip/config_xml.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const struct {
    struct option option;
    enum vx_run_mode command;
    const char *argument, *help;
} table[] = {
    {{"config", required_argument, NULL, 'c'}, VX_RUN, "FILE", "the configuration; required"},
    {{"check", no_argument, NULL, 'k'}, VX_CHECK, "", "check the configuration and exit"},
    {{"make-token", no_argument, NULL, 't'},
     VX_MAKE_TOKEN,
     "",
     "print a new API token and its line for the configuration"},
    {{"settings", no_argument, NULL, 's'}, VX_SAY_SETTINGS, "", "print the table of all settings"},
    {{"version", no_argument, NULL, 'v'}, VX_SAY_VERSION, "", "print the version"},
    {{"help", no_argument, NULL, 'h'}, VX_SAY_HELP, "", "print this help"},
};
#define OPTIONS (sizeof table / sizeof *table)

static bool usage_error(const char *what) {
    fprintf(stderr, "voxeme-switch: %s; see voxeme-switch --help\n", what);
    return false;
}

bool vx_options_parse(struct vx_options *options, int argc, char **argv) {
    struct option list[OPTIONS + 1] = {0};
    int letter;

    for (size_t i = 0; i < OPTIONS; i++)
        list[i] = table[i].option;
    *options = (struct vx_options){VX_RUN, NULL};
    /* getopt names the option that is wrong by itself. */
    while ((letter = getopt_long(argc, argv, "", list, NULL)) != -1) {
        if (letter == '?')
            return false;
        if (letter == 'c')
            options->config = optarg;
        for (size_t i = 0; i < OPTIONS; i++)
            if (table[i].option.val == letter && letter != 'c')
                options->command = table[i].command;
    }
    if (optind < argc)
        return usage_error("unexpected argument");
    if (!options->config && (options->command == VX_RUN || options->command == VX_CHECK))
        return usage_error("--config FILE is required");
    return true;
}

static int help(void) {
    printf("Usage: voxeme-switch --config FILE [OPTION]\n"
           "A signalling-only SIP switch that serves its calls over the Voxeme Calls API.\n\n");
    for (size_t i = 0; i < OPTIONS; i++) {
        char left[32];
        snprintf(left, sizeof left, "--%s%s%s", table[i].option.name,
                 table[i].argument[0] ? " " : "", table[i].argument);
        printf("  %-16s %s\n", left, table[i].help);
    }
    printf("\nSIGHUP reads the configuration anew; SIGTERM and SIGINT end all calls and exit.\n");
    return 0;
}

static int make_token(void) {
    char token[VX_TOKEN_TEXT + 1], hash[65];

    if (!vx_token_make(token, hash)) {
        fprintf(stderr, "voxeme-switch: no randomness to make a token of\n");
        return 1;
    }
    printf(
        "Give this token to the client, it is not stored anywhere; put the line below it into an "
        "<account> or <admin>:\n%s\n<token sha256=\"%s\"/>\n",
        token, hash);
    return 0;
}

static const char *type_name(const struct vx_setting *s, char *room, size_t size) {
    switch (s->type) {
    case VX_INT:
        snprintf(room, size, "%lld to %lld", (long long)s->min, (long long)s->max);
        return room;
    case VX_BOOL:
        return "true, false";
    case VX_TEXT:
        return "text";
    case VX_HOST_PORT:
        return "host:port";
    case VX_CIDRS:
        return "address[/bits], ...";
    case VX_URL:
        return "URL";
    case VX_ORIGIN:
        return "origin, *, null";
    case VX_LEVEL:
        return "level";
    }
    return "";
}

static void settings_rows(const char *where, const struct vx_setting *rows, size_t count) {
    char room[64];

    for (size_t i = 0; i < count; i++) {
        const struct vx_setting *s = &rows[i];
        const char *tick = s->initial[0] ? "`" : "";
        printf("| `%s` | %s | %s | %s%s%s | %s | %s | %s |\n", s->name, where,
               type_name(s, room, sizeof room), tick, s->initial, tick, s->unit,
               s->reload ? "yes" : "no", s->help);
    }
}

static int say_settings(void) {
    printf("| setting | in | values | default | unit | reload | what it does |\n"
           "|---|---|---|---|---|---|---|\n");
    settings_rows("`<settings>`", vx_settings, VX_SET_COUNT);
    settings_rows("`<switch>`", vx_switch_settings, VX_SW_COUNT);
    return 0;
}

static int check(const char *file) {
    struct vx_loaded loaded;
    char error[512] = "";

    if (!vx_config_load(&loaded, file, error, sizeof error)) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    vx_loaded_clear(&loaded);
    printf("%s: ok\n", file);
    return 0;
}

int vx_options_perform(const struct vx_options *options) {
    switch (options->command) {
    case VX_CHECK:
        return check(options->config);
    case VX_SAY_VERSION:
        printf("voxeme-switch %s\n", PACKAGE_VERSION);
        return 0;
    case VX_SAY_HELP:
        return help();
    case VX_MAKE_TOKEN:
        return make_token();
    case VX_SAY_SETTINGS:
        return say_settings();
    case VX_RUN:
        break;
    }
    return 2;
}
