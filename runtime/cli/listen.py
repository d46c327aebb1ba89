"""`stapes listen`: find events in what a microphone hears, as they happen."""

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from stapes.firmware_sim.errors import ConfigError
from stapes.runtime.cli.options import add_channel, add_output, add_sensitivity, sensitivity_of
from stapes.runtime.live.sinks.targets import target_forms

if TYPE_CHECKING:
    from stapes.runtime.live.clips import ClipSettings

logger = logging.getLogger(__name__)


def add_listen(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "listen",
        help="find events in what a microphone hears, as they happen",
        description="Find events in what a microphone hears. Ctrl-C or SIGTERM completes open events\n"
        "and ends the command.",
        epilog="examples:\n  stapes listen --list-devices\n  stapes listen dogs.stapes --device 'USB Audio'",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("detector", type=Path, nargs="?", help="detector folder")
    # An option, because `-` may then stand anywhere, and is never the value of another option such as --web.
    parser.add_argument(
        "-",
        dest="stdin",
        action="store_true",
        help="hear stdin instead of a microphone: a recording, or WAV or raw PCM (int16) from a pipe",
    )
    parser.add_argument("--list-devices", action="store_true", help="list the microphones")
    _add_input(parser)
    add_output(parser, default_format="jsonl")
    add_sensitivity(parser)
    _add_targets(parser)
    _add_mqtt(parser)
    _add_page(parser)
    _add_clips(parser)
    parser.add_argument(
        "--rate", type=float, metavar="SECONDS", help="also report events per minute over windows of this length"
    )
    parser.add_argument(
        "--heartbeat",
        type=Path,
        metavar="FILE",
        help="touch this file every second while sound is heard, for a health check",
    )
    parser.set_defaults(run=_run)


def _add_input(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("input")
    group.add_argument("--device", metavar="NAME", help="part of the microphone's name, or its number")
    add_channel(group)
    group.add_argument(
        "--gain", type=float, default=0.0, metavar="DB", help="amplify the input by this many decibels; may be negative"
    )
    group.add_argument(
        "--raw-rate", type=int, metavar="HZ", help="sample rate of raw PCM on stdin; default: the detector's"
    )
    group.add_argument(
        "--paced",
        action="store_true",
        help="hear a recording on stdin as slowly as it sounds, with times in UTC, as if it happened now",
    )
    group.add_argument(
        "--raw-channels",
        type=int,
        default=1,
        metavar="N",
        help="number of channels of raw PCM on stdin; default: %(default)s",
    )


def _add_targets(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("further targets")
    group.add_argument(
        "--to",
        action="append",
        default=[],
        metavar="TARGET",
        help=f"also write or send events there; may be repeated: {target_forms()}",
    )
    group.add_argument(
        "--template", metavar="TEXT", help='body that webhooks receive, such as \'{"text": "$label at $utc"}\''
    )
    group.add_argument(
        "--queue",
        type=Path,
        metavar="DIR",
        help="folder where records wait until they are sent; default: $XDG_STATE_HOME/stapes or ~/.local/state/stapes",
    )


def _add_mqtt(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("MQTT")
    group.add_argument(
        "--home-assistant",
        action="store_true",
        help="announce the detector to Home Assistant through the broker of --to: its events, figures and settings",
    )
    group.add_argument(
        "--login",
        type=Path,
        metavar="FILE",
        help="file whose first line is USER:PASSWORD; default: what STAPES_MQTT_USER and STAPES_MQTT_PASSWORD hold",
    )
    group.add_argument(
        "--ca",
        type=Path,
        metavar="FILE",
        help="certificate (PEM) of the authority that signed the broker's; default: those that this machine trusts",
    )
    group.add_argument(
        "--client-certificate", type=Path, metavar="FILE", help="certificate (PEM) that this client shows the broker"
    )
    group.add_argument(
        "--client-key", type=Path, metavar="FILE", help="its key (PEM); default: it is in the file of the certificate"
    )


def _add_page(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("live page")
    group.add_argument(
        "--web",
        nargs="?",
        const="",
        metavar="[HOST:]PORT",
        help="serve the live page at this address; default: 127.0.0.1:8765",
    )
    group.add_argument(
        "--token", help="secret that opens the live page; required when --web lets other machines open it"
    )


def _add_clips(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("clips")
    group.add_argument(
        "--record", type=Path, metavar="DIR", help="keep a clip of each event, and of near misses, in this folder"
    )
    group.add_argument(
        "--pre-roll",
        type=float,
        default=1.0,
        metavar="S",
        help="seconds of a clip before its event; default: %(default)s",
    )
    group.add_argument(
        "--post-roll",
        type=float,
        default=1.0,
        metavar="S",
        help="seconds of a clip after its event; default: %(default)s",
    )
    group.add_argument(
        "--near-misses",
        type=int,
        default=4,
        metavar="STEPS",
        help="a near miss is what would have been an event with --sensitivity CLASS=+STEPS; 0: keep none; "
        "default: %(default)s",
    )
    group.add_argument(
        "--near-misses-per-hour",
        type=int,
        default=10,
        metavar="N",
        help="keep at most this many clips of near misses of each class in an hour; default: %(default)s",
    )


def _clips(arguments: argparse.Namespace) -> "ClipSettings | None":
    from stapes.runtime.live.clips import ClipSettings

    settings = ClipSettings(
        arguments.record or Path(),
        arguments.pre_roll,
        arguments.post_roll,
        arguments.near_misses,
        arguments.near_misses_per_hour,
    )
    return None if arguments.record is None else settings


def _run(arguments: argparse.Namespace) -> None:
    if arguments.list_devices:
        from stapes.runtime.live.microphone import list_devices

        devices = list_devices()
        for device in devices:
            default = "  (default)" if device.is_default else ""
            print(f"{device.index:3d}  {device.name}: {device.channels} channels, {device.default_rate_hz} Hz{default}")
        if not devices:
            logger.warning("no microphone found; plug one in")
        return
    if arguments.detector is None:
        raise ConfigError("name a detector folder, such as `stapes listen X.stapes`, or use --list-devices")
    if arguments.token is not None and arguments.web is None:
        raise ConfigError("--token is the secret of the live page: add --web, or leave --token out")
    if arguments.raw_rate is not None and not arguments.stdin:
        raise ConfigError(f"--raw-rate {arguments.raw_rate} is for raw PCM on stdin: add - after the detector")
    from stapes.runtime.audio import InputSettings
    from stapes.runtime.live.mqtt.settings import MqttSettings
    from stapes.runtime.live.session import ListenSettings, listen_command
    from stapes.runtime.web.address import LIVE_PORT, parse_address

    listen_command(
        ListenSettings(
            detector=arguments.detector,
            engine=arguments.engine,
            sensitivity=sensitivity_of(arguments),
            device=arguments.device,
            stdin=arguments.stdin,
            paced=arguments.paced,
            raw_rate_hz=arguments.raw_rate,
            raw_channels=arguments.raw_channels,
            input=InputSettings(arguments.channel, arguments.gain),
            clips=_clips(arguments),
            heartbeat=arguments.heartbeat,
            rate_window_s=arguments.rate,
            web=None if arguments.web is None else parse_address(arguments.web, arguments.token, LIVE_PORT),
            out=arguments.out,
            format=arguments.format,
            force=arguments.force,
            targets=tuple(arguments.to),
            template=arguments.template,
            queue_dir=arguments.queue,
            mqtt=MqttSettings(arguments.ca, arguments.client_certificate, arguments.client_key, arguments.login),
            home_assistant=arguments.home_assistant,
        )
    )
