#include "api/idempotency.h"

#include "core/alloc.h"

#include <openssl/sha.h>
#include <pthread.h>

#define FIRST_BUCKETS  16
#define EXPIRE_AT_ONCE 64

struct key {
    struct key *in_bucket;
    struct key *older, *newer;
    struct vx_key_use use;
    int64_t since_us;
    size_t cost;
    /* Without either: its first request is being looked at. */
    struct vx_command *command;
    struct vx_key_answer *answer;
};

struct vx_keys {
    struct vx_key_totals *totals;
    struct vx_uuid salt; /* else a client could fill one bucket */
    pthread_mutex_t lock;
    /* Guarded by lock. */
    struct key **buckets;
    size_t bucket_count, count, memory;
    struct key *oldest, *newest;
};

struct vx_keys *vx_keys_new(struct vx_key_totals *totals) {
    struct vx_keys *k = vx_calloc(1, sizeof *k);

    if (!k)
        return NULL;
    pthread_mutex_init(&k->lock, NULL);
    k->totals = totals;
    if (!vx_uuid_random(&k->salt))
        vx_keys_release(&k);
    return k;
}

/* --- what a key costs --- */

/* A command holds the texts of its body, at the most, and what belongs to it. */
static size_t pending_cost(size_t body_len) {
    return vx_alloc_cost(sizeof(struct key)) + vx_alloc_cost(1024 + body_len);
}

static size_t settled_cost(const struct vx_key_answer *answer) {
    return vx_alloc_cost(sizeof(struct key)) + vx_alloc_cost(sizeof *answer + answer->len);
}

static void charge(struct vx_keys *k, struct key *key, size_t cost) {
    k->memory += cost - key->cost;
    atomic_fetch_add(&k->totals->memory, cost - key->cost);
    key->cost = cost;
}

/* --- the table --- */

static struct key **bucket_of(const struct vx_keys *k, const uint8_t hash[VX_KEY_HASH]) {
    uint64_t n;

    memcpy(&n, hash, sizeof n);
    return &k->buckets[n & (k->bucket_count - 1)];
}

/* Without memory the chains get longer, no more. False: there is no table at all. */
static bool make_room(struct vx_keys *k) {
    size_t before = k->bucket_count, after = before ? 2 * before : FIRST_BUCKETS;
    struct key **old = k->buckets, **fresh;

    if (k->count < before)
        return true;
    fresh = vx_calloc(after, sizeof(struct key *));
    if (!fresh)
        return before > 0;
    k->buckets = fresh;
    k->bucket_count = after;
    for (size_t i = 0; i < before; i++)
        for (struct key *key = old[i], *next; key; key = next) {
            struct key **b = bucket_of(k, key->use.key);

            next = key->in_bucket;
            key->in_bucket = *b;
            *b = key;
        }
    vx_free(old);
    return true;
}

static struct key *find(const struct vx_keys *k, const struct vx_key_use *use) {
    struct key *key = k->bucket_count ? *bucket_of(k, use->key) : NULL;

    while (key && memcmp(key->use.key, use->key, VX_KEY_HASH) != 0)
        key = key->in_bucket;
    return key;
}

static void append(struct vx_keys *k, struct key *key) {
    key->older = k->newest;
    key->newer = NULL;
    *(k->newest ? &k->newest->newer : &k->oldest) = key;
    k->newest = key;
}

static void unlink_key(struct vx_keys *k, struct key *key) {
    *(key->older ? &key->older->newer : &k->oldest) = key->newer;
    *(key->newer ? &key->newer->older : &k->newest) = key->older;
}

static void add(struct vx_keys *k, struct key *key) {
    struct key **b = bucket_of(k, key->use.key);

    key->in_bucket = *b;
    *b = key;
    append(k, key);
    k->count++;
}

static void forget_answer(struct key *key) {
    vx_command_release(&key->command);
    vx_free(key->answer);
    key->answer = NULL;
}

static void drop(struct vx_keys *k, struct key *key) {
    struct key **b = bucket_of(k, key->use.key);

    while (*b != key)
        b = &(*b)->in_bucket;
    *b = key->in_bucket;
    unlink_key(k, key);
    charge(k, key, 0);
    k->count--;
    atomic_fetch_sub(&k->totals->count, 1);
    forget_answer(key);
    vx_free(key);
}

void vx_keys_release(struct vx_keys **keys) {
    struct vx_keys *k = *keys;

    *keys = NULL;
    if (!k)
        return;
    while (k->oldest)
        drop(k, k->oldest);
    vx_free(k->buckets);
    pthread_mutex_destroy(&k->lock);
    vx_free(k);
}

