#include "host/sip/signals.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static sigset_t our_signals(void) {
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    return set;
}

bool vx_signals_block(void) {
    sigset_t set = our_signals();
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    return sigaction(SIGPIPE, &ignore, NULL) == 0 && sigprocmask(SIG_BLOCK, &set, NULL) == 0;
}

static int on_signal(su_root_magic_t *magic, su_wait_t *wait, su_wakeup_arg_t *arg) {
    struct vx_signals *signals = arg;
    struct signalfd_siginfo info;

    (void)magic;
    (void)wait;
    while (read(signals->fd, &info, sizeof info) == (ssize_t)sizeof info)
        if (info.ssi_signo == SIGHUP)
            signals->reload(signals->ctx);
        else
            signals->stop(signals->ctx);
    return 0;
}

bool vx_signals_watch(struct vx_signals *signals) {
    sigset_t set = our_signals();
    su_wait_t wait[1] = {SU_WAIT_INIT};

    signals->registered = -1;
    signals->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals->fd >= 0 && su_wait_create(wait, signals->fd, SU_WAIT_IN) == 0)
        signals->registered = su_root_register(signals->root, wait, on_signal, signals, 0);
    if (signals->registered >= 0)
        return true;
    if (signals->fd >= 0)
        close(signals->fd);
    signals->fd = -1;
    return false;
}

void vx_signals_unwatch(struct vx_signals *signals) {
    if (signals->registered > 0)
        su_root_deregister(signals->root, signals->registered);
    if (signals->fd >= 0)
        close(signals->fd);
    signals->registered = signals->fd = -1;
}
