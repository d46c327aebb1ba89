"""`stapes labels`: convert label files to another format."""

import argparse
from pathlib import Path

from stapes.runtime.labels.formats import LABEL_FORMATS


def add_labels(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command."""
    *titles, last = [form.title for form in LABEL_FORMATS.values()]
    parser = commands.add_parser(
        "labels",
        help="convert label files to another format",
        description=f"Convert labels between {', '.join(titles)} and {last}.",
        epilog="examples:\n  stapes labels export.json --to dcase --out recordings/labels.tsv\n"
        "  stapes labels sheet.csv --columns filename=file,onset=start,offset=end,event_label=what --out labels.tsv\n"
        "  stapes labels *.selections.txt --columns event_label=Call --audio recordings --out recordings/labels.tsv",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="label files")
    parser.add_argument(
        "--from", dest="source", choices=LABEL_FORMATS, help="format of the files; default: recognized for each file"
    )
    parser.add_argument(
        "--to", dest="target", choices=LABEL_FORMATS, default="dcase", help="format to write; default: %(default)s"
    )
    parser.add_argument(
        "--out", type=Path, metavar="OUT", help="file to write, or folder for one file per recording; default: stdout"
    )
    parser.add_argument(
        "--audio", type=Path, metavar="DIR", help="folder of the recordings: names are written relative to it"
    )
    parser.add_argument(
        "--recording", metavar="NAME", help="the recording that the one label file belongs to, whatever its name"
    )
    parser.add_argument(
        "--columns", default="", metavar="NAME=COLUMN,...", help="names of a table's columns, such as onset=start"
    )
    parser.add_argument(
        "--skip-bad",
        action="store_true",
        help="leave out bad rows and repeated rows instead of stopping at the first bad one",
    )
    parser.add_argument("--force", action="store_true", help="replace existing files")
    parser.add_argument(
        "--update", action="store_true", help="replace only the rows of these recordings in the existing table --out"
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from stapes.runtime.labels.convert import Conversion, convert_labels, parse_columns

    convert_labels(
        Conversion(
            files=arguments.files,
            source=arguments.source,
            target=arguments.target,
            out=arguments.out,
            audio=arguments.audio,
            columns=parse_columns(arguments.columns),
            force=arguments.force,
            update=arguments.update,
            recording=arguments.recording,
            skip_bad=arguments.skip_bad,
        )
    )
