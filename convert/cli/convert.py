"""`stapes convert`: a TensorFlow step function as int8 .tflite and C99."""

import argparse
from pathlib import Path

from stapes.convert.cli.options import add_output_options, write_c
from stapes.firmware_sim.outputs import new_file


def add_convert(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "convert",
        help="a TensorFlow step function as int8 .tflite and C99",
        description="Convert the signature `step` of a SavedModel to an int8 .tflite, and that to C99. The function\n"
        "takes `features` and any `state_*`, returns `scores` and the same `state_*`, and quantizes itself\n"
        "(tf.quantization.fake_quant_*, tfmot): what goes out as a state must have the scale with which it came in.\n"
        "A float model is quantized after training by `stapes quantize`, and `stapes compile` takes the .tflite.",
        epilog="example:\n  stapes convert saved_model --out popcorn_c --name popcorn\n"
        "where Python wrote saved_model with\n"
        "  tf.saved_model.save(module, 'saved_model', signatures={'step': module.step})",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", type=Path, help="SavedModel: a folder with saved_model.pb")
    add_output_options(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from stapes.convert.tflite import convert_saved_model

    step = convert_saved_model(arguments.model)
    name = write_c(arguments, step.model)
    with new_file(arguments.out / f"{name}.tflite") as draft:
        draft.write_bytes(step.model)
    print(f"wrote {name}.tflite beside them")
