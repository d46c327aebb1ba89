"""What the page asks of recordings, labels and sound, answered by a running server and judged by the files on disk."""

import asyncio
import io
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from aiohttp import ClientSession
from tiny_detector import noise_bursts

from stapes.firmware_sim.device.folder import read_folder
from stapes.firmware_sim.device.frontend import Frontend
from stapes.runtime.audio import read_audio
from stapes.runtime.web.address import Address
from stapes.train.studio.server import StudioServer
from stapes.train.studio.studio import Studio

HEADER = b"filename\tonset\toffset\tevent_label\tnote\n"


class Client:
    """A page of the studio without a browser."""

    def __init__(self, server: StudioServer) -> None:
        self._base = f"http://127.0.0.1:{server.port}"

    def run(self, question: Callable[[ClientSession], Awaitable[Any]]) -> Any:
        async def asked() -> Any:
            async with ClientSession(self._base, headers={"Origin": self._base}) as session:
                return await question(session)

        return asyncio.run(asyncio.wait_for(asked(), 60))

    def get(self, path: str, **query: Any) -> tuple[int, Any]:
        status, _, body = self.raw(path, **query)
        return status, json.loads(body)

    def raw(self, path: str, **query: Any) -> tuple[int, dict[str, str], bytes]:
        async def question(session: ClientSession) -> tuple[int, dict[str, str], bytes]:
            async with session.get(f"/api/{path}", params=query) as answer:
                return answer.status, dict(answer.headers), await answer.read()

        return self.run(question)

    def post(self, path: str, body: Any, **named: Any) -> tuple[int, Any]:
        async def question(session: ClientSession) -> tuple[int, Any]:
            async with session.post(f"/api/{path}", **({"json": body} | named)) as answer:
                return answer.status, await answer.json()

        return self.run(question)

    def until(self, path: str, holds: Callable[[Any], bool], **query: Any) -> Any:
        """Ask until an answer holds what is waited for."""
        deadline = time.monotonic() + 30
        while True:
            status, answer = self.get(path, **query)
            if status == 200 and holds(answer):
                return answer
            assert time.monotonic() < deadline, answer
            time.sleep(0.1)


def _recording(path: Path, pcm: np.ndarray, rate_hz: int = 16_000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, pcm, rate_hz, subtype="PCM_16")
    return path


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "dataset"
    _recording(folder / "a.wav", noise_bursts(4.0, [(1.0, 1.5, "hiss"), (2.5, 3.0, "hiss")]))
    _recording(folder / "deep" / "b.flac", noise_bursts(3.0, []))
    return folder


@pytest.fixture
def client(dataset: Path) -> Iterator[Client]:
    server = StudioServer(Address(), Studio(dataset))
    yield Client(server)
    server.close()


def _change(before: tuple[float, float, str] | None, after: tuple[float, float, str] | None) -> dict[str, Any]:
    names = ("onset", "offset", "label")
    return {
        "from": before and dict(zip(names, before, strict=True)),
        "to": after and dict(zip(names, after, strict=True)),
    }


def test_an_empty_folder_is_a_dataset_without_recordings(tmp_path: Path) -> None:
    server = StudioServer(Address(), Studio(tmp_path))
    try:
        status, facts = Client(server).get("dataset")
        assert (status, facts["n_recordings"], facts["classes"], facts["detector"]) == (200, 0, [], None)
        assert (facts["bands"], len(facts["band_hz"]), facts["hop_s"]) == (40, 40, 0.016)
        assert Client(server).get("recordings") == (200, [])
    finally:
        server.close()


def test_the_facts_name_the_detectors_classes_and_thresholds(tiny_detector: Path, dataset: Path) -> None:
    server = StudioServer(Address(), Studio(dataset, tiny_detector))
    try:
        facts = Client(server).get("dataset")[1]
        assert facts["detector"]["classes"] == ["rumble", "hiss"] == facts["classes"]
        assert set(facts["detector"]["thresholds"]) == {"rumble", "hiss"}
    finally:
        server.close()


