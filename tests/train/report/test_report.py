"""report.html: whole, offline, with sounds that are those of the recordings."""

import base64
import io
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny_detector import noise_bursts

from stapes.firmware_sim.device.events import SILENT, EventConfig
from stapes.firmware_sim.device.folder import read_folder
from stapes.runtime.detector import Detector
from stapes.runtime.device.part_table import suitable
from stapes.runtime.main import main
from stapes.train.data.dataset import open_dataset
from stapes.train.judge.alarm_budget import AlarmRate
from stapes.train.judge.application import Recall
from stapes.train.judge.curves import at_threshold, threshold_curve
from stapes.train.judge.evaluate import evaluate
from stapes.train.judge.judged import judge_recordings
from stapes.train.judge.metrics import Estimate
from stapes.train.report.device_cost import device_costs
from stapes.train.report.figures import CLASS_TABLES, OVERALL
from stapes.train.report.page import cell
from stapes.train.report.pictures import precision_recall, recall_bars
from stapes.train.report.report import write_report

HEARD = [(1.0, 1.6, "hiss"), (2.5, 3.0, "rumble"), (4.0, 5.5, "hiss")]


@pytest.fixture(autouse=True, scope="module")
def no_boards() -> Iterator[None]:
    """Leave the cost on boards out of reports, as counting it takes seconds; one test of its own has it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stapes.train.report.device_cost.device_costs", lambda folder: {})
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings a and b: one false alarm in a, one miss in b."""
    folder = tmp_path_factory.mktemp("report") / "data <&>"
    (folder / "test").mkdir(parents=True)
    for name, labelled in (("a", HEARD[:2]), ("b", [*HEARD, (6.5, 7.0, "rumble")])):
        soundfile.write(folder / "test" / f"{name}.wav", noise_bursts(8.0, HEARD), 16_000)
        rows = "".join(f"{name}.wav\t{onset}\t{offset}\t{label}\t9\n" for onset, offset, label in labelled)
        with (folder / "test" / "labels.tsv").open("a") as table:
            table.write("" if table.tell() else "filename\tonset\toffset\tevent_label\tsnr_db\n")
            table.write(rows)
    return folder


@pytest.fixture(scope="module")
def page(tiny_detector: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "report.html"
    assert main(["evaluate", str(tiny_detector), str(data), "--report", str(path)]) == 0
    return path.read_text(encoding="utf-8")


class _Page(HTMLParser):
    """Collects tags, and checks that each is closed in its turn."""

    VOID = ("meta", "br", "img", "link", "path", "use", "image", "rect", "line", "stop", "circle")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_rate_of_a_few_alarms_per_day_is_not_shown_as_none() -> None:
    assert cell(AlarmRate(4, 100.0), "") == "0.04 <small>at most 0.08</small>"


def test_the_page_is_well_formed_and_says_what_was_judged(page: str) -> None:
    parsed = _Page(page)
    assert parsed.open == []
    assert "evaluated on test of data <&>: 2 recordings, 0.3 minutes" in " ".join(parsed.text.split())
    for heading in (
        "Events",
        "Counts and times",
        "Other thresholds",
        "Recall by snr_db",
        "Worst misses",
        "The detector",
    ):
        assert heading in parsed.text
    assert "16 kHz, windows of 32 ms every 16 ms, 40 slaney bands from 60 to 7500 Hz" in parsed.text


def test_every_figure_that_is_listed_stands_in_the_page_and_in_the_text(
    page: str, tiny_detector: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(tiny_detector), str(data)]) == 0
    printed = capsys.readouterr().out
    shown = _Page(page).text
    for name in [*(each.name for each in OVERALL), *(each.heading for table in CLASS_TABLES for each in table.figures)]:
        assert name in printed
        assert name in shown


def test_the_page_asks_no_other_host_and_reads_on_a_phone_in_light_and_dark(page: str) -> None:
    for tag, attributes in _Page(page).tags:
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:")), f"{tag} {name}"
    assert not re.search(r"url\((?!#)|@import", page)
    assert "width=device-width" in page
    assert "prefers-color-scheme: dark" in page
    assert "#010203" not in page, "text takes the colour of the page"
    assert "currentColor" in page


def test_mistakes_can_be_heard_as_they_were_recorded(page: str, data: Path) -> None:
    sounds = [attributes["src"] or "" for tag, attributes in _Page(page).tags if tag == "audio"]
    assert len(sounds) == 2
    missed, rate = soundfile.read(io.BytesIO(base64.b64decode(sounds[0].split(",")[1])), dtype="int16")
    original, _ = soundfile.read(data / "test" / "b.wav", dtype="int16")
    np.testing.assert_array_equal(missed, original[round(5.5 * rate) : round(8.0 * rate)])


