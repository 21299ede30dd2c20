/* The command `voxeme`, for fs_cli and the console. */
#include "host/freeswitch/fs.h"

#include "core/buf.h"
#include "core/feed.h"
#include "core/log.h"

#include <inttypes.h>

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#define SYNTAX "status | accounts | calls ACCOUNT [live] | show CALL_SID | token | reload | audit"

/* Set while the commands exist; FreeSWITCH waits for running commands before it unloads a module.
 */
static struct vx_fs *service;

typedef void command(struct vx_fs *fs, switch_stream_handle_t *stream, int argc, char **argv);

static command cmd_status, cmd_accounts, cmd_calls, cmd_show, cmd_token, cmd_reload, cmd_audit;

static const struct {
    const char *name;
    command *run;
    int min, max; /* arguments behind the name */
    const char *complete;
} commands[] = {
    {"status", cmd_status, 0, 0, "add voxeme status"},
    {"accounts", cmd_accounts, 0, 0, "add voxeme accounts"},
    {"calls", cmd_calls, 1, 2, "add voxeme calls ::voxeme::accounts"},
    {"show", cmd_show, 1, 1, "add voxeme show ::console::list_uuid"},
    {"token", cmd_token, 0, 0, "add voxeme token"},
    {"reload", cmd_reload, 0, 0, "add voxeme reload"},
    {"audit", cmd_audit, 0, 0, "add voxeme audit"},
};
#define COMMANDS (sizeof commands / sizeof *commands)

static struct vx_config *config_of(struct vx_fs *fs) {
    struct vx_config *config;

    pthread_mutex_lock(&fs->lock);
    config = vx_config_ref(fs->config);
    pthread_mutex_unlock(&fs->lock);
    return config;
}

static void cmd_status(struct vx_fs *fs, switch_stream_handle_t *stream, int argc, char **argv) {
    struct vx_registry_stats s;
    struct vx_scope *all = vx_registry_all(fs->registry);
    struct vx_counts counts = vx_scope_counts(all);

    (void)argc;
    (void)argv;
    vx_scope_release(&all);
    vx_registry_stats(fs->registry, &s);
    stream->write_function(stream, "mod_voxeme %s at %s%s\n", PACKAGE_VERSION, fs->url,
                           vx_server_failing(fs->server) ? " (fails to serve: see the log)" : "");
    stream->write_function(stream,
                           "calls: %" PRIu64 " inbound and %" PRIu64 " outbound live, %" PRIu64
                           " ended, %" PRIu64 " unassigned\n",
                           counts.live_inbound, counts.live_outbound,
                           counts.ended_inbound + counts.ended_outbound, s.unassigned);
    stream->write_function(stream,
                           "since load: %" PRIu64 " calls, %" PRIu64 " events, %" PRIu64
                           " lost to audits, %" PRIu64 " events lost to memory\n",
                           s.created, s.events, s.lost, s.no_memory);
}

static void cmd_accounts(struct vx_fs *fs, switch_stream_handle_t *stream, int argc, char **argv) {
    struct vx_config *config = config_of(fs);
    const struct vx_account_spec *accounts;
    size_t count = vx_config_accounts(config, &accounts);

    (void)argc;
    (void)argv;
    stream->write_function(stream, "sid,name,live_inbound,live_outbound,ended\n");
    for (size_t i = 0; i < count; i++) {
        struct vx_scope *scope = vx_registry_account(fs->registry, &accounts[i].sid);
        struct vx_counts c = scope ? vx_scope_counts(scope) : (struct vx_counts){0};
        char sid[VX_UUID_TEXT + 1];

        vx_scope_release(&scope);
        vx_uuid_format(sid, &accounts[i].sid);
        stream->write_function(stream, "%s,%s,%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n", sid,
                               accounts[i].name ? accounts[i].name : "", c.live_inbound,
                               c.live_outbound, c.ended_inbound + c.ended_outbound);
    }
    vx_config_release(&config);
}

