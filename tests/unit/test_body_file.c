/* Bodies as files: the same bytes, for ever; when there is one; what bounds them. */
#include "support.h"

#include "api/body.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { USES = 5, SMALLEST = 32768, IN_A_PIPE = 14 * 4096, LARGE = 70000, STEP = 1048576 };

/* --- in front of libc's --- */

static int memfd_errno;  /* 0: it works */
static int socket_errno; /* likewise */
static bool pipeless;
static int64_t ahead_s; /* of the clock that tells which file is idle */

__attribute__((visibility("default"))) int memfd_create(const char *name, unsigned flags) {
    if (memfd_errno) {
        errno = memfd_errno;
        return -1;
    }
    return (int)syscall(SYS_memfd_create, name, flags);
}

__attribute__((visibility("default"))) int socketpair(int domain, int type, int protocol,
                                                      int sockets[2]) {
    if (socket_errno) {
        errno = socket_errno;
        return -1;
    }
    return (int)syscall(SYS_socketpair, domain, type, protocol, sockets);
}

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *t) {
    int result = (int)syscall(SYS_clock_gettime, clock, t);
    if (clock == CLOCK_MONOTONIC_COARSE)
        t->tv_sec += ahead_s;
    return result;
}

/* --- bodies --- */

static char bytes[5 * STEP];

static int prepare(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 2654435761u >> 13);
    vx_body_set_files(4);
    vx_body_set_limits(0, 0, 0);
    memfd_errno = socket_errno = 0;
    pipeless = false;
    ahead_s = 0;
    return 0;
}

static int check_nothing_left(void **state) {
    (void)state;
    vx_body_set_files(0);
    assert_int_equal(vx_body_files(), 0);
    assert_int_equal(vx_body_memory(), 0);
    return 0;
}

static void use(struct vx_body *body, unsigned times) {
    while (times--)
        vx_body_count_use(body);
}

/* Its file; what takes several steps is asked for as often. */
static struct vx_body_file *file_of(struct vx_body *body) {
    struct vx_body_file *file = NULL;
    for (size_t at = 0; !file && at <= vx_body_len(body); at += STEP)
        file = vx_body_file(body);
    return file;
}

static void expect_bytes(const struct vx_body_file *file, const char *want, size_t len) {
    static char got[sizeof bytes + 1];
    size_t at = 0;
    ssize_t n;
    int pages = vx_body_file_pages(file), ends[2];
    assert_int_equal(pages >= 0, len <= IN_A_PIPE && !pipeless);
    assert_int_equal(vx_body_file_fd(file) < 0, pages >= 0);
    if (pages >= 0) {
        assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
        assert_int_equal(tee(pages, ends[1], sizeof got, SPLICE_F_NONBLOCK), len);
        while ((n = read(ends[0], got + at, sizeof got - at)) > 0)
            at += (size_t)n;
        close(ends[0]);
        close(ends[1]);
    } else {
        while ((n = pread(vx_body_file_fd(file), got + at, sizeof got - at, (off_t)at)) > 0)
            at += (size_t)n;
    }
    assert_int_equal(at, len);
    assert_memory_equal(got, want, len);
}

static struct vx_body *body_of(size_t len) {
    struct vx_body *body = vx_body_copy(bytes, len, NULL);
    assert_non_null(body);
    use(body, USES);
    return body;
}

static void test_the_same_bytes(void **state) {
    (void)state;
    static const size_t sizes[] = {SMALLEST,     SMALLEST + 1,  40351,        STEP - 1,
                                   STEP,         STEP + 1,      2 * STEP - 1, 4035001,
                                   sizeof bytes, 4096 * 9,      4096 * 9 - 1, 4096 * 9 + 1,
                                   IN_A_PIPE,    IN_A_PIPE - 1, IN_A_PIPE + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct vx_body *body = body_of(sizes[i]);
        struct vx_body_file *file = file_of(body), *again = vx_body_file(body);
        assert_non_null(file);
        assert_ptr_equal(file, again);
        expect_bytes(file, bytes, sizes[i]);
        vx_body_file_release(&again);
        vx_body_file_release(&file);
        vx_body_release(&body);
    }
    struct vx_body *fixed = vx_body_fixed(bytes, 50000);
    use(fixed, USES);
    struct vx_body_file *file = file_of(fixed);
    assert_non_null(file);
    expect_bytes(file, bytes, 50000);
    vx_body_file_release(&file);
    vx_body_release(&fixed);
}

