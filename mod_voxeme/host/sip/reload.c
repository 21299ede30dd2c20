#include "host/sip/reload.h"

#include "core/log.h"
#include "host/sip/log_sink.h"

#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

static bool same(const struct vx_setting *s, size_t id, const struct vx_values *a,
                 const struct vx_values *b) {
    const struct vx_cidr *cidrs_a, *cidrs_b;
    size_t count_a, count_b;

    switch (s->type) {
    case VX_INT:
    case VX_LEVEL:
        return vx_values_int(a, id) == vx_values_int(b, id);
    case VX_BOOL:
        return vx_values_bool(a, id) == vx_values_bool(b, id);
    case VX_CIDRS:
        cidrs_a = vx_values_cidrs(a, id, &count_a);
        cidrs_b = vx_values_cidrs(b, id, &count_b);
        return count_a == count_b &&
               (count_a == 0 || memcmp(cidrs_a, cidrs_b, count_a * sizeof *cidrs_a) == 0);
    case VX_TEXT:
    case VX_HOST_PORT:
    case VX_URL:
    case VX_ORIGIN:
        break;
    }
    return vx_str_eq(vx_str(vx_values_text(a, id)), vx_str(vx_values_text(b, id)));
}

static void name_restarts(const struct vx_setting *table, size_t count, const struct vx_values *old,
                          const struct vx_values *new) {
    for (size_t i = 0; i < count; i++)
        if (!table[i].reload && !same(&table[i], i, old, new))
            vx_log(VX_LOG_NOTICE, "reload: %s has changed and needs a restart", table[i].name);
}

/* --- the thread --- */

/* The registry first: the api serves accounts that the registry must know. */
static bool take_up(struct vx_reloader *reloader) {
    struct vx_running *r = reloader->running;

    if (vx_registry_configure(r->registry, reloader->loaded.config) &&
        vx_api_configure(r->api, reloader->loaded.config))
        return true;
    vx_registry_configure(r->registry, r->loaded.config);
    snprintf(reloader->error, sizeof reloader->error, "out of memory");
    vx_loaded_clear(&reloader->loaded);
    return false;
}

static void *read_anew(void *ctx) {
    struct vx_reloader *reloader = ctx;
    uint64_t one = 1;

    if (vx_config_load(&reloader->loaded, reloader->running->file, reloader->error,
                       sizeof reloader->error))
        take_up(reloader);
    /* An eventfd that holds 0 takes it always. */
    return write(reloader->fd, &one, sizeof one) < 0 ? ctx : NULL;
}

/* --- the SIP thread --- */

static void finish(struct vx_reloader *reloader) {
    struct vx_running *r = reloader->running;
    struct vx_loaded *new = &reloader->loaded;

    vx_sip_configure(r->sip, new->config, new->switch_config);
    vx_log_sink_level((enum vx_log_level)vx_config_int(new->config, VX_SET_LOG_LEVEL));
    name_restarts(vx_settings, VX_SET_COUNT, r->started, vx_config_values(new->config));
    name_restarts(vx_switch_settings, VX_SW_COUNT, r->switch_started,
                  vx_switch_values(new->switch_config));
    vx_loaded_clear(&r->loaded);
    r->loaded = *new;
    *new = (struct vx_loaded){0};
    vx_webhooks_configure(r->webhooks, r->loaded.config);
    /* Last: the network thread then holds the last reference to the old configuration, and it is
     * there that thousands of accounts are freed. */
    vx_server_configure(r->server, r->loaded.config);
    vx_log(VX_LOG_NOTICE, "reloaded %s", r->file);
}

static int on_read(su_root_magic_t *magic, su_wait_t *wait, su_wakeup_arg_t *arg) {
    struct vx_reloader *reloader = arg;
    uint64_t count;

    (void)magic;
    (void)wait;
    if (read(reloader->fd, &count, sizeof count) < 0 || !reloader->busy)
        return 0;
    pthread_join(reloader->thread, NULL);
    reloader->busy = false;
    if (reloader->error[0])
        vx_log(VX_LOG_ERROR, "reload refused: %s", reloader->error);
    else
        finish(reloader);
    if (reloader->again)
        vx_reload(reloader);
    return 0;
}

bool vx_reloader_open(struct vx_reloader *reloader, struct vx_running *running, su_root_t *root) {
    su_wait_t wait[1] = {SU_WAIT_INIT};

    *reloader = (struct vx_reloader){.running = running, .root = root, .registered = -1};
    reloader->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (reloader->fd >= 0 && su_wait_create(wait, reloader->fd, SU_WAIT_IN) == 0)
        reloader->registered = su_root_register(root, wait, on_read, reloader, 0);
    if (reloader->registered >= 0)
        return true;
    vx_reloader_close(reloader);
    return false;
}

void vx_reload(struct vx_reloader *reloader) {
    int why;

    reloader->again = reloader->busy;
    if (reloader->busy)
        return;
    reloader->error[0] = '\0';
    why = pthread_create(&reloader->thread, NULL, read_anew, reloader);
    reloader->busy = why == 0;
    if (why)
        vx_log(VX_LOG_ERROR, "reload refused: %s", strerror(why));
}

void vx_reloader_close(struct vx_reloader *reloader) {
    if (reloader->busy)
        pthread_join(reloader->thread, NULL);
    reloader->busy = false;
    if (reloader->registered > 0)
        su_root_deregister(reloader->root, reloader->registered);
    if (reloader->fd >= 0)
        close(reloader->fd);
    reloader->registered = reloader->fd = -1;
    vx_loaded_clear(&reloader->loaded);
}
