"""Sub-commands of `stapes` that live in this folder; heavy imports happen only when a command runs."""

import argparse
from pathlib import Path

from stapes.firmware_sim.errors import ConfigError
from stapes.runtime.cli import device as firmware_cli
from stapes.runtime.console import note

TARGETS = "jsonl:FILE, csv:FILE, audacity:FILE, sqlite:FILE, mqtt://HOST/TOPIC, https://HOST/PATH"
FORMATS = ("dcase", "audacity", "csv", "jsonl")


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add this folder's sub-commands."""
    firmware_cli.register(commands)
    _add_detect(commands)
    _add_listen(commands)
    _add_labels(commands)


def _add_detect(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
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
    _add_output(parser, default_format=None)
    _add_batch(parser)
    parser.set_defaults(run=_detect)


def _add_batch(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("of a folder")
    group.add_argument("--jobs", type=int, metavar="N", help="processes; default: one per processor")
    group.add_argument("--scheduler", metavar="ADDRESS", help="Dask scheduler whose workers do it: tcp://HOST:8786")
    group.add_argument(
        "--start-pattern", metavar="PATTERN", help="start time in file names, such as %%Y%%m%%d_%%H%%M%%S"
    )
    group.add_argument("--time-zone", default="UTC", metavar="NAME", help="of the recorders' clocks; default: UTC")
    group.add_argument("--tracks", choices=("audacity", "raven"), help="and a label track per recording")
    group.add_argument(
        "--check",
        type=int,
        metavar="N",
        help="list the N surest and N doubtful events of each class; --tracks hold these alone",
    )
    group.add_argument("--plot", type=Path, metavar="FILE", help="and a picture of activity by hour and day")


def _add_listen(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "listen",
        help="events from a microphone, as they happen",
        description="Find events in what a microphone hears. Ctrl-C or SIGTERM completes open events and ends.",
        epilog="example:\n  stapes listen --list-devices\n  stapes listen dogs.stapes --device 'USB Audio'",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("detector", type=Path, nargs="?", help="detector folder")
    parser.add_argument("source", nargs="?", choices=["-"], help="- for stdin (WAV or raw PCM) instead of a microphone")
    parser.add_argument("--device", metavar="NAME", help="part of the microphone's name, or its number")
    parser.add_argument("--list-devices", action="store_true", help="list the microphones and end")
    parser.add_argument("--channel", type=int, metavar="N", help="one channel, from 1; default: the mean of all")
    parser.add_argument("--gain", type=float, default=0.0, metavar="DB", help="louder or quieter before it is heard")
    parser.add_argument("--raw-rate", type=int, metavar="HZ", help="raw PCM on stdin: rate; default: the detector's")
    parser.add_argument("--raw-channels", type=int, default=1, metavar="N", help="raw PCM on stdin: channels")
    _add_output(parser, default_format="jsonl")
    parser.add_argument("--to", action="append", default=[], metavar="TARGET", help=f"and here: {TARGETS}; repeatable")
    parser.add_argument(
        "--web", nargs="?", const="", metavar="[HOST:]PORT", help="serve the live page; default: 127.0.0.1:8765"
    )
    parser.add_argument("--token", help="secret that the page asks for; needed when --web is not this machine only")
    parser.add_argument("--rate", type=float, metavar="SECONDS", help="also events per minute, window by window")
    parser.add_argument("--record", type=Path, metavar="DIR", help="keep a FLAC clip of each event")
    parser.add_argument("--pre-roll", type=float, default=1.0, metavar="S", help="of a clip; default: %(default)s")
    parser.add_argument("--post-roll", type=float, default=1.0, metavar="S", help="of a clip; default: %(default)s")
    parser.add_argument("--template", metavar="TEXT", help='body of webhooks, such as \'{"text": "$label at $utc"}\'')
    parser.add_argument("--queue", type=Path, metavar="DIR", help="where records wait for the network")
    parser.set_defaults(run=_listen)


def _add_output(parser: argparse.ArgumentParser, default_format: str | None) -> None:
    parser.add_argument("--out", type=Path, metavar="FILE", help="write events here instead of to stdout")
    parser.add_argument("--force", action="store_true", help="replace an existing --out")
    parser.add_argument(
        "--format", choices=FORMATS, default=default_format, help=f"default: {default_format or 'dcase'}"
    )
    parser.add_argument(
        "--engine",
        choices=("auto", "litert", "c"),
        default="auto",
        help="what computes the model: LiteRT, or the detector's own compiled C, which is then built and run here",
    )


def _add_labels(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "labels",
        help="label files of one format as another",
        description="Convert labels between Audacity, DCASE, CSV, Raven, Label Studio, ELAN and JAMS.",
        epilog="example:\n  stapes labels export.json --to dcase --out recordings/labels.tsv\n"
        "  stapes labels sheet.csv --columns filename=file,onset=start,offset=end,event_label=what --out labels.tsv\n"
        "  stapes labels *.selections.txt --columns event_label=Call --audio recordings --out recordings/labels.tsv",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    formats = ("audacity", "dcase", "csv", "raven", "labelstudio", "elan", "jams")
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="label files")
    parser.add_argument("--from", dest="source", choices=formats, help="default: as each file looks")
    parser.add_argument("--to", dest="target", choices=formats, default="dcase", help="default: %(default)s")
    parser.add_argument("--out", type=Path, metavar="OUT", help="file, or folder for one file per recording; or stdout")
    parser.add_argument("--audio", type=Path, metavar="DIR", help="where the recordings lie: names are relative to it")
    parser.add_argument("--columns", default="", metavar="NAME=COLUMN,...", help="what a table's columns are called")
    parser.add_argument("--skip-bad", action="store_true", help="leave out bad and repeated rows instead of stopping")
    parser.add_argument("--force", action="store_true", help="replace existing files")
    parser.add_argument("--update", action="store_true", help="replace these recordings' rows in the table --out")
    parser.set_defaults(run=_labels)


def _labels(arguments: argparse.Namespace) -> None:
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
            skip_bad=arguments.skip_bad,
        )
    )


def _detect(arguments: argparse.Namespace) -> int:
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


def _listen(arguments: argparse.Namespace) -> None:
    if arguments.list_devices:
        from stapes.runtime.live.microphone import list_devices

        devices = list_devices()
        for device in devices:
            default = "  (default)" if device.is_default else ""
            print(f"{device.index:3d}  {device.name}: {device.channels} channels, {device.default_rate_hz} Hz{default}")
        if not devices:
            note("note: no microphone found; plug one in")
        return
    if arguments.detector is None:
        raise ConfigError("name a detector folder: `stapes listen X.stapes`, or --list-devices")
    if arguments.token is not None and arguments.web is None:
        raise ConfigError("--token guards the live page: add --web")
    if arguments.raw_rate is not None and arguments.source is None:
        raise ConfigError(f"--raw-rate {arguments.raw_rate} is of PCM on stdin: add - behind the detector")
    from stapes.runtime.audio import Tuning
    from stapes.runtime.live.dashboard.address import parse_address
    from stapes.runtime.live.session import ListenSettings, listen_command

    listen_command(
        ListenSettings(
            detector=arguments.detector,
            engine=arguments.engine,
            device=arguments.device,
            stdin=arguments.source == "-",
            raw_rate_hz=arguments.raw_rate,
            raw_channels=arguments.raw_channels,
            tuning=Tuning(arguments.channel, arguments.gain),
            record_dir=arguments.record,
            pre_roll_s=arguments.pre_roll,
            post_roll_s=arguments.post_roll,
            rate_window_s=arguments.rate,
            web=None if arguments.web is None else parse_address(arguments.web, arguments.token),
            out=arguments.out,
            format=arguments.format,
            force=arguments.force,
            targets=tuple(arguments.to),
            template=arguments.template,
            queue_dir=arguments.queue,
        )
    )
