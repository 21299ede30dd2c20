#include "host/sip/sdp.h"

#include "host/sip/sofia.h"

#include <inttypes.h>

#define MAX_STREAMS  32
#define DISCARD_PORT 9

static const char *family_of(const struct vx_sdp_origin *origin) {
    return strchr(origin->host, ':') ? "IP6" : "IP4";
}

void vx_sdp_origin_line(struct vx_buf *out, const struct vx_sdp_origin *origin, uint64_t version) {
    vx_buf_printf(out, "o=voxeme %" PRIu64 " %" PRIu64 " IN %s %s\r\n", origin->session, version,
                  family_of(origin), origin->host);
}

static void session_lines(struct vx_buf *out, const struct vx_sdp_origin *origin) {
    vx_buf_puts(out, "v=0\r\n");
    vx_sdp_origin_line(out, origin, origin->version);
    vx_buf_printf(out,
                  "s=-\r\n"
                  "c=IN %s %s\r\n"
                  "t=0 0\r\n",
                  family_of(origin), origin->host);
}

static const char *const media_names[] = {
    [VX_SDP_INACTIVE] = "inactive",
    [VX_SDP_SENDONLY] = "sendonly",
    [VX_SDP_RECVONLY] = "recvonly",
    [VX_SDP_SENDRECV] = "sendrecv",
};

static void media_line(struct vx_buf *out, enum vx_sdp_media media) {
    vx_buf_printf(out, "a=%s\r\n", media_names[media]);
}

/* We send what they would receive, and the other way round. */
static enum vx_sdp_media agreed(enum vx_sdp_media ours, sdp_mode_t theirs) {
    unsigned both = (theirs & sdp_recvonly ? VX_SDP_SENDONLY : 0U) |
                    (theirs & sdp_sendonly ? VX_SDP_RECVONLY : 0U);

    return (enum vx_sdp_media)(both & (unsigned)ours);
}

void vx_sdp_offer(struct vx_buf *out, const struct vx_sdp_origin *origin) {
    session_lines(out, origin);
    vx_buf_printf(out,
                  "m=audio %d RTP/AVP 0 8 101\r\n"
                  "a=rtpmap:0 PCMU/8000\r\n"
                  "a=rtpmap:8 PCMA/8000\r\n"
                  "a=rtpmap:101 telephone-event/8000\r\n"
                  "a=fmtp:101 0-15\r\n",
                  DISCARD_PORT);
    media_line(out, origin->media);
}

static const sdp_rtpmap_t *find_codec(const sdp_media_t *m, const char *name, const char *or_name) {
    for (const sdp_rtpmap_t *r = m->m_rtpmaps; r; r = r->rm_next)
        if (r->rm_encoding && r->rm_rate == 8000 &&
            (strcasecmp(r->rm_encoding, name) == 0 || strcasecmp(r->rm_encoding, or_name) == 0))
            return r;
    return NULL;
}

static const sdp_rtpmap_t *acceptable(const sdp_media_t *m) {
    if (m->m_type != sdp_media_audio || m->m_proto != sdp_proto_rtp || m->m_port == 0)
        return NULL;
    return find_codec(m, "PCMU", "PCMA");
}

static void accept_stream(struct vx_buf *out, const sdp_media_t *m, const sdp_rtpmap_t *codec,
                          enum vx_sdp_media media) {
    const sdp_rtpmap_t *dtmf = find_codec(m, "telephone-event", "telephone-event");

    vx_buf_printf(out, "m=audio %d RTP/AVP %u", DISCARD_PORT, (unsigned)codec->rm_pt);
    if (dtmf)
        vx_buf_printf(out, " %u", (unsigned)dtmf->rm_pt);
    vx_buf_printf(out, "\r\na=rtpmap:%u %s/8000\r\n", (unsigned)codec->rm_pt, codec->rm_encoding);
    if (dtmf)
        vx_buf_printf(out, "a=rtpmap:%u telephone-event/8000\r\na=fmtp:%u 0-15\r\n",
                      (unsigned)dtmf->rm_pt, (unsigned)dtmf->rm_pt);
    media_line(out, media);
}

static void refuse_stream(struct vx_buf *out, const sdp_media_t *m) {
    vx_buf_printf(out, "m=%s 0 %s ", m->m_type_name ? m->m_type_name : "application",
                  m->m_proto_name ? m->m_proto_name : "RTP/AVP");
    if (m->m_rtpmaps)
        vx_buf_printf(out, "%u\r\n", (unsigned)m->m_rtpmaps->rm_pt);
    else
        vx_buf_printf(out, "%s\r\n", m->m_format ? m->m_format->l_text : "0");
}

static bool answer_streams(struct vx_buf *out, const struct vx_sdp_origin *origin,
                           const sdp_session_t *offer) {
    unsigned streams = 0;
    bool taken = false;

    for (const sdp_media_t *m = offer->sdp_media; m; m = m->m_next) {
        const sdp_rtpmap_t *codec = taken ? NULL : acceptable(m);

        if (++streams > MAX_STREAMS)
            return false;
        if (codec)
            accept_stream(out, m, codec, agreed(origin->media, (sdp_mode_t)m->m_mode));
        else
            refuse_stream(out, m);
        taken = taken || codec;
    }
    return taken;
}

