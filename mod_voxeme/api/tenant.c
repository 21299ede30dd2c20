#include "api/api_private.h"
#include "core/alloc.h"

/* A view that nobody has asked for goes; one of which nobody waits for changes wakes nobody. Longer
 * than the longest `wait`: a held request relies on its view's feed. */
#define VIEW_IDLE_US (90 * VX_SECOND_US)

/* Clients who follow in step are sent the same message as long as it is news: that is so long, or
 * so many times what making it took. What happens meanwhile is in the next one, and whoever has not
 * been sent this one yet is sent both as one. */
#define RENEW_US    1000
#define RENEW_SHARE 16

static void drop_made(struct tenant *t) {
    for (size_t i = 0; i < MADE && t->has_made; i++)
        vx_body_retire(&t->made[i].body);
    t->has_made = false;
}

struct tenant *vx_tenant_new(struct vx_scope *scope, struct leavers *leavers,
                             struct vx_key_totals *totals) {
    struct tenant *t = vx_calloc(1, sizeof *t);

    if (!t)
        return NULL;
    atomic_init(&t->refs, 1);
    pthread_mutex_init(&t->lock, NULL);
    t->scope = vx_scope_ref(scope);
    t->leavers = leavers;
    t->pot = vx_pot_new();
    t->keys = vx_keys_new(totals);
    if (!t->pot || !t->keys)
        vx_tenant_release(&t);
    return t;
}

struct tenant *vx_tenant_ref(struct tenant *t) {
    atomic_fetch_add(&t->refs, 1);
    return t;
}

static void destroy(struct tenant *t) {
    vx_pot_release(&t->pot);
    vx_keys_release(&t->keys);
    vx_scope_release(&t->scope);
    pthread_mutex_destroy(&t->lock);
    vx_free(t);
}

static void push_leaver(struct leavers *leavers, struct tenant *t) {
    pthread_mutex_lock(&leavers->lock);
    t->next_leaver = leavers->first;
    leavers->first = t;
    pthread_mutex_unlock(&leavers->lock);
}

static struct tenant *pop_leaver(struct leavers *leavers) {
    struct tenant *t;

    pthread_mutex_lock(&leavers->lock);
    t = leavers->first;
    if (t)
        leavers->first = t->next_leaver;
    pthread_mutex_unlock(&leavers->lock);
    return t;
}

void vx_tenant_release(struct tenant **tenant) {
    struct tenant *t = *tenant;

    *tenant = NULL;
    if (!t || atomic_fetch_sub(&t->refs, 1) != 1)
        return;
    if (t->view || t->dying)
        push_leaver(t->leavers, t);
    else
        destroy(t);
}

/* True: nothing is left. */
static bool let_go(struct vx_view **view) {
    if (*view && !vx_view_drain(*view))
        return false;
    vx_view_release(view);
    return true;
}

