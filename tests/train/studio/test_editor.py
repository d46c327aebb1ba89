"""The editor in a real browser: what is done with mouse and keys is in the files on disk, and nothing else is."""

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
import soundfile
from aiohttp import ClientSession
from chromium import Chromium, Page
from tiny_detector import noise_bursts

from stapes.runtime.web.address import Address
from stapes.train.studio.server import StudioServer
from stapes.train.studio.studio import Studio

pytestmark = pytest.mark.slow

SECONDS = 12.0  # of the recording; the editor shows all of it when it is opened
RECORDING = "kitchen/session 1.wav"
HEADER = "filename\tonset\toffset\tevent_label\tsource\tnote\n"
OTHER_ROWS = "other.wav\t0.5\t1\tknock\tdoor 1\tkeep me\n"
FIRST_ROW = "kitchen/session 1.wav\t1.5\t2.50\tknock\tdoor 2\tloud\n"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "sounds"
    (folder / "kitchen").mkdir(parents=True)
    bursts = [(1.5, 2.5, "rumble"), (5.0, 6.0, "hiss"), (8.0, 8.4, "rumble")]
    soundfile.write(folder / RECORDING, noise_bursts(SECONDS, bursts), 16_000)
    soundfile.write(folder / "other.wav", noise_bursts(3.0, [(0.5, 1.0, "hiss")]), 16_000)
    return folder


@pytest.fixture
def table(dataset: Path) -> Path:
    path = dataset / "labels.tsv"
    path.write_text(HEADER + OTHER_ROWS + FIRST_ROW)
    return path


@dataclass(frozen=True)
class Editor:
    """The editor of `RECORDING` in one window of the browser."""

    page: Page
    left: float
    width: float
    y: float

    @classmethod
    async def open(cls, page: Page) -> "Editor":
        await page.until("document.querySelector('.saved')?.textContent === 'saved'")
        box = await page.value("document.querySelector('canvas.spectrogram').getBoundingClientRect().toJSON()")
        return cls(page, box["x"], box["width"], box["y"] + 120)

    def at(self, seconds: float) -> tuple[float, float]:
        return self.left + seconds / SECONDS * self.width, self.y

    async def drag(self, start: float, end: float, *held: str) -> None:
        await self.page.drag(self.at(start), self.at(end), *held)

    async def click(self, seconds: float) -> None:
        await self.page.click(self.at(seconds))

    async def saved(self) -> None:
        await self.page.until("document.querySelector('.saved').textContent === 'saved'")

    async def rows(self) -> list[str]:
        """The class in each row of the table beside the spectrogram."""
        return await self.page.value(
            "[...document.querySelectorAll('.labels tbody td.name')].map((cell) => cell.textContent)"
        )

    async def message(self) -> str:
        return await self.page.value("document.querySelector('.message').textContent")


def _url(server: StudioServer, recording: str = RECORDING) -> str:
    return f"{server.url}#edit/{quote(recording, safe='')}"


@contextmanager
def _serving(dataset: Path, port: int = 0) -> Iterator[StudioServer]:
    server = StudioServer(Address(port=port), Studio(dataset))
    try:
        yield server
    finally:
        server.close()


def _edit(browser: Chromium, server: StudioServer, act: Callable[[Editor], Awaitable[None]]) -> None:
    async def edited() -> None:
        async with ClientSession() as session:
            await act(await Editor.open(await browser.open(session, _url(server))))

    asyncio.run(asyncio.wait_for(edited(), 60))


def _labels(path: Path, recording: str = RECORDING) -> list[tuple[float, float, str]]:
    """Return onset, offset and class of the rows of a recording in a table, in order of time."""
    rows = [line.split("\t") for line in path.read_text().splitlines()[1:]]
    return sorted((float(row[1]), float(row[2]), row[3]) for row in rows if row[0] == recording and row[1])


