#include "net/timeouts.h"

void vx_wheel_start(struct vx_wheel *wheel, int64_t now_us) {
    *wheel = (struct vx_wheel){.tick = now_us / VX_WHEEL_TICK_US};
}

static void link_timer(struct vx_wheel *wheel, struct vx_timer *timer) {
    struct vx_timer **head = &wheel->slots[timer->tick % VX_WHEEL_SLOTS];

    timer->next = *head;
    timer->link = head;
    if (*head)
        (*head)->link = &timer->next;
    *head = timer;
    wheel->count++;
}

void vx_timer_clear(struct vx_wheel *wheel, struct vx_timer *timer) {
    if (!timer->link)
        return;
    *timer->link = timer->next;
    if (timer->next)
        timer->next->link = timer->link;
    timer->link = NULL;
    wheel->count--;
}

void vx_timer_set(struct vx_wheel *wheel, struct vx_timer *timer, int64_t due_us) {
    int64_t tick = due_us / VX_WHEEL_TICK_US + 1;

    if (tick <= wheel->tick)
        tick = wheel->tick + 1;
    if (timer->link && timer->tick == tick)
        return;
    vx_timer_clear(wheel, timer);
    timer->tick = tick;
    link_timer(wheel, timer);
}

struct vx_timer *vx_wheel_due(struct vx_wheel *wheel, int64_t now_us) {
    int64_t now = now_us / VX_WHEEL_TICK_US;

    if (now - wheel->tick > VX_WHEEL_SLOTS) /* every slot is looked at: more would be in vain */
        wheel->tick = now - VX_WHEEL_SLOTS;
    for (; wheel->count && wheel->tick < now; wheel->tick++) {
        struct vx_timer *t = wheel->slots[(wheel->tick + 1) % VX_WHEEL_SLOTS];

        /* Later rounds of the wheel share the slot; whoever is cleared here leaves the list. */
        while (t && t->tick > now)
            t = t->next;
        if (t) {
            vx_timer_clear(wheel, t);
            return t;
        }
    }
    if (!wheel->count)
        wheel->tick = now;
    return NULL;
}
