"""`stapes export`: a detector as a C library for a build system."""

import argparse
from pathlib import Path

from stapes.convert.export.layouts import LAYOUTS
from stapes.convert.supported import BLOB_TARGETS
from stapes.firmware_sim.errors import ConfigError


def add_export(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "export",
        help="a detector as a C library for a build system",
        description="Write the C of a whole detector (frontend, model, events, loop) with a README, a porting note,\n"
        "an example for a microphone and a self-test, in the layout that a build system expects.",
        epilog="examples:\n  stapes export dogs.stapes --as arduino           # writes arduino/dogs\n"
        "  stapes export dogs.stapes --as esp-idf --out firmware/components/dogs\n"
        "  stapes export dogs.stapes --as esphome --out listener  # a component for ESPHome and Home Assistant\n"
        "  stapes export dogs.stapes --as cmake --loadable    # a program whose model can be replaced\n"
        "  stapes export dogs2.stapes --blob --target cortex-m  # writes dogs2-cortex-m.blob",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("detector", type=Path, help="detector folder")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--as", dest="layout", choices=LAYOUTS, help="the build system")
    what.add_argument(
        "--blob",
        action="store_true",
        help="write the model alone as a file, which programs exported with --loadable take without being built again",
    )
    parser.add_argument(
        "--loadable",
        action="store_true",
        help="let the program replace its model by a --blob: NAME_load; costs about 3 kB of flash",
    )
    parser.add_argument(
        "--target",
        choices=BLOB_TARGETS,
        help="the processor that the weights of a --blob are laid out for: "
        + "; ".join(f"{name}: {target.processors}" for name, target in BLOB_TARGETS.items()),
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="PATH",
        help="folder to write, or file for --blob; must not exist; default: the build system, in it the detector's "
        "name, or NAME-TARGET.blob",
    )
    parser.add_argument("--force", action="store_true", help="replace an exported library or blob that stands there")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from stapes.convert.compile import detector_name

    name = detector_name(arguments.detector)
    if arguments.blob:
        _export_blob(arguments, name)
        return
    from stapes.convert.export.command import export

    if arguments.target is not None:
        raise ConfigError("--target belongs to --blob: a library holds the weights for every kind of processor")
    out = arguments.out or Path(arguments.layout) / name
    files = export(arguments.detector, arguments.layout, out, force=arguments.force, loadable=arguments.loadable)
    print("\n".join(str(out / file) for file in files))


def _export_blob(arguments: argparse.Namespace, name: str) -> None:
    from stapes.convert.export.blob import export_blob

    if arguments.loadable:
        raise ConfigError("--loadable belongs to --as: it is the program that takes a blob")
    if arguments.target is None:
        raise ConfigError(f"--blob needs --target, the kind of processor: {', '.join(BLOB_TARGETS)}")
    out = arguments.out or Path(f"{name}-{arguments.target}.blob")
    size = export_blob(arguments.detector, arguments.target, out, force=arguments.force)
    print(f"{out}: {size} bytes")
