/*
 * The configuration: one immutable, reference-counted object, built from the elements of
 * voxeme.conf.xml as a host's XML reader meets them (expat in voxeme-switch, switch_xml in
 * FreeSWITCH). One table of settings gives name, type, range, default and help to the reader, the
 * README and the man page.
 */
#ifndef VX_CONFIG_H
#define VX_CONFIG_H

#include "core/account.h"

enum vx_setting_type {
    VX_INT,       /* whole number in [min, max] */
    VX_BOOL,      /* true or false */
    VX_TEXT,      /* any text of at most max bytes */
    VX_HOST_PORT, /* host:port or [v6]:port; port 0 picks a free one */
    VX_CIDRS,     /* address[/bits], separated by commas or spaces; may be empty */
    VX_URL,       /* http:// or https:// and a host, no trailing slash */
    VX_ORIGIN,    /* scheme://host[:port], * or null; at most max bytes */
    VX_LEVEL,     /* error, warning, notice, info, debug */
};

struct vx_setting {
    const char *name;
    enum vx_setting_type type;
    int64_t min, max; /* VX_INT: of the value; VX_TEXT, VX_ORIGIN: max bytes */
    const char
        *initial;     /* the default, in the form that the file uses; "" is "not set" for texts */
    bool reload;      /* taken up by a reload; else it needs a restart */
    const char *unit; /* "s", "bytes", ... or "" */
    const char *help; /* one sentence */
};

/* Index into vx_settings[]; config.c holds both in step. */
enum vx_setting_id {
    VX_SET_LISTEN,
    VX_SET_THREADS,
    VX_SET_SERVICE_URL,
    VX_SET_RETENTION_SECONDS,
    VX_SET_AUDIT_SECONDS,
    VX_SET_TRUSTED_SOURCES,
    VX_SET_DEFAULT_ACCOUNT,
    VX_SET_MAX_CALLS,
    VX_SET_MAX_CALL_MEMORY,
    VX_SET_MAX_FIELD_BYTES,
    VX_SET_MAX_REMOVED,
    VX_SET_TLS_CERT,
    VX_SET_TLS_KEY,
    VX_SET_CORS_ORIGIN,
    VX_SET_RATE_LIMIT_PER_MINUTE,
    VX_SET_RATE_LIMIT_PER_HOUR,
    VX_SET_MAX_CONNECTIONS,
    VX_SET_MAX_STREAMS_PER_ACCOUNT,
    VX_SET_MAX_HEADER_BYTES,
    VX_SET_MAX_QUERY_PARAMETERS,
    VX_SET_MAX_BODY_BYTES,
    VX_SET_MAX_REQUEST_MEMORY,
    VX_SET_MAX_RESPONSE_MEMORY,
    VX_SET_MAX_ACCOUNT_RESPONSE_MEMORY,
    VX_SET_MAX_ACCOUNT_STREAM_MEMORY,
    VX_SET_MAX_RESPONSE_FILES,
    VX_SET_GZIP_LEVEL,
    VX_SET_GZIP_BYTES_PER_SECOND,
    VX_SET_HEADER_TIMEOUT_SECONDS,
    VX_SET_IDLE_TIMEOUT_SECONDS,
    VX_SET_WRITE_TIMEOUT_SECONDS,
    VX_SET_MIN_WRITE_BYTES_PER_SECOND,
    VX_SET_PING_SECONDS,
    VX_SET_MAX_MESSAGE_BYTES,
    VX_SET_MAX_MESSAGES_PER_MINUTE,
    VX_SET_COMMAND_TIMEOUT_SECONDS,
    VX_SET_IDEMPOTENCY_SECONDS,
    VX_SET_MAX_IDEMPOTENCY_KEYS,
    VX_SET_MAX_ACCOUNT_IDEMPOTENCY_KEYS,
    VX_SET_MAX_IDEMPOTENCY_MEMORY,
    VX_SET_MAX_ACCOUNT_IDEMPOTENCY_MEMORY,
    VX_SET_WEBHOOK_ALLOW,
    VX_SET_WEBHOOK_CA,
    VX_SET_WEBHOOK_CONNECT_TIMEOUT_SECONDS,
    VX_SET_WEBHOOK_TIMEOUT_SECONDS,
    VX_SET_WEBHOOK_MAX_ATTEMPTS,
    VX_SET_WEBHOOK_MAX_AGE_SECONDS,
    VX_SET_WEBHOOK_MAX_QUEUED,
    VX_SET_WEBHOOK_MAX_QUEUED_TOTAL,
    VX_SET_WEBHOOK_MAX_MEMORY,
    VX_SET_WEBHOOK_MAX_REQUESTS,
    VX_SET_WEBHOOK_MAX_REQUESTS_TOTAL,
    VX_SET_METRICS_ALLOW,
    VX_SET_LOG_LEVEL,
    VX_SET_TRACK_LOOPBACK,
    VX_SET_FREESWITCH_PROFILE,
    VX_SET_FREESWITCH_GATEWAY,
    VX_SET_FREESWITCH_REDIRECT,
    VX_SET_FREESWITCH_MAX_COMMANDS,
    VX_SET_FREESWITCH_COMMAND_THREADS,
    VX_SET_FREESWITCH_RECORDINGS,
    VX_SET_FREESWITCH_RECORDING_SECONDS,
    VX_SET_FREESWITCH_PLAY_URLS,
    VX_SET_FREESWITCH_TTS,
    VX_SET_COUNT
};
extern const struct vx_setting vx_settings[VX_SET_COUNT];

