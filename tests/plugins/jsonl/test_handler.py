from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import textwrap

import msgspec
import pytest

from eventd import UNSET, Batch, Event
from eventd_jsonl import JsonLines
from tests.support.wait import until


def test_each_event_is_one_line_of_cloudevents_json(jsonl, tmp_path):
    events = [
        Event("com.example.a", {"text": "line\nbreak \u2028 é"}, id="1", source="/s", subject="x"),
        Event("com.example.b", b"\x00\xff", id="2", source="/s"),
        Event("com.example.c", UNSET, id="3", source="/s"),
    ]
    jsonl().handle(Batch.of(events))
    lines = (tmp_path / "events.jsonl").read_bytes().split(b"\n")

    assert [msgspec.json.decode(line) for line in lines[:-1]] == [
        {
            "specversion": "1.0",
            "type": "com.example.a",
            "id": "1",
            "source": "/s",
            "subject": "x",
            "data": {"text": "line\nbreak \u2028 é"},
        },
        {"specversion": "1.0", "type": "com.example.b", "id": "2", "source": "/s", "data_base64": "AP8="},
        {"specversion": "1.0", "type": "com.example.c", "id": "3", "source": "/s"},
    ]
    assert lines[-1] == b""


def test_a_batch_is_synced_once(jsonl, batch, monkeypatch):
    handler, synced = jsonl(), []
    sync = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda descriptor: synced.append(sync(descriptor)))
    handler.handle(batch(1000))

    assert len(synced) == 1


def test_only_wanted_types_are_written(jsonl, batch, numbers):
    handler = jsonl(types=("com.example.*", "org.>"))
    for n, type in enumerate(("com.example.a", "com.example.a.b", "org.a.b", "net.a")):
        handler.handle(batch(1, first=n, type=type))

    assert numbers() == [0, 2]


def test_an_event_that_cannot_be_written_fails_alone(jsonl, batch, numbers, monkeypatch):
    events = batch(3)

    def write(event):
        if event.id == "1":
            raise TypeError("no JSON for it")
        return msgspec.json.encode({"data": event.data})

    monkeypatch.setattr("eventd_jsonl.handler.write", write)
    jsonl().handle(events)

    assert list(events.failures) == [1]
    assert numbers() == [0, 2]


def test_it_goes_on_where_it_stopped(jsonl, batch, numbers):
    for first in (0, 2):
        handler = jsonl()
        handler.handle(batch(2, first))
        handler.stop()

    assert numbers() == [0, 1, 2, 3]


def test_a_new_file_begins_before_one_would_be_too_large(jsonl, batch, numbers, tmp_path):
    handler = jsonl(rotate_size=1000)
    for first in range(0, 60, 3):
        handler.handle(batch(3, first))

    assert numbers() == list(range(60))
    assert len(list(tmp_path.glob("events-*.jsonl.gz"))) > 3
    assert (tmp_path / "events.jsonl").stat().st_size <= 1000


def test_a_batch_larger_than_a_file_gets_a_file_of_its_own(jsonl, batch, numbers, tmp_path):
    handler = jsonl(rotate_size=100)
    handler.handle(batch(10))
    handler.handle(batch(10, 10))

    assert numbers() == list(range(20))
    assert len(list(tmp_path.glob("events-*"))) == 1


def test_a_new_file_begins_when_the_span_of_time_is_over(jsonl, batch, numbers, tmp_path):
    handler = jsonl(rotate_age=3600)
    handler.handle(batch(1))
    handler.handle(batch(1, 1))
    assert list(tmp_path.glob("events-*")) == []

    hour_ago = (tmp_path / "events.jsonl").stat().st_mtime - 3600
    os.utime(tmp_path / "events.jsonl", (hour_ago, hour_ago))
    handler.handle(batch(1, 2))

    assert len(list(tmp_path.glob("events-*"))) == 1
    assert numbers() == [0, 1, 2]


def test_neither_size_nor_age_begins_a_new_file_where_both_are_0(jsonl, batch, tmp_path):
    handler = jsonl(rotate_size=0, rotate_age=0)
    handler.handle(batch(100))
    os.utime(tmp_path / "events.jsonl", (0, 0))
    handler.handle(batch(100))

    assert [path.name for path in tmp_path.glob("*.jsonl*")] == ["events.jsonl"]


