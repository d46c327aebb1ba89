/* stapes_host_api.h -- how Python calls a generated model that was built for this machine. Apache-2.0. */

/* `steps` steps of the model whose memory `self` is: `given` holds every step's inputs, `made` every step's outputs,
 * one after the other. */
typedef void (*stapes_host_steps)(void *self, int32_t steps, const char *given, char *made);

/* A model and where the outputs of its next step go. */
typedef struct {
    stapes_host_steps function;
    void *self;
    char *made;
    int32_t made_bytes; /* of one step */
} stapes_host_model;

/* Run `steps` steps and move `made` on, without the libffi that a function of a dlopened library goes through. */
void stapes_host_run(stapes_host_model *model, int32_t steps, const char *given);
