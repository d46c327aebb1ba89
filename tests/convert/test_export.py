"""Exported libraries: built as their users would build them, with their self-test as the referee."""

import dataclasses
import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from big_endian import build_big_endian, needs_big_endian

from stapes.convert.export.command import export
from stapes.convert.export.layouts import LAYOUTS
from stapes.convert.export.layouts import layout as layout_of
from stapes.convert.export.library import Library, gather
from stapes.convert.lower.names import NameMaker, module_name
from stapes.firmware_sim.errors import OutputError
from stapes.firmware_sim.machines.boards import BOARDS
from stapes.firmware_sim.machines.emulator import run
from stapes.firmware_sim.machines.firmware import build_firmware
from stapes.firmware_sim.sources import CSRC
from stapes.runtime.main import main

STRICT = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wmissing-prototypes", "-Werror"]
BIG_ENDIAN = pytest.param("big-endian", marks=needs_big_endian)
MACHINES = [
    "host",
    "cortex-m4",
    BIG_ENDIAN,
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("cortex-m0", "riscv32")),
]


@pytest.fixture(scope="module")
def libraries(compiled_detector: Path) -> dict[bool, Library]:
    """Return the same detector with the model's kernels in files of their own, and inside of its source."""
    return {single: gather(compiled_detector, single_file=single) for single in (False, True)}


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def write(libraries: dict[bool, Library], layout: str, out: Path) -> Path:
    for path, text in layout_of(layout).files(libraries[layout_of(layout).SINGLE_FILE]).items():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        (out / path).write_text(text)
    return out


def library_sources(root: Path, layout: str) -> list[Path]:
    return [root / "tiny_single.c"] if layout == "single-file" else sorted((root / "src").glob("*.c"))


def selftest_program(root: Path, layout: str) -> Path:
    """Return the layout's own self-test program, or a short one where it has none."""
    own = {"single-file": root / "selftest.c", "cmake": root / "examples" / "selftest.c"}
    if layout in own:
        return own[layout]
    program = root / "selftest.c"
    program.write_text(
        '#include "tiny_selftest.h"\nstatic tiny_detector_t detector;\n'
        "int main(void) { return (int)stapes_selftest(&detector); }\n"
    )
    return program


def selftest_exit_code(root: Path, layout: str, machine: str, flags: Sequence[str] = STRICT) -> int:
    headers = root / ("src" if layout == "arduino" else "include")
    sources = [*library_sources(root, layout), selftest_program(root, layout)]
    if machine == "host":
        program = root / "selftest"
        subprocess.run(["cc", *flags, f"-I{root}", f"-I{headers}", *sources, "-o", program], check=True)
        return subprocess.run([program]).returncode
    if machine == "big-endian":
        return subprocess.run([build_big_endian(sources, [root, headers], root / "selftest", *flags)]).returncode
    firmware = build_firmware(
        BOARDS[machine], sources, root / "selftest.elf", include_dirs=[root, headers], flags=flags
    )
    return run(firmware, count=False).exit_code


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("layout", ["single-file", "cmake", "arduino"])
def test_the_selftest_passes_in_a_build_without_warnings(
    libraries: dict[bool, Library], tmp_path: Path, layout: str, machine: str
) -> None:
    """The referee of the self-test's answers is LiteRT, with its reference kernels."""
    assert selftest_exit_code(write(libraries, layout, tmp_path), layout, machine) == 0


@pytest.mark.slow
@pytest.mark.parametrize("optimization", ["-O0", "-Os", "-O1", "-O3"])
def test_the_selftest_passes_in_one_file_however_the_compiler_inlines_it(
    libraries: dict[bool, Library], tmp_path: Path, optimization: str
) -> None:
    """In one file GCC knows the layer's sizes, and which values assembly begins with. The referee is LiteRT."""
    flags = [optimization if flag == "-O2" else flag for flag in STRICT]
    assert selftest_exit_code(write(libraries, "single-file", tmp_path), "single-file", "cortex-m4", flags) == 0


