#include "core/stock.h"

#include "core/alloc.h"

#include <pthread.h>
#include <stdatomic.h>

#define GRAIN      16   /* of malloc()'s sizes, see vx_alloc_cost() */
#define SHELVES    33   /* blocks of up to 512 bytes of the heap */
#define MOST       2048 /* blocks of a size */
#define FEWEST     32
#define DEMAND     8 /* times that a size is asked for in a second before it gets a shelf */
#define MOST_BYTES ((size_t)2 << 20) /* in all, but for the fewest of each size */
#define BATCH      16
#define LINE       64

#if defined(__SANITIZE_ADDRESS__)
#define RECYCLES 0 /* what is used after it was freed is to be found */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RECYCLES 0
#endif
#endif
#ifndef RECYCLES
#define RECYCLES 1
#endif

struct shelf {
    _Alignas(LINE) atomic_bool busy; /* somebody is at it: guards the rest */
    uint32_t least;                  /* in this second it had no fewer than so many, */
    uint32_t missed;                 /* and was found empty so often */
    uint32_t count, wanted;
    uint64_t missed_ever;
};

static struct shelf shelves[SHELVES];
static void *room[SHELVES][MOST]; /* the block that was given last is the first that is taken */
static atomic_bool low;
static atomic_uint keepers;
static pthread_mutex_t filling = PTHREAD_MUTEX_INITIALIZER; /* never waited for but at the end */

static void **blocks_of(const struct shelf *s) {
    return room[s - shelves];
}

static size_t bytes_of(const struct shelf *s) {
    return (size_t)(s - shelves) * GRAIN;
}

static struct shelf *shelf_of(size_t size) {
    size_t place = vx_alloc_cost(size) / GRAIN;

    return place < SHELVES && atomic_load_explicit(&keepers, memory_order_relaxed) ? &shelves[place]
                                                                                   : NULL;
}

static bool enter(struct shelf *s) {
    return !atomic_exchange_explicit(&s->busy, true, memory_order_acquire);
}

static void leave(struct shelf *s) {
    atomic_store_explicit(&s->busy, false, memory_order_release);
}

/* The next one is written to from its start to its end, by an event to come. */
static void warm(const struct shelf *s) {
    const char *next = s->count ? blocks_of(s)[s->count - 1] : NULL;

    for (size_t i = 0; next && i < bytes_of(s); i += LINE)
        __builtin_prefetch(next + i, 1);
}

/* A size that is asked for now and then has no shelf: to wake somebody for it takes longer. */
static bool is_low(const struct shelf *s) {
    return s->wanted ? s->count <= s->wanted / 2 : s->missed >= DEMAND;
}

static void *pop(struct shelf *s) {
    void *block = NULL;

    if (!enter(s))
        return NULL;
    if (s->count) {
        block = blocks_of(s)[--s->count];
        if (s->count < s->least)
            s->least = s->count;
        warm(s);
    } else {
        s->missed++;
        s->missed_ever++;
    }
    if (is_low(s) && !atomic_load_explicit(&low, memory_order_relaxed))
        atomic_store(&low, true);
    leave(s);
    return block;
}

static bool push(struct shelf *s, void *block) {
    bool fits;

    if (!RECYCLES || !enter(s))
        return false;
    fits = s->count < s->wanted;
    if (fits)
        blocks_of(s)[s->count++] = block;
    leave(s);
    return fits;
}

/* A block serves any size of its shelf, whoever made it: it has to be asked for with the largest,
 * since not every malloc() deals out as much as glibc's does. Also while there is no stock: it may
 * be given when there is one. */
static size_t whole(size_t size) {
    return vx_alloc_size(vx_alloc_cost(size));
}

void *vx_stock_take(size_t size) {
    struct shelf *s = shelf_of(size);
    void *block = s ? pop(s) : NULL;

    if (!block)
        return vx_malloc(whole(size));
    if (!vx_alloc_denied())
        return block;
    vx_stock_give(block, size);
    return NULL;
}

void vx_stock_give(void *p, size_t size) {
    struct shelf *s = p ? shelf_of(size) : NULL;

    if (!s || !push(s, p))
        vx_free(p);
}

/* --- whoever fills it --- */

/* A thread is at a shelf for some ten instructions, unless it loses its core there. */
static bool enter_soon(struct shelf *s) {
    for (int i = 0; i < 1000; i++)
        if (enter(s))
            return true;
    return false;
}

