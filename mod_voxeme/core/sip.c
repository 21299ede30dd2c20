#include "core/sip.h"

#define WORD(text)                                                                                 \
    { text, sizeof text - 1 }

static const struct vx_str status_words[VX_CALL_STATUS_COUNT] = {
    [VX_CALL_QUEUED] = WORD("queued"),
    [VX_CALL_TRYING] = WORD("trying"),
    [VX_CALL_RINGING] = WORD("ringing"),
    [VX_CALL_EARLY_MEDIA] = WORD("early-media"),
    [VX_CALL_IN_PROGRESS] = WORD("in-progress"),
    [VX_CALL_COMPLETED] = WORD("completed"),
    [VX_CALL_BUSY] = WORD("busy"),
    [VX_CALL_NO_ANSWER] = WORD("no-answer"),
    [VX_CALL_FAILED] = WORD("failed"),
};

struct vx_str vx_call_status_word(enum vx_call_status s) {
    return status_words[(size_t)s < VX_CALL_STATUS_COUNT ? s : VX_CALL_FAILED];
}

const char *vx_call_status_name(enum vx_call_status s) {
    return vx_call_status_word(s).at;
}

bool vx_call_status_parse(enum vx_call_status *out, struct vx_str name) {
    for (size_t i = 0; i < VX_CALL_STATUS_COUNT; i++)
        if (vx_str_eq(name, status_words[i])) {
            *out = (enum vx_call_status)i;
            return true;
        }
    return false;
}

enum vx_call_status vx_sip_unanswered(unsigned sip_status) {
    switch (sip_status) {
    case 486:
    case 600:
    case 603:
        return VX_CALL_BUSY;
    case 408:
    case 480:
    case 487:
        return VX_CALL_NO_ANSWER;
    default:
        return VX_CALL_FAILED;
    }
}

/* What mod_sofia answers. */
static const struct {
    const char *cause;
    unsigned status;
} causes[] = {
    {"UNALLOCATED_NUMBER", 404},
    {"NO_ROUTE_TRANSIT_NET", 404},
    {"NO_ROUTE_DESTINATION", 404},
    {"USER_BUSY", 486},
    {"NO_USER_RESPONSE", 408},
    {"NO_ANSWER", 480},
    {"SUBSCRIBER_ABSENT", 480},
    {"NORMAL_UNSPECIFIED", 480},
    {"CALL_REJECTED", 603},
    {"DECLINE", 603},
    {"REJECT_ALL", 603},
    {"NUMBER_CHANGED", 410},
    {"REDIRECTION_TO_NEW_DESTINATION", 410},
    {"DESTINATION_OUT_OF_ORDER", 502},
    {"INVALID_PROFILE", 502},
    {"INVALID_NUMBER_FORMAT", 484},
    {"INVALID_URL", 484},
    {"INVALID_GATEWAY", 484},
    {"FACILITY_NOT_IMPLEMENTED", 501},
    {"FACILITY_REJECTED", 501},
    {"SERVICE_NOT_IMPLEMENTED", 501},
    {"NORMAL_TEMPORARY_FAILURE", 503},
    {"REQUESTED_CHAN_UNAVAIL", 503},
    {"NORMAL_CIRCUIT_CONGESTION", 503},
    {"NETWORK_OUT_OF_ORDER", 503},
    {"SWITCH_CONGESTION", 503},
    {"GATEWAY_DOWN", 503},
    {"BEARERCAPABILITY_NOTAVAIL", 503},
    {"OUTGOING_CALL_BARRED", 403},
    {"INCOMING_CALL_BARRED", 403},
    {"BEARERCAPABILITY_NOTAUTH", 403},
    {"INCOMPATIBLE_DESTINATION", 488},
    {"BEARERCAPABILITY_NOTIMPL", 488},
    {"RECOVERY_ON_TIMER_EXPIRE", 504},
    {"ORIGINATOR_CANCEL", 487},
    {"LOSE_RACE", 487},
    {"EXCHANGE_ROUTING_ERROR", 483},
    {"BUSY_EVERYWHERE", 600},
};

unsigned vx_sip_status_of_cause(struct vx_str cause) {
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++)
        if (vx_str_eq(cause, vx_str(causes[i].cause)))
            return causes[i].status;
    return 480;
}