def _near(labels: list[tuple[float, float, str]], expected: list[tuple[float, float, str]]) -> bool:
    """Whether labels are where the mouse has put them, to two pixels of the screen."""
    return [label for *_, label in labels] == [label for *_, label in expected] and all(
        abs(found - meant) < 2 * SECONDS / 1000
        for got, want in zip(labels, expected, strict=True)
        for found, meant in zip(got[:2], want[:2], strict=True)
    )


def test_labels_are_drawn_classed_dragged_resized_split_merged_removed_and_undone(
    browser: Chromium, dataset: Path, table: Path
) -> None:
    first = (1.5, 2.5, "knock")

    async def act(editor: Editor) -> None:
        page = editor.page

        async def expect(*labels: tuple[float, float, str]) -> None:
            await editor.saved()
            assert _near(_labels(table), sorted([first, *labels])), _labels(table)
            assert table.read_text().startswith(HEADER + OTHER_ROWS + FIRST_ROW), "other rows stay as they are"

        await editor.drag(5, 6)
        await expect((5, 6, "knock"))
        await page.press("c")
        await page.type("kettle")
        await page.press("Enter")
        await expect((5, 6, "kettle"))
        await editor.drag(5.5, 7.5)
        await expect((7, 8, "kettle"))
        await editor.drag(8, 9)
        await expect((7, 9, "kettle"))
        await page.press("1")
        await expect((7, 9, "knock"))
        await page.press("2")
        await editor.click(8)
        await page.press("s")
        await expect((7, 8, "kettle"), (8, 9, "kettle"))
        await editor.click(7.5)
        await page.press("m")
        await expect((7, 9, "kettle"))
        for _ in range(100):
            await page.press("ArrowRight")
        await expect((8, 10, "kettle"))
        await page.press("ArrowLeft", "Shift")
        await expect((8, 9.99, "kettle"))
        await page.press("Delete")
        await expect()
        while await page.value("!document.querySelector(\"button[aria-keyshortcuts='Control+Z']\").disabled"):
            await page.press("z", "Control")
        await expect()
        while await page.value("!document.querySelector(\"button[aria-keyshortcuts='Control+Shift+Z']\").disabled"):
            await page.press("Z", "Control", "Shift")
            await editor.saved()
        await expect()
        await page.press("z", "Control")
        await expect((8, 9.99, "kettle"))

    with _serving(dataset) as server:
        _edit(browser, server, act)


def test_points_are_set_by_double_click_by_a_click_with_the_full_stop_held_and_by_its_key_at_the_cursor(
    browser: Chromium, dataset: Path, table: Path
) -> None:
    async def act(editor: Editor) -> None:
        page = editor.page
        await editor.click(4)
        await editor.click(4)
        await page.ask("Input.dispatchKeyEvent", type="keyDown", key=".", text=".", windowsVirtualKeyCode=190)
        await editor.click(6)
        await page.ask("Input.dispatchKeyEvent", type="keyUp", key=".", windowsVirtualKeyCode=190)
        await page.press("Escape")
        await editor.click(9)
        await page.press(".")
        await editor.saved()

    with _serving(dataset) as server:
        _edit(browser, server, act)
    labels = _labels(table)
    assert _near(labels, [(1.5, 2.5, "knock"), (4, 4, "knock"), (6, 6, "knock"), (9, 9, "knock")]), labels
    assert [onset for onset, offset, _ in labels if onset == offset] == [onset for onset, *_ in labels[1:]]


def test_a_class_keeps_its_digit_when_others_come(browser: Chromium, dataset: Path, table: Path) -> None:
    async def act(editor: Editor) -> None:
        page = editor.page
        await editor.drag(5, 6)
        await page.press("c")
        await page.type("bell")  # before "knock" in the alphabet
        await page.press("Enter")
        await editor.saved()
        await page.value("location.hash = '#recordings'")
        await page.until("document.querySelector('.recordings td.counts')?.textContent === 'knock 1bell 1'")
        await page.value(f"location.hash = '#edit/{quote(RECORDING, safe='')}'")
        await editor.open(page)
        await editor.click(5.5)
        await page.press("1")
        await editor.saved()

    with _serving(dataset) as server:
        _edit(browser, server, act)
    assert _near(_labels(table), [(1.5, 2.5, "knock"), (5, 6, "knock")])


