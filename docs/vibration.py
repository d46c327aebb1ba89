"""Make a small dataset of a knocking bearing: python docs/vibration.py knocks/

Each recording is a minute of an accelerometer at 1600 samples a second, in g, as a logger writes it (CSV:
time, acceleration), turned to WAV by `csv_to_wav`, which does for your own logs too. labels.tsv says when it knocks,
and that each recording is of a bearing of its own (source).
"""

import csv
import sys
from pathlib import Path

import numpy as np
import soundfile

RATE_HZ = 1600
SECONDS = 60
FULL_SCALE_G = 4.0  # what the largest sample of the WAV stands for


def csv_to_wav(log: Path, wav: Path) -> None:
    """Columns time (s), acceleration (g), with a line of names; the sample rate is that of the time column."""
    time, acceleration = np.loadtxt(log, delimiter=",", skiprows=1, unpack=True)
    rate_hz = round((len(time) - 1) / (time[-1] - time[0]))
    soundfile.write(wav, np.clip(acceleration / FULL_SCALE_G, -1, 1), rate_hz, subtype="PCM_16")


def bearing(rng: np.random.Generator) -> tuple[np.ndarray, list[float]]:
    """Acceleration in g over a minute, and the onsets of its knocks."""
    time = np.arange(SECONDS * RATE_HZ) / RATE_HZ
    turns_hz = rng.uniform(20, 30)
    signal = 1.0 + sum(0.05 / n * np.sin(2 * np.pi * n * turns_hz * time + n) for n in range(1, 5))
    signal += 0.02 * rng.standard_normal(len(time))
    onsets = np.cumsum(rng.uniform(0.5, 3.0, 60))
    onsets = onsets[onsets < SECONDS - 1]
    for onset in onsets:
        after = time - onset
        ring = np.sin(2 * np.pi * rng.uniform(420, 480) * after) * np.exp(-np.maximum(after, 0) / 0.02)
        signal += np.where(after >= 0, rng.uniform(0.2, 0.8) * ring, 0)
    return signal, [float(onset) for onset in onsets]


def main(folder: Path) -> None:
    """Six recordings to train on, two to choose thresholds and two to judge."""
    rng = np.random.default_rng(4)
    for part, recordings in (("train", 6), ("val", 2), ("test", 2)):
        (folder / part).mkdir(parents=True)
        with (folder / part / "labels.tsv").open("w") as table:
            table.write("filename\tonset\toffset\tevent_label\tsource\n")
            for number in range(recordings):
                signal, onsets = bearing(rng)
                log = folder / part / f"{part}{number}.csv"
                with log.open("w", newline="") as file:
                    rows = csv.writer(file, lineterminator="\n")
                    rows.writerow(("time_s", "acceleration_g"))
                    rows.writerows((f"{n / RATE_HZ:.6f}", f"{value:.5f}") for n, value in enumerate(signal))
                csv_to_wav(log, log.with_suffix(".wav"))
                log.unlink()
                table.writelines(f"{log.stem}.wav\t{on:.3f}\t{on + 0.06:.3f}\tknock\t{log.stem}\n" for on in onsets)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
