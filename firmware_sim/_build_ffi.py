"""Build csrc/ as the extension module stapes.firmware_sim._native (cffi, API mode).

No `*_api.h` in csrc/ has preprocessor lines, so the C compiler and cffi read the same prototypes.
"""

from pathlib import Path

from cffi import FFI

CSRC = Path(__file__).parent / "csrc"
FILES = {path.name: path.relative_to(CSRC.parents[1]).as_posix() for path in sorted(CSRC.rglob("*.[ch]"))}
MODULES = (
    "stapes_events",
    "stapes_event_sweep",
    "stapes_frontend",
    "stapes_host",
    "stapes_recording",
    "stapes_sensitivity",
    "stapes_tail",
)
INCLUDED = ("stapes_events",)  # by the source of stapes_event_sweep

ffibuilder = FFI()
ffibuilder.cdef("\n".join((CSRC.parents[1] / FILES[f"{module}_api.h"]).read_text() for module in MODULES))
ffibuilder.set_source(
    "stapes.firmware_sim._native",
    "#include <stdint.h>\n#include <stddef.h>\n" + "".join(f'#include "{module}_api.h"\n' for module in MODULES),
    sources=[FILES[f"{module}.c"] for module in MODULES if module not in INCLUDED],
    depends=list(FILES.values()),  # so that a changed header also rebuilds the module
    include_dirs=[f"firmware_sim/csrc/{folder}" for folder in ("frontend", "detector", "detector/host", "nn/host")],
    extra_compile_args=["-O3", "-std=c99", "-Wall", "-Wextra"],
)
