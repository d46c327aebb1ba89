"""Names in the generated C: layers are called what the author of the model called them."""

import pytest

from stapes.convert.lower.names import NameMaker, layer_part


@pytest.mark.parametrize(
    ("tensor", "layer"),
    [
        ("conv0/Relu;conv0/Conv2D", "conv0"),
        ("model/dense_1/BiasAdd/ReadVariableOp1", "dense_1"),
        ("gru_gates/Sigmoid", "gru_gates"),
        ("sequential/lstm/mul_3", "lstm"),
        ("tf.math.add/Add", "tf.math.add"),
        ("hidden/y", "hidden"),
        ("mul_3", "mul_3"),
        ("StatefulPartitionedCall:0", ""),
        ("StatefulPartitionedCall/functional/embedding:0", "embedding"),
        ("", ""),
    ],
)
def test_the_part_of_a_tensor_name_that_tells_its_layer_is_found(tensor: str, layer: str) -> None:
    assert layer_part(tensor) == layer


def test_a_second_operator_of_a_layer_is_told_by_what_it_does() -> None:
    names = NameMaker(["scores"])
    made = [names.make(*wish) for wish in (("gates", "conv_2d", "conv_2d"), ("gates", "logistic", "logistic"))]
    made += [names.make("scores", "logistic", "logistic"), names.make("gates", "logistic", "logistic")]
    assert made == ["gates", "gates_logistic", "scores_logistic", "gates_logistic_2"]
