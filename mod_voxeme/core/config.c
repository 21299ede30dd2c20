#include "core/alloc.h"
#include "core/config_private.h"

const struct vx_setting vx_settings[VX_SET_COUNT] = {
    [VX_SET_LISTEN] = {"listen", VX_HOST_PORT, 0, 0, "127.0.0.1:3000", false, "",
                       "Address and port of the API; port 0 picks a free one."},
    [VX_SET_THREADS] = {"threads", VX_INT, 1, 64, "1", false, "threads",
                        "Threads that serve the API, its clients dealt out among them; more than "
                        "one where one core is not enough for all clients."},
    [VX_SET_SERVICE_URL] = {"service-url", VX_URL, 0, 0, "", false, "",
                            "Base URL of this node, shown in every call as service_url; by default "
                            "made from the address that is listened on, or for all addresses from "
                            "the one that this machine goes out by, else its host name."},
    [VX_SET_RETENTION_SECONDS] = {"retention-seconds", VX_INT, 1, 86400, "600", true, "s",
                                  "How long a call stays in the registry after its end."},
    [VX_SET_AUDIT_SECONDS] = {"audit-seconds", VX_INT, 1, 3600, "30", true, "s",
                              "How often the registry is compared with the host's live calls."},
    [VX_SET_TRUSTED_SOURCES] = {"trusted-sources", VX_CIDRS, 0, 0, "127.0.0.0/8", true, "",
                                "Peers whose X-Account-Sid and X-Application-Sid headers count."},
    [VX_SET_DEFAULT_ACCOUNT] = {"default-account", VX_TEXT, 0, 128, "", true, "",
                                "Account, by sid or name, of calls that nothing else assigns; "
                                "without one such calls are unassigned."},
    [VX_SET_MAX_CALLS] = {"max-calls", VX_INT, 1, 100000000, "2000000", true, "calls",
                          "Calls that the registry holds at most, ended ones included; further "
                          "ones are counted but not kept."},
    [VX_SET_MAX_CALL_MEMORY] = {"max-call-memory", VX_INT, 1048576, 1099511627776, "2147483648",
                                true, "bytes",
                                "Memory that all calls may hold together, their JSON included; "
                                "beyond it further calls are counted but not kept, known ones are "
                                "kept up to date."},
    [VX_SET_MAX_FIELD_BYTES] = {"max-field-bytes", VX_INT, 16, 65534, "256", true, "bytes",
                                "Longest text kept of one field of a call; longer ones are cut."},
    [VX_SET_MAX_REMOVED] = {"max-removed", VX_INT, 16, 100000000, "1000000", true, "calls",
                            "Removed calls that are remembered for ?since=, for as long as the "
                            "retention; a client that has missed more gets the whole list anew."},
    [VX_SET_TLS_CERT] = {"tls-cert", VX_TEXT, 0, 4096, "", true, "",
                         "PEM file with the certificate chain; with tls-key the API speaks HTTPS. "
                         "Read anew by a reload."},
    [VX_SET_TLS_KEY] = {"tls-key", VX_TEXT, 0, 4096, "", true, "",
                        "PEM file with the private key of tls-cert."},
    [VX_SET_CORS_ORIGIN] = {"cors-origin", VX_ORIGIN, 0, 512, "*", true, "",
                            "Value of Access-Control-Allow-Origin: one origin, * for all, or "
                            "null."},
    [VX_SET_RATE_LIMIT_PER_MINUTE] = {"rate-limit-per-minute", VX_INT, 0, 1000000000, "6000", true,
                                      "requests",
                                      "Requests that one account may make in a minute; 0 is no "
                                      "limit. Admin tokens are not limited."},
    [VX_SET_RATE_LIMIT_PER_HOUR] =
        {"rate-limit-per-hour", VX_INT, 0, 1000000000, "0", true, "requests",
         "Requests that one account may make in an hour; 0 is no limit."},
    [VX_SET_MAX_CONNECTIONS] = {"max-connections", VX_INT, 1, 1000000, "10000", true, "connections",
                                "Client connections at the same time."},
    [VX_SET_MAX_STREAMS_PER_ACCOUNT] =
        {"max-streams-per-account", VX_INT, 1, 1000000, "2000", true, "streams",
         "Live feeds that the clients of one account may have open; further ones get 429. Admin "
         "tokens are not limited."},
    [VX_SET_MAX_HEADER_BYTES] = {"max-header-bytes", VX_INT, 512, 65536, "8192", true, "bytes",
                                 "Largest request line and headers; larger ones get 431."},
    [VX_SET_MAX_QUERY_PARAMETERS] = {"max-query-parameters", VX_INT, 8, 256, "64", true,
                                     "parameters",
                                     "Query parameters of a request; one with more gets 400."},
    [VX_SET_MAX_BODY_BYTES] = {"max-body-bytes", VX_INT, 0, 16777216, "65536", true, "bytes",
                               "Largest request body; larger ones get 413."},
    [VX_SET_MAX_REQUEST_MEMORY] = {"max-request-memory", VX_INT, 4096, 1099511627776, "67108864",
                                   true, "bytes",
                                   "Memory that request bodies still arriving may hold together; "
                                   "beyond it requests with a body get 503."},
    [VX_SET_MAX_RESPONSE_MEMORY] = {"max-response-memory", VX_INT, 1048576, 1099511627776,
                                    "1073741824", true, "bytes",
                                    "Memory that all answers being built, kept or sent may hold "
                                    "together; beyond it requests get 503."},
    [VX_SET_MAX_ACCOUNT_RESPONSE_MEMORY] =
        {"max-account-response-memory", VX_INT, 1048576, 1099511627776, "268435456", true, "bytes",
         "The part of max-response-memory that the answers of one account may hold."},
    [VX_SET_MAX_ACCOUNT_STREAM_MEMORY] =
        {"max-account-stream-memory", VX_INT, 1048576, 1099511627776, "134217728", true, "bytes",
         "The part of max-account-response-memory for the live feeds of one account and for who "
         "still reads a list that has changed; beyond it feeds wait, and those that have been at "
         "one message for longest are cut off."},
    [VX_SET_MAX_RESPONSE_FILES] =
        {"max-response-files", VX_INT, 0, 1024, "32", true, "files",
         "Large answers that many are sent kept as files in memory, which the kernel sends without "
         "copying; each takes a file descriptor. 0: none."},
    [VX_SET_GZIP_LEVEL] = {"gzip-level", VX_INT, 0, 9, "1", true, "",
                           "How hard lists are compressed for clients that send Accept-Encoding: "
                           "gzip. 1: fastest, 9: smallest, 0: not at all."},
    [VX_SET_GZIP_BYTES_PER_SECOND] =
        {"gzip-bytes-per-second", VX_INT, 65536, 100000000000, "33554432", true, "bytes/s",
         "What may be compressed in a second for all lists together, before it is; lists that "
         "would take more go out as they are."},
    [VX_SET_HEADER_TIMEOUT_SECONDS] = {"header-timeout-seconds", VX_INT, 1, 3600, "10", true, "s",
                                       "Time for a request to arrive whole."},
    [VX_SET_IDLE_TIMEOUT_SECONDS] = {"idle-timeout-seconds", VX_INT, 1, 86400, "60", true, "s",
                                     "How long an idle keep-alive connection stays open."},
    [VX_SET_WRITE_TIMEOUT_SECONDS] = {"write-timeout-seconds", VX_INT, 1, 3600, "30", true, "s",
                                      "How long a client may take no byte of its answer; in each "
                                      "such time it has to take what min-write-bytes-per-second "
                                      "says."},
    [VX_SET_MIN_WRITE_BYTES_PER_SECOND] =
        {"min-write-bytes-per-second", VX_INT, 0, 1000000000, "1024", true, "bytes/s",
         "Least rate at which a client has to take an answer that waits for it, over "
         "write-timeout-seconds; slower ones are cut off. 0: a byte in that time is enough."},
    [VX_SET_PING_SECONDS] = {"ping-seconds", VX_INT, 1, 3600, "20", true, "s",
                             "How often the client of a live feed is pinged; after two pings "
                             "without an answer it is gone."},
    [VX_SET_MAX_MESSAGE_BYTES] = {"max-message-bytes", VX_INT, 125, 1048576, "4096", true, "bytes",
                                  "Longest message taken from the client of a live feed; longer "
                                  "ones close it with 1009."},
    [VX_SET_MAX_MESSAGES_PER_MINUTE] =
        {"max-messages-per-minute", VX_INT, 10, 1000000000, "600", true, "messages",
         "Messages taken from the client of a live feed in a minute, pongs included; more close it "
         "with 1008."},
    [VX_SET_COMMAND_TIMEOUT_SECONDS] =
        {"command-timeout-seconds", VX_INT, 1, 60, "5", true, "s",
         "How long a request that makes or controls a call waits for the server to do it; then it "
         "gets 504."},
    [VX_SET_IDEMPOTENCY_SECONDS] = {"idempotency-seconds", VX_INT, 1, 86400, "600", true, "s",
                                    "How long the answer to a request with an Idempotency-Key is "
                                    "kept, from when the request came."},
    [VX_SET_MAX_IDEMPOTENCY_KEYS] = {"max-idempotency-keys", VX_INT, 1, 100000000, "300000", true,
                                     "keys",
                                     "Idempotency-Keys that are kept at the same time; beyond it "
                                     "requests with a new one get 503."},
    [VX_SET_MAX_ACCOUNT_IDEMPOTENCY_KEYS] =
        {"max-account-idempotency-keys", VX_INT, 1, 100000000, "60000", true, "keys",
         "The part of max-idempotency-keys that one account may have; beyond it its requests with "
         "a new one get 429."},
    [VX_SET_MAX_IDEMPOTENCY_MEMORY] = {"max-idempotency-memory", VX_INT, 4096, 1099511627776,
                                       "134217728", true, "bytes",
                                       "Memory that Idempotency-Keys may hold together with their "
                                       "answers; beyond it requests with a new one get 503."},
    [VX_SET_MAX_ACCOUNT_IDEMPOTENCY_MEMORY] =
        {"max-account-idempotency-memory", VX_INT, 4096, 1099511627776, "33554432", true, "bytes",
         "The part of max-idempotency-memory that the keys of one account may hold; beyond it its "
         "requests with a new one get 429."},
    [VX_SET_WEBHOOK_ALLOW] = {"webhook-allow", VX_CIDRS, 0, 0, "", true, "",
                              "Addresses that webhooks may go to although they are loopback, "
                              "private, link-local or multicast ones."},
    [VX_SET_WEBHOOK_CA] = {"webhook-ca", VX_TEXT, 0, 4096, "", true, "",
                           "PEM file with the authorities whose certificates webhook receivers may "
                           "have, instead of the system's. Read anew by a reload."},
    [VX_SET_WEBHOOK_CONNECT_TIMEOUT_SECONDS] =
        {"webhook-connect-timeout-seconds", VX_INT, 1, 300, "5", true, "s",
         "How long a webhook waits for a connection, TLS included."},
    [VX_SET_WEBHOOK_TIMEOUT_SECONDS] = {"webhook-timeout-seconds", VX_INT, 1, 300, "10", true, "s",
                                        "How long one attempt to deliver a webhook may take."},
    [VX_SET_WEBHOOK_MAX_ATTEMPTS] = {"webhook-max-attempts", VX_INT, 1, 100, "8", true, "attempts",
                                     "How often a webhook is attempted before it is dropped."},
    [VX_SET_WEBHOOK_MAX_AGE_SECONDS] = {"webhook-max-age-seconds", VX_INT, 1, 86400, "600", true,
                                        "s", "How old a webhook may become before it is dropped."},
    [VX_SET_WEBHOOK_MAX_QUEUED] =
        {"webhook-max-queued", VX_INT, 1, 1000000, "10000", true, "webhooks",
         "Webhooks of one account that wait; for a further one the oldest is dropped."},
    [VX_SET_WEBHOOK_MAX_QUEUED_TOTAL] =
        {"webhook-max-queued-total", VX_INT, 1, 10000000, "100000", true, "webhooks",
         "Webhooks of all accounts that wait; for a further one the oldest of the account that has "
         "most is dropped."},
    [VX_SET_WEBHOOK_MAX_MEMORY] =
        {"webhook-max-memory", VX_INT, 65536, 1099511627776, "134217728", true, "bytes",
         "Memory of all webhooks that wait; for a further one the oldest of the account that has "
         "most of them is dropped."},
    [VX_SET_WEBHOOK_MAX_REQUESTS] = {"webhook-max-requests", VX_INT, 1, 1000, "8", true, "requests",
                                     "Webhooks of one account that are on their way at the same "
                                     "time; one to a receiver until that has taken one, and while "
                                     "it fails or takes long."},
    [VX_SET_WEBHOOK_MAX_REQUESTS_TOTAL] =
        {"webhook-max-requests-total", VX_INT, 1, 10000, "256", true, "requests",
         "Webhooks of all accounts that are on their way at the same time; three quarters of them "
         "at most to receivers that are new, fail or take long."},
    [VX_SET_METRICS_ALLOW] = {"metrics-allow", VX_CIDRS, 0, 0, "", true, "",
                              "Sources that may read /metrics without an admin token."},
    [VX_SET_LOG_LEVEL] = {"log-level", VX_LEVEL, 0, 0, "notice", true, "",
                          "Least severe lines that are logged: error, warning, notice, info, "
                          "debug."},
    [VX_SET_TRACK_LOOPBACK] = {"track-loopback", VX_BOOL, 0, 0, "false", true, "",
                               "FreeSWITCH only: whether legs of mod_loopback count as calls."},
    [VX_SET_FREESWITCH_PROFILE] = {"freeswitch-profile", VX_TEXT, 0, 64, "external", true, "",
                                   "SIP profile of FreeSWITCH by which calls that the API makes "
                                   "go out."},
    [VX_SET_FREESWITCH_GATEWAY] = {"freeswitch-gateway", VX_TEXT, 0, 64, "", true, "",
                                   "Gateway of FreeSWITCH by which they go out instead, with its "
                                   "credentials."},
    [VX_SET_FREESWITCH_REDIRECT] =
        {"freeswitch-redirect", VX_TEXT, 0, 192, "voxeme XML default", true, "",
         "Where in FreeSWITCH's dialplan a call goes that the API has made, when it is answered, "
         "or has redirected: EXTENSION [DIALPLAN [CONTEXT]]."},
    [VX_SET_FREESWITCH_MAX_COMMANDS] = {"freeswitch-max-commands", VX_INT, 1, 1000000, "1000", true,
                                        "commands",
                                        "Commands of the API that may wait for FreeSWITCH, the "
                                        "same share for each thread; further ones get 503."},
    [VX_SET_FREESWITCH_COMMAND_THREADS] = {"freeswitch-command-threads", VX_INT, 1, 64, "4", false,
                                           "threads",
                                           "Threads that do commands of the API in FreeSWITCH, "
                                           "those of one call one after the other; "
                                           "as many again make calls."},
    [VX_SET_FREESWITCH_RECORDINGS] = {"freeswitch-recordings", VX_TEXT, 0, 512, "", true, "",
                                      "Directory for recordings of calls, which must exist; by "
                                      "default FreeSWITCH's own."},
    [VX_SET_FREESWITCH_RECORDING_SECONDS] = {"freeswitch-recording-seconds", VX_INT, 1, 864000,
                                             "14400", true, "s",
                                             "How long a recording may become."},
    [VX_SET_FREESWITCH_PLAY_URLS] =
        {"freeswitch-play-urls", VX_BOOL, 0, 0, "false", true, "",
         "Whether a whisper may play http and https URLs, which FreeSWITCH then gets from wherever "
         "the client says."},
    [VX_SET_FREESWITCH_TTS] = {"freeswitch-tts", VX_TEXT, 0, 128, "", true, "",
                               "Engine and voice of FreeSWITCH that say whispers: ENGINE VOICE."},
};

