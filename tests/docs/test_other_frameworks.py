"""docs/from-pytorch-and-onnx.md: its commands run where litert-torch or onnx2tf is installed; the C equals LiteRT.

Both need environments of their own. STAPES_LITERT_TORCH_PYTHON names the Python of the one with litert-torch,
STAPES_ONNX2TF_PYTHON that of the one with onnx2tf.
"""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from page_blocks import ROOT, Block, read_blocks
from page_stage import Stage

from stapes.convert.verify import differences

BLOCKS = read_blocks(ROOT / "docs" / "from-pytorch-and-onnx.md")

# A network as an ONNX file with the input that the page names, and samples for it.
WRITE_ONNX = """
import numpy as np, onnx
from onnx import TensorProto, helper, numpy_helper
rng = np.random.default_rng(0)
weights = [numpy_helper.from_array(rng.normal(0, 0.1, shape).astype(np.float32), name)
           for name, shape in (("w1", (8, 1, 3, 3)), ("b1", (8,)), ("w2", (4, 960)), ("b2", (4,)))]
nodes = [helper.make_node(kind, taken, given, **options) for kind, taken, given, options in (
    ("Conv", ["features", "w1", "b1"], ["c"], {"pads": [1, 1, 1, 1], "kernel_shape": [3, 3]}),
    ("Relu", ["c"], ["r"], {}),
    ("MaxPool", ["r"], ["p"], {"kernel_shape": [2, 2], "strides": [2, 2]}),
    ("Flatten", ["p"], ["f"], {"axis": 1}),
    ("Gemm", ["f", "w2", "b2"], ["g"], {"transB": 1}),
    ("Softmax", ["g"], ["scores"], {"axis": 1}))]
tensor = helper.make_tensor_value_info
graph = helper.make_graph(nodes, "kws", [tensor("features", TensorProto.FLOAT, [1, 1, 49, 10])],
                          [tensor("scores", TensorProto.FLOAT, [1, 4])], weights)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), "kws.onnx")
x = rng.normal(size=(100, 1, 49, 10)).astype(np.float32)
np.savez("onnx_samples.npz", features=x.transpose(0, 2, 3, 1))
"""


def python_with(package: str, variable: str) -> str:
    """Return the Python of the environment that a variable names; skip where there is none."""
    if variable not in os.environ:
        pytest.skip(f"needs {package} in an environment of its own; name its Python in {variable}")
    return os.environ[variable]


def run_there(python: str, command: list[str], folder: Path) -> None:
    """Run a program of another environment, which must not see this one's modules."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["PATH"] = f"{Path(python).parent}:{environment['PATH']}"
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr


def block_with(text: str) -> Block:
    return next(block for block in BLOCKS if text in block.text)


def run_the_rest(stage: Stage, block: Block) -> None:
    """Run a block without its first line, which is the other environment's."""
    stage.run(replace(block, text=block.text.partition("\n")[2]))


@pytest.fixture
def stage(compiled_detector: Path, tmp_path: Path) -> Stage:
    return Stage(tmp_path, compiled_detector, {})


@pytest.mark.slow
def test_a_model_of_pytorch_becomes_c_with_the_bits_of_litert(stage: Stage) -> None:
    python = python_with("litert-torch", "STAPES_LITERT_TORCH_PYTHON")
    stage.run(block_with("import litert_torch"))
    run_there(python, [python, "to_tflite.py"], stage.folder)
    run_the_rest(stage, block_with("quantize from_torch.tflite"))
    tflite = (stage.folder / "from_torch_int8.tflite").read_bytes()
    assert set(differences(tflite, stage.folder / "from_torch_c").values()) == {0}


@pytest.mark.slow
def test_a_model_of_onnx_becomes_c_with_the_bits_of_litert(stage: Stage) -> None:
    python = python_with("onnx2tf", "STAPES_ONNX2TF_PYTHON")
    run_there(python, [python, "-c", WRITE_ONNX], stage.folder)
    block = block_with("onnx2tf -i")
    run_there(python, block.text.partition("\n")[0].split(), stage.folder)
    run_the_rest(stage, block)
    tflite = (stage.folder / "from_onnx_int8.tflite").read_bytes()
    assert set(differences(tflite, stage.folder / "from_onnx_c").values()) == {0}