@pytest.mark.parametrize(
    ("text", "instead", "code"),
    [
        (r"0x45465453", "0x45465454", 1),  # the tables' magic number
        (r"(/\* window \*/\s*\{(?:\s*-?\d+,){100}\s*)\d+", r"\g<1>0", 2),
        (r"162560, 162560", "162560, 162999", 3),  # a bias
        (r"\.merge_gap_steps = 2", ".merge_gap_steps = 3", 4),
    ],
)
def test_the_selftest_says_what_differs(
    libraries: dict[bool, Library], tmp_path: Path, text: str, instead: str, code: int
) -> None:
    root = write(libraries, "single-file", tmp_path)
    source = root / "tiny_single.c"
    changed, count = re.subn(text, instead, source.read_text(), count=1)
    assert count == 1
    source.write_text(changed)
    assert selftest_exit_code(root, "single-file", "host") == code


def test_cmake_builds_and_tests_itself(libraries: dict[bool, Library], tmp_path: Path) -> None:
    if shutil.which("cmake") is None:
        pytest.skip("cmake is not installed")
    root = write(libraries, "cmake", tmp_path)
    subprocess.run(["cmake", "-S", root, "-B", root / "build"], check=True, capture_output=True)
    subprocess.run(["cmake", "--build", root / "build"], check=True, capture_output=True)
    done = subprocess.run(["ctest", "--test-dir", root / "build"], check=True, capture_output=True, text=True)
    assert "100% tests passed, 0 tests failed out of 1" in done.stdout


@pytest.mark.parametrize("machine", ["host", BIG_ENDIAN])
def test_desktop_example_finds_the_runtimes_events(
    libraries: dict[bool, Library], compiled_detector: Path, tmp_path: Path, machine: str
) -> None:
    from tiny_detector import noise_bursts

    from stapes.runtime.detector import Detector

    root = write(libraries, "cmake", tmp_path)
    program = root / "listen"
    sources = [*library_sources(root, "cmake"), root / "examples" / "listen.c"]
    if machine == "host":
        subprocess.run(["cc", *STRICT, f"-I{root / 'include'}", *sources, "-o", program], check=True)
    else:
        build_big_endian(sources, [root / "include"], program, "-O2")
    pcm = noise_bursts(2.0, [(0.5, 0.9, "hiss"), (1.2, 1.6, "rumble")])
    samples = pcm.astype("<i2" if machine == "host" else ">i2").tobytes()
    printed = subprocess.run([program], input=samples, capture_output=True, check=True).stdout
    expected = Detector.load(compiled_detector, engine="litert").detect(pcm)
    assert len(expected) == 2
    assert printed.decode().splitlines() == [f"{e.onset:.3f}\t{e.offset:.3f}\t{e.label}" for e in expected]


def test_microphone_examples_compile(libraries: dict[bool, Library], tmp_path: Path) -> None:
    """The example for any board compiles as it is, the sketch as C++ with stand-ins of Arduino's headers."""
    root = write(libraries, "cmake", tmp_path / "cmake")
    example = root / "examples" / "microphone.c"
    subprocess.run(["cc", *STRICT, f"-I{root / 'include'}", "-c", example, "-o", root / "m.o"], check=True)
    root = write(libraries, "single-file", tmp_path / "single")
    subprocess.run(["g++", "-x", "c++", "-Wall", "-Wextra", "-fsyntax-only", root / "tiny_single.h"], check=True)
    root = write(libraries, "arduino", tmp_path / "arduino")
    (root / "PDM.h").write_text(
        "#include <stddef.h>\n"
        "struct { int available(); int read(void *, size_t); void onReceive(void (*)()); int begin(int, int); } PDM;\n"
        "struct { void begin(long); void print(const char *); void print(double, int); void println(const char *);\n"
        "         void println(long); } Serial;\n"
    )
    sketch = root / "examples" / "ListenMicrophone" / "ListenMicrophone.ino"
    subprocess.run(["g++", "-x", "c++", "-fsyntax-only", f"-I{root}", f"-I{root / 'src'}", sketch], check=True)