/* By sid or by name. */
static struct vx_scope *find_account(struct vx_fs *fs, const char *text) {
    struct vx_config *config = config_of(fs);
    struct vx_account_evidence evidence = {.accountcode = vx_str(text)};
    struct vx_resolution found =
        vx_directory_resolve(vx_config_directory(config), &evidence, VX_RANK_INHERITED);
    const struct vx_account_spec *accounts;
    struct vx_scope *scope = NULL;

    vx_config_accounts(config, &accounts);
    if (found.rank == VX_RANK_ACCOUNTCODE)
        scope = vx_registry_account(fs->registry, &accounts[found.account].sid);
    vx_config_release(&config);
    return scope;
}

/* FreeSWITCH's printf looks for the end of a text even where its length is given: what is printed
 * is terminated. */
static void print_buf(switch_stream_handle_t *stream, struct vx_buf *line) {
    vx_buf_add(line, "", 1);
    stream->write_function(stream, "%s", vx_buf_ok(line) ? line->at : "-ERR out of memory\n");
    vx_buf_free(line);
}

/* What a peer chose, for a line of a terminal: no control characters, no further column. */
static void add_plain(struct vx_buf *line, struct vx_str text) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];

        vx_buf_add(line, c < ' ' || c == 127 || c == ',' ? "?" : &text.at[i], 1);
    }
}

static void print_call(switch_stream_handle_t *stream, const struct vx_snapshot *call) {
    struct vx_buf line = {0};
    struct vx_call_fields f;
    char sid[VX_UUID_TEXT + 1];

    vx_snapshot_fields(call, &f);
    vx_uuid_format(sid, &f.call_sid);
    vx_buf_printf(&line, "%s,%s,%s,%u,", sid, vx_direction_name(f.direction),
                  vx_call_status_name(f.status), (unsigned)f.sip_status);
    add_plain(&line, f.text[VX_TEXT_FROM]);
    vx_buf_puts(&line, ",");
    add_plain(&line, f.text[VX_TEXT_TO]);
    vx_buf_puts(&line, "\n");
    print_buf(stream, &line);
}

static void print_calls(switch_stream_handle_t *stream, struct vx_feed *feed, bool live_only) {
    struct vx_change changes[32];
    uint64_t revision;
    bool restarted;
    size_t count;

    while ((count = vx_feed_pull(feed, changes, 32, &revision, &restarted)))
        for (size_t i = 0; i < count; i++) {
            struct vx_snapshot *call = changes[i].call;

            if (call && !(live_only && vx_call_status_ended(vx_snapshot_status(call))))
                print_call(stream, call);
            vx_snapshot_release(&changes[i].call);
        }
}

static void cmd_calls(struct vx_fs *fs, switch_stream_handle_t *stream, int argc, char **argv) {
    struct vx_scope *scope = find_account(fs, argv[0]);
    struct vx_feed *feed;

    if (argc == 2 && strcmp(argv[1], "live") != 0) {
        stream->write_function(stream, "-ERR only 'live' may follow the account\n");
    } else if (!scope) {
        stream->write_function(stream, "-ERR no such account\n");
    } else if (!(feed = vx_feed_open(scope))) {
        stream->write_function(stream, "-ERR out of memory\n");
    } else {
        stream->write_function(stream, "call_sid,direction,call_status,sip_status,from,to\n");
        print_calls(stream, feed, argc == 2);
        vx_feed_close(&feed);
    }
    vx_scope_release(&scope);
}

static void cmd_show(struct vx_fs *fs, switch_stream_handle_t *stream, int argc, char **argv) {
    struct vx_scope *all = vx_registry_all(fs->registry);
    struct vx_snapshot *call = NULL;
    struct vx_uuid sid;
    struct vx_buf line = {0};

    (void)argc;
    if (vx_uuid_parse(&sid, vx_str(argv[0])))
        call = vx_scope_find(all, &sid);
    if (call && vx_snapshot_render(call)) {
        vx_buf_json(&line, call);
        vx_buf_puts(&line, "\n");
        print_buf(stream, &line);
    } else {
        stream->write_function(stream, call ? "-ERR out of memory\n" : "-ERR no such call\n");
    }
    vx_snapshot_release(&call);
    vx_scope_release(&all);
}