/* --- what became of the command --- */

/* Whether nothing has come of the command, nor will: the key may be used anew. */
static bool came_to_nothing(struct vx_command *command) {
    struct vx_command_result result;

    if (!vx_command_result(command, &result))
        return vx_command_dropped(command);
    return result.outcome == VX_OUTCOME_REFUSED || result.outcome == VX_OUTCOME_UNABLE;
}

/* Whether its first request is still under way: to use it anew might make a second call. */
static bool is_pending(const struct key *key) {
    struct vx_command_result unused;

    if (!key->command)
        return !key->answer;
    return !vx_command_result(key->command, &unused) && !vx_command_dropped(key->command);
}

/* --- time --- */

static int64_t end_of(const struct key *key, const struct vx_config *config) {
    return key->since_us + vx_config_int(config, VX_SET_IDEMPOTENCY_SECONDS) * VX_SECOND_US;
}

/* Until the oldest key goes; at least one. */
static unsigned seconds_left(const struct vx_keys *k, const struct vx_config *config,
                             int64_t now_us) {
    int64_t left = k->oldest ? end_of(k->oldest, config) - now_us : 0;

    return left > VX_SECOND_US ? (unsigned)((left + VX_SECOND_US - 1) / VX_SECOND_US) : 1;
}

static bool is_over(const struct key *key, const struct vx_config *config, int64_t now_us) {
    return end_of(key, config) <= now_us && !is_pending(key);
}

/* Looks at the oldest only. True: there may be more. */
static bool expire(struct vx_keys *k, const struct vx_config *config, int64_t now_us) {
    struct key *key = k->oldest, *newer;
    int looked = 0, dropped = 0;

    for (; key && looked < EXPIRE_AT_ONCE && end_of(key, config) <= now_us; key = newer, looked++) {
        newer = key->newer;
        if (is_pending(key))
            continue;
        drop(k, key);
        dropped++;
    }
    return dropped && looked == EXPIRE_AT_ONCE;
}

bool vx_keys_tick(struct vx_keys *k, const struct vx_config *config, int64_t now_us) {
    bool more;

    pthread_mutex_lock(&k->lock);
    more = expire(k, config, now_us);
    pthread_mutex_unlock(&k->lock);
    return more;
}

/* --- the key of a header --- */

bool vx_key_parse(struct vx_str value, struct vx_str *key) {
    bool quoted = value.len && value.at[0] == '"';

    if (quoted) {
        if (value.len < 2 || value.at[value.len - 1] != '"')
            return false;
        value = (struct vx_str){value.at + 1, value.len - 2};
    }
    *key = value;
    if (!value.len || value.len > VX_LONGEST_KEY)
        return false;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.at[i];

        if (c < ' ' || c > '~' || c == '"' || c == '\\' || (c == ' ' && !quoted))
            return false;
    }
    return true;
}

bool vx_keys_use(const struct vx_keys *k, struct vx_str key, struct vx_str body,
                 struct vx_key_use *use) {
    unsigned char salted[sizeof k->salt + VX_LONGEST_KEY];

    memcpy(salted, &k->salt, sizeof k->salt);
    memcpy(salted + sizeof k->salt, key.at, key.len);
    use->body_len = body.len;
    return SHA256(salted, sizeof k->salt + key.len, use->key) &&
           SHA256((const unsigned char *)(body.len ? body.at : ""), body.len, use->body);
}

/* --- taking a key --- */

static enum vx_key_found refuse(atomic_uint_fast64_t *counter, enum vx_key_found found) {
    atomic_fetch_add(counter, 1);
    return found;
}

/* Counts a key that costs so much, or says which limit is in its way. */
static enum vx_key_found reserve(struct vx_keys *k, const struct vx_config *config, size_t cost) {
    struct vx_key_totals *t = k->totals;
    size_t max_count = (size_t)vx_config_int(config, VX_SET_MAX_IDEMPOTENCY_KEYS);
    size_t max_memory = (size_t)vx_config_int(config, VX_SET_MAX_IDEMPOTENCY_MEMORY);