/* Of more pieces than are written at once, of all lengths, across the steps. */
static void test_joined(void **state) {
    (void)state;
    enum { PIECES = 300 };
    static char want[sizeof bytes];
    struct vx_piece pieces[PIECES];
    struct vx_body *whole = vx_body_copy(bytes, sizeof bytes, NULL), *joined;
    struct vx_test_random r = vx_test_random_start("joined");
    size_t len = 0;
    for (size_t i = 0; i < PIECES; i++) {
        size_t n = vx_test_random(&r, 2 * sizeof bytes / PIECES / 2), from;
        from = vx_test_random(&r, (uint32_t)(sizeof bytes - n));
        memcpy(want + len, bytes + from, n);
        pieces[i] = vx_piece_from(whole, from, n);
        len += n;
    }
    joined = vx_body_join(pieces, PIECES, NULL);
    assert_int_equal(vx_body_len(joined), len);
    use(joined, USES);
    struct vx_body_file *file = file_of(joined);
    assert_non_null(file);
    expect_bytes(file, want, len);
    vx_body_file_release(&file);
    vx_body_release(&joined);
    vx_body_release(&whole);
}

static void test_only_when_it_is_worth_it(void **state) {
    (void)state;
    struct vx_body *body = vx_body_copy(bytes, SMALLEST, NULL);
    use(body, USES - 1);
    assert_null(file_of(body));
    use(body, 1);
    struct vx_body_file *file = file_of(body);
    assert_non_null(file);
    vx_body_file_release(&file);
    vx_body_release(&body);
    body = vx_body_copy(bytes, SMALLEST - 1, NULL);
    use(body, 100);
    assert_null(file_of(body));
    vx_body_release(&body);
}

/* Its pages may lie in sockets long after. */
static void test_it_never_changes(void **state) {
    (void)state;
    struct vx_body *body = body_of(LARGE);
    struct vx_body_file *file = file_of(body);
    int fd = vx_body_file_fd(file);
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    assert_int_equal(ftruncate(fd, 10), -1);
    assert_int_equal(ftruncate(fd, 2 * LARGE), -1);
    assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    expect_bytes(file, bytes, LARGE);
    vx_body_file_release(&file);
    vx_body_release(&body);
}

static bool is_open(int fd) {
    return fcntl(fd, F_GETFD) >= 0;
}

static void test_it_goes_with_its_body(void **state) {
    (void)state;
    struct vx_body *body = body_of(LARGE);
    struct vx_body_file *file = file_of(body);
    int fd = vx_body_file_fd(file);
    vx_body_file_release(&file);
    assert_true(is_open(fd));
    assert_int_equal(vx_body_files(), 1);
    vx_body_release(&body);
    assert_false(is_open(fd));
}

/* Clients in the middle of it go on with the body, of which nobody else is given anything. */
static void test_it_goes_when_its_body_retires(void **state) {
    (void)state;
    struct vx_body *body = body_of(LARGE), *sending = vx_body_ref(body);
    struct vx_body_file *file = file_of(body);
    int fd = vx_body_file_fd(file);
    vx_body_retire(&body);
    assert_null(body);
    assert_int_equal(vx_body_files(), 0);
    expect_bytes(file, bytes, LARGE); /* for whoever has a reference */
    vx_body_file_release(&file);
    assert_false(is_open(fd));
    use(sending, 100);
    assert_null(file_of(sending));
    struct vx_str run;
    assert_int_equal(vx_body_runs(sending, 0, &run, 1), 1);
    assert_memory_equal(run.at, bytes, LARGE);
    vx_body_release(&sending);
}

static void test_no_more_than_allowed(void **state) {
    (void)state;
    struct vx_body *bodies[6];
    struct vx_body_file *file;
    uint64_t crowded = vx_body_files_crowded();
    for (size_t i = 0; i < 6; i++) {
        bodies[i] = body_of(SMALLEST + i);
        file = file_of(bodies[i]);
        assert_int_equal(file != NULL, i < 4);
        vx_body_file_release(&file);
    }
    assert_int_equal(vx_body_files(), 4);
    assert_int_equal(vx_body_files_crowded(), crowded + 2);
    /* The one that has not been used for longest makes room. */
    file = file_of(bodies[0]);
    vx_body_file_release(&file);
    ahead_s = 2;
    file = file_of(bodies[5]);
    assert_non_null(file);
    expect_bytes(file, bytes, SMALLEST + 5);
    vx_body_file_release(&file);
    assert_int_equal(vx_body_files(), 4);
    file = file_of(bodies[0]);
    assert_non_null(file);
    vx_body_file_release(&file);
    assert_null(file_of(bodies[1])); /* it may have another when it has been used as often again */
    ahead_s = 4;
    use(bodies[1], USES);
    file = file_of(bodies[1]);
    assert_non_null(file);
    expect_bytes(file, bytes, SMALLEST + 1);
    vx_body_file_release(&file);
    vx_body_set_files(1);
    assert_int_equal(vx_body_files(), 1);
    vx_body_set_files(0);
    assert_int_equal(vx_body_files(), 0);
    for (size_t i = 0; i < 6; i++)
        vx_body_release(&bodies[i]);
}