def test_snapping_moves_the_onset_to_where_the_sound_rises(browser: Chromium, dataset: Path, table: Path) -> None:
    async def act(editor: Editor) -> None:
        await editor.drag(5.08, 6)
        await editor.page.press("a")
        await editor.page.until("document.querySelector('.labels tr.current td').textContent < '0:05.070'")
        await editor.saved()

    with _serving(dataset) as server:
        _edit(browser, server, act)
    onset, offset, _ = _labels(table)[1]
    assert abs(onset - 5.0) < 0.04, "the burst begins at 5 s"
    assert abs(offset - 6) < 0.03


def test_labels_that_count_for_no_class_are_shown_and_are_not_taken_for_changes(
    browser: Chromium, dataset: Path, table: Path
) -> None:
    unsure = FIRST_ROW.replace("1.5\t2.50\tknock", "9\t10\tunsure")
    table.write_text(HEADER + OTHER_ROWS + FIRST_ROW + unsure)
    (dataset / "label_map.tsv").write_text("label\tclass\nunsure\t\n")

    async def act(editor: Editor) -> None:
        await editor.drag(5, 6)
        await editor.saved()
        await asyncio.sleep(1.5)  # the watcher of files has looked meanwhile
        assert await editor.message() == ""
        assert await editor.rows() == ["knock", "knock"]

    with _serving(dataset) as server:
        _edit(browser, server, act)
    assert _near(_labels(table), [(1.5, 2.5, "knock"), (5, 6, "knock"), (9, 10, "unsure")])
    others = [line for line in table.read_text().splitlines(keepends=True) if not line.startswith(f"{RECORDING}\t5")]
    assert others == [HEADER, OTHER_ROWS, FIRST_ROW, unsure]


def test_a_recording_with_a_track_of_audacity_keeps_its_labels_there(browser: Chromium, dataset: Path) -> None:
    track = dataset / "kitchen" / "session 1.txt"
    track.write_bytes(b"1.500000\t2.500000\tknock\r\n\\\t100.0\t900.0\r\n")

    async def act(editor: Editor) -> None:
        await editor.drag(5, 6)
        await editor.saved()

    with _serving(dataset) as server:
        _edit(browser, server, act)
    lines = track.read_bytes().split(b"\r\n")
    assert lines[:2] == [b"1.500000\t2.500000\tknock", b"\\\t100.0\t900.0"], "with its frequencies"
    onset, offset, label = lines[2].split(b"\t")
    assert _near([(float(onset), float(offset), label.decode())], [(5, 6, "knock")])
    assert lines[3:] == [b""]
    assert not (dataset / "labels.tsv").exists()


def test_two_windows_see_each_others_work_and_lose_none_of_it(browser: Chromium, dataset: Path, table: Path) -> None:
    async def act(server: StudioServer) -> None:
        async with ClientSession() as session:
            one = await Editor.open(await browser.open(session, _url(server)))
            two = await Editor.open(await browser.open_another(session, _url(server)))
            await one.page.ask("Page.bringToFront")
            await one.drag(4, 5)
            await two.page.until("document.querySelectorAll('.labels tbody td.name').length === 2")
            assert "changed elsewhere" in await two.message()
            for window, onset in ((two, 8), (one, 6)):  # the second before it can know of the first
                await window.page.ask("Page.bringToFront")
                await window.drag(onset, onset + 1)
            for window in (one, two):
                await window.page.until("document.querySelectorAll('.labels tbody td.name').length === 4")
                await window.saved()
            await two.page.ask("Page.close")

    with _serving(dataset) as server:
        asyncio.run(asyncio.wait_for(act(server), 60))
    expected = [(1.5, 2.5, "knock"), (4, 5, "knock"), (6, 7, "knock"), (8, 9, "knock")]
    assert _near(_labels(table), expected), _labels(table)


