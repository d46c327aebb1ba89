"""stapes export: write one layout, whole or not at all."""

import shutil
from pathlib import Path

from stapes.convert.export.layouts import LAYOUTS
from stapes.convert.export.library import gather
from stapes.convert.lower.names import module_name
from stapes.firmware_sim.errors import OutputError
from stapes.firmware_sim.outputs import require_new


def export(detector: Path, layout: str, out: Path, *, force: bool = False) -> list[str]:
    """Write a detector as a C library into the folder `out`; return the files. Its name is the detector's.

    Raises OutputError where `out` exists and `force` is not set; DetectorFolderError, ModelError as reading and
    compiling do. After an error nothing has changed.
    """
    require_new(out, force)
    if out.exists() and not (out / "README.md").is_file():
        raise OutputError(f"{out} is no exported library, and --force replaces those only; choose another name")
    name = module_name(detector.absolute().stem, "detector")
    library = gather(detector, name, single_file=LAYOUTS[layout].single_file)
    files = LAYOUTS[layout].files(library)
    draft = out.absolute().with_name(f".{out.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        for path, text in files.items():
            (draft / path).parent.mkdir(parents=True, exist_ok=True)
            (draft / path).write_text(text, encoding="utf-8")
        if out.exists():
            shutil.rmtree(out)
        draft.replace(out)
    except OSError as error:
        raise OutputError(f"{out}: cannot be written ({error.strerror})") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return sorted(files)