    if (k->count >= (size_t)vx_config_int(config, VX_SET_MAX_ACCOUNT_IDEMPOTENCY_KEYS))
        return refuse(&t->over_account, VX_KEY_ACCOUNT_FULL);
    if (k->memory + cost > (size_t)vx_config_int(config, VX_SET_MAX_ACCOUNT_IDEMPOTENCY_MEMORY))
        return refuse(&t->over_account_memory, VX_KEY_ACCOUNT_FULL);
    if (atomic_fetch_add(&t->count, 1) >= max_count) {
        atomic_fetch_sub(&t->count, 1);
        return refuse(&t->over_all, VX_KEY_ALL_FULL);
    }
    if (atomic_fetch_add(&t->memory, cost) + cost > max_memory) {
        atomic_fetch_sub(&t->memory, cost);
        atomic_fetch_sub(&t->count, 1);
        return refuse(&t->over_all_memory, VX_KEY_ALL_FULL);
    }
    k->memory += cost;
    return VX_KEY_FRESH;
}

static enum vx_key_found take(struct vx_keys *k, const struct vx_config *config, int64_t now_us,
                              const struct vx_key_use *use, struct vx_key_result *result) {
    enum vx_key_found found;
    struct key *key;

    if (!make_room(k))
        return VX_KEY_NO_MEMORY;
    key = vx_calloc(1, sizeof *key);
    if (!key)
        return VX_KEY_NO_MEMORY;
    found = reserve(k, config, pending_cost(use->body_len));
    if (found != VX_KEY_FRESH) {
        result->retry_after = found == VX_KEY_ACCOUNT_FULL ? seconds_left(k, config, now_us) : 1;
        vx_free(key);
        return found;
    }
    key->use = *use;
    key->since_us = now_us;
    key->cost = pending_cost(use->body_len);
    add(k, key);
    return found;
}

/* A command may take longer than its key would be kept: who asks for it meanwhile is to find its
 * answer. */
static enum vx_key_found keep_on(struct vx_keys *k, struct key *key, int64_t now_us) {
    key->since_us = now_us;
    unlink_key(k, key);
    append(k, key);
    return refuse(&k->totals->in_progress, VX_KEY_IN_PROGRESS);
}

static enum vx_key_found look(struct vx_keys *k, struct key *key, int64_t now_us,
                              const struct vx_key_use *use, struct vx_key_result *result) {
    if (memcmp(key->use.body, use->body, VX_KEY_HASH) != 0)
        return refuse(&k->totals->reused, VX_KEY_REUSED);
    if (key->answer) {
        size_t size = sizeof *key->answer + key->answer->len;

        result->answer = vx_malloc(size);
        if (!result->answer)
            return VX_KEY_NO_MEMORY;
        memcpy(result->answer, key->answer, size);
        return VX_KEY_ANSWERED;
    }
    if (is_pending(key))
        return keep_on(k, key, now_us);
    result->command = vx_command_ref(key->command);
    return VX_KEY_COMMANDED;
}

enum vx_key_found vx_keys_begin(struct vx_keys *k, const struct vx_config *config, int64_t now_us,
                                const struct vx_key_use *use, struct vx_key_result *result) {
    enum vx_key_found found;
    struct key *key;

    *result = (struct vx_key_result){.answer = NULL};
    pthread_mutex_lock(&k->lock);
    (void)expire(k, config, now_us);
    key = find(k, use);
    if (key && (is_over(key, config, now_us) || (key->command && came_to_nothing(key->command)))) {
        drop(k, key);
        key = NULL;
    }
    found = key ? look(k, key, now_us, use, result) : take(k, config, now_us, use, result);
    pthread_mutex_unlock(&k->lock);
    return found;
}

/* --- what became of it --- */

static struct vx_key_answer *copy_answer(unsigned status, struct vx_str text) {
    struct vx_key_answer *answer = vx_malloc(sizeof *answer + text.len);

    if (!answer)
        return NULL;
    answer->status = status;
    answer->len = text.len;
    memcpy(answer->text, text.at, text.len);
    return answer;
}

void vx_keys_settle(struct vx_keys *k, const struct vx_key_use *use,
                    const struct vx_key_settled *settled) {
    struct key *key;

    pthread_mutex_lock(&k->lock);
    key = find(k, use);
    if (!key || key->answer || key->command != settled->of) {
        /* It has expired, or was settled by another. */
    } else if (settled->command && !key->command) {
        key->command = vx_command_ref(settled->command);
    } else if (settled->status && (key->answer = copy_answer(settled->status, settled->text))) {
        vx_command_release(&key->command);
        charge(k, key, settled_cost(key->answer));
    } else if (!key->command || came_to_nothing(key->command)) {
        drop(k, key);
    }
    pthread_mutex_unlock(&k->lock);
}
