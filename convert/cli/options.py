"""What `stapes convert` and `stapes compile` share: options, writing the C, and printing what was written."""

import argparse
from pathlib import Path

from stapes.convert.supported import TARGETS
from stapes.firmware_sim.errors import ModelError


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that decide what C is written, and where."""
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the C; created when missing")
    parser.add_argument(
        "--target",
        choices=TARGETS,
        default="any",
        help="the processor that the weights are laid out for (default: %(default)s): "
        + "; ".join(f"{name}: {target.processors}" for name, target in TARGETS.items()),
    )
    parser.add_argument("--name", help="C name of files and functions (default: from the model's name)")
    parser.add_argument("--single-file", action="store_true", help="put the kernels into NAME.c, static")
    parser.add_argument(
        "--float-interface",
        action="store_true",
        help="let NAME_step take and give float where the .tflite has float32 (default: the quantized values behind)",
    )
    parser.add_argument(
        "--show-plan", action="store_true", help="print the memory plan, and draw it as plan.svg in DIR"
    )


def write_c(arguments: argparse.Namespace, tflite: bytes, batch: int | None = None) -> str:
    """Compile a model; print its layers, its sizes and the files that were written; return its C name."""
    from stapes.convert.compile import compile_model
    from stapes.convert.emit.describe import table
    from stapes.convert.emit.show import plan_text
    from stapes.convert.lower.names import module_name

    name = module_name(arguments.model.stem) if arguments.name is None else arguments.name
    try:
        report = compile_model(
            tflite,
            arguments.out,
            name,
            arguments.target,
            arguments.single_file,
            picture=arguments.show_plan,
            float_interface=arguments.float_interface,
            batch=batch,
        )
    except ModelError as error:
        raise error.in_file(arguments.model) from error
    print("\n".join((*table(report.layers), *(("", *report.borders) if report.borders else ()))))
    sizes = report.sizes
    print(
        f"\n{report.name}: {sizes.macs} MACs per step, "
        f"RAM {sizes.ram} bytes (arena {sizes.arena}, states {sizes.states}), weights {sizes.weights}, "
        f"biases and multipliers {sizes.channels}, tables {sizes.tables}"
    )
    if arguments.show_plan:
        print("\n" + plan_text(report.plan, report.operations))
    print(f"\nwrote {', '.join(report.files)} to {arguments.out}")
    return name
