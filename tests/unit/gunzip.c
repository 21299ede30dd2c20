#include "gunzip.h"

#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

enum { GZIP_ALONE = 15 + 16 };

char *vx_test_gunzip(const char *at, size_t len, size_t *out_len) {
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)at, .avail_in = (unsigned)len};
    size_t room = 1024 + len * 4;
    char *text = malloc(room);
    int result = text && inflateInit2(&z, GZIP_ALONE) == Z_OK ? Z_OK : Z_MEM_ERROR;
    while (result == Z_OK) {
        if (room - z.total_out < 2)
            text = realloc(text, room *= 2); /* the test ends if that fails */
        z.next_out = (unsigned char *)text + z.total_out;
        z.avail_out = (unsigned)(room - 1 - z.total_out);
        result = inflate(&z, Z_NO_FLUSH);
    }
    *out_len = z.total_out;
    if (result == Z_MEM_ERROR || result != Z_STREAM_END || z.avail_in || !text) {
        if (result != Z_MEM_ERROR)
            inflateEnd(&z);
        free(text);
        return NULL;
    }
    inflateEnd(&z);
    text[z.total_out] = '\0';
    return text;
}
