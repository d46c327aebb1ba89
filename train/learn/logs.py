"""How a training went: history.csv in the detector, and curves for TensorBoard where a person asked for them."""

from pathlib import Path

from stapes.convert.tensorflow import tf
from stapes.firmware_sim.errors import OutputError
from stapes.train.learn.workspace import Workspace

LOSS_EVERY_STEPS = 10


class TrainingLog:
    """Figures by phase and gradient step."""

    def __init__(self, workspace: Workspace, tensorboard: Path | None) -> None:
        """Raises OutputError where `tensorboard` cannot be written."""
        self._workspace, self._writer = workspace, None
        if tensorboard:
            try:
                tensorboard.mkdir(parents=True, exist_ok=True)
                self._writer = tf.summary.create_file_writer(str(tensorboard))
            except (OSError, tf.errors.OpError) as error:
                raise OutputError(f"{tensorboard}: logs cannot be written there: {error}") from error

    def step(self, phase: str, step: int, loss: float, learning_rate: float) -> None:
        """Keep what a gradient step says, now and then."""
        if self._writer and step % LOSS_EVERY_STEPS == 0:
            self._curves(phase, step, {"loss": loss, "learning_rate": learning_rate})

    def check(self, phase: str, step: int, loss: float, precision: float) -> None:
        """Keep the mean loss since the last check and the score on the validation part."""
        self._workspace.log(
            {
                "phase": phase,
                "step": step,
                "loss": round(loss, 5),
                "val_frame_average_precision": round(precision, 4),
            }
        )
        self._curves(phase, step, {"val_frame_average_precision": precision})

    def _curves(self, phase: str, step: int, figures: dict[str, float]) -> None:
        if not self._writer:
            return
        # tf.summary.scalar writes the same, but wants the package tensorboard, which is needed only to look at it
        metadata = tf.compat.v1.SummaryMetadata(
            plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars"),
            data_class="DATA_CLASS_SCALAR",
        )
        with self._writer.as_default():
            for name, value in figures.items():
                tf.summary.write(f"{phase}/{name}", tf.constant(value, tf.float32), step, metadata)
        self._writer.flush()