struct vx_config *vx_config_ref(struct vx_config *config) {
    atomic_fetch_add(&config->refs, 1);
    return config;
}

void vx_account_spec_clear(struct vx_account_spec *a) {
    for (size_t i = 0; i < a->realm_count; i++)
        vx_free(a->realms[i]);
    vx_free(a->realms);
    vx_free(a->sources);
    for (size_t i = 0; i < a->gateway_count; i++) {
        vx_free(a->gateways[i].name);
        vx_free(a->gateways[i].address);
        vx_credentials_release(&a->gateways[i].credentials);
    }
    vx_free(a->gateways);
    vx_free(a->applications);
    vx_webhook_spec_clear(&a->webhook);
    vx_free(a->name);
    *a = (struct vx_account_spec){0};
}

void vx_config_release(struct vx_config **config) {
    struct vx_config *c = *config;

    *config = NULL;
    if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
        return;
    vx_directory_release(&c->directory);
    vx_values_release(&c->values);
    for (size_t i = 0; i < c->account_count; i++)
        vx_account_spec_clear(&c->accounts[i]);
    vx_free(c->accounts);
    vx_free(c->tokens);
    vx_free(c);
}

int64_t vx_config_int(const struct vx_config *config, enum vx_setting_id id) {
    return vx_values_int(config->values, id);
}

const char *vx_config_text(const struct vx_config *config, enum vx_setting_id id) {
    return vx_values_text(config->values, id);
}

const struct vx_cidr *vx_config_cidrs(const struct vx_config *config, enum vx_setting_id id,
                                      size_t *count) {
    return vx_values_cidrs(config->values, id, count);
}

int vx_config_line(const struct vx_config *config, enum vx_setting_id id) {
    return config->setting_line[id];
}

const struct vx_values *vx_config_values(const struct vx_config *config) {
    return config->values;
}

size_t vx_config_accounts(const struct vx_config *config, const struct vx_account_spec **accounts) {
    *accounts = config->accounts;
    return config->account_count;
}

size_t vx_config_tokens(const struct vx_config *config, const struct vx_token **tokens) {
    *tokens = config->tokens;
    return config->token_count;
}

const struct vx_directory *vx_config_directory(const struct vx_config *config) {
    return config->directory;
}
