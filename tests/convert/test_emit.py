"""The generated C as text and as C: golden files, no warnings, three headers, one struct per detector."""

import re
import resource
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from compiler_models import every_operator, four_bits, tiny_step

from benchmarks import tflite_models
from benchmarks.tflite_models import Builder
from stapes.convert.compile import compile_model
from stapes.convert.verify import differences
from stapes.firmware_sim.device.host import CompiledModel
from stapes.firmware_sim.errors import ConfigError, ModelError, OutputError
from stapes.firmware_sim.machines import boards

GOLDEN = Path(__file__).parent / "golden"
LIBC = boards.FOLDER / "libc"
WARNINGS = [
    "-std=c99",
    "-O2",
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wconversion",
    "-Wmissing-prototypes",
    "-Werror",
    "-c",
]
COMPILERS = {
    "gcc": ["gcc"],
    "clang": ["clang"],
    "arm m0": ["arm-none-eabi-gcc", "-mcpu=cortex-m0", "-mthumb", "-isystem", str(LIBC), "-ffreestanding"],
    "arm m4": ["arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb", "-isystem", str(LIBC), "-ffreestanding"],
    "arm m55": ["arm-none-eabi-gcc", "-mcpu=cortex-m55", "-mfloat-abi=hard", "-isystem", str(LIBC), "-ffreestanding"],
    "riscv": ["riscv64-unknown-elf-gcc", "-march=rv32imac", "-mabi=ilp32", "-isystem", str(LIBC), "-ffreestanding"],
}  # fmt: skip


def _without_version(text: str) -> str:
    return text.replace(f"stapes {version('stapes')} ", "stapes VERSION ")


EQUAL_AND_OTHER_TABLES = [("LOGISTIC", (1 / 256, -128)), ("LOGISTIC", (1 / 256, -128)), ("TANH", (1 / 128, 0))]


@pytest.mark.parametrize("file", ["tiny.c", "tiny.h"])
def test_generated_files_equal_the_golden_ones(tmp_path: Path, update_golden: bool, file: str) -> None:
    compile_model(tiny_step(), tmp_path, "tiny", "portable")
    text = _without_version((tmp_path / file).read_text())
    if update_golden:
        GOLDEN.mkdir(exist_ok=True)
        (GOLDEN / file).write_text(text)
    assert text == (GOLDEN / file).read_text(), "differs from tests/convert/golden; pytest --update-golden if it should"


def test_the_golden_model_equals_litert_reference(tmp_path: Path) -> None:
    compile_model(tiny_step(), tmp_path, "tiny")
    assert differences(tiny_step(), tmp_path, steps=40) == {"scores": 0}


@pytest.mark.parametrize("compiler", COMPILERS)
def test_no_compiler_warns(tmp_path: Path, compiler: str) -> None:
    if shutil.which(COMPILERS[compiler][0]) is None:
        pytest.skip(f"needs {COMPILERS[compiler][0]}")
    sources = []
    for name, tflite, single in (
        ("tiny", tiny_step(), True),
        ("every", every_operator(), False),
        ("all", every_operator(), True),
    ):
        compile_model(tflite, tmp_path / name, name, single_file=single)
        sources += sorted(map(str, (tmp_path / name).glob("*.c")))
    done = subprocess.run([*COMPILERS[compiler], *WARNINGS, *sources], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


BY_HAND = {
    "portable": ["-mcpu=cortex-m0"],
    "cortex-m": ["-mcpu=cortex-m4"],
    "helium": ["-mcpu=cortex-m55", "-mfloat-abi=hard"],
}
FRAMES = "-fno-omit-frame-pointer"


@pytest.mark.slow
@pytest.mark.parametrize("target", BY_HAND)
@pytest.mark.parametrize("compiler", ["arm-none-eabi-gcc", "clang"])
def test_hand_written_kernels_compile_at_every_optimization_and_with_frame_pointers(
    tmp_path: Path, compiler: str, target: str
) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"needs {compiler}")
    compile_model(every_operator(), tmp_path / "every", "every", target)
    compile_model(four_bits(), tmp_path / "four", "four", target)
    sources = {source.name: str(source) for source in tmp_path.glob("*/stapes_nn_*.c")}.values()
    command = [compiler, *(["--target=arm-none-eabi"] if compiler == "clang" else []), *BY_HAND[target], "-mthumb"]
    command += ["-isystem", str(LIBC), "-ffreestanding", *WARNINGS, *sources]
    for flags in (["-O0"], ["-Os"], ["-O1", FRAMES], ["-Os", FRAMES], ["-O2", FRAMES]):
        done = subprocess.run([*command, *flags], capture_output=True, text=True, cwd=tmp_path)
        assert (flags, done.returncode, done.stderr) == (flags, 0, "")


