"""Train and judge on the studio's page, with real clicks, judged by the files on disk. One training is shared."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import Page
from studio_browser import look_at

from stapes.firmware_sim.device.folder import read_folder
from stapes.runtime.web.address import Address
from stapes.train.data.soundscapes import SyntheticSplit, synthesize
from stapes.train.judge.evaluate import evaluate
from stapes.train.learn.workspace import workspace_path
from stapes.train.studio.server import StudioServer
from stapes.train.studio.studio import Studio
from stapes.train.studio.training_run import TrainingRun

pytestmark = pytest.mark.slow

SHORT = """
[network]
conv_channels = [4, 4]
conv_kernel_frames = [3, 2]
conv_stride_frames = [2, 1]
conv_kernel_bands = [5, 3]
conv_stride_bands = [3, 3]
projection_units = 8
gru_units = 8
[training]
sequence_s = 3.0
batch_sequences = 4
float_steps = 600
quantized_steps = 10
check_every_steps = 30
learning_rate = 0.02
[operating_point]
smoothing_steps = [1]
off_ratio = [0.5]
min_duration_steps = [1]
merge_gap_steps = [0]
"""
STATE = "document.querySelector('.run .said').textContent"


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sounds of the demo's synthesizer, with a settings file beside them."""
    path = tmp_path_factory.mktemp("studio") / "pops"
    synthesize(path, [SyntheticSplit("train", 10), SyntheticSplit("val", 4), SyntheticSplit("test", 7)], seed=1)
    (path / "short.toml").write_text(SHORT)
    return path


@pytest.fixture
def url(sounds: Path) -> Iterator[str]:
    server = StudioServer(Address(port=0), Studio(sounds))
    yield server.url
    server.close()


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


@pytest.fixture(scope="module")
def trained(sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Train, stop, restart the studio, go on, and wait for the end; return pictures by what they show."""
    pictures = {}

    async def begin(page: Page) -> None:
        await page.until("document.querySelector('[name=settings] option[value=\"short.toml\"]') !== null")
        await page.value("document.querySelector('[name=settings]').value = 'short.toml'")
        await _click(page, "button", "Train")
        await page.until(f"{STATE} === 'Training pops.stapes'")
        await page.until("document.querySelectorAll('.charts .curve').length === 2", 60)  # the first check was made

    async def stop_and_go_on(page: Page) -> None:
        await page.until(f"{STATE} === 'Training pops.stapes'")  # it outlived the studio
        await _click(page, "button", "Stop")
        await page.until(f"{STATE}.startsWith('The training of pops.stapes has stopped')", 30)
        assert workspace_path(sounds.parent / "pops.stapes").exists()
        await _click(page, "button", "Go on")
        await page.until(f"{STATE} === 'Training pops.stapes'")
        await page.until("document.querySelector('.run progress').hasAttribute('value')", 60)
        pictures["running"] = await page.picture()
        await page.until(f"{STATE} === 'pops.stapes is trained.'", 60)
        pictures["trained"] = await page.picture()

    for look in (begin, stop_and_go_on):
        server = StudioServer(Address(port=0), Studio(sounds))
        try:
            look_at(f"{server.url}#train", tmp_path_factory.mktemp("profile"), look)
        except BaseException:
            TrainingRun(Studio(sounds)).stop()
            raise
        finally:
            server.close()
    return pictures


def test_a_training_that_was_stopped_goes_on_though_the_studio_was_restarted(
    trained: dict[str, bytes], sounds: Path
) -> None:
    folder = read_folder(sounds.parent / "pops.stapes")
    assert folder.classes == ("beep", "crack", "pop")
    assert not workspace_path(folder.path).exists()
    lines = (sounds / ".studio" / "training" / "lines").read_text()
    assert "continuing the unfinished run that was found beside the output" in lines
