#include "core/seen.h"

#include "core/alloc.h"

struct vx_seen_entry {
    uint64_t hash;
    size_t len;
    char kind;
    char bytes[];
};

static char folded(char c, bool fold) {
    return fold && c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* FNV-1a. Whoever writes the configuration gains nothing by collisions. */
static uint64_t hash_of(char kind, struct vx_str s, bool fold) {
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ (unsigned char)kind;

    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (unsigned char)folded(s.at[i], fold)) * UINT64_C(0x100000001b3);
    return h ^ h >> 32;
}

/* Its slot, or the empty one where it would be. The table is never full. */
static struct vx_seen_entry **slot_of(const struct vx_seen *seen, const struct vx_seen_entry *e) {
    size_t i = (size_t)e->hash & (seen->room - 1);

    for (; seen->slots[i]; i = (i + 1) & (seen->room - 1)) {
        const struct vx_seen_entry *other = seen->slots[i];

        if (other->hash == e->hash && other->kind == e->kind && other->len == e->len &&
            memcmp(other->bytes, e->bytes, e->len) == 0)
            break;
    }
    return &seen->slots[i];
}

static bool have_room(struct vx_seen *seen) {
    struct vx_seen wider = {.count = seen->count, .room = seen->room ? 2 * seen->room : 64};

    if (seen->count * 2 < seen->room)
        return true;
    wider.slots = vx_calloc(wider.room, sizeof *wider.slots);
    if (!wider.slots)
        return false;
    for (size_t i = 0; i < seen->room; i++)
        if (seen->slots[i])
            *slot_of(&wider, seen->slots[i]) = seen->slots[i];
    vx_free(seen->slots);
    *seen = wider;
    return true;
}

static enum vx_seen_result add(struct vx_seen *seen, char kind, struct vx_str s, bool fold) {
    struct vx_seen_entry *e, **slot;

    if (!have_room(seen))
        return VX_SEEN_NO_MEMORY;
    e = vx_malloc(sizeof *e + s.len);
    if (!e)
        return VX_SEEN_NO_MEMORY;
    *e = (struct vx_seen_entry){.hash = hash_of(kind, s, fold), .len = s.len, .kind = kind};
    for (size_t i = 0; i < s.len; i++)
        e->bytes[i] = folded(s.at[i], fold);
    slot = slot_of(seen, e);
    if (*slot) {
        vx_free(e);
        return VX_SEEN_AGAIN;
    }
    *slot = e;
    seen->count++;
    return VX_SEEN_NEW;
}

enum vx_seen_result vx_seen_add(struct vx_seen *seen, char kind, struct vx_str bytes) {
    return add(seen, kind, bytes, false);
}

enum vx_seen_result vx_seen_add_folded(struct vx_seen *seen, char kind, struct vx_str text) {
    return add(seen, kind, text, true);
}

void vx_seen_clear(struct vx_seen *seen) {
    for (size_t i = 0; i < seen->room; i++)
        vx_free(seen->slots[i]);
    vx_free(seen->slots);
    *seen = (struct vx_seen){0};
}
