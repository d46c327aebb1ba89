"""`stapes export`: write a detector in one layout, whole or not at all."""

from pathlib import Path

from stapes.convert.export.layouts import layout
from stapes.convert.export.library import gather
from stapes.firmware_sim.errors import OutputError
from stapes.firmware_sim.outputs import Mark, new_folder, require_new_folder

MARK = Mark("README.md", text="made by stapes")  # --force replaces only folders that hold it


def export(detector: Path, layout_name: str, out: Path, *, force: bool = False, loadable: bool = False) -> list[str]:
    """Write a detector as a C library into the folder `out` and return the paths of its files.

    layout_name: one of layouts.LAYOUTS. The library is named after the detector's folder. Parents of `out` are made.
    loadable: the program can take another model as a blob.
    Raises OutputError where `out` exists and `force` is not set or it cannot be written, and what `gather` raises.
    After an error nothing has changed.
    """
    if out.absolute().parent.is_dir():
        require_new_folder(out, force, MARK)
    chosen = layout(layout_name)
    files = chosen.files(gather(detector, single_file=chosen.SINGLE_FILE, loadable=loadable))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out.parent} cannot be made ({error.strerror}); choose another folder") from error
    with new_folder(out, force=force, mark=MARK) as draft:
        for path, text in files.items():
            (draft / path).parent.mkdir(parents=True, exist_ok=True)
            (draft / path).write_text(text, encoding="utf-8")
    return sorted(files)
