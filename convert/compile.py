"""Compile a .tflite to a C library: read, passes, lower, coalesce, plan the memory, emit."""

import hashlib
import shutil
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from stapes.convert.emit import source
from stapes.convert.emit.describe import border_lines, layer_rows
from stapes.convert.emit.module import Module, sizes_of
from stapes.convert.emit.show import plan_svg
from stapes.convert.lower.lower import lower
from stapes.convert.lower.names import module_name
from stapes.convert.lower.packing import LAYOUTS
from stapes.convert.passes.absorb_padding import absorb_padding
from stapes.convert.passes.dilate import dilate
from stapes.convert.passes.interface import with_interface
from stapes.convert.passes.lift_states import lift_pairs, lift_variable_tensors
from stapes.convert.passes.map_codes import map_codes
from stapes.convert.plan.coalesce import coalesce
from stapes.convert.plan.constants import plan_constants
from stapes.convert.plan.memory import Plan, plan_memory
from stapes.convert.supported import TARGETS
from stapes.firmware_sim.device.generated_c import GeneratedC, ModelConstants
from stapes.firmware_sim.device.model_description import (
    MODEL_JSON,
    ModelDescription,
    Sizes,
    read_model_description,
)
from stapes.firmware_sim.device.step_tensors import tensor_spec
from stapes.firmware_sim.errors import ConfigError, DetectorFolderError, ModelError, OutputError
from stapes.firmware_sim.outputs import Mark, new_folder
from stapes.firmware_sim.tflite.graph import read_model


@dataclass(frozen=True)
class CompileReport:
    """What compile_model wrote, and the memory and operations that the model takes."""

    name: str
    target: str
    files: tuple[str, ...]
    sizes: Sizes
    layers: tuple[tuple[str, ...], ...]  # the first row names the columns
    plan: Plan
    operations: tuple[str, ...]  # names, in the order in which they run
    borders: tuple[str, ...]  # a line per input and output that is float32 in the file and quantized in the C


def plan_model(
    tflite: bytes,
    name: str,
    target: str = "any",
    float_interface: bool = False,
    batch: int | None = None,
    loadable: bool = False,
) -> Module:
    """Return the model as it will be printed; nothing is written.

    name: that of the C module. target: one of supported.TARGETS. float_interface: inputs and outputs that are float32
    in the file stay float32. batch: size of the first axis of every input; None: that of the file, or 1 where the file
    leaves it open. loadable: the constants lie in a blob. Raises ModelError for a model that cannot be compiled, or
    cannot be loadable, and ConfigError for a wrong name or target.
    """
    if target not in TARGETS:
        raise ConfigError(f"target {target!r} is unknown; use one of {', '.join(TARGETS)}")
    if module_name(name) != name:
        raise ConfigError(
            f"name {name!r} is not a lower-case C identifier, or has a meaning in C already; try {module_name(name)!r}"
        )
    interface = with_interface(read_model(tflite), float_interface, batch)
    graph = absorb_padding(dilate(map_codes(lift_variable_tensors(lift_pairs(interface)))))
    if not graph.inputs or not graph.outputs:
        raise ModelError(
            f"the model has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs, states not counted; "
            "it needs at least one of each"
        )
    layouts = tuple(LAYOUTS[layout] for layout in TARGETS[target].layouts)
    if loadable:  # the number of channels for which there are multipliers would depend on the numbers of the model
        layouts = tuple(replace(layout, common_shift=False) for layout in layouts)
    operations = lower(graph, name, layouts)
    for number in (*graph.inputs, *graph.outputs):
        tensor = graph.tensors[number]
        real = float_interface and tensor.dtype == "float32" and tensor.data is None
        whole = tensor.dtype in ("int32", "int64") and tensor.data is None and number not in graph.inputs
        if not (real or whole or tensor.dtype in ("int8", "uint8", "int16")) or not tensor.count:
            raise ModelError(
                f"tensor {tensor.name} is {tensor.dtype} {list(tensor.shape)}; supported: inputs and outputs of int8, "
                "uint8 or int16, not empty; float32 that QUANTIZE alone reads or DEQUANTIZE writes, or with "
                "--float-interface; outputs of int32 or int64 that ARG_MAX, ARG_MIN or QUANTIZE writes"
            )
    placement = coalesce(graph, operations)
    digest = hashlib.sha256(tflite).hexdigest()
    constants = plan_constants(placement, layouts) if loadable else None
    memory = plan_memory(placement)
    return Module(name, digest, version("stapes"), placement, memory, layouts, target == "any", constants)


