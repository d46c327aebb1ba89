"""Every board has text, files, counts, faults and a timer; a missing tool and too little memory are named."""

import shutil
import struct
from pathlib import Path

import pytest
from boards_under_test import EVERY_BOARD, QUICK

from stapes.firmware_sim.errors import ConfigError, ToolchainError
from stapes.firmware_sim.machines import emulator
from stapes.firmware_sim.machines.boards import BOARDS
from stapes.firmware_sim.machines.emulator import run
from stapes.firmware_sim.machines.firmware import Firmware, Limits, build_firmware
from stapes.firmware_sim.machines.tools import find_tool

ABILITIES = Path(__file__).parent / "boards" / "abilities.c"
HOST_COMMANDS = Path(__file__).parent / "boards" / "host_commands.c"
TABLE = [3, 1, 4, 1, 5]


@pytest.fixture(scope="module", params=EVERY_BOARD)
def firmware(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Firmware:
    return build_firmware(BOARDS[request.param], [ABILITIES], tmp_path_factory.mktemp("fw") / "abilities.elf")


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Return the path of a C file that the test writes."""
    return tmp_path / "program.c"


def test_text_files_data_and_exit_code(firmware: Firmware) -> None:
    sent = bytes(range(100, 150))
    result = run(firmware, arguments=["copy", "second"], files={"in.bin": sent}, count=False)
    assert result.text == "4 2 5 2 6 -9223372036854775808 1234abcd"
    assert (result.exit_code, result.fault) == (9, None)
    moved = bytearray(sent)
    moved[1:11] = sent[:10]
    moved[20:40] = struct.pack("<5i", *TABLE)
    moved[40:49] = bytes([7] * 9)
    assert result.files == {"out.bin": sent + bytes(moved)}


def test_instructions_are_counted_one_by_one_and_again_the_same(firmware: Firmware) -> None:
    result = run(firmware, arguments=["count"], profile=True)
    short, long = result.regions["short_stretch"], result.regions["long_stretch"]
    assert len(short) == 3
    assert len(set(short)) == 1
    assert 10 <= short[0] <= 12  # the compiler may move an instruction of the loop into the region
    assert 1002 <= long[0] <= 1004  # with the call and the return
    assert result.profile["thousand_nops"] == 1001
    assert sum(result.profile.values()) == result.total_instructions
    assert run(firmware, arguments=["count"], profile=True) == result


def test_stack_depth_is_read_from_the_paint(firmware: Firmware) -> None:
    shallow = run(firmware, arguments=["none"], count=False)
    deep = run(firmware, arguments=["stack"], count=False)
    assert deep.exit_code == 3 + 2 + 1 + 2 + 1
    assert 4 * 500 <= deep.stack_bytes - shallow.stack_bytes <= 4 * 550
    assert 0 < deep.handler_stack_bytes < 512


@pytest.mark.parametrize("way", ["overflow", "leap"])
def test_a_stack_that_runs_over_is_named_with_its_stage(firmware: Firmware, way: str) -> None:
    """The stack overflows through many small frames, or through a large one."""
    result = run(firmware, arguments=[way], count=False, timeout_s=60)
    assert result.fault is not None
    assert result.fault.startswith("stack overflow")
    assert result.fault.endswith("(last stage: fatal)")


def test_a_stray_access_is_named_with_its_function(firmware: Firmware) -> None:
    result = run(firmware, arguments=["nowhere"], count=False)
    expected = "a hard fault" if "cortex-m0" in firmware.board.name else "access to memory that is not there"
    assert result.fault == f"{expected} in main (last stage: fatal)"
    assert result.exit_code == 125


def test_the_timer_follows_the_instructions(firmware: Firmware) -> None:
    runs = [run(firmware, arguments=["timer"], icount_shift=6, profile=True) for _ in range(2)]
    assert runs[0].text == "5"
    assert runs[0] == runs[1]


def test_counts_vs_the_clock_of_the_core(program: Path) -> None:
    """With 1024 ns per instruction, the 25 MHz SysTick of the M4 counts 25.6 ticks per instruction."""
    program.write_text(
        '#include "stapes_board.h"\n'
        "static volatile uint32_t *const SYST = (volatile uint32_t *)0xE000E010;\n"
        "STAPES_REGION(both)\n"
        "static volatile int32_t sink;\n"
        "int main(void) {\n"
        "    SYST[1] = 0xFFFFFF; SYST[2] = 0; SYST[0] = 5;\n"
        "    (void)SYST[2];\n"
        "    uint32_t before = SYST[2];\n"
        "    STAPES_BEGIN(both);\n"
        "    for (int32_t i = 0; i < 5000; i++) { sink = sink * 3 + i; }\n"
        "    STAPES_END(both);\n"
        "    board_print_i64(before - SYST[2]);\n"
        "    return 0;\n"
        "}\n"
    )
    firmware = build_firmware(BOARDS["cortex-m4"], [program], program.with_suffix(".elf"))
    result = run(firmware, icount_shift=10)
    by_clock = int(result.text) / 25.6
    assert result.regions["both"][0] > 20000
    assert 0 <= by_clock - result.regions["both"][0] <= 12  # instructions of the marks, and of reading the clock


def test_sizes_are_those_of_the_program_alone(program: Path) -> None:
    program.write_text(
        "#include <stdint.h>\n"
        "static const uint8_t weights[1000] = {1};\nstatic uint8_t state[300];\n"
        "static volatile uint32_t start[5] = {1};\n"
        "int main(void) { volatile uint32_t i = 3; state[i] = weights[i + 1]; return (int)start[i] + state[i]; }\n"
    )
    for board in (BOARDS[name] for name in QUICK):
        firmware = build_firmware(board, [program], program.with_suffix(".elf"))
        assert firmware.flash["rodata"] == 1000
        assert firmware.flash["data"] == 20
        assert 8 < firmware.flash["text"] < 100
        assert firmware.static_ram_bytes == 320
        assert firmware.parts == {"program": {"text": firmware.flash["text"], "rodata": 1000, "data": 20, "bss": 300}}
        assert {("weights", 1000), ("state", 300)} <= {(symbol.name, symbol.bytes) for symbol in firmware.symbols}


def test_memory_that_is_too_small_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match=r"does not fit cortex-m0: it needs \d+ bytes of flash more than the 1024"):
        build_firmware(BOARDS["cortex-m0"], [ABILITIES], tmp_path / "a.elf", limits=Limits(flash_bytes=1024))
    with pytest.raises(ToolchainError, match=r"needs \d+ bytes of ram more than the 3072 available"):
        build_firmware(BOARDS["riscv32"], [ABILITIES], tmp_path / "a.elf", limits=Limits(ram_bytes=3072))
    with pytest.raises(ConfigError, match="cortex-m0 has 16384"):
        build_firmware(BOARDS["cortex-m0"], [ABILITIES], tmp_path / "a.elf", limits=Limits(ram_bytes=20000))


def test_source_that_does_not_compile_is_named(program: Path) -> None:
    program.write_text("int main(void) { return nothing; }\n")
    with pytest.raises(ToolchainError, match=r"compiling program\.c failed: .*'?nothing"):
        build_firmware(BOARDS["cortex-m3"], [program], program.with_suffix(".elf"))


def test_firmware_that_does_not_end_is_ended(tmp_path: Path) -> None:
    firmware = build_firmware(BOARDS["cortex-m3"], [ABILITIES], tmp_path / "a.elf")
    with pytest.raises(ToolchainError, match="had not ended after 1 s; its last output: "):
        run(firmware, arguments=["forever"], timeout_s=1)


@pytest.mark.parametrize(
    ("board", "tool", "package"),
    [
        ("cortex-m4", "arm-none-eabi-gcc", "gcc-arm-none-eabi"),
        ("riscv32", "riscv64-unknown-elf-gcc", "gcc-riscv64-unknown-elf"),
    ],
)
def test_a_missing_compiler_is_named_with_its_package(
    board: str, tool: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ToolchainError, match=f"{tool} is not installed: apt-get install {package} "):
        build_firmware(BOARDS[board], [ABILITIES], tmp_path / "a.elf")


@pytest.mark.parametrize(
    ("tool", "package"), [("qemu-system-arm", "qemu-system-arm"), ("qemu-system-riscv32", "qemu-system-misc")]
)
def test_a_missing_emulator_is_named_with_its_package(tool: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ToolchainError, match=f"apt-get install {package} "):
        find_tool(tool)


@pytest.fixture(params=QUICK)
def asking(request: pytest.FixtureRequest, tmp_path: Path) -> Firmware:
    """Firmware that asks for a command of the host, or for its console."""
    return build_firmware(BOARDS[request.param], [HOST_COMMANDS], tmp_path / "asking.elf")


def test_firmware_starts_no_process_on_the_host(
    asking: Firmware, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker, script = tmp_path / "marker", tmp_path / "touch.sh"
    script.write_text(f"#!/bin/sh\ntouch {marker}\n")
    script.chmod(0o755)
    with pytest.raises(ToolchainError, match=r"the firmware asked it for what it may not do .* start a process"):
        run(asking, arguments=["system", str(script)], count=False)
    assert not marker.exists()
    monkeypatch.setattr(emulator, "_SANDBOX", ())
    assert run(asking, arguments=["system", str(script)], count=False).text == "before after"
    assert marker.exists(), "without the filter the emulator does what the firmware asks for"


def test_text_on_the_console_of_the_host_goes_nowhere(asking: Firmware, capfd: pytest.CaptureFixture[str]) -> None:
    result = run(asking, arguments=["write", "hello"], count=False)
    assert (result.text, result.exit_code, result.files) == ("written", 0, {})
    assert capfd.readouterr() == ("", "")