def test_a_recording_is_labelled_corrected_and_emptied_in_its_file(client: Client, dataset: Path) -> None:
    assert client.get("labels", recording="a.wav")[1]["kind"] == "none"
    status, answer = client.post(
        "labels", {"recording": "a.wav", "changes": [_change(None, (1.0, 1.5, "hiss")), _change(None, (2.5, 2.5, "x"))]}
    )
    assert status == 200
    assert [each["label"] for each in answer["events"]] == ["hiss", "x"]
    assert (dataset / "a.txt").read_bytes() == b"1.000000\t1.500000\thiss\n2.500000\t2.500000\tx\n"
    listed = client.get("recordings")[1]
    assert [(each["recording"], each["state"], each["counts"]) for each in listed] == [
        ("a.wav", "labelled", {"hiss": 1, "x": 1}),
        ("deep/b.flac", "unlabelled", {}),
    ]
    assert [each["seconds"] for each in listed] == [4.0, 3.0]
    client.post("labels", {"recording": "a.wav", "changes": [_change((2.5, 2.5, "x"), (2.5, 3.0, "hiss"))]})
    assert client.get("recordings")[1][0]["state"] == "corrected"
    assert client.post("recordings/state", {"recording": "deep/b.flac", "state": "empty"})[0] == 200
    assert (dataset / "deep" / "b.txt").read_bytes() == b""
    assert client.get("recordings")[1][1]["state"] == "empty"
    assert client.post("recordings/state", {"recording": "a.wav", "state": "empty"})[0] == 409
    assert client.post("recordings/state", {"recording": "deep/b.flac", "state": "unlabelled"})[0] == 200
    assert not (dataset / "deep" / "b.txt").exists()


def test_a_change_of_what_is_not_there_any_more_is_a_conflict_that_says_what_is(client: Client, dataset: Path) -> None:
    (dataset / "a.txt").write_bytes(b"1\t2\tbark\n")
    changes = [_change((1.0, 1.5, "hiss"), None), _change(None, (3.0, 3.5, "hiss"))]
    status, answer = client.post("labels", {"recording": "a.wav", "changes": changes})
    assert status == 409
    assert [each["label"] for each in answer["events"]] == ["bark"]
    assert (dataset / "a.txt").read_bytes() == b"1\t2\tbark\n"


@pytest.mark.parametrize(
    "body",
    [
        {"recording": "a.wav", "changes": "all"},
        {"recording": "a.wav", "changes": [7]},
        {"recording": "a.wav", "changes": [{"from": None, "to": {"onset": "1", "offset": 2, "label": "x"}}]},
        {"recording": "a.wav", "changes": [{"from": None, "to": {"onset": 1, "offset": 2}}]},
        {"recording": "a.wav", "changes": [{"from": None, "to": {"onset": 2, "offset": 1, "label": "x"}}]},
        {"recording": "../a.wav", "changes": []},
        {"recording": 7, "changes": []},
        [],
    ],
)
def test_what_is_no_change_of_a_recording_is_refused_and_writes_nothing(
    client: Client, dataset: Path, body: Any
) -> None:
    before = sorted(each for each in dataset.rglob("*") if not each.name.startswith("."))
    status, answer = client.post("labels", body)
    assert 400 <= status < 500
    assert "\n" not in answer["error"]
    assert sorted(each for each in dataset.rglob("*") if not each.name.startswith(".")) == before