/* RFC 3398, section 8.2.6.1, by FreeSWITCH's names. It has no row for 487, which never becomes a
 * REL, and leaves 488 and 606 to their Warning header. */
static const struct {
    unsigned status;
    const char *cause;
} causes_of_status[] = {
    {400, "NORMAL_TEMPORARY_FAILURE"},
    {401, "CALL_REJECTED"},
    {402, "CALL_REJECTED"},
    {403, "CALL_REJECTED"},
    {404, "UNALLOCATED_NUMBER"},
    {405, "SERVICE_UNAVAILABLE"},
    {406, "SERVICE_NOT_IMPLEMENTED"},
    {407, "CALL_REJECTED"},
    {408, "RECOVERY_ON_TIMER_EXPIRE"},
    {410, "NUMBER_CHANGED"},
    {413, "INTERWORKING"},
    {414, "INTERWORKING"},
    {415, "SERVICE_NOT_IMPLEMENTED"},
    {416, "INTERWORKING"},
    {420, "INTERWORKING"},
    {421, "INTERWORKING"},
    {423, "INTERWORKING"},
    {480, "NO_USER_RESPONSE"},
    {481, "NORMAL_TEMPORARY_FAILURE"},
    {482, "EXCHANGE_ROUTING_ERROR"},
    {483, "EXCHANGE_ROUTING_ERROR"},
    {484, "INVALID_NUMBER_FORMAT"},
    {485, "UNALLOCATED_NUMBER"},
    {486, "USER_BUSY"},
    {487, "ORIGINATOR_CANCEL"},
    {488, "INCOMPATIBLE_DESTINATION"},
    {500, "NORMAL_TEMPORARY_FAILURE"},
    {501, "SERVICE_NOT_IMPLEMENTED"},
    {502, "NETWORK_OUT_OF_ORDER"},
    {503, "NORMAL_TEMPORARY_FAILURE"},
    {504, "RECOVERY_ON_TIMER_EXPIRE"},
    {505, "INTERWORKING"},
    {513, "INTERWORKING"},
    {600, "USER_BUSY"},
    {603, "CALL_REJECTED"},
    {604, "UNALLOCATED_NUMBER"},
    {606, "INCOMPATIBLE_DESTINATION"},
};

const char *vx_sip_cause_of_status(unsigned sip_status) {
    if (sip_status >= 200 && sip_status < 300)
        return "NORMAL_CLEARING";
    for (size_t i = 0; i < sizeof causes_of_status / sizeof *causes_of_status; i++)
        if (causes_of_status[i].status == sip_status)
            return causes_of_status[i].cause;
    return "NORMAL_UNSPECIFIED";
}

static const struct {
    unsigned status;
    const char *reason;
} reasons[] = {
    {100, "Trying"},
    {180, "Ringing"},
    {181, "Call Is Being Forwarded"},
    {182, "Queued"},
    {183, "Session Progress"},
    {200, "OK"},
    {202, "Accepted"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Moved Temporarily"},
    {305, "Use Proxy"},
    {380, "Alternative Service"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {410, "Gone"},
    {413, "Request Entity Too Large"},
    {414, "Request-URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Unsupported URI Scheme"},
    {420, "Bad Extension"},
    {421, "Extension Required"},
    {422, "Session Interval Too Small"},
    {423, "Interval Too Brief"},
    {480, "Temporarily Unavailable"},
    {481, "Call/Transaction Does Not Exist"},
    {482, "Loop Detected"},
    {483, "Too Many Hops"},
    {484, "Address Incomplete"},
    {485, "Ambiguous"},
    {486, "Busy Here"},
    {487, "Request Terminated"},
    {488, "Not Acceptable Here"},
    {491, "Request Pending"},
    {493, "Undecipherable"},
    {500, "Server Internal Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Server Time-out"},
    {505, "Version Not Supported"},
    {513, "Message Too Large"},
    {600, "Busy Everywhere"},
    {603, "Decline"},
    {604, "Does Not Exist Anywhere"},
    {606, "Not Acceptable"},
};

const char *vx_sip_reason(unsigned sip_status) {
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == sip_status)
            return reasons[i].reason;
    return "";
}
