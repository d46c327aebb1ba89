"""Names: layers of the generated C are called what the model's author called them, operators as in the schema."""

import pytest
from ai_edge_litert.schema_py_generated import BuiltinOperator, BuiltinOptions

from stapes.convert.lower.layers import SUPPORTED, layer
from stapes.convert.lower.names import NameMaker, layer_part
from stapes.firmware_sim.tflite import schema


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


def test_operators_are_numbered_as_in_the_schema_of_litert() -> None:
    numbers = {name: number for name, number in vars(BuiltinOperator).items() if isinstance(number, int)}
    assert {name: number for number, name in enumerate(schema.OPERATORS)} == {
        name: numbers[name] for name in schema.OPERATORS
    }


def test_options_are_numbered_as_in_the_schema_of_litert() -> None:
    numbers = {name.upper(): number for name, number in vars(BuiltinOptions).items() if isinstance(number, int)}
    assert len(numbers) == len(schema.OPTIONS_TYPES)
    for number, name in enumerate(schema.OPTIONS_TYPES[1:], start=1):
        assert numbers[f"{name.replace('_', '')}OPTIONS"] == number, name


def test_every_type_of_options_belongs_to_an_operator() -> None:
    assert {schema.options_type(kind) for kind in schema.OPERATORS} == set(schema.OPTIONS_TYPES)


def test_the_name_of_a_custom_operator_is_abbreviated() -> None:
    assert schema.operator_name(schema.OPERATORS.index("CUSTOM"), "n" * 100_000) == f"CUSTOM '{'n' * 64}'"


def test_every_file_of_an_operator_bears_its_name_in_the_schema() -> None:
    """A file with another name would never be found."""
    assert set(SUPPORTED) < set(schema.OPERATORS)
    assert all(callable(layer(kind).lower) for kind in SUPPORTED)
