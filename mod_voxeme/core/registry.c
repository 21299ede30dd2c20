#include "core/registry_private.h"

#include "core/alloc.h"
#include "core/stock.h"

#include <stdio.h>
#include <stdlib.h>

static void set_limits(struct vx_registry *r, struct vx_config *config) {
    r->retention_us = vx_config_int(config, VX_SET_RETENTION_SECONDS) * VX_SECOND_US;
    r->max_calls = (size_t)vx_config_int(config, VX_SET_MAX_CALLS);
    r->max_memory = (size_t)vx_config_int(config, VX_SET_MAX_CALL_MEMORY);
    r->max_gone = (size_t)vx_config_int(config, VX_SET_MAX_REMOVED);
    r->max_text = (size_t)vx_config_int(config, VX_SET_MAX_FIELD_BYTES);
    atomic_store(&r->next_due, INT64_MIN); /* the retention may be shorter now */
}

static bool init_random(struct vx_registry *r) {
    struct vx_uuid random;
    uint64_t parts[2];

    if (!vx_uuid_random(&random))
        return false;
    memcpy(parts, random.b, sizeof parts);
    snprintf(r->epoch, sizeof r->epoch, "%012llx",
             (unsigned long long)(parts[1] & UINT64_C(0xffffffffffff)));
    return vx_call_table_init(&r->table, parts[0]);
}

#define TRIES  100
#define PAUSES 4 /* between two of them; from 5 to 25 us in all, by the processor */

