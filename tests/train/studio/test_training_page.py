"""Train and judge on the studio's page, with real clicks, judged by the files on disk. One training is shared."""

import asyncio
import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from chromium import Page
from network_settings import SHORT_SEARCH, TINY_NETWORK
from studio_browser import look_at

from stapes.firmware_sim.device.events import SILENT, probability
from stapes.firmware_sim.device.folder import read_folder
from stapes.runtime.detector import Detector
from stapes.runtime.main import main
from stapes.runtime.web.address import Address
from stapes.train.data.soundscapes import SyntheticSplit, synthesize
from stapes.train.judge.evaluate import Judgement, evaluate
from stapes.train.label.mistakes import worst_mistakes
from stapes.train.learn.workspace import read_history, workspace_path
from stapes.train.studio.server import StudioServer
from stapes.train.studio.studio import Studio
from stapes.train.studio.training_run import TrainingRun

pytestmark = pytest.mark.slow

SHORT = f"""{TINY_NETWORK}[training]
sequence_s = 3.0
batch_sequences = 4
float_steps = 240
quantized_steps = 10
check_every_steps = 30
learning_rate = 0.02
{SHORT_SEARCH}"""
STATE = "(document.querySelector('.run .said')?.textContent ?? '')"


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sounds of the demo's synthesizer, with a settings file beside them."""
    path = tmp_path_factory.mktemp("studio") / "pops"
    synthesize(path, [SyntheticSplit("train", 10), SyntheticSplit("val", 4), SyntheticSplit("test", 7)], seed=1)
    (path / "short.toml").write_text(SHORT)
    return path


async def _click(page: Page, selector: str, text: str = "") -> None:
    """Click on the middle of the first element that shows this text."""
    found = (
        f"[...document.querySelectorAll({json.dumps(selector)})]"
        f".find((each) => each.checkVisibility() && !each.disabled && each.textContent.includes({json.dumps(text)}))"
    )
    await page.until(f"Boolean({found})")
    at = await page.value(
        f"(() => {{ const found = {found}; found.scrollIntoView({{ block: 'center' }});"
        " const { x, y, width, height } = found.getBoundingClientRect(); return [x + width / 2, y + height / 2]; })()"
    )
    await page.click((at[0], at[1]))


async def _interrupted(process: int) -> None:
    """Wait until SIGINT was sent to a process that stands still, which does not see it yet. See proc(5)."""
    async with asyncio.timeout(60):
        while True:
            status = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
            if int(status["ShdPnd"], 16) >> (signal.SIGINT - 1) & 1:
                return
            await asyncio.sleep(0.02)


PROPOSES = """(async () => {
    const [{ recording }] = await (await fetch("/api/recordings")).json();
    const answer = await fetch(`/api/proposals?recording=${encodeURIComponent(recording)}`);
    const said = [...document.querySelectorAll("button")].map((each) => each.textContent);
    return answer.status === 200 && said.includes("It proposes labels now");
})()"""


