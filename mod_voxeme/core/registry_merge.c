/*
 * The state machine of a call, as a function of what is known and what an event says; the clock is
 * asked only for times that neither tells.
 *
 * It only goes forward: trying < ringing < early-media < in-progress < ended. A late event fills
 * what is still unknown. What was only guessed (a time taken from our own clock, a SIP status made
 * from a cause) gives way to what an event says.
 */
#include "core/registry_private.h"

/* Cuts at a character's first byte, so that a long UTF-8 name does not end in half a character. */
VX_SELDOM static struct vx_str cut_long(struct vx_str s, size_t max, uint64_t *truncated) {
    ++*truncated;
    s.len = max;
    while (s.len > 0 && s.len + 4 > max && ((unsigned char)s.at[s.len] & 0xc0) == 0x80)
        s.len--;
    return s;
}

static struct vx_str cut(struct vx_str s, size_t max, uint64_t *truncated) {
    return s.len <= max ? s : cut_long(s, max, truncated);
}

static void fill_text(struct vx_str *known, struct vx_str said, size_t max, uint64_t *truncated) {
    if (!known->at && said.at)
        *known = cut(said, max, truncated);
}

static void fill_sid(struct vx_uuid *known, const struct vx_uuid *said) {
    if (vx_uuid_is_nil(known))
        *known = *said;
}

static void fill_time(int64_t *known, uint8_t *guessed, enum guess guess, int64_t said) {
    if (said > 0 && (*known == 0 || (*guessed & guess))) {
        *known = said;
        *guessed &= (uint8_t)~guess;
    }
}

/* A time that the host did not tell is when we heard of it. */
static void guess_time(int64_t *known, uint8_t *guessed, enum guess guess,
                       const struct vx_clock *clock) {
    if (*known == 0) {
        *known = vx_wall_us(clock);
        *guessed |= guess;
    }
}

/* Hosts rewrite the parties during a call. What counts is what the earliest event said, also when a
 * later one arrived before it. */
static void fill_parties(struct vx_call_fields *f, struct knowledge *k, const struct vx_event *e,
                         size_t max, uint64_t *truncated) {
    struct vx_str *known[] = {&f->text[VX_TEXT_FROM], &f->text[VX_TEXT_TO],
                              &f->text[VX_TEXT_CALLER_NAME]};
    const struct vx_str said[] = {e->from, e->to, e->caller_name};
    bool earlier = e->sequence && e->sequence < k->first_sequence;
    bool told = false;

    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        if (earlier && said[i].at)
            *known[i] = VX_NONE;
        fill_text(known[i], said[i], max, truncated);
        told = told || said[i].at;
    }
    if (told && (earlier || !k->first_sequence))
        k->first_sequence = e->sequence;
}

static void fill(struct vx_call_fields *f, struct knowledge *k, const struct vx_event *e,
                 size_t max, uint64_t *truncated) {
    fill_parties(f, k, e, max, truncated);
    fill_text(&f->text[VX_TEXT_CALL_ID], e->call_id, max, truncated);
    fill_text(&f->text[VX_TEXT_SIP_IP], e->originating_sip_ip, max, truncated);
    fill_text(&f->text[VX_TEXT_TRUNK], e->originating_sip_trunk_name, max, truncated);
    if (e->tag.at && e->tag.len <= VX_TAG_BYTES)
        f->text[VX_TEXT_TAG] = e->tag;
    if (e->status_hook)
        f->hook = e->status_hook;
    if (f->direction == VX_DIRECTION_UNKNOWN)
        f->direction = e->direction;
    fill_sid(&f->parent_call_sid, &e->parent_call_sid);
    fill_time(&f->attempted_us, &k->guessed, GUESSED_ATTEMPTED, e->attempted_us);
    fill_time(&f->answered_us, &k->guessed, GUESSED_ANSWERED, e->answered_us);
}

static enum vx_call_status status_said(const struct vx_event *e) {
    if (e->answered_us > 0)
        return VX_CALL_IN_PROGRESS;
    switch (e->type) {
    case VX_EVENT_ANSWER:
        return VX_CALL_IN_PROGRESS;
    case VX_EVENT_MEDIA:
        return VX_CALL_EARLY_MEDIA;
    case VX_EVENT_PROGRESS:
        return VX_CALL_RINGING;
    case VX_EVENT_CREATE:
    case VX_EVENT_UPDATE:
    case VX_EVENT_HANGUP:
    case VX_EVENT_RENAME:
    default:
        return VX_CALL_TRYING;
    }
}

static uint16_t usual_sip_status(enum vx_call_status status) {
    switch ((int)status) {
    case VX_CALL_RINGING:
        return 180;
    case VX_CALL_EARLY_MEDIA:
        return 183;
    case VX_CALL_IN_PROGRESS:
        return 200;
    default:
        return 100;
    }
}

static bool fits(uint16_t sip_status, enum vx_call_status status) {
    return status == VX_CALL_IN_PROGRESS ? sip_status / 100 == 2 : sip_status / 100 == 1;
}

static void set_reason(struct vx_call_fields *f, struct vx_str reason, size_t max,
                       uint64_t *truncated) {
    f->text[VX_TEXT_SIP_REASON] = cut(reason, max, truncated);
}

