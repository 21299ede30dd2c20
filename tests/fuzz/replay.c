/*
 * Runs a fuzz target over the files and directories named on the command line, without libFuzzer.
 * Options (what begins with '-') are ignored, so that both kinds of binary are called alike.
 */
#include "fuzz.h"

#ifndef VX_LIBFUZZER
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static unsigned inputs;

static bool run_file(const char *path) {
    FILE *f = fopen(path, "rb");
    struct stat st;
    if (!f || fstat(fileno(f), &st) != 0) {
        perror(path);
        if (f)
            fclose(f);
        return false;
    }
    size_t size = (size_t)st.st_size;
    /* Exactly as large as the input, for AddressSanitizer's sake. */
    uint8_t *bytes = malloc(size ? size : 1);
    bool whole = bytes && fread(bytes, 1, size, f) == size;
    if (whole) {
        LLVMFuzzerTestOneInput(bytes, size);
        inputs++;
    }
    free(bytes);
    fclose(f);
    return whole;
}

static bool run_path(const char *path) {
    DIR *dir = opendir(path);
    if (!dir)
        return run_file(path);
    bool good = true;
    for (struct dirent *e; (e = readdir(dir));) {
        char name[4096];
        if (e->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        good = run_file(name) && good;
    }
    closedir(dir);
    return good;
}

int main(int argc, char **argv) {
    bool good = true;
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-')
            good = run_path(argv[i]) && good;
    }
    printf("%u inputs\n", inputs);
    return good && inputs > 0 ? 0 : 1;
}
#endif
