"""stapes export: write one layout, whole or not at all."""

from pathlib import Path

from stapes.convert.export.layouts import LAYOUTS
from stapes.convert.export.library import gather
from stapes.convert.lower.names import module_name
from stapes.firmware_sim.outputs import Mark, new_folder, require_new_folder

MARK = Mark("README.md", text="made by stapes")  # --force replaces only folders that hold it


def export(detector: Path, layout: str, out: Path, *, force: bool = False) -> list[str]:
    """Write a detector as a C library into the folder `out`; return the files. Its name is the detector's.

    Raises OutputError where `out` exists and `force` is not set; DetectorFolderError, ModelError as reading and
    compiling do. After an error nothing has changed.
    """
    require_new_folder(out, force, MARK)
    name = module_name(detector.absolute().stem, "detector")
    library = gather(detector, name, single_file=LAYOUTS[layout].single_file)
    files = LAYOUTS[layout].files(library)
    with new_folder(out, force=force, mark=MARK) as draft:
        for path, text in files.items():
            (draft / path).parent.mkdir(parents=True, exist_ok=True)
            (draft / path).write_text(text, encoding="utf-8")
    return sorted(files)
