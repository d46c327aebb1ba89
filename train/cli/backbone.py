"""`stapes backbone`: fetch the weights of a pretrained network, and show what its layers cost."""

import argparse


def add_backbone(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command `backbone`."""
    parser = commands.add_parser(
        "backbone",
        help="fetch the weights of a pretrained network, and show what its layers cost",
        description="fetch: download Google's weights of YAMNet into the cache of the user, print where they are, and\n"
        "keep their size and SHA-256 beside them, which are checked whenever they are used.\n"
        "show: print a table with what a backbone costs on the device when it is cut after each layer.",
        epilog="examples:\n  stapes backbone fetch yamnet\n  stapes backbone show yamnet",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("action", choices=("fetch", "show"), help="what to do")
    parser.add_argument(
        "backbone",
        metavar="BACKBONE",
        help="yamnet, or for show also a file: a Keras file of YAMNet's layers (.h5) or an int8 .tflite of them",
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from stapes.firmware_sim.errors import ConfigError
    from stapes.train.learn.backbone import read_backbone
    from stapes.train.learn.backbone_cache import YAMNET, backbone_path, fetch_yamnet
    from stapes.train.report.backbone_table import backbone_table

    if arguments.action == "show":
        for line in backbone_table(read_backbone(backbone_path(arguments.backbone))):
            print(line)
        return
    if arguments.backbone != YAMNET:
        raise ConfigError(f"{arguments.backbone!r} cannot be fetched; only {YAMNET} can")
    print(fetch_yamnet())