static void advance(struct vx_call_fields *f, const struct vx_event *e, size_t max,
                    uint64_t *truncated) {
    enum vx_call_status status = status_said(e);
    /* Of two provisional responses that say the same the later one counts. */
    bool anew = status == f->status && status != VX_CALL_TRYING && e->sip_status / 100 == 1 &&
                e->sip_status != f->sip_status;

    if (f->sip_status && status <= f->status && !(anew && status != VX_CALL_IN_PROGRESS))
        return;
    f->status = status;
    f->sip_status = fits(e->sip_status, status) ? e->sip_status : usual_sip_status(status);
    set_reason(f, f->sip_status == e->sip_status ? e->sip_reason : VX_NONE, max, truncated);
}

/* 200 stays what an answered call shows, whatever ended it. */
static void end_answered(struct vx_call_fields *f, uint8_t *guessed, const struct vx_event *e,
                         size_t max, uint64_t *truncated) {
    struct vx_str reason = e->sip_status == 200 ? e->sip_reason : VX_NONE;

    if (f->sip_status != 200 || !f->text[VX_TEXT_SIP_REASON].at)
        set_reason(f, reason, max, truncated);
    f->status = VX_CALL_COMPLETED;
    f->sip_status = 200;
    *guessed &= (uint8_t)~GUESSED_SIP_STATUS;
}

static void end_unanswered(struct vx_call_fields *f, uint8_t *guessed, const struct vx_event *e,
                           size_t max, uint64_t *truncated) {
    bool decided = vx_call_status_ended(f->status) && !(*guessed & GUESSED_SIP_STATUS);

    if (decided)
        return;
    if (e->sip_status >= 300) {
        f->sip_status = e->sip_status;
        set_reason(f, e->sip_reason, max, truncated);
        *guessed &= (uint8_t)~GUESSED_SIP_STATUS;
    } else {
        f->sip_status = (uint16_t)vx_sip_status_of_cause(f->text[VX_TEXT_TERMINATION]);
        set_reason(f, VX_NONE, max, truncated);
        *guessed |= GUESSED_SIP_STATUS;
    }
    f->status = vx_sip_unanswered(f->sip_status);
}

static void end(struct vx_call_fields *f, uint8_t *guessed, const struct vx_event *e,
                const struct vx_clock *clock, size_t max, uint64_t *truncated) {
    if (*guessed & GUESSED_END) { /* an audit gave the call up too soon: the host knows better */
        *guessed &= (uint8_t)~GUESSED_END;
        *guessed |= GUESSED_SIP_STATUS;
        f->text[VX_TEXT_TERMINATION] = VX_NONE;
    }
    fill_time(&f->ended_us, guessed, GUESSED_ENDED, e->ended_us);
    guess_time(&f->ended_us, guessed, GUESSED_ENDED, clock);
    fill_text(&f->text[VX_TEXT_TERMINATION], e->cause, max, truncated);
    if (f->answered_us)
        end_answered(f, guessed, e, max, truncated);
    else
        end_unanswered(f, guessed, e, max, truncated);
}

static void guess_answer(struct vx_call_fields *f, struct knowledge *k, bool ended,
                         const struct vx_clock *clock) {
    if (ended && f->answered_us == 0) {
        f->answered_us = f->ended_us;
        k->guessed |= GUESSED_ANSWERED;
    }
    guess_time(&f->answered_us, &k->guessed, GUESSED_ANSWERED, clock);
}

void vx_call_merge(struct vx_call_fields *f, struct knowledge *k, const struct vx_event *e,
                   const struct vx_clock *clock, size_t max, uint64_t *truncated) {
    bool ended = vx_call_status_ended(f->status);

    fill(f, k, e, max, truncated);
    if (!ended)
        advance(f, e, max, truncated);
    if (e->type == VX_EVENT_ANSWER)
        guess_answer(f, k, ended, clock);
    if (e->type == VX_EVENT_HANGUP || (ended && !(k->guessed & GUESSED_END)))
        end(f, &k->guessed, e, clock, max, truncated);
    guess_time(&f->attempted_us, &k->guessed, GUESSED_ATTEMPTED, clock);
}

void vx_call_merge_lost(struct vx_call_fields *f, uint8_t *guessed, int64_t now) {
    f->status = VX_CALL_FAILED;
    f->sip_status = 500;
    f->text[VX_TEXT_SIP_REASON] = VX_NONE;
    f->text[VX_TEXT_TERMINATION] = VX_STR("lost");
    f->ended_us = now;
    *guessed |= GUESSED_ENDED | GUESSED_END;
}

bool vx_call_fields_eq(const struct vx_call_fields *a, const struct vx_call_fields *b) {
    if (a->attempted_us != b->attempted_us || a->answered_us != b->answered_us ||
        a->ended_us != b->ended_us || a->status != b->status || a->direction != b->direction ||
        a->sip_status != b->sip_status)
        return false;
    for (size_t i = 0; i < VX_TEXT_COUNT; i++)
        if (!vx_str_eq(a->text[i], b->text[i]) || !a->text[i].at != !b->text[i].at)
            return false;
    return vx_uuid_eq(&a->call_sid, &b->call_sid) && vx_uuid_eq(&a->account_sid, &b->account_sid) &&
           vx_uuid_eq(&a->application_sid, &b->application_sid) &&
           vx_uuid_eq(&a->parent_call_sid, &b->parent_call_sid);
}
