"""Sinks: no record is lost, a repeated record has the same key, and a failure is reported in one line."""

import contextlib
import itertools
import json
import os
import resource
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import records
from mosquitto import Broker, until
from records import keys, record

from stapes.firmware_sim.errors import ConfigError, OutputError
from stapes.runtime.labels import EVENT_FORMATS
from stapes.runtime.live.sinks import fan_out, outbox
from stapes.runtime.live.sinks.fan_out import FanOut
from stapes.runtime.live.sinks.files import TextSink
from stapes.runtime.live.sinks.opened_later import open_now_or_later
from stapes.runtime.live.sinks.outbox import Outbox, RefusedError, UnreachableError
from stapes.runtime.live.sinks.record import Record
from stapes.runtime.live.sinks.sqlite import RECORDS, SqliteSink
from stapes.runtime.live.sinks.targets import Delivery, open_sink
from stapes.runtime.live.sinks.webhook import Webhook
from stapes.runtime.main import main


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "FIRST_WAIT_S", 0.05)
    monkeypatch.setattr(outbox, "LONGEST_WAIT_S", 0.2)


class Receiver:
    """Takes records while it is `up`."""

    name = "receiver"

    def __init__(self) -> None:
        self.up, self.keys, self.tries = True, list[str](), 0

    def deliver(self, key: str, payload: str) -> None:
        self.tries += 1
        if not self.up:
            raise UnreachableError("down")
        assert json.loads(payload)["key"] == key
        self.keys.append(key)

    def close(self) -> None: ...


def test_queued_records_arrive_in_order_when_the_receiver_comes_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = Receiver()
    receiver.up = False
    sink = Outbox(tmp_path / "queue.sqlite", receiver)
    for number in range(20):
        sink.write(record(number))
    until(lambda: receiver.tries >= 3)
    assert sink.waiting() == 20
    receiver.up = True
    until(lambda: sink.waiting() == 0)
    sink.close()
    assert receiver.keys == keys(20)
    message = caplog.text
    assert message.count("receiver cannot be reached (down)") == 1, "reported once, not at every attempt"
    assert "receiver is back" in message


def _left_waiting(queue: Path) -> Receiver:
    """Leave three records in a queue; return their receiver, which cannot be reached."""
    receiver = Receiver()
    receiver.up = False
    sink = Outbox(queue, receiver)
    for number in range(3):
        sink.write(record(number))
    sink.close()
    return receiver


def test_what_was_not_sent_before_the_end_is_sent_by_the_next_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "LAST_TRY_S", 0.3)
    receiver = _left_waiting(tmp_path / "queue.sqlite")
    assert "3 records for receiver wait" in caplog.text
    receiver.up = True
    second = Outbox(tmp_path / "queue.sqlite", receiver)
    second.write(record(3))
    second.close()
    assert receiver.keys == keys(4)


def test_an_error_that_nobody_foresaw_is_told_once_and_the_records_are_sent_after_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = Receiver()
    deliver, fails = receiver.deliver, iter([True] * 3)

    def fail_at_first(key: str, payload: str) -> None:
        if next(fails, False):
            raise KeyError("utc")
        deliver(key, payload)

    receiver.deliver = fail_at_first  # type: ignore[method-assign]
    sink = Outbox(tmp_path / "queue.sqlite", receiver)
    for number in range(3):
        sink.write(record(number))
    until(lambda: sink.waiting() == 0)
    sink.close()
    assert receiver.keys == keys(3)
    assert caplog.text.count("receiver: an error that was not foreseen (KeyError: 'utc')") == 1