static void cmd_token(struct vx_fs *fs, switch_stream_handle_t *stream, int argc, char **argv) {
    char token[VX_TOKEN_TEXT + 1], hash[65];

    (void)fs;
    (void)argc;
    (void)argv;
    if (!vx_token_make(token, hash)) {
        stream->write_function(stream, "-ERR no randomness\n");
        return;
    }
    stream->write_function(stream,
                           "Give this token to the client, it is not stored anywhere:\n%s\n"
                           "Put this line into an <account> or <admin>, then 'reloadxml' and "
                           "'voxeme reload':\n<token sha256=\"%s\"/>\n",
                           token, hash);
}

static void cmd_reload(struct vx_fs *fs, switch_stream_handle_t *stream, int argc, char **argv) {
    char error[512];

    (void)argc;
    (void)argv;
    if (vx_fs_reload(fs, error, sizeof error)) {
        vx_log(VX_LOG_NOTICE, "reloaded");
        stream->write_function(stream, "+OK reloaded\n");
    } else {
        vx_log(VX_LOG_ERROR, "reload refused: %s", error);
        stream->write_function(stream, "-ERR %s\n", error);
    }
}

static void cmd_audit(struct vx_fs *fs, switch_stream_handle_t *stream, int argc, char **argv) {
    struct vx_fs_audit a = vx_fs_audit(fs);

    (void)argc;
    (void)argv;
    /* FreeSWITCH's own printf does not know %zu. */
    stream->write_function(stream, "+OK %lu channels, %lu taken in, %lu lost\n",
                           (unsigned long)a.channels, (unsigned long)a.taken_in,
                           (unsigned long)a.lost);
}

static bool run(switch_stream_handle_t *stream, int argc, char **argv) {
    for (size_t i = 0; argc > 0 && i < COMMANDS; i++)
        if (strcmp(argv[0], commands[i].name) == 0 && argc - 1 >= commands[i].min &&
            argc - 1 <= commands[i].max) {
            commands[i].run(service, stream, argc - 1, argv + 1);
            return true;
        }
    return false;
}

SWITCH_STANDARD_API(voxeme_api) {
    char *argv[4] = {NULL};
    char *words = cmd ? switch_safe_strdup(cmd) : NULL;
    int argc = words ? switch_separate_string(words, ' ', argv, 4) : 0;

    (void)session;
    if (!run(stream, argc, argv))
        stream->write_function(stream, "-USAGE: voxeme %s\n", SYNTAX);
    switch_safe_free(words);
    return SWITCH_STATUS_SUCCESS;
}

static switch_status_t list_accounts(const char *line, const char *cursor,
                                     switch_console_callback_match_t **matches) {
    switch_console_callback_match_t *found = NULL;
    struct vx_config *config = config_of(service);
    const struct vx_account_spec *accounts;
    size_t count = vx_config_accounts(config, &accounts);

    (void)line;
    (void)cursor;
    for (size_t i = 0; i < count; i++) {
        char sid[VX_UUID_TEXT + 1];

        vx_uuid_format(sid, &accounts[i].sid);
        switch_console_push_match(&found, accounts[i].name ? accounts[i].name : sid);
    }
    vx_config_release(&config);
    if (!found)
        return SWITCH_STATUS_FALSE;
    *matches = found;
    return SWITCH_STATUS_SUCCESS;
}

void vx_fs_console_add(struct vx_fs *fs, switch_loadable_module_interface_t *module) {
    switch_loadable_module_interface_t **module_interface = &module;
    switch_api_interface_t *api_interface;

    service = fs;
    SWITCH_ADD_API(api_interface, "voxeme", "Voxeme Calls API", voxeme_api, SYNTAX);
    switch_console_add_complete_func("::voxeme::accounts", list_accounts);
    for (size_t i = 0; i < COMMANDS; i++)
        switch_console_set_complete(commands[i].complete);
}

void vx_fs_console_remove(void) {
    switch_console_set_complete("del voxeme");
    switch_console_del_complete_func("::voxeme::accounts");
}
