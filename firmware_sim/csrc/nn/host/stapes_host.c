/* stapes_host.c -- calls a generated model that was built for this machine. Apache-2.0. */
#include <stddef.h>
#include <stdint.h>

#include "stapes_host_api.h"

void stapes_host_run(stapes_host_model *model, int32_t steps, const char *inputs)
{
    model->function(model->self, steps, inputs, model->outputs);
    model->outputs += (ptrdiff_t)steps * model->output_bytes;
}
