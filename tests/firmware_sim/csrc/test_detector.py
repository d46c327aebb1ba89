"""The detector's loop in C does what a Python specification does, also in two threads under ThreadSanitizer."""

import json
import shutil
import subprocess
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cffi import FFI
from hypothesis import given, settings
from hypothesis import strategies as st

from stapes.firmware_sim.device.clock import StepClock
from stapes.firmware_sim.device.events import EventConfig, EventDecoder
from stapes.firmware_sim.sources import INCLUDE_DIRS, source

INCLUDES = [f"-I{folder}" for folder in INCLUDE_DIRS]
STUBS = Path(__file__).parent / "detector"
WINDOW, HOP, RING, FRAMES_PER_STEP = 24, 10, 61, 2
CLOCK = StepClock(
    sample_rate_hz=1000, step_samples=HOP * FRAMES_PER_STEP, origin_samples=(WINDOW - HOP) // 2, target_delay_steps=1
)


class Library:
    """stapes_detector.c with stub stages, as a shared library of this machine."""

    def __init__(self, folder: Path) -> None:
        built = folder / "detector.so"
        sources = [source("stapes_detector.c"), source("stapes_events.c"), STUBS / "stub_stages.c"]
        options = [
            "-std=c99",
            "-O1",
            "-g",
            "-shared",
            "-fPIC",
            "-Wall",
            "-Wextra",
            "-Wpedantic",
            "-Wconversion",
            "-Wmissing-prototypes",
            "-Werror",
        ]
        subprocess.run(["cc", *options, *INCLUDES, *sources, "-o", str(built)], check=True)
        self.ffi = FFI()
        for name in ("frontend", "events", "detector"):
            self.ffi.cdef(source(f"stapes_{name}_api.h").read_text())
        self.ffi.cdef("extern int32_t stub_frames[4096]; extern uint32_t stub_frame_count, stub_resets;")
        self.ffi.cdef("void stub_reset(void *); void stub_step(void *, const int8_t *, int8_t *);")
        self.lib: Any = self.ffi.dlopen(str(built))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library(tmp_path_factory.mktemp("detector"))


class Device:
    """A detector of the library, which is pushed to and polled as firmware does it."""

    def __init__(self, library: Library, ring: int = RING) -> None:
        self.ffi, self.lib = library.ffi, library.lib
        new = self.ffi.new
        self.keep = {
            "tables": new("stapes_frontend_tables *", {"window": WINDOW, "hop": HOP, "n_bands": 1}),
            "configs": new("stapes_event_config[]", [{"smoothing_steps": 1, "min_duration_steps": 1}]),
        }
        self.keep["events"] = new(
            "stapes_event_setup *", (self.keep["configs"], 1, CLOCK.step_samples, CLOCK.origin_samples, 1)
        )
        self.keep["setup"] = new(
            "stapes_detector_setup *",
            (
                self.keep["tables"],
                self.keep["events"],
                ring,
                FRAMES_PER_STEP,
                self.ffi.addressof(self.lib, "stub_reset"),
                self.ffi.addressof(self.lib, "stub_step"),
            ),
        )
        memory = new("stapes_detector_memory *")
        for name, kind in (("ring", f"int16_t[{ring}]"), ("frame", f"int16_t[{WINDOW}]"), ("features", "int8_t[2]"),
                           ("scores", "int8_t[1]"), ("classes", "stapes_event_class[1]")):  # fmt: skip
            self.keep[name] = new(kind)
            setattr(memory, name, self.keep[name])
        self.c = new("stapes_detector *")
        self.lib.stapes_detector_init(self.c, self.keep["setup"], memory)
        self.out = new("stapes_event[2]")
        self.lib.stub_frame_count = 0
        self.position = 0
        self.reports: list[tuple[int, int]] = []

    def push(self, n: int) -> int:
        samples = (np.arange(self.position, self.position + n) & 0x7FFF).astype(np.int16)
        self.position += n
        return int(self.lib.stapes_push(self.c, self.ffi.from_buffer("int16_t[]", samples), n))

    def poll(self) -> int:
        return self._collect(self.lib.stapes_poll(self.c, self.out))

    def finish(self) -> None:
        while self.poll() >= 0:
            pass
        while self._collect(self.lib.stapes_finish(self.c, self.out)):
            pass

    def frames(self) -> list[int]:
        return list(self.lib.stub_frames[0 : self.lib.stub_frame_count])

    def _collect(self, n: int) -> int:
        self.reports += [(event.onset_sample, event.offset_sample) for event in self.out[0 : max(n, 0)]]
        return int(n)


