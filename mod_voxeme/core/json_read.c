#include "core/json_read.h"

#include "core/alloc.h"
#include "core/call.h"
#include "core/json_text.h"
#include "core/percent.h"

#define BLOCK 4000

/* Memory for the values and texts of a document, let go of as a whole. */
struct block {
    struct block *next;
    size_t used, size;
    _Alignas(struct vx_json) char room[];
};

struct vx_json_document {
    struct block *blocks;
    struct vx_json *root;
};

struct reader {
    struct vx_json_document *document;
    const char *start, *at, *end;
    unsigned depth;
    bool no_memory;
};

static void *take(struct reader *r, size_t size) {
    struct block *b = r->document->blocks;
    size_t room = size > BLOCK ? size : BLOCK;
    void *taken;

    size = (size + _Alignof(struct vx_json) - 1) & ~(_Alignof(struct vx_json) - 1);
    if (!b || b->size - b->used < size) {
        room = size > room ? size : room;
        b = vx_malloc(sizeof *b + room);
        if (!b) {
            r->no_memory = true;
            return NULL;
        }
        *b = (struct block){r->document->blocks, 0, room};
        r->document->blocks = b;
    }
    taken = b->room + b->used;
    b->used += size;
    return taken;
}

static void skip_space(struct reader *r) {
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r'))
        r->at++;
}

