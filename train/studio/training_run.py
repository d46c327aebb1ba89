"""The studio's training: `stapes train` as a process of its own, and how far it is."""

import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stapes.firmware_sim.errors import ConfigError
from stapes.train.learn.workspace import read_history
from stapes.train.studio.command_run import CommandRun
from stapes.train.studio.detectors import folder_of, free_name, named, names, new_path
from stapes.train.studio.studio import Studio

SIZES = ("small", "medium", "large")


@dataclass(frozen=True)
class TrainingOptions:
    """What can be chosen on the page; empty texts leave it to `stapes train`."""

    size: str = ""  # of the network
    start: str = ""  # name of the detector whose weights training goes on from
    settings: str = ""  # name of a settings file in the dataset's folder


class TrainingRun:
    """The training of a studio's dataset, of which one runs at a time."""

    def __init__(self, studio: Studio) -> None:
        self._studio, self._run = studio, CommandRun(studio.dataset / ".studio" / "training")

    def start(self, out: str, options: TrainingOptions) -> None:
        """Train a detector of this name; go on with a training that was stopped. Raises ConfigError."""
        words = self._words(new_path(self._studio, out), options)
        command = shlex.join(["stapes", *words])
        self._run.start(words, {"out": out, "options": asdict(options), "command": command})

    def stop(self) -> None:
        """Stop the training, if it runs; the same start goes on with it."""
        self._run.stop()

    def status(self) -> dict[str, Any]:
        """Return, for JSON, how far the training is and what can be chosen for another one."""
        state, said = self._run.status()
        about = self._run.about
        return {
            "state": state,
            **about,
            "lines": said.lines,
            "error": said.error if state == "failed" else "",
            "progress": said.progress,
            "seconds_left": said.progress["seconds_left"] if said.progress else None,
            "curve": _curve(folder_of(self._studio) / about["out"]) if about else [],
            "choices": self._choices(),
        }

    def _choices(self) -> dict[str, Any]:
        return {
            "out": free_name(self._studio),
            "folder": str(folder_of(self._studio)),
            "sizes": SIZES,
            "detectors": names(self._studio),
            "settings": sorted(each.name for each in self._studio.dataset.glob("*.toml")),
        }

    def _words(self, out: Path, options: TrainingOptions) -> list[str]:
        words = ["train", str(self._studio.dataset.absolute()), "--out", str(out)]
        if options.size:
            if options.size not in SIZES:
                raise ConfigError(f"{options.size!r} is no size of a network; choose one of {', '.join(SIZES)}")
            words += ["--size", options.size]
        if options.start:
            words += ["--from", str(named(self._studio, options.start))]
        if options.settings:
            files = {each.name: each for each in self._studio.dataset.absolute().glob("*.toml")}
            if options.settings not in files:
                raise ConfigError(f"{options.settings!r} is no settings file in {self._studio.dataset}; put it there")
            words += ["--config", str(files[options.settings])]
        return words


def _curve(out: Path) -> list[dict[str, Any]]:
    """Return the checks of a training: phase, gradient step, mean loss, and average precision on val or None."""
    return [
        {
            "phase": row["phase"],
            "step": int(row["step"]),
            "loss": _number(row["loss"]),
            "precision": _number(row["val_frame_average_precision"]),
        }
        for row in read_history(out)
    ]


def _number(text: str) -> float | None:
    value = float(text)
    return None if value != value else value  # nan, which JSON does not have
