"""The table of microcontrollers holds what its readers rely on, and finds a part by its name."""

import pytest

from stapes.firmware_sim.errors import ConfigError
from stapes.firmware_sim.machines.boards import BOARDS
from stapes.firmware_sim.machines.parts import Current, Part, all_parts, microphones, part_named

PARTS = list(all_parts().values())


def each_part() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("part", PARTS, ids=[part.key for part in PARTS])


def test_the_table_has_parts_of_every_family_that_people_ask_for() -> None:
    families = "stm32l4 stm32g0 stm32u5 stm32f4 stm32h7 nrf52840 nrf5340 rp2040 rp2350 samd21 samd51 ra6m5 max78000 "
    for family in (families + "apollo4 esp32c3 esp32s3").split():
        assert any(part.key.startswith(family) for part in PARTS), family


@each_part()
def test_a_part_has_the_core_of_its_board(part: Part) -> None:
    if part.board is None:
        assert part.core not in {board.core for board in BOARDS.values()}
        return
    core = BOARDS[part.board].core
    assert BOARDS[part.board].timing is not None, "its cycles are computed"
    assert part.core.startswith("RISC-V") if core.startswith("RISC-V") else core.startswith(part.core.rstrip("+"))


@each_part()
def test_clocks_wait_states_and_currents_are_in_order(part: Part) -> None:
    assert list(part.clocks_mhz) == sorted(set(part.clocks_mhz))
    assert [up_to for up_to, _ in part.waits] == sorted({up_to for up_to, _ in part.waits})
    if part.waits:
        assert part.waits[-1][0] >= part.clocks_mhz[-1], "no wait states for the fastest clock"
    for current in (part.run, part.sleep):
        if current is not None and current.ua_per_mhz is None:
            assert [mhz for mhz, _ in current.points] == sorted({mhz for mhz, _ in current.points})
            assert [ma for _, ma in current.points] == sorted(ma for _, ma in current.points)


@each_part()
def test_a_sleeping_core_takes_less_than_a_running_one(part: Part) -> None:
    for mhz in part.clocks_mhz:
        run, sleep = part.run_ma(mhz), part.sleep_ma(mhz)
        assert run is None or sleep is None or 0 < sleep < run


@each_part()
def test_every_kind_of_figure_has_a_source(part: Part) -> None:
    sources = " ".join(part.sources)
    assert part.sources
    assert part.run is None or "current" in sources
    assert not part.waits or "wait states:" in sources


def test_what_is_not_known_is_named() -> None:
    assert part_named("stm32g474").unknown(150) == ()
    assert part_named("stm32l4r5").unknown(120) == ("sleep current",)
    assert part_named("rp2040").unknown(133) == ("wait states of the flash", "run current", "sleep current")
    assert part_named("stm32h743").unknown(480) == ("run current", "sleep current")  # its table ends at 400 MHz


def test_a_current_lies_on_the_line_between_two_points_of_the_data_sheet_and_is_unknown_outside() -> None:
    current = Current(((24.0, 4.0), (48.0, 8.8)))
    assert [current.ma(mhz) for mhz in (23.9, 24, 48, 48.1)] == [None, 4.0, 8.8, None]
    assert current.ma(36) == pytest.approx(6.4)
    assert Current(((100.0, 11.6),)).ma(100) == 11.6
    assert Current(((100.0, 11.6),)).ma(99) is None
    assert Current(ua_per_mhz=110).ma(120) == pytest.approx(13.2)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("stm32l4r6", "no part is named 'stm32l4r6'; the nearest are stm32l4r5"),
        ("nrf5284", "the nearest are nrf52840"),
        ("z80", "no part is named 'z80'; choose stm32l476, "),
    ],
)
def test_an_unknown_part_is_answered_with_the_nearest_names(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        part_named(name)
    assert part_named("STM32L4R5").key == "stm32l4r5"


@pytest.mark.parametrize(
    ("name", "mhz", "message"),
    [
        ("stm32l4r5", 121, "--mhz 121: stm32l4r5 has at most 120 MHz"),
        ("stm32l4r5", 0, "--mhz 0: stm32l4r5 has at most 120 MHz"),
        ("stm32l4r5", float("nan"), "--mhz nan: stm32l4r5 has at most 120 MHz"),
        ("nrf5340", 100, "--mhz 100: the clock of nrf5340 is 64 or 128 MHz"),
    ],
)
def test_a_clock_that_a_part_cannot_have_is_refused(name: str, mhz: float, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        part_named(name).checked_clock(mhz)
    assert part_named("stm32l4r5").checked_clock(33.3) == 33.3


def test_microphones_take_less_than_two_milliampere() -> None:
    assert all(0 < ma < 2 for ma in microphones().values())