class Specification:
    """The loop in plain Python: positions of the stream wait in a queue, and frames are cut from its head."""

    def __init__(self, ring: int) -> None:
        self.ring: deque[int] = deque()
        self.room = ring
        self.position = 0
        self.gap = "none"  # open: no sample is stored; closed: the next sample begins a new segment
        self.frames: list[int] = []
        self.stretches: list[list[int]] = [[]]
        self.lost = 0

    def push(self, n: int) -> int:
        arriving = list(range(self.position, self.position + n))
        self.position += n
        stored = 0 if self.gap == "open" else min(n, self.room - len(self.ring))
        if stored:
            self.gap = "none"
        self.ring.extend(arriving[:stored])
        self.lost += n - stored
        if stored < n:
            self.gap = "open"
        return stored

    def poll(self) -> bool:
        """Whether there was anything to do."""
        if len(self.ring) >= WINDOW:
            self.stretches[-1].append(self.ring[0])
            self.frames.append(self.ring[0])
            for _ in range(HOP):
                self.ring.popleft()
            return True
        if self.gap != "open":
            return False
        self.ring.clear()
        self.stretches.append([])
        self.gap = "closed"
        return True

    def reports(self) -> list[tuple[int, int]]:
        decoder = EventDecoder(["x"], [EventConfig(on_score=0, off_score=0)], CLOCK)
        found = []
        for stretch in self.stretches:
            decoder.reset(stretch[0] if stretch else 0)
            firsts = stretch[: len(stretch) // FRAMES_PER_STEP * FRAMES_PER_STEP : FRAMES_PER_STEP]
            scores = [[100 if (first & 0x7FFF) // HOP % 128 & 4 else -100] for first in firsts]
            found += decoder.push(np.array(scores, np.int8).reshape(-1, 1)) + decoder.flush()
        return [(event.onset_sample, -1 if event.offset_sample is None else event.offset_sample) for event in found]


@settings(max_examples=300)
@given(st.integers(1, 2 * RING), st.lists(st.tuples(st.integers(0, 3 * RING), st.integers(0, 8)), max_size=60))
def test_frames_gaps_and_events_vs_python_specification(
    library: Library, ring: int, script: list[tuple[int, int]]
) -> None:
    """Frames, losses and events are the same for any length of the ring and any order of interrupts and polls."""
    device, specification = Device(library, ring), Specification(ring)
    for samples, polls in script:
        assert device.push(samples) == specification.push(samples)
        for _ in range(polls):
            events = device.poll()
            while events > 0 and device.c.closing:  # the gap is closed when its events have been reported
                events = device.poll()
            assert (events != device.lib.STAPES_IDLE) == specification.poll()
    device.finish()
    while specification.poll():
        pass
    assert device.frames() == [first & 0x7FFF for first in specification.frames]
    assert device.c.samples_lost == specification.lost
    assert device.c.sample == specification.position
    assert device.reports == specification.reports()


@settings(max_examples=50)
@given(st.lists(st.integers(1, RING - WINDOW), min_size=1, max_size=40))
def test_blocks_of_any_size_give_the_same(library: Library, sizes: list[int]) -> None:
    device, whole = Device(library), Device(library)
    for size in sizes:
        for part in (size // 2, size - size // 2):
            whole.push(part)
            while whole.poll() >= 0:
                pass
    whole.finish()
    expected = whole.frames()
    device.lib.stub_frame_count = 0
    for size in sizes:
        device.push(size)
        while device.poll() >= 0:
            pass
    device.finish()
    assert device.frames() == expected
    assert device.reports == whole.reports
    assert device.c.overruns == 0


@pytest.mark.parametrize("index", [RING - 1, RING, 2 * RING - 1])
@pytest.mark.parametrize("clock", [2**31 - 100, 2**32 - 100, 2**48])
def test_years_go_by_without_a_wrap(library: Library, index: int, clock: int) -> None:
    """With indices, counters and clock that start just below their wrap, events are the same, moved by the clock."""
    young, old = Device(library), Device(library)
    old.c.written = old.c.read = index
    old.c.gaps = old.c.closed = old.c.overruns = 2**32 - 1
    old.c.frames = old.c.steps = 2**32 - 3
    old.c.sample = clock
    for device in (young, old):
        for n in (60, 20, 50, 200, 10, 60, 60, 40):  # 200: more than the ring holds
            device.push(n)
            while device.poll() >= 0:
                pass
        device.finish()
    assert young.reports
    assert [(onset + clock, offset if offset < 0 else offset + clock) for onset, offset in young.reports] == old.reports
    assert old.c.sample == young.c.sample + clock
    assert old.c.samples_lost == young.c.samples_lost > 0
    assert old.c.overruns == (young.c.overruns - 1) % 2**32


def sanitized(folder: Path, compiler: str, detector_source: Path) -> "subprocess.CompletedProcess[str]":
    program = folder / "two_threads"
    sources = [STUBS / "two_threads.c", detector_source, source("stapes_events.c")]
    options = ["-std=gnu99", "-O1", "-g", "-fsanitize=thread", *INCLUDES]
    subprocess.run([compiler, *options, *sources, "-o", str(program), "-lpthread"], check=True)
    return subprocess.run([str(program)], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_interrupt_and_main_loop_vs_thread_sanitizer(compiler: str, tmp_path: Path) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    done = sanitized(tmp_path, compiler, source("stapes_detector.c"))
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["overruns"] > 10  # otherwise the test has shown nothing
    assert seen["frames"] > 1000
    assert seen["clock"] == seen["lost"] + seen["stored"] >= 400000
    assert seen["open_events"] == 0


def test_the_sanitizer_sees_a_ring_without_its_barriers(tmp_path: Path) -> None:
    """ThreadSanitizer works here: without acquire and release it reports a race."""
    bare = tmp_path / "bare.c"
    text = source("stapes_detector.c").read_text()
    bare.write_text(
        text.replace("__ATOMIC_ACQUIRE", "__ATOMIC_RELAXED").replace("__ATOMIC_RELEASE", "__ATOMIC_RELAXED")
    )
    done = sanitized(tmp_path, "gcc", bare)
    assert done.returncode != 0
    assert "data race" in done.stderr
