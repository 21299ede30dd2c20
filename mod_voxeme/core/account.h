/*
 * Which account does a call belong to? An immutable directory built from the configuration answers
 * in the order of the README's section "Accounts"; the first match wins.
 */
#ifndef VX_ACCOUNT_H
#define VX_ACCOUNT_H

#include "core/credentials.h"
#include "core/event.h"

/* Strongest first. A stronger match seen later moves a call; a weaker or equal one never does. */
enum vx_account_rank {
    VX_RANK_VARIABLE,
    VX_RANK_HEADER,
    VX_RANK_ACCOUNTCODE,
    VX_RANK_INHERITED, /* from the parent leg; decided by the registry, not the directory */
    VX_RANK_DOMAIN,
    VX_RANK_SOURCE,
    VX_RANK_DEFAULT,
    VX_RANK_NONE
};

struct vx_directory;

/* Where phone numbers are called. */
struct vx_gateway {
    char *name, *address;               /* host[:port] */
    bool secure;                        /* sips: */
    struct vx_credentials *credentials; /* NULL: none */
};

/* Where statuses of an account's calls are told, unless a call has a place of its own, and the
 * secret that signs what is told, wherever it goes. */
struct vx_webhook_spec {
    struct vx_hook *hook; /* NULL: nowhere */
    char *secret;         /* NULL: unsigned */
};

/* What configuration says of one account. Borrowed by vx_directory_new() for the call. */
struct vx_account_spec {
    struct vx_uuid sid;
    char *name; /* may be NULL */
    char **realms;
    size_t realm_count;
    struct vx_cidr *sources;
    size_t source_count;
    struct vx_gateway *gateways; /* in the order of the file */
    size_t gateway_count;
    struct vx_uuid *applications;
    size_t application_count;
    struct vx_webhook_spec webhook;
};

struct vx_directory_spec {
    const struct vx_account_spec *accounts;
    size_t account_count;
    const struct vx_cidr *trusted;
    size_t trusted_count;
    const char *default_account; /* sid or name, or NULL */
};

/* NULL: out of memory. Names and realms are matched without regard to ASCII case. */
struct vx_directory *vx_directory_new(const struct vx_directory_spec *spec);
void vx_directory_release(struct vx_directory **directory);

struct vx_resolution {
    enum vx_account_rank rank;
    size_t account;        /* index into spec.accounts; meaningless for VX_RANK_NONE */
    bool untrusted_header; /* a header was there but its source may not choose */
    bool unknown_sid;      /* a sid was given that names no account */
};

/* The strongest match that is stronger than `than` (VX_RANK_NONE: any). Any thread, no locks, no
 * allocation. */
struct vx_resolution vx_directory_resolve(const struct vx_directory *directory,
                                          const struct vx_account_evidence *evidence,
                                          enum vx_account_rank than);

/* Whether `source` is known and inside the trusted blocks. */
bool vx_directory_trusts(const struct vx_directory *directory, const struct vx_addr *source);

/* Index by sid in text form or by name; false when there is none. */
bool vx_directory_find_name(const struct vx_directory *directory, struct vx_str text,
                            size_t *index);

/* Index by sid; false when there is none. */
bool vx_directory_find(const struct vx_directory *directory, const struct vx_uuid *sid,
                       size_t *index);

#endif
