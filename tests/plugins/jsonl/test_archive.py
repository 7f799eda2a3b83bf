from __future__ import annotations

import gzip
import time

import pytest

from eventd_jsonl.archive import Archive

NAME = "events-20260131T235959.123456Z.jsonl"


@pytest.fixture
def archive(tmp_path, log):
    def make(keep=0, compress=True):
        return Archive(tmp_path, "events", log, keep=keep, compress=compress)

    return make


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def test_a_finished_file_is_named_by_time_and_compressed(archive, tmp_path):
    (tmp_path / "events.jsonl").write_bytes(b"1\n")
    taken = archive().take(tmp_path / "events.jsonl")
    archive().tidy()

    assert names(tmp_path) == [taken.name + ".gz"]
    assert taken.name.startswith(time.strftime("events-%Y%m", time.gmtime()))
    assert gzip.decompress((tmp_path / (taken.name + ".gz")).read_bytes()) == b"1\n"


def test_names_never_meet_even_when_the_clock_stands(archive, tmp_path, monkeypatch):
    monkeypatch.setattr("eventd_jsonl.archive.time.time_ns", lambda: 1769903999123456000)
    for n in range(3):
        (tmp_path / "events.jsonl").write_text(f"{n}\n")
        archive().take(tmp_path / "events.jsonl")
        archive().tidy()

    texts = [gzip.decompress(path.read_bytes()) for path in archive().files()]
    assert texts == [b"0\n", b"1\n", b"2\n"]


def test_a_compression_that_was_cut_short_is_done_again(archive, tmp_path):
    (tmp_path / NAME).write_bytes(b"1\n")
    (tmp_path / f"{NAME}.gz.part").write_bytes(b"half")
    archive().tidy()

    assert names(tmp_path) == [NAME + ".gz"]
    assert gzip.decompress((tmp_path / f"{NAME}.gz").read_bytes()) == b"1\n"


def test_a_file_that_is_there_plain_and_compressed_is_there_once_then(archive, tmp_path):
    (tmp_path / NAME).write_bytes(b"1\n")
    (tmp_path / f"{NAME}.gz").write_bytes(gzip.compress(b"1\n"))
    archive().tidy()

    assert names(tmp_path) == [NAME + ".gz"]


def test_a_full_disk_while_compressing_keeps_the_plain_file(archive, tmp_path, monkeypatch, caplog):
    (tmp_path / NAME).write_bytes(b"1\n")

    def full(source, target, step):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("eventd_jsonl.archive.shutil.copyfileobj", full)
        archive().tidy()

    assert names(tmp_path) == [NAME]
    assert "cannot be compressed: No space left on device" in caplog.text
    archive().tidy()
    assert names(tmp_path) == [NAME + ".gz"]


def test_the_oldest_go_compressed_or_not(archive, tmp_path):
    for day in range(1, 6):
        (tmp_path / f"events-2026010{day}T000000.000000Z.jsonl{'.gz' if day % 2 else ''}").write_bytes(b"")
    archive(keep=2, compress=False).tidy()

    assert names(tmp_path) == ["events-20260104T000000.000000Z.jsonl", "events-20260105T000000.000000Z.jsonl.gz"]


def test_files_of_others_are_left_alone(archive, tmp_path):
    others = ["events-important.jsonl", "events-other-20260131T235959.123456Z.jsonl", "events.jsonl", "notes.gz"]
    for name in others:
        (tmp_path / name).write_bytes(b"")
    (tmp_path / NAME).write_bytes(b"")
    (tmp_path / NAME.replace("2026", "2027")).write_bytes(b"")
    archive(keep=1).tidy()

    assert names(tmp_path) == sorted([*others, NAME.replace("2026", "2027") + ".gz"])