def test_a_report_is_not_replaced_unasked_and_is_the_same_again(
    tiny_detector: Path, data: Path, tmp_path: Path, page: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "report.html"
    path.write_text("precious")
    words = ["evaluate", str(tiny_detector), str(data), "--report", str(path)]
    assert main(words) == 1
    assert "exists already" in capsys.readouterr().err
    assert path.read_text() == "precious"
    assert main([*words, "--force"]) == 0
    assert path.read_text(encoding="utf-8") == page
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]


def test_a_perfect_detector_and_a_deaf_one_have_reports(tiny_detector: Path, tmp_path: Path) -> None:
    for name, heard in (("perfect", HEARD), ("deaf", [])):
        part = tmp_path / name / "test"
        part.mkdir(parents=True)
        soundfile.write(part / "a.wav", noise_bursts(8.0, heard), 16_000)
        (part / "a.txt").write_text("".join(f"{onset}\t{offset}\t{label}\n" for onset, offset, label in HEARD))
        report = tmp_path / f"{name}.html"
        assert main(["evaluate", str(tiny_detector), str(tmp_path / name), "--report", str(report)]) == 0
        assert _Page(report.read_text(encoding="utf-8")).open == []


@pytest.mark.slow
def test_a_tuned_detector_says_how_each_class_was_tuned(tiny_detector: Path, data: Path, tmp_path: Path) -> None:
    detector, report = tmp_path / "x.stapes", tmp_path / "x.html"
    shutil.copytree(tiny_detector, detector)
    tune = ["tune", str(detector), str(data), "--split", "test", "--false-alarms-per-hour"]
    for budgets, expected in (
        (["5000"], ">best recall, less what alarms cost, within 5000 false alarms per hour<"),
        (
            ["5000", "--false-alarms-per-hour", "hiss=4000"],
            "hiss: best recall, less what alarms cost, within 4000 false alarms per hour",
        ),
    ):
        assert main([*tune, *budgets]) == 0
        assert main(["evaluate", str(detector), str(data), "--report", str(report), "--force"]) == 0
        assert expected in report.read_text(encoding="utf-8")


def test_training_curves_and_parity_are_shown_when_the_detector_has_them(
    tiny_detector: Path, data: Path, tmp_path: Path
) -> None:

    detector = tmp_path / "x.stapes"
    shutil.copytree(tiny_detector, detector)
    (detector / "training").mkdir()
    (detector / "training" / "history.csv").write_text("phase,step,loss\nfloat,10,0.5\nfloat,20,0.4\nquantized,5,0.3\n")
    report = tmp_path / "x.html"
    assert main(["evaluate", str(detector), str(data), "--report", str(report)]) == 0
    text = report.read_text(encoding="utf-8")
    assert 'aria-label="training curves"' in text
    assert ">quantized<" in text


