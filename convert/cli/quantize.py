"""`stapes quantize`: a float32 model as int8 .tflite."""

import argparse
from pathlib import Path


def add_quantize(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "quantize",
        help="a float32 model as int8 .tflite, with samples",
        description="Quantize a SavedModel, a Keras file or a float32 .tflite to int8 after training, inputs and\n"
        "outputs included. The ranges come from samples of what the model will take: a .npz with an array for each\n"
        "input of the model, by its name, whose first axis counts the samples; some hundreds that differ as the real\n"
        "inputs do. Prints what is lost on these samples, and whether `stapes compile` takes the result.\n"
        "TensorFlow loads and runs the model, and with it code that a Keras file holds: give only what you trust.",
        epilog="example:\n  stapes quantize trained.keras --samples samples.npz --out kws.tflite\n"
        "where Python wrote samples.npz with\n"
        "  np.savez('samples.npz', features=features)   # float32 [samples, 49, 10]",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", type=Path, help="SavedModel (a folder), Keras file (.keras, .h5) or float32 .tflite")
    parser.add_argument("--samples", type=Path, required=True, metavar="NPZ", help="what the model will take")
    parser.add_argument("--out", type=Path, required=True, metavar="TFLITE", help="the int8 .tflite to write")
    parser.add_argument("--force", action="store_true", help="replace a file that stands there")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> None:
    from stapes.convert.compile import plan_model
    from stapes.convert.quantize.quantize import quantize
    from stapes.firmware_sim.errors import ModelError
    from stapes.firmware_sim.outputs import new_file, require_new_file

    require_new_file(arguments.out, arguments.force)
    made = quantize(arguments.model, arguments.samples)
    with new_file(arguments.out) as draft:
        draft.write_bytes(made.tflite)
    print(f"int8 beside float32, on {made.samples} samples:")
    print("\n".join(f"  {loss}" for loss in made.losses))
    print(f"wrote {arguments.out}: {len(made.tflite)} bytes")
    if made.left_in_float:
        raise ModelError(
            f"{arguments.out} does not compile: TensorFlow left operators in float32, as it "
            "has no int8 form of them; replace the layers that became them",
            made.left_in_float,
        )
    try:
        plan_model(made.tflite, "model")
    except ModelError as error:
        raise error.in_file(arguments.out) from error
    print(f"next: stapes compile {arguments.out} --out {arguments.out.stem}_c")