/* --- memory --- */

static void test_their_memory_counts(void **state) {
    (void)state;
    struct vx_pot *pot = vx_pot_new();
    struct vx_body *body = vx_body_copy(bytes, 50000, pot);
    use(body, USES);
    struct vx_body_file *file = file_of(body);
    assert_int_equal(vx_body_memory(), 50000 + 13 * 4096);
    assert_int_equal(vx_pot_memory(pot), 50000 + 13 * 4096);
    vx_body_retire(&body);
    assert_int_equal(vx_pot_memory(pot), 13 * 4096);
    vx_body_file_release(&file);
    assert_int_equal(vx_pot_memory(pot), 0);
    assert_int_equal(vx_body_memory(), 0);
    vx_pot_release(&pot);
}

static void test_none_beyond_the_limits(void **state) {
    (void)state;
    size_t refused = vx_body_refused();
    for (int of_pot = 0; of_pot < 2; of_pot++) {
        struct vx_pot *pot = vx_pot_new();
        struct vx_body *body = vx_body_copy(bytes, 50000, pot);
        vx_body_set_limits(of_pot ? 0 : 100000, of_pot ? 100000 : 0, 0);
        use(body, USES);
        assert_null(file_of(body));
        assert_int_equal(vx_body_memory(), 50000);
        assert_int_equal(vx_pot_memory(pot), 50000);
        vx_body_release(&body);
        vx_pot_release(&pot);
    }
    assert_int_equal(vx_body_refused(), refused); /* nobody was */
}

/* No answer is refused for their sake. */
static void test_they_make_room_for_bodies(void **state) {
    (void)state;
    size_t refused = vx_body_refused();
    for (int of_pot = 0; of_pot < 2; of_pot++) {
        struct vx_pot *pot = vx_pot_new(), *other = vx_pot_new();
        struct vx_body *body = vx_body_copy(bytes, 50000, pot);
        struct vx_body *others = vx_body_copy(bytes, 40000, other), *more;
        use(body, USES);
        use(others, USES);
        struct vx_body_file *file = file_of(body);
        vx_body_file_release(&file);
        file = file_of(others);
        vx_body_file_release(&file);
        assert_int_equal(vx_body_files(), 2);
        vx_body_set_limits(of_pot ? 0 : 160000, of_pot ? 120000 : 0, 0);
        more = vx_body_copy(bytes, 60000, pot);
        assert_non_null(more);
        /* An account that has reached its own limit costs others nothing. */
        assert_int_equal(vx_body_files(), of_pot ? 1 : 0);
        assert_int_equal(vx_pot_memory(pot), 110000);
        /* More than there is at all is refused, and nobody loses anything. */
        assert_null(vx_body_copy(bytes, 1000000, pot));
        assert_int_equal(vx_body_files(), of_pot ? 1 : 0);
        vx_body_release(&more);
        vx_body_release(&body);
        vx_body_release(&others);
        vx_pot_release(&pot);
        vx_pot_release(&other);
        vx_body_set_limits(0, 0, 0);
    }
    assert_int_equal(vx_body_refused(), refused + 2);
}

static void scenario(void *ctx) {
    (void)ctx;
    vx_body_set_files(4);
    struct vx_body *body = body_of(50000);
    uint64_t failures = vx_body_file_failures();
    vx_test_arm();
    struct vx_body_file *file = file_of(body);
    bool failed = vx_test_disarm();
    assert_int_equal(file == NULL, failed);
    assert_int_equal(vx_body_file_failures() - failures, failed);
    vx_body_file_release(&file);
    vx_body_release(&body);
    assert_int_equal(vx_body_memory(), 0);
}

static void test_every_allocation_fails(void **state) {
    (void)state;
    vx_test_every_allocation_fails(scenario, NULL, true);
}

/* --- systems that will not --- */

static void test_out_of_descriptors(void **state) {
    (void)state;
    uint64_t failures = vx_body_file_failures();
    struct vx_body *body = body_of(LARGE), *next = body_of(LARGE);
    memfd_errno = EMFILE;
    assert_null(file_of(body));
    assert_int_equal(vx_body_file_failures(), failures + 1);
    memfd_errno = 0;
    assert_null(file_of(body)); /* it is not tried again for each who asks */
    struct vx_body_file *file = file_of(next);
    assert_non_null(file);
    vx_body_file_release(&file);
    vx_body_release(&body);
    vx_body_release(&next);
    assert_int_equal(vx_body_memory(), 0);
}