def test_the_report_has_what_boards_take_as_simulate_counts_it(
    tiny_detector: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    costs = device_costs(read_folder(tiny_detector))
    assert list(costs) == ["cortex-m4", "cortex-m55"]
    assert main(["size", str(tiny_detector), "--board", "cortex-m4"]) == 0
    printed = capsys.readouterr().out
    assert f"{costs['cortex-m4'].per_second / 1e6:.2f} million instructions per second" in printed
    assert f"{costs['cortex-m4'].flash_bytes:,}" in printed
    evaluation, heard = evaluate(tiny_detector, data)
    write_report(tmp_path / "x.html", Detector.load(tiny_detector), evaluation, heard.judged, costs)
    cells = _Page((tmp_path / "x.html").read_text(encoding="utf-8")).text
    for cost in costs.values():
        assert f"{cost.per_second / 1e6:.2f} M" in cells
        assert f"{cost.worst_hop:,}" in cells
    on_parts = suitable(costs)
    assert len(on_parts) >= 8
    for found in on_parts:
        assert found.mean_hop_ms.text() in cells


def test_without_an_emulator_the_report_leaves_boards_out_and_says_why(
    tiny_detector: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", "")
    assert device_costs(read_folder(tiny_detector)) == {}
    assert "arm-none-eabi-gcc is not installed: apt-get install gcc-arm-none-eabi" in caplog.text


def test_the_curve_of_a_silent_class_shows_what_a_threshold_would_give_it(
    tiny_detector: Path, data: Path, tmp_path: Path
) -> None:
    path = shutil.copytree(tiny_detector, tmp_path / "silent.stapes")
    folder = read_folder(path)
    replace(folder, events=(SILENT,) * len(folder.classes)).write()
    words = ["--split", "test", "--threshold", "hiss=0.5", "--out", str(tmp_path / "heard.stapes")]
    assert main(["tune", str(path), str(data), *words]) == 0
    _, heard = evaluate(path, data)
    curve = threshold_curve(Detector.load(path), heard.judged, "hiss")
    hiss = evaluate(tmp_path / "heard.stapes", data)[0].figures.events.classes["hiss"]
    at = int(np.flatnonzero(curve.on_scores == 0)[0])
    assert (curve.precision[at], curve.recall[at]) == (hiss.precision, hiss.recall)
    assert hiss.recall > 0
    svg = precision_recall({"hiss": curve}, {})
    assert svg.startswith("<"), "a picture without the dot of a threshold"


def test_the_curve_at_the_own_threshold_is_what_the_detector_does(tiny_detector: Path, data: Path) -> None:
    detector = Detector.load(tiny_detector)
    evaluation, heard = evaluate(tiny_detector, data)
    for label, config in zip(detector.classes, detector.folder.events, strict=True):
        curve = threshold_curve(detector, heard.judged, label)
        at = int(np.flatnonzero(curve.on_scores == config.on_score)[0])
        scores = evaluation.figures.events.classes[label]
        assert (curve.precision[at], curve.recall[at]) == (scores.precision, scores.recall)
        assert curve.false_alarms_per_hour[at] == pytest.approx(evaluation.figures.alarms[label].per_hour)
        assert curve.recall[-1] <= curve.recall[at]


def test_the_off_threshold_follows_the_on_threshold() -> None:
    config = EventConfig(on_score=0, off_score=-64)
    assert at_threshold(config, 0) == config
    assert at_threshold(config, 72).off_score == -28
    assert at_threshold(config, -127).off_score == -127


def test_a_sweep_changes_nothing_in_the_detector(tiny_detector: Path, data: Path) -> None:
    detector = Detector.load(tiny_detector)
    recordings = open_dataset(data).splits["test"]
    before = judge_recordings(detector, recordings)[0].detected
    threshold_curve(detector, judge_recordings(detector, recordings), "hiss")
    assert judge_recordings(detector, recordings)[0].detected == before


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FRAME = """<iframe id="f" width="360" height="800" src="report.html"></iframe><script>
f.onload = () => {
  const page = f.contentDocument, sound = page.querySelector("audio"), picture = page.querySelector(".picture");
  const {left, width} = picture.getBoundingClientRect(), middle = (+picture.dataset.left + +picture.dataset.right) / 2;
  picture.dispatchEvent(new MouseEvent("click", {clientX: left + middle * width}));
  const times = `${sound.duration.toFixed(2)} from ${sound.currentTime.toFixed(2)}`;
  document.title = `width ${page.documentElement.scrollWidth} sound ${times}`;
};</script>"""


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")
def test_a_phone_shows_it_without_scrolling_sideways_and_plays_it(page: str, tmp_path: Path) -> None:
    # a page counts as loaded when the sounds that it loads by itself can be played
    (tmp_path / "report.html").write_text(page.replace('preload="none"', 'preload="auto"'), encoding="utf-8")
    (tmp_path / "frame.html").write_text(FRAME)
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"]
    options += [f"--user-data-dir={tmp_path}/profile", "--virtual-time-budget=10000", "--dump-dom"]
    command = [CHROMIUM, *options, f"file://{tmp_path}/frame.html"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    title = re.search(r"<title>width (\d+) sound ([\d.]+) from ([\d.]+)</title>", done.stdout)
    assert title, done.stdout[:500]
    assert int(title[1]) <= 360
    assert title[2] == "2.50"
    assert float(title[3]) == pytest.approx(1.25, abs=0.02), "a click in the middle plays from there"


def test_a_class_that_is_never_annotated_is_shown_without_figures(
    tiny_detector: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "test").mkdir()
    soundfile.write(tmp_path / "test" / "a.wav", noise_bursts(8.0, HEARD[:1]), 16_000)
    (tmp_path / "test" / "a.txt").write_text("1\t1.6\thiss\n")
    report = tmp_path / "report.html"
    assert main(["evaluate", str(tiny_detector), str(tmp_path), "--report", str(report)]) == 0
    row = next(line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("rumble"))
    assert row[:7] == ["rumble", "0", "0", "-", "-", "-", "-"]
    assert "nan" not in report.read_text(encoding="utf-8").split("<svg")[0]


def test_names_that_look_like_markup_or_mathematics_are_text(tiny_detector: Path, tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    name = 'a"<b>&$x$'
    soundfile.write(tmp_path / "test" / f"{name}.wav", noise_bursts(8.0, []), 16_000)
    (tmp_path / "test" / f"{name}.txt").write_text("1\t1.6\thiss\n")
    report = tmp_path / "report.html"
    assert main(["evaluate", str(tiny_detector), str(tmp_path), "--report", str(report)]) == 0
    parsed = _Page(report.read_text(encoding="utf-8"))
    assert parsed.open == []
    assert any(name in (attributes.get("aria-label") or "") for _, attributes in parsed.tags)
    odd = ("hiss", '$\\frac{<i>"', Recall(3, Estimate(0.5, 0.2, 0.8)))
    assert "$\\frac{&lt;i&gt;" in recall_bars("odd", [odd], ["hiss"])
