"""Sub-commands of `stapes` that live in this folder; heavy imports happen only when a command runs."""

import argparse
import textwrap
from pathlib import Path

from stapes.convert.read.schema import KINDS
from stapes.firmware_sim.errors import ModelError

EXPORT_LAYOUTS = ("single-file", "cmake", "arduino", "platformio", "zephyr", "esp-idf")
COMPILE_TARGETS = ("any", "portable", "cortex-m", "helium", "host")


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add this folder's sub-commands."""
    _add_convert(commands)
    _add_compile(commands)
    _add_export(commands)


def _add_convert(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "convert",
        help="a TensorFlow step function as int8 .tflite and C99",
        description="Convert the signature `step` of a SavedModel to an int8 .tflite, and that to C99. The function\n"
        "takes `features` and any `state_*`, returns `scores` and the same `state_*`, and quantizes itself\n"
        "(tf.quantization.fake_quant_*, tfmot): what goes out as a state must have the scale with which it came in.\n"
        "A model that was quantized after training is converted by TensorFlow; `stapes compile` takes the .tflite.",
        epilog="example:\n  stapes convert saved_model --out popcorn_c --name popcorn\n"
        "where Python wrote saved_model with\n"
        "  tf.saved_model.save(module, 'saved_model', signatures={'step': module.step})",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", type=Path, help="SavedModel: a folder with saved_model.pb")
    _add_output_options(parser)
    parser.set_defaults(run=_convert)


def _add_compile(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "compile",
        help="an int8 .tflite as standalone C99",
        description="Write an int8 .tflite as C99 without dependencies, with the bits of LiteRT's reference kernels.\n"
        "An operator outside of the supported set is refused before anything is written. The set:\n"
        + textwrap.fill(", ".join(sorted(KINDS.values())), 112, initial_indent="  ", subsequent_indent="  "),
        epilog="example:\n  stapes compile kws.tflite --out kws_c --target cortex-m\n"
        "  stapes compile wake.tflite --out wake_c --name wake_word --single-file --show-plan",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", type=Path, help=".tflite with int8 tensors")
    _add_output_options(parser)
    parser.set_defaults(run=_compile)


def _add_output_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the C; made when missing")
    parser.add_argument(
        "--target",
        choices=COMPILE_TARGETS,
        default="any",
        help="whose packing of weights to hold; any: every one, chosen by the C compiler (default: %(default)s)",
    )
    parser.add_argument("--name", help="C name of files and functions (default: from the model's name)")
    parser.add_argument("--single-file", action="store_true", help="kernels inside of NAME.c, static")
    parser.add_argument(
        "--show-plan", action="store_true", help="print the memory plan, and draw it as plan.svg in DIR"
    )


def _convert(arguments: argparse.Namespace) -> None:
    from stapes.convert.tflite import convert_saved_model

    step = convert_saved_model(arguments.model)
    name = _write_c(arguments, step.model)
    (arguments.out / f"{name}.tflite").write_bytes(step.model)
    print(f"wrote {name}.tflite beside them")


def _compile(arguments: argparse.Namespace) -> None:
    try:
        tflite = arguments.model.read_bytes()
    except OSError as error:
        raise ModelError(f"{arguments.model}: {error.strerror}; give a .tflite") from error
    _write_c(arguments, tflite)


def _write_c(arguments: argparse.Namespace, tflite: bytes) -> str:
    """Compile, and print layers, sizes and what was written; return the module's name."""
    from stapes.convert.compile import compile_model
    from stapes.convert.emit.describe import table
    from stapes.convert.emit.show import plan_text
    from stapes.convert.lower.names import module_name

    name = module_name(arguments.model.stem) if arguments.name is None else arguments.name
    try:
        report = compile_model(
            tflite, arguments.out, name, arguments.target, arguments.single_file, picture=arguments.show_plan
        )
    except ModelError as error:
        raise ModelError(f"{arguments.model}: {error}") from error
    print("\n".join(table(report.layers)))
    sizes = report.sizes
    print(
        f"\n{report.name}: {sizes.macs} MACs per step, "
        f"RAM {sizes.ram} bytes (arena {sizes.arena}, states {sizes.states}), weights {sizes.weights}, "
        f"biases and multipliers {sizes.channels}, tables {sizes.tables}"
    )
    if arguments.show_plan:
        print("\n" + plan_text(report.plan, report.steps))
    print(f"\nwrote {', '.join(report.files)} to {arguments.out}")
    return name


def _add_export(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "export",
        help="a detector as a C library for a build system",
        description="Write the C of a whole detector (frontend, model, events, loop) with a README, a porting note,\n"
        "an example for a microphone and a self-test, in the layout that a build system expects.",
        epilog="example:\n  stapes export dogs.stapes --as arduino --out dogs",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("detector", type=Path, help="detector folder")
    parser.add_argument("--as", dest="layout", choices=EXPORT_LAYOUTS, required=True, help="the layout")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write; must not exist")
    parser.add_argument("--force", action="store_true", help="replace an exported library that stands there")
    parser.set_defaults(run=_export)


def _export(arguments: argparse.Namespace) -> None:
    from stapes.convert.export.command import export

    files = export(arguments.detector, arguments.layout, arguments.out, force=arguments.force)
    print("\n".join(str(arguments.out / file) for file in files))
