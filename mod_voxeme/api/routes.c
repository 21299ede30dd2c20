#include "api/api_private.h"

#define ACCOUNT_CALLS "/v1/Accounts/{account_sid}/Calls"
#define REF(name)     "{\"$ref\":\"#/components/schemas/" name "\"}"
#define LISTS         "{\"oneOf\":[" REF("CallList") "," REF("CallPage") "," REF("CallChanges") "]}"

/* Operations of one path stand together. */
const struct route vx_routes[] = {
    {VX_GET, ACCOUNT_CALLS, ACCESS_ACCOUNT, vx_get_calls, "getCalls",
     "Calls of the account that are in progress or recently ended, newest first.", LISTS, true,
     false},
    {VX_POST, ACCOUNT_CALLS, ACCESS_ACCOUNT, vx_create_call_once, "createCall",
     "Makes a call. Answered as soon as the leg exists, before it rings.", REF("Creation"), false,
     true},
    {VX_GET, ACCOUNT_CALLS "/{call_sid}", ACCESS_ACCOUNT, vx_get_call, "getCall", "One call.",
     REF("Call"), false, false},
    {VX_PUT, ACCOUNT_CALLS "/{call_sid}", ACCESS_ACCOUNT, vx_update_call, "updateCall",
     "Changes a call that is going on: one kind of change a request.", REF("Update"), false, true},
    {VX_POST, ACCOUNT_CALLS "/{call_sid}", ACCESS_ACCOUNT, vx_update_call, "updateCallByPost",
     "The same as PUT.", REF("Update"), false, true},
    {VX_DELETE, ACCOUNT_CALLS "/{call_sid}", ACCESS_ACCOUNT, vx_delete_call, "deleteCall",
     "Hangs up a call that is going on; takes one that has ended off the list.", NULL, false,
     false},
    {VX_GET, "/v1/Accounts/{account_sid}/CallCount", ACCESS_ACCOUNT, vx_get_call_count,
     "getCallCount", "How many calls of the account are in progress.", REF("CallCount"), false,
     false},
    {VX_GET, "/v1/Calls", ACCESS_ADMIN, vx_get_calls, "getAllCalls",
     "Calls of all accounts, unassigned ones included. Needs an admin token.", LISTS, true, false},
    {VX_GET, "/v1/openapi.json", ACCESS_PUBLIC, vx_get_openapi, "getOpenApi",
     "This description of the API.", "{\"type\":\"object\"}", false, false},
    {VX_GET, "/v1/asyncapi.json", ACCESS_PUBLIC, vx_get_asyncapi, "getAsyncApi",
     "The description of the live feeds.", "{\"type\":\"object\"}", false, false},
    {VX_GET, "/healthz", ACCESS_PUBLIC, vx_get_health, "getHealth", "200 while the server answers.",
     REF("Health"), false, false},
    {VX_GET, "/metrics", ACCESS_METRICS, vx_get_metrics, "getMetrics",
     "Counters in the Prometheus text format. Needs an admin token, or a source in metrics-allow.",
     NULL, false, false},
};
const size_t vx_route_count = sizeof vx_routes / sizeof *vx_routes;
