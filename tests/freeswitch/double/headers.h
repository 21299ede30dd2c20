/* The headers of an event that the module reads, and one that it does not. */
#ifndef VX_DOUBLE_HEADERS_H
#define VX_DOUBLE_HEADERS_H

static const char *const fs_headers[] = {
    "Unique-ID",
    "Old-Unique-ID",
    "Channel-Name",
    "Call-Direction",
    "Other-Type",
    "Other-Leg-Unique-ID",
    "Caller-Caller-ID-Number",
    "Caller-Caller-ID-Name",
    "Caller-Destination-Number",
    "Caller-Channel-Created-Time",
    "Caller-Channel-Progress-Time",
    "Caller-Channel-Progress-Media-Time",
    "Caller-Channel-Answered-Time",
    "Caller-Channel-Hangup-Time",
    "Event-Sequence",
    "Hangup-Cause",
    "variable_originating_leg_uuid",
    "variable_sip_call_id",
    "variable_sip_term_status",
    "variable_sip_invite_failure_status",
    "variable_sip_invite_failure_phrase",
    "variable_proto_specific_hangup_cause",
    "variable_sip_network_ip",
    "variable_sip_network_port",
    "Caller-Network-Addr",
    "variable_sip_req_host",
    "variable_domain_name",
    "variable_sip_auth_realm",
    "variable_sip_gateway",
    "variable_voxeme_account_sid",
    "variable_sip_h_X-Account-Sid",
    "variable_voxeme_application_sid",
    "variable_sip_h_X-Application-Sid",
    "variable_accountcode",
    "variable_something_else",
};
#define FS_HEADERS (sizeof fs_headers / sizeof *fs_headers)

#endif
