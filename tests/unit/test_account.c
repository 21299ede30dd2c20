/* Which account a call belongs to: the order of the design's section 4. */
#include "support.h"

enum { FIRST, SECOND, THIRD, ACCOUNTS };

static struct vx_directory *directory;
static struct vx_cidr sources[8], trusted[3];
static char name_a[] = "alpha", name_b[] = "Beta", realm_a[] = "alpha.example",
            realm_b1[] = "beta.example", realm_b2[] = "PBX.Beta.Example";
static char *realms_a[] = {realm_a}, *realms_b[] = {realm_b1, realm_b2};
static struct vx_account_spec accounts[ACCOUNTS];

#define GAMMA_SID "c0ffee00-0000-4000-8000-00000000000c"

static struct vx_cidr cidr(const char *text) {
    struct vx_cidr c;
    assert_true(vx_cidr_parse(&c, vx_str(text)));
    return c;
}

static struct vx_addr addr(const char *text) {
    struct vx_addr a = {{0}};
    assert_true(vx_addr_parse(&a, vx_str(text)));
    return a;
}

static struct vx_directory_spec spec(const char *default_account) {
    accounts[FIRST] = (struct vx_account_spec){
        vx_test_uuid(ALPHA_SID), name_a, realms_a, 1, sources, 2, NULL, 0, NULL, 0, {NULL, NULL}};
    accounts[SECOND] = (struct vx_account_spec){vx_test_uuid(BETA_SID),
                                                name_b,
                                                realms_b,
                                                2,
                                                sources + 2,
                                                3,
                                                NULL,
                                                0,
                                                NULL,
                                                0,
                                                {NULL, NULL}};
    accounts[THIRD] = (struct vx_account_spec){
        vx_test_uuid(GAMMA_SID), NULL, NULL, 0, sources + 5, 1, NULL, 0, NULL, 0, {NULL, NULL}};
    sources[0] = cidr("192.0.2.0/24");
    sources[1] = cidr("2001:db8::/32");
    sources[2] = cidr("192.0.2.128/25");
    sources[3] = cidr("198.51.100.7");
    sources[4] = cidr("2001:db8:1::/48");
    sources[5] = cidr("192.0.0.0/16");
    trusted[0] = cidr("127.0.0.0/8");
    trusted[1] = cidr("2001:db8:beef::/48");
    return (struct vx_directory_spec){accounts, ACCOUNTS, trusted, 2, default_account};
}

static int open_directory(void **state) {
    (void)state;
    struct vx_directory_spec s = spec(NULL);
    directory = vx_directory_new(&s);
    return directory ? 0 : -1;
}

static int open_with_default(void **state) {
    (void)state;
    struct vx_directory_spec s = spec("BETA");
    directory = vx_directory_new(&s);
    return directory ? 0 : -1;
}

static int close_directory(void **state) {
    (void)state;
    vx_directory_release(&directory);
    return directory ? -1 : 0;
}

static struct vx_resolution resolve(const struct vx_account_evidence *e) {
    return vx_directory_resolve(directory, e, VX_RANK_NONE);
}

static void expect(const struct vx_account_evidence *e, enum vx_account_rank rank, size_t account) {
    struct vx_resolution r = resolve(e);
    assert_int_equal(r.rank, rank);
    if (rank != VX_RANK_NONE)
        assert_int_equal(r.account, account);
}

/* All six kinds of evidence at once, the strongest taken away one after the other. */
static void test_order(void **state) {
    (void)state;
    struct vx_account_evidence e = {.variable = VX_STR(ALPHA_SID),
                                    .header = VX_STR(BETA_SID),
                                    .accountcode = VX_STR(GAMMA_SID),
                                    .domain = VX_STR("pbx.beta.example"),
                                    .auth_domain = VX_STR("alpha.example"),
                                    .source = addr("127.0.0.1")};
    expect(&e, VX_RANK_VARIABLE, FIRST);
    e.variable = VX_NONE;
    expect(&e, VX_RANK_HEADER, SECOND);
    e.header = VX_NONE;
    expect(&e, VX_RANK_ACCOUNTCODE, THIRD);
    e.accountcode = VX_NONE;
    expect(&e, VX_RANK_DOMAIN, FIRST); /* who authenticated before what anybody can ask for */
    e.auth_domain = VX_NONE;
    expect(&e, VX_RANK_DOMAIN, SECOND);
    e.domain = VX_NONE;
    e.source = addr("198.51.100.7");
    expect(&e, VX_RANK_SOURCE, SECOND);
    e.source = addr("203.0.113.1");
    expect(&e, VX_RANK_NONE, 0);
}

