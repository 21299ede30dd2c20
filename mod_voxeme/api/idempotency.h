/*
 * What requests with an Idempotency-Key were answered, account by account.
 *
 * DESIGN
 * A key is known by a salted SHA-256 of it, a body by its SHA-256: no text of a client is kept but
 * the answer. While nobody knows the answer the key holds the command that will bring it, which
 * lives on when the client has gone: whoever asks again with the key finds out by the command
 * whether it was done, is being done, or never will be. Keys go in the order in which they came;
 * a limit is never met by forgetting one early, as that would make a second call.
 *
 * Threads: any. The lock of an account's keys is held for a bounded time; under it only those of
 * commands are taken.
 */
#ifndef VX_IDEMPOTENCY_H
#define VX_IDEMPOTENCY_H

#include "core/command.h"
#include "core/config.h"

#include <stdatomic.h>

#define VX_KEY_HASH    32
#define VX_LONGEST_KEY 255

/* What the keys of all accounts hold together, and what has happened to them. Zero-initialised. */
struct vx_key_totals {
    atomic_size_t count, memory;
    atomic_uint_fast64_t replayed, in_progress, reused;
    atomic_uint_fast64_t over_account, over_account_memory, over_all, over_all_memory;
};

struct vx_keys;

/* The keys of one account; borrows `totals`. NULL: out of memory, or no randomness. */
struct vx_keys *vx_keys_new(struct vx_key_totals *totals);
void vx_keys_release(struct vx_keys **keys);

/* One request: the key and the body that it came with. */
struct vx_key_use {
    uint8_t key[VX_KEY_HASH], body[VX_KEY_HASH];
    size_t body_len;
};

/* The key of a header's value: as a string of structured fields ("..."), or bare. False: it is
 * neither, is empty, or is longer than VX_LONGEST_KEY. */
bool vx_key_parse(struct vx_str value, struct vx_str *key);

/* False: OpenSSL has no SHA-256. */
bool vx_keys_use(const struct vx_keys *keys, struct vx_str key, struct vx_str body,
                 struct vx_key_use *use);

enum vx_key_found {
    VX_KEY_FRESH,       /* it is the caller's, who ends this with vx_keys_settle() */
    VX_KEY_ANSWERED,    /* answered: see `answer` */
    VX_KEY_COMMANDED,   /* its command is finished: see `command` */
    VX_KEY_IN_PROGRESS, /* nobody knows its answer yet */
    VX_KEY_REUSED,      /* it came with another body */
    VX_KEY_ACCOUNT_FULL,
    VX_KEY_ALL_FULL,
    VX_KEY_NO_MEMORY,
};

struct vx_key_answer {
    unsigned status;
    size_t len;
    char text[]; /* JSON */
};

struct vx_key_result {
    struct vx_key_answer *answer; /* the caller's to vx_free(), or NULL */
    struct vx_command *command;   /* a reference of the caller's, or NULL */
    unsigned retry_after;         /* seconds until there is room for another key */
};

/* Looks the key up and, when nobody has it, takes it. */
enum vx_key_found vx_keys_begin(struct vx_keys *keys, const struct vx_config *config,
                                int64_t now_us, const struct vx_key_use *use,
                                struct vx_key_result *result);

/* How a request with the key went on: it waits for `command` (which is referenced), it was answered
 * with status and text, or (status 0, no command) nothing is to be kept of it. Of a request that
 * was held `of` is the command that it was held for: a key that has another by now is left alone.
 */
struct vx_key_settled {
    struct vx_command *of, *command;
    unsigned status;
    struct vx_str text;
};
void vx_keys_settle(struct vx_keys *keys, const struct vx_key_use *use,
                    const struct vx_key_settled *settled);

/* Drops what is over. True: there is more to drop. */
bool vx_keys_tick(struct vx_keys *keys, const struct vx_config *config, int64_t now_us);

#endif
