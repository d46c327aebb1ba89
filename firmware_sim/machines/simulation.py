"""A whole detector as a program, on an emulated board or on this machine: PCM in; features, scores and events out.

>>> built = build_detector(read_folder("pops.stapes"), BOARDS["cortex-m4"], Path("build"))     # doctest: +SKIP
>>> result = built.hear(pcm)                                                                   # doctest: +SKIP
>>> result.events, result.stages["model"], result.run.stack_bytes                              # doctest: +SKIP
"""

import json
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stapes.firmware_sim.device.events import Event, probability
from stapes.firmware_sim.device.folder import DetectorFolder
from stapes.firmware_sim.device.generated_c import GeneratedC, generated_c
from stapes.firmware_sim.device.known_answers import SCORE_STEPS, KnownAnswers
from stapes.firmware_sim.device.tail import with_tail
from stapes.firmware_sim.errors import ConfigError, ToolchainError
from stapes.firmware_sim.machines.boards import BOARDS, FOLDER, Board
from stapes.firmware_sim.machines.detector_c import DetectorC, detector_c
from stapes.firmware_sim.machines.emulator import RunResult, run
from stapes.firmware_sim.machines.firmware import ALL_MEMORY, Firmware, FirmwareTooLargeError, Limits, build_firmware
from stapes.firmware_sim.machines.tools import call, find_tool

MAIN = FOLDER / "stapes_board_detector.c"
STAGES = ("push", "frontend", "model", "events")
_PACED_ICOUNT_SHIFT = 6  # every instruction takes 2^6 = 64 ns of the board's time
_TIMER_MOST_TICKS = 1 << 24
_BLOB_SLACK = 4096  # bytes of a blob beside the constants of its model: head, settings and names of classes


@dataclass(frozen=True)
class Pace:
    """How fast a core is, for runs in which audio arrives in real time.

    Instructions are counted, cycles are not, so `cpi` is an assumption.
    """

    mhz: float  # clock of the core
    cpi: float  # cycles per instruction

    def instructions(self, seconds: float) -> float:
        """Return how many instructions the core executes in this time."""
        return seconds * self.mhz * 1e6 / self.cpi


@dataclass(frozen=True)
class DetectorRun:
    """What a detector's program printed and wrote for one recording."""

    events: list[Event]  # announced (offset_sample None) and completed, in the order in which they were printed
    gaps: list[tuple[int, int]]  # sample at which audio was lost because the loop was too slow, and samples lost
    features: NDArray[np.int8]  # [frames, bands]; empty when paced
    scores: NDArray[np.int8]  # [steps, classes]; empty when paced
    lines: list[str]  # of JSON, as they left the UART, without the summary
    frames: int
    steps: int
    overruns: int  # how often audio was lost
    samples_lost: int
    detector_bytes: int  # sizeof(NAME_detector_t)
    loaded: int | None  # what a loadable detector's NAME_load returned, -1 without a blob; None: not loadable
    run: RunResult | None  # what the emulator measured; None on this machine

    @property
    def stages(self) -> dict[str, list[int]]:
        """Return the instructions of every call, by stage; none on this machine and when they were not counted."""
        return self.stage_counts("instructions")

    def stage_counts(self, count: str) -> dict[str, list[int]]:
        """Return a field of `CycleCount` of every call, by stage; none on this machine and when none was counted."""
        counts = {} if self.run is None else self.run.counts
        return {name: [getattr(one, count) for one in counts.get(name, ())] for name in STAGES}


