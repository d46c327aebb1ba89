"""All settings of a training run, read from one TOML file. Units are part of the names."""

import dataclasses
import math
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.frontend import FrontendConfig, make_tables
from stapes.firmware_sim.errors import ConfigError
from stapes.runtime.audio.convert import MOST_CHANNELS, Channel

UNITS_MAX = 4096  # far beyond any device
CONVOLUTION_LISTS = (
    "conv_channels",
    "conv_kernel_frames",
    "conv_stride_frames",
    "conv_kernel_bands",
    "conv_stride_bands",
)


ConvolutionKind = Literal["full", "separable", "depthwise"]


def bands_after(bands: int, kernel: int, stride: int, same: bool) -> int:
    """Return the number of output bands of a convolution; `same` pads the edges as TensorFlow's "SAME" does."""
    return -(-bands // stride) if same else (bands - kernel) // stride + 1


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """Causal convolutions over (frame, band), a projection, a GRU and a sigmoid per class."""

    conv_channels: tuple[int, ...] = (16, 28, 44)
    conv_kernel_frames: tuple[int, ...] = (4, 3, 3)
    conv_stride_frames: tuple[int, ...] = (2, 1, 1)  # their product is the number of frames that one step takes
    conv_kernel_bands: tuple[int, ...] = (5, 3, 3)
    conv_stride_bands: tuple[int, ...] = (2, 2, 2)
    conv_kinds: tuple[ConvolutionKind, ...] = ()  # "full", "separable" or "depthwise" for each; none: all are full
    conv_weight_bits: tuple[int, ...] = ()  # 8 or 4, of the 1x1 convolution of each separable one; none: all have 8
    conv_padding: Literal["valid", "same"] = "valid"  # "same": zeros beyond the lowest and the highest band
    conv_activation: Literal["relu", "relu6"] = "relu"  # "relu6" ends at 6, as some backbones were trained
    backbone: str = ""  # a file of pretrained weights, or "yamnet"; none: all weights are trained from nothing
    backbone_layers: int = 0  # how many of the convolutions take their weights from it
    projection_units: int = 48
    gru_units: int = 48
    score_kernel_steps: int = 9  # number of GRU states that a score is made of, the newest included
    score_dilation_steps: int = 3  # distance between two of these states
    target_delay_steps: int = 16  # the score of step k is for step k - delay: later, but with more context

    def __post_init__(self) -> None:
        lists = {name: getattr(self, name) for name in CONVOLUTION_LISTS}
        if not self.conv_channels or len(set(map(len, lists.values()))) > 1:
            raise ConfigError(
                f"network: the five conv_ lists of numbers have {[*map(len, lists.values())]} entries; "
                "give one entry per convolution in each, one convolution or more"
            )
        if self.conv_kinds and len(self.conv_kinds) != len(self.conv_channels):
            raise ConfigError(
                f"network: conv_kinds has {len(self.conv_kinds)} entries for {len(self.conv_channels)} convolutions; "
                "give one entry per convolution, or none"
            )
        self._require_weight_bits()
        self._require_backbone()
        for name, values in lists.items():
            if min(values) < 1 or max(values) > UNITS_MAX:
                raise ConfigError(f"network: {name} is {list(values)}: each entry must be from 1 to {UNITS_MAX}")
        if any(
            kernel < stride for kernel, stride in zip(self.conv_kernel_frames, self.conv_stride_frames, strict=True)
        ):
            raise ConfigError(
                f"network: conv_kernel_frames is {list(self.conv_kernel_frames)} and conv_stride_frames "
                f"{list(self.conv_stride_frames)}: a kernel smaller than its stride would skip frames; "
                "raise the kernel or lower the stride"
            )
        names = ("projection_units", "gru_units", "score_kernel_steps", "score_dilation_steps")
        _require_between(self, "network", **dict.fromkeys(names, (1, UNITS_MAX)), target_delay_steps=(0, UNITS_MAX))

    def _require_weight_bits(self) -> None:
        bits = self.conv_weight_bits
        if bits and (len(bits) != len(self.conv_channels) or not set(bits) <= {4, 8}):
            raise ConfigError(
                f"network: conv_weight_bits is {list(bits)}: give 4 or 8 for each of the {len(self.conv_channels)} "
                "convolutions, or nothing"
            )
        for index, (kind, wanted) in enumerate(zip(self.kinds, self.weight_bits, strict=True)):
            if wanted == 4 and kind != "separable":
                raise ConfigError(
                    f"network: conv_weight_bits gives conv{index} 4 bits, but its kind is {kind!r}; only the 1x1 "
                    "convolutions of separable ones can have 4 bits"
                )

    def _require_backbone(self) -> None:
        if not 0 <= self.backbone_layers <= len(self.conv_channels) or bool(self.backbone) != bool(
            self.backbone_layers
        ):
            raise ConfigError(
                f"network: backbone_layers is {self.backbone_layers} and backbone {self.backbone!r}: a backbone gives "
                f"the weights of 1 to {len(self.conv_channels)} convolutions, and without one backbone_layers is 0"
            )
        if not self.backbone.isprintable():
            raise ConfigError(
                f"network: backbone is {self.backbone!r}: its name has characters that a settings file cannot hold; "
                "rename the file"
            )

    @property
    def kinds(self) -> tuple[ConvolutionKind, ...]:
        """The kind of each convolution."""
        full: ConvolutionKind = "full"
        return self.conv_kinds or (full,) * len(self.conv_channels)

    @property
    def weight_bits(self) -> tuple[int, ...]:
        """Bits of the weights of each convolution; of a separable one, of its 1x1 convolution."""
        return self.conv_weight_bits or (8,) * len(self.conv_channels)

    @property
    def frames_per_step(self) -> int:
        """Number of frames that one step takes: the product of the strides in time."""
        product = 1
        for stride in self.conv_stride_frames:
            product *= stride
        return product

    @property
    def memory_steps(self) -> int:
        """How many steps back the oldest GRU state lies that a score is made of."""
        return (self.score_kernel_steps - 1) * self.score_dilation_steps

    def bands_into(self, n_bands: int) -> list[int]:
        """Return the number of input bands of each convolution, given that of the features.

        Raises ConfigError for a convolution that spans more bands than are left, unless zeros are added to them.
        """
        taken, same = [], self.conv_padding == "same"
        for index, (kernel, stride) in enumerate(zip(self.conv_kernel_bands, self.conv_stride_bands, strict=True)):
            if n_bands < kernel and not same:
                raise ConfigError(
                    f"network: conv{index} spans {kernel} bands of the {n_bands} that are left; "
                    "lower conv_kernel_bands or conv_stride_bands, or raise n_bands"
                )
            taken.append(n_bands)
            n_bands = bands_after(n_bands, kernel, stride, same)
        return taken


@dataclass(frozen=True, kw_only=True)
class AugmentationSettings:
    """How training sequences are made from recordings: labelled events are cut out and mixed in new ways.

    A run is a series of successive events from one source.
    """

    stitched_background_share: float = 0.4  # of sequences: made of event-free stretches, not of a recording as it is
    second_background_share: float = 0.0  # of stitched sequences: the sum of two backgrounds
    second_excerpt_share: float = 0.0  # of the others: the sum of two recordings as they are, with the events of both
    background_speed: tuple[float, float] = (1.0, 1.0)  # changes the pitch of event-free stretches
    background_filter_db: float = 0.0  # standard deviation of the gain of a random filter, per event-free stretch
    empty_share: float = 0.0  # of sequences: made of event-free stretches, with no event added
    hard_negatives: float = 0.0  # of sequences: made of event-free sound that the network takes for events
    added_distractors_per_minute: float = 0.0  # sounds from event-free stretches that are mixed in as no event
    reverberation_share: float = 0.0  # of runs, and of whole sequences: heard in a random room
    reverberation_rt60_s: tuple[float, float] = (0.1, 0.8)
    direct_to_reverberant_db: tuple[float, float] = (-3.0, 15.0)
    band_gain_db: float = 0.0  # largest gain or loss at random bands, linear in between, per sequence
    added_runs_per_minute: float = 20.0  # runs that are mixed into the sequence, on average
    run_snr_db: tuple[float, float] = (-6.0, 20.0)
    run_speed: tuple[float, float] = (0.8, 1.25)  # changes pitch and duration together
    point_spacing: tuple[float, float] = (0.25, 1.0)  # times between point labels in a run; 1: as they were recorded
    run_filter_db: float = 6.0  # standard deviation of the gain of a random filter, per run
    source_snr_min_db: float = 6.0  # events with a lower signal-to-noise ratio are not cut out
    gain_db: tuple[float, float] = (-10.0, 10.0)  # of the whole sequence
    microphone_filter_db: float = 3.0  # standard deviation of the gain of a random filter, per sequence
    masked_bands_max: int = 6  # width of the one mask of each sequence: random, 0 to this
    masked_frames_max: int = 12  # width of each of the four masks of a sequence: random, 0 to this

    def __post_init__(self) -> None:
        shares = (
            "stitched_background_share",
            "second_background_share",
            "second_excerpt_share",
            "empty_share",
            "hard_negatives",
            "reverberation_share",
        )
        _require_between(self, "augmentation", **dict.fromkeys(shares, (0, 1)))
        ranges = {"run_speed": (0.1, 10), "background_speed": (0.1, 10), "reverberation_rt60_s": (0.01, 20)}
        above_0 = (*ranges, "point_spacing")
        for name in (*above_0, "run_snr_db", "gain_db", "direct_to_reverberant_db"):
            low, high = getattr(self, name)
            if low > high or (name in above_0 and low <= 0):
                raise ConfigError(
                    f"augmentation: {name} is {(low, high)}: need the smaller value first, and speeds and times above 0"
                )
            least, most = ranges.get(name, (-math.inf, math.inf))
            if low < least or high > most:
                raise ConfigError(f"augmentation: {name} is {(low, high)}: need {least:g} to {most:g}")
        if self.point_spacing[1] > 1:
            raise ConfigError(
                f"augmentation: point_spacing is {self.point_spacing}: need at most 1, "
                "as events are only moved closer together"
            )
        names = (
            "added_runs_per_minute",
            "added_distractors_per_minute",
            "run_filter_db",
            "background_filter_db",
            "band_gain_db",
            "microphone_filter_db",
        )
        _require_between(
            self, "augmentation", **dict.fromkeys((*names, "masked_bands_max", "masked_frames_max"), (0, 1e4))
        )


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """The phases of training: float with BatchNorm, then quantization-aware on the folded weights.

    In these names a step is one gradient step.
    """

    sequence_s: float = 8.0
    batch_sequences: int = 16
    head_steps: int = 400  # with a backbone: the layers behind it are trained first, while it stays as it is
    float_steps: int = 2400
    quantized_steps: int = 400  # 0: the float network is quantized as it is
    head_learning_rate: float = 3e-3
    learning_rate: float = 3e-3
    fine_tuned_share: float = 0.5  # with a backbone: of the weights after this phase; the rest are those before it
    quantized_learning_rate: float = 3e-4
    weight_decay: float = 1e-2
    dropout: float = 0.2
    average_decay: float = 0.998  # of the running average of the weights; the averaged weights are the result
    label_smoothing: float = 0.0
    teacher_share: float = 0.5  # with a teacher: of its probability in a target; the rest is the label's
    unlabelled_share: float = 0.25  # with unlabelled recordings: of sequences
    positive_weight: float = 1.0  # weight in the loss of time within events, against time without
    patience_steps: int = 1000  # a phase ends after so many without a better score on the val split
    check_every_steps: int = 400  # how often the val split is scored

    def __post_init__(self) -> None:
        counts = (
            "batch_sequences",
            "head_steps",
            "float_steps",
            "patience_steps",
            "check_every_steps",
        )
        for name in counts:
            if getattr(self, name) < 1:
                raise ConfigError(f"training: {name} is {getattr(self, name)}: need 1 or more")
        for name in ("dropout", "average_decay", "label_smoothing"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"training: {name} is {getattr(self, name)}: need 0 or more, and less than 1")
        _require_between(self, "training", sequence_s=(0.5, 600), weight_decay=(0, 10))
        _require_between(self, "training", positive_weight=(0.01, 100))
        shares = ("fine_tuned_share", "teacher_share", "unlabelled_share")
        _require_between(self, "training", **dict.fromkeys(shares, (0, 1)))
        _require_between(self, "training", quantized_steps=(0, 1e9))
        rates = ("head_learning_rate", "learning_rate", "quantized_learning_rate")
        _require_between(self, "training", **dict.fromkeys(rates, (1e-9, 1)))


@dataclass(frozen=True, kw_only=True)
class OperatingPointSettings:
    """Which event settings are tried for each class on the val split: every combination of the lists."""

    false_alarms_per_hour: float = 0.0  # at most, of each class; 0: no limit, the best event F1 is chosen
    false_alarms_per_hour_of_class: dict[str, float] = field(default_factory=dict)  # classes with their own limit
    hits: Literal["onset", "overlap"] = "onset"  # what counts as heard: see choice.py
    collar_percent: float = 0.0  # an onset may be off by this share of the event's duration, where that is over 200 ms
    silence_unmet: bool = False  # a class that cannot meet its limit is set silent: it never gives an event
    silent: tuple[str, ...] = ()  # classes that are set silent in any case
    on_logit_step: float = 0.333  # distance of on thresholds, from a probability of 0.02 to 0.99
    smoothing_steps: tuple[int, ...] = (1, 3, 5, 9, 15)
    off_ratio: tuple[float, ...] = (0.15, 0.3, 0.5, 0.7, 1.0)  # off threshold divided by on threshold, as probabilities
    min_duration_steps: tuple[int, ...] = (1, 2, 4, 8, 16, 24, 32, 48)
    merge_gap_steps: tuple[int, ...] = (0, 2, 5, 10, 20)

    def __post_init__(self) -> None:
        for name, budget in {"false_alarms_per_hour": self.false_alarms_per_hour, **self._named_budgets}.items():
            if not 0 <= budget < math.inf:
                raise ConfigError(f"operating_point: {name} is {budget}: need 0 (no limit) or more")
        limits = {"smoothing_steps": (1, 15), "off_ratio": (0.01, 1), "min_duration_steps": (1, 10_000)}
        for name, (least, most) in (limits | {"merge_gap_steps": (0, 200)}).items():
            values = getattr(self, name)
            if not values or min(values) < least or max(values) > most or list(values) != sorted(set(values)):
                raise ConfigError(
                    f"operating_point: {name} is {list(values)}: need values from {least:g} to {most:g} in rising order"
                )
        if even := [steps for steps in self.smoothing_steps if steps % 2 == 0]:
            raise ConfigError(
                f"operating_point: smoothing_steps has {even[0]}: need odd numbers, as the scores are smoothed by a "
                "median"
            )
        _require_between(self, "operating_point", on_logit_step=(0.05, 3), collar_percent=(0, 100))

    @property
    def _named_budgets(self) -> dict[str, float]:
        return {
            f"false_alarms_per_hour of {label}": most for label, most in self.false_alarms_per_hour_of_class.items()
        }

    def budget(self, label: str) -> float:
        """Return the most false alarms per hour that a class may have; 0 stands for no limit."""
        return self.false_alarms_per_hour_of_class.get(label, self.false_alarms_per_hour)

    def require_classes(self, classes: Collection[str]) -> None:
        """Raise ConfigError when a budget or silence is set for a class that is not among these."""
        if unknown := sorted(set(self.silent) - set(classes)):
            raise ConfigError(f"{unknown[0]!r} is to be silent but is no class; the classes are {', '.join(classes)}")
        if strange := sorted(set(self.false_alarms_per_hour_of_class) - set(classes)):
            raise ConfigError(
                f"a budget of false alarms is set for {strange[0]!r}, which is no class; the classes are "
                f"{', '.join(classes)}"
            )

    @property
    def on_scores(self) -> tuple[int, ...]:
        """The on thresholds to try, as int8 scores, at equal distances of the logit.

        There are many at low probabilities, because rare classes and unknown sources have low scores.
        """
        logits = np.arange(-4, 4.7, self.on_logit_step)
        return tuple(int(score) for score in np.minimum(np.round(256 / (1 + np.exp(-logits))) - 128, 127))


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that determines a training run, apart from the recordings."""

    seed: int = 1
    channel: Channel = "mean"  # of recordings, counted from 1, or the mean of all
    frontend: FrontendConfig = field(default_factory=FrontendConfig)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    operating_point: OperatingPointSettings = field(default_factory=OperatingPointSettings)

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**31:
            raise ConfigError(f"seed is {self.seed}: need 0 to {2**31 - 1}")
        if self.channel != "mean" and not 1 <= self.channel <= MOST_CHANNELS:
            raise ConfigError(f'channel is {self.channel}: need "mean", or 1 to {MOST_CHANNELS}')
        make_tables(self.frontend)
        self.network.bands_into(self.frontend.n_bands)
        for name in ("target_delay_steps", "memory_steps"):
            steps = getattr(self.network, name)
            if steps >= self.sequence_steps:
                what = name if name in vars(self.network) else "(score_kernel_steps - 1) * score_dilation_steps"
                raise ConfigError(
                    f"network: {what} is {steps}: need less than the {self.sequence_steps} steps "
                    f"of a training sequence; lower it, or raise sequence_s, {self.training.sequence_s:g}"
                )

    @property
    def clock(self) -> StepClock:
        """Which samples each score stands for."""
        return StepClock.of(self.frontend, self.network.frames_per_step, self.network.target_delay_steps)

    @property
    def sequence_steps(self) -> int:
        """Number of steps of a training sequence."""
        return max(1, round(self.training.sequence_s * self.clock.sample_rate_hz / self.clock.step_samples))


def _require_between(settings: Any, table: str, **limits: tuple[float, float]) -> None:
    for name, (least, most) in limits.items():
        if not least <= getattr(settings, name) <= most:
            raise ConfigError(f"{table}: {name} is {getattr(settings, name)}: need {least:g} to {most:g}")


@dataclass(frozen=True)
class SettingsFile:
    """What a TOML file says. It is read once, as it may be a pipe, although the defaults depend on its backbone."""

    path: Path
    text: str
    values: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> "SettingsFile":
        """Read the file. Raises ConfigError for one that cannot be read or is not TOML."""
        try:
            text = path.read_text(encoding="utf-8")
            return cls(path, text, tomllib.loads(text))
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
        except (ValueError, RecursionError) as error:  # ValueError: of TOML, of UTF-8, of numbers with too many digits
            raise ConfigError(f"{path}: is not a TOML file: {error}; correct it there") from error

    def settings(self, defaults: "Settings | None" = None) -> Settings:
        """Return the settings; those that the file leaves out keep their defaults.

        Raises ConfigError with the line of a setting that is unknown or out of range.
        """
        settings: Settings = _build(Settings, self.values, self, defaults)
        return settings

    def backbone(self) -> tuple[str, int | None]:
        """Return the backbone that the file names, "" for none, and its number of layers, None if it says none.

        What cannot be a backbone or a number of layers is left to `settings`, which names its line.
        """
        network = self.values.get("network")
        named = network if isinstance(network, dict) else {}
        backbone, layers = named.get("backbone"), named.get("backbone_layers")
        return backbone if isinstance(backbone, str) else "", layers if type(layers) is int and layers > 0 else None

    def where(self, key: str) -> str:
        """Return path:line of a setting, or the path alone when no line begins with it."""
        for number, line in enumerate(self.text.splitlines(), start=1):
            if re.match(rf"\s*\[?\s*{re.escape(key)}\b", line):
                return f"{self.path}:{number}"
        return str(self.path)


def read_settings(path: Path, defaults: "Settings | None" = None) -> Settings:
    """Read settings from a TOML file; settings that it leaves out keep their defaults.

    Raises ConfigError for a file that cannot be read, and with the line of a setting that is unknown or out of range.
    """
    return SettingsFile.read(path).settings(defaults)


def operating_point_settings(
    values: Mapping[str, Any], path: Path, defaults: OperatingPointSettings
) -> OperatingPointSettings:
    """Return the settings of a choice of thresholds, of which `path`, a detector.json, says these values.

    Raises ConfigError for a setting that is unknown or out of range.
    """
    settings: OperatingPointSettings = _build(
        OperatingPointSettings, dict(values), SettingsFile(path, "", {}), defaults
    )
    return settings


def write_settings(settings: Settings) -> str:
    """Return the settings as the text of a TOML file; `read_settings` reads it back to equal settings."""
    top = [f"{name} = {_toml(value)}" for name, value in vars(settings).items() if not dataclasses.is_dataclass(value)]
    tables = [
        "\n".join([f"[{name}]", *(f"{key} = {_toml(entry)}" for key, entry in vars(value).items())])
        for name, value in vars(settings).items()
        if dataclasses.is_dataclass(value)
    ]
    return "\n".join(top) + "\n\n" + "\n\n".join(tables) + "\n"


def _build(kind: Any, values: dict[str, Any], source: SettingsFile, defaults: Any = None) -> Any:
    hints = get_type_hints(kind)
    unknown = sorted(set(values) - set(hints))
    if unknown:
        allowed = ", ".join(hints)
        raise ConfigError(
            f"{source.where(unknown[0])}: unknown setting {unknown[0]!r}; the settings here are: {allowed}"
        )
    converted = {
        key: _convert(key, value, hints[key], source, getattr(defaults, key, None)) for key, value in values.items()
    }
    try:
        return kind(**converted) if defaults is None else dataclasses.replace(defaults, **converted)
    except ValueError as error:
        tables = [name for name in values if dataclasses.is_dataclass(converted[name])]
        keys = [*(key for name in tables for key in values[name]), *values]
        named = [(key in tables, match.start(), key) for key in keys if (match := re.search(rf"\b{key}\b", str(error)))]
        first = min(named)[2] if named else next(iter(values), "")  # the setting that the message names first
        raise ConfigError(f"{source.where(first)}: {error}") from error


def _convert(key: str, value: Any, hint: Any, source: SettingsFile, default: Any) -> Any:
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return _build(hint, value, source, default)
    converted = _match(value, hint)
    if converted is None:
        raise ConfigError(f"{source.where(key)}: {key} = {value!r} is not {_describe(hint)}")
    return converted


def _match(value: Any, hint: Any) -> Any:
    """Return the value converted to this type, or None when it does not fit."""
    if get_origin(hint) in (Union, UnionType):
        return next((match for choice in get_args(hint) if (match := _match(value, choice)) is not None), None)
    if get_origin(hint) is dict and isinstance(value, dict):
        entries = {key: _match(entry, get_args(hint)[1]) for key, entry in value.items()}
        return None if None in entries.values() else entries
    if get_origin(hint) is tuple and isinstance(value, list):
        kinds = get_args(hint)
        kinds = kinds[:1] * len(value) if kinds[-1] is Ellipsis else kinds
        items = [_match(item, kind) for item, kind in zip(value, kinds, strict=False)]
        return tuple(items) if len(kinds) == len(value) and None not in items else None
    if get_args(hint) and get_origin(hint) is not dict:  # Literal
        return value if value in get_args(hint) else None
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value) if abs(value) < 1 << 1000 else None  # larger ones are no float
    return value if type(value) is hint and (hint is not float or math.isfinite(value)) else None


def _describe(hint: Any) -> str:
    names = {int: "a whole number", float: "a number", str: "a string", bool: "true or false"}
    if get_origin(hint) is dict:
        return f"a table, each entry {_describe(get_args(hint)[1])}"
    if get_origin(hint) is tuple:
        kinds = get_args(hint)
        count = "a list" if kinds[-1] is Ellipsis else f"a list of {len(kinds)}"
        return f"{count}, each {_describe(kinds[0])}"
    if get_args(hint):
        return "one of " + ", ".join(map(repr, get_args(hint)))
    return names.get(hint, "a table")


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml(key)} = {_toml(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(value)