static void test_default(void **state) {
    (void)state;
    struct vx_account_evidence e = {.variable = VX_NONE};
    expect(&e, VX_RANK_DEFAULT, SECOND);
    e.source = addr("203.0.113.1");
    expect(&e, VX_RANK_DEFAULT, SECOND);
    e.source = addr("192.0.2.1");
    expect(&e, VX_RANK_SOURCE, FIRST);
    e.variable = VX_STR(GAMMA_SID);
    expect(&e, VX_RANK_VARIABLE, THIRD);
}

static void test_unknown_variable_falls_through(void **state) {
    (void)state;
    struct vx_account_evidence e = {.variable = VX_STR(NOBODY), .accountcode = VX_STR("alpha")};
    struct vx_resolution r = resolve(&e);
    assert_int_equal(r.rank, VX_RANK_ACCOUNTCODE);
    assert_int_equal(r.account, FIRST);
    assert_true(r.unknown_sid);
    e = (struct vx_account_evidence){.variable = VX_STR("not a sid")};
    r = resolve(&e);
    assert_int_equal(r.rank, VX_RANK_NONE);
    assert_true(r.unknown_sid);
    e = (struct vx_account_evidence){.variable = VX_STR(ALPHA_SID)};
    assert_false(resolve(&e).unknown_sid);
}

static void test_header_needs_a_trusted_source(void **state) {
    (void)state;
    struct vx_account_evidence e = {.header = VX_STR(BETA_SID), .source = addr("192.0.2.1")};
    struct vx_resolution r = resolve(&e);
    assert_true(r.untrusted_header);
    assert_int_equal(r.rank, VX_RANK_SOURCE);
    assert_int_equal(r.account, FIRST);

    e.source = addr("2001:db8:beef::5");
    r = resolve(&e);
    assert_false(r.untrusted_header);
    assert_int_equal(r.rank, VX_RANK_HEADER);
    assert_int_equal(r.account, SECOND);

    e.source = (struct vx_addr){{0}}; /* not known: not trusted */
    r = resolve(&e);
    assert_true(r.untrusted_header);
    assert_int_equal(r.rank, VX_RANK_NONE);

    e = (struct vx_account_evidence){.header = VX_STR(NOBODY), .source = addr("127.0.0.1")};
    r = resolve(&e);
    assert_true(r.unknown_sid);
    assert_false(r.untrusted_header);
}

static void test_unknown_source_matches_no_block(void **state) {
    (void)state;
    struct vx_directory_spec s = spec(NULL);
    trusted[0] = cidr("::/0");
    sources[0] = cidr("::/0");
    struct vx_directory *open = vx_directory_new(&s);
    assert_non_null(open);
    struct vx_account_evidence e = {.header = VX_STR(BETA_SID)};
    struct vx_resolution r = vx_directory_resolve(open, &e, VX_RANK_NONE);
    assert_int_equal(r.rank, VX_RANK_NONE);
    assert_true(r.untrusted_header);
    struct vx_addr unknown = {{0}}, known = addr("2001:db8:f::1");
    assert_false(vx_directory_trusts(open, &unknown));
    assert_true(vx_directory_trusts(open, &known));
    vx_directory_release(&open);
}

static void test_trusts(void **state) {
    (void)state;
    struct vx_addr a = addr("127.255.0.1"), b = addr("128.0.0.1"), c = addr("2001:db8:beef::1"),
                   d = addr("2001:db8:bee0::1");
    assert_true(vx_directory_trusts(directory, &a));
    assert_false(vx_directory_trusts(directory, &b));
    assert_true(vx_directory_trusts(directory, &c));
    assert_false(vx_directory_trusts(directory, &d));
}

