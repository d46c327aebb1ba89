"""A sub-command of stapes as a process of its own: it outlives the studio, which can follow and stop it later on.

What belongs to a run lies in one folder:
  run.json   what was started, as the one who started it describes it
  lines      the command's stderr: lines of JSON (`stapes --progress json`), and whatever libraries write between them
  output     the command's stdout
  lock       locked for as long as the process lives, however it ends
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, Literal

from stapes.firmware_sim.errors import ConfigError, OutputError
from stapes.firmware_sim.locks import locked_file
from stapes.firmware_sim.outputs import write_whole

State = Literal["idle", "running", "stopped", "finished", "failed"]
INTERRUPTED = 130  # exit code after Ctrl-C
LINES_MAX = 200  # that are kept to be shown


@dataclass
class Said:
    """What a command has said so far."""

    lines: list[dict[str, str]] = field(default_factory=list)  # {kind, text}, the last LINES_MAX
    progress: dict[str, Any] | None = None  # of the running task
    exit_code: int | None = None  # None: it did not come to its end
    other: str = ""  # the last line that was not JSON: after a crash, its reason

    def hear(self, line: str) -> None:
        """Take one line of the command's stderr."""
        try:
            said = json.loads(line)
            kind = said["kind"]
        except (ValueError, KeyError, TypeError):
            self.other = line.strip() or self.other
            return
        if kind == "progress":
            self.progress = said
        elif kind == "end":
            self.exit_code, self.progress = said["exit_code"], None
        else:
            self.lines = [*self.lines, {"kind": kind, "text": said["text"]}][-LINES_MAX:]
            self.progress = None if kind == "done" else self.progress

    @property
    def error(self) -> str:
        """Why the command failed."""
        return next((each["text"] for each in reversed(self.lines) if each["kind"] == "error"), self.other)


class CommandRun:
    """The run that lies in a folder, if there is one; only one at a time. Any thread may call its methods."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._guard = folder, Lock()
        self._process: subprocess.Popen[bytes] | None = None  # None also after a restart of this process
        self._said, self._read = Said(), 0  # bytes of `lines` that have been read

    @property
    def output(self) -> Path:
        """The file with the command's stdout."""
        return self._folder / "output"

    def start(self, words: Sequence[str], about: dict[str, Any]) -> None:
        """Start `stapes WORDS`; `about` is kept for whoever follows the run. Raises ConfigError while another runs."""
        with self._guard:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                lock = locked_file(self._folder / "lock")
            except OSError as error:
                raise OutputError(f"{self._folder}: cannot be written: {error.strerror}") from error
            if lock is None:
                raise ConfigError("it is running already; stop it first, or wait until it ends")
            try:
                self._launch(words, about, lock)
            finally:
                os.close(lock)  # the process has its own

    def _launch(self, words: Sequence[str], about: dict[str, Any], lock: int) -> None:
        command = [sys.executable, "-m", "stapes", "--progress", "json", *words]
        self._said, self._read = Said(), 0
        with (self._folder / "lines").open("wb") as lines, self.output.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=lines,
                pass_fds=[lock],
                start_new_session=True,  # Ctrl-C at the studio's terminal does not stop it
            )
        write_whole(self._folder / "run.json", json.dumps({"process": self._process.pid, "about": about}))

    def stop(self) -> None:
        """Interrupt the command as Ctrl-C does, if it runs. A training then goes on with the same command."""
        with self._guard:
            if self._runs():
                os.kill(self._description()["process"], signal.SIGINT)

    @property
    def about(self) -> dict[str, Any]:
        """What was started; {} when nothing was."""
        return dict(self._description().get("about", {}))

    def status(self) -> tuple[State, Said]:
        """Return whether the command runs or how it ended, and what it has said."""
        with self._guard:
            runs = self._runs()  # before its lines are read, so that the last one of an ended command is read
            self._hear()
            if not self._description():
                return "idle", self._said
            if runs:
                return "running", self._said
        code = self._said.exit_code
        if code in (None, INTERRUPTED):
            return "stopped", self._said
        return ("finished" if code == 0 else "failed"), self._said

    def _runs(self) -> bool:
        if self._process is not None:
            self._process.poll()  # an ended process is forgotten by the system only then
        if not (self._folder / "lock").exists():
            return False
        lock = locked_file(self._folder / "lock")
        if lock is None:
            return True
        os.close(lock)
        return False

    def _hear(self) -> None:
        path = self._folder / "lines"
        if not path.exists():
            return
        with path.open("rb") as file:
            file.seek(self._read)
            added = file.read()
        whole = added[: added.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.decode(errors="replace").splitlines():
            self._said.hear(line)

    def _description(self) -> dict[str, Any]:
        try:
            return dict(json.loads((self._folder / "run.json").read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return {}