static inline void pause_core(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* It is held for a microsecond or two. Whoever sleeps for it is woken by a system call of the
 * thread that holds it, and that is a host's more often than not: so only when the holder seems to
 * have lost its core. */
VX_SELDOM void vx_registry_wait(struct vx_registry *r) {
    for (int i = 0; i < TRIES; i++) {
        for (int j = 0; j < PAUSES; j++)
            pause_core();
        if (pthread_mutex_trylock(&r->lock) == 0)
            return;
    }
    pthread_mutex_lock(&r->lock);
}

struct vx_registry *vx_registry_new(struct vx_config *config, const struct vx_clock *clock) {
    static const struct vx_uuid none;
    struct vx_registry *r = vx_calloc(1, sizeof *r);

    if (!r)
        return NULL;
    pthread_mutex_init(&r->lock, NULL);
    pthread_mutex_init(&r->configure_lock, NULL);
    pthread_mutex_init(&r->wake_lock, NULL);
    atomic_init(&r->awake, false);
    atomic_init(&r->next_due, INT64_MAX);
    r->clock = clock;
    for (int stage = LIVE; stage <= GONE; stage++)
        vx_queue_init(&r->queue[stage]);
    r->all = vx_scope_new(r, &none, true);
    if (!r->all || !init_random(r) || !vx_registry_set_service_url(r, "") ||
        !vx_registry_configure(r, config))
        vx_registry_release(&r);
    return r;
}

struct call *vx_call_new(void) {
    struct call *c = vx_stock_take(sizeof *c);

    if (c)
        memset(c, 0, sizeof *c);
    return c;
}

void vx_call_free(struct call *c) {
    vx_stock_give(c, sizeof *c);
}

static void free_calls(struct vx_registry *r, enum stage stage) {
    struct queue *q = &r->queue[stage];
    struct call *c;

    while ((c = vx_queue_first(q))) {
        vx_queue_take(q, c);
        vx_call_leave_family(r, c);
        vx_snapshot_release(&c->snapshot);
        vx_scope_release(&c->account);
        vx_call_free(c);
    }
}

void vx_registry_release(struct vx_registry **registry) {
    struct vx_registry *r = *registry;

    *registry = NULL;
    if (!r)
        return;
    for (int stage = LIVE; stage <= GONE; stage++)
        free_calls(r, (enum stage)stage);
    while (r->scopes) {
        struct vx_scope *next = r->scopes->next;

        vx_scope_free(r->scopes);
        r->scopes = next;
    }
    vx_expected_free(r);
    vx_scope_free(r->all);
    vx_free(r->by_index);
    vx_call_table_free(&r->table);
    vx_free(r->service_url);
    vx_config_release(&r->config);
    pthread_mutex_destroy(&r->lock);
    pthread_mutex_destroy(&r->configure_lock);
    pthread_mutex_destroy(&r->wake_lock);
    vx_free(r);
}

/* Scopes of accounts that are not configured but still have calls or readers, by sid. */
struct retired {
    struct vx_scope **at;
    size_t count;
};

static int compare_scopes(const void *a, const void *b) {
    const struct vx_scope *const *x = a, *const *y = b;

    return memcmp(&(*x)->sid, &(*y)->sid, sizeof(struct vx_uuid));
}

static bool find_retired(const struct vx_registry *r, struct retired *retired) {
    size_t count = 0;

    for (struct vx_scope *s = r->scopes; s; s = s->next)
        count += !s->configured;
    *retired = (struct retired){vx_calloc(count, sizeof(struct vx_scope *)), 0};
    if (!retired->at)
        return false;
    for (struct vx_scope *s = r->scopes; s; s = s->next)
        if (!s->configured)
            retired->at[retired->count++] = s;
    if (count)
        qsort(retired->at, count, sizeof(struct vx_scope *), compare_scopes);
    return true;
}

static struct vx_scope *known_scope(const struct vx_registry *r, const struct retired *retired,
                                    const struct vx_uuid *sid) {
    const struct vx_scope wanted = {.sid = *sid}, *key = &wanted;
    struct vx_scope **found;
    size_t index;

    if (r->config && vx_directory_find(r->directory, sid, &index))
        return r->by_index[index];
    if (!retired->count)
        return NULL;
    found = bsearch(&key, retired->at, retired->count, sizeof(struct vx_scope *), compare_scopes);
    return found ? *found : NULL;
}

/* The scopes of all accounts of `config` in its order; new ones are made. NULL: out of memory.
 * Scopes made on the way stay, as retired ones that the next sweep frees. */
static struct vx_scope **scopes_of(struct vx_registry *r, const struct vx_config *config) {
    const struct vx_account_spec *accounts;
    size_t count = vx_config_accounts(config, &accounts), done = 0;
    struct vx_scope **scopes = vx_calloc(count, sizeof(struct vx_scope *));
    struct retired retired = {NULL, 0};

    if (!scopes || !find_retired(r, &retired)) {
        vx_free(scopes);
        return NULL;
    }
    for (; done < count; done++) {
        struct vx_scope *s = known_scope(r, &retired, &accounts[done].sid);

        if (!s) {
            s = vx_scope_new(r, &accounts[done].sid, false);
            if (!s)
                break;
            s->next = r->scopes;
            r->scopes = s;
        }
        scopes[done] = s;
    }
    vx_free(retired.at);
    if (done < count) {
        vx_free(scopes);
        return NULL;
    }
    return scopes;
}

/* A scope that is not configured and that only the registry still refers to can get no new
 * reference. */
static void sweep_scopes(struct vx_registry *r) {
    struct vx_scope **at = &r->scopes;

    while (*at) {
        struct vx_scope *s = *at;

        if (!s->configured && atomic_load(&s->refs) == 1) {
            *at = s->next;
            vx_scope_free(s);
        } else {
            at = &s->next;
        }
    }
}

bool vx_registry_configure(struct vx_registry *r, struct vx_config *config) {
    const struct vx_account_spec *accounts;
    size_t count = vx_config_accounts(config, &accounts);
    struct vx_config *old_config;
    struct vx_scope **scopes, **old_scopes;

    pthread_mutex_lock(&r->configure_lock);
    scopes = scopes_of(r, config);
    if (!scopes) {
        pthread_mutex_unlock(&r->configure_lock);
        return false;
    }
    for (struct vx_scope *s = r->scopes; s; s = s->next)
        s->configured = false;
    for (size_t i = 0; i < count; i++)
        scopes[i]->configured = true;
    vx_registry_lock(r);
    old_config = r->config;
    old_scopes = r->by_index;
    r->config = vx_config_ref(config);
    r->directory = vx_config_directory(config);
    r->by_index = scopes;
    set_limits(r, config);
    pthread_mutex_unlock(&r->lock);
    sweep_scopes(r);
    pthread_mutex_unlock(&r->configure_lock);
    vx_config_release(&old_config);
    vx_free(old_scopes);
    return true;
}

bool vx_registry_set_service_url(struct vx_registry *r, const char *url) {
    char *copy = vx_strdup(url);

    if (!copy)
        return false;
    vx_free(r->service_url);
    r->service_url = copy;
    return true;
}

struct vx_scope *vx_registry_account(struct vx_registry *r, const struct vx_uuid *account_sid) {
    struct vx_scope *s = NULL;
    size_t index;

    vx_registry_lock(r);
    if (vx_directory_find(r->directory, account_sid, &index))
        s = vx_scope_ref(r->by_index[index]);
    pthread_mutex_unlock(&r->lock);
    return s;
}

struct vx_scope *vx_registry_all(struct vx_registry *r) {
    return vx_scope_ref(r->all);
}

struct vx_counts vx_scope_counts(struct vx_scope *s) {
    struct vx_counts counts;

    vx_registry_lock(s->registry);
    counts = s->counts;
    pthread_mutex_unlock(&s->registry->lock);
    return counts;
}

struct vx_snapshot *vx_scope_find(struct vx_scope *s, const struct vx_uuid *call_sid) {
    struct vx_registry *r = s->registry;
    struct vx_snapshot *found = NULL;
    struct call *c;

    vx_registry_lock(r);
    c = vx_call_table_find(&r->table, call_sid);
    if (c && (s->all || c->account == s))
        found = vx_snapshot_ref(c->snapshot);
    pthread_mutex_unlock(&r->lock);
    return found;
}

const char *vx_registry_epoch(const struct vx_registry *r) {
    return r->epoch;
}

size_t vx_registry_memory(const struct vx_registry *r) {
    size_t calls = r->queue[LIVE].count + r->queue[ENDED].count;

    return vx_snapshots_memory() + calls * vx_alloc_cost(sizeof(struct call)) +
           r->kin * vx_alloc_cost(sizeof(struct kin));
}

void vx_registry_stats(struct vx_registry *r, struct vx_registry_stats *out) {
    vx_registry_lock(r);
    *out = r->stats;
    out->calls = r->queue[LIVE].count + r->queue[ENDED].count;
    out->memory = vx_registry_memory(r);
    pthread_mutex_unlock(&r->lock);
}

void vx_registry_set_wake(struct vx_registry *r, void (*wake)(void *ctx), void *ctx) {
    pthread_mutex_lock(&r->wake_lock);
    r->wake = wake;
    r->wake_ctx = ctx;
    pthread_mutex_unlock(&r->wake_lock);
}

void vx_registry_woken(struct vx_registry *r) {
    /* Not a store: what is looked at next must not be looked at before this is seen. */
    (void)atomic_exchange(&r->awake, false);
}

void vx_registry_wake(struct vx_registry *r) {
    if (atomic_exchange(&r->awake, true))
        return;
    pthread_mutex_lock(&r->wake_lock);
    if (r->wake)
        r->wake(r->wake_ctx);
    else
        atomic_store(&r->awake, false);
    pthread_mutex_unlock(&r->wake_lock);
}
