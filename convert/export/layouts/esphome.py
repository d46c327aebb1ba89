"""A component for ESPHome, with example configurations."""

import json
import re

from stapes.convert.export.layouts import single_file
from stapes.convert.export.layouts._common import ESPHOME
from stapes.convert.export.library import TEMPLATES, Library
from stapes.convert.export.readme import readme
from stapes.firmware_sim.errors import ConfigError
from stapes.firmware_sim.machines.detector_c import ring_samples
from stapes.runtime.live.announcing import announced_within_samples
from stapes.runtime.live.clip_files import event_in_track, label_in_names, near_miss_in_track

SINGLE_FILE = True
VOICE_PE_RATE_HZ = 16_000  # of the microphones of Home Assistant Voice Preview Edition
RATES_HZ = range(8_000, 48_001)  # what ESPHome's validation allows for a microphone
CLIP_RING_S = 1 + 2 + 1 + 2  # `before`, `longest_event` and `after` of clips when they are not set, and time to send
SUFFIXES = (".py", ".h", ".cpp", ".yaml")
LOADABLE = """
The model can be replaced by a blob (`stapes export --blob --target portable`) without a rebuild: give the component an
`id`, and call its `load(blob, size)` in a lambda. Where a blob is refused, the log says why, and the old model stays.
The classes of the new model must be the same in the same order, because entities are named after the exported ones."""
VOICE_PE = """\
- `voice-pe.yaml`: Home Assistant Voice Preview Edition, without its voice assistant. To keep the assistant, copy
  `external_components`, `stapes` and `packages` from this file into the device's own configuration, which has the same
  microphone, `i2s_mics`."""
NO_VOICE_PE = "- Home Assistant Voice Preview Edition has no example: its microphones have 16000 Hz."


def files(library: Library) -> dict[str, str]:
    """Return the texts of all files of the exported component by their paths.

    Raises ConfigError where the detector's sample rate is none that ESPHome allows for a microphone.
    """
    rate = library.folder.frontend.sample_rate_hz
    if rate not in RATES_HZ:
        raise ConfigError(
            f"the detector hears {rate} Hz, and a microphone of ESPHome has {RATES_HZ[0]} to {RATES_HZ[-1]} Hz; "
            "export it for another build system, or train it at another sample rate"
        )
    root = TEMPLATES / "esphome"
    templates = sorted(path for path in root.rglob("*") if path.suffix in SUFFIXES)
    texts = {str(path.relative_to(root)): library.program(str(path.relative_to(TEMPLATES))) for path in templates}
    if rate != VOICE_PE_RATE_HZ:
        del texts["voice-pe.yaml"]
    return texts | {
        "components/stapes/detector.py": _description(library),
        **{f"components/stapes/{file}": text for file, text in _c_files(library).items()},
        "entities.yaml": _entities(library),
        "README.md": readme(library, _usage(library), ESPHOME),
    }


def _ring_samples(library: Library) -> int:
    """Return the length of the ring: a window and half a second."""
    frontend = library.folder.frontend
    return frontend.window_samples + frontend.sample_rate_hz // 2


def _c_files(library: Library) -> dict[str, str]:
    """Return the detector as one C file and one header: ESPHome includes each header of a component by itself."""
    single = single_file.files(library)
    header, source = f"{library.name}_single.h", f"{library.name}_single.c"
    length = (
        f"/* A window and half a second: so long may other components of ESPHome keep loop() waiting. */\n"
        f"#define {library.upper}_RING_SAMPLES {_ring_samples(library)}\n\n"
    )
    loadable = f"#define {library.upper}_LOADABLE\n\n" if library.loadable else ""
    return {header: single[header].replace("\n\n", f"\n\n{length}{loadable}", 1), source: single[source]}


def _description(library: Library) -> str:
    folder = library.folder
    classes, version = json.dumps(folder.classes, ensure_ascii=False, indent=4), json.dumps(library.version)
    labels = [
        (event_in_track(label), near_miss_in_track(label, folder.classes), label_in_names(label))
        for label in folder.classes
    ]
    return (
        f'"""What the detector {library.name} hears; written by stapes {library.version}."""\n\n'
        f"CLASSES = {classes}\nSAMPLE_RATE_HZ = {folder.frontend.sample_rate_hz}\n\n"
        "# For clips: a class in a label track, a near miss of it, and the class in the name of a file.\n"
        f"CLIP_LABELS = {json.dumps(labels, ensure_ascii=False, indent=4)}\n"
        f"ANNOUNCED_WITHIN_SAMPLES = {_announced_within_samples(library)}\n"
        f'MODEL_SHA256 = "{folder.model_sha256}"\nFRONTEND_HASH = "{folder.frontend_hash}"\nSTAPES = {version}\n'
    )


def _announced_within_samples(library: Library) -> int:
    """Return after how many samples from its onset an event is announced at the latest, but a minute at most."""
    return min(announced_within_samples(library.folder), 60 * library.folder.frontend.sample_rate_hz)


def _entities(library: Library) -> str:
    """Return YAML with all entities of all classes."""
    kinds: dict[str, list[dict[str, str]]] = {"binary_sensor": [], "sensor": [], "number": [], "text_sensor": []}
    for label, name in _names(library.folder.classes).items():
        kinds["binary_sensor"].append({"class": label, "name": name})
        kinds["sensor"].append({"type": "rate", "class": label, "name": f"{name} events"})
        kinds["sensor"].append({"type": "max_score", "class": label, "name": f"{name} highest score"})
        kinds["number"].append({"class": label, "name": f"{name} sensitivity"})
    kinds["sensor"] += [
        {"type": "level", "name": "Sound level"},
        {"type": "loop_time", "name": "Longest loop"},
        {"type": "overruns", "name": "Overruns"},
    ]
    kinds["text_sensor"].append({"name": "Last event"})
    lines = ["# The entities of the detector; remove those that you do not need."]
    for kind, entities in kinds.items():
        lines.append(f"\n{kind}:")
        for entity in entities:
            lines.append("  - platform: stapes")
            lines += [f"    {key}: {json.dumps(value, ensure_ascii=False)}" for key, value in entity.items()]
    return "\n".join(lines) + "\n"


def _names(classes: tuple[str, ...]) -> dict[str, str]:
    """Return a name for the entities of each class: the class, with its number where ESPHome would take it for another.

    ESPHome tells entities apart by the letters, digits, hyphens and underscores of ASCII in their names.
    """
    names: dict[str, str] = {}
    seen: set[str] = set()
    for number, label in enumerate(classes, 1):
        name = " ".join(label.split())
        key = re.sub(r"[^a-z0-9_-]", "_", name.lower())
        names[label] = f"{name} {number}" if key in seen else name
        seen.add(key)
    return names


def _usage(library: Library) -> str:
    rate, text = library.folder.frontend.sample_rate_hz, library.program("esphome/usage.md")
    text = text.replace("@CLASS@", json.dumps(library.folder.classes[0], ensure_ascii=False))
    larger = 2 * (_ring_samples(library) - ring_samples(library.folder))
    text = text.replace("@LARGER_BYTES@", f"{larger:,}")
    clips = 2 * (CLIP_RING_S * rate + _announced_within_samples(library))
    text = text.replace("@CLIP_BYTES@", f"{clips:,}")
    text = text.replace("@LOADABLE@", LOADABLE if library.loadable else "")
    return text.strip().replace("@VOICE_PE@", VOICE_PE if rate == VOICE_PE_RATE_HZ else NO_VOICE_PE)
