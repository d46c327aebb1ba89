"""The course of a training: history.csv in the detector folder, and curves for TensorBoard on request."""

from pathlib import Path

from stapes.convert.tensorflow import tf
from stapes.firmware_sim.errors import OutputError
from stapes.train.learn.workspace import Workspace

LOSS_EVERY_UPDATES = 10


class TrainingLog:
    """Records figures by phase and by number of updates."""

    def __init__(self, workspace: Workspace, tensorboard: Path | None) -> None:
        """Raise OutputError when the folder `tensorboard` cannot be written."""
        self._workspace, self._writer = workspace, None
        if tensorboard:
            try:
                tensorboard.mkdir(parents=True, exist_ok=True)
                self._writer = tf.summary.create_file_writer(str(tensorboard))
            except (OSError, tf.errors.OpError) as error:
                raise OutputError(f"{tensorboard}: logs cannot be written there: {error}") from error

    def update(self, phase: str, update: int, loss: float, learning_rate: float) -> None:
        """Record the loss of every tenth update for TensorBoard."""
        if self._writer and update % LOSS_EVERY_UPDATES == 0:
            self._curves(phase, update, {"loss": loss, "learning_rate": learning_rate})

    def check(self, phase: str, update: int, loss: float, precision: float) -> None:
        """Record the mean loss since the last check and the average precision on the val split."""
        self._workspace.log(
            {
                "phase": phase,
                "step": update,
                "loss": round(loss, 5),
                "val_frame_average_precision": round(precision, 4),
            }
        )
        self._curves(phase, update, {"val_frame_average_precision": precision})

    def _curves(self, phase: str, update: int, figures: dict[str, float]) -> None:
        if not self._writer:
            return
        # tf.summary.scalar writes the same but needs the package tensorboard, which only viewing the curves needs
        metadata = tf.compat.v1.SummaryMetadata(
            plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars"),
            data_class="DATA_CLASS_SCALAR",
        )
        with self._writer.as_default():
            for name, value in figures.items():
                tf.summary.write(f"{phase}/{name}", tf.constant(value, tf.float32), update, metadata)
        self._writer.flush()
