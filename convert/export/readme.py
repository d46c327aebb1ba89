"""The README of an exported library: what it detects, what it costs, how to port it, how to test it on a board."""

from collections.abc import Iterator

from stapes.convert.export.library import Library
from stapes.firmware_sim.machines.boards import BOARDS
from stapes.runtime.device.firmware_cost import FirmwareCost
from stapes.runtime.device.part_table import EXPLANATION, HEADER, cells, suitable


def readme(library: Library, usage: str, checked: str) -> str:
    """Return Markdown. usage: how this layout is built. checked: how far this layout itself was tested."""
    frontend, name = library.folder.frontend, library.name
    return f"""# {name}

A detector of {library.classes}, made by stapes {library.version}. C99, no heap, no floating point; it includes
no more than `<stdint.h>`, `<stddef.h>`, `<string.h>`. It takes int16 samples at {frontend.sample_rate_hz} Hz, mono.

{usage}

## Cost

{_cost_table(library)}

## Porting

Two functions are called from two places; everything else is yours.

- Call `stapes_push(&detector.core, samples, n)` from the interrupt of the DMA or I2S, or from a task that reads. It
  copies samples into the ring and never waits; samples that do not fit are dropped and counted. Push at most a hop at a
  time, which is {frontend.hop_samples} samples; for larger blocks define `{library.upper}_RING_SAMPLES` as a window and
  two blocks.
- Call `n = stapes_poll(&detector.core, events)` from the main loop. It does the work of at most one frame, writes up to
  `{library.upper}_EVENTS_MAX` events, and returns `STAPES_IDLE` when it needs more samples.

All memory is one `static {name}_detector_t detector;`. Call `{name}_start(&detector)` before the first sample. One
context may push while another one polls; interrupts may stay enabled.

- An event is reported twice: as `STAPES_EVENT_ANNOUNCED` once it is certain, as `STAPES_EVENT_COMPLETED` when its end
  is known. `{_label(library)}` is its class; `onset_sample` and `offset_sample` count from the first
  sample. The delay of the model is already subtracted, and lost samples are counted, too.
- `stapes_set_sensitivity(&detector.core, class_index, steps)`, called where `stapes_poll` is, lets a class hear more
  (steps above 0) or less; each step moves its thresholds by a quarter of a logit, and 0 returns to the operating point.
- Where the main loop is too slow, the newest samples are lost: see `detector.core.overruns` and
  `detector.core.samples_lost`.
- Several detectors in one program: export each in a layout with a folder of sources, and keep one copy of the files
  that begin with `stapes_`, which all detectors share; the other files are named after their detector.
- At the end of a stream, stop the microphone, call `stapes_poll` until it is idle, then `stapes_finish` until it
  returns 0. At the end of a recording, `stapes_tail` first makes the {library.upper}_TAIL_SAMPLES samples that are
  appended to it: the model answers late, and would miss the last events without them.
{_loading(library)}
## Proof

`stapes_selftest(&detector)`, or `{name}_selftest` where there are several detectors, needs no audio. It synthesizes a
sound with integers, and compares checksums of the features, of the scores, and of the events of synthetic scores with
the answers of LiteRT's reference kernels, which were computed when the library was exported. Run it on your board
first: `STAPES_SELFTEST_OK` (0) means that the board detects the same, bit by bit.

{checked}
"""


def _label(library: Library) -> str:
    name = library.name
    return f"{name}_label(&detector, event.class_index)" if library.loadable else f"{name}_labels[event.class_index]"


def _loading(library: Library) -> str:
    """Return the section on models that are loaded; empty where none can be."""
    if not library.loadable:
        return ""
    name = library.name
    return f"""
## Another model

`{name}_load(&detector, blob, size)`, called where `stapes_poll` is, puts the model of a blob in the place of the one
that is built in. `stapes export DETECTOR --blob --target PROCESSOR` writes blobs. A blob lies at an address that is a
multiple of 4 and stays there, in flash or in memory of yours; no copy is made. What is damaged, newer, packed for
another processor, or of a network of another shape is refused by a code of its own, which `stapes_blob_error` puts into
words, and the detector goes on with the model that it has. After success the model starts afresh: an open event is
forgotten, and sensitivities are 0. Thresholds and names of classes are those of the blob. `{name}_start` returns to the
model that is built in, so load the blob again after a restart.
"""


def _cost_table(library: Library) -> str:
    if not library.costs:
        return "Not measured: no cross compiler and emulator were installed where this was exported."
    rows = [
        f"| {BOARDS[board].core} | {cost.flash_bytes:,} | {cost.ram_bytes:,} | {cost.mean_per_hop:,.0f} | "
        f"{cost.worst_hop:,} | {cost.per_second / 1e6:.2f} | {_cycles_per_second(cost)} |"
        for board, cost in library.costs.items()
    ]
    head = (
        "| core | flash, bytes | RAM with stack, bytes | instructions per hop | worst hop | million instructions/s "
        "| million cycles/s |"
    )
    return "\n".join(
        [
            head,
            "|---|---|---|---|---|---|---|",
            *rows,
            "",
            "Counted under QEMU with gcc -O2, over the sound of the self-test. Cycles are those of a model of the core "
            "with memory that never waits; the wait states of a flash come on top.",
            "",
            *_part_table(library),
        ]
    )


def _cycles_per_second(cost: FirmwareCost) -> str:
    return "?" if cost.cycles is None else f"{cost.cycles.per_second / 1e6:.2f} ({cost.cycles.error_text})"


def _part_table(library: Library) -> Iterator[str]:
    """Yield what the detector takes on microcontrollers with the cores that were measured."""
    found = suitable(library.costs)
    if not found:
        return
    hop_ms = 1000 * library.folder.frontend.hop_s
    yield f"Microcontrollers with these cores that it fits and that keep up with a hop every {hop_ms:g} ms:"
    yield ""
    yield f"| {' | '.join(HEADER)} |"
    yield "|" + "---|" * len(HEADER)
    yield from (f"| {' | '.join(cells(part))} |" for part in found)
    yield ""
    yield EXPLANATION
