"""How late a detector announces an event."""

from stapes.firmware_sim.device.events import SILENT
from stapes.firmware_sim.device.folder import DetectorFolder


def announced_within_samples(folder: DetectorFolder) -> int:
    """Return after how many samples from its onset an event of any class is announced at the latest."""
    heard = [each for each in folder.events if each != SILENT]
    slowest = max((each.min_duration_steps + each.merge_gap_steps + each.smoothing_steps for each in heard), default=0)
    clock = folder.clock
    return (slowest + clock.target_delay_steps + 1) * clock.step_samples + folder.frontend.window_samples
