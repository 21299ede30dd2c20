/* The files of the dashboard in the module are those of the source tree, whole, under their paths.
 */
#include "support.h"

#include "dashboard/assets.h"

#include <dirent.h>

static const char *source_dir(void) {
    static char path[4096];
    const char *top = getenv("srcdir");

    snprintf(path, sizeof path, "%s/mod_voxeme/dashboard", top ? top : ".");
    return path;
}

/* The bytes of a file, to be freed; fails the test when it cannot be read. */
static unsigned char *read_file(const char *name, size_t *len) {
    char path[4400];
    snprintf(path, sizeof path, "%s/%s", source_dir(), name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *len = (size_t)ftell(file);
    rewind(file);
    unsigned char *bytes = malloc(*len + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *len, file), *len);
    fclose(file);
    return bytes;
}

static bool is_page_file(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot && (!strcmp(dot, ".html") || !strcmp(dot, ".css") || !strcmp(dot, ".js") ||
                   !strcmp(dot, ".svg"));
}

/* Calls look() for every file of the page in the source tree; how many there are. */
static int each_file(void (*look)(const char *name, const struct vx_asset *asset)) {
    DIR *dir = opendir(source_dir());
    assert_non_null(dir);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[512] = "/";
        if (!is_page_file(entry->d_name))
            continue;
        if (strcmp(entry->d_name, "index.html") != 0)
            snprintf(path, sizeof path, "/dashboard/%s", entry->d_name);
        const struct vx_asset *asset = vx_asset_find(vx_str(path));
        if (!asset)
            fail_msg("%s is not in the module: Makefile.am does not name it", entry->d_name);
        look(entry->d_name, asset);
        count++;
    }
    closedir(dir);
    return count;
}

static void same_bytes(const char *name, const struct vx_asset *asset) {
    size_t len;
    unsigned char *bytes = read_file(name, &len);
    assert_int_equal(asset->len, len);
    assert_memory_equal(asset->at, bytes, len);
    free(bytes);
}

static void test_files_are_whole(void **state) {
    (void)state;
    assert_true(each_file(same_bytes) > 20);
}

/* CRC-32 as gzip has it (RFC 1952, section 8), bit by bit. */
static uint32_t crc32_of(const unsigned char *at, size_t len) {
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < len; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ UINT32_C(0xedb88320) : crc >> 1;
    }
    return ~crc;
}

static uint32_t little_endian(const unsigned char *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void good_gzip(const char *name, const struct vx_asset *asset) {
    (void)name;
    assert_true(asset->gzip_len > 18);
    assert_int_equal(asset->gzip[0], 0x1f);
    assert_int_equal(asset->gzip[1], 0x8b);
    assert_int_equal(little_endian(asset->gzip + 4), 0); /* no time: builds are reproducible */
    assert_int_equal(little_endian(asset->gzip + asset->gzip_len - 8),
                     crc32_of(asset->at, asset->len));
    assert_int_equal(little_endian(asset->gzip + asset->gzip_len - 4), asset->len);
}

static void test_gzip_is_of_the_same_bytes(void **state) {
    (void)state;
    assert_int_equal(crc32_of((const unsigned char *)"123456789", 9), 0xcbf43926);
    each_file(good_gzip);
}

static void test_media_types(void **state) {
    (void)state;
    static const struct {
        const char *path, *type;
    } want[] = {
        {"/", "text/html; charset=utf-8"},
        {"/dashboard/app.js", "text/javascript; charset=utf-8"},
        {"/dashboard/style.css", "text/css; charset=utf-8"},
        {"/dashboard/icon.svg", "image/svg+xml"},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        assert_string_equal(vx_asset_find(vx_str(want[i].path))->media_type, want[i].type);
}

static void good_etag(const char *name, const struct vx_asset *asset) {
    (void)name;
    assert_int_equal(strlen(asset->etag), strlen("W/\"\"") + 32);
    assert_memory_equal(asset->etag, "W/\"", 3);
    assert_int_equal(strspn(asset->etag + 3, "0123456789abcdef"), 32);
    assert_string_equal(asset->etag + 35, "\"");
}

static void test_etags(void **state) {
    (void)state;
    each_file(good_etag);
    assert_string_not_equal(vx_asset_find(VX_STR("/"))->etag,
                            vx_asset_find(VX_STR("/dashboard/app.js"))->etag);
}

static void test_other_paths(void **state) {
    (void)state;
    static const char *const others[] = {"",
                                         "//",
                                         "/index.html",
                                         "/dashboard/",
                                         "/dashboard/app.j",
                                         "/dashboard",
                                         "/app.js",
                                         "/dashboard/embed",
                                         "/v1/Calls",
                                         "/dashboard/app.js/",
                                         "/DASHBOARD/app.js",
                                         "/dashboard/../dashboard/app.js"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_null(vx_asset_find(vx_str(others[i])));
    assert_null(vx_asset_find(VX_NONE));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_are_whole), cmocka_unit_test(test_gzip_is_of_the_same_bytes),
        cmocka_unit_test(test_media_types),     cmocka_unit_test(test_etags),
        cmocka_unit_test(test_other_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
