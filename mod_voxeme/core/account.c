#include "core/account.h"

#include "core/alloc.h"

#include <stdlib.h>

/* One way to name an account: by sid in text form, name or realm, lower case, in one array sorted
 * for bisection. */
struct key {
    char *text;
    uint32_t account;
};

struct keys {
    struct key *at;
    size_t count;
};

struct block {
    struct vx_cidr cidr;
    uint32_t account;
};

struct sid {
    struct vx_uuid sid;
    uint32_t account;
};

struct vx_directory {
    struct sid *sids; /* sorted */
    size_t sid_count;
    struct keys names;    /* sids and names */
    struct keys realms;   /* realms */
    struct block *blocks; /* longest prefix first, then by address */
    size_t block_count;
    struct vx_cidr *trusted;
    size_t trusted_count;
    size_t default_account; /* SIZE_MAX: none */
};

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static int compare(const char *key, struct vx_str s) {
    for (size_t i = 0; i < s.len; i++) {
        int d = (unsigned char)key[i] - (unsigned char)lower(s.at[i]);

        if (d || !key[i]) /* a NUL inside s must not run past the key's end */
            return d ? d : -1;
    }
    return key[s.len] ? 1 : 0;
}

static bool keys_find(const struct keys *keys, struct vx_str s, size_t *account) {
    size_t low = 0, high = keys->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int d = compare(keys->at[middle].text, s);

        if (d == 0) {
            *account = keys->at[middle].account;
            return true;
        }
        if (d < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static bool keys_add(struct keys *keys, const char *text, size_t account) {
    char *copy = vx_strdup(text);

    if (!copy)
        return false;
    for (char *p = copy; *p; p++)
        *p = lower(*p);
    keys->at[keys->count++] = (struct key){copy, (uint32_t)account};
    return true;
}

static int key_order(const void *a, const void *b) {
    const struct key *x = a, *y = b;
    return strcmp(x->text, y->text);
}

static int block_compare(const struct vx_cidr *a, const struct vx_cidr *b) {
    if (a->bits != b->bits)
        return a->bits > b->bits ? -1 : 1;
    return memcmp(a->net.b, b->net.b, sizeof a->net.b);
}

static int block_order(const void *a, const void *b) {
    const struct block *x = a, *y = b;

    return block_compare(&x->cidr, &y->cidr);
}

static void keys_free(struct keys *keys) {
    for (size_t i = 0; i < keys->count; i++)
        vx_free(keys->at[i].text);
    vx_free(keys->at);
}

void vx_directory_release(struct vx_directory **directory) {
    struct vx_directory *d = *directory;

    *directory = NULL;
    if (!d)
        return;
    vx_free(d->sids);
    keys_free(&d->names);
    keys_free(&d->realms);
    vx_free(d->blocks);
    vx_free(d->trusted);
    vx_free(d);
}

static bool reserve(struct vx_directory *d, const struct vx_directory_spec *spec) {
    size_t realms = 0, blocks = 0;

    for (size_t i = 0; i < spec->account_count; i++) {
        realms += spec->accounts[i].realm_count;
        blocks += spec->accounts[i].source_count;
    }
    d->sids = vx_calloc(spec->account_count, sizeof *d->sids);
    d->names.at = vx_calloc(2 * spec->account_count, sizeof *d->names.at);
    d->realms.at = vx_calloc(realms, sizeof *d->realms.at);
    d->blocks = vx_calloc(blocks, sizeof *d->blocks);
    d->trusted = vx_calloc(spec->trusted_count, sizeof *d->trusted);
    return d->sids && d->names.at && d->realms.at && d->blocks && d->trusted;
}

static bool fill_account(struct vx_directory *d, const struct vx_account_spec *a, size_t index) {
    char sid[VX_UUID_TEXT + 1];

    d->sids[d->sid_count++] = (struct sid){a->sid, (uint32_t)index};
    vx_uuid_format(sid, &a->sid);
    if (!keys_add(&d->names, sid, index) || (a->name && !keys_add(&d->names, a->name, index)))
        return false;
    for (size_t i = 0; i < a->realm_count; i++)
        if (!keys_add(&d->realms, a->realms[i], index))
            return false;
    for (size_t i = 0; i < a->source_count; i++)
        d->blocks[d->block_count++] = (struct block){a->sources[i], (uint32_t)index};
    return true;
}

static int sid_order(const void *a, const void *b) {
    const struct sid *x = a, *y = b;

    return memcmp(x->sid.b, y->sid.b, sizeof x->sid.b);
}

static void sort(struct vx_directory *d) {
    if (d->sid_count)
        qsort(d->sids, d->sid_count, sizeof *d->sids, sid_order);
    if (d->names.count)
        qsort(d->names.at, d->names.count, sizeof *d->names.at, key_order);
    if (d->realms.count)
        qsort(d->realms.at, d->realms.count, sizeof *d->realms.at, key_order);
    if (d->block_count)
        qsort(d->blocks, d->block_count, sizeof *d->blocks, block_order);
}

struct vx_directory *vx_directory_new(const struct vx_directory_spec *spec) {
    struct vx_directory *d = vx_calloc(1, sizeof *d);

    if (!d)
        return NULL;
    if (!reserve(d, spec)) {
        vx_directory_release(&d);
        return NULL;
    }
    for (size_t i = 0; i < spec->account_count; i++)
        if (!fill_account(d, &spec->accounts[i], i)) {
            vx_directory_release(&d);
            return NULL;
        }
    if (spec->trusted_count)
        memcpy(d->trusted, spec->trusted, spec->trusted_count * sizeof *d->trusted);
    d->trusted_count = spec->trusted_count;
    sort(d);
    d->default_account = SIZE_MAX;
    if (spec->default_account && *spec->default_account)
        keys_find(&d->names, vx_str(spec->default_account), &d->default_account);
    return d;
}

bool vx_directory_trusts(const struct vx_directory *d, const struct vx_addr *source) {
    if (!vx_addr_is_known(source))
        return false;
    for (size_t i = 0; i < d->trusted_count; i++)
        if (vx_cidr_match(&d->trusted[i], source))
            return true;
    return false;
}

bool vx_directory_find_name(const struct vx_directory *d, struct vx_str text, size_t *index) {
    return keys_find(&d->names, text, index);
}

bool vx_directory_find(const struct vx_directory *d, const struct vx_uuid *sid, size_t *index) {
    size_t low = 0, high = d->sid_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(d->sids[middle].sid.b, sid->b, sizeof sid->b);

        if (order == 0) {
            *index = d->sids[middle].account;
            return true;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* Bisects the blocks of one prefix length, which stand together. */
static bool find_in_length(const struct block *blocks, size_t count, const struct vx_addr *source,
                           size_t *account) {
    struct vx_cidr wanted = {vx_addr_mask(source, blocks[0].cidr.bits), blocks[0].cidr.bits};
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = block_compare(&blocks[middle].cidr, &wanted);

        if (order == 0) {
            *account = blocks[middle].account;
            return true;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* Behind a block, the first one with a shorter prefix. */
static size_t next_length(const struct vx_directory *d, size_t from) {
    size_t low = from, high = d->block_count;
    uint8_t bits = d->blocks[from].cidr.bits;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (d->blocks[middle].cidr.bits == bits)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool find_source(const struct vx_directory *d, const struct vx_addr *source,
                        size_t *account) {
    if (!vx_addr_is_known(source))
        return false;
    for (size_t from = 0; from < d->block_count;) {
        size_t end = next_length(d, from);

        if (find_in_length(d->blocks + from, end - from, source, account))
            return true;
        from = end;
    }
    return false;
}

/* A sid that names an account; says so when one was given that names none. */
static bool find_sid(const struct vx_directory *d, struct vx_str text, struct vx_resolution *r) {
    struct vx_uuid sid;

    if (text.len == 0)
        return false;
    if (vx_uuid_parse(&sid, text) &&
        (vx_directory_find(d, &sid, &r->account) || keys_find(&d->names, text, &r->account)))
        return true;
    r->unknown_sid = true;
    return false;
}

static bool find_header(const struct vx_directory *d, const struct vx_account_evidence *e,
                        struct vx_resolution *r) {
    if (e->header.len == 0)
        return false;
    if (!vx_directory_trusts(d, &e->source)) {
        r->untrusted_header = true;
        return false;
    }
    return find_sid(d, e->header, r);
}

static bool find_by(enum vx_account_rank rank, const struct vx_directory *d,
                    const struct vx_account_evidence *e, struct vx_resolution *r) {
    switch (rank) {
    case VX_RANK_VARIABLE:
        return find_sid(d, e->variable, r);
    case VX_RANK_HEADER:
        return find_header(d, e, r);
    case VX_RANK_ACCOUNTCODE:
        return e->accountcode.len && keys_find(&d->names, e->accountcode, &r->account);
    case VX_RANK_DOMAIN:
        /* Whoever authenticated has shown whose user he is; a request may name any domain. */
        return (e->auth_domain.len && keys_find(&d->realms, e->auth_domain, &r->account)) ||
               (e->domain.len && keys_find(&d->realms, e->domain, &r->account));
    case VX_RANK_SOURCE:
        return find_source(d, &e->source, &r->account);
    case VX_RANK_DEFAULT:
        r->account = d->default_account;
        return d->default_account != SIZE_MAX;
    case VX_RANK_INHERITED:
    case VX_RANK_NONE:
    default:
        return false;
    }
}

struct vx_resolution vx_directory_resolve(const struct vx_directory *d,
                                          const struct vx_account_evidence *evidence,
                                          enum vx_account_rank than) {
    struct vx_resolution r = {.rank = VX_RANK_NONE};

    for (int rank = VX_RANK_VARIABLE; rank < (int)than; rank++)
        if (find_by((enum vx_account_rank)rank, d, evidence, &r)) {
            r.rank = (enum vx_account_rank)rank;
            break;
        }
    return r;
}
