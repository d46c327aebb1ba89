"""The dataset, its recordings and their states."""

import asyncio
from typing import Any

from aiohttp import web

from stapes.firmware_sim.device.events import probability
from stapes.firmware_sim.device.frontend import band_edges_hz
from stapes.firmware_sim.errors import ConfigError
from stapes.train.label.inbox import Inbox
from stapes.train.label.label_store import LabelConflictError
from stapes.train.studio.api.questions import Conflict, body_of, text_of
from stapes.train.studio.recording_list import STATES, RecordingList
from stapes.train.studio.studio import Studio


def routes(studio: Studio, listed: RecordingList) -> list[web.AbstractRouteDef]:
    """Return the routes of this part of the interface."""

    async def dataset(_request: web.Request) -> web.Response:
        return web.json_response(await asyncio.to_thread(dataset_of, studio, listed))

    async def recordings(_request: web.Request) -> web.Response:
        return web.json_response(await asyncio.to_thread(listed.recordings))

    async def state(request: web.Request) -> web.Response:
        body = await body_of(request)
        recording, state = text_of(body, "recording"), text_of(body, "state")
        try:
            await asyncio.to_thread(set_state, studio, recording, state)
        except LabelConflictError as error:
            raise Conflict(str(error)) from error
        return web.json_response({"recording": recording, "state": state})

    return [
        web.get("/api/dataset", dataset),
        web.get("/api/recordings", recordings),
        web.post("/api/recordings/state", state),
    ]


def dataset_of(studio: Studio, listed: RecordingList) -> dict[str, Any]:
    """Return the facts about a dataset that hold for all of its recordings."""
    folder, frontend = studio.detector_folder(), studio.frontend().config
    return {
        "folder": studio.dataset.resolve().name,
        "classes": studio.classes(),
        "detector": folder
        and {
            "path": folder.path.name,
            "classes": list(folder.classes),
            "thresholds": {
                label: probability(each.on_score) for label, each in zip(folder.classes, folder.events, strict=True)
            },
        },
        "clips": studio.clips
        and {"folder": studio.clips.name, "waiting": len(Inbox(studio.clips, studio.dataset).waiting())},
        "sample_rate_hz": frontend.sample_rate_hz,
        "hop_s": frontend.hop_s,
        "bands": frontend.n_bands,
        "band_hz": band_edges_hz(frontend)[1:-1].tolist(),  # the middle of each band
        "n_recordings": len(studio.labels.recordings()),
        "problems": [vars(each) for each in listed.problems()],
    }


def set_state(studio: Studio, recording: str, state: str) -> None:
    """Say how far a recording is: "empty", "unlabelled", "corrected" or "labelled", and tell other pages.

    Raises LabelConflictError when its labels say otherwise, and ConfigError for another state.
    """
    if state not in ("empty", "unlabelled", "corrected", "labelled"):
        raise ConfigError(f"state is {state!r}; use empty, unlabelled, corrected or labelled")
    if state == "empty":
        studio.labels.mark_empty(recording)
    elif state == "unlabelled":
        studio.labels.mark_unlabelled(recording)
    set_corrected(studio, recording, state == "corrected")
    studio.changes.tell("labels", recording=recording)
    studio.changes.tell("recordings")


def set_corrected(studio: Studio, recording: str, is_corrected: bool) -> None:
    """Remember whether a person has gone through the labels of a recording."""
    studio.labels.path_of(recording)
    if (recording in studio.states.section(STATES)) == is_corrected:
        return
    with studio.states.changed(STATES) as states:
        if is_corrected:
            states[recording] = "corrected"
        else:
            states.pop(recording, None)