def test_a_label_that_another_program_changes_is_shown_as_it_is_now_and_not_overwritten(
    browser: Chromium, dataset: Path, table: Path
) -> None:
    changed = FIRST_ROW.replace("knock", "door bell")

    async def act(editor: Editor) -> None:
        await editor.click(2)
        table.write_text(HEADER + OTHER_ROWS + changed)
        await editor.page.press("ArrowRight")  # before the page can know
        await editor.page.until("document.querySelector('.labels tbody td.name').textContent === 'door bell'")
        assert "changed elsewhere" in await editor.message()
        table.write_text(HEADER + OTHER_ROWS + changed + changed.replace("1.5\t2.50", "5\t6"))
        await editor.page.until("document.querySelectorAll('.labels tbody td.name').length === 2")
        await editor.saved()

    with _serving(dataset) as server:
        _edit(browser, server, act)
    assert table.read_text() == HEADER + OTHER_ROWS + changed + changed.replace("1.5\t2.50", "5\t6")


def test_changes_wait_while_the_server_is_away_and_arrive_in_order_when_it_is_back(
    browser: Chromium, dataset: Path, table: Path
) -> None:
    before = table.read_text()
    servers = [StudioServer(Address(port=0), Studio(dataset))]

    async def act(editor: Editor) -> None:
        page, port = editor.page, servers[0].port
        servers.pop().close()
        await page.until("document.getElementById('state').textContent.startsWith('no connection')")
        await editor.drag(5, 6)
        await editor.drag(7, 8)
        await page.press("c")
        await page.type("kettle")
        await page.press("Enter")
        await editor.drag(10, 11)
        await page.press("z", "Control")
        await page.until("document.querySelector('.saved').textContent.includes('5 changes wait')")
        assert table.read_text() == before
        asks = "(() => { const e = new Event('beforeunload', { cancelable: true }); return !dispatchEvent(e); })()"
        assert await page.value(asks), "leaving the page would lose changes"
        servers.append(StudioServer(Address(port=port), Studio(dataset)))
        await editor.saved()
        assert not await page.value(asks)
        assert await editor.rows() == ["knock", "knock", "kettle"]

    try:
        _edit(browser, servers[0], act)
    finally:
        for server in servers:
            server.close()
    assert _near(_labels(table), [(1.5, 2.5, "knock"), (5, 6, "knock"), (7, 8, "kettle")]), _labels(table)
    assert table.read_text().startswith(before)


def test_labels_are_read_and_changed_by_keyboard_alone(browser: Chromium, dataset: Path, table: Path) -> None:
    table.write_text(HEADER + OTHER_ROWS + FIRST_ROW + FIRST_ROW.replace("1.5\t2.50\tknock", "8\t8.4\tbell"))

    async def act(editor: Editor) -> None:
        page = editor.page
        for _ in range(40):  # the tabulator key leads from the spectrogram to the table
            await page.press("Tab")
            if await page.value("document.activeElement.tagName === 'TR'"):
                break
        read = "[...document.activeElement.cells].map((cell) => cell.textContent).join(' ')"
        assert await page.value(read) == "0:01.500 1.000 s knock"
        await page.press("ArrowDown")
        assert await page.value(read) == "0:08.000 0.400 s bell"
        await page.press("ArrowRight", "Alt")
        await editor.saved()
        assert _labels(table)[1] == (8.001, 8.401, "bell")
        await page.press("2")
        await editor.saved()
        assert _labels(table)[1] == (8.001, 8.401, "knock")
        assert await page.value(read) == "0:08.001 0.400 s knock", "the row keeps the focus"
        await page.press("Delete")
        await editor.saved()

    with _serving(dataset) as server:
        _edit(browser, server, act)
    assert table.read_text() == HEADER + OTHER_ROWS + FIRST_ROW


