"""`stapes simulate`, `verify` and `size`: events, figures, budgets and exit codes."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny_detector import noise_bursts, write_tiny_detector

from stapes.firmware_sim.device.folder import read_folder
from stapes.firmware_sim.device.frontend import FrontendConfig
from stapes.firmware_sim.device.generated_c import GeneratedC, generated_c
from stapes.firmware_sim.errors import ConfigError
from stapes.firmware_sim.machines import simulation, tools
from stapes.firmware_sim.machines.boards import BOARDS, boards_named
from stapes.firmware_sim.machines.simulation import Pace
from stapes.runtime.detector import Detector
from stapes.runtime.device.firmware_cost import Budget, FirmwareCost, StageCost, parse_bytes, verdicts
from stapes.runtime.main import main


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recording") / "bursts.wav"
    soundfile.write(path, noise_bursts(2.0, [(0.5, 0.9, "hiss"), (1.2, 1.6, "rumble")]), 16_000)
    return path


def test_simulate_prints_the_runtimes_events_then_figures_in_json(
    compiled_detector: Path, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["simulate", str(compiled_detector), str(recording), "--json", "--board", "m4", "--board", "riscv32"]
    assert main(words) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    events = [record for record in records if record.get("event") == "completed"]
    expected = Detector.load(compiled_detector, engine="litert").detect(recording)
    assert len(expected) == 2
    assert [(event["label"], event["onset_sample"], event["offset_sample"]) for event in events] == [
        (event.label, event.onset_sample, event.offset_sample) for event in expected
    ]
    m4, riscv = records[-2:]
    assert (m4["board"], riscv["board"]) == ("cortex-m4", "riscv32")
    assert riscv["verdicts"] == [{"fits": True, "text": "the same events as cortex-m4"}]
    for figures in (m4, riscv):
        cost = figures["instructions"]
        stages = {stage["name"]: stage for stage in cost["stages"]}
        assert cost["mean_per_hop"] == pytest.approx(sum(stage["mean_per_hop"] for stage in stages.values()))
        assert cost["per_second"] == pytest.approx(cost["mean_per_hop"] * 62.5)
        assert stages["frontend"]["worst"] < cost["worst_hop"] < sum(stage["worst"] for stage in stages.values()) + 1
        cycles = figures["cycles"]
        assert [stage["name"] for stage in cycles["stages"]] == list(stages)
        assert cost["mean_per_hop"] < cycles["mean_per_hop"] < 2 * cost["mean_per_hop"]  # one instruction at a time
        assert cycles["worst_hop"] > cost["worst_hop"]
        assert figures["flash_bytes"] == sum(cost["flash"].values())
        assert figures["ram_bytes"] == sum(cost["ram"].values())
        assert set(cost["flash"]) >= {"frontend", "events", "loop", "kernels", "model", "tables and settings"}


def test_simulate_names_what_does_not_fit_and_exits_with_1(
    compiled_detector: Path, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    budget = ["--flash", "8K", "--ram", "20K", "--mhz", "2", "--cpi", "2.0", "--paced"]
    assert main(["simulate", str(compiled_detector), str(recording), *budget]) == 1
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert any(line.startswith("FAIL  flash") and "the largest are tables and settings" in line for line in lines)
    assert any(line.startswith("pass  RAM") and line.endswith("of 20,480 bytes") for line in lines)
    assert any(
        line.startswith("FAIL  load") and "at 2 MHz and an assumed 2 cycles per instruction" in line for line in lines
    )
    assert any(line.startswith("FAIL  paced") and "samples lost" in line for line in lines)


def test_json_counts_the_overruns_of_audio_that_does_not_wait(
    compiled_detector: Path, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["simulate", str(compiled_detector), str(recording), "--json", "--paced", "--mhz", "2", "--cpi", "2.0"]
    assert main(words) == 1
    *lines, figures = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    gaps = [line for line in lines if line["event"] == "gap"]
    assert figures["overruns"] == len(gaps) > 0
    assert figures["frames"] == 1 + (2 * 16_000 + 640 - 512) // 256  # of the run that was counted, with its tail


def test_a_profile_shares_the_work_of_the_stages_between_layers_and_functions(
    compiled_detector: Path, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "profile.json"
    words = ["simulate", str(compiled_detector), str(recording), "--board", "m4", "--profile", str(path)]
    assert main([*words, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    work = figures["cycles"]["mean_per_hop"] * figures["frames"]
    frames = [frame["name"] for frame in json.loads(path.read_text())["shared"]["frames"]]
    layers, functions = json.loads(path.read_text())["profiles"]
    for profile in (layers, functions):
        assert (profile["type"], profile["endValue"]) == ("sampled", sum(profile["weights"]))
        assert len(profile["samples"]) == len(profile["weights"])
    assert layers["endValue"] == pytest.approx(work, rel=0.01)  # a hop may fill no frame
    assert work <= functions["endValue"] < 1.1 * work  # with the loop around the stages
    by_stack = {
        tuple(frames[n] for n in stack): weight
        for stack, weight in zip(layers["samples"], layers["weights"], strict=True)
    }
    assert by_stack["model", "logits (conv)"] > by_stack["model", "probabilities (lookup)"] > 0
    assert main([*words, "--force"]) == 0
    table = [line.split() for line in capsys.readouterr().out.splitlines()]
    (logits,) = (row for row in table if row[:2] == ["model:", "logits"])
    assert float(logits[-2]) == pytest.approx(
        int(logits[-3].replace(",", "")) / (320 * figures["frames"] // 2), rel=0.02
    )
    assert ["stapes_frontend_fft"] in [row[:1] for row in table]


def test_a_profile_that_cannot_be_written_is_told_before_the_run(
    compiled_detector: Path, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", str(compiled_detector), str(recording), "--profile", str(tmp_path)]) == 1
    assert "is a folder; name a file in it" in capsys.readouterr().err


def test_a_file_that_stands_where_the_profile_would_be_is_replaced_with_force_alone(
    compiled_detector: Path, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    thesis = tmp_path / "thesis.json"
    thesis.write_text("years of work")
    words = ["simulate", str(compiled_detector), str(recording), "--profile", str(thesis)]
    assert main(words) == 1
    told = capsys.readouterr()
    assert f"{thesis} exists already; choose another name, or replace it with --force" in told.err
    assert told.out == "", "it is told before the run"
    assert thesis.read_text() == "years of work"
    assert main([*words, "--force"]) == 0
    assert len(json.loads(thesis.read_text())["profiles"]) == 2


def test_a_recording_without_a_step_passes_no_budget(
    compiled_detector: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    soundfile.write(tmp_path / "empty.wav", np.zeros(0, np.int16), 16_000)
    words = ["simulate", str(compiled_detector), str(tmp_path / "empty.wav")]
    assert main(words) == 0
    assert "0.0 s of audio and tail, 0 hops" in capsys.readouterr().out
    assert main([*words, "--mhz", "48", "--ram", "1M"]) == 1
    assert "FAIL  the recording is shorter than a step" in capsys.readouterr().out


def test_all_boards_and_one_more_are_each_run_once() -> None:
    assert [board.name for board in boards_named(("m4", "all", "m0-large"))] == [
        "cortex-m4",
        *(name for name in BOARDS if name not in ("cortex-m4", "cortex-m0-large")),
        "cortex-m0-large",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--board", "m9"], "no board is named 'm9'; choose cortex-m0"),
        (["--paced"], "--paced needs the speed of the core: add --mhz"),
        (["--flash", "64Q"], "'64Q' is not a size; write a number of bytes, such as 65536, 64K or 1M"),
        (["--mhz", "-1"], "--mhz -1 and --cpi 1.5: a speed must be above 0 and finite"),
        (["--mhz", "nan"], "--mhz nan and --cpi 1.5: a speed must be above 0 and finite"),
        (["--cpi", "inf", "--mhz", "48"], "--mhz 48 and --cpi inf: a speed must be above 0 and finite"),
        (["--cpi", "0"], "error: --cpi 0: a speed must be above 0 and finite"),
        (["--cpi", "3"], "--cpi 3 needs --mhz, the clock of the core"),
    ],
)
def test_settings_that_cannot_work_are_an_error_of_one_line(
    compiled_detector: Path, recording: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", str(compiled_detector), str(recording), *words]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1


def test_size_shows_every_layer(compiled_detector: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["size", str(compiled_detector), "--board", "m4", "--ram", "16K"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line]
    by_name = {row[0]: row for row in rows}
    assert by_name["logits"][1] == "conv"
    assert int(by_name["logits"][2]) > 320  # its weights
    assert int(by_name["logits"][3].replace(",", "")) > 320  # its multiplications
    assert by_name["probabilities"][1:3] == ["lookup", "256"]
    assert by_name["pass"][1] == "RAM"


@pytest.mark.slow
def test_verify_finds_every_machine_equal(
    compiled_detector: Path, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(compiled_detector), str(recording)]) == 0
    out = capsys.readouterr().out
    assert "DIFFER" not in out
    for machine in (
        "this machine",
        "cortex-m0",
        "cortex-m3",
        "cortex-m4",
        "cortex-m7",
        "cortex-m33",
        "cortex-m55",
        "riscv32",
    ):
        row = next(line for line in out.splitlines() if line.startswith(f"{machine} "))
        assert row.split()[-6:] == ["126", "equal", "63", "equal", "2", "equal"]


def test_verify_finds_a_model_that_computes_something_else(
    tiny_detector: Path,
    recording: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One bias of the generated C is wrong: scores and events differ, features do not. Boards are left out."""
    made = generated_c(read_folder(tiny_detector))
    text = made.texts["detector.c"]
    assert text.count("162560, 162560") == 1
    bent = made.texts | {"detector.c": text.replace("162560, 162560", "162560, 172560")}
    monkeypatch.setattr(simulation, "generated_c", lambda folder, loadable: GeneratedC(made.description, bent))
    installed = shutil.which
    monkeypatch.setattr(tools.shutil, "which", lambda name: None if "-" in name else installed(name))
    assert main(["verify", str(tiny_detector), str(recording)]) == 1
    rows = {line.split("  ")[0]: line for line in capsys.readouterr().out.splitlines()}
    assert rows["this machine"].split()[2:5] == ["equal", "DIFFER", "equal"]
    assert "DIFFER from step" in rows["this machine"]
    assert "not compared: qemu-system-arm is not installed: apt-get install qemu-system-arm" in rows["cortex-m4"]


