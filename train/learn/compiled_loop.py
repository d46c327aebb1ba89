"""A loop over steps that XLA compiles, within a training graph that it does not compile.

A GRU is a long loop of small operations, which XLA makes about twice as fast. Large convolutions it makes slower. Its
compiled clusters cannot pass on what the gradient of a loop needs, so the gradient is a cluster of its own that runs
the loop again.
"""

from collections.abc import Callable, Sequence
from typing import Any

from stapes.convert.tensorflow import tf

Tensor = Any  # tf.Tensor: tensorflow ships no types


def compiled_loop(run: Callable[..., Tensor], inputs: Sequence[Tensor], variables: Sequence[Any]) -> Tensor:
    """Return run(*inputs), compiled, with gradients for the inputs and for `variables`.

    `variables` are the trainable tf.Variables that `run` uses besides its inputs.
    """
    forward = tf.function(run, jit_compile=True, autograph=False)

    def gradients(output_gradient: Tensor, *values: Tensor) -> list[Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(values)
            output = run(*values)
        return tape.gradient(output, [*values, *variables], output_gradients=output_gradient)

    backward = tf.function(gradients, jit_compile=True, autograph=False)

    known = list(variables)

    @tf.custom_gradient
    def loop(*values: Tensor) -> tuple[Tensor, Callable[..., Any]]:
        def grad(output_gradient: Tensor, variables: Sequence[Any] = ()) -> Any:
            found = backward(output_gradient, *values)
            of_variables = {id(each): value for each, value in zip(known, found[len(values) :], strict=True)}
            of_inputs = found[: len(values)]
            return (of_inputs, [of_variables[id(each)] for each in variables]) if variables else of_inputs

        return forward(*values), grad

    return loop(*inputs)