@dataclass(frozen=True)
class BuiltDetector:
    """A detector's program for one machine."""

    folder: DetectorFolder
    board: Board | None  # None stands for this machine
    program: Path
    firmware: Firmware | None  # None on this machine
    model: GeneratedC

    @property
    def machine(self) -> str:
        """Return the name of the board, or "host"."""
        return "host" if self.board is None else self.board.name

    def hear(
        self,
        pcm: NDArray[np.int16],
        *,
        pace: Pace | None = None,
        blob: bytes | None = None,
        count: bool = True,
        profile: bool = False,
        regions: Mapping[str, tuple[int, int]] | None = None,
        on_line: Callable[[str], object] | None = None,
    ) -> DetectorRun:
        """Run the program over a whole recording, int16[samples] at the detector's rate, and its tail.

        With `pace` a timer interrupt delivers a hop whenever its time has come, whether or not the loop has kept up.
        `blob`: what a loadable detector loads first; `loaded` of the result is what NAME_load returned.
        `count`, `profile`, `regions` and `on_line` are those of `emulator.run`.

        Raises ConfigError when the pace is too fast or too slow for the board's timer, and on this machine, which
        cannot be paced; ToolchainError when the emulator cannot run the program or the firmware ends with a fault. The
        message names the fault and its stage.
        """
        arguments = ["free"] if pace is None else ["paced", str(self._ticks(pace))]
        sent = {"in.pcm": with_tail(self.folder.clock, pcm).astype("<i2").tobytes()}
        if blob is not None:
            sent["model.blob"] = blob
        seconds = len(pcm) / self.folder.frontend.sample_rate_hz
        if self.firmware is None:
            return self._read(*self._run_here(arguments, sent), None)
        result = run(
            self.firmware,
            arguments=arguments,
            files=sent,
            count=count,
            profile=profile,
            regions=regions,
            on_line=on_line,
            icount_shift=None if pace is None else _PACED_ICOUNT_SHIFT,
            timeout_s=120 + 5 * seconds,
        )
        if result.fault is not None:
            raise ToolchainError(f"{self.machine}: {result.fault}")
        return self._read(result.text, result.files, result)

    def answers(self, samples: int) -> KnownAnswers:
        """Return the program's answers to the self-test's sound and scores. Raises ToolchainError as `hear` does."""
        arguments = ["answers", str(samples), str(SCORE_STEPS)]
        if self.firmware is None:
            text = self._run_here(arguments, {})[0]
        else:
            result = run(self.firmware, arguments=arguments, count=False)
            if result.fault is not None:
                raise ToolchainError(f"{self.machine}: {result.fault}")
            text = result.text
        _, summary = self._records(text)
        return KnownAnswers(*(summary[name] for name in ("features_crc32", "scores_crc32", "events_crc32")))

    def _ticks(self, pace: Pace) -> int:
        if self.board is None:
            raise ConfigError("only an emulated board can be paced, not this machine: name a board")
        hop = self.folder.frontend.hop_s
        ticks = round(pace.instructions(hop) * (1 << _PACED_ICOUNT_SHIFT) * 1e-9 * self.board.timer_hz)
        if not 0 < ticks < _TIMER_MOST_TICKS:
            raise ConfigError(
                f"{pace.mhz:g} MHz at {pace.cpi:g} cycles per instruction cannot be paced on {self.machine}: a hop of "
                f"{1000 * hop:g} ms would be {ticks} ticks of its timer; need 1 to {_TIMER_MOST_TICKS - 1}"
            )
        return ticks

    def _run_here(self, arguments: Sequence[str], sent: dict[str, bytes]) -> tuple[str, dict[str, bytes]]:
        with tempfile.TemporaryDirectory(prefix="stapes-run-") as folder:
            for name, data in sent.items():
                (Path(folder) / name).write_bytes(data)
            done = subprocess.run([self.program.resolve(), *arguments], cwd=folder, capture_output=True, text=True)
            files = {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.name not in sent}
        if done.returncode != 0:
            raise ToolchainError(f"{self.program.name} ended with exit code {done.returncode} on this machine")
        return done.stdout, files

    def _records(self, text: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Return the events and the summary, which is the last line."""
        # A label may hold a character that str.splitlines takes for the end of a line.
        records = [json.loads(line) for line in text.split("\n") if line]
        if not records or "summary" not in records[-1]:
            raise ToolchainError(f"{self.machine}: the detector refused its tables or ended early: {text[-200:]!r}")
        return records[:-1], records[-1]

    def _read(self, text: str, files: dict[str, bytes], result: RunResult | None) -> DetectorRun:
        records, summary = self._records(text)
        rate = self.folder.frontend.sample_rate_hz
        return DetectorRun(
            events=[
                Event(
                    label=record["label"],
                    onset_sample=record["onset_sample"],
                    offset_sample=record.get("offset_sample"),
                    confidence=probability(record["score"]),
                    sample_rate_hz=rate,
                )
                for record in records
                if record["event"] != "gap"
            ],
            gaps=[(gap["at_sample"], gap["lost_samples"]) for gap in records if gap["event"] == "gap"],
            features=_int8(files.get("features.bin", b""), self.folder.frontend.n_bands),
            scores=_int8(files.get("scores.bin", b""), len(self.folder.classes)),
            lines=[line for line in text.split("\n") if line][:-1],
            frames=summary["frames"],
            steps=summary["steps"],
            overruns=summary["overruns"],
            samples_lost=summary["samples_lost"],
            detector_bytes=summary["detector_bytes"],
            loaded=summary.get("loaded"),
            run=result,
        )


def build_detector(
    folder: DetectorFolder,
    board: Board | None,
    out: Path,
    *,
    limits: Limits = ALL_MEMORY,
    flags: Sequence[str] = ("-O2",),
    loadable: bool = False,
) -> BuiltDetector:
    """Build the program of a detector folder for a board, or for this machine (`board` None). Files go into `out`.

    The model's C is generated anew; what lies in the folder's c/ is not looked at. loadable: the program can take
    another model as a blob.

    Raises ModelError for a model that the compiler refuses, ToolchainError when a C compiler is missing or refuses the
    C, FirmwareTooLargeError when the board's memory is too small.
    """
    model = generated_c(folder, loadable=loadable)
    code = detector_c(folder, model, out)
    defines = [f'-DDETECTOR_HEADER="{code.name}_detector.h"', f"-DDETECTOR(x)={code.name}_##x"]
    if model.constants is not None:
        defines.append(f"-DDETECTOR_BLOB_BYTES={_BLOB_SLACK + max(map(len, model.constants.contents.values()))}")
    if board is None:
        return BuiltDetector(folder, None, _build_here(code, out, [*flags, *defines]), None, model)
    firmware = build_firmware(
        board,
        [*code.sources, MAIN],
        out / f"{code.name}-{board.name}.elf",
        include_dirs=code.include_dirs,
        flags=[*flags, *defines, "-DSTAPES_BOARD"],
        limits=limits,
    )
    return BuiltDetector(folder, board, firmware.elf, firmware, model)


def build_where_it_fits(folder: DetectorFolder, board: Board | None, out: Path) -> BuiltDetector:
    """Build for a board, or for its stand-in when the detector does not fit the board.

    Raises ModelError and ToolchainError as `build_detector` does.
    """
    try:
        return build_detector(folder, board, out)
    except FirmwareTooLargeError:
        if board is None or board.stand_in is None:
            raise
        return build_detector(folder, BOARDS[board.stand_in], out)


def _build_here(code: DetectorC, out: Path, flags: Sequence[str]) -> Path:
    program = out / f"{code.name}-host"
    main = out / f"{code.name}-host-main.o"
    compiler = [find_tool("cc"), "-std=c99", *flags, *(f"-I{path}" for path in (*code.include_dirs, FOLDER))]
    commands: tuple[list[str | Path], ...] = (
        [*compiler, "-Dmain=firmware_main", "-c", MAIN, "-o", main],
        [*compiler, *code.sources, main, FOLDER / "stapes_board_host.c", "-o", program],
    )
    for command in commands:
        call(command, f"compiling {code.name} for this machine")
    return program


def _int8(data: bytes, columns: int) -> NDArray[np.int8]:
    return np.frombuffer(data, np.int8).reshape(-1, columns)