static void test_systems_without(void **state) {
    (void)state;
    static const int errors[] = {ENOSYS, EPERM};
    for (size_t i = 0; i < 2; i++) {
        struct vx_body *body = body_of(LARGE), *next = body_of(LARGE);
        memfd_errno = errors[i];
        assert_null(file_of(body));
        memfd_errno = 0;
        assert_null(file_of(next)); /* nor for others, */
        vx_body_set_files(4);       /* until a reload */
        struct vx_body_file *file = file_of(next);
        assert_non_null(file);
        vx_body_file_release(&file);
        vx_body_no_files();
        assert_int_equal(vx_body_files(), 0);
        vx_body_release(&body);
        vx_body_release(&next);
        vx_body_set_files(4);
    }
}

/* What is small is in a file then, as what is large. */
static void test_systems_without_such_pipes(void **state) {
    (void)state;
    static const int errors[] = {ENOSYS, EPERM, EINVAL, EMFILE};
    for (size_t i = 0; i < 4; i++) {
        struct vx_body *body = body_of(50000), *next = body_of(50000), *last = body_of(50000);
        uint64_t failures = vx_body_file_failures();
        socket_errno = errors[i];
        assert_null(file_of(body));
        assert_int_equal(vx_body_file_failures(), failures + 1);
        socket_errno = 0;
        pipeless = i < 3;
        struct vx_body_file *file = file_of(next);
        assert_non_null(file);
        expect_bytes(file, bytes, 50000);
        vx_body_file_release(&file);
        vx_body_no_pipes();
        assert_int_equal(vx_body_files(), 0);
        vx_body_set_files(4); /* a reload tries again */
        pipeless = false;
        file = file_of(last);
        assert_non_null(file);
        expect_bytes(file, bytes, 50000);
        vx_body_file_release(&file);
        vx_body_release(&body);
        vx_body_release(&next);
        vx_body_release(&last);
    }
}

/* --- threads --- */

static struct vx_body *shared[2];
static atomic_bool over;

static void *send_all_the_time(void *ctx) {
    (void)ctx;
    char got[16];
    while (!atomic_load(&over))
        for (size_t i = 0; i < 2; i++) {
            vx_body_count_use(shared[i]);
            struct vx_body_file *file = vx_body_file(shared[i]);
            if (!file)
                continue;
            off_t at = (off_t)vx_body_len(shared[i]) - (off_t)sizeof got;
            assert_int_equal(pread(vx_body_file_fd(file), got, sizeof got, at), sizeof got);
            assert_memory_equal(got, bytes + at, sizeof got);
            vx_body_file_release(&file);
        }
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    pthread_t threads[4];
    for (int round = 0; round < 20; round++) {
        uint64_t made = vx_body_files_made();
        atomic_store(&over, false);
        vx_body_set_files(2);
        for (size_t i = 0; i < 2; i++)
            shared[i] = vx_body_copy(bytes, i ? 3 * STEP + 17 : LARGE, NULL);
        for (size_t i = 0; i < 4; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, send_all_the_time, NULL), 0);
        while (vx_body_files_made() - made < 2)
            sched_yield();
        switch (round % 3) {
        case 0:
            vx_body_drop_files(NULL);
            break;
        case 1:
            vx_body_set_files(1);
            break;
        default:
            vx_body_no_files();
            break;
        }
        atomic_store(&over, true);
        for (size_t i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
        for (size_t i = 0; i < 2; i++)
            vx_body_retire(&shared[i]);
        assert_int_equal(vx_body_files(), 0);
        assert_int_equal(vx_body_memory(), 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, prepare, check_nothing_left)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_the_same_bytes),
        TEST(test_joined),
        TEST(test_only_when_it_is_worth_it),
        TEST(test_it_never_changes),
        TEST(test_it_goes_with_its_body),
        TEST(test_it_goes_when_its_body_retires),
        TEST(test_no_more_than_allowed),
        TEST(test_their_memory_counts),
        TEST(test_none_beyond_the_limits),
        TEST(test_they_make_room_for_bodies),
        TEST(test_every_allocation_fails),
        TEST(test_out_of_descriptors),
        TEST(test_systems_without),
        TEST(test_systems_without_such_pipes),
        TEST(test_threads),
    };
    return cmocka_run_group_tests_name("body_file", tests, NULL, NULL);
}