@pytest.fixture(scope="module")
def pictures(sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Train, stop, restart the studio, go on, and judge the new detector; return pictures by what they show."""
    pictures = {}

    def process() -> int:
        return int(json.loads((sounds / ".studio" / "training" / "run.json").read_text())["process"])

    async def begin(page: Page) -> None:
        await page.until("document.querySelector('[name=settings] option[value=\"short.toml\"]') !== null")
        await page.value("document.querySelector('[name=settings]').value = 'short.toml'")
        await _click(page, "button", "Train")
        await page.until(f"{STATE} === 'Training pops.stapes'")
        await page.until("document.querySelectorAll('.charts .curve').length === 2", 60)  # the first check was made
        os.kill(process(), signal.SIGSTOP)  # however fast this machine is, the training waits for the next studio
        pictures["running"] = await page.picture()

    async def stop_and_go_on(page: Page) -> None:
        await page.until(f"{STATE} === 'Training pops.stapes'")  # it outlived the studio
        await page.until("document.querySelectorAll('.charts .curve').length === 2")  # from now on no button moves
        await _click(page, "button", "Stop")
        await _interrupted(process())  # if it went on before, it could be done by then
        os.kill(process(), signal.SIGCONT)
        await page.until(f"{STATE}.startsWith('The training of pops.stapes has stopped')")
        assert workspace_path(sounds.parent / "pops.stapes").exists()
        await _click(page, "button", "Go on")
        await page.until(f"{STATE} === 'pops.stapes is trained.'", 60)
        pictures["trained"] = await page.picture()
        await _click(page, "button", "Let it propose labels")
        await page.until(PROPOSES, 60)

    for look in (begin, stop_and_go_on):
        try:
            with served(sounds) as url:
                look_at(f"{url}#train", tmp_path_factory.mktemp("profile"), look)
        except BaseException:
            if TrainingRun(Studio(sounds)).status()["state"] == "running":
                os.kill(process(), signal.SIGKILL)
            raise
    return pictures


@contextmanager
def served(sounds: Path) -> Iterator[str]:
    server = StudioServer(Address(port=0), Studio(sounds))
    try:
        yield server.url
    finally:
        server.close()


def test_a_training_that_was_stopped_goes_on_though_the_studio_was_restarted(
    pictures: dict[str, bytes], sounds: Path
) -> None:
    folder = read_folder(sounds.parent / "pops.stapes")
    assert folder.classes == ("beep", "crack", "pop")
    assert not workspace_path(folder.path).exists()
    lines = (sounds / ".studio" / "training" / "lines").read_text()
    assert "continuing the unfinished run that was found beside the output" in lines
    steps = [int(row["step"]) for row in read_history(folder.path) if row["phase"] == "float"]
    assert steps == [*range(30, 241, 30)]  # each check was made once, also the one that was interrupted


def test_a_detector_is_judged_beside_the_one_before_and_its_mistakes_are_a_queue(
    pictures: dict[str, bytes], sounds: Path, tmp_path: Path
) -> None:
    """The one before is the same with thresholds so high that it hears nothing."""
    new, before = sounds.parent / "pops.stapes", sounds.parent / "deaf.stapes"
    shutil.copytree(new, before, dirs_exist_ok=True)
    deaf = read_folder(before)
    replace(deaf, events=tuple(SILENT for _ in deaf.classes)).write()

    async def judge(page: Page) -> dict[str, Any]:
        await page.until("document.querySelector('[name=before] option[value=\"deaf.stapes\"]') !== null")
        await page.value("document.querySelector('[name=before]').value = 'deaf.stapes'")
        await _click(page, "button", "Judge")
        await page.until(f"{STATE} === 'Judging pops.stapes'")
        await page.until(f"{STATE} === 'pops.stapes was judged.'", 60)
        await page.until("document.querySelector('.summary') !== null", 60)
        seen = {"summary": await page.value("document.querySelector('.summary').textContent")}
        seen["table"] = await page.value(
            "[...document.querySelectorAll('.figures tbody tr')]"
            ".map((row) => [...row.children].map((cell) => cell.textContent))"
        )
        pictures["judged"] = await page.picture()
        await _click(page, "button", "Missed events")
        await page.until("location.hash.startsWith('#edit/')")
        seen["place"] = await page.value("decodeURIComponent(location.hash)")
        return seen

    with served(sounds) as url:
        seen = look_at(f"{url}#judge/pops.stapes", tmp_path / "profile", judge)
    evaluation, heard = evaluate(new, sounds, None, Judgement(before=before))
    assert evaluation.comparison is not None
    assert seen["summary"] == evaluation.comparison.summary
    for row, (label, scores) in zip(seen["table"], evaluation.figures.events.classes.items(), strict=False):
        assert row[:3] == [label, str(scores.n_reference), f"{scores.precision:.2f}".replace("nan", "-")]
    worst = next(each for each in worst_mistakes(Detector.load(new), heard.judged) if each.kind == "missed")
    assert seen["place"].startswith(f"#edit/{worst.judged.recording.name}?")
    assert f"label={worst.event.label}" in seen["place"]


def test_a_threshold_set_by_a_slider_is_saved_as_tune_would(
    pictures: dict[str, bytes], sounds: Path, tmp_path: Path
) -> None:
    new = sounds.parent / "pops.stapes"
    by_tune = Path(shutil.copytree(new, tmp_path / "tuned.stapes"))

    async def slide(page: Page) -> float:
        await page.until("document.querySelector('[name=detector]')?.value === 'pops.stapes'")  # the form has its size
        await _click(page, "button", "Judge")
        await page.until(f"{STATE} === 'Judging pops.stapes'")
        await page.until(f"{STATE} === 'pops.stapes was judged.'", 60)
        slider = "document.querySelector('[aria-label=\"threshold of pop\"]')"
        await page.until(f"{slider} !== null", 60)
        await page.value(f"{slider}.focus()")
        for _ in range(4):
            await page.press("ArrowRight")
        said = await page.value(f"{slider}.getAttribute('aria-valuetext')")
        pictures["threshold"] = await page.picture()
        await _click(page, "button", "Save thresholds")
        await page.until("document.querySelector('.result').textContent.includes('Saved in pops.stapes')")
        return float(said.split(":")[0])

    with served(sounds) as url:
        shown = look_at(f"{url}#judge/pops.stapes", tmp_path / "profile", slide)
    saved = read_folder(new)
    threshold = probability(saved.events[2].on_score)
    assert shown == pytest.approx(threshold, abs=0.0051)  # two digits are shown
    assert saved.events[2] != read_folder(by_tune).events[2]
    assert main(["tune", str(by_tune), str(sounds), "--split", "test", "--threshold", f"pop={threshold}"]) == 0
    tuned = read_folder(by_tune)
    assert (saved.events, saved.operating_point) == (tuned.events, tuned.operating_point)
