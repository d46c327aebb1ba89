"""`stapes labels`: convert label files to another format, and label clips that are sorted into folders."""

import argparse
from pathlib import Path

from stapes.firmware_sim.errors import ConfigError
from stapes.runtime.cli.options import add_channel
from stapes.runtime.labels.formats import LABEL_FORMATS, WRITTEN

FOLDERS = "folders"  # in the place of a format: clips in a folder per class


def add_labels(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command."""
    *titles, last = [LABEL_FORMATS[name].title for name in WRITTEN]
    read_only = ", ".join(form.title for name, form in LABEL_FORMATS.items() if name not in WRITTEN)
    parser = commands.add_parser(
        "labels",
        help="convert label files to another format",
        description=f"Convert labels between {', '.join(titles)} and {last}, and from {read_only}; "
        "or find the onsets in clips that are sorted into a folder per class.",
        epilog="examples:\n  stapes labels export.json --to dcase --out recordings/labels.tsv\n"
        "  stapes labels sheet.csv --columns filename=file,onset=start,offset=end,event_label=what --out labels.tsv\n"
        "  stapes labels *.selections.txt --columns event_label=Call --audio recordings --out recordings/labels.tsv\n"
        "  stapes labels clips --from folders --event-free noise --out clips/labels.tsv",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "files", type=Path, nargs="+", metavar="FILE", help="label files; with --from folders, a folder of folders"
    )
    parser.add_argument(
        "--from",
        dest="source",
        choices=(*LABEL_FORMATS, FOLDERS),
        help="format of the files, or `folders` for clips in a folder per class; default: recognized for each file",
    )
    parser.add_argument(
        "--to", dest="target", choices=WRITTEN, default="dcase", help="format to write; default: %(default)s"
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
    _add_folders(parser)
    parser.set_defaults(run=_run)


def _add_folders(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("with --from folders")
    group.add_argument(
        "--event-free",
        metavar="NAME,...",
        help="folders of clips without events (default: noise, background, silence)",
    )
    group.add_argument(
        "--group-pattern",
        metavar="REGEX",
        help="clips in whose names this regular expression matches the same text are of one speaker or source; "
        "'^[^_]+' matches the text before the first _",
    )
    add_channel(group)


def _run(arguments: argparse.Namespace) -> None:
    from stapes.runtime.labels.convert import Conversion, convert_labels, parse_columns

    if arguments.source == FOLDERS:
        _label_folders(arguments)
        return
    for option in ("event_free", "group_pattern", "channel"):
        if getattr(arguments, option) is not None:
            raise ConfigError(f"--{option.replace('_', '-')} is for --from folders; leave it out")
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


def _label_folders(arguments: argparse.Namespace) -> None:
    from stapes.runtime.labels.clips import Clips, write_clip_labels

    if len(arguments.files) != 1 or not arguments.files[0].is_dir():
        raise ConfigError("--from folders reads one folder, which holds a folder of clips per class; name that folder")
    given = [name for name in ("audio", "recording", "columns", "update") if getattr(arguments, name)]
    if given or arguments.target != "dcase":
        raise ConfigError(f"--from folders writes a table of its own; leave out --{given[0] if given else 'to'}")
    names = arguments.event_free
    event_free = None if names is None else [each.strip("/ ") for each in names.split(",") if each.strip("/ ")]
    clips = Clips(arguments.files[0], event_free, arguments.group_pattern or "", arguments.channel)
    write_clip_labels(clips, arguments.out, arguments.force, arguments.skip_bad)
