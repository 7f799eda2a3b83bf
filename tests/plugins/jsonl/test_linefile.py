from __future__ import annotations

import logging
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventd_jsonl.linefile import STEP, LineFile


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.jsonl"


@pytest.fixture
def file(path, log):
    file = LineFile(path, log)
    yield file
    file.close()


def test_what_was_appended_is_there(file, path):
    file.append(b"1\n2\n")
    file.append(b"3\n")

    assert path.read_bytes() == b"1\n2\n3\n"
    assert file.size == 6


def test_a_torn_last_line_is_cut_off_and_told(file, path, caplog):
    path.write_bytes(b'{"n":1}\n{"n":2')
    file.append(b'{"n":3}\n')

    assert path.read_bytes() == b'{"n":1}\n{"n":3}\n'
    assert "cut off 6 bytes of a line that was not finished" in caplog.text


def test_a_whole_last_line_without_its_end_gets_it(file, path):
    path.write_bytes(b'{"n":1}\n{"n":2}')
    file.append(b'{"n":3}\n')

    assert path.read_bytes() == b'{"n":1}\n{"n":2}\n{"n":3}\n'


def test_a_torn_line_longer_than_a_step_is_cut_off_whole(file, path):
    path.write_bytes(b'{"n":1}\n"' + b"x" * (3 * STEP))
    file.open()

    assert path.read_bytes() == b'{"n":1}\n'


def test_a_file_of_one_torn_line_is_empty_then(file, path):
    path.write_bytes(b'{"n"' + bytes(5000))
    file.open()

    assert path.read_bytes() == b""


@given(whole=st.lists(st.binary(max_size=20).map(lambda b: b.replace(b"\n", b"")), max_size=5), cut=st.integers(0, 120))
def test_whole_lines_survive_a_cut_anywhere(whole, cut, tmp_path_factory):
    path = tmp_path_factory.mktemp("cut") / "file"
    text = b"".join(b'"%b"\n' % line.hex().encode() for line in whole)
    path.write_bytes(text[:cut])
    file = LineFile(path, logging.getLogger("eventd.handler.jsonl"), fsync=False)
    file.open()
    file.close()
    kept = path.read_bytes()

    assert text.startswith(kept)
    assert kept == b"" or kept.endswith(b"\n")
    assert kept.count(b"\n") >= text[:cut].count(b"\n")


def test_a_file_that_was_moved_away_is_begun_anew(file, path, tmp_path):
    file.append(b"1\n")
    path.rename(tmp_path / "elsewhere")
    file.append(b"2\n")

    assert path.read_bytes() == b"2\n"
    assert (tmp_path / "elsewhere").read_bytes() == b"1\n"


def test_a_failed_sync_takes_the_batch_back(file, path, monkeypatch):
    file.append(b"1\n")

    def fail(descriptor):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fail)
        with pytest.raises(OSError, match="Input/output"):
            file.append(b"2\n")

    assert path.read_bytes() == b"1\n"
    assert file.size == 2


def test_what_could_not_be_cut_off_at_once_is_cut_off_before_the_next_batch(file, path, monkeypatch, caplog):
    file.append(b"1\n")

    def fail(*arguments):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fail)
        patch.setattr(os, "ftruncate", fail)
        with pytest.raises(OSError, match="Input/output"):
            file.append(b"2\n")
    file.append(b"3\n")

    assert path.read_bytes() == b"1\n3\n"
    assert "cannot be cut off yet" in caplog.text


def test_a_directory_that_is_gone_raises_and_costs_no_descriptor(tmp_path, log):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with pytest.raises(FileNotFoundError):
            LineFile(tmp_path / "gone" / "file", log).append(b"1\n")

    assert len(os.listdir("/proc/self/fd")) == before


def test_others_cannot_read_it(file, path):
    file.append(b"1\n")

    assert path.stat().st_mode & 0o007 == 0
