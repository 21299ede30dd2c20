#include "host/freeswitch/fs_mark.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <switch.h>
#include <time.h>

void vx_fs_marks_open(struct vx_fs_marks *marks) {
    pthread_condattr_t monotonic;

    *marks = (struct vx_fs_marks){.sent = 0};
    pthread_mutex_init(&marks->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&marks->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

void vx_fs_marks_close(struct vx_fs_marks *marks) {
    pthread_mutex_lock(&marks->lock);
    marks->closed = true;
    pthread_cond_broadcast(&marks->changed);
    pthread_mutex_unlock(&marks->lock);
}

void vx_fs_marks_free(struct vx_fs_marks *marks) {
    pthread_cond_destroy(&marks->changed);
    pthread_mutex_destroy(&marks->lock);
}

/* Outside of the lock: firing may wait, too. */
uint64_t vx_fs_mark_send(struct vx_fs_marks *marks) {
    switch_event_t *event;
    char text[24];
    uint64_t number;

    if (switch_event_create_subclass(&event, SWITCH_EVENT_CUSTOM, VX_FS_MARK) !=
        SWITCH_STATUS_SUCCESS)
        return 0;
    pthread_mutex_lock(&marks->lock);
    number = ++marks->sent;
    pthread_mutex_unlock(&marks->lock);
    snprintf(text, sizeof text, "%" PRIu64, number);
    switch_event_add_header_string(event, SWITCH_STACK_BOTTOM, VX_FS_MARK_NUMBER, text);
    switch_event_fire(&event);
    return number;
}

void vx_fs_mark_came(struct vx_fs_marks *marks, const char *text) {
    uint64_t number = text ? strtoull(text, NULL, 10) : 0;

    pthread_mutex_lock(&marks->lock);
    if (number > marks->seen)
        marks->seen = number;
    pthread_cond_broadcast(&marks->changed);
    pthread_mutex_unlock(&marks->lock);
}

bool vx_fs_mark_wait(struct vx_fs_marks *marks, uint64_t number, unsigned patience_s) {
    struct timespec until;
    int waited = 0;
    bool seen;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += patience_s;
    pthread_mutex_lock(&marks->lock);
    while (marks->seen < number && !marks->closed && waited != ETIMEDOUT)
        waited = pthread_cond_timedwait(&marks->changed, &marks->lock, &until);
    seen = marks->seen >= number;
    pthread_mutex_unlock(&marks->lock);
    return seen;
}