def test_the_header_compiles_as_cpp_without_warnings(tmp_path: Path) -> None:
    compile_model(tiny_step(), tmp_path, "tiny")
    (tmp_path / "main.cpp").write_text(
        '#define TINY_WITH_FLOATS\n#include "tiny.h"\n#include "stapes_nn.h"\n'
        "int main() { tiny_t t; tiny_reset(&t); return tiny_dequantize_scores(tiny_quantize_features(0.0f)) > 1; }\n"
    )
    command = ["g++", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", str(tmp_path / "main.cpp")]
    assert subprocess.run(command, capture_output=True, text=True).stderr == ""


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
@pytest.mark.parametrize("standard", ["c++11", "c++20"])
def test_a_single_file_compiles_as_cpp_without_warnings(tmp_path: Path, compiler: str, standard: str) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"needs {compiler}")
    compile_model(every_operator(), tmp_path, "every", single_file=True)
    warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    command = [compiler, "-x", "c++", f"-std={standard}", *warnings, "-fsyntax-only", str(tmp_path / "every.c")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("single", [False, True])
def test_the_constants_of_a_model_can_be_put_into_a_section(tmp_path: Path, single: bool) -> None:
    report = compile_model(every_operator(), tmp_path, "every", "portable", single_file=single)
    macro = '-DEVERY_CONST=__attribute__((section(".ext_flash")))'
    command = ["gcc", *WARNINGS, macro, str(tmp_path / "every.c"), "-o", str(tmp_path / "every.o")]
    assert subprocess.run(command, capture_output=True, text=True, cwd=tmp_path).stderr == ""
    sections = subprocess.run(["size", "-A", str(tmp_path / "every.o")], capture_output=True, text=True).stdout
    sizes = {name: int(size) for name, size in re.findall(r"^(\.\S+) +(\d+) ", sections, re.MULTILINE)}
    constants = report.sizes.weights + report.sizes.channels + report.sizes.tables
    assert constants <= sizes[".ext_flash"] < 1.1 * constants + 64, "arrays are aligned"


@pytest.mark.parametrize("single", [False, True])
def test_only_three_headers_of_the_c_library_are_included(tmp_path: Path, single: bool) -> None:
    compile_model(every_operator(), tmp_path, "every", single_file=single)
    texts = [path.read_text() for path in tmp_path.glob("*.[ch]")]
    found = set(re.findall(r"#include <(.*)>", "".join(texts))) - {"arm_mve.h"}  # the compiler's, where there is Helium
    assert found <= {"stdint.h", "stddef.h", "string.h"}
    assert single == (len(texts) == 2)


def test_single_file_gives_the_same_bits(tmp_path: Path) -> None:
    compile_model(every_operator(), tmp_path, "every", single_file=True)
    assert set(differences(every_operator(), tmp_path).values()) == {0}


def test_names_that_c_and_cpp_reserve_are_avoided(tmp_path: Path) -> None:
    b = Builder()
    scale = (0.1, 0)
    x = b.input("xor", (1, 4), scale)
    for name in ("new", "int", "class", "arena", "self"):
        x = b.operator("TANH", [x], [b.tensor(f"model/{name}/Relu", (1, 4), (1 / 128, 0))])
    tflite = b.finish([x])
    compile_model(tflite, tmp_path, "words")
    assert set(differences(tflite, tmp_path).values()) == {0}
    assert "const int8_t xor[" not in (tmp_path / "words.h").read_text()


NAMES = ("words_step", "words", "y", "y_table", "y_table_2", "", "", "Größe", "memcmp", "uint16_t", "uint16_t", "linux")


@pytest.mark.parametrize("single", [False, True])
def test_any_names_of_tensors_make_c_without_warnings(tmp_path: Path, single: bool) -> None:
    b = Builder()
    given = [b.input(name, (1, 4), (0.1, 0)) for name in NAMES]
    made = [
        b.operator("TANH", [x], [b.tensor(name, (1, 4), (0.01 + 0.001 * i, 0))])
        for i, (x, name) in enumerate(zip(given, NAMES, strict=True))
    ]
    constants = [b.constant(name, [[i, 1, 2, 3]], "int8", (0.1, 0)) for i, name in enumerate(NAMES)]
    sums = [
        b.operator("ADD", [y, c], [b.tensor(f"last/{name}", (1, 4), (0.2, 0))], "AddOptions")
        for y, c, name in zip(made, constants, NAMES, strict=True)
    ]
    tflite = b.finish(sums)
    compile_model(tflite, tmp_path, "words", single_file=single)
    assert set(differences(tflite, tmp_path).values()) == {0}
    for dialect in ("-std=c99", "-std=gnu17"):
        command = ["gcc", *WARNINGS, dialect, "-o", "words.o", "words.c"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
    (tmp_path / "main.cpp").write_text('#include "words.h"\n')
    done = subprocess.run(["g++", "-fsyntax-only", "main.cpp"], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "name", ["*/ #error injected /*", 'x"; system("true"); //', "one\nline\x1b[2J", "??/", "a" * 300]
)
def test_names_of_tensors_cannot_inject_c(tmp_path: Path, name: str) -> None:
    b = Builder()
    x = b.input(name, (1, 4), (0.1, 0))
    y = b.operator("RESHAPE", [x, b.constant(name, [4, 1])], [b.tensor(name, (4, 1), (0.1, 0))], "ReshapeOptions")
    z = b.operator("RESHAPE", [y, b.constant(name, [2, 2])], [b.tensor(name, (2, 2), (0.1, 0))], "ReshapeOptions")
    compile_model(b.finish([x, y, z]), tmp_path, "model")
    text = (tmp_path / "model.c").read_text() + (tmp_path / "model.h").read_text()
    assert all(word not in text for word in ("#error injected", "system(", "\x1b", "??/", "a" * 50))
    done = subprocess.run(["gcc", *WARNINGS, "model.c"], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        *((name, f"{name}_model") for name in ("int8", "uint_fast16", "size", "string", "stdint", "class")),
        *((name, f"model_{name}") for name in ("stapes_nn", "stapes_nn_conv")),
    ],
)
def test_names_of_modules_that_would_hide_what_c_declares_are_refused(tmp_path: Path, name: str, advice: str) -> None:
    with pytest.raises(ConfigError, match=f"or has a meaning in C already; try '{advice}'"):
        compile_model(tiny_step(), tmp_path / "c", name)
    compile_model(tiny_step(), tmp_path / "c", advice)


def test_sizes_in_the_header_are_those_of_the_c_compiler(tmp_path: Path) -> None:
    compile_model(tflite_models.cnn_gru_step(), tmp_path, "gru")
    check = '#include "gru.h"\ntypedef char equal[sizeof(gru_t) == GRU_RAM_BYTES ? 1 : -1];\n'
    (tmp_path / "check.c").write_text(check)
    for compiler in (["gcc"], ["gcc", "-m32"]):
        command = [*compiler, "-fsyntax-only", str(tmp_path / "check.c")]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0 or ("sizeof" not in done.stderr and "bits/" in done.stderr), done.stderr


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("compiler", COMPILERS)
def test_constants_in_the_header_are_those_of_the_object_file(tmp_path: Path, compiler: str, single: bool) -> None:
    """The referee is nm: sizes of the symbols, of the packing that the C compiler chose."""
    command = COMPILERS[compiler]
    if shutil.which(command[0]) is None:
        pytest.skip(f"needs {command[0]}")
    compile_model(every_operator(), tmp_path, "every", single_file=single)
    subprocess.run([*command, "-std=c99", "-O0", "-c", "every.c"], cwd=tmp_path, check=True)  # folds nothing into code
    nm = command[0].removesuffix("gcc") + "nm" if command[0].endswith("-gcc") else "nm"
    listing = subprocess.run([nm, "-S", "every.o"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    found = {"WEIGHT": 0, "CHANNEL": 0, "TABLE": 0}
    for size, suffix in re.findall(r"^\w+ (\w+) [rR] \w+_([a-z]+)$", listing, re.MULTILINE):
        kind = {"weights": "WEIGHT", "bias": "CHANNEL", "multiplier": "CHANNEL", "shift": "CHANNEL"}.get(suffix)
        kind = "TABLE" if suffix in ("table", "exponentials") else kind
        if kind:
            found[kind] += int(size, 16)
    checks = "".join(
        f"typedef char same_{kind}[EVERY_{kind}_BYTES == {size} ? 1 : -1];\n" for kind, size in found.items()
    )
    (tmp_path / "check.c").write_text(f'#include "every.h"\n{checks}')
    done = subprocess.run([*command, "-c", "check.c"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert min(found.values()) > 0


@pytest.mark.parametrize("make", [tiny_step, every_operator])
def test_arguments_are_described_by_macros(tmp_path: Path, make: Callable[[], bytes]) -> None:
    """The referee is the C compiler, which prints what the macros say."""
    compile_model(make(), tmp_path, "model")
    model = CompiledModel(tmp_path)
    wanted, lines = [], []
    for argument in (*model.inputs, *model.outputs):
        macros = f"MODEL_{argument['name'].upper()}"
        parts = ", ".join(
            f"(double){macros}_{part}" for part in ("COUNT", "SCALE", "ZERO_POINT", "REAL_MIN", "REAL_MAX")
        )
        lines.append(f'    printf("%.9g %.9g %.9g %.9g %.9g\\n", {parts});')
        scale, zero = np.float32(argument["scale"]), argument["zero_point"]
        low, high = (np.float32(float(scale) * (q - zero)) for q in (-128, 127))
        wanted.append([np.prod(argument["shape"], dtype=int), scale, zero, low, high])
    program = '#include <stdio.h>\n#include "model.h"\nint main(void)\n{\n' + "\n".join(lines) + "\n}\n"
    (tmp_path / "main.c").write_text(program)
    subprocess.run(["gcc", "-std=c99", "-Wall", "-Werror", "main.c", "-o", "main"], cwd=tmp_path, check=True)
    message = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True).stdout
    assert [[np.float32(word) for word in line.split()] for line in message.splitlines()] == wanted


@pytest.mark.parametrize("letters", [1, 60])
def test_no_line_of_generated_c_has_120_columns(tmp_path: Path, letters: int) -> None:
    """With long names, lines are broken after commas; no single word is longer than a line."""
    b = Builder()
    names = [letter * letters for letter in "abcdefghijkl"]
    given = [b.input(name, (1, 9, 9, 4), (0.1, 0)) for name in names]
    joined = b.tensor(f"{'j' * letters}/concat", (1, 9, 9, 48), (0.1, 0))
    b.operator("CONCATENATION", given, [joined], "ConcatenationOptions", axis=3)
    made = [joined]
    for kind in ("LOGISTIC", "LOGISTIC", "TANH"):
        scale = (1 / 256, -128) if kind == "LOGISTIC" else (1 / 128, 0)
        made.append(b.operator(kind, [joined], [b.tensor("m" * letters, (1, 9, 9, 48), scale)]))
    made.append(b.operator("ADD", [made[1], made[3]], [b.tensor("s" * letters, (1, 9, 9, 48), (0.1, 0))], "AddOptions"))
    compile_model(b.finish(made), tmp_path / "long", "n" * min(letters, 40))
    compile_model(every_operator(), tmp_path / "every", "every")
    own = [path for path in tmp_path.glob("*/*.[ch]") if not path.name.startswith("stapes_nn")]
    assert [line for path in own for line in path.read_text().splitlines() if len(line) >= 120] == []
    command = ["gcc", *WARNINGS, *map(str, tmp_path.glob("long/*.c"))]
    assert subprocess.run(command, capture_output=True, text=True, cwd=tmp_path).stderr == ""


def test_equal_lookup_tables_lie_in_flash_once(tmp_path: Path) -> None:
    b = Builder()
    x = b.input("x", (1, 4), (0.1, 0))
    outs = [b.operator(kind, [x], [b.tensor(kind, (1, 4), scale)]) for kind, scale in EQUAL_AND_OTHER_TABLES]
    tflite = b.finish(outs)
    assert compile_model(tflite, tmp_path, "model").sizes.tables == 512
    assert set(differences(tflite, tmp_path).values()) == {0}


def test_two_detectors_of_one_model_do_not_disturb_each_other(tmp_path: Path) -> None:
    compile_model(tiny_step(), tmp_path, "tiny")
    alone, first, second = CompiledModel(tmp_path), CompiledModel(tmp_path), CompiledModel(tmp_path)
    rng = np.random.default_rng(0)
    for _ in range(20):
        frame, noise = rng.integers(-128, 128, (2, 1, 1, 4, 1)).astype(np.int8)
        wanted = alone.run(frame)
        made = first.run(frame)
        second.run(noise)
        assert np.array_equal(wanted[0], made[0])


def test_threads_may_build_one_model_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    compile_model(tiny_step(), tmp_path / "c", "tiny")
    with ThreadPoolExecutor(6) as threads:
        models = list(threads.map(CompiledModel, [tmp_path / "c"] * 6))
    frame = np.zeros((1, 1, 4, 1), np.int8)
    assert len({model.run(frame)[0].tobytes() for model in models}) == 1


def test_reset_starts_afresh(tmp_path: Path) -> None:
    compile_model(tiny_step(), tmp_path, "tiny")
    model, rng = CompiledModel(tmp_path), np.random.default_rng(0)
    frames = rng.integers(-128, 128, (10, 1, 1, 4, 1)).astype(np.int8)
    first = [model.run(frame)[0] for frame in frames]
    second = [model.run(frame)[0] for frame in frames]
    model.reset()
    again = [model.run(frame)[0] for frame in frames]
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)


def test_arrays_of_earlier_steps_stay_as_they_were(tmp_path: Path) -> None:
    b = Builder()
    x = b.input("x", (1, 4), (0.1, 0))
    mean = b.operator("MEAN", [x, b.constant("axes", [0, 1])], [b.tensor("mean", (), (0.1, 0))], "ReducerOptions")
    bent = b.operator("RELU", [x], [b.tensor("bent", (1, 4), (0.1, 0))])
    compile_model(b.finish([mean, bent]), tmp_path, "two")
    model, given = CompiledModel(tmp_path), np.random.default_rng(0).integers(-128, 128, (200, 1, 4)).astype(np.int8)
    made = []
    for step, values in enumerate(given):
        made.append(model.run(values))
        if step % 70 == 0:
            model.run_steps(given)
    assert {array.shape for outputs in made for array in outputs} == {(), (1, 4)}
    for all_steps, index in zip(model.run_steps(given), (0, 1), strict=True):
        assert np.array_equal(all_steps, [outputs[index] for outputs in made])
    assert np.array_equal([outputs[1] for outputs in made], np.maximum(given, 0))


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="holds no generated model"):
        compile_model(tiny_step(), tmp_path, "tiny")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("text", ["{}", "no JSON", '{"files": ["thesis.txt"]}', "[1, 2]"])
def test_a_folder_with_a_model_json_of_others_is_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.json").write_text(text)
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="holds no generated model"):
        compile_model(tiny_step(), tmp_path, "tiny")
    assert {path.name for path in tmp_path.iterdir()} == {"model.json", "thesis.txt"}


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    """A limit on the size of files stands in for a disk that is full after half of the C file."""
    compile_model(tiny_step(), tmp_path / "old", "tiny")
    before = {path.name: path.read_bytes() for path in (tmp_path / "old").iterdir()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, hard))
    try:
        for folder in ("old", "new"):
            with pytest.raises(OutputError, match=f"{folder}: cannot be written: .*; make room and run again"):
                compile_model(every_operator(), tmp_path / folder, "every")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {path.name: path.read_bytes() for path in (tmp_path / "old").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_compiling_again_replaces_what_was_generated_and_nothing_else(tmp_path: Path) -> None:
    compile_model(every_operator(), tmp_path, "every")
    (tmp_path / "Makefile").write_text("all:")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "main.c").write_text("int main(void) { return 0; }")
    compile_model(tiny_step(), tmp_path, "tiny", single_file=True)
    assert {path.name for path in tmp_path.iterdir()} == {"tiny.c", "tiny.h", "model.json", "Makefile", "tests"}
    assert (tmp_path / "tests" / "main.c").read_text() == "int main(void) { return 0; }"


