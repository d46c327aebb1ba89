"""A Zephyr module with a sample."""

from stapes.convert.export.layouts._common import SCHEMA, placed
from stapes.convert.export.library import Library
from stapes.convert.export.readme import readme

SINGLE_FILE = False


def files(library: Library) -> dict[str, str]:
    """Return the texts of all files of the exported library by their paths."""
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
\tbool "{name}: audio events"
\thelp
\t  Detects {library.classes}: int16 samples in, events with onset and
\t  offset times out, static memory only.
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
    return placed(library, "src/", "include/") | {
        "zephyr/module.yml": f"name: {name}\nbuild:\n  cmake: zephyr\n  kconfig: zephyr/Kconfig\n",
        "zephyr/CMakeLists.txt": lists,
        "zephyr/Kconfig": kconfig,
        "samples/microphone/CMakeLists.txt": application,
        "samples/microphone/prj.conf": f"CONFIG_{upper}=y\nCONFIG_AUDIO=y\nCONFIG_AUDIO_DMIC=y\nCONFIG_PRINTK=y\n"
        "CONFIG_MAIN_STACK_SIZE=4096\n",
        "samples/microphone/sample.yaml": (
            f"sample:\n  name: {name} microphone\ntests:\n  {name}.microphone:\n    build_only: true\n    tags: audio\n"
        ),
        "samples/microphone/src/main.c": library.program("zephyr_microphone.c"),
        "README.md": readme(library, usage, SCHEMA),
    }
