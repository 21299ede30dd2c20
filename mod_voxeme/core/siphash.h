/*
 * SipHash-2-4 with 128 bits of output (Aumasson, Bernstein): a keyed hash that costs little for
 * short inputs. Who does not have the key can neither find two inputs of one hash nor learn
 * anything of an input by its hash. It takes the same time for all inputs of one length.
 *
 * Threads: any.
 */
#ifndef VX_SIPHASH_H
#define VX_SIPHASH_H

#include "core/base.h"

#define VX_SIPHASH     16
#define VX_SIPHASH_KEY 16

/* The hash of `bytes` under `key`. */
void vx_siphash(uint8_t out[VX_SIPHASH], const uint8_t key[VX_SIPHASH_KEY], struct vx_str bytes);

#endif