/* The values of one table of settings. Hosts use it for tables of their own as well. */
struct vx_values;

/* Every setting at its default. NULL: out of memory. Borrows `table`. */
struct vx_values *vx_values_new(const struct vx_setting *table, size_t count);
/* NULL: out of memory. */
struct vx_values *vx_values_copy(const struct vx_values *values);
void vx_values_release(struct vx_values **values);

/* Sets one by its name. On an unknown name or bad value returns false and writes what is wrong,
 * without file and line, into error[]. */
bool vx_values_set(struct vx_values *values, const char *name, const char *text, char *error,
                   size_t size);
int64_t vx_values_int(const struct vx_values *values, size_t id);
bool vx_values_bool(const struct vx_values *values, size_t id);
const char *vx_values_text(const struct vx_values *values, size_t id);
const struct vx_cidr *vx_values_cidrs(const struct vx_values *values, size_t id, size_t *count);

/* "127.0.0.1:3000" or "[::1]:3000" -> host (no brackets) and port. False when it is neither. */
bool vx_host_port_parse(const char *text, char *host, size_t size, unsigned *port);

/* "10.0.0.0/8" or an address. False when it is neither, or has bits set behind its prefix; writes
 * why, beginning with the quoted text, into why[]. */
bool vx_cidr_read(struct vx_cidr *out, struct vx_str text, char *why, size_t size);

#define VX_TOKEN_HASH 32

struct vx_token {
    uint8_t sha256[VX_TOKEN_HASH];
    bool admin;
    size_t account; /* index of the account, for tokens that are not admin's */
};

struct vx_config;

/* One more reference, for the caller. Returns `config`. Any thread, as all below. */
struct vx_config *vx_config_ref(struct vx_config *config);
/* Drops the caller's reference and clears its pointer. Accepts a pointer to NULL. */
void vx_config_release(struct vx_config **config);
/* A VX_INT, VX_BOOL or VX_LEVEL, in the unit of its setting. */
int64_t vx_config_int(const struct vx_config *config, enum vx_setting_id id);
/* As the file has it, or the default; borrowed, never NULL. */
const char *vx_config_text(const struct vx_config *config, enum vx_setting_id id);
/* *count blocks of a VX_CIDRS; borrowed. */
const struct vx_cidr *vx_config_cidrs(const struct vx_config *config, enum vx_setting_id id,
                                      size_t *count);
/* The line of the file that sets it; 0 when none does, or the reader knew none. */
int vx_config_line(const struct vx_config *config, enum vx_setting_id id);
/* All settings; borrowed. */
const struct vx_values *vx_config_values(const struct vx_config *config);
/* The accounts in the order of the file; borrowed. Returns how many. */
size_t vx_config_accounts(const struct vx_config *config, const struct vx_account_spec **accounts);
/* Sorted by hash, no two alike. */
size_t vx_config_tokens(const struct vx_config *config, const struct vx_token **tokens);
const struct vx_directory *vx_config_directory(const struct vx_config *config);

#endif
