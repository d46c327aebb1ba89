"""`stapes export --blob`: the model of a detector as data, for programs that were exported with --loadable."""

from pathlib import Path

from stapes.convert.compile import detector_name, generate
from stapes.convert.lower.packing import LAYOUTS
from stapes.convert.supported import BLOB_TARGETS
from stapes.firmware_sim.device.blob import blob_of, is_blob
from stapes.firmware_sim.device.folder import read_folder
from stapes.firmware_sim.errors import ModelError, OutputError
from stapes.firmware_sim.outputs import new_file, require_new_file


def export_blob(detector: Path, target: str, out: Path, *, force: bool = False) -> int:
    """Write the model of a detector as a blob for one kind of processor into the file `out`; return its bytes.

    target: one of supported.BLOB_TARGETS. Raises OutputError where `out` exists and `force` is not set, is another
    kind of file, or cannot be written, ModelError for a model that cannot be loadable, and what read_folder raises.
    After an error nothing has changed.
    """
    require_new_file(out, force)
    if out.is_file() and not is_blob(out):
        raise OutputError(f"{out} is no blob of `stapes export --blob`, so it is not replaced; choose another --out")
    folder = read_folder(detector)
    try:
        model = generate(folder.model, detector_name(detector), loadable=True)
    except ModelError as error:
        raise error.in_file(folder.path / "model.tflite") from error
    assert model.constants is not None
    kind = BLOB_TARGETS[target]
    blob = blob_of(folder, model.constants, LAYOUTS[kind.layout].macro, kind.byte_order)
    with new_file(out) as draft:
        draft.write_bytes(blob)
    return len(blob)
