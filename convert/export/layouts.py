"""Where files go, and what each build system wants beside them."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from stapes.convert.export import examples
from stapes.convert.export.library import Library, inlined
from stapes.convert.export.readme import readme

_BUILT = "Tests of stapes build this layout for this machine, Cortex-M and RISC-V, and run its self-test under QEMU."
_SCHEMA = (
    "This layout is checked against the schema of its build system, and its C is built and self-tested as in the other "
    "layouts; the build system itself was not run."
)

_CMAKE_RESERVED = ("all", "clean", "edit_cache", "help", "install", "package", "package_source", "preinstall", "test")


@dataclass(frozen=True)
class Layout:
    """One of the layouts that a detector is exported in."""

    single_file: bool
    files: Callable[[Library], dict[str, str]]


def _placed(library: Library, sources: str, headers: str) -> dict[str, str]:
    placed = {f"{sources}{file}": text for file, text in library.sources.items()}
    return placed | {f"{headers}{file}": text for file, text in library.headers.items()}


def _single_file(library: Library) -> dict[str, str]:
    name = library.name
    texts = library.headers
    seen: set[str] = set()
    header = inlined(f'#include "{name}_detector.h"\n#include "{name}_selftest.h"\n', texts, seen)
    guard = f"{library.upper}_SINGLE_H"
    header = f"#ifndef {guard}\n#define {guard}\n\n{header}\n#endif\n"
    bodies = [inlined(text, texts, seen) for text in library.sources.values()]
    usage = (
        f"Add `{name}_single.c` and `{name}_single.h` to any project; `main.c` is an example for a DMA with two "
        f"half-buffers, `selftest.c` a program whose exit code is the self-test's answer.\n\n"
        f"    cc -std=c99 -O2 {name}_single.c selftest.c -o selftest && ./selftest"
    )
    return {
        f"{name}_single.h": header,
        f"{name}_single.c": f'#include "{name}_single.h"\n\n' + "\n".join(bodies),
        "main.c": _from_single(examples.bare_metal(library), name),
        "selftest.c": _from_single(examples.selftest_main(library), name),
        "README.md": readme(library, usage, _BUILT),
    }


def _from_single(program: str, name: str) -> str:
    program = program.replace(
        f'#include "{name}_detector.h"\n#include "{name}_selftest.h"', f'#include "{name}_single.h"'
    )
    return program.replace(f'#include "{name}_selftest.h"', f'#include "{name}_single.h"')


def _cmake(library: Library) -> dict[str, str]:
    name = library.name if library.name not in _CMAKE_RESERVED else f"{library.name}_detector"
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
    return _placed(library, "src/", "include/") | {
        "CMakeLists.txt": lists,
        "examples/listen.c": examples.desktop(library),
        "examples/microphone.c": examples.bare_metal(library),
        "examples/selftest.c": examples.selftest_main(library),
        "README.md": readme(library, usage, _BUILT),
    }


def _arduino(library: Library) -> dict[str, str]:
    name = library.name
    properties = f"""name={name}
