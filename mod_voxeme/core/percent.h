/*
 * Percent-encoding (RFC 3986, section 2.1), as paths, queries and their parts arrive in it.
 *
 * Threads: any.
 */
#ifndef VX_PERCENT_H
#define VX_PERCENT_H

#include "core/base.h"

/* 1 more than what a hexadecimal digit of either case stands for; 0: it is none. */
extern const uint8_t vx_hex_digits[256];

/* Of a hexadecimal digit of either case; -1: it is none. */
static inline int vx_hex_value(char c) {
    return vx_hex_digits[(unsigned char)c] - 1;
}

/* Takes one byte, decoded, off the front of *s, which must not be empty. '+' stays what it is:
 * telephone numbers begin with it. False: an escape is malformed or stands for NUL. */
bool vx_percent_next(struct vx_str *s, char *byte);

/* Whether all of it can be decoded. */
bool vx_percent_valid(struct vx_str s);

/* Decodes in place: the text has to be the caller's to write to. False as above; what it holds then
 * is of no use. */
bool vx_percent_decode(struct vx_str *s);

#endif
