/* stapes_host_api.h -- how Python calls a generated model that was built for this machine. Apache-2.0.
 *
 * This file has no preprocessor lines, because the C compiler and Python's cffi read the same declarations. */

/* Run `steps` steps of the model with memory `self`: `inputs` holds the inputs of every step, one after the other, and
 * `outputs` takes the outputs of every step. */
typedef void (*stapes_host_steps)(void *self, int32_t steps, const char *inputs, char *outputs);

/* A model, and the address for the outputs of its next step. */
typedef struct {
    stapes_host_steps function;
    void *self;
    char *outputs;
    int32_t output_bytes; /* of one step */
} stapes_host_model;

/* Run `steps` steps and advance `outputs` past their outputs. Called through this function, a model in a dlopened
 * library avoids libffi, which is slower. */
void stapes_host_run(stapes_host_model *model, int32_t steps, const char *inputs);
