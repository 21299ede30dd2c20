#include "core/alloc.h"
#include "core/registry_private.h"

#define SMALLEST      256
#define SLOTS_GROWING 2 /* moved at a change; one would do to be done before it grows again */
#define SLOTS_OTHER   8

static uint64_t hash_of(const struct call_table *t, const struct vx_uuid *sid) {
    uint64_t h[2];

    /* Identifiers that are only counted up differ in their last byte, which little-endian machines
     * read as the top of h[1]: two more rounds take it down to the bits that choose the slot. */
    memcpy(h, sid->b, sizeof h);
    h[0] = (h[0] ^ t->seed) * UINT64_C(0x9e3779b97f4a7c15);
    h[0] = (h[0] ^ h[0] >> 32 ^ h[1]) * UINT64_C(0xd6e8feb86659fd93);
    h[0] = (h[0] ^ h[0] >> 32) * UINT64_C(0xd6e8feb86659fd93);
    return h[0] ^ h[0] >> 32;
}

static size_t slot_of(const struct call_table *t, const struct table *in,
                      const struct vx_uuid *sid) {
    return (size_t)hash_of(t, sid) & (in->size - 1);
}

/* Either may be of another table than the other: what is fetched then is of no use, and is not
 * looked at. */
void vx_call_table_fetch(const struct call_table *t, const struct vx_uuid *sid) {
    uintptr_t from = atomic_load_explicit(&t->fetch_from, memory_order_relaxed);
    size_t size = atomic_load_explicit(&t->fetch_size, memory_order_relaxed);
    uintptr_t slot = (uintptr_t)hash_of(t, sid) & (size - 1);

    __builtin_prefetch((const void *)(from + slot * sizeof(struct call *)));
}

static void show_to_fetchers(struct call_table *t) {
    atomic_store_explicit(&t->fetch_from, (uintptr_t)t->now.slots, memory_order_relaxed);
    atomic_store_explicit(&t->fetch_size, t->now.size, memory_order_relaxed);
}

bool vx_call_table_init(struct call_table *t, uint64_t seed) {
    memset(t, 0, sizeof *t);
    t->seed = seed;
    t->now.slots = vx_calloc(SMALLEST, sizeof *t->now.slots);
    t->now.size = t->now.slots ? SMALLEST : 0;
    show_to_fetchers(t);
    return t->now.slots != NULL;
}

void vx_call_table_free(struct call_table *t) {
    vx_free(t->now.slots);
    vx_free(t->old.slots);
    memset(t, 0, sizeof *t);
}

static struct call *find_in(const struct call_table *t, const struct table *in,
                            const struct vx_uuid *sid) {
    struct call *c;

    if (in->size == 0)
        return NULL;
    for (c = in->slots[slot_of(t, in, sid)]; c; c = c->hash_next)
        if (vx_uuid_eq(&c->sid, sid))
            return c;
    return NULL;
}

struct call *vx_call_table_find(const struct call_table *t, const struct vx_uuid *sid) {
    struct call *c = find_in(t, &t->now, sid);

    return c ? c : find_in(t, &t->old, sid);
}

static void put(struct call_table *t, struct table *in, struct call *c) {
    size_t slot = slot_of(t, in, &c->sid);

    c->hash_next = in->slots[slot];
    in->slots[slot] = c;
    in->count++;
}

/* Calls that nobody has looked at for long: each is some hundred nanoseconds away. */
static void fetch_next(const struct call_table *t) {
    for (size_t i = t->moved; i < t->moved + SLOTS_GROWING && i < t->old.size; i++)
        __builtin_prefetch(t->old.slots[i]);
}

/* Empties a few slots of the old table. */
static void step(struct call_table *t) {
    int slots = t->old.size < t->now.size ? SLOTS_GROWING : SLOTS_OTHER;

    for (int i = 0; i < slots && t->old.size; i++) {
        struct call *c = t->old.slots[t->moved];

        while (c) {
            struct call *next = c->hash_next;

            put(t, &t->now, c);
            t->old.count--;
            c = next;
        }
        t->old.slots[t->moved++] = NULL;
        if (t->moved == t->old.size) {
            vx_free(t->old.slots);
            t->old = (struct table){0};
        }
    }
    fetch_next(t);
}

/* Without memory for it the table goes on with longer chains. */
VX_SELDOM static void resize(struct call_table *t, size_t size) {
    struct call **slots;

    if (t->old.size)
        return;
    slots = vx_calloc(size, sizeof *slots);
    if (!slots)
        return;
    t->old = t->now;
    t->moved = 0;
    t->now = (struct table){slots, size, 0};
    show_to_fetchers(t);
}

void vx_call_table_add(struct call_table *t, struct call *c) {
    put(t, &t->now, c);
    if (t->now.count > t->now.size)
        resize(t, t->now.size * 2);
    step(t);
}

static bool remove_from(struct call_table *t, struct table *in, struct call *c) {
    struct call **at;

    if (in->size == 0)
        return false;
    for (at = &in->slots[slot_of(t, in, &c->sid)]; *at; at = &(*at)->hash_next)
        if (*at == c) {
            *at = c->hash_next;
            in->count--;
            return true;
        }
    return false;
}

void vx_call_table_remove(struct call_table *t, struct call *c) {
    if (!remove_from(t, &t->now, c))
        remove_from(t, &t->old, c);
    if (t->now.size > SMALLEST && t->now.count + t->old.count < t->now.size / 8)
        resize(t, t->now.size / 4);
    step(t);
}
