/* What is allocated in the process of FreeSWITCH, for tests: `heap` answers with a number of bytes.
 * Resident memory is another matter: it holds what the C library keeps after it has been freed. */
#include "config.h" /* HAVE_MALLINFO2 */

#include <malloc.h>
#include <switch.h>

SWITCH_MODULE_LOAD_FUNCTION(mod_heap_load);
SWITCH_MODULE_DEFINITION(mod_heap, mod_heap_load, NULL, NULL);

SWITCH_STANDARD_API(heap) {
    (void)cmd;
    (void)session;
#ifdef HAVE_MALLINFO2
    struct mallinfo2 m = mallinfo2();
    char text[24];

    /* FreeSWITCH's own printf knows no %zu, and then says nothing. */
    snprintf(text, sizeof text, "%zu\n", m.uordblks + m.hblkhd);
    stream->write_function(stream, "%s", text);
#else
    stream->write_function(stream, "-ERR the C library does not tell\n");
#endif
    return SWITCH_STATUS_SUCCESS;
}

SWITCH_MODULE_LOAD_FUNCTION(mod_heap_load) {
    switch_api_interface_t *api_interface;

    *module_interface = switch_loadable_module_create_module_interface(pool, modname);
    SWITCH_ADD_API(api_interface, "heap", "bytes that are allocated", heap, "");
    return SWITCH_STATUS_SUCCESS;
}
