"""What cannot be compiled is said in one error: all of it, with counts, by its right name, and with what to do."""

from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from benchmarks.tflite_models import Builder, Layers
from stapes.convert.compile import compile_model, plan_model
from stapes.convert.lower.foreign import CONVERT_AGAIN
from stapes.convert.verify import differences
from stapes.firmware_sim.errors import ModelError
from stapes.runtime.main import main

MANY = 20


def refusal(tflite: bytes) -> list[str]:
    """Return the lines of the error with which a model is refused."""
    with pytest.raises(ModelError) as caught:
        plan_model(tflite, "model")
    return str(caught.value).splitlines()


def keras_model() -> "tf_keras.Model":  # type: ignore[name-defined]  # noqa: F821
    from stapes.convert.tensorflow import tf_keras

    tf_keras.utils.set_random_seed(1)
    layers = tf_keras.layers
    return tf_keras.Sequential(
        [
            layers.Input((10, 8, 1)),
            layers.Conv2D(4, 3, activation="relu", name="first"),
            layers.DepthwiseConv2D(3, name="second"),
            layers.Flatten(),
            layers.Dense(300, name="third"),
            layers.Softmax(),
        ]
    )


def converted(*optimizations: str, float16: bool = False) -> bytes:
    from stapes.convert.tensorflow import quiet_stderr, tf

    with quiet_stderr():
        converter = tf.lite.TFLiteConverter.from_keras_model(keras_model())
        converter.optimizations = [getattr(tf.lite.Optimize, name) for name in optimizations]
        if float16:
            converter.target_spec.supported_types = [tf.float16]
        tflite: bytes = converter.convert()
    return tflite


def customs(*names: str) -> bytes:
    """Return a model of custom operators, one after the other, that read memory of their runtime as well."""
    b = Builder()
    x = b.input("x", (1, 4), (0.1, 0))
    for number, _ in enumerate(names):
        scratch = b.tensor(f"scratch{number}", (16,), None, "uint8")
        x = b.operator("CUSTOM", [x, scratch], [b.tensor(f"y{number}", (1, 4), (0.1, 0))])
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(b.finish([x])))
    code = model.operatorCodes[0]
    model.operatorCodes = []
    for operator, name in zip(model.subgraphs[0].operators, names, strict=True):
        operator.opcodeIndex = len(model.operatorCodes)
        model.operatorCodes.append(schema.OperatorCodeT())
        model.operatorCodes[-1].__dict__.update(code.__dict__)
        model.operatorCodes[-1].customCode = name
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def weights_of(dtype: str) -> bytes:
    """Return a FULLY_CONNECTED whose weights have this type; activations of uint8 weights are uint8, too."""
    b, kind = Builder(), "uint8" if dtype == "uint8" else "int8"
    x = b.input("x", (1, 4), (0.1, 0), kind)
    w = b.tensor("w", (4, 4), (0.1, 0), dtype, np.zeros((4, 4) if dtype == "uint8" else (2, 4), kind))
    if dtype == "int4":
        b._graph.tensors[w].type = schema.TensorType.INT4
    y = b.tensor("y", (1, 4), (0.1, 0), kind)
    return b.finish([b.operator("FULLY_CONNECTED", [x, w], [y], "FullyConnectedOptions")])


def test_a_float_model_is_refused_by_that_name_with_what_to_do() -> None:
    lines = refusal(converted())
    assert "2 × " not in lines[0]
    assert lines[0].endswith(": computes in float32; convert the model again, to int8")
    assert all(f"1 × {kind}" in lines[0] for kind in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "SOFTMAX"))
    assert [line.strip() for line in lines[1:]] == [line.strip() for line in CONVERT_AGAIN]


def test_dynamic_range_quantization_is_refused_by_that_name() -> None:
    lines = refusal(converted("DEFAULT"))
    assert lines[0].endswith("operators cannot be compiled, for 2 reasons:")
    assert any("(dynamic-range quantization)" in line for line in lines[1:3])
    assert "converter.convert()" in lines[-1]


def test_float16_quantization_is_refused_by_that_name() -> None:
    lines = refusal(converted("DEFAULT", float16=True))
    assert any("× DEQUANTIZE" in line and "(float16 quantization)" in line for line in lines)
    assert "converter.convert()" in lines[-1]


