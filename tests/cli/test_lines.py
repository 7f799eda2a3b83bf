"""Lines of JSON to events, and how they get to a daemon that runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventd.cli.lines import BATCH, MOST_REFUSED, Line, Reader
from tests.support.daemon import DaemonProcess

WHOLE = b'{"specversion":"1.0","id":"1","source":"/s","type":"a","time":"2026-01-01T00:00:00Z","data":1.10}'


def read(*lines: bytes, type: str | None = None, **attributes: str) -> tuple[list[Line], list[int]]:
    """The events, and the numbers of lines that are none."""
    refused: list[int] = []
    reader = Reader(type, attributes, "/me", lambda number, why: refused.append(number))
    return list(reader.events(lines)), refused


def test_a_whole_event_goes_as_it_is_written() -> None:
    assert read(WHOLE + b"\n") == ([Line(1, WHOLE)], [])


def test_what_an_event_lacks_is_filled_in() -> None:
    [line], _ = read(b'{"type": "a", "data": {"n": 1.10}}')
    event = json.loads(line.event)

    assert (event["specversion"], event["source"], event["type"]) == ("1.0", "/me", "a")
    assert event["id"]
    assert event["time"].endswith("Z")
    assert b'"data":{"n": 1.10}' in line.event


def test_the_offset_of_another_journal_is_left_behind() -> None:
    [line], _ = read(WHOLE[:-1] + b',"eventdoffset":7}')

    assert json.loads(line.event) == json.loads(WHOLE)


def test_with_a_type_a_line_is_the_payload() -> None:
    [line], _ = read(b' {"n": 1.10} ', type="a.b", subject="me")
    event = json.loads(line.event)

    assert (event["type"], event["subject"], event["source"]) == ("a.b", "me", "/me")
    assert line.event.endswith(b'"data":{"n": 1.10}}')


def test_blank_lines_count_and_are_passed_over() -> None:
    lines, refused = read(b"\n", b"  \r\n", WHOLE)

    assert ([line.number for line in lines], refused) == ([3], [])


@pytest.mark.parametrize("line", [b"nope", b"[]", b"1", b'{"a"', b"{} {}", b"\xff", b"[" * 100_000])
def test_a_line_that_is_none_is_told_and_the_next_one_read(line: bytes) -> None:
    lines, refused = read(line, WHOLE)

    assert ([line.number for line in lines], refused) == ([2], [1])


@given(st.lists(st.binary(max_size=60), max_size=20), st.sampled_from([None, "a.b"]))
def test_any_bytes_are_an_event_or_refused_or_blank(lines: list[bytes], type: str | None) -> None:
    found, refused = read(*lines, type=type)
    blank = [number for number, line in enumerate(lines, 1) if not line.strip()]

    assert sorted([line.number for line in found] + refused + blank) == list(range(1, len(lines) + 1))


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    with DaemonProcess(tmp_path_factory.mktemp("lines")) as daemon:
        yield daemon


def written(*events: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def test_a_file_is_stored_in_its_order(live: DaemonProcess, tmp_path: Path) -> None:
    file = tmp_path / "events"
    file.write_bytes(written(*({"type": "file.line", "data": number} for number in range(3 * BATCH + 1))))

    done = live.run("send", "--lines", str(file))

    assert (done.returncode, done.stderr) == (0, b"1,501 events are durable\n")
    assert [event["data"] for event in live.events("file.>")] == list(range(3 * BATCH + 1))


def test_a_wrong_line_costs_nobody_but_itself(live: DaemonProcess) -> None:
    lines = written(*({"type": "wrong.line", "data": number} for number in range(5))).splitlines(keepends=True)
    lines[1] = b"nope\n"
    lines[3] = b'{"type": "wrong.line", "time": "yesterday"}\n'

    done = live.run("send", "--lines", stdin=b"".join(lines))

    assert done.returncode == 1
    assert b"line 2: not an event" in done.stderr
    assert b"line 4: time" in done.stderr
    assert b"3 events are durable\n2 lines were refused\n" in done.stderr
    assert [event["data"] for event in live.events("wrong.>")] == [0, 2, 4]


def test_a_file_that_is_something_else_is_given_up(live: DaemonProcess) -> None:
    done = live.run("send", "--lines", stdin=b"nope\n" * 100_000)

    assert done.returncode == 1
    assert done.stderr.count(b"not an event") == MOST_REFUSED
    assert b"100 lines were refused" in done.stderr


def test_what_tail_prints_can_be_sent_again(live: DaemonProcess) -> None:
    live.run("send", "again.one", "--data", "1", "--id", "x")
    printed = live.run("tail", "again.>", "--from", "earliest", "--no-follow").stdout

    assert live.run("send", "--lines", stdin=printed).returncode == 0
    assert [(event["id"], event["data"]) for event in live.events("again.>")] == [("x", 1)] * 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), b"Missing argument 'TYPE'"),
        (("--lines", "--data", "1"), b"for one event, not for lines"),
        (("--lines", "/nowhere/at/all"), b"No such file"),
    ],
)
def test_wrong_usage_is_told(live: DaemonProcess, arguments: tuple[str, ...], told: bytes) -> None:
    done = live.run("send", *arguments)

    assert done.returncode == 2
    assert told in done.stderr