def test_the_sound_is_heard_from_the_cursor_looped_and_at_half_speed(
    browser: Chromium, dataset: Path, table: Path
) -> None:
    async def act(editor: Editor) -> None:
        page = editor.page
        where = "Number(document.querySelector('.where').textContent.split(':')[1])"
        await editor.click(4)
        await page.press(" ")
        await page.until(f"{where} > 4.5")
        assert await page.value("document.querySelector('button.main').textContent") == "Stop"
        await page.press(" ")
        await page.until(f"Math.abs({where} - 4) < 0.02")
        await editor.click(2)
        await page.press("l")
        await page.value("window.heard = []; window.watch = setInterval(() => heard.push(" + where + "), 20)")
        await page.until("heard.some((at, k) => k && at < heard[k - 1] - 0.5)")  # it begins again
        assert await page.value("heard.slice(5).every((at) => at > 1.48 && at < 2.52)")
        await page.press("h")
        await page.until("document.querySelector('button[aria-keyshortcuts=h]').ariaPressed === 'true'")

    with _serving(dataset) as server:
        _edit(browser, server, act)
    assert table.read_text() == HEADER + OTHER_ROWS + FIRST_ROW


def test_the_wheel_zooms_at_the_mouse_and_two_fingers_zoom_where_they_are(
    browser: Chromium, dataset: Path, table: Path
) -> None:
    async def act(editor: Editor) -> None:
        page, zoomed = editor.page, SECONDS / 2
        await page.mouse("mouseWheel", editor.at(2), deltaX=0, deltaY=-300)  # 2 s stay where they are
        edge = 2 - 2 / SECONDS * zoomed  # of the view now
        at = lambda seconds: editor.at((seconds - edge) / zoomed * SECONDS)  # noqa: E731
        await page.click(at(1.25))
        await page.until("Math.abs(Number(document.querySelector('.where').textContent.split(':')[1]) - 1.25) < 0.02")
        await page.ask("Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=5)

        async def touch(kind: str, *seconds: float) -> None:
            points = [{"x": at(each)[0], "y": editor.y, "id": k} for k, each in enumerate(seconds)]
            await page.ask("Input.dispatchTouchEvent", type=kind, touchPoints=points)

        await touch("touchStart", 2.0)
        await touch("touchStart", 2.0, 4.0)
        for step in range(1, 11):
            await touch("touchMove", 2.0 - step / 10, 4.0 + step / 10)
        await touch("touchEnd")
        await page.ask("Emulation.setTouchEmulationEnabled", enabled=False)
        # The fingers were 2 s apart and are as far apart as 4 s were: 3 s of the recording are on the screen, and the
        # moment between them is where it was.
        middle = at(3.0)
        await page.click(middle)
        await page.until("Math.abs(Number(document.querySelector('.where').textContent.split(':')[1]) - 3) < 0.03")
        await page.click((middle[0] + editor.width / 4, editor.y))
        await page.until("Math.abs(Number(document.querySelector('.where').textContent.split(':')[1]) - 3.75) < 0.03")

    with _serving(dataset) as server:
        _edit(browser, server, act)
    assert table.read_text() == HEADER + OTHER_ROWS + FIRST_ROW


def test_a_queue_leads_from_place_to_place_across_recordings(browser: Chromium, dataset: Path, table: Path) -> None:
    async def act(editor: Editor) -> None:
        page = editor.page
        items = [{"recording": RECORDING, "at": 1.5, "until": 2.5, "label": "knock", "note": "missed <b>twice</b>"}]
        items += [{"recording": "other.wav", "at": 0.5, "until": 1.0, "label": "knock", "note": ""}]
        call = f"context.editQueue({json.dumps(items)}, 'Mistakes')"
        await page.value(f"import('/page/main.js').then(({{ context }}) => {call})")
        queue = "document.querySelector('.queue')?.textContent"
        await page.until(f"{queue}?.includes('1 of 2') && {queue}?.includes('missed <b>twice</b>')")
        await page.press("1")  # the label of the place is selected; that is its class already
        await page.press("n")
        await page.until(f"{queue}?.includes('2 of 2') && document.querySelector('h1')?.textContent === 'other.wav'")
        await page.until("document.querySelector('.labels tr.current td.name')?.textContent === 'knock'")
        await page.press("Delete")
        await editor.saved()
        await page.press("p")
        await page.until(f"{queue}?.includes('1 of 2')")

    with _serving(dataset) as server:
        _edit(browser, server, act)
    assert _labels(table, "other.wav") == []
    assert _labels(table) == [(1.5, 2.5, "knock")]


def test_a_recording_without_any_event_is_marked_so_and_taken_back(browser: Chromium, dataset: Path) -> None:
    async def act(editor: Editor) -> None:
        page = editor.page
        button = "document.querySelector('.state-button')"
        await page.value(f"{button}.click()")
        await page.until(f"{button}.textContent.includes('Take back')")
        assert (dataset / "kitchen" / "session 1.txt").read_bytes() == b"", "an empty track says it"
        await page.value(f"{button}.click()")
        await page.until(f"{button}.textContent.startsWith('There is')")
        assert not (dataset / "kitchen" / "session 1.txt").exists()

    with _serving(dataset) as server:
        _edit(browser, server, act)


def test_a_recording_whose_labels_were_all_heard_is_marked_as_corrected(
    browser: Chromium, dataset: Path, table: Path
) -> None:
    async def act(editor: Editor) -> None:
        await editor.page.value("document.querySelector('.state-button').click()")
        await editor.page.until("document.querySelector('.state-button').textContent.startsWith('Corrected')")
        await editor.page.value("location.hash = '#recordings'")
        states = "[...document.querySelectorAll('.recordings .state')].map((each) => each.textContent).join()"
        await editor.page.until(f"{states} === 'corrected,labelled'")

    with _serving(dataset) as server:
        _edit(browser, server, act)
    assert json.loads((dataset / ".studio.json").read_text())["recordings"] == {RECORDING: "corrected"}
    assert table.read_text() == HEADER + OTHER_ROWS + FIRST_ROW


def test_the_list_is_searched_and_filtered_and_holds_few_rows_of_many(browser: Chromium, dataset: Path) -> None:
    names = [f"yard/take {number:03d}.wav" for number in range(300)]
    (dataset / "yard").mkdir()
    for name in names:
        shutil.copy(dataset / "other.wav", dataset / name)
    (dataset / "labels.tsv").write_text(HEADER + FIRST_ROW + "yard/take 007.wav\t0.5\t1\thiss\t\t\n")

    async def look() -> None:
        async with ClientSession() as session:
            page = await browser.open(session, f"{server.url}#recordings")
            shown = "[...document.querySelectorAll('.recordings td.name')].map((cell) => cell.textContent)"
            await page.until("document.querySelector('.recordings table')?.getAttribute('aria-rowcount') === '303'")
            assert len(await page.value(shown)) < 60
            await page.value("document.querySelector('.recordings').scrollTop = 1e6")
            await page.until(f"{shown}.includes({json.dumps(names[-1])})")
            await page.value("document.querySelector('input[type=search]').focus()")
            await page.type("TAKE 007")
            await page.until(f"JSON.stringify({shown}) === {json.dumps(json.dumps(names[7:8], separators=(',', ':')))}")
            await page.value("document.querySelector('input[type=search]').select()")
            await page.press("Backspace")
            await page.value(
                "(() => { const select = document.querySelector('select[aria-label=Class]'); select.value = 'knock';"
                " select.dispatchEvent(new Event('change')); })()"
            )
            await page.until(f"JSON.stringify({shown}) === {json.dumps(json.dumps([RECORDING]))}")
            await page.value("document.querySelector('.recordings td.name').click()")
            await page.until("document.querySelector('h1')?.textContent === " + json.dumps(RECORDING))

    with _serving(dataset) as server:
        asyncio.run(asyncio.wait_for(look(), 60))
