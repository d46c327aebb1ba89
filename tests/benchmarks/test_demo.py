"""The demo's table can be printed for any figures."""

import pytest

from benchmarks.demo import print_scores
from stapes.runtime.labels import Annotation
from stapes.train.judge.false_alarms import false_alarms
from stapes.train.judge.metrics import event_scores


def test_the_demo_prints_f1_and_false_alarms_of_each_class_and_parity(capsys: pytest.CaptureFixture[str]) -> None:
    """By hand: one of two beeps is found, and one detection in half an hour touches none."""
    true = {"a.flac": [Annotation(1.0, 1.2, "beep"), Annotation(5.0, 5.2, "beep")]}
    found = {"a.flac": [Annotation(1.0, 1.2, "beep"), Annotation(9.0, 9.2, "beep")]}
    judged = true, found, {"a.flac": 1800.0}, ["beep"]
    parity = {
        "scores": {"float / int8": {"mean": 0.001, "p99": 0.01, "largest": 0.2}},
        "events": {"pairs": 2, "only_float": 0, "only_int8": 1}
        | dict.fromkeys(("f1_onset_float", "f1_onset_quantized", "f1_onset_int8"), 0.5),
    }
    print_scores(event_scores(*judged), false_alarms(*judged), parity)
    printed = capsys.readouterr().out.splitlines()
    beep = next(line for line in printed if line.startswith("beep"))
    assert beep.startswith("beep       0.500")
    assert beep.endswith("2.0 (at most 7.8)")
    assert "float / int8                    0.0010  0.0100  0.2000" in printed
