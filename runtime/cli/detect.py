"""`stapes detect`: events of recordings."""

import argparse
from pathlib import Path

from stapes.firmware_sim.errors import ConfigError
from stapes.runtime.batch.tracks import TRACK_FORMATS
from stapes.runtime.cli.options import add_output


def add_detect(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "detect",
        help="events of recordings",
        description="Find the events of recordings (WAV, FLAC, OGG, MP3; any rate, any number of channels). A folder\n"
        "may hold months of them: it is searched by many processes, and an interrupted run goes on where it was.",
        epilog="examples:\n  stapes detect dogs.stapes yard.flac --format audacity --out yard.txt\n"
        "  stapes detect dogs.stapes season/ --out events.csv --start-pattern %Y%m%d_%H%M%S --plot events.png",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("detector", type=Path, help="detector folder")
    parser.add_argument("recordings", nargs="+", metavar="recording", help="audio files, or one folder (path or URL)")
    add_output(parser, default_format=None)
    _add_batch(parser)
    parser.set_defaults(run=_run)


def _add_batch(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("of a folder")
    group.add_argument("--jobs", type=int, metavar="N", help="processes; default: one per processor")
    group.add_argument("--scheduler", metavar="ADDRESS", help="Dask scheduler whose workers do it: tcp://HOST:8786")
    group.add_argument(
        "--start-pattern", metavar="PATTERN", help="start time in file names, such as %%Y%%m%%d_%%H%%M%%S"
    )
    group.add_argument("--time-zone", default="UTC", metavar="NAME", help="of the recorders' clocks; default: UTC")
    group.add_argument("--tracks", choices=TRACK_FORMATS, help="also write a label track for each recording")
    group.add_argument(
        "--check",
        type=int,
        metavar="N",
        help="list the N surest and N doubtful events of each class; --tracks hold these alone",
    )
    group.add_argument("--plot", type=Path, metavar="FILE", help="and a picture of activity by hour and day")


def _run(arguments: argparse.Namespace) -> int:
    if any("://" in each or Path(each).is_dir() for each in arguments.recordings):
        return _detect_folder(arguments)
    if given := [
        name for name in ("jobs", "scheduler", "start_pattern", "tracks", "check", "plot") if getattr(arguments, name)
    ]:
        raise ConfigError(f"--{given[0].replace('_', '-')} is for a folder of recordings; name one instead of files")
    from stapes.firmware_sim.outputs import require_new_file
    from stapes.runtime.batch.detect import EventTable, detect_files
    from stapes.runtime.detector import Detector

    table = EventTable(arguments.out, arguments.format or "dcase", arguments.force)
    if table.out is not None:
        require_new_file(table.out, table.force)
    recordings = [Path(each) for each in arguments.recordings]
    detect_files(Detector.load(arguments.detector, arguments.engine), recordings, table)
    return 0


def _detect_folder(arguments: argparse.Namespace) -> int:
    from stapes.runtime.batch.recording_times import StartClock
    from stapes.runtime.batch.run import BatchSettings, run_batch

    if len(arguments.recordings) != 1:
        raise ConfigError("name audio files, or one folder; several folders are several calls")
    if arguments.out is None or arguments.format is not None:
        raise ConfigError(
            "a folder needs --out EVENTS.csv or EVENTS.tsv, whose name says the format; leave out --format"
        )
    totals = run_batch(
        BatchSettings(
            detector=arguments.detector,
            folder=arguments.recordings[0],
            out=arguments.out,
            engine=arguments.engine,
            jobs=arguments.jobs,
            scheduler=arguments.scheduler,
            clock=StartClock(arguments.start_pattern, arguments.time_zone),
            tracks=arguments.tracks,
            check=arguments.check,
            plot=arguments.plot,
            force=arguments.force,
        )
    )
    return 1 if totals.unreadable else 0
