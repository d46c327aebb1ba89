"""`stapes detect`: find the events of recordings."""

import argparse
from pathlib import Path

from stapes.firmware_sim.errors import ConfigError
from stapes.runtime.batch.tracks import TRACK_FORMATS
from stapes.runtime.cli.options import add_channel, add_output, add_sensitivity, sensitivity_of


def add_detect(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "detect",
        help="find the events of recordings",
        description="Find the events of recordings (WAV, FLAC, OGG, MP3, AIFF, …; any sample rate and channels).\n"
        "A recording that cannot be read is named, and the others are searched; the exit code is 1 then.\n"
        "A folder may contain months of recordings: many processes search it, and the same command continues an\n"
        "interrupted run.",
        epilog="examples:\n  stapes detect dogs.stapes yard.flac --format audacity --out yard.txt\n"
        "  stapes detect dogs.stapes season/ --out events.csv --start-pattern %Y%m%d_%H%M%S --plot events.png",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("detector", type=Path, help="detector folder")
    parser.add_argument("recordings", nargs="+", metavar="recording", help="audio files, or one folder (path or URL)")
    add_output(parser, default_format=None)
    add_sensitivity(parser)
    add_channel(parser)
    _add_batch(parser)
    parser.set_defaults(run=_run)


def _add_batch(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("for a folder of recordings")
    group.add_argument("--jobs", type=int, metavar="N", help="number of processes; default: one per processor")
    group.add_argument(
        "--scheduler", metavar="ADDRESS", help="use the workers of this Dask scheduler, such as tcp://HOST:8786"
    )
    group.add_argument(
        "--start-pattern",
        metavar="PATTERN",
        help="pattern of the start time in file names, such as %%Y%%m%%d_%%H%%M%%S",
    )
    group.add_argument(
        "--time-zone", default="UTC", metavar="NAME", help="time zone of the recorders' clocks; default: UTC"
    )
    group.add_argument("--tracks", choices=TRACK_FORMATS, help="also write a label track for each recording")
    group.add_argument(
        "--check",
        type=int,
        metavar="N",
        help="list the N most certain and the N most doubtful events of each class, and put only these into --tracks",
    )
    group.add_argument("--plot", type=Path, metavar="FILE", help="also draw the activity by hour and day")


def _run(arguments: argparse.Namespace) -> int:
    if any("://" in each or Path(each).is_dir() for each in arguments.recordings):
        return _detect_folder(arguments)
    if given := [
        name for name in ("jobs", "scheduler", "start_pattern", "tracks", "check", "plot") if getattr(arguments, name)
    ]:
        raise ConfigError(
            f"--{given[0].replace('_', '-')} is for a folder of recordings; name a folder instead of files"
        )
    from stapes.firmware_sim.outputs import require_new_file
    from stapes.runtime.batch.detect import EventTable, detect_files
    from stapes.runtime.batch.run import log_list
    from stapes.runtime.detector import Detector
    from stapes.runtime.sensitivity import set_sensitivity

    table = EventTable(arguments.out, arguments.format or "dcase", arguments.force)
    if table.out is not None:
        require_new_file(table.out, table.force)
    recordings = [Path(each) for each in arguments.recordings]
    detector = Detector.load(arguments.detector, arguments.engine)
    set_sensitivity(detector, sensitivity_of(arguments))
    unreadable = detect_files(detector, recordings, table, arguments.channel)
    if unreadable:
        log_list(unreadable, "of the recordings could not be read, and the others were; repair them or leave them out")
    return 1 if unreadable else 0


def _detect_folder(arguments: argparse.Namespace) -> int:
    from stapes.runtime.batch.recording_times import StartClock
    from stapes.runtime.batch.run import BatchSettings, run_batch

    if len(arguments.recordings) != 1:
        raise ConfigError("name audio files or one folder; for several folders, run the command once for each")
    if arguments.out is None or arguments.format is not None:
        raise ConfigError("for a folder, name a table with --out EVENTS.csv or --out EVENTS.tsv and leave out --format")
    totals = run_batch(
        BatchSettings(
            detector=arguments.detector,
            folder=arguments.recordings[0],
            out=arguments.out,
            engine=arguments.engine,
            sensitivity=sensitivity_of(arguments),
            channel=arguments.channel,
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
