/*
 * What the unit tests share: a clock driven by hand, configurations from a few words, a registry
 * with two accounts, and reruns of a scenario with every allocation failing once.
 */
#ifndef VX_TEST_SUPPORT_H
#define VX_TEST_SUPPORT_H

#include "config.h" /* first: it asks for GNU extensions */

/* cmocka.h needs these four, in this order, before itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/alloc.h"
#include "core/config_reader.h"
#include "core/feed.h"
#include "core/registry.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define ALPHA_SID "5f8e8f60-4771-44cb-92a6-94ea66df0450"
#define BETA_SID  "b7e1f3a0-0d4f-4a57-9c0b-1c2d3e4f5a6b"
#define NOBODY    "00000000-dead-4bad-8bad-000000000000"
#define APP_SID   "9984fdc5-89ec-4ffe-9cee-880255a46253"

/* SHA-256 of "alpha-token" and so on, from sha256sum. */
#define ALPHA_SHA "a336d9b1d8b8647875238537ca5087b0ea335afd2032936aecdffc3e4b13f720"
#define BETA_SHA  "863d63c0bd3a94bfca84ed2063a7355a226faff82ca50b90158bf183aa1a9e61"
#define GAMMA_SHA "6be6ba7a6ef7e0422d11aaf33cf3e9290ff8186e391f846c1cf23fe7594a9b19"
#define ADMIN_SHA "10a4c7c9fc5206d6f36dc6944a81bb6f4a3cb0e25014ae3b12e6c3e52712292a"

/* --- time --- */

/* 2021-05-30T12:22:24Z, the date of the contract's example. */
#define VX_TEST_WALL_US (INT64_C(1622377344) * VX_SECOND_US)

struct vx_test_time {
    struct vx_clock clock;
    _Atomic int64_t wall_us, mono_us;
};

void vx_test_time_init(struct vx_test_time *t);
/* Both clocks. Any thread. */
void vx_test_advance(struct vx_test_time *t, int64_t us);

/* --- configuration --- */

/* Reads `xml` (elements, attributes and comments; no entities, no text) with a reader of its own,
 * so that core is tested without an XML library. NULL on an error, which is copied to error[]. */
struct vx_config *vx_test_read(const char *xml, const struct vx_config_section *section,
                               char *error, size_t size);

/* Accounts alpha and beta, one token each ("alpha-token", "beta-token") and "admin-token".
 * `settings` is "name=value;name=value" or NULL. NULL only when memory is short. */
struct vx_config *vx_test_config(const char *settings);

/* --- a registry --- */

struct vx_test_world {
    struct vx_test_time time;
    struct vx_config *config;
    struct vx_registry *registry;
    struct vx_scope *alpha, *beta, *all;
};

void vx_test_world_open(struct vx_test_world *w, const char *settings);
/* Also fails the test when a scope's counts or lists do not add up. */
void vx_test_world_close(struct vx_test_world *w);

struct vx_uuid vx_test_uuid(const char *text);
struct vx_uuid vx_test_sid(unsigned n);

/* An inbound call number n of account alpha, told by the channel variable. Times are left to the
 * registry. */
struct vx_event vx_test_event(enum vx_event_type type, unsigned n);
/* The same for a call of `account` (sid text that outlives the event; NULL: no evidence at all). */
struct vx_event vx_test_event_of(const char *account, enum vx_event_type type, unsigned n);
enum vx_applied vx_test_apply(struct vx_test_world *w, enum vx_event_type type, unsigned n);

/* The JSON of a call; {NULL, 0} when memory is short. It lasts until the thread asks again. */
struct vx_str vx_test_json(struct vx_snapshot *call);

/* Fails the test unless the scope has call n with that status. */
void vx_test_expect(struct vx_scope *scope, unsigned n, enum vx_call_status status,
                    unsigned sip_status);
bool vx_test_has(struct vx_scope *scope, unsigned n);
/* How many calls a fresh feed of the scope brings. */
size_t vx_test_count(struct vx_scope *scope);
uint64_t vx_test_calls(struct vx_test_world *w);

/* Whether the bytes, which need not be terminated, contain the text. */
bool vx_test_contains(struct vx_str bytes, const char *text);

/* --- log --- */

/* Log lines go here instead of stderr; the last line is kept, of which the caller gets a copy. */
void vx_test_capture_log(void);
const char *vx_test_log_text(void);

/* --- random --- */

struct vx_test_random {
    uint64_t state;
};

/* Seeded from VX_TEST_SEED when that is set, else from the time; prints the seed. */
struct vx_test_random vx_test_random_start(const char *what);
uint32_t vx_test_random(struct vx_test_random *r, uint32_t below);

/* --- allocation failures --- */

/*
 * Runs the scenario again and again; in the n-th run the n-th allocation between vx_test_arm() and
 * vx_test_disarm() fails. Ends after a run in which none was left to fail. In builds without
 * sanitizers a second round does the same to malloc() itself, so that the allocations of json-c and
 * libcrypto fail as well; `core_only` leaves that round out.
 */
void vx_test_every_allocation_fails(void (*scenario)(void *ctx), void *ctx, bool core_only);
void vx_test_arm(void);
/* Whether an allocation of this run has failed. */
bool vx_test_disarm(void);

#endif
