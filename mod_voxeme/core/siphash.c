#include "core/siphash.h"

#include <endian.h>

struct state {
    uint64_t a, b, c, d;
};

static uint64_t turned(uint64_t x, unsigned by) {
    return x << by | x >> (64 - by);
}

static void mix(struct state *s, unsigned rounds) {
    for (unsigned i = 0; i < rounds; i++) {
        s->a += s->b;
        s->c += s->d;
        s->b = turned(s->b, 13) ^ s->a;
        s->d = turned(s->d, 16) ^ s->c;
        s->a = turned(s->a, 32);
        s->c += s->b;
        s->a += s->d;
        s->b = turned(s->b, 17) ^ s->c;
        s->d = turned(s->d, 21) ^ s->a;
        s->c = turned(s->c, 32);
    }
}

static void take(struct state *s, uint64_t word) {
    s->d ^= word;
    mix(s, 2);
    s->a ^= word;
}

/* Up to 8 bytes. */
static uint64_t word_at(const void *at, size_t len) {
    uint64_t word = 0;

    memcpy(&word, at, len);
    return le64toh(word);
}

static void put_word(uint8_t *out, uint64_t word) {
    word = htole64(word);
    memcpy(out, &word, sizeof word);
}

void vx_siphash(uint8_t out[VX_SIPHASH], const uint8_t key[VX_SIPHASH_KEY], struct vx_str bytes) {
    uint64_t low = word_at(key, 8), high = word_at(key + 8, 8);
    struct state s = {low ^ UINT64_C(0x736f6d6570736575),
                      high ^ UINT64_C(0x646f72616e646f6d) ^ 0xee,
                      low ^ UINT64_C(0x6c7967656e657261), high ^ UINT64_C(0x7465646279746573)};
    uint64_t last = (uint64_t)bytes.len << 56;
    size_t at = 0;

    for (; bytes.len - at >= 8; at += 8)
        take(&s, word_at(bytes.at + at, 8));
    if (bytes.len > at)
        last |= word_at(bytes.at + at, bytes.len - at);
    take(&s, last);
    s.c ^= 0xee;
    mix(&s, 4);
    put_word(out, s.a ^ s.b ^ s.c ^ s.d);
    s.b ^= 0xdd;
    mix(&s, 4);
    put_word(out + 8, s.a ^ s.b ^ s.c ^ s.d);
}
