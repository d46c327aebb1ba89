"""`stapes export`: a detector as a C library for a build system."""

import argparse
from pathlib import Path

from stapes.convert.export.layouts import LAYOUTS


def add_export(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "export",
        help="a detector as a C library for a build system",
        description="Write the C of a whole detector (frontend, model, events, loop) with a README, a porting note,\n"
        "an example for a microphone and a self-test, in the layout that a build system expects.",
        epilog="examples:\n  stapes export dogs.stapes --as arduino           # writes arduino/dogs\n"
        "  stapes export dogs.stapes --as esp-idf --out firmware/components/dogs",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("detector", type=Path, help="detector folder")
    parser.add_argument("--as", dest="layout", choices=LAYOUTS, required=True, help="the build system")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder to write; must not exist; default: the build system, in it the detector's name",
    )
    parser.add_argument("--force", action="store_true", help="replace an exported library that stands there")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from stapes.convert.compile import detector_name
    from stapes.convert.export.command import export

    out = arguments.out or Path(arguments.layout) / detector_name(arguments.detector)
    files = export(arguments.detector, arguments.layout, out, force=arguments.force)
    print("\n".join(str(out / file) for file in files))