def compile_model(
    tflite: bytes,
    out: Path,
    name: str,
    target: str = "any",
    single_file: bool = False,
    picture: bool = False,
    float_interface: bool = False,
    batch: int | None = None,
) -> CompileReport:
    """Write NAME.h, NAME.c, the kernels and model.json into the folder `out`.

    single_file: the kernels stand inside of NAME.c. picture: plan.svg, a drawing of the memory plan, is written, too.
    float_interface: NAME_step takes and gives float32 where the file does. batch: as in plan_model.
    Files of a model that was generated there before are replaced.
    Raises ModelError for a model that cannot be compiled, ConfigError for a wrong name or target, and OutputError where
    the folder holds anything but a generated model or cannot be written; then nothing has changed.
    """
    module = plan_model(tflite, name, target, float_interface, batch)
    operations = tuple(operation.name for operation in module.placement.operations)
    pictures = {"plan.svg": plan_svg(module.plan, operations)} if picture else {}
    made = _print(module, target, source.files(module, single_file) | pictures)
    _write(out, made.texts)
    sizes = made.description.sizes
    rows, borders = tuple(layer_rows(module)), tuple(border_lines(read_model(tflite).main, module.graph))
    return CompileReport(name, target, tuple(made.texts), sizes, rows, module.plan, operations, borders)


def generate(tflite: bytes, name: str, *, single_file: bool = False, loadable: bool = False) -> GeneratedC:
    """Return the C of a model for every target, without writing it; single_file: the kernels stand inside of NAME.c.

    loadable: the code takes the constants from a blob. Raises ModelError for a model that cannot be compiled, or cannot
    be loadable, and ConfigError for a wrong name.
    """
    module = plan_model(tflite, name, loadable=loadable)
    return _print(module, "any", source.files(module, single_file))


def detector_name(folder: Path) -> str:
    """Return the name in C of a detector: that of its folder, as C allows it."""
    return module_name(folder.absolute().stem, "detector")


def _print(module: Module, target: str, texts: dict[str, str]) -> GeneratedC:
    """Return these texts with model.json, which describes them."""
    description = _describe(module, target, (*texts, MODEL_JSON))
    plan = module.loadable
    constants = None if plan is None else ModelConstants(plan.contents, plan.big_endian, plan.shapes)
    return GeneratedC(description, texts | {MODEL_JSON: description.to_json()}, constants)


def _write(out: Path, texts: dict[str, str]) -> None:
    """Replace the folder by one with these files, and with those of the old one that no earlier run generated."""
    try:
        out.absolute().parent.mkdir(parents=True, exist_ok=True)
        others = _files_not_generated(out)
        if _is_empty_folder(out) and not Path.cwd().is_relative_to(out.resolve()):  # the current one is refused below
            out.rmdir()
    except OSError as error:
        raise OutputError(f"{out}: cannot be written: {error.strerror}; choose another --out") from error
    if taken := [path for path in others if path.name in texts]:
        raise OutputError(
            f"{taken[0]} was not generated, and the generated {taken[0].name} would replace it; "
            "choose another --name or --out"
        )
    with new_folder(out, force=True, mark=Mark(MODEL_JSON)) as draft:
        for path in others:
            if path.is_dir() and not path.is_symlink():
                shutil.copytree(path, draft / path.name, symlinks=True)
            else:
                shutil.copy2(path, draft / path.name, follow_symlinks=False)
        for name, text in texts.items():
            (draft / name).write_text(text, encoding="utf-8")


def _files_not_generated(out: Path) -> list[Path]:
    """Return what lies in a folder beside a generated model; nothing for an empty folder or none.

    Raises OutputError when something lies there and no generated model.
    """
    if not out.exists() or _is_empty_folder(out):
        return []
    try:
        generated = read_model_description(out).files
    except DetectorFolderError as error:
        raise OutputError(f"{out} exists and holds no generated model; choose another --out, or remove it") from error
    return [path for path in out.iterdir() if path.name not in generated]


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def _describe(module: Module, target: str, files: tuple[str, ...]) -> ModelDescription:
    graph = module.graph
    return ModelDescription(
        name=module.name,
        sha256=module.digest,
        target=target,
        inputs=tuple(tensor_spec(n, graph.tensors[i]) for n, i in zip(graph.input_names, graph.inputs, strict=True)),
        outputs=tuple(tensor_spec(n, graph.tensors[i]) for n, i in zip(graph.output_names, graph.outputs, strict=True)),
        states=tuple(state.name for state in graph.states),
        sizes=sizes_of(module),
        files=files,
    )