static void test_accountcode_by_sid_or_name(void **state) {
    (void)state;
    static const struct {
        const char *code;
        enum vx_account_rank rank;
        size_t account;
    } rows[] = {
        {"alpha", VX_RANK_ACCOUNTCODE, FIRST},
        {"ALPHA", VX_RANK_ACCOUNTCODE, FIRST},
        {"beta", VX_RANK_ACCOUNTCODE, SECOND},
        {BETA_SID, VX_RANK_ACCOUNTCODE, SECOND},
        {"B7E1F3A0-0D4F-4A57-9C0B-1C2D3E4F5A6B", VX_RANK_ACCOUNTCODE, SECOND},
        {GAMMA_SID, VX_RANK_ACCOUNTCODE, THIRD},
        {"", VX_RANK_NONE, 0},
        {"alph", VX_RANK_NONE, 0},
        {"alphaa", VX_RANK_NONE, 0},
        {" alpha", VX_RANK_NONE, 0},
        {"alpha.example", VX_RANK_NONE, 0},
        {NOBODY, VX_RANK_NONE, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct vx_account_evidence e = {.accountcode = vx_str(rows[i].code)};
        expect(&e, rows[i].rank, rows[i].account);
    }
    /* A code that names nobody is common and no fault: not counted as an unknown sid. */
    struct vx_account_evidence e = {.accountcode = VX_STR("1000")};
    assert_false(resolve(&e).unknown_sid);
}

static void test_domains(void **state) {
    (void)state;
    struct vx_account_evidence e = {.domain = VX_STR("ALPHA.Example")};
    expect(&e, VX_RANK_DOMAIN, FIRST);
    e.domain = VX_STR("pbx.beta.example");
    expect(&e, VX_RANK_DOMAIN, SECOND);
    e.domain = VX_STR("sub.alpha.example");
    expect(&e, VX_RANK_NONE, 0);
    e.domain = VX_STR("alpha");
    expect(&e, VX_RANK_NONE, 0);
    e = (struct vx_account_evidence){.domain = VX_STR("192.0.2.9"),
                                     .auth_domain = VX_STR("Beta.Example")};
    expect(&e, VX_RANK_DOMAIN, SECOND);
}

static void test_longest_source_wins(void **state) {
    (void)state;
    static const struct {
        const char *source;
        enum vx_account_rank rank;
        size_t account;
    } rows[] = {
        {"192.0.2.1", VX_RANK_SOURCE, FIRST}, /* /24 before /16 */
        {"192.0.2.127", VX_RANK_SOURCE, FIRST},
        {"192.0.2.128", VX_RANK_SOURCE, SECOND}, /* /25 */
        {"192.0.3.1", VX_RANK_SOURCE, THIRD},    /* /16 only */
        {"192.1.0.1", VX_RANK_NONE, 0},
        {"198.51.100.7", VX_RANK_SOURCE, SECOND},
        {"198.51.100.8", VX_RANK_NONE, 0},
        {"2001:db8:2::1", VX_RANK_SOURCE, FIRST},
        {"2001:db8:1::1", VX_RANK_SOURCE, SECOND},
        {"2001:db9::1", VX_RANK_NONE, 0},
        {"::ffff:192.0.2.129", VX_RANK_SOURCE, SECOND},
        {"::1", VX_RANK_NONE, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct vx_account_evidence e = {.source = addr(rows[i].source)};
        expect(&e, rows[i].rank, rows[i].account);
    }
}

/* 300 blocks of every length in random order against a plain search. */
static void test_longest_source_against_a_search(void **state) {
    (void)state;
    enum { N = 300 };
    static struct vx_cidr blocks[N];
    static struct vx_account_spec many[N];
    struct vx_test_random r = vx_test_random_start("longest source");
    for (unsigned i = 0; i < N; i++) {
        struct vx_addr a = addr("2001:db8::");
        for (int k = 4; k < 16; k++)
            a.b[k] = (uint8_t)vx_test_random(&r, 2);
        blocks[i].bits = (uint8_t)(32 + vx_test_random(&r, 97));
        blocks[i].net = vx_addr_mask(&a, blocks[i].bits);
        many[i] = (struct vx_account_spec){
            .sid = vx_test_sid(i + 1), .sources = &blocks[i], .source_count = 1};
    }
    struct vx_directory_spec s = {.accounts = many, .account_count = N};
    struct vx_directory *d = vx_directory_new(&s);
    assert_non_null(d);
    for (int i = 0; i < 5000; i++) {
        struct vx_account_evidence e = {.source = addr("2001:db8::")};
        for (int k = 4; k < 16; k++)
            e.source.b[k] = (uint8_t)vx_test_random(&r, 2);
        int best = -1;
        for (unsigned k = 0; k < N; k++) {
            if (vx_cidr_match(&blocks[k], &e.source) && blocks[k].bits > best)
                best = blocks[k].bits;
        }
        struct vx_resolution got = vx_directory_resolve(d, &e, VX_RANK_NONE);
        assert_int_equal(got.rank, best < 0 ? VX_RANK_NONE : VX_RANK_SOURCE);
        if (best >= 0) {
            assert_int_equal(blocks[got.account].bits, best);
            assert_true(vx_cidr_match(&blocks[got.account], &e.source));
        }
    }
    vx_directory_release(&d);
}

static void test_only_what_is_stronger(void **state) {
    (void)state;
    struct vx_account_evidence e = {.accountcode = VX_STR("beta"), .source = addr("192.0.2.1")};
    assert_int_equal(vx_directory_resolve(directory, &e, VX_RANK_DOMAIN).rank, VX_RANK_ACCOUNTCODE);
    assert_int_equal(vx_directory_resolve(directory, &e, VX_RANK_INHERITED).rank,
                     VX_RANK_ACCOUNTCODE);
    assert_int_equal(vx_directory_resolve(directory, &e, VX_RANK_ACCOUNTCODE).rank, VX_RANK_NONE);
    assert_int_equal(vx_directory_resolve(directory, &e, VX_RANK_VARIABLE).rank, VX_RANK_NONE);
    e.accountcode = VX_NONE;
    assert_int_equal(vx_directory_resolve(directory, &e, VX_RANK_DEFAULT).rank, VX_RANK_SOURCE);
    assert_int_equal(vx_directory_resolve(directory, &e, VX_RANK_SOURCE).rank, VX_RANK_NONE);
    assert_int_equal(vx_directory_resolve(directory, &e, VX_RANK_INHERITED).rank, VX_RANK_NONE);
}

static void test_find(void **state) {
    (void)state;
    size_t index = 99;
    struct vx_uuid sid = vx_test_uuid(GAMMA_SID);
    assert_true(vx_directory_find(directory, &sid, &index));
    assert_int_equal(index, THIRD);
    sid = vx_test_uuid(NOBODY);
    assert_false(vx_directory_find(directory, &sid, &index));
    sid = (struct vx_uuid){{0}};
    assert_false(vx_directory_find(directory, &sid, &index));
}

static void test_empty_directory(void **state) {
    (void)state;
    struct vx_directory_spec nothing = {NULL, 0, NULL, 0, NULL};
    struct vx_directory *d = vx_directory_new(&nothing);
    assert_non_null(d);
    struct vx_account_evidence e = {.variable = VX_STR(ALPHA_SID),
                                    .header = VX_STR(ALPHA_SID),
                                    .accountcode = VX_STR("a"),
                                    .domain = VX_STR("a"),
                                    .source = addr("127.0.0.1")};
    assert_int_equal(vx_directory_resolve(d, &e, VX_RANK_NONE).rank, VX_RANK_NONE);
    vx_directory_release(&d);
    vx_directory_release(&d);
}

static void scenario(void *ctx) {
    (void)ctx;
    struct vx_directory_spec s = spec("alpha");
    vx_test_arm();
    struct vx_directory *d = vx_directory_new(&s);
    bool failed = vx_test_disarm();
    assert_true(d || failed);
    vx_directory_release(&d);
}

static void test_every_allocation_fails(void **state) {
    (void)state;
    vx_test_every_allocation_fails(scenario, NULL, true);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_directory, close_directory)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_order),
        cmocka_unit_test_setup_teardown(test_default, open_with_default, close_directory),
        TEST(test_unknown_variable_falls_through),
        TEST(test_header_needs_a_trusted_source),
        cmocka_unit_test(test_unknown_source_matches_no_block),
        TEST(test_trusts),
        TEST(test_accountcode_by_sid_or_name),
        TEST(test_domains),
        TEST(test_longest_source_wins),
        cmocka_unit_test(test_longest_source_against_a_search),
        TEST(test_only_what_is_stronger),
        TEST(test_find),
        cmocka_unit_test(test_empty_directory),
        cmocka_unit_test(test_every_allocation_fails),
    };
    return cmocka_run_group_tests_name("account", tests, NULL, NULL);
}