def test_no_other_site_can_send_a_change(client: Client, dataset: Path) -> None:
    body = {"recording": "a.wav", "changes": [_change(None, (1.0, 1.5, "hiss"))]}
    text = json.dumps(body)
    for headers, status in (
        ({"Origin": "https://example.org", "Content-Type": "application/json"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ):
        assert client.post("labels", body, json=None, data=text, headers=headers)[0] == status
    assert not (dataset / "a.txt").exists()

    async def without_origin(session: ClientSession) -> int:
        async with ClientSession() as bare, bare.post(f"{client._base}/api/labels", json=body) as answer:
            return answer.status

    assert client.run(without_origin) == 403


def test_what_check_finds_stands_beside_its_recording(client: Client, dataset: Path) -> None:
    (dataset / "labels.tsv").write_bytes(HEADER + b"a.wav\t1\t2\tbark\t\na.wav\t1\t9\tbark\t\n")
    _recording(dataset / "silent.wav", np.zeros(16_000, np.int16))

    def holds(listed: list[dict[str, Any]]) -> bool:
        problems = {each["recording"]: each["problems"] for each in listed}
        past = any("lies outside" in each["text"] and each["severity"] == "error" for each in problems["a.wav"])
        return past and any("digital silence" in each["text"] for each in problems.get("silent.wav", []))

    client.until("recordings", holds)


def test_pages_are_told_of_their_own_changes_and_of_those_of_other_programs(client: Client, dataset: Path) -> None:
    async def question(session: ClientSession) -> list[dict[str, Any]]:
        async with session.ws_connect("/api/changes") as page:
            (dataset / "a.txt").write_bytes(b"1\t2\tbark\n")
            while (message := await page.receive_json()) != {"kind": "labels", "recording": "a.wav"}:
                pass
            _recording(dataset / "c.wav", noise_bursts(1.0, []))
            while (message := await page.receive_json()) != {"kind": "recordings"}:
                pass
            return message

    assert client.run(question)


def test_tiles_are_the_frontends_own_features(client: Client, dataset: Path, tiny_detector: Path) -> None:
    long = noise_bursts(700.0, [(float(second), second + 0.3, "hiss") for second in range(1, 699, 3)])
    _recording(dataset / "long.flac", long)
    server = StudioServer(Address(), Studio(dataset, tiny_detector))
    try:
        asking = Client(server)
        frontend = Frontend(read_folder(tiny_detector).tables)
        features = frontend.features(read_audio(dataset / "long.flac", 16_000).pcm).astype(np.int16) + 128
        for level, number in ((0, 0), (0, 3), (0, 85), (2, 7), (4, 1), (4, 5), (5, 0), (5, 2), (8, 0)):
            deadline = time.monotonic() + 60
            while True:
                status, headers, body = asking.raw("spectrogram", recording="long.flac", level=level, tile=number)
                if status != 202:
                    break
                assert 0 <= json.loads(body)["progress"] < 1
                assert time.monotonic() < deadline
                time.sleep(0.05)
            frames = 1 << level
            part = features[number * 512 * frames : (number + 1) * 512 * frames]
            columns = [part[at : at + frames].max(axis=0) for at in range(0, len(part), frames)]
            assert status == 200
            assert int(headers["X-Columns"]) == len(columns)
            picture = np.frombuffer(body, np.uint8).reshape(40, 512)
            if level <= 4 or number == 0:
                assert np.array_equal(picture[:, : len(columns)].T, np.array(columns)), (level, number)
            assert not picture[:, len(columns) :].any()
        for level, number in ((0, 86), (4, 6), (8, 1), (0, -1), (99, 0)):
            assert asking.raw("spectrogram", recording="long.flac", level=level, tile=number)[0] == 404
    finally:
        server.close()


def test_sound_is_the_recordings_own_samples(client: Client, dataset: Path) -> None:
    whole, _ = soundfile.read(dataset / "a.wav", dtype="int16")
    stereo = np.stack([np.arange(0, 8000, dtype=np.int16), np.full(8000, 1000, np.int16)], axis=1)
    _recording(dataset / "two.wav", stereo, 8000)
    status, headers, body = client.raw("sound", recording="a.wav", **{"from": 1.0, "seconds": 0.5})
    pcm, rate_hz = soundfile.read(io.BytesIO(body), dtype="int16")
    assert (status, headers["Content-Type"], rate_hz) == (200, "audio/wav", 16_000)
    assert np.array_equal(pcm, whole[16_000:24_000])
    _, _, body = client.raw("sound", recording="two.wav", **{"from": 0.25, "seconds": 60})
    pcm, rate_hz = soundfile.read(io.BytesIO(body), dtype="int16")
    assert (rate_hz, pcm.ndim, len(pcm)) == (8000, 1, 6000), "the mean of both channels, to the end"
    for begin, seconds in ((0, 61), (-1, 1), (0, 0), ("x", 1), ("nan", 1)):
        assert client.get("sound", recording="a.wav", **{"from": begin, "seconds": seconds})[0] == 400


def test_a_moment_snaps_to_the_rise_of_the_sound_near_it(client: Client) -> None:
    onset = client.get("rise", recording="a.wav", at=1.12)[1]["onset"]
    assert abs(onset - 1.0) < 0.05
    assert client.get("rise", recording="deep/b.flac", at=1.0)[1]["onset"] is None