def test_compiling_into_an_empty_folder_is_allowed(tmp_path: Path) -> None:
    compile_model(tiny_step(), tmp_path, "tiny", single_file=True)
    assert {path.name for path in tmp_path.iterdir()} == {"tiny.c", "tiny.h", "model.json"}


def test_a_wrong_name_or_target_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="try 'my_model'"):
        compile_model(tiny_step(), tmp_path / "c", "My model")
    with pytest.raises(ConfigError, match="target 'z80' is unknown; use one of any, portable"):
        compile_model(tiny_step(), tmp_path / "c", "tiny", "z80")
    assert not (tmp_path / "c").exists()


def test_a_wrong_array_is_refused_before_the_step(tmp_path: Path) -> None:
    compile_model(tiny_step(), tmp_path, "tiny")
    model = CompiledModel(tmp_path)
    with pytest.raises(ConfigError, match=r"takes int8 \[1, 1, 4, 1\], got float64"):
        model.run(np.zeros((1, 1, 4, 1)))
    for shape in ((4,), (1, 4, 1, 1), (1, 1, 1, 4)):
        with pytest.raises(ConfigError, match=r"takes int8 \[1, 1, 4, 1\], got int8"):
            model.run(np.zeros(shape, np.int8))
    for run in (model.run, model.run_steps):
        with pytest.raises(ConfigError, match="takes 1 inputs, got 2"):
            run(np.zeros(4, np.int8), np.zeros(4, np.int8))


def test_an_unsupported_operator_is_named(tmp_path: Path) -> None:
    b = Builder()
    x = b.input("x", (1, 4), (0.1, 0))
    tflite = b.finish([b.operator("CEIL", [x], [b.tensor("bent", (1, 4), (0.1, 0))])])
    with pytest.raises(
        ModelError,
        match=r"operator 0 \(CEIL, bent_ceil\): not supported; `stapes compile --help` names what is",
    ):
        compile_model(tflite, tmp_path / "c", "model")
    assert not (tmp_path / "c").exists()
