/* stapes_host.c -- calls generated models that were built for this machine. Apache-2.0. */
#include <stdint.h>

#include "stapes_host_api.h"

void stapes_host_run(stapes_host_steps function, void *self, int32_t steps, const char *given, char *made)
{
    function(self, steps, given, made);
}
