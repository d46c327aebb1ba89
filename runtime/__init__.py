"""The device's loop on a laptop, a Raspberry Pi or a server: audio in, events out.

Recordings at any sample rate, or PCM that the program already has:

    from stapes.runtime import Detector, probability

    detector = Detector.load("pops.stapes")
    for event in detector.detect("hall.flac"):
        print(event.onset, event.offset, event.label, event.confidence)
    probabilities = probability(detector.scores(pcm))    # int16[samples] -> float64[steps, classes]

Blocks of any size, as they arrive. Each event is yielded twice: when it is certain to be one, then with its offset:

    for event in detector.stream(blocks):
        print(event.label, "begins" if event.offset_sample is None else "ends")

`stapes.runtime.live` (a microphone, and sinks for events) and `stapes.runtime.batch` (folders of recordings) build on
this. Nothing is loaded before it is used: `import stapes.runtime` takes no time, and no part of it loads TensorFlow.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stapes.firmware_sim.device.events import Event, probability
    from stapes.runtime.audio import AudioFile, read_audio
    from stapes.runtime.detector import Detector

__all__ = ["AudioFile", "Detector", "Event", "probability", "read_audio"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from stapes.firmware_sim.device.events import Event, probability
    from stapes.runtime.audio import AudioFile, read_audio
    from stapes.runtime.detector import Detector

    globals().update(
        AudioFile=AudioFile, Detector=Detector, Event=Event, probability=probability, read_audio=read_audio
    )
    return globals()[name]
