"""CMake: a static library, a program for the desktop, and the self-test as a test."""

from stapes.convert.export.layouts._common import BUILT, placed
from stapes.convert.export.library import Library
from stapes.convert.export.readme import readme

SINGLE_FILE = False
_RESERVED = ("all", "clean", "edit_cache", "help", "install", "package", "package_source", "preinstall", "test")


def files(library: Library) -> dict[str, str]:
    """Return the texts of all files of the exported library by their paths."""
    name = library.name if library.name not in _RESERVED else f"{library.name}_detector"
    sources = "\n".join(f"    src/{file}" for file in library.sources)
    lists = f"""cmake_minimum_required(VERSION 3.16)
project({name} VERSION {library.version} LANGUAGES C)

add_library({name} STATIC
{sources}
)
target_include_directories({name} PUBLIC include)
target_compile_features({name} PUBLIC c_std_99)

if(CMAKE_SOURCE_DIR STREQUAL PROJECT_SOURCE_DIR)
    add_executable({name}_listen examples/listen.c)
    target_link_libraries({name}_listen PRIVATE {name})
    add_executable({name}_selftest_main examples/selftest.c)
    target_link_libraries({name}_selftest_main PRIVATE {name})
    enable_testing()
    add_test(NAME selftest COMMAND {name}_selftest_main)
endif()
"""
    usage = (
        f"    cmake -B build && cmake --build build && ctest --test-dir build\n\n"
        f"In a project of yours: `add_subdirectory({name})`, `target_link_libraries(app PRIVATE {name})`. "
        f"`examples/listen.c` reads raw samples from stdin; `examples/microphone.c` is for a DMA with two half-buffers."
    )
    return placed(library, "src/", "include/") | {
        "CMakeLists.txt": lists,
        "examples/listen.c": library.program("listen.c"),
        "examples/microphone.c": library.program("dma_microphone.c"),
        "examples/selftest.c": library.program("selftest.c"),
        "README.md": readme(library, usage, BUILT),
    }