bool vx_leavers_tick(struct leavers *leavers) {
    struct tenant *t = pop_leaver(leavers);

    if (!t)
        return false;
    drop_made(t);
    if (let_go(&t->dying) && let_go(&t->view))
        destroy(t);
    else
        push_leaver(leavers, t);
    return true;
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

static void set_quiet(struct tenant *t, bool quiet) {
    if (t->quiet != quiet)
        vx_view_set_quiet(t->view, quiet);
    t->quiet = quiet;
}

static bool have_view(struct tenant *t, const struct vx_clock *clock) {
    t->view_used_us = vx_mono_us(clock);
    if (t->view)
        return true;
    t->view = vx_view_new(t->scope, t->pot);
    t->quiet = false; /* as a view is at first */
    if (t->view)
        set_quiet(t, !t->subs);
    return t->view != NULL;
}

/* With the tenant locked, which it leaves when this is not done. */
static enum vx_turn sync_view(struct tenant *t, struct vx_view **view) {
    enum vx_turn turn = vx_view_sync(t->view);

    t->settled = turn == VX_TURN_DONE;
    t->renew_us = t->view_used_us + RENEW_US;
    if (t->made_revision != vx_view_revision(t->view))
        drop_made(t); /* else it would hold the segments of a list that has changed */
    if (t->settled)
        *view = t->view;
    else
        pthread_mutex_unlock(&t->lock);
    return turn;
}

enum vx_turn vx_tenant_view(struct tenant *t, const struct vx_clock *clock, struct vx_view **view) {
    pthread_mutex_lock(&t->lock);
    if (have_view(t, clock))
        return sync_view(t, view);
    pthread_mutex_unlock(&t->lock);
    return VX_TURN_NO_MEMORY;
}

static bool is_to_be_renewed(const struct tenant *t) {
    return t->view_used_us >= t->renew_us &&
           vx_scope_revision(t->scope) != vx_view_revision(t->view);
}

enum vx_turn vx_tenant_view_beyond(struct tenant *t, const struct vx_clock *clock, uint64_t since,
                                   struct vx_view **view) {
    pthread_mutex_lock(&t->lock);
    if (!have_view(t, clock)) {
        pthread_mutex_unlock(&t->lock);
        return VX_TURN_NO_MEMORY;
    }
    if (!t->settled || vx_view_revision(t->view) <= since || is_to_be_renewed(t))
        return sync_view(t, view);
    *view = t->view;
    return VX_TURN_DONE;
}

void vx_tenant_took(struct tenant *t, const struct vx_clock *clock, int64_t us) {
    int64_t next = vx_mono_us(clock) + RENEW_SHARE * us;

    pthread_mutex_lock(&t->lock);
    if (next > t->renew_us)
        t->renew_us = next;
    pthread_mutex_unlock(&t->lock);
}

struct vx_body *vx_tenant_made(struct tenant *t, enum made_kind kind, uint64_t since) {
    for (size_t i = 0; i < MADE; i++)
        if (t->made[i].body && t->made[i].kind == kind && t->made[i].since == since)
            return vx_body_ref(t->made[i].body);
    return NULL;
}

void vx_tenant_keep(struct tenant *t, enum made_kind kind, uint64_t since, struct vx_body *body) {
    struct made *m = &t->made[t->next_made++ % MADE];

    t->made_revision = vx_view_revision(t->view);
    t->has_made = true;
    vx_body_retire(&m->body);
    *m = (struct made){kind, since, vx_body_ref(body)};
}

bool vx_tenant_join(struct tenant *t, bool own, unsigned most) {
    bool fits;

    pthread_mutex_lock(&t->lock);
    fits = !own || t->own_subs < most;
    if (fits) {
        t->subs++;
        t->own_subs += own;
    }
    pthread_mutex_unlock(&t->lock);
    return fits;
}

void vx_tenant_leave(struct tenant *t, bool own) {
    pthread_mutex_lock(&t->lock);
    t->subs--;
    t->own_subs -= own;
    pthread_mutex_unlock(&t->lock);
}

bool vx_tenant_follow(struct tenant *t, const struct vx_clock *clock) {
    bool ok;

    pthread_mutex_lock(&t->lock);
    ok = have_view(t, clock);
    t->followed_us = t->view_used_us;
    if (ok)
        set_quiet(t, false);
    pthread_mutex_unlock(&t->lock);
    return ok;
}

void vx_tenant_unlock(struct tenant *t) {
    pthread_mutex_unlock(&t->lock);
}

bool vx_tenant_tick(struct tenant *t, const struct vx_config *config, int64_t now_us) {
    bool more;

    pthread_mutex_lock(&t->lock);
    if (t->view && !t->subs && !t->dying && now_us - t->view_used_us > VIEW_IDLE_US) {
        drop_made(t);
        t->dying = t->view;
        t->view = NULL;
        t->settled = false;
    }
    if (t->view)
        vx_view_tick(t->view, now_us, VIEW_IDLE_US);
    if (t->view && !t->subs && now_us - t->followed_us > VIEW_IDLE_US)
        set_quiet(t, true);
    more = !let_go(&t->dying);
    pthread_mutex_unlock(&t->lock);
    return vx_keys_tick(t->keys, config, now_us) || more;
}
