#include "net/webhook_heap.h"

#include "core/alloc.h"

bool vx_due_heap_reserve(struct vx_due_heap *h, size_t count) {
    size_t room = h->room ? h->room : 16;
    struct vx_due **grown;

    if (count <= h->room)
        return true;
    while (room < count)
        room *= 2;
    grown = vx_realloc(h->at, room * sizeof(struct vx_due *));
    if (!grown)
        return false;
    h->at = grown;
    h->room = room;
    return true;
}

void vx_due_heap_free(struct vx_due_heap *h) {
    vx_free(h->at);
    *h = (struct vx_due_heap){0};
}

static void set(struct vx_due_heap *h, size_t place, struct vx_due *due) {
    h->at[place] = due;
    due->place = place;
}

static void rise(struct vx_due_heap *h, size_t place, struct vx_due *due) {
    while (place > 0 && h->at[(place - 1) / 2]->due_us > due->due_us) {
        set(h, place, h->at[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    set(h, place, due);
}

static void sink(struct vx_due_heap *h, size_t place, struct vx_due *due) {
    for (size_t child; (child = 2 * place + 1) < h->count; place = child) {
        if (child + 1 < h->count && h->at[child + 1]->due_us < h->at[child]->due_us)
            child++;
        if (h->at[child]->due_us >= due->due_us)
            break;
        set(h, place, h->at[child]);
    }
    set(h, place, due);
}

void vx_due_heap_put(struct vx_due_heap *h, struct vx_due *due) {
    rise(h, h->count++, due);
}

void vx_due_heap_take(struct vx_due_heap *h, struct vx_due *due) {
    struct vx_due *last = h->at[--h->count];
    size_t place = due->place;

    if (last == due)
        return;
    if (place > 0 && h->at[(place - 1) / 2]->due_us > last->due_us)
        rise(h, place, last);
    else
        sink(h, place, last);
}

struct vx_due *vx_due_heap_first(const struct vx_due_heap *h) {
    return h->count ? h->at[0] : NULL;
}