def test_the_printed_lines_of_python_make_a_model_that_compiles(tmp_path: Path) -> None:
    from stapes.convert.tensorflow import quiet_stderr, tf

    samples = np.random.default_rng(1).normal(size=(20, 10, 8, 1)).astype(np.float32)
    names = {"tf": tf, "model": keras_model(), "samples": samples}
    code = "\n".join(line.removeprefix("    ") for line in CONVERT_AGAIN[1:])
    with quiet_stderr():
        exec(code, names)
    compile_model(names["tflite"], tmp_path, "model")
    assert set(differences(names["tflite"], tmp_path, steps=4).values()) == {0}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ethos-u", "compiled for an Arm Ethos-U; give the .tflite from before vela"),
        ("edgetpu-custom-op", "compiled for a Coral Edge TPU; give the .tflite from before edgetpu_compiler"),
        ("XC_conv2d_v2", "compiled for an XMOS xcore; give the .tflite from before xcore-opt"),
        ("NeutronGraph", "compiled for an NXP Neutron NPU; give the .tflite from before neutron-converter"),
        ("LceBconv2d", "has weights of one bit (Larq Compute Engine); convert a model with weights of int8"),
        ("FlexErf", "an operator of TensorFlow itself"),
        ("Mine", "no operator of the .tflite schema"),
    ],
)
def test_custom_operators_are_refused_by_what_they_were_made_for(name: str, said: str) -> None:
    (line,) = refusal(customs(name, name, name))
    assert line.startswith(f"3 × CUSTOM '{name}' (y0, y1, y2_custom")
    assert said in line


def test_a_model_for_an_ethos_u_of_another_maker_is_refused_by_that_name(cases_of_models: Path) -> None:
    (line,) = refusal((cases_of_models / "person_detect_vela.tflite").read_bytes())
    assert "CUSTOM 'ethos-u'" in line
    assert "give the .tflite from before vela" in line


@pytest.mark.parametrize(
    ("dtype", "said"), [("int4", "weights have fewer than 8 bits"), ("uint8", "the quantization of TensorFlow 1")]
)
def test_weights_of_other_types_are_refused_by_name(dtype: str, said: str) -> None:
    line, *more = refusal(weights_of(dtype))
    assert line.startswith("1 × FULLY_CONNECTED (y_fully_connected): ")
    assert said in line
    assert "converter.convert()" in more[-1]


def test_sparse_weights_are_refused_by_name() -> None:
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(weights_of("uint8")))
    sparsity = schema.SparsityParametersT()
    sparsity.traversalOrder = [0, 1]
    model.subgraphs[0].tensors[1].sparsity = sparsity
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    assert "tensor 1 (w) is sparse" in refusal(bytes(builder.Output()))[0]


def mixed() -> Layers:
    """Return layers of which two kinds cannot be compiled, and one can be, but not in all forms."""
    net = Layers(0)
    x = net.input("x", (1, 6, 6, 2), (0.05, 0))
    for number in range(4):
        x = net.simple("CEIL", f"up{number}", [x], (1, 6, 6, 2), (0.05, 0))
    x = net.simple("SOFTMAX", "soft", [x], (1, 6, 6, 2), (0.5, 0), "SoftmaxOptions", beta=1.0)
    net.simple("ROUND", "round", [x], (1, 6, 6, 2), (0.05, 0))
    return net


def test_everything_that_cannot_be_compiled_is_listed_with_counts_and_names() -> None:
    net = mixed()
    head, *lines = refusal(net.builder.finish([len(net.shape_of) - 1]))
    assert head == "6 operators cannot be compiled, for 3 reasons:"
    assert lines == [
        "  4 × CEIL (up0, up1, up2, …): not supported; `stapes compile --help` names what is",
        "  operator 4 (SOFTMAX, soft): output scale 0.5, zero point 0; supported: scale 1/256, zero point -128",
        "  operator 5 (ROUND, round_layer): not supported; `stapes compile --help` names what is",
    ]


def test_many_reasons_are_cut_to_a_list_that_fits_a_screen() -> None:
    lines = refusal(customs(*(f"Mine{number}" for number in range(MANY)), *(f"Flex{n}" for n in range(MANY))))
    assert len(lines) < MANY
    assert max(map(len, lines)) < 600


def test_the_command_prints_the_list_and_exits_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net = mixed()
    (tmp_path / "mixed.tflite").write_bytes(net.builder.finish([len(net.shape_of) - 1]))
    assert main(["compile", str(tmp_path / "mixed.tflite"), "--out", str(tmp_path / "c")]) == 1
    shown = capsys.readouterr().err.splitlines()
    assert shown[0] == f"error: {tmp_path / 'mixed.tflite'}: 6 operators cannot be compiled, for 3 reasons:"
    assert len(shown) == 4
    assert not (tmp_path / "c").exists()