def test_a_record_refused_for_good_does_not_stop_the_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    receiver = Receiver()
    deliver = receiver.deliver

    def refuse_the_second(key: str, payload: str) -> None:
        if key == "session-1":
            raise RefusedError("HTTP 400 Bad Request")
        deliver(key, payload)

    receiver.deliver = refuse_the_second  # type: ignore[method-assign]
    sink = Outbox(tmp_path / "queue.sqlite", receiver)
    for number in range(3):
        sink.write(record(number))
    sink.close()
    assert receiver.keys == ["session-0", "session-2"]
    assert "refused a record for good (HTTP 400 Bad Request)" in caplog.text
    kept = sqlite3.connect(tmp_path / "queue.sqlite").execute("SELECT key FROM outbox").fetchall()
    assert kept == [("session-1",)]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("payload = CAST(x'7b226bff' AS TEXT)", "can't decode byte 0xff"),
        ("payload = substr(payload, 1, 40)", "Unterminated string"),
        ("payload = '[' || payload || ']'", "its key differs"),
        ("payload = replace(payload, 'session-1', 'session-7')", "its key differs"),
        ("key = CAST(x'73ff' AS TEXT)", "its key differs"),
        ("payload = replace(payload, 'mic', '\\ud800')", None),  # JSON, but no text that can be sent
    ],
)
def test_a_record_that_was_damaged_in_the_queue_is_set_aside_and_the_others_are_sent_once(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
    complaint: str | None,
) -> None:
    monkeypatch.setattr(outbox, "LAST_TRY_S", 0.2)
    _left_waiting(tmp_path / "queue.sqlite")
    with contextlib.closing(sqlite3.connect(tmp_path / "queue.sqlite", isolation_level=None)) as database:
        database.execute(f"UPDATE outbox SET {change} WHERE key = 'session-1'")
    monkeypatch.setattr(outbox, "LAST_TRY_S", 10.0)
    with _web_server(itertools.repeat(200)) as (url, posted):
        sink = Outbox(tmp_path / "queue.sqlite", Webhook(url, "$key $source"))
        sink.write(record(3))
        sink.close()
    assert [key for key, _ in posted] == ["session-0", "session-2", "session-3"]
    with contextlib.closing(sqlite3.connect(tmp_path / "queue.sqlite")) as database:
        ((number, refused),) = database.execute("SELECT number, refused FROM outbox").fetchall()
    assert number == 2
    if complaint is not None:
        assert complaint in refused
        assert f"queue.sqlite: a record in it is damaged ({refused.removeprefix('damaged: ')})" in caplog.text


def test_a_queue_belongs_to_one_process(tmp_path: Path) -> None:
    first = Outbox(tmp_path / "queue.sqlite", Receiver())
    with pytest.raises(OutputError, match="name another folder with --queue"):
        Outbox(tmp_path / "queue.sqlite", Receiver())
    first.close()


def test_a_damaged_database_is_moved_aside_and_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "log.sqlite"
    for attempt in range(2):
        path.write_bytes(b"no database at all " * 500)
        sink = SqliteSink(path)
        sink.write(record(attempt))
        sink.close()
        assert "log.sqlite is damaged" in caplog.messages[-1]
        caplog.clear()
    assert {entry.name for entry in tmp_path.iterdir()} >= {"log.sqlite.damaged", "log.sqlite.damaged.1"}
    assert sqlite3.connect(path).execute("SELECT key FROM records").fetchall() == [("session-1",)]


