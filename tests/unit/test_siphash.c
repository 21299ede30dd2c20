/* The keyed hash: what the reference implementation gives for the bytes 0, 1, 2... under the key 0,
 * 1, ... 15. */
#include "support.h"

#include "core/siphash.h"

static const struct {
    size_t len;
    const char *hash;
} rows[] = {
    {0, "a3817f04ba25a8e66df67214c7550293"},  {1, "da87c1d86b99af44347659119b22fc45"},
    {2, "8177228da4a45dc7fca38bdef60affe4"},  {7, "a1f1ebbed8dbc153c0b84aa61ff08239"},
    {8, "3b62a9ba6258f5610f83e264f31497b4"},  {9, "264499060ad9baabc47f8b02bb6d71ed"},
    {15, "5493e99933b0a8117e08ec0f97cfc3d9"}, {16, "6ee2a4ca67b054bbfd3315bf85230577"},
    {36, "3dc47d1f29c448461e9e76ed904f6711"}, {63, "5150d1772f50834a503e069a973fbd7c"},
};

static void hash_text(char out[2 * VX_SIPHASH + 1], const uint8_t key[VX_SIPHASH_KEY],
                      struct vx_str bytes) {
    uint8_t hash[VX_SIPHASH];
    vx_siphash(hash, key, bytes);
    for (size_t i = 0; i < sizeof hash; i++)
        snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

static void test_reference(void **state) {
    (void)state;
    uint8_t key[VX_SIPHASH_KEY];
    char bytes[64], hash[2 * VX_SIPHASH + 1];
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)i;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        hash_text(hash, key, (struct vx_str){bytes, rows[i].len});
        assert_string_equal(hash, rows[i].hash);
    }
    hash_text(hash, key, VX_NONE);
    assert_string_equal(hash, rows[0].hash);
}

/* Each bit of the key and of the input counts. */
static void test_every_bit_counts(void **state) {
    (void)state;
    uint8_t key[VX_SIPHASH_KEY] = {0};
    char bytes[36] = {0}, plain[2 * VX_SIPHASH + 1], other[sizeof plain];
    struct vx_str text = {bytes, sizeof bytes};
    hash_text(plain, key, text);
    for (size_t bit = 0; bit < 8 * sizeof key; bit++) {
        key[bit / 8] ^= (uint8_t)(1u << bit % 8);
        hash_text(other, key, text);
        assert_string_not_equal(other, plain);
        key[bit / 8] = 0;
    }
    for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
        bytes[bit / 8] = (char)(1u << bit % 8);
        hash_text(other, key, text);
        assert_string_not_equal(other, plain);
        bytes[bit / 8] = 0;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_every_bit_counts),
    };
    return cmocka_run_group_tests_name("siphash", tests, NULL, NULL);
}
