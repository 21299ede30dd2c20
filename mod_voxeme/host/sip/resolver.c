#include "host/sip/resolver.h"

#include "host/sip/sofia.h"

#include <netdb.h>

static bool addresses_only;

void vx_resolver_addresses_only(bool only) {
    addresses_only = only;
}

/* The dynamic linker prefers this definition to libsofia-sip-ua's, also for calls from inside it.
 */
__attribute__((visibility("default"))) int su_getaddrinfo(char const *node, char const *service,
                                                          su_addrinfo_t const *hints,
                                                          su_addrinfo_t **res) {
    struct addrinfo ours = hints ? *hints : (struct addrinfo){0};

    if (addresses_only)
        ours.ai_flags |= AI_NUMERICHOST;
    return getaddrinfo(node, service, &ours, res);
}