static size_t bytes_wanted(void) {
    size_t bytes = 0;

    for (struct shelf *s = shelves; s < shelves + SHELVES; s++)
        bytes += s->wanted * bytes_of(s);
    return bytes;
}

static void want_more(struct shelf *s) {
    uint32_t more = s->wanted ? 2 * s->wanted : FEWEST;

    if (more <= FEWEST ||
        (more <= MOST && bytes_wanted() + (more - s->wanted) * bytes_of(s) <= MOST_BYTES))
        s->wanted = more;
}

static void want_less(struct shelf *s) {
    s->wanted -= s->wanted / 4;
    if (s->wanted < FEWEST)
        s->wanted = s->least < s->count ? FEWEST : 0;
}

/* How many blocks are missing, or too many. */
static long look(struct shelf *s, bool second) {
    long missing;

    if (!enter_soon(s))
        return 0; /* next time */
    if (is_low(s))
        want_more(s);
    else if (second && s->least > s->wanted / 4 * 3)
        want_less(s);
    missing = (long)s->wanted - (long)s->count;
    if (second) {
        s->least = s->count;
        s->missed = 0;
    }
    leave(s);
    return missing;
}

/* Returns how many of them fit. */
static size_t put(struct shelf *s, void **blocks, size_t count) {
    size_t done = 0;

    if (!enter_soon(s))
        return 0;
    while (done < count && s->count < s->wanted)
        blocks_of(s)[s->count++] = blocks[done++];
    leave(s);
    return done;
}

/* False: memory is short, or the shelf is full. */
static bool add(struct shelf *s, size_t count) {
    void *blocks[BATCH];
    size_t made = 0, done;

    while (made < count && (blocks[made] = vx_malloc(vx_alloc_size(bytes_of(s)))))
        *(volatile char *)blocks[made++] = 0; /* its page is there from now on */
    done = put(s, blocks, made);
    for (size_t i = done; i < made; i++)
        vx_free(blocks[i]);
    return done == count;
}

static size_t pick(struct shelf *s, void **blocks, size_t count) {
    size_t done = 0;

    if (!enter_soon(s))
        return 0;
    while (done < count && s->count > s->wanted)
        blocks[done++] = blocks_of(s)[--s->count];
    if (s->count < s->least)
        s->least = s->count;
    leave(s);
    return done;
}

static void drop(struct shelf *s) {
    void *blocks[BATCH];
    size_t count;

    while ((count = pick(s, blocks, BATCH)) > 0)
        for (size_t i = 0; i < count; i++)
            vx_free(blocks[i]);
}

static void fill(struct shelf *s, bool second) {
    long missing = look(s, second);

    for (; missing > 0; missing -= BATCH)
        if (!add(s, missing < BATCH ? (size_t)missing : BATCH))
            return;
    if (second)
        drop(s);
}

void vx_stock_fill(bool second) {
    if (pthread_mutex_trylock(&filling))
        return;
    atomic_store(&low, false);
    for (struct shelf *s = shelves; s < shelves + SHELVES; s++)
        fill(s, second);
    pthread_mutex_unlock(&filling);
}

bool vx_stock_is_low(void) {
    return atomic_load_explicit(&low, memory_order_relaxed);
}

void vx_stock_open(void) {
    atomic_fetch_add(&keepers, 1);
}

static void clear(struct shelf *s) {
    while (!enter(s)) /* nobody stays there */
        sched_yield();
    s->wanted = 0;
    s->missed = 0;
    leave(s);
    drop(s);
}

void vx_stock_close(void) {
    if (atomic_fetch_sub(&keepers, 1) != 1)
        return;
    pthread_mutex_lock(&filling);
    for (struct shelf *s = shelves; s < shelves + SHELVES; s++)
        clear(s);
    pthread_mutex_unlock(&filling);
}

static void add_up(struct shelf *s, struct vx_stock_stats *out) {
    if (!enter_soon(s))
        return;
    out->bytes += s->count * bytes_of(s);
    out->missed += s->missed_ever;
    leave(s);
}

void vx_stock_stats(struct vx_stock_stats *out) {
    *out = (struct vx_stock_stats){0};
    for (struct shelf *s = shelves; s < shelves + SHELVES; s++)
        add_up(s, out);
}
