"""Audio as int16 PCM at the detector's own rate. This is the only reader, down-mix and resampler of the project.

Every command reads recordings through `AudioFile`. It and the live inputs convert with a `Converter`: one channel or
the mean of all, soxr in float32, then rounding and saturation to int16. soxr in float32 gives the same bits for blocks
of any size as for the whole recording at once, so a file that is read at once, the same file read block by block, and a
live stream of it give equal samples. WAV is read by `wav`, from files and pipes alike; libsndfile reads the rest.
"""

from stapes.runtime.audio.convert import Converter, InputSettings
from stapes.runtime.audio.file import BLOCK_FRAMES, Audio, AudioFile, read_audio
from stapes.runtime.walk import FILE_SUFFIXES

__all__ = ["BLOCK_FRAMES", "FILE_SUFFIXES", "Audio", "AudioFile", "Converter", "InputSettings", "read_audio"]