def test_the_records_of_a_queue_whose_index_is_damaged_are_sent(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite would ignore a new record whose key the damaged index claims to hold, or send none at all."""
    monkeypatch.setattr(outbox, "LAST_TRY_S", 0.2)
    path = tmp_path / "queue.sqlite"
    _left_waiting(path)
    with contextlib.closing(sqlite3.connect(path)) as database:
        ((page,),) = database.execute("SELECT rootpage FROM sqlite_schema WHERE type = 'index'").fetchall()
        ((size,),) = database.execute("PRAGMA page_size").fetchall()
    content = bytearray(path.read_bytes())
    content[page * size - 64 : page * size] = b"?" * 64  # SQLite fills its pages from their ends
    path.write_bytes(content)
    monkeypatch.setattr(outbox, "LAST_TRY_S", 10.0)
    with _web_server(itertools.repeat(200)) as (url, posted):
        sink = Outbox(path, Webhook(url, "$key $source"))
        sink.write(record(3))
        sink.close()
    assert [key for key, _ in posted] == keys(4)
    assert "it is moved to queue.sqlite.damaged, and a new one is begun with the 3 rows that can be read" in caplog.text


@pytest.mark.parametrize(
    "other",
    [
        "CREATE TABLE records (name TEXT, at REAL)",
        RECORDS.replace("key TEXT PRIMARY KEY", "key TEXT"),
        RECORDS.replace("per_minute REAL", "per_minute REAL, station TEXT NOT NULL"),
        "CREATE VIEW records AS SELECT 1 AS key",
    ],
)
def test_a_table_of_another_shape_is_refused_at_the_start_and_left_as_it_is(tmp_path: Path, other: str) -> None:
    path = tmp_path / "log.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute(other)
        schema = database.execute("SELECT sql FROM sqlite_schema").fetchall()
    with pytest.raises(OutputError, match=r"its table `records` has the columns .*; name another file"):
        SqliteSink(path)
    with contextlib.closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT sql FROM sqlite_schema").fetchall() == schema


class Full:
    """A sink on a disk that is full for a while."""

    def __init__(self) -> None:
        self.full, self.keys = True, list[str]()

    def write(self, record: Record) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        self.keys.append(record.key)

    def close(self) -> None: ...


def test_a_failing_sink_is_reported_then_receives_what_it_missed_in_order_while_the_others_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    full, sqlite = Full(), SqliteSink(tmp_path / "log.sqlite")
    sinks = FanOut([full, sqlite])
    for number in range(5):
        sinks.write(record(number))
    message = caplog.text
    assert message.count("No space left on device") == 1
    assert "listening goes on" in message
    assert sqlite3.connect(tmp_path / "log.sqlite").execute("SELECT count(*) FROM records").fetchone() == (5,)
    full.full = False
    sinks.write(record(5))
    assert full.keys == keys(6)


def test_what_could_never_be_written_is_counted_at_the_end(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fan_out, "HELD_RECORDS", 10)
    sinks = FanOut([Full()])
    for number in range(15):
        sinks.write(record(number))
    sinks.close()
    assert "could not be written and are lost: 15" in caplog.text


def test_a_file_on_a_full_disk_holds_whole_lines_only(tmp_path: Path) -> None:
    """The limit falls into the middle of the third line."""
    line = len(record(0).as_json()) + 1
    code = (
        "import resource, sys; from pathlib import Path; from records import record\n"
        "from stapes.runtime.live.sinks.files import TextSink\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({5 * line // 2}, resource.RLIM_INFINITY))\n"
        "sink = TextSink(Path(sys.argv[1]), 'jsonl')\n"
        "for number in range(3):\n"
        "    try: sink.write(record(number))\n"
        "    except OSError as error: print(number, error.strerror)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "log.jsonl")]
    paths = [str(Path(records.__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == "2 File too large\n"
    assert [json.loads(line)["key"] for line in (tmp_path / "log.jsonl").read_text().splitlines()] == keys(2)


@pytest.mark.parametrize("format", EVENT_FORMATS)
def test_every_event_format_is_a_target(format: str, tmp_path: Path) -> None:
    path = tmp_path / "log"
    sink = open_sink(f"{format}:{path}", Delivery(tmp_path))
    sink.write(replace(record(0), label="pop"))
    sink.close()
    header = EVENT_FORMATS[format].header
    assert path.read_text().startswith(header)
    assert "pop" in path.read_text().removeprefix(header)


def test_an_incomplete_last_line_after_a_power_cut_does_not_spoil_the_next(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"kind": "ev')
    sink = TextSink(path, "jsonl")
    sink.write(record(0))
    sink.close()
    torn, whole = path.read_text().splitlines()
    assert torn == '{"kind": "ev'
    assert json.loads(whole)["key"] == "session-0"


def test_a_record_whose_deletion_fails_is_not_sent_twice(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    receiver = Receiver()
    sink = Outbox(tmp_path / "queue.sqlite", receiver)
    sink._database.execute(
        "CREATE TRIGGER full BEFORE DELETE ON outbox BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
    )
    sink.write(record(0))
    until(lambda: "disk is full" in caplog.text)
    sink.write(record(1))
    sink._database.execute("DROP TRIGGER full")
    sink.close()
    assert receiver.keys == keys(2)


def test_a_full_disk_under_the_database_is_an_oserror_and_writing_works_again_later(tmp_path: Path) -> None:
    sink = SqliteSink(tmp_path / "log.sqlite")
    sink._database.execute("PRAGMA max_page_count = 4")
    with pytest.raises(OSError, match="full"):
        for number in itertools.count():
            sink.write(record(number))
    sink._database.execute("PRAGMA max_page_count = 4000")
    sink.write(record(10_000))
    assert sink._database.execute("SELECT count(*) FROM records WHERE key = 'session-10000'").fetchone() == (1,)


@pytest.mark.parametrize("target", ["sqlite:{folder}/log.sqlite", "csv:{folder}/log.csv", "http://127.0.0.1:9/"])
def test_a_sink_whose_disk_is_full_at_the_start_gets_every_record_when_there_is_room(
    tmp_path: Path, target: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit of a file's size makes every write fail, as on a full disk."""
    monkeypatch.setattr(outbox, "LAST_TRY_S", 0.2)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    text = target.format(folder=tmp_path)
    other = Full()
    other.full = False
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        sinks = FanOut([late := open_now_or_later(lambda: open_sink(text, Delivery(tmp_path))), other])
        sinks.write(record(0))
        sinks.write(record(1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "make room: records are kept until then" in caplog.text
    assert other.keys == keys(2)
    sinks.write(record(2))
    sinks.close()
    late.close()
    if target.startswith("csv"):
        header, *lines = (tmp_path / "log.csv").read_text().splitlines()
        assert header == EVENT_FORMATS["csv"].header.strip()
        assert len(lines) == 3
        return
    (path,) = tmp_path.glob("*.sqlite")
    table = "records" if target.startswith("sqlite") else "outbox"
    with contextlib.closing(sqlite3.connect(path)) as database:
        assert [key for (key,) in database.execute(f"SELECT key FROM {table} ORDER BY rowid")] == keys(3)


# ---- a web server


@contextlib.contextmanager
def _web_server(answers: Iterator[int], location: str = "/elsewhere") -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield a URL and the (key, body) pairs that it accepted; each request is answered with the next status."""
    accepted: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status = next(answers)
            if status == 200:
                accepted.append((self.headers["Idempotency-Key"], body))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.send_header("Location", location)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", accepted
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_webhook_gets_every_record_once_in_order_over_server_errors(tmp_path: Path) -> None:
    with _web_server(itertools.cycle([503, 200, 429, 200, 500, 200])) as (url, accepted):
        sink = open_sink(url, Delivery(tmp_path))
        for number in range(6):
            sink.write(record(number))
        sink.close()
    assert [key for key, _ in accepted] == keys(6)
    assert json.loads(accepted[3][1]) == json.loads(record(3).as_json())


def test_a_record_that_a_webhook_refuses_is_not_sent_again(tmp_path: Path) -> None:
    with _web_server(iter([422])) as (url, accepted):
        with pytest.raises(RefusedError, match="HTTP 422"):
            Webhook(url).deliver("key", "{}")
        assert accepted == []


@pytest.mark.parametrize("status", [302, 401, 404, 500])
def test_an_error_that_can_be_repaired_is_tried_again_and_redirects_are_not_followed(status: int) -> None:
    with _web_server(itertools.repeat(status)) as (url, accepted):
        with pytest.raises(UnreachableError, match=f"HTTP {status}"):
            Webhook(url).deliver("key", "{}")
        assert accepted == []


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://me:secret@other/secret?token=secret", "HTTP 301 Moved Permanently, to https://other"),
        ("/secret?token=secret", "HTTP 301 Moved Permanently, to another path of the same server"),
    ],
)
def test_where_a_redirect_leads_is_said_without_what_may_be_a_password(location: str, shown: str) -> None:
    with _web_server(itertools.repeat(301), location) as (url, _):
        with pytest.raises(UnreachableError) as caught:
            Webhook(f"{url}?token=secret").deliver("key", "{}")
        assert str(caught.value) == shown


def test_a_webhook_template_stays_json_whatever_the_label() -> None:
    hook = Webhook("https://example.org/x", '{"text": "$label at $utc", "money": "$$$confidence"}')
    body = json.loads(hook.body(record(1).as_json()))
    assert body == {"text": 'a "pop" at 2026-01-02T03:04:05.678Z', "money": "$0.9"}


def test_an_unreachable_web_server_is_tried_again() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(UnreachableError):
            Webhook(f"http://127.0.0.1:{taken.getsockname()[1]}/").deliver("key", "{}")


# ---- a real broker


def _subscriber(port: int, received: list[str]) -> "object":
    import paho.mqtt.client as paho

    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="referee", clean_session=False)
    subscribed = threading.Event()
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_message = lambda _client, _data, message: received.append(json.loads(message.payload)["key"])
    client.connect("127.0.0.1", port)
    client.subscribe("stapes/pops", qos=1)
    client.loop_start()
    assert subscribed.wait(10)
    return client


def test_mqtt_records_survive_a_broker_that_is_down_and_one_that_restarts(tmp_path: Path) -> None:
    broker, received = Broker(tmp_path / "broker"), list[str]()
    broker.start()
    referee = _subscriber(broker.port, received)
    referee.disconnect()  # type: ignore[attr-defined]
    referee.loop_stop()  # type: ignore[attr-defined]
    broker.stop()

    sink = open_sink(f"mqtt://127.0.0.1:{broker.port}/stapes/pops", Delivery(tmp_path))
    assert isinstance(sink, Outbox)
    for number in range(5):  # unreachable from the start
        sink.write(record(number))
    broker.start()
    until(lambda: sink.waiting() == 0)
    broker.stop()
    for number in range(5, 10):  # and gone in the middle
        sink.write(record(number))
    broker.start()
    until(lambda: sink.waiting() == 0)
    sink.close()

    referee = _subscriber(broker.port, received)
    until(lambda: len(set(received)) == 10)
    referee.disconnect()  # type: ignore[attr-defined]
    referee.loop_stop()  # type: ignore[attr-defined]
    broker.stop()
    assert list(dict.fromkeys(received)) == keys(10), "in order, and a repeated record has the same key"


@pytest.mark.parametrize(
    ("target", "module", "extra"), [("mqtt://broker/topic", "paho", "mqtt"), ("https://host/hook", "httpx", "webhook")]
)
def test_a_missing_package_of_a_receiver_is_one_line_with_the_command_that_installs_it(
    tiny_detector: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    target: str,
    module: str,
    extra: str,
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == module]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, module, None)
    for name in ("mqtt.broker", "sinks.mqtt", "sinks.webhook"):
        monkeypatch.delitem(sys.modules, f"stapes.runtime.live.{name}", raising=False)
    assert main(["listen", str(tiny_detector), "-", "--queue", str(tmp_path), "--to", target]) == 1
    message = capsys.readouterr().err
    assert message.startswith(f"error: this needs {module}")
    assert message.endswith(f"pip install 'stapes[{extra}]'\n")


# ---- kill -9


def _killed(target: str, folder: Path, times: int) -> int:
    command = [sys.executable, records.__file__, target, str(folder), str(times)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.slow
def test_a_database_killed_a_hundred_times_holds_every_record_that_was_acknowledged(tmp_path: Path) -> None:
    count = _killed(f"sqlite:{tmp_path}/log.sqlite", tmp_path, times=100)
    assert count >= 100
    database = sqlite3.connect(tmp_path / "log.sqlite")
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    kept = {key for (key,) in database.execute("SELECT key FROM records")}
    assert kept >= set(keys(count))
    assert len(kept) <= count + 1, "the record that was being written at the last kill may be there"


@pytest.mark.slow
def test_a_sender_killed_twenty_times_delivers_everything_in_order(tmp_path: Path) -> None:
    with _web_server(itertools.repeat(200)) as (url, accepted):
        count = _killed(url, tmp_path, times=20)
        sink = open_sink(url, Delivery(tmp_path))
        assert isinstance(sink, Outbox)
        until(lambda: sink.waiting() == 0, seconds=60)
        sink.close()
    assert list(dict.fromkeys(key for key, _ in accepted))[:count] == keys(count)


@pytest.mark.parametrize(
    ("target", "advice"),
    [
        ("mqtt://me:se/cret@broker/x", "write %2F for /"),
        ("mqtt://me:se#cret@broker/x", "%23 for #"),
        ("mqtt://me:se?cret@broker/x", "%3F for ?"),
        ("https://me:se cret@host/x", "write %20 for a space"),
        ("mqtt://me:secret@broker", "need mqtt://HOST[:PORT]/TOPIC"),
        ("mqtt://me:secret@broker/a/#", "need mqtt://HOST[:PORT]/TOPIC with a topic without"),
        ("mqtt://me:secret@broker/a/+/b", "need mqtt://HOST[:PORT]/TOPIC with a topic without"),
        ("mqtt://me:secret@broker/a?b", "need mqtt://HOST[:PORT]/TOPIC with a topic without"),
        ("mqtt://me:secret@broker:99999/x", "write mqtt://"),
        ("mqtt://me:secret@broker..local/x", "no host has this name"),
        ("http://192.168.1.300/x", "Invalid IPv4 address: '192.168.1.300'; check the address"),
        ("http://me:secret@192.168.1.300/x", "http://…@192.168.1.300/x: it cannot be used; check the address"),
        ("mqqt://me:secret@broker/x", "no such kind of target"),
    ],
)
def test_a_wrong_target_is_named_with_advice_and_without_its_password(tmp_path: Path, target: str, advice: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_sink(target, Delivery(tmp_path))
    assert advice in str(caught.value)
    assert "cret" not in str(caught.value)
