/* The inside of a body, for body.c and body_file.c. */
#ifndef VX_BODY_PRIVATE_H
#define VX_BODY_PRIVATE_H

#include "api/body.h"

#include <stdatomic.h>

struct vx_pot {
    atomic_uint refs; /* of both */
    atomic_size_t used;
    struct vx_pot *whole; /* itself, or what it is the part of */
};

/* A piece of a joined body; `end` counts from the beginning of the whole. */
struct part {
    struct vx_body *body;
    size_t from, end;
};

struct vx_body {
    atomic_uint refs;
    atomic_uint uses; /* how often it has been sent, up to where that matters */
    size_t len, cap;  /* cap: what is counted */
    struct vx_pot *pot;
    size_t count;              /* of parts; 0: plain, or fixed */
    bool fixed;                /* nothing may be written before `data` */
    bool fileless;             /* body_file.c's, under its lock: it gets no file (any more) */
    struct vx_body_file *file; /* the same; NULL: none */
    union {
        struct part *parts;
        char *data; /* behind the headroom */
    };
    _Alignas(struct part) char room[];
};

struct vx_pot *vx_pot_ref(struct vx_pot *pot);

/* Counts memory for `len` bytes, unless that would go beyond a limit. `pressing`: files make room
 * for it. */
bool vx_body_take_memory(size_t cap, size_t len, struct vx_pot *pot, bool pressing);
void vx_body_give_back(size_t cap, struct vx_pot *pot);

/* body_file.c: a body whose file has gone this way gets no other. */
void vx_body_lose_file(struct vx_body *body);

#endif
