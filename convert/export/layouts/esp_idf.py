"""A component for ESP-IDF."""

from stapes.convert.export.layouts._common import SCHEMA, placed
from stapes.convert.export.library import Library
from stapes.convert.export.readme import readme

SINGLE_FILE = False


def files(library: Library) -> dict[str, str]:
    """Return the texts of all files of the exported library by their paths."""
    name = library.name
    sources = "\n".join(f'        "src/{file}"' for file in library.sources)
    lists = f"""idf_component_register(
    SRCS
{sources}
    INCLUDE_DIRS "include"
)
"""
    application = f"""cmake_minimum_required(VERSION 3.16)
set(EXTRA_COMPONENT_DIRS ${{CMAKE_CURRENT_SOURCE_DIR}}/../..)
include($ENV{{IDF_PATH}}/tools/cmake/project.cmake)
project({name}_microphone)
"""
    main = (
        "get_filename_component(detector ${CMAKE_CURRENT_LIST_DIR}/../../.. ABSOLUTE)\n"
        "get_filename_component(detector ${detector} NAME) # a component is named as its folder\n"
        'idf_component_register(SRCS "main.c" PRIV_REQUIRES esp_driver_i2s ${detector})\n'
    )
    component = (
        f'version: "{library.version}"\ndescription: "Detects {_quoted(library.classes)}: audio events"\n'
        'license: "Apache-2.0"\ndependencies:\n  idf: ">=5.3"\n'
    )
    usage = f"Copy this folder to `components/{name}` of your project; `examples/microphone` uses the I2S driver."
    return placed(library, "src/", "include/") | {
        "CMakeLists.txt": lists,
        "idf_component.yml": component,
        "examples/microphone/CMakeLists.txt": application,
        "examples/microphone/main/CMakeLists.txt": main,
        "examples/microphone/main/main.c": library.program("esp_idf_microphone.c"),
        "README.md": readme(library, usage, SCHEMA),
    }


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
