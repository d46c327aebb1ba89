"""What the layouts share: where the C goes, and how far a layout was tested, for its README."""

from stapes.convert.export.library import Library

BUILT = "Tests of stapes build this layout for this machine, Cortex-M and RISC-V, and run its self-test under QEMU."
SCHEMA = (
    "This layout is checked against the schema of its build system, and its C is built and self-tested as in the other "
    "layouts; the build system itself was not run."
)

ESPHOME = (
    "Tests of stapes run this component in ESPHome 2026.6.5: its validation of the example configurations, its "
    "generated code, and its host platform, on which a recording is played, every event has the samples that "
    "`stapes detect` prints, and a server receives the clips that `stapes listen --record` keeps. The build for the "
    "ESP32 itself was not run, and no board was used."
)


def placed(library: Library, sources: str, headers: str) -> dict[str, str]:
    """Return the C of a library by path: its sources and its headers in these folders, which end with a slash."""
    return {f"{sources}{file}": text for file, text in library.sources.items()} | {
        f"{headers}{file}": text for file, text in library.headers.items()
    }
