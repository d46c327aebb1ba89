"""What helps a person to label. The referees are the sounds in the recordings, and the files on disk."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile
from tiny_detector import RATE, noise_bursts

from stapes.firmware_sim.errors import StapesError
from stapes.train.label.label_help import DROPPED, LabelHelp
from stapes.train.label.label_store import Change, Event, LabelStore, UnknownRecordingError
from stapes.train.label.sounds import Sound
from stapes.train.label.states import States

BURSTS = {
    "a.wav": [(2.0, 2.5, "hiss"), (5.0, 5.5, "rumble"), (8.0, 8.5, "hiss")],
    "b.wav": [(3.0, 3.5, "hiss"), (6.0, 6.5, "rumble")],
    "c.wav": [(2.5, 3.0, "rumble"), (7.0, 7.5, "hiss")],
}


class Heard:
    """Waits for what is told."""

    def __init__(self) -> None:
        self.names: list[str | None] = []
        self._all = threading.Event()

    def told(self, recording: str | None, left: int) -> None:
        self.names.append(recording)
        if not left:
            self._all.set()

    def wait(self) -> None:
        assert self._all.wait(60)
        self._all.clear()


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "recordings"
    folder.mkdir()
    for name, bursts in BURSTS.items():
        soundfile.write(folder / name, noise_bursts(10.0, bursts), RATE)
    (folder / "a.txt").write_text("2.0\t2.5\thiss\n5.0\t5.5\tmotor\n")
    return folder


@pytest.fixture(params=[False, True], ids=["without a detector", "with a detector"])
def helped(request: pytest.FixtureRequest, dataset: Path, tiny_detector: Path) -> Iterator[tuple[LabelHelp, Heard]]:
    """All recordings are heard, with and without a detector."""
    heard = Heard()
    helper = LabelHelp(LabelStore(dataset), States(dataset), tiny_detector if request.param else None, heard.told)
    assert helper.prepare() == 3
    heard.wait()
    return helper, heard


def _times(found: list[Sound] | None) -> list[float]:
    assert found is not None
    return [round(each.onset, 1) for each in found]


def test_what_is_labelled_is_not_proposed_and_the_rest_is(helped: tuple[LabelHelp, Heard]) -> None:
    helper, heard = helped
    assert sorted(map(str, heard.names)) == sorted(BURSTS)
    assert _times(helper.proposals("a.wav", 0, 10)) == [8.0]
    assert _times(helper.proposals("b.wav", 0, 10)) == [3.0, 6.0]
    assert _times(helper.proposals("b.wav", 5, 10)) == [6.0], "only what touches the part that is asked for"


def test_a_proposal_has_the_class_that_the_detector_names_or_that_of_the_labelled_sound_most_like_it(
    helped: tuple[LabelHelp, Heard],
) -> None:
    helper, _ = helped
    found = helper.proposals("b.wav", 0, 10)
    assert found is not None
    named_by_detector = found[0].confidence is not None
    assert [each.label for each in found] == ["hiss", "rumble" if named_by_detector else "motor"]


def test_without_any_label_a_sound_is_an_event(dataset: Path) -> None:
    (dataset / "a.txt").unlink()
    heard = Heard()
    helper = LabelHelp(LabelStore(dataset), States(dataset), None, heard.told)
    helper.prepare()
    heard.wait()
    assert {each.label for each in helper.proposals("a.wav", 0, 10) or ()} == {"event"}


def test_another_detector_proposes_from_then_on(dataset: Path, tiny_detector: Path) -> None:
    heard = Heard()
    helper = LabelHelp(LabelStore(dataset), States(dataset), None, heard.told)
    helper.prepare()
    heard.wait()
    assert all(each.confidence is None for each in helper.proposals("b.wav", 0, 10) or ())
    helper.use(tiny_detector)
    assert helper.proposals("b.wav", 0, 10) is None, "it is heard anew"
    heard.wait()
    found = helper.proposals("b.wav", 0, 10) or ()
    assert [each.label for each in found if each.confidence is not None] == ["hiss", "rumble"]


def test_what_is_labelled_meanwhile_is_proposed_no_more(dataset: Path) -> None:
    heard, labels = Heard(), LabelStore(dataset)
    helper = LabelHelp(labels, States(dataset), None, heard.told)
    helper.prepare()
    heard.wait()
    assert _times(helper.proposals("b.wav", 0, 10)) == [3.0, 6.0]
    labels.change("b.wav", [Change(None, Event(3.0, 3.4, "hiss"))])
    assert _times(helper.proposals("b.wav", 0, 10)) == [6.0]


def test_a_dropped_proposal_stays_away_and_is_remembered_in_the_file_of_states(
    helped: tuple[LabelHelp, Heard], dataset: Path
) -> None:
    helper, _ = helped
    found = helper.proposals("b.wav", 0, 10)
    assert found is not None
    helper.drop("b.wav", found[0].onset, found[0].offset)
    assert _times(helper.proposals("b.wav", 0, 10)) == [6.0]
    kept = json.loads((dataset / ".studio.json").read_text())[DROPPED]
    assert kept == {"b.wav": [[found[0].onset, found[0].offset]]}
    heard = Heard()
    again = LabelHelp(LabelStore(dataset), States(dataset), None, heard.told)
    again.prepare()
    heard.wait()
    assert _times(again.proposals("b.wav", 0, 10)) == [6.0], "also for another program, and without the detector"


def test_the_most_alike_of_a_label_come_from_all_recordings_and_carry_its_class(
    helped: tuple[LabelHelp, Heard],
) -> None:
    helper, _ = helped
    found = helper.alike("a.wav", 5.0, 5.5, 2)
    assert {(each.recording, round(each.at, 1)) for each in found} == {("b.wav", 6.0), ("c.wav", 2.5)}
    assert {each.label for each in found} == {"motor"}


def test_doubtful_sounds_are_those_without_a_label(helped: tuple[LabelHelp, Heard]) -> None:
    helper, _ = helped
    found = helper.doubtful(20)
    places = {(each.recording, round(each.at, 1)) for each in found}
    assert places == {("a.wav", 8.0), ("b.wav", 3.0), ("b.wav", 6.0), ("c.wav", 2.5), ("c.wav", 7.0)}
    assert all(each.note for each in found)
    assert len(helper.doubtful(2)) == 2


def test_a_recording_that_a_person_looks_at_is_heard_first(dataset: Path) -> None:
    heard = Heard()
    helper = LabelHelp(LabelStore(dataset), States(dataset), None, heard.told)
    helper.prepare()
    assert helper.proposals("c.wav", 0, 10) is None
    heard.wait()
    assert heard.names.index("c.wav") <= 1, "at most the one that was being heard comes before it"
    assert _times(helper.proposals("c.wav", 0, 10)) == [2.5, 7.0]


def test_a_broken_recording_is_told_and_does_not_stop_the_others(dataset: Path) -> None:
    (dataset / "b.wav").write_bytes(b"RIFF")
    heard = Heard()
    helper = LabelHelp(LabelStore(dataset), States(dataset), None, heard.told)
    helper.prepare()
    heard.wait()
    assert sorted(map(str, heard.names)) == ["None", "a.wav", "c.wav"]
    with pytest.raises(StapesError, match=r"b\.wav"):
        helper.proposals("b.wav", 0, 10)
    assert len(helper.doubtful(9)) == 3


def test_names_that_no_recording_has_are_refused(helped: tuple[LabelHelp, Heard]) -> None:
    helper, _ = helped
    for act in (
        lambda: helper.proposals("../x.wav", 0, 1),
        lambda: helper.drop("../x.wav", 0, 1),
        lambda: helper.alike("../x.wav", 0, 1, 3),
    ):
        with pytest.raises(UnknownRecordingError):
            act()
