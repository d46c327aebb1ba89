"""A compiled model whose kernels are the plain ones of csrc/nn/reference, the specification of the fast ones."""

import shutil
from pathlib import Path

from stapes.convert.compile import compile_model
from stapes.convert.emit.amalgamate import LAYOUT_HEADER
from stapes.firmware_sim.sources import CSRC

REFERENCE = CSRC / "nn" / "reference"
KERNELS = Path(__file__).parents[1] / "convert" / "reference_kernels.c"


def compile_with_reference_kernels(tflite: bytes, folder: Path, name: str, float_interface: bool = False) -> None:
    """Write what `stapes compile --target portable` writes, with the plain kernels in place of the fast ones."""
    compile_model(tflite, folder, name, "portable", float_interface=float_interface)
    for fast in folder.glob("stapes_nn_*.[ch]"):
        if fast.name != LAYOUT_HEADER:  # which stapes_nn.h includes
            fast.unlink()
    for file in (*REFERENCE.glob("*.[ch]"), KERNELS):
        shutil.copy(file, folder)
