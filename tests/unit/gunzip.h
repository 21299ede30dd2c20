/* zlib's inflate as the judge of what we call gzip. */
#ifndef VX_TEST_GUNZIP_H
#define VX_TEST_GUNZIP_H

#include <stddef.h>

/* What one gzip member holds that is at[0..len), no byte more or less; terminated, for the caller
 * to free(). NULL: it is none, or its sum is wrong. */
char *vx_test_gunzip(const char *at, size_t len, size_t *out_len);

#endif
