"""`stapes studio`: a page in the browser to label recordings, train a detector, and judge it."""

import argparse
from pathlib import Path


def add_studio(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command `studio`."""
    parser = commands.add_parser(
        "studio",
        help="label, review and retrain on a page in the browser",
        description="Serve a page to this machine's browser: listen to recordings, label what is heard, train and\n"
        "judge a detector, and sort what a device has recorded. Labels stay in the files that they came from.\n"
        "Ctrl-C or SIGTERM ends the command.",
        epilog="examples:\n  stapes studio recordings/\n"
        "  stapes studio recordings/ --detector dogs.stapes --clips clips/",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="a folder of recordings; it may be empty")
    parser.add_argument(
        "--detector", type=Path, metavar="NAME.stapes", help="propose the events of this detector, and go on from it"
    )
    parser.add_argument(
        "--clips", type=Path, metavar="DIR", help="sort the clips that `stapes listen --record DIR` has recorded"
    )
    parser.add_argument(
        "--web", default="", metavar="[HOST:]PORT", help="serve the page at this address; default: 127.0.0.1:8766"
    )
    parser.add_argument("--token", help="secret that opens the page; required when --web lets other machines open it")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from stapes.runtime.web.address import STUDIO_PORT, parse_address

    address = parse_address(arguments.web, arguments.token, STUDIO_PORT)
    from stapes.train.studio.serve import serve
    from stapes.train.studio.studio import Studio

    serve(Studio(arguments.dataset, arguments.detector, arguments.clips), address)
