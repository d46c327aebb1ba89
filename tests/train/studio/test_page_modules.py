"""The parts of the studio's page that compute, run in a browser and compared with plain Python."""

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from chromium import Chromium

from stapes.runtime.web.address import Address
from stapes.train.studio.server import StudioServer
from stapes.train.studio.studio import Studio

pytestmark = pytest.mark.slow

Event = tuple[float, float, str]  # onset and offset in seconds, label


def _run(browser: Chromium, folder: Path, script: str, **given: Any) -> Any:
    """Return what the body of an asynchronous JavaScript function returns; `given` are its variables."""
    server = StudioServer(Address(port=0), Studio(folder))
    variables = "".join(f"const {name} = {json.dumps(value)};" for name, value in given.items())

    async def run() -> Any:
        async with ClientSession() as session:
            page = await browser.open(session, server.url)
            return await page.value(f"(async () => {{ {variables} {script} }})().then(JSON.stringify)")

    try:
        return json.loads(asyncio.run(asyncio.wait_for(run(), 60)))
    finally:
        server.close()


def _random_steps(seed: int, count: int) -> tuple[list[Event], list[list[tuple[Event | None, Event | None]]]]:
    """Return labels to begin with, and steps of changes of which each can be made after the one before."""
    chance = random.Random(seed)
    made = 0

    def event() -> Event:
        nonlocal made
        made += 1  # no two labels are equal
        onset = round(made + chance.random() / 2, 4)
        return onset, round(onset + chance.choice([0, 0.3, 2.5]), 4), chance.choice("abc")

    start = [event() for _ in range(5)]
    now, steps = set(start), []
    for _ in range(count):
        step: list[tuple[Event | None, Event | None]] = []
        for _ in range(chance.choice([1, 1, 2])):
            old = chance.choice([None, *sorted(now)])
            new = None if old and chance.random() < 0.3 else event()
            now = (now - {old}) | {new} if new else now - {old}  # type: ignore[assignment,arg-type]
            step.append((old, new))
        steps.append(step)
    return start, steps


def _after(start: list[Event], steps: list[list[tuple[Event | None, Event | None]]]) -> list[Event]:
    now = set(start)
    for old, new in [change for step in steps for change in step]:
        now -= {old} if old else set()
        now |= {new} if new else set()
    return sorted(now)


def _as_json(step: list[tuple[Event | None, Event | None]]) -> list[dict[str, Any]]:
    return [{"from": _event_json(old), "to": _event_json(new)} for old, new in step]


def _event_json(event: Event | None) -> dict[str, Any] | None:
    return event and dict(zip(("onset", "offset", "label"), event, strict=True))


def _events(answer: list[dict[str, Any]]) -> list[Event]:
    return sorted((each["onset"], each["offset"], each["label"]) for each in answer)


FAKE_SERVER = """
  const { applied } = await import("/page/regions.js"), { ApiError } = await import("/page/api.js");
  // Carries out requests; with the probability `lost` it does not answer, sometimes after it has carried them out.
  let state = seed;
  const chance = () => { state = (state * 48271) % 2147483647; return state / 2147483647; };
  const server = { events: start, requests: 0 };
  const api = {
    async get() {
      await null;
      if (chance() < lost) throw new ApiError("away", 0);
      return { events: server.events, ignored: [], classes: [], file: "labels.tsv" };
    },
    async post(path, { changes }) {
      server.requests += 1;
      await new Promise((resolve) => setTimeout(resolve, 1));
      const isLost = chance() < lost, isDone = !isLost || chance() < 0.5, after = applied(server.events, changes);
      if (isDone && after) server.events = after;
      if (isLost) throw new ApiError("away", 0);
      if (!after) throw new ApiError("not in the file", 409, { error: "not in the file", events: server.events });
      return { events: server.events };
    },
  };
  const realTimeout = setTimeout;
  window.setTimeout = (act, milliseconds) => realTimeout(act, milliseconds > 100 ? 0 : milliseconds);
  const { Outbox } = await import("/page/outbox.js"), { Labels } = await import("/page/labels.js");
  const outbox = new Outbox(api), said = [];
  const labels = new Labels(api, outbox, `recording ${seed}`, { changed: () => {}, say: (text) => said.push(text) });
  const settled = async () => { while (outbox.length) await new Promise((resolve) => realTimeout(resolve, 2)); };
  while (!labels.classes.length && !labels.file) await labels.load().catch(() => {});
"""


@pytest.mark.parametrize("lost", [0.0, 0.4])
def test_every_change_arrives_once_and_in_order_though_answers_are_lost(
    browser: Chromium, tmp_path: Path, lost: float
) -> None:
    start, steps = _random_steps(seed=3, count=60)
    script = """
      for (const step of steps) {
        labels.commit(step);
        if (chance() < 0.3) await new Promise((resolve) => realTimeout(resolve, 3));
      }
      await settled();
      return { shown: labels.events, kept: server.events, said };
    """
    given = {"start": [_event_json(event) for event in start], "steps": [_as_json(step) for step in steps]}
    answer = _run(browser, tmp_path, FAKE_SERVER + script, seed=11, lost=lost, **given)
    assert _events(answer["kept"]) == _after(start, steps)
    assert _events(answer["shown"]) == _after(start, steps)
    assert answer["said"] == []