def test_only_so_many_finished_files_are_kept(jsonl, batch, numbers, tmp_path):
    handler = jsonl(rotate_size=1, keep=2)
    for n in range(6):
        handler.handle(batch(1, n))

    assert numbers() == [3, 4, 5]


def test_a_file_that_cannot_be_renamed_goes_on(jsonl, batch, numbers, monkeypatch, caplog):
    handler = jsonl(rotate_size=1)
    handler.handle(batch(1))

    def refuse(old, new):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", refuse)
        handler.handle(batch(1, 1))
    handler.handle(batch(1, 2))

    assert numbers() == [0, 1, 2]
    assert "goes on, since it cannot be renamed: No space left" in caplog.text


def test_a_full_disk_raises_and_leaves_whole_lines(jsonl, batch, numbers, tmp_path):
    handler = jsonl()
    handler.handle(batch(3))
    before = (tmp_path / "events.jsonl").stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The limit stands for the full disk: a part of the batch is written, then the system refuses.
    resource.setrlimit(resource.RLIMIT_FSIZE, (before + 200, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            handler.handle(batch(100, 3))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert (tmp_path / "events.jsonl").stat().st_size == before
    handler.handle(batch(100, 3))
    assert numbers() == list(range(103))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_really_full_disk_raises_and_recovers(jsonl, batch, numbers, tmp_path):
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this machine does not let us mount a small disk")
    try:
        handler = jsonl()
        handler.handle(batch(3))
        (tmp_path / "ballast").write_bytes(bytes(48 * 1024))
        with pytest.raises(OSError, match="No space left"):
            handler.handle(batch(500, 3))
        assert numbers() == [0, 1, 2]

        (tmp_path / "ballast").unlink()
        handler.handle(batch(500, 3))
        assert numbers() == list(range(503))
        handler.stop()
    finally:
        subprocess.run(["umount", "-l", tmp_path], check=True)


def test_two_processes_cannot_write_to_one_file(jsonl, tmp_path, log):
    jsonl()
    second = JsonLines(JsonLines.Config(), log, tmp_path)

    with pytest.raises(BlockingIOError, match="another process writes to"):
        second.start()


def test_the_directory_is_the_configured_one_and_is_made(jsonl, batch, tmp_path):
    jsonl(directory=str(tmp_path / "a" / "b"), name="readings").handle(batch(1))

    assert (tmp_path / "a" / "b" / "readings.jsonl").stat().st_size > 0


@pytest.mark.parametrize(
    "keys",
    [{"name": ""}, {"name": "a/b"}, {"name": ".."}, {"keep": -1}, {"rotate_size": -1}, {"types": ("a..b",)}],
)
def test_keys_that_make_no_sense_are_refused(keys):
    with pytest.raises(ValueError):
        JsonLines.Config(**keys)


WRITER = textwrap.dedent("""
    import logging, pathlib, sys
    from eventd import Batch, Event
    from eventd_jsonl import JsonLines

    handler = JsonLines(JsonLines.Config(rotate_size=20000), logging.getLogger(), pathlib.Path(sys.argv[1]))
    handler.start()
    n = int(sys.argv[2])
    while True:
        handler.handle(Batch.of([Event("t", {"n": n + k}, id=str(n + k), source="/s") for k in range(50)]))
        n += 50
        print(n, flush=True)
""")


def test_a_killed_process_leaves_whole_lines_and_all_that_counted_as_handled(jsonl, numbers, tmp_path):
    told = 0
    for _ in range(8):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        command = [sys.executable, "-c", WRITER, str(tmp_path), str(told)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as writer:
            lines = [until(writer.stdout.readline, what="a batch of the writer") for _ in range(15)]
            writer.send_signal(signal.SIGKILL)
            lines += writer.stdout.readlines()
        told = int([line for line in lines if line.endswith("\n")][-1])

    jsonl(rotate_size=20000).stop()
    found = numbers()
    assert set(range(told)) <= set(found)
    assert found[:50] == list(range(50))
