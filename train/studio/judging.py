"""The studio's judgement of a detector: `stapes evaluate` as a process of its own, and what follows from its result."""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stapes.firmware_sim.device.events import SILENT, probability
from stapes.firmware_sim.device.folder import read_folder
from stapes.firmware_sim.errors import ConfigError
from stapes.train.data.dataset import open_dataset
from stapes.train.data.training_split import inherited_options
from stapes.train.judge.by_hand import with_thresholds
from stapes.train.judge.judged import choose_split
from stapes.train.studio.command_run import CommandRun
from stapes.train.studio.detectors import named, names
from stapes.train.studio.studio import Studio

LIST_FIELDS = ("mistakes", "curves")  # of the result; asked for apart, because they are long


class JudgementRun:
    """The judgement of one of a studio's detectors, of which one runs at a time."""

    def __init__(self, studio: Studio) -> None:
        self._studio, self._run = studio, CommandRun(studio.dataset / ".studio" / "judgement")

    def start(self, detector: str, before: str) -> None:
        """Judge a detector, beside the one before unless its name is empty. Raises ConfigError for unknown names."""
        words = ["evaluate", str(named(self._studio, detector)), str(self._studio.dataset.absolute())]
        if before:
            words += ["--before", str(named(self._studio, before))]
        command = shlex.join(["stapes", *words])
        self._run.start([*words, "--json"], {"detector": detector, "before": before, "command": command})

    def status(self) -> dict[str, Any]:
        """Return, for JSON, how far the judgement is, its result or None, and what can be judged."""
        state, said = self._run.status()
        about, there = self._run.about, names(self._studio)
        result = self.result() if about.get("detector") in there else None  # it may have been deleted
        return {
            "state": state,
            **about,
            "lines": said.lines,
            "error": said.error if state == "failed" else "",
            "progress": said.progress,
            "result": result and {name: value for name, value in result.items() if name not in LIST_FIELDS},
            "thresholds": self._thresholds() if result else {},
            "detectors": there,
        }

    def result(self) -> dict[str, Any] | None:
        """Return what `stapes evaluate --json` printed; None until it has."""
        if self._run.status()[0] != "finished":
            return None
        return dict(json.loads(self._run.output.read_text(encoding="utf-8")))

    def mistakes(self) -> list[dict[str, Any]]:
        """Return the mistakes as a queue for the editor, the worst first."""
        return [
            {
                "recording": each["recording"],
                "at": each["onset"],
                "until": each["offset"],
                "label": each["label"],
                "note": _note(each),
                "kind": each["kind"],
            }
            for each in self._known()["mistakes"]
        ]

    def curve(self, label: str) -> list[dict[str, float | None]]:
        """Return what each threshold of a class gives. Raises ConfigError for an unknown class."""
        curves = self._known()["curves"]
        if label not in curves:
            raise ConfigError(f"the detector has no class {label!r}, only {', '.join(curves)}")
        return list(curves[label])

    def set_thresholds(self, thresholds: Mapping[str, float]) -> dict[str, float | None]:
        """Write thresholds into the judged detector, as `stapes tune --threshold` does; return all that it has now."""
        result, path = self._known(), self._judged()
        folder = read_folder(path)
        dataset = open_dataset(self._studio.dataset, inherited_options(None, None, folder))
        split, recordings = choose_split(dataset, result["split"])
        with_thresholds(folder, thresholds, recordings, split).write()
        return self._thresholds()

    def _thresholds(self) -> dict[str, float | None]:
        """Return the on threshold of each class as it is now; None for a class that is silent."""
        folder = read_folder(self._judged())
        return {
            label: None if config == SILENT else probability(config.on_score)
            for label, config in zip(folder.classes, folder.events, strict=True)
        }

    def _judged(self) -> Path:
        return named(self._studio, self._run.about["detector"])

    def _known(self) -> dict[str, Any]:
        result = self.result()
        if result is None:
            raise ConfigError("no detector has been judged yet; judge one first")
        return result


def _note(mistake: dict[str, Any]) -> str:
    if mistake["kind"] == "false":
        return f"{mistake['label']} was heard where no label is, with {mistake['probability']:.2f}"
    return f"{mistake['label']} was missed; the highest probability was {mistake['probability']:.2f}"
