/* What the files of the test double share. */
#ifndef VX_DOUBLE_PRIVATE_H
#define VX_DOUBLE_PRIVATE_H

#include <stddef.h>

/* Changes what double_left() counts. */
void double_take(int by);
/* Ends the test when `p` is NULL. */
void *double_need(void *p);

#endif
