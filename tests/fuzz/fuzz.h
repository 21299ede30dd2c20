/*
 * What every fuzz target defines. With ./configure --enable-fuzzing (clang) libFuzzer calls it,
 * else replay.c does with the kept corpus.
 */
#ifndef VX_FUZZ_H
#define VX_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process so that both libFuzzer and a replay take notice. */
#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition))                                                                          \
            __builtin_trap();                                                                      \
    } while (0)

#endif