def test_a_step_whose_answer_was_lost_is_done_though_a_label_passed_through_several_of_its_changes(
    browser: Chromium, tmp_path: Path
) -> None:
    steps: list[list[tuple[Event | None, Event | None]]] = [
        [(None, (1.0, 1.5, "a")), ((1.0, 1.5, "a"), (2.0, 2.5, "a"))],
        [((2.0, 2.5, "a"), (3.0, 3.5, "b")), (None, (2.0, 2.5, "a"))],
    ]
    script = """
      const post = api.post;  // the first answer to every request is lost
      api.post = async (...given) => { await post(...given); throw new ApiError("away", 0); };
      for (const step of steps) { labels.commit(step); await settled(); }
      return { kept: server.events, said, requests: server.requests };
    """
    given = {"start": [], "steps": [_as_json(step) for step in steps]}
    answer = _run(browser, tmp_path, FAKE_SERVER + script, seed=14, lost=0.0, **given)
    assert _events(answer["kept"]) == _after([], steps)
    assert (answer["said"], answer["requests"]) == ([], len(steps))


def test_undoing_all_steps_restores_every_label_and_redoing_them_too(browser: Chromium, tmp_path: Path) -> None:
    start, steps = _random_steps(seed=5, count=40)
    script = """
      for (const step of steps) labels.commit(step);
      while (labels.canUndo) labels.undo();
      const undone = labels.events;
      while (labels.canRedo) labels.redo();
      await settled();
      return { undone, redone: labels.events, kept: server.events };
    """
    given = {"start": [_event_json(event) for event in start], "steps": [_as_json(step) for step in steps]}
    answer = _run(browser, tmp_path, FAKE_SERVER + script, seed=12, lost=0.0, **given)
    assert _events(answer["undone"]) == sorted(start)
    assert _events(answer["redone"]) == _after(start, steps)
    assert _events(answer["kept"]) == _after(start, steps)


def test_a_change_of_a_label_that_is_gone_is_refused_with_a_sentence_and_the_others_are_kept(
    browser: Chromium, tmp_path: Path
) -> None:
    script = """
      const [first, second] = labels.events, other = { onset: 9, offset: 9.5, label: "by another program" };
      server.events = [second, other];  // the first was removed by another program, which the page has not seen yet
      labels.commit([{ from: first, to: { ...first, label: "b" } }]);
      labels.commit([{ from: second, to: { ...second, label: "b" } }]);
      await settled();
      return { shown: labels.events, kept: server.events, said };
    """
    start = [{"onset": 1, "offset": 2, "label": "a"}, {"onset": 3, "offset": 4, "label": "a"}]
    answer = _run(browser, tmp_path, FAKE_SERVER + script, seed=13, lost=0.0, start=start)
    assert _events(answer["kept"]) == [(3, 4, "b"), (9, 9.5, "by another program")]
    assert _events(answer["shown"]) == _events(answer["kept"])
    [sentence] = [text for text in answer["said"] if "was not made" in text]
    assert "\u201ca\u201d at 1.00 s" in sentence


def test_labels_that_were_asked_for_before_a_change_do_not_take_it_back(browser: Chromium, tmp_path: Path) -> None:
    script = """
      const asked = api.get;
      api.get = async () => {  // answers with what was there when it was asked, after the change has arrived
        const answer = await asked();
        api.get = asked;
        await new Promise((resolve) => realTimeout(resolve, 60));
        return answer;
      };
      const reloaded = labels.reload();
      labels.commit([{ from: null, to: { onset: 5, offset: 6, label: "b" } }]);
      await settled();
      await reloaded;
      return { shown: labels.events, kept: server.events, said };
    """
    start = [{"onset": 1, "offset": 2, "label": "a"}]
    answer = _run(browser, tmp_path, FAKE_SERVER + script, seed=14, lost=0.0, start=start)
    assert _events(answer["kept"]) == [(1, 2, "a"), (5, 6, "b")]
    assert _events(answer["shown"]) == _events(answer["kept"])
    assert answer["said"] == []


def test_changes_of_one_label_by_keys_are_one_step_to_undo_and_changes_by_mouse_are_each_one(
    browser: Chromium, tmp_path: Path
) -> None:
    script = """
      const { History } = await import("/page/history.js");
      const history = new History(), at = (onset) => ({ onset, offset: onset + 1, label: "a" });
      for (let k = 0; k < 5; k++) history.add([{ from: at(k), to: at(k + 1) }], true, 100 * k);
      history.add([{ from: at(5), to: at(6) }], true, 9000);
      history.add([{ from: at(6), to: at(7) }], false, 9100);
      history.add([{ from: at(7), to: at(8) }], true, 9200);
      const undone = [];
      while (history.canUndo) undone.push(history.undo()[0]);
      return undone.map(({ from, to }) => [from.onset, to.onset]);
    """
    assert _run(browser, tmp_path, script) == [[8, 7], [7, 6], [6, 5], [5, 0]]
