"""Build csrc/ as the extension module stapes.firmware_sim._native (cffi, API mode).

Each `csrc/*_api.h` is free of preprocessor lines, so that the C compiler and cffi read the same prototypes.
"""

from pathlib import Path

from cffi import FFI

CSRC = Path(__file__).parent / "csrc"
MODULES = ("stapes_events", "stapes_frontend", "stapes_host", "stapes_recording", "stapes_tail")

ffibuilder = FFI()
ffibuilder.cdef("\n".join((CSRC / f"{module}_api.h").read_text() for module in MODULES))
ffibuilder.set_source(
    "stapes.firmware_sim._native",
    "#include <stdint.h>\n#include <stddef.h>\n" + "".join(f'#include "{module}_api.h"\n' for module in MODULES),
    sources=[f"firmware_sim/csrc/{module}.c" for module in MODULES],
    include_dirs=["firmware_sim/csrc"],
    extra_compile_args=["-O3", "-std=c99", "-Wall", "-Wextra"],
)
