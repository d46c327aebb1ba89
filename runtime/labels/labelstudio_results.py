"""The results of one annotation of Label Studio as events: what is plainly an event is read, the rest is refused.

A region on the time axis may be one result or several that share an id: its times, its label, and answers to questions
about it.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from stapes.firmware_sim.errors import LabelError
from stapes.runtime.labels.annotation import Annotation, parse_times

logger = logging.getLogger(__name__)

_LABELS = ("labels", "timeserieslabels")  # types whose value has, under the same key, the labels of a region
_ANSWERS = ("choices", "rating", "number", "textarea", "taxonomy", "pairwise", "datetime", "ranker")
_UNTIMED = ("relation", *_ANSWERS)  # may stand beside regions without being one


def events_of_results(results: Sequence[Mapping[str, Any]], place: str) -> list[Annotation]:
    """Return the events of an annotation. Raises LabelError for a result whose meaning is not plain."""
    regions: dict[str, list[Mapping[str, Any]]] = {}
    for number, result in enumerate(results):
        regions.setdefault(str(result.get("id") or f"result {number + 1}"), []).append(result)
    events = [event for name, region in regions.items() if _is_timed(region) for event in _events(name, region, place)]
    untimed = [(name, result) for name, region in regions.items() if not _is_timed(region) for result in region]
    for name, result in untimed:
        if not events or result.get("type") not in _UNTIMED:
            raise LabelError(
                f"{place}: result {name!r} of type {result.get('type')!r} has no start and end, so it is unclear when "
                "something was heard; mark a region with a label, or leave the task out"
            )
    if untimed:
        logger.warning(f"{place}: {len(untimed)} answers about the whole recording are not labels and were not read")
    return events


def _is_timed(region: Sequence[Mapping[str, Any]]) -> bool:
    return any("start" in each.get("value", {}) and "end" in each["value"] for each in region)


def _events(name: str, region: Sequence[Mapping[str, Any]], place: str) -> list[Annotation]:
    """Return the events of one region, one per label."""
    labelled = [each for each in region if each.get("type") in _LABELS and each["value"].get(each["type"])]
    choices = [each for each in region if each.get("type") == "choices"]
    kinds = sorted({str(each.get("type")) for each in region})
    if strange := [kind for kind in kinds if kind not in (*_LABELS, *_ANSWERS, "region")]:
        raise LabelError(f"{place}: result {name!r} is of type {strange[0]!r}, which is not one of audio; leave it out")
    if labelled:
        labels = [str(label) for each in labelled for label in each["value"][each["type"]]]
        if len(kinds) > 1:
            logger.warning(f"{place}: {', '.join(kinds)} of result {name!r}: only the labels were read")
    elif len(choices) == 1 and len(choices[0]["value"].get("choices", [])) == 1:
        labels = [str(choices[0]["value"]["choices"][0])]
    else:
        raise LabelError(
            f"{place}: result {name!r} ({', '.join(kinds)}) has a start and an end but not one label or choice; give "
            "it one in Label Studio, or delete the region"
        )
    times = {(each["value"]["start"], each["value"]["end"]) for each in region if _is_timed([each])}
    if len(times) > 1:
        raise LabelError(f"{place}: result {name!r} has {len(times)} different times; correct it in Label Studio")
    start, end = times.pop()
    onset, offset = parse_times(str(start), str(end), place)
    return [Annotation(onset, offset, label, place=place) for label in labels]