static bool is_token_char(unsigned char c) {
    return c > ' ' && c < 0x7f && !strchr("\"(),/:;<=>?@[\\]", c);
}

static bool is_digit(unsigned char c) {
    return c >= '0' && c <= '9';
}

/* One or more of these characters. */
static bool is_all(struct vx_str s, bool (*is)(unsigned char c)) {
    for (size_t i = 0; i < s.len; i++)
        if (!is((unsigned char)s.at[i]))
            return false;
    return s.len > 0;
}

/* Takes off *rest what stands before the next `separator`. */
static struct vx_str take(struct vx_str *rest, char separator) {
    const char *end = rest->len ? memchr(rest->at, separator, rest->len) : NULL;
    struct vx_str part = {rest->at, end ? (size_t)(end - rest->at) : rest->len};
    size_t taken = part.len + (end ? 1 : 0);

    *rest = (struct vx_str){rest->at + taken, rest->len - taken};
    return part;
}

static bool is_list(struct vx_str s, char separator, bool (*is)(unsigned char c)) {
    if (s.len == 0 || s.at[s.len - 1] == separator)
        return false;
    while (s.len > 0)
        if (!is_all(take(&s, separator), is))
            return false;
    return true;
}

/* What follows "m=": media, port, protocol, formats (RFC 8866, section 9). On a format that is no
 * token the library's parser allocates for ever. */
static bool is_sound_media(struct vx_str line) {
    return is_all(take(&line, ' '), is_token_char) && is_list(take(&line, ' '), '/', is_digit) &&
           is_list(take(&line, ' '), '/', is_token_char) && is_list(line, ' ', is_token_char);
}

static bool is_sound(struct vx_str offer) {
    while (offer.len > 0) {
        struct vx_str line = take(&offer, '\n');

        if (line.len && line.at[line.len - 1] == '\r')
            line.len--;
        if (line.len && (memchr(line.at, '\r', line.len) || strchr(" \t", line.at[0])))
            return false; /* the library would begin a line there */
        if (line.len >= 2 && memcmp(line.at, "m=", 2) == 0 &&
            !is_sound_media((struct vx_str){line.at + 2, line.len - 2}))
            return false;
    }
    return true;
}

bool vx_sdp_answer(struct vx_buf *out, const struct vx_sdp_origin *origin, struct vx_str offer) {
    su_home_t home[1] = {SU_HOME_INIT(home)};
    size_t before = out->len;
    bool ok = false;

    /* The library's parser stops at a NUL; what comes after would go unread. */
    if (offer.len == 0 || memchr(offer.at, '\0', offer.len) || !is_sound(offer))
        return false;
    su_home_init(home);
    sdp_parser_t *parser = sdp_parse(home, offer.at, (issize_t)offer.len, 0);
    const sdp_session_t *session = parser ? sdp_session(parser) : NULL;
    if (session) {
        session_lines(out, origin);
        ok = answer_streams(out, origin, session) && vx_buf_ok(out);
    }
    if (!ok)
        out->len = before;
    sdp_parser_free(parser);
    su_home_deinit(home);
    return ok;
}

static bool begins(struct vx_str line, const char *with) {
    size_t len = strlen(with);

    return line.len >= len && memcmp(line.at, with, len) == 0;
}

static bool is_media_attribute(struct vx_str line) {
    for (size_t i = 0; i < sizeof media_names / sizeof *media_names; i++)
        if (begins(line, "a=") &&
            vx_str_eq((struct vx_str){line.at + 2, line.len - 2}, vx_str(media_names[i])))
            return true;
    return false;
}

/* "m=audio 0 ...": a stream that was refused. */
static bool is_refused(struct vx_str line) {
    take(&line, ' ');
    return vx_str_eq(take(&line, ' '), VX_STR("0"));
}

unsigned vx_sdp_streams(struct vx_str sdp) {
    unsigned streams = 0;

    while (sdp.len > 0)
        streams += begins(take(&sdp, '\n'), "m=");
    return streams;
}

void vx_sdp_turn(struct vx_buf *out, const struct vx_sdp_origin *origin, struct vx_str last) {
    bool open = false;

    while (last.len > 0) {
        struct vx_str line = take(&last, '\n');

        if (line.len && line.at[line.len - 1] == '\r')
            line.len--;
        if (begins(line, "m=")) {
            if (open)
                media_line(out, origin->media);
            open = !is_refused(line);
        }
        if (begins(line, "o=")) {
            vx_sdp_origin_line(out, origin, origin->version);
        } else if (!is_media_attribute(line)) {
            vx_buf_str(out, line);
            vx_buf_puts(out, "\r\n");
        }
    }
    if (open)
        media_line(out, origin->media);
}