def test_every_layout_is_complete_and_without_leftovers(
    libraries: dict[bool, Library], layout: str, tmp_path: Path
) -> None:
    root = write(libraries, layout, tmp_path)
    texts = {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob("*") if path.is_file()}
    assert "stapes_selftest(&detector)" in texts["README.md"]
    assert "| Cortex-M4 | " in texts["README.md"]
    assert "\n| stm32l476 | Cortex-M4 | 16 | " in texts["README.md"]
    everything = "\n".join(texts.values())
    assert str(Path.home()) not in everything
    assert "/tmp/" not in everything
    own = set(re.findall(r'#include "([^"]+)"', everything)) - {
        "stapes_board.h",
        "driver/i2s_pdm.h",
        "freertos/FreeRTOS.h",
    }
    own = {name for name in own if not name.startswith("esphome/")}  # of ESPHome itself
    assert own <= {Path(path).name for path in texts}
    code = [
        line
        for path, text in texts.items()
        if path.endswith((".c", ".h", ".cpp", ".ino"))
        for line in text.splitlines()
    ]
    assert [line for line in code if len(line) >= 120] == []
    for path in texts:  # files that a build description names exist
        if Path(path).name == "CMakeLists.txt":
            for named in re.findall(r"^\s+\"?((?:\.\./)?(?:src|examples)/[\w.]+\.c)\"?$", texts[path], re.M):
                assert (root / path).parent.joinpath(named).resolve().is_file()


def test_descriptions_have_what_their_schemas_require(libraries: dict[bool, Library]) -> None:
    files = {name: layout_of(name).files(libraries[layout_of(name).SINGLE_FILE]) for name in LAYOUTS}
    properties = dict(line.split("=", 1) for line in files["arduino"]["library.properties"].splitlines())
    assert {"name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url"} <= set(properties)
    assert properties["category"] == "Signal Input/Output"
    assert all(properties[name] for name in ("name", "version", "author", "maintainer", "sentence", "url"))
    assert re.fullmatch(r"https://\S+", properties["url"])
    assert re.fullmatch(r"\d+\.\d+\.\d+", properties["version"])
    manifest = json.loads(files["platformio"]["library.json"])
    assert {"name", "version", "description", "frameworks", "platforms"} <= set(manifest)
    assert set(manifest["headers"]) <= {Path(path).name for path in files["platformio"]}
    module = files["zephyr"]["zephyr/module.yml"]
    assert module == "name: tiny\nbuild:\n  cmake: zephyr\n  kconfig: zephyr/Kconfig\n"
    assert {"zephyr/CMakeLists.txt", "zephyr/Kconfig"} <= set(files["zephyr"])
    assert "config TINY\n\tbool " in files["zephyr"]["zephyr/Kconfig"]
    component = files["esp-idf"]["idf_component.yml"]
    assert re.search(r'^version: "\d+\.\d+\.\d+"$', component, re.M)
    assert 'dependencies:\n  idf: ">=' in component
    assert files["esp-idf"]["CMakeLists.txt"].startswith("idf_component_register(\n    SRCS\n")


def test_an_existing_folder_is_replaced_only_with_force(
    compiled_detector: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)  # no figures: quicker
    out = tmp_path / "library"
    words = ["export", str(compiled_detector), "--as", "single-file", "--out", str(out)]
    assert main(words) == 0
    assert f"{out}/tiny_single.c" in capsys.readouterr().out.splitlines()
    assert "Not measured" in (out / "README.md").read_text()
    assert main(words) == 1
    assert "exists already" in capsys.readouterr().err
    (out / "old").write_text("")
    assert main([*words, "--force"]) == 0
    assert not (out / "old").exists()
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("")
    (mine / "README.md").write_text("# My project")
    with pytest.raises(OutputError, match=r"holds no README\.md that this command wrote"):
        export(compiled_detector, "cmake", mine, force=True)
    assert (mine / "thesis.txt").exists()


