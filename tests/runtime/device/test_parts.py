"""Time, current and battery life on microcontrollers: the formulas by hand, and what `stapes size` prints and refuses.

The cost of the detector is made up, so nothing is emulated; test_a_detector_is_measured_for_a_part does that once.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stapes.firmware_sim.errors import ConfigError
from stapes.firmware_sim.machines.parts import part_named
from stapes.runtime.device import size_on_parts
from stapes.runtime.device.firmware_cost import CycleCost, FirmwareCost, StageCost, Work
from stapes.runtime.device.part_cost import (
    Band,
    Supply,
    cheapest,
    cost_on_part,
    milliseconds,
    parse_battery_mah,
    parse_microphone_ma,
    two_digits,
)
from stapes.runtime.main import main


def work(mean_per_hop: float, worst_hop: int, worst_step: int) -> Work:
    """Return the work of two stages, of which the model takes more."""
    stages = (StageCost("frontend", 0.4 * mean_per_hop, worst_hop), StageCost("model", 0.6 * mean_per_hop, worst_hop))
    return Work(stages, mean_per_hop, worst_hop, worst_step, mean_per_hop / 0.016)


CYCLES = CycleCost(
    **vars(work(100_000.0, 171_000, 220_000)),
    core="Cortex-M4",
    error_percent=8,
    fetches=work(80_000.0, 140_000, 180_000),
    flash_reads=work(10_000.0, 50_000, 70_000),
    taken_branches=work(10_000.0, 30_000, 40_000),
)
COST = FirmwareCost(
    **vars(work(70_000.0, 120_000, 160_000)),
    hop_s=0.016,
    frames_per_step=2,
    flash={"kernels": 20 << 10, "model": 12 << 10},
    ram={"stack": 1 << 10, "model": 9 << 10},
    cycles=CYCLES,
)


def cost_in_cycles(
    *, mean_per_hop: float = 100_000.0, worst_hop: int = 171_000, worst_step: int = 220_000
) -> FirmwareCost:
    return replace(COST, cycles=replace(CYCLES, mean_per_hop=mean_per_hop, worst_hop=worst_hop, worst_step=worst_step))


def test_times_reach_from_the_cores_own_to_a_flash_without_cache() -> None:
    """80 MHz on the STM32L476: 4 wait states and lines of 8 bytes. A hop fetches 80,000 words in 40,000 lines, branches
    10,000 times and reads 10,000 constants: 100,000 + 4 · 60,000 = 340,000 cycles."""
    part = part_named("stm32l476")

    def mean(work: Work) -> float:
        return work.mean_per_hop

    band = milliseconds(COST, mean, part, 80.0)
    assert (band.low, band.high) == (pytest.approx(1.25), pytest.approx(4.25))
    assert milliseconds(COST, mean, part, 80.0, code_in_ram=True) == Band(1.25, 1.25)  # in RAM nothing waits
    assert milliseconds(COST, mean, part, 16.0) == Band(6.25, 6.25)  # nor does the flash at 16 MHz
    assert milliseconds(COST, mean, part_named("rp2040"), 125.0) == Band(0.8, None)  # its flash is beside it


def test_the_worst_hop_and_the_costliest_step_have_their_own_cycles_and_reads() -> None:
    """The model reads more constants a cycle than the frontend does: 171,000 + 4 · (70,000 + 30,000 + 50,000) cycles of
    the worst hop, 220,000 + 4 · (90,000 + 40,000 + 70,000) of the costliest step."""
    found = cost_on_part(COST, part_named("stm32l476"), 80.0, Supply())
    assert (found.worst_hop_ms.low, found.worst_hop_ms.high) == (pytest.approx(2.1375), pytest.approx(9.6375))
    assert (found.worst_step_ms.low, found.worst_step_ms.high) == (pytest.approx(2.75), pytest.approx(12.75))


def test_battery_life_by_hand() -> None:
    """At 16 MHz a hop of 16 ms takes 6.25 ms, which is 39.0625 % of the time. The STM32L476 takes 2.19 mA then and
    0.71 mA otherwise, a microphone 0.6 mA: 0.390625 · 2.19 + 0.609375 · 0.71 + 0.6 = 1.888125 mA."""
    found = cost_on_part(COST, part_named("stm32l476"), 16.0, Supply(230.0, 0.6))
    assert found.duty == Band(pytest.approx(39.0625), pytest.approx(39.0625))
    assert found.mean_ma.low == pytest.approx(1.888125)
    assert found.days.low == pytest.approx(230 / 1.888125 / 24)  # 5.08 days
    assert found.days.text("days") == "5.1 days"


def test_an_unknown_sleep_current_gives_a_bound_and_an_unknown_run_current_nothing() -> None:
    found = cost_on_part(COST, part_named("stm32l4r5"), 20.0, Supply(230.0))
    busy = 5.0 / 16
    assert (found.mean_ma.low, found.mean_ma.high) == (pytest.approx(busy * 2.2), None)
    assert (found.days.low, found.days.high) == (None, pytest.approx(230 / (busy * 2.2) / 24))
    assert found.days.text("days") == "at most 14 days"
    assert cost_on_part(COST, part_named("rp2040"), 125.0, Supply(230.0)).days.text("days") == "?"


def test_a_part_keeps_up_only_if_mean_worst_hop_and_costliest_step_do() -> None:
    part, mhz = part_named("stm32l476"), 16.0

    def keeps_up(cost: FirmwareCost) -> bool:
        return cost_on_part(cost, part, mhz, Supply()).keeps_up

    assert keeps_up(COST)
    assert keeps_up(cost_in_cycles(mean_per_hop=256_000.0, worst_hop=512_000, worst_step=512_000))
    assert not keeps_up(cost_in_cycles(mean_per_hop=256_001.0))
    assert not keeps_up(cost_in_cycles(worst_hop=512_001))
    assert not keeps_up(cost_in_cycles(worst_step=512_001))
    # At 80 MHz the core alone takes 15 ms of 16 for 1.2 million cycles; a flash without cache adds 3 ms.
    assert not cost_on_part(cost_in_cycles(mean_per_hop=1.2e6), part, 80.0, Supply()).keeps_up
    assert cost_on_part(cost_in_cycles(mean_per_hop=1.2e6), part, 80.0, Supply(), code_in_ram=True).keeps_up


def test_the_cheapest_clock_is_found_by_trying_all() -> None:
    part = part_named("stm32g474")
    best = cheapest(COST, part, Supply())
    tried = [cost_on_part(COST, part, mhz, Supply()) for mhz in part.clocks_mhz]
    assert best.mean_ma.surest == min(one.mean_ma.surest for one in tried if one.keeps_up)
    assert cheapest(COST, part_named("stm32f446"), Supply()).mhz == 16  # currents are not known: the slowest
    assert cheapest(cost_in_cycles(mean_per_hop=1e9), part, Supply()).mhz == 170  # none keeps up: the fastest


def test_code_in_ram_needs_room_for_the_code() -> None:
    tight = replace(COST, ram={"model": 20 << 10})
    flash, ram = cost_on_part(tight, part_named("samd21"), 48.0, Supply(), code_in_ram=True).memory
    assert flash.fits
    assert (
        ram.text
        == "RAM 53,248 of 32,768 bytes: 20,480 too many; the largest are code and constants 32,768, model 20,480"
    )
    assert cost_on_part(tight, part_named("samd21"), 48.0, Supply()).fits


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.0312, "0.031"), (0.5, "0.50"), (9.96, "10"), (13.2, "13"), (1234.0, "1,200"), (99.9, "100")],
)
def test_figures_have_two_digits(value: float, text: str) -> None:
    assert two_digits(value) == text


def test_charges_and_currents_are_read_with_their_units() -> None:
    assert [parse_battery_mah(text) for text in ("230mAh", "2.5Ah", "230 mAh")] == [230, 2500, 230]
    assert [parse_microphone_ma(text) for text in ("0.6mA", "600uA", "600µA", "sph0645")] == [
        0.6,
        pytest.approx(0.6),
        pytest.approx(0.6),
        0.6,
    ]
    for text in ("230", "230mA", "-230mAh", "mAh", "0mAh", "1e3mAh", "nanmAh"):
        with pytest.raises(ConfigError, match="need a charge with its unit, such as 230mAh"):
            parse_battery_mah(text)
    for text in ("0.6", "0.6mAh", "some-microphone"):
        with pytest.raises(ConfigError, match=r"need a current with its unit, such as 0\.6mA, or one of .*sph0645"):
            parse_microphone_ma(text)


@pytest.fixture
def with_cost(monkeypatch: pytest.MonkeyPatch) -> Callable[[FirmwareCost], None]:
    """Let every board measure this cost."""
    return lambda cost: monkeypatch.setattr(size_on_parts, "measured_cost", lambda *_: cost)


def test_the_table_shows_every_part(
    tiny_detector: Path, with_cost: Callable[[FirmwareCost], None], capsys: pytest.CaptureFixture[str]
) -> None:
    with_cost(COST)
    assert main(["size", str(tiny_detector), "--parts", "--battery", "230mAh"]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split()[0]: line for line in lines if line}
    assert set(size_on_parts.all_parts()) <= set(rows)
    assert lines[0].split()[-2:] == ["mA", "days"]
    assert rows["esp32s3"].endswith("not known: no Xtensa LX7 is emulated here")
    starts = {line.index("Cortex-M") for line in lines if "Cortex-M" in line}
    assert len(starts) == 1, "columns are aligned"


def test_a_detector_that_no_part_can_run_is_refused_with_reasons(
    tiny_detector: Path, with_cost: Callable[[FirmwareCost], None], capsys: pytest.CaptureFixture[str]
) -> None:
    with_cost(replace(cost_in_cycles(mean_per_hop=1e9), ram={"model": 8 << 20}))
    assert main(["size", str(tiny_detector), "--parts"]) == 1
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert rows["samd21"].endswith("too little RAM, too slow")


def test_a_part_that_is_too_slow_names_the_stages_and_what_would_do(
    tiny_detector: Path, with_cost: Callable[[FirmwareCost], None], capsys: pytest.CaptureFixture[str]
) -> None:
    with_cost(cost_in_cycles(mean_per_hop=300_000.0))
    assert main(["size", str(tiny_detector), "--part", "stm32l476", "--mhz", "16"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "FAIL  too slow at 16 MHz: busy 120 % of the time" in lines
    assert "The most cycles per hop are in model 60,000, frontend 40,000." in lines
    assert any(line.startswith("stm32l476 keeps up at ") for line in lines)
    others = next(line for line in lines if line.startswith("Parts with this core that would do: "))
    assert "stm32f446 (" in others
    assert "stm32l476" not in others


def test_a_part_that_is_too_small_names_the_largest_items(
    tiny_detector: Path, with_cost: Callable[[FirmwareCost], None], capsys: pytest.CaptureFixture[str]
) -> None:
    with_cost(replace(COST, ram={"model": 33 << 10, "stack": 1 << 10}))
    assert main(["size", str(tiny_detector), "--part", "samd21"]) == 1
    out = capsys.readouterr().out
    assert "FAIL  RAM 34,816 of 32,768 bytes: 2,048 too many; the largest are model 33,792, stack 1,024" in out
    assert "stm32g071" in out.splitlines()[-1]


def test_what_is_not_known_about_a_part_is_said(
    tiny_detector: Path, with_cost: Callable[[FirmwareCost], None], capsys: pytest.CaptureFixture[str]
) -> None:
    with_cost(COST)
    assert main(["size", str(tiny_detector), "--part", "stm32l4r5", "--mhz", "120", "--battery", "230mAh"]) == 0
    out = capsys.readouterr().out
    assert "\nnot known       sleep current at 120 MHz\n" in out
    assert "(13 running, unknown asleep)" in out
    assert "230 mAh: at most " in out
    assert "source          run current: data sheet DS12023" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--part", "stm32l4r6"], "no part is named 'stm32l4r6'; the nearest are stm32l4r5"),
        (["--part", "stm32l4r5", "--mhz", "200"], "--mhz 200: stm32l4r5 has at most 120 MHz"),
        (["--part", "stm32l4r5", "--battery", "230"], "--battery 230: need a charge with its unit, such as 230mAh"),
        (["--part", "esp32s3"], "esp32s3: no Xtensa LX7 is emulated here, so its instructions are not known"),
        (["--part", "rp2040", "--battery", "230mAh"], "its run current is not known here; leave the option out"),
        (["--part", "rp2040", "--parts"], "--part names one microcontroller and --parts stands for all"),
        (["--part", "rp2040", "--board", "m4"], "--board: a microcontroller has its own; leave it out"),
        (["--parts", "--flash", "1M", "--cpi", "2"], "--flash, --cpi: a microcontroller has its own; leave them out"),
        (["--parts", "--mhz", "48"], "--mhz: --parts chooses the clock of each microcontroller; leave it out"),
        (["--battery", "230mAh"], "--battery: only for a microcontroller, which --part or --parts names"),
        (["--code-in-ram"], "--code-in-ram: only for a microcontroller"),
    ],
)
def test_settings_that_cannot_work_are_an_error_of_one_line(
    tiny_detector: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["size", str(tiny_detector), *words]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1


def test_a_detector_is_measured_for_a_part(compiled_detector: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The flash and RAM on the STM32L4R5 are those that `stapes size --board m4` prints."""
    assert main(["size", str(compiled_detector), "--part", "stm32l4r5"]) == 0
    on_part = capsys.readouterr().out
    assert main(["size", str(compiled_detector), "--board", "m4", "--flash", "2M", "--ram", "640K"]) == 0
    on_board = capsys.readouterr().out.splitlines()
    for line in on_board:
        if line.startswith("pass"):
            assert line in on_part
