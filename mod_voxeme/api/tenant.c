#include "api/api_private.h"
#include "core/alloc.h"

/* A view that nobody has asked for goes. Longer than the longest `wait`: a held request relies on
 * its view's feed. */
#define VIEW_IDLE_US (90 * VX_SECOND_US)

struct tenant *vx_tenant_new(struct vx_scope *scope) {
    struct tenant *t = vx_calloc(1, sizeof *t);

    if (!t)
        return NULL;
    atomic_init(&t->refs, 1);
    pthread_mutex_init(&t->lock, NULL);
    t->scope = vx_scope_ref(scope);
    return t;
}

struct tenant *vx_tenant_ref(struct tenant *t) {
    atomic_fetch_add(&t->refs, 1);
    return t;
}

void vx_tenant_release(struct tenant **tenant) {
    struct tenant *t = *tenant;

    *tenant = NULL;
    if (!t || atomic_fetch_sub(&t->refs, 1) != 1)
        return;
    vx_view_release(&t->view);
    vx_scope_release(&t->scope);
    pthread_mutex_destroy(&t->lock);
    vx_free(t);
}

static unsigned seconds_left(struct window *w, int64_t limit, int64_t length_us, int64_t now_us) {
    if (limit == 0)
        return 0;
    if (w->count == 0 || now_us - w->start_us >= length_us)
        *w = (struct window){now_us, 0};
    if (w->count < limit)
        return 0;
    return (unsigned)((w->start_us + length_us - now_us + VX_SECOND_US - 1) / VX_SECOND_US);
}

unsigned vx_tenant_count_request(struct tenant *t, const struct state *s, int64_t now_us) {
    int64_t per_minute = vx_config_int(s->config, VX_SET_RATE_LIMIT_PER_MINUTE);
    int64_t per_hour = vx_config_int(s->config, VX_SET_RATE_LIMIT_PER_HOUR);
    unsigned minute, hour;

    pthread_mutex_lock(&t->lock);
    minute = seconds_left(&t->minute, per_minute, 60 * VX_SECOND_US, now_us);
    hour = seconds_left(&t->hour, per_hour, 3600 * VX_SECOND_US, now_us);
    if (!minute && !hour) {
        t->minute.count++;
        t->hour.count++;
    }
    pthread_mutex_unlock(&t->lock);
    return minute > hour ? minute : hour;
}

static bool have_view(struct tenant *t, const struct vx_clock *clock) {
    if (!t->view)
        t->view = vx_view_new(t->scope);
    t->view_used_us = vx_mono_us(clock);
    return t->view != NULL;
}

struct vx_view *vx_tenant_view(struct tenant *t, const struct vx_clock *clock) {
    pthread_mutex_lock(&t->lock);
    if (have_view(t, clock) && vx_view_sync(t->view))
        return t->view;
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

bool vx_tenant_follow(struct tenant *t, const struct vx_clock *clock) {
    bool ok;

    pthread_mutex_lock(&t->lock);
    ok = have_view(t, clock);
    pthread_mutex_unlock(&t->lock);
    return ok;
}

void vx_tenant_unlock(struct tenant *t) {
    pthread_mutex_unlock(&t->lock);
}

void vx_tenant_tick(struct tenant *t, int64_t now_us) {
    pthread_mutex_lock(&t->lock);
    if (t->view && now_us - t->view_used_us > VIEW_IDLE_US)
        vx_view_release(&t->view);
    pthread_mutex_unlock(&t->lock);
}