static bool take_char(struct reader *r, char c) {
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

/* --- strings --- */

static bool read_hex(struct reader *r, unsigned *code) {
    *code = 0;
    for (int i = 0; i < 4; i++) {
        int digit = r->at < r->end ? vx_hex_value(*r->at) : -1;

        if (digit < 0)
            return false;
        *code = *code << 4 | (unsigned)digit;
        r->at++;
    }
    return true;
}

static char *put_utf8(char *to, unsigned code) {
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
        *to++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    } else {
        *to++ = (char)(0xf0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    }
    return to;
}

/* Behind "\u". NULL: half a surrogate pair, or NUL. */
static char *read_unicode(struct reader *r, char *to) {
    unsigned code, low;

    if (!read_hex(r, &code) || !code || (code >= 0xdc00 && code < 0xe000))
        return NULL;
    if (code >= 0xd800 && code < 0xdc00) {
        if (!take_char(r, '\\') || !take_char(r, 'u') || !read_hex(r, &low) || low < 0xdc00 ||
            low >= 0xe000)
            return NULL;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    return put_utf8(to, code);
}

static char *read_escape(struct reader *r, char *to) {
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    const char *found;

    if (r->at == r->end)
        return NULL;
    if (*r->at == 'u') {
        r->at++;
        return read_unicode(r, to);
    }
    found = *r->at ? strchr(from, *r->at) : NULL;
    if (!found)
        return NULL;
    r->at++;
    *to++ = into[found - from];
    return to;
}

/* How far the text goes at most: to the next quote that is not escaped. */
static const char *find_end(const struct reader *r) {
    const char *at = r->at;

    while (at < r->end && *at != '"')
        at += *at == '\\' && at + 1 < r->end ? 2 : 1;
    return at;
}

/* Behind the opening quote. No escape is shorter than what it stands for. */
static bool read_string(struct reader *r, struct vx_str *out) {
    const char *end = find_end(r);
    char *text = take(r, (size_t)(end - r->at) + 1), *to = text;

    if (!text)
        return false;
    while (r->at < r->end && *r->at != '"') {
        unsigned char c = (unsigned char)*r->at;
        size_t len = 1;

        if (c == '\\') {
            r->at++;
            to = read_escape(r, to);
            if (!to)
                return false;
            continue;
        }
        if (c >= 0x80)
            len = vx_utf8_len(r->at, (size_t)(r->end - r->at));
        if (c < 0x20 || !len)
            return false;
        memcpy(to, r->at, len);
        to += len;
        r->at += len;
    }
    *out = (struct vx_str){text, (size_t)(to - text)};
    return take_char(r, '"');
}

/* --- numbers and words --- */

static bool take_digits(struct reader *r) {
    const char *from = r->at;

    while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
        r->at++;
    return r->at > from;
}

static bool read_number(struct reader *r, struct vx_json *value) {
    const char *from = r->at;
    char *copy;

    take_char(r, '-');
    if (!take_char(r, '0') && !take_digits(r))
        return false;
    if (take_char(r, '.') && !take_digits(r))
        return false;
    if (take_char(r, 'e') || take_char(r, 'E')) {
        if (!take_char(r, '+'))
            take_char(r, '-');
        if (!take_digits(r))
            return false;
    }
    copy = take(r, (size_t)(r->at - from));
    if (!copy)
        return false;
    memcpy(copy, from, (size_t)(r->at - from));
    value->type = VX_JSON_NUMBER;
    value->text = (struct vx_str){copy, (size_t)(r->at - from)};
    return true;
}

static bool read_word(struct reader *r, struct vx_json *value) {
    static const struct {
        struct vx_str word;
        enum vx_json_type type;
    } words[] = {
        {{"null", 4}, VX_JSON_NULL}, {{"true", 4}, VX_JSON_TRUE}, {{"false", 5}, VX_JSON_FALSE}};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t len = words[i].word.len;

        if ((size_t)(r->end - r->at) >= len && memcmp(r->at, words[i].word.at, len) == 0) {
            r->at += len;
            value->type = words[i].type;
            return true;
        }
    }
    return false;
}

/* --- values --- */

static bool read_value(struct reader *r, struct vx_json *value);

static bool is_new(const struct vx_json *object, struct vx_str name) {
    for (const struct vx_json *m = object->first; m; m = m->next)
        if (vx_str_eq(m->name, name))
            return false;
    return true;
}

static bool read_name(struct reader *r, const struct vx_json *object, struct vx_str *name) {
    skip_space(r);
    if (!take_char(r, '"') || !read_string(r, name) || !is_new(object, *name))
        return false;
    skip_space(r);
    return take_char(r, ':');
}

/* Behind the opening bracket. */
static bool read_values(struct reader *r, struct vx_json *into, char close) {
    const struct vx_json **end = &into->first;
    unsigned members = 0;

    skip_space(r);
    if (take_char(r, close))
        return true;
    do {
        struct vx_json *value = take(r, sizeof *value);

        if (!value)
            return false;
        memset(value, 0, sizeof *value);
        if (into->type == VX_JSON_OBJECT &&
            (++members > VX_JSON_MEMBERS || !read_name(r, into, &value->name)))
            return false;
        if (!read_value(r, value))
            return false;
        *end = value;
        end = &value->next;
        skip_space(r);
    } while (take_char(r, ','));
    return take_char(r, close);
}

static bool read_nested(struct reader *r, struct vx_json *value, char close) {
    bool ok;

    value->type = close == '}' ? VX_JSON_OBJECT : VX_JSON_ARRAY;
    if (r->depth == VX_JSON_DEPTH)
        return false;
    r->depth++;
    r->at++;
    ok = read_values(r, value, close);
    r->depth--;
    return ok;
}

static bool read_value(struct reader *r, struct vx_json *value) {
    skip_space(r);
    if (r->at == r->end)
        return false;
    switch (*r->at) {
    case '{':
        return read_nested(r, value, '}');
    case '[':
        return read_nested(r, value, ']');
    case '"':
        r->at++;
        value->type = VX_JSON_STRING;
        return read_string(r, &value->text);
    default:
        return (*r->at == '-' || (*r->at >= '0' && *r->at <= '9')) ? read_number(r, value)
                                                                   : read_word(r, value);
    }
}

enum vx_json_error vx_json_read(struct vx_json_document **document, struct vx_str text,
                                size_t *at) {
    struct vx_json_document *d = vx_calloc(1, sizeof *d);
    struct reader r = {.document = d, .start = text.at, .at = text.at, .end = text.at + text.len};
    bool ok;

    *document = NULL;
    *at = 0;
    if (!d)
        return VX_JSON_NO_MEMORY;
    d->root = take(&r, sizeof *d->root);
    if (d->root)
        memset(d->root, 0, sizeof *d->root);
    ok = d->root && read_value(&r, d->root);
    skip_space(&r);
    if (ok && r.at == r.end) {
        *document = d;
        return VX_JSON_OK;
    }
    *at = (size_t)(r.at - r.start);
    vx_json_release(&d);
    return r.no_memory ? VX_JSON_NO_MEMORY : VX_JSON_MALFORMED;
}

void vx_json_release(struct vx_json_document **document) {
    struct vx_json_document *d = *document;

    *document = NULL;
    if (!d)
        return;
    while (d->blocks) {
        struct block *next = d->blocks->next;

        explicit_bzero(d->blocks->room, d->blocks->used); /* some of it may be secret */
        vx_free(d->blocks);
        d->blocks = next;
    }
    vx_free(d);
}

const struct vx_json *vx_json_root(const struct vx_json_document *d) {
    return d->root;
}

const struct vx_json *vx_json_member(const struct vx_json *object, const char *name) {
    if (!object || object->type != VX_JSON_OBJECT)
        return NULL;
    for (const struct vx_json *m = object->first; m; m = m->next)
        if (vx_str_eq(m->name, vx_str(name)))
            return m->type == VX_JSON_NULL ? NULL : m;
    return NULL;
}

bool vx_json_int(const struct vx_json *number, int64_t *out) {
    size_t i = 0;
    bool negative;
    int64_t n = 0;

    if (number->type != VX_JSON_NUMBER || number->text.len > 18)
        return false;
    negative = number->text.at[0] == '-';
    for (i = negative; i < number->text.len; i++) {
        if (number->text.at[i] < '0' || number->text.at[i] > '9')
            return false;
        n = n * 10 + (number->text.at[i] - '0');
    }
    *out = negative ? -n : n;
    return true;
}

static void write_values(struct vx_buf *out, const struct vx_json *value, const char *brackets) {
    vx_buf_add(out, &brackets[0], 1);
    for (const struct vx_json *v = value->first; v; v = v->next) {
        if (value->type == VX_JSON_OBJECT) {
            vx_json_string(out, v->name);
            vx_buf_add(out, ":", 1);
        }
        vx_json_write(out, v); /* no deeper than VX_JSON_DEPTH */
        if (v->next)
            vx_buf_add(out, ",", 1);
    }
    vx_buf_add(out, &brackets[1], 1);
}

void vx_json_write(struct vx_buf *out, const struct vx_json *value) {
    switch (value->type) {
    case VX_JSON_NULL:
        vx_buf_puts(out, "null");
        break;
    case VX_JSON_FALSE:
        vx_buf_puts(out, "false");
        break;
    case VX_JSON_TRUE:
        vx_buf_puts(out, "true");
        break;
    case VX_JSON_NUMBER:
        vx_buf_str(out, value->text);
        break;
    case VX_JSON_STRING:
        vx_json_string(out, value->text);
        break;
    case VX_JSON_ARRAY:
        write_values(out, value, "[]");
        break;
    case VX_JSON_OBJECT:
        write_values(out, value, "{}");
        break;
    }
}