def test_verify_refuses_a_channel_where_no_recording_is_named(
    tiny_detector: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(tiny_detector), "--channel", "2"]) == 1
    assert capsys.readouterr().err == (
        "error: --channel 2 chooses from recordings, and none is named; name one or leave it out\n"
    )


def test_verify_reads_the_answers_that_are_stored(
    compiled_detector: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "kept.stapes"
    shutil.copytree(compiled_detector, folder)
    (folder / "vectors").mkdir()
    (folder / "vectors" / "answers.json").write_text(
        json.dumps({"samples": 8960, "features_crc32": 1, "scores_crc32": 2})
    )
    installed = shutil.which
    monkeypatch.setattr(tools.shutil, "which", lambda name: None if "-" in name else installed(name))
    assert main(["verify", str(folder)]) == 1
    rows = {line.split("  ")[0]: line for line in capsys.readouterr().out.splitlines()}
    assert rows["stored in the folder"].split()[4:6] == ["DIFFER", "DIFFER"]
    assert rows["this machine"].split()[2:5] == ["equal", "equal", "equal"]
    (folder / "vectors" / "answers.json").write_text("{}")
    assert main(["verify", str(folder)]) == 1
    assert "answers.json: no known answers" in capsys.readouterr().err


def test_budgets_by_hand() -> None:
    """1 million instructions per second of audio, steps of 10 ms with at most 8000 instructions."""
    cost = FirmwareCost(
        stages=(StageCost("frontend", 9000.0, 9500), StageCost("model", 1000.0, 4000)),
        mean_per_hop=10_000.0,
        worst_hop=8000,
        worst_step=8000,
        per_second=1e6,
        hop_s=0.01,
        frames_per_step=1,
        flash={"kernels": 600, "model": 424},
        ram={"stack": 100},
        cycles=None,
    )
    assert [verdict.fits for verdict in verdicts(cost, Budget(1024, 100, Pace(2.0, 2.0)))] == [True, True, True, True]
    small, slow, late = verdicts(cost, Budget(flash_bytes=1000, pace=Pace(1.5, 2.0)))
    assert [small.fits, slow.fits, late.fits] == [False, False, False]
    assert small.text == "flash 1,024 of 1,000 bytes: 24 too many; the largest are kernels 600, model 424"
    assert slow.text.startswith("load 133.3 % at 1.5 MHz and an assumed 2 cycles per instruction; the most")
    assert late.text.startswith("costliest step 10.67 of 10 ms")


def test_sizes_are_read_as_people_write_them() -> None:
    assert [parse_bytes(text) for text in ("65536", "64K", "64k", "1M")] == [65536, 65536, 65536, 1 << 20]
    for text in ("", "K", "1.5K", "-1", "64KB", "²"):
        with pytest.raises(ConfigError, match="is not a size"):
            parse_bytes(text)


def test_a_detector_too_large_for_the_microbit_runs_on_a_larger_board(
    tmp_path: Path, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """16 KB of RAM cannot hold a window of 2048 samples: its code runs on a larger board of the same core."""
    wide = write_tiny_detector(tmp_path / "wide.stapes", FrontendConfig(n_fft=2048, window_samples=2048))
    assert main(["simulate", str(wide.path), str(recording), "--board", "m0", "--json"]) == 0
    shown = capsys.readouterr()
    assert "cortex-m0: microbit is too small, so its code runs on mps2-an385" in shown.err
    assert json.loads(shown.out.splitlines()[-1])["core"] == "Cortex-M0 code on a Cortex-M3"