version={library.version}
author=stapes
maintainer=stapes
sentence=Hears {library.classes}.
paragraph=Audio events with onset and offset times: int16 samples in, events out, static memory only.
category=Signal Input/Output
url=https://example.com/{name}
architectures=*
includes={name}_detector.h
"""
    usage = (
        "Sketch > Include Library > Add .ZIP Library with this folder zipped, or copy it to your libraries folder. "
        "Open File > Examples > ListenMicrophone. Before you publish it in the Library Manager, put your names and "
        "your page into author, maintainer and url of `library.properties`."
    )
    return _placed(library, "src/", "src/") | {
        "library.properties": properties,
        "examples/ListenMicrophone/ListenMicrophone.ino": examples.arduino_microphone(library),
        "README.md": readme(
            library,
            usage,
            f"{_BUILT} The sketch is compiled against stand-ins of Arduino.h and PDM.h; no Arduino core was used.",
        ),
    }


def _platformio(library: Library) -> dict[str, str]:
    name = library.name
    manifest = {
        "name": name,
        "version": library.version,
        "description": f"Hears {library.classes}: audio events on a microcontroller",
        "license": "Apache-2.0",
        "frameworks": "*",
        "platforms": "*",
        "headers": [f"{name}_detector.h", f"{name}_selftest.h"],
        "build": {"srcDir": "src", "includeDir": "include", "flags": ["-std=c99"]},
        "examples": [{"name": "microphone", "base": "examples/microphone", "files": ["main.c"]}],
    }
    usage = (
        f"Copy this folder to `lib/{name}` of your project; `examples/microphone` is for a DMA with two half-buffers."
    )
    return _placed(library, "src/", "include/") | {
        "library.json": _json(manifest),
        "examples/microphone/main.c": examples.bare_metal(library),
        "README.md": readme(library, usage, _SCHEMA),
    }


def _zephyr(library: Library) -> dict[str, str]:
    name, upper = library.name, library.upper
    sources = "\n".join(f"    ../src/{file}" for file in library.sources)
    lists = f"""if(CONFIG_{upper})
    zephyr_include_directories(../include)
    zephyr_library()
    zephyr_library_sources(
{sources}
    )
endif()
"""
    kconfig = f"""config {upper}
\tbool "{name}: hears {library.classes}"
\thelp
\t  Audio events with onset and offset times: int16 samples in, events out,
\t  static memory only.
"""
    usage = (
        f"Add the folder to `EXTRA_ZEPHYR_MODULES` and `CONFIG_{upper}=y` to `prj.conf`; `samples/microphone` uses the "
        "DMIC interface."
    )
    application = f"""cmake_minimum_required(VERSION 3.20)
list(APPEND EXTRA_ZEPHYR_MODULES ${{CMAKE_CURRENT_SOURCE_DIR}}/../..)
find_package(Zephyr REQUIRED HINTS $ENV{{ZEPHYR_BASE}})
project({name}_microphone)
target_sources(app PRIVATE src/main.c)
"""
    return _placed(library, "src/", "include/") | {
        "zephyr/module.yml": f"name: {name}\nbuild:\n  cmake: zephyr\n  kconfig: zephyr/Kconfig\n",
        "zephyr/CMakeLists.txt": lists,
        "zephyr/Kconfig": kconfig,
        "samples/microphone/CMakeLists.txt": application,
        "samples/microphone/prj.conf": f"CONFIG_{upper}=y\nCONFIG_AUDIO=y\nCONFIG_AUDIO_DMIC=y\nCONFIG_PRINTK=y\n"
        "CONFIG_MAIN_STACK_SIZE=4096\n",
        "samples/microphone/sample.yaml": (
            f"sample:\n  name: {name} microphone\ntests:\n  {name}.microphone:\n    build_only: true\n    tags: audio\n"
        ),
        "samples/microphone/src/main.c": examples.zephyr_microphone(library),
        "README.md": readme(library, usage, _SCHEMA),
    }


def _esp_idf(library: Library) -> dict[str, str]:
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
        f'version: "{library.version}"\ndescription: "Hears {_quoted(library.classes)}: audio events"\n'
        'license: "Apache-2.0"\ndependencies:\n  idf: ">=5.3"\n'
    )
    usage = f"Copy this folder to `components/{name}` of your project; `examples/microphone` uses the I2S driver."
    return _placed(library, "src/", "include/") | {
        "CMakeLists.txt": lists,
        "idf_component.yml": component,
        "examples/microphone/CMakeLists.txt": application,
        "examples/microphone/main/CMakeLists.txt": main,
        "examples/microphone/main/main.c": examples.esp_idf_microphone(library),
        "README.md": readme(library, usage, _SCHEMA),
    }


def _json(content: object) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


LAYOUTS = {
    "single-file": Layout(True, _single_file),
    "cmake": Layout(False, _cmake),
    "arduino": Layout(False, _arduino),
    "platformio": Layout(False, _platformio),
    "zephyr": Layout(False, _zephyr),
    "esp-idf": Layout(False, _esp_idf),
}
