"""What handlers keep can be read by any thread, key by key and in ranges."""

from __future__ import annotations

import string
import threading
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventd.errors import JournalUnavailable
from eventd.journal import StateStore, Unit
from eventd.journal.connection import connect
from eventd.journal.state import Questions, _behind
from tests.journal.support import InlineJournal, on_hub, opened
from tests.journal.test_journal import commit

NAME = "handler:h"
KEYS = ["", "a", "a/1", "a/2", "a/é", "a0", "b", "\ud7ff", "\ue000", "\U0010ffff", "\U0010ffffa", "\0"]


class Native(Questions):
    """Asks as a native thread does."""

    def __init__(self, journal: InlineJournal) -> None:
        super().__init__(partial(connect, str(journal.path), writable=False))

    def ask(self, question):  # type: ignore[no-untyped-def]
        return self._native.ask(question)


@pytest.fixture
def store(tmp_path: Path):  # type: ignore[no-untyped-def]
    journal = InlineJournal(tmp_path)
    journal.commit(Unit(state={NAME: {key: key.encode() for key in KEYS}, "handler:other": {"a": b"x"}}))
    questions = Native(journal)
    yield StateStore(NAME, questions)
    questions.close()
    journal.close()


def test_keys_are_found_one_by_one(store: StateStore) -> None:
    assert store.get("a/é") == "a/é".encode()
    assert store.get("missing") is None
    assert store.get_many(["a", "missing", ""]) == {"a": b"a", "": b""}


def test_ranges_are_in_the_order_of_the_keys(store: StateStore) -> None:
    assert store.range() == [(key, key.encode()) for key in sorted(KEYS)]
    assert [key for key, _ in store.range("a/")] == ["a/1", "a/2", "a/é"]
    assert [key for key, _ in store.range(start="a/2", end="b")] == ["a/2", "a/é", "a0"]
    assert [key for key, _ in store.range("a/", start="a/2", end="c")] == ["a/2", "a/é"]
    assert [key for key, _ in store.range(limit=2)] == ["", "\0"]
    assert [key for key, _ in store.range("\ud7ff")] == ["\ud7ff"]
    assert [key for key, _ in store.range("\U0010ffff")] == ["\U0010ffff", "\U0010ffffa"]


def test_pages_end_at_a_number_of_keys_or_bytes_and_tell_of_more(store: StateStore) -> None:
    def page(limit: int, size: int, start: str | None = None) -> tuple[list[str], bool]:
        pairs, more = store.page("a", start=start, end=None, limit=limit, size=size)
        assert [key.encode() for key, _ in pairs] == [value for _, value in pairs]
        return [key for key, _ in pairs], more

    assert page(2, 1000) == (["a", "a/1"], True)
    assert page(5, 1000) == (["a", "a/1", "a/2", "a/é", "a0"], False)
    assert page(5, 8) == (["a", "a/1"], True)
    assert page(5, 1, "a/é\0") == (["a0"], False)
    assert page(5, 1, "b") == ([], False)


def test_counting_is_by_the_same_bounds(store: StateStore) -> None:
    assert (store.count(), store.count("a"), store.count("a/"), store.count("z")) == (len(KEYS), 5, 3, 0)
    assert store.count(start="a/2", end="b") == 3


EDGES = "\ud7ff\ue000\U0010ffff" + string.ascii_letters
TEXT = st.text(st.characters(exclude_categories=("Cs",)) | st.sampled_from(EDGES))


@given(prefix=TEXT, rest=TEXT, other=TEXT)
def test_nothing_with_a_prefix_is_behind_its_end(prefix: str, rest: str, other: str) -> None:
    end = _behind(prefix)

    assert end is None or prefix + rest < end
    assert (prefix <= other and (end is None or other < end)) == other.startswith(prefix)


def test_green_and_native_threads_see_what_is_committed(tmp_path: Path) -> None:
    def main() -> None:
        with opened(tmp_path) as journal:
            store = journal.state(NAME)
            assert store.get("k") is None
            commit(journal, Unit(state={NAME: {"k": b"1"}}))
            assert store.get("k") == b"1"
            found: list[bytes | None] = []
            threads = [threading.Thread(target=lambda: found.append(store.get("k"))) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert found == [b"1"] * 4
        with pytest.raises(JournalUnavailable):
            store.get("k")

    on_hub(main)
