/* A registry of its own for each test of the file that includes this. */
#ifndef VX_TEST_WORLD_H
#define VX_TEST_WORLD_H

#include "support.h"

static struct vx_test_world w;

static inline int open_world(void **state) {
    (void)state;
    vx_test_world_open(&w, NULL);
    return 0;
}

static inline int close_world(void **state) {
    (void)state;
    vx_test_world_close(&w);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

static inline enum vx_applied apply(const struct vx_event *event) {
    return vx_registry_apply(w.registry, event);
}

#endif