def test_without_a_name_the_library_stands_in_a_folder_of_the_build_system(
    compiled_detector: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A component of ESP-IDF is named as its folder, so the last folder has the name of the detector."""
    monkeypatch.setattr(shutil, "which", lambda name: None)  # no figures: quicker
    monkeypatch.chdir(tmp_path)
    assert main(["export", str(compiled_detector), "--as", "esp-idf"]) == 0
    assert (tmp_path / "esp-idf" / "tiny" / "CMakeLists.txt").is_file()
    assert "esp-idf/tiny/CMakeLists.txt" in capsys.readouterr().out.splitlines()
    (tmp_path / "file").write_text("")
    assert main(["export", str(compiled_detector), "--as", "cmake", "--out", "file/x/y"]) == 1
    assert "file/x cannot be made" in capsys.readouterr().err


FILE_SCOPE = re.compile(
    r"^(?:static|extern|typedef|STAPES_\w+) [^(=;\n]*?(\w+)(?:\(|\[| =|;)"  # functions, constants, plain typedefs
    r"|^\} (\w+);"  # typedefs of structs
    r"|^[ \t]*#define (\w+)"
    r"|^enum \{ (\w+)|^    (STAPES_\w+)(?: = \w+)?,",  # enumerators
    re.MULTILINE,
)


def test_no_layer_can_have_a_name_of_the_loop_or_of_the_kernels() -> None:
    """In one file, static functions, types and macros share a scope: those of stapes begin with its name."""
    folders = ("frontend", "detector", "nn", "portable", "dsp", "mve", "host")
    own = {
        next(filter(None, names))
        for path in CSRC.rglob("*.[ch]")
        if path.parent.name in folders and "recording" not in path.name
        for names in FILE_SCOPE.findall(path.read_text())
    }
    assert {"stapes_events_report", "stapes_frontend_point", "stapes_nn_clamp", "STAPES_NN_ASM"} <= own
    assert sorted(name for name in own - {"__attribute__"} if not name.lower().startswith("stapes_")) == []
    assert not NameMaker().make("stapes_events_report", "layer").startswith("stapes_")


def test_two_exported_detectors_run_in_one_program(
    libraries: dict[bool, Library], compiled_detector: Path, tmp_path: Path
) -> None:
    """Files that begin with stapes_ are shared, the others are named after their detector; both self-tests pass."""
    shutil.copytree(compiled_detector, tmp_path / "other.stapes")
    other = gather(tmp_path / "other.stapes")
    for library in (libraries[False], other):
        for path, text in layout_of("cmake").files(library).items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
    program = tmp_path / "both.c"
    program.write_text(
        '#include "other_selftest.h"\n#include "tiny_selftest.h"\n'
        "static tiny_detector_t tiny;\nstatic other_detector_t other;\n"
        "int main(void) { return (int)(tiny_selftest(&tiny) | other_selftest(&other) | stapes_selftest(&other)); }\n"
    )
    sources = [*sorted((tmp_path / "src").glob("*.c")), program]
    subprocess.run(["cc", *STRICT, f"-I{tmp_path / 'include'}", *sources, "-o", tmp_path / "both"], check=True)
    assert subprocess.run([tmp_path / "both"]).returncode == 0


@pytest.mark.parametrize(
    ("stem", "name"),
    [("pops", "pops"), ("stapes", "model_stapes"), ("stapes_events", "model_stapes_events"), ("time", "time_model"),
     ("size", "size_model"), ("7", "model"), ("Öl & Gas", "l_gas")],
)  # fmt: skip
def test_detectors_with_names_that_c_or_stapes_uses_are_renamed(stem: str, name: str) -> None:
    assert module_name(stem) == module_name(name) == name, "the compiler accepts the new name"


def test_names_of_targets_that_cmake_reserves_are_avoided(libraries: dict[bool, Library]) -> None:
    named = dataclasses.replace(libraries[False], name="test")
    assert "add_library(test_detector STATIC" in layout_of("cmake").files(named)["CMakeLists.txt"]
